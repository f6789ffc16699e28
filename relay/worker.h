/*-------------------------------------------------------------------------
 *
 * worker.h
 *		What a relay runs in: the process that serves HTTP, and starts the connector,
 *		stops it, and starts it again, as it is told.
 *
 *	worker_run(cfg, &args)				one connector, from a file
 *	worker_serve(dir, path, &args)		the one that is deployed over HTTP, or none yet
 *
 * The first ends with its connector: with EXIT_FAILED when that has failed, so
 * that a supervisor sees it.  The second is like a worker of Kafka Connect: it
 * stays, and shows what failed until it is told to start it again.
 *
 * Either can be paused, stopped, resumed and started again over HTTP; only the
 * second remembers that when the process ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_WORKER_H
#define NOVA_RELAY_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "relay.h"

/* Installs signal handlers.  Returns an exit status; the reason has been logged. */
extern int worker_run(RelayConfig *cfg, const RelayArgs *args);

/* path is of the worker's own settings, or NULL. */
extern int worker_serve(const char *data_dir, const char *path, const RelayArgs *args);

/* Does the configuration say all that its sink needs?  False after one line in err. */
extern bool worker_accepts(const RelayConfig *cfg, const RelayArgs *args, char *err,
						   size_t errsize);

#endif /* NOVA_RELAY_WORKER_H */
