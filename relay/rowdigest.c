/*-------------------------------------------------------------------------
 *
 * rowdigest.c
 *		What a record's value says of its row, as a digest; see rowdigest.h.
 *
 * FNV-1a in 128 bits over name and value of a column, mixed and added up, so
 * that the order of the columns does not matter.  It is no defence against
 * somebody who makes two rows of one digest on purpose.
 *
 *-------------------------------------------------------------------------
 */
#include "rowdigest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define FNV_BASIS ((Digest){UINT64_C(0x6C62272E07BB0142), UINT64_C(0x62B821756295C58D)})
#define FNV_PRIME 0x13B /* its low word; the other bit of it is 2^88 */

/*
 * Digests
 */

/*
 * Every byte: hash = (hash ^ byte) * prime.  Machines of 32 bits have no integers of
 * 128, so the low word is in halves here, whose products leave room for a carry.
 */
static Digest
fnv(Digest hash, const char *data, size_t len)
{
	uint64_t hi = hash.hi;
	uint64_t mid = hash.lo >> 32;
	uint64_t lo = hash.lo & UINT32_MAX;

	for (size_t i = 0; i < len; i++)
	{
		lo ^= (unsigned char) data[i];
		hi = hi * FNV_PRIME + (mid << 56) + (lo << 24);
		lo *= FNV_PRIME;
		mid = mid * FNV_PRIME + (lo >> 32);
		hi += mid >> 32;
		lo &= UINT32_MAX;
		mid &= UINT32_MAX;
	}
	return (Digest){hi, mid << 32 | lo};
}

static uint64_t
mixed64(uint64_t v)
{
	v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
	return v ^ (v >> 31);
}

/* Sums of FNV's own values would cancel each other out too easily. */
static Digest
mixed(Digest hash)
{
	uint64_t hi = mixed64(hash.hi);
	uint64_t lo = mixed64(hash.lo ^ hi);

	return (Digest){hi ^ mixed64(lo), lo};
}

static void
add(Digest *sum, Digest d)
{
	sum->hi += d.hi;
	sum->lo += d.lo;
}

Digest
digest_bytes(const char *data, size_t len)
{
	return mixed(fnv(FNV_BASIS, data, len));
}

/* No name has the byte between them. */
static Digest
digest_member(const JsonMember *m)
{
	Digest hash = fnv(FNV_BASIS, m->name.data, m->name.len);

	return mixed(fnv(fnv(hash, "", 1), m->value.data, m->value.len));
}

/*
 * JSON
 */

static void
skip_blanks(NovaCursor *c)
{
	while (c->remaining > 0 && strchr(" \t\r\n", *c->pos) != NULL && *c->pos != '\0')
	{
		c->pos++;
		c->remaining--;
	}
}

static bool
take_char(NovaCursor *c, char wanted)
{
	skip_blanks(c);
	if (c->remaining == 0 || *c->pos != wanted)
		return false;
	c->pos++;
	c->remaining--;
	return true;
}

/* Behind a string's first quote: to behind its last one. */
static bool
skip_string(NovaCursor *c)
{
	while (c->remaining > 0)
	{
		size_t n = *c->pos == '\\' ? 2 : 1;
		bool end = *c->pos == '"';

		if (n > c->remaining)
			return false;
		c->pos += n;
		c->remaining -= n;
		if (end)
			return true;
	}
	return false;
}

/* To the comma or bracket behind a value. */
static bool
skip_value(NovaCursor *c)
{
	unsigned depth = 0;

	for (; c->remaining > 0; c->pos++, c->remaining--)
	{
		char ch = *c->pos;

		while (ch == '"')
		{
			c->pos++;
			c->remaining--;
			if (!skip_string(c) || c->remaining == 0)
				return false;
			ch = *c->pos;
		}
		if (depth == 0 && (ch == ',' || ch == '}' || ch == ']'))
			return true;
		depth += (ch == '{' || ch == '[');
		depth -= (ch == '}' || ch == ']');
	}
	return false;
}

bool
json_object_begin(NovaCursor *c, NovaBytes text)
{
	*c = (NovaCursor){text.data, text.data != NULL ? text.len : 0};
	return take_char(c, '{');
}

bool
json_object_next(NovaCursor *c, JsonMember *member)
{
	const char *start;

	(void) take_char(c, ',');
	if (!take_char(c, '"'))
		return false;
	start = c->pos;
	if (!skip_string(c))
		return false;
	member->name = (NovaBytes){start, (uint32_t) (c->pos - start - 1)};
	if (!take_char(c, ':'))
		return false;
	skip_blanks(c);
	start = c->pos;
	if (!skip_value(c))
		return false;
	member->value = (NovaBytes){start, (uint32_t) (c->pos - start)};
	while (member->value.len > 0 && strchr(" \t\r\n", start[member->value.len - 1]) != NULL)
		member->value.len--;
	return member->value.len > 0;
}

