/*-------------------------------------------------------------------------
 *
 * emit.c
 *		Which records a change becomes; see emit.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "emit.h"
#include "schema.h"
#include "outbox.h"

/* Longer data of a signal is no request that anybody wrote. */
#define SIGNAL_DATA_MAX (1024 * 1024)

static const NovaBytes no_headers = {NULL, 0};

/* A change takes its place in its transaction, if that is counted. */
static void
count_change(NovaEmitter *e, const NovaRelEntry *entry)
{
	if (e->transaction == NULL)
		return;
	nova_transaction_open(e->transaction);
	nova_transaction_change(e->transaction, entry);
}

/* Count the change and build its headers, where the options ask for either. */
static pg_noinline NovaBytes
announced(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *before, const NovaRow *after,
		  const NovaKeyHeader *key)
{
	bool follows = op == NOVA_OP_TOMBSTONE;
	NovaAbout about = {.plan = entry->plan,
					   .before = before,
					   .after = after,
					   .meta = e->meta,
					   .op = follows ? NOVA_OP_DELETE : op,
					   .added = true};

	if (!follows)
		count_change(e, entry);
	return nova_headers(&e->headers, &about, key, follows);
}

/* What comes before a record; mostly nothing, and that is all it costs then. */
static inline NovaBytes
announce(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *before, const NovaRow *after,
		 const NovaKeyHeader *key)
{
	if (likely(!e->announces && key == NULL))
		return no_headers;
	return announced(e, entry, op, before, after, key);
}

/* The route of a row that names its topic; if it does not, the table's. */
static NovaRouteState *
row_route(NovaEmitter *e, NovaRelEntry *entry, const char *topic)
{
	if (topic == NULL || !nova_topic_valid(topic, strlen(topic)))
		return &entry->route;
	return nova_relcache_topic(e->relcache, (NovaBytes){topic, (uint32) strlen(topic)});
}

/* By the column that the option route.by.field names; a tombstone has no columns. */
static pg_noinline NovaRouteState *
field_route(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *row)
{
	const NovaPlan *plan = entry->plan;
	StringInfo name = NULL;

	if (op != NOVA_OP_TOMBSTONE && row)
		name = nova_column_text(plan->topic_column, row, NOVA_NAME_MAX,
								e->options->profile == NOVA_PROFILE_DEBEZIUM);
	return row_route(e, entry,
					 name ? nova_transforms_topic(e->options, name->data, plan->shape.rest) : NULL);
}

/* Open a record and write its key, of the row after, or else before. */
static NovaOut *
begin_record(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *before,
			 const NovaRow *after, const NovaKeyHeader *key)
{
	const NovaRow *row = after ? after : before;
	NovaBytes headers = announce(e, entry, op, before, after, key);
	NovaRouteState *route =
		likely(!entry->plan->by_row) ? &entry->route : field_route(e, entry, op, row);
	NovaOut *out = nova_batch_record(e->batch, route, op, 0, headers);
	bool keyed = row != NULL && nova_has_key(entry->plan, row);

	if (keyed)
		nova_encode_key(out, entry->plan, row);
	nova_batch_key_done(e->batch, !keyed);
	return out;
}

static void
emit_record(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *before,
			const NovaRow *after, const NovaKeyHeader *key)
{
	NovaOut *out = begin_record(e, entry, op, before, after, key);

	nova_encode_value(out, entry->plan, before, after, e->meta, op, nova_batch_key(e->batch));
	nova_batch_value_done(e->batch, false);
}

/*
 * A null value, so that log compaction forgets the key.  It works by key: a row
 * without one has no tombstone.
 */
static void
emit_tombstone(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *old,
			   const NovaKeyHeader *key)
{
	if (!nova_has_key(entry->plan, old))
		return;
	(void) begin_record(e, entry, op, old, NULL, key);
	nova_batch_value_done(e->batch, true);
}

