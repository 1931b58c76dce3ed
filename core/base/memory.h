/* The host's memory. */
#ifndef REHOST_CORE_BASE_MEMORY_H
#define REHOST_CORE_BASE_MEMORY_H

#include <stdint.h>

/* Bytes that new programs can get without swapping (MemAvailable of /proc/meminfo); 0 where the kernel doesn't say. */
uint64_t memory_available(void);

#endif
