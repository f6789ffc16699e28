/*-------------------------------------------------------------------------
 *
 * substitute.c
 *		What Debezium writes where there is no value; see substitute.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/tupdesc.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "compat.h"
#include "debezium.h"
#include "extension.h"
#include "format.h"
#include "nested.h"
#include "structured.h"
#include "substitute.h"
#include "value.h"

/* A constant as this column's encoder writes it. */
static char *
encoded(const NovaColumn *col, Datum value)
{
	NovaColumn bare = *col;
	StringInfoData json;
	NovaOut out;

	bare.prefix = nova_no_prefix;
	bare.prefix_len = 0;
	bare.null = "null";
	initStringInfo(&json);
	nova_out_init(&out, &json);
	out.java = true;
	bare.encode(&out, &bare, value);
	nova_out_char(&out, '\0');
	return json.data;
}

static char *
quoted(const char *s)
{
	StringInfoData json;
	NovaOut out;

	initStringInfo(&json);
	nova_out_init(&out, &json);
	out.java = true;
	nova_json_cstring(&out, s);
	nova_out_char(&out, '\0');
	return json.data;
}

/*
 * Defaults
 */

/* The call of a cast that is part of the server, or NULL. */
static FuncExpr *
as_cast(Node *node)
{
	FuncExpr *call = (FuncExpr *) node;

	if (!IsA(node, FuncExpr) || call->args == NIL || call->funcid >= FirstNormalObjectId)
		return NULL;
	return call->funcformat == COERCE_EXPLICIT_CAST || call->funcformat == COERCE_IMPLICIT_CAST
			   ? call
			   : NULL;
}

/* Casts around an expression mean nothing to Debezium. */
static Node *
strip_casts(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (as_cast(node))
			node = linitial(as_cast(node)->args);
		else
			return node;
	}
}

/*
 * The constant that the server's own casts make of a constant; NULL if they
 * refuse it, which nobody notices before the default is used.  Such casts hold
 * no resources that an error would leave behind; any other error goes on.
 */
static Const *
folded(Node *expr)
{
	MemoryContext context = CurrentMemoryContext;
	Node *volatile result = NULL;

	PG_TRY();
	{
		result = eval_const_expressions(NULL, expr);
	}
	PG_CATCH();
	{
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return result && IsA(result, Const) && !((Const *) result)->constisnull ? (Const *) result
																			: NULL;
}

static Node *
default_expression(Relation rel, Form_pg_attribute att)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	if (constr == NULL || att->attgenerated)
		return NULL;
	for (int i = 0; i < constr->num_defval; i++)
		if (constr->defval[i].adnum == att->attnum)
			return stringToNode(constr->defval[i].adbin);
	return NULL;
}

bool
nova_default_is_sequence(Relation rel, Form_pg_attribute att)
{
	Node *expr = default_expression(rel, att);
	Node *core = expr ? strip_casts(expr) : NULL;

	return core && IsA(core, FuncExpr) && ((FuncExpr *) core)->funcid == F_NEXTVAL;
}

/* The zero of the column's type. */
static const char *
zero_json(const NovaColumn *col, const NovaTraits *traits)
{
	const NovaExtensionType *extension = nova_extension_encoder(col->encode);

	if (extension)
		return extension->zero;
	if (col->encode == dbz_encode_hstore_map)
		return "{}";
	if (col->encode == dbz_encode_hstore_json)
		return "\"{}\"";
	if (nova_structured_zero(col))
		return nova_structured_zero(col);
	if (col->encode == dbz_encode_interval_iso)
		return "\"P0Y0M0DT0H0M0S\"";
	if (traits->zero == NOVA_ZERO_JSON)
		return traits->zero_json;
	return encoded(col, nova_type_zero(col->type, traits->zero));
}

/* A function's value is not known beforehand. */
static const char *
function_default(const NovaColumn *col, const NovaTraits *traits, Node *call)
{
	if (IsA(call, SQLValueFunction) && ((SQLValueFunction *) call)->op == SVFOP_CURRENT_USER)
		return "\"CURRENT_USER\"";
	if (traits->function_default)
		return traits->function_default;
	/* of a timestamptz, the zero in the column's own precision */
	if (col->encode == dbz_encode_timestamptz)
		return encoded(col, nova_type_zero(col->type, NOVA_ZERO_EPOCH));
	return zero_json(col, traits);
}

/* Debezium does not pad a char(n)'s default. */
static const char *
constant_default(const NovaColumn *col, Datum value)
{
	char *json = encoded(col, value);
	size_t len = strlen(json);

	if (!nova_type_is_padded(col->type))
		return json;
	while (len > 2 && json[len - 2] == ' ')
		len--;
	json[len - 1] = '"';
	json[len] = '\0';
	return json;
}

