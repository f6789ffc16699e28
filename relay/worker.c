/*-------------------------------------------------------------------------
 *
 * worker.c
 *		What a relay runs in: the process that serves HTTP, and starts the connector,
 *		stops it, and starts it again, as it is told.
 *
 * One thread, the loop's, does everything: while a relay runs, requests reach it
 * through RelayHost.wish(), between two of its turns; while none does, through
 * rest().  What runs is what was deployed when it began: a change makes the relay
 * end in order, and the next one begins with it.
 *
 *-------------------------------------------------------------------------
 */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "clock.h"
#include "control.h"
#include "datadir.h"
#include "http.h"
#include "log.h"
#include "numbers.h"
#include "offsets.h"
#include "rest.h"
#include "stopsignal.h"

#define ASK_MS     10000 /* for the loop to take a request */
#define PUBLISH_MS 10000 /* while nothing runs: health is judged by its age */

/* Why nothing runs, although it should. */
typedef enum WorkerRest
{
	REST_NONE,
	REST_FAILED,
	REST_DONE /* it has nothing more to do */
} WorkerRest;

typedef struct Worker
{
	const RelayArgs *args;
	DataDir *dir;       /* NULL: nothing can be deployed, nothing is remembered */
	RelayConfig *own;   /* the worker's settings: where it listens */
	char *defaults;     /* the same as JSON, for what is deployed; or NULL */
	bool own_listeners; /* somebody asked for them */
	Board *board;
	Control *control;
	HttpServer *http;
	int64_t started;

	RelayConfig *cfg; /* of the connector; NULL: there is none */
	char *text;       /* the same as JSON, as it was given; NULL without a directory */
	ControlTarget target;
	const RelayConfig *running; /* what the relay that runs began with */
	bool restart;
	char *signal; /* that the relay has not taken yet, or NULL */
	WorkerRest rest;
	int status; /* of the last relay */
} Worker;

static const char *const target_names[] = {
	[TARGET_RUNNING] = "RUNNING", [TARGET_PAUSED] = "PAUSED", [TARGET_STOPPED] = "STOPPED"};

bool
worker_accepts(const RelayConfig *cfg, const RelayArgs *args, char *err, size_t errsize)
{
	bool brokers = config_pair(&cfg->kafka, "bootstrap.servers") != NULL ||
				   config_pair(&cfg->kafka, "metadata.broker.list") != NULL;

	err[0] = '\0';
	if (args->sink == SINK_KAFKA && !args->embedded_broker && !brokers)
		snprintf(err, errsize,
				 "bootstrap.servers is missing; add it (host:port, or ${env:KAFKA_BROKER}), or use "
				 "--sink stdout or --embedded-broker");
	else if (args->sink == SINK_STDOUT && cfg->exactly_once)
		snprintf(err, errsize,
				 "exactly once needs Kafka's transactions, which --sink stdout does not have; "
				 "remove exactly.once.support and nova.delivery, or the option");
	else if (args->embedded_broker && brokers)
		log_warn("--embedded-broker: bootstrap.servers is not used, records go to the in-memory "
				 "broker only");
	return err[0] == '\0';
}

/*
 * Remembering
 */

/* What is in the file: as it would be posted to get there.  NULL: out of memory. */
static char *
deployment_text(const char *text, ControlTarget target)
{
	cJSON *json = cJSON_Parse(text);
	char *whole = NULL;

	cJSON_DeleteItemFromObjectCaseSensitive(json, "initial_state");
	if (cJSON_AddStringToObject(json, "initial_state", target_names[target]) != NULL)
		whole = cJSON_Print(json);
	cJSON_Delete(json);
	return whole;
}

static ControlTarget
deployment_target(const char *text)
{
	cJSON *json = cJSON_Parse(text);
	const cJSON *state = cJSON_GetObjectItemCaseSensitive(json, "initial_state");
	ControlTarget target = TARGET_RUNNING;

	for (int i = TARGET_RUNNING; cJSON_IsString(state) && i <= TARGET_STOPPED; i++)
		if (strcmp(state->valuestring, target_names[i]) == 0)
			target = (ControlTarget) i;
	cJSON_Delete(json);
	return target;
}

