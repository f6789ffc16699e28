/*-------------------------------------------------------------------------
 *
 * type.c
 *		From a type to the function that writes its values as JSON; see type.h.
 *
 * The only file with type OIDs.  A type is looked for in this order: the table
 * of built-in types, then by what it is made of (domain, enum, array,
 * composite), then the extension types known by their output function, then
 * its text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "adjust.h"
#include "compat.h"
#include "debezium.h"
#include "extension.h"
#include "nested.h"
#include "structured.h"
#include "type.h"
#include "value.h"

/*
 * Encoders by profile.  A type without one in a profile goes out as text, or,
 * if Debezium does not know it, as the option include.unknown.datatypes says.
 * Types whose form is an option's business are in by_mode() instead.
 */
static const struct
{
	Oid type;
	NovaEncoder nova;
	NovaEncoder debezium;
} plain_types[] = {
	{BOOLOID, nova_encode_bool, nova_encode_bool},
	{INT2OID, nova_encode_int2, nova_encode_int2},
	{INT4OID, nova_encode_int4, nova_encode_int4},
	{INT8OID, nova_encode_int8, nova_encode_int8},
	{OIDOID, nova_encode_oid, nova_encode_oid},
	{FLOAT4OID, nova_encode_float4, dbz_encode_float4},
	{FLOAT8OID, nova_encode_float8, dbz_encode_float8},
	{TEXTOID, nova_encode_text, nova_encode_text},
	{VARCHAROID, nova_encode_text, nova_encode_text},
	{BPCHAROID, nova_encode_text, nova_encode_text},
	{CHAROID, nova_encode_char, nova_encode_char},
	{NAMEOID, nova_encode_name, nova_encode_name},
	{UUIDOID, nova_encode_uuid, nova_encode_uuid},
	{BITOID, nova_encode_output, dbz_encode_bits},
	{VARBITOID, nova_encode_output, dbz_encode_bits},
	{POINTOID, nova_encode_output, dbz_encode_point},
	{LINEOID, nova_encode_output, dbz_encode_line},
	{LSEGOID, nova_encode_output, dbz_encode_lseg},
	{BOXOID, nova_encode_output, dbz_encode_box},
	{PATHOID, nova_encode_output, dbz_encode_path},
	{POLYGONOID, nova_encode_output, dbz_encode_polygon},
	{CIRCLEOID, nova_encode_output, dbz_encode_circle},
	{INETOID, nova_encode_output, nova_encode_output},
	{CIDROID, nova_encode_output, nova_encode_output},
	{MACADDROID, nova_encode_output, nova_encode_output},
	{MACADDR8OID, nova_encode_output, nova_encode_output},
	{XMLOID, nova_encode_output, nova_encode_output},
	{TSVECTOROID, nova_encode_output, nova_encode_output},
	{INT4RANGEOID, nova_encode_output, nova_encode_output},
	{INT8RANGEOID, nova_encode_output, nova_encode_output},
	{NUMRANGEOID, nova_encode_output, nova_encode_output},
	{DATERANGEOID, nova_encode_output, nova_encode_output},
	{TSRANGEOID, nova_encode_output, nova_encode_output},
	{TSTZRANGEOID, nova_encode_output, nova_encode_output},
	/* printing their names would mean looking into today's catalogs */
	{REGCLASSOID, nova_encode_oid, NULL},
	{REGCOLLATIONOID, nova_encode_oid, NULL},
	{REGCONFIGOID, nova_encode_oid, NULL},
	{REGDICTIONARYOID, nova_encode_oid, NULL},
	{REGNAMESPACEOID, nova_encode_oid, NULL},
	{REGOPEROID, nova_encode_oid, NULL},
	{REGOPERATOROID, nova_encode_oid, NULL},
	{REGPROCOID, nova_encode_oid, NULL},
	{REGPROCEDUREOID, nova_encode_oid, NULL},
	{REGROLEOID, nova_encode_oid, NULL},
	{REGTYPEOID, nova_encode_oid, NULL},
};

/* Extension types have no fixed OID: they are known by name. */
static const struct
{
	const char *name;
	NovaEncoder nova;
	NovaEncoder debezium;
} extension_types[] = {
	{"citext", nova_encode_output, nova_encode_output},
	{"ltree", nova_encode_output, nova_encode_output},
	{"isbn", nova_encode_output, nova_encode_output},
};

