/*-------------------------------------------------------------------------
 *
 * kafkawindow.c
 *		How many records a producer is given before the first ones are acknowledged.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkawindow.h"

/* Records of a batch, on average: fewer cost the brokers much, and twice the more do not. */
#define BATCH_POOR 400
#define BATCH_RICH 2000

/*
 * Records in a millisecond.  Where fewer get through, time in the cache is not what is
 * short; twice as many are so many that half the window is not too few.
 */
#define RATE_LOW  200
#define RATE_HIGH 400

void
kafkawindow_init(KafkaWindow *w, uint64_t most)
{
	*w = (KafkaWindow){.size = KAFKAWINDOW_LEAST, .most = most > 0 ? most : UINT64_MAX};
	if (w->size > w->most)
		w->size = w->most;
}

static uint64_t
at_most(uint64_t size, uint64_t most)
{
	return size < most ? size : most;
}

static uint64_t
at_least(uint64_t size, uint64_t least)
{
	return size > least ? size : least;
}

/* What the round says of the size. */
static uint64_t
judged(const KafkaWindow *w, int64_t now)
{
	const uint64_t batch = w->acked / w->batches;
	const uint64_t elapsed = now > w->began ? (uint64_t) (now - w->began) : 1;
	const uint64_t rate = w->acked / elapsed;

	if (w->full_at < w->size / 2)
		return w->size;
	if (batch < BATCH_POOR || rate < RATE_LOW)
		return at_most(w->size * 2, w->most);
	if (batch > BATCH_RICH && rate > RATE_HIGH)
		return at_most(w->size, at_least(w->size / 2, KAFKAWINDOW_LEAST));
	return w->size;
}

bool
kafkawindow_full(KafkaWindow *w, int64_t now)
{
	const uint64_t size = w->size;

	if (!w->in_round)
		*w = (KafkaWindow){.size = size, .most = w->most, .in_round = true, .began = now};
	/* a round that is not over by then has a rate that is low: Kafka may be away */
	else if (now - w->began > (int64_t) (size / RATE_LOW))
		*w = (KafkaWindow){.size = at_most(size * 2, w->most), .most = w->most};
	w->full_at = w->acked;
	return w->size != size;
}

bool
kafkawindow_acked(KafkaWindow *w, uint64_t n, int64_t now)
{
	uint64_t size;

	if (!w->in_round)
		return false;
	w->acked += n;
	w->batches++;
	if (w->acked < w->size)
		return false;
	w->in_round = false;
	size = judged(w, now);
	if (size == w->size)
		return false;
	w->size = size;
	return true;
}
