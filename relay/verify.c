/*-------------------------------------------------------------------------
 *
 * verify.c
 *		`nova-relay verify`: do the topics hold what the tables hold?
 *
 *	1. where do the topics end?						the mark
 *	2. a REPEATABLE READ transaction, and its LSN	the moment
 *	3. wait until the slot has confirmed that LSN	all of it is in Kafka
 *	4. where do the topics end now?					the end
 *	5. topic by topic: its keys' last states up to the end, then the tables
 *
 * Records before the mark are older than the moment; whatever comes between mark
 * and end may be either, and keystates.c lets a row be any of these.  What is
 * compared is one topic and all tables that write to it.
 *
 * Traps: a record that compaction takes away while this runs, because one
 * behind the end has replaced it, is missed; segments that are being written are
 * not compacted, so that this needs a very busy key and very small segments.
 *
 *-------------------------------------------------------------------------
 */
#include "verify.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "copydata.h"
#include "log.h"
#include "meter.h"
#include "pgwait.h"
#include "verify_internal.h"

#define KEY_SHOWN 200

/* A key that is not as it should be. */
typedef struct Example
{
	char key[KEY_SHOWN + 4];
	RecordPlace place; /* partition -1: there is no record */
	int64_t entry;     /* of the key; -1: it has none */
} Example;

typedef struct Kind
{
	const char *name;
	uint64_t count;
	Example *examples; /* the first ones, at most VerifyArgs.keys */
	size_t nexamples;
	size_t room;
} Kind;

enum
{
	KIND_MISSING,
	KIND_EXTRA,
	KIND_DIFFERENT,
	KINDS
};

/* A topic and the tables whose rows go there. */
typedef struct Unit
{
	const char *topic;
	const VerifyTable *first; /* the unit's tables are those with its topic */
	char *names;              /* schema.table, … */
	bool wanted;
	bool keyed;
	bool routed; /* rows choose other topics: it cannot be compared */
	TopicEnds ends;
	uint64_t records;
	uint64_t rows;
	uint64_t equal;
	uint64_t unavailable;
	uint64_t repeated;
	Kind kinds[KINDS];
} Unit;

/* What is looked at only now and then, for a bar; a power of two. */
#define SHOW_EVERY 1024

typedef struct Verify
{
	const RelayConfig *cfg;
	const VerifyArgs *args;
	TableSide *tables;
	TopicSide *topics;
	VerifyTable *list;
	size_t nlist;
	Unit *units;
	size_t nunits;
	uint64_t lsn;
	RowForm form;
	Unit *unit; /* being compared */
	KeyStates states;
	cJSON *report;
	bool different;
	bool no_memory;
	Meter meter;
	Progress progress;
	int64_t passed;     /* offsets of the topic that are behind us, gaps of compaction among them */
	int64_t *at;        /* of each partition, the offset that is next */
	uint64_t rows_read; /* of all tables */
	uint64_t rows_before; /* of those before this one */
} Verify;

/* One line, and never EXIT_EQUAL. */
static int
cannot(const char *why)
{
	log_error("cannot compare: %s", why);
	return EXIT_NOT_COMPARABLE;
}

/*
 * What is to be compared
 */

static Unit *
unit_of(Verify *v, const char *topic)
{
	for (size_t i = 0; i < v->nunits; i++)
		if (strcmp(v->units[i].topic, topic) == 0)
			return &v->units[i];
	v->units[v->nunits] = (Unit){
		.topic = topic, .kinds = {{.name = "missing"}, {.name = "extra"}, {.name = "different"}}};
	return &v->units[v->nunits++];
}

/* Partitions have the name of their root, once. */
static bool
add_name(Unit *u, const char *name)
{
	size_t len = strlen(name);
	char *names = u->names;
	char *at = names != NULL ? strstr(names, name) : NULL;

	while (at != NULL && !((at == names || at[-1] == ' ') && (at[len] == '\0' || at[len] == ',')))
		at = strstr(at + 1, name);
	if (at != NULL)
		return true;
	if (asprintf(&u->names, "%s%s%s", names != NULL ? names : "", names != NULL ? ", " : "", name) <
		0)
		return false;
	free(names);
	return true;
}

