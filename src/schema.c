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
#include "extension.h"
#include "fields.h"
#include "mask.h"
#include "nested.h"
#include "outbox.h"
#include "schema.h"
#include "structured.h"
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
#define ARRAY_OF(type) "\"array\",\"items\":{\"type\":" type ",\"optional\":false}"

/* Of time.precision.mode=structured: parts with a comma before each. */
#define INT8             "\"int8\""
#define PART(type, name) "," OPTIONAL(type, name)
#define YEAR             OPTIONAL(INT32, "year")
#define DAY              PART(INT8, "month") PART(INT8, "day")
#define HOUR             OPTIONAL(INT8, "hour")
#define SECOND           PART(INT8, "minute") PART(INT8, "second") PART(INT32, "nanos")
#define OFFSET           PART(INT32, "offsetSeconds")
#define ZONE             PART(STRING, "zoneId")
#define SPECIAL          PART(STRING, "specialValue")
#define PRECISION        PART(INT32, "precision")
#define DAYS             OPTIONAL(INT32, "years") PART(INT32, "months") PART(INT32, "days")
#define HOURS            PART(INT32, "hours") PART(INT32, "minutes")
#define SECONDS          PART(INT64, "seconds") PART(INT32, "nanos")

#define SPARSE_MAP                                                                                 \
	",{\"type\":\"map\",\"keys\":{\"type\":\"int16\",\"optional\":false},"                         \
	"\"values\":{\"type\":\"double\",\"optional\":false},\"optional\":false,\"field\":\"vector\"}"

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
	{nova_encode_jsonb_text, STRING},
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
	{nova_encode_pinned, STRING}, /* the encoder within decides: inner_encoder() */
	{nova_encode_vector, ARRAY_OF(FLOAT), NAMED("io.debezium.data.FloatVector")},
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
	{dbz_encode_date_object, STRUCT(YEAR DAY SPECIAL), DEBEZIUM_TIME("StructuredDate")},
	{dbz_encode_time_object, STRUCT(HOUR SECOND PRECISION), DEBEZIUM_TIME("StructuredTime")},
	{dbz_encode_timetz_object, STRUCT(HOUR SECOND OFFSET PRECISION),
	 DEBEZIUM_TIME("StructuredZonedTime")},
	{dbz_encode_timestamp_object, STRUCT(YEAR DAY "," HOUR SECOND SPECIAL PRECISION),
	 DEBEZIUM_TIME("StructuredTimestamp")},
	{dbz_encode_timestamptz_object, STRUCT(YEAR DAY "," HOUR SECOND OFFSET ZONE SPECIAL PRECISION),
	 DEBEZIUM_TIME("StructuredZonedTimestamp")},
	{dbz_encode_interval_object, STRUCT(DAYS HOURS SECONDS PRECISION),
	 DEBEZIUM_TIME("StructuredDuration")},
	{dbz_encode_geometry, GEOMETRY_FIELDS, GEOMETRY_NAME, .may_be_null = true},
	{dbz_encode_geography, STRUCT(REQUIRED(BYTES, "wkb") PART(INT32, "srid")),
	 NAMED("io.debezium.data.geometry.Geography") ",\"doc\":\"Geography\""},
	{dbz_encode_vector, ARRAY_OF(DOUBLE), NAMED("io.debezium.data.DoubleVector"),
	 .never_null = true},
	{dbz_encode_halfvec, ARRAY_OF(FLOAT), NAMED("io.debezium.data.FloatVector"),
	 .never_null = true},
	{dbz_encode_sparsevec, STRUCT(REQUIRED(INT16, "dimensions") SPARSE_MAP),
	 NAMED("io.debezium.data.SparseDoubleVector") ",\"doc\":\"Sparse double vector\"",
	 .never_null = true},
	{dbz_encode_hstore_json, STRING, NAMED("io.debezium.data.Json")},
	{dbz_encode_hstore_map, STRING_MAP},
	{dbz_encode_unknown, BYTES, .never_null = true},
	{dbz_encode_unknown_hex, STRING, .never_null = true},
};

