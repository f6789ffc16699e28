/*-------------------------------------------------------------------------
 *
 * relay.c
 *		The relay's loop: from the slot to the sink, with all retry policy.
 *
 * One thread.  Every turn waits once in poll() for PostgreSQL, the sink, a
 * signal or the nearest deadline, and then does a bounded amount of work: take
 * acknowledgements, let the state's handler run, send what is due.  The states
 * are in one table below; only this file decides what is tried again and what
 * stops the relay.
 *
 * Positions.  "write" is what was received, "flush" and "apply" are what is
 * safe in the sink, and only that lets the server throw WAL away.  A
 * keepalive's position is adopted only when nothing is in flight, and one that
 * asks for a reply may have overtaken data the plugin holds back, so that one
 * only when it comes twice in a row (the server shutting down).
 *
 * Nothing is confirmed before the state topic has the position as well: so the
 * slot never stands beyond what is remembered, unless somebody else moved or made
 * it, and then the stream would have a gap.
 *
 * Standing by.  A slot that another process holds is waited for in STANDBY.  What
 * was remembered before is old by then, so that the start begins again: in LOOK, or
 * from the very beginning (start_again) when this process has streamed.
 *
 * Snapshot.  What a start does is decided in DECIDE, from the mode, the slot and
 * what the state topic remembers, and again under the lock that keeps other
 * relays from it.  "begin" is safe there before the
 * slot exists, "done" after the last row is acknowledged, and until then a slot
 * that this process made is dropped again when it stops (undo_slot).  The
 * replication connection lies idle meanwhile, so that the snapshot it exported
 * lives.
 *
 * Exactly once.  CLAIM fences relays before this one, RECALL reads how far they
 * came (the position, which every Kafka transaction ends with), and the stream
 * begins there.  Acknowledgements come with commits, so that all else is as it
 * is at least once; only when a transaction ends is decided here, every turn
 * (plan_cut).  An aborted transaction is a stream that broke off: what was
 * received is dropped, and comes again from the last committed position on.
 *
 * Spool.  When Kafka acknowledges nothing for nova.spool.after.ms, the stream is
 * ended and begun again (REOPEN), from what is safe on, and from there goes to local
 * disk (spool.h) instead of to the delivery: so the spool has everything that Kafka
 * has not, also what is in flight, and only transactions that are whole and on the
 * disk are confirmed.  Once Kafka takes records again, the delivery is fed from its
 * front while the stream goes on to its end, and when it has nothing left the stream
 * goes to the delivery again.  Its files go when all of it is acknowledged and the
 * state topic has its end for a position; until then neither that position nor what
 * is confirmed passes its end.  So either one beyond it says that somebody else has
 * gone on without what is in it, which is then not delivered any more.
 *
 * Roads.  The stream comes from a walsender or, direct, from an ordinary backend
 * (road.h).  It changes from the one to the other where nothing of a transaction has
 * come: from there on nothing is read (CHANGE), and once all of it is acknowledged and
 * confirmed the stream is ended (REOPEN) and begun again by the other road.  What the
 * server has sent meanwhile is dropped unseen, and comes there.  So the slot stands
 * where the new stream begins, whoever takes it, and nothing comes twice.
 *
 * Traps: back-pressure means that libpq's socket is not polled for reading, so
 * nothing but our own timer keeps the walsender from timing us out.  Memory is
 * bounded by the sink's queue and by LENT_BYTES_MAX, because one slow record
 * pins the whole payload it came in.
 *
 *-------------------------------------------------------------------------
 */
#include "relay.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "copydata.h"
#include "delivery.h"
#include "heartbeat.h"
#include "increment.h"
#include "log.h"
#include "meter.h"
#include "numbers.h"
#include "pgstream.h"
#include "poison.h"
#include "road.h"
#include "sidequery.h"
#include "sink.h"
#include "slot.h"
#include "snapplan.h"
#include "snapshot.h"
#include "spool.h"
#include "spoolfit.h"
#include "sqltext.h"
#include "state.h"
#include "stopsignal.h"
#include "topicmaker.h"
#include "txnplan.h"

/* Messages taken in one turn; acknowledgements and signals wait that long. */
#define MESSAGES_PER_TURN 64

/* Lent to the sink in total; above it nothing is read.  Twice its queue. */
#define LENT_BYTES_MAX      ((size_t) 64 * 1024 * 1024)

#define STATUS_MIN_MS       100   /* between two status updates that nobody asked for */
#define PROGRESS_MS         60000 /* between two progress lines */
#define RETRY_LOG_MS        30000 /* the same failure is said again after this */
#define STEADY_MS           30000 /* a stream that lived so long resets the back-off */
#define BACKOFF_SHIFTS      16
#define LONGEST_WAIT_MS     60000
#define PUBLISH_MS          100  /* between two publications of the numbers */
#define TABLES_MAX          1000 /* of a snapshot that are published */

#define SLOT_WAIT_MS        2000 /* a slot that takes longer to make waits for somebody */
#define BLOCKED_POLL_MS     100  /* while the sink takes nothing */
#define LOAD_PATIENCE_MS    5000 /* for the state topic, before the stream is read without it */
#define SNAPSHOT_SAVE_MS    2000 /* between two records of how far a snapshot came */
#define CUT_WAIT_MS         10 /* until a transaction that is due and cannot end is looked at again */
#define LOST_WAIT_MS        1000  /* before producers that cannot go on are made anew */
#define UNDO_MS             10000 /* for dropping the slot of a snapshot that is cut off */

#define SPOOL_PER_TURN      256  /* more than is appended: it is to become empty */
#define SPOOL_RETRY_MS      1000 /* when it is full */
#define SPOOL_ADVANCE_MS    1000 /* between two entries of a quiet database */

#define CHANGE_END_MS       3000 /* a stream that does not end so long is not waited for */

#define STANDBY_POLL_MIN_MS 50 /* doubles from look to look */
#define STANDBY_POLL_MAX_MS 500

typedef enum RelayState
{
	STATE_CONNECT,
	STATE_CLAIM,
	STATE_RECALL,
	STATE_DECIDE,
	STATE_STANDBY,
	STATE_CHECK,
	STATE_LOOK,
	STATE_DROP,
	STATE_BEGIN,
	STATE_CREATE,
	STATE_SNAPSHOT,
	STATE_DONE,
	STATE_CHANGE,
	STATE_REOPEN,
	STATE_STREAM,
	STATE_PAUSED,
	STATE_DRAIN,
	STATE_FAILED,
	STATE_END
} RelayState;

typedef struct Relay
{
	const RelayConfig *cfg;
	const RelayArgs *args;
	const RelayHost *host;
	RelayWish wish; /* of whoever asks over HTTP */
	RelayState state;
	RelayState told; /* the state the debug log knows */
	int exit_status;
	int64_t now;   /* monotonic, ms; read once a turn */
	int64_t wake;  /* when the next turn is due at the latest */
	int64_t began; /* the process */

	Sink *sink;
	Delivery *delivery;
	PgStream *pg;
	SideQuery *heartbeat; /* NULL without a query */
	SideQuery *watch;     /* of the slot; NULL: off */
	SideQuery *signal;    /* that was asked for over HTTP */
	char *signal_sql;
	Samples *samples; /* of records; NULL: nobody has looked at the page */
	bool sampling;    /* somebody does */
	Snapshot *snapshot;
	Increment *increment;
	TopicMaker *maker; /* NULL: topics are the brokers' business */
	StateStore *store; /* NULL with standard output: then only this process remembers */

	/* what others may know */
	Numbers numbers;
	TableNumbers *tables; /* of the last snapshot */
	size_t ntables;
	int64_t next_publish;
	uint64_t topics_told; /* announcements of the delivery that the board knows */
	unsigned topics_epoch;

	/* connection */
	bool connecting; /* an attempt is under way */
	bool streaming;  /* START_REPLICATION was answered */
	bool slot_known; /* found or made by this process: it must not vanish any more */
	bool again;      /* after the end begin from the beginning, in the same process */

	/* standing by */
	bool asking; /* a look is under way */
	int poll_ms;
	int64_t next_poll;
	int64_t free_since; /* 0: it is not */
	bool ending;        /* the one under way ends the holder */
	HolderWatch holder;
	char holder_told[320]; /* that the log knows */
	bool denied_told;

	/* the slot, now and then */
	char *watch_sql;
	int64_t next_watch;
	WalWatch wal;
	SlotFault fault_told;

	/* the road */
	RoadChoice road;    /* of the stream that there is, or was last */
	RoadWish wish_road; /* which it should be */
	int64_t backlog;    /* bytes of WAL still to be read; -1: not known */
	uint64_t read_lsn;  /* by this stream, and the server; before start_lsn: nothing new yet */
	uint64_t start_lsn; /* where this stream was to begin */
	uint64_t reread;    /* where the server has to read from for a new one; 0: not known */
	bool caught_up;     /* this stream, direct: it has been at the end of the WAL */
	bool changing;      /* one ends for the other one to begin */
	bool change_waits;  /* for the end of a transaction: the log knows */
	int64_t change_until;
	RoadReason obstacle; /* that the log knows */
	uint64_t road_changes;

	/* snapshot */
	bool recalled; /* remembered is what the state topic says, where that is waited for */
	bool recalled_record;
	bool working; /* the state's work was begun */
	bool locked;  /* nobody else takes the snapshot: what is looked up now stays true */
	StateRecord remembered;
	char *progress; /* that was written to it last, or is being written */
	char *jobs;     /* the same */
	bool loading;   /* it is read while the work goes on */
	bool loaded;    /* the incremental snapshots know what is remembered */
	bool saving;    /* the state topic is written to while the work goes on */
	int64_t next_save;
	SnapAction action;   /* what was decided */
	bool snapshot_taken; /* by this process */
	bool forgetting;     /* the state topic is told to */
	bool undo_slot;      /* made for a snapshot that is not finished */
	bool undone;         /* it was tried, and said how that went */
	int64_t undo_until;
	int64_t snapshot_began;
	Meter meter;             /* of the snapshot */
	int64_t next_wait_line;  /* of a slot that takes its time */
	uint64_t snapshot_bytes; /* the delivery's count at the beginning */
	int64_t stream_not_before;
	uint64_t reads;    /* rows of snapshots that were handed over */
	uint64_t measured; /* transactions whose age is known */

	/* the position in the state topic */
	bool remembers;           /* else it is not kept there */
	uint64_t position;        /* that the topic has: no more is confirmed */
	uint64_t saving_position; /* in the record that is being written; 0: none */
	int64_t next_position;
	bool position_kept; /* there is one in the topic */

	/* the spool */
	Spool *spool;           /* NULL: none */
	bool spooling;          /* what is received goes there */
	int64_t quiet_since;    /* nothing was acknowledged since, though something was in flight */
	uint64_t spool_until;   /* it is to have everything up to there: that comes again */
	uint64_t spool_mark;    /* of the delivery, when the spool had nothing left */
	uint64_t spool_floor;   /* confirmed because of a spool that is gone */
	char *spool_message;    /* that there is no room for */
	CopyDataMessage parsed; /* the same */
	int64_t spool_retry;
	bool spool_full_told;
	int64_t next_advance;
	int64_t spool_began;
	uint64_t spool_sent; /* the delivery's count of records when that began */

	bool readable; /* libpq's socket, this turn */
	bool blocked;  /* back-pressure: do not read */
	int attempt;   /* since the last steady stream */
	int64_t retry_at;
	int64_t stream_began;
	char system_id[32]; /* of the first connection */
	char timeline[16];
	Poison poison;
	char last_failure[256];
	int64_t last_failure_logged;

	/* positions */
	uint64_t ping_lsn;      /* of the last message, if it was a ping to adopt */
	uint64_t repeated_ping; /* of the last message, if it asked for a reply */
	uint64_t written_lsn;   /* received */
	uint64_t server_lsn;    /* the last that the server spoke of */
	uint64_t confirmed_lsn; /* last flush position sent on this connection */
	int64_t last_status;
	bool status_now;

	/* exactly once */
	bool claimed;          /* nobody else's transactions are open any more */
	bool position_known;   /* read from Kafka, or made here */
	TxnPlan plan;          /* of the transaction that is open */
	TxnCut cut;            /* what is to become of it */
	TxnPosition committed; /* in Kafka; without a cluster: none */
	TxnPosition pending;   /* with the commit that is under way */
	uint64_t partial;      /* Kafka says that a part is there of what begins here; 0: it does not */
	char *position_key;
	uint64_t commits;   /* of the sink, that are known here */
	int64_t shut_since; /* when it was last asked for one; 0: it takes records again */
	uint64_t aborts;

	/* timers */
	int64_t next_heartbeat;
	int64_t next_progress;
	int64_t drain_until;
	bool draining_stream; /* final status and CopyDone sent */
	bool drops_later;     /* the slot, for which there is no stream just now */
	uint64_t progress_records;
	uint64_t reconnects;
	uint64_t remade; /* producers: so often */
	unsigned seed;
} Relay;

/* The time that commits are measured by. */
static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
wake_by(Relay *r, int64_t when)
{
	if (when < r->wake)
		r->wake = when;
}

/* Reads nothing, and is not about to end. */
static bool
is_paused(const Relay *r)
{
	return r->wish == WISH_PAUSE;
}

/* A restart is no stop: what is in the slot is needed after it. */
static bool
drops_slot(const Relay *r)
{
	return r->cfg->slot_drop_on_stop && r->wish != WISH_RESTART;
}

/* A change of state is worked on at once. */
static void
enter(Relay *r, RelayState state)
{
	r->state = state;
	r->working = false;
	r->wake = r->now;
}

