/* The qcow2 writer: qemu-img finds every image clean and equal to what was written, whole or resumed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "formats/qcow2.h"
#include "formats/qcow2_layout.h"
#include "tests/unit/formats/qemu_img.h"

struct scratch {
	char dir[64], raw[80], image[80];
	struct err err;
};

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	strcpy(s->dir, "/var/tmp/test_qcow2_write.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->raw, sizeof s->raw, "%s/raw", s->dir);
	snprintf(s->image, sizeof s->image, "%s/image", s->dir);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	file_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

enum { PIECE = 4096 };

/* Zeros, text-like, random bytes: a mix for every size of cluster, the same for the same seed. */
static unsigned char *make_content(size_t size, uint64_t seed)
{
	unsigned char *data = calloc(1, size + PIECE);
	uint64_t x = seed * 2654435761U + 1;
	unsigned kind = 0, left = 0;

	assert_non_null(data);
	for (size_t at = 0; at < size; at += PIECE, left--) {
		if (!left) {
			kind = next_random(&x) % 5;
			left = 1 + next_random(&x) % 60;
		}
		for (size_t i = 0; kind >= 2 && i < PIECE; i += 8) {
			uint64_t v = next_random(&x);

			if (kind < 4)
				v &= UINT64_C(0x0707030307070101);
			memcpy(data + at + i, &v, 8);
		}
	}
	memset(data + size, 0, PIECE);
	return data;
}

static void save(const char *path, const void *data, size_t size)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(file_pwrite(fd, data, size, 0, NULL), 0);
}

static struct block *create(struct scratch *s, uint64_t size, const struct create_options *options)
{
	int fd = open(s->image, O_RDWR | O_CREAT, 0600);
	struct block *b = NULL;

	if (qcow2_create(fd, "image", size, options, &b, &s->err) < 0)
		fail_msg("%s", s->err.text);
	return b;
}

/* One of several threads that share a disk: each takes every n-th chunk, in order. */
struct copier {
	struct block *block;
	const unsigned char *data;
	size_t chunk;
	unsigned index, of;
	struct err err;
	int ret;
};

static void *copy_chunks(void *opaque)
{
	struct copier *c = opaque;

	for (uint64_t at = c->index * c->chunk; !c->ret && at < c->block->size; at += c->of * c->chunk)
		c->ret = block_pwrite(c->block, c->data + at, min_u64(c->chunk, c->block->size - at), at, &c->err);
	return NULL;
}

static void copy_with_threads(struct block *b, const unsigned char *data, size_t chunk, unsigned threads)
{
	struct copier c[8] = {0};
	pthread_t id[8];

	for (unsigned i = 0; i < threads; i++) {
		c[i] = (struct copier){.block = b, .data = data, .chunk = chunk, .index = i, .of = threads};
		assert_int_equal(pthread_create(&id[i], NULL, copy_chunks, &c[i]), 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(id[i], NULL);
		if (c[i].ret < 0)
			fail_msg("%s", c[i].err.text);
	}
}

static void finish(struct scratch *s, struct block *b)
{
	if (block_finish(b, &s->err) < 0)
		fail_msg("%s", s->err.text);
	block_close(b);
}

static void assert_clean_and_equal(struct scratch *s)
{
	assert_int_equal(run_program("qemu-img", "check", "-q", "-f", "qcow2", s->image, NULL), 0);
	assert_int_equal(run_program("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", s->raw, s->image, NULL),
			 0);
}

static void round_trip(struct scratch *s, size_t size, const struct create_options *options, unsigned threads)
{
	size_t unit = options->cluster_size ? options->cluster_size : 65536;
	unsigned char *data = make_content(size, size + unit + (unsigned)options->codec);
	struct block *b;

	unlink(s->image);
	save(s->raw, data, size);
	b = create(s, size, options);
	assert_int_equal(b->unit, unit);
	copy_with_threads(b, data, max_u64(unit, 512 * KIB), threads);
	finish(s, b);
	assert_clean_and_equal(s);
	free(data);
}

static void test_every_codec_and_cluster_size(void **state)
{
	static const uint32_t sizes[] = {0, 512, 4096, 2 << 20};
	static const enum codec codecs[] = {CODEC_UNKNOWN, CODEC_DEFLATE, CODEC_ZSTD};

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 3; k++) {
			struct create_options options = {.cluster_size = sizes[i], .codec = codecs[k]};

			round_trip(*state, sizes[i] == 512 ? 3 * MIB + 512 : 40 * MIB + 512, &options, 4);
		}
}

