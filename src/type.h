/*-------------------------------------------------------------------------
 *
 * type.h
 *		From a type to the function that writes its values as JSON.
 *
 * A NovaColumn is everything constant about one column of a relation: where
 * its value stands in the tuple, the bytes `,"name":` before it, its encoder
 * and what is written in place of a value that is not there.  Elements of
 * arrays and fields of composites are NovaColumns as well.
 *
 * nova_type_column() chooses the encoder by type, profile and modes; it may
 * read catalogs.  The encoder itself reads none, looks at no session setting
 * and writes prefix and value in one go.
 *
 * The nova profile's encoders are in value.c, Debezium's in debezium.c, and
 * those that look into a value made of others in nested.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_TYPE_H
#define NOVA_TYPE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "json.h"
#include "options.h"

typedef struct NovaColumn NovaColumn;
typedef struct NovaMask NovaMask;

/* Write prefix and value; the value is not null and not an unchanged TOAST. */
typedef void (*NovaEncoder)(NovaOut *out, const NovaColumn *col, Datum value);

typedef struct NovaLabel
{
	Oid oid;
	float4 position; /* among the labels */
	char *label;
} NovaLabel;

/* What an encoder has to know of its type; which members are set depends on it. */
typedef struct NovaTypeInfo
{
	FmgrInfo outfunc;    /* types without an encoder of their own */
	NovaEncoder pinned;  /* what nova_encode_pinned() calls */
	int scale;           /* decimals of a numeric, fraction digits of a time; -1: any */
	NovaColumn *element; /* arrays */
	int16 typlen;
	bool typbyval;
	char typalign;
	TupleDesc desc; /* composites */
	NovaColumn *fields;
	int nfields;
	NovaLabel *labels; /* enums, by oid */
	int nlabels;
	const NovaMask *mask; /* columns that mask.c has wrapped */
} NovaTypeInfo;

struct NovaColumn
{
	NovaEncoder encode;
	const NovaTypeInfo *info;
	Oid type;           /* beneath domains */
	int32 typmod;       /* of that */
	const char *prefix; /* `,"name":`, readable NOVA_PREFIX_PAD beyond */
	int prefix_len;
	int attidx;       /* 0-based, in tuple and arrays */
	bool varlena;     /* may be an unchanged TOAST pointer */
	bool in_identity; /* an old tuple has its value */
	bool byval;       /* like typlen, of the column's own type */
	int16 typlen;
	const char *null;        /* JSON for SQL's null */
	const char *unknown;     /* JSON where an old tuple has no value; NULL: leave the field out */
	const char *unavailable; /* JSON for an unchanged TOAST value; NULL: leave the field out */
	const char *standard;    /* JSON of the default that schemas show; NULL: none */
};

/* What stands for a value of a type that is not there; for substitute.c. */
typedef enum NovaZero
{
	NOVA_ZERO_JSON,    /* the JSON in zero_json */
	NOVA_ZERO_BYVAL,   /* the datum 0 */
	NOVA_ZERO_INT64,   /* 8 bytes of 0, which a server of 32 bits passes by reference */
	NOVA_ZERO_NUMERIC, /* the number 0 */
	NOVA_ZERO_EPOCH    /* 1970-01-01, as a date or a timestamp */
} NovaZero;

typedef struct NovaTraits
{
	NovaZero zero;
	const char *zero_json;
	bool has_default;             /* Debezium understands defaults of the type */
	const char *function_default; /* JSON of a function as default; NULL: the zero */
	bool shows_placeholder;       /* a string can stand for the value */
} NovaTraits;

extern NovaTraits nova_type_traits(Oid type, int32 typmod);

/* Is it one of the types that hold characters: text and its kin, enums? */
extern bool nova_type_is_character(Oid type);

/* By the name in the server's encoding; NULL: none is called so. */
extern const NovaColumn *nova_column_named(const NovaColumn *columns, int n, TupleDesc desc,
										   const char *name);

/* Of an outbox's columns: bytes; milliseconds since 1970; a small integer.  False: neither. */
extern bool nova_type_is_bytes(const NovaColumn *col);
extern bool nova_type_epoch_ms(const NovaColumn *col, Datum value, int64 *ms);
extern bool nova_type_int32(const NovaColumn *col, Datum value, int32 *number);

/* Are values of the type filled up with blanks? */
extern bool nova_type_is_padded(Oid type);

/* The datum of a zero that is not given as JSON. */
extern Datum nova_type_zero(Oid type, NovaZero zero);

/* A plain value to show what the column looks like.  False: none is known. */
extern bool nova_type_sample(const NovaColumn *col, Datum *value);

/* How the placeholder of an unchanged TOAST value shows in an array. */
typedef enum NovaArrayPlaceholder
{
	NOVA_PLACEHOLDER_NONE,
	NOVA_PLACEHOLDER_STRING,
	NOVA_PLACEHOLDER_BYTES,   /* base64 of it */
	NOVA_PLACEHOLDER_NUMBERS, /* its bytes as numbers */
	NOVA_PLACEHOLDER_UUID
} NovaArrayPlaceholder;

extern NovaArrayPlaceholder nova_type_array_placeholder(Oid element);

/* What only schemas tell of a type. */
typedef struct NovaTypeNames
{
	const char *string;    /* the name (and version) of its strings' schema, or NULL */
	bool never_null;       /* as an item of an array */
	bool items_never_null; /* of an array's own */
} NovaTypeNames;

extern NovaTypeNames nova_type_names(Oid type);

/* A column's type as PostgreSQL's JDBC driver describes it. */
typedef struct NovaSourceType
{
	const char *name;
	const char *serial; /* its name if the default is a sequence; NULL: the same */
	int length;
	int scale;
} NovaSourceType;

/* declared is what the column says; type and typmod lie beneath domains. */
extern NovaSourceType nova_type_source(Oid declared, Oid type, int32 typmod);

/* Prefixes are copied in vectors of this many bytes. */
#define NOVA_PREFIX_PAD 16

/* The prefix of a column that is written without one; padded as any. */
extern const char nova_no_prefix[NOVA_PREFIX_PAD];

/* What building a column's encoder takes and gives back. */
typedef struct NovaTypeContext
{
	const NovaOptions *options;
	List *relids; /* of composite types: the plan depends on them */
} NovaTypeContext;

/*
 * Fill col's encoder for a value of that type, in the current memory context.
 * False: the options leave such columns out.
 */
extern bool nova_type_column(NovaColumn *col, Oid type, int32 typmod, NovaTypeContext *context);

/* Give col the encoder that writes any type's text. */
extern void nova_type_text(NovaColumn *col, Oid type);

/* Give col its prefix. */
extern void nova_column_name(NovaColumn *col, const char *name, const NovaOptions *options);

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

/* Prefix only. */
static inline void
nova_column_prefix(NovaOut *out, const NovaColumn *col)
{
	nova_out_advance(out, nova_column_open(out, col, 0));
}

/* Prefix and a short text that is JSON already. */
static inline void
nova_column_constant(NovaOut *out, const NovaColumn *col, const char *json)
{
	Size len = strlen(json);
	char *p = nova_column_open(out, col, len);

	memcpy(p, json, len);
	nova_out_advance(out, p + len);
}

#endif /* NOVA_TYPE_H */
