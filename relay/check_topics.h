/*-------------------------------------------------------------------------
 *
 * check_topics.h
 *		The part of `nova-relay check` that is about topics: which would be made,
 *		and how; which differ.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CHECK_TOPICS_H
#define NOVA_RELAY_CHECK_TOPICS_H

#include <stdbool.h>

#include "config.h"
#include "findings.h"

/* Blocks; tables: PostgreSQL can be asked for the captured ones. */
extern void check_topics(Findings *f, const RelayConfig *cfg, bool tables);

#endif /* NOVA_RELAY_CHECK_TOPICS_H */
