/*-------------------------------------------------------------------------
 *
 * kafkaadmin.c
 *		What topics there are and how they are made up; making and changing them.
 *
 *-------------------------------------------------------------------------
 */
#include "kafkaadmin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafkaadvice.h"
#include "log.h"
#include "pgstream.h"
#include "pgwait.h"

#define STEP_MS 250

/* For what was changed to be known to the broker that is asked. */
#define SETTLE_MS      3000
#define SETTLE_POLL_MS 50

struct KafkaAdmin
{
	const RelayConfig *cfg;
	const atomic_bool *stop;
	int timeout_ms;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int security;   /* an error of TLS or SASL, or 0 */
	char last[512]; /* what librdkafka complained of */
	char error[1024];
};

static const struct
{
	rd_kafka_resp_err_t err;
	const char *advice;
} advices[] = {
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	 "give the Kafka user the rights Create, Describe, DescribeConfigs (and to change topics Alter "
	 "and AlterConfigs) on these topics, or have them made by somebody who has"},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
	 "give the Kafka user Create on the cluster or on these topics, or have them made by somebody "
	 "who has"},
	{RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
	 "lower topic.creation.*.replication.factor (REPLICATION_FACTOR) or add brokers"},
	{RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, "correct topic.creation.*.partitions"},
	{RD_KAFKA_RESP_ERR_INVALID_CONFIG, "correct that topic.creation.* key"},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "the cluster's policy refuses it; ask who set the policy"},
	{RD_KAFKA_RESP_ERR__TIMED_OUT, "see the brokers' logs"},
};

const char *
admin_advice(rd_kafka_resp_err_t err)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (advices[i].err == err)
			return advices[i].advice;
	return "see the brokers' logs and the Kafka user's rights";
}

__attribute__((format(printf, 2, 3))) static bool
fail(KafkaAdmin *a, const char *fmt, ...)
{
	va_list args;
	char text[sizeof(a->error)];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pgstream_one_line(a->error, sizeof(a->error), text);
	return false;
}

/*
 * The client
 */

static void
on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	KafkaAdmin *a = arg;

	(void) rk;
	if (err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		a->security = err;
	/* that all brokers are down adds nothing to the reason that came before */
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || a->last[0] == '\0')
		pgstream_one_line(a->last, sizeof(a->last), reason);
}

static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	if (strcmp(facility, "CONFWARN") != 0)
		log_debug("kafka: %d: %s", level, text);
}

/* The relay's own properties: what works for records works here. */
static bool
configure(KafkaAdmin *a, rd_kafka_conf_t *conf)
{
	char text[512];

	for (size_t i = 0; i < a->cfg->kafka.count; i++)
	{
		const ConfigPair *pair = &a->cfg->kafka.items[i];

		if (rd_kafka_conf_set(conf, pair->name, pair->value, text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
			return fail(a, "%s: %s; correct or remove that key", pair->origin, text);
	}
	rd_kafka_conf_set_opaque(conf, a);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	return true;
}

KafkaAdmin *
admin_open(const RelayConfig *cfg, int timeout_s, const atomic_bool *stop)
{
	KafkaAdmin *a = calloc(1, sizeof(*a));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	if (a != NULL)
	{
		*a = (KafkaAdmin){.cfg = cfg, .stop = stop, .timeout_ms = timeout_s * 1000};
		if (configure(a, conf))
		{
			a->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
			if (a->rk != NULL)
			{
				a->queue = rd_kafka_queue_new(a->rk);
				return a;
			}
			(void) fail(a, "Kafka: %s; correct the producer settings", text);
		}
	}
	rd_kafka_conf_destroy(conf);
	return a;
}

void
admin_close(KafkaAdmin *a)
{
	if (a == NULL)
		return;
	if (a->queue != NULL)
		rd_kafka_queue_destroy(a->queue);
	if (a->rk != NULL)
		rd_kafka_destroy(a->rk);
	free(a);
}

const char *
admin_error(const KafkaAdmin *a)
{
	return a->error;
}

static bool
is_stopped(const KafkaAdmin *a)
{
	return a->stop != NULL && atomic_load(a->stop);
}

static bool
fail_kafka(KafkaAdmin *a, const char *what, rd_kafka_resp_err_t err)
{
	char advice[512] = "check bootstrap.servers, the network, TLS and SASL settings";

	(void) rd_kafka_poll(a->rk, 0);
	if (!kafkaadvice(a->cfg, a->security, advice, sizeof(advice)) &&
		err != RD_KAFKA_RESP_ERR__TRANSPORT && err != RD_KAFKA_RESP_ERR__TIMED_OUT)
		snprintf(advice, sizeof(advice), "%s", admin_advice(err));
	return fail(a, "Kafka: %s: %s%s%s; %s", what, rd_kafka_err2str(err),
				a->last[0] != '\0' ? ": " : "", a->last, advice);
}

/*
 * Requests
 */

static rd_kafka_AdminOptions_t *
options_for(KafkaAdmin *a, rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->rk, op);
	char text[128];

	(void) rd_kafka_AdminOptions_set_request_timeout(options, a->timeout_ms, text, sizeof(text));
	/* only to make topics and partitions: brokers are to know them before they answer */
	if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_CREATEPARTITIONS)
		(void) rd_kafka_AdminOptions_set_operation_timeout(options, a->timeout_ms, text,
														   sizeof(text));
	return options;
}

