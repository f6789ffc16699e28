/*-------------------------------------------------------------------------
 *
 * signals.c
 *		nova.signal() and nova.watermark(); see signals.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "replication/message.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/pg_lsn.h"

#include "compat.h"
#include "json.h"
#include "signals.h"

#define SIGNAL_VERSION 1

/* The type of the SIGNAL that nova.watermark() makes. */
#define WATERMARK "watermark"

/* What a member of a signal's data has to be. */
typedef enum MemberKind
{
	MEMBER_TEXT,
	MEMBER_SNAPSHOT_TYPE, /* incremental or blocking */
	MEMBER_TEXTS,         /* an array of strings, not empty */
	MEMBER_CONDITIONS     /* an array of {"data-collection", "filter"} */
} MemberKind;

typedef struct Member
{
	const char *name;
	MemberKind kind;
	bool required;
} Member;

#define MAX_MEMBERS 4

/* The signals, by Debezium's names; a missing name ends the members. */
static const struct
{
	const char *type;
	Member members[MAX_MEMBERS];
} signal_table[] = {
	{"execute-snapshot",
	 {{"data-collections", MEMBER_TEXTS, true},
	  {"type", MEMBER_SNAPSHOT_TYPE, false},
	  {"additional-conditions", MEMBER_CONDITIONS, false},
	  {"surrogate-key", MEMBER_TEXT, false}}},
	{"stop-snapshot",
	 {{"data-collections", MEMBER_TEXTS, false}, {"type", MEMBER_SNAPSHOT_TYPE, false}}},
	{"pause-snapshot", {{"type", MEMBER_SNAPSHOT_TYPE, false}}},
	{"resume-snapshot", {{"type", MEMBER_SNAPSHOT_TYPE, false}}},
	{"log", {{"message", MEMBER_TEXT, true}}},
};

static const char *const kind_words[] = {
	"a string",
	"\"incremental\" or \"blocking\"",
	"an array of one or more strings",
	"an array of objects with the strings data-collection and filter",
};

bool
nova_signal_read(const char *content, Size size, NovaSignal *signal)
{
	NovaCursor c = {content, size};
	uint8_t version;

	return nova_get_u8(&c, &version) && version == SIGNAL_VERSION &&
		   nova_get_bytes16(&c, &signal->type) && nova_get_bytes16(&c, &signal->id) &&
		   nova_get_bytes32(&c, &signal->data) && c.remaining == 0 && signal->type.len > 0;
}

static JsonbValue *
find_member(JsonbContainer *object, const char *name)
{
	JsonbValue key = {.type = jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = (int) strlen(name);
	return findJsonbValueFromContainer(object, JB_FOBJECT, &key);
}

/* An array of which every element passes, and of one at least. */
static bool
all_elements(const JsonbValue *v, bool (*passes)(const JsonbValue *element))
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;
	bool ok;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		return false;
	ok = JsonContainerSize(v->val.binary.data) > 0;
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			ok = ok && passes(&element);
	return ok;
}

static bool
is_text(const JsonbValue *v)
{
	return v->type == jbvString && v->val.string.len > 0;
}

static bool
is_condition(const JsonbValue *v)
{
	static const char *const names[] = {"data-collection", "filter"};

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) != lengthof(names))
		return false;
	for (int i = 0; i < lengthof(names); i++)
	{
		const JsonbValue *member = find_member(v->val.binary.data, names[i]);

		if (member == NULL || !is_text(member))
			return false;
	}
	return true;
}

static bool
is_snapshot_type(const JsonbValue *v)
{
	static const char *const words[] = {"incremental", "blocking"};

	for (int i = 0; i < lengthof(words); i++)
		if (v->type == jbvString && (Size) v->val.string.len == strlen(words[i]) &&
			pg_strncasecmp(v->val.string.val, words[i], v->val.string.len) == 0)
			return true;
	return false;
}

static bool
member_valid(const Member *member, const JsonbValue *v)
{
	switch (member->kind)
	{
		case MEMBER_TEXT:
			return is_text(v);
		case MEMBER_SNAPSHOT_TYPE:
			return is_snapshot_type(v);
		case MEMBER_TEXTS:
			return all_elements(v, is_text);
		case MEMBER_CONDITIONS:
			return all_elements(v, is_condition);
	}
	return false;
}