static void test_preallocated(void **state)
{
	static const uint32_t sizes[] = {0, 512, 2 << 20};
	struct scratch *s = *state;

	if (!have_qemu_img())
		skip();
	for (int kind = PREALLOCATION_METADATA; kind <= PREALLOCATION_FULL; kind++)
		for (unsigned i = 0; i < 3; i++) {
			struct create_options options = {.cluster_size = sizes[i], .preallocation = kind};
			size_t size = sizes[i] == 512 ? 2 * MIB + 512 : 20 * MIB + 512;
			struct stat st;

			round_trip(s, size, &options, 4);
			assert_int_equal(stat(s->image, &st), 0);
			assert_true((uint64_t)st.st_size > size);
			if (kind != PREALLOCATION_METADATA)
				assert_true((uint64_t)st.st_blocks * 512 > size);
		}
}

/* Zeros over data are data again; what a killed run left where nothing is written now must not show. */
static void test_preallocated_clusters_that_become_zeros(void **state)
{
	struct create_options options = {.preallocation = PREALLOCATION_METADATA};
	struct scratch *s = *state;
	size_t size = 4 * MIB;
	unsigned char *data = make_content(size, 6), *zeros = calloc(1, MIB);
	struct block *b;
	char note[65536];

	if (!have_qemu_img())
		skip();
	b = create(s, size, &options);
	assert_int_equal(block_pwrite(b, data, size, 0, &s->err), 0);
	assert_int_equal(b->ops->note(b, 0, MIB, note, sizeof note, &s->err), 0);
	block_close(b);
	options.resume = true;
	b = create(s, size, &options);
	assert_int_equal(b->ops->adopt(b, 0, MIB, note, &s->err), 0);
	assert_int_equal(block_pwrite(b, data + MIB, 2 * MIB, MIB, &s->err), 0);
	assert_int_equal(block_pwrite(b, zeros, MIB, MIB, &s->err), 0);
	assert_int_equal(block_zero(b, 2 * MIB, MIB / 2, &s->err), 0);
	finish(s, b);
	memset(data + MIB, 0, 3 * MIB / 2);
	memset(data + 3 * MIB, 0, MIB);
	save(s->raw, data, size);
	assert_clean_and_equal(s);
	options.resume = true;
	b = create(s, size, &options);
	assert_int_equal(b->ops->adopt(b, 0, 65536, "q2 16 p20000+1", &s->err), -1);
	assert_string_equal(s->err.text, "resume note 'q2 16 p20000+1': no such plain clusters at column 15");
	block_close(b);
	free(data);
	free(zeros);
}

static void test_extended_l2(void **state)
{
	static const uint32_t sizes[] = {0, 16 << 10, 2 << 20};
	struct scratch *s = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 3; i++) {
		struct create_options plain = {.cluster_size = sizes[i], .extended_l2 = true}, zstd = plain,
				      preallocated = plain;
		unsigned char head[8];
		AUTO_FD int fd = -1;

		zstd.codec = CODEC_ZSTD;
		preallocated.preallocation = PREALLOCATION_METADATA;
		round_trip(s, 20 * MIB + 512, &zstd, 4);
		round_trip(s, 20 * MIB + 512, &preallocated, 4);
		round_trip(s, 20 * MIB + 512, &plain, 4);
		fd = open(s->image, O_RDONLY);
		assert_int_equal(pread(fd, head, sizeof head, QCOW2_H_INCOMPATIBLE), sizeof head);
		assert_int_equal(get_be64(head), QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT));
	}
}

