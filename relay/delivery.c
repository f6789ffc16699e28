/*-------------------------------------------------------------------------
 *
 * delivery.c
 *		From a received payload to the sink, and back as a safe LSN.
 *
 * Records are collected in runs that share a buffer and go to the sink
 * together.  A COMMIT does not end a run: it only marks the unit, and a unit
 * counts when all of it is acked.
 *
 *-------------------------------------------------------------------------
 */
#include "delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copydata.h"
#include "../src/wire.h"
#include "frame.h"
#include "latency.h"
#include "log.h"
#include "plugintime.h"
#include "poison.h"
#include "routecounts.h"
#include "tracker.h"

#define RUN_RECORDS 512

typedef struct DeliveryRoute
{
	char *topic;
	char *table; /* schema.table */
	RouteNumbers *numbers;
	uint64_t dropped;
} DeliveryRoute;

/*
 * What is of one connection.  Its route ids become ids of the sink, which no
 * other channel uses, and keep them from one stream or COPY to the next.
 */
typedef struct DeliveryChannel
{
	FrameReader reader;
	uint32_t *routes; /* the sink's ids by the frames' */
	uint32_t nroutes;
	BufferBuilder large; /* headers, key, value so far */
	NovaRecord large_record;
	uint64_t large_bytes; /* of key and value, in full */
	uint64_t records;
	bool whole;    /* a CHUNK came, and nothing after it */
	bool left_out; /* the value that goes on is */
} DeliveryChannel;

struct Delivery
{
	Sink *sink;
	BufferPool pool;
	Tracker tracker;
	DeliveryChannel channels[DELIVERY_CHANNELS];
	DeliveryChannel *from; /* the payload's */
	Buffer *payload;       /* being worked off; we hold one reference */
	bool payload_end;      /* the reader is through with it */
	DeliveryKept kept;     /* what it is, if it was kept */

	NovaRecord run[RUN_RECORDS];
	size_t run_next; /* records before it are accepted */
	size_t run_len;
	Buffer *run_buf; /* payload, or an assembled value with our reference */
	NovaFrame held;  /* came behind the run and must wait for it */
	bool holding;

	DeliveryRoute *routes; /* by the sink's ids */
	uint32_t nroutes;
	uint64_t announcements;
	uint32_t routes_size;
	DeliveryListener listener;
	bool watching;
	Samples *samples; /* of who looks; NULL: nobody does */
	bool sifting;     /* records are looked at before they go: for one of these three */
	uint64_t received_lsn;
	uint64_t left_to_skip; /* of the records that the sink had before */
	uint64_t unreadable;   /* since the stream's last COMMIT: these count as records here */
	DeliveryPosition resumed;
	uint32_t options; /* checksum of the stream's */
	bool cut_wanted;
	bool at_cut;
	size_t held_signals;
	uint64_t dead_before; /* units before that one were given up */
	uint64_t dropped_unknown;
	uint64_t unchanged_lsn; /* the end of the last transaction that is in counts.unchanged */
	bool books_wrong;       /* the tracker refused an ack */
	DeliveryCounts counts;
	RouteCounts by_route;
	PluginTimes plugin_times;
	Latency latency;
	char error[1024];
};

Delivery *
delivery_new(void)
{
	Delivery *d = calloc(1, sizeof(*d));

	if (d == NULL || (routecounts_init(&d->by_route) && plugintime_init(&d->plugin_times)))
		return d;
	routecounts_free(&d->by_route);
	free(d);
	return NULL;
}

void
delivery_free(Delivery *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->nroutes; i++)
	{
		free(d->routes[i].topic);
		free(d->routes[i].table);
	}
	free(d->routes);
	for (unsigned i = 0; i < DELIVERY_CHANNELS; i++)
	{
		builder_reset(&d->channels[i].large);
		frame_free(&d->channels[i].reader);
		free(d->channels[i].routes);
	}
	tracker_free(&d->tracker);
	routecounts_free(&d->by_route);
	plugintime_free(&d->plugin_times);
	if (d->run_buf != NULL && d->run_buf != d->payload)
		buffer_drop(&d->pool, d->run_buf, 1);
	if (d->payload != NULL)
		buffer_drop(&d->pool, d->payload, 1);
	/* a buffer that its producer did not give back goes with the process */
	if (d->pool.live == 0)
		buffer_pool_free(&d->pool);
	free(d);
}

