/*-------------------------------------------------------------------------
 *
 * refusals.h
 *		Exactly once: what a broker refused in a transaction, until that has come
 *		again and is committed without it.
 *
 * A broker's refusal ends the whole transaction, and everything since the last
 * commit comes again.  This remembers which records are not to be sent then, and
 * which are to be sent alone: those of a batch that was refused as a whole, to see
 * which of them is at fault.
 *
 *	refusals_note(), refusals_note_topic()		while the transaction fails
 *	if (refusals_any(&r))						for whatever is sent from then on
 *		refusals_find(), refusals_topic()		… what of this record?
 *	entry->lane = …								it has met its fate in this lane
 *	refusals_settle(&r, lane, committed)
 *
 * A record is known by its topic, key and value: decoding brings the same bytes
 * again.  The rows of a snapshot may come with other values (times, positions), so
 * that they are known by topic and key alone, if they have a key.
 *
 * A topic that takes nothing is left alone for REFUSED_TOPIC_MS from the next record
 * for it on, and then tried again, which may cost one more transaction.
 *
 * Pure: no I/O, the time is an argument, nothing is logged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_REFUSALS_H
#define NOVA_RELAY_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"

#define REFUSED_TOPIC_MS 60000
#define REFUSALS_MAX     65536 /* when there would be more, those of before are forgotten */
#define REFUSALS_HEADS   1024

typedef enum RefusalFate
{
	FATE_SEND,   /* only how its letter has to be is known */
	FATE_ALONE,  /* nothing else may be in flight */
	FATE_REFUSED /* it is not sent */
} RefusalFate;

typedef struct RefusalId
{
	uint32_t topic; /* checksums */
	uint32_t key;
	uint32_t value;
	uint32_t key_len; /* UINT32_MAX: there is none */
	uint32_t value_len;
} RefusalId;

typedef struct Refusal
{
	RefusalId id;
	RefusalFate fate;
	int reason;     /* the broker's error */
	bool pointer;   /* its letter was refused as a whole */
	unsigned lane;  /* where it was met, from 1 on; 0: not since the abort */
	uint32_t chain; /* next in its list + 1 */
} Refusal;

typedef struct RefusedTopic
{
	char *name;
	int reason;    /* 0: it is one of several that are suspected */
	int64_t until; /* 0: not met since */
	bool trying;   /* a record was sent alone, to see whether it takes that */
} RefusedTopic;

/* All zero: nothing was refused. */
typedef struct Refusals
{
	Refusal *items;
	size_t n;
	size_t size;
	uint32_t heads[REFUSALS_HEADS]; /* index + 1 */
	RefusedTopic *topics;
	size_t ntopics;
	char **lost; /* topics of records that a failed transaction has taken with it */
	size_t nlost;
} Refusals;

extern void refusals_free(Refusals *r);

static inline bool
refusals_any(const Refusals *r)
{
	return r->n > 0 || r->ntopics > 0;
}

/* of_snapshot: a row, and no change. */
extern RefusalId refusal_id(const char *topic, NovaBytes key, NovaBytes value, bool of_snapshot);

/* NULL if nothing is known of it. */
extern Refusal *refusals_find(Refusals *r, RefusalId id);

/* The same, or a new one with FATE_SEND; NULL when out of memory. */
extern Refusal *refusals_note(Refusals *r, RefusalId id);

/* False when out of memory. */
extern bool refusals_note_topic(Refusals *r, const char *topic, int reason);

/* The reason for which this topic is to be left alone now; 0: it is not. */
extern int refusals_topic(Refusals *r, const char *topic, int64_t now);

/*
 * A transaction failed of a topic, but nobody says of which: of one that had a record
 * in it.  refusals_guess(): it is that one (one: nothing else was in flight), or each
 * of them is suspected; false when out of memory, or if there is none.
 */
extern void refusals_lost(Refusals *r, const char *topic);
extern bool refusals_guess(Refusals *r, bool one, int reason);

/*
 * A topic that may be the one at fault: its next record goes alone (then set trying),
 * and where that is taken, the topic is cleared.
 */
extern RefusedTopic *refusals_suspected(Refusals *r, const char *topic);
extern void refusals_clear_topic(Refusals *r, RefusedTopic *suspect);

/*
 * The lane's transaction is committed, and what was met in it is done with; or all
 * of them were aborted, and everything is to be met again.
 */
extern void refusals_settle(Refusals *r, unsigned lane, bool committed);

#endif /* NOVA_RELAY_REFUSALS_H */
