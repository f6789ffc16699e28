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
	char *db;              /* the database */
	int64 commit_us;       /* microseconds since 1970 */
	uint64 xid;            /* 0: none; a snapshot's has 64 bits, as Debezium's */
	XLogRecPtr lsn;        /* of the change: set before each row; 0: none */
	XLogRecPtr commit_lsn; /* start of the commit record; 0: none */
	bool fixed;            /* one relation, and position and time as they are now */
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
extern void nova_meta_begin(NovaMeta *meta, uint64 xid, int64 commit_us, XLogRecPtr commit_lsn);

/* A mark of Debezium's, for the rows of a snapshot from here on. */
extern void nova_meta_mark(NovaMeta *meta, const char *json);

/*
 * Has this row a key?  Not if the table has none, nor if the WAL does not hold
 * a key column: an unchanged TOAST value, or one that old tuples do not have and
 * for which nothing stands in.
 */
extern bool nova_has_key(const NovaPlan *plan, const NovaRow *row);

/* `{"id":1}` */
extern void nova_encode_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row);

/*
 * A record's value in the options' format.  before and after may be NULL; flat
 * records show after, and before of a delete; without both, only the added
 * fields.
 */
extern void nova_encode_value(NovaOut *out, const NovaPlan *plan, const NovaRow *before,
							  const NovaRow *after, NovaMeta *meta, char op);

/* A logical decoding message as Debezium shows it: key and value. */
extern void nova_encode_message_key(NovaOut *out, const char *prefix);
extern void nova_encode_message(NovaOut *out, const char *prefix, const char *content, Size size,
								const NovaMeta *meta);

#endif /* NOVA_ENCODE_H */
