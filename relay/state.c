/*-------------------------------------------------------------------------
 *
 * state.c
 *		What a start must know of the runs before: was the snapshot finished, and
 *		up to where is everything delivered?
 *
 * A client for making the topic and for writing, and a short-lived one without
 * a group for reading.
 *
 *-------------------------------------------------------------------------
 */
#include "state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>

#include "copydata.h"
#include "log.h"

#define STATE_VERSION     1
#define CREATE_TIMEOUT_MS 10000
#define READ_TIMEOUT_MS   15000 /* then what is wrong is said */
#define MESSAGES_PER_CALL 10000
#define PROPAGATION_MS    "10000" /* of a topic that was just made, to be written to */

typedef enum StoreStep
{
	STORE_IDLE,
	STORE_CREATING, /* the topic, if it is not there */
	STORE_READING,
	STORE_WRITING,
	STORE_BROKEN
} StoreStep;

struct StateStore
{
	const RelayConfig *cfg;
	const char *brokers;
	StoreStep step;
	rd_kafka_t *producer;
	rd_kafka_t *consumer;
	rd_kafka_topic_t *topic; /* the consumer's */
	rd_kafka_queue_t *queue; /* the producer's */
	int64_t until;           /* 0: not set yet */
	rd_kafka_resp_err_t trouble;
	bool make;       /* the topic, if it is missing */
	bool made;       /* it was tried */
	char *unwritten; /* value that waits until then; NULL: none */
	bool removes;    /* a null value does */
	StateRecord record;
	char *position_key;
	char *position;
	char error[1024];
};

static const char *const phase_names[] = {
	[PHASE_NONE] = "none", [PHASE_BEGIN] = "begin", [PHASE_DONE] = "done"};

/*
 * The record
 */

char *
state_format(const StateRecord *record)
{
	char lsn[32] = "null";
	char position[48] = "";
	char *out;

	if (record->lsn != 0)
		snprintf(lsn, sizeof(lsn), "\"" LSN_FORMAT "\"", LSN_ARGS(record->lsn));
	if (record->position != 0)
		snprintf(position, sizeof(position), ",\"position\":\"" LSN_FORMAT "\"",
				 LSN_ARGS(record->position));
	if (asprintf(&out,
				 "{\"version\":%d,\"phase\":\"%s\",\"system\":\"%s\",\"timeline\":\"%s\","
				 "\"lsn\":%s%s%s%s%s%s}",
				 STATE_VERSION, phase_names[record->phase], record->system_id, record->timeline,
				 lsn, position, record->progress ? ",\"progress\":" : "",
				 record->progress ? record->progress : "", record->jobs ? ",\"jobs\":" : "",
				 record->jobs ? record->jobs : "") < 0)
		return NULL;
	return out;
}

static const char *
text_member(const cJSON *root, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

	return text != NULL ? text : "";
}

static bool
parse_phase(const char *name, SnapPhase *phase)
{
	for (int i = PHASE_NONE; i <= PHASE_DONE; i++)
		if (strcmp(name, phase_names[i]) == 0)
		{
			*phase = (SnapPhase) i;
			return true;
		}
	return false;
}

/* A member's JSON, or NULL. */
static char *
json_member(const cJSON *root, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);

	return cJSON_IsObject(item) ? cJSON_PrintUnformatted(item) : NULL;
}

static uint64_t
lsn_member(const cJSON *root, const char *name)
{
	uint64_t lsn = 0;

	(void) lsn_parse(text_member(root, name), &lsn);
	return lsn;
}

static bool
parse_members(const cJSON *root, StateRecord *record)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "version");
	const char *phase = text_member(root, "phase");

	if (!cJSON_IsNumber(version) || version->valueint != STATE_VERSION)
		return false;
	if (!parse_phase(phase, &record->phase))
		return false;
	snprintf(record->system_id, sizeof(record->system_id), "%s", text_member(root, "system"));
	snprintf(record->timeline, sizeof(record->timeline), "%s", text_member(root, "timeline"));
	record->lsn = lsn_member(root, "lsn");
	record->position = lsn_member(root, "position");
	record->progress = json_member(root, "progress");
	record->jobs = json_member(root, "jobs");
	/* without a snapshot a position or incremental ones make a record */
	return record->phase != PHASE_NONE || record->jobs != NULL || record->position != 0;
}

void
state_forget(StateRecord *record)
{
	free((void *) (uintptr_t) record->progress);
	free((void *) (uintptr_t) record->jobs);
	*record = (StateRecord){0};
}

bool
state_parse(const char *value, size_t len, StateRecord *record)
{
	cJSON *root = cJSON_ParseWithLength(value, len);
	bool ok;

	*record = (StateRecord){0};
	ok = root != NULL && parse_members(root, record);
	if (!ok)
		state_forget(record);
	cJSON_Delete(root);
	return ok;
}

