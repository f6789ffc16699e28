/*-------------------------------------------------------------------------
 *
 * check_topics.c
 *		The part of `nova-relay check` that is about topics: which would be made,
 *		and how; which differ.
 *
 * What the relay would make is what topicmaker.c makes: the same plan, of the same
 * configuration.  The brokers are asked to validate it, which makes nothing, so that
 * a config they do not know, too many replicas, a policy or a missing right come
 * out here and not at the first start.
 *
 *-------------------------------------------------------------------------
 */
#include "check_topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafkaadmin.h"
#include "topicplan.h"
#include "topics.h"

#define TIMEOUT_S 10
#define TEXT_MAX  1024

typedef struct TopicCheck
{
	Findings *findings;
	const RelayConfig *cfg;
	TopicPlan plan;
	AdminOutcome *outcomes; /* of those that are missing: could they be made? */
} TopicCheck;

/* The topic of its state the relay makes in any case. */
static bool
would_be_made(const RelayConfig *cfg, const WantedTopic *topic)
{
	return cfg->create_topics || strcmp(topic->name, cfg->state_topic) == 0;
}

/* The key of the configuration that the brokers' message is about, or NULL. */
static const char *
key_in(const WantedTopic *topic, const char *message)
{
	for (size_t i = 0; i < topic->configs.count; i++)
		if (topic->configs.items[i].origin != NULL &&
			strstr(message, topic->configs.items[i].name) != NULL)
			return topic->configs.items[i].origin;
	return NULL;
}

static void
refused(const TopicCheck *c, const WantedTopic *topic, const char *what, const AdminOutcome *o)
{
	const char *key = key_in(topic, o->text);
	char fix[512];

	if (o->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		o->err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
	{
		findings_warn(c->findings, what,
					  "let somebody who may run nova-relay topics --apply before the first start",
					  "is missing, and may not be made by this user: %s", o->text);
		return;
	}
	if (key != NULL)
		snprintf(fix, sizeof(fix), "correct or remove %s", key);
	else
		snprintf(fix, sizeof(fix), "correct topic.creation.%s.*, or see the brokers' logs",
				 topic->group->name);
	findings_fail(c->findings, what, fix, "is missing, and the brokers would not make it: %s",
				  o->text);
}

static void
missing(const TopicCheck *c, const WantedTopic *topic, const char *what, const AdminOutcome *o)
{
	char text[TEXT_MAX];

	topicplan_text(topic, text, sizeof(text));
	if (!admin_is_there(o))
		refused(c, topic, what, o);
	else if (would_be_made(c->cfg, topic))
		findings_ok(c->findings, what, "will be made: %s (%s)", text, topic->reason);
	else
		findings_warn(c->findings, what,
					  "nova-relay topics --apply makes it; or set topic.creation.enable to true",
					  "does not exist; made by the brokers it may not be as asked: %s (%s)", text,
					  topic->reason);
}

static void
differs(const TopicCheck *c, const WantedTopic *topic, const char *what)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < topic->ndifferences; i++)
	{
		topicplan_describe(topic, i, text, sizeof(text));
		findings_warn(c->findings, what, topicplan_advice(topic->differences[i].kind), "%s", text);
	}
}

static void
check_topic(const TopicCheck *c, size_t i)
{
	const WantedTopic *topic = &c->plan.topics[i];
	cJSON *item = topics_item(topic);
	char what[300];

	snprintf(what, sizeof(what), "topic %s", topic->name);
	cJSON_AddBoolToObject(item, "will_be_made",
						  topic->verdict == TOPIC_MISSING && would_be_made(c->cfg, topic) &&
							  admin_is_there(&c->outcomes[i]));
	findings_add_topic(c->findings, item);
	if (topic->found.unreadable)
		findings_warn(c->findings, what, admin_advice(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
					  "its configs may not be read, so that they were not compared");
	if (topic->verdict == TOPIC_MISSING)
		missing(c, topic, what, &c->outcomes[i]);
	else if (topic->verdict == TOPIC_DIFFERENT)
		differs(c, topic, what);
	else
		findings_ok(c->findings, what, "%d partition%s, as asked (%s)", topic->found.partitions,
					topic->found.partitions == 1 ? "" : "s", topic->reason);
}

static void
compare(TopicCheck *c)
{
	KafkaAdmin *admin = admin_open(c->cfg, TIMEOUT_S, NULL);

	c->outcomes = calloc(c->plan.count + 1, sizeof(*c->outcomes));
	if (admin == NULL || c->outcomes == NULL)
		findings_fail(c->findings, "topics", "see the memory of this machine", "out of memory");
	else if (!admin_find(admin, &c->plan) || !admin_validate_missing(admin, &c->plan, c->outcomes))
		findings_warn(c->findings, "topics", "see the brokers' logs and the Kafka user's rights",
					  "they could not be compared: %s", admin_error(admin));
	else
		for (size_t i = 0; i < c->plan.count; i++)
			check_topic(c, i);
	free(c->outcomes);
	admin_close(admin);
}

void
check_topics(Findings *f, const RelayConfig *cfg, bool tables)
{
	TopicCheck c = {.findings = f, .cfg = cfg};
	char err[1024];

	if (tables && !topics_of_tables(&c.plan, cfg, TIMEOUT_S, err, sizeof(err)))
		findings_warn(f, "topics", "correct that, and check again",
					  "those of tables are not known: %s; they would be made when their first "
					  "records come",
					  err);
	if (topicplan_add_own(&c.plan, cfg, true))
		compare(&c);
	topicplan_free(&c.plan);
}
