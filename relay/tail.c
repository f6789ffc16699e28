/*-------------------------------------------------------------------------
 *
 * tail.c
 *		`nova-relay tail`: a small consumer that prints records.
 *
 * A line each: topic, partition, offset, key, value, with tabs between; control
 * characters are shown as \xNN, so that no record can play with a terminal, and a
 * key or value that is none as (null).  It is of no consumer group and commits
 * nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "tail.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>

#include "kafkaadvice.h"
#include "log.h"
#include "pgstream.h"
#include "pgwait.h"
#include "relay.h"

#define STEP_MS    250
#define METADATA_S 15

typedef struct Tail
{
	const RelayConfig *cfg;
	const TailArgs *args;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t **topics;
	int *partitions; /* of each */
	long printed;
	int security;
	char last[512];
} Tail;

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void) number;
	stopped = 1;
}

static int
fail(Tail *t, const char *what, const char *reason)
{
	char advice[512] = "check bootstrap.servers, the network, TLS and SASL settings";

	(void) kafkaadvice(t->cfg, t->security, advice, sizeof(advice));
	log_error("%s: %s%s%s; %s", what, reason, t->last[0] != '\0' ? ": " : "", t->last, advice);
	return EXIT_FAILED;
}

/*
 * The client
 */

static void
on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	Tail *t = arg;

	(void) rk;
	if (err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		t->security = err;
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || t->last[0] == '\0')
		pgstream_one_line(t->last, sizeof(t->last), reason);
}

static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	if (strcmp(facility, "CONFWARN") != 0)
		log_debug("kafka: %d: %s", level, text);
}

static bool
open_client(Tail *t)
{
	static const char *const own[][2] = {
		{"isolation.level", "read_committed"},
		{"auto.offset.reset", "earliest"},
		/* a topic that is only asked for must not come into being */
		{"allow.auto.create.topics", "false"},
		{"queued.max.messages.kbytes", "16384"},
		{"fetch.wait.max.ms", "100"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512] = "";

	for (size_t i = 0; i < t->cfg->kafka.count; i++)
		(void) rd_kafka_conf_set(conf, t->cfg->kafka.items[i].name, t->cfg->kafka.items[i].value,
								 text, sizeof(text));
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void) rd_kafka_conf_set(conf, own[i][0], own[i][1], text, sizeof(text));
	rd_kafka_conf_set_opaque(conf, t);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	t->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (t->rk != NULL)
	{
		t->queue = rd_kafka_queue_new(t->rk);
		return true;
	}
	rd_kafka_conf_destroy(conf);
	(void) fail(t, "Kafka", text);
	return false;
}

/* The number of a topic's partitions; -1 after an error. */
static int
count_partitions(Tail *t, int which)
{
	const char *name = t->args->topics[which];
	const struct rd_kafka_metadata *metadata = NULL;
	int64_t until = pgwait_now() + METADATA_S * 1000;
	rd_kafka_resp_err_t err;
	int n = -1;

	do
	{
		err = rd_kafka_metadata(t->rk, 0, t->topics[which], &metadata, STEP_MS);
		(void) rd_kafka_poll(t->rk, 0);
	} while (err != RD_KAFKA_RESP_ERR_NO_ERROR && t->security == 0 && !stopped &&
			 pgwait_now() < until);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
		n = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
		rd_kafka_metadata_destroy(metadata);
	}
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return n;
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		log_error("topic %s does not exist; kcat -L or nova-relay topics say which there are",
				  name);
	else
		(void) fail(t, name, rd_kafka_err2str(err));
	return -1;
}

/* The end as it is now: what comes from here on is printed. */
static bool
find_start(Tail *t, const char *topic, int32_t partition, int64_t *from)
{
	rd_kafka_resp_err_t err;
	int64_t low;

	*from = RD_KAFKA_OFFSET_BEGINNING;
	if (t->args->from_beginning)
		return true;
	err = rd_kafka_query_watermark_offsets(t->rk, topic, partition, &low, from, METADATA_S * 1000);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		(void) fail(t, topic, rd_kafka_err2str(err));
	return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool
start_topic(Tail *t, int which)
{
	int64_t from;
	int n;

	t->topics[which] = rd_kafka_topic_new(t->rk, t->args->topics[which], NULL);
	if (t->topics[which] == NULL)
	{
		(void) fail(t, t->args->topics[which], rd_kafka_err2str(rd_kafka_last_error()));
		return false;
	}
	if ((n = count_partitions(t, which)) < 0)
		return false;
	for (; t->partitions[which] < n; t->partitions[which]++)
	{
		if (!find_start(t, t->args->topics[which], t->partitions[which], &from))
			return false;
		if (rd_kafka_consume_start_queue(t->topics[which], t->partitions[which], from, t->queue) !=
			0)
		{
			(void) fail(t, t->args->topics[which], rd_kafka_err2str(rd_kafka_last_error()));
			return false;
		}
	}
	return true;
}

/*
 * Printing
 */

static void
print_bytes(const char *bytes, size_t len)
{
	if (bytes == NULL)
	{
		fputs("(null)", stdout);
		return;
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) bytes[i] < 0x20 || bytes[i] == 0x7f)
			printf("\\x%02x", (unsigned char) bytes[i]);
		else
			putchar(bytes[i]);
}

