/*-------------------------------------------------------------------------
 *
 * topicmaker.h
 *		Missing topics, made beside the loop while it runs.
 *
 *	maker = topicmaker_new(cfg);			NULL: out of memory
 *	topicmaker_begin(maker, now)			PostgreSQL can be asked for its tables now
 *	topicmaker_ready(maker, now)			all that are known have been seen to
 *	topicmaker_has(maker, topic, now)		may records go there?
 *	topicmaker_free(maker);					waits for the request under way
 *
 * A thread of its own does what blocks.  At the start it looks at the topics of all
 * captured tables and at the relay's own, and makes those that are missing; later
 * it makes those that records name for the first time, so that the brokers do not
 * make them with partitions of their own choice.  A topic that exists is left as
 * it is; that it differs is said once.
 *
 * Nobody waits longer than TOPICMAKER_PATIENCE_MS: what could not be made by then,
 * or may not be, is said with the fix, and the brokers do with its records what
 * they did before (auto.create.topics.enable).
 *
 * Traps: nothing but time wakes a loop that waits: ask every TOPICMAKER_POLL_MS.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TOPICMAKER_H
#define NOVA_RELAY_TOPICMAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define TOPICMAKER_PATIENCE_MS 30000
#define TOPICMAKER_POLL_MS     20

typedef struct TopicMaker TopicMaker;

extern TopicMaker *topicmaker_new(const RelayConfig *cfg);
extern void topicmaker_free(TopicMaker *m);

/* Does nothing the second time. */
extern void topicmaker_begin(TopicMaker *m, int64_t now);

extern bool topicmaker_ready(TopicMaker *m, int64_t now);

/* False: it is being made; ask again. */
extern bool topicmaker_has(TopicMaker *m, const char *topic, int64_t now);

#endif /* NOVA_RELAY_TOPICMAKER_H */
