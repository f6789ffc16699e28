/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *		nova.snapshot_frames(): rows that exist already, as the stream's frames.
 *
 * Meant for COPY (SELECT nova.snapshot_frames(…)) TO STDOUT (FORMAT binary): each
 * call returns the next run of whole frames (wire.h) as a bytea.  The rows are
 * those of src/scan; plan, encoder and batch are the stream's, so that a row has
 * the same bytes here and there but for op, time, position and snapshot mark.
 * Large values are fetched: what the WAL does not hold, the table does.
 *
 * Memory is one batch and one row.  What a value that is larger than a write
 * leaves behind before the function can return it waits in a tuplestore, which
 * goes to disk above work_mem.
 *
 * Traps: a bytea that was returned lies in the buffer of the next one; the
 * executor is done with it by then.  A table that was rewritten or truncated
 * after the snapshot was taken looks empty to it: that is an ERROR here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "batch.h"
#include "compat.h"
#include "emit.h"
#include "fields.h"
#include "encode.h"
#include "options.h"
#include "plan.h"
#include "scan.h"
#include "snapshot.h"

/* Rows that the executor runs for at a time. */
#define MIN_STEP 16
#define MAX_STEP 1024

/* The arguments, in order. */
enum
{
	ARG_RELATION,
	ARG_OPTIONS,
	ARG_QUERY,
	ARG_CONDITION,
	ARG_FIRST_BLOCK,
	ARG_END_BLOCK,
	ARG_AFTER_KEY,
	ARG_UPTO_KEY,
	ARG_MAX_ROWS,
	ARG_AT,
	ARG_LSN,
	ARG_TXID,
	ARG_MARK,
	ARG_FIRST_MARK,
	ARG_LAST_MARK
};

typedef struct NovaSnapshot
{
	DestReceiver receiver; /* must be first: the executor hands it back */
	MemoryContext context; /* of all of this */
	NovaOptions *options;
	NovaMeta meta;
	NovaBatch batch;
	NovaEmitter emitter;
	NovaRelEntry entry;
	NovaScan *scan;
	MemoryContext row_context; /* reset after every row */

	/* a row as the encoder takes it; columns that are not read are null */
	Datum *values;
	bool *nulls;
	int nread;
	int *varlenas; /* places of columns that may lie out of line */
	int nvarlenas;
	bool lacks_columns; /* some are not read */

	/* Debezium's marks, as JSON */
	const char *mark;
	const char *first_mark;
	const char *last_mark;
	TupleTableSlot *held; /* the row before, where the last one matters; or NULL */

	int64 max_rows;
	uint64 rows;    /* written */
	Size row_bytes; /* of each, in the step before */
	bool ended;

	StringInfoData buf;       /* the write being made, behind its length word */
	bool flushing;            /* the next write is to be returned as it is */
	bool ready;               /* it lies in buf */
	Tuplestorestate *waiting; /* writes before it */
	TupleTableSlot *next;     /* the one of them being returned */
	bool has_waiting;
} NovaSnapshot;

static const char *const mark_words[] = {
	"true", "first", "first_in_data_collection", "last_in_data_collection", "last", "incremental",
};

static const char *const mark_json[] = {
	"\"true\"", "\"first\"",       "\"first_in_data_collection\"", "\"last_in_data_collection\"",
	"\"last\"", "\"incremental\"",
};

/*
 * Writes
 */

static void
prepare_write(NovaBatch *batch)
{
	NovaSnapshot *s = batch->sink;

	resetStringInfo(&s->buf);
	appendStringInfoSpaces(&s->buf, VARHDRSZ);
}

static void
take_write(NovaBatch *batch)
{
	NovaSnapshot *s = batch->sink;
	Datum value = PointerGetDatum(s->buf.data);
	bool is_null = false;

	SET_VARSIZE(s->buf.data, s->buf.len);
	if (s->flushing)
		s->ready = true;
	else
	{
		tuplestore_putvalues(s->waiting, s->next->tts_tupleDescriptor, &value, &is_null);
		s->has_waiting = true;
	}
}

/*
 * The first of the writes that wait, or NULL.  What was on disk is read into the
 * current memory context, and freed by the next one.
 */
