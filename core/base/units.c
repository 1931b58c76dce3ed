/* Sizes and times for people. */
#include "core/base/units.h"

#include <errno.h>
#include <inttypes.h>
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

const char *seconds_in_words(double seconds, char ret[SECONDS_WORDS_MAX])
{
	uint64_t whole = seconds < 0 ? 0 : seconds > 1e15 ? (uint64_t)1e15 : (uint64_t)(seconds + 0.5);

	if (seconds < 59.95)
		snprintf(ret, SECONDS_WORDS_MAX, "%.1f s", seconds < 0 ? 0 : seconds);
	else if (whole < 3600)
		snprintf(ret, SECONDS_WORDS_MAX, "%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
	else
		snprintf(ret, SECONDS_WORDS_MAX, "%" PRIu64 " h %02" PRIu64 " min", whole / 3600, whole / 60 % 60);
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
