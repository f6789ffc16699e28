/*-------------------------------------------------------------------------
 *
 * config.c
 *		The connector JSON, looked up in one table and made effective.
 *
 * The table options[] below is the only place that knows a key: its type, its
 * bounds, where its value goes, whether it works, is ignored or is refused,
 * and the words for each of these.  Parsing, validation, the hint for a
 * misspelt key, `nova-relay config` and `nova-relay options` read the table.
 *
 * The order of work: check the bytes; parse; for every key find its row, fill
 * placeholders and validate the value (collect); hand values and defaults to
 * the row's target (apply); build what needs several keys (finish).  The first
 * fault ends it with one line.
 *
 * Traps:
 *	- A row whose key has a '*' is a pattern; a '*' in the middle stands for
 *	  one name without dots, a '*' at the end for all the rest.  Exact rows
 *	  win over patterns, earlier patterns over later ones.
 *	- Values may be secrets.  No message may print the value of a row with
 *	  OPT_SECRET, and none prints an environment variable or a file's content
 *	  except as the value of an ordinary row.
 *	- All memory is in one arena per RelayConfig, freed by config_free().
 *
 *-------------------------------------------------------------------------
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "log.h"
#include "snapplan.h"
#include "relay.h"
#include "utf8.h"

/* Bounds on the input, so that no file can make us slow or large. */
#define CONFIG_BYTES_MAX 1048576
#define CONFIG_KEYS_MAX  1000
#define KEY_BYTES_MAX    249
#define REGEX_BYTES_MAX  1000
#define REGEX_REPEAT_MAX 255

#define CLASS_UNWRAP     "io.debezium.transforms.ExtractNewRecordState"
#define CLASS_ROUTER     "org.apache.kafka.connect.transforms.RegexRouter"
#define CLASS_KEY        "org.apache.kafka.connect.transforms.ExtractField$Key"
#define CLASS_LOGICAL    "io.debezium.transforms.ByLogicalTableRouter"
#define CLASS_TO_LOGICAL "io.debezium.transforms.ToLogicalTopicRouter"
#define CLASS_OUTBOX     "io.debezium.transforms.outbox.EventRouter"
#define CLASS_TOPIC      "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
#define CLASS_TOMBSTONE  "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"
#define CLASS_JSON       "org.apache.kafka.connect.json.JsonConverter"

typedef enum OptType
{
	TYPE_STRING, /* not empty, unless OPT_EMPTY_OK */
	TYPE_LIST,   /* comma-separated; empty means not set */
	TYPE_BOOL,
	TYPE_INT, /* min..max */
	TYPE_ENUM /* one of values: "a|b|old=b" */
} OptType;

typedef enum OptFate
{
	FATE_WORKS,
	FATE_IGNORED, /* note says why */
	FATE_REFUSED  /* refusal says why and what to do; an empty value passes */
} OptFate;

typedef enum OptTarget
{
	TO_NONE,  /* read by a finish function, or by nobody */
	TO_ALIAS, /* dest is today's name of the key */
	TO_FIELD, /* RelayConfig member at offset */
	TO_PG,
	TO_PLUGIN,
	TO_KAFKA
} OptTarget;

#define OPT_SECRET   0x01 /* never print the value */
#define OPT_REQUIRED 0x02
#define OPT_EMPTY_OK 0x04
#define OPT_DIGIT    0x08 /* libpq's booleans are 1 and 0 */
#define OPT_KBYTES   0x10 /* given in bytes, passed in KiB */
#define OPT_HEX      0x20 /* "hex:…" stands for the text of these bytes */

/* What the last '*' of the key stands for is a secret. */
#define OPT_SECRET_KEY 0x40

typedef struct Ctx Ctx;

typedef struct Option
{
	const char *key; /* NULL: a heading for the rows that follow */
	OptType type;
	OptFate fate;
	OptTarget target;
	const char *dest;
	size_t offset;
	const char *deflt;
	const char *values; /* TYPE_ENUM */
	long min;           /* TYPE_INT */
	long max;
	const char *scope; /* transforms.*: the classes that have this option, "a|b" */
	unsigned flags;
	bool (*check)(Ctx *ctx, const char *key, const char *value);
	const char *note;    /* logged when the key is set */
	const char *refusal; /* why other values, or the key, are refused */
	const char *help;
} Option;

/* A key of the file after lookup and expansion. */
typedef struct Setting
{
	const Option *opt;
	const char *key;     /* today's name */
	const char *origin;  /* as written in the file, for messages */
	const char *star[2]; /* what the '*' of a pattern stood for */
	const char *value;
} Setting;

/* Everything a RelayConfig owns hangs here. */
typedef struct ArenaBlock
{
	struct ArenaBlock *next;
	max_align_t data[];
} ArenaBlock;

/* What config_parse() really allocates; the caller sees the first member. */
typedef struct OwnedConfig
{
	RelayConfig cfg;
	ArenaBlock *arena;
} OwnedConfig;

struct Ctx
{
	OwnedConfig *owned;
	RelayConfig *cfg;
	const char *label;
	char *err;
	size_t errsize;
	Setting *settings;
	size_t nsettings;
};

static bool check_topic_prefix(Ctx *ctx, const char *key, const char *value);
static bool check_slot_name(Ctx *ctx, const char *key, const char *value);
static bool check_operations(Ctx *ctx, const char *key, const char *value);
static bool check_placeholder(Ctx *ctx, const char *key, const char *value);
static bool check_password(Ctx *ctx, const char *key, const char *value);
static bool check_key_columns(Ctx *ctx, const char *key, const char *value);
static bool check_added_fields(Ctx *ctx, const char *key, const char *value);
static bool check_retries(Ctx *ctx, const char *key, const char *value);

/* ------------------------------------------------------------------------
 * The table
 * ------------------------------------------------------------------------ */

#define FIELD(member)   .target = TO_FIELD, .offset = offsetof(RelayConfig, member)
#define PG(keyword)     .target = TO_PG, .dest = (keyword)
#define PLUGIN(option)  .target = TO_PLUGIN, .dest = (option)
#define KAFKA(property) .target = TO_KAFKA, .dest = (property)
#define ALIAS(old, now)                                                                            \
	{                                                                                              \
		.key = (old), .target = TO_ALIAS, .dest = (now), .flags = OPT_EMPTY_OK,                    \
		.help = "Old name of `" now "`."                                                           \
	}
#define HEADING(text)                                                                              \
	{                                                                                              \
		.key = NULL, .help = (text)                                                                \
	}
#define IGNORE(name, why)                                                                          \
	{                                                                                              \
		.key = (name), .fate = FATE_IGNORED, .flags = OPT_EMPTY_OK, .note = (why)                  \
	}
#define REFUSE(name, why)                                                                          \
	{                                                                                              \
		.key = (name), .fate = FATE_REFUSED, .flags = OPT_EMPTY_OK, .refusal = (why)               \
	}
/* Accepted at the values that say what nova does anyway. */
#define ONLY(name, ok, why, text)                                                                  \
	{                                                                                              \
		.key = (name), .type = TYPE_ENUM, .values = (ok), .refusal = (why), .help = (text)         \
	}
#define PRODUCER(name, property, text)                                                             \
	{                                                                                              \
		.key = "producer.override." name, KAFKA(property), .help = (text)                          \
	}
#define PRODUCER_INT(name, property, low, high, text)                                              \
	{                                                                                              \
		.key = "producer.override." name, .type = TYPE_INT, .min = (low), .max = (high),           \
		KAFKA(property), .help = (text)                                                            \
	}
#define PRODUCER_SECRET(name, property, text)                                                      \
	{                                                                                              \
		.key = "producer.override." name, .flags = OPT_SECRET, KAFKA(property), .help = (text)     \
	}

#define UNSUPPORTED "not supported by this version; remove it"
#define NO_WORKER   "nova-relay is one process without Connect's workers"
#define NO_SIGNALS  "the relay acts on no signals and takes no incremental snapshots"
#define NO_QUEUE    "nova has no such queue; memory is bounded by librdkafka's"
#define NO_CACHE    "a schema is made once per table"
#define ONE_TLS     "OpenSSL's defaults apply (TLS 1.2 and later)"
#define MASKED_KEYS "keys are masked in profile nova only; Debezium does not mask them"
#define NEVER_FAILS "no value that PostgreSQL can store fails to be written"

