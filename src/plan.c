/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Everything about a relation that does not change from row to row; see
 *		plan.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"

#include "compat.h"
#include "deform.h"
#include "fields.h"
#include "mask.h"
#include "outbox.h"
#include "plan.h"
#include "schema.h"
#include "substitute.h"
#include "transform.h"

/* What Kafka allows in a topic name. */
static bool
topic_char_valid(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		   c == '_' || c == '-';
}

bool
nova_topic_valid(const char *topic, Size len)
{
	if (len == 0 || len > NOVA_TOPIC_MAX ||
		(topic[0] == '.' && (len == 1 || (len == 2 && topic[1] == '.'))))
		return false;
	for (Size i = 0; i < len; i++)
		if (!topic_char_valid(topic[i]))
			return false;
	return true;
}

static char *
utf8_copy(const char *s)
{
	StringInfoData buf;

	initStringInfo(&buf);
	nova_utf8(&buf, s, strlen(s));
	return buf.data;
}

/*
 * As Debezium: what Kafka does not allow becomes '_', one for every unit of
 * UTF-16 since Java counts those, and the rest is cut off.  topic is UTF-8.
 */
char *
nova_topic_sanitize(const char *topic)
{
	StringInfoData buf;

	initStringInfo(&buf);
	while (*topic && buf.len < NOVA_TOPIC_MAX)
	{
		int n = pg_utf_mblen((const unsigned char *) topic);

		if (topic_char_valid(*topic))
			appendStringInfoChar(&buf, *topic);
		else
			appendStringInfoString(&buf, n > 3 ? "__" : "_");
		topic += strnlen(topic, n);
	}
	if (buf.len > NOVA_TOPIC_MAX)
		buf.data[NOVA_TOPIC_MAX] = '\0';
	return buf.data;
}

/* Schemas that hold no user's data. */
static bool
schema_is_builtin(const char *schema)
{
	return strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
		   strncmp(schema, "pg_toast", 8) == 0 || strncmp(schema, "pg_temp", 7) == 0;
}

/* To Debezium a table of PostGIS is one of the system's (table.ignore.builtin). */
static bool
table_is_builtin(const char *table, const NovaOptions *options)
{
	return options->profile == NOVA_PROFILE_DEBEZIUM && strcmp(table, "spatial_ref_sys") == 0;
}

static bool
is_captured(const char *schema, const char *table, const char *full, const NovaOptions *options)
{
	return !schema_is_builtin(schema) && !table_is_builtin(table, options) &&
		   nova_lists_pass(options->schema_include, options->schema_exclude, schema) &&
		   nova_lists_pass(options->table_include, options->table_exclude, full);
}

/* The relation that gives the names, by publish.via.partition.root. */
static void
plan_root(NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	plan->root = RelationGetRelid(rel);
	plan->via_root = options->via_root;
	if (options->via_root && rel->rd_rel->relispartition)
	{
		List *ancestors = get_partition_ancestors(RelationGetRelid(rel));

		/* none while a concurrent detach is pending */
		if (ancestors != NIL)
			plan->root = llast_oid(ancestors);
	}
}

/* Names, verdict and topic; published is NULL if no publication counts. */
static void
plan_route(NovaPlan *plan, Relation rel, const NovaPublished *published, const NovaOptions *options)
{
	char *schema;
	char *table;
	char *topic;

	/* materialized views are filled as tables are, but hold no rows of their own */
	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	plan_root(plan, rel, options);
	if (published)
	{
		plan->root = published->as;
		plan->via_root = plan->root != RelationGetRelid(rel) ||
						 rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
		plan->publication = published->rows;
	}
	schema = get_namespace_name(get_rel_namespace(plan->root));
	table = get_rel_name(plan->root);
	if (schema == NULL || table == NULL)
		return;
	plan->full_name = psprintf("%s.%s", schema, table);
	plan->signals = strcmp(plan->full_name, options->signal_table) == 0;
	plan->captured = (published == NULL || published->any) &&
					 (plan->signals || is_captured(schema, table, plan->full_name, options));
	if (!plan->captured)
	{
		plan->publication = NULL;
		plan->signals = false;
		return;
	}
	plan->schema = utf8_copy(schema);
	plan->table = utf8_copy(table);
	topic = psprintf("%s%s%s.%s", utf8_copy(options->topic_prefix),
					 *options->topic_prefix ? "." : "", plan->schema, plan->table);
	plan->source_topic = topic;
	nova_transforms_apply(options, topic, &plan->shape);
	plan->topic = plan->shape.topic;
}

