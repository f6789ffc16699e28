/*-------------------------------------------------------------------------
 *
 * topicmaker.c
 *		Missing topics, made beside the loop while it runs.
 *
 *-------------------------------------------------------------------------
 */
#include "topicmaker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafkaadmin.h"
#include "log.h"
#include "thread.h"
#include "topics.h"

#define REQUEST_S 10 /* for one answer; several of them fit into the patience */

/* A topic that is settled, or waited for. */
typedef struct KnownTopic
{
	char *name;
	bool settled;  /* it is there, or was given up */
	int64_t until; /* when it is given up; 0: nobody waits */
} KnownTopic;

struct TopicMaker
{
	const RelayConfig *cfg;
	bool begun; /* the loop's; the thread is there */
	bool told;  /* the loop's: that it took too long */
	int64_t until;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work;
	bool prepared;
	bool late; /* an answer took too long: nobody waits until there is one */
	KnownTopic *known;
	size_t nknown;
};

TopicMaker *
topicmaker_new(const RelayConfig *cfg)
{
	TopicMaker *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->cfg = cfg;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->work, NULL);
	return m;
}

void
topicmaker_free(TopicMaker *m)
{
	if (m == NULL)
		return;
	if (m->begun)
	{
		pthread_mutex_lock(&m->lock);
		atomic_store(&m->stop, true);
		pthread_cond_signal(&m->work);
		pthread_mutex_unlock(&m->lock);
		pthread_join(m->thread, NULL);
	}
	for (size_t i = 0; i < m->nknown; i++)
		free(m->known[i].name);
	free(m->known);
	pthread_cond_destroy(&m->work);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/*
 * What is known, under the lock
 */

static KnownTopic *
find(const TopicMaker *m, const char *name)
{
	for (size_t i = 0; i < m->nknown; i++)
		if (strcmp(m->known[i].name, name) == 0)
			return &m->known[i];
	return NULL;
}

/* NULL when out of memory. */
static KnownTopic *
know(TopicMaker *m, const char *name)
{
	KnownTopic *topic = find(m, name);
	KnownTopic *grown;

	if (topic != NULL)
		return topic;
	grown = realloc(m->known, (m->nknown + 1) * sizeof(*grown));
	if (grown == NULL)
		return NULL;
	m->known = grown;
	topic = &m->known[m->nknown];
	*topic = (KnownTopic){.name = strdup(name)};
	if (topic->name == NULL)
		return NULL;
	m->nknown++;
	return topic;
}

static void
settle(TopicMaker *m, const TopicPlan *plan)
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < plan->count; i++)
	{
		KnownTopic *topic = know(m, plan->topics[i].name);

		if (topic != NULL)
			topic->settled = true;
	}
	m->late = false;
	pthread_mutex_unlock(&m->lock);
}

/*
 * The thread
 */

/* In one line; what to do about each, the command says. */
static void
say_difference(const WantedTopic *topic)
{
	char line[1024];
	size_t len = 0;

	for (size_t i = 0; i < topic->ndifferences && len + 4 < sizeof(line); i++)
	{
		len += (size_t) snprintf(line + len, sizeof(line) - len, "%s", i > 0 ? "; " : "");
		topicplan_describe(topic, i, line + len, sizeof(line) - len);
		len = strlen(line);
	}
	if (topic->ndifferences > 0)
		log_warn("topic %s (%s): %s; it stays as it is: see nova-relay topics", topic->name,
				 topic->reason, line);
}

