/*-------------------------------------------------------------------------
 *
 * httpget.h
 *		One GET over HTTP, waited for; for commands that ask a running relay.
 *
 * Plain HTTP, bodies up to HTTPGET_BODY_MAX.  What anybody sends is only bytes:
 * the body ends with a zero byte and may hold others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HTTPGET_H
#define NOVA_RELAY_HTTPGET_H

#include <stdbool.h>
#include <stddef.h>

#define HTTPGET_BODY_MAX 8388608

/* "http://host:port", taken apart; false: it is not of that form. */
extern bool httpget_parse_url(const char *url, char host[256], char port[8]);

/*
 * The status code, or 0 after one line to err.  *body is the caller's to free, also
 * with codes that are no success.
 */
extern int httpget(const char *host, const char *port, const char *path, int timeout_ms,
				   char **body, char *err, size_t errsize);

#endif /* NOVA_RELAY_HTTPGET_H */
