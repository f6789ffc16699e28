/*
 * test_tracker.c
 *		The safe LSN: by hand, and against a naive model with random orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tracker.h"

static uint64_t
unit(Tracker *t, uint32_t records, uint64_t commit)
{
	uint64_t id;

	assert_true(tracker_begin(t, &id));
	if (records > 0)
		tracker_sent(t, records);
	if (commit > 0)
		tracker_commit(t, commit);
	tracker_end(t);
	return id;
}

static void
only_the_contiguous_prefix_counts(void **state)
{
	Tracker t = {0};
	uint64_t a = unit(&t, 2, 100);
	uint64_t b = unit(&t, 1, 200);

	(void) state;
	assert_true(tracker_acked(&t, b, 1));
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_true(tracker_acked(&t, a, 1));
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_true(tracker_acked(&t, a, 1));
	assert_int_equal(tracker_safe_lsn(&t), 200);
	assert_true(tracker_idle(&t));
	tracker_free(&t);
}

static void
what_is_given_up_never_counts(void **state)
{
	Tracker t = {0};
	uint64_t a = unit(&t, 1, 100);
	uint64_t b = unit(&t, 1, 200);

	(void) state;
	assert_true(tracker_acked(&t, a, 1));
	tracker_give_up(&t);
	assert_true(tracker_idle(&t));
	assert_int_equal(tracker_safe_lsn(&t), 100);
	assert_false(tracker_acked(&t, b, 1));
	b = unit(&t, 1, 200);
	assert_true(tracker_acked(&t, b, 1));
	assert_int_equal(tracker_safe_lsn(&t), 200);
	assert_int_equal(t.outstanding, 0);
	/* also with one open */
	assert_true(tracker_begin(&t, &a));
	tracker_sent(&t, 1);
	tracker_commit(&t, 300);
	tracker_give_up(&t);
	assert_int_equal(tracker_safe_lsn(&t), 200);
	(void) unit(&t, 0, 400);
	assert_int_equal(tracker_safe_lsn(&t), 400);
	tracker_free(&t);
}

static void
an_open_unit_is_not_safe(void **state)
{
	Tracker t = {0};
	uint64_t id;

	(void) state;
	assert_true(tracker_begin(&t, &id));
	tracker_sent(&t, 1);
	tracker_commit(&t, 100);
	assert_true(tracker_acked(&t, id, 1));
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_false(tracker_idle(&t));
	tracker_sent(&t, 1);
	tracker_end(&t);
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_true(tracker_acked(&t, id, 1));
	assert_int_equal(tracker_safe_lsn(&t), 100);
	tracker_free(&t);
}

static void
a_transaction_over_units_waits_for_its_commit(void **state)
{
	Tracker t = {0};
	uint64_t a = unit(&t, 1, 0);
	uint64_t b = unit(&t, 1, 300);

	(void) state;
	assert_true(tracker_acked(&t, a, 1));
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_true(tracker_acked(&t, b, 1));
	assert_int_equal(tracker_safe_lsn(&t), 300);
	tracker_free(&t);
}

static void
never_backwards(void **state)
{
	Tracker t = {0};

	(void) state;
	(void) unit(&t, 0, 500);
	assert_int_equal(tracker_safe_lsn(&t), 500);
	(void) unit(&t, 0, 400);
	assert_int_equal(tracker_safe_lsn(&t), 500);
	assert_true(tracker_adopt(&t, 450, false));
	assert_int_equal(tracker_safe_lsn(&t), 500);
	tracker_free(&t);
}

static void
a_keepalive_waits_for_everything(void **state)
{
	Tracker t = {0};
	uint64_t a = unit(&t, 1, 100);

	(void) state;
	assert_false(tracker_adopt(&t, 900, false));
	assert_true(tracker_acked(&t, a, 1));
	assert_false(tracker_adopt(&t, 900, true));
	assert_int_equal(tracker_safe_lsn(&t), 100);
	assert_true(tracker_adopt(&t, 900, false));
	assert_int_equal(tracker_safe_lsn(&t), 900);
	assert_int_equal(tracker_commit_lsn(&t), 100);
	tracker_free(&t);
}

static void
wrong_acks_are_refused(void **state)
{
	Tracker t = {0};
	uint64_t a = unit(&t, 1, 100);

	(void) state;
	assert_false(tracker_acked(&t, a, 2));
	assert_false(tracker_acked(&t, a + 1, 1));
	assert_true(tracker_acked(&t, a, 1));
	assert_false(tracker_acked(&t, a, 1));
	tracker_free(&t);
}