/* False: a column that the options leave out. */
static bool
plan_column(NovaPlan *plan, NovaColumn *col, Relation rel, Form_pg_attribute att,
			const NovaOptions *options)
{
	NovaTypeContext context = {.options = options, .relids = plan->relids};

	if (!nova_type_column(col, att->atttypid, att->atttypmod, &context))
		return false;
	plan->relids = context.relids;
	nova_column_name(col, NameStr(att->attname), options);
	col->attidx = att->attnum - 1;
	col->varlena = att->attlen == -1;
	col->byval = att->attbyval;
	col->typlen = att->attlen;
	col->null = "null";
	if (options->unavailable == NOVA_UNAVAILABLE_PLACEHOLDER)
		col->unavailable = options->placeholder_json;
	if (options->profile == NOVA_PROFILE_DEBEZIUM)
		nova_substitutes(col, rel, att, options);
	else if (options->value_schemas && !nova_schema_is_string(col, options))
		/* what is no string by its schema cannot be the placeholder */
		col->unavailable = col->unavailable ? "null" : NULL;
	return true;
}

/*
 * Generated columns are in the WAL if stored; Debezium's plugin leaves them out
 * unless a publication has them.
 */
static bool
is_shown(Form_pg_attribute att, const NovaPublished *published, const NovaOptions *options)
{
	bool generated = att->attgenerated && options->profile == NOVA_PROFILE_DEBEZIUM;

	if (!nova_column_is_stored(att))
		return false;
	return published ? nova_column_published(published, NameStr(att->attname), generated)
					 : !generated;
}

/* Records of one topic have one order of columns: a partition's may be another. */
static void
order_as_root(NovaPlan *plan, TupleDesc desc)
{
	AttrNumber *place = palloc(Max(plan->nall, 1) * sizeof(AttrNumber));

	for (int i = 0; i < plan->nall; i++)
	{
		NovaColumn col = plan->all[i];
		AttrNumber here = get_attnum(plan->root, NameStr(TupleDescAttr(desc, col.attidx)->attname));
		int at = i;

		for (; at > 0 && place[at - 1] > here; at--)
		{
			place[at] = place[at - 1];
			plan->all[at] = plan->all[at - 1];
		}
		place[at] = here;
		plan->all[at] = col;
	}
}

/* Every column, in attribute order: keys are made of any, values of some. */
static void
plan_columns(NovaPlan *plan, Relation rel, const NovaPublished *published,
			 const NovaOptions *options)
{
	TupleDesc desc = RelationGetDescr(rel);

	plan->all = palloc0(Max(desc->natts, 1) * sizeof(NovaColumn));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && is_shown(att, published, options) &&
			plan_column(plan, &plan->all[plan->nall], rel, att, options))
			plan->nall++;
	}
	if (plan->root != RelationGetRelid(rel))
		order_as_root(plan, desc);
	plan->steps = nova_deform_plan(desc);
	plan->values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	plan->nulls = palloc(Max(desc->natts, 1) * sizeof(bool));
	plan->old_values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	plan->old_nulls = palloc(Max(desc->natts, 1) * sizeof(bool));
}

/* What the options call a column: schema.table.column. */
static char *
column_name(const NovaPlan *plan, TupleDesc desc, const NovaColumn *col)
{
	return psprintf("%s.%s", plan->full_name, NameStr(TupleDescAttr(desc, col->attidx)->attname));
}

/* The columns of values: all but those that the filters leave out. */
static void
plan_value(NovaPlan *plan, TupleDesc desc, const NovaOptions *options)
{
	plan->columns = palloc(Max(plan->nall, 1) * sizeof(NovaColumn));
	for (int i = 0; i < plan->nall; i++)
		if (nova_lists_pass(options->column_include, options->column_exclude,
							column_name(plan, desc, &plan->all[i])))
			plan->columns[plan->ncolumns++] = plan->all[i];
}

/* What the options hide of all columns, or of those in the key. */
static void
plan_masks(NovaPlan *plan, TupleDesc desc, bool in_key, const NovaOptions *options)
{
	NovaColumn *columns = in_key ? plan->key : plan->all;
	int n = in_key ? plan->nkey : plan->nall;

	for (int i = 0; i < n; i++)
		nova_mask_column(&columns[i], column_name(plan, desc, &columns[i]),
						 TupleDescAttr(desc, columns[i].attidx)->attnotnull, in_key, options);
}

static NovaColumn *
column_at(NovaPlan *plan, AttrNumber attnum)
{
	for (int i = 0; i < plan->nall; i++)
		if (plan->all[i].attidx == attnum - 1)
			return &plan->all[i];
	return NULL;
}

/* Are all key columns of that index in old tuples? */
static bool
index_in_identity(NovaPlan *plan, Relation index)
{
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		NovaColumn *col = column_at(plan, index->rd_index->indkey.values[i]);

		if (col == NULL || !col->in_identity)
			return false;
	}
	return true;
}

