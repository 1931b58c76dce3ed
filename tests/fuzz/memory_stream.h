/* A stream whose other side has said everything beforehand, and doesn't listen. */
#ifndef REHOST_TESTS_MEMORY_STREAM_H
#define REHOST_TESTS_MEMORY_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "net/stream.h"

struct memory_stream {
	struct stream s;
	const uint8_t *data;
	size_t len;
};

static inline ssize_t memory_take(struct stream *s, void *buf, size_t len)
{
	struct memory_stream *m = (struct memory_stream *)s;
	size_t n = min_u64(len, m->len);

	memcpy(buf, m->data, n);
	m->data += n;
	m->len -= n;
	return (ssize_t)n;
}

static inline ssize_t memory_give(struct stream *s, const void *head, size_t head_len, const void *body,
				  size_t body_len)
{
	return (ssize_t)(head_len + body_len);
}

static inline void memory_close(struct stream *s)
{
	free(s);
}

/* data is borrowed. */
static inline struct stream *memory_stream(const uint8_t *data, size_t len)
{
	static const struct stream_ops ops = {.take = memory_take, .give = memory_give, .close = memory_close};
	struct memory_stream *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	*m = (struct memory_stream){.s = {.ops = &ops, .fd = -1}, .data = data, .len = len};
	return &m->s;
}

#endif
