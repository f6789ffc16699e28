/*-------------------------------------------------------------------------
 *
 * message.c
 *		nova.publish(); see message.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/pg_lsn.h"

#include "compat.h"
#include "json.h"
#include "message.h"
#include "plan.h"

#define MESSAGE_VERSION 1

bool
nova_message_read(const char *content, Size size, NovaMessage *message)
{
	NovaCursor c = {content, size};
	uint8_t version;

	if (!nova_get_u8(&c, &version) || version != MESSAGE_VERSION ||
		!nova_get_bytes16(&c, &message->topic) || !nova_get_nbytes(&c, &message->key) ||
		!nova_get_nbytes(&c, &message->value) || !nova_get_bytes32(&c, &message->headers) ||
		c.remaining != 0)
		return false;
	if (message->headers.len == 0)
		message->headers.data = NULL;
	else if (!nova_headers_valid(message->headers))
		return false;
	return nova_topic_valid(message->topic.data, message->topic.len);
}

static void
put_bytes(StringInfo buf, const char *s, int len)
{
	char head[4];

	nova_put_u32(head, s ? (uint32) len : UINT32_MAX);
	appendBinaryStringInfo(buf, head, 4);
	if (s)
		appendBinaryStringInfo(buf, s, len);
}

static void
put_bytes16(StringInfo buf, const char *s, int len)
{
	char head[2];

	nova_put_u16(head, (uint16) len);
	appendBinaryStringInfo(buf, head, 2);
	appendBinaryStringInfo(buf, s, len);
}

/* A text argument in UTF-8, or null. */
static void
put_argument(StringInfo buf, FunctionCallInfo fcinfo, int arg)
{
	text *t;
	StringInfoData utf8;

	if (PG_ARGISNULL(arg))
	{
		put_bytes(buf, NULL, 0);
		return;
	}
	t = PG_GETARG_TEXT_PP(arg);
	initStringInfo(&utf8);
	nova_utf8(&utf8, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	put_bytes(buf, utf8.data, utf8.len);
}

static void
bad_headers(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("headers must be a JSON object of strings"),
					errhint("For example: '{\"source\": \"web\"}'.")));
}

static void
put_header_name(StringInfo block, const JsonbValue *v)
{
	StringInfoData utf8;

	initStringInfo(&utf8);
	nova_utf8(&utf8, v->val.string.val, v->val.string.len);
	if (utf8.len > UINT16_MAX)
		bad_headers();
	put_bytes16(block, utf8.data, utf8.len);
}

static void
put_header_value(StringInfo block, const JsonbValue *v)
{
	StringInfoData utf8;

	if (v->type == jbvNull)
	{
		put_bytes(block, NULL, 0);
		return;
	}
	if (v->type != jbvString)
		bad_headers();
	initStringInfo(&utf8);
	nova_utf8(&utf8, v->val.string.val, v->val.string.len);
	put_bytes(block, utf8.data, utf8.len);
}

/* {"name": "value", …} as a block of wire.h. */
static void
put_headers(StringInfo buf, Jsonb *jb)
{
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;
	StringInfoData block;

	if (!JB_ROOT_IS_OBJECT(jb) || JB_ROOT_COUNT(jb) > UINT16_MAX)
		bad_headers();
	initStringInfo(&block);
	appendStringInfoSpaces(&block, 2);
	nova_put_u16(block.data, (uint16) JB_ROOT_COUNT(jb));
	it = JsonbIteratorInit(&jb->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			put_header_name(&block, &v);
		else if (token == WJB_VALUE)
			put_header_value(&block, &v);
	}
	put_bytes(buf, block.data, block.len);
}

/* publish(topic text, key text, value text, headers jsonb, transactional boolean) */
PG_FUNCTION_INFO_V1(nova_publish);
Datum
nova_publish(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	text *topic;

	PreventCommandDuringRecovery("nova.publish()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("topic and transactional must not be null")));
	topic = PG_GETARG_TEXT_PP(0);
	if (!nova_topic_valid(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic)))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid topic name \"%s\"", text_to_cstring(topic)),
			 errhint("A topic name has 1 to %d of the characters a-z, A-Z, 0-9, '.', '_' and '-'.",
					 NOVA_TOPIC_MAX)));
	nova_json_setup();
	initStringInfo(&buf);
	appendStringInfoChar(&buf, MESSAGE_VERSION);
	put_bytes16(&buf, VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
	put_argument(&buf, fcinfo, 1);
	put_argument(&buf, fcinfo, 2);
	if (PG_ARGISNULL(3))
		put_bytes(&buf, "", 0);
	else
		put_headers(&buf, PG_GETARG_JSONB_P(3));
	PG_RETURN_LSN(nova_log_message(NOVA_MESSAGE_PREFIX, buf.data, buf.len, PG_GETARG_BOOL(4)));
}
