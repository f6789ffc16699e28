/*-------------------------------------------------------------------------
 *
 * spool.c
 *		What PostgreSQL sends while Kafka is away, on local disk: a queue.
 *
 * A file is written to the disk before the next one begins, and its name before
 * anything in it counts; so only the last one can be torn, by a crash.  What is
 * wrong anywhere else is damage, and nobody guesses what was there.
 *
 *-------------------------------------------------------------------------
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "copydata.h"

/* What is delivered is removed by files: records repeat from the last one on. */
#define PART_BYTES     ((uint64_t) 16 * 1024 * 1024)
#define PART_BYTES_MIN ((uint64_t) 64 * 1024)

/* Written to the disk in groups: commits wait that long, or for so many bytes. */
#define SYNC_MS    100
#define SYNC_BYTES ((uint64_t) 8 * 1024 * 1024)

#define NAME_SIZE  24

#define WHAT_TO_DO                                                                                 \
	"put back what is missing; or, to go on without it, remove the directory's files and take a "  \
	"new snapshot (snapshot.mode=when_needed with the slot dropped), for what they had was "       \
	"confirmed to PostgreSQL"

typedef struct SpoolPart
{
	uint64_t number;
	uint64_t head; /* its size */
	uint64_t size;
	uint64_t entries;
	int64_t created;
	bool fed;
	uint64_t mark; /* once it is fed */
} SpoolPart;

struct Spool
{
	char *dir;
	int dirfd; /* locked */
	uint64_t bytes_max;
	uint64_t part_bytes;
	SpoolOwner owner;
	SpoolPart *parts;
	size_t nparts;
	size_t room;
	uint64_t next_number;
	uint64_t bytes;
	uint64_t entries;
	uint64_t torn;
	uint64_t stray; /* a last file of which nothing counts, once a stream begins */
	bool has_stray;

	/* the end */
	int out;      /* the last part; -1: not open */
	bool streams; /* what it has at its end is of the stream that was begun */
	bool next;    /* it is long enough */
	SpoolStream stream;
	bool taken; /* entry is of a payload that there was no room for */
	SpoolEntry entry;
	uint64_t begin; /* of the stream */
	uint64_t end;
	uint64_t durable;
	uint64_t whole_size; /* of the last part: up to its last whole transaction; 0: none */
	uint64_t whole_entries;
	uint64_t had_number; /* delivered already: files before that one, and its beginning */
	uint64_t had_size;
	uint64_t unsynced;
	int64_t sync_due;

	/* the front */
	size_t at; /* the part that is read; nparts: the one to come */
	int in;
	uint64_t in_pos;
	bool begun; /* its stream */
	char error[768];
};

__attribute__((format(printf, 2, 3))) static bool
failed(Spool *s, const char *fmt, ...)
{
	size_t n;
	va_list args;

	snprintf(s->error, sizeof(s->error), "spool %.300s: ", s->dir);
	n = strlen(s->error);
	va_start(args, fmt);
	vsnprintf(s->error + n, sizeof(s->error) - n, fmt, args);
	va_end(args);
	return false;
}

static void
part_name(char out[NAME_SIZE], uint64_t number)
{
	snprintf(out, NAME_SIZE, "%016" PRIx64 ".spool", number);
}

static bool
failed_part(Spool *s, uint64_t number, const char *what)
{
	char name[NAME_SIZE];
	int code = errno;

	part_name(name, number);
	return failed(s, "%s: %s: %s", name, what, strerror(code));
}

static bool
damaged(Spool *s, uint64_t number, uint64_t pos, const char *what)
{
	char name[NAME_SIZE];

	part_name(name, number);
	return failed(s, "%s: %s, at byte %" PRIu64 ": nothing behind it is delivered; " WHAT_TO_DO,
				  name, what, pos);
}

static SpoolPart *
last_part(const Spool *s)
{
	return s->nparts > 0 ? &s->parts[s->nparts - 1] : NULL;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void) close(*fd);
	*fd = -1;
}

