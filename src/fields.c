/*-------------------------------------------------------------------------
 *
 * fields.c
 *		Fields about a change; see fields.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "debezium.h"
#include "fields.h"
#include "format.h"

#define INT64_ROOM 21

/* Longest name of a field or header; a header's length is a uint16. */
#define NAME_MAX_BYTES 4096

static void
put_int64(NovaOut *out, int64 v)
{
	char *p = nova_out_reserve(out, INT64_ROOM);

	nova_out_advance(out, nova_format_int64(p, v));
}

static void
put_uint64(NovaOut *out, uint64 v)
{
	char *p = nova_out_reserve(out, INT64_ROOM);

	nova_out_advance(out, nova_format_uint64(p, v));
}

static inline void
put_string(NovaOut *out, const char *s)
{
	nova_out_bytes(out, s, strlen(s));
}

static void
write_null(NovaOut *out, const NovaAbout *about)
{
	nova_out_bytes(out, "null", 4);
}

static void
write_op(NovaOut *out, const NovaAbout *about)
{
	nova_out_char(out, '"');
	nova_out_char(out, about->op);
	nova_out_char(out, '"');
}

static void
write_ts_ms(NovaOut *out, const NovaAbout *about)
{
	put_int64(out, about->meta->commit_us / 1000);
}

static void
write_ts_us(NovaOut *out, const NovaAbout *about)
{
	put_int64(out, about->meta->commit_us);
}

static void
write_ts_ns(NovaOut *out, const NovaAbout *about)
{
	put_int64(out, about->meta->commit_us * 1000);
}

/* The change's own position makes the id, as Debezium has it. */
static void
write_transaction_id(NovaOut *out, const NovaAbout *about)
{
	nova_out_char(out, '"');
	put_uint64(out, about->meta->xid);
	nova_out_char(out, ':');
	put_uint64(out, about->meta->lsn);
	nova_out_char(out, '"');
}

static void
write_total_order(NovaOut *out, const NovaAbout *about)
{
	put_uint64(out, about->meta->total_order);
}

static void
write_collection_order(NovaOut *out, const NovaAbout *about)
{
	put_uint64(out, about->meta->collection_order);
}

static void
write_version(NovaOut *out, const NovaAbout *about)
{
	put_string(out, "\"" NOVA_VERSION "\"");
}

static void
write_connector(NovaOut *out, const NovaAbout *about)
{
	put_string(out, "\"postgresql\"");
}

static void
write_name(NovaOut *out, const NovaAbout *about)
{
	nova_json_cstring(out, about->meta->options->topic_prefix);
}

/*
 * While streaming Debezium has a null, in whose place the default stands; not so
 * where it is added.
 */
static void
write_snapshot(NovaOut *out, const NovaAbout *about)
{
	bool bare = about->added && about->op != NOVA_OP_READ &&
				about->meta->options->profile == NOVA_PROFILE_DEBEZIUM;

	put_string(out, bare ? "null" : about->meta->snapshot);
}

static void
write_db(NovaOut *out, const NovaAbout *about)
{
	nova_json_cstring(out, about->meta->db);
}

/* A position, which a snapshot may lack, in a string within a string. */
static void
put_quoted_lsn(NovaOut *out, XLogRecPtr lsn)
{
	if (lsn == 0)
	{
		put_string(out, "null");
		return;
	}
	put_string(out, "\\\"");
	put_uint64(out, lsn);
	put_string(out, "\\\"");
}

static void
write_sequence(NovaOut *out, const NovaAbout *about)
{
	put_string(out, "\"[");
	put_quoted_lsn(out, about->meta->commit_lsn);
	nova_out_char(out, ',');
	put_quoted_lsn(out, about->meta->lsn);
	put_string(out, "]\"");
}

/* The plan's names are UTF-8 already, the server may have another encoding. */
static void
write_schema(NovaOut *out, const NovaAbout *about)
{
	const char *schema = about->plan ? about->plan->schema : "";

	nova_json_utf8(out, schema, strlen(schema));
}

static void
write_table(NovaOut *out, const NovaAbout *about)
{
	const char *table = about->plan ? about->plan->table : "";

	nova_json_utf8(out, table, strlen(table));
}

static void
write_txid(NovaOut *out, const NovaAbout *about)
{
	if (about->meta->xid != 0)
		put_uint64(out, about->meta->xid);
	else
		write_null(out, about);
}

