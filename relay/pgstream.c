/*-------------------------------------------------------------------------
 *
 * pgstream.c
 *		The replication connection: connect, slot, stream, feedback.
 *
 * On the direct road the stream has an ordinary connection, made in its place;
 * what is on it is the same.
 *
 * A connection goes through steps (the table below), each a query and what to
 * make of its answer.  Failures are looked up in one table of advice.
 *
 *-------------------------------------------------------------------------
 */
#include "pgstream.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "copydata.h"
#include "plugintime.h"
#include "poison.h"

/* Seconds between the Unix epoch and PostgreSQL's, 2000-01-01. */
#define PG_EPOCH_SECONDS   946684800

#define CONNECT_TIMEOUT_S  10     /* unless connect_timeout says otherwise */
#define QUERY_TIMEOUT_MS   30000  /* a catalog query that takes longer hangs */
#define MOVE_TIMEOUT_MS    30000  /* of a slot, which reads all WAL on the way */
#define DECODING_STANDBY   160000 /* from this version on a standby can decode */
#define MAX_CONNECT_PARAMS 96

typedef enum PgStep
{
	STEP_NONE,
	STEP_CONNECT,
	STEP_IDENTIFY,
	STEP_HISTORY,
	STEP_ROAD,
	STEP_PUBLICATION,
	STEP_SLOT,
	STEP_CREATE,
	STEP_PREPARED,    /* waits for pgstream_create() or pgstream_start() */
	STEP_SAME_SERVER, /* the direct road: is the ordinary connection one to it? */
	STEP_START,
	STEP_STREAM,
	STEP_ENDED, /* the server ended the stream; its reason is being read */
	STEP_STOP,  /* we ended it; waiting for the server's word */
	STEP_DROP,
	STEP_END_HOLDER,
	STEP_MOVE,
	STEP_STOPPED
} PgStep;

struct PgStream
{
	const RelayConfig *cfg;
	PGconn *conn;
	PgStep step;
	Road road;                         /* direct: conn is, or becomes, an ordinary one */
	PostgresPollingStatusType polling; /* STEP_CONNECT */
	bool export_snapshot;
	bool drop_slot;
	bool copy_over;      /* STEP_STOP: the server's CopyDone has come */
	bool answered;       /* the query of the step had its result */
	bool pending_out;    /* libpq holds bytes the socket did not take */
	uint64_t start_lsn;  /* or where STEP_MOVE leads */
	uint64_t bad_change; /* position in the last failure; 0: none */
	char guarded[POISON_TEXT_MAX];
	bool untimed; /* the plugin on this server has no PLUGINTIME_OPTION */
	int64_t deadline;
	PgServer server;
	HolderEnd ended;
	PgStatus failure; /* of the step; PG_READY if none */
	char sqlstate[6]; /* of the last failure; "": none, or not known */
	char error[1024];
};

/*
 * What a failure means.  The first row whose conditions all hold applies;
 * text is looked for in the server's message and helps where one SQLSTATE has
 * several meanings.
 */
typedef struct PgAdvice
{
	PgStep step; /* STEP_NONE: any */
	const char *sqlstate;
	const char *text;
	PgStatus status;
	const char *advice;
} PgAdvice;

static const PgAdvice advices[] = {
	/* libpq's own, which have no SQLSTATE */
	{STEP_NONE, NULL, "no password supplied", PG_STOP,
	 "the server asks for a password: set database.password, for example to ${env:DB_PASSWORD}"},
	{STEP_NONE, NULL, "certificate verify failed", PG_STOP,
	 "check database.sslrootcert, the authorities that vouch for the server"},
	{STEP_NONE, NULL, "does not match host name", PG_STOP,
	 "check database.hostname: it has to be a name in the server's certificate"},
	{STEP_NONE, NULL, "root certificate file", PG_STOP,
	 "check database.sslrootcert, or choose another database.sslmode"},
	{STEP_NONE, NULL, "server does not support SSL", PG_STOP,
	 "set ssl = on at the server, or choose another database.sslmode"},
	{STEP_NONE, "28P01", NULL, PG_STOP, "check database.user and database.password"},
	{STEP_NONE, "28000", "pg_hba.conf", PG_STOP,
	 "add a pg_hba.conf line for this user and the database (not \"replication\") and reload"},
	{STEP_NONE, "28000", NULL, PG_STOP, "check database.user and its right to log in"},
	{STEP_NONE, "3D000", NULL, PG_STOP, "check database.dbname"},
	{STEP_NONE, "42501", "output plugin", PG_STOP,
	 "run: ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, nova_decoder; "
	 "SELECT pg_reload_conf();"},
	{STEP_START, "42883", "nova.stream", PG_RETRY,
	 "run in this database: CREATE EXTENSION nova_decoder"},
	{STEP_START, "3F000", NULL, PG_RETRY, "run in this database: CREATE EXTENSION nova_decoder"},
	{STEP_START, "42501", "stream", PG_RETRY,
	 "run in this database: GRANT EXECUTE ON PROCEDURE nova.stream(name, pg_lsn, text[]) TO "
	 "<user>"},
	{STEP_START, "42501", "schema nova", PG_RETRY,
	 "run in this database: GRANT USAGE ON SCHEMA nova TO <user>"},
	{STEP_NONE, "42501", NULL, PG_STOP,
	 "give the role the right to replicate: ALTER ROLE <user> REPLICATION"},
	{STEP_NONE, "58P01", "nova_decoder", PG_STOP,
	 "install the nova_decoder extension package on the database server"},
	{STEP_NONE, "58P01", "already been removed", PG_STOP,
	 "WAL that the slot needs is not on this server (was the slot copied to it?): drop the slot, "
	 "set snapshot.mode to when_needed and start again, for a new slot and a new snapshot"},
	{STEP_NONE, "55000", "on the primary", PG_STOP,
	 "run on the primary: ALTER SYSTEM SET wal_level = logical; and restart it"},
	{STEP_NONE, "55000", "wal_level", PG_STOP,
	 "run: ALTER SYSTEM SET wal_level = logical; and restart the server"},
	{STEP_NONE, "53400", "replication slots", PG_STOP,
	 "drop a slot that nobody uses or raise max_replication_slots and restart the server"},
	{STEP_NONE, "55006", NULL, PG_RETRY,
	 "another process uses the slot; it is taken over as soon as it is free"},
	{STEP_NONE, "55000", "can no longer", PG_STOP,
	 "the slot is invalidated and its changes are gone: set snapshot.mode to when_needed and start "
	 "again, for a new slot and a new snapshot"},
	{STEP_NONE, "55000", "invalidated", PG_STOP,
	 "the slot is invalidated and its changes are gone: set snapshot.mode to when_needed and start "
	 "again, for a new slot and a new snapshot"},
	{STEP_NONE, "55000", "was not created in this database", PG_STOP,
	 "use another slot.name, or the database the slot was made in"},
	{STEP_START, "42704", "replication slot", PG_RETRY, "the slot is looked up again"},
	{STEP_START, "22023", NULL, PG_STOP, "correct this option in the connector configuration"},
	{STEP_START, "22P02", NULL, PG_STOP, "correct this option in the connector configuration"},
	{STEP_START, "22003", NULL, PG_STOP, "correct this option in the connector configuration"},
	{STEP_START, "42601", NULL, PG_STOP, "correct this option in the connector configuration"},
	{STEP_START, "42704", NULL, PG_STOP, "correct this option in the connector configuration"},
	{STEP_START, "2201B", "operation cancelled", PG_RETRY,
	 "the server was interrupted while it read the options"},
	{STEP_START, "2201B", NULL, PG_STOP, "correct this expression in the connector configuration"},
	{STEP_CREATE, "42602", NULL, PG_STOP, "slot.name may have a-z, 0-9 and _ only"},
	{STEP_NONE, "57P01", NULL, PG_RETRY, "the connection was ended by an administrator"},
	{STEP_NONE, "57P03", NULL, PG_RETRY, "the server is starting up or shutting down"},
	{STEP_NONE, "53300", NULL, PG_RETRY, "raise max_wal_senders or max_connections if this lasts"},
	/* what we do not know may be a passing trouble; it is said every time */
	{STEP_NONE, NULL, NULL, PG_RETRY, NULL},
};

