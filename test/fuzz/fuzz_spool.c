/*-------------------------------------------------------------------------
 *
 * fuzz_spool.c
 *		libFuzzer target: no files may crash the spool's reader or keep it for ever, or
 *		make it give what was not written; and whoever only looks finds the same.
 *
 * The input is flags, the length of the first file, and the bytes of two.  By flag they
 * get a head, and checksums are put right, since no mutation finds a CRC.  What is
 * given is compared with the bytes themselves, by a walk of our own that knows the
 * format and nothing of the reader; by flag something is appended, and all of it has to
 * be there for a run after.
 *
 *-------------------------------------------------------------------------
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/wire.h"
#include "../../relay/spool.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_HEAD   0x01
#define FLAG_PROVE  0x02
#define FLAG_SECOND 0x04
#define FLAG_APPEND 0x08

#define FILES       2
#define BYTES_MAX   (UINT64_C(1) << 20)

typedef struct FuzzFile
{
	unsigned char bytes[SPOOL_HEAD_MAX + 65536];
	size_t len;
	size_t pos; /* of the walk; 0: before its head */
} FuzzFile;

static FuzzFile files[FILES];
static char dir[40];
static const SpoolOwner owner = {"7000000000000000001", "1", "slot", "db"};

static void
file_path(char path[80], uint64_t number)
{
	snprintf(path, 80, "%s/%016" PRIx64 ".spool", dir, number);
}

/* A few more than there are: those that the spool itself makes. */
static void
remove_files(void)
{
	char path[80];

	for (uint64_t i = 0; i <= FILES + 2; i++)
	{
		file_path(path, i);
		(void) unlink(path);
	}
}

static void
remove_dir(void)
{
	remove_files();
	(void) rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	/* every run waits for the disk: memory is one that answers at once */
	snprintf(dir, sizeof(dir), "%s/nova-fuzz-spool.XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	return atexit(remove_dir);
}

/*
 * The format, once more
 */

static uint64_t
get(const unsigned char *p, int n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

static size_t
head_size(const FuzzFile *f)
{
	return f->len >= 16 ? (size_t) get(f->bytes + 8, 4) : 0;
}

/* Is there all of an entry?  Its size. */
static size_t
entry_size(const FuzzFile *f, size_t pos)
{
	uint64_t len;

	if (pos > f->len || f->len - pos < SPOOL_ENTRY_HEAD)
		return 0;
	len = get(f->bytes + pos + 4, 4);
	return len <= f->len - pos - SPOOL_ENTRY_HEAD ? SPOOL_ENTRY_HEAD + (size_t) len : 0;
}

static uint32_t
sum(const unsigned char *entry, size_t size)
{
	return NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, (const char *) entry + 4, size - 4));
}

/* Returns the end of the last commit. */
static uint64_t
prove(FuzzFile *f, size_t pos, uint64_t end)
{
	for (size_t size; (size = entry_size(f, pos)) > 0; pos += size)
	{
		uint64_t commit = get(f->bytes + pos + 20, 8);

		nova_put_u32((char *) f->bytes + pos, sum(f->bytes + pos, size));
		end = commit > end ? commit : end;
	}
	return end;
}

/* The next entry of bytes is the one that was given, and has a right checksum. */
static void
walk(const SpoolItem *item)
{
	for (int i = 0; i < FILES; i++)
	{
		FuzzFile *f = &files[i];

		if (f->pos == 0)
			f->pos = head_size(f);
		for (size_t size; (size = entry_size(f, f->pos)) > 0;)
		{
			const unsigned char *entry = f->bytes + f->pos;

			f->pos += size;
			if (get(entry, 4) != sum(entry, size))
				abort(); /* something behind it was given */
			if (entry[8] == SPOOL_ADVANCE)
				continue;
			if (item->len != size - SPOOL_ENTRY_HEAD || item->lsn != get(entry + 12, 8) ||
				item->preamble != (entry[8] == SPOOL_PREAMBLE) ||
				(item->len > 0 && memcmp(item->data, entry + SPOOL_ENTRY_HEAD, item->len) != 0))
				abort();
			return;
		}
	}
	abort(); /* there is no such entry */
}

/*
 * The files
 */

