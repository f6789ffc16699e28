/*-------------------------------------------------------------------------
 *
 * httpget.c
 *		One GET over HTTP, waited for; for commands that ask a running relay.
 *
 * HTTP/1.0, so that the answer ends with the connection and is in one piece.
 *
 *-------------------------------------------------------------------------
 */
#include "httpget.h"

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

#include "pgwait.h"

#define READ_SIZE 65536

bool
httpget_parse_url(const char *url, char host[256], char port[8])
{
	static const char scheme[] = "http://";
	const char *at = url + sizeof(scheme) - 1;
	bool bracket;
	size_t len;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	/* an address of IPv6 stands in brackets */
	bracket = *at == '[';
	at += bracket;
	len = strcspn(at, bracket ? "]" : ":/");
	if (len == 0 || len > 255)
		return false;
	snprintf(host, 256, "%.*s", (int) len, at);
	at += len + bracket;
	snprintf(port, 8, "8083");
	if (*at == ':')
	{
		len = strspn(++at, "0123456789");
		if (len == 0 || len > 5)
			return false;
		snprintf(port, 8, "%.*s", (int) len, at);
		at += len;
	}
	return *at == '\0' || strcmp(at, "/") == 0;
}

static bool
fail(char *err, size_t errsize, const char *host, const char *port, const char *reason)
{
	snprintf(err, errsize, "http://%s:%s: %s", host, port, reason);
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

static int
connect_any(const char *host, const char *port, int64_t until, char *err, size_t errsize)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, port, &hints, &list);
	int fd = -1;

	if (rc != 0)
	{
		(void) fail(err, errsize, host, port, gai_strerror(rc));
		return -1;
	}
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_to(a, until);
	if (fd < 0)
		(void) fail(err, errsize, host, port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

static bool
send_all(int fd, const char *text, size_t len, int64_t until)
{
	while (len > 0)
	{
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
		{
			if (!wait_for(fd, POLLOUT, until))
				return false;
			continue;
		}
		if (n < 0)
			return false;
		text += n;
		len -= (size_t) n;
	}
	return true;
}

/* To the end of the connection; NULL with errno set. */
static char *
read_all(int fd, size_t *len, int64_t until)
{
	char *text = NULL;

	*len = 0;
	for (;;)
	{
		char *grown = realloc(text, *len + READ_SIZE + 1);
		ssize_t n;

		if (grown == NULL || *len > HTTPGET_BODY_MAX)
		{
			errno = grown == NULL ? ENOMEM : EFBIG;
			free(grown != NULL ? grown : text);
			return NULL;
		}
		text = grown;
		n = recv(fd, text + *len, READ_SIZE, 0);
		if (n == 0)
			break;
		if (n > 0)
			*len += (size_t) n;
		else if ((errno != EAGAIN && errno != EINTR) || !wait_for(fd, POLLIN, until))
		{
			free(text);
			return NULL;
		}
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

int
httpget(const char *host, const char *port, const char *path, int timeout_ms, char **body,
		char *err, size_t errsize)
{
	int64_t until = pgwait_now() + timeout_ms;
	int fd = connect_any(host, port, until, err, errsize);
	char request[1024];
	size_t len = 0;
	int code = 0;

	*body = NULL;
	if (fd < 0)
		return 0;
	snprintf(request, sizeof(request),
			 "GET %s HTTP/1.0\r\nHost: %s:%s\r\nAccept: */*\r\nConnection: close\r\n\r\n", path,
			 host, port);
	if (!send_all(fd, request, strlen(request), until) ||
		(*body = read_all(fd, &len, until)) == NULL)
		(void) fail(err, errsize, host, port, strerror(errno));
	else if ((code = take_apart(*body, len)) == 0)
		(void) fail(err, errsize, host, port, "it does not speak HTTP");
	close(fd);
	if (code == 0)
	{
		free(*body);
		*body = NULL;
	}
	return code;
}
