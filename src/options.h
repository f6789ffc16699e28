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

#include "access/xlogdefs.h"
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
	NOVA_DELETE_TO_TOMBSTONE,      /* a real tombstone only */
	NOVA_DELETE_NULL_TOMBSTONE     /* the four bytes "null", then the tombstone */
} NovaDeleteMode;

typedef enum NovaTimeMode
{
	NOVA_TIME_NOVA, /* timestamps in ms, dates and times ISO 8601 */
	NOVA_TIME_ADAPTIVE,
	NOVA_TIME_ADAPTIVE_MICROSECONDS,
	NOVA_TIME_CONNECT,
	NOVA_TIME_ISOSTRING,
	NOVA_TIME_MICROSECONDS,
	NOVA_TIME_NANOSECONDS,
	NOVA_TIME_STRUCTURED
} NovaTimeMode;

typedef enum NovaDecimalMode
{
	NOVA_DECIMAL_NUMBER, /* exact JSON numbers */
	NOVA_DECIMAL_PRECISE,
	NOVA_DECIMAL_DOUBLE,
	NOVA_DECIMAL_STRING
} NovaDecimalMode;

/* What keys do with a form of values that a key converter may set apart. */
typedef enum NovaKeyForm
{
	NOVA_KEY_AS_VALUE,
	NOVA_KEY_OFF,
	NOVA_KEY_ON
} NovaKeyForm;

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

/* schema.name.adjustment.mode, field.name.adjustment.mode */
typedef enum NovaNameMode
{
	NOVA_NAMES_NONE,
	NOVA_NAMES_AVRO,
	NOVA_NAMES_AVRO_UNICODE
} NovaNameMode;

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

/* What becomes of a column's values; of several rules the first kind wins. */
typedef enum NovaMaskKind
{
	NOVA_MASK_TRUNCATE, /* the first characters */
	NOVA_MASK_CHARS,    /* asterisks */
	NOVA_MASK_HASH,     /* a digest of the value as Java serializes it */
	NOVA_MASK_HASH_V2,  /* a digest of the value */
	NOVA_MASK_KINDS
} NovaMaskKind;

/* In the order of the words in options.c. */
typedef enum NovaHash
{
	NOVA_HASH_MD5,
	NOVA_HASH_SHA1,
	NOVA_HASH_SHA224,
	NOVA_HASH_SHA256,
	NOVA_HASH_SHA384,
	NOVA_HASH_SHA512
} NovaHash;

/* For columns whose schema.table.column matches. */
typedef struct NovaMaskRule
{
	NovaMaskKind kind;
	text *columns; /* anchored */
	int chars;     /* of the first two kinds */
	NovaHash hash; /* of the others */
	char *salt;    /* a secret */
	int salt_len;
} NovaMaskRule;

typedef struct NovaMasks
{
	char *shown; /* the option's text without the salts */
	int n;
	NovaMaskRule *rules;
} NovaMasks;

/* An item of publication.names. */
typedef struct NovaPublicationName
{
	char *name;
	bool missing_told; /* that it does not exist */
} NovaPublicationName;

typedef struct NovaStep NovaStep;

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
	char *transforms;
	char *outbox_id;
	char *outbox_key;
	char *outbox_payload;
	char *outbox_timestamp;
	char *outbox_route;
	char *outbox_placement;
	bool outbox_expand;
	int outbox_keep_nulls; /* 1: nulls of an expanded payload stay */
	int outbox_keep_empty; /* 1: its empty arrays stay */
	bool outbox_tombstone;
	NovaRegexes *schema_include;
	NovaRegexes *schema_exclude;
	NovaRegexes *table_include;
	NovaRegexes *table_exclude;
	bool via_root;
	char *add_fields;
	char *add_fields_prefix;
	char *add_headers;
	char *add_headers_prefix;
	bool context_headers;
	char *run_id;
	bool transactions; /* their metadata */
	char *transaction_topic;
	NovaRegexes *message_include;
	NovaRegexes *message_exclude;
	bool tombstones;
	char *skipped_operations;
	char *placeholder;
	int unavailable; /* NovaUnavailable */
	int batch_bytes;
	bool batch_hold;
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
	int key_decimal_numeric; /* NovaKeyForm */
	int key_replace_null;    /* NovaKeyForm */
	NovaRegexes *column_include;
	NovaRegexes *column_exclude;
	char *key_columns;
	char *signal_table; /* schema.table, or empty */
	NovaMasks *masks[NOVA_MASK_KINDS];
	bool skip_unchanged;
	bool key_schemas;
	bool value_schemas;
	NovaRegexes *propagate_columns;
	NovaRegexes *propagate_types;
	int schema_names; /* NovaNameMode */
	int field_names;  /* NovaNameMode */
	char *publication_names;
	char *guarded_lsns;
	int stats_interval; /* ms; 0: no STATS, no UNCHANGED */

	/* derived from them */
	NovaStep *steps; /* of transforms, or the one of topic.regex */
	int nsteps;
	bool unwraps;                     /* one of them is unwrap */
	struct NovaPlacement *placements; /* of outbox.additional.placement */
	int nplacements;
	char *placeholder_json;
	char skipped[5];            /* the skipped ops, e.g. "t" */
	struct NovaFields *fields;  /* of add.fields */
	struct NovaFields *headers; /* of add.headers; fields.h has both */
	List *publications;         /* of NovaPublicationName */
	XLogRecPtr *guarded;        /* of guarded.lsns */
	int nguarded;
} NovaOptions;

/* Is that operation skipped?  Mostly one letter or none: a call would cost more. */
static inline bool
nova_is_skipped(const NovaOptions *options, char op)
{
	for (const char *p = options->skipped; *p; p++)
		if (*p == op)
			return true;
	return false;
}

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

/* The rule for that column, or NULL. */
extern const NovaMaskRule *nova_mask_rule(const NovaOptions *options, const char *column);

/* The pattern of a whole name, checked; an ERROR names the option.  groups: how many it has. */
extern text *nova_option_pattern(const char *option, const char *re, int *groups);

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
