/*-------------------------------------------------------------------------
 *
 * encode.c
 *		Records from plans and datums; see encode.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "encode.h"
#include "expand.h"
#include "fields.h"
#include "mask.h"
#include "schema.h"

/*
 * The database's name, in that memory context.  Looked up at the start of a
 * stream, where there is no transaction: a message may need it outside of any.
 */
static char *
database_name(MemoryContext context)
{
	bool own_transaction = !IsTransactionState();
	MemoryContext old = CurrentMemoryContext;
	char *name;

	if (own_transaction)
		StartTransactionCommand();
	name = get_database_name(MyDatabaseId);
	name = MemoryContextStrdup(context, name ? name : "");
	if (own_transaction)
		CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	return name;
}

void
nova_meta_init(NovaMeta *meta, const NovaOptions *options, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(meta, 0, sizeof(*meta));
	meta->options = options;
	meta->db = database_name(context);
	/* Debezium's is a null whose schema says "false" */
	meta->snapshot =
		options->profile == NOVA_PROFILE_DEBEZIUM && !options->replace_null ? "null" : "\"false\"";
	initStringInfo(&meta->suffix);
	initStringInfo(&meta->end.text);
	MemoryContextSwitchTo(old);
}

/* What was written for the last row no longer holds. */
static void
forget(NovaMeta *meta)
{
	meta->suffix_op = '\0';
	meta->end.op = '\0';
}

void
nova_meta_begin(NovaMeta *meta, uint64 xid, int64 commit_us, XLogRecPtr commit_lsn)
{
	meta->commit_lsn = commit_lsn;
	meta->xid = xid;
	meta->commit_us = commit_us;
	meta->total_order = 0;
	forget(meta);
}

void
nova_meta_mark(NovaMeta *meta, const char *json)
{
	if (meta->snapshot == json)
		return;
	meta->snapshot = json;
	forget(meta);
}

/* Debezium's mark of rewritten deletes, which the other records carry as well. */
static void
write_deleted(NovaOut *out, const NovaOptions *options, char op)
{
	if (options->delete_mode == NOVA_DELETE_REWRITE ||
		options->delete_mode == NOVA_DELETE_REWRITE_TOMBSTONE)
		appendStringInfo(out->buf, ",\"__deleted\":\"%s\"", op == 'd' ? "true" : "false");
}

static void
write_fields(NovaOut *out, const NovaAbout *about)
{
	write_deleted(out, about->meta->options, about->op);
	nova_fields_write(out, about->meta->options->fields, about->plan->field_columns, about);
	nova_out_char(out, '}');
}

/*
 * Write the suffix anew; false: it went straight to out.  Fields of columns can
 * be large and belong there.
 */
static pg_noinline bool
renew_suffix(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
			 NovaMeta *meta, char op)
{
	const NovaFields *fields = meta->options->fields;
	bool per_row = fields->columns || (fields->per_row && !meta->fixed);
	NovaAbout about = {plan, before, after, meta, op, true};
	NovaOut suffix;

	if (per_row && out->skip == 0)
	{
		write_fields(out, &about);
		return false;
	}
	resetStringInfo(&meta->suffix);
	nova_out_init(&suffix, &meta->suffix);
	suffix.java = out->java;
	write_fields(&suffix, &about);
	meta->suffix_op = per_row ? '\0' : op;
	return true;
}

/*
 * The added fields and the closing brace.  In a transaction's rows mostly
 * nothing of it changes, so it is kept; a row then costs one copy.
 */
static inline void
write_suffix(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
			 NovaMeta *meta, char op)
{
	int skip;

	if (unlikely(meta->suffix_op != op) && !renew_suffix(out, plan, before, after, meta, op))
		return;
	skip = meta->suffix.len > 1 ? out->skip : 0;
	nova_out_bytes(out, meta->suffix.data + skip, meta->suffix.len - skip);
	out->skip = 0;
}

bool
nova_has_key(const NovaPlan *plan, const NovaRow *row)
{
	Datum value;

	for (int i = 0; i < plan->nkey; i++)
	{
		const NovaColumn *col = &plan->key[i];

		if (row->identity_only && !col->in_identity)
		{
			if (col->unknown == NULL)
				return false;
		}
		else if (!row->nulls[col->attidx] &&
				 (!nova_find_value(col, row, &value) || nova_is_longer(col, value, NOVA_NAME_MAX)))
			return false;
	}
	return plan->nkey > 0;
}

/* Large values that an update leaves alone are unchanged, and not looked at. */
static bool
column_equal(const NovaColumn *col, const NovaRow *old, const NovaRow *new)
{
	int i = col->attidx;
	bool was_null = old->nulls[i];
	bool is_null = new->nulls[i];

	if (was_null && is_null)
		return true;
	if (!is_null && nova_is_unavailable(col, new->values[i]))
		return true;
	if (!was_null && nova_is_unavailable(col, old->values[i]))
		return false;
	if (!was_null && !is_null &&
		datum_image_eq(old->values[i], new->values[i], col->byval, col->typlen))
		return true;
	return nova_mask_equal(col, old->values[i], was_null, new->values[i], is_null);
}

