/*-------------------------------------------------------------------------
 *
 * pgstream.h
 *		The replication connection: connect, slot, stream, feedback.
 *
 * Nothing here blocks (except the resolver, inside libpq).  The caller polls
 * pgstream_socket() for pgstream_events() until pgstream_deadline() and calls
 * again while the answer is PG_AGAIN:
 *
 *	pgstream_connect(pg, now);
 *	pgstream_advance(pg, now)	… PG_READY: connected, slot looked up; see the server
 *	pgstream_create(pg, export, now) or pgstream_drop(pg, now), if it must be so;
 *	pgstream_advance(pg, now)	… PG_READY: done
 *	pgstream_start(pg, lsn, road, now);
 *	pgstream_advance(pg, now)	… PG_READY: streaming
 *	pgstream_receive(pg, …)		… PG_READY: one message, free with pgstream_free_message
 *	pgstream_stop(pg, drop, now);
 *	pgstream_advance(pg, now)	… PG_READY: the server has taken the last status
 *	pgstream_disconnect(pg);
 *
 * Failures come classified: PG_RETRY can heal without anybody's help, PG_STOP
 * cannot.  pgstream_error() is one line with the fix in it.  What to do about
 * it is decided in relay.c only.
 *
 * The direct road (road.h) needs an ordinary connection, which pgstream_start()
 * makes in the place of the one that was looked up with; by it one may start,
 * stop and drop, and for all else one has to connect again.
 *
 * Traps: times are milliseconds of the monotonic clock; messages are libpq's
 * memory; the socket may change while connecting, and with pgstream_start().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_PGSTREAM_H
#define NOVA_RELAY_PGSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "road.h"
#include "slot.h"
#include "snapplan.h"
#include "timeline.h"

typedef enum PgStatus
{
	PG_READY,
	PG_AGAIN, /* poll, then call again */
	PG_RETRY, /* failed; can heal */
	PG_STOP   /* failed; cannot heal by itself */
} PgStatus;

/* What the server said about itself and the slot. */
typedef struct PgServer
{
	char system_id[32]; /* of the cluster; "" before the first connection */
	char timeline[16];
	TimelineHistory history; /* of the timeline, if it is not the first */
	char database[64];
	int version_num;  /* as PQserverVersion() */
	bool standby;     /* in recovery: nothing can be written, slots wait for the primary */
	uint64_t wal_end; /* of what it had written when we connected */
	SlotFound slot;
	SlotRow row;            /* as it was last looked up */
	uint64_t confirmed_lsn; /* the slot's */
	bool slot_created;      /* by this connection */
	PublicationUse publication;
	RoadReason obstacle; /* to the direct road; ROAD_CONFIGURED: none, or nobody asked */
	char mark[64];       /* of this server and no other, if that was asked */
	char snapshot[64];   /* exported with it; lives until the next command */
} PgServer;

typedef struct PgStream PgStream;

/* NULL when out of memory.  cfg must outlive the stream. */
extern PgStream *pgstream_new(const RelayConfig *cfg);

extern void pgstream_free(PgStream *pg);

/* Begin to connect and look the slot up.  One that is not ours is a PG_STOP. */
extern void pgstream_connect(PgStream *pg, int64_t now);

/* Look publication and slot up again. */
extern void pgstream_look(PgStream *pg, int64_t now);

/* Only the slot, to see who holds it. */
extern void pgstream_look_slot(PgStream *pg, int64_t now);

/*
 * End the process that holds the slot, if it is a relay of our name and has shown
 * no sign of life since the slot was looked up.  See pgstream_ended().
 */
extern void pgstream_end_holder(PgStream *pg, int64_t now);

typedef enum HolderEnd
{
	HOLDER_ENDED,
	HOLDER_LIVES, /* or is another by now */
	HOLDER_DENIED /* this role may not */
} HolderEnd;

extern HolderEnd pgstream_ended(const PgStream *pg);

/* Make the slot, and export its snapshot if asked to. */
extern void pgstream_create(PgStream *pg, bool export_snapshot, int64_t now);

