/*-------------------------------------------------------------------------
 *
 * offsets.c
 *		Altering and resetting the position of a connector that is stopped.
 *
 * The slot moves before what is remembered does.  Cut off in between, the next start
 * finds the slot beyond what it remembers, and says so.
 *
 * A reset leaves the slot where it is.  It makes what is remembered look as after a
 * snapshot that was cut off at its beginning: so the next start drops the slot itself,
 * in the moment in which the new one with its snapshot takes its place.
 *
 *-------------------------------------------------------------------------
 */
#include "offsets.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copydata.h"
#include "log.h"
#include "pgstream.h"
#include "pgwait.h"
#include "sink.h"
#include "state.h"
#include "stopsignal.h"
#include "txnplan.h"

#define HOLDER_MS 5000 /* for the server to see that whoever read the slot is gone */
#define LOOK_MS   50

#define AGAIN     "; the same call again makes it whole"

typedef struct Offsets
{
	const RelayConfig *cfg;
	const RelayArgs *args;
	PgStream *pg;
	StateStore *store; /* NULL: nothing is remembered outside of the slot */
	int64_t until;
	OffsetsResult result;
	char *err;
	size_t errsize;
} Offsets;

/* False, for the caller to return. */
__attribute__((format(printf, 3, 4))) static bool
end_with(Offsets *o, OffsetsResult result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->err, o->errsize, format, args);
	va_end(args);
	o->result = result;
	return false;
}

/* Wait for one of fd's events, which may be -1, or so long.  False: the time is over. */
static bool
wait_for(Offsets *o, int fd, short events, int ms)
{
	struct pollfd fds[] = {{.fd = stopsignal_fd(), .events = POLLIN}, {.fd = fd, .events = events}};

	(void) poll(fds, 2, ms);
	if (stopsignal_seen())
		return end_with(o, OFFSETS_FAILED, "the relay is about to end" AGAIN);
	return pgwait_now() < o->until ||
		   end_with(o, OFFSETS_FAILED,
					"not done in %d s: are PostgreSQL and Kafka there? To move a slot a long way, "
					"call pg_replication_slot_advance() in the database first" AGAIN,
					OFFSETS_MS / 1000);
}

/*
 * PostgreSQL
 */

/* What was begun, to its end. */
static bool
finish_query(Offsets *o)
{
	PgStatus status;

	while ((status = pgstream_advance(o->pg, pgwait_now())) == PG_AGAIN)
		if (!wait_for(o, pgstream_socket(o->pg), pgstream_events(o->pg), LOOK_MS))
			return false;
	return status == PG_READY ||
		   end_with(o, OFFSETS_FAILED, "PostgreSQL: %s", pgstream_error(o->pg));
}

/* A walsender ends a moment after its client. */
static bool
slot_is_free(Offsets *o)
{
	const SlotHolder *holder = &pgstream_server(o->pg)->row.holder;
	int64_t until = pgwait_now() + HOLDER_MS;
	char text[512];

	while (holder->pid != 0 && pgwait_now() < until)
	{
		if (!wait_for(o, -1, 0, LOOK_MS))
			return false;
		pgstream_look_slot(o->pg, pgwait_now());
		if (!finish_query(o))
			return false;
	}
	if (holder->pid == 0)
		return true;
	slot_holder_text(holder, text, sizeof(text));
	return end_with(o, OFFSETS_REFUSED, "The slot %s is in use by %s: stop that one first",
					o->cfg->slot_name, text);
}

/*
 * Kafka
 */

static bool
finish_state(Offsets *o)
{
	StoreStatus status;

	while ((status = state_advance(o->store, pgwait_now())) == STORE_AGAIN)
		if (!wait_for(o, -1, 0, STATE_POLL_MS))
			return false;
	return status == STORE_READY || end_with(o, OFFSETS_FAILED, "%s" AGAIN, state_error(o->store));
}

/* Without Kafka, or with one that is made anew at every start, nothing outlives a run. */
static bool
remembers(const Offsets *o)
{
	return o->args->sink == SINK_KAFKA && !o->args->embedded_broker;
}

static bool
read_state(Offsets *o)
{
	if (!remembers(o))
		return true;
	o->store = state_new(o->cfg, NULL);
	if (o->store == NULL)
		return end_with(o, OFFSETS_FAILED, "out of memory");
	state_read(o->store, o->cfg->snapshot_mode != SNAPSHOT_NO_DATA || o->cfg->exactly_once);
	return finish_state(o);
}

static bool
write_state(Offsets *o, const StateRecord *record)
{
	state_write(o->store, record);
	return finish_state(o);
}

