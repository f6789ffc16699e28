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

#include "log.h"
#include "rest.h"

static const char json[] =
	"{\"name\":\"a \\\"b\\\"/c\",\"config\":{\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\","
	"\"database.user\":\"u\",\"database.password\":\"hunter2\",\"database.dbname\":\"d\","
	"\"column.mask.hash.SHA-256.with.salt.hunter2\":\"a.b.c\"}}";
static RelayConfig *cfg;

static Reading reading;
static bool there = true; /* is there a connector? */
static const char *sent;  /* the body */
static const char *content_type = "application/json; charset=utf-8";
static RestRequest page; /* headers and connection */
static char location[200];

/* What the loop would answer, and was asked. */
static bool loop_answers = true;
static ControlRequest answer;
static ControlRequest asked;
static char asked_name[200];
static char asked_text[2000];
static bool asked_base;

static const char deployed[] =
	"{\"name\":\"x\",\"config\":{\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\","
	"\"database.user\":\"u\",\"database.password\":\"hunter2\",\"database.dbname\":\"d\","
	"\"slot.name\":\"s\"}}";

static bool
fake_ask(void *arg, ControlRequest *request)
{
	(void) arg;
	asked = *request;
	/* it lives no longer than the call */
	snprintf(asked_name, sizeof(asked_name), "%s", request->name);
	asked_base = request->base != NULL;
	if (request->text != NULL)
		snprintf(asked_text, sizeof(asked_text), "%s", request->text);
	request->answer = answer.answer;
	if (request->verb == CONTROL_TEXT)
	{
		request->answer = CONTROL_DONE;
		request->text = strdup(deployed);
	}
	memcpy(request->message, answer.message, sizeof(answer.message));
	return loop_answers;
}

static RelayConfig *
fake_parse(void *arg, const char *text, size_t len, bool quiet, ConfigFaults *faults)
{
	(void) arg;
	return config_deployed(text, len, "{\"bootstrap.servers\":\"k:9092\"}", quiet, faults);
}

static bool topics_forgotten;

static char *
fake_topics(void *arg)
{
	(void) arg;
	return strdup("[\"cdc.\\\"t\\\"\"]");
}

static void
fake_forget(void *arg)
{
	(void) arg;
	topics_forgotten = true;
}

static Samples *
fake_records(void *arg)
{
	static const NovaRecord r = {.key = {"{\"id\":1}", 8}, .value = {NULL, 0}};
	Samples *s = calloc(1, sizeof(*s));

	(void) arg;
	samples_begin(s);
	samples_take(s, 0, "cdc.t", &r);
	return s;
}

static RestOps ops = {.ask = fake_ask,
					  .parse = fake_parse,
					  .records = fake_records,
					  .topics = fake_topics,
					  .forget_topics = fake_forget};
static bool browser; /* asks */

/* The answer's status; what is in the body must be JSON where it says so. */
static unsigned
ask(const char *method, const char *path, const char *query, const char *piece)
{
	RestSources sources = {.cfg = there ? cfg : NULL,
						   .ops = &ops,
						   .reading = &reading,
						   .process = {.cpu_seconds = 1.5, .resident_bytes = 7, .now = 500000},
						   .worker_id = "127.0.0.1:8083"};
	RestRequest request = {.method = method,
						   .path = path,
						   .query = query,
						   .body = sent,
						   .content_type = content_type,
						   .host = page.host,
						   .origin = page.origin,
						   .fetch_site = page.fetch_site,
						   .https = page.https,
						   .wants_html = browser,
						   .body_len = sent != NULL ? strlen(sent) : 0};
	RestResponse r;
	unsigned status;

	assert_true(rest_answer(&sources, &request, &r));
	status = r.status;
	snprintf(location, sizeof(location), "%s", r.location != NULL ? r.location : "");
	if (r.body == NULL)
	{
		assert_null(piece);
		rest_forget(&r);
		return status;
	}
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
	rest_forget(&r);
	return status;
}