/* The answer to the one request that is under way; NULL: stopped, or none came. */
static rd_kafka_event_t *
await(KafkaAdmin *a, rd_kafka_event_type_t type)
{
	/* the request has a time limit of its own, and says so */
	int64_t until = pgwait_now() + a->timeout_ms + 2 * STEP_MS;

	while (!is_stopped(a) && pgwait_now() < until)
	{
		rd_kafka_event_t *event = rd_kafka_queue_poll(a->queue, STEP_MS);

		(void) rd_kafka_poll(a->rk, 0);
		if (event == NULL)
			continue;
		if (rd_kafka_event_type(event) == type)
			return event;
		rd_kafka_event_destroy(event);
	}
	return NULL;
}

static void
set_outcome(AdminOutcome *outcome, rd_kafka_resp_err_t err, const char *text)
{
	char line[400];

	outcome->err = err;
	outcome->text[0] = '\0';
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	pgstream_one_line(line, sizeof(line), text != NULL ? text : rd_kafka_err2str(err));
	snprintf(outcome->text, sizeof(outcome->text), "%s; %s", line, admin_advice(err));
}

/*
 * Making topics
 */

static AdminOutcome *
outcome_of(const TopicPlan *plan, AdminOutcome *outcomes, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->topics[i].name, name) == 0)
			return &outcomes[i];
	return NULL;
}

static void
set_all_outcomes(const TopicPlan *plan, AdminOutcome *outcomes, rd_kafka_resp_err_t err,
				 const char *text)
{
	for (size_t i = 0; i < plan->count; i++)
		set_outcome(&outcomes[i], err, text);
}

