/*-------------------------------------------------------------------------
 *
 * verify_topics.c
 *		Topics from their beginning to an end, with read_committed.
 *
 * librdkafka's simple consumer: no group, so that no right to one is needed
 * and nothing is left behind on the brokers.
 *
 *-------------------------------------------------------------------------
 */
#include "verify_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "kafkaadvice.h"
#include "log.h"
#include "pgstream.h"
#include "pgwait.h"

#define BATCH   1000
#define WAIT_MS 500
#define STEP_MS 1000

struct TopicSide
{
	const RelayConfig *cfg;
	int timeout_ms;
	rd_kafka_t *rk;
	int security;   /* an error of TLS or SASL, if there was one */
	char last[512]; /* what librdkafka has complained of last */
	char error[1024];
};

/* One topic being read. */
typedef struct Reading
{
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	const TopicEnds *ends;
	const int64_t *from; /* by partition; NULL: the beginning */
	bool *done;          /* by partition */
	int left;            /* partitions that are not */
	int64_t until;
	TopicRecordFn record;
	void *arg;
} Reading;

__attribute__((format(printf, 2, 3))) static bool
fail(TopicSide *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t->error, sizeof(t->error), fmt, args);
	va_end(args);
	return false;
}

/* The reason comes by itself, and before the failure that it explains. */
static bool
fail_kafka(TopicSide *t, const char *topic, rd_kafka_resp_err_t err)
{
	char advice[512] = "check bootstrap.servers, the network, TLS and SASL settings";

	(void) rd_kafka_poll(t->rk, 0);
	(void) kafkaadvice(t->cfg, t->security, advice, sizeof(advice));
	return fail(t, "topic %s: %s%s%s; %s", topic, rd_kafka_err2str(err),
				t->last[0] != '\0' ? ": " : "", t->last, advice);
}

static void
on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	TopicSide *t = arg;

	(void) rk;
	if (err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		t->security = err;
	/* that all brokers are down adds nothing to the reason that came before */
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || t->last[0] == '\0')
		pgstream_one_line(t->last, sizeof(t->last), reason);
}

/* The connector's properties are the producer's; that some mean nothing here is no news. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	if (strcmp(facility, "CONFWARN") != 0)
		log_debug("kafka: %d: %s", level, text);
}

static bool
configure(TopicSide *t, const RelayConfig *cfg, rd_kafka_conf_t *conf)
{
	static const char *const own[][2] = {
		{"isolation.level", "read_committed"},
		{"enable.partition.eof", "true"},
		{"auto.offset.reset", "earliest"},
		/* a topic that is only asked for must not come into being */
		{"allow.auto.create.topics", "false"},
		{"queued.max.messages.kbytes", "16384"},
		{"fetch.wait.max.ms", "50"},
	};
	char text[512];

	for (size_t i = 0; i < cfg->kafka.count; i++)
		if (rd_kafka_conf_set(conf, cfg->kafka.items[i].name, cfg->kafka.items[i].value, text,
							  sizeof(text)) != RD_KAFKA_CONF_OK)
			return fail(t, "%s: %s; correct or remove that key", cfg->kafka.items[i].origin, text);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (rd_kafka_conf_set(conf, own[i][0], own[i][1], text, sizeof(text)) != RD_KAFKA_CONF_OK)
			return fail(t, "%s: %s", own[i][0], text);
	rd_kafka_conf_set_opaque(conf, t);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	return true;
}

TopicSide *
topics_open(const RelayConfig *cfg, int timeout_s)
{
	TopicSide *t = calloc(1, sizeof(*t));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	if (t != NULL)
	{
		t->cfg = cfg;
		t->timeout_ms = timeout_s * 1000;
		if (configure(t, cfg, conf))
		{
			t->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
			if (t->rk != NULL)
				return t;
			(void) fail(t, "Kafka: %s; correct the producer settings", text);
		}
	}
	rd_kafka_conf_destroy(conf);
	return t;
}

void
topics_close(TopicSide *t)
{
	if (t == NULL)
		return;
	if (t->rk != NULL)
		rd_kafka_destroy(t->rk);
	free(t);
}

const char *
topics_error(const TopicSide *t)
{
	return t->error;
}

/*
 * Ends
 */

/* Of a topic that does not exist there are none. */
static bool
count_partitions(TopicSide *t, const char *name, int *n)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(t->rk, name, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	int64_t until = pgwait_now() + t->timeout_ms;
	rd_kafka_resp_err_t err;

	if (topic == NULL)
		return fail_kafka(t, name, rd_kafka_last_error());
	/* a wrong password stays wrong: that is not waited for */
	do
	{
		err = rd_kafka_metadata(t->rk, 0, topic, &metadata, STEP_MS);
		(void) rd_kafka_poll(t->rk, 0);
	} while (err != RD_KAFKA_RESP_ERR_NO_ERROR && t->security == 0 && pgwait_now() < until);
	rd_kafka_topic_destroy(topic);
	*n = 0;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (metadata->topic_cnt == 1)
		{
			err = metadata->topics[0].err;
			*n = metadata->topics[0].partition_cnt;
		}
		rd_kafka_metadata_destroy(metadata);
	}
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		*n = 0;
	else if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_kafka(t, name, err);
	return true;
}

