/*-------------------------------------------------------------------------
 *
 * type.h
 *		From a type to the function that writes its values as JSON.
 *
 * A NovaColumn is everything constant about one column of a relation: where
 * its value stands in the tuple, the bytes `,"name":` before it, and its
 * encoder.  nova_type_column() chooses the encoder; it may read catalogs.  The
 * encoder itself reads none, looks at no session setting and writes prefix and
 * value in one go.
 *
 * Encoders for the types of daily life work on the stored bytes.  Every other
 * type goes through its output function, under pinned settings (see pin.h), as
 * a JSON string.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_TYPE_H
#define NOVA_TYPE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "json.h"

typedef struct NovaColumn NovaColumn;

/* Write prefix and value; the value is not null and not an unchanged TOAST. */
typedef void (*NovaEncoder)(NovaOut *out, const NovaColumn *col, Datum value);

struct NovaColumn
{
	NovaEncoder encode;
	const char *prefix; /* `,"name":`, readable NOVA_PREFIX_PAD beyond */
	int prefix_len;
	int attidx;       /* 0-based, in tuple and arrays */
	bool varlena;     /* may be an unchanged TOAST pointer */
	bool in_identity; /* an old tuple has its value */
	FmgrInfo outfunc; /* only for types without an encoder */
};

/* Prefixes are copied in vectors of this many bytes. */
#define NOVA_PREFIX_PAD 16

/* Fill col for a column of that type; name and position are the caller's. */
extern void nova_type_column(NovaColumn *col, Form_pg_attribute att);

/* Room for the prefix and n bytes; the prefix written; returns where to go on. */
static inline char *
nova_column_open(NovaOut *out, const NovaColumn *col, Size n)
{
	const char *src = col->prefix + out->skip;
	int len = col->prefix_len - out->skip;
	char *p = nova_out_reserve(out, len + NOVA_PREFIX_PAD + n);

	for (int i = 0; i < len; i += NOVA_PREFIX_PAD)
		memcpy(p + i, src + i, NOVA_PREFIX_PAD);
	out->skip = 0;
	return p + len;
}

#endif /* NOVA_TYPE_H */
