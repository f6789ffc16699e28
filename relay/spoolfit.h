/*-------------------------------------------------------------------------
 *
 * spoolfit.h
 *		May what a spool has be delivered to where a slot's changes went?
 *
 *	spoolfit_slot(&claim, …)		nothing is between its end and the slot, which is its own
 *	spoolfit_topic(&claim, …)		nobody else has delivered anything behind it
 *
 * Both: true, or false with one line, with LSNs and what to do, which names the
 * spool.  What was delivered out of order would put old states behind newer ones.
 *
 * Pure: no I/O, nothing is logged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SPOOLFIT_H
#define NOVA_RELAY_SPOOLFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slot.h"
#include "spoolfile.h"

/* What a spool says of itself. */
typedef struct SpoolClaim
{
	const char *dir;
	const SpoolOwner *owner;
	uint64_t end;
	bool torn; /* behind that is something that is no whole transaction */
} SpoolClaim;

/* As if the end of the spool were what is remembered of the slot. */
extern SlotMemory spoolfit_memory(const SpoolClaim *claim);

/* slot and database are those of the relay, at the place. */
extern bool spoolfit_slot(const SpoolClaim *claim, const char *slot, const char *database,
						  const SlotPlace *place, char *out, size_t size);

/* position: what the state topic has. */
extern bool spoolfit_topic(const SpoolClaim *claim, const char *topic, uint64_t position, char *out,
						   size_t size);

#endif /* NOVA_RELAY_SPOOLFIT_H */
