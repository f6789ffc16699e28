/*-------------------------------------------------------------------------
 *
 * debezium.c
 *		Encoders of values in Debezium's forms; see debezium.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/geo_decls.h"
#include "utils/timestamp.h"
#include "utils/varbit.h"

#include "compat.h"
#include "debezium.h"
#include "format.h"
#include "nested.h"
#include "pin.h"

#define INT64_ROOM 21

/* Microseconds and ndays from 1970 to PostgreSQL's 2000. */
#define EPOCH_SHIFT_DAYS (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)
#define EPOCH_SHIFT_US   ((int64) EPOCH_SHIFT_DAYS * USECS_PER_DAY)

/* What the JDBC driver's two infinities come to in milliseconds. */
#define PLUS_INFINITY_MS  INT64CONST(9223372036825200000)
#define MINUS_INFINITY_MS INT64CONST(-9223372036832400000)

/* And as ndays, by an overflow in its conversion. */
#define PLUS_INFINITY_DAYS  2146033979
#define MINUS_INFINITY_DAYS (-2147472691)

/* Days in a month of an interval, on average. */
#define DAYS_PER_MONTH_AVG (365.25 / 12)

static void
put_int64(NovaOut *out, const NovaColumn *col, int64 v)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, nova_format_int64(p, v));
}

/* Short bytes as base64 in quotes, prefix included. */
static void
put_base64(NovaOut *out, const NovaColumn *col, const void *bytes, int len)
{
	nova_column_prefix(out, col);
	nova_json_base64(out, bytes, len, false);
}

/*
 * Numbers
 */

/*
 * Of these numbers Java's text is the server's, but for the decimals of whole
 * ones.  The server has an exponent for floats from 10^6 on.
 */
static inline bool
is_plain(double v, double end)
{
	double magnitude = fabs(v);

	return magnitude >= 1e-3 && magnitude < end;
}

static inline char *
finish_plain(char *end, double v)
{
	if (v != (double) (int32) v)
		return end;
	end[0] = '.';
	end[1] = '0';
	return end + 2;
}

/* Java's text of a double, whose special values are strings. */
static void
append_double(NovaOut *out, double v)
{
	char shortest[DOUBLE_SHORTEST_DECIMAL_LEN];
	char *p = nova_out_reserve(out, NOVA_JAVA_DOUBLE_ROOM);
	int n;

	if (likely(is_plain(v, 1e7)))
	{
		nova_out_advance(out, finish_plain(p + double_to_shortest_decimal_bufn(v, p), v));
		return;
	}
	if (!isfinite(v))
	{
		const char *special = isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"";

		nova_out_bytes(out, special, strlen(special));
		return;
	}
	n = double_to_shortest_decimal_bufn(v, shortest);
	/* among the subnormals Java prefers the nearest of two digits to one digit */
	if (v != 0 && fabs(v) < 1e-300)
	{
		char two[16];

		snprintf(two, sizeof(two), "%.1e", v);
		if (n < 7 && strtod(two, NULL) == v)
			n = (int) strlcpy(shortest, two, sizeof(shortest));
	}
	/* a decimal half-way between two doubles reads back as the even one */
	if (n > 15 && (fabs(v) >= 1e22 || fabs(v) < 1e-22))
	{
		char fewer[32];

		for (int digits = 14; digits <= 15; digits++)
		{
			snprintf(fewer, sizeof(fewer), "%.*e", digits, v);
			if (strtod(fewer, NULL) == v)
			{
				n = (int) strlcpy(shortest, fewer, sizeof(shortest));
				break;
			}
		}
	}
	nova_out_advance(out, nova_format_java_double(p, shortest, n));
}

void
dbz_write_double(NovaOut *out, double v)
{
	append_double(out, v);
}

void
dbz_encode_float8(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	append_double(out, DatumGetFloat8(value));
}

