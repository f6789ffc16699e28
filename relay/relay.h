/*-------------------------------------------------------------------------
 *
 * relay.h
 *		The relay's loop: from the slot to the sink, with all retry policy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_RELAY_H
#define NOVA_RELAY_RELAY_H

#include <stdbool.h>

#include "config.h"
#include "numbers.h"

typedef enum SinkKind
{
	SINK_KAFKA,
	SINK_STDOUT
} SinkKind;

/* What the command line adds to the configuration. */
typedef struct RelayArgs
{
	SinkKind sink;
	bool embedded_broker; /* librdkafka's in-memory cluster */
} RelayArgs;

/* Exit statuses of nova-relay */
#define EXIT_OK     0 /* asked to stop, everything confirmed */
#define EXIT_FAILED 1 /* stopped: cannot go on; the log says why */
#define EXIT_USAGE  2 /* command line or configuration */
#define EXIT_FORCED 3 /* second signal: stopped without draining */

/* What is asked of a relay that runs. */
typedef enum RelayWish
{
	WISH_RUN,
	WISH_PAUSE,  /* read no more, keep the connection */
	WISH_STOP,   /* drain and end */
	WISH_RESTART /* the same, and it will begin again: the slot is not dropped */
} RelayWish;

/* What a relay runs in: worker.c. */
typedef struct RelayHost
{
	Board *board;    /* the numbers go here */
	int64_t started; /* the process, ms since 1970 */
	int fd;          /* readable: ask again what is wished */
	RelayWish (*wish)(void *arg);
	char *(*signal)(void *arg); /* the next one asked for, as JSON, to free(); or NULL */
	void *arg;
} RelayHost;

/*
 * Run until it is asked to end, a signal (see stopsignal.h) or a failure that
 * cannot heal.  Returns an exit status; the reason has been logged, and is the
 * trace of the numbers.
 */
extern int relay_run(const RelayConfig *cfg, const RelayArgs *args, const RelayHost *host);

/*
 * `nova-relay check`: connect to both sides and print one line per finding
 * ("ok", "warn" or "FAIL", what, and the fix) to standard output, or all of them as
 * one JSON object.  Changes nothing on either side.  Returns EXIT_OK or EXIT_FAILED.
 */
extern int relay_check(const RelayConfig *cfg, const RelayArgs *args, bool json);

/* `nova-relay doctor`: the same, and what nova.doctor() in the database finds. */
extern int relay_doctor(const RelayConfig *cfg, const RelayArgs *args, bool json);

#endif /* NOVA_RELAY_RELAY_H */
