/* The qcow2 reader against qemu-img and real images, its cost, and many threads on one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "formats/qcow2_layout.h"
#include "formats/registry.h"
#include "tests/unit/formats/qcow2_fixture.h"
#include "tests/unit/formats/qcow2_scratch.h"
#include "tests/unit/formats/qemu_img.h"
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A raw file of zeros, text-like and random stretches. */
static void make_raw(const struct scratch *s, const char *name, size_t size, uint64_t seed)
{
	AUTO_FD int fd = open(path_in(s, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t x = seed * 88172645463325252U + 1, piece[512];

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (size_t at = 0; at < size;) {
		unsigned kind = next_random(&x) % 4, n = 1 + next_random(&x) % 40;

		for (; n-- && at < size; at += sizeof piece) {
			for (unsigned i = 0; kind && i < 512; i++)
				piece[i] = next_random(&x) & (kind == 1 ? ~UINT64_C(0) : UINT64_C(0x0303070701010101));
			if (kind)
				assert_int_equal(file_pwrite(fd, piece, min_u64(sizeof piece, size - at), at, NULL), 0);
		}
	}
}

/* Reads all of b in odd pieces, following the extents too: what they call zero must be zero. */
static void assert_equals_raw(struct scratch *s, struct block *b, const char *raw)
{
	AUTO_FD int fd = open(path_in(s, raw), O_RDONLY);
	unsigned char *want = malloc(b->size + 1), *got = malloc(b->size + 1);
	uint64_t x = b->size + b->unit;
	struct extent e;

	assert_int_equal(file_pread(fd, want, b->size, 0, NULL), 0);
	for (uint64_t at = 0, n; at < b->size; at += n) {
		n = min_u64(1 + next_random(&x) % (x % 5 ? 300 * KIB : 5 * MIB), b->size - at);
		if (block_pread(b, got + at, n, at, &s->err) < 0)
			fail_msg("%s", s->err.text);
	}
	assert_memory_equal(want, got, b->size);
	memset(got, 0, b->size);
	for (uint64_t at = 0; at < b->size; at += e.len) {
		if (block_extent(b, at, b->size - at, &e, &s->err) < 0)
			fail_msg("%s", s->err.text);
		if (e.kind == EXTENT_DATA)
			assert_int_equal(block_pread(b, got + at, e.len, at, &s->err), 0);
	}
	assert_memory_equal(want, got, b->size);
	free(want);
	free(got);
}

static void test_generated_by_qemu(void **state)
{
	static const struct {
		const char *options;
		bool packed;
		size_t size;
	} cases[] = {
	    {"compat=0.10", false, 20 * MIB},
	    {"compat=0.10", true, 20 * MIB},
	    {"compat=1.1", false, 20 * MIB + 512},
	    {"compat=1.1", true, 20 * MIB + 512},
	    {"compat=1.1,compression_type=zstd", true, 20 * MIB},
	    {"compat=1.1,cluster_size=512", false, 2 * MIB + 1024},
	    {"compat=1.1,cluster_size=512", true, 2 * MIB},
	    {"compat=1.1,cluster_size=4096,compression_type=zstd", true, 6 * MIB},
	    {"compat=1.1,cluster_size=2M", false, 20 * MIB + 512},
	    {"compat=1.1,cluster_size=2M", true, 20 * MIB + 512},
	    {"compat=1.1,cluster_size=2M,compression_type=zstd", true, 20 * MIB + 512},
	    {"compat=1.1,preallocation=metadata", false, 20 * MIB},
	    {"compat=1.1,preallocation=falloc", false, 20 * MIB},
	    {"compat=1.1,lazy_refcounts=on", false, 4 * MIB},
	    {"compat=1.1,refcount_bits=1", false, 4 * MIB},
	};
	struct scratch *s = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct block *b;

		make_raw(s, "raw", cases[i].size, i + 1);
		assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", cases[i].options,
					     cases[i].packed ? "-c" : "-q", path_in(s, "raw"), path_in(s, "image"),
					     NULL),
				 0);
		b = open_image(s, "image");
		assert_string_equal(b->ops->name, "qcow2");
		assert_int_equal(b->size, cases[i].size);
		assert_equals_raw(s, b, "raw");
		block_close(b);
	}
}