static void
say_made(const WantedTopic *topic, const AdminOutcome *outcome)
{
	char text[512];

	topicplan_text(topic, text, sizeof(text));
	if (!admin_is_there(outcome))
		log_warn("topic %s (%s): cannot be made: %s; until then it is as the brokers make it "
				 "(auto.create.topics.enable): nova-relay topics says what is asked",
				 topic->name, topic->reason, outcome->text);
	else if (outcome->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		log_info("made the topic %s (%s): %s", topic->name, topic->reason, text);
	else
		log_info("topic %s (%s): somebody else has just made it; nova-relay topics compares it",
				 topic->name, topic->reason);
}

static void
make_and_say(KafkaAdmin *admin, const TopicPlan *plan)
{
	AdminOutcome *outcomes = calloc(plan->count + 1, sizeof(*outcomes));

	if (outcomes != NULL && admin_create_missing(admin, plan, outcomes))
		for (size_t i = 0; i < plan->count; i++)
		{
			if (plan->topics[i].verdict == TOPIC_MISSING)
				say_made(&plan->topics[i], &outcomes[i]);
			else
				say_difference(&plan->topics[i]);
		}
	free(outcomes);
}

/* See to all topics of a plan. */
static void
make_missing(TopicMaker *m, TopicPlan *plan)
{
	KafkaAdmin *admin = admin_open(m->cfg, REQUEST_S, &m->stop);

	if (admin == NULL || !admin_find(admin, plan))
	{
		if (!atomic_load(&m->stop))
			log_warn("topics could not be looked at: %s; going on, those that are missing are as "
					 "the brokers make them",
					 admin == NULL ? "out of memory" : admin_error(admin));
	}
	else
		make_and_say(admin, plan);
	settle(m, plan);
	admin_close(admin);
}

static void
prepare(TopicMaker *m)
{
	TopicPlan plan = {0};
	char err[1024] = "out of memory";

	if (!topics_of_tables(&plan, m->cfg, REQUEST_S, err, sizeof(err)) && !atomic_load(&m->stop))
		log_warn("topics of tables are made when their first records come: %s", err);
	/* the state topic is left to state.c, which knows when it is needed */
	if (topicplan_add_own(&plan, m->cfg, false))
		make_missing(m, &plan);
	topicplan_free(&plan);
}

/* Topics that records wait for, by their names; false: none. */
static bool
take_requests(TopicMaker *m, TopicPlan *plan)
{
	for (size_t i = 0; i < m->nknown; i++)
		if (!m->known[i].settled)
			(void) topicplan_add(plan, m->cfg, m->known[i].name, "named by records");
	return plan->count > 0;
}

static void *
work(void *arg)
{
	TopicMaker *m = arg;
	TopicPlan plan = {0};

	prepare(m);
	pthread_mutex_lock(&m->lock);
	m->prepared = true;
	while (!atomic_load(&m->stop))
	{
		if (!take_requests(m, &plan))
		{
			pthread_cond_wait(&m->work, &m->lock);
			continue;
		}
		pthread_mutex_unlock(&m->lock);
		make_missing(m, &plan);
		topicplan_free(&plan);
		pthread_mutex_lock(&m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	topicplan_free(&plan);
	return NULL;
}

/*
 * The loop's side
 */

void
topicmaker_begin(TopicMaker *m, int64_t now)
{
	int rc;

	if (m->begun)
		return;
	m->until = now + TOPICMAKER_PATIENCE_MS;
	rc = thread_start(&m->thread, work, m);
	m->begun = rc == 0;
	if (rc == 0)
		return;
	log_warn("topics are not made: cannot start a thread: %s", strerror(rc));
	m->until = now;
	m->told = true;
}

bool
topicmaker_ready(TopicMaker *m, int64_t now)
{
	bool prepared;

	pthread_mutex_lock(&m->lock);
	prepared = m->prepared;
	m->late = !prepared && now >= m->until;
	pthread_mutex_unlock(&m->lock);
	if (prepared || now < m->until)
		return prepared;
	if (!m->told)
		log_warn("topics could not be seen to within %d s; going on, those that are missing are "
				 "as the brokers make them until then",
				 TOPICMAKER_PATIENCE_MS / 1000);
	m->told = true;
	return true;
}

/* One that is not settled in time is not asked for again. */
static bool
is_settled(TopicMaker *m, KnownTopic *topic, int64_t now)
{
	if (topic->settled || m->late)
		return true;
	if (topic->until == 0)
		topic->until = now + TOPICMAKER_PATIENCE_MS;
	if (now < topic->until)
		return false;
	log_warn("topic %s: it could not be made within %d s; going on, it is as the brokers make it",
			 topic->name, TOPICMAKER_PATIENCE_MS / 1000);
	m->late = true;
	return true;
}

bool
topicmaker_has(TopicMaker *m, const char *topic, int64_t now)
{
	KnownTopic *known;
	bool settled;

	if (!m->begun)
		return true;
	pthread_mutex_lock(&m->lock);
	known = know(m, topic);
	/* without memory, or with a name that Kafka refuses, the sink has to say so */
	settled = known == NULL || !topicplan_name_ok(topic) || is_settled(m, known, now);
	if (known != NULL && settled)
		known->settled = true;
	if (!settled)
		pthread_cond_signal(&m->work);
	pthread_mutex_unlock(&m->lock);
	return settled;
}