static bool
make_units(Verify *v, const regex_t *wanted)
{
	v->units = calloc(v->nlist + 1, sizeof(Unit));
	if (v->units == NULL)
		return false;
	for (size_t i = 0; i < v->nlist; i++)
	{
		const VerifyTable *t = &v->list[i];
		Unit *u = unit_of(v, t->topic);

		if (u->first == NULL)
			u->first = t;
		u->keyed |= t->keyed;
		u->wanted |= wanted == NULL || regexec(wanted, t->name, 0, NULL, 0) == 0;
		if (!add_name(u, t->name))
			return false;
	}
	return true;
}

/* EXIT_EQUAL, or the end of it. */
static int
choose_units(Verify *v)
{
	regex_t wanted;
	char text[512];
	bool ok;

	if (v->args->tables == NULL)
		return make_units(v, NULL) ? EXIT_EQUAL : cannot("out of memory");
	snprintf(text, sizeof(text), "^(%s)$", v->args->tables);
	if (strlen(v->args->tables) > sizeof(text) - 5 ||
		regcomp(&wanted, text, REG_EXTENDED | REG_NOSUB) != 0)
		return cannot("--table is not a regular expression");
	ok = make_units(v, &wanted);
	regfree(&wanted);
	return ok ? EXIT_EQUAL : cannot("out of memory");
}

/* Of every wanted table: may we read it, and is there any? */
static int
check_units(const Verify *v)
{
	bool any = false;
	char text[512];

	for (size_t i = 0; i < v->nlist; i++)
	{
		const VerifyTable *t = &v->list[i];
		const Unit *u = v->units;

		while (strcmp(u->topic, t->topic) != 0)
			u++;
		any |= u->wanted;
		if (!u->wanted || (t->readable && !t->row_security))
			continue;
		snprintf(
			text, sizeof(text),
			t->readable
				? "row security would hide rows of %s: give the role BYPASSRLS, or choose "
				  "others with --table"
				: "this role may not read %s: GRANT SELECT ON it, or choose others with --table",
			t->name);
		return cannot(text);
	}
	return any ? EXIT_EQUAL
			   : cannot(v->nlist == 0 ? "no table is captured" : "--table fits no captured table");
}

static bool
look_at_topics(Verify *v)
{
	for (size_t i = 0; i < v->nunits; i++)
		if (v->units[i].wanted && !topics_look(v->topics, v->units[i].topic, &v->units[i].ends))
			return false;
	return true;
}

/*
 * How far it has come
 */

static void
begin_progress(Verify *v, const char *what, const char *unit, int64_t total)
{
	v->progress = (Progress){
		.what = what, .unit = unit, .total = total, .began = pgwait_now(), .left_ms = -1};
	meter_begin(&v->meter, v->progress.began);
}

static void
show_progress(Verify *v, uint64_t done)
{
	int64_t now = pgwait_now();

	v->progress.done = done;
	if (meter_due(&v->meter, now))
		meter_show(&v->meter, &v->progress, now);
}

/* A topic is as long as its offsets are; those that compaction took are passed at once. */
static bool
begin_topic(Verify *v)
{
	const TopicEnds *ends = &v->unit->ends;
	int64_t total = 0;

	free(v->at);
	v->at = calloc((size_t) ends->n + 1, sizeof(int64_t));
	if (v->at == NULL)
		return false;
	for (int i = 0; i < ends->n; i++)
	{
		v->at[i] = ends->low[i];
		total += ends->end[i] - ends->low[i];
	}
	v->passed = 0;
	begin_progress(v, v->unit->topic, "offsets", total);
	return true;
}

