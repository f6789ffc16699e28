/*-------------------------------------------------------------------------
 *
 * relcache.h
 *		From relation to plan and route, kept over transactions.
 *
 * An entry's plan is rebuilt when it is next asked for after the catalogs said
 * that the relation changed.  The invalidation callbacks only mark: they may
 * come in the middle of our own work, even of building a plan.
 *
 * Traps: an entry's plan pointer holds until the next nova_relcache_get() of
 * the same relation.  The callbacks are registered once for the life of the
 * backend (the server has no way to take them back) and walk a list of the
 * live caches, from which a cache removes itself when its memory context goes,
 * also after an ERROR.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELCACHE_H
#define NOVA_RELCACHE_H

#include "postgres.h"

#include "utils/rel.h"

#include "batch.h"
#include "cost.h"
#include "plan.h"

typedef struct NovaRelCache NovaRelCache;

typedef struct NovaRelEntry
{
	Oid relid; /* hash key */
	bool valid;
	NovaPlan *plan;
	NovaCost cost; /* outlives the plan */
	NovaRouteState route;
} NovaRelEntry;

extern NovaRelCache *nova_relcache_create(MemoryContext parent, const NovaOptions *options);

/*
 * A cache for the rows of one relation outside of a stream, whose entry with
 * route 0 is the caller's own: for the topics that rows may name.
 */
extern NovaRelCache *nova_relcache_beside(MemoryContext parent, const NovaOptions *options);

/* The entry of a relation, with a valid plan. */
extern NovaRelEntry *nova_relcache_get(NovaRelCache *cache, Relation rel);

/*
 * The route of records to a topic (UTF-8, not terminated).  It holds until the
 * next call: of very many topics the older ones are forgotten.
 */
extern NovaRouteState *nova_relcache_topic(NovaRelCache *cache, NovaBytes topic);

/*
 * Forget relations that are gone; call between transactions.  What they have cost
 * goes with them: is there something to forget?
 */
extern bool nova_relcache_sweeps(const NovaRelCache *cache);
extern void nova_relcache_sweep(NovaRelCache *cache);

/*
 * Send what is new of each relation's cost; those not captured are one.  False if
 * that is nothing.
 */
extern bool nova_relcache_tell(NovaRelCache *cache, NovaBatch *batch, uint64 now);

#endif /* NOVA_RELCACHE_H */
