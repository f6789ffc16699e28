/*
 * test_sink_kafka.c
 *		What becomes of records that a broker refuses, by librdkafka's mock broker.
 *
 * Trap: errors are for the next requests that come, of whichever partition.  A position is
 * sent beside its records, in an order that librdkafka changes (from 2.10 on it comes
 * first), so that it has a broker of its own and errors are for the other one.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "log.h"
#include "sink.h"

#define API_PRODUCE        0
#define API_ADD_PARTITIONS 24
#define API_END_TXN        26
#define PATIENCE_S         60

/* Who has which partitions. */
#define BROKER_OF_RECORDS   1 /* and of letters; and it coordinates transactions */
#define BROKER_OF_POSITIONS 2
#define BROKER_APART        3
#define BROKERS             3

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
	rd_kafka_resp_err_t refused_later; /* what partitions are refused with, after an abort */
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
	bool hurry; /* a transaction lasts but a moment, and so does the patience with its end */
	bool apart; /* cdc.u is with a broker that has nothing else to do */
} Terms;

static void
lead(Fixture *f, const char *topic, int32_t broker)
{
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, topic, 1, 1), 0);
	assert_int_equal(rd_kafka_mock_partition_set_leader(f->cluster, topic, 0, broker), 0);
}

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
	f->cluster = rd_kafka_mock_cluster_new(f->client, BROKERS);
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
	lead(f, "cdc.t", BROKER_OF_RECORDS);
	lead(f, "cdc.u", terms.apart ? BROKER_APART : BROKER_OF_RECORDS);
	lead(f, dlq, BROKER_OF_RECORDS);
	lead(f, state_topic, BROKER_OF_POSITIONS);
	(void) rd_kafka_mock_coordinator_set(f->cluster, "transaction", "nova-cdc-slot-0",
										 BROKER_OF_RECORDS);
	(void) rd_kafka_mock_coordinator_set(f->cluster, "transaction", "nova-cdc-slot-1",
										 BROKER_OF_RECORDS);
	open_again(f);
}

static void
open_sink(Fixture *f, BadPolicy policy)
{
	open_sink_for(f, (Terms){.policy = policy});
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

/* To the next requests to produce records. */
static void
answer(Fixture *f, size_t n, const rd_kafka_resp_err_t *errors)
{
	for (size_t i = 0; i < n; i++)
		(void) rd_kafka_mock_broker_push_request_error_rtts(f->cluster, BROKER_OF_RECORDS,
															API_PRODUCE, (size_t) 1, errors[i], 0);
}

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
	open_sink_for(f, (Terms){.policy = policy, .exactly_once = true});
	await_claim(f);
}

