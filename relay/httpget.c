/*-------------------------------------------------------------------------
 *
 * httpget.c
 *		One GET over HTTP or HTTPS, waited for; for commands that ask a running relay.
 *
 * HTTP/1.0, so that the answer ends with the connection and is in one piece.
 *
 *-------------------------------------------------------------------------
 */
#include "httpget.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "httptls.h"
#include "pgwait.h"

#define READ_SIZE 65536

typedef struct Exchange
{
	const HttpPlace *place;
	int64_t until;
	int fd;
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t tls; /* NULL: plain */
	char *err;
	size_t errsize;
} Exchange;

bool
httpget_parse_url(const char *url, HttpPlace *place)
{
	const char *at = strstr(url, "://");
	bool bracket;
	size_t len;

	place->https = strncmp(url, "https://", 8) == 0;
	if (!place->https && strncmp(url, "http://", 7) != 0)
		return false;
	at += 3;
	/* an address of IPv6 stands in brackets */
	bracket = *at == '[';
	at += bracket;
	len = strcspn(at, bracket ? "]" : ":/@");
	if (len == 0 || len >= sizeof(place->host))
		return false;
	snprintf(place->host, sizeof(place->host), "%.*s", (int) len, at);
	at += len + bracket;
	snprintf(place->port, sizeof(place->port), "8083");
	if (*at == ':')
	{
		len = strspn(++at, "0123456789");
		if (len == 0 || len > 5)
			return false;
		snprintf(place->port, sizeof(place->port), "%.*s", (int) len, at);
		at += len;
	}
	return *at == '\0' || strcmp(at, "/") == 0;
}

const char *
httpget_url(const HttpPlace *place, char *out, size_t size)
{
	snprintf(out, size, strchr(place->host, ':') != NULL ? "%s://[%s]:%s" : "%s://%s:%s",
			 place->https ? "https" : "http", place->host, place->port);
	return out;
}

static bool
fail(const Exchange *x, const char *reason)
{
	char url[300];

	snprintf(x->err, x->errsize, "%s: %s", httpget_url(x->place, url, sizeof(url)), reason);
	return false;
}

static bool
wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;

	while ((left = until - pgwait_now()) > 0)
	{
		int n = poll(&p, 1, (int) left);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
	errno = ETIMEDOUT;
	return false;
}

/* -1 with errno set. */
static int
connect_to(const struct addrinfo *a, int64_t until)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (errno == EINPROGRESS && wait_for(fd, POLLOUT, until) &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
	{
		if (error == 0)
			return fd;
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool
connect_any(Exchange *x)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(x->place->host, x->place->port, &hints, &list);

	if (rc != 0)
		return fail(x, gai_strerror(rc));
	for (struct addrinfo *a = list; a != NULL && x->fd < 0; a = a->ai_next)
		x->fd = connect_to(a, x->until);
	if (x->fd < 0)
		(void) fail(x, strerror(errno));
	freeaddrinfo(list);
	return x->fd >= 0;
}

/*
 * TLS
 */

/* Wait, if that is what it takes; false with errno set. */
static bool
tls_goes_on(Exchange *x, ssize_t rc)
{
	if (gnutls_error_is_fatal((int) rc))
	{
		errno = EPROTO;
		return false;
	}
	return rc != GNUTLS_E_AGAIN ||
		   wait_for(x->fd, gnutls_record_get_direction(x->tls) == 1 ? POLLOUT : POLLIN, x->until);
}

static bool
fail_file(Exchange *x, const char *path, int rc)
{
	char text[400];

	snprintf(text, sizeof(text), "%.300s cannot be used: %s", path, gnutls_strerror(rc));
	return fail(x, text);
}

static bool
load_credentials(Exchange *x)
{
	const char *ca = x->place->ca;
	const char *cert = x->place->cert;
	int rc = gnutls_certificate_allocate_credentials(&x->credentials);

	if (rc < 0)
		return fail(x, "out of memory");
	rc = ca == NULL
			 ? gnutls_certificate_set_x509_system_trust(x->credentials)
			 : gnutls_certificate_set_x509_trust_file(x->credentials, ca, GNUTLS_X509_FMT_PEM);
	if (rc < 0 || (ca != NULL && rc == 0))
		return fail_file(x, ca != NULL ? ca : "the system's list of authorities",
						 rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
	if (cert == NULL)
		return true;
	rc = gnutls_certificate_set_x509_key_file(x->credentials, cert, cert, GNUTLS_X509_FMT_PEM);
	return rc >= 0 || fail_file(x, cert, rc);
}

/* Names, and not addresses, are told to the server. */
static bool
is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Why the handshake failed. */
static bool
fail_handshake(Exchange *x, int rc)
{
	gnutls_datum_t text = {0};
	char line[500];

	if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
		gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(x->tls),
													 GNUTLS_CRT_X509, &text, 0) == 0)
		snprintf(line, sizeof(line), "%s--ca FILE names whom to trust", (char *) text.data);
	else
		snprintf(line, sizeof(line), "TLS: %s",
				 rc == GNUTLS_E_AGAIN ? strerror(errno) : gnutls_strerror(rc));
	gnutls_free(text.data);
	return fail(x, line);
}

