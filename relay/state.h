/*-------------------------------------------------------------------------
 *
 * state.h
 *		What a start must know of the runs before: was the snapshot finished, and
 *		up to where is everything delivered?
 *
 * One record per slot in a compacted topic of one partition (and with exactly once
 * another one, SLOT/position, which the sink writes and txnplan.h describes):
 *
 *	key		the slot's name
 *	value	{"version":1,"phase":"begin","system":"7…","timeline":"1","lsn":null}
 *
 * "begin" is there before the slot is, and "done" after the last row is safe, so
 * that a slot whose snapshot was cut off is known for one.  "progress" says how
 * far that one had come, and "jobs" what incremental snapshots have still to
 * read.  "position" is how far the stream came: everything before it is in Kafka,
 * and no more than that was confirmed to the slot, so that a slot that stands
 * behind it is where we left it, and one that stands beyond was moved by others.
 * "system" and "timeline" are those of the position.  More members may be added: whoever does not know them leaves them alone.
 *
 *	state_read(store);					from the beginning of the topic to its end
 *	state_write(store, &record);		acknowledged by all in-sync replicas
 *	state_advance(store, now)			… STORE_READY: done; see state_record()
 *	state_close(store);					no more for now: drops the connections
 *
 * Nothing blocks.  While no broker answers it goes on trying.
 *
 * Traps: there is no descriptor to wait for; call state_advance() every
 * STATE_POLL_MS while it says STORE_AGAIN.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_STATE_H
#define NOVA_RELAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "snapplan.h"

#define STATE_POLL_MS 20

/* Of the topic: what is in the last segment is not compacted, and every start reads it. */
#define STATE_SEGMENT_BYTES "8388608"

typedef enum StoreStatus
{
	STORE_READY,
	STORE_AGAIN,
	STORE_FAILED /* see state_error() */
} StoreStatus;

typedef struct StateRecord
{
	SnapPhase phase; /* PHASE_NONE: no snapshot was taken; with nothing else, no record */
	char system_id[32];
	char timeline[16];
	uint64_t lsn;         /* of the slot's beginning; 0: not known yet */
	uint64_t position;    /* everything before it is delivered; 0: not remembered */
	const char *progress; /* of a snapshot that was begun: snapshot_progress()'s, or NULL */
	const char *jobs;     /* incremental snapshots: jobs_text()'s, or NULL */
} StateRecord;

typedef struct StateStore StateStore;

/* brokers: those of the embedded broker, or NULL.  NULL when out of memory. */
extern StateStore *state_new(const RelayConfig *cfg, const char *brokers);

extern void state_free(StateStore *s);

/* make: the topic, if it is not there; else a missing one remembers nothing. */
extern void state_read(StateStore *s, bool make);

/* The key of the position (the caller frees it; NULL when out of memory). */
extern char *state_position_key(const RelayConfig *cfg);

/* A record of nothing removes what is there.  Makes the topic if need be. */
extern void state_write(StateStore *s, const StateRecord *record);

extern StoreStatus state_advance(StateStore *s, int64_t now);
extern void state_close(StateStore *s);

/* As it was last read; its texts live until it is read again. */
extern const StateRecord *state_record(const StateStore *s);

/* The text of the slot's position in the stream; NULL if there is none. */
extern const char *state_position(const StateStore *s);
extern const char *state_error(const StateStore *s);

/*
 * The value of a record (the caller frees it; NULL when out of memory), and back,
 * with texts that state_forget() frees; false if it is none that this version
 * reads.
 */
extern char *state_format(const StateRecord *record);
extern bool state_parse(const char *value, size_t len, StateRecord *record);
extern void state_forget(StateRecord *record);

#endif /* NOVA_RELAY_STATE_H */
