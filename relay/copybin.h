/*-------------------------------------------------------------------------
 *
 * copybin.h
 *		One bytea after the other out of COPY … TO STDOUT (FORMAT binary).
 *
 *	signature 11  flags u32  extension u32+bytes	once
 *	fields i16 = 1  length i32  bytes				per tuple
 *	fields i16 = -1									the end
 *
 *	copybin_begin(&copy);						each COPY
 *	copybin_feed(&copy, data, len);				each CopyData message
 *	while ((status = copybin_next(&copy, &part)) == COPYBIN_PART)
 *		… part.data points into the message …
 *
 * The server puts one tuple into one message, and then a value is one part
 * that needs no copy; nothing here relies on it.
 *
 * Traps: COPYBIN_MORE means that the message is used up, not that a value
 * ended: part.left says that.  After COPYBIN_BAD the COPY is over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_COPYBIN_H
#define NOVA_RELAY_COPYBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The plugin's writes have 1 MiB at most; what says more is no such thing. */
#define COPYBIN_VALUE_MAX ((uint32_t) 64 * 1024 * 1024)

typedef enum CopyBinStatus
{
	COPYBIN_PART, /* of a value, or all of it */
	COPYBIN_MORE, /* feed the next message */
	COPYBIN_END,  /* the trailer was read */
	COPYBIN_BAD   /* see error */
} CopyBinStatus;

typedef struct CopyBinPart
{
	const char *data;
	size_t len;
	bool first;    /* it begins the value */
	bool last;     /* it ends the message, but perhaps for the trailer */
	uint32_t left; /* bytes of the value that are still to come */
} CopyBinPart;

typedef enum CopyBinPlace
{
	COPYBIN_AT_HEADER,
	COPYBIN_AT_EXTENSION,
	COPYBIN_AT_TUPLE,
	COPYBIN_AT_LENGTH,
	COPYBIN_AT_VALUE,
	COPYBIN_AT_END
} CopyBinPlace;

#define COPYBIN_HEADER_SIZE 19

typedef struct CopyBin
{
	CopyBinPlace place;
	const char *pos;
	size_t remaining;                /* of the message */
	char fixed[COPYBIN_HEADER_SIZE]; /* a fixed part that may be split */
	size_t have;                     /* of it */
	uint32_t left;                   /* of extension or value */
	bool begun;                      /* a part of the value was given out */
	const char *error;
} CopyBin;

extern void copybin_begin(CopyBin *c);

/* The message must outlive its parts. */
extern void copybin_feed(CopyBin *c, const char *data, size_t len);

extern CopyBinStatus copybin_next(CopyBin *c, CopyBinPart *part);

#endif /* NOVA_RELAY_COPYBIN_H */
