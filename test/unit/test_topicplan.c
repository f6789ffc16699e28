/*
 * Topics as they are asked for: which ones, of which group, and what differs
 * from those that there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "kafkaadmin.h"
#include "state.h"
#include "topicplan.h"

#define BASE                                                                                       \
	"\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\",\"database.user\":\"u\","                \
	"\"database.dbname\":\"d\""

static RelayConfig *
load(const char *more)
{
	char json[4096];
	char err[512] = "";
	RelayConfig *cfg;

	snprintf(json, sizeof(json), "{" BASE "%s%s}", *more ? "," : "", more);
	cfg = config_parse(json, strlen(json), "test", err, sizeof(err));
	if (cfg == NULL)
		fail_msg("%s", err);
	return cfg;
}

#define GROUPS                                                                                     \
	"\"topic.creation.groups\":\"users,posts\",\"topic.creation.default.partitions\":2,"           \
	"\"topic.creation.default.replication.factor\":3,"                                             \
	"\"topic.creation.users.include\":\"cdc\\\\.users\",\"topic.creation.users.partitions\":5,"    \
	"\"topic.creation.users.cleanup.policy\":\"compact\","                                         \
	"\"topic.creation.posts.include\":\"cdc\\\\..*\",\"topic.creation.posts.exclude\":"            \
	"\"cdc\\\\.dlq\""

static const WantedTopic *
topic_of(const TopicPlan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->topics[i].name, name) == 0)
			return &plan->topics[i];
	return NULL;
}

static void
test_groups(void **state)
{
	RelayConfig *cfg = load(GROUPS);
	TopicPlan plan = {0};

	(void) state;
	assert_true(topicplan_add(&plan, cfg, "cdc.users", "table public.users"));
	assert_true(topicplan_add(&plan, cfg, "cdc.posts", "table a.posts"));
	assert_true(topicplan_add(&plan, cfg, "cdc.posts", "table b.posts"));
	assert_true(topicplan_add(&plan, cfg, "cdc.posts", "table b.posts, table b.posts"));
	assert_true(topicplan_add(&plan, cfg, "cdc.dlq", "dead letters"));
	assert_true(topicplan_add(&plan, cfg, "xcdc.users", "not of that group"));
	assert_int_equal(plan.count, 4);
	assert_int_equal(topic_of(&plan, "cdc.users")->partitions, 5);
	/* as in Connect: what a group does not say is the default's */
	assert_int_equal(topic_of(&plan, "cdc.users")->replication_factor, 3);
	assert_int_equal(topic_of(&plan, "cdc.users")->configs.count, 1);
	assert_int_equal(topic_of(&plan, "cdc.posts")->partitions, 2);
	/* but topic configs are a group's own */
	assert_int_equal(topic_of(&plan, "cdc.posts")->configs.count, 0);
	assert_string_equal(topic_of(&plan, "cdc.posts")->group->name, "posts");
	assert_true(strncmp(topic_of(&plan, "cdc.posts")->reason, "table a.posts, table b.posts", 28) ==
				0);
	assert_string_equal(topic_of(&plan, "cdc.dlq")->group->name, "default");
	assert_string_equal(topic_of(&plan, "xcdc.users")->group->name, "default");
	topicplan_free(&plan);
	config_free(cfg);
}

static void
test_names(void **state)
{
	RelayConfig *cfg = load("");
	TopicPlan plan = {0};
	char longest[TOPIC_NAME_MAX + 2];

	(void) state;
	memset(longest, 'a', sizeof(longest));
	longest[TOPIC_NAME_MAX + 1] = '\0';
	assert_false(topicplan_name_ok(longest));
	longest[TOPIC_NAME_MAX] = '\0';
	assert_true(topicplan_name_ok(longest));
	assert_false(topicplan_name_ok(""));
	assert_false(topicplan_name_ok("."));
	assert_false(topicplan_name_ok(".."));
	assert_false(topicplan_name_ok("a b"));
	assert_false(topicplan_name_ok("\xc3\xa9"));
	assert_true(topicplan_name_ok("cdc.a-b_C.9"));
	assert_false(topicplan_add(&plan, cfg, "a/b", "table x"));
	assert_int_equal(plan.count, 0);
	config_free(cfg);
}

