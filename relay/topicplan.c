/*-------------------------------------------------------------------------
 *
 * topicplan.c
 *		Topics as they are asked for, against those that there are.
 *
 *-------------------------------------------------------------------------
 */
#include "topicplan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deadletter.h"
#include "state.h"

/* What the state topic is made with, whatever its group says (see state.c). */
static ConfigPair state_configs[] = {
	{(char[]){"cleanup.policy"}, (char[]){"compact"}, "nova.state.topic"},
	{(char[]){"segment.bytes"}, (char[]){STATE_SEGMENT_BYTES}, "nova.state.topic"},
};

/*
 * What is wanted
 */

bool
topicplan_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > TOPIC_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char) *p) && strchr("._-", *p) == NULL)
			return false;
	return true;
}

static WantedTopic *
find(const TopicPlan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->topics[i].name, name) == 0)
			return &plan->topics[i];
	return NULL;
}

static bool
add_reason(WantedTopic *topic, const char *reason)
{
	char *both;

	if (asprintf(&both, "%s, %s", topic->reason, reason) < 0)
		return false;
	free(topic->reason);
	topic->reason = both;
	return true;
}

static bool
grow(TopicPlan *plan)
{
	size_t size = plan->size == 0 ? 16 : plan->size * 2;
	WantedTopic *grown;

	if (plan->count < plan->size)
		return true;
	grown = realloc(plan->topics, size * sizeof(*grown));
	if (grown == NULL)
		return false;
	plan->topics = grown;
	plan->size = size;
	return true;
}

bool
topicplan_add(TopicPlan *plan, const RelayConfig *cfg, const char *name, const char *reason)
{
	WantedTopic *topic = find(plan, name);

	if (topic != NULL)
		return strcmp(topic->reason, reason) == 0 || add_reason(topic, reason);
	if (!topicplan_name_ok(name) || !grow(plan))
		return false;
	topic = &plan->topics[plan->count];
	*topic = (WantedTopic){
		.name = strdup(name), .reason = strdup(reason), .group = config_topic_group(cfg, name)};
	topic->partitions = topic->group->partitions;
	topic->replication_factor = topic->group->replication_factor;
	topic->configs = topic->group->properties;
	plan->count++;
	return topic->name != NULL && topic->reason != NULL;
}

/* Its form is not a matter of taste: the relay reads it from beginning to end at every start. */
static bool
add_state(TopicPlan *plan, const RelayConfig *cfg)
{
	WantedTopic *topic;

	if (!topicplan_add(plan, cfg, cfg->state_topic, "state of the relay"))
		return false;
	topic = find(plan, cfg->state_topic);
	topic->partitions = 1;
	topic->configs = (ConfigPairs){state_configs, sizeof(state_configs) / sizeof(state_configs[0])};
	return true;
}

/* Where the plugin sends BEGIN and END, as long as no transform renames it. */
static bool
add_transactions(TopicPlan *plan, const RelayConfig *cfg)
{
	const char *wanted = config_pair(&cfg->plugin, "provide.transaction.metadata");
	const char *name = config_pair(&cfg->plugin, "topic.transaction");
	char topic[TOPIC_NAME_MAX + 1];

	if (wanted == NULL || strcmp(wanted, "true") != 0 ||
		config_pair(&cfg->plugin, "transforms") != NULL)
		return true;
	snprintf(topic, sizeof(topic), "%s.%s", cfg->topic_prefix, name != NULL ? name : "transaction");
	return topicplan_add(plan, cfg, topic, "transactions");
}

/* Checked when the configuration was read. */
static bool
add_extra(TopicPlan *plan, const RelayConfig *cfg)
{
	const char *list = cfg->extra_topics != NULL ? cfg->extra_topics : "";

	while (*(list += strspn(list, ", \t")) != '\0')
	{
		size_t len = strcspn(list, ", \t");
		char name[TOPIC_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int) len, list);
		if (!topicplan_add(plan, cfg, name, "nova.topics.extra"))
			return false;
		list += len;
	}
	return true;
}

bool
topicplan_add_own(TopicPlan *plan, const RelayConfig *cfg, bool state)
{
	if (cfg->heartbeat_interval_ms > 0 &&
		!topicplan_add(plan, cfg, cfg->heartbeat_topic, "heartbeats"))
		return false;
	if (cfg->bad_records == BAD_DLQ && !topicplan_add(plan, cfg, cfg->dlq_topic, "dead letters"))
		return false;
	return add_transactions(plan, cfg) && (!state || add_state(plan, cfg)) && add_extra(plan, cfg);
}

static void
free_found(FoundTopic *found)
{
	for (size_t i = 0; i < found->nconfigs; i++)
	{
		free(found->configs[i].name);
		free(found->configs[i].value);
	}
	free(found->configs);
	*found = (FoundTopic){0};
}

void
topicplan_forget(WantedTopic *topic)
{
	free_found(&topic->found);
	topic->ndifferences = 0;
}

