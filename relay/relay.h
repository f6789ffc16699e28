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

/*
 * Run until a signal or a failure that cannot heal.  Installs its own signal
 * handlers.  Returns an exit status; the reason has been logged.
 */
extern int relay_run(const RelayConfig *cfg, const RelayArgs *args);

/*
 * `nova-relay check`: connect to both sides and print one line per finding
 * ("ok", "warn" or "FAIL", what, and the fix) to standard output.  Changes
 * nothing on either side.  Returns EXIT_OK or EXIT_FAILED.
 */
extern int relay_check(const RelayConfig *cfg, const RelayArgs *args);

/* `nova-relay doctor`: the same, and what nova.doctor() in the database finds. */
extern int relay_doctor(const RelayConfig *cfg, const RelayArgs *args);

#endif /* NOVA_RELAY_RELAY_H */
