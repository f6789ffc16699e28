/*-------------------------------------------------------------------------
 *
 * kafkapush.c
 *		Sends what a producer still keeps for a fuller batch, without waiting.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkapush.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "thread.h"

/* The moment: some ways of a thread to its turn, and less than linger.ms. */
#define MOMENT_MS 1

struct KafkaPush
{
	rd_kafka_t *rk;
	pthread_t thread;
	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t changed;
	bool wanted;
	bool stop;
};

/* False when it is to stop. */
static bool
wait_until_wanted(KafkaPush *p)
{
	bool stop;

	pthread_mutex_lock(&p->lock);
	while (!p->wanted && !p->stop)
		pthread_cond_wait(&p->changed, &p->lock);
	p->wanted = false;
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return !stop;
}

static void *
run(void *arg)
{
	KafkaPush *p = arg;

	/* that the moment was too short for the acknowledgements is no error */
	while (wait_until_wanted(p))
		(void) rd_kafka_flush(p->rk, MOMENT_MS);
	return NULL;
}

KafkaPush *
kafkapush_new(rd_kafka_t *rk)
{
	KafkaPush *p = calloc(1, sizeof(*p));
	int failure;

	if (p == NULL)
		return NULL;
	p->rk = rk;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	failure = thread_start(&p->thread, run, p);
	if (failure == 0)
		return p;
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
	errno = failure;
	return NULL;
}

static void
tell(KafkaPush *p, bool *what)
{
	pthread_mutex_lock(&p->lock);
	*what = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void
kafkapush_now(KafkaPush *p)
{
	tell(p, &p->wanted);
}

void
kafkapush_free(KafkaPush *p)
{
	if (p == NULL)
		return;
	tell(p, &p->stop);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
