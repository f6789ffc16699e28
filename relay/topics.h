/*-------------------------------------------------------------------------
 *
 * topics.h
 *		`nova-relay topics`: the topics that there are against those asked for.
 *
 * The relay itself makes what is missing with topicmaker.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TOPICS_H
#define NOVA_RELAY_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "config.h"
#include "topicplan.h"

typedef struct TopicsArgs
{
	bool apply;          /* make what is missing, set configs */
	bool add_partitions; /* with apply: these, too */
	bool json;
	int timeout_s;
} TopicsArgs;

#define TOPICS_TIMEOUT_S 30

/* Prints its report; why it could not goes to the log.  Exit statuses are those of verify. */
extern int relay_topics(const RelayConfig *cfg, const TopicsArgs *args);

/* What is asked of a topic and how it is, as in the report's JSON. */
extern cJSON *topics_item(const WantedTopic *topic);

/*
 * The topics of all tables that are captured, as the plugin says.  Blocks; false after
 * one line to err.
 */
extern bool topics_of_tables(TopicPlan *plan, const RelayConfig *cfg, int timeout_s, char *err,
							 size_t errsize);

#endif /* NOVA_RELAY_TOPICS_H */
