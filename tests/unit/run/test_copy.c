/* Tests of run/copy.c: what is copied, what is left out, bad sectors, a full target, resuming. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "formats/qcow2.h"
#include "run/copy.h"
#include "tests/unit/support/mem_block.h"
#include "tests/unit/support/test_folder.h"

enum { SIZE = 21 << 20 }; /* ten chunks and a half */

struct fixture {
	struct test_folder dir;
	struct mem_block *source, *target;
	struct copy_job job;
	struct copy_result result;
	_Atomic uint64_t progress;
};

static void on_progress(uint64_t done, void *opaque)
{
	((struct fixture *)opaque)->progress = done;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	f->source = mem_new(SIZE);
	f->target = mem_new(SIZE);
	mem_fill(f->source, 0, 3 * MIB, 1);
	mem_fill(f->source, 9 * MIB + 8192, 4096, 2);
	mem_fill(f->source, 20 * MIB, MIB, 3);
	f->job = (struct copy_job){.source = &f->source->b,
				   .target = &f->target->b,
				   .threads = 3,
				   .writeback_fd = -1,
				   .progress = on_progress,
				   .opaque = f};
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
	free(f);
	return 0;
}

static void expect_same(const struct fixture *f)
{
	AUTO_FREE char *a = malloc(SIZE), *b = malloc(SIZE);
	struct err err;

	assert_int_equal(block_pread(&f->source->b, a, SIZE, 0, &err), 0);
	assert_int_equal(block_pread(&f->target->b, b, SIZE, 0, &err), 0);
	assert_memory_equal(a, b, SIZE);
}

static void open_journal(struct fixture *f)
{
	struct err err;

	journal_close(f->job.journal);
	assert_int_equal(journal_open(f->dir.fd, &f->job.journal, &err), 0);
}

static void test_copies_data_only(void **state)
{
	struct fixture *f = *state;
	struct err err;

	/* a 64 KiB run of written zeros is data to read, but nothing to write */
	memset(f->source->data + MIB, 0, 64 * KIB);
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	expect_same(f);
	assert_int_equal(f->result.read, 4 * MIB + 4096);
	assert_int_equal(f->source->read_bytes - SIZE, 4 * MIB + 4096);
	assert_int_equal(f->target->write_bytes, 4 * MIB + 4096 - 64 * KIB);
	assert_int_equal(f->progress, 4 * MIB + 4096);
	assert_int_equal(f->target->flushes, 1);
	assert_int_equal(f->result.nbad, 0);
}

/* A target that writes whole units gets whole units, also at the end of the disk. */
static void test_units_of_the_target(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->target->b.unit = 64 * KIB;
	f->source->b.size = f->target->b.size = SIZE - 5000;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	f->source->b.size = f->target->b.size = SIZE;
	memset(f->source->data + SIZE - 5000, 0, 5000);
	expect_same(f);
	assert_int_equal(f->target->write_bytes, 3 * MIB + 64 * KIB + MIB - 5000);
}

static void test_without_target_all_is_read(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->job.target = NULL;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->source->read_bytes, 4 * MIB + 4096);
	assert_int_equal(f->target->write_bytes, 0);
}

static void test_empty_disk(void **state)
{
	struct fixture *f = *state;
	struct err err;

	memset(f->source->allocated, 0, SIZE / MEM_UNIT);
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->source->reads, 0);
	assert_int_equal(f->target->write_bytes, 0);
}

/* Two failures, then it works: nobody is told. */
static void test_retries(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->source->bad_off = MIB + 512;
	f->source->bad_len = 512;
	f->source->bad_times = 2;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->result.nbad, 0);
	expect_same(f);
}

static void test_bad_sector_stops(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->source->bad_off = MIB + 512;
	f->source->bad_len = 512;
	f->source->bad_times = -1;
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_string_equal(err.text, "copy of 'test.img': sector at 0x100200 can't be read in 3 tries: "
				      "mem 'test.img': read of 512 bytes at 0x100200: Input/output error");
}

