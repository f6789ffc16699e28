/*-------------------------------------------------------------------------
 *
 * check.c
 *		`nova-relay check`: everything that would stop the relay, and the fix.
 *
 * One line per finding on standard output, or one JSON object: findings.h.
 *
 * The queries run on an ordinary connection; the replication connection is
 * only opened and closed, which asks pg_hba.conf and the role the same
 * question that the relay will ask.  Nothing is changed on either side: the
 * slot is not created, and Kafka is asked for the list of all topics, because
 * a question about one topic may create it.
 *
 * Traps: blocking, with time limits; not for use inside of the relay's loop.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "check_spool.h"
#include "check_topics.h"
#include "config.h"
#include "copydata.h"
#include "findings.h"
#include "kafkaadvice.h"
#include "pgstream.h"
#include "pgwait.h"
#include "relay.h"
#include "slot.h"
#include "statewait.h"

#define CONNECT_TIMEOUT_MS    10000
#define KAFKA_STEP_MS         1000
#define KAFKA_STEPS           10
#define LINE_MAX_BYTES        1024
#define PLUGIN_NAME           "nova_decoder"

#define SQLSTATE_NO_PRIVILEGE "42501"

typedef struct Check
{
	const RelayConfig *cfg;
	bool doctor; /* ask nova.doctor(), too */
	bool tables; /* PostgreSQL can be asked for them */
	PGconn *conn;
	SlotRow slot;
	char system_id[32]; /* "": not known */
	char timeline[16];
	uint64_t wal_end;
	TimelineHistory history;
	char database[64];
	CheckedSpool spool;
	Findings findings;
} Check;

#define ok(check, ...)     findings_ok(&(check)->findings, __VA_ARGS__)
#define warn(check, ...)   findings_warn(&(check)->findings, __VA_ARGS__)
#define failed(check, ...) findings_fail(&(check)->findings, __VA_ARGS__)

/* ------------------------------------------------------------------------
 * PostgreSQL
 * ------------------------------------------------------------------------ */

/* NULL after a finding. */
static PGresult *
query(Check *check, const char *what, const char *sql)
{
	PGresult *res = PQexec(check->conn, sql);

	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		return res;
	failed(check, what, "see the server's log", "%s", PQerrorMessage(check->conn));
	PQclear(res);
	return NULL;
}

static bool
check_connection(Check *check)
{
	const char *host = config_pair(&check->cfg->pg, "host");
	const char *port = config_pair(&check->cfg->pg, "port");
	PGresult *res;
	int version;

	check->conn = pgstream_connect_start(check->cfg, false);
	if (check->conn == NULL || !pgwait_connected(check->conn, CONNECT_TIMEOUT_MS))
	{
		failed(check, "PostgreSQL",
			   "check database.* in the configuration, the network and pg_hba.conf", "%s:%s: %s",
			   host, port, check->conn == NULL ? "out of memory" : pgwait_error(check->conn));
		return false;
	}
	version = PQserverVersion(check->conn);
	if (version < 140000)
		warn(check, "PostgreSQL", "use version 14 or later", "%s:%s: version %d is not supported",
			 host, port, version / 10000);
	else
		ok(check, "PostgreSQL", "%s:%s, version %s, database %s", host, port,
		   PQparameterStatus(check->conn, "server_version"), PQdb(check->conn));
	/* Our names must not be taken for somebody else's, nor hang. */
	res = query(check, "PostgreSQL",
				"SELECT pg_catalog.set_config('search_path', 'pg_catalog', false), "
				"pg_catalog.set_config('statement_timeout', '10s', false)");
	PQclear(res);
	return res != NULL;
}