static const Option options[] = {
	HEADING("Connector"),
	{.key = "name", .deflt = "nova", FIELD(name), .help = "Connector name, for logs and status."},
	{.key = "connector.class",
	 .type = TYPE_ENUM,
	 .values = "io.debezium.connector.postgresql.PostgresConnector",
	 .refusal = "nova-relay is a PostgreSQL source only",
	 .help =
		 "Accepted so that a connector JSON can be used as it is; makes debezium the default of "
		 "nova.profile."},
	{.key = "tasks.max",
	 .type = TYPE_INT,
	 .min = 1,
	 .max = INT_MAX,
	 .fate = FATE_IGNORED,
	 .note = "one slot is one ordered stream: there is always exactly one task"},
	{.key = "topic.prefix",
	 .flags = OPT_REQUIRED,
	 .check = check_topic_prefix,
	 FIELD(topic_prefix),
	 .help = "First part of every topic name; also passed to the plugin."},
	IGNORE("tasks.max.enforce", "there is always exactly one task"),
	IGNORE("connector.plugin.version", "nova has one version: nova-relay version"),
	ALIAS("database.server.name", "topic.prefix"),
	{.key = "bootstrap.servers",
	 KAFKA("bootstrap.servers"),
	 .help =
		 "Kafka brokers, host:port,…; needed unless the sink is stdout or the embedded broker."},

	HEADING("Connection to PostgreSQL"),
	{.key = "database.hostname",
	 .flags = OPT_REQUIRED,
	 PG("host"),
	 .help = "Host name, address or socket directory."},
	{.key = "database.port",
	 .type = TYPE_INT,
	 .deflt = "5432",
	 .min = 1,
	 .max = 65535,
	 PG("port"),
	 .help = "Port."},
	{.key = "database.user",
	 .flags = OPT_REQUIRED,
	 PG("user"),
	 .help = "Role with LOGIN and REPLICATION."},
	{.key = "database.password",
	 .flags = OPT_SECRET | OPT_EMPTY_OK,
	 .check = check_password,
	 PG("password"),
	 .help = "Password; leave it out for peer, trust or certificates."},
	{.key = "database.dbname", .flags = OPT_REQUIRED, PG("dbname"), .help = "Database."},
	{.key = "database.sslmode",
	 .type = TYPE_ENUM,
	 .deflt = "prefer",
	 .values = "disable|allow|prefer|require|verify-ca|verify-full",
	 PG("sslmode"),
	 .help = "TLS, as in libpq."},
	{.key = "database.sslcert", PG("sslcert"), .help = "Client certificate file."},
	{.key = "database.sslkey", PG("sslkey"), .help = "Client key file."},
	{.key = "database.sslpassword",
	 .flags = OPT_SECRET,
	 PG("sslpassword"),
	 .help = "Passphrase of the client key."},
	{.key = "database.sslrootcert", PG("sslrootcert"), .help = "Certificate authorities."},
	{.key = "database.tcpKeepAlive",
	 .type = TYPE_BOOL,
	 .deflt = "true",
	 .flags = OPT_DIGIT,
	 PG("keepalives"),
	 .help = "TCP keepalives."},
	IGNORE("database.sslfactory", "a Java class; TLS is libpq's"),
	IGNORE("database.initial.statements",
		   "records do not depend on session settings; use ALTER ROLE … SET for others"),
	IGNORE("database.query.timeout.ms", "the relay runs no long queries over JDBC"),
	REFUSE("database.connection.factory.class",
		   "a Java class; give the password with ${env:…} or ${file:…} instead"),
	IGNORE("driver.*", "an option of the JDBC driver; the relay uses libpq"),
	IGNORE("connection.validation.timeout.ms", "there is no connection pool to validate"),
	IGNORE("read.only", "nova writes nothing to the database anyway"),

	HEADING("Replication"),
	{.key = "plugin.name",
	 .type = TYPE_ENUM,
	 .values = "decoderbufs|pgoutput|nova_decoder",
	 .note = "nova uses its own plugin, nova_decoder",
	 .refusal = "nova uses its own plugin, nova_decoder",
	 .help = "Accepted; nova_decoder is used whatever it says."},
	{.key = "slot.name",
	 .deflt = "debezium",
	 .check = check_slot_name,
	 FIELD(slot_name),
	 .help = "Replication slot, [a-z0-9_]{1,63}."},
	{.key = "slot.drop.on.stop",
	 .type = TYPE_BOOL,
	 .deflt = "false",
	 FIELD(slot_drop_on_stop),
	 .help = "Drop the slot at an orderly stop. What commits afterwards is not captured."},
	ALIAS("slot.drop_on_stop", "slot.drop.on.stop"),
	{.key = "slot.failover",
	 .type = TYPE_BOOL,
	 .deflt = "false",
	 FIELD(slot_failover),
	 .help = "Create the slot as a failover slot (PostgreSQL 17 and later)."},
	REFUSE("slot.stream.params", "give the plugin's options under their own keys"),
	IGNORE("slot.max.retries", "nova retries for ever what can heal"),
	{.key = "slot.retry.delay.ms",
	 .type = TYPE_INT,
	 .deflt = "500",
	 .min = 1,
	 .max = 3600000,
	 FIELD(retry_backoff_ms),
	 .help = "First wait before a reconnect; doubles from try to try."},
	{.key = "retriable.restart.connector.wait.ms",
	 .type = TYPE_INT,
	 .deflt = "10000",
	 .min = 1,
	 .max = 3600000,
	 FIELD(retry_backoff_max_ms),
	 .help = "Longest wait before a reconnect."},
	{.key = "errors.max.retries",
	 .type = TYPE_INT,
	 .min = -1,
	 .max = INT_MAX,
	 .fate = FATE_IGNORED,
	 .check = check_retries,
	 .note = "nova retries for ever what can heal"},
	{.key = "status.update.interval.ms",
	 .type = TYPE_INT,
	 .deflt = "10000",
	 .min = 10,
	 .max = 3600000,
	 FIELD(status_interval_ms),
	 .help = "Standby status at least this often; keep it well below wal_sender_timeout."},
	{.key = "publication.name",
	 .help = "Only what this publication publishes is captured: its tables, operations, rows and "
			 "columns. nova needs none, so that it need not exist unless "
			 "publication.autocreate.mode is disabled. `dbz_publication` if only that is set."},
	{.key = "publication.autocreate.mode",
	 .type = TYPE_ENUM,
	 .values = "all_tables|disabled|filtered|no_tables",
	 .help = "disabled: the publication must exist. filtered: it is not looked at, the lists "
			 "decide. Otherwise, and by default, it applies if it exists. nova makes and changes "
			 "none."},
	{.key = "publish.via.partition.root",
	 .type = TYPE_BOOL,
	 PLUGIN("publish.via.partition.root"),
	 .help = "Partitions are captured under the name of their root; by default under their own."},
	REFUSE("replica.identity.autoset.values",
		   "nova does not alter tables; run ALTER TABLE … REPLICA IDENTITY … yourself"),
	ONLY("lsn.flush.mode", "connector|connector_and_driver",
		 "only the relay knows what Kafka has acknowledged; use connector",
		 "nova confirms after Kafka's acks, and keepalives when nothing is in flight."),
	ONLY("flush.lsn.source", "true", "a slot that is never confirmed keeps WAL for ever; remove it",
		 "nova confirms after Kafka's acks."),
	IGNORE("lsn.flush.timeout.ms", "confirming is one message on the stream, not a query"),
	IGNORE("lsn.flush.timeout.action", "confirming is one message on the stream, not a query"),
	IGNORE("offset.mismatch.strategy", "the slot is the only position: nothing can mismatch"),
	IGNORE("xmin.fetch.interval.ms", "source.xmin is always null"),
	IGNORE("xmin.fetch.interval", "source.xmin is always null"),

	HEADING("What is captured"),
	{.key = "schema.include.list",
	 .type = TYPE_LIST,
	 PLUGIN("schema.include.list"),
	 .help = "Schemas to capture: anchored regular expressions."},
	{.key = "schema.exclude.list",
	 .type = TYPE_LIST,
	 PLUGIN("schema.exclude.list"),
	 .help = "Schemas to leave out."},
	{.key = "table.include.list",
	 .type = TYPE_LIST,
	 PLUGIN("table.include.list"),
	 .help = "Tables to capture, schema.table: anchored regular expressions."},
	{.key = "table.exclude.list",
	 .type = TYPE_LIST,
	 PLUGIN("table.exclude.list"),
	 .help = "Tables to leave out."},
	ALIAS("schema.whitelist", "schema.include.list"),
	ALIAS("schema.blacklist", "schema.exclude.list"),
	ALIAS("table.whitelist", "table.include.list"),
	ALIAS("table.blacklist", "table.exclude.list"),
	{.key = "column.include.list",
	 .type = TYPE_LIST,
	 PLUGIN("column.include.list"),
	 .help = "Columns to capture, schema.table.column: anchored regular expressions. Keys keep "
			 "their columns."},
	{.key = "column.exclude.list",
	 .type = TYPE_LIST,
	 PLUGIN("column.exclude.list"),
	 .help = "Columns to leave out. Keys keep theirs."},
	ALIAS("column.whitelist", "column.include.list"),
	ALIAS("column.blacklist", "column.exclude.list"),
	{.key = "skipped.operations",
	 .type = TYPE_LIST,
	 .deflt = "t",
	 .check = check_operations,
	 PLUGIN("skipped.operations"),
	 .help = "Any of c, u, d, t; or none."},
	{.key = "skip.messages.without.change",
	 .type = TYPE_BOOL,
	 PLUGIN("skip.messages.without.change"),
	 .help = "An update that changes none of the columns in the value makes no record. Works for "
			 "tables with REPLICA IDENTITY FULL."},
	{.key = "message.key.columns",
	 .type = TYPE_LIST,
	 .check = check_key_columns,
	 PLUGIN("message.key.columns"),
	 .help = "Keys of your own: schema.table:column,column;… all regular expressions; "
			 "where none matches, the table's own key."},
	{.key = "column.truncate.to.*.chars",
	 .type = TYPE_LIST,
	 .help = "Columns whose strings are cut to so many characters, schema.table.column: anchored "
			 "regular expressions."},
	{.key = "column.mask.with.*.chars",
	 .type = TYPE_LIST,
	 .note = MASKED_KEYS,
	 .help = "Columns for whose values so many asterisks stand. Keys keep theirs in profile "
			 "debezium."},
	{.key = "column.mask.hash.v2.*",
	 .type = TYPE_LIST,
	 .flags = OPT_SECRET_KEY,
	 .note = MASKED_KEYS,
	 .help = "`ALGORITHM.with.salt.SALT`: columns for whose values a digest of salt and value "
			 "stands: MD5, SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512."},
	{.key = "column.mask.hash.*",
	 .type = TYPE_LIST,
	 .flags = OPT_SECRET_KEY,
	 .note = MASKED_KEYS,
	 .help = "The same, the value as Java serializes it: Debezium's first version, for digests "
			 "that have to stay what they were."},
	{.key = "column.mask.*",
	 .fate = FATE_REFUSED,
	 .flags = OPT_EMPTY_OK | OPT_SECRET_KEY,
	 .refusal = "masks are column.mask.with.N.chars, column.mask.hash.ALGORITHM.with.salt.SALT and "
				"column.mask.hash.v2.ALGORITHM.with.salt.SALT"},
	{.key = "column.propagate.source.type",
	 .type = TYPE_LIST,
	 PLUGIN("column.propagate.source.type"),
	 .help = "Columns, schema.table.column, that tell their database type in the parameters of "
			 "values' schemas."},
	{.key = "datatype.propagate.source.type",
	 .type = TYPE_LIST,
	 PLUGIN("datatype.propagate.source.type"),
	 .help = "The same for the columns of these types, schema.table.type."},
	{.key = "tombstones.on.delete",
	 .type = TYPE_BOOL,
	 .deflt = "true",
	 PLUGIN("tombstones.on.delete"),
	 .help = "A tombstone (null value) after each delete's record."},
	ONLY("table.ignore.builtin", "true", "system tables cannot be captured; remove it",
		 "System tables are never captured."),
	IGNORE("database.include.list", "a slot sees one database: database.dbname"),
	IGNORE("database.exclude.list", "a slot sees one database: database.dbname"),
	IGNORE("include.schema.changes", "PostgreSQL's stream carries no DDL"),
	IGNORE("include.schema.comments",
		   "Debezium's connector for PostgreSQL reads no comments either"),
	IGNORE("schema.refresh.mode", "the plugin reads the schema of the LSN, for every record"),
	{.key = "message.prefix.include.list",
	 .type = TYPE_LIST,
	 PLUGIN("message.prefix.include.list"),
	 .help = "Logical messages to capture, by prefix: anchored regular expressions."},
	{.key = "message.prefix.exclude.list",
	 .type = TYPE_LIST,
	 PLUGIN("message.prefix.exclude.list"),
	 .help = "Logical messages to leave out, by prefix."},
	IGNORE("guardrail.collections.max", "the number of tables costs next to nothing"),
	IGNORE("guardrail.collections.limit.action", "the number of tables costs next to nothing"),

	HEADING("Values"),
	{.key = "nova.profile",
	 .type = TYPE_ENUM,
	 .values = "nova|debezium",
	 .help = "The forms of all values that no other key decides: what a JSON consumer wants, or "
			 "what Debezium writes. Default: debezium if connector.class is set, else nova."},
	{.key = "time.precision.mode",
	 .type = TYPE_ENUM,
	 .values = "adaptive|adaptive_time_microseconds|connect|isostring|microseconds|nanoseconds|"
			   "structured|nova",
	 PLUGIN("time.precision.mode"),
	 .help = "Dates and times as Debezium writes them; nova: timestamps in epoch milliseconds, the "
			 "rest ISO 8601. By default that of nova.profile."},
	{.key = "decimal.handling.mode",
	 .type = TYPE_ENUM,
	 .values = "precise|double|string|number",
	 PLUGIN("decimal.handling.mode"),
	 .help = "numeric and money as Debezium writes them; number: exact JSON numbers. By default "
			 "that of nova.profile."},
	{.key = "binary.handling.mode",
	 .type = TYPE_ENUM,
	 .values = "bytes|base64|base64-url-safe|hex",
	 PLUGIN("binary.handling.mode"),
	 .help = "bytea; bytes is base64."},
	{.key = "interval.handling.mode",
	 .type = TYPE_ENUM,
	 .values = "numeric|string|text",
	 PLUGIN("interval.handling.mode"),
	 .help = "Microseconds, ISO 8601, or PostgreSQL's text. By default that of nova.profile."},
	{.key = "hstore.handling.mode",
	 .type = TYPE_ENUM,
	 .values = "json|map",
	 PLUGIN("hstore.handling.mode"),
	 .help = "A string that holds JSON, or an object. By default that of nova.profile."},
	{.key = "nova.json.handling.mode",
	 .type = TYPE_ENUM,
	 .values = "nested|text",
	 PLUGIN("json.handling.mode"),
	 .help = "json and jsonb as nested JSON, or as a string that holds it. By default that of "
			 "nova.profile."},
	{.key = "money.fraction.digits",
	 .type = TYPE_INT,
	 .min = 0,
	 .max = 9,
	 PLUGIN("money.fraction.digits"),
	 .help = "Decimals of a money value (the plugin's default is 2)."},
	{.key = "include.unknown.datatypes",
	 .type = TYPE_BOOL,
	 PLUGIN("include.unknown.datatypes"),
	 .help = "Show columns of types that Debezium does not know. By default that of "
			 "nova.profile."},
	{.key = "unavailable.value.placeholder",
	 .deflt = "__debezium_unavailable_value",
	 .flags = OPT_HEX,
	 .check = check_placeholder,
	 PLUGIN("unavailable.value.placeholder"),
	 .help = "Stands for an unchanged TOAST value that is not in the WAL; hex:… gives its bytes."},
	ALIAS("toasted.value.placeholder", "unavailable.value.placeholder"),
	{.key = "nova.unavailable.value.handling",
	 .type = TYPE_ENUM,
	 .deflt = "placeholder",
	 .values = "placeholder|omit",
	 PLUGIN("unavailable.value.handling"),
	 .help = "Write the placeholder for an unchanged TOAST value, or leave the field out."},
	IGNORE("event.converting.failure.handling.mode", NEVER_FAILS),
	IGNORE("event.processing.failure.handling.mode", NEVER_FAILS),
	IGNORE("event.deserialization.failure.handling.mode", NEVER_FAILS),
	{.key = "schema.name.adjustment.mode",
	 .type = TYPE_ENUM,
	 .values = "none|avro|avro_unicode",
	 PLUGIN("schema.name.adjustment.mode"),
	 .refusal = "custom Java classes cannot run here",
	 .help = "What Avro does not allow in the names of schemas becomes _, or _uXXXX."},
	{.key = "field.name.adjustment.mode",
	 .type = TYPE_ENUM,
	 .values = "none|avro|avro_unicode",
	 PLUGIN("field.name.adjustment.mode"),
	 .refusal = "custom Java classes cannot run here",
	 .help = "The same for the names of columns in keys and values."},
	IGNORE("sanitize.field.names",
		   "Debezium reads it no more; field.name.adjustment.mode=avro does what it did"),
	REFUSE("converters", "custom Java converters cannot run here; remove them"),
	REFUSE("post.processors", "Java post processors cannot run here; for unchanged TOAST values "
							  "use REPLICA IDENTITY FULL"),

	HEADING("Topics, heartbeat, transactions"),
	ONLY("topic.naming.strategy",
		 "io.debezium.schema.SchemaTopicNamingStrategy|"
		 "io.debezium.schema.DefaultTopicNamingStrategy",
		 "custom Java classes cannot run here; use a RegexRouter transform",
		 "Topics are <topic.prefix>.<schema>.<table>."),
	ONLY("topic.delimiter", ".", UNSUPPORTED "; use a RegexRouter transform",
		 "The parts of a topic name are joined by a dot."),
	IGNORE("topic.cache.size", "topic names are made once per table"),
	{.key = "heartbeat.interval.ms",
	 .type = TYPE_INT,
	 .deflt = "0",
	 .min = 0,
	 .max = 86400000,
	 FIELD(heartbeat_interval_ms),
	 .help = "Heartbeat record every so often; 0: none. An idle slot does not need one."},
	{.key = "topic.heartbeat.prefix",
	 .deflt = "__debezium-heartbeat",
	 .check = check_topic_prefix,
	 .help = "Heartbeats go to <this>.<topic.prefix>."},
	{.key = "topic.heartbeat.name",
	 .check = check_topic_prefix,
	 FIELD(heartbeat_topic),
	 .help = "Heartbeat topic, in place of prefix and topic.prefix."},
	IGNORE("heartbeat.topics.prefix", "Debezium reads it no more; use topic.heartbeat.prefix"),
	{.key = "heartbeat.action.query",
	 FIELD(heartbeat_action_query),
	 .help = "SQL to run with each heartbeat."},
	{.key = "topic.transaction",
	 .check = check_topic_prefix,
	 PLUGIN("topic.transaction"),
	 .help = "Transaction metadata go to <topic.prefix>.<this>. Default: transaction."},
	{.key = "provide.transaction.metadata",
	 .type = TYPE_BOOL,
	 PLUGIN("provide.transaction.metadata"),
	 .help = "Send BEGIN and END of each transaction, and tell the order of records within it."},
	IGNORE("transaction.metadata.factory", "a Java class"),
	IGNORE("sourceinfo.struct.maker", "a Java class"),
	{.key = "extended.headers.enabled",
	 .type = TYPE_BOOL,
	 PLUGIN("extended.headers.enabled"),
	 .help = "The four __debezium.context headers on every record of a table. Default: false "
			 "(docs/debezium.md)."},

	HEADING("Snapshot, signals, notifications"),
	/* The order of the first five values is that of SnapshotMode. */
	{.key = "snapshot.mode",
	 .type = TYPE_ENUM,
	 .deflt = "initial",
	 .values = "initial|initial_only|always|no_data|when_needed|never=no_data|"
			   "schema_only=no_data|exported=initial",
	 FIELD(snapshot_mode),
	 .refusal = "Java snapshotters and configuration_based are not supported by this version",
	 .help = "When the rows that exist already are read, as records with op r: once (initial, "
			 "initial_only), at every start (always), never (no_data), or once and again when the "
			 "slot is gone or invalidated (when_needed)."},
	IGNORE("snapshot.mode.configuration.based.*", "configuration_based is not supported"),
	ONLY("snapshot.isolation.mode", "repeatable_read|serializable",
		 "a snapshot reads at one point, exported with the slot; use repeatable_read",
		 "A snapshot is one REPEATABLE READ transaction."),
	ONLY("snapshot.locking.mode", "none", "a snapshot needs no table locks; set it to none",
		 "A snapshot takes no table locks."),
	IGNORE("snapshot.lock.timeout.ms", "a snapshot takes no table locks"),
	{.key = "snapshot.include.collection.list",
	 .type = TYPE_LIST,
	 FIELD(snapshot_include),
	 .help = "Of the captured tables, those whose rows a snapshot reads; regular expressions for "
			 "schema.table. Default: all of them."},
	{.key = "snapshot.select.statement.overrides",
	 .type = TYPE_LIST,
	 .help = "Tables (schema.table) of which a snapshot reads what a query of its own returns."},
	{.key = "snapshot.select.statement.overrides.*",
	 .help = "The query for this table; it returns the table's columns."},
	IGNORE("snapshot.fetch.size", "rows come as one stream of the server, in bounded memory"),
	{.key = "snapshot.delay.ms",
	 .type = TYPE_INT,
	 .deflt = "0",
	 .min = 0,
	 .max = INT_MAX,
	 FIELD(snapshot_delay_ms),
	 .help = "Wait so long after the start before a snapshot."},
	{.key = "streaming.delay.ms",
	 .type = TYPE_INT,
	 .deflt = "0",
	 .min = 0,
	 .max = INT_MAX,
	 FIELD(streaming_delay_ms),
	 .help = "Wait so long after a snapshot before streaming."},
	{.key = "snapshot.max.threads",
	 .type = TYPE_INT,
	 .deflt = "1",
	 .min = 1,
	 .max = SNAPSHOT_MAX_THREADS,
	 FIELD(snapshot_threads),
	 .help = "Connections that read a snapshot at the same time. With several, large tables are "
			 "read in pieces."},
	IGNORE("snapshot.max.threads.multiplier", "large tables are cut by their size"),
	IGNORE("legacy.snapshot.max.threads", "large tables are always shared by all connections"),
	IGNORE("snapshot.tables.order.by.row.count",
		   "one connection reads tables in the order of their names, several the largest first"),
	ONLY("snapshot.query.mode", "select_all", "custom Java classes cannot run here",
		 "Whole rows are read."),
	REFUSE("snapshot.query.mode.custom.name", "custom Java classes cannot run here; remove it"),
	REFUSE("snapshot.mode.custom.name", "custom Java classes cannot run here; remove it"),
	REFUSE("snapshot.locking.mode.custom.name", "custom Java classes cannot run here; remove it"),
	{.key = "incremental.snapshot.chunk.size",
	 .type = TYPE_INT,
	 .deflt = "1024",
	 .min = 1,
	 .max = 1000000,
	 FIELD(chunk_rows),
	 .help = "Rows of a chunk of an incremental snapshot, which is held in memory."},
	IGNORE("incremental.snapshot.watermarking.strategy",
		   "marks are logical messages, and no table is written to"),
	IGNORE("incremental.snapshot.allow.schema.changes", "schema changes are always allowed"),
	IGNORE("signal.*", NO_SIGNALS),
	{.key = "notification.enabled.channels",
	 .type = TYPE_ENUM,
	 .values = "log|jmx",
	 .note = "this version sends no notifications; the log has the same events",
	 .refusal = "this version writes no notification records; remove it",
	 .help = "No notifications are sent."},
	IGNORE("notification.sink.topic.name", "this version writes no notification records"),
	IGNORE("notification.http.*", "this version sends no notifications"),

	HEADING("Batching and the rest"),
	{.key = "nova.batch.bytes",
	 .type = TYPE_INT,
	 .min = 1024,
	 .max = 1048576,
	 PLUGIN("batch.bytes"),
	 .help = "Bytes the plugin puts into one write (the plugin's default "
			 "is 32768)."},
	{.key = "nova.state.topic",
	 .check = check_topic_prefix,
	 FIELD(state_topic),
	 .help = "Compacted topic that remembers whether a slot's snapshot was finished. Default: "
			 "__nova-state.<topic.prefix>."},
	{.key = "nova.shutdown.timeout.ms",
	 .type = TYPE_INT,
	 .deflt = "30000",
	 .min = 0,
	 .max = 3600000,
	 FIELD(shutdown_timeout_ms),
	 .help = "How long a stop waits for Kafka's acks."},
	IGNORE("max.batch.size", NO_QUEUE),
	IGNORE("max.queue.size", NO_QUEUE),
	IGNORE("max.queue.size.in.bytes", NO_QUEUE),
	IGNORE("poll.interval.ms", "the relay wakes up on data and never polls"),
	IGNORE("poll.dispatch.interval.ms", "the relay wakes up on data and never polls"),
	IGNORE("queue.provider.type", NO_QUEUE),
	IGNORE("query.fetch.size", "the relay runs no large queries"),
	IGNORE("rows.fetch.size", "the relay runs no large queries"),
	IGNORE("executor.shutdown.timeout.ms", "see nova.shutdown.timeout.ms"),
	IGNORE("custom.metric.tags", "this version has no JMX"),
	IGNORE("custom.sanitize.pattern", "secrets are always masked, by name"),
	IGNORE("statistics.metrics.enabled", "this version has no JMX"),
	IGNORE("openlineage.integration.*", "nova speaks no OpenLineage"),
	IGNORE("memory.management.*", "a Java class"),
	IGNORE("schema.storage.class", "a Java class"),
	IGNORE("table.storage.class", "a Java class"),
	IGNORE("schema.history.internal.*", "PostgreSQL connectors have no schema history"),
	IGNORE("internal.*", "an internal option of Debezium"),

	HEADING("Transforms"),
	{.key = "transforms", .type = TYPE_LIST, .help = "Names of the transforms, in order."},
	{.key = "transforms.*.type",
	 .type = TYPE_ENUM,
	 .values = CLASS_UNWRAP "|" CLASS_ROUTER "|" CLASS_KEY "|" CLASS_LOGICAL "|" CLASS_TO_LOGICAL
							"|" CLASS_OUTBOX,
	 .refusal = "nova has no such transform; remove it and do its work in the consumer",
	 .help = "ExtractNewRecordState, RegexRouter, ExtractField$Key, ByLogicalTableRouter, "
			 "ToLogicalTopicRouter or EventRouter, built in."},
	{.key = "transforms.*.predicate",
	 .help = "Name of the predicate that says for which topics the transform is."},
	{.key = "transforms.*.negate",
	 .type = TYPE_BOOL,
	 .help = "For those for which the predicate does not hold."},
	{.key = "predicates", .type = TYPE_LIST, .help = "Names of the predicates."},
	{.key = "predicates.*.type",
	 .type = TYPE_ENUM,
	 .values = CLASS_TOPIC "|" CLASS_TOMBSTONE,
	 .refusal = "nova decides for a topic whether a transform is for it, and has no other "
				"predicate; use TopicNameMatches",
	 .help = "TopicNameMatches; RecordIsTombstone only with negate=true on "
			 "ExtractNewRecordState, where it keeps tombstones."},
	{.key = "predicates.*.pattern",
	 .help = "Of TopicNameMatches: matched against the whole of the topic as it is there."},
	{.key = "transforms.*.regex",
	 .scope = CLASS_ROUTER,
	 PLUGIN("topic.regex"),
	 .help = "Matched against the whole of <topic.prefix>.<schema>.<table>."},
	{.key = "transforms.*.replacement",
	 .scope = CLASS_ROUTER,
	 PLUGIN("topic.replacement"),
	 .help = "The topic; $1 is the regex's first group."},
	{.key = "transforms.*.add.fields",
	 .scope = CLASS_UNWRAP,
	 .flags = OPT_EMPTY_OK,
	 .check = check_added_fields,
	 PLUGIN("add.fields"),
	 .help = "Fields to add, such as op,source.ts_ms; \"field:NAME\" renames. Default: none, in "
			 "profile nova op,source.ts_ms."},
	{.key = "transforms.*.add.fields.prefix",
	 .scope = CLASS_UNWRAP,
	 .deflt = "__",
	 .flags = OPT_EMPTY_OK,
	 PLUGIN("add.fields.prefix"),
	 .help = "Prefix of the added fields."},
	/* Of deletes: finish_deletes() makes one answer of these three. */
	{.key = "transforms.*.delete.tombstone.handling.mode",
	 .type = TYPE_ENUM,
	 .scope = CLASS_UNWRAP,
	 .values = "drop|tombstone|rewrite|rewrite-with-tombstone|delete-to-tombstone",
	 .help = "What a delete becomes. Default: tombstone, in profile nova the known old columns and "
			 "then the tombstone."},
	{.key = "transforms.*.delete.handling.mode",
	 .type = TYPE_ENUM,
	 .scope = CLASS_UNWRAP,
	 .values = "drop|rewrite|none",
	 .help = "Old option, with drop.tombstones: what a delete becomes (docs/debezium.md)."},
	{.key = "transforms.*.drop.tombstones",
	 .type = TYPE_BOOL,
	 .scope = CLASS_UNWRAP,
	 .help = "Old option, with delete.handling.mode: no tombstones (docs/debezium.md)."},
	{.key = "transforms.*.replace.null.with.default",
	 .type = TYPE_BOOL,
	 .scope = CLASS_UNWRAP,
	 .help = "As in Debezium it only counts where deletes are rewritten: there null stays null if "
			 "it and value.converter.replace.null.with.default are both false."},
	{.key = "transforms.*.add.headers",
	 .scope = CLASS_UNWRAP,
	 .flags = OPT_EMPTY_OK,
	 .check = check_added_fields,
	 PLUGIN("add.headers"),
	 .help = "Fields to add as record headers, as in add.fields."},
	{.key = "transforms.*.add.headers.prefix",
	 .scope = CLASS_UNWRAP,
	 .flags = OPT_EMPTY_OK,
	 PLUGIN("add.headers.prefix"),
	 .help = "Prefix of the added headers. Default: __."},
	{.key = "transforms.*.operation.header",
	 .type = TYPE_BOOL,
	 .scope = CLASS_UNWRAP,
	 .help = "Old option: op among add.headers."},
	{.key = "transforms.*.add.source.fields",
	 .scope = CLASS_UNWRAP,
	 .flags = OPT_EMPTY_OK,
	 .check = check_added_fields,
	 .help = "Old option: fields of source among add.fields, without source in their names."},
	{.key = "transforms.*.route.by.field",
	 .flags = OPT_EMPTY_OK,
	 .scope = CLASS_UNWRAP "|" CLASS_OUTBOX,
	 .help = "Column whose value names the topic; of EventRouter the regex sees it (default "
			 "aggregatetype)."},
	{.key = "transforms.*.drop.fields.header.name",
	 .fate = FATE_REFUSED,
	 .flags = OPT_EMPTY_OK,
	 .scope = CLASS_UNWRAP,
	 .refusal = UNSUPPORTED},
	{.key = "transforms.*.drop.fields.from.key",
	 .fate = FATE_IGNORED,
	 .flags = OPT_EMPTY_OK,
	 .scope = CLASS_UNWRAP,
	 .note = "it only works with drop.fields.header.name"},
	{.key = "transforms.*.drop.fields.keep.schema.compatible",
	 .fate = FATE_IGNORED,
	 .flags = OPT_EMPTY_OK,
	 .scope = CLASS_UNWRAP,
	 .note = "it only works with drop.fields.header.name"},
	{.key = "transforms.*.field",
	 .scope = CLASS_KEY,
	 .help = "The field of the key that alone becomes the key. A key without it stays whole."},
	{.key = "transforms.*.field.syntax.version",
	 .type = TYPE_ENUM,
	 .scope = CLASS_KEY,
	 .values = "V1",
	 .refusal = "a key has no nested fields; set it to V1",
	 .help = "Names of fields, not paths."},
	{.key = "transforms.*.topic.regex",
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "Topics to bring together: matched against the whole topic."},
	{.key = "transforms.*.topic.replacement",
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "The topic that they become; $1 is the regex's first group."},
	{.key = "transforms.*.key.enforce.uniqueness",
	 .type = TYPE_BOOL,
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "Add to keys where a record came from (default true)."},
	{.key = "transforms.*.key.field.name",
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "Name of that field. Default: __dbz__physicalTableIdentifier, of "
			 "ToLogicalTopicRouter __dbz__sourceIdentifier."},
	{.key = "transforms.*.key.field.regex",
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "What of the former topic to put there; default: all of it."},
	{.key = "transforms.*.key.field.replacement",
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .help = "The field's value, with groups of that regex."},
	{.key = "transforms.*.logical.table.cache.size",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_LOGICAL,
	 .note = "names are made once per table"},
	{.key = "transforms.*.logical.destination.cache.size",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_TO_LOGICAL,
	 .note = "names are made once per table"},
	{.key = "transforms.*.schema.name.adjustment.mode",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_LOGICAL "|" CLASS_TO_LOGICAL,
	 .note = "the connector's schema.name.adjustment.mode holds for all schemas"},
	{.key = "transforms.*.table.field.event.id",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.event.id"),
	 .help = "Column that becomes the header id (default id)."},
	{.key = "transforms.*.table.field.event.key",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.event.key"),
	 .help = "Column that becomes the key (default aggregateid)."},
	{.key = "transforms.*.table.field.event.payload",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.event.payload"),
	 .help = "Column that becomes the value (default payload)."},
	{.key = "transforms.*.table.field.event.timestamp",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.event.timestamp"),
	 .help = "Column of type timestamp that becomes the record's timestamp."},
	{.key = "transforms.*.table.field.event.type",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_OUTBOX,
	 .note = "Debezium does not read it either; use table.fields.additional.placement"},
	{.key = "transforms.*.table.field.event.schema.version",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_OUTBOX,
	 .note = "the schema of an event has no version of its own"},
	{.key = "transforms.*.table.fields.additional.placement",
	 .type = TYPE_LIST,
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.additional.placement"),
	 .help = "Other columns: column:header, column:envelope or column:partition, with another "
			 "name as column:header:name."},
	{.key = "transforms.*.table.field.additional.missing",
	 .type = TYPE_ENUM,
	 .values = "error|ignore",
	 .scope = CLASS_OUTBOX,
	 .help = "Accepted; a column that the table does not have is left out."},
	{.key = "transforms.*.table.fields.additional.error.on.missing",
	 .fate = FATE_IGNORED,
	 .scope = CLASS_OUTBOX,
	 .note = "a column that the table does not have is left out"},
	{.key = "transforms.*.table.expand.json.payload",
	 .type = TYPE_BOOL,
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.expand.json.payload"),
	 .help = "A payload that is the text of a JSON object becomes that object (default false)."},
	{.key = "transforms.*.table.json.payload.null.behavior",
	 .type = TYPE_ENUM,
	 .values = "ignore|optional_bytes",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.json.null.behavior"),
	 .help = "Leave out its fields that are null, or keep them."},
	{.key = "transforms.*.table.json.payload.empty.array.behavior",
	 .type = TYPE_ENUM,
	 .values = "ignore|optional_string",
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.json.empty.array.behavior"),
	 .help = "Leave out its arrays without elements, or keep them."},
	{.key = "transforms.*.table.op.invalid.behavior",
	 .type = TYPE_ENUM,
	 .values = "warn|error",
	 .scope = CLASS_OUTBOX,
	 .refusal = "the stream does not stop for an updated row of an outbox, which is counted and "
				"logged; use warn",
	 .help = "An update of the outbox makes no record and is logged."},
	{.key = "transforms.*.route.topic.regex",
	 .scope = CLASS_OUTBOX,
	 .help = "Matched against the whole of route.by.field's value (default "
			 "(?<routedByValue>.*))."},
	{.key = "transforms.*.route.topic.replacement",
	 .scope = CLASS_OUTBOX,
	 .help = "The event's topic (default outbox.event.${routedByValue})."},
	{.key = "transforms.*.route.tombstone.on.empty.payload",
	 .type = TYPE_BOOL,
	 .scope = CLASS_OUTBOX,
	 PLUGIN("outbox.tombstone.on.empty.payload"),
	 .help = "A payload that is null or blank becomes a tombstone (default false)."},
	{.key = "transforms.*.tracing.*",
	 .fate = FATE_IGNORED,
	 .flags = OPT_EMPTY_OK,
	 .scope = CLASS_OUTBOX,
	 .note = "nova takes no part in tracing"},

	HEADING("Converters and Kafka Connect's worker"),
	ONLY("key.converter", CLASS_JSON,
		 "nova writes JSON, with or without schemas (no Avro, no Protobuf, no registry); "
		 "use " CLASS_JSON,
		 "Keys are JSON."),
	ONLY("value.converter", CLASS_JSON,
		 "nova writes JSON, with or without schemas (no Avro, no Protobuf, no registry); "
		 "use " CLASS_JSON,
		 "Values are JSON."),
	{.key = "key.converter.schemas.enable",
	 .type = TYPE_BOOL,
	 .help = "Keys as {\"schema\":…,\"payload\":…}. Default: true if key.converter is set, as in "
			 "Kafka Connect, else false."},
	{.key = "value.converter.schemas.enable",
	 .type = TYPE_BOOL,
	 .help = "Values as {\"schema\":…,\"payload\":…}. Default: true if value.converter is set, as "
			 "in Kafka Connect, else false."},
	{.key = "value.converter.decimal.format",
	 .type = TYPE_ENUM,
	 .values = "base64|numeric",
	 PLUGIN("decimal.format"),
	 .help = "Of decimal.handling.mode precise: base64 of the bytes, or a JSON number."},
	{.key = "key.converter.decimal.format",
	 .type = TYPE_ENUM,
	 .values = "base64|numeric",
	 .help = "The same of keys. Default: base64, as in Kafka Connect; with nova.profile=nova that "
			 "of values."},
	{.key = "value.converter.replace.null.with.default",
	 .type = TYPE_BOOL,
	 PLUGIN("replace.null.with.default"),
	 .help = "Show a null in a column that has a default as that default. By default that of "
			 "nova.profile: debezium does, nova does not."},
	{.key = "key.converter.replace.null.with.default",
	 .type = TYPE_BOOL,
	 .help = "The same of keys. Default: true, as in Kafka Connect; with nova.profile=nova that of "
			 "values."},
	IGNORE("key.converter.plugin.version", "the converters are built in"),
	IGNORE("value.converter.plugin.version", "the converters are built in"),
	IGNORE("header.converter.plugin.version", "the converters are built in"),
	REFUSE("key.converter.schema.content", "nova makes the schemas from the tables; remove it"),
	REFUSE("value.converter.schema.content", "nova makes the schemas from the tables; remove it"),
	IGNORE("key.converter.schemas.cache.size", NO_CACHE),
	IGNORE("value.converter.schemas.cache.size", NO_CACHE),
	REFUSE("key.converter.schema.registry.*", "nova uses no schema registry; remove it"),
	REFUSE("value.converter.schema.registry.*", "nova uses no schema registry; remove it"),
	IGNORE("header.converter", "headers are text, as Kafka Connect's default writes them"),
	IGNORE("errors.tolerance", "nova skips no record, whatever this says"),
	IGNORE("errors.log.enable", "errors are always logged"),
	IGNORE("errors.log.include.messages", "the log never holds a row's content"),
	IGNORE("errors.retry.timeout", "nova retries for ever what can heal"),
	IGNORE("errors.retry.delay.max.ms", "see retriable.restart.connector.wait.ms"),
	ONLY("exactly.once.support", "requested",
		 "nova delivers at least once; remove it, or set it to requested",
		 "Delivery is at least once, with an idempotent producer."),
	IGNORE("exactly.once.source.support", "this version delivers at least once"),
	IGNORE("transaction.boundary", "this version delivers at least once"),
	IGNORE("transaction.boundary.interval.ms", "this version delivers at least once"),
	IGNORE("offsets.storage.topic", "the slot is the only position"),
	IGNORE("offset.flush.interval.ms", "the slot is confirmed as soon as Kafka has acknowledged"),
	IGNORE("offset.flush.timeout.ms", "the slot is confirmed as soon as Kafka has acknowledged"),
	IGNORE("offset.storage.*", "the slot is the only position"),
	IGNORE("config.storage.*", NO_WORKER),
	IGNORE("status.storage.*", NO_WORKER),
	IGNORE("config.action.reload", NO_WORKER),
	IGNORE("config.providers", "${env:…} and ${file:…} are built in"),
	IGNORE("config.providers.*", "${env:…} and ${file:…} are built in"),
	IGNORE("group.id", NO_WORKER),
	IGNORE("plugin.path", NO_WORKER),
	IGNORE("listeners", "this version serves no HTTP"),
	IGNORE("rest.*", "this version serves no HTTP"),

	HEADING("How topics should look"),
	IGNORE("topic.creation.enable", "topic.creation.* says how topics should look, always"),
	{.key = "topic.creation.groups",
	 .type = TYPE_LIST,
	 .help = "Groups in order of precedence; the group default is always last."},
	{.key = "topic.creation.*.include",
	 .type = TYPE_LIST,
	 .help = "Topics of the group: anchored regular expressions."},
	{.key = "topic.creation.*.exclude",
	 .type = TYPE_LIST,
	 .help = "Topics the group does not take."},
	{.key = "topic.creation.*.partitions",
	 .type = TYPE_INT,
	 .min = -1,
	 .max = 100000,
	 .help = "Partitions; -1: the broker's default."},
	{.key = "topic.creation.*.replication.factor",
	 .type = TYPE_INT,
	 .min = -1,
	 .max = 32767,
	 .help = "Replicas; -1: the broker's default."},
	{.key = "topic.creation.*.*", .help = "Any topic config, such as cleanup.policy."},

	HEADING("Kafka producer (also as producer.*; security.*, sasl.* and ssl.* without prefix)"),
	{.key = "producer.override.acks",
	 .type = TYPE_ENUM,
	 .values = "all|-1=all",
	 KAFKA("acks"),
	 .refusal = "less than all loses what was committed; set it to all",
	 .help = "Always all."},
	{.key = "producer.override.enable.idempotence",
	 .type = TYPE_ENUM,
	 .values = "true",
	 KAFKA("enable.idempotence"),
	 .refusal = "retries would reorder and repeat; set it to true",
	 .help = "Always true."},
	{.key = "producer.override.max.in.flight.requests.per.connection",
	 .type = TYPE_INT,
	 .min = 1,
	 .max = 5,
	 KAFKA("max.in.flight.requests.per.connection"),
	 .help = "At most 5, or order is lost."},
	REFUSE("producer.override.delivery.timeout.ms",
		   "a record that times out is lost; nova waits for ever, remove it"),
	IGNORE("producer.override.retries", "nova retries for ever"),
	IGNORE("producer.override.max.block.ms", "nova stops reading and waits for ever"),
	PRODUCER_INT("linger.ms", "linger.ms", 0, 900000, "Wait for a fuller batch."),
	PRODUCER_INT("batch.size", "batch.size", 1, INT_MAX, "Bytes in a batch."),
	{.key = "producer.override.compression.type",
	 .type = TYPE_ENUM,
	 .values = "none|gzip|snappy|lz4|zstd",
	 KAFKA("compression.codec"),
	 .help = "Compression."},
	PRODUCER_INT("compression.gzip.level", "compression.level", -1, 9, "gzip level."),
	PRODUCER_INT("compression.lz4.level", "compression.level", -1, 12, "lz4 level."),
	PRODUCER_INT("compression.zstd.level", "compression.level", -1, 12, "zstd level."),
	PRODUCER_INT("max.request.size", "message.max.bytes", 1000, 1000000000,
				 "Largest request; the topic's max.message.bytes must agree."),
	{.key = "producer.override.buffer.memory",
	 .type = TYPE_INT,
	 .min = 1024,
	 .max = INT_MAX,
	 .flags = OPT_KBYTES,
	 KAFKA("queue.buffering.max.kbytes"),
	 .help = "Bytes waiting for Kafka before reading stops."},
	PRODUCER_INT("request.timeout.ms", "request.timeout.ms", 1, 900000, "Request timeout."),
	PRODUCER_INT("retry.backoff.ms", "retry.backoff.ms", 1, 300000, "Wait between retries."),
	PRODUCER_INT("reconnect.backoff.ms", "reconnect.backoff.ms", 0, 3600000, "First reconnect."),
	PRODUCER_INT("reconnect.backoff.max.ms", "reconnect.backoff.max.ms", 0, 3600000,
				 "Longest wait between reconnects."),
	PRODUCER_INT("metadata.max.age.ms", "metadata.max.age.ms", 1, 86400000, "Metadata refresh."),
	PRODUCER_INT("connections.max.idle.ms", "connections.max.idle.ms", 0, INT_MAX,
				 "Close idle connections."),
	PRODUCER_INT("send.buffer.bytes", "socket.send.buffer.bytes", 0, 100000000, "Socket buffer."),
	PRODUCER_INT("receive.buffer.bytes", "socket.receive.buffer.bytes", 0, 100000000,
				 "Socket buffer."),
	PRODUCER("client.id", "client.id", "Client id in the brokers' logs."),
	PRODUCER("bootstrap.servers", "bootstrap.servers", "Kafka brokers, for this producer only."),
	ONLY("producer.override.partitioner.class",
		 "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
		 "nova partitions by murmur2 of the key, as Kafka's default does; remove it",
		 "murmur2 of the key, as Kafka's default."),
	REFUSE("producer.override.transactional.id", "nova uses no Kafka transactions; remove it"),
	REFUSE("producer.override.interceptor.classes", "Java classes cannot run here; remove it"),
	IGNORE("producer.override.transaction.timeout.ms", "this version uses no transactions"),
	IGNORE("producer.override.key.serializer", "the plugin makes the bytes"),
	IGNORE("producer.override.value.serializer", "the plugin makes the bytes"),
	IGNORE("producer.override.metric.reporters", "a Java class"),
	{.key = "producer.override.security.protocol",
	 .type = TYPE_ENUM,
	 .values = "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL",
	 KAFKA("security.protocol"),
	 .help = "TLS and SASL."},
	PRODUCER("sasl.mechanism", "sasl.mechanisms", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI."),
	{.key = "producer.override.sasl.jaas.config",
	 .flags = OPT_SECRET,
	 .help = "PlainLoginModule or ScramLoginModule with username and password."},
	PRODUCER("sasl.kerberos.service.name", "sasl.kerberos.service.name", "Kerberos service."),
	REFUSE("producer.override.sasl.login.callback.handler.class",
		   "Java classes cannot run here; use kafka.sasl.* for librdkafka's own settings"),
	REFUSE("producer.override.sasl.client.callback.handler.class",
		   "Java classes cannot run here; use kafka.sasl.* for librdkafka's own settings"),
	{.key = "producer.override.ssl.truststore.type",
	 .type = TYPE_ENUM,
	 .values = "PEM",
	 .refusal = "librdkafka reads PEM: convert the truststore and set the type to PEM",
	 .help = "Always PEM; must be set when ssl.truststore.location is."},
	PRODUCER("ssl.truststore.location", "ssl.ca.location", "Certificate authorities, PEM."),
	PRODUCER("ssl.truststore.certificates", "ssl.ca.pem", "Certificate authorities, inline PEM."),
	IGNORE("producer.override.ssl.truststore.password", "a PEM file of authorities has none"),
	{.key = "producer.override.ssl.keystore.type",
	 .type = TYPE_ENUM,
	 .values = "PEM|PKCS12",
	 .refusal = "librdkafka reads PEM and PKCS12: convert the keystore",
	 .help = "Must be set when ssl.keystore.location is."},
	{.key = "producer.override.ssl.keystore.location",
	 .help = "Client key and certificates, PEM or PKCS12."},
	PRODUCER_SECRET("ssl.keystore.password", "ssl.keystore.password", "Password of a PKCS12 file."),
	PRODUCER_SECRET("ssl.key.password", "ssl.key.password", "Passphrase of the client key."),
	PRODUCER_SECRET("ssl.keystore.key", "ssl.key.pem", "Client key, inline PEM."),
	PRODUCER("ssl.keystore.certificate.chain", "ssl.certificate.pem", "Client certificate, PEM."),
	{.key = "producer.override.ssl.endpoint.identification.algorithm",
	 .type = TYPE_ENUM,
	 .values = "https|none|=none",
	 .flags = OPT_EMPTY_OK,
	 KAFKA("ssl.endpoint.identification.algorithm"),
	 .help = "Check of the broker's name."},
	PRODUCER("ssl.cipher.suites", "ssl.cipher.suites", "OpenSSL's names."),
	IGNORE("producer.override.ssl.protocol", ONE_TLS),
	IGNORE("producer.override.ssl.enabled.protocols", ONE_TLS),
	IGNORE("producer.override.ssl.provider", ONE_TLS),

	HEADING("librdkafka"),
	{.key = "kafka.acks",
	 .type = TYPE_ENUM,
	 .values = "all|-1=all",
	 KAFKA("acks"),
	 .refusal = "less than all loses what was committed; set it to all",
	 .help = "Always all."},
	{.key = "kafka.request.required.acks",
	 .type = TYPE_ENUM,
	 .values = "all|-1=all",
	 KAFKA("acks"),
	 .refusal = "less than all loses what was committed; set it to all",
	 .help = "Always all."},
	{.key = "kafka.enable.idempotence",
	 .type = TYPE_ENUM,
	 .values = "true",
	 KAFKA("enable.idempotence"),
	 .refusal = "retries would reorder and repeat; set it to true",
	 .help = "Always true."},
	ONLY("kafka.message.timeout.ms", "0", "a record that times out is lost; remove it",
		 "nova waits for ever."),
	ONLY("kafka.delivery.timeout.ms", "0", "a record that times out is lost; remove it",
		 "nova waits for ever."),
	ONLY("kafka.delivery.report.only.error", "false", "nova needs every ack; remove it",
		 "nova needs every ack."),
	REFUSE("kafka.partitioner", "nova partitions by murmur2 of the key; remove it"),
	REFUSE("kafka.transactional.id", "nova uses no Kafka transactions; remove it"),
	{.key = "kafka.max.in.flight",
	 .type = TYPE_INT,
	 .min = 1,
	 .max = 5,
	 KAFKA("max.in.flight"),
	 .help = "At most 5, or order is lost."},
	{.key = "kafka.max.in.flight.requests.per.connection",
	 .type = TYPE_INT,
	 .min = 1,
	 .max = 5,
	 KAFKA("max.in.flight.requests.per.connection"),
	 .help = "At most 5, or order is lost."},
	{.key = "kafka.*",
	 .flags = OPT_EMPTY_OK,
	 KAFKA(NULL),
	 .help = "Any other librdkafka property, untouched."},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* ------------------------------------------------------------------------
 * Memory and messages
 * ------------------------------------------------------------------------ */

static void *
arena_alloc(Ctx *ctx, size_t size)
{
	ArenaBlock *block = calloc(1, sizeof(ArenaBlock) + size);

	/* At start there is nothing to save: no connection, no record. */
	if (block == NULL)
	{
		log_error("out of memory while reading the configuration; stopping");
		exit(EXIT_FAILED);
	}
	block->next = ctx->owned->arena;
	ctx->owned->arena = block;
	return block->data;
}

static char *
arena_strndup(Ctx *ctx, const char *s, size_t len)
{
	char *copy = arena_alloc(ctx, len + 1);

	memcpy(copy, s, len);
	return copy;
}

static char *
arena_strdup(Ctx *ctx, const char *s)
{
	return arena_strndup(ctx, s, strlen(s));
}

static char *arena_printf(Ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static char *
arena_printf(Ctx *ctx, const char *fmt, ...)
{
	va_list args;
	int len;
	char *text;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = arena_alloc(ctx, (size_t) len + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t) len + 1, fmt, args);
	va_end(args);
	return text;
}

static bool fail(Ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write the error line.  Returns false, so that callers can return it. */
static bool
fail(Ctx *ctx, const char *fmt, ...)
{
	va_list args;
	int used;

	if (ctx->errsize == 0)
		return false;
	used = snprintf(ctx->err, ctx->errsize, "%s: ", ctx->label);
	if (used >= 0 && (size_t) used < ctx->errsize)
	{
		va_start(args, fmt);
		vsnprintf(ctx->err + used, ctx->errsize - (size_t) used, fmt, args);
		va_end(args);
	}
	/* Keys and values come from outside; the message stays one line. */
	for (char *p = ctx->err; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7F)
			*p = '?';
	return false;
}

static void
pairs_add(Ctx *ctx, ConfigPairs *pairs, const char *name, const char *value, const char *origin)
{
	ConfigPair *items = pairs->items;
	size_t n = pairs->count;

	/* The arena cannot grow a block: take a new one at every power of two. */
	if ((n & (n - 1)) == 0)
	{
		items = arena_alloc(ctx, (n == 0 ? 1 : 2 * n) * sizeof(ConfigPair));
		if (n > 0)
			memcpy(items, pairs->items, n * sizeof(ConfigPair));
	}
	items[n].name = arena_strdup(ctx, name);
	items[n].value = arena_strdup(ctx, value);
	items[n].origin = arena_strdup(ctx, origin);
	pairs->items = items;
	pairs->count++;
}

/* ------------------------------------------------------------------------
 * Looking keys up
 * ------------------------------------------------------------------------ */

/* Does key fit the pattern?  What the '*' stood for goes to star[]. */
static bool
pattern_matches(Ctx *ctx, const char *pattern, const char *key, const char *star[2])
{
	int n = 0;

	star[0] = star[1] = NULL;
	while (*pattern != '\0')
	{
		size_t len;

		if (*pattern != '*')
		{
			if (*pattern++ != *key++)
				return false;
			continue;
		}
		len = pattern[1] == '\0' ? strlen(key) : strcspn(key, ".");
		if (len == 0)
			return false;
		if (n < 2)
			star[n++] = arena_strndup(ctx, key, len);
		pattern++;
		key += len;
	}
	return *key == '\0';
}

static const Option *
find_exact(const char *key)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].key != NULL && strcmp(options[i].key, key) == 0)
			return &options[i];
	return NULL;
}

