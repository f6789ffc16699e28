/*-------------------------------------------------------------------------
 *
 * heartbeat.c
 *		A heartbeat's record, and heartbeat.action.query on a connection of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "heartbeat.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "log.h"
#include "pgstream.h"

#define ANSWER_TIMEOUT_MS 30000 /* connecting and running together */
#define WARN_EVERY_MS     60000

#define FIELD_SCHEMA(type, name, field)                                                            \
	"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"" type                               \
	"\",\"optional\":false,\"field\":\"" field "\"}],\"optional\":false,"                          \
	"\"name\":\"io.debezium.connector.common." name "\",\"version\":1},\"payload\":"

struct Heartbeat
{
	const RelayConfig *cfg;
	PGconn *conn;
	bool connecting;
	bool running;
	PostgresPollingStatusType polling;
	int64_t began;
	int64_t next_warning;
};

void
heartbeat_key(char *dst, size_t size, const RelayConfig *cfg)
{
	bool schema = cfg->key_schemas;

	snprintf(dst, size, "%s{\"serverName\":\"%s\"}%s",
			 schema ? FIELD_SCHEMA("string", "ServerNameKey", "serverName") : "", cfg->topic_prefix,
			 schema ? "}" : "");
}

void
heartbeat_value(char *dst, size_t size, const RelayConfig *cfg, int64_t now_ms)
{
	bool schema = cfg->value_schemas;

	snprintf(dst, size, "%s{\"ts_ms\":%" PRId64 "}%s",
			 schema ? FIELD_SCHEMA("int64", "Heartbeat", "ts_ms") : "", now_ms, schema ? "}" : "");
}

Heartbeat *
heartbeat_new(const RelayConfig *cfg)
{
	Heartbeat *hb = calloc(1, sizeof(*hb));

	if (hb != NULL)
		hb->cfg = cfg;
	return hb;
}

static void
disconnect(Heartbeat *hb)
{
	PQfinish(hb->conn);
	hb->conn = NULL;
	hb->connecting = false;
	hb->running = false;
}

void
heartbeat_free(Heartbeat *hb)
{
	if (hb == NULL)
		return;
	disconnect(hb);
	free(hb);
}

static void
warn(Heartbeat *hb, const char *reason, int64_t now)
{
	char line[512];

	if (now < hb->next_warning)
		return;
	hb->next_warning = now + WARN_EVERY_MS;
	pgstream_one_line(line, sizeof(line), reason);
	log_warn("heartbeat.action.query failed: %s; trying again at the next heartbeat", line);
}

static void
give_up(Heartbeat *hb, int64_t now)
{
	warn(hb, hb->conn != NULL ? PQerrorMessage(hb->conn) : "out of memory", now);
	disconnect(hb);
}

static void
run_query(Heartbeat *hb, int64_t now)
{
	hb->running = true;
	if (!PQsendQuery(hb->conn, hb->cfg->heartbeat_action_query) || PQflush(hb->conn) < 0)
		give_up(hb, now);
}

void
heartbeat_beat(Heartbeat *hb, int64_t now)
{
	if (hb->connecting || hb->running)
	{
		if (now - hb->began < ANSWER_TIMEOUT_MS)
			return;
		warn(hb, "no answer in time", now);
		disconnect(hb);
	}
	hb->began = now;
	if (hb->conn != NULL)
	{
		run_query(hb, now);
		return;
	}
	hb->conn = pgstream_connect_start(hb->cfg, false);
	if (hb->conn == NULL || PQstatus(hb->conn) == CONNECTION_BAD)
	{
		give_up(hb, now);
		return;
	}
	hb->connecting = true;
	hb->polling = PGRES_POLLING_WRITING;
}

static void
turn_connecting(Heartbeat *hb, int64_t now)
{
	hb->polling = PQconnectPoll(hb->conn);
	if (hb->polling == PGRES_POLLING_FAILED)
		give_up(hb, now);
	else if (hb->polling == PGRES_POLLING_OK)
	{
		hb->connecting = false;
		if (PQsetnonblocking(hb->conn, 1) != 0)
			give_up(hb, now);
		else
			run_query(hb, now);
	}
}

static void
take_results(Heartbeat *hb, int64_t now)
{
	while (!PQisBusy(hb->conn))
	{
		PGresult *res = PQgetResult(hb->conn);
		ExecStatusType status;

		if (res == NULL)
		{
			hb->running = false;
			break;
		}
		status = PQresultStatus(res);
		if (status == PGRES_FATAL_ERROR)
			warn(hb, PQresultErrorMessage(res), now);
		PQclear(res);
		if (status != PGRES_FATAL_ERROR && status != PGRES_COMMAND_OK &&
			status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		{
			/* COPY: libpq would give the same result for ever */
			warn(hb, "a COPY is not a query that a heartbeat can run", now);
			disconnect(hb);
			return;
		}
	}
}

void
heartbeat_turn(Heartbeat *hb, int64_t now)
{
	if (hb->conn == NULL)
		return;
	if (hb->connecting)
		turn_connecting(hb, now);
	else if (!PQconsumeInput(hb->conn) || PQflush(hb->conn) < 0)
		give_up(hb, now);
	else if (hb->running)
		take_results(hb, now);
}

struct pollfd
heartbeat_pollfd(const Heartbeat *hb)
{
	if (hb->conn == NULL)
		return (struct pollfd){.fd = -1};
	return (struct pollfd){
		.fd = PQsocket(hb->conn),
		.events = hb->connecting && hb->polling == PGRES_POLLING_WRITING ? POLLOUT : POLLIN};
}
