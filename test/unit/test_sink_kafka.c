/*
 * test_sink_kafka.c
 *		What becomes of records that a broker refuses, by librdkafka's mock broker.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "log.h"
#include "sink.h"

#define API_PRODUCE        0
#define API_ADD_PARTITIONS 24
#define API_END_TXN        26
#define PATIENCE_S         60

/* A broker, the sink on it, and what the sink said of its records. */
typedef struct Fixture
{
	rd_kafka_t *client; /* of the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	ConfigPair pairs[4];
	RelayConfig cfg;
	Sink *sink;
	Buffer buf;
	uint32_t acked;
	uint32_t given_up;
} Fixture;

static char prefix[] = "cdc";
static char dlq[] = "cdc.dlq";
static char transactional_id[] = "nova-cdc-slot";
static char state_topic[] = "state";
static char bootstrap_name[] = "bootstrap.servers";
static char linger_name[] = "linger.ms";
static char linger_value[] = "50";
static char txn_timeout_name[] = "transaction.timeout.ms";
static char txn_timeout_value[] = "2500";

static void
on_acked(void *arg, Buffer *buf, uint32_t n)
{
	Fixture *f = arg;

	assert_ptr_equal(buf, &f->buf);
	f->acked += n;
}

static void
on_given_up(void *arg, Buffer *buf, uint32_t n)
{
	Fixture *f = arg;

	assert_ptr_equal(buf, &f->buf);
	f->given_up += n;
}

static void
open_again(Fixture *f)
{
	const RelayArgs args = {.sink = SINK_KAFKA};
	char err[512];

	f->sink = sink_kafka_open(&f->cfg, &args,
							  (SinkEvents){.arg = f, .acked = on_acked, .given_up = on_given_up},
							  err, sizeof(err));
	assert_non_null(f->sink);
	assert_int_equal(sink_route(f->sink, 0, "cdc.t"), SINK_OK);
	assert_int_equal(sink_route(f->sink, 1, "cdc.u"), SINK_OK);
}

typedef struct Terms
{
	BadPolicy policy;
	bool exactly_once;
	bool hurry;  /* a transaction lasts but a moment, and so does the patience with its end */
	int brokers; /* of two, the second one has cdc.u and nothing else to do */
} Terms;

static void
open_sink_for(Fixture *f, Terms terms)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char err[512];

	*f = (Fixture){.buf = {.lsn = 42}};
	/* no word about a client that needs no bootstrap.servers */
	(void) rd_kafka_conf_set(conf, "log_level", "4", err, sizeof(err));
	f->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
	assert_non_null(f->client);
	f->cluster = rd_kafka_mock_cluster_new(f->client, terms.brokers);
	assert_non_null(f->cluster);
	f->pairs[0] = (ConfigPair){.name = bootstrap_name,
							   .value = strdup(rd_kafka_mock_cluster_bootstraps(f->cluster))};
	f->pairs[1] = (ConfigPair){.name = linger_name, .value = linger_value};
	f->pairs[2] = (ConfigPair){.name = txn_timeout_name, .value = txn_timeout_value};
	f->cfg = (RelayConfig){.kafka = {f->pairs, terms.hurry ? 3 : 2},
						   .bad_records = terms.policy,
						   .topic_prefix = prefix,
						   .dlq_topic = dlq};
	f->cfg.exactly_once = terms.exactly_once;
	f->cfg.transactional_id = transactional_id;
	f->cfg.state_topic = state_topic;
	f->cfg.txn_interval_ms = 100;
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, "cdc.t", 1, 1), 0);
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, "cdc.u", 1, 1), 0);
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, state_topic, 1, 1), 0);
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, dlq, 1, 1), 0);
	if (terms.brokers > 1)
	{
		(void) rd_kafka_mock_partition_set_leader(f->cluster, "cdc.t", 0, 1);
		(void) rd_kafka_mock_partition_set_leader(f->cluster, "cdc.u", 0, 2);
		(void) rd_kafka_mock_partition_set_leader(f->cluster, state_topic, 0, 1);
		(void) rd_kafka_mock_coordinator_set(f->cluster, "transaction", "nova-cdc-slot-0", 1);
		(void) rd_kafka_mock_coordinator_set(f->cluster, "transaction", "nova-cdc-slot-1", 1);
	}
	open_again(f);
}

static void
open_sink(Fixture *f, BadPolicy policy)
{
	open_sink_for(f, (Terms){.policy = policy, .brokers = 1});
}

static void
close_sink(Fixture *f)
{
	sink_close(f->sink);
	rd_kafka_mock_cluster_destroy(f->cluster);
	rd_kafka_destroy(f->client);
	free(f->pairs[0].value);
}

