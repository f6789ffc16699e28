/*-------------------------------------------------------------------------
 *
 * kafkastats.h
 *		The essentials of librdkafka's statistics.
 *
 *	kafkastats_take(&stats, producer, json);	each time that librdkafka tells
 *
 * Pure.  Of each producer (exactly once there are several), its queue, its brokers
 * and its topics; what was known of that producer is replaced.  Memory is bounded:
 * brokers and topics beyond the limits are left out.
 *
 * Traps: the JSON has every partition, and may be as large as a megabyte, so that
 * it is not asked for more often than every few seconds.  Times are microseconds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKASTATS_H
#define NOVA_RELAY_KAFKASTATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_PRODUCERS 4
#define STATS_BROKERS   64
#define STATS_TOPICS    100

typedef struct ProducerNumbers
{
	bool known;
	uint64_t records; /* in its queue and under way */
	uint64_t bytes;
	uint64_t records_max;
	uint64_t bytes_max;
	uint64_t sent_records;
	uint64_t sent_bytes;
} ProducerNumbers;

typedef struct BrokerNumbers
{
	unsigned producer;
	char name[144]; /* host:port/id */
	bool up;
	uint64_t rtt_avg_us;
	uint64_t rtt_p99_us;
	uint64_t waiting_requests; /* to be sent */
	uint64_t waiting_records;
	uint64_t open_requests; /* sent, not answered */
	uint64_t requests;
	uint64_t errors;
	uint64_t retries;
	uint64_t timeouts;
	uint64_t disconnects;
} BrokerNumbers;

typedef struct TopicNumbers
{
	unsigned producer;
	char name[250];
	uint64_t batch_bytes; /* on average */
	uint64_t batch_records;
} TopicNumbers;

typedef struct KafkaStats
{
	ProducerNumbers producers[STATS_PRODUCERS];
	BrokerNumbers brokers[STATS_BROKERS];
	size_t nbrokers;
	TopicNumbers topics[STATS_TOPICS];
	size_t ntopics;
	char cluster[64]; /* its id, which is not among the statistics; "": not known yet */
} KafkaStats;

/* False if it is not what librdkafka writes, or memory is short: then nothing changes. */
extern bool kafkastats_take(KafkaStats *stats, unsigned producer, const char *json, size_t len);

#endif /* NOVA_RELAY_KAFKASTATS_H */
