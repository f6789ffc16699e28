/*-------------------------------------------------------------------------
 *
 * samples.h
 *		The last records of each topic, for somebody who looks at the page.
 *
 *	samples_begin(s);						a new interval
 *	samples_take(s, route, topic, &record);	of each record, while somebody looks
 *	samples_print(s)						as JSON, the latest first
 *
 * Kept are beginnings of keys and values.  Of each route only the first few records
 * of an interval are looked at, so that a stream of hundreds of thousands of records
 * a second costs a counter each.
 *
 * Pure.  Traps: a topic beyond SAMPLE_TOPICS and a route beyond SAMPLE_ROUTES are left
 * out; what is kept may hold anything that a record may hold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SAMPLES_H
#define NOVA_RELAY_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define SAMPLES_KEPT       5 /* of a topic */
#define SAMPLE_TOPICS      64
#define SAMPLE_ROUTES      1024
#define SAMPLE_KEY_BYTES   256
#define SAMPLE_VALUE_BYTES 2048
#define SAMPLE_TOPIC_BYTES 250 /* Kafka's longest name, and a null */

typedef struct Sample
{
	bool has_key;
	bool has_value; /* false: a tombstone */
	bool key_cut;
	bool value_cut;
	uint16_t key_len;
	uint16_t value_len;
	char key[SAMPLE_KEY_BYTES];
	char value[SAMPLE_VALUE_BYTES];
} Sample;

typedef struct SampleTopic
{
	char name[SAMPLE_TOPIC_BYTES];
	uint64_t taken; /* the latest is at (taken - 1) % SAMPLES_KEPT */
	Sample last[SAMPLES_KEPT];
} SampleTopic;

/* Large: on the heap.  All zero takes nothing before samples_begin(). */
typedef struct Samples
{
	uint8_t left[SAMPLE_ROUTES]; /* of the interval */
	size_t ntopics;
	SampleTopic topics[SAMPLE_TOPICS];
} Samples;

extern void samples_begin(Samples *s);

extern void samples_take(Samples *s, uint32_t route, const char *topic, const NovaRecord *record);

/* {"topic": [{"key": …, "value": …, "cut": false}, …]}; the caller's to free; NULL: no memory. */
extern char *samples_print(const Samples *s);

#endif /* NOVA_RELAY_SAMPLES_H */
