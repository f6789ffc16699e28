/*-------------------------------------------------------------------------
 *
 * metrics.c
 *		The published numbers as Prometheus text.
 *
 * The text format is that of Prometheus, version 0.0.4: HELP and TYPE once per
 * name, then its samples, all of a name together.
 *
 *-------------------------------------------------------------------------
 */
#include "metrics.h"

#include <inttypes.h>
#include <string.h>

/* Where the values are; each but the first and the last ones has samples of its own. */
typedef enum Source
{
	OF_NUMBERS,
	OF_PROCESS,
	OF_TABLES,    /* of the snapshot */
	OF_TIMES,     /* of the plugin, by table */
	OF_ROUTES,    /* a member of OpNumbers, of each operation */
	OF_OPS,       /* records of the operations that ops names, of all routes */
	OF_READS,     /* the same, and rows of tables that were read beside the stream */
	OF_FILTERED,  /* changes that the plugin saw of tables that are not captured */
	OF_UNCHANGED, /* -1 while none are looked for */
	OF_NOTHING,   /* always 0 */
	OF_PRODUCER,  /* of librdkafka, as the next two */
	OF_BROKERS,
	OF_TOPICS,
	OF_LATENCY, /* a histogram */
	OF_STATE,
	OF_ROAD,      /* there is none before the first stream */
	OF_CONNECTOR, /* its state, if there is one */
	OF_BUILD
} Source;

typedef enum ValueKind
{
	VALUE_U64,
	VALUE_LIMIT, /* a U64 that is left out while it is 0 */
	VALUE_KNOWN, /* an I64 that is left out while it is negative */
	VALUE_BOOL,
	VALUE_DOUBLE,
	VALUE_MS,    /* an I64 of milliseconds, in seconds, left out while it is negative */
	VALUE_US,    /* a U64 of microseconds, in seconds */
	VALUE_NS,    /* a U64 of nanoseconds, in seconds */
	VALUE_SINCE, /* ms since the time in an I64; -1 while that is 0, as Debezium says it */
	VALUE_AGE,   /* of a commit when it was received; -1 before there was one */
	VALUE_AGES,  /* the same of all of them; left out before */
	VALUE_MEAN,  /* of these */
	VALUE_SHARE, /* a percentile of these */
	VALUE_TOOK,  /* an I64 of milliseconds, in seconds; 0 while it is negative */
	VALUE_ROOM,  /* what may still be in flight; left out while no limit is known */
	VALUE_LAG,   /* server_lsn less the LSN there; left out while either is 0 */
	VALUE_LATE   /* of LatencyNumbers, in seconds; left out while nothing streams */
} ValueKind;

typedef enum Labels
{
	LABELS_STREAMING,
	LABELS_SNAPSHOT,
	LABELS_NOVA,
	LABELS_NONE
} Labels;

typedef struct Metric
{
	const char *name;
	const char *type;
	Labels labels;
	Source source;
	ValueKind kind;
	size_t offset;
	const char *ops;
	const char *help;
} Metric;

#define DEBEZIUM(name, type, labels, kind, member, help)                                           \
	{                                                                                              \
		"debezium_metrics_" name, type, labels, OF_NUMBERS, kind, offsetof(Numbers, member), NULL, \
			help                                                                                   \
	}
#define STREAMING(name, type, kind, member, help)                                                  \
	DEBEZIUM(name, type, LABELS_STREAMING, kind, member, help)
#define SNAPSHOT(name, kind, member, help)                                                         \
	DEBEZIUM(name, "gauge", LABELS_SNAPSHOT, kind, member, help)
#define EVENTS(name, labels, source, ops, help)                                                    \
	{                                                                                              \
		"debezium_metrics_" name, "counter", labels, source, VALUE_U64, 0, ops, help               \
	}
#define NOVA(name, type, source, kind, offset, help)                                               \
	{                                                                                              \
		"nova_" name, type, LABELS_NOVA, source, kind, offset, NULL, help                          \
	}
#define GAUGE(name, kind, member, help)                                                            \
	NOVA(name, "gauge", OF_NUMBERS, kind, offsetof(Numbers, member), help)
#define COUNTER(name, member, help)                                                                \
	NOVA(name "_total", "counter", OF_NUMBERS, VALUE_U64, offsetof(Numbers, member), help)
#define TABLE(name, kind, member, help)                                                            \
	NOVA(name, "gauge", OF_TABLES, kind, offsetof(TableNumbers, member), help)
#define ROUTE(name, member, help)                                                                  \
	NOVA(name "_total", "counter", OF_ROUTES, VALUE_U64, offsetof(OpNumbers, member), help)
#define TIME(name, kind, member, help)                                                             \
	NOVA(name "_total", "counter", OF_TIMES, kind, offsetof(TableTime, member), help)
