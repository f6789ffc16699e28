/*-------------------------------------------------------------------------
 *
 * increment.c
 *		Rows that exist, read in chunks while the stream goes on; see increment.h.
 *
 * One connection goes through steps, each a query and what to make of its
 * answer; from INC_OPEN to INC_WINDOW they repeat for each chunk.
 *
 *-------------------------------------------------------------------------
 */
#include "increment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "copybin.h"
#include "jobs.h"
#include "keyset.h"
#include "log.h"
#include "pgstream.h"
#include "sqltext.h"

#define CONNECT_TIMEOUT_MS 30000
#define RETRY_MS           1000
#define RETRY_LATER_MS     30000 /* what only a person can mend */
#define SAVE_EVERY_MS      1000
#define PROGRESS_MS        5000

/* More is not kept in memory: the chunk is read again with fewer rows. */
#define CHUNK_BYTES_MAX ((size_t) 64 * 1024 * 1024)
/* Of a table without a key, at the most; 16 MB. */
#define CHUNK_BLOCKS 2048

typedef enum IncStep
{
	INC_NONE, /* no connection */
	INC_CONNECT,
	INC_SETTINGS,
	INC_READY, /* has nothing to wait for: what is next? */
	INC_TABLES,
	INC_UPTO,
	INC_OPEN,
	INC_SETTLE,
	INC_COPY,
	INC_ROWS,
	INC_ROWS_END,
	INC_CLOSE,
	INC_WINDOW, /* waits for the second mark */
	INC_EMIT,
	INC_SAFE, /* waits until the table's last chunk is */
	INC_STEPS
} IncStep;

typedef struct IncPayload
{
	char *data;
	size_t len;
} IncPayload;

struct Increment
{
	const RelayConfig *cfg;
	Delivery *delivery;
	Jobs *jobs;
	PublicationUse publication;

	/* connection */
	PGconn *conn;
	IncStep step;
	PostgresPollingStatusType polling;
	int64_t deadline; /* of the connecting */
	int64_t retry_at;
	bool pending_out;
	bool ready;
	bool answered;
	int64_t now;
	int64_t next_progress;

	/* the chunk */
	char mark[64]; /* both marks' ids begin with it */
	uint64_t marks;
	bool window; /* the first mark came */
	bool closed; /* the second one did */
	KeySet keys;
	CopyBin copy;
	bool copy_ended;
	char *message;    /* of libpq, being taken apart */
	IncPayload value; /* not complete yet; capacity is what it needs */
	IncPayload *payloads;
	size_t npayloads;
	size_t payloads_size;
	size_t emitted;
	size_t bytes;
	int rows;       /* that are asked for */
	int blocks;     /* the same of a table without a key */
	char *position; /* of its last row */
	bool table_end;
	uint64_t chunk_rows;
	char *after; /* where the next chunk begins; NULL: at the beginning */

	/* sent, not safe yet */
	bool unsafe;
	uint64_t unsafe_mark;
	char *unsafe_position;
	bool unsafe_end;
	uint64_t unsafe_rows;

	/* what has to be saved */
	bool dirty;
	int64_t saved_at;
	uint64_t *holds; /* signals that wait for it */
	size_t nholds;
	size_t saving; /* of these, in what is being written */
	bool urgent;

	/* what is told of it */
	IncrementPhase phase;
	bool cut; /* of what there was to read, something was given up */
	int64_t began;
	int64_t ended;
	int64_t paused_at;
	int64_t paused_ms; /* without the pause that is */
	TableNumbers tables[INCREMENT_TABLES_MAX];
	size_t ntables;
};

/*
 * Failures
 */

typedef enum IncRemedy
{
	REMEDY_RETRY,   /* soon */
	REMEDY_LATER,   /* when somebody may have mended it */
	REMEDY_TABLE,   /* leave the table out */
	REMEDY_REQUEST, /* give the request up */
} IncRemedy;

typedef struct IncAdvice
{
	const char *sqlstate; /* the front of it */
	bool of_table;        /* only while a table is read */
	IncRemedy remedy;
	const char *advice;
} IncAdvice;

/* The first row that fits applies. */
static const IncAdvice advices[] = {
	{"42P01", true, REMEDY_TABLE, "the table is gone, and left out"},
	{"42501", true, REMEDY_TABLE,
	 "the table is left out; run GRANT SELECT ON it TO <database.user>, and send the signal again"},
	{"42501", false, REMEDY_LATER,
	 "run GRANT USAGE ON SCHEMA nova TO <database.user> and GRANT EXECUTE ON FUNCTION "
	 "nova.watermark(text) TO <database.user>"},
	{"25006", false, REMEDY_REQUEST,
	 "an incremental snapshot writes marks into the WAL, which a standby cannot; connect to the "
	 "primary"},
	{"3F000", false, REMEDY_LATER, "run CREATE EXTENSION nova_decoder in this database"},
	{"42883", false, REMEDY_LATER, "run ALTER EXTENSION nova_decoder UPDATE"},
	{"40", true, REMEDY_RETRY, "the chunk is read again"},
	{"53", true, REMEDY_RETRY, "the chunk is read again"},
	{"55", true, REMEDY_RETRY, "the chunk is read again"},
	{"57", true, REMEDY_RETRY, "the chunk is read again"},
	{"08", true, REMEDY_RETRY, "the chunk is read again"},
	{"", true, REMEDY_TABLE,
	 "the table is left out; correct the condition or the option, and send the signal again"},
	{"2201B", false, REMEDY_REQUEST, "correct data-collections, and send the signal again"},
	{"", false, REMEDY_RETRY, "trying again"},
};

