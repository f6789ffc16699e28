/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		The rows that exist already, read by several connections at once.
 *
 * A connection goes through steps, each a query and what to make of its
 * answer; a chunk is the step that repeats.
 *
 *-------------------------------------------------------------------------
 */
#include "snapshot.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <libpq-fe.h>

#include "copybin.h"
#include "copydata.h"
#include "log.h"
#include "sqltext.h"

#define CONNECT_TIMEOUT_MS 30000
#define NAMES_IN_ERROR     3

typedef enum WorkerStep
{
	WORKER_NONE, /* no connection */
	WORKER_CONNECT,
	WORKER_SETTINGS,
	WORKER_LOCK,
	WORKER_CHECK,
	WORKER_CHECKED, /* waits for snapshot_begin() */
	WORKER_ROLLBACK,
	WORKER_BEGIN,
	WORKER_MOMENT,
	WORKER_TABLES,
	WORKER_COPY, /* the query was sent */
	WORKER_ROWS, /* they come */
	WORKER_ROWS_END,
	WORKER_IDLE, /* takes the next chunk */
	WORKER_RELEASE,
	WORKER_RELEASED, /* nothing left to read */
	WORKER_STEPS
} WorkerStep;

typedef struct Worker
{
	unsigned channel;
	PGconn *conn;
	WorkerStep step;
	PostgresPollingStatusType polling;
	int64_t deadline;
	bool pending_out;
	bool ready; /* the socket, this turn */
	bool answered;
	SnapChunk chunk;
	bool has_chunk;
	CopyBin copy;
	bool copy_ended; /* its trailer was read */
	char *message;   /* of libpq, being taken apart */
	char *value;     /* one that is not in one piece, or not alone in its message */
	size_t value_len;
} Worker;

/* A chunk that was read to its end, in the order of the reading. */
typedef struct SentChunk
{
	SnapTable *table;
	uint32_t number;
	uint64_t mark; /* of the delivery, behind its last record */
} SentChunk;

struct Snapshot
{
	const RelayConfig *cfg;
	Delivery *delivery;
	Worker workers[SNAPSHOT_MAX_THREADS];
	int nworkers;
	int turn;   /* whose message is next */
	bool begun; /* snapshot_begin() was called */
	PublicationUse publication;
	bool planned;
	bool again; /* libpq may hold what the next step is about */
	char *name; /* of the exported snapshot */
	uint64_t lsn;
	char *moment; /* when it was taken, as timestamptz */
	char *txid;
	uint64_t xmin; /* all before it had ended */
	SnapPlan plan;
	SentChunk *sent; /* finished, not known to be safe */
	size_t nsent;
	size_t sent_size;
	int64_t began;
	PgStatus failure;
	bool anew; /* what was read is of no use after it */
	char error[1024];
};

/*
 * Failures
 */

typedef struct SnapAdvice
{
	const char *sqlstate; /* the front of it; "" for any */
	const char *text;
	PgStatus status;
	const char *advice;
	bool anew; /* what was read is of no use */
} SnapAdvice;

/* The first row that fits applies. */
static const SnapAdvice advices[] = {
	{"3F000", "nova", PG_STOP,
	 "a snapshot needs the extension: run CREATE EXTENSION nova_decoder in this database, or set "
	 "snapshot.mode to no_data",
	 false},
	{"42883", "nova.snapshot_", PG_STOP,
	 "the extension is missing or of another release: run ALTER EXTENSION nova_decoder UPDATE, or "
	 "CREATE EXTENSION nova_decoder",
	 false},
	{"42501", "schema nova", PG_STOP, "run: GRANT USAGE ON SCHEMA nova TO <database.user>", false},
	{"42501", "row security", PG_STOP,
	 "give the role BYPASSRLS, or leave the table out with snapshot.include.collection.list",
	 false},
	{"42501", NULL, PG_STOP,
	 "run: GRANT SELECT ON the table TO <database.user>, or leave it out with "
	 "snapshot.include.collection.list",
	 false},
	{"55000", "after this snapshot was taken", PG_RETRY, "a new snapshot is begun", true},
	{"28", NULL, PG_STOP, "check database.user, database.password and pg_hba.conf", false},
	{"3D000", NULL, PG_STOP, "check database.dbname", false},
	{"22023", "invalid snapshot identifier", PG_RETRY, "a new snapshot is begun", true},
	{"42704", "snapshot", PG_RETRY, "a new snapshot is begun", true},
	{"2201B", NULL, PG_STOP, "correct this expression in the connector configuration", false},
	{"22", NULL, PG_STOP,
	 "correct the option, or the query of snapshot.select.statement.overrides, in the connector "
	 "configuration",
	 false},
	{"42", NULL, PG_STOP,
	 "correct the option, or the query of snapshot.select.statement.overrides, in the connector "
	 "configuration",
	 false},
	{"53300", NULL, PG_RETRY, "lower snapshot.max.threads or raise max_connections if this lasts",
	 false},
	{"72000", NULL, PG_RETRY,
	 "a new snapshot is begun; if this happens again, raise old_snapshot_threshold above the time "
	 "that a snapshot takes",
	 true},
	{"40001", "conflict with recovery", PG_RETRY,
	 "a new snapshot is begun; if this happens again, set hot_standby_feedback = on on this "
	 "standby, or raise its max_standby_streaming_delay above the time that a snapshot takes",
	 true},
	{"", NULL, PG_RETRY, NULL, false},
};

