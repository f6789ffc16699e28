/*-------------------------------------------------------------------------
 *
 * rest.c
 *		Kafka Connect's REST calls, metrics and health, as far as they only look.
 *
 *-------------------------------------------------------------------------
 */
#include "rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

/* What the class is called that a connector JSON names. */
#define CONNECTOR_CLASS "io.debezium.connector.postgresql.PostgresConnector"

/* Not published for so long: the loop hangs. */
#define HUNG_MS        120000

#define NAME_MAX_BYTES 512

/* A call under way; handlers fill response. */
typedef struct Call
{
	const RestSources *from;
	const char *query;         /* or NULL */
	char name[NAME_MAX_BYTES]; /* what the '*' of the route stands for, decoded */
	RestResponse *response;
} Call;

typedef struct Route
{
	const char *method;
	const char *path; /* a '*' is the connector's name */
	bool (*handler)(Call *call);
	const char *missing; /* what the message for another name begins with; NULL: no name */
	const char *behind;  /* and what it ends with */
} Route;

static bool
answer_text(Call *call, unsigned status, const char *type, char *body)
{
	if (body == NULL)
		return false;
	*call->response = (RestResponse){status, type, body, strlen(body)};
	return true;
}

/* Takes json over. */
static bool
answer_json(Call *call, unsigned status, cJSON *json)
{
	char *body = json != NULL ? cJSON_PrintUnformatted(json) : NULL;

	cJSON_Delete(json);
	return answer_text(call, status, JSON_TYPE, body);
}

static bool
answer_error(Call *call, unsigned status, const char *message)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "error_code", (double) status);
	cJSON_AddStringToObject(json, "message", message);
	return answer_json(call, status, json);
}

/*
 * Pieces of bodies; a member that there is no memory for is missing, and then the
 * next one fails as well
 */

static const char *
state_of(const Numbers *n)
{
	return n->failed ? "FAILED" : "RUNNING";
}

static void
add_state(const Call *call, cJSON *to)
{
	const Numbers *n = &call->from->reading->numbers;

	cJSON_AddStringToObject(to, "state", state_of(n));
	cJSON_AddStringToObject(to, "worker_id", call->from->worker_id);
	if (n->failed && n->trace[0] != '\0')
		cJSON_AddStringToObject(to, "trace", n->trace);
}

static cJSON *
task_state(const Call *call)
{
	cJSON *task = cJSON_CreateObject();

	cJSON_AddNumberToObject(task, "id", 0);
	add_state(call, task);
	return task;
}

static cJSON *
status_body(const Call *call)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", call->from->cfg->name);
	add_state(call, cJSON_AddObjectToObject(body, "connector"));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "tasks"), task_state(call));
	cJSON_AddStringToObject(body, "type", "source");
	return body;
}

/* The connector JSON as it was given, secrets masked. */
static cJSON *
config_body(const Call *call)
{
	const ConfigPairs *given = &call->from->cfg->given;
	cJSON *body = cJSON_CreateObject();
	bool named = false;

	for (size_t i = 0; i < given->count; i++)
	{
		cJSON_AddStringToObject(body, given->items[i].name, given->items[i].value);
		named |= strcmp(given->items[i].name, "name") == 0;
	}
	if (!named)
		cJSON_AddStringToObject(body, "name", call->from->cfg->name);
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

static cJSON *
info_body(const Call *call)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", call->from->cfg->name);
	cJSON_AddItemToObject(body, "config", config_body(call));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "tasks"), task_id(call));
	cJSON_AddStringToObject(body, "type", "source");
	return body;
}

/*
 * Handlers
 */

static bool
get_root(Call *call)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "version", NOVA_VERSION);
	cJSON_AddStringToObject(body, "commit", "nova-relay");
	cJSON_AddNullToObject(body, "kafka_cluster_id");
	return answer_json(call, 200, body);
}

/* Is it asked for, as in expand=status&expand=info? */
static bool
is_expanded(const Call *call, const char *what)
{
	const char *at = call->query;
	size_t len = strlen(what);

	while (at != NULL)
	{
		const char *value = strncmp(at, "expand=", 7) == 0 ? at + 7 : NULL;

		if (value != NULL && strncmp(value, what, len) == 0 &&
			(value[len] == '\0' || value[len] == '&'))
			return true;
		at = strchr(at, '&');
		at = at != NULL ? at + 1 : NULL;
	}
	return false;
}

