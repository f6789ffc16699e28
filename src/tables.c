/*-------------------------------------------------------------------------
 *
 * tables.c
 *		SQL functions by which a snapshot is planned: nova.snapshot_tables() and
 *		nova.snapshot_last_key().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "options.h"
#include "plan.h"
#include "scan.h"
#include "snapshot.h"

#define TABLE_COLUMNS 12

/* A row of the answer. */
typedef struct TableRow
{
	int64 bytes;
	Oid relid;
	Datum values[TABLE_COLUMNS];
	bool nulls[TABLE_COLUMNS];
} TableRow;

/* May the current role read the columns that records are made of? */
static bool
can_select(Relation rel, const NovaPlan *plan)
{
	Oid relid = RelationGetRelid(rel);

	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	for (int i = 0; i < plan->ncolumns + plan->nkey; i++)
	{
		const NovaColumn *col =
			i < plan->ncolumns ? &plan->columns[i] : &plan->key[i - plan->ncolumns];

		if (pg_attribute_aclcheck(relid, (AttrNumber) (col->attidx + 1), GetUserId(), ACL_SELECT) !=
			ACLCHECK_OK)
			return false;
	}
	return plan->ncolumns + plan->nkey > 0;
}

/* text[] of column names. */
static Datum
column_names(Relation rel, const List *key, Oid text_type)
{
	Datum *names = palloc(Max(list_length(key), 1) * sizeof(Datum));
	ListCell *lc;

	foreach (lc, key)
		names[foreach_current_index(lc)] = CStringGetTextDatum(
			NameStr(TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)->attname));
	return PointerGetDatum(
		construct_array(names, list_length(key), text_type, -1, false, TYPALIGN_INT));
}

static void
fill_row(TableRow *row, Relation rel, const NovaPlan *plan, TupleDesc desc)
{
	List *key = nova_order_key(rel);
	Datum *v = row->values;

	row->relid = RelationGetRelid(rel);
	row->bytes =
		DatumGetInt64(DirectFunctionCall1(pg_table_size, ObjectIdGetDatum(RelationGetRelid(rel))));
	*v++ = ObjectIdGetDatum(RelationGetRelid(rel));
	*v++ = ObjectIdGetDatum(plan->root);
	*v++ = CStringGetTextDatum(get_namespace_name(get_rel_namespace(plan->root)));
	*v++ = CStringGetTextDatum(get_rel_name(plan->root));
	*v++ = CStringGetTextDatum(plan->topic);
	row->nulls[v - row->values] = rel->rd_rel->reltuples < 0;
	*v++ = Int64GetDatum((int64) rel->rd_rel->reltuples);
	*v++ = Int64GetDatum((int64) RelationGetNumberOfBlocks(rel));
	*v++ = Int64GetDatum(row->bytes);
	*v++ = BoolGetDatum(plan->nkey > 0);
	row->nulls[v - row->values] = key == NIL;
	*v = column_names(rel, key, get_element_type(TupleDescAttr(desc, v - row->values)->atttypid));
	v++;
	*v++ = BoolGetDatum(can_select(rel, plan));
	*v = BoolGetDatum(nova_snapshot_row_security(rel));
}

/* As Debezium: signals that are in their table already are no rows to read. */
static bool
is_planned(Relation rel, const NovaPlan *plan, const NovaOptions *options,
		   const NovaRegexes *include)
{
	return plan->captured && nova_snapshot_readable(rel) &&
		   strcmp(plan->full_name, options->signal_table) != 0 &&
		   (include->n == 0 || nova_regexes_match(include, plan->full_name));
}

/* The row of a table, or NULL if it is not captured, or gone. */
static TableRow *
table_row(Oid relid, const NovaOptions *options, const NovaRegexes *include, TupleDesc desc)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	TableRow *row = NULL;
	NovaPlan *plan;

	if (rel == NULL)
		return NULL;
	plan = nova_plan_build(CurrentMemoryContext, rel, options);
	if (is_planned(rel, plan, options, include))
	{
		row = palloc0(sizeof(TableRow));
		fill_row(row, rel, plan, desc);
	}
	MemoryContextDelete(plan->context);
	relation_close(rel, AccessShareLock);
	return row;
}

/* All ordinary tables of users. */
static List *
table_oids(void)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	List *oids = NIL;
	HeapTuple tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind == RELKIND_RELATION && form->oid >= FirstNormalObjectId)
			oids = lappend_oid(oids, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return oids;
}

/* The largest first; of equals, the older one. */
static int
compare_rows(const ListCell *a, const ListCell *b)
{
	const TableRow *x = lfirst(a);
	const TableRow *y = lfirst(b);

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->relid < y->relid ? -1 : x->relid > y->relid;
}

/* snapshot_tables(options text[], include text) */
PG_FUNCTION_INFO_V1(nova_snapshot_tables);
Datum
nova_snapshot_tables(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	NovaOptions *options;
	NovaRegexes *include;
	List *rows = NIL;
	List *oids;
	ListCell *lc;

	nova_json_setup();
	options = nova_options_parse(nova_options_list(PG_GETARG_ARRAYTYPE_P(0)));
	include = nova_regexes_parse("snapshot.include.collection.list",
								 text_to_cstring(PG_GETARG_TEXT_PP(1)));
	nova_materialize(fcinfo);
	oids = table_oids();
	foreach (lc, oids)
	{
		TableRow *row = table_row(lfirst_oid(lc), options, include, rsinfo->setDesc);

		if (row)
			rows = lappend(rows, row);
	}
	list_sort(rows, compare_rows);
	foreach (lc, rows)
	{
		TableRow *row = lfirst(lc);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
	}
	return (Datum) 0;
}

/* Takes the one row that nova_snapshot_last_key() asks for. */
typedef struct LastKey
{
	DestReceiver receiver; /* must be first: the executor hands it back */
	NovaScan *scan;
	MemoryContext context;
	char *position; /* NULL: there was no row */
} LastKey;

static bool
receive_last(TupleTableSlot *slot, DestReceiver *self)
{
	LastKey *last = (LastKey *) self;
	MemoryContext old = MemoryContextSwitchTo(last->context);

	last->position = nova_scan_position(last->scan, slot);
	MemoryContextSwitchTo(old);
	return true;
}

/* snapshot_last_key(relation regclass, condition text) */
PG_FUNCTION_INFO_V1(nova_snapshot_last_key);
Datum
nova_snapshot_last_key(PG_FUNCTION_ARGS)
{
	NovaPlan none = {0};
	LastKey last = {.receiver = nova_scan_receiver(receive_last)};
	NovaScanRequest request = {.first_block = -1, .end_block = -1, .max_rows = 1, .backward = true};
	Relation rel;
	Oid input;
	Oid ioparam;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(1))
		request.condition = text_to_cstring(PG_GETARG_TEXT_PP(1));
	last.context = CurrentMemoryContext;
	rel = nova_snapshot_open(PG_GETARG_OID(0));
	last.scan = nova_scan_open(rel, &none, &request);
	(void) nova_scan_run(last.scan, 1, &last.receiver);
	nova_scan_close(last.scan);
	relation_close(rel, NoLock);
	if (last.position == NULL)
		PG_RETURN_NULL();
	getTypeInputInfo(get_func_rettype(fcinfo->flinfo->fn_oid), &input, &ioparam);
	PG_RETURN_DATUM(OidInputFunctionCall(input, last.position, ioparam, -1));
}
