/*-------------------------------------------------------------------------
 *
 * snapplan.h
 *		What a snapshot reads, in which order, and whether there is one at all.
 *
 *	plan = {0};
 *	snapplan_add(&plan, …)				every table, as nova.snapshot_tables() has it
 *	snapplan_arrange(&plan, workers)	order and size of the chunks
 *	while (snapplan_next(&plan, &chunk))	whoever has nothing to do takes one
 *	snapplan_progress(&plan, …), snapplan_finish(&plan, &chunk, …)
 *
 * One worker takes tables in the order of their names, as Debezium does.
 * Several take ranges of blocks, of the largest table first.
 *
 * snapshot_decide() says what a start means, from the mode, the slot and what
 * is remembered of the runs before.
 *
 * Pure: no I/O, the time is an argument.  Traps: a chunk points into the plan;
 * the last chunk of a table has no end, since blocks may be added meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SNAPPLAN_H
#define NOVA_RELAY_SNAPPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

#define SNAPSHOT_MAX_THREADS 16

typedef struct SnapTable
{
	char *schema;
	char *name;
	const char *query; /* in the table's place; NULL: none */
	uint32_t oid;
	uint64_t blocks;
	int64_t row_estimate; /* -1: not known */
	uint32_t begun;       /* chunks given out */
	uint32_t chunks;      /* of it */
	uint32_t finished;
	uint32_t safe;     /* from the beginning on, and acknowledged */
	uint32_t filenode; /* of the file that the blocks are of */
	uint64_t rows;     /* of finished chunks */
	bool keyed;        /* rows can be read in the order of a key */
} SnapTable;

typedef struct SnapChunk
{
	SnapTable *table;
	uint64_t first_block;
	uint64_t end_block; /* 0: to the end of the table */
	bool whole;         /* the table in one piece */
	bool first;         /* of the table */
	bool last;
	bool first_table;
	bool last_table;
	uint32_t number; /* of the table's chunks */
} SnapChunk;

typedef struct SnapPlan
{
	SnapTable *tables;
	size_t ntables;
	size_t capacity;
	size_t next;           /* table of the next chunk */
	uint64_t chunk_blocks; /* UINT64_MAX: whole tables */
	size_t tables_done;
	uint64_t weight;      /* blocks, and one for each table */
	uint64_t weight_done; /* of finished chunks */
	uint64_t rows_done;   /* of finished chunks */
} SnapPlan;

/* The table added, for what else is known of it; NULL when out of memory. */
extern SnapTable *snapplan_add(SnapPlan *plan, uint32_t oid, const char *schema, const char *name,
							   uint64_t blocks, int64_t row_estimate, const char *query);

extern void snapplan_arrange(SnapPlan *plan, int workers);

/* False when everything was given out. */
extern bool snapplan_next(SnapPlan *plan, SnapChunk *chunk);

extern void snapplan_finish(SnapPlan *plan, const SnapChunk *chunk, uint64_t rows);

/* Rows that are expected altogether; -1 where that is not known of a table. */
extern int64_t snapplan_row_estimate(const SnapPlan *plan);

/* Blocks that a chunk stands for. */
extern uint64_t snapplan_weight(const SnapPlan *plan, const SnapChunk *chunk);

/*
 * Milliseconds that are left, going by what is done: of chunks under way,
 * running is the part done in blocks.  -1: too early to say.
 */
extern int64_t snapplan_left_ms(const SnapPlan *plan, uint64_t running, int64_t elapsed_ms);

extern void snapplan_free(SnapPlan *plan);

/*
 * Whether to take a snapshot
 */

typedef enum SlotFound
{
	SLOT_MISSING,
	SLOT_PRESENT,
	SLOT_LOST, /* invalidated */
	SLOT_MOVED /* behind it are changes that it never gave: others used it, or made it */
} SlotFound;

/* What the state topic says about the slot. */
typedef enum SnapPhase
{
	PHASE_NONE,  /* nothing */
	PHASE_BEGIN, /* a snapshot was begun and not finished */
	PHASE_DONE,
	PHASE_PART /* begun, and how far it came is known; not a phase of the state topic */
} SnapPhase;

typedef enum SnapAction
{
	ACTION_STREAM,   /* from the slot */
	ACTION_CREATE,   /* a slot, and stream from it */
	ACTION_SNAPSHOT, /* a new slot and its snapshot, then stream */
	ACTION_AGAIN,    /* drop the slot first */
	ACTION_RESUME,   /* stream, and read the rest while streaming */
	ACTION_BESIDE,   /* a snapshot beside the slot that is there */
	ACTION_NOTHING,  /* there is nothing to do: end */
	ACTION_REFUSE    /* changes are lost; the reason says what to do */
} SnapAction;

typedef struct SnapDecision
{
	SnapAction action;
	const char *reason; /* to be logged, or NULL */
	bool warn;          /* as a warning */
} SnapDecision;

/* same_cluster: what is remembered is of the server that we are connected to. */
extern SnapDecision snapshot_decide(SnapshotMode mode, SlotFound slot, SnapPhase phase,
									bool same_cluster);

#endif /* NOVA_RELAY_SNAPPLAN_H */
