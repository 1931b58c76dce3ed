/* Sizes for people. */
#include "core/base/units.h"

#include <stdio.h>

const char *size_in_words(uint64_t bytes, char ret[SIZE_WORDS_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	unsigned u = 0;

	for (; value >= 1024; u++)
		value /= 1024;
	snprintf(ret, SIZE_WORDS_MAX, u ? "%.1f %s" : "%.0f %s", value, units[u]);
	return ret;
}