bool
nova_rows_equal(const NovaPlan *plan, const NovaRow *old, const NovaRow *new)
{
	for (int i = 0; i < plan->ncolumns; i++)
		if (!column_equal(&plan->columns[i], old, new))
			return false;
	return true;
}

void
nova_encode_alone(NovaOut *out, const NovaColumn *col, const NovaRow *row)
{
	Datum value;

	out->skip = col->prefix_len;
	if (row->nulls[col->attidx] || (row->identity_only && !col->in_identity))
		nova_column_constant(out, col, col->null);
	else if (nova_find_value(col, row, &value))
		col->encode(out, col, value);
	else
		nova_column_constant(out, col, col->unavailable ? col->unavailable : "null");
	out->skip = 0;
}

StringInfo
nova_column_text(const NovaColumn *col, const NovaRow *row, Size limit, bool java)
{
	StringInfo json;
	NovaOut out;

	if ((row->identity_only && !col->in_identity) ||
		(!row->nulls[col->attidx] && nova_is_longer(col, row->values[col->attidx], limit)))
		return NULL;
	json = makeStringInfo();
	nova_out_init(&out, json);
	out.java = java;
	nova_encode_alone(&out, col, row);
	*nova_out_reserve(&out, 1) = '\0';
	if (strcmp(json->data, "null") == 0)
		return NULL;
	return json->data[0] == '"' ? nova_json_unquote(json) : json;
}

/* What the transforms leave of a key, and add to it. */
static void
write_shaped_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	if (plan->bare_key)
	{
		nova_encode_alone(out, plan->bare_key, row);
		return;
	}
	nova_encode_key_payload(out, plan, row);
	if (plan->key_tail == NULL)
		return;
	out->buf->len--;
	nova_out_bytes(out, plan->key_tail, strlen(plan->key_tail));
	nova_out_char(out, '}');
}

static pg_noinline void
encode_shaped_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	nova_schema_open(out, plan->key_schema);
	write_shaped_key(out, plan, row);
	nova_schema_close(out, plan->key_schema);
}

void
nova_encode_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	if (likely(!plan->key_shaped))
		nova_encode_key_payload(out, plan, row);
	else
		encode_shaped_key(out, plan, row);
}

void
nova_encode_key_payload(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	nova_out_char(out, '{');
	out->skip = 1;
	for (int i = 0; i < plan->nkey; i++)
	{
		const NovaColumn *col = &plan->key[i];
		Datum value;

		if (row->identity_only && !col->in_identity && col->unknown)
			nova_column_constant(out, col, col->unknown);
		else if (row->nulls[col->attidx] || !nova_find_value(col, row, &value))
			nova_column_constant(out, col, col->null);
		else
			col->encode(out, col, value);
	}
	out->skip = 0;
	nova_out_char(out, '}');
}

/* What stands for a value that is not known, or nothing at all. */
static inline void
write_substitute(NovaOut *out, const NovaColumn *col, const char *json)
{
	if (json)
		nova_column_constant(out, col, json);
}

/* The columns from that one on; the comma before what follows is the caller's. */
static inline void
write_columns_from(NovaOut *out, const NovaPlan *plan, const NovaRow *row, int from)
{
	for (int i = from; i < plan->ncolumns; i++)
	{
		const NovaColumn *col = &plan->columns[i];
		Datum value;

		if (row->identity_only && !col->in_identity)
			write_substitute(out, col, col->unknown);
		else if (row->nulls[col->attidx])
			nova_column_constant(out, col, col->null);
		else if (likely(nova_find_value(col, row, &value)))
			col->encode(out, col, value);
		else
			write_substitute(out, col, col->unavailable);
		nova_out_pressure(out);
	}
}

/* `{` and all columns. */
static void
write_columns(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	nova_out_char(out, '{');
	out->skip = 1;
	write_columns_from(out, plan, row, 0);
}

/*
 * The same where the key has the first of them: copied from there, brace and all, in vectors
 * as prefixes are.  The last one may read what is behind the key, which is nobody's yet.
 */
static void
write_columns_after_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row, NovaSpan key)
{
	char *p = nova_out_reserve(out, key.len + NOVA_PREFIX_PAD);
	const char *src = out->buf->data + key.at;
	int len = key.len - 1;

	/* memmove: of a short key the only vector reaches into where it goes */
	for (int i = 0; i < len; i += NOVA_PREFIX_PAD)
		memmove(p + i, src + i, NOVA_PREFIX_PAD);
	nova_out_advance(out, p + len);
	write_columns_from(out, plan, row, plan->nkey);
}

/* Inline, so that the lengths of constant names are constant. */
static inline void
write_row(NovaOut *out, const char *name, const NovaPlan *plan, const NovaRow *row)
{
	nova_out_bytes(out, name, strlen(name));
	if (row == NULL)
	{
		nova_out_bytes(out, "null", 4);
		return;
	}
	write_columns(out, plan, row);
	out->skip = 0;
	nova_out_char(out, '}');
}