/* Records with these values and one key. */
static void
produce(Fixture *f, size_t n, size_t size)
{
	static const char bytes[100000];
	NovaRecord records[8];
	size_t accepted;

	for (size_t i = 0; i < n; i++)
		records[i] =
			(NovaRecord){.op = NOVA_OP_CREATE, .key = {"k", 1}, .value = {bytes, (uint32_t) size}};
	assert_int_equal(sink_produce(f->sink, records, n, &f->buf, &accepted), SINK_OK);
	assert_int_equal(accepted, n);
}

/* Until so many records are acked, or the sink failed. */
static SinkStatus
poll_until(Fixture *f, uint32_t acked)
{
	time_t end = time(NULL) + PATIENCE_S;
	SinkStatus status = SINK_OK;
	size_t acks;

	while (status == SINK_OK && f->acked < acked)
	{
		struct pollfd fd = sink_pollfd(f->sink);

		(void) poll(&fd, 1, f->sink->more ? 0 : 1000);
		status = sink_poll(f->sink, &acks);
		assert_true(time(NULL) < end);
	}
	return status;
}

static void
expect_error(const Fixture *f, const char *part)
{
	if (strstr(f->sink->error, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", f->sink->error, part);
}

static const rd_kafka_resp_err_t refusals[] = {
	RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION};

static void
fail_stops(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_FAIL);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[0]);
	produce(&f, 1, 10);
	assert_int_equal(poll_until(&f, 1), SINK_FAILED);
	expect_error(&f, "Kafka did not take a record of 11 bytes for topic cdc.t (from LSN 0/2A)");
	expect_error(&f, "the right to write to the topic");
	assert_false(f.sink->lost);
	assert_int_equal(f.acked, 0);
	assert_int_equal(f.given_up, 1);
	close_sink(&f);
}

/* A fatal error, whatever the policy: the record is not bad, and a new producer takes it. */
static void
a_lost_count_is_known(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_SKIP);
	produce(&f, 1, 10);
	assert_int_equal(poll_until(&f, 1), SINK_OK);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	produce(&f, 1, 10);
	assert_int_equal(poll_until(&f, 2), SINK_FAILED);
	assert_true(f.sink->lost);
	assert_int_equal(f.sink->bad.skipped, 0);
	close_sink(&f);
	assert_int_equal(f.acked, 1);
	assert_int_equal(f.given_up, 1);
}

static void
each_refusal_has_its_letter(void **state)
{
	Fixture f;

	(void) state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
	{
		open_sink(&f, BAD_DLQ);
		rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[i]);
		produce(&f, 1, 10);
		assert_int_equal(poll_until(&f, 1), SINK_OK);
		assert_int_equal(f.sink->bad.letters, 1);
		/* and on; but a topic that refuses us does so until librdkafka asks again */
		produce(&f, 3, 10);
		assert_int_equal(poll_until(&f, 4), SINK_OK);
		assert_true(f.sink->bad.letters >= 1 && f.sink->bad.letters <= (i == 0 ? 4 : 1));
		assert_int_equal(f.sink->bad.skipped, 0);
		close_sink(&f);
		assert_int_equal(f.acked, 4);
		assert_int_equal(f.given_up, 0);
	}
}

static void
skipped_ones_count(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_SKIP);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[0]);
	produce(&f, 3, 10);
	assert_int_equal(poll_until(&f, 3), SINK_OK);
	assert_int_equal(f.sink->bad.skipped, 3);
	assert_int_equal(f.sink->bad.letters, 0);
	close_sink(&f);
	assert_int_equal(f.given_up, 0);
}

/* Which record it is about is not known: no policy can be followed. */
static void
a_refused_batch_stops(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_SKIP);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	produce(&f, 3, 10);
	assert_int_equal(poll_until(&f, 3), SINK_FAILED);
	expect_error(&f, "Kafka refused a batch of 3 records for topic cdc.t (from LSN 0/2A on)");
	expect_error(&f, "producer.override.batch.size");
	close_sink(&f);
	assert_int_equal(f.acked, 0);
	assert_int_equal(f.given_up, 3);
}

static void
a_refused_letter_stops(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_DLQ);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 2, refusals[0], refusals[0]);
	produce(&f, 1, 10);
	assert_int_equal(poll_until(&f, 1), SINK_FAILED);
	expect_error(&f, "and the dead-letter topic cdc.dlq does not take it either: ");
	expect_error(&f, "Topic authorization failed");
	close_sink(&f);
	assert_int_equal(f.acked, 0);
	assert_int_equal(f.given_up, 1);
}

