/*-------------------------------------------------------------------------
 *
 * spoolfile.h
 *		What a file of the spool is made of, and what each must have by itself.
 *
 * A file is a head and entries.  All integers are big-endian, as in wire.h.
 *
 *	head	"NOVASPL1"  u32 size  u32 crc  u16 protocol  u64 number  u64 begin
 *				i64 created  bytes16 system  bytes16 timeline  bytes16 slot
 *				bytes16 database
 *			size is that of the head; crc covers what follows it.  Files are
 *			numbered without a gap, and begin is the LSN where the one before
 *			ends.
 *	entry	u32 crc  u32 length  u8 kind  u8 flags  u16 0  u64 lsn  u64 end
 *				and length bytes
 *			crc covers all that follows it.  end is the end LSN of the last
 *			COMMIT in it, 0 without one.
 *
 * The bytes of an entry are a payload of the stream as it was received.  Routes
 * are announced once per stream, so a file that begins in the middle of one has
 * an entry of its own first (SPOOL_PREAMBLE): HELLO and all routes so far.  A file
 * begins and ends between transactions; so each is a stream for itself.
 *
 *	spoolstream_begin(&s);						a new stream
 *	spoolstream_take(&s, payload, len, lsn, &entry)		checks, and fills in the entry
 *	spoolstream_preamble(&s, &len)					for the next file
 *
 * Pure: no I/O, nothing is logged.
 *
 * Traps: an entry's length is not to be trusted before its checksum is right;
 * compare it with what the file has left before memory is asked for.  The ROUTE
 * frames of a preamble belong to no transaction: see frame_transaction_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SPOOLFILE_H
#define NOVA_RELAY_SPOOLFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define SPOOL_HEAD_MAX   512
#define SPOOL_ENTRY_HEAD 28

/* Kinds of entries */
#define SPOOL_DATA     'D'
#define SPOOL_PREAMBLE 'P'
#define SPOOL_ADVANCE  'A' /* no bytes: the server has nothing before end */

/* Whose changes they are. */
typedef struct SpoolOwner
{
	char system_id[32];
	char timeline[16];
	char slot[64];
	char database[64];
} SpoolOwner;

typedef struct SpoolHead
{
	uint16_t protocol;
	uint64_t number;
	uint64_t begin;
	int64_t created; /* ms since 1970 */
	SpoolOwner owner;
} SpoolHead;

typedef struct SpoolEntry
{
	char kind;
	bool in_transaction; /* one is open behind it */
	uint64_t lsn;        /* of the message */
	uint64_t end;
	uint32_t len;
} SpoolEntry;

typedef enum SpoolFault
{
	SPOOL_SOUND,
	SPOOL_SHORT, /* the bytes end before it does */
	SPOOL_DAMAGED
} SpoolFault;

/* Returns the size. */
extern size_t spool_put_head(char out[SPOOL_HEAD_MAX], const SpoolHead *head);
extern SpoolFault spool_get_head(const char *data, size_t len, SpoolHead *head, size_t *size);

extern void spool_put_entry(char out[SPOOL_ENTRY_HEAD], const SpoolEntry *entry,
							const char *payload);

/* What stands before the bytes; of the file there are remaining bytes from here on. */
extern SpoolFault spool_get_entry(const char head[SPOOL_ENTRY_HEAD], uint64_t remaining,
								  SpoolEntry *entry);

/* Are head and bytes what was written? */
extern bool spool_entry_sound(const char head[SPOOL_ENTRY_HEAD], const char *payload, uint32_t len);

/* A frame that the next file needs again; NULL: never seen. */
typedef struct SpoolFrame
{
	char *data;
	uint32_t len;
} SpoolFrame;

/* All zero is a valid one. */
typedef struct SpoolStream
{
	FrameReader reader;
	SpoolFrame hello;
	SpoolFrame *routes;
	uint32_t nroutes;
} SpoolStream;

extern void spoolstream_begin(SpoolStream *s);
extern void spoolstream_free(SpoolStream *s);

/* False: what came is no sound stream, or there is no memory; see s->reader.error. */
extern bool spoolstream_take(SpoolStream *s, const char *payload, size_t len, uint64_t lsn,
							 SpoolEntry *entry);

/* The caller frees it; NULL: out of memory, or no HELLO has come. */
extern char *spoolstream_preamble(const SpoolStream *s, size_t *len);

#endif /* NOVA_RELAY_SPOOLFILE_H */
