/*
 * test_frame.c
 *		The order of frames, counts and checksums, and every cut.
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
#include "frame.h"

/* Writes payloads as the plugin does. */
typedef struct Writer
{
	char bytes[4096];
	char *pos;
	uint32_t crc;
	uint64_t records;
} Writer;

static NovaBytes
text(const char *s)
{
	return (NovaBytes){s, (uint32_t) strlen(s)};
}

static void
begin(Writer *w)
{
	w->pos = w->bytes;
}

static void
hello(Writer *w, uint16_t protocol)
{
	NovaHello h = {protocol, 150020, text("0.1.0"), text("{}")};

	w->pos = nova_write_hello(w->pos, &h);
	w->crc = NOVA_CRC32C_INIT;
	w->records = 0;
}

static void
sum(Writer *w, const char *start)
{
	w->crc = nova_crc32c(w->crc, start, (size_t) (w->pos - start));
}

static void
route(Writer *w, uint32_t id, const char *topic)
{
	NovaRoute r = {id, text(topic), text("public"), text("t")};
	char *start = w->pos;

	w->pos = nova_write_route(w->pos, &r);
	sum(w, start);
}

static void
record(Writer *w, uint32_t id, uint16_t flags, const char *key, const char *value)
{
	char *start = w->pos;

	w->pos = nova_write_record_head(w->pos, NOVA_OP_CREATE, flags, id);
	w->pos = nova_put_nbytes(w->pos, key, key != NULL ? (uint32_t) strlen(key) : 0);
	w->pos = nova_put_nbytes(w->pos, value, value != NULL ? (uint32_t) strlen(value) : 0);
	w->records++;
	sum(w, start);
}

static void
more(Writer *w, bool last, const char *part)
{
	char *start = w->pos;

	w->pos = nova_write_more_head(w->pos, last, (uint32_t) strlen(part));
	w->pos = nova_put_raw(w->pos, part, strlen(part));
	sum(w, start);
}

static void
commit_with(Writer *w, uint64_t records, uint32_t crc, uint64_t end_lsn)
{
	NovaCommit c = {0, 700, 1000, end_lsn, 0, records, crc};

	w->pos = nova_write_commit(w->pos, &c);
	w->crc = NOVA_CRC32C_INIT;
	w->records = 0;
}

static void
commit(Writer *w)
{
	commit_with(w, w->records, NOVA_CRC32C_FINAL(w->crc), 2000);
}

/* Of no transaction: it is not summed up. */
static void
stats(Writer *w)
{
	NovaStats s = {text("public"), text("t"), 64, 40000};

	w->pos = nova_write_stats(w->pos, &s);
}

static void
unchanged(Writer *w)
{
	NovaUnchanged u = {2000, 3};

	w->pos = nova_write_unchanged(w->pos, &u);
}

static void
signal_frame(Writer *w)
{
	NovaSignal s = {text("log"), text(""), text("{\"message\": \"x\"}")};
	char *start = w->pos;

	w->pos = nova_write_signal(w->pos, &s);
	sum(w, start);
	assert_int_equal(w->pos - start, nova_signal_size(&s));
}

static void
unreadable(Writer *w)
{
	NovaUnreadable u = {NOVA_OP_UPDATE, UINT64_C(0x100000002), 700, text("cdc.t"), text("public"),
						text("t"),      text("no such label")};
	char *start = w->pos;

	w->pos = nova_write_unreadable(w->pos, &u);
	sum(w, start);
	assert_int_equal(w->pos - start, nova_unreadable_size(&u));
}

static void
chunk_with(Writer *w, uint64_t records, uint32_t crc)
{
	NovaChunk k = {NOVA_KF_END, text("{\"7\"}"), records, crc};
	const char *start = w->pos;

	w->pos = nova_write_chunk(w->pos, &k);
	assert_int_equal(w->pos - start, nova_chunk_size(&k));
	w->crc = NOVA_CRC32C_INIT;
	w->records = 0;
}

/* Reads all of a payload; the string of frame types ends with '.' or '!'. */
static void
read_types(FrameReader *r, const char *data, size_t len, char *types)
{
	NovaFrame f;
	FrameStatus status;

	frame_payload_begin(r, data, len, UINT64_C(0x1000000ABC));
	while ((status = frame_next(r, &f)) == FRAME_READ)
		*types++ = f.type;
	*types++ = status == FRAME_END ? '.' : '!';
	*types = '\0';
}

