/*-------------------------------------------------------------------------
 *
 * deadletter.h
 *		Records that cannot be delivered: what is said of them, and how a
 *		dead-letter record looks.
 *
 * Pure.  A bad record is one that Kafka refuses for good, one that is too large
 * to be put together, or a change that the plugin could not read.  What becomes
 * of it nova.on.bad.record says; the sinks see to it.
 *
 * Its dead-letter record has the original key and headers, and headers of our
 * own in front (the table below).  The value is the original value, byte for
 * byte, or a pointer: a JSON object that says where the row is to be found, and
 * how its value begins.
 *
 *	bad ──letter_write(whole)────▶ does not fit, or refused as too large
 *	  └───letter_write(pointer)──▶ always small
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_DEADLETTER_H
#define NOVA_RELAY_DEADLETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/wire.h"
#include "buffer.h"

/* A pointer holds this much of the value, and at most this much of the key. */
#define LETTER_BEGINNING 4096
#define LETTER_KEY_MAX   8192

/* A line about one of them at most this often; those between are counted. */
#define BAD_RECORD_LINE_MS 10000

/* In the order of the option's values. */
typedef enum BadPolicy
{
	BAD_FAIL, /* stop, and confirm nothing of it */
	BAD_DLQ,  /* to the dead-letter topic, and on */
	BAD_SKIP  /* count it, and on */
} BadPolicy;

typedef struct BadRecord
{
	const char *topic; /* it is for; empty: not known */
	const char *table; /* schema.table; empty: not known */
	uint64_t lsn;
	uint32_t xid;    /* 0: not known */
	bool unreadable; /* there is no record: neither key nor value is known */
	NovaBytes headers;
	NovaBytes key;
	NovaBytes value;      /* if it is shorter than value_bytes, the beginning */
	uint64_t value_bytes; /* in full */
	const char *reason;
} BadRecord;

/* What a sink does with them, and did. */
typedef struct BadRecords
{
	int policy;        /* BadPolicy */
	const char *topic; /* of dead letters */
	uint64_t skipped;
	uint64_t letters; /* acknowledged */
	uint64_t untold;  /* since the last line */
	int64_t next_line;
} BadRecords;

/* May a line be logged now?  *untold: how many went without since the last. */
extern bool bad_record_tell(BadRecords *bad, int64_t now, uint64_t *untold);

/* The line, without what becomes of the record. */
extern void bad_record_text(const BadRecord *bad, char *out, size_t size);

/* A dead-letter record being written; all zero is a valid new one. */
typedef struct LetterText
{
	BufferBuilder headers; /* a block as in wire.h */
	BufferBuilder key;
	BufferBuilder value;
	bool has_key;
	bool has_value;
} LetterText;

/* Can it be whole, in a record of at most max bytes? */
extern bool letter_fits(const BadRecord *bad, size_t max);

/* False when out of memory. */
extern bool letter_write(LetterText *text, const BadRecord *bad, bool pointer);

extern void letter_reset(LetterText *text);

#endif /* NOVA_RELAY_DEADLETTER_H */
