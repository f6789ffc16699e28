/*-------------------------------------------------------------------------
 *
 * numbers.h
 *		What the relay knows of itself, published for other threads.
 *
 * The loop fills a Numbers now and then and publishes it; whoever serves HTTP
 * takes a copy.  Nobody waits for anybody longer than a copy takes.
 *
 *	board = board_new();
 *	board_publish(board, &reading);					the loop
 *	board_read(board, &copy); … board_forget(&copy);	any thread
 *
 * Times are milliseconds since 1970, LSNs bytes; 0 stands for "not yet".
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_NUMBERS_H
#define NOVA_RELAY_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "kafkastats.h"
#include "latency.h"
#include "plugintime.h"
#include "routecounts.h"
#include "samples.h"

/* As Kafka Connect calls it. */
typedef enum ConnectorState
{
	CONNECTOR_RUNNING,
	CONNECTOR_PAUSED,
	CONNECTOR_STOPPED, /* or about to be */
	CONNECTOR_FAILED,
	CONNECTOR_RESTARTING
} ConnectorState;

/* "RUNNING", as its REST says it. */
extern const char *connector_state_name(ConnectorState state);

typedef struct Numbers
{
	int64_t at;      /* of publishing */
	int64_t started; /* the process */
	char state[16];  /* a name of the state table */
	ConnectorState connector;
	bool failed;
	bool streaming;
	bool ready;       /* streaming, or taking a snapshot: it does what it is there for */
	char trace[1200]; /* why it failed */

	uint64_t records;      /* handed to Kafka */
	uint64_t acked;        /* of these */
	uint64_t bytes;        /* received */
	uint64_t transactions; /* received; counted and checksummed, like all of this */
	uint64_t dropped;      /* changes that could not become records */
	int64_t unchanged;     /* updates left out as nothing new; -1: the plugin does not tell */
	uint64_t chunks;       /* of snapshots, received */
	uint64_t proved;       /* records whose number and checksum were right */
	uint64_t proved_bytes; /* theirs */
	uint64_t letters;      /* records that Kafka refused, in the dead-letter topic */
	uint64_t skipped;      /* records that Kafka refused, left out as the policy says */
	uint64_t reconnects;
	uint64_t remade;  /* so often Kafka's producers were made anew */
	const char *road; /* names of road.h: of the stream, or the last one; NULL: none yet */
	const char *road_reason;
	uint64_t road_changes;
	uint64_t in_flight;
	uint64_t in_flight_max; /* 0: no limit is known */
	uint64_t in_flight_payloads;
	uint64_t lent_bytes;
	uint64_t lent_bytes_max;
	uint64_t kafka_commits; /* exactly once */
	uint64_t kafka_aborts;
	bool blocked; /* Kafka takes no more: nothing is read */

	uint64_t server_lsn; /* the last that the server spoke of */
	uint64_t received_lsn;
	uint64_t confirmed_lsn;
	LatencyNumbers latency;
	int64_t last_read;       /* when the last row of a snapshot was handed over */
	uint64_t snapshot_reads; /* of such rows, those of the initial one */

	int64_t slot_retained_bytes; /* of WAL; -1: not known */
	int64_t slot_safe_bytes;     /* that may still be written; -1: no limit, or not known */
	bool slot_wal_low;

	bool spooling; /* what is received goes to local disk */
	bool spool_full;
	uint64_t spool_bytes;
	uint64_t spool_entries;
	int64_t spool_oldest_ms; /* its age; -1: nothing is there */

	/* of all snapshots of this process, the last one: initial, or beside the stream */
	bool snapshot_now;
	bool snapshot_paused;
	bool snapshot_completed;
	bool snapshot_aborted;
	bool snapshot_skipped; /* it began to stream without one */
	int64_t snapshot_took_ms;
	int64_t snapshot_paused_ms;

	bool snapshot_running; /* an initial one */
	uint64_t snapshot_tables;
	uint64_t snapshot_tables_left;
	uint64_t snapshot_rows;
	int64_t snapshot_row_estimate; /* -1: not known */
	int64_t snapshot_left_ms;      /* -1: too early to say */
	int64_t snapshot_ms;           /* how long it has taken */
	uint64_t snapshot_bytes;
	bool increment_running;
} Numbers;

/* A table of the snapshot. */
typedef struct TableNumbers
{
	char name[256]; /* schema.table, cut off at the end */
	uint64_t rows;
	int64_t row_estimate; /* -1: not known */
	bool complete;
} TableNumbers;

/* All of what is published. */
typedef struct Reading
{
	RelayConfig *cfg; /* of the connector there is; NULL: none */
	Numbers numbers;
	TableNumbers *tables;
	size_t ntables;
	RouteNumbers *routes;
	size_t nroutes;
	TableTime *times; /* the plugin's */
	size_t ntimes;
	KafkaStats *kafka; /* NULL: none */
} Reading;

typedef struct Board Board;

/* NULL when out of memory. */
extern Board *board_new(void);
extern void board_free(Board *board);

/* Whose numbers they are; NULL: nobody's. */
extern void board_show(Board *board, RelayConfig *cfg);

/* Copies, but for cfg, which board_show() tells; what there is no memory for is left out. */
extern void board_publish(Board *board, const Reading *now);

/*
 * The last records are kept only while somebody looks, from the first
 * board_samples() on and for BOARD_LOOK_MS after each.  That one returns a copy to
 * free(), of which there is nothing yet at first; NULL: no memory.  Times are of one
 * clock.
 */
#define BOARD_LOOK_MS 10000

extern Samples *board_samples(Board *board, int64_t now);
extern bool board_is_looked_at(Board *board, int64_t now);
extern void board_publish_samples(Board *board, const Samples *samples);

/*
 * The topics of the connector that is shown: once there, they stay until somebody
 * forgets them, or another connector is shown.  board_topic() copies; topics beyond
 * BOARD_TOPICS_MAX are left out.
 */
#define BOARD_TOPICS_MAX 10000

extern void board_topic(Board *board, const char *topic);
extern void board_forget_topics(Board *board);

/* Counts how often they were forgotten: those that are in use have to be told again. */
extern unsigned board_topics_epoch(Board *board);

/* A JSON array; the caller frees it.  NULL: out of memory. */
extern char *board_topics(Board *board);

extern void board_read(Board *board, Reading *reading);
extern void board_forget(Reading *reading);

#endif /* NOVA_RELAY_NUMBERS_H */
