/*-------------------------------------------------------------------------
 *
 * rest_admin.c
 *		The plugins, and the level of the log.
 *
 * There is one logger, "root".  The names of Connect's and Debezium's packages mean
 * it as well, for scripts set those.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "rest_internal.h"

bool
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

/* A plugin's name is as long without this end, to Connect. */
#define PLUGIN_END "Connector"

static size_t
plugin_length(const char *name)
{
	size_t len = strlen(name);
	size_t end = strlen(PLUGIN_END);

	return len > end && strcmp(name + len - end, PLUGIN_END) == 0 ? len - end : len;
}

/* Is it the class, or how that ends?  As Connect compares the two. */
static bool
is_name_of(const char *name, const char *class)
{
	size_t len = plugin_length(name);
	size_t of = plugin_length(class);

	return len <= of && memcmp(class + of - len, name, len) == 0;
}

static bool
is_plugin(const char *name)
{
	size_t len = plugin_length(name);

	return (len == plugin_length(CONNECTOR_CLASS) || len == plugin_length(CONNECTOR_SHORT)) &&
		   is_name_of(name, CONNECTOR_CLASS);
}

/* The definitions of what validation has, alone. */
static cJSON *
definitions_of(const char *infos)
{
	cJSON *whole = infos != NULL ? cJSON_Parse(infos) : NULL;
	cJSON *list = cJSON_CreateArray();
	cJSON *entry;

	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(whole, "configs"))
	{
		cJSON_AddItemToArray(list, cJSON_DetachItemFromObjectCaseSensitive(entry, "definition"));
	}
	cJSON_Delete(whole);
	return list;
}

bool
get_plugin_config(Call *call)
{
	static const ConfigFaults no_faults = {0};
	char message[NAME_MAX_BYTES + 64];
	char *infos;
	bool ok;

	if (!is_plugin(call->name))
	{
		snprintf(message, sizeof(message), "Unknown plugin %s.", call->name);
		return answer_error(call, 404, message);
	}
	infos = config_infos(CONNECTOR_CLASS, "{}", &no_faults);
	ok = infos != NULL && answer_json(call, 200, definitions_of(infos));
	free(infos);
	return ok;
}

/* All that the settings of the body, a flat object, come to. */
static bool
validate(Call *call, const char *config)
{
	const RestOps *ops = call->from->ops;
	ConfigFaults faults = {0};
	RelayConfig *cfg = ops->parse(ops->arg, config, strlen(config), true, &faults);
	char *body = config_infos(CONNECTOR_CLASS, config, &faults);

	config_free(cfg);
	config_faults_free(&faults);
	return answer_text(call, 200, "application/json", body);
}

/* Settings of one class, sent to another. */
static bool
answer_other_class(Call *call, const char *class)
{
	char message[2 * NAME_MAX_BYTES + 128];

	snprintf(message, sizeof(message),
			 "Included connector type %.*s does not match request type %s", NAME_MAX_BYTES, class,
			 call->name);
	return answer_error(call, 400, message);
}

static bool
validate_object(Call *call, const cJSON *config)
{
	const cJSON *class = cJSON_GetObjectItemCaseSensitive(config, "connector.class");
	char message[NAME_MAX_BYTES + 64];
	char *text;
	bool ok;

	if (cJSON_IsString(class) && !is_name_of(call->name, class->valuestring))
		return answer_other_class(call, class->valuestring);
	if (!is_plugin(call->name))
	{
		snprintf(message, sizeof(message), "Failed to find any class that is named %s", call->name);
		return answer_error(call, 404, message);
	}
	text = cJSON_PrintUnformatted(config);
	ok = text != NULL && validate(call, text);
	free(text);
	return ok;
}

bool
put_validate(Call *call)
{
	cJSON *config = parse_body(call);
	bool ok = cJSON_IsObject(config) ? validate_object(call, config)
									 : answer_error(call, 400, "The body is no JSON object");

	cJSON_Delete(config);
	return ok;
}

/*
 * The log
 */

/* Log4j's levels; the first of several for one of ours is the one that is shown. */
static const struct
{
	const char *name;
	LogLevel level;
} levels[] = {{"ERROR", LOG_ERROR}, {"WARN", LOG_WARN},   {"INFO", LOG_INFO},
			  {"DEBUG", LOG_DEBUG}, {"TRACE", LOG_DEBUG}, {"FATAL", LOG_ERROR}};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

/* When somebody set it, ms since 1970; HTTP has one thread. */
static int64_t modified;

static cJSON *
level_body(void)
{
	cJSON *body = cJSON_CreateObject();

	for (size_t i = 0; i < LEVELS; i++)
		if (levels[i].level == log_level())
		{
			cJSON_AddStringToObject(body, "level", levels[i].name);
			break;
		}
	if (modified != 0)
		cJSON_AddNumberToObject(body, "last_modified", (double) modified);
	else
		cJSON_AddNullToObject(body, "last_modified");
	return body;
}

static bool
is_logger(const char *name)
{
	static const char *const packages[] = {"io.debezium", "org.apache.kafka.connect"};

	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++)
		if (strncmp(name, packages[i], strlen(packages[i])) == 0)
			return true;
	return strcmp(name, "root") == 0;
}

static bool
no_logger(Call *call)
{
	char message[NAME_MAX_BYTES + 64];

	snprintf(message, sizeof(message), "Logger %s not found.", call->name);
	return answer_error(call, 404, message);
}

bool
get_loggers(Call *call)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddItemToObject(body, "root", level_body());
	return answer_json(call, 200, body);
}

bool
get_logger(Call *call)
{
	return is_logger(call->name) ? answer_json(call, 200, level_body()) : no_logger(call);
}

static bool
set_level(const char *name, int64_t now)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (strcasecmp(levels[i].name, name) == 0)
		{
			log_set_level(levels[i].level);
			modified = now;
			return true;
		}
	return false;
}

bool
put_logger(Call *call)
{
	cJSON *body = call->request->body != NULL
					  ? cJSON_ParseWithLength(call->request->body, call->request->body_len)
					  : NULL;
	const cJSON *level = cJSON_GetObjectItemCaseSensitive(body, "level");
	char message[NAME_MAX_BYTES + 64];
	bool ok;

	if (!is_logger(call->name))
		ok = no_logger(call);
	else if (!cJSON_IsString(level))
		ok = answer_error(call, 400, "Desired 'level' parameter was not specified in request.");
	else if (!set_level(level->valuestring, call->from->process.now))
	{
		snprintf(message, sizeof(message), "invalid log level '%.100s'.", level->valuestring);
		ok = answer_error(call, 404, message);
	}
	else if (query_has(call, "scope", "cluster"))
		ok = answer_empty(call, 204);
	else
	{
		cJSON *loggers = cJSON_CreateArray();

		cJSON_AddItemToArray(loggers, cJSON_CreateString("root"));
		ok = answer_json(call, 200, loggers);
	}
	cJSON_Delete(body);
	return ok;
}