__attribute__((format(printf, 2, 3))) static void
fail(Relay *r, const char *fmt, ...)
{
	char text[1200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("stopping: %s", text);
	snprintf(r->numbers.trace, sizeof(r->numbers.trace), "%s", text);
	r->exit_status = EXIT_FAILED;
	/* the next start will have another configuration or other tables: from zero */
	if (r->state == STATE_SNAPSHOT && r->action != ACTION_BESIDE)
		r->undo_slot = true;
	enter(r, STATE_FAILED);
}

/*
 * Reconnecting
 */

/* Half of the wait is chance, so that many relays do not come back together. */
static int
backoff_ms(Relay *r)
{
	int shift = r->attempt < BACKOFF_SHIFTS ? r->attempt : BACKOFF_SHIFTS;
	int64_t wait = (int64_t) r->cfg->retry_backoff_ms << shift;

	if (wait > r->cfg->retry_backoff_max_ms)
		wait = r->cfg->retry_backoff_max_ms;
	if (wait < 1)
		wait = 1;
	return (int) (wait / 2 + rand_r(&r->seed) % (wait / 2 + 1));
}

/* One line per attempt, but the same line not all the time. */
static void
log_retry(Relay *r, const char *whose, const char *reason, int wait)
{
	if (strncmp(reason, r->last_failure, sizeof(r->last_failure) - 1) == 0 &&
		r->now - r->last_failure_logged < RETRY_LOG_MS)
		return;
	snprintf(r->last_failure, sizeof(r->last_failure), "%s", reason);
	r->last_failure_logged = r->now;
	log_warn("%s: %s; attempt %d, next in %d ms, safe up to LSN " LSN_FORMAT, whose, reason,
			 r->attempt, wait, LSN_ARGS(delivery_safe_lsn(r->delivery)));
}

static void
reconnect_later(Relay *r, const char *whose, const char *reason)
{
	int wait;

	if (r->streaming)
	{
		r->reconnects++;
		if (r->now - r->stream_began >= STEADY_MS)
			r->attempt = 0;
	}
	wait = backoff_ms(r);
	r->attempt++;
	log_retry(r, whose, reason, wait);
	pgstream_disconnect(r->pg);
	snapshot_close(r->snapshot);
	increment_interrupt(r->increment);
	meter_end();
	r->changing = false;
	/* whoever else was at it may have finished it */
	if (r->state == STATE_CHECK || r->state == STATE_LOOK)
		r->recalled = false;
	r->locked = false;
	r->undo_slot = false;
	r->connecting = false;
	r->streaming = false;
	r->blocked = false;
	r->retry_at = r->now + wait;
	/* a stop that was asked for goes on: what is in flight still counts */
	enter(r, r->drain_until > 0 ? STATE_DRAIN : STATE_CONNECT);
}

/*
 * The server could not decode a change, as so often before.  True if the policy
 * for bad records gets past it with the next connection, or that is still open.
 */
static bool
pass_poison(Relay *r, uint64_t lsn)
{
	char listed[POISON_TEXT_MAX];

	if (!poison_failed(&r->poison, lsn))
		return true;
	if (r->cfg->bad_records == BAD_FAIL)
		fail(r,
			 "PostgreSQL: the change at LSN " LSN_FORMAT
			 " cannot be decoded, %d times in a row: %s; nothing behind it is confirmed; correct "
			 "the cause and start again, or set nova.on.bad.record to dlq or skip to get past it",
			 LSN_ARGS(lsn), POISON_TRIES, pgstream_error(r->pg));
	else if (!poison_list(&r->poison, lsn))
		fail(r,
			 "PostgreSQL: the change at LSN " LSN_FORMAT
			 " cannot be decoded, and the plugin does not get past it: %s; nothing behind it is "
			 "confirmed; correct the cause and start again",
			 LSN_ARGS(lsn), pgstream_error(r->pg));
	else
	{
		log_warn("PostgreSQL: the change at LSN " LSN_FORMAT
				 " cannot be decoded, %d times in a row: %s; the stream comes again, and what "
				 "fails there goes the way of nova.on.bad.record",
				 LSN_ARGS(lsn), POISON_TRIES, pgstream_error(r->pg));
		poison_text(&r->poison, listed);
		pgstream_guard(r->pg, listed);
		r->attempt = 0;
	}
	return r->state != STATE_FAILED;
}

/* A stream that had begun broke off: of a direct one it may say that the road is bad. */
static void
judge_road(Relay *r)
{
	const int64_t lived = r->now - r->stream_began;
	uint64_t lsn;
	int64_t pause;

	if (!r->streaming || r->road.now.road != ROAD_DIRECT)
		return;
	/* what is of the moment, or of a change, would be the same by the other one */
	if (lived < ROAD_STEADY_MS &&
		(pgstream_failed_for_now(r->pg) || pgstream_failed_change(r->pg, &lsn)))
		return;
	pause = road_broke(&r->road, lived, r->now);
	if (pause > 0)
		log_warn("PostgreSQL: the direct road does not last: %s; using the walsender, and trying "
				 "again in %" PRId64 " s",
				 pgstream_error(r->pg), pause / 1000);
}

/* What a failed call of pgstream means for us.  PG_READY and PG_AGAIN: nothing. */
static void
judge(Relay *r, PgStatus status)
{
	uint64_t lsn;

	if (status == PG_RETRY)
		judge_road(r);
	if (status == PG_RETRY && pgstream_failed_change(r->pg, &lsn) && !pass_poison(r, lsn))
		return;
	if (status == PG_RETRY)
		reconnect_later(r, "PostgreSQL", pgstream_error(r->pg));
	else if (status == PG_STOP)
		fail(r, "PostgreSQL: %s", pgstream_error(r->pg));
}

static void
judge_snapshot(Relay *r, PgStatus status)
{
	if (status == PG_RETRY && snapshot_is_void(r->snapshot))
		r->remembered.progress = NULL;
	if (status == PG_RETRY)
		reconnect_later(r, "PostgreSQL", snapshot_error(r->snapshot));
	else if (status == PG_STOP)
		fail(r, "PostgreSQL: %s", snapshot_error(r->snapshot));
}

/*
 * The spool
 */

static bool
spool_holds(const Relay *r)
{
	return r->spool != NULL && spool_end(r->spool) != 0;
}

/* Acknowledges nothing of what it was given; a signal that is held is not its fault. */
static bool
kafka_is_away(const Relay *r)
{
	return delivery_in_flight(r->delivery) > delivery_held(r->delivery) &&
		   r->now - r->quiet_since >= r->cfg->spool_after_ms;
}

static void
fail_spool(Relay *r)
{
	fail(r, "%s", spool_error(r->spool));
}

/* In an order that is known, of which Kafka remembers the beginning. */
static bool
may_spool(const Relay *r)
{
	return r->spool != NULL && !r->spooling && r->loaded && r->remembers && r->position_kept &&
		   kafka_is_away(r);
}

/*
 * Nothing in flight is nothing to wait for.  And when is it to be asked again?  What is over
 * without a spool waits for something else.
 */
static void
watch_kafka(Relay *r)
{
	const int64_t over = r->quiet_since + r->cfg->spool_after_ms;

	if (delivery_in_flight(r->delivery) <= delivery_held(r->delivery))
		r->quiet_since = r->now;
	else if (r->spool != NULL && !r->spooling && r->now < over)
		wake_by(r, over);
}

static void
begin_spooling(Relay *r)
{
	log_warn("Kafka has acknowledged nothing for %" PRId64 " ms, and %" PRIu64
			 " records wait for it: from LSN " LSN_FORMAT
			 " on changes are kept in the spool %s, and confirmed to PostgreSQL once they are on "
			 "this disk; up to %d MB",
			 r->now - r->quiet_since, delivery_in_flight(r->delivery),
			 LSN_ARGS(spool_holds(r) ? spool_end(r->spool) : delivery_safe_lsn(r->delivery)),
			 r->cfg->spool_dir, r->cfg->spool_max_mb);
	r->spooling = true;
	r->spool_full_told = false;
	r->spool_began = r->now;
	r->spool_sent = delivery_counts(r->delivery)->records;
	r->spool_until = delivery_received_lsn(r->delivery);
	increment_interrupt(r->increment);
}

/* Once for each time that it fills up. */
static void
take_full_spool(Relay *r)
{
	r->blocked = true;
	r->spool_retry = r->now + SPOOL_RETRY_MS;
	if (r->spool_full_told)
		return;
	r->spool_full_told = true;
	log_warn("%s; nothing more is read, and slot %s keeps the WAL from LSN " LSN_FORMAT
			 " on, until Kafka takes records or there is room",
			 spool_error(r->spool), r->cfg->slot_name, LSN_ARGS(r->confirmed_lsn));
}

/* The message that was received last, or again one that there was no room for. */
static void
append_to_spool(Relay *r)
{
	switch (spool_append(r->spool, r->parsed.payload, r->parsed.payload_len, r->parsed.lsn,
						 delivery_received_lsn(r->delivery), r->now))
	{
		case SPOOL_OK:
			pgstream_free_message(r->spool_message);
			r->spool_message = NULL;
			r->blocked = false;
			break;
		case SPOOL_FULL:
			take_full_spool(r);
			break;
		default:
			fail_spool(r);
			break;
	}
}

/* A quiet database, of which nothing waits to be appended. */
static void
advance_spool(Relay *r)
{
	if (r->now < r->next_advance || r->spool_message != NULL || !r->streaming)
		return;
	r->next_advance = r->now + SPOOL_ADVANCE_MS;
	if (spool_advance(r->spool, r->ping_lsn, r->now) == SPOOL_FAILED)
		fail_spool(r);
}

/*
 * Feedback
 */

/*
 * A quiet database sends keepalives only: confirm them, or it would keep WAL
 * for us for ever.  The ping stays valid until data comes, so one that arrived
 * too early is adopted when the last record is acknowledged.
 */
static void
adopt_ping(Relay *r)
{
	if (r->ping_lsn != 0 && r->spooling)
		advance_spool(r);
	else if (r->ping_lsn != 0)
		(void) delivery_adopt(r->delivery, r->ping_lsn);
}

/*
 * What may be confirmed: safe in Kafka, and its position remembered there; or on the
 * disk, in a spool that is not delivered yet.  A slot behind the beginning of a
 * transaction of which Kafka has a part (exactly once) would be the end of it, even
 * where that part is all of its records: a start could not tell.
 */
static uint64_t
confirmable(const Relay *r)
{
	uint64_t lsn = delivery_safe_lsn(r->delivery);
	uint64_t limit = r->partial > r->position ? r->partial : r->position;

	if ((r->remembers || r->partial != 0) && limit < lsn)
		lsn = limit;
	if (r->spool != NULL && spool_durable(r->spool) > 0)
		lsn = spool_durable(r->spool);
	return lsn > r->spool_floor ? lsn : r->spool_floor;
}

static void
send_status(Relay *r)
{
	uint64_t safe = confirmable(r);
	uint64_t write = r->written_lsn > safe ? r->written_lsn : safe;
	PgStatus status;

	r->last_status = r->now;
	r->status_now = false;
	if ((status = pgstream_send_status(r->pg, write, safe)) == PG_READY)
		r->confirmed_lsn = safe;
	judge(r, status);
}

static void
send_status_if_due(Relay *r)
{
	int64_t due = r->last_status + r->cfg->status_interval_ms;

	adopt_ping(r);
	/* blocked, it does not read that the server asks */
	if ((r->blocked || confirmable(r) > r->confirmed_lsn) && due > r->last_status + STATUS_MIN_MS)
		due = r->last_status + STATUS_MIN_MS;
	if (r->status_now || r->now >= due)
	{
		send_status(r);
		due = r->last_status + r->cfg->status_interval_ms;
	}
	if (r->state == STATE_STREAM || r->state == STATE_PAUSED || r->state == STATE_CHANGE ||
		r->state == STATE_DRAIN)
		wake_by(r, due);
}

/* How far the server has read for this stream. */
static void
note_read(Relay *r, uint64_t lsn)
{
	if (lsn > r->read_lsn)
		r->read_lsn = lsn;
}

static void
take_ping(Relay *r, const CopyDataMessage *m)
{
	bool repeated = m->reply_requested && r->repeated_ping == m->wal_end;
	bool direct = r->road.now.road == ROAD_DIRECT;

	if (m->wal_end > r->server_lsn)
		r->server_lsn = m->wal_end;
	note_read(r, m->wal_end);
	/* of a walsender with synchronous standbys it also comes on the way */
	if (!m->reply_requested && direct)
		r->caught_up = true;
	r->repeated_ping = m->reply_requested ? m->wal_end : 0;
	/* only a walsender names what the plugin may still hold back */
	r->ping_lsn = !m->reply_requested || repeated || direct ? m->wal_end : 0;
	if (m->reply_requested)
		r->status_now = true;
}

static void
take_data(Relay *r, char *message, const CopyDataMessage *m)
{
	r->ping_lsn = 0;
	r->repeated_ping = 0;
	if (m->lsn > r->written_lsn)
		r->written_lsn = m->lsn;
	note_read(r, m->lsn);
	if (r->spooling)
	{
		r->spool_message = message;
		r->parsed = *m;
		append_to_spool(r);
		return;
	}
	if (!delivery_take(r->delivery, DELIVERY_STREAM, message, pgstream_free_message, m->payload,
					   m->payload_len, m->lsn))
	{
		pgstream_free_message(message);
		fail(r, "out of memory at LSN " LSN_FORMAT "; nothing behind it is confirmed",
			 LSN_ARGS(m->lsn));
	}
}

static void
take_message(Relay *r, char *message, size_t len)
{
	CopyDataMessage m;

	switch (copydata_parse(message, len, &m))
	{
		case COPYDATA_DATA:
			take_data(r, message, &m);
			break;
		case COPYDATA_PING:
			take_ping(r, &m);
			pgstream_free_message(message);
			break;
		case COPYDATA_IMPOSSIBLE:
			fail(r,
				 "the server sent a replication message of %zu bytes that is cut short or of an "
				 "unknown kind (first byte 0x%02x); is there a proxy between?",
				 len, len > 0 ? (unsigned char) message[0] : 0U);
			pgstream_free_message(message);
			break;
	}
}

/*
 * Exactly once
 */

static void
begin_plan(Relay *r)
{
	const DeliveryCounts *counts = delivery_counts(r->delivery);

	txnplan_begin(&r->plan, counts->records, counts->bytes);
	delivery_cut_at_commit(r->delivery, false);
	r->cut = TXN_GO_ON;
}

/* Commit what the sink has, if it may be. */
static void
end_transaction(Relay *r)
{
	DeliveryPosition at = delivery_position(r->delivery);
	char *text;

	if (r->sink->txn != SINK_TXN_OPEN || delivery_held(r->delivery) > 0)
		return;
	r->pending = (TxnPosition){.lsn = at.lsn, .records = at.records, .options = at.options};
	snprintf(r->pending.system_id, sizeof(r->pending.system_id), "%s", r->system_id);
	snprintf(r->pending.timeline, sizeof(r->pending.timeline), "%s", r->timeline);
	text = txnplan_format(&r->pending);
	if (text == NULL)
	{
		fail(r, "out of memory for a position; nothing more is confirmed");
		return;
	}
	log_debug("commit at LSN " LSN_FORMAT " and %" PRIu64 " records", LSN_ARGS(at.lsn), at.records);
	sink_commit(r->sink, r->position_key, text);
	free(text);
	r->shut_since = r->now;
	begin_plan(r);
}

/* Between two payloads: is this a place where the transaction may end? */
static void
cut_here(Relay *r)
{
	if (delivery_between_payloads(r->delivery) &&
		(r->cut == TXN_CUT_NOW ||
		 (r->cut == TXN_CUT_AT_COMMIT && !delivery_in_transaction(r->delivery))))
		end_transaction(r);
}

/* Of the transaction that Kafka has in part, was nothing left but its end? */
static bool
owes_position(const Relay *r)
{
	DeliveryPosition at = delivery_position(r->delivery);

	return r->partial != 0 && at.records == 0 && at.lsn > r->partial &&
		   !delivery_in_transaction(r->delivery);
}

/* At the end of every turn: what is to become of the transaction? */
static void
plan_cut(Relay *r)
{
	const DeliveryCounts *counts = delivery_counts(r->delivery);
	TxnPressure pressure = {.ending = r->state == STATE_DRAIN || r->state == STATE_CONNECT ||
									  r->state == STATE_PAUSED || r->state == STATE_CHANGE,
							.full = delivery_lent_bytes(r->delivery) > LENT_BYTES_MAX,
							.held = delivery_held(r->delivery) > 0};
	int64_t due;

	if (!r->claimed || r->state == STATE_FAILED || r->state == STATE_END)
		return;
	txnplan_note(&r->plan, counts->records, counts->bytes, r->now);
	r->cut = txnplan_cut(&r->plan, pressure, r->now);
	if (r->cut == TXN_GO_ON && r->sink->txn == SINK_TXN_OPEN && owes_position(r))
		r->cut = TXN_CUT_AT_COMMIT;
	delivery_cut_at_commit(r->delivery, r->cut != TXN_GO_ON);
	cut_here(r);
	due = txnplan_deadline(&r->plan);
	wake_by(r, due > r->now ? due : r->now + CUT_WAIT_MS);
}

/* This is what Kafka says now. */
static void
note_partial(Relay *r, const TxnPosition *position)
{
	r->partial = position->records > 0 ? position->lsn : 0;
}

static DeliveryPosition
committed_position(const Relay *r)
{
	return (DeliveryPosition){
		.lsn = r->committed.lsn, .records = r->committed.records, .options = r->committed.options};
}

/* What the runs before left in Kafka.  False after a failure. */
static bool
recall_position(Relay *r)
{
	const char *text = state_position(r->store);

	if (r->position_known || !r->cfg->exactly_once)
		return true;
	r->position_known = true;
	if (text == NULL)
		return true;
	if (txnplan_parse(text, strlen(text), &r->committed))
	{
		note_partial(r, &r->committed);
		log_info("exactly once: Kafka has everything up to LSN " LSN_FORMAT " and %" PRIu64
				 " records of the transaction behind it",
				 LSN_ARGS(r->committed.lsn), r->committed.records);
		return true;
	}
	fail(r,
		 "state topic %s: the position %s cannot be read: it is of another version, or damaged; "
		 "install the newer relay, or remove the record to go on from where the slot stands, which "
		 "may repeat what was sent",
		 r->cfg->state_topic, r->position_key);
	return false;
}

static SlotPlace
place(const Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	return (SlotPlace){server->system_id,     server->timeline,
					   server->wal_end,       server->slot != SLOT_MISSING,
					   server->confirmed_lsn, &server->history};
}

/* What Kafka has may not be what this server has. */
static void
fail_timeline(Relay *r, const TxnPosition *position)
{
	const PgServer *server = pgstream_server(r->pg);
	const bool older = strtoul(server->timeline, NULL, 10) < strtoul(position->timeline, NULL, 10);
	char text[512];

	if (!timeline_lost_text(&server->history, position->timeline, server->timeline, position->lsn,
							text, sizeof(text)))
		snprintf(text, sizeof(text), "it is of timeline %s, and the server is on %s: %s",
				 position->timeline, server->timeline,
				 older ? "this is a primary from before a promotion; point database.hostname at "
						 "the new one"
					   : "a standby was promoted, or the server restored, and it does not say "
						 "where that timeline was left");
	if (older)
		fail(r, "state topic %s: the position %s: %s", r->cfg->state_topic, r->position_key, text);
	else
		fail(r,
			 "state topic %s: the position %s: %s; remove the record to go on from LSN " LSN_FORMAT
			 ", where the slot stands, which may repeat what was sent",
			 r->cfg->state_topic, r->position_key, text, LSN_ARGS(server->confirmed_lsn));
}

/* Another cluster's positions say nothing here, and a gap must not be passed over. */
static bool
position_fits(Relay *r, const DeliveryPosition *at)
{
	const PgServer *server = pgstream_server(r->pg);
	TxnPosition position = r->committed;
	const SlotPlace here = place(r);

	position.lsn = at->lsn;
	position.records = at->records;
	switch (txnplan_judge(&position, &here))
	{
		case TXN_OTHER_CLUSTER:
			fail(
				r,
				"state topic %s: the position %s is of the cluster %s, and this is %s; use another "
				"slot.name, or remove the record to go on from where the slot stands",
				r->cfg->state_topic, r->position_key, position.system_id, server->system_id);
			return false;
		case TXN_PROMOTED:
			log_info("exactly once: timeline %s, the position %s is of timeline %s: a standby was "
					 "promoted, which has everything up to that position; going on",
					 server->timeline, r->position_key, position.timeline);
			return true;
		case TXN_OTHER_TIMELINE:
			fail_timeline(r, &position);
			return false;
		case TXN_CUT_BEFORE:
			fail(r,
				 "state topic %s: the position %s is of timeline %s, and the server is on %s: of "
				 "the transaction behind LSN " LSN_FORMAT " %" PRIu64 " records are in Kafka, and "
				 "that it is the same on this timeline is not known; compare the tables with the "
				 "topics; remove the record to go on from LSN " LSN_FORMAT
				 ", where the slot stands, which may repeat what was sent",
				 r->cfg->state_topic, r->position_key, position.timeline, server->timeline,
				 LSN_ARGS(at->lsn), at->records, LSN_ARGS(server->confirmed_lsn));
			return false;
		case TXN_SLOT_PASSED:
			fail(
				r,
				"slot %s stands at LSN " LSN_FORMAT
				", but of the transaction behind LSN " LSN_FORMAT " only %" PRIu64
				" records are in Kafka: somebody else has moved the slot, and the "
				"rest cannot be read any more; remove the record %s from topic %s to go on without "
				"it, or take a new snapshot",
				r->cfg->slot_name, LSN_ARGS(server->confirmed_lsn), LSN_ARGS(at->lsn), at->records,
				r->position_key, r->cfg->state_topic);
			return false;
		default:
			return true;
	}
}

/*
 * Where the stream begins: where Kafka has it, and this process with what it has
 * received since, or where the slot stands if that is later.  False after a failure.
 */
static bool
settle_position(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);
	DeliveryPosition at = delivery_position(r->delivery);

	if (r->committed.lsn > at.lsn)
		at = committed_position(r);
	if (!position_fits(r, &at))
		return false;
	if (server->confirmed_lsn > at.lsn)
		at = (DeliveryPosition){.lsn = server->confirmed_lsn};
	delivery_begin(r->delivery, DELIVERY_STREAM);
	delivery_resume(r->delivery, &at);
	r->committed.lsn = at.lsn;
	r->committed.records = at.records;
	r->committed.options = at.options;
	return true;
}

