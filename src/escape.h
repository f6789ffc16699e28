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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * NOVA_ESCAPE_PORTABLE: as on a machine without vectors, for tests.  Of x86, vectors of 16
 * bytes are everywhere; those of 32 are for long text, if the processor says it has them.
 */
#if defined(NOVA_ESCAPE_PORTABLE)
#elif defined(__SSE2__)
#include <immintrin.h>
#define NOVA_ESCAPE_SSE2
#elif defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
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

/* From here on a character has four bytes in UTF-8, and two units in UTF-16. */
#define NOVA_ESCAPE_WIDE 0xF0

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
 * The bytes of a word that need an escape have their top bit set in the result,
 * where bytes above the first of them may have it too.  java: so have those that
 * begin a character of four bytes.
 */
static inline uint64_t
nova_escape_hits(uint64_t word, bool java)
{
	const uint64_t ones = 0x0101010101010101;
	const uint64_t tops = 0x8080808080808080;
	uint64_t quote = word ^ ones * '"';
	uint64_t backslash = word ^ ones * '\\';
	uint64_t hits = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
					((backslash - ones) & ~backslash);

	if (java)
		hits |= word & word << 1 & word << 2 & word << 3;
	return hits & tops;
}

/*
 * Copy 4 to 16 bytes if none needs an escape: two words that may overlap.  False:
 * one does, and nothing of dst counts.
 */
static inline bool
nova_escape_copy(char *dst, const char *src, size_t len, bool java)
{
	uint64_t head;
	uint64_t tail;
	uint32_t half_head;
	uint32_t half_tail;

	if (len >= 8)
	{
		memcpy(&head, src, 8);
		memcpy(&tail, src + len - 8, 8);
		memcpy(dst, &head, 8);
		memcpy(dst + len - 8, &tail, 8);
		return (nova_escape_hits(head, java) | nova_escape_hits(tail, java)) == 0;
	}
	memcpy(&half_head, src, 4);
	memcpy(&half_tail, src + len - 4, 4);
	memcpy(dst, &half_head, 4);
	memcpy(dst + len - 4, &half_tail, 4);
	return nova_escape_hits((uint64_t) half_head << 32 | half_tail, java) == 0;
}

/*
 * Copy 16 bytes and say where the first one is that needs an escape (16 if
 * none does).
 */
static inline size_t
nova_escape_block(char *dst, const char *src, bool java)
{
#if defined(NOVA_ESCAPE_SSE2)
	__m128i v = _mm_loadu_si128((const __m128i *) src);
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i hit = _mm_or_si128(control, _mm_or_si128(quote, backslash));
	unsigned mask;

	if (java)
		hit = _mm_or_si128(
			hit, _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8((char) NOVA_ESCAPE_WIDE)), v));
	mask = (unsigned) _mm_movemask_epi8(hit);
	_mm_storeu_si128((__m128i *) dst, v);
	return mask == 0 ? 16 : (size_t) __builtin_ctz(mask);
#elif defined(NOVA_ESCAPE_NEON)
	uint8x16_t v = vld1q_u8((const uint8_t *) src);
	uint8x16_t hit =
		vorrq_u8(vcltq_u8(v, vdupq_n_u8(0x20)),
				 vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\'))));
	uint64_t mask;

	if (java)
		hit = vorrq_u8(hit, vcgeq_u8(v, vdupq_n_u8(NOVA_ESCAPE_WIDE)));
	/* four bits a byte, since NEON has no movemask */
	mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);
	vst1q_u8((uint8_t *) dst, v);
	return mask == 0 ? 16 : (size_t) __builtin_ctzll(mask) / 4;
#else
	size_t clean = 0;

	if (nova_escape_copy(dst, src, 16, java))
		return 16;
	for (; !nova_escape_needed((unsigned char) src[clean]) &&
		   !(java && (unsigned char) src[clean] >= NOVA_ESCAPE_WIDE);
		 clean++)
		dst[clean] = src[clean];
	return clean;
#endif
}

#if defined(NOVA_ESCAPE_SSE2)
/* From here on looking for what the processor has is worth it. */
#define NOVA_ESCAPE_LONG 64

/*
 * Copy vectors of 32 bytes up to one that has a byte which needs an escape; returns how
 * many bytes that were.  For a processor with AVX2 only.
 */
__attribute__((target("avx2"))) static inline size_t
nova_escape_avx2(char *dst, const char *src, size_t len, bool java)
{
	const __m256i last_control = _mm256_set1_epi8(0x1f);
	const __m256i first_wide = _mm256_set1_epi8((char) NOVA_ESCAPE_WIDE);
	size_t done = 0;

	for (; done + 32 <= len; done += 32)
	{
		__m256i v = _mm256_loadu_si256((const __m256i *) (src + done));
		__m256i hit =
			_mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(v, last_control), v),
							_mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
											_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'))));

		if (java)
			hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(_mm256_max_epu8(v, first_wide), v));
		if (_mm256_movemask_epi8(hit) != 0)
			break;
		_mm256_storeu_si256((__m256i *) (dst + done), v);
	}
	return done;
}
#endif

/* Write one character, or byte if it needs no escape; returns how many of src it was. */
static inline size_t
nova_escape_one(char **dst, const char *src, size_t len, bool java)
{
	unsigned char c = (unsigned char) *src;

	if (nova_escape_needed(c))
		*dst = nova_escape_byte(*dst, c);
	else if (java && c >= NOVA_ESCAPE_WIDE && len >= 4)
	{
		*dst = nova_escape_pair(*dst, (const unsigned char *) src);
		return 4;
	}
	else
		*(*dst)++ = (char) c;
	return 1;
}

static inline char *
nova_escape_fast(char *dst, const char *src, size_t len, bool java)
{
	size_t n;

#if defined(NOVA_ESCAPE_SSE2)
	if (len >= NOVA_ESCAPE_LONG && __builtin_cpu_supports("avx2"))
	{
		n = nova_escape_avx2(dst, src, len, java);
		dst += n;
		src += n;
		len -= n;
	}
#endif
	for (; len >= 16; src += n, len -= n)
	{
		n = nova_escape_block(dst, src, java);
		dst += n;
		if (n < 16)
			n += nova_escape_one(&dst, src + n, len - n, java);
	}
	if (len >= 4 && nova_escape_copy(dst, src, len, java))
		return dst + len;
	for (; len > 0; src += n, len -= n)
		n = nova_escape_one(&dst, src, len, java);
	return dst;
}

static inline char *
nova_escape(char *dst, const char *src, size_t len)
{
	return nova_escape_fast(dst, src, len, false);
}

/*
 * The same as nova_escape(), but characters beyond U+FFFF are written as pairs
 * of escapes, as Java's JSON library does.  src must not end inside of one.
 */
static inline char *
nova_escape_java(char *dst, const char *src, size_t len)
{
	return nova_escape_fast(dst, src, len, true);
}

#endif /* NOVA_ESCAPE_H */
