/*-------------------------------------------------------------------------
 *
 * config_finish.c
 *		What the settings come to: their targets, and what needs several keys.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "deadletter.h"
#include "log.h"
#include "txnplan.h"

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
			config_enum_canonical(ctx, opt->values, value, &place);
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
		return text_from_hex(ctx, value);
	return value;
}

void
config_apply_value(Ctx *ctx, const Option *opt, const char *name, const char *value,
				   const char *origin)
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
			config_pairs_add(ctx, &ctx->cfg->pg, name, text, origin);
			break;
		case TO_PLUGIN:
			config_pairs_add(ctx, &ctx->cfg->plugin, name, text, origin);
			break;
		case TO_KAFKA:
			config_pairs_add(ctx, &ctx->cfg->kafka, name, text, origin);
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
	for (size_t i = 0; i < config_option_count; i++)
	{
		const Option *opt = &config_options[i];
		bool is_set = false;

		if (opt->key == NULL || opt->scope != NULL || opt->fate != FATE_WORKS)
			continue;
		for (size_t j = 0; j < ctx->nsettings; j++)
		{
			const Setting *s = &ctx->settings[j];

			if (s->opt != opt)
				continue;
			is_set = true;
			config_apply_value(ctx, opt, opt->dest != NULL ? opt->dest : s->star[0], s->value,
							   s->origin);
		}
		if (!is_set && opt->deflt != NULL && strchr(opt->key, '*') == NULL)
			config_apply_value(ctx, opt, opt->dest, opt->deflt, opt->key);
	}
}

/* ------------------------------------------------------------------------
 * Finish: what needs several keys
 * ------------------------------------------------------------------------ */

static bool
check_required(Ctx *ctx)
{
	Text missing = {0};

	for (size_t i = 0; i < config_option_count; i++)
	{
		if (!(config_options[i].flags & OPT_REQUIRED) ||
			config_setting(ctx, config_options[i].key) != NULL)
			continue;
		if (missing.len > 0)
			text_add(ctx, &missing, ", ", 2);
		text_add(ctx, &missing, config_options[i].key, strlen(config_options[i].key));
	}
	if (missing.len > 0)
		return config_fail(ctx, "required and missing: %s", missing.data);
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
		const char *a = config_value(ctx, pairs[i][0]);
		const char *b = config_value(ctx, pairs[i][1]);

		if (a != NULL && b != NULL && a[0] != '\0' && b[0] != '\0')
			return config_fail(ctx, "%s and %s exclude each other; keep one", pairs[i][0],
							   pairs[i][1]);
	}
	return true;
}

