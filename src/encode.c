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
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "encode.h"

/* Digits of the largest uint64. */
#define UINT64_DIGITS 20

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
	MemoryContextSwitchTo(old);
}

/* A new transaction: what was written for the last one no longer holds. */
void
nova_meta_begin(NovaMeta *meta, uint64 xid, int64 commit_us, XLogRecPtr commit_lsn)
{
	meta->commit_lsn = commit_lsn;
	meta->xid = xid;
	meta->commit_us = commit_us;
	meta->suffix_op = '\0';
}

void
nova_meta_mark(NovaMeta *meta, const char *json)
{
	if (meta->snapshot == json)
		return;
	meta->snapshot = json;
	meta->suffix_op = '\0';
}

/* A transaction id or an LSN, both of which a snapshot may lack; quotes around it. */
static void
append_position(NovaOut *out, uint64 number, const char *quote)
{
	Size quotes = strlen(quote);
	char *p = nova_out_reserve(out, UINT64_DIGITS + 2 * quotes);

	if (number == 0)
	{
		nova_out_bytes(out, "null", 4);
		return;
	}
	memcpy(p, quote, quotes);
	p += quotes;
	p += pg_ulltoa_n(number, p);
	memcpy(p, quote, quotes);
	nova_out_advance(out, p + quotes);
}

static void
write_field(NovaOut *out, const NovaField *field, const NovaPlan *plan, NovaMeta *meta, char op)
{
	StringInfo buf = out->buf;

	nova_out_bytes(out, field->prefix, field->prefix_len);
	switch (field->kind)
	{
		case NOVA_FIELD_OP:
			appendStringInfo(buf, "\"%c\"", op);
			break;
		case NOVA_FIELD_TS_MS:
			appendStringInfo(buf, INT64_FORMAT, meta->commit_us / 1000);
			break;
		case NOVA_FIELD_TS_US:
			appendStringInfo(buf, INT64_FORMAT, meta->commit_us);
			break;
		case NOVA_FIELD_TS_NS:
			appendStringInfo(buf, INT64_FORMAT, meta->commit_us * 1000);
			break;
		case NOVA_FIELD_DB:
			nova_json_cstring(out, meta->db);
			break;
		case NOVA_FIELD_SCHEMA:
			/* the plan's names are UTF-8 already, the server may have another encoding */
			nova_json_utf8(out, plan->schema, strlen(plan->schema));
			break;
		case NOVA_FIELD_TABLE:
			nova_json_utf8(out, plan->table, strlen(plan->table));
			break;
		case NOVA_FIELD_TXID:
			append_position(out, meta->xid, "");
			break;
		case NOVA_FIELD_LSN:
			append_position(out, meta->lsn, "");
			break;
		case NOVA_FIELD_NAME:
			nova_json_cstring(out, meta->options->topic_prefix);
			break;
		case NOVA_FIELD_CONNECTOR:
			appendStringInfoString(buf, "\"postgresql\"");
			break;
		case NOVA_FIELD_VERSION:
			appendStringInfoString(buf, "\"" NOVA_VERSION "\"");
			break;
		case NOVA_FIELD_SNAPSHOT:
			appendStringInfoString(buf, meta->snapshot);
			break;
	}
}

/* Debezium's mark of rewritten deletes, which the other records carry as well. */
static void
write_deleted(NovaOut *out, const NovaOptions *options, char op)
{
	if (options->delete_mode == NOVA_DELETE_REWRITE ||
		options->delete_mode == NOVA_DELETE_REWRITE_TOMBSTONE)
		appendStringInfo(out->buf, ",\"__deleted\":\"%s\"", op == 'd' ? "true" : "false");
}

/*
 * The added fields and the closing brace.  In a transaction's rows mostly
 * nothing of it changes, so it is kept; a row then costs one copy.
 */
static void
write_suffix(NovaOut *out, const NovaPlan *plan, NovaMeta *meta, char op)
{
	const NovaOptions *options = meta->options;
	int skip;

	if (meta->suffix_op != op || (options->fields_per_row && !meta->fixed))
	{
		NovaOut suffix;

		resetStringInfo(&meta->suffix);
		nova_out_init(&suffix, &meta->suffix);
		suffix.java = out->java;
		write_deleted(&suffix, options, op);
		for (int i = 0; i < options->nfields; i++)
			write_field(&suffix, &options->fields[i], plan, meta, op);
		nova_out_char(&suffix, '}');
		meta->suffix_op = op;
	}
	skip = meta->suffix.len > 1 ? out->skip : 0;
	nova_out_bytes(out, meta->suffix.data + skip, meta->suffix.len - skip);
	out->skip = 0;
}

