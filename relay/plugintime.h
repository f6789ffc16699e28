/*-------------------------------------------------------------------------
 *
 * plugintime.h
 *		What each table has cost the plugin, as its STATS frames say.
 *
 *	plugintime_add(&times, &stats);
 *
 * Pure.  Memory is bounded, for the numbers are published and printed: what comes
 * after PLUGINTIME_TABLES tables is counted together, as "other".  Tables that are
 * not captured the plugin puts together itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_PLUGINTIME_H
#define NOVA_RELAY_PLUGINTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"

#define PLUGINTIME_TABLES     200

#define PLUGINTIME_UNCAPTURED "(not captured)"

/* The plugin's option that asks for the frames, and how often they are wanted. */
#define PLUGINTIME_OPTION "stats.interval.ms"
#define PLUGINTIME_EVERY  "1000"

typedef struct TableTime
{
	char table[144]; /* schema.table; cut off at the end */
	uint64_t changes;
	uint64_t ns;
} TableTime;

typedef struct PluginTimes
{
	TableTime *rows; /* the last one may be that of all others */
	size_t n;
} PluginTimes;

/* False when out of memory. */
extern bool plugintime_init(PluginTimes *times);
extern void plugintime_free(PluginTimes *times);

extern void plugintime_add(PluginTimes *times, const NovaStats *stats);

#endif /* NOVA_RELAY_PLUGINTIME_H */
