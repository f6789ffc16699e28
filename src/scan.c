/*-------------------------------------------------------------------------
 *
 * scan.c
 *		The rows of a table for a snapshot; see scan.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parser.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "pin.h"
#include "scan.h"

/* A statement being written, and its parameters. */
typedef struct Statement
{
	StringInfoData text;
	const char *next; /* " WHERE ", later " AND " */
	Oid types[2 * INDEX_MAX_KEYS];
	Datum values[2 * INDEX_MAX_KEYS];
	int nparams;
} Statement;

List *
nova_order_key(Relation rel)
{
	Oid oid = nova_primary_key_index(rel);
	List *key = NIL;
	Relation index;

	if (!OidIsValid(oid))
		oid = RelationGetReplicaIndex(rel);
	index = OidIsValid(oid) ? RelationIdGetRelation(oid) : NULL;
	if (index == NULL)
		return NIL;
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		key = lappend_int(key, index->rd_index->indkey.values[i]);
	RelationClose(index);
	return key;
}

static Form_pg_attribute
attribute(Relation rel, int attnum)
{
	return TupleDescAttr(RelationGetDescr(rel), attnum - 1);
}

static const char *
quoted_name(Relation rel, int attnum)
{
	return quote_identifier(NameStr(attribute(rel, attnum)->attname));
}

/* What is read: the columns of values and keys, and of the order. */
static bool *
needed_columns(Relation rel, const NovaPlan *plan, const List *key)
{
	bool *needed = palloc0(Max(RelationGetDescr(rel)->natts, 1) * sizeof(bool));
	ListCell *lc;

	for (int i = 0; i < plan->ncolumns; i++)
		needed[plan->columns[i].attidx] = true;
	for (int i = 0; i < plan->nkey; i++)
		needed[plan->key[i].attidx] = true;
	foreach (lc, key)
		needed[lfirst_int(lc) - 1] = true;
	return needed;
}

static bool
has_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return true;
	return false;
}

/* The columns that a query in the place of the table has. */
static TupleDesc
query_columns(const char *query)
{
	SPIPlanPtr plan = SPI_prepare(psprintf("SELECT * FROM (%s\n) AS query", query), 0, NULL);
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	return CreateTupleDescCopy(source->resultDesc);
}

static bool
is_key_column(const NovaPlan *plan, const List *key, int attidx)
{
	for (int i = 0; i < plan->nkey; i++)
		if (plan->key[i].attidx == attidx)
			return true;
	return list_member_int(key, attidx + 1);
}

/*
 * A query need not have every column, but it may have no others, and keys have
 * to be whole.  Takes those that it lacks out of needed.
 */
static void
check_query(Relation rel, const NovaPlan *plan, const List *key, const char *query, bool *needed)
{
	TupleDesc table = RelationGetDescr(rel);
	TupleDesc desc = query_columns(query);

	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (get_attnum(RelationGetRelid(rel), name) <= 0)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("column \"%s\" of the query is not a column of table \"%s\"",
								   name, RelationGetRelationName(rel)),
							errhint("Name the columns of the query as those of the table.")));
	}
	for (int i = 0; i < table->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(table, i)->attname);

		if (!needed[i] || has_column(desc, name))
			continue;
		if (is_key_column(plan, key, i))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("the query for table \"%s\" lacks key column \"%s\"",
								   RelationGetRelationName(rel), name),
							errhint("Add the column to the query.")));
		needed[i] = false;
	}
}