/* What qemu-io writes goes into the raw file at the same place; with a length behind the comma. */
static void io(struct scratch *s, const char *image, const char *command)
{
	assert_int_equal(run_program("qemu-io", "-f", "qcow2", "-c", command, path_in(s, image), NULL), 0);
}

static void create_overlay(struct scratch *s, const char *base, const char *format, const char *name, const char *size)
{
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", format,
				     path_in(s, name), size, NULL),
			 0);
}

static void to_raw(struct scratch *s, const char *image)
{
	assert_int_equal(
	    run_program("qemu-img", "convert", "-O", "raw", path_in(s, image), path_in(s, "expected"), NULL), 0);
}

/* Three levels: raw, a longer overlay, a longer one still with zero clusters over data. */
static void test_backing_chain(void **state)
{
	struct scratch *s = *state;
	struct block *b;
	struct extent e;

	if (!have_qemu_img())
		skip();
	make_raw(s, "base.raw", 5 * MIB + 512, 3);
	create_overlay(s, "base.raw", "raw", "middle.qcow2", "8M");
	io(s, "middle.qcow2", "write -P 7 1M 100k");
	io(s, "middle.qcow2", "write -P 9 7M 512");
	create_overlay(s, "middle.qcow2", "qcow2", "top.qcow2", "12M");
	io(s, "top.qcow2", "write -z 2M 1M");
	io(s, "top.qcow2", "write -P 5 9M 64k");
	io(s, "top.qcow2", "write -z 11M 64k");
	to_raw(s, "top.qcow2");
	b = open_image(s, "top.qcow2");
	assert_equals_raw(s, b, "expected");
	assert_int_equal(block_extent(b, 2 * MIB, 10 * MIB, &e, &s->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, MIB);
	assert_int_equal(block_extent(b, 8 * MIB, 4 * MIB, &e, &s->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(e.len, MIB);
	block_close(b);
}

/* As qemu 0.12 wrote it: version 2, the name right behind the header, no extensions. */
static void test_backing_name_behind_the_header(void **state)
{
	struct scratch *s = *state;
	unsigned char name[8 + 4];
	struct block *b;
	AUTO_FD int fd = -1;

	if (!have_qemu_img())
		skip();
	make_raw(s, "base", MIB, 5);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "qcow2", path_in(s, "base"),
				     path_in(s, "base.qcow2"), NULL),
			 0);
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "-b", "base.qcow2",
				     "-F", "qcow2", path_in(s, "image"), NULL),
			 0);
	fd = open(path_in(s, "image"), O_RDWR);
	put_be64(name, 72);
	assert_int_equal(file_pwrite(fd, name, 8, 8, NULL), 0);
	assert_int_equal(file_pwrite(fd, "base.qcow2", 10, 72, NULL), 0);
	b = open_image(s, "image");
	assert_equals_raw(s, b, "base");
	block_close(b);
}

static void test_backing_in_a_subfolder(void **state)
{
	struct scratch *s = *state;
	struct block *b;

	if (!have_qemu_img())
		skip();
	assert_int_equal(mkdirat(s->folder.dirfd, "sub", 0700), 0);
	make_raw(s, "sub/base", MIB, 4);
	create_overlay(s, "base", "raw", "sub/top", "1M");
	b = open_image(s, "sub/top");
	assert_equals_raw(s, b, "sub/base");
	block_close(b);
}

/* How often this program looked for data or holes in a file. */
static unsigned seeks;

off_t lseek(int fd, off_t off, int whence)
{
	seeks++;
	return syscall(SYS_lseek, fd, off, whence);
}