/* text NULL: nothing any more.  False with the request answered. */
static bool
save(Worker *w, const char *text, ControlTarget target, ControlRequest *q)
{
	char *whole = text != NULL ? deployment_text(text, target) : NULL;
	bool ok = w->dir == NULL;

	if (!ok && text != NULL && whole == NULL)
		snprintf(q->message, sizeof(q->message), "out of memory");
	else if (!ok)
		ok = datadir_write(w->dir, whole, q->message, sizeof(q->message));
	free(whole);
	if (!ok)
	{
		log_error("%s; nothing was changed", q->message);
		q->answer = CONTROL_FAILED;
	}
	return ok;
}

static void
forget_end(Worker *w)
{
	w->rest = REST_NONE;
	w->status = EXIT_OK;
}

static void
hold(Worker *w, RelayConfig *cfg, char *text, ControlTarget target)
{
	config_free(w->cfg);
	free(w->text);
	w->cfg = cfg;
	w->text = text;
	w->target = target;
	forget_end(w);
	board_show(w->board, cfg);
}

/*
 * What is asked
 */

static void
set_target(Worker *w, ControlRequest *q, ControlTarget target)
{
	if (target != w->target)
	{
		if (!save(w, w->text, target, q))
			return;
		log_info("connector %s: asked over HTTP to be %s", w->cfg->name, target_names[target]);
	}
	w->target = target;
	/* nothing is left that could have failed */
	if (target == TARGET_STOPPED)
		forget_end(w);
	q->answer = CONTROL_DONE;
}

static void
restart(Worker *w, ControlRequest *q)
{
	q->answer = CONTROL_NOTHING;
	if (w->target == TARGET_STOPPED || (q->only_failed && w->rest != REST_FAILED))
		return;
	log_info("connector %s: asked over HTTP to start again", w->cfg->name);
	forget_end(w);
	w->restart = true;
	q->answer = CONTROL_DONE;
}

static void delete (Worker *w, ControlRequest *q)
{
	if (!save(w, NULL, TARGET_STOPPED, q))
		return;
	log_info("connector %s: deleted over HTTP; slot %s %s", w->cfg->name, w->cfg->slot_name,
			 w->cfg->slot_drop_on_stop && w->running != NULL
				 ? "goes as well, as slot.drop.on.stop says"
				 : "stays and keeps WAL: drop it if nobody needs it any more");
	hold(w, NULL, NULL, TARGET_RUNNING);
	q->answer = CONTROL_DONE;
}

static void
deploy(Worker *w, ControlRequest *q)
{
	bool ours = w->cfg != NULL && strcmp(w->cfg->name, q->name) == 0;
	ControlTarget target = ours ? w->target : q->target;

	if (w->cfg != NULL && !ours)
	{
		q->answer = CONTROL_CONFLICT;
		snprintf(q->message, sizeof(q->message),
				 "This relay has the connector %.200s, and room for one: delete that first, or "
				 "start another relay",
				 w->cfg->name);
		return;
	}
	if (q->base != NULL && (!ours || strcmp(q->base, w->text) != 0))
	{
		q->answer = CONTROL_CONFLICT;
		snprintf(q->message, sizeof(q->message),
				 "The configuration of connector %.200s was changed by somebody else meanwhile: "
				 "look at it again, and repeat the call",
				 q->name);
		return;
	}
	if (ours && q->verb == CONTROL_CREATE)
	{
		q->answer = CONTROL_EXISTS;
		return;
	}
	if (!save(w, q->text, target, q))
		return;
	log_info("connector %s: %s over HTTP", q->name, ours ? "changed" : "deployed");
	hold(w, q->cfg, q->text, target);
	q->cfg = NULL;
	q->text = NULL;
	q->answer = ours ? CONTROL_DONE : CONTROL_CREATED;
}

static void
give_text(const Worker *w, ControlRequest *q)
{
	q->text = w->text != NULL ? strdup(w->text) : NULL;
	q->answer = q->text != NULL ? CONTROL_DONE : CONTROL_FAILED;
	if (q->text == NULL)
		snprintf(q->message, sizeof(q->message), "out of memory");
}

