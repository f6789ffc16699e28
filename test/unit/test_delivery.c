/*
 * test_delivery.c
 *		What is not as its COMMIT or CHUNK says is never confirmed, even when
 *		Kafka has acknowledged every record of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/wire.h"
#include "delivery.h"
#include "log.h"

#define LSN       UINT64_C(0x1000000ABC)
#define MAX_LENT  64
#define GOOD_END  2000
#define WRONG_END 3000

/* A sink that takes everything and acknowledges it when polled. */
typedef struct FakeSink
{
	Sink sink;
	Buffer *lent[MAX_LENT];
	uint32_t counts[MAX_LENT];
	size_t nlent;
	size_t records;
	size_t refused;
} FakeSink;

static SinkStatus
fake_route(Sink *sink, uint32_t id, const char *topic)
{
	(void) sink;
	(void) id;
	assert_string_equal(topic, "cdc.t");
	return SINK_OK;
}

static SinkStatus
fake_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	FakeSink *fake = (FakeSink *) sink;

	(void) records;
	assert_true(fake->nlent < MAX_LENT);
	fake->lent[fake->nlent] = buf;
	fake->counts[fake->nlent++] = (uint32_t) n;
	fake->records += n;
	*accepted = n;
	return SINK_OK;
}

static bool
fake_refuse(Sink *sink, const BadRecord *bad, Buffer *buf)
{
	FakeSink *fake = (FakeSink *) sink;

	assert_true(bad->unreadable);
	fake->lent[fake->nlent] = buf;
	fake->counts[fake->nlent++] = 1;
	fake->refused++;
	return true;
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
	return 1000;
}

static const SinkOps fake_ops = {.name = "fake",
								 .route = fake_route,
								 .produce = fake_produce,
								 .refuse = fake_refuse,
								 .poll = fake_poll,
								 .max_record = fake_max_record};

/* A payload as the plugin writes it. */
typedef struct Payload
{
	char bytes[1024];
	char *pos;
	char *record; /* where the last one begins */
	uint32_t crc;
	uint64_t records;
} Payload;

static void
begin(Payload *p)
{
	p->pos = p->bytes;
	p->crc = NOVA_CRC32C_INIT;
	p->records = 0;
}

static void
sum_from(Payload *p, const char *start)
{
	p->crc = nova_crc32c(p->crc, start, (size_t) (p->pos - start));
}

static void
hello_and_route_with(Payload *p, const char *options)
{
	NovaHello h = {
		NOVA_PROTOCOL_VERSION, 150020, {"0.1.0", 5}, {options, (uint32_t) strlen(options)}};
	NovaRoute r = {0, {"cdc.t", 5}, {"public", 6}, {"t", 1}};
	const char *start;

	p->pos = nova_write_hello(p->pos, &h);
	start = p->pos;
	p->pos = nova_write_route(p->pos, &r);
	sum_from(p, start);
}

static void
hello_and_route(Payload *p)
{
	hello_and_route_with(p, "{}");
}

static void
record(Payload *p, const char *key)
{
	p->record = p->pos;
	p->pos = nova_write_record_head(p->pos, NOVA_OP_CREATE, 0, 0);
	p->pos = nova_put_nbytes(p->pos, key, (uint32_t) strlen(key));
	p->pos = nova_put_nbytes(p->pos, "{\"v\":1}", 7);
	p->records++;
	sum_from(p, p->record);
}

static void
commit(Payload *p, uint64_t records, uint32_t crc, uint64_t end_lsn)
{
	NovaCommit c = {0, 700, end_lsn - 1, end_lsn, 0, records, crc};

	p->pos = nova_write_commit(p->pos, &c);
	p->crc = NOVA_CRC32C_INIT;
	p->records = 0;
}

static void
chunk(Payload *p, uint64_t records, uint32_t crc)
{
	NovaChunk k = {NOVA_KF_END, {"", 0}, records, crc};

	p->pos = nova_write_chunk(p->pos, &k);
}

typedef enum Damage
{
	NO_DAMAGE,
	FLIPPED_BIT,    /* in a record */
	MISSING_RECORD, /* its bytes are not there */
	WRONG_COUNT,    /* the bytes are right */
	WRONG_CRC,
	DAMAGES
} Damage;

/* Two records and their end, harmed. */
static void
damaged(Payload *p, Damage damage, bool chunked)
{
	record(p, "{\"id\":1}");
	record(p, "{\"id\":2}");
	if (damage == FLIPPED_BIT)
		p->pos[-2] = (char) (p->pos[-2] ^ 1);
	if (damage == MISSING_RECORD)
		p->pos = p->record;
	if (chunked)
		chunk(p, p->records + (damage == WRONG_COUNT),
			  NOVA_CRC32C_FINAL(p->crc) ^ (damage == WRONG_CRC));
	else
		commit(p, p->records + (damage == WRONG_COUNT),
			   NOVA_CRC32C_FINAL(p->crc) ^ (damage == WRONG_CRC), WRONG_END);
}

