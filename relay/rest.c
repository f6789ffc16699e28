/*-------------------------------------------------------------------------
 *
 * rest.c
 *		The routes, and the calls that only look.
 *
 *-------------------------------------------------------------------------
 */
#include "rest_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "page.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define HTML_TYPE "text/html; charset=utf-8"

/* Not published for so long: the loop hangs. */
#define HUNG_MS 120000

typedef struct Route
{
	const char *method;
	const char *path; /* a '*' is the connector's name, a '#' a task's number */
	bool (*handler)(Call *call);
	const char *missing; /* what the message for another name begins with; NULL: no name */
	const char *behind;  /* and what it ends with */
} Route;

bool
answer_text(Call *call, unsigned status, const char *type, char *body)
{
	if (body == NULL)
		return false;
	*call->response =
		(RestResponse){.status = status, .content_type = type, .body = body, .len = strlen(body)};
	return true;
}

bool
answer_empty(Call *call, unsigned status)
{
	*call->response = (RestResponse){.status = status};
	return true;
}

bool
answer_json(Call *call, unsigned status, cJSON *json)
{
	char *body = json != NULL ? cJSON_PrintUnformatted(json) : NULL;

	cJSON_Delete(json);
	return answer_text(call, status, JSON_TYPE, body);
}

bool
answer_error(Call *call, unsigned status, const char *message)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "error_code", (double) status);
	cJSON_AddStringToObject(json, "message", message);
	return answer_json(call, status, json);
}

bool
rest_error(unsigned status, const char *message, RestResponse *response)
{
	Call call = {.response = response};

	return answer_error(&call, status, message);
}

/*
 * Pieces of bodies
 */

static void
add_state(const Call *call, ConnectorState state, cJSON *to)
{
	const Numbers *n = &call->from->reading->numbers;

	cJSON_AddStringToObject(to, "state", connector_state_name(state));
	cJSON_AddStringToObject(to, "worker_id", call->from->worker_id);
	cJSON_AddStringToObject(to, "version", NOVA_VERSION);
	if (state == CONNECTOR_FAILED && n->trace[0] != '\0')
		cJSON_AddStringToObject(to, "trace", n->trace);
}

static cJSON *
task_state(const Call *call, ConnectorState state)
{
	cJSON *task = cJSON_CreateObject();

	cJSON_AddNumberToObject(task, "id", 0);
	add_state(call, state, task);
	return task;
}

static ConnectorState
state_now(const Call *call)
{
	return call->from->reading->numbers.connector;
}

/* Does the call name the connector there is? */
static bool
is_ours(const Call *call)
{
	const RelayConfig *cfg = call->from->cfg;

	return cfg != NULL && strcmp(call->name, cfg->name) == 0;
}

/* A stopped connector has no tasks. */
static bool
has_task(const Call *call)
{
	return state_now(call) != CONNECTOR_STOPPED;
}

bool
has_that_task(const Call *call)
{
	return is_ours(call) && has_task(call) && strcmp(call->task, "0") == 0;
}

cJSON *
status_body(const Call *call, ConnectorState state)
{
	cJSON *body = cJSON_CreateObject();
	cJSON *tasks;

	cJSON_AddStringToObject(body, "name", call->from->cfg->name);
	add_state(call, state, cJSON_AddObjectToObject(body, "connector"));
	tasks = cJSON_AddArrayToObject(body, "tasks");
	if (has_task(call))
		cJSON_AddItemToArray(tasks, task_state(call, state));
	cJSON_AddStringToObject(body, "type", "source");
	return body;
}

/* The connector JSON as it was given, secrets masked. */
static cJSON *
config_body(const RelayConfig *cfg)
{
	const ConfigPairs *given = &cfg->given;
	cJSON *body = cJSON_CreateObject();
	bool named = false;

	for (size_t i = 0; i < given->count; i++)
	{
		cJSON_AddStringToObject(body, given->items[i].name, given->items[i].value);
		named |= strcmp(given->items[i].name, "name") == 0;
	}
	if (!named)
		cJSON_AddStringToObject(body, "name", cfg->name);
	return body;
}

static cJSON *
task_id(const Call *call)
{
	cJSON *id = cJSON_CreateObject();

	cJSON_AddStringToObject(id, "connector", call->from->cfg->name);
	cJSON_AddNumberToObject(id, "task", 0);
	return id;
}

cJSON *
info_body(const Call *call, const RelayConfig *cfg)
{
	cJSON *body = cJSON_CreateObject();
	cJSON *tasks;

	cJSON_AddStringToObject(body, "name", cfg->name);
	cJSON_AddItemToObject(body, "config", config_body(cfg));
	tasks = cJSON_AddArrayToObject(body, "tasks");
	/* of one that is being made there are none yet */
	if (cfg == call->from->cfg && has_task(call))
		cJSON_AddItemToArray(tasks, task_id(call));
	cJSON_AddStringToObject(body, "type", "source");
	return body;
}

