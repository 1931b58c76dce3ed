/* Tests of run/graft.c and run/graft_map.c: against a model in memory, between threads, frozen, thawed, damaged. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/graft.h"
#include "run/graft_map.h"
#include "tests/unit/support/mem_block.h"

static int temporary(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct block *open_graft(struct mem_block *source, int *ret_delta)
{
	struct block *graft;
	struct err err;
	int fd = temporary("delta");

	if (ret_delta)
		*ret_delta = dup(fd);
	assert_int_equal(graft_open(&source->b, fd, &graft, &err), 0);
	return graft;
}

static uint64_t delta_room(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void test_falls_through(void **state)
{
	struct mem_block *source = mem_new(10 * MIB);
	struct block *graft;
	struct graft_stats stats;
	struct extent e;
	struct err err;
	char buf[100];

	mem_fill(source, 64 * KIB, 128 * KIB, 7);
	graft = open_graft(source, NULL);
	assert_int_equal(block_pread(graft, buf, sizeof buf, 70000, &err), 0);
	assert_memory_equal(buf, source->data + 70000, sizeof buf);
	assert_int_equal(block_extent(graft, 0, 10 * MIB, &e, &err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(e.len, 64 * KIB);
	assert_int_equal(block_extent(graft, 65636, 10 * MIB - 65636, &e, &err), 0);
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(e.len, 128 * KIB - 100);
	assert_int_equal(graft_stats(graft, &stats, &err), 0);
	assert_int_equal(stats.source_bytes, 128 * KIB);
	assert_int_equal(stats.source_read, 100);
	assert_int_equal(stats.delta_bytes + stats.zero_bytes, 0);
	block_close(graft);
	block_close(&source->b);
}

static void test_partial_write_takes_its_block_along(void **state)
{
	struct mem_block *source = mem_new(MIB);
	struct block *graft;
	struct extent e;
	struct err err;
	char buf[GRAFT_BLOCK];

	mem_fill(source, 0, MIB, 3);
	graft = open_graft(source, NULL);
	assert_int_equal(block_pwrite(graft, "hello", 5, 4096 + 10, &err), 0);
	assert_int_equal(source->read_bytes, GRAFT_BLOCK);
	assert_int_equal(block_pread(graft, buf, sizeof buf, 4096, &err), 0);
	assert_int_equal(source->read_bytes, GRAFT_BLOCK);
	assert_memory_equal(buf, source->data + 4096, 10);
	assert_memory_equal(buf + 10, "hello", 5);
	assert_memory_equal(buf + 15, source->data + 4096 + 15, GRAFT_BLOCK - 15);
	assert_int_equal(block_extent(graft, 4096, 8192, &e, &err), 0);
	assert_int_equal(e.kind, EXTENT_DATA);
	block_close(graft);
	block_close(&source->b);
}

static void test_trim_never_reads_the_source(void **state)
{
	struct mem_block *source = mem_new(MIB);
	struct block *graft;
	struct extent e;
	struct err err;
	char buf[8192];

	mem_fill(source, 0, MIB, 3);
	graft = open_graft(source, NULL);
	/* only the whole blocks 1 and 2 of it */
	assert_int_equal(graft_trim(graft, 100, 3 * 4096, &err), 0);
	assert_int_equal(block_pread(graft, buf, sizeof buf, 4096, &err), 0);
	assert_true(all_zeros(buf, sizeof buf));
	assert_int_equal(source->reads, 0);
	assert_int_equal(block_extent(graft, 4096, MIB - 4096, &e, &err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, 8192);
	assert_int_equal(block_pread(graft, buf, 100, 3 * 4096, &err), 0);
	assert_memory_equal(buf, source->data + 3 * 4096, 100);
	/* a partial write on a trimmed block is surrounded by zeros */
	assert_int_equal(block_pwrite(graft, "x", 1, 5000, &err), 0);
	assert_int_equal(block_pread(graft, buf, 4096, 4096, &err), 0);
	assert_int_equal(buf[5000 - 4096], 'x');
	buf[5000 - 4096] = 0;
	assert_true(all_zeros(buf, 4096));
	assert_int_equal(graft_trim(graft, MIB, 1, &err), -1);
	assert_string_equal(err.text, "trim of 1 bytes at 0x100000: the disk has 1048576 bytes");
	block_close(graft);
	block_close(&source->b);
}