/* Array elements for which Debezium leaves the column out. */
static const Oid unknown_elements[] = {CASHOID,  NAMEOID,     XMLOID,      VARBITOID,
									   POINTOID, INTERVALOID, REFCURSOROID};

static NovaTypeInfo *
new_info(NovaColumn *col)
{
	NovaTypeInfo *info = palloc0(sizeof(NovaTypeInfo));

	col->info = info;
	return info;
}

static bool shows_names(Oid type);

static bool
row_shows_names(Oid type)
{
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped && shows_names(TupleDescAttr(desc, i)->atttypid))
			return true;
	return false;
}

/* Does a value's text depend on the search path or on lc_monetary? */
static bool
shows_names(Oid type)
{
	switch (type)
	{
		case CASHOID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGTYPEOID:
			return true;
		default:
			break;
	}
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return shows_names(getBaseType(type));
		case TYPTYPE_COMPOSITE:
			return row_shows_names(type);
		case TYPTYPE_RANGE:
			return shows_names(get_range_subtype(type));
		case TYPTYPE_MULTIRANGE:
			return shows_names(get_multirange_range(type));
		default:
			return OidIsValid(get_element_type(type)) && shows_names(get_element_type(type));
	}
}

/* Keep the session out of the text, if it would show there. */
static void
pin_names(NovaColumn *col, Oid type)
{
	if (!shows_names(type))
		return;
	unconstify(NovaTypeInfo *, col->info)->pinned = col->encode;
	col->encode = nova_encode_pinned;
}

/* Text, as the type's output function gives it. */
void
nova_type_text(NovaColumn *col, Oid type)
{
	Oid outfunc;
	bool is_varlena;

	getTypeOutputInfo(type, &outfunc, &is_varlena);
	fmgr_info_cxt(outfunc, &new_info(col)->outfunc, CurrentMemoryContext);
	col->encode = nova_encode_output;
}

/* Decimals of numeric(p,s), read as the JDBC driver does: negative ones wrap. */
static int
declared_decimals(int32 typmod)
{
	return typmod < (int32) VARHDRSZ ? -1 : (typmod - VARHDRSZ) & 0xFFFF;
}

static NovaEncoder
by_decimal_mode(Oid type, int scale, const NovaOptions *options)
{
	bool money = type == CASHOID;

	switch (options->decimal_mode)
	{
		case NOVA_DECIMAL_NUMBER:
			break;
		case NOVA_DECIMAL_PRECISE:
			if (options->decimal_numeric && !money && scale >= 0)
				return dbz_encode_decimal_number;
			if (money)
				return options->decimal_numeric ? dbz_encode_money_number : dbz_encode_money;
			return scale < 0 ? dbz_encode_decimal_any : dbz_encode_decimal;
		case NOVA_DECIMAL_DOUBLE:
			return money ? dbz_encode_money_double : dbz_encode_decimal_double;
		case NOVA_DECIMAL_STRING:
			return money ? dbz_encode_money_string : dbz_encode_decimal_string;
	}
	return money ? nova_encode_money : nova_encode_numeric;
}

/* The unit of adaptive modes depends on the declared fraction digits. */
static NovaTimeMode
effective_time_mode(Oid type, int digits, NovaTimeMode mode)
{
	bool fits_ms = digits >= 0 && digits <= 3;

	if (mode == NOVA_TIME_ADAPTIVE_MICROSECONDS && type == TIMEOID)
		return NOVA_TIME_MICROSECONDS;
	if (mode == NOVA_TIME_ADAPTIVE || mode == NOVA_TIME_ADAPTIVE_MICROSECONDS)
		return fits_ms ? NOVA_TIME_CONNECT : NOVA_TIME_MICROSECONDS;
	return mode;
}

