/* Bytes in memory as a block, for the fuzz targets of image formats, and the reading of all there is. */
#ifndef REHOST_TESTS_FUZZ_MEMORY_BLOCK_H
#define REHOST_TESTS_FUZZ_MEMORY_BLOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/facts.h"

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

enum {
	FUZZ_SNAPSHOTS = 100, /* looked at in one image */
	FUZZ_EXTENTS = 200,   /* looked at in one image */
	FUZZ_BUFFER = 70000,
	FUZZ_WHOLE_READS = 4, /* the others are short: a run costs what is read */
	FUZZ_SHORT = 1500,
};

/* What a reader promises whatever the image holds; breaking it is a finding like a crash. */
static inline void fuzz_expect(bool promise, const char *what)
{
	if (promise)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static inline void fuzz_expect_error(const struct err *err)
{
	fuzz_expect(err->code != ERR_NONE && *err->text, "an error without a text");
	fuzz_expect(err->code != ERR_INTERNAL, err->text);
}

/* Reads len bytes at off in one piece, and again in two. */
static inline int fuzz_read(struct block *b, unsigned char *buf, size_t len, uint64_t off)
{
	static unsigned char again[FUZZ_BUFFER];
	size_t half = len / 3;
	struct err err = ERR_INIT;

	if (block_pread(b, buf, len, off, &err) < 0) {
		fuzz_expect_error(&err);
		return -1;
	}
	if ((half && block_pread(b, again, half, off, &err) < 0) ||
	    block_pread(b, again + half, len - half, off + half, &err) < 0)
		fuzz_expect(false, err.text);
	fuzz_expect(!memcmp(buf, again, len), "two reads of one place differ");
	return 0;
}

static inline void fuzz_extent(struct block *b, const struct extent *e, uint64_t at, size_t max)
{
	static unsigned char buf[FUZZ_BUFFER];
	size_t len = (size_t)min_u64(max, e->len);

	fuzz_expect(e->off == at && e->len && e->len <= b->size - at, "an extent elsewhere than asked for");
	fuzz_expect(e->kind == EXTENT_DATA || e->kind == EXTENT_ZERO || e->kind == EXTENT_HOLE, "an extent of no kind");
	if (fuzz_read(b, buf, len, at) < 0) {
		fuzz_expect(e->kind == EXTENT_DATA, "zeros that can't be read");
		return;
	}
	for (size_t i = 0; e->kind != EXTENT_DATA && i < len; i++)
		fuzz_expect(!buf[i], "an extent of zeros that holds data");
}

/* Maps and reads the start of each of the first extents, and the end. Closes b. */
static inline void fuzz_block(struct block *b)
{
	static unsigned char buf[FUZZ_BUFFER];
	size_t tail = (size_t)min_u64(sizeof buf, b->size);
	struct err err = ERR_INIT;
	struct extent e;

	for (uint64_t at = 0, n = 0; at < b->size && n < FUZZ_EXTENTS; at += e.len, n++) {
		size_t max = n < FUZZ_WHOLE_READS ? FUZZ_BUFFER : FUZZ_SHORT;

		if (block_extent(b, at, b->size - at, &e, &err) < 0) {
			fuzz_expect_error(&err);
			err_clear(&err);
			e.len = min_u64(b->unit, b->size - at);
			fuzz_read(b, buf, (size_t)min_u64(max, e.len), at);
		} else {
			fuzz_extent(b, &e, at, max);
		}
	}
	if (tail)
		fuzz_read(b, buf, tail, b->size - tail);
	block_close(b);
}

static inline int fuzz_see_snapshot(const struct image_snapshot *s, void *opaque, struct err *err)
{
	return ++*(unsigned *)opaque == FUZZ_SNAPSHOTS;
}

/* What `rehost info --check` says of the file alone. */
static inline void fuzz_tell(const struct format *format, const struct open_args *args)
{
	static struct image_facts facts;
	static struct check check;
	unsigned snapshots = 0;
	struct err err = ERR_INIT;

	if (format_facts(format, args, &facts, &err) < 0)
		fuzz_expect_error(&err);
	err_clear(&err);
	if (format->snapshots && format->snapshots(args, fuzz_see_snapshot, &snapshots, &err) < 0)
		fuzz_expect_error(&err);
	err_clear(&err);
	if (format->check && format_check(format, args, &check, &err) < 0)
		fuzz_expect_error(&err);
}

static inline bool fuzz_open(const struct format *format, const struct open_args *args)
{
	struct block *b = NULL;
	struct err err = ERR_INIT;

	if (format->open(args, &b, &err) == 0) {
		fuzz_block(b);
		return true;
	}
	fuzz_expect_error(&err);
	return false;
}

/* Opens the bytes with one format, as a file `name` of the folder (NULL: none), and reads them as above; what doesn't
 * open gets another chance with all that a user may put up with. */
/* As image_open() does it with --allow-truncated: zeros follow the file's end. */
static inline void fuzz_image_cut_off(const struct folder *folder, const char *name, const struct format *format,
				      const void *data, size_t size)
{
	const struct open_options lax = {.allow_truncated = true, .ignore_checksum = true};
	struct block *file = memory_block_new(data, size);
	struct open_args args = {.folder = folder, .options = &lax, .name = name};

	if (cut_off_open(file, &args.file, NULL) < 0)
		abort();
	if (fuzz_open(format, &args))
		return;
	cut_off_give_back(args.file);
	block_close(file);
}

static inline void fuzz_image_named(const struct folder *folder, const char *name, const struct format *format,
				    const void *data, size_t size)
{
	struct block *file = memory_block_new(data, size);
	struct open_args args = {.file = file, .folder = folder, .name = name};

	fuzz_tell(format, &args);
	if (fuzz_open(format, &args))
		return;
	block_close(file);
	fuzz_image_cut_off(folder, name, format, data, size);
}

static inline void fuzz_image_in(const struct folder *folder, const struct format *format, const void *data,
				 size_t size)
{
	fuzz_image_named(folder, "fuzz", format, data, size);
}

#endif
