/* Set-associative cache of inflated units. */
#include "formats/unit_cache.h"

#include <pthread.h>
#include <string.h>

enum { WAYS = 8 };

struct way {
	uint64_t key;
	uint64_t used; /* clock at the last use */
	void *data;    /* NULL: nothing here */
};

struct unit_cache {
	size_t sets;
	unsigned ways;
	pthread_mutex_t lock; /* guards what follows */
	uint64_t clock;
	struct way *table; /* sets × ways */
};

struct unit_cache *unit_cache_new(size_t unit_bytes, size_t max_bytes)
{
	struct unit_cache *c = calloc(1, sizeof *c);
	size_t units = max_bytes / unit_bytes;

	if (!c)
		return NULL;
	c->ways = units >= WAYS ? WAYS : units ? (unsigned)units : 1;
	c->sets = units >= WAYS ? units / WAYS : 1;
	c->table = calloc(c->sets * c->ways, sizeof *c->table);
	if (!c->table) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void unit_cache_free(struct unit_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->sets * c->ways; i++)
		free(c->table[i].data);
	free(c->table);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct way *set_of(struct unit_cache *c, uint64_t key)
{
	return c->table + key % c->sets * c->ways;
}

static struct way *find(struct unit_cache *c, uint64_t key)
{
	struct way *set = set_of(c, key);

	for (unsigned i = 0; i < c->ways; i++)
		if (set[i].data && set[i].key == key)
			return &set[i];
	return NULL;
}

bool unit_cache_read(struct unit_cache *c, uint64_t key, size_t off, size_t len, void *buf)
{
	struct way *w;

	pthread_mutex_lock(&c->lock);
	w = find(c, key);
	if (w) {
		w->used = ++c->clock;
		memcpy(buf, (char *)w->data + off, len);
	}
	pthread_mutex_unlock(&c->lock);
	return w;
}

static struct way *oldest(struct unit_cache *c, uint64_t key)
{
	struct way *set = set_of(c, key);
	struct way *best = set;

	for (unsigned i = 1; i < c->ways; i++)
		if (set[i].used < best->used)
			best = &set[i];
	return best;
}

void unit_cache_put(struct unit_cache *c, uint64_t key, void **data)
{
	struct way *w;
	void *out;

	pthread_mutex_lock(&c->lock);
	w = find(c, key);
	if (!w)
		w = oldest(c, key);
	out = w->data;
	*w = (struct way){.key = key, .used = ++c->clock, .data = *data};
	pthread_mutex_unlock(&c->lock);
	*data = out;
}
