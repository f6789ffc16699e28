/*-------------------------------------------------------------------------
 *
 * tracker.h
 *		Which LSN is safe to confirm.
 *
 * Pure arithmetic over units.  One unit is one received payload: it has a
 * number of records that are not acknowledged yet, and the end LSN of the last
 * COMMIT in it, if any.
 *
 *	unit:     17        18        19        20
 *	         closed    closed    closed    open
 *	records   0         0         3         5       not acknowledged
 *	commit   A0        (none)    B8        C0       end LSN
 *	          └── prefix that is done ──┘
 *	          safe = A0
 *
 *	tracker_begin(&t, &id);  tracker_sent(&t, n)…  tracker_commit(&t, lsn)…
 *	tracker_end(&t);         tracker_acked(&t, id, n) at any time, any order
 *
 * The safe LSN is the end of the last commit in the prefix of closed units
 * without outstanding records.  It never goes back: after a reconnect the
 * server may send what was acknowledged before, and those commits change
 * nothing.
 *
 * Traps: units are per payload and not per transaction, so a commit counts
 * only when the whole payload is done; a record that fails must never be
 * reported as acknowledged, then nothing behind it is ever confirmed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TRACKER_H
#define NOVA_RELAY_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TrackerUnit
{
	uint64_t end_lsn; /* 0: no commit ended here */
	uint32_t outstanding;
	bool closed;
} TrackerUnit;

typedef struct Tracker
{
	TrackerUnit *ring; /* capacity is a power of two */
	size_t capacity;
	uint64_t first; /* oldest unit not done */
	uint64_t next;  /* id of the next unit */
	uint64_t outstanding;
	uint64_t safe;
	uint64_t commit; /* the last one that is safe; safe may be a keepalive's behind it */
} Tracker;

/* All zero is a valid new tracker. */
extern void tracker_free(Tracker *t);

/* Open a unit; false when out of memory.  At most one is open. */
extern bool tracker_begin(Tracker *t, uint64_t *id);

/* n records of the open unit went to the sink. */
extern void tracker_sent(Tracker *t, uint32_t n);

/* A commit ended in the open unit. */
extern void tracker_commit(Tracker *t, uint64_t end_lsn);

extern void tracker_end(Tracker *t);

/*
 * n records of a unit are safe.  False if that many were not outstanding: the
 * caller's books are wrong and nothing may be confirmed any more.
 */
extern bool tracker_acked(Tracker *t, uint64_t id, uint32_t n);

/*
 * The server says that nothing is left before lsn.  Adopted only if no unit is
 * in flight and no transaction is open (which only the caller knows); returns
 * whether it was.
 */
extern bool tracker_adopt(Tracker *t, uint64_t lsn, bool in_transaction);

/* Nothing in flight will be acknowledged, and nothing of it counts. */
extern void tracker_give_up(Tracker *t);

/* Is everything that was begun also done? */
static inline bool
tracker_idle(const Tracker *t)
{
	return t->first == t->next;
}

static inline uint64_t
tracker_safe_lsn(const Tracker *t)
{
	return t->safe;
}

static inline uint64_t
tracker_commit_lsn(const Tracker *t)
{
	return t->commit;
}

#endif /* NOVA_RELAY_TRACKER_H */
