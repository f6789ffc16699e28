/*-------------------------------------------------------------------------
 *
 * httptls.c
 *		The certificate of the listeners that are https, and those of whoever asks.
 *
 *-------------------------------------------------------------------------
 */
#include "httptls.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

#include "log.h"

#define KEYSTORE   "listeners.https.ssl.keystore.location"
#define PASSWORD   "listeners.https.ssl.key.password"
#define TRUSTSTORE "listeners.https.ssl.truststore.location"
#define AUTH       "listeners.https.ssl.client.auth"

/* The order of client.auth's values. */
enum
{
	AUTH_NONE,
	AUTH_REQUESTED,
	AUTH_REQUIRED
};

__attribute__((format(printf, 3, 4))) static bool
fail(char *err, size_t errsize, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err, errsize, format, args);
	va_end(args);
	return false;
}

/* Keystores of Java are binary. */
static bool
is_pem(const gnutls_datum_t *text)
{
	return memmem(text->data, text->size, "-----BEGIN ", 11) != NULL;
}

static bool
load_file(const char *key, const char *path, gnutls_datum_t *to, char *err, size_t errsize)
{
	int rc;

	errno = 0;
	rc = gnutls_load_file(path, to);
	if (rc != 0)
		return fail(err, errsize, "%s: %s cannot be read: %s", key, path,
					errno != 0 ? strerror(errno) : gnutls_strerror(rc));
	if (is_pem(to))
		return true;
	return fail(err, errsize,
				"%s: %s is not PEM. A keystore of Java is made one so: keytool -importkeystore "
				"-srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12 && openssl pkcs12 "
				"-in FILE.p12 -nodes -out FILE.pem",
				key, path);
}

/* The first certificate of the chain is ours. */
static bool
check_time(const HttpTls *tls, const char *path, char *err, size_t errsize)
{
	gnutls_x509_crt_t *chain = NULL;
	unsigned n = 0;
	time_t until = 0;
	char date[32];
	struct tm tm;
	int rc = gnutls_x509_crt_list_import2(&chain, &n, &tls->keystore, GNUTLS_X509_FMT_PEM, 0);

	if (rc < 0)
		return fail(err, errsize, KEYSTORE ": %s has no certificate that can be read: %s", path,
					gnutls_strerror(rc));
	if (n > 0)
		until = gnutls_x509_crt_get_expiration_time(chain[0]);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	if (until > time(NULL))
		return true;
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", gmtime_r(&until, &tm));
	return fail(err, errsize, KEYSTORE ": the certificate in %s has expired, %s UTC: renew it",
				path, date);
}

/* What GnuTLS says of the two together, in our words where they say more. */
static bool
key_fault(const HttpTls *tls, const char *path, int rc, char *err, size_t errsize)
{
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fail(err, errsize,
					KEYSTORE ": the key in %s is not that of its first certificate: the file has "
							 "to begin with the server's own, and those of its issuers follow",
					path);
	if (tls->password != NULL && rc == GNUTLS_E_DECRYPTION_FAILED)
		return fail(err, errsize, PASSWORD ": is not the password of the key in %s", path);
	if (memmem(tls->keystore.data, tls->keystore.size, "ENCRYPTED", 9) != NULL)
		return fail(err, errsize,
					PASSWORD ": the key in %s is encrypted, and cannot be read with %s (%s)", path,
					tls->password != NULL ? "this password" : "no password", gnutls_strerror(rc));
	return fail(err, errsize, KEYSTORE ": %s has no private key that can be read: %s", path,
				gnutls_strerror(rc));
}

static bool
check_key(const HttpTls *tls, const char *path, char *err, size_t errsize)
{
	gnutls_certificate_credentials_t credentials;
	int rc = gnutls_certificate_allocate_credentials(&credentials);

	if (rc < 0)
		return fail(err, errsize, "out of memory");
	rc = gnutls_certificate_set_x509_key_mem2(credentials, &tls->keystore, &tls->keystore,
											  GNUTLS_X509_FMT_PEM, tls->password, 0);
	gnutls_certificate_free_credentials(credentials);
	return rc >= 0 || key_fault(tls, path, rc, err, errsize);
}

