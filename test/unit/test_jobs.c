/*
 * test_jobs.c
 *		What is left for incremental snapshots: signals, positions, and the text of it all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "jobs.h"

static NovaBytes
bytes(const char *text)
{
	return (NovaBytes){text, (uint32_t) strlen(text)};
}

static JobsChange
signal(Jobs *j, const char *type, const char *data, const char *id)
{
	NovaSignal s = {.type = bytes(type), .id = bytes(id), .data = bytes(data)};

	return jobs_signal(j, &s, 0x17);
}

static void
expect_text(const Jobs *j, const char *expected)
{
	char *text = jobs_text(j);

	assert_string_equal(text, expected);
	free(text);
}

#define USERS "{\"data-collections\":[\"public\\\\.users\"]}"

/* A request from its signal to its end, and back from its text at every step. */
static void
test_life(void **state)
{
	Jobs *j = jobs_new();
	JobTable t;
	char *text;

	(void) state;
	assert_true(jobs_empty(j));
	assert_int_equal(signal(j, "execute-snapshot", USERS, "a"), JOBS_ADDED);
	assert_int_equal(signal(j, "execute-snapshot", USERS, "a"), JOBS_SAME);
	assert_false(jobs_resolved(j));
	assert_false(jobs_table(j, &t));
	assert_true(jobs_resolve(j));
	assert_true(jobs_add_table(j, "public", "users", "id > 7", false));
	assert_true(jobs_add_table(j, "public", "nokey", NULL, true));
	assert_true(jobs_set_upto(j, "{9}"));
	assert_true(jobs_advance(j, "{8}", 3));
	assert_true(jobs_advance(j, "{9}", 4));
	text = jobs_text(j);
	jobs_free(j);
	j = jobs_new();
	/* what came before it was known follows it, but not twice */
	assert_int_equal(signal(j, "execute-snapshot", USERS, "b"), JOBS_ADDED);
	assert_int_equal(signal(j, "execute-snapshot", USERS, "a"), JOBS_ADDED);
	assert_true(jobs_load(j, text));
	free(text);
	assert_string_equal(jobs_id(j), "a");
	assert_true(jobs_table(j, &t));
	assert_string_equal(t.name, "users");
	assert_string_equal(t.condition, "id > 7");
	assert_string_equal(t.after, "{9}");
	assert_string_equal(t.upto, "{9}");
	assert_true(t.rows == 7 && !t.by_blocks);
	/* what is left of any request, also of one that waits for its turn */
	assert_true(jobs_has(j, "a") && jobs_has(j, "b") && !jobs_has(j, "c"));
	assert_true(jobs_left(j, "a", 0, &t) && t.rows == 7);
	assert_true(jobs_left(j, "a", 1, &t));
	assert_string_equal(t.name, "nokey");
	assert_false(jobs_left(j, "a", 2, &t));
	assert_false(jobs_left(j, "b", 0, &t));
	assert_false(jobs_left(j, "c", 0, &t));
	jobs_end_table(j);
	assert_true(jobs_table(j, &t));
	assert_true(t.by_blocks && t.after == NULL && t.upto == NULL && t.condition == NULL);
	jobs_end_table(j);
	assert_false(jobs_table(j, &t));
	assert_true(jobs_resolved(j));
	assert_int_equal(jobs_end_request(j, false), JOBS_END_COMPLETE);
	assert_string_equal(jobs_id(j), "b");
	assert_int_equal(jobs_end_request(j, true), JOBS_END_GIVEN_UP);
	assert_true(jobs_empty(j) && !jobs_blank(j));
	assert_int_equal(jobs_ended(j, "a"), JOBS_END_COMPLETE);
	assert_int_equal(jobs_ended(j, "b"), JOBS_END_GIVEN_UP);
	assert_int_equal(jobs_ended(j, "c"), JOBS_END_UNKNOWN);
	jobs_free(j);
}

