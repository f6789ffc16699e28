/*-------------------------------------------------------------------------
 *
 * message.h
 *		nova.publish(): an application's own records, through the WAL.
 *
 * nova.publish() writes a logical decoding message with the prefix
 * NOVA_MESSAGE_PREFIX.  Its content, in the integers and byte strings of
 * wire.h, always UTF-8:
 *
 *		u8 version (1)  bytes16 topic  nbytes key  nbytes value  bytes32 headers
 *
 * where headers is a block as in wire.h, or empty.  Anybody may write such a
 * message with pg_logical_emit_message() as well, so that the reader trusts
 * nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_MESSAGE_H
#define NOVA_MESSAGE_H

#include "postgres.h"

#include "wire.h"

#define NOVA_MESSAGE_PREFIX "nova.publish"

typedef struct NovaMessage
{
	NovaBytes topic;
	NovaBytes key;     /* data NULL: null */
	NovaBytes value;   /* data NULL: null */
	NovaBytes headers; /* data NULL: none */
} NovaMessage;

/* Take the content apart; the parts point into it.  False: not of this form. */
extern bool nova_message_read(const char *content, Size size, NovaMessage *message);

#endif /* NOVA_MESSAGE_H */
