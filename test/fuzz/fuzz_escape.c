/*-------------------------------------------------------------------------
 *
 * fuzz_escape.c
 *		libFuzzer target: the fast JSON escapes write what the plain ones do.
 *
 * Source and destination are exactly as large as they may be, each in memory of its
 * own, so that a sanitizer sees a byte too many.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Character by character, as nova_escape_java() has to. */
static char *
java_slowly(char *dst, const char *src, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		if ((unsigned char) src[i] >= NOVA_ESCAPE_WIDE && len - i >= 4)
		{
			dst = nova_escape_pair(dst, (const unsigned char *) src + i);
			i += 4;
		}
		else
			dst = nova_escape_scalar(dst, src + i++, 1);
	}
	return dst;
}

static void
compare(char *(*fast)(char *, const char *, size_t), char *(*slow)(char *, const char *, size_t),
		const char *src, size_t len)
{
	char *a = malloc(NOVA_ESCAPE_ROOM(len));
	char *b = malloc(NOVA_ESCAPE_ROOM(len));
	size_t n = (size_t) (fast(a, src, len) - a);

	if (n != (size_t) (slow(b, src, len) - b) || memcmp(a, b, n) != 0)
		abort();
	free(b);
	free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *src = malloc(size > 0 ? size : 1);

	memcpy(src, data, size);
	compare(nova_escape, nova_escape_scalar, src, size);
	compare(nova_escape_java, java_slowly, src, size);
	free(src);
	return 0;
}