/* 64 KiB of data in each cluster of 2 MiB take the room of these, and only they are allocated. */
static void test_subclusters_of_zeros(void **state)
{
	enum { CLUSTER = 2 << 20, SUB = CLUSTER / 32, SIZE = 8 * CLUSTER - 2 * SUB };
	struct create_options options = {.cluster_size = CLUSTER, .extended_l2 = true};
	struct scratch *s = *state;
	unsigned char *data = calloc(1, SIZE);
	struct folder folder = {.path = s->dir};
	struct block *b;
	struct extent e;
	struct stat st;

	for (unsigned i = 0; i < 8; i++)
		memset(data + i * CLUSTER + (uint64_t)(4 * i % 32) * SUB, 'a' + (int)i, SUB);
	save(s->raw, data, SIZE);
	b = create(s, SIZE, &options);
	copy_with_threads(b, data, CLUSTER, 2);
	finish(s, b);
	assert_int_equal(stat(s->image, &st), 0);
	assert_in_range((uint64_t)st.st_blocks * 512, 8 * SUB, CLUSTER + 12 * SUB); /* the header has a cluster */
	folder.dirfd = file_open_dir(s->dir, &s->err);
	assert_int_equal(image_open(&folder, "image", NULL, NULL, &b, &s->err), 0);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t at = i * CLUSTER + (uint64_t)(4 * i % 32) * SUB;

		assert_int_equal(block_extent(b, at, SIZE - at, &e, &s->err), 0);
		assert_int_equal(e.kind, EXTENT_DATA);
		assert_int_equal(e.len, SUB);
		assert_int_equal(block_extent(b, at + SUB, SUB, &e, &s->err), 0);
		assert_int_equal(e.kind, EXTENT_HOLE);
	}
	block_close(b);
	close(folder.dirfd);
	if (have_qemu_img())
		assert_clean_and_equal(s);
	free(data);
}

static void test_sizes_that_are_no_multiple(void **state)
{
	static const size_t sizes[] = {512, 65536, 65536 + 512, MIB - 512, 600 * MIB / 64};

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 5; i++) {
		struct create_options plain = {0}, zstd = {.codec = CODEC_ZSTD};

		round_trip(*state, sizes[i], &plain, 1);
		round_trip(*state, sizes[i], &zstd, 1);
	}
}

static void test_empty_disks(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};

	if (!have_qemu_img())
		skip();
	for (uint64_t size = 0; size <= 3 * GIB; size += 3 * GIB) {
		AUTO_FD int fd = open(s->raw, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		unlink(s->image);
		finish(s, create(s, size, &options));
		assert_clean_and_equal(s);
	}
}

/* An unfinished file has no magic; a finished one keeps zeros out and writes each table once. */
static void test_unfinished_is_no_image(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	struct block *b = create(s, MIB, &options);
	unsigned char head[8] = {1}, data[65536];
	AUTO_FD int fd = -1;

	memset(data, 7, sizeof data);
	assert_int_equal(block_pwrite(b, data, sizeof data, 0, &s->err), 0);
	assert_int_equal(block_flush(b, &s->err), 0);
	block_close(b);
	fd = open(s->image, O_RDONLY);
	assert_int_equal(pread(fd, head, sizeof head, 0), sizeof head);
	assert_int_equal(get_be64(head), 0);
}

static void test_zeros_stay_unallocated(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	struct block *b = create(s, 64 * MIB, &options);
	unsigned char *data = calloc(1, 4 * MIB);
	struct stat st;

	data[3 * MIB] = 1;
	assert_int_equal(block_pwrite(b, data, 4 * MIB, 0, &s->err), 0);
	assert_int_equal(block_zero(b, 4 * MIB, 60 * MIB, &s->err), 0);
	finish(s, b);
	assert_int_equal(stat(s->image, &st), 0);
	/* header, a free one, one data cluster, L2, L1, refcount block, refcount table */
	assert_int_equal(st.st_size, 7 * 65536);
	free(data);
}

/* The first data of a guest whose disk is one btrfs: no reader may take the image for a raw disk. */
static void test_guest_data_shows_no_raw_disk(void **state)
{
	static const unsigned sizes[] = {512, 4096, 65536};
	struct scratch *s = *state;

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct create_options options = {.cluster_size = sizes[i]};
		struct folder folder = {.dirfd = file_open_dir(s->dir, &s->err), .path = s->dir};
		struct block *b = create(s, 64 * MIB, &options);
		unsigned char *data = calloc(1, MIB);

		memset(data, 'g', MIB);
		memcpy(data + 512, "EFI PART", 8);
		memcpy(data + 4096, "EFI PART", 8);
		memcpy(data + 0x8001, "CD001", 5);
		memcpy(data + 0x10040, "_BHRfS_M", 8);
		assert_int_equal(block_pwrite(b, data + 64 * KIB, MIB - 64 * KIB, 64 * KIB, &s->err), 0);
		assert_int_equal(block_pwrite(b, data, 64 * KIB, 0, &s->err), 0);
		finish(s, b);
		assert_int_equal(image_open(&folder, "image", NULL, NULL, &b, &s->err), 0);
		assert_string_equal(b->ops->name, "qcow2");
		block_close(b);
		unlink(s->image);
		close(folder.dirfd);
		free(data);
	}
}

