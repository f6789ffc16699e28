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

typedef enum ValueKind
{
	VALUE_U64,
	VALUE_I64,
	VALUE_KNOWN, /* an I64 that is left out while it is negative */
	VALUE_BOOL,
	VALUE_SECONDS, /* an I64 of milliseconds, left out while it is negative */
	VALUE_SINCE,   /* ms since the time in an I64; left out while that is 0 */
	VALUE_LAG,     /* server_lsn less the LSN there; left out while either is 0 */
	VALUE_TABLE    /* one for each table of the snapshot */
} ValueKind;

typedef enum Labels
{
	LABELS_STREAMING,
	LABELS_SNAPSHOT,
	LABELS_NOVA
} Labels;

typedef struct Metric
{
	const char *name;
	const char *type;
	Labels labels;
	ValueKind kind;
	size_t offset; /* in Numbers, or in TableNumbers */
	const char *help;
} Metric;

#define OF(member)    offsetof(Numbers, member)
#define TABLE(member) offsetof(TableNumbers, member)

/* Rows of one name follow one another. */
static const Metric metrics[] = {
	{"debezium_metrics_Connected", "gauge", LABELS_STREAMING, VALUE_BOOL, OF(streaming),
	 "Is the stream from PostgreSQL running?"},
	{"debezium_metrics_MilliSecondsBehindSource", "gauge", LABELS_STREAMING, VALUE_I64,
	 OF(behind_ms), "Age of the last transaction when it was received."},
	{"debezium_metrics_MilliSecondsSinceLastEvent", "gauge", LABELS_STREAMING, VALUE_SINCE,
	 OF(last_event), "Time since the last transaction was received."},
	{"debezium_metrics_TotalNumberOfEventsSeen", "counter", LABELS_STREAMING, VALUE_U64,
	 OF(records), "Records handed to Kafka, those of snapshots among them."},
	{"debezium_metrics_NumberOfCommittedTransactions", "counter", LABELS_STREAMING, VALUE_U64,
	 OF(transactions), "Transactions received."},
	{"debezium_metrics_NumberOfErroneousEvents", "counter", LABELS_STREAMING, VALUE_U64,
	 OF(dropped), "Changes that could not become records."},
	{"debezium_metrics_CurrentQueueSizeInBytes", "gauge", LABELS_STREAMING, VALUE_U64,
	 OF(lent_bytes), "Memory of what Kafka has not acknowledged."},
	{"debezium_metrics_SnapshotRunning", "gauge", LABELS_SNAPSHOT, VALUE_BOOL, OF(snapshot_running),
	 "Is an initial snapshot being taken?"},
	{"debezium_metrics_SnapshotCompleted", "gauge", LABELS_SNAPSHOT, VALUE_BOOL,
	 OF(snapshot_completed), "Has this process taken one to its end?"},
	{"debezium_metrics_TotalTableCount", "gauge", LABELS_SNAPSHOT, VALUE_U64, OF(snapshot_tables),
	 "Tables of the snapshot."},
	{"debezium_metrics_RemainingTableCount", "gauge", LABELS_SNAPSHOT, VALUE_U64,
	 OF(snapshot_tables_left), "Of these, how many are not read yet."},
	{"debezium_metrics_SnapshotDurationInSeconds", "gauge", LABELS_SNAPSHOT, VALUE_SECONDS,
	 OF(snapshot_ms), "How long it has taken so far, or took."},
	{"debezium_metrics_RowsScanned", "gauge", LABELS_SNAPSHOT, VALUE_TABLE, TABLE(rows),
	 "Rows read of each table of the snapshot."},
	{"nova_up", "gauge", LABELS_NOVA, VALUE_BOOL, OF(ready),
	 "Is it streaming or taking a snapshot?"},
	{"nova_records_total", "counter", LABELS_NOVA, VALUE_U64, OF(records),
	 "Records handed to Kafka."},
	{"nova_records_acknowledged_total", "counter", LABELS_NOVA, VALUE_U64, OF(acked),
	 "Records that every in-sync replica has."},
	{"nova_received_bytes_total", "counter", LABELS_NOVA, VALUE_U64, OF(bytes),
	 "Bytes of frames received from PostgreSQL."},
	{"nova_transactions_verified_total", "counter", LABELS_NOVA, VALUE_U64, OF(transactions),
	 "Transactions received whose number of records and CRC-32C were right."},
	{"nova_chunks_verified_total", "counter", LABELS_NOVA, VALUE_U64, OF(chunks),
	 "Chunks of snapshots received whose number of records and CRC-32C were right."},
	{"nova_records_verified_total", "counter", LABELS_NOVA, VALUE_U64, OF(proved),
	 "Records in these transactions and chunks."},
	{"nova_bytes_verified_total", "counter", LABELS_NOVA, VALUE_U64, OF(proved_bytes),
	 "Bytes of these records."},
	{"nova_dead_letters_total", "counter", LABELS_NOVA, VALUE_U64, OF(letters),
	 "Records that went to the dead-letter topic."},
	{"nova_skipped_records_total", "counter", LABELS_NOVA, VALUE_U64, OF(skipped),
	 "Records that were refused and left out, as nova.on.bad.record=skip says."},
	{"nova_dropped_changes_total", "counter", LABELS_NOVA, VALUE_U64, OF(dropped),
	 "Changes that could not become records; the log names them."},
	{"nova_reconnects_total", "counter", LABELS_NOVA, VALUE_U64, OF(reconnects),
	 "Connections to PostgreSQL made again."},
	{"nova_lag_records", "gauge", LABELS_NOVA, VALUE_U64, OF(in_flight),
	 "Records that Kafka has not acknowledged."},
	{"nova_lag_bytes", "gauge", LABELS_NOVA, VALUE_LAG, OF(confirmed_lsn),
	 "WAL between what the server has and what is confirmed."},
	{"nova_backpressure", "gauge", LABELS_NOVA, VALUE_BOOL, OF(blocked),
	 "Is reading stopped, because Kafka takes no more?"},
	{"nova_received_lsn", "gauge", LABELS_NOVA, VALUE_U64, OF(received_lsn),
	 "Position received, as a number of bytes."},
	{"nova_confirmed_lsn", "gauge", LABELS_NOVA, VALUE_U64, OF(confirmed_lsn),
	 "Position confirmed to PostgreSQL."},
	{"nova_snapshot_rows", "gauge", LABELS_NOVA, VALUE_U64, OF(snapshot_rows),
	 "Rows of the snapshot read so far."},
	{"nova_snapshot_rows_expected", "gauge", LABELS_NOVA, VALUE_KNOWN, OF(snapshot_row_estimate),
	 "Rows of all its tables, as their statistics have them; absent while that is not known."},
	{"nova_snapshot_bytes", "gauge", LABELS_NOVA, VALUE_U64, OF(snapshot_bytes),
	 "Bytes of frames of the snapshot received so far."},
	{"nova_snapshot_left_seconds", "gauge", LABELS_NOVA, VALUE_SECONDS, OF(snapshot_left_ms),
	 "Time it will still take, going by what is done; absent while it is too early to say."},
	{"nova_snapshot_table_rows_expected", "gauge", LABELS_NOVA, VALUE_TABLE, TABLE(row_estimate),
	 "Rows of each table, as its statistics have them; absent where that is not known."},
	{"nova_snapshot_table_complete", "gauge", LABELS_NOVA, VALUE_TABLE, TABLE(complete),
	 "Is every row of the table read?"},
	{"nova_incremental_snapshot_running", "gauge", LABELS_NOVA, VALUE_BOOL, OF(increment_running),
	 "Are rows read while the stream goes on?"},
};

