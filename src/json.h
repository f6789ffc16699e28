/*-------------------------------------------------------------------------
 *
 * json.h
 *		JSON tokens into a growing buffer.
 *
 * A NovaOut is a StringInfo that is written to directly: reserve room, write,
 * advance.  Strings are escaped and, where the database has another encoding,
 * converted to UTF-8 on the way; what cannot be converted becomes U+FFFD, so
 * that the output is valid UTF-8 whatever is stored.
 *
 * Values can be larger than a StringInfo may get.  Whoever appends something
 * of unbounded length does it in slices and calls nova_out_pressure() between
 * them; past spill_at the owner of the buffer then takes the bytes out of it.
 *
 * Traps: a pointer into the buffer is void after any other call on it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_JSON_H
#define NOVA_JSON_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "escape.h"

typedef struct NovaOut
{
	StringInfo buf;
	bool java;     /* escape as Java does */
	int skip;      /* bytes of the next column prefix to leave out */
	Size spill_at; /* when buf is longer than this, call spill */
	void (*spill)(struct NovaOut *out);
} NovaOut;

/* A stretch of a NovaOut's buffer. */
typedef struct NovaSpan
{
	int at;
	int len;
} NovaSpan;

/* Never spill: for names, keys and other short things. */
#define NOVA_NO_SPILL ((Size) MaxAllocSize)

/* How much of a long value goes into the buffer at a time. */
#define NOVA_SLICE 8192

/* The database's text is UTF-8, so that no conversion is needed. */
extern bool nova_json_is_utf8;

extern void nova_json_setup(void);
extern void nova_out_init(NovaOut *out, StringInfo buf);
extern void nova_json_text(NovaOut *out, const char *s, Size len);
extern void nova_json_string(NovaOut *out, const char *s, Size len);
extern void nova_json_cstring(NovaOut *out, const char *s);
extern void nova_json_utf8(NovaOut *out, const char *s, Size len);
extern void nova_json_unchecked(NovaOut *out, const char *s, Size len);
extern void nova_out_slices(NovaOut *out, const char *s, Size len);
extern void nova_json_document(NovaOut *out, const char *s, Size len);
extern void nova_json_base64(NovaOut *out, const char *s, Size len, bool url);
extern void nova_json_hex(NovaOut *out, const char *s, Size len);
extern void nova_json_ascii(StringInfo buf, int from);
extern void nova_utf8(StringInfo dst, const char *s, Size len);

/* Room for n bytes; returns where to write. */
static inline char *
nova_out_reserve(NovaOut *out, Size n)
{
	StringInfo buf = out->buf;

	if (unlikely((Size) (buf->maxlen - buf->len) <= n))
		enlargeStringInfo(buf, (int) n);
	return buf->data + buf->len;
}

/* What was written ends at p. */
static inline void
nova_out_advance(NovaOut *out, const char *p)
{
	out->buf->len = (int) (p - out->buf->data);
}

static inline void
nova_out_bytes(NovaOut *out, const char *s, Size len)
{
	char *p = nova_out_reserve(out, len);

	memcpy(p, s, len);
	nova_out_advance(out, p + len);
}

static inline void
nova_out_char(NovaOut *out, char c)
{
	char *p = nova_out_reserve(out, 1);

	*p = c;
	nova_out_advance(out, p + 1);
}

/* Text that takes one reservation and no conversion, which most does. */
static inline bool
nova_json_is_short(Size len)
{
	return nova_json_is_utf8 && len <= NOVA_SLICE;
}

#define NOVA_QUOTED_ROOM(len) (NOVA_ESCAPE_ROOM(len) + 2)

/* Such a text as the inside of a JSON string, into room that is there. */
static inline char *
nova_json_escaped(const NovaOut *out, char *p, const char *s, Size len)
{
	return out->java ? nova_escape_java(p, s, len) : nova_escape(p, s, len);
}

/* Such a text as a JSON string, into room that is there; returns where to go on. */
static inline char *
nova_json_quoted(const NovaOut *out, char *p, const char *s, Size len)
{
	*p++ = '"';
	p = nova_json_escaped(out, p, s, len);
	*p++ = '"';
	return p;
}

/* Between slices and columns: let the owner empty the buffer. */
static inline void
nova_out_pressure(NovaOut *out)
{
	if (unlikely((Size) out->buf->len > out->spill_at))
		out->spill(out);
}

#endif /* NOVA_JSON_H */
