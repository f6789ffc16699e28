/*-------------------------------------------------------------------------
 *
 * extension.h
 *		Encoders of the types of PostGIS and pgvector.
 *
 * Neither has to be there when the plugin is built: a value is taken apart by
 * the text that its own output function gives, which is hexadecimal EWKB for
 * geometry and geography, "[1,2]" for vector and halfvec, "{1:1,3:2}/5" for
 * sparsevec.  What is not of that form comes out as null, as in Debezium.
 *
 * For how an encoder is called see type.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_EXTENSION_H
#define NOVA_EXTENSION_H

#include "type.h"

/* An array of floats, for vector and halfvec in profile nova. */
extern void nova_encode_vector(NovaOut *out, const NovaColumn *col, Datum value);

/* {"wkb":…,"srid":…,"extensions":null}, which geography has without the last */
extern void dbz_encode_geometry(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_geography(NovaOut *out, const NovaColumn *col, Datum value);

/* Arrays of doubles, of floats, and {"dimensions":5,"vector":[[1,1.0],[3,2.0]]} */
extern void dbz_encode_vector(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_halfvec(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_sparsevec(NovaOut *out, const NovaColumn *col, Datum value);

typedef struct NovaExtensionType
{
	const char *outfunc; /* known by its output function's name */
	NovaEncoder nova;    /* NULL: the text as a string */
	NovaEncoder debezium;
	const char *zero; /* JSON where Debezium must have a value and there is none */
} NovaExtensionType;

/* The type with this output function; NULL: none of these. */
extern const NovaExtensionType *nova_extension_type(const char *outfunc);

/* The type that Debezium's encoder belongs to; NULL: none of these. */
extern const NovaExtensionType *nova_extension_encoder(NovaEncoder debezium);

#endif /* NOVA_EXTENSION_H */