static bool
begin_tls(Exchange *x)
{
	int rc;

	if (!load_credentials(x))
		return false;
	if (gnutls_init(&x->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
		gnutls_priority_set_direct(x->tls, HTTPTLS_PRIORITIES, NULL) < 0 ||
		gnutls_credentials_set(x->tls, GNUTLS_CRD_CERTIFICATE, x->credentials) < 0)
		return fail(x, "TLS: out of memory");
	if (!is_address(x->place->host))
		(void) gnutls_server_name_set(x->tls, GNUTLS_NAME_DNS, x->place->host,
									  strlen(x->place->host));
	gnutls_session_set_verify_cert(x->tls, x->place->host, 0);
	gnutls_transport_set_int(x->tls, x->fd);
	while ((rc = gnutls_handshake(x->tls)) < 0)
		if (!tls_goes_on(x, rc))
			return fail_handshake(x, rc);
	return true;
}

/*
 * Asking
 */

/* As send(), but waits; -1 with errno set. */
static ssize_t
send_some(Exchange *x, const char *text, size_t len)
{
	ssize_t n;

	if (x->tls != NULL)
	{
		while ((n = gnutls_record_send(x->tls, text, len)) < 0)
			if (!tls_goes_on(x, n))
				return -1;
		return n;
	}
	while ((n = send(x->fd, text, len, MSG_NOSIGNAL)) < 0)
		if ((errno != EAGAIN && errno != EINTR) || !wait_for(x->fd, POLLOUT, x->until))
			return -1;
	return n;
}

/* As recv(), but waits. */
static ssize_t
receive_some(Exchange *x, char *to, size_t size)
{
	ssize_t n;

	if (x->tls != NULL)
	{
		while ((n = gnutls_record_recv(x->tls, to, size)) < 0)
			if (!tls_goes_on(x, n))
				return -1;
		return n;
	}
	while ((n = recv(x->fd, to, size, 0)) < 0)
		if ((errno != EAGAIN && errno != EINTR) || !wait_for(x->fd, POLLIN, x->until))
			return -1;
	return n;
}

static bool
send_all(Exchange *x, const char *text)
{
	size_t len = strlen(text);

	while (len > 0)
	{
		ssize_t n = send_some(x, text, len);

		if (n < 0)
			return fail(x, strerror(errno));
		text += n;
		len -= (size_t) n;
	}
	return true;
}

/* To the end of the connection; NULL after a line. */
static char *
read_all(Exchange *x, size_t *len)
{
	char *text = NULL;

	*len = 0;
	for (;;)
	{
		char *grown = realloc(text, *len + READ_SIZE + 1);
		ssize_t n = -1;

		if (grown == NULL || *len > HTTPGET_BODY_MAX)
			errno = grown == NULL ? ENOMEM : EFBIG;
		else
			n = receive_some(x, grown + *len, READ_SIZE);
		text = grown != NULL ? grown : text;
		if (n < 0)
		{
			(void) fail(x, strerror(errno));
			free(text);
			return NULL;
		}
		if (n == 0)
			break;
		*len += (size_t) n;
	}
	text[*len] = '\0';
	return text;
}

/* The code, with the body in place of the whole answer; 0: that is not HTTP. */
static int
take_apart(char *answer, size_t len)
{
	const char *body = memmem(answer, len, "\r\n\r\n", 4);
	int code;

	if (body == NULL || sscanf(answer, "HTTP/1.%*1d %3d", &code) != 1)
		return 0;
	body += 4;
	memmove(answer, body, len - (size_t) (body - answer) + 1);
	return code;
}

/* "Authorization: Basic …", or nothing.  NULL: out of memory. */
static char *
authorization(const HttpPlace *place)
{
	gnutls_datum_t encoded = {0};
	gnutls_datum_t plain;
	char *text = NULL;
	char *line = NULL;

	if (place->user == NULL)
		return strdup("");
	if (asprintf(&text, "%s:%s", place->user, place->password != NULL ? place->password : "") < 0)
		return NULL;
	plain = (gnutls_datum_t){(unsigned char *) text, (unsigned) strlen(text)};
	if (gnutls_base64_encode2(&plain, &encoded) == 0 &&
		asprintf(&line, "Authorization: Basic %s\r\n", (char *) encoded.data) < 0)
		line = NULL;
	free(text);
	gnutls_free(encoded.data);
	return line;
}

static bool
ask(Exchange *x, const char *path)
{
	char *who = authorization(x->place);
	char *request = NULL;
	bool ok;

	if (who == NULL || asprintf(&request,
								"GET %s HTTP/1.0\r\nHost: %s:%s\r\nAccept: */*\r\n%s"
								"Connection: close\r\n\r\n",
								path, x->place->host, x->place->port, who) < 0)
		request = NULL;
	ok = request != NULL ? send_all(x, request) : fail(x, "out of memory");
	free(request);
	free(who);
	return ok;
}

static void
end_exchange(Exchange *x)
{
	if (x->tls != NULL)
		gnutls_deinit(x->tls);
	if (x->credentials != NULL)
		gnutls_certificate_free_credentials(x->credentials);
	if (x->fd >= 0)
		close(x->fd);
}

int
httpget(const HttpPlace *place, const char *path, int timeout_ms, char **body, char *err,
		size_t errsize)
{
	Exchange x = {.place = place,
				  .until = pgwait_now() + timeout_ms,
				  .fd = -1,
				  .err = err,
				  .errsize = errsize};
	size_t len = 0;
	int code = 0;

	*body = NULL;
	if (connect_any(&x) && (!place->https || begin_tls(&x)) && ask(&x, path) &&
		(*body = read_all(&x, &len)) != NULL && (code = take_apart(*body, len)) == 0)
		(void) fail(&x, "it does not speak HTTP");
	end_exchange(&x);
	if (code == 0)
	{
		free(*body);
		*body = NULL;
	}
	return code;
}
