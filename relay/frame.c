/*-------------------------------------------------------------------------
 *
 * frame.c
 *		The frames of one stream, in order, checked.
 *
 *-------------------------------------------------------------------------
 */
#include "frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "copydata.h"
#include "../src/wire.h"

void
frame_stream_begin(FrameReader *r)
{
	frame_free(r);
	*r = (FrameReader){.crc = NOVA_CRC32C_INIT};
}

void
frame_chunk_begin(FrameReader *r)
{
	frame_stream_begin(r);
	r->chunked = true;
}

void
frame_free(FrameReader *r)
{
	free(r->routes);
	r->routes = NULL;
	r->nroutes = 0;
}

void
frame_payload_begin(FrameReader *r, const char *data, size_t len, uint64_t lsn)
{
	r->cursor = (NovaCursor){data, len};
	r->payload = data;
	r->lsn = lsn;
	r->crc_pos = data;
}

void
frame_transaction_begin(FrameReader *r)
{
	r->crc = NOVA_CRC32C_INIT;
	r->summed = 0;
}

/* Words for the frame type in an error: the byte itself if it is printable. */
static void
describe_type(const NovaCursor *at, char out[16])
{
	unsigned char type;

	if (at->remaining == 0)
	{
		snprintf(out, 16, "none");
		return;
	}
	type = (unsigned char) *at->pos;
	if (type > 0x20 && type < 0x7F)
		snprintf(out, 16, "'%c'", type);
	else
		snprintf(out, 16, "0x%02x", type);
}

static FrameStatus
bad(FrameReader *r, const NovaCursor *at, const char *reason)
{
	char type[16];

	describe_type(at, type);
	snprintf(r->error, sizeof(r->error),
			 "bad frame at byte %zu of the payload at LSN " LSN_FORMAT " (frame type %s): %s",
			 (size_t) (at->pos - r->payload), LSN_ARGS(r->lsn), type, reason);
	r->cursor = *at;
	return FRAME_BAD;
}

/* Bring the checksum up to a place in the payload. */
static void
checksum_to(FrameReader *r, const char *pos)
{
	if (pos > r->crc_pos)
	{
		r->crc = nova_crc32c(r->crc, r->crc_pos, (size_t) (pos - r->crc_pos));
		r->summed += (uint64_t) (pos - r->crc_pos);
	}
	r->crc_pos = pos;
}

static const char *
check_hello(FrameReader *r, const NovaHello *h, char *text, size_t size)
{
	if (r->greeted || r->over)
		return "a second HELLO in one stream";
	if (h->protocol != NOVA_PROTOCOL_VERSION)
	{
		snprintf(text, size,
				 "plugin %.*s speaks protocol %u, this relay speaks protocol %d; install the "
				 "plugin and the relay of one release",
				 (int) (h->plugin_version.len < 64 ? h->plugin_version.len : 64),
				 h->plugin_version.data, h->protocol, NOVA_PROTOCOL_VERSION);
		return text;
	}
	r->greeted = true;
	r->crc = NOVA_CRC32C_INIT;
	r->crc_pos = r->cursor.pos;
	return NULL;
}

static const char *
check_route(FrameReader *r, const NovaRoute *route)
{
	if (route->route >= FRAME_MAX_ROUTES)
		return "route id out of range";
	if (route->topic.len == 0)
		return "route without a topic";
	if (route->route >= r->nroutes)
	{
		uint32_t n = r->nroutes > 0 ? r->nroutes : 64;
		bool *grown;

		while (n <= route->route)
			n *= 2;
		grown = realloc(r->routes, n * sizeof(*grown));
		if (grown == NULL)
			return "out of memory for routes";
		memset(grown + r->nroutes, 0, (n - r->nroutes) * sizeof(*grown));
		r->routes = grown;
		r->nroutes = n;
	}
	r->routes[route->route] = true;
	return NULL;
}

static inline bool
route_known(const FrameReader *r, uint32_t route)
{
	return route < r->nroutes && r->routes[route];
}

static const char *
check_record(FrameReader *r, const NovaRecord *record)
{
	if (!route_known(r, record->route))
		return "record for a route that was never announced";
	if ((record->flags & NOVA_RF_MORE) && record->value.data == NULL)
		return "a null value that goes on";
	r->in_transaction = true;
	r->in_value = (record->flags & NOVA_RF_MORE) != 0;
	r->records++;
	return NULL;
}

static const char *
check_dropped(FrameReader *r, const NovaDropped *dropped)
{
	if (dropped->route != NOVA_NO_ROUTE && !route_known(r, dropped->route))
		return "dropped changes for a route that was never announced";
	r->in_transaction = true;
	return NULL;
}

/* Count and checksum were right. */
static void
note_proved(FrameReader *r)
{
	r->proved = r->summed;
	r->summed = 0;
}

