/*-------------------------------------------------------------------------
 *
 * transaction.h
 *		Debezium's transaction metadata: who begins and ends, and how much it was.
 *
 * With provide.transaction.metadata, a transaction's first captured change sends
 * a record BEGIN and its commit a record END, which counts the changes by table.
 * In between every change learns its place in the transaction.
 *
 * A change counts whether or not it becomes a record later: Debezium counts
 * before its transforms drop deletes or truncates.  Tombstones do not count, and
 * a changed key is two.  Changes of skipped operations do not count.
 *
 * Memory: a name and a counter for each table of the transaction at hand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_TRANSACTION_H
#define NOVA_TRANSACTION_H

#include "postgres.h"

#include "batch.h"
#include "encode.h"
#include "relcache.h"

typedef struct NovaCollection
{
	char *name;  /* schema.table, UTF-8 */
	uint32 hash; /* Java's */
	uint64 count;
} NovaCollection;

typedef struct NovaTransaction
{
	const NovaOptions *options;
	NovaBatch *batch;
	NovaRelCache *cache;
	NovaMeta *meta;
	MemoryContext context; /* of one transaction */
	NovaShape shape;       /* of its records, like the next two */
	NovaBytes key_schema;
	NovaBytes value_schema;
	bool begun; /* BEGIN was sent */
	uint64 total;
	uint64 messages;
	int ncollections;
	int max;
	NovaCollection *collections; /* in the order of their first change */
	int last;                    /* of the last change */
} NovaTransaction;

/* NULL if the options do not want any of it. */
extern NovaTransaction *nova_transaction_create(const NovaOptions *options, NovaBatch *batch,
												NovaRelCache *cache, NovaMeta *meta,
												MemoryContext parent);

/* A captured change comes, at meta's position: BEGIN, unless it was sent. */
extern void nova_transaction_open(NovaTransaction *t);

/* Count a change of a relation, or a message; meta learns its place. */
extern void nova_transaction_change(NovaTransaction *t, const NovaRelEntry *entry);
extern void nova_transaction_message(NovaTransaction *t);

/* END, if there was a BEGIN; the transaction's end is at that position. */
extern void nova_transaction_close(NovaTransaction *t, XLogRecPtr end_lsn);

#endif /* NOVA_TRANSACTION_H */
