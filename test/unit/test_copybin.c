/*
 * test_copybin.c
 *		Binary COPY, whole and in pieces of every size, and what is no such thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "copybin.h"

#define HEADER        "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define TUPLE(length) "\0\1\0\0\0" length
#define END           "\377\377"

/* Feed the bytes in pieces of one size; values are put together, '|' after each. */
static CopyBinStatus
run(const char *bytes, size_t len, size_t piece, char *out)
{
	CopyBin copy;
	CopyBinPart part;
	CopyBinStatus status = COPYBIN_MORE;
	size_t n = 0;

	copybin_begin(&copy);
	for (size_t at = 0; at < len && status == COPYBIN_MORE; at += piece)
	{
		size_t size = len - at < piece ? len - at : piece;
		char *message = malloc(size);

		/* a message of its own, so that reading over its end is seen */
		memcpy(message, bytes + at, size);
		copybin_feed(&copy, message, size);
		while ((status = copybin_next(&copy, &part)) == COPYBIN_PART)
		{
			memcpy(out + n, part.data, part.len);
			n += part.len;
			if (part.left == 0)
				out[n++] = '|';
		}
		free(message);
	}
	out[n] = '\0';
	if (status == COPYBIN_BAD)
		assert_non_null(copy.error);
	return status;
}

static void
test_any_pieces(void **state)
{
	static const char bytes[] = HEADER TUPLE("\5") "hello" TUPLE("\0") TUPLE("\1") "x" END;
	char out[64];

	(void) state;
	for (size_t piece = 1; piece <= sizeof(bytes); piece++)
	{
		assert_int_equal(run(bytes, sizeof(bytes) - 1, piece, out), COPYBIN_END);
		assert_string_equal(out, "hello||x|");
	}
}

static void
test_extension(void **state)
{
	static const char bytes[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\3abc" TUPLE("\2") "hi" END;
	char out[64];

	(void) state;
	for (size_t piece = 1; piece <= sizeof(bytes); piece++)
	{
		assert_int_equal(run(bytes, sizeof(bytes) - 1, piece, out), COPYBIN_END);
		assert_string_equal(out, "hi|");
	}
}

static void
test_no_rows(void **state)
{
	static const char bytes[] = HEADER END;
	char out[64];

	(void) state;
	assert_int_equal(run(bytes, sizeof(bytes) - 1, sizeof(bytes), out), COPYBIN_END);
	assert_string_equal(out, "");
}

/* As the server sends it: the value is one part, in place, and the message's last. */
static void
test_in_place(void **state)
{
	static const char first[] = HEADER TUPLE("\3") "abc";
	static const char both[] = TUPLE("\1") "d" TUPLE("\1") "e";
	static const char ends[] = TUPLE("\1") "f" END;
	CopyBin copy;
	CopyBinPart part;

	(void) state;
	copybin_begin(&copy);
	copybin_feed(&copy, first, sizeof(first) - 1);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_ptr_equal(part.data, first + sizeof(first) - 1 - 3);
	assert_true(part.first && part.last && part.len == 3 && part.left == 0);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_MORE);
	copybin_feed(&copy, both, sizeof(both) - 1);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_true(part.first && !part.last && part.data[0] == 'd');
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_true(part.first && part.last && part.data[0] == 'e');
	copybin_feed(&copy, ends, sizeof(ends) - 1);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_true(part.first && part.last && part.data[0] == 'f');
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_END);
}

static void
test_split_parts(void **state)
{
	static const char bytes[] = HEADER TUPLE("\4") "ab";
	CopyBin copy;
	CopyBinPart part;

	(void) state;
	copybin_begin(&copy);
	copybin_feed(&copy, bytes, sizeof(bytes) - 1);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_true(part.first && part.len == 2 && part.left == 2);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_MORE);
	copybin_feed(&copy, "cd", 2);
	assert_int_equal(copybin_next(&copy, &part), COPYBIN_PART);
	assert_true(!part.first && part.len == 2 && part.left == 0);
}

static void
test_bad(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} cases[] = {
#define CASE(text) {text, sizeof(text) - 1}
		CASE("PGCOPY\n\377\r\n\1\0\0\0\0\0\0\0\0"),
		CASE("PGCOPY\n\377\r\n\0\0\0\0\1\0\0\0\0"),
		CASE("PGCOPY\n\377\r\n\0\0\0\0\0\377\377\377\377"),
		CASE("HTTP/1.1 400 Bad Request\r\n"),
		CASE(HEADER "\0\2\0\0\0\1x"),
		CASE(HEADER "\0\0\0\0\0\1x"),
		CASE(HEADER "\200\0\0\0\0\1x"),
		CASE(HEADER "\0\1\377\377\377\377"),
		CASE(HEADER "\0\1\377\377\377\376"),
		CASE(HEADER "\0\1\4\0\0\1"),
		CASE(HEADER END "x"),
	};
	char out[64];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= cases[i].len; piece++)
			/* behind the end there is no next message: the caller does not feed one */
			if (i + 1 < sizeof(cases) / sizeof(cases[0]) || piece == cases[i].len)
				assert_int_equal(run(cases[i].bytes, cases[i].len, piece, out), COPYBIN_BAD);
}

/* Whatever comes, it ends, and reads nothing that is not there. */
static void
test_noise(void **state)
{
	static const char start[] = HEADER TUPLE("\5") "hello" TUPLE("\5") "world" END;
	char bytes[sizeof(start)];
	char out[128];

	(void) state;
	srand(7);
	for (int round = 0; round < 20000; round++)
	{
		memcpy(bytes, start, sizeof(start));
		for (int i = rand() % 4; i >= 0; i--)
			bytes[(size_t) rand() % (sizeof(start) - 1)] = (char) rand();
		(void) run(bytes, sizeof(start) - 1, 1 + (size_t) rand() % sizeof(start), out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_pieces),  cmocka_unit_test(test_extension),
		cmocka_unit_test(test_no_rows),     cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_split_parts), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