/* Whole, then as a pointer, which is refused as well. */
static void
a_large_letter_is_tried_twice(void **state)
{
	Fixture f;

	(void) state;
	open_sink(&f, BAD_DLQ);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 2,
									  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
									  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	produce(&f, 1, 50000);
	assert_int_equal(poll_until(&f, 1), SINK_OK);
	assert_int_equal(f.sink->bad.letters, 1);
	rd_kafka_mock_push_request_errors(
		f.cluster, API_PRODUCE, 3, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
		RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	produce(&f, 1, 50000);
	assert_int_equal(poll_until(&f, 2), SINK_FAILED);
	expect_error(&f, "does not take it either");
	close_sink(&f);
}

/* Letters that wait, and one that is under way, when the sink is closed. */
static void
what_waits_is_given_up(void **state)
{
	Fixture f;
	BadRecord bad = {
		.topic = "cdc.t", .table = "", .lsn = 1, .unreadable = true, .reason = "no reason"};

	(void) state;
	open_sink(&f, BAD_DLQ);
	rd_kafka_mock_broker_set_down(f.cluster, 1);
	for (int i = 0; i < 500; i++)
		assert_true(sink_refuse(f.sink, &bad, &f.buf));
	assert_int_equal(sink_poll(f.sink, &(size_t){0}), SINK_OK);
	for (int i = 0; i < 500; i++)
		assert_true(sink_refuse(f.sink, &bad, &f.buf));
	/* so many wait that nothing else is taken, until some have left */
	for (int i = 0; i < 500; i++)
		assert_true(sink_refuse(f.sink, &bad, &f.buf));
	assert_int_equal(
		sink_produce(f.sink, &(NovaRecord){.op = NOVA_OP_CREATE}, 1, &f.buf, &(size_t){0}),
		SINK_FULL);
	close_sink(&f);
	assert_int_equal(f.acked, 0);
	assert_int_equal(f.given_up, 1500);
}

/*
 * Exactly once
 */

static SinkStatus
wait_for_sink(Fixture *f)
{
	struct pollfd fd = sink_pollfd(f->sink);
	size_t acks;

	(void) poll(&fd, 1, f->sink->more ? 0 : 20);
	return sink_poll(f->sink, &acks);
}

static void
await_claim(Fixture *f)
{
	sink_claim(f->sink);
	while (f->sink->txn != SINK_TXN_OPEN)
		assert_int_equal(wait_for_sink(f), SINK_OK);
}

static void
claim(Fixture *f, BadPolicy policy)
{
	open_sink_for(f, (Terms){.policy = policy, .exactly_once = true, .brokers = 1});
	await_claim(f);
}

static void
claim_in_a_hurry(Fixture *f, BadPolicy policy)
{
	open_sink_for(f, (Terms){.policy = policy, .exactly_once = true, .hurry = true, .brokers = 1});
	await_claim(f);
}

/* As the relay does it: from the first on after each abort, until it is committed. */
static SinkStatus
deliver(Fixture *f, const NovaRecord *records, size_t n, int *aborts)
{
	const uint64_t commits = f->sink->commits;
	time_t end = time(NULL) + PATIENCE_S;
	size_t sent = 0;

	for (*aborts = 0; f->sink->commits == commits;)
	{
		SinkStatus status;
		size_t accepted = 0;

		if (sent < n)
			(void) sink_produce(f->sink, records + sent, n - sent, &f->buf, &accepted);
		sent += accepted;
		if (sent == n && f->sink->txn == SINK_TXN_OPEN)
		{
			sink_commit(f->sink, "key", "position");
			sent++;
		}
		status = wait_for_sink(f);
		if (status == SINK_FAILED)
			return status;
		if (status == SINK_ABORTED)
		{
			/* behind one there may be another, of the sequence that has a gap now */
			*aborts += f->sink->learned;
			f->sink->learned = false;
			sent = 0;
		}
		assert_true(time(NULL) < end);
	}
	return SINK_OK;
}

/* Three records that differ, to topics by these routes. */
static void
three(NovaRecord records[3], const uint32_t routes[3])
{
	static const char bytes[] = "0123456789";

	for (size_t i = 0; i < 3; i++)
		records[i] = (NovaRecord){.op = NOVA_OP_CREATE,
								  .route = routes[i],
								  .key = {"k", 1},
								  .value = {bytes, (uint32_t) (i + 1)}};
}

static const uint32_t one_topic[3] = {0, 0, 0};
static const uint32_t two_topics[3] = {0, 1, 0};

static void
once_a_refusal_has_its_letter(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
	{
		claim(&f, i % 2 == 0 ? BAD_DLQ : BAD_SKIP);
		rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[i]);
		assert_int_equal(deliver(&f, records, 1, &aborts), SINK_OK);
		assert_int_equal(aborts, 1);
		assert_int_equal(f.given_up, 1);
		assert_int_equal(f.acked, 1);
		assert_int_equal(f.sink->bad.letters, i % 2 == 0 ? 1 : 0);
		assert_int_equal(f.sink->bad.skipped, i % 2 == 0 ? 0 : 1);
		close_sink(&f);
	}
}

