/*-------------------------------------------------------------------------
 *
 * test_escape.c
 *		JSON string escapes: the fast version writes what the plain one does.
 *
 * Both are compared with each other over random input at every alignment and
 * length around the vector's size, and with a table that this file makes by
 * itself.  Buffers are exactly as large as the header asks for and guarded, so
 * that one byte too many is seen without a sanitizer, too.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/escape.h"

/* Without its vectors a machine would still pass everything below: plain beside plain. */
#ifndef NOVA_ESCAPE_PORTABLE
#if defined(__x86_64__) && !defined(NOVA_ESCAPE_SSE2)
#error "no SSE2, which every machine of this kind has"
#endif
#if defined(__AARCH64EL__) && !defined(NOVA_ESCAPE_NEON)
#error "no NEON, which every machine of this kind has"
#endif
#endif

#define GUARD     0xA5
#define GUARD_LEN 32

/* A generator of our own, so that every run sees the same bytes. */
static uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);

static uint32_t
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 32);
}

typedef char *(*EscapeFunction)(char *, const char *, size_t);

/*
 * Escape src with f into a fresh guarded buffer.  The caller frees it; the
 * length comes back in *len.  Source bytes are copied to the very end of their
 * own allocation, where a sanitizer sees a read beyond.
 */
static char *
run(EscapeFunction f, const char *src, size_t src_len, size_t align, size_t *len)
{
	size_t room = NOVA_ESCAPE_ROOM(src_len);
	char *block = malloc(align + room + GUARD_LEN);
	char *copy = malloc(align + src_len > 0 ? align + src_len : 1);
	char *dst = block + align;
	char *end;

	assert_non_null(block);
	assert_non_null(copy);
	memcpy(copy + align, src, src_len);
	memset(block, GUARD, align + room + GUARD_LEN);
	end = f(dst, copy + align, src_len);
	assert_true(end >= dst && (size_t) (end - dst) <= room);
	for (size_t i = 0; i < align; i++)
		assert_int_equal((unsigned char) block[i], GUARD);
	for (size_t i = 0; i < GUARD_LEN; i++)
		assert_int_equal((unsigned char) dst[room + i], GUARD);
	*len = (size_t) (end - dst);
	memmove(block, dst, *len);
	free(copy);
	return block;
}

static void
assert_same(const char *src, size_t src_len, size_t align)
{
	size_t plain_len;
	size_t fast_len;
	char *plain = run(nova_escape_scalar, src, src_len, 0, &plain_len);
	char *fast = run(nova_escape, src, src_len, align, &fast_len);

	assert_int_equal(fast_len, plain_len);
	assert_memory_equal(fast, plain, plain_len);
	free(plain);
	free(fast);
}

/* RFC 8259 by hand: what each byte becomes. */
static void
every_byte_has_its_form(void **state)
{
	(void) state;
	for (unsigned c = 0; c < 256; c++)
	{
		char src = (char) c;
		char expected[8];
		size_t len;
		char *got = run(nova_escape, &src, 1, 0, &len);
		const char *at = strchr("\"\\\b\t\n\f\r", (int) c);

		if (c != 0 && at)
			snprintf(expected, sizeof(expected), "\\%c", "\"\\btnfr"[at - "\"\\\b\t\n\f\r"]);
		else if (c < 0x20)
			snprintf(expected, sizeof(expected), "\\u%04X", c);
		else
			snprintf(expected, sizeof(expected), "%c", (char) c);
		assert_int_equal(len, strlen(expected));
		assert_memory_equal(got, expected, len);
		free(got);
	}
}

static void
nothing_becomes_nothing(void **state)
{
	size_t len;

	(void) state;
	free(run(nova_escape, "", 0, 0, &len));
	assert_int_equal(len, 0);
	free(run(nova_escape_scalar, "", 0, 0, &len));
	assert_int_equal(len, 0);
}

/* One special byte at every place of strings of every length around vectors. */
static void
one_escape_anywhere(void **state)
{
	static const char special[] = {'"', '\\', '\n', '\0', '\x1f', '\x7f', '\x20', '\x80', '\xff'};
	char src[70];

	(void) state;
	for (size_t len = 1; len <= sizeof(src); len++)
		for (size_t at = 0; at < len; at++)
			for (size_t s = 0; s < sizeof(special); s++)
			{
				memset(src, 'x', len);
				src[at] = special[s];
				assert_same(src, len, at % 16);
			}
}

