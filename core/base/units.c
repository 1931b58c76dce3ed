/* Sizes for people. */
#include "core/base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

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

bool size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "kmgt";
	unsigned long long n;
	uint64_t unit = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end) {
		const char *u = strchr(units, *end | 0x20);

		if (!u || end[1])
			return false;
		unit <<= 10 * (u - units + 1);
	}
	return !errno && mul_fits(n, unit, ret);
}
