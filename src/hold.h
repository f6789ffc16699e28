/*-------------------------------------------------------------------------
 *
 * hold.h
 *		One write over several transactions: when it must go.
 *
 * A walsender that works off small transactions pays most for its writes.  So
 * the batch may stay open behind a commit as long as there is WAL to go on with,
 * and goes before the server waits, and in time.  The server has no hook for "I
 * am about to wait", but it reads its WAL through ctx->reader's page_read, and
 * that is where it waits: the plugin puts itself in front of it.
 *
 *		nova_hold_init(&hold, batch, ctx);				at startup
 *		nova_hold_before_read(&hold, end of the read);	in page_read, first
 *		nova_hold_before_transaction(&hold, txn);		at begin
 *
 * What makes it safe:
 *
 * - "flushed" is read before the server refreshes its own copy, so that it is
 *   never ahead of it: a read up to there neither waits nor sends a keepalive,
 *   whose position would be behind the transactions that are held.
 * - A walsender also sends keepalives that ask for a reply, from places where the
 *   plugin has no say.  The client must not take the position of these for
 *   received: see relay.c, take_ping().  So holding is for a client that asks for
 *   it, which the option batch.hold.ms does.
 * - A slot with failover makes the server wait in any read (17 and later): there
 *   every read sends.
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
	XLogRecPtr flushed;       /* WAL up to there can be read without waiting */
	bool failover;            /* the slot is kept on standbys */
} NovaHold;

/* Take the server's page_read, and let the batch hold; only in a walsender. */
extern void nova_hold_init(NovaHold *hold, NovaBatch *batch, LogicalDecodingContext *ctx);

/* The server is going to read WAL up to end, and may wait for it. */
extern void nova_hold_before_read(NovaHold *hold, XLogRecPtr end);

extern void nova_hold_before_transaction(NovaHold *hold, const ReorderBufferTXN *txn);

#endif /* NOVA_HOLD_H */
