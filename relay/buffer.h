/*-------------------------------------------------------------------------
 *
 * buffer.h
 *		Reference-counted memory that is lent to the sink without copying.
 *
 *	PQgetCopyData ──▶ char * ──buffer_wrap──▶ Buffer (refs = 1, the delivery's)
 *	                                            │ buffer_hold(n): n records produced
 *	                                            ▼
 *	                        librdkafka keeps pointers into data, no copy
 *	                                            │ delivery report of n records
 *	                                            ▼
 *	                        buffer_drop(n) … refs = 0 ──▶ free_fn(data) (PQfreemem)
 *	                                                      header ──▶ pool's free list
 *
 * A large value that comes in parts is put together with a BufferBuilder and
 * then wrapped like a received payload.
 *
 * Traps: counts are plain ints, everything happens on the relay's one thread;
 * librdkafka's threads only read the bytes.  Headers are recycled, so a Buffer
 * pointer means nothing after the last reference is gone.  pool->bytes is what
 * is lent in total and not yet given back: one unacknowledged record pins its
 * whole payload, which is why the relay bounds this and not only the sink's
 * queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_BUFFER_H
#define NOVA_RELAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*BufferFree)(void *data);

typedef struct Buffer
{
	char *data;
	size_t len;
	BufferFree free_fn;
	uint32_t refs;
	uint64_t unit;       /* tracker unit its records are counted in */
	uint64_t lsn;        /* of the message it came in, for errors */
	bool of_snapshot;    /* rows, and no changes */
	struct Buffer *next; /* in the pool's free list */
} Buffer;

typedef struct BufferPool
{
	Buffer *spare; /* headers without memory */
	size_t live;   /* buffers with references */
	size_t bytes;  /* their lengths */
} BufferPool;

/*
 * Take over data and return a Buffer with one reference, or NULL when out of
 * memory; then data is still the caller's.
 */
extern Buffer *buffer_wrap(BufferPool *pool, char *data, size_t len, BufferFree free_fn);

extern void buffer_hold(Buffer *buf, uint32_t n);

/* Give n references back; the last one frees the memory. */
extern void buffer_drop(BufferPool *pool, Buffer *buf, uint32_t n);

/* Free the spare headers.  Live buffers must be gone. */
extern void buffer_pool_free(BufferPool *pool);

/* Bytes being put together; all zero is an empty one. */
typedef struct BufferBuilder
{
	char *data;
	size_t len;
	size_t capacity;
} BufferBuilder;

/* False when out of memory; what was there stays. */
extern bool builder_append(BufferBuilder *b, const void *data, size_t len);

extern void builder_reset(BufferBuilder *b);

/* Hand the memory to a Buffer and empty the builder; NULL when out of memory. */
extern Buffer *builder_finish(BufferBuilder *b, BufferPool *pool);

#endif /* NOVA_RELAY_BUFFER_H */
