/*-------------------------------------------------------------------------
 *
 * copydata.c
 *		The replication protocol's messages inside CopyData: 'w', 'k', 'r'.
 *
 *-------------------------------------------------------------------------
 */
#include "copydata.h"

#include <stdio.h>

#include "../src/wire.h"

size_t
lsn_parse(const char *text, uint64_t *lsn)
{
	unsigned hi;
	unsigned lo;
	int used = 0;

	if (sscanf(text, "%8X/%8X%n", &hi, &lo, &used) != 2)
		return 0;
	*lsn = (uint64_t) hi << 32 | lo;
	return (size_t) used;
}

static CopyDataKind
parse_data(NovaCursor *c, CopyDataMessage *m)
{
	uint64_t time;

	if (!nova_get_u64(c, &m->lsn) || !nova_get_u64(c, &m->wal_end) || !nova_get_u64(c, &time))
		return COPYDATA_IMPOSSIBLE;
	m->time = (int64_t) time;
	m->payload = c->pos;
	m->payload_len = c->remaining;
	return COPYDATA_DATA;
}

static CopyDataKind
parse_ping(NovaCursor *c, CopyDataMessage *m)
{
	uint64_t time;
	uint8_t reply;

	if (!nova_get_u64(c, &m->wal_end) || !nova_get_u64(c, &time) || !nova_get_u8(c, &reply))
		return COPYDATA_IMPOSSIBLE;
	m->time = (int64_t) time;
	m->reply_requested = reply != 0;
	return COPYDATA_PING;
}

CopyDataKind
copydata_parse(const char *data, size_t len, CopyDataMessage *m)
{
	NovaCursor c = {data, len};
	uint8_t kind;

	*m = (CopyDataMessage){0};
	if (!nova_get_u8(&c, &kind))
		return COPYDATA_IMPOSSIBLE;
	if (kind == 'w')
		return parse_data(&c, m);
	if (kind == 'k')
		return parse_ping(&c, m);
	return COPYDATA_IMPOSSIBLE;
}

void
copydata_build_status(char out[COPYDATA_STATUS_SIZE], uint64_t write, uint64_t flush,
					  uint64_t apply, int64_t time)
{
	char *p = nova_put_u8(out, 'r');

	p = nova_put_u64(p, write);
	p = nova_put_u64(p, flush);
	p = nova_put_u64(p, apply);
	p = nova_put_u64(p, (uint64_t) time);
	(void) nova_put_u8(p, 0);
}