/* The same with a body. */
static unsigned
ask_with(const char *body, const char *method, const char *path, const char *piece)
{
	unsigned status;

	sent = body;
	status = ask(method, path, NULL, piece);
	sent = NULL;
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
	*n = (Numbers){.at = 499000,
				   .state = "FAILED",
				   .failed = true,
				   .connector = CONNECTOR_FAILED,
				   .trace = "why \"x\""};
	assert_int_equal(ask("GET", "/healthz", NULL, "failed"), 503);
	assert_int_equal(ask("GET", "/readyz", NULL, "FAILED"), 503);
	assert_int_equal(ask("GET", "/connectors/a%20%22b%22%2Fc/status", NULL,
						 "\"state\":\"FAILED\",\"worker_id\":\"127.0.0.1:8083\",\"version\":\""),
					 200);
	ask("GET", "/connectors/a%20%22b%22%2Fc/status", NULL, "\",\"trace\":\"why \\\"x\\\"\"}");
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
								.latency.ages = {.count = 1, .at = 499990},
								.snapshot_left_ms = -1,
								.snapshot_took_ms = 2500,
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

#define NAME "/connectors/a%20%22b%22%2Fc"
#define RIGHT                                                                                      \
	"\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\",\"database.user\":\"u\",\"database."     \
	"dbname\":\"d\""
#define SECRET "\"database.password\":\"hunter2\""

static void
test_changes(void **state)
{
	(void) state;
	reading.numbers = (Numbers){.state = "STREAM"};
	answer = (ControlRequest){.answer = CONTROL_DONE};
	assert_int_equal(ask("PUT", NAME "/pause", NULL, NULL), 202);
	assert_int_equal(asked.verb, CONTROL_PAUSE);
	assert_int_equal(ask("PUT", NAME "/resume", NULL, NULL), 202);
	assert_int_equal(asked.verb, CONTROL_RESUME);
	assert_int_equal(ask("PUT", NAME "/stop", NULL, NULL), 204);
	assert_int_equal(asked.verb, CONTROL_STOP);
	assert_int_equal(ask("DELETE", NAME, NULL, NULL), 204);
	assert_int_equal(asked.verb, CONTROL_DELETE);
	assert_int_equal(ask("POST", NAME "/tasks/0/restart", NULL, NULL), 204);
	assert_int_equal(ask("POST", NAME "/restart", NULL, NULL), 204);
	assert_int_equal(asked.verb, CONTROL_RESTART);
	assert_false(asked.only_failed);
	assert_int_equal(ask("POST", NAME "/restart", "includeTasks=true", "RESTARTING"), 202);
	assert_int_equal(ask("POST", NAME "/restart", "onlyFailed=true", "RUNNING"), 202);
	assert_true(asked.only_failed);
	assert_int_equal(ask("PUT", "/connectors/x/pause", NULL, "Unknown connector x"), 404);
	assert_int_equal(ask("POST", "/connectors/x/tasks/0/restart", NULL, "Unknown connector: x"),
					 404);
	assert_int_equal(ask("DELETE", "/connectors/x", NULL, "Connector x not found"), 404);
	assert_int_equal(ask("GET", NAME "/offsets", NULL, "{\"offsets\":[]}"), 200);
	reading.numbers.confirmed_lsn = 22817072;
	assert_int_equal(ask("GET", NAME "/offsets", NULL,
						 "{\"partition\":{\"server\":\"cdc\"},\"offset\":{\"lsn\":22817072,"),
					 200);
	assert_int_equal(ask("GET", NAME "/topics", NULL, ":{\"topics\":[\"cdc.\\\"t\\\"\"]}"), 200);
	assert_int_equal(ask("GET", "/connectors/x/topics", NULL, "{\"x\":{\"topics\":[]}}"), 200);
	assert_int_equal(ask("PUT", "/connectors/x/topics/reset", NULL, NULL), 202);
	assert_false(topics_forgotten);
	assert_int_equal(ask("PUT", NAME "/topics/reset", NULL, NULL), 202);
	assert_true(topics_forgotten);
	assert_int_equal(ask("GET", NAME "/tasks/1/status", NULL, "found for task a \\\"b\\\"/c-1\""),
					 404);
	assert_int_equal(ask("GET", "/connectors/x/tasks/0/status", NULL, "found for task x-0\""), 404);
	assert_int_equal(ask("GET", NAME "/tasks/x/status", NULL, "HTTP 404 Not Found"), 404);
	assert_int_equal(ask("GET", NAME "/tasks/11111111111111111111/status", NULL, "HTTP 404"), 404);
	assert_int_equal(ask("POST", NAME "/tasks/7/restart", NULL, "Unknown task: a \\\"b\\\"/c-7"),
					 404);
	assert_int_equal(ask("POST", "/connectors/x/restart", NULL, "Unknown connector: x"), 404);
	reading.numbers.connector = CONNECTOR_STOPPED;
	assert_int_equal(ask("GET", NAME "/status", NULL, "\"},\"tasks\":[],\"type\""), 200);
	assert_int_equal(ask("GET", NAME "/tasks", NULL, "[]"), 200);
	assert_int_equal(ask("GET", NAME "/tasks/0/status", NULL, "No status found for task"), 404);
	assert_int_equal(ask("POST", NAME "/tasks/0/restart", NULL, "Unknown task: a \\\"b\\\"/c-0"),
					 404);
	reading.numbers.connector = CONNECTOR_RUNNING;
}

static void
test_page(void **state)
{
	(void) state;
	assert_int_equal(ask("GET", "/", NULL, "\"version\""), 200);
	browser = true;
	assert_int_equal(ask("GET", "/", NULL, "<!DOCTYPE html>\n"), 200);
	assert_int_equal(ask("GET", "/", NULL, "</html>\n"), 200);
	assert_int_equal(ask("GET", "/connectors", NULL, "[\""), 200);
	browser = false;
	assert_int_equal(ask("GET", "/nova/records", NULL,
						 "{\"cdc.t\":[{\"key\":\"{\\\"id\\\":1}\",\"value\":null,\"cut\":false}]}"),
					 200);
}

static void
test_signal(void **state)
{
	(void) state;
	answer = (ControlRequest){.answer = CONTROL_DONE};
	sent = "{\"type\":\"execute-snapshot\",\"data\":{\"data-collections\":[\"public.a\"]}}";
	assert_int_equal(ask("POST", "/nova/signal", NULL, NULL), 202);
	assert_int_equal(asked.verb, CONTROL_SIGNAL);
	assert_string_equal(asked_text, sent);
	sent = "{\"data\":{}}";
	assert_int_equal(ask("POST", "/nova/signal", NULL, "\\\"type\\\" of the signal is missing"),
					 400);
	sent = "{\"type\":\"log\",\"data\":7}";
	assert_int_equal(ask("POST", "/nova/signal", NULL, "must be an object"), 400);
	sent = "{\"type\":\"log\",\"id\":7}";
	assert_int_equal(ask("POST", "/nova/signal", NULL, "must be a string"), 400);
	sent = "no JSON";
	assert_int_equal(ask("POST", "/nova/signal", NULL, "is missing"), 400);
	sent = NULL;
	assert_int_equal(ask("POST", "/nova/signal", NULL, "is missing"), 400);
	sent = "{\"type\":\"log\"}";
	there = false;
	assert_int_equal(ask("POST", "/nova/signal", NULL, "no connector"), 404);
	there = true;
	sent = NULL;
}

/* What the loop says, and that it says nothing. */
static void
test_answers(void **state)
{
	static const struct
	{
		ControlAnswer answer;
		unsigned status;
		const char *piece;
	} cases[] = {{CONTROL_MISSING, 404, "Connector a \\\"b\\\"/c not found"},
				 {CONTROL_EXISTS, 409, "already exists"},
				 {CONTROL_CONFLICT, 409, "why \\\"not\\\""},
				 {CONTROL_FAILED, 500, "why \\\"not\\\""}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		answer = (ControlRequest){.answer = cases[i].answer, .message = "why \"not\""};
		assert_int_equal(ask("PUT", NAME "/pause", NULL, cases[i].piece), cases[i].status);
	}
	loop_answers = false;
	assert_int_equal(ask("PUT", NAME "/pause", NULL, "timed out"), 500);
	loop_answers = true;
}

static void
test_deploy(void **state)
{
	(void) state;
	answer = (ControlRequest){.answer = CONTROL_CREATED};
	there = false;
	assert_int_equal(ask("GET", "/connectors", NULL, "[]"), 200);
	assert_int_equal(ask("GET", "/connectors", "expand=info", "{}"), 200);
	assert_int_equal(ask("GET", "/metrics", NULL, "nova_up{connector=\"\"} "), 200);
	assert_int_equal(ask("GET", NAME, NULL, "not found"), 404);
	assert_int_equal(ask_with("{\"name\":\"n m\",\"config\":{" RIGHT "," SECRET
							  "},\"initial_state\":\"PAUSED\"}",
							  "POST", "/connectors",
							  "\"name\":\"n m\",\"config\":{\"topic.prefix\""),
					 201);
	assert_int_equal(asked.target, TARGET_PAUSED);
	assert_string_equal(location, "http://127.0.0.1:8083/connectors/n%20m");
	assert_non_null(strstr(asked_text, "hunter2"));
	assert_null(strstr(asked_text, "k:9092"));
	assert_int_equal(ask_with("{" RIGHT "}", "PUT", "/connectors/new/config", "\"tasks\":[]"), 201);
	assert_string_equal(asked_name, "new");
	ops.refusal = "with a \"file\"";
	assert_int_equal(ask_with("{}", "POST", "/connectors", "with a \\\"file\\\""), 403);
	assert_int_equal(ask_with("{}", "PUT", "/connectors/new/config", "with a"), 403);
	ops.refusal = NULL;
	there = true;
	answer.answer = CONTROL_DONE;
	assert_int_equal(ask_with("{" RIGHT "}", "PUT", NAME "/config", "\"name\":\"a"), 200);
	assert_string_equal(location, "");
}

/* Where what was made is found, by the name that the caller has for us. */
static void
test_location(void **state)
{
	static const struct
	{
		RestRequest page;
		const char *location;
	} cases[] = {
		{{.host = NULL}, "http://127.0.0.1:8083/connectors/new"},
		{{.host = "connect.example"}, "http://connect.example/connectors/new"},
		{{.host = "[::1]:8083", .https = true}, "https://[::1]:8083/connectors/new"},
		{{.host = ""}, "http://127.0.0.1:8083/connectors/new"},
		{{.host = "a/b c\r\nX: y"}, "http://127.0.0.1:8083/connectors/new"},
	};

	(void) state;
	answer = (ControlRequest){.answer = CONTROL_CREATED};
	there = false;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		page = cases[i].page;
		assert_int_equal(ask_with("{\"name\":\"new\",\"config\":{" RIGHT "}}", "POST",
								  "/connectors", "\"name\":\"new\""),
						 201);
		assert_string_equal(location, cases[i].location);
		assert_int_equal(ask_with("{" RIGHT "}", "PUT", "/connectors/new/config", "\"new\""), 201);
		assert_string_equal(location, cases[i].location);
	}
	page = (RestRequest){0};
	there = true;
}

