/*-------------------------------------------------------------------------
 *
 * rowdigest.h
 *		What a record's value says of its row, as a digest to be compared.
 *
 *	rowform_init(&form, options, …)				once; options are HELLO's
 *	rowdigest_record(&form, value, &state)		a record of a topic
 *	rowdigest_row(&form, value, state.mask, &n)	the row it should be, to be compared
 *
 * The columns are compared as the bytes of their JSON, which one encoder makes
 * the same every time; nothing is converted, so that no digit is lost.  What is
 * about the change and not of the row is left out: added fields, and all but
 * "after" of an envelope.  A null and a member that is not there are the same,
 * since a column may have been added after the record was written.
 *
 * A value that the record does not have (an unchanged TOAST value: the
 * placeholder, or no member at all) compares equal to anything: its bit in the
 * state's mask takes the column out of the row's digest, too.
 *
 * Pure.  Traps: a column whose value is the placeholder's very text is taken
 * for unavailable.  Where profile debezium writes null for an unavailable value,
 * because its schema has no room for the placeholder, it counts as null.  More
 * than ROWFORM_NAMES columns that are unavailable somewhere are too many:
 * form->too_many, and nothing of it may be believed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_ROWDIGEST_H
#define NOVA_RELAY_ROWDIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"

#define ROWFORM_NAMES 64

typedef struct Digest
{
	uint64_t hi;
	uint64_t lo;
} Digest;

typedef struct RowForm
{
	bool schemas;  /* values are {"schema":…,"payload":…} */
	bool envelope; /* they may be before, after, source, op */
	bool omits;    /* what is unavailable is left out, there is no placeholder */
	char *op;      /* name of the added field that is the operation, or NULL */
	char **ignored;
	size_t nignored;
	char **placeholders; /* their JSON, in all forms */
	size_t nplaceholders;
	char *names[ROWFORM_NAMES]; /* of the mask's bits */
	size_t nnames;
	bool too_many;
} RowForm;

typedef struct RowState
{
	Digest digest;
	uint64_t mask; /* columns that are unavailable; if form->omits: those that are there */
	bool live;     /* false: the record says that there is no row */
} RowState;

/* From the effective options, a JSON object.  False: it is none, or out of memory. */
extern bool rowform_init(RowForm *form, const char *options, size_t len);
extern void rowform_free(RowForm *form);

extern Digest digest_bytes(const char *data, size_t len);

/* value.data NULL: a tombstone. */
extern void rowdigest_record(RowForm *form, NovaBytes value, RowState *state);

/*
 * The digest that a record with this mask has if it is of this row; left_out is
 * the number of columns that the mask takes out.
 */
extern Digest rowdigest_row(RowForm *form, NovaBytes value, uint64_t mask, unsigned *left_out);

/*
 * One member of a JSON object after the other, as they stand in the text: name
 * without its quotes, value without white space around it.
 */
typedef struct JsonMember
{
	NovaBytes name;
	NovaBytes value;
} JsonMember;

/* False when text is no object, or over; a member that is malformed ends it. */
extern bool json_object_begin(NovaCursor *c, NovaBytes text);
extern bool json_object_next(NovaCursor *c, JsonMember *member);

#endif /* NOVA_RELAY_ROWDIGEST_H */
