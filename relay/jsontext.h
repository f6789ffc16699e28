/*-------------------------------------------------------------------------
 *
 * jsontext.h
 *		Bytes of any kind as a JSON string.
 *
 * Pure.  What is not UTF-8 becomes U+FFFD, byte by byte, so that the text is
 * valid whatever came in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_JSONTEXT_H
#define NOVA_RELAY_JSONTEXT_H

#include <stdbool.h>

#include "../src/wire.h"
#include "buffer.h"

/* With its quotes; false when out of memory. */
extern bool json_put_string(BufferBuilder *out, NovaBytes bytes);

#endif /* NOVA_RELAY_JSONTEXT_H */
