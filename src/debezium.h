/*-------------------------------------------------------------------------
 *
 * debezium.h
 *		Encoders of values in the forms that Debezium's connector writes.
 *
 * The forms were read off the real connector (test/compat), not off its
 * documentation.  For how an encoder is called see type.h; info->scale is the
 * number of decimals or fraction digits that the column's type declares, -1 if
 * it declares none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_DEBEZIUM_H
#define NOVA_DEBEZIUM_H

#include "type.h"

/* Numbers */
extern void dbz_encode_float4(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_float8(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_decimal(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_decimal_any(NovaOut *out, const NovaColumn *col, Datum value);
/* A number without a column. */
extern void dbz_write_double(NovaOut *out, double v);

extern void dbz_encode_decimal_double(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_decimal_number(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_decimal_string(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_money(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_money_number(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_money_double(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_money_string(NovaOut *out, const NovaColumn *col, Datum value);

/* Dates and times; the unit of a number is in the name */
extern void dbz_encode_date_days(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_date_iso(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_time_ms(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_time_us(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_time_ns(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_time_iso(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timetz(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamp_ms(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamp_us(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamp_ns(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamp_iso(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamptz(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_interval_us(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_interval_iso(NovaOut *out, const NovaColumn *col, Datum value);

/* Bits: one is a boolean, more are little-endian bytes */
extern void dbz_encode_bit(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_bits(NovaOut *out, const NovaColumn *col, Datum value);

/* Geometry as objects with well-known binary */
extern void dbz_encode_point(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_line(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_lseg(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_box(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_path(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_polygon(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_circle(NovaOut *out, const NovaColumn *col, Datum value);

/* hstore in the order of a Java HashMap: as the text of a string, or nested */
extern void dbz_encode_hstore_json(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_hstore_map(NovaOut *out, const NovaColumn *col, Datum value);

/* Where a java.util.HashMap keeps a string: its hash, and the buckets for n keys */
extern uint32 dbz_java_hash(const char *utf8, int len);
extern uint32 dbz_hash_buckets(int n);

/* The text of a type that Debezium does not know, as bytes */
extern void dbz_encode_unknown(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_unknown_hex(NovaOut *out, const NovaColumn *col, Datum value);

#endif /* NOVA_DEBEZIUM_H */