static int
open_part(Spool *s, uint64_t number, int flags)
{
	char name[NAME_SIZE];

	part_name(name, number);
	return openat(s->dirfd, name, flags | O_CLOEXEC, 0600);
}

static bool
unlink_part(Spool *s, uint64_t number)
{
	char name[NAME_SIZE];

	part_name(name, number);
	return unlinkat(s->dirfd, name, 0) == 0 || errno == ENOENT ||
		   failed_part(s, number, "cannot be removed");
}

/* All of it, or errno is set. */
static bool
read_at(int fd, void *data, size_t len, uint64_t pos)
{
	char *p = data;

	while (len > 0)
	{
		ssize_t n = pread(fd, p, len, (off_t) pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			errno = n == 0 ? EIO : errno;
			return false;
		}
		p += n;
		len -= (size_t) n;
		pos += (uint64_t) n;
	}
	return true;
}

static bool
write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0)
	{
		ssize_t done = writev(fd, iov, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		while (n > 0 && (size_t) done >= iov->iov_len)
		{
			done -= (ssize_t) iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0)
		{
			iov->iov_base = (char *) iov->iov_base + done;
			iov->iov_len -= (size_t) done;
		}
	}
	return true;
}

static bool
add_part(Spool *s, SpoolPart part)
{
	size_t room = s->room > 0 ? s->room * 2 : 16;
	SpoolPart *grown;

	if (s->nparts == s->room)
	{
		grown = realloc(s->parts, room * sizeof(*grown));
		if (grown == NULL)
			return failed(s, "out of memory");
		s->parts = grown;
		s->room = room;
	}
	s->parts[s->nparts++] = part;
	s->next_number = part.number + 1;
	s->bytes += part.size;
	s->entries += part.entries;
	return true;
}

/*
 * What a run before has left
 */

/* An entry that is being looked at; data grows and stays. */
typedef struct Look
{
	int fd;
	uint64_t file_size;
	char *data;
	size_t room;
	SpoolEntry entry;
} Look;

/* Is there a sound one at pos?  What is wrong, or NULL. */
static const char *
look_at(Look *look, uint64_t pos)
{
	char head[SPOOL_ENTRY_HEAD];
	uint64_t remaining = look->file_size - pos;

	if (remaining < sizeof(head))
		return "an entry is cut short";
	if (!read_at(look->fd, head, sizeof(head), pos))
		return strerror(errno);
	switch (spool_get_entry(head, remaining, &look->entry))
	{
		case SPOOL_SHORT:
			return "an entry is cut short";
		case SPOOL_DAMAGED:
			return "an entry is damaged";
		default:
			break;
	}
	if (look->entry.len > look->room)
	{
		free(look->data);
		look->room = look->entry.len;
		look->data = malloc(look->room);
		if (look->data == NULL)
		{
			look->room = 0;
			return "out of memory";
		}
	}
	if (!read_at(look->fd, look->data, look->entry.len, pos + sizeof(head)))
		return strerror(errno);
	return spool_entry_sound(head, look->data, look->entry.len) ? NULL
																: "an entry fails its checksum";
}

/* The last part, when all of it is whole transactions. */
static void
note_whole(Spool *s)
{
	const SpoolPart *last = last_part(s);

	s->whole_size = last != NULL ? last->size : 0;
	s->whole_entries = last != NULL ? last->entries : 0;
}

/* Up to where it is sound and whole.  Only the last one may be anything else. */
static bool
scan_entries(Spool *s, SpoolPart *part, Look *look, bool last)
{
	uint64_t pos = part->head;
	uint64_t entries = 0;

	s->whole_size = s->whole_entries = 0;
	while (pos < look->file_size)
	{
		const char *wrong = look_at(look, pos);

		if (wrong != NULL && last)
			break;
		if (wrong != NULL)
			return damaged(s, part->number, pos, wrong);
		pos += SPOOL_ENTRY_HEAD + (uint64_t) look->entry.len;
		entries++;
		if (look->entry.end == 0)
			continue;
		if (look->entry.end > s->end)
			s->end = look->entry.end;
		s->whole_size = pos;
		s->whole_entries = entries;
	}
	if (!last && s->whole_size != look->file_size)
		return damaged(s, part->number, pos, "the file does not end with a transaction");
	s->torn += look->file_size - s->whole_size;
	part->size = s->whole_size;
	part->entries = s->whole_entries;
	return true;
}