static void test_zero_and_rewrite_after_data(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {.codec = CODEC_DEFLATE};
	size_t size = 8 * MIB;
	unsigned char *data = make_content(size, 5);
	struct block *b = create(s, size, &options);

	if (!have_qemu_img())
		skip();
	assert_int_equal(block_pwrite(b, data, size, 0, &s->err), 0);
	assert_int_equal(block_pwrite(b, data, MIB, 2 * MIB, &s->err), 0);
	memcpy(data + 2 * MIB, data, MIB);
	assert_int_equal(block_zero(b, 5 * MIB, 3 * MIB, &s->err), 0);
	memset(data + 5 * MIB, 0, 3 * MIB);
	save(s->raw, data, size);
	finish(s, b);
	assert_clean_and_equal(s);
	free(data);
}

static void test_unaligned_writes_are_refused(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	struct block *b = create(s, MIB + 512, &options);
	unsigned char data[2 * 65536];

	memset(data, 1, sizeof data);
	assert_int_equal(block_pwrite(b, data, 4096, 0, &s->err), -1);
	assert_string_equal(s->err.text,
			    "qcow2 'image': write of 4096 bytes at 0x0: not in whole clusters of 65536 bytes");
	assert_int_equal(s->err.code, ERR_INTERNAL);
	assert_int_equal(block_pwrite(b, data, 65536, 512, &s->err), -1);
	assert_int_equal(block_pwrite(b, data, 512, MIB, &s->err), 0);
	assert_int_equal(block_pwrite(b, data, 65536, 0, &s->err), 0);
	assert_int_equal(block_zero(b, 0, 512, &s->err), -1);
	assert_string_equal(s->err.text,
			    "qcow2 'image': zeroing of 512 bytes at 0x0: not in whole clusters of 65536 bytes");
	assert_int_equal(block_zero(b, 65536 + 512, 512, &s->err), 0);
	assert_int_equal(block_pread(b, data, 512, 0, &s->err), -1);
	assert_string_equal(s->err.text, "qcow2 'image': read of 512 bytes at 0x0: it is being written");
	block_close(b);
}

static void test_options_that_cannot_be(void **state)
{
	struct scratch *s = *state;
	static const struct {
		struct create_options options;
		uint64_t size;
		const char *text;
	} cases[] = {
	    {{.cluster_size = 256}, MIB, "cluster size 256: a power of two from 512 bytes to 2 MiB is expected"},
	    {{.cluster_size = 4 << 20},
	     MIB,
	     "cluster size 4194304: a power of two from 512 bytes to 2 MiB is expected"},
	    {{.cluster_size = 3000}, MIB, "cluster size 3000: a power of two from 512 bytes to 2 MiB is expected"},
	    {{.codec = CODEC_ZLIB}, MIB, "codec zlib: qcow2 has deflate and zstd"},
	    {{.codec = CODEC_DEFLATE, .preallocation = PREALLOCATION_FULL},
	     MIB,
	     "compressed clusters can't be preallocated"},
	    {{.cluster_size = 8192, .extended_l2 = true},
	     MIB,
	     "cluster size 8192: extended L2 entries need 16 KiB or more"},
	    {{.lazy_refcounts = true}, MIB, "lazy refcounts are not written: they go with images in use"},
	    {{0}, 65 * TIB, "a disk of 71468255805440 bytes: 64 TiB is the most"},
	    {{.cluster_size = 512}, TIB, "a disk of 1099511627776 bytes needs clusters larger than 512 bytes"},
	};
	AUTO_FD int fd = open(s->image, O_RDWR | O_CREAT, 0600);

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct block *b = NULL;

		assert_int_equal(qcow2_create(fd, "image", cases[i].size, &cases[i].options, &b, &s->err), -1);
		assert_int_equal(s->err.code, ERR_UNSUPPORTED);
		assert_memory_equal(s->err.text, "qcow2 'image': ", 15);
		assert_string_equal(s->err.text + 15, cases[i].text);
	}
	assert_true(fcntl(fd, F_GETFD) >= 0);
}

