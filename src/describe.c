/*-------------------------------------------------------------------------
 *
 * describe.c
 *		SQL functions that show what the plugin does: nova.options() and
 *		nova.describe().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/datum.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "encode.h"
#include "options.h"
#include "pin.h"
#include "plan.h"
#include "wire.h"

PG_FUNCTION_INFO_V1(nova_options);
Datum
nova_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	NovaOptionInfo info;

	nova_materialize(fcinfo);
	for (int i = 0; nova_option_info(i, &info); i++)
	{
		Datum values[6];
		bool nulls[6] = {false};

		values[0] = CStringGetTextDatum(info.name);
		values[1] = CStringGetTextDatum(info.type);
		values[2] = CStringGetTextDatum(info.standard);
		values[3] = info.debezium ? CStringGetTextDatum(info.debezium) : (Datum) 0;
		nulls[3] = info.debezium == NULL;
		values[4] = CStringGetTextDatum(info.valid);
		values[5] = CStringGetTextDatum(info.help);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* What the records show is made from some row, or from nulls. */
static void
sample_row(Relation rel, NovaPlan *plan)
{
	TupleDesc desc = RelationGetDescr(rel);
	char *query = psprintf("SELECT * FROM ONLY %s LIMIT 1",
						   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
													  RelationGetRelationName(rel)));
	MemoryContext outer = CurrentMemoryContext;

	for (int i = 0; i < desc->natts; i++)
		plan->nulls[i] = true;
	SPI_connect();
	if (rel->rd_rel->relkind == RELKIND_RELATION && SPI_execute(query, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		int live = 0;

		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);
			MemoryContext old;
			Datum value;

			if (att->attisdropped)
				continue;
			value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, ++live,
								  &plan->nulls[i]);
			if (plan->nulls[i])
				continue;
			if (att->attlen == -1)
				value = PointerGetDatum(PG_DETOAST_DATUM(value));
			old = MemoryContextSwitchTo(outer);
			plan->values[i] = datumCopy(value, att->attbyval, att->attlen);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	memcpy(plan->old_nulls, plan->nulls, desc->natts * sizeof(bool));
	memcpy(plan->old_values, plan->values, desc->natts * sizeof(Datum));
}

/* UTF-8 to a text of this database. */
static Datum
text_datum(StringInfo buf)
{
	nova_json_ascii(buf, 0);
	return PointerGetDatum(cstring_to_text_with_len(buf->data, buf->len));
}

/* One record as a row of the result; no row: a tombstone. */
static void
put_record(ReturnSetInfo *rsinfo, const NovaPlan *plan, NovaMeta *meta, char op, const NovaRow *row)
{
	Datum values[4] = {0};
	bool nulls[4] = {false};
	StringInfoData key;
	StringInfoData value;
	NovaOut out;

	values[0] = CStringGetTextDatum(plan->topic);
	values[1] = CStringGetTextDatum(psprintf("%c", op));
	nulls[2] = plan->nkey == 0;
	if (plan->nkey > 0)
	{
		initStringInfo(&key);
		nova_out_init(&out, &key);
		out.java = meta->options->profile == NOVA_PROFILE_DEBEZIUM;
		nova_encode_key(&out, plan, row);
		values[2] = text_datum(&key);
	}
	nulls[3] = op == NOVA_OP_TOMBSTONE;
	if (op != NOVA_OP_TOMBSTONE)
	{
		initStringInfo(&value);
		nova_out_init(&out, &value);
		out.java = meta->options->profile == NOVA_PROFILE_DEBEZIUM;
		nova_encode_value(&out, plan, op == NOVA_OP_DELETE ? row : NULL,
						  op == NOVA_OP_DELETE ? NULL : row, meta, op);
		values[3] = text_datum(&value);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
describe_plan(ReturnSetInfo *rsinfo, Relation rel, NovaPlan *plan, const NovaOptions *options)
{
	NovaRow row = {.values = plan->values, .nulls = plan->nulls};
	NovaRow old = {.values = plan->old_values,
				   .nulls = plan->old_nulls,
				   .identity_only = !plan->identity_full};
	bool identity = false;
	NovaMeta meta;

	for (int i = 0; i < plan->ncolumns; i++)
		identity |= plan->columns[i].in_identity;
	nova_meta_init(&meta, options, CurrentMemoryContext);
	sample_row(rel, plan);
	if (strchr(options->skipped, NOVA_OP_CREATE) == NULL)
		put_record(rsinfo, plan, &meta, NOVA_OP_CREATE, &row);
	if (strchr(options->skipped, NOVA_OP_UPDATE) == NULL)
		put_record(rsinfo, plan, &meta, NOVA_OP_UPDATE, &row);
	if (strchr(options->skipped, NOVA_OP_DELETE) != NULL || !identity)
		return;
	put_record(rsinfo, plan, &meta, NOVA_OP_DELETE, &old);
	if (options->tombstones && plan->nkey > 0)
		put_record(rsinfo, plan, &meta, NOVA_OP_TOMBSTONE, &old);
}

/*
 * describe(regclass, VARIADIC text[]): the records that an insert, an update
 * and a delete of a row of this table would make now, with the caller's rights
 * to see a row.  No rows: the options do not capture the table.
 */
PG_FUNCTION_INFO_V1(nova_describe);
Datum
nova_describe(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	NovaOptions *options;
	Relation rel;
	NovaPlan *plan;

	nova_json_setup();
	options = nova_options_parse(nova_options_list(PG_GETARG_ARRAYTYPE_P(1)));
	nova_materialize(fcinfo);
	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	plan = nova_plan_build(CurrentMemoryContext, rel, options);
	if (plan->captured)
		describe_plan(rsinfo, rel, plan, options);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
