/*-------------------------------------------------------------------------
 *
 * pin.c
 *		Fixed session settings around a type's output function; see pin.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pin.h"

/* What output functions look at. */
typedef struct Settings
{
	int date_style;
	int date_order;
	int interval_style;
	int float_digits;
	int bytea_form;
	bool quote_all;
	pg_tz *timezone;
} Settings;

static void
apply(const Settings *s)
{
	DateStyle = s->date_style;
	DateOrder = s->date_order;
	IntervalStyle = s->interval_style;
	extra_float_digits = s->float_digits;
	bytea_output = s->bytea_form;
	quote_all_identifiers = s->quote_all;
	session_timezone = s->timezone;
}

static void
remember(Settings *s)
{
	s->date_style = DateStyle;
	s->date_order = DateOrder;
	s->interval_style = IntervalStyle;
	s->float_digits = extra_float_digits;
	s->bytea_form = bytea_output;
	s->quote_all = quote_all_identifiers;
	s->timezone = session_timezone;
}

static const Settings *
fixed_settings(void)
{
	static Settings fixed = {USE_ISO_DATES, DATEORDER_MDY, INTSTYLE_POSTGRES, 1, BYTEA_OUTPUT_HEX,
							 false,         NULL};

	if (fixed.timezone == NULL)
		fixed.timezone = pg_tzset("GMT");
	return &fixed;
}

void
nova_pinned(void (*work)(void *arg), void *arg)
{
	Settings session;

	remember(&session);
	apply(fixed_settings());
	PG_TRY();
	{
		work(arg);
	}
	PG_FINALLY();
	{
		apply(&session);
	}
	PG_END_TRY();
}

char *
nova_output(FmgrInfo *outfunc, Datum value)
{
	Settings session;
	char *result = NULL;

	remember(&session);
	apply(fixed_settings());
	PG_TRY();
	{
		result = OutputFunctionCall(outfunc, value);
	}
	PG_FINALLY();
	{
		apply(&session);
	}
	PG_END_TRY();
	return result;
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* The search path that a role has by default, without a temporary schema in front. */
int
nova_pin_names(void)
{
	int level = NewGUCNestLevel();

	set_locally("search_path", "pg_catalog, public, pg_temp");
	set_locally("lc_monetary", "C");
	return level;
}

void
nova_unpin_names(int level)
{
	AtEOXact_GUC(true, level);
}
