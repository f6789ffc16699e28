/*-------------------------------------------------------------------------
 *
 * fields.h
 *		Fields about a change: of add.fields, of headers, of the source block.
 *
 * One table in fields.c says which fields Debezium's envelope has, where they
 * stand in it and how each is written.  The lists of add.fields and add.headers
 * are taken apart by it, and the envelope's source is the table's rows of
 * "source", in their order.  To add a field, add a row.
 *
 * A list names columns as well: before.COLUMN and after.COLUMN.  Which column
 * that is, if the table has it, is a plan's business (nova_fields_columns).
 *
 * Traps: a field that is not per_row must depend on nothing but the transaction
 * and the operation, for what was written of it is kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_FIELDS_H
#define NOVA_FIELDS_H

#include "postgres.h"

#include "encode.h"

/* The record at hand, as far as a field may ask. */
typedef struct NovaAbout
{
	const NovaPlan *plan; /* NULL: of a message */
	const NovaRow *before;
	const NovaRow *after;
	const NovaMeta *meta;
	char op;
	bool added; /* beside the row or in a header, not in the source block */
} NovaAbout;

typedef struct NovaFieldType
{
	const char *owner; /* the struct of the envelope that has it; "": the envelope */
	const char *name;
	bool per_row; /* differs between rows of a transaction */
	void (*write)(NovaOut *out, const NovaAbout *about);
	const char *schema; /* Connect's type */
	bool required;      /* never null where its owner has it */
	const char *named;  /* members of its schema behind "optional", or NULL */
	const char *standard;
} NovaFieldType;

/* An item of a list. */
typedef struct NovaField
{
	const NovaFieldType *type; /* NULL: nothing but the column */
	char *column;              /* of before or after; NULL: no column */
	bool of_before;
	char *name; /* UTF-8, as it shows */
	int name_len;
	char *prefix; /* `,"__op":` */
	int prefix_len;
} NovaField;

typedef struct NovaFields
{
	NovaField *items;
	int n;
	bool per_row; /* some item is */
	bool columns; /* some item is a column */
} NovaFields;

/*
 * Take a list apart, in the current memory context; a field that cannot be is
 * an ERROR in the option's name.
 */
extern NovaFields *nova_fields_parse(const char *option, const char *list, const char *prefix);

/* "op, ts_ms and so on": what a list can name. */
extern char *nova_fields_names(void);

/*
 * The columns behind a list's items: an array as long as the list, in which an
 * item without a column, or whose column is not among those given, has no
 * encoder.  bare: without the names, for headers.
 */
extern NovaColumn *nova_fields_columns(const NovaFields *fields, const NovaColumn *columns,
									   int ncolumns, TupleDesc desc, bool bare);

/* All items with their names, each after a comma; columns: from the plan. */
extern void nova_fields_write(NovaOut *out, const NovaFields *fields, const NovaColumn *columns,
							  const NovaAbout *about);

/*
 * An item's value as JSON, without its name.  False: this table has no such
 * field, and nothing was written.
 */
extern bool nova_field_value(NovaOut *out, const NovaField *field, const NovaColumn *column,
							 const NovaAbout *about);

/* Is the mark of a snapshot's rows among them? */
extern bool nova_fields_show_mark(const NovaFields *fields);

/* Is it the operation, wherever it was looked for? */
extern bool nova_field_is_op(const NovaField *field);

/* The schema of an added field, which may be null whatever it is of. */
extern void nova_field_schema(NovaOut *out, const NovaField *field);

/* The schemas of all fields of an owner, in their order there. */
extern void nova_fields_schemas(NovaOut *out, const char *owner);

/*
 * `{"version":…}`, and the transaction's `{"id":…}` or null.  With end, out is
 * its text, and gets holes where they differ between rows of a transaction.
 */
extern void nova_fields_source(NovaOut *out, const NovaAbout *about, NovaEnd *end);
extern void nova_fields_transaction(NovaOut *out, const NovaAbout *about, NovaEnd *end);

#endif /* NOVA_FIELDS_H */
