/*-------------------------------------------------------------------------
 *
 * http.h
 *		Answers of rest.h over HTTP, from threads of libmicrohttpd.
 *
 *	server = http_start(cfg, board, &ops, err, sizeof(err));
 *	… the loop publishes to the board …
 *	http_stop(server);
 *
 * Every listener of the configuration has a thread of its own.  They share
 * nothing with the loop but the board, and what the ops do.  Requests are bounded in
 * size, number and time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HTTP_H
#define NOVA_RELAY_HTTP_H

#include <stddef.h>

#include "config.h"
#include "numbers.h"
#include "rest.h"

typedef struct HttpServer HttpServer;

/* NULL after writing one line to err.  cfg, board and what ops works on must outlive it. */
extern HttpServer *http_start(const RelayConfig *cfg, Board *board, const RestOps *ops, char *err,
							  size_t errsize);

extern void http_stop(HttpServer *server);

#endif /* NOVA_RELAY_HTTP_H */
