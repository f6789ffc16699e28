/*-------------------------------------------------------------------------
 *
 * sink.h
 *		Where records go: Kafka, or lines on standard output.
 *
 *	sink = sink_kafka_open(cfg, args, events, err, sizeof(err));
 *	sink_route(sink, id, topic);					whenever a ROUTE frame says so
 *	sink_produce(sink, records, n, buf, &accepted);	n records that share a buffer
 *	sink_poll(sink, &acks);							when its descriptor is ready, or sink->more
 *	sink_close(sink);
 *
 * Contract of every sink:
 *	- Records are taken from the front: accepted says how many.  The bytes of an
 *	  accepted record are lent until events.acked() names its buffer; the caller
 *	  holds a reference per accepted record before it calls sink_poll().
 *	- acked() is called from sink_poll() only, never from sink_produce(), with
 *	  runs of records put together.  It means: safe, as safe as it gets.
 *	- A record that fails is never acked but given up: its bytes are no longer
 *	  lent, and it is not safe.  sink_poll() or sink_produce() then
 *	  returns SINK_FAILED, and sink->error is one line that names topic, LSN,
 *	  reason and what to do.  Nothing heals a failed sink.
 *	- What nova.on.bad.record says otherwise is no failure: a record that is refused
 *	  for good is acked when its dead letter is safe, or once it is counted.
 *	- What can heal (brokers away, leaders moving) the sink bears in silence or
 *	  with a log line; the caller sees only SINK_FULL.
 *
 * There is no flush: whoever wants everything acked polls until it is.
 *
 * Exactly once (sink->txn is not SINK_TXN_NONE):
 *
 *	sink_claim(sink);					fences relays before this one; poll until SINK_TXN_OPEN
 *	sink_produce(…)…
 *	sink_commit(sink, key, position);	poll until SINK_TXN_OPEN: only now acked() is called
 *
 * What cannot be committed is aborted by the sink: given_up() is called for every
 * record since the last commit, then sink_poll() returns SINK_ABORTED, once.  What
 * was aborted has to be produced again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SINK_H
#define NOVA_RELAY_SINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"
#include "buffer.h"
#include "deadletter.h"
#include "kafkastats.h"
#include "relay.h"

typedef enum SinkStatus
{
	SINK_OK,
	SINK_FULL,    /* not all accepted; try again after acks */
	SINK_FAILED,  /* see error */
	SINK_CLOSED,  /* the reader went away: stop in order */
	SINK_ABORTED, /* sink_poll(): everything since the last commit was given up; see error */
	SINK_FENCED   /* sink_poll(): another relay has taken over; see error */
} SinkStatus;

/* Of a sink that delivers exactly once. */
typedef enum SinkTxn
{
	SINK_TXN_NONE,     /* it does not */
	SINK_TXN_CLAIMING, /* before the first: takes nothing yet */
	SINK_TXN_OPEN,
	SINK_TXN_COMMITTING, /* may take records of the next one already */
	SINK_TXN_ABORTING
} SinkTxn;

typedef struct SinkEvents
{
	void *arg;
	void (*acked)(void *arg, Buffer *buf, uint32_t n);
	void (*given_up)(void *arg, Buffer *buf, uint32_t n); /* failed, or the sink closes */
} SinkEvents;

typedef struct Sink Sink;
struct TopicMaker;

typedef struct SinkOps
{
	const char *name;
	SinkStatus (*route)(Sink *sink, uint32_t id, const char *topic);
	SinkStatus (*produce)(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf,
						  size_t *accepted);
	bool (*refuse)(Sink *sink, const BadRecord *bad, Buffer *buf);
	void (*heartbeat)(Sink *sink, const char *topic, const char *key, const char *value);
	void (*claim)(Sink *sink);
	void (*commit)(Sink *sink, const char *key, const char *position);
	SinkStatus (*poll)(Sink *sink, size_t *acks);
	void (*push)(Sink *sink); /* NULL: it keeps nothing back */
	struct pollfd (*pollfd)(const Sink *sink);
	size_t (*max_record)(const Sink *sink);
	void (*close)(Sink *sink);
} SinkOps;

struct Sink
{
	const SinkOps *ops;
	SinkEvents events;
	bool more; /* sink_poll() left something: do not wait before the next */
	SinkTxn txn;
	bool shut;        /* takes nothing, because of a transaction that ends or has not begun */
	uint64_t commits; /* that went well */
	bool learned; /* what was refused and led to an abort is known now: see nova.on.bad.record */
	bool lost;    /* failed in a way that opening it again mends */
	BadRecords bad;
	uint64_t capacity; /* records that it takes at most for now; 0: it says nothing of that */
	KafkaStats *stats; /* as of the last sink_poll(); NULL: it has none */
	struct TopicMaker *maker; /* whom to ask for a topic before it is written to; NULL: nobody */
	bool making;              /* records wait for it: only time wakes the loop */
	char error[1024];
};

/* NULL after writing one line to err. */
extern Sink *sink_kafka_open(const RelayConfig *cfg, const RelayArgs *args, SinkEvents events,
							 char *err, size_t errsize);
/* Where the embedded broker of this Kafka sink listens; NULL if it has none. */
extern const char *sink_kafka_embedded(const Sink *sink);

extern Sink *sink_stdout_open(const RelayConfig *cfg, SinkEvents events, char *err, size_t errsize);

/* Records of this route go to this topic from now on; topic is copied. */
static inline SinkStatus
sink_route(Sink *sink, uint32_t id, const char *topic)
{
	return sink->ops->route(sink, id, topic);
}

/* Every route was announced with sink_route(). */
static inline SinkStatus
sink_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	return sink->ops->produce(sink, records, n, buf, accepted);
}

/*
 * In place of a record that cannot be produced: to the policy for bad records,
 * which is not BAD_FAIL.  It counts as one accepted record of buf; what bad
 * points to is copied.  False: see error.
 */
static inline bool
sink_refuse(Sink *sink, const BadRecord *bad, Buffer *buf)
{
	return sink->ops->refuse(sink, bad, buf);
}

/*
 * A record beside the stream, to partition 0; copied.  It is not acked, and a
 * failure is a log line.
 */
static inline void
sink_heartbeat(Sink *sink, const char *topic, const char *key, const char *value)
{
	sink->ops->heartbeat(sink, topic, key, value);
}

/*
 * Exactly once.  Commit what was produced since the last time, together with a
 * position that goes to the state topic; copied.  Only while SINK_TXN_OPEN.
 */
static inline void
sink_claim(Sink *sink)
{
	sink->ops->claim(sink);
}

static inline void
sink_commit(Sink *sink, const char *key, const char *position)
{
	sink->ops->commit(sink, key, position);
}

/* Bounded work; acks counts the records that acked() was told of. */
static inline SinkStatus
sink_poll(Sink *sink, size_t *acks)
{
	return sink->ops->poll(sink, acks);
}

/*
 * Nothing more is coming for the moment: what was produced since need not wait for
 * company.  Returns at once.
 */
static inline void
sink_push(Sink *sink)
{
	if (sink->ops->push != NULL)
		sink->ops->push(sink);
}

/* What to wait for; fd is -1 for nothing. */
static inline struct pollfd
sink_pollfd(const Sink *sink)
{
	return sink->ops->pollfd(sink);
}

/* Key and value together may have this many bytes. */
static inline size_t
sink_max_record(const Sink *sink)
{
	return sink->ops->max_record(sink);
}

/* What is not acked yet is given up. */
static inline void
sink_close(Sink *sink)
{
	sink->ops->close(sink);
}

#endif /* NOVA_RELAY_SINK_H */
