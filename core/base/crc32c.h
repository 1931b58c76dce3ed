/* CRC-32C (Castagnoli), as VHDX and iSCSI use it: reflected polynomial 0x82f63b78, initial and final value ~0. */
#ifndef REHOST_CORE_BASE_CRC32C_H
#define REHOST_CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The sum of len bytes that follow others whose sum is crc; 0 to begin. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same on any processor; what crc32c() falls back on. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