/* A merge patch; what was deployed is whole in what is asked, and not in the answer. */
static void
test_patch(void **state)
{
	(void) state;
	answer = (ControlRequest){.answer = CONTROL_DONE};
	assert_int_equal(ask_with("{\"slot.name\":null,\"tasks.max\":\"1\"}", "PATCH", NAME "/config",
							  "\"tasks.max\":\"1\""),
					 200);
	assert_int_equal(asked.verb, CONTROL_REPLACE);
	assert_true(asked_base);
	assert_non_null(strstr(asked_text, "\"database.password\":\"hunter2\""));
	assert_non_null(strstr(asked_text, "\"tasks.max\":\"1\""));
	assert_null(strstr(asked_text, "slot.name"));
	assert_int_equal(ask_with("{\"slot.name\":\"A\"}", "PATCH", NAME "/config", "1 error(s)"), 400);
	assert_int_equal(ask_with("{\"topic.prefix\":null}", "PATCH", NAME "/config", "1 error(s)"),
					 400);
	assert_int_equal(ask_with("{\"name\":\"other\"}", "PATCH", NAME "/config",
							  "configuration (other) doesn't match"),
					 400);
	assert_int_equal(ask_with("[]", "PATCH", NAME "/config", "no JSON object"), 400);
	assert_int_equal(ask_with("{}", "PATCH", "/connectors/other/config", "not found"), 404);
	answer = (ControlRequest){.answer = CONTROL_CONFLICT, .message = "meanwhile"};
	assert_int_equal(ask_with("{}", "PATCH", NAME "/config", "meanwhile"), 409);
	ops.refusal = "with a \"file\"";
	assert_int_equal(ask_with("{}", "PATCH", NAME "/config", "with a"), 403);
	ops.refusal = NULL;
}

