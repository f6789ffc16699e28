/*-------------------------------------------------------------------------
 *
 * test_routecounts.c
 *		Counts of tables and topics, and what becomes of more than there is room for.
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

#include "routecounts.h"

static void
test_counts(void **state)
{
	RouteCounts c;
	RouteNumbers *a;

	(void) state;
	assert_true(routecounts_init(&c));
	a = routecounts_of(&c, "public.a", "cdc.a");
	assert_ptr_equal(routecounts_of(&c, "public.a", "cdc.a"), a);
	assert_ptr_not_equal(routecounts_of(&c, "public.a", "cdc.b"), a);
	assert_ptr_not_equal(routecounts_of(&c, "public.b", "cdc.a"), a);
	assert_int_equal(c.n, 3);
	routecounts_add(a, 'c', 20);
	routecounts_add(a, 'c', 5);
	routecounts_add(a, 'x', 3);
	routecounts_add(a, '\0', 9);
	assert_int_equal(a->ops[0].records, 1);
	assert_int_equal(a->ops[1].records, 2);
	assert_int_equal(a->ops[1].bytes, 25);
	assert_int_equal(a->ops[OP_COUNT - 1].records, 1);
	for (size_t i = 2; i < OP_COUNT - 1; i++)
		assert_int_equal(a->ops[i].records, 0);
	for (size_t i = 1; i < OP_COUNT; i++)
		assert_int_equal(routecounts_ops[(uint8_t) COUNTED_OPS[i]], i);
	routecounts_free(&c);
}

static void
test_other(void **state)
{
	RouteCounts c;
	RouteNumbers *other;
	char name[32];

	(void) state;
	assert_true(routecounts_init(&c));
	for (int i = 0; i < ROUTES_COUNTED; i++)
	{
		snprintf(name, sizeof(name), "t%d", i);
		assert_string_equal(routecounts_of(&c, name, "x")->table, name);
	}
	other = routecounts_of(&c, "one more", "x");
	assert_string_equal(other->table, "other");
	assert_string_equal(other->topic, "other");
	assert_ptr_equal(routecounts_of(&c, "and another", "y"), other);
	assert_int_equal(c.n, ROUTES_COUNTED + 1);
	assert_string_equal(routecounts_of(&c, "t0", "x")->table, "t0");
	routecounts_free(&c);
}

/* Longer than any that Kafka or PostgreSQL takes. */
static void
test_long(void **state)
{
	RouteCounts c;
	char name[500];

	(void) state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(routecounts_init(&c));
	assert_ptr_equal(routecounts_of(&c, name, name), routecounts_of(&c, name, name));
	assert_int_equal(c.n, 1);
	routecounts_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