static void test_bad_sectors_become_zeros(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->job.on_read_error = READ_ERROR_ZERO;
	f->source->bad_off = MIB + 512;
	f->source->bad_len = 1024;
	f->source->bad_times = -1;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->result.nbad, 1);
	assert_int_equal(f->result.bad[0].off, MIB + 512);
	assert_int_equal(f->result.bad[0].len, 1024);
	f->source->bad_times = 0;
	memset(f->source->data + MIB + 512, 0, 1024);
	expect_same(f);
}

/* A bad zone over several chunks is one range, and each of its chunks is tried again by the next run. */
static void test_a_bad_zone_is_one_range(void **state)
{
	struct fixture *f = *state;
	struct err err;

	open_journal(f);
	mem_fill(f->source, 0, 9 * MIB, 1);
	f->job.on_read_error = READ_ERROR_ZERO;
	f->source->bad_off = MIB + 512;
	f->source->bad_len = 2 * COPY_CHUNK;
	f->source->bad_times = -1;
	for (unsigned threads = 1; threads < 4; threads += 2) {
		f->job.threads = threads;
		copy_result_done(&f->result);
		assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
		assert_int_equal(f->result.nbad, 1);
		assert_int_equal(f->result.bad[0].off, MIB + 512);
		assert_int_equal(f->result.bad[0].len, 2 * COPY_CHUNK);
	}
}

/* Damage is not tried again; with the zero policy only the damaged part is lost. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->job.threads = 1;
	f->source->bad_off = 2 * MIB + 4096;
	f->source->bad_len = 4096;
	f->source->bad_times = -1;
	f->source->bad_code = ERR_CORRUPT;
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(f->source->reads, 4 + 1); /* a chunk is read in four pieces */
	f->job.on_read_error = READ_ERROR_ZERO;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->result.nbad, 1);
	assert_int_equal(f->result.bad[0].off, 2 * MIB + 4096);
	assert_int_equal(f->result.bad[0].len, 4096);
}

/* Zeros are for bad sectors: not for what a lost network, or a machine that answers wrongly, has kept back. */
static void test_a_lost_network_is_no_bad_sector(void **state)
{
	static const struct {
		enum err_code code;
		int sys;
	} failures[] = {{ERR_TEMPFAIL, ESHUTDOWN}, {ERR_CORRUPT, EBADMSG}};
	struct fixture *f = *state;
	struct err err;

	f->job.on_read_error = READ_ERROR_ZERO;
	f->source->bad_off = MIB;
	f->source->bad_len = 512;
	f->source->bad_times = -1;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		copy_result_done(&f->result);
		f->source->bad_code = failures[i].code;
		f->source->bad_errno = failures[i].sys;
		assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
		assert_int_equal(err.code, failures[i].code);
		assert_int_equal(f->result.nbad, 0);
	}
}

static void test_full_target(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->target->full_from = 9 * MIB;
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_int_equal(err_exit_status(err.code), 75);
}

/* The kernel tells once that what was written before is lost: a flush that succeeds later vouches for none of it. */
static void test_after_a_failed_flush_nothing_is_vouched_for(void **state)
{
	struct fixture *f = *state;
	const struct journal_extent *e;
	struct err err;

	f->job.threads = 3;
	f->source->delay_us = 1100000; /* the second is finished after 2.2 s, the others later */
	f->target->bad_flushes = 1;
	open_journal(f);
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_non_null(strstr(err.text, "cannot flush: Input/output error"));
	open_journal(f);
	assert_int_equal(journal_extents(f->job.journal, &e), 0);
}

/* A failed run leaves in the journal what it had done, and the next copies only the rest. */
static void test_resume(void **state)
{
	struct fixture *f = *state;
	const struct journal_extent *e;
	uint64_t before;
	struct err err;

	f->job.threads = 1;
	f->target->full_from = 20 * MIB;
	open_journal(f);
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_true(f->target->flushes >= 1);
	open_journal(f);
	assert_int_equal(journal_extents(f->job.journal, &e), 3);
	assert_int_equal(e[0].off, 0);
	assert_int_equal(e[1].off, 2 * MIB);
	assert_int_equal(e[2].off, 8 * MIB);
	assert_int_equal(e[2].len, 2 * MIB);
	assert_true(e[0].hash == hash_xxh3(f->source->data, 2 * MIB));

	f->target->full_from = 0;
	before = f->target->write_bytes;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->result.reused, 3 * MIB + 4096);
	assert_int_equal(f->target->write_bytes - before, MIB);
	assert_int_equal(f->progress, 4 * MIB + 4096);
	expect_same(f);

	/* all is vouched for: nothing is written any more */
	open_journal(f);
	before = f->target->write_bytes;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->target->write_bytes, before);
	assert_int_equal(f->result.reused, 4 * MIB + 4096);
}

