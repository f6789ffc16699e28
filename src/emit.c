/*-------------------------------------------------------------------------
 *
 * emit.c
 *		Which records a change becomes; see emit.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "emit.h"

static const NovaBytes no_headers = {NULL, 0};

/* Open a record and write its key; key is the row that has it, or NULL. */
static NovaOut *
begin_record(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *key, NovaBytes headers)
{
	NovaOut *out = nova_batch_record(e->batch, &entry->route, op, 0, headers);
	bool keyed = key != NULL && nova_has_key(entry->plan, key);

	if (keyed)
		nova_encode_key(out, entry->plan, key);
	nova_batch_key_done(e->batch, !keyed);
	return out;
}

static void
emit_record(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *before,
			const NovaRow *after, NovaBytes headers)
{
	NovaOut *out = begin_record(e, entry, op, after ? after : before, headers);

	nova_encode_value(out, entry->plan, before, after, e->meta, op);
	nova_batch_value_done(e->batch, false);
}

/*
 * A null value, so that log compaction forgets the key.  It works by key: a row
 * without one has no tombstone.
 */
static void
emit_tombstone(NovaEmitter *e, NovaRelEntry *entry, char op, const NovaRow *old, NovaBytes headers)
{
	if (!nova_has_key(entry->plan, old))
		return;
	(void) begin_record(e, entry, op, old, headers);
	nova_batch_value_done(e->batch, true);
}

/* The text "null", which Connect's converter makes of a null with a schema. */
static void
emit_null_text(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, NovaBytes headers)
{
	NovaOut *out = begin_record(e, entry, NOVA_OP_DELETE, old, headers);

	nova_out_bytes(out, "null", 4);
	nova_batch_value_done(e->batch, false);
}

void
nova_emit_insert(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row)
{
	emit_record(e, entry, NOVA_OP_CREATE, NULL, row, no_headers);
}

void
nova_emit_read(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row)
{
	emit_record(e, entry, NOVA_OP_READ, NULL, row, no_headers);
}

/* How a delete shows is the flat format's business; an envelope always does. */
static void
emit_delete(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, NovaBytes headers)
{
	NovaDeleteMode mode =
		e->options->format == NOVA_FORMAT_ENVELOPE ? NOVA_DELETE_RECORD : e->options->delete_mode;

	switch (mode)
	{
		case NOVA_DELETE_DROP:
			break;
		case NOVA_DELETE_TOMBSTONE:
			emit_null_text(e, entry, old, headers);
			break;
		case NOVA_DELETE_TO_TOMBSTONE:
			if (nova_has_key(entry->plan, old))
				emit_tombstone(e, entry, NOVA_OP_DELETE, old, headers);
			else
				nova_batch_dropped(e->batch, &entry->route, NOVA_OP_DELETE, NOVA_DROP_NO_IDENTITY);
			break;
		case NOVA_DELETE_REWRITE:
			emit_record(e, entry, NOVA_OP_DELETE, old, NULL, headers);
			break;
		case NOVA_DELETE_RECORD:
		case NOVA_DELETE_REWRITE_TOMBSTONE:
			emit_record(e, entry, NOVA_OP_DELETE, old, NULL, headers);
			if (e->options->tombstones)
				emit_tombstone(e, entry, NOVA_OP_TOMBSTONE, old, headers);
			break;
	}
}

void
nova_emit_delete(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old)
{
	emit_delete(e, entry, old, no_headers);
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
	nova_encode_key(&out, plan, row);
	return key;
}

/* One header, as a block of wire.h. */
static NovaBytes
header_block(const char *name, const StringInfoData *value)
{
	uint16 len = (uint16) strlen(name);
	char *block = palloc(2 + 2 + len + 4 + value->len);
	char *end = nova_put_bytes16(nova_put_u16(block, 1), name, len);
	NovaBytes bytes = {block};

	end = nova_put_nbytes(end, value->data, (uint32) value->len);
	bytes.len = (uint32) (end - block);
	return bytes;
}

/*
 * A changed key is the end of one row and the beginning of another.  Debezium
 * tells in headers where the row went and where it came from.
 */
static void
emit_key_change(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old, const NovaRow *new,
				const StringInfoData *old_key, const StringInfoData *new_key)
{
	bool told = e->options->profile == NOVA_PROFILE_DEBEZIUM;

	emit_delete(e, entry, old, told ? header_block("__debezium.newkey", new_key) : no_headers);
	emit_record(e, entry, NOVA_OP_CREATE, NULL, new,
				told ? header_block("__debezium.oldkey", old_key) : no_headers);
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
	emit_record(e, entry, NOVA_OP_UPDATE, old && !old->identity_only ? old : NULL, new, no_headers);
}

/* Debezium's flat records have none. */
void
nova_emit_truncate(NovaEmitter *e, NovaRelEntry *entry)
{
	if (e->options->format == NOVA_FORMAT_FLAT && e->options->profile == NOVA_PROFILE_DEBEZIUM)
		return;
	emit_record(e, entry, NOVA_OP_TRUNCATE, NULL, NULL, no_headers);
}

void
nova_emit_message(NovaEmitter *e, NovaRelCache *cache, const char *prefix, const char *content,
				  Size size)
{
	const char *first = e->options->topic_prefix;
	char *topic = nova_topic_route(psprintf("%s%smessage", first, *first ? "." : ""), e->options);
	NovaBytes name = {topic, (uint32) strlen(topic)};
	NovaOut *out = nova_batch_record(e->batch, nova_relcache_topic(cache, name), NOVA_OP_MESSAGE, 0,
									 no_headers);

	nova_encode_message_key(out, prefix);
	nova_batch_key_done(e->batch, false);
	nova_encode_message(out, prefix, content, size, e->meta);
	nova_batch_value_done(e->batch, false);
}