static void
claim_in_a_hurry(Fixture *f, BadPolicy policy)
{
	open_sink_for(f, (Terms){.policy = policy, .exactly_once = true, .hurry = true});
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
			/* not earlier: a transaction adds its partitions by one request or by several */
			if (f->refused_later)
				rd_kafka_mock_push_request_errors(f->cluster, API_ADD_PARTITIONS, 1,
												  f->refused_later);
			f->refused_later = RD_KAFKA_RESP_ERR_NO_ERROR;
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
		answer(&f, 1, &refusals[i]);
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
	answer(&f, 3,
		   (const rd_kafka_resp_err_t[]){RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
										 RD_KAFKA_RESP_ERR_NO_ERROR,
										 RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
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
	/* so late that all of them have been taken: what was not is not suspected */
	rd_kafka_mock_broker_push_request_error_rtts(
		f.cluster, BROKER_OF_RECORDS, API_ADD_PARTITIONS, (size_t) 3,
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 300, RD_KAFKA_RESP_ERR_NO_ERROR, 0,
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 300);
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
	answer(&f, 1, &refusals[2]);
	f.refused_later = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
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
	answer(&f, 2, (const rd_kafka_resp_err_t[]){refusals[2], RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
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
	rd_kafka_mock_broker_push_request_error_rtts(
		f.cluster, BROKER_OF_RECORDS, API_PRODUCE, (size_t) 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
		0, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 500);
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
	answer(&f, 1, &refusals[2]);
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
	answer(&f, 1, &refusals[2]);
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
	open_sink_for(&f, (Terms){.policy = BAD_SKIP, .exactly_once = true, .apart = true});
	await_claim(&f);
	for (int i = 0; i < 1000; i++)
		rd_kafka_mock_broker_push_request_error_rtts(f.cluster, BROKER_APART, API_PRODUCE,
													 (size_t) 1, RD_KAFKA_RESP_ERR__TRANSPORT, 0);
	rd_kafka_mock_broker_push_request_error_rtts(f.cluster, BROKER_OF_RECORDS, API_PRODUCE,
												 (size_t) 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
												 500);
	assert_int_equal(deliver(&f, records, 2, &aborts), SINK_FAILED);
	expect_error(&f, "records of it may be with the brokers, or not");
	assert_true(f.sink->lost);
	assert_int_equal(f.acked, 0);
	close_sink(&f);
}

#if RD_KAFKA_VERSION >= 0x020e0000
/*
 * A way to a broker that stays open when the broker is gone, as to one that hangs.  From
 * 2.10 on librdkafka leaves such a one when the cluster does not name it any more; the
 * mock broker can be made to have another address in 2.14.
 */

typedef struct Way
{
	int listener;
	int stop[2]; /* a pipe */
	int near[8]; /* to the clients, */
	int far[8];  /* and of each to the broker, -1 when it is closed */
	int n;
	struct sockaddr_in broker;
	pthread_t thread;
} Way;

static struct sockaddr_in
here(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
								.sin_port = htons((uint16_t) port),
								.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
way_connect(Way *w)
{
	int near = accept(w->listener, NULL, NULL);
	int far = socket(AF_INET, SOCK_STREAM, 0);

	if (w->n == 8 || connect(far, (struct sockaddr *) &w->broker, sizeof(w->broker)) != 0)
	{
		close(near);
		close(far);
		return;
	}
	w->near[w->n] = near;
	w->far[w->n++] = far;
}

/* What one side says goes to the other; that it is closed does not. */
static void
way_forward(int *from, int to)
{
	char bytes[65536];
	ssize_t n = read(*from, bytes, sizeof(bytes));

	if (n > 0)
		(void) send(to, bytes, (size_t) n, MSG_NOSIGNAL);
	else
	{
		close(*from);
		*from = -1;
	}
}

static void *
way_run(void *arg)
{
	Way *w = arg;

	for (;;)
	{
		struct pollfd fds[18] = {{.fd = w->stop[0], .events = POLLIN},
								 {.fd = w->listener, .events = POLLIN}};
		int n = w->n;

		for (int i = 0; i < n; i++)
		{
			fds[2 + 2 * i] = (struct pollfd){.fd = w->near[i], .events = POLLIN};
			fds[3 + 2 * i] = (struct pollfd){.fd = w->far[i], .events = POLLIN};
		}
		(void) poll(fds, (nfds_t) (2 + 2 * n), -1);
		if (fds[0].revents != 0)
			return NULL;
		for (int i = 0; i < n; i++)
		{
			if (fds[2 + 2 * i].revents != 0)
				way_forward(&w->near[i], w->far[i]);
			if (fds[3 + 2 * i].revents != 0)
				way_forward(&w->far[i], w->near[i]);
		}
		if (fds[1].revents != 0)
			way_connect(w);
	}
}

/* The broker tells clients this way to it. */
static void
way_open(Way *w, Fixture *f, int32_t broker)
{
	const char *address = f->pairs[0].value;
	struct sockaddr_in me = here(0);
	socklen_t size = sizeof(me);

	*w = (Way){.listener = socket(AF_INET, SOCK_STREAM, 0)};
	/* of "127.0.0.1:1,127.0.0.1:2,…", by number */
	for (int32_t i = 1; i < broker; i++)
		address = strchr(address, ',') + 1;
	w->broker = here(atoi(strchr(address, ':') + 1));
	assert_int_equal(bind(w->listener, (struct sockaddr *) &me, sizeof(me)), 0);
	assert_int_equal(listen(w->listener, 8), 0);
	assert_int_equal(getsockname(w->listener, (struct sockaddr *) &me, &size), 0);
	assert_int_equal(pipe(w->stop), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, way_run, w), 0);
	rd_kafka_mock_broker_set_host_port(f->cluster, broker, "127.0.0.1", ntohs(me.sin_port));
}

static void
way_close(Way *w)
{
	close(w->stop[1]);
	(void) pthread_join(w->thread, NULL);
	close(w->stop[0]);
	close(w->listener);
	for (int i = 0; i < w->n; i++)
	{
		if (w->near[i] >= 0)
			close(w->near[i]);
		if (w->far[i] >= 0)
			close(w->far[i]);
	}
}

/* Has the broker been sent a record? */
static bool
was_asked_to_produce(Fixture *f, int32_t broker)
{
	size_t n;
	bool asked = false;
	rd_kafka_mock_request_t **requests = rd_kafka_mock_get_requests(f->cluster, &n);

	for (size_t i = 0; i < n; i++)
		asked = asked || (rd_kafka_mock_request_id(requests[i]) == broker &&
						  rd_kafka_mock_request_api_key(requests[i]) == API_PRODUCE);
	rd_kafka_mock_request_destroy_array(requests, n);
	return asked;
}

/*
 * One that hangs may have the record as well.  librdkafka says it has not, and would give
 * its number to the next one.
 */
static void
once_a_record_of_a_broker_left_is_given_up(void **state)
{
	static char refresh_name[] = "topic.metadata.refresh.interval.ms";
	static char refresh_value[] = "100";
	NovaRecord records[3];
	Fixture f;
	Way way;
	size_t accepted;
	int aborts;
	time_t end = time(NULL) + PATIENCE_S;

	(void) state;
	three(records, two_topics);
	open_sink_for(&f, (Terms){.policy = BAD_SKIP, .exactly_once = true, .apart = true});
	sink_close(f.sink);
	f.pairs[2] = (ConfigPair){.name = refresh_name, .value = refresh_value};
	f.cfg.kafka.count = 3;
	way_open(&way, &f, BROKER_APART);
	open_again(&f);
	await_claim(&f);
	rd_kafka_mock_start_request_tracking(f.cluster);
	rd_kafka_mock_broker_push_request_error_rtts(f.cluster, BROKER_APART, API_PRODUCE, (size_t) 1,
												 RD_KAFKA_RESP_ERR_NO_ERROR, PATIENCE_S * 1000);
	assert_int_equal(sink_produce(f.sink, records + 1, 1, &f.buf, &accepted), SINK_OK);
	while (!was_asked_to_produce(&f, BROKER_APART))
	{
		assert_int_equal(wait_for_sink(&f), SINK_OK);
		assert_true(time(NULL) < end);
	}
	rd_kafka_mock_broker_set_down(f.cluster, BROKER_APART);
	/* while this is on its way, the cluster is asked for its brokers a dozen times */
	rd_kafka_mock_broker_push_request_error_rtts(f.cluster, BROKER_OF_RECORDS, API_PRODUCE,
												 (size_t) 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
												 2000);
	assert_int_equal(deliver(&f, records, 1, &aborts), SINK_FAILED);
	expect_error(&f, "records of it may be with the brokers, or not");
	assert_true(f.sink->lost);
	assert_int_equal(f.acked, 0);
	close_sink(&f);
	way_close(&way);
}
#endif

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
#if RD_KAFKA_VERSION >= 0x020e0000
		cmocka_unit_test(once_a_record_of_a_broker_left_is_given_up),
#endif
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests_name("sink_kafka", tests, NULL, NULL);
}
