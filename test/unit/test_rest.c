/*
 * test_rest.c
 *		Kafka Connect's calls and the metrics: what is answered to whom, and that
 *		anything may be asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "rest.h"

static const char json[] =
	"{\"name\":\"a \\\"b\\\"/c\",\"config\":{\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\","
	"\"database.user\":\"u\",\"database.password\":\"hunter2\",\"database.dbname\":\"d\","
	"\"column.mask.hash.SHA-256.with.salt.hunter2\":\"a.b.c\"}}";
static RelayConfig *cfg;

static Reading reading;

/* The answer's status; what is in the body must be JSON where it says so. */
static unsigned
ask(const char *method, const char *path, const char *query, const char *piece)
{
	RestSources sources = {.cfg = cfg,
						   .reading = &reading,
						   .process = {.cpu_seconds = 1.5, .resident_bytes = 7, .now = 500000},
						   .worker_id = "127.0.0.1:8083"};
	RestResponse r;
	unsigned status;

	assert_true(rest_answer(&sources, method, path, query, &r));
	assert_int_equal(strlen(r.body), r.len);
	assert_null(strstr(r.body, "hunter2"));
	if (strcmp(r.content_type, "application/json") == 0)
	{
		cJSON *body = cJSON_Parse(r.body);

		assert_non_null(body);
		cJSON_Delete(body);
	}
	if (piece != NULL && strstr(r.body, piece) == NULL)
		fail_msg("%s %s: no %s in %s", method, path, piece, r.body);
	status = r.status;
	rest_forget(&r);
	return status;
}

static void
test_names(void **state)
{
	(void) state;
	assert_int_equal(ask("GET", "/connectors/a%20%22b%22%2Fc/status", NULL, "RUNNING"), 200);
	assert_int_equal(ask("GET", "/connectors/a%20%22b%22%2fc", NULL, "\"name\":\"a \\\"b\\\"/c\""),
					 200);
	assert_int_equal(ask("GET", "/connectors/a \"b\"/c", NULL, "HTTP 404"), 404);
	assert_int_equal(ask("GET", "/connectors/a%20%22b%22%2Fc%", NULL, "/c% not found"), 404);
	assert_int_equal(ask("GET", "/connectors//status", NULL, "HTTP 404"), 404);
	assert_int_equal(ask("GET", "", NULL, "HTTP 404"), 404);
	assert_int_equal(ask("HEAD", "/", NULL, "version"), 200);
	assert_int_equal(ask("", "/", NULL, "HTTP 405"), 405);
}

static void
test_expand(void **state)
{
	(void) state;
	assert_int_equal(ask("GET", "/connectors", "", "[\"a"), 200);
	assert_int_equal(ask("GET", "/connectors", "expand=statuses&xexpand=info&expand", "[\"a"), 200);
	assert_int_equal(ask("GET", "/connectors", "x=1&expand=status", "{\"status\":{"), 200);
	assert_int_equal(ask("GET", "/connectors", "expand=info&expand=status", "\"info\":{"), 200);
}

static void
test_states(void **state)
{
	Numbers *n = &reading.numbers;

	(void) state;
	*n = (Numbers){.at = 499000, .state = "STREAM", .streaming = true, .ready = true};
	assert_int_equal(ask("GET", "/healthz", NULL, "ok"), 200);
	assert_int_equal(ask("GET", "/readyz", NULL, "STREAM"), 200);
	n->at = 1000;
	assert_int_equal(ask("GET", "/healthz", NULL, "hung"), 503);
	*n = (Numbers){.at = 499000, .state = "FAILED", .failed = true, .trace = "why \"x\""};
	assert_int_equal(ask("GET", "/healthz", NULL, "failed"), 503);
	assert_int_equal(ask("GET", "/readyz", NULL, "FAILED"), 503);
	assert_int_equal(ask("GET", "/connectors/a%20%22b%22%2Fc/status", NULL,
						 "\"state\":\"FAILED\",\"worker_id\":\"127.0.0.1:8083\",\"trace\":\"why "
						 "\\\"x\\\"\""),
					 200);
}

static void
test_metrics(void **state)
{
	static TableNumbers tables[] = {
		{.name = "public.\"o\\dd\"\n", .rows = 3, .row_estimate = -1},
		{.name = "public.b", .rows = 4, .row_estimate = 9, .complete = true}};

	(void) state;
	reading.numbers = (Numbers){.state = "SNAPSHOT",
								.started = 1500,
								.server_lsn = 100,
								.confirmed_lsn = 60,
								.last_event = 499990,
								.snapshot_left_ms = -1,
								.snapshot_ms = 2500,
								.snapshot_row_estimate = -1};
	ask("GET", "/metrics", NULL, "nova_lag_bytes{connector=\"a \\\"b\\\"/c\"} 40\n");
	ask("GET", "/metrics", NULL,
		"LastEvent{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 10\n");
	ask("GET", "/metrics", NULL,
		"DurationInSeconds{context=\"snapshot\",name=\"cdc\",plugin=\"postgres\"} 2.500\n");
	ask("GET", "/metrics", NULL, "# TYPE nova_snapshot_left_seconds gauge\n# HELP");
	ask("GET", "/metrics", NULL, "state=\"SNAPSHOT\"} 1\n");
	ask("GET", "/metrics", NULL, "\nprocess_start_time_seconds 1.500\n");
	reading.tables = tables;
	reading.ntables = 2;
	ask("GET", "/metrics", NULL, "table=\"public.\\\"o\\\\dd\\\"\\n\"} 3\n");
	ask("GET", "/metrics", NULL,
		"# TYPE nova_snapshot_table_rows_expected gauge\n"
		"nova_snapshot_table_rows_expected{connector=\"a \\\"b\\\"/c\",table=\"public.b\"} 9\n");
	ask("GET", "/metrics", NULL,
		"nova_snapshot_table_complete{connector=\"a \\\"b\\\"/c\",table=\"public.b\"} 1\n");
	reading.tables = NULL;
	reading.ntables = 0;
}

