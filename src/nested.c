/*-------------------------------------------------------------------------
 *
 * nested.c
 *		Encoders of values made of other values; see nested.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/array.h"

#include "compat.h"
#include "nested.h"
#include "pin.h"

/* How many of the array's dimensions begin (or, at i + 1, end) before item i. */
static int
boundaries(const int *blocks, int ndim, int i)
{
	int n = 0;

	for (int d = 0; d < ndim; d++)
		n += i % blocks[d] == 0;
	return n;
}

static void
append_repeated(NovaOut *out, char c, int n)
{
	while (n-- > 0)
		nova_out_char(out, c);
}

/* Number of items in one block of each dimension, the outermost first. */
static int
array_blocks(const ArrayType *array, int *blocks)
{
	int ndim = ARR_NDIM(array);
	int items = ndim > 0 ? 1 : 0;

	for (int d = ndim - 1; d >= 0; d--)
		blocks[d] = items *= ARR_DIMS(array)[d];
	return items;
}

void
nova_encode_array(NovaOut *out, const NovaColumn *col, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	const NovaTypeInfo *info = col->info;
	const uint8 *present = ARR_NULLBITMAP(array);
	const char *data = ARR_DATA_PTR(array);
	int blocks[MAXDIM];
	int items = array_blocks(array, blocks);

	nova_column_prefix(out, col);
	if (items == 0)
		nova_out_bytes(out, "[]", 2);
	for (int i = 0; i < items; i++)
	{
		if (i > 0)
			nova_out_char(out, ',');
		append_repeated(out, '[', boundaries(blocks, ARR_NDIM(array), i));
		if (present && !(present[i >> 3] & (1 << (i & 7))))
			nova_column_constant(out, info->element, info->element->null);
		else
		{
			Datum item = fetch_att(data, info->typbyval, info->typlen);

			info->element->encode(out, info->element, item);
			data = att_addlength_pointer(data, info->typlen, data);
			data = (const char *) att_align_nominal(data, info->typalign);
		}
		append_repeated(out, ']', boundaries(blocks, ARR_NDIM(array), i + 1));
		nova_out_pressure(out);
	}
}

void
nova_encode_composite(NovaOut *out, const NovaColumn *col, Datum value)
{
	const NovaTypeInfo *info = col->info;
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum *values = palloc(Max(info->desc->natts, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(info->desc->natts, 1) * sizeof(bool));

	ItemPointerSetInvalid(&tuple.t_self);
	heap_deform_tuple(&tuple, info->desc, values, nulls);
	nova_column_prefix(out, col);
	nova_out_char(out, '{');
	out->skip = 1;
	for (int i = 0; i < info->nfields; i++)
	{
		const NovaColumn *field = &info->fields[i];

		if (nulls[field->attidx])
			nova_column_constant(out, field, field->null);
		else
			field->encode(out, field, values[field->attidx]);
	}
	out->skip = 0;
	nova_out_char(out, '}');
}

void
nova_encode_pinned(NovaOut *out, const NovaColumn *col, Datum value)
{
	int level = nova_pin_names();

	col->info->pinned(out, col, value);
	nova_unpin_names(level);
}

static int
compare_labels(const void *a, const void *b)
{
	Oid x = ((const NovaLabel *) a)->oid;
	Oid y = ((const NovaLabel *) b)->oid;

	return x < y ? -1 : x > y;
}

void
nova_sort_labels(NovaLabel *labels, int n)
{
	if (n > 1)
		qsort(labels, n, sizeof(NovaLabel), compare_labels);
}

/* A label that the plan does not know cannot be; its number then says so. */
void
nova_encode_enum(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaLabel wanted = {.oid = DatumGetObjectId(value)};
	const NovaLabel *found =
		bsearch(&wanted, col->info->labels, col->info->nlabels, sizeof(NovaLabel), compare_labels);

	nova_column_prefix(out, col);
	nova_json_cstring(out, found ? found->label : psprintf("%u", wanted.oid));
}

#define HSTORE_COUNT_MASK 0x0FFFFFFF
#define HSTORE_IS_NULL    0x40000000
#define HSTORE_END_MASK   0x3FFFFFFF

static uint32
hstore_word(const char *data, int i)
{
	uint32 word;

	memcpy(&word, data + i * sizeof(uint32), sizeof(uint32));
	return word;
}

void
nova_hstore_read(NovaHstore *h, Datum value)
{
	const char *data = VARDATA(PG_DETOAST_DATUM(value));

	h->pairs = (int) (hstore_word(data, 0) & HSTORE_COUNT_MASK);
	h->ends = data + sizeof(uint32);
	h->bytes = h->ends + 2 * h->pairs * sizeof(uint32);
}

/* Keys have even numbers, values odd ones. */
static NovaBytes
hstore_item(const NovaHstore *h, int i)
{
	uint32 start = i > 0 ? hstore_word(h->ends, i - 1) & HSTORE_END_MASK : 0;
	uint32 entry = hstore_word(h->ends, i);
	NovaBytes item = {h->bytes + start, (entry & HSTORE_END_MASK) - start};

	if (entry & HSTORE_IS_NULL)
		item.data = NULL;
	return item;
}

NovaBytes
nova_hstore_key(const NovaHstore *h, int pair)
{
	return hstore_item(h, 2 * pair);
}

NovaBytes
nova_hstore_value(const NovaHstore *h, int pair)
{
	return hstore_item(h, 2 * pair + 1);
}

void
nova_encode_hstore(NovaOut *out, const NovaColumn *col, Datum value)
{
	NovaHstore h;

	nova_hstore_read(&h, value);
	nova_column_prefix(out, col);
	nova_out_char(out, '{');
	for (int i = 0; i < 2 * h.pairs; i++)
	{
		NovaBytes item = hstore_item(&h, i);

		if (i > 0)
			nova_out_char(out, i % 2 ? ':' : ',');
		if (item.data)
			nova_json_string(out, item.data, item.len);
		else
			nova_out_bytes(out, "null", 4);
	}
	nova_out_char(out, '}');
}