static const char *const reasons[DAMAGES] = {
	[FLIPPED_BIT] = "fails its checksum",
	[MISSING_RECORD] = "2 records by its",
	[WRONG_COUNT] = "3 records by its",
	[WRONG_CRC] = "fails its checksum",
};

static void
hand_over(Delivery *d, unsigned channel, const Payload *p)
{
	size_t len = (size_t) (p->pos - p->bytes);
	char *message = malloc(len);

	memcpy(message, p->bytes, len);
	assert_true(delivery_take(d, channel, message, free, message, len, LSN));
}

static void
acknowledge_all(FakeSink *fake)
{
	size_t acks;

	assert_int_equal(fake_poll(&fake->sink, &acks), SINK_OK);
}

static Delivery *
open_delivery(FakeSink *fake)
{
	Delivery *d = delivery_new();

	assert_non_null(d);
	*fake = (FakeSink){.sink = {.ops = &fake_ops, .events = delivery_events(d)}};
	delivery_set_sink(d, &fake->sink);
	return d;
}

static void
expect_failure(Delivery *d, const char *reason)
{
	assert_int_equal(delivery_pump(d), DELIVERY_FAILED);
	if (strstr(delivery_error(d), reason) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", delivery_error(d), reason);
	assert_non_null(strstr(delivery_error(d), "LSN 10/ABC"));
	assert_non_null(strstr(delivery_error(d), "nothing of this transaction is confirmed"));
	/* it stays so */
	assert_int_equal(delivery_pump(d), DELIVERY_FAILED);
}

/* One good transaction, then a damaged one in a payload of its own. */
static void
damaged_transactions(void **state)
{
	(void) state;
	for (Damage damage = NO_DAMAGE; damage < DAMAGES; damage++)
	{
		FakeSink fake;
		Delivery *d = open_delivery(&fake);
		Payload p;

		delivery_begin(d, DELIVERY_STREAM);
		begin(&p);
		hello_and_route(&p);
		record(&p, "{\"id\":0}");
		commit(&p, p.records, NOVA_CRC32C_FINAL(p.crc), GOOD_END);
		hand_over(d, DELIVERY_STREAM, &p);
		assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
		begin(&p);
		damaged(&p, damage, false);
		hand_over(d, DELIVERY_STREAM, &p);
		if (damage == NO_DAMAGE)
			assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
		else
			expect_failure(d, reasons[damage]);
		acknowledge_all(&fake);
		assert_int_equal(delivery_safe_lsn(d), damage == NO_DAMAGE ? WRONG_END : GOOD_END);
		/* nor does the server's word that it has nothing more */
		assert_int_equal(delivery_adopt(d, WRONG_END + 1), damage == NO_DAMAGE);
		assert_int_equal(delivery_safe_lsn(d), damage == NO_DAMAGE ? WRONG_END + 1 : GOOD_END);
		assert_int_equal(delivery_counts(d)->transactions, damage == NO_DAMAGE ? 2 : 1);
		assert_int_equal(delivery_counts(d)->proved, damage == NO_DAMAGE ? 3 : 1);
		delivery_free(d);
	}
}

/* A damaged transaction spoils the good one behind it, too. */
static void
nothing_behind_the_damage(void **state)
{
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	Payload p;

	(void) state;
	delivery_begin(d, DELIVERY_STREAM);
	begin(&p);
	hello_and_route(&p);
	damaged(&p, WRONG_COUNT, false);
	record(&p, "{\"id\":3}");
	commit(&p, 1, NOVA_CRC32C_FINAL(p.crc), WRONG_END + 1000);
	hand_over(d, DELIVERY_STREAM, &p);
	expect_failure(d, "3 records by its commit, but 2 arrived");
	acknowledge_all(&fake);
	assert_int_equal(delivery_safe_lsn(d), 0);
	assert_int_equal(delivery_counts(d)->transactions, 0);
	delivery_free(d);
}

/* A chunk of a snapshot that is not proved is not whole: the snapshot goes on from before it. */
static void
damaged_chunks(void **state)
{
	(void) state;
	for (Damage damage = NO_DAMAGE; damage < DAMAGES; damage++)
	{
		FakeSink fake;
		Delivery *d = open_delivery(&fake);
		Payload p;

		delivery_begin(d, 1);
		begin(&p);
		hello_and_route(&p);
		damaged(&p, damage, true);
		hand_over(d, 1, &p);
		if (damage == NO_DAMAGE)
			assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
		else
			expect_failure(d, reasons[damage]);
		acknowledge_all(&fake);
		assert_int_equal(delivery_chunk_whole(d, 1), damage == NO_DAMAGE);
		assert_int_equal(delivery_counts(d)->chunks, damage == NO_DAMAGE);
		assert_int_equal(delivery_counts(d)->proved, damage == NO_DAMAGE ? 2 : 0);
		delivery_free(d);
	}
}

/* The bytes that are counted are those under the checksums: all but HELLO and COMMIT. */
static void
bytes_are_counted(void **state)
{
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	uint64_t under = 0;
	Payload p;

	(void) state;
	delivery_begin(d, DELIVERY_STREAM);
	begin(&p);
	hello_and_route(&p);
	under -= (uint64_t) nova_hello_size(&(NovaHello){0, 0, {"0.1.0", 5}, {"{}", 2}});
	record(&p, "a");
	under += (uint64_t) (p.pos - p.bytes);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(delivery_counts(d)->proved_bytes, 0);
	p.pos = p.bytes;
	record(&p, "b");
	under += (uint64_t) (p.pos - p.bytes);
	commit(&p, p.records, NOVA_CRC32C_FINAL(p.crc), GOOD_END);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(delivery_counts(d)->proved_bytes, under);
	assert_int_equal(delivery_counts(d)->proved, 2);
	acknowledge_all(&fake);
	assert_int_equal(delivery_safe_lsn(d), GOOD_END);
	delivery_free(d);
}

/* A transaction as far as it is there: of three changes the second cannot be read. */
static void
partly_unreadable(Payload *p, const char *options)
{
	const NovaUnreadable u = {NOVA_OP_CREATE, LSN,      700,     {"cdc.t", 5},
							  {"public", 6},  {"t", 1}, {"x", 1}};

	begin(p);
	hello_and_route_with(p, options);
	record(p, "{\"id\":1}");
	p->record = p->pos;
	p->pos = nova_write_unreadable(p->pos, &u);
	sum_from(p, p->record);
	record(p, "{\"id\":3}");
}

/* Cut behind it, it is not refused again; and the list of what is got past may differ. */
static void
what_cannot_be_read_counts(void **state)
{
	DeliveryPosition at;
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	Payload p;

	(void) state;
	fake.sink.bad.policy = BAD_DLQ;
	partly_unreadable(&p, "{\"a\":1,\"guarded.lsns\":\"0/1\",\"z\":1}");
	delivery_begin(d, DELIVERY_STREAM);
	hand_over(d, DELIVERY_STREAM, &p);
	/* nothing is refused while a transaction ends */
	fake.sink.shut = true;
	assert_int_equal(delivery_pump(d), DELIVERY_FULL);
	assert_int_equal(fake.refused, 0);
	fake.sink.shut = false;
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(fake.records, 2);
	assert_int_equal(fake.refused, 1);
	at = delivery_position(d);
	assert_int_equal(at.records, 3);
	acknowledge_all(&fake);
	delivery_free(d);

	d = open_delivery(&fake);
	fake.sink.bad.policy = BAD_DLQ;
	/* of a newer plugin, which tells of itself */
	partly_unreadable(&p,
					  "{\"a\":1,\"guarded.lsns\":\"0/1,0/2\",\"stats.interval.ms\":1000,\"z\":1}");
	record(&p, "{\"id\":4}");
	delivery_begin(d, DELIVERY_STREAM);
	delivery_resume(d, &at);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(fake.records, 1);
	assert_int_equal(fake.refused, 0);
	assert_int_equal(delivery_position(d).records, 4);
	acknowledge_all(&fake);
	delivery_free(d);

	d = open_delivery(&fake);
	partly_unreadable(&p, "{\"a\":2,\"guarded.lsns\":\"0/1\",\"z\":1}");
	delivery_begin(d, DELIVERY_STREAM);
	delivery_resume(d, &at);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_FAILED);
	assert_non_null(strstr(delivery_error(d), "with other options of the plugin"));
	delivery_free(d);

	d = open_delivery(&fake);
	partly_unreadable(&p, "{\"a\":1,\"guarded.lsns\":\"\",\"stats.interval.ms\":1,\"z\":2}");
	delivery_begin(d, DELIVERY_STREAM);
	delivery_resume(d, &at);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_FAILED);
	delivery_free(d);
}

