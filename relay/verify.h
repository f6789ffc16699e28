/*-------------------------------------------------------------------------
 *
 * verify.h
 *		`nova-relay verify`: do the topics hold what the tables hold?
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_VERIFY_H
#define NOVA_RELAY_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

typedef struct VerifyArgs
{
	const char *tables; /* anchored POSIX ERE of schema.table; NULL: all that are captured */
	uint32_t sample;    /* one key of so many; 1: all */
	uint32_t keys;      /* so many of a table's keys of each kind are named */
	bool json;
	int timeout_s; /* for the stream to come to the moment, and for answers */
} VerifyArgs;

#define VERIFY_TIMEOUT_S 60
#define VERIFY_KEYS      10
#define VERIFY_KEYS_MAX  1000000

/* Exit statuses of verify; the last one is EXIT_USAGE, too */
#define EXIT_EQUAL          0
#define EXIT_DIFFERENT      1
#define EXIT_NOT_COMPARABLE 2

/* Prints its report to standard output; why it could not goes to the log. */
extern int relay_verify(const RelayConfig *cfg, const VerifyArgs *args);

#endif /* NOVA_RELAY_VERIFY_H */
