/* Tests of run/verify/tree.c: every byte counts, holes are zeros that aren't read, threads change nothing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/verify/tree.h"

enum { CHUNK = TREE_CHUNK_MIN };

/* A file of random bytes in memory. */
static int file_of(uint64_t size, unsigned seed)
{
	int fd = memfd_create("tree", MFD_CLOEXEC);
	AUTO_FREE char *data = malloc(size + 1);

	assert_true(fd >= 0);
	assert_non_null(data);
	srandom(seed);
	for (uint64_t i = 0; i < size; i++)
		data[i] = (char)random();
	assert_int_equal(file_pwrite(fd, data, size, 0, NULL), 0);
	return fd;
}

static void hash(int fd, unsigned threads, struct tree *t)
{
	struct err err = ERR_INIT;
	uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);
	struct tree_job job = {.fd = fd, .name = "x", .size = size, .chunk = tree_chunk(size), .threads = threads};

	if (tree_hash(&job, t, &err) < 0)
		fail_msg("%s", err.text);
}

static void every_byte_counts(void **state)
{
	static const uint64_t places[] = {0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 4096, 3 * CHUNK, 3 * CHUNK + 4999};
	AUTO_FD int fd = file_of(3 * CHUNK + 5000, 1);
	AUTO(tree_done) struct tree before = {0};

	hash(fd, 2, &before);
	assert_int_equal(before.nleaves, 4);
	assert_int_equal(before.read, 3 * CHUNK + 5000);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		AUTO(tree_done) struct tree after = {0};
		unsigned char byte;

		assert_int_equal(pread(fd, &byte, 1, (off_t)places[i]), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)places[i]), 1);
		hash(fd, 2, &after);
		assert_memory_not_equal(before.root, after.root, HASH128);
		for (size_t leaf = 0; leaf < before.nleaves; leaf++)
			assert_int_equal(memcmp(before.leaves[leaf], after.leaves[leaf], HASH128) != 0,
					 leaf == places[i] / CHUNK);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)places[i]), 1);
	}
}

static void threads_change_nothing(void **state)
{
	AUTO_FD int fd = file_of(9 * CHUNK + 1, 2);
	AUTO(tree_done) struct tree one = {0}, many = {0};

	hash(fd, 1, &one);
	hash(fd, 16, &many);
	assert_memory_equal(one.root, many.root, HASH128);
}

/* A file with holes has the tree of the same file with zeros; only data is read. */
static void holes_are_zeros(void **state)
{
	AUTO_FD int sparse = memfd_create("sparse", MFD_CLOEXEC);
	AUTO_FD int full = memfd_create("full", MFD_CLOEXEC);
	AUTO(tree_done) struct tree a = {0}, b = {0};
	uint64_t size = 20 * CHUNK + 4097;

	assert_int_equal(ftruncate(sparse, (off_t)size), 0);
	assert_int_equal(file_write_zeros(full, 0, size, NULL), 0);
	assert_int_equal(pwrite(sparse, "x", 1, 7 * CHUNK), 1);
	assert_int_equal(pwrite(full, "x", 1, 7 * CHUNK), 1);
	hash(sparse, 2, &a);
	hash(full, 2, &b);
	assert_int_equal(a.read, CHUNK);
	assert_int_equal(b.read, size);
	assert_memory_equal(a.root, b.root, HASH128);
}

/* Bytes at the end that are zeros make another tree: the size is hashed. */
static void the_size_counts(void **state)
{
	AUTO_FD int fd = memfd_create("empty", MFD_CLOEXEC);
	AUTO(tree_done) struct tree empty = {0}, two = {0}, four = {0};

	hash(fd, 1, &empty);
	assert_int_equal(empty.nleaves, 0);
	assert_int_equal(ftruncate(fd, 2 * CHUNK), 0);
	hash(fd, 1, &two);
	assert_int_equal(ftruncate(fd, 4 * CHUNK), 0);
	hash(fd, 1, &four);
	assert_memory_not_equal(empty.root, two.root, HASH128);
	assert_memory_not_equal(two.root, four.root, HASH128);
}

static void chunks_grow_with_the_file(void **state)
{
	assert_int_equal(tree_chunk(0), CHUNK);
	assert_int_equal(tree_chunk(2 * TIB - 1), CHUNK);
	assert_int_equal(tree_chunk(2 * TIB), 2 * CHUNK);
	assert_int_equal(tree_chunk(64 * TIB - 1), 64 * MIB);
	assert_true(UINT64_MAX / tree_chunk(UINT64_MAX) < TREE_LEAVES_MAX);
}

static void a_file_that_shrinks(void **state)
{
	AUTO_FD int fd = file_of(CHUNK, 3);
	AUTO(tree_done) struct tree t = {0};
	struct tree_job job = {.fd = fd, .name = "web01.qcow2", .size = CHUNK + 1, .chunk = 2 * CHUNK};
	struct err err = ERR_INIT;

	assert_int_equal(tree_hash(&job, &t, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.text, "'web01.qcow2': "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_byte_counts),	 cmocka_unit_test(threads_change_nothing),
	    cmocka_unit_test(holes_are_zeros),		 cmocka_unit_test(the_size_counts),
	    cmocka_unit_test(chunks_grow_with_the_file), cmocka_unit_test(a_file_that_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
