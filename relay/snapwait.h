/*-------------------------------------------------------------------------
 *
 * snapwait.h
 *		`nova-relay snapshot … --wait`: follow an incremental snapshot to its end.
 *
 * The relay confirms a signal when it has written it into the state topic, and
 * takes a request out of there when it is over, but for how it has ended.  So both can be waited for
 * wherever the relay runs, without asking it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SNAPWAIT_H
#define NOVA_RELAY_SNAPWAIT_H

#include "config.h"
#include "jobs.h"

/* It is over, and not complete: a signal stopped it, say. */
#define EXIT_INCOMPLETE 4

/*
 * The signal with this id has just been sent.  EXIT_OK or EXIT_INCOMPLETE: its snapshot
 * is over, and *end says how; EXIT_FAILED after a line in the log: no relay took it
 * within the time, or how far it is, or how it has ended, cannot be read.
 */
extern int snapwait(const RelayConfig *cfg, const char *id, int timeout_s, JobsEnd *end);

#endif /* NOVA_RELAY_SNAPWAIT_H */
