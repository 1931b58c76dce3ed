/* Tests of run/verify/compare.c: what the conversion wrote or discarded doesn't count, all else does, and who changed
 * is known by the hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/hash.h"
#include "formats/open.h"
#include "run/verify/compare.h"
#include "tests/unit/run/verify/sealed_folder.h"

enum { SIZE = 10 << 20, WRITTEN = 65536, DISCARDED = 6 << 20 };

struct fixture {
	int source_fd, result_fd;
	struct block *source, *result;
	uint64_t guest[5];
	struct seal_run runs[3];
	struct seal_content content;
	struct disk_comparison c;
};

static void put(int fd, uint64_t off, uint64_t len, char byte)
{
	AUTO_FREE char *data = malloc(len);

	memset(data, byte, len);
	assert_int_equal(file_pwrite(fd, data, len, off, NULL), 0);
}

/* Both have 'a' in the first 2 MiB and at 8 MiB, the source 'd' at 6 MiB. The conversion wrote 'w' in the first chunk
 * and discarded the fourth. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	AUTO_FREE char *chunk = malloc(SEAL_CHUNK);

	f->source_fd = memfd_create("source", MFD_CLOEXEC);
	f->result_fd = memfd_create("result", MFD_CLOEXEC);
	if (ftruncate(f->source_fd, SIZE) < 0 || ftruncate(f->result_fd, SIZE) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		put(i ? f->result_fd : f->source_fd, 0, 2 * MIB, 'a');
		put(i ? f->result_fd : f->source_fd, 8 * MIB, 8192, 'a');
	}
	put(f->source_fd, DISCARDED, MIB, 'd');
	put(f->result_fd, WRITTEN, 4096, 'w');
	if (file_block_open(dup(f->source_fd), "source", &f->source, NULL) < 0 ||
	    file_block_open(dup(f->result_fd), "result", &f->result, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < 5; i += 4) {
		if (file_pread(f->result_fd, chunk, SEAL_CHUNK, (uint64_t)i * SEAL_CHUNK, NULL) < 0)
			return -1;
		f->guest[i] = hash_xxh3(chunk, SEAL_CHUNK);
	}
	f->runs[0] = (struct seal_run){.off = WRITTEN, .len = 4096, .kind = SEAL_WRITTEN};
	f->runs[1] = (struct seal_run){.off = DISCARDED, .len = 2 * MIB, .kind = SEAL_DISCARDED};
	f->content = (struct seal_content){.runs = f->runs, .nruns = 2, .guest = f->guest, .nchunks = 5};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	disk_comparison_done(&f->c);
	block_close(f->source);
	block_close(f->result);
	close(f->source_fd);
	close(f->result_fd);
	free(f);
	return 0;
}

static void compare(struct fixture *f)
{
	struct disk_compare_job job = {.source = f->source, .result = f->result, .content = &f->content, .threads = 3};
	struct err err = ERR_INIT;

	disk_comparison_done(&f->c);
	if (disk_compare(&job, &f->c, &err) < 0)
		fail_msg("%s", err.text);
}

static void expect(const struct fixture *f, size_t i, uint64_t off, uint64_t len, enum changed_side side)
{
	assert_true(i < f->c.n);
	assert_int_equal(f->c.differences[i].off, off);
	assert_int_equal(f->c.differences[i].len, len);
	assert_int_equal(f->c.differences[i].side, side);
}

static void what_was_converted_does_not_count(void **state)
{
	struct fixture *f = *state;

	compare(f);
	assert_int_equal(f->c.n, 0);
	/* Of the last chunk only the data, on a file system that has small extents; no more than both chunks. */
	assert_in_range(f->c.compared, 2 * MIB - 4096 + 8192, 4 * MIB);
}

static void a_changed_result(void **state)
{
	struct fixture *f = *state;

	put(f->result_fd, 4096, 1, 'x');
	put(f->result_fd, 12287, 2, 'x');	      /* two blocks */
	put(f->result_fd, 3 * MIB, 1, 'x');	      /* where both had a hole */
	put(f->result_fd, DISCARDED + 4096, 10, 'x'); /* should be zeros */
	put(f->result_fd, SIZE - 1, 1, 'x');
	compare(f);
	assert_int_equal(f->c.n, 4);
	expect(f, 0, 4096, 12288, CHANGED_RESULT);
	expect(f, 1, 3 * MIB, 4096, CHANGED_RESULT);
	expect(f, 2, DISCARDED + 4096, 4096, CHANGED_RESULT);
	expect(f, 3, SIZE - 4096, 4096, CHANGED_RESULT);
}