static bytea *
waiting_write(NovaSnapshot *s)
{
	MemoryContext old;
	bool found;
	bool is_null;

	if (!s->has_waiting)
		return NULL;
	old = MemoryContextSwitchTo(s->context);
	found = tuplestore_gettupleslot(s->waiting, true, false, s->next);
	MemoryContextSwitchTo(old);
	if (found)
		return DatumGetByteaPP(slot_getattr(s->next, 1, &is_null));
	tuplestore_clear(s->waiting);
	s->has_waiting = false;
	return NULL;
}

/*
 * Rows
 */

/* Of a row that is both, Debezium prefers the marks that are about the whole. */
static const char *
row_mark(const NovaSnapshot *s, bool last)
{
	bool first = s->rows == 0;

	if (last && s->last_mark && strcmp(s->last_mark, "\"last\"") == 0)
		return s->last_mark;
	if (first && s->first_mark && strcmp(s->first_mark, "\"first\"") == 0)
		return s->first_mark;
	if (last && s->last_mark)
		return s->last_mark;
	return first && s->first_mark ? s->first_mark : s->mark;
}

/* What shows the mark and is kept from row to row has to be made anew. */
static void
set_mark(NovaSnapshot *s, const char *mark)
{
	if (s->meta.snapshot == mark)
		return;
	nova_meta_mark(&s->meta, mark);
	nova_headers_begin(&s->emitter.headers);
}

/* Does a value lie out of line, which the encoder would take for unavailable? */
static inline bool
is_outside(const TupleTableSlot *slot, int at)
{
	return !slot->tts_isnull[at] && VARATT_IS_EXTERNAL(DatumGetPointer(slot->tts_values[at]));
}

/* The row with such values fetched, and with a null behind it. */
static pg_noinline NovaRow
fetched_row(NovaSnapshot *s, const TupleTableSlot *slot)
{
	memcpy(s->values, slot->tts_values, s->nread * sizeof(Datum));
	memcpy(s->nulls, slot->tts_isnull, s->nread * sizeof(bool));
	for (int i = 0; i < s->nvarlenas; i++)
	{
		int at = s->varlenas[i];

		if (is_outside(slot, at))
			s->values[at] = PointerGetDatum(
				detoast_attr((struct varlena *) DatumGetPointer(slot->tts_values[at])));
	}
	return (NovaRow){.values = s->values, .nulls = s->nulls};
}

/* Mostly the row as the slot has it, and no copy. */
static inline NovaRow
readable_row(NovaSnapshot *s, const TupleTableSlot *slot)
{
	bool whole = !s->lacks_columns;

	for (int i = 0; i < s->nvarlenas && whole; i++)
		whole = !is_outside(slot, s->varlenas[i]);
	if (unlikely(!whole))
		return fetched_row(s, slot);
	return (NovaRow){.values = slot->tts_values, .nulls = slot->tts_isnull};
}

static void
write_row(NovaSnapshot *s, TupleTableSlot *slot, bool last)
{
	MemoryContext old = MemoryContextSwitchTo(s->row_context);
	NovaRow row;

	slot_getallattrs(slot);
	row = readable_row(s, slot);
	set_mark(s, row_mark(s, last));
	nova_emit_read(&s->emitter, &s->entry, &row);
	s->rows++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_context);
}

/* The executor's next row.  Where the last one matters, each waits for the next. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	NovaSnapshot *s = (NovaSnapshot *) self;

	if (s->held == NULL)
	{
		write_row(s, slot, false);
		return true;
	}
	if (!TTS_EMPTY(s->held))
		write_row(s, s->held, false);
	ExecCopySlot(s->held, slot);
	return true;
}

/*
 * The scan
 */

/* The last row, if it was held back, and the end of the chunk. */
static void
finish(NovaSnapshot *s)
{
	NovaChunk chunk = {0};
	const char *position = "";

	if (s->held && !TTS_EMPTY(s->held))
	{
		if (s->max_rows >= 0)
		{
			position = nova_scan_position(s->scan, s->held);
			if (GetDatabaseEncoding() != PG_SQL_ASCII)
				position = pg_server_to_any(position, (int) strlen(position), PG_UTF8);
		}
		write_row(s, s->held, true);
		ExecClearTuple(s->held);
	}
	if (s->max_rows < 0 || s->rows < (uint64) s->max_rows)
		chunk.flags = NOVA_KF_END;
	chunk.position.data = position;
	chunk.position.len = (uint32) strlen(position);
	s->ended = true;
	s->flushing = true;
	nova_batch_chunk(&s->batch, &chunk);
}