static void
pass_record(Verify *v, RecordPlace place)
{
	v->passed += place.offset + 1 - v->at[place.partition];
	v->at[place.partition] = place.offset + 1;
	if ((v->unit->records & (SHOW_EVERY - 1)) == 0)
		show_progress(v, (uint64_t) v->passed);
}

static void
begin_table(Verify *v, const VerifyTable *table)
{
	begin_progress(v, table->name, "rows", table->row_estimate);
	v->rows_before = v->rows_read;
}

static void
pass_row(Verify *v)
{
	v->rows_read++;
	if ((v->rows_read & (SHOW_EVERY - 1)) == 0)
		show_progress(v, v->rows_read - v->rows_before);
}

/*
 * Comparing
 */

static bool
in_sample(const Verify *v, Digest key)
{
	return v->args->sample <= 1 || key.lo % v->args->sample == 0;
}

static void
set_key(Example *e, NovaBytes key)
{
	size_t n = key.len < KEY_SHOWN ? key.len : KEY_SHOWN;

	snprintf(e->key, sizeof(e->key), "%.*s%s", (int) n, key.data, key.len > KEY_SHOWN ? "..." : "");
}

static bool
make_room(Verify *v, Kind *k)
{
	size_t room = k->room > 0 ? 2 * k->room : VERIFY_KEYS;
	Example *grown;

	if (k->nexamples < k->room)
		return true;
	grown = realloc(k->examples, room * sizeof(Example));
	v->no_memory |= grown == NULL;
	if (grown == NULL)
		return false;
	k->examples = grown;
	k->room = room;
	return true;
}

static void
note(Verify *v, int kind, NovaBytes key, int64_t entry)
{
	Kind *k = &v->unit->kinds[kind];
	Example *e;

	if (k->nexamples == v->args->keys || !make_room(v, k))
		return;
	e = &k->examples[k->nexamples++];
	e->entry = entry;
	e->place = (RecordPlace){.partition = -1};
	if (entry >= 0)
		e->place = v->states.entries[entry].last;
	set_key(e, key);
}

static bool
on_record(void *arg, NovaBytes key, NovaBytes value, RecordPlace place)
{
	Verify *v = arg;
	RowState state;
	Digest digest;

	v->unit->records++;
	pass_record(v, place);
	if (key.data == NULL || !v->unit->keyed)
		return true;
	digest = digest_bytes(key.data, key.len);
	if (!in_sample(v, digest))
		return true;
	rowdigest_record(&v->form, value, &state);
	return keystates_add(&v->states, digest, &state, place,
						 place.offset >= v->unit->ends.mark[place.partition]);
}

static void
on_row(void *arg, NovaBytes topic, NovaBytes key, NovaBytes value)
{
	Verify *v = arg;
	Unit *u = v->unit;
	KeyVerdict verdict;
	int64_t entry;
	Digest digest;

	pass_row(v);
	if (strcmp(topic.data, u->topic) != 0)
		u->routed = true;
	digest = digest_bytes(key.data, key.len);
	if (u->routed || key.data == NULL || !u->keyed)
	{
		u->rows++;
		return;
	}
	if (!in_sample(v, digest))
		return;
	u->rows++;
	verdict = keystates_row(&v->states, &v->form, digest, value, &entry);
	/* one that has no entry is counted at once; the others when all rows are known */
	if (entry < 0)
		u->kinds[KIND_MISSING].count++;
	if (verdict == KEY_MISSING || verdict == KEY_DIFFERENT)
		note(v, verdict == KEY_MISSING ? KIND_MISSING : KIND_DIFFERENT, key, entry);
}

/* Examples of keys that another row has shown to be right are none. */
static void
drop_settled(Verify *v, Kind *k)
{
	size_t left = 0;

	for (size_t i = 0; i < k->nexamples; i++)
		if (k->examples[i].entry < 0 || !v->states.entries[k->examples[i].entry].equal)
			k->examples[left++] = k->examples[i];
	k->nexamples = left;
}

