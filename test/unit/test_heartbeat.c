/*-------------------------------------------------------------------------
 *
 * test_heartbeat.c
 *		Keys and values of heartbeats, as Debezium's connector writes them.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heartbeat.h"

static char prefix[] = "cdc";

static void
test_plain(void **state)
{
	RelayConfig cfg = {.topic_prefix = prefix};
	char text[HEARTBEAT_RECORD_MAX];

	(void) state;
	heartbeat_key(text, sizeof(text), &cfg);
	assert_string_equal(text, "{\"serverName\":\"cdc\"}");
	heartbeat_value(text, sizeof(text), &cfg, 1697123456789);
	assert_string_equal(text, "{\"ts_ms\":1697123456789}");
}

static void
test_schemas(void **state)
{
	RelayConfig cfg = {.topic_prefix = prefix, .key_schemas = true};
	char text[HEARTBEAT_RECORD_MAX];

	(void) state;
	heartbeat_key(text, sizeof(text), &cfg);
	assert_string_equal(
		text,
		"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,"
		"\"field\":\"serverName\"}],\"optional\":false,\"name\":"
		"\"io.debezium.connector.common.ServerNameKey\",\"version\":1},"
		"\"payload\":{\"serverName\":\"cdc\"}}");
	heartbeat_value(text, sizeof(text), &cfg, 1);
	assert_string_equal(text, "{\"ts_ms\":1}");
	cfg.key_schemas = false;
	cfg.value_schemas = true;
	heartbeat_key(text, sizeof(text), &cfg);
	assert_string_equal(text, "{\"serverName\":\"cdc\"}");
	heartbeat_value(text, sizeof(text), &cfg, 1);
	assert_string_equal(
		text,
		"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":false,"
		"\"field\":\"ts_ms\"}],\"optional\":false,\"name\":"
		"\"io.debezium.connector.common.Heartbeat\",\"version\":1},\"payload\":{\"ts_ms\":1}}");
}

/* A prefix has at most the length of a topic's name. */
static void
test_longest(void **state)
{
	char longest[250];
	RelayConfig cfg = {.topic_prefix = longest, .key_schemas = true};
	char text[HEARTBEAT_RECORD_MAX];

	(void) state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	heartbeat_key(text, sizeof(text), &cfg);
	assert_string_equal(text + strlen(text) - 4, "x\"}}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
