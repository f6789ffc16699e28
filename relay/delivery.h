/*-------------------------------------------------------------------------
 *
 * delivery.h
 *		From a received payload to the sink, and back as a safe LSN.
 *
 *	payload ──frame──▶ records ──sink──▶ Kafka
 *	   │                  │ sent            │ acked
 *	   └─────────────── tracker ◀───────────┘ ──▶ delivery_safe_lsn()
 *
 * delivery_take() takes one payload over, delivery_pump() works it off.  When
 * the sink is full, pump stops in the middle of the payload, at a record, and
 * goes on there when it is called again.
 *
 * Payloads come through channels: number 0 is the stream, the others are the
 * COPYs of a snapshot, whose frames have their own HELLO, checksum and route
 * ids, and whose chunks end with a CHUNK in place of commits.
 *
 * Chunks of an incremental snapshot have a channel of their own, and come between
 * the stream's payloads.  A listener is told of signals, and while it asks for
 * it, of every record, which it may take out.  A signal that must not be
 * confirmed yet is held: it counts as a record that is not acknowledged.
 *
 * Traps: one payload at a time; take the next only after pump said
 * DELIVERY_IDLE.  A value that comes in parts is held in memory up to the
 * sink's largest record, and belongs to the unit it is completed in; of a larger
 * one the beginning is kept for the policy for bad records.  A new
 * stream (delivery_stream_begin) forgets what was half received: it comes
 * again.  Of the acknowledgements only the sink decides.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_DELIVERY_H
#define NOVA_RELAY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "latency.h"
#include "plugintime.h"
#include "routecounts.h"
#include "samples.h"
#include "sink.h"

typedef enum DeliveryStatus
{
	DELIVERY_IDLE,  /* nothing left of the payload */
	DELIVERY_FULL,  /* the sink takes no more now */
	DELIVERY_CUT,   /* a COMMIT was just behind what the sink has; call again */
	DELIVERY_FAILED /* see delivery_error() */
} DeliveryStatus;

/* Since the start of the process. */
typedef struct DeliveryCounts
{
	uint64_t records;      /* handed to the sink */
	uint64_t acked;        /* of these */
	uint64_t bytes;        /* payload bytes received */
	uint64_t transactions; /* commits received, each with the right count and checksum */
	uint64_t chunks;       /* ends of a snapshot's COPYs, likewise */
	uint64_t proved;       /* records that these counted; more than were handed on where
							* an incremental snapshot leaves some out */
	uint64_t proved_bytes; /* of frames, under their checksums */
	uint64_t dropped;      /* changes the plugin could not make records of */
	uint64_t unchanged;    /* updates it left out as nothing new, each transaction once */
} DeliveryCounts;

typedef struct Delivery Delivery;

/* Channels: the stream, a snapshot's connections, and an incremental snapshot's. */
#define DELIVERY_STREAM    0
#define DELIVERY_INCREMENT 17
#define DELIVERY_CHANNELS  18

/* Who wants to know.  Nothing of what is told may be kept. */
typedef struct DeliveryListener
{
	void *arg;
	/* A SIGNAL in the stream, at its place behind the records before it. */
	void (*signal)(void *arg, const NovaSignal *signal, uint64_t lsn);
	/* A record that is about to go to the sink, if watching; false: it does not. */
	bool (*record)(void *arg, bool of_stream, const char *topic, NovaBytes key);
	/* The end of an incremental snapshot's chunk. */
	void (*chunk)(void *arg, const NovaChunk *chunk);
} DeliveryListener;

/* NULL when out of memory. */
extern Delivery *delivery_new(void);

/* The sink must be closed before. */
extern void delivery_free(Delivery *d);

/* What to open the sink with, and the sink once it is open. */
extern SinkEvents delivery_events(Delivery *d);
extern void delivery_set_sink(Delivery *d, Sink *sink);

extern void delivery_listen(Delivery *d, DeliveryListener listener);

/* Tell the listener of records, or no more. */
extern void delivery_watch(Delivery *d, bool watching);

/* Let samples see every record that goes to the sink; NULL: no more. */
extern void delivery_sample(Delivery *d, Samples *samples);

/* From within signal(): what it is in is not safe before delivery_release(). */
extern uint64_t delivery_hold(Delivery *d);
extern void delivery_release(Delivery *d, uint64_t hold);

