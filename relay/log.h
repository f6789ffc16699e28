/*-------------------------------------------------------------------------
 *
 * log.h
 *		One line per event on standard error, plain or JSON.
 *
 * Who may log: main.c, relay.c and the modules that own a connection.  Pure
 * modules return what happened and log nothing.  A line says what happened,
 * where (LSN, topic), what happens next and what to do.  Never a row's
 * content, never a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_LOG_H
#define NOVA_RELAY_LOG_H

typedef enum LogLevel
{
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
} LogLevel;

typedef enum LogFormat
{
	LOG_PLAIN,
	LOG_JSON
} LogFormat;

/* Set once in main(), before threads exist. */
extern void log_setup(LogLevel level, LogFormat format);

/* Later, from any thread. */
extern void log_set_level(LogLevel level);
extern LogLevel log_level(void);

/* printf-like; thread-safe; one write() per line; control bytes escaped. */
extern void log_line(LogLevel level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * A line that is written over by the next one, where standard error is a terminal
 * (terminal.h) and the format is plain; nothing elsewhere.  NULL removes it: do so
 * before anything else is written to the terminal.  Lines of the log remove it by
 * themselves.
 */
extern void log_status(const char *text);

/* Columns that such a line may take; 0: none is shown. */
extern int log_status_columns(void);

/* None from here on: the terminal is somebody else's, such as records on standard output. */
extern void log_status_off(void);

#endif /* NOVA_RELAY_LOG_H */
