/*-------------------------------------------------------------------------
 *
 * fuzz_signal.c
 *		libFuzzer target: no signals, nor what a state topic says of their work, may
 *		crash or stall the list of jobs, or make it one that cannot be read again.
 *
 * The input is lines.  "TYPE ID DATA" is a signal, and so is a line that begins
 * with a digit, of one of Debezium's types; "=TEXT" is a list to be loaded, "+TEXT"
 * the progress of an initial snapshot.  After each the work on the first request
 * goes on by a step.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/jobs.h"
#include "../../relay/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	log_setup(LOG_ERROR, LOG_PLAIN);
	return 0;
}

/* Up to a space; the rest remains. */
static NovaBytes
word(char **rest, size_t *left)
{
	NovaBytes w = {*rest, 0};

	while (w.len < *left && w.data[w.len] != ' ')
		w.len++;
	*rest += w.len;
	*left -= w.len;
	if (*left > 0)
	{
		(*rest)++;
		(*left)--;
	}
	return w;
}

static void
give_signal(Jobs *j, char *line, size_t len)
{
	static const char *const types[] = {"execute-snapshot", "stop-snapshot", "pause-snapshot",
										"resume-snapshot", "log"};
	NovaSignal s;
	uint8_t digit;

	s.type = word(&line, &len);
	s.id = word(&line, &len);
	s.data = (NovaBytes){line, (uint32_t) len};
	digit = s.type.len == 1 ? (uint8_t) (*s.type.data - '0') : UINT8_MAX;
	if (digit < sizeof(types) / sizeof(types[0]))
		s.type = (NovaBytes){types[digit], (uint32_t) strlen(types[digit])};
	(void) jobs_signal(j, &s, 0x1234);
}

/* As relay/increment.c does it, with tables that are named as the collections. */
static void
resolve(Jobs *j)
{
	const char *collection;
	const char *filter;

	for (size_t i = 0; jobs_condition(j, i, &collection, &filter); i++)
		if (strlen(collection) == 0 || strlen(filter) == 0)
			abort();
	if (!jobs_resolve(j))
		abort();
	for (size_t i = 0; i < jobs_collections(j); i++)
		if (!jobs_add_table(j, "s", jobs_collection(j, i), i % 2 ? "true" : NULL, i % 3 == 0))
			abort();
}

static void
step(Jobs *j)
{
	JobTable table;

	if (jobs_empty(j) || jobs_paused(j))
		return;
	if (jobs_id(j) == NULL)
		abort();
	(void) jobs_resumed(j);
	if (!jobs_resolved(j))
		resolve(j);
	else if (!jobs_table(j, &table))
		(void) jobs_end_request(j, false);
	else if (table.upto == NULL && !jobs_set_upto(j, "{9}"))
		abort();
	else if (table.rows == 0 && !jobs_advance(j, "{1}", 1))
		abort();
	else if (table.rows > 0)
		jobs_end_table(j);
}

/* What is written into the state topic is what a start reads from it. */
static void
read_again(const Jobs *j)
{
	Jobs *again = jobs_new();
	char *text = jobs_text(j);
	char *same;

	if (!jobs_load(again, text))
		abort();
	same = jobs_text(again);
	if (strcmp(text, same) != 0)
		abort();
	free(same);
	free(text);
	jobs_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Jobs *j = jobs_new();

	while (size > 0)
	{
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end != NULL ? (size_t) (end - data) : size;
		char *line = malloc(len + 1);

		memcpy(line, data, len);
		line[len] = '\0';
		if (*line == '=')
			(void) jobs_load(j, line + 1);
		else if (*line == '+')
			(void) jobs_resume(j, line + 1);
		else
			give_signal(j, line, len);
		free(line);
		step(j);
		len += end != NULL;
		data += len;
		size -= len;
	}
	read_again(j);
	jobs_free(j);
	return 0;
}
