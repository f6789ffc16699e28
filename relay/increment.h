/*-------------------------------------------------------------------------
 *
 * increment.h
 *		Rows that exist, read in chunks while the stream goes on.
 *
 * Whoever wants a table's rows (again) says so with nova.signal().  Then, for
 * each chunk of rows in the order of the key:
 *
 *	nova.watermark(open)		a mark in the WAL
 *	nova.snapshot_settle()		what came before it is visible from here on
 *	nova.snapshot_frames(…)		the chunk, held in memory
 *	nova.watermark(close)		another mark
 *
 * When the second mark comes along the stream, the chunk goes to the sink,
 * without the rows whose topic and key the stream has brought since the first
 * one: what it says of them is newer, or the same.  So a record of a chunk never
 * comes behind a newer one of its key, and nothing but key bytes is compared.
 *
 * The caller drives it:
 *
 *	increment_load(inc, jobs)			once, with what is remembered
 *	increment_advance(inc, now)			in every turn while streaming
 *	increment_emit(inc)					between the stream's payloads: true, the delivery has one
 *	increment_unsaved(inc), increment_text(inc), increment_saved(inc)
 *										what has to get into the state topic
 *	increment_interrupt(inc)			the stream broke off
 *
 * A request is held (not confirmed) until it is saved; a chunk's position is
 * saved after its records are acknowledged.  So nothing is lost by a kill; the
 * rows of a chunk may come again.
 *
 * Failures never stop the stream: they are logged, and tried again, or the
 * table is left out, as the table in increment.c says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_INCREMENT_H
#define NOVA_RELAY_INCREMENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "delivery.h"
#include "numbers.h"

typedef struct Increment Increment;

/* NULL when out of memory.  Both must outlive it. */
extern Increment *increment_new(const RelayConfig *cfg, Delivery *delivery);
extern void increment_free(Increment *inc);

/* jobs may be NULL.  False: it is not ours, and was not taken. */
extern bool increment_load(Increment *inc, const char *jobs);

/* Finish an initial snapshot that was cut off; see jobs_resume(). */
extern bool increment_resume(Increment *inc, const char *progress);

/* The stream begins. */
extern void increment_begin(Increment *inc, PublicationUse publication);

extern void increment_advance(Increment *inc, int64_t now);
extern bool increment_emit(Increment *inc);

/* Close the connection, give up the chunk, keep the rest. */
extern void increment_interrupt(Increment *inc);

/* Is there something to save, now?  At once if a signal waits for it. */
extern bool increment_unsaved(const Increment *inc, int64_t now);
extern char *increment_text(Increment *inc); /* the caller frees it; "" for nothing at all */
extern void increment_saved(Increment *inc, int64_t now);

/* Is there anything left to read? */
extern bool increment_running(const Increment *inc);

/* Of the requests of this process, one after the other, how the last one is doing. */
typedef enum IncrementPhase
{
	INCREMENT_NONE, /* there was none yet */
	INCREMENT_READS,
	INCREMENT_PAUSED,
	INCREMENT_COMPLETE,
	INCREMENT_STOPPED /* as asked, or given up */
} IncrementPhase;

typedef struct IncrementProgress
{
	IncrementPhase phase;
	int64_t took_ms; /* pauses among it */
	int64_t paused_ms;
} IncrementProgress;

extern IncrementProgress increment_progress(const Increment *inc);

/* The tables that were read, in the order of their first rows; the array is the caller's to look at. */
#define INCREMENT_TABLES_MAX 200

extern const TableNumbers *increment_tables(const Increment *inc, size_t *n);

extern struct pollfd increment_pollfd(const Increment *inc);
extern void increment_polled(Increment *inc, const struct pollfd *fd);

/* When to come again without an event; INT64_MAX for never. */
extern int64_t increment_deadline(const Increment *inc);

#endif /* NOVA_RELAY_INCREMENT_H */
