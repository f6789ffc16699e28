/*
 * test_spool.c
 *		The spool's files: what is written is read, also by a run after, in streams
 *		that the delivery takes; what is torn is cut off, what is damaged is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/wire.h"
#include "spool.h"

#define MB UINT64_C(1048576)

static const SpoolOwner owner = {"7000000000000000001", "1", "slot", "db"};

static char dir[64];

/* A stream as the plugin writes it, payload by payload. */
typedef struct Stream
{
	char bytes[300000];
	size_t len;
	uint32_t crc;
	uint64_t records;
	uint64_t lsn;
} Stream;

static void
sum(Stream *s, const char *from)
{
	s->crc = nova_crc32c(s->crc, from, (size_t) (s->bytes + s->len - from));
}

static void
payload(Stream *s)
{
	s->len = 0;
}

static void
hello(Stream *s)
{
	NovaHello h = {NOVA_PROTOCOL_VERSION, 150020, {"0.1.0", 5}, {"{}", 2}};
	NovaRoute r = {3, {"cdc.t", 5}, {"public", 6}, {"t", 1}};
	char *start;

	s->len = (size_t) (nova_write_hello(s->bytes, &h) - s->bytes);
	s->crc = NOVA_CRC32C_INIT;
	s->records = 0;
	start = s->bytes + s->len;
	s->len = (size_t) (nova_write_route(start, &r) - s->bytes);
	sum(s, start);
}

static void
record(Stream *s, size_t size)
{
	char *start = s->bytes + s->len;
	char *p = nova_write_record_head(start, NOVA_OP_CREATE, 0, 3);

	p = nova_put_nbytes(p, "{\"id\":1}", 8);
	p = nova_put_u32(p, (uint32_t) size);
	memset(p, 'v', size);
	s->len = (size_t) (p + size - s->bytes);
	s->records++;
	sum(s, start);
}

static void
commit(Stream *s, uint64_t end_lsn)
{
	NovaCommit c = {0, 700, end_lsn - 1, end_lsn, 0, s->records, NOVA_CRC32C_FINAL(s->crc)};

	s->len = (size_t) (nova_write_commit(s->bytes + s->len, &c) - s->bytes);
	s->crc = NOVA_CRC32C_INIT;
	s->records = 0;
}

static SpoolPut
append(Spool *spool, Stream *s)
{
	return spool_append(spool, s->bytes, s->len, ++s->lsn, 0, 1000);
}

static Spool *
open_spool(uint64_t bytes_max)
{
	char err[1024];
	Spool *spool = spool_open(dir, bytes_max, err, sizeof(err));

	if (spool == NULL)
		fail_msg("%s", err);
	return spool;
}

static void
refused(const char *reason)
{
	char err[1024];

	assert_null(spool_open(dir, MB, err, sizeof(err)));
	if (strstr(err, reason) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err, reason);
}

/* Every file is a stream, and ends between transactions; returns the records. */
static uint64_t
read_all(Spool *spool)
{
	FrameReader reader = {0};
	uint64_t records = 0;
	SpoolItem item;
	NovaFrame frame;
	SpoolGet got;

	while ((got = spool_next(spool, 7, &item)) == SPOOL_READ)
	{
		FrameStatus status;

		if (item.begins)
		{
			assert_false(reader.in_transaction);
			frame_stream_begin(&reader);
		}
		frame_payload_begin(&reader, item.data, item.len, item.lsn);
		while ((status = frame_next(&reader, &frame)) == FRAME_READ)
			records += frame.type == NOVA_FRAME_RECORD;
		if (status != FRAME_END)
			fail_msg("%s", reader.error);
		if (item.preamble)
			frame_transaction_begin(&reader);
		free(item.data);
	}
	if (got != SPOOL_EMPTY)
		fail_msg("%s", spool_error(spool));
	assert_true(spool_drained(spool));
	frame_free(&reader);
	return records;
}

static size_t
files(uint64_t *first, uint64_t *last)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(d);
	*first = UINT64_MAX;
	*last = 0;
	while ((entry = readdir(d)) != NULL)
	{
		uint64_t number;

		if (strstr(entry->d_name, ".spool") == NULL)
			continue;
		number = strtoull(entry->d_name, NULL, 16);
		*first = number < *first ? number : *first;
		*last = number > *last ? number : *last;
		n++;
	}
	(void) closedir(d);
	return n;
}

static void
path_of(char *out, size_t size, uint64_t number)
{
	snprintf(out, size, "%s/%016llx.spool", dir, (unsigned long long) number);
}

