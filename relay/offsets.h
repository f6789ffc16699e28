/*-------------------------------------------------------------------------
 *
 * offsets.h
 *		Altering and resetting the position of a connector that is stopped.
 *
 *	offsets_alter(cfg, args, lsn, err, sizeof(err))		go on there
 *	offsets_reset(cfg, args, err, sizeof(err))			begin as if there had been nothing
 *
 * The position is the slot's, so it can be moved on and not back.  What is remembered
 * of it in Kafka (state.h, and exactly once txnplan.h) goes with it, or the next start
 * would refuse to pass over what was left out.
 *
 * Both wait, for OFFSETS_MS at most, and must not be called while the connector runs
 * here.  That it does not run elsewhere they see for themselves.  After a failure
 * half-way the next start refuses rather than leave something out unasked; the same
 * call again makes it whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_OFFSETS_H
#define NOVA_RELAY_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "relay.h"

#define OFFSETS_MS 30000

/* What is not OFFSETS_DONE has put one line into err. */
typedef enum OffsetsResult
{
	OFFSETS_DONE,
	OFFSETS_REFUSED, /* it cannot be done, and nothing was changed */
	OFFSETS_FAILED
} OffsetsResult;

extern OffsetsResult offsets_alter(const RelayConfig *cfg, const RelayArgs *args, uint64_t lsn,
								   char *err, size_t errsize);

extern OffsetsResult offsets_reset(const RelayConfig *cfg, const RelayArgs *args, char *err,
								   size_t errsize);

#endif /* NOVA_RELAY_OFFSETS_H */
