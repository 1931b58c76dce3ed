/* Endian getters and setters over byte buffers: the only way we read a number from an image. */
#ifndef REHOST_CORE_BASE_BYTES_H
#define REHOST_CORE_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE(bits, end)                                                                                        \
	static inline uint##bits##_t get_##end##bits(const void *p)                                                    \
	{                                                                                                              \
		uint##bits##_t v;                                                                                      \
                                                                                                                       \
		memcpy(&v, p, sizeof v);                                                                               \
		return end##bits##toh(v);                                                                              \
	}                                                                                                              \
                                                                                                                       \
	static inline void put_##end##bits(void *p, uint##bits##_t v)                                                  \
	{                                                                                                              \
		v = hto##end##bits(v);                                                                                 \
		memcpy(p, &v, sizeof v);                                                                               \
	}

BYTES_DEFINE(16, le)
BYTES_DEFINE(32, le)
BYTES_DEFINE(64, le)
BYTES_DEFINE(16, be)
BYTES_DEFINE(32, be)
BYTES_DEFINE(64, be)

#undef BYTES_DEFINE

#endif
