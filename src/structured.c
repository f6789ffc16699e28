/*-------------------------------------------------------------------------
 *
 * structured.c
 *		Dates, times and intervals as objects; see structured.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "format.h"
#include "structured.h"

/* The longest object, a timestamptz of eleven numbers, is much shorter. */
#define OBJECT_ROOM       256

#define DEFAULT_PRECISION 6

/* Of interval fields like "year to month", Debezium shows this as it is. */
#define INTERVAL_PRECISION_BITS 0xFFFF

static int
precision_of(const NovaColumn *col)
{
	return col->info->scale < 0 ? DEFAULT_PRECISION : col->info->scale;
}

/* A date that is none: members named are null. */
static void
put_infinity(NovaOut *out, const NovaColumn *col, const char *members, bool positive,
			 const char *tail)
{
	char object[OBJECT_ROOM];

	snprintf(object, sizeof(object), "{%s,\"specialValue\":\"%s_INFINITY\"%s", members,
			 positive ? "POSITIVE" : "NEGATIVE", tail);
	nova_column_constant(out, col, object);
}

void
dbz_encode_date_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	char object[OBJECT_ROOM];
	int year;
	int month;
	int day;

	if (DATE_NOT_FINITE(date))
	{
		put_infinity(out, col, "\"year\":null,\"month\":null,\"day\":null", DATE_IS_NOEND(date),
					 "}");
		return;
	}
	nova_julian_date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	snprintf(object, sizeof(object), "{\"year\":%d,\"month\":%d,\"day\":%d,\"specialValue\":null}",
			 year, month, day);
	nova_column_constant(out, col, object);
}

/* `"hour":…,"minute":…,"second":…,"nanos":…` of a time of day. */
static int
format_clock(char *dst, size_t size, int64 us)
{
	return snprintf(dst, size, "\"hour\":%d,\"minute\":%d,\"second\":%d,\"nanos\":%d",
					(int) (us / USECS_PER_HOUR), (int) (us / USECS_PER_MINUTE % MINS_PER_HOUR),
					(int) (us / USECS_PER_SEC % SECS_PER_MINUTE),
					(int) (us % USECS_PER_SEC) * 1000);
}

/* A java.time.LocalTime has no 24:00:00, which fails to convert. */
void
dbz_encode_time_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	TimeADT us = DatumGetTimeADT(value);
	char object[OBJECT_ROOM] = "{";
	int n = 1;

	if (us >= USECS_PER_DAY)
	{
		nova_column_constant(out, col, col->null);
		return;
	}
	n += format_clock(object + n, sizeof(object) - n, us);
	snprintf(object + n, sizeof(object) - n, ",\"precision\":%d}", precision_of(col));
	nova_column_constant(out, col, object);
}

/* In its own zone, unlike the other modes. */
void
dbz_encode_timetz_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	TimeTzADT *t = DatumGetTimeTzADTP(value);
	char object[OBJECT_ROOM] = "{";
	int n = 1;

	n += format_clock(object + n, sizeof(object) - n, t->time);
	snprintf(object + n, sizeof(object) - n, ",\"offsetSeconds\":%d,\"precision\":%d}", -t->zone,
			 precision_of(col));
	nova_column_constant(out, col, object);
}

#define NO_TIMESTAMP                                                                               \
	"\"year\":null,\"month\":null,\"day\":null,\"hour\":null,\"minute\":null,\"second\":null,"     \
	"\"nanos\":null"

