/*-------------------------------------------------------------------------
 *
 * sink_kafka.c
 *		Records to Kafka by librdkafka: idempotent, acks=all, without copying.
 *
 * Delivery reports come as events: a pipe wakes the relay's poll(), and
 * rd_kafka_event_message_array() gives a whole batch.  Neighbours of one
 * buffer become one call of acked().
 *
 * Traps: the pipe is edge-triggered, so whoever stops before the queue is
 * empty must set sink->more.  rd_kafka_produce_batch() goes on after a record
 * it refuses; what can be known before (the size) is checked before.  With the
 * embedded broker, its client must outlive the producer.
 *
 *-------------------------------------------------------------------------
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "copydata.h"
#include "kafkaadvice.h"
#include "log.h"

#define PRODUCE_RUN     256  /* records in one rd_kafka_produce_batch() */
#define EVENTS_PER_POLL 16   /* a batch of reports each */
#define REPORTS_AT_ONCE 1024 /* messages taken out of one event per call */
#define HEARTBEAT_WARN  30   /* of so many failed heartbeats one is a log line */
#define FINAL_POLL_MS   100  /* for the reports of what is given up at close */

typedef struct KafkaRoute
{
	char *topic;
	rd_kafka_topic_t *handle;
} KafkaRoute;

typedef struct KafkaSink
{
	Sink sink;
	const RelayConfig *cfg;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int wake_fds[2]; /* librdkafka writes to [1] */
	KafkaRoute *routes;
	size_t nroutes;
	size_t max_record;
	uint64_t in_flight; /* records accepted and not reported */
	bool closing;       /* failures are wanted now */
	int told;           /* trouble with TLS or SASL that was said since the last ack */
	unsigned failed_heartbeats;
	bool heartbeat_out; /* one is under way */
	rd_kafka_t *mock_rk;
	rd_kafka_mock_cluster_t *mock;
	rd_kafka_message_t run[PRODUCE_RUN];
	const rd_kafka_message_t *reports[REPORTS_AT_ONCE];
} KafkaSink;

/*
 * Our defaults; what the connector says comes after.  The queue's limits
 * bound the relay's memory while the brokers are away.
 */
static const char *const defaults[][2] = {
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"message.timeout.ms", "0"}, /* never give up on a record */
	{"partitioner", "murmur2_random"},
	{"linger.ms", "5"},
	{"queue.buffering.max.kbytes", "32768"},
	{"queue.buffering.max.messages", "100000"},
	{"log.connection.close", "false"},
};

/* Properties that would break the promise of delivery, and the values that do not. */
static const struct
{
	const char *name;
	const char *allowed[3];
	const char *reason;
} guarded[] = {
	{"acks", {"all", "-1", NULL}, "a record counts only when all in-sync replicas have it"},
	{"request.required.acks",
	 {"all", "-1", NULL},
	 "a record counts only when all in-sync replicas have it"},
	{"enable.idempotence", {"true", NULL}, "without it a retry duplicates and reorders records"},
	{"delivery.report.only.error",
	 {"false", NULL},
	 "every acknowledgement is needed to know what may be confirmed"},
	{"transactional.id", {NULL}, "the relay's delivery is at least once; leave it out"},
	{"enabled_events", {NULL}, "it belongs to the relay; leave it out"},
	{"log.queue", {"false", NULL}, "it belongs to the relay; leave it out"},
};

/* What to do about records that Kafka does not take. */
static const struct
{
	rd_kafka_resp_err_t err;
	const char *advice;
} advices[] = {
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "raise max.message.bytes on the topic and "
										   "producer.override.max.request.size, then start again"},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	 "give the Kafka user the right to write to the topic, then start again"},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
	 "give the Kafka user IdempotentWrite on the cluster, then start again"},
	{RD_KAFKA_RESP_ERR_INVALID_RECORD,
	 "the topic refuses the record: a compacted topic takes no record without a key; give the "
	 "table "
	 "a primary key or message.key.columns, or the topic cleanup.policy=delete, then start again"},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "the cluster's policy refuses it; ask who set the policy"},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
	 "create the topic or let the brokers do it (auto.create.topics.enable), then start again"},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
	 "create the topic or let the brokers do it (auto.create.topics.enable), then start again"},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
	 "the topic lost partitions; make it anew or start again"},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
	 "the topic's name is not valid in Kafka: correct the routing options"},
	{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
	 "remove message.timeout.ms from the configuration: without it "
	 "the relay waits for the brokers"},
	{RD_KAFKA_RESP_ERR__FATAL, "start again: the producer cannot go on, nothing is lost"},
	{RD_KAFKA_RESP_ERR_NO_ERROR,
	 "nothing behind it is confirmed; correct the cause and start again"},
};

