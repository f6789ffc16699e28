/*-------------------------------------------------------------------------
 *
 * check_spool.c
 *		The part of `nova-relay check` that is about nova.spool.dir.
 *
 *-------------------------------------------------------------------------
 */
#include "check_spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "copydata.h"
#include "spoolfit.h"

#define WHAT      "spool"
#define REFUSED   "see docs/operations.md, \"A spool that is refused\""
#define LEAVE_IT  "start the relay here, before any other: it delivers that first; do not remove it"
#define TEXT_SIZE 1024

static SpoolClaim
claim_of(const RelayConfig *cfg, const SpoolSight *sight)
{
	return (SpoolClaim){cfg->spool_dir, &sight->owner, sight->end, sight->torn > 0};
}

static void
since_text(const SpoolSight *sight, char out[32])
{
	time_t seconds = (time_t) (sight->numbers.since / 1000);
	struct tm tm;

	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
}

/* While a relay is at it only the bytes are known, and whose they are. */
static void
judge_used(Findings *f, const RelayConfig *cfg, CheckedSpool *spool)
{
	const SpoolSight *sight = &spool->sight;

	if (sight->numbers.bytes == 0)
		findings_ok(f, WHAT, "%s is in use by a relay that runs, and has nothing", cfg->spool_dir);
	else if (strcmp(sight->owner.slot, cfg->slot_name) != 0)
		findings_fail(f, WHAT, "give each relay a directory of its own",
					  "%s is in use by a relay that runs, and has changes of slot %s, not %s",
					  cfg->spool_dir, sight->owner.slot, cfg->slot_name);
	else
	{
		spool->ours = true;
		findings_warn(
			f, WHAT, "nothing, if Kafka comes back: `nova-relay status` says how it goes on",
			"%s is in use by a relay that runs, and has %" PRIu64 " bytes that wait for Kafka",
			cfg->spool_dir, sight->numbers.bytes);
	}
}

static void
judge_waiting(Findings *f, const RelayConfig *cfg, const char *database, const SlotPlace *place,
			  CheckedSpool *spool)
{
	const SpoolSight *sight = &spool->sight;
	const SpoolClaim claim = claim_of(cfg, sight);
	char text[TEXT_SIZE];
	char since[32];

	if (place != NULL &&
		!spoolfit_slot(&claim, cfg->slot_name, database, place, text, sizeof(text)))
	{
		findings_fail(f, WHAT, REFUSED, "%s", text);
		return;
	}
	spool->ours = true;
	since_text(sight, since);
	findings_warn(f, WHAT, LEAVE_IT,
				  "%s has %" PRIu64 " bytes in %" PRIu64 " messages since %s, up to LSN " LSN_FORMAT
				  ", which are confirmed to PostgreSQL and not in Kafka%s",
				  cfg->spool_dir, sight->numbers.bytes, sight->numbers.entries, since,
				  LSN_ARGS(sight->end),
				  place == NULL ? "; whether they fit the slot is not known" : "");
}

void
check_spool(Findings *f, const RelayConfig *cfg, const char *database, const SlotPlace *place,
			CheckedSpool *spool)
{
	const SpoolSight *sight = &spool->sight;
	char text[TEXT_SIZE];

	*spool = (CheckedSpool){0};
	if (cfg->spool_dir == NULL)
		return;
	if (!spool_look(cfg->spool_dir, &spool->sight, text, sizeof(text)))
		findings_fail(f, WHAT, REFUSED, "%s", text);
	else if (!sight->there)
		findings_ok(f, WHAT, "%s is made by the relay", cfg->spool_dir);
	else if (sight->used)
		judge_used(f, cfg, spool);
	else if (sight->end == 0)
		findings_ok(f, WHAT, "%s has nothing that waits", cfg->spool_dir);
	else
		judge_waiting(f, cfg, database, place, spool);
}

bool
check_spool_bridges(Findings *f, const RelayConfig *cfg, const CheckedSpool *spool,
					const StateRecord *record, PositionFault fault)
{
	const SpoolSight *sight = &spool->sight;
	const SpoolClaim claim = claim_of(cfg, sight);
	char text[TEXT_SIZE];

	if (!spool->ours || (sight->used && fault != POSITION_GAP))
		return false;
	if (sight->used)
		findings_warn(f, "position", "let the relay that runs deliver its spool",
					  "everything up to LSN " LSN_FORMAT
					  ", timeline %s, is delivered; what follows is in the spool",
					  LSN_ARGS(record->position), record->timeline);
	else if (!spoolfit_topic(&claim, cfg->state_topic, record->position, text, sizeof(text)))
		findings_fail(f, "position", REFUSED, "%s", text);
	else
		findings_ok(
			f, "position",
			"everything up to LSN " LSN_FORMAT
			", timeline %s, is delivered, and the spool has what follows, up to " LSN_FORMAT,
			LSN_ARGS(record->position), record->timeline, LSN_ARGS(sight->end));
	return true;
}
