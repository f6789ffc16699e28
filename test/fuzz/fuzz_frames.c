/*-------------------------------------------------------------------------
 *
 * fuzz_frames.c
 *		libFuzzer target: no payloads may crash or stall the delivery, or make it
 *		confirm what its sink has not acknowledged.
 *
 * The input is flags, how many records the sink takes at once, and payloads, each
 * behind two bytes of length.  By flag a HELLO and a ROUTE come before them, and
 * counts and checksums are put right, since no mutation finds a CRC; what is not
 * put right has to be refused.
 *
 * The sink keeps what it was given until it is asked for acknowledgements, as a
 * broker would, and looks at every byte of it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/wire.h"
#include "../../relay/delivery.h"
#include "../../relay/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_GREET   0x01
#define FLAG_PROVE   0x02
#define FLAG_WATCH   0x04
#define FLAG_LATE    0x08 /* acknowledge at the end only */
#define CHANNEL_OF   0x30

#define PENDING      64
#define PAYLOADS_MAX 64

typedef struct FuzzSink
{
	Sink base;
	size_t at_once;
	Buffer *pending[PENDING];
	size_t npending;
	volatile char sum;
} FuzzSink;

typedef struct Proof
{
	uint32_t crc;
	uint64_t records;
} Proof;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	log_setup(LOG_ERROR, LOG_PLAIN);
	return 0;
}

static SinkStatus
take_route(Sink *sink, uint32_t id, const char *topic)
{
	(void) sink;
	if (id == NOVA_NO_ROUTE || strlen(topic) > NOVA_TOPIC_MAX)
		abort();
	return SINK_OK;
}

static void
look_at(FuzzSink *s, NovaBytes bytes, const Buffer *buf)
{
	if (bytes.len > 0 && (bytes.data < buf->data || bytes.data + bytes.len > buf->data + buf->len))
		abort();
	for (uint32_t i = 0; i < bytes.len; i++)
		s->sum = (char) (s->sum ^ bytes.data[i]);
}

static SinkStatus
produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	FuzzSink *s = (FuzzSink *) sink;

	for (*accepted = 0; *accepted < n && *accepted < s->at_once && s->npending < PENDING;
		 (*accepted)++)
	{
		look_at(s, records[*accepted].headers, buf);
		look_at(s, records[*accepted].key, buf);
		look_at(s, records[*accepted].value, buf);
		s->pending[s->npending++] = buf;
	}
	return *accepted == n ? SINK_OK : SINK_FULL;
}

/* A bad record is one like any other, which has an end of its own. */
static bool
refuse(Sink *sink, const BadRecord *bad, Buffer *buf)
{
	FuzzSink *s = (FuzzSink *) sink;

	if (sink->bad.policy == BAD_FAIL || strlen(bad->topic) > NOVA_TOPIC_MAX || bad->reason == NULL)
		abort();
	if (s->npending == PENDING)
	{
		strcpy(sink->error, "too many");
		return false;
	}
	s->pending[s->npending++] = buf;
	return true;
}

static SinkStatus
acknowledge(Sink *sink, size_t *acks)
{
	FuzzSink *s = (FuzzSink *) sink;

	*acks = s->npending;
	for (size_t i = 0; i < s->npending; i++)
		s->base.events.acked(s->base.events.arg, s->pending[i], 1);
	s->npending = 0;
	return SINK_OK;
}

static void
give_up(Sink *sink)
{
	FuzzSink *s = (FuzzSink *) sink;

	for (size_t i = 0; i < s->npending; i++)
		s->base.events.given_up(s->base.events.arg, s->pending[i], 1);
	s->npending = 0;
}

static size_t
max_record(const Sink *sink)
{
	(void) sink;
	return 1024;
}

static const SinkOps ops = {.name = "fuzz",
							.route = take_route,
							.produce = produce,
							.refuse = refuse,
							.poll = acknowledge,
							.max_record = max_record,
							.close = give_up};

static void
on_signal(void *arg, const NovaSignal *signal, uint64_t lsn)
{
	Delivery *d = arg;

	(void) lsn;
	if (signal->type.len % 2 == 0)
		delivery_release(d, delivery_hold(d));
}

static bool
on_record(void *arg, bool of_stream, const char *topic, NovaBytes key)
{
	(void) arg;
	return of_stream || strlen(topic) % 2 == key.len % 2;
}

static void
on_chunk(void *arg, const NovaChunk *chunk)
{
	(void) arg;
	(void) chunk;
}