static KafkaSink *
kafka(Sink *sink)
{
	return (KafkaSink *) sink;
}

static const char *
advice_for(rd_kafka_resp_err_t err)
{
	size_t i = 0;

	while (advices[i].err != err && advices[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
		i++;
	return advices[i].advice;
}

/* The first failure is the cause; what follows is noise. */
static SinkStatus
fail_record(KafkaSink *k, rd_kafka_resp_err_t err, const char *topic, uint64_t lsn, size_t bytes)
{
	char fatal[256];
	const char *reason = rd_kafka_err2str(err);

	if (k->sink.error[0] != '\0')
		return SINK_FAILED;
	if (rd_kafka_fatal_error(k->rk, fatal, sizeof(fatal)) != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		err = RD_KAFKA_RESP_ERR__FATAL;
		reason = fatal;
	}
	snprintf(k->sink.error, sizeof(k->sink.error),
			 "Kafka did not take a record of %zu bytes for topic %s (from LSN " LSN_FORMAT "): %s; "
			 "it is not confirmed and will be sent again; %s",
			 bytes, topic, LSN_ARGS(lsn), reason, advice_for(err));
	return SINK_FAILED;
}

/*
 * librdkafka's lines: from any of its threads.  Its errors are ours only as
 * warnings, since it retries.
 */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	(void) facility;
	log_line(level <= 4 ? LOG_WARN : level <= 6 ? LOG_INFO : LOG_DEBUG, "kafka: %s", text);
}

static bool
guard_allows(const char *name, const char *value, const char **reason)
{
	for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++)
	{
		if (strcmp(guarded[i].name, name) != 0)
			continue;
		for (const char *const *a = guarded[i].allowed; *a != NULL; a++)
			if (strcmp(*a, value) == 0)
				return true;
		*reason = guarded[i].reason;
		return false;
	}
	return true;
}

/* A single record larger than the queue could never leave: make room for two. */
static bool
fit_queue(rd_kafka_conf_t *conf, const RelayConfig *cfg, char *err, size_t errsize)
{
	const char *max = config_pair(&cfg->kafka, "message.max.bytes");
	long kbytes = max != NULL ? strtol(max, NULL, 10) / 1024 * 2 : 0;
	char text[32];

	if (kbytes <= 32768 || config_pair(&cfg->kafka, "queue.buffering.max.kbytes") != NULL)
		return true;
	snprintf(text, sizeof(text), "%ld", kbytes);
	return rd_kafka_conf_set(conf, "queue.buffering.max.kbytes", text, err, errsize) ==
		   RD_KAFKA_CONF_OK;
}

static bool
set_connector_properties(rd_kafka_conf_t *conf, const RelayConfig *cfg, char *err, size_t errsize)
{
	char text[512];

	for (size_t i = 0; i < cfg->kafka.count; i++)
	{
		const ConfigPair *pair = &cfg->kafka.items[i];
		const char *origin = pair->origin != NULL ? pair->origin : pair->name;
		const char *reason;

		if (!guard_allows(pair->name, pair->value, &reason))
		{
			snprintf(err, errsize, "%s: %s cannot be set like this: %s", origin, pair->name,
					 reason);
			return false;
		}
		if (rd_kafka_conf_set(conf, pair->name, pair->value, text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
		{
			snprintf(err, errsize, "%s: librdkafka refuses it: %s", origin, text);
			return false;
		}
	}
	return true;
}

static rd_kafka_conf_t *
make_conf(KafkaSink *k, char *err, size_t errsize)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		ok = rd_kafka_conf_set(conf, defaults[i][0], defaults[i][1], err, errsize) ==
			 RD_KAFKA_CONF_OK;
	ok = ok && set_connector_properties(conf, k->cfg, err, errsize) &&
		 fit_queue(conf, k->cfg, err, errsize);
	if (ok && k->mock != NULL)
		ok = rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(k->mock),
							   err, errsize) == RD_KAFKA_CONF_OK;
	if (!ok)
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	return conf;
}