/* An initial snapshot is not complete without a table that is there. */
static const IncAdvice nothing_left_out = {
	"", true, REMEDY_LATER,
	"the rest of an initial snapshot needs this table: tried again every 30 s"};

static bool
reads_table(const Increment *inc)
{
	return inc->step == INC_UPTO || inc->step == INC_COPY || inc->step == INC_ROWS ||
		   inc->step == INC_ROWS_END;
}

static void
free_payloads(Increment *inc)
{
	for (size_t i = inc->emitted; i < inc->npayloads; i++)
		free(inc->payloads[i].data);
	free(inc->value.data);
	inc->value = (IncPayload){0};
	inc->npayloads = inc->emitted = 0;
	inc->bytes = 0;
}

/* The chunk is given up; the next one begins where it did. */
static void
drop_chunk(Increment *inc)
{
	PQfreemem(inc->message);
	inc->message = NULL;
	free_payloads(inc);
	keyset_clear(&inc->keys);
	free(inc->position);
	inc->position = NULL;
	inc->window = inc->closed = inc->table_end = false;
	inc->mark[0] = '\0';
	delivery_watch(inc->delivery, false);
}

static void
disconnect(Increment *inc)
{
	drop_chunk(inc);
	PQfinish(inc->conn);
	inc->conn = NULL;
	inc->pending_out = false;
	inc->answered = false;
	inc->step = INC_NONE;
}

/* What a chunk that is not safe yet will have been. */
static void
forget_unsafe(Increment *inc)
{
	free(inc->unsafe_position);
	inc->unsafe_position = NULL;
	inc->unsafe = false;
}

static void
set_after(Increment *inc, const char *after)
{
	char *copy = after != NULL ? strdup(after) : NULL;

	free(inc->after);
	inc->after = copy;
}

static void
changed(Increment *inc)
{
	inc->dirty = true;
}

static void
end_request(Increment *inc, bool given_up)
{
	char id[256];
	JobsEnd end;

	snprintf(id, sizeof(id), "%s", jobs_id(inc->jobs));
	forget_unsafe(inc);
	end = jobs_end_request(inc->jobs, given_up);
	if (end == JOBS_END_COMPLETE)
		log_info("incremental snapshot \"%s\" %s", id, jobs_end_text(end));
	else
		log_warn("incremental snapshot \"%s\" %s", id, jobs_end_text(end));
	set_after(inc, NULL);
	changed(inc);
	inc->urgent = true;
}

static void
end_table(Increment *inc, void (*end)(Jobs *))
{
	forget_unsafe(inc);
	end(inc->jobs);
	set_after(inc, NULL);
	changed(inc);
}

static void
apply(Increment *inc, IncRemedy remedy)
{
	inc->retry_at = inc->now + (remedy == REMEDY_LATER ? RETRY_LATER_MS : RETRY_MS);
	if (remedy == REMEDY_TABLE)
		end_table(inc, jobs_leave_out_table);
	else if (remedy == REMEDY_REQUEST)
	{
		inc->cut = true;
		end_request(inc, true);
	}
	if (remedy == REMEDY_TABLE || remedy == REMEDY_REQUEST)
		inc->retry_at = 0;
}

static void
fail_with(Increment *inc, const char *sqlstate, const char *text)
{
	const IncAdvice *a = advices;
	char line[512];
	char work[300] = "";
	JobTable table;
	bool of_table = reads_table(inc) && jobs_table(inc->jobs, &table);

	while (strncmp(sqlstate, a->sqlstate, strlen(a->sqlstate)) != 0 ||
		   (a->of_table && !(of_table && *sqlstate)))
		a++;
	if (of_table)
		snprintf(work, sizeof(work), "table %s.%s: ", table.schema, table.name);
	pgstream_one_line(line, sizeof(line), text);
	if (a->remedy == REMEDY_TABLE && jobs_resumed(inc->jobs) && strcmp(sqlstate, "42P01") != 0)
		a = &nothing_left_out;
	log_warn("incremental snapshot: %s%s%s%s%s; %s", work, line, *sqlstate ? " (SQLSTATE " : "",
			 sqlstate, *sqlstate ? ")" : "", a->advice);
	disconnect(inc);
	apply(inc, a->remedy);
}

static void
fail_connection(Increment *inc)
{
	fail_with(inc, "", pgstream_lost(inc->conn));
}

static void
fail_result(Increment *inc, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (primary == NULL)
		fail_connection(inc);
	else
		fail_with(inc, sqlstate != NULL ? sqlstate : "", primary);
}