#define PRODUCER(name, type, member, help)                                                         \
	NOVA(name, type, OF_PRODUCER, VALUE_U64, offsetof(ProducerNumbers, member), help)
#define BROKER(name, type, kind, member, help)                                                     \
	NOVA(name, type, OF_BROKERS, kind, offsetof(BrokerNumbers, member), help)
#define TOPIC(name, member, help)                                                                  \
	NOVA(name, "gauge", OF_TOPICS, VALUE_U64, offsetof(TopicNumbers, member), help)
#define PROCESS(name, type, source, kind, offset, help)                                            \
	{                                                                                              \
		"process_" name, type, LABELS_NONE, source, kind, offset, NULL, help                       \
	}

/* Rows of one name follow one another; the first one has type and help. */
static const Metric metrics[] = {
	STREAMING("Connected", "gauge", VALUE_BOOL, streaming,
			  "Is the stream from PostgreSQL running?"),
	STREAMING("MilliSecondsBehindSource", "gauge", VALUE_AGE, latency.ages.last,
			  "Age of the last transaction when it was received; -1 before there was one."),
	STREAMING("MilliSecondsBehindSourceMinValue", "gauge", VALUE_AGES, latency.ages.least,
			  "The least of these ages since the relay began; this and the next five absent before "
			  "there was one."),
	STREAMING("MilliSecondsBehindSourceMaxValue", "gauge", VALUE_AGES, latency.ages.most,
			  "The most."),
	STREAMING("MilliSecondsBehindSourceAverageValue", "gauge", VALUE_MEAN, latency.ages.sum,
			  "The mean."),
	STREAMING("MilliSecondsBehindSourceP50", "gauge", VALUE_SHARE, latency.ages.p50,
			  "The median, to within 2 %."),
	STREAMING("MilliSecondsBehindSourceP95", "gauge", VALUE_SHARE, latency.ages.p95,
			  "The same for 95 in 100."),
	STREAMING("MilliSecondsBehindSourceP99", "gauge", VALUE_SHARE, latency.ages.p99,
			  "The same for 99 in 100."),
	STREAMING(
		"MilliSecondsSinceLastEvent", "gauge", VALUE_SINCE, latency.ages.at,
		"Time since the last transaction was received; of snapshots, since rows were handed to "
		"Kafka. -1 before."),
	SNAPSHOT("MilliSecondsSinceLastEvent", VALUE_SINCE, last_read, NULL),
	EVENTS("TotalNumberOfEventsSeen", LABELS_STREAMING, OF_READS, "cudtm",
		   "Records handed to Kafka, without tombstones: of the stream, with rows that an "
		   "incremental snapshot read; of snapshots, these again."),
	EVENTS("TotalNumberOfEventsSeen", LABELS_SNAPSHOT, OF_OPS, "r", NULL),
	EVENTS("TotalNumberOfCreateEventsSeen", LABELS_STREAMING, OF_OPS, "c",
		   "Records of inserted rows; of snapshots 0, as of the next two."),
	EVENTS("TotalNumberOfCreateEventsSeen", LABELS_SNAPSHOT, OF_NOTHING, NULL, NULL),
	EVENTS("TotalNumberOfUpdateEventsSeen", LABELS_STREAMING, OF_OPS, "u",
		   "Records of updated rows."),
	EVENTS("TotalNumberOfUpdateEventsSeen", LABELS_SNAPSHOT, OF_NOTHING, NULL, NULL),
	EVENTS("TotalNumberOfDeleteEventsSeen", LABELS_STREAMING, OF_OPS, "d",
		   "Records of deleted rows, without tombstones."),
	EVENTS("TotalNumberOfDeleteEventsSeen", LABELS_SNAPSHOT, OF_NOTHING, NULL, NULL),
	EVENTS("TotalNumberOfReadEventsSeen", LABELS_STREAMING, OF_READS, "",
		   "Records of rows that were read: of the stream, by incremental snapshots; of snapshots, "
		   "by all."),
	EVENTS("TotalNumberOfReadEventsSeen", LABELS_SNAPSHOT, OF_OPS, "r", NULL),
	EVENTS("TotalNumberOfLogicalMessageEventsSeen", LABELS_STREAMING, OF_OPS, "m",
		   "Records of logical messages."),
	EVENTS("NumberOfEventsFiltered", LABELS_STREAMING, OF_FILTERED, NULL,
		   "Inserts, updates and deletes of tables that are not captured: those of "
		   "nova_plugin_changes_total, which tells at a commit, at most once a second. They never "
		   "leave the server, and are not among the events seen."),
	EVENTS("NumberOfEventsFiltered", LABELS_SNAPSHOT, OF_NOTHING, NULL, NULL),
	{"debezium_metrics_NumberOfUnchangedEventsSkipped", "gauge", LABELS_STREAMING, OF_UNCHANGED,
	 VALUE_KNOWN, offsetof(Numbers, unchanged), NULL,
	 "Updates of captured tables that made no record, for nothing in them was new; each is "
	 "counted once, over reconnects too. -1 without skip.messages.without.change; absent while "
	 "an older plugin streams, which does not tell."},
	STREAMING("NumberOfCommittedTransactions", "counter", VALUE_U64, transactions,
			  "Transactions received."),
	STREAMING("NumberOfErroneousEvents", "counter", VALUE_U64, dropped,
			  "Changes that could not become records."),
	EVENTS("NumberOfErroneousEvents", LABELS_SNAPSHOT, OF_NOTHING, NULL, NULL),
	STREAMING(
		"QueueTotalCapacity", "gauge", VALUE_LIMIT, in_flight_max,
		"Records that may be handed to Kafka and not be acknowledged. This and the next three "
		"are of one queue, for both contexts."),
	SNAPSHOT("QueueTotalCapacity", VALUE_LIMIT, in_flight_max, NULL),
	STREAMING("QueueRemainingCapacity", "gauge", VALUE_ROOM, in_flight, "Of these, how many more."),
	SNAPSHOT("QueueRemainingCapacity", VALUE_ROOM, in_flight, NULL),
	STREAMING(
		"MaxQueueSizeInBytes", "gauge", VALUE_U64, lent_bytes_max,
		"Memory that may be taken by what Kafka has not acknowledged; above it nothing is read."),
	SNAPSHOT("MaxQueueSizeInBytes", VALUE_U64, lent_bytes_max, NULL),
	STREAMING("CurrentQueueSizeInBytes", "gauge", VALUE_U64, lent_bytes,
			  "Memory of what Kafka has not acknowledged."),
	SNAPSHOT("CurrentQueueSizeInBytes", VALUE_U64, lent_bytes, NULL),
	SNAPSHOT("SnapshotRunning", VALUE_BOOL, snapshot_now,
			 "Is a snapshot being taken, an initial or an incremental one? Of several the last one "
			 "of this process counts, in all of Snapshot."),
	SNAPSHOT("SnapshotPaused", VALUE_BOOL, snapshot_paused,
			 "Does an incremental one wait for the signal resume-snapshot?"),
	SNAPSHOT("SnapshotCompleted", VALUE_BOOL, snapshot_completed, "Was it taken to its end?"),
	SNAPSHOT("SnapshotAborted", VALUE_BOOL, snapshot_aborted,
			 "Did it end otherwise: cut off, stopped by a signal, or given up?"),
	SNAPSHOT("SnapshotSkipped", VALUE_BOOL, snapshot_skipped,
			 "Did this process begin to stream without one?"),
	SNAPSHOT("TotalTableCount", VALUE_U64, snapshot_tables,
			 "Tables of the initial snapshot, and those that an incremental one has read rows of."),
	SNAPSHOT("RemainingTableCount", VALUE_U64, snapshot_tables_left,
			 "Of these, how many are not read yet."),
	SNAPSHOT("SnapshotDurationInSeconds", VALUE_TOOK, snapshot_took_ms,
			 "How long it has taken so far, or took."),
	SNAPSHOT("SnapshotPausedDurationInSeconds", VALUE_TOOK, snapshot_paused_ms,
			 "Of this, how long it was paused."),
	{"debezium_metrics_RowsScanned", "gauge", LABELS_SNAPSHOT, OF_TABLES, VALUE_U64,
	 offsetof(TableNumbers, rows), NULL,
	 "Rows read of each table, by the snapshot that read it last."},
	GAUGE("up", VALUE_BOOL, ready, "Is it streaming or taking a snapshot?"),
	NOVA("state", "gauge", OF_STATE, VALUE_U64, 0, "The state that the relay is in; always 1."),
	NOVA("stream_road", "gauge", OF_ROAD, VALUE_U64, 0,
		 "By which road the stream comes, replication or direct, and why (see nova.stream.mode); "
		 "always 1; absent before the first stream."),
	COUNTER("stream_road_changes", road_changes,
			"How often the stream went on by the other road; each time at the end of a "
			"transaction, with nothing twice."),
	NOVA("connector_state", "gauge", OF_CONNECTOR, VALUE_U64, 0,
		 "The state of the connector as Kafka Connect's REST says it, PAUSED and STOPPED as "
		 "somebody asked for; always 1."),
	NOVA("build_info", "gauge", OF_BUILD, VALUE_U64, 0, "The relay's version; always 1."),
	COUNTER("records", records, "Records handed to Kafka, dead letters among them."),
	COUNTER("records_acknowledged", acked, "Records that every in-sync replica has."),
	ROUTE(
		"table_records", records,
		"Records handed to Kafka, by table and topic, and by op as in a record: c, u, d, r, t, m, "
		"and x for tombstones; exactly once, those of aborted transactions as well. The first 200 "
		"pairs of a table and a topic are told apart, the rest is counted as other."),
	ROUTE("table_bytes", bytes, "Bytes of their keys and values."),
	TIME("plugin_seconds", VALUE_NS, ns,
		 "Time, by the clock, that the plugin spent within the server on a table: on the plan of "
		 "its "
		 "records, and on turning changes into frames; not on reading WAL, reordering and sending. "
		 "Estimated from some of the changes, and told at a commit, at most once a second. A "
		 "partition counts as its root where its records do; tables that are not captured are one, "
		 "(not captured). The first 200 tables are told apart. Absent while the plugin tells "
		 "nothing."),
	TIME("plugin_changes", VALUE_U64, changes,
		 "Inserts, updates and deletes in that time, also those that made no records; counted, not "
		 "estimated."),
	COUNTER("received_bytes", bytes, "Bytes of frames received from PostgreSQL."),
	COUNTER("transactions_verified", transactions,
			"Transactions received whose number of records and CRC-32C were right."),
	COUNTER("chunks_verified", chunks,
			"Chunks of snapshots received whose number of records and CRC-32C were right."),
	COUNTER("records_verified", proved, "Records in these transactions and chunks."),
	COUNTER("bytes_verified", proved_bytes, "Bytes of these records."),
	COUNTER("dead_letters", letters, "Records that went to the dead-letter topic."),
	COUNTER("skipped_records", skipped,
			"Records that were refused and left out, as nova.on.bad.record=skip says."),
	COUNTER("dropped_changes", dropped,
			"Changes that could not become records; the log names them."),
	COUNTER("reconnects", reconnects, "Connections to PostgreSQL made again."),
	COUNTER(
		"kafka_producers_remade", remade,
		"How often Kafka's producers could not go on and were made anew; what was not confirmed "
		"came again."),
	COUNTER("kafka_transactions_committed", kafka_commits,
			"Exactly once: transactions of Kafka that were committed."),
	COUNTER("kafka_transactions_aborted", kafka_aborts,
			"Exactly once: transactions of Kafka that were aborted; their records come again."),
	NOVA(
		"commit_latency_seconds", "histogram", OF_LATENCY, VALUE_U64, 0,
		"From COMMIT in PostgreSQL to the acknowledgement of the transaction's last record, by the "
		"two clocks; one observation for each transaction."),
	GAUGE(
		"lag_seconds", VALUE_LATE, latency,
		"Age of the oldest transaction that is received and not acknowledged; without one, of the "
		"last that was, for a second; for a transaction whose COMMIT is yet to come, since when it "
		"has been coming; else 0. Absent while the stream does not run: nobody knows then."),
	GAUGE(
		"lag_records", VALUE_U64, in_flight,
		"Records handed to Kafka that it has not acknowledged; how many the server still holds is "
		"not known, see nova_lag_bytes."),
	GAUGE("lag_bytes", VALUE_LAG, confirmed_lsn,
		  "WAL between what the server has and what is confirmed."),
	GAUGE("transactions_in_flight", VALUE_U64, latency.waiting,
		  "Transactions received whose records are not all acknowledged."),
	GAUGE("payloads_in_flight", VALUE_U64, in_flight_payloads,
		  "Writes of the plugin, of one transaction, several or a part of one, that are not all "
		  "acknowledged."),
	GAUGE("queue_bytes", VALUE_U64, lent_bytes, "Memory of what Kafka has not acknowledged."),
	GAUGE("queue_bytes_max", VALUE_U64, lent_bytes_max, "Above it nothing is read."),
	GAUGE("backpressure", VALUE_BOOL, blocked, "Is reading stopped, because Kafka takes no more?"),
	GAUGE("received_lsn", VALUE_U64, received_lsn, "Position received, as a number of bytes."),
	GAUGE("confirmed_lsn", VALUE_U64, confirmed_lsn, "Position confirmed to PostgreSQL."),
	GAUGE("slot_retained_bytes", VALUE_KNOWN, slot_retained_bytes,
		  "WAL that the server keeps because of the slot, at the last look (nova.slot.watch.ms)."),
	GAUGE(
		"slot_safe_bytes", VALUE_KNOWN, slot_safe_bytes,
		"WAL that may be written before the slot is lost; absent without max_slot_wal_keep_size."),
	GAUGE("slot_wal_low", VALUE_BOOL, slot_wal_low,
		  "Is there less than nova.slot.safe.percent of that left, or more kept than "
		  "nova.slot.retained.mb?"),
	GAUGE("spooling", VALUE_BOOL, spooling,
		  "Does what is received go to nova.spool.dir, because Kafka is away or was?"),
	GAUGE("spool_full", VALUE_BOOL, spool_full, "Does that take no more?"),
	GAUGE("spool_bytes", VALUE_U64, spool_bytes, "Bytes of its files."),
	GAUGE("spool_entries", VALUE_U64, spool_entries, "Payloads in these."),
	GAUGE("spool_oldest_seconds", VALUE_MS, spool_oldest_ms,
		  "Age of the oldest file; absent without one."),
	GAUGE("snapshot_rows", VALUE_U64, snapshot_rows, "Rows of the snapshot read so far."),
	GAUGE("snapshot_rows_expected", VALUE_KNOWN, snapshot_row_estimate,
		  "Rows of all its tables, as their statistics have them; absent while that is not known."),
	GAUGE("snapshot_bytes", VALUE_U64, snapshot_bytes,
		  "Bytes of frames of the snapshot received so far."),
	GAUGE("snapshot_left_seconds", VALUE_MS, snapshot_left_ms,
		  "Time it will still take, going by what is done; absent while it is too early to say."),
	TABLE("snapshot_table_rows_expected", VALUE_KNOWN, row_estimate,
		  "Rows of each table, as its statistics have them; absent where that is not known."),
	TABLE("snapshot_table_complete", VALUE_BOOL, complete, "Is every row of the table read?"),
	GAUGE("incremental_snapshot_running", VALUE_BOOL, increment_running,
		  "Are rows read while the stream goes on?"),
	PRODUCER(
		"kafka_queue_records", "gauge", records,
		"Records with the Kafka producer. This and all of nova_kafka_ that follows: librdkafka's "
		"statistics, every 5 s. Exactly once, there are several producers."),
	PRODUCER("kafka_queue_records_max", "gauge", records_max, "The most that it takes."),
	PRODUCER("kafka_queue_bytes", "gauge", bytes, "Bytes of records with the Kafka producer."),
	PRODUCER("kafka_queue_bytes_max", "gauge", bytes_max, "The most that it takes."),
	PRODUCER("kafka_sent_records_total", "counter", sent_records,
			 "Records sent to brokers, repetitions too."),
	PRODUCER("kafka_sent_bytes_total", "counter", sent_bytes, "Bytes of these."),
	BROKER(
		"kafka_broker_up", "gauge", VALUE_BOOL, up,
		"Is the connection to the broker up? One that is not needed is closed. At most 64 brokers "
		"are shown."),
	BROKER("kafka_broker_rtt_seconds", "gauge", VALUE_US, rtt_avg_us,
		   "Time between a request and its answer, on average."),
	BROKER("kafka_broker_rtt_p99_seconds", "gauge", VALUE_US, rtt_p99_us,
		   "The same, of 99 in 100."),
	BROKER("kafka_broker_waiting_requests", "gauge", VALUE_U64, waiting_requests,
		   "Requests to be sent."),
	BROKER("kafka_broker_waiting_records", "gauge", VALUE_U64, waiting_records,
		   "Records in these."),
	BROKER("kafka_broker_open_requests", "gauge", VALUE_U64, open_requests,
		   "Requests sent and not answered."),
	BROKER("kafka_broker_requests_total", "counter", VALUE_U64, requests, "Requests sent."),
	BROKER("kafka_broker_errors_total", "counter", VALUE_U64, errors, "Requests that failed."),
	BROKER("kafka_broker_retries_total", "counter", VALUE_U64, retries, "Requests sent again."),
	BROKER("kafka_broker_timeouts_total", "counter", VALUE_U64, timeouts,
		   "Requests without an answer in time."),
	BROKER("kafka_broker_disconnects_total", "counter", VALUE_U64, disconnects,
		   "Connections that ended."),
	TOPIC("kafka_topic_batch_bytes", batch_bytes,
		  "Bytes of a batch of records, on average. At most 100 topics are shown."),
	TOPIC("kafka_topic_batch_records", batch_records, "Records of a batch, on average."),
	PROCESS("cpu_seconds_total", "counter", OF_PROCESS, VALUE_DOUBLE,
			offsetof(ProcessNumbers, cpu_seconds), "CPU time of the relay."),
	PROCESS("resident_memory_bytes", "gauge", OF_PROCESS, VALUE_LIMIT,
			offsetof(ProcessNumbers, resident_bytes), "Memory of the relay."),
	PROCESS("open_fds", "gauge", OF_PROCESS, VALUE_LIMIT, offsetof(ProcessNumbers, open_fds),
			"Files, sockets and pipes that the relay has open."),
	PROCESS("max_fds", "gauge", OF_PROCESS, VALUE_LIMIT, offsetof(ProcessNumbers, max_fds),
			"The most it may have open."),
	PROCESS("start_time_seconds", "gauge", OF_NUMBERS, VALUE_MS, offsetof(Numbers, started),
			"When the relay was started."),
};

