/*-------------------------------------------------------------------------
 *
 * json.c
 *		JSON tokens into a growing buffer; see json.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "escape.h"
#include "json.h"

/* How bytes of this database become UTF-8; constant for a backend. */
typedef enum TextSource
{
	TEXT_UTF8,      /* as they are: the server has checked them */
	TEXT_UNCHECKED, /* SQL_ASCII: may be anything */
	TEXT_CONVERT    /* by the server's conversion function */
} TextSource;

static TextSource text_source = TEXT_UTF8;
static FmgrInfo conversion; /* set if text_source is TEXT_CONVERT */
bool nova_json_is_utf8 = true;

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Takes checked UTF-8, piece by piece. */
typedef void (*Utf8Sink)(void *arg, const char *s, Size len);

/*
 * Look up the default conversion of pg_catalog, whatever search_path says.  At
 * the start of a stream there is no transaction, and later there may be none
 * either, so that this is done once and for all.
 */
static void
find_conversion(void)
{
	int encoding = GetDatabaseEncoding();
	bool own_transaction = !IsTransactionState();
	MemoryContext old = CurrentMemoryContext;
	Oid proc;

	if (OidIsValid(conversion.fn_oid))
		return;
	if (own_transaction)
		StartTransactionCommand();
	proc = FindDefaultConversion(PG_CATALOG_NAMESPACE, encoding, PG_UTF8);
	if (!OidIsValid(proc))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("no conversion from encoding \"%s\" to UTF8 exists",
							   pg_encoding_to_char(encoding)),
						errhint("Restore the default conversion in schema pg_catalog.")));
	fmgr_info_cxt(proc, &conversion, TopMemoryContext);
	if (own_transaction)
		CommitTransactionCommand();
	MemoryContextSwitchTo(old);
}

/* Find out how this database's text becomes UTF-8; before anything else here. */
void
nova_json_setup(void)
{
	int encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8)
		text_source = TEXT_UTF8;
	else if (encoding == PG_SQL_ASCII)
		text_source = TEXT_UNCHECKED;
	else
	{
		find_conversion();
		text_source = TEXT_CONVERT;
	}
	nova_json_is_utf8 = text_source == TEXT_UTF8;
}

void
nova_out_init(NovaOut *out, StringInfo buf)
{
	out->buf = buf;
	out->java = false;
	out->skip = 0;
	out->spill_at = NOVA_NO_SPILL;
	out->spill = NULL;
}

/* Length of the valid UTF-8 prefix of s. */
static Size
valid_prefix(const char *s, Size len)
{
	Size done = 0;

	while (done < len)
	{
		const unsigned char *c = (const unsigned char *) s + done;
		int n = pg_utf_mblen(c);

		if ((Size) n > len - done || !pg_utf8_islegal(c, n))
			break;
		done += n;
	}
	return done;
}

static void
unchecked_to_utf8(const char *s, Size len, Utf8Sink sink, void *arg)
{
	while (len > 0)
	{
		Size good = valid_prefix(s, len);

		sink(arg, s, good);
		s += good;
		len -= good;
		if (len > 0)
		{
			sink(arg, replacement, 3);
			s++;
			len--;
		}
	}
}

/*
 * Convert in pieces, so that no allocation depends on the value's length.  The
 * conversion stops before a character that is cut off or has no equivalent;
 * what then stands first in a piece cannot be converted at all.
 */
static void
convert_to_utf8(const char *s, Size len, Utf8Sink sink, void *arg)
{
	unsigned char utf8[NOVA_SLICE * MAX_CONVERSION_GROWTH + 1];
	int encoding = GetDatabaseEncoding();

	while (len > 0)
	{
		int piece = (int) Min(len, NOVA_SLICE);
		int used = DatumGetInt32(FunctionCall6(
			&conversion, Int32GetDatum(encoding), Int32GetDatum(PG_UTF8), CStringGetDatum(s),
			CStringGetDatum((char *) utf8), Int32GetDatum(piece), BoolGetDatum(true)));

		sink(arg, (char *) utf8, strlen((char *) utf8));
		if (used == 0)
		{
			sink(arg, replacement, 3);
			used = Max(1, Min(piece, pg_encoding_mblen(encoding, s)));
		}
		s += used;
		len -= used;
	}
}

/* Hand s to the sink as valid UTF-8. */
static void
to_utf8(const char *s, Size len, Utf8Sink sink, void *arg)
{
	if (text_source == TEXT_UNCHECKED)
		unchecked_to_utf8(s, len, sink, arg);
	else if (text_source == TEXT_CONVERT)
		convert_to_utf8(s, len, sink, arg);
	else
		sink(arg, s, len);
}

static void
append_plain(void *arg, const char *s, Size len)
{
	appendBinaryStringInfo((StringInfo) arg, s, (int) len);
}

/* Append s to dst as valid UTF-8, unescaped: for names. */
void
nova_utf8(StringInfo dst, const char *s, Size len)
{
	to_utf8(s, len, append_plain, dst);
}

/* How much of s to take, so that no character is cut if that matters. */
static Size
slice_length(const NovaOut *out, const char *s, Size len)
{
	Size slice = NOVA_SLICE;

	if (len <= NOVA_SLICE)
		return len;
	while (out->java && slice > NOVA_SLICE - 4 && (s[slice] & 0xC0) == 0x80)
		slice--;
	return slice;
}