/* Transactions without records, behind a record that waits, take no room. */
static void
empty_units_do_not_pile_up(void **state)
{
	Tracker t = {0};
	uint64_t waiting = unit(&t, 1, 100);
	size_t capacity = t.capacity;

	(void) state;
	for (uint64_t lsn = 101; lsn <= 100000; lsn++)
		(void) unit(&t, 0, lsn);
	assert_int_equal(t.capacity, capacity);
	assert_int_equal(tracker_safe_lsn(&t), 0);
	assert_true(tracker_acked(&t, waiting, 1));
	assert_int_equal(tracker_safe_lsn(&t), 100000);
	assert_true(tracker_idle(&t));
	tracker_free(&t);
}

#define MODEL_UNITS 2000

typedef struct ModelUnit
{
	uint64_t id;
	uint32_t outstanding;
	uint64_t commit;
	bool closed;
} ModelUnit;

/* From the start, every time: slow and plainly right. */
static uint64_t
model_safe(const ModelUnit *m, size_t n)
{
	uint64_t safe = 0;

	for (size_t i = 0; i < n && m[i].closed && m[i].outstanding == 0; i++)
		if (m[i].commit > safe)
			safe = m[i].commit;
	return safe;
}

static void
ack_something(Tracker *t, ModelUnit *m, size_t n)
{
	size_t back = (size_t) rand() % 40;
	size_t i = n - 1 - (back < n ? back : 0);

	for (size_t tries = 0; m[i].outstanding == 0 && tries < n; tries++)
		i = (i + 1) % n;
	if (m[i].outstanding > 0)
	{
		uint32_t k = 1 + (uint32_t) rand() % m[i].outstanding;

		assert_true(tracker_acked(t, m[i].id, k));
		m[i].outstanding -= k;
	}
}

static void
one_random_step(Tracker *t, ModelUnit *m, size_t *n, uint64_t *lsn)
{
	bool open = *n > 0 && !m[*n - 1].closed;
	uint64_t id;

	switch (rand() % 6)
	{
		case 0:
			if (open)
			{
				tracker_end(t);
				m[*n - 1].closed = true;
			}
			else
			{
				assert_true(tracker_begin(t, &id));
				m[(*n)++] = (ModelUnit){.id = id};
			}
			break;
		case 1:
			if (open)
			{
				tracker_sent(t, 3);
				m[*n - 1].outstanding += 3;
			}
			break;
		case 2:
			if (open)
			{
				/* sometimes the server restarts earlier */
				*lsn = rand() % 50 == 0 ? *lsn / 2 : *lsn + (uint64_t) (1 + rand() % 100);
				tracker_commit(t, *lsn);
				if (*lsn > m[*n - 1].commit)
					m[*n - 1].commit = *lsn;
			}
			break;
		default:
			if (*n > 0)
				ack_something(t, m, *n);
			break;
	}
}

static void
random_orders_against_the_model(void **state)
{
	static ModelUnit m[MODEL_UNITS];

	(void) state;
	for (unsigned seed = 1; seed <= 20; seed++)
	{
		Tracker t = {0};
		size_t n = 0;
		uint64_t lsn = 1;
		uint64_t before = 0;

		srand(seed);
		while (n < 400)
		{
			one_random_step(&t, m, &n, &lsn);
			assert_int_equal(tracker_safe_lsn(&t), model_safe(m, n));
			assert_true(tracker_safe_lsn(&t) >= before);
			before = tracker_safe_lsn(&t);
		}
		tracker_free(&t);
	}
}

/* Nothing is acked for long: the ring grows while its start is not at 0. */
static void
grows_in_the_middle(void **state)
{
	Tracker t = {0};
	uint64_t first;

	(void) state;
	for (int i = 0; i < 100; i++)
		(void) unit(&t, 0, 1);
	first = unit(&t, 1, 10);
	for (uint64_t i = 0; i < 5000; i++)
		(void) unit(&t, 0, 11 + i);
	assert_int_equal(tracker_safe_lsn(&t), 1);
	assert_true(tracker_acked(&t, first, 1));
	assert_int_equal(tracker_safe_lsn(&t), 5010);
	assert_true(tracker_idle(&t));
	tracker_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_contiguous_prefix_counts),
		cmocka_unit_test(an_open_unit_is_not_safe),
		cmocka_unit_test(what_is_given_up_never_counts),
		cmocka_unit_test(a_transaction_over_units_waits_for_its_commit),
		cmocka_unit_test(never_backwards),
		cmocka_unit_test(a_keepalive_waits_for_everything),
		cmocka_unit_test(wrong_acks_are_refused),
		cmocka_unit_test(empty_units_do_not_pile_up),
		cmocka_unit_test(random_orders_against_the_model),
		cmocka_unit_test(grows_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
