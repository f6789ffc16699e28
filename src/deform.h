/*-------------------------------------------------------------------------
 *
 * deform.h
 *		A tuple of the WAL into arrays of values: what heap_deform_tuple() does, from a
 *		plan of four bytes a column instead of the descriptor's hundred.
 *
 * Used for every row that is streamed.  What is rare is left to heap_deform_tuple():
 * tuples with fewer columns than the table has now.
 *
 * Traps: values of types by reference point into the tuple.  The tuple's header must
 * lie at a multiple of MAXIMUM_ALIGNOF, as the reorder buffer's do and those within
 * another tuple do not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_DEFORM_H
#define NOVA_DEFORM_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

/* How a column lies in a tuple. */
typedef struct NovaStep
{
	uint8 kind;
	uint8 mask; /* its alignment, less one */
	int16 len;  /* bytes, of one that is not by value and not of a length of its own */
} NovaStep;

/* desc's columns, dropped ones too, as an array in the current memory context. */
extern NovaStep *nova_deform_plan(TupleDesc desc);

/* values and nulls have room for all of desc's columns, which steps is of. */
extern void nova_deform(HeapTuple tuple, TupleDesc desc, const NovaStep *steps, Datum *values,
						bool *nulls);

#endif
