/* VHD and VHDX of other programs: qemu-img's with random content, and the samples of the field study. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/unpack.h"
#include "formats/vhd_header.h"
#include "formats/vhdx_layout.h"
#include "tests/unit/formats/referee.h"

static void round_trip(struct image_folder *f, const char *format, const char *options, uint64_t size, uint64_t seed)
{
	struct block *b;

	put_random_disk(f, "raw", size, seed);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", format, "-o", options, path_of(f, "raw"),
				     path_of(f, "image"), NULL),
			 0);
	b = open_ok(f, "image");
	assert_string_equal(b->ops->name, strcmp(format, "vpc") ? "vhdx" : "vhd");
	assert_int_equal(b->size, size);
	assert_holds_file(f, b, "raw");
	assert_string_equal(f->log, "");
	block_close(b);
}

static void test_vhd_of_qemu(void **state)
{
	if (!have_qemu_img())
		skip();
	round_trip(*state, "vpc", "subformat=dynamic,force_size=on", 20 * MIB, 1);
	round_trip(*state, "vpc", "subformat=dynamic,force_size=on", 20 * MIB + 512, 2);
	round_trip(*state, "vpc", "subformat=fixed,force_size=on", 6 * MIB, 3);
	/* Without force_size the disk grows to what a geometry can say: 1004 cylinders of 4 heads and 17 sectors. */
	round_trip(*state, "vpc", "subformat=dynamic", UINT64_C(1004) * 4 * 17 * 512, 4);
	round_trip(*state, "vpc", "subformat=fixed", UINT64_C(1004) * 4 * 17 * 512, 5);
}

static void test_vhdx_of_qemu(void **state)
{
	if (!have_qemu_img())
		skip();
	round_trip(*state, "vhdx", "subformat=dynamic,block_size=1M", 20 * MIB, 1);
	round_trip(*state, "vhdx", "subformat=dynamic", 20 * MIB + 512, 2);
	round_trip(*state, "vhdx", "subformat=fixed,block_size=2M", 7 * MIB, 3);
	round_trip(*state, "vhdx", "subformat=dynamic,block_size=1M,block_state_zero=off", 9 * MIB, 4);
}

static uint64_t allocated(struct block *b)
{
	struct err err = ERR_INIT;
	uint64_t bytes;

	assert_int_equal(block_allocated(b, &bytes, &err), 0);
	return bytes;
}

/* Row 12 of the field study: qemu-img has no map of a VHDX and reads all of it. More than one chunk, 64 TiB. */
static void test_vhdx_map(void **state)
{
	struct image_folder *f = *state;
	unsigned char data[4096];
	struct block *b;

	if (!have_qemu_img())
		skip();
	assert_int_equal(
	    run_program("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M", path_of(f, "x"), "30G", NULL),
	    0);
	assert_int_equal(run_program("qemu-io", "-f", "vhdx", "-c", "write -P 7 17G 64k", "-c", "write -P 9 5G 64k",
				     path_of(f, "x"), NULL),
			 0);
	b = open_ok(f, "x");
	assert_int_equal(block_pread(b, data, sizeof data, 17 * GIB + 61440, &f->err), 0);
	assert_int_equal(data[4095], 7);
	assert_int_equal(block_pread(b, data, sizeof data, 5 * GIB, &f->err), 0);
	assert_int_equal(data[0], 9);
	assert_in_range(allocated(b), 128 * KIB, 2 * MIB);
	block_close(b);
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=256M", path_of(f, "x"),
				     "64T", NULL),
			 0);
	b = open_ok(f, "x");
	assert_int_equal(b->size, 64 * TIB);
	assert_int_equal(allocated(b), 0);
	block_close(b);
}

static const char *samples(void)
{
	const char *shared = getenv("REHOST_SHARED");
	static char path[4096];

	snprintf(path, sizeof path, "%s/samples", shared ? shared : "../shared");
	return path;
}

