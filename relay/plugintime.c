/*-------------------------------------------------------------------------
 *
 * plugintime.c
 *		What each table has cost the plugin.
 *
 *-------------------------------------------------------------------------
 */
#include "plugintime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHER "other"

bool
plugintime_init(PluginTimes *times)
{
	times->rows = calloc(PLUGINTIME_TABLES + 1, sizeof(*times->rows));
	times->n = 0;
	return times->rows != NULL;
}

void
plugintime_free(PluginTimes *times)
{
	free(times->rows);
	*times = (PluginTimes){0};
}

static void
name_table(char *out, size_t size, const NovaStats *stats)
{
	if (stats->table.len == 0)
		snprintf(out, size, PLUGINTIME_UNCAPTURED);
	else
		snprintf(out, size, "%.*s.%.*s", (int) stats->schema.len, stats->schema.data,
				 (int) stats->table.len, stats->table.data);
}

static TableTime *
row_of(PluginTimes *times, const char *table)
{
	size_t i = 0;

	while (i < times->n && i < PLUGINTIME_TABLES && strcmp(times->rows[i].table, table) != 0)
		i++;
	if (i == times->n)
		snprintf(times->rows[times->n++].table, sizeof(times->rows[i].table), "%s",
				 i == PLUGINTIME_TABLES ? OTHER : table);
	return &times->rows[i];
}

void
plugintime_add(PluginTimes *times, const NovaStats *stats)
{
	char table[sizeof(times->rows[0].table)];
	TableTime *row;

	name_table(table, sizeof(table), stats);
	row = row_of(times, table);
	row->changes += stats->changes;
	row->ns += stats->ns;
}
