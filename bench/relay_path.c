/*-------------------------------------------------------------------------
 *
 * relay_path.c
 *		The relay's way from a received message to a safe LSN, to be counted.
 *
 *	relay_path batched|single RECORDS
 *
 * bench/guard runs it under callgrind: measured() is what is counted, reference()
 * what it is compared with where another compiler made both.  Messages are made
 * before, as the plugin writes them; the sink takes everything and acknowledges
 * it when polled.  No file, no network, no clock: the same every time.
 *
 *		batched		transactions of 100 records in payloads of up to 32 KiB
 *		single		one-record transactions, each in a payload of its own
 *
 * The first half of the messages is not counted: by then all memory is there.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copydata.h"
#include "../src/wire.h"
#include "delivery.h"

#define PAYLOAD_SIZE 32768
#define RECORD_SIZE  256
#define MAX_LENT     256
#define TIME         INT64_C(1697123456789000)

/* A compiler keeps the function by its name, and as it is. */
#ifdef __clang__
#define NAMED __attribute__((noinline))
#else
#define NAMED __attribute__((noipa))
#endif

typedef struct Message
{
	char *data;
	size_t len;
} Message;

typedef struct Messages
{
	Message *all;
	size_t n;
} Messages;

typedef struct FakeSink
{
	Sink sink;
	Buffer *lent[MAX_LENT];
	uint32_t counts[MAX_LENT];
	size_t nlent;
} FakeSink;

static void
die(const char *what)
{
	fprintf(stderr, "relay_path: %s\n", what);
	exit(1);
}

static SinkStatus
fake_route(Sink *sink, uint32_t id, const char *topic)
{
	(void) sink;
	(void) id;
	(void) topic;
	return SINK_OK;
}

static SinkStatus
fake_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	FakeSink *fake = (FakeSink *) sink;

	(void) records;
	if (fake->nlent == MAX_LENT)
		die("more runs in a message than expected");
	fake->lent[fake->nlent] = buf;
	fake->counts[fake->nlent++] = (uint32_t) n;
	*accepted = n;
	return SINK_OK;
}

static SinkStatus
fake_poll(Sink *sink, size_t *acks)
{
	FakeSink *fake = (FakeSink *) sink;

	*acks = 0;
	for (size_t i = 0; i < fake->nlent; i++)
	{
		*acks += fake->counts[i];
		sink->events.acked(sink->events.arg, fake->lent[i], fake->counts[i]);
	}
	fake->nlent = 0;
	return SINK_OK;
}

static size_t
fake_max_record(const Sink *sink)
{
	(void) sink;
	return 1000000;
}

static const SinkOps fake_ops = {.name = "fake",
								 .route = fake_route,
								 .produce = fake_produce,
								 .poll = fake_poll,
								 .max_record = fake_max_record};

/* The message around a payload that begins behind its header. */
static char *
message_begin(Messages *m, uint64_t lsn)
{
	char *p = calloc(1, COPYDATA_WAL_HEADER + PAYLOAD_SIZE);

	if (p == NULL)
		die("out of memory");
	m->all[m->n].data = p;
	*p++ = 'w';
	p = nova_put_u64(p, lsn);
	p = nova_put_u64(p, lsn);
	return nova_put_u64(p, 0);
}

static void
message_end(Messages *m, const char *pos)
{
	m->all[m->n].len = (size_t) (pos - m->all[m->n].data);
	m->n++;
}

static char *
put_preamble(char *p, uint32_t *crc)
{
	NovaHello hello = {NOVA_PROTOCOL_VERSION, 150000, {"0.1.0", 5}, {"{}", 2}};
	NovaRoute route = {0, {"cdc.users", 9}, {"public", 6}, {"users", 5}};
	char *start = nova_write_hello(p, &hello);

	p = nova_write_route(start, &route);
	*crc = nova_crc32c(*crc, start, (size_t) (p - start));
	return p;
}

static char *
put_record(char *p, size_t n, uint32_t *crc)
{
	char *start = p;
	char key[40];
	char value[160];
	int key_len = snprintf(key, sizeof(key), "{\"id\":%08zu}", 10000000 + n);
	int value_len =
		snprintf(value, sizeof(value),
				 "{\"id\":%08zu,\"a\":123,\"b\":4567,\"c\":\"row %08zu\","
				 "\"ts\":1697123456789,\"__op\":\"c\",\"__source_ts_ms\":1697123456789}",
				 10000000 + n, n);

	p = nova_write_record_head(p, NOVA_OP_CREATE, 0, 0);
	p = nova_put_nbytes(p, key, (uint32_t) key_len);
	p = nova_put_nbytes(p, value, (uint32_t) value_len);
	*crc = nova_crc32c(*crc, start, (size_t) (p - start));
	return p;
}

