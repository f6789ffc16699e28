/*-------------------------------------------------------------------------
 *
 * options.c
 *		The plugin's options; see options.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "fields.h"
#include "json.h"
#include "options.h"
#include "outbox.h"
#include "transform.h"

typedef enum OptionType
{
	OPTION_BOOL,
	OPTION_INT,
	OPTION_ENUM, /* min..max number the words of valid */
	OPTION_STRING,
	OPTION_REGEX,      /* one regular expression */
	OPTION_REGEX_LIST, /* comma-separated, anchored, ignoring case */
	OPTION_MASKS       /* the same, each after what to do; min is the kind */
} OptionType;

static const char *const option_types[] = {"boolean", "integer",    "enum",     "string",
										   "regex",   "regex list", "mask list"};

/* Longer values are not cut, longer masks say no more. */
#define MASK_CHARS_MAX 10000000

#define HASHES         "MD5|SHA-1|SHA-224|SHA-256|SHA-384|SHA-512"

typedef struct OptionRow
{
	const char *name;
	OptionType type;
	const char *standard;
	const char *debezium; /* the default of that profile, if it is another */
	int min;
	int max;
	const char *words; /* of an enum, separated by '|' */
	size_t offset;
	const char *help;
} OptionRow;

#define AT(member) offsetof(NovaOptions, member)