#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

/* Labels beside the connector's, of each source. */
static const char *const label_names[OF_BUILD + 1] = {[OF_TABLES] = "table",
													  [OF_TIMES] = "table",
													  [OF_ROUTES] = "table, topic, op",
													  [OF_PRODUCER] = "producer",
													  [OF_BROKERS] = "producer, broker",
													  [OF_TOPICS] = "producer, topic",
													  [OF_LATENCY] = "le",
													  [OF_STATE] = "state",
													  [OF_ROAD] = "road, reason",
													  [OF_CONNECTOR] = "state",
													  [OF_BUILD] = "version"};

typedef struct Label
{
	const char *name;
	const char *value;
} Label;

/* What the samples are printed with, and from. */
typedef struct Printer
{
	FILE *out;
	const RelayConfig *cfg;
	const Reading *reading;
	const ProcessNumbers *process;
} Printer;

/* A label's value; of Prometheus's three characters to escape. */
static void
print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++)
	{
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* suffix is that of a histogram's samples; the labels end with one that has no name. */
static void
print_name(const Printer *p, const Metric *m, const char *suffix, const Label *labels)
{
	fprintf(p->out, "%s%s", m->name, suffix);
	if (m->labels == LABELS_NONE)
	{
		fputc(' ', p->out);
		return;
	}
	fputc('{', p->out);
	if (m->labels == LABELS_NOVA)
		print_label(p->out, "connector", p->cfg->name);
	else
	{
		fprintf(p->out, "context=\"%s\",", m->labels == LABELS_SNAPSHOT ? "snapshot" : "streaming");
		print_label(p->out, "name", p->cfg->topic_prefix);
		fputs(",plugin=\"postgres\"", p->out);
	}
	for (; labels != NULL && labels->name != NULL; labels++)
	{
		fputc(',', p->out);
		print_label(p->out, labels->name, labels->value);
	}
	fputs("} ", p->out);
}

static int64_t
i64_at(const void *base, size_t offset)
{
	return *(const int64_t *) (const void *) ((const char *) base + offset);
}

static uint64_t
u64_at(const void *base, size_t offset)
{
	return *(const uint64_t *) (const void *) ((const char *) base + offset);
}

static bool
bool_at(const void *base, size_t offset)
{
	return *(const bool *) (const void *) ((const char *) base + offset);
}

static double
double_at(const void *base, size_t offset)
{
	return *(const double *) (const void *) ((const char *) base + offset);
}

/* False if there is no value now. */
static bool
has_value(const Printer *p, const Metric *m, const void *base)
{
	const Numbers *n = &p->reading->numbers;

	switch (m->kind)
	{
		case VALUE_KNOWN:
		case VALUE_MS:
			return i64_at(base, m->offset) >= 0;
		case VALUE_AGES:
		case VALUE_MEAN:
		case VALUE_SHARE:
			return n->latency.ages.count > 0;
		case VALUE_LIMIT:
			return u64_at(base, m->offset) > 0;
		case VALUE_ROOM:
			return n->in_flight_max > 0;
		case VALUE_LAG:
			return u64_at(base, m->offset) > 0 && n->server_lsn > 0;
		case VALUE_LATE:
			return n->streaming;
		default:
			return true;
	}
}

/* a less b, and never less than 0 */
static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void
print_since(const Printer *p, int64_t time)
{
	int64_t since = p->process->now - time;

	fprintf(p->out, "%" PRId64 "\n", time == 0 ? -1 : since > 0 ? since : 0);
}

static void
print_value(const Printer *p, const Metric *m, const void *base)
{
	const Numbers *n = &p->reading->numbers;
	FILE *out = p->out;

	switch (m->kind)
	{
		case VALUE_U64:
		case VALUE_LIMIT:
			fprintf(out, "%" PRIu64 "\n", u64_at(base, m->offset));
			break;
		case VALUE_AGES:
		case VALUE_KNOWN:
			fprintf(out, "%" PRId64 "\n", i64_at(base, m->offset));
			break;
		case VALUE_BOOL:
			fprintf(out, "%d\n", bool_at(base, m->offset));
			break;
		case VALUE_DOUBLE:
			fprintf(out, "%.2f\n", double_at(base, m->offset));
			break;
		case VALUE_MS:
			fprintf(out, "%.3f\n", (double) i64_at(base, m->offset) / 1e3);
			break;
		case VALUE_US:
			fprintf(out, "%.6f\n", (double) u64_at(base, m->offset) / 1e6);
			break;
		case VALUE_NS:
			fprintf(out, "%.9f\n", (double) u64_at(base, m->offset) / 1e9);
			break;
		case VALUE_SINCE:
			print_since(p, i64_at(base, m->offset));
			break;
		case VALUE_AGE:
			fprintf(out, "%" PRId64 "\n", n->latency.ages.count > 0 ? i64_at(base, m->offset) : -1);
			break;
		case VALUE_MEAN:
			fprintf(out, "%.3f\n",
					(double) u64_at(base, m->offset) / (double) n->latency.ages.count);
			break;
		case VALUE_SHARE:
			fprintf(out, "%.3f\n", double_at(base, m->offset));
			break;
		case VALUE_TOOK:
			fprintf(out, "%.3f\n",
					i64_at(base, m->offset) > 0 ? (double) i64_at(base, m->offset) / 1e3 : 0);
			break;
		case VALUE_ROOM:
			fprintf(out, "%" PRIu64 "\n", less(n->in_flight_max, n->in_flight));
			break;
		case VALUE_LAG:
			fprintf(out, "%" PRIu64 "\n", less(n->server_lsn, u64_at(base, m->offset)));
			break;
		case VALUE_LATE:
			fprintf(out, "%.3f\n",
					(double) latency_lag_us(&n->latency, p->process->now * 1000) / 1e6);
			break;
	}
}

/* One sample, if it has a value. */
static void
print_sample(const Printer *p, const Metric *m, const Label *labels, const void *base)
{
	if (!has_value(p, m, base))
		return;
	print_name(p, m, "", labels);
	print_value(p, m, base);
}

static void
print_tables(const Printer *p, const Metric *m)
{
	for (size_t i = 0; i < p->reading->ntables; i++)
	{
		const TableNumbers *t = &p->reading->tables[i];
		const Label labels[] = {{"table", t->name}, {NULL, NULL}};

		print_sample(p, m, labels, t);
	}
}

static void
print_times(const Printer *p, const Metric *m)
{
	for (size_t i = 0; i < p->reading->ntimes; i++)
	{
		const TableTime *t = &p->reading->times[i];
		const Label labels[] = {{"table", t->table}, {NULL, NULL}};

		print_sample(p, m, labels, t);
	}
}

/* What never came is left out: most tables know few operations. */
static void
print_routes(const Printer *p, const Metric *m)
{
	for (size_t i = 0; i < p->reading->nroutes; i++)
		for (size_t k = 0; k < OP_COUNT; k++)
		{
			const RouteNumbers *r = &p->reading->routes[i];
			const char op[] = {COUNTED_OPS[k], '\0'};
			const Label labels[] = {
				{"table", r->table}, {"topic", r->topic}, {"op", op}, {NULL, NULL}};

			if (r->ops[k].records > 0)
				print_sample(p, m, labels, &r->ops[k]);
		}
}

static uint64_t
records_of(const Printer *p, const char *ops)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->reading->nroutes; i++)
		for (size_t k = 0; k < OP_COUNT; k++)
			if (strchr(ops, COUNTED_OPS[k]) != NULL)
				sum += p->reading->routes[i].ops[k].records;
	return sum;
}

