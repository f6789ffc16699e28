/*-------------------------------------------------------------------------
 *
 * config_infos.c
 *		The option table as Kafka Connect's ConfigInfos, which its validate call answers.
 *
 * A row is one entry: what the option is, the value it would have, what is wrong
 * with that.  Patterns, old names and what is refused are no entries; faults of keys
 * that have none become entries of their own, as in Connect.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

/* A member that there is no memory for is missing, and then the next one fails as well. */

static const char *
type_name(const Option *opt)
{
	static const char *const names[] = {[TYPE_STRING] = "STRING",
										[TYPE_LIST] = "LIST",
										[TYPE_BOOL] = "BOOLEAN",
										[TYPE_INT] = "INT",
										[TYPE_ENUM] = "STRING"};

	return opt->flags & OPT_SECRET ? "PASSWORD" : names[opt->type];
}

static void
add_text_or_null(cJSON *to, const char *name, const char *text)
{
	if (text != NULL)
		cJSON_AddStringToObject(to, name, text);
	else
		cJSON_AddNullToObject(to, name);
}

static void
add_definition(cJSON *to, const Option *opt, const char *key, const char *group, int order)
{
	cJSON *d = cJSON_AddObjectToObject(to, "definition");
	bool required = opt != NULL && (opt->flags & OPT_REQUIRED) != 0;

	cJSON_AddStringToObject(d, "name", key);
	cJSON_AddStringToObject(d, "type", opt != NULL ? type_name(opt) : "STRING");
	cJSON_AddBoolToObject(d, "required", required);
	add_text_or_null(d, "default_value", opt != NULL ? opt->deflt : NULL);
	cJSON_AddStringToObject(d, "importance", required ? "HIGH" : "MEDIUM");
	cJSON_AddStringToObject(d, "documentation",
							opt == NULL         ? ""
							: opt->help != NULL ? opt->help
							: opt->note != NULL ? opt->note
												: "");
	add_text_or_null(d, "group", group);
	cJSON_AddStringToObject(d, "width", "MEDIUM");
	cJSON_AddStringToObject(d, "display_name", key);
	cJSON_AddArrayToObject(d, "dependents");
	cJSON_AddNumberToObject(d, "order", order);
}

static void
add_recommended(cJSON *to, const Option *opt)
{
	cJSON *list = cJSON_AddArrayToObject(to, "recommended_values");

	if (opt == NULL || opt->type != TYPE_ENUM)
		return;
	for (const char *p = opt->values; *p != '\0';)
	{
		size_t len = strcspn(p, "|");
		char *word = memchr(p, '=', len) == NULL ? strndup(p, len) : NULL;

		if (word != NULL)
			cJSON_AddItemToArray(list, cJSON_CreateString(word));
		free(word);
		p += len + (p[len] == '|');
	}
}

static bool
is_of(const ConfigFault *fault, const char *key)
{
	/* what belongs to several is shown with the name, as Connect does */
	return strcmp(fault->key != NULL ? fault->key : "name", key) == 0;
}

static void
add_value(cJSON *to, const Option *opt, const char *key, const cJSON *given,
		  const ConfigFaults *faults)
{
	cJSON *v = cJSON_AddObjectToObject(to, "value");
	bool secret = (opt != NULL && (opt->flags & OPT_SECRET)) || config_is_secret(key);
	cJSON *errors;

	cJSON_AddStringToObject(v, "name", key);
	if (given != NULL && secret)
		cJSON_AddStringToObject(v, "value", SECRET_MASK);
	else if (given != NULL)
		cJSON_AddItemToObject(v, "value", cJSON_Duplicate(given, true));
	else
		add_text_or_null(v, "value", opt != NULL ? opt->deflt : NULL);
	add_recommended(v, opt);
	errors = cJSON_AddArrayToObject(v, "errors");
	for (size_t i = 0; i < faults->count; i++)
		if (is_of(&faults->items[i], key))
			cJSON_AddItemToArray(errors, cJSON_CreateString(faults->items[i].text));
	cJSON_AddBoolToObject(v, "visible", true);
}

static void
add_entry(cJSON *configs, const Option *opt, const char *key, const char *group, const cJSON *map,
		  const ConfigFaults *faults)
{
	cJSON *entry = cJSON_CreateObject();

	add_definition(entry, opt, key, group, cJSON_GetArraySize(configs));
	add_value(entry, opt, key, cJSON_GetObjectItemCaseSensitive(map, key), faults);
	cJSON_AddItemToArray(configs, entry);
}

static bool
has_entry(const Option *opt)
{
	return opt != NULL && opt->key != NULL && strchr(opt->key, '*') == NULL &&
		   opt->target != TO_ALIAS && opt->fate != FATE_REFUSED && opt->scope == NULL;
}

/* In how many entries is something wrong? */
static int
count_wrong(const cJSON *configs)
{
	const cJSON *entry;
	int n = 0;

	cJSON_ArrayForEach(entry, configs)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(entry, "value");

		n += cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(value, "errors")) > 0;
	}
	return n;
}

/* The keys of what is wrong that the table has no entry for, each once. */
static void
add_strangers(cJSON *configs, const cJSON *map, const ConfigFaults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
	{
		const char *key = faults->items[i].key;
		bool told = key == NULL || has_entry(config_option(key));

		for (size_t j = 0; j < i && !told; j++)
			told = is_of(&faults->items[j], key);
		if (!told)
			add_entry(configs, NULL, key, NULL, map, faults);
	}
}

char *
config_infos(const char *name, const char *json, const ConfigFaults *faults)
{
	cJSON *map = cJSON_Parse(json);
	cJSON *body = cJSON_CreateObject();
	cJSON *groups;
	cJSON *configs;
	const char *group = NULL;
	char *text;

	cJSON_AddStringToObject(body, "name", name);
	cJSON_AddNumberToObject(body, "error_count", 0);
	groups = cJSON_AddArrayToObject(body, "groups");
	configs = cJSON_AddArrayToObject(body, "configs");
	for (size_t i = 0; i < config_option_count; i++)
	{
		const Option *opt = &config_options[i];

		if (opt->key == NULL)
		{
			group = opt->help;
			cJSON_AddItemToArray(groups, cJSON_CreateString(group));
		}
		else if (has_entry(opt))
			add_entry(configs, opt, opt->key, group, map, faults);
	}
	add_strangers(configs, map, faults);
	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(body, "error_count"),
						 count_wrong(configs));
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(map);
	cJSON_Delete(body);
	return text;
}
