/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *		The rows that exist already, read by several connections at once.
 *
 *	snapshot_check(s, publication, now);	may it be taken at all?
 *	snapshot_advance(s, now)			… PG_READY: yes, and nobody else takes it
 *	snapshot_begin(s, name, lsn, now);	every connection sees what "name" exported
 *	snapshot_advance(s, now)			… PG_READY: everything was read
 *	snapshot_read(s)					… PG_READY: the delivery has a payload to work off
 *	snapshot_close(s);
 *
 * The plan is snapplan.h's.  Each connection takes a chunk, reads it with COPY
 * through its own channel of the delivery, takes the next one, and is closed
 * when none is left.  The first connection stays, without its transaction: it has
 * a lock by which two relays never take the snapshot of one slot.
 *
 * Failures are classified as in pgstream.h, and what to do about them is
 * decided in relay.c.
 *
 * Traps: the exported snapshot has to stay until the end, because a connection
 * whose transaction failed takes it up again.  What was read is not safe before
 * the delivery is idle.  snapshot_read() only while the delivery is idle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SNAPSHOT_H
#define NOVA_RELAY_SNAPSHOT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "delivery.h"
#include "numbers.h"
#include "pgstream.h"
#include "snapplan.h"

typedef struct Snapshot Snapshot;

typedef struct SnapshotCounts
{
	size_t tables;
	size_t tables_done;
	int connections;      /* that read now */
	uint64_t rows;        /* of the tables; some may still be on their way */
	int64_t row_estimate; /* -1: not known */
	int64_t left_ms;      /* -1: too early to say */
} SnapshotCounts;

/* NULL when out of memory.  Both must outlive it. */
extern Snapshot *snapshot_new(const RelayConfig *cfg, Delivery *delivery);

extern void snapshot_free(Snapshot *s);

/* Connect, and see that extension, privileges and options are as they must be. */
extern void snapshot_check(Snapshot *s, PublicationUse publication, int64_t now);

/* name is NULL where there is no exported snapshot: the first connection makes one. */
extern void snapshot_begin(Snapshot *s, const char *name, uint64_t lsn, int64_t now);

extern PgStatus snapshot_advance(Snapshot *s, int64_t now);
extern PgStatus snapshot_read(Snapshot *s);

/* Close all connections. */
extern void snapshot_close(Snapshot *s);

/* For poll(): fills at most SNAPSHOT_MAX_THREADS; no data is waited for when blocked. */
extern size_t snapshot_pollfds(Snapshot *s, struct pollfd *fds, bool blocked);
extern void snapshot_polled(Snapshot *s, const struct pollfd *fds, size_t n);

/* When to come again without an event; INT64_MAX for never. */
extern int64_t snapshot_deadline(const Snapshot *s);

extern SnapshotCounts snapshot_counts(const Snapshot *s, int64_t now);

/* At most max of the tables, and what of each is read; returns how many. */
extern size_t snapshot_tables(const Snapshot *s, TableNumbers *tables, size_t max);

/*
 * What is left to read if it is cut off now, as jobs_resume() takes it; the caller
 * frees it.  NULL: it could only begin again from zero.
 *
 *	{"txid":"740","tables":[{"schema":"public","table":"users","blocks":"65536","filenode":"16384"}]}
 */
extern char *snapshot_progress(Snapshot *s);

/* After a failure: must it begin again from zero? */
extern bool snapshot_is_void(const Snapshot *s);

extern const char *snapshot_error(const Snapshot *s);

#endif /* NOVA_RELAY_SNAPSHOT_H */
