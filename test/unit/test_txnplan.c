/*
 * test_txnplan.c
 *		Exactly once: when a Kafka transaction ends, and what its position says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "txnplan.h"

static const TxnPressure none;

static TxnPlan
plan_of(uint64_t records, uint64_t bytes)
{
	TxnPlan plan = {.interval_ms = 100, .bytes_max = 1000};

	txnplan_begin(&plan, 50, 7000);
	txnplan_note(&plan, 50, 7000, 5000);
	txnplan_note(&plan, 50 + records, 7000 + bytes, 10000);
	return plan;
}

static void
test_nothing_is_never_ended(void **state)
{
	TxnPlan plan = plan_of(0, 90000);
	TxnPressure all = {.ending = true, .full = true};

	(void) state;
	assert_int_equal(txnplan_cut(&plan, all, 99999), TXN_GO_ON);
	assert_true(txnplan_deadline(&plan) == INT64_MAX);
}

static void
test_time(void **state)
{
	TxnPlan plan = plan_of(1, 10);

	(void) state;
	/* the first record counts, not the last transaction's end */
	assert_true(txnplan_deadline(&plan) == 10100);
	assert_int_equal(txnplan_cut(&plan, none, 10099), TXN_GO_ON);
	assert_int_equal(txnplan_cut(&plan, none, 10100), TXN_CUT_AT_COMMIT);
	assert_int_equal(txnplan_cut(&plan, none, 10999), TXN_CUT_AT_COMMIT);
	assert_int_equal(txnplan_cut(&plan, none, 11000), TXN_CUT_NOW);
	txnplan_note(&plan, 60, 7100, 10090);
	assert_true(txnplan_deadline(&plan) == 10100);
	txnplan_begin(&plan, 60, 7100);
	assert_int_equal(txnplan_cut(&plan, none, 11000), TXN_GO_ON);

	/* a short interval is no reason to tear transactions apart */
	plan = plan_of(1, 10);
	plan.interval_ms = 1;
	assert_int_equal(txnplan_cut(&plan, none, 10900), TXN_CUT_AT_COMMIT);
	assert_int_equal(txnplan_cut(&plan, none, 10901), TXN_CUT_NOW);
	/* and a long one leaves Kafka's patience some room */
	plan.interval_ms = 60000;
	assert_int_equal(txnplan_cut(&plan, none, 99999), TXN_CUT_AT_COMMIT);
	assert_int_equal(txnplan_cut(&plan, none, 100000), TXN_CUT_NOW);
	assert_int_equal(txnplan_longest_ms(60000), 90000);
}

/* Ends that take long make transactions longer, within limits. */
static void
test_stalls(void **state)
{
	TxnPlan plan = plan_of(1, 10);

	(void) state;
	txnplan_stalled(&plan, 11);
	assert_true(txnplan_deadline(&plan) == 10100);
	txnplan_stalled(&plan, 50);
	assert_true(txnplan_deadline(&plan) == 10450);
	assert_int_equal(txnplan_cut(&plan, none, 10449), TXN_GO_ON);
	assert_int_equal(txnplan_cut(&plan, none, 10450), TXN_CUT_AT_COMMIT);
	txnplan_stalled(&plan, 5000);
	assert_true(txnplan_deadline(&plan) == 11000);
	assert_int_equal(txnplan_cut(&plan, none, 11000), TXN_CUT_NOW);
	txnplan_stalled(&plan, 0);
	assert_true(txnplan_deadline(&plan) == 10100);
}

static void
test_size(void **state)
{
	TxnPlan plan = plan_of(1, 999);

	(void) state;
	assert_int_equal(txnplan_cut(&plan, none, 10000), TXN_GO_ON);
	plan = plan_of(1, 1000);
	assert_int_equal(txnplan_cut(&plan, none, 10000), TXN_CUT_AT_COMMIT);
	plan = plan_of(1, 1999);
	assert_int_equal(txnplan_cut(&plan, none, 10000), TXN_CUT_AT_COMMIT);
	plan = plan_of(1, 2000);
	assert_int_equal(txnplan_cut(&plan, none, 10000), TXN_CUT_NOW);
}

static void
test_pressure(void **state)
{
	TxnPlan plan = plan_of(1, 1);

	(void) state;
	assert_int_equal(txnplan_cut(&plan, (TxnPressure){.ending = true}, 10000), TXN_CUT_NOW);
	assert_int_equal(txnplan_cut(&plan, (TxnPressure){.full = true}, 10000), TXN_CUT_NOW);
	/* a position must not pass what is not written down yet, whatever else there is */
	assert_int_equal(
		txnplan_cut(&plan, (TxnPressure){.ending = true, .full = true, .held = true}, 99999),
		TXN_GO_ON);
}

