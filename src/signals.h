/*-------------------------------------------------------------------------
 *
 * signals.h
 *		nova.signal() and nova.watermark(): words to the relay, through the WAL.
 *
 * A row inserted into the table of signal.data.collection is one, too; that is
 * emit.h's.  Both functions write a logical decoding message with the prefix NOVA_SIGNAL_PREFIX, which
 * the plugin forwards as a SIGNAL frame at its place in the stream: what was
 * committed before the message comes before the frame, what comes later after.
 * Its content, in the integers and byte strings of wire.h, always UTF-8:
 *
 *		u8 version (1)  bytes16 type  bytes16 id  bytes32 data
 *
 * nova.signal() checks type and data.  Anybody may write such a message with
 * pg_logical_emit_message() as well, so that neither the plugin nor the relay
 * trusts any of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_SIGNALS_H
#define NOVA_SIGNALS_H

#include "postgres.h"

#include "wire.h"

#define NOVA_SIGNAL_PREFIX "nova.signal"

/* Take the content apart; the parts point into it.  False: not of this form. */
extern bool nova_signal_read(const char *content, Size size, NovaSignal *signal);

#endif /* NOVA_SIGNALS_H */