/* It goes by way of the database, so that it has its place among the changes. */
static void
hand_signal(Worker *w, ControlRequest *q)
{
	q->answer = CONTROL_CONFLICT;
	if (w->running == NULL || w->target != TARGET_RUNNING)
		snprintf(q->message, sizeof(q->message),
				 "Connector %.300s is not running: nobody would see the signal", q->name);
	else if (w->signal != NULL)
		snprintf(q->message, sizeof(q->message),
				 "The signal before this one is still on its way to the database");
	else
	{
		log_info("connector %s: a signal over HTTP: %s", q->name, q->text);
		w->signal = q->text;
		q->text = NULL;
		q->answer = CONTROL_DONE;
	}
}

/* 0: nothing is known of it any more. */
static void
publish_position(Worker *w, uint64_t lsn)
{
	Reading r;

	board_read(w->board, &r);
	r.numbers.confirmed_lsn = lsn;
	board_publish(w->board, &r);
	board_forget(&r);
}

/* Nothing runs meanwhile, and nobody else is answered. */
static void
change_offsets(Worker *w, ControlRequest *q)
{
	static const ControlAnswer answers[] = {[OFFSETS_DONE] = CONTROL_DONE,
											[OFFSETS_REFUSED] = CONTROL_INVALID,
											[OFFSETS_FAILED] = CONTROL_FAILED};
	OffsetsResult result;

	if (w->target != TARGET_STOPPED || w->running != NULL)
	{
		q->answer = CONTROL_INVALID;
		snprintf(q->message, sizeof(q->message),
				 "Connectors must be in the STOPPED state before their offsets can be modified. "
				 "This can be done for the specified connector by issuing a 'PUT' request to the "
				 "'/connectors/%.100s/stop' endpoint",
				 q->name);
		return;
	}
	result = q->verb == CONTROL_ALTER
				 ? offsets_alter(w->cfg, w->args, q->lsn, q->message, sizeof(q->message))
				 : offsets_reset(w->cfg, w->args, q->message, sizeof(q->message));
	q->answer = answers[result];
	if (result == OFFSETS_DONE)
		publish_position(w, q->lsn);
	else
		log_warn("connector %s: the offsets were to be %s over HTTP: %s", q->name,
				 q->verb == CONTROL_ALTER ? "altered" : "reset", q->message);
}

static void
serve_request(Worker *w, ControlRequest *q)
{
	bool deploys = q->verb == CONTROL_CREATE || q->verb == CONTROL_REPLACE;

	if (!deploys && (w->cfg == NULL || strcmp(w->cfg->name, q->name) != 0))
	{
		q->answer = CONTROL_MISSING;
		return;
	}
	switch (q->verb)
	{
		case CONTROL_PAUSE:
			set_target(w, q, TARGET_PAUSED);
			break;
		case CONTROL_RESUME:
			set_target(w, q, TARGET_RUNNING);
			break;
		case CONTROL_STOP:
			set_target(w, q, TARGET_STOPPED);
			break;
		case CONTROL_RESTART:
			restart(w, q);
			break;
		case CONTROL_DELETE:
			delete (w, q);
			break;
		case CONTROL_TEXT:
			give_text(w, q);
			break;
		case CONTROL_CREATE:
		case CONTROL_REPLACE:
			deploy(w, q);
			break;
		case CONTROL_SIGNAL:
			hand_signal(w, q);
			break;
		case CONTROL_ALTER:
		case CONTROL_RESET:
			change_offsets(w, q);
			break;
	}
}

static void
serve_requests(Worker *w)
{
	ControlRequest *q;

	while ((q = control_take(w->control)) != NULL)
	{
		serve_request(w, q);
		control_answer(w->control, q);
	}
}

/* For the relay that runs. */
static RelayWish
wish(void *arg)
{
	Worker *w = arg;

	serve_requests(w);
	if (w->cfg == NULL || (w->target == TARGET_STOPPED && w->cfg == w->running))
		return WISH_STOP;
	if (w->restart || w->cfg != w->running)
		return WISH_RESTART;
	return w->target == TARGET_PAUSED ? WISH_PAUSE : WISH_RUN;
}

