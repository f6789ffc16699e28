/*-------------------------------------------------------------------------
 *
 * slot.c
 *		What a slot's row means: is it sound, is it where we left it, who holds it?
 *
 *-------------------------------------------------------------------------
 */
#include "slot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copydata.h"

#define MB            INT64_C(1048576)
#define SAY_AGAIN_MS  300000 /* between two lines about the same shortage */
#define RELIEF_EIGHTH 10     /* a shortage ends this many eighths above its threshold */

/*
 * Faults
 */

/* In the order of SlotFault; %s is the slot's name. */
static const struct
{
	SlotMeans means;
	const char *fix;
} faults[] = {
	[SLOT_SOUND] = {SLOT_MEANS_NOTHING, ""},
	[SLOT_ABSENT] = {SLOT_MEANS_LOSS,
					 "set snapshot.mode to when_needed and start again, for a new slot and a new "
					 "snapshot"},
	[SLOT_PHYSICAL] = {SLOT_MEANS_STOP, "use another slot.name"},
	[SLOT_FOREIGN_DATABASE] = {SLOT_MEANS_STOP, "use another slot.name or that database.dbname"},
	[SLOT_FOREIGN_PLUGIN] = {SLOT_MEANS_STOP,
							 "use another slot.name, or, when its present user is stopped for "
							 "good, drop it: SELECT pg_drop_replication_slot('%s')"},
	[SLOT_INVALIDATED] = {SLOT_MEANS_LOSS,
						  "set snapshot.mode to when_needed and start again, for a new slot and a "
						  "new snapshot; to prevent this see max_slot_wal_keep_size, or, where the "
						  "reason is idle_timeout, idle_replication_slot_timeout"},
	[SLOT_SYNCED] = {SLOT_MEANS_WAIT,
					 "point database.hostname at the primary, or wait for the promotion"},
	[SLOT_UNFINISHED] = {SLOT_MEANS_WAIT, "wait until it is made"},
	[SLOT_UNRESERVED] = {SLOT_MEANS_WARNING,
						 "let the relay catch up now, or raise max_slot_wal_keep_size"},
};

static bool
is_invalidated(const SlotRow *row)
{
	return strcmp(row->wal_status, "lost") == 0 || row->invalidation[0] != '\0';
}

SlotFault
slot_judge(const SlotRow *row, const char *database, bool standby)
{
	if (!row->found)
		return SLOT_ABSENT;
	if (row->physical)
		return SLOT_PHYSICAL;
	if (strcmp(row->database, database) != 0)
		return SLOT_FOREIGN_DATABASE;
	if (strcmp(row->plugin, "nova_decoder") != 0)
		return SLOT_FOREIGN_PLUGIN;
	if (is_invalidated(row))
		return SLOT_INVALIDATED;
	if (row->synced && standby)
		return SLOT_SYNCED;
	if (row->confirmed_lsn == 0)
		return SLOT_UNFINISHED;
	if (strcmp(row->wal_status, "unreserved") == 0)
		return SLOT_UNRESERVED;
	return SLOT_SOUND;
}

SlotMeans
slot_means(SlotFault fault)
{
	return faults[fault].means;
}

/* Before 16 a server says only that it is lost, and then this is why. */
static const char *
invalidation_of(const SlotRow *row)
{
	return row->invalidation[0] != '\0' ? row->invalidation : "wal_removed";
}

void
slot_lost_text(const SlotRow *row, char *out, size_t size)
{
	static const char *const settings[][2] = {
		{"wal_removed", "max_slot_wal_keep_size"},
		{"idle_timeout", "idle_replication_slot_timeout"},
		{"rows_removed", "hot_standby_feedback on the standby"},
		{"wal_level_insufficient", "wal_level of the primary"},
		/* 16, which does not tell these two apart */
		{"conflicting", "hot_standby_feedback on the standby and wal_level of the primary"},
	};
	const char *reason = invalidation_of(row);
	const char *setting = NULL;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(reason, settings[i][0]) == 0)
			setting = settings[i][1];
	snprintf(out, size, "the server's reason is %s%s%s", reason,
			 setting != NULL ? "; to prevent it see " : "", setting != NULL ? setting : "");
}

