/*-------------------------------------------------------------------------
 *
 * httptls.h
 *		The certificate of the listeners that are https, and those of whoever asks.
 *
 *	httptls_load(&tls, cfg, err, sizeof(err))	at the start: everything is looked at
 *	httptls_options(&tls, options)				for libmicrohttpd, which copies nothing
 *	httptls_knows(&tls, session)				may this client ask?
 *	httptls_free(&tls)							after the last daemon
 *
 * libmicrohttpd says of a bad file only that it does not start, so the files are tried
 * with GnuTLS first: what is wrong is said with the key and the file.
 *
 * Traps: a client's certificate is asked for in the handshake, but judged here, with
 * every request; libmicrohttpd lets everybody in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HTTPTLS_H
#define NOVA_RELAY_HTTPTLS_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "config.h"

/* TLS 1.2 and later. */
#define HTTPTLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* With the last one, which ends the list. */
#define HTTPTLS_OPTIONS_MAX 6

typedef struct HttpTls
{
	gnutls_datum_t keystore; /* chain and key, as text; data NULL: there is none */
	gnutls_datum_t trust;    /* data NULL: clients need no certificate */
	const char *password;    /* of the key, or NULL */
	bool required;           /* the client's certificate */
} HttpTls;

/* False after one line to err.  cfg must outlive it. */
extern bool httptls_load(HttpTls *tls, const RelayConfig *cfg, char *err, size_t errsize);
extern void httptls_free(HttpTls *tls);

extern void httptls_options(const HttpTls *tls, struct MHD_OptionItem options[HTTPTLS_OPTIONS_MAX]);

/* session NULL: the connection is not TLS. */
extern bool httptls_knows(const HttpTls *tls, gnutls_session_t session);

#endif /* NOVA_RELAY_HTTPTLS_H */
