/*-------------------------------------------------------------------------
 *
 * spool.h
 *		What PostgreSQL sends while Kafka is away, on local disk: a queue.
 *
 *	spool = spool_open(dir, max, err, size);		takes what a run before has left
 *	spool_begin(s, &owner, lsn)						a new stream of the server, from there
 *	spool_append(s, payload, len, lsn, had, now)	at the end
 *	spool_sync(s, now)								when spool_sync_due()
 *	spool_next(s, mark, &item)						from the front
 *	spool_drop_done(s, …)							files that are delivered
 *	spool_clear(s)									all of them
 *
 * Files are numbered and made of whole transactions (spoolfile.h), but for the last
 * one, whose end may be part of one: it is cut off when a new stream begins, for
 * the server sends it again.  Everything up to spool_durable() is on the disk, in
 * transactions that are whole: that may be confirmed.
 *
 * Nothing here decides when to spool, what to confirm, or whether what is there
 * may be delivered: relay.c does.
 *
 * Traps: this blocks, for as long as the disk takes.  A payload that was answered
 * with SPOOL_FULL has to be the next one to be appended, or none before
 * spool_begin().  One process uses a directory: it is locked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SPOOL_H
#define NOVA_RELAY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spoolfile.h"

typedef struct Spool Spool;

typedef enum SpoolPut
{
	SPOOL_OK,
	SPOOL_FULL,  /* the bound or the disk: later, perhaps; see spool_error() */
	SPOOL_FAILED /* see spool_error() */
} SpoolPut;

typedef enum SpoolGet
{
	SPOOL_READ,
	SPOOL_EMPTY,
	SPOOL_UNREADABLE /* see spool_error() */
} SpoolGet;

typedef struct SpoolItem
{
	char *data; /* to free() */
	size_t len;
	uint64_t lsn;
	bool begins; /* a stream: the first of its file */
	bool preamble;
	bool had; /* it was appended as something that is delivered already */
} SpoolItem;

typedef struct SpoolNumbers
{
	uint64_t bytes;
	uint64_t entries;
	int64_t since; /* of the oldest file; ms since 1970, 0: there is none */
} SpoolNumbers;

/* What is there, for somebody who only looks. */
typedef struct SpoolSight
{
	bool there;           /* the directory */
	bool used;            /* by a process that runs: then end and torn are not known */
	SpoolOwner owner;     /* of the first file, or of several timelines the last one */
	SpoolNumbers numbers; /* without what counts for nothing, if it is not used */
	uint64_t end;
	uint64_t torn;
} SpoolSight;

/*
 * Reads all of it, unless another process is at it, and changes nothing.  False
 * after one line in err: no relay could begin with what is there.
 */
extern bool spool_look(const char *dir, SpoolSight *sight, char *err, size_t errsize);

/* NULL after one line in err: also where what is there is damaged, or incomplete. */
extern Spool *spool_open(const char *dir, uint64_t bytes_max, char *err, size_t errsize);

/* Keeps the files. */
extern void spool_free(Spool *s);

/* The end of its last whole transaction; 0: it has none. */
extern uint64_t spool_end(const Spool *s);
extern uint64_t spool_durable(const Spool *s);

/* Whose the changes are; of several timelines the last one. */
extern const SpoolOwner *spool_owner(const Spool *s);
extern SpoolNumbers spool_numbers(const Spool *s);

/* Bytes that were found behind the last whole transaction: not confirmed, and cut off. */
extern uint64_t spool_torn(const Spool *s);

/* False after a failure. */
extern bool spool_begin(Spool *s, const SpoolOwner *owner, uint64_t lsn);

/*
 * had: up to there everything is delivered already, or on its way.  now is in
 * milliseconds of any one clock, here and below.
 */
extern SpoolPut spool_append(Spool *s, const char *payload, size_t len, uint64_t lsn, uint64_t had,
							 int64_t now);

/* The server has nothing before lsn that was not appended. */
extern SpoolPut spool_advance(Spool *s, uint64_t lsn, int64_t now);

/* Has the stream that spool_begin() began something in it? */
extern bool spool_streams(const Spool *s);

/* When what was appended is to be on the disk; INT64_MAX: it is. */
extern int64_t spool_sync_due(const Spool *s);
extern bool spool_sync(Spool *s);

/*
 * The next payload.  mark is the caller's, and stands for everything that it has
 * taken so far.
 */
extern SpoolGet spool_next(Spool *s, uint64_t mark, SpoolItem *item);

/* Is everything read that was appended? */
extern bool spool_drained(const Spool *s);

/* Removes files whose mark is reached, but not the last one.  Returns how many. */
extern size_t spool_drop_done(Spool *s, bool (*reached)(void *arg, uint64_t mark), void *arg);

/* Removes everything, for good.  False after a failure. */
extern bool spool_clear(Spool *s);

extern const char *spool_error(const Spool *s);

#endif /* NOVA_RELAY_SPOOL_H */
