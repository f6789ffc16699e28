/*-------------------------------------------------------------------------
 *
 * statewait.c
 *		The state topic, waited for; see statewait.h.
 *
 *-------------------------------------------------------------------------
 */
#include "statewait.h"

#include <poll.h>

#include "pgwait.h"

bool
statewait_read(StateStore *store, int64_t until)
{
	StoreStatus status;

	state_read(store, false);
	while ((status = state_advance(store, pgwait_now())) == STORE_AGAIN && pgwait_now() < until)
		(void) poll(NULL, 0, STATE_POLL_MS);
	return status == STORE_READY;
}

const char *
statewait_error(const StateStore *store)
{
	const char *text = state_error(store);

	return text[0] != '\0' ? text : "the state topic cannot be read in time";
}