/* Put counts and checksums right, frame by frame, as far as there are frames. */
static void
prove(Proof *p, char *payload, size_t len)
{
	NovaCursor c = {payload, len};
	NovaFrame f;

	for (const char *start = c.pos; nova_read_frame(&c, &f) == NULL; start = c.pos)
	{
		char *end = payload + (c.pos - payload);

		if (f.type == NOVA_FRAME_COMMIT || f.type == NOVA_FRAME_CHUNK)
		{
			nova_put_u64(end - 12, p->records);
			nova_put_u32(end - 4, NOVA_CRC32C_FINAL(p->crc));
			*p = (Proof){NOVA_CRC32C_INIT, 0};
			continue;
		}
		if (f.type == NOVA_FRAME_HELLO)
			*p = (Proof){NOVA_CRC32C_INIT, 0};
		else if (f.type != NOVA_FRAME_STATS && f.type != NOVA_FRAME_UNCHANGED)
			p->crc = nova_crc32c(p->crc, start, (size_t) (c.pos - start));
		p->records += f.type == NOVA_FRAME_RECORD;
	}
}

/* False: the stream is over. */
static bool
deliver(Delivery *d, FuzzSink *sink, unsigned channel, char *message, size_t len, bool late)
{
	uint64_t safe = delivery_safe_lsn(d);
	DeliveryStatus status;
	size_t acks;

	if (!delivery_take(d, channel, message, free, message, len, 0x1000))
		abort();
	while ((status = delivery_pump(d)) == DELIVERY_FULL)
	{
		if (sink->npending == 0)
			abort(); /* it would wait for ever */
		(void) acknowledge(&sink->base, &acks);
	}
	if (!late)
		(void) acknowledge(&sink->base, &acks);
	if (delivery_safe_lsn(d) < safe || delivery_safe_lsn(d) > delivery_received_lsn(d) ||
		(delivery_in_flight(d) == 0) != (sink->npending == 0))
		abort();
	if ((status == DELIVERY_FAILED) != (delivery_error(d)[0] != '\0'))
		abort();
	return status == DELIVERY_IDLE;
}

static char *
greeting(size_t *len)
{
	NovaHello hello = {NOVA_PROTOCOL_VERSION, 150000, {"0", 1}, {"{}", 2}};
	NovaRoute route = {0, {"topic", 5}, {"public", 6}, {"t", 1}};
	char *message = malloc(nova_hello_size(&hello) + nova_route_size(&route));

	*len = (size_t) (nova_write_route(nova_write_hello(message, &hello), &route) - message);
	return message;
}

static bool
deliver_next(Delivery *d, FuzzSink *sink, unsigned flags, Proof *proof, char *message, size_t len)
{
	static const unsigned channels[] = {DELIVERY_STREAM, DELIVERY_STREAM, 1, DELIVERY_INCREMENT};

	if (flags & FLAG_PROVE)
		prove(proof, message, len);
	return deliver(d, sink, channels[(flags & CHANNEL_OF) >> 4], message, len,
				   (flags & FLAG_LATE) != 0);
}

static void
play(Delivery *d, FuzzSink *sink, unsigned flags, const uint8_t *data, size_t size)
{
	Proof proof = {NOVA_CRC32C_INIT, 0};
	size_t len;
	char *message;

	if (flags & FLAG_GREET)
	{
		message = greeting(&len);
		if (!deliver_next(d, sink, flags, &proof, message, len))
			abort();
	}
	for (int i = 0; i < PAYLOADS_MAX && size >= 2; i++, data += len, size -= len)
	{
		len = (size_t) data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		message = malloc(len > 0 ? len : 1);
		memcpy(message, data, len);
		if (!deliver_next(d, sink, flags, &proof, message, len))
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Delivery *d = delivery_new();
	FuzzSink sink = {.base = {.ops = &ops}};

	if (size >= 2)
	{
		sink.base.events = delivery_events(d);
		sink.at_once = data[1] > 0 ? data[1] : 1;
		sink.base.bad.policy = data[1] >= 128 ? BAD_SKIP : BAD_FAIL;
		delivery_set_sink(d, &sink.base);
		delivery_listen(d, (DeliveryListener){d, on_signal, on_record, on_chunk});
		delivery_watch(d, (data[0] & FLAG_WATCH) != 0);
		delivery_begin(d, DELIVERY_STREAM);
		delivery_begin(d, 1);
		delivery_begin(d, DELIVERY_INCREMENT);
		play(d, &sink, data[0], data + 2, size - 2);
		sink_close(&sink.base);
	}
	delivery_free(d);
	return 0;
}
