/*-------------------------------------------------------------------------
 *
 * expand.c
 *		The text of a JSON object as JSON; see expand.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "debezium.h"
#include "expand.h"
#include "json.h"

/* Beyond these it stays text: depth, comparisons of names, bytes. */
#define DEPTH_MAX 500
#define WORK_MAX  20000000
#define BYTES_MAX (256 * 1024 * 1024)

typedef enum Kind
{
	KIND_NULL,
	KIND_BOOL,
	KIND_INT,
	KIND_LONG,
	KIND_DOUBLE,
	KIND_STRING,
	KIND_ARRAY,
	KIND_OBJECT
} Kind;

typedef struct Item
{
	Kind kind;
	const char *text; /* scalars: as they stand; strings: decoded */
	int len;
	const char *name; /* of a member, decoded */
	int name_len;
	struct Item *first; /* of arrays and objects */
	struct Item *last;
	struct Item *next;
} Item;

typedef struct Parser
{
	const char *pos;
	const char *end;
	const NovaOptions *options;
	int depth;
	long work;
} Parser;

static Item *parse_value(Parser *p);

static bool
is_too_much(const Parser *p)
{
	return p->work > WORK_MAX;
}

static void
skip_blanks(Parser *p)
{
	while (p->pos < p->end && strchr(" \t\r\n", *p->pos) && *p->pos)
		p->pos++;
}

static bool
take(Parser *p, char c)
{
	skip_blanks(p);
	if (p->pos >= p->end || *p->pos != c)
		return false;
	p->pos++;
	return true;
}

static bool
take_word(Parser *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t) (p->end - p->pos) < len || strncmp(p->pos, word, len) != 0)
		return false;
	p->pos += len;
	return true;
}

