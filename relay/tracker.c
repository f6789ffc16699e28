/*-------------------------------------------------------------------------
 *
 * tracker.c
 *		Which LSN is safe to confirm.
 *
 *-------------------------------------------------------------------------
 */
#include "tracker.h"

#include <assert.h>
#include <stdlib.h>

#define TRACKER_FIRST_CAPACITY 256

static inline TrackerUnit *
unit_at(const Tracker *t, uint64_t id)
{
	return &t->ring[id & (t->capacity - 1)];
}

static TrackerUnit *
open_unit(const Tracker *t)
{
	TrackerUnit *u;

	assert(t->next > t->first);
	u = unit_at(t, t->next - 1);
	assert(!u->closed);
	return u;
}

void
tracker_free(Tracker *t)
{
	free(t->ring);
	*t = (Tracker){0};
}

static bool
grow(Tracker *t)
{
	size_t capacity = t->capacity > 0 ? t->capacity * 2 : TRACKER_FIRST_CAPACITY;
	TrackerUnit *ring = calloc(capacity, sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint64_t id = t->first; id < t->next; id++)
		ring[id & (capacity - 1)] = *unit_at(t, id);
	free(t->ring);
	t->ring = ring;
	t->capacity = capacity;
	return true;
}

bool
tracker_begin(Tracker *t, uint64_t *id)
{
	assert(tracker_idle(t) || unit_at(t, t->next - 1)->closed);
	if (t->next - t->first == t->capacity && !grow(t))
		return false;
	*id = t->next++;
	*unit_at(t, *id) = (TrackerUnit){0};
	return true;
}

void
tracker_sent(Tracker *t, uint32_t n)
{
	open_unit(t)->outstanding += n;
	t->outstanding += n;
}

void
tracker_commit(Tracker *t, uint64_t end_lsn)
{
	TrackerUnit *u = open_unit(t);

	if (end_lsn > u->end_lsn)
		u->end_lsn = end_lsn;
}

/* Move the prefix forward over what is done. */
static void
advance(Tracker *t)
{
	while (t->first < t->next)
	{
		TrackerUnit *u = unit_at(t, t->first);

		if (!u->closed || u->outstanding > 0)
			break;
		if (u->end_lsn > t->safe)
			t->commit = t->safe = u->end_lsn;
		t->first++;
	}
}

void
tracker_end(Tracker *t)
{
	TrackerUnit *u = open_unit(t);
	TrackerUnit *before;

	u->closed = true;
	if (u->outstanding == 0 && t->next - t->first >= 2)
	{
		/* transactions without records would pile up behind one that waits */
		before = unit_at(t, t->next - 2);
		if (u->end_lsn > before->end_lsn)
			before->end_lsn = u->end_lsn;
		t->next--;
	}
	advance(t);
}

bool
tracker_acked(Tracker *t, uint64_t id, uint32_t n)
{
	TrackerUnit *u;

	if (id < t->first || id >= t->next)
		return false;
	u = unit_at(t, id);
	if (u->outstanding < n)
		return false;
	u->outstanding -= n;
	t->outstanding -= n;
	if (id == t->first)
		advance(t);
	return true;
}

bool
tracker_adopt(Tracker *t, uint64_t lsn, bool in_transaction)
{
	if (!tracker_idle(t) || in_transaction)
		return false;
	if (lsn > t->safe)
		t->safe = lsn;
	return true;
}

void
tracker_give_up(Tracker *t)
{
	t->first = t->next;
	t->outstanding = 0;
}
