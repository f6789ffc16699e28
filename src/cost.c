/*-------------------------------------------------------------------------
 *
 * cost.c
 *		How long the plugin works on the changes of a relation; see cost.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cost.h"

/* Twice as long as the one before; at length, of some length around NOVA_COST_GAP. */
static uint64
next_gap(uint64 gap)
{
	static uint32 drawn = 1;

	if (gap < NOVA_COST_GAP / 2)
		return gap * 2;
	/* the factors of Numerical Recipes; the upper half is the more random one */
	drawn = drawn * 1664525 + 1013904223;
	return NOVA_COST_GAP / 2 + (drawn >> 16) % NOVA_COST_GAP;
}

/* What reading the clock adds to every time: the least that it was seen to take. */
static uint64
clock_cost(void)
{
	static uint64 least = 0;

	if (least > 0)
		return least;
	least = 1000;
	for (int i = 0; i < 16; i++)
	{
		uint64 begun = nova_clock_ns();

		least = Min(least, nova_clock_ns() - begun);
	}
	return least = Max(least, 1);
}

/* So many changes, each like the last one that was timed. */
static void
charge(NovaCost *cost, uint64 changes, uint64 now)
{
	cost->ns += Min(changes * cost->last_ns, now - cost->since);
	cost->changes += changes;
	cost->since = now;
}

void
nova_cost_end(NovaCost *cost, const NovaWatch *watch, uint64 write_ns)
{
	uint64 now = nova_clock_ns();
	uint64 took = now - watch->begun;
	uint64 beside = write_ns - watch->write_ns + clock_cost();

	cost->last_ns = took > beside ? took - beside : 0;
	charge(cost, cost->gap, now);
	cost->left = cost->gap = next_gap(cost->gap);
}

bool
nova_cost_settle(NovaCost *cost, uint64 now)
{
	if (cost->gap > cost->left)
		charge(cost, cost->gap - cost->left, now);
	if (cost->gap > 0)
		nova_cost_start(cost);
	return cost->changes > 0 || cost->ns > 0;
}