/* One answer of the file system serves for all clusters in its range: on tmpfs each costs a walk to the next hole. */
static void test_the_file_is_asked_seldom_where_its_holes_are(void **state)
{
	enum { CLUSTERS = 256, SIZE = DATA_AT + CLUSTERS * 65536 };
	struct scratch *s = *state;
	unsigned char *f = malloc(SIZE), *head = make_image(0);
	struct block *b;
	uint64_t allocated;

	memset(f, 'x', SIZE);
	memcpy(f, head, FILE_END);
	put_be64(f + QCOW2_H_SIZE, CLUSTERS * 65536);
	for (uint64_t i = 0; i < CLUSTERS; i++)
		put_be64(f + L2_AT + 8 * i, (DATA_AT + i * 101 % CLUSTERS * 65536) | QCOW2_COPIED);
	save(s, "x", f, SIZE);
	b = open_image(s, "x");
	seeks = 0;
	assert_int_equal(block_allocated(b, &allocated, &s->err), 0);
	assert_int_equal(allocated, CLUSTERS * 65536);
	assert_in_range(seeks, 1, 4);
	block_close(b);
	free(f);
	free(head);
}

/* The ask: under 0.2 s and 64 MiB for 2 TiB with 100 MiB at random places. Sanitizers and a busy machine get more. */
static void test_huge_sparse_image(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	unsigned char data[65536];
	uint64_t x = 1, allocated;
	struct rusage usage;
	struct block *b;
	double took;
	clock_t start;

	memset(data, 3, sizeof data);
	assert_int_equal(
	    format_qcow2.create(open(path_in(s, "x"), O_RDWR | O_CREAT, 0600), "x", 2 * TIB, &options, &b, &s->err), 0);
	for (unsigned i = 0; i < 1600; i++)
		assert_int_equal(block_pwrite(b, data, sizeof data,
					      next_random(&x) % (2 * TIB / sizeof data) * sizeof data, &s->err),
				 0);
	assert_int_equal(block_finish(b, &s->err), 0);
	block_close(b);
	start = clock();
	b = open_image(s, "x");
	assert_int_equal(block_allocated(b, &allocated, &s->err), 0);
	took = (double)(clock() - start) / CLOCKS_PER_SEC;
	block_close(b);
	getrusage(RUSAGE_SELF, &usage);
	print_message("2 TiB mapped in %.3f s, peak %ld MiB\n", took, usage.ru_maxrss / 1024);
	assert_int_equal(allocated, 1600 * sizeof data);
	assert_true(took < 5.0);
}

static const char *shared(void)
{
	const char *there = getenv("REHOST_SHARED");

	return there ? there : "../shared";
}

static void hash_block(struct scratch *s, struct block *b, char hex[DIGEST_HEX_MAX])
{
	struct digest *d = digest_new(DIGEST_SHA256);
	size_t step = 4 * MIB;
	unsigned char *data = malloc(step);

	for (uint64_t at = 0; at < b->size; at += step) {
		size_t n = min_u64(step, b->size - at);

		if (block_pread(b, data, n, at, &s->err) < 0)
			fail_msg("%s", s->err.text);
		digest_add(d, data, n);
	}
	digest_end(d, hex);
	free(data);
}

/* The n-th field of a line without quoted commas before it. */
static char *field(char *line, unsigned n)
{
	while (n-- && line)
		line = strchr(line, ',') ? strchr(line, ',') + 1 : NULL;
	return line;
}

static void check_sample(struct scratch *s, const struct folder *folder, char *line)
{
	char hex[DIGEST_HEX_MAX], *name = strndup(line, strcspn(line, ",")), *want = field(line, 8);
	struct block *b = NULL;

	if (image_open(folder, name, NULL, NULL, &b, &s->err) < 0)
		fail_msg("%s", s->err.text);
	hash_block(s, b, hex);
	assert_string_equal(b->ops->name, "qcow2");
	assert_memory_equal(want, hex, 64);
	block_close(b);
	free(name);
}

