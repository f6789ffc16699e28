/*-------------------------------------------------------------------------
 *
 * schema.c
 *		Kafka Connect's schemas, as its JsonConverter writes them; see schema.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"

#include "adjust.h"
#include "compat.h"
#include "debezium.h"
#include "nested.h"
#include "schema.h"
#include "substitute.h"
#include "value.h"

#define BOOLEAN "\"boolean\""
#define INT16   "\"int16\""
#define INT32   "\"int32\""
#define INT64   "\"int64\""
#define FLOAT   "\"float\""
#define DOUBLE  "\"double\""
#define STRING  "\"string\""
#define BYTES   "\"bytes\""

/* A named schema of version 1, of which most are. */
#define NAMED(name)         "\"" name "\",\"version\":1"
#define DEBEZIUM_TIME(name) NAMED("io.debezium.time." name)

/* {"type":T,"optional":false,"field":"F"}, and the same where null may be. */
#define REQUIRED(type, field) "{\"type\":" type ",\"optional\":false,\"field\":\"" field "\"}"
#define OPTIONAL(type, field) "{\"type\":" type ",\"optional\":true,\"field\":\"" field "\"}"

#define STRUCT(fields)        "\"struct\",\"fields\":[" fields "]"

#define POINT_FIELDS                                                                               \
	STRUCT(REQUIRED(DOUBLE, "x") "," REQUIRED(DOUBLE, "y") "," OPTIONAL(                           \
		BYTES, "wkb") "," OPTIONAL(INT32, "srid"))
#define POINT_NAME    NAMED("io.debezium.data.geometry.Point") ",\"doc\":\"Geometry (POINT)\""
#define GEOMETRY_NAME "\"io.debezium.data.geometry.Geometry\",\"version\":2,\"doc\":\"Geometry\""
#define GEOMETRY_FIELDS                                                                            \
	STRUCT(REQUIRED(BYTES, "wkb") "," OPTIONAL(                                                    \
		INT32, "srid") ",{\"type\":\"map\",\"keys\":{\"type\":\"string\","                         \
					   "\"optional\":false},\"values\":{\"type\":\"string\","                      \
					   "\"optional\":false},\"optional\":true,"                                    \
					   "\"field\":\"extensions\"}")
#define STRING_MAP                                                                                 \
	"\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},"                                   \
	"\"values\":{\"type\":\"string\",\"optional\":true}"

#define DECIMAL NAMED("org.apache.kafka.connect.data.Decimal")

/* The members of "parameters" that a column's type makes. */
typedef void (*Parameters)(NovaOut *out, const NovaColumn *col);

static void decimal_parameters(NovaOut *out, const NovaColumn *col);
static void money_parameters(NovaOut *out, const NovaColumn *col);
static void bits_parameters(NovaOut *out, const NovaColumn *col);
static void enum_parameters(NovaOut *out, const NovaColumn *col);

typedef struct EncoderSchema
{
	NovaEncoder encode;
	const char *type; /* what stands behind "type": ; NULL: made of the parts' */
	const char *name; /* the same of "name"; NULL: the type's, if it has one */
	Parameters parameters;
	bool never_null;     /* an item of an array cannot be null */
	bool may_be_null;    /* the schema says so even if the column cannot be */
	const char *connect; /* the name under time.precision.mode connect, if another */
} EncoderSchema;

