/*-------------------------------------------------------------------------
 *
 * config_internal.h
 *		What the files of the configuration share; nobody else includes this.
 *
 *	config_table.c		the option table, and only that
 *	config.c			from the text to settings: lookup, validation, entry points
 *	config_json.c		the bytes and the JSON
 *	config_expand.c		placeholders in values
 *	config_check.c		checks of single values, named by the table
 *	config_finish.c		from settings to the RelayConfig
 *	config_transforms.c	the same of transforms
 *	config_topics.c		the same of topic groups
 *	config_print.c		`nova-relay config` and `nova-relay options`
 *	config_infos.c		the option table as Kafka Connect's ConfigInfos
 *	config_worker.c		what is deployed over HTTP, and a worker's own settings
 *	config_text.c		memory, text and messages of all of these
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CONFIG_INTERNAL_H
#define NOVA_RELAY_CONFIG_INTERNAL_H

#include "config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cjson/cJSON.h>

/* Bounds on the input, so that no file can make us slow or large. */
#define CONFIG_BYTES_MAX 1048576
#define CONFIG_KEYS_MAX  1000
#define KEY_BYTES_MAX    249
#define REGEX_BYTES_MAX  1000

/* In place of a value that nobody may see. */
#define SECRET_MASK      "********"

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
	atomic_uint sharers; /* owners beside the first */
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
	ConfigFaults *faults; /* all of them are wanted; NULL: the first ends it */
	bool inherits;        /* a worker's setting, which nobody has given here */
	bool quiet;
};

extern const Option config_options[];
extern const size_t config_option_count;

/*
 * Memory, text and messages: config_text.c
 */

/* A growing text, bounded by CONFIG_BYTES_MAX; lives in the arena. */
typedef struct Text
{
	char *data;
	size_t len;
	size_t size;
} Text;

static inline bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static inline bool
is_true(const char *value)
{
	return strcmp(value, "true") == 0;
}