void
config_plugin_set(Ctx *ctx, const char *option, const char *value, const char *origin)
{
	ConfigPairs *pairs = &ctx->cfg->plugin;

	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].name, option) == 0)
		{
			pairs->items[i].value = arena_strdup(ctx, value);
			pairs->items[i].origin = arena_strdup(ctx, origin);
			return;
		}
	config_pairs_add(ctx, pairs, option, value, origin);
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
		item = text_trimmed(ctx, start, (size_t) (*list - start));
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
	config_fail(ctx, "%s: \"%s\" is not valid; expected a whole number from 0 to %ld",
				setting->origin, n, max);
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
		algorithm = config_enum_canonical(
			ctx, valid, arena_strndup(ctx, setting->star[0], (size_t) (salt - setting->star[0])),
			&place);
	if (algorithm == NULL || salt[strlen(with_salt)] == '\0')
	{
		config_fail(ctx, "%s: is not valid; expected ALGORITHM.with.salt.SALT, with one of: %s",
					setting->opt->key, config_values_in_words(ctx, valid));
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
		config_plugin_set(ctx, option, text.data, option);
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

bool
config_profile_is_debezium(const Ctx *ctx)
{
	const char *profile = config_value(ctx, "nova.profile");

	if (profile != NULL)
		return strcmp(profile, "debezium") == 0;
	return config_setting(ctx, "connector.class") != NULL;
}

static void
finish_profile(Ctx *ctx)
{
	const char *profile = config_profile_is_debezium(ctx) ? "debezium" : "nova";
	bool given = config_setting(ctx, "nova.profile") != NULL;

	if (!given && config_profile_is_debezium(ctx))
		log_info("%s: connector.class makes nova.profile debezium: values as Debezium writes them",
				 ctx->label);
	config_plugin_set(ctx, "profile", profile, given ? "nova.profile" : "connector.class");
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
	const char *key = config_value(ctx, source);
	const char *value = config_value(ctx, arena_printf(ctx, "value.converter.%s", form));

	if (key == NULL && !config_profile_is_debezium(ctx))
		return;
	if (key == NULL)
		key = standard;
	if (strcmp(key, value != NULL ? value : standard) != 0)
		config_plugin_set(ctx, arena_printf(ctx, "key.%s", form), key, source);
}

static void
finish_key_forms(Ctx *ctx)
{
	finish_key_form(ctx, "decimal.format", "base64");
	finish_key_form(ctx, "replace.null.with.default",
					config_profile_is_debezium(ctx) ? "true" : "false");
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
	const char *enable = config_value(ctx, arena_printf(ctx, "%s.schemas.enable", converter));

	if (enable != NULL)
		return is_true(enable);
	if (config_setting(ctx, converter) == NULL)
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
	const char *form = config_value(ctx, key);

	if (form == NULL)
		form = config_profile_is_debezium(ctx) ? "" : without;
	if (strcmp(form, without) != 0)
		return true;
	return config_fail(
		ctx,
		"%s.converter.schemas.enable: true is refused with %s=%s%s: Kafka Connect has no "
		"schema for that; set %s to %s, or schemas.enable to false",
		side, key, without,
		config_value(ctx, key) == NULL ? ", the default of nova.profile=nova" : "", key, instead);
}

static bool
finish_schemas(Ctx *ctx)
{
	RelayConfig *cfg = ctx->cfg;
	const char *side;

	cfg->key_schemas = schemas_enabled(ctx, "key");
	cfg->value_schemas = schemas_enabled(ctx, "value");
	if (cfg->key_schemas)
		config_plugin_set(ctx, "key.schemas", "true", "key.converter.schemas.enable");
	if (cfg->value_schemas)
		config_plugin_set(ctx, "value.schemas", "true", "value.converter.schemas.enable");
	if (!cfg->key_schemas && !cfg->value_schemas)
		return true;
	side = cfg->value_schemas ? "value" : "key";
	return check_form(ctx, "nova.json.handling.mode", side, "nested", "text") &&
		   check_form(ctx, "decimal.handling.mode", side, "number", "precise, double or string");
}

/*
 * Debezium makes a new id for each run.  The plugin is told it, so that what it
 * writes follows from the WAL and its options.
 */
static bool
finish_context_headers(Ctx *ctx)
{
	const char *key = "extended.headers.enabled";
	const char *enabled = config_value(ctx, key);
	unsigned char id[16];

	if (enabled == NULL || !is_true(enabled))
		return true;
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return config_fail(ctx, "%s: no random number for the run's id: %s", key, strerror(errno));
	id[6] = (unsigned char) ((id[6] & 0x0F) | 0x40);
	id[8] = (unsigned char) ((id[8] & 0x3F) | 0x80);
	config_plugin_set(
		ctx, "extended.headers.run.id",
		arena_printf(ctx, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
					 id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
					 id[11], id[12], id[13], id[14], id[15]),
		key);
	return true;
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
	const char *name = config_value(ctx, "publication.name");
	const char *mode = config_value(ctx, "publication.autocreate.mode");
	const char *plugin = config_value(ctx, "plugin.name");

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
		config_pairs_add(ctx, &ctx->cfg->plugin, CONFIG_PUBLICATION_OPTION,
						 quoted_identifier(ctx, ctx->cfg->publication),
						 name != NULL ? "publication.name" : "publication.autocreate.mode");
	}
}

/* Debezium asks the channels for signals, and the table is one of them. */
static void
finish_signals(Ctx *ctx)
{
	const char *table = config_value(ctx, "signal.data.collection");
	const char *channels = config_value(ctx, "signal.enabled.channels");

	if (table == NULL)
		return;
	if (channels == NULL || list_has(ctx, channels, "source"))
		config_plugin_set(ctx, "signal.data.collection", table, "signal.data.collection");
	else
		log_warn("%s: signal.data.collection: its rows are no signals, because "
				 "signal.enabled.channels does not have source",
				 ctx->label);
}

static void
finish_fields(Ctx *ctx)
{
	RelayConfig *cfg = ctx->cfg;
	const char *prefix = config_value(ctx, "topic.heartbeat.prefix");

	config_pairs_add(ctx, &cfg->plugin, "topic.prefix", cfg->topic_prefix, "topic.prefix");
	if (prefix == NULL)
		prefix = config_option("topic.heartbeat.prefix")->deflt;
	if (cfg->heartbeat_topic == NULL)
		cfg->heartbeat_topic = arena_printf(ctx, "%s.%s", prefix, cfg->topic_prefix);
	if (cfg->retry_backoff_max_ms < cfg->retry_backoff_ms)
		cfg->retry_backoff_max_ms = cfg->retry_backoff_ms;
	if (cfg->dlq_topic == NULL)
		cfg->dlq_topic = arena_printf(ctx, "%s.dlq", cfg->topic_prefix);
	if (cfg->state_topic == NULL)
		cfg->state_topic = arena_printf(ctx, "__nova-state.%s", cfg->topic_prefix);
	if (cfg->transactional_id == NULL)
		cfg->transactional_id = arena_printf(ctx, "nova-%s-%s", cfg->topic_prefix, cfg->slot_name);
}