/* Every encoder (lint looks). */
static const EncoderSchema encoder_schemas[] = {
	{nova_encode_bool, BOOLEAN},
	{nova_encode_int2, INT16},
	{nova_encode_int4, INT32},
	{nova_encode_int8, INT64},
	{nova_encode_oid, INT64},
	{nova_encode_float4, FLOAT},
	{nova_encode_float8, DOUBLE},
	{nova_encode_text, STRING},
	{nova_encode_name, STRING},
	{nova_encode_char, STRING},
	{nova_encode_output, STRING},
	{nova_encode_uuid, STRING, NAMED("io.debezium.data.Uuid")},
	{nova_encode_date, STRING},
	{nova_encode_time, STRING},
	{nova_encode_timestamp, INT64, DEBEZIUM_TIME("Timestamp")},
	{nova_encode_base64, BYTES},
	{nova_encode_base64_url, STRING},
	{nova_encode_hex, STRING},
	{nova_encode_hstore, STRING_MAP},
	{nova_encode_enum, STRING, NAMED("io.debezium.data.Enum"), enum_parameters, true},
	{nova_encode_array, NULL},
	{nova_encode_composite, NULL},
	{nova_encode_output_json, "\"array\",\"items\":{\"type\":\"double\",\"optional\":false}",
	 NAMED("io.debezium.data.DoubleVector")},
	/* documents and numbers of any form: check_schemas() in options.c keeps them out */
	{nova_encode_json, STRING},
	{nova_encode_jsonb, STRING},
	{nova_encode_numeric, DOUBLE},
	{nova_encode_money, DOUBLE},
	{nova_encode_numeric_string, STRING},

	{dbz_encode_float4, FLOAT},
	{dbz_encode_float8, DOUBLE},
	{dbz_encode_decimal, BYTES, DECIMAL, decimal_parameters},
	{dbz_encode_decimal_number, BYTES, DECIMAL, decimal_parameters},
	{dbz_encode_decimal_any, STRUCT(REQUIRED(INT32, "scale") "," REQUIRED(BYTES, "value")),
	 NAMED("io.debezium.data.VariableScaleDecimal") ",\"doc\":\"Variable scaled decimal\""},
	{dbz_encode_decimal_double, DOUBLE},
	{dbz_encode_decimal_string, STRING},
	{dbz_encode_money, BYTES, DECIMAL, money_parameters},
	{dbz_encode_money_number, BYTES, DECIMAL, money_parameters},
	{dbz_encode_money_double, DOUBLE},
	{dbz_encode_money_string, STRING},
	{dbz_encode_date_days, INT32, DEBEZIUM_TIME("Date"),
	 .connect = NAMED("org.apache.kafka.connect.data.Date")},
	{dbz_encode_date_iso, STRING, DEBEZIUM_TIME("IsoDate")},
	{dbz_encode_time_ms, INT32, DEBEZIUM_TIME("Time"),
	 .connect = NAMED("org.apache.kafka.connect.data.Time")},
	{dbz_encode_time_us, INT64, DEBEZIUM_TIME("MicroTime")},
	{dbz_encode_time_ns, INT64, DEBEZIUM_TIME("NanoTime")},
	{dbz_encode_time_iso, STRING, DEBEZIUM_TIME("IsoTime")},
	{dbz_encode_timetz, STRING, DEBEZIUM_TIME("ZonedTime")},
	{dbz_encode_timestamp_ms, INT64, DEBEZIUM_TIME("Timestamp"),
	 .connect = NAMED("org.apache.kafka.connect.data.Timestamp")},
	{dbz_encode_timestamp_us, INT64, DEBEZIUM_TIME("MicroTimestamp")},
	{dbz_encode_timestamp_ns, INT64, DEBEZIUM_TIME("NanoTimestamp")},
	{dbz_encode_timestamp_iso, STRING, DEBEZIUM_TIME("IsoTimestamp")},
	{dbz_encode_timestamptz, STRING, DEBEZIUM_TIME("ZonedTimestamp")},
	{dbz_encode_interval_us, INT64, DEBEZIUM_TIME("MicroDuration")},
	{dbz_encode_interval_iso, STRING, DEBEZIUM_TIME("Interval")},
	{dbz_encode_bit, BOOLEAN},
	{dbz_encode_bits, BYTES, NAMED("io.debezium.data.Bits"), bits_parameters},
	{dbz_encode_point, POINT_FIELDS, POINT_NAME},
	{dbz_encode_line,
	 STRUCT(REQUIRED(DOUBLE, "a") "," REQUIRED(DOUBLE, "b") "," REQUIRED(DOUBLE, "c")),
	 NAMED("io.debezium.data.geometry.Line") ",\"doc\":\"Geometry (LINE)\"", .may_be_null = true},
	{dbz_encode_lseg, GEOMETRY_FIELDS, GEOMETRY_NAME, .may_be_null = true},
	{dbz_encode_box, GEOMETRY_FIELDS, GEOMETRY_NAME, .may_be_null = true},
	{dbz_encode_path, GEOMETRY_FIELDS, GEOMETRY_NAME, .may_be_null = true},
	{dbz_encode_polygon, GEOMETRY_FIELDS, GEOMETRY_NAME, .may_be_null = true},
	{dbz_encode_circle,
	 STRUCT("{\"type\":" POINT_FIELDS ",\"optional\":false,\"name\":" POINT_NAME
			",\"field\":\"center\"}," REQUIRED(DOUBLE, "radius")),
	 NAMED("io.debezium.data.geometry.Circle") ",\"doc\":\"Geometry (CIRCLE)\"",
	 .may_be_null = true},
	{dbz_encode_hstore_json, STRING, NAMED("io.debezium.data.Json")},
	{dbz_encode_hstore_map, STRING_MAP},
	{dbz_encode_unknown, BYTES, .never_null = true},
	{dbz_encode_unknown_hex, STRING, .never_null = true},
};