static bool
parses(const char *text, TxnPosition *position)
{
	return txnplan_parse(text, strlen(text), position);
}

static void
test_position_round_trip(void **state)
{
	TxnPosition in = {.system_id = "7712151539717650373",
					  .timeline = "12",
					  .lsn = UINT64_C(0xFFFFFFFF12345678),
					  .records = UINT64_C(4503599627370497),
					  .options = UINT32_MAX};
	TxnPosition out;
	char *text = txnplan_format(&in);

	(void) state;
	assert_non_null(text);
	assert_string_equal(text, "{\"version\":1,\"system\":\"7712151539717650373\","
							  "\"timeline\":\"12\",\"lsn\":\"FFFFFFFF/12345678\","
							  "\"records\":4503599627370497,\"options\":4294967295}");
	assert_true(parses(text, &out));
	assert_string_equal(out.system_id, in.system_id);
	assert_string_equal(out.timeline, in.timeline);
	assert_true(out.lsn == in.lsn && out.records == in.records && out.options == in.options);
	free(text);
}

/* What is not understood as a whole is not half understood. */
static void
test_position_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"version\":2,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":0,\"options\":1}",
		"{\"version\":1,\"timeline\":\"1\",\"lsn\":\"0/1\",\"records\":0,\"options\":1}",
		"{\"version\":1,\"system\":\"\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":0,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":1,\"lsn\":\"0/"
		"1\",\"records\":0,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1x\",\"records\":0,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"01\",\"records\":0,"
		"\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":-1,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":1.5,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":1e300,\"options\":1}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/"
		"1\",\"records\":1,\"options\":4294967296}",
		"{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/1\",\"records\":1}",
	};
	TxnPosition position;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (parses(bad[i], &position))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(position.system_id[0], '\0');
		assert_true(position.lsn == 0 && position.records == 0);
	}
	assert_true(parses("{\"version\":1,\"system\":\"7\",\"timeline\":\"1\",\"lsn\":\"0/1\","
					   "\"records\":0,\"options\":1,\"more\":{}}",
					   &position));
}

static TxnVerdict
judge(const TxnPosition *position, const char *system_id, const char *timeline, uint64_t slot_lsn,
	  const TimelineHistory *history)
{
	const SlotPlace place = {system_id, timeline, 0, true, slot_lsn, history};

	return txnplan_judge(position, &place);
}

static void
test_verdicts(void **state)
{
	const TimelineHistory history = {.n = 1, .left = {{1, 100}}};
	const TimelineHistory unknown = {0};
	TxnPosition nothing = {0};
	TxnPosition at = {.system_id = "7", .timeline = "1", .lsn = 100};

	(void) state;
	assert_int_equal(judge(&nothing, "7", "1", 500, &unknown), TXN_GOOD);
	assert_int_equal(judge(&at, "8", "1", 100, &unknown), TXN_OTHER_CLUSTER);
	assert_int_equal(judge(&at, "7", "2", 100, &unknown), TXN_OTHER_TIMELINE);
	assert_int_equal(judge(&at, "7", "2", 100, &history), TXN_PROMOTED);
	assert_int_equal(judge(&at, "7", "2", 500, &history), TXN_PROMOTED);
	assert_int_equal(judge(&at, "7", "1", 50, &unknown), TXN_GOOD);
	/* with nothing to write, the slot goes on alone */
	assert_int_equal(judge(&at, "7", "1", 500, &unknown), TXN_GOOD);
	at.records = 3;
	assert_int_equal(judge(&at, "7", "1", 100, &unknown), TXN_GOOD);
	assert_int_equal(judge(&at, "7", "1", 101, &unknown), TXN_SLOT_PASSED);
	assert_int_equal(judge(&at, "7", "2", 100, &history), TXN_CUT_BEFORE);
	/* behind where its timeline was left, and of another branch */
	at.records = 0;
	at.lsn = 101;
	assert_int_equal(judge(&at, "7", "2", 100, &history), TXN_OTHER_TIMELINE);
	strcpy(at.timeline, "2");
	assert_int_equal(judge(&at, "7", "3", 100, &history), TXN_OTHER_TIMELINE);
	assert_int_equal(judge(&at, "7", "1", 100, &unknown), TXN_OTHER_TIMELINE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_never_ended),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_stalls),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_position_round_trip),
		cmocka_unit_test(test_position_refused),
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
