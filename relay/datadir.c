/*-------------------------------------------------------------------------
 *
 * datadir.c
 *		What was deployed over HTTP, in a directory, so that it survives the process.
 *
 *-------------------------------------------------------------------------
 */
#include "datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME      "connector.json"
#define NEW_NAME       "connector.json.new"
#define FILE_BYTES_MAX (4 * 1024 * 1024)

struct DataDir
{
	int fd; /* locked */
	char *path;
};

__attribute__((format(printf, 3, 4))) static bool
failed(char *err, size_t errsize, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err, errsize, fmt, args);
	va_end(args);
	return false;
}

DataDir *
datadir_open(const char *path, char *err, size_t errsize)
{
	DataDir *dir = calloc(1, sizeof(*dir));

	if (dir == NULL || (dir->path = strdup(path)) == NULL)
	{
		free(dir);
		failed(err, errsize, "out of memory");
		return NULL;
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		failed(err, errsize, "--data-dir %s: cannot be made: %s", path, strerror(errno));
	else if ((dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		failed(err, errsize, "--data-dir %s: cannot be opened: %s", path, strerror(errno));
	else if (flock(dir->fd, LOCK_EX | LOCK_NB) == 0)
		return dir;
	else
	{
		failed(err, errsize, "--data-dir %s: %s", path,
			   errno == EWOULDBLOCK ? "another relay uses it; give each its own" : strerror(errno));
		close(dir->fd);
	}
	free(dir->path);
	free(dir);
	return NULL;
}

void
datadir_close(DataDir *dir)
{
	if (dir == NULL)
		return;
	close(dir->fd);
	free(dir->path);
	free(dir);
}

/* All of a file of that size, and a null byte; NULL with errno set. */
static char *
read_whole(int fd, size_t size)
{
	char *text = malloc(size + 1);
	size_t len = 0;

	while (text != NULL && len < size)
	{
		ssize_t n = read(fd, text + len, size - len);

		if (n > 0)
			len += (size_t) n;
		else if (n == 0 || errno != EINTR)
		{
			free(text);
			errno = n == 0 ? EIO : errno;
			return NULL;
		}
	}
	if (text != NULL)
		text[len] = '\0';
	return text;
}

bool
datadir_read(const DataDir *dir, char **json, char *err, size_t errsize)
{
	int fd = openat(dir->fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	struct stat st;

	*json = NULL;
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > FILE_BYTES_MAX)
		errno = EFBIG;
	else if (fd >= 0)
		*json = read_whole(fd, (size_t) st.st_size);
	if (*json == NULL)
		failed(err, errsize, "%s/" FILE_NAME ": cannot be read: %s", dir->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return *json != NULL;
}

static bool
write_whole(int fd, const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
		{
			text += n;
			len -= (size_t) n;
		}
	}
	return true;
}

/* The new file, on the disk; false with errno set. */
static bool
write_new(const DataDir *dir, const char *json)
{
	int fd;
	bool ok;
	int why;

	(void) unlinkat(dir->fd, NEW_NAME, 0);
	fd = openat(dir->fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write_whole(fd, json, strlen(json)) && fsync(fd) == 0;
	why = errno;
	close(fd);
	errno = why;
	return ok;
}

bool
datadir_write(const DataDir *dir, const char *json, char *err, size_t errsize)
{
	bool ok;

	if (json == NULL)
		ok = unlinkat(dir->fd, FILE_NAME, 0) == 0 || errno == ENOENT;
	else
		ok = write_new(dir, json) && renameat(dir->fd, NEW_NAME, dir->fd, FILE_NAME) == 0;
	if (ok && fsync(dir->fd) == 0)
		return true;
	return failed(err, errsize, "%s/" FILE_NAME ": cannot be written: %s", dir->path,
				  strerror(errno));
}