/* Every byte value in every lane of a vector. */
static void
every_byte_in_every_lane(void **state)
{
	char src[48];

	(void) state;
	for (unsigned c = 0; c < 256; c++)
		for (size_t lane = 0; lane < sizeof(src); lane++)
		{
			memset(src, 'a', sizeof(src));
			src[lane] = (char) c;
			assert_same(src, sizeof(src), lane % 16);
		}
}

/* Fill with random bytes, of which about one in `rarity` needs an escape. */
static void
fill(char *src, size_t len, uint32_t rarity)
{
	for (size_t i = 0; i < len; i++)
	{
		uint32_t r = next_random();

		if (rarity == 0)
			src[i] = (char) r;
		else if (r % rarity == 0)
			src[i] = "\"\\\n\x01\x1f\0"[(r >> 8) % 6];
		else
			src[i] = (char) (0x20 + (r >> 8) % 0xE0);
	}
}

static void
random_strings_at_every_alignment(void **state)
{
	static const uint32_t rarities[] = {0, 1, 2, 16, 100, 1000000};
	char src[300];

	(void) state;
	for (size_t r = 0; r < sizeof(rarities) / sizeof(rarities[0]); r++)
		for (size_t align = 0; align < 16; align++)
			for (size_t len = 0; len < sizeof(src); len += 1 + next_random() % 3)
			{
				fill(src, len, rarities[r]);
				assert_same(src, len, align);
			}
}

static void
long_strings(void **state)
{
	size_t size = 1024 * 1024;
	char *src = malloc(size);

	(void) state;
	assert_non_null(src);
	for (uint32_t rarity = 0; rarity <= 64; rarity += 16)
	{
		fill(src, size, rarity);
		assert_same(src, size, rarity % 16);
	}
	free(src);
}

/* A string may be cut anywhere: the parts give what the whole gives. */
static void
pieces_are_the_whole(void **state)
{
	char src[100];
	char whole[NOVA_ESCAPE_ROOM(sizeof(src))];
	char parts[NOVA_ESCAPE_ROOM(sizeof(src)) + 16];

	(void) state;
	for (int round = 0; round < 20; round++)
	{
		fill(src, sizeof(src), 5);
		for (size_t cut = 0; cut <= sizeof(src); cut++)
		{
			size_t len = (size_t) (nova_escape(whole, src, sizeof(src)) - whole);
			char *p = nova_escape(parts, src, cut);

			p = nova_escape(p, src + cut, sizeof(src) - cut);
			assert_int_equal((size_t) (p - parts), len);
			assert_memory_equal(parts, whole, len);
		}
	}
}

/* Undo the escapes by the rules of JSON, not by those of the header. */
static size_t
unescape(char *dst, const char *src, size_t len)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		assert_true((unsigned char) src[i] >= 0x20 && src[i] != '"');
		if (src[i] != '\\')
		{
			dst[n++] = src[i];
			continue;
		}
		assert_true(++i < len);
		if (src[i] == 'u')
		{
			char hex[5] = {0};

			assert_true(i + 4 < len);
			memcpy(hex, src + i + 1, 4);
			dst[n++] = (char) strtoul(hex, NULL, 16);
			i += 4;
		}
		else
		{
			assert_non_null(strchr(names, src[i]));
			dst[n++] = values[strchr(names, src[i]) - names];
		}
	}
	return n;
}

static void
reading_back_gives_the_same(void **state)
{
	char src[500];
	char back[NOVA_ESCAPE_ROOM(sizeof(src))];

	(void) state;
	for (int round = 0; round < 500; round++)
	{
		size_t src_len = next_random() % sizeof(src);
		size_t len;
		char *escaped;

		fill(src, src_len, (uint32_t) round % 20);
		escaped = run(nova_escape, src, src_len, (size_t) round % 16, &len);
		assert_int_equal(unescape(back, escaped, len), src_len);
		assert_memory_equal(back, src, src_len);
		free(escaped);
	}
}

/* Java's JSON library escapes what takes two units of UTF-16, and only that. */
static void
java_escapes_pairs(void **state)
{
	static const struct
	{
		const char *src;
		const char *expected;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"\xC3\xA4 \xE6\xBC\xA2", "\xC3\xA4 \xE6\xBC\xA2"},
		{"\xF0\x9F\x98\x80", "\\uD83D\\uDE00"},
		{"a\"\xF0\x9F\x98\x80\n\xF4\x8F\xBF\xBF", "a\\\"\\uD83D\\uDE00\\n\\uDBFF\\uDFFF"},
		{"\xF0\x90\x80\x80tail of more than sixteen bytes",
		 "\\uD800\\uDC00tail of more than sixteen bytes"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t len;
		char *got = run(nova_escape_java, cases[i].src, strlen(cases[i].src), 0, &len);

		assert_int_equal(len, strlen(cases[i].expected));
		assert_memory_equal(got, cases[i].expected, len);
		free(got);
	}
}