/*
 * Clients
 */

static StoreStatus
fail(StateStore *s, const char *what, const char *reason, const char *advice)
{
	s->step = STORE_BROKEN;
	snprintf(s->error, sizeof(s->error), "state topic %s: %s: %s; %s", s->cfg->state_topic, what,
			 reason, advice);
	return STORE_FAILED;
}

/* The connector's properties are the producer's; that some mean nothing here is no news. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void) rk;
	if (strcmp(facility, "CONFWARN") != 0)
		log_line(level <= 4 ? LOG_WARN : level <= 6 ? LOG_INFO : LOG_DEBUG, "kafka: %s", text);
}

/* That a topic is missing comes this way only. */
static void
on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	StateStore *s = arg;

	(void) rk;
	s->trouble = (rd_kafka_resp_err_t) err;
	if (s->make)
		log_debug("kafka: state topic %s: %s", s->cfg->state_topic, reason);
}

static rd_kafka_t *
open_client(StateStore *s, rd_kafka_type_t type)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char text[512];

	/* what the sink has accepted is accepted here */
	for (size_t i = 0; i < s->cfg->kafka.count; i++)
		(void) rd_kafka_conf_set(conf, s->cfg->kafka.items[i].name, s->cfg->kafka.items[i].value,
								 text, sizeof(text));
	if (s->brokers != NULL)
	{
		(void) rd_kafka_conf_set(conf, "bootstrap.servers", s->brokers, text, sizeof(text));
		/* the embedded broker makes topics this way only */
		(void) rd_kafka_conf_set(conf, "allow.auto.create.topics", "true", text, sizeof(text));
	}
	(void) rd_kafka_conf_set(conf, "acks", "all", text, sizeof(text));
	(void) rd_kafka_conf_set(conf, "linger.ms", "0", text, sizeof(text));
	(void) rd_kafka_conf_set(conf, "message.timeout.ms", "0", text, sizeof(text));
	(void) rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
	/* positions count when they are committed; nothing else here is in a transaction */
	(void) rd_kafka_conf_set(conf, "isolation.level",
							 s->cfg->exactly_once ? "read_committed" : "read_uncommitted", text,
							 sizeof(text));
	/* a topic that need not be there is not waited for */
	if (type == RD_KAFKA_PRODUCER || !s->make)
		(void) rd_kafka_conf_set(conf, "topic.metadata.propagation.max.ms",
								 type == RD_KAFKA_PRODUCER ? PROPAGATION_MS : "0", text,
								 sizeof(text));
	/* a start waits for the end of the topic */
	(void) rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", text, sizeof(text));
	(void) rd_kafka_conf_set(conf, "fetch.error.backoff.ms", "20", text, sizeof(text));
	/* one that does not begin at 0 any more */
	(void) rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof(text));
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_opaque(conf, s);
	if (type == RD_KAFKA_CONSUMER)
		rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	rk = rd_kafka_new(type, conf, text, sizeof(text));
	if (rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		(void) fail(s, "no client", text, "correct the Kafka settings");
	}
	return rk;
}

static bool
open_producer(StateStore *s)
{
	if (s->producer == NULL && (s->producer = open_client(s, RD_KAFKA_PRODUCER)) != NULL)
		s->queue = rd_kafka_queue_get_main(s->producer);
	return s->producer != NULL;
}

static void
close_consumer(StateStore *s)
{
	if (s->topic != NULL)
	{
		rd_kafka_consume_stop(s->topic, 0);
		rd_kafka_topic_destroy(s->topic);
	}
	if (s->consumer != NULL)
		rd_kafka_destroy(s->consumer);
	s->topic = NULL;
	s->consumer = NULL;
}

void
state_close(StateStore *s)
{
	close_consumer(s);
	if (s->queue != NULL)
		rd_kafka_queue_destroy(s->queue);
	if (s->producer != NULL)
		rd_kafka_destroy(s->producer);
	s->queue = NULL;
	s->producer = NULL;
	free(s->unwritten);
	s->unwritten = NULL;
	s->removes = false;
	s->step = STORE_IDLE;
}

/*
 * Making the topic
 */

