/*-------------------------------------------------------------------------
 *
 * wire.h
 *		The contract between the plugin and the relay: frames in CopyData.
 *
 * This is the only file both sides share.  It is plain C11: no server header,
 * no libpq.  Every write function stands beside the read function that takes
 * the same bytes apart, so that the pair is read and changed together.
 *
 * One CopyData payload of the replication stream (the bytes after the 25-byte
 * 'w' header) is a run of whole frames.  A frame never spans two payloads; a
 * value that is too large for one write is continued in MORE frames.  All
 * integers are big-endian.  "bytes16" is a uint16 length and that many bytes,
 * "bytes32" the same with a uint32.  "nbytes" is an int32 length and that many
 * bytes, where -1 means null and nothing follows.
 *
 *	HELLO	'H' u16 protocol  u32 server_version_num  bytes16 plugin_version
 *				bytes32 options (JSON object of the effective options)
 *			First frame of the first payload of every stream.
 *	ROUTE	'T' u32 route  bytes16 topic  bytes16 schema  bytes16 table
 *			Comes before the first record of a route, and again when any of
 *			the names changes.  Route ids are small and dense, and mean
 *			nothing beyond this stream.
 *	RECORD	'R' u8 op  u16 flags  u32 route  [u32 partition, if NOVA_RF_PARTITION]
 *				[i64 timestamp, if NOVA_RF_TIMESTAMP]
 *				[bytes32 headers, if NOVA_RF_HEADERS]  nbytes key  nbytes value
 *			The partition is at most INT32_MAX; without one the key decides.
 *			The timestamp is milliseconds since 1970-01-01 UTC; without one it
 *			is the producer's.
 *			If NOVA_RF_MORE is set, the value goes on in the MORE frames that
 *			follow immediately (in this payload or the next ones).
 *	MORE	'M' u8 last  bytes32 part
 *			"last" is 1 in the frame that completes the value, else 0.
 *	DROPPED	'D' u8 op  u8 reason  u32 route  u64 count
 *			Captured changes of this transaction that could not become
 *			records.  Route may be NOVA_NO_ROUTE.
 *	COMMIT	'C' u8 flags  u32 xid  u64 commit_lsn  u64 end_lsn  i64 commit_time
 *				u64 records  u32 crc
 *			Ends a transaction.  commit_time is microseconds since 1970-01-01
 *			UTC.  records counts RECORD frames.  crc is the CRC-32C (reflected
 *			polynomial 0x82F63B78, initial and final xor 0xFFFFFFFF, as in
 *			RFC 3720) of every byte of the ROUTE, RECORD, MORE, DROPPED, SIGNAL and
 *			UNREADABLE frames since the previous COMMIT, or since HELLO.  The LSN that may
 *			be confirmed once every record is safe in Kafka is end_lsn.  A
 *			non-transactional message is a transaction of its own with
 *			NOVA_CF_NONTRANSACTIONAL set.
 *	SIGNAL	'S' bytes16 type  bytes16 id  bytes32 data
 *			What nova.signal() or nova.watermark() asked for, at its place in the
 *			transaction.  Data is the text of a JSON value, or empty.  Anybody may
 *			write such a message, so that nothing in it is to be trusted.
 *	CHUNK	'K' u8 flags  bytes32 position  u64 records  u32 crc
 *			Ends what nova.snapshot_frames() returns, where no COMMIT comes, and
 *			proves that all of it is there: records and crc as in COMMIT.  Where
 *			the chunk goes by key, position is that of its last row: a text[]
 *			literal of SQL, to be stored and handed back as after_key.
 *
 *	UNREADABLE	'U' u8 op  u64 lsn  u32 xid  bytes16 topic  bytes16 schema
 *				bytes16 table  bytes16 reason
 *			In place of a change that ends in an ERROR, where the relay has
 *			asked to be told (the option guarded.lsns); op is that of the change.
 *			Topic, schema and table may be empty: not known.
 *
 *	UNCHANGED	'E' u64 end_lsn  u64 count
 *			So many updates of the transaction that ended there made no record, for
 *			skip.messages.without.change found nothing new in them; there need be no
 *			COMMIT of it, if that was all.  As STATS: asked for by the same option,
 *			between transactions, in no count and no checksum; but told at the end of
 *			each such transaction.  Whoever was told of one at or behind end_lsn, in a
 *			stream before, has counted these.
 *
 *	STATS	'N' bytes16 schema  bytes16 table  u64 changes  u64 nanoseconds
 *			What a relation has cost the plugin since it was last told: so many
 *			inserts, updates and deletes, and the time spent on their frames and on
 *			the relation's plan, estimated; not what reading WAL, reordering and
 *			sending take.  Schema and table as in ROUTE: a partition that goes by
 *			its root is the root, and several frames may be of one name.  Both are
 *			empty for all relations together that are not captured.  Only where the
 *			relay has asked for it (the option stats.interval.ms), only between
 *			transactions, behind COMMIT, and in no count and no checksum.  The
 *			numbers are of a clock: no two streams have the same.
 *
 * The headers of a record are u16 count, then count times (bytes16 name,
 * nbytes value).
 *
 * The reader compares "needed > remaining", never "position + needed > end",
 * and trusts no length.  nova_read_frame() reports why a frame is bad in
 * words; a bad frame is fatal for the stream and confirms nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_WIRE_H
#define NOVA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Raised whenever a relay of the older number could misread a frame. */
#define NOVA_PROTOCOL_VERSION 2

