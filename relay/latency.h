/*-------------------------------------------------------------------------
 *
 * latency.h
 *		How long commits wait for Kafka: from COMMIT to the last acknowledgement.
 *
 * A queue of the commits that were received and are not safe yet, in order, each
 * with the unit (see tracker.h) whose end makes it safe, and a histogram of those
 * that were.
 *
 *	latency_commit(&l, unit, commit_time);	at each COMMIT
 *	latency_fold(&l, unit);					the tracker put the unit to the one before
 *	latency_turn(&l, first_unit, open, now);	in every turn: what is safe leaves the queue
 *	latency_lag_us(&numbers, now);			of latency_numbers(&l), at any time
 *
 * And how old commits are when they get here, before Kafka: what came since the last
 * turn counts as received in this one.
 *
 * Pure; costs nothing for a row.  Times are microseconds since 1970: those of
 * commits by the server's clock, the others by ours.  Where these disagree, a
 * latency is off by that much, and never below 0.
 *
 * Traps: the queue has a fixed size.  With more commits in flight, the youngest
 * ones share an entry, with the oldest one's time, so that they seem to have
 * waited longer than they did; none is lost from the count.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_LATENCY_H
#define NOVA_RELAY_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LATENCY_BUCKETS 14   /* with a bound; the last one is without */
#define LATENCY_COMMITS 4096 /* a power of two */

/* Ages are counted to within 1/LATENCY_STEPS of themselves; below 2 * that many ms exactly. */
#define LATENCY_STEPS   32
#define LATENCY_OCTAVES 36 /* of ms: to a thousand years */
#define LATENCY_AGES    (LATENCY_STEPS * (LATENCY_OCTAVES + 1))

/* For so long the last latency says how late the stream is, after that it is not. */
#define LATENCY_FRESH_US INT64_C(1000000)

typedef struct LatencyHistogram
{
	uint64_t buckets[LATENCY_BUCKETS + 1]; /* not cumulative */
	uint64_t count;
	uint64_t sum_us;
} LatencyHistogram;

/* Upper bounds of the buckets. */
extern const double latency_bounds[LATENCY_BUCKETS]; /* seconds */

/* Ages of commits when they were received, in ms. */
typedef struct LatencyAges
{
	uint64_t count;
	uint64_t sum;
	int64_t last;
	int64_t least;
	int64_t most;
	int64_t at; /* when the last one came, ms since 1970; 0: none yet */

	/* percentiles, which latency_numbers() fills in */
	double p50;
	double p95;
	double p99;
} LatencyAges;

/* What there is to be told of it. */
typedef struct LatencyNumbers
{
	LatencyHistogram histogram;
	LatencyAges ages;
	uint64_t waiting;   /* commits in the queue */
	int64_t oldest;     /* of these; 0: none */
	int64_t last_us;    /* the last latency, and when it was known */
	int64_t last_at;    /* 0: none yet */
	int64_t open_since; /* a transaction is received, its COMMIT not; 0: none */
} LatencyNumbers;

typedef struct LatencyEntry
{
	uint64_t unit;
	int64_t time;
	uint64_t commits;
} LatencyEntry;

typedef struct Latency
{
	LatencyEntry queue[LATENCY_COMMITS];
	uint64_t first; /* positions that only grow */
	uint64_t aged;  /* before it, ages are counted */
	uint64_t next;
	uint64_t unaged; /* commits that share the last entry since it was counted */
	uint64_t ages[LATENCY_AGES];
	LatencyNumbers numbers; /* oldest and percentiles are told by latency_numbers() */
} Latency;

/* All zero is a valid new one. */
extern void latency_commit(Latency *l, uint64_t unit, int64_t commit_time);
extern void latency_fold(Latency *l, uint64_t unit);

/*
 * Units before first_unit are safe.  open: part of a transaction has come whose
 * COMMIT has not.
 */
extern void latency_turn(Latency *l, uint64_t first_unit, bool open, int64_t now);

/* What waits will come again. */
extern void latency_forget(Latency *l);

extern LatencyNumbers latency_numbers(const Latency *l);

/*
 * How late the stream is: the age of the oldest commit that is not safe.  Without
 * one, of the last that was, if that was just now; for a transaction whose COMMIT is
 * yet to come, how long it has been coming; else 0.
 */
extern int64_t latency_lag_us(const LatencyNumbers *n, int64_t now);

#endif /* NOVA_RELAY_LATENCY_H */