/* The encoder within those that only wrap another. */
static NovaEncoder
inner_encoder(const NovaColumn *col)
{
	NovaEncoder encode = nova_mask_shown_as(col);

	return encode == nova_encode_pinned ? col->info->pinned : encode;
}

static const EncoderSchema *
encoder_schema(const NovaColumn *col)
{
	static const EncoderSchema string = {.type = STRING};
	NovaEncoder encode = inner_encoder(col);

	for (int i = 0; i < lengthof(encoder_schemas); i++)
		if (encoder_schemas[i].encode == encode)
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

static int
compare_positions(const void *a, const void *b)
{
	float4 x = ((const NovaLabel *) a)->position;
	float4 y = ((const NovaLabel *) b)->position;

	return x < y ? -1 : x > y;
}

/* The labels in their own order, not in that of their making. */
static void
enum_parameters(NovaOut *out, const NovaColumn *col)
{
	int n = col->info->nlabels;
	NovaLabel *labels = palloc(Max(n, 1) * sizeof(NovaLabel));

	for (int i = 0; i < n; i++)
		labels[i] = col->info->labels[i];
	qsort(labels, n, sizeof(NovaLabel), compare_positions);
	put(out, "\"allowed\":\"");
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			nova_out_char(out, ',');
		nova_json_text(out, labels[i].label, strlen(labels[i].label));
	}
	nova_out_char(out, '"');
	pfree(labels);
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

/* The parameter that says what is hidden of this column, or NULL. */
static char *
hidden(const NovaPlan *plan, const char *column, const NovaOptions *options)
{
	const NovaMaskRule *rule = nova_mask_rule(options, psprintf("%s.%s", plan->full_name, column));

	if (rule == NULL)
		return NULL;
	if (rule->kind == NOVA_MASK_TRUNCATE)
		return psprintf("\"truncateLength\":\"%d\"", rule->chars);
	return pstrdup("\"masked\":\"true\"");
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
	const char *hidden;   /* a parameter, or NULL */
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
	return inner_encoder(col) == nova_encode_base64 && options->binary_mode != NOVA_BINARY_BYTES;
}

static void
put_type(NovaOut *out, const NovaColumn *col, const EncoderSchema *schema,
		 const NovaOptions *options)
{
	if (schema->encode == nova_encode_array)
		put_items(out, col, options);
	else if (schema->encode == nova_encode_composite)
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

/* The comma or brace before another parameter. */
static void
separate(NovaOut *out, bool *first)
{
	put(out, *first ? ",\"parameters\":{" : ",");
	*first = false;
}

static void
put_parameters(NovaOut *out, const NovaColumn *col, const EncoderSchema *schema, const Field *field)
{
	const char *given[] = {field->hidden, field->source};
	bool first = true;

	if (schema->parameters)
	{
		separate(out, &first);
		schema->parameters(out, col);
	}
	for (int i = 0; i < lengthof(given); i++)
	{
		if (given[i] == NULL)
			continue;
		separate(out, &first);
		put(out, given[i]);
	}
	if (!first)
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
	put_parameters(out, col, schema, field);
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

/* `,"optional":false,"name":"cdc.public.users.Value"`; of: what the transforms call it, or NULL */
static void
put_name(NovaOut *out, bool optional, const NovaPlan *plan, const char *of, const char *suffix,
		 const NovaOptions *options)
{
	char *name = nova_adjust_schema(psprintf("%s.%s", of ? of : plan->record_name, suffix),
									options->schema_names);

	put(out, optional ? ",\"optional\":true" : ",\"optional\":false");
	put(out, ",\"name\":");
	nova_json_utf8(out, name, strlen(name));
}

/*
 * Must the column's field be there?  In Debezium's records it is; nova leaves
 * out what a delete does not know, or what a truncate's record has not.
 */
static bool
always_there(const NovaPlan *plan, const NovaColumn *col, Form_pg_attribute att,
			 const NovaOptions *options)
{
	return att->attnotnull && !encoder_schema(col)->may_be_null &&
		   (options->profile == NOVA_PROFILE_DEBEZIUM ||
			(col->in_identity && (!plan->flat || strchr(options->skipped, 't') != NULL)));
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
		Field field = {.optional = !always_there(plan, col, att, options),
					   .named = true,
					   .hidden = hidden(plan, NameStr(att->attname), options),
					   .source = propagated(plan, col, rel, options),
					   .standard = col->standard};

		if (i > 0)
			nova_out_char(out, ',');
		put_schema(out, col, &field, options);
	}
}

/* A column that stands alone, as a key of one field or an event's payload. */
static void
put_alone(NovaOut *out, const NovaColumn *col, Relation rel, const NovaOptions *options)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), col->attidx);
	Field field = {.optional = !att->attnotnull, .standard = col->standard};

	put_schema(out, col, &field, options);
}

