/*-------------------------------------------------------------------------
 *
 * crc32c.c
 *		CRC-32C (Castagnoli): SSE 4.2 where the processor has it, else eight
 *		tables, eight bytes a step.
 *
 *-------------------------------------------------------------------------
 */
#include "crc32c.h"

#include <string.h>

#define CRC32C_POLYNOMIAL UINT32_C(0x82F63B78)

static uint32_t slices[8][256];

/* 8 KiB computed once before main() is shorter than 8 KiB of literals. */
__attribute__((constructor)) static void
build_slices(void)
{
	for (uint32_t i = 0; i < 256; i++)
	{
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (CRC32C_POLYNOMIAL & (0U - (crc & 1)));
		slices[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int s = 1; s < 8; s++)
			slices[s][i] = (slices[s - 1][i] >> 8) ^ slices[0][slices[s - 1][i] & 0xFF];
}

static inline uint32_t
little_endian32(const unsigned char *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

uint32_t
crc32c_update_portable(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len >= 8; len -= 8, p += 8)
	{
		uint32_t low = crc ^ little_endian32(p);
		uint32_t high = little_endian32(p + 4);

		crc = slices[7][low & 0xFF] ^ slices[6][low >> 8 & 0xFF] ^ slices[5][low >> 16 & 0xFF] ^
			  slices[4][low >> 24] ^ slices[3][high & 0xFF] ^ slices[2][high >> 8 & 0xFF] ^
			  slices[1][high >> 16 & 0xFF] ^ slices[0][high >> 24];
	}
	for (; len > 0; len--, p++)
		crc = (crc >> 8) ^ slices[0][(crc ^ *p) & 0xFF];
	return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
update_sse42(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t wide = crc;

	for (; len >= 8; len -= 8, p += 8)
	{
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t) wide;
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

uint32_t
crc32c_update(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return update_sse42(crc, data, len);
	return crc32c_update_portable(crc, data, len);
}

#else

uint32_t
crc32c_update(uint32_t crc, const void *data, size_t len)
{
	return crc32c_update_portable(crc, data, len);
}

#endif
