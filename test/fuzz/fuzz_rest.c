/*-------------------------------------------------------------------------
 *
 * fuzz_rest.c
 *		libFuzzer target: whatever is asked over HTTP is answered, and what says that
 *		it is JSON is JSON.
 *
 * The input is lines: method, path, query, and the rest is the body; without the last
 * ones there are none.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../relay/log.h"
#include "../../relay/rest.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "hunter2";
static const char config[] =
	"{\"name\":\"n \\\"1\\\"/2\",\"config\":{\"topic.prefix\":\"cdc\",\"database.hostname\":\"h\","
	"\"database.user\":\"u\",\"database.password\":\"hunter2\",\"database.dbname\":\"d\"}}";
static RelayConfig *cfg;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[512];

	(void) argc;
	(void) argv;
	log_setup(LOG_ERROR, LOG_PLAIN);
	cfg = config_parse(config, sizeof(config) - 1, "fuzz", err, sizeof(err));
	if (cfg == NULL)
		abort();
	return 0;
}

/* Cut off at the next line's end, where the rest begins; NULL: there is none. */
static char *
next_line(char *text)
{
	char *end = strchr(text, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	return end + 1;
}

/* told: whoever asked has said the secret himself: in what he sent, or as a name. */
static void
check(const RestResponse *r, bool told)
{
	cJSON *body;

	if (r->status < 200 || r->status > 599)
		abort();
	if (r->body == NULL)
	{
		if (r->status >= 400 || r->len != 0)
			abort();
		return;
	}
	if (strlen(r->body) != r->len)
		abort();
	/* an error repeats what was asked */
	if (r->status < 400 && !told && strstr(r->body, secret) != NULL)
		abort();
	if (strcmp(r->content_type, "application/json") != 0)
		return;
	body = cJSON_Parse(r->body);
	if (body == NULL)
		abort();
	cJSON_Delete(body);
}

/* Whatever the loop may answer, by the name's length. */
static bool
any_answer(void *arg, ControlRequest *request)
{
	static const char text[] = "{\"config\":{\"topic.prefix\":\"p\",\"database.user\":\"u\"}}";
	size_t n = strlen(request->name);

	(void) arg;
	request->answer = (ControlAnswer) (n % (CONTROL_FAILED + 1));
	if (n % 9 == 8)
		return false;
	if (request->verb == CONTROL_TEXT && request->answer == CONTROL_DONE)
		request->text = strdup(text);
	return true;
}

static RelayConfig *
parse(void *arg, const char *json, size_t len, bool quiet, ConfigFaults *faults)
{
	(void) arg;
	return config_deployed(json, len, NULL, quiet, faults);
}

static char *
topics(void *arg)
{
	(void) arg;
	return strdup("[\"t\"]");
}

static void
forget_topics(void *arg)
{
	(void) arg;
}

/* A record whose bytes are anything but UTF-8. */
static Samples *
records(void *arg)
{
	static const NovaRecord r = {.key = {"\xff\0\"", 3}, .value = {NULL, 0}};
	Samples *s = calloc(1, sizeof(*s));

	(void) arg;
	if (s == NULL)
		return NULL;
	samples_begin(s);
	samples_take(s, 0, "t", &r);
	return s;
}

static const RestOps ops = {.ask = any_answer,
							.parse = parse,
							.records = records,
							.topics = topics,
							.forget_topics = forget_topics};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TableNumbers table = {.name = "public.\"t\"\n", .rows = 1, .row_estimate = -1};
	Reading reading = {.numbers = {.state = "STREAM"}, .tables = &table, .ntables = 1};
	RestSources sources = {
		.cfg = cfg, .ops = &ops, .reading = &reading, .worker_id = "127.0.0.1:8083"};
	RestResponse response;
	char *method = malloc(size + 1);
	char *path;
	bool told;

	if (method == NULL)
		return 0;
	/* one of the calls sets it */
	log_set_level(LOG_ERROR);
	memcpy(method, data, size);
	method[size] = '\0';
	told = strstr(method, secret) != NULL;
	path = next_line(method);
	if (path != NULL)
	{
		char *query = next_line(path);
		char *body = query != NULL ? next_line(query) : NULL;
		RestRequest request = {.method = method,
							   .path = path,
							   .query = query,
							   .body = body,
							   .content_type = "application/json",
							   .body_len = body != NULL ? strlen(body) : 0,
							   .body_too_large = body != NULL && strlen(body) > 2000};

		if (!rest_answer(&sources, &request, &response))
			abort();
		check(&response, told);
		rest_forget(&response);
	}
	free(method);
	return 0;
}
