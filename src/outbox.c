/*-------------------------------------------------------------------------
 *
 * outbox.c
 *		Rows of an outbox as the events that they stand for; see outbox.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "expand.h"
#include "mask.h"
#include "outbox.h"
#include "schema.h"

/* A payload that is longer stays text: it would have to be in memory several times. */
#define EXPAND_MAX (64 * 1024 * 1024)

typedef enum PlacementKind
{
	PLACE_HEADER,
	PLACE_ENVELOPE,
	PLACE_PARTITION
} PlacementKind;

/* An item of outbox.additional.placement. */
typedef struct NovaPlacement
{
	PlacementKind kind;
	char *column;
	char *alias;
} NovaPlacement;

typedef struct Placed
{
	const NovaColumn *column;
	PlacementKind kind;
	char *name;   /* of the header, UTF-8 */
	char *prefix; /* `,"name":` */
} Placed;

struct NovaOutbox
{
	const NovaColumn *id;
	const NovaColumn *key;
	const NovaColumn *payload;
	const NovaColumn *route;
	const NovaColumn *timestamp; /* NULL: none */
	Placed *placed;
	int nplaced;
	bool enveloped; /* fields stand beside the payload */
};

static void
bad_placement(const char *item)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid item in option \"outbox.additional.placement\": \"%s\"", item),
					errhint("Valid is: column:header, column:envelope or column:partition, with "
							"another name as column:header:name.")));
}

static void
parse_placement(NovaPlacement *placement, const char *item)
{
	static const char *const kinds[] = {"header", "envelope", "partition"};
	char *column = pstrdup(item);
	char *kind = strchr(column, ':');
	char *alias = kind ? strchr(kind + 1, ':') : NULL;

	if (kind == NULL || kind == column || (alias && (alias[1] == '\0' || strchr(alias + 1, ':'))))
	{
		bad_placement(item);
		return;
	}
	*kind++ = '\0';
	if (alias)
		*alias++ = '\0';
	placement->column = column;
	placement->alias = alias ? alias : column;
	for (int i = 0; i < lengthof(kinds); i++)
		if (pg_strcasecmp(kind, kinds[i]) == 0)
		{
			placement->kind = (PlacementKind) i;
			return;
		}
	bad_placement(item);
}

void
nova_outbox_parse(NovaOptions *options)
{
	char *list = pstrdup(options->outbox_placement);
	char *save = NULL;
	int max = 1;

	for (char *p = list; *p; p++)
		max += *p == ',';
	options->placements = palloc0(max * sizeof(NovaPlacement));
	for (char *item = strtok_r(list, ", \t\n", &save); item; item = strtok_r(NULL, ", \t\n", &save))
		parse_placement(&options->placements[options->nplacements++], item);
}

bool
nova_outbox_enveloped(const NovaOptions *options)
{
	for (int i = 0; i < options->nplacements; i++)
		if (options->placements[i].kind == PLACE_ENVELOPE)
			return true;
	return false;
}

static void
place_column(NovaOutbox *outbox, const NovaColumn *column, const NovaPlacement *placement)
{
	Placed *placed = &outbox->placed[outbox->nplaced++];
	StringInfoData name;
	StringInfoData prefix;
	NovaOut out;

	initStringInfo(&name);
	nova_utf8(&name, placement->alias, strlen(placement->alias));
	initStringInfo(&prefix);
	nova_out_init(&out, &prefix);
	nova_out_char(&out, ',');
	nova_json_utf8(&out, name.data, name.len);
	nova_out_bytes(&out, ":", 2);
	placed->column = column;
	placed->kind = placement->kind;
	placed->name = name.data;
	placed->prefix = prefix.data;
	outbox->enveloped |= placement->kind == PLACE_ENVELOPE;
}

NovaOutbox *
nova_outbox_plan(const NovaColumn *columns, int n, TupleDesc desc, const NovaOptions *options)
{
	NovaOutbox *outbox = palloc0(sizeof(NovaOutbox));

	outbox->id = nova_column_named(columns, n, desc, options->outbox_id);
	outbox->key = nova_column_named(columns, n, desc, options->outbox_key);
	outbox->payload = nova_column_named(columns, n, desc, options->outbox_payload);
	outbox->route = nova_column_named(columns, n, desc, options->outbox_route);
	outbox->timestamp = nova_column_named(columns, n, desc, options->outbox_timestamp);
	if (!outbox->id || !outbox->key || !outbox->payload || !outbox->route)
		return NULL;
	outbox->placed = palloc0(Max(options->nplacements, 1) * sizeof(Placed));
	for (int i = 0; i < options->nplacements; i++)
	{
		const NovaColumn *column =
			nova_column_named(columns, n, desc, options->placements[i].column);

		if (column)
			place_column(outbox, column, &options->placements[i]);
	}
	return outbox;
}

const NovaColumn *
nova_outbox_key_column(const NovaOutbox *outbox)
{
	return outbox->key;
}

const NovaColumn *
nova_outbox_payload_column(const NovaOutbox *outbox)
{
	return outbox->payload;
}

/* The payload's text (UTF-8), or NULL: it is null, no text, or too long to look into. */
static StringInfo
payload_text(const NovaColumn *col, const NovaRow *row, bool java)
{
	if (row->nulls[col->attidx] || !col->varlena || nova_type_is_bytes(col))
		return NULL;
	return nova_column_text(col, row, EXPAND_MAX, java);
}