static void
write_lsn(NovaOut *out, const NovaAbout *about)
{
	if (about->meta->lsn != 0)
		put_uint64(out, about->meta->lsn);
	else
		write_null(out, about);
}

#define STRING "\"string\""
#define INT64  "\"int64\""
#define SNAPSHOT_NAME                                                                              \
	",\"name\":\"io.debezium.data.Enum\",\"version\":1,\"parameters\":{\"allowed\":\"true,first,"  \
	"first_in_data_collection,last_in_data_collection,last,false,incremental\"}"

/*
 * A name without an owner is looked for from the top: of two the first is
 * meant.  The rows of "source" stand in the order of the source block.
 */
static const NovaFieldType field_table[] = {
	{"", "op", false, write_op, STRING, true},
	{"", "ts_ms", false, write_ts_ms, INT64, false},
	{"", "ts_us", false, write_ts_us, INT64, false},
	{"", "ts_ns", false, write_ts_ns, INT64, false},
	{"transaction", "id", true, write_transaction_id, STRING, true},
	{"transaction", "total_order", true, write_total_order, INT64, true},
	{"transaction", "data_collection_order", true, write_collection_order, INT64, true},
	{"source", "version", false, write_version, STRING, true},
	{"source", "connector", false, write_connector, STRING, true},
	{"source", "name", false, write_name, STRING, true},
	{"source", "ts_ms", false, write_ts_ms, INT64, true},
	{"source", "snapshot", false, write_snapshot, STRING, false, SNAPSHOT_NAME, "\"false\""},
	{"source", "db", false, write_db, STRING, true},
	{"source", "sequence", true, write_sequence, STRING, false},
	{"source", "ts_us", false, write_ts_us, INT64, false},
	{"source", "ts_ns", false, write_ts_ns, INT64, false},
	{"source", "schema", true, write_schema, STRING, true},
	{"source", "table", true, write_table, STRING, true},
	{"source", "txId", false, write_txid, INT64, false},
	{"source", "lsn", true, write_lsn, INT64, false},
	{"source", "xmin", false, write_null, INT64, false},
	{"source", "origin", false, write_null, STRING, false},
	{"source", "origin_lsn", false, write_null, INT64, false},
};

/* owner NULL: any. */
static const NovaFieldType *
find_type(const char *owner, const char *name)
{
	for (int i = 0; i < lengthof(field_table); i++)
		if ((owner == NULL || strcmp(field_table[i].owner, owner) == 0) &&
			strcmp(field_table[i].name, name) == 0)
			return &field_table[i];
	return NULL;
}

char *
nova_fields_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(field_table); i++)
		appendStringInfo(&buf, "%s%s%s, ", field_table[i].owner, *field_table[i].owner ? "." : "",
						 field_table[i].name);
	appendStringInfoString(&buf, "before.COLUMN, after.COLUMN");
	return buf.data;
}

static void
bad_field(const char *option, const char *field)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid field in option \"%s\": \"%s\"", option, field),
					errhint("Valid fields are: %s.", nova_fields_names())));
}

/*
 * What OWNER.NAME or NAME stands for.  What its owner does not have may be one
 * of the envelope; parts after the second do not count.
 */
static bool
find_field(NovaField *field, char *item)
{
	char *owner = item;
	char *name = strchr(item, '.');

	if (name == NULL)
	{
		field->type = find_type(NULL, item);
		return field->type != NULL;
	}
	*name++ = '\0';
	name[strcspn(name, ".")] = '\0';
	if (*name == '\0')
		return false;
	field->type = find_type("", name);
	field->of_before = strcmp(owner, "before") == 0;
	if (field->of_before || strcmp(owner, "after") == 0)
	{
		field->column = pstrdup(name);
		return true;
	}
	if (strcmp(owner, "source") != 0 && strcmp(owner, "transaction") != 0)
		return false;
	if (find_type(owner, name))
		field->type = find_type(owner, name);
	return field->type != NULL;
}

/* What shows of NAME, or of OWNER.NAME and what may follow. */
static char *
shown_name(const char *prefix, const char *item, const char *rename)
{
	char *name = psprintf("%s%s", prefix, rename ? rename : item);
	char *dot = rename ? NULL : strchr(name + strlen(prefix), '.');

	if (dot)
	{
		*dot = '_';
		dot[strcspn(dot, ".")] = '\0';
	}
	return name;
}

