/*-------------------------------------------------------------------------
 *
 * kafkatxn.c
 *		The calls about transactions that block, in a thread of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkatxn.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "thread.h"

#define CALL_MS      2000  /* then it is resumed; no less than librdkafka takes to begin one */
#define SAY_MS       10000 /* between two lines about a call that does not get through */
#define RETRY_MS     50
#define FREE_WAIT_MS (2 * CALL_MS)

struct KafkaTxn
{
	pthread_t thread;
	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t changed;
	bool stop;
	bool busy;
	int wake_fd;
	KafkaTxnCall call;
	rd_kafka_t *producers[KAFKATXN_PRODUCERS];
	size_t nproducers;
	KafkaTxnOutcome outcome;
	rd_kafka_resp_err_t code;
	char error[512];
};

bool
kafkatxn_means_fenced(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
		   err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

bool
kafkatxn_new_one_helps(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__STATE || err == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE ||
		   err == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER ||
		   err == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID ||
		   err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING ||
		   err == RD_KAFKA_RESP_ERR__INCONSISTENT;
}

static struct timespec
after_ms(long ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += ms % 1000 * 1000000;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* False when it is to stop. */
static bool
pause_ms(KafkaTxn *t, long ms)
{
	struct timespec until = after_ms(ms);
	bool stop;

	pthread_mutex_lock(&t->lock);
	while (!t->stop && pthread_cond_timedwait(&t->changed, &t->lock, &until) != ETIMEDOUT)
		;
	stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	return !stop;
}

/* Begun, or resumed. */
static rd_kafka_error_t *
do_call(KafkaTxnCall call, rd_kafka_t *rk)
{
	switch (call)
	{
		case KAFKATXN_INIT:
			return rd_kafka_init_transactions(rk, CALL_MS);
		case KAFKATXN_COMMIT:
			return rd_kafka_commit_transaction(rk, CALL_MS);
		default:
			return rd_kafka_abort_transaction(rk, CALL_MS);
	}
}

/* How long a call may take. */
static int64_t
patience_ms(KafkaTxnCall call, rd_kafka_t *rk)
{
	char value[32];
	size_t size = sizeof(value);

	if (call == KAFKATXN_INIT || rd_kafka_conf_get(rd_kafka_conf(rk), "transaction.timeout.ms",
												   value, &size) != RD_KAFKA_CONF_OK)
		return INT64_MAX;
	return strtoll(value, NULL, 10);
}

static KafkaTxnOutcome
judge(rd_kafka_t *rk, const rd_kafka_error_t *error, char *text, size_t size)
{
	rd_kafka_resp_err_t err = rd_kafka_error_code(error);
	char fatal[256];
	rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, fatal, sizeof(fatal));

	if (cause != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		snprintf(text, size, "%s", fatal);
		return kafkatxn_means_fenced(cause) ? KAFKATXN_FENCED : KAFKATXN_FAILED;
	}
	snprintf(text, size, "%s", rd_kafka_error_string(error));
	if (rd_kafka_error_txn_requires_abort(error))
		return KAFKATXN_MUST_ABORT;
	if (rd_kafka_error_is_retriable(error))
		return KAFKATXN_BUSY;
	return kafkatxn_means_fenced(err) ? KAFKATXN_FENCED : KAFKATXN_FAILED;
}

static const char *
call_name(KafkaTxnCall call)
{
	static const char *const names[] = {[KAFKATXN_INIT] = "beginning",
										[KAFKATXN_COMMIT] = "committing",
										[KAFKATXN_ABORT] = "aborting"};

	return names[call];
}

/* A call that did not get through is to be tried again.  Is it? */
static KafkaTxnOutcome
try_again(KafkaTxn *t, rd_kafka_t *rk, int64_t began, int64_t *said, const char *text)
{
	int64_t now = clock_ms(CLOCK_MONOTONIC);

	if (now - began >= patience_ms(t->call, rk))
		return KAFKATXN_LATE;
	if (now - *said >= SAY_MS)
	{
		log_warn("kafka: %s a transaction for %lld s: %s; trying again", call_name(t->call),
				 (long long) (now - began) / 1000, text);
		*said = now;
	}
	return pause_ms(t, RETRY_MS) ? KAFKATXN_BUSY : KAFKATXN_FAILED;
}

/* One call until it is through, then a new transaction. */
static KafkaTxnOutcome
work_on(KafkaTxn *t, rd_kafka_t *rk, rd_kafka_resp_err_t *code, char *text, size_t size)
{
	const int64_t began = clock_ms(CLOCK_MONOTONIC);
	int64_t said = began;
	KafkaTxnOutcome outcome = KAFKATXN_BUSY;

	while (outcome == KAFKATXN_BUSY)
	{
		rd_kafka_error_t *error = do_call(t->call, rk);

		if (error == NULL)
			error = rd_kafka_begin_transaction(rk);
		if (error == NULL)
			return KAFKATXN_DONE;
		*code = rd_kafka_error_code(error);
		outcome = judge(rk, error, text, size);
		rd_kafka_error_destroy(error);
		if (outcome == KAFKATXN_BUSY)
			outcome = try_again(t, rk, began, &said, text);
	}
	return outcome;
}

static void *
run(void *arg)
{
	KafkaTxn *t = arg;
	ssize_t ignored;

	pthread_mutex_lock(&t->lock);
	while (!t->stop)
	{
		KafkaTxnOutcome outcome = KAFKATXN_DONE;
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
		char text[512] = "";

		if (!t->busy)
		{
			pthread_cond_wait(&t->changed, &t->lock);
			continue;
		}
		/* what the call is about does not change while it is busy */
		pthread_mutex_unlock(&t->lock);
		for (size_t i = 0; i < t->nproducers && outcome == KAFKATXN_DONE; i++)
			outcome = work_on(t, t->producers[i], &code, text, sizeof(text));
		pthread_mutex_lock(&t->lock);
		t->outcome = outcome;
		t->code = code;
		snprintf(t->error, sizeof(t->error), "%s", text);
		t->busy = false;
		pthread_cond_broadcast(&t->changed);
		ignored = write(t->wake_fd, "!", 1);
		(void) ignored;
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

KafkaTxn *
kafkatxn_new(int wake_fd)
{
	KafkaTxn *t = calloc(1, sizeof(*t));
	int failure;

	if (t == NULL)
		return NULL;
	t->wake_fd = wake_fd;
	t->outcome = KAFKATXN_DONE;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	failure = thread_start(&t->thread, run, t);
	if (failure == 0)
		return t;
	free(t);
	errno = failure;
	return NULL;
}

void
kafkatxn_start(KafkaTxn *t, KafkaTxnCall call, rd_kafka_t *const *producers, size_t n)
{
	pthread_mutex_lock(&t->lock);
	t->call = call;
	t->nproducers = n;
	for (size_t i = 0; i < n; i++)
		t->producers[i] = producers[i];
	t->busy = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

KafkaTxnOutcome
kafkatxn_outcome(KafkaTxn *t)
{
	KafkaTxnOutcome outcome;

	pthread_mutex_lock(&t->lock);
	outcome = t->busy ? KAFKATXN_BUSY : t->outcome;
	pthread_mutex_unlock(&t->lock);
	return outcome;
}

const char *
kafkatxn_error(const KafkaTxn *t)
{
	return t->error;
}

rd_kafka_resp_err_t
kafkatxn_code(const KafkaTxn *t)
{
	return t->code;
}

bool
kafkatxn_free(KafkaTxn *t)
{
	struct timespec until = after_ms(FREE_WAIT_MS);
	bool busy;

	if (t == NULL)
		return true;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->changed);
	while (t->busy && pthread_cond_timedwait(&t->changed, &t->lock, &until) != ETIMEDOUT)
		;
	busy = t->busy;
	pthread_mutex_unlock(&t->lock);
	if (busy)
		return false;
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return true;
}
