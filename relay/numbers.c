/*-------------------------------------------------------------------------
 *
 * numbers.c
 *		What the relay knows of itself, published for other threads.
 *
 * The board keeps its memory from one publication to the next; whoever reads gets
 * memory of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "numbers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

struct Board
{
	pthread_mutex_t lock;
	RelayConfig *cfg;
	cJSON *topics; /* an array of names; NULL: none */
	unsigned topics_epoch;
	Reading kept; /* its arrays have room for so many; its cfg is not used */
	size_t tables_size;
	size_t routes_size;
	size_t times_size;
	KafkaStats *kafka; /* allocated when there is something to keep */
	Samples *samples;  /* NULL: none yet */
	int64_t look_until;
};

const char *
connector_state_name(ConnectorState state)
{
	static const char *const names[] = {[CONNECTOR_RUNNING] = "RUNNING",
										[CONNECTOR_PAUSED] = "PAUSED",
										[CONNECTOR_STOPPED] = "STOPPED",
										[CONNECTOR_FAILED] = "FAILED",
										[CONNECTOR_RESTARTING] = "RESTARTING"};

	return names[state];
}

Board *
board_new(void)
{
	Board *board = calloc(1, sizeof(*board));

	if (board != NULL && pthread_mutex_init(&board->lock, NULL) != 0)
	{
		free(board);
		return NULL;
	}
	return board;
}

void
board_free(Board *board)
{
	if (board == NULL)
		return;
	pthread_mutex_destroy(&board->lock);
	config_free(board->cfg);
	cJSON_Delete(board->topics);
	free(board->samples);
	free(board->kept.tables);
	free(board->kept.routes);
	free(board->kept.times);
	free(board->kafka);
	free(board);
}

static bool
has_topic(const Board *board, const char *topic)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, board->topics) if (strcmp(item->valuestring, topic) == 0) return true;
	return false;
}

static void
forget_topics(Board *board)
{
	cJSON_Delete(board->topics);
	board->topics = NULL;
	board->topics_epoch++;
}

void
board_forget_topics(Board *board)
{
	pthread_mutex_lock(&board->lock);
	forget_topics(board);
	pthread_mutex_unlock(&board->lock);
}

unsigned
board_topics_epoch(Board *board)
{
	unsigned epoch;

	pthread_mutex_lock(&board->lock);
	epoch = board->topics_epoch;
	pthread_mutex_unlock(&board->lock);
	return epoch;
}

void
board_topic(Board *board, const char *topic)
{
	pthread_mutex_lock(&board->lock);
	if (board->topics == NULL)
		board->topics = cJSON_CreateArray();
	if (!has_topic(board, topic) && cJSON_GetArraySize(board->topics) < BOARD_TOPICS_MAX)
		cJSON_AddItemToArray(board->topics, cJSON_CreateString(topic));
	pthread_mutex_unlock(&board->lock);
}

char *
board_topics(Board *board)
{
	char *text;

	pthread_mutex_lock(&board->lock);
	text = board->topics != NULL ? cJSON_PrintUnformatted(board->topics) : strdup("[]");
	pthread_mutex_unlock(&board->lock);
	return text;
}

/* Room for n things; how many of them there is room for. */
static size_t
make_room(void **things, size_t *size, size_t n, size_t each)
{
	void *grown;

	if (n > *size && (grown = realloc(*things, n * each)) != NULL)
	{
		*things = grown;
		*size = n;
	}
	return n < *size ? n : *size;
}

static void
keep_tables(Board *board, const Reading *now)
{
	Reading *kept = &board->kept;
	void *room = kept->tables;

	kept->ntables = make_room(&room, &board->tables_size, now->ntables, sizeof(*kept->tables));
	kept->tables = room;
	if (kept->ntables > 0)
		memcpy(kept->tables, now->tables, kept->ntables * sizeof(*kept->tables));
}

