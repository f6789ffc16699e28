/*-------------------------------------------------------------------------
 *
 * deadletter.c
 *		Records that cannot be delivered; see deadletter.h.
 *
 *-------------------------------------------------------------------------
 */
#include "deadletter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "copydata.h"
#include "jsontext.h"
#include "utf8.h"

bool
bad_record_tell(BadRecords *bad, int64_t now, uint64_t *untold)
{
	*untold = bad->untold;
	if (now < bad->next_line)
	{
		bad->untold++;
		return false;
	}
	bad->untold = 0;
	bad->next_line = now + BAD_RECORD_LINE_MS;
	return true;
}

void
bad_record_text(const BadRecord *bad, char *out, size_t size)
{
	if (bad->unreadable)
		snprintf(out, size, "the change at LSN " LSN_FORMAT " of table %s cannot be decoded: %s",
				 LSN_ARGS(bad->lsn), *bad->table != '\0' ? bad->table : "(not known)", bad->reason);
	else
		snprintf(out, size,
				 "a record of %" PRIu64 " bytes for topic %s (from LSN " LSN_FORMAT
				 ") cannot be delivered: %s",
				 bad->key.len + bad->value_bytes, bad->topic, LSN_ARGS(bad->lsn), bad->reason);
}

static bool
is_whole(const BadRecord *bad)
{
	return !bad->unreadable && bad->value.len == bad->value_bytes;
}

/* The headers in front and the framing are small against what they may come to here. */
bool
letter_fits(const BadRecord *bad, size_t max)
{
	size_t about = strlen(bad->topic) + strlen(bad->table) + strlen(bad->reason) + 512;
	size_t rest = bad->headers.len + about;

	return is_whole(bad) && bad->key.len <= max && rest <= max - bad->key.len &&
		   bad->value.len <= max - bad->key.len - rest;
}

static bool
put_u16(BufferBuilder *out, size_t n)
{
	char bytes[2];

	(void) nova_put_u16(bytes, (uint16_t) n);
	return builder_append(out, bytes, sizeof(bytes));
}

static bool
put_header(BufferBuilder *out, const char *name, const char *value)
{
	char length[4];
	size_t len = strlen(value);

	(void) nova_put_u32(length, (uint32_t) len);
	return put_u16(out, strlen(name)) && builder_append(out, name, strlen(name)) &&
		   builder_append(out, length, sizeof(length)) && builder_append(out, value, len);
}

#define OWN_HEADERS 9

/* Ours, all texts, then those of the record; the count comes first. */
static bool
put_headers(BufferBuilder *out, const BadRecord *bad, bool pointer, bool key_cut)
{
	NovaCursor c = {bad->headers.data, bad->headers.len};
	uint16_t count = 0;
	char lsn[32];
	char xid[16] = "";
	char key_bytes[24];
	char value_bytes[24];

	/* a pointer has to be small */
	if (bad->headers.len > 0 && !(pointer && bad->headers.len > LETTER_KEY_MAX))
		(void) nova_get_u16(&c, &count);
	if (count > UINT16_MAX - OWN_HEADERS)
		count = 0;
	snprintf(lsn, sizeof(lsn), LSN_FORMAT, LSN_ARGS(bad->lsn));
	if (bad->xid != 0)
		snprintf(xid, sizeof(xid), "%" PRIu32, bad->xid);
	snprintf(key_bytes, sizeof(key_bytes), "%" PRIu32, bad->key.len);
	snprintf(value_bytes, sizeof(value_bytes), "%" PRIu64, bad->value_bytes);
	return put_u16(out, (size_t) count + OWN_HEADERS) &&
		   put_header(out, "__nova.topic", bad->topic) &&
		   put_header(out, "__nova.table", bad->table) && put_header(out, "__nova.lsn", lsn) &&
		   put_header(out, "__nova.xid", xid) && put_header(out, "__nova.reason", bad->reason) &&
		   put_header(out, "__nova.value", pointer ? "pointer" : "whole") &&
		   put_header(out, "__nova.value.bytes", value_bytes) &&
		   put_header(out, "__nova.key", key_cut ? "cut" : "whole") &&
		   put_header(out, "__nova.key.bytes", key_bytes) &&
		   (count == 0 || builder_append(out, c.pos, c.remaining));
}

/* At most max bytes, without a character that is cut. */
static NovaBytes
beginning(NovaBytes bytes, uint32_t max)
{
	uint32_t len = bytes.len;

	if (len > max)
	{
		len = max;
		/* of a character that goes on behind the end, not even the first byte */
		while (len > max - 3 && ((unsigned char) bytes.data[len] & 0xC0) == 0x80)
			len--;
	}
	return (NovaBytes){bytes.data, len};
}

static bool
put_plain(BufferBuilder *out, const char *text)
{
	return builder_append(out, text, strlen(text));
}

static bool
put_member(BufferBuilder *out, const char *name, NovaBytes value)
{
	return put_plain(out, name) &&
		   (value.data == NULL ? put_plain(out, "null") : json_put_string(out, value));
}

static NovaBytes
text_bytes(const char *text)
{
	return (NovaBytes){*text != '\0' ? text : NULL, (uint32_t) strlen(text)};
}

static bool
put_pointer(BufferBuilder *out, const BadRecord *bad)
{
	char numbers[160];

	snprintf(numbers, sizeof(numbers),
			 ",\"lsn\":\"" LSN_FORMAT "\",\"xid\":%" PRIu32 ",\"key_bytes\":%" PRIu32
			 ",\"value_bytes\":%" PRIu64,
			 LSN_ARGS(bad->lsn), bad->xid, bad->key.len, bad->value_bytes);
	return put_member(out, "{\"topic\":", text_bytes(bad->topic)) &&
		   put_member(out, ",\"table\":", text_bytes(bad->table)) && put_plain(out, numbers) &&
		   put_member(out, ",\"reason\":", text_bytes(bad->reason)) &&
		   put_member(out, ",\"key\":", beginning(bad->key, LETTER_KEY_MAX)) &&
		   put_member(out, ",\"value_begins\":", beginning(bad->value, LETTER_BEGINNING)) &&
		   put_plain(out, "}");
}

bool
letter_write(LetterText *text, const BadRecord *bad, bool pointer)
{
	NovaBytes key = bad->key;

	letter_reset(text);
	if (pointer)
		key = beginning(key, LETTER_KEY_MAX);
	text->has_key = key.data != NULL;
	text->has_value = pointer || bad->value.data != NULL;
	return put_headers(&text->headers, bad, pointer, key.len < bad->key.len) &&
		   (!text->has_key || builder_append(&text->key, key.data, key.len)) &&
		   (pointer ? put_pointer(&text->value, bad)
					: !text->has_value ||
						  builder_append(&text->value, bad->value.data, bad->value.len));
}

void
letter_reset(LetterText *text)
{
	builder_reset(&text->headers);
	builder_reset(&text->key);
	builder_reset(&text->value);
	*text = (LetterText){0};
}