/* A new slot: what was written for one of the same name before means nothing. */
static void
new_position(Relay *r)
{
	DeliveryPosition at = {.lsn = pgstream_server(r->pg)->confirmed_lsn};

	r->committed = (TxnPosition){.lsn = at.lsn};
	r->position = at.lsn;
	delivery_begin(r->delivery, DELIVERY_STREAM);
	delivery_resume(r->delivery, &at);
}

/* Everything anew, in this process: what it knows is old. */
static void
start_again(Relay *r)
{
	r->again = true;
	enter(r, STATE_END);
}

/*
 * A producer that has lost count of its records, as it may when leaders change and
 * brokers die, fails for good; a new one has nothing to count.  Exactly once, so does one
 * of whose transaction nobody knows what became: a new one reads it in Kafka.  While the slot's
 * snapshot is not complete, or somebody waits for the end, that is a failure.
 */
static void
take_lost(Relay *r, const char *why)
{
	bool again = r->sink->lost && (r->state == STATE_STREAM || r->state == STATE_CHANGE ||
								   r->state == STATE_REOPEN || r->state == STATE_PAUSED ||
								   (r->state == STATE_CONNECT && r->stream_began > 0));

	if (r->state == STATE_FAILED || r->state == STATE_END)
		return;
	if (!again)
	{
		fail(r, "%s", why);
		return;
	}
	log_warn("%s; beginning again in %d ms", why, LOST_WAIT_MS);
	r->retry_at = r->now + LOST_WAIT_MS;
	r->reconnects++;
	r->remade++;
	start_again(r);
}

/*
 * Work off what was received.  Returns true when the next message may be read.
 */
static bool
pump(Relay *r)
{
	DeliveryStatus status;

	while ((status = delivery_pump(r->delivery)) == DELIVERY_CUT)
		end_transaction(r);
	switch (status)
	{
		case DELIVERY_IDLE:
			if (delivery_received_lsn(r->delivery) > r->written_lsn)
				r->written_lsn = delivery_received_lsn(r->delivery);
			if (r->cut != TXN_GO_ON)
				cut_here(r);
			return delivery_lent_bytes(r->delivery) <= LENT_BYTES_MAX;
		case DELIVERY_FULL:
			return false;
		default:
			take_lost(r, delivery_error(r->delivery));
			return false;
	}
}

static void
beat(Relay *r)
{
	char key[HEARTBEAT_RECORD_MAX];
	char value[HEARTBEAT_RECORD_MAX];

	if (r->cfg->heartbeat_interval_ms <= 0)
		return;
	if (r->now >= r->next_heartbeat)
	{
		r->next_heartbeat = r->now + r->cfg->heartbeat_interval_ms;
		if (r->cfg->heartbeat_topic != NULL)
		{
			heartbeat_key(key, sizeof(key), r->cfg);
			heartbeat_value(value, sizeof(value), r->cfg, clock_ms(CLOCK_REALTIME));
			sink_heartbeat(r->sink, r->cfg->heartbeat_topic, key, value);
		}
		if (r->heartbeat != NULL)
			sidequery_run(r->heartbeat, r->cfg->heartbeat_action_query, r->now);
	}
	wake_by(r, r->next_heartbeat);
}

/*
 * The states' handlers
 */

static void
begin_connect(Relay *r)
{
	r->connecting = true;
	r->ping_lsn = 0;
	r->repeated_ping = 0;
	pgstream_connect(r->pg, r->now);
	wake_by(r, r->now);
}

/* Exactly once, a relay that uses the slot must not be fenced: it would stop. */
static bool
slot_is_taken(const Relay *r)
{
	return r->cfg->exactly_once && !r->claimed && pgstream_server(r->pg)->row.holder.pid != 0;
}

/*
 * First let everything in flight be acknowledged, so that little comes twice;
 * and what a signal asked for be written down, which may be lost with it.
 */
static void
turn_connect(Relay *r)
{
	PgStatus status;

	if (!r->connecting)
	{
		/* nobody waits for a Kafka that is away, once it can be done without */
		if (may_spool(r))
			begin_spooling(r);
		/* it was asked for before the first stream: there is nothing to keep alive */
		if (is_paused(r) && r->stream_began == 0)
		{
			enter(r, STATE_PAUSED);
			return;
		}
		if ((!pump(r) || !delivery_idle(r->delivery) || delivery_held(r->delivery) > 0) &&
			!r->spooling)
		{
			watch_kafka(r);
			return;
		}
		if (r->state != STATE_CONNECT)
			return;
		if (r->now < r->retry_at)
		{
			wake_by(r, r->retry_at);
			return;
		}
		begin_connect(r);
	}
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_READY)
	{
		if (slot_is_taken(r))
			enter(r, STATE_STANDBY);
		else
			enter(r, r->cfg->exactly_once && !r->claimed ? STATE_CLAIM : STATE_RECALL);
	}
	else if (status == PG_AGAIN)
		wake_by(r, pgstream_deadline(r->pg));
	else
		judge(r, status);
}

/* Once per process: the ids stay ours until somebody takes them. */
static void
turn_claim(Relay *r)
{
	if (!r->working)
		sink_claim(r->sink);
	r->working = true;
	if (r->sink->txn == SINK_TXN_CLAIMING)
		return;
	r->claimed = true;
	log_info("exactly once: the transactional id %s is claimed", r->cfg->transactional_id);
	enter(r, STATE_RECALL);
}

/* True when the state topic's work is done; else it was seen to. */
static bool
store_ready(Relay *r)
{
	switch (state_advance(r->store, r->now))
	{
		case STORE_READY:
			return true;
		case STORE_AGAIN:
			wake_by(r, r->now + STATE_POLL_MS);
			return false;
		default:
			fail(r, "%s", state_error(r->store));
			return false;
	}
}

/* Incremental snapshots that are not done go on; an initial one is another matter. */
static void
load_jobs(Relay *r)
{
	if (r->loaded)
		return;
	r->loaded = true;
	if (!increment_load(r->increment, r->remembered.jobs))
		log_warn("state topic %s: what it says of incremental snapshots cannot be read, and is "
				 "not done; send the signals again",
				 r->cfg->state_topic);
}

static void
take_record(Relay *r)
{
	r->remembered = *state_record(r->store);
	r->position_kept = r->remembered.position != 0;
	/* one that is not kept up says nothing, and is removed before it lies */
	if (!r->remembers)
		r->remembered.position = 0;
}

/*
 * Without an initial snapshot what is remembered can wait until the stream is
 * there; but no slot is made in the place of one that is remembered.
 */
static bool
recalls(const Relay *r)
{
	return r->cfg->snapshot_mode != SNAPSHOT_NO_DATA || r->cfg->exactly_once ||
		   (pgstream_server(r->pg)->slot != SLOT_PRESENT && !r->loading && !r->loaded);
}

/* Topics that are missing are made before the first record goes to one. */
static bool
topics_ready(Relay *r)
{
	if (r->maker == NULL)
		return true;
	topicmaker_begin(r->maker, r->now);
	if (topicmaker_ready(r->maker, r->now))
		return true;
	wake_by(r, r->now + TOPICMAKER_POLL_MS);
	return false;
}

/*
 * The spool's front
 */

static void
sync_spool(Relay *r)
{
	if (r->spool == NULL || r->state == STATE_FAILED || r->state == STATE_END)
		return;
	if (r->now >= spool_sync_due(r->spool) && !spool_sync(r->spool))
		fail_spool(r);
	wake_by(r, spool_sync_due(r->spool));
}

/* Everything of the stream that the delivery was given is on the disk, or safe. */
static bool
spool_covers(const Relay *r)
{
	return r->spooling && spool_durable(r->spool) >= delivery_received_lsn(r->delivery);
}

static bool
mark_is_reached(void *arg, uint64_t mark)
{
	const Relay *r = arg;

	return delivery_reached(r->delivery, mark);
}

static void
clear_spool(Relay *r)
{
	const uint64_t end = spool_durable(r->spool);

	if (end > r->spool_floor)
		r->spool_floor = end;
	if (!spool_clear(r->spool))
		fail_spool(r);
	else if (end > 0)
		log_info("the spool is empty: Kafka has everything up to LSN " LSN_FORMAT, LSN_ARGS(end));
}

/* Files that Kafka has go, and all of them once the state topic has the position, too. */
static void
clean_spool(Relay *r)
{
	if (r->spool == NULL || spool_numbers(r->spool).bytes == 0 || r->state == STATE_FAILED ||
		r->state == STATE_END)
		return;
	if (spool_drop_done(r->spool, mark_is_reached, r) > 0 && r->spool_message != NULL)
	{
		r->spool_retry = r->now;
		wake_by(r, r->now);
	}
	if (r->spooling)
		return;
	/* of what has no commit nothing was confirmed */
	if (!spool_holds(r) || (delivery_reached(r->delivery, r->spool_mark) &&
							(!r->remembers || r->position >= spool_end(r->spool))))
		clear_spool(r);
}

/* The spool has nothing left: what is received goes to the delivery again. */
static void
end_spooling(Relay *r)
{
	r->spooling = false;
	r->blocked = false;
	r->spool_mark = delivery_mark(r->delivery);
	log_info("the spool is delivered: %" PRIu64 " records in %.1f s; what is received goes to "
			 "Kafka again",
			 delivery_counts(r->delivery)->records - r->spool_sent,
			 (double) (r->now - r->spool_began) / 1000.0);
	if (!spool_streams(r->spool))
		delivery_begin(r->delivery, DELIVERY_STREAM);
	if (r->spool_message != NULL)
	{
		char *message = r->spool_message;

		r->spool_message = NULL;
		take_data(r, message, &r->parsed);
	}
}

static void
give_from_spool(Relay *r, const SpoolItem *item)
{
	if (item->begins)
		delivery_begin(r->delivery, DELIVERY_STREAM);
	if (!delivery_take(r->delivery, DELIVERY_STREAM, item->data, free, item->data, item->len,
					   item->lsn))
	{
		free(item->data);
		fail(r, "out of memory at LSN " LSN_FORMAT "; nothing behind it is confirmed",
			 LSN_ARGS(item->lsn));
		return;
	}
	delivery_kept(r->delivery, item->preamble ? DELIVERY_KEPT_PREAMBLE
							   : item->had    ? DELIVERY_KEPT_HAD
											  : DELIVERY_KEPT_NEW);
}

/* From the front to Kafka, if it takes records. */
static void
drain_spool(Relay *r)
{
	/* what is remembered may say that somebody else has gone on */
	if (!pump(r) || r->state != STATE_STREAM || !r->loaded || kafka_is_away(r) || !topics_ready(r))
		return;
	for (int i = 0; i < SPOOL_PER_TURN && r->state == STATE_STREAM; i++)
	{
		SpoolItem item;

		if (!pump(r) || r->state != STATE_STREAM)
			return;
		if (increment_emit(r->increment))
			continue;
		switch (spool_next(r->spool, delivery_mark(r->delivery), &item))
		{
			case SPOOL_READ:
				give_from_spool(r, &item);
				break;
			case SPOOL_EMPTY:
				if (spool_end(r->spool) >= r->spool_until || r->spool_message != NULL)
					end_spooling(r);
				return;
			default:
				fail_spool(r);
				return;
		}
	}
	wake_by(r, r->now);
}

/*
 * The state topic
 */

/* What the runs before left in the state topic; what this one did it knows itself. */
static void
turn_recall(Relay *r)
{
	/* the spool says what is needed for reading on: advance_load() sees to the rest */
	if (r->spooling)
	{
		r->recalled = true;
		enter(r, STATE_DECIDE);
		return;
	}
	if (r->saving || !topics_ready(r))
		return;
	if (r->store != NULL && !r->recalled && recalls(r))
	{
		if (!r->working)
			state_read(r->store, r->cfg->snapshot_mode != SNAPSHOT_NO_DATA || r->cfg->exactly_once);
		r->working = true;
		if (!store_ready(r))
			return;
		take_record(r);
		if (!recall_position(r))
			return;
		state_close(r->store);
		r->recalled_record = true;
	}
	r->recalled = true;
	enter(r, STATE_DECIDE);
}

/*
 * Into the state topic while the work goes on: what incremental snapshots have
 * still to read, and how far the initial one came.
 */

/* Texts that are written stay until the next ones are. */
static void
begin_save(Relay *r, char **text, char *fresh, const char **member)
{
	free(*text);
	*text = fresh;
	*member = fresh != NULL && *fresh != '\0' ? fresh : NULL;
	if (r->store != NULL)
		state_write(r->store, &r->remembered);
	r->saving = true;
}

/*
 * Is the slot where we left it?
 */

static SpoolClaim
spool_claim(const Relay *r)
{
	return (SpoolClaim){r->cfg->spool_dir, spool_owner(r->spool), spool_end(r->spool),
						spool_torn(r->spool) > 0};
}

static SlotMemory
memory(const Relay *r)
{
	if (spool_holds(r))
	{
		const SpoolClaim claim = spool_claim(r);

		return spoolfit_memory(&claim);
	}
	if (r->store != NULL && r->remembers)
		return (SlotMemory){r->remembered.system_id, r->remembered.timeline,
							r->remembered.position};
	/* exactly once, where the slot stands is settled with the position in Kafka */
	if (r->cfg->exactly_once)
		return (SlotMemory){r->committed.system_id, r->committed.timeline,
							pgstream_server(r->pg)->slot == SLOT_MISSING ? r->committed.lsn : 0};
	/* then only this process remembers */
	return (SlotMemory){r->system_id, r->timeline,
						r->stream_began != 0 ? delivery_safe_lsn(r->delivery) : 0};
}

static PositionFault
judge_position(const Relay *r, char *text, size_t size)
{
	const SlotMemory m = memory(r);
	const SlotPlace p = place(r);
	PositionFault fault = position_judge(&m, &p);

	position_explain(fault, &m, &p, text, size);
	return fault;
}

/* The same once the stream is there: then there is nothing left to decide. */
static bool
position_allows(Relay *r)
{
	char text[512];

	switch (judge_position(r, text, sizeof(text)))
	{
		case POSITION_SOUND:
			return true;
		case POSITION_NEW_TIMELINE:
			log_info("slot %s: %s", r->cfg->slot_name, text);
			return true;
		case POSITION_SERVER_BEHIND:
			log_warn("slot %s: %s", r->cfg->slot_name, text);
			return true;
		default:
			fail(r,
				 "PostgreSQL: slot \"%s\": %s; to take a new snapshot with a new slot, set "
				 "snapshot.mode to when_needed and start again",
				 r->cfg->slot_name, text);
			return false;
	}
}

/* Nobody else has delivered anything behind the spool: the state topic would have it. */
static bool
spool_follows(Relay *r)
{
	const SpoolClaim claim = spool_claim(r);
	char text[1024];

	r->position = r->remembered.position;
	if (spoolfit_topic(&claim, r->cfg->state_topic, r->position, text, sizeof(text)))
		return true;
	fail(r, "%s", text);
	return false;
}

/*
 * Without an initial snapshot the stream waits for nothing that is remembered: the
 * state topic need not be there, nor a broker that answers.
 */
