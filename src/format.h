/*-------------------------------------------------------------------------
 *
 * format.h
 *		Values as text: numeric digits, dates, times, uuids.
 *
 * Pure C11 without server headers, for the same reason as escape.h.  Every
 * function writes to dst, adds no terminating NUL and returns the position
 * after.  How much room is needed stands with each function.  No function
 * reads a session setting: the same value is the same text everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_FORMAT_H
#define NOVA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 00 to 99. */
static inline void
nova_format_pair(char *dst, uint32_t v)
{
	static const char pairs[] = "00010203040506070809"
								"10111213141516171819"
								"20212223242526272829"
								"30313233343536373839"
								"40414243444546474849"
								"50515253545556575859"
								"60616263646566676869"
								"70717273747576777879"
								"80818283848586878889"
								"90919293949596979899";

	memcpy(dst, pairs + 2 * v, 2);
}

/* Exactly n decimal digits, with leading zeros. */
static inline char *
nova_format_digits(char *dst, uint32_t v, int n)
{
	int i = n;

	for (; i > 1; i -= 2, v /= 100)
		nova_format_pair(dst + i - 2, v % 100);
	if (i == 1)
		dst[0] = (char) ('0' + v % 10);
	return dst + n;
}

/* A number of at least so many digits, 10 at the most. */
static inline char *
nova_format_unsigned(char *dst, uint32_t v, int min_digits)
{
	uint32_t rest = v;
	int n = 1;

	for (; rest > 9999; rest /= 10000)
		n += 4;
	n += (rest > 9) + (rest > 99) + (rest > 999);
	return nova_format_digits(dst, v, n < min_digits ? min_digits : n);
}

/* 0000 to 9999 */
static inline char *
nova_format_four(char *dst, uint32_t v)
{
	nova_format_pair(dst, v / 100);
	nova_format_pair(dst + 2, v % 100);
	return dst + 4;
}

/* The same without leading zeros: room for 4.  Its branches are cheaper than to count digits. */
static inline char *
nova_format_below_10000(char *dst, uint32_t v)
{
	if (v >= 1000)
		return nova_format_four(dst, v);
	if (v >= 100)
	{
		*dst++ = (char) ('0' + v / 100);
		v %= 100;
	}
	else if (v < 10)
	{
		*dst = (char) ('0' + v);
		return dst + 1;
	}
	nova_format_pair(dst, v);
	return dst + 2;
}

static inline char *
nova_format_eight(char *dst, uint32_t v)
{
	return nova_format_four(nova_format_four(dst, v / 10000), v % 10000);
}

static inline char *
nova_format_below_10_to_8(char *dst, uint32_t v)
{
	if (v < 10000)
		return nova_format_below_10000(dst, v);
	return nova_format_four(nova_format_below_10000(dst, v / 10000), v % 10000);
}

/* Room for 20, as for every whole number. */
static inline char *
nova_format_uint64(char *dst, uint64_t v)
{
	const uint32_t eight = 100000000;
	uint64_t high;

	if (v < eight)
		return nova_format_below_10_to_8(dst, (uint32_t) v);
	high = v / eight;
	if (high < eight)
		dst = nova_format_below_10_to_8(dst, (uint32_t) high);
	else
	{
		dst = nova_format_below_10000(dst, (uint32_t) (high / eight));
		dst = nova_format_eight(dst, (uint32_t) (high % eight));
	}
	return nova_format_eight(dst, (uint32_t) (v % eight));
}

static inline char *
nova_format_int64(char *dst, int64_t v)
{
	if (v >= 0)
		return nova_format_uint64(dst, (uint64_t) v);
	*dst++ = '-';
	return nova_format_uint64(dst, 0 - (uint64_t) v);
}

/*
 * The date of a Julian day, as PostgreSQL's j2date() gives it for every day that its
 * dates can have, in 3.3 ns instead of 5.6.  The year is astronomical: 1 BC is 0, 2 BC -1.
 * By Neri and Schneider, "Euclidean affine functions and their application to calendar
 * algorithms" (2022): years begin in March, days are counted from 4801 BC, and what looks
 * like magic numbers are divisions by 36524.25, 365.25 and 30.6 as multiplications.
 */