/* The row of a table; NULL: there is no room for it. */
static TableNumbers *
numbers_of(Increment *inc, const char *schema, const char *name)
{
	char whole[sizeof(inc->tables[0].name)];
	size_t i = 0;

	snprintf(whole, sizeof(whole), "%s.%s", schema, name);
	while (i < inc->ntables && strcmp(inc->tables[i].name, whole) != 0)
		i++;
	if (i == INCREMENT_TABLES_MAX)
		return NULL;
	if (i == inc->ntables)
		snprintf(inc->tables[inc->ntables++].name, sizeof(whole), "%s", whole);
	inc->tables[i].row_estimate = -1;
	return &inc->tables[i];
}

static void
count_table(Increment *inc, bool complete)
{
	JobTable table;
	TableNumbers *t =
		jobs_table(inc->jobs, &table) ? numbers_of(inc, table.schema, table.name) : NULL;

	if (t == NULL)
		return;
	t->rows = table.rows;
	t->complete = complete;
}

/*
 * Queries
 */

static void
build_settings(const Increment *inc, FILE *out)
{
	(void) inc;
	/* a mark need not wait for standbys */
	sql_settings(out, ", ('synchronous_commit', 'local')");
}

static void
put_conditions(const Increment *inc, FILE *out)
{
	const char *collection;
	const char *filter;

	fputs("(SELECT c.filter FROM (VALUES (NULL::text, NULL::text)", out);
	for (size_t i = 0; jobs_condition(inc->jobs, i, &collection, &filter); i++)
	{
		fputs(", (", out);
		sql_literal(out, collection);
		fputs(", ", out);
		sql_literal(out, filter);
		putc(')', out);
	}
	fputs(") c (name, filter) WHERE t.schema_name || '.' || t.table_name ~* ('^(?:' || c.name || "
		  "')$') LIMIT 1)",
		  out);
}

static void
build_tables(const Increment *inc, FILE *out)
{
	fputs("SELECT n.nspname, r.relname, t.order_key IS NOT NULL, t.readable, t.row_security, ",
		  out);
	put_conditions(inc, out);
	fputs(" FROM nova.snapshot_tables(", out);
	sql_options(out, inc->cfg, inc->publication);
	fputs(", pg_catalog.concat_ws(','", out);
	for (size_t i = 0; i < jobs_collections(inc->jobs); i++)
	{
		fputs(", ", out);
		sql_literal(out, jobs_collection(inc->jobs, i));
	}
	fputs(")) t JOIN pg_catalog.pg_class r ON r.oid = t.relation "
		  "JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace ORDER BY 1, 2",
		  out);
}

static void
put_table(const Increment *inc, FILE *out)
{
	JobTable table;

	if (jobs_table(inc->jobs, &table))
		sql_regclass(out, table.schema, table.name);
}

static void
build_upto(const Increment *inc, FILE *out)
{
	JobTable table;

	(void) jobs_table(inc->jobs, &table);
	if (table.by_blocks)
	{
		fputs("SELECT pg_catalog.pg_relation_size(", out);
		put_table(inc, out);
		fputs(") / pg_catalog.current_setting('block_size')::bigint", out);
		return;
	}
	fputs("SELECT nova.snapshot_last_key(", out);
	put_table(inc, out);
	if (table.condition != NULL)
	{
		fputs(", ", out);
		sql_literal(out, table.condition);
	}
	putc(')', out);
}

static void
build_mark(const Increment *inc, FILE *out)
{
	fprintf(out, "SELECT nova.watermark('%s%s')", inc->mark,
			inc->step == INC_OPEN ? "open" : "close");
}

static void
build_settle(const Increment *inc, FILE *out)
{
	(void) inc;
	fputs("SELECT nova.snapshot_settle()", out);
}

static uint64_t
first_block(const Increment *inc)
{
	return inc->after != NULL ? strtoull(inc->after, NULL, 10) : 0;
}

/* The first block behind a chunk of a table without a key. */
static uint64_t
end_block(const Increment *inc)
{
	return first_block(inc) + (uint64_t) inc->blocks;
}

static void
put_range(const Increment *inc, const JobTable *table, FILE *out)
{
	if (table->by_blocks)
	{
		fprintf(out, ", first_block => %" PRIu64, first_block(inc));
		if (end_block(inc) < strtoull(table->upto, NULL, 10))
			fprintf(out, ", end_block => %" PRIu64, end_block(inc));
		return;
	}
	fprintf(out, ", max_rows => %d, upto_key => ", inc->rows);
	sql_literal(out, table->upto);
	if (inc->after == NULL)
		return;
	fputs(", after_key => ", out);
	sql_literal(out, inc->after);
}

static void
build_copy(const Increment *inc, FILE *out)
{
	JobTable table;

	(void) jobs_table(inc->jobs, &table);
	fputs("COPY (SELECT nova.snapshot_frames(", out);
	put_table(inc, out);
	fputs(", ", out);
	sql_options(out, inc->cfg, inc->publication);
	if (table.condition != NULL)
	{
		fputs(", condition => ", out);
		sql_literal(out, table.condition);
	}
	put_range(inc, &table, out);
	fputs(", mark => 'incremental')) TO STDOUT (FORMAT binary)", out);
}

