/*-------------------------------------------------------------------------
 *
 * status.c
 *		`nova-relay status`: how a running relay is doing, asked over HTTP.
 *
 * All it shows comes from /connectors?expand=status and /metrics, so that it
 * knows no more than any other client.  On a terminal it is drawn anew every
 * second until a signal; else it is printed once.
 *
 *-------------------------------------------------------------------------
 */
#include "status.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "copydata.h"
#include "httpget.h"
#include "log.h"
#include "pgwait.h"
#include "terminal.h"

#define REFRESH_MS  1000
#define METRIC_ROAD "nova_stream_road"

typedef enum Unit
{
	UNIT_COUNT,
	UNIT_BYTES,
	UNIT_MS,
	UNIT_S,
	UNIT_LSN,
	UNIT_YES
} Unit;

/* What is shown, in this order; a metric that is not there makes no line. */
static const struct
{
	const char *label;
	const char *metric;
	Unit unit;
	bool rate; /* how fast it grows, too */
	bool rare; /* only if it is not 0 */
} rows[] = {
	{"records acknowledged", "nova_records_acknowledged_total", UNIT_COUNT, true, false},
	{"bytes received", "nova_received_bytes_total", UNIT_BYTES, true, false},
	{"transactions verified", "nova_transactions_verified_total", UNIT_COUNT, true, false},
	{"records on their way", "nova_lag_records", UNIT_COUNT, false, false},
	{"WAL behind", "nova_lag_bytes", UNIT_BYTES, false, false},
	{"last transaction behind", "debezium_metrics_MilliSecondsBehindSource", UNIT_MS, false, false},
	{"confirmed LSN", "nova_confirmed_lsn", UNIT_LSN, false, false},
	{"received LSN", "nova_received_lsn", UNIT_LSN, false, false},
	{"Kafka takes no more", "nova_backpressure", UNIT_YES, false, true},
	{"spooling to local disk", "nova_spooling", UNIT_YES, false, true},
	{"spool: bytes", "nova_spool_bytes", UNIT_BYTES, false, true},
	{"spool: payloads", "nova_spool_entries", UNIT_COUNT, false, true},
	{"spool: takes no more", "nova_spool_full", UNIT_YES, false, true},
	{"spool: oldest", "nova_spool_oldest_seconds", UNIT_S, false, true},
	{"snapshot: running", "debezium_metrics_SnapshotRunning", UNIT_YES, false, true},
	{"snapshot: rows", "nova_snapshot_rows", UNIT_COUNT, false, true},
	{"snapshot: rows expected", "nova_snapshot_rows_expected", UNIT_COUNT, false, true},
	{"snapshot: tables left", "debezium_metrics_RemainingTableCount", UNIT_COUNT, false, true},
	{"snapshot: time left", "nova_snapshot_left_seconds", UNIT_S, false, true},
	{"incremental snapshot", "nova_incremental_snapshot_running", UNIT_YES, false, true},
	{"changes of road", "nova_stream_road_changes_total", UNIT_COUNT, false, true},
	{"reconnects", "nova_reconnects_total", UNIT_COUNT, false, true},
	{"dead letters", "nova_dead_letters_total", UNIT_COUNT, false, true},
	{"skipped records", "nova_skipped_records_total", UNIT_COUNT, false, true},
	{"dropped changes", "nova_dropped_changes_total", UNIT_COUNT, false, true},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

typedef struct View
{
	const StatusArgs *args;
	HttpPlace place;
	char url[300]; /* the same */
	char *metrics;
	cJSON *connectors; /* name: {"status": …} */
	double before[ROWS];
	int64_t asked; /* when; 0: never */
	int64_t asked_before;
} View;

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void) number;
	stopped = 1;
}

/*
 * Prometheus text
 */

/* The sample behind this line that is of that name; NULL: there is none. */
static const char *
next_sample(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line != NULL && *line != '\0';)
	{
		const char *end;

		if (strncmp(line, name, len) == 0 && (line[len] == '{' || line[len] == ' '))
			return line;
		end = strchr(line, '\n');
		line = end != NULL ? end + 1 : NULL;
	}
	return NULL;
}

/* Its value stands behind the last space of the line. */
static double
value_of(const char *sample)
{
	size_t len = strcspn(sample, "\n");
	const char *space = memrchr(sample, ' ', len);

	return space != NULL ? strtod(space, NULL) : 0;
}

bool
status_metric(const char *text, const char *name, double *value)
{
	const char *sample = next_sample(text, name);

	*value = sample != NULL ? value_of(sample) : 0;
	return sample != NULL;
}