static char *
next_signal(void *arg)
{
	Worker *w = arg;
	char *signal = w->signal;

	w->signal = NULL;
	return signal;
}

/*
 * On the threads of HTTP: nothing here changes while they live
 */

static bool
ask(void *arg, ControlRequest *request)
{
	const Worker *w = arg;

	return control_ask(w->control, request, ASK_MS);
}

static RelayConfig *
parse(void *arg, const char *json, size_t len, bool quiet, ConfigFaults *faults)
{
	const Worker *w = arg;
	char err[512];
	RelayConfig *cfg = config_deployed(json, len, w->defaults, quiet, faults);

	if (cfg == NULL || worker_accepts(cfg, w->args, err, sizeof(err)))
		return cfg;
	config_faults_add(faults, "bootstrap.servers", err);
	config_free(cfg);
	return NULL;
}

static Samples *
records(void *arg)
{
	const Worker *w = arg;

	return board_samples(w->board, clock_ms(CLOCK_REALTIME));
}

static char *
topics(void *arg)
{
	const Worker *w = arg;

	return board_topics(w->board);
}

static void
forget_topics(void *arg)
{
	const Worker *w = arg;

	board_forget_topics(w->board);
}

/*
 * The process
 */

static bool
is_at_rest(const Worker *w)
{
	return w->cfg == NULL || w->target == TARGET_STOPPED || w->rest != REST_NONE;
}

/* The last relay's numbers stay; what it is now is told anew. */
static void
publish_rest(Worker *w)
{
	Reading r;
	Numbers *n = &r.numbers;

	board_read(w->board, &r);
	n->at = clock_ms(CLOCK_REALTIME);
	n->started = w->started;
	n->failed = w->cfg != NULL && w->rest == REST_FAILED;
	n->connector = n->failed                     ? CONNECTOR_FAILED
				   : w->target == TARGET_STOPPED ? CONNECTOR_STOPPED
												 : CONNECTOR_RUNNING;
	n->streaming = n->blocked = false;
	n->snapshot_now = n->snapshot_running = n->increment_running = false;
	n->spooling = n->spool_full = false;
	/* one that waits for its connector waits for HTTP, and can be sent it */
	n->ready = w->cfg == NULL;
	snprintf(n->state, sizeof(n->state), "%s",
			 w->cfg == NULL                ? "EMPTY"
			 : !is_at_rest(w)              ? "START"
			 : n->failed                   ? "FAILED"
			 : w->target == TARGET_STOPPED ? "STOPPED"
										   : "DONE");
	board_publish(w->board, &r);
	board_forget(&r);
}

static void
rest(Worker *w)
{
	struct pollfd fds[] = {{.fd = stopsignal_fd(), .events = POLLIN},
						   {.fd = control_fd(w->control), .events = POLLIN}};

	publish_rest(w);
	if (poll(fds, 2, PUBLISH_MS) > 0)
		serve_requests(w);
}

/* What a relay that ended by itself means. */
static void
take_end(Worker *w, int status)
{
	w->status = status;
	w->rest = status == EXIT_OK ? REST_DONE : REST_FAILED;
	if (w->dir != NULL)
		log_info("connector %s: %s; POST /connectors/%s/restart starts it again", w->cfg->name,
				 w->rest == REST_DONE ? "nothing is left to do" : "failed, and stays so",
				 w->cfg->name);
}

static void
run_relay(Worker *w)
{
	RelayConfig *cfg = config_share(w->cfg);
	const RelayHost host = {.board = w->board,
							.started = w->started,
							.fd = control_fd(w->control),
							.wish = wish,
							.signal = next_signal,
							.arg = w};
	int status;

	w->running = cfg;
	w->restart = false;
	status = relay_run(cfg, w->args, &host);
	w->running = NULL;
	if (w->signal != NULL)
		log_warn("the connector ended before this signal was on its way: %s", w->signal);
	free(w->signal);
	w->signal = NULL;
	if (stopsignal_seen())
		w->status = status;
	else if (w->cfg == cfg && !w->restart && w->target != TARGET_STOPPED)
		take_end(w, status);
	config_free(cfg);
}

