/*-------------------------------------------------------------------------
 *
 * type.c
 *		From a type to the function that writes its values as JSON; see type.h.
 *
 * The only file with type OIDs.  A type is looked for in this order: the table
 * of built-in types, then by what it is made of (domain, enum, array,
 * composite), then the extension types known by their output function, then
 * its text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "nested.h"
#include "type.h"
#include "value.h"

/* Types whose encoder does not depend on a mode. */
static const struct
{
	Oid type;
	NovaEncoder encode;
} plain_types[] = {
	{BOOLOID, nova_encode_bool},
	{INT2OID, nova_encode_int2},
	{INT4OID, nova_encode_int4},
	{INT8OID, nova_encode_int8},
	{OIDOID, nova_encode_oid},
	{FLOAT4OID, nova_encode_float4},
	{FLOAT8OID, nova_encode_float8},
	{NUMERICOID, nova_encode_numeric},
	{CASHOID, nova_encode_money},
	{TEXTOID, nova_encode_text},
	{VARCHAROID, nova_encode_text},
	{BPCHAROID, nova_encode_text},
	{CHAROID, nova_encode_char},
	{NAMEOID, nova_encode_name},
	{UUIDOID, nova_encode_uuid},
	{BYTEAOID, nova_encode_base64},
	{DATEOID, nova_encode_date},
	{TIMEOID, nova_encode_time},
	{TIMESTAMPOID, nova_encode_timestamp},
	{TIMESTAMPTZOID, nova_encode_timestamp},
	{JSONOID, nova_encode_json},
	{JSONBOID, nova_encode_jsonb},
	/* printing their names would mean looking into today's catalogs */
	{REGCLASSOID, nova_encode_oid},
	{REGCOLLATIONOID, nova_encode_oid},
	{REGCONFIGOID, nova_encode_oid},
	{REGDICTIONARYOID, nova_encode_oid},
	{REGNAMESPACEOID, nova_encode_oid},
	{REGOPEROID, nova_encode_oid},
	{REGOPERATOROID, nova_encode_oid},
	{REGPROCOID, nova_encode_oid},
	{REGPROCEDUREOID, nova_encode_oid},
	{REGROLEOID, nova_encode_oid},
	{REGTYPEOID, nova_encode_oid},
};

/* Extension types, known by their output function since they have no fixed OID. */
static const struct
{
	const char *outfunc;
	NovaEncoder encode;
} extension_types[] = {
	{"hstore_out", nova_encode_hstore},
	{"vector_out", nova_encode_output_json},
	{"halfvec_out", nova_encode_output_json},
};

static NovaTypeInfo *
new_info(NovaColumn *col)
{
	NovaTypeInfo *info = palloc0(sizeof(NovaTypeInfo));

	col->info = info;
	return info;
}

static bool
choose_plain(NovaColumn *col, Oid type, const NovaOptions *options)
{
	for (int i = 0; i < lengthof(plain_types); i++)
	{
		if (plain_types[i].type != type)
			continue;
		col->encode = plain_types[i].encode;
		if (type == CASHOID)
			new_info(col)->scale = options->money_digits;
		return true;
	}
	return false;
}

/* All labels of an enum, as the snapshot in force sees them. */
static void
choose_enum(NovaColumn *col, Oid type)
{
	NovaTypeInfo *info = new_info(col);
	Relation rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(type));
	scan = systable_beginscan(rel, EnumTypIdLabelIndexId, true, NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_enum row = (Form_pg_enum) GETSTRUCT(tuple);
		NovaLabel label = {.oid = row->oid, .label = pstrdup(NameStr(row->enumlabel))};

		if ((info->nlabels & (info->nlabels - 1)) == 0)
			info->labels = info->labels
							   ? repalloc(info->labels, 2 * info->nlabels * sizeof(NovaLabel))
							   : palloc(sizeof(NovaLabel));
		info->labels[info->nlabels++] = label;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	nova_sort_labels(info->labels, info->nlabels);
	col->encode = nova_encode_enum;
}

/* Parts that the options would leave out as columns are written as text. */
static void
choose_part(NovaColumn *col, Oid type, int32 typmod, NovaTypeContext *context)
{
	if (!nova_type_column(col, type, typmod, context))
		nova_type_text(col, type);
	col->null = "null";
}

static void
choose_array(NovaColumn *col, Oid element, int32 typmod, NovaTypeContext *context)
{
	NovaTypeInfo *info = new_info(col);

	get_typlenbyvalalign(element, &info->typlen, &info->typbyval, &info->typalign);
	info->element = palloc0(sizeof(NovaColumn));
	info->element->prefix = palloc0(NOVA_PREFIX_PAD);
	choose_part(info->element, element, typmod, context);
	col->encode = nova_encode_array;
}

static void
choose_composite(NovaColumn *col, Oid type, NovaTypeContext *context)
{
	NovaTypeInfo *info = new_info(col);
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);

	info->desc = desc;
	info->fields = palloc0(Max(desc->natts, 1) * sizeof(NovaColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		NovaColumn *field = &info->fields[info->nfields];

		if (att->attisdropped)
			continue;
		nova_column_name(field, NameStr(att->attname));
		field->attidx = i;
		choose_part(field, att->atttypid, att->atttypmod, context);
		info->nfields++;
	}
	context->relids = lappend_oid(context->relids, get_typ_typrelid(type));
	col->encode = nova_encode_composite;
}

/* Text, as the type's output function gives it. */
void
nova_type_text(NovaColumn *col, Oid type)
{
	Oid outfunc;
	bool is_varlena;

	getTypeOutputInfo(type, &outfunc, &is_varlena);
	fmgr_info_cxt(outfunc, &new_info(col)->outfunc, CurrentMemoryContext);
	col->encode = nova_encode_output;
}

static void
choose_by_output(NovaColumn *col, Oid type)
{
	char *name;

	nova_type_text(col, type);
	name = get_func_name(col->info->outfunc.fn_oid);
	for (int i = 0; i < lengthof(extension_types) && name; i++)
		if (strcmp(name, extension_types[i].outfunc) == 0)
			col->encode = extension_types[i].encode;
}

bool
nova_type_column(NovaColumn *col, Oid type, int32 typmod, NovaTypeContext *context)
{
	Oid element;
	char kind;

	type = getBaseTypeAndTypmod(type, &typmod);
	if (choose_plain(col, type, context->options))
		return true;
	kind = get_typtype(type);
	element = get_element_type(type);
	if (kind == TYPTYPE_ENUM)
		choose_enum(col, type);
	else if (kind == TYPTYPE_COMPOSITE)
		choose_composite(col, type, context);
	else if (OidIsValid(element))
		choose_array(col, element, typmod, context);
	else
		choose_by_output(col, type);
	return true;
}

/* `,"name":`, padded for the vector copy. */
void
nova_column_name(NovaColumn *col, const char *name)
{
	StringInfoData prefix;
	NovaOut out;

	initStringInfo(&prefix);
	nova_out_init(&out, &prefix);
	nova_out_char(&out, ',');
	nova_json_cstring(&out, name);
	nova_out_char(&out, ':');
	enlargeStringInfo(&prefix, 2 * NOVA_PREFIX_PAD);
	memset(prefix.data + prefix.len, 0, 2 * NOVA_PREFIX_PAD);
	col->prefix = prefix.data;
	col->prefix_len = prefix.len;
}