void
dbz_encode_float4(NovaOut *out, const NovaColumn *col, Datum value)
{
	float4 v = DatumGetFloat4(value);
	char shortest[FLOAT_SHORTEST_DECIMAL_LEN + 8];
	char two[16];
	char *p;
	int n;

	nova_column_prefix(out, col);
	if (!isfinite(v))
	{
		append_double(out, v);
		return;
	}
	p = nova_out_reserve(out, NOVA_JAVA_DOUBLE_ROOM);
	if (likely(is_plain(v, 1e6)))
	{
		nova_out_advance(out, finish_plain(p + float_to_shortest_decimal_bufn(v, p), v));
		return;
	}
	n = float_to_shortest_decimal_bufn(v, shortest);
	snprintf(two, sizeof(two), "%.1e", v);
	if (v != 0 && fabsf(v) < 1e-40f && n < 6 && strtof(two, NULL) == v)
		n = (int) strlcpy(shortest, two, sizeof(shortest));
	nova_out_advance(out, nova_format_java_double(p, shortest, n));
}

/* Detoast and take apart. */
static void
read_numeric(NovaNumeric *n, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_numeric_read(n, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

static void
append_unscaled(NovaOut *out, const NovaNumeric *n, int scale)
{
	unsigned char few[64];
	size_t room = nova_unscaled_room(n, scale);
	unsigned char *bytes = room <= sizeof(few) ? few : palloc(room);

	nova_json_base64(out, (char *) bytes, nova_numeric_unscaled(bytes, n, scale), false);
}

/* numeric(p,s): the unscaled value's bytes; special values fail to convert. */
void
dbz_encode_decimal(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaNumeric n;

	read_numeric(&n, value);
	if (n.kind != NOVA_NUMERIC_FINITE)
	{
		nova_column_constant(out, col, col->null);
		return;
	}
	nova_column_prefix(out, col);
	append_unscaled(out, &n, col->info->scale);
}

/* numeric: scale and bytes, without zeros at the end of the decimals. */
void
dbz_encode_decimal_any(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaNumeric n;
	int scale;
	char head[32];

	read_numeric(&n, value);
	if (n.kind != NOVA_NUMERIC_FINITE)
	{
		nova_column_constant(out, col, col->null);
		return;
	}
	scale = n.dscale;
	while (scale > 0 && nova_numeric_decimal(&n, scale - 1) == 0)
		scale--;
	nova_column_prefix(out, col);
	nova_out_bytes(out, head, snprintf(head, sizeof(head), "{\"scale\":%d,\"value\":", scale));
	append_unscaled(out, &n, scale);
	nova_out_char(out, '}');
}

/* The text of a finite numeric, terminated. */
static char *
numeric_text(const NovaNumeric *n)
{
	char *s = palloc(nova_numeric_room(n) + 1);

	*nova_format_numeric(s, n) = '\0';
	return s;
}

void
dbz_encode_decimal_double(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaNumeric n;
	double v;

	read_numeric(&n, value);
	if (n.kind == NOVA_NUMERIC_FINITE)
		v = strtod(numeric_text(&n), NULL);
	else if (n.kind == NOVA_NUMERIC_NAN)
		v = get_float8_nan();
	else
		v = n.negative ? -get_float8_infinity() : get_float8_infinity();
	nova_column_prefix(out, col);
	append_double(out, v);
}

/* With as many decimals as the column declares, if it declares any. */
static char *
padded_text(const NovaNumeric *n, int scale)
{
	NovaNumeric padded = *n;

	padded.dscale = Max(scale, n->dscale);
	return numeric_text(&padded);
}

void
dbz_encode_decimal_string(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaNumeric n;

	read_numeric(&n, value);
	nova_column_prefix(out, col);
	if (n.kind == NOVA_NUMERIC_FINITE)
		nova_json_cstring(out, padded_text(&n, col->info->scale));
	else if (n.kind == NOVA_NUMERIC_NAN)
		nova_json_cstring(out, "NAN");
	else
		nova_json_cstring(out, n.negative ? "NEGATIVE_INFINITY" : "POSITIVE_INFINITY");
}

/*
 * A number as java.math.BigDecimal.toString() writes it: the scale is kept, and
 * numbers below 10^-6 take E notation.
 */
void
dbz_encode_decimal_number(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaNumeric n;
	char *shown;
	char *digits;
	int zeros;

	read_numeric(&n, value);
	if (n.kind != NOVA_NUMERIC_FINITE)
	{
		nova_column_constant(out, col, col->null);
		return;
	}
	shown = padded_text(&n, col->info->scale);
	digits = strchr(shown, '.');
	zeros = digits && (n.weight < 0 || n.ndigits == 0) ? (int) strspn(digits + 1, "0") : 0;
	if (zeros < 6)
	{
		nova_column_constant(out, col, shown);
		return;
	}
	/* of a zero, the last zero is its digit */
	if (digits[1 + zeros] == '\0')
		zeros--;
	digits += 1 + zeros;
	nova_column_constant(out, col,
						 psprintf("%s%c%s%sE-%d", n.negative ? "-" : "", digits[0],
								  digits[1] ? "." : "", digits + 1, zeros + 1));
}

/* Decimals that the server stores in a money value (lc_monetary of most places). */
#define MONEY_DECIMALS 2

/* Money at another number of decimals, rounded half up. */
static int64
rescaled_money(int64 v, int scale)
{
	int64 unit = scale == 0 ? 100 : 10;

	for (; scale > MONEY_DECIMALS; scale--)
		v *= 10;
	if (scale < MONEY_DECIMALS)
		v = v / unit + v % unit / (unit / 2);
	return v;
}

/* Money is an integer of its smallest unit. */
void
dbz_encode_money(NovaOut *out, const NovaColumn *col, Datum value)
{
	int64 v = rescaled_money(DatumGetCash(value), col->info->scale);
	unsigned char bytes[8];

	put_base64(out, col, bytes, (int) nova_int64_bytes(bytes, v));
}

void
dbz_encode_money_number(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, NOVA_DECIMAL_ROOM(col->info->scale));
	int64 v = rescaled_money(DatumGetCash(value), col->info->scale);

	nova_out_advance(out, nova_format_decimal(p, v, col->info->scale));
}

static char *
money_text(Datum value)
{
	char *s = palloc(NOVA_DECIMAL_ROOM(MONEY_DECIMALS));

	*nova_format_decimal(s, DatumGetCash(value), MONEY_DECIMALS) = '\0';
	return s;
}

void
dbz_encode_money_double(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	append_double(out, strtod(money_text(value), NULL));
}

void
dbz_encode_money_string(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	nova_json_cstring(out, money_text(value));
}

/*
 * Dates and times
 */

void
dbz_encode_date_days(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);

	if (DATE_IS_NOEND(date))
		put_int64(out, col, PLUS_INFINITY_DAYS);
	else if (DATE_IS_NOBEGIN(date))
		put_int64(out, col, MINUS_INFINITY_DAYS);
	else
		put_int64(out, col, (int64) date + EPOCH_SHIFT_DAYS);
}