/* False when it is one that cannot decode: what else there is to see would mislead. */
static bool
check_standby(Check *check)
{
	char detail[256];

	if (!pgstream_on_standby(check->conn))
		return true;
	snprintf(detail, sizeof(detail), "%s:%s is a standby (in recovery)", PQhost(check->conn),
			 PQport(check->conn));
	if (PQserverVersion(check->conn) < 160000)
	{
		failed(check, "standby", "point database.hostname at the primary",
			   "%s, and version %s cannot decode changes there, only 16 and later can", detail,
			   PQparameterStatus(check->conn, "server_version"));
		return false;
	}
	ok(check, "standby",
	   "%s; making the slot waits for a record of the primary, which SELECT "
	   "pg_log_standby_snapshot() there writes at once; the primary, too, needs wal_level logical",
	   detail);
	if (check->cfg->heartbeat_action_query != NULL && check->cfg->heartbeat_interval_ms > 0)
		warn(check, "standby", "remove heartbeat.action.query, or let it read only",
			 "heartbeat.action.query can write nothing there");
	return true;
}

/* Which cluster is it, and how far: for what the state topic remembers. */
static void
identify(Check *check, PGconn *conn)
{
	PGresult *res = PQexec(conn, "IDENTIFY_SYSTEM");

	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
	{
		snprintf(check->system_id, sizeof(check->system_id), "%s", PQgetvalue(res, 0, 0));
		snprintf(check->timeline, sizeof(check->timeline), "%s", PQgetvalue(res, 0, 1));
		(void) lsn_parse(PQgetvalue(res, 0, 2), &check->wal_end);
	}
	PQclear(res);
}

/* Where the timelines were left that this one comes from; the first has none. */
static void
look_up_history(Check *check, PGconn *conn)
{
	char sql[64];
	PGresult *res;

	if (strtoul(check->timeline, NULL, 10) <= 1)
		return;
	snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %lu", strtoul(check->timeline, NULL, 10));
	res = PQexec(conn, sql);
	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1 && PQnfields(res) == 2)
		(void) timeline_parse(PQgetvalue(res, 0, 1), (size_t) PQgetlength(res, 0, 1),
							  &check->history);
	PQclear(res);
}

/* May this role open a replication connection to this database? */
static void
check_replication_connection(Check *check)
{
	PGconn *conn = pgstream_connect_start(check->cfg, true);
	char fix[256];

	if (conn != NULL && pgwait_connected(conn, CONNECT_TIMEOUT_MS))
	{
		ok(check, "replication connection", "role %s may replicate", PQuser(conn));
		identify(check, conn);
		look_up_history(check, conn);
	}
	else
	{
		snprintf(fix, sizeof(fix),
				 "ALTER ROLE \"%s\" WITH REPLICATION; allow it in pg_hba.conf; see max_wal_senders",
				 config_pair(&check->cfg->pg, "user"));
		failed(check, "replication connection", fix, "%s",
			   conn == NULL ? "out of memory" : pgwait_error(conn));
	}
	PQfinish(conn);
}

static void
check_role(Check *check)
{
	PGresult *res = query(check, "role",
						  "SELECT rolreplication OR rolsuper, quote_ident(rolname) FROM pg_roles "
						  "WHERE rolname = current_user");
	char fix[256];

	if (res == NULL)
		return;
	if (PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 0), "t") == 0)
		ok(check, "role", "%s has REPLICATION", PQgetvalue(res, 0, 1));
	else
	{
		snprintf(fix, sizeof(fix), "ALTER ROLE %s WITH REPLICATION;",
				 PQntuples(res) == 1 ? PQgetvalue(res, 0, 1) : "…");
		failed(check, "role", fix, "REPLICATION is missing");
	}
	PQclear(res);
}

static void
check_wal_level(Check *check)
{
	PGresult *res = query(check, "wal_level", "SELECT current_setting('wal_level')");

	if (res == NULL)
		return;
	/* from 19 on the server raises "replica" itself while there are logical slots */
	if (strcmp(PQgetvalue(res, 0, 0), "logical") == 0 ||
		(PQserverVersion(check->conn) >= 190000 && strcmp(PQgetvalue(res, 0, 0), "replica") == 0))
		ok(check, "wal_level", "%s", PQgetvalue(res, 0, 0));
	else
		failed(check, "wal_level", "ALTER SYSTEM SET wal_level = logical; then restart the server",
			   "%s, must be logical", PQgetvalue(res, 0, 0));
	PQclear(res);
}

