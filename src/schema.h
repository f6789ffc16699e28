/*-------------------------------------------------------------------------
 *
 * schema.h
 *		Kafka Connect's schemas, as its JsonConverter writes them.
 *
 * With key.schemas or value.schemas a key or value is {"schema":S,"payload":P}.
 * S depends on the relation and the options alone, so the plan holds the bytes
 * up to the payload and a record costs one copy of them.
 *
 * The schema of a column follows from its encoder: schema.c has one table of
 * all encoders, and lint fails for an encoder that is not in it.
 *
 * Traps: the texts are UTF-8, whatever the server's encoding is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_SCHEMA_H
#define NOVA_SCHEMA_H

#include "postgres.h"

#include "plan.h"

/* Build the plan's schemas, if the options want any; its columns are complete. */
extern void nova_schema_plan(NovaPlan *plan, Relation rel, const NovaOptions *options);

/*
 * `{"schema":S,"payload":` of key and value of a logical decoding message, and of
 * a record of the transaction's topic; no data: no schema.
 */
extern NovaBytes nova_schema_message_key(const NovaOptions *options, const NovaShape *shape);
extern NovaBytes nova_schema_message(const NovaOptions *options, const NovaShape *shape);
extern NovaBytes nova_schema_transaction_key(const NovaOptions *options, const NovaShape *shape);
extern NovaBytes nova_schema_transaction(const NovaOptions *options, const NovaShape *shape);

/* What stands before a payload that has a schema, and behind it. */
static inline void
nova_schema_open(NovaOut *out, NovaBytes schema)
{
	if (schema.data)
		nova_out_bytes(out, schema.data, schema.len);
}

static inline void
nova_schema_close(NovaOut *out, NovaBytes schema)
{
	if (schema.data)
		nova_out_char(out, '}');
}

/* Can a string stand for a value of this column, as far as its schema goes? */
extern bool nova_schema_is_string(const NovaColumn *col, const NovaOptions *options);

#endif /* NOVA_SCHEMA_H */