static inline void
nova_julian_date(uint32_t julian_day, int *year, int *month, int *day)
{
	uint64_t quarters = 4 * ((uint64_t) julian_day + 32044) + 3;
	uint32_t century = (uint32_t) (quarters / 146097);
	uint64_t of_year = (uint64_t) 2939745 * ((uint32_t) (quarters % 146097) | 3);
	uint32_t day_of_year = (uint32_t) of_year / 2939745 / 4;
	uint32_t of_month = 2141 * day_of_year + 197913;
	bool next_year = day_of_year >= 306;

	*year = (int) (100 * century + (uint32_t) (of_year >> 32)) - 4800 + next_year;
	*month = (int) (of_month >> 16) - (next_year ? 12 : 0);
	*day = (int) ((of_month & 0xFFFF) / 2141) + 1;
}

/*
 * An ISO 8601 calendar date: room for 18.  Years outside 0000 to 9999 take the
 * expanded form with a sign.  The year is astronomical: 1 BC is 0, 2 BC -1.
 */
static inline char *
nova_format_date(char *dst, int year, int month, int day)
{
	if (year >= 0 && year <= 9999)
		dst = nova_format_four(dst, (uint32_t) year);
	else
	{
		*dst++ = year < 0 ? '-' : '+';
		dst = nova_format_unsigned(dst, (uint32_t) (year < 0 ? -(int64_t) year : year), 4);
	}
	*dst++ = '-';
	dst = nova_format_digits(dst, (uint32_t) month, 2);
	*dst++ = '-';
	return nova_format_digits(dst, (uint32_t) day, 2);
}

/* HH:MM:SS: room for 8. */
static inline char *
nova_format_seconds(char *dst, uint32_t seconds)
{
	nova_format_digits(dst, seconds / 3600, 2);
	dst[2] = ':';
	nova_format_digits(dst + 3, seconds / 60 % 60, 2);
	dst[5] = ':';
	return nova_format_digits(dst + 6, seconds % 60, 2);
}

/*
 * A time of day from microseconds since midnight, HH:MM:SS and then as many
 * digits of the fraction as are not trailing zeros: room for 15.  24:00:00 is
 * a time in PostgreSQL and stays one.
 */
static inline char *
nova_format_time(char *dst, int64_t us)
{
	uint32_t fraction = (uint32_t) (us % 1000000);

	dst = nova_format_seconds(dst, (uint32_t) (us / 1000000));
	if (fraction != 0)
	{
		*dst++ = '.';
		dst = nova_format_digits(dst, fraction, 6);
		while (dst[-1] == '0')
			dst--;
	}
	return dst;
}

/* The sixteen bytes that begin with this digit. */
#define NOVA_HEX_ROW(h)                                                                            \
	h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"

/* Bytes as pairs of hexadecimal digits. */
static inline char *
nova_format_hex(char *dst, const unsigned char *bytes, int n)
{
	static const char pairs[] = NOVA_HEX_ROW("0") NOVA_HEX_ROW("1") NOVA_HEX_ROW("2")
		NOVA_HEX_ROW("3") NOVA_HEX_ROW("4") NOVA_HEX_ROW("5") NOVA_HEX_ROW("6") NOVA_HEX_ROW("7")
			NOVA_HEX_ROW("8") NOVA_HEX_ROW("9") NOVA_HEX_ROW("a") NOVA_HEX_ROW("b")
				NOVA_HEX_ROW("c") NOVA_HEX_ROW("d") NOVA_HEX_ROW("e") NOVA_HEX_ROW("f");

	for (int i = 0; i < n; i++)
		memcpy(dst + 2 * i, pairs + 2 * bytes[i], 2);
	return dst + 2 * n;
}

/* A uuid from its 16 bytes: room for 36. */
static inline char *
nova_format_uuid(char *dst, const unsigned char *uuid)
{
	dst = nova_format_hex(dst, uuid, 4);
	*dst++ = '-';
	dst = nova_format_hex(dst, uuid + 4, 2);
	*dst++ = '-';
	dst = nova_format_hex(dst, uuid + 6, 2);
	*dst++ = '-';
	dst = nova_format_hex(dst, uuid + 8, 2);
	*dst++ = '-';
	return nova_format_hex(dst, uuid + 10, 6);
}

