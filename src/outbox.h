/*-------------------------------------------------------------------------
 *
 * outbox.h
 *		Rows of an outbox as the events that they stand for.
 *
 * What Debezium's EventRouter makes of an inserted row: one column is the
 * value, one the key, one names the topic, one is the header "id", and others
 * become headers, fields beside the payload, the partition or the timestamp.
 * Updates make no event, which is counted; deletes clean up and make none.
 *
 *		if (plan->outbox)
 *		{
 *			nova_outbox_event(plan, row, options, &event);
 *			… open the record: event.topic, .place, .headers …
 *			nova_outbox_key(out, plan, row);
 *			nova_outbox_value(out, plan, row, &event);
 *		}
 *
 * Traps: the event lives in the memory context of the change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_OUTBOX_H
#define NOVA_OUTBOX_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "encode.h"
#include "options.h"
#include "plan.h"
#include "wire.h"

typedef struct NovaOutbox NovaOutbox;

typedef struct NovaEvent
{
	char *topic; /* UTF-8; NULL: the row names none */
	NovaPlace place;
	StringInfo expanded; /* the payload as JSON; NULL: as it is */
	bool tombstone;      /* no value at all */
} NovaEvent;

/* Fill options->placements from outbox.additional.placement. */
extern void nova_outbox_parse(NovaOptions *options);

/* Do fields stand beside the payload? */
extern bool nova_outbox_enveloped(const NovaOptions *options);

/* NULL: the table lacks a column that an event needs. */
extern NovaOutbox *nova_outbox_plan(const NovaColumn *columns, int n, TupleDesc desc,
									const NovaOptions *options);

extern const NovaColumn *nova_outbox_key_column(const NovaOutbox *outbox);
extern const NovaColumn *nova_outbox_payload_column(const NovaOutbox *outbox);

extern void nova_outbox_event(const NovaPlan *plan, const NovaRow *row, const NovaOptions *options,
							  NovaEvent *event);

/* The headers of the event, as a block of wire.h, after those of first (which may be empty). */
extern NovaBytes nova_outbox_headers(const NovaPlan *plan, const NovaRow *row, bool java,
									 NovaBytes first);

extern void nova_outbox_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row);
extern void nova_outbox_value(NovaOut *out, const NovaPlan *plan, const NovaRow *row,
							  const NovaEvent *event);

#endif /* NOVA_OUTBOX_H */