static void
ignore_ack(void *arg, Buffer *buf, uint32_t n)
{
	(void) arg;
	(void) buf;
	(void) n;
}

/* To the state that the sink is to reach. */
static bool
finish_commit(Offsets *o, Sink *sink, uint64_t commits)
{
	size_t acks;

	while (sink->txn != SINK_TXN_OPEN || sink->commits < commits)
	{
		struct pollfd fd = sink_pollfd(sink);

		if (sink_poll(sink, &acks) != SINK_OK)
			return end_with(o, OFFSETS_FAILED, "%s" AGAIN, sink->error);
		if (!wait_for(o, fd.fd, fd.events, LOOK_MS))
			return false;
	}
	return true;
}

static bool
commit_text(Offsets *o, const char *key, const char *text)
{
	const SinkEvents events = {.acked = ignore_ack, .given_up = ignore_ack};
	Sink *sink = sink_kafka_open(o->cfg, o->args, events, o->err, o->errsize);
	bool ok;

	if (sink == NULL)
	{
		o->result = OFFSETS_FAILED;
		return false;
	}
	/* whoever had the ids before can commit no older position behind this one */
	sink_claim(sink);
	ok = finish_commit(o, sink, 0);
	if (ok)
	{
		sink_commit(sink, key, text);
		ok = finish_commit(o, sink, 1);
	}
	sink_close(sink);
	return ok;
}

/* Exactly once, where the stream goes on is in the topic with its transactions; 0: at the slot. */
static bool
commit_position(Offsets *o, uint64_t lsn)
{
	const PgServer *server = pgstream_server(o->pg);
	TxnPosition position = {.lsn = lsn};
	char *key = state_position_key(o->cfg);
	char *text;
	bool ok;

	snprintf(position.system_id, sizeof(position.system_id), "%s", server->system_id);
	snprintf(position.timeline, sizeof(position.timeline), "%s", server->timeline);
	text = txnplan_format(&position);
	ok = key != NULL && text != NULL ? commit_text(o, key, text)
									 : end_with(o, OFFSETS_FAILED, "out of memory" AGAIN);
	free(key);
	free(text);
	return ok;
}

/*
 * Altering
 */

static bool
is_foreign(const Offsets *o, const char *system_id)
{
	return system_id[0] != '\0' && strcmp(system_id, pgstream_server(o->pg)->system_id) != 0;
}

/* May what is remembered have another position? */
static bool
memory_allows(Offsets *o)
{
	const StateRecord *record = state_record(o->store);
	const char *text = state_position(o->store);
	TxnPosition position = {0};

	if (text != NULL)
		(void) txnplan_parse(text, strlen(text), &position);
	if (is_foreign(o, record->system_id) || is_foreign(o, position.system_id))
		return end_with(o, OFFSETS_REFUSED,
						"What is remembered of slot %s in topic %s is of another database cluster: "
						"its offsets mean nothing here. Reset them (DELETE), or use another "
						"slot.name",
						o->cfg->slot_name, o->cfg->state_topic);
	if (record->phase == PHASE_BEGIN)
		return end_with(o, OFFSETS_REFUSED,
						"The initial snapshot of slot %s is not complete, and the changes from its "
						"beginning on belong to it: resume the connector and let it finish, or "
						"reset the offsets (DELETE) to begin it again",
						o->cfg->slot_name);
	return true;
}

static bool
position_allows(Offsets *o, uint64_t lsn)
{
	const PgServer *server = pgstream_server(o->pg);

	if (server->slot != SLOT_PRESENT)
		return end_with(o, OFFSETS_REFUSED,
						"Slot %s is not there, or is invalidated: it has no position that could be "
						"altered. Resume the connector, which says what it needs, or reset the "
						"offsets (DELETE)",
						o->cfg->slot_name);
	if (lsn < server->confirmed_lsn)
		return end_with(o, OFFSETS_REFUSED,
						"LSN " LSN_FORMAT " is before " LSN_FORMAT ", where slot %s stands: "
						"PostgreSQL does not keep what is before that, so a slot cannot go back. "
						"To have rows sent again, reset the offsets (DELETE), or signal an "
						"incremental snapshot",
						LSN_ARGS(lsn), LSN_ARGS(server->confirmed_lsn), o->cfg->slot_name);
	if (lsn > server->wal_end)
		return end_with(o, OFFSETS_REFUSED,
						"LSN " LSN_FORMAT " is behind " LSN_FORMAT ", the end of what the server "
						"has written",
						LSN_ARGS(lsn), LSN_ARGS(server->wal_end));
	return o->store == NULL || memory_allows(o);
}