/*
 * The stored form of numeric: struct NumericData in PostgreSQL's
 * utils/adt/numeric.c, which has not changed since 9.1 and cannot without a
 * dump.  A uint16 header whose top two bits tell a short form (sign, 6 bits
 * dscale, 7 bits weight), a long form (sign and 14 bits dscale, then an int16
 * weight) or a special one; then base-10000 digits, int16 in host order, of
 * which the first counts 10000^weight.  dscale is the number of decimals.
 */
#define NOVA_NUM_FLAGS          0xC000
#define NOVA_NUM_SHORT          0x8000
#define NOVA_NUM_SPECIAL        0xC000
#define NOVA_NUM_NEGATIVE       0x4000
#define NOVA_NUM_NAN            0xC000
#define NOVA_NUM_PINF           0xD000
#define NOVA_NUM_SHORT_NEGATIVE 0x2000

typedef enum NovaNumericKind
{
	NOVA_NUMERIC_FINITE,
	NOVA_NUMERIC_NAN,
	NOVA_NUMERIC_INFINITE
} NovaNumericKind;

typedef struct NovaNumeric
{
	NovaNumericKind kind;
	bool negative;
	int weight;
	int dscale;
	int ndigits;
	const char *digits; /* may lie unaligned */
} NovaNumeric;

/* Take apart the size bytes behind a numeric's length word. */
static inline void
nova_numeric_read(NovaNumeric *n, const char *data, int size)
{
	uint16_t header;
	int16_t weight;
	int head = 2;

	memcpy(&header, data, sizeof(header));
	if ((header & NOVA_NUM_FLAGS) == NOVA_NUM_SPECIAL)
	{
		n->kind = header == NOVA_NUM_NAN ? NOVA_NUMERIC_NAN : NOVA_NUMERIC_INFINITE;
		n->negative = header != NOVA_NUM_PINF;
		return;
	}
	n->kind = NOVA_NUMERIC_FINITE;
	if (header & NOVA_NUM_SHORT)
	{
		n->negative = (header & NOVA_NUM_SHORT_NEGATIVE) != 0;
		n->dscale = (header & 0x1F80) >> 7;
		n->weight = (int) (header & 0x003F) - (int) (header & 0x0040);
	}
	else
	{
		n->negative = (header & NOVA_NUM_FLAGS) == NOVA_NUM_NEGATIVE;
		n->dscale = header & 0x3FFF;
		memcpy(&weight, data + head, sizeof(weight));
		n->weight = weight;
		head += 2;
	}
	n->digits = data + head;
	n->ndigits = (size - head) / 2;
}

/* The base-10000 digit that counts 10000^(weight - i); a damaged page can hold any. */
static inline uint16_t
nova_numeric_digit(const NovaNumeric *n, int i)
{
	uint16_t digit = 0;

	if (i >= 0 && i < n->ndigits)
		memcpy(&digit, n->digits + 2 * i, sizeof(digit));
	return digit <= 9999 ? digit : 9999;
}

/* Room that nova_format_numeric() needs. */
static inline size_t
nova_numeric_room(const NovaNumeric *n)
{
	return (size_t) (n->weight < 0 ? 1 : (n->weight + 1) * 4) + (size_t) n->dscale + 8;
}

/* A finite numeric as PostgreSQL prints it. */
static inline char *
nova_format_numeric(char *dst, const NovaNumeric *n)
{
	char *point;

	if (n->negative)
		*dst++ = '-';
	if (n->weight < 0)
		*dst++ = '0';
	else
		dst = nova_format_below_10000(dst, nova_numeric_digit(n, 0));
	for (int i = 1; i <= n->weight; i++)
		dst = nova_format_four(dst, nova_numeric_digit(n, i));
	if (n->dscale == 0)
		return dst;
	*dst++ = '.';
	point = dst;
	for (int i = n->weight + 1; dst - point < n->dscale; i++)
		dst = nova_format_four(dst, nova_numeric_digit(n, i));
	return point + n->dscale;
}

/* Room that nova_format_decimal() needs. */
#define NOVA_DECIMAL_ROOM(scale) ((size_t) (scale) + 24)

