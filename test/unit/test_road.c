/*
 * test_road.c
 *		By which road: the modes, what is in the way, and no changing to and fro.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "road.h"

#define MB        INT64_C(1048576)
#define THRESHOLD (256 * MB)
#define MUCH      (ROAD_MUCH * THRESHOLD) /* to read again */
#define NOW       INT64_C(1000000)

static const RoadRules automatic = {STREAM_AUTO, THRESHOLD};
static const RoadRules direct = {STREAM_DIRECT, THRESHOLD};
static const RoadRules replication = {STREAM_REPLICATION, THRESHOLD};

static RoadView
backlog(int64_t bytes)
{
	return (RoadView){
		.obstacle = ROAD_CONFIGURED, .backlog = bytes, .again = -1, .passed_start = true};
}

/* At the end of the WAL; a new stream would read so much again. */
static RoadView
caught_up(int64_t bytes, int64_t again)
{
	RoadView view = backlog(bytes);

	view.caught_up = true;
	view.again = again;
	return view;
}

static void
expect(const RoadChoice *choice, const RoadRules *rules, RoadView view, int64_t now, Road road,
	   RoadReason reason)
{
	RoadWish wish = road_wish(choice, rules, &view, now);

	assert_int_equal(wish.road, road);
	assert_int_equal(wish.reason, reason);
}

static RoadChoice
on(Road road, RoadReason reason, int64_t since)
{
	RoadChoice choice = {0};

	(void) road_take(&choice, (RoadWish){road, reason}, since);
	return choice;
}

static void
modes(void **state)
{
	const RoadChoice none = {0};

	(void) state;
	expect(&none, &replication, backlog(100 * THRESHOLD), NOW, ROAD_REPLICATION, ROAD_CONFIGURED);
	expect(&none, &direct, backlog(0), NOW, ROAD_DIRECT, ROAD_CONFIGURED);
	expect(&none, &direct, backlog(-1), NOW, ROAD_DIRECT, ROAD_CONFIGURED);
	/* once it has caught up it stays */
	expect(&none, &direct, caught_up(0, -1), NOW, ROAD_DIRECT, ROAD_CONFIGURED);
}

