/*-------------------------------------------------------------------------
 *
 * http.c
 *		Answers of rest.h over HTTP, from threads of libmicrohttpd.
 *
 * libmicrohttpd would decode the path and cut the query off; both are taken as
 * they came instead, because a name may hold an encoded slash.
 *
 * A body that is too large is read on and thrown away, up to a bound, so that the
 * answer says why; one without end has its connection cut.
 *
 *-------------------------------------------------------------------------
 */
#include "http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "clock.h"
#include "httptls.h"
#include "log.h"
#include "rest.h"

#define LISTENERS_MAX    8
#define CONNECTIONS_MAX  64
#define CONNECTION_BYTES 32768 /* of headers and the like */
#define IDLE_SECONDS     15
#define BODY_BYTES_MAX   (256 * 1024)       /* of a call that takes one */
#define THROWN_BYTES_MAX (16 * 1024 * 1024) /* read and thrown away, so that the answer is */
#define BACKLOG          16

typedef struct HttpListener
{
	struct MHD_Daemon *daemon;
	const struct HttpServer *server;
	bool https;
	char worker_id[300];
} HttpListener;

/* A request under way. */
typedef struct HttpRequest
{
	bool begun;       /* its headers were seen */
	unsigned refused; /* who may not ask: the status; else 0 */
	char *body;       /* as far as it came; NULL: none, or too much */
	size_t body_size;
	size_t body_bytes; /* that came */
	char uri[];
} HttpRequest;

struct HttpServer
{
	Board *board;
	RestOps ops;
	const char *user; /* NULL: everybody may ask */
	const char *password;
	HttpTls tls; /* of those that are https */
	HttpListener listeners[LISTENERS_MAX];
	size_t n;
};

/* Pages of memory, by proc(5); 0 where that is not mounted. */
static uint64_t
resident_bytes(void)
{
	FILE *in = fopen("/proc/self/statm", "r");
	uint64_t size;
	uint64_t resident = 0;

	if (in == NULL)
		return 0;
	if (fscanf(in, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
		resident = 0;
	fclose(in);
	return resident * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* Less the one that it takes to look. */
static uint64_t
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t n = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n > 0 ? n - 1 : 0;
}

static uint64_t
max_fds(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t) limit.rlim_cur : 0;
}

static ProcessNumbers
process_numbers(void)
{
	ProcessNumbers p = {.now = clock_ms(CLOCK_REALTIME),
						.resident_bytes = resident_bytes(),
						.open_fds = open_fds(),
						.max_fds = max_fds()};
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	p.cpu_seconds = (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
					(double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	return p;
}

/* Hands the response over. */
static enum MHD_Result
send_response(struct MHD_Connection *connection, RestResponse *response)
{
	struct MHD_Response *reply =
		MHD_create_response_from_buffer(response->len, response->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (reply == NULL)
	{
		rest_forget(response);
		return MHD_NO;
	}
	if (response->content_type != NULL)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
	if (response->location != NULL)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_LOCATION, response->location);
	free(response->location);
	if (response->challenge)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
								"Basic realm=\"nova-relay\", charset=\"UTF-8\"");
	MHD_add_response_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	/* the page has all that it needs, and belongs in nobody's frame */
	MHD_add_response_header(reply, "Content-Security-Policy",
							"default-src 'none'; script-src 'unsafe-inline'; style-src "
							"'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors "
							"'none'; base-uri 'none'; form-action 'none'");
	MHD_add_response_header(reply, "X-Content-Type-Options", "nosniff");
	result = MHD_queue_response(connection, response->status, reply);
	MHD_destroy_response(reply);
	return result;
}

/* The URI as it came; libmicrohttpd hands it back as *context. */
static void *
begin_request(void *arg, const char *uri, struct MHD_Connection *connection)
{
	size_t size = strlen(uri) + 1;
	HttpRequest *request = malloc(sizeof(*request) + size);

	(void) arg;
	(void) connection;
	if (request == NULL)
		return NULL;
	*request = (HttpRequest){.begun = false};
	memcpy(request->uri, uri, size);
	return request;
}

static void
end_request(void *arg, struct MHD_Connection *connection, void **context,
			enum MHD_RequestTerminationCode why)
{
	(void) arg;
	(void) connection;
	(void) why;
	if (*context != NULL)
		free(((HttpRequest *) *context)->body);
	free(*context);
	*context = NULL;
}

static size_t
leave_encoded(void *arg, struct MHD_Connection *connection, char *text)
{
	(void) arg;
	(void) connection;
	return strlen(text);
}

static const char *
header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Browsers say so, and whoever wants Connect's JSON does not. */
static bool
wants_html(struct MHD_Connection *connection)
{
	const char *accept = header(connection, MHD_HTTP_HEADER_ACCEPT);

	return accept != NULL && strstr(accept, "text/html") != NULL;
}

static enum MHD_Result
answer(const HttpListener *listener, struct MHD_Connection *connection, const char *method,
	   HttpRequest *request)
{
	char *query = strchr(request->uri, '?');
	Reading reading;
	RestSources sources = {.ops = &listener->server->ops,
						   .reading = &reading,
						   .process = process_numbers(),
						   .worker_id = listener->worker_id};
	RestRequest asked = {.method = method,
						 .path = request->uri,
						 .body = request->body,
						 .body_len = request->body_bytes,
						 .wants_html = wants_html(connection),
						 .https = listener->https,
						 .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
						 .host = header(connection, MHD_HTTP_HEADER_HOST),
						 .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
						 .fetch_site = header(connection, "Sec-Fetch-Site"),
						 .body_too_large = request->body_bytes > BODY_BYTES_MAX};
	RestResponse response;
	bool answered;

	if (query != NULL)
	{
		*query = '\0';
		asked.query = query + 1;
	}
	board_read(listener->server->board, &reading);
	sources.cfg = reading.cfg;
	/* whoever waits for the loop is not idle; and from 0 on time is counted anew */
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
	answered = rest_answer(&sources, &asked, &response);
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned) IDLE_SECONDS);
	board_forget(&reading);
	return answered ? send_response(connection, &response) : MHD_NO;
}

