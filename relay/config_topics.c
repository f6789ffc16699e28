/*-------------------------------------------------------------------------
 *
 * config_topics.c
 *		topic.creation.*: the groups of topics, and which one a topic is of.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "ere.h"

/*
 * Values of topic configs
 */

static const struct
{
	const char *name;
	const char *values; /* each item of the list is one of them; NULL: a whole number */
	const char *words;  /* for the message */
} topic_configs[] = {
	{"cleanup.policy", "|compact|delete|", "compact, delete or both"},
	{"compression.type", "|uncompressed|zstd|lz4|snappy|gzip|producer|",
	 "one of uncompressed, zstd, lz4, snappy, gzip, producer"},
	{"message.timestamp.type", "|CreateTime|LogAppendTime|", "CreateTime or LogAppendTime"},
	{"unclean.leader.election.enable", "|true|false|", "true or false"},
	{"preallocate", "|true|false|", "true or false"},
	{"retention.ms", NULL, "a whole number"},
	{"retention.bytes", NULL, "a whole number"},
	{"delete.retention.ms", NULL, "a whole number"},
	{"segment.ms", NULL, "a whole number"},
	{"segment.bytes", NULL, "a whole number"},
	{"max.message.bytes", NULL, "a whole number"},
	{"min.insync.replicas", NULL, "a whole number"},
	{"min.compaction.lag.ms", NULL, "a whole number"},
	{"max.compaction.lag.ms", NULL, "a whole number"},
};

static bool
is_whole_number(const char *value)
{
	const char *digits = value + (*value == '-');

	return *digits != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

static bool
fits_values(Ctx *ctx, const char *values, const char *list)
{
	const char *item;
	bool any = false;

	while ((item = list_next(ctx, &list)) != NULL)
	{
		any = true;
		if (strstr(values, arena_printf(ctx, "|%s|", item)) == NULL)
			return false;
	}
	return any;
}

bool
config_check_topic_config(Ctx *ctx, const char *key, const char *value)
{
	const char *name = strchr(key + strlen("topic.creation."), '.');

	for (size_t i = 0; name != NULL && i < sizeof(topic_configs) / sizeof(topic_configs[0]); i++)
	{
		if (strcmp(name + 1, topic_configs[i].name) != 0)
			continue;
		if (topic_configs[i].values == NULL ? !is_whole_number(value)
											: !fits_values(ctx, topic_configs[i].values, value))
			return config_fail(ctx, "%s: \"%.100s\" is not valid; expected %s", key, value,
							   topic_configs[i].words);
	}
	return true;
}

bool
config_check_topics(Ctx *ctx, const char *key, const char *value)
{
	const char *item;

	while ((item = list_next(ctx, &value)) != NULL)
		if (!config_check_topic_prefix(ctx, key, item))
			return false;
	return true;
}

/*
 * Expressions
 */

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
			if (!in_bracket && p[0] == '{' && !ere_bound_is_small(p))
				*why = ERE_BOUND_RULE;
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
			config_fail(ctx, "%s: \"%.100s\": %s", setting->origin, item, why);
			return NULL;
		}
		text_add(ctx, &out, out.len == 0 ? "^(" : "|", out.len == 0 ? 2 : 1);
		text_add(ctx, &out, ere, strlen(ere));
	}
	if (out.len == 0 || out.len > REGEX_BYTES_MAX)
	{
		config_fail(ctx, "%s: expected regular expressions, together at most %d bytes",
					setting->origin, REGEX_BYTES_MAX);
		return NULL;
	}
	text_add(ctx, &out, ")$", 2);
	rc = regcomp(&re, out.data, REG_EXTENDED | REG_NOSUB);
	if (rc != 0)
	{
		char text[100];

		regerror(rc, &re, text, sizeof(text));
		config_fail(ctx, "%s: not a regular expression: %s", setting->origin, text);
		return NULL;
	}
	regfree(&re);
	return out.data;
}

static const Setting *
group_setting(Ctx *ctx, const char *group, const char *what)
{
	return config_setting(ctx, arena_printf(ctx, "topic.creation.%s.%s", group, what));
}

static int
group_number(Ctx *ctx, const char *group, const char *what, bool *ok)
{
	const Setting *setting = group_setting(ctx, group, what);
	long n = setting == NULL ? -1 : strtol(setting->value, NULL, 10);

	/* as in Connect, what a group does not say is the default's */
	if (setting == NULL && strcmp(group, "default") != 0)
		return group_number(ctx, "default", what, ok);
	if (n == 0)
		*ok = config_fail(ctx,
						  "%s: 0 is not valid; expected 1 or more, or -1 for the broker's default",
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
		return config_fail(ctx, "%s: the group default takes every topic; remove it",
						   include != NULL ? include->origin : exclude->origin);
	if (!is_default && (include == NULL || include->value[0] == '\0'))
		return config_fail(ctx, "required and missing: topic.creation.%s.include", name);
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
			config_pairs_add(ctx, &group->properties, s->star[1], s->value, s->origin);
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
			return config_fail(ctx, "%s: topic.creation.groups does not name \"%s\"; add it there",
							   s->origin, s->star[0]);
	}
	return true;
}

/* Kafka Connect makes topics only for connectors that say how. */
static void
decide_creation(Ctx *ctx)
{
	bool asked =
		config_value(ctx, "topic.creation.enable") != NULL || ctx->cfg->extra_topics != NULL;

	for (size_t i = 0; i < ctx->nsettings && !asked; i++)
		asked = starts_with(ctx->settings[i].key, "topic.creation.");
	ctx->cfg->create_topics = ctx->cfg->create_topics && asked;
}

bool
config_finish_groups(Ctx *ctx)
{
	const char *names = config_value(ctx, "topic.creation.groups");
	const char *rest = names;
	const char *name;
	size_t count = 1;

	decide_creation(ctx);
	if (!check_group_names(ctx, names))
		return false;
	while (list_next(ctx, &rest) != NULL)
		count++;
	if (count > CONFIG_KEYS_MAX)
		return config_fail(ctx, "topic.creation.groups: more than %d groups", CONFIG_KEYS_MAX);
	ctx->cfg->groups = arena_alloc(ctx, count * sizeof(TopicGroup));
	while ((name = list_next(ctx, &names)) != NULL)
	{
		TopicGroup *group = &ctx->cfg->groups[ctx->cfg->ngroups];

		if (strcmp(name, "default") == 0)
			continue;
		for (size_t i = 0; i < ctx->cfg->ngroups; i++)
			if (strcmp(ctx->cfg->groups[i].name, name) == 0)
				return config_fail(ctx, "topic.creation.groups: names \"%s\" twice", name);
		if (!fill_group(ctx, group, name))
			return false;
		ctx->cfg->ngroups++;
	}
	return fill_group(ctx, &ctx->cfg->groups[ctx->cfg->ngroups++], "default");
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