/* Drop the slot; the connection can be used on. */
extern void pgstream_drop(PgStream *pg, int64_t now);

/* Move the slot on to lsn, as pg_replication_slot_advance() does; see the server's confirmed_lsn. */
extern void pgstream_move(PgStream *pg, uint64_t lsn, int64_t now);

/*
 * START_REPLICATION at lsn, or at the slot's own position if that is later; or
 * CALL nova.stream() with the same.
 */
extern void pgstream_start(PgStream *pg, uint64_t lsn, Road road, int64_t now);

/* The plugin's option guarded.lsns, from the next start on; see poison.h. */
extern void pgstream_guard(PgStream *pg, const char *lsns);

/* Was the last failure an ERROR about a change, and where? */
extern bool pgstream_failed_change(const PgStream *pg, uint64_t *lsn);

/*
 * Was it of the moment: does somebody use the slot still, or is the server starting or
 * ending, or the process ended by an administrator?  What is not known is not.
 */
extern bool pgstream_failed_for_now(const PgStream *pg);

/* End the stream in order, and drop the slot if asked to. */
extern void pgstream_stop(PgStream *pg, bool drop_slot, int64_t now);

/* Go on with whichever of these was begun last. */
extern PgStatus pgstream_advance(PgStream *pg, int64_t now);

/* Take in what the socket has; call when it is readable. */
extern PgStatus pgstream_consume(PgStream *pg);

/*
 * The next message of the stream.  PG_READY sets data, which the caller owns.
 * The server ending the stream is PG_RETRY.
 */
extern PgStatus pgstream_receive(PgStream *pg, char **data, size_t *len);

extern void pgstream_free_message(void *data);

/* Send a standby status update; write and flush as in copydata.h. */
extern PgStatus pgstream_send_status(PgStream *pg, uint64_t write, uint64_t flush);

/* Push out what did not fit into the socket before. */
extern PgStatus pgstream_flush(PgStream *pg);

extern void pgstream_disconnect(PgStream *pg);

/* For poll(): -1 when there is no connection. */
extern int pgstream_socket(const PgStream *pg);
extern short pgstream_events(const PgStream *pg);

/* When the current step has taken too long; INT64_MAX for never. */
extern int64_t pgstream_deadline(const PgStream *pg);

/* Does the plugin not know what its changes cost (PLUGINTIME_OPTION)? */
extern bool pgstream_is_untimed(const PgStream *pg);

extern const PgServer *pgstream_server(const PgStream *pg);
extern const char *pgstream_error(const PgStream *pg);

/*
 * Also for the heartbeat's connection: libpq's arrays from the configuration,
 * with our defaults.  Returns the result of PQconnectStartParams().
 */
struct pg_conn;
extern struct pg_conn *pgstream_connect_start(const RelayConfig *cfg, bool replication);

/* Why a connection of this thread failed, or could not be begun; conn may be NULL.  Never empty. */
extern const char *pgstream_lost(const struct pg_conn *conn);

/*
 * The query for a slot's row, for any connection to a server of this version (the
 * caller frees it; NULL when out of memory), and its answer.
 */
struct pg_result;
extern char *pgstream_slot_query(const char *slot, int version_num);
extern void pgstream_slot_row(const struct pg_result *res, SlotRow *row);

/*
 * The same for the direct road: what is in the way of it for this role, and what
 * tells the server from others.
 */
extern const char *pgstream_road_query(void);
extern RoadReason pgstream_road_row(const struct pg_result *res);

/* The application_name by which the server knows this connection. */
extern const char *pgstream_application(const PgStream *pg);

/*
 * Is the server of this connection in recovery?  It says so by itself, from
 * version 14 on.
 */
extern bool pgstream_on_standby(const struct pg_conn *conn);

/* Copy text as one line: line ends become "; ".  Always terminated. */
extern void pgstream_one_line(char *out, size_t size, const char *text);

#endif /* NOVA_RELAY_PGSTREAM_H */
