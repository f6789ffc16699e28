/*
 * test_kafkawindow.c
 *		How many records are under way: from what becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafkawindow.h"

#define LEAST KAFKAWINDOW_LEAST

static KafkaWindow
window_of(uint64_t size, uint64_t most)
{
	KafkaWindow w;

	kafkawindow_init(&w, most);
	w.size = size;
	return w;
}

/* A round in batches of so many that takes so many milliseconds; full all the time. */
static uint64_t
after_round(KafkaWindow *w, uint64_t batch, int64_t ms)
{
	const uint64_t size = w->size;
	bool changed = false;

	kafkawindow_full(w, 1000);
	for (uint64_t acked = 0; acked < size; acked += batch)
	{
		assert_false(changed);
		changed = kafkawindow_acked(w, batch, 1000 + ms);
		if (!changed && acked + batch < size)
			kafkawindow_full(w, 1000);
	}
	assert_true(changed == (w->size != size));
	return w->size;
}

static void
test_begins_small(void **state)
{
	KafkaWindow w;

	(void) state;
	kafkawindow_init(&w, 100000);
	assert_true(kafkawindow_takes(&w, LEAST - 1));
	assert_false(kafkawindow_takes(&w, LEAST));
	kafkawindow_init(&w, 10);
	assert_true(kafkawindow_takes(&w, 9));
	assert_false(kafkawindow_takes(&w, 10));
	/* a queue without a limit */
	kafkawindow_init(&w, 0);
	assert_false(kafkawindow_takes(&w, LEAST));
	assert_int_equal(after_round(&w, 100, 10), 2 * LEAST);
}

static void
test_many_partitions(void **state)
{
	KafkaWindow w = window_of(LEAST, 100000);

	(void) state;
	assert_int_equal(after_round(&w, 30, 10), 20000);
	assert_int_equal(after_round(&w, 60, 20), 40000);
	assert_int_equal(after_round(&w, 130, 40), 80000);
	/* as much as the queue holds, and no more */
	assert_int_equal(after_round(&w, 270, 80), 100000);
	assert_int_equal(after_round(&w, 330, 100), 100000);
	/* batches that are good enough stay as they are */
	w = window_of(40000, 100000);
	assert_int_equal(after_round(&w, 1000, 40), 40000);
}

static void
test_long_way(void **state)
{
	KafkaWindow w = window_of(LEAST, 100000);

	(void) state;
	/* 100 ms for each round: 100 records a millisecond */
	assert_int_equal(after_round(&w, 1250, 100), 20000);
	/* twice as many get through, which will do */
	assert_int_equal(after_round(&w, 2500, 100), 20000);
	/* more of it would still be too few with half the window */
	assert_int_equal(after_round(&w, 2500, 60), 20000);
}

static void
test_becomes_small_again(void **state)
{
	KafkaWindow w = window_of(80000, 100000);

	(void) state;
	assert_int_equal(after_round(&w, 10000, 80), 40000);
	assert_int_equal(after_round(&w, 5000, 40), 20000);
	assert_int_equal(after_round(&w, 2500, 20), LEAST);
	assert_int_equal(after_round(&w, 2500, 10), LEAST);
	/* what a small queue holds is not made more of */
	w = window_of(10, 10);
	assert_int_equal(after_round(&w, 10, 0), 10);
	w = window_of(10, 10);
	assert_int_equal(after_round(&w, 1, 10), 10);
}

static void
test_kafka_is_away(void **state)
{
	KafkaWindow w = window_of(LEAST, 30000);

	(void) state;
	assert_false(kafkawindow_full(&w, 1000));
	assert_false(kafkawindow_full(&w, 1050));
	assert_true(kafkawindow_full(&w, 1051));
	assert_int_equal(w.size, 2 * LEAST);
	/* it is filled first */
	assert_false(kafkawindow_full(&w, 1052));
	assert_false(kafkawindow_full(&w, 1152));
	assert_true(kafkawindow_full(&w, 1153));
	assert_int_equal(w.size, 30000);
	assert_false(kafkawindow_full(&w, 99999));
	assert_false(kafkawindow_full(&w, 999999));
}

/* What was under way when it grew is less than a round of the larger one. */
static void
test_bursts(void **state)
{
	KafkaWindow w = window_of(LEAST, 100000);

	(void) state;
	kafkawindow_full(&w, 1000);
	assert_true(kafkawindow_full(&w, 1051));
	assert_false(kafkawindow_acked(&w, LEAST, 1060));
	/* much later: the time between two bursts is nobody's slowness */
	assert_false(kafkawindow_full(&w, 99000));
	assert_false(kafkawindow_full(&w, 99001));
	assert_int_equal(w.size, 2 * LEAST);
}

static void
test_that_did_not_limit(void **state)
{
	KafkaWindow w = window_of(LEAST, 100000);

	(void) state;
	/* never full */
	assert_false(kafkawindow_acked(&w, 10 * LEAST, 99999));
	/* full once, and not again: what came then was not kept waiting */
	kafkawindow_full(&w, 1000);
	assert_false(kafkawindow_acked(&w, LEAST, 99999));
	assert_int_equal(w.size, LEAST);
	/* in the second half: it was */
	kafkawindow_full(&w, 1000);
	assert_false(kafkawindow_acked(&w, LEAST / 2, 1040));
	kafkawindow_full(&w, 1040);
	assert_true(kafkawindow_acked(&w, LEAST / 2, 1060));
	assert_int_equal(w.size, 2 * LEAST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_small),       cmocka_unit_test(test_many_partitions),
		cmocka_unit_test(test_long_way),           cmocka_unit_test(test_becomes_small_again),
		cmocka_unit_test(test_kafka_is_away),      cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_that_did_not_limit),
	};

	return cmocka_run_group_tests_name("kafkawindow", tests, NULL, NULL);
}
