/*
 * test_snapplan.c
 *		Chunks cover every table once, and every start has its decision.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "snapplan.h"

static void
test_one_worker(void **state)
{
	SnapPlan plan = {0};
	SnapChunk c;

	(void) state;
	assert_true(snapplan_add(&plan, 1, "b", "x", 1000000, -1, NULL));
	assert_true(snapplan_add(&plan, 2, "a", "z", 0, 0, NULL));
	assert_true(snapplan_add(&plan, 3, "a", "y", 5, 10, NULL));
	snapplan_arrange(&plan, 1);
	/* by name, as Debezium, and large ones in pieces, to go on behind them if it is cut off */
	assert_true(snapplan_next(&plan, &c));
	assert_string_equal(c.table->name, "y");
	assert_true(c.whole && c.first && c.last && c.first_table && !c.last_table);
	assert_true(c.first_block == 0 && c.end_block == 0);
	assert_true(snapplan_next(&plan, &c));
	assert_string_equal(c.table->name, "z");
	assert_true(snapplan_next(&plan, &c));
	assert_string_equal(c.table->schema, "b");
	assert_true(!c.whole && c.first && !c.last && c.number == 0 && !c.first_table && c.last_table);
	assert_true(c.end_block == 65536);
	for (uint32_t i = 1; i < 16; i++)
		assert_true(snapplan_next(&plan, &c) && c.number == i && c.first_block == 65536 * i);
	assert_true(c.last && c.end_block == 0);
	assert_false(snapplan_next(&plan, &c));
	snapplan_free(&plan);
}

static void
test_no_tables(void **state)
{
	SnapPlan plan = {0};
	SnapChunk c;

	(void) state;
	for (int workers = 1; workers <= 2; workers++)
	{
		snapplan_arrange(&plan, workers);
		assert_false(snapplan_next(&plan, &c));
		assert_int_equal(snapplan_row_estimate(&plan), 0);
		assert_int_equal(snapplan_left_ms(&plan, 0, 100000), -1);
		snapplan_free(&plan);
	}
}

/* Every block of every table once, in order, the last chunk open, the largest first. */
static void
test_cover(void **state)
{
	static const uint64_t sizes[] = {0, 1, 2047, 2048, 2049, 4096, 100000, 5000000, 131073};

	(void) state;
	for (int workers = 2; workers <= SNAPSHOT_MAX_THREADS; workers += 7)
	{
		SnapPlan plan = {0};
		SnapChunk c;
		uint64_t at = 0;
		uint64_t before = UINT64_MAX;
		size_t done = 0;

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			assert_true(snapplan_add(&plan, (uint32_t) i, "s", "t", sizes[i], -1, NULL));
		snapplan_arrange(&plan, workers);
		while (snapplan_next(&plan, &c))
		{
			assert_int_equal(c.first_block, at);
			assert_true(c.first == (at == 0));
			assert_true(c.last == (c.end_block == 0));
			assert_true(c.last || c.end_block < c.table->blocks);
			assert_true(c.whole == (c.first && c.last));
			assert_true(c.table->blocks <= before);
			snapplan_finish(&plan, &c, 10);
			at = c.end_block;
			if (c.last)
			{
				assert_int_equal(plan.tables_done, ++done);
				before = c.table->blocks;
			}
		}
		assert_int_equal(done, sizeof(sizes) / sizeof(sizes[0]));
		assert_int_equal(plan.weight_done, plan.weight);
		assert_int_equal(snapplan_left_ms(&plan, 0, 5000), 0);
		snapplan_free(&plan);
	}
}

static void
test_query_is_not_cut(void **state)
{
	SnapPlan plan = {0};
	SnapChunk c;

	(void) state;
	assert_true(snapplan_add(&plan, 1, "s", "t", 5000000, 7, "SELECT 1"));
	snapplan_arrange(&plan, 4);
	assert_true(snapplan_next(&plan, &c));
	assert_true(c.whole);
	assert_false(snapplan_next(&plan, &c));
	assert_int_equal(snapplan_row_estimate(&plan), -1);
	snapplan_free(&plan);
}

/* Not cmocka's assert_in_range(), which cmocka 2 says not to use. */
static bool
between(int64_t value, int64_t min, int64_t max)
{
	return min <= value && value <= max;
}

static void
test_estimates(void **state)
{
	SnapPlan plan = {0};

	(void) state;
	assert_true(snapplan_add(&plan, 1, "s", "t", 99999, 500, NULL));
	assert_true(snapplan_add(&plan, 2, "s", "never analyzed but empty", 0, -1, NULL));
	snapplan_arrange(&plan, 1);
	assert_int_equal(snapplan_row_estimate(&plan), 500);
	assert_int_equal(snapplan_left_ms(&plan, 50000, 100), -1);
	assert_int_equal(snapplan_left_ms(&plan, 0, 10000), -1);
	assert_true(between(snapplan_left_ms(&plan, 50000, 10000), 9900, 10100));
	assert_true(between(snapplan_left_ms(&plan, 25000, 10000), 29900, 30100));
	assert_int_equal(snapplan_left_ms(&plan, UINT32_MAX, 10000), 0);
	assert_true(snapplan_add(&plan, 3, "s", "u", 1, -1, NULL));
	assert_int_equal(snapplan_row_estimate(&plan), -1);
	snapplan_free(&plan);
}

