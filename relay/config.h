/*-------------------------------------------------------------------------
 *
 * config.h
 *		The relay's configuration: a Debezium connector JSON, made effective.
 *
 * config_load() reads the file, fills placeholders, looks every key up in the
 * one option table (config_table.c) and returns a RelayConfig in the terms of
 * the libraries: libpq keywords, plugin options, librdkafka properties.  What
 * the table says about a key decides its fate: it works, it is accepted and
 * ignored with one log line that says why, or it is refused with what to do.
 *
 * Ownership: everything inside belongs to the RelayConfig and lives until
 * config_free().  Nothing in it changes after config_load().
 *
 * Traps: secrets live in here.  Print values only through
 * config_print_effective(), which masks them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CONFIG_H
#define NOVA_RELAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A name and a value for one of the libraries. */
typedef struct ConfigPair
{
	char *name;
	char *value;
	const char *origin; /* the connector key it came from, for errors */
} ConfigPair;

typedef struct ConfigPairs
{
	ConfigPair *items;
	size_t count;
} ConfigPairs;

/*
 * How topics of some names are to be made: topic.creation.<group>.*, as in
 * Kafka Connect.  The first group whose include matches and whose exclude does
 * not applies; the one named "default" is always last and matches everything.
 */
typedef struct TopicGroup
{
	char *name;
	char *include;          /* anchored POSIX ERE, or NULL for "default" */
	char *exclude;          /* anchored POSIX ERE, or NULL */
	int partitions;         /* -1: the broker's default */
	int replication_factor; /* -1: the broker's default */
	ConfigPairs properties; /* topic configs, e.g. cleanup.policy */
} TopicGroup;

typedef enum SnapshotMode
{
	SNAPSHOT_INITIAL,
	SNAPSHOT_INITIAL_ONLY,
	SNAPSHOT_ALWAYS,
	SNAPSHOT_NO_DATA,
	SNAPSHOT_WHEN_NEEDED
} SnapshotMode;

/* What is done about another relay that holds the slot. */
typedef enum TakeoverPolicy
{
	TAKEOVER_WAIT,
	TAKEOVER_TERMINATE
} TakeoverPolicy;

/* By which road the changes come; see road.h. */
typedef enum StreamMode
{
	STREAM_REPLICATION,
	STREAM_DIRECT,
	STREAM_AUTO
} StreamMode;

typedef struct RelayConfig
{
	char *name;           /* connector name */
	ConfigPairs given;    /* the connector JSON as it was given, secrets masked */
	char *listeners;      /* of HTTP, as config_next_listener() takes them apart; NULL: none */
	char *listeners_user; /* NULL: everybody may ask; else with a password */
	char *listeners_password;
	char *https_keystore; /* PEM; NULL: none */
	char *https_key_password;
	char *https_truststore; /* PEM; NULL: none */
	int https_client_auth;  /* httptls.c's */
	ConfigPairs pg;         /* libpq keywords: host, port, user, … */
	char *slot_name;
	bool slot_drop_on_stop;
	bool slot_failover;
	ConfigPairs plugin; /* options for START_REPLICATION */
	char *publication;  /* whose CONFIG_PUBLICATION_OPTION is in plugin; NULL: none */
	bool publication_required;
	ConfigPairs kafka; /* librdkafka properties, later ones win */
	TopicGroup *groups;
	size_t ngroups;     /* at least 1 */
	bool create_topics; /* that are missing, as their groups say */
	char *extra_topics; /* a list, or NULL */
	SnapshotMode snapshot_mode;
	int snapshot_threads;
	char *snapshot_include;         /* regular expressions, or NULL: all captured tables */
	ConfigPairs snapshot_overrides; /* schema.table, and the query in its place */
	int snapshot_delay_ms;
	int streaming_delay_ms; /* after a snapshot */
	int chunk_rows;         /* of an incremental snapshot */
	char *state_topic;
	bool exactly_once;
	char *transactional_id; /* the front of it */
	int txn_interval_ms;
	int txn_bytes;
	int bad_records; /* BadPolicy */
	char *dlq_topic;
	char *topic_prefix;
	int heartbeat_interval_ms; /* 0: off */
	char *heartbeat_topic;
	char *heartbeat_action_query; /* NULL: none */
	bool key_schemas;             /* of the relay's own records; the plugin's are its options */
	bool value_schemas;
	int status_interval_ms; /* standby status at least this often */
	int retry_backoff_ms;   /* first wait before a reconnect */
	int retry_backoff_max_ms;
	TakeoverPolicy takeover;
	int takeover_after_ms; /* of silence */
	int takeover_grace_ms; /* between a slot that is free and taking it */
	bool http_records;     /* whoever may reach listeners may see records */
	int slot_watch_ms;     /* 0: off */
	int slot_safe_percent; /* warn below it; 0: never */
	int slot_retained_mb;  /* warn above it; 0: never */
	StreamMode stream_mode;
	int stream_backlog_mb;    /* auto: from there on direct */
	int position_interval_ms; /* 0: it is not remembered */
	char *spool_dir;          /* NULL: none */
	int spool_after_ms;       /* without an acknowledgement */
	int spool_max_mb;
	int shutdown_timeout_ms; /* how long SIGTERM waits for acks */
} RelayConfig;