static void
on_acked(void *arg, Buffer *buf, uint32_t n)
{
	Delivery *d = arg;

	if (!tracker_acked(&d->tracker, buf->unit, n))
		d->books_wrong = true;
	d->counts.acked += n;
	buffer_drop(&d->pool, buf, n);
}

/* The tracker is not told: nothing from here on is confirmed. */
static void
on_given_up(void *arg, Buffer *buf, uint32_t n)
{
	Delivery *d = arg;

	buffer_drop(&d->pool, buf, n);
}

SinkEvents
delivery_events(Delivery *d)
{
	return (SinkEvents){.arg = d, .acked = on_acked, .given_up = on_given_up};
}

void
delivery_set_sink(Delivery *d, Sink *sink)
{
	d->sink = sink;
}

void
delivery_listen(Delivery *d, DeliveryListener listener)
{
	d->listener = listener;
}

static void
set_sifting(Delivery *d)
{
	d->sifting =
		d->watching || d->samples != NULL || d->left_to_skip > 0 || d->kept == DELIVERY_KEPT_HAD;
}

void
delivery_watch(Delivery *d, bool watching)
{
	d->watching = watching;
	set_sifting(d);
}

void
delivery_sample(Delivery *d, Samples *samples)
{
	d->samples = samples;
	set_sifting(d);
}

uint64_t
delivery_hold(Delivery *d)
{
	tracker_sent(&d->tracker, 1);
	d->held_signals++;
	return d->payload->unit;
}

void
delivery_release(Delivery *d, uint64_t hold)
{
	d->held_signals--;
	if (hold >= d->dead_before && !tracker_acked(&d->tracker, hold, 1))
		d->books_wrong = true;
}

void
delivery_begin(Delivery *d, unsigned channel)
{
	DeliveryChannel *c = &d->channels[channel];

	if (channel == DELIVERY_STREAM)
	{
		frame_stream_begin(&c->reader);
		d->unreadable = 0;
	}
	else
		frame_chunk_begin(&c->reader);
	builder_reset(&c->large);
	c->records = 0;
	c->whole = false;
	c->left_out = false;
}

bool
delivery_take(Delivery *d, unsigned channel, char *message, BufferFree free_fn, const char *payload,
			  size_t len, uint64_t lsn)
{
	uint64_t unit;
	Buffer *buf;

	if (!tracker_begin(&d->tracker, &unit))
		return false;
	buf = buffer_wrap(&d->pool, message, len + (size_t) (payload - message), free_fn);
	if (buf == NULL)
	{
		tracker_end(&d->tracker);
		return false;
	}
	buf->unit = unit;
	buf->lsn = lsn;
	buf->of_snapshot = channel != DELIVERY_STREAM;
	d->payload = buf;
	d->payload_end = false;
	d->counts.bytes += len;
	d->from = &d->channels[channel];
	d->from->whole = false;
	frame_payload_begin(&d->from->reader, payload, len, lsn);
	return true;
}

void
delivery_kept(Delivery *d, DeliveryKept what)
{
	d->kept = what;
	set_sifting(d);
}

static bool
fail_memory(Delivery *d)
{
	snprintf(d->error, sizeof(d->error),
			 "out of memory at LSN " LSN_FORMAT "; nothing behind it is confirmed",
			 LSN_ARGS(d->payload->lsn));
	return false;
}

/* Room for one more of the sink's routes. */
static bool
add_route(Delivery *d)
{
	uint32_t size = d->routes_size > 0 ? d->routes_size * 2 : 64;
	DeliveryRoute *grown;

	if (d->nroutes == d->routes_size)
	{
		grown = realloc(d->routes, size * sizeof(*grown));
		if (grown == NULL)
			return false;
		d->routes = grown;
		d->routes_size = size;
	}
	d->routes[d->nroutes++] = (DeliveryRoute){0};
	return true;
}

/* The channel's route gets an id of the sink when it is announced first. */
static bool
ensure_route(Delivery *d, DeliveryChannel *c, uint32_t id)
{
	uint32_t n = id + 64;
	uint32_t *grown;

	if (id >= c->nroutes)
	{
		grown = realloc(c->routes, n * sizeof(*grown));
		if (grown == NULL)
			return false;
		for (uint32_t i = c->nroutes; i < n; i++)
			grown[i] = NOVA_NO_ROUTE;
		c->routes = grown;
		c->nroutes = n;
	}
	if (c->routes[id] != NOVA_NO_ROUTE)
		return true;
	c->routes[id] = d->nroutes;
	if (add_route(d))
		return true;
	c->routes[id] = NOVA_NO_ROUTE;
	return false;
}