/* What java has to give, character by character and by the plain version. */
static char *
java_by_hand(char *dst, const char *src, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		unsigned char c = (unsigned char) src[i];

		if (c < 0xF0 || len - i < 4)
		{
			dst = nova_escape_scalar(dst, src + i++, 1);
			continue;
		}
		dst += sprintf(dst, "\\u%04X\\u%04X",
					   0xD800 + ((((c & 7u) << 18 | (src[i + 1] & 63u) << 12 |
								   (src[i + 2] & 63u) << 6 | (src[i + 3] & 63u)) -
								  0x10000) >>
								 10),
					   0xDC00 + (((src[i + 2] & 63u) << 6 | (src[i + 3] & 63u)) & 0x3FF));
		i += 4;
	}
	return dst;
}

/* Valid UTF-8 of all lengths, about one character in `rarity` beyond ASCII. */
static size_t
fill_utf8(char *src, size_t room, uint32_t rarity)
{
	static const char *const characters[] = {
		"\xC2\x80",         "\xDF\xBF",         "\xE0\xA0\x80",
		"\xED\x9F\xBF",     "\xEF\xBF\xBF",     "\xF0\x90\x80\x80",
		"\xF0\x9F\x98\x80", "\xF3\xA0\x81\xA7", "\xF4\x8F\xBF\xBF",
	};
	size_t n = 0;

	while (n + 4 <= room)
	{
		uint32_t r = next_random();
		const char *c = characters[(r >> 8) % 9];

		if (r % rarity != 0)
			src[n++] = (char) ((r >> 8) % 0x80);
		else
		{
			memcpy(src + n, c, strlen(c));
			n += strlen(c);
		}
	}
	return n;
}

/* Every length from none to several vectors, at every alignment. */
static void
random_java_strings(void **state)
{
	static const uint32_t rarities[] = {1, 2, 5, 20, 1000};
	char src[120];

	(void) state;
	for (size_t r = 0; r < sizeof(rarities) / sizeof(rarities[0]); r++)
		for (size_t align = 0; align < 32; align++)
			for (size_t room = 0; room <= sizeof(src); room++)
			{
				char expected[NOVA_ESCAPE_ROOM(sizeof(src))];
				size_t src_len = fill_utf8(src, room, rarities[r]);
				size_t expected_len = (size_t) (java_by_hand(expected, src, src_len) - expected);
				size_t len;
				char *got = run(nova_escape_java, src, src_len, align, &len);

				assert_int_equal(len, expected_len);
				assert_memory_equal(got, expected, len);
				free(got);
			}
}

/* Any bytes at all: the two plain tables differ in four-byte characters only. */
static void
every_length_at_every_alignment(void **state)
{
	char src[96];

	(void) state;
	for (size_t len = 0; len <= sizeof(src); len++)
		for (size_t align = 0; align < 32; align++)
			for (int round = 0; round < 4; round++)
			{
				size_t got_len;
				size_t java_len;
				char *got;
				char *java;

				fill(src, len, (uint32_t) round * 7);
				assert_same(src, len, align);
				for (size_t i = 0; i < len; i++)
					if ((unsigned char) src[i] >= 0xF0)
						src[i] = 'x';
				got = run(nova_escape_scalar, src, len, 0, &got_len);
				java = run(nova_escape_java, src, len, align, &java_len);
				assert_int_equal(java_len, got_len);
				assert_memory_equal(java, got, got_len);
				free(got);
				free(java);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_has_its_form),
		cmocka_unit_test(nothing_becomes_nothing),
		cmocka_unit_test(one_escape_anywhere),
		cmocka_unit_test(every_byte_in_every_lane),
		cmocka_unit_test(random_strings_at_every_alignment),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(pieces_are_the_whole),
		cmocka_unit_test(reading_back_gives_the_same),
		cmocka_unit_test(java_escapes_pairs),
		cmocka_unit_test(random_java_strings),
		cmocka_unit_test(every_length_at_every_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
