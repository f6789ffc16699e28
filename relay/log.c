/*-------------------------------------------------------------------------
 *
 * log.c
 *		One line per event on standard error, plain or JSON.
 *
 * A line is built on the stack and handed to the kernel in one write(), so
 * that lines of several threads do not mix and a line needs no memory.  They
 * wait for one another, because a line that removes the status line is two.
 *
 * Traps: a message longer than LOG_MESSAGE_MAX is cut and says so.  The format is
 * read without a lock: it is set before threads exist.
 *
 *-------------------------------------------------------------------------
 */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"
#include "utf8.h"

/*
 * A message of ordinary text makes a line below PIPE_BUF (4096), which a pipe
 * takes in one piece; only one that is mostly escapes can be longer.
 */
#define LOG_MESSAGE_MAX 3000
#define LOG_LINE_MAX    (LOG_MESSAGE_MAX * 6 + 128)
#define LOG_CUT_MARK    " [cut]"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static atomic_int current_level = LOG_INFO;
static LogFormat current_format = LOG_PLAIN;

static pthread_mutex_t terminal_lock = PTHREAD_MUTEX_INITIALIZER;
static bool status_shown; /* under the lock: there is a line that the next one has to remove */
static atomic_bool status_off;

#define CLEAR_LINE "\r\033[K"

/* A line under construction; whoever appends has checked the room. */
typedef struct Line
{
	char data[LOG_LINE_MAX];
	size_t len;
} Line;

void
log_setup(LogLevel level, LogFormat format)
{
	log_set_level(level);
	current_format = format;
}

void
log_set_level(LogLevel level)
{
	atomic_store_explicit(&current_level, (int) level, memory_order_relaxed);
}

LogLevel
log_level(void)
{
	return (LogLevel) atomic_load_explicit(&current_level, memory_order_relaxed);
}

static void
line_bytes(Line *line, const char *bytes, size_t len)
{
	if (len > sizeof(line->data) - line->len)
		len = sizeof(line->data) - line->len;
	memcpy(line->data + line->len, bytes, len);
	line->len += len;
}

static void
line_text(Line *line, const char *text)
{
	line_bytes(line, text, strlen(text));
}

static void
line_hex(Line *line, const char *prefix, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char digits[2] = {hex[c >> 4], hex[c & 0x0F]};

	line_text(line, prefix);
	line_bytes(line, digits, sizeof(digits));
}

/* A byte below 0x20, or 0x7F, or a quote or backslash in JSON. */
static void
line_escaped(Line *line, unsigned char c)
{
	const char *json_only = c == '"' ? "\\\"" : (c == '\\' ? "\\\\" : NULL);

	if (json_only != NULL)
		line_text(line, json_only);
	else if (c == '\n')
		line_text(line, "\\n");
	else if (c == '\r')
		line_text(line, "\\r");
	else if (c == '\t')
		line_text(line, "\\t");
	else
		line_hex(line, current_format == LOG_JSON ? "\\u00" : "\\x", c);
}

/* The message itself: never a control byte, never a broken UTF-8 sequence. */
static void
line_message(Line *line, const char *msg, size_t len)
{
	const unsigned char *s = (const unsigned char *) msg;
	bool json = current_format == LOG_JSON;

	for (size_t i = 0; i < len;)
	{
		size_t n = utf8_sequence(s + i, len - i);

		if (n == 0)
		{
			if (json)
				line_text(line, "\\ufffd");
			else
				line_hex(line, "\\x", s[i]);
			n = 1;
		}
		else if (n == 1 && (s[i] < 0x20 || s[i] == 0x7F || (json && (s[i] == '"' || s[i] == '\\'))))
			line_escaped(line, s[i]);
		else
			line_bytes(line, msg + i, n);
		i += n;
	}
}

/* 2026-08-01T12:00:00.123Z */
static void
line_timestamp(Line *line)
{
	struct timespec now;
	struct tm tm;
	char text[64];
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof(text) - len, ".%03dZ", (int) (now.tv_nsec / 1000000));
	line_text(line, text);
}

static void
write_out(const char *data, size_t len)
{
	ssize_t rc;

	/* Nothing can be done about a log that cannot be written. */
	do
	{
		rc = write(STDERR_FILENO, data, len);
	} while (rc < 0 && errno == EINTR);
}

/* The line, in the place of the status line if there is one. */
static void
line_write(const Line *line)
{
	pthread_mutex_lock(&terminal_lock);
	if (status_shown)
		write_out(CLEAR_LINE, strlen(CLEAR_LINE));
	status_shown = false;
	write_out(line->data, line->len);
	pthread_mutex_unlock(&terminal_lock);
}

/* Where to cut so that no UTF-8 sequence is split. */
static size_t
cut_position(const char *msg, size_t limit)
{
	while (limit > 0 && ((unsigned char) msg[limit] & 0xC0) == 0x80)
		limit--;
	return limit;
}

void
log_line(LogLevel level, const char *fmt, ...)
{
	char msg[LOG_MESSAGE_MAX];
	Line line;
	va_list args;
	int wanted;
	size_t len;
	bool cut;

	if (level > log_level())
		return;
	va_start(args, fmt);
	wanted = vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	if (wanted < 0)
		wanted = snprintf(msg, sizeof(msg), "a log message could not be formatted");
	cut = (size_t) wanted >= sizeof(msg);
	len = cut ? cut_position(msg, sizeof(msg) - sizeof(LOG_CUT_MARK) - 1) : (size_t) wanted;

	line.len = 0;
	line_text(&line, current_format == LOG_JSON ? "{\"ts\":\"" : "");
	line_timestamp(&line);
	line_text(&line, current_format == LOG_JSON ? "\",\"level\":\"" : " ");
	line_text(&line, level_names[level]);
	line_text(&line, current_format == LOG_JSON ? "\",\"msg\":\"" : ": ");
	line_message(&line, msg, len);
	if (cut)
		line_text(&line, LOG_CUT_MARK);
	line_text(&line, current_format == LOG_JSON ? "\"}\n" : "\n");
	line_write(&line);
}

int
log_status_columns(void)
{
	if (current_format == LOG_JSON || atomic_load(&status_off))
		return 0;
	return terminal_columns(STDERR_FILENO);
}

void
log_status_off(void)
{
	log_status(NULL);
	atomic_store(&status_off, true);
}

void
log_status(const char *text)
{
	Line line = {.len = 0};

	if (text != NULL && log_status_columns() == 0)
		return;
	line_text(&line, CLEAR_LINE);
	if (text != NULL)
		line_message(&line, text, strlen(text));
	pthread_mutex_lock(&terminal_lock);
	if (text != NULL || status_shown)
		write_out(line.data, line.len);
	status_shown = text != NULL;
	pthread_mutex_unlock(&terminal_lock);
}
