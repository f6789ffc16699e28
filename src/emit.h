/*-------------------------------------------------------------------------
 *
 * emit.h
 *		Which records a change becomes, as the options have it.
 *
 * Between the callbacks, which know transactions and tuples, and the encoder,
 * which knows neither: a change of a captured row comes in as rows, and goes to
 * the batch as one record, several, or a count of what cannot be one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_EMIT_H
#define NOVA_EMIT_H

#include "batch.h"
#include "encode.h"
#include "header.h"
#include "relcache.h"
#include "transaction.h"

typedef struct NovaEmitter
{
	const NovaOptions *options;
	NovaBatch *batch;
	NovaMeta *meta;
	NovaHeaders headers;
	NovaTransaction *transaction; /* NULL: no metadata of it is asked for */
	bool announces;               /* there is one of these, or headers on records */
	NovaRelCache *relcache;       /* for topics that rows name */
	uint64 unchanged;             /* updates left out, since somebody set it to 0 */
} NovaEmitter;

extern void nova_emit_insert(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row);

/* An inserted row of the table of signals, to the relay. */
extern void nova_emit_signal(NovaEmitter *e, const NovaPlan *plan, const NovaRow *row);

/* A row that a snapshot has read. */
extern void nova_emit_read(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *row);

/* old is NULL if the WAL has no old tuple. */
extern void nova_emit_update(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old,
							 const NovaRow *new);
extern void nova_emit_delete(NovaEmitter *e, NovaRelEntry *entry, const NovaRow *old);

extern void nova_emit_truncate(NovaEmitter *e, NovaRelEntry *entry);

/* A logical decoding message that is not nova's own. */
extern void nova_emit_message(NovaEmitter *e, NovaRelCache *cache, const char *prefix,
							  const char *content, Size size);

#endif /* NOVA_EMIT_H */
