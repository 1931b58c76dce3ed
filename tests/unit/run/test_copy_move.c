/* Tests of run/copy_move.c: what the kernel gets to move, in which pieces, and what happens when it can't. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "formats/open.h"
#include "run/copy.h"
#include "tests/unit/support/mem_block.h"
#include "tests/unit/support/test_folder.h"

enum { SIZE = (6 << 20) + 512, UNIT = 64 * 1024, TAKES_MAX = 64 };

/* A disk in memory whose bytes stand in a file too, and a target that notes what it is given. */
struct fixture {
	struct test_folder dir;
	int fd;
	struct mem_block *source, *target;
	struct block_ops source_ops, target_ops;
	uint64_t placed; /* bytes that place() answers at most */
	bool shares, copies;
	pthread_mutex_t lock;
	struct {
		uint64_t off, len;
		enum file_move how;
	} takes[TAKES_MAX];
	size_t ntakes;
	struct copy_job job;
	struct copy_result result;
};

static struct fixture *the;
static const struct folder nowhere = {.dirfd = -1};

static int place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	*ret = (struct file_place){.fd = the->fd, .off = off, .len = min_u64(max, the->placed)};
	return 0;
}

static int take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		struct err *err)
{
	pthread_mutex_lock(&the->lock);
	assert_in_range(the->ntakes, 0, TAKES_MAX - 1);
	the->takes[the->ntakes].off = off;
	the->takes[the->ntakes].len = from->len;
	the->takes[the->ntakes++].how = how;
	pthread_mutex_unlock(&the->lock);
	assert_int_equal(from->off, off);
	*ret_done = how == FILE_MOVE_SHARE ? the->shares : the->copies;
	return *ret_done ? file_pread(from->fd, mem_of(b)->data + off, from->len, from->off, err) : 0;
}

static int setup(void **state)
{
	struct fixture *f = the = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	f->fd = openat(f->dir.fd, "source", O_RDWR | O_CREAT, 0644);
	f->source = mem_new(SIZE);
	f->target = mem_new(SIZE);
	f->target->b.unit = UNIT;
	f->source_ops = *f->source->b.ops;
	f->source_ops.place = place;
	f->source->b.ops = &f->source_ops;
	f->target_ops = *f->target->b.ops;
	f->target_ops.take = take;
	f->target->b.ops = &f->target_ops;
	f->placed = UINT64_MAX;
	f->copies = true;
	pthread_mutex_init(&f->lock, NULL);
	f->job = (struct copy_job){.source = &f->source->b, .target = &f->target->b, .threads = 1, .writeback_fd = -1};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	copy_result_done(&f->result);
	journal_close(f->job.journal);
	block_close(&f->source->b);
	block_close(&f->target->b);
	test_folder_remove(&f->dir);
	pthread_mutex_destroy(&f->lock);
	close(f->fd);
	free(f);
	return 0;
}

/* The file has what the disk has; then the copy, which must be right however it was made. */
static void run(struct fixture *f)
{
	struct err err;

	assert_int_equal(file_pwrite(f->fd, f->source->data, SIZE, 0, &err), 0);
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_memory_equal(f->source->data, f->target->data, SIZE);
}

static void test_zeros_are_not_moved(void **state)
{
	struct fixture *f = *state;

	mem_fill(f->source, 0, 4 * MIB, 1);
	memset(f->source->data + MIB, 0, UNIT);		       /* a piece of zeros */
	memset(f->source->data + 3 * MIB, 0, UNIT - 512);      /* one that begins with them */
	memset(f->source->data + 2 * MIB + 4096, 0, 4 * 4096); /* zeros inside: not looked for */
	run(f);
	assert_int_equal(f->result.moved, 4 * MIB - 2 * UNIT);
	assert_int_equal(f->result.read, 2 * UNIT);
	assert_int_equal(f->target->write_bytes, UNIT);
	/* sharing was tried once, then [0, 1 MiB), [1 MiB + UNIT, 2 MiB), and as much of the second chunk */
	assert_int_equal(f->ntakes, 5);
	assert_int_equal(f->takes[0].how, FILE_MOVE_SHARE);
	for (size_t i = 1; i < f->ntakes; i++)
		assert_int_equal(f->takes[i].how, FILE_MOVE_COPY);
	assert_int_equal(f->takes[1].off, 0);
	assert_int_equal(f->takes[1].len, MIB);
	assert_int_equal(f->takes[2].off, MIB + UNIT);
	assert_int_equal(f->takes[2].len, MIB - UNIT);
}

/* What is shared costs nothing, zeros neither: nothing is read. */
static void test_shared_whole(void **state)
{
	struct fixture *f = *state;

	f->shares = true;
	mem_fill(f->source, 2 * MIB, 2 * MIB, 1);
	memset(f->source->data + 2 * MIB, 0, MIB);
	run(f);
	assert_int_equal(f->ntakes, 1);
	assert_int_equal(f->result.moved, 2 * MIB);
	assert_int_equal(f->result.read, 0);
	assert_int_equal(f->target->write_bytes, 0);
}

/* The disk's end is no multiple of a block, so it can't be shared; that says nothing about the rest. */
static void test_odd_end_is_copied(void **state)
{
	struct fixture *f = *state;

	f->shares = true;
	mem_fill(f->source, 0, UNIT, 1);
	mem_fill(f->source, 6 * MIB, 512, 2);
	run(f);
	assert_int_equal(f->ntakes, 2);
	assert_int_equal(f->takes[1].how, FILE_MOVE_COPY);
	assert_int_equal(f->takes[1].len, 512);
}