static const EncoderSchema *
encoder_schema(const NovaColumn *col)
{
	static const EncoderSchema string = {.type = STRING};

	for (int i = 0; i < lengthof(encoder_schemas); i++)
		if (encoder_schemas[i].encode == col->encode)
			return &encoder_schemas[i];
	Assert(false);
	return &string;
}

static void
put(NovaOut *out, const char *json)
{
	nova_out_bytes(out, json, strlen(json));
}

/*
 * Parameters
 */

static void
decimal_parameters(NovaOut *out, const NovaColumn *col)
{
	appendStringInfo(out->buf, "\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"",
					 col->info->scale, (int) (((col->typmod - VARHDRSZ) >> 16) & 0xFFFF));
}

static void
money_parameters(NovaOut *out, const NovaColumn *col)
{
	appendStringInfo(out->buf, "\"scale\":\"%d\"", col->info->scale);
}

static void
bits_parameters(NovaOut *out, const NovaColumn *col)
{
	appendStringInfo(out->buf, "\"length\":\"%d\"", col->typmod < 0 ? PG_INT32_MAX : col->typmod);
}

static void
enum_parameters(NovaOut *out, const NovaColumn *col)
{
	put(out, "\"allowed\":\"");
	for (int i = 0; i < col->info->nlabels; i++)
	{
		const char *label = col->info->labels[i].label;

		if (i > 0)
			nova_out_char(out, ',');
		nova_json_text(out, label, strlen(label));
	}
	nova_out_char(out, '"');
}

/* A column as PostgreSQL's JDBC driver describes it. */
static char *
source_parameters(const char *column, const NovaSourceType *source)
{
	StringInfoData json;
	NovaOut out;

	initStringInfo(&json);
	nova_out_init(&out, &json);
	out.java = true;
	put(&out, "\"__debezium.source.column.type\":");
	nova_json_cstring(&out, asc_toupper(source->name, strlen(source->name)));
	appendStringInfo(&json,
					 ",\"__debezium.source.column.length\":\"%d\","
					 "\"__debezium.source.column.scale\":\"%d\","
					 "\"__debezium.source.column.name\":",
					 source->length, source->scale);
	nova_json_cstring(&out, column);
	nova_out_char(&out, '\0');
	return json.data;
}

/* The parameters that this column is to carry of its source, or NULL. */
static char *
propagated(const NovaPlan *plan, const NovaColumn *col, Relation rel, const NovaOptions *options)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), col->attidx);
	const char *column = NameStr(att->attname);
	NovaSourceType source;

	if (options->propagate_columns->n == 0 && options->propagate_types->n == 0)
		return NULL;
	source = nova_type_source(att->atttypid, col->type, col->typmod);
	if (source.serial && nova_default_is_sequence(rel, att))
		source.name = source.serial;
	if (nova_regexes_match(options->propagate_columns,
						   psprintf("%s.%s", plan->full_name, column)) ||
		nova_regexes_match(options->propagate_types,
						   psprintf("%s.%s", plan->full_name, source.name)))
		return source_parameters(column, &source);
	return NULL;
}

/*
 * One schema
 */

/* What a field adds to the schema of its type. */
typedef struct Field
{
	bool optional;
	bool named;           /* it is a struct's: say which */
	const char *source;   /* more parameters, or NULL */
	const char *standard; /* JSON of the default, or NULL */
} Field;

static void put_schema(NovaOut *out, const NovaColumn *col, const Field *field,
					   const NovaOptions *options);

static void
put_items(NovaOut *out, const NovaColumn *col, const NovaOptions *options)
{
	const NovaColumn *element = col->info->element;
	Field item = {.optional = !encoder_schema(element)->never_null &&
							  !nova_type_names(element->type).never_null &&
							  !nova_type_names(col->type).items_never_null};

	put(out, "\"array\",\"items\":");
	put_schema(out, element, &item, options);
}