/*
 * Read and validate the connector JSON at path ("-" is standard input).
 * Notes on ignored keys go to the log.  Returns NULL after writing one line
 * to err (at most errsize bytes) that names the offending key, the value's
 * fault and what is valid.
 */
extern RelayConfig *config_load(const char *path, char *err, size_t errsize);

/* The same from memory; label stands for the path in messages. */
extern RelayConfig *config_parse(const char *json, size_t len, const char *label, char *err,
								 size_t errsize);

/* What is wrong with a configuration; key is NULL where several belong together. */
typedef struct ConfigFault
{
	char *key;
	char *text;
} ConfigFault;

typedef struct ConfigFaults
{
	ConfigFault *items;
	size_t count;
} ConfigFaults;

/* Copies; one that there is no memory for is left out. */
extern void config_faults_add(ConfigFaults *faults, const char *key, const char *text);
extern void config_faults_free(ConfigFaults *faults);

/*
 * What is deployed over HTTP: {"name":…,"config":{…}}.  All faults are found, not
 * the first alone.  defaults is config_worker()'s JSON, for what is not set, or NULL.
 * quiet: say nothing of ignored keys.
 */
extern RelayConfig *config_deployed(const char *json, size_t len, const char *defaults, bool quiet,
									ConfigFaults *faults);

/*
 * The settings of a process without a connector: where it listens, and what goes for
 * every connector's producer.  path may be NULL; NOVA_LISTENERS and
 * NOVA_BOOTSTRAP_SERVERS of the environment count where the file is silent.  *json
 * is the caller's to free.
 */
extern RelayConfig *config_worker(const char *path, char **json, char *err, size_t errsize);

/* One owner more, from any thread; NULL stays NULL. */
extern RelayConfig *config_share(RelayConfig *cfg);

/* One owner less; the last one frees it. */
extern void config_free(RelayConfig *cfg);

#define CONFIG_HOST_MAX 256

typedef struct Listener
{
	bool https;
	char host[CONFIG_HOST_MAX]; /* empty for all addresses */
	int port;
} Listener;

/* The next of "http://host:port,…", or false.  What was wrong with one has been refused. */
extern bool config_next_listener(const char **list, Listener *listener);

/* The group that applies to a topic; never NULL. */
extern const TopicGroup *config_topic_group(const RelayConfig *cfg, const char *topic);

/* The value of a pair, or NULL. */
extern const char *config_pair(const ConfigPairs *pairs, const char *name);

#define CONFIG_PUBLICATION_OPTION "publication.names"

typedef enum PublicationUse
{
	PUBLICATION_NONE,       /* none is configured */
	PUBLICATION_APPLIES,    /* the plugin follows it */
	PUBLICATION_NOT_NEEDED, /* it does not exist: the lists decide */
	PUBLICATION_MISSING     /* it does not exist and has to */
} PublicationUse;

/* What becomes of cfg->publication, given whether the database has it. */
extern PublicationUse config_publication_use(const RelayConfig *cfg, bool exists);

/* Is this option of the plugin for the server?  CONFIG_PUBLICATION_OPTION is not always. */
extern bool config_option_applies(const ConfigPair *option, PublicationUse publication);

/* Every effective setting, a line each, secrets masked. */
extern void config_print_effective(const RelayConfig *cfg, FILE *out);

/* The option table as Markdown, for the docs. */
extern void config_print_options(FILE *out);

/*
 * The option table as Kafka Connect's ConfigInfos, with the values of a flat JSON
 * object and what is wrong with them.  The caller frees it; NULL: out of memory.
 */
extern char *config_infos(const char *name, const char *json, const ConfigFaults *faults);

#endif /* NOVA_RELAY_CONFIG_H */
