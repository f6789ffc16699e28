/*-------------------------------------------------------------------------
 *
 * publication.c
 *		What publications let through; see publication.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_publication.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "publication.h"
#include "rowfilter.h"
#include "wire.h"

static const char filtered_ops[NOVA_FILTERED_OPS] = {NOVA_OP_CREATE, NOVA_OP_UPDATE,
													 NOVA_OP_DELETE};

typedef struct Source
{
	Oid oid; /* invalid: the publication does not exist */
	bool all_tables;
	bool via_root;
	bool generated;
	char ops[5];
} Source;

/* Once per stream: rows are sent that the publication might have kept back. */
static void
tell_missing(NovaPublicationName *name)
{
	if (name->missing_told)
		return;
	name->missing_told = true;
	ereport(WARNING,
			(errmsg("publication \"%s\" does not exist at this point of the WAL", name->name),
			 errdetail("nova_decoder lets everything through until it does.")));
}

static Source
read_source(NovaPublicationName *name, const NovaOptions *options)
{
	Source source = {.all_tables = true, .via_root = options->via_root, .ops = "cudt"};
	HeapTuple tuple = SearchSysCache1(PUBLICATIONNAME, CStringGetDatum(name->name));
	Form_pg_publication form;
	char *op = source.ops;

	if (!HeapTupleIsValid(tuple))
	{
		tell_missing(name);
		return source;
	}
	form = (Form_pg_publication) GETSTRUCT(tuple);
	source.oid = form->oid;
	source.all_tables = form->puballtables;
	source.via_root = form->pubviaroot;
	source.generated = nova_publication_has_generated(form);
	if (form->pubinsert)
		*op++ = NOVA_OP_CREATE;
	if (form->pubupdate)
		*op++ = NOVA_OP_UPDATE;
	if (form->pubdelete)
		*op++ = NOVA_OP_DELETE;
	if (form->pubtruncate)
		*op++ = NOVA_OP_TRUNCATE;
	*op = '\0';
	ReleaseSysCache(tuple);
	return source;
}

/* Does the publication name the table or its schema? */
static bool
is_named(const Source *source, Oid relid)
{
	return SearchSysCacheExists2(PUBLICATIONRELMAP, ObjectIdGetDatum(relid),
								 ObjectIdGetDatum(source->oid)) ||
		   nova_publication_has_schema(source->oid, get_rel_namespace(relid));
}

/*
 * Is the table published, and how many levels up stands the table that it is
 * published as?  A partitioned table itself counts only if its partitions are
 * published as it.
 */
static bool
find_table(const Source *source, Relation rel, List *ancestors, int *level)
{
	bool found = source->all_tables || is_named(source, RelationGetRelid(rel));

	*level = 0;
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE && !source->via_root)
		return false;
	if (source->all_tables &&
		nova_publication_excludes(source->oid,
								  ancestors ? llast_oid(ancestors) : RelationGetRelid(rel)))
		return false;
	for (int i = 0; i < list_length(ancestors); i++)
	{
		if (!source->all_tables && !is_named(source, list_nth_oid(ancestors, i)))
			continue;
		found = true;
		if (source->via_root)
			*level = i + 1;
	}
	return found;
}

/* What one publication says of the table: the columns, and for which rows. */
static char *
add_source(NovaPublished *published, const Source *source)
{
	HeapTuple tuple = NULL;
	bool whole = source->all_tables;
	char *filter = NULL;
	Bitmapset *columns = NULL;

	if (!whole)
		tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(published->as),
								ObjectIdGetDatum(source->oid));
	if (HeapTupleIsValid(tuple))
	{
		columns = nova_publication_columns(tuple);
		if (!nova_publication_has_schema(source->oid, get_rel_namespace(published->as)))
			filter = nova_publication_filter(tuple);
		ReleaseSysCache(tuple);
	}
	if (columns == NULL)
	{
		published->all_columns = true;
		published->generated |= source->generated;
	}
	published->columns = bms_add_members(published->columns, columns);
	return filter;
}