/* The columns; those of a query are brought to the table's types. */
static void
append_columns(Statement *s, NovaScan *scan, Relation rel, const bool *needed, bool cast)
{
	int n = 0;

	appendStringInfoString(&s->text, "SELECT ");
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute att = attribute(rel, i + 1);

		scan->columns[i] = needed[i] ? n : -1;
		if (!needed[i])
			continue;
		appendStringInfoString(&s->text, n++ > 0 ? ", " : "");
		if (cast)
			appendStringInfo(
				&s->text, "CAST(%s AS %s)", quoted_name(rel, i + 1),
				format_type_extended(att->atttypid, att->atttypmod,
									 FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		else
			appendStringInfoString(&s->text, quoted_name(rel, i + 1));
	}
}

static void
append_from(Statement *s, Relation rel, const char *query)
{
	const char *name = quote_identifier(RelationGetRelationName(rel));

	if (query)
		appendStringInfo(&s->text, " FROM (%s\n) AS %s", query, name);
	else
		appendStringInfo(&s->text, " FROM ONLY %s.%s",
						 quote_identifier(get_namespace_name(RelationGetNamespace(rel))), name);
}

static void
append_blocks(Statement *s, const char *op, int64 block)
{
	if (block < 0)
		return;
	appendStringInfo(&s->text, "%sctid %s '(%u,0)'::pg_catalog.tid", s->next, op,
					 (BlockNumber) Min(block, (int64) MaxBlockNumber));
	s->next = " AND ";
}

/* "(a, b)", with what follows each name. */
static void
append_key(Statement *s, Relation rel, const List *key, const char *suffix)
{
	ListCell *lc;

	foreach (lc, key)
		appendStringInfo(&s->text, "%s%s%s", lc == list_head(key) ? "" : ", ",
						 quoted_name(rel, lfirst_int(lc)), suffix);
}

/* One value of a position as a parameter of the column's type. */
static void
add_param(Statement *s, Form_pg_attribute att, Datum item, bool is_null)
{
	Oid input;
	Oid ioparam;

	if (is_null)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a position in the key order has no nulls")));
	getTypeInputInfo(att->atttypid, &input, &ioparam);
	s->types[s->nparams] = att->atttypid;
	s->values[s->nparams++] =
		OidInputFunctionCall(input, TextDatumGetCString(item), ioparam, att->atttypmod);
	appendStringInfo(&s->text, "$%d", s->nparams);
}

/* "(a, b) > ($1, $2)" */
static void
append_bound(Statement *s, Relation rel, const List *key, const char *op, ArrayType *bound)
{
	Datum *items;
	bool *nulls;
	int n;

	if (bound == NULL)
		return;
	deconstruct_array(bound, ARR_ELEMTYPE(bound), -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n != list_length(key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a position of %d values does not fit the key of table \"%s\", which has "
						"%d columns",
						n, RelationGetRelationName(rel), list_length(key)),
				 errhint("Give the position as the end of the chunk before has it.")));
	appendStringInfo(&s->text, "%s(", s->next);
	append_key(s, rel, key, "");
	appendStringInfo(&s->text, ") %s (", op);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&s->text, i > 0 ? ", " : "");
		add_param(s, attribute(rel, list_nth_int(key, i)), items[i], nulls[i]);
	}
	appendStringInfoChar(&s->text, ')');
	s->next = " AND ";
}

static void
append_where(Statement *s, Relation rel, const List *key, const NovaScanRequest *request)
{
	s->next = " WHERE ";
	append_blocks(s, ">=", request->first_block);
	append_blocks(s, "<", request->end_block);
	append_bound(s, rel, key, ">", request->after_key);
	append_bound(s, rel, key, "<=", request->upto_key);
	if (request->condition)
		appendStringInfo(&s->text, "%s(%s\n)", s->next, request->condition);
	if (request->max_rows < 0)
		return;
	appendStringInfoString(&s->text, " ORDER BY ");
	append_key(s, rel, key, request->backward ? " DESC" : "");
	appendStringInfo(&s->text, " LIMIT " INT64_FORMAT, request->max_rows);
}

/* An error's position is one in this text, not in the statement that called us. */
static void
show_text(void *arg)
{
	int position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

static List *
parse(char *source)
{
	ErrorContextCallback context = {
		.previous = error_context_stack, .callback = show_text, .arg = source};
	List *statements;

	error_context_stack = &context;
	statements = raw_parser(source, RAW_PARSE_DEFAULT);
	error_context_stack = context.previous;
	return statements;
}

/*
 * What is put into the statement has to be complete by itself: a condition with
 * parentheses that close others would change what the rest of it means.
 */
static void
check_condition(const char *condition)
{
	(void) parse(psprintf("SELECT %s", condition));
	(void) parse(psprintf("SELECT (%s\n)", condition));
}

static void
check_select(const char *query)
{
	List *statements = parse(pstrdup(query));

	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query must be one SELECT"),
				 errhint("For example: SELECT * FROM public.users WHERE active.")));
}

/* The query without the semicolon that ends it. */
static char *
without_semicolon(const char *query)
{
	char *copy = pstrdup(query);
	size_t len = strlen(copy);

	while (len > 0 && (copy[len - 1] == ';' || isspace((unsigned char) copy[len - 1])))
		copy[--len] = '\0';
	return copy;
}

static void
check_request(Relation rel, const List *key, const NovaScanRequest *request)
{
	bool by_block = request->first_block >= 0 || request->end_block >= 0;
	bool by_key = request->after_key || request->upto_key || request->max_rows >= 0;

	if (by_block && request->query)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a query has no blocks"),
						errhint("Give a query or a range of blocks.")));
	if (request->query)
		check_select(request->query);
	if (request->condition)
		check_condition(request->condition);
	if (by_key && key == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("table \"%s\" has no key that its rows could be ordered by",
							   RelationGetRelationName(rel)),
						errhint("Use ranges of blocks, or add a primary key.")));
}

/*
 * Row security must fail instead of hiding rows; and the operators of key types
 * have to be found whatever the session's search_path is: "ORDER BY" finds its
 * own, "<" would fall back to that of another type.
 */