static bool
same_owner(const SpoolOwner *a, const SpoolOwner *b)
{
	return strcmp(a->system_id, b->system_id) == 0 && strcmp(a->slot, b->slot) == 0 &&
		   strcmp(a->database, b->database) == 0;
}

/* Does it follow the one before? */
static bool
check_head(Spool *s, const SpoolHead *head, uint64_t number)
{
	if (head->protocol != NOVA_PROTOCOL_VERSION)
		return failed(s,
					  "it was written by a release that speaks protocol %u, and this relay speaks "
					  "protocol %d; let that release deliver it first",
					  head->protocol, NOVA_PROTOCOL_VERSION);
	if (head->number != number)
		return damaged(s, number, 0, "the file has another file's number");
	if (s->nparts > 0 && !same_owner(&s->owner, &head->owner))
		return damaged(s, number, 0, "the file is of another slot than the one before it");
	if (s->nparts > 0 && head->begin != s->end)
		return damaged(s, number, 0, "the file does not begin where the one before it ends");
	s->owner = head->owner;
	return true;
}

/* It is left alone until it is known that nothing of it was confirmed. */
static bool
set_aside(Spool *s, uint64_t number)
{
	s->stray = number;
	s->has_stray = true;
	return true;
}

/* A last file whose head is not whole has never counted. */
static bool
scan_open_part(Spool *s, uint64_t number, Look *look, bool last)
{
	char data[SPOOL_HEAD_MAX];
	size_t len = look->file_size < sizeof(data) ? (size_t) look->file_size : sizeof(data);
	SpoolPart part = {.number = number};
	SpoolHead head;
	size_t size = 0;

	if (!read_at(look->fd, data, len, 0))
		return failed_part(s, number, "cannot be read");
	if (spool_get_head(data, len, &head, &size) != SPOOL_SOUND)
	{
		if (!last)
			return damaged(s, number, 0, "its head is damaged");
		s->torn += look->file_size;
		return set_aside(s, number);
	}
	if (!check_head(s, &head, number))
		return false;
	part.head = size;
	part.created = head.created;
	if (!scan_entries(s, &part, look, last))
		return false;
	return part.size > 0 ? add_part(s, part) : set_aside(s, number);
}

