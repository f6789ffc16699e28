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
 *	pause = road_failed(&choice, now);				the direct one could not be begun
 *	pause = road_broke(&choice, lived, now);		it had begun, and broke off
 *
 * Pure: no I/O, the time is an argument (milliseconds of one clock).
 *
 * Hysteresis: the backlog that ends a direct stream is a small part of the one
 * that begins it, and between two of them the walsender has ROAD_REST_MS; a
 * relay that is only just fast enough would change roads all the time else.
 *
 * Every stream decodes again from where the oldest transaction began that was open
 * at the confirmed position, and says nothing until it has come to where it was to
 * begin.  So a change costs what there is to read again: the direct road is kept while
 * that is ROAD_MUCH times what makes a backlog, and it is not taken for a backlog that is
 * less.  Not while it is any backlog: a busy server has that much between two of its records
 * of running transactions.
 *
 * A road that fails is tried again after ROAD_RETRY_MS, then after twice as long, up
 * to ROAD_RETRY_MAX_MS: each time a stream of the walsender's is ended for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_ROAD_H
#define NOVA_RELAY_ROAD_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define ROAD_REST_MS      10000   /* auto: on the walsender's road before the next direct stream */
#define ROAD_RETRY_MS     60000   /* after a direct stream that could not be begun, at first */
#define ROAD_RETRY_MAX_MS 3600000 /* doubled up to this */
#define ROAD_STEADY_MS    10000   /* a direct stream that lived so long has not failed */
#define ROAD_BREAKS       2       /* so many in a row that did not are a road that fails */
#define ROAD_MUCH         8       /* to read again: so many times the threshold */
#define ROAD_LITTLE       16      /* caught up: this part of the threshold is left */

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
	ROAD_REREAD,
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
	int64_t again;       /* bytes that a stream begun now would read once more; -1: not known */
	bool begins;         /* there is no stream, and a new one would do so in any case */
	bool passed_start;   /* the stream has come to where it was to begin */
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
	int failures;         /* of it, since it last was good for something */
	int breaks;           /* the same, of streams that had begun */
} RoadChoice;

extern RoadWish road_wish(const RoadChoice *choice, const RoadRules *rules, const RoadView *view,
						  int64_t now);

/* A stream begins on that road.  True if the one before was on the other one. */
extern bool road_take(RoadChoice *choice, RoadWish wish, int64_t now);

/*
 * The direct road failed, for reasons of its own: it is not taken for so many
 * milliseconds.  After a stream that had begun and broke off 0 is possible: it goes on.
 */
extern int64_t road_failed(RoadChoice *choice, int64_t now);
extern int64_t road_broke(RoadChoice *choice, int64_t lived, int64_t now);

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
