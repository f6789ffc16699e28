/*-------------------------------------------------------------------------
 *
 * nova_decoder.c
 *		Output plugin: committed changes as records for Kafka.
 *
 * The table of contents of the plugin.  A change comes in, its relation's plan
 * says whether it is captured and how it is written (src/relcache, src/plan),
 * the encoder makes key and value (src/encode), the batch puts them into frames
 * and sends those (src/batch, src/wire.h).
 *
 * Rules: everything lives under ctx->context.  What a change allocates goes
 * when its callback returns, on every path.  No catalog is read per row.
 * Nothing here throws because of data.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "replication/walsender.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/batch.h"
#include "src/compat.h"
#include "src/cost.h"
#include "src/deform.h"
#include "src/emit.h"
#include "src/guard.h"
#include "src/hold.h"
#include "src/message.h"
#include "src/options.h"
#include "src/relcache.h"
#include "src/signals.h"

PG_MODULE_MAGIC;

/* On old servers: report progress after so many changes (as pgoutput does). */
#define CHANGES_PER_PROGRESS 100

typedef struct NovaState
{
	NovaOptions *options;
	NovaRelCache *relcache;
	NovaBatch batch;
	NovaHold hold; /* batch is NULL: each commit is sent */
	NovaMeta meta;
	NovaEmitter emitter;
	uint64 stats_told;            /* when; 0: not yet */
	MemoryContext change_context; /* reset after every change */
	int unreported;               /* changes since progress was reported */
} NovaState;

/* Microseconds since 1970. */
static int64
unix_us(TimestampTz t)
{
	return t + ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * USECS_PER_DAY;
}

/* The old tuple as a row of its own. */
static NovaRow
old_row(const NovaPlan *plan)
{
	NovaRow row = {.values = plan->old_values,
				   .nulls = plan->old_nulls,
				   .identity_only = !plan->identity_full};

	return row;
}

static char
change_op(const ReorderBufferChange *change)
{
	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			return NOVA_OP_CREATE;
		case REORDER_BUFFER_CHANGE_UPDATE:
			return NOVA_OP_UPDATE;
		default:
			return NOVA_OP_DELETE;
	}
}

/* The tuples into the plan's arrays. */
static inline void
deform(NovaPlan *plan, Relation relation, ReorderBufferChange *change)
{
	TupleDesc desc = RelationGetDescr(relation);
	HeapTuple new = nova_new_tuple(change);
	HeapTuple old = nova_old_tuple(change);

	if (old)
		nova_deform(old, desc, plan->steps, plan->old_values, plan->old_nulls);
	if (new)
		nova_deform(new, desc, plan->steps, plan->values, plan->nulls);
}

/* A captured and deformed change of a row, to records. */
static inline void
emit_change(NovaState *state, NovaRelEntry *entry, ReorderBufferChange *change, char op)
{
	NovaPlan *plan = entry->plan;
	HeapTuple new = nova_new_tuple(change);
	HeapTuple old = nova_old_tuple(change);
	NovaRow before = old_row(plan);
	NovaRow after = {.values = plan->values, .nulls = plan->nulls};

	if (op == NOVA_OP_DELETE)
	{
		if (old)
			nova_emit_delete(&state->emitter, entry, &before);
		else
			nova_batch_dropped(&state->batch, &entry->route, op, NOVA_DROP_NO_IDENTITY);
		return;
	}
	if (new == NULL)
		return;
	if (old)
	{
		after.old_values = plan->old_values;
		after.old_nulls = plan->old_nulls;
	}
	if (op == NOVA_OP_UPDATE)
		nova_emit_update(&state->emitter, entry, old ? &before : NULL, &after);
	else
		nova_emit_insert(&state->emitter, entry, &after);
}

/* The same with a publication that does not let everything through, and for signals. */
static pg_noinline void
emit_inspected_change(NovaState *state, NovaRelEntry *entry, Relation relation,
					  ReorderBufferChange *change)
{
	NovaPlan *plan = entry->plan;
	bool old = nova_old_tuple(change) != NULL;
	bool new = nova_new_tuple(change) != NULL;
	char op = change_op(change);

	deform(plan, relation, change);
	if (plan->publication)
		op = nova_publication_op(plan->publication, op, old ? plan->old_values : NULL,
								 plan->old_nulls, new ? plan->values : NULL, plan->nulls);
	if (plan->signals && op == NOVA_OP_CREATE && change->action == REORDER_BUFFER_CHANGE_INSERT)
		nova_emit_signal(&state->emitter, plan,
						 &(NovaRow){.values = plan->values, .nulls = plan->nulls});
	if (op && !nova_is_skipped(state->options, op))
		emit_change(state, entry, change, op);
}

