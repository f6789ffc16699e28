/*
 * test_kafkaadvice.c
 *		Advice names the keys as the connector has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "config.h"
#include "kafkaadvice.h"
#include "log.h"

/* A connector with these keys, too; the caller's to free. */
static RelayConfig *
parsed(const char *keys)
{
	char json[1024];
	char err[256];
	RelayConfig *cfg;

	snprintf(json, sizeof(json),
			 "{\"topic.prefix\":\"t\",\"database.hostname\":\"h\",\"database.user\":\"u\","
			 "\"database.dbname\":\"d\",\"bootstrap.servers\":\"b:1\"%s}",
			 keys);
	cfg = config_parse(json, strlen(json), "test", err, sizeof(err));
	if (cfg == NULL)
		fail_msg("%s", err);
	return cfg;
}

/* What is advised to it. */
static void
expect(const char *keys, int err, const char *advice)
{
	char text[512] = "";
	RelayConfig *cfg = parsed(keys);

	assert_int_equal(kafkaadvice(cfg, err, text, sizeof(text)), advice != NULL);
	if (advice != NULL && strstr(text, advice) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", text, advice);
	config_free(cfg);
}

static void
keys_are_named_as_they_were_given(void **state)
{
	(void) state;
	expect("", RD_KAFKA_RESP_ERR__SSL, "check producer.override.ssl.truststore.location, ");
	expect(",\"kafka.ssl.ca.location\":\"x\"", RD_KAFKA_RESP_ERR__SSL,
		   "check kafka.ssl.ca.location, ");
	expect(",\"kafka.ssl.ca.pem\":\"x\"", RD_KAFKA_RESP_ERR__SSL, "check kafka.ssl.ca.pem, ");
	expect("", RD_KAFKA_RESP_ERR__SSL, "that bootstrap.servers names them");
	expect("", RD_KAFKA_RESP_ERR__AUTHENTICATION, "check producer.override.sasl.jaas.config and ");
	expect(",\"kafka.sasl.password\":\"x\",\"kafka.sasl.mechanisms\":\"PLAIN\"",
		   RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
		   "check kafka.sasl.password and kafka.sasl.mechanisms");
	expect("", RD_KAFKA_RESP_ERR__TRANSPORT, NULL);
	expect("", RD_KAFKA_RESP_ERR_NO_ERROR, NULL);
}

static void
scram_of_an_old_library(void **state)
{
	const char *scram = ",\"kafka.sasl.password\":\"x\",\"kafka.sasl.mechanism\":\"SCRAM-SHA-512\"";

	(void) state;
	expect(scram, RD_KAFKA_RESP_ERR__AUTHENTICATION,
		   rd_kafka_version() < 0x02060100 ? "install 2.6.1 or later"
										   : "check kafka.sasl.password and");
}

/* How much such a version is known for, with these keys. */
static size_t
hazards(const char *keys, int version)
{
	RelayConfig *cfg = parsed(keys);
	size_t next = 0;
	size_t n = 0;

	while (kafkaadvice_hazard(cfg, version, &next) != NULL)
		n++;
	assert_null(kafkaadvice_hazard(cfg, version, &next));
	config_free(cfg);
	return n;
}

static void
hazards_of_old_libraries(void **state)
{
	const char *plain = ",\"producer.override.compression.type\":\"none\"";
	const char *scram = ",\"producer.override.compression.type\":\"none\",\"kafka.sasl.mechanism\":"
						"\"SCRAM-SHA-512\"";
	const char *exactly = ",\"producer.override.compression.type\":\"none\","
						  "\"nova.delivery\":\"exactly-once\"";
	const char *compressed = ",\"producer.override.compression.type\":\"lz4\"";

	(void) state;
	assert_int_equal(hazards(plain, 0x020002ff), 1);
	assert_int_equal(hazards(plain, 0x020200ff), 2);
	assert_int_equal(hazards(plain, 0x020300ff), 1);
	assert_int_equal(hazards(plain, 0x020500ff), 0);
	assert_int_equal(hazards(scram, 0x020600ff), 1);
	assert_int_equal(hazards(scram, 0x020601ff), 0);
	assert_int_equal(hazards(exactly, 0x010800ff), 2);
	assert_int_equal(hazards(exactly, 0x020002ff), 1);
	assert_int_equal(hazards(compressed, 0x020002ff), 2);
	assert_int_equal(hazards(compressed, 0x020800ff), 1);
	assert_int_equal(hazards(compressed, 0x020e00ff), 0);
	/* by librdkafka's own names, of which the later one counts */
	assert_int_equal(hazards(",\"kafka.compression.type\":\"lz4\"", 0x020800ff), 1);
	assert_int_equal(hazards(",\"kafka.compression.codec\":\"lz4\"", 0x020800ff), 1);
	assert_int_equal(hazards(",\"kafka.compression.type\":\"none\"", 0x020800ff), 0);
	assert_int_equal(
		hazards(",\"kafka.compression.type\":\"none\",\"kafka.compression.codec\":\"lz4\"",
				0x020800ff),
		1);
	assert_int_equal(
		hazards(",\"kafka.compression.codec\":\"lz4\",\"kafka.compression.type\":\"none\"",
				0x020800ff),
		0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_named_as_they_were_given),
		cmocka_unit_test(scram_of_an_old_library),
		cmocka_unit_test(hazards_of_old_libraries),
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
