/*-------------------------------------------------------------------------
 *
 * test_latency.c
 *		Which commits are safe, how long they took, and how late the stream is.
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

#include "latency.h"

#define S INT64_C(1000000)

static Latency l;

static int
reset(void **state)
{
	(void) state;
	memset(&l, 0, sizeof(l));
	return 0;
}

static int64_t
lag(int64_t now)
{
	LatencyNumbers n = latency_numbers(&l);

	return latency_lag_us(&n, now);
}

static void
test_in_order(void **state)
{
	const LatencyHistogram *h = &l.numbers.histogram;

	(void) state;
	assert_int_equal(lag(9 * S), 0);
	latency_commit(&l, 0, 10 * S);
	latency_commit(&l, 0, 11 * S);
	latency_commit(&l, 1, 12 * S);
	assert_int_equal(lag(15 * S), 5 * S);
	latency_turn(&l, 0, false, 15 * S);
	assert_int_equal(h->count, 0);
	latency_turn(&l, 1, false, 15 * S);
	assert_int_equal(h->count, 2);
	assert_int_equal(h->sum_us, 9 * S);
	assert_int_equal(latency_numbers(&l).waiting, 1);
	assert_int_equal(lag(15 * S), 3 * S);
	latency_turn(&l, 2, false, 12 * S + 4000);
	assert_int_equal(h->count, 3);
	assert_int_equal(h->buckets[0], 1);
	assert_int_equal(h->buckets[9], 2);
}

/* A bound belongs to its bucket, as "le" says; beyond the last one there is one more. */
static void
test_bounds(void **state)
{
	(void) state;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
	{
		latency_commit(&l, i, 1);
		latency_turn(&l, i + 1, false, 1 + (int64_t) (latency_bounds[i] * 1e6 + 0.5));
		assert_int_equal(l.numbers.histogram.buckets[i], 1);
	}
	latency_commit(&l, 99, 1);
	latency_turn(&l, 100, false, 2 + 300 * S);
	assert_int_equal(l.numbers.histogram.buckets[LATENCY_BUCKETS], 1);
	/* a server whose clock is ahead */
	latency_commit(&l, 100, 50 * S);
	latency_turn(&l, 101, false, 40 * S);
	assert_int_equal(l.numbers.last_us, 0);
}

/* The last one counts for a second, so that a stream that catches up looks late. */
static void
test_caught_up(void **state)
{
	(void) state;
	latency_commit(&l, 0, 10 * S);
	latency_turn(&l, 1, false, 70 * S);
	assert_int_equal(lag(70 * S + LATENCY_FRESH_US - 1), 60 * S);
	assert_int_equal(lag(70 * S + LATENCY_FRESH_US), 0);
}

static void
test_open(void **state)
{
	(void) state;
	latency_turn(&l, 0, true, 10 * S);
	latency_turn(&l, 5, true, 14 * S);
	assert_int_equal(lag(15 * S), 5 * S);
	latency_commit(&l, 5, 13 * S);
	assert_int_equal(lag(15 * S), 2 * S);
	/* it has ended, and another one has begun */
	latency_turn(&l, 6, true, 16 * S);
	assert_int_equal(lag(20 * S), 4 * S);
	latency_turn(&l, 6, false, 21 * S);
	assert_int_equal(lag(21 * S), 0);
}

/* The tracker gives the id of a unit without records to the next one. */
static void
test_fold(void **state)
{
	(void) state;
	latency_commit(&l, 4, 1 * S);
	latency_commit(&l, 5, 2 * S);
	latency_commit(&l, 5, 3 * S);
	latency_fold(&l, 5);
	latency_commit(&l, 5, 4 * S);
	latency_turn(&l, 5, false, 5 * S);
	assert_int_equal(l.numbers.histogram.count, 3);
	assert_int_equal(latency_numbers(&l).oldest, 4 * S);
}

static void
test_full(void **state)
{
	(void) state;
	for (uint64_t i = 0; i < LATENCY_COMMITS + 100; i++)
		latency_commit(&l, i, (int64_t) i + 1);
	assert_int_equal(latency_numbers(&l).waiting, LATENCY_COMMITS + 100);
	latency_turn(&l, LATENCY_COMMITS + 99, false, 9000);
	assert_int_equal(l.numbers.histogram.count, LATENCY_COMMITS - 1);
	latency_turn(&l, LATENCY_COMMITS + 100, false, 9000);
	assert_int_equal(l.numbers.histogram.count, LATENCY_COMMITS + 100);
	assert_int_equal(l.numbers.last_us, 9000 - LATENCY_COMMITS);
	assert_int_equal(latency_numbers(&l).waiting, 0);
}

static void
test_forget(void **state)
{
	(void) state;
	latency_commit(&l, 3, 1 * S);
	latency_forget(&l);
	latency_turn(&l, 9, false, 2 * S);
	assert_int_equal(l.numbers.histogram.count, 0);
	assert_int_equal(lag(2 * S), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_order, reset),  cmocka_unit_test_setup(test_bounds, reset),
		cmocka_unit_test_setup(test_caught_up, reset), cmocka_unit_test_setup(test_open, reset),
		cmocka_unit_test_setup(test_fold, reset),      cmocka_unit_test_setup(test_full, reset),
		cmocka_unit_test_setup(test_forget, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
