/*-------------------------------------------------------------------------
 *
 * meter.h
 *		Shows progress.h: a bar on a terminal, elsewhere a line of the log now and then.
 *
 *	meter_begin(&m, now);
 *	if (meter_due(&m, now)) meter_show(&m, &progress, now);		as often as you like
 *	meter_end();		before anything else goes to the terminal, and at the end
 *
 * The log removes the bar before each of its lines by itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_METER_H
#define NOVA_RELAY_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "progress.h"

typedef struct Meter
{
	int64_t next; /* when to show it again */
} Meter;

extern void meter_begin(Meter *m, int64_t now);
extern bool meter_due(const Meter *m, int64_t now);
extern void meter_show(Meter *m, const Progress *p, int64_t now);
extern void meter_end(void);

#endif /* NOVA_RELAY_METER_H */