/* The mock broker auto-creates with its own count; we want the configured one. */
static void
mock_topic(KafkaSink *k, const char *topic)
{
	int partitions;

	if (k->mock == NULL)
		return;
	partitions = config_topic_group(k->cfg, topic)->partitions;
	if (partitions > 0)
		(void) rd_kafka_mock_topic_create(k->mock, topic, partitions, 1);
}

/*
 * The topic that one alternative of a pattern names if it is just a name, as
 * in cdc\.users.
 */
static bool
literal_name(const char *pattern, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (pattern[i] == '\\' && i + 1 < len && strchr("._-", pattern[i + 1]) != NULL)
			i++;
		else if (strchr("\\^$.[]()*+?{}", pattern[i]) != NULL)
			return false;
		if (n + 1 >= size)
			return false;
		out[n++] = pattern[i];
	}
	out[n] = '\0';
	return n > 0;
}

/* The topics that a group's pattern, ^(a|b|c)$, names without wildcards. */
static void
mock_group(KafkaSink *k, const char *pattern)
{
	char topic[256];
	size_t skip = strncmp(pattern, "^(", 2) == 0 ? 2 : 0;
	size_t left = strlen(pattern) - skip;

	pattern += skip;
	if (skip > 0 && left >= 2)
		left -= 2; /* the ")$" */
	while (left > 0)
	{
		const char *bar = memchr(pattern, '|', left);
		size_t len = bar != NULL ? (size_t) (bar - pattern) : left;

		if (literal_name(pattern, len, topic, sizeof(topic)))
			mock_topic(k, topic);
		if (bar == NULL)
			break;
		pattern += len + 1;
		left -= len + 1;
	}
}

static bool
open_mock(KafkaSink *k, char *err, size_t errsize)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set_log_cb(conf, on_log);
	/* warnings only: a client without bootstrap.servers is what we want */
	(void) rd_kafka_conf_set(conf, "log_level", "4", err, errsize);
	k->mock_rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, errsize);
	if (k->mock_rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	k->mock = rd_kafka_mock_cluster_new(k->mock_rk, 1);
	if (k->mock == NULL)
	{
		snprintf(err, errsize, "librdkafka could not start its embedded broker");
		return false;
	}
	for (size_t i = 0; i < k->cfg->ngroups; i++)
		if (k->cfg->groups[i].include != NULL)
			mock_group(k, k->cfg->groups[i].include);
	log_info("embedded broker on %s (in memory, for trying out only)",
			 rd_kafka_mock_cluster_bootstraps(k->mock));
	return true;
}

static bool
open_producer(KafkaSink *k, char *err, size_t errsize)
{
	char text[512];
	char value[32];
	size_t size = sizeof(value);
	rd_kafka_conf_t *conf = make_conf(k, err, errsize);

	if (conf == NULL)
		return false;
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (k->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		snprintf(err, errsize, "the Kafka producer could not start: %s", text);
		return false;
	}
	k->max_record = 1000000;
	if (rd_kafka_conf_get(rd_kafka_conf(k->rk), "message.max.bytes", value, &size) ==
		RD_KAFKA_CONF_OK)
		k->max_record = strtoull(value, NULL, 10);
	k->queue = rd_kafka_queue_get_main(k->rk);
	rd_kafka_queue_io_event_enable(k->queue, k->wake_fds[1], "!", 1);
	k->sink.more = true; /* what came before the descriptor was set */
	return true;
}

