/*-------------------------------------------------------------------------
 *
 * signalcmd.h
 *		`nova-relay snapshot`: tell the running relay by nova.signal().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SIGNALCMD_H
#define NOVA_RELAY_SIGNALCMD_H

#include <stdbool.h>

#include "config.h"

typedef struct SignalArgs
{
	const char *type; /* execute-snapshot and so on */
	char *const *tables;
	int ntables;
	bool json;
	bool wait; /* execute-snapshot: until it is over */
	int timeout_s;
} SignalArgs;

#define SIGNAL_TIMEOUT_S 30

/* EXIT_OK, EXIT_INCOMPLETE of snapwait.h, or EXIT_FAILED after one line in the log. */
extern int relay_signal(const RelayConfig *cfg, const SignalArgs *args);

#endif /* NOVA_RELAY_SIGNALCMD_H */