/* An integer of 10^-scale units as a decimal: 12345, 2 -> 123.45 */
static inline char *
nova_format_decimal(char *dst, int64_t v, int scale)
{
	uint64_t rest = v < 0 ? 0 - (uint64_t) v : (uint64_t) v;
	char tmp[64] = {0};
	int n = 0;

	if (v < 0)
		*dst++ = '-';
	while (rest != 0 || n <= scale)
	{
		tmp[n++] = (char) ('0' + rest % 10);
		rest /= 10;
	}
	while (n > 0)
	{
		if (n == scale)
			*dst++ = '.';
		*dst++ = tmp[--n];
	}
	return dst;
}

/* Room that nova_format_java_double() needs. */
#define NOVA_JAVA_DOUBLE_ROOM 32

/*
 * A finite floating-point number as Java's Double.toString() writes it (JDK 19
 * and later): the shortest digits that read back to the value, at least one
 * behind the point, and E notation below 10^-3 and from 10^7 on.  src is the
 * shortest form as PostgreSQL's double_to_shortest_decimal_bufn() writes it
 * ("1e+20", "0.001", "-5").
 */
static inline char *
nova_format_java_double(char *dst, const char *src, int len)
{
	char digits[24] = {0};
	int ndigits = 0;
	int point = 0; /* where the point stands in digits */
	int exponent = 0;
	int i = 0;
	bool seen_point = false;

	if (src[0] == '-')
	{
		*dst++ = '-';
		i++;
	}
	for (; i < len && src[i] != 'e'; i++)
	{
		if (src[i] == '.')
			seen_point = true;
		else if (ndigits > 0 || src[i] != '0')
		{
			digits[ndigits++] = src[i];
			point += !seen_point;
		}
		else
			point -= seen_point;
	}
	if (i < len)
	{
		bool negative = src[i + 1] == '-';

		for (i += 2; i < len; i++)
			exponent = exponent * 10 + (src[i] - '0');
		point += negative ? -exponent : exponent;
	}
	while (ndigits > 1 && digits[ndigits - 1] == '0')
		ndigits--;
	if (ndigits == 0)
	{
		memcpy(dst, "0.0", 3);
		return dst + 3;
	}
	if (point > 7 || point < -2)
	{
		*dst++ = digits[0];
		*dst++ = '.';
		if (ndigits == 1)
			*dst++ = '0';
		memcpy(dst, digits + 1, (size_t) ndigits - 1);
		dst += ndigits - 1;
		*dst++ = 'E';
		if (point - 1 < 0)
			*dst++ = '-';
		return nova_format_unsigned(dst, (uint32_t) (point - 1 < 0 ? 1 - point : point - 1), 1);
	}
	if (point <= 0)
		*dst++ = '0';
	for (i = 0; i < point; i++)
		*dst++ = i < ndigits ? digits[i] : '0';
	*dst++ = '.';
	for (i = point; i < 0; i++)
		*dst++ = '0';
	if (point >= ndigits)
		*dst++ = '0';
	for (i = point > 0 ? point : 0; i < ndigits; i++)
		*dst++ = digits[i];
	return dst;
}

/* Room for the bytes of nova_numeric_unscaled(). */
static inline size_t
nova_unscaled_room(const NovaNumeric *n, int scale)
{
	int digits = (n->weight < 0 ? 0 : (n->weight + 1) * 4) + scale;

	return (size_t) digits / 2 + 8;
}

/*
 * value = value * factor + add, in the little-endian bytes of an unsigned
 * integer, of which a word of four is taken at a time: the longest numerics
 * have some ten thousand.
 */