static void
advance_load(Relay *r)
{
	/* else RECALL has it, or will */
	if (r->loaded || r->store == NULL ||
		(r->cfg->snapshot_mode != SNAPSHOT_NO_DATA && !r->spooling) || r->cfg->exactly_once ||
		(!r->loading && !r->streaming))
		return;
	if (!r->loading)
		state_read(r->store, false);
	r->loading = true;
	if (!store_ready(r))
		return;
	take_record(r);
	state_close(r->store);
	if (spool_holds(r) && !spool_follows(r))
		return;
	load_jobs(r);
	/* that the slot is where the spool ends was seen before the stream began */
	if (spool_holds(r))
	{
		wake_by(r, r->now);
		return;
	}
	/* the slot may have been dropped by now, as it was asked */
	if (r->streaming && !r->draining_stream)
		(void) position_allows(r);
}

static void
save_jobs(Relay *r)
{
	if (r->saving || !r->loaded || !increment_unsaved(r->increment, r->now))
		return;
	begin_save(r, &r->jobs, increment_text(r->increment), &r->remembered.jobs);
}

/* Once it is known how far it came, a snapshot that is cut off can go on. */
static void
save_progress(Relay *r)
{
	char *text;

	if (r->store == NULL || r->action == ACTION_BESIDE || r->cfg->slot_drop_on_stop ||
		r->cfg->snapshot_mode == SNAPSHOT_INITIAL_ONLY)
		return;
	if (r->saving || r->now < r->next_save)
	{
		wake_by(r, r->next_save);
		return;
	}
	text = snapshot_progress(r->snapshot);
	if (text == NULL)
		return;
	r->next_save = r->now + SNAPSHOT_SAVE_MS;
	begin_save(r, &r->progress, text, &r->remembered.progress);
}

/* Nobody asked for a state topic: then a position that cannot be kept is done without. */
static bool
save_ready(Relay *r)
{
	if (r->store == NULL)
		return true;
	if (r->saving_position == 0 || r->position_kept || r->cfg->snapshot_mode != SNAPSHOT_NO_DATA ||
		state_advance(r->store, r->now) != STORE_FAILED)
		return store_ready(r);
	log_warn("%s; going on without: a slot that somebody makes anew is not noticed (see "
			 "nova.position.interval.ms)",
			 state_error(r->store));
	state_close(r->store);
	r->remembers = false;
	return true;
}

static void
advance_save(Relay *r)
{
	if (!r->saving || !save_ready(r))
		return;
	r->saving = false;
	if (r->saving_position != 0)
	{
		r->position = r->saving_position;
		r->position_kept = true;
		r->saving_position = 0;
		return;
	}
	if (r->state == STATE_SNAPSHOT && r->remembered.progress != NULL)
		r->undo_slot = false;
	increment_saved(r->increment, r->now);
}

/* Is what is remembered of another time or place than the stream? */
static bool
position_is_foreign(const Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	return r->remembered.position == 0 || strcmp(r->remembered.system_id, server->system_id) != 0 ||
		   strcmp(r->remembered.timeline, server->timeline) != 0;
}

/* Everything before it is in Kafka.  It does not pass the end of a spool that is there. */
static uint64_t
rememberable(const Relay *r)
{
	uint64_t safe = delivery_safe_lsn(r->delivery);

	if (!spool_holds(r))
		return safe;
	if (!r->spooling && delivery_reached(r->delivery, r->spool_mark))
		return spool_end(r->spool);
	return safe < spool_end(r->spool) ? safe : spool_end(r->spool);
}

/* Nothing is confirmed that is not remembered, so this may not lag for long. */
static void
save_position(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);
	uint64_t safe = rememberable(r);

	if (!r->loaded || !r->streaming || r->saving)
		return;
	/* from the spool comes what was safe before, too */
	if (spool_holds(r) && safe <= r->remembered.position)
		return;
	if (!r->remembers && r->position_kept)
	{
		r->position_kept = false;
		state_write(r->store, &r->remembered);
		r->saving = true;
		return;
	}
	if (!r->remembers || (safe <= r->position && !position_is_foreign(r)))
		return;
	if (r->now < r->next_position &&
		!((r->state == STATE_DRAIN || r->state == STATE_PAUSED || r->state == STATE_CHANGE) &&
		  delivery_idle(r->delivery)))
	{
		wake_by(r, r->next_position);
		return;
	}
	r->next_position = r->now + r->cfg->position_interval_ms;
	snprintf(r->remembered.system_id, sizeof(r->remembered.system_id), "%s", server->system_id);
	snprintf(r->remembered.timeline, sizeof(r->remembered.timeline), "%s", server->timeline);
	r->remembered.position = r->saving_position = safe;
	state_write(r->store, &r->remembered);
	r->saving = true;
	wake_by(r, r->now);
}

/* For the end of the stream: nothing that is safe is left to be remembered. */
static bool
position_is_saved(const Relay *r)
{
	if (!r->remembers || drops_slot(r))
		return true;
	/* a broker that is away holds up no relay that has nothing to tell */
	if (!r->loaded && delivery_counts(r->delivery)->acked == 0)
		return true;
	/* the disk has what it cannot be told */
	if (spool_covers(r) && kafka_is_away(r))
		return true;
	return !r->saving && rememberable(r) <= r->position;
}

/*
 * The road
 */

/* begins: for a stream that is about to, and not because of a change. */
static RoadWish
wished_road(const Relay *r, bool begins)
{
	const RoadRules rules = {r->cfg->stream_mode, (int64_t) r->cfg->stream_backlog_mb * 1048576};
	const uint64_t here = r->read_lsn > r->start_lsn ? r->read_lsn : r->start_lsn;
	const RoadView view = {
		.obstacle = pgstream_server(r->pg)->obstacle,
		.backlog = r->backlog,
		.again = r->reread == 0 || r->reread > here ? -1 : (int64_t) (here - r->reread),
		.begins = begins,
		.passed_start = r->read_lsn >= r->start_lsn,
		.caught_up = r->caught_up,
	};

	return road_wish(&r->road, &rules, &view, r->now);
}

/*
 * A look at the slot.  Where its WAL begins is only known while it is looked at: an old
 * answer would say for ever that there is much to read again.
 */
static void
note_backlog(Relay *r, const SlotRow *row)
{
	const uint64_t end = row->confirmed_lsn + (uint64_t) row->behind_bytes;

	r->backlog = -1;
	r->reread = 0;
	if (row->behind_bytes < 0)
		return;
	r->backlog = end > r->read_lsn ? (int64_t) (end - r->read_lsn) : 0;
	if (row->retained_bytes >= row->behind_bytes && r->cfg->slot_watch_ms > 0)
		r->reread = end - (uint64_t) row->retained_bytes;
}

/* Of what the configuration asks for, once; auto is the default, and nothing is wrong then. */
static void
tell_obstacle(Relay *r)
{
	const RoadReason reason = r->wish_road.reason;
	const bool news =
		road_reason_fix(reason) != NULL && reason != ROAD_FAILED && reason != r->obstacle;

	if (news && r->cfg->stream_mode == STREAM_AUTO)
		log_info("a backlog will be read through the walsender, too, for nova.stream(), which is "
				 "faster, cannot be used: %s; %s; it is looked for again when the relay connects",
				 road_reason_text(reason), road_reason_fix(reason));
	else if (news)
		log_warn("nova.stream.mode is %s, and the walsender is used all the same: %s; %s; it is "
				 "looked for again when the relay connects",
				 road_name(ROAD_DIRECT), road_reason_text(reason), road_reason_fix(reason));
	r->obstacle = reason;
}

/*
 * Which one, for the stream that is about to begin.  What the change was decided by
 * stays as it was, or the stream might begin by the road that it has just left.
 */
static Road
choose_road(Relay *r, uint64_t lsn)
{
	const PgServer *server = pgstream_server(r->pg);
	const SlotRow unknown = {.behind_bytes = -1};

	if (!r->changing)
	{
		r->read_lsn = r->start_lsn = lsn;
		note_backlog(r, server->slot_created ? &unknown : &server->row);
	}
	r->wish_road = wished_road(r, !r->changing);
	/* that was of the stream before; the next look will tell */
	r->caught_up = false;
	r->backlog = -1;
	r->start_lsn = lsn;
	r->read_lsn = lsn > 0 ? lsn - 1 : 0;
	tell_obstacle(r);
	return r->wish_road.road;
}

/* While it streams: is the other road the right one, and may it be taken here? */
static bool
leaves_road(Relay *r)
{
	if (r->wish_road.road == r->road.now.road)
		return false;
	if (delivery_between_payloads(r->delivery) && !delivery_in_transaction(r->delivery))
		return true;
	if (!r->change_waits)
		log_debug("the road is to be %s: waiting for the end of a transaction",
				  road_name(r->wish_road.road));
	r->change_waits = true;
	return false;
}

/* In every turn; a spool is filled by the road that it began with. */
static void
watch_road(Relay *r)
{
	if (r->spooling)
		return;
	r->wish_road = wished_road(r, false);
	if (r->wish_road.road == r->road.now.road)
	{
		/* a backlog anew, after it had caught up and stayed: it is to catch up once more */
		if (r->wish_road.reason == ROAD_BACKLOG)
			r->caught_up = false;
		(void) road_take(&r->road, r->wish_road, r->now);
		r->change_waits = false;
	}
}

/* The direct one could not be begun.  Nothing is lost: the walsender has all of it. */
static void
give_up_road(Relay *r)
{
	log_warn("PostgreSQL: the direct road cannot be taken: %s; using the walsender, and trying "
			 "again in %" PRId64 " s",
			 pgstream_error(r->pg), road_failed(&r->road, r->now) / 1000);
	pgstream_disconnect(r->pg);
	r->connecting = false;
	r->retry_at = r->now;
	enter(r, STATE_CONNECT);
}

/* Nothing more is read, for the other road to go on from here. */
static void
begin_change(Relay *r)
{
	const uint64_t received = delivery_received_lsn(r->delivery);
	const uint64_t safe = delivery_safe_lsn(r->delivery);

	log_info("changing to the %s road at LSN " LSN_FORMAT ": %s", road_name(r->wish_road.road),
			 LSN_ARGS(received > safe ? received : safe), road_reason_text(r->wish_road.reason));
	r->changing = true;
	r->change_waits = false;
	enter(r, STATE_CHANGE);
}

/* Is there a stream, but for the moment that it takes to change its road? */
static bool
is_changing(const Relay *r)
{
	return r->changing &&
		   (r->state == STATE_CHANGE || r->state == STATE_REOPEN || r->state == STATE_CONNECT ||
			r->state == STATE_RECALL || r->state == STATE_DECIDE || r->state == STATE_STREAM);
}

/*
 * The slot's WAL, which somebody should know of before it is too late
 */

static void
take_slot_row(Relay *r, const SlotRow *row)
{
	const WalLimits limits = {r->cfg->slot_safe_percent,
							  (int64_t) r->cfg->slot_retained_mb * 1048576};
	char text[256];

	wal_text(row, text, sizeof(text));
	switch (walwatch_take(&r->wal, row, limits, r->now))
	{
		case WAL_LOW:
			log_warn("slot %s: %s; confirmed is LSN " LSN_FORMAT
					 "%s: let the relay catch up, or raise max_slot_wal_keep_size, before the slot "
					 "is lost or the disk is full",
					 r->cfg->slot_name, text, LSN_ARGS(row->confirmed_lsn),
					 r->blocked ? ", and Kafka takes no more at present" : "");
			break;
		case WAL_RECOVERED:
			log_info("slot %s: enough room for WAL again: %s", r->cfg->slot_name, text);
			break;
		default:
			break;
	}
	r->numbers.slot_retained_bytes = row->found ? row->retained_bytes : -1;
	r->numbers.slot_safe_bytes = row->found ? row->safe_bytes : -1;
	r->numbers.slot_wal_low = r->wal.low;
}

/* The watch's answer.  What is wrong will end the stream; but it may take long to notice. */
static void
on_watched(void *arg, const struct pg_result *res)
{
	Relay *r = arg;
	const PgServer *server = pgstream_server(r->pg);
	SlotRow row;
	SlotFault fault;
	SlotText text;

	pgstream_slot_row(res, &row);
	take_slot_row(r, &row);
	if (r->streaming && !r->changing)
		note_backlog(r, &row);
	/* between two connections it is not known what the row should be */
	if (server->database[0] == '\0')
		return;
	fault = slot_judge(&row, server->database, server->standby);
	if (fault != r->fault_told && slot_means(fault) >= SLOT_MEANS_LOSS)
	{
		slot_explain(fault, &row, r->cfg->slot_name, server->database, &text);
		log_warn("slot %s %s; %s", r->cfg->slot_name, text.what, text.fix);
	}
	r->fault_told = fault;
}

/* Also while nothing is read because Kafka takes no more: that is when it is needed. */
static void
watch_slot(Relay *r)
{
	if (r->watch == NULL || r->stream_began == 0 || r->state == STATE_STANDBY)
		return;
	if (r->now >= r->next_watch)
	{
		r->next_watch = r->now + r->cfg->slot_watch_ms;
		if (r->watch_sql == NULL)
			r->watch_sql =
				pgstream_slot_query(r->cfg->slot_name, pgstream_server(r->pg)->version_num);
		if (r->watch_sql != NULL)
			sidequery_run(r->watch, r->watch_sql, r->now);
	}
	wake_by(r, r->next_watch);
}

/* An LSN means something in one cluster only. */
static bool
same_cluster(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	if (r->system_id[0] == '\0')
		snprintf(r->system_id, sizeof(r->system_id), "%s", server->system_id);
	if (r->timeline[0] == '\0')
		snprintf(r->timeline, sizeof(r->timeline), "%s", server->timeline);
	if (strcmp(r->system_id, server->system_id) != 0)
	{
		fail(r,
			 "PostgreSQL: this is another cluster: system identifier %s, it was %s; point "
			 "database.hostname at the old one, or start again with a new slot and a new snapshot",
			 server->system_id, r->system_id);
		return false;
	}
	if (strcmp(r->timeline, server->timeline) != 0)
	{
		if (strtol(server->timeline, NULL, 10) < strtol(r->timeline, NULL, 10))
			fail(r,
				 "PostgreSQL: timeline %s, it was %s: this is a primary from before a promotion; "
				 "point database.hostname at the new one",
				 server->timeline, r->timeline);
		else
		{
			/* our positions mean other bytes there: to confirm them would skip changes */
			log_warn("PostgreSQL: timeline %s, it was %s: a standby was promoted, or the server "
					 "restored; beginning again from where its slot stands, which may repeat what "
					 "was sent",
					 server->timeline, r->timeline);
			start_again(r);
		}
		return false;
	}
	return true;
}

/* Where the stream begins. */
static uint64_t
stream_start(const Relay *r)
{
	uint64_t safe = delivery_safe_lsn(r->delivery);

	if (spool_holds(r) && (r->spooling || spool_end(r->spool) > safe))
		return spool_end(r->spool);
	return safe;
}

static void
log_new_slot(const Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	log_info("created slot %s at LSN " LSN_FORMAT, r->cfg->slot_name,
			 LSN_ARGS(server->confirmed_lsn));
	if (r->cfg->slot_failover && server->standby)
		log_warn("slot.failover has no effect on a standby: slot %s stays on this server",
				 r->cfg->slot_name);
	else if (r->cfg->slot_failover && server->version_num < 170000)
		log_warn(
			"slot.failover needs PostgreSQL 17; slot %s will not be there on a promoted standby",
			r->cfg->slot_name);
}

static void
log_publication(const Relay *r)
{
	PublicationUse use = pgstream_server(r->pg)->publication;

	if (use == PUBLICATION_APPLIES)
		log_info("publication %s decides what is captured, and the lists within it",
				 r->cfg->publication);
	else if (use == PUBLICATION_NOT_NEEDED)
		log_warn(
			"publication %s does not exist; nova needs none, the lists decide what is captured",
			r->cfg->publication);
}

/* What the spool does not have, behind what it has; the delivery goes on with its own. */
static void
start_spooling(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);
	SpoolOwner owner = {0};
	uint64_t lsn = stream_start(r);

	snprintf(owner.system_id, sizeof(owner.system_id), "%s", server->system_id);
	snprintf(owner.timeline, sizeof(owner.timeline), "%s", server->timeline);
	snprintf(owner.slot, sizeof(owner.slot), "%s", r->cfg->slot_name);
	snprintf(owner.database, sizeof(owner.database), "%s", server->database);
	pgstream_free_message(r->spool_message);
	r->spool_message = NULL;
	r->blocked = false;
	if (!spool_begin(r->spool, &owner, lsn))
	{
		fail_spool(r);
		return;
	}
	r->confirmed_lsn = server->confirmed_lsn;
	increment_begin(r->increment, server->publication);
	pgstream_start(r->pg, lsn, choose_road(r, lsn), r->now);
	enter(r, STATE_STREAM);
}