#define NOVA_FRAME_HELLO      'H'
#define NOVA_FRAME_ROUTE      'T'
#define NOVA_FRAME_RECORD     'R'
#define NOVA_FRAME_MORE       'M'
#define NOVA_FRAME_DROPPED    'D'
#define NOVA_FRAME_COMMIT     'C'
#define NOVA_FRAME_SIGNAL     'S'
#define NOVA_FRAME_CHUNK      'K'
#define NOVA_FRAME_UNREADABLE 'U'
#define NOVA_FRAME_UNCHANGED  'E'
#define NOVA_FRAME_STATS      'N'

/* What happened to the row; printable, as Debezium's "op" has it. */
#define NOVA_OP_CREATE    'c'
#define NOVA_OP_UPDATE    'u'
#define NOVA_OP_DELETE    'd'
#define NOVA_OP_READ      'r'
#define NOVA_OP_TRUNCATE  't'
#define NOVA_OP_MESSAGE   'm'
#define NOVA_OP_TOMBSTONE 'x' /* null value that follows a delete */

/* RECORD flags */
#define NOVA_RF_HEADERS 0x0001 /* a headers block is present */
#define NOVA_RF_MORE    0x0002 /* the value goes on in MORE frames */
#define NOVA_RF_OPAQUE                                                                             \
	0x0004                       /* key and value are an application's
									 * bytes, not known to be JSON */
#define NOVA_RF_PARTITION 0x0008 /* the row says in which partition */
#define NOVA_RF_TIMESTAMP 0x0010 /* the row says from when it is */

/* COMMIT flags */
#define NOVA_CF_NONTRANSACTIONAL 0x01

/*
 * The checksum of COMMIT and CHUNK, in src/crc32c.c, which both ends compile.
 *
 *	crc = NOVA_CRC32C_INIT;
 *	crc = nova_crc32c(crc, data, len);		any number of times
 *	result = NOVA_CRC32C_FINAL(crc);
 *
 * Fast over long runs, not over many short ones: give it contiguous bytes.
 */
#define NOVA_CRC32C_INIT       UINT32_C(0xFFFFFFFF)
#define NOVA_CRC32C_FINAL(crc) ((crc) ^ UINT32_C(0xFFFFFFFF))

/* With the processor's instruction where there is one. */
extern uint32_t nova_crc32c(uint32_t crc, const void *data, size_t len);

/* The same by table, for every processor; separate so that tests compare. */
extern uint32_t nova_crc32c_portable(uint32_t crc, const void *data, size_t len);

/* CHUNK flags */
#define NOVA_KF_END 0x01 /* in key order, no row follows this chunk */

/* DROPPED reasons */
#define NOVA_DROP_NO_IDENTITY   1 /* delete on a table without identity */
#define NOVA_DROP_BAD_MESSAGE   2 /* a nova message that nova did not make */
#define NOVA_DROP_OUTBOX_UPDATE 3 /* an updated row of an outbox is no event */

#define NOVA_NO_ROUTE           UINT32_C(0xFFFFFFFF)