static const Option *
find_option(Ctx *ctx, const char *key, const char *star[2])
{
	const Option *opt = strchr(key, '*') == NULL ? find_exact(key) : NULL;

	star[0] = star[1] = NULL;
	if (opt != NULL)
		return opt;
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].key != NULL && strchr(options[i].key, '*') != NULL &&
			pattern_matches(ctx, options[i].key, key, star))
			return &options[i];
	return NULL;
}

static bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * A worker's file has its producer's settings as producer.<x>, and its
 * security settings bare as well; both mean producer.override.<x> here.
 */
static const char *
producer_spelling(Ctx *ctx, const char *key)
{
	if (starts_with(key, "producer.") && !starts_with(key, "producer.override."))
		return arena_printf(ctx, "producer.override.%s", key + strlen("producer."));
	if (starts_with(key, "security.") || starts_with(key, "sasl.") || starts_with(key, "ssl."))
		return arena_printf(ctx, "producer.override.%s", key);
	return key;
}

/* Levenshtein's distance; both strings are at most KEY_BYTES_MAX long. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[KEY_BYTES_MAX + 1];
	size_t blen = strlen(b);

	for (size_t j = 0; j <= blen; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++)
	{
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= blen; j++)
		{
			size_t above = row[j];
			size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[blen];
}

/* A pattern with the name that key has where the first '*' is. */
static const char *
pattern_as_key(Ctx *ctx, const char *pattern, const char *key)
{
	const char *at = strchr(pattern, '*');
	size_t before = (size_t) (at - pattern);
	size_t len;

	if (at[1] == '\0' || strncmp(pattern, key, before) != 0)
		return pattern;
	len = strcspn(key + before, ".");
	return arena_printf(ctx, "%.*s%.*s%s", (int) before, pattern, (int) len, key + before, at + 1);
}

