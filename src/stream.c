/*-------------------------------------------------------------------------
 *
 * stream.c
 *		nova.stream(): a slot's changes through an ordinary backend.
 *
 *		CALL nova.stream('slot', '0/0', ARRAY['copy.both', 'true', 'topic.prefix', 'cdc'])
 *
 * What a walsender sends after START_REPLICATION, byte for byte, with a loop of our
 * own around the server's decoding: a walsender looks at its socket and at the clock
 * for every record of WAL, this one for every page.  src/copyboth.h is the client's
 * side.  The server's model is pg_logical_slot_get_changes() (logicalfuncs.c).
 *
 * A walsender decodes outside of transactions, and so does this: the procedure
 * commits the transaction that it was called in, drops its snapshot, and begins
 * another one when the stream is over, as procedures may (SPI_commit()).  So
 * nothing is held while it lasts: no snapshot, no xmin but the slot's own, no lock.
 * Decoding within a transaction would also need a subtransaction for each of
 * the WAL's.
 *
 * That is possible only where nobody above us depends on the transaction: at the top,
 * called by a client in a query of its own.  And since the client has to expect
 * CopyBothResponse, which few do, it says so with copy.both: psql gets an ERROR
 * instead, for it would wait for ever.
 *
 * Traps:
 *
 * - Historic snapshots fill the caches with what was, so that they are emptied before
 *   and behind.
 * - Who waits for WAL is not woken, but looks again: after 1 ms at first, after NAP_MAX_MS
 *   when nothing has come for long.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlogutils.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "copyboth.h"

/* The only option that is not the plugin's. */
#define COPY_BOTH "copy.both"

/* Waiting for WAL: how long at most until it is looked for again. */
#define NAP_MAX_MS 20
/* So many looks are a millisecond apart; then each nap is twice the one before. */
#define SHORT_NAPS 20
/* How often the log says for which standbys is waited. */
#define LOG_US (60 * USECS_PER_SEC)

/* How the names begin of plugins that it runs; the empty one of the benches is another. */
#define OUR_PLUGINS "nova_"

typedef struct Stream
{
	NovaClient client;
	MemoryContext context; /* all of it, and of decoding */
	LogicalDecodingContext *decoding;
	XLogRecPtr written;  /* where the WAL ended when it was looked at */
	XLogRecPtr wal_end;  /* so far it may be read: written, and what standbys must have first */
	XLogRecPtr told;     /* by a keepalive, as the end of the WAL */
	TimestampTz told_at; /* when one said any position */
	TimestampTz logged;  /* when the log was told that standbys are waited for */
	const char *slot;
	XLogRecPtr start;
	List *options; /* of DefElem, the plugin's */
} Stream;

static Stream *
stream_of(const LogicalDecodingContext *ctx)
{
	return ctx->output_writer_private;
}

static void
prepare_write(LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid, bool last_write)
{
	resetStringInfo(ctx->out);
	nova_client_header(ctx->out, last_write ? lsn : InvalidXLogRecPtr);
}

/*
 * Decoding looks into the catalogs of today, too (for a relation that is mapped), and the server
 * keeps the snapshot of that to the end of the transaction: its xmin would hold up CREATE
 * INDEX CONCURRENTLY as long.  Nobody uses it while the plugin writes.
 */
static void
do_write(LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid, bool last_write)
{
	InvalidateCatalogSnapshot();
	nova_client_write(&stream_of(ctx)->client, ctx->out);
}

/* Called from time to time within a transaction that writes nothing. */
static void
update_progress(NOVA_PROGRESS_ARGS)
{
	InvalidateCatalogSnapshot();
	nova_client_attend(&stream_of(ctx)->client);
}

/* Which is the level at which the server says for whom it waits; a client is not told. */
static int
waiting_level(Stream *stream, TimestampTz now)
{
	if (now - stream->logged < LOG_US)
		return DEBUG1;
	stream->logged = now;
	return LOG;
}

/* May it be read up to there?  A new end is not looked at before standbys have the old one. */
static bool
may_read(Stream *stream, XLogRecPtr wanted, int level)
{
	if (stream->written <= stream->wal_end)
		stream->written = nova_wal_end();
	if (nova_standbys_have(stream->written, level))
		stream->wal_end = stream->written;
	return stream->wal_end >= wanted;
}

/*
 * At the end of the WAL, so that the client knows that it has all; and once a second, so that
 * the slot moves on over WAL of which it gets nothing.  Only the latter asks for a reply: that
 * there is none to make says that there is no more.
 */
static void
tell_position(Stream *stream, TimestampTz now)
{
	const bool at_end = stream->client.at_end;
	const bool due =
		at_end ? stream->told < stream->client.decoded : now - stream->told_at >= USECS_PER_SEC;

	if (!due)
		return;
	if (at_end)
		stream->told = stream->client.decoded;
	stream->told_at = now;
	nova_client_keepalive(&stream->client, !at_end);
}

