/*-------------------------------------------------------------------------
 *
 * jobs.c
 *		Which tables incremental snapshots have still to read; see jobs.h.
 *
 * The list is kept as the JSON that it is written as.  It is looked at a few
 * times for each chunk, never for a row.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "copydata.h"
#include "ere.h"
#include "log.h"

/* The request by which an initial snapshot that was cut off is finished. */
#define RESUMED_ID "initial"

/* So many are remembered when they have ended: whoever waits looks every now and then. */
#define ENDED_MAX 16

/* Of a request, how it will end although its last table is done. */
#define MARK "end"

static const struct
{
	const char *word;
	const char *text;
} ends[] = {
	[JOBS_END_UNKNOWN] = {"unknown", "has not ended, or that is forgotten"},
	[JOBS_END_COMPLETE] = {"complete", "is complete"},
	[JOBS_END_NOTHING] = {"nothing", "is over: no captured table is one of its data-collections"},
	[JOBS_END_LEFT_OUT] = {"left out", "is over, but not complete: tables were left out"},
	[JOBS_END_STOPPED] = {"stopped", "is over, but not complete: a signal stopped it"},
	[JOBS_END_GIVEN_UP] = {"given up", "is given up"},
};

struct Jobs
{
	cJSON *root;
	cJSON *requests; /* in root */
};

static cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *
text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(member(object, name));
}

static bool
adopt(Jobs *j, cJSON *root)
{
	cJSON_Delete(j->root);
	j->root = root;
	j->requests = member(root, "requests");
	return j->requests != NULL;
}

static bool
clear(Jobs *j)
{
	cJSON *root = cJSON_CreateObject();

	cJSON_AddBoolToObject(root, "paused", false);
	cJSON_AddArrayToObject(root, "requests");
	return adopt(j, root);
}

Jobs *
jobs_new(void)
{
	Jobs *j = calloc(1, sizeof(*j));

	if (j != NULL && !clear(j))
	{
		jobs_free(j);
		j = NULL;
	}
	return j;
}

void
jobs_free(Jobs *j)
{
	if (j == NULL)
		return;
	cJSON_Delete(j->root);
	free(j);
}

/*
 * Checking
 */

static bool
all_of(const cJSON *array, bool (*passes)(const cJSON *))
{
	const cJSON *item;

	if (!cJSON_IsArray(array))
		return false;
	cJSON_ArrayForEach(item, array) if (!passes(item)) return false;
	return true;
}

static bool
is_text(const cJSON *item)
{
	return cJSON_IsString(item) && item->valuestring[0] != '\0';
}

static bool
is_pattern(const cJSON *item)
{
	return is_text(item) && ere_is_cheap(item->valuestring);
}

static bool
is_condition(const cJSON *item)
{
	return is_text(member(item, "data-collection")) && is_text(member(item, "filter"));
}

static bool
is_absent_or_text(const cJSON *item)
{
	return item == NULL || cJSON_IsString(item);
}

static bool
is_table(const cJSON *item)
{
	return is_text(member(item, "schema")) && is_text(member(item, "table")) &&
		   is_absent_or_text(member(item, "condition")) &&
		   is_absent_or_text(member(item, "after")) && is_absent_or_text(member(item, "upto")) &&
		   is_absent_or_text(member(item, "by"));
}

static bool
is_ended(const cJSON *item)
{
	return cJSON_IsString(member(item, "id")) && cJSON_IsString(member(item, "how"));
}

static bool
is_request(const cJSON *item)
{
	const cJSON *tables = member(item, "tables");

	return cJSON_IsString(member(item, "id")) && is_absent_or_text(member(item, MARK)) &&
		   all_of(member(item, "collections"), is_text) &&
		   all_of(member(item, "conditions"), is_condition) &&
		   (tables == NULL || all_of(tables, is_table));
}

static cJSON *
find_request(const cJSON *requests, const char *id)
{
	cJSON *request;

	cJSON_ArrayForEach(request,
					   requests) if (strcmp(text_of(request, "id"), id) == 0) return request;
	return NULL;
}

/*
 * What has ended
 */

const char *
jobs_end_word(JobsEnd end)
{
	return ends[end].word;
}

const char *
jobs_end_text(JobsEnd end)
{
	return ends[end].text;
}

static JobsEnd
end_of_word(const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(ends[i].word, word) == 0)
			return (JobsEnd) i;
	return JOBS_END_UNKNOWN;
}

