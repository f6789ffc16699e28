/*-------------------------------------------------------------------------
 *
 * snapplan.c
 *		What a snapshot reads, in which order, and whether there is one at all.
 *
 *-------------------------------------------------------------------------
 */
#include "snapplan.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS_MIN   UINT64_C(2048)  /* 16 MB; below it a chunk costs more than it saves */
#define CHUNK_BLOCKS_MAX   UINT64_C(65536) /* 512 MB */
#define CHUNKS_PER_WORKER  8               /* so that all end at about the same time */
#define TABLE_WEIGHT       1               /* empty tables take time, too */
#define ESTIMATE_AFTER_MS  2000
#define ESTIMATE_PER_MILLE 5

SnapTable *
snapplan_add(SnapPlan *plan, uint32_t oid, const char *schema, const char *name, uint64_t blocks,
			 int64_t row_estimate, const char *query)
{
	SnapTable *t;

	if (plan->ntables == plan->capacity)
	{
		size_t capacity = plan->capacity > 0 ? plan->capacity * 2 : 64;
		SnapTable *grown = realloc(plan->tables, capacity * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		plan->tables = grown;
		plan->capacity = capacity;
	}
	t = &plan->tables[plan->ntables];
	*t = (SnapTable){.oid = oid, .blocks = blocks, .row_estimate = row_estimate, .query = query};
	t->schema = strdup(schema);
	t->name = strdup(name);
	if (t->schema == NULL || t->name == NULL)
	{
		free(t->schema);
		free(t->name);
		return NULL;
	}
	plan->ntables++;
	return t;
}

static int
by_name(const void *a, const void *b)
{
	const SnapTable *x = a;
	const SnapTable *y = b;
	int order = strcmp(x->schema, y->schema);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static int
by_size(const void *a, const void *b)
{
	const SnapTable *x = a;
	const SnapTable *y = b;

	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	return by_name(a, b);
}

/* A query in the table's place cannot be cut. */
static uint32_t
count_chunks(const SnapPlan *plan, const SnapTable *t)
{
	if (t->query != NULL || t->blocks <= plan->chunk_blocks)
		return 1;
	return (uint32_t) ((t->blocks - 1) / plan->chunk_blocks + 1);
}

void
snapplan_arrange(SnapPlan *plan, int workers)
{
	uint64_t blocks = 0;
	uint64_t size;

	for (size_t i = 0; i < plan->ntables; i++)
		blocks += plan->tables[i].blocks;
	plan->weight = blocks + plan->ntables * TABLE_WEIGHT;
	size = blocks / (uint64_t) (workers * CHUNKS_PER_WORKER);
	if (size < CHUNK_BLOCKS_MIN)
		size = CHUNK_BLOCKS_MIN;
	if (size > CHUNK_BLOCKS_MAX)
		size = CHUNK_BLOCKS_MAX;
	/* one worker would not need pieces, but goes on behind the last one if it is cut off */
	plan->chunk_blocks = workers > 1 ? size : CHUNK_BLOCKS_MAX;
	if (plan->ntables > 0)
		qsort(plan->tables, plan->ntables, sizeof(SnapTable), workers > 1 ? by_size : by_name);
	for (size_t i = 0; i < plan->ntables; i++)
		plan->tables[i].chunks = count_chunks(plan, &plan->tables[i]);
}

bool
snapplan_next(SnapPlan *plan, SnapChunk *chunk)
{
	SnapTable *t;

	if (plan->next == plan->ntables)
		return false;
	t = &plan->tables[plan->next];
	*chunk = (SnapChunk){.table = t,
						 .whole = t->chunks == 1,
						 .first = t->begun == 0,
						 .last = t->begun + 1 == t->chunks,
						 .first_table = plan->next == 0,
						 .last_table = plan->next + 1 == plan->ntables,
						 .number = t->begun};
	if (!chunk->whole)
		chunk->first_block = t->begun * plan->chunk_blocks;
	if (!chunk->last)
		chunk->end_block = chunk->first_block + plan->chunk_blocks;
	if (++t->begun == t->chunks)
		plan->next++;
	return true;
}

uint64_t
snapplan_weight(const SnapPlan *plan, const SnapChunk *chunk)
{
	if (!chunk->last)
		return plan->chunk_blocks;
	return chunk->table->blocks - chunk->first_block + TABLE_WEIGHT;
}

void
snapplan_finish(SnapPlan *plan, const SnapChunk *chunk, uint64_t rows)
{
	plan->rows_done += rows;
	chunk->table->rows += rows;
	plan->weight_done += snapplan_weight(plan, chunk);
	if (++chunk->table->finished == chunk->table->chunks)
		plan->tables_done++;
}

int64_t
snapplan_row_estimate(const SnapPlan *plan)
{
	int64_t rows = 0;

	for (size_t i = 0; i < plan->ntables; i++)
	{
		const SnapTable *t = &plan->tables[i];

		if ((t->row_estimate < 0 && t->blocks > 0) || t->query != NULL)
			return -1;
		rows += t->row_estimate > 0 ? t->row_estimate : 0;
	}
	return rows;
}

int64_t
snapplan_left_ms(const SnapPlan *plan, uint64_t running, int64_t elapsed_ms)
{
	uint64_t done = plan->weight_done + running;

	if (done > plan->weight)
		done = plan->weight;
	if (done == 0 || elapsed_ms < ESTIMATE_AFTER_MS ||
		done * 1000 < plan->weight * ESTIMATE_PER_MILLE)
		return -1;
	return (int64_t) ((double) elapsed_ms * (double) (plan->weight - done) / (double) done);
}

void
snapplan_free(SnapPlan *plan)
{
	for (size_t i = 0; i < plan->ntables; i++)
	{
		free(plan->tables[i].schema);
		free(plan->tables[i].name);
	}
	free(plan->tables);
	*plan = (SnapPlan){0};
}

/*
 * Whether to take a snapshot
 */

#define HOW_TO_GET_ROWS                                                                            \
	"to get them, set snapshot.mode to always for one start, or drop the slot and start again"
#define OTHER_CLUSTER                                                                              \
	"the state topic remembers this slot of another cluster; to take a snapshot of this "          \
	"cluster, set snapshot.mode to when_needed, or choose another slot.name or topic.prefix; "     \
	"after pg_upgrade, which kept the slot, remove its records to go on"

#define NEW_CLUSTER                                                                                \
	"the state topic remembers this slot of another cluster: a snapshot of this one is taken, "    \
	"beside the slot that is there; rows deleted meanwhile stay in the topics"

#define ANY_MODE  (-1)
#define ANY_SLOT  (-1)
#define ANY_PHASE (-1)

/* The first row that fits applies. */
static const struct
{
	int mode;
	int slot;
	int phase;
	SnapDecision decision;
} decisions[] = {
	{SNAPSHOT_NO_DATA, SLOT_MISSING, ANY_PHASE, {ACTION_CREATE, NULL, false}},
	{SNAPSHOT_NO_DATA, SLOT_PRESENT, ANY_PHASE, {ACTION_STREAM, NULL, false}},
	{SNAPSHOT_NO_DATA,
	 SLOT_LOST,
	 ANY_PHASE,
	 {ACTION_REFUSE,
	  "its changes are gone: drop it and start again, and take a new snapshot with "
	  "snapshot.mode=initial if the topics are to be complete",
	  false}},

	{SNAPSHOT_NO_DATA,
	 SLOT_MOVED,
	 ANY_PHASE,
	 {ACTION_REFUSE,
	  "to take a new snapshot with a new slot, set snapshot.mode to when_needed and start again, "
	  "or use another slot.name and live with the gap",
	  false}},

	{SNAPSHOT_INITIAL_ONLY,
	 ANY_SLOT,
	 PHASE_DONE,
	 {ACTION_NOTHING, "the snapshot was finished by an earlier run; nothing is left to do", false}},
	{SNAPSHOT_INITIAL_ONLY, SLOT_PRESENT, PHASE_NONE, {ACTION_BESIDE, NULL, false}},

	{SNAPSHOT_ALWAYS,
	 SLOT_PRESENT,
	 PHASE_NONE,
	 {ACTION_BESIDE, "the slot is kept: changes since its position come after the rows, again",
	  false}},
	{SNAPSHOT_ALWAYS,
	 SLOT_PRESENT,
	 PHASE_DONE,
	 {ACTION_BESIDE, "the slot is kept: changes since its position come after the rows, again",
	  false}},
	{SNAPSHOT_ALWAYS, SLOT_MISSING, PHASE_DONE, {ACTION_SNAPSHOT, NULL, false}},
	{SNAPSHOT_ALWAYS,
	 SLOT_LOST,
	 ANY_PHASE,
	 {ACTION_AGAIN, "the slot was invalidated: it is dropped and made anew", true}},

	{SNAPSHOT_WHEN_NEEDED,
	 SLOT_MISSING,
	 PHASE_DONE,
	 {ACTION_SNAPSHOT,
	  "the slot is gone, and changes since its last position with it: a new snapshot is needed; "
	  "rows deleted meanwhile stay in the topics",
	  true}},
	{SNAPSHOT_WHEN_NEEDED,
	 SLOT_LOST,
	 ANY_PHASE,
	 {ACTION_AGAIN,
	  "the slot was invalidated and its changes are gone: it is dropped, and a new snapshot is "
	  "needed; rows deleted meanwhile stay in the topics",
	  true}},

	{SNAPSHOT_ALWAYS,
	 SLOT_MOVED,
	 ANY_PHASE,
	 {ACTION_AGAIN, "it is dropped and made anew, with a new snapshot", true}},
	{SNAPSHOT_WHEN_NEEDED,
	 SLOT_MOVED,
	 ANY_PHASE,
	 {ACTION_AGAIN,
	  "it is dropped and made anew, with a new snapshot; rows deleted meanwhile stay in the topics",
	  true}},

	/* all modes but no_data */
	{ANY_MODE, SLOT_MISSING, PHASE_NONE, {ACTION_SNAPSHOT, NULL, false}},
	{ANY_MODE,
	 SLOT_MISSING,
	 PHASE_BEGIN,
	 {ACTION_SNAPSHOT,
	  "the last snapshot was interrupted, or the offsets reset: it begins from zero, and rows "
	  "repeat",
	  true}},
	/* a slot that is there, or was lost: the row above has the missing one */
	{ANY_MODE,
	 ANY_SLOT,
	 PHASE_BEGIN,
	 {ACTION_AGAIN,
	  "the last snapshot was interrupted, or the offsets reset: its slot is dropped, it begins "
	  "from "
	  "zero, and rows repeat",
	  true}},
	{SNAPSHOT_INITIAL_ONLY,
	 SLOT_PRESENT,
	 PHASE_PART,
	 {ACTION_AGAIN,
	  "the last snapshot was interrupted, or the offsets reset: its slot is dropped, it begins "
	  "from "
	  "zero, and rows repeat",
	  true}},
	{ANY_MODE,
	 SLOT_PRESENT,
	 PHASE_PART,
	 {ACTION_RESUME,
	  "the last snapshot was interrupted: it goes on where it was, while changes stream", false}},
	{ANY_MODE,
	 SLOT_PRESENT,
	 PHASE_NONE,
	 {ACTION_STREAM,
	  "the slot was there before, and no snapshot of it is remembered: rows that exist already "
	  "are not read; " HOW_TO_GET_ROWS,
	  false}},
	{ANY_MODE, SLOT_PRESENT, PHASE_DONE, {ACTION_STREAM, NULL, false}},
	{ANY_MODE,
	 SLOT_MISSING,
	 PHASE_DONE,
	 {ACTION_REFUSE,
	  "it is gone: it was dropped, or this server was promoted without it; changes since then "
	  "are lost; to take a new snapshot with a new slot, set snapshot.mode to when_needed and "
	  "start again",
	  false}},
	{ANY_MODE,
	 SLOT_LOST,
	 ANY_PHASE,
	 {ACTION_REFUSE,
	  "it is invalidated and its changes are gone: to take a new snapshot with a new slot, set "
	  "snapshot.mode to when_needed and start again",
	  false}},
	{ANY_MODE,
	 SLOT_MOVED,
	 ANY_PHASE,
	 {ACTION_REFUSE,
	  "to take a new snapshot with a new slot, set snapshot.mode to when_needed and start again",
	  false}},
};

SnapDecision
snapshot_decide(SnapshotMode mode, SlotFound slot, SnapPhase phase, bool same_cluster)
{
	size_t i = 0;

	/* what is remembered of another cluster says nothing about this one */
	if (!same_cluster && phase != PHASE_NONE)
	{
		if (mode != SNAPSHOT_ALWAYS && mode != SNAPSHOT_WHEN_NEEDED && mode != SNAPSHOT_NO_DATA)
			return (SnapDecision){ACTION_REFUSE, OTHER_CLUSTER, false};
		if (mode == SNAPSHOT_WHEN_NEEDED && slot == SLOT_PRESENT)
			return (SnapDecision){ACTION_BESIDE, NEW_CLUSTER, true};
		phase = PHASE_NONE;
	}
	/* only where the slot is there does it matter how far it came */
	if (phase == PHASE_PART && slot != SLOT_PRESENT)
		phase = PHASE_BEGIN;
	while ((decisions[i].mode != ANY_MODE && decisions[i].mode != (int) mode) ||
		   (decisions[i].slot != ANY_SLOT && decisions[i].slot != (int) slot) ||
		   (decisions[i].phase != ANY_PHASE && decisions[i].phase != (int) phase))
		i++;
	return decisions[i].decision;
}
