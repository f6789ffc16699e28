/*-------------------------------------------------------------------------
 *
 * spoolfile.c
 *		What a file of the spool is made of, and what each must have by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "spoolfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/wire.h"

#define MAGIC               "NOVASPL1"
#define MAGIC_SIZE          8
#define HEAD_FIXED          (MAGIC_SIZE + 4 + 4) /* up to what the checksum covers */

#define FLAG_IN_TRANSACTION 0x01

/*
 * Heads of files
 */

static char *
put_text(char *p, const char *text)
{
	return nova_put_bytes16(p, text, (uint16_t) strlen(text));
}

size_t
spool_put_head(char out[SPOOL_HEAD_MAX], const SpoolHead *head)
{
	char *p = out + HEAD_FIXED;
	size_t size;
	uint32_t crc;

	p = nova_put_u16(p, head->protocol);
	p = nova_put_u64(p, head->number);
	p = nova_put_u64(p, head->begin);
	p = nova_put_u64(p, (uint64_t) head->created);
	p = put_text(p, head->owner.system_id);
	p = put_text(p, head->owner.timeline);
	p = put_text(p, head->owner.slot);
	p = put_text(p, head->owner.database);
	size = (size_t) (p - out);
	crc = NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, out + HEAD_FIXED, size - HEAD_FIXED));
	p = nova_put_raw(out, MAGIC, MAGIC_SIZE);
	p = nova_put_u32(p, (uint32_t) size);
	(void) nova_put_u32(p, crc);
	return size;
}

static bool
get_text(NovaCursor *c, char *out, size_t size)
{
	NovaBytes text;

	if (!nova_get_bytes16(c, &text) || text.len >= size)
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static bool
get_owner(NovaCursor *c, SpoolOwner *owner)
{
	return get_text(c, owner->system_id, sizeof(owner->system_id)) &&
		   get_text(c, owner->timeline, sizeof(owner->timeline)) &&
		   get_text(c, owner->slot, sizeof(owner->slot)) &&
		   get_text(c, owner->database, sizeof(owner->database));
}

SpoolFault
spool_get_head(const char *data, size_t len, SpoolHead *head, size_t *size)
{
	NovaCursor c = {data, len};
	NovaBytes magic;
	uint32_t total;
	uint32_t crc;
	uint64_t created;

	if (!nova_get_raw(&c, MAGIC_SIZE, &magic) || !nova_get_u32(&c, &total) ||
		!nova_get_u32(&c, &crc))
		return SPOOL_SHORT;
	if (memcmp(magic.data, MAGIC, MAGIC_SIZE) != 0 || total < HEAD_FIXED || total > SPOOL_HEAD_MAX)
		return SPOOL_DAMAGED;
	if (total > len)
		return SPOOL_SHORT;
	c.remaining = total - HEAD_FIXED;
	if (NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, c.pos, c.remaining)) != crc ||
		!nova_get_u16(&c, &head->protocol) || !nova_get_u64(&c, &head->number) ||
		!nova_get_u64(&c, &head->begin) || !nova_get_u64(&c, &created) ||
		!get_owner(&c, &head->owner) || c.remaining != 0)
		return SPOOL_DAMAGED;
	head->created = (int64_t) created;
	*size = total;
	return SPOOL_SOUND;
}

/*
 * Entries
 */

static uint32_t
entry_crc(const char head[SPOOL_ENTRY_HEAD], const char *payload, uint32_t len)
{
	uint32_t crc = nova_crc32c(NOVA_CRC32C_INIT, head + 4, SPOOL_ENTRY_HEAD - 4);

	if (len > 0)
		crc = nova_crc32c(crc, payload, len);
	return NOVA_CRC32C_FINAL(crc);
}

void
spool_put_entry(char out[SPOOL_ENTRY_HEAD], const SpoolEntry *entry, const char *payload)
{
	char *p = out + 4;

	p = nova_put_u32(p, entry->len);
	p = nova_put_u8(p, (uint8_t) entry->kind);
	p = nova_put_u8(p, entry->in_transaction ? FLAG_IN_TRANSACTION : 0);
	p = nova_put_u16(p, 0);
	p = nova_put_u64(p, entry->lsn);
	(void) nova_put_u64(p, entry->end);
	(void) nova_put_u32(out, entry_crc(out, payload, entry->len));
}

