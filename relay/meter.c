/*-------------------------------------------------------------------------
 *
 * meter.c
 *		Shows progress.h: a bar on a terminal, elsewhere a line of the log now and then.
 *
 *-------------------------------------------------------------------------
 */
#include "meter.h"

#include "log.h"

void
meter_begin(Meter *m, int64_t now)
{
	m->next = now + (log_status_columns() > 0 ? 0 : PROGRESS_LINE_MS);
}

bool
meter_due(const Meter *m, int64_t now)
{
	return now >= m->next;
}

void
meter_show(Meter *m, const Progress *p, int64_t now)
{
	int columns = log_status_columns();
	char text[PROGRESS_TEXT_MAX];

	if (columns > 0)
	{
		progress_bar(p, now, columns, text, sizeof(text));
		log_status(text);
	}
	else
	{
		progress_words(p, now, text, sizeof(text));
		log_info("%s", text);
	}
	m->next = now + (columns > 0 ? PROGRESS_DRAW_MS : PROGRESS_LINE_MS);
}

void
meter_end(void)
{
	log_status(NULL);
}