static void
expect(FrameReader *r, const Writer *w, const char *expected)
{
	char types[256];

	read_types(r, w->bytes, (size_t) (w->pos - w->bytes), types);
	assert_string_equal(types, expected);
}

/* A fresh stream with one payload that ends badly; the reason is in the error. */
static void
expect_error(const Writer *w, const char *expected, const char *reason)
{
	FrameReader r = {0};

	frame_stream_begin(&r);
	expect(&r, w, expected);
	if (strstr(r.error, reason) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", r.error, reason);
	assert_non_null(strstr(r.error, "LSN 10/ABC"));
	frame_free(&r);
}

static void
whole_transactions(void **state)
{
	Writer w;
	FrameReader r = {0};

	(void) state;
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "cdc.t");
	record(&w, 0, 0, "{\"id\":1}", "{}");
	record(&w, 0, 0, NULL, NULL);
	commit(&w);
	record(&w, 0, 0, "k", "");
	commit(&w);
	expect(&r, &w, "HTRRCRC.");
	assert_false(r.in_transaction);
	frame_free(&r);
}

/* A record that says in which partition it goes, from when it is, or both. */
static void
placed_records(void **state)
{
	static const NovaPlace places[] = {{.has_partition = true, .partition = INT32_MAX},
									   {.has_timestamp = true, .timestamp = 1582979696789},
									   {true, true, 3, -1}};
	char bytes[64];

	(void) state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		const NovaPlace *place = &places[i];
		char *end = nova_write_record_head(bytes, NOVA_OP_CREATE, nova_place_flags(place), 0);
		NovaCursor c;
		NovaFrame f;

		end = nova_write_place(end, place);
		end = nova_put_nbytes(nova_put_nbytes(end, "k", 1), NULL, 0);
		c = (NovaCursor){bytes, (size_t) (end - bytes)};
		assert_null(nova_read_frame(&c, &f));
		assert_int_equal(c.remaining, 0);
		assert_int_equal(f.u.record.place.has_partition, place->has_partition);
		assert_int_equal(f.u.record.place.partition, place->partition);
		assert_int_equal(f.u.record.place.has_timestamp, place->has_timestamp);
		assert_int_equal(f.u.record.place.timestamp, place->timestamp);
		assert_int_equal(f.u.record.key.len, 1);
		/* every byte that is missing is missed */
		for (size_t len = 0; len < (size_t) (end - bytes); len++)
		{
			c = (NovaCursor){bytes, len};
			assert_non_null(nova_read_frame(&c, &f));
		}
	}
	/* a partition that no int32 holds */
	(void) nova_put_u32(nova_write_record_head(bytes, NOVA_OP_CREATE, NOVA_RF_PARTITION, 0),
						UINT32_C(0x80000000));
	assert_non_null(nova_read_frame(&(NovaCursor){bytes, sizeof(bytes)}, &(NovaFrame){0}));
}

static void
a_transaction_over_payloads(void **state)
{
	Writer w;
	FrameReader r = {0};

	(void) state;
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 3, "cdc.t");
	record(&w, 3, 0, "a", "1");
	expect(&r, &w, "HTR.");
	assert_true(r.in_transaction);
	begin(&w);
	record(&w, 3, 0, "b", "2");
	expect(&r, &w, "R.");
	begin(&w);
	commit(&w);
	expect(&r, &w, "C.");
	assert_false(r.in_transaction);
	frame_free(&r);
}

