/*-------------------------------------------------------------------------
 *
 * thread.h
 *		A thread beside the loop, which leaves signals to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_THREAD_H
#define NOVA_RELAY_THREAD_H

#include <pthread.h>
#include <signal.h>

/* 0, or the error as pthread_create() gives it. */
static inline int
thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

#endif /* NOVA_RELAY_THREAD_H */
