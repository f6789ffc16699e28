/*
 * test_timeline.c
 *		Where timelines were left, and whether a position is on both sides of that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "timeline.h"

static const char file[] = "# a comment\n"
						   "1\t0/3000060\tno recovery target specified\n"
						   "\n"
						   "  3\t1/0\tbefore 2026-01-01 00:00:00+00 and a reason that goes on for "
						   "longer than what is read of a line\n"
						   "4\tA/BCDEF012\n";

static void
a_file_is_read(void **state)
{
	TimelineHistory h;

	(void) state;
	assert_true(timeline_parse(file, sizeof(file) - 1, &h));
	assert_int_equal(h.n, 3);
	assert_int_equal(h.left[0].id, 1);
	assert_true(h.left[0].lsn == 0x3000060);
	assert_int_equal(h.left[1].id, 3);
	assert_true(h.left[1].lsn == UINT64_C(0x100000000));
	assert_true(h.left[2].lsn == UINT64_C(0xABCDEF012));
	/* without a line end behind it */
	assert_true(timeline_parse("7\t0/1\t", 6, &h));
	assert_int_equal(h.n, 1);
	assert_true(timeline_parse("", 0, &h));
	assert_int_equal(h.n, 0);
}

static void
what_is_not_understood_is_not_known(void **state)
{
	static const char *const bad[] = {"1\n",
									  "1\t\n",
									  "x\t0/1\n",
									  "1\t0-1\n",
									  "1\t0/1x\n",
									  "-1\t0/1\n",
									  "1 0/1\n2 zero\n",
									  "2\t0/1\n1\t0/2\n",
									  "2\t0/1\n2\t0/2\n",
									  "99999999999\t0/1\n",
									  "1\t0/123456789\n"};
	TimelineHistory h;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (timeline_parse(bad[i], strlen(bad[i]), &h) || h.n != 0)
			fail_msg("taken: %s", bad[i]);
}

static void
of_many_the_last_are_known(void **state)
{
	char text[TIMELINES_MAX * 32];
	size_t len = 0;
	TimelineHistory h;
	uint64_t left;

	(void) state;
	for (int i = 1; i <= TIMELINES_MAX + 3; i++)
		len += (size_t) snprintf(text + len, sizeof(text) - len, "%d\t0/%X\n", i, 10 * i);
	assert_true(timeline_parse(text, len, &h));
	assert_int_equal(h.n, TIMELINES_MAX);
	assert_int_equal(timeline_judge(&h, "3", "99", 1, &left), TIMELINE_UNKNOWN);
	assert_int_equal(timeline_judge(&h, "4", "99", 40, &left), TIMELINE_ANCESTOR);
}

static void
verdicts(void **state)
{
	TimelineHistory h;
	TimelineHistory none = {0};
	uint64_t left;
	char text[300];

	(void) state;
	assert_true(timeline_parse(file, sizeof(file) - 1, &h));
	assert_int_equal(timeline_judge(&none, "2", "2", 900, &left), TIMELINE_SAME);
	assert_int_equal(timeline_judge(&none, "2", "10", 900, &left), TIMELINE_UNKNOWN);
	assert_int_equal(timeline_judge(&none, "10", "2", 900, &left), TIMELINE_OLDER);
	assert_int_equal(timeline_judge(&h, "1", "5", 0x3000060, &left), TIMELINE_ANCESTOR);
	assert_true(left == 0x3000060);
	assert_int_equal(timeline_judge(&h, "1", "5", 0x3000061, &left), TIMELINE_LOST);
	assert_int_equal(timeline_judge(&h, "2", "5", 1, &left), TIMELINE_FOREIGN);
	assert_false(timeline_lost_text(&h, "1", "5", 0x3000060, text, sizeof(text)));
	assert_true(timeline_lost_text(&h, "1", "5", 0x3000061, text, sizeof(text)));
	assert_non_null(strstr(text, "timeline 5, which left timeline 1 at LSN 0/3000060, but that one "
								 "was delivered up to LSN 0/3000061"));
	assert_true(timeline_lost_text(&h, "2", "5", 1, text, sizeof(text)));
	assert_non_null(strstr(text, "timeline 5, which does not come from timeline 2"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(what_is_not_understood_is_not_known),
		cmocka_unit_test(of_many_the_last_are_known),
		cmocka_unit_test(verdicts),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