static void
once_the_culprit_of_a_batch_is_found(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim(&f, BAD_DLQ);
	/* all of them; then the second one, of those that come alone */
	rd_kafka_mock_push_request_errors(
		f.cluster, API_PRODUCE, 3, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_NO_ERROR,
		RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(deliver(&f, records, 3, &aborts), SINK_OK);
	assert_int_equal(aborts, 2);
	assert_int_equal(f.acked, 3);
	assert_int_equal(f.sink->bad.letters, 1);
	/* what is committed is forgotten: the same record may be good one day */
	assert_int_equal(deliver(&f, records, 3, &aborts), SINK_OK);
	assert_int_equal(aborts, 0);
	assert_int_equal(f.sink->bad.letters, 1);
	close_sink(&f);
}

/* Kafka names no record where it refuses a topic to the transaction. */
static void
once_the_topic_is_found(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, two_topics);
	claim(&f, BAD_DLQ);
	rd_kafka_mock_push_request_errors(
		f.cluster, API_ADD_PARTITIONS, 3, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(deliver(&f, records, 3, &aborts), SINK_OK);
	assert_int_equal(aborts, 2);
	assert_int_equal(f.acked, 3);
	assert_int_equal(f.sink->bad.letters, 1);
	close_sink(&f);
}

static void
once_a_refused_transaction_stops(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim(&f, BAD_FAIL);
	rd_kafka_mock_push_request_errors(f.cluster, API_ADD_PARTITIONS, 1,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_FAILED);
	expect_error(&f, "Kafka refused a transaction: ");
	expect_error(&f, "the right to write to the topic");
	close_sink(&f);
	assert_int_equal(f.acked, 0);
	/* the topic of the letters is the one */
	claim(&f, BAD_DLQ);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[2]);
	rd_kafka_mock_push_request_errors(f.cluster, API_ADD_PARTITIONS, 2, RD_KAFKA_RESP_ERR_NO_ERROR,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_FAILED);
	assert_int_equal(aborts, 1);
	expect_error(&f, "not among those that records are for");
	close_sink(&f);
	assert_int_equal(f.acked, 0);
}

static void
once_a_large_letter_becomes_a_pointer(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim(&f, BAD_DLQ);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 2, refusals[2],
									  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_OK);
	assert_int_equal(aborts, 2);
	assert_int_equal(f.sink->bad.letters, 1);
	close_sink(&f);
	assert_int_equal(f.acked, 1);
}

/* What is given up is given up once, and new producers take it. */
static void
expect_new_producers_to_go_on(Fixture *f, const NovaRecord *records, size_t n)
{
	uint32_t acked = f->acked;
	int aborts;

	assert_true(f->sink->lost);
	expect_error(f, "the Kafka producers cannot go on: ");
	sink_close(f->sink);
	assert_int_equal(f->acked, acked);
	rd_kafka_mock_clear_request_errors(f->cluster, API_END_TXN);
	f->cfg.kafka.count = 2;
	open_again(f);
	await_claim(f);
	assert_int_equal(deliver(f, records, n, &aborts), SINK_OK);
	assert_int_equal(aborts, 0);
	assert_int_equal(f->acked, acked + n);
	close_sink(f);
}

/*
 * A record that is in flight when the abort begins, and then is to be tried again: nobody
 * will, and it has to be given up as well.
 */
static void
once_an_abort_gives_up_what_would_be_tried_again(void **state)
{
	NovaRecord records[3];
	Fixture f;
	time_t began;
	int aborts;

	(void) state;
	three(records, two_topics);
	claim(&f, BAD_SKIP);
	began = time(NULL);
	rd_kafka_mock_broker_push_request_error_rtts(f.cluster, 1, API_PRODUCE, (size_t) 2,
												 RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 0,
												 RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 500);
	assert_int_equal(deliver(&f, records, 2, &aborts), SINK_OK);
	assert_int_equal(aborts, 1);
	assert_int_equal(f.acked, 2);
	assert_int_equal(f.sink->bad.skipped, 1);
	/* it would be too old after a minute and more */
	assert_true(time(NULL) - began <= 30);
	close_sink(&f);
}

