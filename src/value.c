/*-------------------------------------------------------------------------
 *
 * value.c
 *		Encoders of single values, in the nova profile's forms; see value.h.
 *
 * Numbers are JSON numbers, NaN and the infinities strings, timestamps
 * milliseconds since 1970, dates and times ISO 8601, bytea base64, json and
 * jsonb nested.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "format.h"
#include "pin.h"
#include "value.h"

/* Digits and sign of an int64, and a NUL, which the server's functions add. */
#define INT64_ROOM 21

/* Milliseconds from 1970 to PostgreSQL's 2000. */
#define EPOCH_SHIFT_MS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (USECS_PER_DAY / 1000))

void
nova_encode_bool(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_constant(out, col, DatumGetBool(value) ? "true" : "false");
}

void
nova_encode_int2(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, nova_format_int64(p, DatumGetInt16(value)));
}

void
nova_encode_int4(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, nova_format_int64(p, DatumGetInt32(value)));
}

void
nova_encode_int8(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, nova_format_int64(p, DatumGetInt64(value)));
}

void
nova_encode_oid(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, INT64_ROOM);

	nova_out_advance(out, nova_format_uint64(p, DatumGetObjectId(value)));
}

static const char *
float_special(double v)
{
	if (isnan(v))
		return "\"NaN\"";
	return v > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

void
nova_encode_float4(NovaOut *out, const NovaColumn *col, Datum value)
{
	float4 v = DatumGetFloat4(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		nova_column_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, FLOAT_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + float_to_shortest_decimal_bufn(v, p));
}

void
nova_encode_float8(NovaOut *out, const NovaColumn *col, Datum value)
{
	float8 v = DatumGetFloat8(value);
	char *p;

	if (unlikely(!isfinite(v)))
	{
		nova_column_constant(out, col, float_special(v));
		return;
	}
	p = nova_column_open(out, col, DOUBLE_SHORTEST_DECIMAL_LEN);
	nova_out_advance(out, p + double_to_shortest_decimal_bufn(v, p));
}

static const char *
numeric_special(const NovaNumeric *n)
{
	if (n->kind == NOVA_NUMERIC_NAN)
		return "\"NaN\"";
	return n->negative ? "\"-Infinity\"" : "\"Infinity\"";
}

/* The JSON of a numeric's bytes behind its length word; inline for the constant quote. */
static inline void
append_numeric(NovaOut *out, const NovaColumn *col, const char *data, int size, const char *quote)
{
	NovaNumeric n;
	Size quotes = strlen(quote);
	char *p;

	nova_numeric_read(&n, data, size);
	if (unlikely(n.kind != NOVA_NUMERIC_FINITE))
	{
		nova_column_constant(out, col, numeric_special(&n));
		return;
	}
	p = nova_column_open(out, col, nova_numeric_room(&n) + 2 * quotes);
	memcpy(p, quote, quotes);
	p = nova_format_numeric(p + quotes, &n);
	memcpy(p, quote, quotes);
	nova_out_advance(out, p + quotes);
}

void
nova_encode_numeric(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	append_numeric(out, col, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), "");
}

void
nova_encode_numeric_string(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	append_numeric(out, col, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), "\"");
}

/* Money is an integer of its smallest unit; info->scale says how small. */
void
nova_encode_money(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, NOVA_DECIMAL_ROOM(col->info->scale));

	nova_out_advance(out, nova_format_decimal(p, DatumGetCash(value), col->info->scale));
}

void
nova_encode_text(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);
	Size len = VARSIZE_ANY_EXHDR(v);
	char *p;

	if (unlikely(!nova_json_is_short(len)))
	{
		nova_column_prefix(out, col);
		nova_json_string(out, VARDATA_ANY(v), len);
		return;
	}
	p = nova_column_open(out, col, NOVA_QUOTED_ROOM(len));
	nova_out_advance(out, nova_json_quoted(out, p, VARDATA_ANY(v), len));
}

