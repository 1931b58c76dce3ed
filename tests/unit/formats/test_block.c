/* The checked wrappers, windows and file-backed bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "formats/open.h"

/* A target of 64 KiB pieces, alternately data and hole, that can be told to fail. */
struct striped {
	struct block b;
	bool fail;
	unsigned closed;
};

static int striped_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	if (((struct striped *)b)->fail)
		return err_set(err, ERR_UNREADABLE, "bad sector at 0x%lx", (unsigned long)off);
	memset(buf, 0x5a, len);
	return 0;
}

static int striped_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	/* Half a piece at a time, so that merging is needed. */
	uint64_t left = 32 * KIB - off % (32 * KIB);

	*ret = (struct extent){off, min_u64(max, left), off / (64 * KIB) % 2 ? EXTENT_HOLE : EXTENT_DATA};
	return 0;
}

static void striped_close(struct block *b)
{
	((struct striped *)b)->closed++;
}

static const struct block_ops striped_ops = {
    .name = "striped", .pread = striped_pread, .extent = striped_extent, .close = striped_close};

static void striped_init(struct striped *s)
{
	*s = (struct striped){0};
	block_init(&s->b, &striped_ops, "s.img", 200 * KIB);
}

static void test_init(void **state)
{
	struct block b;
	char longer[400];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	block_init(&b, &striped_ops, longer, 5);
	assert_int_equal(strlen(b.name), 255);
	assert_int_equal(b.size, 5);
	assert_int_equal(b.logical_sector, 512);
	assert_int_equal(b.physical_sector, 512);
	assert_int_equal(b.unit, 4096);
	assert_true(b.seekable);
}

static void test_ranges(void **state)
{
	struct striped s;
	struct err err = ERR_INIT;
	char buf[16];

	striped_init(&s);
	assert_int_equal(block_pread(&s.b, buf, 16, 200 * KIB - 16, &err), 0);
	assert_int_equal(buf[15], 0x5a);
	assert_int_equal(block_pread(&s.b, buf, 0, 200 * KIB, &err), 0);
	assert_int_equal(block_pread(&s.b, buf, 16, 200 * KIB - 15, &err), -1);
	assert_string_equal(err.text, "striped 's.img': read of 16 bytes at 0x31ff1: the disk has 204800 bytes");
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_int_equal(block_pread(&s.b, buf, 16, UINT64_MAX - 3, &err), -1);
	assert_int_equal(block_pwrite(&s.b, buf, 16, 0, &err), -1);
	assert_string_equal(err.text, "striped 's.img': it is open for reading only");
	assert_int_equal(block_zero(&s.b, 0, 16, &err), -1);
	assert_int_equal(block_flush(&s.b, &err), 0);
	assert_int_equal(block_finish(&s.b, &err), 0);
}

static void test_errors_gain_context(void **state)
{
	struct striped s;
	struct err err = ERR_INIT;
	char buf[16];

	striped_init(&s);
	s.fail = true;
	assert_int_equal(block_pread(&s.b, buf, 16, 512, &err), -1);
	assert_string_equal(err.text, "striped 's.img': bad sector at 0x200");
	assert_int_equal(err.code, ERR_UNREADABLE);
}

static void test_extent_edges(void **state)
{
	struct striped s;
	struct extent e;
	struct err err = ERR_INIT;

	striped_init(&s);
	assert_int_equal(block_extent(&s.b, 200 * KIB - 10, 1000, &e, &err), 0);
	assert_int_equal(e.len, 10);
	assert_int_equal(block_extent(&s.b, 200 * KIB, 1, &e, &err), -1);
	assert_string_equal(err.text, "striped 's.img': extent of 1 bytes at 0x32000: the disk has 204800 bytes");
}

struct seen {
	char text[256];
	int stop_after;
};

static int note_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct seen *seen = opaque;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof seen->text - n, "%lu+%lu:%d ", (unsigned long)(e->off / KIB),
		 (unsigned long)(e->len / KIB), e->kind);
	return --seen->stop_after == 0 ? 7 : 0;
}