static const OptionRow option_table[] = {
	/* first, because the defaults of others depend on it */
	{"profile", OPTION_ENUM, "nova", NULL, 0, 0, "nova|debezium", AT(profile),
	 "Sets the defaults of the options about values: what a JSON consumer wants, or what Debezium "
	 "writes."},
	{"format", OPTION_ENUM, "flat", NULL, 0, 0, "flat|envelope", AT(format),
	 "Flat rows with added fields, or Debezium's envelope of before, after, source and op."},
	{"output", OPTION_ENUM, "auto", NULL, 0, 0, "auto|frames|text", AT(output),
	 "Frames for nova-relay, or one JSON line per record for people; auto is frames on the "
	 "replication protocol and by nova.stream(), and text through other functions of SQL."},
	{"topic.prefix", OPTION_STRING, "", NULL, 0, 0, NULL, AT(topic_prefix),
	 "First part of every topic name: <topic.prefix>.<schema>.<table>."},
	{"topic.regex", OPTION_REGEX, "", NULL, 0, 0, NULL, AT(topic_regex),
	 "If it matches the whole topic name, topic.replacement takes the name's place "
	 "(RegexRouter)."},
	{"topic.replacement", OPTION_STRING, "", NULL, 0, 0, NULL, AT(topic_replacement),
	 "The new topic name; $1 to $99 stand for groups of topic.regex, \\$ for a dollar sign."},
	{"transforms", OPTION_STRING, "", NULL, 0, 0, NULL, AT(transforms),
	 "Steps that a record passes in this order, as a JSON array: routes, unwrap (the flat format, "
	 "where it applies), key (one field of it), outbox; docs/debezium.md describes them."},
	{"outbox.event.id", OPTION_STRING, "id", NULL, 0, 0, NULL, AT(outbox_id),
	 "Column of an outbox whose value becomes the header id (EventRouter)."},
	{"outbox.event.key", OPTION_STRING, "aggregateid", NULL, 0, 0, NULL, AT(outbox_key),
	 "Column of an outbox whose value becomes the key."},
	{"outbox.event.payload", OPTION_STRING, "payload", NULL, 0, 0, NULL, AT(outbox_payload),
	 "Column of an outbox whose value becomes the record's value."},
	{"outbox.event.timestamp", OPTION_STRING, "", NULL, 0, 0, NULL, AT(outbox_timestamp),
	 "Column of an outbox whose value becomes the record's timestamp; empty: none."},
	{"outbox.route.by.field", OPTION_STRING, "aggregatetype", NULL, 0, 0, NULL, AT(outbox_route),
	 "Column of an outbox whose value names the topic."},
	{"outbox.additional.placement", OPTION_STRING, "", NULL, 0, 0, NULL, AT(outbox_placement),
	 "Other columns of an outbox to show: column:header, column:envelope or column:partition, with "
	 "another name as column:header:name, separated by commas."},
	{"outbox.expand.json.payload", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(outbox_expand),
	 "Show a payload that is the text of a JSON object as that object."},
	{"outbox.json.null.behavior", OPTION_ENUM, "ignore", NULL, 0, 0, "ignore|optional_bytes",
	 AT(outbox_keep_nulls), "In such an object, leave out fields that are null, or keep them."},
	{"outbox.json.empty.array.behavior", OPTION_ENUM, "ignore", NULL, 0, 0,
	 "ignore|optional_string", AT(outbox_keep_empty),
	 "In such an object, leave out arrays without elements, or keep them."},
	{"outbox.tombstone.on.empty.payload", OPTION_BOOL, "false", NULL, 0, 0, NULL,
	 AT(outbox_tombstone), "Make a tombstone of a payload that is null or blank."},
	{"schema.include.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(schema_include),
	 "Capture only schemas whose name matches one of these."},
	{"schema.exclude.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(schema_exclude),
	 "Capture no schema whose name matches one of these."},
	{"table.include.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(table_include),
	 "Capture only tables whose schema.table matches one of these."},
	{"table.exclude.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(table_exclude),
	 "Capture no table whose schema.table matches one of these."},
	{"column.include.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(column_include),
	 "Values have only columns whose schema.table.column matches one of these; keys have theirs "
	 "anyway."},
	{"column.exclude.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(column_exclude),
	 "Values have no column whose schema.table.column matches one of these."},
	{"column.truncate", OPTION_MASKS, "", NULL, NOVA_MASK_TRUNCATE, MASK_CHARS_MAX, NULL,
	 AT(masks[NOVA_MASK_TRUNCATE]),
	 "Strings are cut: N:regex,N:regex… where N is the number of characters and regex matches "
	 "schema.table.column."},
	{"column.mask", OPTION_MASKS, "", NULL, NOVA_MASK_CHARS, 1000, NULL, AT(masks[NOVA_MASK_CHARS]),
	 "N:regex,N:regex… where N asterisks stand for each value."},
	{"column.mask.hash", OPTION_MASKS, "", NULL, NOVA_MASK_HASH, 0, HASHES,
	 AT(masks[NOVA_MASK_HASH]),
	 "A digest of salt and value stands for each value: ALGORITHM:SALT:regex,… where the salt may "
	 "be \\x and hexadecimal digits. The value is serialized as Debezium's first version does."},
	{"column.mask.hash.v2", OPTION_MASKS, "", NULL, NOVA_MASK_HASH_V2, 0, HASHES,
	 AT(masks[NOVA_MASK_HASH_V2]), "The same of salt and the value's bytes in UTF-8."},
	{"skip.messages.without.change", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(skip_unchanged),
	 "An update that changes none of the value's columns makes no record, under REPLICA IDENTITY "
	 "FULL."},
	{"message.key.columns", OPTION_STRING, "", NULL, 0, 0, NULL, AT(key_columns),
	 "Keys of your own: schema.table:column,column;… all regular "
	 "expressions; where none matches, the table's own key."},
	{"signal.data.collection", OPTION_STRING, "", NULL, 0, 0, NULL, AT(signal_table),
	 "The schema.table whose inserted rows are signals to the relay, by their three columns: id, "
	 "type, data. It is captured whatever the lists say."},
	{"publish.via.partition.root", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(via_root),
	 "Filter and name the topic of a partition by its topmost partitioned table."},
	{"publication.names", OPTION_STRING, "", NULL, 0, 0, NULL, AT(publication_names),
	 "Let through only what these publications do: tables, operations, rows and columns; names as "
	 "SQL writes them, separated by commas. They replace publish.via.partition.root."},
	{"add.fields", OPTION_STRING, "op,source.ts_ms", NULL, 0, 0, NULL, AT(add_fields),
	 "Fields about the change behind the columns: op, ts_ms, ts_us, ts_ns; of source: version, "
	 "connector, name, ts_ms, snapshot, db, sequence, ts_us, ts_ns, schema, table, txId, lsn, "
	 "xmin, "
	 "origin, origin_lsn; of transaction: id, total_order, data_collection_order; before.COLUMN "
	 "and after.COLUMN; \"field:NAME\" renames."},
	{"add.fields.prefix", OPTION_STRING, "__", NULL, 0, 0, NULL, AT(add_fields_prefix),
	 "What the names of added fields begin with."},
	{"add.headers", OPTION_STRING, "", NULL, 0, 0, NULL, AT(add_headers),
	 "Record headers of flat records: fields as in add.fields, their values as text."},
	{"add.headers.prefix", OPTION_STRING, "__", NULL, 0, 0, NULL, AT(add_headers_prefix),
	 "What the names of added headers begin with."},
	{"extended.headers.enabled", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(context_headers),
	 "Put Debezium's four __debezium.context headers on every record of a table."},
	{"extended.headers.run.id", OPTION_STRING, "", NULL, 0, 0, NULL, AT(run_id),
	 "What the header __debezium.context.runId says."},
	{"provide.transaction.metadata", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(transactions),
	 "Send a record at the begin and the end of each transaction, and tell the order of records "
	 "within it."},
	{"topic.transaction", OPTION_STRING, "transaction", NULL, 0, 0, NULL, AT(transaction_topic),
	 "The topic of these is <topic.prefix>.<this>; topic.regex applies."},
	{"message.prefix.include.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(message_include),
	 "Show only logical decoding messages whose prefix matches one of these; without it profile "
	 "nova shows none but those of nova.publish(), to which it does not apply."},
	{"message.prefix.exclude.list", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(message_exclude),
	 "Show no logical decoding message whose prefix matches one of these."},
	{"tombstones.on.delete", OPTION_BOOL, "true", NULL, 0, 0, NULL, AT(tombstones),
	 "After the record of a delete, send one with the same key and a null value, for log "
	 "compaction."},
	{"delete.handling.mode", OPTION_ENUM, "record", "tombstone", 0, 0,
	 "record|drop|tombstone|rewrite|rewrite-with-tombstone|delete-to-tombstone|"
	 "null-with-tombstone",
	 AT(delete_mode),
	 "What a delete becomes; record: the known old columns, then the tombstone; "
	 "null-with-tombstone: the text null, then the tombstone; the others as in Debezium's "
	 "ExtractNewRecordState."},
	{"skipped.operations", OPTION_STRING, "t", NULL, 0, 0, NULL, AT(skipped_operations),
	 "Operations that make no records: any of c, u, d, t, separated by commas, or none."},
	{"unavailable.value.placeholder", OPTION_STRING, "__debezium_unavailable_value", NULL, 0, 0,
	 NULL, AT(placeholder),
	 "Stands for a large value that an update did not change and that the WAL therefore does not "
	 "hold."},
	{"unavailable.value.handling", OPTION_ENUM, "placeholder", NULL, 0, 0, "placeholder|omit",
	 AT(unavailable), "Write the placeholder for such a value, or leave the field out."},
	{"batch.bytes", OPTION_INT, "98304", NULL, 1024, 1024 * 1024, NULL, AT(batch_bytes),
	 "Send what is pending when it is longer than this many bytes."},
	{"batch.hold", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(batch_hold),
	 "Let small transactions share a write, up to the end of each page of WAL, rather than send "
	 "what is pending at each commit. Only for a client, on the replication protocol or of "
	 "nova.stream(), that takes a position from a keepalive that asks for a reply only when it "
	 "comes twice."},
	{"guarded.lsns", OPTION_STRING, "", NULL, 0, 0, NULL, AT(guarded_lsns),
	 "Positions such as 0/16B3748, separated by commas, where decoding ended in an error: what is "
	 "there is tried first, and reported in place of its records if it fails again."},
	{"stats.interval.ms", OPTION_INT, "0", NULL, 0, 3600 * 1000, NULL, AT(stats_interval),
	 "Tell nova-relay how long the plugin works on the changes of each table: at a commit, at most "
	 "once in so many milliseconds; 0: never. Text has none of it."},
	{"time.precision.mode", OPTION_ENUM, "nova", "adaptive", 0, 0,
	 "nova|adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds|"
	 "structured",
	 AT(time_mode),
	 "Form of dates and times; nova: timestamps in milliseconds since 1970, dates and times in ISO "
	 "8601; the others as in Debezium."},
	{"decimal.handling.mode", OPTION_ENUM, "number", "precise", 0, 0,
	 "number|precise|double|string", AT(decimal_mode),
	 "Form of numeric and money; number: an exact JSON number; the others as in Debezium."},
	{"decimal.format", OPTION_ENUM, "base64", NULL, 0, 0, "base64|numeric", AT(decimal_numeric),
	 "Of decimal.handling.mode precise: base64 of the unscaled bytes, or a JSON number "
	 "(JsonConverter)."},
	{"binary.handling.mode", OPTION_ENUM, "bytes", NULL, 0, 0, "bytes|base64|base64-url-safe|hex",
	 AT(binary_mode), "Form of bytea; bytes is base64."},
	{"interval.handling.mode", OPTION_ENUM, "text", "numeric", 0, 0, "text|numeric|string",
	 AT(interval_mode),
	 "Form of interval: PostgreSQL's text, microseconds, or ISO 8601 as Debezium writes it."},
	{"hstore.handling.mode", OPTION_ENUM, "map", "json", 0, 0, "map|json", AT(hstore_mode),
	 "Form of hstore: a JSON object, or a string that holds one."},
	{"json.handling.mode", OPTION_ENUM, "nested", "text", 0, 0, "nested|text", AT(json_mode),
	 "Form of json and jsonb: nested, or a string with PostgreSQL's text."},
	{"include.unknown.datatypes", OPTION_BOOL, "true", "false", 0, 0, NULL, AT(include_unknown),
	 "Show columns of types that Debezium does not know, instead of leaving them out."},
	{"replace.null.with.default", OPTION_BOOL, "false", "true", 0, 0, NULL, AT(replace_null),
	 "Show a null in a column that has a default as that default."},
	{"key.decimal.format", OPTION_ENUM, "value", NULL, 0, 0, "value|base64|numeric",
	 AT(key_decimal_numeric), "The decimal.format of keys; value: as in values."},
	{"key.replace.null.with.default", OPTION_ENUM, "value", NULL, 0, 0, "value|false|true",
	 AT(key_replace_null), "The replace.null.with.default of keys; value: as in values."},
	{"key.schemas", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(key_schemas),
	 "Keys as {\"schema\":…,\"payload\":…}, as JsonConverter writes them with schemas.enable."},
	{"value.schemas", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(value_schemas),
	 "Values as {\"schema\":…,\"payload\":…}."},
	{"column.propagate.source.type", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(propagate_columns),
	 "With value.schemas: columns whose schema.table.column matches one of these tell their "
	 "database type in the schema's parameters."},
	{"datatype.propagate.source.type", OPTION_REGEX_LIST, "", NULL, 0, 0, NULL, AT(propagate_types),
	 "The same for columns whose schema.table.type matches one of these."},
	{"schema.name.adjustment.mode", OPTION_ENUM, "none", NULL, 0, 0, "none|avro|avro_unicode",
	 AT(schema_names),
	 "What Avro does not allow in the names of schemas becomes _, or _uXXXX as _ itself does."},
	{"field.name.adjustment.mode", OPTION_ENUM, "none", NULL, 0, 0, "none|avro|avro_unicode",
	 AT(field_names), "The same for the names of columns in keys and values."},
	{"money.fraction.digits", OPTION_INT, "2", NULL, 0, 9, NULL, AT(money_digits),
	 "Decimals of a money value, which depend on the server's lc_monetary."},
};

