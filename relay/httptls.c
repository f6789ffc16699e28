/*-------------------------------------------------------------------------
 *
 * httptls.c
 *		The certificate of the listeners that are https, and those of whoever asks.
 *
 *-------------------------------------------------------------------------
 */
#include "httptls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

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

bool
httptls_load(HttpTls *tls, const RelayConfig *cfg, char *err, size_t errsize)
{
	const char *path = cfg->https_keystore;

	*tls = (HttpTls){.password = cfg->https_key_password};
	if (path == NULL)
		return fail(err, errsize,
					"listeners: https needs " KEYSTORE ", a PEM file with the certificate, those "
					"of its issuers, and the key");
	if (!MHD_is_feature_supported(MHD_FEATURE_TLS) ||
		(tls->password != NULL && !MHD_is_feature_supported(MHD_FEATURE_HTTPS_KEY_PASSWORD)))
		return fail(err, errsize,
					"listeners: https: this libmicrohttpd (%s) was built without TLS, or does not "
					"read encrypted keys: use another build of it, or http and a proxy",
					MHD_get_version());
	return load_file(KEYSTORE, path, &tls->keystore, err, errsize) &&
		   check_time(tls, path, err, errsize) && check_key(tls, path, err, errsize) &&
		   load_trust(tls, cfg, err, errsize);
}

void
httptls_free(HttpTls *tls)
{
	/* it has the key */
	if (tls->keystore.data != NULL)
		gnutls_memset(tls->keystore.data, 0, tls->keystore.size);
	gnutls_free(tls->keystore.data);
	gnutls_free(tls->trust.data);
	*tls = (HttpTls){0};
}

void
httptls_options(const HttpTls *tls, struct MHD_OptionItem options[HTTPTLS_OPTIONS_MAX])
{
	size_t n = 0;

	options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->keystore.data};
	options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->keystore.data};
	options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
										   (void *) (uintptr_t) HTTPTLS_PRIORITIES};
	if (tls->password != NULL)
		options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_KEY_PASSWORD, 0,
											   (void *) (uintptr_t) tls->password};
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