/* Keep the connection alive within a long transaction, where the server does not. */
static void
report_progress(LogicalDecodingContext *ctx, NovaState *state)
{
	if (NOVA_CORE_REPORTS_PROGRESS || ++state->unreported < CHANGES_PER_PROGRESS)
		return;
	state->unreported = 0;
	if (state->batch.held)
		nova_batch_flush(&state->batch);
	nova_update_progress(ctx, false);
}

static inline void
convert_change(NovaState *state, NovaRelEntry *entry, Relation relation,
			   ReorderBufferChange *change)
{
	char op = change_op(change);

	if (unlikely(entry->plan->inspected))
		emit_inspected_change(state, entry, relation, change);
	else if (entry->plan->captured && !nova_is_skipped(state->options, op))
	{
		deform(entry->plan, relation, change);
		emit_change(state, entry, change, op);
	}
}

/* The same by the clock. */
static pg_noinline void
time_change(NovaState *state, NovaRelEntry *entry, Relation relation, ReorderBufferChange *change)
{
	NovaWatch watch = nova_cost_begin(state->batch.write_ns);

	convert_change(state, entry, relation, change);
	nova_cost_end(&entry->cost, &watch, state->batch.write_ns);
}

static inline void
take_change(NovaState *state, Relation relation, ReorderBufferChange *change)
{
	NovaRelEntry *entry = nova_relcache_get(state->relcache, relation);

	state->meta.lsn = change->lsn;
	if (nova_cost_due(&entry->cost))
		time_change(state, entry, relation, change);
	else
		convert_change(state, entry, relation, change);
}

static void
nova_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
			ReorderBufferChange *change)
{
	NovaState *state = ctx->output_plugin_private;
	MemoryContext old = MemoryContextSwitchTo(state->change_context);

	take_change(state, relation, change);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->change_context);
	report_progress(ctx, state);
}

/*
 * The list has a truncated partitioned table and all its partitions.  Records
 * go where the rows' records go: to each partition's topic, or to the root's,
 * once and only when all of it was truncated.
 */
static bool
truncate_shows(Relation rel, const NovaPlan *plan)
{
	if (plan->publication && strchr(plan->publication->ops, NOVA_OP_TRUNCATE) == NULL)
		return false;
	if (plan->via_root)
		return plan->root == RelationGetRelid(rel);
	return rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
}

/*
 * Debezium knows nothing of changes that its publication leaves out, but by
 * default that has truncates though they are skipped: their transactions begin
 * and end, with nothing in between.
 */
static void
begin_for_skipped(NovaState *state)
{
	if (state->emitter.transaction && strcmp(state->options->skipped, "t") == 0)
		nova_transaction_open(state->emitter.transaction);
}

static void
take_truncate(NovaState *state, int nrelations, Relation relations[], ReorderBufferChange *change)
{
	bool skipped = nova_is_skipped(state->options, NOVA_OP_TRUNCATE);

	state->meta.lsn = change->lsn;
	for (int i = 0; i < nrelations; i++)
	{
		NovaRelEntry *entry = nova_relcache_get(state->relcache, relations[i]);

		if (!entry->plan->captured || !truncate_shows(relations[i], entry->plan))
			continue;
		if (skipped)
			begin_for_skipped(state);
		else
			nova_emit_truncate(&state->emitter, entry);
	}
}

static void
nova_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int nrelations,
			  Relation relations[], ReorderBufferChange *change)
{
	NovaState *state = ctx->output_plugin_private;
	MemoryContext old = MemoryContextSwitchTo(state->change_context);

	take_truncate(state, nrelations, relations, change);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->change_context);
	report_progress(ctx, state);
}

/* A record made by nova.publish(). */
static void
emit_published(NovaState *state, const char *content, Size size)
{
	NovaBatch *batch = &state->batch;
	NovaMessage message;

	if (!nova_message_read(content, size, &message))
	{
		nova_batch_dropped(batch, NULL, NOVA_OP_MESSAGE, NOVA_DROP_BAD_MESSAGE);
		return;
	}
	nova_batch_record(batch, nova_relcache_topic(state->relcache, message.topic), NOVA_OP_MESSAGE,
					  NOVA_RF_OPAQUE, message.headers);
	if (message.key.data)
		nova_batch_opaque(batch, message.key);
	nova_batch_key_done(batch, message.key.data == NULL);
	if (message.value.data)
		nova_batch_opaque(batch, message.value);
	nova_batch_value_done(batch, message.value.data == NULL);
}

