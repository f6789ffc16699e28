/*-------------------------------------------------------------------------
 *
 * config_print.c
 *		The effective settings, and the option table as documentation.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool
config_is_secret(const char *name)
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
	if (config_is_secret(name) || config_is_secret(origin))
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

void
config_print_effective(const RelayConfig *cfg, FILE *out)
{
	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].key != NULL && config_options[i].target == TO_FIELD)
			print_field(out, cfg, &config_options[i]);
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
	for (size_t i = 0; i < config_option_count; i++)
	{
		if (config_options[i].key == NULL)
			fprintf(out, "\n## %s\n\n| key | values | default | | |\n|---|---|---|---|---|\n",
					config_options[i].help);
		else
			print_option(out, &config_options[i]);
	}
}
