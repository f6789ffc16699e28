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

#include "access/xlogdefs.h"

#include "options.h"
#include "plan.h"

/* About the change, for add.fields.  Set by nova_meta_begin(). */
typedef struct NovaMeta
{
	const NovaOptions *options;
	char *db;        /* the database */
	int64 commit_us; /* microseconds since 1970 */
	TransactionId xid;
	XLogRecPtr lsn;        /* of the change: set before each row */
	XLogRecPtr commit_lsn; /* start of the commit record */
	const char *snapshot;  /* JSON: "false" when streaming */

	/* the fields as they were last written, for this op of this transaction */
	StringInfoData suffix;
	char suffix_op; /* NUL: none yet */
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

extern void nova_meta_init(NovaMeta *meta, const NovaOptions *options, MemoryContext context);
extern void nova_meta_begin(NovaMeta *meta, TransactionId xid, int64 commit_us,
							XLogRecPtr commit_lsn);

/*
 * Has this row a key?  Not if the table has none, nor if the WAL does not hold
 * a key column: an unchanged TOAST value, or one that old tuples do not have and
 * for which nothing stands in.
 */
extern bool nova_has_key(const NovaPlan *plan, const NovaRow *row);

/* `{"id":1}`, in the shape that the transforms give it. */
extern void nova_encode_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row);

/* The key before any transform. */
extern void nova_encode_key_payload(NovaOut *out, const NovaPlan *plan, const NovaRow *row);

/* A column's value without its name. */
extern void nova_encode_alone(NovaOut *out, const NovaColumn *col, const NovaRow *row);

/* The same as text (UTF-8) instead of JSON; NULL: it is null, or the WAL does not have it. */
extern StringInfo nova_column_text(const NovaColumn *col, const NovaRow *row, bool java);

/*
 * A record's value in the options' format.  before and after may be NULL; flat
 * records show after, and before of a delete; without both, only the added
 * fields.
 */
extern void nova_encode_value(NovaOut *out, const NovaPlan *plan, const NovaRow *before,
							  const NovaRow *after, NovaMeta *meta, char op);

/* A logical decoding message as Debezium shows it: key and value. */
extern void nova_encode_message_key(NovaOut *out, const char *prefix, const NovaShape *shape);
extern void nova_encode_message(NovaOut *out, const char *prefix, const char *content, Size size,
								const NovaMeta *meta);

#endif /* NOVA_ENCODE_H */
