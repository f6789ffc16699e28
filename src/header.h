/*-------------------------------------------------------------------------
 *
 * header.h
 *		The block of headers of a record: see wire.h for its form.
 *
 * In Debezium's order: where a changed key came from or went to; the four
 * headers of the connector's context; what add.headers asks for, on a tombstone
 * with the operation once more.  Values are text, as Kafka Connect's
 * SimpleHeaderConverter writes them, or null; for one of more than a megabyte
 * stands unavailable.value.placeholder.
 *
 * The block is built once for as many records as it holds for: for ever if the
 * context is all there is; for an operation of a transaction unless a header
 * differs between rows.
 *
 * Traps: a block is void after the next call of nova_headers().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_HEADER_H
#define NOVA_HEADER_H

#include "postgres.h"

#include "fields.h"
#include "wire.h"

/* The header of a changed key. */
typedef struct NovaKeyHeader
{
	const char *name;
	const StringInfoData *key;
} NovaKeyHeader;

typedef struct NovaHeaders
{
	const NovaFields *fields; /* of add.headers, if records have them */
	bool any;                 /* false: only changed keys make headers */
	bool java;
	StringInfoData context; /* the constant ones, ready */
	uint16 ncontext;
	StringInfoData block; /* the last one that was built */
	uint16 count;
	char block_op;    /* which it is for; NUL: only for the record it was built for */
	bool block_added; /* does it have the fields? */
	StringInfoData value;
} NovaHeaders;

extern void nova_headers_init(NovaHeaders *headers, const NovaOptions *options,
							  MemoryContext context);

/* A new transaction: what was built for the last one no longer holds. */
extern void nova_headers_begin(NovaHeaders *headers);

/*
 * The block for a record, or data NULL for none.  key is NULL if no key
 * changed; repeat_op is for the tombstone that follows a delete.
 */
extern NovaBytes nova_headers(NovaHeaders *headers, const NovaAbout *about,
							  const NovaKeyHeader *key, bool repeat_op);

#endif /* NOVA_HEADER_H */
