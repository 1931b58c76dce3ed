/* The qcow2 reader against qemu-img, real images, and headers and tables that lie. */
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
#include "tests/unit/formats/qemu_img.h"

struct scratch {
	char dir[64];
	struct folder folder;
	struct err err;
	char logged[512];
};

static void keep_log(enum log_level level, const char *text, void *opaque)
{
	struct scratch *s = opaque;

	if (level == LOG_WARN_LEVEL)
		snprintf(s->logged, sizeof s->logged, "%s", text);
}

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	strcpy(s->dir, "/var/tmp/test_qcow2.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->folder.dirfd = file_open_dir(s->dir, &s->err);
	s->folder.path = s->dir;
	assert_true(s->folder.dirfd >= 0);
	log_set_sink(keep_log, s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	log_set_sink(NULL, NULL);
	close(s->folder.dirfd);
	file_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static const char *path_in(const struct scratch *s, const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *ret = path[turn++ % 4];

	snprintf(ret, sizeof path[0], "%s/%s", s->dir, name);
	return ret;
}

static struct block *open_image(struct scratch *s, const char *name)
{
	struct block *b = NULL;

	if (image_open(&s->folder, name, NULL, NULL, &b, &s->err) < 0)
		fail_msg("%s", s->err.text);
	return b;
}

static void assert_refused(struct scratch *s, const char *name, enum err_code code, const char *text)
{
	struct block *b = NULL;

	err_clear(&s->err);
	assert_int_equal(image_open(&s->folder, name, NULL, NULL, &b, &s->err), -1);
	assert_string_equal(s->err.text, text);
	assert_int_equal(s->err.code, code);
}

static void assert_unreadable(struct scratch *s, const char *name, const char *text)
{
	struct block *b = open_image(s, name);
	unsigned char data[512];

	err_clear(&s->err);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &s->err), -1);
	assert_string_equal(s->err.text, text);
	assert_int_equal(s->err.code, ERR_CORRUPT);
	block_close(b);
}

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

/* A header that can be read, of an empty 1 MiB disk: the tests below bend it. */
enum { L1_AT = 0x10000, L2_AT = 0x20000, DATA_AT = 0x30000, FILE_END = 0x40000 };

static unsigned char *make_image(void)
{
	unsigned char *f = calloc(1, FILE_END);

	put_be32(f + QCOW2_H_MAGIC, QCOW2_MAGIC);
	put_be32(f + QCOW2_H_VERSION, 3);
	put_be32(f + QCOW2_H_CLUSTER_BITS, 16);
	put_be64(f + QCOW2_H_SIZE, MIB);
	put_be32(f + QCOW2_H_L1_SIZE, 1);
	put_be64(f + QCOW2_H_L1_OFFSET, L1_AT);
	put_be32(f + QCOW2_H_HEADER_LENGTH, QCOW2_V3_HEADER_SIZE);
	put_be64(f + L1_AT, L2_AT | QCOW2_COPIED);
	memset(f + DATA_AT, 0xaa, 65536);
	return f;
}