/* The coordinator ends no transaction, until we say so. */
static void
no_end(Fixture *f)
{
	rd_kafka_resp_err_t busy[200];

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++)
		busy[i] = RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
	rd_kafka_mock_push_request_errors_array(f->cluster, API_END_TXN, sizeof(busy) / sizeof(busy[0]),
											busy);
}

static void
once_an_abort_that_hangs_is_given_up(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim_in_a_hurry(&f, BAD_SKIP);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[2]);
	no_end(&f);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_FAILED);
	expect_error(&f, "an abort does not come back: ");
	assert_int_equal(f.acked, 0);
	expect_new_producers_to_go_on(&f, records, 1);
}

/* Whether it is done is not known: it is not acked, and the position will say. */
static void
once_a_commit_in_doubt_is_given_up(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim_in_a_hurry(&f, BAD_FAIL);
	no_end(&f);
	assert_int_equal(deliver(&f, records, 3, &aborts), SINK_FAILED);
	expect_error(&f, "a commit does not come back, and may be done or not: ");
	assert_int_equal(f.acked, 0);
	expect_new_producers_to_go_on(&f, records, 3);
	claim(&f, BAD_FAIL);
	rd_kafka_mock_push_request_errors(f.cluster, API_END_TXN, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
	assert_int_equal(deliver(&f, records, 3, &aborts), SINK_FAILED);
	expect_error(&f, "a commit failed, and may be done or not: ");
	assert_int_equal(f.acked, 0);
	expect_new_producers_to_go_on(&f, records, 3);
}

/* The abort came before what it is to end: librdkafka calls that fatal. */
static void
once_a_state_that_differs_is_given_up(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, one_topic);
	claim(&f, BAD_SKIP);
	rd_kafka_mock_push_request_errors(f.cluster, API_PRODUCE, 1, refusals[2]);
	rd_kafka_mock_push_request_errors(f.cluster, API_END_TXN, 1,
									  RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_FAILED);
	assert_true(f.sink->lost);
	close_sink(&f);
	assert_int_equal(f.acked, 0);
}

/*
 * A broker that has broken off may have the record: the number it has must not be
 * another one's, which the broker would take for a repetition.
 */
static void
once_a_record_in_doubt_is_given_up(void **state)
{
	NovaRecord records[3];
	Fixture f;
	int aborts;

	(void) state;
	three(records, two_topics);
	open_sink_for(&f, (Terms){.policy = BAD_SKIP, .exactly_once = true, .brokers = 2});
	await_claim(&f);
	for (int i = 0; i < 1000; i++)
		rd_kafka_mock_broker_push_request_error_rtts(f.cluster, 2, API_PRODUCE, (size_t) 1,
													 RD_KAFKA_RESP_ERR__TRANSPORT, 0);
	rd_kafka_mock_broker_push_request_error_rtts(f.cluster, 1, API_PRODUCE, (size_t) 1,
												 RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 500);
	assert_int_equal(deliver(&f, records, 2, &aborts), SINK_FAILED);
	expect_error(&f, "records of it may be with the brokers, or not");
	assert_true(f.sink->lost);
	assert_int_equal(f.acked, 0);
	close_sink(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_stops),
		cmocka_unit_test(a_lost_count_is_known),
		cmocka_unit_test(each_refusal_has_its_letter),
		cmocka_unit_test(skipped_ones_count),
		cmocka_unit_test(a_refused_batch_stops),
		cmocka_unit_test(a_refused_letter_stops),
		cmocka_unit_test(a_large_letter_is_tried_twice),
		cmocka_unit_test(what_waits_is_given_up),
		cmocka_unit_test(once_a_refusal_has_its_letter),
		cmocka_unit_test(once_the_culprit_of_a_batch_is_found),
		cmocka_unit_test(once_the_topic_is_found),
		cmocka_unit_test(once_a_refused_transaction_stops),
		cmocka_unit_test(once_a_large_letter_becomes_a_pointer),
		cmocka_unit_test(once_an_abort_gives_up_what_would_be_tried_again),
		cmocka_unit_test(once_an_abort_that_hangs_is_given_up),
		cmocka_unit_test(once_a_commit_in_doubt_is_given_up),
		cmocka_unit_test(once_a_state_that_differs_is_given_up),
		cmocka_unit_test(once_a_record_in_doubt_is_given_up),
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests_name("sink_kafka", tests, NULL, NULL);
}