/* How many rows would fill the batch, going by those before. */
static uint64
step_rows(const NovaSnapshot *s)
{
	int room = s->options->batch_bytes - s->buf.len;

	if (s->row_bytes == 0)
		return MIN_STEP;
	return Max(1, Min(MAX_STEP, room / (int64) s->row_bytes));
}

/* Run for some rows; returns whether there is something to return. */
static bool
step(NovaSnapshot *s)
{
	uint64 wanted = step_rows(s);
	int before = s->batch.open ? s->buf.len : 0;
	uint64 rows = nova_scan_run(s->scan, wanted, &s->receiver);

	if (rows > 0 && s->buf.len > before)
		s->row_bytes = (Size) (s->buf.len - before) / rows + 1;
	if (rows < wanted)
	{
		finish(s);
		return true;
	}
	return s->has_waiting || (s->batch.open && s->buf.len >= s->options->batch_bytes);
}

static bytea *
next_write(NovaSnapshot *s)
{
	for (;;)
	{
		bytea *first = waiting_write(s);

		if (first)
			return first;
		if (s->ready)
		{
			s->ready = false;
			return (bytea *) s->buf.data;
		}
		if (s->ended)
			return NULL;
		s->flushing = false;
		while (!step(s))
			;
		s->flushing = true;
		nova_batch_flush(&s->batch);
	}
}

/*
 * The beginning
 */

static int64
block_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		return -1;
	if (PG_GETARG_INT64(arg) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must not be negative", name)));
	return PG_GETARG_INT64(arg);
}

static const char *
text_argument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static ArrayType *
key_argument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_ARRAYTYPE_P(arg);
}

static const char *
mark_argument(FunctionCallInfo fcinfo, int arg)
{
	const char *word = text_argument(fcinfo, arg);
	StringInfoData valid;

	if (word == NULL)
		return NULL;
	initStringInfo(&valid);
	for (int i = 0; i < lengthof(mark_words); i++)
	{
		if (strcmp(word, mark_words[i]) == 0)
			return mark_json[i];
		appendStringInfo(&valid, "%s%s", i ? ", " : "", mark_words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid snapshot mark \"%s\"", word),
			 errhint("Valid is: %s.", valid.data)));
	return NULL;
}

static void
read_request(FunctionCallInfo fcinfo, NovaScanRequest *request)
{
	request->query = text_argument(fcinfo, ARG_QUERY);
	request->condition = text_argument(fcinfo, ARG_CONDITION);
	request->first_block = block_argument(fcinfo, ARG_FIRST_BLOCK, "first_block");
	request->end_block = block_argument(fcinfo, ARG_END_BLOCK, "end_block");
	request->after_key = key_argument(fcinfo, ARG_AFTER_KEY);
	request->upto_key = key_argument(fcinfo, ARG_UPTO_KEY);
	request->max_rows = block_argument(fcinfo, ARG_MAX_ROWS, "max_rows");
	request->backward = false;
}

/* Time and position are the same for every row, and the caller's to say. */
static void
begin_meta(NovaSnapshot *s, FunctionCallInfo fcinfo)
{
	TimestampTz at = PG_ARGISNULL(ARG_AT) ? GetCurrentTransactionStartTimestamp()
										  : PG_GETARG_TIMESTAMPTZ(ARG_AT);

	nova_meta_init(&s->meta, s->options, CurrentMemoryContext);
	nova_meta_begin(&s->meta, PG_ARGISNULL(ARG_TXID) ? 0 : (uint64) PG_GETARG_INT64(ARG_TXID),
					at + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
					InvalidXLogRecPtr);
	s->meta.fixed = true;
	s->meta.lsn = PG_ARGISNULL(ARG_LSN) ? InvalidXLogRecPtr : PG_GETARG_LSN(ARG_LSN);
	s->mark = mark_argument(fcinfo, ARG_MARK);
	s->first_mark = mark_argument(fcinfo, ARG_FIRST_MARK);
	s->last_mark = mark_argument(fcinfo, ARG_LAST_MARK);
	if (s->mark == NULL)
		s->mark = s->meta.snapshot;
}