static void
pin_planning(Relation rel, const List *key)
{
	StringInfoData path;
	ListCell *lc;

	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	initStringInfo(&path);
	appendStringInfoString(&path, namespace_search_path);
	foreach (lc, key)
	{
		Oid type = getBaseType(attribute(rel, lfirst_int(lc))->atttypid);
		HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Oid schema;

		if (!HeapTupleIsValid(tuple))
			continue;
		schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
		ReleaseSysCache(tuple);
		if (schema != PG_CATALOG_NAMESPACE)
			appendStringInfo(&path, "%s%s", path.len > 0 ? ", " : "",
							 quote_identifier(get_namespace_name(schema)));
	}
	(void) set_config_option("search_path", path.data, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* How the values of the key become text. */
static void
set_key_output(NovaScan *scan, Relation rel)
{
	int n = list_length(scan->key);

	scan->key_output = palloc(Max(n, 1) * sizeof(FmgrInfo));
	for (int i = 0; i < n; i++)
	{
		Oid output;
		bool is_varlena;

		getTypeOutputInfo(attribute(rel, list_nth_int(scan->key, i))->atttypid, &output,
						  &is_varlena);
		fmgr_info(output, &scan->key_output[i]);
	}
}

/* Plan and open; SPI has its own memory and is connected. */
static Portal
open_portal(NovaScan *scan, Relation rel, const NovaPlan *plan, const NovaScanRequest *request)
{
	const char *query = request->query ? without_semicolon(request->query) : NULL;
	bool *needed = needed_columns(rel, plan, scan->key);
	Statement s = {.nparams = 0};
	int nest = NewGUCNestLevel();
	Portal portal;

	pin_planning(rel, scan->key);
	initStringInfo(&s.text);
	if (query)
		check_query(rel, plan, scan->key, query, needed);
	append_columns(&s, scan, rel, needed, query != NULL);
	append_from(&s, rel, query);
	append_where(&s, rel, scan->key, request);
	portal = SPI_cursor_open_with_args(NULL, s.text.data, s.nparams, s.types, s.values, NULL, true,
									   CURSOR_OPT_NO_SCROLL);
	AtEOXact_GUC(true, nest);
	return portal;
}

/*
 * Scan and portal, of which either may go first.  Lies in the portal's memory;
 * whoever goes lets the other one know.
 */
typedef struct NovaScanLink
{
	MemoryContextCallback portal_gone;
	NovaScan *scan; /* NULL: it is gone */
} NovaScanLink;

static void
on_portal_gone(void *arg)
{
	NovaScanLink *link = arg;

	if (link->scan == NULL)
		return;
	link->scan->portal = NULL;
	link->scan->link = NULL;
}

static void
on_scan_gone(void *arg)
{
	NovaScan *scan = arg;

	if (scan->link)
		scan->link->scan = NULL;
}

static void
link_portal(NovaScan *scan)
{
	MemoryContext context = scan->portal->portalContext;
	MemoryContextCallback *gone = palloc(sizeof(MemoryContextCallback));

	scan->link = MemoryContextAlloc(context, sizeof(NovaScanLink));
	scan->link->scan = scan;
	scan->link->portal_gone.func = on_portal_gone;
	scan->link->portal_gone.arg = scan->link;
	MemoryContextRegisterResetCallback(context, &scan->link->portal_gone);
	gone->func = on_scan_gone;
	gone->arg = scan;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, gone);
}

NovaScan *
nova_scan_open(Relation rel, const NovaPlan *plan, const NovaScanRequest *request)
{
	NovaScan *scan = palloc0(sizeof(NovaScan));

	scan->key = nova_order_key(rel);
	scan->columns = palloc(Max(RelationGetDescr(rel)->natts, 1) * sizeof(int));
	check_request(rel, scan->key, request);
	set_key_output(scan, rel);
	SPI_connect();
	scan->portal = open_portal(scan, rel, plan, request);
	SPI_finish();
	link_portal(scan);
	return scan;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
receiver_shutdown(DestReceiver *self)
{
}

DestReceiver
nova_scan_receiver(bool (*receive)(TupleTableSlot *slot, DestReceiver *self))
{
	return (DestReceiver){receive, receiver_startup, receiver_shutdown, receiver_shutdown,
						  DestNone};
}

uint64
nova_scan_run(NovaScan *scan, uint64 n, DestReceiver *receiver)
{
	if (scan->portal == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_CURSOR_STATE), errmsg("the scan of this snapshot is closed"),
			 errhint("Read a snapshot within its transaction, in a cursor without WITH HOLD.")));
	return PortalRunFetch(scan->portal, FETCH_FORWARD, (long) n, receiver);
}

void
nova_scan_close(NovaScan *scan)
{
	if (scan->portal)
		PortalDrop(scan->portal, false);
}

/* Quoted, whatever it is. */
static void
append_quoted(StringInfo buf, const char *s)
{
	appendStringInfoChar(buf, '"');
	for (; *s; s++)
	{
		if (*s == '"' || *s == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, *s);
	}
	appendStringInfoChar(buf, '"');
}

char *
nova_scan_position(const NovaScan *scan, TupleTableSlot *slot)
{
	StringInfoData buf;
	int n = list_length(scan->key);

	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
	{
		bool is_null;
		Datum value =
			slot_getattr(slot, scan->columns[list_nth_int(scan->key, i) - 1] + 1, &is_null);

		if (is_null)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("the query gives a row whose key is null")));
		appendStringInfoChar(&buf, i > 0 ? ',' : '{');
		append_quoted(&buf, nova_output(&scan->key_output[i], value));
	}
	appendStringInfoChar(&buf, '}');
	return buf.data;
}
