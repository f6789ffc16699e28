/*
 * test_copydata.c
 *		Messages of the replication protocol, whole and cut short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/wire.h"
#include "copydata.h"

/* A copy of exactly len bytes, so that a sanitizer sees a read past the end. */
static CopyDataKind
parse_exact(const char *data, size_t len, CopyDataMessage *m)
{
	char *copy = malloc(len > 0 ? len : 1);
	CopyDataKind kind;

	assert_non_null(copy);
	memcpy(copy, data, len);
	kind = copydata_parse(copy, len, m);
	m->payload = kind == COPYDATA_DATA ? data + (m->payload - copy) : NULL;
	free(copy);
	return kind;
}

static void
data_message(void **state)
{
	char bytes[COPYDATA_WAL_HEADER + 3];
	char *p = nova_put_u8(bytes, 'w');
	CopyDataMessage m;

	(void) state;
	p = nova_put_u64(p, UINT64_C(0x123456789A));
	p = nova_put_u64(p, UINT64_C(0x22222222FF));
	p = nova_put_u64(p, (uint64_t) INT64_C(-5));
	memcpy(p, "abc", 3);
	assert_int_equal(parse_exact(bytes, sizeof(bytes), &m), COPYDATA_DATA);
	assert_true(m.lsn == UINT64_C(0x123456789A));
	assert_true(m.wal_end == UINT64_C(0x22222222FF));
	assert_true(m.time == -5);
	assert_int_equal(m.payload_len, 3);
	assert_ptr_equal(m.payload, p);
	for (size_t len = 0; len < COPYDATA_WAL_HEADER; len++)
		assert_int_equal(parse_exact(bytes, len, &m), COPYDATA_IMPOSSIBLE);
	assert_int_equal(parse_exact(bytes, COPYDATA_WAL_HEADER, &m), COPYDATA_DATA);
	assert_int_equal(m.payload_len, 0);
}

static void
keepalive(void **state)
{
	char bytes[COPYDATA_KEEPALIVE];
	char *p = nova_put_u8(bytes, 'k');
	CopyDataMessage m;

	(void) state;
	p = nova_put_u64(p, UINT64_C(0xFEDCBA9876543210));
	p = nova_put_u64(p, 77);
	p = nova_put_u8(p, 1);
	assert_int_equal(parse_exact(bytes, sizeof(bytes), &m), COPYDATA_PING);
	assert_true(m.wal_end == UINT64_C(0xFEDCBA9876543210));
	assert_true(m.reply_requested);
	bytes[COPYDATA_KEEPALIVE - 1] = 0;
	assert_int_equal(parse_exact(bytes, sizeof(bytes), &m), COPYDATA_PING);
	assert_false(m.reply_requested);
	for (size_t len = 0; len < COPYDATA_KEEPALIVE; len++)
		assert_int_equal(parse_exact(bytes, len, &m), COPYDATA_IMPOSSIBLE);
}

static void
unknown_kind(void **state)
{
	char bytes[64] = {'x'};
	CopyDataMessage m;

	(void) state;
	assert_int_equal(parse_exact(bytes, sizeof(bytes), &m), COPYDATA_IMPOSSIBLE);
}

static void
status_update(void **state)
{
	char bytes[COPYDATA_STATUS_SIZE];
	NovaCursor c = {bytes, sizeof(bytes)};
	uint8_t kind;
	uint64_t v;
	uint64_t expected[] = {30, 20, 10, 99};

	(void) state;
	memset(bytes, 0xAA, sizeof(bytes));
	copydata_build_status(bytes, 30, 20, 10, 99);
	assert_true(nova_get_u8(&c, &kind));
	assert_int_equal(kind, 'r');
	for (size_t i = 0; i < 4; i++)
	{
		assert_true(nova_get_u64(&c, &v));
		assert_true(v == expected[i]);
	}
	assert_true(nova_get_u8(&c, &kind));
	assert_int_equal(kind, 0);
	assert_int_equal(c.remaining, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_message),
		cmocka_unit_test(keepalive),
		cmocka_unit_test(unknown_kind),
		cmocka_unit_test(status_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