static void test_kernel_cannot(void **state)
{
	struct fixture *f = *state;

	f->copies = false;
	mem_fill(f->source, 0, 6 * MIB, 1);
	run(f);
	assert_int_equal(f->ntakes, 2); /* each way was tried once */
	assert_int_equal(f->result.moved, 0);
	assert_int_equal(f->result.read, 6 * MIB);
	assert_int_equal(f->target->write_bytes, 6 * MIB);
}

/* Where neither way works, scattered units are read and written as if they lay side by side: 512 KiB at once. */
static void test_kernel_cannot_scattered(void **state)
{
	struct fixture *f = *state;

	f->copies = false;
	f->placed = UNIT;
	mem_fill(f->source, 0, 6 * MIB, 1);
	run(f);
	assert_int_equal(f->ntakes, 2);
	/* One unit to find that out, and what is left of 2 MiB; two times 2 MiB. */
	assert_int_equal(f->source->reads, 1 + 4 + 2 * 4);
	assert_int_equal(f->target->write_bytes, 6 * MIB);
}

/* A target that writes whole units is given whole units: holes inside one are read with it. */
static void test_units(void **state)
{
	struct fixture *f = *state;

	f->placed = 3 * UNIT + 4096;
	mem_fill(f->source, 4096, 4096, 1);	       /* begins in a hole */
	mem_fill(f->source, 4 * UNIT, UNIT + 4096, 2); /* ends in one: moved all the same, the file has zeros there */
	mem_fill(f->source, 2 * MIB, 5 * (uint64_t)UNIT, 3); /* in two places of the file */
	run(f);
	for (size_t i = 0; i < f->ntakes; i++) {
		assert_int_equal(f->takes[i].off % UNIT, 0);
		assert_int_equal(f->takes[i].len % UNIT, 0);
	}
	assert_int_equal(f->target->write_bytes, UNIT);
	assert_int_equal(f->result.moved, 7 * UNIT);
}

/* Bytes that stand in less than a unit side by side are read. */
static void test_bits_and_pieces(void **state)
{
	struct fixture *f = *state;

	f->placed = 4096;
	mem_fill(f->source, 0, MIB, 1);
	run(f);
	assert_int_equal(f->ntakes, 0);
	assert_int_equal(f->result.read, MIB);
}

/* A journal vouches for bytes by their hash, so they must be seen. */
static void test_journal_needs_the_bytes(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(journal_open(f->dir.fd, &f->job.journal, &err), 0);
	mem_fill(f->source, 0, MIB, 1);
	run(f);
	assert_int_equal(f->ntakes, 0);
	assert_int_equal(f->result.moved, 0);
}

static struct block *open_source(struct fixture *f, uint64_t size)
{
	struct block *b;
	struct err err;
	int fd;

	assert_int_equal(ftruncate(f->fd, (off_t)size), 0);
	fd = openat(f->dir.fd, "source", O_RDONLY);
	assert_int_equal(image_open_fd(fd, "source", format_by_name("raw"), &nowhere, &b, &err), 0);
	return b;
}

/* Real files and the real writers: raw and qcow2. */
static void copy_files(struct fixture *f, const char *format)
{
	struct create_options o = {0};
	struct block *source = open_source(f, 5 * MIB), *target;
	struct copy_job job = {.source = source, .writeback_fd = -1, .threads = 2};
	AUTO_FREE char *a = malloc(5 * MIB), *b = malloc(5 * MIB);
	int fd = openat(f->dir.fd, "target", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct err err;

	assert_int_equal(format_by_name(format)->create(fd, "target", source->size, &o, &target, &err), 0);
	job.target = target;
	copy_result_done(&f->result);
	assert_int_equal(copy_run(&job, &f->result, &err), 0);
	assert_int_equal(block_finish(target, &err), 0);
	block_close(target);
	fd = openat(f->dir.fd, "target", O_RDONLY);
	assert_int_equal(image_open_fd(fd, "target", format_by_name(format), &nowhere, &target, &err), 0);
	assert_int_equal(block_pread(source, a, 5 * MIB, 0, &err), 0);
	assert_int_equal(block_pread(target, b, 5 * MIB, 0, &err), 0);
	assert_memory_equal(a, b, 5 * MIB);
	block_close(source);
	block_close(target);
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *data = malloc(MIB);
	uint64_t seed = 9;
	struct err err;

	test_fill(data, MIB, &seed);
	assert_int_equal(file_pwrite(f->fd, data, MIB, MIB, &err), 0);
	assert_int_equal(file_pwrite(f->fd, data, 4096, 4 * MIB + 8192, &err), 0);
	copy_files(f, "raw");
	copy_files(f, "vhd");
	copy_files(f, "vhdx");
	copy_files(f, "qcow2");
	/* All, where the file system shares blocks; nothing on others of this host. copy-reflink.sh asks for the
	 * former. */
	if (f->result.moved)
		assert_in_range(f->result.moved, MIB, MIB + UNIT);
	assert_in_range(f->result.moved + f->result.read, MIB + 4096, 5 * MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_zeros_are_not_moved),	TEST(test_shared_whole), TEST(test_odd_end_is_copied),
	    TEST(test_kernel_cannot),		TEST(test_units),	 TEST(test_bits_and_pieces),
	    TEST(test_journal_needs_the_bytes), TEST(test_files),	 TEST(test_kernel_cannot_scattered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
