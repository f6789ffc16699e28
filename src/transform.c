/*-------------------------------------------------------------------------
 *
 * transform.c
 *		The transforms of a connector; see transform.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "json.h"
#include "plan.h"
#include "transform.h"

#define MAX_GROUPS         100

#define OPTION             "transforms"
#define OUTBOX_REGEX       "(?<routedByValue>.*)"
#define OUTBOX_REPLACEMENT "outbox.event.${routedByValue}"

typedef enum StepKind
{
	STEP_ROUTE,
	STEP_UNWRAP,
	STEP_KEY,
	STEP_OUTBOX
} StepKind;

static const char *const step_names[] = {"route", "unwrap", "key", "outbox"};

/* A regular expression for whole names, and what takes a name's place. */
typedef struct Rewrite
{
	text *pattern; /* NULL: none */
	int groups;
	char *names[MAX_GROUPS]; /* of the groups; NULL: a number only */
	char *replacement;
} Rewrite;

struct NovaStep
{
	StepKind kind;
	text *topics; /* NULL: any */
	bool negate;
	bool renames; /* schemas are called after the new topic */
	Rewrite topic;
	Rewrite key;
	char *field; /* of the key, or the one that names the topic */
};

/* Which members a step may have, and where they go. */
typedef struct Member
{
	const char *name;
	unsigned kinds; /* bits of StepKind */
	bool required;
} Member;

#define OF(kind) (1U << (kind))

static const Member members[] = {
	{"type", ~0U, true},
	{"topics", ~0U, false},
	{"negate", ~0U, false},
	{"regex", OF(STEP_ROUTE), true},
	{"replacement", OF(STEP_ROUTE), true},
	{"regex", OF(STEP_OUTBOX), false},
	{"replacement", OF(STEP_OUTBOX), false},
	{"rename", OF(STEP_ROUTE), false},
	{"key.field", OF(STEP_ROUTE), false},
	{"key.regex", OF(STEP_ROUTE), false},
	{"key.replacement", OF(STEP_ROUTE), false},
	{"route.by.field", OF(STEP_UNWRAP), false},
	{"field", OF(STEP_KEY), true},
};

static void
bad_step(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"" OPTION "\""), errdetail("%s", detail),
					errhint("Valid is: a JSON array of objects with a \"type\" of route, unwrap, "
							"key or outbox.")));
}

/*
 * The same expression without the names of groups, which go to names.  A '('
 * within brackets or after a backslash opens no group.
 */
static char *
without_names(const char *re, char **names)
{
	StringInfoData buf;
	bool bracket = false;
	int group = 0;

	initStringInfo(&buf);
	for (const char *p = re; *p; p++)
	{
		appendStringInfoChar(&buf, *p);
		if (p[0] == '\\' && p[1])
			appendStringInfoChar(&buf, *++p);
		else if (*p == '[' || *p == ']')
			bracket = *p == '[';
		else if (*p == '(' && !bracket && p[1] != '?')
			group++;
		else if (*p == '(' && !bracket && p[2] == '<' && isalpha((unsigned char) p[3]))
		{
			size_t len = strcspn(p + 3, ">");

			if (++group < MAX_GROUPS)
				names[group] = pnstrdup(p + 3, len);
			p += 3 + len;
			if (*p == '\0')
				break;
		}
	}
	return buf.data;
}

/* The group that "$1" or "${name}" at *p means, and its end; -1: none. */
static int
group_of(const Rewrite *rewrite, const char **p)
{
	const char *at = *p + 1;
	int group;

	if (*at == '{')
	{
		size_t len = strcspn(at + 1, "}");

		*p = at + 1 + len;
		for (int i = 1; i <= rewrite->groups && i < MAX_GROUPS; i++)
			if (**p && rewrite->names[i] && strlen(rewrite->names[i]) == len &&
				strncmp(rewrite->names[i], at + 1, len) == 0)
				return i;
		return -1;
	}
	if (!isdigit((unsigned char) *at))
		return -1;
	/* digits go on as long as there is such a group (java.util.regex.Matcher) */
	group = *at - '0';
	while (isdigit((unsigned char) at[1]) && group * 10 + at[1] - '0' <= rewrite->groups)
		group = group * 10 + *++at - '0';
	*p = at;
	return group <= rewrite->groups ? group : -1;
}

