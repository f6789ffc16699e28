/*-------------------------------------------------------------------------
 *
 * status.h
 *		`nova-relay status`: how a running relay is doing, asked over HTTP.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_STATUS_H
#define NOVA_RELAY_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

typedef struct StatusArgs
{
	const char *url;  /* NULL: the first listener of the configuration */
	const char *ca;   /* PEM file of whom to trust; NULL: the system's */
	const char *cert; /* PEM file with the certificate and key to show, or NULL */
	const char *user; /* with the password from STATUS_PASSWORD; NULL: the configuration's */
	bool once;        /* also on a terminal */
	bool json;        /* implies it */
	int timeout_s;
} StatusArgs;

#define STATUS_TIMEOUT_S 5
#define STATUS_PASSWORD  "NOVA_LISTENERS_PASSWORD"

/* Exit statuses; the last one is EXIT_USAGE, too */
#define EXIT_RUNNING     0
#define EXIT_NOT_RUNNING 1
#define EXIT_NOT_ASKED   2

/* cfg is NULL with a URL. */
extern int relay_status(const RelayConfig *cfg, const StatusArgs *args);

/*
 * The first sample of that name in Prometheus text, whatever its labels; false:
 * there is none.
 */
extern bool status_metric(const char *text, const char *name, double *value);

/* The value of a label of the first sample of that name; false: there is none. */
extern bool status_label(const char *text, const char *name, const char *label, char *out,
						 size_t size);

#endif /* NOVA_RELAY_STATUS_H */