static int
by_place(const void *left, const void *right)
{
	const RecordPlace *a = &((const Example *) left)->place;
	const RecordPlace *b = &((const Example *) right)->place;

	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool
on_found(void *arg, NovaBytes key, NovaBytes value, RecordPlace place)
{
	const Kind *k = arg;
	Example wanted = {.place = place};
	Example *e = bsearch(&wanted, k->examples, k->nexamples, sizeof(Example), by_place);

	(void) value;
	if (e != NULL)
		set_key(e, key);
	return true;
}

/* From each partition's first place to its last one; the places are in order. */
static bool
span_places(const Kind *k, TopicEnds *span)
{
	span->low = calloc((size_t) span->n + 1, sizeof(int64_t));
	span->end = calloc((size_t) span->n + 1, sizeof(int64_t));
	if (span->low == NULL || span->end == NULL)
		return false;
	for (size_t i = 0; i < k->nexamples; i++)
	{
		RecordPlace place = k->examples[i].place;

		if (span->end[place.partition] == 0)
			span->low[place.partition] = place.offset;
		span->end[place.partition] = place.offset + 1;
	}
	return true;
}

/* Of an extra key only the place is known. */
static int
read_extra_keys(Verify *v)
{
	Kind *k = &v->unit->kinds[KIND_EXTRA];
	TopicEnds span = {.n = v->unit->ends.n};
	int status = EXIT_EQUAL;

	if (k->nexamples == 0)
		return EXIT_EQUAL;
	qsort(k->examples, k->nexamples, sizeof(Example), by_place);
	if (!span_places(k, &span))
		status = cannot("out of memory");
	else if (!topics_read_from(v->topics, v->unit->topic, &span, on_found, k))
		status = cannot(topics_error(v->topics));
	topics_free_ends(&span);
	return status;
}

static void
count_entries(Verify *v)
{
	Unit *u = v->unit;

	for (size_t i = 0; i < v->states.count; i++)
	{
		KeyVerdict verdict = keystates_verdict(&v->states, i);

		u->equal += verdict == KEY_EQUAL || verdict == KEY_UNAVAILABLE;
		u->unavailable += verdict == KEY_UNAVAILABLE;
		u->kinds[KIND_MISSING].count += verdict == KEY_MISSING;
		u->kinds[KIND_DIFFERENT].count += verdict == KEY_DIFFERENT;
		u->kinds[KIND_EXTRA].count += verdict == KEY_EXTRA;
		if (verdict == KEY_EXTRA)
			note(v, KIND_EXTRA, (NovaBytes){"?", 1}, (int64_t) i);
	}
	u->repeated = v->states.repeated;
	drop_settled(v, &u->kinds[KIND_MISSING]);
	drop_settled(v, &u->kinds[KIND_DIFFERENT]);
}

static int
read_rows(Verify *v)
{
	for (size_t i = 0; i < v->nlist; i++)
	{
		if (strcmp(v->list[i].topic, v->unit->topic) != 0)
			continue;
		begin_table(v, &v->list[i]);
		if (!tables_read(v->tables, &v->list[i], on_row, v))
			return cannot(tables_error(v->tables));
	}
	return EXIT_EQUAL;
}

static int
compare_unit(Verify *v)
{
	int status;

	rowform_free(&v->form);
	if (!tables_options(v->tables, v->unit->first, &v->form))
		return cannot(tables_error(v->tables));
	if (!begin_topic(v))
		return cannot("out of memory");
	if (!topics_read(v->topics, v->unit->topic, &v->unit->ends, on_record, v))
		return cannot(topics_error(v->topics));
	status = read_rows(v);
	if (status != EXIT_EQUAL)
		return status;
	if (v->form.too_many)
		return cannot("more than 64 columns of a table are unavailable (TOAST) in some record");
	if (!v->unit->keyed || v->unit->routed)
		return EXIT_EQUAL;
	count_entries(v);
	if (v->no_memory)
		return cannot("out of memory; name fewer --keys");
	log_info("topic %s: %" PRIu64 " records, %zu keys in %zu KiB", v->unit->topic, v->unit->records,
			 v->states.count, keystates_bytes(&v->states) / 1024);
	return read_extra_keys(v);
}

/*
 * The report
 */

static bool
is_different(const Unit *u)
{
	return u->kinds[KIND_MISSING].count + u->kinds[KIND_EXTRA].count +
			   u->kinds[KIND_DIFFERENT].count >
		   0;
}

/* Why only the counts are told; NULL: it was compared. */
static const char *
not_compared(const Unit *u)
{
	if (u->routed)
		return "rows choose their topics";
	return u->keyed ? NULL : "no key";
}

static void
print_examples(const Kind *k)
{
	for (size_t i = 0; i < k->nexamples; i++)
	{
		const Example *e = &k->examples[i];

		if (e->place.partition >= 0)
			printf("  %s: key %s, last record at partition %" PRId32 " offset %" PRId64 "\n",
				   k->name, e->key, e->place.partition, e->place.offset);
		else
			printf("  %s: key %s, no record\n", k->name, e->key);
	}
}

static void
print_unit(const Unit *u)
{
	printf("%s (topic %s): rows %" PRIu64, u->names, u->topic, u->rows);
	if (not_compared(u) != NULL)
	{
		printf(", records %" PRIu64 "; not compared: %s\n", u->records, not_compared(u));
		return;
	}
	printf(", equal %" PRIu64, u->equal);
	for (int i = 0; i < KINDS; i++)
		printf(", %s %" PRIu64, u->kinds[i].name, u->kinds[i].count);
	printf(", unavailable %" PRIu64, u->unavailable);
	if (u->repeated > 0)
		printf(", rows with another one's key %" PRIu64, u->repeated);
	putchar('\n');
	for (int i = 0; i < KINDS; i++)
		print_examples(&u->kinds[i]);
}

static void
add_examples(cJSON *list, const Kind *k)
{
	for (size_t i = 0; i < k->nexamples; i++)
	{
		const Example *e = &k->examples[i];
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "kind", k->name);
		cJSON_AddStringToObject(item, "key", e->key);
		if (e->place.partition >= 0)
		{
			cJSON_AddNumberToObject(item, "partition", e->place.partition);
			cJSON_AddNumberToObject(item, "offset", (double) e->place.offset);
		}
		cJSON_AddItemToArray(list, item);
	}
}