/* Three keys speak of it: Connect's of a connector, its of a worker, and ours. */
static bool
finish_delivery(Ctx *ctx)
{
	const Setting *support = config_setting(ctx, "exactly.once.support");
	const Setting *delivery = config_setting(ctx, "nova.delivery");
	const Setting *worker = config_setting(ctx, "exactly.once.source.support");
	bool required = support != NULL && strcmp(support->value, "required") == 0;
	bool ours = delivery != NULL && strcmp(delivery->value, "exactly-once") == 0;
	const char *timeout = config_pair(&ctx->cfg->kafka, "transaction.timeout.ms");
	long longest = (long) txnplan_longest_ms(ctx->cfg->txn_interval_ms);

	ctx->cfg->exactly_once = required || ours;
	if (required && delivery != NULL && !ours)
		return config_fail(ctx,
						   "%s: at-least-once contradicts exactly.once.support=required; remove "
						   "one of them",
						   delivery->origin);
	if (required && worker != NULL && strcmp(worker->value, "disabled") == 0)
		return config_fail(ctx,
						   "%s: disabled contradicts exactly.once.support=required; remove one "
						   "of them",
						   worker->origin);
	if (ctx->cfg->exactly_once && timeout != NULL && strtol(timeout, NULL, 10) <= longest)
		return config_fail(ctx,
						   "transaction.timeout.ms: must be more than %ld, which a transaction may "
						   "take with transaction.boundary.interval.ms=%d",
						   longest, ctx->cfg->txn_interval_ms);
	if (support != NULL && !ctx->cfg->exactly_once)
		log_info("%s: exactly.once.support=requested: delivery is at least once; set it to "
				 "required for exactly once",
				 ctx->label);
	return true;
}

#define OVERRIDES "snapshot.select.statement.overrides"

/* Tables and queries come in different keys: one without the other is a mistake. */
static bool
finish_overrides(Ctx *ctx)
{
	const char *list = config_value(ctx, OVERRIDES);
	const char *table;

	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];

		if (starts_with(s->key, OVERRIDES ".") &&
			!list_has(ctx, list, s->key + strlen(OVERRIDES ".")))
			return config_fail(ctx, "%s: the table is missing in " OVERRIDES "; add it there",
							   s->origin);
	}
	while ((table = list_next(ctx, &list)) != NULL)
	{
		const char *key = arena_printf(ctx, OVERRIDES ".%s", table);
		const char *query = config_value(ctx, key);

		if (query == NULL)
			return config_fail(ctx, OVERRIDES ": names %s, but %s with its query is missing", table,
							   key);
		config_pairs_add(ctx, &ctx->cfg->snapshot_overrides, table, query, key);
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
	const Setting *jaas = config_setting(ctx, "producer.override.sasl.jaas.config");
	char *username;
	char *password;

	if (jaas == NULL)
		return true;
	if (strstr(jaas->value, "PlainLoginModule") == NULL &&
		strstr(jaas->value, "ScramLoginModule") == NULL)
		return config_fail(
			ctx,
			"%s: refused: only PlainLoginModule and ScramLoginModule are understood; give "
			"librdkafka's own settings as kafka.sasl.*",
			jaas->origin);
	username = jaas_value(ctx, jaas->value, "username");
	password = jaas_value(ctx, jaas->value, "password");
	if (username == NULL || password == NULL)
		return config_fail(ctx,
						   "%s: found no %s; expected …LoginModule required username=\"…\" "
						   "password=\"…\";",
						   jaas->origin, username == NULL ? "username=\"…\"" : "password=\"…\"");
	config_pairs_add(ctx, &ctx->cfg->kafka, "sasl.username", username, jaas->origin);
	config_pairs_add(ctx, &ctx->cfg->kafka, "sasl.password", password, jaas->origin);
	return true;
}

static bool
finish_stores(Ctx *ctx)
{
	ConfigPairs *kafka = &ctx->cfg->kafka;
	const Setting *trust = config_setting(ctx, "producer.override.ssl.truststore.location");
	const Setting *key = config_setting(ctx, "producer.override.ssl.keystore.location");
	const char *type = config_value(ctx, "producer.override.ssl.keystore.type");

	/* Java's default type is JKS, which only Java reads. */
	if (trust != NULL && config_setting(ctx, "producer.override.ssl.truststore.type") == NULL)
		return config_fail(
			ctx,
			"%s: refused: librdkafka reads PEM, not JKS; convert the truststore and set "
			"ssl.truststore.type to PEM",
			trust->origin);
	if (key == NULL)
		return true;
	if (type == NULL)
		return config_fail(
			ctx,
			"%s: refused: librdkafka reads PEM and PKCS12, not JKS; convert the keystore "
			"and set ssl.keystore.type",
			key->origin);
	if (strcmp(type, "PKCS12") == 0)
		config_pairs_add(ctx, kafka, "ssl.keystore.location", key->value, key->origin);
	else
	{
		config_pairs_add(ctx, kafka, "ssl.certificate.location", key->value, key->origin);
		config_pairs_add(ctx, kafka, "ssl.key.location", key->value, key->origin);
	}
	return true;
}

