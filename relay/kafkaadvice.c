/*-------------------------------------------------------------------------
 *
 * kafkaadvice.c
 *		Which keys of the connector to look at; see kafkaadvice.h.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkaadvice.h"

#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

/*
 * Before it librdkafka repeated a nonce in SCRAM, which brokers bore up to
 * Kafka 3 and refuse from 4 on as if the password were wrong.
 */
#define SCRAM_SINCE 0x02060100

/* The key that a property came from, or the one that is for it. */
static const char *
key_of(const RelayConfig *cfg, const char *property, const char *otherwise)
{
	const char *key = otherwise;

	/* later ones win */
	for (size_t i = 0; i < cfg->kafka.count; i++)
		if (strcmp(cfg->kafka.items[i].name, property) == 0)
			key = cfg->kafka.items[i].origin;
	return key;
}

static void
advise_login(const RelayConfig *cfg, char *out, size_t size)
{
	const char *mechanism = config_pair(&cfg->kafka, "sasl.mechanisms");
	const char *key = key_of(cfg, "sasl.mechanisms", "producer.override.sasl.mechanism");
	const char *password = key_of(cfg, "sasl.password", "producer.override.sasl.jaas.config");

	/* librdkafka knows it by two names */
	if (mechanism == NULL)
		mechanism = config_pair(&cfg->kafka, "sasl.mechanism");
	key = key_of(cfg, "sasl.mechanism", key);
	if (mechanism != NULL && strncmp(mechanism, "SCRAM", 5) == 0 &&
		rd_kafka_version() < SCRAM_SINCE)
		snprintf(out, size,
				 "check %s; if it is right and the brokers are of Kafka 4 or later: librdkafka %s "
				 "cannot log in there with SCRAM, install 2.6.1 or later",
				 password, rd_kafka_version_str());
	else
		snprintf(out, size, "check %s and %s", password, key);
}

static void
advise_tls(const RelayConfig *cfg, char *out, size_t size)
{
	const char *authorities = "producer.override.ssl.truststore.location";

	authorities = key_of(cfg, "ssl.ca.pem", key_of(cfg, "ssl.ca.location", authorities));
	snprintf(out, size,
			 "check %s, the authorities that vouch for the brokers, and that %s names them as "
			 "their certificates do",
			 authorities, key_of(cfg, "bootstrap.servers", "bootstrap.servers"));
}

bool
kafkaadvice(const RelayConfig *cfg, int err, char *out, size_t size)
{
	if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		err == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
		advise_login(cfg, out, size);
	else if (err == RD_KAFKA_RESP_ERR__SSL)
		advise_tls(cfg, out, size);
	else
		return false;
	return true;
}