/* Is key the end of candidate, as linger.ms is of producer.override.linger.ms? */
static bool
lacks_prefix(const char *key, const char *candidate)
{
	size_t len = strlen(key);
	size_t candidate_len = strlen(candidate);

	return candidate_len > len && candidate[candidate_len - len - 1] == '.' &&
		   strcmp(candidate + candidate_len - len, key) == 0;
}

/* The known key nearest to one that is not known. */
static const char *
nearest_key(Ctx *ctx, const char *key)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		const char *candidate = options[i].key;
		size_t distance;

		if (candidate == NULL)
			continue;
		if (strchr(candidate, '*') != NULL)
			candidate = pattern_as_key(ctx, candidate, key);
		if (strlen(candidate) > KEY_BYTES_MAX)
			continue;
		distance = lacks_prefix(key, candidate) ? 1 : edit_distance(key, candidate);
		if (distance < best_distance)
		{
			best_distance = distance;
			best = candidate;
		}
	}
	return best;
}

static const Setting *
find_setting(const Ctx *ctx, const char *key)
{
	for (size_t i = 0; i < ctx->nsettings; i++)
		if (strcmp(ctx->settings[i].key, key) == 0)
			return &ctx->settings[i];
	return NULL;
}

/* The value of a key after lookup, or NULL when the file does not set it. */
static const char *
setting_value(const Ctx *ctx, const char *key)
{
	const Setting *setting = find_setting(ctx, key);

	return setting == NULL ? NULL : setting->value;
}

/* ------------------------------------------------------------------------
 * Placeholders: ${env:NAME}, ${env:NAME:-default}, ${file:/path}, ${file:/path:key}
 * ------------------------------------------------------------------------ */

/* A growing text, bounded by CONFIG_BYTES_MAX; lives in the arena. */
typedef struct Text
{
	char *data;
	size_t len;
	size_t size;
} Text;

static bool
text_add(Ctx *ctx, Text *text, const char *bytes, size_t len)
{
	if (len > CONFIG_BYTES_MAX - text->len)
		return false;
	if (text->len + len + 1 > text->size)
	{
		size_t size = (text->len + len + 1) * 2;
		char *data = arena_alloc(ctx, size);

		if (text->len > 0)
			memcpy(data, text->data, text->len);
		text->data = data;
		text->size = size;
	}
	if (len > 0)
		memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
	return true;
}

/*
 * All bytes of fd.  Returns NULL with errno set; EFBIG when there are more
 * than CONFIG_BYTES_MAX.
 */
static char *
read_all(Ctx *ctx, int fd, size_t *len)
{
	Text text = {0};
	char chunk[16384];

	for (;;)
	{
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if (!text_add(ctx, &text, chunk, (size_t) n))
		{
			errno = EFBIG;
			return NULL;
		}
		if (n == 0)
			break;
	}
	*len = text.len;
	return text.data;
}

/* A file named by a placeholder: only regular ones, a pipe could block. */
static char *
read_regular_file(Ctx *ctx, const char *path, size_t *len)
{
	struct stat st;
	char *data = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int save_errno;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0)
		data = NULL;
	else if (!S_ISREG(st.st_mode))
		errno = EINVAL;
	else
		data = read_all(ctx, fd, len);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return data;
}

static char *
trimmed(Ctx *ctx, const char *s, size_t len)
{
	while (len > 0 && isspace((unsigned char) s[len - 1]))
		len--;
	while (len > 0 && isspace((unsigned char) *s))
	{
		s++;
		len--;
	}
	return arena_strndup(ctx, s, len);
}

/* Java properties escape with a backslash: \t, \n, \r, else the byte itself. */
static char *
property_unescape(char *value)
{
	char *to = value;

	for (const char *from = value; *from != '\0'; from++)
	{
		if (*from != '\\' || from[1] == '\0')
		{
			*to++ = *from;
			continue;
		}
		from++;
		*to++ = *from == 'n' ? '\n' : (*from == 't' ? '\t' : (*from == 'r' ? '\r' : *from));
	}
	*to = '\0';
	return value;
}

/* The value of name in the text of a properties file, or NULL. */
static char *
property_find(Ctx *ctx, const char *text, const char *name)
{
	size_t namelen = strlen(name);

	while (*text != '\0')
	{
		size_t linelen = strcspn(text, "\r\n");
		const char *line = text + strspn(text, " \t");
		const char *end = text + linelen;

		if (line < end && *line != '#' && *line != '!' && (size_t) (end - line) > namelen &&
			strncmp(line, name, namelen) == 0 && strchr(" \t=:", line[namelen]) != NULL)
		{
			const char *value = line + namelen;

			value += strspn(value, " \t");
			if (*value == '=' || *value == ':')
				value++;
			value += strspn(value, " \t");
			return property_unescape(
				arena_strndup(ctx, value, value < end ? (size_t) (end - value) : 0));
		}
		text = end + strspn(end, "\r\n");
	}
	return NULL;
}

static char *
expand_env(Ctx *ctx, const char *key, const char *arg)
{
	const char *fallback = strstr(arg, ":-");
	char *name = arena_strndup(ctx, arg, fallback ? (size_t) (fallback - arg) : strlen(arg));
	const char *value = name[0] == '\0' ? NULL : getenv(name);

	/* As in a shell, ":-" also stands in for an empty variable. */
	if (fallback != NULL && (value == NULL || value[0] == '\0'))
		return arena_strdup(ctx, fallback + 2);
	if (value != NULL)
		return arena_strdup(ctx, value);
	fail(ctx, "%s: environment variable %s is not set; set it, or write ${env:%s:-default}", key,
		 name, name);
	return NULL;
}

static char *
expand_file(Ctx *ctx, const char *key, const char *arg)
{
	const char *colon = strchr(arg, ':');
	char *path = arena_strndup(ctx, arg, colon ? (size_t) (colon - arg) : strlen(arg));
	size_t len;
	char *text = read_regular_file(ctx, path, &len);
	char *value;

	if (text == NULL)
	{
		fail(ctx, "%s: cannot read file \"%s\": %s", key, path,
			 errno == EINVAL ? "not a regular file" : strerror(errno));
		return NULL;
	}
	if (memchr(text, '\0', len) != NULL)
	{
		fail(ctx, "%s: file \"%s\" holds a NUL byte; it must be text", key, path);
		return NULL;
	}
	if (colon == NULL)
		return trimmed(ctx, text, len);
	value = property_find(ctx, text, colon + 1);
	if (value == NULL)
		fail(ctx, "%s: file \"%s\" has no property \"%s\"", key, path, colon + 1);
	return value;
}

/* What stands between "${" and "}". */
static char *
expand_one(Ctx *ctx, const char *key, const char *inner)
{
	if (starts_with(inner, "env:"))
		return expand_env(ctx, key, inner + strlen("env:"));
	if (starts_with(inner, "file:"))
		return expand_file(ctx, key, inner + strlen("file:"));
	/* in a replacement it names a group of the regular expression */
	if (starts_with(key, "transforms.") && strstr(key, "replacement") != NULL)
		return arena_printf(ctx, "${%s}", inner);
	fail(ctx, "%s: placeholder ${%s} is not known; write ${env:NAME} or ${file:/path:property}",
		 key, inner);
	return NULL;
}

/* All placeholders of a value filled; they do not nest. */
static char *
expand(Ctx *ctx, const char *key, const char *value)
{
	Text out = {0};

	text_add(ctx, &out, "", 0);
	while (*value != '\0')
	{
		const char *open = strstr(value, "${");
		const char *close = open == NULL ? NULL : strchr(open, '}');
		size_t plain = open == NULL ? strlen(value) : (size_t) (open - value);
		char *filled;

		if (open != NULL && close == NULL)
		{
			fail(ctx, "%s: a placeholder is opened with \"${\" and not closed with \"}\"", key);
			return NULL;
		}
		if (!text_add(ctx, &out, value, plain))
			break;
		if (open == NULL)
			return out.data;
		filled = expand_one(ctx, key, arena_strndup(ctx, open + 2, (size_t) (close - open) - 2));
		if (filled == NULL)
			return NULL;
		if (!text_add(ctx, &out, filled, strlen(filled)))
			break;
		value = close + 1;
	}
	if (*value == '\0')
		return out.data;
	fail(ctx, "%s: the value is longer than %d bytes", key, CONFIG_BYTES_MAX);
	return NULL;
}

/* ------------------------------------------------------------------------
 * The bytes and the JSON
 * ------------------------------------------------------------------------ */

static void
line_and_column(const char *json, size_t pos, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < pos; i++)
	{
		(*column)++;
		if (json[i] == '\n')
		{
			(*line)++;
			*column = 1;
		}
	}
}

static bool
fail_at(Ctx *ctx, const char *json, size_t pos, const char *what)
{
	size_t line;
	size_t column;

	line_and_column(json, pos, &line, &column);
	return fail(ctx, "line %zu, column %zu: %s", line, column, what);
}

/* What cJSON would take and C strings cannot hold, or nobody can read. */
static bool
check_bytes(Ctx *ctx, const char *json, size_t len)
{
	const unsigned char *s = (const unsigned char *) json;

	if (len > CONFIG_BYTES_MAX)
		return fail(ctx, "the file is longer than %d bytes; is it a connector JSON?",
					CONFIG_BYTES_MAX);
	for (size_t i = 0; i < len;)
	{
		size_t n = utf8_sequence(s + i, len - i);

		if (n == 0)
			return fail_at(ctx, json, i, "a byte that is not UTF-8; save the file as UTF-8");
		if (s[i] == '\0')
			return fail_at(ctx, json, i, "a NUL byte; this is not a JSON text");
		/* An escaped character is two bytes, so that "\\u0000" is let through. */
		if (s[i] == '\\' && len - i >= 6 && memcmp(json + i, "\\u0000", 6) == 0)
			return fail_at(ctx, json, i, "\\u0000 cannot be part of a key or a value");
		i += s[i] == '\\' && len - i >= 2 && s[i + 1] < 0x80 && s[i + 1] != '\0' ? 2 : n;
	}
	return true;
}

/* What a scan of the text before an error found. */
typedef struct Scan
{
	bool in_string;
	size_t string_start;
	size_t last_pos; /* of the last byte that is not white space */
	char last;       /* that byte; '"' for the end of a string */
	char before;     /* the same of the token before */
} Scan;

static Scan
scan_text(const char *json, size_t pos)
{
	Scan scan = {0};

	for (size_t i = 0; i < pos; i++)
	{
		char c = json[i];

		if (scan.in_string)
		{
			if (c == '\\')
				i++;
			scan.in_string = c != '"';
			if (c == '"')
				scan.last_pos = i;
			continue;
		}
		if (isspace((unsigned char) c))
			continue;
		/* The bytes of a number or word are one token. */
		if (strchr("{}[],:\"", c) != NULL || strchr("{}[],:\"", scan.last) != NULL ||
			scan.last_pos + 1 != i)
			scan.before = scan.last;
		scan.in_string = c == '"';
		scan.string_start = i;
		scan.last = c;
		scan.last_pos = i;
	}
	return scan;
}

static const char *
expected_after(const Scan *scan)
{
	switch (scan->last)
	{
		case '\0':
			return "expected '{'";
		case '{':
			return "expected a key in double quotes, or '}'";
		case ',':
			return "expected a key in double quotes after ',' (no comma after the last entry)";
		case ':':
			return "expected a value: text in double quotes, a number, true or false";
		case '"':
			return scan->before == ':' ? "expected ',' or '}'" : "expected ':'";
		default:
			return "expected ',' or '}'";
	}
}

static bool
fail_syntax(Ctx *ctx, const char *json, size_t len, size_t pos)
{
	Scan scan;

	/* cJSON points at the last byte when the text ends too early. */
	if (pos + 1 >= len)
		pos = pos < len && len > 0 && scan_text(json, len).last == '}' ? pos : len;
	scan = scan_text(json, pos);
	if (scan.in_string)
		return fail_at(ctx, json, scan.string_start,
					   "not JSON: a text in double quotes is not closed or has a bad escape");
	/* cJSON has stepped over the byte that should have opened a key. */
	if (pos > 0 && scan.last_pos == pos - 1 && scan.last != '"' && strchr("{,", scan.before) &&
		scan.before != '\0' && strchr("{[", scan.last) == NULL)
	{
		pos--;
		scan = scan_text(json, pos);
	}
	return fail_at(ctx, json, pos,
				   arena_printf(ctx, "not JSON: %s%s", expected_after(&scan),
								pos >= len ? ", but the text ends here" : ""));
}

static cJSON *
parse_json(Ctx *ctx, const char *json, size_t len)
{
	const char *end = json;
	cJSON *root;

	if (!check_bytes(ctx, json, len))
		return NULL;
	/* cJSON itself bounds the nesting (CJSON_NESTING_LIMIT). */
	root = cJSON_ParseWithLengthOpts(json, len, &end, false);
	if (root == NULL)
	{
		fail_syntax(ctx, json, len, (size_t) (end - json));
		return NULL;
	}
	while (end < json + len && isspace((unsigned char) *end))
		end++;
	if (end < json + len)
		fail_at(ctx, json, (size_t) (end - json), "not JSON: expected nothing after the value");
	else if (!cJSON_IsObject(root))
		fail(ctx, "not a connector JSON: expected an object { … } of keys and values");
	else
		return root;
	cJSON_Delete(root);
	return NULL;
}

