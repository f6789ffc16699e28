/*-------------------------------------------------------------------------
 *
 * batch.c
 *		Frames into one write; see batch.h and, for the bytes, wire.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/output_plugin.h"

#include "batch.h"
#include "compat.h"
#include "cost.h"

static void flush_dropped(NovaBatch *batch);
static void spill_frames(NovaOut *out);
static void spill_text(NovaOut *out);

void
nova_batch_init_sink(NovaBatch *batch, StringInfo buf, NovaBatchWrite prepare, NovaBatchWrite write,
					 void *sink, const NovaOptions *options, bool as_text)
{
	memset(batch, 0, sizeof(*batch));
	nova_out_init(&batch->out, buf);
	batch->out.java = options->profile == NOVA_PROFILE_DEBEZIUM;
	batch->out.spill = as_text ? spill_text : spill_frames;
	batch->prepare = prepare;
	batch->write = write;
	batch->sink = sink;
	batch->options = options;
	batch->full_at = options->batch_bytes;
	batch->text = as_text;
	batch->crc = NOVA_CRC32C_INIT;
}

static void
prepare_decoding(NovaBatch *batch)
{
	OutputPluginPrepareWrite(batch->sink, true);
}

static void
write_decoding(NovaBatch *batch)
{
	uint64 begun = batch->timed ? nova_clock_ns() : 0;

	OutputPluginWrite(batch->sink, true);
	if (batch->timed)
		batch->write_ns += nova_clock_ns() - begun;
}

void
nova_batch_init(NovaBatch *batch, LogicalDecodingContext *ctx, const NovaOptions *options,
				bool as_text)
{
	nova_batch_init_sink(batch, ctx->out, prepare_decoding, write_decoding, ctx, options, as_text);
	batch->timed = options->stats_interval > 0;
}

static void
write_hello(NovaBatch *batch)
{
	StringInfoData json;
	NovaHello hello = {
		.protocol = NOVA_PROTOCOL_VERSION,
		.server_version_num = NOVA_SERVER_VERSION_NUM,
		.plugin_version = {NOVA_VERSION, sizeof(NOVA_VERSION) - 1},
	};
	char *p;

	initStringInfo(&json);
	nova_options_json(&json, batch->options);
	hello.options.data = json.data;
	hello.options.len = json.len;
	p = nova_out_reserve(&batch->out, nova_hello_size(&hello));
	nova_out_advance(&batch->out, nova_write_hello(p, &hello));
	pfree(json.data);
	batch->hello_sent = true;
}

/* Make sure that a write is open. */
static void
open_write(NovaBatch *batch)
{
	if (batch->open)
		return;
	batch->prepare(batch);
	batch->open = true;
	if (batch->text)
		return;
	if (!batch->hello_sent)
		write_hello(batch);
	batch->crc_from = batch->out.buf->len;
}

/* Take what was added to the open write into the transaction's CRC. */
static void
fold_crc(NovaBatch *batch)
{
	StringInfo buf = batch->out.buf;

	batch->crc = nova_crc32c(batch->crc, buf->data + batch->crc_from, buf->len - batch->crc_from);
	batch->crc_from = buf->len;
}

static void
send_write(NovaBatch *batch)
{
	if (!batch->text)
		fold_crc(batch);
	batch->open = false;
	batch->held = false;
	batch->write(batch);
}

void
nova_batch_flush(NovaBatch *batch)
{
	if (batch->open)
		send_write(batch);
}

static void
write_route(NovaBatch *batch, NovaRouteState *route)
{
	NovaRoute frame = {
		.route = route->id,
		.topic = {route->topic, strlen(route->topic)},
		.schema = {route->schema, strlen(route->schema)},
		.table = {route->table, strlen(route->table)},
	};
	char *p;

	/* what was counted for this id belongs to the names before */
	flush_dropped(batch);
	p = nova_out_reserve(&batch->out, nova_route_size(&frame));
	nova_out_advance(&batch->out, nova_write_route(p, &frame));
	route->announced = true;
}

static void
text_headers(NovaBatch *batch, NovaBytes headers)
{
	NovaCursor c = {headers.data, headers.len};
	NovaBytes name;
	NovaBytes value;
	uint16_t count;

	if (!nova_get_u16(&c, &count))
		return;
	for (int i = 0; i < count && nova_read_header(&c, &name, &value); i++)
	{
		nova_out_bytes(&batch->out, i ? "," : "\"headers\":{", i ? 1 : 11);
		nova_json_unchecked(&batch->out, name.data, name.len);
		nova_out_char(&batch->out, ':');
		nova_batch_opaque(batch, value);
	}
	nova_out_bytes(&batch->out, count ? "}," : "", count ? 2 : 0);
}

