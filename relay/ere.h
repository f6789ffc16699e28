/*-------------------------------------------------------------------------
 *
 * ere.h
 *		Which regular expressions of others may be compiled.
 *
 * The C library copies what is repeated {n} times n times when it compiles, and
 * what has a + twice, so that a few bytes of nested ones ask for gigabytes, and
 * it matches back-references by trying everything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_ERE_H
#define NOVA_RELAY_ERE_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ERE_REPEAT_MAX 255
#define ERE_PLUS_MAX   8 /* nested in each other they make 256 copies */
#define ERE_BOUND_RULE "at most one {n}, and at most 255, is supported"
#define ERE_PLUS_RULE  "at most 8 +"

/* The bound that opens here: is it the last one, and are its numbers small? */
static inline bool
ere_bound_is_small(const char *brace)
{
	const char *p = brace + 1;

	if (strchr(p, '{') != NULL)
		return false;
	while (*p != '\0' && *p != '}')
	{
		char *end = (char *) (uintptr_t) p + 1;

		if (isdigit((unsigned char) *p) && strtoul(p, &end, 10) > ERE_REPEAT_MAX)
			return false;
		p = end;
	}
	return true;
}

/* For what comes from anybody; a brace or a plus in brackets counts, too. */
static inline bool
ere_is_cheap(const char *ere)
{
	int pluses = 0;

	for (const char *p = ere; *p != '\0'; p++)
	{
		if (*p == '{' && !ere_bound_is_small(p))
			return false;
		if (*p == '+' && ++pluses > ERE_PLUS_MAX)
			return false;
		if (*p == '\\' && isdigit((unsigned char) p[1]))
			return false;
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return true;
}

#endif /* NOVA_RELAY_ERE_H */
