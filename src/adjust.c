/*-------------------------------------------------------------------------
 *
 * adjust.c
 *		Names of fields and schemas in a form that Avro takes; see adjust.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "adjust.h"

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One unit of UTF-16 that cannot stay. */
static void
append_unit(StringInfo buf, unsigned int unit, NovaNameMode mode)
{
	if (mode == NOVA_NAMES_AVRO)
		appendStringInfoChar(buf, '_');
	else
		appendStringInfo(buf, "_u%04x", unit);
}

/* The character at s; returns its length. */
static int
append_replacement(StringInfo buf, const char *s, NovaNameMode mode)
{
	const unsigned char *c = (const unsigned char *) s;
	pg_wchar code = utf8_to_unicode(c);

	if (code > 0xFFFF)
	{
		append_unit(buf, 0xD800 + ((code - 0x10000) >> 10), mode);
		code = 0xDC00 + ((code - 0x10000) & 0x3FF);
	}
	append_unit(buf, code, mode);
	return (int) strnlen(s, pg_utf_mblen(c));
}

static char *
adjust(const char *name, NovaNameMode mode, const char *also)
{
	StringInfoData buf;

	if (mode == NOVA_NAMES_NONE)
		return pstrdup(name);
	initStringInfo(&buf);
	/* a name must not begin with a digit, which avro keeps behind its '_' */
	if (is_digit(*name) && mode == NOVA_NAMES_AVRO)
		appendStringInfoChar(&buf, '_');
	else if (is_digit(*name))
		name += append_replacement(&buf, name, mode);
	while (*name)
	{
		if (is_letter(*name) || is_digit(*name) || (*name == '_' && mode == NOVA_NAMES_AVRO) ||
			strchr(also, *name))
			appendStringInfoChar(&buf, *name++);
		else
			name += append_replacement(&buf, name, mode);
	}
	return buf.data;
}

char *
nova_adjust_field(const char *name, NovaNameMode mode)
{
	return adjust(name, mode, "");
}

char *
nova_adjust_schema(const char *name, NovaNameMode mode)
{
	return adjust(name, mode, ".");
}