static void
mark_identity(NovaPlan *plan, Relation index)
{
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		NovaColumn *col = column_at(plan, index->rd_index->indkey.values[i]);

		if (col)
			col->in_identity = true;
	}
}

static void
set_key(NovaPlan *plan, Relation index)
{
	int n = index->rd_index->indnkeyatts;

	plan->key = palloc(n * sizeof(NovaColumn));
	for (int i = 0; i < n; i++)
	{
		NovaColumn *col = column_at(plan, index->rd_index->indkey.values[i]);

		if (col)
			plan->key[plan->nkey++] = *col;
	}
}

/* Add the columns that the expression matches, in the table's order, each once. */
static void
add_key_columns(NovaPlan *plan, TupleDesc desc, const char *re)
{
	for (int i = 0; i < plan->nall; i++)
	{
		bool known = false;

		for (int j = 0; j < plan->nkey; j++)
			known |= plan->key[j].attidx == plan->all[i].attidx;
		if (!known && nova_regex_matches(re, column_name(plan, desc, &plan->all[i])))
			plan->key[plan->nkey++] = plan->all[i];
	}
}

/*
 * Make the key of the columns that message.key.columns names for this table.
 * As in Debezium, table and column make one regular expression, and every item
 * that matches adds to the key.  False: none did.
 */
static bool
set_key_columns(NovaPlan *plan, TupleDesc desc, const NovaOptions *options)
{
	char *list = pstrdup(options->key_columns);
	char *save = NULL;

	plan->key = palloc(Max(plan->nall, 1) * sizeof(NovaColumn));
	for (char *item = strtok_r(list, ";", &save); item; item = strtok_r(NULL, ";", &save))
	{
		char *columns = strrchr(item, ':');
		char *rest = NULL;

		*columns++ = '\0';
		item += strspn(item, " \t\n\r\f\v");
		for (char *re = strtok_r(columns, ", ", &rest); re; re = strtok_r(NULL, ", ", &rest))
			add_key_columns(plan, desc, psprintf("%s.%s", item, re));
	}
	return plan->nkey > 0;
}

/* Could this index be a key: unique, and of columns only? */
static bool
is_unique_of_columns(Relation index)
{
	if (!index->rd_index->indisunique || !index->rd_index->indisvalid)
		return false;
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		if (index->rd_index->indkey.values[i] <= 0)
			return false;
	return true;
}

/*
 * Debezium's last resort: the unique index whose name comes first, whether or
 * not its columns can be null and whether or not deletes carry them.
 */
static void
set_key_unique(NovaPlan *plan, Relation rel)
{
	Relation first = NULL;
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = RelationIdGetRelation(lfirst_oid(lc));

		if (!RelationIsValid(index))
			continue;
		if (!is_unique_of_columns(index) ||
			(first && strcmp(RelationGetRelationName(first), RelationGetRelationName(index)) < 0))
		{
			RelationClose(index);
			continue;
		}
		if (first)
			RelationClose(first);
		first = index;
	}
	if (first == NULL)
		return;
	set_key(plan, first);
	RelationClose(first);
}

/*
 * The key's columns in forms of their own: Kafka Connect has a converter for
 * keys and another for values.
 */
static void
plan_key_forms(NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	NovaOptions *own;

	if (options->key_decimal_numeric == NOVA_KEY_AS_VALUE &&
		options->key_replace_null == NOVA_KEY_AS_VALUE)
		return;
	own = palloc(sizeof(*own));
	*own = *options;
	if (options->key_decimal_numeric != NOVA_KEY_AS_VALUE)
		own->decimal_numeric = options->key_decimal_numeric == NOVA_KEY_ON;
	if (options->key_replace_null != NOVA_KEY_AS_VALUE)
		own->replace_null = options->key_replace_null == NOVA_KEY_ON;
	for (int i = 0; i < plan->nkey; i++)
	{
		NovaColumn col = {.in_identity = plan->key[i].in_identity};

		if (plan_column(plan, &col, rel, TupleDescAttr(RelationGetDescr(rel), plan->key[i].attidx),
						own))
			plan->key[i] = col;
	}
}

