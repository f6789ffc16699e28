/*-------------------------------------------------------------------------
 *
 * cost.h
 *		How long the plugin works on the changes of a relation, estimated.
 *
 * With the option stats.interval.ms some changes are timed, and each of those
 * stands for the ones since the last: the gap between them, which is 1 at first
 * and grows to about NOVA_COST_GAP.  The length of long gaps is drawn, so that
 * changes which come in a pattern do not always show the same one.
 *
 *		if (nova_cost_due(&entry->cost))
 *		{
 *			watch = nova_cost_begin(batch->write_ns);
 *			…the change…
 *			nova_cost_end(&entry->cost, &watch, batch->write_ns);
 *		}
 *
 * Now and then nova_cost_settle() counts what came since the last change that
 * was timed, like that one, and begins with short gaps again: a relation that
 * changes once a minute is as well known as one that changes all the time.
 *
 * It is the time of one row's values into frames.  What sending takes is taken
 * off, for it depends on the reader; finding the relation's plan is before it.
 *
 * Traps: without the option a change still counts "left" down, from 0, where it
 * never comes by again; that is all there is on the way of a row.  Time is that
 * of the wall, in which the process may have had to wait for its turn.  A gap
 * never counts for more than the time since the last one, so that one change
 * that was held up does not count for sixty.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_COST_H
#define NOVA_COST_H

#include "postgres.h"

#include <time.h>

/* Between two changes of a relation that are timed, at length; a power of two. */
#define NOVA_COST_GAP 64

/* All zero: nothing is timed. */
typedef struct NovaCost
{
	uint64 left;    /* changes up to the one that is timed, with it; 0: there is none */
	uint64 gap;     /* what left began with */
	uint64 changes; /* to be told, like the next one */
	uint64 ns;
	uint64 last_ns; /* what the last one took that was timed */
	uint64 since;   /* and when it was done */
} NovaCost;

typedef struct NovaWatch
{
	uint64 begun;
	uint64 write_ns; /* spent on writes until then */
} NovaWatch;

/* Of a clock that is never set. */
static inline uint64
nova_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64) now.tv_sec * UINT64CONST(1000000000) + (uint64) now.tv_nsec;
}

/* From now on changes are timed, the next one first. */
static inline void
nova_cost_start(NovaCost *cost)
{
	cost->left = cost->gap = 1;
}

/* A change comes: is it one that is timed? */
static inline bool
nova_cost_due(NovaCost *cost)
{
	return unlikely(--cost->left == 0);
}

static inline NovaWatch
nova_cost_begin(uint64 write_ns)
{
	return (NovaWatch){nova_clock_ns(), write_ns};
}

extern void nova_cost_end(NovaCost *cost, const NovaWatch *watch, uint64 write_ns);

/* Count what is not counted yet.  Is there anything to tell? */
extern bool nova_cost_settle(NovaCost *cost, uint64 now);

/* It was told. */
static inline void
nova_cost_told(NovaCost *cost)
{
	cost->changes = cost->ns = 0;
}

#endif /* NOVA_COST_H */
