/*-------------------------------------------------------------------------
 *
 * rest_offsets.c
 *		Altering and resetting the position, as Kafka Connect lets one do it.
 *
 * There is one partition, {"server": topic.prefix}.  An offset is Debezium's; of its
 * LSNs the smallest counts, so that offsets taken from Debezium leave nothing out.
 * An offset that is null means a reset, as in Connect.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "rest_internal.h"

/* JSON's numbers are exact that far. */
#define LSN_MAX 9007199254740991.0

/* Of the offset; false: one is no LSN, or there is none. */
static bool
lsn_of(const cJSON *offset, uint64_t *lsn)
{
	static const char *const members[] = {"lsn", "lsn_proc", "lsn_commit"};
	double least = LSN_MAX;
	bool any = false;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(offset, members[i]);

		/* Debezium has null for those that it does not know */
		if (item == NULL || cJSON_IsNull(item))
			continue;
		if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1 && item->valuedouble <= LSN_MAX) ||
			item->valuedouble != (double) (uint64_t) item->valuedouble)
			return false;
		if (item->valuedouble < least)
			least = item->valuedouble;
		any = true;
	}
	*lsn = (uint64_t) least;
	return any;
}

/* What is wrong with it, or NULL: then the request is filled. */
static const char *
fault_of(const Call *call, const cJSON *offsets, ControlRequest *q)
{
	const cJSON *one = offsets != NULL ? offsets->child : NULL;
	const cJSON *partition = cJSON_GetObjectItemCaseSensitive(one, "partition");
	const cJSON *offset = cJSON_GetObjectItemCaseSensitive(one, "offset");
	const char *server =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(partition, "server"));

	if (!cJSON_IsArray(offsets) || one == NULL)
		return "Partitions / offsets need to be provided for an alter offsets request";
	if (one->next != NULL)
		return "This connector has one partition, and more were given";
	if (server == NULL || strcmp(server, call->from->cfg->topic_prefix) != 0)
		return "\"partition\" must be {\"server\": …} with the connector's topic.prefix, as GET "
			   "shows it";
	if (cJSON_IsNull(offset))
		q->verb = CONTROL_RESET;
	else if (!lsn_of(offset, &q->lsn))
		return "\"offset\" must have \"lsn\", \"lsn_proc\" or \"lsn_commit\", which are numbers, "
			   "as GET shows them; or be null, for a reset";
	return NULL;
}

static bool
change(Call *call, ControlRequest *q)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "message",
							q->verb == CONTROL_ALTER
								? "The offsets for this connector have been altered successfully"
								: "The offsets for this connector have been reset successfully");
	return carry_out(call, q, 200, body);
}

bool
patch_offsets(Call *call)
{
	cJSON *body = parse_body(call);
	ControlRequest q = {.verb = CONTROL_ALTER, .name = call->name};
	const char *fault = fault_of(call, cJSON_GetObjectItemCaseSensitive(body, "offsets"), &q);

	cJSON_Delete(body);
	return fault != NULL ? answer_error(call, 400, fault) : change(call, &q);
}

bool
delete_offsets(Call *call)
{
	ControlRequest q = {.verb = CONTROL_RESET, .name = call->name};

	return change(call, &q);
}