static void test_trim_gives_room_back(void **state)
{
	struct mem_block *source = mem_new(2 * MIB);
	int delta;
	struct block *graft = open_graft(source, &delta);
	struct err err;

	mem_fill(source, 0, 2 * MIB, 9);
	assert_int_equal(block_pwrite(graft, source->data, MIB, MIB, &err), 0);
	assert_int_equal(delta_room(delta), MIB);
	assert_int_equal(graft_trim(graft, 0, 2 * MIB, &err), 0);
	assert_int_equal(delta_room(delta), 0);
	close(delta);
	block_close(graft);
	block_close(&source->b);
}

static void test_zeros_written_take_no_room(void **state)
{
	struct mem_block *source = mem_new(MIB);
	int delta;
	struct block *graft = open_graft(source, &delta);
	char zeros[16384] = {0};
	struct extent e;
	struct err err;

	mem_fill(source, 0, MIB, 9);
	assert_int_equal(block_pwrite(graft, zeros, sizeof zeros, 4096, &err), 0);
	assert_int_equal(delta_room(delta), 0);
	assert_int_equal(block_extent(graft, 4096, 65536, &e, &err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, sizeof zeros);
	close(delta);
	block_close(graft);
	block_close(&source->b);
}

/* A terabyte is 8192 leaves: a tag each. */
static void test_large_trim_is_quick(void **state)
{
	struct graft_map *map = graft_map_new(2 * TIB / GRAFT_BLOCK);
	const struct graft_map_key key = {.disk_size = 2 * TIB};
	int fd = temporary("map");
	struct stat st;
	struct err err;
	uint64_t n;

	assert_int_equal(graft_map_set(map, 1, 2 * TIB / GRAFT_BLOCK - 2, GRAFT_ZERO, &err), 0);
	assert_int_equal(graft_map_save(map, &key, fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range(st.st_size, 8192, 64 * KIB);
	assert_int_equal(graft_map_run(map, 0, 100, &n), GRAFT_SOURCE);
	assert_int_equal(n, 1);
	assert_int_equal(graft_map_run(map, 1, UINT64_MAX, &n), GRAFT_ZERO);
	assert_int_equal(n, 32767);
	assert_int_equal(graft_map_run(map, 2 * TIB / GRAFT_BLOCK - 1, 1, &n), GRAFT_SOURCE);
	close(fd);
	graft_map_free(map);
}

/* A source of 2 TiB with 4 KiB of data every 16 MiB. */
static int sparse_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	bool data = off % (16 * MIB) < 4096;
	uint64_t end = align_down(off, 16 * MIB) + (data ? 4096 : 16 * MIB);

	*ret = (struct extent){.off = off, .len = min_u64(end - off, max), .kind = data ? EXTENT_DATA : EXTENT_HOLE};
	return 0;
}

static void test_large_disk_is_mapped_quickly(void **state)
{
	static const struct block_ops ops = {.name = "sparse", .extent = sparse_extent};
	struct block source, *graft;
	clock_t began;
	struct err err;
	uint64_t bytes;

	block_init(&source, &ops, "large.img", 2 * TIB);
	assert_int_equal(graft_open(&source, temporary("delta"), &graft, &err), 0);
	assert_int_equal(graft_trim(graft, TIB, 16 * MIB, &err), 0);
	began = clock();
	assert_int_equal(block_allocated(graft, &bytes, &err), 0);
	assert_int_equal(bytes, 131071 * 4096);
	assert_true(clock() - began < 20 * CLOCKS_PER_SEC); /* minutes when it is quadratic */
	block_close(graft);
}

/* What a disk with discards looks like, byte by byte. */
struct model {
	struct mem_block *source;
	struct block *graft;
	unsigned char *bytes;
	uint64_t random, size;
};

static void check_model(struct model *m, uint64_t off, uint64_t len)
{
	AUTO_FREE unsigned char *buf = malloc(len);
	struct err err;

	assert_int_equal(block_pread(m->graft, buf, len, off, &err), 0);
	assert_memory_equal(buf, m->bytes + off, len);
}

static int check_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct model *m = opaque;

	if (e->kind != EXTENT_DATA)
		assert_true(all_zeros(m->bytes + e->off, e->len));
	return 0;
}

static void model_step(struct model *m)
{
	uint64_t shape = test_random(&m->random), limit = shape % 7 ? 20000 : 300000, block = GRAFT_BLOCK;
	uint64_t off = test_random(&m->random) % m->size;
	uint64_t len = min_u64(1 + test_random(&m->random) % limit, m->size - off), first, end;
	AUTO_FREE unsigned char *buf = calloc(1, len);
	struct err err;

	if (shape % 3 == 0)
		off = align_down(off, block);
	switch (shape / 16 % 5) {
	case 0:
	case 1:
		test_fill(buf, len, &m->random);
		if (shape % 2 && len > 9000)
			memset(buf + 1000, 0, len / 2);
		assert_int_equal(block_pwrite(m->graft, buf, len, off, &err), 0);
		memcpy(m->bytes + off, buf, len);
		break;
	case 2:
		assert_int_equal(graft_trim(m->graft, off, len, &err), 0);
		first = align_up(off, block);
		end = off + len == m->size ? m->size : align_down(off + len, block);
		if (first < end)
			memset(m->bytes + first, 0, end - first);
		break;
	case 3:
		assert_int_equal(block_zero(m->graft, off, len, &err), 0);
		memset(m->bytes + off, 0, len);
		break;
	default:
		check_model(m, off, len);
	}
}

static void test_model(void **state)
{
	/* Sizes: whole blocks, a short last block, less than a block, more than a leaf. */
	static const uint64_t sizes[] = {4 * MIB, 3 * MIB + 512, 1536, 129 * MIB + 1024};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct model m = {.source = mem_new(sizes[i]), .random = 42 + i, .size = sizes[i]};
		struct err err;

		mem_fill(m.source, 0, sizes[i] / 3, 5);
		mem_fill(m.source, sizes[i] / 2, sizes[i] / 4, 6);
		m.bytes = malloc(m.size);
		memcpy(m.bytes, m.source->data, m.size);
		m.graft = open_graft(m.source, NULL);
		for (unsigned step = 0; step < 1500; step++)
			model_step(&m);
		check_model(&m, 0, m.size);
		assert_int_equal(block_each_extent(m.graft, 0, m.size, check_extent, &m, &err), 0);
		free(m.bytes);
		block_close(m.graft);
		block_close(&m.source->b);
	}
}