/* A word to the relay, by nova.signal() or nova.watermark(). */
static void
forward_signal(NovaState *state, const char *content, Size size)
{
	NovaSignal signal;

	if (nova_signal_read(content, size, &signal))
		nova_batch_signal(&state->batch, &signal);
	else
		nova_batch_dropped(&state->batch, NULL, NOVA_OP_MESSAGE, NOVA_DROP_BAD_MESSAGE);
}

/* A message: nova's own make any record or a signal, Debezium shows the others. */
static void
emit_message(NovaState *state, const char *prefix, const char *content, Size size)
{
	const NovaOptions *options = state->options;

	if (strcmp(prefix, NOVA_MESSAGE_PREFIX) == 0)
	{
		emit_published(state, content, size);
		return;
	}
	if (strcmp(prefix, NOVA_SIGNAL_PREFIX) == 0)
	{
		forward_signal(state, content, size);
		return;
	}
	if (options->profile != NOVA_PROFILE_DEBEZIUM && options->message_include->n == 0)
		return;
	/* what the lists leave out still is in Debezium's transaction */
	if (state->emitter.transaction && state->meta.xid != 0)
		nova_transaction_open(state->emitter.transaction);
	if (nova_lists_pass(options->message_include, options->message_exclude, prefix))
		nova_emit_message(&state->emitter, state->relcache, prefix, content, size);
}

/* The end of a message that is in no transaction. */
static void
commit_message(LogicalDecodingContext *ctx, NovaState *state, XLogRecPtr message_lsn)
{
	NovaCommit commit = {.flags = NOVA_CF_NONTRANSACTIONAL,
						 .commit_lsn = message_lsn,
						 .end_lsn = ctx->reader->EndRecPtr};

	nova_batch_commit(&state->batch, &commit);
}

static void
nova_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr message_lsn,
			 bool transactional, const char *prefix, Size size, const char *content)
{
	NovaState *state = ctx->output_plugin_private;
	MemoryContext old = MemoryContextSwitchTo(state->change_context);

	/* outside of transactions the WAL holds neither a time nor an xid */
	if (!transactional)
		nova_meta_begin(&state->meta, InvalidTransactionId, 0, message_lsn);
	state->meta.lsn = message_lsn;
	emit_message(state, prefix, content, size);
	if (!transactional)
		commit_message(ctx, state, message_lsn);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->change_context);
}

static void
nova_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	NovaState *state = ctx->output_plugin_private;

	if (state->batch.held)
		nova_hold_before_transaction(&state->hold, txn);
	nova_meta_begin(&state->meta, txn->xid, unix_us(nova_commit_time(txn)), txn->final_lsn);
	nova_headers_begin(&state->emitter.headers);
}

/* The record of the transaction's end, before the commit that acknowledges it. */
static void
close_transaction(NovaState *state, XLogRecPtr end_lsn)
{
	MemoryContext old;

	if (state->emitter.transaction == NULL)
		return;
	old = MemoryContextSwitchTo(state->change_context);
	nova_transaction_close(state->emitter.transaction, end_lsn);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->change_context);
}

/* How many updates of this transaction were left out, if the relay counts. */
static void
tell_unchanged(NovaState *state, XLogRecPtr end_lsn)
{
	const NovaUnchanged unchanged = {end_lsn, state->emitter.unchanged};

	if (unchanged.count == 0)
		return;
	state->emitter.unchanged = 0;
	if (state->options->stats_interval > 0)
		nova_batch_unchanged(&state->batch, &unchanged);
}

/* What each relation has cost, if it was asked for and is time for it. */
static void
tell_stats(NovaState *state)
{
	const uint64 interval = (uint64) state->options->stats_interval * 1000000;
	uint64 now;

	if (interval == 0)
		return;
	now = nova_clock_ns();
	if (state->stats_told > 0 && now - state->stats_told < interval &&
		!nova_relcache_sweeps(state->relcache))
		return;
	/* until there was something for the first time it is looked for at each commit */
	if (nova_relcache_tell(state->relcache, &state->batch, now) || state->stats_told > 0)
		state->stats_told = now;
}

