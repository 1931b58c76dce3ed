/* A bounded cache of inflated units (grains, clusters), because guests are read in small pieces of large units.
 *
 * The units of a cache have one size; which one is thrown out first is the least recently used of a small set. All
 * functions are thread-safe.
 */
#ifndef REHOST_FORMATS_UNIT_CACHE_H
#define REHOST_FORMATS_UNIT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"

struct unit_cache;

/* At least one unit is kept, else at most max_bytes; memory is taken as units come. NULL only when memory is out. */
struct unit_cache *unit_cache_new(size_t unit_bytes, size_t max_bytes);
void unit_cache_free(struct unit_cache *c);
DEFINE_CLEANUP(struct unit_cache *, unit_cache_free)

/* Copies len bytes at off of unit `key` to buf; false when the unit isn't here. */
bool unit_cache_read(struct unit_cache *c, uint64_t key, size_t off, size_t len, void *buf);

/* Gives the malloc'ed unit *data to the cache and puts there what fell out: a unit's memory for reuse, or NULL. */
void unit_cache_put(struct unit_cache *c, uint64_t key, void **data);

#endif
