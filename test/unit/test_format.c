/*-------------------------------------------------------------------------
 *
 * test_format.c
 *		Dates, times, uuids and numerics as text, against expectations that are
 *		made by other means: tables, the C library, and decimal strings that are
 *		turned into base-10000 digits here.
 *
 * Every result goes into a buffer that is exactly as large as the header asks
 * for, with guards behind it.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/format.h"

#define GUARD      0xA5
#define GUARD_LEN  16
#define MAX_DIGITS 1024

static uint64_t seed = UINT64_C(0xD1B54A32D192ED03);

static uint32_t
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 32);
}

/* Is what stands between dst and end this text, and nothing behind room touched? */
static void
assert_text(const char *dst, const char *end, size_t room, const char *expected)
{
	assert_true(end >= dst && (size_t) (end - dst) <= room);
	assert_int_equal(end - dst, strlen(expected));
	assert_memory_equal(dst, expected, strlen(expected));
	for (size_t i = 0; i < GUARD_LEN; i++)
		assert_int_equal((unsigned char) dst[room + i], GUARD);
}

static void
check_date(int year, int month, int day, const char *expected)
{
	char dst[18 + GUARD_LEN];

	memset(dst, GUARD, sizeof(dst));
	assert_text(dst, nova_format_date(dst, year, month, day), 18, expected);
}

static void
dates(void **state)
{
	(void) state;
	check_date(1970, 1, 1, "1970-01-01");
	check_date(2024, 2, 29, "2024-02-29");
	check_date(1, 12, 31, "0001-12-31");
	check_date(999, 10, 9, "0999-10-09");
	check_date(9999, 12, 31, "9999-12-31");
	check_date(10000, 1, 1, "+10000-01-01");
	check_date(294276, 12, 31, "+294276-12-31");
	check_date(5874897, 12, 31, "+5874897-12-31");
	check_date(0, 1, 1, "0000-01-01");
	check_date(-1, 1, 1, "-0001-01-01");
	check_date(-4713, 11, 24, "-4713-11-24");
	check_date(-12345, 6, 7, "-12345-06-07");
	check_date(INT32_MAX, 1, 1, "+2147483647-01-01");
	check_date(INT32_MIN, 1, 1, "-2147483648-01-01");
}

static int
days_of_month(int64_t year, int month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static void
check_julian(uint32_t julian_day, int year, int month, int day)
{
	int y = 0;
	int m = 0;
	int d = 0;

	nova_julian_date(julian_day, &y, &m, &d);
	if (y != year || m != month || d != day)
		fail_msg("day %u is %d-%d-%d, not %d-%d-%d", julian_day, y, m, d, year, month, day);
}

/* Day by day over 12 000 years; from there in steps of 400, each as long as the other. */
static void
julian_days(void **state)
{
	uint32_t julian_day = 0; /* PostgreSQL's first one: 4714-11-24 BC */
	int day = 24;
	int month = 11;

	(void) state;
	for (int year = -4713; year < 7300; year++, month = 1)
		for (; month <= 12; month++, day = 1)
			for (; day <= days_of_month(year, month); day++)
				check_julian(julian_day++, year, month, day);
	for (int year = 7300; year < 5874898; year += 400, julian_day += 146097)
		check_julian(julian_day, year, 1, 1);
	check_julian(1721120, 0, 3, 1);
	check_julian(2440588, 1970, 1, 1);
	check_julian(2451545, 2000, 1, 1);
	check_julian(2147483493, 5874897, 12, 31);
}

static void
check_time(int64_t us, const char *expected)
{
	char dst[15 + GUARD_LEN];

	memset(dst, GUARD, sizeof(dst));
	assert_text(dst, nova_format_time(dst, us), 15, expected);
}

static void
times(void **state)
{
	(void) state;
	check_time(0, "00:00:00");
	check_time(1, "00:00:00.000001");
	check_time(10, "00:00:00.00001");
	check_time(100000, "00:00:00.1");
	check_time(999999, "00:00:00.999999");
	check_time(1000000, "00:00:01");
	check_time(INT64_C(59) * 1000000, "00:00:59");
	check_time(INT64_C(60) * 1000000, "00:01:00");
	check_time(INT64_C(3600) * 1000000, "01:00:00");
	check_time(INT64_C(86400) * 1000000 - 1, "23:59:59.999999");
	check_time(INT64_C(86400) * 1000000, "24:00:00");
}

/* The same by snprintf, with the zeros cut off afterwards. */
static void
random_times(void **state)
{
	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		int64_t us = (int64_t) (((uint64_t) next_random() << 20) % UINT64_C(86400000001));
		int seconds = (int) (us / 1000000);
		char expected[40];
		size_t len;

		if (round % 3 == 0)
			us -= us % 1000;
		snprintf(expected, sizeof(expected), "%02d:%02d:%02d.%06d", seconds / 3600,
				 seconds / 60 % 60, seconds % 60, (int) (us % 1000000));
		len = strlen(expected);
		while (expected[len - 1] == '0' && expected[len - 2] != ':' && len > 9)
			expected[--len] = '\0';
		if (expected[len - 1] == '.')
			expected[--len] = '\0';
		check_time(us, expected);
	}
}

