/*-------------------------------------------------------------------------
 *
 * sidequery.h
 *		Queries now and then on an ordinary connection of their own.
 *
 * What must neither wait for the stream nor hold it up has a second connection,
 * made at the first query and again when it was lost.
 *
 *	sidequery_run(q, sql, now)		unless the last one still runs
 *	sidequery_turn(q, now)			when its socket is ready
 *
 * Traps: failures are log lines, never more; answers come by on_row, within
 * sidequery_turn().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SIDEQUERY_H
#define NOVA_RELAY_SIDEQUERY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

typedef struct SideQuery SideQuery;

struct pg_result;
typedef void (*SideAnswer)(void *arg, const struct pg_result *res);

/*
 * what: names it in the log, as "WHAT failed: …; NEXT".  answer may be NULL.  NULL
 * when out of memory; all arguments must outlive it.
 */
extern SideQuery *sidequery_new(const RelayConfig *cfg, const char *what, const char *next,
								SideAnswer answer, void *arg);
extern void sidequery_free(SideQuery *q);

/* sql must live until the next one. */
extern void sidequery_run(SideQuery *q, const char *sql, int64_t now);
extern void sidequery_turn(SideQuery *q, int64_t now);

/* Does the last one still run? */
extern bool sidequery_is_busy(const SideQuery *q);

/* fd -1: nothing to wait for. */
extern struct pollfd sidequery_pollfd(const SideQuery *q);

#endif /* NOVA_RELAY_SIDEQUERY_H */