#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

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

static void
print_name(FILE *out, const Metric *m, const RelayConfig *cfg, const char *table)
{
	fprintf(out, "%s{", m->name);
	if (m->labels == LABELS_NOVA)
		print_label(out, "connector", cfg->name);
	else
	{
		fprintf(out, "context=\"%s\",", m->labels == LABELS_SNAPSHOT ? "snapshot" : "streaming");
		print_label(out, "name", cfg->topic_prefix);
		fputs(",plugin=\"postgres\"", out);
	}
	if (table != NULL)
	{
		fputc(',', out);
		print_label(out, "table", table);
	}
	fputs("} ", out);
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

/* One sample; false if there is no value now. */
static bool
has_value(const Metric *m, const Numbers *n)
{
	switch (m->kind)
	{
		case VALUE_KNOWN:
		case VALUE_SECONDS:
			return i64_at(n, m->offset) >= 0;
		case VALUE_SINCE:
			return i64_at(n, m->offset) > 0;
		case VALUE_LAG:
			return u64_at(n, m->offset) > 0 && n->server_lsn > 0;
		default:
			return true;
	}
}

static void
print_value(FILE *out, const Metric *m, const Numbers *n, int64_t now)
{
	uint64_t lsn = 0;

	switch (m->kind)
	{
		case VALUE_U64:
			fprintf(out, "%" PRIu64 "\n", u64_at(n, m->offset));
			break;
		case VALUE_I64:
		case VALUE_KNOWN:
			fprintf(out, "%" PRId64 "\n", i64_at(n, m->offset));
			break;
		case VALUE_BOOL:
			fprintf(out, "%d\n", bool_at(n, m->offset));
			break;
		case VALUE_SECONDS:
			fprintf(out, "%.3f\n", (double) i64_at(n, m->offset) / 1000.0);
			break;
		case VALUE_SINCE:
			fprintf(out, "%" PRId64 "\n", now - i64_at(n, m->offset));
			break;
		case VALUE_LAG:
			lsn = u64_at(n, m->offset);
			fprintf(out, "%" PRIu64 "\n", n->server_lsn > lsn ? n->server_lsn - lsn : 0);
			break;
		case VALUE_TABLE:
			break;
	}
}

static void
print_tables(FILE *out, const Metric *m, const RelayConfig *cfg, const Reading *reading)
{
	for (size_t i = 0; i < reading->ntables; i++)
	{
		const TableNumbers *t = &reading->tables[i];

		if (m->offset == TABLE(row_estimate) && t->row_estimate < 0)
			continue;
		print_name(out, m, cfg, t->name);
		if (m->offset == TABLE(complete))
			fprintf(out, "%d\n", t->complete);
		else
			fprintf(out, "%" PRIu64 "\n", u64_at(t, m->offset));
	}
}

static void
print_metric(FILE *out, const Metric *m, const RelayConfig *cfg, const Reading *reading,
			 int64_t now)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
	if (m->kind == VALUE_TABLE)
		print_tables(out, m, cfg, reading);
	else if (has_value(m, &reading->numbers))
	{
		print_name(out, m, cfg, NULL);
		print_value(out, m, &reading->numbers, now);
	}
}

