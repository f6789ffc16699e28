/*-------------------------------------------------------------------------
 *
 * sink_kafka.c
 *		Records to Kafka by librdkafka: idempotent, acks=all, without copying.
 *
 * Exactly once, there are lanes: transactional producers that take turns.  While
 * one commits, the next one takes records, but not before every record of the
 * first is with the brokers, for order; and it commits only after the first one
 * has.  Acknowledgements are kept until then.  What blocks is done by kafkatxn.c.
 * Heartbeats have a producer of their own, for they are part of no transaction.
 * Dead letters are part of the lane's, as any record.  A record that a broker
 * refuses ends the transaction: which one it was is remembered (refusals.h), so
 * that it goes the way of nova.on.bad.record when it comes again.  Where nobody can say
 * what became of a transaction, or of a record of it, the producers are given up (lose()):
 * new ones end whatever is open, and the position in Kafka says how far it came.
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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "copydata.h"
#include "kafkaadvice.h"
#include "kafkastats.h"
#include "kafkapush.h"
#include "kafkatxn.h"
#include "kafkawindow.h"
#include "letterbox.h"
#include "log.h"
#include "pgwait.h"
#include "refusals.h"
#include "topicmaker.h"
#include "txnplan.h"

#define PRODUCE_RUN     256  /* records in one rd_kafka_produce_batch() */
#define EVENTS_PER_POLL 16   /* a batch of reports each */
#define REPORTS_AT_ONCE 1024 /* messages taken out of one event per call */
#define HEARTBEAT_WARN  30   /* of so many failed heartbeats one is a log line */
#define FINAL_POLL_MS   100  /* for the reports of what is given up at close */
#define FINAL_ABORT_MS  3000 /* for the transaction that is open then */

/* Exactly once: so often the topic is looked for that a transaction failed of. */
#define GUESSES_MAX 100

/* Exactly once: producers that take turns; one more beats. */
#define TXN_LANES 2
#define LANES_MAX (KAFKATXN_PRODUCERS + 1)

/* The first librdkafka that forgets brokers. */
#define DROPS_BROKERS 0x020a0000

/* Kafka's patience with a transaction, beyond what the longest one takes. */
#define TXN_TIMEOUT_MS 60000

typedef struct KafkaRoute
{
	char *topic;
	rd_kafka_topic_t *handles[KAFKATXN_PRODUCERS]; /* of each lane */
	bool unmade;                                   /* the topic may have to be made first */
} KafkaRoute;

/* Records that are with the brokers and count when their transaction does. */
typedef struct KeptAck
{
	Buffer *buf;
	uint32_t n;
} KeptAck;

struct KafkaSink;

typedef struct KafkaLane
{
	struct KafkaSink *of;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	uint64_t in_flight; /* records accepted and not reported */
	KeptAck *kept;
	size_t nkept;
	size_t kept_size;
	Letterbox letters;
	atomic_bool broken; /* a broker of it went away, since its records were settled */
} KafkaLane;

typedef enum TxnStep
{
	TXN_IDLE,
	TXN_CLAIM,
	TXN_POSITION, /* the commit's last record is not taken yet */
	TXN_COMMIT,
	TXN_ASK, /* a commit that cannot be: its error says what is wrong */
	TXN_ABORT
} TxnStep;

typedef struct KafkaSink
{
	Sink sink;
	const RelayConfig *cfg;
	KafkaLane lanes[LANES_MAX];
	unsigned nlanes;  /* records go to the first ones of these */
	unsigned nqueues; /* and heartbeats to the last one */
	KafkaLane *lane;  /* that records go to now */
	int wake_fds[2];  /* librdkafka writes to [1] */
	KafkaRoute *routes;
	size_t nroutes;
	size_t max_record;
	bool closing; /* failures are wanted now */
	int told;     /* trouble with TLS or SASL that was said since the last ack */
	KafkaWindow window;
	KafkaPush *push; /* NULL: nobody may cut linger.ms short */
	uint64_t fresh;  /* records accepted since the last push */
	KafkaTxn *txn;   /* NULL: at least once */
	TxnStep step;
	KafkaLane *ending; /* the one that commits */
	char *key;         /* of its position, while it is not taken */
	char *position;
	bool doomed;  /* the transactions must be aborted; reason says why */
	bool aborted; /* they were, and nobody knows yet */
	bool fenced;
	bool position_there; /* of the one that commits, with the brokers */
	bool gap;            /* something of it is not */
	bool doubtful;       /* records were given up that may be with the brokers */
	Refusals refusals;
	bool alone;      /* what is in flight is, for it may be refused */
	KafkaLane *ask;  /* whose transaction has failed, nobody knows of what */
	int unexplained; /* what of, if no record was named with it */
	int guesses;     /* so many of these since the last commit */
	char reason[512];
	unsigned failed_heartbeats;
	bool heartbeat_out; /* one is under way */
	KafkaStats stats;
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
	{"linger.ms", "5"}, /* while there is more: see kafka_push() */
	{"queue.buffering.max.kbytes", "32768"},
	{"queue.buffering.max.messages", "100000"},
	{"log.connection.close", "false"},
};

/* Between two statistics of librdkafka, while anybody can ask for them. */
#define STATISTICS_MS "5000"

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
	{"transactional.id", {NULL}, "it belongs to the relay: set nova.transactional.id"},
	{"enabled_events", {NULL}, "it belongs to the relay; leave it out"},
	{"log.queue", {"false", NULL}, "it belongs to the relay; leave it out"},
};

/* Whom a refusal is about. */
typedef enum Blame
{
	BLAME_NOBODY, /* no refusal of a record: it always ends in a failure */
	BLAME_RECORD, /* but the broker refuses the whole batch that it is in */
	BLAME_TOPIC   /* every record for it */
} Blame;

/* What to do about records that Kafka does not take. */
static const struct
{
	rd_kafka_resp_err_t err;
	Blame blame;
	const char *advice;
} advices[] = {
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, BLAME_RECORD,
	 "raise max.message.bytes on the topic and "
	 "producer.override.max.request.size, then start again"},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, BLAME_TOPIC,
	 "give the Kafka user the right to write to the topic, then start again"},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, BLAME_NOBODY,
	 "give the Kafka user IdempotentWrite on the cluster, then start again"},
	{RD_KAFKA_RESP_ERR_INVALID_RECORD, BLAME_RECORD,
	 "the topic refuses the record: a compacted topic takes no record without a key; give the "
	 "table "
	 "a primary key or message.key.columns, or the topic cleanup.policy=delete, then start again"},
	{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, BLAME_RECORD,
	 "raise segment.bytes of the topic, then start again"},
	{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, BLAME_RECORD,
	 "the topic refuses the record's timestamp: see its message.timestamp settings, then start "
	 "again"},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, BLAME_TOPIC,
	 "the cluster's policy refuses it; ask who set the policy"},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, BLAME_TOPIC,
	 "create the topic or let the brokers do it (auto.create.topics.enable), then start again"},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, BLAME_TOPIC,
	 "create the topic or let the brokers do it (auto.create.topics.enable), then start again"},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, BLAME_NOBODY,
	 "the topic lost partitions; make it anew or start again"},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, BLAME_TOPIC,
	 "the topic's name is not valid in Kafka: correct the routing options"},
	{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, BLAME_NOBODY,
	 "remove message.timeout.ms from the configuration: without it "
	 "the relay waits for the brokers"},
	{RD_KAFKA_RESP_ERR__FATAL, BLAME_NOBODY,
	 "start again: the producer cannot go on, nothing is lost"},
	{RD_KAFKA_RESP_ERR_NO_ERROR, BLAME_NOBODY,
	 "nothing behind it is confirmed; correct the cause and start again"},
};

