/*-------------------------------------------------------------------------
 *
 * batch.h
 *		Frames into one write; when to write.
 *
 * Every OutputPluginWrite() is a message, a copy and a send().  The batch keeps
 * one write open over many rows, and sends it when it is longer than
 * batch.bytes and at commit, or for a client that allows it soon after (hold.h).
 * The caller opens a record, encodes the key, closes it, encodes the value, closes
 * that:
 *
 *		out = nova_batch_record(batch, route, op, 0, none);
 *		nova_encode_key(out, …);
 *		nova_batch_key_done(batch, false);
 *		nova_encode_value(out, …);
 *		nova_batch_value_done(batch, false);
 *
 * With output=text the same calls print one JSON line per record.
 *
 * Where a write goes is the business of two functions: nova_batch_init() takes
 * those of logical decoding, a snapshot brings its own, and has chunks where a
 * stream has commits.
 *
 * Traps: between record() and value_done() nothing else may be called on the
 * batch.  A value may leave in several writes while it is being encoded.
 * Memory is bounded by batch.bytes and NOVA_WRITE_LIMIT, whatever the
 * transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_BATCH_H
#define NOVA_BATCH_H

#include "postgres.h"

#include "replication/logical.h"

#include "json.h"
#include "options.h"
#include "wire.h"

/* A write gets this long at the most before a value is continued in another. */
#define NOVA_WRITE_LIMIT (1024 * 1024)

/* A text line with a longer value shows its length instead. */
#define NOVA_TEXT_LIMIT (256 * 1024 * 1024)

/* Where records of a relation, or of a topic of messages, go. */
typedef struct NovaRouteState
{
	uint32 id;
	bool announced;    /* in this stream, with these names */
	const char *topic; /* UTF-8 */
	const char *schema;
	const char *table;
} NovaRouteState;

typedef struct NovaBatch NovaBatch;
typedef void (*NovaBatchWrite)(NovaBatch *batch);

struct NovaBatch
{
	NovaOut out;            /* must be first: spilling casts it back */
	NovaBatchWrite prepare; /* make out's buffer ready for a write */
	NovaBatchWrite write;   /* send what is in it */
	void *sink;             /* whatever these two need */
	const NovaOptions *options;
	int full_at; /* length at which a write is sent between records */
	bool hold;   /* keep a write open over commits */
	bool held;   /* the open write ends with a transaction, or with what is told of one */
	bool open;   /* a write is */
	bool text;
	bool timed; /* writes are: write_ns is the time spent on them */
	bool hello_sent;
	bool in_txn;                         /* something of this transaction was written */
	uint64 records;                      /* of this transaction */
	uint32 crc;                          /* of this transaction, up to crc_from */
	int crc_from;                        /* offset in the open write */
	NovaDropped drop;                    /* counted, not yet written; count 0: none */
	char drop_topic[NOVA_TOPIC_MAX + 1]; /* copied: its relation may be renamed */

	uint64 write_ns;
	NovaPlace place; /* of the next record, which resets it */

	/* the open record, as offsets in the open write */
	int head_at;
	NovaSpan key; /* its length when it is done: 0 if it is null, and in text */
	int value_at;
	int part_at;     /* of the open MORE frame, 0: none */
	uint64 oversize; /* text: bytes of the value not shown */
};

extern void nova_batch_init(NovaBatch *batch, LogicalDecodingContext *ctx,
							const NovaOptions *options, bool as_text);
extern void nova_batch_init_sink(NovaBatch *batch, StringInfo buf, NovaBatchWrite prepare,
								 NovaBatchWrite write, void *sink, const NovaOptions *options,
								 bool as_text);
extern NovaOut *nova_batch_record(NovaBatch *batch, NovaRouteState *route, char op, uint16 flags,
								  NovaBytes headers);
extern void nova_batch_key_done(NovaBatch *batch, bool is_null);

/* The key of the open record, of which nothing was written behind it. */
static inline NovaSpan
nova_batch_key(const NovaBatch *batch)
{
	return batch->key;
}

extern void nova_batch_value_done(NovaBatch *batch, bool is_null);

/* Bytes of an application as key or value: as they are, or as a JSON string. */
extern void nova_batch_opaque(NovaBatch *batch, NovaBytes bytes);

/* A captured change that becomes no record.  route may be NULL. */
extern void nova_batch_dropped(NovaBatch *batch, NovaRouteState *route, char op, uint8 reason);

/* In place of a change that ends in an ERROR. */
extern void nova_batch_unreadable(NovaBatch *batch, const NovaUnreadable *unreadable);

/* A signal, at its place in the transaction. */
extern void nova_batch_signal(NovaBatch *batch, const NovaSignal *signal);

/*
 * How many updates of a transaction were left out, behind its commit; not with
 * output=text.  Sent, or held in the open write, as a commit is.
 */
extern void nova_batch_unchanged(NovaBatch *batch, const NovaUnchanged *unchanged);

/* What a relation's changes have cost; between transactions, and not with output=text. */
extern void nova_batch_stats(NovaBatch *batch, const NovaStats *stats);

/* Send the open write, between records. */
extern void nova_batch_flush(NovaBatch *batch);

/* End of a snapshot's chunk: fills in records and crc, and sends. */
extern void nova_batch_chunk(NovaBatch *batch, NovaChunk *chunk);

/*
 * End of transaction; returns whether there was anything in it.  If so, it was
 * sent, or is held in the open write.
 */
extern bool nova_batch_commit(NovaBatch *batch, NovaCommit *commit);

#endif /* NOVA_BATCH_H */
