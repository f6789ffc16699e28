/*-------------------------------------------------------------------------
 *
 * kafkaadvice.c
 *		What to look at, and what to know of the library; see kafkaadvice.h.
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

typedef struct KafkaHazard
{
	int since;                               /* the first version that has it */
	int ended;                               /* the first that has it no more */
	bool (*touches)(const RelayConfig *cfg); /* NULL: every connector */
	const char *text;
} KafkaHazard;

static bool
is_exactly_once(const RelayConfig *cfg)
{
	return cfg->exactly_once;
}

/* The value of what librdkafka knows by two names, or NULL; the later one wins. */
static const char *
value_of(const RelayConfig *cfg, const char *name, const char *alias)
{
	const char *value = NULL;

	for (size_t i = 0; i < cfg->kafka.count; i++)
		if (strcmp(cfg->kafka.items[i].name, name) == 0 ||
			strcmp(cfg->kafka.items[i].name, alias) == 0)
			value = cfg->kafka.items[i].value;
	return value;
}

static bool
is_compressed(const RelayConfig *cfg)
{
	const char *codec = value_of(cfg, "compression.codec", "compression.type");

	return codec != NULL && strcmp(codec, "none") != 0;
}

static bool
uses_scram(const RelayConfig *cfg)
{
	const char *mechanism = value_of(cfg, "sasl.mechanisms", "sasl.mechanism");

	return mechanism != NULL && strncmp(mechanism, "SCRAM", 5) == 0;
}

/*
 * Not here: that a first record may wait a second before 2.10.1.  It does where its
 * topic is named, and records of the stream are given the topic's handle, for which
 * librdkafka asks at once.
 */
static const KafkaHazard hazards[] = {
	{0, 0x02000000, is_exactly_once,
	 "exactly-once delivery is not tested with versions before 2.0"},
	{0, 0x02030000, NULL,
	 "after timeouts and lost brokers its producer may lose count of its records; it is made anew "
	 "then, and an initial snapshot that is not complete stops the relay and goes on at the next "
	 "start (mended in 2.3)"},
	{0x02020000, 0x02050000, NULL,
	 "a large batch that is sent again may fail, after which the producer is made anew (mended in "
	 "2.5)"},
	{0, SCRAM_SINCE, uses_scram,
	 "it cannot log in to brokers of Kafka 4 or later with SCRAM (mended in 2.6.1)"},
	{0, 0x020B0100, is_compressed,
	 "behind a proxy that offers none of the old versions of Produce it sends records uncompressed "
	 "(mended in 2.11.1)"},
};

const char *
kafkaadvice_hazard(const RelayConfig *cfg, int version, size_t *next)
{
	while (*next < sizeof(hazards) / sizeof(hazards[0]))
	{
		const KafkaHazard *h = &hazards[(*next)++];

		if (version >= h->since && version < h->ended && (h->touches == NULL || h->touches(cfg)))
			return h->text;
	}
	return NULL;
}

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
	const char *key = key_of(cfg, "sasl.mechanisms", "producer.override.sasl.mechanism");
	const char *password = key_of(cfg, "sasl.password", "producer.override.sasl.jaas.config");

	/* librdkafka knows it by two names */
	key = key_of(cfg, "sasl.mechanism", key);
	if (uses_scram(cfg) && rd_kafka_version() < SCRAM_SINCE)
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