/* What is told between transactions, in the middle of one, and in a snapshot. */
static void
refused_elsewhere(FrameReader *r, void (*told)(Writer *), const char *name)
{
	Writer w;
	char message[64];

	begin(&w);
	record(&w, 0, 0, "k", "3");
	told(&w);
	expect(r, &w, "R!");
	snprintf(message, sizeof(message), "%s within a transaction", name);
	assert_non_null(strstr(r->error, message));
	frame_chunk_begin(r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	told(&w);
	expect(r, &w, "H!");
	snprintf(message, sizeof(message), "%s in a snapshot", name);
	assert_non_null(strstr(r->error, message));
}

static void
a_change_that_cannot_be_read(void **state)
{
	Writer w;
	FrameReader r = {0};
	NovaFrame f;
	NovaCursor c;

	(void) state;
	begin(&w);
	unreadable(&w);
	for (size_t len = 0; len < (size_t) (w.pos - w.bytes); len++)
	{
		c = (NovaCursor){w.bytes, len};
		assert_non_null(nova_read_frame(&c, &f));
	}
	c = (NovaCursor){w.bytes, (size_t) (w.pos - w.bytes)};
	assert_null(nova_read_frame(&c, &f));
	assert_int_equal(f.u.unreadable.op, NOVA_OP_UPDATE);
	assert_int_equal(f.u.unreadable.lsn, UINT64_C(0x100000002));
	assert_int_equal(f.u.unreadable.xid, 700);
	assert_int_equal(f.u.unreadable.topic.len, 5);
	assert_memory_equal(f.u.unreadable.schema.data, "public", 6);
	assert_memory_equal(f.u.unreadable.table.data, "t", 1);
	assert_memory_equal(f.u.unreadable.reason.data, "no such label", 13);
	/* it opens a transaction, is no record, and is in the checksum */
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	unreadable(&w);
	expect(&r, &w, "HU.");
	assert_true(r.in_transaction);
	begin(&w);
	commit(&w);
	expect(&r, &w, "C.");
	assert_false(r.in_transaction);
	frame_free(&r);
}

static void
stats_between_transactions(void **state)
{
	Writer w;
	FrameReader r = {0};
	NovaFrame f;
	NovaCursor c;

	(void) state;
	begin(&w);
	stats(&w);
	for (size_t len = 0; len < (size_t) (w.pos - w.bytes); len++)
	{
		c = (NovaCursor){w.bytes, len};
		assert_non_null(nova_read_frame(&c, &f));
	}
	c = (NovaCursor){w.bytes, (size_t) (w.pos - w.bytes)};
	assert_null(nova_read_frame(&c, &f));
	assert_int_equal(c.remaining, 0);
	assert_memory_equal(f.u.stats.schema.data, "public", 6);
	assert_memory_equal(f.u.stats.table.data, "t", 1);
	assert_int_equal(f.u.stats.changes, 64);
	assert_int_equal(f.u.stats.ns, 40000);
	/* first of all, alone, and in a payload with others; in no count and no checksum */
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	stats(&w);
	expect(&r, &w, "HN.");
	assert_false(r.in_transaction);
	begin(&w);
	stats(&w);
	stats(&w);
	expect(&r, &w, "NN.");
	begin(&w);
	route(&w, 0, "t");
	record(&w, 0, 0, "k", "1");
	commit(&w);
	stats(&w);
	record(&w, 0, 0, "k", "2");
	commit(&w);
	expect(&r, &w, "TRCNRC.");
	refused_elsewhere(&r, stats, "STATS");
	frame_free(&r);
}

static void
unchanged_between_transactions(void **state)
{
	Writer w;
	FrameReader r = {0};
	NovaFrame f;
	NovaCursor c;

	(void) state;
	begin(&w);
	unchanged(&w);
	assert_int_equal(w.pos - w.bytes, NOVA_UNCHANGED_SIZE);
	for (size_t len = 0; len < NOVA_UNCHANGED_SIZE; len++)
	{
		c = (NovaCursor){w.bytes, len};
		assert_non_null(nova_read_frame(&c, &f));
	}
	c = (NovaCursor){w.bytes, NOVA_UNCHANGED_SIZE};
	assert_null(nova_read_frame(&c, &f));
	assert_int_equal(c.remaining, 0);
	assert_int_equal(f.u.unchanged.end_lsn, 2000);
	assert_int_equal(f.u.unchanged.count, 3);
	/* of transactions that have records, and of one that has none */
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	unchanged(&w);
	route(&w, 0, "t");
	record(&w, 0, 0, "k", "1");
	commit(&w);
	unchanged(&w);
	stats(&w);
	record(&w, 0, 0, "k", "2");
	commit(&w);
	expect(&r, &w, "HETRCENRC.");
	begin(&w);
	unchanged(&w);
	expect(&r, &w, "E.");
	assert_false(r.in_transaction);
	refused_elsewhere(&r, unchanged, "UNCHANGED");
	frame_free(&r);
}

static void
values_that_go_on(void **state)
{
	Writer w;
	FrameReader r = {0};

	(void) state;
	frame_stream_begin(&r);
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "t");
	record(&w, 0, NOVA_RF_MORE, "k", "part");
	more(&w, false, "of");
	expect(&r, &w, "HTRM.");
	begin(&w);
	more(&w, true, "it");
	commit(&w);
	expect(&r, &w, "MC.");
	frame_free(&r);
}

