/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The time, in milliseconds.
 *
 * Pure modules take the time as an argument; this is for whoever gives it to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CLOCK_H
#define NOVA_RELAY_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_REALTIME: since 1970; CLOCK_MONOTONIC: it never goes back. */
static inline int64_t
clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#endif /* NOVA_RELAY_CLOCK_H */