/* What standbys do not have yet is there all the same: it is not the end that is waited at. */
static void
wait_for_wal(Stream *stream, XLogRecPtr wanted, TimestampTz now)
{
	long nap = 1;

	for (int naps = 0; !may_read(stream, wanted, waiting_level(stream, now)); naps++)
	{
		stream->client.at_end = stream->wal_end >= stream->written;
		tell_position(stream, now);
		if (naps > SHORT_NAPS)
			nap = Min(nap * 2, NAP_MAX_MS);
		nova_client_wait(&stream->client, nap);
		now = GetCurrentTimestamp();
	}
	stream->client.at_end = false;
}

/*
 * The reader wants another page: what it gave before is decoded, and the plugin,
 * which stands in front of this function, holds nothing back.
 */
static int
read_page(XLogReaderState *reader, XLogRecPtr page, int len, XLogRecPtr target, char *buf)
{
	Stream *stream = stream_of(reader->private_data);
	const TimestampTz now = nova_client_attend(&stream->client);

	/* what pg_stat_activity shows as the beginning of the transaction that decoding begins next */
	SetCurrentStatementStartTimestamp();
	stream->client.decoded = Max(stream->client.decoded, reader->EndRecPtr);
	if (page + len > stream->wal_end && !may_read(stream, page + len, DEBUG1))
		wait_for_wal(stream, page + len, now);
	else
		tell_position(stream, now);
	return read_local_xlog_page(reader, page, len, target, buf);
}

/*
 * Ours, whose ERROR leaves nothing behind: others may keep what lay in the context of decoding.
 * And it has its WAL, of which servers before 16 would say something else.
 */
static void
check_slot(void)
{
	const char *plugin = NameStr(MyReplicationSlot->data.plugin);

	if (strncmp(plugin, OUR_PLUGINS, strlen(OUR_PLUGINS)) != 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("replication slot \"%s\" has the output plugin \"%s\", which "
							   "nova.stream() does not run",
							   NameStr(MyReplicationSlot->data.name), plugin),
						errhint("Make the slot with the plugin nova_decoder.")));
	if (XLogRecPtrIsInvalid(MyReplicationSlot->data.restart_lsn))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("can no longer get changes from replication slot \"%s\"",
						NameStr(MyReplicationSlot->data.name)),
				 errdetail("The WAL that it needs was removed: see max_slot_wal_keep_size.")));
}

static void
open_decoding(Stream *stream)
{
	XLogReaderRoutine routine = {.page_read = read_page,
								 .segment_open = wal_segment_open,
								 .segment_close = wal_segment_close};

	stream->decoding = CreateDecodingContext(stream->start, stream->options, false, &routine,
											 prepare_write, do_write, update_progress);
	stream->decoding->output_writer_private = stream;
	stream->client.confirmed = MyReplicationSlot->data.confirmed_flush;
	stream->client.decoded = Max(stream->start, stream->client.confirmed);
	XLogBeginRead(stream->decoding->reader, MyReplicationSlot->data.restart_lsn);
	/* what the start has put there is of today */
	InvalidateSystemCaches();
}

