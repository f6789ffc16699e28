/*-------------------------------------------------------------------------
 *
 * nested.h
 *		Encoders of values made of other values: arrays, composites, enums,
 *		hstore.
 *
 * For how an encoder is called see type.h; the parts are encoded by the
 * columns in its NovaTypeInfo.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_NESTED_H
#define NOVA_NESTED_H

#include "type.h"

/* JSON arrays, nested as the dimensions are; lower bounds are not shown. */
extern void nova_encode_array(NovaOut *out, const NovaColumn *col, Datum value);

/* A JSON object of the fields. */
extern void nova_encode_composite(NovaOut *out, const NovaColumn *col, Datum value);

/* The label; labels must be sorted. */
extern void nova_sort_labels(NovaLabel *labels, int n);
extern void nova_encode_enum(NovaOut *out, const NovaColumn *col, Datum value);

/* A JSON object of strings and nulls, and the same as the text of a string. */
extern void nova_encode_hstore(NovaOut *out, const NovaColumn *col, Datum value);

#endif /* NOVA_NESTED_H */
