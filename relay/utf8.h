/*-------------------------------------------------------------------------
 *
 * utf8.h
 *		How long the UTF-8 sequence at a position is, or that there is none.
 *
 * Used by the log (what is not UTF-8 must not break a JSON line) and by the
 * configuration (what is not UTF-8 is refused).  Overlong forms, surrogates
 * and code points above U+10FFFF do not count as UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_UTF8_H
#define NOVA_RELAY_UTF8_H

#include <stddef.h>

/*
 * Bytes of the well-formed sequence at s, of which "left" bytes may be read;
 * 0 when s does not start one.
 */
static inline size_t
utf8_sequence(const unsigned char *s, size_t left)
{
	size_t need;
	unsigned char low = 0x80;
	unsigned char high = 0xBF;

	if (left == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	need = s[0] < 0xE0 ? 2 : (s[0] < 0xF0 ? 3 : 4);
	if (need > left)
		return 0;
	if (s[0] == 0xE0)
		low = 0xA0;
	else if (s[0] == 0xED)
		high = 0x9F;
	else if (s[0] == 0xF0)
		low = 0x90;
	else if (s[0] == 0xF4)
		high = 0x8F;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (s[i] < 0x80 || s[i] > 0xBF)
			return 0;
	return need;
}

#endif /* NOVA_RELAY_UTF8_H */
