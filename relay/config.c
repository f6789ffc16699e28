/*-------------------------------------------------------------------------
 *
 * config.c
 *		The connector JSON, looked up in one table and made effective.
 *
 * The table in config_table.c is the only place that knows a key: its type, its
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

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config_internal.h"
#include "log.h"
#include "relay.h"

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

const Option *
config_option(const char *key)
{
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].key != NULL && strcmp(config_options[i].key, key) == 0)
			return &config_options[i];
	return NULL;
}

static const Option *
find_option(Ctx *ctx, const char *key, const char *star[2])
{
	const Option *opt = strchr(key, '*') == NULL ? config_option(key) : NULL;

	star[0] = star[1] = NULL;
	if (opt != NULL)
		return opt;
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].key != NULL && strchr(config_options[i].key, '*') != NULL &&
			pattern_matches(ctx, config_options[i].key, key, star))
			return &config_options[i];
	return NULL;
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

const Option *
config_lookup(Ctx *ctx, const char *key, const char **name, const char *star[2])
{
	const Option *opt = NULL;

	*name = key;
	if (strlen(key) > KEY_BYTES_MAX)
		return NULL;
	opt = find_option(ctx, key, star);
	if (opt != NULL)
		return opt;
	*name = producer_spelling(ctx, key);
	return find_option(ctx, *name, star);
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

	for (size_t i = 0; i < config_option_count; i++)
	{
		const char *candidate = config_options[i].key;
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

const Setting *
config_setting(const Ctx *ctx, const char *key)
{
	for (size_t i = 0; i < ctx->nsettings; i++)
		if (strcmp(ctx->settings[i].key, key) == 0)
			return &ctx->settings[i];
	return NULL;
}

const char *
config_value(const Ctx *ctx, const char *key)
{
	const Setting *setting = config_setting(ctx, key);

	return setting == NULL ? NULL : setting->value;
}

/* ------------------------------------------------------------------------
 * Collect: a setting for each key
 * ------------------------------------------------------------------------ */

/* The value as Connect would have it, as text; NULL after an error. */
static char *
value_text(Ctx *ctx, const cJSON *item, const char *key)
{
	if (cJSON_IsString(item))
		return config_expand(ctx, key, item->valuestring);
	if (cJSON_IsBool(item))
		return arena_strdup(ctx, cJSON_IsTrue(item) ? "true" : "false");
	if (!cJSON_IsNumber(item))
		config_fail(ctx, "%s: expected text in double quotes, a number, true or false, not %s", key,
					cJSON_IsNull(item)
						? "null (leave the key out instead)"
						: (cJSON_IsArray(item) ? "an array (write \"a,b\")" : "an object"));
	else if (!isfinite(item->valuedouble) || fabs(item->valuedouble) > 9007199254740992.0)
		config_fail(ctx, "%s: the number is out of range; write it in double quotes", key);
	else if (item->valuedouble == floor(item->valuedouble))
		return arena_printf(ctx, "%.0f", item->valuedouble);
	else
		return arena_printf(ctx, "%.15g", item->valuedouble);
	return NULL;
}

char *
config_values_in_words(Ctx *ctx, const char *values)
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

char *
config_enum_canonical(Ctx *ctx, const char *values, const char *value, int *place)
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
				return config_enum_canonical(
					ctx, values, arena_strndup(ctx, equals + 1, len - namelen - 1), place);
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
	return config_fail(ctx, "%s: \"%s\" is not valid; expected a whole number from %ld to %ld",
					   setting->origin, shown(ctx, setting), setting->opt->min, setting->opt->max);
}

static bool
validate_enum(Ctx *ctx, Setting *setting)
{
	const Option *opt = setting->opt;
	int place;
	char *canonical = config_enum_canonical(ctx, opt->values, setting->value, &place);

	if (canonical != NULL)
	{
		setting->value = canonical;
		return true;
	}
	if (opt->refusal != NULL)
		return config_fail(ctx, "%s: \"%s\" is refused: %s (valid: %s)", setting->origin,
						   shown(ctx, setting), opt->refusal,
						   config_values_in_words(ctx, opt->values));
	return config_fail(ctx, "%s: \"%s\" is not valid; expected one of: %s", setting->origin,
					   shown(ctx, setting), config_values_in_words(ctx, opt->values));
}

