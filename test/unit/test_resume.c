/*
 * test_resume.c
 *		Exactly once without Kafka: a delivery over a sink with transactions, which
 *		are committed and aborted, streams that break and processes that die, at
 *		random points.  What was committed is every record, once, in order.
 *
 * NOVA_SEED in the environment repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../src/wire.h"
#include "delivery.h"
#include "log.h"

#define TRANSACTIONS 40
#define ROUNDS       400
#define RECORDS_MAX  30
#define PAYLOAD_MAX  4096

typedef struct TestSink
{
	Sink sink;
	char values[200000]; /* each with a newline */
	size_t produced;     /* bytes of these */
	size_t committed;
	Buffer *bufs[20000]; /* of the records that are open */
	size_t nbufs;
} TestSink;

static TestSink out;
static unsigned seed;
static size_t sizes[TRANSACTIONS]; /* records of each */
static const char *options = "{}";

static int
chance(int n)
{
	return rand_r(&seed) % n;
}

/* The sink */

static SinkStatus
on_route(Sink *sink, uint32_t id, const char *topic)
{
	(void) sink;
	(void) id;
	(void) topic;
	return SINK_OK;
}

static SinkStatus
on_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	(void) sink;
	*accepted = (size_t) chance((int) n + 2);
	if (*accepted > n)
		*accepted = n;
	for (size_t i = 0; i < *accepted; i++)
	{
		memcpy(out.values + out.produced, records[i].value.data, records[i].value.len);
		out.produced += records[i].value.len;
		out.values[out.produced++] = '\n';
		out.bufs[out.nbufs++] = buf;
	}
	return *accepted == n ? SINK_OK : SINK_FULL;
}

static size_t
max_record(const Sink *sink)
{
	(void) sink;
	return 1000;
}

static const SinkOps ops = {
	.name = "test", .route = on_route, .produce = on_produce, .max_record = max_record};

static void
settle(SinkEvents events, bool commit)
{
	if (commit)
		out.committed = out.produced;
	out.produced = out.committed;
	for (size_t i = 0; i < out.nbufs; i++)
		(commit ? events.acked : events.given_up)(events.arg, out.bufs[i], 1);
	out.nbufs = 0;
}

/* The stream */

typedef struct Stream
{
	size_t transaction; /* the next record's */
	size_t record;
	size_t parts; /* of its value that were sent */
	bool greeted;
	uint32_t crc;
} Stream;

static uint64_t
end_of(size_t transaction)
{
	return 1000 + transaction * 100;
}

static Stream
stream_from(uint64_t lsn)
{
	Stream s = {.crc = NOVA_CRC32C_INIT};

	while (s.transaction < TRANSACTIONS && end_of(s.transaction) <= lsn)
		s.transaction++;
	return s;
}

static NovaBytes
text(const char *s)
{
	return (NovaBytes){s, (uint32_t) strlen(s)};
}

static bool
is_long(size_t transaction, size_t record)
{
	return (transaction + record) % 7 == 0;
}

static char *
put_record(char *pos, Stream *s)
{
	char value[64];
	int len = snprintf(value, sizeof(value), "%zu.%zu", s->transaction, s->record);
	bool more = is_long(s->transaction, s->record);

	if (s->parts == 0)
	{
		pos = nova_write_record_head(pos, NOVA_OP_CREATE, more ? NOVA_RF_MORE : 0, 5);
		pos = nova_put_nbytes(pos, "k", 1);
		pos = nova_put_nbytes(pos, value, (uint32_t) len);
	}
	else
	{
		pos = nova_write_more_head(pos, s->parts == 2, 1);
		pos = nova_put_raw(pos, "+", 1);
	}
	s->parts = more ? (s->parts + 1) % 3 : 0;
	s->record += s->parts == 0;
	return pos;
}

/* A payload that ends anywhere between two frames. */
static size_t
next_payload(Stream *s, char *bytes)
{
	static const NovaRoute route = {5, {"t", 1}, {"public", 6}, {"t", 1}};
	NovaHello hello = {NOVA_PROTOCOL_VERSION, 150020, text("0.1.0"), text(options)};
	char *pos = bytes;
	char *start;

	if (!s->greeted)
	{
		pos = nova_write_hello(pos, &hello);
		start = pos;
		pos = nova_write_route(pos, &route);
		s->crc = nova_crc32c(s->crc, start, (size_t) (pos - start));
		s->greeted = true;
	}
	for (int frames = 1 + chance(40); frames > 0 && s->transaction < TRANSACTIONS; frames--)
	{
		start = pos;
		if (s->record < sizes[s->transaction])
		{
			pos = put_record(pos, s);
			s->crc = nova_crc32c(s->crc, start, (size_t) (pos - start));
			continue;
		}
		pos =
			nova_write_commit(pos, &(NovaCommit){0, 7, 1, end_of(s->transaction), 0,
												 sizes[s->transaction], NOVA_CRC32C_FINAL(s->crc)});
		s->crc = NOVA_CRC32C_INIT;
		s->transaction++;
		s->record = 0;
	}
	return (size_t) (pos - bytes);
}

/* The run */

/* What the sink has when all transactions that end there or before are in it. */
static size_t
bytes_to(uint64_t lsn)
{
	size_t n = 0;

	for (size_t t = 0; t < TRANSACTIONS && end_of(t) <= lsn; t++)
		for (size_t i = 0; i < sizes[t]; i++)
			n += (size_t) snprintf(NULL, 0, "%zu.%zu%s\n", t, i, is_long(t, i) ? "++" : "");
	return n;
}

/*
 * Safe may be behind the position, but not behind what is committed: a COMMIT whose
 * records all were counts at once, and the position of that in the next commit.
 */