/* A null with a schema, which Connect's converter writes as text. */
static void
emit_null_text(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, const NovaKeyHeader *key)
{
	NovaOut *out = begin_record(e, entry, NOVA_OP_DELETE, old, NULL, key);

	nova_encode_null(out, entry->plan);
	nova_batch_value_done(e->batch, false);
}

/* An inserted row of an outbox. */
static void
emit_event(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row, const NovaKeyHeader *key)
{
	const NovaPlan *plan = entry->plan;
	NovaBytes headers = announce(e, entry, NOVA_OP_CREATE, NULL, row, key);
	NovaEvent event;
	NovaOut *out;

	nova_outbox_event(plan, row, e->options, &event);
	headers = nova_outbox_headers(plan, row, e->options->profile == NOVA_PROFILE_DEBEZIUM, headers);
	e->batch->place = event.place;
	out = nova_batch_record(e->batch, row_route(e, entry, event.topic), NOVA_OP_CREATE, 0, headers);
	nova_outbox_key(out, plan, row);
	nova_batch_key_done(e->batch, false);
	if (!event.tombstone)
		nova_outbox_value(out, plan, row, &event);
	nova_batch_value_done(e->batch, event.tombstone);
}

void
nova_emit_insert(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row)
{
	if (unlikely(entry->plan->outbox != NULL))
	{
		emit_event(e, entry, row, NULL);
		return;
	}
	emit_record(e, entry, NOVA_OP_CREATE, NULL, row, NULL);
}

/* A column's text; empty for a null, and for what is no text of a signal any more. */
static NovaBytes
signal_text(const NovaEmitter *e, const NovaColumn *col, const NovaRow *row, Size limit)
{
	StringInfo s = nova_column_text(col, row, limit, e->options->profile == NOVA_PROFILE_DEBEZIUM);

	return s && (Size) s->len <= limit ? (NovaBytes){s->data, (uint32) s->len} : (NovaBytes){"", 0};
}

void
nova_emit_signal(NovaEmitter *e, const NovaPlan *plan, const NovaRow *row)
{
	NovaSignal signal = {.id = signal_text(e, &plan->columns[0], row, UINT16_MAX),
						 .type = signal_text(e, &plan->columns[1], row, UINT16_MAX),
						 .data = signal_text(e, &plan->columns[2], row, SIGNAL_DATA_MAX)};

	nova_batch_signal(e->batch, &signal);
}

void
nova_emit_read(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row)
{
	if (entry->plan->outbox)
		emit_event(e, entry, row, NULL);
	else
		emit_record(e, entry, NOVA_OP_READ, NULL, row, NULL);
}

/* How a delete shows is the flat format's business; an envelope always does. */
static void
emit_delete(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, const NovaKeyHeader *key)
{
	NovaDeleteMode mode = !entry->plan->flat ? NOVA_DELETE_RECORD : e->options->delete_mode;

	if (entry->plan->outbox)
	{
		count_change(e, entry);
		return;
	}
	switch (mode)
	{
		case NOVA_DELETE_DROP:
			count_change(e, entry);
			return;
		case NOVA_DELETE_TO_TOMBSTONE:
			if (nova_has_key(entry->plan, old))
			{
				emit_tombstone(e, entry, NOVA_OP_DELETE, old, key);
				return;
			}
			count_change(e, entry);
			nova_batch_dropped(e->batch, &entry->route, NOVA_OP_DELETE, NOVA_DROP_NO_IDENTITY);
			return;
		case NOVA_DELETE_TOMBSTONE:
		case NOVA_DELETE_NULL_TOMBSTONE:
			emit_null_text(e, entry, old, key);
			break;
		case NOVA_DELETE_REWRITE:
		case NOVA_DELETE_RECORD:
		case NOVA_DELETE_REWRITE_TOMBSTONE:
			emit_record(e, entry, NOVA_OP_DELETE, old, NULL, key);
			break;
	}
	if (e->options->tombstones && mode != NOVA_DELETE_TOMBSTONE && mode != NOVA_DELETE_REWRITE)
		emit_tombstone(e, entry, NOVA_OP_TOMBSTONE, old, key);
}

