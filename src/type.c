/*-------------------------------------------------------------------------
 *
 * type.c
 *		From a type to the function that writes its values as JSON; see type.h.
 *
 * The only file with type OIDs.  The forms are those of the nova profile:
 * numbers as JSON numbers, NaN and the infinities as strings, timestamps as
 * milliseconds since 1970, dates and times in ISO 8601, bytea in base64, json
 * and jsonb nested.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "format.h"
#include "pin.h"
#include "type.h"

/* Digits and sign of an int64, and a NUL, which the server's functions add. */
#define INT64_ROOM 21

/* Milliseconds from 1970 to PostgreSQL's 2000. */
#define EPOCH_SHIFT_MS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (USECS_PER_DAY / 1000))

/* Write prefix and a short constant. */
static void
put_constant(NovaOut *out, const NovaColumn *col, const char *s)
{
	Size len = strlen(s);
	char *p = nova_column_open(out, col, len);

	memcpy(p, s, len);
	nova_out_advance(out, p + len);
}

/* Write prefix only. */
static void
put_prefix(NovaOut *out, const NovaColumn *col)
{
	nova_out_advance(out, nova_column_open(out, col, 0));
}

static void
encode_bool(NovaOut *out, const NovaColumn *col, Datum value)
{
	put_constant(out, col, DatumGetBool(value) ? "true" : "false");
}

static void
encode_int2(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_ltoa(DatumGetInt16(value), p));
}

static void
encode_int4(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_ltoa(DatumGetInt32(value), p));
}

static void
encode_int8(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_lltoa(DatumGetInt64(value), p));
}

static void
encode_oid(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_ulltoa_n(DatumGetObjectId(value), p));
}