static void
report_unit(cJSON *list, const Unit *u)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "table", u->names);
	cJSON_AddStringToObject(item, "topic", u->topic);
	cJSON_AddNumberToObject(item, "rows", (double) u->rows);
	cJSON_AddNumberToObject(item, "records", (double) u->records);
	cJSON_AddBoolToObject(item, "compared", not_compared(u) == NULL);
	if (not_compared(u) != NULL)
		cJSON_AddStringToObject(item, "reason", not_compared(u));
	else
	{
		cJSON *examples;

		cJSON_AddNumberToObject(item, "equal", (double) u->equal);
		for (int i = 0; i < KINDS; i++)
			cJSON_AddNumberToObject(item, u->kinds[i].name, (double) u->kinds[i].count);
		cJSON_AddNumberToObject(item, "unavailable", (double) u->unavailable);
		cJSON_AddNumberToObject(item, "repeated", (double) u->repeated);
		examples = cJSON_AddArrayToObject(item, "examples");
		for (int i = 0; i < KINDS; i++)
			add_examples(examples, &u->kinds[i]);
	}
	cJSON_AddItemToArray(list, item);
}

static void
print_report(const Verify *v)
{
	char *text = cJSON_PrintUnformatted(v->report);

	puts(text != NULL ? text : "{}");
	free(text);
}

