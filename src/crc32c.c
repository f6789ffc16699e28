/*-------------------------------------------------------------------------
 *
 * crc32c.c
 *		CRC-32C (Castagnoli): by the processor's instruction where it has one
 *		(SSE 4.2, ARMv8), else by eight tables, eight bytes a step.
 *
 * The instruction's result is there three cycles after it began, and another
 * one may begin in each cycle.  So a long run is cut in three, which are summed
 * side by side and put together by what the CRC becomes behind LANE zeros: that
 * is linear, and looked up in four tables.
 *
 *-------------------------------------------------------------------------
 */
#include "wire.h"

#include <string.h>

#if defined(__x86_64__)
#define HAVE_INSTRUCTION    1
#define INSTRUCTION         __attribute__((target("sse4.2")))
#define has_instruction()   __builtin_cpu_supports("sse4.2")
#define sum_word(crc, word) ((uint32_t) __builtin_ia32_crc32di((crc), (word)))
#define sum_byte(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
#elif defined(__aarch64__) && defined(__linux__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define HAVE_INSTRUCTION    1
#define INSTRUCTION         __attribute__((target("+crc")))
#define has_instruction()   ((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0)
#define sum_word(crc, word) __builtin_aarch64_crc32cx((crc), (word))
#define sum_byte(crc, byte) __builtin_aarch64_crc32cb((crc), (byte))
#endif

#define POLYNOMIAL UINT32_C(0x82F63B78)

static uint32_t slices[8][256];

static void
build_slices(void)
{
	for (uint32_t i = 0; i < 256; i++)
	{
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (POLYNOMIAL & (0U - (crc & 1)));
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
nova_crc32c_portable(uint32_t crc, const void *data, size_t len)
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

#ifdef HAVE_INSTRUCTION

#define LANE 512 /* bytes, a multiple of 8 */

static uint32_t behind_zeros[4][256]; /* by each byte of the CRC before them */

static void
build_behind_zeros(void)
{
	static const unsigned char zeros[LANE];

	for (int byte = 0; byte < 4; byte++)
		for (int bit = 0; bit < 8; bit++)
		{
			const uint32_t one = nova_crc32c_portable(UINT32_C(1) << (8 * byte + bit), zeros, LANE);

			for (int i = 0; i < 1 << bit; i++)
				behind_zeros[byte][i | 1 << bit] = behind_zeros[byte][i] ^ one;
		}
}

static inline uint32_t
past_lane(uint32_t crc)
{
	return behind_zeros[0][crc & 0xFF] ^ behind_zeros[1][crc >> 8 & 0xFF] ^
		   behind_zeros[2][crc >> 16 & 0xFF] ^ behind_zeros[3][crc >> 24];
}

static inline uint64_t
word_at(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Of three lanes. */
INSTRUCTION static inline uint32_t
sum_lanes(uint32_t crc, const unsigned char *p)
{
	uint32_t second = 0;
	uint32_t third = 0;

	for (const unsigned char *end = p + LANE; p < end; p += 8)
	{
		crc = sum_word(crc, word_at(p));
		second = sum_word(second, word_at(p + LANE));
		third = sum_word(third, word_at(p + 2 * LANE));
	}
	return past_lane(past_lane(crc) ^ second) ^ third;
}

INSTRUCTION static uint32_t
by_instruction(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len >= 3 * LANE; len -= 3 * LANE, p += 3 * LANE)
		crc = sum_lanes(crc, p);
	for (; len >= 8; len -= 8, p += 8)
		crc = sum_word(crc, word_at(p));
	for (; len > 0; len--, p++)
		crc = sum_byte(crc, *p);
	return crc;
}

uint32_t
nova_crc32c(uint32_t crc, const void *data, size_t len)
{
	if (has_instruction())
		return by_instruction(crc, data, len);
	return nova_crc32c_portable(crc, data, len);
}

#else

uint32_t
nova_crc32c(uint32_t crc, const void *data, size_t len)
{
	return nova_crc32c_portable(crc, data, len);
}

#endif

/* 12 KiB computed once, when the code is loaded, are shorter than 12 KiB of literals. */
__attribute__((constructor)) static void
build_tables(void)
{
	build_slices();
#ifdef HAVE_INSTRUCTION
	build_behind_zeros();
#endif
}