static SinkStatus
kafka_route(Sink *sink, uint32_t id, const char *topic)
{
	KafkaSink *k = kafka(sink);
	KafkaRoute *route;

	if (id >= k->nroutes)
	{
		size_t n = (size_t) id + 64;
		KafkaRoute *grown = realloc(k->routes, n * sizeof(*grown));

		if (grown == NULL)
			goto out_of_memory;
		memset(grown + k->nroutes, 0, (n - k->nroutes) * sizeof(*grown));
		k->routes = grown;
		k->nroutes = n;
	}
	route = &k->routes[id];
	if (route->topic != NULL && strcmp(route->topic, topic) == 0)
		return SINK_OK;
	free(route->topic);
	if (route->handle != NULL)
		rd_kafka_topic_destroy(route->handle);
	mock_topic(k, topic);
	route->topic = strdup(topic);
	route->handle = rd_kafka_topic_new(k->rk, topic, NULL);
	if (route->handle == NULL)
	{
		snprintf(sink->error, sizeof(sink->error),
				 "librdkafka refuses the topic %s: %s; correct the routing options", topic,
				 rd_kafka_err2str(rd_kafka_last_error()));
		return SINK_FAILED;
	}
	if (route->topic != NULL)
		return SINK_OK;
out_of_memory:
	snprintf(sink->error, sizeof(sink->error), "out of memory for topic %s", topic);
	return SINK_FAILED;
}

static inline size_t
record_size(const NovaRecord *r)
{
	return (size_t) r->key.len + r->value.len;
}

/* Outcome of one record that librdkafka did not take. */
static SinkStatus
not_taken(KafkaSink *k, rd_kafka_resp_err_t err, const NovaRecord *r, const Buffer *buf)
{
	if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
	{
		/* whatever else is in the queue leaves it some time */
		if (k->in_flight > 0 || rd_kafka_outq_len(k->rk) > 0)
			return SINK_FULL;
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "a record of %zu bytes for topic %s (from LSN " LSN_FORMAT ") is larger than the "
				 "whole producer queue; raise producer.override.buffer.memory and start again",
				 record_size(r), k->routes[r->route].topic, LSN_ARGS(buf->lsn));
		return SINK_FAILED;
	}
	return fail_record(k, err, k->routes[r->route].topic, buf->lsn, record_size(r));
}

/* What the batch call cannot give to a record. */
#define ALONE (NOVA_RF_HEADERS | NOVA_RF_PARTITION | NOVA_RF_TIMESTAMP)

/* Length of the front part with one topic, nothing special and possible sizes. */
static size_t
run_length(const KafkaSink *k, const NovaRecord *records, size_t n)
{
	size_t i = 0;

	if (n > PRODUCE_RUN)
		n = PRODUCE_RUN;
	while (i < n && records[i].route == records[0].route && !(records[i].flags & ALONE) &&
		   record_size(&records[i]) <= k->max_record)
		i++;
	return i;
}

/* librdkafka does not write through these pointers; its struct lacks const. */
static inline void *
lend(NovaBytes bytes)
{
	return (void *) (uintptr_t) bytes.data;
}

