/*
 * test_deadletter.c
 *		Dead-letter records: whole, pointers, and how much of what.
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

#include "deadletter.h"

static NovaBytes
text(const char *s)
{
	return (NovaBytes){s, (uint32_t) strlen(s)};
}

static BadRecord
example(void)
{
	return (BadRecord){.topic = "cdc.t",
					   .table = "public.t",
					   .lsn = UINT64_C(0x10000002A),
					   .xid = 77,
					   .key = text("{\"id\":1}"),
					   .value = text("{\"id\":1,\"v\":\"x\"}"),
					   .value_bytes = 16,
					   .reason = "too large"};
}

/* The value of a header, or NULL; *count: how many there are. */
static const char *
header(const LetterText *t, const char *name, uint16_t *count)
{
	static char found[200];
	NovaBytes block = {t->headers.data, (uint32_t) t->headers.len};
	NovaCursor c = {block.data, block.len};
	NovaBytes n = {NULL, 0};
	NovaBytes v = {NULL, 0};
	const char *result = NULL;

	assert_true(nova_headers_valid(block));
	assert_true(nova_get_u16(&c, count));
	for (int i = 0; i < *count; i++)
	{
		assert_true(nova_read_header(&c, &n, &v));
		if (n.len != strlen(name) || memcmp(n.data, name, n.len) != 0)
			continue;
		snprintf(found, sizeof(found), "%.*s", (int) v.len, v.data);
		result = found;
	}
	return result;
}

static void
expect_header(const LetterText *t, const char *name, const char *value)
{
	uint16_t count;
	const char *found = header(t, name, &count);

	assert_non_null(found);
	assert_string_equal(found, value);
}

static void
expect_bytes(const BufferBuilder *b, NovaBytes expected)
{
	assert_int_equal(b->len, expected.len);
	assert_memory_equal(b->data, expected.data, expected.len);
}

static cJSON *
pointer_of(const LetterText *t)
{
	cJSON *json = cJSON_ParseWithLength(t->value.data, t->value.len);

	assert_non_null(json);
	return json;
}

static void
expect_member(const cJSON *json, const char *name, const char *value)
{
	const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	assert_non_null(found);
	assert_string_equal(found, value);
}

static void
a_whole_record(void **state)
{
	static const char block[] = "\0\1\0\1h\0\0\0\1v";
	BadRecord bad = example();
	LetterText t = {0};
	uint16_t count;

	(void) state;
	bad.headers = (NovaBytes){block, sizeof(block) - 1};
	assert_true(letter_fits(&bad, 10000));
	assert_true(letter_write(&t, &bad, false));
	assert_true(t.has_key && t.has_value);
	expect_bytes(&t.key, bad.key);
	expect_bytes(&t.value, bad.value);
	expect_header(&t, "__nova.topic", "cdc.t");
	expect_header(&t, "__nova.table", "public.t");
	expect_header(&t, "__nova.lsn", "1/2A");
	expect_header(&t, "__nova.xid", "77");
	expect_header(&t, "__nova.reason", "too large");
	expect_header(&t, "__nova.value", "whole");
	expect_header(&t, "__nova.value.bytes", "16");
	expect_header(&t, "__nova.key", "whole");
	expect_header(&t, "__nova.key.bytes", "8");
	expect_header(&t, "h", "v");
	(void) header(&t, "h", &count);
	assert_int_equal(count, 10);
	letter_reset(&t);
}

/* A tombstone for a topic that takes none, and one without a key. */
static void
nulls_stay_nulls(void **state)
{
	BadRecord bad = example();
	LetterText t = {0};

	(void) state;
	bad.key = bad.value = (NovaBytes){NULL, 0};
	bad.value_bytes = 0;
	bad.xid = 0;
	assert_true(letter_fits(&bad, 10000));
	assert_true(letter_write(&t, &bad, false));
	assert_false(t.has_key || t.has_value);
	expect_header(&t, "__nova.xid", "");
	letter_reset(&t);
	/* empty is not null */
	bad.key = bad.value = (NovaBytes){"", 0};
	assert_true(letter_write(&t, &bad, false));
	assert_true(t.has_key && t.has_value);
	assert_non_null(t.key.data);
	assert_non_null(t.value.data);
	letter_reset(&t);
}

