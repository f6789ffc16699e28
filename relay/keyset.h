/*-------------------------------------------------------------------------
 *
 * keyset.h
 *		Which keys the stream has brought while a chunk was read.
 *
 * An exact set of (topic, key): a key that is in it by mistake would lose a row.
 * It holds the bytes of all keys in one piece of memory, and is emptied as a
 * whole.
 *
 * Traps: keyset_add() gives up above KEYSET_BYTES_MAX, and says so once and for
 * all in "overflowed"; then nothing is known of what is not in the set.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KEYSET_H
#define NOVA_RELAY_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYSET_BYTES_MAX ((size_t) 64 * 1024 * 1024)

typedef struct KeySet
{
	char *bytes; /* u32 topic's length, u32 key's length, topic, key; and the next */
	size_t len;
	size_t capacity;
	uint32_t *slots; /* offset + 1 of an entry; 0: free */
	size_t nslots;   /* a power of two */
	size_t count;
	bool overflowed;
} KeySet;

/* All zero is an empty set. */
extern void keyset_clear(KeySet *set);

extern void keyset_add(KeySet *set, const char *topic, const char *key, size_t key_len);
extern bool keyset_has(const KeySet *set, const char *topic, const char *key, size_t key_len);

#endif /* NOVA_RELAY_KEYSET_H */
