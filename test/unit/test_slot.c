/*
 * test_slot.c
 *		What a slot's row means, against the database, the memory, the clock and its holder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "slot.h"

#define MB INT64_C(1048576)

static SlotRow
sound(void)
{
	SlotRow row = {.found = true,
				   .plugin = "nova_decoder",
				   .database = "db",
				   .wal_status = "reserved",
				   .confirmed_lsn = 1000,
				   .safe_bytes = -1,
				   .retained_bytes = 16 * MB};

	return row;
}

static void
test_faults(void **state)
{
	static const struct
	{
		bool physical;
		bool synced;
		const char *plugin;
		const char *database;
		const char *wal_status;
		const char *invalidation;
		uint64_t confirmed;
		bool standby;
		SlotFault fault;
		SlotMeans means;
		const char *word; /* of what is said */
	} cases[] = {
		{false, false, "nova_decoder", "db", "reserved", "", 1, false, SLOT_SOUND,
		 SLOT_MEANS_NOTHING, "sound"},
		{false, false, "nova_decoder", "db", "extended", "", 1, false, SLOT_SOUND,
		 SLOT_MEANS_NOTHING, "sound"},
		{true, false, "", "", "reserved", "", 0, false, SLOT_PHYSICAL, SLOT_MEANS_STOP, "physical"},
		{false, false, "nova_decoder", "other", "lost", "", 1, false, SLOT_FOREIGN_DATABASE,
		 SLOT_MEANS_STOP, "\"other\", not \"db\""},
		{false, false, "pgoutput", "db", "lost", "", 1, false, SLOT_FOREIGN_PLUGIN, SLOT_MEANS_STOP,
		 "plugin pgoutput"},
		{false, false, "nova_decoder", "db", "lost", "", 1, false, SLOT_INVALIDATED,
		 SLOT_MEANS_LOSS, "wal_removed"},
		/* 16: conflicting; 17 and later: a reason; 18: idle_timeout, and WAL may be there still */
		{false, false, "nova_decoder", "db", "reserved", "conflicting", 1, true, SLOT_INVALIDATED,
		 SLOT_MEANS_LOSS, "conflicting"},
		{false, false, "nova_decoder", "db", "lost", "wal_level_insufficient", 1, false,
		 SLOT_INVALIDATED, SLOT_MEANS_LOSS, "wal_level_insufficient"},
		{false, false, "nova_decoder", "db", "reserved", "idle_timeout", 1, false, SLOT_INVALIDATED,
		 SLOT_MEANS_LOSS, "idle_timeout"},
		/* 17: a copy is of use once its server is no standby any more */
		{false, true, "nova_decoder", "db", "reserved", "", 1, true, SLOT_SYNCED, SLOT_MEANS_WAIT,
		 "copy"},
		{false, true, "nova_decoder", "db", "reserved", "", 1, false, SLOT_SOUND,
		 SLOT_MEANS_NOTHING, "sound"},
		{false, false, "nova_decoder", "db", "reserved", "", 0, false, SLOT_UNFINISHED,
		 SLOT_MEANS_WAIT, "being made"},
		{false, false, "nova_decoder", "db", "unreserved", "", 1, false, SLOT_UNRESERVED,
		 SLOT_MEANS_WARNING, "next checkpoint"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SlotRow row = {.found = true,
					   .physical = cases[i].physical,
					   .synced = cases[i].synced,
					   .confirmed_lsn = cases[i].confirmed};
		SlotText text;

		snprintf(row.plugin, sizeof(row.plugin), "%s", cases[i].plugin);
		snprintf(row.database, sizeof(row.database), "%s", cases[i].database);
		snprintf(row.wal_status, sizeof(row.wal_status), "%s", cases[i].wal_status);
		snprintf(row.invalidation, sizeof(row.invalidation), "%s", cases[i].invalidation);
		slot_explain(cases[i].fault, &row, "s", "db", &text);
		if (slot_judge(&row, "db", cases[i].standby) != cases[i].fault ||
			slot_means(cases[i].fault) != cases[i].means ||
			strstr(text.what, cases[i].word) == NULL)
			fail_msg("case %zu: fault %d, \"%s\"", i,
					 (int) slot_judge(&row, "db", cases[i].standby), text.what);
	}
}

