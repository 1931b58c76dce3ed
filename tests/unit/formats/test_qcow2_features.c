/* What qcow2 images may have besides clusters: subclusters and external data files, made by qemu, and ones that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "formats/registry.h"
#include "tests/unit/formats/referee.h"
#include "tests/unit/formats/qcow2_fixture.h"

static void create(struct image_folder *f, const char *name, const char *options, const char *size)
{
	assert_int_equal(
	    run_program("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path_of(f, name), size, NULL), 0);
}

static void io(struct image_folder *f, const char *name, const char *command)
{
	assert_int_equal(run_program("qemu-io", "-f", "qcow2", "-c", command, path_of(f, name), NULL), 0);
}

/* Our bytes are those that qemu-img reads. */
static void agrees_with_qemu(struct image_folder *f, const char *name)
{
	struct block *b = open_ok(f, name);

	assert_int_equal(run_program("qemu-img", "convert", "-f", "qcow2", "-O", "raw", path_of(f, name),
				     path_of(f, "expected"), NULL),
			 0);
	assert_holds_file(f, b, "expected");
	block_close(b);
}

/* Reads and writes of the guest in pieces smaller than clusters, zeros, discards; the last cluster is cut. */
static void write_here_and_there(struct image_folder *f, const char *name, uint64_t seed)
{
	static const char *const what[] = {"write -P 5", "write -z", "write -z -u", "discard"};
	uint64_t x = seed * 88172645463325252U + 1;
	char command[16][96];

	for (unsigned i = 0; i < 16; i++) {
		uint64_t len = 512 * (1 + test_random(&x) % (i % 3 ? 9 : 300)), at = test_random(&x) % (4 * KIB) * 2048;

		snprintf(command[i], sizeof command[i], "%s%s %" PRIu64 " %" PRIu64, what[i < 7 ? 0 : i % 4],
			 i < 7 && i % 2 ? "5" : "", at, len);
	}
	for (unsigned i = 0; i < 16; i += 4)
		assert_int_equal(run_program("qemu-io", "-f", "qcow2", "-c", command[i], "-c", command[i + 1], "-c",
					     command[i + 2], "-c", command[i + 3], path_of(f, name), NULL),
				 0);
}

static void test_subclusters(void **state)
{
	static const char *const options[] = {"extended_l2=on,cluster_size=16k", "extended_l2=on",
					      "extended_l2=on,cluster_size=2M"};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 3; i++) {
		create(f, "x", options[i], "9438720"); /* 9 MiB + 1536 */
		io(f, "x", "write -c -P 77 2M 4M");
		agrees_with_qemu(f, "x");
		write_here_and_there(f, "x", i + 1);
		agrees_with_qemu(f, "x");
	}
}

static void test_subclusters_over_a_backing_file(void **state)
{
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "base", 7 * MIB + 512, 5);
	for (uint64_t seed = 1; seed < 4; seed++) {
		create(f, "x", "extended_l2=on,backing_file=base,backing_fmt=raw", "9M");
		write_here_and_there(f, "x", 10 + seed);
		agrees_with_qemu(f, "x");
	}
}