/*
 * The map of settings: root itself, or its "config" beside a "name".  The
 * name goes to *name, or NULL.
 */
static const cJSON *
inner_map(Ctx *ctx, const cJSON *root, const cJSON **name)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(root, "config");

	*name = NULL;
	if (!cJSON_IsObject(config))
		return root;
	for (const cJSON *item = root->child; item != NULL; item = item->next)
	{
		if (strcmp(item->string, "name") == 0 && *name == NULL)
			*name = item;
		else if (item != config && strcmp(item->string, "initial_state") != 0)
		{
			fail(ctx,
				 "%s: %s beside \"config\"; expected only \"name\" there, move it into \"config\"",
				 item->string,
				 strcmp(item->string, "name") == 0 || strcmp(item->string, "config") == 0
					 ? "appears twice"
					 : "stands");
			return NULL;
		}
	}
	return config;
}

/* ------------------------------------------------------------------------
 * Collect: a setting for each key
 * ------------------------------------------------------------------------ */

/* The value as Connect would have it, as text; NULL after an error. */
static char *
value_text(Ctx *ctx, const cJSON *item, const char *key)
{
	if (cJSON_IsString(item))
		return expand(ctx, key, item->valuestring);
	if (cJSON_IsBool(item))
		return arena_strdup(ctx, cJSON_IsTrue(item) ? "true" : "false");
	if (!cJSON_IsNumber(item))
		fail(ctx, "%s: expected text in double quotes, a number, true or false, not %s", key,
			 cJSON_IsNull(item) ? "null (leave the key out instead)"
								: (cJSON_IsArray(item) ? "an array (write \"a,b\")" : "an object"));
	else if (!isfinite(item->valuedouble) || fabs(item->valuedouble) > 9007199254740992.0)
		fail(ctx, "%s: the number is out of range; write it in double quotes", key);
	else if (item->valuedouble == floor(item->valuedouble))
		return arena_printf(ctx, "%.0f", item->valuedouble);
	else
		return arena_printf(ctx, "%.15g", item->valuedouble);
	return NULL;
}

/* "a|b|old=b" as words for a message. */
static char *
values_in_words(Ctx *ctx, const char *values)
{
	Text out = {0};

	while (*values != '\0')
	{
		size_t len = strcspn(values, "|");
		const char *equals = memchr(values, '=', len);

		/* Old spellings work but are not offered. */
		if (equals == NULL)
		{
			if (out.len > 0)
				text_add(ctx, &out, ", ", 2);
			text_add(ctx, &out, values, len);
		}
		values += len + (values[len] == '|');
	}
	return out.data;
}

/*
 * The canonical value of an enumeration, case-insensitive, or NULL.  *place is
 * its position among the values.
 */
static char *
enum_canonical(Ctx *ctx, const char *values, const char *value, int *place)
{
	int n = 0;

	for (const char *p = values; *p != '\0'; n++)
	{
		size_t len = strcspn(p, "|");
		const char *equals = memchr(p, '=', len);
		size_t namelen = equals != NULL ? (size_t) (equals - p) : len;

		if (strlen(value) == namelen && strncasecmp(p, value, namelen) == 0)
		{
			if (equals != NULL)
				return enum_canonical(ctx, values,
									  arena_strndup(ctx, equals + 1, len - namelen - 1), place);
			*place = n;
			return arena_strndup(ctx, p, namelen);
		}
		p += len + (p[len] == '|');
	}
	return NULL;
}

/* The value for messages: secrets stay hidden, long ones are cut. */
static const char *
shown(Ctx *ctx, const Setting *setting)
{
	if (setting->opt->flags & OPT_SECRET)
		return "(hidden)";
	if (strlen(setting->value) > 100)
		return arena_printf(ctx, "%.97s...", setting->value);
	return setting->value;
}

static bool
validate_int(Ctx *ctx, const Setting *setting)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(setting->value, &end, 10);
	if (errno == 0 && end != setting->value && *end == '\0' && n >= setting->opt->min &&
		n <= setting->opt->max)
		return true;
	return fail(ctx, "%s: \"%s\" is not valid; expected a whole number from %ld to %ld",
				setting->origin, shown(ctx, setting), setting->opt->min, setting->opt->max);
}

static bool
validate_enum(Ctx *ctx, Setting *setting)
{
	const Option *opt = setting->opt;
	int place;
	char *canonical = enum_canonical(ctx, opt->values, setting->value, &place);

	if (canonical != NULL)
	{
		setting->value = canonical;
		return true;
	}
	if (opt->refusal != NULL)
		return fail(ctx, "%s: \"%s\" is refused: %s (valid: %s)", setting->origin,
					shown(ctx, setting), opt->refusal, values_in_words(ctx, opt->values));
	return fail(ctx, "%s: \"%s\" is not valid; expected one of: %s", setting->origin,
				shown(ctx, setting), values_in_words(ctx, opt->values));
}

static bool
validate(Ctx *ctx, Setting *setting)
{
	const Option *opt = setting->opt;
	const char *value = setting->value;

	if (opt->fate == FATE_REFUSED && value[0] != '\0')
		return fail(ctx, "%s: refused: %s", setting->origin, opt->refusal);
	if (value[0] == '\0' && opt->type != TYPE_LIST && !(opt->flags & OPT_EMPTY_OK))
		return fail(ctx, "%s: is empty; give it a value or leave the key out", setting->origin);
	if (opt->type == TYPE_BOOL && strcasecmp(value, "true") == 0)
		setting->value = "true";
	else if (opt->type == TYPE_BOOL && strcasecmp(value, "false") == 0)
		setting->value = "false";
	else if (opt->type == TYPE_BOOL)
		return fail(ctx, "%s: \"%s\" is not valid; expected true or false", setting->origin,
					shown(ctx, setting));
	if (opt->type == TYPE_INT && !validate_int(ctx, setting))
		return false;
	if (opt->type == TYPE_ENUM && !validate_enum(ctx, setting))
		return false;
	return opt->check == NULL || opt->check(ctx, setting->origin, setting->value);
}

static bool
fail_unknown(Ctx *ctx, const char *key)
{
	const char *salt = strstr(key, "salt");

	/* perhaps a column.mask.hash… misspelt */
	if (salt != NULL)
		return fail(ctx, "%.*s********: unknown key (nova-relay options lists all)",
					(int) (salt - key) + 4, key);
	if (strlen(key) > KEY_BYTES_MAX)
		return fail(ctx, "%.60s...: unknown key, longer than %d bytes", key, KEY_BYTES_MAX);
	return fail(ctx, "%s: unknown key; did you mean %s? (nova-relay options lists all)", key,
				nearest_key(ctx, key));
}

/* Two spellings of one key may both be there if they agree. */
static bool
check_twice(Ctx *ctx, const Setting *setting, bool *repeated)
{
	const Setting *other = find_setting(ctx, setting->key);

	*repeated = other != NULL;
	if (other == NULL)
		return true;
	if (strcmp(other->origin, setting->origin) == 0)
		return fail(ctx, "%s: appears twice; keep one", setting->origin);
	if (strcmp(other->value, setting->value) != 0)
		return fail(ctx, "%s: contradicts %s, which is the same setting; keep one", setting->origin,
					other->origin);
	return true;
}

/* A key as messages may show it: without what stands for a secret in it. */
static const char *
printable_key(Ctx *ctx, const Option *opt, const char *key)
{
	static const char salt[] = ".with.salt.";
	const char *at = strstr(key, salt);

	if (!(opt->flags & OPT_SECRET_KEY))
		return arena_strdup(ctx, key);
	if (at == NULL)
		return arena_strdup(ctx, opt->key);
	return arena_printf(ctx, "%.*s%s********", (int) (at - key), key, salt);
}

static bool
collect(Ctx *ctx, const cJSON *item)
{
	Setting setting = {.key = item->string};
	bool repeated;

	if (strlen(item->string) <= KEY_BYTES_MAX)
	{
		setting.opt = find_option(ctx, setting.key, setting.star);
		if (setting.opt == NULL)
		{
			setting.key = producer_spelling(ctx, setting.key);
			setting.opt = find_option(ctx, setting.key, setting.star);
		}
	}
	if (setting.opt == NULL)
		return fail_unknown(ctx, item->string);
	setting.origin = printable_key(ctx, setting.opt, item->string);
	setting.value = value_text(ctx, item, setting.origin);
	if (setting.value == NULL)
		return false;
	if (setting.opt->target == TO_ALIAS)
	{
		log_info("%s: %s is the old name of %s; it works", ctx->label, setting.origin,
				 setting.opt->dest);
		setting.key = setting.opt->dest;
		setting.opt = find_exact(setting.key);
	}
	else
		setting.key = arena_strdup(ctx, setting.key);
	if (!validate(ctx, &setting) || !check_twice(ctx, &setting, &repeated))
		return false;
	if (!repeated)
		ctx->settings[ctx->nsettings++] = setting;
	return true;
}

static bool
is_transform_type(const cJSON *item)
{
	size_t len = strlen(item->string);

	return starts_with(item->string, "transforms.") && len > 5 &&
		   strcmp(item->string + len - 5, ".type") == 0;
}

static bool
is_converter_class(const cJSON *item)
{
	return strcmp(item->string, "key.converter") == 0 ||
		   strcmp(item->string, "value.converter") == 0;
}

/*
 * Classes come first: of a transform or converter that nova does not have, the
 * class is the fault to report, not the options that come with it.
 */
static bool
collect_all(Ctx *ctx, const cJSON *map, const cJSON *name)
{
	size_t n = (size_t) cJSON_GetArraySize(map) + 1;

	if (n > CONFIG_KEYS_MAX)
		return fail(ctx, "more than %d keys; is it a connector JSON?", CONFIG_KEYS_MAX);
	ctx->settings = arena_alloc(ctx, n * sizeof(Setting));
	for (int pass = 0; pass < 2; pass++)
		for (const cJSON *item = map->child; item != NULL; item = item->next)
			if ((pass == 0) == (is_transform_type(item) || is_converter_class(item)) &&
				!collect(ctx, item))
				return false;
	if (name == NULL)
		return true;
	if (find_setting(ctx, "name") == NULL)
		return collect(ctx, name);
	if (!cJSON_IsString(name) || strcmp(setting_value(ctx, "name"), name->valuestring) != 0)
		return fail(ctx, "name: the one beside \"config\" and the one in it differ; keep one");
	return true;
}

/* ------------------------------------------------------------------------
 * Checks of single values
 * ------------------------------------------------------------------------ */

/* The next item of a comma-separated list, trimmed; NULL at the end. */
static char *
list_next(Ctx *ctx, const char **list)
{
	while (*list != NULL && **list != '\0')
	{
		size_t len = strcspn(*list, ",");
		char *item = trimmed(ctx, *list, len);

		*list += len + ((*list)[len] == ',');
		if (item[0] != '\0')
			return item;
	}
	return NULL;
}

static bool
list_has(Ctx *ctx, const char *list, const char *name)
{
	const char *item;

	while ((item = list_next(ctx, &list)) != NULL)
		if (strcmp(item, name) == 0)
			return true;
	return false;
}

static bool
check_topic_prefix(Ctx *ctx, const char *key, const char *value)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (strspn(value, legal) != strlen(value) || strlen(value) > 200)
		return fail(ctx,
					"%s: is not valid in a topic name; expected at most 200 of letters, digits, "
					"'.', '_' and '-'",
					key);
	return true;
}

static bool
check_slot_name(Ctx *ctx, const char *key, const char *value)
{
	if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(value) ||
		strlen(value) > 63)
		return fail(ctx,
					"%s: \"%.80s\" is not valid; expected 1 to 63 of lower-case letters, digits "
					"and '_'",
					key, value);
	return true;
}

static bool
check_operations(Ctx *ctx, const char *key, const char *value)
{
	if (strcmp(value, "none") == 0)
		return true;
	for (const char *p = value; *p != '\0';)
	{
		p += strspn(p, " ");
		if (*p == '\0' || strchr("cudt", *p) == NULL)
			break;
		p++;
		p += strspn(p, " ");
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			break;
	}
	return fail(ctx, "%s: \"%.80s\" is not valid; expected some of c, u, d, t with commas, or none",
				key, value);
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char) c));

	return at == NULL ? -1 : (int) (at - digits);
}

/* The text that "hex:…" stands for; NULL if its bytes are not plain text. */
static char *
hex_text(Ctx *ctx, const char *value)
{
	const char *hex = value + strlen("hex:");
	size_t len = strlen(hex) / 2;
	char *text = arena_alloc(ctx, len + 1);

	if (len == 0 || strlen(hex) % 2 != 0)
		return NULL;
	for (size_t i = 0; i < len; i++)
	{
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);
		int byte = high * 16 + low;

		if (high < 0 || low < 0 || byte < 0x20 || byte == 0x7F)
			return NULL;
		text[i] = (char) byte;
	}
	for (size_t i = 0; i < len;)
	{
		size_t n = utf8_sequence((const unsigned char *) text + i, len - i);

		if (n == 0)
			return NULL;
		i += n;
	}
	return text;
}

static bool
check_placeholder(Ctx *ctx, const char *key, const char *value)
{
	if (starts_with(value, "hex:") && hex_text(ctx, value) == NULL)
		return fail(ctx,
					"%s: refused: hex: must be followed by pairs of hexadecimal digits that make "
					"UTF-8 text without control characters",
					key);
	return true;
}

/* The plugin knows the rest: which tables and columns there are. */
static bool
check_key_columns(Ctx *ctx, const char *key, const char *value)
{
	const char *list = value;

	while (*list != '\0')
	{
		size_t len = strcspn(list, ";");
		const char *item = trimmed(ctx, list, len);
		const char *colon = strrchr(item, ':');

		if (item[0] != '\0' && (colon == NULL || colon == item || colon[1] == '\0'))
			return fail(ctx, "%s: \"%.80s\" is not valid; expected schema.table:column,column;…",
						key, item);
		list += len + (list[len] == ';');
	}
	return true;
}

/* What add.fields and add.headers can name, by the part of the envelope. */
static const char envelope_fields[] = "op,ts_ms,ts_us,ts_ns";
static const char transaction_fields[] = "id,total_order,data_collection_order";
static const char source_fields[] = "version,connector,name,ts_ms,snapshot,db,sequence,ts_us,ts_ns,"
									"schema,table,txId,lsn,xmin,origin,origin_lsn";

/* [struct.]field[:NAME] */
static bool
check_added_fields(Ctx *ctx, const char *key, const char *value)
{
	const char *item;

	while ((item = list_next(ctx, &value)) != NULL)
	{
		const char *name = strchr(item, ':');

		if (name != NULL && (name[1] == '\0' || strchr(name + 1, ':') != NULL))
			return fail(ctx, "%s: \"%.80s\" has no new name after the colon, or more than one", key,
						item);
	}
	return true;
}

/*
 * Has the envelope this field?  A name without a part may be of any; what its
 * part does not have may be one of the envelope's own.
 */
static bool
field_is_known(Ctx *ctx, const char *item)
{
	const char *field = arena_strndup(ctx, item, strcspn(item, ":"));
	const char *dot = strchr(field, '.');
	const char *name = dot != NULL ? arena_strndup(ctx, dot + 1, strcspn(dot + 1, ".")) : field;
	bool source = dot == NULL || starts_with(field, "source.");
	bool transaction = dot == NULL || starts_with(field, "transaction.");

	if (starts_with(field, "before.") || starts_with(field, "after."))
		return name[0] != '\0';
	return ((source || transaction) && list_has(ctx, envelope_fields, name)) ||
		   (source && list_has(ctx, source_fields, name)) ||
		   (transaction && list_has(ctx, transaction_fields, name));
}

/*
 * The list without the fields that there are not.  Debezium leaves them out of
 * every record, which nobody notices; this is the place to say so.
 */
static const char *
known_fields(Ctx *ctx, const char *key, const char *list)
{
	Text known = {0};
	Text unknown = {0};
	const char *item;

	text_add(ctx, &known, "", 0);
	text_add(ctx, &unknown, "", 0);
	while ((item = list_next(ctx, &list)) != NULL)
	{
		Text *where = field_is_known(ctx, item) ? &known : &unknown;

		text_add(ctx, where, ",", where->len > 0);
		text_add(ctx, where, item, strlen(item));
	}
	if (unknown.len > 0)
		log_warn("%s: %s: no record has %s, for nova knows no such field (valid: %s,%s, of source: "
				 "%s, before.COLUMN, after.COLUMN)",
				 ctx->label, key, unknown.data, envelope_fields, transaction_fields, source_fields);
	return known.data;
}

static bool
check_password(Ctx *ctx, const char *key, const char *value)
{
	if (value[0] == '\0')
		return fail(ctx,
					"%s: is empty; set the password (is the environment variable or file behind "
					"it empty?), or leave the key out",
					key);
	return true;
}

static bool
check_retries(Ctx *ctx, const char *key, const char *value)
{
	if (strcmp(value, "-1") != 0)
		log_warn("%s: %s=%s: nova does not count retries of what can heal", ctx->label, key, value);
	return true;
}

/* ------------------------------------------------------------------------
 * Apply: values and defaults to their targets
 * ------------------------------------------------------------------------ */

static void
set_field(Ctx *ctx, const Option *opt, const char *value)
{
	void *member = (char *) ctx->cfg + opt->offset;
	int place = 0;

	switch (opt->type)
	{
		case TYPE_BOOL:
			*(bool *) member = strcmp(value, "true") == 0;
			break;
		case TYPE_INT:
			*(int *) member = (int) strtol(value, NULL, 10);
			break;
		case TYPE_ENUM:
			enum_canonical(ctx, opt->values, value, &place);
			*(SnapshotMode *) member = (SnapshotMode) place;
			break;
		case TYPE_STRING:
		case TYPE_LIST:
			*(char **) member = arena_strdup(ctx, value);
			break;
	}
}

static const char *
library_value(Ctx *ctx, const Option *opt, const char *value)
{
	if (opt->flags & OPT_DIGIT)
		return strcmp(value, "true") == 0 ? "1" : "0";
	if (opt->flags & OPT_KBYTES)
		return arena_printf(ctx, "%ld", strtol(value, NULL, 10) / 1024);
	if ((opt->flags & OPT_HEX) && starts_with(value, "hex:"))
		return hex_text(ctx, value);
	return value;
}

static void
apply_value(Ctx *ctx, const Option *opt, const char *name, const char *value, const char *origin)
{
	const char *text = library_value(ctx, opt, value);

	if (opt->type == TYPE_LIST && value[0] == '\0')
		return;
	switch (opt->target)
	{
		case TO_FIELD:
			set_field(ctx, opt, text);
			break;
		case TO_PG:
			pairs_add(ctx, &ctx->cfg->pg, name, text, origin);
			break;
		case TO_PLUGIN:
			pairs_add(ctx, &ctx->cfg->plugin, name, text, origin);
			break;
		case TO_KAFKA:
			pairs_add(ctx, &ctx->cfg->kafka, name, text, origin);
			break;
		case TO_NONE:
		case TO_ALIAS:
			break;
	}
}