static void
uuids(void **state)
{
	char dst[36 + GUARD_LEN];
	unsigned char bytes[16];

	(void) state;
	for (int round = 0; round < 1000; round++)
	{
		char expected[37];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char) (round == 0 ? 0 : round == 1 ? 0xff : next_random());
		snprintf(expected, sizeof(expected),
				 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
				 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
				 bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
		memset(dst, GUARD, sizeof(dst));
		assert_text(dst, nova_format_uuid(dst, bytes), 36, expected);
	}
}

/*
 * The stored form of a decimal text, as PostgreSQL makes it: groups of four
 * around the point, zero groups cut off at both ends, a weight of 0 for zero.
 */
typedef struct Stored
{
	int16_t digits[MAX_DIGITS];
	int ndigits;
	int weight;
	int dscale;
	bool negative;
} Stored;

static void
store(Stored *n, const char *text)
{
	const char *point;
	size_t before;
	size_t after;
	size_t pad;

	memset(n, 0, sizeof(*n));
	n->negative = *text == '-';
	text += n->negative;
	point = strchr(text, '.');
	before = point ? (size_t) (point - text) : strlen(text);
	after = point ? strlen(point + 1) : 0;
	n->dscale = (int) after;
	pad = (4 - before % 4) % 4;
	n->weight = (int) ((before + pad) / 4) - 1;
	for (size_t i = 0; i < before + after; i++)
	{
		char c = i < before ? text[i] : point[1 + i - before];
		size_t at = i + pad;
		static const int16_t worth[] = {1000, 100, 10, 1};

		assert_true(at / 4 < MAX_DIGITS);
		n->digits[at / 4] = (int16_t) (n->digits[at / 4] + (c - '0') * worth[at % 4]);
		n->ndigits = (int) (at / 4) + 1;
	}
	while (n->ndigits > 0 && n->digits[n->ndigits - 1] == 0)
		n->ndigits--;
	while (n->ndigits > 0 && n->digits[0] == 0)
	{
		memmove(n->digits, n->digits + 1, sizeof(n->digits[0]) * (size_t) --n->ndigits);
		n->weight--;
	}
	if (n->ndigits == 0)
	{
		n->weight = 0;
		n->negative = false;
	}
}

/* At an odd address, since digits lie unaligned behind short headers. */
static void
check_numeric(const char *text, const char *expected)
{
	static Stored n;
	static char digits[sizeof(n.digits) + 1];
	NovaNumeric numeric;
	size_t room;
	char *dst;

	store(&n, text);
	memcpy(digits + 1, n.digits, sizeof(n.digits[0]) * (size_t) n.ndigits);
	numeric.kind = NOVA_NUMERIC_FINITE;
	numeric.negative = n.negative;
	numeric.weight = n.weight;
	numeric.dscale = n.dscale;
	numeric.ndigits = n.ndigits;
	numeric.digits = digits + 1;
	room = nova_numeric_room(&numeric);
	dst = malloc(room + GUARD_LEN);
	assert_non_null(dst);
	memset(dst, GUARD, room + GUARD_LEN);
	assert_text(dst, nova_format_numeric(dst, &numeric), room, expected);
	free(dst);
}

