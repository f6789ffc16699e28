/*-------------------------------------------------------------------------
 *
 * test_progress.c
 *		Bars and words of what takes long, for every width.
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

#include "progress.h"

#define BEGAN INT64_C(50000)

static char text[PROGRESS_TEXT_MAX];

static Progress
half(void)
{
	return (Progress){.what = "topic cdc.users",
					  .unit = "records",
					  .done = 2250,
					  .total = 5000,
					  .began = BEGAN,
					  .left_ms = -1,
					  .note = "and more"};
}

static const char *
bar(const Progress *p, int64_t ms, int columns)
{
	progress_bar(p, BEGAN + ms, columns, text, sizeof(text));
	return text;
}

static const char *
words(const Progress *p, int64_t ms)
{
	progress_words(p, BEGAN + ms, text, sizeof(text));
	return text;
}

static void
test_what_fits(void **state)
{
	const Progress p = half();

	(void) state;
	assert_string_equal(bar(&p, 4500, 200),
						"topic cdc.users [##################......................]  45%"
						"  2250 of 5000 records  500/s  6 s left  and more");
	assert_string_equal(bar(&p, 4500, 80), "topic cdc.users [#######..........]  45%"
										   "  2250 of 5000 records  500/s  6 s left");
	assert_string_equal(bar(&p, 4500, 70),
						"topic cdc.users [######........]  45%  2250 of 5000 records  6 s left");
	assert_string_equal(bar(&p, 4500, 60), "topic cdc.users  45%  2250 of 5000 records  6 s left");
	assert_string_equal(bar(&p, 4500, 45), "topic cdc.users  45%  2250 of 5000 records");
	assert_string_equal(bar(&p, 4500, 22), "topic cdc.users  45%");
	assert_string_equal(bar(&p, 4500, 10), "topic cdc");
	assert_string_equal(bar(&p, 4500, 2), "t");
	assert_string_equal(bar(&p, 4500, 1), "");
	assert_string_equal(bar(&p, 4500, 0), "");
}

/* ASCII takes a column each, and the last one of the terminal stays empty. */
static void
test_no_width_is_exceeded(void **state)
{
	Progress p = half();

	(void) state;
	for (uint64_t done = 0; done < 20000000000; done = done * 7 + 1)
	{
		p.done = done;
		p.total = done % 3 == 0 ? -1 : 3000000000;
		for (int columns = 1; columns < 300; columns++)
			assert_true(strlen(bar(&p, (int64_t) done % 100000000, columns)) < (size_t) columns);
	}
}

static void
test_wide_names(void **state)
{
	Progress p = {.what = "\xe8\xa1\xa8\xe6\xa0\xbc", .unit = "rows", .total = -1, .left_ms = -1};

	(void) state;
	/* two characters of two columns each, never half of one */
	assert_string_equal(bar(&p, 0, 5), "\xe8\xa1\xa8\xe6\xa0\xbc");
	assert_string_equal(bar(&p, 0, 4), "\xe8\xa1\xa8");
	assert_string_equal(bar(&p, 0, 3), "\xe8\xa1\xa8");
	assert_string_equal(bar(&p, 0, 2), "");
	/* what the log escapes is as wide as the escape */
	p.what = "\xff\x1b[J";
	assert_string_equal(bar(&p, 0, 10), "\xff\x1b[");
	assert_string_equal(bar(&p, 0, 6), "\xff");
}

static void
test_numbers(void **state)
{
	static const struct
	{
		uint64_t done;
		const char *shown;
	} numbers[] = {
		{0, "x  0 n"},
		{9999, "x  9999 n"},
		{10000, "x  10.0k n"},
		{99949, "x  99.9k n"},
		{99951, "x  100k n"},
		{999499, "x  999k n"},
		{999501, "x  1.00M n"},
		{1234567, "x  1.23M n"},
		{UINT64_C(45600000000), "x  45.6G n"},
		{UINT64_MAX, "x  18446744T n"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		Progress p = {.what = "x",
					  .unit = "n",
					  .done = numbers[i].done,
					  .total = -1,
					  .began = BEGAN,
					  .left_ms = -1};

		assert_string_equal(bar(&p, 0, 80), numbers[i].shown);
	}
}

static void
test_words(void **state)
{
	Progress p = half();

	(void) state;
	assert_string_equal(words(&p, 4500), "topic cdc.users: 2250 of 5000 records (45%), 500/s, "
										 "about 6 s left, and more");
	/* too early for a rate */
	assert_string_equal(words(&p, 999), "topic cdc.users: 2250 of 5000 records (45%), and more");
	p.note = NULL;
	p.total = -1;
	assert_string_equal(words(&p, 4500), "topic cdc.users: 2250 records, 500/s");
	p.left_ms = 125000;
	assert_string_equal(words(&p, 4500),
						"topic cdc.users: 2250 records, 500/s, about 2 min 5 s left");
	p.left_ms = 7260000;
	assert_string_equal(words(&p, 4500),
						"topic cdc.users: 2250 records, 500/s, about 2 h 1 min left");
}

/* An estimate may be too small, or nothing; a clock may stand still. */
static void
test_estimates(void **state)
{
	Progress p = half();

	(void) state;
	p.done = 7000;
	p.note = NULL;
	assert_string_equal(words(&p, 0), "topic cdc.users: 7000 of 5000 records (99%)");
	p.done = 5000;
	assert_string_equal(words(&p, 2000), "topic cdc.users: 5000 of 5000 records (99%), 2500/s");
	p.done = 0;
	assert_string_equal(words(&p, 2000), "topic cdc.users: 0 of 5000 records (0%), 0/s");
	p.total = 0;
	assert_string_equal(bar(&p, 2000, 80), "topic cdc.users  0 of 0 records  0/s");
}

/* A small buffer is filled, not overrun. */
static void
test_small_buffer(void **state)
{
	const Progress p = half();
	char small[8];

	(void) state;
	progress_words(&p, BEGAN, small, sizeof(small));
	assert_string_equal(small, "topic c");
	progress_bar(&p, BEGAN, 200, small, sizeof(small));
	assert_string_equal(small, "topic c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),    cmocka_unit_test(test_no_width_is_exceeded),
		cmocka_unit_test(test_wide_names),   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),        cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