void
nova_emit_delete(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old)
{
	emit_delete(e, entry, old, NULL);
}

/* A row's key in a buffer of its own. */
static StringInfoData
key_of(const NovaEmitter *e, const NovaPlan *plan, const NovaRow *row)
{
	StringInfoData key;
	NovaOut out;

	initStringInfo(&key);
	nova_out_init(&out, &key);
	out.java = e->options->profile == NOVA_PROFILE_DEBEZIUM;
	nova_encode_key_payload(&out, plan, row);
	return key;
}

/*
 * A changed key is the end of one row and the beginning of another.  Debezium
 * tells in headers where the row went and where it came from, and skips each
 * of the two as the operation it is.
 */
static void
emit_key_change(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, const NovaRow *new,
				const StringInfoData *old_key, const StringInfoData *new_key)
{
	bool told = e->options->profile == NOVA_PROFILE_DEBEZIUM;
	NovaKeyHeader to = {"__debezium.newkey", new_key};
	NovaKeyHeader from = {"__debezium.oldkey", old_key};

	if (!nova_is_skipped(e->options, NOVA_OP_DELETE))
		emit_delete(e, entry, old, told ? &to : NULL);
	if (nova_is_skipped(e->options, NOVA_OP_CREATE))
		return;
	if (entry->plan->outbox)
		emit_event(e, entry, new, told ? &from : NULL);
	else
		emit_record(e, entry, NOVA_OP_CREATE, NULL, new, told ? &from : NULL);
}

void
nova_emit_update(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, const NovaRow *new)
{
	if (old && nova_has_key(entry->plan, old) && nova_has_key(entry->plan, new))
	{
		StringInfoData old_key = key_of(e, entry->plan, old);
		StringInfoData new_key = key_of(e, entry->plan, new);

		if (old_key.len != new_key.len || memcmp(old_key.data, new_key.data, old_key.len) != 0)
		{
			emit_key_change(e, entry, old, new, &old_key, &new_key);
			return;
		}
	}
	if (unlikely(entry->plan->outbox != NULL))
	{
		count_change(e, entry);
		nova_batch_dropped(e->batch, &entry->route, NOVA_OP_UPDATE, NOVA_DROP_OUTBOX_UPDATE);
		return;
	}
	if (old && old->identity_only)
		old = NULL;
	if (old && e->options->skip_unchanged && nova_rows_equal(entry->plan, old, new))
	{
		e->unchanged++;
		return;
	}
	emit_record(e, entry, NOVA_OP_UPDATE, old, new, NULL);
}

/* Debezium's flat records have none. */
void
nova_emit_truncate(NovaEmitter *e, NovaRelEntry *entry)
{
	if (entry->plan->outbox || (entry->plan->flat && e->options->profile == NOVA_PROFILE_DEBEZIUM))
	{
		count_change(e, entry);
		return;
	}
	emit_record(e, entry, NOVA_OP_TRUNCATE, NULL, NULL, NULL);
}

void
nova_emit_message(NovaEmitter *e, NovaRelCache *cache, const char *prefix, const char *content,
				  Size size)
{
	const char *first = e->options->topic_prefix;
	NovaShape shape = {.no_outbox = true};
	NovaBytes name;
	NovaOut *out;

	if (e->transaction && e->meta->xid != 0)
		nova_transaction_message(e->transaction);
	nova_transforms_apply(e->options, psprintf("%s%smessage", first, *first ? "." : ""), &shape);
	name = (NovaBytes){shape.topic, (uint32) strlen(shape.topic)};
	out = nova_batch_record(e->batch, nova_relcache_topic(cache, name), NOVA_OP_MESSAGE, 0,
							no_headers);
	nova_encode_named_key(out, "prefix", prefix, &shape,
						  nova_schema_message_key(e->options, &shape));
	nova_batch_key_done(e->batch, false);
	nova_encode_message(out, prefix, content, size, e->meta,
						nova_schema_message(e->options, &shape));
	nova_batch_value_done(e->batch, false);
}
