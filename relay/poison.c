/*-------------------------------------------------------------------------
 *
 * poison.c
 *		Changes that the server cannot decode; see poison.h.
 *
 *-------------------------------------------------------------------------
 */
#include "poison.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "copydata.h"

/*
 * Classes of SQLSTATE that say nothing about the change: connection, serialization,
 * resources, object state, operator intervention, system error.
 */
static const char *const passing[] = {"08", "40", "53", "55", "57", "58"};

/* Callbacks whose work guarded.lsns gets past; a begin or commit is not one of them. */
static const char *const callbacks[] = {"change", "truncate", "message"};

/* The first X/Y in hexadecimal in a line. */
static bool
find_lsn(const char *line, size_t len, uint64_t *lsn)
{
	for (size_t i = 0; i < len; i++)
	{
		size_t n;

		if (!isxdigit((unsigned char) line[i]) || (i > 0 && isalnum((unsigned char) line[i - 1])))
			continue;
		n = lsn_parse(line + i, lsn);
		if (n > 0 && i + n <= len)
			return true;
	}
	return false;
}

static bool
has_word(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(line + i, word, n) == 0 && (i == 0 || !isalpha((unsigned char) line[i - 1])) &&
			(i + n == len || !isalpha((unsigned char) line[i + n])))
			return true;
	return false;
}

/* slot "s", output plugin "nova_decoder", in the change callback, associated LSN 0/1 */
static bool
is_callback(const char *line, size_t len, uint64_t *lsn)
{
	static const char plugin[] = "nova_decoder";
	const char *end = line + len;

	for (; (size_t) (end - line) >= sizeof(plugin) - 1; line++)
	{
		const char *rest = line + sizeof(plugin) - 1;

		if (memcmp(line, plugin, sizeof(plugin) - 1) != 0)
			continue;
		for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
			if (has_word(rest, (size_t) (end - rest), callbacks[i]))
				return find_lsn(rest, (size_t) (end - rest), lsn);
	}
	return false;
}

bool
poison_position(const char *sqlstate, const char *context, uint64_t *lsn)
{
	if (sqlstate == NULL || context == NULL)
		return false;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strncmp(sqlstate, passing[i], 2) == 0)
			return false;
	while (*context != '\0')
	{
		size_t len = strcspn(context, "\n");

		if (is_callback(context, len, lsn))
			return true;
		context += len;
		context += *context == '\n';
	}
	return false;
}

bool
poison_failed(Poison *p, uint64_t lsn)
{
	if (p->lsn != lsn)
		p->failures = 0;
	p->lsn = lsn;
	return ++p->failures >= POISON_TRIES;
}

bool
poison_list(Poison *p, uint64_t lsn)
{
	for (size_t i = 0; i < POISON_LISTED && i < p->ever; i++)
		if (p->listed[i] == lsn)
			return false;
	p->listed[p->ever++ % POISON_LISTED] = lsn;
	p->failures = 0;
	return true;
}

void
poison_text(const Poison *p, char out[POISON_TEXT_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < POISON_LISTED && i < p->ever; i++)
		n += (size_t) snprintf(out + n, POISON_TEXT_MAX - n, "%s" LSN_FORMAT, i > 0 ? "," : "",
							   LSN_ARGS(p->listed[i]));
}
