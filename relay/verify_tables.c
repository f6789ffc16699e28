/*-------------------------------------------------------------------------
 *
 * verify_tables.c
 *		Tables at one moment, as the records that their rows would be.
 *
 * Rows come from nova.snapshot_frames(), which is the stream's own encoder, in
 * one REPEATABLE READ transaction; counts and checksums are looked at as the
 * relay does.
 *
 * Traps: the transaction is held while the stream catches up and the topics
 * are read, and keeps vacuum from what died meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "verify_internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "buffer.h"
#include "copybin.h"
#include "copydata.h"
#include "frame.h"
#include "log.h"
#include "pgstream.h"
#include "pgwait.h"
#include "sqltext.h"
#include "statewait.h"

#define SLOT_POLL_MS  50
#define STORE_POLL_MS 200

/* The header of a page of WAL: where a record ends, no record ends within it. */
#define PAGE_HEADER_SHORT 24
#define PAGE_HEADER_LONG  40

struct TableSide
{
	const RelayConfig *cfg;
	int timeout_s;
	PGconn *conn;
	PublicationUse publication;
	unsigned page_size; /* of WAL */
	bool standby;
	/* the COPY at hand */
	FrameReader reader;
	const VerifyTable *table;
	char **topics; /* by route id */
	uint32_t ntopics;
	NovaRecord large; /* a value that goes on */
	BufferBuilder parts;
	TableRowFn row;
	void *arg;
	RowForm *form; /* to be filled by HELLO, or NULL */
	bool whole;    /* the CHUNK came */
	char error[1024];
};

__attribute__((format(printf, 2, 3))) static bool
fail(TableSide *t, const char *fmt, ...)
{
	va_list args;
	char text[sizeof(t->error)];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pgstream_one_line(t->error, sizeof(t->error), text);
	return false;
}

/* What to do about it, where that is not plain from what the server says. */
static const char *
advice(const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	if (state == NULL)
		return "";
	if (strcmp(state, "3F000") == 0 || strcmp(state, "42883") == 0)
		return "; that needs the extension: run CREATE EXTENSION nova_decoder in this database";
	if (strcmp(state, "42501") == 0)
		return "; GRANT USAGE ON SCHEMA nova and SELECT on the captured tables to this role";
	return "";
}

static bool
fail_result(TableSide *t, const char *what, const PGresult *res)
{
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	return fail(t, "%s: %s%s", what, text != NULL ? text : PQerrorMessage(t->conn), advice(res));
}

/* Freed by the caller; NULL after a failure. */
static PGresult *
query(TableSide *t, const char *what, const char *sql)
{
	PGresult *res = PQexec(t->conn, sql);

	if (PQresultStatus(res) == PGRES_TUPLES_OK || PQresultStatus(res) == PGRES_COMMAND_OK)
		return res;
	(void) fail_result(t, what, res);
	PQclear(res);
	return NULL;
}

static bool
execute(TableSide *t, const char *what, const char *sql)
{
	PGresult *res = query(t, what, sql);

	PQclear(res);
	return res != NULL;
}

/* The text of a query that somebody writes to out; NULL when out of memory. */
typedef struct Query
{
	FILE *out;
	char *text;
	size_t size;
} Query;

static bool
query_begin(TableSide *t, Query *q)
{
	*q = (Query){0};
	q->out = open_memstream(&q->text, &q->size);
	return q->out != NULL || fail(t, "out of memory");
}

static bool
query_end(TableSide *t, Query *q)
{
	if (fclose(q->out) == 0)
		return true;
	free(q->text);
	return fail(t, "out of memory");
}

/*
 * Connection
 */

static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

static bool
look_at_server(TableSide *t)
{
	PGresult *res = query(t, "PostgreSQL",
						  "SELECT pg_catalog.current_setting('wal_block_size'), "
						  "pg_catalog.pg_is_in_recovery()");

	if (res == NULL)
		return false;
	t->page_size = (unsigned) strtoul(PQgetvalue(res, 0, 0), NULL, 10);
	t->standby = PQgetvalue(res, 0, 1)[0] == 't';
	PQclear(res);
	return true;
}

static bool
look_at_publication(TableSide *t)
{
	const char *values[] = {t->cfg->publication};
	PGresult *res;
	bool ok;

	t->publication = PUBLICATION_NONE;
	if (t->cfg->publication == NULL)
		return true;
	res = PQexecParams(t->conn, "SELECT FROM pg_catalog.pg_publication WHERE pubname = $1", 1, NULL,
					   values, NULL, NULL, 0);
	ok = PQresultStatus(res) == PGRES_TUPLES_OK || fail_result(t, "publication", res);
	t->publication = config_publication_use(t->cfg, ok && PQntuples(res) > 0);
	PQclear(res);
	return ok;
}

