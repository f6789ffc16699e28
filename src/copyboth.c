/*-------------------------------------------------------------------------
 *
 * copyboth.c
 *		The client at the other end of a stream; see copyboth.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

/*
 * With these the next header wants those of Kerberos and OpenSSL, which servers'
 * packages for building extensions do not bring along, to declare fields of struct
 * Port, which this file does not look at.
 */
#undef ENABLE_GSS
#undef USE_OPENSSL
#undef USE_SSL

#include "access/xact.h"
#include "libpq/libpq.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bswap.h"
#include "postmaster/interrupt.h"
#include "replication/logical.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "copyboth.h"

/* How often what the client says is looked at while there is work: a system call each. */
#define LOOK_US 10000

/* Where a 'w' message has the time at which it was sent: behind its letter and two positions. */
#define TIME_OFFSET (1 + 8 + 8)

/* For a client to take the report of an ERROR, when it may be silent for ever. */
#define PATIENCE_MS 60000
/* How often it is seen whether this process is to end meanwhile. */
#define SETTLE_MS 100

/* No message of a client is larger; 'r' has 34 bytes. */
#define MESSAGE_MAX 1000

/* There is nobody left to send an ERROR to, and to try could take for ever. */
NOVA_NORETURN static void
hang_up(const char *why)
{
	ereport(COMMERROR, (errcode(ERRCODE_CONNECTION_FAILURE), errmsg("%s", why)));
	whereToSendOutput = DestNone;
	proc_exit(0);
}

NOVA_NORETURN static void
end_of_client(void)
{
	hang_up("nova.stream() ends: the client is gone");
}

void
nova_client_begin(NovaClient *client, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	StringInfoData response;

	initStringInfo(&client->in);
	initStringInfo(&client->out);
	client->heard = GetCurrentTimestamp();
	/* text overall, and no columns, as a walsender says it */
	pq_beginmessage(&response, 'W');
	pq_sendbyte(&response, 0);
	pq_sendint16(&response, 0);
	pq_endmessage(&response);
	pq_flush();
	MemoryContextSwitchTo(old);
}

/* Bytes 'r' to 'flush': write, flush, apply, time, and whether it wants an answer. */
static void
take_status(NovaClient *client)
{
	XLogRecPtr flush;
	bool reply;

	pq_getmsgint64(&client->in);
	flush = (XLogRecPtr) pq_getmsgint64(&client->in);
	pq_getmsgint64(&client->in);
	pq_getmsgint64(&client->in);
	reply = pq_getmsgbyte(&client->in) != 0;
	if (flush > client->confirmed)
	{
		LogicalConfirmReceivedLocation(flush);
		client->confirmed = flush;
	}
	if (reply)
		nova_client_keepalive(client, !client->at_end);
}

static void
take_data(NovaClient *client)
{
	const int kind = pq_getmsgbyte(&client->in);

	if (kind == 'r')
		take_status(client);
	else if (kind != 'h') /* a walsender's hot standby feedback, of which a slot needs none */
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
						errmsg("nova.stream() was sent a message of type %d", kind),
						errhint("A client sends standby status updates ('r'), and CopyDone.")));
}

/* One message, of which the type was read. */
static void
take_message(NovaClient *client, unsigned char type)
{
	resetStringInfo(&client->in);
	if (pq_getmessage(&client->in, MESSAGE_MAX) == EOF)
		end_of_client();
	client->heard = GetCurrentTimestamp();
	client->asked = false;
	/* others see when that was, as state_change */
	pgstat_report_activity(STATE_RUNNING, NULL);
	switch (type)
	{
		case 'd':
			take_data(client);
			break;
		case 'c':
			client->done = true;
			break;
		case 'f':
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("the client ended nova.stream(): %s", pq_getmsgstring(&client->in))));
		case 'H': /* as during COPY FROM STDIN: sent by one that does not know yet what */
		case 'S': /* its command has become */
			break;
		case 'X':
			end_of_client();
			break;
		default:
			ereport(FATAL, (errcode(ERRCODE_PROTOCOL_VIOLATION),
							errmsg("nova.stream() was sent a message of protocol type %d", type)));
	}
}

/* All that the client has sent. */
static void
take_messages(NovaClient *client)
{
	unsigned char type;

	while (!client->done)
	{
		int got;

		pq_startmsgread();
		got = pq_getbyte_if_available(&type);
		if (got < 0)
			end_of_client();
		if (got == 0)
		{
			pq_endmsgread();
			break;
		}
		take_message(client, type);
	}
}

static void
push(void)
{
	if (pq_flush_if_writable() != 0)
		end_of_client();
}

/* As in a walsender: after half of the timeout it is asked, after all of it gone. */
static void
judge_silence(NovaClient *client, TimestampTz now)
{
	if (wal_sender_timeout <= 0)
		return;
	if (TimestampDifferenceExceeds(client->heard, now, wal_sender_timeout))
		hang_up("nova.stream() ends: the client was silent for wal_sender_timeout");
	if (!client->asked && !client->done &&
		TimestampDifferenceExceeds(client->heard, now, wal_sender_timeout / 2))
	{
		client->asked = true;
		nova_client_keepalive(client, true);
	}
}