static NovaEncoder
by_time_mode(Oid type, int digits, const NovaOptions *options)
{
	static const NovaEncoder time[] = {
		[NOVA_TIME_NOVA] = nova_encode_time,
		[NOVA_TIME_CONNECT] = dbz_encode_time_ms,
		[NOVA_TIME_ISOSTRING] = dbz_encode_time_iso,
		[NOVA_TIME_MICROSECONDS] = dbz_encode_time_us,
		[NOVA_TIME_NANOSECONDS] = dbz_encode_time_ns,
		[NOVA_TIME_STRUCTURED] = dbz_encode_time_object,
	};
	static const NovaEncoder timestamp[] = {
		[NOVA_TIME_NOVA] = nova_encode_timestamp,
		[NOVA_TIME_CONNECT] = dbz_encode_timestamp_ms,
		[NOVA_TIME_ISOSTRING] = dbz_encode_timestamp_iso,
		[NOVA_TIME_MICROSECONDS] = dbz_encode_timestamp_us,
		[NOVA_TIME_NANOSECONDS] = dbz_encode_timestamp_ns,
		[NOVA_TIME_STRUCTURED] = dbz_encode_timestamp_object,
	};
	NovaTimeMode mode = effective_time_mode(type, digits, options->time_mode);

	switch (type)
	{
		case DATEOID:
			if (mode == NOVA_TIME_NOVA)
				return nova_encode_date;
			if (mode == NOVA_TIME_STRUCTURED)
				return dbz_encode_date_object;
			return mode == NOVA_TIME_ISOSTRING ? dbz_encode_date_iso : dbz_encode_date_days;
		case TIMEOID:
			return time[mode];
		case TIMETZOID:
			if (mode == NOVA_TIME_STRUCTURED)
				return dbz_encode_timetz_object;
			return mode == NOVA_TIME_NOVA ? nova_encode_output : dbz_encode_timetz;
		case TIMESTAMPOID:
			return timestamp[mode];
		default:
			if (mode == NOVA_TIME_STRUCTURED)
				return dbz_encode_timestamptz_object;
			return mode == NOVA_TIME_NOVA ? nova_encode_timestamp : dbz_encode_timestamptz;
	}
}

static NovaEncoder
by_binary_mode(const NovaOptions *options)
{
	static const NovaEncoder encoders[] = {
		[NOVA_BINARY_BYTES] = nova_encode_base64,
		[NOVA_BINARY_BASE64] = nova_encode_base64,
		[NOVA_BINARY_BASE64_URL] = nova_encode_base64_url,
		[NOVA_BINARY_HEX] = nova_encode_hex,
	};

	return encoders[options->binary_mode];
}

static NovaEncoder
by_interval_mode(const NovaOptions *options)
{
	static const NovaEncoder encoders[] = {
		[NOVA_INTERVAL_TEXT] = nova_encode_output,
		[NOVA_INTERVAL_NUMERIC] = dbz_encode_interval_us,
		[NOVA_INTERVAL_STRING] = dbz_encode_interval_iso,
	};

	if (options->time_mode == NOVA_TIME_STRUCTURED)
		return dbz_encode_interval_object;
	return encoders[options->interval_mode];
}

/* Types whose form is an option's business; NULL: none of these. */
static NovaEncoder
by_mode(Oid type, int scale, const NovaOptions *options)
{
	switch (type)
	{
		case NUMERICOID:
		case CASHOID:
			return by_decimal_mode(type, scale, options);
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return by_time_mode(type, scale, options);
		case INTERVALOID:
			return by_interval_mode(options);
		case BYTEAOID:
			return by_binary_mode(options);
		case JSONOID:
			return options->json_mode == NOVA_JSON_TEXT ? nova_encode_text : nova_encode_json;
		case JSONBOID:
			return options->json_mode == NOVA_JSON_TEXT ? nova_encode_jsonb_text
														: nova_encode_jsonb;
		default:
			return NULL;
	}
}

static NovaEncoder
by_profile(Oid type, const NovaOptions *options)
{
	for (int i = 0; i < lengthof(plain_types); i++)
		if (plain_types[i].type == type)
			return options->profile == NOVA_PROFILE_DEBEZIUM ? plain_types[i].debezium
															 : plain_types[i].nova;
	return NULL;
}

