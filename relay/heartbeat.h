/*-------------------------------------------------------------------------
 *
 * heartbeat.h
 *		A heartbeat's record, and heartbeat.action.query on a connection of its own.
 *
 * A heartbeat must never wait for the stream, nor the stream for it, so this
 * has a second, ordinary connection that is made at the first beat and again
 * when it was lost.
 *
 *	heartbeat_beat(hb, now)		every interval: run the query
 *	heartbeat_turn(hb, now)		when its socket is ready
 *
 * Traps: failures are log lines, never more; a beat that comes while the last
 * is still running is left out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HEARTBEAT_H
#define NOVA_RELAY_HEARTBEAT_H

#include <poll.h>
#include <stdint.h>

#include "config.h"

typedef struct Heartbeat Heartbeat;

/* Longer than any key or value of a heartbeat's record. */
#define HEARTBEAT_RECORD_MAX 1024

/* The key and the value of a heartbeat's record, with schemas if others have them. */
extern void heartbeat_key(char *dst, size_t size, const RelayConfig *cfg);
extern void heartbeat_value(char *dst, size_t size, const RelayConfig *cfg, int64_t now_ms);

/* NULL when out of memory.  cfg, with a query in it, must outlive it. */
extern Heartbeat *heartbeat_new(const RelayConfig *cfg);
extern void heartbeat_free(Heartbeat *hb);

extern void heartbeat_beat(Heartbeat *hb, int64_t now);
extern void heartbeat_turn(Heartbeat *hb, int64_t now);

/* fd -1: nothing to wait for. */
extern struct pollfd heartbeat_pollfd(const Heartbeat *hb);

#endif /* NOVA_RELAY_HEARTBEAT_H */
