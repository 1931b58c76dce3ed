/* A token bucket. */
#include "core/base/bucket.h"

#include "core/base/checked.h"

static const uint64_t second = UINT64_C(1000000000);
static const uint64_t burst = UINT64_C(100000000); /* ns of the rate that a rest saves up */

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now)
{
	*b = (struct bucket){.rate = min_u64(rate, UINT64_C(1) << 62), .paid = now > burst ? now - burst : 0};
}

/* n * second / rate, with what the last division left; bit by bit, because the product has more than 64 bits and 32-bit
 * builds have no wider type. UINT64_MAX when it is too large. */
static uint64_t cost_of(struct bucket *b, uint64_t n)
{
	uint64_t whole = n / b->rate, part = n % b->rate, cost = 0, rest = 0;

	if (whole >= UINT64_MAX / second)
		return UINT64_MAX;
	for (uint64_t bit = UINT64_C(1) << 29; bit; bit >>= 1) {
		rest = 2 * rest + (second & bit ? part : 0);
		cost = 2 * cost + (second & bit ? whole : 0) + rest / b->rate;
		rest %= b->rate;
	}
	b->rest += rest;
	cost += b->rest / b->rate;
	b->rest %= b->rate;
	return cost;
}

uint64_t bucket_take(struct bucket *b, uint64_t n, uint64_t now)
{
	uint64_t cost;

	if (now > burst && b->paid < now - burst) {
		b->paid = now - burst;
		b->rest = 0;
	}
	cost = cost_of(b, n);
	b->paid = cost < UINT64_MAX - b->paid ? b->paid + cost : UINT64_MAX;
	return b->paid > now ? b->paid - now : 0;
}
