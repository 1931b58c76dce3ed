/* Arithmetic on sizes that come from input: every helper says whether it overflowed. */
#ifndef REHOST_CORE_BASE_CHECKED_H
#define REHOST_CORE_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* *ret = a OP b; true when that fits. */
static inline bool add_fits(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool mul_fits(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* True when [off, off+len) lies inside [0, size). */
static inline bool range_inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static inline uint64_t div_round_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* unit is a power of two; the caller knows that a + unit fits. */
static inline uint64_t align_up(uint64_t a, uint64_t unit)
{
	return (a + unit - 1) & ~(unit - 1);
}

static inline uint64_t align_down(uint64_t a, uint64_t unit)
{
	return a & ~(unit - 1);
}

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What a double holds of a number of bytes; 0 for less and for no number, the largest for more. */
static inline uint64_t u64_of(double v)
{
	return v > 0 ? v < 18446744073709549568.0 ? (uint64_t)v : UINT64_MAX : 0;
}

#endif
