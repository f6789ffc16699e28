/*-------------------------------------------------------------------------
 *
 * topics.c
 *		`nova-relay topics`: the topics that there are against those asked for.
 *
 * Which topics tables have is asked of the plugin, as verify does; what they
 * should look like is the configuration's (topicplan.h).
 *
 *-------------------------------------------------------------------------
 */
#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "kafkaadmin.h"
#include "log.h"
#include "verify.h"
#include "verify_internal.h"

#define TEXT_MAX 1024

typedef struct Topics
{
	const TopicsArgs *args;
	KafkaAdmin *admin;
	TopicPlan plan;
	cJSON *list; /* of the report */
	bool different;
} Topics;

/* One line, and never EXIT_EQUAL. */
static int
cannot(const char *why)
{
	log_error("cannot compare: %s", why);
	return EXIT_NOT_COMPARABLE;
}

/*
 * Tables
 */

static bool
add_tables(TopicPlan *plan, const RelayConfig *cfg, const VerifyTable *list, size_t n, char *err,
		   size_t errsize)
{
	for (size_t i = 0; i < n; i++)
	{
		char reason[300];

		snprintf(reason, sizeof(reason), "table %s", list[i].name);
		if (topicplan_add(plan, cfg, list[i].topic, reason))
			continue;
		snprintf(err, errsize,
				 "%s: Kafka takes no topic of the name %.300s; correct the routing options", reason,
				 list[i].topic);
		return false;
	}
	return true;
}

bool
topics_of_tables(TopicPlan *plan, const RelayConfig *cfg, int timeout_s, char *err, size_t errsize)
{
	TableSide *side = tables_open(cfg, timeout_s);
	VerifyTable *list = NULL;
	size_t n = 0;
	bool ok = false;

	if (side == NULL)
		snprintf(err, errsize, "out of memory");
	else if (tables_error(side)[0] != '\0' || !tables_list(side, &list, &n))
		snprintf(err, errsize, "%s", tables_error(side));
	else
		ok = add_tables(plan, cfg, list, n, err, errsize);
	tables_free_list(list, n);
	tables_close(side);
	return ok;
}

/*
 * Changing
 */

static size_t
count_kind(const WantedTopic *topic, DifferenceKind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < topic->ndifferences; i++)
		n += topic->differences[i].kind == kind;
	return n;
}

/* Why it did not work is said at once; what it came to, the report says. */
static void
say_refused(const WantedTopic *topic, const char *what, const AdminOutcome *outcome)
{
	log_error("topic %s: %s: %s", topic->name, what, outcome->text);
}

static bool
change_topic(Topics *t, const WantedTopic *topic)
{
	AdminOutcome outcome = {.text = ""};
	bool changed = false;

	if (count_kind(topic, DIFFERENT_CONFIG) > 0)
	{
		changed = admin_set_configs(t->admin, topic, &outcome);
		if (!changed)
			say_refused(topic, "configs cannot be set", &outcome);
	}
	if (t->args->add_partitions && count_kind(topic, DIFFERENT_FEWER) > 0)
	{
		if (admin_add_partitions(t->admin, topic, &outcome))
			changed = true;
		else
			say_refused(topic, "partitions cannot be added", &outcome);
	}
	return changed;
}

static void
say_changes(const Topics *t, const WantedTopic *topic)
{
	char text[TEXT_MAX];

	if (t->args->json)
		return;
	if (topic->verdict == TOPIC_MISSING)
	{
		topicplan_text(topic, text, sizeof(text));
		printf("made     %s: %s\n", topic->name, text);
	}
	for (size_t i = 0; i < topic->ndifferences; i++)
	{
		DifferenceKind kind = topic->differences[i].kind;

		topicplan_describe(topic, i, text, sizeof(text));
		if (kind == DIFFERENT_CONFIG)
			printf("set      %s: %s\n", topic->name, text);
		else if (kind == DIFFERENT_FEWER && t->args->add_partitions)
			printf("added    %s: %s; keys are spread anew: records of a key that were written "
				   "before stay in the partition where they are\n",
				   topic->name, text);
	}
}

static bool
make_missing(Topics *t)
{
	AdminOutcome *outcomes = calloc(t->plan.count + 1, sizeof(*outcomes));
	bool any = false;

	if (outcomes == NULL || !admin_create_missing(t->admin, &t->plan, outcomes))
		log_error("topics cannot be made: out of memory");
	else
		for (size_t i = 0; i < t->plan.count; i++)
		{
			const WantedTopic *topic = &t->plan.topics[i];

			if (topic->verdict != TOPIC_MISSING)
				continue;
			if (admin_is_there(&outcomes[i]))
				say_changes(t, topic);
			else
				say_refused(topic, "cannot be made", &outcomes[i]);
			any |= admin_is_there(&outcomes[i]);
		}
	free(outcomes);
	return any;
}

