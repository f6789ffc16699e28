/*-------------------------------------------------------------------------
 *
 * numbers.c
 *		What the relay knows of itself, published for other threads.
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
	Numbers numbers;
	TableNumbers *tables;
	size_t ntables;
	size_t capacity;
};

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
	free(board->tables);
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
board_publish(Board *board, const Numbers *numbers, const TableNumbers *tables, size_t ntables)
{
	pthread_mutex_lock(&board->lock);
	board->numbers = *numbers;
	if (ntables > board->capacity)
	{
		TableNumbers *grown = realloc(board->tables, ntables * sizeof(*grown));

		if (grown != NULL)
		{
			board->tables = grown;
			board->capacity = ntables;
		}
	}
	board->ntables = ntables < board->capacity ? ntables : board->capacity;
	if (board->ntables > 0)
		memcpy(board->tables, tables, board->ntables * sizeof(*tables));
	pthread_mutex_unlock(&board->lock);
}

void
board_read(Board *board, Reading *reading)
{
	pthread_mutex_lock(&board->lock);
	reading->cfg = config_share(board->cfg);
	reading->numbers = board->numbers;
	reading->ntables = board->ntables;
	reading->tables = board->ntables > 0 ? malloc(board->ntables * sizeof(TableNumbers)) : NULL;
	if (reading->tables != NULL)
		memcpy(reading->tables, board->tables, board->ntables * sizeof(TableNumbers));
	else
		reading->ntables = 0;
	pthread_mutex_unlock(&board->lock);
}

void
board_forget(Reading *reading)
{
	config_free(reading->cfg);
	free(reading->tables);
	*reading = (Reading){0};
}
