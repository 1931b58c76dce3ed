/* The host's memory, as the kernel tells it. */
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

uint64_t memory_available(void)
{
	static const char key[] = "MemAvailable:";
	FILE *in = fopen("/proc/meminfo", "re");
	uint64_t ret = 0;
	char line[256];

	while (in && fgets(line, sizeof line, in))
		if (!strncmp(line, key, sizeof key - 1))
			ret = strtoull(line + sizeof key - 1, NULL, 10) * KIB;
	if (in)
		fclose(in);
	return ret;
}