#define OFFSET(partition, offset)                                                                  \
	"{\"offsets\":[{\"partition\":" partition ",\"offset\":" offset "}]}"
#define OURS "{\"server\":\"cdc\"}"

static void
test_offsets(void **state)
{
	static const char *const bad[] = {
		"no JSON",
		"{}",
		"{\"offsets\":[]}",
		"{\"offsets\":{\"a\":{\"partition\":" OURS ",\"offset\":{\"lsn\":7}}}}",
		"{\"offsets\":[7]}",
		OFFSET("{\"server\":\"other\"}", "{\"lsn\":7}"),
		OFFSET("null", "{\"lsn\":7}"),
		OFFSET(OURS, "{}"),
		OFFSET(OURS, "{\"lsn\":null}"),
		OFFSET(OURS, "{\"lsn\":0}"),
		OFFSET(OURS, "{\"lsn\":-7}"),
		OFFSET(OURS, "{\"lsn\":7.5}"),
		OFFSET(OURS, "{\"lsn\":1e30}"),
		OFFSET(OURS, "{\"lsn\":7,\"lsn_proc\":\"8\"}"),
		"{\"offsets\":[{\"partition\":" OURS ",\"offset\":{\"lsn\":7}},7]}",
	};

	(void) state;
	answer = (ControlRequest){.answer = CONTROL_DONE};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask_with(bad[i], "PATCH", NAME "/offsets", "\"error_code\":400"), 400);
	assert_int_equal(ask_with(OFFSET(OURS, "{\"lsn\":9007199254740991}"), "PATCH", NAME "/offsets",
							  "have been altered successfully"),
					 200);
	assert_int_equal(asked.verb, CONTROL_ALTER);
	assert_true(asked.lsn == 9007199254740991);
	/* as Debezium has it: the commit's is the one behind which nothing is left out */
	assert_int_equal(ask_with(OFFSET(OURS, "{\"lsn_proc\":80,\"lsn_commit\":70,\"lsn\":90,"
										   "\"txId\":5,\"messageType\":null}"),
							  "PATCH", NAME "/offsets", NULL),
					 200);
	assert_true(asked.lsn == 70);
	assert_int_equal(ask_with(OFFSET(OURS, "null"), "PATCH", NAME "/offsets", "have been reset"),
					 200);
	assert_int_equal(asked.verb, CONTROL_RESET);
	assert_int_equal(ask("DELETE", NAME "/offsets", NULL, "have been reset successfully"), 200);
	assert_int_equal(ask("DELETE", "/connectors/other/offsets", NULL, "not found"), 404);
	answer = (ControlRequest){.answer = CONTROL_INVALID, .message = "must be STOPPED"};
	assert_int_equal(ask("DELETE", NAME "/offsets", NULL, "must be STOPPED"), 400);
}

