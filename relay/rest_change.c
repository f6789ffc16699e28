/*-------------------------------------------------------------------------
 *
 * rest_change.c
 *		The calls of Kafka Connect's REST that change something.
 *
 * A body is understood and validated here; what is to be done goes to the loop's
 * thread as a ControlRequest, and its answer has one table.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rest_internal.h"

/* Bytes of a URI that stand for themselves. */
#define NAME_BYTES "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
answer_named(Call *call, unsigned status, const char *before, const char *name, const char *behind)
{
	char message[NAME_MAX_BYTES + 128];

	snprintf(message, sizeof(message), "%s%.*s%s", before, NAME_MAX_BYTES, name, behind);
	return answer_error(call, status, message);
}

cJSON *
parse_body(const Call *call)
{
	return call->request->body != NULL
			   ? cJSON_ParseWithLength(call->request->body, call->request->body_len)
			   : NULL;
}

/* It did not go well. */
static bool
answer_failure(Call *call, const ControlRequest *q, bool asked)
{
	if (!asked)
		return answer_error(call, 500, "Request timed out: nothing was changed");
	switch (q->answer)
	{
		case CONTROL_MISSING:
			return answer_named(call, 404, "Connector ", q->name, " not found");
		case CONTROL_EXISTS:
			return answer_named(call, 409, "Connector ", q->name, " already exists");
		case CONTROL_CONFLICT:
			return answer_error(call, 409, q->message);
		case CONTROL_INVALID:
			return answer_error(call, 400, q->message);
		default:
			return answer_error(call, 500, q->message);
	}
}

bool
carry_out(Call *call, ControlRequest *q, unsigned status, cJSON *body)
{
	bool asked = call->from->ops->ask(call->from->ops->arg, q);
	bool well = asked && (q->answer == CONTROL_DONE || q->answer == CONTROL_CREATED ||
						  q->answer == CONTROL_NOTHING);

	config_free(q->cfg);
	free(q->text);
	if (well)
	{
		/* not known before */
		if (q->verb == CONTROL_REPLACE)
			status = q->answer == CONTROL_CREATED ? 201 : 200;
		return body != NULL ? answer_json(call, status, body) : answer_empty(call, status);
	}
	cJSON_Delete(body);
	return answer_failure(call, q, asked);
}

static bool
carry_out_verb(Call *call, ControlVerb verb, unsigned status)
{
	ControlRequest q = {.verb = verb, .name = call->name};

	return carry_out(call, &q, status, NULL);
}

bool
put_pause(Call *call)
{
	return carry_out_verb(call, CONTROL_PAUSE, 202);
}

bool
put_resume(Call *call)
{
	return carry_out_verb(call, CONTROL_RESUME, 202);
}

bool
put_stop(Call *call)
{
	return carry_out_verb(call, CONTROL_STOP, 204);
}

bool
delete_connector(Call *call)
{
	if (call->from->ops->refusal != NULL)
		return answer_error(call, 403, call->from->ops->refusal);
	return carry_out_verb(call, CONTROL_DELETE, 204);
}

bool
post_task_restart(Call *call)
{
	char task[sizeof(call->task) + 1];

	snprintf(task, sizeof(task), "-%s", call->task);
	if (!has_that_task(call))
		return answer_named(call, 404, "Unknown task: ", call->name, task);
	return carry_out_verb(call, CONTROL_RESTART, 204);
}

bool
post_restart(Call *call)
{
	bool tasks = query_has(call, "includeTasks", "true");
	ControlRequest q = {.verb = CONTROL_RESTART,
						.name = call->name,
						.only_failed = query_has(call, "onlyFailed", "true")};
	ConnectorState state = call->from->reading->numbers.connector;
	bool restarts = state != CONNECTOR_STOPPED && (!q.only_failed || state == CONNECTOR_FAILED);

	if (!tasks && !q.only_failed)
		return carry_out(call, &q, 204, NULL);
	return carry_out(call, &q, 202, status_body(call, restarts ? CONNECTOR_RESTARTING : state));
}

/*
 * Deploying
 */

