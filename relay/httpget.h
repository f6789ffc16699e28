/*-------------------------------------------------------------------------
 *
 * httpget.h
 *		One GET over HTTP or HTTPS, waited for; for commands that ask a running relay.
 *
 *	HttpPlace place = {.user = …};
 *	if (httpget_parse_url("https://relay:8083", &place))
 *		code = httpget(&place, "/metrics", 5000, &body, err, sizeof(err));
 *
 * Over HTTPS the server's certificate and its name are checked, always.
 *
 * Bodies up to HTTPGET_BODY_MAX.  What anybody sends is only bytes: the body ends
 * with a zero byte and may hold others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HTTPGET_H
#define NOVA_RELAY_HTTPGET_H

#include <stdbool.h>
#include <stddef.h>

#define HTTPGET_BODY_MAX 8388608

typedef struct HttpPlace
{
	bool https;
	char host[256];
	char port[8];
	const char *ca;   /* PEM file of whom to trust; NULL: the system's */
	const char *cert; /* PEM file with the certificate and key to show; NULL: none */
	const char *user; /* NULL: say no name */
	const char *password;
} HttpPlace;

/* "https://host:port", taken apart; false: it is not of that form. */
extern bool httpget_parse_url(const char *url, HttpPlace *place);

/*
 * The status code, or 0 after one line to err.  *body is the caller's to free, also
 * with codes that are no success.
 */
extern int httpget(const HttpPlace *place, const char *path, int timeout_ms, char **body, char *err,
				   size_t errsize);

/* "https://host:port" again, for messages. */
extern const char *httpget_url(const HttpPlace *place, char *out, size_t size);

#endif /* NOVA_RELAY_HTTPGET_H */
