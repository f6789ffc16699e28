/*-------------------------------------------------------------------------
 *
 * kafkaadvice.h
 *		What to look at when brokers refuse to talk, and what this librdkafka is known for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKAADVICE_H
#define NOVA_RELAY_KAFKAADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/*
 * After an error of librdkafka: "check …" with the keys as the connector has
 * them.  False, and nothing written, when it is neither TLS nor SASL.
 */
extern bool kafkaadvice(const RelayConfig *cfg, int err, char *out, size_t size);

/*
 * What a librdkafka of that version (as of rd_kafka_version()) is known to do wrong to
 * such a connector, one thing a call; NULL: nothing more.  *next is 0 at first.  The text
 * is constant.  Source: librdkafka's changelog.
 */
extern const char *kafkaadvice_hazard(const RelayConfig *cfg, int version, size_t *next);

#endif /* NOVA_RELAY_KAFKAADVICE_H */