void
pgstream_one_line(char *out, size_t size, const char *text)
{
	size_t n = 0;

	while (*text != '\0' && n + 3 < size)
	{
		if (*text != '\n')
			out[n++] = *text++;
		else
		{
			while (isspace((unsigned char) *text))
				text++;
			if (*text != '\0')
			{
				out[n++] = ';';
				out[n++] = ' ';
			}
		}
	}
	out[n] = '\0';
}

static bool
advice_applies(const PgAdvice *a, PgStep step, const char *sqlstate, const char *text)
{
	return (a->step == STEP_NONE || a->step == step) &&
		   (a->sqlstate == NULL || strcmp(a->sqlstate, sqlstate) == 0) &&
		   (a->text == NULL || strstr(text, a->text) != NULL);
}

/* Set error and return the class of a failure. */
static PgStatus
fail_with(PgStream *pg, const char *sqlstate, const char *text)
{
	const PgAdvice *a = advices;
	char line[640];

	while (!advice_applies(a, pg->step, sqlstate, text))
		a++;
	pgstream_one_line(line, sizeof(line), text);
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", sqlstate);
	snprintf(pg->error, sizeof(pg->error), "%s%s%s%s%s%s", line, *sqlstate ? " (SQLSTATE " : "",
			 sqlstate, *sqlstate ? ")" : "", a->advice ? "; " : "", a->advice ? a->advice : "");
	return pg->failure = a->status;
}

__attribute__((format(printf, 3, 4))) static PgStatus
fail_plainly(PgStream *pg, PgStatus status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(pg->error, sizeof(pg->error), fmt, args);
	va_end(args);
	pg->sqlstate[0] = '\0';
	return pg->failure = status;
}

/* Of a socket that could not be made, libpq 17 has no message. */
static _Thread_local int not_begun;

const char *
pgstream_lost(const PGconn *conn)
{
	const char *text = conn != NULL ? PQerrorMessage(conn) : "out of memory";

	if (text[0] != '\0')
		return text;
	return not_begun != 0 && PQsocket(conn) < 0 ? strerror(not_begun) : "the connection was lost";
}

/*
 * Before there is a result to ask, the SQLSTATE is in the text only, and only
 * with verbose messages: "FATAL:  28P01: password …\nLOCATION: …".
 */
static PgStatus
fail_connection(PgStream *pg)
{
	char text[640];
	char sqlstate[6] = "";
	char *at;
	char *location;

	snprintf(text, sizeof(text), "%s", pgstream_lost(pg->conn));
	for (at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  "))
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':')
		{
			memcpy(sqlstate, at + 3, 5);
			memmove(at + 3, at + 10, strlen(at + 10) + 1);
			break;
		}
	location = strstr(text, "\nLOCATION:");
	if (location != NULL)
		*location = '\0';
	return fail_with(pg, sqlstate, text);
}

static PgStatus
fail_result(PgStream *pg, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
	char text[640];

	if (!poison_position(sqlstate, PQresultErrorField(res, PG_DIAG_CONTEXT), &pg->bad_change))
		pg->bad_change = 0;
	if (primary == NULL)
		return fail_connection(pg);
	snprintf(text, sizeof(text), "%s%s%s%s%s", primary, detail ? "\n" : "", detail ? detail : "",
			 hint ? "\n" : "", hint ? hint : "");
	return fail_with(pg, sqlstate ? sqlstate : "", text);
}

/* A growing query; libpq wants a string. */
typedef struct QueryText
{
	char *text;
	size_t size;
	FILE *out;
} QueryText;

static bool
query_open(QueryText *q)
{
	*q = (QueryText){0};
	q->out = open_memstream(&q->text, &q->size);
	return q->out != NULL;
}

/* Both grammars double the quote and know no other escape. */
static void
query_quoted(QueryText *q, const char *text, char quote)
{
	putc(quote, q->out);
	for (; *text != '\0'; text++)
	{
		if (*text == quote)
			putc(quote, q->out);
		putc(*text, q->out);
	}
	putc(quote, q->out);
}

static void
build_identify(PgStream *pg, QueryText *q)
{
	(void) pg;
	fputs("IDENTIFY_SYSTEM", q->out);
}

/* What the server has said are digits. */
static void
build_history(PgStream *pg, QueryText *q)
{
	fprintf(q->out, "TIMELINE_HISTORY %lu", strtoul(pg->server.timeline, NULL, 10));
}

/* Of this server and no other, while it is what it is. */
#define MARK                                                                                       \
	"pg_catalog.concat_ws(' ', pg_catalog.date_part('epoch', "                                     \
	"pg_catalog.pg_postmaster_start_time()), pg_catalog.pg_is_in_recovery()) AS mark"