/* Date of so many ndays since 2000, without quotes; room for 18. */
static char *
format_days(char *p, int ndays)
{
	int year;
	int month;
	int day;

	nova_julian_date(ndays + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return nova_format_date(p, year, month, day);
}

void
dbz_encode_date_iso(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	char *p;

	if (DATE_NOT_FINITE(date))
	{
		nova_column_constant(out, col,
							 DATE_IS_NOEND(date) ? "\"+5877611-06-21Z\"" : "\"-5877611-06-22Z\"");
		return;
	}
	p = nova_column_open(out, col, 21);
	*p++ = '"';
	p = format_days(p, date);
	*p++ = 'Z';
	*p++ = '"';
	nova_out_advance(out, p);
}

void
dbz_encode_time_ms(NovaOut *out, const NovaColumn *col, Datum value)
{
	put_int64(out, col, DatumGetTimeADT(value) / 1000);
}

void
dbz_encode_time_us(NovaOut *out, const NovaColumn *col, Datum value)
{
	put_int64(out, col, DatumGetTimeADT(value));
}

void
dbz_encode_time_ns(NovaOut *out, const NovaColumn *col, Datum value)
{
	put_int64(out, col, DatumGetTimeADT(value) * 1000);
}

static void
put_utc_time(NovaOut *out, const NovaColumn *col, int64 us)
{
	char *p = nova_column_open(out, col, 18);

	*p++ = '"';
	p = nova_format_time(p, us);
	*p++ = 'Z';
	*p++ = '"';
	nova_out_advance(out, p);
}

void
dbz_encode_time_iso(NovaOut *out, const NovaColumn *col, Datum value)
{
	/* a java.time.LocalTime has no 24:00:00 */
	put_utc_time(out, col, DatumGetTimeADT(value) % USECS_PER_DAY);
}

/* In UTC.  Zones with seconds fail to convert; only 24:00:00 in UTC stays. */
void
dbz_encode_timetz(NovaOut *out, const NovaColumn *col, Datum value)
{
	TimeTzADT *t = DatumGetTimeTzADTP(value);
	int64 us = t->time + t->zone * USECS_PER_SEC;

	if (t->zone % SECS_PER_MINUTE != 0)
	{
		nova_column_constant(out, col, col->null);
		return;
	}
	if (t->zone != 0)
		us = ((us % USECS_PER_DAY) + USECS_PER_DAY) % USECS_PER_DAY;
	put_utc_time(out, col, us);
}

/* Division that rounds towards the past. */
static int64
floor_div(int64 v, int64 divisor)
{
	return v / divisor - (v % divisor < 0 ? 1 : 0);
}

void
dbz_encode_timestamp_ms(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);

	if (TIMESTAMP_IS_NOEND(ts))
		put_int64(out, col, PLUS_INFINITY_MS);
	else if (TIMESTAMP_IS_NOBEGIN(ts))
		put_int64(out, col, MINUS_INFINITY_MS);
	else
		put_int64(out, col, floor_div(ts, 1000) + EPOCH_SHIFT_US / 1000);
}

