/* Bytes in memory as a block, for the fuzz targets of image formats, and the reading of all there is. */
#ifndef REHOST_TESTS_FUZZ_MEMORY_BLOCK_H
#define REHOST_TESTS_FUZZ_MEMORY_BLOCK_H

#include <string.h>

#include "core/base/checked.h"
#include "formats/open.h"

struct memory_block {
	struct block b;
	const unsigned char *data;
};

static int memory_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	memcpy(buf, ((struct memory_block *)b)->data + off, len);
	return 0;
}

static void memory_close(struct block *b)
{
	free(b);
}

static const struct block_ops memory_ops = {.name = "memory", .pread = memory_pread, .close = memory_close};

/* data is borrowed. */
static inline struct block *memory_block_new(const void *data, size_t size)
{
	struct memory_block *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	block_init(&m->b, &memory_ops, "fuzz", size);
	m->data = data;
	return &m->b;
}

/* Opens the bytes with one format, as a file of the folder (NULL: none), and reads a little at the start, at the end
 * and at the start of each of the first extents. */
static inline void fuzz_image_in(const struct folder *folder, const struct format *format, const void *data,
				 size_t size)
{
	struct block *file = memory_block_new(data, size), *b = NULL;
	struct open_args args = {.file = file, .folder = folder, .name = "fuzz"};
	struct err err = ERR_INIT;
	unsigned char buf[70000];
	struct extent e;

	if (format->open(&args, &b, &err) < 0) {
		block_close(file);
		return;
	}
	for (uint64_t at = 0, n = 0; at < b->size && n < 200; at += e.len, n++) {
		block_pread(b, buf, min_u64(sizeof buf, b->size - at), at, &err);
		if (block_extent(b, at, b->size - at, &e, &err) < 0)
			e.len = min_u64(b->unit, b->size - at);
	}
	if (b->size)
		block_pread(b, buf, min_u64(sizeof buf, b->size), b->size - min_u64(sizeof buf, b->size), &err);
	block_close(b);
}

static inline void fuzz_image(const struct format *format, const void *data, size_t size)
{
	fuzz_image_in(NULL, format, data, size);
}

#endif
