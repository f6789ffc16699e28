/*-------------------------------------------------------------------------
 *
 * encode.h
 *		Records from plans and datums: key bytes, value bytes.
 *
 * Knows nothing of WAL, transactions or frames: the same functions make the
 * bytes of a streamed row, of a snapshot's and of nova.describe()'s.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_ENCODE_H
#define NOVA_ENCODE_H

#include "postgres.h"

#include "access/detoast.h"

#include "access/xlogdefs.h"

#include "options.h"
#include "plan.h"

struct NovaAbout;

/* Sequence, schema, table, LSN and transaction. */
#define NOVA_END_HOLES 5

/*
 * What an envelope has behind the rows, as it is for all of an operation's in a
 * transaction, and the places in it for what differs from row to row.
 */
typedef struct NovaEnd
{
	StringInfoData text;
	char op; /* NUL: not written yet */
	int nholes;
	struct
	{
		int at;
		void (*write)(NovaOut *out, const struct NovaAbout *about);
	} holes[NOVA_END_HOLES];
} NovaEnd;

/* About the change, for add.fields.  Set by nova_meta_begin(). */
typedef struct NovaMeta
{
	const NovaOptions *options;
	char *db;              /* the database */
	int64 commit_us;       /* microseconds since 1970 */
	uint64 xid;            /* 0: none; a snapshot's has 64 bits, as Debezium's */
	XLogRecPtr lsn;        /* of the change: set before each row; 0: none */
	XLogRecPtr commit_lsn; /* start of the commit record; 0: none */
	bool fixed;            /* one relation, and position and time as they are now */
	const char *snapshot;  /* JSON: "false" when streaming */

	/* of the record within its transaction, if that is counted: else 0 */
	uint64 total_order;
	uint64 collection_order;

	/* the fields as they were last written, for this op of this transaction */
	StringInfoData suffix;
	char suffix_op; /* NUL: none yet, or not to be kept */
	NovaEnd end;
} NovaMeta;

/* One row: new or only values, and what is known of the old ones. */
typedef struct NovaRow
{
	const Datum *values;
	const bool *nulls;
	const Datum *old_values; /* NULL: no old tuple */
	const bool *old_nulls;
	bool identity_only; /* values holds the identity's columns alone */
} NovaRow;

/* A large value that the update did not change, and that is not in the WAL? */
static inline bool
nova_is_unavailable(const NovaColumn *col, Datum value)
{
	return col->varlena && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

/*
 * Find the value of a column.  An unchanged TOAST value stands in the old tuple
 * if the replica identity covers the column.  It is never fetched: the TOAST
 * table of today is not that of the LSN.
 */
static inline bool
nova_find_value(const NovaColumn *col, const NovaRow *row, Datum *value)
{
	int i = col->attidx;

	*value = row->values[i];
	if (likely(!nova_is_unavailable(col, *value)))
		return true;
	if (row->old_values == NULL || !col->in_identity || row->old_nulls[i])
		return false;
	*value = row->old_values[i];
	return !nova_is_unavailable(col, *value);
}

/*
 * Longer values make no key, topic or header: no broker takes such a thing, and
 * their JSON might not fit into one piece of memory.
 */
#define NOVA_NAME_MAX (16 * 1024 * 1024)

static inline bool
nova_is_longer(const NovaColumn *col, Datum value, Size limit)
{
	return col->varlena && toast_raw_datum_size(value) > limit;
}

extern void nova_meta_init(NovaMeta *meta, const NovaOptions *options, MemoryContext context);
extern void nova_meta_begin(NovaMeta *meta, uint64 xid, int64 commit_us, XLogRecPtr commit_lsn);

/* A mark of Debezium's, for the rows of a snapshot from here on. */
extern void nova_meta_mark(NovaMeta *meta, const char *json);

/*
 * Has this row a key?  Not if the table has none, if a value is too long for one,
 * nor if the WAL does not hold a key column: an unchanged TOAST value, or one that
 * old tuples do not have and for which nothing stands in.
 */
extern bool nova_has_key(const NovaPlan *plan, const NovaRow *row);

/* Do the values of these two rows, both known in full, show the same? */
extern bool nova_rows_equal(const NovaPlan *plan, const NovaRow *old, const NovaRow *new);

/* `{"id":1}`, with its schema if keys have one, in the shape that the transforms give it. */
extern void nova_encode_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row);

/* The key before any transform, and without a schema. */
extern void nova_encode_key_payload(NovaOut *out, const NovaPlan *plan, const NovaRow *row);

/* A column's value without its name. */
extern void nova_encode_alone(NovaOut *out, const NovaColumn *col, const NovaRow *row);

/*
 * The same as text (UTF-8) instead of JSON; NULL: it is null, the WAL does not have
 * it, or it is longer than the limit.
 */
extern StringInfo nova_column_text(const NovaColumn *col, const NovaRow *row, Size limit,
								   bool java);

/*
 * A record's value in the options' format.  key: where nova_encode_key() has written that of the
 * same row, in the same buffer; of no length: nowhere.  before and after may be NULL; flat
 * records show after, and before of a delete; without both, only the added
 * fields.
 */
extern void nova_encode_value(NovaOut *out, const NovaPlan *plan, const NovaRow *before,
							  const NovaRow *after, NovaMeta *meta, char op, NovaSpan key);

/* A null that is no tombstone: the text "null", in a schema if values have one. */
extern void nova_encode_null(NovaOut *out, const NovaPlan *plan);

/* The key of a record of no relation: one string, in the shape of the transforms. */
extern void nova_encode_named_key(NovaOut *out, const char *name, const char *value,
								  const NovaShape *shape, NovaBytes schema);

/* A logical decoding message as Debezium shows it. */
extern void nova_encode_message(NovaOut *out, const char *prefix, const char *content, Size size,
								const NovaMeta *meta, NovaBytes schema);

#endif /* NOVA_ENCODE_H */