static int open_samples(struct image_folder *f)
{
	int dirfd = file_open_dir(samples(), &f->err);

	if (dirfd < 0) {
		print_message("SKIP: no samples in %s\n", samples());
		skip();
	}
	return dirfd;
}

/* The sample as folder/name, inflated when its own name ends in ".gz". */
static void fetch(struct image_folder *f, int samples_fd, const char *sample, const char *name)
{
	AUTO_FD int in = openat(samples_fd, sample, O_RDONLY);
	AUTO_FD int out = openat(f->folder.dirfd, name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct buf whole = BUF_INIT(64 << 20);
	uint64_t len = (uint64_t)lseek(in, 0, SEEK_END);
	struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = GIB};

	if (strcmp(sample + strlen(sample) - 3, ".gz") != 0) {
		assert_int_equal(file_slurp(samples_fd, sample, &whole, &f->err), 0);
		put_file(f, name, whole.data, whole.len);
		buf_done(&whole);
		return;
	}
	if (unpack_run(&job, &len, &f->err) < 0)
		fail_msg("%s: %s", sample, f->err.text);
}

/* One line of the manifest; returns whether its content was compared. */
static bool check_sample(struct image_folder *f, int samples_fd, char *line)
{
	char *field[10] = {0}, hex[DIGEST_HEX_MAX];
	struct block *b;

	for (int i = 0; i < 10; i++)
		field[i] = strsep(&line, ",");
	/* The hash of the differencing one is that of qemu-img's mistake. */
	if (!field[9] || strncmp(field[0], "vhd", 3) != 0 || strlen(field[8]) != 64 || strstr(field[9], "WRONG"))
		return false;
	fetch(f, samples_fd, field[0], "sample");
	b = open_ok(f, "sample");
	assert_int_equal(b->size, strtoull(field[7], NULL, 10));
	hash_block(b, 1 << 20, hex);
	if (strcmp(hex, field[8]) != 0)
		fail_msg("%s: content is %s, expected %s", field[0], hex, field[8]);
	block_close(b);
	return true;
}

static void test_samples_with_known_content(void **state)
{
	struct image_folder *f = *state;
	AUTO_FD int dirfd = open_samples(f);
	struct buf manifest = BUF_INIT(1 << 20);
	unsigned checked = 0;
	char *line, *rest;

	assert_int_equal(file_slurp(dirfd, "manifest.csv", &manifest, &f->err), 0);
	for (rest = manifest.data; (line = strsep(&rest, "\n"));)
		checked += check_sample(f, dirfd, line);
	assert_int_equal(checked, 4);
	buf_done(&manifest);
}

/* Row 1 on the real file of Windows, whose parent is not in the study: a disk with its UUID is put in its place. */
static void test_real_differencing_vhd(void **state)
{
	static const unsigned char uuid[] = {0x5f, 0xa2, 0x1a, 0x55, 0xf3, 0x94, 0xaa, 0x4d,
					     0x99, 0x58, 0x19, 0x51, 0xa6, 0x7d, 0x55, 0x40};
	enum { SIZE = 4 << 20, BLOCK_AT = 0x4000 };
	struct image_folder *f = *state;
	AUTO_FD int dirfd = open_samples(f);
	unsigned char *parent = malloc(SIZE + VHD_FOOTER), *image, *got = malloc(SIZE);
	unsigned own = 0;
	struct block *b;

	fetch(f, dirfd, "vhd/dfvfs/fat-differential.vhd", "x.vhd");
	open_fails(f, "x.vhd", ERR_UNREADABLE,
		   "vhd 'x.vhd': parent '.\\fat-parent.vhd' is missing: there is no 'fat-parent.vhd' beside the image");
	image = slurp(f, "x.vhd", 2183168);
	/* The child's footer, made that of a fixed disk with the parent's UUID. */
	memset(parent, 0x11, SIZE);
	memcpy(parent + SIZE, image, VHD_FOOTER);
	put_be32(parent + SIZE + VHD_AT_TYPE, VHD_FIXED);
	memcpy(parent + SIZE + VHD_AT_UUID, uuid, sizeof uuid);
	put_be32(parent + SIZE + VHD_AT_CHECKSUM, vhd_checksum(parent + SIZE, VHD_FOOTER, VHD_AT_CHECKSUM));
	put_file(f, "fat-parent.vhd", parent, SIZE + VHD_FOOTER);
	b = open_ok(f, "x.vhd");
	assert_int_equal(b->size, SIZE);
	assert_int_equal(block_pread(b, got, SIZE, 0, &f->err), 0);
	for (unsigned s = 0; s < SIZE / 512; s++) {
		uint32_t at = get_be32(image + 0x2000 + s / 4096 * 4) * 512U;
		bool set = at != VHD_UNUSED * 512U && image[at + s % 4096 / 8] & 0x80 >> s % 8;

		own += set;
		assert_memory_equal(got + s * 512, set ? image + at + 512 + s % 4096 * 512 : parent + s * 512, 512);
	}
	assert_int_equal(own, 18);
	block_close(b);
	free(parent);
	free(image);
	free(got);
}