SpoolFault
spool_get_entry(const char head[SPOOL_ENTRY_HEAD], uint64_t remaining, SpoolEntry *entry)
{
	NovaCursor c = {head + 4, SPOOL_ENTRY_HEAD - 4};
	uint8_t kind;
	uint8_t flags;
	uint16_t zero;

	if (remaining < SPOOL_ENTRY_HEAD)
		return SPOOL_SHORT;
	(void) nova_get_u32(&c, &entry->len);
	(void) nova_get_u8(&c, &kind);
	(void) nova_get_u8(&c, &flags);
	(void) nova_get_u16(&c, &zero);
	(void) nova_get_u64(&c, &entry->lsn);
	(void) nova_get_u64(&c, &entry->end);
	entry->kind = (char) kind;
	entry->in_transaction = (flags & FLAG_IN_TRANSACTION) != 0;
	if ((kind != SPOOL_DATA && kind != SPOOL_PREAMBLE && kind != SPOOL_ADVANCE) ||
		(flags & ~FLAG_IN_TRANSACTION) != 0 || zero != 0)
		return SPOOL_DAMAGED;
	return entry->len > remaining - SPOOL_ENTRY_HEAD ? SPOOL_SHORT : SPOOL_SOUND;
}

bool
spool_entry_sound(const char head[SPOOL_ENTRY_HEAD], const char *payload, uint32_t len)
{
	NovaCursor c = {head, 4};
	uint32_t crc;

	return nova_get_u32(&c, &crc) && crc == entry_crc(head, payload, len);
}

/*
 * The stream that is written
 */

void
spoolstream_free(SpoolStream *s)
{
	frame_free(&s->reader);
	free(s->hello.data);
	for (uint32_t i = 0; i < s->nroutes; i++)
		free(s->routes[i].data);
	free(s->routes);
	*s = (SpoolStream){0};
}

void
spoolstream_begin(SpoolStream *s)
{
	spoolstream_free(s);
	frame_stream_begin(&s->reader);
}

static bool
keep(SpoolFrame *frame, const char *data, size_t len)
{
	char *copy = malloc(len);

	if (copy == NULL)
		return false;
	memcpy(copy, data, len);
	free(frame->data);
	frame->data = copy;
	frame->len = (uint32_t) len;
	return true;
}

/* The reader has checked that the id is not out of range. */
static bool
keep_route(SpoolStream *s, uint32_t route, const char *data, size_t len)
{
	uint32_t n = s->nroutes > 0 ? s->nroutes : 64;
	SpoolFrame *grown;

	if (route >= s->nroutes)
	{
		while (n <= route)
			n *= 2;
		grown = realloc(s->routes, n * sizeof(*grown));
		if (grown == NULL)
			return false;
		memset(grown + s->nroutes, 0, (n - s->nroutes) * sizeof(*grown));
		s->routes = grown;
		s->nroutes = n;
	}
	return keep(&s->routes[route], data, len);
}

bool
spoolstream_take(SpoolStream *s, const char *payload, size_t len, uint64_t lsn, SpoolEntry *entry)
{
	FrameReader *r = &s->reader;
	FrameStatus status;
	NovaFrame frame;
	const char *start = payload;
	bool kept = true;

	*entry = (SpoolEntry){.kind = SPOOL_DATA, .lsn = lsn, .len = (uint32_t) len};
	frame_payload_begin(r, payload, len, lsn);
	while (kept && (status = frame_next(r, &frame)) == FRAME_READ)
	{
		size_t size = (size_t) (r->cursor.pos - start);

		if (frame.type == NOVA_FRAME_HELLO)
			kept = keep(&s->hello, start, size);
		else if (frame.type == NOVA_FRAME_ROUTE)
			kept = keep_route(s, frame.u.route.route, start, size);
		else if (frame.type == NOVA_FRAME_COMMIT && frame.u.commit.end_lsn > entry->end)
			entry->end = frame.u.commit.end_lsn;
		start = r->cursor.pos;
	}
	entry->in_transaction = r->in_transaction;
	if (!kept)
		snprintf(r->error, sizeof(r->error), "out of memory");
	return kept && status == FRAME_END;
}

char *
spoolstream_preamble(const SpoolStream *s, size_t *len)
{
	size_t size = s->hello.len;
	char *data;
	char *p;

	for (uint32_t i = 0; i < s->nroutes; i++)
		size += s->routes[i].len;
	data = s->hello.data != NULL ? malloc(size) : NULL;
	if (data == NULL)
		return NULL;
	p = nova_put_raw(data, s->hello.data, s->hello.len);
	for (uint32_t i = 0; i < s->nroutes; i++)
		p = nova_put_raw(p, s->routes[i].data, s->routes[i].len);
	*len = size;
	return data;
}