/* Seconds saturate and the fraction then makes them wrap, as in Java. */
void
dbz_encode_timestamp_us(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 us;

	if (TIMESTAMP_NOT_FINITE(ts))
		us = ts;
	else if (pg_add_s64_overflow(ts, EPOCH_SHIFT_US, &us))
		us = (int64) ((uint64) PG_INT64_MAX + (uint64) (ts % USECS_PER_SEC));
	put_int64(out, col, us);
}

/* What an int64 of nanoseconds cannot hold fails to convert. */
void
dbz_encode_timestamp_ns(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 us;
	int64 ns;

	if (TIMESTAMP_NOT_FINITE(ts))
		put_int64(out, col, ts);
	else if (pg_add_s64_overflow(ts, EPOCH_SHIFT_US, &us) || pg_mul_s64_overflow(us, 1000, &ns))
		nova_column_constant(out, col, col->null);
	else
		put_int64(out, col, ns);
}

/* Java's Instant-like text: as many digits of the fraction as it has. */
void
dbz_encode_timestamp_iso(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 ndays;
	char *p;

	if (TIMESTAMP_NOT_FINITE(ts))
	{
		nova_column_constant(out, col,
							 TIMESTAMP_IS_NOEND(ts) ? "\"+292278994-08-16T23:00:00Z\""
													: "\"-292275055-05-16T23:00:00Z\"");
		return;
	}
	ndays = floor_div(ts, USECS_PER_DAY);
	p = nova_column_open(out, col, 40);
	*p++ = '"';
	p = format_days(p, (int) ndays);
	*p++ = 'T';
	p = nova_format_time(p, ts - ndays * USECS_PER_DAY);
	*p++ = 'Z';
	*p++ = '"';
	nova_out_advance(out, p);
}

/* As many digits of the fraction as the column declares, six if it does not. */
void
dbz_encode_timestamptz(NovaOut *out, const NovaColumn *col, Datum value)
{
	TimestampTz ts = DatumGetTimestampTz(value);
	int digits = col->info->scale < 0 ? 6 : col->info->scale;
	int64 ndays;
	int64 us;
	char *p;

	if (TIMESTAMP_NOT_FINITE(ts))
	{
		nova_column_constant(out, col, TIMESTAMP_IS_NOEND(ts) ? "\"infinity\"" : "\"-infinity\"");
		return;
	}
	p = nova_column_open(out, col, 48);
	*p++ = '"';
	ndays = floor_div(ts, USECS_PER_DAY);
	us = ts - ndays * USECS_PER_DAY;
	p = format_days(p, (int) ndays);
	*p++ = 'T';
	p = nova_format_seconds(p, (uint32) (us / USECS_PER_SEC));
	if (digits > 0)
	{
		*p++ = '.';
		/* all six of them, of which the last are written over */
		nova_format_digits(p, (uint32) (us % USECS_PER_SEC), 6);
		p += digits;
	}
	*p++ = 'Z';
	*p++ = '"';
	nova_out_advance(out, p);
}

