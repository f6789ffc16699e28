/*-------------------------------------------------------------------------
 *
 * heartbeat.c
 *		A heartbeat's record.
 *
 *-------------------------------------------------------------------------
 */
#include "heartbeat.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define FIELD_SCHEMA(type, name, field)                                                            \
	"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"" type                               \
	"\",\"optional\":false,\"field\":\"" field "\"}],\"optional\":false,"                          \
	"\"name\":\"io.debezium.connector.common." name "\",\"version\":1},\"payload\":"

void
heartbeat_key(char *dst, size_t size, const RelayConfig *cfg)
{
	bool schema = cfg->key_schemas;

	snprintf(dst, size, "%s{\"serverName\":\"%s\"}%s",
			 schema ? FIELD_SCHEMA("string", "ServerNameKey", "serverName") : "", cfg->topic_prefix,
			 schema ? "}" : "");
}

void
heartbeat_value(char *dst, size_t size, const RelayConfig *cfg, int64_t now_ms)
{
	bool schema = cfg->value_schemas;

	snprintf(dst, size, "%s{\"ts_ms\":%" PRId64 "}%s",
			 schema ? FIELD_SCHEMA("int64", "Heartbeat", "ts_ms") : "", now_ms, schema ? "}" : "");
}