/* A subcluster is a fact of its own: what one write of 2 KiB set is data, what is beside it is not. */
static void test_extents_of_subclusters(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	if (!have_qemu_img())
		skip();
	create(f, "x", "extended_l2=on", "1M");
	io(f, "x", "write -P 1 4096 2048");
	io(f, "x", "write -z 8192 4096");
	b = open_ok(f, "x");
	assert_int_equal(b->unit, 65536);
	assert_int_equal(block_extent(b, 0, MIB, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(e.len, 4096);
	assert_int_equal(block_extent(b, 5000, MIB - 5000, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(e.len, 4096 + 2048 - 5000);
	assert_int_equal(block_extent(b, 8192, MIB - 8192, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, 4096);
	assert_int_equal(block_extent(b, 12288, MIB - 12288, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(e.len, MIB - 12288);
	block_close(b);
}

static void test_data_files(void **state)
{
	static const char *const kinds[] = {"data_file_raw=off", "data_file_raw=on", "extended_l2=on"};
	struct image_folder *f = *state;
	char options[512];

	if (!have_qemu_img())
		skip();
	assert_int_equal(mkdirat(f->folder.dirfd, "sub", 0700), 0);
	for (unsigned i = 0; i < 3; i++) {
		/* qemu looks the name up where it runs, we where the image is: so both must mean the same file. */
		assert_int_equal(chdir(path_of(f, "sub")), 0);
		snprintf(options, sizeof options, "data_file=data.%u,%s", i, kinds[i]);
		create(f, "sub/x", options, "9438720");
		write_here_and_there(f, "sub/x", 20 + i);
		agrees_with_qemu(f, "sub/x");
		assert_int_equal(chdir("/"), 0);
		block_close(open_ok(f, "sub/x"));
	}
}

static const char *told[4];

static void tell(int fd, const char *name, void *opaque)
{
	unsigned *n = opaque;

	told[(*n)++] = name;
}

static void test_the_data_file_is_told_of(void **state)
{
	struct image_folder *f = *state;
	struct folder folder = f->folder;
	struct block *b = NULL;
	unsigned n = 0;

	if (!have_qemu_img())
		skip();
	assert_int_equal(chdir(f->path), 0);
	create(f, "x", "data_file=there", "1M");
	assert_int_equal(chdir("/"), 0);
	folder.opened = tell;
	folder.opaque = &n;
	assert_int_equal(image_open(&folder, "x", NULL, NULL, &b, &f->err), 0);
	assert_int_equal(n, 2);
	block_close(b);
}

/* ---- images by hand ---- */

static void add_extension(unsigned char *f, unsigned at, uint32_t type, const char *text)
{
	put_be32(f + at, type);
	put_be32(f + at + 4, (uint32_t)strlen(text));
	memcpy(f + at + QCOW2_EXT_HEADER_SIZE, text, strlen(text));
}

static void test_subclusters_that_lie(void **state)
{
	static const struct {
		uint64_t entry, bits;
		const char *text;
	} cases[] = {
	    {DATA_AT | QCOW2_COPIED, 0x0000000100000001, "subclusters that are both allocated and zeros"},
	    {DATA_AT | QCOW2_COPIED | QCOW2_ZERO, 1, "reserved bits are set"},
	    {0, 1, "it points to the header"},
	    {DATA_AT | QCOW2_COMPRESSED, 1, "compressed, with subclusters"},
	    {DATA_AT | QCOW2_COMPRESSED, 0x100000000, "compressed, with subclusters"},
	};
	struct image_folder *f = *state;
	char text[256];

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT));

		put_be64(image + L2_AT, cases[i].entry);
		put_be64(image + L2_AT + 8, cases[i].bits);
		put_file(f, "x", image, FILE_END);
		snprintf(text, sizeof text,
			 "qcow2 'x': L2 table 0 entry 0 is 0x%016" PRIx64 " with bits 0x%016" PRIx64 ": %s",
			 cases[i].entry, cases[i].bits, cases[i].text);
		read_fails_at(f, "x", 0, 512, text);
		free(image);
	}
}

/* Zero subclusters need no room; without data, the cluster may have none. */
static void test_zeros_without_a_cluster(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT));
	struct extent e;
	struct block *b;

	put_be64(image + L2_AT + 8, 0x0000000300000000);
	put_file(f, "x", image, FILE_END);
	b = open_ok(f, "x");
	assert_int_equal(block_extent(b, 0, MIB, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, 4096);
	block_close(b);
	free(image);
}

static void test_small_clusters_have_no_subclusters(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT));

	put_be32(image + QCOW2_H_CLUSTER_BITS, 13);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT,
		   "qcow2 'x': header: cluster bits 13, with extended L2 entries 14 to 21 are possible");
	free(image);
}