/* Is name one of the items of a comma-separated setting? */
static bool
list_names(const char *list, const char *name)
{
	size_t namelen = strlen(name);

	while (*list != '\0')
	{
		size_t len = strcspn(list, ",");
		const char *item = list + strspn(list, " ");
		const char *end = list + len;

		while (end > item && end[-1] == ' ')
			end--;
		/* A quoted item that holds just the name is the name. */
		if (end - item >= 2 && *item == '"' && end[-1] == '"')
		{
			item++;
			end--;
		}
		if ((size_t) (end > item ? end - item : 0) == namelen && strncmp(item, name, namelen) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

/* list is what the server has; a list setting: one quoted string is one name. */
static void
judge_plugin_libraries(Check *check, const char *list)
{
	char fix[512];

	if (list_names(list, PLUGIN_NAME))
	{
		ok(check, "output_plugin_libraries", "lists " PLUGIN_NAME);
		return;
	}
	snprintf(fix, sizeof(fix),
			 "ALTER SYSTEM SET output_plugin_libraries = %s%s" PLUGIN_NAME
			 "; SELECT pg_reload_conf(); (items unquoted)",
			 strchr(list, '"') == NULL ? list : "pgoutput, test_decoding",
			 list[0] != '\0' ? ", " : "");
	failed(check, "output_plugin_libraries", fix, "does not list " PLUGIN_NAME ": %s", list);
}

/* Servers before August 2026 do not know it; only some roles may read it. */
static void
check_plugin_libraries(Check *check)
{
	PGresult *res = PQexec(check->conn, "SELECT current_setting('output_plugin_libraries', true)");
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	char fix[256];

	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQgetisnull(res, 0, 0))
		ok(check, "output_plugin_libraries",
		   "not known to this server, every plugin may be loaded");
	else if (PQresultStatus(res) == PGRES_TUPLES_OK)
		judge_plugin_libraries(check, PQgetvalue(res, 0, 0));
	else if (state != NULL && strcmp(state, SQLSTATE_NO_PRIVILEGE) == 0)
	{
		snprintf(fix, sizeof(fix), "GRANT pg_read_all_settings TO \"%s\"; and check again",
				 PQuser(check->conn));
		warn(check, "output_plugin_libraries", fix,
			 "this role may not read it; it must list " PLUGIN_NAME);
	}
	else
		failed(check, "output_plugin_libraries", "see the server's log", "%s",
			   PQerrorMessage(check->conn));
	PQclear(res);
}

/* The control file is installed beside the library, and can be asked for. */
static void
check_library(Check *check)
{
	PGresult *res = query(check, "plugin",
						  "SELECT default_version, installed_version FROM pg_available_extensions "
						  "WHERE name = '" PLUGIN_NAME "'");

	if (res == NULL)
		return;
	if (PQntuples(res) == 0)
		failed(check, "plugin", "install nova_decoder on the database server (make install)",
			   PLUGIN_NAME " is not installed on the server");
	else if (PQgetisnull(res, 0, 1) && check->cfg->snapshot_mode != SNAPSHOT_NO_DATA)
		warn(check, "plugin",
			 "run CREATE EXTENSION nova_decoder in this database, or set snapshot.mode to no_data",
			 PLUGIN_NAME " %s is installed, but a snapshot needs its extension",
			 PQgetvalue(res, 0, 0));
	else if (!PQgetisnull(res, 0, 1) && strcmp(PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1)) != 0)
		warn(check, "plugin", "run ALTER EXTENSION nova_decoder UPDATE in this database",
			 PLUGIN_NAME " %s is installed, but the extension in this database is of %s",
			 PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1));
	else
		ok(check, "plugin", PLUGIN_NAME " %s is installed%s", PQgetvalue(res, 0, 0),
		   PQgetisnull(res, 0, 1) ? " (its extension is not created; streaming does without)" : "");
	PQclear(res);
}