/* Nothing contradicts the slot where no position is remembered. */
static bool
alter_memory(Offsets *o, uint64_t lsn)
{
	const PgServer *server = pgstream_server(o->pg);
	StateRecord record;

	if (o->store == NULL)
		return true;
	record = *state_record(o->store);
	if (record.position != 0)
	{
		record.position = lsn;
		snprintf(record.timeline, sizeof(record.timeline), "%s", server->timeline);
		if (!write_state(o, &record))
			return false;
	}
	return !o->cfg->exactly_once || commit_position(o, lsn);
}

static bool
alter(Offsets *o, uint64_t lsn)
{
	uint64_t was = pgstream_server(o->pg)->confirmed_lsn;

	if (!position_allows(o, lsn))
		return false;
	if (lsn > was)
	{
		pgstream_move(o->pg, lsn, pgwait_now());
		if (!finish_query(o))
			return false;
		log_warn("slot %s: moved from LSN " LSN_FORMAT " to " LSN_FORMAT ", as asked over HTTP: "
				 "what was committed between them is not delivered",
				 o->cfg->slot_name, LSN_ARGS(was), LSN_ARGS(lsn));
	}
	return alter_memory(o, lsn);
}

/*
 * Resetting
 */

/* Does a first start with this mode read the rows, into the place of the slot that is there? */
static bool
begins_anew(const RelayConfig *cfg)
{
	return cfg->snapshot_mode == SNAPSHOT_INITIAL || cfg->snapshot_mode == SNAPSHOT_WHEN_NEEDED;
}

/* As far as is known. */
static uint64_t
delivered_lsn(const Offsets *o)
{
	const char *text = state_position(o->store);
	TxnPosition position = {.lsn = state_record(o->store)->position};

	if (o->cfg->exactly_once && text != NULL)
		(void) txnplan_parse(text, strlen(text), &position);
	return position.lsn != 0 ? position.lsn : pgstream_server(o->pg)->confirmed_lsn;
}

static bool
reset(Offsets *o)
{
	const PgServer *server = pgstream_server(o->pg);
	StateRecord record = {.phase = begins_anew(o->cfg) ? PHASE_BEGIN : PHASE_NONE};
	uint64_t delivered = delivered_lsn(o);

	if (record.phase == PHASE_BEGIN)
	{
		snprintf(record.system_id, sizeof(record.system_id), "%s", server->system_id);
		snprintf(record.timeline, sizeof(record.timeline), "%s", server->timeline);
	}
	if (!write_state(o, &record) || (o->cfg->exactly_once && !commit_position(o, 0)))
		return false;
	log_warn("slot %s: the offsets are reset, as asked over HTTP: everything before LSN " LSN_FORMAT
			 " was delivered, the slot stands at " LSN_FORMAT "; the next start %s",
			 o->cfg->slot_name, LSN_ARGS(delivered), LSN_ARGS(server->confirmed_lsn),
			 begins_anew(o->cfg) ? "drops it and begins with a snapshot"
								 : "does as snapshot.mode says, and goes on from the slot");
	return true;
}

/*
 * The interface
 */

static bool
offsets_open(Offsets *o)
{
	o->until = pgwait_now() + OFFSETS_MS;
	o->pg = pgstream_new(o->cfg);
	if (o->pg == NULL)
		return end_with(o, OFFSETS_FAILED, "out of memory");
	pgstream_connect(o->pg, pgwait_now());
	return finish_query(o) && slot_is_free(o) && read_state(o);
}

static OffsetsResult
offsets_close(Offsets *o)
{
	state_free(o->store);
	pgstream_free(o->pg);
	return o->result;
}

OffsetsResult
offsets_alter(const RelayConfig *cfg, const RelayArgs *args, uint64_t lsn, char *err,
			  size_t errsize)
{
	Offsets o = {.cfg = cfg, .args = args, .err = err, .errsize = errsize};

	if (offsets_open(&o))
		(void) alter(&o, lsn);
	return offsets_close(&o);
}

OffsetsResult
offsets_reset(const RelayConfig *cfg, const RelayArgs *args, char *err, size_t errsize)
{
	Offsets o = {.cfg = cfg, .args = args, .err = err, .errsize = errsize};

	if (!remembers(&o))
		(void) end_with(&o, OFFSETS_REFUSED,
						"This relay remembers nothing outside of its slot: to begin anew, drop "
						"slot %s in the database and resume",
						cfg->slot_name);
	else if (offsets_open(&o))
		(void) reset(&o);
	return offsets_close(&o);
}
