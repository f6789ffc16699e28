/*-------------------------------------------------------------------------
 *
 * discard.h
 *		Included before everything in a build of the plugin for the suite "discard":
 *		whenever it asks the catalogs, all caches are thrown away first.
 *
 * What debug_discard_caches = 1 does to a server that was built for it, here on any
 * server, and only where the plugin asks: what it keeps of a cache without a copy or
 * a reference is then gone, and plans are built anew at the worst moments.
 *
 * Outside of a transaction the caches are not to be touched.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_TEST_DISCARD_H
#define NOVA_TEST_DISCARD_H

#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

static inline void
discard_caches(void)
{
	if (IsTransactionState())
		InvalidateSystemCaches();
}

#undef SearchSysCache1
#define SearchSysCache1(...)       (discard_caches(), (SearchSysCache1) (__VA_ARGS__))
#define SearchSysCache2(...)       (discard_caches(), (SearchSysCache2) (__VA_ARGS__))
#define RelationIdGetRelation(id)  (discard_caches(), (RelationIdGetRelation) (id))
#define table_open(...)            (discard_caches(), (table_open) (__VA_ARGS__))
#define try_relation_open(...)     (discard_caches(), (try_relation_open) (__VA_ARGS__))
#define get_element_type(id)       (discard_caches(), (get_element_type) (id))
#define get_typtype(id)            (discard_caches(), (get_typtype) (id))
#define get_namespace_name(id)     (discard_caches(), (get_namespace_name) (id))
#define get_rel_namespace(id)      (discard_caches(), (get_rel_namespace) (id))
#define get_rel_name(id)           (discard_caches(), (get_rel_name) (id))
#define get_attnum(...)            (discard_caches(), (get_attnum) (__VA_ARGS__))
#define getTypeOutputInfo(...)     (discard_caches(), (getTypeOutputInfo) (__VA_ARGS__))
#define getBaseType(id)            (discard_caches(), (getBaseType) (id))
#define getBaseTypeAndTypmod(...)  (discard_caches(), (getBaseTypeAndTypmod) (__VA_ARGS__))
#define RelationGetReplicaIndex(r) (discard_caches(), (RelationGetReplicaIndex) (r))
#define RelationGetIndexList(r)    (discard_caches(), (RelationGetIndexList) (r))
#define lookup_rowtype_tupdesc_copy(...)                                                           \
	(discard_caches(), (lookup_rowtype_tupdesc_copy) (__VA_ARGS__))

#endif /* NOVA_TEST_DISCARD_H */