/* Tools that wrote no checksum over what they changed: qemu-img refuses these too. */
static void test_samples_with_wrong_checksums(void **state)
{
	struct image_folder *f = *state;
	AUTO_FD int dirfd = open_samples(f);

	fetch(f, dirfd, "vhd/dfvfs/image_v2.vhd", "x.vhd");
	open_fails(
	    f, "x.vhd", ERR_CORRUPT,
	    "vhd 'x.vhd': footer at 0x200a00: its checksum is 0xfffff683, computed is 0xffffef25, and there is no "
	    "good copy; --ignore-checksum goes on");
}

/* Row 10 of the field study: qemu-img only reads it after having written the log's content into the file. */
static void test_unreplayed_log(void **state)
{
	struct image_folder *f = *state;
	AUTO_FD int dirfd = open_samples(f);
	char ours[DIGEST_HEX_MAX], theirs[DIGEST_HEX_MAX], before[DIGEST_HEX_MAX], after[DIGEST_HEX_MAX];
	struct block *b;

	if (!have_qemu_img())
		skip();
	fetch(f, dirfd, "vhdx/discutils/vhdx-log-replay.vhdx.gz", "x.vhdx");
	fetch(f, dirfd, "vhdx/discutils/vhdx-log-replay.vhdx.gz", "repaired.vhdx");
	assert_int_equal(image_open(&f->folder, "x.vhdx", format_by_name("raw"), NULL, &b, &f->err), 0);
	hash_block(b, 1 << 20, before);
	block_close(b);
	b = open_ok(f, "x.vhdx");
	assert_int_equal(b->size, GIB);
	hash_block(b, 1 << 20, ours);
	block_close(b);
	assert_int_equal(image_open(&f->folder, "x.vhdx", format_by_name("raw"), NULL, &b, &f->err), 0);
	hash_block(b, 1 << 20, after);
	block_close(b);
	assert_string_equal(before, after);
	/* Reported as repaired, whatever the status. */
	run_program("qemu-img", "check", "-q", "-r", "all", path_of(f, "repaired.vhdx"), NULL);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path_of(f, "repaired.vhdx"),
				     path_of(f, "raw"), NULL),
			 0);
	assert_int_equal(image_open(&f->folder, "raw", format_by_name("raw"), NULL, &b, &f->err), 0);
	hash_block(b, 1 << 20, theirs);
	block_close(b);
	assert_string_equal(ours, theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vhd_of_qemu),
	    cmocka_unit_test(test_vhdx_of_qemu),
	    cmocka_unit_test(test_vhdx_map),
	    cmocka_unit_test(test_samples_with_known_content),
	    cmocka_unit_test(test_real_differencing_vhd),
	    cmocka_unit_test(test_samples_with_wrong_checksums),
	    cmocka_unit_test(test_unreplayed_log),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