static void
name_field(NovaField *field, const char *name)
{
	StringInfoData utf8;
	StringInfoData json;
	NovaOut out;

	initStringInfo(&utf8);
	nova_utf8(&utf8, name, strlen(name));
	field->name = utf8.data;
	field->name_len = utf8.len;
	initStringInfo(&json);
	nova_out_init(&out, &json);
	nova_out_char(&out, ',');
	nova_json_string(&out, name, strlen(name));
	nova_out_char(&out, ':');
	/* readable beyond, as the prefixes of columns are */
	(void) nova_out_reserve(&out, NOVA_PREFIX_PAD);
	field->prefix = json.data;
	field->prefix_len = json.len;
}

/* One item: [struct.]field[:NAME], as ExtractNewRecordState has it. */
static void
parse_item(NovaFields *fields, const char *option, char *item, const char *prefix)
{
	NovaField *field = &fields->items[fields->n];
	char *rename = strchr(item, ':');
	char *given = pstrdup(item);

	if (rename)
		*rename++ = '\0';
	name_field(field, shown_name(prefix, item, rename));
	if ((rename && *rename == '\0') || field->name_len > NAME_MAX_BYTES || !find_field(field, item))
		bad_field(option, given);
	fields->per_row |= field->column != NULL || field->type->per_row;
	fields->columns |= field->column != NULL;
	fields->n++;
}

/* Without blanks around it, in place. */
static char *
trimmed(char *item)
{
	size_t len;

	item += strspn(item, " \t\r\n");
	len = strlen(item);
	while (len > 0 && strchr(" \t\r\n", item[len - 1]))
		len--;
	item[len] = '\0';
	return item;
}

NovaFields *
nova_fields_parse(const char *option, const char *list, const char *prefix)
{
	NovaFields *fields = palloc0(sizeof(NovaFields));
	char *rest = pstrdup(list);
	char *save = NULL;
	int max = 1;

	for (const char *p = list; *p; p++)
		max += *p == ',';
	fields->items = palloc0(max * sizeof(NovaField));
	for (char *item = strtok_r(rest, ",", &save); item; item = strtok_r(NULL, ",", &save))
	{
		item = trimmed(item);
		if (*item)
			parse_item(fields, option, item, prefix);
	}
	return fields;
}

/*
 * Give a column the form of a header: its value alone, and a decimal as the
 * number it is, where JSON has the bytes of it.
 */
static void
make_bare(NovaColumn *col)
{
	col->prefix_len = 0;
	if (col->encode == dbz_encode_decimal)
		col->encode = dbz_encode_decimal_number;
	else if (col->encode == dbz_encode_money)
		col->encode = dbz_encode_money_number;
}

NovaColumn *
nova_fields_columns(const NovaFields *fields, const NovaColumn *columns, int ncolumns,
					TupleDesc desc, bool bare)
{
	NovaColumn *found = palloc0(Max(fields->n, 1) * sizeof(NovaColumn));

	for (int i = 0; i < fields->n; i++)
	{
		const NovaField *field = &fields->items[i];

		for (int c = 0; c < ncolumns && field->column; c++)
		{
			if (strcmp(NameStr(TupleDescAttr(desc, columns[c].attidx)->attname), field->column) !=
				0)
				continue;
			found[i] = columns[c];
			found[i].prefix = field->prefix;
			found[i].prefix_len = field->prefix_len;
			/* nothing stands in for a null here, but asterisks still hide it */
			if (found[i].null == found[i].standard)
				found[i].null = "null";
			if (bare)
				make_bare(&found[i]);
		}
	}
	return found;
}

/* A column's value of the row before or after, null where there is no such row. */
static void
write_column(NovaOut *out, const NovaColumn *col, const NovaRow *row)
{
	Datum value;

	if (row == NULL || (row->identity_only && !col->in_identity))
		nova_column_constant(out, col, row && col->unknown ? col->unknown : "null");
	else if (row->nulls[col->attidx])
		nova_column_constant(out, col, col->null);
	else if (nova_find_value(col, row, &value))
		col->encode(out, col, value);
	else
		nova_column_constant(out, col, col->unavailable ? col->unavailable : "null");
}

