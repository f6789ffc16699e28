/*-------------------------------------------------------------------------
 *
 * kafkaadmin.h
 *		What topics there are and how they are made up; making and changing them.
 *
 *	admin = admin_open(cfg, timeout_s, stop);
 *	admin_find(admin, plan)					fills found of every topic of the plan
 *	admin_create_missing(admin, plan, outcomes)	and so on
 *	admin_close(admin);
 *
 * Everything here blocks, with a time limit, until *stop is set by another thread;
 * not for the relay's loop.  What returns false has put one line into
 * admin_error().  Asking makes no topic.
 *
 * Traps: AlterConfigs, the only call that librdkafka before 2.2 has, resets what
 * it does not name.  So admin_set_configs() gives all that is set for the topic
 * anew, as admin_find() saw it, and refuses where some of that is secret; what
 * somebody else sets between the two is lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKAADMIN_H
#define NOVA_RELAY_KAFKAADMIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include <librdkafka/rdkafka.h>

#include "config.h"
#include "topicplan.h"

typedef struct KafkaAdmin KafkaAdmin;

/* What has become of one request. */
typedef struct AdminOutcome
{
	rd_kafka_resp_err_t err;
	char text[512]; /* one line: what the brokers say, and what to do */
} AdminOutcome;

/* stop may be NULL.  NULL when out of memory; a bad property is an error of the first call. */
extern KafkaAdmin *admin_open(const RelayConfig *cfg, int timeout_s, const atomic_bool *stop);
extern void admin_close(KafkaAdmin *a);
extern const char *admin_error(const KafkaAdmin *a);

/* Look all topics of the plan up, and judge them. */
extern bool admin_find(KafkaAdmin *a, TopicPlan *plan);

/*
 * The same after changes: brokers know them a moment later.  Until what can be
 * changed is as it is asked (partitions only if told so), or the time is over.
 */
extern bool admin_settle(KafkaAdmin *a, TopicPlan *plan, bool partitions);

/*
 * All that the plan misses, in one request; outcomes has room for every topic of
 * the plan, and is filled for those.  False: out of memory.
 */
extern bool admin_create_missing(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes);

/* The same, but the brokers only say whether they would. */
extern bool admin_validate_missing(KafkaAdmin *a, const TopicPlan *plan, AdminOutcome *outcomes);

/* It is there now, by us or by somebody who was faster. */
extern bool admin_is_there(const AdminOutcome *outcome);

/* Each fills the outcome; true if it went well. */
extern bool admin_add_partitions(KafkaAdmin *a, const WantedTopic *topic, AdminOutcome *outcome);
extern bool admin_set_configs(KafkaAdmin *a, const WantedTopic *topic, AdminOutcome *outcome);

/* What to do about an error of a request; pure. */
extern const char *admin_advice(rd_kafka_resp_err_t err);

#endif /* NOVA_RELAY_KAFKAADMIN_H */
