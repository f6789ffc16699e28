/*-------------------------------------------------------------------------
 *
 * routecounts.c
 *		Records and bytes of each table, topic and operation.
 *
 *-------------------------------------------------------------------------
 */
#include "routecounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHER "other"

/* As COUNTED_OPS has them. */
const uint8_t routecounts_ops[UINT8_MAX + 1] = {
	['c'] = 1, ['u'] = 2, ['r'] = 3, ['d'] = 4, ['t'] = 5, ['m'] = 6, ['x'] = 7};

bool
routecounts_init(RouteCounts *counts)
{
	counts->rows = calloc(ROUTES_COUNTED + 1, sizeof(*counts->rows));
	counts->n = 0;
	return counts->rows != NULL;
}

void
routecounts_free(RouteCounts *counts)
{
	free(counts->rows);
	*counts = (RouteCounts){0};
}

static void
name_row(RouteNumbers *row, const char *table, const char *topic)
{
	snprintf(row->table, sizeof(row->table), "%s", table);
	snprintf(row->topic, sizeof(row->topic), "%s", topic);
}

static bool
is_of(const RouteNumbers *row, const RouteNumbers *wanted)
{
	return strcmp(row->topic, wanted->topic) == 0 && strcmp(row->table, wanted->table) == 0;
}

RouteNumbers *
routecounts_of(RouteCounts *counts, const char *table, const char *topic)
{
	RouteNumbers wanted;
	size_t i = 0;

	name_row(&wanted, table, topic);
	while (i < counts->n && i < ROUTES_COUNTED && !is_of(&counts->rows[i], &wanted))
		i++;
	if (i == counts->n)
	{
		bool full = i == ROUTES_COUNTED;

		name_row(&counts->rows[counts->n++], full ? OTHER : table, full ? OTHER : topic);
	}
	return &counts->rows[i];
}
