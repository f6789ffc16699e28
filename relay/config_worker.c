/*-------------------------------------------------------------------------
 *
 * config_worker.c
 *		What is deployed over HTTP, and the settings of the process that it is deployed to.
 *
 * A worker's settings are those that Kafka Connect has in its worker's file: where
 * it listens, its brokers, its producer's properties.  What is deployed inherits
 * them where it is silent.  Where to listen is the worker's alone, for it listens
 * already.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "log.h"

#define ERROR_BYTES_MAX 1024

void
config_faults_add(ConfigFaults *faults, const char *key, const char *text)
{
	ConfigFault *grown = realloc(faults->items, (faults->count + 1) * sizeof(*grown));
	ConfigFault fault = {.key = key != NULL ? strdup(key) : NULL, .text = strdup(text)};

	if (grown != NULL)
		faults->items = grown;
	if (grown != NULL && fault.text != NULL)
		faults->items[faults->count++] = fault;
	else
	{
		free(fault.key);
		free(fault.text);
	}
}

void
config_faults_free(ConfigFaults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
	{
		free(faults->items[i].key);
		free(faults->items[i].text);
	}
	free(faults->items);
	*faults = (ConfigFaults){0};
}

/*
 * What is deployed
 */

static bool
is_told(const ConfigFaults *faults, const char *key)
{
	for (size_t i = 0; i < faults->count; i++)
		if (faults->items[i].key != NULL && strcmp(faults->items[i].key, key) == 0)
			return true;
	return false;
}

/* In Connect's words, and each for itself. */
static void
find_missing(Ctx *ctx)
{
	for (size_t i = 0; i < config_option_count; i++)
	{
		const char *key = config_options[i].key;

		/* one that is there and wrong has been told */
		if ((config_options[i].flags & OPT_REQUIRED) && config_setting(ctx, key) == NULL &&
			!is_told(ctx->faults, key))
			config_faults_add(
				ctx->faults, key,
				arena_printf(
					ctx, "Missing required configuration \"%s\" which has no default value.", key));
	}
}

/* A worker's setting, where the connector has none. */
static bool
inherit(Ctx *ctx, const cJSON *item)
{
	const char *star[2];
	const char *name;
	const Option *opt = config_lookup(ctx, item->string, &name, star);

	if (opt == NULL || opt->target != TO_KAFKA || config_setting(ctx, name) != NULL)
		return true;
	return config_collect(ctx, item);
}

static bool
inherit_all(Ctx *ctx, const cJSON *defaults)
{
	bool ok = true;

	ctx->inherits = true;
	for (const cJSON *item = defaults != NULL ? defaults->child : NULL; ok && item != NULL;
		 item = item->next)
		ok = inherit(ctx, item);
	ctx->inherits = false;
	return ok;
}

static bool
build_deployed(Ctx *ctx, const cJSON *root, const cJSON *defaults)
{
	const cJSON *name;
	const cJSON *map = config_inner_map(ctx, root, &name);
	size_t more = (size_t) cJSON_GetArraySize(defaults);

	if (map == NULL || !config_collect_all(ctx, map, name, more))
		return false;
	find_missing(ctx);
	if (ctx->faults->count > 0)
		return false;
	if (!inherit_all(ctx, defaults) || !config_finish(ctx))
		return false;
	if (!ctx->quiet)
		config_log_notes(ctx);
	return true;
}

RelayConfig *
config_deployed(const char *json, size_t len, const char *defaults, bool quiet,
				ConfigFaults *faults)
{
	char err[ERROR_BYTES_MAX];
	cJSON *worker = defaults != NULL ? cJSON_Parse(defaults) : NULL;
	cJSON *root;
	Ctx ctx;
	bool ok;

	config_begin(&ctx, "what is deployed", err, sizeof(err));
	ctx.faults = faults;
	ctx.quiet = quiet;
	root = config_parse_json(&ctx, json, len);
	ok = root != NULL && build_deployed(&ctx, root, worker);
	if (!ok && faults->count == 0)
		config_faults_add(faults, NULL, err);
	cJSON_Delete(root);
	cJSON_Delete(worker);
	if (ok)
		return ctx.cfg;
	config_free(ctx.cfg);
	return NULL;
}

/*
 * The worker
 */

static const struct
{
	const char *variable;
	const char *key;
} environment[] = {
	{"NOVA_LISTENERS", "listeners"},
	{"NOVA_BOOTSTRAP_SERVERS", "bootstrap.servers"},
};

static const char *const own[] = {"listeners",
								  "nova.listeners.user",
								  "nova.listeners.password",
								  "listeners.https.ssl.keystore.location",
								  "listeners.https.ssl.keystore.type",
								  "listeners.https.ssl.key.password",
								  "listeners.https.ssl.client.auth",
								  "listeners.https.ssl.truststore.location",
								  "listeners.https.ssl.truststore.type"};

/* Is it one that a worker's file may have? */
static bool
is_own(const Option *opt)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(opt->key, own[i]) == 0)
			return true;
	return opt->target == TO_KAFKA || opt->fate == FATE_IGNORED;
}

static bool
check_own(Ctx *ctx)
{
	for (size_t i = 0; i < ctx->nsettings; i++)
		if (!is_own(ctx->settings[i].opt))
			return config_fail(
				ctx,
				"%s: is a connector's, and with --data-dir that is deployed over "
				"HTTP (POST /connectors); leave it out here, or leave --data-dir out",
				ctx->settings[i].origin);
	return true;
}

static void
apply_own(Ctx *ctx)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
	{
		const Option *opt = config_option(own[i]);
		const char *value = config_value(ctx, own[i]);

		if (value != NULL || opt->deflt != NULL)
			config_apply_value(ctx, opt, opt->dest, value != NULL ? value : opt->deflt, own[i]);
	}
}

/* What the environment says, where the file is silent. */
static void
add_environment(cJSON *map)
{
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
	{
		const char *value = getenv(environment[i].variable);

		if (value != NULL && !cJSON_HasObjectItem(map, environment[i].key) &&
			cJSON_AddStringToObject(map, environment[i].key, value) == NULL)
			config_no_memory();
	}
}

static bool
build_worker(Ctx *ctx, cJSON *root, char **json)
{
	const cJSON *name;

	if (root == NULL || config_inner_map(ctx, root, &name) == NULL)
		return false;
	add_environment(root);
	if (!config_collect_all(ctx, root, NULL, 0) || !check_own(ctx))
		return false;
	apply_own(ctx);
	config_log_notes(ctx);
	*json = cJSON_PrintUnformatted(root);
	if (*json == NULL)
		config_no_memory();
	return true;
}

RelayConfig *
config_worker(const char *path, char **json, char *err, size_t errsize)
{
	char *text = NULL;
	size_t len = 0;
	cJSON *root = NULL;
	Ctx ctx;
	bool ok;

	config_begin(&ctx, path != NULL ? path : "environment", err, errsize);
	if (path == NULL)
		root = cJSON_CreateObject();
	else if ((text = config_read_file(&ctx, path, &len)) != NULL)
		root = config_parse_json(&ctx, text, len);
	ok = build_worker(&ctx, root, json);
	cJSON_Delete(root);
	if (ok)
		return ctx.cfg;
	config_free(ctx.cfg);
	return NULL;
}