/* Built-in types.  False: it is none, or none that the profile knows. */
static bool
choose_plain(NovaColumn *col, Oid type, int32 typmod, const NovaOptions *options)
{
	NovaTypeInfo *info;
	int scale = type == NUMERICOID ? declared_decimals(typmod) : typmod;
	NovaEncoder encode = by_mode(type, scale, options);

	if (encode == NULL)
		encode = by_profile(type, options);
	if (encode == NULL)
		return false;
	if (encode == dbz_encode_bits && typmod == 1)
		encode = dbz_encode_bit;
	if (encode == nova_encode_output)
		nova_type_text(col, type);
	info = col->info ? unconstify(NovaTypeInfo *, col->info) : new_info(col);
	info->scale = type == CASHOID ? options->money_digits : scale;
	col->encode = encode;
	return true;
}

/* All labels of an enum, as the snapshot in force sees them. */
static void
choose_enum(NovaColumn *col, Oid type)
{
	NovaTypeInfo *info = new_info(col);
	Relation rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(type));
	scan = systable_beginscan(rel, EnumTypIdLabelIndexId, true, NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_enum row = (Form_pg_enum) GETSTRUCT(tuple);
		NovaLabel label = {.oid = row->oid,
						   .position = row->enumsortorder,
						   .label = pstrdup(NameStr(row->enumlabel))};

		if ((info->nlabels & (info->nlabels - 1)) == 0)
			info->labels = info->labels
							   ? repalloc(info->labels, 2 * info->nlabels * sizeof(NovaLabel))
							   : palloc(sizeof(NovaLabel));
		info->labels[info->nlabels++] = label;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	nova_sort_labels(info->labels, info->nlabels);
	col->encode = nova_encode_enum;
}

/* False: the options leave columns of such elements out. */
static bool
choose_array(NovaColumn *col, Oid element, int32 typmod, NovaTypeContext *context)
{
	NovaTypeInfo *info = new_info(col);

	get_typlenbyvalalign(element, &info->typlen, &info->typbyval, &info->typalign);
	info->element = palloc0(sizeof(NovaColumn));
	info->element->prefix = palloc0(NOVA_PREFIX_PAD);
	info->element->null = "null";
	col->encode = nova_encode_array;
	return nova_type_column(info->element, element, typmod, context);
}

static void
choose_composite(NovaColumn *col, Oid type, NovaTypeContext *context)
{
	NovaTypeInfo *info = new_info(col);
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);

	info->desc = desc;
	info->fields = palloc0(Max(desc->natts, 1) * sizeof(NovaColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		NovaColumn *field = &info->fields[info->nfields];

		if (att->attisdropped)
			continue;
		nova_column_name(field, NameStr(att->attname), context->options);
		field->attidx = i;
		field->null = "null";
		if (nova_type_column(field, att->atttypid, att->atttypmod, context))
			info->nfields++;
	}
	context->relids = lappend_oid(context->relids, get_typ_typrelid(type));
	col->encode = nova_encode_composite;
}

