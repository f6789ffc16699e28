/*
 * test_keyset.c
 *		A set of topics and keys: what was added is in it, and nothing else is.
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

#include "keyset.h"

static bool
has(const KeySet *set, const char *topic, const char *key)
{
	return keyset_has(set, topic, key, strlen(key));
}

static void
test_exact(void **state)
{
	KeySet set = {0};
	char key[32];

	(void) state;
	assert_false(has(&set, "t", ""));
	for (int i = 0; i < 20000; i += 2)
	{
		snprintf(key, sizeof(key), "{\"id\":%d}", i);
		keyset_add(&set, i % 4 ? "a" : "b", key, strlen(key));
		keyset_add(&set, i % 4 ? "a" : "b", key, strlen(key));
	}
	assert_int_equal(set.count, 10000);
	for (int i = 0; i < 20000; i++)
	{
		snprintf(key, sizeof(key), "{\"id\":%d}", i);
		assert_int_equal(has(&set, "a", key), i % 4 == 2);
		assert_int_equal(has(&set, "b", key), i % 4 == 0);
	}
	keyset_clear(&set);
	assert_false(has(&set, "a", "{\"id\":2}"));
}

/* Where one ends and the other begins matters. */
static void
test_borders(void **state)
{
	KeySet set = {0};

	(void) state;
	keyset_add(&set, "ab", "c", 1);
	keyset_add(&set, "x", "", 0);
	assert_true(has(&set, "ab", "c"));
	assert_true(has(&set, "x", ""));
	assert_false(has(&set, "a", "bc"));
	assert_false(has(&set, "abc", ""));
	assert_false(has(&set, "ab", ""));
	keyset_clear(&set);
}

static void
test_overflow(void **state)
{
	KeySet set = {0};
	size_t size = KEYSET_BYTES_MAX / 4;
	char *key = calloc(1, size);

	(void) state;
	for (char i = 0; i < 4; i++)
	{
		key[0] = i;
		keyset_add(&set, "t", key, size);
	}
	assert_true(set.overflowed);
	keyset_clear(&set);
	assert_false(set.overflowed);
	free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
