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
#include "utils/array.h"

typedef enum NovaOutput
{
	NOVA_OUTPUT_AUTO, /* frames to a walsender, text through SQL */
	NOVA_OUTPUT_FRAMES,
	NOVA_OUTPUT_TEXT
} NovaOutput;

/* The profile sets the defaults of the modes below it. */
typedef enum NovaProfile
{
	NOVA_PROFILE_NOVA,
	NOVA_PROFILE_DEBEZIUM
} NovaProfile;

typedef enum NovaFormat
{
	NOVA_FORMAT_FLAT,
	NOVA_FORMAT_ENVELOPE
} NovaFormat;

/* What a delete becomes in flat records. */
typedef enum NovaDeleteMode
{
	NOVA_DELETE_RECORD,            /* the known old columns, then the tombstone */
	NOVA_DELETE_DROP,              /* nothing */
	NOVA_DELETE_TOMBSTONE,         /* the four bytes "null" */
	NOVA_DELETE_REWRITE,           /* the old row with "__deleted":"true" */
	NOVA_DELETE_REWRITE_TOMBSTONE, /* the same, then the tombstone */
	NOVA_DELETE_TO_TOMBSTONE       /* a real tombstone only */
} NovaDeleteMode;

typedef enum NovaTimeMode
{
	NOVA_TIME_NOVA, /* timestamps in ms, dates and times ISO 8601 */
	NOVA_TIME_ADAPTIVE,
	NOVA_TIME_ADAPTIVE_MICROSECONDS,
	NOVA_TIME_CONNECT,
	NOVA_TIME_ISOSTRING,
	NOVA_TIME_MICROSECONDS,
	NOVA_TIME_NANOSECONDS
} NovaTimeMode;

typedef enum NovaDecimalMode
{
	NOVA_DECIMAL_NUMBER, /* exact JSON numbers */
	NOVA_DECIMAL_PRECISE,
	NOVA_DECIMAL_DOUBLE,
	NOVA_DECIMAL_STRING
} NovaDecimalMode;

typedef enum NovaBinaryMode
{
	NOVA_BINARY_BYTES, /* base64, as Kafka Connect's JSON converter writes bytes */
	NOVA_BINARY_BASE64,
	NOVA_BINARY_BASE64_URL,
	NOVA_BINARY_HEX
} NovaBinaryMode;

typedef enum NovaIntervalMode
{
	NOVA_INTERVAL_TEXT, /* as PostgreSQL prints it */
	NOVA_INTERVAL_NUMERIC,
	NOVA_INTERVAL_STRING
} NovaIntervalMode;

typedef enum NovaHstoreMode
{
	NOVA_HSTORE_MAP,
	NOVA_HSTORE_JSON
} NovaHstoreMode;

typedef enum NovaJsonMode
{
	NOVA_JSON_NESTED,
	NOVA_JSON_TEXT
} NovaJsonMode;

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

/*
 * A list of regular expressions as Debezium has them: each must match the whole
 * name, ignoring case.  given is the option's text.
 */
typedef struct NovaRegexes
{
	char *given;
	int n;
	text **items; /* anchored */
} NovaRegexes;

typedef struct NovaOptions
{
	/* as given: the table fills these by offset */
	int profile;     /* NovaProfile */
	int format;      /* NovaFormat */
	int delete_mode; /* NovaDeleteMode */
	int output;      /* NovaOutput */
	char *topic_prefix;
	char *topic_regex;
	char *topic_replacement;
	NovaRegexes *schema_include;
	NovaRegexes *schema_exclude;
	NovaRegexes *table_include;
	NovaRegexes *table_exclude;
	bool via_root;
	char *add_fields;
	char *add_fields_prefix;
	bool tombstones;
	char *skipped_operations;
	char *placeholder;
	int unavailable; /* NovaUnavailable */
	int batch_bytes;
	int time_mode;     /* NovaTimeMode */
	int decimal_mode;  /* NovaDecimalMode */
	int binary_mode;   /* NovaBinaryMode */
	int interval_mode; /* NovaIntervalMode */
	int hstore_mode;   /* NovaHstoreMode */
	int json_mode;     /* NovaJsonMode */
	int money_digits;
	int decimal_numeric; /* 1: "precise" is a JSON number */
	bool include_unknown;
	bool replace_null;
	NovaRegexes *column_include;
	NovaRegexes *column_exclude;
	char *key_columns;

	/* derived from them */
	text *topic_pattern; /* topic_regex, anchored; NULL if there is none */
	int topic_groups;    /* its groups */
	char *placeholder_json;
	char skipped[5]; /* the skipped ops, e.g. "t" */
	NovaField *fields;
	int nfields;
	bool fields_per_row; /* some field differs between rows of a txn */
} NovaOptions;

extern NovaOptions *nova_options_parse(List *deflist);

/* '{"topic.prefix=cdc"}' as the list that the replication grammar makes. */
extern List *nova_options_list(ArrayType *array);

/* The effective options as a JSON object, for HELLO. */
extern void nova_options_json(StringInfo buf, const NovaOptions *options);

/* A list of a setting of that name, as if it were an option. */
extern NovaRegexes *nova_regexes_parse(const char *name, const char *value);

/* Does one of the list match s? */
extern bool nova_regexes_match(const NovaRegexes *list, const char *s);

/* Is s let through by the two lists, of which at most one has items? */
extern bool nova_lists_pass(const NovaRegexes *include, const NovaRegexes *exclude, const char *s);

/* One regular expression in the same manner: the whole of s, ignoring case. */
extern bool nova_regex_matches(const char *re, const char *s);

/* One row of the table, as SQL shows it. */
typedef struct NovaOptionInfo
{
	const char *name;
	const char *type;
	const char *standard; /* the default */
	const char *debezium; /* that of profile debezium if it is another, else NULL */
	const char *valid;
	const char *help;
} NovaOptionInfo;

/* The i-th option; false past the end. */
extern bool nova_option_info(int i, NovaOptionInfo *info);

#endif /* NOVA_OPTIONS_H */
