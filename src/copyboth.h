/*-------------------------------------------------------------------------
 *
 * copyboth.h
 *		The client at the other end of a stream, in an ordinary backend.
 *
 * Speaks what a walsender speaks (PostgreSQL, "Streaming Replication Protocol"):
 * CopyBothResponse, then 'w' and 'k' to the client and 'r' from it, and CopyDone
 * both ways.  The server's own code for that belongs to its walsenders.
 *
 *		nova_client_begin(&client, context);	CopyBothResponse
 *		nova_client_write(&client, out, now);	a 'w' message, header and all
 *		nova_client_attend(&client, now);		often: looks at the client now and then
 *		nova_client_wait(&client, ms);			nothing to do for so long
 *		nova_client_end(&client);				CopyDone, if client.done, or
 *		nova_client_settle(&client);			before an ERROR is sent
 *
 * The last message of the client shows in pg_stat_activity: state_change is when it came.
 *
 * Times are TimestampTz.  A client that is gone, or says nothing for
 * wal_sender_timeout, ends the process, for there is nobody to tell; so does
 * pg_terminate_backend() when the client does not read, as sending FATAL would wait for it.  All else that
 * ends a stream is an ERROR: a message that is none, a cancelled query, and also
 * a client that says it has had enough.  Then client.done is set, and whoever
 * catches the ERROR goes on as if there had been none; it is the only way out of
 * the middle of a transaction.
 *
 * Trap: each call but the first and the last may end in an ERROR, and may confirm
 * a position to the slot that this process has acquired.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_COPYBOTH_H
#define NOVA_COPYBOTH_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

typedef struct NovaClient
{
	XLogRecPtr decoded;      /* all before it was decoded and written; the caller's to set */
	XLogRecPtr confirmed;    /* by the client */
	TimestampTz heard;       /* of the client */
	TimestampTz next_look;   /* at what it says */
	bool at_end;             /* decoded is all the WAL that there is; the caller's to set */
	bool asked;              /* for a reply, since it was heard */
	bool done;               /* it sent CopyDone */
	int transaction_timeout; /* the session's, out of force; a reload sets it */
	StringInfoData in;
	StringInfoData out; /* keepalives */
} NovaClient;

extern void nova_client_begin(NovaClient *client, MemoryContext context);

/* The header of a 'w' message about this position, into an empty buffer. */
extern void nova_client_header(StringInfo out, XLogRecPtr lsn);

/* Send what nova_client_header() began; waits while the client takes nothing. */
extern void nova_client_write(NovaClient *client, StringInfo out);

/*
 * "All before decoded is yours": true whether it asks for a reply or not, unlike a walsender's.
 * One that asks for none says that there is no more.
 */
extern void nova_client_keepalive(NovaClient *client, bool reply);

/* Interrupts, settings, messages of the client and its silence.  The time that it is. */
extern TimestampTz nova_client_attend(NovaClient *client);

/* Until the client says something, or for so many milliseconds. */
extern void nova_client_wait(NovaClient *client, long ms);

extern void nova_client_end(NovaClient *client);

/*
 * In the handler of an ERROR: until the client takes something, for the server tells it
 * of the ERROR with interrupts held, so that nothing could end it then.  Nothing more
 * is heard of what the client says; without a client that was begun nothing is done.
 */
extern void nova_client_settle(NovaClient *client);

#endif /* NOVA_COPYBOTH_H */