bool
status_label(const char *text, const char *name, const char *label, char *out, size_t size)
{
	const char *sample = next_sample(text, name);
	char pattern[100];

	snprintf(pattern, sizeof(pattern), "%s=\"", label);
	while (sample != NULL)
	{
		size_t len = strcspn(sample, "\n");
		const char *at = memmem(sample, len, pattern, strlen(pattern));

		/* of several, as in a set of states, the one that is */
		if (at != NULL && value_of(sample) != 0)
		{
			at += strlen(pattern);
			snprintf(out, size, "%.*s", (int) strcspn(at, "\"\n"), at);
			return true;
		}
		sample = next_sample(sample + len, name);
		if (sample == NULL)
			break;
	}
	return false;
}

/*
 * Asking
 */

static bool
ask(View *v, const char *path, char **body)
{
	char err[512];
	int code = httpget(&v->place, path, v->args->timeout_s * 1000, body, err, sizeof(err));

	if (code == 200)
		return true;
	if (code == 401)
		log_error("%s: it asks for a user and a password, and %s; see --user", v->url,
				  v->place.user != NULL ? "these are others" : "none were given");
	else if (code != 0)
		log_error("%s%s: status %d; is that a relay?", v->url, path, code);
	else
		log_error("%s; is the relay running, and listeners what it was started with?", err);
	free(*body);
	*body = NULL;
	return false;
}

static bool
ask_all(View *v)
{
	char *body = NULL;

	free(v->metrics);
	v->metrics = NULL;
	cJSON_Delete(v->connectors);
	v->connectors = NULL;
	if (!ask(v, "/connectors?expand=status", &body) || !ask(v, "/metrics", &v->metrics))
	{
		free(body);
		return false;
	}
	v->connectors = cJSON_Parse(body);
	free(body);
	if (!cJSON_IsObject(v->connectors))
	{
		log_error("%s: it does not answer as a relay does", v->url);
		return false;
	}
	v->asked_before = v->asked;
	v->asked = pgwait_now();
	return true;
}

/* A string somewhere in an object, or "". */
static const char *
text_at(const cJSON *item, const char *first, const char *second, const char *third)
{
	const char *path[] = {first, second, third};

	for (int i = 0; i < 3 && path[i] != NULL; i++)
		item = cJSON_GetObjectItemCaseSensitive(item, path[i]);
	return cJSON_IsString(item) ? item->valuestring : "";
}

static const char *
task_state(const cJSON *connector)
{
	const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(connector, "status"), "tasks");

	return text_at(cJSON_GetArrayItem(tasks, 0), "state", NULL, NULL);
}

static bool
is_running(const View *v)
{
	const cJSON *connector = v->connectors->child;

	return connector != NULL &&
		   strcmp(text_at(connector, "status", "connector", "state"), "RUNNING") == 0 &&
		   strcmp(task_state(connector), "RUNNING") == 0;
}

/*
 * Showing
 */

static void
print_bytes(double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	for (; bytes >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		bytes /= 1024;
	printf(i == 0 ? "%.0f %s" : "%.1f %s", bytes, units[i]);
}

static void
print_value(double value, Unit unit)
{
	uint64_t whole = value > 0 ? (uint64_t) value : 0;

	switch (unit)
	{
		case UNIT_COUNT:
			printf("%.0f", value);
			break;
		case UNIT_BYTES:
			print_bytes(value);
			break;
		case UNIT_MS:
			printf("%.0f ms", value);
			break;
		case UNIT_S:
			printf("%.0f s", value);
			break;
		case UNIT_LSN:
			printf(LSN_FORMAT, LSN_ARGS(whole));
			break;
		case UNIT_YES:
			fputs(value != 0 ? "yes" : "no", stdout);
			break;
	}
}

static void
print_row(View *v, size_t i)
{
	double seconds = (double) (v->asked - v->asked_before) / 1000;
	double value;

	if (!status_metric(v->metrics, rows[i].metric, &value) || (rows[i].rare && value == 0))
		return;
	/* there was nothing yet that it could be of */
	if (rows[i].unit == UNIT_MS && value < 0)
		return;
	printf("  %-24s ", rows[i].label);
	print_value(value, rows[i].unit);
	if (rows[i].rate && v->asked_before != 0 && seconds > 0)
	{
		fputs("  (", stdout);
		print_value((value - v->before[i]) / seconds, rows[i].unit);
		fputs("/s)", stdout);
	}
	putchar('\n');
	v->before[i] = value;
}

/* By which one the stream comes, and why; no stream yet, no line. */
static void
print_road(const View *v)
{
	char road[64];
	char reason[64] = "";

	if (!status_label(v->metrics, METRIC_ROAD, "road", road, sizeof(road)))
		return;
	(void) status_label(v->metrics, METRIC_ROAD, "reason", reason, sizeof(reason));
	printf("  %-24s %s (%s)\n", "road", road, reason);
}

static void
print_view(View *v)
{
	char state[64] = "not known";

	if (v->connectors->child == NULL)
		printf("%s: no connector is deployed\n", v->url);
	for (const cJSON *c = v->connectors->child; c != NULL; c = c->next)
	{
		const char *trace =
			text_at(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(
										   cJSON_GetObjectItemCaseSensitive(c, "status"), "tasks"),
									   0),
					"trace", NULL, NULL);

		printf("%s: connector %s, task %s, %s\n", c->string,
			   text_at(c, "status", "connector", "state"), task_state(c), v->url);
		if (trace[0] != '\0')
			printf("  %s\n", trace);
	}
	(void) status_label(v->metrics, "nova_state", "state", state, sizeof(state));
	printf("  %-24s %s\n", "state", state);
	print_road(v);
	for (size_t i = 0; i < ROWS; i++)
		print_row(v, i);
}