/* It takes as long for any text of this length. */
static bool
is_same(const char *secret, const char *text)
{
	size_t len = strlen(text);
	size_t secret_len = strlen(secret);
	unsigned char differs = len != secret_len;

	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char) (text[i] ^ secret[secret_len > 0 ? i % secret_len : 0]);
	return differs == 0;
}

/* Probes come from machines that know no password. */
static bool
is_open(const char *uri)
{
	size_t len = strcspn(uri, "?");

	return (len == 8 && strncmp(uri, "/healthz", len) == 0) ||
		   (len == 7 && strncmp(uri, "/readyz", len) == 0);
}

static bool
knows_password(const HttpServer *server, struct MHD_Connection *connection)
{
	char *password = NULL;
	char *user;
	bool may = false;

	if (server->user == NULL)
		return true;
	user = MHD_basic_auth_get_username_password(connection, &password);
	/* both are compared, whatever the first one says */
	if (user != NULL && password != NULL)
	{
		bool right_user = is_same(server->user, user);
		bool right_password = is_same(server->password, password);

		may = right_user && right_password;
	}
	MHD_free(user);
	MHD_free(password);
	return may;
}

static bool
has_certificate(const HttpListener *listener, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		listener->https ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
						: NULL;

	return httptls_knows(&listener->server->tls, info != NULL ? info->tls_session : NULL);
}

/* The status with which whoever asks is refused, or 0. */
static unsigned
refuse(const HttpListener *listener, struct MHD_Connection *connection, const char *uri)
{
	if (is_open(uri))
		return 0;
	if (!has_certificate(listener, connection))
		return 403;
	return knows_password(listener->server, connection) ? 0 : 401;
}

static enum MHD_Result
answer_stranger(struct MHD_Connection *connection, unsigned status)
{
	RestResponse response;

	if (!rest_error(status,
					status == 401 ? "User cannot access the resource."
								  : "A client certificate is needed, of an issuer in "
									"listeners.https.ssl.truststore.location, that is valid now.",
					&response))
		return MHD_NO;
	response.challenge = status == 401;
	return send_response(connection, &response);
}

/* Keep what comes; of what is too large nothing.  False: out of memory. */
static bool
take_body(HttpRequest *request, const char *bytes, size_t n)
{
	size_t len = request->body_bytes;

	request->body_bytes += n;
	if (request->refused != 0 || request->body_bytes > BODY_BYTES_MAX)
	{
		free(request->body);
		request->body = NULL;
		return true;
	}
	if (request->body_bytes > request->body_size)
	{
		size_t size = request->body_bytes * 2;
		char *grown = realloc(request->body, size);

		if (grown == NULL)
			return false;
		request->body = grown;
		request->body_size = size;
	}
	memcpy(request->body + len, bytes, n);
	return true;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
		   const char *version, const char *body, size_t *body_size, void **context)
{
	HttpRequest *request = *context;
	size_t n = *body_size;

	(void) url;
	(void) version;
	if (request == NULL)
		return MHD_NO;
	if (!request->begun)
	{
		request->begun = true;
		request->refused = refuse(arg, connection, request->uri);
		return MHD_YES;
	}
	if (n == 0)
		return request->refused != 0 ? answer_stranger(connection, request->refused)
									 : answer(arg, connection, method, request);
	*body_size = 0;
	return take_body(request, body, n) && request->body_bytes <= THROWN_BYTES_MAX ? MHD_YES
																				  : MHD_NO;
}