/* In the table's order, so that kafka.* comes last and wins. */
static void
apply_all(Ctx *ctx)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		const Option *opt = &options[i];
		bool is_set = false;

		if (opt->key == NULL || opt->scope != NULL || opt->fate != FATE_WORKS)
			continue;
		for (size_t j = 0; j < ctx->nsettings; j++)
		{
			const Setting *s = &ctx->settings[j];

			if (s->opt != opt)
				continue;
			is_set = true;
			apply_value(ctx, opt, opt->dest != NULL ? opt->dest : s->star[0], s->value, s->origin);
		}
		if (!is_set && opt->deflt != NULL && strchr(opt->key, '*') == NULL)
			apply_value(ctx, opt, opt->dest, opt->deflt, opt->key);
	}
}

/* ------------------------------------------------------------------------
 * Finish: what needs several keys
 * ------------------------------------------------------------------------ */

static bool
check_required(Ctx *ctx)
{
	Text missing = {0};

	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		if (!(options[i].flags & OPT_REQUIRED) || find_setting(ctx, options[i].key) != NULL)
			continue;
		if (missing.len > 0)
			text_add(ctx, &missing, ", ", 2);
		text_add(ctx, &missing, options[i].key, strlen(options[i].key));
	}
	if (missing.len > 0)
		return fail(ctx, "required and missing: %s", missing.data);
	return true;
}

static bool
check_exclusive(Ctx *ctx)
{
	static const char *const pairs[][2] = {
		{"schema.include.list", "schema.exclude.list"},
		{"table.include.list", "table.exclude.list"},
		{"column.include.list", "column.exclude.list"},
		{"message.prefix.include.list", "message.prefix.exclude.list"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		const char *a = setting_value(ctx, pairs[i][0]);
		const char *b = setting_value(ctx, pairs[i][1]);

		if (a != NULL && b != NULL && a[0] != '\0' && b[0] != '\0')
			return fail(ctx, "%s and %s exclude each other; keep one", pairs[i][0], pairs[i][1]);
	}
	return true;
}

/* Is the class one of "a|b"? */
static bool
scope_has(const char *scope, const char *class)
{
	size_t len = strlen(class);

	for (const char *p = scope; p != NULL; p = strchr(p, '|'))
	{
		p += *p == '|';
		if (strncmp(p, class, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* Every transforms.<name>.<option> belongs to a transform that has it. */
static bool
check_transform_options(Ctx *ctx)
{
	const char *names = setting_value(ctx, "transforms");

	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];
		const char *type;

		if (!starts_with(s->key, "transforms."))
			continue;
		if (!list_has(ctx, names, s->star[0]))
			return fail(ctx, "%s: transforms does not name \"%s\"; add it there or remove the key",
						s->origin, s->star[0]);
		type = setting_value(ctx, arena_printf(ctx, "transforms.%s.type", s->star[0]));
		if (type != NULL && s->opt->scope != NULL && !scope_has(s->opt->scope, type))
			return fail(ctx, "%s: %s has no such option; remove it", s->origin, type);
	}
	return true;
}

/* Hand the options of one transform to their targets. */
static void
apply_transform(Ctx *ctx, const char *name, const char *type)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		const Option *opt = &options[i];
		const char *key;
		const char *value;

		if (opt->scope == NULL || !scope_has(opt->scope, type) || opt->fate != FATE_WORKS)
			continue;
		key = arena_printf(ctx, "transforms.%s%s", name, opt->key + strlen("transforms.*"));
		value = setting_value(ctx, key);
		if (value == NULL)
			value = opt->deflt;
		if (value != NULL)
			apply_value(ctx, opt, opt->dest, value, key);
	}
}

/* What several keys come to; the plugin refuses an option that is there twice. */
static void
plugin_set(Ctx *ctx, const char *option, const char *value, const char *origin)
{
	ConfigPairs *pairs = &ctx->cfg->plugin;

	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].name, option) == 0)
		{
			pairs->items[i].value = arena_strdup(ctx, value);
			pairs->items[i].origin = arena_strdup(ctx, origin);
			return;
		}
	pairs_add(ctx, pairs, option, value, origin);
}

/* The next item of a list of regular expressions, "\\," being no separator. */
static char *
regex_next(Ctx *ctx, const char **list)
{
	while (**list != '\0')
	{
		const char *start = *list;
		char *item;

		while (**list != '\0' && **list != ',')
			*list += (*list)[0] == '\\' && (*list)[1] != '\0' ? 2 : 1;
		item = trimmed(ctx, start, (size_t) (*list - start));
		*list += **list == ',';
		if (item[0] != '\0')
			return item;
	}
	return NULL;
}

/* Number of characters, in its plugin's form. */
static const char *
mask_chars(Ctx *ctx, const Setting *setting, long max)
{
	const char *n = setting->star[0];

	if (strspn(n, "0123456789") == strlen(n) && strlen(n) < 10 && strtol(n, NULL, 10) <= max)
		return arena_printf(ctx, "%ld:", strtol(n, NULL, 10));
	fail(ctx, "%s: \"%s\" is not valid; expected a whole number from 0 to %ld", setting->origin, n,
		 max);
	return NULL;
}

/* "SHA-256.with.salt.ab", in its plugin's form "SHA-256:\x6162:". */
static const char *
mask_hash(Ctx *ctx, const Setting *setting)
{
	static const char valid[] = "MD5|SHA-1|SHA-224|SHA-256|SHA-384|SHA-512|SHA=SHA-1|SHA1=SHA-1";
	static const char with_salt[] = ".with.salt.";
	const char *salt = strstr(setting->star[0], with_salt);
	const char *algorithm = NULL;
	Text text = {0};
	int place;

	if (salt != NULL)
		algorithm = enum_canonical(
			ctx, valid, arena_strndup(ctx, setting->star[0], (size_t) (salt - setting->star[0])),
			&place);
	if (algorithm == NULL || salt[strlen(with_salt)] == '\0')
	{
		fail(ctx, "%s: is not valid; expected ALGORITHM.with.salt.SALT, with one of: %s",
			 setting->opt->key, values_in_words(ctx, valid));
		return NULL;
	}
	text_add(ctx, &text, algorithm, strlen(algorithm));
	text_add(ctx, &text, ":\\x", 3);
	for (const char *p = salt + strlen(with_salt); *p != '\0'; p++)
		text_add(ctx, &text, arena_printf(ctx, "%02x", (unsigned char) *p), 2);
	text_add(ctx, &text, ":", 1);
	return text.data;
}

/* All keys of one kind of mask are one option of the plugin. */
static bool
finish_mask(Ctx *ctx, const char *pattern, const char *option, long max)
{
	Text text = {0};

	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];
		const char *list = s->value;
		const char *head;
		const char *item;

		if (strcmp(s->opt->key != NULL ? s->opt->key : "", pattern) != 0 || list[0] == '\0')
			continue;
		head = max > 0 ? mask_chars(ctx, s, max) : mask_hash(ctx, s);
		if (head == NULL)
			return false;
		while ((item = regex_next(ctx, &list)) != NULL)
		{
			if (text.len > 0)
				text_add(ctx, &text, ",", 1);
			text_add(ctx, &text, head, strlen(head));
			text_add(ctx, &text, item, strlen(item));
		}
	}
	if (text.len > 0)
		plugin_set(ctx, option, text.data, option);
	return true;
}

/* The bounds are the plugin's. */
static bool
finish_masks(Ctx *ctx)
{
	return finish_mask(ctx, "column.truncate.to.*.chars", "column.truncate", 10000000) &&
		   finish_mask(ctx, "column.mask.with.*.chars", "column.mask", 1000) &&
		   finish_mask(ctx, "column.mask.hash.*", "column.mask.hash", 0) &&
		   finish_mask(ctx, "column.mask.hash.v2.*", "column.mask.hash.v2", 0);
}

static bool
is_true(const char *value)
{
	return strcmp(value, "true") == 0;
}

/*
 * A connector JSON made for Debezium asks for Debezium's records; one made for
 * nova need not name Debezium's class.
 */
static bool
profile_is_debezium(const Ctx *ctx)
{
	const char *profile = setting_value(ctx, "nova.profile");

	if (profile != NULL)
		return strcmp(profile, "debezium") == 0;
	return find_setting(ctx, "connector.class") != NULL;
}

static void
finish_profile(Ctx *ctx)
{
	const char *profile = profile_is_debezium(ctx) ? "debezium" : "nova";
	bool given = find_setting(ctx, "nova.profile") != NULL;

	if (!given && profile_is_debezium(ctx))
		log_info("%s: connector.class makes nova.profile debezium: values as Debezium writes them",
				 ctx->label);
	plugin_set(ctx, "profile", profile, given ? "nova.profile" : "connector.class");
}

/*
 * A form of keys where it is not that of values.  To Kafka Connect the two
 * converters are strangers, each with its default; in nova's own profile keys
 * follow values unless told otherwise.
 */
static void
finish_key_form(Ctx *ctx, const char *form, const char *standard)
{
	const char *source = arena_printf(ctx, "key.converter.%s", form);
	const char *key = setting_value(ctx, source);
	const char *value = setting_value(ctx, arena_printf(ctx, "value.converter.%s", form));

	if (key == NULL && !profile_is_debezium(ctx))
		return;
	if (key == NULL)
		key = standard;
	if (strcmp(key, value != NULL ? value : standard) != 0)
		plugin_set(ctx, arena_printf(ctx, "key.%s", form), key, source);
}

static void
finish_key_forms(Ctx *ctx)
{
	finish_key_form(ctx, "decimal.format", "base64");
	finish_key_form(ctx, "replace.null.with.default", profile_is_debezium(ctx) ? "true" : "false");
}

/*
 * Has this side, "key" or "value", schemas?  The default of Connect's converter
 * is true; what a worker says where the JSON names no converter is not known
 * here, and then nova's records have none.
 */
static bool
schemas_enabled(Ctx *ctx, const char *side)
{
	char *converter = arena_printf(ctx, "%s.converter", side);
	const char *enable = setting_value(ctx, arena_printf(ctx, "%s.schemas.enable", converter));

	if (enable != NULL)
		return is_true(enable);
	if (find_setting(ctx, converter) == NULL)
		return false;
	log_info("%s: %s.schemas.enable is not set, which means true to Kafka Connect: %ss have "
			 "schemas; set it to false for plain JSON",
			 ctx->label, converter, side);
	return true;
}

/* A form that no schema of Connect's can describe. */
static bool
check_form(Ctx *ctx, const char *key, const char *side, const char *without, const char *instead)
{
	const char *form = setting_value(ctx, key);

	if (form == NULL)
		form = profile_is_debezium(ctx) ? "" : without;
	if (strcmp(form, without) != 0)
		return true;
	return fail(ctx,
				"%s.converter.schemas.enable: true is refused with %s=%s%s: Kafka Connect has no "
				"schema for that; set %s to %s, or schemas.enable to false",
				side, key, without,
				setting_value(ctx, key) == NULL ? ", the default of nova.profile=nova" : "", key,
				instead);
}

static bool
finish_schemas(Ctx *ctx)
{
	RelayConfig *cfg = ctx->cfg;
	const char *side;

	cfg->key_schemas = schemas_enabled(ctx, "key");
	cfg->value_schemas = schemas_enabled(ctx, "value");
	if (cfg->key_schemas)
		plugin_set(ctx, "key.schemas", "true", "key.converter.schemas.enable");
	if (cfg->value_schemas)
		plugin_set(ctx, "value.schemas", "true", "value.converter.schemas.enable");
	if (!cfg->key_schemas && !cfg->value_schemas)
		return true;
	side = cfg->value_schemas ? "value" : "key";
	return check_form(ctx, "nova.json.handling.mode", side, "nested", "text") &&
		   check_form(ctx, "decimal.handling.mode", side, "number", "precise, double or string");
}

/*
 * The plugin's name for what delete.handling.mode and drop.tombstones asked for:
 * Debezium's of today, but for the last.
 */
static const char *
legacy_delete_mode(bool drop_tombstones, const char *mode)
{
	if (strcmp(mode, "drop") == 0)
		return drop_tombstones ? "drop" : "delete-to-tombstone";
	if (strcmp(mode, "rewrite") == 0)
		return drop_tombstones ? "rewrite" : "rewrite-with-tombstone";
	return drop_tombstones ? "tombstone" : "null-with-tombstone";
}

/* The old generation's two keys, of which at least one is set. */
static void
finish_legacy_deletes(Ctx *ctx, const char *unwrap)
{
	const char *mode_key = arena_printf(ctx, "transforms.%s.delete.handling.mode", unwrap);
	const char *drop_key = arena_printf(ctx, "transforms.%s.drop.tombstones", unwrap);
	const char *mode = setting_value(ctx, mode_key);
	const char *drop = setting_value(ctx, drop_key);
	const char *now;

	if (mode == NULL && !profile_is_debezium(ctx))
	{
		/* nova's own form of deletes, of which this is about one half */
		if (is_true(drop))
			plugin_set(ctx, "tombstones.on.delete", "false", drop_key);
		return;
	}
	now = legacy_delete_mode(drop == NULL || is_true(drop), mode != NULL ? mode : "drop");
	if (strcmp(now, "null-with-tombstone") == 0)
		log_info("%s: the old keys for deletes mean the text null and then a tombstone, for which "
				 "transforms.%s.delete.tombstone.handling.mode has no value (Debezium 3.7 ignores "
				 "them)",
				 ctx->label, unwrap);
	else
		log_info("%s: the old keys for deletes mean "
				 "transforms.%s.delete.tombstone.handling.mode=%s (Debezium 3.7 ignores them)",
				 ctx->label, unwrap, now);
	plugin_set(ctx, "delete.handling.mode", now, mode != NULL ? mode_key : drop_key);
}

/* Without any key about it, the profile's default stands. */
static void
finish_deletes(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.delete.tombstone.handling.mode", unwrap);
	const char *mode = setting_value(ctx, key);
	bool legacy =
		find_setting(ctx, arena_printf(ctx, "transforms.%s.delete.handling.mode", unwrap)) ||
		find_setting(ctx, arena_printf(ctx, "transforms.%s.drop.tombstones", unwrap));

	if (mode == NULL)
	{
		if (legacy)
			finish_legacy_deletes(ctx, unwrap);
		return;
	}
	if (legacy)
		log_info("%s: %s decides; the old drop.tombstones and delete.handling.mode are ignored",
				 ctx->label, key);
	plugin_set(ctx, "delete.handling.mode", mode, key);
}

/*
 * Two places of Debezium put defaults in the place of nulls: the converter, and
 * the transform where it adds __deleted.  It takes both to keep a null there.
 */
static void
finish_nulls(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.replace.null.with.default", unwrap);
	const char *kept = setting_value(ctx, key);
	const char *value = setting_value(ctx, "value.converter.replace.null.with.default");
	const char *deletes = config_pair(&ctx->cfg->plugin, "delete.handling.mode");
	bool unwrap_keeps = kept != NULL && !is_true(kept);
	bool converter_keeps = value != NULL && !is_true(value);

	if (!profile_is_debezium(ctx))
		return;
	if (unwrap_keeps && !converter_keeps)
		log_info("%s: %s has no effect, as in Debezium: the converter replaces nulls; set "
				 "value.converter.replace.null.with.default to false as well",
				 ctx->label, key);
	if (converter_keeps && !unwrap_keeps && deletes != NULL && starts_with(deletes, "rewrite"))
	{
		log_info("%s: value.converter.replace.null.with.default=false has no effect, as in "
				 "Debezium: the transform that rewrites deletes replaces nulls; set %s to false as "
				 "well",
				 ctx->label, key);
		plugin_set(ctx, "replace.null.with.default", "true", key);
	}
}

/* Two lists as one; either may be NULL. */
static const char *
joined(Ctx *ctx, const char *a, const char *b)
{
	if (a == NULL || a[0] == '\0')
		return b;
	return b == NULL || b[0] == '\0' ? a : arena_printf(ctx, "%s,%s", a, b);
}

/* add.source.fields=lsn made __lsn, whatever else is called so. */
static const char *
legacy_source_fields(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.add.source.fields", unwrap);
	const char *old = setting_value(ctx, key);
	const char *now = NULL;
	const char *item;

	while ((item = list_next(ctx, &old)) != NULL)
		now = joined(ctx, now, arena_printf(ctx, "source.%s:%s", item, item));
	if (now != NULL)
		log_info("%s: %s means transforms.%s.add.fields=%s (Debezium 3.7 ignores it)", ctx->label,
				 key, unwrap, now);
	return now;
}

/*
 * Debezium adds no fields unless asked.  In nova's profile the plugin's own
 * default stands, and a delete's record looks like an update's if the fields
 * that are asked for do not tell them apart.
 */
static void
finish_added_fields(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.add.fields", unwrap);
	const char *fields = joined(ctx, setting_value(ctx, key), legacy_source_fields(ctx, unwrap));
	const char *item;

	if (fields != NULL)
		plugin_set(ctx, "add.fields", known_fields(ctx, key, fields), key);
	else if (profile_is_debezium(ctx))
		plugin_set(ctx, "add.fields", "", key);
	if (fields == NULL || config_pair(&ctx->cfg->plugin, "delete.handling.mode") != NULL ||
		profile_is_debezium(ctx))
		return;
	while ((item = list_next(ctx, &fields)) != NULL)
		if (strcmp(item, "op") == 0 || starts_with(item, "op:"))
			return;
	log_warn("%s: %s does not name op: the record of a delete cannot be told from one of an "
			 "update; add op",
			 ctx->label, key);
}

static void
finish_added_headers(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.add.headers", unwrap);
	const char *old = arena_printf(ctx, "transforms.%s.operation.header", unwrap);
	const char *headers = setting_value(ctx, key);

	if (setting_value(ctx, old) != NULL && is_true(setting_value(ctx, old)) &&
		!list_has(ctx, headers, "op"))
	{
		headers = joined(ctx, "op", headers);
		log_info("%s: %s means %s=%s (Debezium 3.7 ignores it)", ctx->label, old, key, headers);
	}
	if (headers != NULL)
		plugin_set(ctx, "add.headers", known_fields(ctx, key, headers), key);
}

/*
 * Debezium makes a new id for each run.  The plugin is told it, so that what it
 * writes follows from the WAL and its options.
 */
static bool
finish_context_headers(Ctx *ctx)
{
	const char *key = "extended.headers.enabled";
	const char *enabled = setting_value(ctx, key);
	unsigned char id[16];

	if (enabled == NULL || !is_true(enabled))
		return true;
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return fail(ctx, "%s: no random number for the run's id: %s", key, strerror(errno));
	id[6] = (unsigned char) ((id[6] & 0x0F) | 0x40);
	id[8] = (unsigned char) ((id[8] & 0x3F) | 0x80);
	plugin_set(ctx, "extended.headers.run.id",
			   arena_printf(ctx,
							"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
							id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9],
							id[10], id[11], id[12], id[13], id[14], id[15]),
			   key);
	return true;
}

/* A transform of the list, with what applies to it. */
typedef struct Transform
{
	const char *name;
	const char *type;
	const char *pattern; /* of its predicate; NULL: it has none */
	bool negate;
	bool keeps_tombstones; /* its predicate leaves them alone */
} Transform;