/* From where the slot stands, or from what is safe if that is later. */
static void
start_stream(Relay *r)
{
	uint64_t safe = delivery_safe_lsn(r->delivery);

	r->slot_known = true;
	/* another relay may have taken the snapshot that this one was about to take */
	snapshot_close(r->snapshot);
	r->locked = false;
	log_publication(r);
	if (r->spooling)
	{
		start_spooling(r);
		return;
	}
	if (r->cfg->exactly_once)
	{
		if (!settle_position(r))
			return;
	}
	else
	{
		delivery_begin(r->delivery, DELIVERY_STREAM);
		/* the slot is never asked to go back: the server takes the later of the two */
		if (pgstream_server(r->pg)->confirmed_lsn > safe)
			(void) delivery_adopt(r->delivery, pgstream_server(r->pg)->confirmed_lsn);
	}
	r->confirmed_lsn = pgstream_server(r->pg)->confirmed_lsn;
	/* with a spool more was confirmed than the state topic has */
	if (!spool_holds(r))
		r->position = r->confirmed_lsn;
	increment_begin(r->increment, pgstream_server(r->pg)->publication);
	pgstream_start(r->pg, stream_start(r), choose_road(r, stream_start(r)), r->now);
	enter(r, STATE_STREAM);
}

/* had_slot: the slot that is remembered is not this one. */
static SnapPhase
phase_found(const Relay *r, bool had_slot)
{
	if (r->remembered.phase == PHASE_NONE &&
		(r->slot_known || (had_slot && r->cfg->snapshot_mode != SNAPSHOT_INITIAL_ONLY)))
		return PHASE_DONE;
	if (r->remembered.phase == PHASE_BEGIN && r->remembered.progress != NULL)
		return PHASE_PART;
	return r->remembered.phase;
}

/* "always" means every start, not every connection. */
static SnapDecision
decide(const Relay *r, PositionFault fault)
{
	const PgServer *server = pgstream_server(r->pg);
	SnapshotMode mode = r->cfg->snapshot_mode;
	SlotFound slot =
		fault == POSITION_GAP && server->slot == SLOT_PRESENT ? SLOT_MOVED : server->slot;
	bool had_slot = fault == POSITION_OTHER_CLUSTER || fault == POSITION_SLOT_GONE;
	bool same = fault != POSITION_OTHER_CLUSTER &&
				(r->remembered.system_id[0] == '\0' ||
				 strcmp(r->remembered.system_id, server->system_id) == 0);

	if (mode == SNAPSHOT_ALWAYS && (r->snapshot_taken || r->slot_known))
		mode = SNAPSHOT_WHEN_NEEDED;
	/* no snapshot can make up for what a slot that we had has lost */
	if (mode == SNAPSHOT_NO_DATA && (had_slot || (r->slot_known && slot == SLOT_MISSING)))
		return snapshot_decide(SNAPSHOT_INITIAL, slot, PHASE_DONE, same);
	return snapshot_decide(mode, slot, phase_found(r, had_slot), same);
}

/*
 * The slot is where the snapshot was taken: changes since then come from it, and
 * the rows that were not read are read while they do.
 */
static void
resume_snapshot(Relay *r)
{
	if (!increment_resume(r->increment, r->remembered.progress))
	{
		log_warn("state topic %s: how far the snapshot came cannot be read: it begins again from "
				 "zero, and rows repeat",
				 r->cfg->state_topic);
		r->remembered.progress = NULL;
		enter(r, STATE_DECIDE);
		return;
	}
	r->remembered.phase = PHASE_DONE;
	r->remembered.progress = NULL;
	r->remembered.lsn = pgstream_server(r->pg)->confirmed_lsn;
	r->snapshot_taken = true;
	start_stream(r);
}

/* text: about the position, or "". */
static void
log_decision(const Relay *r, const SnapDecision *d, const char *text)
{
	const char *and = *text != '\0' && d->reason != NULL ? "; " : "";
	const char *reason = d->reason != NULL ? d->reason : "";

	if ((d->reason == NULL && *text == '\0') || (r->slot_known && d->action == ACTION_STREAM) ||
		(r->locked && d->action == r->action))
		return;
	if (d->warn)
		log_warn("slot %s: %s%s%s", r->cfg->slot_name, reason, and, text);
	else
		log_info("slot %s: %s%s%s", r->cfg->slot_name, reason, and, text);
}

/* What was decided, now that no other relay can come in between. */
static void
begin_action(Relay *r)
{
	if (r->action == ACTION_RESUME)
		resume_snapshot(r);
	else
		enter(r, r->action == ACTION_BESIDE  ? STATE_SNAPSHOT
				 : r->action == ACTION_AGAIN ? STATE_DROP
											 : STATE_BEGIN);
}

static bool
needs_slot(SnapAction action)
{
	return action == ACTION_STREAM || action == ACTION_AGAIN || action == ACTION_RESUME;
}

/* Jobs are loaded where nobody else can change them any more. */
static void
act(Relay *r)
{
	if (r->store == NULL || r->recalled_record)
		load_jobs(r);
	switch (r->action)
	{
		case ACTION_STREAM:
			start_stream(r);
			break;
		case ACTION_CREATE:
			enter(r, STATE_CREATE);
			break;
		case ACTION_NOTHING:
			enter(r, STATE_END);
			break;
		default:
			if (r->locked)
				begin_action(r);
			else
				enter(r, STATE_CHECK);
			break;
	}
}

/* May what the spool has be delivered to where this slot's changes went? */
static bool
spool_fits(Relay *r)
{
	const SpoolClaim claim = spool_claim(r);
	const SlotPlace p = place(r);
	char text[1024];

	if (spoolfit_slot(&claim, r->cfg->slot_name, pgstream_server(r->pg)->database, &p, text,
					  sizeof(text)))
		return true;
	fail(r, "%s", text);
	return false;
}

static void
turn_decide(Relay *r)
{
	char text[512];
	PositionFault fault;
	SnapDecision d;

	if (!same_cluster(r) || (spool_holds(r) && !spool_fits(r)))
		return;
	r->slot_known = r->slot_known || spool_holds(r);
	fault = judge_position(r, text, sizeof(text));
	/* another relay may have come in between: what it remembered counts */
	if (fault == POSITION_GAP && r->stream_began != 0 && r->store != NULL)
	{
		start_again(r);
		return;
	}
	d = decide(r, fault);
	d.warn = d.warn || fault == POSITION_SERVER_BEHIND;
	take_slot_row(r, &pgstream_server(r->pg)->row);
	if (fault == POSITION_OLD_TIMELINE)
		fail(r, "PostgreSQL: slot \"%s\": %s", r->cfg->slot_name, text);
	else if (d.action == ACTION_REFUSE)
	{
		if (*text == '\0' && pgstream_server(r->pg)->slot == SLOT_LOST)
			slot_lost_text(&pgstream_server(r->pg)->row, text, sizeof(text));
		fail(r, "PostgreSQL: slot \"%s\": %s%s%s", r->cfg->slot_name, d.reason, *text ? "; " : "",
			 text);
	}
	else if (needs_slot(d.action) && pgstream_server(r->pg)->row.holder.pid != 0)
	{
		/* most likely the process of our own stream; what is in flight is not given up */
		if ((r->spooling || r->changing) && r->stream_began != 0)
			reconnect_later(r, "PostgreSQL", "another process uses the slot, it may be our last");
		else
			enter(r, STATE_STANDBY);
	}
	else
	{
		log_decision(r, &d, text);
		r->action = d.action;
		act(r);
	}
}

/*
 * Standing by
 */

/* Who it is, once for each. */
static void
tell_holder(Relay *r)
{
	const SlotHolder *holder = &pgstream_server(r->pg)->row.holder;
	const bool ours = strcmp(holder->application, pgstream_application(r->pg)) == 0;
	char text[320];
	char then[200] = "once it is free";

	slot_holder_text(holder, text, sizeof(text));
	if (strcmp(text, r->holder_told) == 0)
		return;
	snprintf(r->holder_told, sizeof(r->holder_told), "%s", text);
	if (r->cfg->takeover == TAKEOVER_TERMINATE && ours && holder->signs[0] != '\0')
		snprintf(then, sizeof(then), "once it is free, or the other one is silent for %d ms",
				 r->cfg->takeover_after_ms);
	else if (r->cfg->takeover == TAKEOVER_TERMINATE)
		snprintf(then, sizeof(then), "once it is free; nova.takeover=terminate cannot help, for %s",
				 !ours ? "that is no relay of this name"
				 : holder->unnoted
					 ? "the server does not note when the other one was heard of last: set "
					   "track_activities = on"
					 : "this role may not see when the other one was heard of last: GRANT "
					   "pg_monitor to it");
	log_info("slot %s: another process uses the slot: %s; standing by, and taking over %s",
			 r->cfg->slot_name, text, then);
}

/* The server looks once more itself: a relay that lives is left alone. */
static bool
end_holder(Relay *r)
{
	const SlotHolder *holder = &pgstream_server(r->pg)->row.holder;

	if (!holder_silent(&r->holder, holder, r->cfg->takeover_after_ms, r->now) ||
		r->cfg->takeover != TAKEOVER_TERMINATE || r->denied_told ||
		strcmp(holder->application, pgstream_application(r->pg)) != 0)
		return false;
	log_warn("slot %s: PID %d holds it and was not heard of for %" PRId64 " ms: ending it",
			 r->cfg->slot_name, holder->pid, r->now - r->holder.since);
	pgstream_end_holder(r->pg, r->now);
	r->ending = r->asking = true;
	return true;
}

static void
take_end(Relay *r)
{
	r->ending = false;
	r->poll_ms = STANDBY_POLL_MIN_MS;
	if (pgstream_ended(r->pg) == HOLDER_DENIED)
	{
		r->denied_told = true;
		log_warn(
			"slot %s: this role may not end PID %d: GRANT pg_signal_backend to it, or let both "
			"relays be of one role; waiting until the slot is free",
			r->cfg->slot_name, r->holder.pid);
	}
	else if (pgstream_ended(r->pg) == HOLDER_LIVES)
		log_info("slot %s: PID %d was heard of, and stays", r->cfg->slot_name, r->holder.pid);
}

/* It is free: what is known of it and of the state topic is old. */
static void
take_over(Relay *r)
{
	log_info("slot %s is free: taking over", r->cfg->slot_name);
	r->holder_told[0] = '\0';
	r->free_since = 0;
	r->recalled = false;
	r->recalled_record = false;
	/* a claim is old as well */
	if (r->loaded || r->loading || r->stream_began != 0 || r->claimed)
		start_again(r);
	else
		enter(r, STATE_LOOK);
}

static void
take_look(Relay *r)
{
	const SlotRow *row = &pgstream_server(r->pg)->row;

	take_slot_row(r, row);
	if (row->holder.pid != 0)
	{
		r->free_since = 0;
		tell_holder(r);
		if (end_holder(r))
			return;
	}
	else if (r->free_since == 0)
		r->free_since = r->now;
	if (r->free_since != 0 && r->now - r->free_since >= r->cfg->takeover_grace_ms)
	{
		take_over(r);
		return;
	}
	r->next_poll = r->now + r->poll_ms;
	if (r->free_since != 0 && r->next_poll > r->free_since + r->cfg->takeover_grace_ms)
		r->next_poll = r->free_since + r->cfg->takeover_grace_ms;
	r->poll_ms = r->poll_ms * 2 < STANDBY_POLL_MAX_MS ? r->poll_ms * 2 : STANDBY_POLL_MAX_MS;
}

static void
turn_standby(Relay *r)
{
	PgStatus status;

	if (!r->working)
	{
		/* whoever holds it may take the snapshot, too */
		snapshot_close(r->snapshot);
		r->locked = false;
		r->asking = r->ending = false;
		r->free_since = 0;
		r->poll_ms = STANDBY_POLL_MIN_MS;
		tell_holder(r);
		(void) end_holder(r);
		if (!r->asking)
			r->next_poll = r->now + r->poll_ms;
	}
	r->working = true;
	/* between two looks only the end of the connection is readable */
	if (!r->asking && (r->now >= r->next_poll || r->readable))
	{
		pgstream_look_slot(r->pg, r->now);
		r->asking = true;
	}
	status = r->asking ? pgstream_advance(r->pg, r->now) : PG_AGAIN;
	if (r->asking && status == PG_READY)
	{
		r->asking = false;
		if (r->ending)
			take_end(r);
		else
			take_look(r);
	}
	else if (status != PG_AGAIN)
		judge(r, status);
	if (r->state == STATE_STANDBY)
		wake_by(r, r->asking ? pgstream_deadline(r->pg) : r->next_poll);
}

/*
 * The snapshot: look before anything is changed, make the slot, read what its
 * snapshot shows, and only then let the state topic say that it is complete.
 */

/* May it be taken, by this process?  What was decided may be old by then: decide again. */
static void
turn_check(Relay *r)
{
	int64_t not_before = r->began + r->cfg->snapshot_delay_ms;
	PgStatus status;

	beat(r);
	if (r->now < not_before)
	{
		wake_by(r, not_before);
		return;
	}
	if (!r->working)
		snapshot_check(r->snapshot, pgstream_server(r->pg)->publication, r->now);
	r->working = true;
	status = snapshot_advance(r->snapshot, r->now);
	if (status == PG_READY)
	{
		r->locked = true;
		enter(r, STATE_LOOK);
	}
	else if (status == PG_AGAIN)
		wake_by(r, snapshot_deadline(r->snapshot));
	else
		judge_snapshot(r, status);
}

/* Another relay may have finished its snapshot between our looking and our lock. */
static void
turn_look(Relay *r)
{
	PgStatus status;

	beat(r);
	if (!r->working)
		pgstream_look(r->pg, r->now);
	r->working = true;
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_READY)
	{
		r->recalled = false;
		enter(r, r->cfg->exactly_once && !r->claimed ? STATE_CLAIM : STATE_RECALL);
	}
	else if (status == PG_AGAIN)
		wake_by(r, pgstream_deadline(r->pg));
	else
		judge(r, status);
}

static void
turn_drop(Relay *r)
{
	PgStatus status;

	if (!r->working)
		pgstream_drop(r->pg, r->now);
	r->working = true;
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_READY)
	{
		log_info("dropped slot %s", r->cfg->slot_name);
		r->slot_known = false;
		enter(r, STATE_BEGIN);
	}
	else if (status == PG_AGAIN)
		wake_by(r, pgstream_deadline(r->pg));
	else
		judge(r, status);
}

/* Remember a phase, in the state topic if there is one.  True when it is safe. */
static bool
remember(Relay *r, SnapPhase phase)
{
	const PgServer *server = pgstream_server(r->pg);

	if (r->saving)
		return false;
	if (!r->working)
	{
		r->remembered = (StateRecord){.phase = phase, .jobs = r->remembered.jobs};
		snprintf(r->remembered.system_id, sizeof(r->remembered.system_id), "%s", server->system_id);
		snprintf(r->remembered.timeline, sizeof(r->remembered.timeline), "%s", server->timeline);
		r->remembered.lsn = phase == PHASE_DONE ? server->confirmed_lsn : 0;
		r->remembered.position = r->remembers ? r->remembered.lsn : 0;
		if (r->store != NULL)
			state_write(r->store, &r->remembered);
	}
	r->working = true;
	return r->store == NULL || store_ready(r);
}

static void
turn_begin(Relay *r)
{
	beat(r);
	if (remember(r, PHASE_BEGIN))
		enter(r, STATE_CREATE);
}

/* The server says nothing while it waits, and it may be for long. */
static void
tell_waiting(Relay *r)
{
	if (r->now >= r->next_wait_line)
	{
		log_info("slot %s: still being made, %s", r->cfg->slot_name,
				 pgstream_server(r->pg)->standby
					 ? "for this server is a standby and waits for its primary to log which "
					   "transactions run: run there SELECT pg_log_standby_snapshot()"
					 : "which waits for the end of every transaction that has written and is "
					   "open: see backend_xid in pg_stat_activity, and pg_prepared_xacts");
		r->next_wait_line = r->now + PROGRESS_MS;
	}
	wake_by(r, r->next_wait_line);
}

static void
turn_create(Relay *r)
{
	bool snapshot = r->action != ACTION_CREATE;
	PgStatus status;

	if (!r->working)
	{
		r->next_wait_line = r->now + SLOT_WAIT_MS;
		pgstream_create(r->pg, snapshot, r->now);
	}
	r->working = true;
	beat(r);
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_AGAIN)
		tell_waiting(r);
	else if (status != PG_READY)
		judge(r, status);
	else
	{
		log_new_slot(r);
		if (r->cfg->exactly_once)
			new_position(r);
		r->undo_slot = snapshot;
		if (snapshot)
			enter(r, STATE_SNAPSHOT);
		else
			start_stream(r);
	}
}

static void
show_snapshot(Relay *r, SnapshotCounts c)
{
	uint64_t bytes = delivery_counts(r->delivery)->bytes - r->snapshot_bytes;
	char note[200];

	snprintf(note, sizeof(note), "%zu of %zu tables, %" PRIu64 " MB, %d connection(s)%s",
			 c.tables_done, c.tables, bytes / 1000000, c.connections,
			 r->blocked ? ", waiting for Kafka to take more" : "");
	meter_show(&r->meter,
			   &(Progress){.what = "snapshot",
						   .unit = "rows",
						   .done = c.rows,
						   .total = c.row_estimate,
						   .began = r->snapshot_began,
						   .left_ms = c.left_ms,
						   .note = note},
			   r->now);
}

