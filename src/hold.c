/*-------------------------------------------------------------------------
 *
 * hold.c
 *		One write for several transactions: when it must go; see hold.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hold.h"

/* A transaction of more than that is not decoded in the time of a glance. */
#define LONG_BYTES   (128 * 1024)
#define LONG_SUBTXNS 64

void
nova_hold_init(NovaHold *hold, NovaBatch *batch, LogicalDecodingContext *ctx)
{
	hold->batch = batch;
	hold->page_read = ctx->reader->routine.page_read;
	batch->hold = true;
}

int
nova_hold_read(NovaHold *hold, XLogReaderState *reader, XLogRecPtr page, int len, XLogRecPtr target,
			   char *buf)
{
	nova_batch_flush(hold->batch);
	return hold->page_read(reader, page, len, target, buf);
}

/* Such a transaction may go on for long without a record, and without a read. */
void
nova_hold_before_transaction(NovaHold *hold, const ReorderBufferTXN *txn)
{
	if (txn->total_size > LONG_BYTES || txn->nsubtxns > LONG_SUBTXNS || rbtxn_is_serialized(txn))
		nova_batch_flush(hold->batch);
}