/* The filters of an operation, all of them or none: who shows it all, wins. */
static void
add_filter(List **filters, bool *unfiltered, const Source *source, char *filter)
{
	for (int i = 0; i < NOVA_FILTERED_OPS; i++)
	{
		if (strchr(source->ops, filtered_ops[i]) == NULL)
			continue;
		if (filter)
			filters[i] = lappend(filters[i], filter);
		else
			unfiltered[i] = true;
	}
}

/* What has to be looked at per row, or NULL. */
static NovaPublication *
row_part(Relation rel, Oid as, const char *ops, List **filters, const bool *unfiltered)
{
	NovaPublication *rows = palloc0(sizeof(NovaPublication));
	bool needed = strlen(ops) < 4;

	rows->ops = pstrdup(ops);
	for (int i = 0; i < NOVA_FILTERED_OPS; i++)
		if (filters[i] != NIL && !unfiltered[i])
		{
			rows->filter[i] = nova_row_filter(rel, as, filters[i]);
			needed = true;
		}
	return needed ? rows : NULL;
}

/* The sources that publish the table as the one highest up, and their operations. */
static List *
choose_sources(Relation rel, const NovaOptions *options, Oid *as, char *ops)
{
	List *ancestors =
		rel->rd_rel->relispartition ? get_partition_ancestors(RelationGetRelid(rel)) : NIL;
	List *chosen = NIL;
	int highest = 0;
	ListCell *lc;

	foreach (lc, options->publications)
	{
		Source *source = palloc(sizeof(Source));
		int level;

		*source = read_source(lfirst(lc), options);
		if (!find_table(source, rel, ancestors, &level))
			continue;
		for (const char *op = source->ops; *op; op++)
			if (strchr(ops, *op) == NULL)
				strncat(ops, op, 1);
		if (level > highest)
			chosen = NIL;
		if (level >= highest)
			chosen = lappend(chosen, source);
		highest = Max(level, highest);
	}
	*as = highest > 0 ? list_nth_oid(ancestors, highest - 1) : RelationGetRelid(rel);
	return chosen;
}

NovaPublished
nova_published(Relation rel, const NovaOptions *options)
{
	NovaPublished published = {0};
	List *filters[NOVA_FILTERED_OPS] = {NIL};
	bool unfiltered[NOVA_FILTERED_OPS] = {false};
	char ops[5] = "";
	List *sources = choose_sources(rel, options, &published.as, ops);
	ListCell *lc;

	foreach (lc, sources)
	{
		const Source *source = lfirst(lc);

		add_filter(filters, unfiltered, source, add_source(&published, source));
	}
	published.any = *ops != '\0';
	if (published.any)
		published.rows = row_part(rel, published.as, ops, filters, unfiltered);
	return published;
}

bool
nova_column_published(const NovaPublished *published, const char *name, bool is_generated)
{
	if (published->all_columns && (!is_generated || published->generated))
		return true;
	return bms_is_member(get_attnum(published->as, name), published->columns);
}

char
nova_publication_op(NovaPublication *publication, char op, const Datum *old_values,
					const bool *old_nulls, const Datum *values, const bool *nulls)
{
	NovaRowFilter *filter = NULL;
	bool old_shows;
	bool new_shows;

	if (strchr(publication->ops, op) == NULL)
		return '\0';
	for (int i = 0; i < NOVA_FILTERED_OPS; i++)
		if (filtered_ops[i] == op)
			filter = publication->filter[i];
	if (filter == NULL || (old_values == NULL && values == NULL))
		return op;
	if (values == NULL)
		return nova_row_filter_shows(filter, old_values, old_nulls, NULL, NULL) ? op : '\0';
	new_shows = nova_row_filter_shows(filter, values, nulls, old_values, old_nulls);
	if (old_values == NULL)
		return new_shows ? op : '\0';
	old_shows = nova_row_filter_shows(filter, old_values, old_nulls, NULL, NULL);
	if (old_shows == new_shows)
		return new_shows ? op : '\0';
	return new_shows ? NOVA_OP_CREATE : NOVA_OP_DELETE;
}