static void
append_escaped(void *arg, const char *s, Size len)
{
	NovaOut *out = arg;

	while (len > 0)
	{
		Size slice = slice_length(out, s, len);
		char *p = nova_out_reserve(out, NOVA_ESCAPE_ROOM(slice));

		p = out->java ? nova_escape_java(p, s, slice) : nova_escape(p, s, slice);
		nova_out_advance(out, p);
		nova_out_pressure(out);
		s += slice;
		len -= slice;
	}
}

/* The inside of a JSON string, without quotes. */
void
nova_json_text(NovaOut *out, const char *s, Size len)
{
	if (likely(text_source == TEXT_UTF8))
		append_escaped(out, s, len);
	else
		to_utf8(s, len, append_escaped, out);
}

void
nova_json_string(NovaOut *out, const char *s, Size len)
{
	if (likely(nova_json_is_short(len)))
	{
		char *p = nova_out_reserve(out, NOVA_QUOTED_ROOM(len));

		nova_out_advance(out, nova_json_quoted(out, p, s, len));
		return;
	}
	nova_out_char(out, '"');
	nova_json_text(out, s, len);
	nova_out_char(out, '"');
}

void
nova_json_cstring(NovaOut *out, const char *s)
{
	nova_json_string(out, s, strlen(s));
}

/* A JSON string from what is UTF-8 already. */
void
nova_json_utf8(NovaOut *out, const char *s, Size len)
{
	nova_out_char(out, '"');
	append_escaped(out, s, len);
	nova_out_char(out, '"');
}

/* A JSON string from bytes that should be UTF-8, but that nobody has checked. */
void
nova_json_unchecked(NovaOut *out, const char *s, Size len)
{
	nova_out_char(out, '"');
	unchecked_to_utf8(s, len, append_escaped, out);
	nova_out_char(out, '"');
}

/* Bytes as they are, however many. */
void
nova_out_slices(NovaOut *out, const char *s, Size len)
{
	while (len > 0)
	{
		Size slice = Min(len, NOVA_SLICE);

		nova_out_bytes(out, s, slice);
		nova_out_pressure(out);
		s += slice;
		len -= slice;
	}
}

/*
 * Valid JSON text outside of strings may hold line breaks and tabs, and
 * nowhere else may control characters stand in it.  Blanks in their place mean
 * the same and keep a record on one line.
 */
static void
append_one_line(void *arg, const char *s, Size len)
{
	NovaOut *out = arg;

	while (len > 0)
	{
		Size slice = Min(len, NOVA_SLICE);
		char *p = nova_out_reserve(out, slice);

		for (Size i = 0; i < slice; i++)
			p[i] = (unsigned char) s[i] < 0x20 ? ' ' : s[i];
		nova_out_advance(out, p + slice);
		nova_out_pressure(out);
		s += slice;
		len -= slice;
	}
}

/* A text that is valid JSON already. */
void
nova_json_document(NovaOut *out, const char *s, Size len)
{
	to_utf8(s, len, append_one_line, out);
}

/* RFC 4648's alphabet for URLs has two other characters. */
static void
base64_to_url(char *p, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (p[i] == '+')
			p[i] = '-';
		else if (p[i] == '/')
			p[i] = '_';
	}
}

/* Bytes as a JSON string of base64 with padding (RFC 4648), standard or for URLs. */
void
nova_json_base64(NovaOut *out, const char *s, Size len, bool url)
{
	const Size slice = NOVA_SLICE / 3 * 3;

	nova_out_char(out, '"');
	while (len > 0)
	{
		int n = (int) Min(len, slice);
		int room = pg_b64_enc_len(n);
		char *p = nova_out_reserve(out, room);
		int written = pg_b64_encode((const void *) s, n, p, room);

		if (url)
			base64_to_url(p, written);
		nova_out_advance(out, p + written);
		nova_out_pressure(out);
		s += n;
		len -= n;
	}
	nova_out_char(out, '"');
}

/* Bytes as a JSON string of lower-case hexadecimal digits. */
void
nova_json_hex(NovaOut *out, const char *s, Size len)
{
	nova_out_char(out, '"');
	while (len > 0)
	{
		Size slice = Min(len, NOVA_SLICE);
		char *p = nova_out_reserve(out, 2 * slice);

		nova_out_advance(out, p + hex_encode(s, slice, p));
		nova_out_pressure(out);
		s += slice;
		len -= slice;
	}
	nova_out_char(out, '"');
}

/*
 * Rewrite what stands in buf from that position on as ASCII: every character
 * beyond becomes \uXXXX, in surrogate pairs where UTF-16 needs them.  Only for
 * text that goes to SQL of a database whose encoding is not UTF-8.
 */
void
nova_json_ascii(StringInfo buf, int from)
{
	int len = buf->len - from;
	char *copy;

	if (text_source == TEXT_UTF8)
		return;
	copy = pnstrdup(buf->data + from, len);
	buf->len = from;
	for (int i = 0; i < len;)
	{
		unsigned char *c = (unsigned char *) copy + i;
		pg_wchar code;

		i += pg_utf_mblen(c);
		if (*c < 0x80)
		{
			appendStringInfoChar(buf, (char) *c);
			continue;
		}
		code = utf8_to_unicode(c);
		if (code > 0xFFFF)
		{
			appendStringInfo(buf, "\\u%04x", 0xD800 + ((code - 0x10000) >> 10));
			code = 0xDC00 + ((code - 0x10000) & 0x3FF);
		}
		appendStringInfo(buf, "\\u%04x", code);
	}
	pfree(copy);
}