static bool
check_trust(const HttpTls *tls, const char *path, char *err, size_t errsize)
{
	gnutls_certificate_credentials_t credentials;
	int n = gnutls_certificate_allocate_credentials(&credentials);

	if (n < 0)
		return fail(err, errsize, "out of memory");
	n = gnutls_certificate_set_x509_trust_mem(credentials, &tls->trust, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (n > 0)
		return true;
	return fail(err, errsize, TRUSTSTORE ": %s has no certificate that can be read: %s", path,
				n < 0 ? gnutls_strerror(n) : "it is empty");
}

static bool
load_trust(HttpTls *tls, const RelayConfig *cfg, char *err, size_t errsize)
{
	const char *path = cfg->https_truststore;

	if (cfg->https_client_auth == AUTH_NONE)
		return true;
	if (path == NULL)
		return fail(err, errsize,
					AUTH " asks clients for certificates, and " TRUSTSTORE ", a PEM file of those "
						 "who issue them, is not set");
	tls->required = cfg->https_client_auth == AUTH_REQUIRED;
	return load_file(TRUSTSTORE, path, &tls->trust, err, errsize) &&
		   check_trust(tls, path, err, errsize);
}

/*
 * The certificate that is shown
 */

static HttpTls *served;
static pthread_mutex_t served_lock = PTHREAD_MUTEX_INITIALIZER;

static void
free_certificate(HttpCertificate *c)
{
	for (unsigned i = 0; i < c->n; i++)
		gnutls_pcert_deinit(&c->chain[i]);
	gnutls_privkey_deinit(c->key);
	free(c);
}

static HttpCertificate *
import_certificate(const gnutls_datum_t *keystore, const char *password)
{
	HttpCertificate *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->n = HTTPTLS_CHAIN_MAX;
	if (gnutls_pcert_list_import_x509_raw(c->chain, &c->n, keystore, GNUTLS_X509_FMT_PEM, 0) < 0)
		c->n = 0;
	if (c->n > 0 && gnutls_privkey_init(&c->key) >= 0 &&
		gnutls_privkey_import_x509_raw(c->key, keystore, GNUTLS_X509_FMT_PEM, password, 0) >= 0)
		return c;
	free_certificate(c);
	return NULL;
}

/* It has the key. */
static void
wipe(gnutls_datum_t *keystore)
{
	if (keystore->data != NULL)
		gnutls_memset(keystore->data, 0, keystore->size);
	gnutls_free(keystore->data);
	*keystore = (gnutls_datum_t){0};
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		   a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool
same_text(const gnutls_datum_t *a, const gnutls_datum_t *b)
{
	return a->size == b->size && a->size > 0 && memcmp(a->data, b->data, a->size) == 0;
}

/* What is in the file is taken if all of it is sound, and other than before. */
static bool
load_keystore(HttpTls *tls, char *err, size_t errsize)
{
	HttpTls next = {.password = tls->password};
	HttpCertificate *c;

	if (!load_file(KEYSTORE, tls->path, &next.keystore, err, errsize) ||
		!check_time(&next, tls->path, err, errsize) || !check_key(&next, tls->path, err, errsize))
	{
		wipe(&next.keystore);
		return false;
	}
	if (same_text(&next.keystore, &tls->keystore))
	{
		wipe(&next.keystore);
		return true;
	}
	c = import_certificate(&next.keystore, next.password);
	if (c == NULL)
	{
		wipe(&next.keystore);
		return fail(err, errsize, KEYSTORE ": %s has a chain of more than %d certificates",
					tls->path, HTTPTLS_CHAIN_MAX);
	}
	wipe(&tls->keystore);
	tls->keystore = next.keystore;
	c->older = tls->certificate;
	tls->certificate = c;
	return true;
}

/* Is there another one by now?  One that is gone, or being replaced, may come yet. */
static void
look_again(HttpTls *tls)
{
	const HttpCertificate *before = tls->certificate;
	struct stat now;
	char err[512];

	if (stat(tls->path, &now) != 0 || same_file(&now, &tls->seen))
		return;
	tls->seen = now;
	if (!load_keystore(tls, err, sizeof(err)))
		log_warn("https: %s; clients are shown the certificate of before", err);
	else if (tls->certificate != before)
		log_info("https: %s has changed: clients that connect are shown its certificate",
				 tls->path);
}

/* For GnuTLS, which keeps what it points to until the end of the handshake. */
static int
show_certificate(gnutls_session_t session, const gnutls_datum_t *issuers, int nissuers,
				 const gnutls_pk_algorithm_t *algorithms, int nalgorithms, gnutls_pcert_st **chain,
				 unsigned *n, gnutls_privkey_t *key)
{
	(void) session;
	(void) issuers;
	(void) nissuers;
	(void) algorithms;
	(void) nalgorithms;
	pthread_mutex_lock(&served_lock);
	look_again(served);
	*chain = served->certificate->chain;
	*n = served->certificate->n;
	*key = served->certificate->key;
	pthread_mutex_unlock(&served_lock);
	return 0;
}

bool
httptls_load(HttpTls *tls, const RelayConfig *cfg, char *err, size_t errsize)
{
	*tls = (HttpTls){.path = cfg->https_keystore, .password = cfg->https_key_password};
	if (tls->path == NULL)
		return fail(err, errsize,
					"listeners: https needs " KEYSTORE ", a PEM file with the certificate, those "
					"of its issuers, and the key");
	if (!MHD_is_feature_supported(MHD_FEATURE_TLS) ||
		!MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK))
		return fail(err, errsize,
					"listeners: https: this libmicrohttpd (%s) was built without TLS, or without "
					"certificates that change: use another build of it, or http and a proxy",
					MHD_get_version());
	/* before it is read: if it changes meanwhile it is read again */
	(void) stat(tls->path, &tls->seen);
	if (!load_keystore(tls, err, errsize) || !load_trust(tls, cfg, err, errsize))
		return false;
	served = tls;
	return true;
}

void
httptls_free(HttpTls *tls)
{
	if (served == tls)
		served = NULL;
	for (HttpCertificate *c = tls->certificate, *older; c != NULL; c = older)
	{
		older = c->older;
		free_certificate(c);
	}
	wipe(&tls->keystore);
	gnutls_free(tls->trust.data);
	*tls = (HttpTls){0};
}

void
httptls_options(const HttpTls *tls, struct MHD_OptionItem options[HTTPTLS_OPTIONS_MAX])
{
	size_t n = 0;

	options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
										   (void *) (uintptr_t) show_certificate};
	options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
										   (void *) (uintptr_t) HTTPTLS_PRIORITIES};
	if (tls->trust.data != NULL)
		options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->trust.data};
	options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

bool
httptls_knows(const HttpTls *tls, gnutls_session_t session)
{
	unsigned faults = 0;
	unsigned certificates = 0;

	if (tls->trust.data == NULL || session == NULL)
		return true;
	(void) gnutls_certificate_get_peers(session, &certificates);
	if (certificates == 0)
		return !tls->required;
	return gnutls_certificate_verify_peers2(session, &faults) == 0 && faults == 0;
}
