/*-------------------------------------------------------------------------
 *
 * samples.c
 *		The last records of each topic, for somebody who looks at the page.
 *
 *-------------------------------------------------------------------------
 */
#include "samples.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "utf8.h"

void
samples_begin(Samples *s)
{
	memset(s->left, SAMPLES_KEPT, sizeof(s->left));
}

static SampleTopic *
find_topic(Samples *s, const char *name)
{
	size_t i = 0;

	while (i < s->ntopics && strcmp(s->topics[i].name, name) != 0)
		i++;
	if (i < s->ntopics)
		return &s->topics[i];
	if (i == SAMPLE_TOPICS || strlen(name) >= SAMPLE_TOPIC_BYTES)
		return NULL;
	memcpy(s->topics[i].name, name, strlen(name) + 1);
	s->ntopics++;
	return &s->topics[i];
}

/* As much as there is room for; of a character that does not fit, nothing. */
static uint16_t
take_text(char *to, size_t size, NovaBytes from, bool *cut)
{
	size_t len = from.len;

	*cut = len >= size;
	if (*cut)
		for (len = size - 1; len > 0 && ((unsigned char) from.data[len] & 0xC0) == 0x80;)
			len--;
	memcpy(to, from.data, len);
	to[len] = '\0';
	return (uint16_t) len;
}

void
samples_take(Samples *s, uint32_t route, const char *topic, const NovaRecord *record)
{
	SampleTopic *t;
	Sample *sample;

	if (route >= SAMPLE_ROUTES || s->left[route] == 0)
		return;
	s->left[route]--;
	t = find_topic(s, topic);
	if (t == NULL)
		return;
	sample = &t->last[t->taken++ % SAMPLES_KEPT];
	*sample =
		(Sample){.has_key = record->key.data != NULL, .has_value = record->value.data != NULL};
	if (sample->has_key)
		sample->key_len =
			take_text(sample->key, sizeof(sample->key), record->key, &sample->key_cut);
	if (sample->has_value)
		sample->value_len =
			take_text(sample->value, sizeof(sample->value), record->value, &sample->value_cut);
	/* the rest of a large value comes in later frames */
	if (record->flags & NOVA_RF_MORE)
		sample->value_cut = true;
}

/* What is no UTF-8, and a null byte, would make no JSON of it. */
static void
add_text(cJSON *to, const char *name, const char *text, uint16_t len, bool there)
{
	char clean[SAMPLE_VALUE_BYTES];
	size_t n;

	if (!there)
	{
		cJSON_AddNullToObject(to, name);
		return;
	}
	for (size_t at = 0; at < len; at += n)
	{
		n = utf8_sequence((const unsigned char *) text + at, len - at);
		if (n == 0 || text[at] == '\0')
		{
			clean[at] = '?';
			n = 1;
		}
		else
			memcpy(clean + at, text + at, n);
	}
	clean[len] = '\0';
	cJSON_AddStringToObject(to, name, clean);
}

static cJSON *
topic_records(const SampleTopic *t)
{
	cJSON *list = cJSON_CreateArray();

	for (uint64_t n = t->taken; n > 0 && n + SAMPLES_KEPT > t->taken; n--)
	{
		const Sample *sample = &t->last[(n - 1) % SAMPLES_KEPT];
		cJSON *one = cJSON_CreateObject();

		add_text(one, "key", sample->key, sample->key_len, sample->has_key);
		add_text(one, "value", sample->value, sample->value_len, sample->has_value);
		cJSON_AddBoolToObject(one, "cut", sample->key_cut || sample->value_cut);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

char *
samples_print(const Samples *s)
{
	cJSON *body = cJSON_CreateObject();
	char *text;

	for (size_t i = 0; i < s->ntopics; i++)
		cJSON_AddItemToObject(body, s->topics[i].name, topic_records(&s->topics[i]));
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	return text;
}