/* "a, b and so on" of all option names, for hints. */
static char *
all_option_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(option_table); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", option_table[i].name);
	return buf.data;
}

static const OptionRow *
find_option(const char *name)
{
	for (int i = 0; i < lengthof(option_table); i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
					errmsg("unrecognized option \"%s\" for output plugin nova_decoder", name),
					errhint("Valid options are: %s.", all_option_names())));
	return NULL;
}

static char *
valid_masks(const OptionRow *row)
{
	if (row->words)
		return psprintf("comma-separated ALGORITHM:SALT:regular expression, with one of %s, and a "
						"salt that holds , : or \\ written as \\x and hexadecimal digits",
						row->words);
	return psprintf("comma-separated N:regular expression, with N from 0 to %d", row->max);
}

static void
bad_value(const OptionRow *row, const char *value, const char *valid)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"%s\": \"%s\"", row->name, value),
					errhint("Valid is: %s.", valid)));
}

/* What can be said for a value of this option, in words. */
static char *
valid_values(const OptionRow *row)
{
	switch (row->type)
	{
		case OPTION_BOOL:
			return pstrdup("true or false");
		case OPTION_INT:
			return psprintf("an integer from %d to %d", row->min, row->max);
		case OPTION_ENUM:
			return pstrdup(row->words);
		case OPTION_REGEX:
			return pstrdup("a regular expression");
		case OPTION_REGEX_LIST:
			return pstrdup("comma-separated regular expressions, each matching a whole name");
		case OPTION_MASKS:
			return valid_masks(row);
		case OPTION_STRING:
			break;
	}
	return pstrdup("any text");
}

