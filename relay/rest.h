/*-------------------------------------------------------------------------
 *
 * rest.h
 *		Kafka Connect's REST calls, metrics and health.
 *
 *	rest_answer(&sources, &(RestRequest){"GET", "/connectors/n/status"}, &response);
 *	… response.status, response.body …
 *	rest_forget(&response);
 *
 * One table in rest.c has every route.  Codes, bodies and messages are those of
 * Kafka Connect (its ConnectorsResource and ConnectorStateInfo), for scripts read
 * them; /metrics, /healthz and /readyz are nova's.
 *
 * Pure but for the level of the log: what is shown is in the sources, and what is to
 * be changed goes through their RestOps.  Path, query and body come from anywhere
 * and may hold anything.
 *
 * A browser asks in the name of whoever sits before it, whichever page told it to.
 * What changes something is therefore refused to pages of other origins: 403 by what
 * the browser says of them, and 415 for bodies that it would send without asking
 * first, which are those that do not call themselves JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_REST_H
#define NOVA_RELAY_REST_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "control.h"
#include "metrics.h"
#include "numbers.h"

/* How something is changed; from any thread. */
typedef struct RestOps
{
	void *arg;

	/* control_ask() */
	bool (*ask)(void *arg, ControlRequest *request);

	/* config_deployed(), with what the worker adds */
	RelayConfig *(*parse)(void *arg, const char *json, size_t len, bool quiet,
						  ConfigFaults *faults);

	/* board_samples(): the last records, to free(); NULL: out of memory */
	Samples *(*records)(void *arg);
	/* board_topics() and board_forget_topics() */
	char *(*topics)(void *arg);
	void (*forget_topics)(void *arg);

	/* why nothing can be deployed or deleted, or NULL */
	const char *refusal;
} RestOps;

typedef struct RestSources
{
	const RelayConfig *cfg; /* of the connector; NULL: there is none */
	const RestOps *ops;
	const Reading *reading;
	ProcessNumbers process;
	const char *worker_id; /* host:port, as Connect names a worker */
} RestSources;

typedef struct RestRequest
{
	const char *method;
	const char *path;  /* percent-encoded, without the query */
	const char *query; /* or NULL */
	const char *body;  /* NULL: none */
	size_t body_len;
	bool body_too_large; /* and thrown away */
	bool wants_html;     /* a browser asks */
	bool https;

	/* headers, or NULL */
	const char *content_type;
	const char *host;
	const char *origin;     /* of the page that asks */
	const char *fetch_site; /* Sec-Fetch-Site: what the browser says of that */
} RestRequest;

typedef struct RestResponse
{
	unsigned status;
	const char *content_type;
	char *body; /* the caller's to free, with rest_forget(); NULL: none */
	size_t len;
	char *location; /* of what was made, or NULL */
	bool challenge; /* ask who it is */
} RestResponse;

/* Always fills the response; false: out of memory. */
extern bool rest_answer(const RestSources *sources, const RestRequest *request,
						RestResponse *response);

/* An error in Connect's shape, for what goes wrong before. */
extern bool rest_error(unsigned status, const char *message, RestResponse *response);

extern void rest_forget(RestResponse *response);

#endif /* NOVA_RELAY_REST_H */
