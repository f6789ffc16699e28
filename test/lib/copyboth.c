/*-------------------------------------------------------------------------
 *
 * copyboth.c
 *		Reads a stream of either road, for tests and benches.
 *
 *	copyboth [OPTION…] CONNINFO [COMMAND…]
 *
 * Runs the commands one after the other in one connection, or the lines of its
 * standard input: START_REPLICATION …, CALL nova.stream(…), or SQL that answers
 * at once.  COPY BOTH is read to its end, which comes by a CopyDone of ours
 * (--until, --stop-after-writes) or from the server.  What was on its way by then
 * is dropped, as nobody could confirm it.
 *
 * A JSON line tells of the connection, of the beginning of a stream, and of the
 * end of each command.  The status is 1 if one of them failed.
 *
 *		--until LSN				end once a message has come to this position
 *		--stop-after-writes N	end after so many messages with data
 *		--out FILE				the payloads of the last stream, one behind the other
 *		--confirm				what has come is flushed, which takes nova's frames; else nothing ever is
 *		--status-ms N			time between two status messages, 1000
 *		--stopped				a stream that begins stops the client (SIGSTOP), which does not read on
 *		--ask					a status that is due asks for a reply
 *		--silent				no status at all, also to a keepalive that asks
 *		--stats					a line for each message, too
 *		--send TEXT				as a message of the client's, as soon as a stream has begun
 *		--fail TEXT				a CopyFail with this reason, likewise
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "copydata.h"
#include "frame.h"

#define PG_EPOCH_SECONDS 946684800

typedef struct Settings
{
	uint64_t until;
	uint64_t stop_after_writes;
	const char *out;
	const char *send;
	const char *fail;
	int status_ms;
	int confirm;
	int ask;
	int silent;
	int stopped;
	int stats;
} Settings;

typedef struct Stream
{
	PGconn *conn;
	FILE *out;
	FrameReader frames;
	uint64_t writes;
	uint64_t keepalives;
	uint64_t bytes;
	uint64_t dropped;
	uint64_t received;
	uint64_t repeated_ping; /* position of a keepalive that asked, and was the last message */
	double last_status;
	bool asked;
	bool over; /* our CopyDone is sent */
} Stream;

static Settings set = {.status_ms = 1000};

static void
die(const char *what, const char *which)
{
	fprintf(stderr, "copyboth: %s: %s\n", what, which);
	exit(1);
}

static double
seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
send_status(Stream *s, bool ask)
{
	char status[COPYDATA_STATUS_SIZE];
	uint64_t flush = set.confirm ? s->received : 0;
	double now = seconds(CLOCK_REALTIME) - PG_EPOCH_SECONDS;

	s->asked = false;
	s->last_status = seconds(CLOCK_MONOTONIC);
	if (set.silent)
		return;
	copydata_build_status(status, s->received, flush, flush, (int64_t) (now * 1e6));
	/* the last byte, which a relay never sets */
	status[COPYDATA_STATUS_SIZE - 1] = (char) ask;
	/* that the server is gone is seen when it is read */
	if (PQputCopyData(s->conn, status, sizeof(status)) > 0)
		(void) PQflush(s->conn);
}

/* A message's position is that of the first change in it; a transaction's end is in its COMMIT. */
static void
take_frames(Stream *s, const CopyDataMessage *m)
{
	FrameStatus status;
	NovaFrame frame;

	frame_payload_begin(&s->frames, m->payload, m->payload_len, m->lsn);
	while ((status = frame_next(&s->frames, &frame)) == FRAME_READ)
		if (frame.type == NOVA_FRAME_COMMIT)
			s->received = frame.u.commit.end_lsn;
	if (status == FRAME_BAD)
		die("a bad frame", s->frames.error);
}

static void
take_data(Stream *s, const CopyDataMessage *m)
{
	s->repeated_ping = 0;
	s->writes++;
	s->bytes += m->payload_len;
	if (set.confirm)
		take_frames(s, m);
	else if (m->lsn > s->received)
		s->received = m->lsn;
	if (s->out != NULL && fwrite(m->payload, 1, m->payload_len, s->out) != m->payload_len)
		die("cannot write", set.out);
}