static bool
is_text(NovaBytes bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static bool
is_one_of(NovaBytes bytes, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_text(bytes, texts[i]))
			return true;
	return false;
}

static bool
find_member(NovaBytes object, const char *name, NovaBytes *value)
{
	NovaCursor c;
	JsonMember m;

	if (!json_object_begin(&c, object))
		return false;
	while (json_object_next(&c, &m))
		if (is_text(m.name, name))
		{
			*value = m.value;
			return true;
		}
	return false;
}

/*
 * The form of values
 */

/* One more text; false when out of memory, and then text is freed. */
static bool
push(char ***texts, size_t *n, char *text)
{
	char **grown = text != NULL ? realloc(*texts, (*n + 1) * sizeof(char *)) : NULL;

	if (grown == NULL)
	{
		free(text);
		return false;
	}
	*texts = grown;
	grown[(*n)++] = text;
	return true;
}

static char *
quoted(const char *text)
{
	cJSON *item = cJSON_CreateString(text);
	char *json = cJSON_PrintUnformatted(item);

	cJSON_Delete(item);
	return json;
}

static char *
base64_of(const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);
	char *out = malloc((len + 2) / 3 * 4 + 3);
	char *p = out;

	if (out == NULL)
		return NULL;
	*p++ = '"';
	for (size_t i = 0; i < len; i += 3)
	{
		uint32_t v = (uint32_t) (unsigned char) text[i] << 16;

		v |= i + 1 < len ? (uint32_t) (unsigned char) text[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char) text[i + 2] : 0;
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*p++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*p++ = '"';
	*p = '\0';
	return out;
}

/* As an array of its bytes. */
static char *
numbers_of(const char *text)
{
	char *out = malloc(strlen(text) * 4 + 3);
	char *p = out;

	if (out == NULL)
		return NULL;
	for (const char *s = text; *s != '\0'; s++)
		p += sprintf(p, "%c%u", s == text ? '[' : ',', (unsigned char) *s);
	strcpy(p, "]");
	return out;
}

static char *
printed(const char *format, const char *text)
{
	char *out = NULL;
	int n = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (text != NULL)
		n = asprintf(&out, format, text, text);
#pragma GCC diagnostic pop
	return n > 0 ? out : NULL;
}

/* A column's schema decides in which of these forms the placeholder shows. */
static bool
init_placeholders(RowForm *f, const char *text)
{
	char *json = quoted(text);
	char *base64 = base64_of(text);
	char *map = printed("{%s:%s}", json);
	char *forms[] = {printed("%s", json),   printed("[%s]", json),
					 printed("%s", base64), printed("[%s]", base64),
					 printed("%s", map),    map != NULL ? quoted(map) : NULL,
					 numbers_of(text)};
	bool ok = true;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		ok = push(&f->placeholders, &f->nplaceholders, forms[i]) && ok;
	free(json);
	free(base64);
	free(map);
	return ok;
}

/* As the plugin names [struct.]field[:NAME]. */
static char *
added_name(const char *prefix, char *item)
{
	char *rename = strchr(item, ':');
	char *dot = rename == NULL ? strchr(item, '.') : NULL;
	char *name;

	if (rename != NULL)
		item = rename + 1;
	if (dot != NULL)
	{
		*dot = '_';
		dot[strcspn(dot, ".")] = '\0';
	}
	return asprintf(&name, "%s%s", prefix, item) < 0 ? NULL : name;
}

static bool
init_ignored(RowForm *f, const char *prefix, const char *list)
{
	char *items = strdup(list);
	char *save = NULL;
	bool ok = items != NULL && push(&f->ignored, &f->nignored, strdup("__deleted"));

	for (char *item = ok ? strtok_r(items, ", \t\r\n", &save) : NULL; ok && item != NULL;
		 item = strtok_r(NULL, ", \t\r\n", &save))
	{
		bool is_op = strncmp(item, "op", 2) == 0 && (item[2] == '\0' || item[2] == ':');

		ok = push(&f->ignored, &f->nignored, added_name(prefix, item));
		if (ok && is_op)
			f->op = f->ignored[f->nignored - 1];
	}
	free(items);
	return ok;
}

static const char *
option(const cJSON *options, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(options, name));

	return text != NULL ? text : "";
}

