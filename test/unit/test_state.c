/*
 * test_state.c
 *		The record of the state topic: what is written is read, and what is not ours is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state.h"

static bool
parses(const char *text, StateRecord *record)
{
	return state_parse(text, strlen(text), record);
}

static void
test_round_trip(void **state)
{
	StateRecord in = {.phase = PHASE_BEGIN, .system_id = "7712151539717650373", .timeline = "12"};
	StateRecord out;
	char *text = state_format(&in);

	(void) state;
	assert_string_equal(text,
						"{\"version\":1,\"phase\":\"begin\",\"system\":\"7712151539717650373\","
						"\"timeline\":\"12\",\"lsn\":null}");
	assert_true(parses(text, &out));
	assert_int_equal(out.phase, PHASE_BEGIN);
	assert_string_equal(out.system_id, in.system_id);
	assert_string_equal(out.timeline, "12");
	assert_int_equal(out.lsn, 0);

	in.phase = PHASE_DONE;
	in.lsn = UINT64_C(0xFFFFFFFF12345678);
	free(text);
	text = state_format(&in);
	assert_true(parses(text, &out));
	assert_int_equal(out.phase, PHASE_DONE);
	assert_true(out.lsn == in.lsn);
	assert_null(out.progress);
	assert_null(out.jobs);
	assert_true(out.position == 0);
	free(text);
}

/* Without a snapshot a position is a record of its own. */
static void
test_position(void **state)
{
	StateRecord in = {
		.phase = PHASE_NONE, .system_id = "7", .timeline = "2", .position = UINT64_C(0x12000000AB)};
	StateRecord out;
	char *text = state_format(&in);

	(void) state;
	assert_string_equal(text,
						"{\"version\":1,\"phase\":\"none\",\"system\":\"7\",\"timeline\":\"2\","
						"\"lsn\":null,\"position\":\"12/AB\"}");
	assert_true(parses(text, &out));
	assert_true(out.position == in.position);
	assert_string_equal(out.timeline, "2");
	free(text);
}

/* What is left to do comes back as it was; without a snapshot it is a record of its own. */
static void
test_jobs(void **state)
{
	StateRecord in = {.phase = PHASE_NONE,
					  .progress = "{\"txid\":\"7\"}",
					  .jobs = "{\"paused\":false,\"requests\":[]}"};
	StateRecord out;
	char *text = state_format(&in);

	(void) state;
	assert_true(parses(text, &out));
	assert_int_equal(out.phase, PHASE_NONE);
	assert_string_equal(out.progress, in.progress);
	assert_string_equal(out.jobs, in.jobs);
	state_forget(&out);
	assert_null(out.jobs);
	free(text);
}

/* A later version may say more. */
static void
test_more_members(void **state)
{
	StateRecord out;

	(void) state;
	assert_true(parses("{\"tables\":[{\"a\":1}],\"version\":1,\"phase\":\"done\"}", &out));
	assert_int_equal(out.phase, PHASE_DONE);
	assert_string_equal(out.system_id, "");
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {"",
										"null",
										"[]",
										"{",
										"{}",
										"{\"phase\":\"done\"}",
										"{\"version\":2,\"phase\":\"done\"}",
										"{\"version\":1}",
										"{\"version\":1,\"phase\":\"none\"}",
										"{\"version\":1,\"phase\":7}",
										"{\"version\":\"1\",\"phase\":\"done\"}"};
	StateRecord out;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parses(cases[i], &out))
			fail_msg("accepted: %s", cases[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_position),
		cmocka_unit_test(test_jobs),       cmocka_unit_test(test_more_members),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