/*
 * Answers
 */

static void
answer_next(Increment *inc, const PGresult *res)
{
	static const IncStep next[INC_STEPS] = {[INC_SETTINGS] = INC_READY,
											[INC_OPEN] = INC_SETTLE,
											[INC_SETTLE] = INC_COPY,
											[INC_CLOSE] = INC_WINDOW};

	(void) res;
	inc->step = next[inc->step];
}

static bool
add_table(Increment *inc, const PGresult *res, int i)
{
	const char *schema = PQgetvalue(res, i, 0);
	const char *name = PQgetvalue(res, i, 1);
	bool keyed = PQgetvalue(res, i, 2)[0] == 't';
	TableNumbers *numbers;

	if (PQgetvalue(res, i, 3)[0] != 't')
	{
		log_warn("incremental snapshot: table %s.%s is left out: run GRANT SELECT ON it TO "
				 "<database.user>, and send the signal again",
				 schema, name);
		return true;
	}
	if (PQgetvalue(res, i, 4)[0] == 't')
	{
		log_warn("incremental snapshot: table %s.%s is left out: row security would hide rows; "
				 "give the role BYPASSRLS, and send the signal again",
				 schema, name);
		return true;
	}
	if (!keyed)
		log_warn("incremental snapshot: table %s.%s has no key to read it by: rows that are "
				 "changed meanwhile may come twice",
				 schema, name);
	numbers = numbers_of(inc, schema, name);
	if (numbers != NULL)
	{
		numbers->rows = 0;
		numbers->complete = false;
	}
	return jobs_add_table(inc->jobs, schema, name,
						  PQgetisnull(res, i, 5) ? NULL : PQgetvalue(res, i, 5), !keyed);
}

static void
answer_tables(Increment *inc, const PGresult *res)
{
	bool ok = jobs_resolve(inc->jobs);

	for (int i = 0; i < PQntuples(res) && ok; i++)
		ok = add_table(inc, res, i);
	if (!ok)
	{
		fail_with(inc, "", "out of memory");
		return;
	}
	if (jobs_tables(inc->jobs) > 0)
		log_info("incremental snapshot \"%s\" begins: %zu tables", jobs_id(inc->jobs),
				 jobs_tables(inc->jobs));
	changed(inc);
	inc->step = INC_READY;
}

/* No last row: no rows. */
static void
answer_upto(Increment *inc, const PGresult *res)
{
	JobTable table;

	inc->step = INC_READY;
	if (!PQgetisnull(res, 0, 0) && strcmp(PQgetvalue(res, 0, 0), "0") != 0)
	{
		if (!jobs_set_upto(inc->jobs, PQgetvalue(res, 0, 0)))
			fail_with(inc, "", "out of memory");
		return;
	}
	if (jobs_table(inc->jobs, &table))
		log_info("incremental snapshot: table %s.%s has no rows to read", table.schema, table.name);
	count_table(inc, true);
	end_table(inc, jobs_end_table);
}

static void
answer_copy(Increment *inc, const PGresult *res)
{
	(void) res;
	copybin_begin(&inc->copy);
	inc->copy_ended = false;
	inc->step = INC_ROWS;
}

typedef struct IncQuery
{
	void (*build)(const Increment *inc, FILE *out);
	ExecStatusType expected;
	void (*answer)(Increment *inc, const PGresult *res);
	int fields;
	bool one_row;
} IncQuery;

static const IncQuery queries[INC_STEPS] = {
	[INC_SETTINGS] = {build_settings, PGRES_TUPLES_OK, answer_next, 1, false},
	[INC_TABLES] = {build_tables, PGRES_TUPLES_OK, answer_tables, 6, false},
	[INC_UPTO] = {build_upto, PGRES_TUPLES_OK, answer_upto, 1, true},
	[INC_OPEN] = {build_mark, PGRES_TUPLES_OK, answer_next, 1, true},
	[INC_SETTLE] = {build_settle, PGRES_TUPLES_OK, answer_next, 1, true},
	[INC_COPY] = {build_copy, PGRES_COPY_OUT, answer_copy, 0, false},
	[INC_CLOSE] = {build_mark, PGRES_TUPLES_OK, answer_next, 1, true},
};

static void
flush(Increment *inc)
{
	int rest = PQflush(inc->conn);

	inc->pending_out = rest > 0;
	if (rest < 0)
		fail_connection(inc);
}

static void
send_query(Increment *inc, IncStep step)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool sent;

	inc->step = step;
	inc->answered = false;
	if (out == NULL)
	{
		fail_with(inc, "", "out of memory");
		return;
	}
	queries[step].build(inc, out);
	sent = fclose(out) == 0 && PQsendQuery(inc->conn, text);
	free(text);
	if (sent)
		flush(inc);
	else
		fail_connection(inc);
}