/* Longest topic name that Kafka takes. */
#define NOVA_TOPIC_MAX 249

/* Fixed sizes, for reserving room before a write. */
#define NOVA_RECORD_HEAD    8  /* type, op, flags, route */
#define NOVA_PLACE_SIZE     12 /* partition and timestamp */
#define NOVA_MORE_HEAD      6
#define NOVA_DROPPED_SIZE   15
#define NOVA_COMMIT_SIZE    42
#define NOVA_UNCHANGED_SIZE 17

typedef struct NovaBytes
{
	const char *data; /* NULL if the wire said null (-1) */
	uint32_t len;
} NovaBytes;

typedef struct NovaHello
{
	uint16_t protocol;
	uint32_t server_version_num;
	NovaBytes plugin_version;
	NovaBytes options;
} NovaHello;

typedef struct NovaRoute
{
	uint32_t route;
	NovaBytes topic;
	NovaBytes schema;
	NovaBytes table;
} NovaRoute;

/* Where in its topic a record goes, if that is not Kafka's business. */
typedef struct NovaPlace
{
	bool has_partition;
	bool has_timestamp;
	int32_t partition;
	int64_t timestamp; /* ms since 1970 */
} NovaPlace;

typedef struct NovaRecord
{
	uint8_t op;
	uint16_t flags;
	uint32_t route;
	NovaPlace place;
	NovaBytes headers; /* the block; empty without NOVA_RF_HEADERS */
	NovaBytes key;
	NovaBytes value;
} NovaRecord;

typedef struct NovaMore
{
	bool last;
	NovaBytes part;
} NovaMore;

typedef struct NovaDropped
{
	uint8_t op;
	uint8_t reason;
	uint32_t route;
	uint64_t count;
} NovaDropped;

typedef struct NovaCommit
{
	uint8_t flags;
	uint32_t xid;
	uint64_t commit_lsn;
	uint64_t end_lsn;
	int64_t commit_time;
	uint64_t records;
	uint32_t crc;
} NovaCommit;

typedef struct NovaSignal
{
	NovaBytes type;
	NovaBytes id;
	NovaBytes data;
} NovaSignal;

typedef struct NovaChunk
{
	uint8_t flags;
	NovaBytes position;
	uint64_t records;
	uint32_t crc;
} NovaChunk;

typedef struct NovaUnreadable
{
	uint8_t op;
	uint64_t lsn;
	uint32_t xid; /* 0: none */
	NovaBytes topic;
	NovaBytes schema;
	NovaBytes table;
	NovaBytes reason;
} NovaUnreadable;

typedef struct NovaUnchanged
{
	uint64_t end_lsn;
	uint64_t count;
} NovaUnchanged;

typedef struct NovaStats
{
	NovaBytes schema;
	NovaBytes table;
	uint64_t changes;
	uint64_t ns;
} NovaStats;

/* One frame as read: type says which member is set. */
typedef struct NovaFrame
{
	char type;
	union
	{
		NovaHello hello;
		NovaRoute route;
		NovaRecord record;
		NovaMore more;
		NovaDropped dropped;
		NovaCommit commit;
		NovaSignal signal;
		NovaChunk chunk;
		NovaUnreadable unreadable;
		NovaUnchanged unchanged;
		NovaStats stats;
	} u;
} NovaFrame;

/* Bytes still to be read. */
typedef struct NovaCursor
{
	const char *pos;
	size_t remaining;
} NovaCursor;

/*
 * Integers.  Writers take the position and return the position after; room is
 * the caller's business.  Readers return false if the bytes run out.
 */
static inline char *
nova_put_u8(char *p, uint8_t v)
{
	*p = (char) v;
	return p + 1;
}

static inline bool
nova_get_u8(NovaCursor *c, uint8_t *v)
{
	if (c->remaining < 1)
		return false;
	*v = (uint8_t) *c->pos;
	c->pos += 1;
	c->remaining -= 1;
	return true;
}

static inline char *
nova_put_u16(char *p, uint16_t v)
{
	p[0] = (char) (v >> 8);
	p[1] = (char) v;
	return p + 2;
}

static inline bool
nova_get_u16(NovaCursor *c, uint16_t *v)
{
	const unsigned char *p = (const unsigned char *) c->pos;

	if (c->remaining < 2)
		return false;
	*v = (uint16_t) (p[0] << 8 | p[1]);
	c->pos += 2;
	c->remaining -= 2;
	return true;
}