/* Names come from the database: printable they are, terminated they are not. */
static char *
name_of(NovaBytes schema, NovaBytes table)
{
	size_t size = (size_t) schema.len + table.len + 2;
	char *name = malloc(size);

	if (name != NULL)
		snprintf(name, size, "%.*s%s%.*s", (int) schema.len, schema.data, schema.len > 0 ? "." : "",
				 (int) table.len, table.data);
	return name;
}

static bool
take_route(Delivery *d, const NovaRoute *r)
{
	DeliveryRoute *route;
	uint32_t id;

	if (!ensure_route(d, d->from, r->route))
		return fail_memory(d);
	id = d->from->routes[r->route];
	route = &d->routes[id];
	free(route->topic);
	free(route->table);
	route->topic = strndup(r->topic.data, r->topic.len);
	route->table = name_of(r->schema, r->table);
	route->dropped = 0;
	d->announcements++;
	if (route->topic == NULL || route->table == NULL)
		return fail_memory(d);
	route->numbers = routecounts_of(&d->by_route, route->table, route->topic);
	if (sink_route(d->sink, id, route->topic) == SINK_OK)
		return true;
	snprintf(d->error, sizeof(d->error), "%s", d->sink->error);
	return false;
}

static void
take_dropped(Delivery *d, const NovaDropped *dropped)
{
	/* that it was announced, the frame reader has checked */
	DeliveryRoute *route =
		dropped->route != NOVA_NO_ROUTE ? &d->routes[d->from->routes[dropped->route]] : NULL;
	uint64_t *count = route != NULL ? &route->dropped : &d->dropped_unknown;
	const char *table = route != NULL ? route->table : "(no table)";

	d->counts.dropped += dropped->count;
	*count += dropped->count;
	if (*count > dropped->count)
		return;
	if (dropped->reason == NOVA_DROP_NO_IDENTITY)
		log_warn("table %s: a delete at LSN " LSN_FORMAT " has no key and makes no record, because "
				 "the table has no replica identity; more of them are only counted; to get them: "
				 "ALTER TABLE %s REPLICA IDENTITY FULL, or give it a primary key",
				 table, LSN_ARGS(d->payload->lsn), table);
	else if (dropped->reason == NOVA_DROP_OUTBOX_UPDATE)
		log_warn("table %s: an update at LSN " LSN_FORMAT " of a row of this outbox makes no "
				 "record: only an insert is an event; more of them are only counted",
				 table, LSN_ARGS(d->payload->lsn));
	else
		log_warn("%s: %" PRIu64 " change(s) at LSN " LSN_FORMAT " make no record (reason %u); a "
				 "nova message must be written with nova.publish(); more of them are only counted",
				 table, dropped->count, LSN_ARGS(d->payload->lsn), dropped->reason);
}

/* A stream that was cut off and begins again tells again: nothing is counted twice. */
static void
take_unchanged(Delivery *d, const NovaUnchanged *unchanged)
{
	if (unchanged->end_lsn <= d->unchanged_lsn)
		return;
	d->unchanged_lsn = unchanged->end_lsn;
	d->counts.unchanged += unchanged->count;
}

/* The stream was cut in a transaction that had more records than this one has. */
static bool
is_another(Delivery *d, const NovaCommit *commit)
{
	if (d->left_to_skip == 0)
		return false;
	snprintf(d->error, sizeof(d->error),
			 "the position in Kafka is wrong: %" PRIu64 " records of the first transaction behind "
			 "LSN " LSN_FORMAT " are there, but this one (%u, to LSN " LSN_FORMAT ") has only "
			 "%" PRIu64 "; nothing was written; were plugin or options changed since?",
			 d->resumed.records, LSN_ARGS(d->resumed.lsn), commit->xid, LSN_ARGS(commit->end_lsn),
			 commit->records);
	return true;
}