/* What old tuples hold, and the key; see plan.h. */
static void
plan_key(NovaPlan *plan, Relation rel, const NovaOptions *options)
{
	Oid identity_oid = RelationGetReplicaIndex(rel);
	Oid primary_oid = nova_primary_key_index(rel);
	Relation identity = OidIsValid(identity_oid) ? RelationIdGetRelation(identity_oid) : NULL;
	Relation primary = OidIsValid(primary_oid) ? RelationIdGetRelation(primary_oid) : NULL;

	plan->identity_full = rel->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
	for (int i = 0; i < plan->nall && plan->identity_full; i++)
		plan->all[i].in_identity = true;
	if (identity)
		mark_identity(plan, identity);
	if (*options->key_columns && set_key_columns(plan, RelationGetDescr(rel), options))
		; /* as it was asked for */
	else if (primary && !(identity && !index_in_identity(plan, primary)))
		set_key(plan, primary);
	else if (identity)
		set_key(plan, identity);
	else if (options->profile == NOVA_PROFILE_DEBEZIUM)
		set_key_unique(plan, rel);
	if (identity)
		RelationClose(identity);
	if (primary)
		RelationClose(primary);
}

/* The columns that added fields and headers show. */
static void
plan_fields(NovaPlan *plan, TupleDesc desc, const NovaOptions *options)
{
	if (options->fields->columns)
		plan->field_columns =
			nova_fields_columns(options->fields, plan->columns, plan->ncolumns, desc, false);
	if (options->headers->columns)
		plan->header_columns =
			nova_fields_columns(options->headers, plan->columns, plan->ncolumns, desc, true);
}

/* Both are copies of the same columns, byte by byte, where neither has a form of its own. */
static bool
key_leads(const NovaPlan *plan)
{
	return plan->nkey > 0 && plan->nkey <= plan->ncolumns && !plan->key_shaped &&
		   memcmp(plan->key, plan->columns, plan->nkey * sizeof(NovaColumn)) == 0;
}

/*
 * The shape that the transforms give to keys, and where rows say their topic.
 * A table that lacks what a transform wants is passed over by it: its records
 * stay as they are, and none is lost.
 */
static void
plan_shape(NovaPlan *plan, TupleDesc desc, const NovaOptions *options)
{
	const NovaShape *shape = &plan->shape;

	if (shape->outbox)
	{
		plan->outbox = nova_outbox_plan(plan->columns, plan->ncolumns, desc, options);
		if (plan->outbox)
			return;
		plan->shape = (NovaShape){.no_outbox = true};
		nova_transforms_apply(options, plan->source_topic, &plan->shape);
		plan->topic = shape->topic;
	}
	plan->record_name = nova_topic_sanitize(plan->source_topic);
	plan->flat = shape->flat;
	if (shape->by_field)
		plan->topic_column =
			nova_column_named(plan->columns, plan->ncolumns, desc, shape->by_field);
	if (shape->key_field)
		plan->bare_key = nova_column_named(plan->key, plan->nkey, desc, shape->key_field);
	plan->key_tail = shape->key_tail;
	plan->key_shaped = plan->bare_key || plan->key_tail;
	plan->by_row = plan->topic_column != NULL;
}

/* As Debezium: a signal has three columns, and those that the options leave count. */
static void
plan_signals(NovaPlan *plan)
{
	if (!plan->signals || plan->ncolumns == NOVA_SIGNAL_COLUMNS)
		return;
	plan->signals = false;
	ereport(
		WARNING,
		(errmsg("table %s gives no signals: it shows %d columns", plan->full_name, plan->ncolumns),
		 errhint("A signal has %d: id, type, data; all of text or varchar, in this order.",
				 NOVA_SIGNAL_COLUMNS)));
}

NovaPlan *
nova_plan_build(MemoryContext parent, Relation rel, const NovaOptions *options)
{
	MemoryContext context = AllocSetContextCreate(parent, "nova plan", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	NovaPlan *plan = palloc0(sizeof(NovaPlan));
	NovaPublished found;
	const NovaPublished *published = NULL;

	plan->context = context;
	if (options->publications != NIL)
	{
		found = nova_published(rel, options);
		published = &found;
	}
	plan_route(plan, rel, published, options);
	if (plan->captured)
	{
		plan_columns(plan, rel, published, options);
		plan_key(plan, rel, options);
		plan_key_forms(plan, rel, options);
		/* the key has taken its columns: they are masked by other rules */
		plan_masks(plan, RelationGetDescr(rel), true, options);
		plan_masks(plan, RelationGetDescr(rel), false, options);
		plan_value(plan, RelationGetDescr(rel), options);
		plan_fields(plan, RelationGetDescr(rel), options);
		plan_shape(plan, RelationGetDescr(rel), options);
		plan_signals(plan);
		plan->inspected = plan->publication || plan->signals;
		nova_schema_plan(plan, rel, options);
		plan->key_shaped |= plan->key_schema.data != NULL;
		plan->plain = plan->flat && plan->value_schema.data == NULL;
		plan->key_leads = plan->plain && key_leads(plan);
	}
	MemoryContextSwitchTo(old);
	return plan;
}