/* The chunk that a failure is about, or nothing. */
static void
describe_work(const Worker *w, char *out, size_t size)
{
	if (w->has_chunk)
		snprintf(out, size, "snapshot of table %s.%s: ", w->chunk.table->schema,
				 w->chunk.table->name);
	else
		snprintf(out, size, "snapshot: ");
}

static PgStatus
fail_with(Snapshot *s, const Worker *w, const char *sqlstate, const char *text)
{
	const SnapAdvice *a = advices;
	char work[256];
	char line[512];

	while (strncmp(sqlstate, a->sqlstate, strlen(a->sqlstate)) != 0 ||
		   (a->text != NULL && strstr(text, a->text) == NULL))
		a++;
	describe_work(w, work, sizeof(work));
	pgstream_one_line(line, sizeof(line), text);
	snprintf(s->error, sizeof(s->error), "%s%s%s%s%s%s%s", work, line,
			 *sqlstate ? " (SQLSTATE " : "", sqlstate, *sqlstate ? ")" : "", a->advice ? "; " : "",
			 a->advice ? a->advice : "");
	s->anew = a->anew;
	return s->failure = a->status;
}

__attribute__((format(printf, 3, 4))) static PgStatus
fail_plainly(Snapshot *s, PgStatus status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, args);
	va_end(args);
	return s->failure = status;
}

static PgStatus
fail_memory(Snapshot *s)
{
	return fail_plainly(s, PG_RETRY, "snapshot: out of memory");
}

static PgStatus
fail_connection(Snapshot *s, const Worker *w)
{
	return fail_with(s, w, "", pgstream_lost(w->conn));
}

static PgStatus
fail_result(Snapshot *s, const Worker *w, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);

	char text[512];

	if (primary == NULL)
		return fail_connection(s, w);
	snprintf(text, sizeof(text), "%s%s%s", primary, detail ? "\n" : "", detail ? detail : "");
	return fail_with(s, w, sqlstate ? sqlstate : "", text);
}

/*
 * Queries
 */

static void
build_settings(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) s;
	(void) w;
	sql_settings(out, "");
}

static void
build_lock(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) w;
	fputs("SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('nova snapshot'), "
		  "pg_catalog.hashtext(",
		  out);
	sql_literal(out, s->cfg->slot_name);
	fputs("))", out);
}

static void
build_tables(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) w;
	fputs("SELECT t.relation::oid, n.nspname, c.relname, t.blocks, "
		  "coalesce(t.row_estimate, -1), t.readable, t.row_security, "
		  "current_user, pg_catalog.pg_relation_filenode(t.relation), "
		  "t.order_key IS NOT NULL FROM nova.snapshot_tables(",
		  out);
	sql_options(out, s->cfg, s->publication);
	fputs(", ", out);
	sql_literal(out, s->cfg->snapshot_include != NULL ? s->cfg->snapshot_include : "");
	fputs(") t JOIN pg_catalog.pg_class c ON c.oid = t.relation "
		  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
		  out);
}

static void
build_rollback(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) s;
	(void) w;
	fputs("ROLLBACK", out);
}

static void
build_begin(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) w;
	fputs("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", out);
	if (s->name == NULL)
		return;
	fputs("; SET TRANSACTION SNAPSHOT ", out);
	sql_literal(out, s->name);
}

static void
build_release(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) s;
	(void) w;
	fputs("COMMIT", out);
}

/* What all rows say of themselves, and a snapshot for the other connections. */
static void
build_moment(const Snapshot *s, const Worker *w, FILE *out)
{
	(void) w;
	fputs("SELECT pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', "
		  "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
		  "pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()), "
		  "pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()), ",
		  out);
	fputs(s->name != NULL ? "NULL, NULL"
						  : "pg_catalog.pg_export_snapshot(), CASE WHEN "
							"pg_catalog.pg_is_in_recovery() THEN "
							"pg_catalog.pg_last_wal_replay_lsn() ELSE "
							"pg_catalog.pg_current_wal_lsn() END",
		  out);
}