/* Java's cast from double saturates; C's is undefined there. */
static int64
saturate(double v)
{
	if (v >= 9223372036854775808.0)
		return PG_INT64_MAX;
	if (v <= -9223372036854775808.0)
		return PG_INT64_MIN;
	return (int64) v;
}

void
dbz_encode_interval_us(NovaOut *out, const NovaColumn *col, Datum value)
{
	Interval *i = DatumGetIntervalP(value);
	int64 hours = i->time / USECS_PER_HOUR;
	int64 minutes = i->time / USECS_PER_MINUTE % MINS_PER_HOUR;
	double seconds = (double) (i->time % USECS_PER_MINUTE) / USECS_PER_SEC;
	double ndays = i->month * DAYS_PER_MONTH_AVG + i->day;
	double total =
		((ndays * HOURS_PER_DAY + hours) * MINS_PER_HOUR + minutes) * SECS_PER_MINUTE + seconds;

	put_int64(out, col, saturate(total * USECS_PER_SEC));
}

void
dbz_encode_interval_iso(NovaOut *out, const NovaColumn *col, Datum value)
{
	Interval *i = DatumGetIntervalP(value);
	int64 rest = i->time % USECS_PER_MINUTE;
	char shown[160];
	int n;

	n = snprintf(shown, sizeof(shown),
				 "\"P%dY%dM%dDT" INT64_FORMAT "H" INT64_FORMAT "M%s" INT64_FORMAT ".%06d",
				 i->month / MONTHS_PER_YEAR, i->month % MONTHS_PER_YEAR, i->day,
				 i->time / USECS_PER_HOUR, i->time / USECS_PER_MINUTE % MINS_PER_HOUR,
				 rest < 0 && rest > -USECS_PER_SEC ? "-" : "", rest / USECS_PER_SEC,
				 abs((int) (rest % USECS_PER_SEC)));
	while (shown[n - 1] == '0')
		n--;
	if (shown[n - 1] == '.')
		n--;
	strlcpy(shown + n, "S\"", sizeof(shown) - n);
	nova_column_constant(out, col, shown);
}

/*
 * Bits
 */

void
dbz_encode_bit(NovaOut *out, const NovaColumn *col, Datum value)
{
	VarBit *bits = DatumGetVarBitP(value);

	if (VARBITLEN(bits) == 0)
		nova_column_constant(out, col, col->null);
	else
		nova_column_constant(out, col, VARBITS(bits)[0] & HIGHBIT ? "true" : "false");
}

/* As java.util.BitSet: the last bit is the first, and no zeros at the end. */
void
dbz_encode_bits(NovaOut *out, const NovaColumn *col, Datum value)
{
	VarBit *bits = DatumGetVarBitP(value);
	int nbits = VARBITLEN(bits);
	int len = (nbits + 7) / 8;
	unsigned char *bytes = palloc0(len + 1);

	for (int i = 0; i < nbits; i++)
	{
		int from = nbits - 1 - i;

		if (VARBITS(bits)[from / 8] & (HIGHBIT >> (from % 8)))
			bytes[i / 8] |= (unsigned char) (1 << (i % 8));
	}
	while (len > 0 && bytes[len - 1] == 0)
		len--;
	put_base64(out, col, bytes, len);
}

/*
 * Geometry
 */

/* Well-known binary, little-endian: a byte of order, a type, counts, points. */
typedef struct Wkb
{
	StringInfoData bytes;
} Wkb;

#define WKB_POINT   1
#define WKB_LINE    2
#define WKB_POLYGON 3

static void
wkb_uint32(Wkb *w, uint32 v)
{
	for (int i = 0; i < 4; i++)
		appendStringInfoChar(&w->bytes, (char) (v >> (8 * i)));
}

static void
wkb_double(Wkb *w, double v)
{
	uint64 bits;

	/* Java has one NaN */
	if (isnan(v))
		bits = UINT64CONST(0x7FF8000000000000);
	else
		memcpy(&bits, &v, sizeof(bits));
	wkb_uint32(w, (uint32) bits);
	wkb_uint32(w, (uint32) (bits >> 32));
}