/*
 * Handlers
 */

static bool
get_root(Call *call)
{
	const KafkaStats *kafka = call->from->reading->kafka;
	cJSON *body;

	if (call->request->wants_html)
		return answer_text(call, 200, HTML_TYPE, strdup(page_html));
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "version", NOVA_VERSION);
	cJSON_AddStringToObject(body, "commit", "nova-relay");
	if (kafka != NULL && kafka->cluster[0] != '\0')
		cJSON_AddStringToObject(body, "kafka_cluster_id", kafka->cluster);
	else
		cJSON_AddNullToObject(body, "kafka_cluster_id");
	return answer_json(call, 200, body);
}

bool
query_has(const Call *call, const char *name, const char *value)
{
	const char *at = call->request->query;
	size_t name_len = strlen(name);
	size_t len = strlen(value);

	while (at != NULL)
	{
		const char *found =
			strncmp(at, name, name_len) == 0 && at[name_len] == '=' ? at + name_len + 1 : NULL;

		if (found != NULL && strncmp(found, value, len) == 0 &&
			(found[len] == '\0' || found[len] == '&'))
			return true;
		at = strchr(at, '&');
		at = at != NULL ? at + 1 : NULL;
	}
	return false;
}

static bool
get_connectors(Call *call)
{
	bool status = query_has(call, "expand", "status");
	bool info = query_has(call, "expand", "info");
	cJSON *body;
	cJSON *one;

	if (!status && !info)
	{
		body = cJSON_CreateArray();
		if (call->from->cfg != NULL)
			cJSON_AddItemToArray(body, cJSON_CreateString(call->from->cfg->name));
		return answer_json(call, 200, body);
	}
	body = cJSON_CreateObject();
	if (call->from->cfg == NULL)
		return answer_json(call, 200, body);
	one = cJSON_AddObjectToObject(body, call->from->cfg->name);
	if (status)
		cJSON_AddItemToObject(one, "status", status_body(call, state_now(call)));
	if (info)
		cJSON_AddItemToObject(one, "info", info_body(call, call->from->cfg));
	return answer_json(call, 200, body);
}

static bool
get_connector(Call *call)
{
	return answer_json(call, 200, info_body(call, call->from->cfg));
}

static bool
get_config(Call *call)
{
	return answer_json(call, 200, config_body(call->from->cfg));
}

static bool
get_status(Call *call)
{
	return answer_json(call, 200, status_body(call, state_now(call)));
}

static bool
get_tasks(Call *call)
{
	cJSON *body = cJSON_CreateArray();
	cJSON *task;
	cJSON *config;

	if (!has_task(call))
		return answer_json(call, 200, body);
	task = cJSON_CreateObject();
	config = config_body(call->from->cfg);
	cJSON_AddStringToObject(config, "task.class", CONNECTOR_CLASS "Task");
	cJSON_AddItemToObject(task, "id", task_id(call));
	cJSON_AddItemToObject(task, "config", config);
	cJSON_AddItemToArray(body, task);
	return answer_json(call, 200, body);
}

/* Connect does not ask whether there is such a connector. */
static bool
get_topics(Call *call)
{
	char *topics = is_ours(call) ? call->from->ops->topics(call->from->ops->arg) : strdup("[]");
	cJSON *body = cJSON_CreateObject();
	cJSON *one = cJSON_AddObjectToObject(body, call->name);
	bool ok = topics != NULL && cJSON_AddItemToObject(one, "topics", cJSON_Parse(topics));

	free(topics);
	if (ok)
		return answer_json(call, 200, body);
	cJSON_Delete(body);
	return false;
}

/* In Debezium's shape; nothing before the slot's confirmed position is kept anywhere. */
static bool
get_offsets(Call *call)
{
	const Numbers *n = &call->from->reading->numbers;
	cJSON *body = cJSON_CreateObject();
	cJSON *offsets = cJSON_AddArrayToObject(body, "offsets");
	cJSON *one;
	cJSON *offset;

	if (n->confirmed_lsn == 0)
		return answer_json(call, 200, body);
	one = cJSON_CreateObject();
	cJSON_AddStringToObject(cJSON_AddObjectToObject(one, "partition"), "server",
							call->from->cfg->topic_prefix);
	offset = cJSON_AddObjectToObject(one, "offset");
	for (size_t i = 0; i < 3; i++)
		cJSON_AddNumberToObject(offset, (const char *[]){"lsn", "lsn_proc", "lsn_commit"}[i],
								(double) n->confirmed_lsn);
	cJSON_AddItemToArray(offsets, one);
	return answer_json(call, 200, body);
}