/* JSON of the default, or NULL where there is none that Debezium understands. */
static const char *
default_json(const NovaColumn *col, const NovaTraits *traits, Relation rel, Form_pg_attribute att)
{
	Node *expr = default_expression(rel, att);
	Const *value;
	Node *core;

	/* the default of what is an object does not fit into its struct */
	if (expr == NULL || att->atttypid != col->type || !traits->has_default ||
		col->encode == dbz_encode_decimal_any || nova_is_structured(col))
		return NULL;
	core = strip_casts(expr);
	if (IsA(core, FuncExpr) || IsA(core, SQLValueFunction) || IsA(core, NextValueExpr))
		return function_default(col, traits, core);
	if (!IsA(core, Const))
		return NULL;
	value = folded(expr);
	return value ? constant_default(col, value->constvalue) : NULL;
}

/*
 * Unchanged TOAST values
 */

static char *
bytes_as_numbers(const char *s)
{
	StringInfoData json;

	initStringInfo(&json);
	for (; *s; s++)
		appendStringInfo(&json, "%c%u", json.len ? ',' : '[', (unsigned char) *s);
	appendStringInfoString(&json, json.len ? "]" : "[]");
	return json.data;
}

static char *
bytes_as_base64(const char *s)
{
	StringInfoData json;
	NovaOut out;

	initStringInfo(&json);
	nova_out_init(&out, &json);
	nova_json_base64(&out, s, strlen(s), false);
	nova_out_char(&out, '\0');
	return json.data;
}

/* java.util.UUID.nameUUIDFromBytes(): MD5 with version and variant stamped in. */
static char *
bytes_as_uuid(const char *s)
{
	unsigned char uuid[16];
	char shown[37] = {0};

	if (!nova_md5(s, strlen(s), uuid))
		return NULL;
	uuid[6] = (unsigned char) ((uuid[6] & 0x0F) | 0x30);
	uuid[8] = (unsigned char) ((uuid[8] & 0x3F) | 0x80);
	nova_format_uuid(shown, uuid);
	return quoted(shown);
}

/* Are the elements plain numbers?  Dates are in some modes. */
static bool
holds_numbers(const NovaColumn *element, const NovaOptions *options)
{
	if (element->encode == dbz_encode_date_days)
		return options->time_mode != NOVA_TIME_CONNECT;
	return element->encode == nova_encode_int4 || element->encode == nova_encode_int8;
}

static const char *
array_placeholder(const NovaColumn *col, Oid element, const NovaOptions *options)
{
	NovaArrayPlaceholder form = nova_type_array_placeholder(element);
	const char *placeholder = options->placeholder;
	char *uuid;

	if (form == NOVA_PLACEHOLDER_NUMBERS && !holds_numbers(col->info->element, options))
		return "null";
	switch (form)
	{
		case NOVA_PLACEHOLDER_STRING:
			return psprintf("[%s]", quoted(placeholder));
		case NOVA_PLACEHOLDER_BYTES:
			return options->binary_mode == NOVA_BINARY_BYTES
					   ? psprintf("[%s]", bytes_as_base64(placeholder))
					   : "null";
		case NOVA_PLACEHOLDER_NUMBERS:
			return bytes_as_numbers(placeholder);
		case NOVA_PLACEHOLDER_UUID:
			uuid = bytes_as_uuid(placeholder);
			return uuid ? psprintf("[%s]", uuid) : "null";
		case NOVA_PLACEHOLDER_NONE:
			break;
	}
	return "null";
}

/* The placeholder in the form that the column's schema can hold. */
static const char *
unavailable_json(const NovaColumn *col, const NovaTraits *traits, const NovaOptions *options)
{
	const char *placeholder = options->placeholder;
	char *json = quoted(placeholder);
	Oid element = get_element_type(col->type);

	if (OidIsValid(element))
		return array_placeholder(col, element, options);
	if (nova_extension_encoder(col->encode))
		return "null";
	if (col->encode == dbz_encode_hstore_map)
		return psprintf("{%s:%s}", json, json);
	if (col->encode == dbz_encode_hstore_json)
		return quoted(psprintf("{%s:%s}", json, json));
	/* a string for what is a string only by the mode does not fit */
	if (col->encode == nova_encode_base64 || col->encode == nova_encode_base64_url)
		return options->binary_mode == NOVA_BINARY_BYTES ? bytes_as_base64(placeholder) : "null";
	return traits->shows_placeholder || col->encode == nova_encode_hex ||
				   col->encode == dbz_encode_decimal_string
			   ? json
			   : "null";
}

void
nova_substitutes(NovaColumn *col, Relation rel, Form_pg_attribute att, const NovaOptions *options)
{
	NovaTraits traits = nova_type_traits(col->type, col->typmod);
	const char *standard = default_json(col, &traits, rel, att);

	col->standard = standard;
	col->null = options->replace_null && standard ? standard : "null";
	if (!att->attnotnull)
		col->unknown = col->null;
	else
		col->unknown = standard ? standard : zero_json(col, &traits);
	if (options->unavailable == NOVA_UNAVAILABLE_PLACEHOLDER)
		col->unavailable = unavailable_json(col, &traits, options);
}
