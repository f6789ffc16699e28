/*-------------------------------------------------------------------------
 *
 * road.c
 *		By which road the changes come, and why; see road.h.
 *
 *-------------------------------------------------------------------------
 */
#include "road.h"

#include <string.h>

/* In the order of Road. */
static const char *const roads[] = {
	[ROAD_REPLICATION] = "replication",
	[ROAD_DIRECT] = "direct",
};

/* In the order of RoadReason. */
static const struct
{
	const char *name;
	const char *text;
	const char *fix; /* of an obstacle */
} reasons[] = {
	[ROAD_CONFIGURED] = {"configured", "as nova.stream.mode says", NULL},
	[ROAD_BACKLOG] = {"backlog", "there is a backlog of nova.stream.backlog.mb or more", NULL},
	[ROAD_NO_BACKLOG] = {"no_backlog", "there is little to catch up with", NULL},
	[ROAD_CAUGHT_UP] = {"caught_up", "it has caught up", NULL},
	[ROAD_REREAD] = {"reread",
					 "a new stream would have much to read again, for an older transaction is open",
					 NULL},
	[ROAD_NO_EXTENSION] = {"no_extension",
						   "the direct one needs the extension nova_decoder in the database, which "
						   "is not there",
						   "run in this database: CREATE EXTENSION nova_decoder"},
	[ROAD_OLD_EXTENSION] = {"old_extension",
							"the extension nova_decoder in the database is older and has no "
							"nova.stream()",
							"install the newer package on the server, and run in this database: "
							"ALTER EXTENSION nova_decoder UPDATE"},
	[ROAD_NO_USAGE] = {"no_usage", "this role may not use the schema nova",
					   "run in this database: GRANT USAGE ON SCHEMA nova TO <user>"},
	[ROAD_NO_EXECUTE] = {"no_execute", "this role may not call nova.stream()",
						 "run in this database: GRANT EXECUTE ON PROCEDURE "
						 "nova.stream(name, pg_lsn, text[]) TO <user>"},
	[ROAD_FAILED] = {"failed", "the direct one could not be begun, and is tried again later",
					 "see the relay's log and the server's"},
};

#define REASON_COUNT (sizeof(reasons) / sizeof(reasons[0]))

/* Has the backlog that the direct stream was begun for been worked off? */
static bool
is_done(const RoadChoice *choice, const RoadRules *rules, const RoadView *view)
{
	/* it was, long since, and there may be another one */
	if (choice->now.reason == ROAD_REREAD && view->backlog >= rules->backlog_bytes)
		return false;
	return view->caught_up ||
		   (view->backlog >= 0 && view->backlog < rules->backlog_bytes / ROAD_LITTLE);
}

static bool
has_rested(const RoadChoice *choice, int64_t now)
{
	return !choice->left_direct || now - choice->since >= ROAD_REST_MS;
}

/* The direct one: is it to be left? */
static RoadWish
leave(const RoadChoice *choice, const RoadRules *rules, const RoadView *view)
{
	if (!is_done(choice, rules, view))
		return (RoadWish){ROAD_DIRECT, ROAD_BACKLOG};
	if (view->again >= ROAD_MUCH * rules->backlog_bytes)
		return (RoadWish){ROAD_DIRECT, ROAD_REREAD};
	return (RoadWish){ROAD_REPLICATION, ROAD_CAUGHT_UP};
}

/* Or may be: then what it has not read is no backlog, for it was read before. */
static bool
is_rereading(const RoadRules *rules, const RoadView *view)
{
	const bool little = view->again >= 0 && view->again < rules->backlog_bytes;

	return !view->begins && !view->passed_start && !little;
}

static RoadWish
automatic(const RoadChoice *choice, const RoadRules *rules, const RoadView *view, int64_t now)
{
	const RoadReason why = choice->now.reason == ROAD_CAUGHT_UP ? ROAD_CAUGHT_UP : ROAD_NO_BACKLOG;

	if (choice->taken && choice->now.road == ROAD_DIRECT)
		return leave(choice, rules, view);
	if (view->backlog < rules->backlog_bytes || !has_rested(choice, now) ||
		is_rereading(rules, view))
		return (RoadWish){ROAD_REPLICATION, why};
	if (!view->begins && view->again > view->backlog)
		return (RoadWish){ROAD_REPLICATION, ROAD_REREAD};
	return (RoadWish){ROAD_DIRECT, ROAD_BACKLOG};
}

RoadWish
road_wish(const RoadChoice *choice, const RoadRules *rules, const RoadView *view, int64_t now)
{
	if (rules->mode == STREAM_REPLICATION)
		return (RoadWish){ROAD_REPLICATION, ROAD_CONFIGURED};
	if (view->obstacle != ROAD_CONFIGURED)
		return (RoadWish){ROAD_REPLICATION, view->obstacle};
	if (now < choice->failed_until)
		return (RoadWish){ROAD_REPLICATION, ROAD_FAILED};
	if (rules->mode == STREAM_DIRECT)
		return (RoadWish){ROAD_DIRECT, ROAD_CONFIGURED};
	return automatic(choice, rules, view, now);
}

bool
road_take(RoadChoice *choice, RoadWish wish, int64_t now)
{
	const bool changed = choice->taken && choice->now.road != wish.road;

	if (changed || !choice->taken)
	{
		choice->left_direct = changed && wish.road == ROAD_REPLICATION;
		choice->since = now;
	}
	/* it did what it was taken for */
	if (changed && wish.reason == ROAD_CAUGHT_UP)
		choice->failures = choice->breaks = 0;
	choice->taken = true;
	choice->now = wish;
	return changed;
}

int64_t
road_failed(RoadChoice *choice, int64_t now)
{
	int64_t pause = ROAD_RETRY_MS;

	for (int i = 0; i < choice->failures && pause < ROAD_RETRY_MAX_MS; i++)
		pause *= 2;
	if (pause >= ROAD_RETRY_MAX_MS)
		pause = ROAD_RETRY_MAX_MS;
	else
		choice->failures++;
	choice->failed_until = now + pause;
	return pause;
}

int64_t
road_broke(RoadChoice *choice, int64_t lived, int64_t now)
{
	if (lived >= ROAD_STEADY_MS)
	{
		choice->failures = choice->breaks = 0;
		return 0;
	}
	if (choice->breaks < ROAD_BREAKS)
		choice->breaks++;
	return choice->breaks < ROAD_BREAKS ? 0 : road_failed(choice, now);
}

const char *
road_name(Road road)
{
	return roads[road];
}

const char *
road_reason_name(RoadReason reason)
{
	return reasons[reason].name;
}

const char *
road_reason_text(RoadReason reason)
{
	return reasons[reason].text;
}

const char *
road_reason_fix(RoadReason reason)
{
	return reasons[reason].fix;
}

bool
road_reason_parse(const char *name, RoadReason *reason)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (strcmp(reasons[i].name, name) == 0)
		{
			*reason = (RoadReason) i;
			return true;
		}
	return false;
}