/* Nothing is to be said before the tables are known. */
static void
log_snapshot(Relay *r)
{
	SnapshotCounts c;

	if (meter_due(&r->meter, r->now))
	{
		c = snapshot_counts(r->snapshot, r->now);
		if (c.tables == 0)
			return;
		show_snapshot(r, c);
	}
	wake_by(r, r->meter.next);
}

static void
begin_snapshot(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);
	bool exported = r->action != ACTION_BESIDE;

	if (r->cfg->exactly_once && !exported && !settle_position(r))
		return;
	r->snapshot_began = r->now;
	meter_begin(&r->meter, r->now);
	r->snapshot_bytes = delivery_counts(r->delivery)->bytes;
	r->next_save = r->now;
	log_info("snapshot begins%s, with up to %d connection(s)",
			 exported ? " at the slot's position" : " beside the slot that is there",
			 r->cfg->snapshot_threads);
	snapshot_begin(r->snapshot, exported ? server->snapshot : NULL, server->confirmed_lsn, r->now);
}

/* Take payloads until there are none, the sink is full or the turn is over. */
static PgStatus
read_snapshot(Relay *r)
{
	PgStatus status = PG_READY;

	for (int i = 0; i < MESSAGES_PER_TURN && status == PG_READY; i++)
	{
		r->blocked = !pump(r) || is_paused(r);
		if (r->blocked)
			return PG_AGAIN;
		status = snapshot_read(r->snapshot);
	}
	if (status == PG_READY)
		wake_by(r, r->now);
	return status;
}

static void
end_snapshot(Relay *r)
{
	SnapshotCounts c = snapshot_counts(r->snapshot, r->now);
	double seconds = (double) (r->now - r->snapshot_began + 1) / 1000.0;

	meter_end();
	log_info("snapshot: %zu of %zu tables, %" PRIu64 " rows, complete after %.1f s (%.0f rows/s), "
			 "every record is acknowledged",
			 c.tables_done, c.tables, c.rows, seconds, (double) c.rows / seconds);
	r->attempt = 0;
	/* whether or not "done" gets there in time, the slot is of use from here on */
	r->undo_slot = false;
	enter(r, STATE_DONE);
}

static void
turn_snapshot(Relay *r)
{
	PgStatus status;

	beat(r);
	if (!r->working)
		begin_snapshot(r);
	if (r->state != STATE_SNAPSHOT)
		return;
	r->working = true;
	status = snapshot_advance(r->snapshot, r->now);
	if (status == PG_AGAIN)
	{
		PgStatus more = read_snapshot(r);

		if (more == PG_RETRY || more == PG_STOP)
			status = more;
	}
	if (r->state != STATE_SNAPSHOT)
		return;
	if (status == PG_READY)
	{
		/* the last record of how far it came must not overtake that it is complete */
		if (pump(r) && delivery_idle(r->delivery) && !r->saving)
			end_snapshot(r);
	}
	else if (status == PG_AGAIN)
		wake_by(r, snapshot_deadline(r->snapshot));
	else
		judge_snapshot(r, status);
	if (r->state != STATE_SNAPSHOT)
		return;
	log_snapshot(r);
	if (status == PG_AGAIN)
		save_progress(r);
}

/* Everything is safe: say so where the next start finds it, and go on. */
static void
turn_done(Relay *r)
{
	beat(r);
	if (!r->snapshot_taken)
	{
		if (!remember(r, PHASE_DONE))
			return;
		r->snapshot_taken = true;
		r->blocked = false;
		snapshot_close(r->snapshot);
		if (r->store != NULL)
			state_close(r->store);
		r->stream_not_before = r->now + r->cfg->streaming_delay_ms;
	}
	if (r->cfg->snapshot_mode == SNAPSHOT_INITIAL_ONLY)
	{
		log_info("the snapshot is complete, and snapshot.mode is initial_only: stopping; slot %s "
				 "stays and keeps WAL for a later start",
				 r->cfg->slot_name);
		enter(r, STATE_END);
	}
	else if (r->now < r->stream_not_before)
		wake_by(r, r->stream_not_before);
	else
		start_stream(r);
}

/*
 * A slot without its snapshot would look like one with it: drop it, as far as
 * that can be done in time.  True when nothing is left to do.
 */
static bool
undo_slot(Relay *r)
{
	PgStatus status;

	if (!r->undo_slot)
		return true;
	if (r->undo_until == 0)
	{
		snapshot_close(r->snapshot);
		meter_end();
		r->undo_until = r->now + UNDO_MS;
		pgstream_drop(r->pg, r->now);
	}
	status = pgstream_advance(r->pg, r->now);
	wake_by(r, r->undo_until);
	if (status == PG_AGAIN && r->now < r->undo_until)
		return false;
	r->undo_slot = false;
	r->undone = true;
	if (status == PG_READY)
		log_warn("the snapshot is not complete: dropped slot %s; the next start begins it again "
				 "from zero, and rows repeat",
				 r->cfg->slot_name);
	else
		log_warn("the snapshot is not complete, and slot %s could not be dropped: %s",
				 r->cfg->slot_name,
				 r->store != NULL ? "the next start does it and begins again from zero"
								  : "drop it yourself, or the next start takes it for complete: "
									"SELECT pg_drop_replication_slot(...)");
	return true;
}

static void
begin_stream(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	if (road_take(&r->road, r->wish_road, r->now))
		r->road_changes++;
	r->changing = false;
	r->streaming = true;
	r->stream_began = r->now;
	r->next_watch = r->now + r->cfg->slot_watch_ms;
	r->last_failure[0] = '\0';
	r->last_status = r->now;
	r->next_heartbeat = r->now;
	log_info(
		"streaming from slot %s at LSN " LSN_FORMAT
		", database %s, server %d%s, system %s, timeline %s, replication protocol of nova %d, by "
		"the %s road: %s",
		r->cfg->slot_name, LSN_ARGS(stream_start(r)), server->database, server->version_num,
		server->standby ? " (a standby)" : "", server->system_id, server->timeline,
		NOVA_PROTOCOL_VERSION, road_name(r->road.now.road), road_reason_text(r->road.now.reason));
}

/* To the end of the spool, while Kafka is given what is at its front. */
static void
read_to_spool(Relay *r)
{
	drain_spool(r);
	/* libpq may have what its socket does not tell of any more */
	if (!r->spooling)
		wake_by(r, r->now);
	if (r->state != STATE_STREAM || !r->spooling)
		return;
	if (r->spool_message != NULL && r->now >= r->spool_retry)
		append_to_spool(r);
	for (int i = 0; i < MESSAGES_PER_TURN && r->state == STATE_STREAM; i++)
	{
		PgStatus status;
		char *message;
		size_t len;

		if (r->spool_message != NULL)
		{
			wake_by(r, r->spool_retry);
			return;
		}
		status = pgstream_receive(r->pg, &message, &len);
		if (status == PG_AGAIN)
			return;
		if (status == PG_READY)
			take_message(r, message, len);
		else
			judge(r, status);
		/* it is at the front, perhaps */
		wake_by(r, r->now);
	}
}

/* Take messages until there are none, the sink is full or the turn is over. */
static void
read_stream(Relay *r)
{
	if (r->readable)
		judge(r, pgstream_consume(r->pg));
	if (r->spooling && r->state == STATE_STREAM)
	{
		read_to_spool(r);
		return;
	}
	for (int i = 0; i < MESSAGES_PER_TURN && r->state == STATE_STREAM; i++)
	{
		PgStatus status;
		char *message;
		size_t len;

		r->blocked = !pump(r);
		if (r->blocked)
			return;
		if (leaves_road(r))
		{
			begin_change(r);
			return;
		}
		if (increment_emit(r->increment))
			continue;
		status = pgstream_receive(r->pg, &message, &len);
		if (status == PG_AGAIN)
		{
			/* the server has said that it is at the end of its WAL */
			if (r->ping_lsn != 0)
				sink_push(r->sink);
			return;
		}
		if (status == PG_READY)
			take_message(r, message, len);
		else
			judge(r, status);
	}
	wake_by(r, r->now);
}

/*
 * The stream's last words, so that the slot stands where the next one begins.  True: they
 * are said, and it can be ended.
 */
static bool
say_last(Relay *r)
{
	adopt_ping(r);
	if (!position_is_saved(r))
		return false;
	send_status(r);
	return r->streaming;
}

static void
end_road(Relay *r)
{
	if (!say_last(r))
		return;
	increment_interrupt(r->increment);
	r->streaming = false;
	r->change_until = r->now + CHANGE_END_MS;
	pgstream_stop(r->pg, false, r->now);
	enter(r, STATE_REOPEN);
}

/*
 * From here on all that the spool is to have comes on a stream of its own; and that on
 * a connection of its own, for a server takes no second stream on one.  In order, so
 * that the slot is free.
 */
static void
begin_reopen(Relay *r)
{
	begin_spooling(r);
	r->streaming = false;
	pgstream_stop(r->pg, false, r->now);
	enter(r, STATE_REOPEN);
}

/*
 * A walsender sends the transaction that it is at to the end first.  When the road is
 * changed nothing of that is wanted, and everything else is confirmed: the connection's
 * end does as well.
 */
static void
turn_reopen(Relay *r)
{
	PgStatus status = pgstream_advance(r->pg, r->now);

	(void) pump(r);
	if (r->state != STATE_REOPEN)
		return;
	if (status == PG_READY || (status == PG_AGAIN && r->changing && r->now >= r->change_until))
	{
		r->connecting = false;
		r->retry_at = r->now;
		enter(r, STATE_CONNECT);
	}
	else if (status == PG_AGAIN)
		wake_by(r, r->changing ? r->change_until : pgstream_deadline(r->pg));
	else
		judge(r, status);
}

/*
 * The connection stays, or WAL would be kept for a slot that looks as if nobody
 * used it; what an incremental snapshot has open would keep old rows.
 */
static void
begin_pause(Relay *r)
{
	log_info("paused, as asked: reading no more, %" PRIu64 " records are still to be acknowledged; "
			 "slot %s keeps WAL until it goes on",
			 delivery_in_flight(r->delivery), r->cfg->slot_name);
	increment_interrupt(r->increment);
	/* it is not Kafka that it waits for any more */
	r->blocked = false;
	enter(r, STATE_PAUSED);
}

static void
turn_change(Relay *r)
{
	bool idle = pump(r) && delivery_idle(r->delivery) && !owes_position(r);

	if (r->state != STATE_CHANGE)
		return;
	if (may_spool(r))
	{
		r->changing = false;
		begin_reopen(r);
		return;
	}
	watch_kafka(r);
	if (is_paused(r))
	{
		r->changing = false;
		begin_pause(r);
	}
	else if (idle)
		end_road(r);
	if (r->state == STATE_CHANGE || r->state == STATE_PAUSED)
		send_status_if_due(r);
	if (r->state == STATE_CHANGE)
		beat(r);
}

static void
turn_paused(Relay *r)
{
	(void) pump(r);
	if (r->state != STATE_PAUSED)
		return;
	if (is_paused(r))
	{
		if (r->streaming)
			send_status_if_due(r);
		return;
	}
	log_info("going on, as asked, from LSN " LSN_FORMAT, LSN_ARGS(delivery_safe_lsn(r->delivery)));
	enter(r, r->streaming ? STATE_STREAM : STATE_CONNECT);
}

/* Signals are about what is remembered; but a broker that is away holds up nothing. */
static bool
may_read(const Relay *r)
{
	return r->loaded || r->spooling || r->now >= r->stream_began + LOAD_PATIENCE_MS;
}

static void
turn_stream(Relay *r)
{
	if (!r->streaming)
	{
		PgStatus status = pgstream_advance(r->pg, r->now);

		if (status == PG_AGAIN)
			wake_by(r, pgstream_deadline(r->pg));
		else if (status != PG_READY && r->wish_road.road == ROAD_DIRECT &&
				 !pgstream_failed_for_now(r->pg))
			give_up_road(r);
		else
			judge(r, status);
		if (status != PG_READY)
			return;
		begin_stream(r);
	}
	if (is_paused(r))
	{
		begin_pause(r);
		return;
	}
	if (may_spool(r))
	{
		begin_reopen(r);
		return;
	}
	watch_kafka(r);
	watch_road(r);
	if (may_read(r))
		read_stream(r);
	else
		wake_by(r, r->stream_began + LOAD_PATIENCE_MS);
	if (r->state == STATE_STREAM)
	{
		increment_advance(r->increment, r->now);
		wake_by(r, increment_deadline(r->increment));
	}
	if (r->state == STATE_STREAM)
		send_status_if_due(r);
	if (r->state == STATE_STREAM)
		beat(r);
}

/* As far as we know: what was never made, or dropped with its snapshot, does not. */
static bool
slot_stays(const Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	/* what another relay uses is not ours to drop */
	return server->row.holder.pid == 0 && (r->slot_known || server->slot == SLOT_PRESENT);
}

static void
begin_drain(Relay *r, const char *why)
{
	if (r->state == STATE_DRAIN || r->state == STATE_FAILED || r->state == STATE_END)
		return;
	/* between two streams; while there is none for another reason it is not known whose it is */
	r->drops_later = !r->streaming && drops_slot(r) && slot_stays(r) &&
					 (r->state == STATE_STREAM || r->state == STATE_REOPEN || is_changing(r));
	if (r->drops_later)
	{
		/* whatever it was at; the server lets go of the slot by itself */
		pgstream_disconnect(r->pg);
		r->connecting = false;
	}
	log_info("%s: no more reading, waiting for %" PRIu64 " records to be acknowledged", why,
			 delivery_in_flight(r->delivery));
	if (r->state == STATE_SNAPSHOT && !r->undo_slot && r->action != ACTION_BESIDE)
		log_info("the snapshot is not complete: slot %s stays and keeps WAL, and the next start "
				 "goes on where this one was",
				 r->cfg->slot_name);
	r->drain_until = r->now + r->cfg->shutdown_timeout_ms;
	snapshot_close(r->snapshot);
	increment_interrupt(r->increment);
	/* what is read from here on is the rest of the stream, which nobody gets */
	r->blocked = false;
	enter(r, STATE_DRAIN);
}

static void
end_drain(Relay *r, const char *trouble)
{
	if (trouble != NULL)
	{
		log_warn("stopped with a rest: %s; records from LSN " LSN_FORMAT
				 " on will be sent again after the next start",
				 trouble, LSN_ARGS(r->confirmed_lsn));
		r->exit_status = EXIT_FAILED;
	}
	enter(r, STATE_END);
}

/* Without its slot a finished snapshot is worth nothing: the next start takes a new one. */
static bool
forget(Relay *r)
{
	const StateRecord nothing = {.phase = PHASE_NONE};

	if (r->store == NULL)
		return true;
	/* after a short life what there is to forget may not be known yet */
	if (!r->loaded && !r->recalled_record)
	{
		wake_by(r, r->now + STATE_POLL_MS);
		return false;
	}
	if (r->remembered.phase == PHASE_NONE && r->remembered.position == 0)
		return true;
	if (r->saving)
		return false;
	if (!r->forgetting)
		state_write(r->store, &nothing);
	r->forgetting = true;
	return store_ready(r);
}

static void
end_dropped(Relay *r)
{
	if (!forget(r))
		return;
	log_info("dropped slot %s, as slot.drop.on.stop says", r->cfg->slot_name);
	end_drain(r, NULL);
}

/* The stream's end: last status, CopyDone, and the server's word that it is done. */
static void
drain_stream(Relay *r)
{
	PgStatus status;

	if (!r->draining_stream)
	{
		if (!say_last(r))
			return;
		pgstream_stop(r->pg, drops_slot(r), r->now);
		r->draining_stream = true;
	}
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_AGAIN)
	{
		wake_by(r, pgstream_deadline(r->pg));
		wake_by(r, r->drain_until);
	}
	else if (status != PG_READY)
		end_drain(r, pgstream_error(r->pg));
	else if (drops_slot(r))
		end_dropped(r);
	else
		end_drain(r, NULL);
}

/* On the connection for its end: nothing that it could do is to be waited for any more. */
static void
drop_found_slot(Relay *r)
{
	const PgServer *server = pgstream_server(r->pg);

	if (strcmp(server->system_id, r->system_id) != 0 || strcmp(server->timeline, r->timeline) != 0)
		end_drain(r, "this is another server by now: the slot there is not dropped");
	else if (server->slot == SLOT_MISSING)
		end_dropped(r);
	else if (server->row.holder.pid == 0)
	{
		r->working = true;
		pgstream_drop(r->pg, r->now);
	}
	else
	{
		/* the process of the stream before has not yet seen that it is over */
		if (r->now >= r->next_poll)
		{
			r->next_poll = r->now + STANDBY_POLL_MIN_MS;
			pgstream_look_slot(r->pg, r->now);
		}
		wake_by(r, r->next_poll);
	}
}

/* The slot's end without a stream: on a connection of its own, which is made for it. */
static void
drain_slot(Relay *r)
{
	PgStatus status;

	if (!r->connecting)
	{
		r->connecting = true;
		r->next_poll = r->now;
		pgstream_connect(r->pg, r->now);
	}
	status = pgstream_advance(r->pg, r->now);
	if (status == PG_READY && r->working)
		end_dropped(r);
	else if (status == PG_READY)
		drop_found_slot(r);
	else if (status == PG_AGAIN)
		wake_by(r, pgstream_deadline(r->pg));
	else
		end_drain(r, pgstream_error(r->pg));
}