static const char *
float_special(double v)
{
	if (isnan(v))
		return "\"NaN\"";
	return v > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

static void
encode_float4(NovaOut *out, const NovaColumn *col, Datum value)
{
	float4 v = DatumGetFloat4(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		put_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, FLOAT_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + float_to_shortest_decimal_bufn(v, p));
}

static void
encode_float8(NovaOut *out, const NovaColumn *col, Datum value)
{
	float8 v = DatumGetFloat8(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		put_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, DOUBLE_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + double_to_shortest_decimal_bufn(v, p));
}

/*
 * The stored form of numeric (struct NumericData in utils/adt/numeric.c),
 * which has not changed since 9.1 and cannot without a dump: a uint16 header
 * whose top two bits tell a short form (sign, 6 bits dscale, 7 bits weight), a
 * long form (sign and 14 bits dscale, then an int16 weight) or a special one.
 */
#define NUM_FLAGS           0xC000
#define NUM_SHORT           0x8000
#define NUM_SPECIAL         0xC000
#define NUM_NEGATIVE        0x4000
#define NUM_NAN             0xC000
#define NUM_PINF            0xD000
#define NUM_SHORT_NEGATIVE  0x2000
#define NUM_SHORT_DSCALE(h) (((h) &0x1F80) >> 7)
#define NUM_SHORT_WEIGHT(h) ((int) ((h) &0x003F) - (int) ((h) &0x0040))
#define NUM_LONG_DSCALE(h)  ((h) &0x3FFF)

static const char *
numeric_special(uint16 header)
{
	if (header == NUM_NAN)
		return "\"NaN\"";
	return header == NUM_PINF ? "\"Infinity\"" : "\"-Infinity\"";
}

/* The JSON of a numeric's bytes behind its length word. */
static void
append_numeric(NovaOut *out, const NovaColumn *col, const char *data, int size)
{
	uint16 header;
	int16 weight;
	bool is_short;
	int dscale;
	int head;
	char *p;

	memcpy(&header, data, sizeof(header));
	if (unlikely((header & NUM_FLAGS) == NUM_SPECIAL))
	{
		put_constant(out, col, numeric_special(header));
		return;
	}
	is_short = (header & NUM_FLAGS) == NUM_SHORT;
	head = is_short ? 2 : 4;
	if (is_short)
		weight = (int16) NUM_SHORT_WEIGHT(header);
	else
		memcpy(&weight, data + 2, sizeof(weight));
	dscale = is_short ? NUM_SHORT_DSCALE(header) : NUM_LONG_DSCALE(header);
	p = nova_column_open(out, col, nova_numeric_room(weight, dscale));
	p = nova_format_numeric(p, data + head, (size - head) / 2, weight, dscale,
							is_short ? (header & NUM_SHORT_NEGATIVE) != 0
									 : (header & NUM_FLAGS) == NUM_NEGATIVE);
	nova_out_advance(out, p);
}

static void
encode_numeric(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	append_numeric(out, col, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

static void
encode_text(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	put_prefix(out, col);
	nova_json_string(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

static void
encode_name(NovaOut *out, const NovaColumn *col, Datum value)
{
	put_prefix(out, col);
	nova_json_cstring(out, NameStr(*DatumGetName(value)));
}

/*
 * "char" is one byte of no encoding.  Bytes that are not ASCII take the
 * backslash-octal form that PostgreSQL 16 and later print.
 */
static void
encode_char(NovaOut *out, const NovaColumn *col, Datum value)
{
	unsigned char c = (unsigned char) DatumGetChar(value);
	char shown[5] = {(char) c, '\0'};

	if (c >= 0x80)
		snprintf(shown, sizeof(shown), "\\%03o", c);
	put_prefix(out, col);
	nova_json_cstring(out, shown);
}

static void
encode_bytea(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	put_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

static void
encode_uuid(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 2 * UUID_LEN + 6);

	*p++ = '"';
	p = nova_format_uuid(p, DatumGetUUIDP(value)->data);
	*p++ = '"';
	nova_out_advance(out, p);
}

static void
encode_date(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	int year;
	int month;
	int day;
	char *p;

	if (unlikely(DATE_NOT_FINITE(date)))
	{
		put_constant(out, col, DATE_IS_NOBEGIN(date) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	p = nova_column_open(out, col, 20);
	*p++ = '"';
	p = nova_format_date(p, year, month, day);
	*p++ = '"';
	nova_out_advance(out, p);
}

static void
encode_time(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 17);

	*p++ = '"';
	p = nova_format_time(p, DatumGetTimeADT(value));
	*p++ = '"';
	nova_out_advance(out, p);
}

/* Milliseconds since 1970, rounded towards the past; both timestamp types. */
static void
encode_timestamp(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 ms;
	char *p;

	if (unlikely(TIMESTAMP_NOT_FINITE(ts)))
	{
		put_constant(out, col, TIMESTAMP_IS_NOBEGIN(ts) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	/* divide first: the latest timestamp plus the shift overflows in microseconds */
	ms = ts / 1000 - (ts % 1000 < 0 ? 1 : 0) + EPOCH_SHIFT_MS;
	p = nova_column_open(out, col, INT64_ROOM);
	nova_out_advance(out, p + pg_lltoa(ms, p));
}

static void
encode_json(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	put_prefix(out, col);
	nova_json_document(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

static void
append_jsonb_scalar(NovaOut *out, const JsonbValue *v)
{
	static const NovaColumn bare = {.prefix = "", .prefix_len = 0};

	switch (v->type)
	{
		case jbvString:
			nova_json_string(out, v->val.string.val, v->val.string.len);
			break;
		case jbvNumeric:
			append_numeric(out, &bare, VARDATA_ANY(v->val.numeric),
						   VARSIZE_ANY_EXHDR(v->val.numeric));
			break;
		case jbvBool:
			nova_out_bytes(out, v->val.boolean ? "true" : "false", v->val.boolean ? 4 : 5);
			break;
		default:
			nova_out_bytes(out, "null", 4);
			break;
	}
}

/* A jsonb as compact JSON, token by token, so that no text is built aside. */
static void
encode_jsonb(NovaOut *out, const NovaColumn *col, Datum value)
{
	Jsonb *jb = DatumGetJsonbP(value);
	bool scalar = JB_ROOT_IS_SCALAR(jb);
	JsonbIterator *it = JsonbIteratorInit(&jb->root);
	JsonbIteratorToken token;
	JsonbValue v;
	bool comma = false;

	put_prefix(out, col);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (comma && (token == WJB_KEY || token == WJB_ELEM || token == WJB_BEGIN_ARRAY ||
					  token == WJB_BEGIN_OBJECT))
			nova_out_char(out, ',');
		comma = token != WJB_KEY && token != WJB_BEGIN_ARRAY && token != WJB_BEGIN_OBJECT;
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
				if (!scalar)
					nova_out_char(out, '[');
				break;
			case WJB_END_ARRAY:
				if (!scalar)
					nova_out_char(out, ']');
				break;
			case WJB_BEGIN_OBJECT:
				nova_out_char(out, '{');
				break;
			case WJB_END_OBJECT:
				nova_out_char(out, '}');
				break;
			case WJB_KEY:
				append_jsonb_scalar(out, &v);
				nova_out_char(out, ':');
				break;
			default:
				append_jsonb_scalar(out, &v);
				break;
		}
		nova_out_pressure(out);
	}
}

/* Any other type: its text as a JSON string. */
static void
encode_output(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->outfunc), value);

	put_prefix(out, col);
	nova_json_cstring(out, s);
}

static const struct
{
	Oid type;
	NovaEncoder encode;
} encoders[] = {
	{BOOLOID, encode_bool},
	{INT2OID, encode_int2},
	{INT4OID, encode_int4},
	{INT8OID, encode_int8},
	{OIDOID, encode_oid},
	{FLOAT4OID, encode_float4},
	{FLOAT8OID, encode_float8},
	{NUMERICOID, encode_numeric},
	{TEXTOID, encode_text},
	{VARCHAROID, encode_text},
	{BPCHAROID, encode_text},
	{CHAROID, encode_char},
	{NAMEOID, encode_name},
	{UUIDOID, encode_uuid},
	{BYTEAOID, encode_bytea},
	{DATEOID, encode_date},
	{TIMEOID, encode_time},
	{TIMESTAMPOID, encode_timestamp},
	{TIMESTAMPTZOID, encode_timestamp},
	{JSONOID, encode_json},
	{JSONBOID, encode_jsonb},
};

void
nova_type_column(NovaColumn *col, Form_pg_attribute att)
{
	Oid base = getBaseType(att->atttypid);
	Oid outfunc;
	bool is_varlena;

	col->varlena = att->attlen == -1;
	for (int i = 0; i < lengthof(encoders); i++)
	{
		if (encoders[i].type == base)
		{
			col->encode = encoders[i].encode;
			return;
		}
	}
	getTypeOutputInfo(base, &outfunc, &is_varlena);
	fmgr_info_cxt(outfunc, &col->outfunc, CurrentMemoryContext);
	col->encode = encode_output;
}