static void
begin_create(StateStore *s)
{
	const TopicGroup *group = config_topic_group(s->cfg, s->cfg->state_topic);
	rd_kafka_AdminOptions_t *options;
	rd_kafka_NewTopic_t *topic;
	char text[256];

	if (!open_producer(s))
		return;
	topic = rd_kafka_NewTopic_new(s->cfg->state_topic, 1, group->replication_factor, text,
								  sizeof(text));
	if (topic == NULL)
	{
		(void) fail(s, "cannot be made", text, "correct nova.state.topic");
		return;
	}
	(void) rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
	(void) rd_kafka_NewTopic_set_config(topic, "segment.bytes", STATE_SEGMENT_BYTES);
	options = rd_kafka_AdminOptions_new(s->producer, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	(void) rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS, text,
													 sizeof(text));
	rd_kafka_CreateTopics(s->producer, &topic, 1, options, s->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(topic);
	s->step = STORE_CREATING;
}

static void
begin_reading(StateStore *s)
{
	s->consumer = open_client(s, RD_KAFKA_CONSUMER);
	if (s->consumer == NULL)
		return;
	s->topic = rd_kafka_topic_new(s->consumer, s->cfg->state_topic, NULL);
	/* to be asked where a topic begins, librdkafka waits half a second for its leader first */
	if (s->topic == NULL || rd_kafka_consume_start(s->topic, 0, 0) != 0)
	{
		(void) fail(s, "cannot be read", rd_kafka_err2str(rd_kafka_last_error()),
					"correct nova.state.topic");
		return;
	}
	state_forget(&s->record);
	free(s->position);
	s->position = NULL;
	s->until = 0;
	s->step = STORE_READING;
}

static void produce(StateStore *s);

/* Whether it is there now, reading or writing tells. */
static StoreStatus
advance_create(StateStore *s)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(s->queue, 0);
	rd_kafka_resp_err_t err;
	const char *text;
	size_t n;

	if (event == NULL)
		return STORE_AGAIN;
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
	{
		const rd_kafka_topic_result_t **results =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);

		err = rd_kafka_event_error(event);
		text = rd_kafka_event_error_string(event);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR && n > 0)
		{
			err = rd_kafka_topic_result_error(results[0]);
			text = rd_kafka_topic_result_error_string(results[0]);
		}
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
			log_info("made the topic %s, which remembers snapshots and positions",
					 s->cfg->state_topic);
		if (err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT)
		{
			log_warn("state topic %s: no broker answers; trying again", s->cfg->state_topic);
			begin_create(s);
		}
		else
		{
			if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
				log_warn("state topic %s: could not be made: %s", s->cfg->state_topic,
						 text != NULL ? text : rd_kafka_err2str(err));
			s->made = true;
			if (s->unwritten != NULL || s->removes)
				produce(s);
			else
				begin_reading(s);
		}
	}
	rd_kafka_event_destroy(event);
	return s->step == STORE_BROKEN ? STORE_FAILED : STORE_AGAIN;
}

/*
 * Reading
 */

static bool
has_key(const rd_kafka_message_t *m, const char *key)
{
	return m->key_len == strlen(key) && memcmp(m->key, key, m->key_len) == 0;
}

static bool
take_position(StateStore *s, const rd_kafka_message_t *m)
{
	free(s->position);
	s->position = m->payload != NULL ? strndup(m->payload, m->len) : NULL;
	return true;
}

static bool
take_message(StateStore *s, const rd_kafka_message_t *m)
{
	if (has_key(m, s->position_key))
		return take_position(s, m);
	if (!has_key(m, s->cfg->slot_name))
		return true;
	state_forget(&s->record);
	if (m->payload == NULL)
		return true;
	if (state_parse(m->payload, m->len, &s->record))
		return true;
	(void) fail(s, "its record of this slot cannot be read", "it is of another version, or damaged",
				"install the newer relay, or remove the record to begin from nothing");
	return false;
}