void
nova_encode_name(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_prefix(out, col);
	nova_json_cstring(out, NameStr(*DatumGetName(value)));
}

/*
 * "char" is one byte of no encoding.  Bytes that are not ASCII take the
 * backslash-octal form that PostgreSQL 16 and later print.
 */
void
nova_encode_char(NovaOut *out, const NovaColumn *col, Datum value)
{
	unsigned char c = (unsigned char) DatumGetChar(value);
	char shown[5] = {(char) c, '\0'};

	if (c >= 0x80)
		snprintf(shown, sizeof(shown), "\\%03o", c);
	nova_column_prefix(out, col);
	nova_json_cstring(out, shown);
}

void
nova_encode_base64(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), false);
}

void
nova_encode_base64_url(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), true);
}

void
nova_encode_hex(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_hex(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

void
nova_encode_uuid(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 2 * UUID_LEN + 6);

	*p++ = '"';
	p = nova_format_uuid(p, DatumGetUUIDP(value)->data);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_date(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	int year;
	int month;
	int day;
	char *p;

	if (unlikely(DATE_NOT_FINITE(date)))
	{
		nova_column_constant(out, col, DATE_IS_NOBEGIN(date) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	nova_julian_date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	p = nova_column_open(out, col, 20);
	*p++ = '"';
	p = nova_format_date(p, year, month, day);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_time(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *p = nova_column_open(out, col, 17);

	*p++ = '"';
	p = nova_format_time(p, DatumGetTimeADT(value));
	*p++ = '"';
	nova_out_advance(out, p);
}

/* Milliseconds since 1970, rounded towards the past; both timestamp types. */
void
nova_encode_timestamp(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);
	int64 ms;
	char *p;

	if (unlikely(TIMESTAMP_NOT_FINITE(ts)))
	{
		nova_column_constant(out, col, TIMESTAMP_IS_NOBEGIN(ts) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	/* divide first: the latest timestamp plus the shift overflows in microseconds */
	ms = ts / 1000 - (ts % 1000 < 0 ? 1 : 0) + EPOCH_SHIFT_MS;
	p = nova_column_open(out, col, INT64_ROOM);
	nova_out_advance(out, nova_format_int64(p, ms));
}

void
nova_encode_json(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	nova_column_prefix(out, col);
	nova_json_document(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

/*
 * The stored form of jsonb (utils/jsonb.h): a word with the number of items,
 * then a word for each item with its kind and its length, or in some of them
 * where it ends, then the items.  An object has all its keys first.  Numbers
 * and containers are aligned to words, counted from the first item; the value
 * as a whole need not be, since it is read where it lies, however packed.
 */
typedef struct JsonbItems
{
	const char *entry; /* word of the next item */
	const char *base;  /* the first item of the container */
	uint32 end;        /* offset of where the last one ended */
} JsonbItems;

typedef struct JsonbItem
{
	uint32 entry;
	const char *data;
	uint32 len;
} JsonbItem;

static inline uint32
jsonb_word(const char *p)
{
	uint32 word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint32
jsonb_item_end(uint32 entry, uint32 start)
{
	return JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) : start + JBE_OFFLENFLD(entry);
}

static inline JsonbItem
next_jsonb_item(JsonbItems *items)
{
	JsonbItem item = {.entry = jsonb_word(items->entry)};
	uint32 start = items->end;

	items->entry += sizeof(uint32);
	items->end = jsonb_item_end(item.entry, start);
	if (JBE_ISNUMERIC(item.entry) || JBE_ISCONTAINER(item.entry))
		start = INTALIGN(start);
	item.data = items->base + start;
	item.len = items->end - start;
	return item;
}

/*
 * Where a document is being written.  The place to write at is handed from function to
 * function instead of kept in the buffer, since an item is a few bytes: 3 % of the
 * instructions of a row with one small document.  The buffer learns of it from
 * more_jsonb_room(), and at the end.
 */
typedef struct JsonbText
{
	NovaOut *out;
	const char *limit; /* there is room up to here, and no need to spill */
	bool spaced;       /* blanks as in the server's text, and escaped as a part of a string */
} JsonbText;

static inline const char *
jsonb_limit(const NovaOut *out)
{
	return out->buf->data + Min((Size) out->buf->maxlen - 1, out->spill_at);
}

static pg_noinline char *
more_jsonb_room(JsonbText *doc, char *p, Size n)
{
	NovaOut *out = doc->out;

	nova_out_advance(out, p);
	nova_out_pressure(out);
	p = nova_out_reserve(out, n);
	doc->limit = jsonb_limit(out);
	return p;
}

static inline char *
jsonb_room(JsonbText *doc, char *p, Size n)
{
	return likely(doc->limit - p >= (ptrdiff_t) n) ? p : more_jsonb_room(doc, p, n);
}

/*
 * Room for an item behind what leads to it: a bracket, a comma or a colon, of which
 * the latter two have a blank behind them in the server's text; NUL leads to the
 * only item of a document.
 */
static inline char *
open_jsonb_item(JsonbText *doc, char *p, char lead, Size room)
{
	p = jsonb_room(doc, p, room + 2);
	p[0] = lead;
	p[1] = ' ';
	p += lead != '\0';
	return p + (doc->spaced && (lead == ',' || lead == ':'));
}

static inline char *
write_jsonb_word(JsonbText *doc, char *p, char lead, const char *word, Size len)
{
	p = open_jsonb_item(doc, p, lead, len);
	memcpy(p, word, len);
	return p + len;
}

/* This and the next: not inline, for what is nested has their variables on the stack once a level. */
static pg_noinline char *
write_jsonb_numeric(JsonbText *doc, char *p, char lead, const char *data, uint32 len)
{
	int head = VARATT_IS_1B(data) ? VARHDRSZ_SHORT : VARHDRSZ;
	NovaNumeric n;

	nova_numeric_read(&n, data + head, (int) len - head);
	if (unlikely(n.kind != NOVA_NUMERIC_FINITE))
		return write_jsonb_word(doc, p, lead, numeric_special(&n), strlen(numeric_special(&n)));
	return nova_format_numeric(open_jsonb_item(doc, p, lead, nova_numeric_room(&n)), &n);
}

/* A string of any length and in any encoding, as one or within one. */
static pg_noinline char *
write_jsonb_long_string(JsonbText *doc, char *p, const char *s, Size len)
{
	NovaOut *out = doc->out;

	nova_out_advance(out, p);
	if (doc->spaced)
	{
		StringInfoData json;
		char *copy = pnstrdup(s, len);

		initStringInfo(&json);
		escape_json(&json, copy);
		nova_json_text(out, json.data, json.len);
		pfree(json.data);
		pfree(copy);
	}
	else
		nova_json_string(out, s, len);
	doc->limit = jsonb_limit(out); /* the buffer may have moved */
	return out->buf->data + out->buf->len;
}

/*
 * A string within the text of a document, which is one itself: its quotes are
 * escaped.  What needs an escape in it needs two, and the server writes the first.
 */
static pg_noinline char *
write_jsonb_text(JsonbText *doc, char *p, char lead, const char *s, Size len)
{
	bool is_short = nova_json_is_short(len);
	char *end;

	p = open_jsonb_item(doc, p, lead, is_short ? NOVA_QUOTED_ROOM(len) + 2 : 0);
	if (likely(is_short))
	{
		memcpy(p, "\\\"", 2);
		end = nova_json_escaped(doc->out, p + 2, s, len);
		if (likely(end == p + 2 + len))
		{
			memcpy(end, "\\\"", 2);
			return end + 2;
		}
	}
	return write_jsonb_long_string(doc, p, s, len);
}

static inline char *
write_jsonb_string(JsonbText *doc, char *p, char lead, const char *s, Size len)
{
	if (likely(nova_json_is_short(len)))
		return nova_json_quoted(doc->out, open_jsonb_item(doc, p, lead, NOVA_QUOTED_ROOM(len)), s,
								len);
	return write_jsonb_long_string(doc, open_jsonb_item(doc, p, lead, 0), s, len);
}

static char *write_jsonb_container(JsonbText *doc, char *p, char lead, const char *container);

static inline char *
write_jsonb_item(JsonbText *doc, char *p, char lead, const JsonbItem *item)
{
	if (JBE_ISSTRING(item->entry))
		return doc->spaced ? write_jsonb_text(doc, p, lead, item->data, item->len)
						   : write_jsonb_string(doc, p, lead, item->data, item->len);
	if (JBE_ISNUMERIC(item->entry))
		return write_jsonb_numeric(doc, p, lead, item->data, item->len);
	if (JBE_ISCONTAINER(item->entry))
		return write_jsonb_container(doc, p, lead, item->data);
	if (JBE_ISNULL(item->entry))
		return write_jsonb_word(doc, p, lead, "null", 4);
	if (JBE_ISBOOL_TRUE(item->entry))
		return write_jsonb_word(doc, p, lead, "true", 4);
	return write_jsonb_word(doc, p, lead, "false", 5);
}

/* What is between the braces. */
static char *
write_jsonb_object(JsonbText *doc, char *p, JsonbItems keys, uint32 n)
{
	JsonbItems values = {keys.entry + n * sizeof(uint32), keys.base, 0};

	for (uint32 i = 0; i < n; i++)
		values.end = jsonb_item_end(jsonb_word(keys.entry + i * sizeof(uint32)), values.end);
	for (uint32 i = 0; i < n; i++)
	{
		JsonbItem key = next_jsonb_item(&keys);
		JsonbItem value = next_jsonb_item(&values);

		p = write_jsonb_item(doc, p, i > 0 ? ',' : '\0', &key);
		p = write_jsonb_item(doc, p, ':', &value);
	}
	return p;
}

static char *
write_jsonb_container(JsonbText *doc, char *p, char lead, const char *container)
{
	uint32 header = jsonb_word(container);
	uint32 n = header & JB_CMASK;
	bool object = (header & JB_FOBJECT) != 0;
	bool bare = (header & JB_FSCALAR) != 0; /* not in an array, but stored as one */
	JsonbItems items = {.entry = container + sizeof(uint32)};

	check_stack_depth();
	items.base = items.entry + (object ? 2 * n : n) * sizeof(uint32);
	if (!bare)
		p = write_jsonb_word(doc, p, lead, object ? "{" : "[", 1);
	if (object)
		p = write_jsonb_object(doc, p, items, n);
	else
		for (uint32 i = 0; i < n; i++)
		{
			JsonbItem item = next_jsonb_item(&items);

			p = write_jsonb_item(doc, p, i > 0 ? ',' : '\0', &item);
		}
	if (bare)
		return p;
	p = jsonb_room(doc, p, 1);
	*p = object ? '}' : ']';
	return p + 1;
}

/* A jsonb as compact JSON, item by item, so that no text is built aside. */
void
nova_encode_jsonb(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);
	char *p = nova_column_open(out, col, 0);
	JsonbText doc = {.out = out, .limit = jsonb_limit(out)};

	nova_out_advance(out, write_jsonb_container(&doc, p, '\0', VARDATA_ANY(v)));
}

/* A jsonb's text as a string: what jsonb_out() gives, without building it aside. */
void
nova_encode_jsonb_text(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);
	char *p = nova_column_open(out, col, 1);
	JsonbText doc = {.out = out, .limit = jsonb_limit(out), .spaced = true};

	*p++ = '"';
	p = jsonb_room(&doc, write_jsonb_container(&doc, p, '\0', VARDATA_ANY(v)), 1);
	*p++ = '"';
	nova_out_advance(out, p);
}

void
nova_encode_output(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);

	nova_column_prefix(out, col);
	nova_json_cstring(out, s);
}
