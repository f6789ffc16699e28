/*-------------------------------------------------------------------------
 *
 * deform.c
 *		A tuple of the WAL into arrays of values; see deform.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"

#include "compat.h"
#include "deform.h"

enum
{
	STEP_1,
	STEP_2,
	STEP_4,
#if SIZEOF_DATUM == 8
	STEP_8,
#endif
	STEP_FIXED,   /* by reference, of so many bytes */
	STEP_VARLENA, /* with a header that says how long it is */
	STEP_CSTRING
};

static uint8
kind_of(Form_pg_attribute att)
{
	if (att->attlen == -1)
		return STEP_VARLENA;
	if (att->attlen == -2)
		return STEP_CSTRING;
	if (!att->attbyval)
		return STEP_FIXED;
	switch (att->attlen)
	{
		case 1:
			return STEP_1;
		case 2:
			return STEP_2;
		case 4:
			return STEP_4;
#if SIZEOF_DATUM == 8
		case 8:
			return STEP_8;
#endif
		default:
			elog(ERROR, "column \"%s\" has a length of %d and is by value", NameStr(att->attname),
				 att->attlen);
			pg_unreachable();
	}
}

NovaStep *
nova_deform_plan(TupleDesc desc)
{
	NovaStep *steps = palloc(Max(desc->natts, 1) * sizeof(NovaStep));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		steps[i].kind = kind_of(att);
		steps[i].mask = att_align_nominal(1, att->attalign) - 1;
		steps[i].len = att->attlen;
	}
	return steps;
}

/* One that has no padding before it begins with a byte that is not zero. */
static inline uint32
varlena_at(const char *data, uint32 off, uint8 mask)
{
	return data[off] != 0 ? off : (off + mask) & ~(uint32) mask;
}

/* Inline with has_nulls a constant: most rows of most tables have none. */
static pg_attribute_always_inline void
deform(HeapTupleHeader header, int natts, const NovaStep *steps, Datum *values, bool *nulls,
	   bool has_nulls)
{
	const char *data = (const char *) header + header->t_hoff;
	uint32 off = 0;

	for (int i = 0; i < natts; i++)
	{
		NovaStep step = steps[i];

		nulls[i] = has_nulls && att_isnull(i, header->t_bits);
		if (nulls[i])
		{
			values[i] = (Datum) 0;
			continue;
		}
		if (step.kind == STEP_VARLENA)
		{
			off = varlena_at(data, off, step.mask);
			values[i] = PointerGetDatum(data + off);
			off += VARSIZE_ANY(data + off);
			continue;
		}
		off = (off + step.mask) & ~(uint32) step.mask;
		switch (step.kind)
		{
			case STEP_1:
				values[i] = CharGetDatum(data[off]);
				off += 1;
				break;
			case STEP_2:
				values[i] = Int16GetDatum(*(const int16 *) (data + off));
				off += 2;
				break;
			case STEP_4:
				values[i] = Int32GetDatum(*(const int32 *) (data + off));
				off += 4;
				break;
#if SIZEOF_DATUM == 8
			case STEP_8:
				values[i] = *(const Datum *) (data + off);
				off += 8;
				break;
#endif
			case STEP_FIXED:
				values[i] = PointerGetDatum(data + off);
				off += step.len;
				break;
			default:
				values[i] = PointerGetDatum(data + off);
				off += strlen(data + off) + 1;
		}
	}
}

void
nova_deform(HeapTuple tuple, TupleDesc desc, const NovaStep *steps, Datum *values, bool *nulls)
{
	/* a column that was added later has its default, or null, from the catalog */
	if (unlikely(HeapTupleHeaderGetNatts(tuple->t_data) < desc->natts))
		heap_deform_tuple(tuple, desc, values, nulls);
	else if (HeapTupleHasNulls(tuple))
		deform(tuple->t_data, desc->natts, steps, values, nulls, true);
	else
		deform(tuple->t_data, desc->natts, steps, values, nulls, false);
}
