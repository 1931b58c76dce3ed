/* A small cache of an image's tables. */
#include "formats/page_cache.h"

#include "core/base/checked.h"

enum { SLOTS_MAX = 256 };

int page_cache_init(struct page_cache *c, size_t page_size, size_t bytes, struct err *err)
{
	size_t slots = max_u64(1, min_u64(bytes / page_size, SLOTS_MAX));

	c->slot = calloc(slots, sizeof *c->slot);
	if (!c->slot)
		return err_nomem(err);
	pthread_mutex_init(&c->lock, NULL);
	c->slots = slots;
	c->page_size = page_size;
	return 0;
}

void page_cache_done(struct page_cache *c)
{
	if (!c->slot)
		return;
	for (size_t i = 0; i < c->slots; i++)
		page_put(c->slot[i].page);
	free(c->slot);
	c->slot = NULL;
	pthread_mutex_destroy(&c->lock);
}

void page_put(struct page *p)
{
	if (p && atomic_fetch_sub(&p->users, 1) == 1)
		free(p);
}

static struct page *find(struct page_cache *c, uint64_t key)
{
	struct page *p;

	pthread_mutex_lock(&c->lock);
	p = c->slot[key % c->slots].page;
	if (p && p->key == key)
		atomic_fetch_add(&p->users, 1);
	else
		p = NULL;
	pthread_mutex_unlock(&c->lock);
	return p;
}

static void keep(struct page_cache *c, struct page *p)
{
	struct page *old;

	atomic_fetch_add(&p->users, 1);
	pthread_mutex_lock(&c->lock);
	old = c->slot[p->key % c->slots].page;
	c->slot[p->key % c->slots].page = p;
	pthread_mutex_unlock(&c->lock);
	page_put(old);
}

struct page *page_cache_get(struct page_cache *c, uint64_t key, page_load_fn *load, void *opaque, struct err *err)
{
	struct page *p = find(c, key);

	if (p)
		return p;
	p = malloc(sizeof *p + c->page_size);
	if (!p) {
		err_nomem(err);
		return NULL;
	}
	atomic_init(&p->users, 1);
	p->key = key;
	if (load(opaque, key, p->data, err) < 0) {
		page_put(p);
		return NULL;
	}
	keep(c, p);
	return p;
}