static void
build_copy(const Snapshot *s, const Worker *w, FILE *out)
{
	const SnapChunk *c = &w->chunk;

	fprintf(out, "COPY (SELECT nova.snapshot_frames(%" PRIu32 "::oid::regclass, ", c->table->oid);
	sql_options(out, s->cfg, s->publication);
	if (c->table->query != NULL)
	{
		fputs(", query => ", out);
		sql_literal(out, c->table->query);
	}
	if (!c->whole)
		fprintf(out, ", first_block => %" PRIu64, c->first_block);
	if (!c->last)
		fprintf(out, ", end_block => %" PRIu64, c->end_block);
	fputs(", at => ", out);
	sql_literal(out, s->moment);
	fprintf(out, ", lsn => '" LSN_FORMAT "', txid => %s", LSN_ARGS(s->lsn), s->txid);
	if (c->first)
		fprintf(out, ", first_mark => '%s'", c->first_table ? "first" : "first_in_data_collection");
	if (c->last)
		fprintf(out, ", last_mark => '%s'", c->last_table ? "last" : "last_in_data_collection");
	fputs(")) TO STDOUT (FORMAT binary)", out);
}

/*
 * Answers
 */

static PgStatus
answer_nothing(Snapshot *s, Worker *w, const PGresult *res)
{
	static const WorkerStep next[WORKER_STEPS] = {
		[WORKER_ROLLBACK] = WORKER_BEGIN,
		[WORKER_RELEASE] = WORKER_RELEASED,
	};

	(void) s;
	(void) res;
	w->step = next[w->step];
	return PG_AGAIN;
}

static PgStatus
answer_settings(Snapshot *s, Worker *w, const PGresult *res)
{
	(void) res;
	w->step = w == &s->workers[0] ? WORKER_LOCK : WORKER_BEGIN;
	return PG_AGAIN;
}

static PgStatus
answer_lock(Snapshot *s, Worker *w, const PGresult *res)
{
	if (strcmp(PQgetvalue(res, 0, 0), "t") != 0)
		return fail_plainly(s, PG_RETRY,
							"another process takes the snapshot of slot \"%s\"; this one waits "
							"until it is done or gone",
							s->cfg->slot_name);
	w->step = WORKER_CHECK;
	return PG_AGAIN;
}

/* Names of the tables where a column of the answer has this value; returns their number. */
static int
tables_where(const PGresult *res, int column, const char *value, char *names, size_t size)
{
	int n = 0;
	size_t at = 0;

	names[0] = '\0';
	for (int i = 0; i < PQntuples(res); i++)
	{
		if (strcmp(PQgetvalue(res, i, column), value) != 0)
			continue;
		if (n++ < NAMES_IN_ERROR && at < size)
			at += (size_t) snprintf(names + at, size - at, "%s\"%s\".\"%s\"", n > 1 ? ", " : "",
									PQgetvalue(res, i, 1), PQgetvalue(res, i, 2));
	}
	return n;
}

static PgStatus
check_tables(Snapshot *s, const PGresult *res)
{
	char names[512];
	int n;

	if ((n = tables_where(res, 5, "f", names, sizeof(names))) > 0)
		return fail_plainly(s, PG_STOP,
							"snapshot: role \"%s\" may not read %d of the captured tables: run "
							"GRANT SELECT ON %s%s "
							"TO \"%s\"; or leave them out with snapshot.include.collection.list",
							PQgetvalue(res, 0, 7), n, names, n > NAMES_IN_ERROR ? ", ..." : "",
							PQgetvalue(res, 0, 7));
	if ((n = tables_where(res, 6, "t", names, sizeof(names))) > 0)
		return fail_plainly(
			s, PG_STOP,
			"snapshot: row security would hide rows from role \"%s\" in %d of the captured tables "
			"(%s%s): run ALTER ROLE \"%s\" BYPASSRLS; or leave them out with "
			"snapshot.include.collection.list",
			PQgetvalue(res, 0, 7), n, names, n > NAMES_IN_ERROR ? ", ..." : "",
			PQgetvalue(res, 0, 7));
	return PG_READY;
}

static PgStatus
answer_check(Snapshot *s, Worker *w, const PGresult *res)
{
	if (check_tables(s, res) != PG_READY)
		return s->failure;
	w->step = WORKER_CHECKED;
	return PG_READY;
}

static PgStatus
answer_begin(Snapshot *s, Worker *w, const PGresult *res)
{
	(void) res;
	/* the second of the two results is the one that counts */
	if (s->planned)
		w->step = WORKER_IDLE;
	else
		w->step = WORKER_MOMENT;
	return PG_AGAIN;
}

static PgStatus
answer_moment(Snapshot *s, Worker *w, const PGresult *res)
{

	free(s->moment);
	free(s->txid);
	s->moment = strdup(PQgetvalue(res, 0, 0));
	s->txid = strdup(PQgetvalue(res, 0, 1));
	s->xmin = strtoull(PQgetvalue(res, 0, 2), NULL, 10);
	if (s->name == NULL)
	{
		s->name = strdup(PQgetvalue(res, 0, 3));
		if (s->name == NULL)
			return fail_memory(s);
		(void) lsn_parse(PQgetvalue(res, 0, 4), &s->lsn);
	}
	if (s->moment == NULL || s->txid == NULL)
		return fail_memory(s);
	w->step = WORKER_TABLES;
	return PG_AGAIN;
}