/* Each reason has the setting that would have kept the slot; one that is new has none. */
static void
test_lost(void **state)
{
	static const struct
	{
		const char *wal_status;
		const char *invalidation;
		const char *text;
	} cases[] = {
		/* before 16 there is no reason, and this is the only one */
		{"lost", "", "wal_removed; to prevent it see max_slot_wal_keep_size"},
		{"lost", "wal_removed", "wal_removed; to prevent it see max_slot_wal_keep_size"},
		{"reserved", "idle_timeout",
		 "idle_timeout; to prevent it see idle_replication_slot_timeout"},
		{"lost", "rows_removed",
		 "rows_removed; to prevent it see hot_standby_feedback on the standby"},
		{"lost", "wal_level_insufficient",
		 "wal_level_insufficient; to prevent it see wal_level of the primary"},
		{"reserved", "conflicting",
		 "conflicting; to prevent it see hot_standby_feedback on the standby and wal_level of the "
		 "primary"},
		{"lost", "of_a_later_version", "of_a_later_version"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SlotRow row = sound();
		char wanted[200];
		char text[200];
		char cut[20];

		snprintf(row.wal_status, sizeof(row.wal_status), "%s", cases[i].wal_status);
		snprintf(row.invalidation, sizeof(row.invalidation), "%s", cases[i].invalidation);
		snprintf(wanted, sizeof(wanted), "the server's reason is %s", cases[i].text);
		slot_lost_text(&row, text, sizeof(text));
		assert_string_equal(text, wanted);
		/* a text that has no room ends within it */
		slot_lost_text(&row, cut, sizeof(cut));
		assert_int_equal(strlen(cut), sizeof(cut) - 1);
		assert_memory_equal(cut, wanted, sizeof(cut) - 1);
	}
}

static void
test_missing(void **state)
{
	SlotRow row = {0};
	SlotText text;

	(void) state;
	assert_int_equal(slot_judge(&row, "db", false), SLOT_ABSENT);
	slot_explain(SLOT_FOREIGN_PLUGIN, &row, "my_slot", "db", &text);
	assert_non_null(strstr(text.fix, "pg_drop_replication_slot('my_slot')"));
}

static void
test_positions(void **state)
{
	static const struct
	{
		uint64_t position;
		const char *system;
		const char *timeline;
		uint64_t wal_end;
		bool found;
		uint64_t confirmed;
		PositionFault fault;
	} cases[] = {
		/* remembered: system 7, timeline 2 */
		{0, "8", "1", 10, false, 0, POSITION_SOUND},
		{500, "7", "2", 900, true, 500, POSITION_SOUND},
		{500, "7", "2", 900, true, 400, POSITION_SOUND},
		{500, "7", "2", 900, true, 501, POSITION_GAP},
		{500, "7", "3", 900, true, 501, POSITION_GAP},
		{500, "7", "3", 900, true, 500, POSITION_NEW_TIMELINE},
		{500, "7", "10", 900, true, 500, POSITION_NEW_TIMELINE},
		{500, "7", "1", 900, true, 500, POSITION_OLD_TIMELINE},
		{500, "7", "1", 900, false, 0, POSITION_OLD_TIMELINE},
		{500, "7", "2", 900, false, 0, POSITION_SLOT_GONE},
		{500, "7", "3", 900, false, 0, POSITION_SLOT_GONE},
		{500, "8", "2", 900, true, 500, POSITION_OTHER_CLUSTER},
		{500, "8", "2", 900, false, 0, POSITION_OTHER_CLUSTER},
		{500, "7", "2", 499, true, 400, POSITION_SERVER_BEHIND},
		{500, "7", "3", 499, true, 400, POSITION_SERVER_BEHIND},
		{500, "7", "2", 0, true, 400, POSITION_SOUND},
		/* the server's history: timeline 2 was left at 600, 4 at 700, and 3 not taken */
		{600, "7", "5", 900, true, 400, POSITION_NEW_TIMELINE},
		{601, "7", "5", 900, true, 400, POSITION_SERVER_BEHIND},
	};
	const TimelineHistory history = {.n = 2, .left = {{2, 600}, {4, 700}}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SlotMemory m = {"7", "2", cases[i].position};
		SlotPlace p = {cases[i].system, cases[i].timeline,  cases[i].wal_end,
					   cases[i].found,  cases[i].confirmed, &history};
		char text[512];

		position_explain(cases[i].fault, &m, &p, text, sizeof(text));
		if (position_judge(&m, &p) != cases[i].fault ||
			(text[0] == '\0') != (cases[i].fault == POSITION_SOUND))
			fail_msg("case %zu: fault %d, \"%s\"", i, (int) position_judge(&m, &p), text);
	}
}

static void
test_gap_names_both(void **state)
{
	SlotMemory m = {"7", "1", UINT64_C(0x1000000AB)};
	const TimelineHistory history = {0};
	SlotPlace p = {"7", "1", 0, true, UINT64_C(0x2000000CD), &history};
	char text[512];

	(void) state;
	position_explain(POSITION_GAP, &m, &p, text, sizeof(text));
	assert_non_null(strstr(text, "1/AB"));
	assert_non_null(strstr(text, "2/CD"));
}

static void
test_wal(void **state)
{
	const WalLimits limits = {.safe_percent = 25, .retained_bytes = 1000 * MB};
	WalWatch watch = {0};
	SlotRow row = sound();

	(void) state;
	assert_int_equal(walwatch_take(&watch, &row, limits, 0), WAL_NO_NEWS);
	row.safe_bytes = 300 * MB;
	row.retained_bytes = 700 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 1), WAL_NO_NEWS);
	row.safe_bytes = 240 * MB;
	row.retained_bytes = 760 * MB;
	assert_true(wal_is_low(&row, limits));
	assert_int_equal(walwatch_take(&watch, &row, limits, 2), WAL_LOW);
	assert_int_equal(walwatch_take(&watch, &row, limits, 3), WAL_NO_NEWS);
	assert_int_equal(walwatch_take(&watch, &row, limits, 299999), WAL_NO_NEWS);
	assert_int_equal(walwatch_take(&watch, &row, limits, 300002), WAL_LOW);
	/* a little above the threshold is not the end of it */
	row.safe_bytes = 260 * MB;
	row.retained_bytes = 740 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 300003), WAL_NO_NEWS);
	row.safe_bytes = 320 * MB;
	row.retained_bytes = 680 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 300004), WAL_RECOVERED);
	/* a new shortage is said at once; without a limit only what is kept counts */
	row.safe_bytes = -1;
	row.retained_bytes = 1001 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 300005), WAL_LOW);
	row.retained_bytes = 900 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 300006), WAL_NO_NEWS);
	row.retained_bytes = 700 * MB;
	assert_int_equal(walwatch_take(&watch, &row, limits, 300007), WAL_RECOVERED);
}