/* By names of the table in road.h. */
static const char road_query[] =
	"SELECT " MARK ", CASE WHEN p.oid IS NULL AND e.oid IS NULL THEN 'no_extension' "
	"WHEN p.oid IS NULL THEN 'old_extension' "
	"WHEN NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') THEN 'no_usage' "
	"WHEN NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') THEN 'no_execute' "
	"ELSE 'configured' END AS obstacle "
	"FROM (SELECT) AS one "
	"LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'nova_decoder' "
	"LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'nova' "
	"LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = 'stream' "
	"AND p.prokind = 'p' AND p.pronargs = 3 "
	"AND p.proargtypes[0] = 'pg_catalog.name'::pg_catalog.regtype "
	"AND p.proargtypes[1] = 'pg_catalog.pg_lsn'::pg_catalog.regtype "
	"AND p.proargtypes[2] = 'pg_catalog._text'::pg_catalog.regtype";

static void
build_road(PgStream *pg, QueryText *q)
{
	(void) pg;
	fputs(road_query, q->out);
}

/* And from here on a literal has no other escape than in a replication command. */
static void
build_same_server(PgStream *pg, QueryText *q)
{
	(void) pg;
	fputs("SELECT " MARK ", pg_catalog.set_config('standard_conforming_strings', 'on', false)",
		  q->out);
}

static void
build_publication(PgStream *pg, QueryText *q)
{
	fputs("SELECT FROM pg_catalog.pg_publication WHERE pubname = ", q->out);
	query_quoted(q, pg->cfg->publication, '\'');
}

/*
 * What the client's replies to a walsender change, or to nova.stream(), and nothing else
 * does; not empty if this role may see it.
 */
#define SIGNS                                                                                      \
	"CASE WHEN r.pid IS NOT NULL THEN pg_catalog.concat_ws(' ', a.backend_start, r.reply_time, "   \
	"r.write_lsn, r.flush_lsn, r.replay_lsn) "                                                     \
	"WHEN a.backend_type = 'client backend' AND a.state_change IS NOT NULL "                       \
	"THEN pg_catalog.concat_ws(' ', a.backend_start, a.state_change) END"
/* In these it reads whatever its client sends; the last one is nova.stream()'s. */
#define WAITING                                                                                    \
	"coalesce(pg_catalog.lower(a.wait_event) IN "                                                  \
	"('walsendermain', 'walsenderwaitforwal', 'walsenderwritedata', 'extension'), false)"
#define HOLDER                                                                                     \
	"LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid "                             \
	"LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid "

/* As nova.slots has it: other ordinary backends hold slots, too. */
#define DIRECT                                                                                     \
	"a.query ~* '^[[:space:]]*call[[:space:]]+nova[[:space:]]*[.][[:space:]]*stream"               \
	"[[:space:]]*[(]'"

#define WAL_END                                                                                    \
	"CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "           \
	"ELSE pg_catalog.pg_current_wal_lsn() END"

static void
write_slot_query(QueryText *q, const char *slot, int version)
{
	fprintf(q->out,
			"SELECT s.slot_type, s.plugin, s.database, s.active_pid, s.wal_status, "
			"s.confirmed_flush_lsn, s.safe_wal_size, "
			"pg_catalog.pg_wal_lsn_diff(" WAL_END ", s.restart_lsn) AS retained, "
			"pg_catalog.pg_wal_lsn_diff(" WAL_END ", s.confirmed_flush_lsn) AS behind, "
			"%s AS invalidation, %s AS synced, a.application_name, a.usename, "
			"pg_catalog.host(a.client_addr) AS client, " SIGNS " AS signs, " WAITING
			" AS waiting, " DIRECT " AS direct, a.backend_type IS NOT NULL AS visible, "
			"a.state = 'disabled' AS unnoted "
			"FROM pg_catalog.pg_replication_slots s " HOLDER "WHERE s.slot_name = ",
			version >= 170000   ? "s.invalidation_reason"
			: version >= 160000 ? "CASE WHEN s.conflicting THEN 'conflicting' END"
								: "NULL",
			version >= 170000 ? "s.synced" : "false");
	query_quoted(q, slot, '\'');
}

static void
build_slot(PgStream *pg, QueryText *q)
{
	write_slot_query(q, pg->cfg->slot_name, pg->server.version_num);
}

/* Looks once more and acts in one query: whoever lives by then is left alone. */
static void
build_end_holder(PgStream *pg, QueryText *q)
{
	const SlotHolder *holder = &pg->server.row.holder;

	fputs("SELECT CASE WHEN me.rolsuper OR (NOT it.rolsuper AND "
		  "(pg_catalog.pg_has_role(it.oid, 'USAGE') OR "
		  "pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))) "
		  "THEN pg_catalog.pg_terminate_backend(a.pid) END "
		  "FROM pg_catalog.pg_replication_slots s " HOLDER
		  "JOIN pg_catalog.pg_roles it ON it.oid = a.usesysid "
		  "JOIN pg_catalog.pg_roles me ON me.rolname = current_user WHERE s.slot_name = ",
		  q->out);
	query_quoted(q, pg->cfg->slot_name, '\'');
	fprintf(q->out,
			" AND a.pid = %d AND a.application_name = "
			"pg_catalog.current_setting('application_name') AND " WAITING " AND " SIGNS " = ",
			holder->pid);
	query_quoted(q, holder->signs, '\'');
}

