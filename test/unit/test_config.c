/*-------------------------------------------------------------------------
 *
 * test_config.c
 *		The connector JSON: what works, what is ignored, what is refused.
 *
 * A case is the inner map's text beyond the smallest valid configuration, and
 * a piece of the error that it must give (NULL: none).
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../relay/config.h"
#include "../../relay/log.h"

#define MINIMAL                                                                                    \
	"\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"nova\","           \
	"\"topic.prefix\":\"cdc\",\"transforms\":\"unwrap\","                                          \
	"\"transforms.unwrap.type\":\"io.debezium.transforms.ExtractNewRecordState\""
#define CONNECTOR "\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\""
#define PLAIN                                                                                      \
	"\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"nova\","           \
	"\"topic.prefix\":\"cdc\""
#define UNWRAP(option) "\"transforms.unwrap." option "\":"
#define ROUTED                                                                                     \
	"\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"nova\","           \
	"\"topic.prefix\":\"cdc\",\"transforms\":\"u, r\","                                            \
	"\"transforms.u.type\":\"io.debezium.transforms.ExtractNewRecordState\","                      \
	"\"transforms.r.type\":\"org.apache.kafka.connect.transforms.RegexRouter\""

static char error_text[2048];

static RelayConfig *
parse(const char *json)
{
	return config_parse(json, strlen(json), "test", error_text, sizeof(error_text));
}

/* The smallest valid configuration and more keys. */
static RelayConfig *
parse_with(const char *more)
{
	char json[8192];

	snprintf(json, sizeof(json), "{" MINIMAL "%s%s}", more[0] != '\0' ? "," : "", more);
	return parse(json);
}

static void
expect_error(const char *json, const char *piece)
{
	RelayConfig *cfg = parse(json);

	if (cfg != NULL)
		fail_msg("accepted: %s", json);
	if (strstr(error_text, piece) == NULL)
		fail_msg("%s gives \"%s\", not \"%s\"", json, error_text, piece);
	assert_null(strchr(error_text, '\n'));
}

static void
expect_refused(const char *more, const char *piece)
{
	char json[8192];

	snprintf(json, sizeof(json), "{" MINIMAL ",%s}", more);
	expect_error(json, piece);
}

static void
expect_pair(const ConfigPairs *pairs, const char *name, const char *value)
{
	const char *found = config_pair(pairs, name);

	if (value == NULL)
		assert_null(found);
	else
	{
		assert_non_null(found);
		assert_string_equal(found, value);
	}
}

static void
expect_kafka(const char *more, const char *name, const char *value)
{
	RelayConfig *cfg = parse_with(more);

	if (cfg == NULL)
		fail_msg("%s", error_text);
	expect_pair(&cfg->kafka, name, value);
	config_free(cfg);
}

static void
expect_plugin(const char *more, const char *name, const char *value)
{
	RelayConfig *cfg = parse_with(more);

	if (cfg == NULL)
		fail_msg("%s", error_text);
	expect_pair(&cfg->plugin, name, value);
	config_free(cfg);
}

static void
test_defaults(void **state)
{
	RelayConfig *cfg = parse_with("");

	(void) state;
	assert_non_null(cfg);
	assert_string_equal(cfg->name, "nova");
	assert_string_equal(cfg->slot_name, "debezium");
	assert_string_equal(cfg->heartbeat_topic, "__debezium-heartbeat.cdc");
	assert_null(cfg->heartbeat_action_query);
	assert_int_equal(cfg->heartbeat_interval_ms, 0);
	assert_int_equal(cfg->status_interval_ms, 10000);
	assert_int_equal(cfg->retry_backoff_ms, 500);
	assert_int_equal(cfg->retry_backoff_max_ms, 10000);
	assert_int_equal(cfg->shutdown_timeout_ms, 30000);
	assert_int_equal(cfg->snapshot_mode, SNAPSHOT_INITIAL);
	assert_false(cfg->slot_drop_on_stop);
	assert_int_equal(cfg->ngroups, 1);
	assert_string_equal(cfg->groups[0].name, "default");
	assert_int_equal(cfg->groups[0].partitions, -1);
	expect_pair(&cfg->pg, "port", "5432");
	expect_pair(&cfg->pg, "keepalives", "1");
	expect_pair(&cfg->pg, "password", NULL);
	expect_pair(&cfg->plugin, "topic.prefix", "cdc");
	expect_pair(&cfg->plugin, "tombstones.on.delete", "true");
	expect_pair(&cfg->plugin, "skipped.operations", "t");
	expect_pair(&cfg->plugin, "add.fields.prefix", "__");
	expect_pair(&cfg->plugin, "batch.bytes", NULL);
	expect_pair(&cfg->plugin, "profile", "nova");
	expect_pair(&cfg->plugin, "format", "flat");
	expect_pair(&cfg->plugin, "add.fields", NULL);
	expect_pair(&cfg->plugin, "delete.handling.mode", NULL);
	expect_pair(&cfg->plugin, "time.precision.mode", NULL);
	expect_pair(&cfg->kafka, "bootstrap.servers", NULL);
	config_free(cfg);
}

static void
test_both_shapes(void **state)
{
	RelayConfig *cfg = parse("{\"name\":\"n\",\"config\":{" MINIMAL "}}");

	(void) state;
	assert_non_null(cfg);
	assert_string_equal(cfg->name, "n");
	config_free(cfg);
	cfg = parse("{\"config\":{\"name\":\"n\"," MINIMAL "},\"name\":\"n\"}");
	assert_non_null(cfg);
	config_free(cfg);
	expect_error("{\"name\":\"n\",\"config\":{\"name\":\"m\"," MINIMAL "}}", "differ");
	expect_error("{\"slot.name\":\"n\",\"config\":{" MINIMAL "}}", "slot.name");
	expect_error("{\"config\":{" MINIMAL "},\"config\":{}}", "twice");
}

/* The first of several hosts that is the primary. */
static void
test_hosts(void **state)
{
	RelayConfig *cfg = parse("{\"database.hostname\":\"a, b\",\"database.port\":\"1 ,2\","
							 "\"database.user\":\"u\",\"database.dbname\":\"d\","
							 "\"topic.prefix\":\"cdc\",\"name\":\"n\"}");

	(void) state;
	if (cfg == NULL)
		fail_msg("%s", error_text);
	expect_pair(&cfg->pg, "host", "a,b");
	expect_pair(&cfg->pg, "port", "1,2");
	expect_pair(&cfg->pg, "target_session_attrs", "primary");
	config_free(cfg);
	cfg = parse_with("\"database.target.session.attrs\":\"read-write\"");
	assert_non_null(cfg);
	expect_pair(&cfg->pg, "target_session_attrs", "read-write");
	config_free(cfg);
	cfg = parse_with("");
	expect_pair(&cfg->pg, "target_session_attrs", NULL);
	config_free(cfg);
}

static void
test_takeover(void **state)
{
	RelayConfig *cfg =
		parse_with("\"nova.takeover\":\"Terminate\",\"nova.takeover.after.ms\":20000");

	(void) state;
	assert_non_null(cfg);
	assert_int_equal(cfg->takeover, TAKEOVER_TERMINATE);
	config_free(cfg);
	expect_refused("\"nova.takeover\":\"terminate\",\"nova.takeover.after.ms\":19999",
				   "at least twice status.update.interval.ms (10000)");
	expect_refused("\"nova.takeover\":\"kill\"", "terminate");
}

static void
test_road(void **state)
{
	RelayConfig *cfg = parse_with("");

	(void) state;
	assert_non_null(cfg);
	assert_int_equal(cfg->stream_mode, STREAM_AUTO);
	assert_int_equal(cfg->stream_backlog_mb, 64);
	config_free(cfg);
	cfg = parse_with("\"nova.stream.mode\":\"Auto\",\"nova.stream.backlog.mb\":1");
	assert_non_null(cfg);
	assert_int_equal(cfg->stream_mode, STREAM_AUTO);
	assert_int_equal(cfg->stream_backlog_mb, 1);
	config_free(cfg);
	cfg = parse_with("\"nova.stream.mode\":\"direct\"");
	assert_non_null(cfg);
	assert_int_equal(cfg->stream_mode, STREAM_DIRECT);
	config_free(cfg);
	expect_refused("\"nova.stream.mode\":\"walsender\"", "direct");
	expect_refused("\"nova.stream.backlog.mb\":0", "nova.stream.backlog.mb");
	cfg = parse_with("\"nova.slot.watch.ms\":0");
	assert_non_null(cfg);
	assert_int_equal(cfg->stream_mode, STREAM_AUTO);
	config_free(cfg);
}

static void
test_spool(void **state)
{
	RelayConfig *cfg = parse_with("\"nova.spool.dir\":\"/var/spool/nova\"");

	(void) state;
	assert_non_null(cfg);
	assert_string_equal(cfg->spool_dir, "/var/spool/nova");
	assert_int_equal(cfg->spool_after_ms, 60000);
	assert_int_equal(cfg->spool_max_mb, 10240);
	config_free(cfg);
	cfg = parse_with("\"nova.spool.dir\":\"\",\"slot.drop.on.stop\":true");
	assert_non_null(cfg);
	assert_null(cfg->spool_dir);
	config_free(cfg);
	expect_refused("\"nova.spool.dir\":\"/s\",\"exactly.once.support\":\"required\"",
				   "nova.spool.dir: is not possible with exactly once");
	expect_refused("\"nova.spool.dir\":\"/s\",\"nova.position.interval.ms\":0",
				   "needs nova.position.interval.ms above 0");
	expect_refused("\"nova.spool.dir\":\"/s\",\"slot.drop.on.stop\":true", "slot.drop.on.stop");
}

