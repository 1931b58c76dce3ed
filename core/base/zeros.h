/* Is this memory all zeros? Written so that the compiler makes vector code of it: as fast as the memory. */
#ifndef REHOST_CORE_BASE_ZEROS_H
#define REHOST_CORE_BASE_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool all_zeros(const void *data, size_t len)
{
	const unsigned char *p = data, *end = p + len;
	uint64_t word[16], any;

	/* 128 bytes a step, without branches inside; data mostly shows itself in the first step. */
	for (; (size_t)(end - p) >= sizeof word; p += sizeof word) {
		memcpy(word, p, sizeof word);
		any = 0;
		for (unsigned i = 0; i < 16; i++)
			any |= word[i];
		if (any)
			return false;
	}
	for (; p < end; p++)
		if (*p)
			return false;
	return true;
}

#endif