static void
build_create(PgStream *pg, QueryText *q)
{
	fputs("CREATE_REPLICATION_SLOT ", q->out);
	query_quoted(q, pg->cfg->slot_name, '"');
	if (pg->cfg->slot_failover && pg->server.version_num >= 170000 && !pg->server.standby)
		fprintf(q->out, " LOGICAL nova_decoder (SNAPSHOT '%s', FAILOVER true)",
				pg->export_snapshot ? "export" : "nothing");
	else
		fprintf(q->out, " LOGICAL nova_decoder %s",
				pg->export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
}

/* How a list of options is written. */
typedef struct OptionList
{
	const char *before; /* an option: what goes in front of it, of the first one */
	char quote;         /* of a name */
	const char *between;
} OptionList;

static void
query_option(QueryText *q, OptionList *list, const char *name, const char *value)
{
	fputs(list->before, q->out);
	list->before = ", ";
	query_quoted(q, name, list->quote);
	fputs(list->between, q->out);
	query_quoted(q, value, '\'');
}

/* The plugin's options, the same on both roads. */
static void
query_options(const PgStream *pg, QueryText *q, OptionList *list)
{
	const ConfigPairs *options = &pg->cfg->plugin;

	for (size_t i = 0; i < options->count; i++)
		if (config_option_applies(&options->items[i], pg->server.publication))
			query_option(q, list, options->items[i].name, options->items[i].value);
	if (pg->guarded[0] != '\0')
		query_option(q, list, POISON_OPTION, pg->guarded);
	if (!pg->untimed)
		query_option(q, list, PLUGINTIME_OPTION, PLUGINTIME_EVERY);
}

static void
build_replication(PgStream *pg, QueryText *q)
{
	const char *const begin = " (";
	OptionList list = {begin, '"', " "};

	fputs("START_REPLICATION SLOT ", q->out);
	query_quoted(q, pg->cfg->slot_name, '"');
	fprintf(q->out, " LOGICAL " LSN_FORMAT, LSN_ARGS(pg->start_lsn));
	query_options(pg, q, &list);
	/* an empty list is none */
	if (list.before != begin)
		putc(')', q->out);
}

/* copy.both is the procedure's own option: we know what will be answered. */
static void
build_call(PgStream *pg, QueryText *q)
{
	OptionList list = {"", '\'', ", "};

	fputs("CALL nova.stream(", q->out);
	query_quoted(q, pg->cfg->slot_name, '\'');
	fprintf(q->out, ", '" LSN_FORMAT "', ARRAY[", LSN_ARGS(pg->start_lsn));
	query_option(q, &list, "copy.both", "true");
	query_options(pg, q, &list);
	fputs("])", q->out);
}

static void
build_start(PgStream *pg, QueryText *q)
{
	if (pg->road == ROAD_DIRECT)
		build_call(pg, q);
	else
		build_replication(pg, q);
}

/* Not DROP_REPLICATION_SLOT, which an ordinary connection does not know. */
static void
build_drop(PgStream *pg, QueryText *q)
{
	fputs("SELECT pg_catalog.pg_drop_replication_slot(", q->out);
	query_quoted(q, pg->cfg->slot_name, '\'');
	putc(')', q->out);
}

static void
build_move(PgStream *pg, QueryText *q)
{
	fputs("SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance(", q->out);
	query_quoted(q, pg->cfg->slot_name, '\'');
	fprintf(q->out, ", '" LSN_FORMAT "')", LSN_ARGS(pg->start_lsn));
}

/*
 * Several hosts: libpq tries them in their order, without a time limit for each
 * when it does not block.  So the list begins with the one that answered last,
 * and behind one that did not answer in time.
 */
static size_t first_host;

static size_t
host_count(const RelayConfig *cfg)
{
	const char *hosts = config_pair(&cfg->pg, "host");
	size_t n = 1;

	for (; hosts != NULL && *hosts != '\0'; hosts++)
		n += *hosts == ',';
	return n;
}

/* The list, beginning with its item number "first"; one item stays what it is. */
static void
rotate_list(char *out, size_t size, const char *list, size_t first)
{
	const char *cut = list;

	while (first-- > 0 && (cut = strchr(cut, ',')) != NULL)
		cut++;
	if (cut == NULL || cut == list)
		snprintf(out, size, "%s", list);
	else
		snprintf(out, size, "%s,%.*s", cut, (int) (cut - list - 1), list);
}

/* The host at hand is one that the next connection begins with, or ends with. */
static void
prefer_host(PgStream *pg, bool this_one)
{
	const char *hosts = config_pair(&pg->cfg->pg, "host");
	const char *ports = config_pair(&pg->cfg->pg, "port");
	const size_t n = host_count(pg->cfg);
	char list[1024];

	for (size_t i = 0; n > 1 && i < n; i++)
	{
		size_t len = strlen(PQhost(pg->conn));

		rotate_list(list, sizeof(list), hosts, i);
		if (strncmp(list, PQhost(pg->conn), len) != 0 || (list[len] != ',' && list[len] != '\0'))
			continue;
		rotate_list(list, sizeof(list), ports, strchr(ports, ',') != NULL ? i : 0);
		if (strtol(list, NULL, 10) != strtol(PQport(pg->conn), NULL, 10))
			continue;
		first_host = this_one ? i : (i + 1) % n;
		return;
	}
}

/* Before version 16 a slot can be neither made nor read there, whatever one waits for. */
static PgStatus
check_standby(PgStream *pg)
{
	pg->server.standby = pgstream_on_standby(pg->conn);
	if (!pg->server.standby || pg->server.version_num >= DECODING_STANDBY)
		return PG_AGAIN;
	/* of several hosts another one may be, or become, the primary */
	return fail_plainly(pg, host_count(pg->cfg) > 1 ? PG_RETRY : PG_STOP,
						"%s:%s is a standby (in recovery), and version %s cannot decode changes "
						"there, only 16 and later can: point database.hostname at the primary",
						PQhost(pg->conn), PQport(pg->conn),
						PQparameterStatus(pg->conn, "server_version"));
}

/* What is looked up behind the server itself. */
static PgStep
look_behind_road(const PgStream *pg)
{
	return pg->cfg->publication != NULL ? STEP_PUBLICATION : STEP_SLOT;
}

static PgStep
first_look(const PgStream *pg)
{
	return pg->cfg->stream_mode != STREAM_REPLICATION ? STEP_ROAD : look_behind_road(pg);
}

/* A column by its name; "" for NULL, and for one that the server does not have. */
static const char *
column(const PGresult *res, const char *name)
{
	int n = PQfnumber(res, name);

	return n < 0 ? "" : PQgetvalue(res, 0, n);
}

static void
copy_column(char *out, size_t size, const PGresult *res, const char *name)
{
	snprintf(out, size, "%s", column(res, name));
}

static PgStatus
answer_identify(PgStream *pg, const PGresult *res)
{
	if (PQntuples(res) != 1 || PQnfields(res) < 4 || PQgetisnull(res, 0, 3))
		return fail_plainly(pg, PG_STOP,
							"this is not a PostgreSQL replication connection: check "
							"database.hostname, database.port and any pooler between");
	snprintf(pg->server.system_id, sizeof(pg->server.system_id), "%s", PQgetvalue(res, 0, 0));
	snprintf(pg->server.timeline, sizeof(pg->server.timeline), "%s", PQgetvalue(res, 0, 1));
	snprintf(pg->server.database, sizeof(pg->server.database), "%s", PQgetvalue(res, 0, 3));
	(void) lsn_parse(PQgetvalue(res, 0, 2), &pg->server.wal_end);
	pg->server.version_num = PQserverVersion(pg->conn);
	/* the first one has none */
	pg->step = strtoul(pg->server.timeline, NULL, 10) > 1 ? STEP_HISTORY : first_look(pg);
	return check_standby(pg);
}

/* One that cannot be read is not known: only whoever comes from another timeline minds. */
static PgStatus
answer_history(PgStream *pg, const PGresult *res)
{
	if (PQntuples(res) == 1 && PQnfields(res) == 2)
		(void) timeline_parse(PQgetvalue(res, 0, 1), (size_t) PQgetlength(res, 0, 1),
							  &pg->server.history);
	pg->step = first_look(pg);
	return PG_AGAIN;
}

static PgStatus
answer_road(PgStream *pg, const PGresult *res)
{
	pg->server.obstacle = pgstream_road_row(res);
	copy_column(pg->server.mark, sizeof(pg->server.mark), res, "mark");
	pg->step = look_behind_road(pg);
	return PG_AGAIN;
}

/* Elsewhere the positions would mean other bytes. */
static PgStatus
answer_same_server(PgStream *pg, const PGresult *res)
{
	if (strcmp(column(res, "mark"), pg->server.mark) != 0)
		return fail_plainly(pg, PG_RETRY,
							"the ordinary connection leads to another server than the one for "
							"replication, or that has started again: is there a proxy between?");
	pg->step = STEP_START;
	return PG_AGAIN;
}

static PgStatus
answer_publication(PgStream *pg, const PGresult *res)
{
	pg->server.publication = config_publication_use(pg->cfg, PQntuples(res) > 0);
	if (pg->server.publication == PUBLICATION_MISSING)
		return fail_plainly(pg, PG_STOP,
							"publication \"%s\" does not exist in database \"%s\" and "
							"publication.autocreate.mode is disabled: create it, or remove "
							"publication.name and publication.autocreate.mode, then the lists "
							"alone decide",
							pg->cfg->publication, pg->server.database);
	pg->step = STEP_SLOT;
	return PG_AGAIN;
}

static PgStatus
found_slot(PgStream *pg, SlotFound found)
{
	pg->server.slot = found;
	pg->step = STEP_PREPARED;
	return PG_READY;
}

static int64_t
number_column(const PGresult *res, const char *name)
{
	const char *text = column(res, name);

	return *text != '\0' ? strtoll(text, NULL, 10) : -1;
}

static void
holder_row(const PGresult *res, SlotHolder *holder)
{
	holder->pid = (int) strtol(column(res, "active_pid"), NULL, 10);
	copy_column(holder->application, sizeof(holder->application), res, "application_name");
	copy_column(holder->role, sizeof(holder->role), res, "usename");
	copy_column(holder->client, sizeof(holder->client), res, "client");
	copy_column(holder->signs, sizeof(holder->signs), res, "signs");
	holder->waiting = column(res, "waiting")[0] == 't';
	holder->direct = column(res, "direct")[0] == 't';
	holder->visible = column(res, "visible")[0] == 't';
	holder->unnoted = column(res, "unnoted")[0] == 't';
}

void
pgstream_slot_row(const PGresult *res, SlotRow *row)
{
	*row = (SlotRow){.safe_bytes = -1, .retained_bytes = -1, .behind_bytes = -1};
	if (PQntuples(res) == 0)
		return;
	row->found = true;
	row->physical = strcmp(column(res, "slot_type"), "logical") != 0;
	row->synced = column(res, "synced")[0] == 't';
	copy_column(row->plugin, sizeof(row->plugin), res, "plugin");
	copy_column(row->database, sizeof(row->database), res, "database");
	copy_column(row->wal_status, sizeof(row->wal_status), res, "wal_status");
	copy_column(row->invalidation, sizeof(row->invalidation), res, "invalidation");
	(void) lsn_parse(column(res, "confirmed_flush_lsn"), &row->confirmed_lsn);
	row->safe_bytes = number_column(res, "safe_wal_size");
	row->retained_bytes = number_column(res, "retained");
	row->behind_bytes = number_column(res, "behind");
	holder_row(res, &row->holder);
}

char *
pgstream_slot_query(const char *slot, int version_num)
{
	QueryText q;

	if (!query_open(&q))
		return NULL;
	write_slot_query(&q, slot, version_num);
	if (fclose(q.out) == 0)
		return q.text;
	free(q.text);
	return NULL;
}

const char *
pgstream_road_query(void)
{
	return road_query;
}

RoadReason
pgstream_road_row(const PGresult *res)
{
	RoadReason obstacle;

	/* what cannot be read is no permission */
	if (PQntuples(res) != 1 || !road_reason_parse(column(res, "obstacle"), &obstacle))
		return ROAD_FAILED;
	return obstacle;
}

static PgStatus
answer_slot(PgStream *pg, const PGresult *res)
{
	PgServer *server = &pg->server;
	SlotRow *row = &server->row;
	SlotFault fault;
	SlotText text;

	pgstream_slot_row(res, row);
	fault = slot_judge(row, server->database, server->standby);
	slot_explain(fault, row, pg->cfg->slot_name, server->database, &text);
	server->confirmed_lsn = row->confirmed_lsn;
	switch (slot_means(fault))
	{
		case SLOT_MEANS_LOSS:
			return found_slot(pg, fault == SLOT_ABSENT ? SLOT_MISSING : SLOT_LOST);
		case SLOT_MEANS_STOP:
			return fail_plainly(pg, PG_STOP, "slot \"%s\" %s; %s", pg->cfg->slot_name, text.what,
								text.fix);
		case SLOT_MEANS_WAIT:
			return fail_plainly(pg, PG_RETRY, "slot \"%s\" %s; %s", pg->cfg->slot_name, text.what,
								text.fix);
		default:
			return found_slot(pg, SLOT_PRESENT);
	}
}

static PgStatus
answer_end_holder(PgStream *pg, const PGresult *res)
{
	pg->ended = HOLDER_LIVES;
	if (PQntuples(res) > 0)
		pg->ended = PQgetisnull(res, 0, 0) ? HOLDER_DENIED : HOLDER_ENDED;
	pg->step = STEP_PREPARED;
	return PG_READY;
}

static PgStatus
answer_create(PgStream *pg, const PGresult *res)
{
	if (PQntuples(res) != 1 || !lsn_parse(PQgetvalue(res, 0, 1), &pg->server.confirmed_lsn))
		return fail_plainly(pg, PG_RETRY, "unexpected answer to CREATE_REPLICATION_SLOT");
	pg->server.slot_created = true;
	if (!PQgetisnull(res, 0, 2))
		snprintf(pg->server.snapshot, sizeof(pg->server.snapshot), "%s", PQgetvalue(res, 0, 2));
	return found_slot(pg, SLOT_PRESENT);
}

static PgStatus
answer_start(PgStream *pg, const PGresult *res)
{
	(void) res;
	pg->step = STEP_STREAM;
	return PG_READY;
}

static PgStatus
answer_drop(PgStream *pg, const PGresult *res)
{
	(void) res;
	pg->server.slot = SLOT_MISSING;
	pg->server.slot_created = false;
	pg->step = STEP_STOPPED;
	return PG_READY;
}

static PgStatus
answer_move(PgStream *pg, const PGresult *res)
{
	if (PQntuples(res) != 1 || !lsn_parse(PQgetvalue(res, 0, 0), &pg->server.confirmed_lsn))
		return fail_plainly(pg, PG_RETRY, "unexpected answer to pg_replication_slot_advance()");
	pg->step = STEP_PREPARED;
	return PG_READY;
}

/* Every step that is a query. */
typedef struct PgQuery
{
	void (*build)(PgStream *pg, QueryText *q);
	ExecStatusType expected;
	PgStatus (*answer)(PgStream *pg, const PGresult *res);
	int timeout_ms; /* 0: waits for other transactions, as long as they take */
} PgQuery;

static const PgQuery queries[STEP_STOPPED + 1] = {
	[STEP_IDENTIFY] = {build_identify, PGRES_TUPLES_OK, answer_identify, QUERY_TIMEOUT_MS},
	[STEP_HISTORY] = {build_history, PGRES_TUPLES_OK, answer_history, QUERY_TIMEOUT_MS},
	[STEP_ROAD] = {build_road, PGRES_TUPLES_OK, answer_road, QUERY_TIMEOUT_MS},
	[STEP_PUBLICATION] = {build_publication, PGRES_TUPLES_OK, answer_publication, QUERY_TIMEOUT_MS},
	[STEP_SLOT] = {build_slot, PGRES_TUPLES_OK, answer_slot, QUERY_TIMEOUT_MS},
	[STEP_CREATE] = {build_create, PGRES_TUPLES_OK, answer_create, 0},
	[STEP_SAME_SERVER] = {build_same_server, PGRES_TUPLES_OK, answer_same_server, QUERY_TIMEOUT_MS},
	[STEP_START] = {build_start, PGRES_COPY_BOTH, answer_start, 0},
	[STEP_DROP] = {build_drop, PGRES_TUPLES_OK, answer_drop, QUERY_TIMEOUT_MS},
	[STEP_END_HOLDER] = {build_end_holder, PGRES_TUPLES_OK, answer_end_holder, QUERY_TIMEOUT_MS},
	[STEP_MOVE] = {build_move, PGRES_TUPLES_OK, answer_move, MOVE_TIMEOUT_MS},
};

static PgStatus
send_query(PgStream *pg, int64_t now)
{
	const PgQuery *query = &queries[pg->step];
	QueryText q;
	int sent;

	if (!query_open(&q))
		return fail_plainly(pg, PG_RETRY, "out of memory");
	query->build(pg, &q);
	if (fclose(q.out) != 0)
	{
		free(q.text);
		return fail_plainly(pg, PG_RETRY, "out of memory");
	}
	sent = PQsendQuery(pg->conn, q.text);
	free(q.text);
	if (!sent)
		return fail_connection(pg);
	pg->answered = false;
	pg->deadline = query->timeout_ms > 0 ? now + query->timeout_ms : INT64_MAX;
	return pgstream_flush(pg) == PG_READY ? PG_AGAIN : pg->failure;
}

/*
 * Of an older plugin, which does not know one of our options?  It names that one, in
 * words that are not translated.
 */
static bool
is_untimed(const PgStream *pg, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	return pg->step == STEP_START && !pg->untimed && sqlstate != NULL && message != NULL &&
		   strcmp(sqlstate, "42601") == 0 && strstr(message, "\"" PLUGINTIME_OPTION "\"") != NULL;
}

/*
 * One result of the step's query.  Errors are kept and not returned, so that
 * the connection is read to the end of the answer.
 */
static PgStatus
take_result(PgStream *pg, PGresult *res)
{
	const PgQuery *query = &queries[pg->step];
	PgStatus status = PG_AGAIN;

	/* that there is no history is an answer */
	if (PQresultStatus(res) == query->expected ||
		(pg->step == STEP_HISTORY && PQresultStatus(res) == PGRES_FATAL_ERROR &&
		 PQstatus(pg->conn) == CONNECTION_OK))
		status = query->answer(pg, res);
	else if (is_untimed(pg, res))
		pg->untimed = true; /* the same again, without */
	else if (PQresultStatus(res) == PGRES_FATAL_ERROR)
		status = fail_result(pg, res);
	else
		status = fail_plainly(pg, PG_RETRY, "unexpected answer from the server: %s",
							  PQresStatus(PQresultStatus(res)));
	pg->answered = true;
	PQclear(res);
	return status;
}

/* The other results of an answered query: nothing of interest. */
static void
skip_results(PgStream *pg)
{
	PGresult *res;

	while ((res = PQgetResult(pg->conn)) != NULL)
		PQclear(res);
}

/* What has come, and what is still to go. */
static PgStatus
exchange(PgStream *pg)
{
	if (!PQconsumeInput(pg->conn))
		return fail_connection(pg);
	return pgstream_flush(pg);
}

static PgStatus
advance_query(PgStream *pg, int64_t now)
{
	for (;;)
	{
		PgStep step = pg->step;
		PgStatus status;

		if (exchange(pg) != PG_READY)
			return pg->failure;
		if (PQisBusy(pg->conn))
			return now < pg->deadline
					   ? PG_AGAIN
					   : fail_plainly(pg, PG_RETRY, "the server does not answer in time");
		status = take_result(pg, PQgetResult(pg->conn));
		if (step == STEP_START && status != PG_AGAIN)
			return status;
		if (status == PG_RETRY || status == PG_STOP)
			return status;
		skip_results(pg);
		if (status == PG_READY)
			return status;
		status = send_query(pg, now);
		if (status != PG_AGAIN)
			return status;
	}
}

/* PQconnectPoll() takes being called for proof that the socket is ready. */
static bool
socket_ready(const PgStream *pg)
{
	struct pollfd fd = {.fd = PQsocket(pg->conn), .events = pgstream_events(pg)};

	return poll(&fd, 1, 0) > 0;
}

static PgStatus
advance_connect(PgStream *pg, int64_t now)
{
	if (now >= pg->deadline)
	{
		prefer_host(pg, false);
		return fail_plainly(pg, PG_RETRY, "no connection to PostgreSQL at %s:%s in time",
							PQhost(pg->conn), PQport(pg->conn));
	}
	if (!socket_ready(pg))
		return PG_AGAIN;
	pg->polling = PQconnectPoll(pg->conn);
	if (pg->polling == PGRES_POLLING_FAILED)
		return fail_connection(pg);
	if (pg->polling != PGRES_POLLING_OK)
		return PG_AGAIN;
	prefer_host(pg, true);
	PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
	if (PQsetnonblocking(pg->conn, 1) != 0)
		return fail_connection(pg);
	pg->step = pg->road == ROAD_DIRECT ? STEP_SAME_SERVER : STEP_IDENTIFY;
	return send_query(pg, now);
}

PGconn *
pgstream_connect_start(const RelayConfig *cfg, bool replication)
{
	/* TCP settings so that a dead peer is noticed in half a minute. */
	static const char *const defaults[][2] = {
		{"keepalives_idle", "10"},
		{"keepalives_interval", "5"},
		{"keepalives_count", "3"},
		{"tcp_user_timeout", "30000"},
	};
	const char *names[MAX_CONNECT_PARAMS];
	const char *values[MAX_CONNECT_PARAMS];
	char lists[2][1024];
	size_t nlists = 0;
	PGconn *conn;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
	{
		names[n] = defaults[i][0];
		values[n++] = defaults[i][1];
	}
	names[n] = "application_name";
	values[n++] = cfg->name;
	/* of a name that comes twice libpq takes the later one */
	for (size_t i = 0; i < cfg->pg.count && n < MAX_CONNECT_PARAMS - 2; i++)
	{
		const ConfigPair *pair = &cfg->pg.items[i];

		names[n] = pair->name;
		values[n] = pair->value;
		if (nlists < 2 && first_host > 0 && strchr(pair->value, ',') != NULL &&
			(strcmp(pair->name, "host") == 0 || strcmp(pair->name, "port") == 0))
		{
			rotate_list(lists[nlists], sizeof(lists[0]), pair->value, first_host);
			values[n] = lists[nlists++];
		}
		n++;
	}
	if (replication)
	{
		names[n] = "replication";
		values[n++] = "database";
	}
	names[n] = NULL;
	values[n] = NULL;
	errno = 0;
	conn = PQconnectStartParams(names, values, 0);
	not_begun = conn != NULL && PQstatus(conn) == CONNECTION_BAD ? errno : 0;
	return conn;
}

bool
pgstream_on_standby(const PGconn *conn)
{
	const char *text = PQparameterStatus(conn, "in_hot_standby");

	return text != NULL && strcmp(text, "on") == 0;
}

static int64_t
connect_timeout_ms(const RelayConfig *cfg)
{
	const char *text = config_pair(&cfg->pg, "connect_timeout");
	long seconds = text != NULL ? strtol(text, NULL, 10) : 0;

	return (seconds > 0 && seconds < 3600 ? seconds : CONNECT_TIMEOUT_S) * INT64_C(1000);
}

PgStream *
pgstream_new(const RelayConfig *cfg)
{
	PgStream *pg = calloc(1, sizeof(*pg));

	if (pg != NULL)
		pg->cfg = cfg;
	return pg;
}

void
pgstream_free(PgStream *pg)
{
	if (pg == NULL)
		return;
	pgstream_disconnect(pg);
	free(pg);
}

void
pgstream_disconnect(PgStream *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->step = STEP_NONE;
	pg->pending_out = false;
}

/* Server notices are debugging aids of the server's log, not of ours. */
static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

/* In the place of any connection that there is. */
static void
begin_connection(PgStream *pg, Road road, int64_t now)
{
	pgstream_disconnect(pg);
	pg->road = road;
	pg->failure = PG_READY;
	pg->bad_change = 0;
	pg->copy_over = false;
	pg->conn = pgstream_connect_start(pg->cfg, road == ROAD_REPLICATION);
	pg->step = STEP_CONNECT;
	pg->polling = PGRES_POLLING_WRITING;
	pg->deadline = now + connect_timeout_ms(pg->cfg);
	if (pg->conn == NULL)
		(void) fail_plainly(pg, PG_RETRY, "out of memory");
	else if (PQstatus(pg->conn) == CONNECTION_BAD)
		(void) fail_connection(pg);
	else
	{
		PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
		PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
	}
}

void
pgstream_connect(PgStream *pg, int64_t now)
{
	pg->server = (PgServer){0};
	pg->untimed = false;
	begin_connection(pg, ROAD_REPLICATION, now);
}

/* A step that is a query; its failure is what pgstream_advance() returns. */
static void
begin_query(PgStream *pg, PgStep step, int64_t now)
{
	pg->step = step;
	(void) send_query(pg, now);
}

void
pgstream_look(PgStream *pg, int64_t now)
{
	begin_query(pg, first_look(pg), now);
}

void
pgstream_look_slot(PgStream *pg, int64_t now)
{
	begin_query(pg, STEP_SLOT, now);
}

void
pgstream_end_holder(PgStream *pg, int64_t now)
{
	begin_query(pg, STEP_END_HOLDER, now);
}

HolderEnd
pgstream_ended(const PgStream *pg)
{
	return pg->ended;
}

const char *
pgstream_application(const PgStream *pg)
{
	const char *name = PQparameterStatus(pg->conn, "application_name");

	return name != NULL ? name : pg->cfg->name;
}

void
pgstream_create(PgStream *pg, bool export_snapshot, int64_t now)
{
	pg->export_snapshot = export_snapshot;
	begin_query(pg, STEP_CREATE, now);
}

void
pgstream_drop(PgStream *pg, int64_t now)
{
	begin_query(pg, STEP_DROP, now);
}

void
pgstream_move(PgStream *pg, uint64_t lsn, int64_t now)
{
	pg->start_lsn = lsn;
	begin_query(pg, STEP_MOVE, now);
}

void
pgstream_start(PgStream *pg, uint64_t lsn, Road road, int64_t now)
{
	pg->start_lsn = lsn;
	if (road == ROAD_DIRECT)
		begin_connection(pg, road, now);
	else
		begin_query(pg, STEP_START, now);
}

void
pgstream_guard(PgStream *pg, const char *lsns)
{
	snprintf(pg->guarded, sizeof(pg->guarded), "%s", lsns);
}

bool
pgstream_failed_change(const PgStream *pg, uint64_t *lsn)
{
	*lsn = pg->bad_change;
	return pg->bad_change != 0;
}

bool
pgstream_failed_for_now(const PgStream *pg)
{
	return strcmp(pg->sqlstate, "55006") == 0 || strncmp(pg->sqlstate, "57P0", 4) == 0;
}

void
pgstream_stop(PgStream *pg, bool drop_slot, int64_t now)
{
	pg->drop_slot = drop_slot;
	pg->step = STEP_STOP;
	pg->deadline = now + QUERY_TIMEOUT_MS;
	if (PQputCopyEnd(pg->conn, NULL) < 0)
		(void) fail_connection(pg);
	else
		(void) pgstream_flush(pg);
}

/* Everything still on its way is dropped: it is not confirmed and comes again. */
static PgStatus
advance_stop(PgStream *pg, int64_t now)
{
	char *data;
	int n = 0;
	PGresult *res;

	if (exchange(pg) != PG_READY)
		return pg->failure;
	while (!pg->copy_over && (n = PQgetCopyData(pg->conn, &data, 1)) > 0)
		PQfreemem(data);
	if (n < 0)
		pg->copy_over = true;
	while (pg->copy_over && !PQisBusy(pg->conn))
	{
		res = PQgetResult(pg->conn);
		if (res == NULL)
		{
			pg->step = pg->drop_slot ? STEP_DROP : STEP_STOPPED;
			return pg->drop_slot ? send_query(pg, now) : PG_READY;
		}
		if (PQresultStatus(res) == PGRES_FATAL_ERROR)
		{
			PgStatus status = fail_result(pg, res);

			PQclear(res);
			return status;
		}
		PQclear(res);
	}
	return now < pg->deadline ? PG_AGAIN
							  : fail_plainly(pg, PG_RETRY, "the server does not end the stream");
}

PgStatus
pgstream_advance(PgStream *pg, int64_t now)
{
	if (pg->failure != PG_READY)
		return pg->failure;
	switch (pg->step)
	{
		case STEP_CONNECT:
			return advance_connect(pg, now);
		case STEP_IDENTIFY:
		case STEP_HISTORY:
		case STEP_ROAD:
		case STEP_PUBLICATION:
		case STEP_SLOT:
		case STEP_CREATE:
		case STEP_SAME_SERVER:
		case STEP_START:
		case STEP_DROP:
		case STEP_END_HOLDER:
		case STEP_MOVE:
			return advance_query(pg, now);
		case STEP_STOP:
			return advance_stop(pg, now);
		default:
			return PG_READY;
	}
}

PgStatus
pgstream_consume(PgStream *pg)
{
	if (!PQconsumeInput(pg->conn))
		return fail_connection(pg);
	return PG_READY;
}

/* The server ended the stream: find out why. */
static PgStatus
read_end(PgStream *pg)
{
	while (!PQisBusy(pg->conn))
	{
		PGresult *res = PQgetResult(pg->conn);
		ExecStatusType status = PQresultStatus(res);
		PgStatus failure;

		if (res == NULL)
			return fail_plainly(pg, PG_RETRY, "the server ended the stream; it is shutting down");
		if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH)
		{
			PQclear(res);
			if (PQputCopyEnd(pg->conn, NULL) < 0)
				return fail_connection(pg);
			(void) pgstream_flush(pg);
			continue;
		}
		failure =
			status == PGRES_FATAL_ERROR
				? fail_result(pg, res)
				: fail_plainly(pg, PG_RETRY, "the server ended the stream; it is shutting down");
		PQclear(res);
		return failure;
	}
	return PG_AGAIN;
}

