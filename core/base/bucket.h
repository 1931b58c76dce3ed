/* A token bucket: so many bytes a second in the long run, a tenth of a second's worth at once after a rest. Time is the
 * caller's, so that nothing here waits. */
#ifndef REHOST_CORE_BASE_BUCKET_H
#define REHOST_CORE_BASE_BUCKET_H

#include <stdint.h>

struct bucket {
	uint64_t rate; /* bytes a second, not 0 */
	uint64_t paid; /* ns: the moment up to which what was taken uses the rate up */
	uint64_t rest; /* of the division behind paid: bytes * ns, less than rate */
};

/* now: ns of any clock that doesn't go back; the bucket is full. */
void bucket_init(struct bucket *b, uint64_t rate, uint64_t now);

/* Takes n bytes and returns how many ns to wait until they may be used; 0: none. Who asks later waits behind those who
 * asked before. */
uint64_t bucket_take(struct bucket *b, uint64_t n, uint64_t now);

#endif