/* An older end of the same id, and the oldest of too many, is forgotten. */
static void
remember_end(Jobs *j, const char *id, const char *how)
{
	cJSON *ended = member(j->root, "ended");
	cJSON *item = cJSON_CreateObject();

	if (ended == NULL)
		ended = cJSON_AddArrayToObject(j->root, "ended");
	cJSON_Delete(cJSON_DetachItemViaPointer(ended, find_request(ended, id)));
	while (cJSON_GetArraySize(ended) >= ENDED_MAX)
		cJSON_DeleteItemFromArray(ended, 0);
	if (cJSON_AddStringToObject(item, "id", id) == NULL ||
		cJSON_AddStringToObject(item, "how", how) == NULL || !cJSON_AddItemToArray(ended, item))
		cJSON_Delete(item);
}

JobsEnd
jobs_ended(const Jobs *j, const char *id)
{
	return end_of_word(text_of(find_request(member(j->root, "ended"), id), "how"));
}

/* Of several things the later of the enum counts. */
static void
mark_end(cJSON *request, JobsEnd end)
{
	if (end <= end_of_word(text_of(request, MARK)))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(request, MARK);
	(void) cJSON_AddStringToObject(request, MARK, ends[end].word);
}

static void
unmark_nothing(cJSON *request)
{
	if (end_of_word(text_of(request, MARK)) == JOBS_END_NOTHING)
		cJSON_DeleteItemFromObjectCaseSensitive(request, MARK);
}

/* Takes the request out. */
static JobsEnd
end_request(Jobs *j, cJSON *request)
{
	JobsEnd end = end_of_word(text_of(request, MARK));

	if (end == JOBS_END_UNKNOWN)
		end = JOBS_END_COMPLETE;
	remember_end(j, text_of(request, "id"), ends[end].word);
	cJSON_Delete(cJSON_DetachItemViaPointer(j->requests, request));
	return end;
}

/* Requests that came before the list was known follow those in it. */
static void
append_requests(cJSON *requests, cJSON *more)
{
	for (cJSON *r = more->child, *next; r != NULL; r = next)
	{
		next = r->next;
		if (find_request(requests, text_of(r, "id")) == NULL)
			cJSON_AddItemToArray(requests, cJSON_DetachItemViaPointer(more, r));
	}
}

bool
jobs_load(Jobs *j, const char *text)
{
	cJSON *root = cJSON_Parse(text);

	if (root != NULL && cJSON_IsBool(member(root, "paused")) &&
		all_of(member(root, "requests"), is_request) &&
		(member(root, "ended") == NULL || all_of(member(root, "ended"), is_ended)))
	{
		cJSON *before = cJSON_DetachItemFromObjectCaseSensitive(j->root, "ended");
		bool ok;

		append_requests(member(root, "requests"), j->requests);
		ok = adopt(j, root);
		for (const cJSON *e = before != NULL ? before->child : NULL; e != NULL; e = e->next)
			remember_end(j, text_of(e, "id"), text_of(e, "how"));
		cJSON_Delete(before);
		return ok;
	}
	cJSON_Delete(root);
	return false;
}

char *
jobs_text(const Jobs *j)
{
	return cJSON_PrintUnformatted(j->root);
}

/*
 * Signals
 */

static JobsChange
refuse(const NovaSignal *signal, const char *why)
{
	log_warn("signal \"%.*s\" of type %.*s is ignored: %s", (int) signal->id.len, signal->id.data,
			 (int) signal->type.len, signal->type.data, why);
	return JOBS_SAME;
}

static bool
add_request(Jobs *j, const char *id, cJSON *collections, cJSON *conditions)
{
	cJSON *request = cJSON_CreateObject();

	if (conditions == NULL)
		conditions = cJSON_CreateArray();
	if (cJSON_AddStringToObject(request, "id", id) != NULL &&
		cJSON_AddItemToObject(request, "collections", collections) &&
		cJSON_AddItemToObject(request, "conditions", conditions) &&
		cJSON_AddItemToArray(j->requests, request))
		return true;
	cJSON_Delete(request);
	return false;
}

static JobsChange
execute(Jobs *j, const NovaSignal *signal, cJSON *data, const char *id)
{
	cJSON *conditions = member(data, "additional-conditions");

	if (!all_of(member(data, "data-collections"), is_text) ||
		cJSON_GetArraySize(member(data, "data-collections")) == 0)
		return refuse(signal, "data-collections must be an array of one or more strings");
	if (conditions != NULL && !all_of(conditions, is_condition))
		return refuse(signal, "additional-conditions must be an array of objects with the strings "
							  "data-collection and filter");
	if (member(data, "surrogate-key") != NULL)
		log_warn("signal \"%s\": surrogate-key is not used: tables are read by their own keys", id);
	if (find_request(j->requests, id) != NULL)
	{
		log_info("signal \"%s\" is here already, and goes on", id);
		return JOBS_SAME;
	}
	if (!add_request(j, id, cJSON_DetachItemFromObjectCaseSensitive(data, "data-collections"),
					 cJSON_DetachItemFromObjectCaseSensitive(data, "additional-conditions")))
		return refuse(signal, "out of memory");
	log_info("signal \"%s\": an incremental snapshot is to be taken", id);
	return JOBS_ADDED;
}

