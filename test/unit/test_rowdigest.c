/*
 * test_rowdigest.c
 *		Which values are of one row, and which are not.
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

#include "rowdigest.h"

#define FLAT                                                                                       \
	"\"format\":\"flat\",\"transforms\":\"\",\"add.fields\":\"op,source.ts_ms,lsn:at\","           \
	"\"add.fields.prefix\":\"__\",\"unavailable.value.placeholder\":\"gone\""
#define PLACEHOLDER "{" FLAT ",\"unavailable.value.handling\":\"placeholder\"}"
#define OMIT        "{" FLAT ",\"unavailable.value.handling\":\"omit\"}"
#define SCHEMAS     "{" FLAT ",\"value.schemas\":true}"
#define ENVELOPE    "{\"format\":\"envelope\",\"unavailable.value.placeholder\":\"gone\"}"

static NovaBytes
text(const char *s)
{
	return (NovaBytes){s, s != NULL ? (uint32_t) strlen(s) : 0};
}

static RowForm
form_of(const char *options)
{
	RowForm form;

	assert_true(rowform_init(&form, options, strlen(options)));
	return form;
}

/* Is the record of this row?  left_out: columns it does not know. */
static bool
agree(RowForm *form, const char *record, const char *row, unsigned left_out)
{
	RowState state;
	Digest digest;
	unsigned n;

	rowdigest_record(form, text(record), &state);
	digest = rowdigest_row(form, text(row), state.mask, &n);
	if (!state.live || digest.hi != state.digest.hi || digest.lo != state.digest.lo)
		return false;
	assert_int_equal(n, left_out);
	return true;
}

static bool
is_live(RowForm *form, const char *record)
{
	RowState state;

	rowdigest_record(form, text(record), &state);
	return state.live;
}

static void
columns_count_and_nothing_else(void **state)
{
	RowForm f = form_of(PLACEHOLDER);

	(void) state;
	assert_true(agree(&f, "{\"id\":1,\"__op\":\"c\",\"__source_ts_ms\":5,\"__at\":7}",
					  "{\"id\":1,\"__op\":\"r\",\"__source_ts_ms\":6,\"__at\":8}", 0));
	/* only the added fields are ignored, not all that begins as they do */
	assert_false(agree(&f, "{\"id\":1,\"__x\":1}", "{\"id\":1,\"__x\":2}", 0));
	assert_false(agree(&f, "{\"id\":1,\"a\":1}", "{\"id\":1,\"a\":2}", 0));
	assert_false(agree(&f, "{\"id\":1,\"a\":1,\"b\":2}", "{\"id\":1,\"a\":2,\"b\":1}", 0));
	assert_false(agree(&f, "{\"id\":1,\"a\":\"1\"}", "{\"id\":1,\"a\":1}", 0));
	/* no digit is lost, nor is a nested value taken for a column */
	assert_false(agree(&f, "{\"n\":9007199254740993}", "{\"n\":9007199254740992}", 0));
	assert_false(agree(&f, "{\"j\":{\"a\":[1,2,\"}\"]}}", "{\"j\":{\"a\":[1,3,\"}\"]}}", 0));
	assert_true(agree(&f, "{\"j\":{\"a\":[1,\"\\\"}\"]},\"t\":\",\"}",
					  "{\"j\":{\"a\":[1,\"\\\"}\"]},\"t\":\",\"}", 0));
	/* a name's end is not the value's beginning */
	assert_false(agree(&f, "{\"ab\":1}", "{\"a\":b1}", 0));
	assert_true(agree(&f, "{}", "{}", 0));
	rowform_free(&f);
}

static void
order_blanks_and_nulls_do_not_count(void **state)
{
	RowForm f = form_of(PLACEHOLDER);

	(void) state;
	assert_true(agree(&f, "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", 0));
	assert_true(agree(&f, " { \"a\" : 1 , \"b\" : \"x\" } ", "{\"a\":1,\"b\":\"x\"}", 0));
	assert_true(agree(&f, "{\"a\":1}", "{\"a\":1,\"added\":null}", 0));
	assert_true(agree(&f, "{\"a\":1,\"dropped\":null}", "{\"a\":1}", 0));
	assert_false(agree(&f, "{\"a\":1}", "{\"a\":1,\"added\":0}", 0));
	rowform_free(&f);
}

static void
unavailable_values_are_equal_to_anything(void **state)
{
	static const char *const forms[] = {"\"gone\"",
										"[\"gone\"]",
										"\"Z29uZQ==\"",
										"[\"Z29uZQ==\"]",
										"[103,111,110,101]",
										"{\"gone\":\"gone\"}",
										"\"{\\\"gone\\\":\\\"gone\\\"}\""};
	RowForm f = form_of(PLACEHOLDER);

	(void) state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		char record[128];

		snprintf(record, sizeof(record), "{\"id\":1,\"big\":%s,\"n\":2}", forms[i]);
		assert_true(agree(&f, record, "{\"id\":1,\"big\":\"anything\",\"n\":2}", 1));
		assert_false(agree(&f, record, "{\"id\":1,\"big\":\"anything\",\"n\":3}", 1));
		assert_true(agree(&f, record, "{\"id\":1,\"big\":null,\"n\":2}", 0));
	}
	assert_false(agree(&f, "{\"big\":\"gone too\"}", "{\"big\":\"x\"}", 0));
	rowform_free(&f);

	f = form_of(OMIT);
	assert_true(agree(&f, "{\"id\":1,\"n\":2}", "{\"id\":1,\"big\":\"x\",\"n\":2}", 1));
	assert_true(
		agree(&f, "{\"id\":1,\"big\":\"x\",\"n\":2}", "{\"id\":1,\"big\":\"x\",\"n\":2}", 0));
	assert_false(
		agree(&f, "{\"id\":1,\"big\":\"x\",\"n\":2}", "{\"id\":1,\"big\":\"y\",\"n\":2}", 0));
	rowform_free(&f);
}