/* What a page may make a browser do without its asking first. */
static void
test_pages(void **state)
{
	static const char *const forms[] = {"application/x-www-form-urlencoded", "text/plain",
										"application/jsonp", "", NULL};
	static const struct
	{
		RestRequest page;
		unsigned status;
	} cases[] = {
		{{.host = "h:8083", .origin = "http://h:8083"}, 202},
		{{.host = "H:8083", .origin = "https://h:8083"}, 202},
		{{.host = "h:8083", .origin = "http://h:8084"}, 403},
		{{.host = "h:8083", .origin = "http://evil.example"}, 403},
		{{.host = "h:8083", .origin = "null"}, 403},
		{{.origin = "http://h:8083"}, 403},
		{{.fetch_site = "same-origin", .host = "inner", .origin = "http://outer"}, 202},
		{{.fetch_site = "none"}, 202},
		{{.fetch_site = "same-site", .host = "h", .origin = "http://h"}, 403},
		{{.fetch_site = "cross-site"}, 403},
	};

	(void) state;
	answer = (ControlRequest){.answer = CONTROL_DONE};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		page = cases[i].page;
		assert_int_equal(
			ask("PUT", NAME "/pause", NULL, cases[i].status == 403 ? "another origin" : NULL),
			cases[i].status);
		assert_int_equal(ask("GET", NAME "/status", NULL, "RUNNING"), 200);
	}
	page = (RestRequest){0};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		content_type = forms[i];
		assert_int_equal(ask_with("{\"level\":\"INFO\"}", "PUT", "/admin/loggers/root",
								  "HTTP 415 Unsupported Media Type"),
						 415);
		assert_int_equal(ask("PUT", NAME "/pause", NULL, NULL), 202);
	}
	content_type = "Application/JSON";
	assert_int_equal(ask_with("{\"level\":\"INFO\"}", "PUT", "/admin/loggers/root", "root"), 200);
}

