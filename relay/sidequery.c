/*-------------------------------------------------------------------------
 *
 * sidequery.c
 *		Queries now and then on an ordinary connection of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "sidequery.h"

#include <stdbool.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "log.h"
#include "pgstream.h"

#define ANSWER_TIMEOUT_MS 30000 /* connecting and running together */
#define WARN_EVERY_MS     60000

struct SideQuery
{
	const RelayConfig *cfg;
	const char *what;
	const char *next;
	SideAnswer answer;
	void *arg;
	const char *sql;
	PGconn *conn;
	bool connecting;
	bool running;
	PostgresPollingStatusType polling;
	int64_t began;
	int64_t next_warning;
};

SideQuery *
sidequery_new(const RelayConfig *cfg, const char *what, const char *next, SideAnswer answer,
			  void *arg)
{
	SideQuery *q = calloc(1, sizeof(*q));

	if (q != NULL)
		*q = (SideQuery){.cfg = cfg, .what = what, .next = next, .answer = answer, .arg = arg};
	return q;
}

static void
disconnect(SideQuery *q)
{
	PQfinish(q->conn);
	q->conn = NULL;
	q->connecting = false;
	q->running = false;
}

void
sidequery_free(SideQuery *q)
{
	if (q == NULL)
		return;
	disconnect(q);
	free(q);
}

static void
warn(SideQuery *q, const char *reason, int64_t now)
{
	char line[512];

	if (now < q->next_warning)
		return;
	q->next_warning = now + WARN_EVERY_MS;
	pgstream_one_line(line, sizeof(line), reason);
	log_warn("%s failed: %s; %s", q->what, line, q->next);
}

static void
give_up(SideQuery *q, int64_t now)
{
	warn(q, pgstream_lost(q->conn), now);
	disconnect(q);
}

static void
run_query(SideQuery *q, int64_t now)
{
	q->running = true;
	if (!PQsendQuery(q->conn, q->sql) || PQflush(q->conn) < 0)
		give_up(q, now);
}

void
sidequery_run(SideQuery *q, const char *sql, int64_t now)
{
	if (q->connecting || q->running)
	{
		if (now - q->began < ANSWER_TIMEOUT_MS)
			return;
		warn(q, "no answer in time", now);
		disconnect(q);
	}
	q->sql = sql;
	q->began = now;
	if (q->conn != NULL)
	{
		run_query(q, now);
		return;
	}
	q->conn = pgstream_connect_start(q->cfg, false);
	if (q->conn == NULL || PQstatus(q->conn) == CONNECTION_BAD)
	{
		give_up(q, now);
		return;
	}
	q->connecting = true;
	q->polling = PGRES_POLLING_WRITING;
}

static void
turn_connecting(SideQuery *q, int64_t now)
{
	q->polling = PQconnectPoll(q->conn);
	if (q->polling == PGRES_POLLING_FAILED)
		give_up(q, now);
	else if (q->polling == PGRES_POLLING_OK)
	{
		q->connecting = false;
		if (PQsetnonblocking(q->conn, 1) != 0)
			give_up(q, now);
		else
			run_query(q, now);
	}
}

static void
take_results(SideQuery *q, int64_t now)
{
	while (!PQisBusy(q->conn))
	{
		PGresult *res = PQgetResult(q->conn);
		ExecStatusType status;

		if (res == NULL)
		{
			q->running = false;
			break;
		}
		status = PQresultStatus(res);
		if (status == PGRES_FATAL_ERROR)
			warn(q, PQresultErrorMessage(res), now);
		else if (status == PGRES_TUPLES_OK && q->answer != NULL)
			q->answer(q->arg, res);
		PQclear(res);
		if (status != PGRES_FATAL_ERROR && status != PGRES_COMMAND_OK &&
			status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		{
			/* COPY: libpq would give the same result for ever */
			warn(q, "a COPY is not a query that can run here", now);
			disconnect(q);
			return;
		}
	}
}

void
sidequery_turn(SideQuery *q, int64_t now)
{
	if (q->conn == NULL)
		return;
	if (q->connecting)
		turn_connecting(q, now);
	else if (!PQconsumeInput(q->conn) || PQflush(q->conn) < 0)
		give_up(q, now);
	else if (q->running)
		take_results(q, now);
}

bool
sidequery_is_busy(const SideQuery *q)
{
	return q->connecting || q->running;
}

struct pollfd
sidequery_pollfd(const SideQuery *q)
{
	if (q->conn == NULL)
		return (struct pollfd){.fd = -1};
	return (struct pollfd){.fd = PQsocket(q->conn),
						   .events = q->connecting && q->polling == PGRES_POLLING_WRITING ? POLLOUT
																						  : POLLIN};
}