static void
first_stream(void **state)
{
	const RoadChoice none = {0};

	(void) state;
	expect(&none, &automatic, backlog(-1), NOW, ROAD_REPLICATION, ROAD_NO_BACKLOG);
	expect(&none, &automatic, backlog(THRESHOLD - 1), NOW, ROAD_REPLICATION, ROAD_NO_BACKLOG);
	expect(&none, &automatic, backlog(THRESHOLD), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	/* whatever the clock says: nothing has been left yet */
	expect(&none, &automatic, backlog(THRESHOLD), 0, ROAD_DIRECT, ROAD_BACKLOG);
}

static void
obstacles(void **state)
{
	const RoadChoice none = {0};
	const RoadChoice taken = on(ROAD_DIRECT, ROAD_BACKLOG, NOW);

	(void) state;
	for (RoadReason o = ROAD_NO_EXTENSION; o <= ROAD_NO_EXECUTE; o++)
	{
		const RoadView view = {.obstacle = o, .backlog = 2 * THRESHOLD};

		expect(&none, &automatic, view, NOW, ROAD_REPLICATION, o);
		expect(&none, &direct, view, NOW, ROAD_REPLICATION, o);
		expect(&taken, &automatic, view, NOW, ROAD_REPLICATION, o);
		/* nobody asked for what is missed */
		expect(&none, &replication, view, NOW, ROAD_REPLICATION, ROAD_CONFIGURED);
	}
}

static void
catching_up(void **state)
{
	const RoadChoice choice = on(ROAD_DIRECT, ROAD_BACKLOG, NOW);

	(void) state;
	expect(&choice, &automatic, backlog(THRESHOLD), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	/* below the threshold is not enough, and what is not known says nothing */
	expect(&choice, &automatic, backlog(THRESHOLD - 1), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(THRESHOLD / ROAD_LITTLE), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(-1), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(THRESHOLD / ROAD_LITTLE - 1), NOW, ROAD_REPLICATION,
		   ROAD_CAUGHT_UP);
	/* whatever has been written since: that is not what it was begun for */
	expect(&choice, &automatic, caught_up(THRESHOLD, -1), NOW, ROAD_REPLICATION, ROAD_CAUGHT_UP);
}

/* An older transaction is open: the walsender would have to read all of it again. */
static void
caught_up_with_much_to_reread(void **state)
{
	RoadChoice choice = on(ROAD_DIRECT, ROAD_BACKLOG, NOW);

	(void) state;
	expect(&choice, &automatic, caught_up(0, MUCH), NOW, ROAD_DIRECT, ROAD_REREAD);
	expect(&choice, &automatic, caught_up(0, 100 * MUCH), NOW, ROAD_DIRECT, ROAD_REREAD);
	expect(&choice, &automatic, caught_up(0, MUCH - 1), NOW, ROAD_REPLICATION, ROAD_CAUGHT_UP);
	/* it is about leaving: with a backlog that is why it is there */
	expect(&choice, &automatic,
		   (RoadView){.backlog = THRESHOLD, .again = MUCH, .passed_start = true}, NOW, ROAD_DIRECT,
		   ROAD_BACKLOG);
	/* the same without a change is no change */
	assert_false(road_take(&choice, (RoadWish){ROAD_DIRECT, ROAD_REREAD}, NOW));
	expect(&choice, &automatic, caught_up(0, MUCH), NOW, ROAD_DIRECT, ROAD_REREAD);
	/* the transaction ends: not into a backlog that has come since */
	expect(&choice, &automatic, caught_up(THRESHOLD, 0), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, caught_up(THRESHOLD - 1, 0), NOW, ROAD_REPLICATION, ROAD_CAUGHT_UP);
	expect(&choice, &automatic, caught_up(-1, 0), NOW, ROAD_REPLICATION, ROAD_CAUGHT_UP);
	/* what was asked for has nothing to do with it */
	expect(&choice, &replication, caught_up(0, MUCH), NOW, ROAD_REPLICATION, ROAD_CONFIGURED);
}

/* A walsender that reads again what was confirmed has no backlog of that. */
static void
rereading_is_no_backlog(void **state)
{
	const RoadChoice choice = on(ROAD_REPLICATION, ROAD_NO_BACKLOG, NOW);
	RoadView view = backlog(2 * THRESHOLD);

	(void) state;
	view.passed_start = false;
	expect(&choice, &automatic, view, NOW, ROAD_REPLICATION, ROAD_NO_BACKLOG);
	view.again = THRESHOLD;
	expect(&choice, &automatic, view, NOW, ROAD_REPLICATION, ROAD_NO_BACKLOG);
	/* so little that it does not matter */
	view.again = THRESHOLD - 1;
	expect(&choice, &automatic, view, NOW, ROAD_DIRECT, ROAD_BACKLOG);
	view.again = -1;
	view.passed_start = true;
	expect(&choice, &automatic, view, NOW, ROAD_DIRECT, ROAD_BACKLOG);
	/* a change would have it read again: the backlog has to be worth that */
	view.again = 2 * THRESHOLD + 1;
	expect(&choice, &automatic, view, NOW, ROAD_REPLICATION, ROAD_REREAD);
	view.again = 2 * THRESHOLD;
	expect(&choice, &automatic, view, NOW, ROAD_DIRECT, ROAD_BACKLOG);
	/* without a stream there is nothing to lose: whichever comes has to read it */
	view.again = 100 * THRESHOLD;
	view.passed_start = false;
	view.begins = true;
	expect(&choice, &automatic, view, NOW, ROAD_DIRECT, ROAD_BACKLOG);
}

/* While it is open, whatever comes, there is one change at the most. */
static void
one_change_with_an_open_transaction(void **state)
{
	RoadChoice choice = on(ROAD_REPLICATION, ROAD_NO_BACKLOG, NOW);
	int64_t again = 0;
	int changes = 0;

	(void) state;
	for (int64_t at = NOW; at < NOW + 100 * ROAD_REST_MS; at += ROAD_REST_MS / 4)
	{
		RoadView view = backlog(at % ROAD_REST_MS == 0 ? 4 * THRESHOLD : 0);
		RoadWish wish;

		again += MUCH / 2;
		view.again = again;
		view.caught_up = choice.now.road == ROAD_DIRECT;
		wish = road_wish(&choice, &automatic, &view, at);
		changes += road_take(&choice, wish, at);
	}
	assert_int_equal(changes, 1);
	assert_int_equal(choice.now.road, ROAD_DIRECT);
}

static void
no_flapping(void **state)
{
	RoadChoice choice = on(ROAD_DIRECT, ROAD_BACKLOG, NOW);
	const int64_t back = NOW + 5000;

	(void) state;
	assert_true(road_take(&choice, (RoadWish){ROAD_REPLICATION, ROAD_CAUGHT_UP}, back));
	expect(&choice, &automatic, backlog(0), back, ROAD_REPLICATION, ROAD_CAUGHT_UP);
	expect(&choice, &automatic, backlog(THRESHOLD), back + ROAD_REST_MS - 1, ROAD_REPLICATION,
		   ROAD_CAUGHT_UP);
	expect(&choice, &automatic, backlog(THRESHOLD), back + ROAD_REST_MS, ROAD_DIRECT, ROAD_BACKLOG);
	/* the same road, anew: the rest goes on, it does not begin again */
	assert_false(road_take(&choice, (RoadWish){ROAD_REPLICATION, ROAD_CAUGHT_UP}, back + 9000));
	expect(&choice, &automatic, backlog(THRESHOLD), back + ROAD_REST_MS - 1, ROAD_REPLICATION,
		   ROAD_CAUGHT_UP);
	expect(&choice, &automatic, backlog(THRESHOLD), back + ROAD_REST_MS, ROAD_DIRECT, ROAD_BACKLOG);
}

/* The rest is between two direct streams: one that never was needs none. */
static void
no_rest_before_the_first(void **state)
{
	const RoadChoice choice = on(ROAD_REPLICATION, ROAD_NO_BACKLOG, NOW);

	(void) state;
	expect(&choice, &automatic, backlog(THRESHOLD), NOW + 1, ROAD_DIRECT, ROAD_BACKLOG);
}

static void
failures(void **state)
{
	RoadChoice choice = on(ROAD_REPLICATION, ROAD_NO_BACKLOG, NOW);

	(void) state;
	assert_int_equal(road_failed(&choice, NOW), ROAD_RETRY_MS);
	expect(&choice, &direct, backlog(0), NOW, ROAD_REPLICATION, ROAD_FAILED);
	expect(&choice, &automatic, backlog(THRESHOLD), NOW + ROAD_RETRY_MS - 1, ROAD_REPLICATION,
		   ROAD_FAILED);
	expect(&choice, &automatic, backlog(THRESHOLD), NOW + ROAD_RETRY_MS, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &direct, backlog(0), NOW + ROAD_RETRY_MS, ROAD_DIRECT, ROAD_CONFIGURED);
	/* what is missed says more than that it failed */
	expect(&choice, &direct, (RoadView){.obstacle = ROAD_NO_EXECUTE, .backlog = 0}, NOW,
		   ROAD_REPLICATION, ROAD_NO_EXECUTE);
}

/* Each one costs a good stream of the walsender's: what fails for good is tried seldom. */
static void
failures_back_off(void **state)
{
	RoadChoice choice = on(ROAD_REPLICATION, ROAD_NO_BACKLOG, NOW);
	int64_t pause = ROAD_RETRY_MS;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		assert_int_equal(road_failed(&choice, NOW), pause);
		expect(&choice, &direct, backlog(0), NOW + pause - 1, ROAD_REPLICATION, ROAD_FAILED);
		expect(&choice, &direct, backlog(0), NOW + pause, ROAD_DIRECT, ROAD_CONFIGURED);
		pause = pause * 2 < ROAD_RETRY_MAX_MS ? pause * 2 : ROAD_RETRY_MAX_MS;
	}
	assert_int_equal(pause, 3600000);
	/* one that lived makes up for all of them */
	assert_int_equal(road_broke(&choice, ROAD_STEADY_MS, NOW), 0);
	assert_int_equal(road_failed(&choice, NOW), ROAD_RETRY_MS);
	assert_int_equal(road_failed(&choice, NOW), 2 * ROAD_RETRY_MS);
	/* and so does one that did what it was begun for, however fast that was */
	(void) road_take(&choice, (RoadWish){ROAD_DIRECT, ROAD_BACKLOG}, NOW);
	(void) road_take(&choice, (RoadWish){ROAD_REPLICATION, ROAD_CAUGHT_UP}, NOW + 1);
	assert_int_equal(road_failed(&choice, NOW), ROAD_RETRY_MS);
}

/* Begun, and broken off at once: once may be chance. */
static void
short_lives(void **state)
{
	RoadChoice choice = on(ROAD_DIRECT, ROAD_CONFIGURED, NOW);

	(void) state;
	assert_int_equal(road_broke(&choice, ROAD_STEADY_MS - 1, NOW), 0);
	expect(&choice, &direct, backlog(0), NOW, ROAD_DIRECT, ROAD_CONFIGURED);
	assert_int_equal(road_broke(&choice, 0, NOW), ROAD_RETRY_MS);
	expect(&choice, &direct, backlog(0), NOW + ROAD_RETRY_MS - 1, ROAD_REPLICATION, ROAD_FAILED);
	expect(&choice, &direct, backlog(0), NOW + ROAD_RETRY_MS, ROAD_DIRECT, ROAD_CONFIGURED);
	/* tried again, as bad: no second chance, and for longer */
	assert_int_equal(road_broke(&choice, 0, NOW), 2 * ROAD_RETRY_MS);
	/* between two short ones a long one */
	assert_int_equal(road_broke(&choice, ROAD_STEADY_MS, NOW), 0);
	assert_int_equal(road_broke(&choice, 0, NOW), 0);
	assert_int_equal(road_broke(&choice, ROAD_STEADY_MS, NOW), 0);
	assert_int_equal(road_broke(&choice, 0, NOW), 0);
}

static void
changes_are_told(void **state)
{
	RoadChoice choice = {0};

	(void) state;
	/* the first stream changes nothing */
	assert_false(road_take(&choice, (RoadWish){ROAD_DIRECT, ROAD_CONFIGURED}, NOW));
	assert_false(road_take(&choice, (RoadWish){ROAD_DIRECT, ROAD_CONFIGURED}, NOW));
	assert_true(road_take(&choice, (RoadWish){ROAD_REPLICATION, ROAD_FAILED}, NOW));
	assert_false(road_take(&choice, (RoadWish){ROAD_REPLICATION, ROAD_NO_EXECUTE}, NOW));
	assert_int_equal(choice.now.reason, ROAD_NO_EXECUTE);
	assert_true(road_take(&choice, (RoadWish){ROAD_DIRECT, ROAD_CONFIGURED}, NOW));
}

static void
names(void **state)
{
	RoadReason found;

	(void) state;
	assert_string_equal(road_name(ROAD_REPLICATION), "replication");
	assert_string_equal(road_name(ROAD_DIRECT), "direct");
	for (RoadReason r = ROAD_CONFIGURED; r <= ROAD_FAILED; r++)
	{
		assert_true(road_reason_text(r)[0] != '\0');
		assert_true(road_reason_parse(road_reason_name(r), &found));
		assert_int_equal(found, r);
		/* whoever may not take it is told what to do */
		assert_int_equal(road_reason_fix(r) != NULL, r >= ROAD_NO_EXTENSION);
	}
	assert_false(road_reason_parse("", &found));
	assert_false(road_reason_parse("backlogs", &found));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),
		cmocka_unit_test(first_stream),
		cmocka_unit_test(obstacles),
		cmocka_unit_test(catching_up),
		cmocka_unit_test(caught_up_with_much_to_reread),
		cmocka_unit_test(rereading_is_no_backlog),
		cmocka_unit_test(one_change_with_an_open_transaction),
		cmocka_unit_test(no_flapping),
		cmocka_unit_test(no_rest_before_the_first),
		cmocka_unit_test(failures),
		cmocka_unit_test(failures_back_off),
		cmocka_unit_test(short_lives),
		cmocka_unit_test(changes_are_told),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
