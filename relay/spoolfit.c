/*-------------------------------------------------------------------------
 *
 * spoolfit.c
 *		May what a spool has be delivered to where a slot's changes went?
 *
 *-------------------------------------------------------------------------
 */
#include "spoolfit.h"

#include <stdio.h>
#include <string.h>

#include "copydata.h"

#define SEE_DOCS "see docs/operations.md, \"A spool that is refused\""

SlotMemory
spoolfit_memory(const SpoolClaim *claim)
{
	return (SlotMemory){claim->owner->system_id, claim->owner->timeline, claim->end};
}

static bool
is_owner(const SpoolOwner *owner, const char *slot, const char *database, const char *system_id)
{
	return strcmp(owner->system_id, system_id) == 0 && strcmp(owner->slot, slot) == 0 &&
		   strcmp(owner->database, database) == 0;
}

bool
spoolfit_slot(const SpoolClaim *claim, const char *slot, const char *database,
			  const SlotPlace *place, char *out, size_t size)
{
	const SlotMemory memory = spoolfit_memory(claim);
	const SpoolOwner *owner = claim->owner;
	PositionFault fault = position_judge(&memory, place);
	char text[512];

	if (!is_owner(owner, slot, database, place->system_id))
		snprintf(out, size,
				 "spool %s: it has changes of slot %s, database %s, system %s, and this is slot "
				 "%s, database %s, system %s; nothing of it is delivered; give each relay a "
				 "directory of its own",
				 claim->dir, owner->slot, owner->database, owner->system_id, slot, database,
				 place->system_id);
	else if (fault == POSITION_SOUND || fault == POSITION_NEW_TIMELINE)
		return true;
	else if (fault == POSITION_GAP)
		snprintf(out, size,
				 "spool %s: it ends at LSN " LSN_FORMAT
				 ", but slot %s was confirmed up to " LSN_FORMAT
				 ": the end of the spool is missing%s, or another relay has gone on without it; "
				 "nothing of it is delivered, for that could put old states behind newer "
				 "ones; " SEE_DOCS,
				 claim->dir, LSN_ARGS(claim->end), slot, LSN_ARGS(place->confirmed_lsn),
				 claim->torn ? " or damaged (what is behind that is no whole transaction)" : "");
	else
	{
		position_explain(fault, &memory, place, text, sizeof(text));
		snprintf(out, size, "spool %s: slot %s: %s; nothing of the spool is delivered; " SEE_DOCS,
				 claim->dir, slot, text);
	}
	return false;
}

bool
spoolfit_topic(const SpoolClaim *claim, const char *topic, uint64_t position, char *out,
			   size_t size)
{
	if (position <= claim->end)
		return true;
	snprintf(out, size,
			 "spool %s: it ends at LSN " LSN_FORMAT
			 ", but by state topic %s everything up to " LSN_FORMAT
			 " is delivered: another relay has gone on without it; nothing of it is delivered, "
			 "for that could put old states behind newer ones; " SEE_DOCS,
			 claim->dir, LSN_ARGS(claim->end), topic, LSN_ARGS(position));
	return false;
}
