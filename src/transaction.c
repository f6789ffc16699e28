/*-------------------------------------------------------------------------
 *
 * transaction.c
 *		Debezium's transaction metadata; see transaction.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "debezium.h"
#include "schema.h"
#include "transaction.h"

/* What END calls the messages of a transaction. */
#define MESSAGES "message"

NovaTransaction *
nova_transaction_create(const NovaOptions *options, NovaBatch *batch, NovaRelCache *cache,
						NovaMeta *meta, MemoryContext parent)
{
	NovaTransaction *t;

	if (!options->transactions)
		return NULL;
	t = MemoryContextAllocZero(parent, sizeof(NovaTransaction));
	t->options = options;
	t->batch = batch;
	t->cache = cache;
	t->meta = meta;
	t->context = AllocSetContextCreate(parent, "nova transaction", ALLOCSET_SMALL_SIZES);
	return t;
}

/* The form of the records: the same for the whole stream. */
static void
set_shape(NovaTransaction *t)
{
	const char *first = t->options->topic_prefix;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(t));
	char *topic = psprintf("%s%s%s", first, *first ? "." : "", t->options->transaction_topic);

	t->shape.no_outbox = true;
	nova_transforms_apply(t->options, topic, &t->shape);
	t->key_schema = nova_schema_transaction_key(t->options, &t->shape);
	t->value_schema = nova_schema_transaction(t->options, &t->shape);
	MemoryContextSwitchTo(old);
}

/* Open a record of the transaction's topic, its key written. */
static NovaOut *
open_record(NovaTransaction *t, const char *id)
{
	NovaBytes no_headers = {NULL, 0};
	NovaBytes topic;
	NovaOut *out;

	if (t->shape.topic == NULL)
		set_shape(t);
	topic = (NovaBytes){t->shape.topic, (uint32) strlen(t->shape.topic)};
	out = nova_batch_record(t->batch, nova_relcache_topic(t->cache, topic), NOVA_OP_MESSAGE, 0,
							no_headers);
	nova_encode_named_key(out, "id", id, &t->shape, t->key_schema);
	nova_batch_key_done(t->batch, false);
	nova_schema_open(out, t->value_schema);
	return out;
}

/* Debezium makes the id of the xid and of where it is at the moment. */
static char *
transaction_id(const NovaTransaction *t, XLogRecPtr lsn)
{
	return psprintf(UINT64_FORMAT ":" UINT64_FORMAT, t->meta->xid, (uint64) lsn);
}

void
nova_transaction_open(NovaTransaction *t)
{
	char *id;
	NovaOut *out;

	if (t->begun)
		return;
	t->begun = true;
	id = transaction_id(t, t->meta->lsn);
	out = open_record(t, id);
	appendStringInfo(out->buf,
					 "{\"status\":\"BEGIN\",\"id\":\"%s\",\"event_count\":null,"
					 "\"data_collections\":null,\"ts_ms\":" INT64_FORMAT "}",
					 id, t->meta->commit_us / 1000);
	nova_schema_close(out, t->value_schema);
	nova_batch_value_done(t->batch, false);
}

static NovaCollection *
add_collection(NovaTransaction *t, const char *name, uint32 hash)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	NovaCollection *added;

	if (t->collections == NULL)
	{
		t->max = 16;
		t->collections = palloc(t->max * sizeof(NovaCollection));
	}
	else if (t->ncollections == t->max)
	{
		t->max *= 2;
		t->collections = repalloc(t->collections, t->max * sizeof(NovaCollection));
	}
	added = &t->collections[t->ncollections++];
	added->name = pstrdup(name);
	added->hash = hash;
	added->count = 0;
	MemoryContextSwitchTo(old);
	return added;
}

/*
 * The counter of a table.  Its name decides, for partitions may go by the name
 * of their root.  Rows of one table mostly come together.
 */
static NovaCollection *
find_collection(NovaTransaction *t, const NovaPlan *plan)
{
	char *name = psprintf("%s.%s", plan->schema, plan->table);
	uint32 hash;

	if (t->ncollections > 0 && strcmp(t->collections[t->last].name, name) == 0)
		return &t->collections[t->last];
	hash = dbz_java_hash(name, (int) strlen(name));
	for (t->last = 0; t->last < t->ncollections; t->last++)
		if (t->collections[t->last].hash == hash && strcmp(t->collections[t->last].name, name) == 0)
			return &t->collections[t->last];
	return add_collection(t, name, hash);
}

void
nova_transaction_change(NovaTransaction *t, const NovaRelEntry *entry)
{
	t->meta->total_order = ++t->total;
	t->meta->collection_order = ++find_collection(t, entry->plan)->count;
}

void
nova_transaction_message(NovaTransaction *t)
{
	t->messages++;
	t->meta->total_order = ++t->total;
	/* to Debezium each message is a collection of its own */
	t->meta->collection_order = 1;
}

/* Within a bucket, the order of the first change. */
static int
compare_buckets(const void *a, const void *b, void *arg)
{
	const NovaCollection *x = *(NovaCollection *const *) a;
	const NovaCollection *y = *(NovaCollection *const *) b;
	uint32 mask = *(uint32 *) arg - 1;

	if ((x->hash & mask) != (y->hash & mask))
		return (x->hash & mask) < (y->hash & mask) ? -1 : 1;
	return x < y ? -1 : 1;
}

/* The order of the tables in Debezium's HashMap. */
static NovaCollection **
hash_order(const NovaTransaction *t)
{
	NovaCollection **order = palloc(Max(t->ncollections, 1) * sizeof(NovaCollection *));
	uint32 buckets = dbz_hash_buckets(t->ncollections);

	for (int i = 0; i < t->ncollections; i++)
		order[i] = &t->collections[i];
	qsort_arg(order, t->ncollections, sizeof(NovaCollection *), compare_buckets, &buckets);
	return order;
}

static void
append_collection(NovaOut *out, const char *name, uint64 count, bool first)
{
	nova_out_bytes(out, first ? "" : ",", first ? 0 : 1);
	nova_out_bytes(out, "{\"data_collection\":", 19);
	nova_json_utf8(out, name, strlen(name));
	appendStringInfo(out->buf, ",\"event_count\":" UINT64_FORMAT "}", count);
	nova_out_pressure(out);
}

static void
send_end(NovaTransaction *t, XLogRecPtr end_lsn)
{
	char *id = transaction_id(t, end_lsn);
	NovaOut *out = open_record(t, id);
	NovaCollection **order = hash_order(t);

	appendStringInfo(out->buf,
					 "{\"status\":\"END\",\"id\":\"%s\",\"event_count\":" UINT64_FORMAT
					 ",\"data_collections\":[",
					 id, t->total);
	for (int i = 0; i < t->ncollections; i++)
		append_collection(out, order[i]->name, order[i]->count, i == 0);
	if (t->messages > 0)
		append_collection(out, MESSAGES, t->messages, t->ncollections == 0);
	appendStringInfo(out->buf, "],\"ts_ms\":" INT64_FORMAT "}", t->meta->commit_us / 1000);
	nova_schema_close(out, t->value_schema);
	nova_batch_value_done(t->batch, false);
}

void
nova_transaction_close(NovaTransaction *t, XLogRecPtr end_lsn)
{
	if (t->begun)
		send_end(t, end_lsn);
	t->begun = false;
	t->total = 0;
	t->messages = 0;
	t->ncollections = 0;
	t->collections = NULL;
	t->last = 0;
	MemoryContextReset(t->context);
}
