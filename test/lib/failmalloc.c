/*-------------------------------------------------------------------------
 *
 * failmalloc.c
 *		A library for LD_PRELOAD: some of a program's allocations fail.
 *
 *	FAILMALLOC_AT=N		the Nth one, and those after it up to …
 *	FAILMALLOC_COUNT=N	… that many altogether (1)
 *	FAILMALLOC_REPORT=FILE	at the end, write how many there were
 *
 * Counted are those of the program, of the C library for it (strdup, asprintf), of
 * libpq and of cJSON.  Those of others are let pass: librdkafka ends the process
 * when it gets no memory, which is its own decision, and tested by nobody here.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

#define RANGES 32

static struct
{
	uintptr_t begin;
	uintptr_t end;
} ranges[RANGES];
static size_t nranges;
static unsigned long first;
static unsigned long last;
static unsigned long calls;

static bool
is_counted(const char *name)
{
	static const char *const libraries[] = {"libpq.so", "libcjson.so", "libc.so"};

	/* the program itself has no name */
	if (name[0] == '\0')
		return true;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (strstr(name, libraries[i]) != NULL)
			return true;
	return false;
}

static int
add_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void) size;
	(void) arg;
	if (!is_counted(info->dlpi_name))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum && nranges < RANGES; i++)
	{
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		ranges[nranges].begin = info->dlpi_addr + p->p_vaddr;
		ranges[nranges].end = ranges[nranges].begin + p->p_memsz;
		nranges++;
	}
	return 0;
}

static unsigned long
number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void
begin(void)
{
	dl_iterate_phdr(add_ranges, NULL);
	last = number("FAILMALLOC_COUNT", 1);
	first = number("FAILMALLOC_AT", 0);
	last = first > 0 ? first + last - 1 : 0;
	calls = 0;
}

__attribute__((destructor)) static void
report(void)
{
	const char *path = getenv("FAILMALLOC_REPORT");
	char text[32];
	int fd;

	if (path == NULL || (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
		return;
	(void) !write(fd, text, (size_t) snprintf(text, sizeof(text), "%lu\n", calls));
	close(fd);
}

static bool
fails(const void *caller)
{
	uintptr_t at = (uintptr_t) caller;
	unsigned long n;

	for (size_t i = 0; i < nranges; i++)
		if (at >= ranges[i].begin && at < ranges[i].end)
		{
			n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
			if (n < first || n > last)
				return false;
			errno = ENOMEM;
			return true;
		}
	return false;
}

void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}
