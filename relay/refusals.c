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

#include "../src/wire.h"

static void
forget_lost(Refusals *r)
{
	while (r->nlost > 0)
		free(r->lost[--r->nlost]);
}

void
refusals_free(Refusals *r)
{
	for (size_t i = 0; i < r->ntopics; i++)
		free(r->topics[i].name);
	free(r->topics);
	forget_lost(r);
	free(r->lost);
	free(r->items);
	*r = (Refusals){0};
}

static uint32_t
checksum(const void *data, size_t len)
{
	return NOVA_CRC32C_FINAL(nova_crc32c(NOVA_CRC32C_INIT, data, len));
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

/* NULL when out of memory. */
static RefusedTopic *
add_topic(Refusals *r, const char *topic)
{
	RefusedTopic *grown = realloc(r->topics, (r->ntopics + 1) * sizeof(*grown));
	char *name = grown != NULL ? strdup(topic) : NULL;

	if (grown != NULL)
		r->topics = grown;
	if (name == NULL)
		return NULL;
	r->topics[r->ntopics] = (RefusedTopic){.name = name};
	return &r->topics[r->ntopics++];
}

bool
refusals_note_topic(Refusals *r, const char *topic, int reason)
{
	RefusedTopic *found = find_topic(r, topic);

	if (found == NULL && (found = add_topic(r, topic)) == NULL)
		return false;
	found->reason = reason;
	found->until = 0;
	return true;
}

/* Without memory there is one less to suspect. */
void
refusals_lost(Refusals *r, const char *topic)
{
	char **grown;

	for (size_t i = 0; i < r->nlost; i++)
		if (strcmp(r->lost[i], topic) == 0)
			return;
	grown = realloc(r->lost, (r->nlost + 1) * sizeof(*grown));
	if (grown == NULL)
		return;
	r->lost = grown;
	if ((r->lost[r->nlost] = strdup(topic)) != NULL)
		r->nlost++;
}

bool
refusals_guess(Refusals *r, bool one, int reason)
{
	bool ok = r->nlost > 0;

	for (size_t i = 0; i < r->nlost; i++)
		if (one && r->nlost == 1)
			ok = refusals_note_topic(r, r->lost[i], reason);
		else if (find_topic(r, r->lost[i]) == NULL && add_topic(r, r->lost[i]) == NULL)
			ok = false;
	return ok;
}


RefusedTopic *
refusals_suspected(Refusals *r, const char *topic)
{
	RefusedTopic *found = find_topic(r, topic);

	return found != NULL && found->reason == 0 ? found : NULL;
}

void
refusals_clear_topic(Refusals *r, RefusedTopic *suspect)
{
	free(suspect->name);
	*suspect = r->topics[--r->ntopics];
}

int
refusals_topic(Refusals *r, const char *topic, int64_t now)
{
	RefusedTopic *found = find_topic(r, topic);

	if (found == NULL || found->reason == 0)
		return 0;
	if (found->until == 0)
		found->until = now + REFUSED_TOPIC_MS;
	if (now < found->until)
		return found->reason;
	refusals_clear_topic(r, found);
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
		for (size_t i = 0; i < r->ntopics; i++)
			r->topics[i].trying = false;
		forget_lost(r);
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
