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

static Settings session; /* the session's own, while pinned */
static bool pinned = false;

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
pin(void)
{
	static Settings fixed = {USE_ISO_DATES, DATEORDER_MDY, INTSTYLE_POSTGRES, 1, BYTEA_OUTPUT_HEX,
							 false,         NULL};

	if (fixed.timezone == NULL)
		fixed.timezone = pg_tzset("GMT");
	session.date_style = DateStyle;
	session.date_order = DateOrder;
	session.interval_style = IntervalStyle;
	session.float_digits = extra_float_digits;
	session.bytea_form = bytea_output;
	session.quote_all = quote_all_identifiers;
	session.timezone = session_timezone;
	pinned = true;
	apply(&fixed);
}

static void
unpin(void *arg)
{
	if (pinned)
		apply(&session);
	pinned = false;
}

void
nova_pin_setup(MemoryContext context)
{
	MemoryContextCallback *cb = MemoryContextAllocZero(context, sizeof(*cb));

	cb->func = unpin;
	MemoryContextRegisterResetCallback(context, cb);
}

char *
nova_output(FmgrInfo *outfunc, Datum value)
{
	char *result;

	pin();
	result = OutputFunctionCall(outfunc, value);
	unpin(NULL);
	return result;
}
