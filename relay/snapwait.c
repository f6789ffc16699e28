/*-------------------------------------------------------------------------
 *
 * snapwait.c
 *		`nova-relay snapshot … --wait`: follow an incremental snapshot to its end.
 *
 * Traps: a relay that remembers nothing (--sink stdout) confirms the signal at
 * once, and its snapshots are never seen here.
 *
 *-------------------------------------------------------------------------
 */
#include "snapwait.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "log.h"
#include "meter.h"
#include "pgwait.h"
#include "relay.h"
#include "statewait.h"
#include "verify_internal.h"

#define LOOK_MS 300 /* between two looks at the state topic */

typedef struct Wait
{
	const RelayConfig *cfg;
	const char *id;
	int timeout_s;
	VerifyTable *list; /* all captured tables, for their estimates */
	size_t nlist;
	Meter meter;
	Progress progress;
	char note[400];
	char table[300]; /* the one that is read */
	uint64_t rows;   /* of it */
	uint64_t before; /* of those before it */
	JobsEnd end;     /* once it is over */
} Wait;

static int
fail(const char *why)
{
	log_error("cannot wait for the snapshot: %s", why);
	return EXIT_FAILED;
}

/*
 * The signal
 */

static bool
reach_signal(TableSide *side, Wait *w)
{
	uint64_t lsn;

	return tables_list(side, &w->list, &w->nlist) && tables_moment(side, &lsn) &&
		   tables_wait(side, lsn);
}

/* Until the relay has it; the connection, and the transaction in it, end with that. */
static int
await_signal(Wait *w)
{
	TableSide *side = tables_open(w->cfg, w->timeout_s);
	int status = EXIT_OK;

	if (side == NULL)
		return fail("out of memory");
	if (tables_error(side)[0] != '\0' || !reach_signal(side, w))
		status = fail(tables_error(side));
	tables_close(side);
	return status;
}

/*
 * How far it is
 */

static int64_t
estimate_of(const Wait *w, const JobTable *table)
{
	char name[300];

	snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
	for (size_t i = 0; i < w->nlist; i++)
		if (strcmp(w->list[i].name, name) == 0)
			return w->list[i].row_estimate;
	return -1;
}

/* Rows that the tables which are left have by their statistics, or -1; *n: how many tables. */
static int64_t
rows_left(const Wait *w, const Jobs *jobs, size_t *n)
{
	JobTable table;
	int64_t sum = 0;

	for (*n = 0; jobs_left(jobs, w->id, *n, &table); (*n)++)
	{
		int64_t rows = estimate_of(w, &table);

		sum = sum < 0 || rows < 0 ? -1 : sum + rows;
	}
	return sum;
}

static void
note_table(Wait *w, const JobTable *table)
{
	char name[sizeof(w->table)];

	snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
	if (strcmp(name, w->table) != 0)
	{
		w->before += w->rows;
		snprintf(w->table, sizeof(w->table), "%s", name);
	}
	w->rows = table->rows;
}

static void
show(Wait *w, const Jobs *jobs, int64_t now)
{
	JobTable table;
	size_t n;
	int64_t left = rows_left(w, jobs, &n);

	if (!jobs_left(jobs, w->id, 0, &table))
		snprintf(w->note, sizeof(w->note), "not begun yet");
	else
	{
		note_table(w, &table);
		snprintf(w->note, sizeof(w->note), "table %s, %zu left%s", w->table, n,
				 jobs_paused(jobs) ? ", paused" : "");
	}
	w->progress.note = w->note;
	w->progress.done = w->before + w->rows;
	w->progress.total = left < 0 ? -1 : (int64_t) w->before + left;
	if (meter_due(&w->meter, now))
		meter_show(&w->meter, &w->progress, now);
}

/* One look; *over: the request is not there any more. */
static bool
look(Wait *w, StateStore *store, bool *over)
{
	const char *text;
	Jobs *jobs;

	if (!statewait_read(store, pgwait_now() + (int64_t) w->timeout_s * 1000))
	{
		(void) fail(statewait_error(store));
		return false;
	}
	text = state_record(store)->jobs;
	jobs = jobs_new();
	if (jobs == NULL || (text != NULL && !jobs_load(jobs, text)))
	{
		(void) fail("what the state topic says of incremental snapshots cannot be read");
		jobs_free(jobs);
		return false;
	}
	*over = !jobs_has(jobs, w->id);
	if (*over)
		w->end = jobs_ended(jobs, w->id);
	else
		show(w, jobs, pgwait_now());
	jobs_free(jobs);
	return true;
}

static int
follow(Wait *w)
{
	StateStore *store = state_new(w->cfg, NULL);
	bool over = false;
	bool ok = store != NULL;

	if (store == NULL)
		(void) fail("out of memory");
	w->progress = (Progress){
		.what = "incremental snapshot", .unit = "rows", .began = pgwait_now(), .left_ms = -1};
	meter_begin(&w->meter, w->progress.began);
	while (ok && (ok = look(w, store, &over)) && !over)
		(void) poll(NULL, 0, LOOK_MS);
	meter_end();
	state_free(store);
	if (ok && w->end == JOBS_END_UNKNOWN)
		return fail("it is over, but the state topic does not say how it has ended: the relay is "
					"of an older release, or the topic's record was removed; see its log");
	if (!ok)
		return EXIT_FAILED;
	return w->end == JOBS_END_COMPLETE ? EXIT_OK : EXIT_INCOMPLETE;
}

int
snapwait(const RelayConfig *cfg, const char *id, int timeout_s, JobsEnd *end)
{
	Wait w = {.cfg = cfg, .id = id, .timeout_s = timeout_s};
	int status = await_signal(&w);

	if (status == EXIT_OK)
		status = follow(&w);
	tables_free_list(w.list, w.nlist);
	*end = w.end;
	return status;
}
