/*-------------------------------------------------------------------------
 *
 * pgwait.h
 *		A connection to PostgreSQL that is waited for.
 *
 * For commands that may block (check, verify); the relay's loop has pgstream.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_PGWAIT_H
#define NOVA_RELAY_PGWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

/* Milliseconds of a clock that never goes back. */
extern int64_t pgwait_now(void);

/* Drive what pgstream_connect_start() began to its end; true when it is there. */
extern bool pgwait_connected(PGconn *conn, int timeout_ms);

/* What libpq says, or that it took too long; not always one line. */
extern const char *pgwait_error(const PGconn *conn);

#endif /* NOVA_RELAY_PGWAIT_H */
