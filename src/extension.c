/*-------------------------------------------------------------------------
 *
 * extension.c
 *		Encoders of the types of PostGIS and pgvector; see extension.h.
 *
 * The header of EWKB: a byte for the order of bytes, a uint32 type whose flag
 * SRID_FLAG says that a uint32 SRID follows (PostGIS, "EWKB and EWKT").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "debezium.h"
#include "extension.h"
#include "pin.h"
#include "value.h"

#define SRID_FLAG   0x20000000
#define EWKB_HEADER 5

static const NovaColumn bare = {.prefix = nova_no_prefix};

#define EMPTY_WKB "\"AQcAAAAAAAAA\""

static const NovaExtensionType extension_types[] = {
	{"geometry_out", NULL, dbz_encode_geometry,
	 "{\"wkb\":" EMPTY_WKB ",\"srid\":null,\"extensions\":null}"},
	{"geography_out", NULL, dbz_encode_geography, "{\"wkb\":" EMPTY_WKB ",\"srid\":null}"},
	{"vector_out", nova_encode_vector, dbz_encode_vector, "[]"},
	{"halfvec_out", nova_encode_vector, dbz_encode_halfvec, "[]"},
	{"sparsevec_out", NULL, dbz_encode_sparsevec, "{\"dimensions\":0,\"vector\":[]}"},
};

const NovaExtensionType *
nova_extension_type(const char *outfunc)
{
	for (int i = 0; i < lengthof(extension_types); i++)
		if (strcmp(extension_types[i].outfunc, outfunc) == 0)
			return &extension_types[i];
	return NULL;
}

const NovaExtensionType *
nova_extension_encoder(NovaEncoder debezium)
{
	for (int i = 0; i < lengthof(extension_types); i++)
		if (extension_types[i].debezium == debezium)
			return &extension_types[i];
	return NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place: the text becomes the bytes it stands for.  -1: it is not hexadecimal. */
static int
unhex(char *hex)
{
	int n = 0;

	for (const char *p = hex; *p; p += 2)
	{
		int high = hex_digit(p[0]);
		int low = high < 0 ? -1 : hex_digit(p[1]);

		if (low < 0)
			return -1;
		hex[n++] = (char) (high << 4 | low);
	}
	return n;
}

/* An integer of EWKB, whose first byte is 1 for little-endian. */
static uint32
ewkb_uint32(const char *ewkb, int at)
{
	const unsigned char *p = (const unsigned char *) ewkb + at;

	if (ewkb[0] == 1)
		return p[0] | p[1] << 8 | p[2] << 16 | (uint32) p[3] << 24;
	return (uint32) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void
encode_ewkb(NovaOut *out, const NovaColumn *col, Datum value, const char *rest)
{
	char *ewkb = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);
	int len = unhex(ewkb);

	if (len < EWKB_HEADER)
	{
		nova_column_constant(out, col, "null");
		return;
	}
	nova_column_prefix(out, col);
	nova_out_bytes(out, "{\"wkb\":", 7);
	nova_json_base64(out, ewkb, len, false);
	if (len >= EWKB_HEADER + 4 && ewkb_uint32(ewkb, 1) & SRID_FLAG)
		appendStringInfo(out->buf, ",\"srid\":%d", (int) ewkb_uint32(ewkb, EWKB_HEADER));
	else
		appendStringInfoString(out->buf, ",\"srid\":null");
	appendStringInfoString(out->buf, rest);
}

void
dbz_encode_geometry(NovaOut *out, const NovaColumn *col, Datum value)
{
	encode_ewkb(out, col, value, ",\"extensions\":null}");
}

void
dbz_encode_geography(NovaOut *out, const NovaColumn *col, Datum value)
{
	encode_ewkb(out, col, value, "}");
}

/* How the numbers of a vector are written. */
typedef enum NumberForm
{
	NUMBER_NOVA,
	NUMBER_JAVA_FLOAT,
	NUMBER_JAVA_DOUBLE
} NumberForm;

/* The number at *p, which moves behind it.  False: there is none. */
static bool
append_number(NovaOut *out, const char **p, NumberForm form)
{
	char *end;
	double v = strtod(*p, &end);

	if (end == *p)
		return false;
	/* strtof() rounds once; by way of a double it could be twice */
	if (form == NUMBER_NOVA)
		nova_encode_float4(out, &bare, Float4GetDatum(strtof(*p, NULL)));
	else if (form == NUMBER_JAVA_FLOAT)
		dbz_encode_float4(out, &bare, Float4GetDatum(strtof(*p, NULL)));
	else
		dbz_encode_float8(out, &bare, Float8GetDatum(v));
	*p = end;
	return true;
}

/* "[1,2]" at p.  False: it is not of that form. */
static bool
append_vector(NovaOut *out, const char *p, NumberForm form)
{
	if (*p++ != '[')
		return false;
	nova_out_char(out, '[');
	while (*p != ']')
	{
		if (!append_number(out, &p, form))
			return false;
		if (p[0] == ',' && p[1] != ']')
			nova_out_char(out, *p++);
		else if (*p != ']')
			return false;
	}
	nova_out_char(out, ']');
	return p[1] == '\0';
}

/* "{1:1,3:2}/5": the elements that are not zero, numbered from 1, and how many there are. */
static bool
append_sparse(NovaOut *out, const char *p)
{
	const char *dimensions = strrchr(p, '/');
	char *end;

	if (*p++ != '{' || dimensions == NULL)
		return false;
	appendStringInfo(out->buf, "{\"dimensions\":%ld,\"vector\":[",
					 strtol(dimensions + 1, NULL, 10));
	while (*p != '}')
	{
		appendStringInfo(out->buf, "[%ld,", strtol(p, &end, 10));
		if (end == p || *end != ':')
			return false;
		p = end + 1;
		if (!append_number(out, &p, NUMBER_JAVA_DOUBLE))
			return false;
		nova_out_char(out, ']');
		p += strspn(p, " ");
		if (*p == ',')
			nova_out_char(out, *p++);
		else if (*p != '}')
			return false;
	}
	nova_out_bytes(out, "]}", 2);
	return true;
}

/* What was begun and turned out not to be of the form becomes null. */
static void
undo(NovaOut *out, int from)
{
	out->buf->len = from;
	nova_out_bytes(out, "null", 4);
}

static void
encode_vector(NovaOut *out, const NovaColumn *col, Datum value, NumberForm form)
{
	const char *shown = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);
	int from;

	nova_column_prefix(out, col);
	from = out->buf->len;
	if (!append_vector(out, shown, form))
		undo(out, from);
}

void
nova_encode_vector(NovaOut *out, const NovaColumn *col, Datum value)
{
	encode_vector(out, col, value, NUMBER_NOVA);
}

void
dbz_encode_vector(NovaOut *out, const NovaColumn *col, Datum value)
{
	encode_vector(out, col, value, NUMBER_JAVA_DOUBLE);
}

void
dbz_encode_halfvec(NovaOut *out, const NovaColumn *col, Datum value)
{
	encode_vector(out, col, value, NUMBER_JAVA_FLOAT);
}

void
dbz_encode_sparsevec(NovaOut *out, const NovaColumn *col, Datum value)
{
	const char *shown = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);
	int from;

	nova_column_prefix(out, col);
	from = out->buf->len;
	if (!append_sparse(out, shown))
		undo(out, from);
}
