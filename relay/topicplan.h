/*-------------------------------------------------------------------------
 *
 * topicplan.h
 *		Topics as they are asked for, against those that there are.
 *
 *	topicplan_add(&plan, cfg, "cdc.users", "table public.users");	what is wanted
 *	… fill in topic->found …
 *	topicplan_judge(topic)				create, equal, or what differs
 *	topicplan_describe(topic, i, …)		one difference in words
 *
 * What is asked of a topic comes from its group (topic.creation.*): the number
 * of partitions and of replicas, where it is not the brokers' own, and the topic
 * configs that are named there.  What is not named is not looked at.
 *
 * Pure.  Traps: names and reasons are the plan's, topic configs of a wanted topic
 * are the configuration's and must outlive the plan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TOPICPLAN_H
#define NOVA_RELAY_TOPICPLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

#define TOPIC_DIFFERENCES_MAX 64
#define TOPIC_NAME_MAX        249 /* Kafka's bound */

/* A topic config as the brokers have it. */
typedef struct FoundConfig
{
	char *name;
	char *value;  /* NULL: it is secret */
	bool dynamic; /* set for this topic; else a default */
} FoundConfig;

typedef struct FoundTopic
{
	bool exists;
	int partitions;
	int replication_factor;
	FoundConfig *configs;
	size_t nconfigs;
	bool unreadable; /* we may not see its configs: they are not judged */
} FoundTopic;

typedef enum DifferenceKind
{
	DIFFERENT_CONFIG,      /* can be set */
	DIFFERENT_FEWER,       /* fewer partitions than asked: they can be added */
	DIFFERENT_MORE,        /* more: nobody can take them away */
	DIFFERENT_REPLICATION, /* kafka-reassign-partitions.sh can */
} DifferenceKind;

typedef struct Difference
{
	DifferenceKind kind;
	const ConfigPair *config; /* of DIFFERENT_CONFIG */
	const char *is;           /* its value there; NULL: the brokers say none */
} Difference;

typedef enum TopicVerdict
{
	TOPIC_EQUAL,
	TOPIC_MISSING,
	TOPIC_DIFFERENT
} TopicVerdict;

typedef struct WantedTopic
{
	char *name;
	char *reason;            /* who writes to it */
	const TopicGroup *group; /* it is of */
	int partitions;          /* -1: the brokers' default */
	int replication_factor;  /* the same */
	ConfigPairs configs;
	FoundTopic found;
	TopicVerdict verdict;
	Difference differences[TOPIC_DIFFERENCES_MAX];
	size_t ndifferences;
} WantedTopic;

typedef struct TopicPlan
{
	WantedTopic *topics;
	size_t count;
	size_t size;
} TopicPlan;

/*
 * Once per name; another reason is added to the first.  False: out of memory, or
 * it is no name that Kafka takes (see topicplan_name_ok()).
 */
extern bool topicplan_add(TopicPlan *plan, const RelayConfig *cfg, const char *name,
						  const char *reason);

/*
 * The relay's own topics, with or without that of its state, and nova.topics.extra;
 * those of tables somebody else has to look up.
 */
extern bool topicplan_add_own(TopicPlan *plan, const RelayConfig *cfg, bool state);

extern void topicplan_free(TopicPlan *plan);

/* What was found, so that it can be looked up again. */
extern void topicplan_forget(WantedTopic *topic);

/* What Kafka takes as the name of a topic. */
extern bool topicplan_name_ok(const char *name);

/* Sets verdict and differences, the partitions first. */
extern void topicplan_judge(WantedTopic *topic);

/* Equal as topic configs are: lists in any order, booleans in any case. */
extern bool topicplan_same_value(const char *a, const char *b);

/* "cleanup.policy is delete, asked is compact" */
extern void topicplan_describe(const WantedTopic *topic, size_t difference, char *out, size_t size);

/* What to do about it. */
extern const char *topicplan_advice(DifferenceKind kind);

/* "3 partitions, replication factor 1, cleanup.policy=compact": what is asked. */
extern void topicplan_text(const WantedTopic *topic, char *out, size_t size);

#endif /* NOVA_RELAY_TOPICPLAN_H */
