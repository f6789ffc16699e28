/*-------------------------------------------------------------------------
 *
 * fuzz_config.c
 *		libFuzzer target: no bytes may crash or stall config_parse().
 *
 * What is accepted is also printed, freed, and asked for a topic's group.  The
 * last byte of the input chooses whether the text stands alone or is put
 * behind a valid beginning, so that the later checks are reached soon.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/config.h"
#include "../../relay/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char beginning[] =
	"{\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"n\","
	"\"topic.prefix\":\"cdc\",\"transforms\":\"u\","
	"\"transforms.u.type\":\"io.debezium.transforms.ExtractNewRecordState\",";

static FILE *nowhere;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	log_setup(LOG_ERROR, LOG_PLAIN);
	nowhere = fopen("/dev/null", "w");
	return nowhere == NULL ? 1 : 0;
}

static void
try_text(const char *text, size_t len)
{
	char err[256];
	RelayConfig *cfg = config_parse(text, len, "fuzz", err, sizeof(err));

	if (cfg == NULL)
	{
		/* A fault is always told, on one line. */
		if (err[0] == '\0' || strchr(err, '\n') != NULL)
			abort();
		return;
	}
	if (config_topic_group(cfg, "cdc.users") == NULL)
		abort();
	config_print_effective(cfg, nowhere);
	config_free(cfg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0 || data[size - 1] % 2 == 0)
	{
		try_text((const char *) data, size);
		return 0;
	}
	text = malloc(sizeof(beginning) - 1 + size);
	if (text == NULL)
		return 0;
	memcpy(text, beginning, sizeof(beginning) - 1);
	memcpy(text + sizeof(beginning) - 1, data, size - 1);
	text[sizeof(beginning) + size - 2] = '}';
	try_text(text, sizeof(beginning) - 1 + size);
	free(text);
	return 0;
}
