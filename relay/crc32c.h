/*-------------------------------------------------------------------------
 *
 * crc32c.h
 *		CRC-32C (Castagnoli), as wire.h asks for it.
 *
 *	crc = CRC32C_INIT;
 *	crc = crc32c_update(crc, data, len);	any number of times
 *	result = CRC32C_FINAL(crc);
 *
 * Fast over long runs, not over many short ones: give it contiguous bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CRC32C_H
#define NOVA_RELAY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_INIT       UINT32_C(0xFFFFFFFF)
#define CRC32C_FINAL(crc) ((crc) ^ UINT32_C(0xFFFFFFFF))

/* With the processor's instruction where there is one. */
extern uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* The same by table, for every processor; separate so that tests compare. */
extern uint32_t crc32c_update_portable(uint32_t crc, const void *data, size_t len);

#endif /* NOVA_RELAY_CRC32C_H */
