/*-------------------------------------------------------------------------
 *
 * latency.c
 *		How long commits wait for Kafka: from COMMIT to the last acknowledgement.
 *
 *-------------------------------------------------------------------------
 */
#include "latency.h"

const double latency_bounds[LATENCY_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
												1,     2.5,  5,     10,   30,  60,   300};

static LatencyEntry *
entry_at(Latency *l, uint64_t position)
{
	return &l->queue[position & (LATENCY_COMMITS - 1)];
}

void
latency_commit(Latency *l, uint64_t unit, int64_t commit_time)
{
	l->numbers.waiting++;
	if (l->next - l->first == LATENCY_COMMITS)
	{
		LatencyEntry *last = entry_at(l, l->next - 1);

		last->unit = unit;
		last->commits++;
		if (l->aged == l->next)
			l->unaged++;
		return;
	}
	*entry_at(l, l->next++) = (LatencyEntry){unit, commit_time, 1};
}

void
latency_fold(Latency *l, uint64_t unit)
{
	for (uint64_t i = l->next; i > l->first && entry_at(l, i - 1)->unit == unit; i--)
		entry_at(l, i - 1)->unit = unit - 1;
}

static int64_t
age(int64_t time, int64_t now)
{
	return now > time ? now - time : 0;
}

static void
observe(LatencyHistogram *h, int64_t us, uint64_t commits)
{
	size_t i = 0;

	while (i < LATENCY_BUCKETS && (double) us > latency_bounds[i] * 1e6)
		i++;
	h->buckets[i] += commits;
	h->count += commits;
	h->sum_us += (uint64_t) us * commits;
}

/* The bucket of an age: an octave has as many as another. */
static size_t
age_bucket(int64_t ms)
{
	uint64_t v = (uint64_t) ms;
	int shift = 0;

	while (v >> shift >= UINT64_C(2) * LATENCY_STEPS)
		shift++;
	if (shift >= LATENCY_OCTAVES)
		return LATENCY_AGES - 1;
	return (size_t) shift * LATENCY_STEPS + (v >> shift);
}

/* The age in the middle of a bucket. */
static double
bucket_age(size_t bucket)
{
	size_t shift = bucket < 2 * LATENCY_STEPS ? 0 : bucket / LATENCY_STEPS - 1;
	uint64_t width = UINT64_C(1) << shift;

	return (double) ((bucket - shift * LATENCY_STEPS) * width) + (double) (width - 1) / 2;
}

static double
percentile(const Latency *l, unsigned percent)
{
	uint64_t rank = (l->numbers.ages.count - 1) * percent / 100;
	uint64_t below = 0;
	size_t i = 0;

	while (i < LATENCY_AGES - 1 && (below += l->ages[i]) <= rank)
		i++;
	return bucket_age(i);
}

static void
count_age(Latency *l, int64_t ms, uint64_t commits, int64_t now)
{
	LatencyAges *a = &l->numbers.ages;

	if (a->count == 0 || ms < a->least)
		a->least = ms;
	if (ms > a->most)
		a->most = ms;
	a->last = ms;
	a->at = now / 1000;
	a->count += commits;
	a->sum += (uint64_t) ms * commits;
	l->ages[age_bucket(ms)] += commits;
}

/* What came since the last turn. */
static void
count_ages(Latency *l, int64_t now)
{
	if (l->unaged > 0)
		count_age(l, age(entry_at(l, l->aged - 1)->time, now) / 1000, l->unaged, now);
	l->unaged = 0;
	for (; l->aged < l->next; l->aged++)
	{
		const LatencyEntry *e = entry_at(l, l->aged);

		count_age(l, age(e->time, now) / 1000, e->commits, now);
	}
}

void
latency_turn(Latency *l, uint64_t first_unit, bool open, int64_t now)
{
	LatencyNumbers *n = &l->numbers;

	count_ages(l, now);
	for (; l->first < l->next && entry_at(l, l->first)->unit < first_unit; l->first++)
	{
		const LatencyEntry *e = entry_at(l, l->first);

		n->last_us = age(e->time, now);
		n->last_at = now;
		n->open_since = 0;
		n->waiting -= e->commits;
		observe(&n->histogram, n->last_us, e->commits);
	}
	if (!open)
		n->open_since = 0;
	else if (n->open_since == 0)
		n->open_since = now;
}

void
latency_forget(Latency *l)
{
	l->first = l->aged = l->next;
	l->unaged = 0;
	l->numbers.waiting = 0;
	l->numbers.open_since = 0;
}

LatencyNumbers
latency_numbers(const Latency *l)
{
	LatencyNumbers n = l->numbers;

	n.oldest = l->first < l->next ? l->queue[l->first & (LATENCY_COMMITS - 1)].time : 0;
	if (n.ages.count > 0)
	{
		n.ages.p50 = percentile(l, 50);
		n.ages.p95 = percentile(l, 95);
		n.ages.p99 = percentile(l, 99);
	}
	return n;
}

int64_t
latency_lag_us(const LatencyNumbers *n, int64_t now)
{
	if (n->oldest != 0)
		return age(n->oldest, now);
	if (n->last_at != 0 && age(n->last_at, now) < LATENCY_FRESH_US)
		return n->last_us;
	return n->open_since != 0 ? age(n->open_since, now) : 0;
}