static void
wkb_begin(Wkb *w, uint32 type)
{
	initStringInfo(&w->bytes);
	appendStringInfoChar(&w->bytes, 1);
	wkb_uint32(w, type);
}

static void
wkb_point(Wkb *w, const Point *p)
{
	wkb_double(w, p->x);
	wkb_double(w, p->y);
}

static void
append_point(NovaOut *out, const Point *p)
{
	Wkb w;

	wkb_begin(&w, WKB_POINT);
	wkb_point(&w, p);
	nova_out_bytes(out, "{\"x\":", 5);
	append_double(out, p->x);
	nova_out_bytes(out, ",\"y\":", 5);
	append_double(out, p->y);
	nova_out_bytes(out, ",\"wkb\":", 7);
	nova_json_base64(out, w.bytes.data, w.bytes.len, false);
	nova_out_bytes(out, ",\"srid\":null}", 13);
}

/* {"wkb":…,"srid":null,"extensions":{"type":"box"}} */
static void
put_geometry(NovaOut *out, const NovaColumn *col, const Wkb *w, const char *extensions)
{
	nova_column_prefix(out, col);
	nova_out_bytes(out, "{\"wkb\":", 7);
	nova_json_base64(out, w->bytes.data, w->bytes.len, false);
	nova_out_bytes(out, ",\"srid\":null,\"extensions\":{\"type\":", 34);
	nova_out_bytes(out, extensions, strlen(extensions));
	nova_out_bytes(out, "}}", 2);
}

void
dbz_encode_point(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	append_point(out, DatumGetPointP(value));
}

void
dbz_encode_line(NovaOut *out, const NovaColumn *col, Datum value)
{
	LINE *line = DatumGetLineP(value);

	nova_column_prefix(out, col);
	nova_out_bytes(out, "{\"a\":", 5);
	append_double(out, line->A);
	nova_out_bytes(out, ",\"b\":", 5);
	append_double(out, line->B);
	nova_out_bytes(out, ",\"c\":", 5);
	append_double(out, line->C);
	nova_out_char(out, '}');
}

void
dbz_encode_lseg(NovaOut *out, const NovaColumn *col, Datum value)
{
	LSEG *lseg = DatumGetLsegP(value);
	Wkb w;

	wkb_begin(&w, WKB_LINE);
	wkb_uint32(&w, 2);
	wkb_point(&w, &lseg->p[0]);
	wkb_point(&w, &lseg->p[1]);
	put_geometry(out, col, &w, "\"lseg\"");
}

/* The corners from high-high by high-low, low-low and low-high back, closed. */
void
dbz_encode_box(NovaOut *out, const NovaColumn *col, Datum value)
{
	BOX *box = DatumGetBoxP(value);
	Point corners[5] = {{box->high.x, box->high.y},
						{box->high.x, box->low.y},
						{box->low.x, box->low.y},
						{box->low.x, box->high.y},
						{box->high.x, box->high.y}};
	Wkb w;

	wkb_begin(&w, WKB_POLYGON);
	wkb_uint32(&w, 1);
	wkb_uint32(&w, 5);
	for (int i = 0; i < 5; i++)
		wkb_point(&w, &corners[i]);
	put_geometry(out, col, &w, "\"box\"");
}

void
dbz_encode_path(NovaOut *out, const NovaColumn *col, Datum value)
{
	PATH *path = DatumGetPathP(value);
	Wkb w;

	wkb_begin(&w, WKB_LINE);
	wkb_uint32(&w, path->npts);
	for (int i = 0; i < path->npts; i++)
		wkb_point(&w, &path->p[i]);
	put_geometry(out, col, &w,
				 path->closed ? "\"path\",\"closed\":\"true\"" : "\"path\",\"closed\":\"false\"");
}

/* A ring ends where it began. */
void
dbz_encode_polygon(NovaOut *out, const NovaColumn *col, Datum value)
{
	POLYGON *polygon = DatumGetPolygonP(value);
	int n = polygon->npts;
	bool open = n > 1 && memcmp(&polygon->p[0], &polygon->p[n - 1], sizeof(Point)) != 0;
	Wkb w;

	wkb_begin(&w, WKB_POLYGON);
	wkb_uint32(&w, 1);
	wkb_uint32(&w, n + (open ? 1 : 0));
	for (int i = 0; i < n; i++)
		wkb_point(&w, &polygon->p[i]);
	if (open)
		wkb_point(&w, &polygon->p[0]);
	put_geometry(out, col, &w, "\"polygon\"");
}