static ConfigPair *
pg_pair(Ctx *ctx, const char *name)
{
	for (size_t i = 0; i < ctx->cfg->pg.count; i++)
		if (strcmp(ctx->cfg->pg.items[i].name, name) == 0)
			return &ctx->cfg->pg.items[i];
	return NULL;
}

/* A list as libpq wants it, without spaces; returns how many items it has. */
static size_t
tidy_list(Ctx *ctx, ConfigPair *pair)
{
	const char *list = pair->value;
	const char *item;
	Text text = {0};
	size_t n = 0;

	while ((item = list_next(ctx, &list)) != NULL)
	{
		text_add(ctx, &text, ",", n > 0);
		text_add(ctx, &text, item, strlen(item));
		n++;
	}
	if (n > 0)
		pair->value = text.data;
	return n;
}

/* Of several hosts the primary is meant, unless it is said otherwise. */
static bool
finish_hosts(Ctx *ctx)
{
	size_t hosts = tidy_list(ctx, pg_pair(ctx, "host"));
	size_t ports = tidy_list(ctx, pg_pair(ctx, "port"));

	if (ports > 1 && ports != hosts)
		return config_fail(
			ctx,
			"database.port: has %zu ports for %zu host(s) in database.hostname; give "
			"one port, or one for each host",
			ports, hosts);
	if (hosts > 1 && pg_pair(ctx, "target_session_attrs") == NULL)
		config_pairs_add(ctx, &ctx->cfg->pg, "target_session_attrs", "primary",
						 "database.hostname");
	return true;
}

/* A relay that is well must not look silent between two of its status updates. */
static bool
finish_takeover(Ctx *ctx)
{
	const RelayConfig *cfg = ctx->cfg;

	if (cfg->takeover == TAKEOVER_TERMINATE && cfg->takeover_after_ms / 2 < cfg->status_interval_ms)
		return config_fail(ctx,
						   "nova.takeover.after.ms: %d is too short for nova.takeover=terminate; "
						   "expected at least twice status.update.interval.ms (%d)",
						   cfg->takeover_after_ms, cfg->status_interval_ms);
	return true;
}

/* A backlog that grows while the walsender streams shows nowhere else. */
static bool
finish_road(Ctx *ctx)
{
	const RelayConfig *cfg = ctx->cfg;

	if (cfg->stream_mode == STREAM_AUTO && cfg->slot_watch_ms == 0)
		return config_fail(ctx, "nova.slot.watch.ms: 0 is not possible with nova.stream.mode=auto, "
								"which has to see how large the backlog is; expected more than 0, "
								"or another nova.stream.mode");
	return true;
}

/* What is confirmed because of the spool must be known for it by other relays, and last. */
static bool
finish_spool(Ctx *ctx)
{
	RelayConfig *cfg = ctx->cfg;

	if (cfg->spool_dir != NULL && cfg->spool_dir[0] == '\0')
		cfg->spool_dir = NULL;
	if (cfg->spool_dir == NULL)
		return true;
	if (cfg->exactly_once)
		return config_fail(ctx, "nova.spool.dir: is not possible with exactly once, where Kafka "
								"alone has the position; remove one of them");
	if (cfg->position_interval_ms == 0)
		return config_fail(ctx,
						   "nova.spool.dir: needs nova.position.interval.ms above 0: without a "
						   "position in Kafka another relay would not notice what only the spool "
						   "has");
	if (cfg->slot_drop_on_stop)
		return config_fail(ctx, "nova.spool.dir: is not possible with slot.drop.on.stop=true: the "
								"spool would have no slot to go on from; remove one of them");
	return true;
}

bool
config_finish(Ctx *ctx)
{
	if (!check_required(ctx) || !check_exclusive(ctx))
		return false;
	apply_all(ctx);
	finish_fields(ctx);
	finish_profile(ctx);
	finish_key_forms(ctx);
	finish_publication(ctx);
	finish_signals(ctx);
	return finish_delivery(ctx) && finish_masks(ctx) && finish_schemas(ctx) &&
		   finish_overrides(ctx) && config_finish_transforms(ctx) && finish_context_headers(ctx) &&
		   finish_stores(ctx) && finish_jaas(ctx) && config_finish_groups(ctx) &&
		   finish_hosts(ctx) && finish_takeover(ctx) && finish_road(ctx) && finish_spool(ctx);
}