static void a_changed_source(void **state)
{
	struct fixture *f = *state;

	put(f->source_fd, 4096, 1, 'x');
	put(f->source_fd, WRITTEN, 4096, 'x');	      /* the conversion wrote it anyway */
	put(f->source_fd, DISCARDED + 4096, 10, 'x'); /* it wasn't read */
	put(f->source_fd, 3 * MIB, 1, 'x');
	compare(f);
	assert_int_equal(f->c.n, 2);
	expect(f, 0, 4096, 4096, CHANGED_SOURCE);
	expect(f, 1, 3 * MIB, 4096, CHANGED_SOURCE);
}

/* A sector that could not be read is zeros in the result; its chunk has no hash. */
static void unreadable_places(void **state)
{
	struct fixture *f = *state;

	f->runs[2] = (struct seal_run){.off = 8 * MIB, .len = 512, .kind = SEAL_UNREAD};
	f->content.nruns = 3;
	f->guest[4] = 0;
	put(f->result_fd, 8 * MIB, 512, '\0');
	compare(f);
	assert_int_equal(f->c.n, 0);
	put(f->result_fd, 8 * MIB + 4096, 1, 'x');
	compare(f);
	assert_int_equal(f->c.n, 1);
	expect(f, 0, 8 * MIB + 4096, 4096, CHANGED_UNKNOWN);
}

static int sectors(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	*ret = (struct extent){
	    .off = off, .len = min_u64(512 - off % 512, max), .kind = off / 512 % 2 ? EXTENT_HOLE : EXTENT_DATA};
	return 0;
}

static int every_other(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	for (size_t i = 0; i < len; i++)
		((char *)buf)[i] = (off + i) / 512 % 2 ? 0 : 'x';
	return 0;
}

static int nothing(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	memset(buf, 0, len);
	return 0;
}

static int one_hole(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_HOLE};
	return 0;
}

/* Extents have borders inside blocks: there is one difference for a block at most, of 512 in a chunk. */
static void a_source_in_sectors(void **state)
{
	static const struct block_ops source_ops = {.name = "sectors", .pread = every_other, .extent = sectors};
	static const struct block_ops result_ops = {.name = "empty", .pread = nothing, .extent = one_hole};
	const struct seal_content content = {.guest = (uint64_t[5]){0}, .nchunks = 5};
	struct block source, result;
	struct disk_compare_job job = {.source = &source, .result = &result, .content = &content, .threads = 1};
	struct fixture *f = *state;
	struct err err;

	block_init(&source, &source_ops, "source", SIZE);
	block_init(&result, &result_ops, "result", SIZE);
	assert_int_equal(disk_compare(&job, &f->c, &err), 0);
	assert_int_equal(f->c.n + f->c.more, SIZE / 4096);
	assert_int_equal(f->c.differences[0].off, 0);
	assert_int_equal(f->c.differences[0].len, 7 * 512);
}

static void an_unknown_part(void **state)
{
	struct fixture *f = *state;

	f->runs[2] = (struct seal_run){.off = 8 * MIB, .len = 2 * MIB, .kind = SEAL_UNKNOWN};
	f->content.nruns = 3;
	put(f->result_fd, 9 * MIB, 1, 'x');
	compare(f);
	assert_int_equal(f->c.n, 0);
}

static void many_differences(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 400; i++)
		put(f->result_fd, 2 * MIB + i * 8192, 1, 'x');
	compare(f);
	assert_int_equal(f->c.n, DIFFERENCES_MAX);
	assert_int_equal(f->c.more, 400 - DIFFERENCES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_converted_does_not_count, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_result, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_source, setup, teardown),
	    cmocka_unit_test_setup_teardown(unreadable_places, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_source_in_sectors, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_unknown_part, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_differences, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