/* An override that names no table is likely a misspelt one. */
static void
warn_unused_overrides(const Snapshot *s)
{
	const ConfigPairs *overrides = &s->cfg->snapshot_overrides;

	for (size_t i = 0; i < overrides->count; i++)
	{
		size_t j = 0;

		while (j < s->plan.ntables && s->plan.tables[j].query != overrides->items[i].value)
			j++;
		if (j == s->plan.ntables)
			log_warn("%s: the snapshot reads no table of this name; the query is not used",
					 overrides->items[i].origin);
	}
}

static bool
add_table(Snapshot *s, const PGresult *res, int i)
{
	char name[256];
	SnapTable *t;

	snprintf(name, sizeof(name), "%s.%s", PQgetvalue(res, i, 1), PQgetvalue(res, i, 2));
	t = snapplan_add(
		&s->plan, (uint32_t) strtoul(PQgetvalue(res, i, 0), NULL, 10), PQgetvalue(res, i, 1),
		PQgetvalue(res, i, 2), strtoull(PQgetvalue(res, i, 3), NULL, 10),
		strtoll(PQgetvalue(res, i, 4), NULL, 10), config_pair(&s->cfg->snapshot_overrides, name));
	if (t == NULL)
		return false;
	t->filenode = (uint32_t) strtoul(PQgetvalue(res, i, 8), NULL, 10);
	t->keyed = PQgetvalue(res, i, 9)[0] == 't';
	return true;
}

static PgStatus
answer_tables(Snapshot *s, Worker *w, const PGresult *res)
{
	uint64_t chunks = 0;

	if (check_tables(s, res) != PG_READY)
		return s->failure;
	for (int i = 0; i < PQntuples(res); i++)
		if (!add_table(s, res, i))
			return fail_memory(s);
	snapplan_arrange(&s->plan, s->cfg->snapshot_threads);
	warn_unused_overrides(s);
	for (size_t i = 0; i < s->plan.ntables; i++)
		chunks += s->plan.tables[i].chunks;
	s->nworkers = s->cfg->snapshot_threads;
	if ((uint64_t) s->nworkers > chunks)
		s->nworkers = chunks > 0 ? (int) chunks : 1;
	s->planned = true;
	w->step = WORKER_IDLE;
	return PG_AGAIN;
}

static PgStatus
answer_copy(Snapshot *s, Worker *w, const PGresult *res)
{
	(void) res;
	delivery_begin(s->delivery, w->channel);
	copybin_begin(&w->copy);
	w->copy_ended = false;
	w->step = WORKER_ROWS;
	s->again = true;
	return PG_AGAIN;
}

typedef struct WorkerQuery
{
	void (*build)(const Snapshot *s, const Worker *w, FILE *out);
	ExecStatusType expected;
	PgStatus (*answer)(Snapshot *s, Worker *w, const PGresult *res);
	int fields; /* that the answer needs */
	bool one_row;
} WorkerQuery;

static const WorkerQuery queries[WORKER_STEPS] = {
	[WORKER_SETTINGS] = {build_settings, PGRES_TUPLES_OK, answer_settings, 1, false},
	[WORKER_LOCK] = {build_lock, PGRES_TUPLES_OK, answer_lock, 1, true},
	[WORKER_CHECK] = {build_tables, PGRES_TUPLES_OK, answer_check, 10, false},
	[WORKER_ROLLBACK] = {build_rollback, PGRES_COMMAND_OK, answer_nothing, 0, false},
	[WORKER_BEGIN] = {build_begin, PGRES_COMMAND_OK, answer_begin, 0, false},
	[WORKER_MOMENT] = {build_moment, PGRES_TUPLES_OK, answer_moment, 5, true},
	[WORKER_TABLES] = {build_tables, PGRES_TUPLES_OK, answer_tables, 10, false},
	[WORKER_COPY] = {build_copy, PGRES_COPY_OUT, answer_copy, 0, false},
	[WORKER_RELEASE] = {build_release, PGRES_COMMAND_OK, answer_nothing, 0, false},
};

/*
 * Connections
 */

static void
close_worker(Worker *w)
{
	PQfreemem(w->message);
	free(w->value);
	PQfinish(w->conn);
	*w = (Worker){.channel = w->channel};
}

static PgStatus
flush(Snapshot *s, Worker *w)
{
	int rest = PQflush(w->conn);

	w->pending_out = rest > 0;
	return rest < 0 ? fail_connection(s, w) : PG_AGAIN;
}

static PgStatus
send_query(Snapshot *s, Worker *w, WorkerStep step)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int sent;

	if (out == NULL)
		return fail_memory(s);
	queries[step].build(s, w, out);
	if (fclose(out) != 0)
	{
		free(text);
		return fail_memory(s);
	}
	sent = PQsendQuery(w->conn, text);
	free(text);
	w->step = step;
	w->answered = false;
	w->deadline = INT64_MAX;
	return sent ? flush(s, w) : fail_connection(s, w);
}