static void
put_key(NovaOut *out, const NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	if (plan->bare_key)
	{
		put_alone(out, plan->bare_key, rel, options);
		return;
	}
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
	put(out, plan->shape.key_schema ? plan->shape.key_schema : "");
	nova_out_char(out, ']');
	put_name(out, false, plan, plan->shape.key_name, "Key", options);
	nova_out_char(out, '}');
}

/* The added fields: columns as they are in the row, but for null. */
static void
put_added(NovaOut *out, const NovaPlan *plan, const NovaOptions *options, bool first)
{
	static const Field optional = {.optional = true, .named = true};

	for (int i = 0; i < options->fields->n; i++)
	{
		const NovaField *field = &options->fields->items[i];
		const NovaColumn *column = plan->field_columns ? &plan->field_columns[i] : NULL;

		if (!(column && column->encode) && field->type == NULL)
			continue;
		put(out, first ? "" : ",");
		if (column && column->encode)
			put_schema(out, column, &optional, options);
		else
			nova_field_schema(out, field);
		first = false;
	}
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
	if (!bare)
		put_added(out, plan, options, first);
	nova_out_char(out, ']');
	put_name(out, bare, plan, plan->shape.value_name, "Value", options);
	nova_out_char(out, '}');
}

/* `{"type":"struct",…,"field":"source"}`: a struct of the table of fields. */
static void
put_owner(NovaOut *out, const char *owner, bool optional, const char *name)
{
	put(out, "{\"type\":\"struct\",\"fields\":[");
	nova_fields_schemas(out, owner);
	appendStringInfo(out->buf, "],\"optional\":%s,\"name\":%s,\"field\":\"%s\"}",
					 optional ? "true" : "false", name, owner);
}

/* Where a record comes from, and in which transaction. */
static void
put_origin(NovaOut *out)
{
	put_owner(out, "source", false, NAMED("io.debezium.connector.postgresql.Source"));
	nova_out_char(out, ',');
	put_owner(out, "transaction", true, NAMED("event.block"));
}

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
		put_name(out, true, plan, plan->shape.value_name, "Value", options);
		appendStringInfo(out->buf, ",\"field\":\"%s\"},", rows[i]);
	}
	put_origin(out);
	nova_out_char(out, ',');
	nova_fields_schemas(out, "");
	nova_out_char(out, ']');
	put_name(out, false, plan, plan->shape.value_name, "Envelope", options);
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
	if (!plan->flat)
		put_envelope(&out, plan, rel, options);
	else
		put_flat(&out, plan, rel, options, false);
	plan->value_schema = close_schema(&out);
	if (!plan->flat || options->delete_mode != NOVA_DELETE_TOMBSTONE)
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

	if (options->key_schemas && (plan->outbox || plan->nkey > 0))
	{
		open_schema(&out, &buf, options);
		if (plan->outbox)
			put_alone(&out, nova_outbox_key_column(plan->outbox), rel, options);
		else
			put_key(&out, plan, rel, options);
		plan->key_schema = close_schema(&out);
	}
	if (!options->value_schemas)
		return;
	if (plan->outbox)
	{
		open_schema(&out, &buf, options);
		put_alone(&out, nova_outbox_payload_column(plan->outbox), rel, options);
		plan->value_schema = close_schema(&out);
	}
	else
		plan_values(plan, rel, options);
}

/*
 * Records of no relation
 */