/* A whole name, as data-collections are. */
static bool
matches(const char *pattern, const char *full)
{
	char text[512];
	regex_t re;
	bool matched;

	if (strcasecmp(pattern, full) == 0)
		return true;
	if ((size_t) snprintf(text, sizeof(text), "^(%s)$", pattern) >= sizeof(text) ||
		regcomp(&re, text, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		return false;
	matched = regexec(&re, full, 0, NULL, 0) == 0;
	regfree(&re);
	return matched;
}

/* Is it one of the collections, as a table or as a collection?  Without any, everything is. */
static bool
is_among(const cJSON *collections, const cJSON *item)
{
	const cJSON *c;
	char full[300];

	if (collections == NULL)
		return true;
	if (cJSON_IsString(item))
		snprintf(full, sizeof(full), "%s", item->valuestring);
	else
		snprintf(full, sizeof(full), "%s.%s", text_of(item, "schema"), text_of(item, "table"));
	cJSON_ArrayForEach(c, collections) if (matches(c->valuestring, full)) return true;
	return false;
}

/* Returns how many were removed. */
static size_t
remove_among(cJSON *array, const cJSON *collections)
{
	size_t n = 0;

	for (cJSON *item = array != NULL ? array->child : NULL, *next; item != NULL; item = next)
	{
		next = item->next;
		if (!is_among(collections, item))
			continue;
		cJSON_Delete(cJSON_DetachItemViaPointer(array, item));
		n++;
	}
	return n;
}

static JobsChange
stop(Jobs *j, const NovaSignal *signal, const cJSON *data)
{
	const cJSON *collections = member(data, "data-collections");
	size_t removed = 0;

	if (collections != NULL && !all_of(collections, is_text))
		return refuse(signal, "data-collections must be an array of strings");
	if (collections != NULL && !all_of(collections, is_pattern))
		return refuse(signal, "a pattern of data-collections has a back-reference, or repeats too "
							  "much: " ERE_BOUND_RULE ", and " ERE_PLUS_RULE);
	if (cJSON_GetArraySize(j->requests) == 0)
		return refuse(signal, "no incremental snapshot is being taken");
	for (cJSON *r = j->requests->child, *next; r != NULL; r = next)
	{
		const char *of = member(r, "tables") != NULL ? "tables" : "collections";
		size_t n = remove_among(member(r, of), collections);

		next = r->next;
		removed += n;
		if (n > 0)
			mark_end(r, JOBS_END_STOPPED);
		if (cJSON_GetArraySize(member(r, of)) > 0)
			continue;
		log_info("incremental snapshot \"%s\" is stopped, as a signal asks", text_of(r, "id"));
		(void) end_request(j, r);
	}
	if (removed == 0)
		return refuse(signal, "nothing that is to be read is one of its data-collections");
	log_info("signal: %zu tables or collections are not read any more", removed);
	return JOBS_STOPPED;
}

static JobsChange
pause_or_resume(Jobs *j, bool paused)
{
	if (jobs_paused(j) == paused)
		return JOBS_SAME;
	log_info("incremental snapshots %s, as a signal asks", paused ? "pause" : "go on");
	cJSON_ReplaceItemInObjectCaseSensitive(j->root, "paused", cJSON_CreateBool(paused));
	return JOBS_CHANGED;
}

static JobsChange
log_message(const NovaSignal *signal, const cJSON *data)
{
	const char *message = text_of(data, "message");

	if (message == NULL)
		return refuse(signal, "message must be a string");
	log_info("signal \"%.*s\": %s", (int) signal->id.len, signal->id.data, message);
	return JOBS_SAME;
}

static bool
is_type(const NovaSignal *signal, const char *type)
{
	return signal->type.len == strlen(type) &&
		   memcmp(signal->type.data, type, signal->type.len) == 0;
}

static JobsChange
dispatch(Jobs *j, const NovaSignal *signal, cJSON *data, const char *id)
{
	const char *type = text_of(data, "type");

	if (type != NULL && strcasecmp(type, "blocking") == 0)
		log_info("signal \"%s\": a blocking snapshot is not needed here; it is taken while "
				 "streaming goes on",
				 id);
	if (is_type(signal, "execute-snapshot"))
		return execute(j, signal, data, id);
	if (is_type(signal, "stop-snapshot"))
		return stop(j, signal, data);
	if (is_type(signal, "pause-snapshot"))
		return pause_or_resume(j, true);
	if (is_type(signal, "resume-snapshot"))
		return pause_or_resume(j, false);
	if (is_type(signal, "log"))
		return log_message(signal, data);
	/* what Debezium writes around its own chunks, if it shares the table */
	if (is_type(signal, "snapshot-window-open") || is_type(signal, "snapshot-window-close"))
		return JOBS_SAME;
	return refuse(signal, "the types are execute-snapshot, stop-snapshot, pause-snapshot, "
						  "resume-snapshot and log");
}

JobsChange
jobs_signal(Jobs *j, const NovaSignal *signal, uint64_t lsn)
{
	cJSON *data = signal->data.len > 0 ? cJSON_ParseWithLength(signal->data.data, signal->data.len)
									   : cJSON_CreateObject();
	JobsChange change;
	char id[256];

	/* the same signal has the same id when the stream brings it again */
	if (signal->id.len > 0)
		snprintf(id, sizeof(id), "%.*s", (int) signal->id.len, signal->id.data);
	else
		snprintf(id, sizeof(id), LSN_FORMAT, LSN_ARGS(lsn));
	change = cJSON_IsObject(data) ? dispatch(j, signal, data, id)
								  : refuse(signal, "its data is no JSON object");
	cJSON_Delete(data);
	return change;
}

/*
 * An initial snapshot that was cut off
 */

/*
 * What was read of a table up to a block is safe, and what changed since comes
 * with the stream.  But an update may have moved a row from where it was not
 * read to where it was, and in the stream it may lack a large value: read again
 * what is younger than the snapshot, and all of a table that was rewritten.
 */
static char *
rest_condition(const cJSON *table, const char *txid)
{
	uint64_t blocks = strtoull(text_of(table, "blocks"), NULL, 10);
	uint64_t filenode = strtoull(text_of(table, "filenode"), NULL, 10);
	uint64_t xid = strtoull(txid, NULL, 10) & UINT32_MAX;
	char text[512];

	if (blocks == 0)
		return NULL;
	snprintf(text, sizeof(text),
			 "(ctid >= '(%" PRIu64 ",0)'::pg_catalog.tid OR pg_catalog.age(xmin) <= "
			 "pg_catalog.age('%" PRIu64 "'::pg_catalog.xid) OR "
			 "pg_catalog.pg_relation_filenode(tableoid) <> '%" PRIu64 "'::pg_catalog.oid)",
			 blocks, xid, filenode);
	return strdup(text);
}

static bool
add_rest(Jobs *j, const cJSON *table, const char *txid)
{
	const char *keyed = text_of(table, "by");
	char *condition;
	bool ok;

	/* as is_table() wants it of what is read back */
	if (!is_text(member(table, "schema")) || !is_text(member(table, "table")) ||
		text_of(table, "blocks") == NULL || text_of(table, "filenode") == NULL)
		return false;
	condition = rest_condition(table, txid);
	ok = jobs_add_table(j, text_of(table, "schema"), text_of(table, "table"), condition,
						keyed != NULL && strcmp(keyed, "blocks") == 0);
	free(condition);
	return ok;
}

static bool
add_rests(Jobs *j, const cJSON *root)
{
	const cJSON *table;

	if (text_of(root, "txid") == NULL || !cJSON_IsArray(member(root, "tables")))
		return false;
	if (!add_request(j, RESUMED_ID, cJSON_CreateArray(), NULL))
		return false;
	/* it is the only request: a new slot begins with none */
	if (!jobs_resolve(j))
		return false;
	cJSON_ArrayForEach(
		table, member(root, "tables")) if (!add_rest(j, table, text_of(root, "txid"))) return false;
	return true;
}

bool
jobs_resume(Jobs *j, const char *progress)
{
	cJSON *root = cJSON_Parse(progress);
	bool ok = clear(j) && root != NULL && add_rests(j, root);

	cJSON_Delete(root);
	if (!ok)
		(void) clear(j);
	return ok;
}

/*
 * The first request
 */

static cJSON *
first_request(const Jobs *j)
{
	return j->requests->child;
}

static cJSON *
first_table(const Jobs *j)
{
	const cJSON *tables = member(first_request(j), "tables");

	return tables != NULL ? tables->child : NULL;
}

bool
jobs_empty(const Jobs *j)
{
	return first_request(j) == NULL;
}

bool
jobs_blank(const Jobs *j)
{
	return jobs_empty(j) && !jobs_paused(j) && member(j->root, "ended") == NULL;
}

bool
jobs_paused(const Jobs *j)
{
	return cJSON_IsTrue(member(j->root, "paused"));
}

const char *
jobs_id(const Jobs *j)
{
	return text_of(first_request(j), "id");
}

size_t
jobs_tables(const Jobs *j)
{
	return (size_t) cJSON_GetArraySize(member(first_request(j), "tables"));
}

bool
jobs_resolved(const Jobs *j)
{
	return member(first_request(j), "tables") != NULL;
}

bool
jobs_resumed(const Jobs *j)
{
	const char *id = jobs_id(j);

	return id != NULL && strcmp(id, RESUMED_ID) == 0 && jobs_collections(j) == 0;
}

size_t
jobs_collections(const Jobs *j)
{
	return (size_t) cJSON_GetArraySize(member(first_request(j), "collections"));
}

const char *
jobs_collection(const Jobs *j, size_t i)
{
	return cJSON_GetStringValue(
		cJSON_GetArrayItem(member(first_request(j), "collections"), (int) i));
}

bool
jobs_condition(const Jobs *j, size_t i, const char **collection, const char **filter)
{
	const cJSON *item = cJSON_GetArrayItem(member(first_request(j), "conditions"), (int) i);

	if (item == NULL)
		return false;
	*collection = text_of(item, "data-collection");
	*filter = text_of(item, "filter");
	return true;
}

bool
jobs_resolve(Jobs *j)
{
	/* unless a table is added */
	mark_end(first_request(j), JOBS_END_NOTHING);
	return cJSON_AddArrayToObject(first_request(j), "tables") != NULL;
}

bool
jobs_add_table(Jobs *j, const char *schema, const char *name, const char *condition, bool by_blocks)
{
	cJSON *table = cJSON_CreateObject();

	if (cJSON_AddStringToObject(table, "schema", schema) != NULL &&
		cJSON_AddStringToObject(table, "table", name) != NULL &&
		(condition == NULL || cJSON_AddStringToObject(table, "condition", condition) != NULL) &&
		(!by_blocks || cJSON_AddStringToObject(table, "by", "blocks") != NULL) &&
		cJSON_AddItemToArray(member(first_request(j), "tables"), table))
	{
		unmark_nothing(first_request(j));
		return true;
	}
	cJSON_Delete(table);
	return false;
}

static bool
read_table(const cJSON *t, JobTable *table)
{
	const char *by = text_of(t, "by");

	if (t == NULL)
		return false;
	*table = (JobTable){.schema = text_of(t, "schema"),
						.name = text_of(t, "table"),
						.condition = text_of(t, "condition"),
						.after = text_of(t, "after"),
						.upto = text_of(t, "upto"),
						.by_blocks = by != NULL && strcmp(by, "blocks") == 0};
	if (cJSON_IsNumber(member(t, "rows")))
		table->rows = (uint64_t) member(t, "rows")->valuedouble;
	return true;
}

bool
jobs_table(const Jobs *j, JobTable *table)
{
	return read_table(first_table(j), table);
}

bool
jobs_has(const Jobs *j, const char *id)
{
	return find_request(j->requests, id) != NULL;
}

bool
jobs_left(const Jobs *j, const char *id, size_t i, JobTable *table)
{
	const cJSON *request = find_request(j->requests, id);

	return read_table(cJSON_GetArrayItem(member(request, "tables"), (int) i), table);
}

static bool
set(cJSON *object, const char *name, cJSON *value)
{
	if (value == NULL)
		return false;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return cJSON_AddItemToObject(object, name, value);
}

bool
jobs_set_upto(Jobs *j, const char *upto)
{
	return set(first_table(j), "upto", cJSON_CreateString(upto));
}

bool
jobs_advance(Jobs *j, const char *after, uint64_t rows)
{
	JobTable table;

	return jobs_table(j, &table) && set(first_table(j), "after", cJSON_CreateString(after)) &&
		   set(first_table(j), "rows", cJSON_CreateNumber((double) (table.rows + rows)));
}

void
jobs_end_table(Jobs *j)
{
	cJSON_DeleteItemFromArray(member(first_request(j), "tables"), 0);
}

void
jobs_leave_out_table(Jobs *j)
{
	mark_end(first_request(j), JOBS_END_LEFT_OUT);
	jobs_end_table(j);
}

JobsEnd
jobs_end_request(Jobs *j, bool given_up)
{
	if (given_up)
		mark_end(first_request(j), JOBS_END_GIVEN_UP);
	return end_request(j, first_request(j));
}