static void
take_result(Increment *inc, PGresult *res)
{
	const IncQuery *query = &queries[inc->step];

	if (PQresultStatus(res) == PGRES_FATAL_ERROR)
		fail_result(inc, res);
	else if (inc->answered)
		;
	else if (PQresultStatus(res) == query->expected && PQnfields(res) >= query->fields &&
			 (!query->one_row || PQntuples(res) == 1))
		query->answer(inc, res);
	else
		fail_with(inc, "", "unexpected answer from the server");
	inc->answered = inc->conn != NULL;
	PQclear(res);
}

/* Results of the step's query; the next query follows at once if there is one. */
static void
advance_query(Increment *inc)
{
	while (inc->conn != NULL && (queries[inc->step].build != NULL || inc->answered))
	{
		PGresult *res;

		if (PQisBusy(inc->conn))
			return;
		res = PQgetResult(inc->conn);
		if (res != NULL)
		{
			take_result(inc, res);
			if (inc->step == INC_ROWS)
			{
				inc->answered = false;
				return;
			}
			continue;
		}
		inc->answered = false;
		if (queries[inc->step].build == NULL)
			return;
		send_query(inc, inc->step);
	}
}

/*
 * The chunk
 */

static bool
keep_payload(Increment *inc)
{
	if (inc->npayloads == inc->payloads_size)
	{
		size_t size = inc->payloads_size > 0 ? 2 * inc->payloads_size : 16;
		IncPayload *grown = realloc(inc->payloads, size * sizeof(*grown));

		if (grown == NULL)
			return false;
		inc->payloads = grown;
		inc->payloads_size = size;
	}
	inc->payloads[inc->npayloads++] = inc->value;
	inc->value = (IncPayload){0};
	return true;
}

static bool
take_part(Increment *inc, const CopyBinPart *part)
{
	if (part->first)
	{
		inc->value.data = malloc(part->len + part->left + 1);
		inc->value.len = 0;
	}
	if (inc->value.data == NULL)
		return false;
	memcpy(inc->value.data + inc->value.len, part->data, part->len);
	inc->value.len += part->len;
	inc->bytes += part->len;
	return part->left > 0 || keep_payload(inc);
}

/* Rows are larger than was thought: ask for fewer. */
static bool
is_too_large(Increment *inc)
{
	JobTable table;
	int *asked = jobs_table(inc->jobs, &table) && table.by_blocks ? &inc->blocks : &inc->rows;

	if (inc->bytes <= CHUNK_BYTES_MAX || *asked == 1)
		return false;
	*asked = *asked > 8 ? *asked / 8 : 1;
	log_debug("incremental snapshot: a chunk is larger than %zu MB; %d %s from now on",
			  CHUNK_BYTES_MAX / 1024 / 1024, *asked, table.by_blocks ? "blocks" : "rows");
	disconnect(inc);
	inc->retry_at = 0;
	return true;
}

/* And for more again. */
static void
grow_chunk(Increment *inc)
{
	if (2 * inc->rows <= inc->cfg->chunk_rows)
		inc->rows *= 2;
	if (2 * inc->blocks <= CHUNK_BLOCKS)
		inc->blocks *= 2;
}

static bool
take_copy(Increment *inc)
{
	CopyBinPart part;

	for (;;)
		switch (copybin_next(&inc->copy, &part))
		{
			case COPYBIN_PART:
				if (!take_part(inc, &part))
				{
					fail_with(inc, "", "out of memory");
					return false;
				}
				if (is_too_large(inc))
					return false;
				break;
			case COPYBIN_END:
				inc->copy_ended = true;
				return true;
			case COPYBIN_MORE:
				return true;
			case COPYBIN_BAD:
				fail_with(inc, "", inc->copy.error);
				return false;
		}
}

static void
advance_rows(Increment *inc)
{
	while (inc->step == INC_ROWS)
	{
		int n = PQgetCopyData(inc->conn, &inc->message, 1);

		if (n == 0)
			return;
		if (n == -1)
			inc->step = INC_ROWS_END;
		else if (n < -1)
			fail_connection(inc);
		else
		{
			copybin_feed(&inc->copy, inc->message, (size_t) n);
			if (!take_copy(inc))
				return;
			PQfreemem(inc->message);
			inc->message = NULL;
		}
	}
}

static void
advance_rows_end(Increment *inc)
{
	while (inc->conn != NULL && !PQisBusy(inc->conn))
	{
		PGresult *res = PQgetResult(inc->conn);

		if (res == NULL)
		{
			if (inc->copy_ended)
				send_query(inc, INC_CLOSE);
			else
				fail_with(inc, "", "the COPY ended too soon");
			return;
		}
		if (PQresultStatus(res) == PGRES_FATAL_ERROR)
			fail_result(inc, res);
		PQclear(res);
	}
}

static bool
is_mark(const Increment *inc, const NovaSignal *signal, const char *which)
{
	char id[80];
	size_t len = (size_t) snprintf(id, sizeof(id), "%s%s", inc->mark, which);

	return inc->mark[0] != '\0' && signal->id.len == len && memcmp(signal->id.data, id, len) == 0;
}

static void
take_mark(Increment *inc, const NovaSignal *signal)
{
	if (is_mark(inc, signal, "open"))
	{
		inc->window = true;
		delivery_watch(inc->delivery, true);
	}
	else if (is_mark(inc, signal, "close"))
		inc->closed = inc->window;
}