static bool
get_connectors(Call *call)
{
	bool status = is_expanded(call, "status");
	bool info = is_expanded(call, "info");
	cJSON *body;
	cJSON *one;

	if (!status && !info)
	{
		body = cJSON_CreateArray();
		cJSON_AddItemToArray(body, cJSON_CreateString(call->from->cfg->name));
		return answer_json(call, 200, body);
	}
	body = cJSON_CreateObject();
	one = cJSON_AddObjectToObject(body, call->from->cfg->name);
	if (status)
		cJSON_AddItemToObject(one, "status", status_body(call));
	if (info)
		cJSON_AddItemToObject(one, "info", info_body(call));
	return answer_json(call, 200, body);
}

static bool
get_connector(Call *call)
{
	return answer_json(call, 200, info_body(call));
}

static bool
get_config(Call *call)
{
	return answer_json(call, 200, config_body(call));
}

static bool
get_status(Call *call)
{
	return answer_json(call, 200, status_body(call));
}

static bool
get_tasks(Call *call)
{
	cJSON *body = cJSON_CreateArray();
	cJSON *task = cJSON_CreateObject();

	cJSON_AddItemToObject(task, "id", task_id(call));
	cJSON_AddItemToObject(task, "config", config_body(call));
	cJSON_AddItemToArray(body, task);
	return answer_json(call, 200, body);
}

static bool
get_task_status(Call *call)
{
	return answer_json(call, 200, task_state(call));
}

static bool
get_plugins(Call *call)
{
	cJSON *body = cJSON_CreateArray();
	cJSON *plugin = cJSON_CreateObject();

	cJSON_AddStringToObject(plugin, "class", CONNECTOR_CLASS);
	cJSON_AddStringToObject(plugin, "type", "source");
	cJSON_AddStringToObject(plugin, "version", NOVA_VERSION);
	cJSON_AddItemToArray(body, plugin);
	return answer_json(call, 200, body);
}

static bool
get_metrics(Call *call)
{
	char *body = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&body, &len);

	if (out == NULL)
		return false;
	metrics_print(out, call->from->cfg, call->from->reading, &call->from->process);
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

/* Connect's messages, around the name. */
#define NO_NAME      NULL, NULL
#define NO_CONNECTOR "Connector ", " not found"
#define NO_STATUS    "No status found for connector ", ""

static const Route routes[] = {
	{"GET", "/", get_root, NO_NAME},
	{"GET", "/connectors", get_connectors, NO_NAME},
	{"GET", "/connectors/*", get_connector, NO_CONNECTOR},
	{"GET", "/connectors/*/config", get_config, NO_CONNECTOR},
	{"GET", "/connectors/*/status", get_status, NO_STATUS},
	{"GET", "/connectors/*/tasks", get_tasks, NO_CONNECTOR},
	{"GET", "/connectors/*/tasks/0/status", get_task_status, NO_STATUS},
	{"GET", "/connector-plugins", get_plugins, NO_NAME},
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

/* Does the path fit the route?  What its '*' stands for goes to name. */
static bool
fits(const char *pattern, const char *path, char *name, size_t size)
{
	while (*pattern != '\0')
	{
		size_t len;

		if (*pattern != '*')
		{
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		len = strcspn(path, "/");
		if (len == 0 || !decode(path, len, name, size))
			return false;
		pattern++;
		path += len;
	}
	/* a slash at the end changes nothing */
	return *path == '\0' || strcmp(path, "/") == 0;
}

static bool
dispatch(Call *call, const Route *route)
{
	char message[NAME_MAX_BYTES + 64];

	if (route->missing == NULL || strcmp(call->name, call->from->cfg->name) == 0)
		return route->handler(call);
	snprintf(message, sizeof(message), "%s%s%s", route->missing, call->name, route->behind);
	return answer_error(call, 404, message);
}

bool
rest_answer(const RestSources *sources, const char *method, const char *path, const char *query,
			RestResponse *response)
{
	Call call = {.from = sources, .query = query, .response = response};
	bool known = false;

	*response = (RestResponse){0};
	for (size_t i = 0; i < ROUTE_COUNT; i++)
	{
		if (!fits(routes[i].path, path, call.name, sizeof(call.name)))
			continue;
		known = true;
		if (strcmp(method, routes[i].method) == 0 ||
			(strcmp(method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0))
			return dispatch(&call, &routes[i]);
	}
	return known ? answer_error(&call, 405, "HTTP 405 Method Not Allowed")
				 : answer_error(&call, 404, "HTTP 404 Not Found");
}

void
rest_forget(RestResponse *response)
{
	free(response->body);
	*response = (RestResponse){0};
}