static void
take_commit(Delivery *d, const NovaCommit *commit)
{
	tracker_commit(&d->tracker, commit->end_lsn);
	latency_commit(&d->latency, d->payload->unit, commit->commit_time);
	d->unreadable = 0;
	d->counts.transactions++;
	d->counts.proved += commit->records;
	d->counts.proved_bytes += d->from->reader.proved;
	if (commit->end_lsn > d->received_lsn)
		d->received_lsn = commit->end_lsn;
}

/* What cannot be a record, to the policy for these; it counts as one of the payload. */
static bool
refuse(Delivery *d, const BadRecord *bad)
{
	if (!sink_refuse(d->sink, bad, d->payload))
	{
		snprintf(d->error, sizeof(d->error), "%s", d->sink->error);
		return false;
	}
	buffer_hold(d->payload, 1);
	tracker_sent(&d->tracker, 1);
	d->counts.records++;
	d->from->records++;
	return true;
}

static bool
is_too_large(const Delivery *d)
{
	return d->from->large_bytes > sink_max_record(d->sink);
}

static bool
fail_large(Delivery *d)
{
	snprintf(d->error, sizeof(d->error),
			 "a record for topic %s (from LSN " LSN_FORMAT ") is too large: %" PRIu64
			 " bytes so far, %zu are possible; it is not confirmed; raise max.message.bytes on the "
			 "topic and producer.override.max.request.size, then start again",
			 d->routes[d->from->large_record.route].topic, LSN_ARGS(d->payload->lsn),
			 d->from->large_bytes, sink_max_record(d->sink));
	return false;
}

/* A part of the value; of one that is too large, no more than its beginning is kept. */
static bool
append_large(Delivery *d, NovaBytes part)
{
	DeliveryChannel *c = d->from;
	size_t before = (size_t) c->large_record.headers.len + c->large_record.key.len;
	size_t len = part.len;

	c->large_bytes += part.len;
	if (is_too_large(d))
	{
		size_t room = before + LETTER_BEGINNING + 4;

		if (d->sink->bad.policy == BAD_FAIL)
			return fail_large(d);
		if (c->large.len > room)
			c->large.len = room;
		if (len > room - c->large.len)
			len = room - c->large.len;
	}
	return builder_append(&c->large, part.data, len) || fail_memory(d);
}

/* Headers and key go into the same memory: their payload may be gone first. */
static bool
begin_large(Delivery *d, const NovaRecord *r)
{
	builder_reset(&d->from->large);
	d->from->large_record = *r;
	d->from->large_bytes = r->key.len;
	if (!builder_append(&d->from->large, r->headers.data, r->headers.len) ||
		!builder_append(&d->from->large, r->key.data, r->key.len))
		return fail_memory(d);
	return append_large(d, r->value);
}

static bool
refuse_large(Delivery *d)
{
	DeliveryChannel *c = d->from;
	const NovaRecord *r = &c->large_record;
	const char *data = c->large.data;
	size_t before = (size_t) r->headers.len + r->key.len;
	char reason[80];
	BadRecord bad = {.topic = d->routes[r->route].topic,
					 .table = d->routes[r->route].table,
					 .lsn = d->payload->lsn,
					 .headers = {r->headers.data != NULL ? data : NULL, r->headers.len},
					 .key = {r->key.data != NULL ? data + r->headers.len : NULL, r->key.len},
					 .value = {data + before, (uint32_t) (c->large.len - before)},
					 .value_bytes = c->large_bytes - r->key.len,
					 .reason = reason};
	bool ok;

	snprintf(reason, sizeof(reason), "it is too large: %zu bytes are possible",
			 sink_max_record(d->sink));
	ok = refuse(d, &bad);
	builder_reset(&c->large);
	return ok;
}

/* A change that the plugin could not make a record of. */
static bool
take_unreadable(Delivery *d, const NovaUnreadable *u)
{
	char topic[NOVA_TOPIC_MAX + 1];
	char reason[800];
	char *table = name_of(u->schema, u->table);
	BadRecord bad = {.topic = topic,
					 .table = table,
					 .lsn = u->lsn,
					 .xid = u->xid,
					 .unreadable = true,
					 .reason = reason};
	bool ok;

	if (table == NULL)
		return fail_memory(d);
	snprintf(topic, sizeof(topic), "%.*s", (int) u->topic.len, u->topic.data);
	snprintf(reason, sizeof(reason), "%.*s", (int) u->reason.len, u->reason.data);
	/* nobody has asked for such a frame then */
	if (d->sink->bad.policy == BAD_FAIL)
		snprintf(
			d->error, sizeof(d->error),
			"the change of table %s at LSN " LSN_FORMAT
			" cannot be decoded: %.400s; it is not confirmed; nova.on.bad.record says how to get "
			"past it",
			table, LSN_ARGS(u->lsn), reason);
	ok = d->sink->bad.policy != BAD_FAIL && refuse(d, &bad);
	if (d->from == &d->channels[DELIVERY_STREAM])
		d->unreadable++;
	free(table);
	return ok;
}

