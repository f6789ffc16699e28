/*-------------------------------------------------------------------------
 *
 * fuzz_copydata.c
 *		libFuzzer target: no message of the replication protocol may crash its
 *		reader; a payload lies inside of its message, and ends it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/copydata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CopyDataMessage m;
	CopyDataKind kind;
	char *message = malloc(size > 0 ? size : 1);

	if (message == NULL)
		return 0;
	memcpy(message, data, size);
	kind = copydata_parse(message, size, &m);
	if (kind == COPYDATA_DATA &&
		(m.payload_len != size - COPYDATA_WAL_HEADER || m.payload != message + COPYDATA_WAL_HEADER))
		abort();
	if (kind == COPYDATA_PING && size < COPYDATA_KEEPALIVE)
		abort();
	free(message);
	return 0;
}