static void
print_json(View *v)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *numbers = cJSON_CreateObject();
	char state[64] = "";
	char road[64] = "";
	char reason[64] = "";
	char *text;

	cJSON_AddItemReferenceToObject(root, "connectors", v->connectors);
	(void) status_label(v->metrics, "nova_state", "state", state, sizeof(state));
	cJSON_AddStringToObject(root, "state", state);
	(void) status_label(v->metrics, METRIC_ROAD, "road", road, sizeof(road));
	(void) status_label(v->metrics, METRIC_ROAD, "reason", reason, sizeof(reason));
	cJSON_AddStringToObject(root, "road", road);
	cJSON_AddStringToObject(root, "road_reason", reason);
	cJSON_AddItemToObject(root, "metrics", numbers);
	for (size_t i = 0; i < ROWS; i++)
	{
		double value;

		if (status_metric(v->metrics, rows[i].metric, &value))
			cJSON_AddNumberToObject(numbers, rows[i].metric, value);
	}
	text = cJSON_PrintUnformatted(root);
	puts(text != NULL ? text : "{}");
	free(text);
	cJSON_Delete(root);
}

/* Where the relay of the configuration can be asked; false after a line. */
static bool
find_listener(View *v, const RelayConfig *cfg)
{
	const char *list = cfg->listeners != NULL ? cfg->listeners : "";
	Listener first;

	if (!config_next_listener(&list, &first))
	{
		log_error("listeners is empty: this relay serves no HTTP, so that it cannot be asked");
		return false;
	}
	if (first.port == 0)
	{
		log_error("listeners has port 0: give the URL that the relay's log has");
		return false;
	}
	v->place.https = first.https;
	snprintf(v->place.host, sizeof(v->place.host), "%s",
			 first.host[0] != '\0' ? first.host : "127.0.0.1");
	snprintf(v->place.port, sizeof(v->place.port), "%d", first.port);
	return true;
}

/* The password is on no command line, where everybody would see it. */
static bool
find_password(View *v, const RelayConfig *cfg)
{
	v->place.ca = v->args->ca;
	v->place.cert = v->args->cert;
	v->place.user = v->args->user;
	if (v->args->user != NULL)
	{
		v->place.password = getenv(STATUS_PASSWORD);
		if (v->place.password == NULL)
			log_error("--user needs the password in the environment, as " STATUS_PASSWORD);
		return v->place.password != NULL;
	}
	if (cfg != NULL)
	{
		v->place.user = cfg->listeners_user;
		v->place.password = cfg->listeners_password;
	}
	return true;
}

static bool
find_place(View *v, const RelayConfig *cfg)
{
	if (v->args->url == NULL)
		return find_listener(v, cfg);
	if (httpget_parse_url(v->args->url, &v->place))
		return true;
	log_error("%s: expected http://host:port or https://host:port", v->args->url);
	return false;
}

static bool
find_relay(View *v, const RelayConfig *cfg)
{
	if (!find_place(v, cfg) || !find_password(v, cfg))
		return false;
	(void) httpget_url(&v->place, v->url, sizeof(v->url));
	return true;
}

static void
watch(View *v)
{
	const struct timespec pause = {.tv_sec = REFRESH_MS / 1000,
								   .tv_nsec = REFRESH_MS % 1000 * 1000000L};

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	do
	{
		/* home, and what is below goes: no flicker */
		fputs("\033[H\033[J", stdout);
		print_view(v);
		printf("\n^C ends this.\n");
		fflush(stdout);
		if (!stopped)
			nanosleep(&pause, NULL);
	} while (!stopped && !ferror(stdout) && ask_all(v));
}

int
relay_status(const RelayConfig *cfg, const StatusArgs *args)
{
	View v = {.args = args};
	int status = EXIT_NOT_ASKED;

	if (find_relay(&v, cfg) && ask_all(&v))
	{
		status = is_running(&v) ? EXIT_RUNNING : EXIT_NOT_RUNNING;
		if (args->json)
			print_json(&v);
		else if (args->once || terminal_columns(STDOUT_FILENO) == 0)
			print_view(&v);
		else
		{
			watch(&v);
			if (v.connectors == NULL)
				status = EXIT_NOT_ASKED;
			else
				status = is_running(&v) ? EXIT_RUNNING : EXIT_NOT_RUNNING;
		}
	}
	free(v.metrics);
	cJSON_Delete(v.connectors);
	return status;
}