/* What of its WAL is left, and who holds it: findings that a slot that can be read may have. */
static void
judge_sound_slot(Check *check, const SlotRow *row)
{
	const WalLimits limits = {check->cfg->slot_safe_percent,
							  (int64_t) check->cfg->slot_retained_mb * 1048576};
	const char *name = check->cfg->slot_name;
	char wal[256];
	char holder[320];

	wal_text(row, wal, sizeof(wal));
	slot_holder_text(&row->holder, holder, sizeof(holder));
	if (wal_is_low(row, limits))
		warn(check, "slot",
			 "let the relay catch up before the slot is lost or the disk is full, or raise "
			 "max_slot_wal_keep_size",
			 "%s: %s", name, wal);
	if (row->holder.pid != 0)
		warn(check, "slot", "stop the other one, if it is not meant to run",
			 "%s is in use by %s; a second relay stands by", name, holder);
	else
		ok(check, "slot", "%s exists, confirmed up to " LSN_FORMAT ", %s", name,
		   LSN_ARGS(row->confirmed_lsn), wal);
}

static void
judge_slot(Check *check, const SlotRow *row)
{
	SlotFault fault = slot_judge(row, PQdb(check->conn), pgstream_on_standby(check->conn));
	SlotText text;

	slot_explain(fault, row, check->cfg->slot_name, PQdb(check->conn), &text);
	switch (slot_means(fault))
	{
		case SLOT_MEANS_LOSS:
		case SLOT_MEANS_STOP:
			failed(check, "slot", text.fix, "%s %s", check->cfg->slot_name, text.what);
			break;
		case SLOT_MEANS_WAIT:
			warn(check, "slot", text.fix, "%s %s", check->cfg->slot_name, text.what);
			break;
		default:
			judge_sound_slot(check, row);
			break;
	}
}

static void
check_free_slots(Check *check)
{
	PGresult *res = query(check, "max_replication_slots",
						  "SELECT current_setting('max_replication_slots')::int - count(*), "
						  "current_setting('max_replication_slots') FROM pg_replication_slots");

	if (res == NULL)
		return;
	if (strtol(PQgetvalue(res, 0, 0), NULL, 10) > 0)
		ok(check, "slot", "%s will be created (%s of %s slots are free)", check->cfg->slot_name,
		   PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1));
	else
		failed(check, "max_replication_slots",
			   "raise max_replication_slots and restart the server, or drop a slot nobody uses",
			   "all %s slots are taken, %s cannot be created", PQgetvalue(res, 0, 1),
			   check->cfg->slot_name);
	PQclear(res);
}

static void
check_slot(Check *check)
{
	char *sql = pgstream_slot_query(check->cfg->slot_name, PQserverVersion(check->conn));
	PGresult *res = sql != NULL ? query(check, "slot", sql) : NULL;

	free(sql);
	if (res == NULL)
		return;
	pgstream_slot_row(res, &check->slot);
	if (check->slot.found)
		judge_slot(check, &check->slot);
	else
		check_free_slots(check);
	PQclear(res);
}

static bool
publication_exists(Check *check, PGresult **res)
{
	const char *values[] = {check->cfg->publication};

	*res = PQexecParams(check->conn, "SELECT FROM pg_publication WHERE pubname = $1", 1, NULL,
						values, NULL, NULL, 0);
	return PQntuples(*res) > 0;
}

static void
check_publication(Check *check)
{
	const char *name = check->cfg->publication;
	PGresult *res;
	bool exists;

	if (name == NULL)
		return;
	exists = publication_exists(check, &res);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		failed(check, "publication", "see the server's log", "%s", PQerrorMessage(check->conn));
	else if (config_publication_use(check->cfg, exists) == PUBLICATION_APPLIES)
		ok(check, "publication", "%s exists and decides what is captured", name);
	else if (config_publication_use(check->cfg, exists) == PUBLICATION_MISSING)
		failed(check, "publication",
			   "create it before the slot, or remove publication.name and "
			   "publication.autocreate.mode",
			   "%s does not exist, and publication.autocreate.mode is disabled", name);
	else
		warn(check, "publication", "remove publication.name, or create the publication",
			 "%s does not exist; the lists decide what is captured", name);
	PQclear(res);
}