static void
commit_here(Delivery *d, DeliveryPosition *committed)
{
	*committed = delivery_position(d);
	settle(delivery_events(d), true);
	assert_true(bytes_to(delivery_safe_lsn(d)) <= out.committed);
}

static Stream
begin_stream(Delivery *d, const DeliveryPosition *at)
{
	DeliveryPosition from = *at;

	delivery_begin(d, DELIVERY_STREAM);
	delivery_resume(d, &from);
	/* a keepalive must not move the position past a transaction that is to go on */
	assert_int_equal(delivery_adopt(d, from.lsn), from.records == 0);
	return stream_from(from.lsn);
}

static Delivery *
new_delivery(void)
{
	Delivery *d = delivery_new();

	assert_non_null(d);
	delivery_set_sink(d, &out.sink);
	return d;
}

static void
feed(Delivery *d, Stream *s)
{
	char *message = malloc(PAYLOAD_MAX);
	size_t len = next_payload(s, message);

	assert_true(len <= PAYLOAD_MAX);
	assert_true(delivery_take(d, DELIVERY_STREAM, message, free, message, len, 77));
}

/* All of it went through once; faults: how often something breaks, one in so many turns. */
static void
one_run(int faults)
{
	DeliveryPosition committed = {0};
	Delivery *d = new_delivery();
	Stream s = begin_stream(d, &committed);

	while (committed.lsn < end_of(TRANSACTIONS - 1))
	{
		DeliveryStatus status = delivery_pump(d);
		bool whole = delivery_between_payloads(d);

		assert_int_not_equal(status, DELIVERY_FAILED);
		if (status == DELIVERY_CUT || (whole && (chance(6) == 0 || s.transaction == TRANSACTIONS)))
			commit_here(d, &committed);
		else if (whole)
			feed(d, &s);
		if (chance(3) == 0)
			delivery_cut_at_commit(d, true);
		if (chance(faults) > 0)
			continue;
		if (chance(3) == 0 && delivery_between_payloads(d))
		{
			/* the connection is lost: what was received counts */
			commit_here(d, &committed);
			assert_true(delivery_idle(d));
			s = begin_stream(d, &committed);
			continue;
		}
		settle(delivery_events(d), false);
		if (chance(2) == 0)
			delivery_reset(d, &committed);
		else
		{
			delivery_free(d);
			d = new_delivery();
		}
		assert_true(delivery_idle(d));
		s = begin_stream(d, &committed);
	}
	delivery_free(d);
}

static void
expected(char *all)
{
	*all = '\0';
	for (size_t t = 0; t < TRANSACTIONS; t++)
		for (size_t i = 0; i < sizes[t]; i++)
			all += sprintf(all, "%zu.%zu%s\n", t, i, is_long(t, i) ? "++" : "");
}

static void
test_random_runs(void **state)
{
	static char all[200000];

	(void) state;
	for (int round = 0; round < ROUNDS; round++)
	{
		for (size_t t = 0; t < TRANSACTIONS; t++)
			sizes[t] = 1 + (size_t) chance(RECORDS_MAX);
		out.committed = out.produced = 0;
		one_run(4 + chance(100));
		expected(all);
		if (strlen(all) != out.committed || memcmp(all, out.values, out.committed) != 0)
			fail_msg("round %d: not every record once, in order", round);
	}
}

static Delivery *
resumed(uint64_t records, const char *their_options)
{
	DeliveryPosition at = {.lsn = end_of(0), .records = records};
	Delivery *d = new_delivery();
	Stream s;

	at.options =
		NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, their_options, strlen(their_options)));
	s = begin_stream(d, &at);
	while (s.transaction < 3 && delivery_error(d)[0] == '\0')
	{
		if (delivery_pump(d) == DELIVERY_IDLE)
			feed(d, &s);
	}
	return d;
}

static void
expect_end(Delivery *d, const char *error)
{
	DeliveryStatus status;

	while ((status = delivery_pump(d)) == DELIVERY_FULL)
		;
	assert_int_equal(status, error != NULL ? DELIVERY_FAILED : DELIVERY_IDLE);
	if (error != NULL)
		assert_non_null(strstr(delivery_error(d), error));
	settle(delivery_events(d), false);
	delivery_free(d);
}

/* Another stream than the one that was cut is told by what little is known of it. */
static void
test_another_stream(void **state)
{
	(void) state;
	for (size_t t = 0; t < TRANSACTIONS; t++)
		sizes[t] = 5;
	expect_end(resumed(5, "{}"), NULL);
	expect_end(resumed(6, "{}"), "the position in Kafka is wrong: 6 records");
	expect_end(resumed(2, "{\"a\":1}"), "written with other options of the plugin");
	/* only a transaction that goes on needs the same options */
	expect_end(resumed(0, "{\"a\":1}"), NULL);
	/* how much is in a write decides no record, and had another default once */
	options = "{\"a\":1,\"batch.bytes\":98304,\"batch.hold\":true}";
	expect_end(resumed(2, "{\"a\":1,\"batch.bytes\":32768,\"batch.hold\":true}"), NULL);
	expect_end(resumed(2, "{\"a\":2,\"batch.bytes\":32768,\"batch.hold\":true}"),
			   "written with other options of the plugin");
	options = "{}";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_runs),
		cmocka_unit_test(test_another_stream),
	};
	const char *given = getenv("NOVA_SEED");

	seed = given != NULL ? (unsigned) atoi(given) : (unsigned) time(NULL);
	printf("# NOVA_SEED=%u\n", seed);
	log_setup(LOG_ERROR, LOG_PLAIN);
	out.sink.ops = &ops;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