/* The value is complete: it becomes a run of one. */
static bool
finish_large(Delivery *d)
{
	Buffer *buf = builder_finish(&d->from->large, &d->pool);
	NovaRecord *r = &d->run[0];
	size_t before;

	if (buf == NULL)
		return fail_memory(d);
	*r = d->from->large_record;
	r->flags &= (uint16_t) ~NOVA_RF_MORE;
	before = (size_t) r->headers.len + r->key.len;
	if (r->headers.data != NULL)
		r->headers.data = buf->data;
	if (r->key.data != NULL)
		r->key.data = buf->data + r->headers.len;
	r->value = (NovaBytes){buf->data + before, (uint32_t) (buf->len - before)};
	buf->unit = d->payload->unit;
	buf->lsn = d->payload->lsn;
	buf->of_snapshot = d->payload->of_snapshot;
	d->run_buf = buf;
	d->run_next = 0;
	d->run_len = 1;
	return true;
}

/* A frame that is not to overtake the records before it. */
static bool
take_held(Delivery *d)
{
	NovaFrame *f = &d->held;

	d->holding = false;
	if (f->type == NOVA_FRAME_ROUTE)
		return take_route(d, &f->u.route);
	if (f->type == NOVA_FRAME_RECORD)
	{
		f->u.record.route = d->from->routes[f->u.record.route];
		return begin_large(d, &f->u.record);
	}
	if (f->type == NOVA_FRAME_UNREADABLE)
		return take_unreadable(d, &f->u.unreadable);
	if (!append_large(d, f->u.more.part))
		return false;
	if (!f->u.more.last)
		return true;
	return is_too_large(d) ? refuse_large(d) : finish_large(d);
}

/* A dozen instructions for each record, whatever its neighbours are. */
static void
count_run(Delivery *d, const NovaRecord *records, size_t n)
{
	for (size_t i = 0; i < n; i++)
		routecounts_add(d->routes[records[i].route].numbers, records[i].op,
						(uint64_t) records[i].key.len + records[i].value.len);
}

/* Give the run to the sink.  DELIVERY_IDLE: all of it was accepted. */
static DeliveryStatus
send_run(Delivery *d)
{
	size_t accepted;
	SinkStatus status;

	status = sink_produce(d->sink, d->run + d->run_next, d->run_len - d->run_next, d->run_buf,
						  &accepted);
	if (accepted > 0)
	{
		buffer_hold(d->run_buf, (uint32_t) accepted);
		tracker_sent(&d->tracker, (uint32_t) accepted);
		d->counts.records += accepted;
		d->from->records += accepted;
		count_run(d, d->run + d->run_next, accepted);
		d->run_next += accepted;
	}
	if (status == SINK_FAILED)
	{
		snprintf(d->error, sizeof(d->error), "%s", d->sink->error);
		return DELIVERY_FAILED;
	}
	if (status != SINK_OK)
		return DELIVERY_FULL;
	if (d->run_buf != d->payload)
		buffer_drop(&d->pool, d->run_buf, 1);
	d->run_buf = NULL;
	d->run_next = d->run_len = 0;
	return DELIVERY_IDLE;
}

/*
 * Of the options that decide which records there are.  What is got past is not among
 * them: it is known anew in each process, and in its place is one that counts as a
 * record.  Nor is the option that asks for STATS, which not every plugin has; nor how
 * many bytes are in a write, for which stands what was the default when the first
 * positions were written.
 */