/* All that is wrong, in Connect's words. */
static bool
answer_faults(Call *call, const ConfigFaults *faults)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool ok;

	if (out == NULL)
		return false;
	fprintf(out, "Connector configuration is invalid and contains the following %zu error(s):",
			faults->count);
	for (size_t i = 0; i < faults->count; i++)
		fprintf(out, "\n%s", faults->items[i].text);
	fprintf(out, "\nYou can also find the above list of errors at the endpoint "
				 "`/connector-plugins/{connectorType}/config/validate`");
	ok = fclose(out) == 0 && answer_error(call, 400, text);
	free(text);
	return ok;
}

/* Where the caller found us; a name that is none, from wherever, is not handed on. */
static const char *
authority_of(const Call *call)
{
	const char *host = call->request->host;
	bool plain = host != NULL && *host != '\0' && host[strspn(host, NAME_BYTES "[]:%")] == '\0';

	return plain ? host : call->from->worker_id;
}

/* Absolute, as the library under Connect's REST makes it. */
static char *
location_of(const Call *call, const char *name)
{
	char *location = NULL;
	size_t len;
	FILE *out = open_memstream(&location, &len);

	if (out == NULL)
		return NULL;
	fprintf(out, "http%s://%s/connectors/", call->request->https ? "s" : "", authority_of(call));
	for (const unsigned char *p = (const unsigned char *) name; *p != '\0'; p++)
		fprintf(out, strchr(NAME_BYTES, *p) != NULL ? "%c" : "%%%02X", *p);
	if (fclose(out) == 0)
		return location;
	free(location);
	return NULL;
}

/* Validate and hand over; takes config over. */
static bool
deploy(Call *call, ControlRequest *q, cJSON *config)
{
	const RestOps *ops = call->from->ops;
	ConfigFaults faults = {0};
	cJSON *whole = cJSON_CreateObject();
	cJSON *body;
	bool ok;

	cJSON_AddStringToObject(whole, "name", q->name);
	cJSON_AddItemToObject(whole, "config", config);
	q->text = cJSON_PrintUnformatted(whole);
	cJSON_Delete(whole);
	if (q->text == NULL)
		return false;
	q->cfg = ops->parse(ops->arg, q->text, strlen(q->text), false, &faults);
	if (q->cfg == NULL)
	{
		free(q->text);
		ok = answer_faults(call, &faults);
		config_faults_free(&faults);
		return ok;
	}
	body = info_body(call, q->cfg);
	ok = carry_out(call, q, 201, body);
	if (ok && call->response->status == 201)
		call->response->location = location_of(call, q->name);
	return ok;
}

/* What Connect calls initial_state; false: something else. */
static bool
target_of(const cJSON *state, ControlTarget *target)
{
	static const char *const names[] = {"RUNNING", "PAUSED", "STOPPED"};

	*target = TARGET_RUNNING;
	if (state == NULL)
		return true;
	for (int i = 0; cJSON_IsString(state) && i < 3; i++)
		if (strcmp(state->valuestring, names[i]) == 0)
		{
			*target = (ControlTarget) i;
			return true;
		}
	return false;
}

static bool
is_name(const cJSON *name)
{
	return cJSON_IsString(name) && name->valuestring[0] != '\0' &&
		   strlen(name->valuestring) < NAME_MAX_BYTES;
}

/* NULL: what is wrong has been answered, *ok being whether there was memory for it. */
static cJSON *
deployment_body(Call *call, bool *ok)
{
	cJSON *body = parse_body(call);

	*ok = true;
	if (call->from->ops->refusal != NULL)
	{
		cJSON_Delete(body);
		*ok = answer_error(call, 403, call->from->ops->refusal);
		return NULL;
	}
	if (cJSON_IsObject(body))
		return body;
	cJSON_Delete(body);
	*ok = answer_error(call, 400, "The body is no JSON object");
	return NULL;
}

/* The one in the configuration is another than outside of it. */
static bool
answer_other_name(Call *call, const cJSON *name, const char *outside)
{
	char message[2 * NAME_MAX_BYTES + 128];

	snprintf(message, sizeof(message),
			 "Connector name configuration (%.*s) doesn't match connector name in the URL (%s)",
			 NAME_MAX_BYTES, cJSON_IsString(name) ? name->valuestring : "no string", outside);
	return answer_error(call, 400, message);
}