/*
 * The plugin may hold back what is before the position of a keepalive that asks,
 * unless it asks twice: as relay.c, take_ping().
 */
static void
take_ping(Stream *s, const CopyDataMessage *m)
{
	s->keepalives++;
	if ((!m->reply_requested || s->repeated_ping == m->wal_end) && m->wal_end > s->received)
		s->received = m->wal_end;
	s->repeated_ping = m->reply_requested ? m->wal_end : 0;
	if (m->reply_requested)
		s->asked = true;
}

static void
take_message(Stream *s, const char *data, size_t len)
{
	CopyDataMessage m;
	CopyDataKind kind = copydata_parse(data, len, &m);

	if (kind == COPYDATA_IMPOSSIBLE)
		die("unknown message", "cut short?");
	if (s->over)
	{
		s->dropped += kind == COPYDATA_DATA;
		return;
	}
	if (kind == COPYDATA_DATA)
		take_data(s, &m);
	else
		take_ping(s, &m);
	if (set.stats)
		printf("{\"%s\":\"" LSN_FORMAT "\",\"bytes\":%zu,\"asks\":%s,\"at\":%.6f}\n",
			   kind == COPYDATA_DATA ? "write" : "keepalive",
			   LSN_ARGS(kind == COPYDATA_DATA ? m.lsn : m.wal_end), m.payload_len,
			   m.reply_requested ? "true" : "false", seconds(CLOCK_REALTIME));
	if ((set.until != 0 && s->received >= set.until) ||
		(set.stop_after_writes != 0 && s->writes == set.stop_after_writes))
	{
		send_status(s, false);
		s->over = true;
		(void) PQputCopyEnd(s->conn, NULL);
	}
}

/* Until the socket has something, or the next status is due. */
static void
wait_for_server(Stream *s)
{
	struct pollfd fd = {.fd = PQsocket(s->conn), .events = POLLIN};
	double due = s->last_status + set.status_ms / 1e3 - seconds(CLOCK_MONOTONIC);

	if (!s->over && (s->asked || due <= 0))
	{
		send_status(s, set.ask && !s->asked);
		due = set.status_ms / 1e3;
	}
	fflush(stdout);
	(void) poll(&fd, 1, s->over || set.silent ? -1 : (int) (due * 1e3) + 1);
	(void) PQconsumeInput(s->conn);
}

static void
read_stream(Stream *s)
{
	char *data;
	int len;

	s->last_status = seconds(CLOCK_MONOTONIC);
	while ((len = PQgetCopyData(s->conn, &data, 1)) >= 0)
	{
		if (len == 0)
		{
			if (PQstatus(s->conn) == CONNECTION_BAD)
				return;
			wait_for_server(s);
			continue;
		}
		take_message(s, data, (size_t) len);
		PQfreemem(data);
	}
}

static void
print_text(const char *name, const char *text)
{
	printf(",\"%s\":\"", name);
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\' || (unsigned char) *text < 0x20)
			printf("\\u%04x", (unsigned) *text);
		else
			putchar(*text);
	putchar('"');
}

/* The last result of a command, or its failure; the server's CopyDone is answered. */
static PGresult *
last_result(PGconn *conn, PGresult *res)
{
	PGresult *next;

	while (PQresultStatus(res) != PGRES_FATAL_ERROR && (next = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(next) == PGRES_COPY_IN)
			(void) PQputCopyEnd(conn, NULL);
		PQclear(res);
		res = next;
	}
	return res;
}

