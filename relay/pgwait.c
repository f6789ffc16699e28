/*-------------------------------------------------------------------------
 *
 * pgwait.c
 *		A connection to PostgreSQL that is waited for; see pgwait.h.
 *
 *-------------------------------------------------------------------------
 */
#include "pgwait.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>

#include "clock.h"
#include "pgstream.h"

int64_t
pgwait_now(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

bool
pgwait_connected(PGconn *conn, int timeout_ms)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int64_t deadline = pgwait_now() + timeout_ms;

	while (PQstatus(conn) != CONNECTION_BAD && status != PGRES_POLLING_OK)
	{
		struct pollfd fd = {.fd = PQsocket(conn),
							.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
		int64_t left = deadline - pgwait_now();
		int n;

		if (left <= 0)
			return false;
		n = poll(&fd, 1, (int) left);
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n < 0)
			continue;
		status = PQconnectPoll(conn);
		if (status == PGRES_POLLING_FAILED)
			return false;
	}
	return PQstatus(conn) == CONNECTION_OK;
}

const char *
pgwait_error(const PGconn *conn)
{
	const char *text = PQerrorMessage(conn);

	return text[0] != '\0' || PQsocket(conn) < 0 ? pgstream_lost(conn) : "no answer in time";
}