/* Server notices are debugging aids of the server's log, not of ours. */
static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

static void
begin_connect(Snapshot *s, Worker *w, int64_t now)
{
	w->channel = (unsigned) (w - s->workers) + DELIVERY_STREAM + 1;
	w->conn = pgstream_connect_start(s->cfg, false);
	w->step = WORKER_CONNECT;
	w->polling = PGRES_POLLING_WRITING;
	w->deadline = now + CONNECT_TIMEOUT_MS;
	if (w->conn == NULL || PQstatus(w->conn) == CONNECTION_BAD)
		(void) fail_connection(s, w);
	else
		PQsetNoticeReceiver(w->conn, ignore_notice, NULL);
}

/* PQconnectPoll() takes being called for proof that the socket is ready. */
static PgStatus
advance_connect(Snapshot *s, Worker *w, int64_t now)
{
	struct pollfd fd = {.fd = PQsocket(w->conn),
						.events = w->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT};

	if (now >= w->deadline)
		return fail_plainly(s, PG_RETRY, "snapshot: no connection to PostgreSQL in time");
	if (poll(&fd, 1, 0) <= 0)
		return PG_AGAIN;
	w->polling = PQconnectPoll(w->conn);
	if (w->polling == PGRES_POLLING_FAILED)
		return fail_connection(s, w);
	if (w->polling != PGRES_POLLING_OK)
		return PG_AGAIN;
	if (PQsetnonblocking(w->conn, 1) != 0)
		return fail_connection(s, w);
	return send_query(s, w, WORKER_SETTINGS);
}

/* A table that is gone is left out; the transaction that found it so has failed. */
static bool
is_dropped_table(const Worker *w, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	return w->has_chunk && w->chunk.table->query == NULL && sqlstate != NULL &&
		   strcmp(sqlstate, "42P01") == 0;
}

static void
leave_out(Snapshot *s, Worker *w)
{
	log_warn("snapshot: table %s.%s was dropped meanwhile; its rows are left out",
			 w->chunk.table->schema, w->chunk.table->name);
	snapplan_finish(&s->plan, &w->chunk, 0);
	w->has_chunk = false;
	w->step = WORKER_ROLLBACK;
	w->answered = true;
}

/* One result of the step's query. */
static PgStatus
take_result(Snapshot *s, Worker *w, PGresult *res)
{
	const WorkerQuery *query = &queries[w->step];
	PgStatus status = PG_AGAIN;

	if (PQresultStatus(res) == PGRES_FATAL_ERROR && is_dropped_table(w, res))
		leave_out(s, w);
	else if (PQresultStatus(res) == PGRES_FATAL_ERROR)
		status = fail_result(s, w, res);
	else if (w->answered)
		; /* BEGIN and SET are two commands in one query */
	else if (PQresultStatus(res) == query->expected && PQnfields(res) >= query->fields &&
			 (!query->one_row || PQntuples(res) == 1))
		status = query->answer(s, w, res);
	else
		status =
			fail_plainly(s, PG_RETRY, "snapshot: unexpected answer from the server: %s of %d by %d",
						 PQresStatus(PQresultStatus(res)), PQntuples(res), PQnfields(res));
	w->answered = true;
	PQclear(res);
	return status;
}

/* The queries before the rows; ends in a step that is none. */
static PgStatus
advance_query(Snapshot *s, Worker *w)
{
	PgStatus status = PG_AGAIN;

	while (queries[w->step].build != NULL || w->answered)
	{
		PGresult *res;

		if (PQisBusy(w->conn))
			return PG_AGAIN;
		res = PQgetResult(w->conn);
		if (res == NULL)
		{
			w->answered = false;
			if (queries[w->step].build == NULL)
				return PG_AGAIN;
			status = send_query(s, w, w->step);
		}
		else
		{
			/* a failure after the step's answer is still the query's */
			status = take_result(s, w, res);
			if (w->step == WORKER_ROWS)
			{
				w->answered = false;
				return PG_AGAIN;
			}
		}
		if (status == PG_RETRY || status == PG_STOP)
			return status;
	}
	return PG_AGAIN;
}

static bool
note_sent(Snapshot *s, const SnapChunk *chunk)
{
	if (s->nsent == s->sent_size)
	{
		size_t size = s->sent_size > 0 ? 2 * s->sent_size : 64;
		SentChunk *grown = realloc(s->sent, size * sizeof(*grown));

		if (grown == NULL)
			return false;
		s->sent = grown;
		s->sent_size = size;
	}
	s->sent[s->nsent++] = (SentChunk){chunk->table, chunk->number, delivery_mark(s->delivery)};
	return true;
}

