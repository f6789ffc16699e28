/*-------------------------------------------------------------------------
 *
 * header.c
 *		The block of headers of a record; see header.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "expand.h"
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
	if (options->headers->n > 0)
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
	if (value->data[0] == '"')
		value = nova_json_unquote(value);
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

/* They are the transform's, which is for flat records alone. */
static bool
adds_fields(const NovaHeaders *headers, const NovaAbout *about)
{
	return headers->fields && about->plan->flat;
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
	if (adds_fields(headers, about))
		append_fields(headers, about, false);
	if (repeat_op)
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
	repeat_op &= adds_fields(headers, about);
	if (key || repeat_op || headers->block_op == '\0' ||
		headers->block_added != adds_fields(headers, about) ||
		(headers->fields && headers->block_op != about->op))
	{
		build(headers, about, key, repeat_op);
		headers->block_added = adds_fields(headers, about);
		headers->block_op =
			key || repeat_op || (headers->fields && headers->fields->per_row) ? '\0' : about->op;
	}
	built.data = headers->block.data;
	built.len = (uint32_t) headers->block.len;
	return built;
}
