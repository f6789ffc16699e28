/*-------------------------------------------------------------------------
 *
 * hold.c
 *		One write over several transactions: when it must go; see hold.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "replication/slot.h"

#include "compat.h"
#include "hold.h"

/* Transactions of more than that are not decoded in the time of a glance. */
#define LONG_BYTES   (1024 * 1024)
#define LONG_SUBTXNS 64

void
nova_hold_init(NovaHold *hold, NovaBatch *batch, LogicalDecodingContext *ctx)
{
	hold->batch = batch;
	hold->page_read = ctx->reader->routine.page_read;
	hold->flushed = InvalidXLogRecPtr;
	hold->failover = nova_slot_has_failover(ctx->slot);
	batch->hold_us = (int64) batch->options->batch_hold_ms * 1000;
}

void
nova_hold_before_read(NovaHold *hold, XLogRecPtr end)
{
	if (end > hold->flushed || hold->failover)
	{
		nova_batch_flush(hold->batch);
		hold->flushed = nova_readable_wal();
	}
	else
		nova_batch_flush_old(hold->batch);
}

/* Such a transaction may go on for long without a record, and without a read. */
void
nova_hold_before_transaction(NovaHold *hold, const ReorderBufferTXN *txn)
{
	if (txn->total_size > LONG_BYTES || txn->nsubtxns > LONG_SUBTXNS || rbtxn_is_serialized(txn))
		nova_batch_flush(hold->batch);
}