/*
 * Kafka has all records of a transaction, and its position says so; then its COMMIT comes,
 * alone, which makes its end safe; then what comes behind that is aborted.  The stream
 * begins behind it, so that nothing of it may be left out.
 */
static void
aborted_behind_a_lone_commit(void **state)
{
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	DeliveryPosition committed;
	uint32_t crc;
	Payload p;

	(void) state;
	delivery_begin(d, DELIVERY_STREAM);
	begin(&p);
	hello_and_route(&p);
	record(&p, "{\"id\":1}");
	record(&p, "{\"id\":2}");
	crc = NOVA_CRC32C_FINAL(p.crc);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	acknowledge_all(&fake);
	committed = delivery_position(d);
	assert_int_equal(committed.records, 2);
	begin(&p);
	commit(&p, 2, crc, GOOD_END);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(delivery_safe_lsn(d), GOOD_END);

	delivery_reset(d, &committed);
	assert_int_equal(delivery_received_lsn(d), GOOD_END);
	begin(&p);
	hello_and_route(&p);
	record(&p, "{\"id\":3}");
	commit(&p, 1, NOVA_CRC32C_FINAL(p.crc), WRONG_END);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(fake.records, 3);
	acknowledge_all(&fake);
	assert_int_equal(delivery_safe_lsn(d), WRONG_END);
	delivery_free(d);
}