static void
take_created(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes)
{
	rd_kafka_event_t *event = await(a, RD_KAFKA_EVENT_CREATETOPICS_RESULT);
	const rd_kafka_topic_result_t **results;
	size_t n;

	set_all_outcomes(plan, outcomes, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
	if (event == NULL)
		return;
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		set_all_outcomes(plan, outcomes, rd_kafka_event_error(event),
						 rd_kafka_event_error_string(event));
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	for (size_t i = 0; i < n; i++)
	{
		AdminOutcome *outcome = outcome_of(plan, outcomes, rd_kafka_topic_result_name(results[i]));

		if (outcome != NULL)
			set_outcome(outcome, rd_kafka_topic_result_error(results[i]),
						rd_kafka_topic_result_error_string(results[i]));
	}
	rd_kafka_event_destroy(event);
}

/* NULL, and why, when librdkafka refuses it. */
static rd_kafka_NewTopic_t *
new_topic(const WantedTopic *topic, char *text, size_t size)
{
	rd_kafka_NewTopic_t *fresh = rd_kafka_NewTopic_new(topic->name, topic->partitions,
													   topic->replication_factor, text, size);

	for (size_t i = 0; i < topic->configs.count && fresh != NULL; i++)
		(void) rd_kafka_NewTopic_set_config(fresh, topic->configs.items[i].name,
											topic->configs.items[i].value);
	return fresh;
}

static bool
create_missing(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes, bool validate)
{
	rd_kafka_NewTopic_t **fresh = calloc(plan->count + 1, sizeof(*fresh));
	rd_kafka_AdminOptions_t *options;
	char text[256] = "";
	size_t n = 0;

	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->topics[i].verdict == TOPIC_MISSING &&
			(fresh[n] = new_topic(&plan->topics[i], text, sizeof(text))) != NULL)
			n++;
	if (n > 0)
	{
		options = options_for(a, RD_KAFKA_ADMIN_OP_CREATETOPICS);
		if (validate)
			(void) rd_kafka_AdminOptions_set_validate_only(options, 1, text, sizeof(text));
		rd_kafka_CreateTopics(a->rk, fresh, n, options, a->queue);
		rd_kafka_AdminOptions_destroy(options);
		rd_kafka_NewTopic_destroy_array(fresh, n);
		take_created(a, plan, outcomes);
	}
	else
		set_all_outcomes(plan, outcomes, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
	free(fresh);
	return true;
}

bool
admin_create_missing(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes)
{
	return create_missing(a, plan, outcomes, false);
}

bool
admin_validate_missing(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes)
{
	return create_missing(a, plan, outcomes, true);
}

bool
admin_is_there(const AdminOutcome *outcome)
{
	return outcome->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
		   outcome->err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
}

/*
 * Changing topics
 */

static bool
finish_partitions(KafkaAdmin *a, AdminOutcome *outcome)
{
	rd_kafka_event_t *event = await(a, RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT);
	const rd_kafka_topic_result_t **results;
	size_t n = 0;

	if (event == NULL)
		set_outcome(outcome, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
	else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		set_outcome(outcome, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	else
	{
		results = rd_kafka_CreatePartitions_result_topics(
			rd_kafka_event_CreatePartitions_result(event), &n);
		set_outcome(outcome,
					n > 0 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL,
					n > 0 ? rd_kafka_topic_result_error_string(results[0]) : NULL);
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return outcome->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
admin_add_partitions(KafkaAdmin *a, const WantedTopic *topic, AdminOutcome *outcome)
{
	rd_kafka_AdminOptions_t *options;
	rd_kafka_NewPartitions_t *more;
	char text[256];

	more = rd_kafka_NewPartitions_new(topic->name, (size_t) topic->partitions, text, sizeof(text));
	if (more == NULL)
	{
		set_outcome(outcome, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
		return false;
	}
	options = options_for(a, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
	rd_kafka_CreatePartitions(a->rk, &more, 1, options, a->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewPartitions_destroy(more);
	return finish_partitions(a, outcome);
}

static bool
is_asked(const WantedTopic *topic, const char *name)
{
	return config_pair(&topic->configs, name) != NULL;
}

/* All that is set for the topic already, but what is asked anew; false: some is secret. */
static bool
keep_configs(const WantedTopic *topic, rd_kafka_ConfigResource_t *resource)
{
	for (size_t i = 0; i < topic->found.nconfigs; i++)
	{
		const FoundConfig *config = &topic->found.configs[i];

		if (!config->dynamic || is_asked(topic, config->name))
			continue;
		if (config->value == NULL)
			return false;
		(void) rd_kafka_ConfigResource_set_config(resource, config->name, config->value);
	}
	return true;
}

static bool
finish_alter(KafkaAdmin *a, AdminOutcome *outcome)
{
	rd_kafka_event_t *event = await(a, RD_KAFKA_EVENT_ALTERCONFIGS_RESULT);
	const rd_kafka_ConfigResource_t **resources;
	size_t n = 0;

	if (event == NULL)
		set_outcome(outcome, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
	else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		set_outcome(outcome, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	else
	{
		resources =
			rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
		set_outcome(outcome,
					n > 0 ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__FAIL,
					n > 0 ? rd_kafka_ConfigResource_error_string(resources[0]) : NULL);
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return outcome->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
admin_set_configs(KafkaAdmin *a, const WantedTopic *topic, AdminOutcome *outcome)
{
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic->name);
	rd_kafka_AdminOptions_t *options;

	if (!keep_configs(topic, resource))
	{
		rd_kafka_ConfigResource_destroy(resource);
		outcome->err = RD_KAFKA_RESP_ERR__INVALID_ARG;
		snprintf(outcome->text, sizeof(outcome->text),
				 "a secret config is set for it, which would be lost; use kafka-configs.sh --alter "
				 "--entity-type topics --entity-name %s --add-config NAME=VALUE",
				 topic->name);
		return false;
	}
	for (size_t i = 0; i < topic->configs.count; i++)
		(void) rd_kafka_ConfigResource_set_config(resource, topic->configs.items[i].name,
												  topic->configs.items[i].value);
	options = options_for(a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
	rd_kafka_AlterConfigs(a->rk, &resource, 1, options, a->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	return finish_alter(a, outcome);
}

/*
 * Finding
 */

static bool
take_metadata(KafkaAdmin *a, TopicPlan *plan, const struct rd_kafka_metadata *metadata)
{
	for (size_t i = 0; i < plan->count; i++)
	{
		WantedTopic *topic = &plan->topics[i];

		topicplan_forget(topic);
		topic->found.exists = false;
		for (int j = 0; j < metadata->topic_cnt; j++)
		{
			const rd_kafka_metadata_topic_t *m = &metadata->topics[j];

			if (strcmp(m->topic, topic->name) != 0)
				continue;
			if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
				m->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
				return fail_kafka(a, topic->name, m->err);
			topic->found.exists = true;
			topic->found.partitions = m->partition_cnt;
			topic->found.replication_factor =
				m->partition_cnt > 0 ? m->partitions[0].replica_cnt : -1;
		}
	}
	return true;
}

/* All topics, because a question about one may make it. */
static bool
find_topics(KafkaAdmin *a, TopicPlan *plan)
{
	const struct rd_kafka_metadata *metadata = NULL;
	int64_t until = pgwait_now() + a->timeout_ms;
	rd_kafka_resp_err_t err;
	bool ok;

	/* a wrong password stays wrong: that is not waited for */
	do
	{
		err = rd_kafka_metadata(a->rk, 1, NULL, &metadata, STEP_MS);
		(void) rd_kafka_poll(a->rk, 0);
	} while (err != RD_KAFKA_RESP_ERR_NO_ERROR && a->security == 0 && !is_stopped(a) &&
			 pgwait_now() < until);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_kafka(a, "the list of topics", err);
	ok = take_metadata(a, plan, metadata);
	rd_kafka_metadata_destroy(metadata);
	return ok;
}

static bool
take_configs(KafkaAdmin *a, WantedTopic *topic, const rd_kafka_ConfigResource_t *resource)
{
	size_t n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);

	rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(resource);

	topic->found.unreadable = err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	if (topic->found.unreadable)
		return true;
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_kafka(a, topic->name, err);
	topic->found.configs = calloc(n + 1, sizeof(FoundConfig));
	if (topic->found.configs == NULL)
		return fail(a, "out of memory");
	for (size_t i = 0; i < n; i++)
	{
		FoundConfig *config = &topic->found.configs[topic->found.nconfigs++];
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		config->name = strdup(rd_kafka_ConfigEntry_name(entries[i]));
		config->value = value != NULL ? strdup(value) : NULL;
		config->dynamic =
			rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
		if (config->name == NULL || (value != NULL && config->value == NULL))
			return fail(a, "out of memory");
	}
	return true;
}

static WantedTopic *
topic_named(TopicPlan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->topics[i].name, name) == 0)
			return &plan->topics[i];
	return NULL;
}

static bool
take_all_configs(KafkaAdmin *a, TopicPlan *plan, rd_kafka_event_t *event)
{
	const rd_kafka_ConfigResource_t **resources;
	size_t n;

	if (event == NULL)
		return fail_kafka(a, "topic configs", RD_KAFKA_RESP_ERR__TIMED_OUT);
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_kafka(a, "topic configs", rd_kafka_event_error(event));
	resources =
		rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
	for (size_t i = 0; i < n; i++)
	{
		WantedTopic *topic = topic_named(plan, rd_kafka_ConfigResource_name(resources[i]));

		if (topic != NULL && !take_configs(a, topic, resources[i]))
			return false;
	}
	return true;
}

/* Only of topics that something is asked of. */
static bool
find_configs(KafkaAdmin *a, TopicPlan *plan)
{
	rd_kafka_ConfigResource_t **asked = calloc(plan->count + 1, sizeof(*asked));
	rd_kafka_AdminOptions_t *options;
	rd_kafka_event_t *event;
	size_t n = 0;
	bool ok = true;

	if (asked == NULL)
		return fail(a, "out of memory");
	for (size_t i = 0; i < plan->count; i++)
		if (plan->topics[i].found.exists && plan->topics[i].configs.count > 0)
			asked[n++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, plan->topics[i].name);
	if (n > 0)
	{
		options = options_for(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
		rd_kafka_DescribeConfigs(a->rk, asked, n, options, a->queue);
		rd_kafka_AdminOptions_destroy(options);
		event = await(a, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT);
		ok = take_all_configs(a, plan, event);
		if (event != NULL)
			rd_kafka_event_destroy(event);
	}
	rd_kafka_ConfigResource_destroy_array(asked, n);
	free(asked);
	return ok;
}

bool
admin_find(KafkaAdmin *a, TopicPlan *plan)
{
	if (a->rk == NULL || !find_topics(a, plan) || !find_configs(a, plan))
		return false;
	for (size_t i = 0; i < plan->count; i++)
		topicplan_judge(&plan->topics[i]);
	return true;
}

/* Is there anything left that a change should have settled? */
static bool
is_unsettled(const TopicPlan *plan, bool partitions)
{
	for (size_t i = 0; i < plan->count; i++)
	{
		const WantedTopic *topic = &plan->topics[i];

		if (topic->verdict == TOPIC_MISSING)
			return true;
		for (size_t j = 0; j < topic->ndifferences; j++)
			if (topic->differences[j].kind == DIFFERENT_CONFIG ||
				(partitions && topic->differences[j].kind == DIFFERENT_FEWER))
				return true;
	}
	return false;
}

bool
admin_settle(KafkaAdmin *a, TopicPlan *plan, bool partitions)
{
	const struct timespec pause = {.tv_nsec = SETTLE_POLL_MS * 1000000L};
	int64_t until = pgwait_now() + SETTLE_MS;

	while (admin_find(a, plan))
	{
		if (!is_unsettled(plan, partitions) || is_stopped(a) || pgwait_now() >= until)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}