/* Those of an initial snapshot were before the stream. */
static uint64_t
reads_of_stream(const Printer *p)
{
	return less(records_of(p, "r"), p->reading->numbers.snapshot_reads);
}

static uint64_t
changes_filtered(const Printer *p)
{
	for (size_t i = 0; i < p->reading->ntimes; i++)
		if (strcmp(p->reading->times[i].table, PLUGINTIME_UNCAPTURED) == 0)
			return p->reading->times[i].changes;
	return 0;
}

static void
print_sum(const Printer *p, const Metric *m, uint64_t sum)
{
	print_sample(p, m, NULL, &sum);
}

static bool
skips_unchanged(const ConfigPairs *options)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->items[i].name, "skip.messages.without.change") == 0)
			return strcmp(options->items[i].value, "true") == 0;
	return false;
}

/* Debezium has a number for "does not look for them". */
static void
print_unchanged(const Printer *p, const Metric *m)
{
	if (skips_unchanged(&p->cfg->plugin))
	{
		print_sample(p, m, NULL, &p->reading->numbers);
		return;
	}
	print_name(p, m, "", NULL);
	fputs("-1\n", p->out);
}

/* The number of a producer, as a label. */
static const char *
producer_text(unsigned producer)
{
	static const char *const texts[STATS_PRODUCERS] = {"0", "1", "2", "3"};

	return texts[producer];
}

