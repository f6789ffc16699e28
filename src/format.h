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

/* Exactly n decimal digits, with leading zeros. */
static inline char *
nova_format_digits(char *dst, uint32_t v, int n)
{
	for (int i = n - 1; i >= 0; i--)
	{
		dst[i] = (char) ('0' + v % 10);
		v /= 10;
	}
	return dst + n;
}

/* A year, at least four digits: room for 12. */
static inline char *
nova_format_unsigned(char *dst, uint32_t v, int min_digits)
{
	char tmp[10];
	int n = 0;

	do
	{
		tmp[n++] = (char) ('0' + v % 10);
		v /= 10;
	} while (v != 0);
	while (n < min_digits)
		tmp[n++] = '0';
	while (n > 0)
		*dst++ = tmp[--n];
	return dst;
}

/*
 * An ISO 8601 calendar date: room for 18.  Years outside 0000 to 9999 take the
 * expanded form with a sign.  The year is astronomical: 1 BC is 0, 2 BC -1.
 */
static inline char *
nova_format_date(char *dst, int year, int month, int day)
{
	if (year < 0)
		*dst++ = '-';
	else if (year > 9999)
		*dst++ = '+';
	dst = nova_format_unsigned(dst, (uint32_t) (year < 0 ? -(int64_t) year : year), 4);
	*dst++ = '-';
	dst = nova_format_digits(dst, (uint32_t) month, 2);
	*dst++ = '-';
	return nova_format_digits(dst, (uint32_t) day, 2);
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
	uint32_t seconds = (uint32_t) (us / 1000000);

	dst = nova_format_digits(dst, seconds / 3600, 2);
	*dst++ = ':';
	dst = nova_format_digits(dst, seconds / 60 % 60, 2);
	*dst++ = ':';
	dst = nova_format_digits(dst, seconds % 60, 2);
	if (fraction != 0)
	{
		*dst++ = '.';
		dst = nova_format_digits(dst, fraction, 6);
		while (dst[-1] == '0')
			dst--;
	}
	return dst;
}

/* A uuid from its 16 bytes: room for 36. */
static inline char *
nova_format_uuid(char *dst, const unsigned char *uuid)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*dst++ = '-';
		*dst++ = hex[uuid[i] >> 4];
		*dst++ = hex[uuid[i] & 15];
	}
	return dst;
}

/* Room that nova_format_numeric() needs. */
static inline size_t
nova_numeric_room(int weight, int dscale)
{
	return (size_t) (weight < 0 ? 1 : (weight + 1) * 4) + (size_t) dscale + 8;
}

/*
 * A numeric from its stored parts: ndigits base-10000 digits, of which the
 * first counts 10000^weight, and dscale decimal digits shown behind the point.
 * The digits are int16 in host order and may lie unaligned.  The layout is
 * that of NumericVar in PostgreSQL's utils/adt/numeric.c, and so is the text.
 */
static inline char *
nova_format_numeric(char *dst, const char *digits, int ndigits, int weight, int dscale,
					bool negative)
{
	char *point;
	int i = 0;

	if (negative)
		*dst++ = '-';
	if (weight < 0)
		*dst++ = '0';
	for (; i <= weight; i++)
	{
		uint16_t digit = 0;

		if (i < ndigits)
			memcpy(&digit, digits + 2 * i, 2);
		if (i == 0)
			dst = nova_format_unsigned(dst, digit, 1);
		else
			dst = nova_format_digits(dst, digit, 4);
	}
	if (dscale == 0)
		return dst;
	*dst++ = '.';
	point = dst;
	for (i = weight + 1; dst - point < dscale; i++)
	{
		uint16_t digit = 0;

		if (i >= 0 && i < ndigits)
			memcpy(&digit, digits + 2 * i, 2);
		dst = nova_format_digits(dst, digit, 4);
	}
	return point + dscale;
}

#endif /* NOVA_FORMAT_H */
