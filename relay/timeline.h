/*-------------------------------------------------------------------------
 *
 * timeline.h
 *		Is a position that was reached on another timeline one of this server, too?
 *
 * A promotion leaves a timeline at some LSN: what was before is the same on both,
 * what was behind it is lost to the new one.  A server tells by the replication
 * command TIMELINE_HISTORY where those were left that it comes from.
 *
 *	timeline_parse(text, len, &history)
 *	timeline_judge(&history, was, is, lsn, &left)
 *
 * Pure: no I/O, nothing is logged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TIMELINE_H
#define NOVA_RELAY_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMELINES_MAX 64 /* of more, the older ones are not known */

typedef struct TimelineLeft
{
	uint32_t id;
	uint64_t lsn;
} TimelineLeft;

/* All zero: nothing is known. */
typedef struct TimelineHistory
{
	size_t n;
	TimelineLeft left[TIMELINES_MAX]; /* in their order */
} TimelineHistory;

typedef enum TimelineVerdict
{
	TIMELINE_SAME,
	TIMELINE_ANCESTOR, /* and the position is of both */
	TIMELINE_LOST,     /* it is behind where that one was left */
	TIMELINE_FOREIGN,  /* this one does not come from it */
	TIMELINE_OLDER,    /* this one is the older one */
	TIMELINE_UNKNOWN   /* the history is not known */
} TimelineVerdict;

/* The file that the command returns; false if it is not understood, as a whole. */
extern bool timeline_parse(const char *text, size_t len, TimelineHistory *history);

/*
 * Everything up to lsn is of the timeline "was"; the server is on "is".  *left: where
 * "was" was left, for TIMELINE_ANCESTOR and TIMELINE_LOST.
 */
extern TimelineVerdict timeline_judge(const TimelineHistory *history, const char *was,
									  const char *is, uint64_t lsn, uint64_t *left);

/* Where that one was left, and how far it was delivered; false if nothing is lost. */
extern bool timeline_lost_text(const TimelineHistory *history, const char *was, const char *is,
							   uint64_t lsn, char *out, size_t size);

#endif /* NOVA_RELAY_TIMELINE_H */
