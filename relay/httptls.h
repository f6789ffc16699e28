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
 * A certificate that is renewed is taken when the next client comes: the file is looked
 * at in each handshake, and read if it is another one.  What is wrong with that is a
 * line in the log, and the certificate of before is used on.  The trust store is read
 * at the start only.
 *
 * libmicrohttpd says of a bad file only that it does not start, so the files are tried
 * with GnuTLS first: what is wrong is said with the key and the file.
 *
 * Traps: a client's certificate is asked for in the handshake, but judged here, with
 * every request; libmicrohttpd lets everybody in.  GnuTLS asks for a certificate without
 * an argument of ours, so there is one HttpTls in a process that is loaded, and it must
 * not be copied.  Handshakes are in the daemons' threads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_HTTPTLS_H
#define NOVA_RELAY_HTTPTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "config.h"

/* TLS 1.2 and later. */
#define HTTPTLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* With the last one, which ends the list. */
#define HTTPTLS_OPTIONS_MAX 4

/* A server's certificate with those of its issuers. */
#define HTTPTLS_CHAIN_MAX 16

typedef struct HttpCertificate
{
	struct HttpCertificate *older; /* a handshake may be under way with it */
	gnutls_pcert_st chain[HTTPTLS_CHAIN_MAX];
	unsigned n;
	gnutls_privkey_t key;
} HttpCertificate;

typedef struct HttpTls
{
	const char *path;
	struct stat seen;        /* the file, when it was last looked at */
	gnutls_datum_t keystore; /* chain and key, as text; data NULL: there is none */
	HttpCertificate *certificate;
	gnutls_datum_t trust; /* data NULL: clients need no certificate */
	const char *password; /* of the key, or NULL */
	bool required;        /* the client's certificate */
} HttpTls;

/* False after one line to err.  cfg must outlive it. */
extern bool httptls_load(HttpTls *tls, const RelayConfig *cfg, char *err, size_t errsize);
extern void httptls_free(HttpTls *tls);

extern void httptls_options(const HttpTls *tls, struct MHD_OptionItem options[HTTPTLS_OPTIONS_MAX]);

/* session NULL: the connection is not TLS. */
extern bool httptls_knows(const HttpTls *tls, gnutls_session_t session);

#endif /* NOVA_RELAY_HTTPTLS_H */