/* Unreserved is a shortage whatever the thresholds say, and one that is lost is none any more. */
static void
test_wal_status(void **state)
{
	const WalLimits off = {0};
	WalWatch watch = {0};
	SlotRow row = sound();

	(void) state;
	row.retained_bytes = INT64_MAX / 2;
	assert_int_equal(walwatch_take(&watch, &row, off, 0), WAL_NO_NEWS);
	strcpy(row.wal_status, "unreserved");
	row.safe_bytes = -16 * MB;
	assert_int_equal(walwatch_take(&watch, &row, off, 1), WAL_LOW);
	strcpy(row.wal_status, "lost");
	assert_int_equal(walwatch_take(&watch, &row, off, 2), WAL_NO_NEWS);
	strcpy(row.wal_status, "reserved");
	assert_int_equal(walwatch_take(&watch, &row, off, 3), WAL_RECOVERED);
}

static void
test_holder(void **state)
{
	SlotHolder holder = {.pid = 7, .signs = "12:00 0/1", .waiting = true};
	HolderWatch watch = {0};

	(void) state;
	assert_false(holder_silent(&watch, &holder, 100, 1000));
	assert_false(holder_silent(&watch, &holder, 100, 1099));
	assert_true(holder_silent(&watch, &holder, 100, 1100));
	/* busy: it may not have read what came */
	holder.waiting = false;
	assert_false(holder_silent(&watch, &holder, 100, 1200));
	holder.waiting = true;
	assert_true(holder_silent(&watch, &holder, 100, 1201));
	/* any other text is a sign, also one that looks older */
	strcpy(holder.signs, "11:00 0/1");
	assert_false(holder_silent(&watch, &holder, 100, 1300));
	assert_true(holder_silent(&watch, &holder, 100, 1400));
	/* another process */
	holder.pid = 8;
	assert_false(holder_silent(&watch, &holder, 100, 1500));
	assert_true(holder_silent(&watch, &holder, 100, 1600));
	/* what we may not see is no silence; nobody is nobody */
	holder.signs[0] = '\0';
	assert_false(holder_silent(&watch, &holder, 100, 1700));
	assert_false(holder_silent(&watch, &holder, 100, 9999));
	assert_false(holder_silent(&watch, &(SlotHolder){.signs = "x", .waiting = true}, 0, 9999));
}

/* A backend whose server notes nothing shows no signs, which is not the same as none that we may see. */
static void
test_direct_holder(void **state)
{
	SlotHolder holder = {.pid = 7,
						 .application = "a",
						 .role = "r",
						 .waiting = true,
						 .visible = true,
						 .direct = true};
	HolderWatch watch = {0};
	char text[320];

	(void) state;
	slot_holder_text(&holder, text, sizeof(text));
	assert_string_equal(
		text, "PID 7, application \"a\", role r, from a local socket, on the direct road");
	assert_false(holder_silent(&watch, &holder, 0, 1000));
	assert_false(holder_silent(&watch, &holder, 0, 9999));
	/* psql, for example, that reads a slot by a function */
	holder.direct = false;
	slot_holder_text(&holder, text, sizeof(text));
	assert_string_equal(text, "PID 7, application \"a\", role r, from a local socket");
	holder.visible = false;
	slot_holder_text(&holder, text, sizeof(text));
	assert_string_equal(text,
						"PID 7, application \"a\", role r, from an address that is not shown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),         cmocka_unit_test(test_lost),
		cmocka_unit_test(test_missing),        cmocka_unit_test(test_positions),
		cmocka_unit_test(test_gap_names_both), cmocka_unit_test(test_wal),
		cmocka_unit_test(test_wal_status),     cmocka_unit_test(test_holder),
		cmocka_unit_test(test_direct_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