/* The state as Prometheus has an enumeration: one sample, whose label names it. */
static void
print_state(FILE *out, const RelayConfig *cfg, const Numbers *n)
{
	fputs("# HELP nova_state The state that the relay is in.\n# TYPE nova_state gauge\nnova_state{",
		  out);
	print_label(out, "connector", cfg->name);
	fputc(',', out);
	print_label(out, "state", n->state);
	fputs("} 1\n", out);
}

/* The names that every client library of Prometheus uses. */
static void
print_process(FILE *out, const Numbers *n, const ProcessNumbers *process)
{
	fprintf(out,
			"# HELP process_cpu_seconds_total CPU time of the relay.\n"
			"# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.2f\n"
			"# HELP process_resident_memory_bytes Memory of the relay.\n"
			"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" PRIu64
			"\n"
			"# HELP process_start_time_seconds When the relay was started.\n"
			"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
			process->cpu_seconds, process->resident_bytes, (double) n->started / 1000.0);
}

void
metrics_print(FILE *out, const RelayConfig *cfg, const Reading *reading,
			  const ProcessNumbers *process)
{
	for (size_t i = 0; i < METRIC_COUNT; i++)
		print_metric(out, &metrics[i], cfg, reading, process->now);
	print_state(out, cfg, &reading->numbers);
	print_process(out, &reading->numbers, process);
}

void
metrics_print_table(FILE *out)
{
	fputs("| name | type | context | |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < METRIC_COUNT; i++)
	{
		static const char *const contexts[] = {"streaming", "snapshot", ""};

		fprintf(out, "| `%s` | %s | %s | %s |\n", metrics[i].name, metrics[i].type,
				contexts[metrics[i].labels], metrics[i].help);
	}
}
