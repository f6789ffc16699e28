/*-------------------------------------------------------------------------
 *
 * slot.h
 *		What a slot's row means: is it sound, is it where we left it, who holds it?
 *
 *	slot_judge(&row, database)		one fault, or none; slot_explain() has the words
 *	position_judge(&memory, …)		against what the state topic remembers
 *	walwatch_take(&watch, …)		is its WAL in danger?  when to say so
 *	holder_silent(&watch, …)		has whoever holds it shown no sign of life for so long?
 *
 * Pure: no I/O, the time is an argument.
 *
 * Traps: the last reply's time in pg_stat_replication is by the clock of the
 * client, so only that it changes means something.  And a walsender that is busy
 * reads no replies: silence counts only while it waits for its client.  Who holds
 * a slot on the direct road (road.h) is no walsender, and shows neither.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SLOT_H
#define NOVA_RELAY_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timeline.h"

/* Who reads a slot. */
typedef struct SlotHolder
{
	int pid; /* 0: nobody */
	char application[64];
	char role[64];
	char client[64];
	char signs[200]; /* of life: another text after each; "": not visible to us */
	bool waiting;    /* it waits for its client, and would see any word of it */
	bool visible;    /* this role may see what it is and does */
	bool unnoted;    /* but the server does not note that (track_activities) */
	bool direct;     /* it is known to be in CALL nova.stream() */
} SlotHolder;

/* As pg_replication_slots has it. */
typedef struct SlotRow
{
	bool found;
	bool physical;
	bool synced; /* 17 and later: a copy of the primary's */
	char plugin[64];
	char database[64];
	char wal_status[16];
	char invalidation[40]; /* why; "": it is not, or the server does not tell */
	uint64_t confirmed_lsn;
	int64_t safe_bytes;     /* of WAL that may still be written; -1: no limit */
	int64_t retained_bytes; /* of WAL that it keeps; -1: not known */
	int64_t behind_bytes;   /* of WAL behind confirmed_lsn; -1: not known */
	SlotHolder holder;
} SlotRow;

typedef enum SlotFault
{
	SLOT_SOUND,
	SLOT_ABSENT,
	SLOT_PHYSICAL,
	SLOT_FOREIGN_DATABASE,
	SLOT_FOREIGN_PLUGIN,
	SLOT_INVALIDATED,
	SLOT_SYNCED, /* on a standby: of use after its promotion */
	SLOT_UNFINISHED,
	SLOT_UNRESERVED
} SlotFault;

/* What a fault means for whoever wants to read the slot. */
typedef enum SlotMeans
{
	SLOT_MEANS_NOTHING,
	SLOT_MEANS_WARNING,
	SLOT_MEANS_WAIT,
	SLOT_MEANS_LOSS, /* by policy: a new slot, or stop */
	SLOT_MEANS_STOP
} SlotMeans;

typedef struct SlotText
{
	char what[200]; /* follows the slot's name */
	char fix[400];
} SlotText;

/* standby: the server that the row is of is in recovery. */
extern SlotFault slot_judge(const SlotRow *row, const char *database, bool standby);
extern SlotMeans slot_means(SlotFault fault);
extern void slot_explain(SlotFault fault, const SlotRow *row, const char *slot,
						 const char *database, SlotText *out);

/* Of a slot that is invalidated: why, and the setting that would have kept it. */
extern void slot_lost_text(const SlotRow *row, char *out, size_t size);

/* "PID 7, application "x", role y, from 10.0.0.1" */
extern void slot_holder_text(const SlotHolder *holder, char *out, size_t size);

/* What is remembered of a slot; position 0: nothing. */
typedef struct SlotMemory
{
	const char *system_id;
	const char *timeline;
	uint64_t position;
} SlotMemory;

/* The server that we are connected to. */
typedef struct SlotPlace
{
	const char *system_id;
	const char *timeline;
	uint64_t wal_end; /* of what it has written; 0: not known */
	bool found;       /* the slot */
	uint64_t confirmed_lsn;
	const TimelineHistory *history;
} SlotPlace;

typedef enum PositionFault
{
	POSITION_SOUND,
	POSITION_NEW_TIMELINE,  /* a standby was promoted, and the slot is there: go on */
	POSITION_SERVER_BEHIND, /* it has lost what was delivered: go on, with a warning */
	POSITION_SLOT_GONE,
	POSITION_GAP,
	POSITION_OLD_TIMELINE, /* a primary from before a promotion */
	POSITION_OTHER_CLUSTER
} PositionFault;

extern PositionFault position_judge(const SlotMemory *memory, const SlotPlace *place);

/* One line about it, with LSNs and what to do; "" for POSITION_SOUND. */
extern void position_explain(PositionFault fault, const SlotMemory *memory, const SlotPlace *place,
							 char *out, size_t size);

/* When WAL is short; 0: never. */
typedef struct WalLimits
{
	int safe_percent;       /* of what the slot may keep */
	int64_t retained_bytes; /* kept because of it */
} WalLimits;

typedef struct WalWatch
{
	bool low;
	int64_t next_line;
} WalWatch;

typedef enum WalNews
{
	WAL_NO_NEWS,
	WAL_LOW,
	WAL_RECOVERED
} WalNews;

/* Tells of trouble at once and then now and then, and of its end. */
extern WalNews walwatch_take(WalWatch *watch, const SlotRow *row, WalLimits limits, int64_t now);

/* Is it short?  Without the patience of a watch. */
extern bool wal_is_low(const SlotRow *row, WalLimits limits);
extern void wal_text(const SlotRow *row, char *out, size_t size);

typedef struct HolderWatch
{
	int pid;
	char signs[200];
	int64_t since;
} HolderWatch;

/* No sign of life since so many milliseconds?  Call with every row. */
extern bool holder_silent(HolderWatch *watch, const SlotHolder *holder, int64_t after_ms,
						  int64_t now);

#endif /* NOVA_RELAY_SLOT_H */
