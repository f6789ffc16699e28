/*-------------------------------------------------------------------------
 *
 * mask.h
 *		Columns whose values are cut, masked or hashed on their way out.
 *
 * A masked column has an encoder of its own around the one of its type, chosen
 * with the plan; per row nothing is looked up.
 *
 * In profile debezium the rules reach as far as Debezium's do: masks and
 * digests only columns of character types and enums, cuts whatever is a string
 * or bytes, and never keys.  In profile nova masks and digests reach columns of
 * any type, and keys.  Cuts never reach keys: they would make one of many.
 *
 * Traps: what cannot be hashed (a library that refuses MD5, a value too large)
 * is masked instead.  The clear value is never a fallback.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_MASK_H
#define NOVA_MASK_H

#include "type.h"

/*
 * Wrap the encoder of that column, schema.table.column, if a rule says so; col
 * has its encoder and substitutes, and stands in a value or in a key.  In the
 * current memory context.
 */
extern void nova_mask_column(NovaColumn *col, const char *name, bool not_null, bool in_key,
							 const NovaOptions *options);

/* The encoder whose values the column's look like: its own, but for masked ones. */
extern NovaEncoder nova_mask_shown_as(const NovaColumn *col);

/* Is the value of a column not for everybody to see? */
static inline bool
nova_column_masked(const NovaColumn *col)
{
	return col->info && col->info->mask;
}

/* Do records show the same for these two states of a column? */
extern bool nova_mask_equal(const NovaColumn *col, Datum a, bool a_null, Datum b, bool b_null);

#endif /* NOVA_MASK_H */
