/*-------------------------------------------------------------------------
 *
 * frame.h
 *		The frames of one stream, in order, checked.
 *
 * wire.h takes a single frame apart; this adds what only the sequence can
 * tell: HELLO first and of our protocol, ROUTE before use, MORE exactly where
 * a value goes on, STATS and UNCHANGED between transactions only, and at COMMIT the
 * number of records and the checksum.
 *
 *	frame_stream_begin(&reader);				a new connection; frame_chunk_begin() for a COPY
 *	frame_payload_begin(&reader, data, len, lsn);	each 'w' message
 *	while (frame_next(&reader, &frame) == FRAME_READ)
 *		… use frame; its bytes point into the payload …
 *
 * The caller may leave the loop and go on later at the same place, which is
 * what back-pressure needs.
 *
 * Traps: records reach the caller before their COMMIT proves them.  A mismatch
 * is found too late to take them back, but early enough never to confirm
 * them.  After FRAME_BAD the stream is over; reader->error says why, with the
 * offset in the payload and the LSN of the message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_FRAME_H
#define NOVA_RELAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"

/*
 * Route ids are small and dense.  The limit keeps a corrupt id from asking for
 * gigabytes; a database has far fewer captured tables.
 */
#define FRAME_MAX_ROUTES (UINT32_C(1) << 20)

typedef enum FrameStatus
{
	FRAME_READ, /* one frame */
	FRAME_END,  /* of the payload */
	FRAME_BAD   /* of the stream; see error */
} FrameStatus;

typedef struct FrameReader
{
	NovaCursor cursor;
	const char *payload;
	uint64_t lsn;        /* of the message the payload came in */
	const char *crc_pos; /* bytes before it are in crc */
	uint32_t crc;
	uint64_t records;    /* since the last COMMIT */
	uint64_t summed;     /* bytes in crc */
	uint64_t proved;     /* bytes that the last COMMIT or CHUNK proved */
	bool greeted;        /* HELLO seen */
	bool chunked;        /* CHUNK takes the place of COMMIT */
	bool over;           /* CHUNK seen */
	bool in_transaction; /* something came after the last COMMIT */
	bool in_value;       /* MORE must follow */
	bool *routes;        /* known ids */
	uint32_t nroutes;    /* length of that array */
	char error[384];
} FrameReader;

/* All zero is a valid new reader; this is for the next stream. */
extern void frame_stream_begin(FrameReader *r);

/* For the frames of one COPY of a snapshot, which end with CHUNK and have no COMMIT. */
extern void frame_chunk_begin(FrameReader *r);

/* The payload must outlive its frames. */
extern void frame_payload_begin(FrameReader *r, const char *data, size_t len, uint64_t lsn);

extern FrameStatus frame_next(FrameReader *r, NovaFrame *frame);

/*
 * At the end of a payload: what came so far is of no transaction, and under no
 * checksum.  For routes that are told again, outside of their stream.
 */
extern void frame_transaction_begin(FrameReader *r);

extern void frame_free(FrameReader *r);

#endif /* NOVA_RELAY_FRAME_H */
