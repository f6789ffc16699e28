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
#include "wire.h"

/* JSON arrays, nested as the dimensions are; lower bounds are not shown. */
extern void nova_encode_array(NovaOut *out, const NovaColumn *col, Datum value);

/* A JSON object of the fields. */
extern void nova_encode_composite(NovaOut *out, const NovaColumn *col, Datum value);

/* The label; labels must be sorted. */
extern void nova_sort_labels(NovaLabel *labels, int n);
/* Another encoder under settings that its text would show; see pin.h. */
extern void nova_encode_pinned(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_enum(NovaOut *out, const NovaColumn *col, Datum value);

/*
 * An hstore taken apart, as its contrib module stores it: the number of pairs
 * with flags on top, two end positions a pair with flags on top, then the bytes
 * of keys and values, one after the other, in the database's encoding.
 */
typedef struct NovaHstore
{
	int pairs;
	const char *ends; /* uint32 each, unaligned */
	const char *bytes;
} NovaHstore;

extern void nova_hstore_read(NovaHstore *h, Datum value);
extern NovaBytes nova_hstore_key(const NovaHstore *h, int pair);

/* data is NULL for a null. */
extern NovaBytes nova_hstore_value(const NovaHstore *h, int pair);

/* A JSON object of strings and nulls. */
extern void nova_encode_hstore(NovaOut *out, const NovaColumn *col, Datum value);

#endif /* NOVA_NESTED_H */
