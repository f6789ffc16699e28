/*
 * test_crc32c.c
 *		Known answers, and hardware against table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/wire.h"

static uint32_t
crc_of(const void *data, size_t len)
{
	return NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, data, len));
}

/* RFC 3720, B.4 */
static void
known_answers(void **state)
{
	unsigned char bytes[32];

	(void) state;
	assert_int_equal(crc_of("", 0), 0);
	assert_int_equal(crc_of("123456789", 9), 0xE3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x8A9136AA);
	memset(bytes, 0xFF, sizeof(bytes));
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x62A8AB43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) i;
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x46DD794E);
}

static void
hardware_equals_table(void **state)
{
	unsigned char bytes[512];

	(void) state;
	srand(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) rand();
	for (size_t start = 0; start < 16; start++)
		for (size_t len = 0; len + start <= 300; len++)
			assert_int_equal(nova_crc32c(NOVA_CRC32C_INIT, bytes + start, len),
							 nova_crc32c_portable(NOVA_CRC32C_INIT, bytes + start, len));
}

/* As much as is summed in several lanes, and what is left over of it. */
static void
long_runs_equal_table(void **state)
{
	static unsigned char bytes[16384];

	(void) state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) rand();
	for (size_t len = 1000; len + 8 <= sizeof(bytes); len += 61)
		for (size_t start = 0; start < 8; start += 7)
			assert_int_equal(nova_crc32c((uint32_t) len, bytes + start, len),
							 nova_crc32c_portable((uint32_t) len, bytes + start, len));
}

static void
runs_may_be_cut_anywhere(void **state)
{
	char text[100];

	(void) state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char) (i * 7);
	for (size_t cut = 0; cut <= sizeof(text); cut++)
	{
		uint32_t crc = nova_crc32c(NOVA_CRC32C_INIT, text, cut);

		crc = nova_crc32c(crc, text + cut, sizeof(text) - cut);
		assert_int_equal(NOVA_CRC32C_FINAL(crc), crc_of(text, sizeof(text)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(hardware_equals_table),
		cmocka_unit_test(long_runs_equal_table),
		cmocka_unit_test(runs_may_be_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