static inline size_t
nova_bignum_step(unsigned char *bytes, size_t words, uint32_t factor, uint32_t add)
{
	uint64_t carry = add;

	for (unsigned char *p = bytes; p < bytes + 4 * words || carry != 0; p += 4)
	{
		if (p == bytes + 4 * words)
			memset(bytes + 4 * words++, 0, 4);
		carry += (uint64_t) ((uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
							 (uint32_t) p[3] << 24) *
				 factor;
		p[0] = (unsigned char) carry;
		p[1] = (unsigned char) (carry >> 8);
		p[2] = (unsigned char) (carry >> 16);
		p[3] = (unsigned char) (carry >> 24);
		carry >>= 32;
	}
	return words;
}

/* The i-th decimal behind the point, of the first "scale" ones, from 0. */
static inline uint32_t
nova_numeric_decimal(const NovaNumeric *n, int i)
{
	static const uint32_t power[] = {1000, 100, 10, 1};

	return nova_numeric_digit(n, n->weight + 1 + i / 4) / power[i % 4] % 10;
}

/* The bytes of |value| * 10^scale, little-endian, the last one not zero. */
static inline size_t
nova_numeric_magnitude(unsigned char *dst, const NovaNumeric *n, int scale)
{
	size_t words = 0;
	size_t len;

	for (int i = 0; i <= n->weight; i++)
	{
		uint32_t digit = nova_numeric_digit(n, i);

		if (i == n->weight)
			words = nova_bignum_step(dst, words, 10000, digit);
		else
			words =
				nova_bignum_step(dst, words, 100000000, digit * 10000 + nova_numeric_digit(n, ++i));
	}
	for (int i = 0; i < scale;)
	{
		uint32_t factor = 1;
		uint32_t add = 0;

		for (int end = i + 8; i < end && i < scale; i++, factor *= 10)
			add = add * 10 + nova_numeric_decimal(n, i);
		words = nova_bignum_step(dst, words, factor, add);
	}
	for (len = 4 * words; len > 0 && dst[len - 1] == 0;)
		len--;
	return len;
}

/* value * 10^scale, cut off, if it surely fits; false: it may not. */
static inline bool
nova_numeric_small(int64_t *v, const NovaNumeric *n, int scale)
{
	static const uint32_t power[] = {1, 10, 100, 1000, 10000};
	int whole = n->weight + 1 + scale / 4;
	int rest = scale % 4;
	uint64_t sum = 0;

	if (scale < 0 || (n->weight + 1) * 4 + scale > 18)
		return false;
	for (int i = 0; i < whole; i++)
		sum = sum * 10000 + nova_numeric_digit(n, i);
	/* a digit before the first counts as none */
	if (rest > 0)
		sum = sum * power[rest] + nova_numeric_digit(n, whole) / power[4 - rest];
	*v = n->negative ? -(int64_t) sum : (int64_t) sum;
	return true;
}

/* The fewest big-endian bytes of two's complement: room for 8. */
static inline size_t
nova_int64_bytes(unsigned char *dst, int64_t v)
{
	uint64_t magnitude = (uint64_t) (v < 0 ? ~v : v);
	size_t len = 1;

	for (uint64_t rest = magnitude >> 7; rest != 0; rest >>= 8)
		len++;
	for (size_t i = 0; i < len; i++)
		dst[i] = (unsigned char) ((uint64_t) v >> (8 * (len - 1 - i)));
	return len;
}

/*
 * The integer value * 10^scale in the fewest big-endian bytes of two's
 * complement (java.math.BigInteger.toByteArray()).  Decimals beyond the scale
 * are cut off.  Returns the number of bytes; dst needs nova_unscaled_room().
 */
static inline size_t
nova_numeric_unscaled(unsigned char *dst, const NovaNumeric *n, int scale)
{
	int64_t small;
	size_t len;

	if (nova_numeric_small(&small, n, scale))
		return nova_int64_bytes(dst, small);
	len = nova_numeric_magnitude(dst, n, scale);
	if (n->negative)
	{
		uint32_t carry = 1;

		for (size_t i = 0; i < len; i++)
		{
			carry += (unsigned char) ~dst[i];
			dst[i] = (unsigned char) carry;
			carry >>= 8;
		}
		/* minus a power of 256 needs no byte for the sign, as -128 needs none */
		if (len > 0 && !(dst[len - 1] & 0x80))
			dst[len++] = 0xFF;
	}
	else if (len == 0 || (dst[len - 1] & 0x80))
		dst[len++] = 0;
	for (size_t i = 0; i < len / 2; i++)
	{
		unsigned char swapped = dst[i];

		dst[i] = dst[len - 1 - i];
		dst[len - 1 - i] = swapped;
	}
	return len;
}

#endif /* NOVA_FORMAT_H */