static void
fill_file(int i, unsigned flags, const uint8_t *data, size_t len, uint64_t *end)
{
	FuzzFile *f = &files[i];
	SpoolHead head = {NOVA_PROTOCOL_VERSION, (uint64_t) i + 1, *end, 1700000000000, owner};

	f->len = flags & FLAG_HEAD ? spool_put_head((char *) f->bytes, &head) : 0;
	f->pos = 0;
	if (len > sizeof(f->bytes) - f->len)
		len = sizeof(f->bytes) - f->len;
	if (len > 0)
		memcpy(f->bytes + f->len, data, len);
	f->len += len;
	if (flags & FLAG_PROVE)
		*end = prove(f, head_size(f), i == 0 ? 0 : *end);
}

static void
write_file(int i)
{
	char path[80];
	int fd;

	file_path(path, (uint64_t) i + 1);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, files[i].bytes, files[i].len) != (ssize_t) files[i].len)
		abort();
	close(fd);
}

static void
make_files(const uint8_t *data, size_t size)
{
	unsigned flags = data[0];
	size_t first = (size_t) get(data + 1, 2);
	uint64_t end = 0x1000;

	data += 3;
	size -= 3;
	if (first > size || !(flags & FLAG_SECOND))
		first = size;
	fill_file(0, flags, data, first, &end);
	write_file(0);
	files[1].len = files[1].pos = 0;
	if (!(flags & FLAG_SECOND))
		return;
	fill_file(1, flags, data + first, size - first, &end);
	write_file(1);
}

/*
 * The reader
 */

static void
read_all(Spool *s)
{
	uint64_t left = spool_numbers(s).entries;
	SpoolItem item;
	SpoolGet got;

	while ((got = spool_next(s, 1, &item)) == SPOOL_READ)
	{
		if (left-- == 0)
			abort();
		walk(&item);
		free(item.data);
	}
	/* what was sound when it was opened still is */
	if (got != SPOOL_EMPTY || !spool_drained(s))
		abort();
}

/* HELLO and a commit of nothing, behind what is there. */
static void
append(Spool *s)
{
	NovaHello hello = {NOVA_PROTOCOL_VERSION, 150000, {"0", 1}, {"{}", 2}};
	SpoolOwner whose = spool_owner(s)->slot[0] != '\0' ? *spool_owner(s) : owner;
	uint64_t end = spool_end(s);
	NovaCommit commit = {0, 7, end, end + 1, 0, 0, NOVA_CRC32C_FINAL(NOVA_CRC32C_INIT)};
	char payload[256];
	size_t len = (size_t) (nova_write_commit(nova_write_hello(payload, &hello), &commit) - payload);

	if (end == UINT64_MAX)
		return;
	if (!spool_begin(s, &whose, end) || spool_append(s, payload, len, end, 0, 0) != SPOOL_OK ||
		!spool_sync(s) || spool_end(s) != end + 1)
		abort();
}

static Spool *
open_as_seen(void)
{
	SpoolSight sight;
	char err[1024] = "";
	bool sound = spool_look(dir, &sight, err, sizeof(err));
	Spool *s;

	if (!sound && err[0] == '\0')
		abort();
	err[0] = '\0';
	s = spool_open(dir, BYTES_MAX, err, sizeof(err));
	if ((s != NULL) != sound || (s == NULL) != (err[0] != '\0'))
		abort();
	if (s != NULL && (sight.used || sight.end != spool_end(s) || sight.torn != spool_torn(s) ||
					  sight.numbers.entries != spool_numbers(s).entries))
		abort();
	/* now it is in use */
	if (s != NULL && (!spool_look(dir, &sight, err, sizeof(err)) || !sight.used))
		abort();
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Spool *s;
	uint64_t end;

	if (size < 3)
		return 0;
	make_files(data, size);
	s = open_as_seen();
	if (s != NULL)
	{
		read_all(s);
		if (data[0] & FLAG_APPEND)
			append(s);
		end = spool_end(s);
		spool_free(s);
		s = open_as_seen();
		if (s == NULL || spool_end(s) != end || !spool_clear(s))
			abort();
		spool_free(s);
	}
	remove_files();
	return 0;
}