/* 2 TiB with data at 1600 places: entries only where data is. */
static void test_huge_sparse_disk(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	struct block *b = create(s, 2 * TIB, &options);
	unsigned char data[65536];
	struct stat st;
	uint64_t x = 1;

	memset(data, 3, sizeof data);
	for (unsigned i = 0; i < 1600; i++)
		assert_int_equal(block_pwrite(b, data, sizeof data,
					      next_random(&x) % (2 * TIB / sizeof data) * sizeof data, &s->err),
				 0);
	finish(s, b);
	assert_int_equal(stat(s->image, &st), 0);
	/* 100 MiB of data; 1300 L2 tables of which only the touched pages are stored */
	assert_true((uint64_t)st.st_blocks * 512 < 115 * MIB);
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-img", "check", "-q", "-f", "qcow2", s->image, NULL), 0);
}

/* Writes a part, notes it, abandons the file; a second writer adopts and writes the rest. */
static void resume_with(struct scratch *s, const struct create_options *options, size_t size, size_t chunk)
{
	unsigned char *data = make_content(size, chunk);
	size_t half = size / 2 / chunk;
	char(*notes)[1000] = calloc(half, sizeof *notes);
	struct create_options again = *options;
	struct block *b;

	unlink(s->image);
	save(s->raw, data, size);
	b = create(s, size, options);
	for (size_t i = 0; i < half; i++)
		assert_int_equal(block_pwrite(b, data + i * chunk, chunk, i * chunk, &s->err), 0);
	assert_int_equal(block_flush(b, &s->err), 0);
	for (size_t i = 0; i < half; i++)
		if (b->ops->note(b, i * chunk, chunk, notes[i], sizeof notes[i], &s->err) < 0)
			fail_msg("%s", s->err.text);
	/* What no note vouches for is garbage that must not matter. */
	assert_int_equal(block_pwrite(b, data, chunk, half * chunk, &s->err), 0);
	block_close(b);

	again.resume = true;
	b = create(s, size, &again);
	for (size_t i = half; i-- > 0;) {
		/* The third one is lost: its clusters stay behind in the file, unused. */
		if (i == 2)
			continue;
		if (b->ops->adopt(b, i * chunk, chunk, notes[i], &s->err) < 0)
			fail_msg("%s: %s", notes[i], s->err.text);
	}
	assert_int_equal(block_pwrite(b, data + 2 * chunk, chunk, 2 * chunk, &s->err), 0);
	for (size_t at = half * chunk; at < size; at += chunk)
		assert_int_equal(block_pwrite(b, data + at, min_u64(chunk, size - at), at, &s->err), 0);
	finish(s, b);
	assert_clean_and_equal(s);
	free(notes);
	free(data);
}

static void test_resume(void **state)
{
	static const enum codec codecs[] = {CODEC_UNKNOWN, CODEC_DEFLATE, CODEC_ZSTD};

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 3; i++) {
		struct create_options normal = {.codec = codecs[i]};
		struct create_options tiny = {.codec = codecs[i], .cluster_size = 512};

		resume_with(*state, &normal, 50 * MIB + 512, 2 * MIB);
		resume_with(*state, &tiny, 2 * MIB, 32 * KIB);
	}
}

/* A finished file that is opened for resume is no image any more until it is finished again. */
static void test_resume_of_a_finished_file(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0}, again = {.resume = true};
	struct block *b = create(s, MIB, &options);
	unsigned char data[65536], head[8];
	AUTO_FD int fd = -1;

	memset(data, 9, sizeof data);
	assert_int_equal(block_pwrite(b, data, sizeof data, 0, &s->err), 0);
	finish(s, b);
	block_close(create(s, MIB, &again));
	fd = open(s->image, O_RDONLY);
	assert_int_equal(pread(fd, head, sizeof head, 0), sizeof head);
	assert_int_equal(get_be64(head), 0);
}