void
topicplan_free(TopicPlan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
	{
		topicplan_forget(&plan->topics[i]);
		free(plan->topics[i].name);
		free(plan->topics[i].reason);
	}
	free(plan->topics);
	*plan = (TopicPlan){0};
}

/*
 * Judging
 */

/* The next item of a comma-separated list; its length, 0 at the end. */
static size_t
next_item(const char **list)
{
	*list += strspn(*list, ", \t");
	return strcspn(*list, ", \t");
}

static bool
has_item(const char *list, const char *item, size_t len)
{
	size_t n;

	for (; (n = next_item(&list)) > 0; list += n)
		if (n == len && strncasecmp(list, item, len) == 0)
			return true;
	return false;
}

static bool
all_items_in(const char *a, const char *b)
{
	size_t n;

	for (; (n = next_item(&a)) > 0; a += n)
		if (!has_item(b, a, n))
			return false;
	return true;
}

bool
topicplan_same_value(const char *a, const char *b)
{
	return all_items_in(a, b) && all_items_in(b, a);
}

static const FoundConfig *
found_config(const FoundTopic *found, const char *name)
{
	for (size_t i = 0; i < found->nconfigs; i++)
		if (strcmp(found->configs[i].name, name) == 0)
			return &found->configs[i];
	return NULL;
}

static void
differ(WantedTopic *topic, Difference difference)
{
	if (topic->ndifferences < TOPIC_DIFFERENCES_MAX)
		topic->differences[topic->ndifferences++] = difference;
	topic->verdict = TOPIC_DIFFERENT;
}

void
topicplan_judge(WantedTopic *topic)
{
	const FoundTopic *found = &topic->found;

	topic->ndifferences = 0;
	topic->verdict = found->exists ? TOPIC_EQUAL : TOPIC_MISSING;
	if (!found->exists)
		return;
	if (topic->partitions > 0 && found->partitions != topic->partitions)
		differ(topic, (Difference){.kind = found->partitions < topic->partitions ? DIFFERENT_FEWER
																				 : DIFFERENT_MORE});
	if (topic->replication_factor > 0 && found->replication_factor != topic->replication_factor)
		differ(topic, (Difference){.kind = DIFFERENT_REPLICATION});
	for (size_t i = 0; i < topic->configs.count && !found->unreadable; i++)
	{
		const ConfigPair *asked = &topic->configs.items[i];
		const FoundConfig *there = found_config(found, asked->name);
		const char *is = there != NULL ? there->value : NULL;

		if (is == NULL || !topicplan_same_value(is, asked->value))
			differ(topic, (Difference){.kind = DIFFERENT_CONFIG, .config = asked, .is = is});
	}
}

/*
 * Words
 */

const char *
topicplan_advice(DifferenceKind kind)
{
	switch (kind)
	{
		case DIFFERENT_CONFIG:
			return "nova-relay topics --apply sets it";
		case DIFFERENT_FEWER:
			return "nova-relay topics --apply --add-partitions adds them; then most keys get "
				   "another "
				   "partition, and the order of a key's records across that moment is lost";
		case DIFFERENT_MORE:
			return "Kafka cannot take partitions away: correct topic.creation.*.partitions, or "
				   "make "
				   "the topic anew";
		default:
			return "kafka-reassign-partitions.sh changes it";
	}
}

void
topicplan_describe(const WantedTopic *topic, size_t difference, char *out, size_t size)
{
	const Difference *d = &topic->differences[difference];

	switch (d->kind)
	{
		case DIFFERENT_CONFIG:
			snprintf(out, size, "%s is %s, asked is %s", d->config->name,
					 d->is != NULL ? d->is : "not known to the brokers", d->config->value);
			break;
		case DIFFERENT_FEWER:
		case DIFFERENT_MORE:
			snprintf(out, size, "partitions are %d, asked are %d", topic->found.partitions,
					 topic->partitions);
			break;
		case DIFFERENT_REPLICATION:
			snprintf(out, size, "replication factor is %d, asked is %d",
					 topic->found.replication_factor, topic->replication_factor);
			break;
	}
}

__attribute__((format(printf, 4, 5))) static void
append(char *out, size_t size, size_t *len, const char *fmt, ...)
{
	va_list args;
	int n;

	if (*len >= size)
		return;
	va_start(args, fmt);
	n = vsnprintf(out + *len, size - *len, fmt, args);
	va_end(args);
	if (n > 0)
		*len += (size_t) n;
}

void
topicplan_text(const WantedTopic *topic, char *out, size_t size)
{
	size_t len = 0;

	if (topic->partitions > 0)
		append(out, size, &len, "%d partition%s", topic->partitions,
			   topic->partitions == 1 ? "" : "s");
	else
		append(out, size, &len, "the brokers' partitions");
	if (topic->replication_factor > 0)
		append(out, size, &len, ", replication factor %d", topic->replication_factor);
	for (size_t i = 0; i < topic->configs.count; i++)
		append(out, size, &len, ", %s=%s", topic->configs.items[i].name,
			   topic->configs.items[i].value);
}