static StoreStatus
still_waiting(StateStore *s, int64_t now)
{
	if (s->until == 0)
		s->until = now + READ_TIMEOUT_MS;
	if (now < s->until)
		return STORE_AGAIN;
	if (s->trouble == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		s->trouble == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		s->trouble == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
		return fail(s, "it is missing and could not be made", rd_kafka_err2str(s->trouble),
					"make it with 1 partition and cleanup.policy=compact, or let the Kafka user "
					"create it, and start again");
	if (s->trouble == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		return fail(s, "it cannot be read", rd_kafka_err2str(s->trouble),
					"let the Kafka user read, write and create it, and start again");
	log_warn("state topic %s: cannot be read yet: %s; trying on", s->cfg->state_topic,
			 rd_kafka_err2str(s->trouble != RD_KAFKA_RESP_ERR_NO_ERROR
								  ? s->trouble
								  : RD_KAFKA_RESP_ERR__TIMED_OUT));
	s->until = 0;
	return STORE_AGAIN;
}

/* A topic that need not be there is not: nothing is remembered. */
static bool
is_missing(const StateStore *s)
{
	return !s->make && (s->trouble == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
						s->trouble == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
						s->trouble == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
						s->trouble == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
}

static StoreStatus
end_reading(StateStore *s)
{
	close_consumer(s);
	s->step = STORE_IDLE;
	return STORE_READY;
}

/*
 * Somebody else's open transaction hides what came behind it: that is no end, and
 * Kafka gives such a transaction up some time.
 */
static bool
is_end(const StateStore *s, const rd_kafka_message_t *m)
{
	int64_t low = 0;
	int64_t high = 0;

	if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return false;
	(void) rd_kafka_get_watermark_offsets(s->consumer, s->cfg->state_topic, 0, &low, &high);
	return m->offset >= high;
}

static StoreStatus
advance_read(StateStore *s, int64_t now)
{
	for (int i = 0; i < MESSAGES_PER_CALL; i++)
	{
		rd_kafka_message_t *m = rd_kafka_consume(s->topic, 0, 0);
		bool end;
		bool ok = true;

		if (m == NULL && !is_missing(s))
			return still_waiting(s, now);
		if (m == NULL)
			return end_reading(s);
		end = is_end(s, m);
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			ok = take_message(s, m);
		else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
			s->trouble = m->err;
		rd_kafka_message_destroy(m);
		if (!ok)
			return STORE_FAILED;
		if (end)
			return end_reading(s);
	}
	return STORE_AGAIN;
}

/*
 * Writing
 */

static StoreStatus
advance_write(StateStore *s)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(s->queue, 0);
	const rd_kafka_message_t *m = NULL;

	if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR &&
		(m = rd_kafka_event_message_next(event)) != NULL)
	{
		if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
			(void) fail(s, "it takes no record", rd_kafka_err2str(m->err),
						"let the Kafka user write to it, and start again");
		else
			s->step = STORE_IDLE;
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return s->step == STORE_BROKEN ? STORE_FAILED
		   : s->step == STORE_IDLE ? STORE_READY
								   : STORE_AGAIN;
}

static void
produce(StateStore *s)
{
	const size_t len = s->unwritten != NULL ? strlen(s->unwritten) : 0;
	rd_kafka_resp_err_t err = rd_kafka_producev(
		s->producer, RD_KAFKA_V_TOPIC(s->cfg->state_topic), RD_KAFKA_V_PARTITION(0),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY((void *) (uintptr_t) s->cfg->slot_name, strlen(s->cfg->slot_name)),
		RD_KAFKA_V_VALUE(s->unwritten, len), RD_KAFKA_V_END);

	free(s->unwritten);
	s->unwritten = NULL;
	s->removes = false;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		s->step = STORE_WRITING;
	else
		(void) fail(s, "it takes no record", rd_kafka_err2str(err),
					"correct the Kafka settings, and start again");
}

void
state_write(StateStore *s, const StateRecord *record)
{
	s->removes = record->phase == PHASE_NONE && record->jobs == NULL && record->position == 0;
	if (!open_producer(s))
		return;
	if (!s->removes && (s->unwritten = state_format(record)) == NULL)
		(void) fail(s, "it takes no record", "out of memory", "start again");
	else if (s->brokers == NULL && !s->made)
		begin_create(s);
	else
		produce(s);
}

/*
 * The interface
 */

char *
state_position_key(const RelayConfig *cfg)
{
	char *key;

	return asprintf(&key, "%s/position", cfg->slot_name) < 0 ? NULL : key;
}

const char *
state_position(const StateStore *s)
{
	return s->position;
}

StateStore *
state_new(const RelayConfig *cfg, const char *brokers)
{
	StateStore *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cfg = cfg;
	s->brokers = brokers;
	s->position_key = state_position_key(cfg);
	if (s->position_key != NULL)
		return s;
	free(s);
	return NULL;
}

void
state_free(StateStore *s)
{
	if (s == NULL)
		return;
	state_close(s);
	state_forget(&s->record);
	free(s->position_key);
	free(s->position);
	free(s);
}

void
state_read(StateStore *s, bool make)
{
	state_close(s);
	s->make = make;
	s->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
	/* the embedded broker does not know how to make topics when asked */
	if (s->brokers != NULL || !make)
		begin_reading(s);
	else
		begin_create(s);
}

StoreStatus
state_advance(StateStore *s, int64_t now)
{
	switch (s->step)
	{
		case STORE_CREATING:
			return advance_create(s);
		case STORE_READING:
			return advance_read(s, now);
		case STORE_WRITING:
			return advance_write(s);
		case STORE_BROKEN:
			return STORE_FAILED;
		default:
			return STORE_READY;
	}
}

const StateRecord *
state_record(const StateStore *s)
{
	return &s->record;
}

const char *
state_error(const StateStore *s)
{
	return s->error;
}