/*
 * The pattern that matches only a whole string: "(?i)a|b" -> "(?i)^(?:a|b)$".
 * Options in parentheses mean something only at the very beginning.
 */
static char *
anchored(const char *re)
{
	size_t flags = 0;

	if (strncmp(re, "(?", 2) == 0)
	{
		flags = 2 + strspn(re + 2, "bceimnpqstwx");
		flags = flags > 2 && re[flags] == ')' ? flags + 1 : 0;
	}
	return psprintf("%.*s^(?:%s)$", (int) flags, re, re + flags);
}

/* Compile a pattern, to see whether it can be; returns its groups. */
static int
check_pattern(const OptionRow *row, const char *given, const char *pattern)
{
	int len = (int) strlen(pattern);
	pg_wchar *wide = palloc((len + 1) * sizeof(pg_wchar));
	int wide_len = pg_mb2wchar_with_len(pattern, wide, len);
	regex_t compiled;
	char why[100];
	int groups;
	int rc;

	rc = pg_regcomp(&compiled, wide, wide_len, REG_ADVANCED | REG_ICASE, C_COLLATION_OID);
	if (rc == REG_OKAY)
	{
		groups = (int) compiled.re_nsub;
		pg_regfree(&compiled);
		return groups;
	}
	/* a pending termination cancels the compilation, which is no fault of the pattern */
	CHECK_FOR_INTERRUPTS();
	pg_regerror(rc, &compiled, why, sizeof(why));
	ereport(ERROR, (errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
					errmsg("invalid value for option \"%s\": \"%s\"", row->name, given),
					errdetail("Regular expression: %s.", why),
					errhint("Valid is: %s.", valid_values(row))));
	return 0;
}