/* Date and clock; zone has the members that tell the zone, if any. */
static void
put_timestamp(NovaOut *out, const NovaColumn *col, Timestamp ts, const char *zone)
{
	int64 ndays = ts / USECS_PER_DAY - (ts % USECS_PER_DAY < 0 ? 1 : 0);
	char object[OBJECT_ROOM];
	int year;
	int month;
	int day;
	int n;

	nova_julian_date((int) ndays + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	n = snprintf(object, sizeof(object), "{\"year\":%d,\"month\":%d,\"day\":%d,", year, month, day);
	n += format_clock(object + n, sizeof(object) - n, ts - ndays * USECS_PER_DAY);
	snprintf(object + n, sizeof(object) - n, "%s,\"specialValue\":null,\"precision\":%d}", zone,
			 precision_of(col));
	nova_column_constant(out, col, object);
}

static void
put_timestamp_infinity(NovaOut *out, const NovaColumn *col, Timestamp ts, const char *members)
{
	char tail[32];

	snprintf(tail, sizeof(tail), ",\"precision\":%d}", precision_of(col));
	put_infinity(out, col, members, TIMESTAMP_IS_NOEND(ts), tail);
}

void
dbz_encode_timestamp_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	Timestamp ts = DatumGetTimestamp(value);

	if (TIMESTAMP_NOT_FINITE(ts))
		put_timestamp_infinity(out, col, ts, NO_TIMESTAMP);
	else
		put_timestamp(out, col, ts, "");
}

/* Always in UTC. */
void
dbz_encode_timestamptz_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	TimestampTz ts = DatumGetTimestampTz(value);

	if (TIMESTAMP_NOT_FINITE(ts))
		put_timestamp_infinity(out, col, ts,
							   NO_TIMESTAMP ",\"offsetSeconds\":null,\"zoneId\":null");
	else
		put_timestamp(out, col, ts, ",\"offsetSeconds\":0,\"zoneId\":\"Z\"");
}

static int
interval_precision(const NovaColumn *col)
{
	int32 typmod = col->info->scale;

	return typmod < 0 ? DEFAULT_PRECISION : typmod & INTERVAL_PRECISION_BITS;
}

void
dbz_encode_interval_object(NovaOut *out, const NovaColumn *col, Datum value)
{
	Interval *i = DatumGetIntervalP(value);
	char object[OBJECT_ROOM];

	snprintf(object, sizeof(object),
			 "{\"years\":%d,\"months\":%d,\"days\":%d,\"hours\":" INT64_FORMAT
			 ",\"minutes\":%d,\"seconds\":%d,\"nanos\":%d,\"precision\":%d}",
			 i->month / MONTHS_PER_YEAR, i->month % MONTHS_PER_YEAR, i->day,
			 i->time / USECS_PER_HOUR, (int) (i->time / USECS_PER_MINUTE % MINS_PER_HOUR),
			 (int) (i->time / USECS_PER_SEC % SECS_PER_MINUTE),
			 (int) (i->time % USECS_PER_SEC) * 1000, interval_precision(col));
	nova_column_constant(out, col, object);
}

bool
nova_is_structured(const NovaColumn *col)
{
	static const NovaEncoder encoders[] = {
		dbz_encode_date_object,      dbz_encode_time_object,        dbz_encode_timetz_object,
		dbz_encode_timestamp_object, dbz_encode_timestamptz_object, dbz_encode_interval_object,
	};

	for (int i = 0; i < lengthof(encoders); i++)
		if (col->encode == encoders[i])
			return true;
	return false;
}

/* Those whose type has no zero datum, and one that has no zone. */
const char *
nova_structured_zero(const NovaColumn *col)
{
	if (col->encode == dbz_encode_timetz_object)
		return psprintf("{\"hour\":0,\"minute\":0,\"second\":0,\"nanos\":0,\"offsetSeconds\":0,"
						"\"precision\":%d}",
						precision_of(col));
	if (col->encode == dbz_encode_timestamptz_object)
		return psprintf("{\"year\":1970,\"month\":1,\"day\":1,\"hour\":0,\"minute\":0,\"second\":0,"
						"\"nanos\":0,\"offsetSeconds\":0,\"zoneId\":null,\"specialValue\":null,"
						"\"precision\":%d}",
						precision_of(col));
	if (col->encode == dbz_encode_interval_object)
		return psprintf("{\"years\":0,\"months\":0,\"days\":0,\"hours\":0,\"minutes\":0,"
						"\"seconds\":0,\"nanos\":0,\"precision\":%d}",
						interval_precision(col));
	return NULL;
}
