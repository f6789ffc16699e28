/*
 * test_control.c
 *		The mailbox between the threads of HTTP and the loop, and the directory that
 *		keeps what was deployed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "datadir.h"

#define ASKERS   8
#define REQUESTS 200

static Control *control;
static bool all_answered[ASKERS];

/* Each asks for its own, and must get the answer to that. */
static void *
ask_often(void *arg)
{
	bool *all = arg;
	bool ok = true;

	for (int i = 0; i < REQUESTS; i++)
	{
		ControlRequest q = {.verb = i % 2 ? CONTROL_PAUSE : CONTROL_RESUME};

		ok = ok && control_ask(control, &q, 60000) &&
			 q.answer == (i % 2 ? CONTROL_EXISTS : CONTROL_MISSING);
	}
	*all = ok;
	return NULL;
}

static void
test_many_askers(void **state)
{
	pthread_t threads[ASKERS];
	int answered = 0;

	(void) state;
	control = control_new();
	assert_non_null(control);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &all_answered[i]), 0);
	while (answered < ASKERS * REQUESTS)
	{
		struct pollfd fd = {.fd = control_fd(control), .events = POLLIN};
		ControlRequest *q;

		assert_int_equal(poll(&fd, 1, 60000), 1);
		while ((q = control_take(control)) != NULL)
		{
			q->answer = q->verb == CONTROL_PAUSE ? CONTROL_EXISTS : CONTROL_MISSING;
			control_answer(control, q);
			answered++;
		}
	}
	for (int i = 0; i < ASKERS; i++)
	{
		pthread_join(threads[i], NULL);
		assert_true(all_answered[i]);
	}
	control_free(control);
}

/* What nobody took in time has not happened, and does not happen later. */
static void
test_withdrawn(void **state)
{
	ControlRequest q = {.verb = CONTROL_STOP};

	(void) state;
	control = control_new();
	assert_false(control_ask(control, &q, 1));
	assert_null(control_take(control));
	control_free(control);
}

static char *
fresh_directory(char *path)
{
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	return path;
}

static void
test_directory(void **state)
{
	char path[] = "/tmp/nova-datadir-XXXXXX";
	char file[100];
	char err[500];
	char *json;
	struct stat st;
	DataDir *dir = datadir_open(fresh_directory(path), err, sizeof(err));

	(void) state;
	assert_non_null(dir);
	snprintf(file, sizeof(file), "%s/connector.json", path);
	assert_true(datadir_read(dir, &json, err, sizeof(err)));
	assert_null(json);
	assert_true(datadir_write(dir, "{\"a\":1}", err, sizeof(err)));
	assert_true(datadir_write(dir, "{\"b\":22}", err, sizeof(err)));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_null(datadir_open(path, err, sizeof(err)));
	assert_non_null(strstr(err, "another relay uses it"));
	datadir_close(dir);

	dir = datadir_open(path, err, sizeof(err));
	assert_non_null(dir);
	assert_true(datadir_read(dir, &json, err, sizeof(err)));
	assert_string_equal(json, "{\"b\":22}");
	free(json);
	assert_true(datadir_write(dir, NULL, err, sizeof(err)));
	assert_true(datadir_write(dir, NULL, err, sizeof(err)));
	assert_int_equal(access(file, F_OK), -1);
	datadir_close(dir);
	assert_int_equal(rmdir(path), 0);
}

/* A directory that cannot be written keeps what it has. */
static void
test_failed_write(void **state)
{
	char path[] = "/tmp/nova-datadir-XXXXXX";
	char blocker[100];
	char file[100];
	char err[500];
	char *json;
	DataDir *dir = datadir_open(fresh_directory(path), err, sizeof(err));

	(void) state;
	snprintf(file, sizeof(file), "%s/connector.json", path);
	snprintf(blocker, sizeof(blocker), "%s/connector.json.new", path);
	assert_true(datadir_write(dir, "{}", err, sizeof(err)));
	/* nobody can remove it as a file, root neither */
	assert_int_equal(mkdir(blocker, 0700), 0);
	assert_false(datadir_write(dir, "{\"a\":1}", err, sizeof(err)));
	assert_non_null(strstr(err, "cannot be written"));
	assert_true(datadir_read(dir, &json, err, sizeof(err)));
	assert_string_equal(json, "{}");
	free(json);
	datadir_close(dir);
	assert_int_equal(rmdir(blocker), 0);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_askers),
		cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_failed_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