bool
post_connectors(Call *call)
{
	bool ok;
	cJSON *body = deployment_body(call, &ok);
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(body, "name");
	cJSON *config = cJSON_GetObjectItemCaseSensitive(body, "config");
	const cJSON *inner = cJSON_GetObjectItemCaseSensitive(config, "name");
	ControlRequest q = {.verb = CONTROL_CREATE};

	if (body == NULL)
		return ok;
	if (name == NULL)
		name = inner;
	if (!cJSON_IsObject(config))
		ok = answer_error(call, 400, "\"config\" with the connector's settings is missing");
	else if (!is_name(name))
		ok = answer_error(call, 400, "\"name\" of the connector is missing, or too long");
	else if (inner != NULL && !cJSON_Compare(inner, name, true))
		ok = answer_other_name(call, inner, name->valuestring);
	else if (!target_of(cJSON_GetObjectItemCaseSensitive(body, "initial_state"), &q.target))
		ok = answer_error(call, 400, "\"initial_state\" must be RUNNING, PAUSED or STOPPED");
	else
	{
		q.name = name->valuestring;
		ok = deploy(call, &q, cJSON_Duplicate(config, true));
	}
	cJSON_Delete(body);
	return ok;
}

/* In place of what there is; takes config over. */
static bool
replace(Call *call, cJSON *config, const char *base)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(config, "name");
	ControlRequest q = {.verb = CONTROL_REPLACE, .name = call->name, .base = base};
	bool ok;

	if (name == NULL || (cJSON_IsString(name) && strcmp(name->valuestring, call->name) == 0))
		return deploy(call, &q, config);
	ok = answer_other_name(call, name, call->name);
	cJSON_Delete(config);
	return ok;
}

bool
put_config(Call *call)
{
	bool ok;
	cJSON *config = deployment_body(call, &ok);

	return config != NULL ? replace(call, config, NULL) : ok;
}

/* null removes what there is. */
static void
merge(cJSON *config, cJSON *patch)
{
	cJSON *item;

	while ((item = patch->child) != NULL)
	{
		cJSON_DetachItemViaPointer(patch, item);
		cJSON_DeleteItemFromObjectCaseSensitive(config, item->string);
		if (cJSON_IsNull(item))
			cJSON_Delete(item);
		else
			cJSON_AddItemToObject(config, item->string, item);
	}
}

/* What was deployed with the patch in it, as it was given: its secrets are not for the answer. */
static bool
apply_patch(Call *call, cJSON *patch)
{
	ControlRequest q = {.verb = CONTROL_TEXT, .name = call->name};
	bool asked = call->from->ops->ask(call->from->ops->arg, &q);
	cJSON *whole;
	cJSON *config;
	bool ok;

	if (!asked || q.answer != CONTROL_DONE)
		return answer_failure(call, &q, asked);
	whole = cJSON_Parse(q.text);
	config = cJSON_DetachItemFromObjectCaseSensitive(whole, "config");
	if (config != NULL)
	{
		merge(config, patch);
		ok = replace(call, config, q.text);
	}
	else
		ok = answer_error(call, 500, "What was deployed cannot be read");
	cJSON_Delete(whole);
	free(q.text);
	return ok;
}

bool
patch_config(Call *call)
{
	bool ok;
	cJSON *patch = deployment_body(call, &ok);

	if (patch == NULL)
		return ok;
	ok = apply_patch(call, patch);
	cJSON_Delete(patch);
	return ok;
}

/*
 * Signals, in the shape of Debezium's Kafka channel: {"type": …, "data": {…}, "id": …}.
 */
bool
post_signal(Call *call)
{
	cJSON *body = parse_body(call);
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(body, "type");
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(body, "data");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(body, "id");
	ControlRequest q = {.verb = CONTROL_SIGNAL};
	bool ok;

	if (call->from->cfg == NULL)
		ok = answer_error(call, 404, "There is no connector");
	else if (!cJSON_IsString(type) || type->valuestring[0] == '\0')
		ok = answer_error(call, 400,
						  "\"type\" of the signal is missing: execute-snapshot, stop-snapshot, "
						  "pause-snapshot, resume-snapshot or log");
	else if (data != NULL && !cJSON_IsObject(data))
		ok = answer_error(call, 400, "\"data\" of the signal must be an object");
	else if (id != NULL && !cJSON_IsString(id))
		ok = answer_error(call, 400, "\"id\" of the signal must be a string");
	else
	{
		q.name = call->from->cfg->name;
		q.text = cJSON_PrintUnformatted(body);
		ok = q.text != NULL && carry_out(call, &q, 202, NULL);
	}
	cJSON_Delete(body);
	return ok;
}
