/*
 * test_poison.c
 *		Where a change failed, in the server's words; how often; what is listed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"

#define CONTEXT "slot \"s\", output plugin \"nova_decoder\", in the change callback, "

static void
expect_position(const char *sqlstate, const char *context, uint64_t expected)
{
	uint64_t lsn = 0;

	assert_int_equal(poison_position(sqlstate, context, &lsn), expected != 0);
	assert_int_equal(lsn, expected);
}

static void
positions_in_contexts(void **state)
{
	(void) state;
	expect_position("22P03", CONTEXT "associated LSN 0/15D5A28", UINT64_C(0x15D5A28));
	expect_position("XX000", CONTEXT "associated LSN A/0000001F", UINT64_C(0xA0000001F));
	/* behind other lines, in other languages, of other callbacks */
	expect_position("22012", "PL/pgSQL function f(integer) line 1/2 at RAISE\n" CONTEXT "LSN 1/2",
					UINT64_C(0x100000002));
	expect_position("22012",
					"Slot »s«, Ausgabe-Plugin »nova_decoder«, im Callback truncate, "
					"zugehörige LSN 0/AB",
					0xAB);
	expect_position("22012",
					"slot \"message\", output plugin \"nova_decoder\", in the message callback, "
					"associated LSN 0/AC",
					0xAC);
	expect_position("22012",
					"slot \"nova_decoder\", output plugin \"nova_decoder\", in the change "
					"callback, associated LSN 0/AD",
					0xAD);
}

static void
what_is_no_position(void **state)
{
	static const char *const passing[] = {"08006", "40001", "53200", "55006", "57P01", "58030"};

	(void) state;
	expect_position(NULL, CONTEXT "associated LSN 0/1", 0);
	expect_position("22012", NULL, 0);
	expect_position("22012", "", 0);
	expect_position("22012", CONTEXT, 0);
	expect_position("22012", CONTEXT "\nassociated LSN 0/1", 0);
	expect_position("22012", CONTEXT "associated LSN 0/", 0);
	expect_position("22012",
					"slot \"change\", output plugin \"test_decoding\", in the change callback, "
					"associated LSN 0/1",
					0);
	/* a commit is no change, and a slot may have any name */
	expect_position("22012",
					"slot \"change\", output plugin \"nova_decoder\", in the commit callback, "
					"associated LSN 0/1",
					0);
	expect_position("22012",
					"slot \"s\", output plugin \"nova_decoder\", in the exchange callback, 0/1", 0);
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		expect_position(passing[i], CONTEXT "associated LSN 0/1", 0);
}

static void
failures_at_one_position(void **state)
{
	Poison p = {0};

	(void) state;
	for (int round = 0; round < 2; round++)
	{
		for (int i = 1; i < POISON_TRIES; i++)
			assert_false(poison_failed(&p, 7));
		assert_false(poison_failed(&p, 8));
		for (int i = 1; i < POISON_TRIES; i++)
			assert_false(poison_failed(&p, 7));
		assert_true(poison_failed(&p, 7));
		assert_true(poison_failed(&p, 7));
		assert_false(poison_failed(&p, 9));
	}
}

static void
the_list(void **state)
{
	Poison p = {0};
	char text[POISON_TEXT_MAX];

	(void) state;
	poison_text(&p, text);
	assert_string_equal(text, "");
	assert_true(poison_list(&p, UINT64_C(0x1600000A0)));
	assert_false(poison_list(&p, UINT64_C(0x1600000A0)));
	assert_true(poison_list(&p, 2));
	poison_text(&p, text);
	assert_string_equal(text, "1/600000A0,0/2");
	/* the oldest goes; the longest there can be fits */
	for (uint64_t i = 0; i < POISON_LISTED; i++)
		assert_true(poison_list(&p, UINT64_MAX - i));
	poison_text(&p, text);
	assert_int_equal(strlen(text), POISON_LISTED * 18 - 1);
	assert_null(strstr(text, "600000A0"));
	assert_true(poison_list(&p, 2));
	/* a listed one is counted from the beginning */
	for (int i = 1; i < POISON_TRIES; i++)
		assert_false(poison_failed(&p, 2));
	assert_true(poison_failed(&p, 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_in_contexts),
		cmocka_unit_test(what_is_no_position),
		cmocka_unit_test(failures_at_one_position),
		cmocka_unit_test(the_list),
	};

	return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