/* Do records show their mark at all? */
static bool
shows_marks(const NovaSnapshot *s)
{
	return !s->entry.plan->flat || nova_fields_show_mark(s->options->fields) ||
		   nova_fields_show_mark(s->options->headers);
}

/* A column can be one of the key's and an added field as well. */
static bool
is_listed(const NovaSnapshot *s, int at)
{
	for (int i = 0; i < s->nvarlenas; i++)
		if (s->varlenas[i] == at)
			return true;
	return false;
}

/* Point columns at their places in the row; those not read at a null behind it. */
static void
place_columns(NovaSnapshot *s, NovaColumn *columns, int n)
{
	for (int i = 0; i < n; i++)
	{
		int at;

		/* an added field that is no column */
		if (columns[i].encode == NULL)
			continue;
		at = s->scan->columns[columns[i].attidx];
		columns[i].attidx = at < 0 ? s->nread : at;
		s->lacks_columns |= at < 0;
		if (columns[i].varlena && at >= 0 && !is_listed(s, at))
			s->varlenas[s->nvarlenas++] = at;
	}
}

static void
begin_rows(NovaSnapshot *s)
{
	NovaPlan *plan = s->entry.plan;
	TupleDesc desc = s->scan->portal->tupDesc;
	int nfields = plan->field_columns ? s->options->fields->n : 0;
	int nheaders = plan->header_columns ? s->options->headers->n : 0;

	s->nread = desc->natts;
	s->values = palloc0((s->nread + 1) * sizeof(Datum));
	s->nulls = palloc((s->nread + 1) * sizeof(bool));
	s->nulls[s->nread] = true;
	s->varlenas = palloc((plan->ncolumns + plan->nkey + nfields + nheaders + 1) * sizeof(int));
	place_columns(s, plan->columns, plan->ncolumns);
	place_columns(s, plan->key, plan->nkey);
	place_columns(s, plan->field_columns, nfields);
	place_columns(s, plan->header_columns, nheaders);
	if (s->max_rows >= 0 || (s->last_mark && shows_marks(s)))
		s->held = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc), &TTSOpsMinimalTuple);
	s->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "nova snapshot row", ALLOCSET_DEFAULT_SIZES);
	s->receiver = nova_scan_receiver(receive_row);
}

static void
begin_writes(NovaSnapshot *s, const ReturnSetInfo *rsinfo)
{
	s->waiting = tuplestore_begin_heap(false, false, work_mem);
	s->next =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(rsinfo->expectedDesc), &TTSOpsMinimalTuple);
	initStringInfo(&s->buf);
	nova_batch_init_sink(&s->batch, &s->buf, prepare_write, take_write, s, s->options,
						 s->options->output == NOVA_OUTPUT_TEXT);
	/* how much is in a write is decided between steps; this only bounds it */
	s->batch.full_at = NOVA_WRITE_LIMIT;
	s->emitter.options = s->options;
	s->emitter.batch = &s->batch;
	s->emitter.meta = &s->meta;
	nova_headers_init(&s->emitter.headers, s->options, CurrentMemoryContext);
	s->emitter.announces = s->emitter.headers.any;
	s->entry.route.topic = s->entry.plan->topic;
	s->entry.route.schema = s->entry.plan->schema;
	s->entry.route.table = s->entry.plan->table;
	s->emitter.relcache = nova_relcache_beside(CurrentMemoryContext, s->options);
}

/*
 * The file of a table whose rows this snapshot can see is the one it had when
 * the snapshot was taken.  A rewrite or a truncation gives it another, which
 * looks empty, or whose blocks are others.  Under another name, its rows would
 * go to another topic than their changes.
 */
