/*-------------------------------------------------------------------------
 *
 * header.c
 *		The block of headers of a record; see header.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "header.h"

/* A longer value is not what headers are for: the placeholder stands for it. */
#define VALUE_LIMIT (1024 * 1024)

/* Append one header to a block; value NULL: null. */
static void
append_header(StringInfo block, const char *name, Size name_len, const char *value, Size len)
{
	char *p;

	enlargeStringInfo(block, (int) (2 + name_len + 4 + len));
	p = block->data + block->len;
	p = nova_put_bytes16(p, name, (uint16) name_len);
	p = nova_put_nbytes(p, value, (uint32) len);
	block->len = (int) (p - block->data);
}

static void
append_text(StringInfo block, const char *name, const char *value)
{
	append_header(block, name, strlen(name), value, strlen(value));
}

/* The four headers that Debezium's connector writes about itself. */
static void
build_context(NovaHeaders *headers, const NovaOptions *options)
{
	StringInfoData name;

	initStringInfo(&name);
	nova_utf8(&name, options->topic_prefix, strlen(options->topic_prefix));
	append_text(&headers->context, "__debezium.context.connectorLogicalName", name.data);
	append_text(&headers->context, "__debezium.context.taskId", "0");
	append_text(&headers->context, "__debezium.context.connectorName", "postgresql");
	append_text(&headers->context, "__debezium.context.runId", options->run_id);
	headers->ncontext = 4;
}

void
nova_headers_init(NovaHeaders *headers, const NovaOptions *options, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(headers, 0, sizeof(*headers));
	headers->java = options->profile == NOVA_PROFILE_DEBEZIUM;
	/* they are the transform's, like the added fields */
	if (options->format == NOVA_FORMAT_FLAT && options->headers->n > 0)
		headers->fields = options->headers;
	initStringInfo(&headers->context);
	initStringInfo(&headers->block);
	initStringInfo(&headers->value);
	if (options->context_headers)
		build_context(headers, options);
	headers->any = headers->ncontext > 0 || headers->fields;
	MemoryContextSwitchTo(old);
}

void
nova_headers_begin(NovaHeaders *headers)
{
	if (headers->fields)
		headers->block_op = '\0';
}

/* The code unit of "\uXXXX". */
static pg_wchar
code_unit(const char *escape)
{
	char digits[5] = {escape[2], escape[3], escape[4], escape[5]};

	return (pg_wchar) strtoul(digits, NULL, 16);
}

/* Take an escape of a JSON string apart, in place; returns what follows it. */
static const char *
unescape(const char *from, char **to)
{
	static const char letters[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";
	const char *letter = strchr(letters, from[1]);
	pg_wchar code;

	if (from[1] != 'u')
	{
		*(*to)++ = letter ? meanings[letter - letters] : from[1];
		return from + 2;
	}
	code = code_unit(from);
	from += 6;
	if (code >= 0xD800 && code < 0xDC00)
	{
		code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(from) - 0xDC00);
		from += 6;
	}
	unicode_to_utf8(code, (unsigned char *) *to);
	*to += pg_utf_mblen((unsigned char *) *to);
	return from;
}

/* A JSON string as its text, in place; other JSON stays as it is. */
static void
bare_text(StringInfo json)
{
	const char *from = json->data + 1;
	const char *end = json->data + json->len - 1;
	char *to = json->data;

	if (json->data[0] != '"')
		return;
	while (from < end)
	{
		if (*from == '\\')
			from = unescape(from, &to);
		else
			*to++ = *from++;
	}
	json->len = (int) (to - json->data);
}

/* A value of this size is not kept: spill_at of headers->value. */
static void
forget(NovaOut *out)
{
	resetStringInfo(out->buf);
	out->spill_at = 0;
}

static void
append_field(NovaHeaders *headers, const NovaField *field, const NovaColumn *column,
			 const NovaAbout *about)
{
	StringInfo value = &headers->value;
	NovaOut out;
	bool is_null;

	resetStringInfo(value);
	nova_out_init(&out, value);
	out.java = headers->java;
	out.spill_at = VALUE_LIMIT;
	out.spill = forget;
	if (!nova_field_value(&out, field, column, about))
		return;
	nova_out_pressure(&out);
	if (out.spill_at == 0)
	{
		resetStringInfo(value);
		appendStringInfoString(value, about->meta->options->placeholder_json);
	}
	is_null = value->len == 4 && memcmp(value->data, "null", 4) == 0;
	bare_text(value);
	append_header(&headers->block, field->name, field->name_len, is_null ? NULL : value->data,
				  value->len);
	headers->count++;
}

static void
append_fields(NovaHeaders *headers, const NovaAbout *about, bool only_op)
{
	const NovaFields *fields = headers->fields;
	const NovaColumn *columns = about->plan->header_columns;

	for (int i = 0; i < fields->n; i++)
		if (!only_op || nova_field_is_op(&fields->items[i]))
			append_field(headers, &fields->items[i], columns ? &columns[i] : NULL, about);
}

static void
build(NovaHeaders *headers, const NovaAbout *about, const NovaKeyHeader *key, bool repeat_op)
{
	StringInfo block = &headers->block;

	resetStringInfo(block);
	/* the count goes here */
	appendBinaryStringInfo(block, "\0\0", 2);
	headers->count = headers->ncontext;
	if (key)
	{
		append_header(block, key->name, strlen(key->name), key->key->data, key->key->len);
		headers->count++;
	}
	appendBinaryStringInfo(block, headers->context.data, headers->context.len);
	if (headers->fields)
		append_fields(headers, about, false);
	if (headers->fields && repeat_op)
		append_fields(headers, about, true);
	(void) nova_put_u16(block->data, headers->count);
}

NovaBytes
nova_headers(NovaHeaders *headers, const NovaAbout *about, const NovaKeyHeader *key, bool repeat_op)
{
	NovaBytes none = {NULL, 0};
	NovaBytes built;

	if (!headers->any && key == NULL)
		return none;
	repeat_op &= headers->fields != NULL;
	if (key || repeat_op || headers->block_op == '\0' ||
		(headers->fields && headers->block_op != about->op))
	{
		build(headers, about, key, repeat_op);
		headers->block_op =
			key || repeat_op || (headers->fields && headers->fields->per_row) ? '\0' : about->op;
	}
	built.data = headers->block.data;
	built.len = (uint32_t) headers->block.len;
	return built;
}
