/*-------------------------------------------------------------------------
 *
 * rest_internal.h
 *		What the files of the REST calls share; nobody else includes this.
 *
 *	rest.c			the routes, and the calls that only look
 *	rest_change.c	the calls that change something
 *	rest_offsets.c	altering and resetting the position
 *	rest_admin.c	the plugins, and the level of the log
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_REST_INTERNAL_H
#define NOVA_RELAY_REST_INTERNAL_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "rest.h"

#define NAME_MAX_BYTES 512

/* What the class is called that a connector JSON names. */
#define CONNECTOR_CLASS "io.debezium.connector.postgresql.PostgresConnector"
#define CONNECTOR_SHORT "PostgresConnector"

/* A call under way; handlers fill response. */
typedef struct Call
{
	const RestSources *from;
	const RestRequest *request;
	char name[NAME_MAX_BYTES]; /* what the '*' of the route stands for, decoded */
	char task[16];             /* the same for its '#' */
	RestResponse *response;
} Call;

/*
 * All of these return false when out of memory.  Pieces of bodies: a member that
 * there is no memory for is missing, and then the next one fails as well.
 */

/* Takes body over. */
extern bool answer_text(Call *call, unsigned status, const char *type, char *body);

/* Takes json over. */
extern bool answer_json(Call *call, unsigned status, cJSON *json);

extern bool answer_error(Call *call, unsigned status, const char *message);

extern bool answer_empty(Call *call, unsigned status);

/* Of the call; NULL: it is no JSON. */
extern cJSON *parse_body(const Call *call);

/* Ask the loop's thread; what went well is answered with status and body, which is taken over. */
extern bool carry_out(Call *call, ControlRequest *q, unsigned status, cJSON *body);

/* Is it asked for, as in expand=status&expand=info? */
extern bool query_has(const Call *call, const char *name, const char *value);

/* Is there the task that the call names? */
extern bool has_that_task(const Call *call);

/* ConnectorStateInfo and ConnectorInfo of the connector there is. */
extern cJSON *status_body(const Call *call, ConnectorState state);
extern cJSON *info_body(const Call *call, const RelayConfig *cfg);

/*
 * The calls of the other files
 */

extern bool post_connectors(Call *call);
extern bool put_config(Call *call);
extern bool patch_config(Call *call);
extern bool delete_connector(Call *call);
extern bool put_pause(Call *call);
extern bool put_resume(Call *call);
extern bool put_stop(Call *call);
extern bool post_restart(Call *call);
extern bool post_task_restart(Call *call);

extern bool post_signal(Call *call);

extern bool patch_offsets(Call *call);
extern bool delete_offsets(Call *call);

extern bool get_plugins(Call *call);
extern bool get_plugin_config(Call *call);
extern bool put_validate(Call *call);
extern bool get_loggers(Call *call);
extern bool get_logger(Call *call);
extern bool put_logger(Call *call);

#endif /* NOVA_RELAY_REST_INTERNAL_H */