/* Of a transaction there is nothing to tell unless it is being counted. */
static void
write_type(NovaOut *out, const NovaFieldType *type, const NovaAbout *about)
{
	if (strcmp(type->owner, "transaction") == 0 && about->meta->total_order == 0)
		write_null(out, about);
	else
		type->write(out, about);
}

bool
nova_field_value(NovaOut *out, const NovaField *field, const NovaColumn *column,
				 const NovaAbout *about)
{
	if (column && column->encode)
		write_column(out, column, field->of_before ? about->before : about->after);
	else if (field->type)
		write_type(out, field->type, about);
	else
		return false;
	return true;
}

void
nova_fields_write(NovaOut *out, const NovaFields *fields, const NovaColumn *columns,
				  const NovaAbout *about)
{
	for (int i = 0; i < fields->n; i++)
	{
		const NovaField *field = &fields->items[i];
		const NovaColumn *column = columns ? &columns[i] : NULL;

		if (field->type && !(column && column->encode))
			nova_out_bytes(out, field->prefix, field->prefix_len);
		(void) nova_field_value(out, field, column, about);
		nova_out_pressure(out);
	}
}

bool
nova_field_is_op(const NovaField *field)
{
	return field->type && strcmp(field->type->name, "op") == 0;
}

/* name is JSON; beside a row the default of an owner does not count. */
static void
write_schema_of(NovaOut *out, const NovaFieldType *type, const char *name, int len, bool added)
{
	bool optional = added || !type->required;

	put_string(out, "{\"type\":");
	put_string(out, type->schema);
	put_string(out, optional ? ",\"optional\":true" : ",\"optional\":false");
	put_string(out, type->named ? type->named : "");
	if (type->standard && !added)
	{
		put_string(out, ",\"default\":");
		put_string(out, type->standard);
	}
	put_string(out, ",\"field\":");
	nova_out_bytes(out, name, len);
	nova_out_char(out, '}');
}

void
nova_field_schema(NovaOut *out, const NovaField *field)
{
	/* the prefix is `,"name":` */
	write_schema_of(out, field->type, field->prefix + 1, field->prefix_len - 2, true);
}

void
nova_fields_schemas(NovaOut *out, const char *owner)
{
	bool first = true;

	for (int i = 0; i < lengthof(field_table); i++)
	{
		const NovaFieldType *type = &field_table[i];
		char *name = psprintf("\"%s\"", type->name);

		if (strcmp(type->owner, owner) != 0)
			continue;
		if (!first)
			nova_out_char(out, ',');
		write_schema_of(out, type, name, (int) strlen(name), false);
		first = false;
	}
}

bool
nova_fields_show_mark(const NovaFields *fields)
{
	for (int i = 0; i < fields->n; i++)
		if (fields->items[i].type && fields->items[i].type->write == write_snapshot)
			return true;
	return false;
}

static void
leave_hole(NovaOut *out, NovaEnd *end, void (*write)(NovaOut *out, const NovaAbout *about))
{
	Assert(end->nholes < NOVA_END_HOLES);
	end->holes[end->nholes].at = out->buf->len;
	end->holes[end->nholes].write = write;
	end->nholes++;
}

/* The members of a struct, in the table's order. */
static void
write_struct(NovaOut *out, const char *owner, const NovaAbout *about, NovaEnd *end)
{
	char separator = '{';

	for (int i = 0; i < lengthof(field_table); i++)
	{
		const NovaFieldType *type = &field_table[i];

		if (strcmp(type->owner, owner) != 0)
			continue;
		nova_out_char(out, separator);
		nova_out_char(out, '"');
		put_string(out, type->name);
		nova_out_bytes(out, "\":", 2);
		if (end && type->per_row)
			leave_hole(out, end, type->write);
		else
			type->write(out, about);
		separator = ',';
	}
	nova_out_char(out, '}');
}

void
nova_fields_source(NovaOut *out, const NovaAbout *about, NovaEnd *end)
{
	write_struct(out, "source", about, end);
}

static void
write_transaction(NovaOut *out, const NovaAbout *about)
{
	if (about->meta->total_order == 0)
		write_null(out, about);
	else
		write_struct(out, "transaction", about, NULL);
}

void
nova_fields_transaction(NovaOut *out, const NovaAbout *about, NovaEnd *end)
{
	if (end)
		leave_hole(out, end, write_transaction);
	else
		write_transaction(out, about);
}
