/* A growing byte buffer with a stated limit. Its data always has a NUL behind it, so text can be used as it is.
 *
 *     AUTO(buf_done) struct buf b = BUF_INIT(64 * KIB);
 *     if (buf_addf(&b, "disk %u\n", i) < 0)
 *             return err_set(err, ERR_CORRUPT, "… over 64 KiB");
 */
#ifndef REHOST_CORE_BASE_BUF_H
#define REHOST_CORE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while empty; else data[len] == 0 */
	size_t len, cap;
	size_t max;  /* no more than this many bytes */
	bool failed; /* some add did not fit: a text of many adds looks once, at its end */
};

#define BUF_INIT(limit)                                                                                                \
	{                                                                                                              \
		.max = (limit)                                                                                         \
	}

/* 0, or -1 when the limit would be passed or memory is out; the buffer is then as before. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Room for len more bytes: a pointer to it (then set len yourself through buf_commit), or NULL. */
void *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

/* Empties, keeps the memory. */
void buf_clear(struct buf *b);
/* The text, "" when empty. */
const char *buf_str(const struct buf *b);
/* Hands the malloc'ed data over (never NULL unless out of memory) and empties the buffer. */
char *buf_take(struct buf *b);
void buf_done(struct buf *b);

#endif
