/*-------------------------------------------------------------------------
 *
 * transform.h
 *		The transforms of a connector, in their order.
 *
 * A transform looks at a record's topic and changes the topic, the shape of
 * the key or that of the value.  The topic of a table's records is the same for
 * all of them, and so all of this is decided once, in the table's plan.  Two
 * transforms take the topic from the row: from there on the rest of the steps
 * runs for every record, on the topic alone.
 *
 * The steps come from the option "transforms", a JSON array of objects:
 *
 *		{"type": "route", "regex": …, "replacement": …,
 *		 "rename": …,
 *		 "key.field": …, "key.regex": …, "key.replacement": …}
 *		{"type": "unwrap", "route.by.field": …}
 *		{"type": "key", "field": …}
 *		{"type": "outbox", "regex": …, "replacement": …}
 *
 * Any of them may have "topics", a regular expression that a topic must match
 * as a whole for the step to be for it, or, with "negate": true, must not.
 * A route that renames calls the schemas of its records after the new topic.
 * The options topic.regex and topic.replacement are short for one route.
 *
 * Regular expressions are Java's as far as PostgreSQL has the same: groups may
 * have names, (?<name>…), that a replacement calls ${name}.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_TRANSFORM_H
#define NOVA_TRANSFORM_H

#include "postgres.h"

#include "options.h"

/* What the steps come to for the records of a topic. */
typedef struct NovaShape
{
	bool no_outbox; /* in: pass over the outbox */
	char *topic;
	bool flat;
	bool outbox;
	const char *by_field;  /* the column that names the topic; NULL: none */
	int rest;              /* where to go on with a topic of the row */
	const char *key_field; /* the only field of the key that stays; NULL: all */
	char *key_tail;        /* `,"name":"from where"` to add to the key; NULL: nothing */
	char *key_schema;      /* of that, after a comma */
	char *key_name;        /* that its schema is called after; NULL: the topic before all steps */
	char *value_name;
} NovaShape;

/* Fill options->steps; an ERROR says what is wrong with the options. */
extern void nova_transforms_parse(NovaOptions *options);

/* All steps for a topic (UTF-8, not yet made fit for Kafka). */
extern void nova_transforms_apply(const NovaOptions *options, const char *topic, NovaShape *shape);

/* The steps from "from" on, which an outbox or a row's field comes before. */
extern char *nova_transforms_topic(const NovaOptions *options, const char *topic, int from);

#endif /* NOVA_TRANSFORM_H */