static void test_each_extent_merges(void **state)
{
	struct striped s;
	struct err err = ERR_INIT;
	struct seen seen = {0}, cut = {.stop_after = 2};
	uint64_t bytes;

	striped_init(&s);
	assert_int_equal(block_each_extent(&s.b, 16 * KIB, 184 * KIB, note_extent, &seen, &err), 0);
	assert_string_equal(seen.text, "16+48:1 64+64:3 128+64:1 192+8:3 ");
	assert_int_equal(block_each_extent(&s.b, 0, 200 * KIB, note_extent, &cut, &err), 7);
	assert_string_equal(cut.text, "0+64:1 64+64:3 ");
	assert_int_equal(block_each_extent(&s.b, 0, 0, note_extent, &cut, &err), 0);
	assert_int_equal(block_each_extent(&s.b, 1, 200 * KIB, note_extent, &cut, &err), -1);
	assert_int_equal(block_allocated(&s.b, &bytes, &err), 0);
	assert_int_equal(bytes, 128 * KIB);
}

static void test_window(void **state)
{
	struct striped s;
	struct block *w = NULL;
	struct err err = ERR_INIT;
	struct extent e;
	char buf[8];

	striped_init(&s);
	assert_int_equal(window_open(&s.b, 100 * KIB, 101 * KIB, &w, &err), -1);
	assert_string_equal(err.text, "'s.img': a part of 103424 bytes at 0x19000: the file has 204800 bytes");
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(window_open(&s.b, UINT64_MAX, 2, &w, &err), -1);
	assert_int_equal(window_open(&s.b, 60 * KIB, 100 * KIB, &w, &err), 0);
	assert_int_equal(w->size, 100 * KIB);
	assert_int_equal(block_extent(w, 0, 100 * KIB, &e, &err), 0);
	assert_int_equal(e.off, 0);
	assert_int_equal(e.len, 4 * KIB);
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(block_extent(w, 4 * KIB, 100 * KIB, &e, &err), 0);
	assert_int_equal(e.off, 4 * KIB);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(block_pread(w, buf, 8, 100 * KIB - 4, &err), -1);
	s.fail = true;
	assert_int_equal(block_pread(w, buf, 8, 0, &err), -1);
	assert_string_equal(err.text, "window 's.img at 0xf000': striped 's.img': bad sector at 0xf000");
	block_close(w);
	assert_int_equal(s.closed, 1);
	block_close(NULL);
}

static void test_file_holes(void **state)
{
	char path[] = "/var/tmp/rehost-block.XXXXXX";
	int fd = mkstemp(path);
	struct block *f = NULL;
	struct err err = ERR_INIT;
	struct seen seen = {0};
	char buf[4];

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)MIB), 0);
	assert_int_equal(pwrite(fd, "data", 4, 512 * 1024), 4);
	assert_int_equal(file_block_open(fd, "f", &f, &err), 0);
	assert_int_equal(f->size, MIB);
	assert_int_equal(block_pread(f, buf, 4, 512 * KIB, &err), 0);
	assert_memory_equal(buf, "data", 4);
	assert_int_equal(block_each_extent(f, 0, MIB, note_extent, &seen, &err), 0);
	assert_string_equal(seen.text, "0+512:3 512+4:1 516+508:3 ");
	/* The file shrinks under us. */
	assert_int_equal(ftruncate(fd, 1024), 0);
	assert_int_equal(block_pread(f, buf, 4, 512 * KIB, &err), -1);
	assert_string_equal(err.text, "file 'f': read of 4 bytes at 0x80000: the file ends before");
	block_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_init),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_errors_gain_context),
	    cmocka_unit_test(test_extent_edges),
	    cmocka_unit_test(test_each_extent_merges),
	    cmocka_unit_test(test_window),
	    cmocka_unit_test(test_file_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