static void
numerics(void **state)
{
	static const char *const texts[] = {
		"0",         "0.0",       "0.00000",     "1",          "-1",       "9",
		"10",        "9999",      "10000",       "10001",      "99999999", "100000000",
		"0.1",       "0.01",      "0.001",       "0.0001",     "0.00001",  "0.00000001",
		"1.5",       "-1.5",      "1.50",        "1.5000",     "1.50000",  "10000.0001",
		"9999.9999", "-0.000123", "1234567.890", "0.99999999", "100.00",   "1000000000000",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_numeric(texts[i], texts[i]);
}

/* A random decimal without leading zeros; a point in nearly all of them. */
static void
random_decimal(char *text)
{
	size_t before = 1 + next_random() % 40;
	size_t after = next_random() % 40;
	uint32_t zeros = next_random() % 4;
	bool any = false;
	char *p = text;

	*p++ = '-';
	for (size_t i = 0; i < before + after; i++)
	{
		char c = (char) ('0' + (next_random() % 4 < zeros ? 0 : next_random() % 10));

		if (i == before)
			*p++ = '.';
		if (i == 0 && before > 1 && c == '0')
			c = '1';
		any |= c != '0';
		*p++ = c;
	}
	*p = '\0';
	if (!any || next_random() % 2 == 0)
		memmove(text, text + 1, strlen(text));
}

static void
random_numerics(void **state)
{
	char text[100];

	(void) state;
	for (int round = 0; round < 100000; round++)
	{
		random_decimal(text);
		check_numeric(text, text);
	}
}

/* Long runs of nines and zeros on either side of the point. */
static void
long_numerics(void **state)
{
	static char text[4096];

	(void) state;
	for (size_t before = 1; before < 1500; before += 37)
		for (size_t after = 1; after < 1500; after += 41)
		{
			memset(text, (before + after) % 2 ? '9' : '0', before + after + 1);
			text[0] = before > 1 ? '1' : '0';
			text[before] = '.';
			text[before + after] = '7';
			text[before + after + 1] = '\0';
			check_numeric(text, text);
		}
}

static void
integers(void **state)
{
	char dst[12];
	char expected[12];

	(void) state;
	for (int round = 0; round < 10000; round++)
	{
		uint32_t v = round == 0 ? 0 : round == 1 ? UINT32_MAX : next_random() >> (round % 32);
		int min_digits = round % 10 + 1;
		char *end = nova_format_unsigned(dst, v, min_digits);

		snprintf(expected, sizeof(expected), "%0*u", min_digits, v);
		assert_int_equal(end - dst, strlen(expected));
		assert_memory_equal(dst, expected, strlen(expected));
		end = nova_format_digits(dst, v % 10000, 4);
		snprintf(expected, sizeof(expected), "%04u", v % 10000);
		assert_int_equal(end - dst, 4);
		assert_memory_equal(dst, expected, 4);
	}
}

/* Pairs of PostgreSQL's shortest text and what a JVM prints. */
static void
java_doubles(void **state)
{
	static const char *const pairs[][2] = {
		{"0", "0.0"},
		{"-0", "-0.0"},
		{"1", "1.0"},
		{"-1.5", "-1.5"},
		{"100", "100.0"},
		{"0.001", "0.001"},
		{"0.0001", "1.0E-4"},
		{"1e-05", "1.0E-5"},
		{"9999999", "9999999.0"},
		{"1e+07", "1.0E7"},
		{"12345678", "1.2345678E7"},
		{"123456789.123", "1.23456789123E8"},
		{"3.4028235e+38", "3.4028235E38"},
		{"2.2250738585072014e-308", "2.2250738585072014E-308"},
		{"1.7976931348623157e+308", "1.7976931348623157E308"},
		{"1.000000000000000e+23", "1.0E23"},
	};
	char text[NOVA_JAVA_DOUBLE_ROOM + GUARD_LEN];

	(void) state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		const char *src = pairs[i][0];

		memset(text, GUARD, sizeof(text));
		assert_text(text, nova_format_java_double(text, src, (int) strlen(src)),
					NOVA_JAVA_DOUBLE_ROOM, pairs[i][1]);
	}
}

