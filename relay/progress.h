/*-------------------------------------------------------------------------
 *
 * progress.h
 *		How far something that takes long has come, as one line of text.
 *
 *	p = (Progress){.what = "topic cdc.users", .unit = "records", .done = 1234,
 *				   .total = 5000, .began = began, .left_ms = -1};
 *	progress_bar(&p, now, terminal_width(), text, sizeof(text));	log_status(text)
 *	progress_words(&p, now, text, sizeof(text));					log_info("%s", text)
 *
 * A bar is for a terminal and never wider than that; what does not fit is left out,
 * the least important first:
 *
 *	topic cdc.users [#########...........]  45%  1234 of 5000 records  617/s  6 s left
 *
 * Pure: the time and the width are arguments.  Traps: a total is often an estimate;
 * where more is done than that, it is at 99% until whoever counts says the end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_PROGRESS_H
#define NOVA_RELAY_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#define PROGRESS_DRAW_MS 200  /* between two bars */
#define PROGRESS_LINE_MS 5000 /* between two lines of a log */

/* Any line fits, at most this many columns of it are used. */
#define PROGRESS_TEXT_MAX    1024
#define PROGRESS_COLUMNS_MAX 160

typedef struct Progress
{
	const char *what; /* UTF-8 */
	const char *unit; /* of done and total */
	uint64_t done;
	int64_t total;    /* -1: not known */
	int64_t began;    /* when, in ms */
	int64_t left_ms;  /* -1: reckoned from done and total */
	const char *note; /* more to say; NULL: nothing */
} Progress;

/* At most columns wide, and a terminal's last one is left empty; "" for less than 2. */
extern void progress_bar(const Progress *p, int64_t now, int columns, char *out, size_t size);

/* In words and whole numbers. */
extern void progress_words(const Progress *p, int64_t now, char *out, size_t size);

#endif /* NOVA_RELAY_PROGRESS_H */
