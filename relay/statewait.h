/*-------------------------------------------------------------------------
 *
 * statewait.h
 *		The state topic, waited for.
 *
 * For commands that may block (check, verify, snapshot --wait); the relay's loop has
 * state.h.  Nothing is made or written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_STATEWAIT_H
#define NOVA_RELAY_STATEWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

/* Reads it, until then by pgwait_now(); then see state_record(), or statewait_error(). */
extern bool statewait_read(StateStore *store, int64_t until);
extern const char *statewait_error(const StateStore *store);

#endif /* NOVA_RELAY_STATEWAIT_H */