static bool
use_settings(TableSide *t)
{
	Query q;
	bool ok;

	if (!query_begin(t, &q))
		return false;
	sql_settings(q.out, "");
	if (!query_end(t, &q))
		return false;
	ok = execute(t, "PostgreSQL", q.text);
	free(q.text);
	return ok;
}

TableSide *
tables_open(const RelayConfig *cfg, int timeout_s)
{
	TableSide *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->cfg = cfg;
	t->timeout_s = timeout_s;
	t->conn = pgstream_connect_start(cfg, false);
	if (t->conn == NULL || !pgwait_connected(t->conn, timeout_s * 1000))
		(void) fail(t, "PostgreSQL: %s; check database.* in the configuration and pg_hba.conf",
					t->conn == NULL ? "out of memory" : pgwait_error(t->conn));
	else
	{
		PQsetNoticeReceiver(t->conn, ignore_notice, NULL);
		(void) (use_settings(t) && look_at_server(t) && look_at_publication(t));
	}
	return t;
}

static void
forget_topics(TableSide *t)
{
	for (uint32_t i = 0; i < t->ntopics; i++)
		free(t->topics[i]);
	free(t->topics);
	t->topics = NULL;
	t->ntopics = 0;
}

void
tables_close(TableSide *t)
{
	if (t == NULL)
		return;
	forget_topics(t);
	frame_free(&t->reader);
	builder_reset(&t->parts);
	PQfinish(t->conn);
	free(t);
}

const char *
tables_error(const TableSide *t)
{
	return t->error;
}

/*
 * Tables and the moment
 */

static bool
take_tables(TableSide *t, const PGresult *res, VerifyTable **list, size_t *n)
{
	*n = (size_t) PQntuples(res);
	*list = calloc(*n + 1, sizeof(VerifyTable));
	if (*list == NULL)
		return fail(t, "out of memory");
	for (int i = 0; i < PQntuples(res); i++)
	{
		(*list)[i] = (VerifyTable){
			.oid = (uint32_t) strtoul(PQgetvalue(res, i, 0), NULL, 10),
			.name = strdup(PQgetvalue(res, i, 1)),
			.topic = strdup(PQgetvalue(res, i, 2)),
			.keyed = PQgetvalue(res, i, 3)[0] == 't',
			.readable = PQgetvalue(res, i, 4)[0] == 't',
			.row_security = PQgetvalue(res, i, 5)[0] == 't',
			.row_estimate = PQgetisnull(res, i, 6) ? -1 : strtoll(PQgetvalue(res, i, 6), NULL, 10)};
		if ((*list)[i].name == NULL || (*list)[i].topic == NULL)
			return fail(t, "out of memory");
	}
	return true;
}

bool
tables_list(TableSide *t, VerifyTable **list, size_t *n)
{
	PGresult *res;
	Query q;
	bool ok;

	*list = NULL;
	*n = 0;
	if (!query_begin(t, &q))
		return false;
	fputs("SELECT relation::oid, schema_name || '.' || table_name, topic, keyed, readable, "
		  "row_security, row_estimate FROM nova.snapshot_tables(",
		  q.out);
	sql_options(q.out, t->cfg, t->publication);
	fputs(") ORDER BY 2, 1", q.out);
	if (!query_end(t, &q))
		return false;
	res = query(t, "list of tables", q.text);
	free(q.text);
	ok = res != NULL && take_tables(t, res, list, n);
	PQclear(res);
	return ok;
}

void
tables_free_list(VerifyTable *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		free(list[i].name);
		free(list[i].topic);
	}
	free(list);
}

bool
tables_settle(TableSide *t)
{
	return t->standby || execute(t, "settle", "SELECT nova.snapshot_settle()");
}

