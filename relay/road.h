/*-------------------------------------------------------------------------
 *
 * road.h
 *		By which road the changes come, and why: from a walsender, or direct.
 *
 * The direct road is CALL nova.stream() in an ordinary backend.  It decodes
 * faster, so auto takes it for a backlog; the walsender is the road for every
 * day, and auto goes back to it once it has caught up.
 *
 *	wish = road_wish(&choice, &rules, &view, now);	which one should it be now?
 *	road_take(&choice, wish, now);					a stream begins there
 *	road_failed(&choice, now);						the direct one could not be begun
 *
 * Pure: no I/O, the time is an argument (milliseconds of one clock).
 *
 * Hysteresis: the backlog that ends a direct stream is a small part of the one
 * that begins it, and between two of them the walsender has ROAD_REST_MS; a
 * relay that is only just fast enough would change roads all the time else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_ROAD_H
#define NOVA_RELAY_ROAD_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define ROAD_REST_MS  10000 /* auto: on the walsender's road before the next direct stream */
#define ROAD_RETRY_MS 60000 /* after a direct stream that could not be begun */
#define ROAD_LITTLE   16    /* caught up: this part of the threshold is left */

typedef enum Road
{
	ROAD_REPLICATION,
	ROAD_DIRECT
} Road;

typedef enum RoadReason
{
	ROAD_CONFIGURED,
	ROAD_BACKLOG,
	ROAD_NO_BACKLOG,
	ROAD_CAUGHT_UP,
	ROAD_NO_EXTENSION, /* this and what follows: the direct one cannot be taken */
	ROAD_OLD_EXTENSION,
	ROAD_NO_USAGE,
	ROAD_NO_EXECUTE,
	ROAD_FAILED
} RoadReason;

typedef struct RoadRules
{
	StreamMode mode;
	int64_t backlog_bytes; /* auto: from there on direct */
} RoadRules;

/* What is known now. */
typedef struct RoadView
{
	RoadReason obstacle; /* ROAD_CONFIGURED: none, the direct road can be taken */
	int64_t backlog;     /* bytes of WAL still to be read; -1: not known */
	bool caught_up;      /* the stream has been at the end of the WAL */
} RoadView;

typedef struct RoadWish
{
	Road road;
	RoadReason reason;
} RoadWish;

/* All zero: no stream was begun yet. */
typedef struct RoadChoice
{
	bool taken;
	RoadWish now;         /* of the last stream that was begun */
	bool left_direct;     /* there was a direct one before this one */
	int64_t since;        /* on this road */
	int64_t failed_until; /* 0: the direct one has not failed */
} RoadChoice;

extern RoadWish road_wish(const RoadChoice *choice, const RoadRules *rules, const RoadView *view,
						  int64_t now);

/* A stream begins on that road.  True if the one before was on the other one. */
extern bool road_take(RoadChoice *choice, RoadWish wish, int64_t now);

extern void road_failed(RoadChoice *choice, int64_t now);

/* "replication", "direct" */
extern const char *road_name(Road road);

/* For metrics; and in words, which follow "the road is …: ". */
extern const char *road_reason_name(RoadReason reason);
extern const char *road_reason_text(RoadReason reason);

/* What to do about an obstacle; NULL: the reason is none. */
extern const char *road_reason_fix(RoadReason reason);

/* The reason of that name, in *reason; false: there is none. */
extern bool road_reason_parse(const char *name, RoadReason *reason);

#endif /* NOVA_RELAY_ROAD_H */
