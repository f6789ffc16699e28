/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Everything that differs between server versions, and nothing else.
 *
 * The only file with PG_VERSION_NUM.  A difference is given a name here and
 * used by that name elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_COMPAT_H
#define NOVA_COMPAT_H

#include "access/htup.h"
#include "access/xlog.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "common/md5.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/logical.h"
#include "replication/message.h"
#include "replication/output_plugin.h"
#include "replication/slot.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 200000
#error "nova_decoder supports PostgreSQL 14 to 19"
#endif

#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#endif

/* The tuples of a change: wrapped in another struct until 16. */
static inline HeapTuple
nova_new_tuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.newtuple;
#else
	return change->data.tp.newtuple ? &change->data.tp.newtuple->tuple : NULL;
#endif
}

static inline HeapTuple
nova_old_tuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.oldtuple;
#else
	return change->data.tp.oldtuple ? &change->data.tp.oldtuple->tuple : NULL;
#endif
}

static inline TimestampTz
nova_commit_time(ReorderBufferTXN *txn)
{
#if PG_VERSION_NUM >= 190000 || PG_VERSION_NUM < 150000
	return txn->commit_time;
#else
	return txn->xact_time.commit_time;
#endif
}

static inline Oid
nova_primary_key_index(Relation rel)
{
#if PG_VERSION_NUM >= 180000
	return RelationGetPrimaryKeyIndex(rel, false);
#else
	return RelationGetPrimaryKeyIndex(rel);
#endif
}

/* A generated column that is computed when read has no value in the tuple. */
static inline bool
nova_column_is_stored(Form_pg_attribute att)
{
#if PG_VERSION_NUM >= 180000
	return att->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return true;
#endif
}

/* The caches whose entries say what is published: schemas are from 15 on. */
#if PG_VERSION_NUM >= 150000
#define NOVA_PUBLICATION_CACHES PUBLICATIONOID, PUBLICATIONRELMAP, PUBLICATIONNAMESPACEMAP
#else
#define NOVA_PUBLICATION_CACHES PUBLICATIONOID, PUBLICATIONRELMAP
#endif

/* Is the publication one of that schema's tables? */
static inline bool
nova_publication_has_schema(Oid publication, Oid schema)
{
#if PG_VERSION_NUM >= 150000
	return SearchSysCacheExists2(PUBLICATIONNAMESPACEMAP, ObjectIdGetDatum(schema),
								 ObjectIdGetDatum(publication));
#else
	return false;
#endif
}

/* Does a publication of all tables leave out this one, or the root of its partitions? */
static inline bool
nova_publication_excludes(Oid publication, Oid root)
{
	bool excludes = false;
#if PG_VERSION_NUM >= 190000
	HeapTuple tuple =
		SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(root), ObjectIdGetDatum(publication));

	if (HeapTupleIsValid(tuple))
	{
		excludes = ((Form_pg_publication_rel) GETSTRUCT(tuple))->prexcept;
		ReleaseSysCache(tuple);
	}
#endif
	return excludes;
}

/* Are stored generated columns among the columns of tables without a list? */
static inline bool
nova_publication_has_generated(Form_pg_publication publication)
{
#if PG_VERSION_NUM >= 180000
	return publication->pubgencols == PUBLISH_GENCOLS_STORED;
#else
	return false;
#endif
}

#if PG_VERSION_NUM >= 150000
/* An attribute of an entry of pg_publication_rel; false: it is null. */
static inline bool
nova_publication_attribute(HeapTuple tuple, AttrNumber attnum, Datum *value)
{
	bool isnull;

	*value = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, attnum, &isnull);
	return !isnull;
}
#endif

/* The row filter of an entry of pg_publication_rel as text, or NULL. */
static inline char *
nova_publication_filter(HeapTuple tuple)
{
#if PG_VERSION_NUM >= 150000
	Datum value;

	if (nova_publication_attribute(tuple, Anum_pg_publication_rel_prqual, &value))
		return TextDatumGetCString(value);
#endif
	return NULL;
}

/* Its column list; NULL: all columns. */
static inline Bitmapset *
nova_publication_columns(HeapTuple tuple)
{
#if PG_VERSION_NUM >= 150000
	Datum value;

	if (nova_publication_attribute(tuple, Anum_pg_publication_rel_prattrs, &value))
		return pub_collist_to_bitmapset(NULL, value, NULL);
#endif
	return NULL;
}

/* Put the expressions of virtual generated columns in their places. */
static inline Node *
nova_expand_generated(Node *node, Relation rel)
{
#if PG_VERSION_NUM >= 180000
	return expand_generated_columns_in_expr(node, rel, 1);
#else
	return node;
#endif
}

