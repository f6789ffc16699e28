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

struct Board
{
	pthread_mutex_t lock;
	RelayConfig *cfg;
	Numbers numbers;
	TableNumbers *tables;
	size_t ntables;
	size_t capacity;
	Samples *samples; /* NULL: none yet */
	int64_t look_until;
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
	free(board->tables);
	free(board->samples);
	free(board);
}

void
board_show(Board *board, RelayConfig *cfg)
{
	RelayConfig *old;

	pthread_mutex_lock(&board->lock);
	old = board->cfg;
	board->cfg = config_share(cfg);
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
