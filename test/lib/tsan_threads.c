/*-------------------------------------------------------------------------
 *
 * tsan_threads.c
 *		C11's threads by way of POSIX threads, for a relay under ThreadSanitizer.
 *
 * librdkafka uses <threads.h>, of which ThreadSanitizer knows nothing: a thread
 * made so has no state in it and ends in a crash, and locks are not seen.  Linked
 * into the relay, these take the place of the C library's, whose types are those
 * of POSIX under another name.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

typedef struct Start
{
	thrd_start_t run;
	void *arg;
} Start;

static int
status(int error)
{
	return error == 0           ? thrd_success
		   : error == EBUSY     ? thrd_busy
		   : error == ETIMEDOUT ? thrd_timedout
		   : error == ENOMEM    ? thrd_nomem
								: thrd_error;
}

static void *
run(void *arg)
{
	Start start = *(Start *) arg;

	free(arg);
	return (void *) (intptr_t) start.run(start.arg);
}

int
thrd_create(thrd_t *thread, thrd_start_t function, void *arg)
{
	Start *start = malloc(sizeof(*start));
	int error;

	if (start == NULL)
		return thrd_nomem;
	*start = (Start){function, arg};
	error = pthread_create(thread, NULL, run, start);
	if (error != 0)
		free(start);
	return status(error);
}

int
thrd_join(thrd_t thread, int *result)
{
	void *value;
	int error = pthread_join(thread, &value);

	if (error == 0 && result != NULL)
		*result = (int) (intptr_t) value;
	return status(error);
}

int
thrd_detach(thrd_t thread)
{
	return status(pthread_detach(thread));
}

int
mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attr;
	int error;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
														  : PTHREAD_MUTEX_NORMAL);
	error = pthread_mutex_init((pthread_mutex_t *) mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return status(error);
}

void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *) mutex);
}

int
mtx_lock(mtx_t *mutex)
{
	return status(pthread_mutex_lock((pthread_mutex_t *) mutex));
}

int
mtx_trylock(mtx_t *mutex)
{
	return status(pthread_mutex_trylock((pthread_mutex_t *) mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
	return status(pthread_mutex_unlock((pthread_mutex_t *) mutex));
}

int
cnd_init(cnd_t *condition)
{
	return status(pthread_cond_init((pthread_cond_t *) condition, NULL));
}

void
cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *) condition);
}

int
cnd_signal(cnd_t *condition)
{
	return status(pthread_cond_signal((pthread_cond_t *) condition));
}

int
cnd_broadcast(cnd_t *condition)
{
	return status(pthread_cond_broadcast((pthread_cond_t *) condition));
}

int
cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return status(pthread_cond_wait((pthread_cond_t *) condition, (pthread_mutex_t *) mutex));
}

int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
			  const struct timespec *restrict until)
{
	return status(
		pthread_cond_timedwait((pthread_cond_t *) condition, (pthread_mutex_t *) mutex, until));
}
