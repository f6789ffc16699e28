/*-------------------------------------------------------------------------
 *
 * keyset.c
 *		Which keys the stream has brought while a chunk was read; see keyset.h.
 *
 * Open addressing, half full at the most, over FNV-1a.
 *
 *-------------------------------------------------------------------------
 */
#include "keyset.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024
#define HEAD        (2 * sizeof(uint32_t))

typedef struct Entry
{
	uint32_t topic_len;
	uint32_t key_len;
	const char *topic;
	const char *key;
} Entry;

void
keyset_clear(KeySet *set)
{
	free(set->bytes);
	free(set->slots);
	*set = (KeySet){0};
}

static uint64_t
fnv(uint64_t hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64_C(0x100000001B3);
	return hash;
}

static uint64_t
hash_of(const Entry *e)
{
	uint64_t hash = fnv(UINT64_C(0xCBF29CE484222325), e->topic, e->topic_len);

	return fnv(hash ^ 0xFF, e->key, e->key_len);
}

static Entry
entry_at(const KeySet *set, size_t at)
{
	Entry e;

	memcpy(&e.topic_len, set->bytes + at, sizeof(uint32_t));
	memcpy(&e.key_len, set->bytes + at + sizeof(uint32_t), sizeof(uint32_t));
	e.topic = set->bytes + at + HEAD;
	e.key = e.topic + e.topic_len;
	return e;
}

static bool
equal(const Entry *a, const Entry *b)
{
	return a->topic_len == b->topic_len && a->key_len == b->key_len &&
		   memcmp(a->topic, b->topic, a->topic_len) == 0 && memcmp(a->key, b->key, a->key_len) == 0;
}

/* Where the entry is, or would be. */
static uint32_t *
find(const KeySet *set, const Entry *wanted)
{
	size_t i = hash_of(wanted) & (set->nslots - 1);

	for (; set->slots[i] != 0; i = (i + 1) & (set->nslots - 1))
	{
		Entry e = entry_at(set, set->slots[i] - 1);

		if (equal(&e, wanted))
			break;
	}
	return &set->slots[i];
}

static bool
grow_slots(KeySet *set)
{
	KeySet bigger = *set;

	bigger.nslots = set->nslots > 0 ? 2 * set->nslots : FIRST_SLOTS;
	bigger.slots = calloc(bigger.nslots, sizeof(uint32_t));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < set->nslots; i++)
		if (set->slots[i] != 0)
		{
			Entry e = entry_at(set, set->slots[i] - 1);

			*find(&bigger, &e) = set->slots[i];
		}
	free(set->slots);
	*set = bigger;
	return true;
}

static bool
grow_bytes(KeySet *set, size_t more)
{
	size_t capacity = set->capacity > 0 ? set->capacity : 64 * 1024;
	char *grown;

	if (more > KEYSET_BYTES_MAX - set->len)
		return false;
	while (capacity < set->len + more)
		capacity *= 2;
	if (capacity == set->capacity)
		return true;
	grown = realloc(set->bytes, capacity);
	if (grown == NULL)
		return false;
	set->bytes = grown;
	set->capacity = capacity;
	return true;
}

void
keyset_add(KeySet *set, const char *topic, const char *key, size_t key_len)
{
	Entry e = {(uint32_t) strlen(topic), (uint32_t) key_len, topic, key};
	uint32_t *slot;
	char *p;

	if (set->overflowed)
		return;
	set->overflowed = (2 * set->count >= set->nslots && !grow_slots(set)) ||
					  key_len > KEYSET_BYTES_MAX || !grow_bytes(set, HEAD + e.topic_len + key_len);
	if (set->overflowed)
		return;
	slot = find(set, &e);
	if (*slot != 0)
		return;
	*slot = (uint32_t) set->len + 1;
	p = set->bytes + set->len;
	memcpy(p, &e.topic_len, sizeof(uint32_t));
	memcpy(p + sizeof(uint32_t), &e.key_len, sizeof(uint32_t));
	memcpy(p + HEAD, topic, e.topic_len);
	memcpy(p + HEAD + e.topic_len, key, key_len);
	set->len += HEAD + e.topic_len + key_len;
	set->count++;
}

bool
keyset_has(const KeySet *set, const char *topic, const char *key, size_t key_len)
{
	Entry e = {(uint32_t) strlen(topic), (uint32_t) key_len, topic, key};

	return set->nslots > 0 && *find(set, &e) != 0;
}