static void
test_pause_and_stop(void **state)
{
	Jobs *j = jobs_new();

	(void) state;
	assert_int_equal(signal(j, "stop-snapshot", "", ""), JOBS_SAME);
	assert_int_equal(signal(j, "pause-snapshot", "", ""), JOBS_CHANGED);
	assert_int_equal(signal(j, "pause-snapshot", "", ""), JOBS_SAME);
	assert_true(jobs_paused(j));
	assert_int_equal(signal(j, "execute-snapshot", USERS, ""), JOBS_ADDED);
	/* without an id the position is one */
	assert_string_equal(jobs_id(j), "0/17");
	assert_int_equal(signal(j, "stop-snapshot", "{\"data-collections\":[\"public.u\"]}", ""),
					 JOBS_SAME);
	assert_int_equal(signal(j, "stop-snapshot", USERS, ""), JOBS_STOPPED);
	assert_true(jobs_empty(j));
	assert_int_equal(signal(j, "execute-snapshot", USERS, "b"), JOBS_ADDED);
	assert_true(jobs_resolve(j));
	assert_true(jobs_add_table(j, "public", "users", NULL, false));
	assert_true(jobs_add_table(j, "public", "other", NULL, false));
	assert_int_equal(signal(j, "stop-snapshot", USERS, ""), JOBS_STOPPED);
	assert_int_equal(jobs_tables(j), 1);
	assert_int_equal(signal(j, "stop-snapshot", "{}", ""), JOBS_STOPPED);
	assert_true(jobs_empty(j));
	assert_int_equal(signal(j, "resume-snapshot", "", ""), JOBS_CHANGED);
	expect_text(j, "{\"paused\":false,\"requests\":[],\"ended\":["
				   "{\"id\":\"0/17\",\"how\":\"stopped\"},{\"id\":\"b\",\"how\":\"stopped\"}]}");
	jobs_free(j);
}

/* What happened to its tables is remembered with a request, and then of the last ones. */
static void
test_ends(void **state)
{
	Jobs *j = jobs_new();
	Jobs *again = jobs_new();
	char id[8];
	char *text;

	(void) state;
	assert_true(jobs_blank(j));
	(void) signal(j, "execute-snapshot", USERS, "part");
	(void) signal(j, "execute-snapshot", USERS, "none");
	assert_true(jobs_resolve(j));
	assert_true(jobs_add_table(j, "public", "users", NULL, false));
	assert_true(jobs_add_table(j, "public", "other", NULL, false));
	jobs_leave_out_table(j);
	text = jobs_text(j);
	/* of an end before it was known */
	(void) signal(again, "execute-snapshot", USERS, "early");
	(void) signal(again, "stop-snapshot", "", "");
	assert_true(jobs_load(again, text));
	free(text);
	jobs_end_table(again);
	assert_int_equal(jobs_end_request(again, false), JOBS_END_LEFT_OUT);
	assert_true(jobs_resolve(again));
	assert_int_equal(jobs_end_request(again, false), JOBS_END_NOTHING);
	assert_int_equal(jobs_ended(again, "early"), JOBS_END_STOPPED);
	/* part of it is stopped */
	jobs_end_request(j, true);
	assert_true(jobs_resolve(j));
	assert_true(jobs_add_table(j, "public", "users", NULL, false));
	assert_true(jobs_add_table(j, "public", "other", NULL, false));
	(void) signal(j, "stop-snapshot", USERS, "");
	jobs_end_table(j);
	assert_int_equal(jobs_end_request(j, false), JOBS_END_STOPPED);
	/* the same id once more; and only so many */
	(void) signal(j, "execute-snapshot", USERS, "none");
	assert_int_equal(jobs_end_request(j, false), JOBS_END_COMPLETE);
	assert_int_equal(jobs_ended(j, "none"), JOBS_END_COMPLETE);
	for (int i = 0; i < 15; i++)
	{
		snprintf(id, sizeof(id), "%d", i);
		(void) signal(j, "execute-snapshot", USERS, id);
		(void) jobs_end_request(j, false);
	}
	assert_int_equal(jobs_ended(j, "part"), JOBS_END_UNKNOWN);
	assert_int_equal(jobs_ended(j, "none"), JOBS_END_COMPLETE);
	assert_int_equal(jobs_ended(j, "14"), JOBS_END_COMPLETE);
	jobs_free(again);
	jobs_free(j);
}

/* Anybody may write a signal. */
static void
test_bad_signals(void **state)
{
	static const char *const cases[][2] = {
		{"execute-snapshot", ""},
		{"execute-snapshot", "{"},
		{"execute-snapshot", "[]"},
		{"execute-snapshot", "7"},
		{"execute-snapshot", "{\"data-collections\":[]}"},
		{"execute-snapshot", "{\"data-collections\":\"a\"}"},
		{"execute-snapshot", "{\"data-collections\":[7]}"},
		{"execute-snapshot", "{\"data-collections\":[\"\"]}"},
		{"execute-snapshot", "{\"data-collections\":[\"a\"],\"additional-conditions\":[{}]}"},
		{"execute-snapshot", "{\"data-collections\":[\"a\"],\"additional-conditions\":7}"},
		{"stop-snapshot", "{\"data-collections\":[null]}"},
		{"log", "{\"message\":7}"},
		{"", "{}"},
		{"execute", "{}"},
	};
	Jobs *j = jobs_new();

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(signal(j, cases[i][0], cases[i][1], "x"), JOBS_SAME);
	assert_true(jobs_empty(j));
	jobs_free(j);
}