/* Report progress to the walsender; skipped: the transaction sent nothing. */
static inline void
nova_update_progress(LogicalDecodingContext *ctx, bool skipped)
{
#if PG_VERSION_NUM >= 150000
	OutputPluginUpdateProgress(ctx, skipped);
#else
	OutputPluginUpdateProgress(ctx);
#endif
}

/* The parameters of a LogicalOutputPluginWriterUpdateProgress. */
#if PG_VERSION_NUM >= 150000
#define NOVA_PROGRESS_ARGS                                                                         \
	LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid, bool skipped_xact
#else
#define NOVA_PROGRESS_ARGS LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid
#endif

/* Acquire a slot that nobody has; from 18 on an invalid one is an ERROR only if asked for. */
static inline void
nova_acquire_slot(const char *name)
{
#if PG_VERSION_NUM >= 180000
	ReplicationSlotAcquire(name, true, true);
#else
	ReplicationSlotAcquire(name, true);
#endif
}

/* Is this server set up for decoding, and not in recovery where that matters?  ERROR if not. */
static inline void
nova_check_requirements(void)
{
#if PG_VERSION_NUM >= 190000
	CheckLogicalDecodingRequirements(false);
#else
	CheckLogicalDecodingRequirements();
#endif
}

/*
 * Do the standbys have it that a slot which is synchronized to them must not run ahead
 * of (synchronized_standby_slots, from 17 on)?  With this process's slot acquired; at
 * which level the server says of those that do not.
 */
static inline bool
nova_standbys_have(XLogRecPtr lsn, int level)
{
#if PG_VERSION_NUM >= 170000
	return !MyReplicationSlot->data.failover || StandbySlotsHaveCaughtup(lsn, level);
#else
	return true;
#endif
}

/* Before the type of a function that does not return. */
#if PG_VERSION_NUM >= 180000
#define NOVA_NORETURN pg_noreturn
#else
#define NOVA_NORETURN pg_attribute_noreturn()
#endif

/* Where the WAL ends that may be decoded. */
static inline XLogRecPtr
nova_wal_end(void)
{
	if (RecoveryInProgress())
		return GetXLogReplayRecPtr(NULL);
#if PG_VERSION_NUM >= 150000
	return GetFlushRecPtr(NULL);
#else
	return GetFlushRecPtr();
#endif
}

/* Returns what transaction_timeout was; servers before 17 have none. */
static inline int
nova_set_transaction_timeout(int ms)
{
#if PG_VERSION_NUM >= 170000
	const int was = TransactionTimeout;

	TransactionTimeout = ms;
	return was;
#else
	return 0;
#endif
}

/* Write a logical decoding message; not flushed at once. */
static inline XLogRecPtr
nova_log_message(const char *prefix, const char *content, Size size, bool transactional)
{
#if PG_VERSION_NUM >= 170000
	return LogLogicalMessage(prefix, content, size, transactional, false);
#else
	return LogLogicalMessage(prefix, content, size, transactional);
#endif
}

/* Transactions whose commit record may be written, but not noted yet; palloc'd. */
static inline VirtualTransactionId *
nova_committing(int *n)
{
#if PG_VERSION_NUM >= 150000
	return GetVirtualXIDsDelayingChkpt(n, DELAY_CHKPT_START);
#else
	return GetVirtualXIDsDelayingChkpt(n);
#endif
}

/* Is one of these still? */
static inline bool
nova_still_committing(VirtualTransactionId *committing, int n)
{
#if PG_VERSION_NUM >= 150000
	return HaveVirtualXIDsDelayingChkpt(committing, n, DELAY_CHKPT_START);
#else
	return HaveVirtualXIDsDelayingChkpt(committing, n);
#endif
}

/* MD5 of some bytes; false if the library refuses (FIPS mode). */
static inline bool
nova_md5(const char *s, Size len, unsigned char *digest)
{
#if PG_VERSION_NUM >= 150000
	const char *why;

	return pg_md5_binary(s, len, digest, &why);
#else
	return pg_md5_binary(s, len, digest);
#endif
}

/* Begin a set-returning function that fills a tuplestore. */
static inline void
nova_materialize(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 160000
	InitMaterializedSRF(fcinfo, 0);
#elif PG_VERSION_NUM >= 150000
	SetSingleFuncCall(fcinfo, 0);
#else
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap(true, false, work_mem);
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(old);
#endif
}

/*
 * From 16 on the server itself keeps the connection alive within a long
 * transaction; before, the plugin has to, or wal_sender_timeout ends it.
 */
#if PG_VERSION_NUM >= 160000
#define NOVA_CORE_REPORTS_PROGRESS true
#else
#define NOVA_CORE_REPORTS_PROGRESS false
#endif

/* What HELLO says. */
#define NOVA_SERVER_VERSION_NUM PG_VERSION_NUM

#if PG_VERSION_NUM < 160000
extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);
#endif

#endif /* NOVA_COMPAT_H */
