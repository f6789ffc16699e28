/*-------------------------------------------------------------------------
 *
 * config_check.c
 *		Checks of single values, as the option table names them.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"

bool
config_check_topic_prefix(Ctx *ctx, const char *key, const char *value)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (strspn(value, legal) != strlen(value) || strlen(value) > 200)
		return config_fail(
			ctx,
			"%s: is not valid in a topic name; expected at most 200 of letters, digits, "
			"'.', '_' and '-'",
			key);
	return true;
}

/* What is behind http:// or https://; NULL: neither is there. */
static const char *
behind_scheme(const char *at, bool *https)
{
	*https = strncasecmp(at, "https://", 8) == 0;
	if (!*https && strncasecmp(at, "http://", 7) != 0)
		return NULL;
	return at + (*https ? 8 : 7);
}

bool
config_next_listener(const char **list, Listener *listener)
{
	const char *at = *list + strspn(*list, ", ");
	size_t len = strcspn(at, ", ");
	const char *end = at + len;
	const char *colon = memrchr(at, ':', len);
	char *rest;
	size_t n;

	*list = end;
	at = behind_scheme(at, &listener->https);
	if (at == NULL || at > end)
		return false;
	if (colon == NULL || colon < at || colon + 1 == end)
		return false;
	listener->port = (int) strtol(colon + 1, &rest, 10);
	/* an IPv6 address comes in brackets */
	n = (size_t) (colon - at) - (*at == '[' && colon[-1] == ']' ? 2 : 0);
	if (rest != end || listener->port < 0 || listener->port > 65535 || n >= CONFIG_HOST_MAX)
		return false;
	memcpy(listener->host, at + (*at == '[' ? 1 : 0), n);
	listener->host[n] = '\0';
	return true;
}

bool
config_check_listeners(Ctx *ctx, const char *key, const char *value)
{
	const char *list = value;
	Listener listener;

	while (list[strspn(list, ", ")] != '\0')
		if (!config_next_listener(&list, &listener))
			return config_fail(ctx,
							   "%s: \"%.80s\" is not valid; expected http://host:port or "
							   "https://host:port (several separated by commas), or nothing",
							   key, value);
	return true;
}

bool
config_check_table(Ctx *ctx, const char *key, const char *value)
{
	const char *dot = strchr(value, '.');

	if (dot == NULL || dot == value || dot[1] == '\0')
		return config_fail(ctx, "%s: \"%.80s\" is not valid; expected schema.table", key, value);
	return true;
}

bool
config_check_slot_name(Ctx *ctx, const char *key, const char *value)
{
	if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(value) ||
		strlen(value) > 63)
		return config_fail(
			ctx,
			"%s: \"%.80s\" is not valid; expected 1 to 63 of lower-case letters, digits "
			"and '_'",
			key, value);
	return true;
}

bool
config_check_operations(Ctx *ctx, const char *key, const char *value)
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
	return config_fail(
		ctx, "%s: \"%.80s\" is not valid; expected some of c, u, d, t with commas, or none", key,
		value);
}

bool
config_check_placeholder(Ctx *ctx, const char *key, const char *value)
{
	if (starts_with(value, "hex:") && text_from_hex(ctx, value) == NULL)
		return config_fail(
			ctx,
			"%s: refused: hex: must be followed by pairs of hexadecimal digits that make "
			"UTF-8 text without control characters",
			key);
	return true;
}

bool
config_check_key_columns(Ctx *ctx, const char *key, const char *value)
{
	const char *list = value;

	while (*list != '\0')
	{
		size_t len = strcspn(list, ";");
		const char *item = text_trimmed(ctx, list, len);
		const char *colon = strrchr(item, ':');

		if (item[0] != '\0' && (colon == NULL || colon == item || colon[1] == '\0'))
			return config_fail(ctx,
							   "%s: \"%.80s\" is not valid; expected schema.table:column,column;…",
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

bool
config_check_added_fields(Ctx *ctx, const char *key, const char *value)
{
	const char *item;

	while ((item = list_next(ctx, &value)) != NULL)
	{
		const char *name = strchr(item, ':');

		if (name != NULL && (name[1] == '\0' || strchr(name + 1, ':') != NULL))
			return config_fail(
				ctx, "%s: \"%.80s\" has no new name after the colon, or more than one", key, item);
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

const char *
config_known_fields(Ctx *ctx, const char *key, const char *list)
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

bool
config_check_password(Ctx *ctx, const char *key, const char *value)
{
	if (value[0] == '\0')
		return config_fail(
			ctx,
			"%s: is empty; set the password (is the environment variable or file behind "
			"it empty?), or leave the key out",
			key);
	return true;
}

static bool
is_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return text[0] != '\0' && *end == '\0' && port >= 1 && port <= 65535 &&
		   strspn(text, "0123456789") == strlen(text);
}

bool
config_check_ports(Ctx *ctx, const char *key, const char *value)
{
	const char *list = value;
	const char *item = list_next(ctx, &list);

	while (item != NULL && is_port(item))
	{
		item = list_next(ctx, &list);
		if (item == NULL)
			return true;
	}
	return config_fail(ctx,
					   "%s: \"%.80s\" is not valid; expected a whole number from 1 to 65535, or "
					   "several, separated by commas",
					   key, value);
}

bool
config_check_retries(Ctx *ctx, const char *key, const char *value)
{
	if (strcmp(value, "-1") != 0)
		log_warn("%s: %s=%s: nova does not count retries of what can heal", ctx->label, key, value);
	return true;
}
