/* The QED reader against qemu-img and qemu-io, and headers and tables that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/formats/lies.h"

static void test_generated_by_qemu(void **state)
{
	static const struct {
		const char *options;
		uint64_t size;
	} cases[] = {
	    {"cluster_size=65536", 20 * MIB},
	    {"cluster_size=65536", 3 * MIB + 512},
	    {"cluster_size=4096,table_size=4", 20 * MIB},
	    {"cluster_size=64K,table_size=16", 20 * MIB},
	    {"cluster_size=128K,table_size=2", 20 * MIB},
	};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_random_disk(f, "raw", cases[i].size, i + 1);
		block_close(assert_holds_qemus(f, "qed", cases[i].options));
	}
}

/* Zero clusters over data of a raw backing image, which has no partition table: its format is declared. */
static void test_backing_chain(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "base", 5 * MIB, 3);
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "qed", "-b", "base", "-F", "raw",
				     path_of(f, "middle.qed"), "8M", NULL),
			 0);
	assert_int_equal(run_program("qemu-io", "-f", "qed", "-c", "write -P 7 1M 100k", "-c", "write -z 2M 1M", "-c",
				     "write -P 9 7M 512", path_of(f, "middle.qed"), NULL),
			 0);
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "qed", "-b", "middle.qed", "-F", "qed",
				     path_of(f, "top.qed"), "9M", NULL),
			 0);
	assert_int_equal(run_program("qemu-io", "-f", "qed", "-c", "write -P 8 1050k 10k", path_of(f, "top.qed"), NULL),
			 0);
	assert_int_equal(
	    run_program("qemu-img", "convert", "-O", "raw", path_of(f, "top.qed"), path_of(f, "want"), NULL), 0);
	b = open_ok(f, "top.qed");
	assert_holds_file(f, b, "want");
	assert_int_equal(block_extent(b, 2 * MIB, MIB, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, MIB);
	block_close(b);
}

/* 1 MiB in clusters of 4 KiB: header, L1 at 0x1000, L2 at 0x2000, one cluster at 0x3000. */
enum { L1_AT = 0x1000, L2_AT = 0x2000, DATA_AT = 0x3000, FILE_END = 0x4000 };

static unsigned char *make(void)
{
	unsigned char *d = calloc(1, FILE_END);

	memcpy(d, "QED", 4);
	put_le32(d + 4, 4096);
	put_le32(d + 8, 1);
	put_le32(d + 12, 1);
	put_le64(d + 40, L1_AT);
	put_le64(d + 48, MIB);
	put_le64(d + L1_AT, L2_AT);
	put_le64(d + L2_AT, DATA_AT);
	put_le64(d + L2_AT + 8, 1);
	memset(d + DATA_AT, 0xaa, 4096);
	return d;
}

static void put_made(struct image_folder *f, unsigned char *d)
{
	put_file(f, "x", d, FILE_END);
	free(d);
}

static void test_hand_made(void **state)
{
	struct image_folder *f = *state;
	unsigned char *want = calloc(1, MIB), *d = make();
	struct block *b;

	memset(want, 0xaa, 4096);
	put_le64(d + 16, 2);
	put_made(f, d);
	b = open_ok(f, "x");
	assert_string_equal(f->log,
			    "qed 'x': marked as in use: it was copied while the machine ran, or the host crashed\n");
	assert_holds(f, b, want);
	block_close(b);
	free(want);
}

static const struct liar liar = {"qed", make, FILE_END, lie_le};

static void test_headers_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {4, 32, 0, ERR_CORRUPT, "header: clusters of 0 bytes, expected a power of two from 4 KiB to 64 MiB"},
	    {4, 32, 2048, ERR_CORRUPT, "header: clusters of 2048 bytes, expected a power of two from 4 KiB to 64 MiB"},
	    {4, 32, 134217728, ERR_CORRUPT,
	     "header: clusters of 134217728 bytes, expected a power of two from 4 KiB to 64 MiB"},
	    {8, 32, 0, ERR_CORRUPT, "header: tables of 0 clusters, expected a power of two up to 16"},
	    {8, 32, 32, ERR_CORRUPT, "header: tables of 32 clusters, expected a power of two up to 16"},
	    {12, 32, 0, ERR_CORRUPT, "header: it has 0 clusters"},
	    {16, 64, 0x58, ERR_UNSUPPORTED, "header: unknown features 0x58"},
	    {40, 64, 0x1001, ERR_CORRUPT,
	     "L1 table: 8 bytes at 0x1001, expected up to 32 MiB at a cluster of the file, which ends at 0x4000"},
	    {40, 64, 0x4000, ERR_CORRUPT,
	     "L1 table: 8 bytes at 0x4000, expected up to 32 MiB at a cluster of the file, which ends at 0x4000"},
	    {48, 64, 0, ERR_CORRUPT, "header: a disk of 0 bytes, expected whole sectors up to 64 TiB"},
	    {48, 64, 513, ERR_CORRUPT, "header: a disk of 513 bytes, expected whole sectors up to 64 TiB"},
	    {48, 64, UINT64_MAX - 511, ERR_CORRUPT,
	     "header: a disk of 18446744073709551104 bytes, expected whole sectors up to 64 TiB"},
	    {48, 64, 2 * GIB, ERR_CORRUPT,
	     "header: a disk of 2147483648 bytes needs 1024 L1 entries, the table has 512"},
	    {L1_AT, 64, 0x2001, ERR_CORRUPT, "L1 table: entry 0: 0x0000000000002001 is no cluster"},
	    {L1_AT, 64, 0x4000, ERR_CORRUPT, "L2 table 0 of 1: 4096 bytes at 0x4000: the file ends at 0x4000"},
	};

	lies_are_found(*state, &liar, false, lies, sizeof lies / sizeof *lies);
}

static void backing_fails(struct image_folder *f, const char *name, uint32_t len, enum err_code code,
			  const char *reason)
{
	unsigned char *d = make();
	char text[400];

	put_le64(d + 16, 5);
	put_le32(d + 56, 64);
	put_le32(d + 60, len);
	memcpy(d + 64, name, strlen(name));
	put_made(f, d);
	snprintf(text, sizeof text, "qed 'x': %s", reason);
	open_fails(f, "x", code, text);
}

static void test_backing_names(void **state)
{
	backing_fails(*state, "/etc/passwd", 11, ERR_POLICY,
		      "backing file '/etc/passwd': it names '/etc/passwd': outside the image's folder, and no "
		      "--allow-parent allows it");
	backing_fails(*state, "x", 1, ERR_CORRUPT, "backing file 'x': 'x': loop: this file is in the chain already");
	backing_fails(*state, "x", 2, ERR_CORRUPT, "header: the backing file's name has a NUL in it");
	backing_fails(*state, "x", 1024, ERR_CORRUPT,
		      "header: backing file name of 1024 bytes at 0x40: up to 1023 bytes in the file are possible");
}

static void test_tables_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {L2_AT, 64, 2, ERR_CORRUPT, "L2 table: entry 0: 0x0000000000000002 is no cluster"},
	    {L2_AT, 64, 0x4000, ERR_CORRUPT,
	     "L2 table: entry 0: cluster of 4096 bytes at 0x4000: the file ends at 0x4000"},
	};

	lies_are_found(*state, &liar, true, lies, sizeof lies / sizeof *lies);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_generated_by_qemu), TEST(test_backing_chain), TEST(test_hand_made),
	    TEST(test_headers_that_lie),  TEST(test_backing_names), TEST(test_tables_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