static void
a_pointer(void **state)
{
	char *value = malloc(3000000);
	BadRecord bad = example();
	LetterText t = {0};
	cJSON *json;
	const char *begins;

	(void) state;
	/* three bytes each, so that the end of the beginning is within a character */
	for (size_t i = 0; i < 3000000; i += 3)
		memcpy(value + i, "\xE2\x82\xAC", 3);
	bad.value = (NovaBytes){value, 3000000};
	bad.value_bytes = 3000000;
	assert_false(letter_fits(&bad, 3000000));
	assert_true(letter_fits(&bad, 3001000));
	assert_true(letter_write(&t, &bad, true));
	expect_header(&t, "__nova.value", "pointer");
	expect_header(&t, "__nova.value.bytes", "3000000");
	expect_bytes(&t.key, bad.key);
	json = pointer_of(&t);
	expect_member(json, "topic", "cdc.t");
	expect_member(json, "table", "public.t");
	expect_member(json, "lsn", "1/2A");
	expect_member(json, "reason", "too large");
	expect_member(json, "key", "{\"id\":1}");
	assert_int_equal(cJSON_GetObjectItem(json, "xid")->valueint, 77);
	assert_int_equal(cJSON_GetObjectItem(json, "value_bytes")->valueint, 3000000);
	begins = cJSON_GetStringValue(cJSON_GetObjectItem(json, "value_begins"));
	assert_int_equal(strlen(begins), LETTER_BEGINNING / 3 * 3);
	cJSON_Delete(json);
	letter_reset(&t);
	/* of a value that was not put together only this much is there */
	bad.value.len = LETTER_BEGINNING + 4;
	assert_false(letter_fits(&bad, SIZE_MAX));
	assert_true(letter_write(&t, &bad, true));
	json = pointer_of(&t);
	assert_int_equal(cJSON_GetObjectItem(json, "value_bytes")->valueint, 3000000);
	cJSON_Delete(json);
	letter_reset(&t);
	free(value);
}

static void
large_keys_and_headers_are_left_out(void **state)
{
	char *bytes = calloc(1, 100000);
	BadRecord bad = example();
	LetterText t = {0};
	uint16_t count;
	char *end;

	(void) state;
	memset(bytes, 'k', 100000);
	bad.key = (NovaBytes){bytes, 50000};
	assert_true(letter_write(&t, &bad, true));
	assert_int_equal(t.key.len, LETTER_KEY_MAX);
	expect_header(&t, "__nova.key", "cut");
	expect_header(&t, "__nova.key.bytes", "50000");
	letter_reset(&t);
	/* bytes that are no text cut anywhere, and the JSON is valid */
	memset(bytes, 0x80, 100000);
	assert_true(letter_write(&t, &bad, true));
	cJSON_Delete(pointer_of(&t));
	letter_reset(&t);

	bad = example();
	end = nova_put_bytes16(nova_put_u16(bytes, 1), "h", 1);
	(void) nova_put_u32(end, 90000);
	bad.headers = (NovaBytes){bytes, (uint32_t) (end + 4 - bytes) + 90000};
	assert_false(letter_fits(&bad, 90000));
	assert_true(letter_write(&t, &bad, false));
	assert_non_null(header(&t, "h", &count));
	assert_true(letter_write(&t, &bad, true));
	assert_null(header(&t, "h", &count));
	assert_int_equal(count, 9);
	letter_reset(&t);
	free(bytes);
}

static void
what_cannot_be_read(void **state)
{
	BadRecord bad = {.topic = "",
					 .table = "public.t",
					 .lsn = 16,
					 .unreadable = true,
					 .reason = "line \"one\"\nline two\xFF"};
	LetterText t = {0};
	char line[200];
	cJSON *json;

	(void) state;
	assert_false(letter_fits(&bad, SIZE_MAX));
	assert_true(letter_write(&t, &bad, true));
	assert_false(t.has_key);
	json = pointer_of(&t);
	expect_member(json, "reason", "line \"one\"\nline two\xEF\xBF\xBD");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "topic")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "key")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "value_begins")));
	cJSON_Delete(json);
	letter_reset(&t);
	bad_record_text(&bad, line, sizeof(line));
	assert_non_null(strstr(line, "the change at LSN 0/10 of table public.t cannot be decoded: "));
	bad = example();
	bad_record_text(&bad, line, sizeof(line));
	assert_string_equal(line, "a record of 24 bytes for topic cdc.t (from LSN 1/2A) cannot be "
							  "delivered: too large");
}

static void
lines_are_rare(void **state)
{
	BadRecords bad = {0};
	uint64_t untold;

	(void) state;
	assert_true(bad_record_tell(&bad, 1000, &untold));
	assert_int_equal(untold, 0);
	for (int i = 0; i < 5; i++)
		assert_false(bad_record_tell(&bad, 1000 + BAD_RECORD_LINE_MS - 1, &untold));
	assert_true(bad_record_tell(&bad, 1000 + BAD_RECORD_LINE_MS, &untold));
	assert_int_equal(untold, 5);
	assert_true(bad_record_tell(&bad, 1000 + 2 * BAD_RECORD_LINE_MS, &untold));
	assert_int_equal(untold, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_record),
		cmocka_unit_test(nulls_stay_nulls),
		cmocka_unit_test(a_pointer),
		cmocka_unit_test(large_keys_and_headers_are_left_out),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(lines_are_rare),
	};

	return cmocka_run_group_tests_name("deadletter", tests, NULL, NULL);
}
