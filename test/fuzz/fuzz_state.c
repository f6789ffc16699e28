/*-------------------------------------------------------------------------
 *
 * fuzz_state.c
 *		libFuzzer target: no record of the state topic may crash its reader, and
 *		what is taken is the same after it was written again; and no history of
 *		timelines may, either.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/state.h"
#include "../../relay/timeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The relay writes what the server said, which is digits. */
static bool
as_servers_say(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static void
write_again(const StateRecord *in)
{
	StateRecord out;
	char *text = state_format(in);

	if (!state_parse(text, strlen(text), &out) || out.phase != in->phase || out.lsn != in->lsn ||
		!same(out.system_id, in->system_id) || !same(out.timeline, in->timeline) ||
		!same(out.progress, in->progress) || !same(out.jobs, in->jobs))
		abort();
	state_forget(&out);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	StateRecord record;
	TimelineHistory history;
	uint64_t left;

	if (timeline_parse((const char *) data, size, &history) && history.n > TIMELINES_MAX)
		abort();
	if (timeline_judge(&history, "2", "3", 1, &left) == TIMELINE_ANCESTOR && left == 0)
		abort();
	if (!state_parse((const char *) data, size, &record))
		return 0;
	if (as_servers_say(record.system_id) && as_servers_say(record.timeline))
		write_again(&record);
	state_forget(&record);
	return 0;
}