/* What the option says of a replacement that its expression cannot fill. */
static void
check_replacement(const char *option, const Rewrite *rewrite)
{
	for (const char *p = rewrite->replacement; *p; p++)
	{
		if (p[0] == '\\' && p[1])
			p++;
		else if (p[0] == '$' && group_of(rewrite, &p) < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("invalid value for option \"%s\": \"%s\"", option,
								   rewrite->replacement),
							errhint("Valid is: text in which a dollar sign is escaped or begins "
									"one of $0 to $%d or ${the name of a group}.",
									rewrite->groups)));
		if (*p == '\0')
			break;
	}
}

static void
set_rewrite(Rewrite *rewrite, const char *option, const char *regex, const char *replacement_option,
			const char *replacement)
{
	StringInfoData utf8;

	rewrite->pattern =
		nova_option_pattern(option, without_names(regex, rewrite->names), &rewrite->groups);
	rewrite->replacement = pstrdup(replacement);
	check_replacement(replacement_option, rewrite);
	/* topics are UTF-8 */
	initStringInfo(&utf8);
	nova_utf8(&utf8, replacement, strlen(replacement));
	rewrite->replacement = utf8.data;
}

static JsonbValue *
find_member(JsonbContainer *step, const char *name)
{
	JsonbValue key = {.type = jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = (int) strlen(name);
	return findJsonbValueFromContainer(step, JB_FOBJECT, &key);
}

/* A member that is a text, or NULL. */
static char *
text_member(JsonbContainer *step, const char *name)
{
	JsonbValue *v = find_member(step, name);

	if (v == NULL)
		return NULL;
	if (v->type != jbvString)
		bad_step(psprintf("\"%s\" must be a string.", name));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

static bool
is_member(const char *name, int len, StepKind kind)
{
	for (int i = 0; i < lengthof(members); i++)
		if ((members[i].kinds & OF(kind)) && (int) strlen(members[i].name) == len &&
			strncmp(members[i].name, name, len) == 0)
			return true;
	return false;
}

/* Every member is known to this kind of step, and what it needs is there. */
static void
check_members(JsonbContainer *step, StepKind kind)
{
	JsonbIterator *it = JsonbIteratorInit(step);
	JsonbValue v;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY && !is_member(v.val.string.val, v.val.string.len, kind))
			bad_step(psprintf("A step of type %s has no \"%.*s\".", step_names[kind],
							  v.val.string.len, v.val.string.val));
	for (int i = 0; i < lengthof(members); i++)
		if (members[i].required && (members[i].kinds & OF(kind)) &&
			find_member(step, members[i].name) == NULL)
			bad_step(
				psprintf("A step of type %s needs \"%s\".", step_names[kind], members[i].name));
}

static StepKind
step_kind(JsonbContainer *step)
{
	char *type = text_member(step, "type");

	for (int i = 0; type && i < lengthof(step_names); i++)
		if (strcmp(type, step_names[i]) == 0)
			return (StepKind) i;
	bad_step("Every step needs a known \"type\".");
	return STEP_ROUTE;
}

static void
parse_predicate(NovaStep *step, JsonbContainer *json)
{
	char *topics = text_member(json, "topics");
	JsonbValue *negate = find_member(json, "negate");
	char *ignored[MAX_GROUPS];
	int groups;

	if (topics)
		step->topics = nova_option_pattern(OPTION, without_names(topics, ignored), &groups);
	if (negate && (negate->type != jbvBool || topics == NULL))
		bad_step("\"negate\" must be true or false, beside \"topics\".");
	step->negate = negate && negate->val.boolean;
}

static bool
parse_rename(JsonbContainer *json)
{
	JsonbValue *rename = find_member(json, "rename");

	if (rename && rename->type != jbvBool)
		bad_step("\"rename\" must be true or false.");
	return rename && rename->val.boolean;
}

static void
parse_step(NovaStep *step, JsonbContainer *json)
{
	char *regex = text_member(json, "regex");
	char *replacement = text_member(json, "replacement");

	step->kind = step_kind(json);
	check_members(json, step->kind);
	parse_predicate(step, json);
	if (step->kind == STEP_ROUTE || step->kind == STEP_OUTBOX)
		set_rewrite(&step->topic, OPTION, regex ? regex : OUTBOX_REGEX, OPTION,
					replacement ? replacement : OUTBOX_REPLACEMENT);
	step->renames = parse_rename(json);
	if (step->kind == STEP_ROUTE)
		step->field = text_member(json, "key.field");
	else if (step->kind == STEP_UNWRAP)
		step->field = text_member(json, "route.by.field");
	else if (step->kind == STEP_KEY)
		step->field = text_member(json, "field");
	regex = text_member(json, "key.regex");
	replacement = text_member(json, "key.replacement");
	if ((regex == NULL) != (replacement == NULL) || (regex && step->field == NULL))
		bad_step("\"key.regex\" and \"key.replacement\" need each other and \"key.field\".");
	if (regex)
		set_rewrite(&step->key, OPTION, regex, OPTION, replacement);
}

static void
parse_steps(NovaOptions *options)
{
	Jsonb *json =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(options->transforms)));

	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		bad_step("It is no array.");
	options->steps = palloc0(Max(JB_ROOT_COUNT(json), 1) * sizeof(NovaStep));
	for (uint32 i = 0; i < JB_ROOT_COUNT(json); i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(&json->root, i);

		if (item->type != jbvBinary || !JsonContainerIsObject(item->val.binary.data))
			bad_step("A step must be an object.");
		parse_step(&options->steps[options->nsteps], item->val.binary.data);
		options->unwraps |= options->steps[options->nsteps++].kind == STEP_UNWRAP;
	}
}