/*
 * The end of a snapshot's chunk, in place of a commit.  start is where the frame
 * begins: it is not part of the checksum.
 */
static const char *
check_chunk(FrameReader *r, const NovaChunk *chunk, const char *start, char *text, size_t size)
{
	uint32_t crc;

	if (!r->chunked)
		return "CHUNK in the stream of changes, where a COMMIT ends a transaction";
	checksum_to(r, start);
	crc = NOVA_CRC32C_FINAL(r->crc);
	if (chunk->records != r->records)
	{
		snprintf(text, size,
				 "the chunk has %" PRIu64 " records by its end, but %" PRIu64 " arrived",
				 chunk->records, r->records);
		return text;
	}
	if (chunk->crc != crc)
	{
		snprintf(text, size, "the chunk fails its checksum: its end says %08x, the bytes give %08x",
				 chunk->crc, crc);
		return text;
	}
	note_proved(r);
	/* nothing may come behind it, which this tells without a question per record */
	r->over = true;
	r->greeted = false;
	r->in_transaction = false;
	return NULL;
}

/* start is where the COMMIT frame begins: it is not part of the checksum. */
static const char *
check_commit(FrameReader *r, const NovaCommit *commit, const char *start, char *text, size_t size)
{
	uint32_t crc;

	if (r->chunked)
		return "COMMIT in a snapshot, where nothing is to be confirmed";
	checksum_to(r, start);
	crc = NOVA_CRC32C_FINAL(r->crc);
	if (commit->end_lsn == 0)
		return "commit without an end LSN";
	if (commit->records != r->records)
	{
		snprintf(text, size,
				 "transaction %u has %" PRIu64 " records by its commit, but %" PRIu64 " arrived",
				 commit->xid, commit->records, r->records);
		return text;
	}
	if (commit->crc != crc)
	{
		snprintf(text, size,
				 "transaction %u fails its checksum: commit says %08x, the bytes give %08x",
				 commit->xid, commit->crc, crc);
		return text;
	}
	note_proved(r);
	r->crc = NOVA_CRC32C_INIT;
	r->crc_pos = r->cursor.pos;
	r->records = 0;
	r->in_transaction = false;
	return NULL;
}

/* Between transactions, of whose checksums these are no part; start is where one begins. */
static const char *
check_told(FrameReader *r, const NovaFrame *frame, const char *start)
{
	bool stats = frame->type == NOVA_FRAME_STATS;

	if (r->chunked)
		return stats ? "STATS in a snapshot" : "UNCHANGED in a snapshot";
	if (r->in_transaction)
		return stats ? "STATS within a transaction" : "UNCHANGED within a transaction";
	checksum_to(r, start);
	r->crc_pos = r->cursor.pos;
	return NULL;
}

/* The cursor is after the frame already. */
static const char *
check_frame(FrameReader *r, const NovaFrame *frame, const char *start, char *text, size_t size)
{
	if (!r->greeted && frame->type != NOVA_FRAME_HELLO)
		return r->over ? "a frame behind CHUNK, which is the last one"
					   : "the stream does not begin with HELLO";
	if (r->in_value != (frame->type == NOVA_FRAME_MORE))
		return r->in_value ? "a value was to go on, but no MORE follows"
						   : "MORE without a value that goes on";
	switch (frame->type)
	{
		case NOVA_FRAME_HELLO:
			return check_hello(r, &frame->u.hello, text, size);
		case NOVA_FRAME_ROUTE:
			return check_route(r, &frame->u.route);
		case NOVA_FRAME_RECORD:
			return check_record(r, &frame->u.record);
		case NOVA_FRAME_MORE:
			r->in_value = !frame->u.more.last;
			return NULL;
		case NOVA_FRAME_DROPPED:
			return check_dropped(r, &frame->u.dropped);
		case NOVA_FRAME_SIGNAL:
		case NOVA_FRAME_UNREADABLE:
			r->in_transaction = true;
			return NULL;
		case NOVA_FRAME_UNCHANGED:
		case NOVA_FRAME_STATS:
			return check_told(r, frame, start);
		case NOVA_FRAME_CHUNK:
			return check_chunk(r, &frame->u.chunk, start, text, size);
		default:
			return check_commit(r, &frame->u.commit, start, text, size);
	}
}

FrameStatus
frame_next(FrameReader *r, NovaFrame *frame)
{
	NovaCursor at = r->cursor;
	const char *reason;
	char text[256];

	if (at.remaining == 0)
	{
		checksum_to(r, at.pos);
		return FRAME_END;
	}
	reason = nova_read_frame(&r->cursor, frame);
	if (reason == NULL)
		reason = check_frame(r, frame, at.pos, text, sizeof(text));
	if (reason != NULL)
		return bad(r, &at, reason);
	return FRAME_READ;
}
