/*-------------------------------------------------------------------------
 *
 * heartbeat.h
 *		A heartbeat's record.
 *
 * That heartbeat.action.query waits for nothing is sidequery.h's business.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HEARTBEAT_H
#define NOVA_RELAY_HEARTBEAT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* Longer than any key or value of a heartbeat's record. */
#define HEARTBEAT_RECORD_MAX 1024

/* The key and the value of a heartbeat's record, with schemas if others have them. */
extern void heartbeat_key(char *dst, size_t size, const RelayConfig *cfg);
extern void heartbeat_value(char *dst, size_t size, const RelayConfig *cfg, int64_t now_ms);

#endif /* NOVA_RELAY_HEARTBEAT_H */
