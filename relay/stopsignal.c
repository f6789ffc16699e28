/*-------------------------------------------------------------------------
 *
 * stopsignal.c
 *		SIGTERM and SIGINT as something that poll() sees.
 *
 * The handler only counts, wakes the loop through a pipe, and on the second signal
 * ends it all.
 *
 *-------------------------------------------------------------------------
 */
#include "stopsignal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "relay.h"

static volatile sig_atomic_t signals_seen;
static int signal_pipe[2] = {-1, -1};

static void
on_signal(int number)
{
	static const char text[] = "nova-relay: second signal, stopping without draining\n";
	int saved = errno;
	ssize_t ignored;

	(void) number;
	if (++signals_seen >= 2)
	{
		ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
		_exit(EXIT_FORCED);
	}
	ignored = write(signal_pipe[1], "", 1);
	(void) ignored;
	errno = saved;
}

bool
stopsignal_install(void)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(&stop.sa_mask);
	sigemptyset(&ignore.sa_mask);
	return pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) == 0 &&
		   sigaction(SIGTERM, &stop, NULL) == 0 && sigaction(SIGINT, &stop, NULL) == 0 &&
		   sigaction(SIGPIPE, &ignore, NULL) == 0;
}

void
stopsignal_remove(void)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	close(signal_pipe[0]);
	close(signal_pipe[1]);
	signal_pipe[0] = signal_pipe[1] = -1;
}

int
stopsignal_fd(void)
{
	return signal_pipe[0];
}

bool
stopsignal_take(void)
{
	char bytes[16];

	return read(signal_pipe[0], bytes, sizeof(bytes)) > 0;
}

bool
stopsignal_seen(void)
{
	return signals_seen > 0;
}