static void
decides(SnapshotMode mode, SlotFound slot, SnapPhase phase, SnapAction action)
{
	SnapDecision d = snapshot_decide(mode, slot, phase, true);

	if (d.action != action)
		fail_msg("mode %d, slot %d, phase %d: action %d, not %d", (int) mode, (int) slot,
				 (int) phase, (int) d.action, (int) action);
	if (action == ACTION_REFUSE || action == ACTION_NOTHING || action == ACTION_AGAIN)
		assert_non_null(d.reason);
}

static void
test_decisions(void **state)
{
	static const SnapAction expected[5][3][3] = {
		/* by mode; rows: slot missing, present, lost; columns: none, begin, done */
		[SNAPSHOT_INITIAL] = {{ACTION_SNAPSHOT, ACTION_SNAPSHOT, ACTION_REFUSE},
							  {ACTION_STREAM, ACTION_AGAIN, ACTION_STREAM},
							  {ACTION_REFUSE, ACTION_AGAIN, ACTION_REFUSE}},
		[SNAPSHOT_INITIAL_ONLY] = {{ACTION_SNAPSHOT, ACTION_SNAPSHOT, ACTION_NOTHING},
								   {ACTION_BESIDE, ACTION_AGAIN, ACTION_NOTHING},
								   {ACTION_REFUSE, ACTION_AGAIN, ACTION_NOTHING}},
		[SNAPSHOT_ALWAYS] = {{ACTION_SNAPSHOT, ACTION_SNAPSHOT, ACTION_SNAPSHOT},
							 {ACTION_BESIDE, ACTION_AGAIN, ACTION_BESIDE},
							 {ACTION_AGAIN, ACTION_AGAIN, ACTION_AGAIN}},
		[SNAPSHOT_NO_DATA] = {{ACTION_CREATE, ACTION_CREATE, ACTION_CREATE},
							  {ACTION_STREAM, ACTION_STREAM, ACTION_STREAM},
							  {ACTION_REFUSE, ACTION_REFUSE, ACTION_REFUSE}},
		[SNAPSHOT_WHEN_NEEDED] = {{ACTION_SNAPSHOT, ACTION_SNAPSHOT, ACTION_SNAPSHOT},
								  {ACTION_STREAM, ACTION_AGAIN, ACTION_STREAM},
								  {ACTION_AGAIN, ACTION_AGAIN, ACTION_AGAIN}},
	};

	(void) state;
	for (int phase = 0; phase < 3; phase++)
	{
		decides(SNAPSHOT_NO_DATA, SLOT_MOVED, (SnapPhase) phase, ACTION_REFUSE);
		decides(SNAPSHOT_ALWAYS, SLOT_MOVED, (SnapPhase) phase, ACTION_AGAIN);
		decides(SNAPSHOT_WHEN_NEEDED, SLOT_MOVED, (SnapPhase) phase, ACTION_AGAIN);
	}
	decides(SNAPSHOT_INITIAL, SLOT_MOVED, PHASE_NONE, ACTION_REFUSE);
	decides(SNAPSHOT_INITIAL, SLOT_MOVED, PHASE_DONE, ACTION_REFUSE);
	for (int mode = 0; mode < 5; mode++)
		for (int slot = 0; slot < 3; slot++)
			for (int phase = 0; phase < 3; phase++)
				decides((SnapshotMode) mode, (SlotFound) slot, (SnapPhase) phase,
						expected[mode][slot][phase]);
}

/* How far it came matters only where the slot is, and where it may stream. */
static void
test_partly_read(void **state)
{
	(void) state;
	for (int mode = 0; mode < 5; mode++)
		for (int slot = 0; slot < 3; slot++)
		{
			SnapAction begun =
				snapshot_decide((SnapshotMode) mode, (SlotFound) slot, PHASE_BEGIN, true).action;
			bool resumes =
				slot == SLOT_PRESENT && begun == ACTION_AGAIN && mode != SNAPSHOT_INITIAL_ONLY;

			decides((SnapshotMode) mode, (SlotFound) slot, PHASE_PART,
					resumes ? ACTION_RESUME : begun);
		}
}

/* What is remembered of another cluster must not pass for a snapshot of this one. */
static void
test_other_cluster(void **state)
{
	(void) state;
	for (int slot = 0; slot < 3; slot++)
		for (int phase = PHASE_BEGIN; phase <= PHASE_DONE; phase++)
		{
			assert_int_equal(
				snapshot_decide(SNAPSHOT_INITIAL, (SlotFound) slot, (SnapPhase) phase, false)
					.action,
				ACTION_REFUSE);
			assert_int_equal(
				snapshot_decide(SNAPSHOT_WHEN_NEEDED, (SlotFound) slot, (SnapPhase) phase, false)
					.action,
				slot == SLOT_MISSING   ? ACTION_SNAPSHOT
				: slot == SLOT_PRESENT ? ACTION_BESIDE
									   : ACTION_AGAIN);
		}
	assert_int_equal(snapshot_decide(SNAPSHOT_INITIAL, SLOT_MISSING, PHASE_NONE, false).action,
					 ACTION_SNAPSHOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_worker),  cmocka_unit_test(test_no_tables),
		cmocka_unit_test(test_cover),       cmocka_unit_test(test_query_is_not_cut),
		cmocka_unit_test(test_estimates),   cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_partly_read), cmocka_unit_test(test_other_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