/* A key of one string, in the shape that the transforms give it. */
static void
put_named_key(NovaOut *out, const char *field, bool optional, const char *name,
			  const NovaShape *shape)
{
	bool bare = shape->key_field && strcmp(shape->key_field, field) == 0;
	const char *may_be_null = optional ? "true" : "false";

	put(out, bare ? "" : "{\"type\":\"struct\",\"fields\":[");
	appendStringInfo(out->buf, "{\"type\":\"string\",\"optional\":%s", may_be_null);
	if (bare)
	{
		nova_out_char(out, '}');
		return;
	}
	appendStringInfo(out->buf, ",\"field\":\"%s\"}%s],\"optional\":false,\"name\":%s}", field,
					 shape->key_schema ? shape->key_schema : "", name);
}

static void
put_message(NovaOut *out, const NovaOptions *options, const NovaShape *shape)
{
	put(out, "{\"type\":\"struct\",\"fields\":[");
	put(out, REQUIRED(STRING, "op") ",");
	put(out, OPTIONAL(INT64, "ts_ms") ",");
	put_origin(out);
	put(out, ",{\"type\":\"struct\",\"fields\":[");
	put(out, OPTIONAL(STRING, "prefix") ",");
	put(out, options->binary_mode == NOVA_BINARY_BYTES ? OPTIONAL(BYTES, "content")
													   : OPTIONAL(STRING, "content"));
	put(out, "],\"optional\":false,\"name\":");
	put(out, NAMED("io.debezium.connector.postgresql.Message"));
	put(out, ",\"field\":\"message\"}],\"optional\":false,\"name\":");
	put(out, NAMED("io.debezium.connector.postgresql.MessageValue"));
	nova_out_char(out, '}');
}

static void
put_message_key(NovaOut *out, const NovaOptions *options, const NovaShape *shape)
{
	put_named_key(out, "prefix", true, NAMED("io.debezium.connector.postgresql.MessageKey"), shape);
}

static void
put_transaction(NovaOut *out, const NovaOptions *options, const NovaShape *shape)
{
	put(out, "{\"type\":\"struct\",\"fields\":[");
	put(out, REQUIRED(STRING, "status") "," REQUIRED(STRING, "id") ",");
	put(out, OPTIONAL(INT64, "event_count") ",");
	put(out, "{\"type\":\"array\",\"items\":{\"type\":\"struct\",\"fields\":[");
	put(out, REQUIRED(STRING, "data_collection") "," REQUIRED(INT64, "event_count"));
	put(out, "],\"optional\":true,\"name\":" NAMED("event.collection"));
	put(out, "},\"optional\":true,\"field\":\"data_collections\"},");
	put(out, REQUIRED(INT64, "ts_ms"));
	put(out, "],\"optional\":false,\"name\":");
	put(out, NAMED("io.debezium.connector.common.TransactionMetadataValue"));
	nova_out_char(out, '}');
}

static void
put_transaction_key(NovaOut *out, const NovaOptions *options, const NovaShape *shape)
{
	put_named_key(out, "id", false, NAMED("io.debezium.connector.common.TransactionMetadataKey"),
				  shape);
}

static NovaBytes
made_schema(bool wanted,
			void (*put_it)(NovaOut *out, const NovaOptions *options, const NovaShape *shape),
			const NovaOptions *options, const NovaShape *shape)
{
	NovaBytes none = {NULL, 0};
	StringInfoData buf;
	NovaOut out;

	if (!wanted)
		return none;
	open_schema(&out, &buf, options);
	put_it(&out, options, shape);
	return close_schema(&out);
}

NovaBytes
nova_schema_message_key(const NovaOptions *options, const NovaShape *shape)
{
	return made_schema(options->key_schemas, put_message_key, options, shape);
}

NovaBytes
nova_schema_message(const NovaOptions *options, const NovaShape *shape)
{
	return made_schema(options->value_schemas, put_message, options, shape);
}

NovaBytes
nova_schema_transaction_key(const NovaOptions *options, const NovaShape *shape)
{
	return made_schema(options->key_schemas, put_transaction_key, options, shape);
}

NovaBytes
nova_schema_transaction(const NovaOptions *options, const NovaShape *shape)
{
	return made_schema(options->value_schemas, put_transaction, options, shape);
}