static void
check_unscaled(const char *text, int scale, const char *hex)
{
	static Stored n;
	NovaNumeric numeric = {.kind = NOVA_NUMERIC_FINITE};
	unsigned char *bytes;
	char got[256];
	size_t len;

	store(&n, text);
	numeric.negative = n.negative;
	numeric.weight = n.weight;
	numeric.dscale = n.dscale;
	numeric.ndigits = n.ndigits;
	numeric.digits = (const char *) n.digits;
	bytes = malloc(nova_unscaled_room(&numeric, scale));
	assert_non_null(bytes);
	len = nova_numeric_unscaled(bytes, &numeric, scale);
	for (size_t i = 0; i < len; i++)
		snprintf(got + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(got, hex);
	free(bytes);
}

/* java.math.BigInteger.toByteArray() of value * 10^scale */
static void
unscaled_values(void **state)
{
	(void) state;
	check_unscaled("0", 0, "00");
	check_unscaled("1.10", 2, "6e");
	check_unscaled("-1.28", 2, "80");
	check_unscaled("1.28", 2, "0080");
	check_unscaled("-1.29", 2, "ff7f");
	check_unscaled("2.55", 2, "00ff");
	check_unscaled("-0.01", 2, "ff");
	check_unscaled("256", 0, "0100");
	check_unscaled("-256", 0, "ff00");
	check_unscaled("-32768", 0, "8000");
	check_unscaled("123456789.987654321", 9, "01b69b4be052fab1");
	check_unscaled("100000000000000000000", 0, "056bc75e2d63100000");
	check_unscaled("0.0001", 4, "01");
	check_unscaled("10000.0001", 4, "05f5e101");
	check_unscaled("0.00000001", 8, "01");
	check_unscaled("12345.678", 1, "01e240");
	check_unscaled("999999999999999999", 0, "0de0b6b3a763ffff");
	check_unscaled("-9999999999.99999999", 8, "f21f494c589c0001");
}

/*
 * The same by long division of the decimal digits, and the sign by counting
 * down from a power of 256.
 */
static size_t
unscaled_by_hand(unsigned char *dst, const char *text)
{
	static char digits[4096];
	size_t n = 0;
	size_t len = 0;
	bool negative = *text == '-';

	for (; *text; text++)
		if (*text >= '0' && *text <= '9')
			digits[n++] = (char) (*text - '0');
	for (bool any = true; any; len++)
	{
		unsigned rest = 0;

		any = false;
		for (size_t i = 0; i < n; i++)
		{
			rest = rest * 10 + (unsigned char) digits[i];
			digits[i] = (char) (rest / 256);
			rest %= 256;
			any |= digits[i] != 0;
		}
		dst[len] = (unsigned char) rest;
	}
	for (size_t i = 0, borrow = 0; negative && i < len; i++)
	{
		unsigned v = 0u - dst[i] - (unsigned) borrow;

		borrow = dst[i] != 0 || borrow;
		dst[i] = (unsigned char) v;
	}
	if (negative != (dst[len - 1] >= 0x80))
		dst[len++] = negative ? 0xFF : 0;
	for (size_t i = 0; i < len / 2; i++)
	{
		unsigned char swapped = dst[i];

		dst[i] = dst[len - 1 - i];
		dst[len - 1 - i] = swapped;
	}
	return len;
}

static void
compare_unscaled(const char *text)
{
	static Stored n;
	static unsigned char expected[4096];
	NovaNumeric numeric = {.kind = NOVA_NUMERIC_FINITE};
	size_t room;
	size_t len = unscaled_by_hand(expected, text);
	unsigned char *bytes;

	store(&n, text);
	numeric.negative = n.negative;
	numeric.weight = n.weight;
	numeric.dscale = n.dscale;
	numeric.ndigits = n.ndigits;
	numeric.digits = (const char *) n.digits;
	room = nova_unscaled_room(&numeric, n.dscale);
	bytes = malloc(room + GUARD_LEN);
	assert_non_null(bytes);
	memset(bytes, GUARD, room + GUARD_LEN);
	assert_int_equal(nova_numeric_unscaled(bytes, &numeric, n.dscale), len);
	assert_memory_equal(bytes, expected, len);
	for (size_t i = 0; i < GUARD_LEN; i++)
		assert_int_equal(bytes[room + i], GUARD);
	free(bytes);
}

static void
random_unscaled_values(void **state)
{
	static char text[4096];

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		random_decimal(text);
		compare_unscaled(text);
	}
	for (size_t digits = 1; digits < 3000; digits += 1 + digits / 8)
	{
		memset(text, '9', digits);
		text[digits] = '\0';
		compare_unscaled(text);
		text[digits / 2] = '.';
		if (digits > 2)
			compare_unscaled(text);
	}
}

/* Both sides of every power of 256 that fits into the C library's integers. */
static void
unscaled_powers(void **state)
{
	(void) state;
	for (int bits = 7; bits < 63; bits++)
		for (int off = -1; off <= 1; off++)
		{
			char text[32];

			snprintf(text, sizeof(text), "%lld", (1LL << bits) + off);
			compare_unscaled(text);
			snprintf(text, sizeof(text), "%lld", -(1LL << bits) + off);
			compare_unscaled(text);
		}
}

