/* Arena: many small allocations that live and die together, and vectors inside it.
 *
 *     struct arena a = { 0 };
 *     char *s = arena_printf(&a, "%s-%u", name, i);
 *     VEC(struct nic) nics = { 0 };
 *     struct nic *n = vec_push(&a, &nics);      // zeroed
 *     arena_done(&a);                           // everything at once
 *
 * Allocation failure aborts: an arena holds descriptions, whose size the parsers bound before they allocate.
 * Anything sized by input in bulk uses malloc with a named maximum instead.
 */
#ifndef REHOST_CORE_BASE_ARENA_H
#define REHOST_CORE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_page;

struct arena {
	struct arena_page *pages;
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);

/* Copies; NULL gives NULL. The result is NUL-terminated. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Bytes that it takes. */
size_t arena_size(const struct arena *a);

/* Frees everything; the arena is empty and usable again. */
void arena_done(struct arena *a);

#define VEC(type)                                                                                                      \
	struct {                                                                                                       \
		type *v;                                                                                               \
		size_t n, cap;                                                                                         \
	}

/* Grows v (n elements of size bytes, room for *cap) by one; used by vec_push(). */
void *arena_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size);

/* A pointer to a new zeroed element at the end; earlier pointers into the vector are void after it. */
#define vec_push(arena, vec)                                                                                           \
	({                                                                                                             \
		(vec)->v = arena_grow((arena), (vec)->v, (vec)->n, &(vec)->cap, sizeof *(vec)->v);                     \
		&(vec)->v[(vec)->n++];                                                                                 \
	})

#define VEC_FOR(it, vec) for (__typeof__(*(vec)->v) *it = (vec)->v; it && it < (vec)->v + (vec)->n; it++)

#endif