void
dbz_encode_circle(NovaOut *out, const NovaColumn *col, Datum value)
{
	CIRCLE *circle = DatumGetCircleP(value);

	nova_column_prefix(out, col);
	nova_out_bytes(out, "{\"center\":", 10);
	append_point(out, &circle->center);
	nova_out_bytes(out, ",\"radius\":", 10);
	append_double(out, circle->radius);
	nova_out_char(out, '}');
}

/*
 * hstore
 */

/* String.hashCode() over the UTF-16 units, spread as java.util.HashMap does. */
uint32
dbz_java_hash(const char *utf8, int len)
{
	uint32 hash = 0;

	for (int i = 0; i < len;)
	{
		const unsigned char *c = (const unsigned char *) utf8 + i;
		pg_wchar code = utf8_to_unicode(c);

		i += pg_utf_mblen(c);
		if (code > 0xFFFF)
		{
			hash = hash * 31 + 0xD800 + ((code - 0x10000) >> 10);
			code = 0xDC00 + ((code - 0x10000) & 0x3FF);
		}
		hash = hash * 31 + code;
	}
	return hash ^ (hash >> 16);
}

typedef struct Slot
{
	uint32 bucket;
	int pair;
} Slot;

/* Within a bucket, the order of insertion. */
static int
compare_slots(const void *a, const void *b)
{
	const Slot *x = a;
	const Slot *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return x->pair - y->pair;
}

/* A HashMap grows from 16 buckets at three quarters. */
uint32
dbz_hash_buckets(int n)
{
	uint32 buckets = 16;

	while ((uint32) n > buckets / 4 * 3)
		buckets *= 2;
	return buckets;
}

/* The pairs' order in a HashMap. */
static Slot *
hash_order(const NovaHstore *h)
{
	Slot *slots = palloc(Max(h->pairs, 1) * sizeof(Slot));
	uint32 buckets = dbz_hash_buckets(h->pairs);
	StringInfoData key;

	initStringInfo(&key);
	for (int i = 0; i < h->pairs; i++)
	{
		NovaBytes bytes = nova_hstore_key(h, i);

		resetStringInfo(&key);
		nova_utf8(&key, bytes.data, bytes.len);
		slots[i].bucket = dbz_java_hash(key.data, key.len) & (buckets - 1);
		slots[i].pair = i;
	}
	qsort(slots, h->pairs, sizeof(Slot), compare_slots);
	return slots;
}

static void
append_hash_map(NovaOut *out, Datum value)
{
	NovaHstore h;
	Slot *slots;

	nova_hstore_read(&h, value);
	slots = hash_order(&h);
	nova_out_char(out, '{');
	for (int i = 0; i < h.pairs; i++)
	{
		NovaBytes key = nova_hstore_key(&h, slots[i].pair);
		NovaBytes item = nova_hstore_value(&h, slots[i].pair);

		if (i > 0)
			nova_out_char(out, ',');
		nova_json_string(out, key.data, key.len);
		nova_out_char(out, ':');
		if (item.data)
			nova_json_string(out, item.data, item.len);
		else
			nova_out_bytes(out, "null", 4);
	}
	nova_out_char(out, '}');
}

void
dbz_encode_hstore_map(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	append_hash_map(out, value);
}

void
dbz_encode_hstore_json(NovaOut *out, const NovaColumn *col, Datum value)
{
	StringInfoData json;
	NovaOut aside;

	initStringInfo(&json);
	nova_out_init(&aside, &json);
	aside.java = out->java;
	append_hash_map(&aside, value);
	nova_column_prefix(out, col);
	nova_json_utf8(out, json.data, json.len);
}

void
dbz_encode_unknown(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);

	put_base64(out, col, s, (int) strlen(s));
}

void
dbz_encode_unknown_hex(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);

	nova_column_prefix(out, col);
	nova_json_hex(out, s, strlen(s));
}