static void
test_own_topics(void **state)
{
	static const char *const all[] = {"__debezium-heartbeat.cdc", "cdc.dlq", "cdc.tx",
									  "__nova-state.cdc",         "events",  "more"};
	RelayConfig *cfg = load("\"heartbeat.interval.ms\":1000,\"nova.on.bad.record\":\"dlq\","
							"\"provide.transaction.metadata\":true,\"topic.transaction\":\"tx\","
							"\"nova.topics.extra\":\"events, more\"");
	TopicPlan plan = {0};
	const WantedTopic *topic;

	(void) state;
	assert_true(topicplan_add_own(&plan, cfg, true));
	assert_int_equal(plan.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_non_null(topic_of(&plan, all[i]));
	topic = topic_of(&plan, "__nova-state.cdc");
	assert_int_equal(topic->partitions, 1);
	assert_string_equal(config_pair(&topic->configs, "cleanup.policy"), "compact");
	assert_string_equal(config_pair(&topic->configs, "segment.bytes"), STATE_SEGMENT_BYTES);
	topicplan_free(&plan);
	assert_true(topicplan_add_own(&plan, cfg, false));
	assert_int_equal(plan.count, 5);
	topicplan_free(&plan);
	config_free(cfg);

	/* what nobody writes to is not wanted */
	cfg = load("");
	assert_true(topicplan_add_own(&plan, cfg, true));
	assert_int_equal(plan.count, 1);
	topicplan_free(&plan);
	config_free(cfg);
}

static void
test_same_values(void **state)
{
	(void) state;
	assert_true(topicplan_same_value("compact,delete", "delete, compact"));
	assert_true(topicplan_same_value("TRUE", "true"));
	assert_true(topicplan_same_value("604800000", "604800000"));
	assert_true(topicplan_same_value("", ""));
	assert_false(topicplan_same_value("compact", "compact,delete"));
	assert_false(topicplan_same_value("compact,delete", "compact"));
	assert_false(topicplan_same_value("60480000", "604800000"));
	assert_false(topicplan_same_value("", "delete"));
}

/* A topic of the group users that is there as given. */
static TopicPlan
found(RelayConfig *cfg, int partitions, int replication, const char *policy)
{
	TopicPlan plan = {0};
	FoundTopic *there;

	assert_true(topicplan_add(&plan, cfg, "cdc.users", "table public.users"));
	there = &plan.topics[0].found;
	there->exists = true;
	there->partitions = partitions;
	there->replication_factor = replication;
	there->configs = calloc(2, sizeof(FoundConfig));
	there->nconfigs = 2;
	there->configs[0] = (FoundConfig){strdup("retention.ms"), strdup("1"), true};
	there->configs[1] =
		(FoundConfig){strdup("cleanup.policy"), policy ? strdup(policy) : NULL, false};
	topicplan_judge(&plan.topics[0]);
	return plan;
}

static void
test_judgement(void **state)
{
	static const struct
	{
		int partitions;
		int replication;
		const char *policy;
		size_t n;
		DifferenceKind first;
		const char *words;
	} cases[] = {
		{5, 3, "compact", 0, 0, ""},
		{4, 3, "compact", 1, DIFFERENT_FEWER, "partitions are 4, asked are 5"},
		{6, 3, "compact", 1, DIFFERENT_MORE, "partitions are 6, asked are 5"},
		{5, 1, "compact", 1, DIFFERENT_REPLICATION, "replication factor is 1, asked is 3"},
		{5, 3, "delete", 1, DIFFERENT_CONFIG, "cleanup.policy is delete, asked is compact"},
		{5, 3, NULL, 1, DIFFERENT_CONFIG,
		 "cleanup.policy is not known to the brokers, asked is compact"},
		{1, 1, "delete", 3, DIFFERENT_FEWER, "partitions are 1, asked are 5"},
	};
	RelayConfig *cfg = load(GROUPS);
	char text[200];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		TopicPlan plan = found(cfg, cases[i].partitions, cases[i].replication, cases[i].policy);
		WantedTopic *topic = &plan.topics[0];

		assert_int_equal(topic->ndifferences, cases[i].n);
		assert_int_equal(topic->verdict, cases[i].n > 0 ? TOPIC_DIFFERENT : TOPIC_EQUAL);
		if (cases[i].n > 0)
		{
			assert_int_equal(topic->differences[0].kind, cases[i].first);
			topicplan_describe(topic, 0, text, sizeof(text));
			assert_string_equal(text, cases[i].words);
			assert_true(strlen(topicplan_advice(cases[i].first)) > 0);
		}
		/* judging again says the same */
		topicplan_judge(topic);
		assert_int_equal(topic->ndifferences, cases[i].n);
		/* without the right to see configs only the rest is judged */
		topic->found.unreadable = true;
		topicplan_judge(topic);
		for (size_t j = 0; j < topic->ndifferences; j++)
			assert_int_not_equal(topic->differences[j].kind, DIFFERENT_CONFIG);
		topicplan_forget(topic);
		topicplan_judge(topic);
		assert_int_equal(topic->verdict, TOPIC_MISSING);
		topicplan_free(&plan);
	}
	config_free(cfg);
}