__attribute__((format(printf, 2, 0))) static void
on_error(void *arg, const char *format, va_list args)
{
	char text[512];

	(void) arg;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("HTTP: %s", text);
}

/* A socket of our own, so that the port is known before anybody can ask. */
static int
bound_socket(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
	int on = 1;
	int why;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &address)->sin6_port
											   : ((struct sockaddr_in *) &address)->sin_port);
}

static bool
is_loopback(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		return false;
	if (address.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *) &address)->sin6_addr);
	return ntohl(((struct sockaddr_in *) &address)->sin_addr.s_addr) >> 24 == 127;
}

/* Who can ask can also stop and deploy. */
static void
warn_of_strangers(const HttpListener *listener)
{
	log_warn("listeners: %s is reached from other machines, and asks nobody who they are: set "
			 "nova.listeners.user and nova.listeners.password, or let a firewall or a proxy decide "
			 "who may pause, stop and deploy",
			 listener->worker_id);
}

/* The daemon owns the socket from here on. */
static struct MHD_Daemon *
start_daemon(HttpListener *listener, int fd)
{
	struct MHD_OptionItem tls[HTTPTLS_OPTIONS_MAX] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG;

	if (listener->https)
	{
		flags |= MHD_USE_TLS;
		httptls_options(&listener->server->tls, tls);
	}
	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_error, NULL,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned) CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_SECONDS, MHD_OPTION_URI_LOG_CALLBACK,
		begin_request, NULL, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL, MHD_OPTION_END);
}

static bool
listen_at(HttpServer *server, const Listener *where, char *err, size_t errsize)
{
	HttpListener *listener = &server->listeners[server->n];
	const char *host = where->host;
	const int port = where->port;
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char service[16];
	bool loopback = false;
	int fd;
	int rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &found);
	if (rc != 0)
	{
		snprintf(err, errsize, "listeners: cannot resolve %s: %s", host, gai_strerror(rc));
		return false;
	}
	fd = bound_socket(found);
	rc = errno;
	freeaddrinfo(found);
	if (fd >= 0)
	{
		listener->server = server;
		listener->https = where->https;
		snprintf(listener->worker_id, sizeof(listener->worker_id),
				 strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d",
				 host[0] != '\0' ? host : "0.0.0.0", port_of(fd));
		loopback = is_loopback(fd);
		errno = 0;
		listener->daemon = start_daemon(listener, fd);
		rc = errno;
	}
	if (listener->daemon == NULL)
	{
		snprintf(err, errsize, "listeners: cannot listen on %s port %d: %s", host, port,
				 rc != 0 ? strerror(rc) : "libmicrohttpd does not start");
		if (fd >= 0)
			close(fd);
		return false;
	}
	server->n++;
	log_info("serving HTTP on http%s://%s", where->https ? "s" : "", listener->worker_id);
	if (!loopback && server->user == NULL && !(where->https && server->tls.required))
		warn_of_strangers(listener);
	return true;
}

/* The files are read for the first listener that needs them. */
static bool
has_tls(HttpServer *server, const RelayConfig *cfg, char *err, size_t errsize)
{
	return server->tls.keystore.data != NULL || httptls_load(&server->tls, cfg, err, errsize);
}

HttpServer *
http_start(const RelayConfig *cfg, Board *board, const RestOps *ops, char *err, size_t errsize)
{
	HttpServer *server = calloc(1, sizeof(*server));
	const char *list = cfg->listeners != NULL ? cfg->listeners : "";
	Listener where;

	snprintf(err, errsize, "out of memory");
	if (server == NULL)
		return NULL;
	server->board = board;
	server->ops = *ops;
	server->user = cfg->listeners_user;
	server->password = cfg->listeners_password;
	if ((server->user == NULL) != (server->password == NULL))
	{
		snprintf(err, errsize,
				 "nova.listeners.user and nova.listeners.password go together: the "
				 "other one is missing");
		free(server);
		return NULL;
	}
	while (server->n < LISTENERS_MAX && config_next_listener(&list, &where))
		if ((where.https && !has_tls(server, cfg, err, errsize)) ||
			!listen_at(server, &where, err, errsize))
		{
			http_stop(server);
			return NULL;
		}
	return server;
}

void
http_stop(HttpServer *server)
{
	if (server == NULL)
		return;
	for (size_t i = 0; i < server->n; i++)
		MHD_stop_daemon(server->listeners[i].daemon);
	httptls_free(&server->tls);
	free(server);
}
