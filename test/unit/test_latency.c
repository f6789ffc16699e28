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

/* Ages when they got here, whatever Kafka does; by percentiles that are near enough. */
static void
test_ages(void **state)
{
	LatencyAges a = latency_numbers(&l).ages;

	(void) state;
	assert_int_equal(a.count, 0);
	assert_int_equal(a.at, 0);
	for (int i = 1; i <= 100; i++)
		latency_commit(&l, (uint64_t) i, (1000 - i) * S);
	latency_turn(&l, 0, false, 1000 * S);
	latency_turn(&l, 0, false, 2000 * S);
	a = latency_numbers(&l).ages;
	assert_int_equal(a.count, 100);
	assert_int_equal(a.at, 1000000);
	assert_int_equal(a.least, 1000);
	assert_int_equal(a.most, 100000);
	assert_int_equal(a.last, 100000);
	assert_int_equal(a.sum, 5050000);
	assert_float_equal(a.p50, 50000, 1000);
	assert_float_equal(a.p95, 95000, 1900);
	assert_float_equal(a.p99, 99000, 1980);
	latency_commit(&l, 101, 5000 * S);
	latency_turn(&l, 102, false, 4000 * S);
	a = latency_numbers(&l).ages;
	assert_int_equal(a.last, 0);
	assert_int_equal(a.least, 0);
	assert_int_equal(l.numbers.histogram.count, 101);
}

/* Small ages are exact, great ones are in the last bucket, and none is out of bounds. */
static void
test_age_bounds(void **state)
{
	static const int64_t ms[] = {0, 1, 63, 64, 65, 127, 128, 4095, 4096, INT64_C(1) << 40};

	(void) state;
	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
	{
		memset(&l, 0, sizeof(l));
		latency_commit(&l, 0, 0);
		latency_turn(&l, 0, false, ms[i] * 1000);
		assert_float_equal(latency_numbers(&l).ages.p99, ms[i], (double) ms[i] / 64);
	}
	memset(&l, 0, sizeof(l));
	latency_commit(&l, 0, 0);
	latency_turn(&l, 0, false, INT64_MAX);
	assert_int_equal(latency_numbers(&l).ages.count, 1);
}

/* Commits that share an entry count once each, however the turns fall. */
static void
test_ages_full(void **state)
{
	(void) state;
	for (uint64_t i = 0; i < LATENCY_COMMITS + 10; i++)
		latency_commit(&l, i, 1);
	latency_turn(&l, 0, false, 5000);
	for (uint64_t i = 0; i < 7; i++)
		latency_commit(&l, LATENCY_COMMITS + 10 + i, 1);
	latency_turn(&l, LATENCY_COMMITS + 20, false, 5000);
	assert_int_equal(latency_numbers(&l).ages.count, LATENCY_COMMITS + 17);
	assert_int_equal(l.numbers.histogram.count, LATENCY_COMMITS + 17);
	latency_commit(&l, LATENCY_COMMITS + 20, 1);
	latency_forget(&l);
	latency_turn(&l, LATENCY_COMMITS + 30, false, 9000);
	assert_int_equal(latency_numbers(&l).ages.count, LATENCY_COMMITS + 17);
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
		cmocka_unit_test_setup(test_in_order, reset),
		cmocka_unit_test_setup(test_bounds, reset),
		cmocka_unit_test_setup(test_caught_up, reset),
		cmocka_unit_test_setup(test_open, reset),
		cmocka_unit_test_setup(test_fold, reset),
		cmocka_unit_test_setup(test_full, reset),
		cmocka_unit_test_setup(test_forget, reset),
		cmocka_unit_test_setup(test_ages, reset),
		cmocka_unit_test_setup(test_age_bounds, reset),
		cmocka_unit_test_setup(test_ages_full, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