/* As it stands, and as it will be used; returns its groups. */
static int
check_regex(const OptionRow *row, const char *given, const char *re)
{
	(void) check_pattern(row, given, re);
	return check_pattern(row, given, anchored(re));
}

/* The next item of a list, without blanks around it; "\\," is a comma in it. */
static char *
next_item(const char **list)
{
	StringInfoData item;
	const char *p = *list;

	initStringInfo(&item);
	for (; *p && *p != ','; p++)
	{
		if (p[0] == '\\' && p[1] == ',')
			p++;
		else if (p[0] == '\\' && p[1])
			appendStringInfoChar(&item, *p++);
		if (item.len > 0 || !isspace((unsigned char) *p))
			appendStringInfoChar(&item, *p);
	}
	while (item.len > 0 && isspace((unsigned char) item.data[item.len - 1]))
		item.data[--item.len] = '\0';
	*list = *p ? p + 1 : p;
	return item.data;
}

/* As Debezium's Strings.setOfRegex() takes a list apart; empty items do not count. */
static NovaRegexes *
regex_list(const OptionRow *row, const char *value)
{
	NovaRegexes *list = palloc0(sizeof(NovaRegexes));
	const char *rest = value;
	int max = 1;

	for (const char *p = value; *p; p++)
		max += *p == ',';
	list->given = pstrdup(value);
	list->items = palloc(max * sizeof(text *));
	while (*rest)
	{
		char *item = next_item(&rest);

		if (*item == '\0')
			continue;
		check_regex(row, value, item);
		list->items[list->n++] = cstring_to_text(anchored(item));
	}
	return list;
}

/* The place of a word among "a|b|c", ignoring case, or -1. */
static int
find_word(const char *words, const char *value, size_t len)
{
	const char *word = words;

	for (int i = 0; word; i++)
	{
		const char *end = strchr(word, '|');
		size_t word_len = end ? (size_t) (end - word) : strlen(word);

		if (len == word_len && pg_strncasecmp(word, value, len) == 0)
			return i;
		word = end ? end + 1 : NULL;
	}
	return -1;
}

/* The value holds salts, so that no message may show it. */
static void
bad_mask(const OptionRow *row)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"%s\"", row->name),
					errhint("Valid is: %s.", valid_masks(row))));
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The salt's bytes: as they are, or "\\x" and two digits for each. */
static void
set_salt(const OptionRow *row, NovaMaskRule *rule, const char *s, size_t len)
{
	if (len < 2 || s[0] != '\\' || s[1] != 'x')
	{
		rule->salt = pnstrdup(s, len);
		rule->salt_len = (int) len;
		return;
	}
	if (len % 2)
		bad_mask(row);
	rule->salt_len = (int) (len - 2) / 2;
	rule->salt = palloc(rule->salt_len + 1);
	for (int i = 0; i < rule->salt_len; i++)
	{
		int high = hex_digit(s[2 + 2 * i]);
		int low = hex_digit(s[3 + 2 * i]);

		if (high < 0 || low < 0)
			bad_mask(row);
		rule->salt[i] = (char) (high * 16 + low);
	}
}

/* ALGORITHM:SALT:regex or N:regex; returns where the regex begins. */
static const char *
mask_head(const OptionRow *row, NovaMaskRule *rule, const char *item, StringInfo shown)
{
	size_t len = strcspn(item, ":");
	const char *rest = item + len;
	int word;

	if (*rest++ != ':')
		bad_mask(row);
	if (row->words)
	{
		size_t salt_len = strcspn(rest, ":");

		word = find_word(row->words, item, len);
		if (word < 0 || rest[salt_len] != ':')
			bad_mask(row);
		rule->hash = (NovaHash) word;
		set_salt(row, rule, rest, salt_len);
		appendStringInfo(shown, "%.*s:********:", (int) len, item);
		return rest + salt_len + 1;
	}
	if (len == 0 || len > 9 || strspn(item, "0123456789") != len || atoi(item) > row->max)
		bad_mask(row);
	rule->chars = atoi(item);
	appendStringInfo(shown, "%d:", rule->chars);
	return rest;
}

