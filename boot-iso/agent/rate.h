/* How fast bytes flow, and how long the rest will take. */
#ifndef REHOST_BOOT_ISO_AGENT_RATE_H
#define REHOST_BOOT_ISO_AGENT_RATE_H

#include <stddef.h>
#include <stdint.h>

enum { RATE_SAMPLES = 16 };

struct rate {
	double seconds[RATE_SAMPLES];
	uint64_t bytes[RATE_SAMPLES];
	unsigned n; /* samples so far; the newest is at (n - 1) % RATE_SAMPLES */
};

/* So many bytes in all, at a time of any steady clock. Samples less than a second apart count as one. */
void rate_add(struct rate *r, double seconds, uint64_t bytes);

/* Bytes a second over the last samples; 0 while there is none. */
double rate_now(const struct rate *r);

/* "5 s", "3 min", "2 h 05 min" for what is left at that rate; "" when nobody knows. */
const char *rate_left(double bytes_per_second, uint64_t left, char *ret, size_t size);

#endif