/* Four hexadecimal digits, or -1. */
static int
take_hex(Parser *p)
{
	int value = 0;

	if (p->end - p->pos < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		unsigned char c = (unsigned char) *p->pos++;

		if (!isxdigit(c))
			return -1;
		value = value * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/* What follows "\u": one unit of UTF-16, or a pair.  A half of one is U+FFFD. */
static bool
take_unicode(Parser *p, StringInfo buf)
{
	unsigned char utf8[8];
	int unit = take_hex(p);

	if (unit < 0)
		return false;
	if (unit >= 0xD800 && unit < 0xDC00 && take_word(p, "\\u"))
	{
		int low = take_hex(p);

		if (low < 0)
			return false;
		unit = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00
											 : 0xFFFD;
	}
	else if (unit >= 0xD800 && unit < 0xE000)
		unit = 0xFFFD;
	unicode_to_utf8((pg_wchar) unit, utf8);
	appendBinaryStringInfo(buf, (char *) utf8, unit == 0 ? 1 : pg_utf_mblen(utf8));
	return true;
}

static bool
take_escape(Parser *p, StringInfo buf)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (p->pos >= p->end)
		return false;
	if (*p->pos == 'u')
	{
		p->pos++;
		return take_unicode(p, buf);
	}
	at = *p->pos ? strchr(from, *p->pos) : NULL;
	if (at == NULL)
		return false;
	p->pos++;
	appendStringInfoChar(buf, to[at - from]);
	return true;
}

/* A string from its quote on, decoded; false: it is none. */
static bool
take_string(Parser *p, const char **decoded, int *len)
{
	StringInfoData buf;

	if (!take(p, '"'))
		return false;
	initStringInfo(&buf);
	while (p->pos < p->end && *p->pos != '"')
	{
		if ((unsigned char) *p->pos < ' ')
			return false;
		if (*p->pos++ != '\\')
			appendStringInfoChar(&buf, p->pos[-1]);
		else if (!take_escape(p, &buf))
			return false;
	}
	*decoded = buf.data;
	*len = buf.len;
	return take(p, '"');
}

static int
take_digits(Parser *p)
{
	const char *from = p->pos;

	while (p->pos < p->end && isdigit((unsigned char) *p->pos))
		p->pos++;
	return (int) (p->pos - from);
}

/* Integers are of the smallest of Java's types that holds them. */
static void
integer_kind(Item *node)
{
	char *digits = pnstrdup(node->text, node->len);
	char *end;
	long long value;

	errno = 0;
	value = strtoll(digits, &end, 10);
	if (errno)
		node->kind = KIND_DOUBLE;
	else
		node->kind = value >= PG_INT32_MIN && value <= PG_INT32_MAX ? KIND_INT : KIND_LONG;
	if (value == 0 && node->kind == KIND_INT)
	{
		node->text = "0";
		node->len = 1;
	}
}

static Item *
parse_number(Parser *p, Item *node)
{
	bool whole = true;
	bool zero;
	int digits;

	node->text = p->pos;
	(void) take_word(p, "-");
	zero = p->pos < p->end && *p->pos == '0';
	digits = take_digits(p);
	if (digits == 0 || (zero && digits > 1))
		return NULL;
	if (take_word(p, "."))
	{
		whole = false;
		if (take_digits(p) == 0)
			return NULL;
	}
	if (take_word(p, "e") || take_word(p, "E"))
	{
		whole = false;
		if (!take_word(p, "-"))
			(void) take_word(p, "+");
		if (take_digits(p) == 0)
			return NULL;
	}
	node->len = (int) (p->pos - node->text);
	node->kind = KIND_DOUBLE;
	if (whole)
		integer_kind(node);
	return node;
}

static void
append_child(Item *parent, Item *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

static Item *
member_named(Parser *p, const Item *object, const char *name, int len)
{
	for (Item *member = object->first; member && !is_too_much(p); member = member->next, p->work++)
		if (member->name_len == len && memcmp(member->name, name, len) == 0)
			return member;
	return NULL;
}

/* The last of several members of one name counts, in the place of the first. */
static void
add_member(Parser *p, Item *object, Item *member)
{
	Item *twin = member_named(p, object, member->name, member->name_len);

	if (twin == NULL)
	{
		append_child(object, member);
		return;
	}
	member->next = twin->next;
	if (object->last == twin)
		object->last = twin;
	*twin = *member;
}

static Item *
parse_object(Parser *p, Item *object)
{
	object->kind = KIND_OBJECT;
	if (take(p, '}'))
		return object;
	do
	{
		const char *name;
		int len;
		Item *member;

		if (!take_string(p, &name, &len) || !take(p, ':') || (member = parse_value(p)) == NULL)
			return NULL;
		member->name = name;
		member->name_len = len;
		add_member(p, object, member);
	} while (!is_too_much(p) && take(p, ','));
	return take(p, '}') ? object : NULL;
}

static Item *
parse_array(Parser *p, Item *array)
{
	array->kind = KIND_ARRAY;
	if (take(p, ']'))
		return array;
	do
	{
		Item *element = parse_value(p);

		if (element == NULL)
			return NULL;
		append_child(array, element);
	} while (take(p, ','));
	return take(p, ']') ? array : NULL;
}

static Item *
parse_scalar(Parser *p, Item *node)
{
	node->text = p->pos;
	if (p->pos < p->end && *p->pos == '"')
	{
		node->kind = KIND_STRING;
		return take_string(p, &node->text, &node->len) ? node : NULL;
	}
	if (take_word(p, "true") || take_word(p, "false"))
		node->kind = KIND_BOOL;
	else if (take_word(p, "null"))
		node->kind = KIND_NULL;
	else
		return parse_number(p, node);
	node->len = (int) (p->pos - node->text);
	return node;
}

/* NULL: this is no JSON, or too deep. */
static Item *
parse_value(Parser *p)
{
	Item *node = palloc0(sizeof(Item));

	if (++p->depth > DEPTH_MAX)
		return NULL;
	if (take(p, '{'))
		node = parse_object(p, node);
	else if (take(p, '['))
		node = parse_array(p, node);
	else
		node = parse_scalar(p, node);
	p->depth--;
	return node;
}

/* Has this value a type, so that it is shown? */
static bool
is_typed(const Item *node, Parser *p)
{
	if (node->kind == KIND_NULL)
		return p->options->outbox_keep_nulls;
	return node->kind != KIND_ARRAY || node->first || p->options->outbox_keep_empty;
}

static bool has_schema(const Item *node, Parser *p);

/* Elements are of one type, apart from nulls, and that is a known one. */
static bool
array_has_schema(const Item *array, Parser *p)
{
	const Item *sample = NULL;

	for (const Item *e = array->first; e; e = e->next)
	{
		if (e->kind == KIND_NULL)
			continue;
		if (sample == NULL)
			sample = e;
		if (e->kind != sample->kind || (e->kind == KIND_OBJECT && !has_schema(e, p)))
			return false;
	}
	if (array->first == NULL)
		return true;
	if (sample == NULL)
		return p->options->outbox_keep_nulls;
	return is_typed(sample, p) && has_schema(sample, p);
}

static bool
has_schema(const Item *node, Parser *p)
{
	if (node->kind == KIND_ARRAY)
		return array_has_schema(node, p);
	if (node->kind != KIND_OBJECT)
		return true;
	for (const Item *m = node->first; m; m = m->next)
		if (is_typed(m, p) && (m->name_len == 0 || !has_schema(m, p)))
			return false;
	return true;
}

static void write_node(NovaOut *out, const Item *node, Parser *p);

static void
write_member(NovaOut *out, bool first, const Item *name, const Item *value, Parser *p)
{
	if (out->buf->len > BYTES_MAX)
		p->work = WORK_MAX + 1;
	if (is_too_much(p))
		return;
	if (!first)
		nova_out_char(out, ',');
	nova_json_utf8(out, name->name, name->name_len);
	nova_out_char(out, ':');
	if (value)
		write_node(out, value, p);
	else
		nova_out_bytes(out, "null", 4);
}

/* The fields that any of an array's objects has, in the order of their coming. */
static Item *
all_members(const Item *array, Parser *p)
{
	Item *all = palloc0(sizeof(Item));

	for (const Item *e = array->first; e; e = e->next)
		for (const Item *m = e->kind == KIND_OBJECT ? e->first : NULL; m; m = m->next)
			if (is_typed(m, p) && member_named(p, all, m->name, m->name_len) == NULL)
			{
				Item *copy = palloc(sizeof(Item));

				*copy = *m;
				copy->next = NULL;
				append_child(all, copy);
			}
	return all;
}

static void
write_array(NovaOut *out, const Item *array, Parser *p)
{
	const Item *all = all_members(array, p);

	nova_out_char(out, '[');
	for (const Item *e = array->first; e; e = e->next)
	{
		if (e != array->first)
			nova_out_char(out, ',');
		if (e->kind != KIND_OBJECT)
		{
			write_node(out, e, p);
			continue;
		}
		nova_out_char(out, '{');
		for (const Item *m = all->first; m; m = m->next)
			write_member(out, m == all->first, m, member_named(p, e, m->name, m->name_len), p);
		nova_out_char(out, '}');
	}
	nova_out_char(out, ']');
}

static void
write_object(NovaOut *out, const Item *object, Parser *p)
{
	bool first = true;

	nova_out_char(out, '{');
	for (const Item *m = object->first; m; m = m->next)
		if (is_typed(m, p))
		{
			write_member(out, first, m, m, p);
			first = false;
		}
	nova_out_char(out, '}');
}

/* What no double holds stays as it is written. */
static void
write_double(NovaOut *out, const Item *node)
{
	char *digits = pnstrdup(node->text, node->len);
	double v = strtod(digits, NULL);

	if (out->java && isfinite(v) && strpbrk(digits, ".eE"))
		dbz_write_double(out, v);
	else
		nova_out_bytes(out, node->text, node->len);
}

static void
write_node(NovaOut *out, const Item *node, Parser *p)
{
	switch (node->kind)
	{
		case KIND_OBJECT:
			write_object(out, node, p);
			break;
		case KIND_ARRAY:
			write_array(out, node, p);
			break;
		case KIND_STRING:
			nova_json_utf8(out, node->text, node->len);
			break;
		case KIND_DOUBLE:
			write_double(out, node);
			break;
		default:
			nova_out_bytes(out, node->text, node->len);
			break;
	}
}

StringInfo
nova_expand_json(const StringInfo source, const NovaOptions *options)
{
	Parser parser = {.pos = source->data, .end = source->data + source->len, .options = options};
	Item *node;
	StringInfo buf;
	NovaOut out;

	/* what comes after the object is not looked at, as in Debezium */
	if (source->len == 0 || source->data[0] != '{')
		return NULL;
	node = parse_value(&parser);
	if (node == NULL || !has_schema(node, &parser))
		return NULL;
	buf = makeStringInfo();
	nova_out_init(&out, buf);
	out.java = options->profile == NOVA_PROFILE_DEBEZIUM;
	write_node(&out, node, &parser);
	return is_too_much(&parser) ? NULL : buf;
}

StringInfo
nova_json_unquote(const StringInfo json)
{
	Parser parser = {.pos = json->data, .end = json->data + json->len};
	StringInfo source = makeStringInfo();
	const char *decoded;
	int len;

	if (take_string(&parser, &decoded, &len))
		appendBinaryStringInfo(source, decoded, len);
	return source;
}
