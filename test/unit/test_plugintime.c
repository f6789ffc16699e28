/*
 * test_plugintime.c
 *		Times are added up by table, and very many tables share a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugintime.h"

static void
add(PluginTimes *times, const char *schema, const char *table, uint64_t changes, uint64_t ns)
{
	NovaStats stats = {
		{schema, (uint32_t) strlen(schema)}, {table, (uint32_t) strlen(table)}, changes, ns};

	plugintime_add(times, &stats);
}

static void
expect(const TableTime *row, const char *table, uint64_t changes, uint64_t ns)
{
	assert_string_equal(row->table, table);
	assert_int_equal(row->changes, changes);
	assert_int_equal(row->ns, ns);
}

static void
tables_are_told_apart(void **state)
{
	PluginTimes times;

	(void) state;
	assert_true(plugintime_init(&times));
	add(&times, "public", "users", 3, 1500);
	add(&times, "", "", 2, 40);
	add(&times, "app", "users", 1, 700);
	/* of another partition, or a second later */
	add(&times, "public", "users", 1, 500);
	add(&times, "", "", 0, 1);
	assert_int_equal(times.n, 3);
	expect(&times.rows[0], "public.users", 4, 2000);
	expect(&times.rows[1], PLUGINTIME_UNCAPTURED, 2, 41);
	expect(&times.rows[2], "app.users", 1, 700);
	plugintime_free(&times);
}

static void
very_many_tables(void **state)
{
	PluginTimes times;
	char name[300];

	(void) state;
	assert_true(plugintime_init(&times));
	for (int i = 0; i < PLUGINTIME_TABLES + 50; i++)
	{
		snprintf(name, sizeof(name), "t%d", i);
		add(&times, "public", name, 1, 10);
	}
	add(&times, "public", "t0", 1, 10);
	assert_int_equal(times.n, PLUGINTIME_TABLES + 1);
	expect(&times.rows[0], "public.t0", 2, 20);
	expect(&times.rows[PLUGINTIME_TABLES], "other", 50, 500);
	plugintime_free(&times);
}

/* No name of the server is that long; a frame may have it all the same. */
static void
a_long_name_is_cut(void **state)
{
	PluginTimes times;
	char name[300];

	(void) state;
	assert_true(plugintime_init(&times));
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add(&times, "public", name, 1, 10);
	add(&times, "public", name, 1, 10);
	assert_int_equal(times.n, 1);
	assert_int_equal(strlen(times.rows[0].table), sizeof(times.rows[0].table) - 1);
	assert_int_equal(times.rows[0].changes, 2);
	plugintime_free(&times);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_told_apart),
		cmocka_unit_test(very_many_tables),
		cmocka_unit_test(a_long_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
