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
#include "emit.h"
#include "header.h"
#include "options.h"
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

/* Some row of the table, as far as the caller may see one.  False: none. */
static bool
read_row(Relation rel, NovaPlan *plan)
{
	TupleDesc desc = RelationGetDescr(rel);
	char *query = psprintf("SELECT * FROM ONLY %s LIMIT 1",
						   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
													  RelationGetRelationName(rel)));
	MemoryContext outer = CurrentMemoryContext;
	bool found;

	SPI_connect();
	found = rel->rd_rel->relkind == RELKIND_RELATION &&
			SPI_execute(query, true, 1) == SPI_OK_SELECT && SPI_processed == 1;
	for (int i = 0, live = 0; found && i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		MemoryContext old;
		Datum value;

		if (att->attisdropped)
			continue;
		value =
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, ++live, &plan->nulls[i]);
		if (plan->nulls[i])
			continue;
		if (att->attlen == -1)
			value = PointerGetDatum(PG_DETOAST_DATUM(value));
		old = MemoryContextSwitchTo(outer);
		plan->values[i] = datumCopy(value, att->attbyval, att->attlen);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return found;
}

/* Without a row: a plain value of each type that has one, else null. */
static void
make_row(NovaPlan *plan)
{
	for (int i = 0; i < plan->nall; i++)
	{
		const NovaColumn *col = &plan->all[i];

		plan->nulls[col->attidx] = !nova_type_sample(col, &plan->values[col->attidx]);
	}
}

/* What the records show is made from. */
static void
sample_row(Relation rel, NovaPlan *plan)
{
	int natts = RelationGetDescr(rel)->natts;

	for (int i = 0; i < natts; i++)
		plan->nulls[i] = true;
	if (!read_row(rel, plan))
		make_row(plan);
	memcpy(plan->old_nulls, plan->nulls, natts * sizeof(bool));
	memcpy(plan->old_values, plan->values, natts * sizeof(Datum));
}

/* UTF-8 to a text of this database. */
static Datum
text_datum(const char *utf8, Size len)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, utf8, (int) len);
	nova_json_ascii(&buf, 0);
	return PointerGetDatum(cstring_to_text_with_len(buf.data, buf.len));
}

/* A block of headers as a JSON object of texts, or null if there is none. */
static Datum
headers_datum(NovaBytes block, bool *is_null)
{
	NovaCursor c = {block.data, block.len};
	StringInfoData json;
	NovaBytes name;
	NovaBytes value;
	uint16_t count;
	NovaOut out;

	*is_null = block.data == NULL;
	if (*is_null || !nova_get_u16(&c, &count))
		return (Datum) 0;
	initStringInfo(&json);
	nova_out_init(&out, &json);
	for (int i = 0; i < count && nova_read_header(&c, &name, &value); i++)
	{
		nova_out_char(&out, i ? ',' : '{');
		nova_json_utf8(&out, name.data, name.len);
		nova_out_char(&out, ':');
		if (value.data)
			nova_json_utf8(&out, value.data, value.len);
		else
			nova_out_bytes(&out, "null", 4);
	}
	nova_out_char(&out, '}');
	return text_datum(json.data, json.len);
}

/* Where the stream goes: a record of its frames is a row of the result. */
typedef struct Listing
{
	ReturnSetInfo *rsinfo;
	char *topic;       /* of the route announced last */
	NovaRecord record; /* the open one; its value grows in a buffer of its own */
	StringInfoData value;
} Listing;

static void
put_record(Listing *list)
{
	Datum values[5] = {0};
	bool nulls[5] = {false};

	values[0] = text_datum(list->topic, strlen(list->topic));
	values[1] = CStringGetTextDatum(psprintf("%c", list->record.op));
	nulls[2] = list->record.key.data == NULL;
	if (!nulls[2])
		values[2] = text_datum(list->record.key.data, list->record.key.len);
	nulls[3] = list->record.value.data == NULL;
	if (!nulls[3])
		values[3] = text_datum(list->value.data, list->value.len);
	values[4] = headers_datum(list->record.headers, &nulls[4]);
	tuplestore_putvalues(list->rsinfo->setResult, list->rsinfo->setDesc, values, nulls);
}