/* Zeroed; there is always memory, or the process ends. */
extern void config_no_memory(void) __attribute__((noreturn));
extern void *arena_alloc(Ctx *ctx, size_t size);
extern char *arena_strndup(Ctx *ctx, const char *s, size_t len);
extern char *arena_strdup(Ctx *ctx, const char *s);
extern char *arena_printf(Ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write the error line.  Returns false, so that callers can return it. */
extern bool config_fail(Ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies all three. */
extern void config_pairs_add(Ctx *ctx, ConfigPairs *pairs, const char *name, const char *value,
							 const char *origin);

/* False: the text would be too long, and is as it was. */
extern bool text_add(Ctx *ctx, Text *text, const char *bytes, size_t len);

/* The same of a whole string, which is known to fit. */
extern void text_puts(Ctx *ctx, Text *text, const char *s);

/* A copy without white space around it. */
extern char *text_trimmed(Ctx *ctx, const char *s, size_t len);

/* The next item of a comma-separated list, trimmed; NULL at the end. */
extern char *list_next(Ctx *ctx, const char **list);

/* Has a comma-separated list this item? */
extern bool list_has(Ctx *ctx, const char *list, const char *name);

/* The text that "hex:…" stands for; NULL if its bytes are not plain text. */
extern char *text_from_hex(Ctx *ctx, const char *value);

/*
 * Looking keys up, and values: config.c
 */

/* Begin with a configuration that is empty; the first call. */
extern void config_begin(Ctx *ctx, const char *label, char *err, size_t errsize);

/* One key of the file: looked up, expanded, validated.  False after an error. */
extern bool config_collect(Ctx *ctx, const cJSON *item);

/* All of a map, with room for more settings; name is what stands beside it, or NULL. */
extern bool config_collect_all(Ctx *ctx, const cJSON *map, const cJSON *name, size_t more);

/* Say what is ignored. */
extern void config_log_notes(const Ctx *ctx);

/* All of a file, or of standard input; NULL after an error. */
extern char *config_read_file(Ctx *ctx, const char *path, size_t *len);

/* The row of a key, and its name today in *name; NULL: unknown. */
extern const Option *config_lookup(Ctx *ctx, const char *key, const char **name,
								   const char *star[2]);

/* The row of a key that is no pattern, or NULL. */
extern const Option *config_option(const char *key);

/* What the file has for a key, or NULL. */
extern const Setting *config_setting(const Ctx *ctx, const char *key);

/* The value of a key after lookup, or NULL when the file does not set it. */
extern const char *config_value(const Ctx *ctx, const char *key);

/* "a|b|old=b" as words for a message. */
extern char *config_values_in_words(Ctx *ctx, const char *values);

/*
 * The canonical value of an enumeration, case-insensitive, or NULL.  *place is
 * its position among the values.
 */
extern char *config_enum_canonical(Ctx *ctx, const char *values, const char *value, int *place);

/*
 * Placeholders and files: config_expand.c
 */

/*
 * All bytes of fd.  Returns NULL with errno set; EFBIG when there are more
 * than CONFIG_BYTES_MAX.
 */
extern char *config_read_all(Ctx *ctx, int fd, size_t *len);

/* All placeholders of a value filled; they do not nest. */
extern char *config_expand(Ctx *ctx, const char *key, const char *value);

/*
 * The JSON: config_json.c
 */

/* An object, or NULL after an error. */
extern cJSON *config_parse_json(Ctx *ctx, const char *json, size_t len);

/*
 * The map of settings: root itself, or its "config" beside a "name".  The
 * name goes to *name, or NULL.
 */
extern const cJSON *config_inner_map(Ctx *ctx, const cJSON *root, const cJSON **name);

/*
 * Checks of single values, in the terms of Option.check: config_check.c
 */

extern bool config_check_topic_prefix(Ctx *ctx, const char *key, const char *value);
extern bool config_check_listeners(Ctx *ctx, const char *key, const char *value);
extern bool config_check_table(Ctx *ctx, const char *key, const char *value);
extern bool config_check_slot_name(Ctx *ctx, const char *key, const char *value);
extern bool config_check_operations(Ctx *ctx, const char *key, const char *value);
extern bool config_check_placeholder(Ctx *ctx, const char *key, const char *value);

/* The plugin knows the rest: which tables and columns there are. */
extern bool config_check_key_columns(Ctx *ctx, const char *key, const char *value);

/* A topic config, as far as it is known here; the brokers know the rest. */
extern bool config_check_topic_config(Ctx *ctx, const char *key, const char *value);
extern bool config_check_topics(Ctx *ctx, const char *key, const char *value);

/* [struct.]field[:NAME] */
extern bool config_check_added_fields(Ctx *ctx, const char *key, const char *value);

/*
 * The list without the fields that there are not.  Debezium leaves them out of
 * every record, which nobody notices; this is the place to say so.
 */
extern const char *config_known_fields(Ctx *ctx, const char *key, const char *list);
extern bool config_check_password(Ctx *ctx, const char *key, const char *value);
extern bool config_check_ports(Ctx *ctx, const char *key, const char *value);
extern bool config_check_retries(Ctx *ctx, const char *key, const char *value);

/* Which values are masked goes by the name: kafka.* passes names the table does not know. */
extern bool config_is_secret(const char *name);

/*
 * What settings come to: config_finish.c, config_transforms.c, config_topics.c
 */

/* Everything, in the order that it needs; false after an error. */
extern bool config_finish(Ctx *ctx);

/* Hand a value to the target of its row, under that name. */
extern void config_apply_value(Ctx *ctx, const Option *opt, const char *name, const char *value,
							   const char *origin);

/* What several keys come to; the plugin refuses an option that is there twice. */
extern void config_plugin_set(Ctx *ctx, const char *option, const char *value, const char *origin);

/*
 * A connector JSON made for Debezium asks for Debezium's records; one made for
 * nova need not name Debezium's class.
 */
extern bool config_profile_is_debezium(const Ctx *ctx);

/* transforms and predicates */
extern bool config_finish_transforms(Ctx *ctx);

/* topic.creation.* */
extern bool config_finish_groups(Ctx *ctx);

#endif /* NOVA_RELAY_CONFIG_INTERNAL_H */