static void
check_wal_senders(Check *check)
{
	PGresult *res = query(check, "max_wal_senders",
						  "SELECT current_setting('max_wal_senders')::int - count(*), "
						  "current_setting('max_wal_senders') FROM pg_stat_replication");

	if (res == NULL)
		return;
	if (strtol(PQgetvalue(res, 0, 0), NULL, 10) > 0)
		ok(check, "max_wal_senders", "%s of %s are free", PQgetvalue(res, 0, 0),
		   PQgetvalue(res, 0, 1));
	else
		failed(check, "max_wal_senders", "raise max_wal_senders and restart the server",
			   "all %s are taken", PQgetvalue(res, 0, 1));
	PQclear(res);
}

/* A relay that cannot have the road it was told to take goes on without. */
static void
check_road(Check *check)
{
	PGresult *res;
	RoadReason obstacle;

	if (check->cfg->stream_mode == STREAM_REPLICATION)
		return;
	res = query(check, "nova.stream.mode", pgstream_road_query());
	if (res == NULL)
		return;
	obstacle = pgstream_road_row(res);
	if (obstacle == ROAD_CONFIGURED)
		ok(check, "nova.stream.mode",
		   "the direct road can be taken: this role may call "
		   "nova.stream()");
	else
		warn(check, "nova.stream.mode", road_reason_fix(obstacle),
			 "%s; the relay will use the walsender", road_reason_text(obstacle));
	PQclear(res);
}

static void
check_timeout(Check *check)
{
	PGresult *res = query(check, "wal_sender_timeout",
						  "SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'");
	long timeout;

	if (res == NULL)
		return;
	timeout = PQntuples(res) == 1 ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;
	PQclear(res);
	if (timeout > 0 && timeout < 2L * check->cfg->status_interval_ms)
		warn(check, "wal_sender_timeout",
			 "set status.update.interval.ms to a third of it, or raise wal_sender_timeout",
			 "%ld ms is less than twice status.update.interval.ms (%d)", timeout,
			 check->cfg->status_interval_ms);
	else
		ok(check, "wal_sender_timeout", "%ld ms%s", timeout, timeout == 0 ? " (off)" : "");
}

/* The include lists are the plugin's; the operator knows which of these count. */
static void
check_identities(Check *check)
{
	PGresult *res =
		query(check, "replica identity",
			  "SELECT count(*), string_agg(name, ', ') FILTER (WHERE n <= 20) FROM ("
			  "SELECT format('%I.%I', n.nspname, c.relname) AS name, "
			  "row_number() OVER (ORDER BY n.nspname, c.relname) AS n "
			  "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
			  "WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' "
			  "AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
			  "AND (c.relreplident = 'n' OR (c.relreplident = 'd' AND NOT EXISTS ("
			  "SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)))) AS t");
	long n;

	if (res == NULL)
		return;
	n = strtol(PQgetvalue(res, 0, 0), NULL, 10);
	if (n == 0)
		ok(check, "replica identity", "every table has a primary key or a replica identity");
	else
		warn(check, "replica identity",
			 "for those that are captured: add a primary key, or ALTER TABLE … REPLICA IDENTITY "
			 "FULL",
			 "%ld table%s without: %s%s; deletes there carry nothing", n, n == 1 ? "" : "s",
			 PQgetvalue(res, 0, 1), n > 20 ? ", …" : "");
	PQclear(res);
}

/* What the database says of itself; see sql/ for the severities. */
static void
take_diagnosis(Check *check, const PGresult *res, int row)
{
	const char *severity = PQgetvalue(res, row, 0);
	const char *finding = PQgetvalue(res, row, 2);
	const char *fix = PQgetisnull(res, row, 3) ? NULL : PQgetvalue(res, row, 3);
	char what[200];

	snprintf(what, sizeof(what), "nova.doctor: %s", PQgetvalue(res, row, 1));
	if (strcmp(severity, "ok") == 0)
		ok(check, what, "%s", finding);
	else if (strcmp(severity, "error") == 0)
		failed(check, what, fix, "%s", finding);
	else
		warn(check, what, fix, "%s", finding);
}