static SinkStatus
produce_run(KafkaSink *k, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	int taken;
	size_t i;

	for (i = 0; i < n; i++)
	{
		rd_kafka_message_t *m = &k->run[i];

		m->err = RD_KAFKA_RESP_ERR_NO_ERROR;
		m->partition = RD_KAFKA_PARTITION_UA;
		m->payload = lend(records[i].value);
		m->len = records[i].value.len;
		m->key = lend(records[i].key);
		m->key_len = records[i].key.len;
		m->_private = buf;
	}
	taken = rd_kafka_produce_batch(k->routes[records[0].route].handle, RD_KAFKA_PARTITION_UA,
								   RD_KAFKA_MSG_F_PARTITION, k->run, (int) n);
	if (taken > 0)
		k->in_flight += (uint64_t) taken;
	if (taken == (int) n)
	{
		*accepted = n;
		return SINK_OK;
	}
	for (i = 0; k->run[i].err == RD_KAFKA_RESP_ERR_NO_ERROR && i + 1 < n; i++)
		;
	*accepted = k->run[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? i : (size_t) taken;
	return not_taken(k, k->run[i].err, &records[i], buf);
}

static rd_kafka_headers_t *
make_headers(NovaBytes block)
{
	NovaCursor c = {block.data, block.len};
	NovaBytes name;
	NovaBytes value;
	uint16_t count = 0;
	rd_kafka_headers_t *headers;

	(void) nova_get_u16(&c, &count);
	headers = rd_kafka_headers_new(count);
	/* the frame reader has checked the block */
	while (count-- > 0 && nova_read_header(&c, &name, &value))
		rd_kafka_header_add(headers, name.data, name.len, value.data, value.len);
	return headers;
}

/* One record; headers (or NULL) are the caller's again if it fails. */
static rd_kafka_error_t *
send_record(KafkaSink *k, rd_kafka_topic_t *topic, int32_t partition, NovaBytes key,
			NovaBytes value, int64_t timestamp, rd_kafka_headers_t *headers, Buffer *buf)
{
	rd_kafka_vu_t args[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
		{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {lend(value), value.len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {lend(key), key.len}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = buf},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp}, /* 0: now */
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	size_t n = sizeof(args) / sizeof(args[0]);

	return rd_kafka_produceva(k->rk, args, headers != NULL ? n : n - 1);
}

static rd_kafka_resp_err_t
produce_to(KafkaSink *k, const NovaRecord *r, int32_t partition, rd_kafka_headers_t *headers,
		   Buffer *buf)
{
	rd_kafka_error_t *error = send_record(k, k->routes[r->route].handle, partition, r->key,
										  r->value, r->place.timestamp, headers, buf);
	rd_kafka_resp_err_t err;

	if (error == NULL)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	return err;
}

static void
warn_no_partition(const char *topic, int32_t partition, const Buffer *buf)
{
	log_warn("topic %s has no partition %d, which a record from LSN " LSN_FORMAT
			 " asks for; the record goes where its key sends it",
			 topic, (int) partition, LSN_ARGS(buf->lsn));
}

/*
 * A record with headers, a partition or a timestamp.  A partition that the
 * topic does not have is a fault in the data, which must not end the stream:
 * such a record goes where its key sends it.
 */
static SinkStatus
produce_alone(KafkaSink *k, const NovaRecord *r, Buffer *buf, size_t *accepted)
{
	rd_kafka_headers_t *headers = r->headers.data != NULL ? make_headers(r->headers) : NULL;
	int32_t partition = r->place.has_partition ? r->place.partition : RD_KAFKA_PARTITION_UA;
	rd_kafka_resp_err_t err = produce_to(k, r, partition, headers, buf);

	*accepted = 0;
	if (err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && partition != RD_KAFKA_PARTITION_UA)
	{
		warn_no_partition(k->routes[r->route].topic, partition, buf);
		err = produce_to(k, r, RD_KAFKA_PARTITION_UA, headers, buf);
	}
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		k->in_flight++;
		*accepted = 1;
		return SINK_OK;
	}
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	return not_taken(k, err, r, buf);
}

static SinkStatus
kafka_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	KafkaSink *k = kafka(sink);
	SinkStatus status = SINK_OK;

	*accepted = 0;
	while (status == SINK_OK && *accepted < n)
	{
		const NovaRecord *front = records + *accepted;
		size_t run = run_length(k, front, n - *accepted);
		size_t taken = 0;

		if (run > 0)
			status = produce_run(k, front, run, buf, &taken);
		else if (record_size(front) > k->max_record)
			status = not_taken(k, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, front, buf);
		else
			status = produce_alone(k, front, buf, &taken);
		*accepted += taken;
	}
	return status;
}

/* It fails every few seconds until somebody makes the topic: say it now and then. */
static void
heartbeat_failed(KafkaSink *k, const char *topic, rd_kafka_resp_err_t err)
{
	if (!k->closing && k->failed_heartbeats++ % HEARTBEAT_WARN == 0)
		log_warn("heartbeat to topic %s failed: %s; the stream goes on, the next heartbeat tries "
				 "again; create the topic or set heartbeat.interval.ms to 0",
				 topic, rd_kafka_err2str(err));
}