static inline char *
nova_put_u32(char *p, uint32_t v)
{
	p[0] = (char) (v >> 24);
	p[1] = (char) (v >> 16);
	p[2] = (char) (v >> 8);
	p[3] = (char) v;
	return p + 4;
}

static inline bool
nova_get_u32(NovaCursor *c, uint32_t *v)
{
	const unsigned char *p = (const unsigned char *) c->pos;

	if (c->remaining < 4)
		return false;
	*v = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
	c->pos += 4;
	c->remaining -= 4;
	return true;
}

static inline char *
nova_put_u64(char *p, uint64_t v)
{
	p = nova_put_u32(p, (uint32_t) (v >> 32));
	return nova_put_u32(p, (uint32_t) v);
}

static inline bool
nova_get_u64(NovaCursor *c, uint64_t *v)
{
	uint32_t hi;
	uint32_t lo;

	if (c->remaining < 8 || !nova_get_u32(c, &hi) || !nova_get_u32(c, &lo))
		return false;
	*v = (uint64_t) hi << 32 | lo;
	return true;
}

/* Bytes: data stays where it is; the reader points into the payload. */
static inline char *
nova_put_raw(char *p, const void *data, size_t len)
{
	if (len > 0)
		memcpy(p, data, len);
	return p + len;
}

static inline bool
nova_get_raw(NovaCursor *c, uint32_t len, NovaBytes *v)
{
	if (c->remaining < len)
		return false;
	v->data = c->pos;
	v->len = len;
	c->pos += len;
	c->remaining -= len;
	return true;
}

static inline char *
nova_put_bytes16(char *p, const char *data, uint16_t len)
{
	return nova_put_raw(nova_put_u16(p, len), data, len);
}

static inline bool
nova_get_bytes16(NovaCursor *c, NovaBytes *v)
{
	uint16_t len;

	return nova_get_u16(c, &len) && nova_get_raw(c, len, v);
}

static inline char *
nova_put_bytes32(char *p, const char *data, uint32_t len)
{
	return nova_put_raw(nova_put_u32(p, len), data, len);
}

static inline bool
nova_get_bytes32(NovaCursor *c, NovaBytes *v)
{
	uint32_t len;

	return nova_get_u32(c, &len) && nova_get_raw(c, len, v);
}

/* A null (data == NULL) is length -1. */
static inline char *
nova_put_nbytes(char *p, const char *data, uint32_t len)
{
	if (data == NULL)
		return nova_put_u32(p, UINT32_MAX);
	return nova_put_bytes32(p, data, len);
}

static inline bool
nova_get_nbytes(NovaCursor *c, NovaBytes *v)
{
	uint32_t len;

	if (!nova_get_u32(c, &len))
		return false;
	if (len == UINT32_MAX)
	{
		v->data = NULL;
		v->len = 0;
		return true;
	}
	if (len > INT32_MAX)
		return false;
	return nova_get_raw(c, len, v);
}

/* HELLO */
static inline size_t
nova_hello_size(const NovaHello *h)
{
	return 1 + 2 + 4 + 2 + (size_t) h->plugin_version.len + 4 + (size_t) h->options.len;
}

static inline char *
nova_write_hello(char *p, const NovaHello *h)
{
	p = nova_put_u8(p, NOVA_FRAME_HELLO);
	p = nova_put_u16(p, h->protocol);
	p = nova_put_u32(p, h->server_version_num);
	p = nova_put_bytes16(p, h->plugin_version.data, (uint16_t) h->plugin_version.len);
	return nova_put_bytes32(p, h->options.data, h->options.len);
}

static inline bool
nova_read_hello(NovaCursor *c, NovaHello *h)
{
	return nova_get_u16(c, &h->protocol) && nova_get_u32(c, &h->server_version_num) &&
		   nova_get_bytes16(c, &h->plugin_version) && nova_get_bytes32(c, &h->options);
}

/* ROUTE */
static inline size_t
nova_route_size(const NovaRoute *r)
{
	return 1 + 4 + 3 * 2 + (size_t) r->topic.len + r->schema.len + r->table.len;
}

