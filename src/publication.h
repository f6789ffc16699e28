/*-------------------------------------------------------------------------
 *
 * publication.h
 *		What publications let through, as pgoutput would.
 *
 * With publication.names a relation's plan asks nova_published() once: is the
 * table in one of them (itself, by its schema or through an ancestor), for
 * which operations, with which columns and under whose name.  Row filters are
 * made ready there and evaluated by nova_publication_op() per row.
 *
 * Several publications of one table add up: what one of them shows is shown.
 * A publication that does not exist at the LSN hides nothing, where pgoutput
 * would stop for good; the server's log has a WARNING about it.  A row for
 * which a filter fails is sent, for the same reason.
 *
 * Traps: catalogs are read, under the snapshot that is active; nothing is read
 * per row unless a filter failed.  A filter sees the row in the form of the
 * relation that the publication names, which may be a partition's ancestor.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_PUBLICATION_H
#define NOVA_PUBLICATION_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "options.h"

typedef struct NovaRowFilter NovaRowFilter;

/* Per operation: insert, update, delete. */
#define NOVA_FILTERED_OPS 3

/* What has to be looked at per row. */
typedef struct NovaPublication
{
	const char *ops;                          /* the published ones, e.g. "cut" */
	NovaRowFilter *filter[NOVA_FILTERED_OPS]; /* NULL: every row */
} NovaPublication;

/* What is constant for a relation; all false and empty: not published. */
typedef struct NovaPublished
{
	Oid as;           /* gives the names: the relation itself or an ancestor */
	bool any;         /* is some operation published? */
	bool all_columns; /* else those in columns, numbered as in "as" */
	bool generated;   /* stored generated columns are among all columns */
	Bitmapset *columns;
	NovaPublication *rows; /* NULL: every row of every operation */
} NovaPublished;

/* In the current memory context. */
extern NovaPublished nova_published(Relation rel, const NovaOptions *options);

/* Is that column shown? */
extern bool nova_column_published(const NovaPublished *published, const char *name,
								  bool is_generated);

/*
 * What a change of a published table is to its readers: the op itself, an
 * update as the insert or the delete of a row that comes into sight or leaves
 * it, or NUL, nothing.  old and new are deformed tuples, NULL if there is none.
 */
extern char nova_publication_op(NovaPublication *publication, char op, const Datum *old_values,
								const bool *old_nulls, const Datum *values, const bool *nulls);

#endif /* NOVA_PUBLICATION_H */
