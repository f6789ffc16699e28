/*-------------------------------------------------------------------------
 *
 * value.c
 *		Encoders of single values, in the nova profile's forms; see value.h.
 *
 * Numbers are JSON numbers, NaN and the infinities strings, timestamps
 * milliseconds since 1970, dates and times ISO 8601, bytea base64, json and
 * jsonb nested.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "escape.h"
#include "format.h"
#include "pin.h"
#include "value.h"

/* Digits and sign of an int64, and a NUL, which the server's functions add. */
#define INT64_ROOM 21

/* Milliseconds from 1970 to PostgreSQL's 2000. */
#define EPOCH_SHIFT_MS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (USECS_PER_DAY / 1000))

void
nova_encode_bool(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_constant(out, col, DatumGetBool(value) ? "true" : "false");
}

void
nova_encode_int2(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_ltoa(DatumGetInt16(value), p));
}

void
nova_encode_int4(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_ltoa(DatumGetInt32(value), p));
}

void
nova_encode_int8(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, p + pg_lltoa(DatumGetInt64(value), p));
}

void
nova_encode_oid(NovaOut *out, const NovaColumn *col, Datum value)
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

void
nova_encode_float4(NovaOut *out, const NovaColumn *col, Datum value)
{
	float4 v = DatumGetFloat4(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		nova_column_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, FLOAT_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + float_to_shortest_decimal_bufn(v, p));
}

void
nova_encode_float8(NovaOut *out, const NovaColumn *col, Datum value)
{
	float8 v = DatumGetFloat8(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		nova_column_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, DOUBLE_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + double_to_shortest_decimal_bufn(v, p));
}

static const char *
numeric_special(const NovaNumeric *n)
{
	if (n->kind == NOVA_NUMERIC_NAN)
		return "\"NaN\"";
	return n->negative ? "\"-Infinity\"" : "\"Infinity\"";
}

/* The JSON of a numeric's bytes behind its length word. */
static void
append_numeric(NovaOut *out, const NovaColumn *col, const char *data, int size, const char *quote)
{
	NovaNumeric n;
	Size quotes = strlen(quote);
	char *p;

	nova_numeric_read(&n, data, size);
	if (unlikely(n.kind != NOVA_NUMERIC_FINITE))
	{
		nova_column_constant(out, col, numeric_special(&n));
		return;
	}
	p = nova_column_open(out, col, nova_numeric_room(&n) + 2 * quotes);
	memcpy(p, quote, quotes);
	p = nova_format_numeric(p + quotes, &n);
	memcpy(p, quote, quotes);
	nova_out_advance(out, p + quotes);
}

void
nova_encode_numeric(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	append_numeric(out, col, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), "");
}

void
nova_encode_numeric_string(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	append_numeric(out, col, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), "\"");
}

/* Money is an integer of its smallest unit; info->scale says how small. */
void
nova_encode_money(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, NOVA_DECIMAL_ROOM(col->info->scale));

	nova_out_advance(out, nova_format_decimal(p, DatumGetCash(value), col->info->scale));
}

/* Short strings, which most are, take one reservation and no conversion. */
void
nova_encode_text(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);
	Size len = VARSIZE_ANY_EXHDR(v);
	char *p;

	if (unlikely(!nova_json_is_utf8 || len > NOVA_SLICE))
	{
		nova_column_prefix(out, col);
		nova_json_string(out, VARDATA_ANY(v), len);
		return;
	}
	p = nova_column_open(out, col, NOVA_ESCAPE_ROOM(len) + 2);
	*p++ = '"';
	p = out->java ? nova_escape_java(p, VARDATA_ANY(v), len) : nova_escape(p, VARDATA_ANY(v), len);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_name(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	nova_json_cstring(out, NameStr(*DatumGetName(value)));
}

/*
 * "char" is one byte of no encoding.  Bytes that are not ASCII take the
 * backslash-octal form that PostgreSQL 16 and later print.
 */
void
nova_encode_char(NovaOut *out, const NovaColumn *col, Datum value)
{
	unsigned char c = (unsigned char) DatumGetChar(value);
	char shown[5] = {(char) c, '\0'};

	if (c >= 0x80)
		snprintf(shown, sizeof(shown), "\\%03o", c);
	nova_column_prefix(out, col);
	nova_json_cstring(out, shown);
}

void
nova_encode_base64(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), false);
}

void
nova_encode_base64_url(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), true);
}

void
nova_encode_hex(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_hex(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

void
nova_encode_uuid(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 2 * UUID_LEN + 6);

	*p++ = '"';
	p = nova_format_uuid(p, DatumGetUUIDP(value)->data);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_date(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	int year;
	int month;
	int day;
	char *p;

	if (unlikely(DATE_NOT_FINITE(date)))
	{
		nova_column_constant(out, col, DATE_IS_NOBEGIN(date) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	p = nova_column_open(out, col, 20);
	*p++ = '"';
	p = nova_format_date(p, year, month, day);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_time(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 17);

	*p++ = '"';
	p = nova_format_time(p, DatumGetTimeADT(value));
	*p++ = '"';
	nova_out_advance(out, p);
}

/* Milliseconds since 1970, rounded towards the past; both timestamp types. */
void
nova_encode_timestamp(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 ms;
	char *p;

	if (unlikely(TIMESTAMP_NOT_FINITE(ts)))
	{
		nova_column_constant(out, col, TIMESTAMP_IS_NOBEGIN(ts) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	/* divide first: the latest timestamp plus the shift overflows in microseconds */
	ms = ts / 1000 - (ts % 1000 < 0 ? 1 : 0) + EPOCH_SHIFT_MS;
	p = nova_column_open(out, col, INT64_ROOM);
	nova_out_advance(out, p + pg_lltoa(ms, p));
}

void
nova_encode_json(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
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
						   VARSIZE_ANY_EXHDR(v->val.numeric), "");
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
void
nova_encode_jsonb(NovaOut *out, const NovaColumn *col, Datum value)
{
	Jsonb *jb = DatumGetJsonbP(value);
	bool scalar = JB_ROOT_IS_SCALAR(jb);
	JsonbIterator *it = JsonbIteratorInit(&jb->root);
	JsonbIteratorToken token;
	JsonbValue v;
	bool comma = false;

	nova_column_prefix(out, col);
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

void
nova_encode_output(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);

	nova_column_prefix(out, col);
	nova_json_cstring(out, s);
}
