/* Disks with random sparse content, written by qemu-img as the format under test and compared byte by byte. */
#ifndef REHOST_TESTS_FORMATS_REFEREE_H
#define REHOST_TESTS_FORMATS_REFEREE_H

#include <sys/stat.h>

#include "core/base/checked.h"
#include "tests/unit/formats/image_folder.h"
#include "tests/unit/formats/qemu_img.h"
#include "tests/unit/support/mem_block.h"

/* folder/name, valid for the next seven calls. */
static inline const char *path_of(const struct image_folder *f, const char *name)
{
	static char path[8][256];
	static unsigned turn;
	char *ret = path[turn++ % 8];

	snprintf(ret, sizeof path[0], "%s/%s", f->path, name);
	return ret;
}

/* Stretches of 512 bytes to 80 KiB: holes, zeros, random bytes, and bytes that compress. */
static inline void put_random_disk(struct image_folder *f, const char *name, uint64_t size, uint64_t seed)
{
	AUTO_FD int fd = openat(f->folder.dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	uint64_t x = seed * 88172645463325252U + 1;
	unsigned char piece[512];

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (uint64_t at = 0; at < size;) {
		unsigned kind = test_random(&x) % 4, n = 1 + test_random(&x) % 160;

		for (; n-- && at < size; at += sizeof piece) {
			memset(piece, kind == 2 ? (int)(test_random(&x) % 255) : 0, sizeof piece);
			if (kind == 3)
				test_fill(piece, sizeof piece, &x);
			if (kind)
				assert_int_equal(file_pwrite(fd, piece, min_u64(sizeof piece, size - at), at, NULL), 0);
		}
	}
}

static inline unsigned char *slurp(struct image_folder *f, const char *name, uint64_t size)
{
	AUTO_FD int fd = openat(f->folder.dirfd, name, O_RDONLY);
	unsigned char *data = malloc(size + 1);

	if (file_pread(fd, data, size, 0, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return data;
}

/* The disk must hold what `want` does: read in odd pieces, and again extent by extent, where only data is read. */
static inline void assert_holds(struct image_folder *f, struct block *b, const unsigned char *want)
{
	unsigned char *got = malloc(b->size + 1);
	uint64_t x = b->size + b->unit;
	struct extent e;

	for (uint64_t at = 0, n; at < b->size; at += n) {
		n = min_u64(1 + test_random(&x) % (x % 5 ? 100 * KIB : 5 * MIB), b->size - at);
		if (block_pread(b, got + at, n, at, &f->err) < 0)
			fail_msg("%s", f->err.text);
	}
	assert_memory_equal(want, got, b->size);
	memset(got, 0, b->size);
	for (uint64_t at = 0; at < b->size; at += e.len) {
		if (block_extent(b, at, b->size - at, &e, &f->err) < 0)
			fail_msg("%s", f->err.text);
		if (e.kind == EXTENT_DATA && block_pread(b, got + at, e.len, at, &f->err) < 0)
			fail_msg("%s", f->err.text);
	}
	assert_memory_equal(want, got, b->size);
	free(got);
}

static inline void assert_holds_file(struct image_folder *f, struct block *b, const char *raw)
{
	unsigned char *want = slurp(f, raw, b->size);

	assert_holds(f, b, want);
	free(want);
}

/* What qemu-img makes of the disk `raw` is opened as that format and holds it; for block_close(). */
static inline struct block *assert_holds_qemus(struct image_folder *f, const char *format, const char *options)
{
	struct stat raw;
	struct block *b;

	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", format, "-o", options, path_of(f, "raw"),
				     path_of(f, "image"), NULL),
			 0);
	b = open_ok(f, "image");
	assert_int_equal(stat(path_of(f, "raw"), &raw), 0);
	assert_string_equal(b->ops->name, format);
	assert_int_equal(b->size, raw.st_size);
	assert_holds_file(f, b, "raw");
	return b;
}

/* Opens, but the read of n bytes at off fails so. */
static inline void read_fails_at(struct image_folder *f, const char *name, uint64_t off, size_t n, const char *text)
{
	struct block *b = open_ok(f, name);
	unsigned char *data = malloc(n);

	assert_int_equal(block_pread(b, data, n, off, &f->err), -1);
	assert_string_equal(f->err.text, text);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	free(data);
	block_close(b);
}

#endif
