/*
 * test_keystates.c
 *		Verdicts over keys, and those that change while they are looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keystates.h"

#define OPTIONS                                                                                    \
	"{\"unavailable.value.placeholder\":\"gone\",\"add.fields\":\"op\",\"add.fields.prefix\":\"__" \
	"\"}"
#define MARK 100 /* offsets from it on are behind the mark */

typedef struct Fixture
{
	KeyStates set;
	RowForm form;
	int64_t entry;
} Fixture;

static NovaBytes
text(const char *s)
{
	return (NovaBytes){s, s != NULL ? (uint32_t) strlen(s) : 0};
}

static Digest
digest_of(const char *key)
{
	return digest_bytes(key, strlen(key));
}

static Fixture
begin(void)
{
	Fixture f = {0};

	assert_true(rowform_init(&f.form, OPTIONS, strlen(OPTIONS)));
	return f;
}

static void
end(Fixture *f)
{
	keystates_free(&f->set);
	rowform_free(&f->form);
}

static void
record_at(Fixture *f, int32_t partition, int64_t offset, int64_t time, const char *key,
		  const char *value)
{
	RecordPlace place = {partition, offset, time};
	RowState state;

	rowdigest_record(&f->form, text(value), &state);
	assert_true(keystates_add(&f->set, digest_of(key), &state, place, offset >= MARK));
}

static void
record(Fixture *f, int64_t offset, const char *key, const char *value)
{
	record_at(f, 0, offset, offset, key, value);
}

static KeyVerdict
row(Fixture *f, const char *key, const char *value)
{
	return keystates_row(&f->set, &f->form, digest_of(key), text(value), &f->entry);
}

static KeyVerdict
rest(Fixture *f, size_t entry)
{
	return keystates_verdict(&f->set, entry);
}

static void
the_last_record_counts(void **state)
{
	Fixture f = begin();

	(void) state;
	record(&f, 0, "a", "{\"v\":1}");
	record(&f, 1, "b", "{\"v\":1}");
	record(&f, 2, "a", "{\"v\":2}");
	record(&f, 3, "c", "{\"v\":1}");
	record(&f, 4, "c", NULL);
	record(&f, 5, "d", NULL);
	record(&f, 6, "e", "{\"v\":5}");
	record(&f, 7, "g", "{\"v\":\"gone\"}");
	assert_int_equal(row(&f, "a", "{\"v\":2}"), KEY_EQUAL);
	assert_int_equal(f.entry, 0);
	assert_int_equal(f.set.entries[0].last.offset, 2);
	assert_int_equal(row(&f, "b", "{\"v\":2}"), KEY_DIFFERENT);
	assert_int_equal(row(&f, "c", "{\"v\":1}"), KEY_MISSING);
	assert_int_equal(f.entry, 2);
	assert_int_equal(row(&f, "f", "{\"v\":1}"), KEY_MISSING);
	assert_int_equal(f.entry, -1);
	assert_int_equal(row(&f, "g", "{\"v\":7}"), KEY_UNAVAILABLE);
	assert_int_equal(rest(&f, 3), KEY_NOT_ASKED); /* d: gone on both sides */
	assert_int_equal(rest(&f, 4), KEY_EXTRA);     /* e */
	end(&f);
}

/* The row may be any of those behind the mark, or the last one before. */
static void
keys_that_change_meanwhile(void **state)
{
	static const char *const good[] = {"{\"v\":2}", "{\"v\":3}", "{\"v\":4}"};

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		Fixture f = begin();

		record(&f, 1, "a", "{\"v\":1}");
		record(&f, 2, "a", "{\"v\":2}");
		record(&f, MARK, "a", "{\"v\":3}");
		record(&f, MARK + 1, "a", "{\"v\":4}");
		assert_int_equal(row(&f, "a", good[i]), KEY_EQUAL);
		end(&f);
	}
	for (int v = 0; v <= 9; v += v == 1 ? 4 : 1)
	{
		Fixture f = begin();
		char value[32];

		record(&f, 1, "a", "{\"v\":1}");
		record(&f, 2, "a", "{\"v\":2}");
		record(&f, MARK, "a", "{\"v\":3}");
		record(&f, MARK + 1, "a", "{\"v\":4}");
		snprintf(value, sizeof(value), "{\"v\":%d}", v);
		assert_int_equal(row(&f, "a", value), KEY_DIFFERENT);
		end(&f);
	}
}

