/*-------------------------------------------------------------------------
 *
 * refusals.c
 *		Exactly once: what a broker refused in a transaction; see refusals.h.
 *
 *-------------------------------------------------------------------------
 */
#include "refusals.h"

#include <stdlib.h>
#include <string.h>

#include "crc32c.h"

void
refusals_free(Refusals *r)
{
	for (size_t i = 0; i < r->ntopics; i++)
		free(r->topics[i].name);
	free(r->topics);
	free(r->items);
	*r = (Refusals){0};
}

static uint32_t
checksum(const void *data, size_t len)
{
	return CRC32C_FINAL(crc32c_update(CRC32C_INIT, data, len));
}

RefusalId
refusal_id(const char *topic, NovaBytes key, NovaBytes value, bool of_snapshot)
{
	RefusalId id = {.topic = checksum(topic, strlen(topic)),
					.key_len = key.data != NULL ? key.len : UINT32_MAX};

	if (key.data != NULL)
		id.key = checksum(key.data, key.len);
	if (of_snapshot && key.data != NULL)
		return id;
	id.value_len = value.data != NULL ? value.len : UINT32_MAX;
	if (value.data != NULL)
		id.value = checksum(value.data, value.len);
	return id;
}

static uint32_t *
head_of(Refusals *r, RefusalId id)
{
	return &r->heads[(id.topic ^ id.key ^ id.value) % REFUSALS_HEADS];
}

Refusal *
refusals_find(Refusals *r, RefusalId id)
{
	for (uint32_t at = *head_of(r, id); at != 0; at = r->items[at - 1].chain)
		if (memcmp(&r->items[at - 1].id, &id, sizeof(id)) == 0)
			return &r->items[at - 1];
	return NULL;
}

/* The last item into its list. */
static void
enchain(Refusals *r)
{
	uint32_t *head = head_of(r, r->items[r->n - 1].id);

	r->items[r->n - 1].chain = *head;
	*head = (uint32_t) r->n;
}

Refusal *
refusals_note(Refusals *r, RefusalId id)
{
	Refusal *found = refusals_find(r, id);

	if (found != NULL)
		return found;
	if (r->n == REFUSALS_MAX)
	{
		memset(r->heads, 0, sizeof(r->heads));
		r->n = 0;
	}
	if (r->n == r->size)
	{
		size_t size = r->size > 0 ? r->size * 2 : 64;
		Refusal *grown = realloc(r->items, size * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		r->items = grown;
		r->size = size;
	}
	r->items[r->n++] = (Refusal){.id = id};
	enchain(r);
	return &r->items[r->n - 1];
}

static RefusedTopic *
find_topic(const Refusals *r, const char *topic)
{
	for (size_t i = 0; i < r->ntopics; i++)
		if (strcmp(r->topics[i].name, topic) == 0)
			return &r->topics[i];
	return NULL;
}

bool
refusals_note_topic(Refusals *r, const char *topic, int reason)
{
	RefusedTopic *found = find_topic(r, topic);
	RefusedTopic *grown;
	char *name;

	if (found == NULL)
	{
		grown = realloc(r->topics, (r->ntopics + 1) * sizeof(*grown));
		if (grown == NULL)
			return false;
		r->topics = grown;
		if ((name = strdup(topic)) == NULL)
			return false;
		found = &r->topics[r->ntopics++];
		found->name = name;
	}
	found->reason = reason;
	found->until = 0;
	return true;
}

int
refusals_topic(Refusals *r, const char *topic, int64_t now)
{
	RefusedTopic *found = find_topic(r, topic);

	if (found == NULL)
		return 0;
	if (found->until == 0)
		found->until = now + REFUSED_TOPIC_MS;
	if (now < found->until)
		return found->reason;
	free(found->name);
	*found = r->topics[--r->ntopics];
	return 0;
}

void
refusals_settle(Refusals *r, unsigned lane, bool committed)
{
	size_t n = r->n;

	if (!committed)
	{
		for (size_t i = 0; i < n; i++)
			r->items[i].lane = 0;
		return;
	}
	if (n == 0)
		return;
	memset(r->heads, 0, sizeof(r->heads));
	r->n = 0;
	for (size_t i = 0; i < n; i++)
		if (r->items[i].lane != lane)
		{
			r->items[r->n++] = r->items[i];
			enchain(r);
		}
}