/* What the report of a position says, where that of a record names its buffer. */
static Buffer position_mark;

static KafkaSink *
kafka(Sink *sink)
{
	return (KafkaSink *) sink;
}

static size_t
advice_row(rd_kafka_resp_err_t err)
{
	size_t i = 0;

	while (advices[i].err != err && advices[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
		i++;
	return i;
}

static const char *
advice_for(rd_kafka_resp_err_t err)
{
	return advices[advice_row(err)].advice;
}

/* What nova.on.bad.record is for, if it says anything but to fail. */
static Blame
blame_for(const KafkaSink *k, rd_kafka_resp_err_t err)
{
	return k->sink.bad.policy == BAD_FAIL || k->closing ? BLAME_NOBODY
														: advices[advice_row(err)].blame;
}

/* What no second attempt changes. */
static bool
is_permanent(rd_kafka_resp_err_t err)
{
	return err != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && err != RD_KAFKA_RESP_ERR__FATAL &&
		   err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
		   advice_for(err) != advice_for(RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Let the loop come by. */
static void
rouse(KafkaSink *k)
{
	ssize_t ignored = write(k->wake_fds[1], "!", 1);

	(void) ignored;
}

/* What was produced since the last commit cannot be committed. */
static void
doom(KafkaSink *k, const char *reason)
{
	k->sink.shut = true;
	if (!k->doomed)
		snprintf(k->reason, sizeof(k->reason), "%s", reason);
	k->doomed = true;
	if (k->sink.txn == SINK_TXN_OPEN)
		k->sink.txn = SINK_TXN_ABORTING;
	rouse(k);
}

static void
fenced(KafkaSink *k, const char *reason)
{
	k->sink.shut = true;
	k->fenced = true;
	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "fenced: another producer with the transactional id %s has taken over, or Kafka "
				 "has given up on this one (%s); what was not committed is not visible and is sent "
				 "by whoever goes on",
				 k->cfg->transactional_id, reason);
}

/* The same, but first librdkafka is to say of what: producing tells only that it is so. */
static void
ask_why(KafkaSink *k, KafkaLane *lane)
{
	k->sink.shut = true;
	k->ask = lane;
	if (k->sink.txn == SINK_TXN_OPEN)
		k->sink.txn = SINK_TXN_ABORTING;
	rouse(k);
}

/*
 * Exactly once: new producers have to find out.  Whoever opens the sink again fences these
 * and reads the position, with which it is known what was committed.
 */
static void
lose(KafkaSink *k, const char *what, const char *why)
{
	k->sink.shut = true;
	if (k->sink.error[0] != '\0')
		return;
	k->sink.lost = true;
	snprintf(k->sink.error, sizeof(k->sink.error),
			 "the Kafka producers cannot go on: %s: %s; new ones end what is open, and what is not "
			 "committed is sent again",
			 what, why);
}

/* A producer that cannot go on at all; false if it can. */
static bool
take_fatal(KafkaSink *k, rd_kafka_t *rk)
{
	char fatal[256];
	rd_kafka_resp_err_t err = rd_kafka_fatal_error(rk, fatal, sizeof(fatal));

	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	if (kafkatxn_means_fenced(err))
		fenced(k, fatal);
	else if (k->sink.error[0] == '\0')
	{
		k->sink.lost = kafkatxn_new_one_helps(err);
		snprintf(k->sink.error, sizeof(k->sink.error), "the Kafka producer failed: %s; %s", fatal,
				 k->sink.lost ? "records that are not confirmed are sent again"
							  : advice_for(RD_KAFKA_RESP_ERR__FATAL));
	}
	return true;
}

/* The first failure is the cause; what follows is noise. */
static SinkStatus
fail_record(KafkaSink *k, rd_kafka_resp_err_t err, const char *topic, uint64_t lsn, size_t bytes)
{
	char fatal[256];
	const char *reason = rd_kafka_err2str(err);
	rd_kafka_resp_err_t cause;

	if (k->sink.error[0] != '\0')
		return SINK_FAILED;
	cause = rd_kafka_fatal_error(k->lane->rk, fatal, sizeof(fatal));
	if (cause != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		k->sink.lost = kafkatxn_new_one_helps(cause);
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
 * Exactly once: acknowledgements count with their transaction, those of letters too
 */

/* Until its transaction is committed. */
static void
keep_ack(KafkaSink *k, KafkaLane *lane, Buffer *buf, uint32_t n)
{
	if (buf == &position_mark)
	{
		k->position_there = true;
		return;
	}
	if (lane->nkept > 0 && lane->kept[lane->nkept - 1].buf == buf)
	{
		lane->kept[lane->nkept - 1].n += n;
		return;
	}
	if (lane->nkept == lane->kept_size)
	{
		size_t size = lane->kept_size > 0 ? lane->kept_size * 2 : 1024;
		KeptAck *grown = realloc(lane->kept, size * sizeof(*grown));

		if (grown == NULL)
		{
			/* never acknowledged: nothing from here on is confirmed */
			snprintf(k->sink.error, sizeof(k->sink.error), "out of memory for acknowledgements");
			k->sink.events.given_up(k->sink.events.arg, buf, n);
			return;
		}
		lane->kept = grown;
		lane->kept_size = size;
	}
	lane->kept[lane->nkept++] = (KeptAck){buf, n};
}

static void
settle_acks(KafkaLane *lane, void (*settle)(void *arg, Buffer *buf, uint32_t n), void *arg)
{
	for (size_t i = 0; i < lane->nkept; i++)
		settle(arg, lane->kept[i].buf, lane->kept[i].n);
	lane->nkept = 0;
	atomic_store(&lane->broken, false);
}

/* Lanes as refusals.h numbers them. */
static unsigned
lane_number(const KafkaSink *k, const KafkaLane *lane)
{
	return (unsigned) (lane - k->lanes) + 1;
}

static RefusalId
bad_id(const BadRecord *bad, const Buffer *buf)
{
	return refusal_id(bad->topic, bad->key, bad->value, buf->of_snapshot);
}

static RefusalId
message_id(const rd_kafka_message_t *m)
{
	const Buffer *buf = m->_private;

	return refusal_id(rd_kafka_topic_name(m->rkt), (NovaBytes){m->key, (uint32_t) m->key_len},
					  (NovaBytes){m->payload, (uint32_t) m->len}, buf->of_snapshot);
}

static void
fail_learning(KafkaSink *k)
{
	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "out of memory for what Kafka has refused; nothing of it is confirmed");
}

static void
keep_letter(void *arg, Buffer *buf, uint32_t n)
{
	KafkaLane *lane = arg;

	keep_ack(lane->of, lane, buf, n);
}

static void
give_up_letter(void *arg, Buffer *buf, uint32_t n)
{
	const KafkaLane *lane = arg;

	lane->of->sink.events.given_up(lane->of->sink.events.arg, buf, n);
}

/* A letter fails with its transaction, and comes again; false if that will not help. */
static bool
letter_not_taken(void *arg, const BadRecord *bad, bool pointer, const Buffer *buf,
				 rd_kafka_resp_err_t err)
{
	KafkaLane *lane = arg;
	KafkaSink *k = lane->of;
	Refusal *r;

	if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !pointer)
	{
		r = refusals_note(&k->refusals, bad_id(bad, buf));
		if (r != NULL)
			r->pointer = k->sink.learned = true;
		else
			fail_learning(k);
		doom(k, "a dead letter is too large for its topic, and is sent again as a pointer");
		return true;
	}
	if (k->closing || k->doomed || k->step == TXN_ABORT || take_fatal(k, lane->rk))
		return true;
	if (is_permanent(err))
		return false;
	doom(k, rd_kafka_err2str(err));
	return true;
}

static void
count_letters(KafkaSink *k, KafkaLane *lane)
{
	k->sink.bad.letters += lane->letters.acked;
	k->sink.bad.skipped += lane->letters.skipped;
	lane->letters.acked = lane->letters.skipped = 0;
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

/* The lane's transactional.id, and how long Kafka waits for a relay that is gone. */
static bool
set_transactional(rd_kafka_conf_t *conf, const RelayConfig *cfg, unsigned number, char *err,
				  size_t errsize)
{
	char id[512];
	char timeout[32];

	snprintf(id, sizeof(id), "%s-%u", cfg->transactional_id, number);
	snprintf(timeout, sizeof(timeout), "%lld",
			 (long long) txnplan_longest_ms(cfg->txn_interval_ms) + TXN_TIMEOUT_MS);
	return rd_kafka_conf_set(conf, "transactional.id", id, err, errsize) == RD_KAFKA_CONF_OK &&
		   rd_kafka_conf_set(conf, "transaction.timeout.ms", timeout, err, errsize) ==
			   RD_KAFKA_CONF_OK;
}

/* 1.8 cannot be asked: a relay that is built with it is not for 2.10. */
#if RD_KAFKA_VERSION >= 0x02000000
/* In a thread of librdkafka.  A broker without a number was never sent a record. */
static rd_kafka_resp_err_t
on_broker_state(rd_kafka_t *rk, int32_t broker, const char *protocol, const char *name, int port,
				const char *state, void *arg)
{
	KafkaLane *lane = arg;

	(void) rk;
	(void) protocol;
	(void) name;
	(void) port;
	if (broker >= 0 && strcmp(state, "DOWN") == 0)
		atomic_store(&lane->broken, true);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_producer(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg, char *err, size_t errsize)
{
	(void) conf;
	(void) err;
	(void) errsize;
	return rd_kafka_interceptor_add_on_broker_state_change(rk, "nova", on_broker_state, arg);
}
#endif

/*
 * From 2.10 on, librdkafka drops a broker that the cluster does not name any more, as one
 * that hangs, and says of records that it was sent and did not acknowledge that it has
 * them not.  It may have them: what is to be known is whether there was such a broker.
 */
static bool
watch_brokers(rd_kafka_conf_t *conf, KafkaLane *lane)
{
#if RD_KAFKA_VERSION >= 0x02000000
	if (rd_kafka_version() >= DROPS_BROKERS)
		return rd_kafka_conf_interceptor_add_on_new(conf, "nova", on_producer, lane) ==
			   RD_KAFKA_RESP_ERR_NO_ERROR;
#else
	(void) conf;
	(void) lane;
#endif
	return true;
}

static rd_kafka_conf_t *
make_conf(KafkaSink *k, unsigned number, char *err, size_t errsize)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool transactional = k->txn != NULL && number < k->nlanes;
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		/* a transaction is given up with its records */
		if (!transactional || strcmp(defaults[i][0], "message.timeout.ms") != 0)
			ok = rd_kafka_conf_set(conf, defaults[i][0], defaults[i][1], err, errsize) ==
				 RD_KAFKA_CONF_OK;
	if (ok && k->cfg->listeners != NULL)
		ok = rd_kafka_conf_set(conf, "statistics.interval.ms", STATISTICS_MS, err, errsize) ==
			 RD_KAFKA_CONF_OK;
	ok = ok && (!transactional || set_transactional(conf, k->cfg, number, err, errsize)) &&
		 set_connector_properties(conf, k->cfg, err, errsize) &&
		 fit_queue(conf, k->cfg, err, errsize);
	if (ok && k->mock != NULL)
		ok = rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(k->mock),
							   err, errsize) == RD_KAFKA_CONF_OK;
	if (ok && transactional && !watch_brokers(conf, &k->lanes[number]))
	{
		snprintf(err, errsize, "librdkafka does not let its brokers be watched");
		ok = false;
	}
	if (!ok)
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
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
	KafkaLane *lane = &k->lanes[k->nqueues];
	rd_kafka_conf_t *conf = make_conf(k, k->nqueues, err, errsize);

	if (conf == NULL)
		return false;
	lane->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (lane->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		snprintf(err, errsize, "the Kafka producer could not start: %s", text);
		return false;
	}
	lane->queue = rd_kafka_queue_get_main(lane->rk);
	rd_kafka_queue_io_event_enable(lane->queue, k->wake_fds[1], "!", 1);
	k->nqueues++;
	lane->of = k;
	lane->letters = (Letterbox){.sink = &k->sink, .rk = lane->rk, .events = k->sink.events};
	if (k->txn != NULL)
	{
		lane->letters.events =
			(SinkEvents){.arg = lane, .acked = keep_letter, .given_up = give_up_letter};
		lane->letters.not_taken = letter_not_taken;
	}
	k->sink.more = true; /* what came before the descriptor was set */
	return true;
}

/* A property of the producer as librdkafka understood it. */
static uint64_t
number_of(const KafkaLane *lane, const char *name, uint64_t otherwise)
{
	char value[32];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(rd_kafka_conf(lane->rk), name, value, &size) != RD_KAFKA_CONF_OK)
		return otherwise;
	return strtoull(value, NULL, 10);
}

static bool
open_lanes(KafkaSink *k, char *err, size_t errsize)
{
	unsigned wanted = k->cfg->exactly_once ? TXN_LANES + 1 : 1;

	k->nlanes = k->cfg->exactly_once ? TXN_LANES : 1;
	k->lane = &k->lanes[0];
	if (k->cfg->exactly_once && (k->txn = kafkatxn_new(k->wake_fds[1])) == NULL)
	{
		snprintf(err, errsize, "cannot start a thread: %s", strerror(errno));
		return false;
	}
	while (k->nqueues < wanted)
		if (!open_producer(k, err, errsize))
			return false;
	/* a commit pushes by itself; and who says how long to wait is to have that */
	if (!k->cfg->exactly_once && config_pair(&k->cfg->kafka, "linger.ms") == NULL &&
		config_pair(&k->cfg->kafka, "queue.buffering.max.ms") == NULL &&
		(k->push = kafkapush_new(k->lane->rk)) == NULL)
	{
		snprintf(err, errsize, "cannot start a thread: %s", strerror(errno));
		return false;
	}
	k->sink.shut = k->cfg->exactly_once;
	k->sink.txn = k->cfg->exactly_once ? SINK_TXN_CLAIMING : SINK_TXN_NONE;
	k->max_record = (size_t) number_of(k->lane, "message.max.bytes", 1000000);
	kafkawindow_init(&k->window, number_of(k->lane, "queue.buffering.max.messages", 0));
	k->sink.capacity = k->window.size;
	return true;
}

static void
close_route(KafkaRoute *route)
{
	for (unsigned i = 0; i < KAFKATXN_PRODUCERS; i++)
	{
		if (route->handles[i] != NULL)
			rd_kafka_topic_destroy(route->handles[i]);
		route->handles[i] = NULL;
	}
}

/* From here on librdkafka knows the topic. */
static SinkStatus
open_route(KafkaSink *k, KafkaRoute *route)
{
	for (unsigned i = 0; i < k->nlanes; i++)
	{
		route->handles[i] = rd_kafka_topic_new(k->lanes[i].rk, route->topic, NULL);
		if (route->handles[i] == NULL)
		{
			snprintf(k->sink.error, sizeof(k->sink.error),
					 "librdkafka refuses the topic %s: %s; correct the routing options",
					 route->topic, rd_kafka_err2str(rd_kafka_last_error()));
			return SINK_FAILED;
		}
	}
	return SINK_OK;
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
	close_route(route);
	route->topic = strdup(topic);
	if (route->topic == NULL)
		goto out_of_memory;
	mock_topic(k, topic);
	/* one that has to be made first must not be asked for: brokers would make it */
	route->unmade = sink->maker != NULL && !topicmaker_has(sink->maker, topic, pgwait_now());
	if (route->unmade)
		return SINK_OK;
	return open_route(k, route);
out_of_memory:
	snprintf(sink->error, sizeof(sink->error), "out of memory for topic %s", topic);
	return SINK_FAILED;
}

/* The route's topic, as the lane knows it that records go to now. */
static inline rd_kafka_topic_t *
handle_of(const KafkaSink *k, uint32_t route)
{
	return k->routes[route].handles[k->lane - k->lanes];
}

static inline size_t
record_size(const NovaRecord *r)
{
	return (size_t) r->key.len + r->value.len;
}

static bool
kafka_refuse(Sink *sink, const BadRecord *bad, Buffer *buf)
{
	KafkaSink *k = kafka(sink);
	const Refusal *known = NULL;

	if (refusals_any(&k->refusals))
		known = refusals_find(&k->refusals, bad_id(bad, buf));
	if (!letterbox_post(&k->lane->letters, bad, known != NULL && known->pointer, buf))
		return false;
	k->lane->in_flight++;
	return true;
}

/* In place of the record, as the policy says. */
static SinkStatus
refuse_record(KafkaSink *k, rd_kafka_resp_err_t err, const NovaRecord *r, Buffer *buf,
			  size_t *accepted)
{
	const BadRecord bad = {.topic = k->routes[r->route].topic,
						   .table = "",
						   .lsn = buf->lsn,
						   .headers = r->headers,
						   .key = r->key,
						   .value = r->value,
						   .value_bytes = r->value.len,
						   .reason = rd_kafka_err2str(err)};

	if (!kafka_refuse(&k->sink, &bad, buf))
		return SINK_FAILED;
	(*accepted)++;
	return SINK_OK;
}

/* Outcome of one record that librdkafka did not take. */
static SinkStatus
not_taken(KafkaSink *k, rd_kafka_resp_err_t err, const NovaRecord *r, Buffer *buf, size_t *accepted)
{
	if (blame_for(k, err) != BLAME_NOBODY)
		return refuse_record(k, err, r, buf, accepted);
	if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
	{
		/* whatever else is in the queue leaves it some time */
		if (k->lane->in_flight > 0 || rd_kafka_outq_len(k->lane->rk) > 0)
			return SINK_FULL;
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "a record of %zu bytes for topic %s (from LSN " LSN_FORMAT ") is larger than the "
				 "whole producer queue; raise producer.override.buffer.memory and start again",
				 record_size(r), k->routes[r->route].topic, LSN_ARGS(buf->lsn));
		return SINK_FAILED;
	}
	if (k->txn != NULL && !is_permanent(err))
	{
		if (!take_fatal(k, k->lane->rk))
		{
			if (err == RD_KAFKA_RESP_ERR__STATE)
				ask_why(k, k->lane);
			else
				doom(k, rd_kafka_err2str(err));
		}
		return SINK_FULL;
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

/*
 * A run of which not all was taken.  Behind a full queue nothing is; behind
 * another failure the rest may be.
 */
static SinkStatus
settle_run(KafkaSink *k, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	SinkStatus status = SINK_OK;

	for (size_t i = 0; i < n; i++)
	{
		if (k->run[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			(*accepted)++;
		else if (status == SINK_OK)
			status = not_taken(k, k->run[i].err, &records[i], buf, accepted);
	}
	return status;
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
	taken = rd_kafka_produce_batch(handle_of(k, records[0].route), RD_KAFKA_PARTITION_UA,
								   RD_KAFKA_MSG_F_PARTITION, k->run, (int) n);
	if (taken > 0)
		k->lane->in_flight += (uint64_t) taken;
	if (taken == (int) n)
	{
		*accepted = n;
		return SINK_OK;
	}
	return settle_run(k, records, n, buf, accepted);
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

	return rd_kafka_produceva(k->lane->rk, args, headers != NULL ? n : n - 1);
}

static rd_kafka_resp_err_t
produce_to(KafkaSink *k, const NovaRecord *r, int32_t partition, rd_kafka_headers_t *headers,
		   Buffer *buf)
{
	rd_kafka_error_t *error = send_record(k, handle_of(k, r->route), partition, r->key, r->value,
										  r->place.timestamp, headers, buf);
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
	rd_kafka_headers_t *headers = r->headers.data != NULL ? letterbox_headers(r->headers) : NULL;
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
		k->lane->in_flight++;
		*accepted = 1;
		return SINK_OK;
	}
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	return not_taken(k, err, r, buf, accepted);
}

/* Records from the front on: a run, or one that is special. */
static SinkStatus
produce_some(KafkaSink *k, const NovaRecord *records, size_t n, Buffer *buf, size_t *taken)
{
	size_t run = run_length(k, records, n);

	if (run > 0)
		return produce_run(k, records, run, buf, taken);
	if (record_size(records) > k->max_record)
		return not_taken(k, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, records, buf, taken);
	return produce_alone(k, records, buf, taken);
}

/*
 * One record, while something is known of what was refused.  The batch of one that
 * is sent alone has no other.
 */
static SinkStatus
produce_with_care(KafkaSink *k, const NovaRecord *r, Buffer *buf, size_t *taken)
{
	const char *topic = k->routes[r->route].topic;
	Refusal *known =
		refusals_find(&k->refusals, refusal_id(topic, r->key, r->value, buf->of_snapshot));
	RefusedTopic *tried = refusals_suspected(&k->refusals, topic);
	int refused = refusals_topic(&k->refusals, topic, letterbox_now());
	bool suspect;
	SinkStatus status;

	if (tried != NULL && tried->trying && k->lane->in_flight == 0)
	{
		refusals_clear_topic(&k->refusals, tried);
		tried = NULL;
	}
	suspect = tried != NULL || (known != NULL && known->fate == FATE_ALONE);
	if (known != NULL && known->fate == FATE_REFUSED)
		refused = known->reason;
	if (refused == 0 && (suspect || k->alone) && k->lane->in_flight > 0)
		return SINK_FULL;
	if (refused != 0)
		status = refuse_record(k, refused, r, buf, taken);
	else
	{
		k->alone = suspect;
		status = produce_some(k, r, 1, buf, taken);
	}
	if (*taken > 0 && known != NULL)
		known->lane = lane_number(k, k->lane);
	if (*taken > 0 && tried != NULL)
		tried->trying = true;
	return status;
}

/*
 * A topic that records name for the first time is made first, as its group says; a
 * route that is there costs a glance for each run of records.
 */
static SinkStatus
await_topic(KafkaSink *k, KafkaRoute *route)
{
	k->sink.making = !topicmaker_has(k->sink.maker, route->topic, pgwait_now());
	if (k->sink.making)
		return SINK_FULL;
	route->unmade = false;
	return open_route(k, route);
}

static void
tell_window(KafkaSink *k)
{
	k->sink.capacity = k->window.size;
	log_debug("kafka: up to %" PRIu64 " records are under way at a time now", k->window.size);
}

static bool
has_room(KafkaSink *k)
{
	if (kafkawindow_takes(&k->window, k->lane->in_flight))
		return true;
	if (!kafkawindow_full(&k->window, pgwait_now()))
		return false;
	tell_window(k);
	return kafkawindow_takes(&k->window, k->lane->in_flight);
}

static SinkStatus
kafka_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	KafkaSink *k = kafka(sink);
	SinkStatus status = SINK_OK;

	*accepted = 0;
	if (sink->shut || letterbox_full(&k->lane->letters))
		return SINK_FULL;
	while (status == SINK_OK && *accepted < n)
	{
		const NovaRecord *front = records + *accepted;
		size_t taken = 0;

		if (!has_room(k))
			status = SINK_FULL;
		else if (k->routes[front->route].unmade)
			status = await_topic(k, &k->routes[front->route]);
		if (status != SINK_OK)
			break;
		if (k->alone || refusals_any(&k->refusals))
			status = produce_with_care(k, front, buf, &taken);
		else
			status = produce_some(k, front, n - *accepted, buf, &taken);
		*accepted += taken;
	}
	k->fresh += *accepted;
	return status;
}

/*
 * Not before everything is back that was under way at the last push: what comes in the
 * meantime goes together.  At high rates, one request after the other for a record each
 * takes the brokers longer than linger.ms.
 */
static void
kafka_push(Sink *sink)
{
	KafkaSink *k = kafka(sink);

	if (k->push == NULL || k->fresh == 0 || k->lane->in_flight > k->fresh)
		return;
	k->fresh = 0;
	kafkapush_now(k->push);
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
	err = rd_kafka_producev(k->lanes[k->nqueues - 1].rk, RD_KAFKA_V_TOPIC(topic),
							RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
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

	/* a transaction fails with its first record; the next one knows the topic */
	if (m->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || m->partition == RD_KAFKA_PARTITION_UA ||
		k->closing || k->txn != NULL)
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

/* Records are given up by the dozen while a transaction is aborted: that is no news. */
static void
judge_failure(KafkaSink *k, KafkaLane *lane, const rd_kafka_message_t *m, uint64_t lsn)
{
	const Buffer *buf = m->_private;
	bool purged =
		m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;

	if (k->txn != NULL && purged && buf != &position_mark && !k->closing)
		refusals_lost(&k->refusals, rd_kafka_topic_name(m->rkt));
	if (k->txn != NULL && (k->doomed || k->step == TXN_ABORT || take_fatal(k, lane->rk)))
		return;
	/* who commits it will hear why */
	if (k->txn != NULL && purged)
	{
		if (k->step != TXN_ASK && (k->step != TXN_COMMIT || lane != k->ending))
			ask_why(k, lane);
		return;
	}
	if (k->txn == NULL || is_permanent(m->err))
		(void) fail_record(k, m->err, rd_kafka_topic_name(m->rkt), lsn, m->len + m->key_len);
	else
		doom(k, rd_kafka_err2str(m->err));
}

/* A message's headers, back in the form of the wire; false when out of memory. */
static bool
headers_block(const rd_kafka_message_t *m, BufferBuilder *block)
{
	rd_kafka_headers_t *headers = NULL;
	const char *name;
	const void *value;
	size_t size;
	size_t n;
	char head[4];
	bool ok;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	n = rd_kafka_header_cnt(headers);
	(void) nova_put_u16(head, (uint16_t) n);
	ok = builder_append(block, head, 2);
	for (size_t i = 0; ok && i < n; i++)
	{
		if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		(void) nova_put_u16(head, (uint16_t) strlen(name));
		ok = builder_append(block, head, 2) && builder_append(block, name, strlen(name));
		(void) nova_put_u32(head, value != NULL ? (uint32_t) size : UINT32_MAX);
		ok = ok && builder_append(block, head, 4) &&
			 (value == NULL || builder_append(block, value, size));
	}
	return ok;
}

/* One that the broker has refused, to the letters. */
static bool
refuse_message(KafkaSink *k, const rd_kafka_message_t *m)
{
	Buffer *buf = m->_private;
	BufferBuilder block = {0};
	BadRecord bad = {.topic = rd_kafka_topic_name(m->rkt),
					 .table = "",
					 .lsn = buf->lsn,
					 .key = {m->key, (uint32_t) m->key_len},
					 .value = {m->payload, (uint32_t) m->len},
					 .value_bytes = m->len,
					 .reason = rd_kafka_err2str(m->err)};
	bool ok = headers_block(m, &block);

	bad.headers = (NovaBytes){block.data, (uint32_t) block.len};
	/* it is in flight still */
	ok = ok && letterbox_post(&k->lane->letters, &bad, false, buf);
	builder_reset(&block);
	return ok;
}

/* Which of them it is about nobody knows, and those behind are on their way. */
static void
fail_batch(KafkaSink *k, const rd_kafka_message_t *m, size_t n)
{
	const Buffer *buf = m->_private;

	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "Kafka refused a batch of %zu records for topic %s (from LSN " LSN_FORMAT
				 " on): %s; which of them is at fault it does not say, so that "
				 "nova.on.bad.record cannot be followed; none is confirmed; set "
				 "producer.override.batch.size to no more than the topic's max.message.bytes, or "
				 "kafka.batch.num.messages to 1, then start again",
				 n, rd_kafka_topic_name(m->rkt), LSN_ARGS(buf->lsn), rd_kafka_err2str(m->err));
}

/*
 * Exactly once: the transaction is over, but when its records come again, this one
 * goes the way of nova.on.bad.record.
 */
static void
learn(KafkaSink *k, const rd_kafka_message_t *m, Blame blame, size_t batch)
{
	const char *topic = rd_kafka_topic_name(m->rkt);
	const Buffer *buf = m->_private;
	Refusal *r = NULL;

	if (blame == BLAME_RECORD)
		r = refusals_note(&k->refusals, message_id(m));
	if (r != NULL && r->fate != FATE_REFUSED)
		r->fate = batch > 1 ? FATE_ALONE : FATE_REFUSED;
	if (r != NULL)
		r->reason = m->err;
	else if (blame == BLAME_RECORD || !refusals_note_topic(&k->refusals, topic, m->err))
		fail_learning(k);
	/* what it takes with it may have been reported before */
	if (!k->sink.learned)
		log_warn("kafka: a batch of %zu records for topic %s (from LSN " LSN_FORMAT
				 " on) is refused: %s; the transaction is sent again, %s",
				 batch, topic, LSN_ARGS(buf->lsn), rd_kafka_err2str(m->err),
				 batch > 1 && blame == BLAME_RECORD
					 ? "these records one by one, to see which of them it is about"
					 : "without what goes the way of nova.on.bad.record");
	k->sink.learned = true;
	doom(k, "Kafka refused a record");
}

/* A record that failed for good, or a heartbeat, which may. */
static void
report_failure(KafkaSink *k, KafkaLane *lane, const rd_kafka_message_t *m, size_t batch)
{
	Buffer *buf = m->_private;
	Blame blame;

	if (buf == NULL)
	{
		heartbeat_failed(k, rd_kafka_topic_name(m->rkt), m->err);
		return;
	}
	if (send_by_key(k, m))
		return;
	blame = buf != &position_mark ? blame_for(k, m->err) : BLAME_NOBODY;
	if (blame != BLAME_NOBODY && k->txn != NULL)
		learn(k, m, blame, batch);
	else if (blame == BLAME_RECORD && batch > 1)
		fail_batch(k, m, batch);
	else if (blame != BLAME_NOBODY && refuse_message(k, m))
		return;
	lane->in_flight--;
	judge_failure(k, lane, m, buf->lsn);
	if (buf != &position_mark)
		k->sink.events.given_up(k->sink.events.arg, buf, 1);
}

/*
 * What a failure says of the transaction.  An abort gives up what waits to be sent again,
 * and librdkafka gives its number to the next record: if the broker has the first one, it
 * takes that for its repetition, and drops it.
 */
static void
note_failure(KafkaSink *k, const KafkaLane *lane, const rd_kafka_message_t *m)
{
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && lane == k->ending)
		k->gap = true;
	if (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
		(rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED ||
		 atomic_load(&lane->broken)))
		k->doubtful = true;
}

/* Returns the number of records acked.  batch: how many there are with the same fate. */
static size_t
take_reports(KafkaSink *k, KafkaLane *lane, const rd_kafka_message_t *const *reports, size_t n,
			 size_t batch)
{
	size_t acked = 0;
	size_t i = 0;

	while (i < n)
	{
		Buffer *buf = reports[i]->_private;
		size_t start = i;

		if (letterbox_owns(buf))
		{
			size_t n_acked;

			note_failure(k, lane, reports[i]);
			n_acked = letterbox_report(&lane->letters, reports[i++]);
			lane->in_flight -= n_acked;
			acked += n_acked;
			continue;
		}
		if (reports[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR || buf == NULL)
		{
			if (buf == NULL)
				k->heartbeat_out = false;
			note_failure(k, lane, reports[i]);
			if (reports[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				report_failure(k, lane, reports[i], batch);
			i++;
			continue;
		}
		while (i < n && reports[i]->_private == buf &&
			   reports[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			i++;
		lane->in_flight -= i - start;
		k->told = RD_KAFKA_RESP_ERR_NO_ERROR;
		acked += i - start;
		if (k->txn != NULL)
			keep_ack(k, lane, buf, (uint32_t) (i - start));
		else
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
take_error(KafkaSink *k, KafkaLane *lane, rd_kafka_event_t *event)
{
	if (take_fatal(k, lane->rk))
		return;
	tell_advice(k, event);
	/* what a single broker has was in the log callback already */
	if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		log_warn("kafka: %s; trying again until one answers, nothing is lost meanwhile",
				 rd_kafka_event_error_string(event));
}

/* Known without asking, once there was metadata. */
static void
note_cluster(KafkaSink *k, const KafkaLane *lane)
{
	char *id = rd_kafka_clusterid(lane->rk, 0);

	if (id == NULL)
		return;
	snprintf(k->stats.cluster, sizeof(k->stats.cluster), "%s", id);
	rd_kafka_mem_free(lane->rk, id);
}

static void
take_stats(KafkaSink *k, const KafkaLane *lane, rd_kafka_event_t *event)
{
	const char *json = rd_kafka_event_stats(event);

	if (json != NULL &&
		!kafkastats_take(&k->stats, (unsigned) (lane - k->lanes), json, strlen(json)))
		log_debug("kafka: statistics that cannot be read, of %zu bytes", strlen(json));
	if (k->stats.cluster[0] == '\0')
		note_cluster(k, lane);
}

static void
note_batch(KafkaSink *k, size_t n)
{
	if (n > 0 && kafkawindow_acked(&k->window, n, pgwait_now()))
		tell_window(k);
}

/* Returns the number of records acked. */
static size_t
take_event(KafkaSink *k, KafkaLane *lane, rd_kafka_event_t *event)
{
	size_t acks = 0;
	size_t batch = rd_kafka_event_message_count(event);
	size_t n;

	note_batch(k, batch);
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
		while ((n = rd_kafka_event_message_array(event, k->reports, REPORTS_AT_ONCE)) > 0)
			acks += take_reports(k, lane, k->reports, n, batch);
	else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR && !k->closing)
		take_error(k, lane, event);
	else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_STATS)
		take_stats(k, lane, event);
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

/*
 * Transactions
 */

static void
start_call(KafkaSink *k, TxnStep step, KafkaTxnCall call, KafkaLane *only)
{
	rd_kafka_t *producers[KAFKATXN_PRODUCERS];
	size_t n = 0;

	for (unsigned i = 0; i < k->nlanes; i++)
		if (only == NULL || only == &k->lanes[i])
			producers[n++] = k->lanes[i].rk;
	k->step = step;
	kafkatxn_start(k->txn, call, producers, n);
}

static void
kafka_claim(Sink *sink)
{
	start_call(kafka(sink), TXN_CLAIM, KAFKATXN_INIT, NULL);
}

static void
forget_position(KafkaSink *k)
{
	free(k->key);
	free(k->position);
	k->key = k->position = NULL;
}

static void
begin_abort(KafkaSink *k)
{
	log_warn("kafka: the transaction is aborted: %s", k->reason);
	forget_position(k);
	k->sink.txn = SINK_TXN_ABORTING;
	start_call(k, TXN_ABORT, KAFKATXN_ABORT, NULL);
}

/* The commit's last record; it waits as long as the queue is full. */
static void
send_position(KafkaSink *k)
{
	rd_kafka_resp_err_t err;

	if (!letterbox_empty(&k->ending->letters))
		return;
	err = rd_kafka_producev(k->ending->rk, RD_KAFKA_V_TOPIC(k->cfg->state_topic),
							RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							RD_KAFKA_V_KEY(k->key, strlen(k->key)),
							RD_KAFKA_V_VALUE(k->position, strlen(k->position)),
							RD_KAFKA_V_OPAQUE(&position_mark), RD_KAFKA_V_END);

	if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		k->ending->in_flight++;
		forget_position(k);
		start_call(k, TXN_COMMIT, KAFKATXN_COMMIT, k->ending);
	}
	else if (is_permanent(err))
		(void) fail_record(k, err, k->cfg->state_topic, 0, strlen(k->position));
	else if (take_fatal(k, k->ending->rk))
		;
	else if (err == RD_KAFKA_RESP_ERR__STATE)
		ask_why(k, k->ending);
	else
		doom(k, rd_kafka_err2str(err));
}

static void
kafka_commit(Sink *sink, const char *key, const char *position)
{
	KafkaSink *k = kafka(sink);

	k->key = strdup(key);
	k->position = strdup(position);
	k->ending = k->lane;
	k->position_there = k->gap = false;
	k->sink.shut = true;
	k->sink.txn = SINK_TXN_COMMITTING;
	k->step = TXN_POSITION;
	if (k->key == NULL || k->position == NULL)
		snprintf(sink->error, sizeof(sink->error), "out of memory for a transaction's position");
	else
		send_position(k);
}

/* Records may go to the next lane once all of this one's are with the brokers. */
static void
change_lanes(KafkaSink *k, bool committed)
{
	KafkaLane *next = &k->lanes[(k->ending - k->lanes + 1) % k->nlanes];

	if (k->lane != k->ending || k->ending->in_flight > 0 || k->doomed ||
		(next == k->ending && !committed))
		return;
	k->lane = next;
	k->sink.shut = k->ask != NULL;
}

static void
end_commit(KafkaSink *k)
{
	change_lanes(k, true);
	settle_acks(k->ending, k->sink.events.acked, k->sink.events.arg);
	count_letters(k, k->ending);
	refusals_settle(&k->refusals, lane_number(k, k->ending), true);
	k->guesses = 0;
	k->sink.commits++;
	k->step = TXN_IDLE;
	/* what came behind it may be lost by now */
	k->sink.txn = k->doomed || k->ask != NULL ? SINK_TXN_ABORTING : SINK_TXN_OPEN;
	rouse(k);
}

static void
fail_unexplained(KafkaSink *k, rd_kafka_resp_err_t code, const char *detail)
{
	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "Kafka refused a transaction: %s (%s); nothing of it is visible or confirmed, and "
				 "it will be sent again; %s",
				 rd_kafka_err2str(code), detail, advice_for(code));
}

/* What was in the transaction when it failed, for a topic? */
static void
guess(KafkaSink *k)
{
	if (k->guesses++ == GUESSES_MAX || !refusals_guess(&k->refusals, k->alone, k->unexplained))
		fail_unexplained(k, k->unexplained, "the topic is not among those that records are for");
	k->sink.learned = true;
}

/* Everything since the last commit, in whichever lane. */
static void
end_abort(KafkaSink *k)
{
	for (unsigned i = 0; i < k->nlanes; i++)
	{
		KafkaLane *lane = &k->lanes[i];

		lane->in_flight -= letterbox_drop(&lane->letters);
		if (lane->in_flight > 0)
			return; /* reports are still to come */
		settle_acks(lane, k->sink.events.given_up, k->sink.events.arg);
		lane->letters.acked = lane->letters.skipped = 0;
	}
	if (k->doubtful)
	{
		lose(k, "aborting a transaction", "records of it may be with the brokers, or not");
		return;
	}
	if (k->unexplained != 0)
		guess(k);
	refusals_settle(&k->refusals, 0, false);
	k->alone = false;
	k->ask = NULL;
	k->unexplained = 0;
	k->step = TXN_IDLE;
	k->doomed = false;
	k->sink.shut = false;
	k->aborted = true;
	k->sink.txn = SINK_TXN_OPEN;
}

/* A call is through. */
static void
end_call(KafkaSink *k)
{
	if (k->step == TXN_ABORT)
		end_abort(k);
	else if (k->step == TXN_COMMIT)
		end_commit(k);
	else if (k->step == TXN_ASK)
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "Kafka committed a transaction that had failed: report this as a bug");
	else
	{
		k->step = TXN_IDLE;
		k->sink.shut = false;
		k->sink.txn = SINK_TXN_OPEN;
	}
}

static void
fail_call(KafkaSink *k)
{
	k->step = TXN_IDLE;
	if (kafkatxn_new_one_helps(kafkatxn_code(k->txn)))
		lose(k, "a transaction failed", kafkatxn_error(k->txn));
	if (k->sink.error[0] == '\0')
		snprintf(k->sink.error, sizeof(k->sink.error),
				 "Kafka: the transactional id %s: %s; what was not committed is not visible and "
				 "will be sent again; correct the cause (does the Kafka user have Write on the "
				 "transactional id?) and start again",
				 k->cfg->transactional_id, kafkatxn_error(k->txn));
}

/*
 * The transaction failed, and no record was named with it: of a right to write to a
 * topic that there is not, for example, which Kafka asks for once for the transaction.
 */
static void
explain(KafkaSink *k)
{
	rd_kafka_resp_err_t code = kafkatxn_code(k->txn);

	if (k->sink.learned || !is_permanent(code))
		return;
	if (blame_for(k, code) == BLAME_TOPIC)
		k->unexplained = code;
	else
		fail_unexplained(k, code, kafkatxn_error(k->txn));
}

static void
advance_transaction(KafkaSink *k)
{
	KafkaTxnOutcome outcome = kafkatxn_outcome(k->txn);

	if (k->sink.error[0] != '\0')
		return;
	if (k->ask != NULL && !k->doomed && (k->step == TXN_POSITION || k->step == TXN_IDLE))
	{
		forget_position(k);
		start_call(k, TXN_ASK, KAFKATXN_COMMIT, k->ask);
	}
	else if (k->step == TXN_POSITION && !k->doomed)
		send_position(k);
	else if (k->step == TXN_IDLE || k->step == TXN_POSITION)
	{
		if (k->doomed)
			begin_abort(k);
	}
	else if (outcome == KAFKATXN_BUSY)
	{
		if (k->step == TXN_COMMIT)
			change_lanes(k, false);
	}
	else if (outcome == KAFKATXN_DONE)
		end_call(k);
	else if (outcome == KAFKATXN_LATE)
		lose(k,
			 k->step == TXN_ABORT ? "an abort does not come back"
								  : "a commit does not come back, and may be done or not",
			 kafkatxn_error(k->txn));
	else if (outcome == KAFKATXN_MUST_ABORT && k->step == TXN_COMMIT && k->position_there &&
			 !k->gap)
		lose(k, "a commit failed, and may be done or not", kafkatxn_error(k->txn));
	else if (outcome == KAFKATXN_MUST_ABORT)
	{
		explain(k);
		doom(k, kafkatxn_error(k->txn));
		begin_abort(k);
	}
	else if (outcome == KAFKATXN_FENCED)
		fenced(k, kafkatxn_error(k->txn));
	else
		fail_call(k);
}

static SinkStatus
txn_status(KafkaSink *k)
{
	bool aborted = k->aborted;

	k->aborted = false;
	if (k->fenced)
		return SINK_FENCED;
	if (k->sink.error[0] != '\0')
		return SINK_FAILED;
	return aborted ? SINK_ABORTED : SINK_OK;
}

/* What may go to the dead-letter topic goes.  Returns the number of records acked. */
static size_t
post_letters(KafkaLane *lane)
{
	size_t skipped = letterbox_turn(&lane->letters);

	lane->in_flight -= skipped;
	return skipped;
}

/* False when there is more. */
static bool
poll_lane(KafkaSink *k, KafkaLane *lane, size_t *acks)
{
	for (int i = 0; i < EVENTS_PER_POLL; i++)
	{
		rd_kafka_event_t *event = rd_kafka_queue_poll(lane->queue, 0);

		if (event == NULL)
			return true;
		*acks += take_event(k, lane, event);
	}
	return false;
}

static SinkStatus
kafka_poll(Sink *sink, size_t *acks)
{
	KafkaSink *k = kafka(sink);

	*acks = 0;
	drain_pipe(k->wake_fds[0]);
	sink->more = false;
	for (unsigned i = 0; i < k->nqueues; i++)
		if (!poll_lane(k, &k->lanes[i], acks))
			sink->more = true;
	for (unsigned i = 0; i < k->nlanes && !k->doomed && k->step != TXN_ABORT; i++)
		*acks += post_letters(&k->lanes[i]);
	if (k->txn != NULL)
	{
		advance_transaction(k);
		return txn_status(k);
	}
	count_letters(k, k->lane);
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

static void
poll_for(KafkaSink *k, int ms)
{
	rd_kafka_event_t *event;

	for (unsigned i = 0; i < k->nqueues; i++)
		while ((event = rd_kafka_queue_poll(k->lanes[i].queue, i == 0 ? ms : 0)) != NULL)
			(void) take_event(k, &k->lanes[i], event);
}

/* So that readers need not wait for Kafka to give the transaction up. */
static void
abort_open(KafkaSink *k)
{
	int left = FINAL_ABORT_MS / FINAL_POLL_MS;

	if (k->sink.txn == SINK_TXN_CLAIMING || k->sink.lost)
		return;
	for (; left > 0 && kafkatxn_outcome(k->txn) == KAFKATXN_BUSY; left--)
		poll_for(k, FINAL_POLL_MS);
	if (left == 0 || k->fenced)
		return;
	start_call(k, TXN_ABORT, KAFKATXN_ABORT, NULL);
	for (; left > 0 && kafkatxn_outcome(k->txn) == KAFKATXN_BUSY; left--)
		poll_for(k, FINAL_POLL_MS);
}

/* The reports of what is purged give the lent buffers back. */
static void
drain_lane(KafkaSink *k, KafkaLane *lane)
{
	rd_kafka_event_t *event;

	rd_kafka_purge(lane->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (rd_kafka_outq_len(lane->rk) > 0 &&
		   (event = rd_kafka_queue_poll(lane->queue, FINAL_POLL_MS)) != NULL)
		(void) take_event(k, lane, event);
	settle_acks(lane, k->sink.events.given_up, k->sink.events.arg);
}

static void
close_lane(KafkaLane *lane)
{
	free(lane->kept);
	rd_kafka_queue_io_event_enable(lane->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(lane->queue);
	rd_kafka_destroy(lane->rk);
}

/* False if librdkafka would not let go: then all of it goes with the process. */
static bool
close_producers(KafkaSink *k)
{
	k->closing = true;
	forget_position(k);
	if (k->txn != NULL)
		abort_open(k);
	if (!kafkatxn_free(k->txn))
		return false;
	kafkapush_free(k->push);
	for (size_t i = 0; i < k->nroutes; i++)
		close_route(&k->routes[i]);
	for (unsigned i = 0; i < k->nqueues; i++)
		drain_lane(k, &k->lanes[i]);
	for (unsigned i = 0; i < k->nqueues; i++)
	{
		letterbox_close(&k->lanes[i].letters);
		close_lane(&k->lanes[i]);
	}
	refusals_free(&k->refusals);
	return true;
}

static void
kafka_close(Sink *sink)
{
	KafkaSink *k = kafka(sink);

	if (!close_producers(k))
		return;
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
	.refuse = kafka_refuse,
	.heartbeat = kafka_heartbeat,
	.claim = kafka_claim,
	.commit = kafka_commit,
	.poll = kafka_poll,
	.push = kafka_push,
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

/* What the library at hand is known for, before it happens. */
static void
tell_hazards(const RelayConfig *cfg)
{
	size_t next = 0;
	const char *text;

	while ((text = kafkaadvice_hazard(cfg, rd_kafka_version(), &next)) != NULL)
		log_warn("kafka: librdkafka %s: %s", rd_kafka_version_str(), text);
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
	k->sink.stats = &k->stats;
	k->cfg = cfg;
	k->sink.bad = (BadRecords){.policy = cfg->bad_records, .topic = cfg->dlq_topic};
	tell_hazards(cfg);
	if ((args->embedded_broker && !open_mock(k, err, errsize)) || !open_lanes(k, err, errsize))
	{
		kafka_close(&k->sink);
		return NULL;
	}
	return &k->sink;
}