static const char *
transform_value(Ctx *ctx, const Transform *t, const char *option)
{
	const char *value = setting_value(ctx, arena_printf(ctx, "transforms.%s.%s", t->name, option));

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
transform_is(const Transform *t, const char *class)
{
	return strcmp(t->type, class) == 0;
}

static bool
require_option(Ctx *ctx, const Transform *t, const char *option)
{
	if (transform_value(ctx, t, option) != NULL)
		return true;
	return fail(ctx, "required and missing: transforms.%s.%s", t->name, option);
}

/* Every predicates.<name>.<option> belongs to a predicate of the list. */
static bool
check_predicates(Ctx *ctx)
{
	const char *names = setting_value(ctx, "predicates");

	for (size_t i = 0; i < ctx->nsettings; i++)
		if (starts_with(ctx->settings[i].key, "predicates.") &&
			!list_has(ctx, names, ctx->settings[i].star[0]))
			return fail(ctx, "%s: predicates does not name \"%s\"; add it there or remove the key",
						ctx->settings[i].origin, ctx->settings[i].star[0]);
	return true;
}

/*
 * A tombstone is a record of its own to Debezium; to nova it belongs to the
 * delete.  Only one use of that predicate has an equivalent.
 */
static bool
set_tombstone_predicate(Ctx *ctx, Transform *t, const char *key)
{
	if (!transform_is(t, CLASS_UNWRAP) || !t->negate)
		return fail(ctx,
					"%s: refused: nova decides for a topic, not for a record, whether a transform "
					"is for it; RecordIsTombstone works only with negate=true on "
					"ExtractNewRecordState; use TopicNameMatches",
					key);
	t->keeps_tombstones = true;
	t->negate = false;
	return true;
}

static bool
set_predicate(Ctx *ctx, Transform *t)
{
	const char *key = arena_printf(ctx, "transforms.%s.predicate", t->name);
	const char *name = setting_value(ctx, key);
	const char *negate = transform_value(ctx, t, "negate");
	const char *type;

	t->negate = negate != NULL && strcmp(negate, "true") == 0;
	if (name == NULL)
		return !t->negate || fail(ctx,
								  "transforms.%s.negate: there is no predicate to negate; add "
								  "transforms.%s.predicate or remove the key",
								  t->name, t->name);
	type = setting_value(ctx, arena_printf(ctx, "predicates.%s.type", name));
	if (!list_has(ctx, setting_value(ctx, "predicates"), name) || type == NULL)
		return fail(ctx,
					"%s: there is no predicate \"%s\"; name it in predicates and set "
					"predicates.%s.type",
					key, name, name);
	if (strcmp(type, CLASS_TOMBSTONE) == 0)
		return set_tombstone_predicate(ctx, t, key);
	t->pattern = setting_value(ctx, arena_printf(ctx, "predicates.%s.pattern", name));
	return t->pattern != NULL || fail(ctx, "required and missing: predicates.%s.pattern", name);
}

/* The options that a transform cannot be without. */
static bool
check_transform(Ctx *ctx, const Transform *t)
{
	if (transform_is(t, CLASS_ROUTER))
		return require_option(ctx, t, "regex") && require_option(ctx, t, "replacement");
	if (transform_is(t, CLASS_KEY))
		return require_option(ctx, t, "field");
	if (transform_is(t, CLASS_LOGICAL) || transform_is(t, CLASS_TO_LOGICAL))
		return require_option(ctx, t, "topic.regex") &&
			   require_option(ctx, t, "topic.replacement") &&
			   (transform_value(ctx, t, "key.field.regex") == NULL ||
				require_option(ctx, t, "key.field.replacement"));
	return true;
}

/* Pairs that make Debezium stop, or that would need a topic's key row by row. */
static bool
check_order(Ctx *ctx, const Transform *first, const Transform *then)
{
	bool logical = transform_is(then, CLASS_LOGICAL) || transform_is(then, CLASS_TO_LOGICAL);
	const char *unique = transform_value(ctx, then, "key.enforce.uniqueness");

	if (strcmp(first->type, then->type) == 0 &&
		(transform_is(then, CLASS_UNWRAP) || transform_is(then, CLASS_OUTBOX)))
		return fail(ctx, "transforms: \"%s\" and \"%s\" are both %s; nova runs only one of them",
					first->name, then->name, then->type);
	if (!logical || (unique != NULL && strcmp(unique, "false") == 0))
		return true;
	if (transform_is(first, CLASS_KEY) && first->pattern == NULL && then->pattern == NULL)
		return fail(ctx,
					"transforms: \"%s\" has to come before \"%s\": it adds a field to the key, of "
					"which the other leaves one value only",
					then->name, first->name);
	if (transform_is(first, CLASS_UNWRAP) && transform_value(ctx, first, "route.by.field"))
		return fail(ctx,
					"transforms: \"%s\" after the route.by.field of \"%s\" is refused: the field "
					"that it adds to keys would differ from row to row; put it first, or set "
					"transforms.%s.key.enforce.uniqueness to false",
					then->name, first->name, then->name);
	return true;
}

/* Read the list into array, which has room for it. */
static bool
read_transforms(Ctx *ctx, Transform *array, size_t *n)
{
	const char *names = setting_value(ctx, "transforms");
	const char *name;

	while ((name = list_next(ctx, &names)) != NULL)
	{
		Transform *t = &array[(*n)++];

		*t = (Transform){.name = name};
		t->type = setting_value(ctx, arena_printf(ctx, "transforms.%s.type", name));
		if (t->type == NULL)
			return fail(ctx, "transforms names \"%s\", but transforms.%s.type is missing; set it",
						name, name);
		if (!set_predicate(ctx, t) || !check_transform(ctx, t))
			return false;
		for (const Transform *other = array; other < t; other++)
			if (!check_order(ctx, other, t))
				return false;
	}
	return true;
}

static const Transform *
find_transform(const Transform *array, size_t n, const char *class)
{
	for (size_t i = 0; i < n; i++)
		if (transform_is(&array[i], class))
			return &array[i];
	return NULL;
}

/* One unwrap and one plain router at most: the plugin has short options for them. */
static bool
is_short(Ctx *ctx, const Transform *array, size_t n)
{
	const Transform *router = find_transform(array, n, CLASS_ROUTER);

	for (size_t i = 0; i < n; i++)
	{
		const Transform *t = &array[i];

		if (t->pattern != NULL || (transform_is(t, CLASS_ROUTER) && t != router) ||
			!(transform_is(t, CLASS_ROUTER) || transform_is(t, CLASS_UNWRAP)))
			return false;
		if (t == router ? strstr(transform_value(ctx, t, "regex"), "(?<") != NULL
						: transform_value(ctx, t, "route.by.field") != NULL)
			return false;
	}
	return true;
}

static void
text_puts(Ctx *ctx, Text *text, const char *s)
{
	text_add(ctx, text, s, strlen(s));
}

/* `,"name":"value"`, unless there is no value. */
static void
put_member(Ctx *ctx, Text *json, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_puts(ctx, json, arena_printf(ctx, ",\"%s\":\"", name));
	for (; *value != '\0'; value++)
	{
		if (*value == '"' || *value == '\\')
			text_add(ctx, json, "\\", 1);
		if ((unsigned char) *value < 0x20)
			text_puts(ctx, json, arena_printf(ctx, "\\u%04x", (unsigned char) *value));
		else
			text_add(ctx, json, value, 1);
	}
	text_add(ctx, json, "\"", 1);
}

static void
put_logical(Ctx *ctx, Text *json, const Transform *t)
{
	const char *unique = transform_value(ctx, t, "key.enforce.uniqueness");
	const char *field = transform_value(ctx, t, "key.field.name");

	put_member(ctx, json, "regex", transform_value(ctx, t, "topic.regex"));
	put_member(ctx, json, "replacement", transform_value(ctx, t, "topic.replacement"));
	text_puts(ctx, json, ",\"rename\":true");
	if (unique != NULL && strcmp(unique, "false") == 0)
		return;
	if (field == NULL)
		field = transform_is(t, CLASS_LOGICAL) ? "__dbz__physicalTableIdentifier"
											   : "__dbz__sourceIdentifier";
	put_member(ctx, json, "key.field", field);
	if (transform_value(ctx, t, "key.field.regex") == NULL)
		return;
	put_member(ctx, json, "key.regex", transform_value(ctx, t, "key.field.regex"));
	put_member(ctx, json, "key.replacement", transform_value(ctx, t, "key.field.replacement"));
}

static const char *
step_type(const Transform *t)
{
	if (transform_is(t, CLASS_UNWRAP))
		return "unwrap";
	if (transform_is(t, CLASS_KEY))
		return "key";
	return transform_is(t, CLASS_OUTBOX) ? "outbox" : "route";
}

/* One step of the plugin's option "transforms". */
static void
put_step(Ctx *ctx, Text *json, const Transform *t)
{
	text_puts(ctx, json, json->len > 1 ? ",{" : "{");
	text_puts(ctx, json, arena_printf(ctx, "\"type\":\"%s\"", step_type(t)));
	if (transform_is(t, CLASS_ROUTER))
	{
		put_member(ctx, json, "regex", transform_value(ctx, t, "regex"));
		put_member(ctx, json, "replacement", transform_value(ctx, t, "replacement"));
	}
	else if (transform_is(t, CLASS_KEY))
		put_member(ctx, json, "field", transform_value(ctx, t, "field"));
	else if (transform_is(t, CLASS_UNWRAP))
		put_member(ctx, json, "route.by.field", transform_value(ctx, t, "route.by.field"));
	else if (transform_is(t, CLASS_OUTBOX))
	{
		put_member(ctx, json, "regex", transform_value(ctx, t, "route.topic.regex"));
		put_member(ctx, json, "replacement", transform_value(ctx, t, "route.topic.replacement"));
	}
	else
		put_logical(ctx, json, t);
	put_member(ctx, json, "topics", t->pattern);
	text_puts(ctx, json, t->negate ? ",\"negate\":true}" : "}");
}

static void
set_steps(Ctx *ctx, const Transform *array, size_t n)
{
	Text json = {0};

	text_puts(ctx, &json, "[");
	for (size_t i = 0; i < n; i++)
		put_step(ctx, &json, &array[i]);
	text_puts(ctx, &json, "]");
	plugin_set(ctx, "transforms", json.data, "transforms");
}

/* Tombstones pass by the transform that makes its own of deletes. */
static bool
finish_kept_tombstones(Ctx *ctx, const Transform *unwrap)
{
	const char *mode = config_pair(&ctx->cfg->plugin, "delete.handling.mode");
	const char *kept = NULL;

	if (!unwrap->keeps_tombstones)
		return true;
	if (mode != NULL && strcmp(mode, "drop") == 0)
		kept = "delete-to-tombstone";
	else if (mode != NULL && starts_with(mode, "rewrite"))
		kept = "rewrite-with-tombstone";
	if (kept == NULL)
		return fail(ctx,
					"transforms.%s.predicate: refused: a delete would become two records without "
					"content; set transforms.%s.delete.tombstone.handling.mode to rewrite or drop, "
					"or remove the predicate and set it to delete-to-tombstone",
					unwrap->name, unwrap->name);
	plugin_set(ctx, "delete.handling.mode", kept,
			   arena_printf(ctx, "transforms.%s.predicate", unwrap->name));
	return true;
}

static bool
finish_unwrap(Ctx *ctx, const Transform *unwrap)
{
	finish_deletes(ctx, unwrap->name);
	if (!finish_kept_tombstones(ctx, unwrap))
		return false;
	finish_nulls(ctx, unwrap->name);
	finish_added_fields(ctx, unwrap->name);
	finish_added_headers(ctx, unwrap->name);
	return true;
}

/* Of an event, a schema can only describe the payload as the row has it. */
static bool
check_outbox_schemas(Ctx *ctx, const Transform *outbox)
{
	const char *expand = transform_value(ctx, outbox, "table.expand.json.payload");
	const char *placement = transform_value(ctx, outbox, "table.fields.additional.placement");
	const char *option = NULL;

	if (expand != NULL && is_true(expand))
		option = "table.expand.json.payload";
	else if (placement != NULL && strstr(placement, ":envelope") != NULL)
		option = "table.fields.additional.placement";
	if (!ctx->cfg->value_schemas || option == NULL)
		return true;
	return fail(ctx,
				"transforms.%s.%s: refused with schemas in values, which would depend on the row; "
				"set value.converter.schemas.enable to false, or place fields in headers and leave "
				"the payload as it is",
				outbox->name, option);
}

static bool
finish_transforms(Ctx *ctx)
{
	const char *names = setting_value(ctx, "transforms");
	Transform *array = arena_alloc(ctx, (names ? strlen(names) + 1 : 1) * sizeof(Transform));
	const Transform *unwrap;
	const Transform *outbox;
	size_t n = 0;
	bool brief;

	if (!check_transform_options(ctx) || !check_predicates(ctx) || !read_transforms(ctx, array, &n))
		return false;
	brief = is_short(ctx, array, n);
	for (size_t i = 0; i < n; i++)
		if (brief || !transform_is(&array[i], CLASS_ROUTER))
			apply_transform(ctx, array[i].name, array[i].type);
	if (!brief)
		set_steps(ctx, array, n);
	outbox = find_transform(array, n, CLASS_OUTBOX);
	if (outbox != NULL && !check_outbox_schemas(ctx, outbox))
		return false;
	if (outbox != NULL && transform_value(ctx, outbox, "route.by.field"))
		plugin_set(ctx, "outbox.route.by.field", transform_value(ctx, outbox, "route.by.field"),
				   arena_printf(ctx, "transforms.%s.route.by.field", outbox->name));
	unwrap = find_transform(array, n, CLASS_UNWRAP);
	plugin_set(ctx, "format", unwrap != NULL ? "flat" : "envelope", "transforms");
	return unwrap == NULL || finish_unwrap(ctx, unwrap);
}

/* As an identifier of SQL, which is how the plugin reads it. */
static const char *
quoted_identifier(Ctx *ctx, const char *name)
{
	char *quoted = arena_alloc(ctx, 2 * strlen(name) + 3);
	char *p = quoted;

	*p++ = '"';
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			*p++ = '"';
		*p++ = *name;
	}
	*p++ = '"';
	*p = '\0';
	return quoted;
}

/*
 * Debezium makes the publication, changes it, or takes it as it is.  Only the
 * last has an effect here: the plugin needs none.
 */
static void
finish_publication(Ctx *ctx)
{
	const char *name = setting_value(ctx, "publication.name");
	const char *mode = setting_value(ctx, "publication.autocreate.mode");
	const char *plugin = setting_value(ctx, "plugin.name");

	if (name == NULL && mode == NULL)
		return;
	if (plugin != NULL && strcmp(plugin, "decoderbufs") == 0)
		log_info("%s: no publication applies: Debezium's plugin decoderbufs knows none",
				 ctx->label);
	else if (mode != NULL && strcmp(mode, "filtered") == 0)
		log_info("%s: publication.autocreate.mode=filtered: no publication applies; Debezium would "
				 "make one of the tables that the lists name, nova needs none for that",
				 ctx->label);
	else
	{
		ctx->cfg->publication = arena_strdup(ctx, name != NULL ? name : "dbz_publication");
		ctx->cfg->publication_required = mode != NULL && strcmp(mode, "disabled") == 0;
		pairs_add(ctx, &ctx->cfg->plugin, CONFIG_PUBLICATION_OPTION,
				  quoted_identifier(ctx, ctx->cfg->publication),
				  name != NULL ? "publication.name" : "publication.autocreate.mode");
	}
}

static void
finish_fields(Ctx *ctx)
{
	RelayConfig *cfg = ctx->cfg;
	const char *prefix = setting_value(ctx, "topic.heartbeat.prefix");

	pairs_add(ctx, &cfg->plugin, "topic.prefix", cfg->topic_prefix, "topic.prefix");
	if (prefix == NULL)
		prefix = find_exact("topic.heartbeat.prefix")->deflt;
	if (cfg->heartbeat_topic == NULL)
		cfg->heartbeat_topic = arena_printf(ctx, "%s.%s", prefix, cfg->topic_prefix);
	if (cfg->retry_backoff_max_ms < cfg->retry_backoff_ms)
		cfg->retry_backoff_max_ms = cfg->retry_backoff_ms;
	if (cfg->state_topic == NULL)
		cfg->state_topic = arena_printf(ctx, "__nova-state.%s", cfg->topic_prefix);
}

#define OVERRIDES "snapshot.select.statement.overrides"

/* Tables and queries come in different keys: one without the other is a mistake. */
static bool
finish_overrides(Ctx *ctx)
{
	const char *list = setting_value(ctx, OVERRIDES);
	const char *table;

	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];

		if (starts_with(s->key, OVERRIDES ".") &&
			!list_has(ctx, list, s->key + strlen(OVERRIDES ".")))
			return fail(ctx, "%s: the table is missing in " OVERRIDES "; add it there", s->origin);
	}
	while ((table = list_next(ctx, &list)) != NULL)
	{
		const char *key = arena_printf(ctx, OVERRIDES ".%s", table);
		const char *query = setting_value(ctx, key);

		if (query == NULL)
			return fail(ctx, OVERRIDES ": names %s, but %s with its query is missing", table, key);
		pairs_add(ctx, &ctx->cfg->snapshot_overrides, table, query, key);
	}
	return true;
}

/* The value of name="…" or name='…' in a JAAS line, or NULL. */
static char *
jaas_value(Ctx *ctx, const char *jaas, const char *name)
{
	size_t namelen = strlen(name);

	for (const char *p = jaas; *p != '\0';)
	{
		bool here = (p == jaas || isspace((unsigned char) p[-1])) && starts_with(p, name);
		const char *value = here ? p + namelen + strspn(p + namelen, " \t") : p;
		Text out = {0};
		char quote;

		if (*p == '"' || *p == '\'')
		{
			/* Do not look for names inside of quotes. */
			const char *end = p + 1;

			while (*end != '\0' && *end != *p)
				end += *end == '\\' && end[1] != '\0' ? 2 : 1;
			p = *end == '\0' ? end : end + 1;
			continue;
		}
		p++;
		if (!here || *value != '=')
			continue;
		value++;
		value += strspn(value, " \t");
		quote = *value;
		if (quote != '"' && quote != '\'')
			return arena_strndup(ctx, value, strcspn(value, " \t;"));
		text_add(ctx, &out, "", 0);
		for (value++; *value != '\0' && *value != quote; value++)
		{
			if (*value == '\\' && value[1] != '\0')
				value++;
			text_add(ctx, &out, value, 1);
		}
		return *value == quote ? out.data : NULL;
	}
	return NULL;
}

static bool
finish_jaas(Ctx *ctx)
{
	const Setting *jaas = find_setting(ctx, "producer.override.sasl.jaas.config");
	char *username;
	char *password;

	if (jaas == NULL)
		return true;
	if (strstr(jaas->value, "PlainLoginModule") == NULL &&
		strstr(jaas->value, "ScramLoginModule") == NULL)
		return fail(ctx,
					"%s: refused: only PlainLoginModule and ScramLoginModule are understood; give "
					"librdkafka's own settings as kafka.sasl.*",
					jaas->origin);
	username = jaas_value(ctx, jaas->value, "username");
	password = jaas_value(ctx, jaas->value, "password");
	if (username == NULL || password == NULL)
		return fail(ctx,
					"%s: found no %s; expected …LoginModule required username=\"…\" "
					"password=\"…\";",
					jaas->origin, username == NULL ? "username=\"…\"" : "password=\"…\"");
	pairs_add(ctx, &ctx->cfg->kafka, "sasl.username", username, jaas->origin);
	pairs_add(ctx, &ctx->cfg->kafka, "sasl.password", password, jaas->origin);
	return true;
}

