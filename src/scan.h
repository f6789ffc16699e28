/*-------------------------------------------------------------------------
 *
 * scan.h
 *		The rows of a table for a snapshot, through the executor.
 *
 * A scan is a portal over one SELECT, made of what is asked for: the whole
 * table, a range of its blocks, so many rows in key order after a position, a
 * condition, or a query in the place of the table.  The caller's privileges
 * count.  Row security never makes a scan smaller: it is an ERROR.
 *
 * Traps: the portal holds on to the active snapshot of the time it was opened.
 * It lives until nova_scan_close() or the end of the transaction, but the server
 * may drop it before, by CLOSE ALL, and in any order with the memory of the scan;
 * "portal" is then NULL.  Only the
 * columns that the plan needs are read; where they stand in a row is in
 * "columns".
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_SCAN_H
#define NOVA_SCAN_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "plan.h"

/* Which rows; NULL and -1 are no restriction. */
typedef struct NovaScanRequest
{
	const char *query;     /* a SELECT in the place of the table */
	const char *condition; /* an expression for WHERE */
	int64 first_block;
	int64 end_block; /* the first one not read */
	ArrayType *after_key;
	ArrayType *upto_key;
	int64 max_rows; /* in key order */
	bool backward;  /* from the end of the key order */
} NovaScanRequest;

typedef struct NovaScan
{
	Portal portal; /* NULL: it is gone */
	struct NovaScanLink *link;
	int *columns; /* by attribute number - 1: place in the row, -1: not read */
	List *key;    /* attribute numbers of the key order; NIL: there is none */
	FmgrInfo *key_output;
} NovaScan;

/*
 * The attribute numbers that put a table's rows into an order: of its primary
 * key, or else of its replica identity's index.  NIL: it has neither.
 */
extern List *nova_order_key(Relation rel);

/* The scan lies in the current memory context. */
extern NovaScan *nova_scan_open(Relation rel, const NovaPlan *plan, const NovaScanRequest *request);

/* What nova_scan_run() hands rows to; neither the start nor the end is told. */
extern DestReceiver nova_scan_receiver(bool (*receive)(TupleTableSlot *slot, DestReceiver *self));

/* Run for n rows, or fewer if there are no more; returns how many. */
extern uint64 nova_scan_run(NovaScan *scan, uint64 n, DestReceiver *receiver);
extern void nova_scan_close(NovaScan *scan);

/* Where in the key order a row stands: a text[] literal. */
extern char *nova_scan_position(const NovaScan *scan, TupleTableSlot *slot);

#endif /* NOVA_SCAN_H */