static void
look(NovaClient *client, TimestampTz now)
{
	client->next_look = now + LOOK_US;
	take_messages(client);
	if (client->done)
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("the client ended nova.stream()")));
	judge_silence(client, now);
}

/* Not within a decoded transaction, whose snapshot would be seen by checks of settings. */
static void
reload_settings(NovaClient *client)
{
	if (!ConfigReloadPending || IsTransactionState())
		return;
	ConfigReloadPending = false;
	/* what a role or a database has set, a reload leaves as it is */
	nova_set_transaction_timeout(client->transaction_timeout);
	ProcessConfigFile(PGC_SIGHUP);
	client->transaction_timeout = nova_set_transaction_timeout(0);
}

static void
take_interrupts(NovaClient *client)
{
	if (ProcDiePending && pq_is_send_pending())
	{
		push();
		/* as ProcessClientWriteInterrupt() has it */
		if (pq_is_send_pending() && whereToSendOutput == DestRemote)
			whereToSendOutput = DestNone;
	}
	CHECK_FOR_INTERRUPTS();
	reload_settings(client);
}

/* The clock may have been set back. */
static bool
look_is_due(const NovaClient *client, TimestampTz now)
{
	return now >= client->next_look || now < client->next_look - LOOK_US;
}

static void
attend_at(NovaClient *client, TimestampTz now)
{
	take_interrupts(client);
	if (look_is_due(client, now))
		look(client, now);
}

/* Wait for the socket, a signal, or the end of the time (-1: no end).  What it was. */
static uint32
wait_for(uint32 events, long ms)
{
	WaitEvent event;

	ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetSocketPos, events, NULL);
	if (WaitEventSetWait(FeBeWaitSet, ms, &event, 1, PG_WAIT_EXTENSION) != 1)
		return 0;
	if (event.events & WL_POSTMASTER_DEATH)
		proc_exit(1);
	if (event.events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	return event.events;
}

/* So long may pass until the client's silence is to be judged. */
static long
until_judged(const NovaClient *client, TimestampTz now)
{
	const int most = client->asked ? wal_sender_timeout : wal_sender_timeout / 2;

	if (wal_sender_timeout <= 0)
		return -1;
	/* a millisecond more than it lacks, since "exceeds" is what is asked */
	return TimestampDifferenceMilliseconds(now, TimestampTzPlusMilliseconds(client->heard, most)) +
		   1;
}

/* Until the socket has taken all; what the client says meanwhile is heard. */
static void
drain(NovaClient *client)
{
	push();
	while (pq_is_send_pending())
	{
		const uint32 reading = client->done ? 0 : WL_SOCKET_READABLE;

		wait_for(WL_SOCKET_WRITEABLE | reading, until_judged(client, GetCurrentTimestamp()));
		take_interrupts(client);
		if (client->done)
			judge_silence(client, GetCurrentTimestamp());
		else
			look(client, GetCurrentTimestamp());
		push();
	}
}

void
nova_client_header(StringInfo out, XLogRecPtr lsn)
{
	pq_sendbyte(out, 'w');
	pq_sendint64(out, lsn);
	pq_sendint64(out, lsn);
	pq_sendint64(out, 0); /* the time, when it is known */
}

void
nova_client_write(NovaClient *client, StringInfo out)
{
	const TimestampTz now = GetCurrentTimestamp();
	const uint64 sent = pg_hton64((uint64) now);

	memcpy(out->data + TIME_OFFSET, &sent, sizeof(sent));
	pq_putmessage_noblock('d', out->data, out->len);
	attend_at(client, now);
	drain(client);
}

void
nova_client_keepalive(NovaClient *client, bool reply)
{
	resetStringInfo(&client->out);
	pq_sendbyte(&client->out, 'k');
	pq_sendint64(&client->out, client->decoded);
	pq_sendint64(&client->out, GetCurrentTimestamp());
	pq_sendbyte(&client->out, reply);
	pq_putmessage_noblock('d', client->out.data, client->out.len);
	push();
}

/* Nothing is pending when it returns: an interrupt elsewhere would have to wait for it. */
TimestampTz
nova_client_attend(NovaClient *client)
{
	const TimestampTz now = GetCurrentTimestamp();

	attend_at(client, now);
	drain(client);
	return now;
}

void
nova_client_wait(NovaClient *client, long ms)
{
	TimestampTz now;
	bool heard;

	drain(client);
	heard = wait_for(WL_SOCKET_READABLE, ms) & WL_SOCKET_READABLE;
	take_interrupts(client);
	now = GetCurrentTimestamp();
	if (heard || look_is_due(client, now))
		look(client, now);
	drain(client);
}

void
nova_client_end(NovaClient *client)
{
	pq_putmessage_noblock('c', NULL, 0);
	drain(client);
}

void
nova_client_settle(NovaClient *client)
{
	const int patience = wal_sender_timeout > 0 ? wal_sender_timeout : PATIENCE_MS;
	const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), patience);
	bool takes = false;

	if (client->in.data == NULL)
		return;
	while (!takes || pq_is_send_pending())
	{
		if (ProcDiePending || GetCurrentTimestamp() >= end)
			hang_up("nova.stream() ends: the client does not take the error");
		takes = wait_for(WL_SOCKET_WRITEABLE, SETTLE_MS) & WL_SOCKET_WRITEABLE;
		push();
	}
}