static void
hold(Increment *inc)
{
	uint64_t *grown = realloc(inc->holds, (inc->nholds + 1) * sizeof(*grown));

	inc->dirty = true;
	inc->urgent = true;
	if (grown == NULL)
		return;
	inc->holds = grown;
	inc->holds[inc->nholds++] = delivery_hold(inc->delivery);
}

/* A request that is stopped may be the one that is being read. */
static void
begin_anew(Increment *inc)
{
	JobTable table;

	disconnect(inc);
	forget_unsafe(inc);
	set_after(inc, jobs_table(inc->jobs, &table) ? table.after : NULL);
}

static void
on_signal(void *arg, const NovaSignal *signal, uint64_t lsn)
{
	static const char mark[] = "watermark";
	Increment *inc = arg;

	if (signal->type.len == sizeof(mark) - 1 &&
		memcmp(signal->type.data, mark, sizeof(mark) - 1) == 0)
	{
		take_mark(inc, signal);
		return;
	}
	switch (jobs_signal(inc->jobs, signal, lsn))
	{
		case JOBS_SAME:
			return;
		case JOBS_STOPPED:
			inc->cut = true;
			begin_anew(inc);
			break;
		default:
			break;
	}
	hold(inc);
}

/* Of the stream, keys are noted; of the chunk, those that were are left out. */
static bool
on_record(void *arg, bool of_stream, const char *topic, NovaBytes key)
{
	Increment *inc = arg;

	if (key.data == NULL)
		return true;
	if (!of_stream)
		return !keyset_has(&inc->keys, topic, key.data, key.len);
	keyset_add(&inc->keys, topic, key.data, key.len);
	return true;
}

static void
on_chunk(void *arg, const NovaChunk *chunk)
{
	Increment *inc = arg;

	free(inc->position);
	inc->position =
		chunk->position.len > 0 ? strndup(chunk->position.data, chunk->position.len) : strdup("");
	inc->table_end = (chunk->flags & NOVA_KF_END) != 0;
	inc->chunk_rows = chunk->records;
}

/* All of it was handed over. */
static void
end_chunk(Increment *inc)
{
	JobTable table;

	if (!delivery_chunk_whole(inc->delivery, DELIVERY_INCREMENT) || inc->position == NULL ||
		!jobs_table(inc->jobs, &table))
	{
		fail_with(inc, "", "a chunk ended without the frame that proves it");
		return;
	}
	inc->unsafe_end = inc->table_end;
	if (table.by_blocks)
	{
		char block[32];

		snprintf(block, sizeof(block), "%" PRIu64, end_block(inc));
		inc->unsafe_end = end_block(inc) >= strtoull(table.upto, NULL, 10);
		free(inc->position);
		inc->position = strdup(block);
	}
	else if (inc->position[0] == '\0')
		inc->unsafe_end = true; /* no row was left */
	inc->unsafe = true;
	inc->unsafe_mark = delivery_mark(inc->delivery);
	inc->unsafe_rows = inc->chunk_rows;
	inc->unsafe_position = inc->position;
	inc->position = NULL;
	set_after(inc, inc->unsafe_position);
	drop_chunk(inc);
	grow_chunk(inc);
	inc->step = inc->unsafe_end ? INC_SAFE : INC_READY;
}

static void
log_table_end(Increment *inc)
{
	JobTable table;

	if (jobs_table(inc->jobs, &table))
		log_info("incremental snapshot \"%s\": table %s.%s is complete, %" PRIu64
				 " rows read, every record is acknowledged; %zu tables are left",
				 jobs_id(inc->jobs), table.schema, table.name, table.rows,
				 jobs_tables(inc->jobs) - 1);
}

/* The last chunk sent: is it safe now? */
static void
settle_chunk(Increment *inc)
{
	bool end = inc->unsafe_end;

	if (!inc->unsafe || !delivery_reached(inc->delivery, inc->unsafe_mark))
		return;
	if (!jobs_advance(inc->jobs, inc->unsafe_position, inc->unsafe_rows))
		return; /* out of memory: the next time */
	forget_unsafe(inc);
	changed(inc);
	count_table(inc, end);
	if (!end)
		return;
	log_table_end(inc);
	end_table(inc, jobs_end_table);
	if (inc->step == INC_SAFE)
		inc->step = INC_READY;
}

bool
increment_emit(Increment *inc)
{
	IncPayload *p;

	if (inc->step == INC_WINDOW && inc->closed)
	{
		/* nothing is known of the keys that did not fit */
		if (inc->keys.overflowed)
		{
			drop_chunk(inc);
			inc->step = INC_READY;
			return false;
		}
		/* an acknowledgement of this turn counts: nothing else may come to wake us */
		settle_chunk(inc);
		if (inc->unsafe)
			return false;
		delivery_begin(inc->delivery, DELIVERY_INCREMENT);
		inc->step = INC_EMIT;
	}
	if (inc->step != INC_EMIT)
		return false;
	if (inc->emitted == inc->npayloads)
	{
		end_chunk(inc);
		return false;
	}
	p = &inc->payloads[inc->emitted];
	if (!delivery_take(inc->delivery, DELIVERY_INCREMENT, p->data, free, p->data, p->len,
					   delivery_received_lsn(inc->delivery)))
	{
		fail_with(inc, "", "out of memory");
		return false;
	}
	inc->emitted++;
	return true;
}