/* "done": by our CopyDone; "server": without it; "result": there was no stream. */
static void
report(const Stream *s, PGresult *res, bool streamed, double took)
{
	bool failed = PQresultStatus(res) == PGRES_FATAL_ERROR;
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	/* takes what is left of the command before */
	PGresult *one = PQexec(s->conn, "SELECT 1");

	printf("{\"ended\":\"%s\",\"writes\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"keepalives\":%" PRIu64
		   ",\"dropped\":%" PRIu64 ",\"lsn\":\"" LSN_FORMAT "\",\"seconds\":%.6f,\"usable\":%s",
		   failed      ? "error"
		   : !streamed ? "result"
		   : s->over   ? "done"
					   : "server",
		   s->writes, s->bytes, s->keepalives, s->dropped, LSN_ARGS(s->received), took,
		   PQresultStatus(one) == PGRES_TUPLES_OK ? "true" : "false");
	if (failed)
	{
		print_text("sqlstate", sqlstate != NULL ? sqlstate : "");
		print_text("message", PQresultErrorMessage(res));
		fprintf(stderr, "copyboth: %s", PQresultErrorMessage(res));
	}
	else
		print_text("answer", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : PQcmdStatus(res));
	printf("}\n");
	fflush(stdout);
	PQclear(one);
}

/* What a client of a stream should not say, if it is to. */
static void
say_first(Stream *s)
{
	if (set.send != NULL)
		(void) PQputCopyData(s->conn, set.send, (int) strlen(set.send));
	if (set.fail != NULL)
	{
		(void) PQputCopyEnd(s->conn, set.fail);
		s->over = true;
	}
	(void) PQflush(s->conn);
}

/* The status of the program as far as it is this command's. */
static int
run(PGconn *conn, const char *command)
{
	Stream s = {.conn = conn};
	double start = seconds(CLOCK_MONOTONIC);
	PGresult *res = PQexec(conn, command);
	bool streamed = PQresultStatus(res) == PGRES_COPY_BOTH;
	int failed;

	if (streamed)
	{
		printf("{\"streaming\":true}\n");
		if (set.out != NULL && (s.out = fopen(set.out, "w")) == NULL)
			die("cannot open", set.out);
		fflush(stdout);
		if (set.stopped)
			raise(SIGSTOP);
		say_first(&s);
		read_stream(&s);
		if (s.out != NULL && fclose(s.out) != 0)
			die("cannot write", set.out);
		res = last_result(conn, res);
	}
	failed = PQresultStatus(res) == PGRES_FATAL_ERROR;
	report(&s, res, streamed, seconds(CLOCK_MONOTONIC) - start);
	frame_free(&s.frames);
	PQclear(res);
	return failed;
}

static void
take_option(int c)
{
	if (c == 'u' && lsn_parse(optarg, &set.until) == 0)
		die("not an LSN", optarg);
	else if (c == 'w')
		set.stop_after_writes = strtoull(optarg, NULL, 10);
	else if (c == 'o')
		set.out = optarg;
	else if (c == 'm')
		set.status_ms = (int) strtol(optarg, NULL, 10);
	else if (c == 's')
		set.send = optarg;
	else if (c == 'f')
		set.fail = optarg;
	else if (c == '?')
		exit(1);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"until", required_argument, NULL, 'u'},
											{"stop-after-writes", required_argument, NULL, 'w'},
											{"out", required_argument, NULL, 'o'},
											{"status-ms", required_argument, NULL, 'm'},
											{"send", required_argument, NULL, 's'},
											{"fail", required_argument, NULL, 'f'},
											{"confirm", no_argument, &set.confirm, 1},
											{"ask", no_argument, &set.ask, 1},
											{"silent", no_argument, &set.silent, 1},
											{"stopped", no_argument, &set.stopped, 1},
											{"stats", no_argument, &set.stats, 1},
											{0}};
	char *line = NULL;
	size_t size = 0;
	int failed = 0;
	int c;
	PGconn *conn;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take_option(c);
	if (optind == argc)
		die("usage", "copyboth [OPTION…] CONNINFO [COMMAND…]");
	conn = PQconnectdb(argv[optind]);
	if (PQstatus(conn) != CONNECTION_OK)
		die("cannot connect", PQerrorMessage(conn));
	printf("{\"client\":%d,\"backend\":%d}\n", (int) getpid(), PQbackendPID(conn));
	fflush(stdout);
	for (int i = optind + 1; i < argc; i++)
		failed |= run(conn, argv[i]);
	while (optind + 1 == argc && getline(&line, &size, stdin) > 0)
		failed |= run(conn, line);
	PQfinish(conn);
	free(line);
	return failed;
}