static void
ask_doctor(Check *check)
{
	PGresult *res;

	if (!check->doctor)
		return;
	res = PQexec(check->conn, "SELECT severity, subject, finding, fix FROM nova.doctor()");
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		warn(check, "nova.doctor",
			 "run CREATE EXTENSION nova_decoder in this database, and GRANT USAGE ON SCHEMA nova "
			 "to this role",
			 "it cannot be asked: %s", PQerrorMessage(check->conn));
	for (int i = 0; i < PQntuples(res); i++)
		take_diagnosis(check, res, i);
	PQclear(res);
}

static void
check_postgres(Check *check)
{
	if (check_connection(check) && check_standby(check))
	{
		check->tables = true;
		check_wal_level(check);
		check_role(check);
		check_plugin_libraries(check);
		check_library(check);
		check_publication(check);
		check_slot(check);
		check_wal_senders(check);
		check_road(check);
		check_timeout(check);
		check_identities(check);
		check_replication_connection(check);
		ask_doctor(check);
	}
	if (check->conn != NULL && PQstatus(check->conn) == CONNECTION_OK)
		snprintf(check->database, sizeof(check->database), "%s", PQdb(check->conn));
	PQfinish(check->conn);
	check->conn = NULL;
}

static SlotPlace
place(const Check *check)
{
	return (SlotPlace){check->system_id,  check->timeline,           check->wal_end,
					   check->slot.found, check->slot.confirmed_lsn, &check->history};
}

/* After PostgreSQL: a relay that runs adds to it what it is about to confirm. */
static void
look_at_spool(Check *check)
{
	const SlotPlace server = place(check);

	check_spool(&check->findings, check->cfg, check->database,
				check->system_id[0] != '\0' ? &server : NULL, &check->spool);
}

/* ------------------------------------------------------------------------
 * Kafka
 * ------------------------------------------------------------------------ */

/* The last thing librdkafka complained of; its errors come on its callback. */
typedef struct KafkaError
{
	char text[512];
	int err; /* of TLS or SASL, if there was one */
} KafkaError;

static void
on_kafka_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	KafkaError *last = opaque;

	(void) rk;
	if (err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		last->err = err;
	/* "all brokers down" adds nothing to the reason that came before. */
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last->text[0] == '\0')
		pgstream_one_line(last->text, sizeof(last->text), reason);
}

static void
on_kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	(void) level;
	(void) facility;
	(void) text;
}