static void
kafka_heartbeat(Sink *sink, const char *topic, const char *key, const char *value)
{
	KafkaSink *k = kafka(sink);
	rd_kafka_resp_err_t err;

	/* while Kafka is away, beats would only pile up */
	if (k->heartbeat_out)
		return;
	mock_topic(k, topic);
	err = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
							RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							RD_KAFKA_V_KEY((void *) (uintptr_t) key, strlen(key)),
							RD_KAFKA_V_VALUE((void *) (uintptr_t) value, strlen(value)),
							RD_KAFKA_V_OPAQUE(NULL), RD_KAFKA_V_END);
	k->heartbeat_out = err == RD_KAFKA_RESP_ERR_NO_ERROR;
	/* a full queue says enough by itself */
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		heartbeat_failed(k, topic, err);
}

/*
 * The topic was not known when the record was taken, and has no such partition:
 * as in produce_alone().  False if it is not that, or cannot be sent again.
 */
static bool
send_by_key(KafkaSink *k, const rd_kafka_message_t *m)
{
	NovaBytes key = {m->key, (uint32_t) m->key_len};
	NovaBytes value = {m->payload, (uint32_t) m->len};
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_error_t *error;
	bool sent;

	if (m->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || m->partition == RD_KAFKA_PARTITION_UA ||
		k->closing)
		return false;
	(void) rd_kafka_message_detach_headers((rd_kafka_message_t *) (uintptr_t) m, &headers);
	error = send_record(k, m->rkt, RD_KAFKA_PARTITION_UA, key, value,
						rd_kafka_message_timestamp(m, NULL), headers, m->_private);
	sent = error == NULL;
	if (sent)
		warn_no_partition(rd_kafka_topic_name(m->rkt), m->partition, m->_private);
	else
	{
		rd_kafka_error_destroy(error);
		if (headers != NULL)
			rd_kafka_headers_destroy(headers);
	}
	return sent;
}

/* A record that failed for good, or a heartbeat, which may. */
static void
report_failure(KafkaSink *k, const rd_kafka_message_t *m)
{
	Buffer *buf = m->_private;

	if (buf == NULL)
	{
		heartbeat_failed(k, rd_kafka_topic_name(m->rkt), m->err);
		return;
	}
	if (send_by_key(k, m))
		return;
	k->in_flight--;
	(void) fail_record(k, m->err, rd_kafka_topic_name(m->rkt), buf->lsn, m->len + m->key_len);
	k->sink.events.given_up(k->sink.events.arg, buf, 1);
}