static void
turn_drain(Relay *r)
{
	bool idle = pump(r) && delivery_idle(r->delivery) && !owes_position(r);

	if (r->state != STATE_DRAIN)
		return;
	/* what Kafka does not take is on the disk, and comes from there */
	if (!idle && spool_covers(r) && kafka_is_away(r))
		idle = true;
	if (r->undo_slot)
	{
		wake_by(r, r->drain_until);
		if (!(idle || r->now >= r->drain_until) || !undo_slot(r))
			return;
	}
	if (idle && r->streaming)
		drain_stream(r);
	else if (idle && r->drops_later)
		drain_slot(r);
	else if (idle)
		end_drain(r, drops_slot(r) && !r->draining_stream && slot_stays(r)
						 ? "without a connection the slot could not be dropped, as "
						   "slot.drop.on.stop asks; drop it yourself, for it keeps WAL"
					 : r->draining_stream || delivery_commit_lsn(r->delivery) > r->confirmed_lsn
						 ? "the connection to PostgreSQL was lost before everything was confirmed"
						 : NULL);
	else if (r->streaming)
		send_status_if_due(r);
	if (r->state != STATE_DRAIN)
		return;
	wake_by(r, r->drain_until);
	if (r->now >= r->drain_until)
		end_drain(r, !idle            ? "not everything was acknowledged in time"
					 : r->drops_later ? "the slot was not free in time to be dropped; drop it "
										"yourself, for it keeps WAL"
					 : !position_is_saved(r) ? "the state topic did not take the position in time"
											 : "the server did not end the stream in time");
}

/* What is safe is confirmed even now; the rest comes again. */
static void
turn_failed(Relay *r)
{
	if (r->streaming)
	{
		(void) pgstream_send_status(r->pg, confirmable(r), confirmable(r));
		r->streaming = false;
	}
	if (undo_slot(r))
		enter(r, STATE_END);
}

typedef struct RelayStateRow
{
	const char *name;
	void (*turn)(Relay *r);
	bool polls_pg;
	const char *explanation;
} RelayStateRow;

static const RelayStateRow states[] = {
	[STATE_CONNECT] = {"CONNECT", turn_connect, true,
					   "wait for what is in flight, then for the back-off, then connect and "
					   "look the slot up; → RECALL, → CLAIM, → CONNECT on what can heal, → FAILED"},
	[STATE_CLAIM] = {"CLAIM", turn_claim, false,
					 "exactly once: fence the relays before this one and wait until what they left "
					 "open is aborted; → RECALL, → FAILED"},
	[STATE_RECALL] = {"RECALL", turn_recall, false,
					  "read what the state topic remembers of the slot; → DECIDE, → FAILED"},
	[STATE_DECIDE] =
		{"DECIDE", turn_decide, false,
		 "same cluster?  the slot where we left it?  snapshot or stream?  → STANDBY if another "
		 "holds "
		 "it; → CHECK, and then → DROP, → BEGIN, → SNAPSHOT; → CREATE, → STREAM, → END, → FAILED"},
	[STATE_STANDBY] =
		{"STANDBY", turn_standby, true,
		 "look now and then who holds the slot, until nobody does; by policy end a "
		 "relay that is silent; → LOOK, → END and again from the beginning, → CONNECT "
		 "on what can heal, → FAILED"},
	[STATE_CHECK] =
		{"CHECK", turn_check, false,
		 "may a snapshot be taken, by this process?  nothing is changed yet; → LOOK, → CONNECT on "
		 "what can heal, → FAILED"},
	[STATE_LOOK] = {"LOOK", turn_look, true,
					"look the slot up again, now that nobody else takes the snapshot; → RECALL, → "
					"CONNECT, → FAILED"},
	[STATE_DROP] = {"DROP", turn_drop, true,
					"drop the slot of a snapshot that was cut off; → BEGIN, → CONNECT, → FAILED"},
	[STATE_BEGIN] = {"BEGIN", turn_begin, false,
					 "write to the state topic that a snapshot begins; → CREATE, → FAILED"},
	[STATE_CREATE] = {"CREATE", turn_create, true,
					  "make the slot; → SNAPSHOT, → STREAM, → CONNECT, → FAILED"},
	[STATE_SNAPSHOT] =
		{"SNAPSHOT", turn_snapshot, false,
		 "read the rows, wait until all are safe; → DONE, → CONNECT from zero, → FAILED"},
	[STATE_DONE] = {"DONE", turn_done, false,
					"write to the state topic that it is complete; → STREAM, → END, → FAILED"},
	[STATE_CHANGE] =
		{"CHANGE", turn_change, true,
		 "the stream is to come by the other road: read no more, deliver what is here and confirm "
		 "it; → REOPEN, → PAUSED, → CONNECT when the stream ends, → DRAIN, → FAILED"},
	[STATE_REOPEN] =
		{"REOPEN", turn_reopen, true,
		 "end the stream, so that it begins again: for the spool, as Kafka is away, or by the "
		 "other road; → CONNECT, → FAILED"},
	[STATE_STREAM] =
		{"STREAM", turn_stream, true,
		 "receive, deliver, confirm, beat; → CHANGE for the other road, → REOPEN when Kafka is "
		 "away for long and there is a "
		 "spool, → CONNECT when the stream ends, → DRAIN on a signal, → PAUSED, → FAILED"},
	[STATE_PAUSED] =
		{"PAUSED", turn_paused, true,
		 "as asked over HTTP: read no more, deliver what is here, go on sending status; "
		 "→ STREAM, or → CONNECT before the first stream, → DRAIN, → FAILED"},
	[STATE_DRAIN] = {"DRAIN", turn_drain, true,
					 "read no more, wait for the acknowledgements, confirm, end the stream; → END"},
	[STATE_FAILED] = {"FAILED", turn_failed, true,
					  "the reason is logged; confirm what is safe, nothing behind it, leave no "
					  "slot without its snapshot; → END"},
	[STATE_END] = {"END", NULL, false, "close everything and exit"},
};

/*
 * The loop
 */

static void
take_signal(Relay *r)
{
	if (stopsignal_take())
		begin_drain(r, "stop requested");
}

/* Into the database, from where it comes back in its place. */
static void
send_signal(Relay *r)
{
	char *text = sidequery_is_busy(r->signal) ? NULL : r->host->signal(r->host->arg);
	size_t len;
	FILE *out;

	if (text == NULL)
		return;
	free(r->signal_sql);
	r->signal_sql = NULL;
	out = open_memstream(&r->signal_sql, &len);
	if (out != NULL)
	{
		fputs("SELECT nova.signal(s->>'type', s->'data', s->>'id') FROM (SELECT ", out);
		sql_literal(out, text);
		fputs("::pg_catalog.jsonb AS s) x", out);
		if (fclose(out) == 0)
			sidequery_run(r->signal, r->signal_sql, r->now);
	}
	free(text);
}

/* What is asked for over HTTP, on this thread. */
static void
take_wish(Relay *r)
{
	r->wish = r->host->wish(r->host->arg);
	send_signal(r);
	if (r->wish == WISH_STOP)
		begin_drain(r, "asked to stop over HTTP");
	else if (r->wish == WISH_RESTART)
		begin_drain(r, "asked to start again over HTTP");
	r->wake = r->now;
}

/* Nothing since the last commit is in Kafka, as far as its readers see. */
static void
take_abort(Relay *r)
{
	DeliveryPosition at = committed_position(r);

	delivery_reset(r->delivery, &at);
	begin_plan(r);
	r->aborts++;
	if (r->state == STATE_FAILED || r->state == STATE_END)
		return;
	if (r->state == STATE_DRAIN)
	{
		end_drain(r, "Kafka's last transaction was aborted");
		return;
	}
	/* what it failed of does not come again */
	if (r->sink->learned)
		r->attempt = 0;
	r->sink->learned = false;
	/* a snapshot has no position to go on from: the state topic says what is left of it */
	reconnect_later(r, "Kafka", "the transaction was aborted, and its records are sent again");
}

/* What the sink's poll has brought. */
static void
note_commits(Relay *r)
{
	if (r->shut_since > 0 && !r->sink->shut)
	{
		txnplan_stalled(&r->plan, r->now - r->shut_since);
		r->shut_since = 0;
	}
	if (r->commits == r->sink->commits)
		return;
	r->commits = r->sink->commits;
	r->committed = r->pending;
	note_partial(r, &r->committed);
}

/* The slot is the other relay's now, whatever was to be done about it. */
static void
take_fenced(Relay *r)
{
	if (r->state == STATE_FAILED || r->state == STATE_END)
		return;
	fail(r, "%s", r->sink->error);
	r->undo_slot = false;
}

static void
serve_sink(Relay *r)
{
	size_t acks;

	SinkStatus status = sink_poll(r->sink, &acks);

	if (acks > 0)
		r->quiet_since = r->now;
	note_commits(r);
	switch (status)
	{
		case SINK_FAILED:
			take_lost(r, r->sink->error);
			break;
		case SINK_ABORTED:
			take_abort(r);
			break;
		case SINK_FENCED:
			take_fenced(r);
			break;
		case SINK_CLOSED:
			/* nobody reads any more: nothing in flight can be acked */
			log_info("standard output was closed by its reader: stopping");
			enter(r, STATE_FAILED);
			break;
		default:
			break;
	}
	if (r->sink->more)
		wake_by(r, r->now);
}

/* What counts and checksums have shown to be as the plugin sent it. */
static void
describe_proved(const DeliveryCounts *counts, char *out, size_t size)
{
	snprintf(out, size,
			 "verified %" PRIu64 " transactions, %" PRIu64 " snapshot chunks, %" PRIu64
			 " records, %" PRIu64 " bytes",
			 counts->transactions, counts->chunks, counts->proved, counts->proved_bytes);
}

static void
log_progress(Relay *r)
{
	const DeliveryCounts *counts = delivery_counts(r->delivery);
	char proved[160];

	if (r->now >= r->next_progress)
	{
		describe_proved(counts, proved, sizeof(proved));
		r->next_progress = r->now + PROGRESS_MS;
		log_info("%s: %" PRIu64 " records acknowledged (%" PRIu64 " since the last line), %" PRIu64
				 " in flight, %" PRIu64 " transactions, safe LSN " LSN_FORMAT ", %s%s",
				 states[r->state].name, counts->acked, counts->acked - r->progress_records,
				 delivery_in_flight(r->delivery), counts->transactions,
				 LSN_ARGS(delivery_safe_lsn(r->delivery)), proved,
				 r->blocked ? ", waiting for Kafka to take more" : "");
		r->progress_records = counts->acked;
	}
	wake_by(r, r->next_progress);
}

/*
 * Publishing
 */

static void
count_snapshot(Relay *r, Numbers *n)
{
	SnapshotCounts c = snapshot_counts(r->snapshot, r->now);

	if (r->tables == NULL)
		r->tables = malloc(TABLES_MAX * sizeof(*r->tables));
	if (r->tables != NULL)
		r->ntables = snapshot_tables(r->snapshot, r->tables, TABLES_MAX);
	n->snapshot_tables = c.tables;
	n->snapshot_tables_left = c.tables - c.tables_done;
	n->snapshot_rows = c.rows;
	n->snapshot_row_estimate = c.row_estimate;
	n->snapshot_left_ms = c.left_ms;
	n->snapshot_ms = r->now - r->snapshot_began;
	n->snapshot_bytes = delivery_counts(r->delivery)->bytes - r->snapshot_bytes;
}

static void
count_stream(Relay *r, Numbers *n, int64_t at)
{
	const DeliveryCounts *counts = delivery_counts(r->delivery);

	n->records = counts->records;
	n->acked = counts->acked;
	n->bytes = counts->bytes;
	n->transactions = counts->transactions;
	n->dropped = counts->dropped;
	n->unchanged = pgstream_is_untimed(r->pg) ? -1 : (int64_t) counts->unchanged;
	n->chunks = counts->chunks;
	n->proved = counts->proved;
	n->proved_bytes = counts->proved_bytes;
	n->letters = r->sink->bad.letters;
	n->skipped = r->sink->bad.skipped;
	n->reconnects = r->reconnects;
	n->remade = r->remade;
	n->road_changes = r->road_changes;
	if (r->road.taken)
	{
		n->road = road_name(r->road.now.road);
		n->road_reason = road_reason_name(r->road.now.reason);
	}
	n->in_flight = delivery_in_flight(r->delivery);
	n->in_flight_max = r->sink->capacity;
	n->in_flight_payloads = delivery_payloads_in_flight(r->delivery);
	n->lent_bytes = delivery_lent_bytes(r->delivery);
	n->lent_bytes_max = LENT_BYTES_MAX;
	n->spooling = r->spooling;
	n->spool_full = r->spooling && r->blocked;
	n->spool_oldest_ms = -1;
	if (r->spool != NULL)
	{
		SpoolNumbers spool = spool_numbers(r->spool);

		n->spool_bytes = spool.bytes;
		n->spool_entries = spool.entries;
		if (spool.since != 0)
			n->spool_oldest_ms = at > spool.since ? at - spool.since : 0;
	}
	n->kafka_commits = r->commits;
	n->kafka_aborts = r->aborts;
	n->received_lsn = r->written_lsn;
	n->confirmed_lsn = r->confirmed_lsn;
	n->server_lsn = r->server_lsn > r->written_lsn ? r->server_lsn : r->written_lsn;
}

/* Rows of tables that were read, those of an incremental snapshot among them. */
static uint64_t
count_reads(const Relay *r)
{
	const RouteCounts *routes = delivery_routes(r->delivery);
	uint64_t sum = 0;

	for (size_t i = 0; i < routes->n; i++)
		sum += routes->rows[i].ops[routecounts_ops[NOVA_OP_READ]].records;
	return sum;
}

/* Where a table was read again, the rows of that count. */
static void
merge_table(Relay *r, const TableNumbers *table)
{
	size_t i = 0;

	while (i < r->ntables && strcmp(r->tables[i].name, table->name) != 0)
		i++;
	if (i == TABLES_MAX)
		return;
	if (i == r->ntables)
	{
		r->tables[r->ntables++] = *table;
		r->numbers.snapshot_tables++;
	}
	r->tables[i].rows = table->rows;
	r->tables[i].complete = table->complete;
}