static uint32_t
options_checksum(NovaBytes options)
{
	/* in the order of the plugin's table: what begins the part to leave out, and ends it */
	static const struct
	{
		const char *begin;
		bool itself; /* is left out, too */
		const char *ends;
		const char *instead;
	} parts[] = {{"\"batch.bytes\":", false, ",}", "32768"},
				 {"\"" POISON_OPTION "\":\"", false, "\"", ""},
				 {",\"" PLUGINTIME_OPTION "\":", true, ",}", ""}};
	const char *pos = options.data;
	const char *end = options.data + options.len;
	uint32_t crc = NOVA_CRC32C_INIT;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		size_t len = strlen(parts[i].begin);
		const char *at = memmem(pos, (size_t) (end - pos), parts[i].begin, len);
		const char *rest = at != NULL ? at + len : end;

		while (rest < end && strchr(parts[i].ends, *rest) == NULL)
			rest++;
		if (rest == end)
			continue;
		if (!parts[i].itself)
			at += len;
		crc = nova_crc32c(crc, pos, (size_t) (at - pos));
		crc = nova_crc32c(crc, parts[i].instead, strlen(parts[i].instead));
		pos = rest;
	}
	return NOVA_CRC32C_FINAL(nova_crc32c(crc, pos, (size_t) (end - pos)));
}

/* A snapshot's chunks say it all the time.  False if the stream is not the one of before. */
static bool
take_hello(Delivery *d, const NovaHello *hello)
{
	if (d->from != &d->channels[DELIVERY_STREAM] || d->kept == DELIVERY_KEPT_PREAMBLE)
		return true;
	d->options = options_checksum(hello->options);
	if (d->left_to_skip > 0 && d->options != d->resumed.options)
	{
		snprintf(d->error, sizeof(d->error),
				 "%" PRIu64 " records of the transaction behind LSN " LSN_FORMAT " are in Kafka, "
				 "written with other options of the plugin, with which it would be another; start "
				 "once with the options of before, until it is complete",
				 d->resumed.records, LSN_ARGS(d->resumed.lsn));
		return false;
	}
	log_info("plugin nova_decoder %.*s on server %" PRIu32 ", protocol %u",
			 (int) hello->plugin_version.len, hello->plugin_version.data, hello->server_version_num,
			 hello->protocol);
	return true;
}

/* Has the sink had it before? */
static bool
is_skipped(Delivery *d)
{
	if (d->kept == DELIVERY_KEPT_HAD)
		return true;
	if (d->left_to_skip == 0 || d->from != &d->channels[DELIVERY_STREAM])
		return false;
	d->left_to_skip--;
	set_sifting(d);
	return true;
}

/* That, or does the listener take it out? */
static bool
is_left_out(Delivery *d, const NovaRecord *r)
{
	const char *topic = d->routes[d->from->routes[r->route]].topic;

	if (is_skipped(d))
		return true;
	if (d->watching && !d->listener.record(d->listener.arg,
										   d->from == &d->channels[DELIVERY_STREAM], topic, r->key))
		return true;
	if (d->samples != NULL)
		samples_take(d->samples, d->from->routes[r->route], topic, r);
	return false;
}

static void
take_signal(Delivery *d, const NovaSignal *signal)
{
	if (d->listener.signal != NULL && d->kept != DELIVERY_KEPT_HAD &&
		d->from == &d->channels[DELIVERY_STREAM])
		d->listener.signal(d->listener.arg, signal, d->payload->lsn);
}

static void
take_chunk(Delivery *d, const NovaChunk *chunk)
{
	d->from->whole = true;
	d->counts.chunks++;
	d->counts.proved += chunk->records;
	d->counts.proved_bytes += d->from->reader.proved;
	if (d->from == &d->channels[DELIVERY_INCREMENT])
		d->listener.chunk(d->listener.arg, chunk);
}

