/*-------------------------------------------------------------------------
 *
 * settle.c
 *		Waits until what the WAL says is committed is also visible.
 *
 * A transaction's commit record is in the WAL, and streamed, before snapshots
 * see the transaction as committed; with synchronous replication long before.
 * Rows that are read in between are older than what the stream has said of them.
 * So whoever compares rows with the stream by a watermark waits here between the
 * mark and the rows:
 *
 *		SELECT nova.watermark('a');
 *		SELECT nova.snapshot_settle();
 *		SELECT … FROM t;				-- all that came before the mark shows here
 *
 * Each is a transaction of its own.  Where commits wait for a standby, so does
 * this function.
 *
 * First come those whose commit record may be written while the commit log does
 * not know them yet: the server has to find them for its checkpoints, too.
 * Then those that the commit log knows and snapshots do not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "compat.h"

#define NAP_MS 2

static void
nap(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
wait_for_commit_log(void)
{
	int n;
	VirtualTransactionId *committing = nova_committing(&n);

	while (n > 0 && nova_still_committing(committing, n))
		nap();
	pfree(committing);
}

static void
wait_for_snapshots(void)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());

	for (uint32 i = 0; i < snapshot->xcnt; i++)
		if (TransactionIdDidCommit(snapshot->xip[i]))
			while (TransactionIdIsInProgress(snapshot->xip[i]))
				nap();
	UnregisterSnapshot(snapshot);
}

/* snapshot_settle() */
PG_FUNCTION_INFO_V1(nova_snapshot_settle);
Datum
nova_snapshot_settle(PG_FUNCTION_ARGS)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("recovery is in progress"),
				 errhint("A watermark is written on the primary, and waited for there.")));
	wait_for_commit_log();
	wait_for_snapshots();
	PG_RETURN_VOID();
}