static inline char *
nova_write_route(char *p, const NovaRoute *r)
{
	p = nova_put_u8(p, NOVA_FRAME_ROUTE);
	p = nova_put_u32(p, r->route);
	p = nova_put_bytes16(p, r->topic.data, (uint16_t) r->topic.len);
	p = nova_put_bytes16(p, r->schema.data, (uint16_t) r->schema.len);
	return nova_put_bytes16(p, r->table.data, (uint16_t) r->table.len);
}

static inline bool
nova_read_route(NovaCursor *c, NovaRoute *r)
{
	return nova_get_u32(c, &r->route) && nova_get_bytes16(c, &r->topic) &&
		   nova_get_bytes16(c, &r->schema) && nova_get_bytes16(c, &r->table);
}

/*
 * RECORD.  The plugin writes the head here, and then headers, key and value
 * with the functions above, straight from its encoder.
 */
static inline char *
nova_write_record_head(char *p, uint8_t op, uint16_t flags, uint32_t route)
{
	p = nova_put_u8(p, NOVA_FRAME_RECORD);
	p = nova_put_u8(p, op);
	p = nova_put_u16(p, flags);
	return nova_put_u32(p, route);
}

/* Follows the head; the flags that go with it. */
static inline uint16_t
nova_place_flags(const NovaPlace *place)
{
	return (uint16_t) ((place->has_partition ? NOVA_RF_PARTITION : 0) |
					   (place->has_timestamp ? NOVA_RF_TIMESTAMP : 0));
}

static inline char *
nova_write_place(char *p, const NovaPlace *place)
{
	if (place->has_partition)
		p = nova_put_u32(p, (uint32_t) place->partition);
	if (place->has_timestamp)
		p = nova_put_u64(p, (uint64_t) place->timestamp);
	return p;
}

static inline bool
nova_read_place(NovaCursor *c, uint16_t flags, NovaPlace *place)
{
	uint32_t partition = 0;
	uint64_t timestamp = 0;

	place->has_partition = (flags & NOVA_RF_PARTITION) != 0;
	place->has_timestamp = (flags & NOVA_RF_TIMESTAMP) != 0;
	if ((place->has_partition && (!nova_get_u32(c, &partition) || partition > INT32_MAX)) ||
		(place->has_timestamp && !nova_get_u64(c, &timestamp)))
		return false;
	place->partition = (int32_t) partition;
	place->timestamp = (int64_t) timestamp;
	return true;
}

static inline bool
nova_read_record(NovaCursor *c, NovaRecord *r)
{
	r->headers.data = NULL;
	r->headers.len = 0;
	if (!nova_get_u8(c, &r->op) || !nova_get_u16(c, &r->flags) || !nova_get_u32(c, &r->route) ||
		!nova_read_place(c, r->flags, &r->place))
		return false;
	if ((r->flags & NOVA_RF_HEADERS) && !nova_get_bytes32(c, &r->headers))
		return false;
	return nova_get_nbytes(c, &r->key) && nova_get_nbytes(c, &r->value);
}

/* MORE */
static inline char *
nova_write_more_head(char *p, bool last, uint32_t len)
{
	p = nova_put_u8(p, NOVA_FRAME_MORE);
	p = nova_put_u8(p, last ? 1 : 0);
	return nova_put_u32(p, len);
}

static inline bool
nova_read_more(NovaCursor *c, NovaMore *m)
{
	uint8_t last;

	if (!nova_get_u8(c, &last) || last > 1)
		return false;
	m->last = last == 1;
	return nova_get_bytes32(c, &m->part);
}

/* DROPPED */
static inline char *
nova_write_dropped(char *p, const NovaDropped *d)
{
	p = nova_put_u8(p, NOVA_FRAME_DROPPED);
	p = nova_put_u8(p, d->op);
	p = nova_put_u8(p, d->reason);
	p = nova_put_u32(p, d->route);
	return nova_put_u64(p, d->count);
}

static inline bool
nova_read_dropped(NovaCursor *c, NovaDropped *d)
{
	return nova_get_u8(c, &d->op) && nova_get_u8(c, &d->reason) && nova_get_u32(c, &d->route) &&
		   nova_get_u64(c, &d->count);
}

