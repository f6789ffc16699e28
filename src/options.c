/*-------------------------------------------------------------------------
 *
 * options.c
 *		The plugin's options; see options.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "json.h"
#include "options.h"

typedef enum OptionType
{
	OPTION_BOOL,
	OPTION_INT,
	OPTION_ENUM, /* min..max number the words of valid */
	OPTION_STRING,
	OPTION_REGEX,     /* one regular expression */
	OPTION_REGEX_LIST /* comma-separated, anchored, ignoring case */
} OptionType;

static const char *const option_types[] = {"boolean", "integer", "enum",
										   "string",  "regex",   "regex list"};

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
	 "replication protocol and text through SQL."},
	{"topic.prefix", OPTION_STRING, "", NULL, 0, 0, NULL, AT(topic_prefix),
	 "First part of every topic name: <topic.prefix>.<schema>.<table>."},
	{"topic.regex", OPTION_REGEX, "", NULL, 0, 0, NULL, AT(topic_regex),
	 "If it matches the whole topic name, topic.replacement takes the name's place "
	 "(RegexRouter)."},
	{"topic.replacement", OPTION_STRING, "", NULL, 0, 0, NULL, AT(topic_replacement),
	 "The new topic name; $1 to $99 stand for groups of topic.regex, \\$ for a dollar sign."},
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
	{"message.key.columns", OPTION_STRING, "", NULL, 0, 0, NULL, AT(key_columns),
	 "Keys of your own: schema.table:column,column;… where schema.table is a regular expression."},
	{"publish.via.partition.root", OPTION_BOOL, "false", NULL, 0, 0, NULL, AT(via_root),
	 "Filter and name the topic of a partition by its topmost partitioned table."},
	{"add.fields", OPTION_STRING, "op,source.ts_ms", NULL, 0, 0, NULL, AT(add_fields),
	 "Fields about the change behind the columns: op, ts_ms, ts_us, ts_ns, and of source: ts_ms, "
	 "ts_us, ts_ns, db, schema, table, txId, lsn, name, connector, version, snapshot; "
	 "\"field:NAME\" renames."},
	{"add.fields.prefix", OPTION_STRING, "__", NULL, 0, 0, NULL, AT(add_fields_prefix),
	 "What the names of added fields begin with."},
	{"tombstones.on.delete", OPTION_BOOL, "true", NULL, 0, 0, NULL, AT(tombstones),
	 "After the record of a delete, send one with the same key and a null value, for log "
	 "compaction."},
	{"delete.handling.mode", OPTION_ENUM, "record", "tombstone", 0, 0,
	 "record|drop|tombstone|rewrite|rewrite-with-tombstone|delete-to-tombstone", AT(delete_mode),
	 "What a delete becomes; record: the known old columns, then the tombstone; the others as in "
	 "Debezium's ExtractNewRecordState."},
	{"skipped.operations", OPTION_STRING, "t", NULL, 0, 0, NULL, AT(skipped_operations),
	 "Operations that make no records: any of c, u, d, t, separated by commas, or none."},
	{"unavailable.value.placeholder", OPTION_STRING, "__debezium_unavailable_value", NULL, 0, 0,
	 NULL, AT(placeholder),
	 "Stands for a large value that an update did not change and that the WAL therefore does not "
	 "hold."},
	{"unavailable.value.handling", OPTION_ENUM, "placeholder", NULL, 0, 0, "placeholder|omit",
	 AT(unavailable), "Write the placeholder for such a value, or leave the field out."},
	{"batch.bytes", OPTION_INT, "8192", NULL, 1024, 1024 * 1024, NULL, AT(batch_bytes),
	 "Send what is pending when it is longer than this many bytes; it is always sent at commit."},
	{"time.precision.mode", OPTION_ENUM, "nova", "adaptive", 0, 0,
	 "nova|adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds",
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
	{"money.fraction.digits", OPTION_INT, "2", NULL, 0, 9, NULL, AT(money_digits),
	 "Decimals of a money value, which depend on the server's lc_monetary."},
};