/* A colon other than that of "(?:": the salt goes on, which nobody may see. */
static bool
holds_colon(const char *re)
{
	for (const char *p = strchr(re, ':'); p; p = strchr(p + 1, ':'))
		if (p - re < 2 || strncmp(p - 2, "(?", 2) != 0)
			return true;
	return false;
}

static NovaMasks *
mask_list(const OptionRow *row, const char *value)
{
	NovaMasks *masks = palloc0(sizeof(NovaMasks));
	const char *rest = value;
	StringInfoData shown;
	int max = 1;

	for (const char *p = value; *p; p++)
		max += *p == ',';
	masks->rules = palloc0(max * sizeof(NovaMaskRule));
	initStringInfo(&shown);
	while (*rest)
	{
		const char *item = next_item(&rest);
		NovaMaskRule *rule = &masks->rules[masks->n];

		if (*item == '\0')
			continue;
		if (masks->n > 0)
			appendStringInfoChar(&shown, ',');
		item = mask_head(row, rule, item, &shown);
		if (*item == '\0')
			bad_mask(row);
		if (row->words && holds_colon(item))
			bad_mask(row);
		check_regex(row, row->words ? "********" : item, item);
		rule->kind = (NovaMaskKind) row->min;
		rule->columns = cstring_to_text(anchored(item));
		appendStringInfoString(&shown, item);
		masks->n++;
	}
	masks->shown = shown.data;
	return masks;
}

static int
enum_value(const OptionRow *row, const char *value)
{
	int place = find_word(row->words, value, strlen(value));

	if (place < 0)
		bad_value(row, value, row->words);
	return place;
}

static void
set_option(NovaOptions *options, const OptionRow *row, const char *value)
{
	void *at = (char *) options + row->offset;
	char *end;
	long number;

	switch (row->type)
	{
		case OPTION_BOOL:
			if (!parse_bool(value, (bool *) at))
				bad_value(row, value, valid_values(row));
			break;
		case OPTION_INT:
			errno = 0;
			number = strtol(value, &end, 10);
			if (errno || end == value || *end || number < row->min || number > row->max)
				bad_value(row, value, valid_values(row));
			*(int *) at = (int) number;
			break;
		case OPTION_ENUM:
			*(int *) at = enum_value(row, value);
			break;
		case OPTION_REGEX:
			(void) check_regex(row, value, value);
			*(char **) at = pstrdup(value);
			break;
		case OPTION_REGEX_LIST:
			*(NovaRegexes **) at = regex_list(row, value);
			break;
		case OPTION_MASKS:
			*(NovaMasks **) at = mask_list(row, value);
			break;
		case OPTION_STRING:
			*(char **) at = pstrdup(value);
			break;
	}
}

/* "c,u" -> the set of letters. */
static void
derive_skipped(NovaOptions *options)
{
	const char *ops = options->skipped_operations;
	int n = 0;

	if (pg_strcasecmp(ops, "none") == 0)
		return;
	for (const char *p = ops; *p; p++)
	{
		if (*p == ',' || isspace((unsigned char) *p))
			continue;
		if (strchr("cudt", *p) == NULL || (isalpha((unsigned char) p[1])))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("invalid value for option \"skipped.operations\": \"%s\"", ops),
							errhint("Valid is: any of c, u, d, t, separated by commas, or none.")));
		if (strchr(options->skipped, *p) == NULL)
			options->skipped[n++] = *p;
	}
}

static void
derive_fields(NovaOptions *options)
{
	options->fields =
		nova_fields_parse("add.fields", options->add_fields, options->add_fields_prefix);
	options->headers =
		nova_fields_parse("add.headers", options->add_headers, options->add_headers_prefix);
}

text *
nova_option_pattern(const char *option, const char *re, int *groups)
{
	*groups = check_regex(find_option(option), re, re);
	return cstring_to_text(anchored(re));
}

/* Names as pgoutput takes them: folded to lower case unless quoted. */
static void
derive_publications(NovaOptions *options)
{
	List *names;
	ListCell *lc;

	if (!SplitIdentifierString(pstrdup(options->publication_names), ',', &names))
		bad_value(find_option("publication.names"), options->publication_names,
				  "names of publications, quoted as in SQL and separated by commas");
	foreach (lc, names)
	{
		NovaPublicationName *item = palloc0(sizeof(NovaPublicationName));

		item->name = lfirst(lc);
		options->publications = lappend(options->publications, item);
	}
}