static void
flip(uint64_t number, long at)
{
	char path[128];
	int c;
	FILE *f;

	path_of(path, sizeof(path), number);
	f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	c = fgetc(f);
	fseek(f, at, SEEK_SET);
	fputc(c ^ 1, f);
	fclose(f);
}

/* Transactions of two payloads each; the last of them is not committed. */
static void
fill(Spool *spool, int transactions, uint64_t lsn)
{
	static Stream s;

	assert_true(spool_begin(spool, &owner, lsn));
	s = (Stream){0};
	hello(&s);
	for (int i = 1; i <= transactions; i++)
	{
		record(&s, 20000);
		assert_int_equal(append(spool, &s), SPOOL_OK);
		payload(&s);
		record(&s, 10);
		commit(&s, lsn + (uint64_t) i * 100);
		assert_int_equal(append(spool, &s), SPOOL_OK);
		payload(&s);
	}
	record(&s, 10);
	assert_int_equal(append(spool, &s), SPOOL_OK);
}

static int
make_dir(void **state)
{
	(void) state;
	snprintf(dir, sizeof(dir), "/tmp/nova-spool.XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	uint64_t first;
	uint64_t last;
	char path[128];

	(void) state;
	if (files(&first, &last) > 0)
		for (uint64_t i = first; i <= last; i++)
		{
			path_of(path, sizeof(path), i);
			(void) unlink(path);
		}
	return rmdir(dir);
}

static void
a_queue_of_streams(void **state)
{
	Spool *spool = open_spool(MB);
	uint64_t first;
	uint64_t last;

	(void) state;
	assert_int_equal(spool_end(spool), 0);
	fill(spool, 20, 1000);
	assert_int_equal(spool_end(spool), 3000);
	/* what is durable is what is in files that are done, until all is written out */
	assert_true(spool_durable(spool) < 3000);
	assert_int_equal(spool_sync_due(spool), 1100);
	assert_true(spool_sync(spool));
	assert_int_equal(spool_durable(spool), 3000);
	assert_int_equal(spool_sync_due(spool), INT64_MAX);
	assert_true(files(&first, &last) > 2);
	assert_int_equal(read_all(spool), 41);
	/* all of it is delivered, and the rest of the transaction goes elsewhere */
	assert_true(spool_clear(spool));
	assert_int_equal(files(&first, &last), 0);
	assert_int_equal(spool_end(spool), 0);
	assert_int_equal(spool_numbers(spool).bytes, 0);
	assert_int_equal(spool_numbers(spool).entries, 0);
	spool_free(spool);
}

/* A new stream begins where the last whole transaction ends; so does a new run. */
static void
what_is_not_whole_is_cut(void **state)
{
	Spool *spool = open_spool(4 * MB);

	(void) state;
	fill(spool, 4, 1000);
	assert_int_equal(read_all(spool), 9);
	fill(spool, 2, 1400);
	assert_int_equal(read_all(spool), 5);
	spool_free(spool);

	spool = open_spool(4 * MB);
	assert_int_equal(spool_end(spool), 1600);
	assert_int_equal(spool_durable(spool), 1600);
	assert_true(spool_torn(spool) > 0);
	assert_string_equal(spool_owner(spool)->slot, "slot");
	/* the first 4, the next 2, nothing of what was open */
	assert_int_equal(read_all(spool), 12);
	fill(spool, 1, 1600);
	assert_int_equal(read_all(spool), 3);
	spool_free(spool);

	/* a stream of which nothing was whole leaves nothing, and nothing before it goes */
	spool = open_spool(4 * MB);
	fill(spool, 0, 1700);
	spool_free(spool);
	spool = open_spool(4 * MB);
	assert_int_equal(spool_end(spool), 1700);
	fill(spool, 0, 1700);
	fill(spool, 0, 1700);
	fill(spool, 1, 1700);
	assert_int_equal(read_all(spool), 17);
	spool_free(spool);
	/* nor a gap in the numbers */
	spool = open_spool(4 * MB);
	assert_int_equal(spool_end(spool), 1800);
	fill(spool, 0, 1800);
	spool_free(spool);
	spool = open_spool(4 * MB);
	fill(spool, 1, 1800);
	spool_free(spool);
	spool = open_spool(4 * MB);
	assert_int_equal(spool_end(spool), 1900);
	assert_int_equal(read_all(spool), 18);
	spool_free(spool);
}

/* Whoever only looks sees what a start would find, or why there is none, and leaves it. */
static void
looking_changes_nothing(void **state)
{
	SpoolSight sight;
	Spool *spool;
	char err[512];
	char nowhere[128];
	uint64_t first;
	uint64_t last;
	size_t n;

	(void) state;
	snprintf(nowhere, sizeof(nowhere), "%s/later", dir);
	assert_true(spool_look(nowhere, &sight, err, sizeof(err)));
	assert_false(sight.there);
	snprintf(nowhere, sizeof(nowhere), "%s/not/later", dir);
	assert_false(spool_look(nowhere, &sight, err, sizeof(err)));
	assert_non_null(strstr(err, "cannot be made"));

	spool = open_spool(MB);
	assert_true(spool_look(dir, &sight, err, sizeof(err)));
	assert_true(sight.there && sight.used);
	assert_int_equal(sight.numbers.bytes, 0);
	fill(spool, 20, 1000);
	assert_true(spool_look(dir, &sight, err, sizeof(err)));
	assert_true(sight.used);
	assert_int_equal(sight.numbers.bytes, spool_numbers(spool).bytes);
	assert_int_equal(sight.numbers.since, spool_numbers(spool).since);
	assert_string_equal(sight.owner.slot, "slot");
	n = files(&first, &last);
	spool_free(spool);

	assert_true(spool_look(dir, &sight, err, sizeof(err)));
	assert_true(sight.there && !sight.used);
	assert_int_equal(sight.end, 3000);
	assert_int_equal(sight.numbers.entries, 40 + n - 1);
	assert_true(sight.torn > 0);
	assert_string_equal(sight.owner.database, owner.database);
	flip(first, 2000);
	assert_false(spool_look(dir, &sight, err, sizeof(err)));
	assert_non_null(strstr(err, "checksum"));
	flip(first, 2000);
	spool = open_spool(MB);
	assert_int_equal(spool_end(spool), 3000);
	spool_free(spool);
}

/* Cut anywhere: the end is that of a transaction, and all before it can be read. */
static void
torn_anywhere(void **state)
{
	Spool *spool = open_spool(4 * MB);
	uint64_t first;
	uint64_t last;
	struct stat st;
	char path[128];
	uint64_t end = 1300;

	(void) state;
	fill(spool, 3, 1000);
	spool_free(spool);
	assert_int_equal(files(&first, &last), 1);
	path_of(path, sizeof(path), last);
	assert_int_equal(stat(path, &st), 0);
	for (off_t size = st.st_size; size >= 0; size -= size > 300 ? 97 : 1)
	{
		assert_int_equal(truncate(path, size), 0);
		spool = open_spool(4 * MB);
		assert_true(spool_end(spool) <= end);
		assert_true(spool_end(spool) % 100 == 0);
		end = spool_end(spool);
		assert_int_equal(read_all(spool), end == 0 ? 0 : (end - 1000) / 100 * 2);
		spool_free(spool);
	}
	assert_int_equal(end, 0);
}

static void
damage_is_found(void **state)
{
	Spool *spool = open_spool(MB);
	uint64_t first;
	uint64_t last;
	char path[128];
	char aside[160];

	(void) state;
	fill(spool, 20, 1000);
	spool_free(spool);
	assert_true(files(&first, &last) > 2);
	for (long at = 0; at < 9000; at += at < 200 ? 1 : 1501)
	{
		flip(first, at);
		refused("nothing behind it is delivered");
		flip(first, at);
	}
	path_of(path, sizeof(path), first + 1);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	refused("the file is missing");
	assert_int_equal(rename(aside, path), 0);
	/* found when it is read, if it happens in between */
	spool = open_spool(MB);
	flip(first, 8000);
	{
		SpoolItem item;

		assert_int_equal(spool_next(spool, 0, &item), SPOOL_UNREADABLE);
		assert_non_null(strstr(spool_error(spool), "fails its checksum"));
	}
	spool_free(spool);
	flip(first, 8000);
	spool = open_spool(MB);
	assert_int_equal(read_all(spool), 40);
	spool_free(spool);
}

static bool
reached(void *arg, uint64_t mark)
{
	return mark <= *(uint64_t *) arg;
}

static void
files_that_are_done(void **state)
{
	Spool *spool = open_spool(MB);
	uint64_t mark = 6;
	uint64_t first;
	uint64_t last;
	uint64_t bytes;

	(void) state;
	fill(spool, 20, 1000);
	assert_int_equal(spool_drop_done(spool, reached, &mark), 0);
	assert_int_equal(read_all(spool), 41);
	assert_int_equal(spool_drop_done(spool, reached, &mark), 0);
	bytes = spool_numbers(spool).bytes;
	mark = 7;
	assert_true(spool_drop_done(spool, reached, &mark) > 1);
	assert_true(spool_numbers(spool).bytes < bytes);
	assert_int_equal(files(&first, &last), 1);
	assert_true(spool_drained(spool));
	spool_free(spool);
	spool = open_spool(MB);
	assert_int_equal(spool_end(spool), 3000);
	spool_free(spool);
}

/* The payload that did not fit is appended once there is room. */
static void
full(void **state)
{
	static Stream s;
	Spool *spool = open_spool(300000);
	uint64_t mark = 7;
	SpoolPut put = SPOOL_OK;
	SpoolItem item;
	uint64_t lsn = 1000;

	(void) state;
	assert_true(spool_begin(spool, &owner, lsn));
	s = (Stream){0};
	hello(&s);
	while (put == SPOOL_OK)
	{
		record(&s, 20000);
		commit(&s, lsn += 100);
		put = append(spool, &s);
		if (put == SPOOL_OK)
			payload(&s);
	}
	assert_int_equal(put, SPOOL_FULL);
	assert_non_null(strstr(spool_error(spool), "nova.spool.max.mb"));
	assert_int_equal(append(spool, &s), SPOOL_FULL);
	assert_int_equal(spool_end(spool), lsn - 100);
	assert_int_equal(read_all(spool), (lsn - 1100) / 100);
	assert_true(spool_drop_done(spool, reached, &mark) > 0);
	assert_int_equal(append(spool, &s), SPOOL_OK);
	assert_int_equal(spool_end(spool), lsn);
	assert_false(spool_drained(spool));
	assert_int_equal(spool_next(spool, 8, &item), SPOOL_READ);
	free(item.data);
	assert_true(spool_drained(spool));
	spool_free(spool);
}

/* A quiet database; and what was delivered before is marked for whoever reads. */
static void
advance_and_had(void **state)
{
	static Stream s;
	Spool *spool = open_spool(MB);
	SpoolItem item;

	(void) state;
	assert_true(spool_begin(spool, &owner, 1000));
	s = (Stream){0};
	hello(&s);
	record(&s, 10);
	commit(&s, 1100);
	assert_int_equal(spool_append(spool, s.bytes, s.len, 1, 1100, 0), SPOOL_OK);
	payload(&s);
	record(&s, 10);
	/* one is open: the server's word is not for it */
	assert_int_equal(spool_append(spool, s.bytes, s.len, 2, 1100, 0), SPOOL_OK);
	assert_int_equal(spool_advance(spool, 1500, 0), SPOOL_OK);
	assert_int_equal(spool_end(spool), 1100);
	payload(&s);
	commit(&s, 1200);
	assert_int_equal(spool_append(spool, s.bytes, s.len, 3, 1100, 0), SPOOL_OK);
	assert_int_equal(spool_advance(spool, 1500, 0), SPOOL_OK);
	assert_int_equal(spool_end(spool), 1500);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(spool_next(spool, 0, &item), SPOOL_READ);
		assert_int_equal(item.had, i == 0);
		assert_int_equal(item.begins, i == 0);
		free(item.data);
	}
	assert_int_equal(spool_next(spool, 0, &item), SPOOL_EMPTY);
	assert_true(spool_drained(spool));
	spool_free(spool);
	spool = open_spool(MB);
	assert_int_equal(spool_end(spool), 1500);
	spool_free(spool);
}

static void
bad_frames_are_not_kept(void **state)
{
	static Stream s;
	Spool *spool = open_spool(MB);

	(void) state;
	assert_true(spool_begin(spool, &owner, 1000));
	s = (Stream){0};
	hello(&s);
	record(&s, 10);
	s.crc ^= 1;
	commit(&s, 1100);
	assert_int_equal(append(spool, &s), SPOOL_FAILED);
	assert_non_null(strstr(spool_error(spool), "fails its checksum"));
	assert_int_equal(spool_end(spool), 0);
	spool_free(spool);
}

static void
one_process(void **state)
{
	Spool *spool = open_spool(MB);

	(void) state;
	refused("another process uses it");
	spool_free(spool);
	spool_free(open_spool(MB));
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(a_queue_of_streams),
		SPOOL_TEST(what_is_not_whole_is_cut),
		SPOOL_TEST(looking_changes_nothing),
		SPOOL_TEST(torn_anywhere),
		SPOOL_TEST(damage_is_found),
		SPOOL_TEST(files_that_are_done),
		SPOOL_TEST(full),
		SPOOL_TEST(advance_and_had),
		SPOOL_TEST(bad_frames_are_not_kept),
		SPOOL_TEST(one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