/* What was changed is looked up again, until the brokers know it. */
static bool
apply(Topics *t)
{
	bool any = make_missing(t);

	for (size_t i = 0; i < t->plan.count; i++)
	{
		WantedTopic *topic = &t->plan.topics[i];

		if (topic->verdict != TOPIC_DIFFERENT || !change_topic(t, topic))
			continue;
		say_changes(t, topic);
		any = true;
	}
	return !any || admin_settle(t->admin, &t->plan, t->args->add_partitions);
}

/*
 * The report
 */

static const char *const verdicts[] = {
	[TOPIC_EQUAL] = "equal", [TOPIC_MISSING] = "missing", [TOPIC_DIFFERENT] = "differs"};

static void
print_topic(const WantedTopic *topic)
{
	char text[TEXT_MAX];

	topicplan_text(topic, text, sizeof(text));
	printf("%-8s %s: %s (%s)\n", verdicts[topic->verdict], topic->name, text, topic->reason);
	if (topic->verdict == TOPIC_MISSING)
		printf("           \xe2\x86\x92 nova-relay topics --apply makes it\n");
	for (size_t i = 0; i < topic->ndifferences; i++)
	{
		topicplan_describe(topic, i, text, sizeof(text));
		printf("           %s  \xe2\x86\x92 %s\n", text,
			   topicplan_advice(topic->differences[i].kind));
	}
}

static void
report_configs(cJSON *item, const WantedTopic *topic)
{
	cJSON *configs = cJSON_AddObjectToObject(item, "configs");

	for (size_t i = 0; i < topic->configs.count; i++)
		cJSON_AddStringToObject(configs, topic->configs.items[i].name,
								topic->configs.items[i].value);
}

cJSON *
topics_item(const WantedTopic *topic)
{
	cJSON *item = cJSON_CreateObject();
	cJSON *differences;
	char text[TEXT_MAX];

	cJSON_AddStringToObject(item, "topic", topic->name);
	cJSON_AddStringToObject(item, "reason", topic->reason);
	cJSON_AddStringToObject(item, "group", topic->group->name);
	cJSON_AddStringToObject(item, "result", verdicts[topic->verdict]);
	if (topic->partitions > 0)
		cJSON_AddNumberToObject(item, "partitions", topic->partitions);
	if (topic->replication_factor > 0)
		cJSON_AddNumberToObject(item, "replication_factor", topic->replication_factor);
	report_configs(item, topic);
	differences = cJSON_AddArrayToObject(item, "differences");
	for (size_t i = 0; i < topic->ndifferences; i++)
	{
		topicplan_describe(topic, i, text, sizeof(text));
		cJSON_AddItemToArray(differences, cJSON_CreateString(text));
	}
	return item;
}

static void
print_json(const Topics *t, cJSON *root)
{
	char *text;

	cJSON_AddStringToObject(root, "result", t->different ? "different" : "equal");
	text = cJSON_PrintUnformatted(root);
	puts(text != NULL ? text : "{}");
	free(text);
}

/* Where configs may not be seen, nothing is said to be equal. */
static const WantedTopic *
unreadable(const Topics *t)
{
	for (size_t i = 0; i < t->plan.count; i++)
		if (t->plan.topics[i].found.unreadable)
			return &t->plan.topics[i];
	return NULL;
}

static int
report(Topics *t)
{
	cJSON *root = cJSON_CreateObject();

	t->list = cJSON_AddArrayToObject(root, "topics");
	for (size_t i = 0; i < t->plan.count; i++)
	{
		const WantedTopic *topic = &t->plan.topics[i];

		t->different |= topic->verdict != TOPIC_EQUAL;
		if (t->args->json)
			cJSON_AddItemToArray(t->list, topics_item(topic));
		else
			print_topic(topic);
	}
	if (t->args->json)
		print_json(t, root);
	else
		puts(t->different ? "different" : "equal");
	cJSON_Delete(root);
	return t->different ? EXIT_DIFFERENT : EXIT_EQUAL;
}

int
relay_topics(const RelayConfig *cfg, const TopicsArgs *args)
{
	Topics t = {.args = args};
	char err[1024] = "out of memory";
	int status;

	if (!topicplan_add_own(&t.plan, cfg, true) ||
		!topics_of_tables(&t.plan, cfg, args->timeout_s, err, sizeof(err)))
		status = cannot(err);
	else if ((t.admin = admin_open(cfg, args->timeout_s, NULL)) == NULL)
		status = cannot("out of memory");
	else if (!admin_find(t.admin, &t.plan) || (args->apply && !apply(&t)))
		status = cannot(admin_error(t.admin));
	else if (unreadable(&t) != NULL)
	{
		snprintf(err, sizeof(err), "topic %s: its configs may not be read; %s",
				 unreadable(&t)->name, admin_advice(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
		status = cannot(err);
	}
	else
		status = report(&t);
	admin_close(t.admin);
	topicplan_free(&t.plan);
	return status;
}