static char *
type_name(Oid type)
{
	HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char *name = pstrdup("");

	if (HeapTupleIsValid(tuple))
	{
		name = pstrdup(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
		ReleaseSysCache(tuple);
	}
	return name;
}

/* hstore, whose form is an option's business. */
static NovaEncoder
by_hstore_mode(const NovaOptions *options)
{
	if (options->hstore_mode == NOVA_HSTORE_JSON)
		return dbz_encode_hstore_json;
	return options->profile == NOVA_PROFILE_DEBEZIUM ? dbz_encode_hstore_map : nova_encode_hstore;
}

/*
 * Types whose bytes or text are looked into: a name alone is not enough, so they
 * are known by their output function.  NULL: none of these.
 */
static NovaEncoder
by_output(const char *outfunc, const NovaOptions *options)
{
	const NovaExtensionType *known;

	if (strcmp(outfunc, "hstore_out") == 0)
		return by_hstore_mode(options);
	known = nova_extension_type(outfunc);
	if (known == NULL)
		return NULL;
	return options->profile == NOVA_PROFILE_DEBEZIUM ? known->debezium : known->nova;
}

/*
 * A type known by its name, or not at all.  False: Debezium does not know it
 * and the options leave such columns out.
 */
static bool
choose_by_name(NovaColumn *col, Oid type, const NovaOptions *options)
{
	bool debezium = options->profile == NOVA_PROFILE_DEBEZIUM;
	char *name = type_name(type);
	char *outfunc;
	NovaEncoder encode;

	nova_type_text(col, type);
	outfunc = get_func_name(col->info->outfunc.fn_oid);
	encode = outfunc ? by_output(outfunc, options) : NULL;
	if (encode)
	{
		col->encode = encode;
		return true;
	}
	for (int i = 0; i < lengthof(extension_types); i++)
	{
		if (strcmp(name, extension_types[i].name) == 0)
		{
			col->encode = debezium ? extension_types[i].debezium : extension_types[i].nova;
			return true;
		}
	}
	if (debezium)
		col->encode =
			options->binary_mode == NOVA_BINARY_HEX ? dbz_encode_unknown_hex : dbz_encode_unknown;
	return !debezium || options->include_unknown;
}

/* Does Debezium read arrays of this element type? */
static bool
element_is_known(Oid element, const NovaOptions *options)
{
	if (options->profile != NOVA_PROFILE_DEBEZIUM)
		return true;
	for (int i = 0; i < lengthof(unknown_elements); i++)
		if (unknown_elements[i] == element)
			return false;
	return options->include_unknown || get_typtype(element) != TYPTYPE_DOMAIN;
}

bool
nova_type_column(NovaColumn *col, Oid type, int32 typmod, NovaTypeContext *context)
{
	const NovaOptions *options = context->options;
	Oid element;
	char kind;

	type = getBaseTypeAndTypmod(type, &typmod);
	col->info = NULL;
	col->type = type;
	col->typmod = typmod;
	if (choose_plain(col, type, typmod, options))
		return true;
	kind = get_typtype(type);
	element = get_element_type(type);
	if (kind == TYPTYPE_ENUM)
		choose_enum(col, type);
	else if (kind == TYPTYPE_COMPOSITE && options->profile == NOVA_PROFILE_NOVA)
		choose_composite(col, type, context);
	else if (OidIsValid(element))
		return element_is_known(element, options) && choose_array(col, element, typmod, context);
	else if (!choose_by_name(col, type, options))
		return false;
	else
		pin_names(col, type);
	return true;
}

#define EMPTY_WKB_POINT "\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define ORIGIN          "{\"x\":0.0,\"y\":0.0,\"wkb\":" EMPTY_WKB_POINT ",\"srid\":null}"
#define UNIT_BOX                                                                                   \
	"{\"wkb\":\"AQMAAAABAAAABQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/"                      \
	"AAAAAAAA8D8AAAAAAADwPwAA"                                                                     \
	"AAAAAPA/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null,\"extensions\":{\"type\":\"box\"}}"

#define UNIT_LINE(type)                                                                            \
	"{\"wkb\":\"AQIAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAAAAA=\",\"srid\":null,"         \
	"\"extensions\":{\"type\":\"" type "\"}}"
#define UNIT_TRIANGLE                                                                              \
	"{\"wkb\":\"AQMAAAABAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADwPwAAAAAAAAAAAAAAAAAAAAAAAAAA"      \
	"AADwPwAAAAAAAAAAAAAAAAAAAAA=\",\"srid\":null,\"extensions\":{\"type\":\"polygon\"}}"

static const struct
{
	Oid type;
	NovaTraits traits;
} type_traits[] = {
	{BOOLOID, {NOVA_ZERO_BYVAL, NULL, true}},
	{INT2OID, {NOVA_ZERO_BYVAL, NULL, true}},
	{INT4OID, {NOVA_ZERO_BYVAL, NULL, true}},
	{INT8OID, {NOVA_ZERO_INT64, NULL, true}},
	{OIDOID, {NOVA_ZERO_BYVAL, NULL, true}},
	{FLOAT4OID, {NOVA_ZERO_BYVAL, NULL, true}},
	{FLOAT8OID, {NOVA_ZERO_INT64, NULL, true}},
	{NUMERICOID, {NOVA_ZERO_NUMERIC, NULL, true}},
	{CASHOID, {NOVA_ZERO_INT64}},
	{TEXTOID, {NOVA_ZERO_JSON, "\"\"", true, NULL, true}},
	{VARCHAROID, {NOVA_ZERO_JSON, "\"\"", true, NULL, true}},
	{BPCHAROID, {NOVA_ZERO_JSON, "\"\"", true, NULL, true}},
	{UUIDOID, {NOVA_ZERO_JSON, "\"\"", true, "\"00000000-0000-0000-0000-000000000000\"", true}},
	{JSONOID, {NOVA_ZERO_JSON, "\"\"", true, "\"{}\"", true}},
	{JSONBOID, {NOVA_ZERO_JSON, "\"\"", true, "\"{}\"", true}},
	{XMLOID, {NOVA_ZERO_JSON, "\"\"", false, NULL, true}},
	{TSVECTOROID, {NOVA_ZERO_JSON, "\"\"", false, NULL, true}},
	{BITOID, {NOVA_ZERO_JSON, "\"\"", true}},
	{DATEOID, {NOVA_ZERO_EPOCH, NULL, true}},
	{TIMEOID, {NOVA_ZERO_INT64, NULL, true}},
	{TIMETZOID, {NOVA_ZERO_JSON, "\"00:00:00Z\""}},
	{TIMESTAMPOID, {NOVA_ZERO_EPOCH, NULL, true}},
	{TIMESTAMPTZOID, {NOVA_ZERO_JSON, "\"1970-01-01T00:00:00Z\"", true}},
	{INTERVALOID, {NOVA_ZERO_JSON, "0", true}},
	{POINTOID, {NOVA_ZERO_JSON, ORIGIN}},
	{LINEOID, {NOVA_ZERO_JSON, "{\"a\":0.0,\"b\":1.0,\"c\":0.0}"}},
	{BOXOID, {NOVA_ZERO_JSON, UNIT_BOX}},
	{CIRCLEOID, {NOVA_ZERO_JSON, "{\"center\":" ORIGIN ",\"radius\":0.0}"}},
	{VARBITOID, {NOVA_ZERO_JSON, "\"\""}},
	{BYTEAOID, {NOVA_ZERO_JSON, "\"\""}},
	{LSEGOID, {NOVA_ZERO_JSON, UNIT_LINE("lseg")}},
	{PATHOID, {NOVA_ZERO_JSON, UNIT_LINE("path")}},
	{POLYGONOID, {NOVA_ZERO_JSON, UNIT_TRIANGLE}},
};

NovaTraits
nova_type_traits(Oid type, int32 typmod)
{
	NovaTraits other = {.zero = NOVA_ZERO_JSON, .zero_json = "\"\"", .shows_placeholder = true};

	for (int i = 0; i < lengthof(type_traits); i++)
	{
		if (type_traits[i].type != type)
			continue;
		other = type_traits[i].traits;
		if (type == BITOID && typmod == 1)
			other.zero_json = "false";
		return other;
	}
	if (OidIsValid(get_element_type(type)))
		other.zero_json = "[]";
	other.has_default = get_typtype(type) == TYPTYPE_ENUM;
	return other;
}

bool
nova_type_is_character(Oid type)
{
	static const Oid types[] = {TEXTOID, VARCHAROID, BPCHAROID, CHAROID, NAMEOID};

	for (int i = 0; i < lengthof(types); i++)
		if (types[i] == type)
			return true;
	return get_typtype(type) == TYPTYPE_ENUM;
}

bool
nova_type_is_padded(Oid type)
{
	return type == BPCHAROID;
}

Datum
nova_type_zero(Oid type, NovaZero zero)
{
	if (zero == NOVA_ZERO_NUMERIC)
		return NumericGetDatum(int64_to_numeric(0));
	if (zero == NOVA_ZERO_INT64)
		return Int64GetDatum(0);
	if (zero == NOVA_ZERO_EPOCH && type == DATEOID)
		return DateADTGetDatum(UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE);
	if (zero == NOVA_ZERO_EPOCH)
		return TimestampGetDatum((int64) (UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY);
	return (Datum) 0;
}

/* Types whose category does not say what a value looks like. */
static const struct
{
	Oid type;
	const char *literal;
} type_samples[] = {
	{UUIDOID, "00000000-0000-0000-0000-000000000000"},
	{JSONOID, "{}"},
	{JSONBOID, "{}"},
	{BYTEAOID, ""},
	{XMLOID, ""},
	{TSVECTOROID, ""},
	{BITOID, "0"},
	{VARBITOID, "0"},
	{INETOID, "0.0.0.0"},
	{CIDROID, "0.0.0.0/0"},
	{MACADDROID, "00:00:00:00:00:00"},
	{MACADDR8OID, "00:00:00:00:00:00:00:00"},
};

/* What any type of a category reads. */
static const char *
category_sample(char category, char kind)
{
	switch (category)
	{
		case TYPCATEGORY_NUMERIC:
			return "0";
		case TYPCATEGORY_BOOLEAN:
			return "false";
		case TYPCATEGORY_DATETIME:
			return "1970-01-01 00:00:00+00";
		case TYPCATEGORY_TIMESPAN:
			return "0";
		case TYPCATEGORY_STRING:
			return "";
		case TYPCATEGORY_ARRAY:
			return "{}";
		case TYPCATEGORY_RANGE:
			return kind == TYPTYPE_MULTIRANGE ? "{}" : "empty";
		default:
			return NULL;
	}
}

/* A plain value of a type of the server's own, as text; NULL: none is known. */
static const char *
sample_text(Oid type)
{
	char category;
	bool preferred;

	for (int i = 0; i < lengthof(type_samples); i++)
		if (type_samples[i].type == type)
			return type_samples[i].literal;
	get_type_category_preferred(type, &category, &preferred);
	if (type >= FirstNormalObjectId && get_typtype(type) == TYPTYPE_BASE &&
		!OidIsValid(get_element_type(type)))
		return NULL;
	return category_sample(category, get_typtype(type));
}

bool
nova_type_sample(const NovaColumn *col, Datum *value)
{
	const char *literal = sample_text(col->type);
	Oid input;
	Oid param;

	if (col->encode == nova_encode_enum && col->info->nlabels > 0)
	{
		*value = ObjectIdGetDatum(col->info->labels[0].oid);
		return true;
	}
	if (literal == NULL)
		return false;
	/* a bit(n) takes n digits and nothing else */
	if (col->type == BITOID && col->typmod > 0)
		literal = psprintf("%0*d", col->typmod, 0);
	getTypeInputInfo(col->type, &input, &param);
	*value = OidInputFunctionCall(input, pstrdup(literal), param, col->typmod);
	return true;
}

bool
nova_type_is_bytes(const NovaColumn *col)
{
	return col->type == BYTEAOID;
}

const NovaColumn *
nova_column_named(const NovaColumn *columns, int n, TupleDesc desc, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, columns[i].attidx)->attname), name) == 0)
			return &columns[i];
	return NULL;
}

