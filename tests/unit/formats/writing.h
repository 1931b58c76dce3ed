/* Images written through the copy engine, with our reader and qemu-img as the judges of what they hold. */
#ifndef REHOST_TESTS_FORMATS_WRITING_H
#define REHOST_TESTS_FORMATS_WRITING_H

#include <sys/stat.h>

#include "formats/create_options.h"
#include "formats/registry.h"
#include "run/copy.h"
#include "tests/unit/formats/referee.h"

/* options: "KEY=VALUE,…" or "". */
static inline int try_create(struct image_folder *f, const struct format *format, const char *name, const char *options,
			     uint64_t size, uint32_t sector, struct block **ret)
{
	struct create_options o = {.logical_sector = sector};
	AUTO_FD int fd = openat(f->folder.dirfd, name, O_RDWR | O_CREAT, 0644);

	f->log[0] = '\0';
	err_clear(&f->err);
	if (*options && create_options_parse(format, options, &o, &f->err) < 0)
		fail_msg("%s", f->err.text);
	if (format->create(fd, name, size, &o, ret, &f->err) < 0) {
		assert_true(fcntl(fd, F_GETFD) >= 0); /* stays the caller's */
		return -1;
	}
	take_fd(&fd);
	return 0;
}

static inline struct block *create_image(struct image_folder *f, const struct format *format, const char *name,
					 const char *options, uint64_t size, uint32_t sector)
{
	struct block *b = NULL;

	if (try_create(f, format, name, options, size, sector, &b) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

static inline void create_fails(struct image_folder *f, const struct format *format, const char *options, uint64_t size,
				enum err_code code, const char *text)
{
	struct block *b = NULL;

	assert_int_equal(try_create(f, format, "x", options, size, 0, &b), -1);
	assert_string_equal(f->err.text, text);
	assert_int_equal(f->err.code, code);
}

static inline void finish_image(struct image_folder *f, struct block *b)
{
	if (block_finish(b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	block_close(b);
}

static inline void put_bytes(struct image_folder *f, struct block *b, uint64_t off, size_t len, uint64_t seed)
{
	unsigned char *data = malloc(len);

	test_fill(data, len, &seed);
	if (block_pwrite(b, data, len, off, &f->err) < 0)
		fail_msg("%s", f->err.text);
	free(data);
}

/* The file "raw" of the folder, copied into a new image. */
static inline void write_image(struct image_folder *f, const struct format *format, const char *name,
			       const char *options, uint32_t sector, unsigned threads)
{
	struct copy_result result;
	struct copy_job job = {.threads = threads, .writeback_fd = -1};

	if (image_open(&f->folder, "raw", &format_raw, NULL, &job.source, &f->err) < 0)
		fail_msg("%s", f->err.text);
	job.target = create_image(f, format, name, options, job.source->size, sector);
	if (copy_run(&job, &result, &f->err) < 0)
		fail_msg("%s", f->err.text);
	copy_result_done(&result);
	finish_image(f, job.target);
	block_close(job.source);
}

/* By our reader, and by qemu-img under this name of the format (NULL: it can't read it). */
static inline void assert_written(struct image_folder *f, const char *name, const char *qemu_format)
{
	struct block *b = open_ok(f, name);

	assert_string_equal(f->log, "");
	assert_holds_file(f, b, "raw");
	block_close(b);
	if (qemu_format && have_qemu_img())
		assert_int_equal(run_program("qemu-img", "compare", "-q", "-f", "raw", "-F", qemu_format,
					     path_of(f, "raw"), path_of(f, name), NULL),
				 0);
}

/* A file of the folder, with the number of its bytes. */
static inline unsigned char *whole_file(struct image_folder *f, const char *name, uint64_t *ret_size)
{
	struct stat st;

	assert_int_equal(fstatat(f->folder.dirfd, name, &st, 0), 0);
	*ret_size = (uint64_t)st.st_size;
	return slurp(f, name, *ret_size);
}

#endif
