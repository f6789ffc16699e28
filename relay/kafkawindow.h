/*-------------------------------------------------------------------------
 *
 * kafkawindow.h
 *		How many records a producer is given before the first ones are acknowledged.
 *
 * Pure: no I/O, the time is an argument, nothing is logged.
 *
 *	kafkawindow_init(&w, most);
 *	if (!kafkawindow_takes(&w, in_flight))
 *		kafkawindow_full(&w, now);			it has enough for the moment
 *	kafkawindow_acked(&w, n, now);			n records that were one batch
 *
 * librdkafka walks over each record half a dozen times between taking it and letting it
 * go.  A few thousand of them stay in the processor's cache between two walks; the 100000
 * that its queue holds do not, and cost the relay half as much time again.  But the few
 * are shared by all partitions, and batches of a few dozen records cost the brokers more
 * than that; and where a request is long under way, the window is all that goes in that
 * time.  So it begins small.  It doubles while it is what limits and either batches are
 * poor or little gets through, and halves when neither would come of it.
 *
 * It is judged in rounds, each of as many records as the window holds, which begins when it
 * is full; if it was not full again in the round's second half, nothing was limited.  While
 * Kafka is away it grows to what the queue holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKAWINDOW_H
#define NOVA_RELAY_KAFKAWINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* Records: what it begins with, and never goes below. */
#define KAFKAWINDOW_LEAST 10000

typedef struct KafkaWindow
{
	uint64_t size;
	uint64_t most;
	bool in_round;
	int64_t began;    /* the round, in milliseconds */
	uint64_t acked;   /* records since then */
	uint64_t batches; /* that they were */
	uint64_t full_at; /* records that were acked when it was full last */
} KafkaWindow;

/* most: what the producer's queue holds, even if that is less; 0: it has no limit. */
extern void kafkawindow_init(KafkaWindow *w, uint64_t most);

static inline bool
kafkawindow_takes(const KafkaWindow *w, uint64_t in_flight)
{
	return in_flight < w->size;
}

/*
 * Somebody waits for it.  now: milliseconds of a clock that does not go back.  True: it has
 * another size now, for next to nothing was acknowledged since it was full.
 */
extern bool kafkawindow_full(KafkaWindow *w, int64_t now);

/* True: it has another size now. */
extern bool kafkawindow_acked(KafkaWindow *w, uint64_t n, int64_t now);

#endif /* NOVA_RELAY_KAFKAWINDOW_H */
