/*-------------------------------------------------------------------------
 *
 * structured.h
 *		Dates, times and intervals as objects: time.precision.mode=structured.
 *
 * For how an encoder is called see type.h; info->scale is the type modifier.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_STRUCTURED_H
#define NOVA_STRUCTURED_H

#include "type.h"

extern void dbz_encode_date_object(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_time_object(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timetz_object(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamp_object(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_timestamptz_object(NovaOut *out, const NovaColumn *col, Datum value);
extern void dbz_encode_interval_object(NovaOut *out, const NovaColumn *col, Datum value);

/* Is this column written by one of them? */
extern bool nova_is_structured(const NovaColumn *col);

/* JSON of its zero, or NULL if the encoder makes it of the type's zero datum. */
extern const char *nova_structured_zero(const NovaColumn *col);

#endif /* NOVA_STRUCTURED_H */
