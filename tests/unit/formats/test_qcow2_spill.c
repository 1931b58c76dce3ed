/* The qcow2 writer with room for a part of its map only: tables go to the file and come back, the image is the same. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/qcow2_writer.h"
#include "tests/unit/formats/writing.h"

enum { DISK = 24 << 20 };

static struct block *create_small(struct image_folder *f, const char *options, enum codec codec, bool resume)
{
	struct create_options o = {.codec = codec, .resume = resume};
	int fd = openat(f->folder.dirfd, "image", O_RDWR | O_CREAT | (resume ? 0 : O_TRUNC), 0644);
	struct block *b = NULL;

	assert_int_equal(create_options_parse(&format_qcow2, options, &o, &f->err), 0);
	if (format_qcow2.create(fd, "image", DISK, &o, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	((struct qcow2_writer *)b)->map_leaves = 8;
	return b;
}

static size_t spilled(struct block *b)
{
	const struct qcow2_map *m = &((struct qcow2_writer *)b)->map;
	size_t n = 0;

	for (uint64_t i = 0; i < m->tables; i++)
		n += qcow2_map_place(m, i) != 0;
	assert_true(m->in_memory <= 8 + 8 * m->leaves); /* and what one call changes */
	return n;
}

static void assert_clean(struct image_folder *f)
{
	assert_written(f, "image", "qcow2");
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-img", "check", "-q", "-f", "qcow2", path_of(f, "image"), NULL), 0);
}

static const struct {
	const char *options;
	enum codec codec;
} kinds[] = {
    {"cluster_size=512", CODEC_UNKNOWN},
    {"cluster_size=4096", CODEC_UNKNOWN},
    {"cluster_size=4096", CODEC_ZSTD},
    {"cluster_size=512", CODEC_DEFLATE},
    {"cluster_size=16k,extended_l2=on", CODEC_UNKNOWN},
    {"cluster_size=16k,extended_l2=on", CODEC_DEFLATE},
};

static void test_copied_by_threads(void **state)
{
	struct image_folder *f = *state;

	put_random_disk(f, "raw", DISK, 5);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct copy_job job = {.threads = 4, .writeback_fd = -1};
		struct copy_result result;

		assert_int_equal(image_open(&f->folder, "raw", &format_raw, NULL, &job.source, &f->err), 0);
		job.target = create_small(f, kinds[i].options, kinds[i].codec, false);
		if (copy_run(&job, &result, &f->err) < 0)
			fail_msg("%s", f->err.text);
		assert_in_range(spilled(job.target), 1, SIZE_MAX);
		copy_result_done(&result);
		finish_image(f, job.target);
		block_close(job.source);
		assert_clean(f);
	}
}

/* Everywhere at random, again and again: data over data, zeros over data, data over zeros. */
static void test_changed_at_random(void **state)
{
	enum { UNIT = 16 << 10, WRITES = 800 };
	struct image_folder *f = *state;
	unsigned char *want = calloc(1, DISK);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct block *b = create_small(f, kinds[i].options, kinds[i].codec, false);
		uint64_t x = 77 + i;
		size_t most = 0;

		memset(want, 0, DISK);
		for (unsigned n = 0; n < WRITES; n++) {
			uint64_t off = test_random(&x) % (DISK / UNIT) * UNIT;
			size_t len = (size_t)min_u64((1 + test_random(&x) % 4) * UNIT, DISK - off);

			if (test_random(&x) % 3)
				test_fill(want + off, len, &x);
			else
				memset(want + off, 0, len);
			if (test_random(&x) % 16 == 0) {
				memset(want + off, 0, len);
				assert_int_equal(block_zero(b, off, len, &f->err), 0);
			} else if (block_pwrite(b, want + off, len, off, &f->err) < 0) {
				fail_msg("%s", f->err.text);
			}
			most = spilled(b) > most ? spilled(b) : most;
		}
		assert_in_range(most, 1, SIZE_MAX);
		put_file(f, "raw", want, DISK);
		finish_image(f, b);
		assert_clean(f);
	}
	free(want);
}

/* Notes are given for what was written last, and a later run takes all of them over. */
static void test_resumed(void **state)
{
	enum { CHUNK = 256 << 10, CHUNKS = DISK / CHUNK };
	struct image_folder *f = *state;
	char(*notes)[65536] = calloc(CHUNKS, sizeof *notes);
	unsigned char *want;
	struct block *b;

	put_random_disk(f, "raw", DISK, 9);
	want = slurp(f, "raw", DISK);
	b = create_small(f, "cluster_size=4096", CODEC_DEFLATE, false);
	for (unsigned i = 0; i < CHUNKS; i++) {
		assert_int_equal(block_pwrite(b, want + (size_t)i * CHUNK, CHUNK, (uint64_t)i * CHUNK, &f->err), 0);
		if (i % 3)
			assert_int_equal(
			    b->ops->note(b, (uint64_t)i * CHUNK, CHUNK, notes[i], sizeof notes[i], &f->err), 0);
	}
	assert_in_range(spilled(b), 1, SIZE_MAX);
	block_close(b);
	b = create_small(f, "cluster_size=4096", CODEC_DEFLATE, true);
	for (unsigned i = 0; i < CHUNKS; i++)
		if (i % 3 && b->ops->adopt(b, (uint64_t)i * CHUNK, CHUNK, notes[i], &f->err) < 0)
			fail_msg("%s", f->err.text);
	assert_in_range(spilled(b), 1, SIZE_MAX);
	assert_int_equal(b->ops->adopt(b, CHUNK, CHUNK, notes[1], &f->err), -1);
	assert_non_null(strstr(f->err.text, "is written already"));
	for (unsigned i = 0; i < CHUNKS; i += 3)
		assert_int_equal(block_pwrite(b, want + (size_t)i * CHUNK, CHUNK, (uint64_t)i * CHUNK, &f->err), 0);
	finish_image(f, b);
	assert_clean(f);
	free(notes);
	free(want);
}

/* The file is full when a table is to go there. */
static void test_no_room(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_small(f, "cluster_size=512", CODEC_UNKNOWN, false);
	struct qcow2_writer *w = (struct qcow2_writer *)b;
	unsigned char *data = malloc(MIB);
	int fd = w->fd;

	memset(data, 'x', MIB);
	w->map_leaves = SIZE_MAX;
	assert_int_equal(block_pwrite(b, data, MIB, 0, &f->err), 0);
	w->map_leaves = 8;
	w->fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(qcow2_spill_if_due(w, &f->err), -1);
	assert_non_null(strstr(f->err.text, "tables: "));
	assert_non_null(strstr(f->err.text, "No space left"));
	close(w->fd);
	w->fd = fd;
	block_close(b);
	free(data);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_copied_by_threads, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_changed_at_random, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_resumed, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_no_room, image_folder_setup, image_folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
