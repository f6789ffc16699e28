/*-------------------------------------------------------------------------
 *
 * jsontext.c
 *		Bytes of any kind as a JSON string; see jsontext.h.
 *
 *-------------------------------------------------------------------------
 */
#include "jsontext.h"

#include <stdio.h>

#include "utf8.h"

/* Bytes that need no escape, as many as there are in front. */
static size_t
plain_length(const unsigned char *p, size_t left)
{
	size_t n = 0;
	size_t len;

	while (n < left && p[n] >= 0x20 && p[n] != '"' && p[n] != '\\' &&
		   (len = utf8_sequence(p + n, left - n)) > 0)
		n += len;
	return n;
}

bool
json_put_string(BufferBuilder *out, NovaBytes bytes)
{
	const unsigned char *p = (const unsigned char *) bytes.data;
	size_t left = bytes.len;
	bool ok = builder_append(out, "\"", 1);

	while (ok && left > 0)
	{
		size_t n = plain_length(p, left);
		char escape[8];

		ok = builder_append(out, p, n);
		p += n;
		left -= n;
		if (left == 0)
			break;
		if (*p == '"' || *p == '\\')
			snprintf(escape, sizeof(escape), "\\%c", *p);
		else if (*p < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04X", *p);
		else
			snprintf(escape, sizeof(escape), "\xEF\xBF\xBD"); /* U+FFFD */
		ok = ok && builder_append(out, escape, strlen(escape));
		p++;
		left--;
	}
	return ok && builder_append(out, "\"", 1);
}
