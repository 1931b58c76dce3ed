/* A small cache of an image's tables, which are used where they lie. Direct-mapped, so a page that is asked for pushes
 * out the one that shares its slot; pages in use live on until they are put back. Thread-safe. (formats/unit_cache.h
 * copies parts out instead, which suits inflated data.)
 *
 *     struct page *p = page_cache_get(&cache, key, load, opaque, err);
 *     … p->data …
 *     page_put(p);
 *
 * Memory: slots * page size, and a page for each thread that holds one.
 */
#ifndef REHOST_FORMATS_PAGE_CACHE_H
#define REHOST_FORMATS_PAGE_CACHE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

struct page {
	atomic_uint users;
	uint64_t key;
	unsigned char data[];
};

struct page_slot {
	struct page *page; /* NULL: empty */
};

struct page_cache {
	pthread_mutex_t lock;
	struct page_slot *slot;
	size_t slots, page_size;
};

/* Fills page_size bytes for key. Called without the lock, so several threads may load the same page at a time. */
typedef int page_load_fn(void *opaque, uint64_t key, unsigned char *data, struct err *err);

/* As many slots as fit into bytes, from 1 to 256. */
int page_cache_init(struct page_cache *c, size_t page_size, size_t bytes, struct err *err);
void page_cache_done(struct page_cache *c); /* zeroed memory is fine */

/* NULL on error. */
struct page *page_cache_get(struct page_cache *c, uint64_t key, page_load_fn *load, void *opaque, struct err *err);
void page_put(struct page *p);
DEFINE_CLEANUP(struct page *, page_put)

#endif