static char *
put_commit(char *p, uint64_t lsn, uint64_t records, uint32_t crc)
{
	NovaCommit commit = {0, 1000, lsn, lsn + 8, TIME, records, NOVA_CRC32C_FINAL(crc)};

	return nova_write_commit(p, &commit);
}

/* So many records, in transactions of per; a payload ends when it is full, or with each of these. */
static void
make_messages(Messages *m, size_t records, size_t per, bool each)
{
	uint32_t crc = NOVA_CRC32C_INIT;
	uint64_t lsn = 0x1000000;
	char *p = put_preamble(message_begin(m, lsn), &crc);

	for (size_t n = 1; n <= records; n++)
	{
		p = put_record(p, n, &crc);
		lsn += 64;
		if (n % per == 0)
		{
			p = put_commit(p, lsn, per, crc);
			crc = NOVA_CRC32C_INIT;
		}
		if (n < records &&
			((each && n % per == 0) || p - m->all[m->n].data > PAYLOAD_SIZE - RECORD_SIZE))
		{
			message_end(m, p);
			p = message_begin(m, lsn);
		}
	}
	message_end(m, p);
}

/* The memory goes with the process. */
static void
keep(void *data)
{
	(void) data;
}

/* What relay.c does with a message, in the order in which it does. */
static void
deliver(Delivery *d, Sink *sink, const Message *message)
{
	CopyDataMessage m;
	size_t acks;

	if (copydata_parse(message->data, message->len, &m) != COPYDATA_DATA ||
		!delivery_take(d, DELIVERY_STREAM, message->data, keep, m.payload, m.payload_len, m.lsn))
		die("a message is not taken");
	if (delivery_pump(d) != DELIVERY_IDLE)
		die(delivery_error(d));
	sink_poll(sink, &acks);
	delivery_measure(d, TIME);
}

NAMED static void
measured(Delivery *d, Sink *sink, const Messages *m)
{
	for (size_t i = m->n / 2; i < m->n; i++)
		deliver(d, sink, &m->all[i]);
}

/*
 * The same work whatever becomes of the relay: plain loops with branches, calls
 * of no library.
 */
NAMED static uint32_t
reference(const Messages *m)
{
	uint32_t hash = 5381;

	for (size_t i = m->n / 2; i < m->n; i++)
		for (size_t k = 0; k < m->all[i].len; k++)
		{
			unsigned char c = (unsigned char) m->all[i].data[k];

			if (c < 0x20 || c == '"' || c == '\\')
				hash ^= c;
			else
				hash = hash * 33 + c;
		}
	return hash;
}

static uint64_t
run(const Messages *m)
{
	FakeSink fake = {.sink = {.ops = &fake_ops}};
	Delivery *d = delivery_new();
	uint64_t before;

	if (d == NULL)
		die("out of memory");
	fake.sink.events = delivery_events(d);
	delivery_set_sink(d, &fake.sink);
	delivery_begin(d, DELIVERY_STREAM);
	for (size_t i = 0; i < m->n / 2; i++)
		deliver(d, &fake.sink, &m->all[i]);
	before = delivery_counts(d)->acked;
	measured(d, &fake.sink, m);
	if (!delivery_idle(d))
		die("something is not acknowledged");
	return delivery_counts(d)->acked - before;
}

int
main(int argc, char **argv)
{
	Messages m = {0};
	size_t records;
	bool single;
	uint64_t counted;

	if (argc != 3)
		die("usage: relay_path batched|single RECORDS");
	single = strcmp(argv[1], "single") == 0;
	records = strtoul(argv[2], NULL, 10);
	m.all = calloc(records, sizeof(*m.all));
	if (m.all == NULL || records < 200 || records % 100 != 0)
		die("RECORDS is a multiple of 100, and no less than 200");
	make_messages(&m, records, single ? 1 : 100, single);
	counted = run(&m);
	/* the hash is printed so that no compiler leaves it out */
	printf("%llu records, hash %u\n", (unsigned long long) counted, (unsigned) reference(&m));
	return 0;
}