/*
 * What is next
 */

static void
begin_connect(Increment *inc)
{
	inc->conn = pgstream_connect_start(inc->cfg, false);
	inc->step = INC_CONNECT;
	inc->polling = PGRES_POLLING_WRITING;
	inc->deadline = inc->now + CONNECT_TIMEOUT_MS;
	if (inc->conn == NULL || PQstatus(inc->conn) == CONNECTION_BAD)
		fail_connection(inc);
}

static void
advance_connect(Increment *inc)
{
	struct pollfd fd = {.fd = PQsocket(inc->conn),
						.events = inc->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT};

	if (inc->now >= inc->deadline)
	{
		fail_with(inc, "", "no connection to PostgreSQL in time");
		return;
	}
	if (poll(&fd, 1, 0) <= 0)
		return;
	inc->polling = PQconnectPoll(inc->conn);
	if (inc->polling == PGRES_POLLING_FAILED ||
		(inc->polling == PGRES_POLLING_OK && PQsetnonblocking(inc->conn, 1) != 0))
		fail_connection(inc);
	else if (inc->polling == PGRES_POLLING_OK)
		send_query(inc, INC_SETTINGS);
}

static void
begin_chunk(Increment *inc)
{
	snprintf(inc->mark, sizeof(inc->mark), "nova %lx %" PRIu64 " ", (unsigned long) getpid(),
			 (uint64_t) time(NULL) * 1000000 + ++inc->marks);
	send_query(inc, INC_OPEN);
}

/* Which query is due. */
static void
choose(Increment *inc)
{
	JobTable table;

	if (!jobs_resolved(inc->jobs))
		send_query(inc, INC_TABLES);
	else if (!jobs_table(inc->jobs, &table))
		end_request(inc, false);
	else if (table.upto == NULL)
		send_query(inc, INC_UPTO);
	else
		begin_chunk(inc);
}

static bool
is_idle(const Increment *inc)
{
	return jobs_empty(inc->jobs) || jobs_paused(inc->jobs);
}

static void
advance_step(Increment *inc)
{
	if (inc->step == INC_NONE && inc->now >= inc->retry_at && !is_idle(inc) && !inc->unsafe)
		begin_connect(inc);
	else if (inc->step == INC_CONNECT)
		advance_connect(inc);
	else if (inc->step == INC_ROWS)
		advance_rows(inc);
	else if (inc->step == INC_READY && is_idle(inc) && !inc->unsafe)
		disconnect(inc);
	else if (inc->step == INC_READY && !is_idle(inc))
		choose(inc);
	if (inc->conn != NULL && (queries[inc->step].build != NULL || inc->answered))
		advance_query(inc);
	if (inc->step == INC_ROWS_END)
		advance_rows_end(inc);
}

static void
log_progress(Increment *inc)
{
	JobTable table;

	if (is_idle(inc) || inc->now < inc->next_progress || !jobs_table(inc->jobs, &table))
		return;
	inc->next_progress = inc->now + PROGRESS_MS;
	log_info("incremental snapshot \"%s\": table %s.%s, %" PRIu64 " rows, at %s of %s, %zu tables "
			 "are left",
			 jobs_id(inc->jobs), table.schema, table.name, table.rows,
			 table.after != NULL ? table.after : "the beginning",
			 table.upto != NULL ? table.upto : "?", jobs_tables(inc->jobs));
}

static void
enter_phase(Increment *inc, IncrementPhase phase)
{
	bool goes_on = inc->phase == INCREMENT_READS || inc->phase == INCREMENT_PAUSED;

	if (inc->phase == INCREMENT_PAUSED)
		inc->paused_ms += inc->now - inc->paused_at;
	if (!goes_on)
	{
		inc->began = inc->now;
		inc->paused_ms = 0;
		inc->cut = false;
	}
	if (phase == INCREMENT_PAUSED)
		inc->paused_at = inc->now;
	inc->ended = inc->now;
	inc->phase = phase;
}

/* Signals, failures and the last row change it. */
static void
see_phase(Increment *inc)
{
	bool goes_on = inc->phase == INCREMENT_READS || inc->phase == INCREMENT_PAUSED;
	IncrementPhase phase = inc->phase;

	if (!jobs_empty(inc->jobs))
		phase = jobs_paused(inc->jobs) ? INCREMENT_PAUSED : INCREMENT_READS;
	else if (goes_on)
		phase = inc->cut ? INCREMENT_STOPPED : INCREMENT_COMPLETE;
	if (phase != inc->phase)
		enter_phase(inc, phase);
}

