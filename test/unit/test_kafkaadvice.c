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

/* What is advised to a connector with these keys, too. */
static void
expect(const char *keys, int err, const char *advice)
{
	char json[1024];
	char text[512] = "";
	RelayConfig *cfg;

	snprintf(json, sizeof(json),
			 "{\"topic.prefix\":\"t\",\"database.hostname\":\"h\",\"database.user\":\"u\","
			 "\"database.dbname\":\"d\",\"bootstrap.servers\":\"b:1\"%s}",
			 keys);
	cfg = config_parse(json, strlen(json), "test", text, sizeof(text));
	if (cfg == NULL)
		fail_msg("%s", text);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_named_as_they_were_given),
		cmocka_unit_test(scram_of_an_old_library),
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
