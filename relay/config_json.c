/*-------------------------------------------------------------------------
 *
 * config_json.c
 *		The bytes of a connector JSON, and where in them a fault is.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "utf8.h"

static void
line_and_column(const char *json, size_t pos, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < pos; i++)
	{
		(*column)++;
		if (json[i] == '\n')
		{
			(*line)++;
			*column = 1;
		}
	}
}

static bool
fail_at(Ctx *ctx, const char *json, size_t pos, const char *what)
{
	size_t line;
	size_t column;

	line_and_column(json, pos, &line, &column);
	return config_fail(ctx, "line %zu, column %zu: %s", line, column, what);
}

/* What cJSON would take and C strings cannot hold, or nobody can read. */
static bool
check_bytes(Ctx *ctx, const char *json, size_t len)
{
	const unsigned char *s = (const unsigned char *) json;

	if (len > CONFIG_BYTES_MAX)
		return config_fail(ctx, "the file is longer than %d bytes; is it a connector JSON?",
						   CONFIG_BYTES_MAX);
	for (size_t i = 0; i < len;)
	{
		size_t n = utf8_sequence(s + i, len - i);

		if (n == 0)
			return fail_at(ctx, json, i, "a byte that is not UTF-8; save the file as UTF-8");
		if (s[i] == '\0')
			return fail_at(ctx, json, i, "a NUL byte; this is not a JSON text");
		/* An escaped character is two bytes, so that "\\u0000" is let through. */
		if (s[i] == '\\' && len - i >= 6 && memcmp(json + i, "\\u0000", 6) == 0)
			return fail_at(ctx, json, i, "\\u0000 cannot be part of a key or a value");
		i += s[i] == '\\' && len - i >= 2 && s[i + 1] < 0x80 && s[i + 1] != '\0' ? 2 : n;
	}
	return true;
}

/* What a scan of the text before an error found. */
typedef struct Scan
{
	bool in_string;
	size_t string_start;
	size_t last_pos; /* of the last byte that is not white space */
	char last;       /* that byte; '"' for the end of a string */
	char before;     /* the same of the token before */
} Scan;

static Scan
scan_text(const char *json, size_t pos)
{
	Scan scan = {0};

	for (size_t i = 0; i < pos; i++)
	{
		char c = json[i];

		if (scan.in_string)
		{
			if (c == '\\')
				i++;
			scan.in_string = c != '"';
			if (c == '"')
				scan.last_pos = i;
			continue;
		}
		if (isspace((unsigned char) c))
			continue;
		/* The bytes of a number or word are one token. */
		if (strchr("{}[],:\"", c) != NULL || strchr("{}[],:\"", scan.last) != NULL ||
			scan.last_pos + 1 != i)
			scan.before = scan.last;
		scan.in_string = c == '"';
		scan.string_start = i;
		scan.last = c;
		scan.last_pos = i;
	}
	return scan;
}

static const char *
expected_after(const Scan *scan)
{
	switch (scan->last)
	{
		case '\0':
			return "expected '{'";
		case '{':
			return "expected a key in double quotes, or '}'";
		case ',':
			return "expected a key in double quotes after ',' (no comma after the last entry)";
		case ':':
			return "expected a value: text in double quotes, a number, true or false";
		case '"':
			return scan->before == ':' ? "expected ',' or '}'" : "expected ':'";
		default:
			return "expected ',' or '}'";
	}
}

static bool
fail_syntax(Ctx *ctx, const char *json, size_t len, size_t pos)
{
	Scan scan;

	/* cJSON points at the last byte when the text ends too early. */
	if (pos + 1 >= len)
		pos = pos < len && len > 0 && scan_text(json, len).last == '}' ? pos : len;
	scan = scan_text(json, pos);
	if (scan.in_string)
		return fail_at(ctx, json, scan.string_start,
					   "not JSON: a text in double quotes is not closed or has a bad escape");
	/* cJSON has stepped over the byte that should have opened a key. */
	if (pos > 0 && scan.last_pos == pos - 1 && scan.last != '"' && strchr("{,", scan.before) &&
		scan.before != '\0' && strchr("{[", scan.last) == NULL)
	{
		pos--;
		scan = scan_text(json, pos);
	}
	return fail_at(ctx, json, pos,
				   arena_printf(ctx, "not JSON: %s%s", expected_after(&scan),
								pos >= len ? ", but the text ends here" : ""));
}

cJSON *
config_parse_json(Ctx *ctx, const char *json, size_t len)
{
	const char *end = json;
	cJSON *root;

	if (!check_bytes(ctx, json, len))
		return NULL;
	/* cJSON itself bounds the nesting (CJSON_NESTING_LIMIT). */
	errno = 0;
	root = cJSON_ParseWithLengthOpts(json, len, &end, false);
	if (root == NULL)
	{
		/* cJSON does not tell one from the other */
		if (errno == ENOMEM)
			config_no_memory();
		fail_syntax(ctx, json, len, (size_t) (end - json));
		return NULL;
	}
	while (end < json + len && isspace((unsigned char) *end))
		end++;
	if (end < json + len)
		fail_at(ctx, json, (size_t) (end - json), "not JSON: expected nothing after the value");
	else if (!cJSON_IsObject(root))
		config_fail(ctx, "not a connector JSON: expected an object { … } of keys and values");
	else
		return root;
	cJSON_Delete(root);
	return NULL;
}

const cJSON *
config_inner_map(Ctx *ctx, const cJSON *root, const cJSON **name)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(root, "config");

	*name = NULL;
	if (!cJSON_IsObject(config))
		return root;
	for (const cJSON *item = root->child; item != NULL; item = item->next)
	{
		if (strcmp(item->string, "name") == 0 && *name == NULL)
			*name = item;
		else if (item != config && strcmp(item->string, "initial_state") != 0)
		{
			config_fail(
				ctx,
				"%s: %s beside \"config\"; expected only \"name\" there, move it into \"config\"",
				item->string,
				strcmp(item->string, "name") == 0 || strcmp(item->string, "config") == 0
					? "appears twice"
					: "stands");
			return NULL;
		}
	}
	return config;
}
