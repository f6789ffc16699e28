/*-------------------------------------------------------------------------
 *
 * config_text.c
 *		Memory, text and messages of the configuration; see config_internal.h.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "relay.h"
#include "utf8.h"

/* At start there is nothing to save: no connection, no record. */
void
config_no_memory(void)
{
	log_error("out of memory while reading the configuration; stopping");
	exit(EXIT_FAILED);
}

void *
arena_alloc(Ctx *ctx, size_t size)
{
	ArenaBlock *block = calloc(1, sizeof(ArenaBlock) + size);

	if (block == NULL)
		config_no_memory();
	block->next = ctx->owned->arena;
	ctx->owned->arena = block;
	return block->data;
}

char *
arena_strndup(Ctx *ctx, const char *s, size_t len)
{
	char *copy = arena_alloc(ctx, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *
arena_strdup(Ctx *ctx, const char *s)
{
	return arena_strndup(ctx, s, strlen(s));
}

char *
arena_printf(Ctx *ctx, const char *fmt, ...)
{
	va_list args;
	int len;
	char *text;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = arena_alloc(ctx, (size_t) len + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t) len + 1, fmt, args);
	va_end(args);
	return text;
}

bool
config_fail(Ctx *ctx, const char *fmt, ...)
{
	va_list args;
	int used;

	if (ctx->errsize == 0)
		return false;
	/* what is deployed needs no name: whoever asked knows it */
	used = ctx->faults != NULL ? 0 : snprintf(ctx->err, ctx->errsize, "%s: ", ctx->label);
	if (used >= 0 && (size_t) used < ctx->errsize)
	{
		va_start(args, fmt);
		vsnprintf(ctx->err + used, ctx->errsize - (size_t) used, fmt, args);
		va_end(args);
	}
	/* Keys and values come from outside; the message stays one line. */
	for (char *p = ctx->err; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7F)
			*p = '?';
	return false;
}

void
config_pairs_add(Ctx *ctx, ConfigPairs *pairs, const char *name, const char *value,
				 const char *origin)
{
	ConfigPair *items = pairs->items;
	size_t n = pairs->count;

	/* The arena cannot grow a block: take a new one at every power of two. */
	if ((n & (n - 1)) == 0)
	{
		items = arena_alloc(ctx, (n == 0 ? 1 : 2 * n) * sizeof(ConfigPair));
		if (n > 0)
			memcpy(items, pairs->items, n * sizeof(ConfigPair));
	}
	items[n].name = arena_strdup(ctx, name);
	items[n].value = arena_strdup(ctx, value);
	items[n].origin = arena_strdup(ctx, origin);
	pairs->items = items;
	pairs->count++;
}

bool
text_add(Ctx *ctx, Text *text, const char *bytes, size_t len)
{
	if (len > CONFIG_BYTES_MAX - text->len)
		return false;
	if (text->len + len + 1 > text->size)
	{
		size_t size = (text->len + len + 1) * 2;
		char *data = arena_alloc(ctx, size);

		if (text->len > 0)
			memcpy(data, text->data, text->len);
		text->data = data;
		text->size = size;
	}
	if (len > 0)
		memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
	return true;
}

void
text_puts(Ctx *ctx, Text *text, const char *s)
{
	text_add(ctx, text, s, strlen(s));
}

char *
text_trimmed(Ctx *ctx, const char *s, size_t len)
{
	while (len > 0 && isspace((unsigned char) s[len - 1]))
		len--;
	while (len > 0 && isspace((unsigned char) *s))
	{
		s++;
		len--;
	}
	return arena_strndup(ctx, s, len);
}

char *
list_next(Ctx *ctx, const char **list)
{
	while (*list != NULL && **list != '\0')
	{
		size_t len = strcspn(*list, ",");
		char *item = text_trimmed(ctx, *list, len);

		*list += len + ((*list)[len] == ',');
		if (item[0] != '\0')
			return item;
	}
	return NULL;
}

bool
list_has(Ctx *ctx, const char *list, const char *name)
{
	const char *item;

	while ((item = list_next(ctx, &list)) != NULL)
		if (strcmp(item, name) == 0)
			return true;
	return false;
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char) c));

	return at == NULL ? -1 : (int) (at - digits);
}

char *
text_from_hex(Ctx *ctx, const char *value)
{
	const char *hex = value + strlen("hex:");
	size_t len = strlen(hex) / 2;
	char *text = arena_alloc(ctx, len + 1);

	if (len == 0 || strlen(hex) % 2 != 0)
		return NULL;
	for (size_t i = 0; i < len; i++)
	{
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);
		int byte = high * 16 + low;

		if (high < 0 || low < 0 || byte < 0x20 || byte == 0x7F)
			return NULL;
		text[i] = (char) byte;
	}
	for (size_t i = 0; i < len;)
	{
		size_t n = utf8_sequence((const unsigned char *) text + i, len - i);

		if (n == 0)
			return NULL;
		i += n;
	}
	return text;
}
