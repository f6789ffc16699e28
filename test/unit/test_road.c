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
#define NOW       INT64_C(1000000)

static const RoadRules automatic = {STREAM_AUTO, THRESHOLD};
static const RoadRules direct = {STREAM_DIRECT, THRESHOLD};
static const RoadRules replication = {STREAM_REPLICATION, THRESHOLD};

static RoadView
backlog(int64_t bytes)
{
	return (RoadView){.obstacle = ROAD_CONFIGURED, .backlog = bytes};
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
	expect(&none, &direct, (RoadView){.obstacle = ROAD_CONFIGURED, .backlog = 0, .caught_up = true},
		   NOW, ROAD_DIRECT, ROAD_CONFIGURED);
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
	RoadView view = backlog(THRESHOLD);

	(void) state;
	expect(&choice, &automatic, view, NOW, ROAD_DIRECT, ROAD_BACKLOG);
	/* below the threshold is not enough, and what is not known says nothing */
	expect(&choice, &automatic, backlog(THRESHOLD - 1), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(THRESHOLD / ROAD_LITTLE), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(-1), NOW, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &automatic, backlog(THRESHOLD / ROAD_LITTLE - 1), NOW, ROAD_REPLICATION,
		   ROAD_CAUGHT_UP);
	/* whatever has been written since: that is not what it was begun for */
	view.caught_up = true;
	expect(&choice, &automatic, view, NOW, ROAD_REPLICATION, ROAD_CAUGHT_UP);
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
	road_failed(&choice, NOW);
	expect(&choice, &direct, backlog(0), NOW, ROAD_REPLICATION, ROAD_FAILED);
	expect(&choice, &automatic, backlog(THRESHOLD), NOW + ROAD_RETRY_MS - 1, ROAD_REPLICATION,
		   ROAD_FAILED);
	expect(&choice, &automatic, backlog(THRESHOLD), NOW + ROAD_RETRY_MS, ROAD_DIRECT, ROAD_BACKLOG);
	expect(&choice, &direct, backlog(0), NOW + ROAD_RETRY_MS, ROAD_DIRECT, ROAD_CONFIGURED);
	/* what is missed says more than that it failed */
	expect(&choice, &direct, (RoadView){.obstacle = ROAD_NO_EXECUTE, .backlog = 0}, NOW,
		   ROAD_REPLICATION, ROAD_NO_EXECUTE);
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
		cmocka_unit_test(modes),       cmocka_unit_test(first_stream),
		cmocka_unit_test(obstacles),   cmocka_unit_test(catching_up),
		cmocka_unit_test(no_flapping), cmocka_unit_test(no_rest_before_the_first),
		cmocka_unit_test(failures),    cmocka_unit_test(changes_are_told),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
