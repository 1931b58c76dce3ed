/* Time that passes, since the host's start and whatever its date is set to. */
#ifndef REHOST_CORE_BASE_CLOCK_H
#define REHOST_CORE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

static inline double clock_seconds(void)
{
	return (double)clock_ns() / 1e9;
}

/* A value of clock_ms() as pthread_cond_clockwait(…, CLOCK_MONOTONIC, …) takes it. */
static inline struct timespec clock_at(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* Seconds, those asleep too. */
static inline uint64_t clock_uptime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec;
}

#endif
