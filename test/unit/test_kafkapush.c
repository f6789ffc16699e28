/*-------------------------------------------------------------------------
 *
 * test_kafkapush.c
 *		A push sends what linger.ms would keep.
 *
 * Into librdkafka's broker in memory.  linger.ms is far longer than the test
 * waits, so that nothing but a push can have sent the record.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafkapush.h"

#define TRIES  500
#define TRY_MS 20

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char err[256];

	if (rd_kafka_conf_set(conf, name, value, err, sizeof(err)) != RD_KAFKA_CONF_OK)
		fail_msg("%s", err);
}

static rd_kafka_t *
open_producer(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char err[256];

	set(conf, "test.mock.num.brokers", "1");
	set(conf, "linger.ms", "600000");
	set(conf, "message.timeout.ms", "0");
	set(conf, "log_level", "4");
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
	if (rk == NULL)
		fail_msg("%s", err);
	return rk;
}

/* Delivery reports that come within a try. */
static size_t
reports(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TRY_MS);
	size_t n = 0;

	if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
		n = rd_kafka_event_message_count(event);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return n;
}

static void
produce(rd_kafka_t *rk)
{
	rd_kafka_resp_err_t err =
		rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_VALUE("v", 1),
						  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);

	assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void
test_push(void **state)
{
	rd_kafka_t *rk = open_producer();
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
	KafkaPush *push = kafkapush_new(rk);
	size_t found = 0;

	(void) state;
	assert_non_null(push);
	produce(rk);
	for (int i = 0; i < 10; i++)
		found += reports(queue);
	assert_int_equal(found, 0);
	for (int round = 0; round < 3; round++)
	{
		if (round > 0)
			produce(rk);
		found = 0;
		for (int i = 0; i < TRIES && found == 0; i++)
		{
			kafkapush_now(push);
			found += reports(queue);
		}
		assert_int_equal(found, 1);
	}
	kafkapush_free(push);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

static void
test_end_while_it_works(void **state)
{
	rd_kafka_t *rk = open_producer();

	(void) state;
	produce(rk);
	for (int i = 0; i < 100; i++)
	{
		KafkaPush *push = kafkapush_new(rk);

		assert_non_null(push);
		kafkapush_now(push);
		kafkapush_now(push);
		kafkapush_free(push);
	}
	kafkapush_free(NULL);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
	rd_kafka_destroy(rk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_end_while_it_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