static void test_other_disks_extents_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct err err;

	open_journal(f);
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	open_journal(f);
	f->job.disk = 1;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	assert_int_equal(f->result.reused, 0);
}

static void test_resume_finds_another_source(void **state)
{
	struct fixture *f = *state;
	char expected[512];
	uint64_t was = hash_xxh3(f->source->data, 2 * MIB);
	struct err err;

	open_journal(f);
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	open_journal(f);
	f->source->data[77]++;
	snprintf(expected, sizeof expected,
		 "copy of 'test.img': source 'test.img': the bytes at 0x0 have hash %016" PRIx64
		 ", the journal says %016" PRIx64 ": the run can't be resumed, --restart starts anew",
		 hash_xxh3(f->source->data, 2 * MIB), was);
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	assert_string_equal(err.text, expected);
	f->source->data[77]--;
	f->target->data[2 * MIB + 99]++;
	open_journal(f);
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_non_null(strstr(err.text, "target 'test.img': the bytes at 0x200000 have hash"));
}

/* Bad ranges of a chunk must be in the result of the run that completes: such chunks are copied again. */
static void test_bad_chunks_are_not_vouched_for(void **state)
{
	struct fixture *f = *state;
	const struct journal_extent *e;
	struct err err;

	open_journal(f);
	f->job.on_read_error = READ_ERROR_ZERO;
	f->source->bad_off = 20 * MIB;
	f->source->bad_len = 512;
	f->source->bad_times = -1;
	for (int i = 0; i < 2; i++) {
		copy_result_done(&f->result);
		assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
		assert_int_equal(f->result.nbad, 1);
		assert_int_equal(f->result.reused, i ? 3 * MIB + 4096 : 0);
		open_journal(f);
		assert_int_equal(journal_extents(f->job.journal, &e), 3);
	}
}

static int write_file(const struct fixture *f, const char *name)
{
	int fd = openat(f->dir.fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* With qcow2: an interrupted run, resumed, gives an image whose content qemu finds equal to the source's. */
static void copy_to_qcow2(struct fixture *f, int codec, bool resume, uint64_t stop_at)
{
	struct create_options o = {.resume = resume, .codec = codec};
	struct block *target;
	struct err err;

	assert_int_equal(qcow2_create(write_file(f, "t.qcow2"), "t.qcow2", SIZE, &o, &target, &err), 0);
	f->job.target = target;
	f->source->bad_off = stop_at;
	f->source->bad_len = stop_at ? 512 : 0;
	f->source->bad_times = -1;
	assert_int_equal(copy_run(&f->job, &f->result, &err), stop_at ? -1 : 0);
	if (!stop_at)
		assert_int_equal(block_finish(target, &err), 0);
	block_close(target);
}

static void compare_with_qemu(struct fixture *f)
{
	int fd = write_file(f, "s.raw");
	char command[256];
	struct err err;

	assert_int_equal(file_pwrite(fd, f->source->data, SIZE, 0, &err), 0);
	close(fd);
	snprintf(command, sizeof command,
		 "cd %s && qemu-img compare -q -f raw -F qcow2 s.raw t.qcow2 && "
		 "qemu-img check -q t.qcow2",
		 f->dir.path);
	assert_int_equal(system(command), 0);
}

static void test_qcow2_resumed(void **state)
{
	static const int codecs[] = {CODEC_UNKNOWN, CODEC_DEFLATE, CODEC_ZSTD};
	struct fixture *f = *state;

	if (system("command -v qemu-img >/dev/null") != 0) {
		print_message("SKIP: qemu-img is missing\n");
		skip();
	}
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		memset(f->source->data + 64 * KIB, 'x', 300 * KIB); /* something to compress */
		open_journal(f);
		copy_to_qcow2(f, codecs[i], false, 20 * MIB + 8192);
		open_journal(f);
		copy_to_qcow2(f, codecs[i], true, 0);
		assert_int_equal(f->result.reused, 3 * MIB + 4096);
		compare_with_qemu(f);
		/* once more, as after a kill between finish() and the journal's "copied" */
		open_journal(f);
		copy_to_qcow2(f, codecs[i], true, 0);
		assert_int_equal(f->result.reused, 4 * MIB + 4096);
		compare_with_qemu(f);
		assert_int_equal(unlinkat(f->dir.fd, "journal.ndjson", 0), 0);
		assert_int_equal(unlinkat(f->dir.fd, "t.qcow2", 0), 0);
	}
}

/* A target that is written in order: it sees every write between the marks that frame it. */
struct ordered {
	struct mem_block m; /* first: it is one */
	pthread_mutex_t lock;
	struct block *inner;
	uint64_t settled, highest;
	bool early, back; /* a write below the mark; a mark that was true and isn't any more */
};

static int ordered_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct ordered *o = (struct ordered *)b;

	pthread_mutex_lock(&o->lock);
	o->early |= off < o->settled;
	o->highest = max_u64(o->highest, off);
	pthread_mutex_unlock(&o->lock);
	return block_pwrite(o->inner, buf, len, off, err);
}

