/*-------------------------------------------------------------------------
 *
 * fuzz_keyset.c
 *		libFuzzer target: a set of keys has what was put into it, and nothing else.
 *
 * The input is short keys, each behind a byte: its length, and what to do with it.
 * A list that is searched from end to end says what is right.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/keyset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEYS_MAX 512

typedef struct Key
{
	const char *topic;
	const char *data;
	size_t len;
} Key;

static Key keys[KEYS_MAX];
static size_t nkeys;

static bool
is_listed(const Key *key)
{
	for (size_t i = 0; i < nkeys; i++)
		if (strcmp(keys[i].topic, key->topic) == 0 && keys[i].len == key->len &&
			memcmp(keys[i].data, key->data, key->len) == 0)
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const topics[] = {"a", "ab", "", "cdc.public.users"};
	KeySet set = {0};

	nkeys = 0;
	while (size > 0 && nkeys < KEYS_MAX)
	{
		uint8_t what = *data++;
		Key key = {topics[what & 3], (const char *) data, what >> 3 & 15};

		size--;
		if (key.len > size)
			key.len = size;
		if (keyset_has(&set, key.topic, key.data, key.len) != is_listed(&key))
			abort();
		if (what & 4)
		{
			keyset_add(&set, key.topic, key.data, key.len);
			keys[nkeys++] = key;
		}
		if (what == 0xFF)
		{
			keyset_clear(&set);
			nkeys = 0;
		}
		data += key.len;
		size -= key.len;
	}
	for (size_t i = 0; i < nkeys; i++)
		if (!keyset_has(&set, keys[i].topic, keys[i].data, keys[i].len))
			abort();
	keyset_clear(&set);
	return 0;
}