static void
test_value_kinds(void **state)
{
	RelayConfig *cfg =
		parse_with("\"heartbeat.interval.ms\":10000,\"slot.drop.on.stop\":true,"
				   "\"slot.failover\":\"TRUE\",\"database.port\":\"6432\","
				   "\"heartbeat.action.query\":\"SELECT 1\",\"snapshot.mode\":\"No_Data\"");

	(void) state;
	assert_non_null(cfg);
	assert_int_equal(cfg->heartbeat_interval_ms, 10000);
	assert_true(cfg->slot_drop_on_stop);
	assert_true(cfg->slot_failover);
	assert_string_equal(cfg->heartbeat_action_query, "SELECT 1");
	assert_int_equal(cfg->snapshot_mode, SNAPSHOT_NO_DATA);
	expect_pair(&cfg->pg, "port", "6432");
	config_free(cfg);
	expect_refused("\"database.port\":0", "from 1 to 65535");
	expect_refused("\"database.port\":\"65536\"", "from 1 to 65535");
	expect_refused("\"database.port\":\" 1 x\"", "whole number");
	expect_refused("\"database.port\":1e400", "out of range");
	expect_refused("\"database.port\":\",\"", "whole number");
	expect_refused("\"database.port\":\"1,x\"", "whole number");
	expect_refused("\"database.port\":\"1,2\"", "2 ports for 1 host");
	expect_refused("\"database.port\":\"99999999999999999999\"", "whole number");
	expect_refused("\"database.port\":null", "null");
	expect_refused("\"table.include.list\":[\"a\"]", "array");
	expect_refused("\"table.include.list\":{}", "object");
	expect_refused("\"slot.failover\":\"yes\"", "true or false");
	expect_refused("\"slot.name\":\"Nova\"", "lower-case");
	expect_refused("\"slot.name\":\"\"", "empty");
}