static void
print_producers(const Printer *p, const Metric *m)
{
	for (unsigned i = 0; p->reading->kafka != NULL && i < STATS_PRODUCERS; i++)
	{
		const Label labels[] = {{"producer", producer_text(i)}, {NULL, NULL}};

		if (p->reading->kafka->producers[i].known)
			print_sample(p, m, labels, &p->reading->kafka->producers[i]);
	}
}

static void
print_brokers(const Printer *p, const Metric *m)
{
	for (size_t i = 0; p->reading->kafka != NULL && i < p->reading->kafka->nbrokers; i++)
	{
		const BrokerNumbers *b = &p->reading->kafka->brokers[i];
		const Label labels[] = {
			{"producer", producer_text(b->producer)}, {"broker", b->name}, {NULL, NULL}};

		print_sample(p, m, labels, b);
	}
}

static void
print_topics(const Printer *p, const Metric *m)
{
	for (size_t i = 0; p->reading->kafka != NULL && i < p->reading->kafka->ntopics; i++)
	{
		const TopicNumbers *t = &p->reading->kafka->topics[i];
		const Label labels[] = {
			{"producer", producer_text(t->producer)}, {"topic", t->name}, {NULL, NULL}};

		print_sample(p, m, labels, t);
	}
}

static void
print_histogram(const Printer *p, const Metric *m)
{
	const LatencyHistogram *h = &p->reading->numbers.latency.histogram;
	uint64_t sum = 0;

	for (size_t i = 0; i <= LATENCY_BUCKETS; i++)
	{
		char bound[32] = "+Inf";
		const Label labels[] = {{"le", bound}, {NULL, NULL}};

		if (i < LATENCY_BUCKETS)
			snprintf(bound, sizeof(bound), "%g", latency_bounds[i]);
		sum += h->buckets[i];
		print_name(p, m, "_bucket", labels);
		fprintf(p->out, "%" PRIu64 "\n", sum);
	}
	print_name(p, m, "_sum", NULL);
	fprintf(p->out, "%.6f\n", (double) h->sum_us / 1e6);
	print_name(p, m, "_count", NULL);
	fprintf(p->out, "%" PRIu64 "\n", h->count);
}

