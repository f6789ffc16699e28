/*-------------------------------------------------------------------------
 *
 * stopsignal.h
 *		SIGTERM and SIGINT as something that poll() sees.
 *
 *	stopsignal_install();
 *	… poll stopsignal_fd() …  stopsignal_take(), stopsignal_seen()
 *	stopsignal_remove();
 *
 * The first signal asks the process to stop in order; the second one ends it at
 * once, with EXIT_FORCED.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_STOPSIGNAL_H
#define NOVA_RELAY_STOPSIGNAL_H

#include <stdbool.h>

/* False with errno set. */
extern bool stopsignal_install(void);
extern void stopsignal_remove(void);

extern int stopsignal_fd(void);

/* After poll() said that there is something: a signal that was not taken yet? */
extern bool stopsignal_take(void);

/* Was there one, taken or not? */
extern bool stopsignal_seen(void);

#endif /* NOVA_RELAY_STOPSIGNAL_H */
