/*-------------------------------------------------------------------------
 *
 * escape.h
 *		Escaping of JSON strings (RFC 8259): a scalar version and a faster one.
 *
 * Pure C11 without server headers, so that unit tests and fuzzers can compare
 * the two byte by byte.  Both write the escaped form of src without quotes and
 * return the position after.  Room for NOVA_ESCAPE_ROOM(len) bytes is needed:
 * every byte may grow to six, and the fast version stores whole vectors.
 *
 * Escaped are the quote, the backslash and everything below 0x20, in the short
 * form where JSON has one.  All other bytes pass, so src must be valid UTF-8.
 * A string may be cut anywhere and escaped in pieces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_ESCAPE_H
#define NOVA_ESCAPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define NOVA_ESCAPE_SSE2
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define NOVA_ESCAPE_NEON
#endif

#define NOVA_ESCAPE_ROOM(len) ((len) *6 + 16)

/* Does this byte need an escape? */
static inline int
nova_escape_needed(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Write the escape of a byte that needs one. */
static inline char *
nova_escape_byte(char *dst, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char shorthand = 0;

	switch (c)
	{
		case '"':
		case '\\':
			shorthand = (char) c;
			break;
		case '\b':
			shorthand = 'b';
			break;
		case '\t':
			shorthand = 't';
			break;
		case '\n':
			shorthand = 'n';
			break;
		case '\f':
			shorthand = 'f';
			break;
		case '\r':
			shorthand = 'r';
			break;
		default:
			break;
	}
	*dst++ = '\\';
	if (shorthand)
	{
		*dst++ = shorthand;
		return dst;
	}
	memcpy(dst, "u00", 3);
	dst[3] = hex[c >> 4];
	dst[4] = hex[c & 15];
	return dst + 5;
}

/* The plain version: the truth that the fast one is tested against. */
static inline char *
nova_escape_scalar(char *dst, const char *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) src[i];

		if (nova_escape_needed(c))
			dst = nova_escape_byte(dst, c);
		else
			*dst++ = (char) c;
	}
	return dst;
}

#if defined(NOVA_ESCAPE_SSE2) || defined(NOVA_ESCAPE_NEON)

/*
 * Copy 16 bytes and say where the first one is that needs an escape (16 if
 * none does).
 */
static inline unsigned
nova_escape_block(char *dst, const char *src)
{
#if defined(NOVA_ESCAPE_SSE2)
	__m128i v = _mm_loadu_si128((const __m128i *) src);
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	unsigned mask =
		(unsigned) _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)));

	_mm_storeu_si128((__m128i *) dst, v);
	return mask == 0 ? 16 : (unsigned) __builtin_ctz(mask);
#else
	uint8x16_t v = vld1q_u8((const uint8_t *) src);
	uint8x16_t hit =
		vorrq_u8(vcltq_u8(v, vdupq_n_u8(0x20)),
				 vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\'))));
	/* four bits a byte, since NEON has no movemask */
	uint64_t mask =
		vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);

	vst1q_u8((uint8_t *) dst, v);
	return mask == 0 ? 16 : (unsigned) __builtin_ctzll(mask) / 4;
#endif
}

static inline char *
nova_escape(char *dst, const char *src, size_t len)
{
	while (len >= 16)
	{
		unsigned clean = nova_escape_block(dst, src);

		dst += clean;
		src += clean;
		len -= clean;
		if (clean < 16)
		{
			dst = nova_escape_byte(dst, (unsigned char) *src++);
			len--;
		}
	}
	return nova_escape_scalar(dst, src, len);
}

#else

static inline char *
nova_escape(char *dst, const char *src, size_t len)
{
	return nova_escape_scalar(dst, src, len);
}

#endif

/* A unit of UTF-16 as \uXXXX. */
static inline char *
nova_escape_unit(char *dst, uint32_t unit)
{
	static const char hex[] = "0123456789ABCDEF";

	*dst++ = '\\';
	*dst++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*dst++ = hex[unit >> shift & 15];
	return dst;
}

/* A character of four bytes as two such units. */
static inline char *
nova_escape_pair(char *dst, const unsigned char *c)
{
	uint32_t code = (uint32_t) (c[0] & 7) << 18 | (uint32_t) (c[1] & 63) << 12 |
					(uint32_t) (c[2] & 63) << 6 | (uint32_t) (c[3] & 63);

	code -= 0x10000;
	dst = nova_escape_unit(dst, 0xD800 + (code >> 10));
	return nova_escape_unit(dst, 0xDC00 + (code & 0x3FF));
}

/*
 * The same as nova_escape(), but characters beyond U+FFFF are written as pairs
 * of escapes, as Java's JSON library does.  src must not end inside of one.
 */
static inline char *
nova_escape_java(char *dst, const char *src, size_t len)
{
	const char *end = src + len;
	const char *done = src;

	for (; src < end; src++)
	{
		if ((unsigned char) *src < 0xF0 || end - src < 4)
			continue;
		dst = nova_escape(dst, done, (size_t) (src - done));
		dst = nova_escape_pair(dst, (const unsigned char *) src);
		src += 3;
		done = src + 1;
	}
	return nova_escape(dst, done, (size_t) (end - done));
}

#endif /* NOVA_ESCAPE_H */
