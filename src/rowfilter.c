/*-------------------------------------------------------------------------
 *
 * rowfilter.c
 *		The WHERE of a publication, evaluated for a row; see rowfilter.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "compat.h"
#include "pin.h"
#include "rowfilter.h"

struct NovaRowFilter
{
	MemoryContext parent;
	Oid as;
	char *name;         /* of that table, for messages */
	List *filters;      /* text of the expressions */
	TupleDesc desc;     /* rows of "as" */
	AttrNumber *source; /* of its columns in rel's rows; 0: none */
	bool failure_told;

	/* made ready; NULL before the first row and after a failure */
	MemoryContext context;
	ExprState *state;
	ExprContext *econtext;
	TupleTableSlot *slot;
	int *used; /* the columns that the expression looks at, 0-based */
	int nused;
};

/* One evaluation. */
typedef struct Call
{
	NovaRowFilter *filter;
	const Datum *values;
	const bool *nulls;
	const Datum *old_values;
	const bool *old_nulls;
	bool shows;
} Call;

NovaRowFilter *
nova_row_filter(Relation rel, Oid as, List *filters)
{
	NovaRowFilter *filter = palloc0(sizeof(NovaRowFilter));
	Relation other = as == RelationGetRelid(rel) ? rel : RelationIdGetRelation(as);

	if (!RelationIsValid(other))
		elog(ERROR, "could not open relation with OID %u", as);
	filter->parent = CurrentMemoryContext;
	filter->as = as;
	filter->name = pstrdup(RelationGetRelationName(other));
	filter->filters = filters;
	filter->desc = CreateTupleDescCopy(RelationGetDescr(other));
	filter->source = palloc0(Max(filter->desc->natts, 1) * sizeof(AttrNumber));
	for (int i = 0; i < filter->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(filter->desc, i);

		if (!att->attisdropped)
			filter->source[i] = other == rel
									? att->attnum
									: get_attnum(RelationGetRelid(rel), NameStr(att->attname));
	}
	if (other != rel)
		RelationClose(other);
	return filter;
}

/* The columns that the expression looks at; a whole row looks at all. */
static void
set_used(NovaRowFilter *filter, Node *expr)
{
	Bitmapset *attrs = NULL;
	bool all;

	pull_varattnos(expr, 1, &attrs);
	all = bms_is_member(-FirstLowInvalidHeapAttributeNumber, attrs);
	filter->used = palloc(Max(filter->desc->natts, 1) * sizeof(int));
	filter->nused = 0;
	for (int i = 0; i < filter->desc->natts; i++)
		if (all || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs))
			filter->used[filter->nused++] = i;
}

/* For the executor; what is made is in filter->context, also after an ERROR. */
static void
prepare(NovaRowFilter *filter)
{
	MemoryContext old;
	List *nodes = NIL;
	Expr *expr;
	Relation rel;
	ListCell *lc;

	filter->context =
		AllocSetContextCreate(filter->parent, "nova row filter", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(filter->context);
	rel = RelationIdGetRelation(filter->as);
	if (!RelationIsValid(rel))
		elog(ERROR, "could not open relation with OID %u", filter->as);
	foreach (lc, filter->filters)
		nodes = lappend(nodes, nova_expand_generated(stringToNode(lfirst(lc)), rel));
	RelationClose(rel);
	expr = list_length(nodes) > 1 ? make_orclause(nodes) : linitial(nodes);
	set_used(filter, (Node *) expr);
	filter->slot = MakeSingleTupleTableSlot(filter->desc, &TTSOpsVirtual);
	memset(filter->slot->tts_isnull, true, filter->desc->natts * sizeof(bool));
	filter->econtext = CreateStandaloneExprContext();
	filter->econtext->ecxt_scantuple = filter->slot;
	filter->state = ExecInitExpr(expression_planner(expr), NULL);
	MemoryContextSwitchTo(old);
}

static bool
is_unchanged_toast(Form_pg_attribute att, Datum value)
{
	return att->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

/* False: the WAL does not hold a value that the expression looks at. */
static bool
fill_slot(const Call *call)
{
	NovaRowFilter *filter = call->filter;
	TupleTableSlot *slot = filter->slot;

	ExecClearTuple(slot);
	for (int n = 0; n < filter->nused; n++)
	{
		int i = filter->used[n];
		int from = filter->source[i] - 1;
		Form_pg_attribute att = TupleDescAttr(filter->desc, i);

		slot->tts_isnull[i] = from < 0 || call->nulls[from];
		if (slot->tts_isnull[i])
			continue;
		slot->tts_values[i] = call->values[from];
		if (likely(!is_unchanged_toast(att, slot->tts_values[i])))
			continue;
		if (call->old_values == NULL || call->old_nulls[from])
			return false;
		slot->tts_values[i] = call->old_values[from];
		if (is_unchanged_toast(att, slot->tts_values[i]))
			return false;
	}
	ExecStoreVirtualTuple(slot);
	return true;
}

/* A null is as good as false. */
static void
evaluate(void *arg)
{
	Call *call = arg;
	NovaRowFilter *filter = call->filter;
	Datum value;
	bool isnull;

	if (unlikely(filter->context == NULL))
		prepare(filter);
	ResetExprContext(filter->econtext);
	if (!fill_slot(call))
		return;
	value = ExecEvalExprSwitchContext(filter->state, filter->econtext, &isnull);
	call->shows = !isnull && DatumGetBool(value);
}

/* Not the fault of the row: somebody wants us to end, or the machine is in trouble. */
static bool
must_end(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		   ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		   ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_SYSTEM_ERROR ||
		   sqlerrcode == ERRCODE_DATA_CORRUPTED || sqlerrcode == ERRCODE_INDEX_CORRUPTED;
}

static void
release(ResourceOwner owner)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
}

/* After an ERROR: tell it once, and begin with a new executor state. */
static void
recover(NovaRowFilter *filter)
{
	ErrorData *error = CopyErrorData();

	FlushErrorState();
	if (filter->context)
		MemoryContextDelete(filter->context);
	filter->context = NULL;
	if (!filter->failure_told)
		ereport(WARNING,
				(errmsg("row filter of table \"%s\" failed: %s", filter->name, error->message),
				 errdetail("nova_decoder sends the rows for which it fails.")));
	filter->failure_told = true;
	FreeErrorData(error);
}

bool
nova_row_filter_shows(NovaRowFilter *filter, const Datum *values, const bool *nulls,
					  const Datum *old_values, const bool *old_nulls)
{
	Call call = {filter, values, nulls, old_values, old_nulls, true};
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner own = ResourceOwnerCreate(outer, "nova row filter");

	CurrentResourceOwner = own;
	PG_TRY();
	{
		nova_pinned(evaluate, &call);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = outer;
		release(own);
		own = NULL;
		if (must_end(geterrcode()))
			PG_RE_THROW();
		recover(filter);
	}
	PG_END_TRY();
	CurrentResourceOwner = outer;
	if (own)
		release(own);
	return call.shows;
}
