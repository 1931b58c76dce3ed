/* Arena: many small allocations that live and die together. */
#include "core/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_page {
	struct arena_page *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char data[];
};

enum { PAGE_SIZE = 8192, ALIGN = _Alignof(max_align_t) };

static struct arena_page *page_new(struct arena *a, size_t size)
{
	struct arena_page *page = calloc(1, sizeof *page + size);

	if (!page)
		abort();
	page->size = size;
	page->next = a->pages;
	a->pages = page;
	return page;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_page *page = a->pages;
	void *ret;

	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!page || page->size - page->used < size)
		page = page_new(a, size > PAGE_SIZE ? size : PAGE_SIZE);
	ret = page->data + page->used;
	page->used += size;
	return ret;
}

size_t arena_size(const struct arena *a)
{
	size_t sum = 0;

	for (const struct arena_page *page = a->pages; page; page = page->next)
		sum += sizeof *page + page->size;
	return sum;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *ret = arena_alloc(a, n + 1);

	memcpy(ret, s, n);
	return ret;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *ret;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	ret = arena_alloc(a, (size_t)n + 1);
	vsnprintf(ret, (size_t)n + 1, fmt, ap);
	return ret;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *ret;

	va_start(ap, fmt);
	ret = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return ret;
}

void *arena_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	void *grown;

	if (n < *cap)
		return v;
	*cap = *cap ? 2 * *cap : 4;
	grown = arena_alloc(a, *cap * size);
	if (n)
		memcpy(grown, v, n * size);
	return grown;
}

void arena_done(struct arena *a)
{
	while (a->pages) {
		struct arena_page *next = a->pages->next;

		free(a->pages);
		a->pages = next;
	}
}