static void
test_snapshot_modes(void **state)
{
	static const struct
	{
		const char *name;
		SnapshotMode mode;
	} modes[] = {
		{"initial", SNAPSHOT_INITIAL},  {"initial_only", SNAPSHOT_INITIAL_ONLY},
		{"always", SNAPSHOT_ALWAYS},    {"no_data", SNAPSHOT_NO_DATA},
		{"never", SNAPSHOT_NO_DATA},    {"when_needed", SNAPSHOT_WHEN_NEEDED},
		{"exported", SNAPSHOT_INITIAL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		char more[100];
		RelayConfig *cfg;

		snprintf(more, sizeof(more), "\"snapshot.mode\":\"%s\"", modes[i].name);
		cfg = parse_with(more);
		assert_non_null(cfg);
		assert_int_equal(cfg->snapshot_mode, modes[i].mode);
		config_free(cfg);
	}
	expect_refused("\"snapshot.mode\":\"custom\"", "refused");
	expect_refused("\"snapshot.mode\":\"configuration_based\"", "refused");
}

static void
test_not_json(void **state)
{
	static const char *const cases[][2] = {
		{"", "line 1, column 1: not JSON: expected '{'"},
		{"nonsense", "line 1, column 1: not JSON: expected '{'"},
		{"{", "expected a key in double quotes, or '}', but the text ends here"},
		{"{,}", "line 1, column 2: not JSON: expected a key"},
		{"{\"a\" 1}", "line 1, column 6: not JSON: expected ':'"},
		{"{\n\"a\":1,\n}", "line 3, column 1: not JSON: expected a key"},
		{"{\"a\":}", "line 1, column 6: not JSON: expected a value"},
		{"{\"a\":nul}", "line 1, column 6: not JSON: expected a value"},
		{"{\"a\":1 \"b\":2}", "line 1, column 8: not JSON: expected ',' or '}'"},
		{"{\"a\":1", "expected ',' or '}', but the text ends here"},
		{"{\"a\":\"x", "line 1, column 6: not JSON: a text in double quotes is not closed"},
		{"{}x", "line 1, column 3: not JSON: expected nothing"},
		{"[1]", "expected an object"},
		{"{\"a\":\"\\u0000\"}", "\\u0000"},
		{"{\"a\":\"\xff\"}", "line 1, column 7: a byte that is not UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(cases[i][0], cases[i][1]);
	assert_null(config_parse("{\"a\":\0}", 7, "test", error_text, sizeof(error_text)));
	assert_non_null(strstr(error_text, "column 6: a NUL byte"));
}

static void
test_hostile(void **state)
{
	size_t len = 2000000;
	char *deep = malloc(len);
	char tiny[4];

	(void) state;
	assert_non_null(deep);
	memset(deep, '[', len);
	assert_null(config_parse(deep, len, "test", error_text, sizeof(error_text)));
	assert_non_null(strstr(error_text, "longer than"));
	assert_null(config_parse(deep, 100000, "test", error_text, sizeof(error_text)));
	assert_null(config_parse(deep, 100000, "test", tiny, sizeof(tiny)));
	assert_int_equal(strlen(tiny), 3);
	assert_null(config_parse(deep, 100000, "test", NULL, 0));
	/* A key longer than any that is known, with a line break in it. */
	memset(deep, 'a', 1000);
	memcpy(deep, "{\"\\n", 4);
	memcpy(deep + 1000, "\":1}", 4);
	assert_null(config_parse(deep, 1004, "test", error_text, sizeof(error_text)));
	assert_non_null(strstr(error_text, "unknown key"));
	assert_null(strchr(error_text, '\n'));
	free(deep);
}

static void
test_unknown_keys(void **state)
{
	static const char *const cases[][2] = {
		{"\"databse.hostname\":\"x\"", "did you mean database.hostname?"},
		{"\"transforms.unwrap.add.field\":\"x\"", "did you mean transforms.unwrap.add.fields?"},
		{"\"topic.creation.group\":\"x\"", "did you mean topic.creation.groups?"},
		{"\"table.include.lists\":\"x\"", "did you mean table.include.list?"},
		{"\"linger.ms\":\"5\"", "did you mean producer.override.linger.ms?"},
		{"\"producer.override.linger\":\"5\"", "did you mean producer.override.linger.ms?"},
		{"\"\":\"5\"", "unknown key"},
		{"\"kafka.\":\"5\"", "unknown key"},
		{"\"*\":\"5\"", "unknown key"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(cases[i][0], cases[i][1]);
}

static void
test_duplicates_and_aliases(void **state)
{
	RelayConfig *cfg;

	(void) state;
	expect_refused("\"slot.name\":\"a\",\"slot.name\":\"a\"", "slot.name: appears twice");
	expect_refused("\"database.server.name\":\"x\"", "contradicts topic.prefix");
	expect_plugin("\"database.server.name\":\"cdc\"", "topic.prefix", "cdc");
	expect_plugin("\"table.whitelist\":\"public.a\"", "table.include.list", "public.a");
	expect_plugin("\"table.blacklist\":\"public.a\"", "table.exclude.list", "public.a");
	cfg = parse("{\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"n\","
				"\"database.server.name\":\"old\",\"transforms\":\"x\","
				"\"transforms.x.type\":\"io.debezium.transforms.ExtractNewRecordState\"}");
	assert_non_null(cfg);
	assert_string_equal(cfg->topic_prefix, "old");
	config_free(cfg);
}

static void
test_required(void **state)
{
	(void) state;
	expect_error("{}", "required and missing: topic.prefix, database.hostname, database.user, "
					   "database.dbname");
	expect_refused("\"database.password\":\"\"", "database.password: is empty");
	expect_refused("\"topic.heartbeat.name\":\"a b\"", "topic name");
}

static char *
write_file(const char *content)
{
	static char path[] = "/tmp/nova_config_XXXXXX";
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t) strlen(content));
	close(fd);
	return path;
}

static void
test_placeholders(void **state)
{
	char more[300];
	char *path = write_file("# secrets\n! too\n  db.password = pa\\:ss\\\\word\nuser:u2\nempty=\n");
	RelayConfig *cfg;

	(void) state;
	setenv("NOVA_TEST_HOST", "h1", 1);
	setenv("NOVA_TEST_EMPTY", "", 1);
	unsetenv("NOVA_TEST_UNSET");
	snprintf(more, sizeof(more),
			 "\"database.password\":\"${file:%s:db.password}\","
			 "\"kafka.client.id\":\"a-${env:NOVA_TEST_HOST}-${env:NOVA_TEST_UNSET:-d}"
			 "${env:NOVA_TEST_EMPTY:-e}\",\"kafka.x\":\"${file:%s:empty}\"",
			 path, path);
	cfg = parse_with(more);
	if (cfg == NULL)
		fail_msg("%s", error_text);
	expect_pair(&cfg->pg, "password", "pa:ss\\word");
	expect_pair(&cfg->kafka, "client.id", "a-h1-de");
	expect_pair(&cfg->kafka, "x", "");
	config_free(cfg);
	snprintf(more, sizeof(more), "\"database.password\":\"${file:%s:none}\"", path);
	expect_refused(more, "has no property \"none\"");
	unlink(path);
	path = write_file(" \n whole secret \n\n");
	snprintf(more, sizeof(more), "\"database.password\":\"${file:%s}\"", path);
	cfg = parse_with(more);
	assert_non_null(cfg);
	expect_pair(&cfg->pg, "password", "whole secret");
	config_free(cfg);
	unlink(path);
	expect_refused(more, "cannot read file");
	expect_refused("\"kafka.x\":\"${file:/dev/null}\"", "not a regular file");
	expect_refused("\"kafka.x\":\"${env:NOVA_TEST_UNSET}\"",
				   "kafka.x: environment variable NOVA_TEST_UNSET is not set");
	expect_refused("\"kafka.x\":\"${env:}\"", "is not set");
	expect_refused("\"kafka.x\":\"${vault:a}\"", "placeholder ${vault:a} is not known");
	expect_refused("\"kafka.x\":\"${HOST}\"", "is not known");
	expect_refused("\"kafka.x\":\"a ${env:HOME\"", "not closed");
}

static void
test_filters(void **state)
{
	(void) state;
	expect_refused("\"table.include.list\":\"a\",\"table.exclude.list\":\"b\"",
				   "exclude each other");
	expect_refused("\"schema.include.list\":\"a\",\"schema.exclude.list\":\"b\"",
				   "exclude each other");
	expect_plugin("\"table.include.list\":\"\",\"table.exclude.list\":\"b\"", "table.exclude.list",
				  "b");
	expect_plugin("\"table.include.list\":\"\"", "table.include.list", NULL);
	expect_plugin("\"skipped.operations\":\"c, u,d\"", "skipped.operations", "c, u,d");
	expect_plugin("\"skipped.operations\":\"none\"", "skipped.operations", "none");
	expect_refused("\"skipped.operations\":\"c,x\"", "c, u, d, t");
	expect_refused("\"skipped.operations\":\"c,\"", "c, u, d, t");
	expect_plugin("\"publish.via.partition.root\":true", "publish.via.partition.root", "true");
	expect_plugin("\"column.include.list\":\"a.b.c\"", "column.include.list", "a.b.c");
	expect_plugin("\"column.blacklist\":\"a.b.c\"", "column.exclude.list", "a.b.c");
	expect_refused("\"column.include.list\":\"a.b.c\",\"column.exclude.list\":\"a.b.d\"",
				   "exclude each other");
	expect_plugin("\"message.key.columns\":\"a.b:c,d; (.*).x:y\"", "message.key.columns",
				  "a.b:c,d; (.*).x:y");
	expect_refused("\"message.key.columns\":\"a.b:c;a.d\"", "\"a.d\" is not valid");
	expect_refused("\"message.key.columns\":\"a.b:\"", "not valid");
	expect_refused("\"message.key.columns\":\":a\"", "not valid");
	expect_plugin("\"nova.batch.bytes\":4096", "batch.bytes", "4096");
	expect_refused("\"nova.batch.bytes\":512", "1024 to 1048576");
	expect_plugin("\"nova.unavailable.value.handling\":\"omit\"", "unavailable.value.handling",
				  "omit");
}

/* Each connector key and what the plugin gets. */
static void
test_values(void **state)
{
	static const char *const cases[][3] = {
		{"\"time.precision.mode\":\"adaptive\"", "time.precision.mode", "adaptive"},
		{"\"time.precision.mode\":\"Connect\"", "time.precision.mode", "connect"},
		{"\"time.precision.mode\":\"adaptive_time_microseconds\"", "time.precision.mode",
		 "adaptive_time_microseconds"},
		{"\"time.precision.mode\":\"isostring\"", "time.precision.mode", "isostring"},
		{"\"time.precision.mode\":\"microseconds\"", "time.precision.mode", "microseconds"},
		{"\"time.precision.mode\":\"nanoseconds\"", "time.precision.mode", "nanoseconds"},
		{"\"decimal.handling.mode\":\"precise\"", "decimal.handling.mode", "precise"},
		{"\"decimal.handling.mode\":\"double\"", "decimal.handling.mode", "double"},
		{"\"decimal.handling.mode\":\"string\"", "decimal.handling.mode", "string"},
		{"\"value.converter.decimal.format\":\"NUMERIC\"", "decimal.format", "numeric"},
		{"\"value.converter.decimal.format\":\"BASE64\"", "decimal.format", "base64"},
		{"\"binary.handling.mode\":\"base64-url-safe\"", "binary.handling.mode", "base64-url-safe"},
		{"\"interval.handling.mode\":\"string\"", "interval.handling.mode", "string"},
		{"\"hstore.handling.mode\":\"map\"", "hstore.handling.mode", "map"},
		{"\"nova.json.handling.mode\":\"text\"", "json.handling.mode", "text"},
		{"\"money.fraction.digits\":\"4\"", "money.fraction.digits", "4"},
		{"\"include.unknown.datatypes\":true", "include.unknown.datatypes", "true"},
		{"\"value.converter.replace.null.with.default\":false", "replace.null.with.default",
		 "false"},
		/* alone it changes nothing in Debezium either */
		{UNWRAP("replace.null.with.default") "false", "replace.null.with.default", NULL},
		{"\"unavailable.value.placeholder\":\"hex:544f415354\"", "unavailable.value.placeholder",
		 "TOAST"},
		{"\"unavailable.value.placeholder\":\"hex:C3A4\"", "unavailable.value.placeholder", "ä"},
		{"\"unavailable.value.placeholder\":\"hexagon\"", "unavailable.value.placeholder",
		 "hexagon"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_plugin(cases[i][0], cases[i][1], cases[i][2]);
	expect_refused("\"unavailable.value.placeholder\":\"hex:00\"", "hex:");
	expect_refused("\"unavailable.value.placeholder\":\"hex:\"", "hex:");
	expect_refused("\"unavailable.value.placeholder\":\"hex:4\"", "hex:");
	expect_refused("\"unavailable.value.placeholder\":\"hex:4x\"", "hex:");
	expect_refused("\"unavailable.value.placeholder\":\"hex:c3\"", "UTF-8");
	expect_refused("\"unavailable.value.placeholder\":\"hex:417f\"", "control");
}

/* Two converters, each with its default; nova's own keys follow its values. */
static void
test_key_converter(void **state)
{
	(void) state;
	expect_plugin("\"key.converter.decimal.format\":\"NUMERIC\","
				  "\"value.converter.decimal.format\":\"numeric\"",
				  "key.decimal.format", NULL);
	expect_plugin("\"key.converter.decimal.format\":\"BASE64\"", "key.decimal.format", NULL);
	expect_plugin("\"key.converter.decimal.format\":\"NUMERIC\"", "key.decimal.format", "numeric");
	expect_plugin("\"key.converter.decimal.format\":\"BASE64\","
				  "\"value.converter.decimal.format\":\"NUMERIC\"",
				  "key.decimal.format", "base64");
	expect_plugin("\"value.converter.decimal.format\":\"NUMERIC\"", "key.decimal.format", NULL);
	expect_plugin(CONNECTOR ",\"value.converter.decimal.format\":\"NUMERIC\"", "key.decimal.format",
				  "base64");
	expect_plugin("\"key.converter.replace.null.with.default\":false",
				  "key.replace.null.with.default", NULL);
	expect_plugin(CONNECTOR ",\"key.converter.replace.null.with.default\":true",
				  "key.replace.null.with.default", NULL);
	expect_plugin(CONNECTOR ",\"key.converter.replace.null.with.default\":false",
				  "key.replace.null.with.default", "false");
	expect_plugin(CONNECTOR ",\"value.converter.replace.null.with.default\":false",
				  "key.replace.null.with.default", "true");
	expect_refused("\"key.converter.decimal.format\":\"hex\"", "base64");
}

/* Kept nulls: the converter's key, and where deletes are rewritten both. */
static void
test_nulls(void **state)
{
	static const char converter[] = "\"value.converter.replace.null.with.default\":false";
	static const char unwrap[] = UNWRAP("replace.null.with.default") "false";
	static const char rewrite[] = UNWRAP("delete.tombstone.handling.mode") "\"rewrite\"";
	static const char option[] = "replace.null.with.default";
	char more[1000];

	(void) state;
	snprintf(more, sizeof(more), CONNECTOR ",%s", converter);
	expect_plugin(more, option, "false");
	snprintf(more, sizeof(more), CONNECTOR ",%s", unwrap);
	expect_plugin(more, option, NULL);
	snprintf(more, sizeof(more), CONNECTOR ",%s,%s", rewrite, unwrap);
	expect_plugin(more, option, NULL);
	snprintf(more, sizeof(more), CONNECTOR ",%s,%s", rewrite, converter);
	expect_plugin(more, option, "true");
	snprintf(more, sizeof(more), CONNECTOR ",%s,%s,%s", rewrite, converter, unwrap);
	expect_plugin(more, option, "false");
	snprintf(more, sizeof(more), "%s,%s", rewrite, converter);
	expect_plugin(more, option, "false");
}

static void
test_profile(void **state)
{
	(void) state;
	expect_plugin(CONNECTOR, "profile", "debezium");
	expect_plugin(CONNECTOR, "add.fields", "");
	expect_plugin(CONNECTOR "," UNWRAP("add.fields") "\"op\"", "add.fields", "op");
	expect_plugin(CONNECTOR ",\"nova.profile\":\"nova\"", "profile", "nova");
	expect_plugin(CONNECTOR ",\"nova.profile\":\"nova\"", "add.fields", NULL);
	expect_plugin("\"nova.profile\":\"Debezium\"", "profile", "debezium");
	expect_plugin("\"nova.profile\":\"nova\"," UNWRAP("add.fields") "\"\"", "add.fields", "");
	expect_refused("\"nova.profile\":\"confluent\"", "nova, debezium");
}

static void
test_envelope(void **state)
{
	RelayConfig *cfg = parse("{" PLAIN "," CONNECTOR "}");

	(void) state;
	if (cfg == NULL)
		fail_msg("%s", error_text);
	expect_pair(&cfg->plugin, "format", "envelope");
	expect_pair(&cfg->plugin, "add.fields", NULL);
	expect_pair(&cfg->plugin, "delete.handling.mode", NULL);
	config_free(cfg);
	cfg = parse("{" PLAIN ",\"transforms\":\"r\",\"transforms.r.type\":"
				"\"org.apache.kafka.connect.transforms.RegexRouter\",\"transforms.r.regex\":\"a\","
				"\"transforms.r.replacement\":\"b\"}");
	assert_non_null(cfg);
	expect_pair(&cfg->plugin, "profile", "nova");
	expect_pair(&cfg->plugin, "format", "envelope");
	expect_pair(&cfg->plugin, "topic.regex", "a");
	config_free(cfg);
}

static void
test_added_fields(void **state)
{
	(void) state;
	expect_plugin(UNWRAP("add.fields") "\"op:OPERATION, table,source.ts_ms,txId, lsn:L\"",
				  "add.fields", "op:OPERATION,table,source.ts_ms,txId,lsn:L");
	expect_plugin(UNWRAP("add.fields.prefix") "\"\"", "add.fields.prefix", "");
	expect_refused(UNWRAP("add.fields") "\"op:\"", "no new name");
	expect_refused(UNWRAP("add.fields") "\"op:a:b\"", "more than one");
}

/* What there is, and what Debezium leaves out of all records, which is no fault. */
static void
test_known_fields(void **state)
{
	static const char *const cases[][2] = {
		{"op,nosuch", "op"},
		{"nosuch", ""},
		{"", ""},
		{"source.op,transaction.ts_ms", "source.op,transaction.ts_ms"},
		{"id,total_order,data_collection_order", "id,total_order,data_collection_order"},
		{"transaction.id:T,source.id,transaction.lsn", "transaction.id:T"},
		{"before.id,after.any thing:x,before.", "before.id,after.any thing:x"},
		{"source,before,after,transaction,foo.op", ""},
		{"sequence, xmin ,origin,source.origin_lsn:O", "sequence,xmin,origin,source.origin_lsn:O"},
		{"source.lsn.more", "source.lsn.more"},
		{"OP", ""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char more[500];

		snprintf(more, sizeof(more), UNWRAP("add.fields") "\"%s\"", cases[i][0]);
		expect_plugin(more, "add.fields", cases[i][1]);
		snprintf(more, sizeof(more), UNWRAP("add.headers") "\"%s\"", cases[i][0]);
		expect_plugin(more, "add.headers", cases[i][1]);
	}
	expect_plugin(UNWRAP("add.headers.prefix") "\"h_\"", "add.headers.prefix", "h_");
	expect_plugin("\"tasks.max\":1", "add.headers", NULL);
}

/* The names of old become those of today. */
static void
test_old_fields(void **state)
{
	(void) state;
	expect_plugin(UNWRAP("add.source.fields") "\"lsn, ts_ms\"", "add.fields",
				  "source.lsn:lsn,source.ts_ms:ts_ms");
	expect_plugin(UNWRAP("add.source.fields") "\"lsn,op2\"," UNWRAP("add.fields") "\"op\"",
				  "add.fields", "op,source.lsn:lsn");
	expect_plugin(CONNECTOR "," UNWRAP("add.source.fields") "\"\"", "add.fields", "");
	expect_plugin(UNWRAP("operation.header") "true", "add.headers", "op");
	expect_plugin(UNWRAP("operation.header") "true," UNWRAP("add.headers") "\"lsn\"", "add.headers",
				  "op,lsn");
	expect_plugin(UNWRAP("operation.header") "true," UNWRAP("add.headers") "\"lsn,op\"",
				  "add.headers", "lsn,op");
	expect_plugin(UNWRAP("operation.header") "false", "add.headers", NULL);
}

/* A run has an id of its own, if the headers are asked for in so many words. */
static void
test_context_headers(void **state)
{
	RelayConfig *runs[2] = {parse_with("\"extended.headers.enabled\":\"true\""),
							parse_with("\"extended.headers.enabled\":true")};
	const char *ids[2];

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		assert_non_null(runs[i]);
		expect_pair(&runs[i]->plugin, "extended.headers.enabled", "true");
		ids[i] = config_pair(&runs[i]->plugin, "extended.headers.run.id");
		assert_non_null(ids[i]);
		assert_int_equal(strlen(ids[i]), 36);
		assert_int_equal(strspn(ids[i], "0123456789abcdef-"), 36);
		assert_int_equal(ids[i][14], '4');
	}
	assert_string_not_equal(ids[0], ids[1]);
	config_free(runs[0]);
	config_free(runs[1]);
	expect_plugin("\"extended.headers.enabled\":\"false\"", "extended.headers.run.id", NULL);
	expect_plugin("\"tasks.max\":1", "extended.headers.enabled", NULL);
}

static void
test_transaction_metadata(void **state)
{
	(void) state;
	expect_plugin("\"provide.transaction.metadata\":\"true\"", "provide.transaction.metadata",
				  "true");
	expect_plugin("\"topic.transaction\":\"tx\"", "topic.transaction", "tx");
	expect_refused("\"topic.transaction\":\"a/b\"", "not valid in a topic name");
	expect_plugin("\"message.prefix.include.list\":\"a,b.*\"", "message.prefix.include.list",
				  "a,b.*");
	expect_plugin("\"message.prefix.exclude.list\":\"a\"", "message.prefix.exclude.list", "a");
	expect_refused("\"message.prefix.exclude.list\":\"a\",\"message.prefix.include.list\":\"b\"",
				   "exclude each other");
}

static void
test_transforms(void **state)
{
	RelayConfig *cfg;

	(void) state;
	cfg = parse("{" ROUTED ",\"transforms.r.regex\":\"(a)\\\\.b\",\"transforms.r.replacement\":"
				"\"$1\",\"transforms.u.add.fields\":\"op,source.ts_ms\"}");
	assert_non_null(cfg);
	expect_pair(&cfg->plugin, "topic.regex", "(a)\\.b");
	expect_pair(&cfg->plugin, "topic.replacement", "$1");
	expect_pair(&cfg->plugin, "add.fields", "op,source.ts_ms");
	config_free(cfg);
	expect_error("{" ROUTED ",\"transforms.r.regex\":\"a\"}",
				 "required and missing: transforms.r.replacement");
	expect_error("{" ROUTED ",\"transforms.u.regex\":\"a\"}", "has no such option");
	expect_refused("\"transforms.x.regex\":\"a\"", "transforms does not name \"x\"");
	expect_error("{" MINIMAL ",\"transforms.q.type\":\"com.example.Mine\",\"transforms.q.a\":1}",
				 "nova has no such transform");
	expect_refused("\"transforms.unwrap.predicate\":\"p\"", "there is no predicate \"p\"");
	expect_error("{\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"n\","
				 "\"topic.prefix\":\"cdc\",\"transforms\":\"a,b\","
				 "\"transforms.a.type\":\"io.debezium.transforms.ExtractNewRecordState\","
				 "\"transforms.b.type\":\"io.debezium.transforms.ExtractNewRecordState\"}",
				 "only one");
	expect_error("{\"database.hostname\":\"db\",\"database.user\":\"u\",\"database.dbname\":\"n\","
				 "\"topic.prefix\":\"cdc\",\"transforms\":\"a\"}",
				 "transforms.a.type is missing");
}

#define CHAIN(names, rest)                                                                         \
	"{" PLAIN ",\"transforms\":\"" names "\","                                                     \
	"\"transforms.u.type\":\"io.debezium.transforms.ExtractNewRecordState\","                      \
	"\"predicates\":\"p,t\",\"predicates.p.type\":"                                                \
	"\"org.apache.kafka.connect.transforms.predicates.TopicNameMatches\","                         \
	"\"predicates.p.pattern\":\"a\\\\.\\\"b\\\"\",\"predicates.t.type\":"                          \
	"\"org.apache.kafka.connect.transforms.predicates.RecordIsTombstone\"," rest "}"
#define ROUTER(name, regex)                                                                        \
	"\"transforms." name ".type\":\"org.apache.kafka.connect.transforms.RegexRouter\","            \
	"\"transforms." name ".regex\":\"" regex "\",\"transforms." name ".replacement\":\"x${a}\""
#define LOGICAL(name)                                                                              \
	"\"transforms." name ".type\":\"io.debezium.transforms.ByLogicalTableRouter\","                \
	"\"transforms." name ".topic.regex\":\"a\",\"transforms." name ".topic.replacement\":\"b\""
#define KEY_OF(name)                                                                               \
	"\"transforms." name ".type\":\"org.apache.kafka.connect.transforms.ExtractField$Key\","       \
	"\"transforms." name ".field\":\"id\""
#define OUTBOX(name) "\"transforms." name ".type\":\"io.debezium.transforms.outbox.EventRouter\""

static void
expect_steps(const char *json, const char *steps)
{
	RelayConfig *cfg = parse(json);

	assert_non_null(cfg);
	expect_pair(&cfg->plugin, "transforms", steps);
	assert_null(config_pair(&cfg->plugin, "topic.regex"));
	config_free(cfg);
}

/* More than an unwrap and a plain router: the plugin gets the steps in their order. */
static void
test_steps(void **state)
{
	(void) state;
	expect_steps(CHAIN("a,u,b", ROUTER("a", "(?<a>.)") "," ROUTER("b", "b")),
				 "[{\"type\":\"route\",\"regex\":\"(?<a>.)\",\"replacement\":\"x${a}\"},"
				 "{\"type\":\"unwrap\"},"
				 "{\"type\":\"route\",\"regex\":\"b\",\"replacement\":\"x${a}\"}]");
	expect_steps(CHAIN("u", "\"transforms.u.predicate\":\"p\",\"transforms.u.negate\":true"),
				 "[{\"type\":\"unwrap\",\"topics\":\"a\\\\.\\\"b\\\"\",\"negate\":true}]");
	expect_steps(CHAIN("u", "\"transforms.u.route.by.field\":\"f\""),
				 "[{\"type\":\"unwrap\",\"route.by.field\":\"f\"}]");
	expect_steps(
		CHAIN("l,u,k", LOGICAL("l") "," KEY_OF("k")),
		"[{\"type\":\"route\",\"regex\":\"a\",\"replacement\":\"b\",\"rename\":true,\"key.field\":"
		"\"__dbz__physicalTableIdentifier\"},{\"type\":\"unwrap\"},"
		"{\"type\":\"key\",\"field\":\"id\"}]");
	expect_steps(CHAIN("l,u", LOGICAL("l") ",\"transforms.l.key.enforce.uniqueness\":\"false\""),
				 "[{\"type\":\"route\",\"regex\":\"a\",\"replacement\":\"b\",\"rename\":true},"
				 "{\"type\":\"unwrap\"}]");
	expect_steps(CHAIN("o,u", OUTBOX("o") ",\"transforms.o.route.topic.replacement\":\"${r}\""),
				 "[{\"type\":\"outbox\",\"replacement\":\"${r}\"},{\"type\":\"unwrap\"}]");
}

static void
test_steps_refused(void **state)
{
	(void) state;
	expect_error(CHAIN("k,l,u", LOGICAL("l") "," KEY_OF("k")), "has to come before");
	expect_error(CHAIN("u,l", LOGICAL("l") ",\"transforms.u.route.by.field\":\"f\""),
				 "would differ from row to row");
	expect_error(CHAIN("o,q,u", OUTBOX("o") "," OUTBOX("q")), "only one");
	expect_error(CHAIN("k,u", "\"transforms.k.type\":"
							  "\"org.apache.kafka.connect.transforms.ExtractField$Key\""),
				 "required and missing: transforms.k.field");
	expect_error(CHAIN("o,u", OUTBOX("o") ",\"transforms.o.table.op.invalid.behavior\":\"fatal\""),
				 "does not stop");
	expect_error(CHAIN("o,u", OUTBOX("o") ",\"transforms.o.regex\":\"a\""), "no such option");
	expect_error(CHAIN("u", "\"transforms.u.negate\":\"true\""), "no predicate to negate");
	expect_error(CHAIN("u", "\"transforms.u.predicate\":\"q\""), "there is no predicate \"q\"");
	expect_error(CHAIN("u", "\"predicates.q.pattern\":\"x\""), "predicates does not name \"q\"");
	expect_error(CHAIN("u", "\"transforms.u.predicate\":\"t\""), "only with negate=true");
	expect_error(CHAIN("u", "\"transforms.u.predicate\":\"t\",\"transforms.u.negate\":\"true\""),
				 "two records without content");
	expect_refused("\"predicates\":\"h\",\"predicates.h.type\":"
				   "\"org.apache.kafka.connect.transforms.predicates.HasHeaderKey\"",
				   "use TopicNameMatches");
}

/* A predicate that keeps tombstones from the transform is a mode of its deletes. */
static void
test_kept_tombstones(void **state)
{
	RelayConfig *cfg;

	(void) state;
	cfg = parse(CHAIN("u", "\"transforms.u.predicate\":\"t\",\"transforms.u.negate\":\"true\","
						   "\"transforms.u.delete.tombstone.handling.mode\":\"rewrite\""));
	assert_non_null(cfg);
	expect_pair(&cfg->plugin, "delete.handling.mode", "rewrite-with-tombstone");
	assert_null(config_pair(&cfg->plugin, "transforms"));
	config_free(cfg);
}

/* Keys of both generations, in both profiles: what the plugin gets, or NULL. */
static void
test_deletes(void **state)
{
	static const struct
	{
		const char *keys;
		const char *nova;
		const char *debezium;
	} cases[] = {
		{"\"tasks.max\":1", NULL, NULL},
		{UNWRAP("delete.tombstone.handling.mode") "\"drop\"", "drop", "drop"},
		{UNWRAP("delete.tombstone.handling.mode") "\"tombstone\"", "tombstone", "tombstone"},
		{UNWRAP("delete.tombstone.handling.mode") "\"rewrite\"", "rewrite", "rewrite"},
		{UNWRAP("delete.tombstone.handling.mode") "\"rewrite-with-tombstone\"",
		 "rewrite-with-tombstone", "rewrite-with-tombstone"},
		{UNWRAP("delete.tombstone.handling.mode") "\"delete-to-tombstone\"", "delete-to-tombstone",
		 "delete-to-tombstone"},
		{UNWRAP("drop.tombstones") "false", NULL, "delete-to-tombstone"},
		{UNWRAP("drop.tombstones") "true", NULL, "drop"},
		{UNWRAP("delete.handling.mode") "\"drop\"", "drop", "drop"},
		{UNWRAP("delete.handling.mode") "\"none\"", "tombstone", "tombstone"},
		{UNWRAP("delete.handling.mode") "\"rewrite\"", "rewrite", "rewrite"},
		{UNWRAP("drop.tombstones") "true," UNWRAP("delete.handling.mode") "\"rewrite\"", "rewrite",
		 "rewrite"},
		{UNWRAP("drop.tombstones") "false," UNWRAP("delete.handling.mode") "\"rewrite\"",
		 "rewrite-with-tombstone", "rewrite-with-tombstone"},
		{UNWRAP("drop.tombstones") "false," UNWRAP("delete.handling.mode") "\"drop\"",
		 "delete-to-tombstone", "delete-to-tombstone"},
		{UNWRAP("drop.tombstones") "false," UNWRAP("delete.handling.mode") "\"none\"",
		 "null-with-tombstone", "null-with-tombstone"},
		{UNWRAP("drop.tombstones") "false," UNWRAP("delete.tombstone.handling.mode") "\"rewrite\"",
		 "rewrite", "rewrite"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char more[1000];

		expect_plugin(cases[i].keys, "delete.handling.mode", cases[i].nova);
		snprintf(more, sizeof(more), CONNECTOR ",%s", cases[i].keys);
		expect_plugin(more, "delete.handling.mode", cases[i].debezium);
	}
}

/* The plugin refuses an option that comes twice. */
static void
test_tombstones(void **state)
{
	RelayConfig *cfg = parse_with(UNWRAP("drop.tombstones") "true");
	size_t n = 0;

	(void) state;
	assert_non_null(cfg);
	expect_pair(&cfg->plugin, "tombstones.on.delete", "false");
	for (size_t i = 0; i < cfg->plugin.count; i++)
		n += strcmp(cfg->plugin.items[i].name, "tombstones.on.delete") == 0;
	assert_int_equal(n, 1);
	config_free(cfg);
	expect_plugin("\"tombstones.on.delete\":\"false\"", "tombstones.on.delete", "false");
	expect_plugin(UNWRAP("drop.tombstones") "false", "tombstones.on.delete", "true");
	expect_plugin(CONNECTOR "," UNWRAP("drop.tombstones") "true", "tombstones.on.delete", "true");
}

/* All keys of a kind are one option of the plugin, in the order of the file. */
static void
test_masks(void **state)
{
	(void) state;
	expect_plugin("\"column.truncate.to.10.chars\":\"a.b.c\"", "column.truncate", "10:a.b.c");
	expect_plugin("\"column.truncate.to.10.chars\":\" a.b.c, a.(b|d)\\\\,x.* ,,\","
				  "\"column.truncate.to.007.chars\":\"e\"",
				  "column.truncate", "10:a.b.c,10:a.(b|d)\\,x.*,7:e");
	expect_plugin("\"column.truncate.to.10.chars\":\"\"", "column.truncate", NULL);
	expect_plugin("\"column.mask.with.0.chars\":\"a\",\"column.mask.with.5.chars\":\"b\"",
				  "column.mask", "0:a,5:b");
	expect_plugin("\"column.mask.hash.SHA-256.with.salt.Cz.Q :,\":\"a.b.c,d\"", "column.mask.hash",
				  "SHA-256:\\x437a2e51203a2c:a.b.c,SHA-256:\\x437a2e51203a2c:d");
	expect_plugin(
		"\"column.mask.hash.md5.with.salt.a\":\"x\",\"column.mask.hash.SHA.with.salt.b\":\"y\"",
		"column.mask.hash", "MD5:\\x61:x,SHA-1:\\x62:y");
	expect_plugin("\"column.mask.hash.v2.SHA-512.with.salt.v2\":\"x\"", "column.mask.hash.v2",
				  "SHA-512:\\x7632:x");
	expect_plugin("\"column.mask.hash.v2.SHA-512.with.salt.v2\":\"x\"", "column.mask.hash", NULL);
	expect_refused("\"column.truncate.to.x.chars\":\"a\"", "from 0 to 10000000");
	expect_refused("\"column.truncate.to.-1.chars\":\"a\"", "from 0 to 10000000");
	expect_refused("\"column.mask.with.1001.chars\":\"a\"", "from 0 to 1000");
	expect_plugin("\"skip.messages.without.change\":\"TRUE\"", "skip.messages.without.change",
				  "true");
	expect_refused("\"skip.messages.without.change\":\"1\"", "true or false");
	expect_plugin("\"time.precision.mode\":\"structured\"", "time.precision.mode", "structured");
}

/* A salt is in no message, whatever is wrong with its key. */
static void
test_salts(void **state)
{
	static const char *const wrong[] = {
		"\"column.mask.hash.SHA-3.with.salt.s3cret\":\"a\"",
		"\"column.mask.hash.v2.SHA-512/256.with.salt.s3cret\":\"a\"",
		"\"column.mask.hash.with.salt.s3cret\":\"a\"",
		"\"column.mask.hash.MD5.salt.s3cret\":\"a\"",
		"\"column.mask.hash.MD5.with.salt.s3cret\":null",
		"\"column.mask.hash.MD5.with.salt.s3cret\":\"${env:NOVA_NOT_SET}\"",
		"\"column.mask.hash.MD5.with.salt.s3cret\":\"a\",\"column.mask.hash.MD5.with.salt.s3cret\":"
		"\"b\"",
		"\"column.mask.hashed.MD5.with.salt.s3cret\":\"a\"",
		"\"columns.mask.hash.MD5.with.salt.s3cret\":\"a\"",
		"\"kolumn.hash.MD5.with.salt.s3cret\":\"a\"",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		expect_refused(wrong[i], ": ");
		if (strstr(error_text, "s3cret") != NULL)
			fail_msg("%s gives \"%s\"", wrong[i], error_text);
	}
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {
		"\"field.name.adjustment.mode\":\"com.acme.Adjuster\"",
		("\"transforms\":\"unwrap,o\",\"transforms.o.type\":"
		 "\"org.apache.kafka.connect.transforms.ExtractField$Value\""),
		"\"value.converter\":\"io.confluent.connect.avro.AvroConverter\"",
		("\"value.converter.schema.registry.url\":\"x\","
		 "\"value.converter\":\"io.confluent.connect.avro.AvroConverter\""),
		"\"transaction.boundary\":\"connector\"",
		"\"producer.override.transactional.id\":\"x\"",
		"\"kafka.transactional.id\":\"x\"",
		"\"lsn.flush.mode\":\"manual\"",
		"\"connector.class\":\"io.debezium.connector.mysql.MySqlConnector\"",
		"\"producer.override.acks\":\"1\"",
		"\"producer.override.enable.idempotence\":\"false\"",
		"\"producer.override.delivery.timeout.ms\":\"1000\"",
		"\"kafka.acks\":\"0\"",
		"\"kafka.message.timeout.ms\":\"1000\"",
		"\"snapshot.isolation.mode\":\"read_committed\"",
		"\"snapshot.locking.mode\":\"shared\"",
		"\"plugin.name\":\"wal2json\"",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(cases[i], "refused: ");
}

static void
expect_delivery(const char *config, bool exactly_once)
{
	RelayConfig *cfg = parse_with(config);

	assert_non_null(cfg);
	assert_int_equal(cfg->exactly_once, exactly_once);
	config_free(cfg);
}

static void
test_delivery(void **state)
{
	RelayConfig *cfg;

	(void) state;
	expect_delivery(CONNECTOR, false);
	expect_delivery(CONNECTOR ",\"exactly.once.support\":\"requested\"", false);
	expect_delivery(CONNECTOR ",\"exactly.once.support\":\"REQUIRED\"", true);
	expect_delivery(CONNECTOR ",\"nova.delivery\":\"at-least-once\"", false);
	expect_delivery(CONNECTOR ",\"nova.delivery\":\"exactly-once\"", true);
	expect_delivery(CONNECTOR ",\"exactly.once.support\":\"requested\","
							  "\"nova.delivery\":\"exactly-once\"",
					true);
	expect_delivery(CONNECTOR ",\"exactly.once.support\":\"required\","
							  "\"exactly.once.source.support\":\"enabled\"",
					true);
	expect_refused("\"exactly.once.support\":\"required\",\"nova.delivery\":\"at-least-once\"",
				   "nova.delivery: at-least-once contradicts");
	expect_refused("\"exactly.once.support\":\"required\","
				   "\"exactly.once.source.support\":\"disabled\"",
				   "exactly.once.source.support: disabled contradicts");
	expect_refused("\"exactly.once.support\":\"yes\"", "exactly.once.support");
	expect_refused("\"exactly.once.support\":\"required\","
				   "\"transaction.boundary.interval.ms\":\"3000\","
				   "\"producer.override.transaction.timeout.ms\":\"20000\"",
				   "transaction.timeout.ms: must be more than 30000");
	expect_refused("\"transaction.boundary.interval.ms\":\"0\"",
				   "transaction.boundary.interval.ms");

	cfg = parse_with(CONNECTOR);
	assert_non_null(cfg);
	assert_int_equal(cfg->txn_interval_ms, 100);
	assert_int_equal(cfg->txn_bytes, 16777216);
	assert_non_null(strstr(cfg->transactional_id, cfg->topic_prefix));
	assert_non_null(strstr(cfg->transactional_id, cfg->slot_name));
	config_free(cfg);
	cfg = parse_with(CONNECTOR ",\"nova.transactional.id\":\"mine\"");
	assert_non_null(cfg);
	assert_string_equal(cfg->transactional_id, "mine");
	config_free(cfg);
}

/* As in Connect: a converter that is named has schemas unless it says otherwise. */
static void
test_schemas(void **state)
{
	static const char json[] = "org.apache.kafka.connect.json.JsonConverter";
	char named[256];
	RelayConfig *cfg;

	(void) state;
	expect_plugin(CONNECTOR, "key.schemas", NULL);
	expect_plugin(CONNECTOR, "value.schemas", NULL);
	snprintf(named, sizeof(named), CONNECTOR ",\"key.converter\":\"%s\"", json);
	expect_plugin(named, "key.schemas", "true");
	expect_plugin(named, "value.schemas", NULL);
	snprintf(named, sizeof(named), CONNECTOR ",\"value.converter\":\"%s\"", json);
	expect_plugin(named, "key.schemas", NULL);
	expect_plugin(named, "value.schemas", "true");
	snprintf(named, sizeof(named),
			 CONNECTOR ",\"value.converter\":\"%s\",\"value.converter.schemas.enable\":false",
			 json);
	expect_plugin(named, "value.schemas", NULL);
	expect_plugin(CONNECTOR ",\"value.converter.schemas.enable\":\"true\"", "value.schemas",
				  "true");

	cfg = parse_with(CONNECTOR ",\"key.converter.schemas.enable\":true");
	assert_non_null(cfg);
	assert_true(cfg->key_schemas);
	assert_false(cfg->value_schemas);
	config_free(cfg);

	/* nova's own forms, of which two have no schema */
	expect_refused("\"value.converter.schemas.enable\":true",
				   "set nova.json.handling.mode to text");
	expect_refused("\"key.converter.schemas.enable\":true,\"nova.json.handling.mode\":\"text\"",
				   "set decimal.handling.mode to precise, double or string");
	expect_refused(CONNECTOR ",\"value.converter.schemas.enable\":true,"
							 "\"decimal.handling.mode\":\"number\"",
				   "decimal.handling.mode=number: Kafka Connect has no schema");
	expect_plugin("\"value.converter.schemas.enable\":true,\"nova.json.handling.mode\":\"text\","
				  "\"decimal.handling.mode\":\"string\"",
				  "value.schemas", "true");
}

static void
test_names(void **state)
{
	(void) state;
	expect_plugin("\"schema.name.adjustment.mode\":\"avro\"", "schema.name.adjustment.mode",
				  "avro");
	expect_plugin("\"field.name.adjustment.mode\":\"AVRO_UNICODE\"", "field.name.adjustment.mode",
				  "avro_unicode");
	expect_plugin("\"sanitize.field.names\":\"true\"", "field.name.adjustment.mode", NULL);
	expect_plugin("\"column.propagate.source.type\":\".*\"", "column.propagate.source.type", ".*");
	expect_plugin("\"datatype.propagate.source.type\":\"a.b.int4\"",
				  "datatype.propagate.source.type", "a.b.int4");
	expect_plugin("\"include.schema.comments\":true", "include.schema.comments", NULL);
}

static void
test_snapshot_options(void **state)
{
	RelayConfig *cfg = parse_with(
		"\"snapshot.max.threads\":\"3\",\"snapshot.include.collection.list\":\"a.b,c.*\","
		"\"snapshot.delay.ms\":7,\"streaming.delay.ms\":\"8\",\"nova.state.topic\":\"s\","
		"\"snapshot.select.statement.overrides\":\" public.users , public.posts\","
		"\"snapshot.select.statement.overrides.public.users\":\"SELECT 1, 'a'\","
		"\"snapshot.select.statement.overrides.public.posts\":\"SELECT 2\"");

	(void) state;
	if (cfg == NULL)
		fail_msg("%s", error_text);
	assert_int_equal(cfg->snapshot_threads, 3);
	assert_string_equal(cfg->snapshot_include, "a.b,c.*");
	assert_int_equal(cfg->snapshot_delay_ms, 7);
	assert_int_equal(cfg->streaming_delay_ms, 8);
	assert_string_equal(cfg->state_topic, "s");
	assert_int_equal(cfg->snapshot_overrides.count, 2);
	assert_string_equal(config_pair(&cfg->snapshot_overrides, "public.users"), "SELECT 1, 'a'");
	assert_string_equal(config_pair(&cfg->snapshot_overrides, "public.posts"), "SELECT 2");
	config_free(cfg);

	cfg = parse_with("\"snapshot.fetch.size\":\"100\"");
	assert_non_null(cfg);
	assert_int_equal(cfg->snapshot_threads, 1);
	assert_null(cfg->snapshot_include);
	assert_string_equal(cfg->state_topic, "__nova-state.cdc");
	config_free(cfg);

	expect_refused("\"snapshot.max.threads\":\"17\"", "snapshot.max.threads");
	expect_refused("\"snapshot.max.threads\":\"0\"", "snapshot.max.threads");
	expect_refused("\"nova.state.topic\":\"a b\"", "nova.state.topic");
	expect_refused("\"snapshot.select.statement.overrides.public.users\":\"SELECT 1\"",
				   "the table is missing in snapshot.select.statement.overrides");
	expect_refused("\"snapshot.select.statement.overrides\":\"public.users\"",
				   "snapshot.select.statement.overrides.public.users with its query is missing");
}

/* What has no effect here, or says what nova does anyway, is no obstacle. */
static void
test_accepted(void **state)
{
	RelayConfig *cfg = parse_with(
		"\"max.batch.size\":2048,\"poll.interval.ms\":\"500\",\"slot.max.retries\":6,"
		"\"publication.name\":\"p\",\"decimal.handling.mode\":\"precise\","
		"\"binary.handling.mode\":\"base64\",\"time.precision.mode\":\"connect\","
		"\"column.exclude.list\":\"\",\"signal.kafka.topic\":\"t\",\"internal.x.y\":1,"
		"\"offset.storage.topic\":\"t\",\"listeners\":\"http://:8083\",\"group.id\":\"g\","
		"\"snapshot.locking.mode\":\"none\",\"lsn.flush.mode\":\"connector\",\"tasks.max\":1,"
		"\"value.converter\":\"org.apache.kafka.connect.json.JsonConverter\","
		"\"value.converter.schemas.enable\":false,\"driver.loginTimeout\":\"5\"");

	(void) state;
	if (cfg == NULL)
		fail_msg("%s", error_text);
	config_free(cfg);
}

static void
expect_publication(const char *more, const char *name, bool required, const char *option)
{
	RelayConfig *cfg = parse_with(more);
	const char *found;

	if (cfg == NULL)
		fail_msg("%s: %s", more, error_text);
	found = config_pair(&cfg->plugin, CONFIG_PUBLICATION_OPTION);
	if (name == NULL)
	{
		assert_null(cfg->publication);
		assert_null(found);
		assert_int_equal(config_publication_use(cfg, true), PUBLICATION_NONE);
	}
	else
	{
		assert_string_equal(cfg->publication, name);
		assert_non_null(found);
		assert_string_equal(found, option);
		assert_int_equal(config_publication_use(cfg, true), PUBLICATION_APPLIES);
		assert_int_equal(config_publication_use(cfg, false),
						 required ? PUBLICATION_MISSING : PUBLICATION_NOT_NEEDED);
	}
	config_free(cfg);
}

/* Which publication counts, and whether it has to exist. */
static void
test_publication(void **state)
{
	(void) state;
	expect_publication("\"tasks.max\":1", NULL, false, NULL);
	expect_publication("\"plugin.name\":\"pgoutput\"", NULL, false, NULL);
	expect_publication("\"publication.name\":\"p\"", "p", false, "\"p\"");
	expect_publication("\"publication.name\":\"A \\\"b\\\"\"", "A \"b\"", false, "\"A \"\"b\"\"\"");
	expect_publication("\"publication.autocreate.mode\":\"disabled\"", "dbz_publication", true,
					   "\"dbz_publication\"");
	expect_publication("\"publication.name\":\"p\",\"publication.autocreate.mode\":\"DISABLED\"",
					   "p", true, "\"p\"");
	expect_publication("\"publication.name\":\"p\",\"publication.autocreate.mode\":\"no_tables\"",
					   "p", false, "\"p\"");
	expect_publication("\"publication.name\":\"p\",\"publication.autocreate.mode\":\"all_tables\"",
					   "p", false, "\"p\"");
	expect_publication("\"publication.name\":\"p\",\"publication.autocreate.mode\":\"filtered\"",
					   NULL, false, NULL);
	expect_publication("\"publication.name\":\"p\",\"plugin.name\":\"decoderbufs\"", NULL, false,
					   NULL);
	expect_refused("\"publication.autocreate.mode\":\"some\"", "all_tables");
}

static void
test_kafka_properties(void **state)
{
	(void) state;
	expect_kafka("\"producer.override.linger.ms\":\"50\"", "linger.ms", "50");
	expect_kafka("\"producer.linger.ms\":\"50\"", "linger.ms", "50");
	expect_kafka("\"producer.override.compression.type\":\"ZSTD\"", "compression.codec", "zstd");
	expect_kafka("\"producer.override.max.request.size\":\"2097152\"", "message.max.bytes",
				 "2097152");
	expect_kafka("\"producer.override.buffer.memory\":\"33554432\"", "queue.buffering.max.kbytes",
				 "32768");
	expect_kafka("\"producer.override.acks\":\"-1\"", "acks", "all");
	expect_kafka("\"producer.override.ssl.endpoint.identification.algorithm\":\"\"",
				 "ssl.endpoint.identification.algorithm", "none");
	expect_kafka("\"security.protocol\":\"SASL_SSL\"", "security.protocol", "SASL_SSL");
	/* kafka.* comes last and wins. */
	expect_kafka("\"kafka.linger.ms\":\"7\",\"producer.override.linger.ms\":\"50\"", "linger.ms",
				 "7");
	expect_kafka("\"kafka.Any.Thing\":\"x\"", "Any.Thing", "x");
	expect_kafka("\"bootstrap.servers\":\"k:9092\"", "bootstrap.servers", "k:9092");
	expect_refused("\"producer.override.max.in.flight.requests.per.connection\":\"6\"", "1 to 5");
	expect_refused("\"security.protocol\":\"SSL\",\"producer.security.protocol\":\"PLAINTEXT\"",
				   "contradicts");
}

static void
test_kafka_security(void **state)
{
	(void) state;
	expect_kafka("\"sasl.jaas.config\":\"a.PlainLoginModule required username=\\\"joe\\\" "
				 "password=\\\"p username='x' \\\\\\\"q;\\\";\"",
				 "sasl.username", "joe");
	expect_kafka("\"sasl.jaas.config\":\"a.ScramLoginModule required username=\\\"joe\\\" "
				 "password=\\\"p username='x' \\\\\\\"q;\\\";\"",
				 "sasl.password", "p username='x' \"q;");
	expect_refused("\"sasl.jaas.config\":\"a.PlainLoginModule required username=x;\"",
				   "found no password");
	expect_refused("\"sasl.jaas.config\":\"a.PlainLoginModule required password='hush\"",
				   "found no username");
	assert_null(strstr(error_text, "hush"));
	expect_refused("\"sasl.jaas.config\":\"com.Krb5LoginModule required;\"", "refused");
	expect_refused("\"ssl.truststore.location\":\"t.jks\"", "PEM");
	expect_kafka("\"ssl.truststore.location\":\"t.pem\",\"ssl.truststore.type\":\"PEM\"",
				 "ssl.ca.location", "t.pem");
	expect_kafka("\"ssl.keystore.location\":\"k.p12\",\"ssl.keystore.type\":\"PKCS12\"",
				 "ssl.keystore.location", "k.p12");
	expect_kafka("\"ssl.keystore.location\":\"k.pem\",\"ssl.keystore.type\":\"PEM\"",
				 "ssl.key.location", "k.pem");
	expect_refused("\"ssl.keystore.location\":\"k.jks\"", "PKCS12");
}

static void
test_topic_groups(void **state)
{
	RelayConfig *cfg = parse_with(
		"\"topic.creation.groups\":\"big, small\",\"topic.creation.default.partitions\":2,"
		"\"topic.creation.big.include\":\"cdc\\\\.(posts|likes),cdc\\\\.t\\\\d+\","
		"\"topic.creation.big.exclude\":\"cdc\\\\.t99\",\"topic.creation.big.partitions\":"
		"\"10\","
		"\"topic.creation.big.cleanup.policy\":\"compact\","
		"\"topic.creation.small.include\":\"cdc\\\\.[\\\\w-]{3}\","
		"\"topic.creation.small.replication.factor\":3");

	(void) state;
	if (cfg == NULL)
		fail_msg("%s", error_text);
	assert_int_equal(cfg->ngroups, 3);
	assert_int_equal(config_topic_group(cfg, "cdc.posts")->partitions, 10);
	assert_int_equal(config_topic_group(cfg, "cdc.t12")->partitions, 10);
	assert_string_equal(config_topic_group(cfg, "cdc.t99")->name, "small");
	assert_string_equal(config_topic_group(cfg, "cdcxposts")->name, "default");
	assert_string_equal(config_topic_group(cfg, "a.cdc.posts")->name, "default");
	assert_int_equal(config_topic_group(cfg, "other")->partitions, 2);
	assert_int_equal(config_topic_group(cfg, "cdc.a-b")->replication_factor, 3);
	expect_pair(&config_topic_group(cfg, "cdc.posts")->properties, "cleanup.policy", "compact");
	config_free(cfg);
}

static void
test_bad_topic_groups(void **state)
{
	static const char *const cases[][2] = {
		{"\"topic.creation.groups\":\"a\"", "required and missing: topic.creation.a.include"},
		{"\"topic.creation.a.partitions\":1", "does not name \"a\""},
		{"\"topic.creation.default.partitions\":0", "-1 for the broker's default"},
		{"\"topic.creation.default.include\":\"x\"", "takes every topic"},
		{"\"topic.creation.groups\":\"a,a\",\"topic.creation.a.include\":\"x\"", "twice"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"(\"",
		 "regular expression"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"(?i)x\"", "(?"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"x*?\"", "lazy"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"x\\\\p{L}\"", "escape"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"x{999}\"", "255"},
		{"\"topic.creation.groups\":\"a\",\"topic.creation.a.include\":\"((x{9}){9}){9}\"", "255"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(cases[i][0], cases[i][1]);
}

static char *
printed(const RelayConfig *cfg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (cfg != NULL)
		config_print_effective(cfg, out);
	else
		config_print_options(out);
	fclose(out);
	return text;
}

static void
test_printing(void **state)
{
	RelayConfig *cfg = parse_with(
		"\"database.password\":\"hush1\",\"database.sslpassword\":\"hush2\","
		"\"kafka.sasl.password\":\"hush3\",\"kafka.sasl.oauthbearer.client.secret\":\"hush4\","
		"\"ssl.key.password\":\"hush5\",\"ssl.keystore.key\":\"hush6\",\"sasl.jaas.config\":"
		"\"a.PlainLoginModule required username='user7' password='hush7';\","
		"\"column.mask.hash.SHA-256.with.salt.hush8\":\"a.b.c,d\","
		"\"column.mask.hash.v2.MD5.with.salt.hush9\":\"e:\\\\x\"");
	char *text;

	(void) state;
	assert_non_null(cfg);
	text = printed(cfg);
	assert_null(strstr(text, "hush"));
	assert_null(strstr(text, "68757368"));
	assert_non_null(strstr(text, "column.mask.hash = SHA-256:********:a.b.c,SHA-256:********:d\n"));
	assert_non_null(strstr(text, "host = db"));
	assert_non_null(strstr(text, "password = ********"));
	assert_non_null(strstr(text, "snapshot.mode = initial\n"));
	free(text);
	config_free(cfg);
	text = printed(NULL);
	assert_non_null(strstr(text, "| `slot.name` | text | `debezium` | works |"));
	assert_non_null(strstr(text, "| `poll.interval.ms` |"));
	free(text);
	config_free(NULL);
}

static void
test_load(void **state)
{
	char *path = write_file("{" MINIMAL "}");
	RelayConfig *cfg = config_load(path, error_text, sizeof(error_text));

	(void) state;
	assert_non_null(cfg);
	config_free(cfg);
	unlink(path);
	assert_null(config_load(path, error_text, sizeof(error_text)));
	assert_non_null(strstr(error_text, "cannot read the configuration: No such file"));
}

static void
test_listeners(void **state)
{
	RelayConfig *cfg = parse_with("\"listeners\":\"http://a.b:1, HTTPS://:0,http://[::1]:8083\"");
	const char *list = cfg->listeners;
	Listener listener;

	(void) state;
	assert_true(config_next_listener(&list, &listener));
	assert_string_equal(listener.host, "a.b");
	assert_int_equal(listener.port, 1);
	assert_true(config_next_listener(&list, &listener));
	assert_string_equal(listener.host, "");
	assert_int_equal(listener.port, 0);
	assert_true(listener.https);
	assert_true(config_next_listener(&list, &listener));
	assert_string_equal(listener.host, "::1");
	assert_int_equal(listener.port, 8083);
	assert_false(listener.https);
	assert_false(config_next_listener(&list, &listener));
	config_free(cfg);
	cfg = parse_with("");
	assert_string_equal(cfg->listeners, "http://127.0.0.1:8083");
	config_free(cfg);
	cfg = parse_with("\"listeners\":\"\"");
	assert_null(cfg->listeners);
	config_free(cfg);
	expect_refused("\"listeners\":\"ftp://:8083\"", "expected http://host:port or https://");
	expect_refused("\"listeners\":\"https://\"", "expected http://host:port");
	expect_refused("\"listeners\":\"http://h\"", "expected http://host:port");
	expect_refused("\"listeners\":\"http://h:65536\"", "expected http://host:port");
	expect_refused("\"listeners\":\"http://h:1,http://h:-1\"", "expected http://host:port");
	expect_refused("\"listeners\":\"http://h:1x\"", "expected http://host:port");
	expect_refused("\"listeners\":\"8083\"", "expected http://host:port");
	expect_refused("\"listeners\":\"http://\"", "expected http://host:port");
}

static void
test_signals(void **state)
{
	static const char option[] = "signal.data.collection";

	(void) state;
	expect_plugin("\"signal.data.collection\":\"public.s\"", option, "public.s");
	expect_plugin("\"signal.data.collection\":\"public.s\","
				  "\"signal.enabled.channels\":\"kafka, source\"",
				  option, "public.s");
	expect_plugin("\"signal.data.collection\":\"public.s\","
				  "\"signal.enabled.channels\":\"kafka,file\"",
				  option, NULL);
	expect_plugin("", option, NULL);
	expect_refused("\"signal.data.collection\":\"s\"", "expected schema.table");
	expect_refused("\"signal.data.collection\":\".s\"", "expected schema.table");
	expect_refused("\"signal.data.collection\":\"s.\"", "expected schema.table");
}

/* As it stands in the file, without what is secret. */
static void
test_given(void **state)
{
	RelayConfig *cfg;

	(void) state;
	setenv("NOVA_TEST_GIVEN", "hunter2", 1);
	cfg = parse_with("\"database.password\":\"${env:NOVA_TEST_GIVEN}\",\"tasks.max\":1,"
					 "\"kafka.sasl.password\":\"${env:NOVA_TEST_GIVEN}hunter3\","
					 "\"kafka.ssl.key.password\":\"hunter4\"");
	assert_non_null(cfg);
	expect_pair(&cfg->given, "database.password", "${env:NOVA_TEST_GIVEN}");
	expect_pair(&cfg->given, "kafka.sasl.password", "********");
	expect_pair(&cfg->given, "kafka.ssl.key.password", "********");
	expect_pair(&cfg->given, "tasks.max", "1");
	expect_pair(&cfg->given, "topic.prefix", "cdc");
	expect_pair(&cfg->given, "listeners", NULL);
	config_free(cfg);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_both_shapes),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_takeover),
		cmocka_unit_test(test_road),
		cmocka_unit_test(test_spool),
		cmocka_unit_test(test_value_kinds),
		cmocka_unit_test(test_snapshot_options),
		cmocka_unit_test(test_snapshot_modes),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_duplicates_and_aliases),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_placeholders),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_key_converter),
		cmocka_unit_test(test_nulls),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_added_fields),
		cmocka_unit_test(test_transforms),
		cmocka_unit_test(test_deletes),
		cmocka_unit_test(test_tombstones),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_salts),
		cmocka_unit_test(test_known_fields),
		cmocka_unit_test(test_old_fields),
		cmocka_unit_test(test_context_headers),
		cmocka_unit_test(test_transaction_metadata),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_publication),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steps_refused),
		cmocka_unit_test(test_kept_tombstones),
		cmocka_unit_test(test_kafka_properties),
		cmocka_unit_test(test_kafka_security),
		cmocka_unit_test(test_topic_groups),
		cmocka_unit_test(test_bad_topic_groups),
		cmocka_unit_test(test_printing),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_delivery),
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_names),
	};

	log_setup(LOG_ERROR, LOG_PLAIN);
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
