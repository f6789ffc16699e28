/*-------------------------------------------------------------------------
 *
 * rest.h
 *		Kafka Connect's REST calls, metrics and health, as far as they only look.
 *
 *	rest_answer(&sources, "GET", "/connectors/n/status", &response);
 *	… response.status, response.body …
 *	rest_forget(&response);
 *
 * One table in rest.c has every route.  Codes, bodies and messages are those of
 * Kafka Connect (its ConnectorsResource and ConnectorStateInfo), for scripts read
 * them; /metrics, /healthz and /readyz are nova's.
 *
 * Pure: what is shown is in the sources.  Path and query come from anywhere and
 * may hold anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_REST_H
#define NOVA_RELAY_REST_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "metrics.h"
#include "numbers.h"

typedef struct RestSources
{
	const RelayConfig *cfg;
	const Reading *reading;
	ProcessNumbers process;
	const char *worker_id; /* host:port, as Connect names a worker */
} RestSources;

typedef struct RestResponse
{
	unsigned status;
	const char *content_type;
	char *body; /* the caller's to free, with rest_forget() */
	size_t len;
} RestResponse;

/*
 * path is percent-encoded and without the query; query may be NULL.  Always
 * fills the response; false: out of memory.
 */
extern bool rest_answer(const RestSources *sources, const char *method, const char *path,
						const char *query, RestResponse *response);

extern void rest_forget(RestResponse *response);

#endif /* NOVA_RELAY_REST_H */