static bool
put_topics_reset(Call *call)
{
	if (is_ours(call))
		call->from->ops->forget_topics(call->from->ops->arg);
	return answer_empty(call, 202);
}

static bool
get_task_status(Call *call)
{
	char message[NAME_MAX_BYTES + 64];

	if (has_that_task(call))
		return answer_json(call, 200, task_state(call, state_now(call)));
	snprintf(message, sizeof(message), "No status found for task %s-%s", call->name, call->task);
	return answer_error(call, 404, message);
}

/* Numbers need a name, and without a connector there is none. */
static char no_name[] = "";
static const RelayConfig nobody = {.name = no_name, .topic_prefix = no_name};

static bool
get_metrics(Call *call)
{
	const RelayConfig *cfg = call->from->cfg != NULL ? call->from->cfg : &nobody;
	char *body = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&body, &len);

	if (out == NULL)
		return false;
	metrics_print(out, cfg, call->from->reading, &call->from->process);
	if (fclose(out) != 0)
	{
		free(body);
		return false;
	}
	return answer_text(call, 200, METRICS_CONTENT_TYPE, body);
}

/* Would a restart help? */
static bool
get_health(Call *call)
{
	const Numbers *n = &call->from->reading->numbers;

	if (n->failed)
		return answer_text(call, 503, TEXT_TYPE, strdup("failed\n"));
	if (call->from->process.now - n->at > HUNG_MS)
		return answer_text(call, 503, TEXT_TYPE, strdup("hung\n"));
	return answer_text(call, 200, TEXT_TYPE, strdup("ok\n"));
}

/* Does it do what it is there for?  A relay that waits for its slot does not, and is well. */
static bool
get_ready(Call *call)
{
	const Numbers *n = &call->from->reading->numbers;
	char text[sizeof(n->state) + 2];

	snprintf(text, sizeof(text), "%s\n", n->state);
	return answer_text(call, n->ready ? 200 : 503, TEXT_TYPE, strdup(text));
}

/* What the relay has seen since somebody began to look. */
static bool
get_records(Call *call)
{
	Samples *samples = call->from->ops->records(call->from->ops->arg);
	char *body = samples != NULL ? samples_print(samples) : NULL;

	free(samples);
	return answer_text(call, 200, JSON_TYPE, body);
}

/* Connect's messages, around the name. */
#define NO_NAME           NULL, NULL
#define NO_CONNECTOR      "Connector ", " not found"
#define UNKNOWN_CONNECTOR "Unknown connector ", ""
#define NOT_RESTARTED     "Unknown connector: ", ""
#define NO_STATUS         "No status found for connector ", ""