void
slot_explain(SlotFault fault, const SlotRow *row, const char *slot, const char *database,
			 SlotText *out)
{
	const char *fix = faults[fault].fix;
	const char *place = strstr(fix, "%s");
	const size_t size = sizeof(out->what);

	if (place != NULL)
		snprintf(out->fix, sizeof(out->fix), "%.*s%s%s", (int) (place - fix), fix, slot, place + 2);
	else
		snprintf(out->fix, sizeof(out->fix), "%s", fix);
	if (fault == SLOT_ABSENT)
		snprintf(out->what, size, "does not exist");
	else if (fault == SLOT_PHYSICAL)
		snprintf(out->what, size, "is a physical slot");
	else if (fault == SLOT_FOREIGN_DATABASE)
		snprintf(out->what, size, "belongs to database \"%s\", not \"%s\"", row->database,
				 database);
	else if (fault == SLOT_FOREIGN_PLUGIN)
		snprintf(out->what, size, "was made for the plugin %s", row->plugin);
	else if (fault == SLOT_INVALIDATED)
		snprintf(out->what, size, "is invalidated (%s) and its changes are gone",
				 invalidation_of(row));
	else if (fault == SLOT_SYNCED)
		snprintf(out->what, size, "is a standby's copy, which cannot be read in recovery");
	else if (fault == SLOT_UNFINISHED)
		snprintf(out->what, size, "is still being made by another session");
	else if (fault == SLOT_UNRESERVED)
		snprintf(out->what, size, "will lose WAL that it needs at the next checkpoint");
	else
		snprintf(out->what, size, "is sound");
}

void
slot_holder_text(const SlotHolder *holder, char *out, size_t size)
{
	const char *client = holder->client;

	/* an address that is hidden looks like one that there is none of */
	if (client[0] == '\0')
		client = holder->signs[0] != '\0' || holder->visible ? "a local socket"
															 : "an address that is not shown";
	snprintf(out, size, "PID %d, application \"%s\", role %s, from %s%s", holder->pid,
			 holder->application, holder->role[0] != '\0' ? holder->role : "unknown", client,
			 holder->direct ? ", on the direct road" : "");
}

/*
 * Positions
 */

PositionFault
position_judge(const SlotMemory *memory, const SlotPlace *place)
{
	long was = strtol(memory->timeline, NULL, 10);
	long is = strtol(place->timeline, NULL, 10);
	TimelineVerdict verdict;
	uint64_t left;

	if (memory->position == 0)
		return POSITION_SOUND;
	if (memory->system_id[0] != '\0' && strcmp(memory->system_id, place->system_id) != 0)
		return POSITION_OTHER_CLUSTER;
	if (is < was)
		return POSITION_OLD_TIMELINE;
	if (!place->found)
		return POSITION_SLOT_GONE;
	if (place->confirmed_lsn > memory->position)
		return POSITION_GAP;
	verdict =
		timeline_judge(place->history, memory->timeline, place->timeline, memory->position, &left);
	if (verdict == TIMELINE_LOST || verdict == TIMELINE_FOREIGN ||
		(place->wal_end != 0 && place->wal_end < memory->position))
		return POSITION_SERVER_BEHIND;
	return is > was && was != 0 ? POSITION_NEW_TIMELINE : POSITION_SOUND;
}