/* COMMIT */
static inline char *
nova_write_commit(char *p, const NovaCommit *m)
{
	p = nova_put_u8(p, NOVA_FRAME_COMMIT);
	p = nova_put_u8(p, m->flags);
	p = nova_put_u32(p, m->xid);
	p = nova_put_u64(p, m->commit_lsn);
	p = nova_put_u64(p, m->end_lsn);
	p = nova_put_u64(p, (uint64_t) m->commit_time);
	p = nova_put_u64(p, m->records);
	return nova_put_u32(p, m->crc);
}

static inline bool
nova_read_commit(NovaCursor *c, NovaCommit *m)
{
	uint64_t time;

	if (!nova_get_u8(c, &m->flags) || !nova_get_u32(c, &m->xid) ||
		!nova_get_u64(c, &m->commit_lsn) || !nova_get_u64(c, &m->end_lsn) ||
		!nova_get_u64(c, &time) || !nova_get_u64(c, &m->records) || !nova_get_u32(c, &m->crc))
		return false;
	m->commit_time = (int64_t) time;
	return true;
}

/* SIGNAL */
static inline size_t
nova_signal_size(const NovaSignal *s)
{
	return 1 + 2 + (size_t) s->type.len + 2 + s->id.len + 4 + s->data.len;
}

static inline char *
nova_write_signal(char *p, const NovaSignal *s)
{
	p = nova_put_u8(p, NOVA_FRAME_SIGNAL);
	p = nova_put_bytes16(p, s->type.data, (uint16_t) s->type.len);
	p = nova_put_bytes16(p, s->id.data, (uint16_t) s->id.len);
	return nova_put_bytes32(p, s->data.data, s->data.len);
}

static inline bool
nova_read_signal(NovaCursor *c, NovaSignal *s)
{
	return nova_get_bytes16(c, &s->type) && nova_get_bytes16(c, &s->id) &&
		   nova_get_bytes32(c, &s->data);
}

/* CHUNK */
static inline size_t
nova_chunk_size(const NovaChunk *k)
{
	return 1 + 1 + 4 + (size_t) k->position.len + 8 + 4;
}

static inline char *
nova_write_chunk(char *p, const NovaChunk *k)
{
	p = nova_put_u8(p, NOVA_FRAME_CHUNK);
	p = nova_put_u8(p, k->flags);
	p = nova_put_bytes32(p, k->position.data, k->position.len);
	p = nova_put_u64(p, k->records);
	return nova_put_u32(p, k->crc);
}

static inline bool
nova_read_chunk(NovaCursor *c, NovaChunk *k)
{
	return nova_get_u8(c, &k->flags) && nova_get_bytes32(c, &k->position) &&
		   nova_get_u64(c, &k->records) && nova_get_u32(c, &k->crc);
}

/* UNREADABLE */
static inline size_t
nova_unreadable_size(const NovaUnreadable *u)
{
	return 1 + 1 + 8 + 4 + 4 * 2 + (size_t) u->topic.len + u->schema.len + u->table.len +
		   u->reason.len;
}

static inline char *
nova_write_unreadable(char *p, const NovaUnreadable *u)
{
	p = nova_put_u8(p, NOVA_FRAME_UNREADABLE);
	p = nova_put_u8(p, u->op);
	p = nova_put_u64(p, u->lsn);
	p = nova_put_u32(p, u->xid);
	p = nova_put_bytes16(p, u->topic.data, (uint16_t) u->topic.len);
	p = nova_put_bytes16(p, u->schema.data, (uint16_t) u->schema.len);
	p = nova_put_bytes16(p, u->table.data, (uint16_t) u->table.len);
	return nova_put_bytes16(p, u->reason.data, (uint16_t) u->reason.len);
}

static inline bool
nova_read_unreadable(NovaCursor *c, NovaUnreadable *u)
{
	return nova_get_u8(c, &u->op) && nova_get_u64(c, &u->lsn) && nova_get_u32(c, &u->xid) &&
		   nova_get_bytes16(c, &u->topic) && nova_get_bytes16(c, &u->schema) &&
		   nova_get_bytes16(c, &u->table) && nova_get_bytes16(c, &u->reason);
}

/* UNCHANGED */
static inline char *
nova_write_unchanged(char *p, const NovaUnchanged *u)
{
	p = nova_put_u8(p, NOVA_FRAME_UNCHANGED);
	p = nova_put_u64(p, u->end_lsn);
	return nova_put_u64(p, u->count);
}

