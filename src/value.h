/*-------------------------------------------------------------------------
 *
 * value.h
 *		Encoders of single values, in the nova profile's forms.
 *
 * For how an encoder is called see type.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_VALUE_H
#define NOVA_VALUE_H

#include "type.h"

extern void nova_encode_bool(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_int2(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_int4(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_int8(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_oid(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_float4(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_float8(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_numeric(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_numeric_string(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_money(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_text(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_name(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_char(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_uuid(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_date(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_time(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_timestamp(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_json(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_jsonb(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_jsonb_text(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_base64(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_base64_url(NovaOut *out, const NovaColumn *col, Datum value);
extern void nova_encode_hex(NovaOut *out, const NovaColumn *col, Datum value);

/* A type without an encoder: its text as a JSON string. */
extern void nova_encode_output(NovaOut *out, const NovaColumn *col, Datum value);

#endif /* NOVA_VALUE_H */
