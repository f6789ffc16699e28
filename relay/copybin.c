/*-------------------------------------------------------------------------
 *
 * copybin.c
 *		One bytea after the other out of COPY … TO STDOUT (FORMAT binary).
 *
 *-------------------------------------------------------------------------
 */
#include "copybin.h"

#include <string.h>

#define SIGNATURE_SIZE 11

static const char signature[SIGNATURE_SIZE] = {'P',  'G',    'C',  'O',  'P', 'Y',
											   '\n', '\377', '\r', '\n', '\0'};

void
copybin_begin(CopyBin *c)
{
	*c = (CopyBin){.place = COPYBIN_AT_HEADER};
}

void
copybin_feed(CopyBin *c, const char *data, size_t len)
{
	c->pos = data;
	c->remaining = len;
}

static void
skip(CopyBin *c, size_t n)
{
	c->pos += n;
	c->remaining -= n;
}

/* Collect a part of fixed size; false while bytes of it are missing. */
static bool
collect(CopyBin *c, size_t size)
{
	size_t n = size - c->have;

	if (n > c->remaining)
		n = c->remaining;
	memcpy(c->fixed + c->have, c->pos, n);
	c->have += n;
	skip(c, n);
	if (c->have < size)
		return false;
	c->have = 0;
	return true;
}

static uint32_t
u32_at(const char *p)
{
	const unsigned char *b = (const unsigned char *) p;

	return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
}

static CopyBinStatus
bad(CopyBin *c, const char *error)
{
	c->error = error;
	return COPYBIN_BAD;
}

static CopyBinStatus
take_header(CopyBin *c)
{
	if (memcmp(c->fixed, signature, SIGNATURE_SIZE) != 0)
		return bad(c, "the signature of a binary COPY is missing");
	if (u32_at(c->fixed + SIGNATURE_SIZE) != 0)
		return bad(c, "flags of the binary COPY that are not known");
	c->left = u32_at(c->fixed + SIGNATURE_SIZE + 4);
	if (c->left > COPYBIN_VALUE_MAX)
		return bad(c, "the header's extension is too long");
	c->place = COPYBIN_AT_EXTENSION;
	return COPYBIN_MORE;
}

static CopyBinStatus
take_tuple(CopyBin *c)
{
	unsigned fields = (unsigned) (unsigned char) c->fixed[0] << 8 | (unsigned char) c->fixed[1];

	if (fields == 0xFFFF)
	{
		c->place = COPYBIN_AT_END;
		return COPYBIN_MORE;
	}
	if (fields != 1)
		return bad(c, "a tuple that has not one column");
	c->place = COPYBIN_AT_LENGTH;
	return COPYBIN_MORE;
}

static CopyBinStatus
take_length(CopyBin *c)
{
	c->left = u32_at(c->fixed);
	if (c->left == 0xFFFFFFFF)
		return bad(c, "a null where frames were expected");
	if (c->left > COPYBIN_VALUE_MAX)
		return bad(c, "a value that is too long");
	c->begun = false;
	c->place = COPYBIN_AT_VALUE;
	return COPYBIN_MORE;
}

static void
take_extension(CopyBin *c)
{
	size_t n = c->left < c->remaining ? c->left : c->remaining;

	skip(c, n);
	c->left -= (uint32_t) n;
	if (c->left == 0)
		c->place = COPYBIN_AT_TUPLE;
}

static void
take_value(CopyBin *c, CopyBinPart *part)
{
	size_t n = c->left < c->remaining ? c->left : c->remaining;

	c->left -= (uint32_t) n;
	*part = (CopyBinPart){.data = c->pos, .len = n, .first = !c->begun, .left = c->left};
	skip(c, n);
	c->begun = true;
	part->last = c->remaining == 0 || (c->remaining == 2 && memcmp(c->pos, "\377\377", 2) == 0);
	if (c->left == 0)
		c->place = COPYBIN_AT_TUPLE;
}

/* A fixed part is complete: what is it? */
static CopyBinStatus
take_fixed(CopyBin *c)
{
	switch (c->place)
	{
		case COPYBIN_AT_HEADER:
			return take_header(c);
		case COPYBIN_AT_TUPLE:
			return take_tuple(c);
		default:
			return take_length(c);
	}
}

static size_t
fixed_size(CopyBinPlace place)
{
	return place == COPYBIN_AT_HEADER ? COPYBIN_HEADER_SIZE : place == COPYBIN_AT_TUPLE ? 2 : 4;
}

CopyBinStatus
copybin_next(CopyBin *c, CopyBinPart *part)
{
	if (c->error != NULL)
		return COPYBIN_BAD;
	for (;;)
	{
		if (c->place == COPYBIN_AT_END)
			return c->remaining == 0 ? COPYBIN_END
									 : bad(c, "bytes behind the end of the binary COPY");
		/* a value or extension of no bytes is complete without any */
		if (c->remaining == 0 &&
			!((c->place == COPYBIN_AT_EXTENSION || c->place == COPYBIN_AT_VALUE) && c->left == 0))
			return COPYBIN_MORE;
		if (c->place == COPYBIN_AT_VALUE)
		{
			take_value(c, part);
			return COPYBIN_PART;
		}
		if (c->place == COPYBIN_AT_EXTENSION)
			take_extension(c);
		else if (!collect(c, fixed_size(c->place)))
			return COPYBIN_MORE;
		else if (take_fixed(c) == COPYBIN_BAD)
			return COPYBIN_BAD;
	}
}
