/*-------------------------------------------------------------------------
 *
 * letterbox.h
 *		Bad records on their way to the dead-letter topic, for the Kafka sink.
 *
 *	letterbox_post()	at any time; a copy is kept, nothing is sent yet
 *	letterbox_turn()	in sink_poll(): send what may be, ack what is skipped
 *	letterbox_report()	a delivery report whose opaque letterbox_owns()
 *
 * To the delivery a bad record is one like any other, which is acked when its
 * letter is.  Letters go out in the order in which they were posted.  One that
 * is larger than the window goes out alone, so that none is refused for the sake
 * of its neighbours; what the topic refuses as too large is sent again as a
 * pointer; any other refusal fails the sink.
 *
 * Exactly once, letters are part of a transaction, and each lane has a box.  What
 * fails there the sink is asked about: mostly the transaction goes with it, and
 * the letters too.
 *
 * Traps: acked() is called from turn and report only, which sink.h wants to be
 * within sink_poll().  The opaque pointer of a letter is marked in its lowest
 * bit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_LETTERBOX_H
#define NOVA_RELAY_LETTERBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "deadletter.h"
#include "sink.h"

typedef struct Letter Letter;

/* All zero but for sink, rk and events is a valid new one. */
typedef struct Letterbox
{
	Sink *sink; /* whose policy it is */
	rd_kafka_t *rk;
	SinkEvents events;
	/* NULL, or who is told first of a letter that is not taken; true: leave it at that */
	bool (*not_taken)(void *arg, const BadRecord *bad, bool pointer, const Buffer *buf,
					  rd_kafka_resp_err_t err);
	rd_kafka_topic_t *topic; /* made with the first letter */
	Letter *first;           /* waiting */
	Letter *last;
	size_t waiting;
	uint64_t posted;
	size_t out_bytes; /* of letters with librdkafka */
	uint64_t acked;   /* letters, and skipped records, that nobody has counted yet */
	uint64_t skipped;
} Letterbox;

/*
 * Log and keep it; buf is what is acked.  pointer: it is known that the value does
 * not fit.  False: sink->error says why.
 */
extern bool letterbox_post(Letterbox *box, const BadRecord *bad, bool pointer, Buffer *buf);

/* Has all of it been handed on? */
static inline bool
letterbox_empty(const Letterbox *box)
{
	return box->waiting == 0;
}

/* So many wait that no more should be made. */
extern bool letterbox_full(const Letterbox *box);

/* Both return the number of records acked; failures are in sink->error. */
extern size_t letterbox_turn(Letterbox *box);
extern size_t letterbox_report(Letterbox *box, const rd_kafka_message_t *m);

/* Milliseconds of the clock that lines about bad records go by. */
extern int64_t letterbox_now(void);

/* Is this the opaque pointer of a letter? */
static inline bool
letterbox_owns(const void *opaque)
{
	return ((uintptr_t) opaque & 1) != 0;
}

/* What waits is given up: returns how many. */
extern size_t letterbox_drop(Letterbox *box);

/* The same at the end; what was sent has been reported. */
extern void letterbox_close(Letterbox *box);

/* A block of the wire as librdkafka's headers; NULL when out of memory. */
extern rd_kafka_headers_t *letterbox_headers(NovaBytes block);

#endif /* NOVA_RELAY_LETTERBOX_H */
