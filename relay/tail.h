/*-------------------------------------------------------------------------
 *
 * tail.h
 *		`nova-relay tail`: a small consumer that prints records.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TAIL_H
#define NOVA_RELAY_TAIL_H

#include <stdbool.h>

#include "config.h"

typedef struct TailArgs
{
	char *const *topics;
	int ntopics;
	long count; /* 0: until a signal */
	bool from_beginning;
	bool json;
	int timeout_s; /* without a record; 0: none */
} TailArgs;

/* Records to standard output, a line each; EXIT_OK or EXIT_FAILED. */
extern int relay_tail(const RelayConfig *cfg, const TailArgs *args);

#endif /* NOVA_RELAY_TAIL_H */
