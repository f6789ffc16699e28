/*-------------------------------------------------------------------------
 *
 * keystates.c
 *		The last state of every key of a topic; see keystates.h.
 *
 * Open addressing, half full at the most; the digest is its own hash.
 *
 *-------------------------------------------------------------------------
 */
#include "keystates.h"

#include <stdlib.h>

#define FIRST_SLOTS 1024

void
keystates_free(KeyStates *set)
{
	free(set->entries);
	free(set->slots);
	free(set->windows);
	*set = (KeyStates){0};
}

size_t
keystates_bytes(const KeyStates *set)
{
	return set->capacity * sizeof(KeyEntry) + set->nslots * sizeof(uint32_t) +
		   set->windows_capacity * sizeof(KeyWindow);
}

static bool
equal(Digest a, Digest b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* Where the key is, or would be. */
static uint32_t *
find(const KeyStates *set, Digest key)
{
	size_t i = key.hi & (set->nslots - 1);

	while (set->slots[i] != 0 && !equal(set->entries[set->slots[i] - 1].key, key))
		i = (i + 1) & (set->nslots - 1);
	return &set->slots[i];
}

static bool
grow_slots(KeyStates *set)
{
	KeyStates bigger = *set;

	bigger.nslots = set->nslots > 0 ? 2 * set->nslots : FIRST_SLOTS;
	bigger.slots = calloc(bigger.nslots, sizeof(uint32_t));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < set->count; i++)
		*find(&bigger, set->entries[i].key) = (uint32_t) i + 1;
	free(set->slots);
	*set = bigger;
	return true;
}

/* Room for one more element; NULL when out of memory, or of numbers for them. */
static void *
grown(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t more = *capacity > 0 ? *capacity + *capacity / 2 : FIRST_SLOTS;

	if (count < *capacity)
		return array;
	if (more >= UINT32_MAX || (array = realloc(array, more * size)) == NULL)
		return NULL;
	*capacity = more;
	return array;
}

/* The key's entry, made if it is new; NULL when out of memory. */
static KeyEntry *
entry_of(KeyStates *set, Digest key)
{
	KeyEntry *entries;
	uint32_t *slot;

	if (2 * set->count >= set->nslots && !grow_slots(set))
		return NULL;
	slot = find(set, key);
	if (*slot == 0)
	{
		entries = grown(set->entries, set->count, &set->capacity, sizeof(*entries));
		if (entries == NULL)
			return NULL;
		set->entries = entries;
		entries[set->count] = (KeyEntry){.key = key, .last = {.partition = -1}};
		*slot = (uint32_t) ++set->count;
	}
	return &set->entries[*slot - 1];
}

static bool
add_window(KeyStates *set, KeyEntry *entry, const RowState *state)
{
	KeyWindow *windows =
		grown(set->windows, set->nwindows, &set->windows_capacity, sizeof(*windows));

	if (windows == NULL)
		return false;
	set->windows = windows;
	windows[set->nwindows++] = (KeyWindow){*state, entry->window};
	entry->window = (uint32_t) set->nwindows;
	return true;
}

bool
keystates_add(KeyStates *set, Digest key, const RowState *state, RecordPlace place,
			  bool behind_mark)
{
	KeyEntry *entry = entry_of(set, key);
	bool older;

	if (entry == NULL)
		return false;
	older = entry->last.partition >= 0 && entry->last.partition != place.partition;
	entry->moved |= older;
	older = older && entry->last.timestamp > place.timestamp;
	if (behind_mark)
	{
		if (!add_window(set, entry, state))
			return false;
	}
	else if (!older)
		entry->base = *state;
	if (!older)
		entry->last = place;
	return true;
}

/* Is it the row that this state is of? */
static bool
is_state(RowForm *form, const RowState *state, NovaBytes value, unsigned *left_out)
{
	return state->live && equal(rowdigest_row(form, value, state->mask, left_out), state->digest);
}

static bool
is_any_state(const KeyStates *set, const KeyEntry *entry, RowForm *form, NovaBytes value,
			 unsigned *left_out)
{
	if (is_state(form, &entry->base, value, left_out))
		return true;
	for (uint32_t i = entry->window; i != 0; i = set->windows[i - 1].before)
		if (is_state(form, &set->windows[i - 1].state, value, left_out))
			return true;
	return false;
}

static bool
ends_live(const KeyStates *set, const KeyEntry *entry)
{
	return entry->window != 0 ? set->windows[entry->window - 1].state.live : entry->base.live;
}

KeyVerdict
keystates_row(KeyStates *set, RowForm *form, Digest key, NovaBytes value, int64_t *number)
{
	uint32_t slot = set->nslots > 0 ? *find(set, key) : 0;
	unsigned left_out = 0;
	KeyEntry *entry;

	*number = (int64_t) slot - 1;
	if (slot == 0)
		return KEY_MISSING;
	entry = &set->entries[slot - 1];
	set->repeated += entry->asked;
	entry->asked = true;
	if (is_any_state(set, entry, form, value, &left_out))
	{
		entry->equal = true;
		entry->partly |= left_out > 0;
	}
	return keystates_verdict(set, slot - 1);
}

/* Was there a moment without a row? */
static bool
was_gone(const KeyStates *set, const KeyEntry *entry)
{
	if (!entry->base.live)
		return true;
	for (uint32_t i = entry->window; i != 0; i = set->windows[i - 1].before)
		if (!set->windows[i - 1].state.live)
			return true;
	return false;
}

KeyVerdict
keystates_verdict(const KeyStates *set, size_t number)
{
	const KeyEntry *entry = &set->entries[number];

	if (!entry->asked)
		return was_gone(set, entry) ? KEY_NOT_ASKED : KEY_EXTRA;
	if (entry->equal)
		return entry->partly ? KEY_UNAVAILABLE : KEY_EQUAL;
	return ends_live(set, entry) ? KEY_DIFFERENT : KEY_MISSING;
}
