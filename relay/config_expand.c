/*-------------------------------------------------------------------------
 *
 * config_expand.c
 *		Placeholders: ${env:NAME}, ${env:NAME:-default}, ${file:/path}, ${file:/path:key}.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *
config_read_all(Ctx *ctx, int fd, size_t *len)
{
	Text text = {0};
	char chunk[16384];

	for (;;)
	{
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if (!text_add(ctx, &text, chunk, (size_t) n))
		{
			errno = EFBIG;
			return NULL;
		}
		if (n == 0)
			break;
	}
	*len = text.len;
	return text.data;
}

/* A file named by a placeholder: only regular ones, a pipe could block. */
static char *
read_regular_file(Ctx *ctx, const char *path, size_t *len)
{
	struct stat st;
	char *data = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int save_errno;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0)
		data = NULL;
	else if (!S_ISREG(st.st_mode))
		errno = EINVAL;
	else
		data = config_read_all(ctx, fd, len);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return data;
}

/* Java properties escape with a backslash: \t, \n, \r, else the byte itself. */
static char *
property_unescape(char *value)
{
	char *to = value;

	for (const char *from = value; *from != '\0'; from++)
	{
		if (*from != '\\' || from[1] == '\0')
		{
			*to++ = *from;
			continue;
		}
		from++;
		*to++ = *from == 'n' ? '\n' : (*from == 't' ? '\t' : (*from == 'r' ? '\r' : *from));
	}
	*to = '\0';
	return value;
}

/* The value of name in the text of a properties file, or NULL. */
static char *
property_find(Ctx *ctx, const char *text, const char *name)
{
	size_t namelen = strlen(name);

	while (*text != '\0')
	{
		size_t linelen = strcspn(text, "\r\n");
		const char *line = text + strspn(text, " \t");
		const char *end = text + linelen;

		if (line < end && *line != '#' && *line != '!' && (size_t) (end - line) > namelen &&
			strncmp(line, name, namelen) == 0 && strchr(" \t=:", line[namelen]) != NULL)
		{
			const char *value = line + namelen;

			value += strspn(value, " \t");
			if (*value == '=' || *value == ':')
				value++;
			value += strspn(value, " \t");
			return property_unescape(
				arena_strndup(ctx, value, value < end ? (size_t) (end - value) : 0));
		}
		text = end + strspn(end, "\r\n");
	}
	return NULL;
}

static char *
expand_env(Ctx *ctx, const char *key, const char *arg)
{
	const char *fallback = strstr(arg, ":-");
	char *name = arena_strndup(ctx, arg, fallback ? (size_t) (fallback - arg) : strlen(arg));
	const char *value = name[0] == '\0' ? NULL : getenv(name);

	/* As in a shell, ":-" also stands in for an empty variable. */
	if (fallback != NULL && (value == NULL || value[0] == '\0'))
		return arena_strdup(ctx, fallback + 2);
	if (value != NULL)
		return arena_strdup(ctx, value);
	config_fail(ctx, "%s: environment variable %s is not set; set it, or write ${env:%s:-default}",
				key, name, name);
	return NULL;
}

static char *
expand_file(Ctx *ctx, const char *key, const char *arg)
{
	const char *colon = strchr(arg, ':');
	char *path = arena_strndup(ctx, arg, colon ? (size_t) (colon - arg) : strlen(arg));
	size_t len;
	char *text = read_regular_file(ctx, path, &len);
	char *value;

	if (text == NULL)
	{
		config_fail(ctx, "%s: cannot read file \"%s\": %s", key, path,
					errno == EINVAL ? "not a regular file" : strerror(errno));
		return NULL;
	}
	if (memchr(text, '\0', len) != NULL)
	{
		config_fail(ctx, "%s: file \"%s\" holds a NUL byte; it must be text", key, path);
		return NULL;
	}
	if (colon == NULL)
		return text_trimmed(ctx, text, len);
	value = property_find(ctx, text, colon + 1);
	if (value == NULL)
		config_fail(ctx, "%s: file \"%s\" has no property \"%s\"", key, path, colon + 1);
	return value;
}

/* What stands between "${" and "}". */
static char *
expand_one(Ctx *ctx, const char *key, const char *inner)
{
	if (starts_with(inner, "env:"))
		return expand_env(ctx, key, inner + strlen("env:"));
	if (starts_with(inner, "file:"))
		return expand_file(ctx, key, inner + strlen("file:"));
	/* in a replacement it names a group of the regular expression */
	if (starts_with(key, "transforms.") && strstr(key, "replacement") != NULL)
		return arena_printf(ctx, "${%s}", inner);
	config_fail(ctx,
				"%s: placeholder ${%s} is not known; write ${env:NAME} or ${file:/path:property}",
				key, inner);
	return NULL;
}

char *
config_expand(Ctx *ctx, const char *key, const char *value)
{
	Text out = {0};

	text_add(ctx, &out, "", 0);
	while (*value != '\0')
	{
		const char *open = strstr(value, "${");
		const char *close = open == NULL ? NULL : strchr(open, '}');
		size_t plain = open == NULL ? strlen(value) : (size_t) (open - value);
		char *filled;

		if (open != NULL && close == NULL)
		{
			config_fail(ctx, "%s: a placeholder is opened with \"${\" and not closed with \"}\"",
						key);
			return NULL;
		}
		if (!text_add(ctx, &out, value, plain))
			break;
		if (open == NULL)
			return out.data;
		filled = expand_one(ctx, key, arena_strndup(ctx, open + 2, (size_t) (close - open) - 2));
		if (filled == NULL)
			return NULL;
		if (!text_add(ctx, &out, filled, strlen(filled)))
			break;
		value = close + 1;
	}
	if (*value == '\0')
		return out.data;
	config_fail(ctx, "%s: the value is longer than %d bytes", key, CONFIG_BYTES_MAX);
	return NULL;
}
