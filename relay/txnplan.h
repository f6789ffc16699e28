/*-------------------------------------------------------------------------
 *
 * txnplan.h
 *		Exactly once: when a Kafka transaction ends, and where the next run goes on.
 *
 * Pure: no I/O, the time is an argument, nothing is logged.
 *
 * A Kafka transaction takes what comes until it is old or large enough, and then
 * ends behind a commit of PostgreSQL:
 *
 *	txnplan_begin(&plan, counts…);			nothing is in it
 *	txnplan_note(&plan, counts…, now);		once a turn
 *	switch (txnplan_cut(&plan, …))			now?  at the next commit?  not yet?
 *
 * A transaction of PostgreSQL that goes far beyond that (twice the bytes, ten times
 * the interval or half a minute more) is cut in the middle.
 *
 * Its last record says how far it goes:
 *
 *	{"version":1,"system":"7…","timeline":"1","lsn":"0/1A2B3C4","records":0,"options":123}
 *
 * Everything up to the commit that ends at lsn is in Kafka, and of the one
 * transaction behind that, the first so many records.  Decoding from lsn gives
 * the same records in the same order as long as the plugin's options are the
 * same, of which options is the checksum.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TXNPLAN_H
#define NOVA_RELAY_TXNPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slot.h"

typedef enum TxnCut
{
	TXN_GO_ON,
	TXN_CUT_AT_COMMIT, /* of PostgreSQL; right now, if none of its transactions is open */
	TXN_CUT_NOW        /* also in the middle of one */
} TxnCut;

typedef struct TxnPlan
{
	int64_t interval_ms;
	uint64_t bytes_max;
	uint64_t records; /* the counts at its beginning */
	uint64_t bytes;
	uint64_t has_records; /* since then */
	uint64_t has_bytes;
	int64_t opened_at; /* when the first record was seen */
	int64_t stall_ms;  /* how long nothing could be sent because of the last one's end */
} TxnPlan;

/* What else decides. */
typedef struct TxnPressure
{
	bool ending; /* nothing more will come: as soon as possible */
	bool full;   /* nothing more fits before it ends */
	bool held;   /* something in it must be written elsewhere first: not now */
} TxnPressure;

/* How far Kafka has it. */
typedef struct TxnPosition
{
	char system_id[32]; /* "" for no position at all */
	char timeline[16];
	uint64_t lsn;     /* end of the last commit that is there whole */
	uint64_t records; /* of the transaction behind it */
	uint32_t options; /* CRC-32C of the plugin's options, as HELLO has them */
} TxnPosition;

typedef enum TxnVerdict
{
	TXN_GOOD,
	TXN_PROMOTED, /* of a timeline that this one comes from, before that was left: go on */
	TXN_OTHER_CLUSTER,
	TXN_OTHER_TIMELINE, /* what is there is not what this server has, or nobody knows */
	TXN_CUT_BEFORE,     /* in part, and on this timeline the rest may be another */
	TXN_SLOT_PASSED /* the slot is behind the beginning of a transaction that is there in part */
} TxnVerdict;

/* records and bytes: running totals of the delivery. */
extern void txnplan_begin(TxnPlan *plan, uint64_t records, uint64_t bytes);
extern void txnplan_note(TxnPlan *plan, uint64_t records, uint64_t bytes, int64_t now);

/*
 * The last one's end kept everything waiting for so long: the next ones last
 * longer, so that most of the time is for sending.
 */
extern void txnplan_stalled(TxnPlan *plan, int64_t ms);

extern TxnCut txnplan_cut(const TxnPlan *plan, TxnPressure pressure, int64_t now);

/* When to ask again; INT64_MAX while there is nothing in it. */
extern int64_t txnplan_deadline(const TxnPlan *plan);

/* No transaction that can be committed becomes older than that. */
extern int64_t txnplan_longest_ms(int64_t interval_ms);

/* The text of a position (the caller frees it; NULL when out of memory), and back. */
extern char *txnplan_format(const TxnPosition *position);
extern bool txnplan_parse(const char *text, size_t len, TxnPosition *position);

/* May a stream of this server, from its slot, go on there? */
extern TxnVerdict txnplan_judge(const TxnPosition *position, const SlotPlace *place);

#endif /* NOVA_RELAY_TXNPLAN_H */
