/*
 * test_refusals.c
 *		What was refused in a transaction is known until it is committed without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "refusals.h"

static NovaBytes
bytes(const char *text)
{
	return text != NULL ? (NovaBytes){text, (uint32_t) strlen(text)} : (NovaBytes){0};
}

static RefusalId
change(const char *topic, const char *key, const char *value)
{
	return refusal_id(topic, bytes(key), bytes(value), false);
}

static RefusalId
row(const char *topic, const char *key, const char *value)
{
	return refusal_id(topic, bytes(key), bytes(value), true);
}

static void
a_record_is_known_by_its_bytes(void **state)
{
	Refusals r = {0};

	(void) state;
	assert_false(refusals_any(&r));
	refusals_note(&r, change("t", "k", "v"))->fate = FATE_REFUSED;
	assert_true(refusals_any(&r));
	assert_int_equal(refusals_find(&r, change("t", "k", "v"))->fate, FATE_REFUSED);
	assert_ptr_equal(refusals_note(&r, change("t", "k", "v")),
					 refusals_find(&r, change("t", "k", "v")));
	assert_null(refusals_find(&r, change("u", "k", "v")));
	assert_null(refusals_find(&r, change("t", "l", "v")));
	assert_null(refusals_find(&r, change("t", "k", "w")));
	assert_null(refusals_find(&r, change("t", "k", NULL)));
	assert_null(refusals_find(&r, change("t", NULL, "v")));
	/* nothing and an empty one are two things */
	assert_non_null(refusals_note(&r, change("t", "", NULL)));
	assert_null(refusals_find(&r, change("t", "", "")));
	assert_null(refusals_find(&r, change("t", NULL, NULL)));
	refusals_free(&r);
	assert_false(refusals_any(&r));
}

static void
a_row_is_known_by_its_key(void **state)
{
	Refusals r = {0};

	(void) state;
	assert_non_null(refusals_note(&r, row("t", "k", "read at ten")));
	assert_non_null(refusals_find(&r, row("t", "k", "read at eleven")));
	assert_null(refusals_find(&r, change("t", "k", "read at ten")));
	assert_non_null(refusals_note(&r, row("t", NULL, "v")));
	assert_null(refusals_find(&r, row("t", NULL, "w")));
	refusals_free(&r);
}

static void
what_was_committed_is_done_with(void **state)
{
	Refusals r = {0};
	char key[16];

	(void) state;
	for (int i = 0; i < 3000; i++)
	{
		snprintf(key, sizeof(key), "%d", i);
		refusals_note(&r, change("t", key, "v"))->lane = (unsigned) i % 3;
	}
	refusals_settle(&r, 1, true);
	for (int i = 0; i < 3000; i++)
	{
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(refusals_find(&r, change("t", key, "v")) == NULL, i % 3 == 1);
	}
	/* an abort: all of it is to be met again */
	refusals_settle(&r, 0, false);
	refusals_settle(&r, 2, true);
	assert_non_null(refusals_find(&r, change("t", "2", "v")));
	refusals_find(&r, change("t", "2", "v"))->lane = 2;
	refusals_settle(&r, 2, true);
	assert_null(refusals_find(&r, change("t", "2", "v")));
	assert_non_null(refusals_find(&r, change("t", "5", "v")));
	refusals_free(&r);
}

static void
there_is_a_limit(void **state)
{
	Refusals r = {0};
	char key[16];

	(void) state;
	for (int i = 0; i <= REFUSALS_MAX; i++)
	{
		snprintf(key, sizeof(key), "%d", i);
		assert_non_null(refusals_note(&r, change("t", key, NULL)));
	}
	assert_int_equal(r.n, 1);
	assert_non_null(refusals_find(&r, change("t", key, NULL)));
	assert_null(refusals_find(&r, change("t", "0", NULL)));
	refusals_free(&r);
}

static void
a_topic_is_left_alone_for_a_while(void **state)
{
	Refusals r = {0};

	(void) state;
	assert_true(refusals_note_topic(&r, "t", 29));
	assert_true(refusals_note_topic(&r, "u", 44));
	assert_true(refusals_any(&r));
	assert_int_equal(refusals_topic(&r, "v", 1000), 0);
	/* its time begins with the first record for it */
	assert_int_equal(refusals_topic(&r, "t", 1000), 29);
	assert_int_equal(refusals_topic(&r, "t", 1000 + REFUSED_TOPIC_MS - 1), 29);
	assert_int_equal(refusals_topic(&r, "u", 1000 + REFUSED_TOPIC_MS), 44);
	assert_int_equal(refusals_topic(&r, "t", 1000 + REFUSED_TOPIC_MS), 0);
	assert_int_equal(refusals_topic(&r, "t", 1000 + REFUSED_TOPIC_MS), 0);
	/* and anew where it is refused again */
	assert_true(refusals_note_topic(&r, "u", 29));
	assert_int_equal(refusals_topic(&r, "u", 2000 + 2 * REFUSED_TOPIC_MS), 29);
	assert_int_equal(refusals_topic(&r, "u", 2000 + 3 * REFUSED_TOPIC_MS), 0);
	assert_false(refusals_any(&r));
	refusals_free(&r);
}

static void
a_suspected_topic_is_tried(void **state)
{
	Refusals r = {0};

	(void) state;
	assert_true(refusals_note_topic(&r, "known", 29));
	assert_false(refusals_guess(&r, false, 29));
	refusals_lost(&r, "known");
	refusals_lost(&r, "t");
	refusals_lost(&r, "u");
	refusals_lost(&r, "t");
	assert_true(refusals_guess(&r, false, 29));
	assert_null(refusals_suspected(&r, "known"));
	assert_null(refusals_suspected(&r, "other"));
	assert_int_equal(refusals_topic(&r, "t", 1), 0);
	refusals_suspected(&r, "t")->trying = true;
	refusals_settle(&r, 0, false);
	assert_false(refusals_suspected(&r, "t")->trying);
	refusals_clear_topic(&r, refusals_suspected(&r, "t"));
	assert_null(refusals_suspected(&r, "t"));
	refusals_lost(&r, "u");
	assert_true(refusals_guess(&r, true, 44));
	assert_null(refusals_suspected(&r, "u"));
	assert_int_equal(refusals_topic(&r, "u", 1), 44);
	refusals_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_known_by_its_bytes),
		cmocka_unit_test(a_row_is_known_by_its_key),
		cmocka_unit_test(what_was_committed_is_done_with),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(a_topic_is_left_alone_for_a_while),
		cmocka_unit_test(a_suspected_topic_is_tried),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