/* -1 asks for nothing. */
static void
test_broker_defaults(void **state)
{
	RelayConfig *cfg = load("");
	TopicPlan plan = found(cfg, 17, 2, "delete");
	char text[200];

	(void) state;
	assert_int_equal(plan.topics[0].verdict, TOPIC_EQUAL);
	topicplan_text(&plan.topics[0], text, sizeof(text));
	assert_string_equal(text, "the brokers' partitions");
	topicplan_free(&plan);
	config_free(cfg);
	cfg = load(GROUPS);
	plan = found(cfg, 5, 3, "compact");
	topicplan_text(&plan.topics[0], text, sizeof(text));
	assert_string_equal(text, "5 partitions, replication factor 3, cleanup.policy=compact");
	topicplan_text(&plan.topics[0], text, 10);
	assert_string_equal(text, "5 partiti");
	topicplan_free(&plan);
	config_free(cfg);
}

/* When the relay makes topics: as Connect, only if somebody says how. */
static void
test_enabled(void **state)
{
	static const struct
	{
		const char *keys;
		bool enabled;
	} cases[] = {
		{"", false},
		{"\"topic.creation.enable\":true", true},
		{"\"topic.creation.default.partitions\":3", true},
		{"\"topic.creation.default.partitions\":3,\"topic.creation.enable\":false", false},
		{"\"nova.topics.extra\":\"events\"", true},
		{GROUPS, true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		RelayConfig *cfg = load(cases[i].keys);

		assert_int_equal(cfg->create_topics, cases[i].enabled);
		config_free(cfg);
	}
}

static void
refused(const char *more, const char *words)
{
	char json[1024];
	char err[512] = "";

	snprintf(json, sizeof(json), "{" BASE ",%s}", more);
	assert_null(config_parse(json, strlen(json), "test", err, sizeof(err)));
	if (strstr(err, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, err);
}

static void
test_bad_values(void **state)
{
	(void) state;
	refused("\"topic.creation.default.cleanup.policy\":\"compaction\"",
			"topic.creation.default.cleanup.policy: \"compaction\" is not valid; expected compact");
	refused("\"topic.creation.default.cleanup.policy\":\",\"", "topic.creation.default.cleanup");
	refused("\"topic.creation.default.retention.ms\":\"7d\"",
			"topic.creation.default.retention.ms: \"7d\" is not valid; expected a whole number");
	refused("\"topic.creation.default.compression.type\":\"brotli\"",
			"topic.creation.default.compression.type: \"brotli\"");
	refused("\"nova.topics.extra\":\"a,b c\"", "nova.topics.extra: is not valid in a topic name");
	refused("\"topic.creation.enable\":\"yes\"", "topic.creation.enable");
	config_free(load("\"topic.creation.default.cleanup.policy\":\"compact, delete\","
					 "\"topic.creation.default.retention.ms\":-1,"
					 "\"topic.creation.default.local.retention.ms\":\"whatever\""));
}

/* A user without the right to make topics is told which one is missing. */
static void
test_advice(void **state)
{
	(void) state;
	assert_non_null(
		strstr(admin_advice(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), "rights Create"));
	assert_non_null(
		strstr(admin_advice(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED), "Create on"));
	assert_non_null(
		strstr(admin_advice(RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR), "replication.factor"));
	assert_true(strlen(admin_advice(RD_KAFKA_RESP_ERR_UNKNOWN)) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_own_topics), cmocka_unit_test(test_same_values),
		cmocka_unit_test(test_judgement),  cmocka_unit_test(test_broker_defaults),
		cmocka_unit_test(test_enabled),    cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_advice),
	};

	return cmocka_run_group_tests_name("topicplan", tests, NULL, NULL);
}