static void
put_fields(NovaOut *out, const NovaColumn *col, const NovaOptions *options)
{
	static const Field part = {.optional = true, .named = true};

	put(out, "\"struct\",\"fields\":[");
	for (int i = 0; i < col->info->nfields; i++)
	{
		if (i > 0)
			nova_out_char(out, ',');
		put_schema(out, &col->info->fields[i], &part, options);
	}
	nova_out_char(out, ']');
}

/* base64 is the bytes themselves, or text that the connector made of them. */
static bool
is_encoded_bytes(const NovaColumn *col, const NovaOptions *options)
{
	return col->encode == nova_encode_base64 && options->binary_mode != NOVA_BINARY_BYTES;
}

static void
put_type(NovaOut *out, const NovaColumn *col, const EncoderSchema *schema,
		 const NovaOptions *options)
{
	if (col->encode == nova_encode_array)
		put_items(out, col, options);
	else if (col->encode == nova_encode_composite)
		put_fields(out, col, options);
	else
		put(out, is_encoded_bytes(col, options) ? STRING : schema->type);
}

static const char *
schema_name(const NovaColumn *col, const EncoderSchema *schema, const NovaOptions *options)
{
	if (schema->connect && options->time_mode == NOVA_TIME_CONNECT)
		return schema->connect;
	if (schema->name)
		return schema->name;
	return schema->type && strcmp(schema->type, STRING) == 0 ? nova_type_names(col->type).string
															 : NULL;
}

static void
put_parameters(NovaOut *out, const NovaColumn *col, const EncoderSchema *schema, const char *source)
{
	if (schema->parameters == NULL && source == NULL)
		return;
	put(out, ",\"parameters\":{");
	if (schema->parameters)
		schema->parameters(out, col);
	if (schema->parameters && source)
		nova_out_char(out, ',');
	if (source)
		put(out, source);
	nova_out_char(out, '}');
}

static void
put_schema(NovaOut *out, const NovaColumn *col, const Field *field, const NovaOptions *options)
{
	const EncoderSchema *schema = encoder_schema(col);
	const char *name = schema_name(col, schema, options);

	put(out, "{\"type\":");
	put_type(out, col, schema, options);
	put(out, field->optional ? ",\"optional\":true" : ",\"optional\":false");
	if (name)
	{
		put(out, ",\"name\":");
		put(out, name);
	}
	put_parameters(out, col, schema, field->source);
	if (field->standard)
	{
		put(out, ",\"default\":");
		put(out, field->standard);
	}
	if (field->named)
	{
		/* the column's prefix is `,"name":` */
		put(out, ",\"field\":");
		nova_out_bytes(out, col->prefix + 1, col->prefix_len - 2);
	}
	nova_out_char(out, '}');
}

bool
nova_schema_is_string(const NovaColumn *col, const NovaOptions *options)
{
	const EncoderSchema *schema = encoder_schema(col);

	return is_encoded_bytes(col, options) || (schema->type && strcmp(schema->type, STRING) == 0);
}

/*
 * A relation's schemas
 */

/* `,"optional":false,"name":"cdc.public.users.Value"` */
static void
put_name(NovaOut *out, bool optional, const NovaPlan *plan, const char *suffix,
		 const NovaOptions *options)
{
	char *name =
		nova_adjust_schema(psprintf("%s.%s", plan->record_name, suffix), options->schema_names);

	put(out, optional ? ",\"optional\":true" : ",\"optional\":false");
	put(out, ",\"name\":");
	nova_json_utf8(out, name, strlen(name));
}

/*
 * Must the column's field be there?  In Debezium's records it is; nova leaves
 * out what a delete does not know, or what a truncate's record has not.
 */
static bool
always_there(const NovaColumn *col, Form_pg_attribute att, const NovaOptions *options)
{
	return att->attnotnull && !encoder_schema(col)->may_be_null &&
		   (options->profile == NOVA_PROFILE_DEBEZIUM ||
			(col->in_identity &&
			 (options->format == NOVA_FORMAT_ENVELOPE || strchr(options->skipped, 't') != NULL)));
}

