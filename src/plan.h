/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Everything about a relation that does not change from row to row.
 *
 * A plan is a pure function of the relation (as the catalogs describe it at
 * the LSN being decoded) and the options: is it captured, which topic, which
 * columns with which encoders, which key, what old tuples hold.  It lives in a
 * memory context of its own and is thrown away as a whole.
 *
 * The key is made of the primary key's columns.  If deletes cannot carry
 * those, because the replica identity is another index, it is made of that
 * index's columns instead, so that every record of a row has the same key.  A
 * table with neither has no key, except in the debezium profile, where any
 * unique index serves.
 *
 * Traps: values, nulls and their old twins are scratch arrays for the row at
 * hand; nothing in them lives longer than the change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_PLAN_H
#define NOVA_PLAN_H

#include "postgres.h"

#include "utils/rel.h"

#include "options.h"
#include "publication.h"
#include "transform.h"
#include "type.h"
#include "wire.h"

/* id, type, data */
#define NOVA_SIGNAL_COLUMNS 3

typedef struct NovaPlan
{
	MemoryContext context;
	bool captured;   /* if false, nothing below is set */
	bool via_root;   /* records are those of root, not of each partition */
	Oid root;        /* the relation that gave the names */
	List *relids;    /* composite types that columns are made of */
	char *full_name; /* schema.table in the server\'s encoding */
	char *topic;     /* UTF-8, like the next three */
	char *schema;
	char *table;
	char *record_name;            /* the topic before topic.regex, after which schemas are named */
	NovaPublication *publication; /* NULL: every row of every operation */
	bool signals;                 /* its inserted rows are signals: id, type, data */
	bool inspected;               /* one of these two: a change is looked at before it is taken */
	bool identity_full;           /* old tuples hold every column */
	NovaColumn *all;              /* in root's attribute order */
	int nall;
	NovaColumn *columns; /* of these, the ones in values */
	int ncolumns;
	NovaColumn *key; /* in index order */
	int nkey;
	NovaColumn *field_columns;  /* of add.fields, an item each; NULL: it names none */
	NovaColumn *header_columns; /* of add.headers */

	/* what the transforms make of its records; see transform.h */
	char *source_topic; /* before any of them; UTF-8, not sanitized */
	NovaShape shape;
	bool flat;                      /* or an envelope */
	bool plain;                     /* flat, and without a schema */
	bool key_shaped;                /* not just its columns */
	bool key_leads;                 /* a plain value begins with the same columns */
	const NovaColumn *bare_key;     /* all that stays of the key; NULL: all */
	const char *key_tail;           /* JSON to add to it, or NULL */
	bool by_row;                    /* the row says where it goes */
	const NovaColumn *topic_column; /* what says it */
	struct NovaOutbox *outbox;      /* its rows are events; see outbox.h */
	struct NovaStep *steps;         /* how they lie in a tuple; see deform.h */
	Datum *values;
	bool *nulls;
	Datum *old_values;
	bool *old_nulls;
	/* `{"schema":S,"payload":`; no data: no schema */
	NovaBytes key_schema;
	NovaBytes value_schema;
	NovaBytes null_schema; /* of a delete that is a null with a schema */
} NovaPlan;

/* Reads catalogs; the plan's context is a child of parent. */
extern NovaPlan *nova_plan_build(MemoryContext parent, Relation rel, const NovaOptions *options);

/* The name (UTF-8) with what Kafka does not take in topics replaced. */
extern char *nova_topic_sanitize(const char *topic);

/* Is this a name that Kafka takes for a topic? */
extern bool nova_topic_valid(const char *topic, Size len);

#endif /* NOVA_PLAN_H */
