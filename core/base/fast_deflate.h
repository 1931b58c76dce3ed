/* The fastest deflate there is, by ISA-L; the only user of it. Built without ISA-L there is none. */
#ifndef REHOST_CORE_BASE_FAST_DEFLATE_H
#define REHOST_CORE_BASE_FAST_DEFLATE_H

#include <stddef.h>

struct fast_deflate;

/* For one thread at a time. NULL when there is none, or memory is out. */
struct fast_deflate *fast_deflate_new(void);
void fast_deflate_free(struct fast_deflate *f); /* NULL is fine */

/* A raw deflate stream of in; returns its length, or 0 when it would not fit into out_cap. */
size_t fast_deflate_run(struct fast_deflate *f, const void *in, size_t in_len, void *out, size_t out_cap);

#endif