static void
keep_routes(Board *board, const Reading *now)
{
	Reading *kept = &board->kept;
	void *room = kept->routes;

	kept->nroutes = make_room(&room, &board->routes_size, now->nroutes, sizeof(*kept->routes));
	kept->routes = room;
	if (kept->nroutes > 0)
		memcpy(kept->routes, now->routes, kept->nroutes * sizeof(*kept->routes));
}

static void
keep_times(Board *board, const Reading *now)
{
	Reading *kept = &board->kept;
	void *room = kept->times;

	kept->ntimes = make_room(&room, &board->times_size, now->ntimes, sizeof(*kept->times));
	kept->times = room;
	if (kept->ntimes > 0)
		memcpy(kept->times, now->times, kept->ntimes * sizeof(*kept->times));
}

void
board_show(Board *board, RelayConfig *cfg)
{
	RelayConfig *old;

	pthread_mutex_lock(&board->lock);
	old = board->cfg;
	board->cfg = config_share(cfg);
	if (old == NULL || cfg == NULL || strcmp(old->name, cfg->name) != 0)
		forget_topics(board);
	pthread_mutex_unlock(&board->lock);
	config_free(old);
}

void
board_publish(Board *board, const Reading *now)
{
	pthread_mutex_lock(&board->lock);
	board->kept.numbers = now->numbers;
	keep_tables(board, now);
	keep_routes(board, now);
	keep_times(board, now);
	if (now->kafka != NULL && board->kafka == NULL)
		board->kafka = malloc(sizeof(*board->kafka));
	board->kept.kafka = now->kafka != NULL ? board->kafka : NULL;
	if (board->kept.kafka != NULL)
		*board->kept.kafka = *now->kafka;
	pthread_mutex_unlock(&board->lock);
}

Samples *
board_samples(Board *board, int64_t now)
{
	Samples *copy = calloc(1, sizeof(*copy));

	pthread_mutex_lock(&board->lock);
	board->look_until = now + BOARD_LOOK_MS;
	if (copy != NULL && board->samples != NULL)
		*copy = *board->samples;
	pthread_mutex_unlock(&board->lock);
	return copy;
}

bool
board_is_looked_at(Board *board, int64_t now)
{
	bool looked_at;

	pthread_mutex_lock(&board->lock);
	looked_at = now < board->look_until;
	pthread_mutex_unlock(&board->lock);
	return looked_at;
}

void
board_publish_samples(Board *board, const Samples *samples)
{
	pthread_mutex_lock(&board->lock);
	if (board->samples == NULL)
		board->samples = malloc(sizeof(*board->samples));
	if (board->samples != NULL)
		*board->samples = *samples;
	pthread_mutex_unlock(&board->lock);
}

/* NULL for nothing, or without memory. */
static void *
copy_of(const void *things, size_t n, size_t each)
{
	void *copy = things != NULL && n > 0 ? malloc(n * each) : NULL;

	if (copy != NULL)
		memcpy(copy, things, n * each);
	return copy;
}

void
board_read(Board *board, Reading *reading)
{
	pthread_mutex_lock(&board->lock);
	*reading = board->kept;
	reading->cfg = config_share(board->cfg);
	reading->tables = copy_of(board->kept.tables, reading->ntables, sizeof(*reading->tables));
	reading->routes = copy_of(board->kept.routes, reading->nroutes, sizeof(*reading->routes));
	reading->times = copy_of(board->kept.times, reading->ntimes, sizeof(*reading->times));
	reading->kafka = copy_of(board->kept.kafka, 1, sizeof(*reading->kafka));
	pthread_mutex_unlock(&board->lock);
	if (reading->tables == NULL)
		reading->ntables = 0;
	if (reading->routes == NULL)
		reading->nroutes = 0;
	if (reading->times == NULL)
		reading->ntimes = 0;
}

void
board_forget(Reading *reading)
{
	config_free(reading->cfg);
	free(reading->tables);
	free(reading->routes);
	free(reading->times);
	free(reading->kafka);
	*reading = (Reading){0};
}