static bool
finish_stores(Ctx *ctx)
{
	ConfigPairs *kafka = &ctx->cfg->kafka;
	const Setting *trust = find_setting(ctx, "producer.override.ssl.truststore.location");
	const Setting *key = find_setting(ctx, "producer.override.ssl.keystore.location");
	const char *type = setting_value(ctx, "producer.override.ssl.keystore.type");

	/* Java's default type is JKS, which only Java reads. */
	if (trust != NULL && find_setting(ctx, "producer.override.ssl.truststore.type") == NULL)
		return fail(ctx,
					"%s: refused: librdkafka reads PEM, not JKS; convert the truststore and set "
					"ssl.truststore.type to PEM",
					trust->origin);
	if (key == NULL)
		return true;
	if (type == NULL)
		return fail(ctx,
					"%s: refused: librdkafka reads PEM and PKCS12, not JKS; convert the keystore "
					"and set ssl.keystore.type",
					key->origin);
	if (strcmp(type, "PKCS12") == 0)
		pairs_add(ctx, kafka, "ssl.keystore.location", key->value, key->origin);
	else
	{
		pairs_add(ctx, kafka, "ssl.certificate.location", key->value, key->origin);
		pairs_add(ctx, kafka, "ssl.key.location", key->value, key->origin);
	}
	return true;
}

/* ------------------------------------------------------------------------
 * Topic groups
 * ------------------------------------------------------------------------ */

/* One Java escape (s points behind the backslash) as POSIX; NULL: has none. */
static const char *
ere_escape(Ctx *ctx, char c, bool in_bracket)
{
	switch (c)
	{
		case 'd':
			return in_bracket ? "0-9" : "[0-9]";
		case 'w':
			return in_bracket ? "[:alnum:]_" : "[[:alnum:]_]";
		case 's':
			return in_bracket ? "[:space:]" : "[[:space:]]";
		case 'D':
			return in_bracket ? NULL : "[^0-9]";
		case 'W':
			return in_bracket ? NULL : "[^[:alnum:]_]";
		case 'S':
			return in_bracket ? NULL : "[^[:space:]]";
		default:
			break;
	}
	if (!ispunct((unsigned char) c))
		return NULL;
	/* In a bracket a backslash is literal, and these three have a meaning. */
	if (in_bracket)
		return strchr("]^-", c) != NULL ? NULL : arena_printf(ctx, "%c", c);
	return arena_printf(ctx, "\\%c", c);
}

/*
 * A Java regular expression as a POSIX ERE, as far as topic names need it.
 * Returns NULL, and why, for what would mean something else there.
 */
static char *
java_to_ere(Ctx *ctx, const char *java, const char **why)
{
	Text out = {0};
	bool in_bracket = false;

	text_add(ctx, &out, "", 0);
	for (const char *p = java; *p != '\0'; p++)
	{
		const char *piece;

		*why = NULL;
		if (*p == '\\')
		{
			piece = ere_escape(ctx, p[1], in_bracket);
			if (piece == NULL)
				*why = "an escape that POSIX expressions do not have";
			else
				p++;
		}
		else
		{
			if (!in_bracket && p[0] == '(' && p[1] == '?')
				*why = "\"(?\" is not supported";
			if (!in_bracket && strchr("*+?}", p[0]) != NULL && p[1] != '\0' &&
				strchr("?+", p[1]) != NULL)
				*why = "lazy and possessive quantifiers are not supported";
			/* Nested bounds make the matcher's automaton explode. */
			if (!in_bracket && p[0] == '{' &&
				(strchr(p + 1, '{') != NULL || strtoul(p + 1, NULL, 10) > REGEX_REPEAT_MAX))
				*why = "at most one {n}, and at most 255, is supported";
			in_bracket = in_bracket ? *p != ']' : *p == '[';
			piece = arena_strndup(ctx, p, 1);
		}
		if (*why != NULL)
			return NULL;
		text_add(ctx, &out, piece, strlen(piece));
	}
	return out.data;
}

/* "a,b" as "^(a|b)$"; NULL after an error. */
static char *
anchored_ere(Ctx *ctx, const Setting *setting)
{
	const char *list = setting->value;
	const char *item;
	Text out = {0};
	regex_t re;
	int rc;

	while ((item = list_next(ctx, &list)) != NULL)
	{
		const char *why = NULL;
		char *ere = java_to_ere(ctx, item, &why);

		if (ere == NULL)
		{
			fail(ctx, "%s: \"%.100s\": %s", setting->origin, item, why);
			return NULL;
		}
		text_add(ctx, &out, out.len == 0 ? "^(" : "|", out.len == 0 ? 2 : 1);
		text_add(ctx, &out, ere, strlen(ere));
	}
	if (out.len == 0 || out.len > REGEX_BYTES_MAX)
	{
		fail(ctx, "%s: expected regular expressions, together at most %d bytes", setting->origin,
			 REGEX_BYTES_MAX);
		return NULL;
	}
	text_add(ctx, &out, ")$", 2);
	rc = regcomp(&re, out.data, REG_EXTENDED | REG_NOSUB);
	if (rc != 0)
	{
		char text[100];

		regerror(rc, &re, text, sizeof(text));
		fail(ctx, "%s: not a regular expression: %s", setting->origin, text);
		return NULL;
	}
	regfree(&re);
	return out.data;
}

static const Setting *
group_setting(Ctx *ctx, const char *group, const char *what)
{
	return find_setting(ctx, arena_printf(ctx, "topic.creation.%s.%s", group, what));
}

static int
group_number(Ctx *ctx, const char *group, const char *what, bool *ok)
{
	const Setting *setting = group_setting(ctx, group, what);
	long n = setting == NULL ? -1 : strtol(setting->value, NULL, 10);

	if (n == 0)
		*ok = fail(ctx, "%s: 0 is not valid; expected 1 or more, or -1 for the broker's default",
				   setting->origin);
	return (int) n;
}

static bool
fill_group(Ctx *ctx, TopicGroup *group, const char *name)
{
	const Setting *include = group_setting(ctx, name, "include");
	const Setting *exclude = group_setting(ctx, name, "exclude");
	bool is_default = strcmp(name, "default") == 0;
	bool ok = true;

	group->name = arena_strdup(ctx, name);
	if (is_default && (include != NULL || exclude != NULL))
		return fail(ctx, "%s: the group default takes every topic; remove it",
					include != NULL ? include->origin : exclude->origin);
	if (!is_default && (include == NULL || include->value[0] == '\0'))
		return fail(ctx, "required and missing: topic.creation.%s.include", name);
	if (include != NULL && (group->include = anchored_ere(ctx, include)) == NULL)
		return false;
	if (exclude != NULL && exclude->value[0] != '\0' &&
		(group->exclude = anchored_ere(ctx, exclude)) == NULL)
		return false;
	group->partitions = group_number(ctx, name, "partitions", &ok);
	group->replication_factor = group_number(ctx, name, "replication.factor", &ok);
	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];

		if (strcmp(s->opt->key, "topic.creation.*.*") == 0 && strcmp(s->star[0], name) == 0)
			pairs_add(ctx, &group->properties, s->star[1], s->value, s->origin);
	}
	return ok;
}

/* Every topic.creation.<group>.* has its group in topic.creation.groups. */
static bool
check_group_names(Ctx *ctx, const char *names)
{
	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];

		if (starts_with(s->opt->key, "topic.creation.*") && strcmp(s->star[0], "default") != 0 &&
			!list_has(ctx, names, s->star[0]))
			return fail(ctx, "%s: topic.creation.groups does not name \"%s\"; add it there",
						s->origin, s->star[0]);
	}
	return true;
}

static bool
finish_groups(Ctx *ctx)
{
	const char *names = setting_value(ctx, "topic.creation.groups");
	const char *rest = names;
	const char *name;
	size_t count = 1;

	if (!check_group_names(ctx, names))
		return false;
	while (list_next(ctx, &rest) != NULL)
		count++;
	if (count > CONFIG_KEYS_MAX)
		return fail(ctx, "topic.creation.groups: more than %d groups", CONFIG_KEYS_MAX);
	ctx->cfg->groups = arena_alloc(ctx, count * sizeof(TopicGroup));
	while ((name = list_next(ctx, &names)) != NULL)
	{
		TopicGroup *group = &ctx->cfg->groups[ctx->cfg->ngroups];

		if (strcmp(name, "default") == 0)
			continue;
		for (size_t i = 0; i < ctx->cfg->ngroups; i++)
			if (strcmp(ctx->cfg->groups[i].name, name) == 0)
				return fail(ctx, "topic.creation.groups: names \"%s\" twice", name);
		if (!fill_group(ctx, group, name))
			return false;
		ctx->cfg->ngroups++;
	}
	return fill_group(ctx, &ctx->cfg->groups[ctx->cfg->ngroups++], "default");
}

/* ------------------------------------------------------------------------
 * Entry points
 * ------------------------------------------------------------------------ */

static void
log_notes(const Ctx *ctx)
{
	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];

		if (s->opt->note == NULL || s->value[0] == '\0')
			continue;
		if (s->opt->fate == FATE_IGNORED)
			log_info("%s: %s is ignored: %s", ctx->label, s->origin, s->opt->note);
		else
			log_info("%s: %s: %s", ctx->label, s->origin, s->opt->note);
	}
}

static bool
build(Ctx *ctx, const cJSON *root)
{
	const cJSON *name;
	const cJSON *map = inner_map(ctx, root, &name);

	if (map == NULL || !collect_all(ctx, map, name) || !check_required(ctx) ||
		!check_exclusive(ctx))
		return false;
	apply_all(ctx);
	finish_fields(ctx);
	finish_profile(ctx);
	finish_key_forms(ctx);
	finish_publication(ctx);
	if (!finish_masks(ctx) || !finish_schemas(ctx) || !finish_overrides(ctx) ||
		!finish_transforms(ctx) || !finish_context_headers(ctx) || !finish_stores(ctx) ||
		!finish_jaas(ctx) || !finish_groups(ctx))
		return false;
	log_notes(ctx);
	return true;
}

static void
ctx_init(Ctx *ctx, const char *label, char *err, size_t errsize)
{
	*ctx = (Ctx){.label = label, .err = err, .errsize = errsize};
	if (errsize > 0)
		err[0] = '\0';
	ctx->owned = calloc(1, sizeof(OwnedConfig));
	if (ctx->owned == NULL)
	{
		log_error("out of memory while reading the configuration; stopping");
		exit(EXIT_FAILED);
	}
	ctx->cfg = &ctx->owned->cfg;
}

static RelayConfig *
parse_into(Ctx *ctx, const char *json, size_t len)
{
	cJSON *root = parse_json(ctx, json, len);
	bool ok = root != NULL && build(ctx, root);

	cJSON_Delete(root);
	if (ok)
		return ctx->cfg;
	config_free(ctx->cfg);
	return NULL;
}

RelayConfig *
config_parse(const char *json, size_t len, const char *label, char *err, size_t errsize)
{
	Ctx ctx;

	ctx_init(&ctx, label, err, errsize);
	return parse_into(&ctx, json, len);
}

RelayConfig *
config_load(const char *path, char *err, size_t errsize)
{
	bool is_stdin = strcmp(path, "-") == 0;
	Ctx ctx;
	int fd;
	char *json = NULL;
	size_t len;

	ctx_init(&ctx, is_stdin ? "standard input" : path, err, errsize);
	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		json = read_all(&ctx, fd, &len);
	if (json == NULL)
		fail(&ctx, "cannot read the configuration: %s", strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	if (json != NULL)
		return parse_into(&ctx, json, len);
	config_free(ctx.cfg);
	return NULL;
}

void
config_free(RelayConfig *cfg)
{
	/* The RelayConfig is the first member of what was allocated. */
	OwnedConfig *owned = (OwnedConfig *) cfg;

	if (owned == NULL)
		return;
	for (ArenaBlock *block = owned->arena; block != NULL;)
	{
		ArenaBlock *next = block->next;

		free(block);
		block = next;
	}
	free(owned);
}

static bool
ere_matches(const char *ere, const char *text)
{
	regex_t re;
	bool matches;

	/* Compiled at load once already; topics are made too rarely to keep it. */
	if (regcomp(&re, ere, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return matches;
}

const TopicGroup *
config_topic_group(const RelayConfig *cfg, const char *topic)
{
	for (size_t i = 0; i + 1 < cfg->ngroups; i++)
	{
		const TopicGroup *group = &cfg->groups[i];

		if (ere_matches(group->include, topic) &&
			(group->exclude == NULL || !ere_matches(group->exclude, topic)))
			return group;
	}
	return &cfg->groups[cfg->ngroups - 1];
}

/* The last one wins, as it does in the libraries. */
const char *
config_pair(const ConfigPairs *pairs, const char *name)
{
	for (size_t i = pairs->count; i > 0; i--)
		if (strcmp(pairs->items[i - 1].name, name) == 0)
			return pairs->items[i - 1].value;
	return NULL;
}

/* ------------------------------------------------------------------------
 * Printing
 * ------------------------------------------------------------------------ */

/*
 * Which values are masked goes by the name, because kafka.* passes names that
 * the table does not know.
 */
static bool
is_secret(const char *name)
{
	static const char *const parts[] = {
		"password", "secret", "jaas", "key.pem", "token", "basic.auth", "oauthbearer.config"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(name, parts[i]) != NULL)
			return true;
	return false;
}

/* The salts of "ALGORITHM:\\xHEX:regex,…" stay hidden. */
static void
print_salted(FILE *out, const char *value)
{
	const char *salt;

	while ((salt = strstr(value, ":\\x")) != NULL)
	{
		fprintf(out, "%.*s:********", (int) (salt - value), value);
		value = salt + 3 + strspn(salt + 3, "0123456789abcdef");
	}
	fputs(value, out);
}

/* Values may hold line breaks (inline PEM); a setting stays one line. */
static void
print_line(FILE *out, const char *where, const char *name, const char *value, const char *origin)
{
	fprintf(out, "%-8s %s = ", where, name);
	if (is_secret(name) || is_secret(origin))
		fputs("********", out);
	else if (starts_with(name, "column.mask.hash"))
		print_salted(out, value);
	else
		for (const char *p = value; *p != '\0'; p++)
			fputc((unsigned char) *p < 0x20 || *p == 0x7F ? ' ' : *p, out);
	if (strcmp(name, origin) != 0)
		fprintf(out, "  (%s)", origin);
	fputc('\n', out);
}

static void
print_pairs(FILE *out, const char *where, const ConfigPairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		print_line(out, where, pairs->items[i].name, pairs->items[i].value, pairs->items[i].origin);
}

/* The name of an enumeration's place-th value. */
static void
enum_name(const char *values, int place, char *name, size_t size)
{
	while (place-- > 0)
		values += strcspn(values, "|") + 1;
	snprintf(name, size, "%.*s", (int) strcspn(values, "|"), values);
}

static void
print_field(FILE *out, const RelayConfig *cfg, const Option *opt)
{
	const void *member = (const char *) cfg + opt->offset;
	char text[32];
	const char *value = text;

	switch (opt->type)
	{
		case TYPE_BOOL:
			value = *(const bool *) member ? "true" : "false";
			break;
		case TYPE_INT:
			snprintf(text, sizeof(text), "%d", *(const int *) member);
			break;
		case TYPE_ENUM:
			enum_name(opt->values, (int) *(const SnapshotMode *) member, text, sizeof(text));
			break;
		case TYPE_STRING:
		case TYPE_LIST:
			value = *(char *const *) member;
			break;
	}
	if (value != NULL)
		print_line(out, "relay", opt->key, value, opt->key);
}

static void
print_group(FILE *out, const TopicGroup *group)
{
	static const char where[] = "topics";

	fprintf(out, "%-8s %s: include = %s, exclude = %s, partitions = %d, replication.factor = %d\n",
			where, group->name, group->include ? group->include : "(all)",
			group->exclude ? group->exclude : "(none)", group->partitions,
			group->replication_factor);
	for (size_t i = 0; i < group->properties.count; i++)
		fprintf(out, "%-8s %s: %s = %s\n", where, group->name, group->properties.items[i].name,
				group->properties.items[i].value);
}

PublicationUse
config_publication_use(const RelayConfig *cfg, bool exists)
{
	if (cfg->publication == NULL)
		return PUBLICATION_NONE;
	if (exists)
		return PUBLICATION_APPLIES;
	return cfg->publication_required ? PUBLICATION_MISSING : PUBLICATION_NOT_NEEDED;
}

bool
config_option_applies(const ConfigPair *option, PublicationUse publication)
{
	return publication == PUBLICATION_APPLIES ||
		   strcmp(option->name, CONFIG_PUBLICATION_OPTION) != 0;
}

void
config_print_effective(const RelayConfig *cfg, FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].key != NULL && options[i].target == TO_FIELD)
			print_field(out, cfg, &options[i]);
	print_pairs(out, "libpq", &cfg->pg);
	print_pairs(out, "plugin", &cfg->plugin);
	print_pairs(out, "kafka", &cfg->kafka);
	print_pairs(out, "snapshot", &cfg->snapshot_overrides);
	for (size_t i = 0; i < cfg->ngroups; i++)
		print_group(out, &cfg->groups[i]);
}

/* A cell of a Markdown table: '|' would end it. */
static void
print_cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '|')
			fputs("\\|", out);
		else
			fputc(*text, out);
	}
}

static void
print_type(FILE *out, const Option *opt)
{
	static const char *const names[] = {"text", "list", "true, false", "", ""};

	if (opt->target == TO_ALIAS || opt->fate == FATE_REFUSED)
		return;
	if (opt->type == TYPE_INT && opt->max == INT_MAX)
		fprintf(out, "%ld or more", opt->min);
	else if (opt->type == TYPE_INT)
		fprintf(out, "%ld to %ld", opt->min, opt->max);
	else if (opt->type == TYPE_ENUM)
		for (const char *p = opt->values; *p != '\0';)
		{
			size_t len = strcspn(p, "|");

			if (memchr(p, '=', len) == NULL)
				fprintf(out, "%s`%.*s`", p == opt->values ? "" : ", ", (int) len, p);
			p += len + (p[len] == '|');
		}
	else
		fputs(names[opt->type], out);
}

static void
print_option(FILE *out, const Option *opt)
{
	static const char *const fates[] = {"works", "ignored", "refused"};

	fprintf(out, "| `%s` | ", opt->key);
	print_type(out, opt);
	if (opt->deflt != NULL && opt->deflt[0] != '\0')
		fprintf(out, " | `%s` | %s | ", opt->deflt, fates[opt->fate]);
	else
		fprintf(out, " | | %s | ", fates[opt->fate]);
	if (opt->help != NULL)
		print_cell(out, opt->help);
	if (opt->note != NULL)
	{
		fputs(opt->help != NULL ? " Note: " : "", out);
		print_cell(out, opt->note);
		fputc('.', out);
	}
	if (opt->refusal != NULL)
	{
		fputs(opt->help != NULL ? " Other values are refused: " : "", out);
		print_cell(out, opt->refusal);
		fputc('.', out);
	}
	fputs(" |\n", out);
}

void
config_print_options(FILE *out)
{
	fputs("# Options of nova-relay\n\nPrinted by `nova-relay options`.  Works: the value has its "
		  "effect.  Ignored: accepted, and one log line says why.  Refused: the relay does not "
		  "start with it and says what to do.\n",
		  out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		if (options[i].key == NULL)
			fprintf(out, "\n## %s\n\n| key | values | default | | |\n|---|---|---|---|---|\n",
					options[i].help);
		else
			print_option(out, &options[i]);
	}
}
