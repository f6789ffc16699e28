/*-------------------------------------------------------------------------
 *
 * routecounts.h
 *		Records and bytes of each table, topic and operation.
 *
 *	RouteNumbers *mine = routecounts_of(&counts, "public.users", "cdc.users");
 *	routecounts_add(mine, NOVA_OP_CREATE, bytes);
 *
 * Pure.  Memory is bounded, for the numbers are published and printed: what comes
 * after ROUTES_COUNTED pairs of a table and a topic is counted together, as "other".
 * Rows stay where they are until routecounts_free().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_ROUTECOUNTS_H
#define NOVA_RELAY_ROUTECOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTES_COUNTED 200

/* The operations that are told apart, and first whatever is none that the plugin sends. */
#define COUNTED_OPS "?curdtmx"
#define OP_COUNT    (sizeof(COUNTED_OPS) - 1)

typedef struct OpNumbers
{
	uint64_t records;
	uint64_t bytes; /* of keys and values */
} OpNumbers;

typedef struct RouteNumbers
{
	char table[144]; /* schema.table; "": none.  Cut off at the end */
	char topic[250];
	OpNumbers ops[OP_COUNT]; /* in the order of COUNTED_OPS */
} RouteNumbers;

typedef struct RouteCounts
{
	RouteNumbers *rows; /* the last one may be that of all others */
	size_t n;
} RouteCounts;

/* False when out of memory. */
extern bool routecounts_init(RouteCounts *counts);
extern void routecounts_free(RouteCounts *counts);

extern RouteNumbers *routecounts_of(RouteCounts *counts, const char *table, const char *topic);

/* Of each operation, where it is in RouteNumbers. */
extern const uint8_t routecounts_ops[UINT8_MAX + 1];

/* One record; bytes are those of key and value. */
static inline void
routecounts_add(RouteNumbers *row, uint8_t op, uint64_t bytes)
{
	OpNumbers *numbers = &row->ops[routecounts_ops[op]];

	numbers->records++;
	numbers->bytes += bytes;
}

#endif /* NOVA_RELAY_ROUTECOUNTS_H */