/* As Prometheus has an enumeration: the label is the value. */
static void
print_text(const Printer *p, const Metric *m, const char *name, const char *value)
{
	const Label labels[] = {{name, value}, {NULL, NULL}};

	print_name(p, m, "", labels);
	fputs("1\n", p->out);
}

static void
print_road(const Printer *p, const Metric *m)
{
	const Numbers *n = &p->reading->numbers;
	const Label labels[] = {{"road", n->road}, {"reason", n->road_reason}, {NULL, NULL}};

	if (n->road == NULL)
		return;
	print_name(p, m, "", labels);
	fputs("1\n", p->out);
}

static void
print_samples(const Printer *p, const Metric *m)
{
	switch (m->source)
	{
		case OF_NUMBERS:
			print_sample(p, m, NULL, &p->reading->numbers);
			break;
		case OF_PROCESS:
			print_sample(p, m, NULL, p->process);
			break;
		case OF_TABLES:
			print_tables(p, m);
			break;
		case OF_TIMES:
			print_times(p, m);
			break;
		case OF_ROUTES:
			print_routes(p, m);
			break;
		case OF_OPS:
			print_sum(p, m, records_of(p, m->ops));
			break;
		case OF_READS:
			print_sum(p, m, records_of(p, m->ops) + reads_of_stream(p));
			break;
		case OF_FILTERED:
			print_sum(p, m, changes_filtered(p));
			break;
		case OF_UNCHANGED:
			print_unchanged(p, m);
			break;
		case OF_NOTHING:
			print_sum(p, m, 0);
			break;
		case OF_PRODUCER:
			print_producers(p, m);
			break;
		case OF_BROKERS:
			print_brokers(p, m);
			break;
		case OF_TOPICS:
			print_topics(p, m);
			break;
		case OF_LATENCY:
			print_histogram(p, m);
			break;
		case OF_STATE:
			print_text(p, m, "state", p->reading->numbers.state);
			break;
		case OF_ROAD:
			print_road(p, m);
			break;
		case OF_CONNECTOR:
			if (p->cfg->name[0] != '\0')
				print_text(p, m, "state", connector_state_name(p->reading->numbers.connector));
			break;
		case OF_BUILD:
			print_text(p, m, "version", NOVA_VERSION);
			break;
	}
}

void
metrics_print(FILE *out, const RelayConfig *cfg, const Reading *reading,
			  const ProcessNumbers *process)
{
	const Printer p = {out, cfg, reading, process};

	for (size_t i = 0; i < METRIC_COUNT; i++)
	{
		const Metric *m = &metrics[i];

		if (m->help != NULL)
			fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
		print_samples(&p, m);
	}
}

void
metrics_print_table(FILE *out)
{
	static const char *const contexts[] = {"context=streaming", "context=snapshot", "", ""};

	fputs("| name | type | labels | |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < METRIC_COUNT; i++)
	{
		const Metric *m = &metrics[i];
		const char *context = contexts[m->labels];
		const char *more = label_names[m->source] != NULL ? label_names[m->source] : "";

		fprintf(out, "| `%s` | %s | %s%s%s | %s |\n", m->name, m->type, context,
				*context != '\0' && *more != '\0' ? ", " : "", more,
				m->help != NULL ? m->help : "The same.");
	}
}