static void
add_text(cJSON *item, const char *name, const char *bytes, size_t len)
{
	char *text = bytes != NULL ? strndup(bytes, len) : NULL;

	if (text != NULL)
		cJSON_AddStringToObject(item, name, text);
	else
		cJSON_AddNullToObject(item, name);
	free(text);
}

static void
print_json(const rd_kafka_message_t *m)
{
	cJSON *item = cJSON_CreateObject();
	rd_kafka_timestamp_type_t type;
	char *text;

	cJSON_AddStringToObject(item, "topic", rd_kafka_topic_name(m->rkt));
	cJSON_AddNumberToObject(item, "partition", m->partition);
	cJSON_AddNumberToObject(item, "offset", (double) m->offset);
	cJSON_AddNumberToObject(item, "timestamp", (double) rd_kafka_message_timestamp(m, &type));
	add_text(item, "key", m->key, m->key_len);
	add_text(item, "value", m->payload, m->len);
	text = cJSON_PrintUnformatted(item);
	puts(text != NULL ? text : "{}");
	free(text);
	cJSON_Delete(item);
}

static void
print_record(const Tail *t, const rd_kafka_message_t *m)
{
	if (t->args->json)
		print_json(m);
	else
	{
		printf("%s\t%" PRId32 "\t%" PRId64 "\t", rd_kafka_topic_name(m->rkt), m->partition,
			   m->offset);
		print_bytes(m->key, m->key_len);
		putchar('\t');
		print_bytes(m->payload, m->len);
		putchar('\n');
	}
	fflush(stdout);
}

static bool
is_done(const Tail *t)
{
	return stopped || ferror(stdout) || (t->args->count > 0 && t->printed >= t->args->count);
}

static int
read_on(Tail *t)
{
	int64_t until = pgwait_now() + t->args->timeout_s * 1000LL;

	while (!is_done(t))
	{
		rd_kafka_message_t *m = rd_kafka_consume_queue(t->queue, STEP_MS);

		(void) rd_kafka_poll(t->rk, 0);
		if (m == NULL || m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			bool late = t->args->timeout_s > 0 && pgwait_now() >= until;

			if (m != NULL)
				rd_kafka_message_destroy(m);
			if (!late && t->security == 0)
				continue;
			if (t->security != 0)
				return fail(t, "Kafka", "no records can be read");
			log_error("no record came within %d s", t->args->timeout_s);
			return EXIT_FAILED;
		}
		print_record(t, m);
		t->printed++;
		rd_kafka_message_destroy(m);
		until = pgwait_now() + t->args->timeout_s * 1000LL;
	}
	return EXIT_OK;
}

static void
close_client(Tail *t)
{
	for (int i = 0; i < t->args->ntopics && t->topics != NULL; i++)
	{
		while (t->partitions[i] > 0)
			rd_kafka_consume_stop(t->topics[i], --t->partitions[i]);
		if (t->topics[i] != NULL)
			rd_kafka_topic_destroy(t->topics[i]);
	}
	if (t->queue != NULL)
		rd_kafka_queue_destroy(t->queue);
	if (t->rk != NULL)
		rd_kafka_destroy(t->rk);
	free(t->topics);
	free(t->partitions);
}

int
relay_tail(const RelayConfig *cfg, const TailArgs *args)
{
	Tail t = {.cfg = cfg, .args = args};
	size_t n = (size_t) args->ntopics;
	int status = EXIT_FAILED;
	bool ok;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	t.partitions = calloc(n + 1, sizeof(*t.partitions));
	t.topics = t.partitions != NULL ? calloc(n + 1, sizeof(rd_kafka_topic_t *)) : NULL;
	ok = t.topics != NULL && open_client(&t);
	for (int i = 0; ok && i < args->ntopics; i++)
		ok = start_topic(&t, i);
	if (ok)
	{
		log_info("reading %s of %d topic%s",
				 args->from_beginning ? "from the beginning" : "the end", args->ntopics,
				 args->ntopics == 1 ? "" : "s");
		status = read_on(&t);
	}
	close_client(&t);
	return status;
}