static inline bool
nova_read_unchanged(NovaCursor *c, NovaUnchanged *u)
{
	return nova_get_u64(c, &u->end_lsn) && nova_get_u64(c, &u->count);
}

/* STATS */
static inline size_t
nova_stats_size(const NovaStats *s)
{
	return 1 + 2 * 2 + (size_t) s->schema.len + s->table.len + 2 * 8;
}

static inline char *
nova_write_stats(char *p, const NovaStats *s)
{
	p = nova_put_u8(p, NOVA_FRAME_STATS);
	p = nova_put_bytes16(p, s->schema.data, (uint16_t) s->schema.len);
	p = nova_put_bytes16(p, s->table.data, (uint16_t) s->table.len);
	p = nova_put_u64(p, s->changes);
	return nova_put_u64(p, s->ns);
}

static inline bool
nova_read_stats(NovaCursor *c, NovaStats *s)
{
	return nova_get_bytes16(c, &s->schema) && nova_get_bytes16(c, &s->table) &&
		   nova_get_u64(c, &s->changes) && nova_get_u64(c, &s->ns);
}

/*
 * One header of a record's block: call with a cursor over the block after
 * nova_get_u16() took the count, that many times.
 */
static inline bool
nova_read_header(NovaCursor *c, NovaBytes *name, NovaBytes *value)
{
	return nova_get_bytes16(c, name) && nova_get_nbytes(c, value);
}

/*
 * Is this a well-formed block of headers?  Whoever lets foreign bytes in (the
 * plugin: the content of a message; the relay: a frame) asks before use.
 */
static inline bool
nova_headers_valid(NovaBytes block)
{
	NovaCursor c = {block.data, block.len};
	uint16_t count;
	NovaBytes name;
	NovaBytes value;

	if (!nova_get_u16(&c, &count))
		return false;
	for (uint16_t i = 0; i < count; i++)
		if (!nova_read_header(&c, &name, &value))
			return false;
	return c.remaining == 0;
}

/*
 * Read the next frame.  Returns NULL and advances the cursor, or returns what
 * is wrong in a constant string and leaves the cursor at the bad frame.  The
 * bytes in the frame point into the payload and live as long as it does.
 */
static inline const char *
nova_read_frame(NovaCursor *c, NovaFrame *f)
{
	NovaCursor n = *c;
	uint8_t type;
	bool ok;

	if (!nova_get_u8(&n, &type))
		return "no frame where one is expected";
	f->type = (char) type;
	switch (type)
	{
		case NOVA_FRAME_HELLO:
			ok = nova_read_hello(&n, &f->u.hello);
			break;
		case NOVA_FRAME_ROUTE:
			ok = nova_read_route(&n, &f->u.route);
			break;
		case NOVA_FRAME_RECORD:
			ok = nova_read_record(&n, &f->u.record);
			break;
		case NOVA_FRAME_MORE:
			ok = nova_read_more(&n, &f->u.more);
			break;
		case NOVA_FRAME_DROPPED:
			ok = nova_read_dropped(&n, &f->u.dropped);
			break;
		case NOVA_FRAME_COMMIT:
			ok = nova_read_commit(&n, &f->u.commit);
			break;
		case NOVA_FRAME_SIGNAL:
			ok = nova_read_signal(&n, &f->u.signal);
			break;
		case NOVA_FRAME_CHUNK:
			ok = nova_read_chunk(&n, &f->u.chunk);
			break;
		case NOVA_FRAME_UNREADABLE:
			ok = nova_read_unreadable(&n, &f->u.unreadable);
			break;
		case NOVA_FRAME_UNCHANGED:
			ok = nova_read_unchanged(&n, &f->u.unchanged);
			break;
		case NOVA_FRAME_STATS:
			ok = nova_read_stats(&n, &f->u.stats);
			break;
		default:
			return "unknown frame type";
	}
	if (!ok)
		return "frame is cut short or has an impossible length";
	if (type == NOVA_FRAME_RECORD && (f->u.record.flags & NOVA_RF_HEADERS) &&
		!nova_headers_valid(f->u.record.headers))
		return "record headers are malformed";
	*c = n;
	return NULL;
}

#endif /* NOVA_WIRE_H */