bool
rowform_init(RowForm *form, const char *options, size_t len)
{
	cJSON *root = cJSON_ParseWithLength(options, len);
	bool ok = cJSON_IsObject(root);

	*form = (RowForm){0};
	if (ok)
	{
		form->schemas = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "value.schemas"));
		/* transforms may unwrap some tables and not others */
		form->envelope = strcmp(option(root, "format"), "envelope") == 0 ||
						 option(root, "transforms")[0] != '\0';
		form->omits = strcmp(option(root, "unavailable.value.handling"), "omit") == 0;
		ok = init_placeholders(form, option(root, "unavailable.value.placeholder")) &&
			 init_ignored(form, option(root, "add.fields.prefix"), option(root, "add.fields"));
	}
	cJSON_Delete(root);
	return ok;
}

void
rowform_free(RowForm *form)
{
	for (size_t i = 0; i < form->nignored; i++)
		free(form->ignored[i]);
	for (size_t i = 0; i < form->nplaceholders; i++)
		free(form->placeholders[i]);
	for (size_t i = 0; i < form->nnames; i++)
		free(form->names[i]);
	free(form->ignored);
	free(form->placeholders);
	*form = (RowForm){0};
}

/*
 * Records and rows
 */

/* The mask's bit of a column; 0: it has none. */
static uint64_t
bit_of(RowForm *f, NovaBytes name, bool make)
{
	for (size_t i = 0; i < f->nnames; i++)
		if (is_text(name, f->names[i]))
			return UINT64_C(1) << i;
	if (!make)
		return 0;
	if (f->nnames == ROWFORM_NAMES || (f->names[f->nnames] = strndup(name.data, name.len)) == NULL)
	{
		f->too_many = true;
		return 0;
	}
	return UINT64_C(1) << f->nnames++;
}

static bool
is_null(NovaBytes value)
{
	return is_text(value, "null");
}

static bool
is_envelope(NovaBytes value, NovaBytes *after)
{
	NovaBytes other;

	return find_member(value, "op", &other) && find_member(value, "source", &other) &&
		   other.data[0] == '{' && find_member(value, "before", &other) &&
		   find_member(value, "after", after);
}

/*
 * To the object that has the columns.  False when there is none: then the value is
 * an envelope without a row, or something that is no row at all (foreign).
 */
static bool
find_columns(const RowForm *f, NovaBytes value, NovaCursor *c, bool *flat, bool *foreign)
{
	NovaBytes columns = {0};

	*foreign = f->schemas && !find_member(value, "payload", &value);
	*flat = !(f->envelope && is_envelope(value, &columns));
	if (*flat)
		columns = value;
	if (!*foreign && json_object_begin(c, columns))
		return true;
	*foreign |= *flat;
	return false;
}

static bool
says_deleted(const RowForm *f, const JsonMember *m)
{
	if (f->op != NULL && is_text(m->name, f->op))
		return is_text(m->value, "\"d\"");
	return is_text(m->name, "__deleted") && is_text(m->value, "\"true\"");
}

void
rowdigest_record(RowForm *f, NovaBytes value, RowState *state)
{
	NovaCursor c;
	JsonMember m;
	bool flat;

	*state = (RowState){0};
	if (value.data == NULL)
		return;
	if (!find_columns(f, value, &c, &flat, &state->live))
	{
		/* what is no row is like no row */
		state->digest = digest_bytes(value.data, value.len);
		return;
	}
	state->live = true;
	while (json_object_next(&c, &m))
	{
		if (flat && says_deleted(f, &m))
			state->live = false;
		if (flat && is_one_of(m.name, f->ignored, f->nignored))
			continue;
		if (f->omits)
			state->mask |= bit_of(f, m.name, true);
		else if (is_one_of(m.value, f->placeholders, f->nplaceholders))
		{
			state->mask |= bit_of(f, m.name, true);
			continue;
		}
		if (!is_null(m.value))
			add(&state->digest, digest_member(&m));
	}
}

Digest
rowdigest_row(RowForm *f, NovaBytes value, uint64_t mask, unsigned *left_out)
{
	Digest sum = {0};
	NovaCursor c;
	JsonMember m;
	bool foreign;
	bool flat;

	*left_out = 0;
	if (!find_columns(f, value, &c, &flat, &foreign))
		return digest_bytes(value.data, value.len);
	while (json_object_next(&c, &m))
	{
		if ((flat && is_one_of(m.name, f->ignored, f->nignored)) || is_null(m.value))
			continue;
		if (((mask & bit_of(f, m.name, false)) != 0) != f->omits)
			(*left_out)++;
		else
			add(&sum, digest_member(&m));
	}
	return sum;
}
