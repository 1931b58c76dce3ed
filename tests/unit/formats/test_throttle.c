/* Tests of formats/throttle.c: the bytes are the file's, and reads are paid for. How long that takes is
 * test_bucket.c's. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/open.h"
#include "formats/throttle.h"
#include "tests/unit/support/mem_block.h"

static void test_reads_in_pieces(void **state)
{
	struct mem_block *m = mem_new(MIB);
	AUTO_FREE char *data = malloc(MIB);
	struct throttle *t;
	struct file_place place;
	struct block *b;
	struct extent e;
	struct err err;

	mem_fill(m, 64 * KIB, MIB - 64 * KIB, 1);
	m->b.logical_sector = 4096;
	assert_int_equal(throttle_new(UINT64_C(8) << 20, &t, &err), 0); /* saves up 0.8 MiB: no wait worth naming */
	assert_int_equal(throttle_open(&m->b, t, &b, &err), 0);
	throttle_drop(t);
	assert_int_equal(b->size, MIB);
	assert_int_equal(b->logical_sector, 4096);
	assert_int_equal(block_extent(b, 0, MIB, &e, &err), 0);
	assert_int_equal(e.len, 64 * KIB);
	assert_int_equal(block_pread(b, data, 512 * KIB, 32 * KIB, &err), 0);
	assert_memory_equal(data + 32 * KIB, m->data + 64 * KIB, 480 * KIB);
	assert_int_equal(m->reads, 1);
	assert_int_equal(block_place(b, 0, MIB, &place, &err), 0);
	assert_int_equal(place.len, 0); /* or the kernel would copy as fast as it can */
	block_close(b);
}

/* A slow line is read in small pieces, a very slow one in the smallest. */
static void test_pieces(void **state)
{
	struct mem_block *m = mem_new(MIB);
	char data[16 * KIB];
	struct throttle *t;
	struct block *b;
	struct err err;

	assert_int_equal(throttle_new(UINT64_C(1) << 20, &t, &err), 0);
	assert_int_equal(throttle_open(&m->b, t, &b, &err), 0);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &err), 0);
	assert_int_equal(m->reads, 1);
	block_close(b);
	throttle_drop(t);
	m = mem_new(MIB);
	assert_int_equal(throttle_new(200000, &t, &err), 0);
	assert_int_equal(throttle_open(&m->b, t, &b, &err), 0);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &err), 0);
	assert_int_equal(m->reads, 1);
	block_close(b);
	throttle_drop(t);
	m = mem_new(MIB);
	assert_int_equal(throttle_new(100000, &t, &err), 0);
	assert_int_equal(throttle_open(&m->b, t, &b, &err), 0);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &err), 0);
	assert_int_equal(m->reads, 2); /* 12 KiB an eighth of a second */
	block_close(b);
	throttle_drop(t);
}

/* All files of a source share one throttle; a source without one has its place. */
static void test_images(void **state)
{
	char path[] = "/tmp/rehost-test-XXXXXX";
	int fd = mkstemp(path);
	struct open_options options = {0};
	struct folder folder = {.dirfd = -1, .options = &options};
	struct file_place place;
	struct block *b;
	struct err err;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(image_open_fd(fcntl(fd, F_DUPFD_CLOEXEC, 0), "x", format_by_name("raw"), &folder, &b, &err),
			 0);
	assert_int_equal(block_place(b, 0, MIB, &place, &err), 0);
	assert_int_equal(place.len, MIB);
	block_close(b);
	assert_int_equal(throttle_new(UINT64_C(1) << 30, &options.throttle, &err), 0);
	assert_int_equal(image_open_fd(fd, "x", format_by_name("raw"), &folder, &b, &err), 0);
	throttle_drop(options.throttle);
	assert_int_equal(block_place(b, 0, MIB, &place, &err), 0);
	assert_int_equal(place.len, 0);
	block_close(b);
}

struct waiter {
	struct throttle *t;
	atomic_bool stop;
};

static void *wait_long(void *opaque)
{
	struct waiter *w = opaque;

	throttle_wait_until(w->t, MIB, &w->stop);
	return NULL;
}

/* It would take 17 minutes: the alarm ends the test before. */
static void test_woken(void **state)
{
	struct waiter w = {.stop = false};
	pthread_t thread;

	(void)state;
	assert_int_equal(throttle_new(1024, &w.t, NULL), 0);
	alarm(60);
	assert_int_equal(pthread_create(&thread, NULL, wait_long, &w), 0);
	usleep(200000);
	atomic_store(&w.stop, true);
	throttle_wake(w.t);
	pthread_join(thread, NULL);
	throttle_wait_until(w.t, MIB, &w.stop); /* nor does it begin to wait */
	alarm(0);
	throttle_drop(w.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_in_pieces),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_images),
	    cmocka_unit_test(test_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