static void save(const struct scratch *s, const char *name, const void *data, size_t len)
{
	AUTO_FD int fd = open(path_in(s, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(file_pwrite(fd, data, len, 0, NULL), 0);
}

static void test_hand_made(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image(), data[65536];
	struct block *b;

	put_be64(f + L2_AT, DATA_AT | QCOW2_COPIED);
	save(s, "x", f, FILE_END);
	b = open_image(s, "x");
	assert_int_equal(b->size, MIB);
	assert_int_equal(b->unit, 65536);
	assert_int_equal(block_pread(b, data, 65536, 512, &s->err), 0);
	assert_int_equal(data[65535 - 512], 0xaa);
	assert_int_equal(data[65536 - 512], 0);
	block_close(b);
	free(f);
}

struct bend {
	unsigned at, bits; /* bits 32 or 64; 8 for a byte */
	uint64_t value;
	enum err_code code;
	const char *text;
};

static void put(unsigned char *f, unsigned at, unsigned bits, uint64_t value)
{
	if (bits == 8)
		f[at] = (unsigned char)value;
	else if (bits == 32)
		put_be32(f + at, (uint32_t)value);
	else
		put_be64(f + at, value);
}

static void test_headers_that_lie(void **state)
{
	static const struct bend bends[] = {
	    {QCOW2_H_VERSION, 32, 4, ERR_UNSUPPORTED, "header: version 4, 2 and 3 are read"},
	    {QCOW2_H_CLUSTER_BITS, 32, 8, ERR_CORRUPT, "header: cluster bits 8, 9 to 21 are possible"},
	    {QCOW2_H_CLUSTER_BITS, 32, 22, ERR_CORRUPT, "header: cluster bits 22, 9 to 21 are possible"},
	    {QCOW2_H_HEADER_LENGTH, 32, 103, ERR_CORRUPT, "header: its length is 103 bytes, 104 to 65536 are possible"},
	    {QCOW2_H_HEADER_LENGTH, 32, 65537, ERR_CORRUPT,
	     "header: its length is 65537 bytes, 104 to 65536 are possible"},
	    {QCOW2_H_SIZE, 64, 65 * TIB, ERR_CORRUPT, "header: a disk of 71468255805440 bytes, 64 TiB is the limit"},
	    {QCOW2_H_SIZE, 64, UINT64_MAX, ERR_CORRUPT,
	     "header: a disk of 18446744073709551615 bytes, 64 TiB is the limit"},
	    {QCOW2_H_SIZE, 64, GIB, ERR_CORRUPT, "header: L1 table of 1 entries, a disk of 1073741824 bytes needs 2"},
	    {QCOW2_H_L1_SIZE, 32, 0xffffffff, ERR_CORRUPT,
	     "header: L1 table of 34359738360 bytes, 32 MiB is the limit"},
	    {QCOW2_H_L1_OFFSET, 64, 0, ERR_CORRUPT, "header: L1 table at 0x0, which is no cluster of its own"},
	    {QCOW2_H_L1_OFFSET, 64, 0x10008, ERR_CORRUPT,
	     "header: L1 table at 0x10008, which is no cluster of its own"},
	    {QCOW2_H_L1_OFFSET, 64, FILE_END, ERR_CORRUPT,
	     "header: L1 table of 8 bytes at 0x40000: the file ends at 0x40000"},
	    {QCOW2_H_L1_OFFSET, 64, 0xffffffffffff0000, ERR_CORRUPT,
	     "header: L1 table of 8 bytes at 0xffffffffffff0000: the file ends at 0x40000"},
	    {QCOW2_H_CRYPT_METHOD, 32, 3, ERR_CORRUPT, "header: encryption method 3, 0 to 2 are possible"},
	    {QCOW2_H_INCOMPATIBLE, 64, 0x8000000000000037, ERR_UNSUPPORTED,
	     "header: it needs features that are not read: bit 5, bit 63"},
	    {QCOW2_H_INCOMPATIBLE, 64, 8, ERR_CORRUPT, "header: compression type 0 with its feature bit set"},
	    {QCOW2_H_COMPRESSION_TYPE, 8, 1, ERR_CORRUPT, "header: compression type 1 with its feature bit not set"},
	    {QCOW2_H_SNAPSHOTS, 32, 65536, ERR_CORRUPT,
	     "header: 65536 snapshots at 0x0 need at least 2621440 bytes between the first cluster and the end of the "
	     "file at 0x40000"},
	    {QCOW2_H_BACKING_OFFSET, 64, 0x200, ERR_CORRUPT,
	     "header: backing file name of 0 bytes at 0x200: up to 1023 bytes in the first 65536 are possible"},
	    {QCOW2_H_BACKING_OFFSET, 64, 0xffffffffffffffff, ERR_CORRUPT,
	     "header: backing file name of 0 bytes at 0xffffffffffffffff: up to 1023 bytes in the first 65536 are "
	     "possible"},
	    {QCOW2_V3_HEADER_SIZE, 64, 0x1234567800010000, ERR_CORRUPT,
	     "header extension 0x12345678 at 0x70: 65536 bytes, there is room for 65416"},
	    {L1_AT, 64, 0x8000000000020200, ERR_CORRUPT,
	     "L1 entry 0 is 0x8000000000020200: reserved bits or part of a cluster"},
	    {L1_AT, 64, 0x4000000000020000, ERR_CORRUPT,
	     "L1 entry 0 is 0x4000000000020000: reserved bits or part of a cluster"},
	};
	struct scratch *s = *state;

	for (unsigned i = 0; i < sizeof bends / sizeof *bends; i++) {
		unsigned char *f = make_image();
		char text[512];

		put(f, bends[i].at, bends[i].bits, bends[i].value);
		save(s, "x", f, FILE_END);
		snprintf(text, sizeof text, "qcow2 'x': %s", bends[i].text);
		assert_refused(s, "x", bends[i].code, text);
		free(f);
	}
}

static void test_tables_that_lie(void **state)
{
	static const struct bend bends[] = {
	    {L1_AT, 64, 0x80000000000f0000, 0,
	     "L1 entry 0: L2 table at 0xf0000 with 0x10000 bytes: the file ends at 0x40000"},
	    {L2_AT, 64, 0x8000000000040000, 0, "L2 table 0 entry 0: cluster at 0x40000: the file ends at 0x40000"},
	    {L2_AT, 64, 0x80ffffffffff0000, 0,
	     "L2 table 0 entry 0: cluster at 0xffffffffff0000: the file ends at 0x40000"},
	    {L2_AT, 64, 0x8000000000030200, 0, "L2 table 0 entry 0 is 0x8000000000030200: its offset is no cluster's"},
	    {L2_AT, 64, 0x8000000000030002, 0, "L2 table 0 entry 0 is 0x8000000000030002: reserved bits are set"},
	    {L2_AT, 64, 0x8000000000000000, 0, "L2 table 0 entry 0 is 0x8000000000000000: it points to the header"},
	    {L2_AT, 64, 0xc000000000030000, 0,
	     "L2 table 0 entry 0 is 0xc000000000030000: compressed and marked as the only reference"},
	    {L2_AT, 64, 0x4000000000040000, 0,
	     "L2 table 0 entry 0: compressed cluster at 0x40000: the file ends at 0x40000"},
	};
	struct scratch *s = *state;

	for (unsigned i = 0; i < sizeof bends / sizeof *bends; i++) {
		unsigned char *f = make_image();
		struct extent e;
		struct block *b;
		char text[512];

		put(f, bends[i].at, bends[i].bits, bends[i].value);
		save(s, "x", f, FILE_END);
		snprintf(text, sizeof text, "qcow2 'x': %s", bends[i].text);
		assert_unreadable(s, "x", text);
		b = open_image(s, "x");
		assert_int_equal(block_extent(b, 0, MIB, &e, &s->err), -1);
		assert_string_equal(s->err.text, text);
		block_close(b);
		free(f);
	}
}

static void test_damaged_compressed_cluster(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image();

	put_be64(f + L2_AT, qcow2_compressed_entry(16, DATA_AT + 100, 3000));
	save(s, "x", f, FILE_END);
	assert_unreadable(
	    s, "x",
	    "qcow2 'x': disk offset 0x0: compressed cluster of up to 3484 bytes at 0x30064: deflate data is "
	    "damaged");
	put_be64(f + QCOW2_H_INCOMPATIBLE, QCOW2_BIT(QCOW2_INCOMPAT_COMPRESSION_BIT));
	f[QCOW2_H_COMPRESSION_TYPE] = QCOW2_COMPRESSION_ZSTD;
	save(s, "x", f, FILE_END);
	assert_unreadable(s, "x",
			  "qcow2 'x': disk offset 0x0: compressed cluster of up to 3484 bytes at 0x30064: zstd data is "
			  "damaged: Unknown frame descriptor");
	free(f);
}

/* The zero flag came with version 3. */
static void test_zero_flag_in_version_2(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image();

	put_be32(f + QCOW2_H_VERSION, 2);
	put_be64(f + L2_AT, QCOW2_ZERO);
	save(s, "x", f, FILE_END);
	assert_unreadable(s, "x", "qcow2 'x': L2 table 0 entry 0 is 0x0000000000000001: reserved bits are set");
	free(f);
}

static void test_features_by_the_images_own_names(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image(), *at = f + QCOW2_V3_HEADER_SIZE;

	put_be32(at, QCOW2_EXT_FEATURE_NAMES);
	put_be32(at + 4, 2 * QCOW2_FEATURE_ENTRY_SIZE);
	at += QCOW2_EXT_HEADER_SIZE;
	at[1] = 5;
	memcpy(at + 2, "time travel\n", 12);
	at += QCOW2_FEATURE_ENTRY_SIZE;
	at[1] = 6;
	memset(at + 2, 'n', QCOW2_FEATURE_NAME_SIZE);
	put_be64(f + QCOW2_H_INCOMPATIBLE, 0xe0);
	save(s, "x", f, FILE_END);
	assert_refused(s, "x", ERR_UNSUPPORTED,
		       "qcow2 'x': header: it needs features that are not read: 'time travel?' bit 5, "
		       "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' bit 6, bit 7");
	free(f);
}

static void test_corrupt_bit_warns(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image();

	put_be64(f + QCOW2_H_INCOMPATIBLE, 3);
	save(s, "x", f, FILE_END);
	block_close(open_image(s, "x"));
	assert_string_equal(s->logged, "qcow2 'x' is marked as corrupt: what is read may not be what was written");
	free(f);
}

static void test_short_files(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image();

	save(s, "x", f, 71);
	assert_refused(s, "x", ERR_CORRUPT, "qcow2 'x': header: the file has 71 bytes, a header has at least 72");
	save(s, "x", f, 103);
	assert_refused(s, "x", ERR_CORRUPT, "qcow2 'x': header: the file has 103 bytes, a header has at least 104");
	/* A cluster that the file holds only in part, though the disk goes on. */
	put_be64(f + L2_AT, DATA_AT | QCOW2_COPIED);
	save(s, "x", f, DATA_AT + 512);
	assert_unreadable(s, "x", "qcow2 'x': L2 table 0 entry 0: cluster at 0x30000: the file ends at 0x30200");
	/* The same is fine where the disk ends. */
	put_be64(f + QCOW2_H_SIZE, 512);
	save(s, "x", f, DATA_AT + 512);
	block_close(open_image(s, "x"));
	free(f);
}

static void name_backing(unsigned char *f, const char *name, const char *format)
{
	unsigned char *at = f + QCOW2_V3_HEADER_SIZE;

	put_be64(f + QCOW2_H_BACKING_OFFSET, 0x400);
	put_be32(f + QCOW2_H_BACKING_SIZE, (uint32_t)strlen(name));
	memcpy(f + 0x400, name, strlen(name));
	if (!format)
		return;
	put_be32(at, QCOW2_EXT_BACKING_FORMAT);
	put_be32(at + 4, (uint32_t)strlen(format));
	memcpy(at + QCOW2_EXT_HEADER_SIZE, format, strlen(format));
}

static void test_backing_files_that_may_not_be(void **state)
{
	static const struct {
		const char *name, *format;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {"/etc/passwd", "raw", ERR_POLICY,
	     "qcow2 'x': backing file '/etc/passwd': it names '/etc/passwd': outside the image's folder, and no "
	     "--allow-parent allows it"},
	    {"../base", "raw", ERR_POLICY,
	     "qcow2 'x': backing file '../base': it names '../base': outside the image's folder, and no --allow-parent "
	     "allows it"},
	    {"a/../../base", "raw", ERR_POLICY,
	     "qcow2 'x': backing file 'a/../../base': it names 'a/../../base': outside the image's "
	     "folder, and no --allow-parent allows it"},
	    {"link", "raw", ERR_POLICY, "qcow2 'x': backing file 'link': 'link' leads outside the image's folder"},
	    {"nbd:localhost:10809", "raw", ERR_UNREADABLE,
	     "qcow2 'x': backing file 'nbd:localhost:10809': cannot open 'nbd:localhost:10809': No such file or "
	     "directory"},
	    {"json:{\"file.filename\":\"/etc/passwd\"}", NULL, ERR_UNREADABLE,
	     "qcow2 'x': backing file 'json:{\"file.filename\":\"/etc/passwd\"}': cannot open "
	     "'json:{\"file.filename\":\"/etc/passwd\"}': No such file or directory"},
	    {"x", "qcow2", ERR_CORRUPT, "qcow2 'x': backing file 'x': 'x': loop: this file is in the chain already"},
	    {"text", "bochs", ERR_UNSUPPORTED, "qcow2 'x': backing file 'text': its format 'bochs' is not read"},
	    {"text", "qcow2", ERR_CORRUPT,
	     "qcow2 'x': backing file 'text': qcow2 'text': header: it begins with 0x68656c6c, not 0x514649fb"},
	    {"text", NULL, ERR_UNSUPPORTED,
	     "qcow2 'x': backing file 'text': 'text' is no disk image that we know: 80 bytes that begin with 68 65 6c "
	     "6c "
	     "6f 20 77 6f 72 6c 64 0a 00 00 00 00; without a partition table or file system, raw must be asked for"},
	};
	struct scratch *s = *state;

	save(s, "text",
	     "hello world\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
	     80);
	assert_int_equal(symlinkat("/etc/passwd", s->folder.dirfd, "link"), 0);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char *f = make_image();

		name_backing(f, cases[i].name, cases[i].format);
		save(s, "x", f, FILE_END);
		assert_refused(s, "x", cases[i].code, cases[i].text);
		free(f);
	}
}

static void test_backing_chain_without_end(void **state)
{
	struct scratch *s = *state;
	char name[16], below[16];
	struct block *b = NULL;

	for (unsigned i = 0; i < 70; i++) {
		unsigned char *f = make_image();

		snprintf(name, sizeof name, "%u", i);
		snprintf(below, sizeof below, "%u", i + 1);
		name_backing(f, below, "qcow2");
		save(s, name, f, FILE_END);
		free(f);
	}
	assert_int_equal(image_open(&s->folder, "0", NULL, NULL, &b, &s->err), -1);
	assert_non_null(strstr(s->err.text, "'64': the chain is longer than 64 images"));
	assert_int_equal(s->err.code, ERR_CORRUPT);
}

static void test_loop_of_two(void **state)
{
	struct scratch *s = *state;
	unsigned char *a = make_image(), *b = make_image();

	name_backing(a, "b", "qcow2");
	name_backing(b, "a", NULL);
	save(s, "a", a, FILE_END);
	save(s, "b", b, FILE_END);
	assert_refused(s, "a", ERR_CORRUPT,
		       "qcow2 'a': backing file 'b': qcow2 'b': backing file 'a': 'a': loop: this file is in the chain "
		       "already");
	free(a);
	free(b);
}

/* A disk inside an archive reads as any other, but names nothing. */
static void test_in_a_window(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_image(), *archive = calloc(1, FILE_END + 512), data[512];
	struct block *b = NULL;

	put_be64(f + L2_AT, DATA_AT | QCOW2_COPIED);
	memcpy(archive + 512, f, FILE_END);
	save(s, "x", archive, FILE_END + 512);
	assert_int_equal(image_open_window(&s->folder, "x", 512, FILE_END, NULL, &b, &s->err), 0);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &s->err), 0);
	assert_int_equal(data[511], 0xaa);
	block_close(b);
	name_backing(f, "base", "raw");
	memcpy(archive + 512, f, FILE_END);
	save(s, "x", archive, FILE_END + 512);
	assert_int_equal(image_open_window(&s->folder, "x", 512, FILE_END, NULL, &b, &s->err), -1);
	assert_int_equal(s->err.code, ERR_POLICY);
	assert_non_null(strstr(s->err.text, "but an image inside an archive may name no file"));
	free(f);
	free(archive);
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
	unsigned char *f = malloc(SIZE), *head = make_image();
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

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
	double start, took;

	memset(data, 3, sizeof data);
	assert_int_equal(
	    format_qcow2.create(open(path_in(s, "x"), O_RDWR | O_CREAT, 0600), "x", 2 * TIB, &options, &b, &s->err), 0);
	for (unsigned i = 0; i < 1600; i++)
		assert_int_equal(block_pwrite(b, data, sizeof data,
					      next_random(&x) % (2 * TIB / sizeof data) * sizeof data, &s->err),
				 0);
	assert_int_equal(block_finish(b, &s->err), 0);
	block_close(b);
	start = seconds();
	b = open_image(s, "x");
	assert_int_equal(block_allocated(b, &allocated, &s->err), 0);
	took = seconds() - start;
	block_close(b);
	getrusage(RUSAGE_SELF, &usage);
	print_message("2 TiB mapped in %.3f s, peak %ld MiB\n", took, usage.ru_maxrss / 1024);
	assert_int_equal(allocated, 1600 * sizeof data);
	assert_true(took < 2.0);
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
	double start = seconds();
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
	assert_true(seconds() - start < 1.0);
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
	    cmocka_unit_test_setup_teardown(test_backing_in_a_subfolder, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hand_made, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_file_is_asked_seldom_where_its_holes_are, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_headers_that_lie, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tables_that_lie, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged_compressed_cluster, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_zero_flag_in_version_2, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_features_by_the_images_own_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_corrupt_bit_warns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_short_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backing_files_that_may_not_be, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backing_chain_without_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_loop_of_two, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_in_a_window, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_readers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_images, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_images_that_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