static const Route routes[] = {
	{"GET", "/", get_root, NO_NAME},
	{"GET", "/connectors", get_connectors, NO_NAME},
	{"POST", "/connectors", post_connectors, NO_NAME},
	{"GET", "/connectors/*", get_connector, NO_CONNECTOR},
	{"DELETE", "/connectors/*", delete_connector, NO_CONNECTOR},
	{"GET", "/connectors/*/config", get_config, NO_CONNECTOR},
	{"PUT", "/connectors/*/config", put_config, NO_NAME},
	{"PATCH", "/connectors/*/config", patch_config, NO_CONNECTOR},
	{"GET", "/connectors/*/status", get_status, NO_STATUS},
	{"PUT", "/connectors/*/pause", put_pause, UNKNOWN_CONNECTOR},
	{"PUT", "/connectors/*/resume", put_resume, UNKNOWN_CONNECTOR},
	{"PUT", "/connectors/*/stop", put_stop, UNKNOWN_CONNECTOR},
	{"POST", "/connectors/*/restart", post_restart, NOT_RESTARTED},
	{"GET", "/connectors/*/tasks", get_tasks, NO_CONNECTOR},
	{"GET", "/connectors/*/tasks/#/status", get_task_status, NO_NAME},
	{"POST", "/connectors/*/tasks/#/restart", post_task_restart, NOT_RESTARTED},
	{"GET", "/connectors/*/topics", get_topics, NO_NAME},
	{"GET", "/connectors/*/offsets", get_offsets, NO_CONNECTOR},
	{"PATCH", "/connectors/*/offsets", patch_offsets, NO_CONNECTOR},
	{"DELETE", "/connectors/*/offsets", delete_offsets, NO_CONNECTOR},
	{"PUT", "/connectors/*/topics/reset", put_topics_reset, NO_NAME},
	{"GET", "/connector-plugins", get_plugins, NO_NAME},
	{"GET", "/connector-plugins/*/config", get_plugin_config, NO_NAME},
	{"PUT", "/connector-plugins/*/config/validate", put_validate, NO_NAME},
	{"GET", "/admin/loggers", get_loggers, NO_NAME},
	{"GET", "/admin/loggers/*", get_logger, NO_NAME},
	{"PUT", "/admin/loggers/*", put_logger, NO_NAME},
	{"GET", "/nova/records", get_records, NO_NAME},
	{"POST", "/nova/signal", post_signal, NO_NAME},
	{"GET", "/metrics", get_metrics, NO_NAME},
	{"GET", "/healthz", get_health, NO_NAME},
	{"GET", "/readyz", get_ready, NO_NAME},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A segment of a path, decoded; false if it is too long or holds a null byte. */
static bool
decode(const char *from, size_t len, char *to, size_t size)
{
	const char *end = from + len;

	for (; from < end && size > 1; size--)
	{
		char c = *from++;

		if (c == '%' && end - from >= 2 && hex_digit(from[0]) >= 0 && hex_digit(from[1]) >= 0)
		{
			c = (char) (hex_digit(from[0]) * 16 + hex_digit(from[1]));
			from += 2;
		}
		if (c == '\0')
			return false;
		*to++ = c;
	}
	*to = '\0';
	return from == end;
}

/* A segment that is a number. */
static bool
take_number(const char *from, size_t len, char *to, size_t size)
{
	if (strspn(from, "0123456789") != len)
		return false;
	return decode(from, len, to, size);
}

/* Does the path fit the route?  What its '*' and '#' stand for goes to the call. */
static bool
fits(const char *pattern, const char *path, Call *call)
{
	while (*pattern != '\0')
	{
		size_t len;

		if (*pattern != '*' && *pattern != '#')
		{
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		len = strcspn(path, "/");
		if (len == 0 || !(*pattern == '*' ? decode(path, len, call->name, sizeof(call->name))
										  : take_number(path, len, call->task, sizeof(call->task))))
			return false;
		pattern++;
		path += len;
	}
	/* a slash at the end changes nothing */
	return *path == '\0' || strcmp(path, "/") == 0;
}

/*
 * Does a page of another origin ask?  Browsers say so themselves where the connection
 * is one that they trust; else the page's host must be the one that is asked.
 */
static bool
is_foreign(const RestRequest *request)
{
	const char *site = request->fetch_site;
	const char *origin = request->origin;
	const char *host = origin != NULL ? strstr(origin, "://") : NULL;

	if (site != NULL)
		return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
	return origin != NULL &&
		   (host == NULL || request->host == NULL || strcasecmp(host + 3, request->host) != 0);
}

static bool
is_json(const char *content_type)
{
	size_t len = strlen(JSON_TYPE);

	return content_type != NULL && strncasecmp(content_type, JSON_TYPE, len) == 0 &&
		   strchr("; \t", content_type[len]) != NULL;
}

/* May this be asked, whatever it is?  False: it was answered, *ok as below. */
static bool
is_acceptable(Call *call, const Route *route, bool *ok)
{
	const RestRequest *request = call->request;
	bool looks = strcmp(route->method, "GET") == 0;

	if (!looks && is_foreign(request))
		*ok = answer_error(call, 403, "A page of another origin may not change anything here");
	else if (!looks && request->body_len > 0 && !is_json(request->content_type))
		*ok = answer_error(call, 415, "HTTP 415 Unsupported Media Type");
	else if (request->body_too_large)
		*ok = answer_error(call, 413, "HTTP 413 Request Entity Too Large");
	else
		return true;
	return false;
}

static bool
dispatch(Call *call, const Route *route)
{
	char message[NAME_MAX_BYTES + 64];
	bool ok;

	if (!is_acceptable(call, route, &ok))
		return ok;
	if (route->missing == NULL || is_ours(call))
		return route->handler(call);
	snprintf(message, sizeof(message), "%s%s%s", route->missing, call->name, route->behind);
	return answer_error(call, 404, message);
}

bool
rest_answer(const RestSources *sources, const RestRequest *request, RestResponse *response)
{
	Call call = {.from = sources, .request = request, .response = response};
	bool known = false;

	*response = (RestResponse){0};
	for (size_t i = 0; i < ROUTE_COUNT; i++)
	{
		if (!fits(routes[i].path, request->path, &call))
			continue;
		known = true;
		if (strcmp(request->method, routes[i].method) == 0 ||
			(strcmp(request->method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0))
			return dispatch(&call, &routes[i]);
	}
	return known ? answer_error(&call, 405, "HTTP 405 Method Not Allowed")
				 : answer_error(&call, 404, "HTTP 404 Not Found");
}

void
rest_forget(RestResponse *response)
{
	free(response->body);
	free(response->location);
	*response = (RestResponse){0};
}