bool
nova_type_epoch_ms(const NovaColumn *col, Datum value, int64 *ms)
{
	int64 us;

	if (col->type != TIMESTAMPOID && col->type != TIMESTAMPTZOID)
		return false;
	us = DatumGetTimestamp(value);
	if (TIMESTAMP_NOT_FINITE(us))
		return false;
	*ms = us / 1000 - (us % 1000 < 0) +
		  (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (USECS_PER_DAY / 1000);
	return true;
}

bool
nova_type_int32(const NovaColumn *col, Datum value, int32 *number)
{
	if (col->type == INT4OID)
		*number = DatumGetInt32(value);
	else if (col->type == INT2OID)
		*number = DatumGetInt16(value);
	else
		return false;
	return true;
}

NovaArrayPlaceholder
nova_type_array_placeholder(Oid element)
{
	switch (element)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case JSONBOID:
			return NOVA_PLACEHOLDER_STRING;
		case BYTEAOID:
			return NOVA_PLACEHOLDER_BYTES;
		case INT4OID:
		case INT8OID:
		case DATEOID:
			return NOVA_PLACEHOLDER_NUMBERS;
		case UUIDOID:
			return NOVA_PLACEHOLDER_UUID;
		default:
			return NOVA_PLACEHOLDER_NONE;
	}
}