/* The COPY has sent all its data; was that all? */
static PgStatus
advance_rows_end(Snapshot *s, Worker *w)
{
	uint64_t rows = delivery_channel_records(s->delivery, w->channel);
	PGresult *res;

	while (!PQisBusy(w->conn))
	{
		res = PQgetResult(w->conn);
		if (res != NULL)
		{
			if (PQresultStatus(res) == PGRES_FATAL_ERROR && is_dropped_table(w, res))
				leave_out(s, w);
			else if (PQresultStatus(res) == PGRES_FATAL_ERROR)
				(void) fail_result(s, w, res);
			PQclear(res);
			if (s->failure != PG_READY || w->step == WORKER_ROLLBACK)
				return s->failure != PG_READY ? s->failure : PG_AGAIN;
			continue;
		}
		if (!w->copy_ended || !delivery_chunk_whole(s->delivery, w->channel))
			return fail_plainly(s, PG_STOP,
								"snapshot of table %s.%s: the COPY ended without the frame that "
								"proves its %" PRIu64 " records; install the plugin and the relay "
								"of one release",
								w->chunk.table->schema, w->chunk.table->name, rows);
		snapplan_finish(&s->plan, &w->chunk, rows);
		if (!note_sent(s, &w->chunk))
			return fail_memory(s);
		w->has_chunk = false;
		w->step = WORKER_IDLE;
		break;
	}
	return PG_AGAIN;
}

/*
 * Whoever has nothing left to read lets go of its table locks: an ALTER TABLE
 * that waits for them may be what another connection waits for, and of that
 * circle the server sees only a half.
 */
static PgStatus
next_chunk(Snapshot *s, Worker *w)
{
	w->has_chunk = snapplan_next(&s->plan, &w->chunk);
	if (w->has_chunk)
		return send_query(s, w, WORKER_COPY);
	if (w == &s->workers[0])
		return send_query(s, w, WORKER_RELEASE);
	close_worker(w);
	return PG_READY;
}

static PgStatus
advance_worker(Snapshot *s, Worker *w, int64_t now)
{
	PgStatus status = PG_AGAIN;

	if (w->step == WORKER_CONNECT)
		return advance_connect(s, w, now);
	if (w->ready && !PQconsumeInput(w->conn))
		return fail_connection(s, w);
	w->ready = false;
	if (w->pending_out && flush(s, w) != PG_AGAIN)
		return s->failure;
	if (w->step == WORKER_ROWS_END)
		status = advance_rows_end(s, w);
	if (status == PG_AGAIN && (queries[w->step].build != NULL || w->answered))
		status = advance_query(s, w);
	if (status == PG_AGAIN && w->step == WORKER_IDLE && !w->answered)
		status = next_chunk(s, w);
	if (status == PG_AGAIN && w->step == WORKER_RELEASED && !w->answered)
		status = PG_READY;
	return status;
}

/* One connection more would be nice, no more than that. */
static bool
can_do_without(const Snapshot *s, const Worker *w)
{
	return w != &s->workers[0] && !w->has_chunk;
}

static PgStatus
give_up_worker(Snapshot *s, Worker *w)
{
	if (s->plan.next < s->plan.ntables)
		log_warn("%s; the snapshot goes on with fewer connections", s->error);
	s->failure = PG_READY;
	s->error[0] = '\0';
	close_worker(w);
	return PG_READY;
}

/*
 * The interface
 */

Snapshot *
snapshot_new(const RelayConfig *cfg, Delivery *delivery)
{
	Snapshot *s = calloc(1, sizeof(*s));

	if (s != NULL)
	{
		s->cfg = cfg;
		s->delivery = delivery;
	}
	return s;
}

void
snapshot_close(Snapshot *s)
{
	for (int i = 0; i < SNAPSHOT_MAX_THREADS; i++)
		close_worker(&s->workers[i]);
	snapplan_free(&s->plan);
	free(s->name);
	free(s->moment);
	free(s->txid);
	free(s->sent);
	*s = (Snapshot){.cfg = s->cfg, .delivery = s->delivery};
}

void
snapshot_free(Snapshot *s)
{
	if (s == NULL)
		return;
	snapshot_close(s);
	free(s);
}

void
snapshot_check(Snapshot *s, PublicationUse publication, int64_t now)
{
	snapshot_close(s);
	s->publication = publication;
	s->nworkers = 1;
	begin_connect(s, &s->workers[0], now);
}

void
snapshot_begin(Snapshot *s, const char *name, uint64_t lsn, int64_t now)
{
	s->begun = true;
	s->began = now;
	s->lsn = lsn;
	if (name != NULL && (s->name = strdup(name)) == NULL)
		(void) fail_memory(s);
	else
		(void) send_query(s, &s->workers[0], WORKER_BEGIN);
}

static PgStatus
start_workers(Snapshot *s, int64_t now)
{
	for (int i = 1; i < s->nworkers; i++)
	{
		begin_connect(s, &s->workers[i], now);
		if (s->failure != PG_READY)
			(void) give_up_worker(s, &s->workers[i]);
	}
	return PG_AGAIN;
}