/* `"struct","fields":[…` of a row; the closing bracket is the caller's. */
static void
put_row(NovaOut *out, const NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	put(out, "\"struct\",\"fields\":[");
	for (int i = 0; i < plan->ncolumns; i++)
	{
		const NovaColumn *col = &plan->columns[i];
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), col->attidx);
		Field field = {.optional = !always_there(col, att, options),
					   .named = true,
					   .source = propagated(plan, col, rel, options),
					   .standard = col->standard};

		if (i > 0)
			nova_out_char(out, ',');
		put_schema(out, col, &field, options);
	}
}

static void
put_key(NovaOut *out, const NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	put(out, "{\"type\":\"struct\",\"fields\":[");
	for (int i = 0; i < plan->nkey; i++)
	{
		const NovaColumn *col = &plan->key[i];
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), col->attidx);
		Field field = {.optional = !att->attnotnull, .named = true, .standard = col->standard};

		if (i > 0)
			nova_out_char(out, ',');
		put_schema(out, col, &field, options);
	}
	nova_out_char(out, ']');
	put_name(out, false, plan, "Key", options);
	nova_out_char(out, '}');
}

/* A flat row with the added fields, or the bare one that a delete's null has. */
static void
put_flat(NovaOut *out, const NovaPlan *plan, Relation rel, const NovaOptions *options, bool bare)
{
	bool first = plan->ncolumns == 0;

	put(out, "{\"type\":");
	put_row(out, plan, rel, options);
	if (!bare && (options->delete_mode == NOVA_DELETE_REWRITE ||
				  options->delete_mode == NOVA_DELETE_REWRITE_TOMBSTONE))
	{
		put(out, first ? "" : ",");
		put(out, OPTIONAL(STRING, "__deleted"));
		first = false;
	}
	for (int i = 0; !bare && i < options->nfields; i++)
	{
		put(out, first ? "" : ",");
		put(out, options->fields[i].schema);
		first = false;
	}
	nova_out_char(out, ']');
	put_name(out, bare, plan, "Value", options);
	nova_out_char(out, '}');
}

#define SNAPSHOT                                                                                   \
	"{\"type\":\"string\",\"optional\":true,\"name\":" NAMED(                                      \
		"io.debezium.data.Enum") ","                                                               \
								 "\"parameters\":{\"allowed\":\"true,first,first_in_data_"         \
								 "collection,last_in_data_collection,"                             \
								 "last,false,incremental\"},\"default\":\"false\",\"field\":"      \
								 "\"snapshot\"}"

#define SOURCE                                                                                                                                                                      \
	"{\"type\":" STRUCT(REQUIRED(STRING, "version") "," REQUIRED(STRING, "connector") "," REQUIRED(STRING, "name") "," REQUIRED(                                                    \
		INT64,                                                                                                                                                                      \
		"ts_ms") "," SNAPSHOT                                                                                                                                                       \
				 "," REQUIRED(STRING, "db") "," OPTIONAL(STRING, "sequence") "," OPTIONAL(INT64, "ts_us") "," OPTIONAL(INT64, "ts_ns") "," REQUIRED(STRING, "schema") "," REQUIRED( \
					 STRING,                                                                                                                                                        \
					 "table") "," OPTIONAL(INT64,                                                                                                                                   \
										   "txId") "," OPTIONAL(INT64,                                                                                                              \
																"lsn") "," OPTIONAL(INT64,                                                                                          \
																					"xmin") "," OPTIONAL(STRING,                                                                    \
																										 "origin") "," OPTIONAL(INT64,                                              \
																																"origin_lsn")) ",\"optional\":false,\"name\":" NAMED("io.debezium.connector.postgresql.Source") ",\"field\":\"source\"}"

#define TRANSACTION                                                                                \
	"{\"type\":" STRUCT(REQUIRED(STRING, "id") "," REQUIRED(INT64, "total_order") "," REQUIRED(    \
		INT64,                                                                                     \
		"data_collection_order")) ",\"optional\":true,\"name\":" NAMED("event.block") ",\"field\"" \
																					  ":\"transac" \
																					  "tion\"}"

static void
put_envelope(NovaOut *out, const NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	static const char *const rows[] = {"before", "after"};

	put(out, "{\"type\":\"struct\",\"fields\":[");
	for (int i = 0; i < 2; i++)
	{
		put(out, "{\"type\":");
		put_row(out, plan, rel, options);
		nova_out_char(out, ']');
		put_name(out, true, plan, "Value", options);
		appendStringInfo(out->buf, ",\"field\":\"%s\"},", rows[i]);
	}
	put(out, SOURCE "," TRANSACTION "," REQUIRED(STRING, "op") "," OPTIONAL(
				 INT64, "ts_ms") "," OPTIONAL(INT64, "ts_us") "," OPTIONAL(INT64, "ts_ns") "]");
	put_name(out, false, plan, "Envelope", options);
	put(out, ",\"version\":2}");
}

