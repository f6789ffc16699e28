/*-------------------------------------------------------------------------
 *
 * relcache.c
 *		From relation to plan and route; see relcache.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "relcache.h"

/* Below this many marked entries a sweep is not worth its walk. */
#define SWEEP_MIN 64

/* So many topics are known at a time: rows may name any number of them. */
#define TOPICS_MAX 4096

typedef struct TopicEntry
{
	char topic[NOVA_TOPIC_MAX + 1]; /* hash key */
	NovaRouteState route;
} TopicEntry;

struct NovaRelCache
{
	dlist_node node; /* in live_caches */
	MemoryContext context;
	MemoryContextCallback on_reset;
	const NovaOptions *options;
	HTAB *relations;
	HTAB *topics;       /* NULL: none is known */
	NovaRelEntry *last; /* the relation asked for last */
	long ninvalid;
	bool have_dependent; /* some plan depends on other relations */
	uint32 next_route;
	List *free_routes; /* ids of swept entries */
};

static dlist_head live_caches = DLIST_STATIC_INIT(live_caches);

static void
mark(NovaRelCache *cache, NovaRelEntry *entry)
{
	if (entry->valid)
		cache->ninvalid++;
	entry->valid = false;
}

static void
mark_all(NovaRelCache *cache)
{
	HASH_SEQ_STATUS seq;
	NovaRelEntry *entry;

	hash_seq_init(&seq, cache->relations);
	while ((entry = hash_seq_search(&seq)) != NULL)
		mark(cache, entry);
}

/*
 * Plans that are made from this relation though it is not theirs: partitions
 * take their names from the root, columns their fields from composite types.
 */
static void
mark_dependent(NovaRelCache *cache, Oid relid)
{
	HASH_SEQ_STATUS seq;
	NovaRelEntry *entry;

	hash_seq_init(&seq, cache->relations);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->plan &&
			(entry->plan->root == relid || list_member_oid(entry->plan->relids, relid)))
			mark(cache, entry);
}

static void
on_relation(Datum arg, Oid relid)
{
	dlist_iter iter;

	dlist_foreach (iter, &live_caches)
	{
		NovaRelCache *cache = dlist_container(NovaRelCache, node, iter.cur);
		NovaRelEntry *entry;

		if (!OidIsValid(relid))
		{
			mark_all(cache);
			continue;
		}
		entry = hash_search(cache->relations, &relid, HASH_FIND, NULL);
		if (entry)
			mark(cache, entry);
		if (cache->have_dependent)
			mark_dependent(cache, relid);
	}
}

/* A schema was renamed, or the labels of an enum changed: who uses it is not known. */
static void
on_catalog(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter iter;

	dlist_foreach (iter, &live_caches)
		mark_all(dlist_container(NovaRelCache, node, iter.cur));
}

/* A publication changed: to whom it matters, all of it does. */
static void
on_publication(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter iter;

	dlist_foreach (iter, &live_caches)
	{
		NovaRelCache *cache = dlist_container(NovaRelCache, node, iter.cur);

		if (cache->options->publications != NIL)
			mark_all(cache);
	}
}

static void
on_reset(void *arg)
{
	NovaRelCache *cache = arg;

	dlist_delete(&cache->node);
}

static void
register_callbacks(void)
{
	static const int publication_caches[] = {NOVA_PUBLICATION_CACHES};
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_catalog, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, on_catalog, (Datum) 0);
	for (int i = 0; i < lengthof(publication_caches); i++)
		CacheRegisterSyscacheCallback(publication_caches[i], on_publication, (Datum) 0);
	registered = true;
}

NovaRelCache *
nova_relcache_create(MemoryContext parent, const NovaOptions *options)
{
	MemoryContext context = AllocSetContextCreate(parent, "nova plans", ALLOCSET_DEFAULT_SIZES);
	NovaRelCache *cache = MemoryContextAllocZero(context, sizeof(NovaRelCache));
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(NovaRelEntry), .hcxt = context};

	cache->context = context;
	cache->options = options;
	cache->relations =
		hash_create("nova relations", 128, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	register_callbacks();
	dlist_push_head(&live_caches, &cache->node);
	cache->on_reset.func = on_reset;
	cache->on_reset.arg = cache;
	MemoryContextRegisterResetCallback(context, &cache->on_reset);
	return cache;
}

static uint32
take_route(NovaRelCache *cache)
{
	uint32 id;

	if (cache->free_routes == NIL)
		return cache->next_route++;
	id = (uint32) linitial_int(cache->free_routes);
	cache->free_routes = list_delete_first(cache->free_routes);
	return id;
}

/* Take over the plan's names; announce them again if they are others. */
static void
set_route(NovaRelCache *cache, NovaRelEntry *entry, const NovaPlan *old)
{
	NovaRouteState *route = &entry->route;
	const NovaPlan *plan = entry->plan;

	if (!plan->captured)
		return;
	if (route->id == NOVA_NO_ROUTE)
		route->id = take_route(cache);
	if (old == NULL || !old->captured || strcmp(old->topic, plan->topic) != 0 ||
		strcmp(old->schema, plan->schema) != 0 || strcmp(old->table, plan->table) != 0)
		route->announced = false;
	route->topic = plan->topic;
	route->schema = plan->schema;
	route->table = plan->table;
}

/* What a plan costs is known, and rare; counted apart from the changes. */
static NovaPlan *
build(NovaRelCache *cache, NovaRelEntry *entry, Relation rel)
{
	bool timed = cache->options->stats_interval > 0;
	uint64 begun = timed ? nova_clock_ns() : 0;
	NovaPlan *plan = nova_plan_build(cache->context, rel, cache->options);

	if (timed)
		entry->cost.ns += nova_clock_ns() - begun;
	return plan;
}

