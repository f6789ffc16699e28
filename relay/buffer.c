/*-------------------------------------------------------------------------
 *
 * buffer.c
 *		Reference-counted memory that is lent to the sink without copying.
 *
 * The life of a buffer is drawn in buffer.h.
 *
 *-------------------------------------------------------------------------
 */
#include "buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUILDER_FIRST_SIZE ((size_t) 64 * 1024)

Buffer *
buffer_wrap(BufferPool *pool, char *data, size_t len, BufferFree free_fn)
{
	Buffer *buf = pool->spare;

	if (buf != NULL)
		pool->spare = buf->next;
	else if ((buf = malloc(sizeof(*buf))) == NULL)
		return NULL;
	*buf = (Buffer){.data = data, .len = len, .free_fn = free_fn, .refs = 1};
	pool->live++;
	pool->bytes += len;
	return buf;
}

void
buffer_hold(Buffer *buf, uint32_t n)
{
	assert(buf->refs > 0);
	buf->refs += n;
}

void
buffer_drop(BufferPool *pool, Buffer *buf, uint32_t n)
{
	assert(buf->refs >= n);
	buf->refs -= n;
	if (buf->refs > 0)
		return;
	buf->free_fn(buf->data);
	buf->data = NULL;
	pool->live--;
	pool->bytes -= buf->len;
	buf->next = pool->spare;
	pool->spare = buf;
}

void
buffer_pool_free(BufferPool *pool)
{
	assert(pool->live == 0);
	while (pool->spare != NULL)
	{
		Buffer *next = pool->spare->next;

		free(pool->spare);
		pool->spare = next;
	}
}

bool
builder_append(BufferBuilder *b, const void *data, size_t len)
{
	/* even nothing gets memory: a null pointer would read as a null value */
	if (b->data == NULL || len > b->capacity - b->len)
	{
		size_t capacity = b->capacity > 0 ? b->capacity : BUILDER_FIRST_SIZE;
		char *grown;

		if (len > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
			return false;
		while (capacity < b->len + len)
			capacity *= 2;
		grown = realloc(b->data, capacity);
		if (grown == NULL)
			return false;
		b->data = grown;
		b->capacity = capacity;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return true;
}

void
builder_reset(BufferBuilder *b)
{
	free(b->data);
	*b = (BufferBuilder){0};
}

Buffer *
builder_finish(BufferBuilder *b, BufferPool *pool)
{
	Buffer *buf = buffer_wrap(pool, b->data, b->len, free);

	if (buf != NULL)
		*b = (BufferBuilder){0};
	return buf;
}