static void
keys_that_come_and_go_meanwhile(void **state)
{
	Fixture f = begin();

	(void) state;
	/* 0: made meanwhile; 1: deleted meanwhile; 2: deleted and made again; 3: only changed */
	record(&f, MARK, "new", "{\"v\":1}");
	record(&f, 1, "old", "{\"v\":1}");
	record(&f, MARK + 1, "old", NULL);
	record(&f, 2, "again", "{\"v\":1}");
	record(&f, MARK + 2, "again", NULL);
	record(&f, MARK + 3, "again", "{\"v\":2}");
	record(&f, 3, "extra", "{\"v\":1}");
	record(&f, MARK + 4, "extra", "{\"v\":2}");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rest(&f, i), KEY_NOT_ASKED);
	assert_int_equal(rest(&f, 3), KEY_EXTRA);
	assert_int_equal(row(&f, "new", "{\"v\":1}"), KEY_EQUAL);
	assert_int_equal(row(&f, "old", "{\"v\":1}"), KEY_EQUAL);
	assert_int_equal(row(&f, "again", "{\"v\":3}"), KEY_DIFFERENT);
	end(&f);

	f = begin();
	record(&f, MARK, "a", NULL);
	assert_int_equal(row(&f, "a", "{\"v\":1}"), KEY_MISSING);
	end(&f);
}

/* A key of one's own that is not unique: any of its rows may have been the last. */
static void
rows_that_share_a_key(void **state)
{
	Fixture f = begin();

	(void) state;
	record(&f, 0, "a", "{\"v\":2}");
	assert_int_equal(row(&f, "a", "{\"v\":1}"), KEY_DIFFERENT);
	assert_int_equal(row(&f, "a", "{\"v\":2}"), KEY_EQUAL);
	assert_int_equal(row(&f, "a", "{\"v\":3}"), KEY_EQUAL);
	assert_int_equal(rest(&f, 0), KEY_EQUAL);
	assert_int_equal(f.set.repeated, 2);
	end(&f);
}

static void
the_youngest_of_several_partitions(void **state)
{
	Fixture f = begin();

	(void) state;
	record_at(&f, 0, 50, 2000, "a", "{\"v\":2}");
	record_at(&f, 1, 7, 1000, "a", "{\"v\":1}");
	record_at(&f, 0, 51, 1000, "b", "{\"v\":1}");
	record_at(&f, 1, 8, 2000, "b", "{\"v\":2}");
	assert_int_equal(row(&f, "a", "{\"v\":2}"), KEY_EQUAL);
	assert_int_equal(row(&f, "b", "{\"v\":2}"), KEY_EQUAL);
	assert_int_equal(f.set.entries[1].last.partition, 1);
	end(&f);
}

/* Many keys, and the memory that the header promises. */
static void
many_keys(void **state)
{
	Fixture f = begin();
	char key[32];

	(void) state;
	for (int i = 0; i < 100000; i++)
	{
		snprintf(key, sizeof(key), "{\"id\":%d}", i);
		record(&f, i % MARK, key, i % 10 == 0 ? NULL : "{\"v\":1}");
	}
	assert_int_equal(f.set.count, 100000);
	for (int i = 0; i < 100000; i++)
	{
		snprintf(key, sizeof(key), "{\"id\":%d}", i);
		assert_int_equal(row(&f, key, "{\"v\":1}"), i % 10 == 0 ? KEY_MISSING : KEY_EQUAL);
	}
	/* i386 aligns integers of 64 bits to 4 bytes, and has 72 */
	assert_true(sizeof(KeyEntry) <= 80);
	assert_true(keystates_bytes(&f.set) <= f.set.count * 160);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_record_counts),
		cmocka_unit_test(keys_that_change_meanwhile),
		cmocka_unit_test(keys_that_come_and_go_meanwhile),
		cmocka_unit_test(rows_that_share_a_key),
		cmocka_unit_test(the_youngest_of_several_partitions),
		cmocka_unit_test(many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