PgStatus
snapshot_advance(Snapshot *s, int64_t now)
{
	bool was_planned = s->planned;
	bool busy = false;

	s->again = false;
	for (int i = 0; i < s->nworkers; i++)
	{
		Worker *w = &s->workers[i];
		PgStatus status = s->failure;

		if (w->conn == NULL && status == PG_READY)
			continue;
		if (status == PG_READY)
			status = advance_worker(s, w, now);
		if ((status == PG_RETRY || status == PG_STOP) && can_do_without(s, w))
			status = give_up_worker(s, w);
		if (status == PG_RETRY || status == PG_STOP)
			return status;
		busy = busy || status == PG_AGAIN;
		if (!was_planned && s->planned)
		{
			(void) start_workers(s, now);
			was_planned = true;
		}
	}
	if (!s->begun)
		return s->workers[0].step == WORKER_CHECKED && !s->workers[0].answered ? PG_READY
																			   : PG_AGAIN;
	return busy ? PG_AGAIN : PG_READY;
}

/* The whole value lies alone in its message: lend that, else a copy. */
static PgStatus
take_part(Snapshot *s, Worker *w, const CopyBinPart *part)
{
	CopyBinPart next;
	char *message = w->message;
	bool taken;

	if (part->first && part->left == 0 && part->last)
	{
		w->message = NULL;
		/* the trailer lies in this message, which will not be ours */
		w->copy_ended = copybin_next(&w->copy, &next) == COPYBIN_END;
		taken = delivery_take(s->delivery, w->channel, message, pgstream_free_message, part->data,
							  part->len, s->lsn);
		if (!taken)
			PQfreemem(message);
		return taken ? PG_READY : fail_memory(s);
	}
	if (part->first)
	{
		w->value = malloc(part->len + part->left + 1);
		w->value_len = 0;
	}
	if (w->value == NULL)
		return fail_memory(s);
	memcpy(w->value + w->value_len, part->data, part->len);
	w->value_len += part->len;
	if (part->left > 0)
		return PG_AGAIN;
	taken = delivery_take(s->delivery, w->channel, w->value, free, w->value, w->value_len, s->lsn);
	if (!taken)
		free(w->value);
	w->value = NULL;
	return taken ? PG_READY : fail_memory(s);
}

/* PG_READY: a payload was handed over.  PG_AGAIN: there is nothing more now. */
static PgStatus
read_worker(Snapshot *s, Worker *w)
{
	CopyBinPart part;
	PgStatus status;
	int n;

	for (;;)
	{
		if (w->message == NULL)
		{
			n = PQgetCopyData(w->conn, &w->message, 1);
			if (n == 0)
				return PG_AGAIN;
			if (n < -1)
				return fail_connection(s, w);
			if (n == -1)
			{
				w->step = WORKER_ROWS_END;
				s->again = true;
				return PG_AGAIN;
			}
			copybin_feed(&w->copy, w->message, (size_t) n);
		}
		switch (copybin_next(&w->copy, &part))
		{
			case COPYBIN_PART:
				if ((status = take_part(s, w, &part)) != PG_AGAIN)
					return status;
				break;
			case COPYBIN_BAD:
				return fail_plainly(s, PG_STOP,
									"snapshot of table %s.%s: the server's COPY is not as it must "
									"be: %s; is there a proxy between?",
									w->chunk.table->schema, w->chunk.table->name, w->copy.error);
			case COPYBIN_END:
				w->copy_ended = true;
				PQfreemem(w->message);
				w->message = NULL;
				break;
			case COPYBIN_MORE:
				PQfreemem(w->message);
				w->message = NULL;
				break;
		}
	}
}

PgStatus
snapshot_read(Snapshot *s)
{
	for (int i = 0; i < s->nworkers; i++)
	{
		Worker *w = &s->workers[(s->turn + i) % s->nworkers];
		PgStatus status;

		if (w->step != WORKER_ROWS)
			continue;
		status = read_worker(s, w);
		if (status == PG_AGAIN)
			continue;
		s->turn = (s->turn + i + 1) % s->nworkers;
		return status;
	}
	return PG_AGAIN;
}

size_t
snapshot_pollfds(Snapshot *s, struct pollfd *fds, bool blocked)
{
	for (int i = 0; i < s->nworkers; i++)
	{
		const Worker *w = &s->workers[i];
		short events = (short) ((w->step == WORKER_ROWS && blocked ? 0 : POLLIN) |
								(w->pending_out ? POLLOUT : 0));

		if (w->step == WORKER_CONNECT)
			events = w->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		fds[i] = (struct pollfd){.fd = w->conn != NULL && events != 0 ? PQsocket(w->conn) : -1,
								 .events = events};
	}
	return (size_t) s->nworkers;
}

void
snapshot_polled(Snapshot *s, const struct pollfd *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->workers[i].ready = fds[i].fd >= 0 && fds[i].revents != 0;
}