static bool
validate(Ctx *ctx, Setting *setting)
{
	const Option *opt = setting->opt;
	const char *value = setting->value;

	if (opt->fate == FATE_REFUSED && value[0] != '\0')
		return config_fail(ctx, "%s: refused: %s", setting->origin, opt->refusal);
	if (value[0] == '\0' && opt->type != TYPE_LIST && !(opt->flags & OPT_EMPTY_OK))
		return config_fail(ctx, "%s: is empty; give it a value or leave the key out",
						   setting->origin);
	if (opt->type == TYPE_BOOL && strcasecmp(value, "true") == 0)
		setting->value = "true";
	else if (opt->type == TYPE_BOOL && strcasecmp(value, "false") == 0)
		setting->value = "false";
	else if (opt->type == TYPE_BOOL)
		return config_fail(ctx, "%s: \"%s\" is not valid; expected true or false", setting->origin,
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
		return config_fail(ctx, "%.*s********: unknown key (nova-relay options lists all)",
						   (int) (salt - key) + 4, key);
	if (strlen(key) > KEY_BYTES_MAX)
		return config_fail(ctx, "%.60s...: unknown key, longer than %d bytes", key, KEY_BYTES_MAX);
	return config_fail(ctx, "%s: unknown key; did you mean %s? (nova-relay options lists all)", key,
					   nearest_key(ctx, key));
}

/* Two spellings of one key may both be there if they agree. */
static bool
check_twice(Ctx *ctx, const Setting *setting, bool *repeated)
{
	const Setting *other = config_setting(ctx, setting->key);

	*repeated = other != NULL;
	if (other == NULL)
		return true;
	if (strcmp(other->origin, setting->origin) == 0)
		return config_fail(ctx, "%s: appears twice; keep one", setting->origin);
	if (strcmp(other->value, setting->value) != 0)
		return config_fail(ctx, "%s: contradicts %s, which is the same setting; keep one",
						   setting->origin, other->origin);
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

/* As it stands in the file: a placeholder is no secret, what it stands for may be. */
static void
keep_given(Ctx *ctx, const cJSON *item, const Setting *setting)
{
	const char *value = cJSON_IsString(item) ? item->valuestring : setting->value;
	bool secret = (setting->opt->flags & OPT_SECRET) || config_is_secret(setting->origin);
	bool placeholder = strncmp(value, "${", 2) == 0 && value[strcspn(value, "}") + 1] == '\0';

	if (secret && !(value[0] != '\0' && placeholder))
		value = SECRET_MASK;
	config_pairs_add(ctx, &ctx->cfg->given, setting->origin, value, setting->origin);
}

/* What GET shows in place of a secret must not become one. */
static bool
check_mask(Ctx *ctx, const Setting *setting)
{
	if (ctx->faults == NULL || strcmp(setting->value, SECRET_MASK) != 0)
		return true;
	return config_fail(ctx,
					   "%s: " SECRET_MASK " is what secrets are shown as, not a value; give the "
					   "value, or a placeholder such as ${env:DB_PASSWORD}",
					   setting->origin);
}

bool
config_collect(Ctx *ctx, const cJSON *item)
{
	Setting setting = {.key = item->string};
	bool repeated;

	setting.opt = config_lookup(ctx, item->string, &setting.key, setting.star);
	if (setting.opt == NULL)
		return fail_unknown(ctx, item->string);
	setting.origin = printable_key(ctx, setting.opt, item->string);
	setting.value = value_text(ctx, item, setting.origin);
	if (setting.value == NULL || !check_mask(ctx, &setting))
		return false;
	if (setting.opt->target == TO_ALIAS)
	{
		if (!ctx->quiet)
			log_info("%s: %s is the old name of %s; it works", ctx->label, setting.origin,
					 setting.opt->dest);
		setting.key = setting.opt->dest;
		setting.opt = config_option(setting.key);
	}
	else
		setting.key = arena_strdup(ctx, setting.key);
	if (!validate(ctx, &setting) || !check_twice(ctx, &setting, &repeated))
		return false;
	if (!repeated)
		ctx->settings[ctx->nsettings++] = setting;
	if (!ctx->inherits)
		keep_given(ctx, item, &setting);
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
/* One of several, where all are wanted: go on. */
static bool
note_fault(Ctx *ctx, const char *key)
{
	if (ctx->faults == NULL)
		return false;
	config_faults_add(ctx->faults, key, ctx->err);
	return true;
}

bool
config_collect_all(Ctx *ctx, const cJSON *map, const cJSON *name, size_t more)
{
	size_t n = (size_t) cJSON_GetArraySize(map) + 1;

	if (n > CONFIG_KEYS_MAX)
		return config_fail(ctx, "more than %d keys; is it a connector JSON?", CONFIG_KEYS_MAX);
	ctx->settings = arena_alloc(ctx, (n + more) * sizeof(Setting));
	for (int pass = 0; pass < 2; pass++)
		for (const cJSON *item = map->child; item != NULL; item = item->next)
			if ((pass == 0) == (is_transform_type(item) || is_converter_class(item)) &&
				!config_collect(ctx, item) && !note_fault(ctx, item->string))
				return false;
	if (name == NULL)
		return true;
	if (config_setting(ctx, "name") == NULL)
		return config_collect(ctx, name) || note_fault(ctx, "name");
	if (!cJSON_IsString(name) || strcmp(config_value(ctx, "name"), name->valuestring) != 0)
		return config_fail(ctx,
						   "name: the one beside \"config\" and the one in it differ; keep one");
	return true;
}

/* ------------------------------------------------------------------------
 * Entry points
 * ------------------------------------------------------------------------ */

void
config_log_notes(const Ctx *ctx)
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
	const cJSON *map = config_inner_map(ctx, root, &name);

	if (map == NULL || !config_collect_all(ctx, map, name, 0) || !config_finish(ctx))
		return false;
	config_log_notes(ctx);
	return true;
}

void
config_begin(Ctx *ctx, const char *label, char *err, size_t errsize)
{
	*ctx = (Ctx){.label = label, .err = err, .errsize = errsize};
	if (errsize > 0)
		err[0] = '\0';
	ctx->owned = calloc(1, sizeof(OwnedConfig));
	if (ctx->owned == NULL)
		config_no_memory();
	ctx->cfg = &ctx->owned->cfg;
}

static RelayConfig *
parse_into(Ctx *ctx, const char *json, size_t len)
{
	cJSON *root = config_parse_json(ctx, json, len);
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

	config_begin(&ctx, label, err, errsize);
	return parse_into(&ctx, json, len);
}

char *
config_read_file(Ctx *ctx, const char *path, size_t *len)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *json = fd >= 0 ? config_read_all(ctx, fd, len) : NULL;

	if (json == NULL)
		config_fail(ctx, "cannot read the configuration: %s", strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	return json;
}

RelayConfig *
config_load(const char *path, char *err, size_t errsize)
{
	Ctx ctx;
	char *json;
	size_t len;

	config_begin(&ctx, strcmp(path, "-") == 0 ? "standard input" : path, err, errsize);
	json = config_read_file(&ctx, path, &len);
	if (json != NULL)
		return parse_into(&ctx, json, len);
	config_free(ctx.cfg);
	return NULL;
}

RelayConfig *
config_share(RelayConfig *cfg)
{
	if (cfg != NULL)
		atomic_fetch_add(&((OwnedConfig *) cfg)->sharers, 1);
	return cfg;
}

void
config_free(RelayConfig *cfg)
{
	/* The RelayConfig is the first member of what was allocated. */
	OwnedConfig *owned = (OwnedConfig *) cfg;

	if (owned == NULL || atomic_fetch_sub(&owned->sharers, 1) > 0)
		return;
	for (ArenaBlock *block = owned->arena; block != NULL;)
	{
		ArenaBlock *next = block->next;

		free(block);
		block = next;
	}
	free(owned);
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