bool
tables_moment(TableSide *t, uint64_t *lsn)
{
	PGresult *res;
	bool ok;

	if (!execute(t, "moment", "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
		return false;
	/* what commits without waiting for the disk is visible before it is written */
	res = query(t, "moment",
				t->standby ? "SELECT pg_catalog.pg_last_wal_replay_lsn()"
						   : "SELECT pg_catalog.pg_current_wal_insert_lsn()");
	if (res == NULL)
		return false;
	ok = lsn_parse(PQgetvalue(res, 0, 0), lsn) > 0;
	PQclear(res);
	if (!ok)
		return fail(t, "moment: the server says no LSN");
	/* the insert position steps over the next page's header, which may never be written */
	if (*lsn % t->page_size == PAGE_HEADER_SHORT || *lsn % t->page_size == PAGE_HEADER_LONG)
		*lsn -= *lsn % t->page_size;
	return true;
}

/* One look at the slot: reached, or not yet; gone is a failure. */
static bool
look_at_slot(TableSide *t, const char *sql, bool *reached, bool *active)
{
	PGresult *res = query(t, "slot", sql);
	bool there = res != NULL && PQntuples(res) == 1;

	if (there)
	{
		*reached = PQgetvalue(res, 0, 0)[0] == 't';
		*active = PQgetvalue(res, 0, 1)[0] == 't';
	}
	PQclear(res);
	if (res != NULL && !there)
		return fail(t, "slot %s does not exist: is this the database that the relay reads?",
					t->cfg->slot_name);
	return there;
}

static bool
wait_for_slot(TableSide *t, uint64_t lsn, int64_t until)
{
	bool reached = false;
	bool active = false;
	char sql[256];

	/* slot.name has been checked: no character of it needs quoting */
	snprintf(sql, sizeof(sql),
			 "SELECT confirmed_flush_lsn >= '" LSN_FORMAT "', active FROM "
			 "pg_catalog.pg_replication_slots WHERE slot_name = '%s'",
			 LSN_ARGS(lsn), t->cfg->slot_name);
	for (;;)
	{
		if (!look_at_slot(t, sql, &reached, &active))
			return false;
		if (reached)
			return true;
		if (pgwait_now() >= until)
			break;
		/* nothing tells when a slot is confirmed */
		(void) poll(NULL, 0, SLOT_POLL_MS);
	}
	return fail(t,
				"slot %s is not confirmed up to LSN " LSN_FORMAT " after %d s: %s; or raise "
				"--timeout",
				t->cfg->slot_name, LSN_ARGS(lsn), t->timeout_s,
				active ? "the relay lags; wait until it has caught up"
					   : "no relay reads from it; start it");
}

/* With a spool more is confirmed than Kafka has; what it has the state topic says. */
static bool
wait_for_position(TableSide *t, StateStore *store, uint64_t lsn, int64_t until)
{
	bool told = false;

	while (statewait_read(store, until))
	{
		uint64_t position = state_record(store)->position;

		if (position >= lsn)
			return true;
		if (pgwait_now() >= until)
			return fail(t,
						"slot %s is confirmed up to LSN " LSN_FORMAT
						", but Kafka has only what was before " LSN_FORMAT
						" after %d s: the rest is in the relay's spool; wait until it is "
						"delivered, or raise --timeout",
						t->cfg->slot_name, LSN_ARGS(lsn), LSN_ARGS(position), t->timeout_s);
		if (!told)
			log_info("waiting until the relay's spool is delivered up to LSN " LSN_FORMAT,
					 LSN_ARGS(lsn));
		told = true;
		(void) poll(NULL, 0, STORE_POLL_MS);
	}
	return fail(t, "%s", statewait_error(store));
}

bool
tables_wait(TableSide *t, uint64_t lsn)
{
	int64_t until = pgwait_now() + (int64_t) t->timeout_s * 1000;
	StateStore *store;
	bool ok;

	if (!wait_for_slot(t, lsn, until))
		return false;
	if (t->cfg->spool_dir == NULL)
		return true;
	store = state_new(t->cfg, NULL);
	ok = store != NULL ? wait_for_position(t, store, lsn, until) : fail(t, "out of memory");
	state_free(store);
	return ok;
}

/*
 * Rows
 */

static bool
add_route(TableSide *t, const NovaRoute *route)
{
	char *topic = strndup(route->topic.data, route->topic.len);

	if (route->route >= t->ntopics)
	{
		uint32_t n = route->route + 64;
		char **grown = realloc(t->topics, n * sizeof(char *));

		if (grown == NULL)
		{
			free(topic);
			return fail(t, "out of memory");
		}
		memset(grown + t->ntopics, 0, (n - t->ntopics) * sizeof(char *));
		t->topics = grown;
		t->ntopics = n;
	}
	free(t->topics[route->route]);
	t->topics[route->route] = topic;
	return topic != NULL || fail(t, "out of memory");
}

static void
give_row(TableSide *t, const NovaRecord *r, NovaBytes key, NovaBytes value)
{
	const char *topic = t->topics[r->route];

	if (t->row != NULL)
		t->row(t->arg, (NovaBytes){topic, (uint32_t) strlen(topic)}, key, value);
}

/* A value in parts: key and value are put together in one piece of memory. */
static bool
take_part(TableSide *t, NovaBytes part, bool last)
{
	const NovaRecord *r = &t->large;
	NovaBytes key = {NULL, 0};

	if (!builder_append(&t->parts, part.data, part.len))
		return fail(t, "out of memory");
	if (!last)
		return true;
	if (r->key.data != NULL)
		key = (NovaBytes){t->parts.data, r->key.len};
	give_row(t, r, key,
			 (NovaBytes){t->parts.data + r->key.len, (uint32_t) (t->parts.len - r->key.len)});
	builder_reset(&t->parts);
	return true;
}

static bool
take_record(TableSide *t, const NovaRecord *r)
{
	if ((r->flags & NOVA_RF_MORE) == 0)
	{
		give_row(t, r, r->key, r->value);
		return true;
	}
	builder_reset(&t->parts);
	t->large = *r;
	if (r->key.data == NULL)
		t->large.key.len = 0;
	else if (!builder_append(&t->parts, r->key.data, r->key.len))
		return fail(t, "out of memory");
	return take_part(t, r->value, false);
}

static bool
take_frame(TableSide *t, const NovaFrame *f)
{
	switch (f->type)
	{
		case NOVA_FRAME_HELLO:
			return t->form == NULL ||
				   rowform_init(t->form, f->u.hello.options.data, f->u.hello.options.len) ||
				   fail(t, "the plugin's options cannot be read");
		case NOVA_FRAME_ROUTE:
			return add_route(t, &f->u.route);
		case NOVA_FRAME_RECORD:
			return take_record(t, &f->u.record);
		case NOVA_FRAME_MORE:
			return take_part(t, f->u.more.part, f->u.more.last);
		case NOVA_FRAME_CHUNK:
			t->whole = true;
			return true;
		default:
			return true;
	}
}

static bool
take_payload(TableSide *t, const char *data, size_t len)
{
	FrameStatus status;
	NovaFrame f;

	frame_payload_begin(&t->reader, data, len, 0);
	while ((status = frame_next(&t->reader, &f)) == FRAME_READ)
		if (!take_frame(t, &f))
			return false;
	return status == FRAME_END || fail(t, "table %s: %s", t->table->name, t->reader.error);
}

/* A message of the COPY: its values, each a run of frames. */
static bool
take_message(TableSide *t, CopyBin *copy, BufferBuilder *value, const char *data, size_t len)
{
	CopyBinStatus status;
	CopyBinPart part;

	copybin_feed(copy, data, len);
	while ((status = copybin_next(copy, &part)) == COPYBIN_PART)
	{
		if (part.first && part.left == 0)
		{
			if (!take_payload(t, part.data, part.len))
				return false;
			continue;
		}
		if (!builder_append(value, part.data, part.len))
			return fail(t, "out of memory");
		if (part.left > 0)
			continue;
		if (!take_payload(t, value->data, value->len))
			return false;
		builder_reset(value);
	}
	return status != COPYBIN_BAD || fail(t, "table %s: %s", t->table->name, copy->error);
}

static bool
read_copy(TableSide *t)
{
	BufferBuilder value = {0};
	CopyBin copy;
	char *data;
	bool ok = true;
	int n;

	copybin_begin(&copy);
	while ((n = PQgetCopyData(t->conn, &data, 0)) > 0)
	{
		ok = ok && take_message(t, &copy, &value, data, (size_t) n);
		PQfreemem(data);
	}
	builder_reset(&value);
	if (n < -1 && ok)
		return fail(t, "table %s: %s", t->table->name, PQerrorMessage(t->conn));
	return ok;
}

/* The COPY's last words. */
static bool
end_copy(TableSide *t, bool ok)
{
	PGresult *res;

	while ((res = PQgetResult(t->conn)) != NULL)
	{
		if (PQresultStatus(res) != PGRES_COMMAND_OK && ok)
			ok = fail_result(t, t->table->name, res);
		PQclear(res);
	}
	if (ok && !t->whole)
		return fail(t, "table %s: the COPY ended without the frame that proves it", t->table->name);
	return ok;
}

/* condition: SQL, or NULL for all rows. */
static bool
copy_table(TableSide *t, const VerifyTable *table, const char *condition)
{
	PGresult *res;
	Query q;
	bool ok;

	if (!query_begin(t, &q))
		return false;
	fprintf(q.out, "COPY (SELECT nova.snapshot_frames(%" PRIu32 "::oid::regclass, ", table->oid);
	sql_options(q.out, t->cfg, t->publication);
	if (condition != NULL)
		fprintf(q.out, ", condition => '%s'", condition);
	fputs(")) TO STDOUT (FORMAT binary)", q.out);
	if (!query_end(t, &q))
		return false;
	t->table = table;
	t->whole = false;
	frame_chunk_begin(&t->reader);
	forget_topics(t);
	res = PQexec(t->conn, q.text);
	free(q.text);
	ok = PQresultStatus(res) == PGRES_COPY_OUT || fail_result(t, table->name, res);
	PQclear(res);
	return ok && end_copy(t, read_copy(t));
}

bool
tables_options(TableSide *t, const VerifyTable *table, RowForm *form)
{
	bool ok;

	t->form = form;
	t->row = NULL;
	ok = copy_table(t, table, "false");
	t->form = NULL;
	return ok;
}

bool
tables_read(TableSide *t, const VerifyTable *table, TableRowFn row, void *arg)
{
	t->row = row;
	t->arg = arg;
	return copy_table(t, table, NULL);
}