static void
count_increment_tables(Relay *r)
{
	size_t n;
	const TableNumbers *tables = increment_tables(r->increment, &n);

	if (r->tables == NULL)
		r->tables = malloc(TABLES_MAX * sizeof(*r->tables));
	if (r->tables == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		merge_table(r, &tables[i]);
	r->numbers.snapshot_tables_left = 0;
	for (size_t i = 0; i < r->ntables; i++)
		r->numbers.snapshot_tables_left += !r->tables[i].complete;
}

/* An initial snapshot was begun, and is not going on. */
static bool
is_cut_off(const Relay *r)
{
	return r->snapshot_began != 0 && !r->snapshot_taken && !r->numbers.snapshot_running &&
		   r->state != STATE_DONE;
}

/* Of the snapshots that there were, initial and incremental, the last one counts. */
static void
count_snapshots(Relay *r, Numbers *n, int64_t at)
{
	IncrementProgress p = increment_progress(r->increment);
	uint64_t reads = count_reads(r);
	bool initial = p.phase == INCREMENT_NONE;

	if (reads != r->reads)
		n->last_read = at;
	r->reads = reads;
	if (initial)
		n->snapshot_reads = reads;
	n->snapshot_now = n->snapshot_running || p.phase == INCREMENT_READS;
	n->snapshot_paused = p.phase == INCREMENT_PAUSED;
	n->snapshot_completed = initial ? r->snapshot_taken : p.phase == INCREMENT_COMPLETE;
	n->snapshot_aborted = initial ? is_cut_off(r) : p.phase == INCREMENT_STOPPED;
	n->snapshot_skipped = initial && !r->snapshot_taken && r->stream_began != 0;
	n->snapshot_took_ms = initial ? n->snapshot_ms : p.took_ms;
	n->snapshot_paused_ms = p.paused_ms;
	if (!initial)
		count_increment_tables(r);
}

/* What Kafka Connect would call it. */
static ConnectorState
connector_state(const Relay *r)
{
	static const ConnectorState wished[] = {[WISH_RUN] = CONNECTOR_RUNNING,
											[WISH_PAUSE] = CONNECTOR_PAUSED,
											[WISH_STOP] = CONNECTOR_STOPPED,
											[WISH_RESTART] = CONNECTOR_RESTARTING};

	if (r->exit_status == EXIT_FAILED && (r->wish == WISH_RUN || r->wish == WISH_PAUSE))
		return CONNECTOR_FAILED;
	return wished[r->wish];
}

/*
 * Copying records costs something: only while somebody wants to see them.  Asked at
 * the beginning of a turn, so that the first record behind the look is there, too.
 */
static void
watch_lookers(Relay *r)
{
	bool wanted =
		r->cfg->http_records && board_is_looked_at(r->host->board, clock_ms(CLOCK_REALTIME));

	if (wanted && r->samples == NULL && (r->samples = calloc(1, sizeof(*r->samples))) != NULL)
		samples_begin(r->samples);
	r->sampling = wanted && r->samples != NULL;
	delivery_sample(r->delivery, r->sampling ? r->samples : NULL);
}

static void
publish_samples(Relay *r)
{
	if (!r->sampling)
		return;
	board_publish_samples(r->host->board, r->samples);
	samples_begin(r->samples);
}

/* Only when there is one more, or somebody had them forgotten. */
static void
tell_topics(Relay *r)
{
	uint64_t announcements = delivery_announcements(r->delivery);
	unsigned epoch = board_topics_epoch(r->host->board);

	if (announcements == r->topics_told && epoch == r->topics_epoch)
		return;
	for (size_t i = 0; i < delivery_topic_count(r->delivery); i++)
		board_topic(r->host->board, delivery_topic(r->delivery, i));
	r->topics_told = announcements;
	r->topics_epoch = epoch;
}

static void
publish(Relay *r, bool now)
{
	Numbers *n = &r->numbers;
	const RouteCounts *routes = delivery_routes(r->delivery);
	const PluginTimes *times = delivery_plugin_times(r->delivery);
	Reading reading;

	if (!now && r->now < r->next_publish)
		return;
	r->next_publish = r->now + PUBLISH_MS;
	n->at = clock_ms(CLOCK_REALTIME);
	snprintf(n->state, sizeof(n->state), "%s",
			 states[is_changing(r) ? STATE_CHANGE : r->state].name);
	n->failed = r->exit_status == EXIT_FAILED;
	n->connector = connector_state(r);
	n->streaming = r->streaming || is_changing(r);
	n->ready = !is_paused(r) && (n->streaming || (r->state == STATE_SNAPSHOT && r->working));
	n->blocked = r->blocked;
	n->snapshot_running = r->state == STATE_SNAPSHOT && r->working;
	n->increment_running = increment_running(r->increment);
	count_stream(r, n, n->at);
	delivery_measure(r->delivery, now_us());
	n->latency = latency_numbers(delivery_latency(r->delivery));
	/* and once more when it is complete: a short one may not have been counted before */
	if (n->snapshot_running || (r->state == STATE_DONE && !r->snapshot_taken))
		count_snapshot(r, n);
	count_snapshots(r, n, n->at);
	reading = (Reading){.numbers = *n,
						.tables = r->tables,
						.ntables = r->ntables,
						.routes = routes->rows,
						.nroutes = routes->n,
						.times = times->rows,
						.ntimes = times->n,
						.kafka = r->sink->stats};
	board_publish(r->host->board, &reading);
	publish_samples(r);
	tell_topics(r);
}

enum
{
	FD_SIGNAL,
	FD_HOST,
	FD_SINK,
	FD_PG,
	FD_HEARTBEAT,
	FD_WATCH,
	FD_SIGNAL_QUERY,
	FD_INCREMENT,
	FD_SNAPSHOT, /* the first of several */
	FD_COUNT = FD_SNAPSHOT + SNAPSHOT_MAX_THREADS
};

static struct pollfd
pg_pollfd(const Relay *r)
{
	struct pollfd fd = {.fd = -1};

	if (!states[r->state].polls_pg || pgstream_socket(r->pg) < 0)
		return fd;
	fd.events = pgstream_events(r->pg);
	/* full, or draining before the end of the stream: the rest waits in the server */
	if (r->streaming && (r->blocked || r->state == STATE_PAUSED || r->state == STATE_CHANGE ||
						 (r->state == STATE_STREAM && !may_read(r)) ||
						 (r->state == STATE_DRAIN && !r->draining_stream)))
		fd.events = (short) (fd.events & ~POLLIN);
	if (fd.events != 0)
		fd.fd = pgstream_socket(r->pg);
	return fd;
}

static void
wait_for_events(Relay *r, struct pollfd fds[FD_COUNT])
{
	int64_t timeout = r->wake - r->now;
	size_t n;

	fds[FD_SIGNAL] = (struct pollfd){.fd = stopsignal_fd(), .events = POLLIN};
	fds[FD_HOST] = (struct pollfd){.fd = r->host->fd, .events = POLLIN};
	fds[FD_SINK] = sink_pollfd(r->sink);
	fds[FD_PG] = pg_pollfd(r);
	fds[FD_HEARTBEAT] =
		r->heartbeat != NULL ? sidequery_pollfd(r->heartbeat) : (struct pollfd){.fd = -1};
	fds[FD_SIGNAL_QUERY] = sidequery_pollfd(r->signal);
	fds[FD_WATCH] = r->watch != NULL ? sidequery_pollfd(r->watch) : (struct pollfd){.fd = -1};
	fds[FD_INCREMENT] =
		r->state == STATE_STREAM ? increment_pollfd(r->increment) : (struct pollfd){.fd = -1};
	n = FD_SNAPSHOT;
	/* in other states nobody would read what there is to read */
	if (r->state == STATE_CHECK || r->state == STATE_SNAPSHOT)
		n += snapshot_pollfds(r->snapshot, fds + FD_SNAPSHOT, r->blocked);
	if (timeout < 0)
		timeout = 0;
	if (poll(fds, (nfds_t) n, (int) timeout) < 0)
		for (size_t i = 0; i < n; i++)
			fds[i].revents = 0; /* EINTR: the signal's byte is there next time */
	snapshot_polled(r->snapshot, fds + FD_SNAPSHOT, n - FD_SNAPSHOT);
	increment_polled(r->increment, &fds[FD_INCREMENT]);
}

/* Commits are as old as at the end of the turn in which they came. */
static void
measure_commits(Relay *r)
{
	uint64_t transactions = delivery_counts(r->delivery)->transactions;

	if (transactions != r->measured)
		delivery_measure(r->delivery, now_us());
	r->measured = transactions;
}

static void
relay_turn(Relay *r)
{
	struct pollfd fds[FD_COUNT];

	wait_for_events(r, fds);
	r->now = clock_ms(CLOCK_MONOTONIC);
	r->wake = r->now + LONGEST_WAIT_MS;
	r->readable = (fds[FD_PG].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
	watch_lookers(r);
	if (fds[FD_SIGNAL].revents != 0)
		take_signal(r);
	if (fds[FD_HOST].revents != 0)
		take_wish(r);
	if (fds[FD_SINK].revents != 0 || r->sink->more)
	{
		serve_sink(r);
		delivery_measure(r->delivery, now_us());
	}
	if (r->streaming && (fds[FD_PG].revents & POLLOUT))
		judge(r, pgstream_flush(r->pg));
	if (fds[FD_HEARTBEAT].revents != 0)
		sidequery_turn(r->heartbeat, r->now);
	if (fds[FD_WATCH].revents != 0)
		sidequery_turn(r->watch, r->now);
	if (fds[FD_SIGNAL_QUERY].revents != 0)
	{
		sidequery_turn(r->signal, r->now);
		send_signal(r);
	}
	if (r->state != r->told)
		log_debug("%s: %s", states[r->state].name, states[r->state].explanation);
	r->told = r->state;
	advance_save(r);
	if (r->state != STATE_END)
		states[r->state].turn(r);
	measure_commits(r);
	publish(r, r->state != r->told || r->wake - r->now > PUBLISH_MS);
	/* what the turn gave to the sink may want a turn of its own */
	if (r->sink->more)
		wake_by(r, r->now);
	if (r->sink->making)
		wake_by(r, r->now + TOPICMAKER_POLL_MS);
	/* it takes more when it has waited, too */
	if (r->blocked)
		wake_by(r, r->now + BLOCKED_POLL_MS);
	if (r->state == STATE_STREAM || r->state == STATE_PAUSED || r->state == STATE_CHANGE ||
		r->state == STATE_DRAIN || r->state == STATE_CONNECT)
	{
		advance_load(r);
		save_jobs(r);
		save_position(r);
	}
	plan_cut(r);
	sync_spool(r);
	clean_spool(r);
	watch_slot(r);
	if (r->state != STATE_END)
		log_progress(r);
}

/* Without a state topic the next start knows nothing of a snapshot that was cut off. */
static void
warn_of_slot(const Relay *r)
{
	if (r->store == NULL && r->remembered.phase == PHASE_BEGIN && !r->undone)
		log_warn("the snapshot is not complete: if slot %s is there, drop it yourself, or the next "
				 "start takes it for complete: SELECT pg_drop_replication_slot(...)",
				 r->cfg->slot_name);
}

static void
log_transactions(const Relay *r)
{
	if (r->claimed)
		log_info("exactly once: %" PRIu64 " transactions of Kafka committed, %" PRIu64
				 " aborted, up to LSN " LSN_FORMAT " and %" PRIu64
				 " records of the transaction behind it",
				 r->commits, r->aborts, LSN_ARGS(r->committed.lsn), r->committed.records);
}

static void
log_summary(const Relay *r)
{
	const DeliveryCounts *counts = delivery_counts(r->delivery);
	struct rusage usage;
	char proved[160];

	getrusage(RUSAGE_SELF, &usage);
	describe_proved(counts, proved, sizeof(proved));
	log_info("stopped: %" PRIu64 " records acknowledged of %" PRIu64 " sent, %" PRIu64
			 " bytes received, %" PRIu64 " transactions, %" PRIu64 " dead letters, %" PRIu64
			 " skipped records, %" PRIu64 " dropped changes, %" PRIu64
			 " reconnects, %.1f s, %.2f s CPU, peak RSS %ld MB, confirmed LSN " LSN_FORMAT ", %s",
			 counts->acked, counts->records, counts->bytes, counts->transactions,
			 r->sink->bad.letters, r->sink->bad.skipped, counts->dropped, r->reconnects,
			 (double) (r->now - r->began) / 1000.0,
			 (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				 (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
			 usage.ru_maxrss / 1024, LSN_ARGS(r->confirmed_lsn), proved);
}

static void
cannot_start(Relay *r, const char *why)
{
	log_error("cannot start: %s", why);
	snprintf(r->numbers.trace, sizeof(r->numbers.trace), "cannot start: %s", why);
	r->exit_status = EXIT_USAGE;
}

static bool
open_spool(Relay *r)
{
	char err[1024];
	SpoolNumbers n;

	if (r->store == NULL)
	{
		log_warn("nova.spool.dir has no effect with this sink: nothing is spooled");
		return true;
	}
	r->spool = spool_open(r->cfg->spool_dir, (uint64_t) r->cfg->spool_max_mb * 1024 * 1024, err,
						  sizeof(err));
	if (r->spool == NULL)
	{
		cannot_start(r, err);
		return false;
	}
	n = spool_numbers(r->spool);
	if (spool_torn(r->spool) > 0)
		log_info("spool %s: its last %" PRIu64 " bytes are no whole transaction: they were not "
				 "confirmed, and come again",
				 r->cfg->spool_dir, spool_torn(r->spool));
	r->spooling = spool_holds(r);
	r->spool_began = r->now;
	if (r->spooling)
		log_warn("spool %s: %" PRIu64 " bytes from before, up to LSN " LSN_FORMAT
				 ", are confirmed to PostgreSQL and not yet delivered: they go first",
				 r->cfg->spool_dir, n.bytes, LSN_ARGS(spool_end(r->spool)));
	else
		log_info("spool %s: changes go there when Kafka acknowledges nothing for %d ms, and are "
				 "confirmed to PostgreSQL: with this host they would be lost, and no other relay "
				 "takes over before they are delivered",
				 r->cfg->spool_dir, r->cfg->spool_after_ms);
	return true;
}

static bool
relay_open(Relay *r)
{
	char err[512] = "out of memory";

	r->delivery = delivery_new();
	r->pg = pgstream_new(r->cfg);
	r->snapshot = snapshot_new(r->cfg, r->delivery);
	r->increment = r->delivery != NULL ? increment_new(r->cfg, r->delivery) : NULL;
	if (r->cfg->heartbeat_action_query != NULL && r->cfg->heartbeat_interval_ms > 0)
		r->heartbeat = sidequery_new(r->cfg, "heartbeat.action.query",
									 "trying again at the next heartbeat", NULL, NULL);
	if (r->cfg->slot_watch_ms > 0)
		r->watch = sidequery_new(r->cfg, "looking at the slot", "trying again at the next look",
								 on_watched, r);
	r->signal =
		sidequery_new(r->cfg, "the signal asked for over HTTP", "it was not sent", NULL, NULL);
	if (r->delivery == NULL || r->pg == NULL || r->snapshot == NULL || r->increment == NULL ||
		r->signal == NULL)
		;
	else if (r->args->sink == SINK_STDOUT)
		r->sink = sink_stdout_open(r->cfg, delivery_events(r->delivery), err, sizeof(err));
	else
		r->sink = sink_kafka_open(r->cfg, r->args, delivery_events(r->delivery), err, sizeof(err));
	if (r->sink == NULL)
	{
		cannot_start(r, err);
		return false;
	}
	delivery_set_sink(r->delivery, r->sink);
	/* the embedded broker makes topics as their groups say by itself */
	if (r->args->sink == SINK_KAFKA && !r->args->embedded_broker && r->cfg->create_topics)
		r->maker = r->sink->maker = topicmaker_new(r->cfg);
	r->plan.interval_ms = r->cfg->txn_interval_ms;
	r->plan.bytes_max = (uint64_t) r->cfg->txn_bytes;
	if (r->args->sink == SINK_KAFKA &&
		((r->store = state_new(r->cfg, sink_kafka_embedded(r->sink))) == NULL ||
		 (r->position_key = state_position_key(r->cfg)) == NULL))
	{
		cannot_start(r, "out of memory");
		return false;
	}
	if (r->cfg->spool_dir != NULL && !open_spool(r))
		return false;
	/* exactly once, the position is in the transactions, and confirmed after them */
	r->remembers = r->store != NULL && r->cfg->position_interval_ms > 0 && !r->cfg->exactly_once;
	return true;
}

static void
relay_close(Relay *r)
{
	free(r->tables);
	pgstream_free_message(r->spool_message);
	spool_free(r->spool);
	/* it may use the sink's broker */
	state_free(r->store);
	/* the producer first: it may hold on to buffers of the delivery */
	if (r->sink != NULL)
		sink_close(r->sink);
	topicmaker_free(r->maker);
	sidequery_free(r->heartbeat);
	sidequery_free(r->watch);
	sidequery_free(r->signal);
	free(r->signal_sql);
	free(r->watch_sql);
	snapshot_free(r->snapshot);
	increment_free(r->increment);
	free(r->progress);
	free(r->jobs);
	free(r->position_key);
	pgstream_free(r->pg);
	delivery_free(r->delivery);
	free(r->samples);
}

/* What outlives a start from the beginning: what must not be forgotten of this process. */
static Relay
relay_like(const Relay *old)
{
	Relay r = {.cfg = old->cfg,
			   .args = old->args,
			   .host = old->host,
			   .wish = old->wish,
			   .state = STATE_CONNECT,
			   .told = STATE_END,
			   .exit_status = EXIT_OK,
			   .began = old->began,
			   .next_progress = old->next_progress,
			   .seed = old->seed,
			   .slot_known = old->slot_known,
			   .snapshot_taken = old->snapshot_taken,
			   .reconnects = old->reconnects,
			   .remade = old->remade,
			   .road = old->road,
			   .obstacle = old->obstacle,
			   .road_changes = old->road_changes,
			   .backlog = -1,
			   .retry_at = old->retry_at,
			   .numbers = {.started = old->numbers.started,
						   .snapshot_row_estimate = -1,
						   .snapshot_left_ms = -1,
						   .snapshot_ms = -1,
						   .slot_retained_bytes = -1,
						   .slot_safe_bytes = -1,
						   .spool_oldest_ms = -1}};

	memcpy(r.system_id, old->system_id, sizeof(r.system_id));
	r.now = r.wake = clock_ms(CLOCK_MONOTONIC);
	return r;
}

static void
relay_once(Relay *r)
{
	if (relay_open(r))
	{
		take_wish(r);
		publish(r, true);
		while (r->state != STATE_END)
			relay_turn(r);
		warn_of_slot(r);
		if (!r->again)
		{
			if (spool_holds(r))
				log_warn("the spool %s keeps %" PRIu64 " bytes, which are confirmed to PostgreSQL; "
						 "the next start delivers them first",
						 r->cfg->spool_dir, spool_numbers(r->spool).bytes);
			log_transactions(r);
			log_summary(r);
		}
		publish(r, true);
	}
	else
		board_publish(r->host->board, &(Reading){.numbers = r->numbers});
	relay_close(r);
}

int
relay_run(const RelayConfig *cfg, const RelayArgs *args, const RelayHost *host)
{
	Relay r = {.cfg = cfg, .args = args, .host = host};

	r.began = clock_ms(CLOCK_MONOTONIC);
	r.next_progress = r.began + PROGRESS_MS;
	r.numbers.started = host->started;
	r.seed = (unsigned) getpid() ^ (unsigned) clock_ms(CLOCK_REALTIME);
	do
	{
		r = relay_like(&r);
		relay_once(&r);
	} while (r.again && !stopsignal_seen());
	return r.exit_status;
}
