/*-------------------------------------------------------------------------
 *
 * signalcmd.c
 *		`nova-relay snapshot`: tell the running relay by nova.signal().
 *
 * The signal goes through the WAL, so that it works wherever the relay runs, and
 * is obeyed also by one that is started later.
 *
 *-------------------------------------------------------------------------
 */
#include "signalcmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <libpq-fe.h>

#include "log.h"
#include "pgstream.h"
#include "pgwait.h"
#include "relay.h"
#include "snapwait.h"

#define LSN_TEXT_MAX 32

static const struct
{
	const char *state; /* SQLSTATE */
	const char *advice;
} advices[] = {
	{"3F000", "; run CREATE EXTENSION nova_decoder in this database"},
	{"42883", "; run CREATE EXTENSION nova_decoder in this database"},
	{"42501", "; GRANT USAGE ON SCHEMA nova and EXECUTE ON FUNCTION nova.signal to this role"},
	{"25006", "; a standby takes no signals: call nova.signal() on the primary"},
};

static int
fail_result(PGconn *conn, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *advice = "";
	char line[512];

	for (size_t i = 0; state != NULL && i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strcmp(state, advices[i].state) == 0)
			advice = advices[i].advice;
	pgstream_one_line(line, sizeof(line), text != NULL ? text : PQerrorMessage(conn));
	log_error("no signal was sent: %s%s", line, advice);
	return EXIT_FAILED;
}

/* What Debezium's signals have as data; NULL when out of memory. */
static char *
signal_data(const SignalArgs *args)
{
	cJSON *data = cJSON_CreateObject();
	char *text;

	if (args->ntables > 0)
	{
		cJSON *list = cJSON_AddArrayToObject(data, "data-collections");

		for (int i = 0; i < args->ntables; i++)
			cJSON_AddItemToArray(list, cJSON_CreateString(args->tables[i]));
	}
	cJSON_AddStringToObject(data, "type", "incremental");
	text = cJSON_PrintUnformatted(data);
	cJSON_Delete(data);
	return text;
}

/* What was sent, and what has become of it if that was waited for. */
static void
say_sent(const SignalArgs *args, const char *id, const char *lsn, JobsEnd end)
{
	if (args->json)
	{
		printf("{\"signal\":\"%s\",\"lsn\":\"%s\"", args->type, lsn);
		if (args->wait)
			printf(",\"id\":\"%s\",\"result\":\"%s\"", id, jobs_end_word(end));
		puts("}");
	}
	else if (args->wait)
		printf("incremental snapshot \"%s\" %s%s\n", id, jobs_end_text(end),
			   end == JOBS_END_COMPLETE ? "" : "; the relay's log has more");
	else
		printf("%s is signalled at LSN %s; the relay's log and `nova-relay status` say what "
			   "becomes of it\n",
			   args->type, lsn);
}

/* EXIT_OK with the LSN, or after a line in the log. */
static int
send_signal(PGconn *conn, const SignalArgs *args, const char *id, char lsn[LSN_TEXT_MAX])
{
	char *data = signal_data(args);
	const char *values[] = {args->type, data, id};
	PGresult *res = PQexecParams(conn, "SELECT nova.signal($1, $2::pg_catalog.jsonb, $3)", 3, NULL,
								 values, NULL, NULL, 0);
	int status = EXIT_OK;

	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		snprintf(lsn, LSN_TEXT_MAX, "%s", PQgetvalue(res, 0, 0));
	else
		status = fail_result(conn, res);
	PQclear(res);
	free(data);
	return status;
}

static int
connect_and_send(const RelayConfig *cfg, const SignalArgs *args, const char *id,
				 char lsn[LSN_TEXT_MAX])
{
	PGconn *conn = pgstream_connect_start(cfg, false);
	int status = EXIT_FAILED;
	char text[512];

	if (conn != NULL && pgwait_connected(conn, args->timeout_s * 1000))
		status = send_signal(conn, args, id, lsn);
	else
	{
		pgstream_one_line(text, sizeof(text), conn == NULL ? "out of memory" : pgwait_error(conn));
		log_error("no signal was sent: PostgreSQL: %s; check database.* in the configuration and "
				  "pg_hba.conf",
				  text);
	}
	PQfinish(conn);
	return status;
}

int
relay_signal(const RelayConfig *cfg, const SignalArgs *args)
{
	struct timespec now;
	char lsn[LSN_TEXT_MAX];
	char id[64];
	JobsEnd end = JOBS_END_UNKNOWN;
	int status;

	/* whoever waits has to know it again; else the LSN is the id */
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(id, sizeof(id), "wait-%ld-%lld.%09ld", (long) getpid(), (long long) now.tv_sec,
			 now.tv_nsec);
	status = connect_and_send(cfg, args, args->wait ? id : NULL, lsn);
	if (status == EXIT_OK && args->wait)
	{
		log_info("signal \"%s\" is sent at LSN %s; waiting for the relay to take it", id, lsn);
		status = snapwait(cfg, id, args->timeout_s, &end);
	}
	if (status != EXIT_FAILED)
		say_sent(args, id, lsn, end);
	return status;
}
