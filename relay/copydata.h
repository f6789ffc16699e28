/*-------------------------------------------------------------------------
 *
 * copydata.h
 *		The replication protocol's messages inside CopyData: 'w', 'k', 'r'.
 *
 * Pure: bytes in, struct out, and back.  Lengths are checked before a field is
 * read.  LSNs are plain uint64; times are microseconds since 2000-01-01 UTC,
 * as the server counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_COPYDATA_H
#define NOVA_RELAY_COPYDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPYDATA_WAL_HEADER  25
#define COPYDATA_KEEPALIVE   18
#define COPYDATA_STATUS_SIZE 34

/* Print an LSN: "LSN " LSN_FORMAT, LSN_ARGS(lsn) */
#define LSN_FORMAT    "%X/%X"
#define LSN_ARGS(lsn) ((unsigned) ((lsn) >> 32)), ((unsigned) (lsn))

/* And back: how many characters of the text are one; 0: it does not begin with any. */
extern size_t lsn_parse(const char *text, uint64_t *lsn);

typedef enum CopyDataKind
{
	COPYDATA_DATA,       /* 'w': a payload of frames */
	COPYDATA_PING,       /* 'k': keepalive */
	COPYDATA_IMPOSSIBLE, /* neither, or cut short */
} CopyDataKind;

typedef struct CopyDataMessage
{
	uint64_t lsn;         /* data: where it starts; 0 if the server says none */
	uint64_t wal_end;     /* what the server has sent up to */
	int64_t time;         /* server's clock */
	bool reply_requested; /* keepalive only */
	const char *payload;  /* data only; points into the message */
	size_t payload_len;
} CopyDataMessage;

/* Take a message apart.  m is set unless COPYDATA_IMPOSSIBLE is returned. */
extern CopyDataKind copydata_parse(const char *data, size_t len, CopyDataMessage *m);

/*
 * Build a standby status update.  The server's slot looks at flush only.  The
 * reply-requested byte is always 0: an answer to it could overtake data that
 * the plugin holds back.
 */
extern void copydata_build_status(char out[COPYDATA_STATUS_SIZE], uint64_t write, uint64_t flush,
								  uint64_t apply, int64_t time);

#endif /* NOVA_RELAY_COPYDATA_H */