/* Every length of Java's digits around a point that may stand anywhere. */
static void
random_java_doubles(void **state)
{
	(void) state;
	for (int round = 0; round < 100000; round++)
	{
		char shortest[40];
		char got[NOVA_JAVA_DOUBLE_ROOM + GUARD_LEN];
		char mantissa[32];
		uint64_t image = (uint64_t) next_random() << 32 | next_random();
		double v;
		double back;
		char *end;

		memcpy(&v, &image, sizeof(v));
		if (v != v || v - v != 0)
			continue;
		if (round % 2)
			v = (double) (int32_t) next_random() / (double) (1 << (round % 20));
		/* as PostgreSQL writes it: no exponent from 1e-4 up to 1e15 */
		snprintf(shortest, sizeof(shortest), "%.17g", v);
		if ((v > 9e14 || v < -9e14) && !strchr(shortest, 'e'))
			snprintf(shortest, sizeof(shortest), "%.16e", v);
		memset(got, GUARD, sizeof(got));
		end = nova_format_java_double(got, shortest, (int) strlen(shortest));
		assert_true((size_t) (end - got) <= NOVA_JAVA_DOUBLE_ROOM);
		assert_int_equal((unsigned char) got[NOVA_JAVA_DOUBLE_ROOM], GUARD);
		*end = '\0';
		back = strtod(got, NULL);
		assert_memory_equal(&back, &v, sizeof(v));
		/* Double.toString(): a digit on either side of the point, E beyond 10^-3 and 10^7 */
		assert_int_equal(sscanf(got, "%31[-0123456789].%*[0-9]", mantissa), 1);
		assert_non_null(strchr(got, '.'));
		assert_true(strchr(got, '.')[1] >= '0' && strchr(got, '.')[1] <= '9');
		if (v != 0)
			assert_int_equal(strchr(got, 'E') != NULL,
							 (v < 0 ? -v : v) < 1e-3 || (v < 0 ? -v : v) >= 1e7);
	}
}

/* What is read from the stored header: short, long, and the special ones. */
static void
numeric_headers(void **state)
{
	static const struct
	{
		uint16_t words[4];
		int size;
		NovaNumericKind kind;
		bool negative;
	} cases[] = {
		{{0x8100, 12, 3400}, 6, NOVA_NUMERIC_FINITE, false},
		{{0x4002, 0, 12, 3400}, 8, NOVA_NUMERIC_FINITE, true},
		{{0xC000}, 2, NOVA_NUMERIC_NAN, true},
		{{0xD000}, 2, NOVA_NUMERIC_INFINITE, false},
		{{0xF000}, 2, NOVA_NUMERIC_INFINITE, true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		NovaNumeric n = {.kind = NOVA_NUMERIC_FINITE};

		nova_numeric_read(&n, (const char *) cases[i].words, cases[i].size);
		assert_int_equal(n.kind, cases[i].kind);
		assert_int_equal(n.negative, cases[i].negative);
		if (n.kind != NOVA_NUMERIC_FINITE)
			continue;
		assert_int_equal(n.dscale, 2);
		assert_int_equal(n.weight, 0);
		assert_int_equal(n.ndigits, 2);
		assert_int_equal(nova_numeric_digit(&n, 1), 3400);
	}
}

static void
check_number(int64_t v)
{
	char dst[32];
	char expected[32];

	*nova_format_int64(dst, v) = '\0';
	snprintf(expected, sizeof(expected), "%" PRId64, v);
	assert_string_equal(dst, expected);
	*nova_format_uint64(dst, (uint64_t) v) = '\0';
	snprintf(expected, sizeof(expected), "%" PRIu64, (uint64_t) v);
	assert_string_equal(dst, expected);
}

/* Around each power of ten and of two, and of every length. */
static void
whole_numbers(void **state)
{
	uint64_t power = 1;

	(void) state;
	for (int i = 0; i < 20; i++, power *= 10)
		for (int off = -2; off <= 2; off++)
			check_number((int64_t) (power + (uint64_t) off));
	for (int bit = 0; bit < 64; bit++)
		for (int off = -1; off <= 1; off++)
			check_number((int64_t) ((UINT64_C(1) << bit) + (uint64_t) off));
	for (int i = 0; i < 100000; i++)
		check_number((int64_t) ((uint64_t) next_random() << 32 ^ next_random()) >> i % 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(dates),
		cmocka_unit_test(julian_days),
		cmocka_unit_test(times),
		cmocka_unit_test(random_times),
		cmocka_unit_test(uuids),
		cmocka_unit_test(java_doubles),
		cmocka_unit_test(unscaled_values),
		cmocka_unit_test(numeric_headers),
		cmocka_unit_test(numerics),
		cmocka_unit_test(random_unscaled_values),
		cmocka_unit_test(unscaled_powers),
		cmocka_unit_test(random_java_doubles),
		cmocka_unit_test(random_numerics),
		cmocka_unit_test(long_numerics),
		cmocka_unit_test(integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