/* Patterns of anybody that would take all memory, or for ever. */
static void
test_costly_patterns(void **state)
{
	static const char *const refused[] = {
		"((a{99}){99}){99}",
		"a{1,32767}",
		"(a*)*\\\\1",
	};
	char data[100];
	Jobs *j = jobs_new();

	(void) state;
	assert_int_equal(signal(j, "execute-snapshot", "{\"data-collections\":[\"aaa\"]}", "x"),
					 JOBS_ADDED);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		snprintf(data, sizeof(data), "{\"data-collections\":[\"%s\"]}", refused[i]);
		assert_int_equal(signal(j, "stop-snapshot", data, "x"), JOBS_SAME);
	}
	assert_false(jobs_empty(j));
	assert_int_equal(signal(j, "stop-snapshot", "{\"data-collections\":[\"a{1,3}\"]}", "x"),
					 JOBS_STOPPED);
	jobs_free(j);
}

static void
test_bad_texts(void **state)
{
	static const char *const cases[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"paused\":0,\"requests\":[]}",
		"{\"paused\":true,\"requests\":{}}",
		"{\"paused\":true,\"requests\":[],\"ended\":{}}",
		"{\"paused\":true,\"requests\":[],\"ended\":[{\"id\":\"a\"}]}",
		"{\"paused\":true,\"requests\":[{}]}",
		"{\"paused\":true,\"requests\":[{\"id\":\"a\",\"collections\":[7],\"conditions\":[]}]}",
		"{\"paused\":true,\"requests\":[{\"id\":\"a\",\"collections\":[],\"conditions\":[],"
		"\"tables\":[{\"schema\":\"a\"}]}]}",
	};
	Jobs *j = jobs_new();

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(jobs_load(j, cases[i]));
	assert_true(jobs_empty(j));
	jobs_free(j);
}

/* What was not read of a table, or is younger than the snapshot, or was rewritten. */
static void
test_resume(void **state)
{
	Jobs *j = jobs_new();
	JobTable t;

	(void) state;
	assert_true(jobs_resume(
		j, "{\"txid\":\"4294967300\",\"tables\":["
		   "{\"schema\":\"s\",\"table\":\"a\",\"blocks\":\"2048\",\"filenode\":\"16384\"},"
		   "{\"schema\":\"s\",\"table\":\"b\",\"blocks\":\"0\",\"filenode\":\"0\",\"by\":"
		   "\"blocks\"}]}"));
	assert_true(jobs_table(j, &t));
	assert_string_equal(t.condition,
						"(ctid >= '(2048,0)'::pg_catalog.tid OR pg_catalog.age(xmin) <= "
						"pg_catalog.age('4'::pg_catalog.xid) OR "
						"pg_catalog.pg_relation_filenode(tableoid) <> '16384'::pg_catalog.oid)");
	assert_false(t.by_blocks);
	assert_true(jobs_resumed(j));
	jobs_end_table(j);
	assert_true(jobs_table(j, &t));
	assert_true(t.by_blocks && t.condition == NULL);
	assert_false(jobs_resume(j, "{\"txid\":\"7\",\"tables\":[{\"schema\":\"s\"}]}"));
	assert_true(jobs_empty(j));
	/* what could not be read back from the state topic is not taken */
	assert_false(jobs_resume(j, "{\"txid\":\"7\",\"tables\":[{\"schema\":\"\",\"table\":\"a\","
								"\"blocks\":\"0\",\"filenode\":\"1\"}]}"));
	assert_false(jobs_resume(j, "{\"txid\":\"7\",\"tables\":[{\"schema\":\"s\",\"table\":\"\","
								"\"blocks\":\"0\",\"filenode\":\"1\"}]}"));
	assert_true(jobs_empty(j));
	assert_false(jobs_resume(j, "{}"));
	jobs_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_pause_and_stop),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_bad_signals),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_costly_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