static void test_notes_are_read_strictly(void **state)
{
	static const struct {
		const char *note, *text;
	} cases[] = {
	    {"", "resume note '': 'q2 16' is expected at its beginning"},
	    {"q2 12 z2", "resume note 'q2 12 z2': 'q2 16' is expected at its beginning"},
	    {"q2 16 z1", "resume note 'q2 16 z1': fewer clusters than the range has at column 9"},
	    {"q2 16 z3", "resume note 'q2 16 z3': more clusters than the range has at column 9"},
	    {"q2 16 x", "resume note 'q2 16 x': z, p or c is expected at column 7"},
	    {"q2 16 ", "resume note 'q2 16 ': z, p or c is expected at column 7"},
	    {"q2 16 p10000", "resume note 'q2 16 p10000': '+' is expected at column 14"},
	    {"q2 16 p10200+2", "resume note 'q2 16 p10200+2': no such plain clusters at column 15"},
	    {"q2 16 p0+2", "resume note 'q2 16 p0+2': outside the file before at column 11"},
	    {"q2 16 p900000+2", "resume note 'q2 16 p900000+2': outside the file before at column 16"},
	    {"q2 16 p20000+1 p20000+1",
	     "resume note 'q2 16 p20000+1 p20000+1': overlap with an earlier note before at column 24"},
	    {"q2 16 c20000:800,0", "resume note 'q2 16 c20000:800,0': no such compressed cluster at column 19"},
	    {"q2 16 c20000:800,20001", "resume note 'q2 16 c20000:800,20001': no such compressed cluster at column 23"},
	    {"q2 16 c20000", "resume note 'q2 16 c20000': a length is expected at column 14"},
	    {"q2 16 c20000:8,8,8", "resume note 'q2 16 c20000:8,8,8': more clusters than the range has at column 19"},
	    {"q2 16 p11112222333344445+1",
	     "resume note 'q2 16 p11112222333344445+1': a number in hex is expected at column 8"},
	};
	struct scratch *s = *state;
	struct create_options options = {.resume = true, .codec = CODEC_DEFLATE};
	unsigned char *data = make_content(8 * MIB, 1);
	struct block *b;

	save(s->image, data, 8 * MIB);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		b = create(s, MIB, &options);
		assert_int_equal(b->ops->adopt(b, 0, 131072, cases[i].note, &s->err), -1);
		assert_string_equal(s->err.text, cases[i].text);
		assert_int_equal(s->err.code, ERR_CORRUPT);
		block_close(b);
	}
	b = create(s, MIB, &options);
	assert_int_equal(b->ops->adopt(b, 0, 131072, "q2 16 p20000+1 z1", &s->err), 0);
	assert_int_equal(b->ops->adopt(b, 0, 131072, "q2 16 p30000+1 z1", &s->err), -1);
	assert_string_equal(s->err.text, "resume note for 0x0: cluster 0 is written already");
	assert_int_equal(b->ops->adopt(b, 131072, 131072, "q2 16 c2ffff:8,8", &s->err), -1);
	assert_int_equal(b->ops->adopt(b, 131072, 131072, "q2 16 c30000:8,8", &s->err), 0);
	block_close(b);
	free(data);
}

static void test_note_that_does_not_fit(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {.codec = CODEC_ZSTD, .cluster_size = 512};
	unsigned char *data = make_content(MIB, 1);
	struct block *b = create(s, MIB, &options);
	char note[64];

	assert_int_equal(block_pwrite(b, data, MIB, 0, &s->err), 0);
	assert_int_equal(b->ops->note(b, 0, MIB, note, sizeof note, &s->err), -1);
	assert_string_equal(s->err.text, "note for 1048576 bytes at 0x0 doesn't fit into 64 bytes");
	assert_int_equal(s->err.code, ERR_UNSUPPORTED);
	block_close(b);
	free(data);
}

static void test_full_file_system_is_a_temporary_failure(void **state)
{
	struct scratch *s = *state;
	struct create_options options = {0};
	struct block *b = NULL;
	unsigned char data[65536];
	int fd = open("/dev/full", O_RDWR);

	memset(data, 1, sizeof data);
	/* ftruncate doesn't do on a device, so resume: nothing is cut. */
	options.resume = true;
	assert_int_equal(qcow2_create(fd, "full", MIB, &options, &b, &s->err), 0);
	assert_int_equal(block_pwrite(b, data, sizeof data, 0, &s->err), -1);
	assert_int_equal(s->err.code, ERR_TEMPFAIL);
	assert_string_equal(s->err.text, "qcow2 'full': write of 1 pieces at 0x20000: No space left on device");
	block_close(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_codec_and_cluster_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_preallocated, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_guest_data_shows_no_raw_disk, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_preallocated_clusters_that_become_zeros, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_extended_l2, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_subclusters_of_zeros, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sizes_that_are_no_multiple, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_empty_disks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unfinished_is_no_image, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_zeros_stay_unallocated, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_zero_and_rewrite_after_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unaligned_writes_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_options_that_cannot_be, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_huge_sparse_disk, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resume_of_a_finished_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_notes_are_read_strictly, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_note_that_does_not_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full_file_system_is_a_temporary_failure, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