static int ordered_settled(struct block *b, uint64_t off, struct err *err)
{
	struct ordered *o = (struct ordered *)b;

	pthread_mutex_lock(&o->lock);
	o->settled = max_u64(o->settled, off);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

static const struct block_ops ordered_ops = {
    .name = "ordered",
    .pwrite = ordered_pwrite,
    .settled = ordered_settled,
};

static void test_marks_for_a_target_in_order(void **state)
{
	struct fixture *f = *state;
	struct ordered o = {.lock = PTHREAD_MUTEX_INITIALIZER, .inner = &f->target->b};
	struct err err;

	f->source->delay_us = 200;
	mem_fill(f->source, 0, SIZE, 4);
	for (f->job.threads = 1; f->job.threads <= 4; f->job.threads++) {
		block_init(&o.m.b, &ordered_ops, "test.img", SIZE);
		o.settled = o.highest = 0;
		f->job.target = &o.m.b;
		assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
		assert_false(o.early);
		assert_int_equal(o.highest, 20 * MIB + 512 * KIB);
		assert_true(o.settled >= SIZE);
		expect_same(f);
	}
	/* what failed is settled too, so that nobody waits for it */
	f->source->bad_off = 4 * MIB;
	f->source->bad_len = 512;
	f->source->bad_times = -1;
	f->job.threads = 3;
	o.settled = 0;
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	assert_true(o.settled > 4 * MIB);
}

/* Where the source has nothing, a target with old content must be zeroed. */
static void test_stale_target(void **state)
{
	struct fixture *f = *state;
	struct err err;

	mem_fill(f->target, 0, SIZE, 5);
	memset(f->source->data + MIB, 0, 64 * KIB); /* data, but zeros */
	f->target->b.stale = true;
	assert_int_equal(copy_run(&f->job, &f->result, &err), 0);
	expect_same(f);
	assert_int_equal(f->target->write_bytes, 8 * MIB - MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_copies_data_only),
	    TEST(test_units_of_the_target),
	    TEST(test_without_target_all_is_read),
	    TEST(test_empty_disk),
	    TEST(test_retries),
	    TEST(test_bad_sector_stops),
	    TEST(test_bad_sectors_become_zeros),
	    TEST(test_a_bad_zone_is_one_range),
	    TEST(test_damage),
	    TEST(test_a_lost_network_is_no_bad_sector),
	    TEST(test_full_target),
	    TEST(test_after_a_failed_flush_nothing_is_vouched_for),
	    TEST(test_resume),
	    TEST(test_other_disks_extents_are_left_alone),
	    TEST(test_resume_finds_another_source),
	    TEST(test_bad_chunks_are_not_vouched_for),
	    TEST(test_qcow2_resumed),
	    TEST(test_marks_for_a_target_in_order),
	    TEST(test_stale_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
