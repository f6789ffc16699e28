/*
 * test_samples.c
 *		What is kept of records for somebody who looks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "samples.h"

static Samples *s;

static int
begin(void **state)
{
	(void) state;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	samples_begin(s);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	free(s);
	return 0;
}

static void
take(uint32_t route, const char *topic, const char *key, const char *value)
{
	NovaRecord r = {.key = {key, key != NULL ? (uint32_t) strlen(key) : 0},
					.value = {value, value != NULL ? (uint32_t) strlen(value) : 0}};

	samples_take(s, route, topic, &r);
}

static void
is_printed(const char *expected)
{
	char *text = samples_print(s);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void
the_latest_first(void **state)
{
	char value[2] = "0";

	(void) state;
	is_printed("{}");
	take(0, "a", NULL, NULL);
	is_printed("{\"a\":[{\"key\":null,\"value\":null,\"cut\":false}]}");
	for (int i = 1; i <= 7; i++)
	{
		samples_begin(s);
		value[0] = (char) ('0' + i);
		take(0, "a", "k", value);
	}
	is_printed("{\"a\":[{\"key\":\"k\",\"value\":\"7\",\"cut\":false},"
			   "{\"key\":\"k\",\"value\":\"6\",\"cut\":false},"
			   "{\"key\":\"k\",\"value\":\"5\",\"cut\":false},"
			   "{\"key\":\"k\",\"value\":\"4\",\"cut\":false},"
			   "{\"key\":\"k\",\"value\":\"3\",\"cut\":false}]}");
}

/* A stream that never stops costs a counter; two routes may have one topic. */
static void
a_few_of_an_interval(void **state)
{
	(void) state;
	for (int i = 0; i < 100; i++)
		take(3, "a", "k", "v");
	assert_int_equal(s->topics[0].taken, SAMPLES_KEPT);
	take(4, "a", "k", "v");
	assert_int_equal(s->topics[0].taken, SAMPLES_KEPT + 1);
	assert_int_equal(s->ntopics, 1);
	samples_begin(s);
	take(3, "a", "k", "v");
	assert_int_equal(s->topics[0].taken, SAMPLES_KEPT + 2);
}

static void
bounds(void **state)
{
	char name[SAMPLE_TOPIC_BYTES + 2];

	(void) state;
	take(SAMPLE_ROUTES, "a", "k", "v");
	assert_int_equal(s->ntopics, 0);
	memset(name, 'x', sizeof(name));
	name[SAMPLE_TOPIC_BYTES] = '\0';
	take(0, name, "k", "v");
	assert_int_equal(s->ntopics, 0);
	for (uint32_t i = 0; i < SAMPLE_TOPICS + 5; i++)
	{
		snprintf(name, sizeof(name), "t%u", i);
		take(i, name, "k", "v");
	}
	assert_int_equal(s->ntopics, SAMPLE_TOPICS);
}

static void
too_long_is_cut_between_characters(void **state)
{
	char *value = malloc(3 * SAMPLE_VALUE_BYTES + 1);
	char *text;
	cJSON *json;
	const char *shown;

	(void) state;
	assert_non_null(value);
	value[0] = '\0';
	for (size_t i = 0; i < SAMPLE_VALUE_BYTES; i++)
		memcpy(value + 3 * i, "\xe2\x82\xac", 4);
	take(0, "a", "k", value);
	free(value);
	text = samples_print(s);
	json = cJSON_Parse(text);
	free(text);
	assert_non_null(json);
	shown = cJSON_GetObjectItem(json->child->child, "value")->valuestring;
	assert_int_equal(strlen(shown), (SAMPLE_VALUE_BYTES - 1) / 3 * 3);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json->child->child, "cut")));
	cJSON_Delete(json);
}

static void
no_utf8(void **state)
{
	NovaRecord r = {.key = {"a\0b\xff", 4}, .value = {"", 0}};

	(void) state;
	samples_take(s, 0, "a", &r);
	is_printed("{\"a\":[{\"key\":\"a?b?\",\"value\":\"\",\"cut\":false}]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_latest_first, begin, end),
		cmocka_unit_test_setup_teardown(a_few_of_an_interval, begin, end),
		cmocka_unit_test_setup_teardown(bounds, begin, end),
		cmocka_unit_test_setup_teardown(too_long_is_cut_between_characters, begin, end),
		cmocka_unit_test_setup_teardown(no_utf8, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