#define NAMED(name) "\"io.debezium.data." name "\",\"version\":1"

static const struct
{
	Oid type;
	NovaTypeNames names;
} type_names[] = {
	{JSONOID, {NAMED("Json")}},
	{JSONBOID, {NAMED("Json")}},
	{XMLOID, {NAMED("Xml")}},
	{TSVECTOROID, {NAMED("Tsvector"), .never_null = true}},
	{INT2VECTOROID, {.items_never_null = true}},
	{OIDVECTOROID, {.items_never_null = true}},
};

static const struct
{
	const char *name;
	NovaTypeNames names;
} extension_type_names[] = {
	{"ltree", {NAMED("Ltree")}},
	{"isbn", {.never_null = true}},
};

NovaTypeNames
nova_type_names(Oid type)
{
	NovaTypeNames none = {NULL};
	char *name;

	for (int i = 0; i < lengthof(type_names); i++)
		if (type_names[i].type == type)
			return type_names[i].names;
	name = type_name(type);
	for (int i = 0; i < lengthof(extension_type_names); i++)
		if (strcmp(extension_type_names[i].name, name) == 0)
			return extension_type_names[i].names;
	return none;
}

/* Characters of a time's fraction and its point, which one digit has two of. */
static int
fraction_length(int digits)
{
	if (digits < 0)
		return 7;
	return digits == 0 ? 0 : Max(digits, 2) + 1;
}

