/*-------------------------------------------------------------------------
 *
 * fuzz_copybin.c
 *		libFuzzer target: no bytes, however cut, may crash or stall copybin_next().
 *
 * The first byte is the size of the messages; parts are read to their ends, and
 * have to lie inside of their message.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../relay/copybin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All of a message's parts; true if another message may follow. */
static bool
take_message(CopyBin *copy, const char *message, size_t size)
{
	CopyBinPart part;
	CopyBinStatus status;
	volatile char sum = 0;

	copybin_feed(copy, message, size);
	while ((status = copybin_next(copy, &part)) == COPYBIN_PART)
	{
		if (part.data < message || part.len > size - (size_t) (part.data - message))
			abort();
		for (size_t i = 0; i < part.len; i++)
			sum = (char) (sum ^ part.data[i]);
	}
	return status == COPYBIN_MORE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CopyBin copy;
	size_t piece = size > 0 && data[0] > 0 ? data[0] : 1;
	bool more = true;

	copybin_begin(&copy);
	for (size_t at = 1; more && at < size; at += piece)
	{
		size_t len = size - at < piece ? size - at : piece;
		char *message = malloc(len);

		if (message == NULL)
			return 0;
		memcpy(message, data + at, len);
		more = take_message(&copy, message, len);
		free(message);
	}
	return 0;
}
