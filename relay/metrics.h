/*-------------------------------------------------------------------------
 *
 * metrics.h
 *		The published numbers as Prometheus text.
 *
 * One table in metrics.c has every metric: its name, type, meaning and where its
 * value lies.  Printing and the documentation read it.  What has a name in
 * Debezium's JMX exporter configuration has that name here, with the labels
 * context, name and plugin; the rest begins with nova_ and has the label
 * connector.
 *
 * Pure: the time and the process's own figures are arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_METRICS_H
#define NOVA_RELAY_METRICS_H

#include <stdio.h>

#include "config.h"
#include "numbers.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Of the process, at the time of asking; 0 is not printed. */
typedef struct ProcessNumbers
{
	double cpu_seconds;
	uint64_t resident_bytes;
	uint64_t open_fds;
	uint64_t max_fds;
	int64_t now; /* ms since 1970 */
} ProcessNumbers;

extern void metrics_print(FILE *out, const RelayConfig *cfg, const Reading *reading,
						  const ProcessNumbers *process);

/* The table as Markdown, for the docs. */
extern void metrics_print_table(FILE *out);

#endif /* NOVA_RELAY_METRICS_H */