/* Threads write interleaved slices of 512 bytes: each 4 KiB block is shared by all of them. */
enum { SLICE = 512, THREADS = 8 };

struct slice_writer {
	struct block *graft;
	unsigned number;
};

static void *write_slices(void *opaque)
{
	struct slice_writer *w = opaque;
	char buf[SLICE], back[SLICE];
	struct err err;

	memset(buf, 'a' + (int)w->number, sizeof buf);
	for (uint64_t off = w->number * SLICE; off < w->graft->size; off += THREADS * SLICE) {
		if (block_pwrite(w->graft, buf, sizeof buf, off, &err) < 0 ||
		    block_pread(w->graft, back, sizeof back, off, &err) < 0 || memcmp(buf, back, sizeof buf) != 0)
			return (void *)1;
	}
	return NULL;
}

static void test_writers_of_one_block(void **state)
{
	struct mem_block *source = mem_new(8 * MIB);
	struct block *graft = open_graft(source, NULL);
	struct slice_writer writers[THREADS];
	pthread_t threads[THREADS];
	AUTO_FREE char *all = malloc(8 * MIB);
	struct err err;
	void *failed;

	mem_fill(source, 0, 8 * MIB, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct slice_writer){graft, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_slices, &writers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(block_pread(graft, all, 8 * MIB, 0, &err), 0);
	for (uint64_t i = 0; i < 8 * MIB; i++)
		assert_int_equal(all[i], 'a' + (char)(i / SLICE % THREADS));
	block_close(graft);
	block_close(&source->b);
}

/* A graft with something of everything; its delta and map files stay open. */
static void freeze_one(struct mem_block *source, int *ret_delta, int *ret_map, char *content)
{
	struct block *graft = open_graft(source, ret_delta);
	struct err err;

	mem_fill(source, 0, source->b.size, 11);
	assert_int_equal(graft_trim(graft, 128 * MIB, 20 * MIB, &err), 0);
	assert_int_equal(block_pwrite(graft, "delta", 5, 40 * MIB + 7, &err), 0);
	assert_int_equal(block_pread(graft, content, source->b.size, 0, &err), 0);
	*ret_map = temporary("map");
	assert_int_equal(graft_freeze(graft, *ret_map, &err), 0);
	assert_int_equal(block_pwrite(graft, "x", 1, 0, &err), -1);
	assert_string_equal(err.text, "graft 'test.img': the graft is frozen");
	assert_int_equal(graft_trim(graft, 0, MIB, &err), -1);
	assert_int_equal(graft_freeze(graft, *ret_map, &err), -1);
	assert_string_equal(err.text, "the graft of 'test.img' is frozen already");
	block_close(graft);
}

static void test_thaw(void **state)
{
	uint64_t size = 148 * MIB;
	struct mem_block *source = mem_new(size);
	AUTO_FREE char *before = malloc(size), *after = malloc(size);
	struct block *graft;
	struct graft_stats stats;
	struct err err;
	int delta, map;

	freeze_one(source, &delta, &map, before);
	assert_int_equal(graft_thaw(&source->b, delta, map, &graft, &err), 0);
	close(map);
	assert_int_equal(block_pread(graft, after, size, 0, &err), 0);
	assert_memory_equal(before, after, size);
	assert_int_equal(graft_stats(graft, &stats, &err), 0);
	assert_int_equal(stats.delta_bytes, GRAFT_BLOCK);
	assert_int_equal(stats.zero_bytes, 20 * MIB);
	assert_int_equal(stats.source_bytes, size - 20 * MIB - GRAFT_BLOCK);
	assert_int_equal(block_pwrite(graft, "x", 1, 0, &err), -1);
	block_close(graft);
	block_close(&source->b);
}

static void expect_damage(struct mem_block *source, int delta, int map, const char *text)
{
	struct block *graft;
	struct err err;

	assert_int_equal(graft_thaw(&source->b, delta, map, &graft, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, text);
}

static void flip(int fd, off_t off)
{
	unsigned char c;

	assert_int_equal(pread(fd, &c, 1, off), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, off), 1);
}

static void test_damage_is_found(void **state)
{
	uint64_t size = 148 * MIB;
	struct mem_block *source = mem_new(size);
	AUTO_FREE char *content = malloc(size);
	int delta, map;

	freeze_one(source, &delta, &map, content);
	flip(map, 0);
	expect_damage(source, delta, map, "map of 'test.img': it does not begin with \"RHGRAFT1\"");
	flip(map, 0);
	flip(map, 20);
	expect_damage(source, delta, map, "map of 'test.img': the header's checksum is wrong");
	flip(map, 20);
	flip(map, 65);
	expect_damage(source, delta, map, "map of 'test.img': the checksum of the leaves' tags is wrong");
	flip(map, 65);
	flip(map, 5000);
	expect_damage(source, delta, map, "map of 'test.img': leaf 0 at 0x42: the checksum is wrong");
	flip(map, 5000);
	assert_int_equal(ftruncate(map, 8000), 0);
	expect_damage(source, delta, map,
		      "map of 'test.img': leaf 0: read of 266 bytes at 0x1f40: the file ends before");
	assert_int_equal(ftruncate(map, 10), 0);
	expect_damage(source, delta, map, "map of 'test.img': read of 54 bytes at 0xa: the file ends before");
	close(map);
	close(delta);
	block_close(&source->b);
}

static void test_wrong_partner_is_found(void **state)
{
	uint64_t size = 148 * MIB;
	struct mem_block *source = mem_new(size);
	AUTO_FREE char *content = malloc(size);
	int delta, map;

	freeze_one(source, &delta, &map, content);
	assert_int_equal(ftruncate(delta, 4096), 0);
	expect_damage(source, delta, map,
		      "map of 'test.img': it was made for a delta file of 41947136 bytes, this one has 4096");
	source->b.size -= 4096;
	expect_damage(source, delta, map,
		      "map of 'test.img': it is of a disk of 155189248 bytes, this one has 155185152");
	close(map);
	close(delta);
	block_close(&source->b);
}

static void test_source_error_passes_up(void **state)
{
	struct mem_block *source = mem_new(MIB);
	struct block *graft = open_graft(source, NULL);
	struct err err;
	char c;

	mem_fill(source, 0, MIB, 1);
	source->bad_off = 8192;
	source->bad_len = 512;
	source->bad_times = -1;
	assert_int_equal(block_pread(graft, &c, 1, 8200, &err), -1);
	assert_int_equal(err.sys, EIO);
	assert_string_equal(err.text,
			    "graft 'test.img': mem 'test.img': read of 1 bytes at 0x2008: Input/output error");
	/* a partial write needs the rest of its block, a whole one doesn't */
	assert_int_equal(block_pwrite(graft, "x", 1, 8192, &err), -1);
	assert_int_equal(block_pwrite(graft, source->data, 4096, 8192, &err), 0);
	assert_int_equal(block_pread(graft, &c, 1, 8200, &err), 0);
	block_close(graft);
	block_close(&source->b);
}

/* It is our file: no zeros take its place, and nothing is thrown away for it. */
static void test_delta_that_cannot_be_read(void **state)
{
	struct mem_block *source = mem_new(MIB);
	int delta = memfd_create("delta", MFD_CLOEXEC);
	struct block *graft;
	char buf[4096] = "x";
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(graft_open(&source->b, dup(delta), &graft, &err), 0);
	assert_int_equal(block_pwrite(graft, buf, sizeof buf, 8192, &err), 0);
	assert_int_equal(ftruncate(delta, 0), 0);
	assert_int_equal(block_pread(graft, buf, sizeof buf, 8192, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_non_null(strstr(err.text, "delta file"));
	block_close(graft);
	block_close(&source->b);
	close(delta);
}

static void test_lost_write_stops_freezing(void **state)
{
	struct mem_block *source = mem_new(MIB);
	struct block *graft;
	struct err err = ERR_INIT;
	char name[64];
	int whole = temporary("delta"), map = temporary("map"), readonly;

	snprintf(name, sizeof name, "/proc/self/fd/%d", whole);
	readonly = open(name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(graft_open(&source->b, readonly, &graft, &err), 0);
	assert_int_equal(block_pwrite(graft, name, 10, 4096, &err), -1);
	err_clear(&err);
	assert_int_equal(graft_freeze(graft, map, &err), -1);
	assert_non_null(strstr(err.text, "what the guest wrote to 'test.img' was lost: delta file: write of "));
	block_close(graft);
	block_close(&source->b);
	close(whole);
	close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_falls_through),
	    cmocka_unit_test(test_partial_write_takes_its_block_along),
	    cmocka_unit_test(test_trim_never_reads_the_source),
	    cmocka_unit_test(test_trim_gives_room_back),
	    cmocka_unit_test(test_zeros_written_take_no_room),
	    cmocka_unit_test(test_large_trim_is_quick),
	    cmocka_unit_test(test_large_disk_is_mapped_quickly),
	    cmocka_unit_test(test_model),
	    cmocka_unit_test(test_writers_of_one_block),
	    cmocka_unit_test(test_thaw),
	    cmocka_unit_test(test_damage_is_found),
	    cmocka_unit_test(test_wrong_partner_is_found),
	    cmocka_unit_test(test_source_error_passes_up),
	    cmocka_unit_test(test_delta_that_cannot_be_read),
	    cmocka_unit_test(test_lost_write_stops_freezing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