void
nova_transforms_parse(NovaOptions *options)
{
	if (*options->transforms && *options->topic_regex)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options \"topic.regex\" and \"" OPTION "\" exclude each other"),
						errhint("Give a route among the \"" OPTION "\".")));
	if (*options->transforms)
		parse_steps(options);
	if (*options->topic_regex == '\0')
		return;
	options->steps = palloc0(sizeof(NovaStep));
	options->nsteps = 1;
	set_rewrite(&options->steps->topic, "topic.regex", options->topic_regex, "topic.replacement",
				options->topic_replacement);
}

static bool
matches(text *pattern, const char *s, regmatch_t *groups)
{
	return RE_compile_and_execute(pattern, unconstify(char *, s), (int) strlen(s), REG_ADVANCED,
								  C_COLLATION_OID, groups ? MAX_GROUPS : 0, groups);
}

/* The name after the rewrite, or NULL if the expression does not match it. */
static char *
rewritten(const Rewrite *rewrite, const char *name)
{
	regmatch_t groups[MAX_GROUPS];
	StringInfoData buf;

	for (int i = 0; i < MAX_GROUPS; i++)
		groups[i].rm_so = groups[i].rm_eo = -1;
	if (!matches(rewrite->pattern, name, groups))
		return NULL;
	initStringInfo(&buf);
	for (const char *p = rewrite->replacement; *p; p++)
	{
		int group;

		if (p[0] == '\\' && p[1])
			appendStringInfoChar(&buf, *++p);
		else if (p[0] != '$')
			appendStringInfoChar(&buf, *p);
		else if ((group = group_of(rewrite, &p)) >= 0 && group < MAX_GROUPS &&
				 groups[group].rm_so >= 0)
			appendBinaryStringInfo(&buf, name + groups[group].rm_so,
								   (int) (groups[group].rm_eo - groups[group].rm_so));
	}
	return buf.data;
}

/*
 * The topic has been sanitized, so that characters are bytes.  A replacement
 * that is no topic's name leaves the name as it was.
 */
static char *
routed(const Rewrite *rewrite, const char *topic)
{
	char *name = rewritten(rewrite, topic);

	if (name == NULL)
		return NULL;
	name = nova_topic_sanitize(name);
	return nova_topic_valid(name, strlen(name)) ? name : NULL;
}