/* Length and scale of a type; those of an array are its element's. */
static void
describe_source(NovaSourceType *source, Oid type, int32 typmod)
{
	int digits = typmod < 0 ? 6 : typmod;

	switch (type)
	{
		case BOOLOID:
		case CHAROID:
			source->length = 1;
			break;
		case INT2OID:
			source->length = 5;
			source->serial = "smallserial";
			break;
		case INT4OID:
			source->length = 10;
			source->serial = "serial";
			break;
		case INT8OID:
			source->length = 19;
			source->serial = "bigserial";
			break;
		case OIDOID:
			source->length = 10;
			break;
		case FLOAT4OID:
			source->length = source->scale = 8;
			break;
		case FLOAT8OID:
			source->length = source->scale = 17;
			break;
		case NUMERICOID:
			source->length = typmod < 0 ? 131089 : ((typmod - VARHDRSZ) >> 16) & 0xFFFF;
			source->scale = Max(declared_decimals(typmod), 0);
			break;
		case BPCHAROID:
		case VARCHAROID:
			source->length = typmod < 0 ? PG_INT32_MAX : typmod - (int) VARHDRSZ;
			break;
		case BITOID:
		case VARBITOID:
			source->length = typmod < 0 ? PG_INT32_MAX : typmod;
			break;
		case DATEOID:
			source->length = 13;
			break;
		case TIMEOID:
			source->length = 8 + fraction_length(typmod);
			source->scale = digits;
			break;
		case TIMETZOID:
			source->length = 14 + fraction_length(typmod);
			source->scale = digits;
			break;
		case TIMESTAMPOID:
			source->length = 22 + fraction_length(typmod);
			source->scale = digits;
			break;
		case TIMESTAMPTZOID:
			source->length = 28 + fraction_length(typmod);
			source->scale = digits;
			break;
		case INTERVALOID:
			source->length = 49;
			source->scale = digits & 0xFFFF;
			break;
		default:
			break;
	}
}

NovaSourceType
nova_type_source(Oid declared, Oid type, int32 typmod)
{
	NovaSourceType source = {.name = type_name(declared), .length = PG_INT32_MAX};
	Oid element = get_typlen(type) == -1 ? get_element_type(type) : InvalidOid;

	/* vectors are no arrays to the driver */
	if (OidIsValid(element) && type != INT2VECTOROID && type != OIDVECTOROID)
		type = getBaseTypeAndTypmod(element, &typmod);
	describe_source(&source, type, typmod);
	if (type != declared)
		source.serial = NULL;
	return source;
}

const char nova_no_prefix[NOVA_PREFIX_PAD] = "";

/* `,"name":`, padded for the vector copy. */
void
nova_column_name(NovaColumn *col, const char *name, const NovaOptions *options)
{
	StringInfoData prefix;
	StringInfoData utf8;
	NovaOut out;

	initStringInfo(&utf8);
	nova_utf8(&utf8, name, strlen(name));
	name = nova_adjust_field(utf8.data, options->field_names);
	initStringInfo(&prefix);
	nova_out_init(&out, &prefix);
	out.java = options->profile == NOVA_PROFILE_DEBEZIUM;
	nova_out_char(&out, ',');
	nova_json_utf8(&out, name, strlen(name));
	nova_out_char(&out, ':');
	enlargeStringInfo(&prefix, 2 * NOVA_PREFIX_PAD);
	memset(prefix.data + prefix.len, 0, 2 * NOVA_PREFIX_PAD);
	col->prefix = prefix.data;
	col->prefix_len = prefix.len;
}
