/*-------------------------------------------------------------------------
 *
 * config_transforms.c
 *		The list of transforms and its predicates as options of the plugin.
 *
 *-------------------------------------------------------------------------
 */
#include "config_internal.h"

#include <string.h>

#include "log.h"

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
	const char *names = config_value(ctx, "transforms");

	for (size_t i = 0; i < ctx->nsettings; i++)
	{
		const Setting *s = &ctx->settings[i];
		const char *type;

		if (!starts_with(s->key, "transforms."))
			continue;
		if (!list_has(ctx, names, s->star[0]))
			return config_fail(
				ctx, "%s: transforms does not name \"%s\"; add it there or remove the key",
				s->origin, s->star[0]);
		type = config_value(ctx, arena_printf(ctx, "transforms.%s.type", s->star[0]));
		if (type != NULL && s->opt->scope != NULL && !scope_has(s->opt->scope, type))
			return config_fail(ctx, "%s: %s has no such option; remove it", s->origin, type);
	}
	return true;
}

/* Hand the options of one transform to their targets. */
static void
apply_transform(Ctx *ctx, const char *name, const char *type)
{
	for (size_t i = 0; i < config_option_count; i++)
	{
		const Option *opt = &config_options[i];
		const char *key;
		const char *value;

		if (opt->scope == NULL || !scope_has(opt->scope, type) || opt->fate != FATE_WORKS)
			continue;
		key = arena_printf(ctx, "transforms.%s%s", name, opt->key + strlen("transforms.*"));
		value = config_value(ctx, key);
		if (value == NULL)
			value = opt->deflt;
		if (value != NULL)
			config_apply_value(ctx, opt, opt->dest, value, key);
	}
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
	const char *mode = config_value(ctx, mode_key);
	const char *drop = config_value(ctx, drop_key);
	const char *now;

	if (mode == NULL && !config_profile_is_debezium(ctx))
	{
		/* nova's own form of deletes, of which this is about one half */
		if (is_true(drop))
			config_plugin_set(ctx, "tombstones.on.delete", "false", drop_key);
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
	config_plugin_set(ctx, "delete.handling.mode", now, mode != NULL ? mode_key : drop_key);
}

/* Without any key about it, the profile's default stands. */
static void
finish_deletes(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.delete.tombstone.handling.mode", unwrap);
	const char *mode = config_value(ctx, key);
	bool legacy =
		config_setting(ctx, arena_printf(ctx, "transforms.%s.delete.handling.mode", unwrap)) ||
		config_setting(ctx, arena_printf(ctx, "transforms.%s.drop.tombstones", unwrap));

	if (mode == NULL)
	{
		if (legacy)
			finish_legacy_deletes(ctx, unwrap);
		return;
	}
	if (legacy)
		log_info("%s: %s decides; the old drop.tombstones and delete.handling.mode are ignored",
				 ctx->label, key);
	config_plugin_set(ctx, "delete.handling.mode", mode, key);
}

/*
 * Two places of Debezium put defaults in the place of nulls: the converter, and
 * the transform where it adds __deleted.  It takes both to keep a null there.
 */
static void
finish_nulls(Ctx *ctx, const char *unwrap)
{
	const char *key = arena_printf(ctx, "transforms.%s.replace.null.with.default", unwrap);
	const char *kept = config_value(ctx, key);
	const char *value = config_value(ctx, "value.converter.replace.null.with.default");
	const char *deletes = config_pair(&ctx->cfg->plugin, "delete.handling.mode");
	bool unwrap_keeps = kept != NULL && !is_true(kept);
	bool converter_keeps = value != NULL && !is_true(value);

	if (!config_profile_is_debezium(ctx))
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
		config_plugin_set(ctx, "replace.null.with.default", "true", key);
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
	const char *old = config_value(ctx, key);
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
	const char *fields = joined(ctx, config_value(ctx, key), legacy_source_fields(ctx, unwrap));
	const char *item;

	if (fields != NULL)
		config_plugin_set(ctx, "add.fields", config_known_fields(ctx, key, fields), key);
	else if (config_profile_is_debezium(ctx))
		config_plugin_set(ctx, "add.fields", "", key);
	if (fields == NULL || config_pair(&ctx->cfg->plugin, "delete.handling.mode") != NULL ||
		config_profile_is_debezium(ctx))
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
	const char *headers = config_value(ctx, key);

	if (config_value(ctx, old) != NULL && is_true(config_value(ctx, old)) &&
		!list_has(ctx, headers, "op"))
	{
		headers = joined(ctx, "op", headers);
		log_info("%s: %s means %s=%s (Debezium 3.7 ignores it)", ctx->label, old, key, headers);
	}
	if (headers != NULL)
		config_plugin_set(ctx, "add.headers", config_known_fields(ctx, key, headers), key);
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
	const char *value = config_value(ctx, arena_printf(ctx, "transforms.%s.%s", t->name, option));

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
	return config_fail(ctx, "required and missing: transforms.%s.%s", t->name, option);
}

/* Every predicates.<name>.<option> belongs to a predicate of the list. */
static bool
check_predicates(Ctx *ctx)
{
	const char *names = config_value(ctx, "predicates");

	for (size_t i = 0; i < ctx->nsettings; i++)
		if (starts_with(ctx->settings[i].key, "predicates.") &&
			!list_has(ctx, names, ctx->settings[i].star[0]))
			return config_fail(
				ctx, "%s: predicates does not name \"%s\"; add it there or remove the key",
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
		return config_fail(
			ctx,
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
	const char *name = config_value(ctx, key);
	const char *negate = transform_value(ctx, t, "negate");
	const char *type;

	t->negate = negate != NULL && strcmp(negate, "true") == 0;
	if (name == NULL)
		return !t->negate ||
			   config_fail(ctx,
						   "transforms.%s.negate: there is no predicate to negate; add "
						   "transforms.%s.predicate or remove the key",
						   t->name, t->name);
	type = config_value(ctx, arena_printf(ctx, "predicates.%s.type", name));
	if (!list_has(ctx, config_value(ctx, "predicates"), name) || type == NULL)
		return config_fail(ctx,
						   "%s: there is no predicate \"%s\"; name it in predicates and set "
						   "predicates.%s.type",
						   key, name, name);
	if (strcmp(type, CLASS_TOMBSTONE) == 0)
		return set_tombstone_predicate(ctx, t, key);
	t->pattern = config_value(ctx, arena_printf(ctx, "predicates.%s.pattern", name));
	return t->pattern != NULL ||
		   config_fail(ctx, "required and missing: predicates.%s.pattern", name);
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
		return config_fail(ctx,
						   "transforms: \"%s\" and \"%s\" are both %s; nova runs only one of them",
						   first->name, then->name, then->type);
	if (!logical || (unique != NULL && strcmp(unique, "false") == 0))
		return true;
	if (transform_is(first, CLASS_KEY) && first->pattern == NULL && then->pattern == NULL)
		return config_fail(
			ctx,
			"transforms: \"%s\" has to come before \"%s\": it adds a field to the key, of "
			"which the other leaves one value only",
			then->name, first->name);
	if (transform_is(first, CLASS_UNWRAP) && transform_value(ctx, first, "route.by.field"))
		return config_fail(
			ctx,
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
	const char *names = config_value(ctx, "transforms");
	const char *name;

	while ((name = list_next(ctx, &names)) != NULL)
	{
		Transform *t = &array[(*n)++];

		*t = (Transform){.name = name};
		t->type = config_value(ctx, arena_printf(ctx, "transforms.%s.type", name));
		if (t->type == NULL)
			return config_fail(ctx,
							   "transforms names \"%s\", but transforms.%s.type is missing; set it",
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
	config_plugin_set(ctx, "transforms", json.data, "transforms");
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
		return config_fail(
			ctx,
			"transforms.%s.predicate: refused: a delete would become two records without "
			"content; set transforms.%s.delete.tombstone.handling.mode to rewrite or drop, "
			"or remove the predicate and set it to delete-to-tombstone",
			unwrap->name, unwrap->name);
	config_plugin_set(ctx, "delete.handling.mode", kept,
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
	return config_fail(
		ctx,
		"transforms.%s.%s: refused with schemas in values, which would depend on the row; "
		"set value.converter.schemas.enable to false, or place fields in headers and leave "
		"the payload as it is",
		outbox->name, option);
}

bool
config_finish_transforms(Ctx *ctx)
{
	const char *names = config_value(ctx, "transforms");
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
		config_plugin_set(ctx, "outbox.route.by.field",
						  transform_value(ctx, outbox, "route.by.field"),
						  arena_printf(ctx, "transforms.%s.route.by.field", outbox->name));
	unwrap = find_transform(array, n, CLASS_UNWRAP);
	config_plugin_set(ctx, "format", unwrap != NULL ? "flat" : "envelope", "transforms");
	return unwrap == NULL || finish_unwrap(ctx, unwrap);
}