static void
check_same_table(Relation rel)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool same = true;
	bool same_name = true;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(rel)));
	scan = systable_beginscan(catalog, ClassOidIndexId, true, GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	/* a table that is newer than the snapshot has no rows for it */
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		same = form->relfilenode == rel->rd_rel->relfilenode;
		same_name = form->relnamespace == RelationGetNamespace(rel) &&
					strcmp(NameStr(form->relname), RelationGetRelationName(rel)) == 0;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" was rewritten or truncated after this snapshot was taken",
						RelationGetRelationName(rel)),
				 errhint("Begin a new snapshot.")));
	if (!same_name)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("table \"%s\" was renamed after this snapshot was taken",
							   RelationGetRelationName(rel)),
						errhint("Begin a new snapshot.")));
}

bool
nova_snapshot_readable(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION &&
		   rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT;
}

bool
nova_snapshot_row_security(Relation rel)
{
	return check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED;
}

Relation
nova_snapshot_open(Oid relid)
{
	Relation rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("table with OID %u does not exist", relid),
						errhint("It was dropped: leave it out of the snapshot.")));
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("table \"%s\" is partitioned and has no rows of its own",
							   RelationGetRelationName(rel)),
						errhint("Take its partitions, as nova.snapshot_tables() lists them.")));
	if (!nova_snapshot_readable(rel))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is no table whose changes are in the WAL",
							   RelationGetRelationName(rel))));
	if (nova_snapshot_row_security(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row security of table \"%s\" would hide rows of it from role \"%s\"",
						RelationGetRelationName(rel), GetUserNameFromId(GetUserId(), false)),
				 errhint("Give the role BYPASSRLS, or take the snapshot as the table's "
						 "owner.")));
	check_same_table(rel);
	return rel;
}

static NovaSnapshot *
begin_snapshot(FunctionCallInfo fcinfo)
{
	NovaSnapshot *s = palloc0(sizeof(NovaSnapshot));
	NovaScanRequest request;
	Relation rel;

	if (PG_ARGISNULL(ARG_RELATION) || PG_ARGISNULL(ARG_OPTIONS))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("relation and options must not be null")));
	s->context = CurrentMemoryContext;
	nova_json_setup();
	s->options = nova_options_parse(nova_options_list(PG_GETARG_ARRAYTYPE_P(ARG_OPTIONS)));
	read_request(fcinfo, &request);
	begin_meta(s, fcinfo);
	rel = nova_snapshot_open(PG_GETARG_OID(ARG_RELATION));
	s->entry.plan = nova_plan_build(CurrentMemoryContext, rel, s->options);
	if (!s->entry.plan->captured)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options do not capture table \"%s\"", RelationGetRelationName(rel)),
				 errhint("See table.include.list and its kin among the options.")));
	s->max_rows = request.max_rows;
	s->scan = nova_scan_open(rel, s->entry.plan, &request);
	begin_rows(s);
	begin_writes(s, (ReturnSetInfo *) fcinfo->resultinfo);
	/* locked until the end of the transaction, as any table that was read */
	relation_close(rel, NoLock);
	return s;
}

/* The query ends, with or without our last row. */
static void
end_snapshot(Datum arg)
{
	NovaSnapshot *s = (NovaSnapshot *) DatumGetPointer(arg);

	nova_scan_close(s->scan);
	tuplestore_end(s->waiting);
}

/* snapshot_frames(relation regclass, options text[], …): see the SQL script. */
PG_FUNCTION_INFO_V1(nova_snapshot_frames);
Datum
nova_snapshot_frames(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ExprContext *econtext;
	FuncCallContext *funcctx;
	NovaSnapshot *s;
	bytea *result;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || rsinfo->expectedDesc == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	econtext = rsinfo->econtext;
	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		funcctx->user_fctx = begin_snapshot(fcinfo);
		RegisterExprContextCallback(econtext, end_snapshot, PointerGetDatum(funcctx->user_fctx));
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	s = funcctx->user_fctx;
	result = next_write(s);
	if (result)
		SRF_RETURN_NEXT(funcctx, PointerGetDatum(result));
	UnregisterExprContextCallback(econtext, end_snapshot, PointerGetDatum(s));
	end_snapshot(PointerGetDatum(s));
	SRF_RETURN_DONE(funcctx);
}
