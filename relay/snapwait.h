/*-------------------------------------------------------------------------
 *
 * snapwait.h
 *		`nova-relay snapshot … --wait`: follow an incremental snapshot to its end.
 *
 * The relay confirms a signal when it has written it into the state topic, and
 * takes a request out of there when it is over.  So both can be waited for
 * wherever the relay runs, without asking it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SNAPWAIT_H
#define NOVA_RELAY_SNAPWAIT_H

#include "config.h"

/*
 * The signal with this id has just been sent.  EXIT_OK: its snapshot is over, which
 * a signal stop-snapshot may have caused; EXIT_FAILED after a line in the log: no
 * relay took it within the time, or how far it is cannot be read.
 */
extern int snapwait(const RelayConfig *cfg, const char *id, int timeout_s);

#endif /* NOVA_RELAY_SNAPWAIT_H */