static void
begin_report(Verify *v)
{
	char lsn[32];

	v->report = cJSON_CreateObject();
	snprintf(lsn, sizeof(lsn), LSN_FORMAT, LSN_ARGS(v->lsn));
	cJSON_AddStringToObject(v->report, "lsn", lsn);
	cJSON_AddNumberToObject(v->report, "sample", v->args->sample);
	cJSON_AddArrayToObject(v->report, "tables");
}

static void
end_report(Verify *v)
{
	const char *result = v->different ? "different" : "equal";

	if (v->args->json)
	{
		cJSON_AddStringToObject(v->report, "result", result);
		print_report(v);
	}
	else if (v->args->sample > 1)
		printf("%s at LSN " LSN_FORMAT ", one key of %" PRIu32 "\n", result, LSN_ARGS(v->lsn),
			   v->args->sample);
	else
		printf("%s at LSN " LSN_FORMAT "\n", result, LSN_ARGS(v->lsn));
}

/*
 * The command
 */

static int
reach_moment(Verify *v)
{
	if (!look_at_topics(v))
		return cannot(topics_error(v->topics));
	if (!tables_settle(v->tables) || !tables_moment(v->tables, &v->lsn))
		return cannot(tables_error(v->tables));
	log_info("the tables as of LSN " LSN_FORMAT "; waiting until slot %s has confirmed it",
			 LSN_ARGS(v->lsn), v->cfg->slot_name);
	if (!tables_wait(v->tables, v->lsn))
		return cannot(tables_error(v->tables));
	return look_at_topics(v) ? EXIT_EQUAL : cannot(topics_error(v->topics));
}

static int
compare_all(Verify *v)
{
	begin_report(v);
	for (size_t i = 0; i < v->nunits; i++)
	{
		int status;

		if (!v->units[i].wanted)
			continue;
		v->unit = &v->units[i];
		status = compare_unit(v);
		meter_end();
		keystates_free(&v->states);
		if (status != EXIT_EQUAL)
			return status;
		v->different |= is_different(v->unit);
		if (v->args->json)
			report_unit(cJSON_GetObjectItem(v->report, "tables"), v->unit);
		else
			print_unit(v->unit);
	}
	end_report(v);
	return v->different ? EXIT_DIFFERENT : EXIT_EQUAL;
}

static int
verify(Verify *v)
{
	int status;

	if (v->tables == NULL || v->topics == NULL)
		return cannot("out of memory");
	if (tables_error(v->tables)[0] != '\0')
		return cannot(tables_error(v->tables));
	if (topics_error(v->topics)[0] != '\0')
		return cannot(topics_error(v->topics));
	if (!tables_list(v->tables, &v->list, &v->nlist))
		return cannot(tables_error(v->tables));
	status = choose_units(v);
	if (status == EXIT_EQUAL)
		status = check_units(v);
	if (status == EXIT_EQUAL)
		status = reach_moment(v);
	return status == EXIT_EQUAL ? compare_all(v) : status;
}

static void
clean_up(Verify *v)
{
	for (size_t i = 0; i < v->nunits; i++)
	{
		free(v->units[i].names);
		for (int kind = 0; kind < KINDS; kind++)
			free(v->units[i].kinds[kind].examples);
		topics_free_ends(&v->units[i].ends);
	}
	free(v->units);
	tables_free_list(v->list, v->nlist);
	rowform_free(&v->form);
	keystates_free(&v->states);
	free(v->at);
	cJSON_Delete(v->report);
	tables_close(v->tables);
	topics_close(v->topics);
}

int
relay_verify(const RelayConfig *cfg, const VerifyArgs *args)
{
	Verify v = {.cfg = cfg, .args = args};
	int status;

	v.tables = tables_open(cfg, args->timeout_s);
	v.topics = topics_open(cfg, args->timeout_s);
	status = verify(&v);
	clean_up(&v);
	return status;
}