static void
derive_guarded(NovaOptions *options)
{
	const char *rest = options->guarded_lsns;
	int max = 1;

	for (const char *p = rest; *p; p++)
		max += *p == ',';
	options->guarded = palloc(max * sizeof(XLogRecPtr));
	while (*rest)
	{
		char *item = next_item(&rest);
		unsigned hi;
		unsigned lo;
		int end = 0;

		if (*item == '\0')
			continue;
		if (sscanf(item, "%8X/%8X%n", &hi, &lo, &end) != 2 || item[end] != '\0')
			bad_value(find_option("guarded.lsns"), options->guarded_lsns,
					  "positions such as 0/16B3748, separated by commas");
		options->guarded[options->nguarded++] = (XLogRecPtr) hi << 32 | lo;
	}
}

static void
derive_placeholder(NovaOptions *options)
{
	StringInfoData json;
	NovaOut out;

	initStringInfo(&json);
	nova_out_init(&out, &json);
	nova_json_cstring(&out, options->placeholder);
	nova_out_char(&out, '\0');
	options->placeholder_json = json.data;
}

/* Options that only make sense together, or not together. */
static void
check_pairs(const NovaOptions *options)
{
	const char *first = NULL;

	if (options->schema_include->n > 0 && options->schema_exclude->n > 0)
		first = "schema";
	if (options->table_include->n > 0 && options->table_exclude->n > 0)
		first = "table";
	if (options->column_include->n > 0 && options->column_exclude->n > 0)
		first = "column";
	if (options->message_include->n > 0 && options->message_exclude->n > 0)
		first = "message.prefix";
	if (first)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"%s.include.list\" and \"%s.exclude.list\" exclude each other",
						first, first),
				 errhint("Give one of the two.")));
	if ((*options->topic_regex != '\0') != (*options->topic_replacement != '\0'))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options \"topic.regex\" and \"topic.replacement\" need each other"),
						errhint("Give both or none.")));
}

/* Connect's schemas say what a value is made of: not every form can be said. */
static void
check_schemas(const NovaOptions *options)
{
	const char *form = NULL;
	const char *instead = NULL;

	if (!options->key_schemas && !options->value_schemas)
		return;
	if (options->json_mode == NOVA_JSON_NESTED)
	{
		form = "json.handling.mode=nested";
		instead = "json.handling.mode to text";
	}
	else if (options->decimal_mode == NOVA_DECIMAL_NUMBER)
	{
		form = "decimal.handling.mode=number";
		instead = "decimal.handling.mode to precise, double or string";
	}
	if (form)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"%s\" and \"%s\" exclude each other",
						options->value_schemas ? "value.schemas" : "key.schemas", form),
				 errdetail("Kafka Connect has no schema for documents and numbers of any form."),
				 errhint("Set %s.", instead)));
}

/* Of an event, a schema can describe the payload as it stands in the row, and nothing else. */
static void
check_outbox_schemas(const NovaOptions *options)
{
	bool enveloped = nova_outbox_enveloped(options);

	if (!options->value_schemas || !(options->outbox_expand || enveloped))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("options \"value.schemas\" and \"%s\" exclude each other",
					enveloped ? "outbox.additional.placement" : "outbox.expand.json.payload"),
			 errdetail("The schema would depend on the row."),
			 errhint("Place fields in headers, leave the payload as it is, or do without "
					 "schemas.")));
}

/* "schema.table:a,b;…": every item has a colon, and regular expressions around it. */
static void
check_key_columns(NovaOptions *options)
{
	const OptionRow *row = find_option("message.key.columns");
	char *list = pstrdup(options->key_columns);
	char *save = NULL;

	for (char *item = strtok_r(list, ";", &save); item; item = strtok_r(NULL, ";", &save))
	{
		char *columns = strrchr(item, ':');
		char *rest = NULL;

		if (columns && columns[1])
			*columns++ = '\0';
		else
			bad_value(row, options->key_columns, "schema.table:column,column;…");
		for (char *re = strtok_r(columns, ", ", &rest); re; re = strtok_r(NULL, ", ", &rest))
			check_regex(row, options->key_columns, psprintf("%s.%s", item, re));
	}
}

/* Apply what is given, and mark it in given[]. */
static void
set_given(NovaOptions *options, List *deflist, bool *given)
{
	ListCell *lc;

	foreach (lc, deflist)
	{
		DefElem *elem = lfirst(lc);
		const OptionRow *row = find_option(elem->defname);

		if (given[row - option_table])
			ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
							errmsg("option \"%s\" is given twice", row->name),
							errhint("Give every option once.")));
		given[row - option_table] = true;
		if (elem->arg == NULL)
			bad_value(row, "", valid_values(row));
		set_option(options, row, strVal(elem->arg));
	}
}

