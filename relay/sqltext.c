/*-------------------------------------------------------------------------
 *
 * sqltext.c
 *		Pieces of SQL written to a FILE, escaped; see sqltext.h.
 *
 *-------------------------------------------------------------------------
 */
#include "sqltext.h"

/* The quote stands twice within itself. */
static void
escaped(FILE *out, const char *text, char quote)
{
	for (; *text != '\0'; text++)
	{
		if (*text == quote)
			putc(quote, out);
		putc(*text, out);
	}
}

void
sql_literal(FILE *out, const char *text)
{
	putc('\'', out);
	escaped(out, text, '\'');
	putc('\'', out);
}

/* An identifier within a literal. */
static void
quoted_name(FILE *out, const char *name)
{
	putc('"', out);
	for (; *name != '\0'; name++)
	{
		if (*name == '"' || *name == '\'')
			putc(*name, out);
		putc(*name, out);
	}
	putc('"', out);
}

void
sql_regclass(FILE *out, const char *schema, const char *name)
{
	putc('\'', out);
	quoted_name(out, schema);
	putc('.', out);
	quoted_name(out, name);
	fputs("'::pg_catalog.regclass", out);
}

void
sql_options(FILE *out, const RelayConfig *cfg, PublicationUse publication)
{
	const ConfigPairs *options = &cfg->plugin;
	const char *comma = "";

	fputs("ARRAY[", out);
	for (size_t i = 0; i < options->count; i++)
	{
		if (!config_option_applies(&options->items[i], publication))
			continue;
		fprintf(out, "%s'", comma);
		escaped(out, options->items[i].name, '\'');
		putc('=', out);
		escaped(out, options->items[i].value, '\'');
		putc('\'', out);
		comma = ",";
	}
	fputs("]::text[]", out);
}

void
sql_settings(FILE *out, const char *more)
{
	fprintf(out,
			"SELECT pg_catalog.set_config(n, v, false) FROM (VALUES "
			"('client_encoding', 'UTF8'), ('standard_conforming_strings', 'on'), "
			"('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), "
			"('transaction_timeout', '0'), ('idle_session_timeout', '0')%s) t (n, v) "
			"WHERE EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = n)",
			more);
}
