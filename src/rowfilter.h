/*-------------------------------------------------------------------------
 *
 * rowfilter.h
 *		The WHERE of a publication, evaluated for a row.
 *
 * A filter is the OR of the expressions that the publications of one table
 * have.  It is made ready for the executor when the first row comes, and costs
 * no catalog access per row from then on.
 *
 * Nothing a row holds can make it fail: an expression that ends in an ERROR
 * (a division by zero, a cast) shows the row, with one WARNING per plan and
 * operation in the server's log.  That is also what becomes of a value that the
 * WAL does not hold.  Cancellation, lack of memory and damaged files are still
 * errors.
 *
 * Traps: PostgreSQL allows only immutable functions of its own in these
 * expressions, which is why catching an error without a subtransaction is
 * safe: what they may hold then is in a resource owner of ours, and what they
 * left half done is thrown away with the executor state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_ROWFILTER_H
#define NOVA_ROWFILTER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

typedef struct NovaRowFilter NovaRowFilter;

/*
 * The OR of expressions over table "as", for rows of rel, in the current
 * memory context.  filters holds their text as the catalogs have it.
 */
extern NovaRowFilter *nova_row_filter(Relation rel, Oid as, List *filters);

/*
 * Does the filter show this row?  The old values, if there are any, stand in
 * for unchanged TOAST values.
 */
extern bool nova_row_filter_shows(NovaRowFilter *filter, const Datum *values, const bool *nulls,
								  const Datum *old_values, const bool *old_nulls);

#endif /* NOVA_ROWFILTER_H */
