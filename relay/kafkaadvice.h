/*-------------------------------------------------------------------------
 *
 * kafkaadvice.h
 *		Which keys of the connector to look at when brokers refuse to talk.
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

#endif /* NOVA_RELAY_KAFKAADVICE_H */
