/*-------------------------------------------------------------------------
 *
 * keystates.h
 *		The last state of every key of a topic, and whether the table agrees.
 *
 *	keystates_add(&set, …)			every record, in the order of its partition
 *	keystates_row(&set, form, …)	every row of the tables
 *	keystates_verdict(&set, i)		after that, also of keys that no row has
 *
 * A table is read at one moment, its topic to some point after that.  Records
 * behind the mark, where the topic ended before the moment, may be older or
 * younger than it: each of these is kept, and the row is right if it is like
 * one of them or like the last one before.  So a key that is changed while it
 * is verified is never found wrong, and one that is wrong is found.
 *
 * Keys are known by their digest: at most 80 bytes a key, and 8 to 16 for finding it
 * (twice that for a moment when the memory grows), whatever their length; 40 for
 * a record behind the mark.
 *
 * Pure.  Traps: of a key in several partitions the youngest record by its
 * timestamp is taken.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KEYSTATES_H
#define NOVA_RELAY_KEYSTATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowdigest.h"

typedef struct RecordPlace
{
	int32_t partition; /* -1: there is no record */
	int64_t offset;
	int64_t timestamp;
} RecordPlace;

typedef enum KeyVerdict
{
	KEY_EQUAL,
	KEY_UNAVAILABLE, /* equal, but for values that the record does not have */
	KEY_DIFFERENT,
	KEY_MISSING,  /* a row, but no record, or the last one says deleted */
	KEY_EXTRA,    /* no row, but the last record has one */
	KEY_NOT_ASKED /* neither */
} KeyVerdict;

typedef struct KeyEntry
{
	Digest key;
	RowState base; /* the last one before the mark; of no record: not live */
	RecordPlace last;
	uint32_t window; /* number of the youngest record behind the mark, from 1; 0: none */
	bool asked;      /* by a row */
	bool equal;      /* to one of them */
	bool partly;     /* it was equal to one with unavailable values */
	bool moved;      /* records in several partitions */
} KeyEntry;

typedef struct KeyWindow
{
	RowState state;
	uint32_t before; /* the next older one */
} KeyWindow;

typedef struct KeyStates
{
	KeyEntry *entries;
	size_t count;
	size_t capacity;
	uint32_t *slots; /* entry + 1; 0: free */
	size_t nslots;   /* a power of two */
	KeyWindow *windows;
	size_t nwindows;
	size_t windows_capacity;
	uint64_t repeated; /* rows whose key another row has */
} KeyStates;

/* All zero is an empty set. */
extern void keystates_free(KeyStates *set);

/* False when out of memory. */
extern bool keystates_add(KeyStates *set, Digest key, const RowState *state, RecordPlace place,
						  bool behind_mark);

/* Where its record is comes with the verdict; entry is -1 when there is none. */
extern KeyVerdict keystates_row(KeyStates *set, RowForm *form, Digest key, NovaBytes value,
								int64_t *entry);

/* After all rows: what is to be said of an entry. */
extern KeyVerdict keystates_verdict(const KeyStates *set, size_t entry);

extern size_t keystates_bytes(const KeyStates *set);

#endif /* NOVA_RELAY_KEYSTATES_H */