/* One frame; the inner loop of everything.  False ends the run. */
static inline bool
take_frame(Delivery *d)
{
	NovaFrame *f = &d->held;

	switch (f->type)
	{
		case NOVA_FRAME_RECORD:
			if (d->sifting && is_left_out(d, &f->u.record))
			{
				d->from->left_out = (f->u.record.flags & NOVA_RF_MORE) != 0;
				return true;
			}
			if (f->u.record.flags & NOVA_RF_MORE)
				break;
			d->run[d->run_len] = f->u.record;
			d->run[d->run_len++].route = d->from->routes[f->u.record.route];
			return true;
		case NOVA_FRAME_COMMIT:
			if (is_another(d, &f->u.commit))
				return false;
			take_commit(d, &f->u.commit);
			d->at_cut = d->cut_wanted;
			return !d->at_cut;
		case NOVA_FRAME_DROPPED:
			take_dropped(d, &f->u.dropped);
			return true;
		case NOVA_FRAME_MORE:
			if (!d->from->left_out)
				break;
			d->from->left_out = !f->u.more.last;
			return true;
		case NOVA_FRAME_SIGNAL:
			take_signal(d, &f->u.signal);
			return true;
		case NOVA_FRAME_UNREADABLE:
			if (!is_skipped(d))
				break;
			d->unreadable++;
			return true;
		case NOVA_FRAME_CHUNK:
			take_chunk(d, &f->u.chunk);
			return true;
		case NOVA_FRAME_HELLO:
			return take_hello(d, &f->u.hello);
		case NOVA_FRAME_UNCHANGED:
			take_unchanged(d, &f->u.unchanged);
			return true;
		case NOVA_FRAME_STATS:
			plugintime_add(&d->plugin_times, &f->u.stats);
			return true;
		default:
			break;
	}
	d->holding = true;
	return false;
}

static bool
fill_run(Delivery *d)
{
	FrameStatus status = FRAME_READ;

	d->run_buf = d->payload;
	while (d->run_len < RUN_RECORDS &&
		   (status = frame_next(&d->from->reader, &d->held)) == FRAME_READ)
		if (!take_frame(d))
			break;
	if (d->error[0] != '\0')
		return false;
	if (status == FRAME_BAD)
	{
		snprintf(d->error, sizeof(d->error),
				 "%s; nothing of this transaction is confirmed; if it happens again at the same "
				 "place, report it with this line",
				 d->from->reader.error);
		return false;
	}
	d->payload_end = status == FRAME_END;
	return true;
}

static void
end_payload(Delivery *d)
{
	uint64_t unit = d->payload->unit;

	tracker_end(&d->tracker);
	if (d->tracker.next == unit)
		latency_fold(&d->latency, unit);
	if (d->kept == DELIVERY_KEPT_PREAMBLE)
		frame_transaction_begin(&d->from->reader);
	if (d->kept != DELIVERY_KEPT_NEW)
		delivery_kept(d, DELIVERY_KEPT_NEW);
	buffer_drop(&d->pool, d->payload, 1);
	d->payload = NULL;
	d->run_buf = NULL;
}

DeliveryStatus
delivery_pump(Delivery *d)
{
	if (d->books_wrong)
	{
		snprintf(
			d->error, sizeof(d->error),
			"the sink acknowledged records that were not outstanding; nothing more is confirmed; "
			"report this as a bug");
		return DELIVERY_FAILED;
	}
	if (d->error[0] != '\0')
		return DELIVERY_FAILED;
	while (d->payload != NULL)
	{
		if (d->run_len > 0)
		{
			DeliveryStatus status = send_run(d);

			if (status != DELIVERY_IDLE)
				return status;
		}
		else if (d->holding)
		{
			/* what is refused would be of the transaction that ends */
			if (d->sink->shut)
				return DELIVERY_FULL;
			if (!take_held(d))
				return DELIVERY_FAILED;
		}
		else if (d->at_cut)
		{
			d->at_cut = d->cut_wanted = false;
			return DELIVERY_CUT;
		}
		else if (d->payload_end)
			end_payload(d);
		else if (!fill_run(d))
			return DELIVERY_FAILED;
	}
	return DELIVERY_IDLE;
}

bool
delivery_adopt(Delivery *d, uint64_t lsn)
{
	/* while records are to be left out, their transaction is yet to come */
	return delivery_idle(d) && d->error[0] == '\0' && d->left_to_skip == 0 &&
		   tracker_adopt(&d->tracker, lsn, d->channels[DELIVERY_STREAM].reader.in_transaction);
}

DeliveryPosition
delivery_position(const Delivery *d)
{
	const FrameReader *stream = &d->channels[DELIVERY_STREAM].reader;
	uint64_t safe = tracker_safe_lsn(&d->tracker);
	/* the sink has a value as a whole, or not yet; one that is left out it has had */
	bool in_value = stream->in_value && !d->channels[DELIVERY_STREAM].left_out;
	DeliveryPosition position = {.lsn = d->received_lsn > safe ? d->received_lsn : safe,
								 .records = stream->records + d->unreadable - (in_value ? 1 : 0),
								 .options = d->options};

	if (d->left_to_skip > 0)
		return d->resumed;
	return position;
}