/* Returns the number of records acked. */
static size_t
take_reports(KafkaSink *k, const rd_kafka_message_t *const *reports, size_t n)
{
	size_t acked = 0;
	size_t i = 0;

	while (i < n)
	{
		Buffer *buf = reports[i]->_private;
		size_t start = i;

		if (reports[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR || buf == NULL)
		{
			if (buf == NULL)
				k->heartbeat_out = false;
			if (reports[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				report_failure(k, reports[i]);
			i++;
			continue;
		}
		while (i < n && reports[i]->_private == buf &&
			   reports[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			i++;
		k->in_flight -= i - start;
		k->told = RD_KAFKA_RESP_ERR_NO_ERROR;
		acked += i - start;
		k->sink.events.acked(k->sink.events.arg, buf, (uint32_t) (i - start));
	}
	return acked;
}

/* Waiting will not help, but somebody who corrects the other side may. */
static void
tell_advice(KafkaSink *k, rd_kafka_event_t *event)
{
	int err = rd_kafka_event_error(event);
	char advice[512];

	if (err == k->told || !kafkaadvice(k->cfg, err, advice, sizeof(advice)))
		return;
	k->told = err;
	log_warn("kafka: %s; %s; trying on, nothing is lost meanwhile",
			 rd_kafka_event_error_string(event), advice);
}

static void
take_error(KafkaSink *k, rd_kafka_event_t *event)
{
	char fatal[256];

	if (rd_kafka_fatal_error(k->rk, fatal, sizeof(fatal)) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		tell_advice(k, event);
		/* what a single broker has was in the log callback already */
		if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
			log_warn("kafka: %s; trying again until one answers, nothing is lost meanwhile",
					 rd_kafka_event_error_string(event));
		return;
	}
	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error), "the Kafka producer failed: %s; %s", fatal,
				 advice_for(RD_KAFKA_RESP_ERR__FATAL));
}

/* Returns the number of records acked. */
static size_t
take_event(KafkaSink *k, rd_kafka_event_t *event)
{
	size_t acks = 0;
	size_t n;

	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
		while ((n = rd_kafka_event_message_array(event, k->reports, REPORTS_AT_ONCE)) > 0)
			acks += take_reports(k, k->reports, n);
	else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR && !k->closing)
		take_error(k, event);
	rd_kafka_event_destroy(event);
	return acks;
}

static void
drain_pipe(int fd)
{
	char bytes[256];

	while (read(fd, bytes, sizeof(bytes)) == (ssize_t) sizeof(bytes))
		;
}

static SinkStatus
kafka_poll(Sink *sink, size_t *acks)
{
	KafkaSink *k = kafka(sink);

	*acks = 0;
	drain_pipe(k->wake_fds[0]);
	sink->more = true;
	for (int i = 0; i < EVENTS_PER_POLL; i++)
	{
		rd_kafka_event_t *event = rd_kafka_queue_poll(k->queue, 0);

		if (event == NULL)
		{
			sink->more = false;
			break;
		}
		*acks += take_event(k, event);
	}
	return sink->error[0] != '\0' ? SINK_FAILED : SINK_OK;
}

static struct pollfd
kafka_pollfd(const Sink *sink)
{
	return (struct pollfd){.fd = ((const KafkaSink *) sink)->wake_fds[0], .events = POLLIN};
}

static size_t
kafka_max_record(const Sink *sink)
{
	return ((const KafkaSink *) sink)->max_record;
}

/* The reports of what is purged give the lent buffers back. */
static void
close_producer(KafkaSink *k)
{
	rd_kafka_event_t *event;

	k->closing = true;
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (rd_kafka_outq_len(k->rk) > 0 &&
		   (event = rd_kafka_queue_poll(k->queue, FINAL_POLL_MS)) != NULL)
		(void) take_event(k, event);
	rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(k->queue);
	for (size_t i = 0; i < k->nroutes; i++)
		if (k->routes[i].handle != NULL)
			rd_kafka_topic_destroy(k->routes[i].handle);
	rd_kafka_destroy(k->rk);
}

static void
kafka_close(Sink *sink)
{
	KafkaSink *k = kafka(sink);

	if (k->rk != NULL)
		close_producer(k);
	if (k->mock != NULL)
		rd_kafka_mock_cluster_destroy(k->mock);
	if (k->mock_rk != NULL)
		rd_kafka_destroy(k->mock_rk);
	for (size_t i = 0; i < k->nroutes; i++)
		free(k->routes[i].topic);
	free(k->routes);
	close(k->wake_fds[0]);
	close(k->wake_fds[1]);
	free(k);
}

static const SinkOps kafka_ops = {
	.name = "kafka",
	.route = kafka_route,
	.produce = kafka_produce,
	.heartbeat = kafka_heartbeat,
	.poll = kafka_poll,
	.pollfd = kafka_pollfd,
	.max_record = kafka_max_record,
	.close = kafka_close,
};

const char *
sink_kafka_embedded(const Sink *sink)
{
	const KafkaSink *k = (const KafkaSink *) sink;

	return k->mock != NULL ? rd_kafka_mock_cluster_bootstraps(k->mock) : NULL;
}

Sink *
sink_kafka_open(const RelayConfig *cfg, const RelayArgs *args, SinkEvents events, char *err,
				size_t errsize)
{
	KafkaSink *k = calloc(1, sizeof(*k));

	if (k == NULL || pipe2(k->wake_fds, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		snprintf(err, errsize, "cannot open the Kafka sink: %s", strerror(errno));
		free(k);
		return NULL;
	}
	k->sink.ops = &kafka_ops;
	k->sink.events = events;
	k->cfg = cfg;
	if ((args->embedded_broker && !open_mock(k, err, errsize)) || !open_producer(k, err, errsize))
	{
		kafka_close(&k->sink);
		return NULL;
	}
	return &k->sink;
}
