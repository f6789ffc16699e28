/*-------------------------------------------------------------------------
 *
 * control.c
 *		What is asked of the process over HTTP, handed to the one thread that may do it.
 *
 *-------------------------------------------------------------------------
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct Control
{
	pthread_mutex_t lock;
	pthread_cond_t answered;
	ControlRequest *first; /* that wait */
	int wake[2];
};

Control *
control_new(void)
{
	Control *control = calloc(1, sizeof(*control));
	pthread_condattr_t attr;

	if (control == NULL)
		return NULL;
	if (pipe2(control->wake, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		free(control);
		return NULL;
	}
	pthread_mutex_init(&control->lock, NULL);
	pthread_condattr_init(&attr);
	/* somebody may set the clock */
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&control->answered, &attr);
	pthread_condattr_destroy(&attr);
	return control;
}

void
control_free(Control *control)
{
	if (control == NULL)
		return;
	pthread_cond_destroy(&control->answered);
	pthread_mutex_destroy(&control->lock);
	close(control->wake[0]);
	close(control->wake[1]);
	free(control);
}

static struct timespec
in_ms(int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long) (ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000)
	{
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

static void
append(Control *control, ControlRequest *request)
{
	ControlRequest **at = &control->first;

	while (*at != NULL)
		at = &(*at)->next;
	request->next = NULL;
	request->stage = REQUEST_WAITS;
	*at = request;
}

static void
withdraw(Control *control, ControlRequest *request)
{
	ControlRequest **at = &control->first;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
}

bool
control_ask(Control *control, ControlRequest *request, int timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	int rc = 0;
	bool answered;

	pthread_mutex_lock(&control->lock);
	append(control, request);
	/* a pipe that is full wakes as well */
	if (write(control->wake[1], "", 1) < 0 && errno != EAGAIN)
		rc = ETIMEDOUT;
	while (request->stage == REQUEST_TAKEN || (request->stage == REQUEST_WAITS && rc != ETIMEDOUT))
	{
		if (request->stage == REQUEST_TAKEN)
			pthread_cond_wait(&control->answered, &control->lock);
		else
			rc = pthread_cond_timedwait(&control->answered, &control->lock, &until);
	}
	answered = request->stage == REQUEST_ANSWERED;
	if (!answered)
		withdraw(control, request);
	pthread_mutex_unlock(&control->lock);
	return answered;
}

int
control_fd(const Control *control)
{
	return control->wake[0];
}

ControlRequest *
control_take(Control *control)
{
	ControlRequest *request;
	char bytes[64];

	pthread_mutex_lock(&control->lock);
	while (read(control->wake[0], bytes, sizeof(bytes)) > 0)
		;
	request = control->first;
	if (request != NULL)
	{
		control->first = request->next;
		request->stage = REQUEST_TAKEN;
	}
	pthread_mutex_unlock(&control->lock);
	return request;
}

void
control_answer(Control *control, ControlRequest *request)
{
	pthread_mutex_lock(&control->lock);
	request->stage = REQUEST_ANSWERED;
	pthread_cond_broadcast(&control->answered);
	pthread_mutex_unlock(&control->lock);
}
