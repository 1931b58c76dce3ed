/* How fast bytes flow. */
#include "boot-iso/agent/rate.h"

#include <stdio.h>

void rate_add(struct rate *r, double seconds, uint64_t bytes)
{
	unsigned newest = (r->n + RATE_SAMPLES - 1) % RATE_SAMPLES;

	if (r->n && seconds - r->seconds[newest] < 1)
		return;
	r->seconds[r->n % RATE_SAMPLES] = seconds;
	r->bytes[r->n % RATE_SAMPLES] = bytes;
	r->n++;
}

double rate_now(const struct rate *r)
{
	unsigned newest = (r->n + RATE_SAMPLES - 1) % RATE_SAMPLES,
		 oldest = r->n > RATE_SAMPLES ? r->n % RATE_SAMPLES : 0;
	double span;

	if (r->n < 2 || r->bytes[newest] < r->bytes[oldest])
		return 0;
	span = r->seconds[newest] - r->seconds[oldest];
	return span > 0 ? (double)(r->bytes[newest] - r->bytes[oldest]) / span : 0;
}

const char *rate_left(double bytes_per_second, uint64_t left, char *ret, size_t size)
{
	double seconds = bytes_per_second > 0 ? (double)left / bytes_per_second : 0;

	*ret = '\0';
	if (bytes_per_second <= 0 || seconds > 99 * 3600.0)
		return ret;
	if (seconds < 60)
		snprintf(ret, size, "%.0f s", seconds);
	else if (seconds < 3600)
		snprintf(ret, size, "%.0f min", seconds / 60);
	else
		snprintf(ret, size, "%d h %02d min", (int)(seconds / 3600), (int)(seconds / 60) % 60);
	return ret;
}