static inline bool
is_unavailable(const NovaColumn *col, Datum value)
{
	return col->varlena && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

/*
 * Find the value of a column.  An unchanged TOAST value stands in the old tuple
 * if the replica identity covers the column.  It is never fetched: the TOAST
 * table of today is not that of the LSN.
 */
static inline bool
find_value(const NovaColumn *col, const NovaRow *row, Datum *value)
{
	int i = col->attidx;

	*value = row->values[i];
	if (likely(!is_unavailable(col, *value)))
		return true;
	if (row->old_values == NULL || !col->in_identity || row->old_nulls[i])
		return false;
	*value = row->old_values[i];
	return !is_unavailable(col, *value);
}

bool
nova_has_key(const NovaPlan *plan, const NovaRow *row)
{
	Datum ignored;

	for (int i = 0; i < plan->nkey; i++)
	{
		const NovaColumn *col = &plan->key[i];

		if (row->identity_only && !col->in_identity)
		{
			if (col->unknown == NULL)
				return false;
		}
		else if (!row->nulls[col->attidx] && !find_value(col, row, &ignored))
			return false;
	}
	return plan->nkey > 0;
}

void
nova_encode_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	nova_out_char(out, '{');
	out->skip = 1;
	for (int i = 0; i < plan->nkey; i++)
	{
		const NovaColumn *col = &plan->key[i];
		Datum value;

		if (row->identity_only && !col->in_identity && col->unknown)
			nova_column_constant(out, col, col->unknown);
		else if (row->nulls[col->attidx] || !find_value(col, row, &value))
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

/* `{` and the columns; the comma before what follows is the caller's. */
static void
write_columns(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	nova_out_char(out, '{');
	out->skip = 1;
	for (int i = 0; i < plan->ncolumns; i++)
	{
		const NovaColumn *col = &plan->columns[i];
		Datum value;

		if (row->identity_only && !col->in_identity)
			write_substitute(out, col, col->unknown);
		else if (row->nulls[col->attidx])
			nova_column_constant(out, col, col->null);
		else if (likely(find_value(col, row, &value)))
			col->encode(out, col, value);
		else
			write_substitute(out, col, col->unavailable);
		nova_out_pressure(out);
	}
}

static void
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

/* Where the change comes from; an application's message from no table. */
static void
write_source(NovaOut *out, const char *schema, const char *table, const NovaMeta *meta)
{
	StringInfo buf = out->buf;

	appendStringInfoString(buf, ",\"source\":{\"version\":\"" NOVA_VERSION
								"\",\"connector\":\"postgresql\",\"name\":");
	nova_json_cstring(out, meta->options->topic_prefix);
	appendStringInfo(buf,
					 ",\"ts_ms\":" INT64_FORMAT ",\"snapshot\":%s,\"db\":", meta->commit_us / 1000,
					 meta->snapshot);
	nova_json_cstring(out, meta->db);
	appendStringInfoString(buf, ",\"sequence\":\"[");
	append_position(out, meta->commit_lsn, "\\\"");
	appendStringInfoChar(buf, ',');
	append_position(out, meta->lsn, "\\\"");
	appendStringInfo(buf, "]\",\"ts_us\":" INT64_FORMAT ",\"ts_ns\":" INT64_FORMAT ",\"schema\":",
					 meta->commit_us, meta->commit_us * 1000);
	nova_json_utf8(out, schema, strlen(schema));
	nova_out_bytes(out, ",\"table\":", 9);
	nova_json_utf8(out, table, strlen(table));
	appendStringInfoString(buf, ",\"txId\":");
	append_position(out, meta->xid, "");
	appendStringInfoString(buf, ",\"lsn\":");
	append_position(out, meta->lsn, "");
	appendStringInfoString(buf, ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}");
}

/* What an envelope has behind the rows. */
static void
write_envelope_end(NovaOut *out, const NovaPlan *plan, const NovaMeta *meta, char op)
{
	write_source(out, plan->schema, plan->table, meta);
	appendStringInfo(out->buf, ",\"transaction\":null,\"op\":\"%c\"", op);
	write_times(out, meta);
	nova_out_char(out, '}');
}

/* The same where nothing in it changes from row to row. */
static void
write_fixed_end(NovaOut *out, const NovaPlan *plan, NovaMeta *meta, char op)
{
	if (meta->suffix_op != op)
	{
		NovaOut suffix;

		resetStringInfo(&meta->suffix);
		nova_out_init(&suffix, &meta->suffix);
		suffix.java = out->java;
		write_envelope_end(&suffix, plan, meta, op);
		meta->suffix_op = op;
	}
	nova_out_bytes(out, meta->suffix.data, meta->suffix.len);
}

/* Debezium's envelope. */
static void
write_envelope(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
			   NovaMeta *meta, char op)
{
	write_row(out, "{\"before\":", plan, before);
	write_row(out, ",\"after\":", plan, after);
	if (meta->fixed)
		write_fixed_end(out, plan, meta, op);
	else
		write_envelope_end(out, plan, meta, op);
}

void
nova_encode_value(NovaOut *out, const NovaPlan *plan, const NovaRow *before, const NovaRow *after,
				  NovaMeta *meta, char op)
{
	const NovaRow *row = after ? after : before;

	if (unlikely(meta->options->format == NOVA_FORMAT_ENVELOPE))
	{
		write_envelope(out, plan, before, after, meta, op);
		return;
	}
	if (row)
		write_columns(out, plan, row);
	else
	{
		nova_out_char(out, '{');
		out->skip = 1;
	}
	write_suffix(out, plan, meta, op);
}

void
nova_encode_message_key(NovaOut *out, const char *prefix)
{
	nova_out_bytes(out, "{\"prefix\":", 10);
	nova_json_cstring(out, prefix);
	nova_out_char(out, '}');
}

/* Debezium's record of a logical decoding message. */
void
nova_encode_message(NovaOut *out, const char *prefix, const char *content, Size size,
					const NovaMeta *meta)
{
	appendStringInfo(out->buf, "{\"op\":\"m\",\"ts_ms\":" INT64_FORMAT, meta->commit_us / 1000);
	write_source(out, "", "", meta);
	appendStringInfoString(out->buf, ",\"transaction\":null,\"message\":{\"prefix\":");
	nova_json_cstring(out, prefix);
	nova_out_bytes(out, ",\"content\":", 11);
	if (meta->options->binary_mode == NOVA_BINARY_HEX)
		nova_json_hex(out, content, size);
	else
		nova_json_base64(out, content, size, meta->options->binary_mode == NOVA_BINARY_BASE64_URL);
	nova_out_bytes(out, "}}", 2);
}
