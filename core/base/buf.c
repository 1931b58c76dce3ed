/* A growing byte buffer with a stated limit. */
#include "core/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *failed(struct buf *b)
{
	b->failed = true;
	return NULL;
}

void *buf_reserve(struct buf *b, size_t len)
{
	size_t need, cap = b->cap ? b->cap : 256;
	char *data;

	if (b->len > b->max || len > b->max - b->len)
		return failed(b);
	need = b->len + len + 1;
	if (need <= b->cap)
		return b->data + b->len;
	while (cap < need)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return failed(b);
	b->data = data;
	b->cap = cap;
	b->data[b->len] = '\0';
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t len)
{
	b->len += len;
	b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	void *room = buf_reserve(b, len);

	if (!room)
		return -1;
	if (len)
		memcpy(room, data, len);
	buf_commit(b, len);
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *room;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -1;
	room = buf_reserve(b, (size_t)n);
	if (!room)
		return -1;
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return ret;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *data = b->data ? b->data : calloc(1, 1);

	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}

void buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}
