/*
 * test_buffer.c
 *		Reference counts, recycling, and values put together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"

static int freed;

static void
count_free(void *data)
{
	free(data);
	freed++;
}

static void
last_reference_frees(void **state)
{
	BufferPool pool = {0};
	Buffer *buf = buffer_wrap(&pool, malloc(10), 10, count_free);

	(void) state;
	freed = 0;
	assert_non_null(buf);
	assert_int_equal(pool.bytes, 10);
	buffer_hold(buf, 3);
	buffer_drop(&pool, buf, 1);
	buffer_drop(&pool, buf, 2);
	assert_int_equal(freed, 0);
	assert_int_equal(pool.live, 1);
	buffer_drop(&pool, buf, 1);
	assert_int_equal(freed, 1);
	assert_int_equal(pool.live, 0);
	assert_int_equal(pool.bytes, 0);
	buffer_pool_free(&pool);
}

static void
headers_are_recycled(void **state)
{
	BufferPool pool = {0};
	Buffer *first = buffer_wrap(&pool, malloc(1), 1, count_free);
	Buffer *again;

	(void) state;
	first->unit = 5;
	first->lsn = 6;
	buffer_drop(&pool, first, 1);
	again = buffer_wrap(&pool, malloc(2), 2, count_free);
	assert_ptr_equal(first, again);
	assert_int_equal(again->refs, 1);
	assert_true(again->unit == 0 && again->lsn == 0);
	buffer_drop(&pool, again, 1);
	buffer_pool_free(&pool);
}

static void
builder_joins_parts(void **state)
{
	BufferPool pool = {0};
	BufferBuilder builder = {0};
	char part[1000];
	Buffer *buf;

	(void) state;
	for (int i = 0; i < 300; i++)
	{
		memset(part, i, sizeof(part));
		assert_true(builder_append(&builder, part, sizeof(part)));
	}
	buf = builder_finish(&builder, &pool);
	assert_non_null(buf);
	assert_null(builder.data);
	assert_int_equal(buf->len, 300000);
	for (int i = 0; i < 300; i++)
	{
		assert_int_equal((unsigned char) buf->data[i * 1000], (unsigned char) i);
		assert_int_equal((unsigned char) buf->data[i * 1000 + 999], (unsigned char) i);
	}
	buffer_drop(&pool, buf, 1);
	buffer_pool_free(&pool);
}

static void
an_empty_value_is_not_null(void **state)
{
	BufferBuilder builder = {0};

	(void) state;
	assert_true(builder_append(&builder, NULL, 0));
	assert_non_null(builder.data);
	assert_int_equal(builder.len, 0);
	assert_false(builder_append(&builder, "x", SIZE_MAX));
	builder_reset(&builder);
	assert_null(builder.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_reference_frees),
		cmocka_unit_test(headers_are_recycled),
		cmocka_unit_test(builder_joins_parts),
		cmocka_unit_test(an_empty_value_is_not_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
