/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *		Which tables a snapshot can read; shared by the functions about snapshots.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_SNAPSHOT_H
#define NOVA_SNAPSHOT_H

#include "postgres.h"

#include "utils/rel.h"

/* Has it rows of its own, and are their changes in the WAL? */
extern bool nova_snapshot_readable(Relation rel);

/* Does row security hide rows of it from the current role? */
extern bool nova_snapshot_row_security(Relation rel);

/*
 * Open and lock a table whose rows the active snapshot sees whole; an ERROR if
 * it is none.  Whether the role may SELECT is the executor's to say.
 */
extern Relation nova_snapshot_open(Oid relid);

#endif /* NOVA_SNAPSHOT_H */
