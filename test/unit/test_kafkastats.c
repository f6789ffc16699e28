/*-------------------------------------------------------------------------
 *
 * test_kafkastats.c
 *		What is taken of librdkafka's statistics, and that nothing in them is trusted.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafkastats.h"

static const char real[] =
	"{\"name\":\"rdkafka#producer-1\",\"msg_cnt\":3,\"msg_size\":99,\"msg_max\":100000,"
	"\"msg_size_max\":33554432,\"txmsgs\":12,\"txmsg_bytes\":1200,\"brokers\":{"
	"\"boot:1/bootstrap\":{\"nodeid\":-1,\"source\":\"configured\",\"state\":\"UP\"},"
	"\":0/internal\":{\"nodeid\":5,\"source\":\"internal\",\"state\":\"INIT\"},"
	"\"b:9092/7\":{\"nodeid\":7,\"source\":\"learned\",\"state\":\"UP\",\"outbuf_cnt\":1,"
	"\"outbuf_msg_cnt\":2,\"waitresp_cnt\":4,\"tx\":50,\"txerrs\":5,\"txretries\":6,"
	"\"req_timeouts\":8,\"disconnects\":9,\"rtt\":{\"avg\":1500,\"p99\":2500}},"
	"\"c:9092/8\":{\"nodeid\":8,\"source\":\"learned\",\"state\":\"DOWN\"}},"
	"\"topics\":{\"cdc.a\":{\"batchsize\":{\"avg\":700},\"batchcnt\":{\"avg\":11}}}}";

static KafkaStats stats;

static int
reset(void **state)
{
	(void) state;
	memset(&stats, 0, sizeof(stats));
	return 0;
}

static bool
take(unsigned producer, const char *text)
{
	return kafkastats_take(&stats, producer, text, strlen(text));
}

static void
test_real(void **state)
{
	const BrokerNumbers *b = &stats.brokers[0];

	(void) state;
	assert_true(take(0, real));
	assert_true(stats.producers[0].known);
	assert_int_equal(stats.producers[0].records, 3);
	assert_int_equal(stats.producers[0].sent_bytes, 1200);
	assert_int_equal(stats.nbrokers, 2);
	assert_string_equal(b->name, "b:9092/7");
	assert_true(b->up);
	assert_int_equal(b->rtt_avg_us, 1500);
	assert_int_equal(b->rtt_p99_us, 2500);
	assert_int_equal(b->waiting_requests, 1);
	assert_int_equal(b->waiting_records, 2);
	assert_int_equal(b->open_requests, 4);
	assert_int_equal(b->requests, 50);
	assert_int_equal(b->errors, 5);
	assert_int_equal(b->retries, 6);
	assert_int_equal(b->timeouts, 8);
	assert_int_equal(b->disconnects, 9);
	assert_false(stats.brokers[1].up);
	assert_int_equal(stats.ntopics, 1);
	assert_int_equal(stats.topics[0].batch_bytes, 700);
	assert_int_equal(stats.topics[0].batch_records, 11);
}

/* Of each producer, what it said last. */
static void
test_producers(void **state)
{
	(void) state;
	assert_true(take(0, real));
	assert_true(take(1, real));
	assert_int_equal(stats.nbrokers, 4);
	assert_true(take(0, "{\"msg_cnt\":1,\"brokers\":{},\"topics\":{}}"));
	assert_int_equal(stats.nbrokers, 2);
	assert_int_equal(stats.brokers[0].producer, 1);
	assert_int_equal(stats.ntopics, 1);
	assert_int_equal(stats.topics[0].producer, 1);
	assert_int_equal(stats.producers[0].records, 1);
	assert_int_equal(stats.producers[1].records, 3);
}

static void
test_nonsense(void **state)
{
	static const char *const texts[] = {"", "[]", "{", "7", "null"};

	(void) state;
	assert_true(take(0, real));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(take(0, texts[i]));
	assert_false(take(STATS_PRODUCERS, real));
	assert_int_equal(stats.producers[0].records, 3);
	assert_true(take(0, "{\"msg_cnt\":-4,\"msg_size\":\"x\",\"brokers\":[{\"nodeid\":1}],"
						"\"topics\":[{}],\"txmsgs\":null}"));
	assert_int_equal(stats.producers[0].records, 0);
	assert_int_equal(stats.producers[0].bytes, 0);
	assert_int_equal(stats.nbrokers, 0);
	assert_int_equal(stats.ntopics, 0);
}

/* More than there is room for is left out. */
static void
test_many(void **state)
{
	char *text = malloc(100000);
	size_t len = (size_t) sprintf(text, "{\"brokers\":{");

	(void) state;
	assert_non_null(text);
	for (int i = 0; i < 100; i++)
		len += (size_t) sprintf(text + len, "%s\"b%d\":{\"nodeid\":%d}", i > 0 ? "," : "", i, i);
	len += (size_t) sprintf(text + len, "},\"topics\":{");
	for (int i = 0; i < 300; i++)
		len += (size_t) sprintf(text + len, "%s\"t%d\":{}", i > 0 ? "," : "", i);
	sprintf(text + len, "}}");
	assert_true(take(0, text));
	assert_int_equal(stats.nbrokers, STATS_BROKERS);
	assert_int_equal(stats.ntopics, STATS_TOPICS);
	assert_true(take(0, text));
	assert_int_equal(stats.nbrokers, STATS_BROKERS);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_real, reset),
		cmocka_unit_test_setup(test_producers, reset),
		cmocka_unit_test_setup(test_nonsense, reset),
		cmocka_unit_test_setup(test_many, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