static void
nova_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	NovaState *state = ctx->output_plugin_private;
	NovaCommit commit = {.xid = txn->xid,
						 .commit_lsn = commit_lsn,
						 .end_lsn = txn->end_lsn,
						 .commit_time = state->meta.commit_us};
	bool sent;

	close_transaction(state, txn->end_lsn);
	sent = nova_batch_commit(&state->batch, &commit);
	tell_unchanged(state, txn->end_lsn);
	tell_stats(state);
	nova_relcache_sweep(state->relcache);
	state->unreported = 0;
	/* for a skipped one a keepalive may go out, which must not overtake others */
	nova_update_progress(ctx, !sent && !state->batch.held);
}

/*
 * Through SQL the answer has to be text unless asked otherwise.  START_REPLICATION
 * and nova.stream() have no transaction; a query has.
 */
static bool
wants_text(const NovaOptions *options)
{
	if (options->output == NOVA_OUTPUT_AUTO)
		return IsTransactionState();
	return options->output == NOVA_OUTPUT_TEXT;
}

/* All but where the batch goes, in the current memory context and its children. */
static void
open_state(NovaState *state, const NovaOptions *options)
{
	MemoryContext context = CurrentMemoryContext;

	state->change_context = AllocSetContextCreate(context, "nova change", ALLOCSET_DEFAULT_SIZES);
	state->relcache = nova_relcache_create(context, options);
	nova_meta_init(&state->meta, options, context);
	state->emitter.options = options;
	state->emitter.batch = &state->batch;
	state->emitter.meta = &state->meta;
	state->emitter.relcache = state->relcache;
	nova_headers_init(&state->emitter.headers, options, context);
	state->emitter.transaction =
		nova_transaction_create(options, &state->batch, state->relcache, &state->meta, context);
	state->emitter.announces = state->emitter.headers.any || state->emitter.transaction != NULL;
}

/*
 * Changes at the positions of guarded.lsns
 */

/* What a callback was called with. */
typedef struct NovaEvent
{
	NovaState *state;
	char op;
	XLogRecPtr lsn;
	Relation *relations; /* of a truncate; else one, or none for a message */
	int nrelations;
	ReorderBufferChange *change;
	const char *prefix; /* of a message, like the next two */
	const char *content;
	Size size;
	char topic[NOVA_TOPIC_MAX + 1]; /* of the first relation, when it is known */
} NovaEvent;

static void
prepare_nothing(NovaBatch *batch)
{
	resetStringInfo(batch->out.buf);
}

static void
write_nothing(NovaBatch *batch)
{
}

/* With a state of its own, so that it leaves nothing behind, however it ends. */
static void
try_event(void *arg)
{
	NovaEvent *event = arg;
	const NovaMeta *meta = &event->state->meta;
	NovaState *scratch = palloc0(sizeof(NovaState));

	scratch->options = event->state->options;
	open_state(scratch, scratch->options);
	nova_batch_init_sink(&scratch->batch, makeStringInfo(), prepare_nothing, write_nothing, NULL,
						 scratch->options, false);
	nova_meta_begin(&scratch->meta, meta->xid, meta->commit_us, meta->commit_lsn);
	nova_headers_begin(&scratch->emitter.headers);
	scratch->meta.lsn = event->lsn;
	if (event->nrelations > 0)
	{
		const NovaPlan *plan = nova_relcache_get(scratch->relcache, event->relations[0])->plan;

		strlcpy(event->topic, plan->captured ? plan->topic : "", sizeof(event->topic));
	}
	if (event->op == NOVA_OP_MESSAGE)
		emit_message(scratch, event->prefix, event->content, event->size);
	else if (event->op == NOVA_OP_TRUNCATE)
		take_truncate(scratch, event->nrelations, event->relations, event->change);
	else
		take_change(scratch, event->relations[0], event->change);
}

/* A text of the database as bytes of the wire. */
static NovaBytes
wire_text(const char *s)
{
	StringInfoData utf8;

	initStringInfo(&utf8);
	nova_utf8(&utf8, s, strlen(s));
	return (NovaBytes){utf8.data, (uint32) Min(utf8.len, UINT16_MAX)};
}