/* Begin and end of `{"schema":S,"payload":` in a buffer of its own. */
static void
open_schema(NovaOut *out, StringInfo buf, const NovaOptions *options)
{
	initStringInfo(buf);
	nova_out_init(out, buf);
	out->java = options->profile == NOVA_PROFILE_DEBEZIUM;
	put(out, "{\"schema\":");
}

static NovaBytes
close_schema(NovaOut *out)
{
	NovaBytes bytes;

	put(out, ",\"payload\":");
	bytes.data = out->buf->data;
	bytes.len = (uint32) out->buf->len;
	return bytes;
}

static void
plan_values(NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	StringInfoData buf;
	NovaOut out;

	open_schema(&out, &buf, options);
	if (options->format == NOVA_FORMAT_ENVELOPE)
		put_envelope(&out, plan, rel, options);
	else
		put_flat(&out, plan, rel, options, false);
	plan->value_schema = close_schema(&out);
	if (options->format == NOVA_FORMAT_ENVELOPE || options->delete_mode != NOVA_DELETE_TOMBSTONE)
		return;
	open_schema(&out, &buf, options);
	put_flat(&out, plan, rel, options, true);
	plan->null_schema = close_schema(&out);
}

void
nova_schema_plan(NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	StringInfoData buf;
	NovaOut out;

	if (options->key_schemas && plan->nkey > 0)
	{
		open_schema(&out, &buf, options);
		put_key(&out, plan, rel, options);
		plan->key_schema = close_schema(&out);
	}
	if (options->value_schemas)
		plan_values(plan, rel, options);
}

/*
 * Messages
 */

#define MESSAGE(content)                                                                            \
	"{\"type\":" STRUCT(REQUIRED(STRING, "op") "," OPTIONAL(                                        \
		INT64,                                                                                      \
		"ts_ms") "," SOURCE "," TRANSACTION ","                                                     \
				 "{\"type\":" STRUCT(OPTIONAL(STRING, "prefix") "," OPTIONAL(                       \
					 content,                                                                       \
					 "content")) ",\"optional\":false,\"name\":" NAMED("io.debezium."               \
																	   "connector.postgresql."      \
																	   "Message") ",\"field\""      \
																				  ":\"message"      \
																				  "\"}") ",\""      \
																						 "opt"      \
																						 "ion"      \
																						 "al"       \
																						 "\":"      \
																						 "fal"      \
																						 "se,"      \
																						 "\"n"      \
																						 "ame"      \
																						 "\""       \
																						 ":" NAMED( \
																							 "io."  \
																							 "deb"  \
																							 "ezi"  \
																							 "um."  \
																							 "con"  \
																							 "nec"  \
																							 "tor"  \
																							 ".po"  \
																							 "stg"  \
																							 "res"  \
																							 "ql."  \
																							 "Mes"  \
																							 "sag"  \
																							 "eVa"  \
																							 "lu"   \
																							 "e") "}"

#define MESSAGE_KEY                                                                                \
	"{\"type\":" STRUCT(OPTIONAL(STRING, "prefix")) ",\"optional\":false,\"name\":" NAMED(         \
		"io.debezium.connector.postgresql.MessageKey") "}"

static NovaBytes
constant_schema(const char *schema, const NovaOptions *options)
{
	StringInfoData buf;
	NovaOut out;

	open_schema(&out, &buf, options);
	put(&out, schema);
	return close_schema(&out);
}

NovaBytes
nova_schema_message_key(const NovaOptions *options)
{
	NovaBytes none = {NULL, 0};

	return options->key_schemas ? constant_schema(MESSAGE_KEY, options) : none;
}

NovaBytes
nova_schema_message(const NovaOptions *options)
{
	NovaBytes none = {NULL, 0};

	if (!options->value_schemas)
		return none;
	return constant_schema(
		options->binary_mode == NOVA_BINARY_BYTES ? MESSAGE(BYTES) : MESSAGE(STRING), options);
}
