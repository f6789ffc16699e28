/*-------------------------------------------------------------------------
 *
 * hold.h
 *		One write for several transactions: when it must go.
 *
 * A walsender that works off small transactions pays most for its writes.  So
 * the batch may stay open behind a commit, and goes before the server reads the
 * next page of WAL: some forty transactions of one row are one write.  The server
 * has no hook for "I am about to wait", but it is in ctx->reader's page_read that
 * it waits, and the plugin puts itself in front of it.
 *
 *		nova_hold_init(&hold, batch, ctx);			at startup
 *		nova_hold_read(&hold, reader, …);			is page_read
 *		nova_hold_before_transaction(&hold, txn);	at begin
 *
 * What makes it safe:
 *
 * - Within page_read a walsender may wait for WAL, and may send a keepalive whose
 *   position is behind the transactions that are held.  Some calls do neither, and
 *   holding over those would save more; but which ones depends on a variable that
 *   is the server's own (RecentFlushPtr of WalSndWaitForWal(), walsender.c).  To
 *   look at the end of WAL at the same times as the server does not tell: it looks
 *   only when it must.  One page is most of the gain, and needs no guess.
 * - A walsender also sends keepalives that ask for a reply, from places where the
 *   plugin has no say.  The client must not take the position of these for
 *   received: see relay.c, take_ping().  So holding is for a client that asks for
 *   it, with the option batch.hold.
 * - One that is sent for a transaction of which nothing was sent
 *   (nova_update_progress()) is not asked for while others are held.
 * - A long transaction without records of its own would sit on what is held, and
 *   the functions of SQL confirm behind the last record: the former sends first,
 *   the latter never hold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_HOLD_H
#define NOVA_HOLD_H

#include "postgres.h"

#include "replication/logical.h"
#include "replication/reorderbuffer.h"

#include "batch.h"

typedef struct NovaHold
{
	NovaBatch *batch;
	XLogPageReadCB page_read; /* the server's */
} NovaHold;

/* Take the server's page_read, and let the batch hold; only in a stream. */
extern void nova_hold_init(NovaHold *hold, NovaBatch *batch, LogicalDecodingContext *ctx);

/* In place of the server's page_read, which it calls. */
extern int nova_hold_read(NovaHold *hold, XLogReaderState *reader, XLogRecPtr page, int len,
						  XLogRecPtr target, char *buf);

extern void nova_hold_before_transaction(NovaHold *hold, const ReorderBufferTXN *txn);

#endif /* NOVA_HOLD_H */