static void
report_unreadable(const NovaEvent *event, const char *reason)
{
	NovaUnreadable frame = {
		.op = (uint8) event->op,
		.lsn = event->lsn,
		.xid = (uint32) event->state->meta.xid,
		.topic = {event->topic, (uint32) strlen(event->topic)},
		.schema = {"", 0},
		.table = {"", 0},
		.reason = wire_text(reason),
	};

	if (event->nrelations > 0)
	{
		char *schema = get_namespace_name(RelationGetNamespace(event->relations[0]));

		frame.schema = wire_text(schema ? schema : "");
		frame.table = wire_text(RelationGetRelationName(event->relations[0]));
	}
	nova_batch_unreadable(&event->state->batch, &frame);
}

/* Tried and found sound, or not listed at all?  If not, it was reported. */
static bool
is_sound(NovaEvent *event)
{
	MemoryContext old;
	char *reason;
	bool sound;

	if (!nova_guard_lists(event->state->options, event->lsn))
		return true;
	old = MemoryContextSwitchTo(event->state->change_context);
	sound = nova_guard_try(try_event, event, &reason);
	if (!sound)
		report_unreadable(event, reason);
	MemoryContextSwitchTo(old);
	MemoryContextReset(event->state->change_context);
	return sound;
}

static void
guarded_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
			   ReorderBufferChange *change)
{
	NovaEvent event = {.state = ctx->output_plugin_private,
					   .op = change_op(change),
					   .lsn = change->lsn,
					   .relations = &relation,
					   .nrelations = 1,
					   .change = change};

	if (is_sound(&event))
		nova_change(ctx, txn, relation, change);
}

static void
guarded_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int nrelations,
				 Relation relations[], ReorderBufferChange *change)
{
	NovaEvent event = {.state = ctx->output_plugin_private,
					   .op = NOVA_OP_TRUNCATE,
					   .lsn = change->lsn,
					   .relations = relations,
					   .nrelations = nrelations,
					   .change = change};

	if (is_sound(&event))
		nova_truncate(ctx, txn, nrelations, relations, change);
}

static void
guarded_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr message_lsn,
				bool transactional, const char *prefix, Size size, const char *content)
{
	NovaState *state = ctx->output_plugin_private;
	NovaEvent event = {.state = state,
					   .op = NOVA_OP_MESSAGE,
					   .lsn = message_lsn,
					   .prefix = prefix,
					   .content = content,
					   .size = size};

	if (!transactional)
		nova_meta_begin(&state->meta, InvalidTransactionId, 0, message_lsn);
	if (is_sound(&event))
		nova_message(ctx, txn, message_lsn, transactional, prefix, size, content);
	else if (!transactional)
		commit_message(ctx, state, message_lsn);
}

static int
held_page_read(XLogReaderState *reader, XLogRecPtr page, int len, XLogRecPtr target, char *buf)
{
	LogicalDecodingContext *ctx = reader->private_data;
	NovaState *state = ctx->output_plugin_private;

	return nova_hold_read(&state->hold, reader, page, len, target, buf);
}

/* Text, and SQL, where there is a transaction, do not hold. */
static void
hold_commits(LogicalDecodingContext *ctx, NovaState *state)
{
	if (!state->options->batch_hold || state->batch.text || IsTransactionState())
		return;
	nova_hold_init(&state->hold, &state->batch, ctx);
	ctx->reader->routine.page_read = held_page_read;
}

static void
nova_startup(LogicalDecodingContext *ctx, OutputPluginOptions *opt, bool is_init)
{
	MemoryContext old = MemoryContextSwitchTo(ctx->context);
	NovaState *state = palloc0(sizeof(NovaState));
	bool as_text;

	ctx->output_plugin_private = state;
	/* neither rows of uncommitted transactions nor of prepared ones */
	ctx->streaming = false;
	ctx->twophase = false;
	nova_json_setup();
	state->options = nova_options_parse(ctx->output_plugin_options);
	as_text = wants_text(state->options);
	if (as_text)
		state->options->stats_interval = 0;
	opt->output_type = as_text ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
	if (!is_init)
	{
		open_state(state, state->options);
		nova_batch_init(&state->batch, ctx, state->options, as_text);
		hold_commits(ctx, state);
	}
	if (state->options->nguarded > 0)
	{
		ctx->callbacks.change_cb = guarded_change;
		ctx->callbacks.truncate_cb = guarded_truncate;
		ctx->callbacks.message_cb = guarded_message;
	}
	MemoryContextSwitchTo(old);
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = nova_startup;
	cb->begin_cb = nova_begin;
	cb->change_cb = nova_change;
	cb->truncate_cb = nova_truncate;
	cb->commit_cb = nova_commit;
	cb->message_cb = nova_message;
}