int64_t
snapshot_deadline(const Snapshot *s)
{
	int64_t deadline = s->again ? 0 : INT64_MAX;

	for (int i = 0; i < s->nworkers; i++)
		if (s->workers[i].step == WORKER_CONNECT && s->workers[i].deadline < deadline)
			deadline = s->workers[i].deadline;
	return deadline;
}

/* The part of a chunk that its rows so far stand for, in blocks. */
static uint64_t
done_of_chunk(const Snapshot *s, const SnapChunk *c, uint64_t rows)
{
	uint64_t weight = snapplan_weight(&s->plan, c);
	double blocks;

	if (c->table->row_estimate <= 0)
		return 0;
	blocks = (double) rows / (double) c->table->row_estimate * (double) c->table->blocks;
	return blocks < (double) weight ? (uint64_t) blocks : weight;
}

SnapshotCounts
snapshot_counts(const Snapshot *s, int64_t now)
{
	SnapshotCounts counts = {.tables = s->plan.ntables,
							 .tables_done = s->plan.tables_done,
							 .rows = s->plan.rows_done,
							 .row_estimate = snapplan_row_estimate(&s->plan)};
	uint64_t running = 0;

	for (int i = 0; i < s->nworkers; i++)
	{
		const Worker *w = &s->workers[i];
		uint64_t rows;

		if (w->step != WORKER_ROWS && w->step != WORKER_ROWS_END)
			continue;
		rows = delivery_channel_records(s->delivery, w->channel);
		counts.connections++;
		counts.rows += rows;
		running += done_of_chunk(s, &w->chunk, rows);
	}
	counts.left_ms = snapplan_left_ms(&s->plan, running, now - s->began);
	return counts;
}

size_t
snapshot_tables(const Snapshot *s, TableNumbers *tables, size_t max)
{
	size_t n = s->plan.ntables < max ? s->plan.ntables : max;

	for (size_t i = 0; i < n; i++)
	{
		const SnapTable *t = &s->plan.tables[i];

		tables[i] = (TableNumbers){.rows = t->rows,
								   .row_estimate = t->row_estimate,
								   .complete = t->chunks > 0 && t->finished == t->chunks};
		snprintf(tables[i].name, sizeof(tables[i].name), "%s.%s", t->schema, t->name);
	}
	for (int i = 0; i < s->nworkers; i++)
	{
		const Worker *w = &s->workers[i];

		if ((w->step == WORKER_ROWS || w->step == WORKER_ROWS_END) &&
			(size_t) (w->chunk.table - s->plan.tables) < n)
			tables[w->chunk.table - s->plan.tables].rows +=
				delivery_channel_records(s->delivery, w->channel);
	}
	return n;
}

/* What was sent and acknowledged from a table's beginning on, without a hole. */
static void
settle_sent(Snapshot *s)
{
	bool again = true;

	while (again)
	{
		size_t left = 0;

		again = false;
		for (size_t i = 0; i < s->nsent; i++)
		{
			const SentChunk *c = &s->sent[i];

			if (c->number != c->table->safe || !delivery_reached(s->delivery, c->mark))
				s->sent[left++] = *c;
			else
			{
				c->table->safe++;
				again = true;
			}
		}
		s->nsent = left;
	}
}

static bool
add_progress(cJSON *tables, const SnapTable *t, uint64_t chunk_blocks)
{
	cJSON *item = cJSON_CreateObject();
	char blocks[32];
	char filenode[32];

	snprintf(blocks, sizeof(blocks), "%" PRIu64, t->safe * chunk_blocks);
	snprintf(filenode, sizeof(filenode), "%" PRIu32, t->filenode);
	cJSON_AddStringToObject(item, "schema", t->schema);
	cJSON_AddStringToObject(item, "table", t->name);
	cJSON_AddStringToObject(item, "blocks", blocks);
	cJSON_AddStringToObject(item, "filenode", filenode);
	if (!t->keyed)
		cJSON_AddStringToObject(item, "by", "blocks");
	return cJSON_AddItemToArray(tables, item);
}

bool
snapshot_is_void(const Snapshot *s)
{
	return s->anew;
}

char *
snapshot_progress(Snapshot *s)
{
	cJSON *root;
	cJSON *tables;
	char xmin[32];
	char *text;

	/* a query of one's own cannot be read in parts, nor can the other tables' parts help then */
	if (!s->planned || s->cfg->snapshot_overrides.count > 0)
		return NULL;
	settle_sent(s);
	root = cJSON_CreateObject();
	snprintf(xmin, sizeof(xmin), "%" PRIu64, s->xmin);
	cJSON_AddStringToObject(root, "txid", xmin);
	tables = cJSON_AddArrayToObject(root, "tables");
	for (size_t i = 0; i < s->plan.ntables; i++)
		if (s->plan.tables[i].safe < s->plan.tables[i].chunks)
			(void) add_progress(tables, &s->plan.tables[i], s->plan.chunk_blocks);
	text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

const char *
snapshot_error(const Snapshot *s)
{
	return s->error;
}