/* Build the entry's plan anew; marks that arrive meanwhile stay. */
static void
rebuild(NovaRelCache *cache, NovaRelEntry *entry, Relation rel)
{
	NovaPlan *old = entry->plan;

	entry->valid = true;
	entry->plan = NULL;
	entry->plan = build(cache, entry, rel);
	cache->have_dependent |=
		entry->plan->root != RelationGetRelid(rel) || entry->plan->relids != NIL;
	set_route(cache, entry, old);
	if (old)
		MemoryContextDelete(old->context);
}

NovaRelEntry *
nova_relcache_get(NovaRelCache *cache, Relation rel)
{
	Oid relid = RelationGetRelid(rel);
	NovaRelEntry *entry = cache->last;
	bool found;

	if (likely(entry && entry->relid == relid && entry->valid))
		return entry;
	entry = hash_search(cache->relations, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) entry + sizeof(Oid), 0, sizeof(NovaRelEntry) - sizeof(Oid));
		entry->route.id = NOVA_NO_ROUTE;
		if (cache->options->stats_interval > 0)
			nova_cost_start(&entry->cost);
	}
	if (!entry->valid)
	{
		if (found)
			cache->ninvalid--;
		rebuild(cache, entry, rel);
	}
	cache->last = entry;
	return entry;
}

static void
free_route(NovaRelCache *cache, uint32 id)
{
	MemoryContext old = MemoryContextSwitchTo(cache->context);

	cache->free_routes = lappend_int(cache->free_routes, (int) id);
	MemoryContextSwitchTo(old);
}

/* All of them: those that are still used are announced again. */
static void
forget_topics(NovaRelCache *cache)
{
	HASH_SEQ_STATUS seq;
	TopicEntry *entry;

	hash_seq_init(&seq, cache->topics);
	while ((entry = hash_seq_search(&seq)) != NULL)
		free_route(cache, entry->route.id);
	hash_destroy(cache->topics);
	cache->topics = NULL;
}

static void
make_topics(NovaRelCache *cache)
{
	HASHCTL ctl = {
		.keysize = NOVA_TOPIC_MAX + 1, .entrysize = sizeof(TopicEntry), .hcxt = cache->context};

	cache->topics = hash_create("nova topics", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

NovaRouteState *
nova_relcache_topic(NovaRelCache *cache, NovaBytes topic)
{
	char key[NOVA_TOPIC_MAX + 1] = {0};
	TopicEntry *entry;
	bool found;

	memcpy(key, topic.data, topic.len);
	if (cache->topics && hash_get_num_entries(cache->topics) >= TOPICS_MAX &&
		hash_search(cache->topics, key, HASH_FIND, NULL) == NULL)
		forget_topics(cache);
	if (cache->topics == NULL)
		make_topics(cache);
	entry = hash_search(cache->topics, key, HASH_ENTER, &found);
	if (!found)
	{
		entry->route.id = take_route(cache);
		entry->route.announced = false;
		entry->route.topic = entry->topic;
		entry->route.schema = "";
		entry->route.table = "";
	}
	return &entry->route;
}

NovaRelCache *
nova_relcache_beside(MemoryContext parent, const NovaOptions *options)
{
	NovaRelCache *cache = nova_relcache_create(parent, options);

	/* the caller's */
	(void) take_route(cache);
	return cache;
}

/*
 * Entries of dropped relations would stay for ever.  Those that are marked go
 * once they are the majority; the ones still alive come back when asked for.
 */
bool
nova_relcache_sweeps(const NovaRelCache *cache)
{
	return unlikely(cache->ninvalid >= SWEEP_MIN) &&
		   cache->ninvalid >= hash_get_num_entries(cache->relations) / 2;
}

void
nova_relcache_sweep(NovaRelCache *cache)
{
	HASH_SEQ_STATUS seq;
	NovaRelEntry *entry;

	if (!nova_relcache_sweeps(cache))
		return;
	hash_seq_init(&seq, cache->relations);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (entry->valid)
			continue;
		if (entry->plan)
			MemoryContextDelete(entry->plan->context);
		if (entry->route.id != NOVA_NO_ROUTE)
			free_route(cache, entry->route.id);
		hash_search(cache->relations, &entry->relid, HASH_REMOVE, NULL);
	}
	cache->last = NULL;
	cache->ninvalid = 0;
}

static NovaBytes
utf8_name(const char *name)
{
	return (NovaBytes){name, (uint32) strlen(name)};
}

bool
nova_relcache_tell(NovaRelCache *cache, NovaBatch *batch, uint64 now)
{
	HASH_SEQ_STATUS seq;
	NovaRelEntry *entry;
	NovaStats others = {.schema = {"", 0}, .table = {"", 0}};
	bool told = false;

	hash_seq_init(&seq, cache->relations);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		const NovaPlan *plan = entry->plan;
		NovaStats stats = others;

		if (!nova_cost_settle(&entry->cost, now))
			continue;
		stats.changes = entry->cost.changes;
		stats.ns = entry->cost.ns;
		nova_cost_told(&entry->cost);
		told = true;
		if (plan == NULL || !plan->captured)
		{
			others.changes += stats.changes;
			others.ns += stats.ns;
			continue;
		}
		stats.schema = utf8_name(plan->schema);
		stats.table = utf8_name(plan->table);
		nova_batch_stats(batch, &stats);
	}
	if (others.changes > 0 || others.ns > 0)
		nova_batch_stats(batch, &others);
	if (told)
		nova_batch_flush(batch);
	return told;
}