static void
order_is_checked(void **state)
{
	Writer w;

	(void) state;
	begin(&w);
	route(&w, 0, "t");
	expect_error(&w, "!", "does not begin with HELLO");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION + 1);
	expect_error(&w, "!", "speaks protocol 3, this relay speaks protocol 2");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	hello(&w, NOVA_PROTOCOL_VERSION);
	expect_error(&w, "H!", "second HELLO");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	record(&w, 5, 0, NULL, "v");
	expect_error(&w, "H!", "never announced");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, FRAME_MAX_ROUTES, "t");
	expect_error(&w, "H!", "route id out of range");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	more(&w, true, "x");
	expect_error(&w, "H!", "MORE without");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "t");
	record(&w, 0, NOVA_RF_MORE, NULL, "v");
	commit(&w);
	expect_error(&w, "HTR!", "no MORE follows");
}

static void
commits_are_checked(void **state)
{
	Writer w;

	(void) state;
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "t");
	record(&w, 0, 0, NULL, "v");
	commit_with(&w, 2, NOVA_CRC32C_FINAL(w.crc), 2000);
	expect_error(&w, "HTR!", "has 2 records by its commit, but 1 arrived");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "t");
	record(&w, 0, 0, NULL, "v");
	commit_with(&w, 1, NOVA_CRC32C_FINAL(w.crc) ^ 1, 2000);
	expect_error(&w, "HTR!", "fails its checksum");

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	commit_with(&w, 0, NOVA_CRC32C_FINAL(w.crc), 0);
	expect_error(&w, "H!", "without an end LSN");
}

/* Bytes of the exact length, so that a sanitizer sees a read past the end. */
/* A chunk of a snapshot ends as a transaction does; signals count for both. */
static void
signals_and_chunks(void **state)
{
	FrameReader r = {0};
	NovaFrame f;
	Writer w;
	char types[64];

	(void) state;
	for (int wrong = 0; wrong < 3; wrong++)
	{
		begin(&w);
		hello(&w, NOVA_PROTOCOL_VERSION);
		route(&w, 0, "cdc.t");
		record(&w, 0, 0, "{\"id\":7}", "{\"id\":7}");
		signal_frame(&w);
		chunk_with(&w, w.records + (wrong == 1), NOVA_CRC32C_FINAL(w.crc) ^ (wrong == 2));
		frame_chunk_begin(&r);
		read_types(&r, w.bytes, (size_t) (w.pos - w.bytes), types);
		assert_string_equal(types, wrong ? "HTRS!" : "HTRSK.");
	}
	assert_non_null(strstr(r.error, "the chunk fails its checksum"));

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	signal_frame(&w);
	chunk_with(&w, 0, NOVA_CRC32C_FINAL(w.crc));
	frame_chunk_begin(&r);
	frame_payload_begin(&r, w.bytes, (size_t) (w.pos - w.bytes), 1);
	assert_int_equal(frame_next(&r, &f), FRAME_READ);
	assert_int_equal(frame_next(&r, &f), FRAME_READ);
	assert_memory_equal(f.u.signal.type.data, "log", 3);
	assert_int_equal(f.u.signal.id.len, 0);
	assert_int_equal(f.u.signal.data.len, 16);
	assert_true(r.in_transaction);
	assert_int_equal(frame_next(&r, &f), FRAME_READ);
	assert_false(r.in_transaction);
	assert_int_equal(f.u.chunk.flags, NOVA_KF_END);
	assert_memory_equal(f.u.chunk.position.data, "{\"7\"}", 5);
	assert_int_equal(frame_next(&r, &f), FRAME_END);
	frame_free(&r);
}

