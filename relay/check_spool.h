/*-------------------------------------------------------------------------
 *
 * check_spool.h
 *		The part of `nova-relay check` that is about nova.spool.dir: what waits there,
 *		and would a start take it?
 *
 *	check_spool(&findings, cfg, database, &place, &spool)	a finding, if there is a directory
 *	check_spool_bridges(…, &record, fault)					then for the position
 *
 * With a spool more was confirmed to the slot than the state topic remembers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CHECK_SPOOL_H
#define NOVA_RELAY_CHECK_SPOOL_H

#include <stdbool.h>

#include "config.h"
#include "findings.h"
#include "slot.h"
#include "spool.h"
#include "state.h"

typedef struct CheckedSpool
{
	bool ours; /* it has something of this slot, and is sound */
	SpoolSight sight;
} CheckedSpool;

/* Reads the files.  place NULL: PostgreSQL did not say what it is to be compared with. */
extern void check_spool(Findings *f, const RelayConfig *cfg, const char *database,
						const SlotPlace *place, CheckedSpool *spool);

/*
 * Does the spool have what is between the position and the slot, or is it passed by?
 * Then that was the finding.  fault is that of the position by itself.
 */
extern bool check_spool_bridges(Findings *f, const RelayConfig *cfg, const CheckedSpool *spool,
								const StateRecord *record, PositionFault fault);

#endif /* NOVA_RELAY_CHECK_SPOOL_H */