void
increment_advance(Increment *inc, int64_t now)
{
	IncStep before;

	inc->now = now;
	see_phase(inc);
	settle_chunk(inc);
	if (inc->conn != NULL && inc->step != INC_CONNECT)
	{
		if (inc->ready && !PQconsumeInput(inc->conn))
			fail_connection(inc);
		else if (inc->pending_out)
			flush(inc);
	}
	inc->ready = false;
	do
	{
		before = inc->step;
		advance_step(inc);
	} while (inc->step != before);
	see_phase(inc);
	log_progress(inc);
}

/*
 * The interface
 */

Increment *
increment_new(const RelayConfig *cfg, Delivery *delivery)
{
	Increment *inc = calloc(1, sizeof(*inc));

	if (inc == NULL || (inc->jobs = jobs_new()) == NULL)
	{
		free(inc);
		return NULL;
	}
	inc->cfg = cfg;
	inc->delivery = delivery;
	inc->rows = cfg->chunk_rows;
	inc->blocks = CHUNK_BLOCKS;
	delivery_listen(delivery, (DeliveryListener){inc, on_signal, on_record, on_chunk});
	return inc;
}

void
increment_free(Increment *inc)
{
	if (inc == NULL)
		return;
	disconnect(inc);
	forget_unsafe(inc);
	jobs_free(inc->jobs);
	free(inc->payloads);
	free(inc->after);
	free(inc->holds);
	free(inc);
}

bool
increment_load(Increment *inc, const char *jobs)
{
	JobTable table;
	bool ok = jobs == NULL || jobs_load(inc->jobs, jobs);

	/* a request that came before is not the first one any more */
	if (jobs != NULL)
		increment_interrupt(inc);
	set_after(inc, jobs_table(inc->jobs, &table) ? table.after : NULL);
	if (ok && !jobs_empty(inc->jobs))
		log_info("incremental snapshot \"%s\" goes on where it was%s", jobs_id(inc->jobs),
				 jobs_paused(inc->jobs) ? ", when the signal resume-snapshot comes" : "");
	return ok;
}

bool
increment_resume(Increment *inc, const char *progress)
{
	bool ok = jobs_resume(inc->jobs, progress);

	set_after(inc, NULL);
	inc->dirty = inc->urgent = true;
	return ok;
}

void
increment_begin(Increment *inc, PublicationUse publication)
{
	inc->publication = publication;
	inc->retry_at = 0;
}

void
increment_interrupt(Increment *inc)
{
	JobTable table;

	disconnect(inc);
	/* what was sent and is not acknowledged yet may still get there, or comes again */
	forget_unsafe(inc);
	set_after(inc, jobs_table(inc->jobs, &table) ? table.after : NULL);
}

bool
increment_unsaved(const Increment *inc, int64_t now)
{
	return inc->dirty && (inc->urgent || now >= inc->saved_at + SAVE_EVERY_MS);
}

char *
increment_text(Increment *inc)
{
	inc->dirty = false;
	inc->urgent = false;
	inc->saving = inc->nholds;
	if (jobs_blank(inc->jobs))
		return strdup("");
	return jobs_text(inc->jobs);
}

void
increment_saved(Increment *inc, int64_t now)
{
	inc->saved_at = now;
	if (inc->saving == 0)
		return;
	for (size_t i = 0; i < inc->saving; i++)
		delivery_release(inc->delivery, inc->holds[i]);
	memmove(inc->holds, inc->holds + inc->saving,
			(inc->nholds - inc->saving) * sizeof(*inc->holds));
	inc->nholds -= inc->saving;
	inc->saving = 0;
}

bool
increment_running(const Increment *inc)
{
	return !jobs_empty(inc->jobs) && !jobs_paused(inc->jobs);
}

IncrementProgress
increment_progress(const Increment *inc)
{
	bool paused = inc->phase == INCREMENT_PAUSED;
	int64_t until = paused || inc->phase == INCREMENT_READS ? inc->now : inc->ended;

	return (IncrementProgress){inc->phase, inc->phase != INCREMENT_NONE ? until - inc->began : 0,
							   inc->paused_ms + (paused ? inc->now - inc->paused_at : 0)};
}

const TableNumbers *
increment_tables(const Increment *inc, size_t *n)
{
	*n = inc->ntables;
	return inc->tables;
}

struct pollfd
increment_pollfd(const Increment *inc)
{
	struct pollfd fd = {.fd = -1};

	if (inc->conn == NULL || inc->step == INC_EMIT)
		return fd;
	fd.fd = PQsocket(inc->conn);
	if (inc->step == INC_CONNECT)
		fd.events = inc->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	else
		fd.events = (short) (POLLIN | (inc->pending_out ? POLLOUT : 0));
	return fd;
}

void
increment_polled(Increment *inc, const struct pollfd *fd)
{
	inc->ready = fd->fd >= 0 && fd->revents != 0;
}

int64_t
increment_deadline(const Increment *inc)
{
	int64_t deadline = INT64_MAX;

	if (inc->step == INC_CONNECT)
		deadline = inc->deadline;
	else if (inc->step == INC_NONE && !is_idle(inc))
		deadline = inc->retry_at;
	if (inc->dirty && inc->saved_at + SAVE_EVERY_MS < deadline)
		deadline = inc->saved_at + SAVE_EVERY_MS;
	return deadline;
}