/*
 * Exactly once: how far the sink has it, between two payloads or at DELIVERY_CUT.
 * lsn is 0 before anything is known; records counts those of the transaction
 * behind it.
 */
typedef struct DeliveryPosition
{
	uint64_t lsn;
	uint64_t records;
	uint32_t options; /* CRC-32C of the plugin's */
} DeliveryPosition;

extern DeliveryPosition delivery_position(const Delivery *d);

/*
 * The stream that begins now is one from there: its first records are left out.
 * Call it after delivery_begin().
 */
extern void delivery_resume(Delivery *d, const DeliveryPosition *position);

/* Stop with DELIVERY_CUT behind the next COMMIT, once; or no more. */
extern void delivery_cut_at_commit(Delivery *d, bool wanted);

/* Has the stream brought part of a transaction? */
extern bool delivery_in_transaction(const Delivery *d);

/* Is no payload being worked off? */
extern bool delivery_between_payloads(const Delivery *d);

/* Signals that are not released. */
extern size_t delivery_held(const Delivery *d);

/*
 * What is in flight is lost, and comes again from there on, or behind the safe LSN if
 * that is farther: a COMMIT whose records all are there makes it so by itself.  The
 * sink must have given all of it up.
 */
extern void delivery_reset(Delivery *d, const DeliveryPosition *committed);

/* A new connection or COPY: HELLO comes again, route ids mean something new. */
extern void delivery_begin(Delivery *d, unsigned channel);

/*
 * Take over a message (free_fn frees it) whose frames start at payload.
 * False when out of memory; then it is still the caller's.
 */
extern bool delivery_take(Delivery *d, unsigned channel, char *message, BufferFree free_fn,
						  const char *payload, size_t len, uint64_t lsn);

/* Of a payload that was kept, and comes a second time. */
typedef enum DeliveryKept
{
	DELIVERY_KEPT_NEW,
	DELIVERY_KEPT_HAD,     /* the sink had its records before: they are left out */
	DELIVERY_KEPT_PREAMBLE /* no part of the stream: HELLO, and the routes it has announced */
} DeliveryKept;

/* At once after delivery_take() of such a payload. */
extern void delivery_kept(Delivery *d, DeliveryKept what);

extern DeliveryStatus delivery_pump(Delivery *d);

/* The server has nothing before lsn: confirm it too, if nothing is in flight. */
extern bool delivery_adopt(Delivery *d, uint64_t lsn);

/* Everything received is safe, and no payload is being worked off. */
extern bool delivery_idle(const Delivery *d);

/*
 * Did the channel's last CHUNK prove everything since delivery_begin(), and how
 * many records were that?
 */
extern bool delivery_chunk_whole(const Delivery *d, unsigned channel);
extern uint64_t delivery_channel_records(const Delivery *d, unsigned channel);

/* A mark behind what was taken so far, and: is all before it safe? */
extern uint64_t delivery_mark(const Delivery *d);
extern bool delivery_reached(const Delivery *d, uint64_t mark);

extern uint64_t delivery_safe_lsn(const Delivery *d);

/* The end of the last commit before that: records are sent again from there at most. */
extern uint64_t delivery_commit_lsn(const Delivery *d);

/* Last byte of a commit received, for the write position. */
extern uint64_t delivery_received_lsn(const Delivery *d);

/* Records and memory that are with the sink. */
extern uint64_t delivery_in_flight(const Delivery *d);
extern size_t delivery_lent_bytes(const Delivery *d);

extern uint64_t delivery_payloads_in_flight(const Delivery *d);

/* After acknowledgements; now is microseconds since 1970. */
extern void delivery_measure(Delivery *d, int64_t now);

extern const Latency *delivery_latency(const Delivery *d);
extern const RouteCounts *delivery_routes(const Delivery *d);
extern const PluginTimes *delivery_plugin_times(const Delivery *d);
/* The topics of records so far, and how often one was announced; n < topic_count. */
extern uint64_t delivery_announcements(const Delivery *d);
extern size_t delivery_topic_count(const Delivery *d);
extern const char *delivery_topic(const Delivery *d, size_t n);

extern const DeliveryCounts *delivery_counts(const Delivery *d);
extern const char *delivery_error(const Delivery *d);

#endif /* NOVA_RELAY_DELIVERY_H */