static NovaOut *
text_record(NovaBatch *batch, NovaRouteState *route, NovaBytes headers)
{
	NovaOut *out = &batch->out;

	batch->head_at = out->buf->len;
	nova_out_bytes(out, "{\"topic\":", 9);
	nova_json_utf8(out, route->topic, strlen(route->topic));
	nova_out_char(out, ',');
	if (batch->place.has_partition)
		appendStringInfo(out->buf, "\"partition\":%d,", batch->place.partition);
	if (batch->place.has_timestamp)
		appendStringInfo(out->buf, "\"timestamp\":" INT64_FORMAT ",", batch->place.timestamp);
	memset(&batch->place, 0, sizeof(batch->place));
	text_headers(batch, headers);
	nova_out_bytes(out, "\"key\":", 6);
	batch->key.at = out->buf->len;
	return out;
}

/*
 * Open a record; headers.data is NULL if there are none.  The caller writes
 * the key next.
 */
NovaOut *
nova_batch_record(NovaBatch *batch, NovaRouteState *route, char op, uint16 flags, NovaBytes headers)
{
	NovaOut *out = &batch->out;
	char *p;

	if (batch->drop.count > 0 && batch->drop.route == route->id && !route->announced)
		flush_dropped(batch);
	open_write(batch);
	batch->in_txn = true;
	if (batch->text)
		return text_record(batch, route, headers);
	if (unlikely(!route->announced))
		write_route(batch, route);
	batch->head_at = out->buf->len;
	p = nova_out_reserve(out, NOVA_RECORD_HEAD + NOVA_PLACE_SIZE + 8 + headers.len);
	if (headers.data)
		flags |= NOVA_RF_HEADERS;
	flags |= nova_place_flags(&batch->place);
	p = nova_write_record_head(p, (uint8) op, flags, route->id);
	if (unlikely(flags & (NOVA_RF_PARTITION | NOVA_RF_TIMESTAMP)))
	{
		p = nova_write_place(p, &batch->place);
		memset(&batch->place, 0, sizeof(batch->place));
	}
	if (headers.data)
		p = nova_put_bytes32(p, headers.data, headers.len);
	p += 4; /* the key's length: see key_done */
	nova_out_advance(out, p);
	batch->key.at = out->buf->len;
	return out;
}

/* Fill in the length that stands before what was written from "at" on. */
static void
patch_length(NovaBatch *batch, int at, bool is_null)
{
	StringInfo buf = batch->out.buf;

	nova_put_u32(buf->data + at - 4, is_null ? UINT32_MAX : (uint32) (buf->len - at));
}

/* The key has been written, or is null and nothing was. */
void
nova_batch_key_done(NovaBatch *batch, bool is_null)
{
	NovaOut *out = &batch->out;

	batch->key.len = is_null || batch->text ? 0 : out->buf->len - batch->key.at;
	if (batch->text)
	{
		nova_out_bytes(out, is_null ? "null,\"value\":" : ",\"value\":", is_null ? 13 : 9);
		out->spill_at = NOVA_TEXT_LIMIT;
		batch->oversize = 0;
	}
	else
	{
		patch_length(batch, batch->key.at, is_null);
		nova_out_advance(out, nova_out_reserve(out, 4) + 4);
		out->spill_at = NOVA_WRITE_LIMIT;
	}
	batch->value_at = out->buf->len;
	batch->part_at = 0;
}

/*
 * The open write is full in the middle of a value: send what there is and go
 * on with a MORE frame in the next one.
 */
static void
spill_frames(NovaOut *out)
{
	NovaBatch *batch = (NovaBatch *) out;
	char *p;

	if (batch->part_at)
		patch_length(batch, batch->part_at, false);
	else
	{
		char *flags = out->buf->data + batch->head_at + 2;

		patch_length(batch, batch->value_at, false);
		flags[1] |= NOVA_RF_MORE;
	}
	send_write(batch);
	open_write(batch);
	p = nova_out_reserve(out, NOVA_MORE_HEAD);
	nova_out_advance(out, nova_write_more_head(p, false, 0));
	batch->part_at = out->buf->len;
}

/* A line of text cannot be continued: count instead of keeping. */
static void
spill_text(NovaOut *out)
{
	NovaBatch *batch = (NovaBatch *) out;

	batch->oversize += out->buf->len - batch->value_at;
	out->buf->len = batch->value_at;
}