void
topics_free_ends(TopicEnds *ends)
{
	free(ends->low);
	free(ends->mark);
	free(ends->end);
	*ends = (TopicEnds){0};
}

/* New partitions begin with a mark of 0: all in them came later. */
static bool
grow_ends(TopicEnds *ends, int n)
{
	size_t size = (size_t) (n > 0 ? n : 1) * sizeof(int64_t);
	int64_t **all[] = {&ends->low, &ends->mark, &ends->end};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		int64_t *grown = realloc(*all[i], size);

		if (grown == NULL)
			return false;
		*all[i] = grown;
	}
	for (; ends->n < n; ends->n++)
		ends->low[ends->n] = ends->mark[ends->n] = ends->end[ends->n] = 0;
	return true;
}

bool
topics_look(TopicSide *t, const char *topic, TopicEnds *ends)
{
	bool first = ends->mark == NULL;
	int n = 0;

	if (!count_partitions(t, topic, &n))
		return false;
	if (!grow_ends(ends, n))
		return fail(t, "out of memory");
	for (int i = 0; i < ends->n; i++)
	{
		rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(t->rk, topic, i, &ends->low[i],
																   &ends->end[i], t->timeout_ms);

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return fail_kafka(t, topic, err);
		if (first)
			ends->mark[i] = ends->end[i];
	}
	return true;
}

/*
 * Reading
 */

static void
finish_partition(Reading *r, int32_t partition)
{
	if (r->done[partition])
		return;
	r->done[partition] = true;
	r->left--;
	(void) rd_kafka_consume_stop(r->topic, partition);
}

static bool
take_message(TopicSide *t, Reading *r, const rd_kafka_message_t *m)
{
	const int32_t p = m->partition;
	rd_kafka_timestamp_type_t type;

	if (p < 0 || p >= r->ends->n || r->done[p])
		return true;
	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		finish_partition(r, p);
	else if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail_kafka(t, rd_kafka_topic_name(r->topic), m->err);
	else
	{
		RecordPlace place = {p, m->offset, rd_kafka_message_timestamp(m, &type)};

		if (m->offset < r->ends->end[p] &&
			!r->record(r->arg, (NovaBytes){m->key, m->key != NULL ? (uint32_t) m->key_len : 0},
					   (NovaBytes){m->payload, m->payload != NULL ? (uint32_t) m->len : 0}, place))
			return fail(t, "out of memory");
		if (m->offset >= r->ends->end[p] - 1)
			finish_partition(r, p);
	}
	return true;
}

/* Until every partition has come to its end. */
static bool
read_on(TopicSide *t, Reading *r)
{
	rd_kafka_message_t *messages[BATCH];
	bool ok = true;

	r->until = pgwait_now() + t->timeout_ms;
	while (ok && r->left > 0)
	{
		ssize_t n = rd_kafka_consume_batch_queue(r->queue, WAIT_MS, messages, BATCH);

		(void) rd_kafka_poll(t->rk, 0);
		for (ssize_t i = 0; i < n; i++)
		{
			ok = ok && take_message(t, r, messages[i]);
			rd_kafka_message_destroy(messages[i]);
		}
		if (n > 0)
			r->until = pgwait_now() + t->timeout_ms;
		else if (pgwait_now() >= r->until)
			ok = fail_kafka(t, rd_kafka_topic_name(r->topic), RD_KAFKA_RESP_ERR__TIMED_OUT);
	}
	return ok;
}

/* All partitions that have an end. */
static bool
read_topic(TopicSide *t, Reading *r, const char *name)
{
	bool ok = true;

	r->topic = rd_kafka_topic_new(t->rk, name, NULL);
	r->queue = rd_kafka_queue_new(t->rk);
	r->done = calloc((size_t) r->ends->n + 1, sizeof(bool));
	if (r->topic == NULL || r->done == NULL)
		ok = fail(t, "out of memory");
	for (int i = 0; i < r->ends->n && r->done != NULL; i++)
	{
		r->done[i] = true;
		if (!ok || r->ends->end[i] == 0)
			continue;
		if (rd_kafka_consume_start_queue(r->topic, i,
										 r->from != NULL ? r->from[i] : RD_KAFKA_OFFSET_BEGINNING,
										 r->queue) != 0)
			ok = fail_kafka(t, name, rd_kafka_last_error());
		else
		{
			r->done[i] = false;
			r->left++;
		}
	}
	ok = ok && read_on(t, r);
	for (int i = 0; i < r->ends->n && r->done != NULL; i++)
		finish_partition(r, i);
	free(r->done);
	rd_kafka_queue_destroy(r->queue);
	if (r->topic != NULL)
		rd_kafka_topic_destroy(r->topic);
	return ok;
}

bool
topics_read(TopicSide *t, const char *topic, const TopicEnds *ends, TopicRecordFn record, void *arg)
{
	Reading r = {.ends = ends, .record = record, .arg = arg};

	return read_topic(t, &r, topic);
}

bool
topics_read_from(TopicSide *t, const char *topic, const TopicEnds *ends, TopicRecordFn record,
				 void *arg)
{
	Reading r = {.ends = ends, .from = ends->low, .record = record, .arg = arg};

	return read_topic(t, &r, topic);
}