static bool
scan_part(Spool *s, uint64_t number, bool last)
{
	Look look = {.fd = open_part(s, number, O_RDONLY)};
	struct stat st;
	bool ok;

	if (look.fd < 0 || fstat(look.fd, &st) != 0)
		ok = failed_part(s, number, "cannot be opened");
	else
	{
		look.file_size = (uint64_t) st.st_size;
		ok = scan_open_part(s, number, &look, last);
	}
	free(look.data);
	close_fd(&look.fd);
	return ok;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The numbers of all files, in order; NULL with n = 0 is a failure only if error is set. */
static uint64_t *
list_parts(Spool *s, size_t *n)
{
	int fd = dup(s->dirfd);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	uint64_t *numbers = NULL;
	size_t room = 0;
	struct dirent *entry;

	*n = 0;
	if (d == NULL)
	{
		(void) failed(s, "cannot be listed: %s", strerror(errno));
		close_fd(&fd);
		return NULL;
	}
	/* the position is that of dirfd, which may have been read before */
	rewinddir(d);
	while ((errno = 0, entry = readdir(d)) != NULL)
	{
		uint64_t *grown;
		uint64_t number;
		char name[NAME_SIZE];

		if (sscanf(entry->d_name, "%16" SCNx64, &number) != 1)
			continue;
		part_name(name, number);
		if (strcmp(name, entry->d_name) != 0)
			continue;
		if (*n == room)
		{
			room = room > 0 ? room * 2 : 64;
			grown = realloc(numbers, room * sizeof(*numbers));
			if (grown == NULL)
			{
				(void) failed(s, "out of memory");
				break;
			}
			numbers = grown;
		}
		numbers[(*n)++] = number;
	}
	if (entry == NULL && errno != 0)
		(void) failed(s, "cannot be listed: %s", strerror(errno));
	(void) closedir(d);
	if (*n > 0)
		qsort(numbers, *n, sizeof(*numbers), by_number);
	return numbers;
}

/* What was found may not be on the disk yet, if only the process died. */
static bool
sync_found(Spool *s)
{
	const SpoolPart *last = last_part(s);
	int fd;
	bool ok;

	if (last == NULL)
		return true;
	fd = open_part(s, last->number, O_RDWR);
	ok = fd >= 0 && fdatasync(fd) == 0 && fsync(s->dirfd) == 0;
	if (!ok)
		(void) failed_part(s, last->number, "cannot be written to the disk");
	close_fd(&fd);
	s->durable = s->end;
	return ok;
}

static bool
scan(Spool *s)
{
	size_t n;
	uint64_t *numbers = list_parts(s, &n);
	bool ok = s->error[0] == '\0';

	for (size_t i = 0; ok && i < n; i++)
	{
		if (i > 0 && numbers[i] != numbers[i - 1] + 1)
			ok = damaged(s, numbers[i - 1] + 1, 0, "the file is missing");
		else
			ok = scan_part(s, numbers[i], i + 1 == n);
	}
	if (ok && n > 0 && s->nparts == 0)
		s->next_number = numbers[n - 1] + 1;
	note_whole(s);
	free(numbers);
	return ok;
}

static bool
open_dir(Spool *s)
{
	s->dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->dirfd >= 0 || failed(s, "cannot be opened: %s", strerror(errno));
}

static bool
dir_takes_files(Spool *s)
{
	return faccessat(s->dirfd, ".", W_OK | X_OK, 0) == 0 ||
		   failed(s, "cannot be written to: %s", strerror(errno));
}

/* Its name, too, has to outlive a crash. */
static bool
make_dir(Spool *s)
{
	int parent;

	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
		return failed(s, "cannot be made: %s", strerror(errno));
	if (!open_dir(s))
		return false;
	if (flock(s->dirfd, LOCK_EX | LOCK_NB) != 0)
		return failed(s, "%s",
					  errno == EWOULDBLOCK
						  ? "another process uses it; each relay needs a directory of its own"
						  : strerror(errno));
	parent = openat(s->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0)
		(void) fsync(parent);
	close_fd(&parent);
	return dir_takes_files(s);
}

static Spool *
new_spool(const char *dir, char *err, size_t errsize)
{
	Spool *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->dir = strdup(dir)) == NULL)
	{
		free(s);
		snprintf(err, errsize, "out of memory");
		return NULL;
	}
	s->dirfd = s->out = s->in = -1;
	s->sync_due = INT64_MAX;
	return s;
}

Spool *
spool_open(const char *dir, uint64_t bytes_max, char *err, size_t errsize)
{
	Spool *s = new_spool(dir, err, errsize);

	if (s == NULL)
		return NULL;
	s->bytes_max = bytes_max;
	s->part_bytes = bytes_max / 8 < PART_BYTES ? bytes_max / 8 : PART_BYTES;
	if (s->part_bytes < PART_BYTES_MIN)
		s->part_bytes = PART_BYTES_MIN;
	if (make_dir(s) && scan(s) && sync_found(s))
		return s;
	snprintf(err, errsize, "%s", s->error);
	spool_free(s);
	return NULL;
}

/*
 * Whoever only looks
 */

/* Could a start make it? */
static bool
may_be_made(Spool *s)
{
	char *copy = strdup(s->dir);
	bool ok = copy != NULL && access(dirname(copy), W_OK | X_OK) == 0;

	free(copy);
	return ok || failed(s, "cannot be made: %s", strerror(errno));
}