static void
text_value_done(NovaBatch *batch, bool is_null)
{
	NovaOut *out = &batch->out;

	if (is_null)
		nova_out_bytes(out, "null", 4);
	if (batch->oversize > 0)
	{
		spill_text(out);
		appendStringInfo(out->buf, "null,\"value_bytes\":" UINT64_FORMAT, batch->oversize);
	}
	nova_out_char(out, '}');
	nova_json_ascii(out->buf, batch->head_at);
	send_write(batch);
}

/* The value has been written, or is null and nothing was. */
void
nova_batch_value_done(NovaBatch *batch, bool is_null)
{
	NovaOut *out = &batch->out;

	out->spill_at = NOVA_NO_SPILL;
	batch->records++;
	if (batch->text)
	{
		text_value_done(batch, is_null);
		return;
	}
	if (batch->part_at)
	{
		patch_length(batch, batch->part_at, false);
		out->buf->data[batch->part_at - NOVA_MORE_HEAD + 1] = 1; /* last */
	}
	else
		patch_length(batch, batch->value_at, is_null);
	if (out->buf->len >= batch->full_at)
		send_write(batch);
}

void
nova_batch_opaque(NovaBatch *batch, NovaBytes bytes)
{
	NovaOut *out = &batch->out;

	if (bytes.data == NULL)
	{
		if (batch->text)
			nova_out_bytes(out, "null", 4);
	}
	else if (batch->text)
		nova_json_unchecked(out, bytes.data, bytes.len);
	else
		nova_out_slices(out, bytes.data, bytes.len);
}

static const char *
drop_reason(uint8 reason)
{
	switch (reason)
	{
		case NOVA_DROP_NO_IDENTITY:
			return "no replica identity";
		case NOVA_DROP_OUTBOX_UPDATE:
			return "update of an outbox";
		default:
			return "malformed message";
	}
}

static void
text_dropped(NovaBatch *batch)
{
	StringInfo buf = batch->out.buf;

	appendStringInfo(buf, "{\"topic\":");
	nova_json_utf8(&batch->out, batch->drop_topic, strlen(batch->drop_topic));
	appendStringInfo(buf, ",\"dropped\":" UINT64_FORMAT ",\"op\":\"%c\",\"reason\":\"%s\"}",
					 (uint64) batch->drop.count, batch->drop.op, drop_reason(batch->drop.reason));
	send_write(batch);
}

/* Write the count of dropped changes, if there is one. */
static void
flush_dropped(NovaBatch *batch)
{
	char *p;

	if (batch->drop.count == 0)
		return;
	open_write(batch);
	if (batch->text)
		text_dropped(batch);
	else
	{
		p = nova_out_reserve(&batch->out, NOVA_DROPPED_SIZE);
		nova_out_advance(&batch->out, nova_write_dropped(p, &batch->drop));
	}
	batch->drop.count = 0;
}

void
nova_batch_dropped(NovaBatch *batch, NovaRouteState *route, char op, uint8 reason)
{
	uint32 id = route ? route->id : NOVA_NO_ROUTE;
	bool renamed = route && !route->announced;

	batch->in_txn = true;
	if (batch->drop.count > 0 && batch->drop.route == id && batch->drop.op == (uint8) op &&
		!renamed)
	{
		batch->drop.count++;
		return;
	}
	flush_dropped(batch);
	if (renamed && !batch->text)
	{
		open_write(batch);
		write_route(batch, route);
	}
	if (route)
		route->announced = true;
	batch->drop.op = (uint8) op;
	batch->drop.reason = reason;
	batch->drop.route = id;
	batch->drop.count = 1;
	strlcpy(batch->drop_topic, route ? route->topic : "", sizeof(batch->drop_topic));
}

static void
text_unreadable(NovaBatch *batch, const NovaUnreadable *u)
{
	NovaOut *out = &batch->out;
	int from = out->buf->len;

	nova_out_bytes(out, "{\"topic\":", 9);
	nova_json_unchecked(out, u->topic.data, u->topic.len);
	nova_out_bytes(out, ",\"schema\":", 10);
	nova_json_unchecked(out, u->schema.data, u->schema.len);
	nova_out_bytes(out, ",\"table\":", 9);
	nova_json_unchecked(out, u->table.data, u->table.len);
	appendStringInfo(out->buf, ",\"op\":\"%c\",\"unreadable\":\"%X/%X\",\"reason\":", u->op,
					 (uint32) (u->lsn >> 32), (uint32) u->lsn);
	nova_json_unchecked(out, u->reason.data, u->reason.len);
	nova_out_char(out, '}');
	nova_json_ascii(out->buf, from);
	send_write(batch);
}