static void
test_bad_deployments(void **state)
{
	static const struct
	{
		const char *body;
		const char *method;
		const char *path;
		const char *piece;
	} cases[] = {
		{NULL, "POST", "/connectors", "no JSON object"},
		{"[]", "POST", "/connectors", "no JSON object"},
		{"{\"name\":\"n\"", "POST", "/connectors", "no JSON object"},
		{"{\"name\":\"n\"}", "POST", "/connectors", "\\\"config\\\" with"},
		{"{\"config\":{" RIGHT "}}", "POST", "/connectors", "\\\"name\\\" of"},
		{"{\"name\":\"n\",\"config\":{" RIGHT "},\"initial_state\":\"X\"}", "POST", "/connectors",
		 "initial_state"},
		{"{\"name\":\"n\",\"config\":{}}", "POST", "/connectors",
		 "contains the following 4 error(s)"},
		{"{\"name\":\"n\",\"config\":{" RIGHT ",\"slot.name\":\"A\",\"topc.prefix\":\"x\"}}",
		 "POST", "/connectors", "2 error(s):\\nslot.name: \\\"A\\\" is not valid"},
		{"{" RIGHT ",\"database.password\":\"********\"}", "PUT", NAME "/config", "shown as"},
		{"{" RIGHT ",\"name\":\"other\"}", "PUT", NAME "/config",
		 "Connector name configuration (other) doesn't match connector name in the URL (a "},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ask_with(cases[i].body, cases[i].method, cases[i].path, cases[i].piece),
						 400);
}

static void
test_validate(void **state)
{
#define VALIDATE "/connector-plugins/PostgresConnector/config/validate"
	(void) state;
	assert_int_equal(ask_with("{" RIGHT "," SECRET "}", "PUT", VALIDATE, "\"error_count\":0"), 200);
	assert_int_equal(ask_with("{" RIGHT "," SECRET "}", "PUT", VALIDATE,
							  "\"name\":\"database.password\",\"value\":\"********\""),
					 200);
	assert_int_equal(ask_with("{\"slot.name\":\"A\",\"topc.prefix\":\"x\"}", "PUT", VALIDATE,
							  "\"error_count\":6"),
					 200);
	assert_int_equal(ask_with("{\"slot.name\":\"A\"}", "PUT", VALIDATE,
							  "\"name\":\"slot.name\",\"value\":\"A\",\"recommended_values\":[],"
							  "\"errors\":[\"slot.name: "),
					 200);
	assert_int_equal(ask_with("{}", "PUT", "/connector-plugins/Other/config/validate", "Other"),
					 404);
	assert_int_equal(ask_with("", "PUT", VALIDATE, "no JSON object"), 400);
#define CLASS_IS(class) "{" RIGHT ",\"connector.class\":\"" class "\"}"
#define CLASS           "io.debezium.connector.postgresql.PostgresConnector"
#define PLUGIN(class)   "/connector-plugins/" class "/config/validate"
	/* the class, and what Connect calls it for short */
	assert_int_equal(ask_with(CLASS_IS(CLASS), "PUT", VALIDATE, "\"error_count\":0"), 200);
	assert_int_equal(ask_with(CLASS_IS(CLASS), "PUT", PLUGIN(CLASS), "\"error_count\":0"), 200);
	assert_int_equal(ask_with(CLASS_IS(CLASS), "PUT", PLUGIN("Postgres"), "\"error_count\":0"),
					 200);
	assert_int_equal(ask_with("{}", "PUT", PLUGIN("gresConnector"), "named gresConnector"), 404);
	assert_int_equal(ask_with("{}", "PUT", PLUGIN("Connector"), "named Connector"), 404);
	/* another one's */
	assert_int_equal(ask_with(CLASS_IS("x.FileConnector"), "PUT", VALIDATE,
							  "{\"error_code\":400,\"message\":\"Included connector type "
							  "x.FileConnector does not match request type PostgresConnector\"}"),
					 400);
	assert_int_equal(ask_with(CLASS_IS(CLASS), "PUT", PLUGIN("MySqlConnector"),
							  "type " CLASS " does not match request type MySqlConnector\""),
					 400);
	assert_int_equal(ask_with(CLASS_IS("x.Other"), "PUT", PLUGIN("Other"), "named Other"), 404);
	assert_int_equal(ask("GET", "/connector-plugins/PostgresConnector/config", NULL,
						 "{\"name\":\"slot.name\",\"type\":\"STRING\",\"required\":false,"),
					 200);
	assert_int_equal(ask("GET", "/connector-plugins/Nope/config", NULL, "Unknown plugin Nope."),
					 404);
}