static const struct
{
	const char *name; /* as in add.fields */
	NovaFieldKind kind;
	bool per_row;
} field_table[] = {
	{"op", NOVA_FIELD_OP, false},
	{"ts_ms", NOVA_FIELD_TS_MS, false},
	{"ts_us", NOVA_FIELD_TS_US, false},
	{"ts_ns", NOVA_FIELD_TS_NS, false},
	{"source.ts_ms", NOVA_FIELD_TS_MS, false},
	{"source.ts_us", NOVA_FIELD_TS_US, false},
	{"source.ts_ns", NOVA_FIELD_TS_NS, false},
	{"source.db", NOVA_FIELD_DB, false},
	{"source.schema", NOVA_FIELD_SCHEMA, true},
	{"source.table", NOVA_FIELD_TABLE, true},
	{"source.txId", NOVA_FIELD_TXID, false},
	{"source.lsn", NOVA_FIELD_LSN, true},
	{"source.name", NOVA_FIELD_NAME, false},
	{"source.connector", NOVA_FIELD_CONNECTOR, false},
	{"source.version", NOVA_FIELD_VERSION, false},
	{"source.snapshot", NOVA_FIELD_SNAPSHOT, false},
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

static int
enum_value(const OptionRow *row, const char *value)
{
	const char *word = row->words;
	size_t len = strlen(value);

	for (int i = 0; word; i++)
	{
		const char *end = strchr(word, '|');
		size_t word_len = end ? (size_t) (end - word) : strlen(word);

		if (len == word_len && pg_strncasecmp(word, value, len) == 0)
			return i;
		word = end ? end + 1 : NULL;
	}
	bad_value(row, value, row->words);
	return 0;
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
bad_field(const char *field)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(field_table); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", field_table[i].name);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid field in option \"add.fields\": \"%s\"", field),
					errhint("Valid fields are: %s.", buf.data)));
}

/* One item of add.fields: [struct.]field[:NAME], as ExtractNewRecordState. */
static void
add_field(NovaOptions *options, char *item)
{
	char *rename = strchr(item, ':');
	NovaField *field = &options->fields[options->nfields];
	StringInfoData name;
	StringInfoData json;
	NovaOut out;
	int i;

	if (rename)
		*rename++ = '\0';
	for (i = 0; i < lengthof(field_table); i++)
	{
		const char *full = field_table[i].name;

		/* a bare name that the envelope does not have is one of source */
		if (strcmp(full, item) == 0 ||
			(strncmp(full, "source.", 7) == 0 && strcmp(full + 7, item) == 0))
			break;
	}
	if (i == lengthof(field_table) || (rename && *rename == '\0'))
		bad_field(item);

	initStringInfo(&name);
	appendStringInfo(&name, "%s%s", options->add_fields_prefix, rename ? rename : item);
	if (rename == NULL)
		for (char *p = name.data + strlen(options->add_fields_prefix); *p; p++)
			if (*p == '.')
				*p = '_';
	initStringInfo(&json);
	nova_out_init(&out, &json);
	nova_out_char(&out, ',');
	nova_json_string(&out, name.data, name.len);
	nova_out_char(&out, ':');

	field->kind = field_table[i].kind;
	field->prefix = json.data;
	field->prefix_len = json.len;
	options->fields_per_row |= field_table[i].per_row;
	options->nfields++;
}

static void
derive_fields(NovaOptions *options)
{
	char *list = pstrdup(options->add_fields);
	char *save = NULL;
	int max = 1;

	for (char *p = list; *p; p++)
		max += *p == ',';
	options->fields = palloc0(max * sizeof(NovaField));
	for (char *item = strtok_r(list, ", \t\n", &save); item; item = strtok_r(NULL, ", \t\n", &save))
		add_field(options, item);
}

/* $N in the replacement must be a group of the regular expression. */
static void
derive_routing(NovaOptions *options)
{
	const OptionRow *row = find_option("topic.replacement");

	if (*options->topic_regex == '\0')
		return;
	options->topic_pattern = cstring_to_text(anchored(options->topic_regex));
	options->topic_groups = check_regex(row, options->topic_regex, options->topic_regex);
	for (const char *p = options->topic_replacement; *p; p++)
	{
		if (p[0] == '\\' && p[1])
			p++;
		else if (p[0] == '$' &&
				 (!isdigit((unsigned char) p[1]) || p[1] - '0' > options->topic_groups))
			bad_value(row, options->topic_replacement,
					  psprintf("text in which a dollar sign is escaped or begins one of $0 to $%d",
							   options->topic_groups));
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

/* "schema.table:a,b;…": every item has a colon, and a regular expression before it. */
static void
check_key_columns(NovaOptions *options)
{
	const OptionRow *row = find_option("message.key.columns");
	char *list = pstrdup(options->key_columns);
	char *save = NULL;

	for (char *item = strtok_r(list, ";", &save); item; item = strtok_r(NULL, ";", &save))
	{
		char *columns = strrchr(item, ':');

		if (columns && columns[1])
			*columns = '\0';
		else
			bad_value(row, options->key_columns, "schema.table:column,column;…");
		check_regex(row, options->key_columns, item);
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
	derive_skipped(options);
	derive_fields(options);
	derive_routing(options);
	derive_placeholder(options);
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
	return RE_compile_and_execute(pattern, unconstify(char *, s), (int) strlen(s),
								  REG_ADVANCED | REG_ICASE | REG_NOSUB, C_COLLATION_OID, 0, NULL);
}

bool
nova_regexes_match(const NovaRegexes *list, const char *s)
{
	for (int i = 0; i < list->n; i++)
		if (pattern_matches(list->items[i], s))
			return true;
	return false;
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