/* Bytes that outlive their frame. */
static NovaBytes
copied(NovaBytes bytes)
{
	char *copy;

	if (bytes.data == NULL)
		return bytes;
	copy = palloc(bytes.len + 1);
	memcpy(copy, bytes.data, bytes.len);
	bytes.data = copy;
	return bytes;
}

/* A record is complete unless more of its value follows. */
static void
list_frame(Listing *list, const NovaFrame *frame)
{
	if (frame->type == NOVA_FRAME_ROUTE)
		list->topic = pnstrdup(frame->u.route.topic.data, frame->u.route.topic.len);
	else if (frame->type == NOVA_FRAME_RECORD)
	{
		list->record = frame->u.record;
		list->record.key = copied(list->record.key);
		list->record.headers = copied(list->record.headers);
		resetStringInfo(&list->value);
		if (frame->u.record.value.data)
			appendBinaryStringInfo(&list->value, frame->u.record.value.data,
								   (int) frame->u.record.value.len);
		if (!(frame->u.record.flags & NOVA_RF_MORE))
			put_record(list);
	}
	else if (frame->type == NOVA_FRAME_MORE)
	{
		appendBinaryStringInfo(&list->value, frame->u.more.part.data, (int) frame->u.more.part.len);
		if (frame->u.more.last)
			put_record(list);
	}
}

static void
begin_write(NovaBatch *batch)
{
	resetStringInfo(batch->out.buf);
}

static void
end_write(NovaBatch *batch)
{
	StringInfo buf = batch->out.buf;
	NovaCursor c = {buf->data, (uint32) buf->len};
	NovaFrame frame;

	while (c.remaining > 0 && nova_read_frame(&c, &frame) == NULL)
		list_frame(batch->sink, &frame);
}

/* Would the stream have this operation at all? */
static bool
is_streamed(const NovaEmitter *e, const NovaPlan *plan, char op)
{
	return strchr(e->options->skipped, op) == NULL &&
		   (plan->publication == NULL || strchr(plan->publication->ops, op));
}

/* The changes, through the very code that a stream's go through. */
static void
emit_samples(NovaEmitter *e, NovaRelEntry *entry)
{
	NovaPlan *plan = entry->plan;
	NovaRow row = {.values = plan->values, .nulls = plan->nulls};
	NovaRow old = {.values = plan->old_values,
				   .nulls = plan->old_nulls,
				   .identity_only = !plan->identity_full};
	bool identity = plan->identity_full;

	for (int i = 0; i < plan->nall; i++)
		identity |= plan->all[i].in_identity;
	if (is_streamed(e, plan, NOVA_OP_CREATE))
		nova_emit_insert(e, entry, &row);
	if (is_streamed(e, plan, NOVA_OP_UPDATE))
		nova_emit_update(e, entry, plan->identity_full ? &old : NULL, &row);
	if (is_streamed(e, plan, NOVA_OP_DELETE) && identity)
		nova_emit_delete(e, entry, &old);
}

/* A stream without a slot, whose writes come back here. */
static void
describe_plan(ReturnSetInfo *rsinfo, Relation rel, NovaPlan *plan, const NovaOptions *options)
{
	Listing list = {.rsinfo = rsinfo};
	NovaRelEntry entry = {.relid = RelationGetRelid(rel), .valid = true, .plan = plan};
	NovaBatch batch;
	NovaMeta meta;
	NovaEmitter emitter = {.options = options, .batch = &batch, .meta = &meta};
	NovaCommit commit = {0};

	initStringInfo(&list.value);
	entry.route.topic = plan->topic;
	entry.route.schema = plan->schema;
	entry.route.table = plan->table;
	nova_batch_init_sink(&batch, makeStringInfo(), begin_write, end_write, &list, options, false);
	nova_meta_init(&meta, options, CurrentMemoryContext);
	nova_headers_init(&emitter.headers, options, CurrentMemoryContext);
	emitter.announces = emitter.headers.any;
	emitter.relcache = nova_relcache_beside(CurrentMemoryContext, options);
	/* as the first record of a transaction */
	meta.total_order = meta.collection_order = options->transactions ? 1 : 0;
	sample_row(rel, plan);
	emit_samples(&emitter, &entry);
	nova_batch_commit(&batch, &commit);
}

/*
 * describe(regclass, VARIADIC text[]): the records that an insert, an update
 * and a delete of a row of this table would make now, with the caller's rights
 * to see a row; made of sample values if there is none.  No rows: the options do
 * not capture the table.
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