/* What ends a transaction ends no chunk, and the other way round; nothing follows a chunk. */
static void
ends_of_the_other_kind(void **state)
{
	FrameReader r = {0};
	Writer w;
	char types[64];

	(void) state;
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "cdc.t");
	record(&w, 0, 0, "{\"id\":7}", "{\"id\":7}");
	commit(&w);
	frame_chunk_begin(&r);
	read_types(&r, w.bytes, (size_t) (w.pos - w.bytes), types);
	assert_string_equal(types, "HTR!");
	assert_non_null(strstr(r.error, "COMMIT in a snapshot"));

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	chunk_with(&w, 0, NOVA_CRC32C_FINAL(w.crc));
	frame_stream_begin(&r);
	read_types(&r, w.bytes, (size_t) (w.pos - w.bytes), types);
	assert_string_equal(types, "H!");
	assert_non_null(strstr(r.error, "CHUNK in the stream"));

	hello(&w, NOVA_PROTOCOL_VERSION);
	frame_chunk_begin(&r);
	read_types(&r, w.bytes, (size_t) (w.pos - w.bytes), types);
	assert_string_equal(types, "HK!");
	assert_non_null(strstr(r.error, "a second HELLO"));

	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "cdc.t");
	chunk_with(&w, 0, NOVA_CRC32C_FINAL(w.crc));
	record(&w, 0, 0, "{\"id\":7}", "{\"id\":7}");
	frame_chunk_begin(&r);
	read_types(&r, w.bytes, (size_t) (w.pos - w.bytes), types);
	assert_string_equal(types, "HTK!");
	assert_non_null(strstr(r.error, "a frame behind CHUNK"));
	frame_free(&r);
}

static void
every_cut_and_every_flipped_byte(void **state)
{
	Writer w;
	size_t len;
	char types[256];

	(void) state;
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "cdc.t");
	record(&w, 0, 0, "{\"id\":1}", "{\"id\":1}");
	record(&w, 0, NOVA_RF_MORE, NULL, "x");
	more(&w, true, "y");
	signal_frame(&w);
	commit(&w);
	len = (size_t) (w.pos - w.bytes);
	for (size_t cut = 0; cut < len; cut++)
	{
		char *copy = malloc(cut > 0 ? cut : 1);
		FrameReader r = {0};

		memcpy(copy, w.bytes, cut);
		frame_stream_begin(&r);
		read_types(&r, copy, cut, types);
		assert_null(strchr(types, 'C'));
		frame_free(&r);
		free(copy);
	}
	/* HELLO is not covered by the checksum; everything else is, or is checked */
	for (size_t at = nova_hello_size(&(NovaHello){0, 0, text("0.1.0"), text("{}")}); at < len; at++)
	{
		char *copy = malloc(len);
		FrameReader r = {0};

		memcpy(copy, w.bytes, len);
		copy[at] = (char) (copy[at] ^ 0x41);
		frame_stream_begin(&r);
		read_types(&r, copy, len, types);
		/* xid, LSNs, time and flags of the COMMIT are free to be anything */
		if (at < len - NOVA_COMMIT_SIZE)
			assert_null(strchr(types, 'C'));
		frame_free(&r);
		free(copy);
	}
}

static void
random_bytes_do_no_harm(void **state)
{
	char types[1024];

	(void) state;
	srand(7);
	for (int round = 0; round < 20000; round++)
	{
		size_t len = (size_t) rand() % 64;
		char *bytes = malloc(len > 0 ? len : 1);
		FrameReader r = {0};

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char) (rand() % 4 == 0 ? rand() : "HTRMDC"[rand() % 6]);
		frame_stream_begin(&r);
		r.greeted = round % 2 == 0;
		read_types(&r, bytes, len, types);
		frame_free(&r);
		free(bytes);
	}
}

static void
headers_are_checked(void **state)
{
	Writer w;
	char *start;

	(void) state;
	begin(&w);
	hello(&w, NOVA_PROTOCOL_VERSION);
	route(&w, 0, "t");
	start = w.pos;
	w.pos = nova_write_record_head(w.pos, NOVA_OP_MESSAGE, NOVA_RF_HEADERS, 0);
	w.pos = nova_put_bytes32(w.pos, "\0\1\0\5ab", 6);
	w.pos = nova_put_nbytes(w.pos, NULL, 0);
	w.pos = nova_put_nbytes(w.pos, NULL, 0);
	sum(&w, start);
	expect_error(&w, "HT!", "headers are malformed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_transactions),
		cmocka_unit_test(placed_records),
		cmocka_unit_test(a_transaction_over_payloads),
		cmocka_unit_test(a_change_that_cannot_be_read),
		cmocka_unit_test(stats_between_transactions),
		cmocka_unit_test(unchanged_between_transactions),
		cmocka_unit_test(values_that_go_on),
		cmocka_unit_test(order_is_checked),
		cmocka_unit_test(commits_are_checked),
		cmocka_unit_test(signals_and_chunks),
		cmocka_unit_test(ends_of_the_other_kind),
		cmocka_unit_test(every_cut_and_every_flipped_byte),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(headers_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
