/*-------------------------------------------------------------------------
 *
 * kafkastats.c
 *		The essentials of librdkafka's statistics.
 *
 * The format is that of STATISTICS.md of librdkafka: objects of numbers, brokers
 * and topics by their names.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkastats.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

/* A count; what is absent, negative or no number is 0. */
static uint64_t
count_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t) item->valuedouble : 0;
}

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool
text_is(const cJSON *object, const char *name, const char *text)
{
	const char *value = cJSON_GetStringValue(member(object, name));

	return value != NULL && strcmp(value, text) == 0;
}

/* Addresses that are only there to begin with, and librdkafka's own, are no brokers. */
static bool
is_broker(const cJSON *object)
{
	const cJSON *id = member(object, "nodeid");

	return cJSON_IsNumber(id) && id->valuedouble >= 0 && object->string != NULL &&
		   !text_is(object, "source", "internal");
}

static void
take_broker(BrokerNumbers *b, unsigned producer, const cJSON *object)
{
	const cJSON *rtt = member(object, "rtt");

	*b = (BrokerNumbers){.producer = producer,
						 .up = text_is(object, "state", "UP"),
						 .rtt_avg_us = count_of(rtt, "avg"),
						 .rtt_p99_us = count_of(rtt, "p99"),
						 .waiting_requests = count_of(object, "outbuf_cnt"),
						 .waiting_records = count_of(object, "outbuf_msg_cnt"),
						 .open_requests = count_of(object, "waitresp_cnt"),
						 .requests = count_of(object, "tx"),
						 .errors = count_of(object, "txerrs"),
						 .retries = count_of(object, "txretries"),
						 .timeouts = count_of(object, "req_timeouts"),
						 .disconnects = count_of(object, "disconnects")};
	snprintf(b->name, sizeof(b->name), "%s", object->string);
}

static void
take_topic(TopicNumbers *t, unsigned producer, const cJSON *object)
{
	*t = (TopicNumbers){.producer = producer,
						.batch_bytes = count_of(member(object, "batchsize"), "avg"),
						.batch_records = count_of(member(object, "batchcnt"), "avg")};
	snprintf(t->name, sizeof(t->name), "%s", object->string);
}

static void
take_brokers(KafkaStats *stats, unsigned producer, const cJSON *brokers)
{
	const cJSON *object;
	size_t n = 0;

	for (size_t i = 0; i < stats->nbrokers; i++)
		if (stats->brokers[i].producer != producer)
			stats->brokers[n++] = stats->brokers[i];
	cJSON_ArrayForEach(object, brokers) if (is_broker(object) && n < STATS_BROKERS)
		take_broker(&stats->brokers[n++], producer, object);
	stats->nbrokers = n;
}

static void
take_topics(KafkaStats *stats, unsigned producer, const cJSON *topics)
{
	const cJSON *object;
	size_t n = 0;

	for (size_t i = 0; i < stats->ntopics; i++)
		if (stats->topics[i].producer != producer)
			stats->topics[n++] = stats->topics[i];
	cJSON_ArrayForEach(object, topics) if (object->string != NULL && n < STATS_TOPICS)
		take_topic(&stats->topics[n++], producer, object);
	stats->ntopics = n;
}

bool
kafkastats_take(KafkaStats *stats, unsigned producer, const char *json, size_t len)
{
	cJSON *root = cJSON_ParseWithLength(json, len);

	if (producer >= STATS_PRODUCERS || !cJSON_IsObject(root))
	{
		cJSON_Delete(root);
		return false;
	}
	stats->producers[producer] = (ProducerNumbers){.known = true,
												   .records = count_of(root, "msg_cnt"),
												   .bytes = count_of(root, "msg_size"),
												   .records_max = count_of(root, "msg_max"),
												   .bytes_max = count_of(root, "msg_size_max"),
												   .sent_records = count_of(root, "txmsgs"),
												   .sent_bytes = count_of(root, "txmsg_bytes")};
	take_brokers(stats, producer, member(root, "brokers"));
	take_topics(stats, producer, member(root, "topics"));
	cJSON_Delete(root);
	return true;
}