static void test_data_files_that_may_not_be(void **state)
{
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {"/etc/passwd", ERR_POLICY,
	     "data file '/etc/passwd': it names '/etc/passwd': outside the image's folder, and no --allow-parent "
	     "allows it"},
	    {"../x", ERR_POLICY,
	     "data file '../x': it names '../x': outside the image's folder, and no --allow-parent allows it"},
	    {"link", ERR_POLICY, "data file 'link': 'link' leads outside the image's folder"},
	    {"json:{\"driver\":\"file\"}", ERR_UNREADABLE,
	     "data file 'json:{\"driver\":\"file\"}': cannot open 'json:{\"driver\":\"file\"}': No such file or "
	     "directory"},
	    {"nbd:localhost:10809", ERR_UNREADABLE,
	     "data file 'nbd:localhost:10809': cannot open 'nbd:localhost:10809': No such file or directory"},
	    {"", ERR_CORRUPT, "header: the data file has a name of 0 bytes"},
	};
	struct image_folder *f = *state;
	char text[512];

	assert_int_equal(symlinkat("/etc/passwd", f->folder.dirfd, "link"), 0);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT));

		add_extension(image, EXT_AT, QCOW2_EXT_DATA_FILE, cases[i].name);
		put_file(f, "x", image, FILE_END);
		snprintf(text, sizeof text, "qcow2 'x': %s", cases[i].text);
		open_fails(f, "x", cases[i].code, text);
		free(image);
	}
}

static void test_data_files_that_lie(void **state)
{
	static const struct {
		uint64_t entry;
		const char *text;
	} cases[] = {
	    {DATA_AT | QCOW2_COPIED,
	     "L2 table 0 entry 1 is 0x8000000000030000: in an external data file, a cluster stands at its own offset"},
	    {DATA_AT | QCOW2_COMPRESSED,
	     "L2 table 0 entry 1 is 0x4000000000030000: compressed, with an external data file"},
	    {0x10000 | QCOW2_COPIED, "L2 table 0 entry 1: cluster at 0x10000: the data file ends at 0x10200"},
	};
	struct image_folder *f = *state;
	unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT));
	char text[256];
	struct block *b;

	add_extension(image, EXT_AT, QCOW2_EXT_DATA_FILE, "data");
	put_file(f, "data", image, 0x10200);
	put_be64(image + L2_AT, QCOW2_COPIED); /* at offset 0 */
	for (unsigned i = 0; i < 3; i++) {
		put_be64(image + L2_AT + 8, cases[i].entry);
		put_file(f, "x", image, FILE_END);
		snprintf(text, sizeof text, "qcow2 'x': %s", cases[i].text);
		read_fails_at(f, "x", 0x10000, 1024, text);
	}
	b = open_ok(f, "x");
	assert_int_equal(block_pread(b, text, 4, 0, &f->err), 0);
	assert_int_equal(get_be32(text), QCOW2_MAGIC);
	block_close(b);
	put_be32(image + QCOW2_H_SNAPSHOTS, 1);
	put_be64(image + QCOW2_H_SNAPSHOTS_OFFSET, DATA_AT);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: snapshots, with an external data file");
	free(image);
}

static void test_a_raw_data_file_with_a_backing_file(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_image(QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT));

	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: the data is in another file, which is not named");
	add_extension(image, EXT_AT, QCOW2_EXT_DATA_FILE, "data");
	put_be64(image + QCOW2_H_AUTOCLEAR, QCOW2_BIT(QCOW2_AUTOCLEAR_DATA_FILE_RAW_BIT));
	put_be64(image + QCOW2_H_BACKING_OFFSET, 0x1000);
	put_be32(image + QCOW2_H_BACKING_SIZE, 1);
	image[0x1000] = 'b';
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: a backing file, and a data file that is the whole disk");
	free(image);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_A_FOLDER(test_subclusters),
	    IN_A_FOLDER(test_subclusters_over_a_backing_file),
	    IN_A_FOLDER(test_extents_of_subclusters),
	    IN_A_FOLDER(test_subclusters_that_lie),
	    IN_A_FOLDER(test_zeros_without_a_cluster),
	    IN_A_FOLDER(test_small_clusters_have_no_subclusters),
	    IN_A_FOLDER(test_data_files),
	    IN_A_FOLDER(test_the_data_file_is_told_of),
	    IN_A_FOLDER(test_data_files_that_may_not_be),
	    IN_A_FOLDER(test_data_files_that_lie),
	    IN_A_FOLDER(test_a_raw_data_file_with_a_backing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
