/*-------------------------------------------------------------------------
 *
 * substitute.h
 *		What Debezium writes where there is no value.
 *
 * Connect's schemas know defaults and fallbacks, and its converter puts them in
 * the place of nulls: a null becomes the column's default, a column that a
 * delete's old tuple does not have becomes its default or its type's zero, and
 * a large value that the WAL does not hold becomes a placeholder in the form of
 * its type.  All of these are constant for a column and are rendered once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_SUBSTITUTE_H
#define NOVA_SUBSTITUTE_H

#include "utils/rel.h"

#include "type.h"

/*
 * Set null, unknown, unavailable and standard of a column that has its encoder, as the
 * profile and its options have it.  Reads catalogs.
 */
extern void nova_substitutes(NovaColumn *col, Relation rel, Form_pg_attribute att,
							 const NovaOptions *options);

/* Does the column's default take the next value of a sequence?  Reads catalogs. */
extern bool nova_default_is_sequence(Relation rel, Form_pg_attribute att);

#endif /* NOVA_SUBSTITUTE_H */