NovaOptions *
nova_options_parse(List *deflist)
{
	NovaOptions *options = palloc0(sizeof(NovaOptions));
	bool given[lengthof(option_table)] = {false};

	set_given(options, deflist, given);
	for (int i = 0; i < lengthof(option_table); i++)
	{
		const OptionRow *row = &option_table[i];
		bool other = options->profile == NOVA_PROFILE_DEBEZIUM && row->debezium;

		if (!given[i])
			set_option(options, row, other ? row->debezium : row->standard);
	}
	check_pairs(options);
	check_schemas(options);
	derive_skipped(options);
	derive_fields(options);
	nova_transforms_parse(options);
	nova_outbox_parse(options);
	check_outbox_schemas(options);
	derive_placeholder(options);
	derive_publications(options);
	derive_guarded(options);
	check_key_columns(options);
	return options;
}

/* '{"topic.prefix=cdc"}' as the list that the replication grammar makes. */
List *
nova_options_list(ArrayType *array)
{
	List *list = NIL;
	Datum *items;
	bool *nulls;
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char *item = nulls[i] ? pstrdup("") : TextDatumGetCString(items[i]);
		char *value = strchr(item, '=');

		if (value == NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("invalid option \"%s\"", item),
							errhint("Write options as 'name=value'; see nova.options().")));
		*value++ = '\0';
		list = lappend(list, makeDefElem(item, (Node *) makeString(value), -1));
	}
	return list;
}

/* A list of regular expressions that is no option of the plugin. */
NovaRegexes *
nova_regexes_parse(const char *name, const char *value)
{
	const OptionRow row = {.name = name, .type = OPTION_REGEX_LIST};

	return regex_list(&row, value);
}

/* The i-th of "a|b|c" as a JSON string. */
static void
append_enum_word(NovaOut *out, const char *words, int i)
{
	while (i-- > 0)
		words = strchr(words, '|') + 1;
	nova_json_string(out, words, strcspn(words, "|"));
}

void
nova_options_json(StringInfo buf, const NovaOptions *options)
{
	NovaOut out;

	nova_out_init(&out, buf);
	for (int i = 0; i < lengthof(option_table); i++)
	{
		const OptionRow *row = &option_table[i];
		const void *at = (const char *) options + row->offset;

		nova_out_char(&out, i ? ',' : '{');
		nova_json_cstring(&out, row->name);
		nova_out_char(&out, ':');
		switch (row->type)
		{
			case OPTION_BOOL:
				appendStringInfoString(buf, *(const bool *) at ? "true" : "false");
				break;
			case OPTION_INT:
				appendStringInfo(buf, "%d", *(const int *) at);
				break;
			case OPTION_ENUM:
				append_enum_word(&out, row->words, *(const int *) at);
				break;
			case OPTION_REGEX_LIST:
				nova_json_cstring(&out, (*(NovaRegexes *const *) at)->given);
				break;
			case OPTION_MASKS:
				nova_json_cstring(&out, (*(NovaMasks *const *) at)->shown);
				break;
			default:
				nova_json_cstring(&out, *(char *const *) at);
				break;
		}
	}
	nova_out_char(&out, '}');
}

static bool
pattern_matches(text *pattern, const char *s)
{
	/* not REG_NOSUB: with it PostgreSQL 14 knows no group that \1 could mean */
	return RE_compile_and_execute(pattern, unconstify(char *, s), (int) strlen(s),
								  REG_ADVANCED | REG_ICASE, C_COLLATION_OID, 0, NULL);
}

bool
nova_regexes_match(const NovaRegexes *list, const char *s)
{
	for (int i = 0; i < list->n; i++)
		if (pattern_matches(list->items[i], s))
			return true;
	return false;
}

const NovaMaskRule *
nova_mask_rule(const NovaOptions *options, const char *column)
{
	for (int kind = 0; kind < NOVA_MASK_KINDS; kind++)
		for (int i = 0; i < options->masks[kind]->n; i++)
			if (pattern_matches(options->masks[kind]->rules[i].columns, column))
				return &options->masks[kind]->rules[i];
	return NULL;
}

bool
nova_lists_pass(const NovaRegexes *include, const NovaRegexes *exclude, const char *s)
{
	return !(include->n > 0 && !nova_regexes_match(include, s)) &&
		   !(exclude->n > 0 && nova_regexes_match(exclude, s));
}

bool
nova_regex_matches(const char *re, const char *s)
{
	return pattern_matches(cstring_to_text(anchored(re)), s);
}

bool
nova_option_info(int i, NovaOptionInfo *info)
{
	const OptionRow *row = &option_table[i];

	if (i < 0 || i >= lengthof(option_table))
		return false;
	info->name = row->name;
	info->type = option_types[row->type];
	info->standard = row->standard;
	info->debezium = row->debezium;
	info->valid = valid_values(row);
	info->help = row->help;
	return true;
}