void
nova_batch_unreadable(NovaBatch *batch, const NovaUnreadable *unreadable)
{
	char *p;

	flush_dropped(batch);
	batch->in_txn = true;
	open_write(batch);
	if (batch->text)
	{
		text_unreadable(batch, unreadable);
		return;
	}
	p = nova_out_reserve(&batch->out, nova_unreadable_size(unreadable));
	nova_out_advance(&batch->out, nova_write_unreadable(p, unreadable));
}

static void
text_signal(NovaBatch *batch, const NovaSignal *signal)
{
	NovaOut *out = &batch->out;
	int from = out->buf->len;

	nova_out_bytes(out, "{\"signal\":", 10);
	nova_json_unchecked(out, signal->type.data, signal->type.len);
	nova_out_bytes(out, ",\"id\":", 6);
	nova_json_unchecked(out, signal->id.data, signal->id.len);
	nova_out_bytes(out, ",\"data\":", 8);
	nova_json_unchecked(out, signal->data.data, signal->data.len);
	nova_out_char(out, '}');
	nova_json_ascii(out->buf, from);
	send_write(batch);
}

void
nova_batch_signal(NovaBatch *batch, const NovaSignal *signal)
{
	char *p;

	flush_dropped(batch);
	batch->in_txn = true;
	open_write(batch);
	if (batch->text)
	{
		text_signal(batch, signal);
		return;
	}
	p = nova_out_reserve(&batch->out, nova_signal_size(signal));
	nova_out_advance(&batch->out, nova_write_signal(p, signal));
}

/* The frame that was just written is of no transaction, and in no checksum. */
static void
leave_unsummed(NovaBatch *batch)
{
	batch->crc_from = batch->out.buf->len;
}

void
nova_batch_unchanged(NovaBatch *batch, const NovaUnchanged *unchanged)
{
	char *p;

	open_write(batch);
	p = nova_out_reserve(&batch->out, NOVA_UNCHANGED_SIZE);
	nova_out_advance(&batch->out, nova_write_unchanged(p, unchanged));
	leave_unsummed(batch);
	batch->held = batch->hold;
	if (!batch->held || batch->out.buf->len >= batch->full_at)
		send_write(batch);
}

void
nova_batch_stats(NovaBatch *batch, const NovaStats *stats)
{
	char *p;

	open_write(batch);
	p = nova_out_reserve(&batch->out, nova_stats_size(stats));
	nova_out_advance(&batch->out, nova_write_stats(p, stats));
	leave_unsummed(batch);
	if (batch->out.buf->len >= batch->full_at)
		send_write(batch);
}

static void
text_chunk(NovaBatch *batch, const NovaChunk *chunk)
{
	NovaOut *out = &batch->out;
	int from = out->buf->len;

	appendStringInfo(out->buf,
					 "{\"records\":" UINT64_FORMAT ",\"position\":", (uint64) chunk->records);
	nova_json_unchecked(out, chunk->position.data, chunk->position.len);
	appendStringInfo(out->buf, ",\"end\":%s}", chunk->flags & NOVA_KF_END ? "true" : "false");
	nova_json_ascii(out->buf, from);
	send_write(batch);
}

void
nova_batch_chunk(NovaBatch *batch, NovaChunk *chunk)
{
	char *p;

	open_write(batch);
	chunk->records = batch->records;
	if (batch->text)
	{
		text_chunk(batch, chunk);
		return;
	}
	fold_crc(batch);
	chunk->crc = NOVA_CRC32C_FINAL(batch->crc);
	p = nova_out_reserve(&batch->out, nova_chunk_size(chunk));
	nova_out_advance(&batch->out, nova_write_chunk(p, chunk));
	batch->open = false;
	batch->write(batch);
}

static void
write_commit(NovaBatch *batch, NovaCommit *commit)
{
	char *p;

	open_write(batch);
	fold_crc(batch);
	commit->records = batch->records;
	commit->crc = NOVA_CRC32C_FINAL(batch->crc);
	p = nova_out_reserve(&batch->out, NOVA_COMMIT_SIZE);
	nova_out_advance(&batch->out, nova_write_commit(p, commit));
	batch->crc_from = batch->out.buf->len;
	batch->crc = NOVA_CRC32C_INIT;
}

bool
nova_batch_commit(NovaBatch *batch, NovaCommit *commit)
{
	if (!batch->in_txn)
		return false;
	flush_dropped(batch);
	if (!batch->text)
	{
		write_commit(batch, commit);
		batch->held = batch->hold;
		if (!batch->held)
			send_write(batch);
	}
	batch->records = 0;
	batch->in_txn = false;
	return true;
}