/* Without a directory there is nothing to stay for once the connector has ended. */
static bool
is_over(const Worker *w)
{
	return stopsignal_seen() || (w->dir == NULL && w->rest != REST_NONE);
}

/* The default port may be another's, and then nobody asked for it. */
static bool
start_http(Worker *w)
{
	const RestOps ops = {
		.arg = w,
		.ask = ask,
		.parse = parse,
		.records = records,
		.topics = topics,
		.forget_topics = forget_topics,
		.refusal = w->dir == NULL ? "This relay runs what its configuration file says: change "
									"that and start it again, or start it with --data-dir to "
									"deploy over HTTP"
								  : NULL};
	char err[512];

	w->http = http_start(w->own, w->board, &ops, err, sizeof(err));
	if (w->http != NULL)
		return true;
	if (!w->own_listeners && w->own->listeners_user == NULL)
	{
		log_warn("%s; going on without HTTP: set listeners to another port, or to nothing", err);
		return true;
	}
	log_error("cannot start: %s", err);
	return false;
}

static bool
worker_open(Worker *w)
{
	w->started = clock_ms(CLOCK_REALTIME);
	w->board = board_new();
	w->control = w->board != NULL ? control_new() : NULL;
	if (w->control == NULL)
	{
		log_error("cannot start: %s", w->board != NULL ? strerror(errno) : "out of memory");
		return false;
	}
	if (!stopsignal_install())
	{
		log_error("cannot start: cannot install signal handlers: %s", strerror(errno));
		return false;
	}
	return true;
}

static int
worker_loop(Worker *w)
{
	publish_rest(w);
	if (!start_http(w))
		return EXIT_USAGE;
	w->status = EXIT_OK;
	while (!is_over(w))
	{
		if (is_at_rest(w))
			rest(w);
		else
			run_relay(w);
	}
	return w->status;
}

static void
worker_close(Worker *w)
{
	http_stop(w->http);
	if (stopsignal_fd() >= 0)
		stopsignal_remove();
	board_free(w->board);
	control_free(w->control);
	datadir_close(w->dir);
	config_free(w->own);
	free(w->defaults);
	config_free(w->cfg);
	free(w->text);
}

int
worker_run(RelayConfig *cfg, const RelayArgs *args)
{
	Worker w = {.args = args, .own = config_share(cfg), .status = EXIT_USAGE};

	w.own_listeners = config_pair(&cfg->given, "listeners") != NULL;
	if (worker_open(&w))
	{
		hold(&w, config_share(cfg), NULL, TARGET_RUNNING);
		w.status = worker_loop(&w);
	}
	worker_close(&w);
	return w.status;
}

/* What was deployed before.  False after an error, with which the process had better not start. */
static bool
load_deployment(Worker *w)
{
	ConfigFaults faults = {0};
	char err[512];
	char *text;
	RelayConfig *cfg;

	if (!datadir_read(w->dir, &text, err, sizeof(err)))
	{
		log_error("cannot start: %s", err);
		return false;
	}
	if (text == NULL)
	{
		log_info("no connector is deployed: POST one to /connectors");
		return true;
	}
	cfg = parse(w, text, strlen(text), false, &faults);
	for (size_t i = 0; i < faults.count; i++)
		log_error("cannot start: what was deployed is not valid any more: %s",
				  faults.items[i].text);
	config_faults_free(&faults);
	if (cfg == NULL)
	{
		free(text);
		return false;
	}
	hold(w, cfg, text, deployment_target(text));
	log_info("connector %s was deployed, and is to be %s", cfg->name, target_names[w->target]);
	return true;
}

int
worker_serve(const char *data_dir, const char *path, const RelayArgs *args)
{
	Worker w = {.args = args, .status = EXIT_USAGE};
	char err[1024];

	w.own = config_worker(path, &w.defaults, err, sizeof(err));
	if (w.own == NULL || (w.dir = datadir_open(data_dir, err, sizeof(err))) == NULL)
		log_error("%s", err);
	else
	{
		w.own_listeners = config_pair(&w.own->given, "listeners") != NULL;
		if (worker_open(&w) && load_deployment(&w))
		{
			w.status = worker_loop(&w);
		}
	}
	worker_close(&w);
	return w.status;
}