/* The schema of the field that add_key_tail() adds. */
static void
add_key_schema(const NovaStep *step, NovaShape *shape, bool java)
{
	StringInfoData buf;
	NovaOut out;

	initStringInfo(&buf);
	nova_out_init(&out, &buf);
	out.java = java;
	appendStringInfoString(&buf, shape->key_schema ? shape->key_schema : "");
	appendStringInfoString(&buf, ",{\"type\":\"string\",\"optional\":false,\"field\":");
	nova_json_cstring(&out, step->field);
	appendStringInfoChar(&buf, '}');
	shape->key_schema = buf.data;
}

/* Where a record came from, as another field of its key. */
static void
add_key_tail(const NovaOptions *options, const NovaStep *step, NovaShape *shape)
{
	char *from = step->key.pattern ? rewritten(&step->key, shape->topic) : NULL;
	StringInfoData buf;
	NovaOut out;

	if (from == NULL)
		from = shape->topic;
	initStringInfo(&buf);
	nova_out_init(&out, &buf);
	out.java = options->profile == NOVA_PROFILE_DEBEZIUM;
	if (shape->key_tail)
		appendStringInfoString(&buf, shape->key_tail);
	nova_out_char(&out, ',');
	nova_json_cstring(&out, step->field);
	nova_out_char(&out, ':');
	nova_json_utf8(&out, from, strlen(from));
	nova_out_char(&out, '\0');
	shape->key_tail = buf.data;
	add_key_schema(step, shape, out.java);
}

static void
apply_route(const NovaOptions *options, const NovaStep *step, NovaShape *shape)
{
	char *topic = routed(&step->topic, shape->topic);

	if (topic == NULL)
		return;
	if (step->field && shape->key_field == NULL)
		add_key_tail(options, step, shape);
	shape->topic = topic;
	if (!step->renames)
		return;
	shape->key_name = topic;
	/* a row without its envelope keeps its schema */
	if (!shape->flat)
		shape->value_name = topic;
}

/* An event of an outbox is no envelope and has a key of its own: that is how it stays. */
static void
apply_step(const NovaOptions *options, int i, NovaShape *shape)
{
	const NovaStep *step = &options->steps[i];

	if (step->topics && matches(step->topics, shape->topic, NULL) == step->negate)
		return;
	switch (step->kind)
	{
		case STEP_ROUTE:
			if (!shape->outbox)
				apply_route(options, step, shape);
			break;
		case STEP_UNWRAP:
			if (shape->outbox || shape->flat)
				break;
			shape->flat = true;
			shape->by_field = step->field;
			shape->rest = i + 1;
			break;
		case STEP_KEY:
			if (!shape->outbox && shape->key_field == NULL)
				shape->key_field = step->field;
			break;
		case STEP_OUTBOX:
			if (shape->no_outbox || shape->flat || shape->outbox)
				break;
			shape->outbox = true;
			shape->rest = i;
			break;
	}
}

void
nova_transforms_apply(const NovaOptions *options, const char *topic, NovaShape *shape)
{
	shape->topic = nova_topic_sanitize(topic);
	for (int i = 0; i < options->nsteps; i++)
		apply_step(options, i, shape);
	/* without a step that unwraps, the format is the option's */
	shape->flat |= !options->unwraps && options->format == NOVA_FORMAT_FLAT;
}

char *
nova_transforms_topic(const NovaOptions *options, const char *topic, int from)
{
	NovaShape shape = {.topic = nova_topic_sanitize(topic)};

	for (int i = from; i < options->nsteps; i++)
	{
		const NovaStep *step = &options->steps[i];
		char *next = NULL;

		/* the outbox has its own way to make a topic of the row's value */
		if (i == from && step->kind == STEP_OUTBOX)
			next = routed(&step->topic, shape.topic);
		else if (step->kind == STEP_ROUTE &&
				 !(step->topics && matches(step->topics, shape.topic, NULL) == step->negate))
			next = routed(&step->topic, shape.topic);
		if (next)
			shape.topic = next;
	}
	return shape.topic;
}