static bool
is_blank(const StringInfo source)
{
	for (int i = 0; i < source->len; i++)
		if ((unsigned char) source->data[i] > ' ')
			return false;
	return true;
}

/* Is there a value that may be seen as it is? */
static bool
is_readable(const NovaColumn *col, const NovaRow *row)
{
	return !row->nulls[col->attidx] && !nova_column_masked(col);
}

static void
place_row(const NovaOutbox *outbox, const NovaRow *row, NovaPlace *place)
{
	int32 partition;

	/* Kafka has no time before 1970 */
	if (outbox->timestamp && is_readable(outbox->timestamp, row))
		place->has_timestamp =
			nova_type_epoch_ms(outbox->timestamp, row->values[outbox->timestamp->attidx],
							   &place->timestamp) &&
			place->timestamp >= 0;
	for (int i = 0; i < outbox->nplaced; i++)
	{
		const NovaColumn *col = outbox->placed[i].column;

		if (outbox->placed[i].kind != PLACE_PARTITION)
			continue;
		/* Kafka has no negative partition; without one the key decides */
		place->has_partition = is_readable(col, row) &&
							   nova_type_int32(col, row->values[col->attidx], &partition) &&
							   partition >= 0;
		place->partition = place->has_partition ? partition : 0;
	}
}

void
nova_outbox_event(const NovaPlan *plan, const NovaRow *row, const NovaOptions *options,
				  NovaEvent *event)
{
	const NovaOutbox *outbox = plan->outbox;
	bool java = options->profile == NOVA_PROFILE_DEBEZIUM;
	bool is_null = row->nulls[outbox->payload->attidx];
	StringInfo topic = nova_column_text(outbox->route, row, NOVA_NAME_MAX, java);
	StringInfo source = NULL;

	memset(event, 0, sizeof(*event));
	if (topic)
		event->topic = nova_transforms_topic(options, topic->data, plan->shape.rest);
	place_row(outbox, row, &event->place);
	if (options->outbox_expand || options->outbox_tombstone)
		source = payload_text(outbox->payload, row, java);
	if (options->outbox_tombstone)
		event->tombstone = is_null || (source && is_blank(source));
	if (options->outbox_expand && source)
		event->expanded = nova_expand_json(source, options);
}

/* Add a header with the column's value as text. */
static void
add_header(StringInfo block, const char *name, const NovaColumn *col, const NovaRow *row, bool java)
{
	StringInfo source = nova_column_text(col, row, NOVA_NAME_MAX, java);
	uint16 len = (uint16) strlen(name);
	uint32 size = source ? (uint32) source->len : 0;
	char *end;

	enlargeStringInfo(block, (int) (2 + len + 4 + size));
	end = nova_put_bytes16(block->data + block->len, name, len);
	end = nova_put_nbytes(end, source ? source->data : NULL, size);
	block->len = (int) (end - block->data);
}

NovaBytes
nova_outbox_headers(const NovaPlan *plan, const NovaRow *row, bool java, NovaBytes first)
{
	const NovaOutbox *outbox = plan->outbox;
	NovaCursor cursor = {first.data, first.len};
	StringInfoData block;
	NovaBytes bytes;
	uint16_t count = 0;

	initStringInfo(&block);
	appendStringInfoSpaces(&block, 2);
	if (first.data && nova_get_u16(&cursor, &count))
		appendBinaryStringInfo(&block, cursor.pos, (int) cursor.remaining);
	add_header(&block, "id", outbox->id, row, java);
	count++;
	for (int i = 0; i < outbox->nplaced; i++)
		if (outbox->placed[i].kind == PLACE_HEADER)
		{
			add_header(&block, outbox->placed[i].name, outbox->placed[i].column, row, java);
			count++;
		}
	(void) nova_put_u16(block.data, count);
	bytes.data = block.data;
	bytes.len = (uint32) block.len;
	return bytes;
}

void
nova_outbox_key(NovaOut *out, const NovaPlan *plan, const NovaRow *row)
{
	const NovaColumn *key = plan->outbox->key;

	nova_schema_open(out, plan->key_schema);
	if (!row->nulls[key->attidx] && nova_is_longer(key, row->values[key->attidx], NOVA_NAME_MAX))
		nova_out_bytes(out, "null", 4);
	else
		nova_encode_alone(out, key, row);
	nova_schema_close(out, plan->key_schema);
}

static void
write_payload(NovaOut *out, const NovaColumn *col, const NovaRow *row, const NovaEvent *event)
{
	if (event->expanded)
		nova_out_slices(out, event->expanded->data, event->expanded->len);
	else
		nova_encode_alone(out, col, row);
}

void
nova_outbox_value(NovaOut *out, const NovaPlan *plan, const NovaRow *row, const NovaEvent *event)
{
	const NovaOutbox *outbox = plan->outbox;

	if (!outbox->enveloped)
	{
		nova_schema_open(out, plan->value_schema);
		write_payload(out, outbox->payload, row, event);
		nova_schema_close(out, plan->value_schema);
		return;
	}
	nova_out_bytes(out, "{\"payload\":", 11);
	write_payload(out, outbox->payload, row, event);
	for (int i = 0; i < outbox->nplaced; i++)
		if (outbox->placed[i].kind == PLACE_ENVELOPE)
		{
			nova_out_bytes(out, outbox->placed[i].prefix, strlen(outbox->placed[i].prefix));
			nova_encode_alone(out, outbox->placed[i].column, row);
		}
	nova_out_char(out, '}');
}
