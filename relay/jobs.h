/*-------------------------------------------------------------------------
 *
 * jobs.h
 *		Which tables incremental snapshots have still to read, and from where.
 *
 * A list of requests, each with its tables; what is done is taken out.  All of
 * it is one JSON text that goes into the state topic, so that a restart goes on
 * where the last acknowledged chunk ended:
 *
 *	{"paused":false,"requests":[{"id":"a","collections":["public\\.users"],"conditions":[],
 *	 "tables":[{"schema":"public","table":"users","after":"{7}","upto":"{9}","rows":7}]}]}
 *
 * The last ones that have ended are in "ended", as {"id":"a","how":"complete"}, for
 * whoever waits for one.  A request has "tables" as soon as the database has said which they are.  The
 * first table of the first request is the one that is read.  A table without a
 * key is read by ranges of blocks, and has "by":"blocks".
 *
 * Signals are Debezium's: execute-snapshot, stop-snapshot, pause-snapshot,
 * resume-snapshot and log.  Anybody may write one, so that everything in it is
 * checked, and what is wrong is a line in the log.
 *
 * Pure: no I/O but the log.  Traps: texts that are returned belong to the list
 * and are void after the next change of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_JOBS_H
#define NOVA_RELAY_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"

typedef struct Jobs Jobs;

typedef struct JobTable
{
	const char *schema;
	const char *name;
	const char *condition; /* for WHERE; NULL: all rows */
	const char *after;     /* position of the last row that is safe; NULL: none */
	const char *upto;      /* of the last row there was; NULL: not asked yet */
	bool by_blocks;
	uint64_t rows; /* that are safe */
} JobTable;

typedef enum JobsChange
{
	JOBS_SAME,    /* nothing to remember */
	JOBS_ADDED,   /* a request, to be remembered before it is confirmed */
	JOBS_CHANGED, /* the same for anything else */
	JOBS_STOPPED  /* the same, and what is being read may be no part of it any more */
} JobsChange;

/* How a request has ended: the worst of what happened to its tables. */
typedef enum JobsEnd
{
	JOBS_END_UNKNOWN, /* it has not, or is forgotten */
	JOBS_END_COMPLETE,
	JOBS_END_NOTHING,  /* no captured table is one of its collections */
	JOBS_END_LEFT_OUT, /* a table could not be read */
	JOBS_END_STOPPED,  /* by a signal, all of it or tables of it */
	JOBS_END_GIVEN_UP
} JobsEnd;

/* NULL when out of memory. */
extern Jobs *jobs_new(void);
extern void jobs_free(Jobs *j);

/* What a start finds; requests that are here follow it.  False: not ours, and not taken. */
extern bool jobs_load(Jobs *j, const char *text);

/* For the state topic, NULL when out of memory; the caller frees it. */
extern char *jobs_text(const Jobs *j);

/* A signal at this LSN; what is wrong with it is logged. */
extern JobsChange jobs_signal(Jobs *j, const NovaSignal *signal, uint64_t lsn);

/*
 * What an initial snapshot that was cut off has left to do.  progress is
 * snapshot_progress()'s; false: it is not, and nothing was added.
 */
extern bool jobs_resume(Jobs *j, const char *progress);

/* How the last request of this id has ended; the word for it in the text, and what it did. */
extern JobsEnd jobs_ended(const Jobs *j, const char *id);
extern const char *jobs_end_word(JobsEnd end);
extern const char *jobs_end_text(JobsEnd end); /* follows its name */

/* Is a request of this id there, and which is the i-th table that it has left? */
extern bool jobs_has(const Jobs *j, const char *id);
extern bool jobs_left(const Jobs *j, const char *id, size_t i, JobTable *table);

extern bool jobs_empty(const Jobs *j);
extern bool jobs_blank(const Jobs *j); /* there is nothing to remember */
extern bool jobs_paused(const Jobs *j);

/* Of the first request. */
extern const char *jobs_id(const Jobs *j);
extern size_t jobs_tables(const Jobs *j); /* how many are left */
extern bool jobs_resolved(const Jobs *j);
extern bool jobs_resumed(const Jobs *j); /* it is jobs_resume()'s */

/* A VALUES list's rows for SQL: which tables are wanted, with conditions. */
extern size_t jobs_collections(const Jobs *j);
extern const char *jobs_collection(const Jobs *j, size_t i);

/* The i-th condition; false: there are no more. */
extern bool jobs_condition(const Jobs *j, size_t i, const char **collection, const char **filter);

/* Begin to fill in the tables, one by one; then look at jobs_table(). */
extern bool jobs_resolve(Jobs *j);
extern bool jobs_add_table(Jobs *j, const char *schema, const char *name, const char *condition,
						   bool by_blocks);

/* The table to read; false: the first request has none (any more). */
extern bool jobs_table(const Jobs *j, JobTable *table);

/* Its end was found; a chunk of it is safe.  False when out of memory. */
extern bool jobs_set_upto(Jobs *j, const char *upto);
extern bool jobs_advance(Jobs *j, const char *after, uint64_t rows);

/* The table is done, or left out. */
extern void jobs_end_table(Jobs *j);
extern void jobs_leave_out_table(Jobs *j);

/* The request has no table any more, or is given up.  Says how it has ended. */
extern JobsEnd jobs_end_request(Jobs *j, bool given_up);

#endif /* NOVA_RELAY_JOBS_H */
