/*-------------------------------------------------------------------------
 *
 * expand.h
 *		The text of a JSON object as JSON, by the rules of Debezium's EventRouter.
 *
 * Debezium makes a Connect schema of the object and then writes it: numbers are
 * int, long or double; fields that are null and empty arrays have no type and
 * go, unless the options keep them; an array's elements must be of one type,
 * and objects in one array all show the fields that any of them has.  What
 * has no schema in this sense stays text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_EXPAND_H
#define NOVA_EXPAND_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "options.h"

/* UTF-8 in and out; NULL: it stays text. */
extern StringInfo nova_expand_json(const StringInfo source, const NovaOptions *options);

/* What a JSON string says. */
extern StringInfo nova_json_unquote(const StringInfo json);

#endif /* NOVA_EXPAND_H */