static void test_real_images(void **state)
{
	struct scratch *s = *state;
	char path[200], line[2048];
	struct folder folder = {0};
	unsigned checked = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/samples/manifest.csv", shared());
	f = fopen(path, "re");
	if (!f) {
		print_message("SKIP: %s is not there\n", path);
		skip();
	}
	snprintf(path, sizeof path, "%s/samples", shared());
	folder = (struct folder){file_open_dir(path, &s->err), path};
	while (fgets(line, sizeof line, f)) {
		const char *hash = field(line, 8);

		if (memcmp(line, "qcow2/", 6) || !hash || strspn(hash, "0123456789abcdef") != 64)
			continue;
		check_sample(s, &folder, line);
		checked++;
	}
	fclose(f);
	close(folder.dirfd);
	assert_int_equal(checked, 8);
}

static void test_real_images_that_are_refused(void **state)
{
	static const struct {
		const char *name, *text;
		enum err_code code;
	} cases[] = {
	    {"invalid-qcow-large-json.img",
	     "qcow2 'invalid-qcow-large-json.img': header: 65536 snapshots at 0x0 need at least 2621440 bytes between "
	     "the "
	     "first cluster and the end of the file at 0x30200",
	     ERR_CORRUPT},
	    {"invalid-qcow-large-size.img",
	     "qcow 'invalid-qcow-large-size.img': header: a disk of 167125767422464 bytes, expected 1 to 64 TiB",
	     ERR_CORRUPT},
	    {"cirros-snapshot1.qcow2",
	     "qcow2 'cirros-snapshot1.qcow2': backing file 'cirros.raw': cannot open 'cirros.raw': No such file or "
	     "directory",
	     ERR_UNREADABLE},
	    {"cirros-snapshot2.qcow2",
	     "qcow2 'cirros-snapshot2.qcow2': backing file 'cirros-snapshot1.qcow2': qcow2 'cirros-snapshot1.qcow2': "
	     "backing file 'cirros.raw': cannot open 'cirros.raw': No such file or directory",
	     ERR_UNREADABLE},
	};
	struct scratch *s = *state;
	int kept = s->folder.dirfd;
	clock_t start = clock();
	char path[200];

	snprintf(path, sizeof path, "%s/samples/qcow2/cdi", shared());
	s->folder.dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->folder.dirfd < 0) {
		s->folder.dirfd = kept;
		print_message("SKIP: %s is not there\n", path);
		skip();
	}
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_refused(s, cases[i].name, cases[i].code, cases[i].text);
	close(s->folder.dirfd);
	s->folder.dirfd = kept;
	assert_true(clock() - start < CLOCKS_PER_SEC);
}

/* Many threads on one image, most of it compressed: caches and inflaters are shared. */
struct reader {
	struct block *b;
	const unsigned char *want;
	uint64_t seed;
	bool same;
};

static void *read_at_random(void *opaque)
{
	struct reader *r = opaque;
	unsigned char *got = malloc(MIB);

	r->same = true;
	for (unsigned i = 0; i < 200; i++) {
		uint64_t at = next_random(&r->seed) % r->b->size;
		size_t n = min_u64(1 + next_random(&r->seed) % MIB, r->b->size - at);

		if (block_pread(r->b, got, n, at, NULL) < 0 || memcmp(got, r->want + at, n) != 0)
			r->same = false;
	}
	free(got);
	return NULL;
}

static void test_many_readers(void **state)
{
	struct scratch *s = *state;
	size_t size = 16 * MIB;
	unsigned char *want = malloc(size);
	struct reader r[4];
	pthread_t id[4];
	struct block *b;
	AUTO_FD int fd = -1;

	if (!have_qemu_img())
		skip();
	make_raw(s, "raw", size, 11);
	fd = open(path_in(s, "raw"), O_RDONLY);
	assert_int_equal(file_pread(fd, want, size, 0, NULL), 0);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", path_in(s, "raw"),
				     path_in(s, "image"), NULL),
			 0);
	b = open_image(s, "image");
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){b, want, i + 1, false};
		pthread_create(&id[i], NULL, read_at_random, &r[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(id[i], NULL);
		assert_true(r[i].same);
	}
	block_close(b);
	free(want);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_huge_sparse_image, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_generated_by_qemu, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backing_chain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backing_name_behind_the_header, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backing_in_a_subfolder, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_file_is_asked_seldom_where_its_holes_are, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_readers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_images, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_images_that_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