/* A client with the relay's own properties; NULL after a finding. */
static rd_kafka_t *
kafka_client(Check *check, KafkaError *last)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char text[512];

	for (size_t i = 0; i < check->cfg->kafka.count; i++)
	{
		const ConfigPair *pair = &check->cfg->kafka.items[i];

		if (rd_kafka_conf_set(conf, pair->name, pair->value, text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
		{
			failed(check, "Kafka", "correct or remove that key", "%s: %s", pair->origin, text);
			rd_kafka_conf_destroy(conf);
			return NULL;
		}
	}
	rd_kafka_conf_set_opaque(conf, last);
	rd_kafka_conf_set_error_cb(conf, on_kafka_error);
	rd_kafka_conf_set_log_cb(conf, on_kafka_log);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (rk == NULL)
	{
		failed(check, "Kafka", "correct the producer settings", "%s", text);
		rd_kafka_conf_destroy(conf);
	}
	return rk;
}

static void
judge_remembered(Check *check, const StateRecord *record)
{
	const SlotMemory memory = {record->system_id, record->timeline, record->position};
	const SlotPlace server = place(check);
	PositionFault fault = position_judge(&memory, &server);
	char text[LINE_MAX_BYTES];

	position_explain(fault, &memory, &server, text, sizeof(text));
	if (record->position == 0)
		ok(check, "position", "none is remembered");
	else if (check_spool_bridges(&check->findings, check->cfg, &check->spool, record, fault))
		return;
	else if (fault == POSITION_SOUND)
		ok(check, "position", "everything up to LSN " LSN_FORMAT ", timeline %s, is delivered",
		   LSN_ARGS(record->position), record->timeline);
	else if (fault == POSITION_NEW_TIMELINE || fault == POSITION_SERVER_BEHIND)
		warn(check, "position", "compare the tables with the topics", "%s", text);
	else
		failed(check, "position",
			   fault == POSITION_GAP
				   ? "start the relay that has the spool, if there is one (docs/operations.md, \"A "
					 "spool that is refused\"); else set snapshot.mode to when_needed for a new "
					 "snapshot"
				   : "point the relay at the right server, or set snapshot.mode to when_needed for "
					 "a new snapshot",
			   "%s", text);
}

/* A relay that runs has gone on since the server was asked how far it is. */
static void
look_again(Check *check, uint64_t position)
{
	PGconn *conn;

	if (position <= check->wal_end)
		return;
	conn = pgstream_connect_start(check->cfg, true);
	if (conn != NULL && pgwait_connected(conn, CONNECT_TIMEOUT_MS))
		identify(check, conn);
	PQfinish(conn);
}

/* What the state topic remembers; it is not made. */
static void
check_position(Check *check)
{
	StateStore *store = state_new(check->cfg, NULL);

	if (check->system_id[0] == '\0' || check->cfg->position_interval_ms == 0 || store == NULL)
	{
		state_free(store);
		return;
	}
	if (statewait_read(store, pgwait_now() + KAFKA_STEP_MS * KAFKA_STEPS))
	{
		look_again(check, state_record(store)->position);
		judge_remembered(check, state_record(store));
	}
	else
		warn(check, "position", "see the brokers' logs and the user's rights", "%s",
			 statewait_error(store));
	state_free(store);
}

static void
check_kafka(Check *check)
{
	const char *brokers = config_pair(&check->cfg->kafka, "bootstrap.servers");
	const struct rd_kafka_metadata *metadata = NULL;
	char fix[512] = "check bootstrap.servers, the network, TLS and SASL settings";
	KafkaError last = {.text = ""};
	rd_kafka_t *rk = kafka_client(check, &last);
	rd_kafka_resp_err_t err;
	int steps = 0;

	if (brokers == NULL)
		brokers = "the brokers";
	if (rk == NULL)
		return;
	/* a wrong password stays wrong: that is not waited for */
	do
	{
		err = rd_kafka_metadata(rk, 1, NULL, &metadata, KAFKA_STEP_MS);
		/* The reasons wait in the queue until they are asked for. */
		rd_kafka_poll(rk, 0);
	} while (err != RD_KAFKA_RESP_ERR_NO_ERROR && last.err == 0 && ++steps < KAFKA_STEPS);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		(void) kafkaadvice(check->cfg, last.err, fix, sizeof(fix));
		failed(check, "Kafka", fix, "%s: %s%s%s", brokers, rd_kafka_err2str(err),
			   last.text[0] != '\0' ? ": " : "", last.text);
	}
	else
	{
		ok(check, "Kafka", "%s, %d broker%s, %d topics", brokers, metadata->broker_cnt,
		   metadata->broker_cnt == 1 ? "" : "s", metadata->topic_cnt);
		rd_kafka_metadata_destroy(metadata);
		check_topics(&check->findings, check->cfg, check->tables);
		check_position(check);
	}
	rd_kafka_destroy(rk);
}

static int
run_checks(const RelayConfig *cfg, const RelayArgs *args, bool doctor, bool json)
{
	Check run = {.cfg = cfg, .doctor = doctor};
	Check *check = &run;
	int failures;

	findings_begin(&check->findings, json);
	ok(check, "configuration", "connector %s, slot %s, topics %s.*, %zu topic group%s", cfg->name,
	   cfg->slot_name, cfg->topic_prefix, cfg->ngroups, cfg->ngroups == 1 ? "" : "s");
	check_postgres(check);
	look_at_spool(check);
	if (args->sink == SINK_STDOUT)
		ok(check, "Kafka", "not used, records go to standard output");
	else if (args->embedded_broker)
		ok(check, "Kafka", "not used, records go to the embedded broker");
	else
		check_kafka(check);
	failures = check->findings.failures;
	findings_end(&check->findings);
	return failures == 0 ? EXIT_OK : EXIT_FAILED;
}

int
relay_check(const RelayConfig *cfg, const RelayArgs *args, bool json)
{
	return run_checks(cfg, args, false, json);
}

int
relay_doctor(const RelayConfig *cfg, const RelayArgs *args, bool json)
{
	return run_checks(cfg, args, true, json);
}