/* How often a piece is in the metrics. */
static size_t
count_metrics(const char *piece)
{
	RestSources sources = {.cfg = cfg, .reading = &reading, .worker_id = ""};
	RestResponse r;
	size_t n = 0;

	assert_true(rest_answer(&sources, "GET", "/metrics", NULL, &r));
	for (const char *at = r.body; (at = strstr(at, piece)) != NULL; at++)
		n++;
	rest_forget(&r);
	return n;
}

static void
test_routes(void **state)
{
	static RouteNumbers routes[] = {
		{.table = "public.a",
		 .topic = "cdc.a",
		 .ops = {{0}, {5, 50}, {0}, {2, 20}, {7, 70}, {0}, {0}, {2, 8}}},
		{.table = "", .topic = "ev\"ents", .ops = {[6] = {3, 30}}}};

	(void) state;
	reading.numbers = (Numbers){.state = "STREAM"};
	reading.routes = routes;
	reading.nroutes = 2;
	ask("GET", "/metrics", NULL, "table=\"public.a\",topic=\"cdc.a\",op=\"c\"} 5\n");
	ask("GET", "/metrics", NULL, "table=\"\",topic=\"ev\\\"ents\",op=\"m\"} 30\n");
	ask("GET", "/metrics", NULL,
		"EventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 15\n"
		"debezium_metrics_TotalNumberOfEventsSeen{context=\"snapshot\",name=\"cdc\",plugin="
		"\"postgres\"} 2\n");
	ask("GET", "/metrics", NULL,
		"DeleteEventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 7\n");
	assert_int_equal(count_metrics("# TYPE debezium_metrics_TotalNumberOfEventsSeen "), 1);
	assert_int_equal(count_metrics("op=\"c\"}"), 2);
	assert_int_equal(count_metrics("op=\"u\"}"), 0);
	reading.routes = NULL;
	reading.nroutes = 0;
}

static void
test_latency_metrics(void **state)
{
	Numbers *n = &reading.numbers;

	(void) state;
	*n = (Numbers){.state = "STREAM", .in_flight = 3};
	n->latency.histogram =
		(LatencyHistogram){.buckets = {2, 1, [LATENCY_BUCKETS] = 4}, .count = 7, .sum_us = 1500000};
	n->latency.oldest = INT64_C(498750000);
	assert_int_equal(count_metrics("nova_lag_seconds{"), 0);
	assert_int_equal(count_metrics("QueueTotalCapacity{"), 0);
	n->streaming = true;
	n->in_flight_max = 10;
	ask("GET", "/metrics", NULL, "nova_lag_seconds{connector=\"a \\\"b\\\"/c\"} 1.250\n");
	ask("GET", "/metrics", NULL, ",le=\"0.005\"} 2\n");
	ask("GET", "/metrics", NULL, ",le=\"0.01\"} 3\n");
	ask("GET", "/metrics", NULL, ",le=\"300\"} 3\n");
	ask("GET", "/metrics", NULL,
		",le=\"+Inf\"} 7\nnova_commit_latency_seconds_sum{connector=\"a \\\"b\\\"/c\"} 1.500000\n");
	ask("GET", "/metrics", NULL,
		"QueueRemainingCapacity{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 7\n");
}

static void
test_kafka_metrics(void **state)
{
	static KafkaStats stats = {.producers = {[1] = {.known = true, .records = 4}},
							   .brokers = {{.producer = 1, .name = "b:9092/7", .rtt_p99_us = 1500}},
							   .nbrokers = 1,
							   .topics = {{.producer = 1, .name = "cdc.a", .batch_records = 11}},
							   .ntopics = 1};

	(void) state;
	reading.numbers = (Numbers){.state = "STREAM"};
	assert_int_equal(count_metrics("producer="), 0);
	reading.kafka = &stats;
	ask("GET", "/metrics", NULL,
		"nova_kafka_queue_records{connector=\"a \\\"b\\\"/c\",producer=\"1\"} 4\n");
	ask("GET", "/metrics", NULL, "producer=\"1\",broker=\"b:9092/7\"} 0.001500\n");
	ask("GET", "/metrics", NULL, "producer=\"1\",topic=\"cdc.a\"} 11\n");
	assert_int_equal(count_metrics("producer=\"0\""), 0);
	reading.kafka = NULL;
}

/* Pieces of what is understood, and any bytes between them. */
static void
test_anything(void **state)
{
	static const char *const pieces[] = {"/", "connectors",      "%2F",   "%", "%0",      "%00",
										 "*", "status",          "tasks", "0", "metrics", "expand=",
										 "&", "a%20%22b%22%2Fc", "\xff",  "?"};
	unsigned seed = 1;

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		char path[1200] = "";
		size_t len = 0;

		for (int k = rand_r(&seed) % 40; k > 0; k--)
			len += (size_t) snprintf(
				path + len, sizeof(path) - len, "%s",
				pieces[(size_t) rand_r(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
		ask(i % 3 ? "GET" : "POST", path, i % 2 ? path : NULL, NULL);
	}
}

static int
load(void **state)
{
	char err[512];

	(void) state;
	cfg = config_parse(json, sizeof(json) - 1, "test", err, sizeof(err));
	return cfg == NULL;
}

static int
unload(void **state)
{
	(void) state;
	config_free(cfg);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),         cmocka_unit_test(test_expand),
		cmocka_unit_test(test_states),        cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_routes),        cmocka_unit_test(test_latency_metrics),
		cmocka_unit_test(test_kafka_metrics), cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
