/*-------------------------------------------------------------------------
 *
 * options.h
 *		The plugin's options: one table to parse, validate, print and document.
 *
 * nova_options_parse() turns the list from START_REPLICATION or the SQL
 * functions into NovaOptions, allocated in the current memory context.  A name
 * that is not in the table, a name given twice or a bad value is an ERROR that
 * says what is valid.  To add an option, add a row to the table in options.c
 * and a member here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_OPTIONS_H
#define NOVA_OPTIONS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef enum NovaOutput
{
	NOVA_OUTPUT_AUTO, /* frames to a walsender, text through SQL */
	NOVA_OUTPUT_FRAMES,
	NOVA_OUTPUT_TEXT
} NovaOutput;

typedef enum NovaUnavailable
{
	NOVA_UNAVAILABLE_PLACEHOLDER,
	NOVA_UNAVAILABLE_OMIT
} NovaUnavailable;

/* What a field of add.fields shows. */
typedef enum NovaFieldKind
{
	NOVA_FIELD_OP,
	NOVA_FIELD_TS_MS,
	NOVA_FIELD_TS_US,
	NOVA_FIELD_TS_NS,
	NOVA_FIELD_DB,
	NOVA_FIELD_SCHEMA,
	NOVA_FIELD_TABLE,
	NOVA_FIELD_TXID,
	NOVA_FIELD_LSN,
	NOVA_FIELD_NAME,
	NOVA_FIELD_CONNECTOR,
	NOVA_FIELD_VERSION,
	NOVA_FIELD_SNAPSHOT
} NovaFieldKind;

typedef struct NovaField
{
	NovaFieldKind kind;
	char *prefix; /* `,"__op":` */
	int prefix_len;
} NovaField;

typedef struct NovaOptions
{
	/* as given: the table fills these by offset */
	int output; /* NovaOutput */
	char *topic_prefix;
	char *topic_regex;
	char *topic_replacement;
	char *schema_include;
	char *schema_exclude;
	char *table_include;
	char *table_exclude;
	bool via_root;
	char *add_fields;
	char *add_fields_prefix;
	bool tombstones;
	char *skipped_operations;
	char *placeholder;
	int unavailable; /* NovaUnavailable */
	int batch_bytes;

	/* derived from them */
	char skipped[5]; /* the skipped ops, e.g. "t" */
	NovaField *fields;
	int nfields;
	bool fields_per_row; /* some field differs between rows of a txn */
} NovaOptions;

extern NovaOptions *nova_options_parse(List *deflist);

/* The effective options as a JSON object, for HELLO. */
extern void nova_options_json(StringInfo buf, const NovaOptions *options);

/* Does an anchored, case-insensitive list of regular expressions match s? */
extern bool nova_list_matches(const char *list, const char *s);

/* One row of the table, as SQL shows it. */
typedef struct NovaOptionInfo
{
	const char *name;
	const char *type;
	const char *standard; /* the default */
	const char *valid;
	const char *help;
} NovaOptionInfo;

/* The i-th option; false past the end. */
extern bool nova_option_info(int i, NovaOptionInfo *info);

#endif /* NOVA_OPTIONS_H */