/* Milliseconds, microseconds and nanoseconds of the commit. */
static void
write_times(NovaOut *out, const NovaMeta *meta)
{
	appendStringInfo(
		out->buf, ",\"ts_ms\":" INT64_FORMAT ",\"ts_us\":" INT64_FORMAT ",\"ts_ns\":" INT64_FORMAT,
		meta->commit_us / 1000, meta->commit_us, meta->commit_us * 1000);
}

/*
 * Where the change comes from, and its place in its transaction; end: leave
 * holes there for what differs from row to row.
 */
static void
write_origin(NovaOut *out, const NovaAbout *about, NovaEnd *end)
{
	nova_out_bytes(out, ",\"source\":", 10);
	nova_fields_source(out, about, end);
	nova_out_bytes(out, ",\"transaction\":", 15);
	nova_fields_transaction(out, about, end);
}

static pg_noinline void
renew_end(const NovaOut *out, NovaMeta *meta, const NovaAbout *about)
{
	NovaEnd *end = &meta->end;
	NovaOut into;

	resetStringInfo(&end->text);
	end->nholes = 0;
	nova_out_init(&into, &end->text);
	into.java = out->java;
	write_origin(&into, about, meta->fixed ? NULL : end);
	appendStringInfo(&end->text, ",\"op\":\"%c\"", about->op);
	write_times(&into, meta);
	nova_out_char(&into, '}');
	end->op = about->op;
}

/* What an envelope has behind the rows: mostly copied. */
static void
write_end(NovaOut *out, NovaMeta *meta, const NovaAbout *about)
{
	const NovaEnd *end = &meta->end;
	int at = 0;

	if (unlikely(end->op != about->op))
		renew_end(out, meta, about);
	for (int i = 0; i < end->nholes; i++)
	{
		nova_out_bytes(out, end->text.data + at, end->holes[i].at - at);
		end->holes[i].write(out, about);
		at = end->holes[i].at;
	}
	nova_out_bytes(out, end->text.data + at, end->text.len - at);
}

/* Debezium's envelope. */
static void
write_envelope(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
			   NovaMeta *meta, char op)
{
	NovaAbout about = {plan, before, after, meta, op, false};

	write_row(out, "{\"before\":", plan, before);
	write_row(out, ",\"after\":", plan, after);
	write_end(out, meta, &about);
}

static inline void
write_flat(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
		   NovaMeta *meta, char op, NovaSpan key)
{
	const NovaRow *row = after ? after : before;

	if (plan->key_leads && key.len > 0)
		write_columns_after_key(out, plan, row, key);
	else if (row)
		write_columns(out, plan, row);
	else
	{
		nova_out_char(out, '{');
		out->skip = 1;
	}
	write_suffix(out, plan, before, after, meta, op);
}

/* With a schema or in an envelope. */
static pg_noinline void
encode_wrapped(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
			   NovaMeta *meta, char op)
{
	nova_schema_open(out, plan->value_schema);
	nova_out_pressure(out);
	if (plan->flat)
		write_flat(out, plan, before, after, meta, op, (NovaSpan){0});
	else
		write_envelope(out, plan, before, after, meta, op);
	nova_schema_close(out, plan->value_schema);
}

void
nova_encode_value(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
				  NovaMeta *meta, char op, NovaSpan key)
{
	if (likely(plan->plain))
		write_flat(out, plan, before, after, meta, op, key);
	else
		encode_wrapped(out, plan, before, after, meta, op);
}

void
nova_encode_null(NovaOut *out, const NovaPlan *plan)
{
	nova_schema_open(out, plan->null_schema);
	nova_out_bytes(out, "null", 4);
	nova_schema_close(out, plan->null_schema);
}

void
nova_encode_named_key(NovaOut *out, const char *name, const char *value, const NovaShape *shape,
					  NovaBytes schema)
{
	bool bare = shape->key_field && strcmp(shape->key_field, name) == 0;

	nova_schema_open(out, schema);
	if (!bare)
		appendStringInfo(out->buf, "{\"%s\":", name);
	nova_json_cstring(out, value);
	if (!bare && shape->key_tail)
		nova_out_bytes(out, shape->key_tail, strlen(shape->key_tail));
	if (!bare)
		nova_out_char(out, '}');
	nova_schema_close(out, schema);
}

/* Debezium's record of a logical decoding message. */
void
nova_encode_message(NovaOut *out, const char *prefix, const char *content, Size size,
					const NovaMeta *meta, NovaBytes schema)
{
	NovaAbout about = {.meta = meta, .op = NOVA_OP_MESSAGE};

	nova_schema_open(out, schema);
	appendStringInfo(out->buf, "{\"op\":\"m\",\"ts_ms\":" INT64_FORMAT, meta->commit_us / 1000);
	write_origin(out, &about, NULL);
	appendStringInfoString(out->buf, ",\"message\":{\"prefix\":");
	nova_json_cstring(out, prefix);
	nova_out_bytes(out, ",\"content\":", 11);
	if (meta->options->binary_mode == NOVA_BINARY_HEX)
		nova_json_hex(out, content, size);
	else
		nova_json_base64(out, content, size, meta->options->binary_mode == NOVA_BINARY_BASE64_URL);
	nova_out_bytes(out, "}}", 2);
	nova_schema_close(out, schema);
}