/* A relay that starts at this very moment would take us for another one, so it is short. */
static bool
is_used(const Spool *s)
{
	if (flock(s->dirfd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	(void) flock(s->dirfd, LOCK_UN);
	return false;
}

/* Files may come and go meanwhile. */
static void
look_at_part(Spool *s, uint64_t number, SpoolSight *sight)
{
	int fd = open_part(s, number, O_RDONLY);
	char data[SPOOL_HEAD_MAX];
	SpoolHead head;
	size_t size;
	ssize_t n = fd >= 0 ? pread(fd, data, sizeof(data), 0) : -1;
	struct stat st;

	if (n > 0 && fstat(fd, &st) == 0 &&
		spool_get_head(data, (size_t) n, &head, &size) == SPOOL_SOUND)
	{
		sight->numbers.bytes += (uint64_t) st.st_size;
		if (sight->numbers.since == 0)
			sight->numbers.since = head.created;
		sight->owner = head.owner;
	}
	close_fd(&fd);
}

static bool
look_from_aside(Spool *s, SpoolSight *sight)
{
	size_t n;
	uint64_t *numbers;

	s->error[0] = '\0';
	numbers = list_parts(s, &n);
	sight->used = true;
	for (size_t i = 0; i < n; i++)
		look_at_part(s, numbers[i], sight);
	free(numbers);
	return s->error[0] == '\0';
}

static bool
look_around(Spool *s, SpoolSight *sight)
{
	sight->there = access(s->dir, F_OK) == 0 || errno != ENOENT;
	if (!sight->there)
		return may_be_made(s);
	if (!open_dir(s))
		return false;
	if (!dir_takes_files(s))
		return false;
	if (is_used(s))
		return look_from_aside(s, sight);
	/* what is wrong may be that a relay has begun with it */
	if (!scan(s))
		return is_used(s) && look_from_aside(s, sight);
	sight->owner = s->owner;
	sight->numbers = spool_numbers(s);
	sight->end = s->end;
	sight->torn = s->torn;
	return true;
}

bool
spool_look(const char *dir, SpoolSight *sight, char *err, size_t errsize)
{
	Spool *s = new_spool(dir, err, errsize);
	bool ok;

	*sight = (SpoolSight){0};
	if (s == NULL)
		return false;
	ok = look_around(s, sight);
	if (!ok)
		snprintf(err, errsize, "%s", s->error);
	spool_free(s);
	return ok;
}

void
spool_free(Spool *s)
{
	if (s == NULL)
		return;
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->dirfd);
	spoolstream_free(&s->stream);
	free(s->parts);
	free(s->dir);
	free(s);
}

uint64_t
spool_end(const Spool *s)
{
	return s->end;
}

uint64_t
spool_durable(const Spool *s)
{
	return s->durable;
}

const SpoolOwner *
spool_owner(const Spool *s)
{
	return &s->owner;
}

SpoolNumbers
spool_numbers(const Spool *s)
{
	return (SpoolNumbers){s->bytes, s->entries, s->nparts > 0 ? s->parts[0].created : 0};
}

uint64_t
spool_torn(const Spool *s)
{
	return s->torn;
}

bool
spool_streams(const Spool *s)
{
	return s->streams;
}

const char *
spool_error(const Spool *s)
{
	return s->error;
}

/*
 * The end
 */

int64_t
spool_sync_due(const Spool *s)
{
	return s->sync_due;
}

bool
spool_sync(Spool *s)
{
	if (s->out >= 0 && s->unsynced > 0)
	{
		/* what a second try would say of the first one's bytes is worth nothing */
		if (fdatasync(s->out) != 0)
			return failed_part(s, last_part(s)->number, "cannot be written to the disk");
		s->unsynced = 0;
	}
	s->durable = s->end;
	s->sync_due = INT64_MAX;
	return true;
}

/* The last part has nothing that is whole: it goes, also for whoever reads it. */
static bool
remove_last(Spool *s)
{
	SpoolPart *last = last_part(s);

	close_fd(&s->out);
	if (s->at == s->nparts - 1)
	{
		close_fd(&s->in);
		s->in_pos = 0;
		s->begun = false;
	}
	s->bytes -= last->size;
	s->entries -= last->entries;
	s->nparts--;
	s->next_number = last->number;
	note_whole(s);
	return unlink_part(s, last->number);
}

/* Part of a transaction, which comes again as a whole. */
static bool
cut_last(Spool *s)
{
	SpoolPart *last = last_part(s);

	if (last == NULL)
		return true;
	if (s->whole_size == 0)
		return remove_last(s);
	if (s->out < 0)
		s->out = open_part(s, last->number, O_RDWR);
	if (s->out < 0 || ftruncate(s->out, (off_t) s->whole_size) != 0 || fdatasync(s->out) != 0)
		return failed_part(s, last->number, "cannot be cut");
	close_fd(&s->out);
	s->bytes -= last->size - s->whole_size;
	s->entries -= last->entries - s->whole_entries;
	last->size = s->whole_size;
	last->entries = s->whole_entries;
	if (s->at == s->nparts - 1 && s->in_pos > last->size)
		s->in_pos = last->size;
	return true;
}

bool
spool_begin(Spool *s, const SpoolOwner *owner, uint64_t lsn)
{
	if (!cut_last(s) || (s->has_stray && !unlink_part(s, s->stray)))
		return false;
	s->has_stray = false;
	s->durable = s->end;
	s->unsynced = 0;
	s->sync_due = INT64_MAX;
	s->streams = s->next = s->taken = false;
	s->begin = lsn;
	s->owner = *owner;
	spoolstream_begin(&s->stream);
	return true;
}

/* Is the error one of a disk that has no room? */
static SpoolPut
no_room(Spool *s, const char *what)
{
	int code = errno;

	(void) failed(s, "%s: %s", what, strerror(code));
	return SPOOL_FULL;
}

/* One entry behind everything; what was written of it in vain is taken back. */
static SpoolPut
write_entry(Spool *s, int fd, uint64_t pos, const SpoolEntry *entry, const char *payload)
{
	char head[SPOOL_ENTRY_HEAD];
	char bytes[1];
	/* writev() takes pointers that are not const, and writes nothing there */
	struct iovec iov[2] = {{head, sizeof(head)}, {bytes, 0}};
	SpoolPut put;

	if (entry->len > 0)
		memcpy(&iov[1].iov_base, &payload, sizeof(payload));
	iov[1].iov_len = entry->len;
	spool_put_entry(head, entry, payload);
	if (lseek(fd, (off_t) pos, SEEK_SET) >= 0 && write_all(fd, iov, 2))
		return SPOOL_OK;
	put = no_room(s, "cannot be written to");
	if (ftruncate(fd, (off_t) pos) == 0)
		return put;
	(void) failed(s, "half an entry cannot be taken back: %s", strerror(errno));
	return SPOOL_FAILED;
}

/* HELLO and the routes, where the stream has begun in a file before. */
static SpoolPut
write_preamble(Spool *s, int fd, SpoolPart *part)
{
	SpoolEntry entry = {.kind = SPOOL_PREAMBLE, .lsn = s->end};
	char *data;
	size_t len;
	SpoolPut put;

	if (!s->streams || s->stream.hello.data == NULL)
		return SPOOL_OK;
	data = spoolstream_preamble(&s->stream, &len);
	if (data == NULL)
	{
		(void) failed(s, "out of memory");
		return SPOOL_FULL;
	}
	entry.len = (uint32_t) len;
	put = write_entry(s, fd, part->size, &entry, data);
	free(data);
	part->size += SPOOL_ENTRY_HEAD + (uint64_t) len;
	part->entries++;
	return put;
}

static SpoolPut
write_head(Spool *s, int fd, SpoolPart *part)
{
	SpoolHead head = {.protocol = NOVA_PROTOCOL_VERSION,
					  .number = part->number,
					  .begin = s->end != 0 ? s->end : s->begin,
					  .created = part->created,
					  .owner = s->owner};
	char data[SPOOL_HEAD_MAX];
	struct iovec iov = {data, spool_put_head(data, &head)};

	part->head = part->size = iov.iov_len;
	return write_all(fd, &iov, 1) ? SPOOL_OK : no_room(s, "cannot be written to");
}

/* The part before is on the disk: it will not be looked at as one that may be torn. */
static SpoolPut
begin_part(Spool *s)
{
	SpoolPart part = {.number = s->next_number, .created = clock_ms(CLOCK_REALTIME)};
	int fd;
	SpoolPut put;

	if (!spool_sync(s))
		return SPOOL_FAILED;
	fd = open_part(s, part.number, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return no_room(s, "a file cannot be made");
	put = write_head(s, fd, &part);
	if (put == SPOOL_OK)
		put = write_preamble(s, fd, &part);
	if (put == SPOOL_OK && fsync(s->dirfd) != 0)
	{
		(void) failed(s, "cannot be written to the disk: %s", strerror(errno));
		put = SPOOL_FAILED;
	}
	if (put == SPOOL_OK && !add_part(s, part))
		put = SPOOL_FULL;
	if (put != SPOOL_OK)
	{
		char why[sizeof(s->error)];

		snprintf(why, sizeof(why), "%s", s->error);
		close_fd(&fd);
		(void) unlink_part(s, part.number);
		snprintf(s->error, sizeof(s->error), "%s", why);
		return put;
	}
	close_fd(&s->out);
	s->out = fd;
	s->whole_size = s->whole_entries = 0;
	s->streams = true;
	s->next = false;
	return SPOOL_OK;
}

/* An entry that ends at a commit, or not. */
static void
note_entry(Spool *s, const SpoolEntry *entry, uint64_t had, int64_t now)
{
	SpoolPart *last = last_part(s);
	uint64_t size = SPOOL_ENTRY_HEAD + (uint64_t) entry->len;

	last->size += size;
	last->entries++;
	s->bytes += size;
	s->entries++;
	s->unsynced += size;
	if (entry->end != 0)
	{
		if (entry->end > s->end)
			s->end = entry->end;
		s->whole_size = last->size;
		s->whole_entries = last->entries;
		if (s->sync_due == INT64_MAX)
			s->sync_due = now + SYNC_MS;
		if (entry->end <= had && !entry->in_transaction)
		{
			s->had_number = last->number;
			s->had_size = last->size;
		}
	}
	if (s->sync_due != INT64_MAX && s->unsynced >= SYNC_BYTES)
		s->sync_due = now;
	s->next = last->size >= s->part_bytes && !entry->in_transaction;
}

static SpoolPut
append(Spool *s, const SpoolEntry *entry, const char *payload, uint64_t had, int64_t now)
{
	SpoolPut put = SPOOL_OK;

	if (s->bytes + SPOOL_HEAD_MAX + SPOOL_ENTRY_HEAD + entry->len > s->bytes_max)
	{
		(void) failed(s, "it has %" PRIu64 " bytes, and nova.spool.max.mb allows for no more",
					  s->bytes);
		return SPOOL_FULL;
	}
	if (!s->streams || s->next)
		put = begin_part(s);
	if (put == SPOOL_OK)
		put = write_entry(s, s->out, last_part(s)->size, entry, payload);
	if (put == SPOOL_OK)
		note_entry(s, entry, had, now);
	return put;
}

SpoolPut
spool_append(Spool *s, const char *payload, size_t len, uint64_t lsn, uint64_t had, int64_t now)
{
	SpoolPut put;

	if (!s->taken && !spoolstream_take(&s->stream, payload, len, lsn, &s->entry))
	{
		(void) failed(s, "%s; nothing of this transaction is confirmed", s->stream.reader.error);
		return SPOOL_FAILED;
	}
	s->taken = true;
	put = append(s, &s->entry, payload, had, now);
	if (put == SPOOL_OK)
		s->taken = false;
	return put;
}

SpoolPut
spool_advance(Spool *s, uint64_t lsn, int64_t now)
{
	SpoolEntry entry = {.kind = SPOOL_ADVANCE, .lsn = lsn, .end = lsn};

	if (s->taken || s->stream.reader.in_transaction || lsn <= s->end || lsn <= s->begin)
		return SPOOL_OK;
	return append(s, &entry, NULL, 0, now);
}

/*
 * The front
 */

static SpoolGet
unreadable(Spool *s, const char *what)
{
	(void) damaged(s, s->parts[s->at].number, s->in_pos, what);
	return SPOOL_UNREADABLE;
}

static SpoolGet
read_entry(Spool *s, SpoolPart *part, SpoolEntry *entry, char **data)
{
	char head[SPOOL_ENTRY_HEAD];

	if (s->in < 0)
	{
		s->in = open_part(s, part->number, O_RDONLY);
		s->in_pos = part->head;
		s->begun = false;
	}
	if (s->in < 0 || !read_at(s->in, head, sizeof(head), s->in_pos))
		return unreadable(s, strerror(errno));
	if (spool_get_entry(head, part->size - s->in_pos, entry) != SPOOL_SOUND)
		return unreadable(s, "an entry is damaged");
	*data = malloc(entry->len > 0 ? entry->len : 1);
	if (*data == NULL)
		return unreadable(s, "out of memory");
	if (!read_at(s->in, *data, entry->len, s->in_pos + sizeof(head)))
		return unreadable(s, strerror(errno));
	if (!spool_entry_sound(head, *data, entry->len))
		return unreadable(s, "an entry fails its checksum");
	s->in_pos += SPOOL_ENTRY_HEAD + (uint64_t) entry->len;
	return SPOOL_READ;
}

/* Is there nothing left of the part that is read? */
static bool
part_is_read(const Spool *s)
{
	const SpoolPart *part = &s->parts[s->at];

	return (s->in >= 0 ? s->in_pos : part->head) >= part->size;
}

/* False: everything that was appended is read. */
static bool
find_part(Spool *s, uint64_t mark)
{
	while (s->at < s->nparts && part_is_read(s))
	{
		if (s->at + 1 == s->nparts)
			return false;
		s->parts[s->at].fed = true;
		s->parts[s->at].mark = mark;
		close_fd(&s->in);
		s->at++;
	}
	return s->at < s->nparts;
}

SpoolGet
spool_next(Spool *s, uint64_t mark, SpoolItem *item)
{
	while (find_part(s, mark))
	{
		SpoolPart *part = &s->parts[s->at];
		SpoolEntry entry;
		char *data = NULL;
		SpoolGet got = read_entry(s, part, &entry, &data);

		if (got == SPOOL_READ && entry.kind != SPOOL_ADVANCE)
		{
			*item = (SpoolItem){.data = data,
								.len = entry.len,
								.lsn = entry.lsn,
								.begins = !s->begun,
								.preamble = entry.kind == SPOOL_PREAMBLE,
								.had = part->number < s->had_number ||
									   (part->number == s->had_number && s->in_pos <= s->had_size)};
			s->begun = true;
			return got;
		}
		free(data);
		if (got != SPOOL_READ)
			return got;
	}
	return SPOOL_EMPTY;
}

bool
spool_drained(const Spool *s)
{
	return s->at == s->nparts || (s->at + 1 == s->nparts && part_is_read(s));
}

static bool
drop_first(Spool *s)
{
	if (!unlink_part(s, s->parts[0].number))
		return false;
	s->bytes -= s->parts[0].size;
	s->entries -= s->parts[0].entries;
	s->nparts--;
	memmove(s->parts, s->parts + 1, s->nparts * sizeof(*s->parts));
	if (s->at > 0)
		s->at--;
	return true;
}

size_t
spool_drop_done(Spool *s, bool (*reached)(void *arg, uint64_t mark), void *arg)
{
	size_t n = 0;

	while (s->nparts > 1 && s->parts[0].fed && reached(arg, s->parts[0].mark) && drop_first(s))
		n++;
	return n;
}

bool
spool_clear(Spool *s)
{
	close_fd(&s->in);
	close_fd(&s->out);
	while (s->nparts > 0)
		if (!drop_first(s))
			return false;
	if (fsync(s->dirfd) != 0)
		return failed(s, "cannot be written to the disk: %s", strerror(errno));
	s->at = 0;
	s->in_pos = 0;
	s->end = s->durable = 0;
	s->whole_size = s->whole_entries = 0;
	s->streams = s->taken = false;
	s->unsynced = 0;
	s->sync_due = INT64_MAX;
	return true;
}