PgStatus
pgstream_receive(PgStream *pg, char **data, size_t *len)
{
	int n;

	if (pg->step == STEP_ENDED)
		return read_end(pg);
	n = PQgetCopyData(pg->conn, data, 1);
	if (n > 0)
	{
		*len = (size_t) n;
		return PG_READY;
	}
	if (n == 0)
		return PG_AGAIN;
	if (n < -1)
		return fail_connection(pg);
	pg->step = STEP_ENDED;
	return read_end(pg);
}

void
pgstream_free_message(void *data)
{
	PQfreemem(data);
}

static int64_t
server_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t) ts.tv_sec - PG_EPOCH_SECONDS) * 1000000 + ts.tv_nsec / 1000;
}

PgStatus
pgstream_send_status(PgStream *pg, uint64_t write, uint64_t flush)
{
	char status[COPYDATA_STATUS_SIZE];

	copydata_build_status(status, write, flush, flush, server_time());
	if (PQputCopyData(pg->conn, status, sizeof(status)) < 0)
		return fail_connection(pg);
	return pgstream_flush(pg);
}

PgStatus
pgstream_flush(PgStream *pg)
{
	int rest = PQflush(pg->conn);

	pg->pending_out = rest > 0;
	return rest < 0 ? fail_connection(pg) : PG_READY;
}

int
pgstream_socket(const PgStream *pg)
{
	return pg->conn != NULL ? PQsocket(pg->conn) : -1;
}

short
pgstream_events(const PgStream *pg)
{
	if (pg->step == STEP_CONNECT)
		return pg->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	return (short) (POLLIN | (pg->pending_out ? POLLOUT : 0));
}

int64_t
pgstream_deadline(const PgStream *pg)
{
	return pg->step == STEP_STREAM || pg->step == STEP_NONE ? INT64_MAX : pg->deadline;
}

bool
pgstream_is_untimed(const PgStream *pg)
{
	return pg->untimed;
}

const PgServer *
pgstream_server(const PgStream *pg)
{
	return &pg->server;
}

const char *
pgstream_error(const PgStream *pg)
{
	return pg->error;
}