/* "a, b": names of the members of a signal. */
static char *
member_names(const Member *members)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < MAX_MEMBERS && members[i].name; i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", members[i].name);
	return buf.data;
}

static void
bad_data(const char *type, const Member *members, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid data of signal \"%s\": %s", type, what),
					errhint("Data is a JSON object of: %s.", member_names(members))));
}

/* Every member of the object must be one that the signal knows. */
static void
check_names(const char *type, const Member *members, Jsonb *data)
{
	JsonbIterator *it = JsonbIteratorInit(&data->root);
	JsonbIteratorToken token;
	JsonbValue v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool known = token != WJB_KEY;

		for (int i = 0; i < MAX_MEMBERS && members[i].name && !known; i++)
			known = strlen(members[i].name) == (Size) v.val.string.len &&
					memcmp(members[i].name, v.val.string.val, v.val.string.len) == 0;
		if (!known)
			bad_data(type, members,
					 psprintf("unknown member \"%.*s\"", v.val.string.len, v.val.string.val));
	}
}

/* data may be NULL, which is the same as an empty object. */
static void
check_data(const char *type, const Member *members, Jsonb *data)
{
	if (data && !JB_ROOT_IS_OBJECT(data))
		bad_data(type, members, "it is no JSON object");
	if (data)
		check_names(type, members, data);
	for (int i = 0; i < MAX_MEMBERS && members[i].name; i++)
	{
		const JsonbValue *v = data ? find_member(&data->root, members[i].name) : NULL;

		if (v == NULL && members[i].required)
			bad_data(type, members, psprintf("\"%s\" is missing", members[i].name));
		if (v && !member_valid(&members[i], v))
			bad_data(type, members,
					 psprintf("\"%s\" must be %s", members[i].name, kind_words[members[i].kind]));
	}
}

static void
check_signal(const char *type, Jsonb *data)
{
	StringInfoData types;

	for (int i = 0; i < lengthof(signal_table); i++)
		if (strcmp(type, signal_table[i].type) == 0)
		{
			check_data(type, signal_table[i].members, data);
			return;
		}
	initStringInfo(&types);
	for (int i = 0; i < lengthof(signal_table); i++)
		appendStringInfo(&types, "%s%s", i ? ", " : "", signal_table[i].type);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown signal \"%s\"", type),
					errhint("Signals are: %s.", types.data)));
}

static NovaBytes
utf8_bytes(const char *s)
{
	StringInfoData buf;
	NovaBytes bytes;

	initStringInfo(&buf);
	nova_utf8(&buf, s, strlen(s));
	bytes.data = buf.data;
	bytes.len = (uint32) buf.len;
	return bytes;
}

/* Into the WAL, with the commit of this transaction. */
static XLogRecPtr
write_signal(const char *type, const char *id, const char *data)
{
	NovaSignal signal;
	char *content;
	char *end;

	PreventCommandDuringRecovery("nova.signal() or nova.watermark()");
	nova_json_setup();
	signal.type = utf8_bytes(type);
	signal.id = utf8_bytes(id);
	signal.data = utf8_bytes(data);
	if (signal.id.len > UINT16_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the id of a signal is longer than %d bytes", UINT16_MAX)));
	content = palloc(nova_signal_size(&signal));
	/* the frame, with a version in the place of its type */
	end = nova_write_signal(content, &signal);
	nova_put_u8(content, SIGNAL_VERSION);
	return nova_log_message(NOVA_SIGNAL_PREFIX, content, end - content, true);
}

/* signal(type text, data jsonb, id text) */
PG_FUNCTION_INFO_V1(nova_signal);
Datum
nova_signal(PG_FUNCTION_ARGS)
{
	Jsonb *data = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	const char *id = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	const char *type;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("type must not be null")));
	type = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_signal(type, data);
	PG_RETURN_LSN(
		write_signal(type, id, data ? JsonbToCString(NULL, &data->root, VARSIZE(data)) : ""));
}

/* watermark(id text) */
PG_FUNCTION_INFO_V1(nova_watermark);
Datum
nova_watermark(PG_FUNCTION_ARGS)
{
	PG_RETURN_LSN(write_signal(WATERMARK, text_to_cstring(PG_GETARG_TEXT_PP(0)), ""));
}