static void
test_loggers(void **state)
{
	(void) state;
	log_set_level(LOG_WARN);
	assert_int_equal(ask("GET", "/admin/loggers", NULL, "\"root\":{\"level\":\"WARN\""), 200);
	assert_int_equal(
		ask_with("{\"level\":\"ERROR\"}", "PUT", "/admin/loggers/io.debezium.x", "[\"root\"]"),
		200);
	assert_int_equal(log_level(), LOG_ERROR);
	assert_int_equal(ask("GET", "/admin/loggers/root", NULL, "\"last_modified\":500000}"), 200);
	assert_int_equal(ask("GET", "/admin/loggers/root", NULL, "ERROR"), 200);
	sent = "{\"level\":\"WARN\"}";
	assert_int_equal(ask("PUT", "/admin/loggers/root", "scope=cluster", NULL), 204);
	sent = NULL;
	assert_int_equal(log_level(), LOG_WARN);
	assert_int_equal(
		ask_with("{\"level\":\"X\"}", "PUT", "/admin/loggers/root", "invalid log level 'X'."), 404);
	assert_int_equal(ask_with("{}", "PUT", "/admin/loggers/root", "not specified"), 400);
	assert_int_equal(ask("GET", "/admin/loggers/x", NULL, "Logger x not found."), 404);
	log_set_level(LOG_INFO);
}

/* How often a piece is in the metrics. */
static size_t
count_metrics(const char *piece)
{
	RestSources sources = {.cfg = cfg, .reading = &reading, .worker_id = ""};
	RestResponse r;
	size_t n = 0;

	assert_true(rest_answer(&sources, &(RestRequest){.method = "GET", .path = "/metrics"}, &r));
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
	reading.numbers = (Numbers){.state = "STREAM", .snapshot_reads = 1};
	reading.routes = routes;
	reading.nroutes = 2;
	ask("GET", "/metrics", NULL, "table=\"public.a\",topic=\"cdc.a\",op=\"c\"} 5\n");
	ask("GET", "/metrics", NULL, "table=\"\",topic=\"ev\\\"ents\",op=\"m\"} 30\n");
	ask("GET", "/metrics", NULL,
		"EventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 16\n"
		"debezium_metrics_TotalNumberOfEventsSeen{context=\"snapshot\",name=\"cdc\",plugin="
		"\"postgres\"} 2\n");
	ask("GET", "/metrics", NULL,
		"DeleteEventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 7\n");
	ask("GET", "/metrics", NULL,
		"ReadEventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 1\n"
		"debezium_metrics_TotalNumberOfReadEventsSeen{context=\"snapshot\",name=\"cdc\",plugin="
		"\"postgres\"} 2\n");
	ask("GET", "/metrics", NULL,
		"MessageEventsSeen{context=\"streaming\",name=\"cdc\",plugin=\"postgres\"} 3\n");
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
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_latency_metrics),
		cmocka_unit_test(test_kafka_metrics),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_deploy),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_patch),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_bad_deployments),
		cmocka_unit_test(test_validate),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_loggers),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