/* For ever; only an ERROR ends it. */
static void
decode(Stream *stream)
{
	LogicalDecodingContext *ctx = stream->decoding;

	for (;;)
	{
		char *why = NULL;

		if (XLogReadRecord(ctx->reader, &why) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("nova.stream() cannot read WAL at %X/%X: %s",
							LSN_FORMAT_ARGS(ctx->reader->EndRecPtr), why ? why : "no record"),
					 errhint("START_REPLICATION reads the same WAL; see the server's log.")));
		LogicalDecodingProcessRecord(ctx, ctx->reader);
		MemoryContextSwitchTo(stream->context);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
stream_slot(Stream *stream)
{
	nova_acquire_slot(stream->slot);
	check_slot();
	open_decoding(stream);
	/* Nothing that can be said of slot and options is wrong; an ERROR from here on is a stream's. */
	nova_client_begin(&stream->client, stream->context);
	decode(stream);
}

/* First of all after an ERROR: what a transaction's abort would do, if there was none. */
static void
let_go(Stream *stream)
{
	LWLockReleaseAll();
	ConditionVariableCancelSleep();
	pgstat_report_wait_end();
	nova_set_transaction_timeout(stream->client.transaction_timeout);
}

/*
 * The server closes no file of WAL that the reader has open, and ends a transaction's
 * portal only with a transaction.  It would let go of the slot, but not before the client has
 * been told, which takes until it listens.
 */
static void
prepare_error(Stream *stream)
{
	LogicalDecodingContext *ctx = stream->decoding;

	if (ctx != NULL && ctx->reader->seg.ws_file >= 0)
		wal_segment_close(ctx->reader);
	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	InvalidateSystemCaches();
	nova_client_settle(&stream->client);
	AbortCurrentTransaction();
	StartTransactionCommand();
}

/* The client has enough.  In a transaction, so that an ERROR is one like any other. */
static void
end_in_order(Stream *stream)
{
	AbortCurrentTransaction();
	StartTransactionCommand();
	MemoryContextSwitchTo(stream->context);
	FreeDecodingContext(stream->decoding);
	ReplicationSlotRelease();
	InvalidateSystemCaches();
	nova_client_end(&stream->client);
}

/* Neither a snapshot nor a transaction from here on; no time limit of either. */
static void
leave_transaction(Stream *stream)
{
	ForgetPortalSnapshots();
	CommitTransactionCommand();
	disable_timeout(STATEMENT_TIMEOUT, false);
	stream->client.transaction_timeout = nova_set_transaction_timeout(0);
	MemoryContextSwitchTo(stream->context);
}

/* Returns when the client ends it.  All else is an ERROR. */
static void
run(Stream *stream)
{
	leave_transaction(stream);
	PG_TRY();
	{
		stream_slot(stream);
	}
	PG_CATCH();
	{
		let_go(stream);
		if (!stream->client.done)
		{
			prepare_error(stream);
			PG_RE_THROW();
		}
		MemoryContextSwitchTo(stream->context);
		FlushErrorState();
	}
	PG_END_TRY();
	end_in_order(stream);
}

/* Called by a client in a query of its own, by the simple protocol? */
static bool
at_the_top(FunctionCallInfo fcinfo)
{
	const PlannedStmt *planned;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic || whereToSendOutput != DestRemote)
		return false;
	if (ActivePortal == NULL || ActivePortal->cplan != NULL ||
		list_length(ActivePortal->stmts) != 1)
		return false;
	planned = linitial_node(PlannedStmt, ActivePortal->stmts);
	return planned->utilityStmt != NULL && IsA(planned->utilityStmt, CallStmt) &&
		   castNode(CallStmt, planned->utilityStmt)->funcexpr->funcid == fcinfo->flinfo->fn_oid;
}

static void
check_caller(FunctionCallInfo fcinfo)
{
	if (am_walsender)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("nova.stream() cannot be called on a replication connection"),
						errhint("Connect without \"replication\", or use START_REPLICATION.")));
	if (!at_the_top(fcinfo))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
			 errmsg("nova.stream() has to be called by itself, outside of transactions"),
			 errhint("Send \"CALL nova.stream(...)\" as one simple query: not after BEGIN, not "
					 "from a function, "
					 "procedure or DO, not with other statements, not as a prepared statement.")));
	if (!superuser() && !has_rolreplication(GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be superuser or replication role to use replication slots"),
						errhint("ALTER ROLE %s REPLICATION",
								quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* Does the client say that it expects CopyBothResponse? */
static bool
take_copy_both(const char *name, const char *value)
{
	bool is;

	if (strcmp(name, COPY_BOTH) != 0)
		return false;
	if (!parse_bool(value, &is) || !is)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for option \"%s\": \"%s\"", COPY_BOTH, value),
						errhint("Valid is: true.")));
	return true;
}

/* Names and values in turn; what is left of them is the plugin's. */
static List *
read_options(ArrayType *array)
{
	List *options = NIL;
	bool copy_both = false;
	Datum *texts;
	bool *nulls;
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	if (n % 2 != 0 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options have to be names and values in turn"),
				 errhint("For example: ARRAY['%s', 'true', 'topic.prefix', 'cdc'].", COPY_BOTH)));
	for (int i = 0; i < n; i += 2)
	{
		char *name = TextDatumGetCString(texts[i]);
		char *value = TextDatumGetCString(texts[i + 1]);

		if (take_copy_both(name, value))
			copy_both = true;
		else
			options = lappend(options, makeDefElem(name, (Node *) makeString(value), -1));
	}
	if (!copy_both)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("nova.stream() speaks COPY BOTH, which this client did not ask for"),
			 errhint("It is for nova-relay and others that say %s = true. To look at changes, use "
					 "pg_logical_slot_peek_changes().",
					 COPY_BOTH)));
	return options;
}

/* stream(slot name, start_lsn pg_lsn, options text[]) */
PG_FUNCTION_INFO_V1(nova_stream);
Datum
nova_stream(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Stream *stream;
	MemoryContext context;

	check_caller(fcinfo);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("slot, start_lsn and options must not be null"),
						errhint("'0/0' is the slot's own position, '{}' no options.")));
	context = AllocSetContextCreate(PortalContext, "nova stream", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	stream = palloc0(sizeof(Stream));
	stream->context = context;
	stream->slot = pstrdup(NameStr(*PG_GETARG_NAME(0)));
	stream->start = PG_GETARG_LSN(1);
	stream->options = read_options(PG_GETARG_ARRAYTYPE_P(2));
	nova_check_requirements();
	run(stream);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	PG_RETURN_VOID();
}
