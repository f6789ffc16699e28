/*-------------------------------------------------------------------------
 *
 * guard.h
 *		Getting past a change that ends in an ERROR, by the option guarded.lsns.
 *
 * Nothing a row holds should make its record fail, but output functions are
 * anybody's code, files are damaged, and plugins have faults.  An ERROR in a
 * callback ends the stream, and it ends at the same place when the stream comes
 * again.  The relay then names the position in guarded.lsns: what happens there
 * is tried first, in a subtransaction and into nothing, and is reported in an
 * UNREADABLE frame if it fails.  So the list is a permission: what does not
 * fail, such as the other rows of a COPY, which share the position, is sent.
 *
 * Without the option none of this is in the way of a change: the callbacks are
 * exchanged at the start.
 *
 * Traps: outside of a transaction (messages that are not transactional) nothing
 * can be tried, and what is listed is taken for unreadable.  Cancellation, lack
 * of memory and the like are still errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_GUARD_H
#define NOVA_GUARD_H

#include "postgres.h"

#include "access/xlogdefs.h"

#include "options.h"

/* Is that position listed? */
extern bool nova_guard_lists(const NovaOptions *options, XLogRecPtr lsn);

/*
 * Does the work end without an ERROR?  Its memory is gone afterwards.  If not,
 * *reason is why, in the current memory context.
 */
extern bool nova_guard_try(void (*work)(void *arg), void *arg, char **reason);

#endif /* NOVA_GUARD_H */
