/* A token bucket. */
#include "core/base/bucket.h"

#include "core/base/checked.h"

static const uint64_t second = UINT64_C(1000000000);
static const uint64_t burst = UINT64_C(100000000); /* ns of the rate that a rest saves up */

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now)
{
	*b = (struct bucket){.rate = rate, .paid = now > burst ? now - burst : 0};
}

uint64_t bucket_take(struct bucket *b, uint64_t n, uint64_t now)
{
	unsigned __int128 cost;

	if (now > burst && b->paid < now - burst) {
		b->paid = now - burst;
		b->rest = 0;
	}
	cost = (unsigned __int128)n * second + b->rest;
	b->rest = (uint64_t)(cost % b->rate);
	cost /= b->rate;
	b->paid = cost < UINT64_MAX - b->paid ? b->paid + (uint64_t)cost : UINT64_MAX;
	return b->paid > now ? b->paid - now : 0;
}
