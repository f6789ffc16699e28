/*-------------------------------------------------------------------------
 *
 * txnplan.c
 *		Exactly once: when a Kafka transaction ends, and where the next run goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "txnplan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "copydata.h"

#define POSITION_VERSION 1

/* A transaction of PostgreSQL may make one of Kafka so much larger, and longer. */
#define BYTES_FACTOR    2
#define INTERVAL_FACTOR 9
#define STALL_FACTOR    9 /* nine tenths of the time are for sending */
#define LONGER_MIN_MS   900
#define LONGER_MAX_MS   30000

void
txnplan_begin(TxnPlan *plan, uint64_t records, uint64_t bytes)
{
	plan->records = records;
	plan->bytes = bytes;
	plan->has_records = 0;
	plan->has_bytes = 0;
}

void
txnplan_note(TxnPlan *plan, uint64_t records, uint64_t bytes, int64_t now)
{
	if (plan->has_records == 0)
		plan->opened_at = now;
	plan->has_records = records - plan->records;
	plan->has_bytes = bytes - plan->bytes;
}

int64_t
txnplan_longest_ms(int64_t interval_ms)
{
	int64_t longer = interval_ms * INTERVAL_FACTOR;

	if (longer < LONGER_MIN_MS)
		longer = LONGER_MIN_MS;
	if (longer > LONGER_MAX_MS)
		longer = LONGER_MAX_MS;
	return interval_ms + longer;
}

void
txnplan_stalled(TxnPlan *plan, int64_t ms)
{
	plan->stall_ms = ms;
}

/* How old it becomes at least, unless it is large. */
static int64_t
lifetime(const TxnPlan *plan)
{
	int64_t most = txnplan_longest_ms(plan->interval_ms);
	int64_t ms = plan->stall_ms * STALL_FACTOR;

	if (ms > most)
		ms = most;
	return ms > plan->interval_ms ? ms : plan->interval_ms;
}

TxnCut
txnplan_cut(const TxnPlan *plan, TxnPressure pressure, int64_t now)
{
	int64_t age = now - plan->opened_at;

	if (plan->has_records == 0 || pressure.held)
		return TXN_GO_ON;
	if (pressure.ending || pressure.full || plan->has_bytes >= plan->bytes_max * BYTES_FACTOR ||
		age >= txnplan_longest_ms(plan->interval_ms))
		return TXN_CUT_NOW;
	return age >= lifetime(plan) || plan->has_bytes >= plan->bytes_max ? TXN_CUT_AT_COMMIT
																	   : TXN_GO_ON;
}

int64_t
txnplan_deadline(const TxnPlan *plan)
{
	return plan->has_records > 0 ? plan->opened_at + lifetime(plan) : INT64_MAX;
}

char *
txnplan_format(const TxnPosition *position)
{
	char *out;

	if (asprintf(&out,
				 "{\"version\":%d,\"system\":\"%s\",\"timeline\":\"%s\",\"lsn\":\"" LSN_FORMAT
				 "\",\"records\":%" PRIu64 ",\"options\":%" PRIu32 "}",
				 POSITION_VERSION, position->system_id, position->timeline, LSN_ARGS(position->lsn),
				 position->records, position->options) < 0)
		return NULL;
	return out;
}

static bool
take_text(const cJSON *root, const char *name, char *out, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

	if (text == NULL || text[0] == '\0' || strlen(text) >= size)
		return false;
	snprintf(out, size, "%s", text);
	return true;
}

/* A count; JSON's numbers are exact that far. */
static bool
take_number(const cJSON *root, const char *name, double max, uint64_t *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= max) ||
		item->valuedouble != (double) (uint64_t) item->valuedouble)
		return false;
	*out = (uint64_t) item->valuedouble;
	return true;
}

static bool
parse_members(const cJSON *root, TxnPosition *position)
{
	uint64_t version;
	uint64_t options;
	char lsn[32];
	size_t used;

	if (!take_number(root, "version", 9e15, &version) || version != POSITION_VERSION ||
		!take_text(root, "system", position->system_id, sizeof(position->system_id)) ||
		!take_text(root, "timeline", position->timeline, sizeof(position->timeline)) ||
		!take_text(root, "lsn", lsn, sizeof(lsn)) ||
		!take_number(root, "records", 9e15, &position->records) ||
		!take_number(root, "options", UINT32_MAX, &options))
		return false;
	used = lsn_parse(lsn, &position->lsn);
	if (used == 0 || lsn[used] != '\0')
		return false;
	position->options = (uint32_t) options;
	return true;
}

bool
txnplan_parse(const char *text, size_t len, TxnPosition *position)
{
	cJSON *root = cJSON_ParseWithLength(text, len);
	bool ok;

	*position = (TxnPosition){0};
	ok = root != NULL && parse_members(root, position);
	if (!ok)
		*position = (TxnPosition){0};
	cJSON_Delete(root);
	return ok;
}

TxnVerdict
txnplan_judge(const TxnPosition *position, const SlotPlace *place)
{
	TimelineVerdict timeline;
	uint64_t left;

	if (position->system_id[0] == '\0')
		return TXN_GOOD;
	if (strcmp(position->system_id, place->system_id) != 0)
		return TXN_OTHER_CLUSTER;
	timeline =
		timeline_judge(place->history, position->timeline, place->timeline, position->lsn, &left);
	if (timeline != TIMELINE_SAME && timeline != TIMELINE_ANCESTOR)
		return TXN_OTHER_TIMELINE;
	/* where a transaction ends that is there in part, nobody has noted */
	if (timeline == TIMELINE_ANCESTOR && position->records > 0)
		return TXN_CUT_BEFORE;
	if (position->records > 0 && place->confirmed_lsn > position->lsn)
		return TXN_SLOT_PASSED;
	return timeline == TIMELINE_ANCESTOR ? TXN_PROMOTED : TXN_GOOD;
}
