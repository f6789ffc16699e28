/*-------------------------------------------------------------------------
 *
 * progress.c
 *		How far something that takes long has come, as one line of text.
 *
 *-------------------------------------------------------------------------
 */
#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define BAR_MIN     10
#define BAR_MAX     40
#define RATE_AFTER  1000 /* ms, before which a rate says nothing */
#define PERCENT_MAX 99   /* of what is not over */

/* Parts of a line, in the order in which they are given up. */
typedef enum Part
{
	PART_NOTE = 1 << 0,
	PART_RATE = 1 << 1,
	PART_BAR = 1 << 2,
	PART_LEFT = 1 << 3,
	PART_COUNT = 1 << 4,
	PARTS_ALL = (1 << 5) - 1
} Part;

/* A line under construction; what does not fit into the buffer is dropped. */
typedef struct Text
{
	char *data;
	size_t size;
	size_t len;
} Text;

__attribute__((format(printf, 2, 3))) static void
add(Text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->data + t->len, t->size - t->len, fmt, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t) n < t->size - t->len ? (size_t) n : t->size - t->len - 1;
}

/*
 * Columns of the character at text[*i], which moves on: at the most what a terminal
 * may take for it; a byte that the log escapes is \xNN.
 */
static size_t
next_columns(const char *text, size_t len, size_t *i)
{
	const unsigned char *s = (const unsigned char *) text + *i;
	size_t n = utf8_sequence(s, len - *i);

	*i += n == 0 ? 1 : n;
	if (n == 0 || *s < 0x20 || *s == 0x7F)
		return 4;
	return n >= 3 ? 2 : 1;
}

static size_t
columns_of(const char *text)
{
	size_t len = strlen(text);
	size_t columns = 0;

	for (size_t i = 0; i < len;)
		columns += next_columns(text, len, &i);
	return columns;
}

/* Cut behind so many columns, never within a character. */
static void
cut(char *text, size_t columns)
{
	size_t len = strlen(text);

	for (size_t i = 0, end = 0; i < len; end = i)
	{
		size_t width = next_columns(text, len, &i);

		if (width > columns)
		{
			text[end] = '\0';
			return;
		}
		columns -= width;
	}
}

/* Three digits, or four: 999, 9999, 12.3k, 4.56M */
static void
add_number(Text *t, double n)
{
	static const char units[] = "kMGT";
	int i = -1;

	if (n < 9999.5)
	{
		add(t, "%.0f", n);
		return;
	}
	while (n >= 999.5 && units[i + 1] != '\0')
	{
		n /= 1000;
		i++;
	}
	add(t, "%.*f%c", n < 9.995 ? 2 : (n < 99.95 ? 1 : 0), n, units[i]);
}

static void
add_duration(Text *t, int64_t ms)
{
	int64_t s = (ms + 999) / 1000;

	if (s < 120)
		add(t, "%" PRId64 " s", s);
	else if (s < 7200)
		add(t, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else
		add(t, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
}

static int
percent_of(const Progress *p)
{
	double part = p->total > 0 ? (double) p->done * 100 / (double) p->total : 0;

	return part > PERCENT_MAX ? PERCENT_MAX : (int) part;
}

/* Per second; -1: too early to say. */
static double
rate_of(const Progress *p, int64_t now)
{
	int64_t ms = now - p->began;

	return ms >= RATE_AFTER ? (double) p->done * 1000 / (double) ms : -1;
}

/* -1: nobody knows. */
static int64_t
left_of(const Progress *p, int64_t now)
{
	double rate = rate_of(p, now);

	if (p->left_ms >= 0)
		return p->left_ms;
	if (p->total < 0 || rate <= 0 || p->done >= (uint64_t) p->total)
		return -1;
	return (int64_t) ((double) ((uint64_t) p->total - p->done) * 1000 / rate);
}

static void
add_count(Text *t, const Progress *p, void (*number)(Text *t, double n))
{
	add(t, " ");
	number(t, (double) p->done);
	if (p->total >= 0)
	{
		add(t, " of ");
		number(t, (double) p->total);
	}
	add(t, " %s", p->unit);
}

static void
add_bar(Text *t, int percent, size_t width)
{
	size_t full = (size_t) percent * width / 100;

	add(t, " [");
	for (size_t i = 0; i < width; i++)
		add(t, "%c", i < full ? '#' : '.');
	add(t, "]");
}

/* All that stands behind the bar. */
static void
add_tail(Text *t, const Progress *p, int64_t now, unsigned parts)
{
	double rate = rate_of(p, now);
	int64_t left = left_of(p, now);

	if (p->total > 0)
		add(t, " %3d%%", percent_of(p));
	if (parts & PART_COUNT)
	{
		add(t, " ");
		add_count(t, p, add_number);
	}
	if ((parts & PART_RATE) && rate >= 0)
	{
		add(t, "  ");
		add_number(t, rate);
		add(t, "/s");
	}
	if ((parts & PART_LEFT) && left >= 0)
	{
		add(t, "  ");
		add_duration(t, left);
		add(t, " left");
	}
	if ((parts & PART_NOTE) && p->note != NULL)
		add(t, "  %s", p->note);
}

/* With these parts; false: it is wider than that. */
static bool
try_parts(const Progress *p, int64_t now, size_t columns, unsigned parts, Text *out)
{
	char data[PROGRESS_TEXT_MAX];
	Text tail = {data, sizeof(data), 0};
	bool bar = (parts & PART_BAR) && p->total > 0;
	size_t used;

	data[0] = '\0';
	add_tail(&tail, p, now, parts);
	used = columns_of(p->what) + columns_of(data);
	if (used + (bar ? BAR_MIN + 3 : 0) > columns)
		return false;
	add(out, "%s", p->what);
	if (bar)
		add_bar(out, percent_of(p), columns - used - 3 < BAR_MAX ? columns - used - 3 : BAR_MAX);
	add(out, "%s", data);
	return true;
}

void
progress_bar(const Progress *p, int64_t now, int columns, char *out, size_t size)
{
	Text text = {out, size, 0};
	unsigned parts = PARTS_ALL;

	out[0] = '\0';
	if (columns < 2)
		return;
	columns = columns > PROGRESS_COLUMNS_MAX ? PROGRESS_COLUMNS_MAX : columns - 1;
	for (unsigned next = PART_NOTE; !try_parts(p, now, (size_t) columns, parts, &text); next <<= 1)
	{
		if (parts == 0)
		{
			add(&text, "%s", p->what);
			cut(out, (size_t) columns);
			return;
		}
		parts &= ~next;
	}
}

static void
add_whole(Text *t, double n)
{
	add(t, "%.0f", n);
}

void
progress_words(const Progress *p, int64_t now, char *out, size_t size)
{
	Text text = {out, size, 0};
	double rate = rate_of(p, now);
	int64_t left = left_of(p, now);

	out[0] = '\0';
	add(&text, "%s:", p->what);
	add_count(&text, p, add_whole);
	if (p->total > 0)
		add(&text, " (%d%%)", percent_of(p));
	if (rate >= 0)
		add(&text, ", %.0f/s", rate);
	if (left >= 0)
	{
		add(&text, ", about ");
		add_duration(&text, left);
		add(&text, " left");
	}
	if (p->note != NULL)
		add(&text, ", %s", p->note);
}