void
delivery_resume(Delivery *d, const DeliveryPosition *position)
{
	(void) tracker_adopt(&d->tracker, position->lsn, false);
	d->resumed = *position;
	d->left_to_skip = position->records;
	set_sifting(d);
}

void
delivery_cut_at_commit(Delivery *d, bool wanted)
{
	d->cut_wanted = wanted;
}

bool
delivery_in_transaction(const Delivery *d)
{
	return d->channels[DELIVERY_STREAM].reader.in_transaction;
}

bool
delivery_between_payloads(const Delivery *d)
{
	return d->payload == NULL;
}

size_t
delivery_held(const Delivery *d)
{
	return d->held_signals;
}

/* The payload that is being worked off, wherever that has stopped. */
static void
drop_payload(Delivery *d)
{
	if (d->run_buf != NULL && d->run_buf != d->payload)
		buffer_drop(&d->pool, d->run_buf, 1);
	d->run_buf = NULL;
	d->run_next = d->run_len = 0;
	d->holding = d->at_cut = d->cut_wanted = false;
	if (d->payload != NULL)
		buffer_drop(&d->pool, d->payload, 1);
	d->payload = NULL;
}

void
delivery_reset(Delivery *d, const DeliveryPosition *committed)
{
	const uint64_t safe = tracker_safe_lsn(&d->tracker);
	DeliveryPosition from = *committed;

	/* of the transaction that is there in part nothing was missing but its end, which came */
	if (from.records > 0 && safe > from.lsn)
		from = (DeliveryPosition){.lsn = safe, .options = from.options};
	tracker_give_up(&d->tracker);
	latency_forget(&d->latency);
	drop_payload(d);
	delivery_begin(d, DELIVERY_STREAM);
	d->dead_before = d->tracker.next;
	d->received_lsn = from.lsn;
	d->resumed = from;
	d->left_to_skip = from.records;
	set_sifting(d);
}

bool
delivery_idle(const Delivery *d)
{
	return d->payload == NULL && tracker_idle(&d->tracker);
}

bool
delivery_chunk_whole(const Delivery *d, unsigned channel)
{
	return d->channels[channel].whole;
}

uint64_t
delivery_channel_records(const Delivery *d, unsigned channel)
{
	return d->channels[channel].records;
}

uint64_t
delivery_mark(const Delivery *d)
{
	return d->tracker.next;
}

bool
delivery_reached(const Delivery *d, uint64_t mark)
{
	return d->tracker.first >= mark;
}

uint64_t
delivery_safe_lsn(const Delivery *d)
{
	return tracker_safe_lsn(&d->tracker);
}

uint64_t
delivery_commit_lsn(const Delivery *d)
{
	return tracker_commit_lsn(&d->tracker);
}

uint64_t
delivery_received_lsn(const Delivery *d)
{
	return d->received_lsn;
}

uint64_t
delivery_in_flight(const Delivery *d)
{
	return d->tracker.outstanding;
}

size_t
delivery_lent_bytes(const Delivery *d)
{
	return d->pool.bytes;
}

uint64_t
delivery_payloads_in_flight(const Delivery *d)
{
	return d->tracker.next - d->tracker.first;
}

void
delivery_measure(Delivery *d, int64_t now)
{
	latency_turn(&d->latency, d->tracker.first, delivery_in_transaction(d), now);
}

const Latency *
delivery_latency(const Delivery *d)
{
	return &d->latency;
}

const RouteCounts *
delivery_routes(const Delivery *d)
{
	return &d->by_route;
}

const PluginTimes *
delivery_plugin_times(const Delivery *d)
{
	return &d->plugin_times;
}

const DeliveryCounts *
delivery_counts(const Delivery *d)
{
	return &d->counts;
}

const char *
delivery_error(const Delivery *d)
{
	return d->error;
}

uint64_t
delivery_announcements(const Delivery *d)
{
	return d->announcements;
}

size_t
delivery_topic_count(const Delivery *d)
{
	return d->nroutes;
}

/* A route that could not be announced has none. */
const char *
delivery_topic(const Delivery *d, size_t n)
{
	return d->routes[n].topic != NULL ? d->routes[n].topic : "";
}
