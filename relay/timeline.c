/*-------------------------------------------------------------------------
 *
 * timeline.c
 *		Is a position that was reached on another timeline one of this server, too?
 *
 *-------------------------------------------------------------------------
 */
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copydata.h"

#define LINE_MAX_BYTES 64 /* of a line, what is read: the reason behind it is for people */

static void
add(TimelineHistory *history, TimelineLeft left)
{
	if (history->n == TIMELINES_MAX)
		memmove(history->left, history->left + 1, --history->n * sizeof(left));
	history->left[history->n++] = left;
}

/* "1<tab>0/3000060<tab>reason"; empty ones and comments say nothing. */
static bool
parse_line(const char *line, size_t len, TimelineHistory *history)
{
	char text[LINE_MAX_BYTES];
	unsigned id;
	unsigned hi;
	unsigned lo;
	int used = 0;
	const char *p = text;

	snprintf(text, sizeof(text), "%.*s", (int) (len < sizeof(text) ? len : sizeof(text) - 1), line);
	p += strspn(p, " \t\r");
	if (*p == '\0' || *p == '#')
		return true;
	if (sscanf(p, "%10u%*[ \t]%8X/%8X%n", &id, &hi, &lo, &used) != 3 ||
		strchr(" \t\r", p[used]) == NULL || *p == '-' ||
		(history->n > 0 && id <= history->left[history->n - 1].id))
		return false;
	add(history, (TimelineLeft){id, (uint64_t) hi << 32 | lo});
	return true;
}

bool
timeline_parse(const char *text, size_t len, TimelineHistory *history)
{
	const char *end = text + len;

	*history = (TimelineHistory){0};
	while (text < end)
	{
		const char *stop = memchr(text, '\n', (size_t) (end - text));

		if (stop == NULL)
			stop = end;
		if (!parse_line(text, (size_t) (stop - text), history))
		{
			*history = (TimelineHistory){0};
			return false;
		}
		text = stop + 1;
	}
	return true;
}

TimelineVerdict
timeline_judge(const TimelineHistory *history, const char *was, const char *is, uint64_t lsn,
			   uint64_t *left)
{
	unsigned long from = strtoul(was, NULL, 10);
	unsigned long to = strtoul(is, NULL, 10);

	*left = 0;
	if (from == to)
		return TIMELINE_SAME;
	if (to < from)
		return TIMELINE_OLDER;
	if (history->n == 0 || from < history->left[0].id)
		return TIMELINE_UNKNOWN;
	for (size_t i = 0; i < history->n; i++)
		if (history->left[i].id == from)
		{
			*left = history->left[i].lsn;
			return lsn <= *left ? TIMELINE_ANCESTOR : TIMELINE_LOST;
		}
	return TIMELINE_FOREIGN;
}

bool
timeline_lost_text(const TimelineHistory *history, const char *was, const char *is, uint64_t lsn,
				   char *out, size_t size)
{
	uint64_t left;
	TimelineVerdict verdict = timeline_judge(history, was, is, lsn, &left);

	if (verdict == TIMELINE_LOST)
		snprintf(out, size,
				 "the server is on timeline %s, which left timeline %s at LSN " LSN_FORMAT
				 ", but that one was delivered up to LSN " LSN_FORMAT
				 ": the standby was promoted without its last changes, which are in the topics; "
				 "compare the tables with the topics",
				 is, was, LSN_ARGS(left), LSN_ARGS(lsn));
	else if (verdict == TIMELINE_FOREIGN)
		snprintf(out, size,
				 "the server is on timeline %s, which does not come from timeline %s, of which "
				 "everything up to LSN " LSN_FORMAT
				 " was delivered; compare the tables with the topics",
				 is, was, LSN_ARGS(lsn));
	return verdict == TIMELINE_LOST || verdict == TIMELINE_FOREIGN;
}