void
position_explain(PositionFault fault, const SlotMemory *memory, const SlotPlace *place, char *out,
				 size_t size)
{
	out[0] = '\0';
	if (fault == POSITION_NEW_TIMELINE)
		snprintf(out, size,
				 "timeline %s, it was %s: a standby was promoted, and the slot is there at LSN "
				 "" LSN_FORMAT ", not behind the position " LSN_FORMAT
				 " that is remembered: going on, some records may repeat",
				 place->timeline, memory->timeline, LSN_ARGS(place->confirmed_lsn),
				 LSN_ARGS(memory->position));
	else if (fault == POSITION_SERVER_BEHIND &&
			 timeline_lost_text(place->history, memory->timeline, place->timeline, memory->position,
								out, size))
		return;
	else if (fault == POSITION_SERVER_BEHIND)
		snprintf(out, size,
				 "the server ends at LSN " LSN_FORMAT ", timeline %s, but " LSN_FORMAT
				 ", timeline %s, was delivered already: it was put back or promoted without its "
				 "last changes, which are in the topics; going on from LSN " LSN_FORMAT
				 "; compare the tables with the topics",
				 LSN_ARGS(place->wal_end), place->timeline, LSN_ARGS(memory->position),
				 memory->timeline, LSN_ARGS(place->confirmed_lsn));
	else if (fault == POSITION_SLOT_GONE)
		snprintf(out, size,
				 "everything up to LSN " LSN_FORMAT
				 ", timeline %s, is delivered, and the slot that "
				 "had the rest is not on this server (timeline %s)",
				 LSN_ARGS(memory->position), memory->timeline, place->timeline);
	else if (fault == POSITION_GAP)
		snprintf(
			out, size,
			"everything up to LSN " LSN_FORMAT " is delivered, but the slot begins at " LSN_FORMAT
			": what is between is lost to it; somebody made it anew or advanced it, or a relay on "
			"another host has it in its spool (nova.spool.dir)",
			LSN_ARGS(memory->position), LSN_ARGS(place->confirmed_lsn));
	else if (fault == POSITION_OLD_TIMELINE)
		snprintf(out, size,
				 "this server is on timeline %s, but timeline %s was delivered from already: it is "
				 "a primary from before the promotion; point database.hostname at the new one",
				 place->timeline, memory->timeline);
	else if (fault == POSITION_OTHER_CLUSTER)
		snprintf(out, size,
				 "this is another cluster: system identifier %s, the state topic remembers %s",
				 place->system_id, memory->system_id);
}

/*
 * WAL
 */

/* eighths: 8 for the threshold itself, more for some distance to it. */
static bool
is_short(const SlotRow *row, WalLimits limits, int64_t eighths)
{
	if (strcmp(row->wal_status, "unreserved") == 0)
		return true;
	if (limits.safe_percent > 0 && row->safe_bytes >= 0 && row->retained_bytes >= 0 &&
		row->safe_bytes / 8 * 100 <
			(row->safe_bytes + row->retained_bytes) / 64 * limits.safe_percent * eighths)
		return true;
	return limits.retained_bytes > 0 && row->retained_bytes > limits.retained_bytes / eighths * 8;
}

bool
wal_is_low(const SlotRow *row, WalLimits limits)
{
	return row->found && is_short(row, limits, 8);
}

WalNews
walwatch_take(WalWatch *watch, const SlotRow *row, WalLimits limits, int64_t now)
{
	bool was = watch->low;

	/* what becomes of a slot that is gone or invalidated is not a matter of space */
	if (!row->found || is_invalidated(row))
		return WAL_NO_NEWS;
	watch->low = is_short(row, limits, was ? RELIEF_EIGHTH : 8);
	if (was && !watch->low)
		return WAL_RECOVERED;
	if (!watch->low || (was && now < watch->next_line))
		return WAL_NO_NEWS;
	watch->next_line = now + SAY_AGAIN_MS;
	return WAL_LOW;
}

void
wal_text(const SlotRow *row, char *out, size_t size)
{
	char safe[64] = "no limit is set";

	if (row->safe_bytes >= 0)
		snprintf(safe, sizeof(safe), "%" PRId64 " MB more may be written until it is lost",
				 row->safe_bytes / MB);
	snprintf(out, size, "it keeps %" PRId64 " MB of WAL (wal_status %s), %s",
			 row->retained_bytes / MB, row->wal_status, safe);
}

/*
 * The holder
 */

bool
holder_silent(HolderWatch *watch, const SlotHolder *holder, int64_t after_ms, int64_t now)
{
	if (holder->pid != watch->pid || strcmp(holder->signs, watch->signs) != 0)
	{
		watch->pid = holder->pid;
		snprintf(watch->signs, sizeof(watch->signs), "%s", holder->signs);
		watch->since = now;
	}
	/* one that waits has read everything that came; one that is busy may not have */
	return holder->pid != 0 && holder->signs[0] != '\0' && holder->waiting &&
		   now - watch->since >= after_ms;
}