static void
deleted_rows_are_told(void **state)
{
	RowForm f = form_of(PLACEHOLDER);

	(void) state;
	assert_false(is_live(&f, NULL));
	assert_false(is_live(&f, "{\"id\":1,\"__op\":\"d\"}"));
	assert_false(is_live(&f, "{\"id\":1,\"__deleted\":\"true\"}"));
	assert_true(is_live(&f, "{\"id\":1,\"__deleted\":\"false\",\"__op\":\"u\"}"));
	/* what is no object is a record that no row has */
	assert_true(is_live(&f, "free text"));
	assert_false(agree(&f, "free text", "{\"id\":1}", 0));
	rowform_free(&f);
}

static void
envelopes_and_schemas(void **state)
{
	static const char record[] =
		"{\"before\":null,\"after\":{\"id\":1,\"op\":\"x\"},\"source\":{\"ts_ms\":1},\"op\":\"u\"}";
	static const char row[] =
		"{\"before\":null,\"after\":{\"id\":1,\"op\":\"x\"},\"source\":{\"ts_ms\":2},\"op\":\"r\"}";
	RowForm f = form_of(ENVELOPE);

	(void) state;
	assert_true(agree(&f, record, row, 0));
	assert_false(
		agree(&f, record,
			  "{\"before\":null,\"after\":{\"id\":1,\"op\":\"y\"},\"source\":{},\"op\":\"r\"}", 0));
	assert_false(is_live(&f, "{\"before\":{\"id\":1},\"after\":null,\"source\":{},\"op\":\"d\"}"));
	rowform_free(&f);

	/* a flat table that happens to have such columns */
	f = form_of(PLACEHOLDER);
	assert_false(agree(&f, record, row, 0));
	rowform_free(&f);

	f = form_of(SCHEMAS);
	assert_true(agree(&f, "{\"schema\":{\"x\":1},\"payload\":{\"id\":1,\"__op\":\"c\"}}",
					  "{\"schema\":{\"x\":2},\"payload\":{\"id\":1,\"__op\":\"r\"}}", 0));
	assert_false(is_live(&f, "{\"schema\":{},\"payload\":{\"id\":1,\"__op\":\"d\"}}"));
	rowform_free(&f);
}

static void
too_many_columns_are_said(void **state)
{
	RowForm f = form_of(PLACEHOLDER);
	RowState s;

	(void) state;
	for (int i = 0; i <= ROWFORM_NAMES; i++)
	{
		char record[64];

		assert_false(f.too_many);
		snprintf(record, sizeof(record), "{\"c%d\":\"gone\"}", i);
		rowdigest_record(&f, text(record), &s);
	}
	assert_true(f.too_many);
	rowform_free(&f);
}

/*
 * The values that FNV's authors publish for these texts, mixed; of all bytes, and of
 * a member, what integers of 128 bits made of them.  Every machine has the same.
 */
static void
known_digests(void **state)
{
	static const struct
	{
		const char *text;
		Digest digest;
	} cases[] = {
		{"", {UINT64_C(0x1307BFA12BD21B28), UINT64_C(0xBAE72BC832B0A314)}},
		{"a", {UINT64_C(0x2F00842ED3ED7A8E), UINT64_C(0x6E173BB8E849BC1C)}},
		{"foobar", {UINT64_C(0x75D437E2BBFAF6F1), UINT64_C(0xEE54A24866F15038)}},
	};
	RowForm f = form_of(PLACEHOLDER);
	RowState s;
	Digest d;
	char all[256];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		d = digest_bytes(cases[i].text, strlen(cases[i].text));
		assert_true(d.hi == cases[i].digest.hi && d.lo == cases[i].digest.lo);
	}
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char) i;
	d = digest_bytes(all, sizeof(all));
	assert_true(d.hi == UINT64_C(0x35BAD8B9C525A466) && d.lo == UINT64_C(0x95B36802DB3A850D));
	rowdigest_record(&f, text("{\"id\":1}"), &s);
	assert_true(s.digest.hi == UINT64_C(0x0669FB4B9895AD53) &&
				s.digest.lo == UINT64_C(0xFA5D971D7237FCD2));
	rowform_free(&f);
}

/* Every cut of a value ends, within its bytes: a sanitizer sees a step past them. */
static void
every_cut(void **state)
{
	static const char value[] = "{\"a\":\"\\\"x\",\"b\":[{\"c\":1}, 2],\"__op\":\"c\"}";
	RowForm f = form_of(PLACEHOLDER);

	(void) state;
	for (size_t len = 0; len < sizeof(value); len++)
	{
		char *copy = malloc(len + 1);
		RowState s;
		unsigned n;

		memcpy(copy, value, len);
		rowdigest_record(&f, (NovaBytes){copy, (uint32_t) len}, &s);
		(void) rowdigest_row(&f, (NovaBytes){copy, (uint32_t) len}, 0, &n);
		free(copy);
	}
	rowform_free(&f);
	assert_false(rowform_init(&f, "[]", 2));
	assert_false(rowform_init(&f, "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_count_and_nothing_else),
		cmocka_unit_test(order_blanks_and_nulls_do_not_count),
		cmocka_unit_test(unavailable_values_are_equal_to_anything),
		cmocka_unit_test(deleted_rows_are_told),
		cmocka_unit_test(envelopes_and_schemas),
		cmocka_unit_test(too_many_columns_are_said),
		cmocka_unit_test(known_digests),
		cmocka_unit_test(every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
