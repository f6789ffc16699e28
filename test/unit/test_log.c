/*-------------------------------------------------------------------------
 *
 * test_log.c
 *		The log's lines: format, escapes, truncation, one write() each.
 *
 * Standard error is a socket of packets while a line is written: one packet
 * is one write().
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "../../relay/log.h"

static char packet[65536];

/* Log one message; its packet lands in packet[], its length is returned. */
static size_t
logged(LogFormat format, LogLevel level, const char *msg)
{
	int fds[2];
	int saved = dup(STDERR_FILENO);
	ssize_t len;
	ssize_t more;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	log_setup(LOG_INFO, format);
	log_line(level, "%s", msg);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	len = recv(fds[0], packet, sizeof(packet) - 1, 0);
	more = len > 0 ? recv(fds[0], packet + len, 1, 0) : 0;
	close(fds[0]);
	assert_true(len >= 0);
	assert_int_equal(more, 0);
	packet[len] = '\0';
	return (size_t) len;
}

/* The message of a JSON line, after seeing that the line is valid. */
static const char *
json_message(LogLevel level, const char *msg)
{
	static char text[65536];
	static const char *const names[] = {"error", "warn", "info"};
	size_t len = logged(LOG_JSON, level, msg);
	cJSON *line = cJSON_ParseWithLength(packet, len);
	const char *ts;

	assert_non_null(line);
	assert_int_equal(packet[len - 1], '\n');
	assert_ptr_equal(strchr(packet, '\n'), packet + len - 1);
	ts = cJSON_GetStringValue(cJSON_GetObjectItem(line, "ts"));
	assert_int_equal(strlen(ts), strlen("2026-01-01T00:00:00.000Z"));
	assert_int_equal(ts[23], 'Z');
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "level")), names[level]);
	snprintf(text, sizeof(text), "%s", cJSON_GetStringValue(cJSON_GetObjectItem(line, "msg")));
	cJSON_Delete(line);
	return text;
}

static void
test_plain(void **state)
{
	(void) state;
	logged(LOG_PLAIN, LOG_WARN, "slot \"s\" is \xc3\xa9\n\tgone\x01\xff\x7f\\");
	assert_string_equal(packet + strlen("2026-01-01T00:00:00.000Z"),
						" warn: slot \"s\" is \xc3\xa9\\n\\tgone\\x01\\xff\\x7f\\\n");
}

static void
test_json(void **state)
{
	(void) state;
	assert_string_equal(json_message(LOG_INFO, "a \"b\" \\ \n\r\t \x01 \x7f \xc3\xa9"),
						"a \"b\" \\ \n\r\t \x01 \x7f \xc3\xa9");
	/* Not UTF-8: overlong, surrogate, cut short, stray. */
	assert_string_equal(json_message(LOG_ERROR, "\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(json_message(LOG_ERROR, "\xed\xa0\x80."),
						"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.");
	assert_string_equal(json_message(LOG_ERROR, "x\xe2\x82"), "x\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(json_message(LOG_ERROR, ""), "");
}

static void
test_levels(void **state)
{
	(void) state;
	assert_int_equal(logged(LOG_PLAIN, LOG_DEBUG, "hidden"), 0);
	assert_true(logged(LOG_PLAIN, LOG_ERROR, "seen") > 0);
}

static void
test_truncation(void **state)
{
	static char msg[20000];
	const char *seen;

	(void) state;
	/* Two bytes a character and an odd start: the cut must not split one. */
	for (int start = 0; start < 2; start++)
	{
		memset(msg, 0, sizeof(msg));
		memset(msg, 'a', (size_t) start);
		for (size_t i = (size_t) start; i + 2 < sizeof(msg); i += 2)
			memcpy(msg + i, "\xc3\xa9", 2);
		seen = json_message(LOG_INFO, msg);
		assert_true(strlen(seen) < 3010);
		assert_string_equal(seen + strlen(seen) - strlen(" [cut]"), " [cut]");
		assert_null(strstr(seen, "\xef\xbf\xbd"));
	}
	/* The worst: every byte becomes six. */
	memset(msg, 1, sizeof(msg) - 1);
	assert_non_null(strstr(json_message(LOG_INFO, msg), " [cut]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_truncation),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