/* What tables cost is taken out of the stream, and nothing waits for it. */
static void
stats_are_no_records(void **state)
{
	const NovaStats stats = {{"s", 1}, {"t", 1}, 64, 40000};
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	Payload p;

	(void) state;
	begin(&p);
	hello_and_route(&p);
	p.pos = nova_write_stats(p.pos, &stats);
	delivery_begin(d, DELIVERY_STREAM);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_true(delivery_idle(d));
	assert_false(delivery_in_transaction(d));
	assert_int_equal(delivery_position(d).records, 0);
	assert_int_equal(delivery_counts(d)->records, 0);
	assert_int_equal(delivery_plugin_times(d)->n, 1);
	assert_string_equal(delivery_plugin_times(d)->rows[0].table, "s.t");
	assert_int_equal(delivery_plugin_times(d)->rows[0].ns, 40000);
	delivery_free(d);
}

/* A stream that begins again tells of transactions that were told of before. */
static void
unchanged_once(void **state)
{
	const NovaUnchanged told[] = {{1000, 2}, {1100, 3}, {1200, 5}};
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	Payload p;

	(void) state;
	for (size_t first = 0; first < 2; first++)
	{
		begin(&p);
		hello_and_route(&p);
		for (size_t i = first; i < first + 2; i++)
			p.pos = nova_write_unchanged(p.pos, &told[i]);
		delivery_begin(d, DELIVERY_STREAM);
		hand_over(d, DELIVERY_STREAM, &p);
		assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
		assert_int_equal(delivery_counts(d)->unchanged, first == 0 ? 5 : 10);
	}
	assert_true(delivery_idle(d));
	assert_int_equal(delivery_counts(d)->records, 0);
	assert_int_equal(delivery_counts(d)->transactions, 0);
	assert_int_equal(delivery_counts(d)->dropped, 0);
	delivery_free(d);
}

/* From the spool: a stream that is told its routes again, and what the sink has had. */
static void
kept_payloads(void **state)
{
	FakeSink fake;
	Delivery *d = open_delivery(&fake);
	Payload p;

	(void) state;
	delivery_begin(d, DELIVERY_STREAM);
	begin(&p);
	hello_and_route(&p);
	hand_over(d, DELIVERY_STREAM, &p);
	delivery_kept(d, DELIVERY_KEPT_PREAMBLE);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	/* its checksum is not that of the routes */
	begin(&p);
	record(&p, "{\"id\":1}");
	commit(&p, 1, NOVA_CRC32C_FINAL(p.crc), GOOD_END);
	hand_over(d, DELIVERY_STREAM, &p);
	delivery_kept(d, DELIVERY_KEPT_HAD);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(fake.records, 0);
	assert_int_equal(delivery_safe_lsn(d), GOOD_END);
	hand_over(d, DELIVERY_STREAM, &p);
	assert_int_equal(delivery_pump(d), DELIVERY_IDLE);
	assert_int_equal(fake.records, 1);
	/* what is left out is checked all the same */
	begin(&p);
	record(&p, "{\"id\":2}");
	commit(&p, 1, NOVA_CRC32C_FINAL(p.crc) ^ 1, WRONG_END);
	hand_over(d, DELIVERY_STREAM, &p);
	delivery_kept(d, DELIVERY_KEPT_HAD);
	expect_failure(d, "fails its checksum");
	acknowledge_all(&fake);
	assert_int_equal(delivery_safe_lsn(d), GOOD_END);
	delivery_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_payloads),
		cmocka_unit_test(damaged_transactions),
		cmocka_unit_test(nothing_behind_the_damage),
		cmocka_unit_test(damaged_chunks),
		cmocka_unit_test(bytes_are_counted),
		cmocka_unit_test(what_cannot_be_read_counts),
		cmocka_unit_test(aborted_behind_a_lone_commit),
		cmocka_unit_test(stats_are_no_records),
		cmocka_unit_test(unchanged_once),
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
