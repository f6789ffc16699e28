/*-------------------------------------------------------------------------
 *
 * adjust.h
 *		Names of fields and schemas in a form that Avro takes.
 *
 * As Debezium's schema.name.adjustment.mode and field.name.adjustment.mode
 * have it: avro puts '_' in the place of what Avro does not allow, avro_unicode
 * its UTF-16 code, and then '_' itself goes the same way, so that names stay
 * different.  Characters beyond the first plane count twice, as in Java.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_ADJUST_H
#define NOVA_ADJUST_H

#include "postgres.h"

#include "options.h"

/* A column's name; name and result are UTF-8. */
extern char *nova_adjust_field(const char *name, NovaNameMode mode);

/* A schema's name, whose parts are joined by dots. */
extern char *nova_adjust_schema(const char *name, NovaNameMode mode);

#endif /* NOVA_ADJUST_H */
