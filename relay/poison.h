/*-------------------------------------------------------------------------
 *
 * poison.h
 *		Changes that the server cannot decode: which, how often, which to get past.
 *
 * Pure.  The plugin's callbacks name the position in the context of their
 * ERROR.  One that comes back at the same position is no passing trouble: the
 * change is poison, and the stream ends there for ever.  What is listed here
 * the plugin gets past, by its option guarded.lsns.
 *
 *	if (poison_position(sqlstate, context, &lsn))
 *		if (poison_failed(&p, lsn) && poison_list(&p, lsn))
 *			… connect again, with poison_text() for the option
 *
 * Traps: the context is in the language of the server's messages, so that only
 * its names and its numbers count.  The list forgets the oldest position when
 * it is full, which costs nothing but some tries if it is met again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_POISON_H
#define NOVA_RELAY_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POISON_OPTION "guarded.lsns" /* of the plugin */
#define POISON_TRIES  3              /* at one position, before it is poison */
#define POISON_LISTED 32

/* Longest poison_text(). */
#define POISON_TEXT_MAX (POISON_LISTED * 18 + 1)

/* All zero: nothing has happened. */
typedef struct Poison
{
	uint64_t lsn; /* of the last failure */
	unsigned failures;
	uint64_t listed[POISON_LISTED];
	uint64_t ever; /* positions listed since the start */
} Poison;

/* Is that an ERROR about a change, and where?  Not if somebody or something ended us. */
extern bool poison_position(const char *sqlstate, const char *context, uint64_t *lsn);

/* Count a failure; true when it is one too many. */
extern bool poison_failed(Poison *p, uint64_t lsn);

/* False if it is listed already, which did not help. */
extern bool poison_list(Poison *p, uint64_t lsn);

/* The listed positions as the option has them; empty: none. */
extern void poison_text(const Poison *p, char out[POISON_TEXT_MAX]);

#endif /* NOVA_RELAY_POISON_H */
