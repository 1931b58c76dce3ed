/* The reader of qcow version 1 against qemu-img, and headers and tables that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/formats/lies.h"

static void test_generated_by_qemu(void **state)
{
	static const struct {
		const char *mode;
		uint64_t size;
	} cases[] = {{"-q", 20 * MIB}, {"-q", 3 * MIB + 512}, {"-c", 20 * MIB}, {"-c", 3 * MIB + 512}};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct block *b;
		int status;

		put_random_disk(f, "raw", cases[i].size, i + 1);
		status = run_program("qemu-img", "convert", "-f", "raw", "-O", "qcow", cases[i].mode, path_of(f, "raw"),
				     path_of(f, "x.qcow"), NULL);
		/* With -c, qemu-img 7.2 fails after all is written: then its image is whole, as the comparison shows.
		 */
		assert_true(status == 0 || cases[i].mode[1] == 'c');
		b = open_ok(f, "x.qcow");
		assert_string_equal(b->ops->name, "qcow");
		assert_int_equal(b->size, cases[i].size);
		assert_holds_file(f, b, "raw");
		block_close(b);
	}
}

/* An overlay with clusters of 512 bytes, as QEMU makes them, over a shorter qcow2 image. */
static void test_backing_chain(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "raw", 5 * MIB, 3);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "qcow2", path_of(f, "raw"),
				     path_of(f, "base.qcow2"), NULL),
			 0);
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "qcow", "-b", "base.qcow2", "-F", "qcow2",
				     path_of(f, "top.qcow"), "8M", NULL),
			 0);
	assert_int_equal(run_program("qemu-io", "-f", "qcow", "-c", "write -P 7 1M 100k", "-c", "write -P 9 7M 512",
				     path_of(f, "top.qcow"), NULL),
			 0);
	assert_int_equal(
	    run_program("qemu-img", "convert", "-O", "raw", path_of(f, "top.qcow"), path_of(f, "want"), NULL), 0);
	b = open_ok(f, "top.qcow");
	assert_int_equal(b->unit, 512);
	assert_holds_file(f, b, "want");
	assert_int_equal(block_extent(b, 5 * MIB, 3 * MIB, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	block_close(b);
}

/* 1 MiB in clusters of 4 KiB: header, L1 at 0x30, L2 at 0x1000, one cluster at 0x2000. */
enum { L2_AT = 0x1000, DATA_AT = 0x2000, FILE_END = 0x3000 };

static unsigned char *make(void)
{
	unsigned char *d = calloc(1, FILE_END);

	put_be32(d, 0x514649fb);
	put_be32(d + 4, 1);
	put_be64(d + 24, MIB);
	d[32] = 12;
	d[33] = 9;
	put_be64(d + 40, 48);
	put_be64(d + 48, L2_AT);
	put_be64(d + L2_AT, DATA_AT);
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
	unsigned char *want = calloc(1, MIB);
	struct block *b;

	memset(want, 0xaa, 4096);
	put_made(f, make());
	b = open_ok(f, "x");
	assert_holds(f, b, want);
	block_close(b);
	free(want);
}

static const struct liar liar = {"qcow", make, FILE_END, lie_be};

static void test_headers_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {24, 64, 0, ERR_CORRUPT, "header: a disk of 0 bytes, expected 1 to 64 TiB"},
	    {24, 64, UINT64_MAX, ERR_CORRUPT, "header: a disk of 18446744073709551615 bytes, expected 1 to 64 TiB"},
	    {24, 64, 1 * TIB, ERR_CORRUPT,
	     "L1 table: 4194304 bytes at 0x30: the limit is 32 MiB, the file ends at 0x3000"},
	    {32, 8, 8, ERR_CORRUPT, "header: cluster bits 8, 9 to 16 are possible"},
	    {32, 8, 17, ERR_CORRUPT, "header: cluster bits 17, 9 to 16 are possible"},
	    {33, 8, 5, ERR_CORRUPT, "header: L2 bits 5, 6 to 13 are possible"},
	    {33, 8, 63, ERR_CORRUPT, "header: L2 bits 63, 6 to 13 are possible"},
	    {36, 32, 1, ERR_UNSUPPORTED, "header: it is encrypted (method 1): decrypt it with qemu-img"},
	    {40, 64, UINT64_MAX, ERR_CORRUPT,
	     "L1 table: 8 bytes at 0xffffffffffffffff: the limit is 32 MiB, the file ends at 0x3000"},
	    {48, 64, 0x2800, ERR_CORRUPT, "L2 table 0 of 1: 4096 bytes at 0x2800: the file ends at 0x3000"},
	    {8, 64, 0x3001, ERR_CORRUPT,
	     "header: backing file name of 0 bytes at 0x3001: up to 1023 bytes in the file are possible"},
	};

	lies_are_found(*state, &liar, false, lies, sizeof lies / sizeof *lies);
}

static void backing_fails(struct image_folder *f, const char *name, enum err_code code, const char *reason)
{
	unsigned char *d = make();
	char text[400];

	put_be64(d + 8, 0x100);
	put_be32(d + 16, (uint32_t)strlen(name));
	memcpy(d + 0x100, name, strlen(name));
	put_made(f, d);
	snprintf(text, sizeof text, "qcow 'x': backing file '%s': %s", name, reason);
	open_fails(f, "x", code, text);
}

static void test_backing_names(void **state)
{
	backing_fails(*state, "/etc/passwd", ERR_POLICY,
		      "it names '/etc/passwd': outside the image's folder, and no --allow-parent allows it");
	backing_fails(*state, "../x", ERR_POLICY,
		      "it names '../x': outside the image's folder, and no --allow-parent allows it");
	backing_fails(*state, "nbd:localhost", ERR_UNREADABLE,
		      "cannot open 'nbd:localhost': No such file or directory");
	backing_fails(*state, "x", ERR_CORRUPT, "'x': loop: this file is in the chain already");
	backing_fails(*state, "", ERR_CORRUPT, "it names a file with an empty name");
	put_text(*state, "y", "a secret");
	backing_fails(*state, "y", ERR_UNSUPPORTED,
		      "'y' is no disk image that we know: 8 bytes that begin with 61 20 73 65 63 72 65 74; without a "
		      "partition table or file system, raw must be asked for");
}

static void test_tables_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {L2_AT, 64, 40, ERR_CORRUPT, "L2 table: entry 0: 0x0000000000000028 is no cluster"},
	    {L2_AT, 64, 0x2001, ERR_CORRUPT,
	     "L2 table: entry 0: cluster of 4096 bytes at 0x2001: the file ends at 0x3000"},
	    {L2_AT, 64, UINT64_C(1) << 63 | 0x2000, ERR_CORRUPT, "L2 table: entry 0: 0x8000000000002000 is no cluster"},
	    {L2_AT, 64, UINT64_C(1) << 63 | UINT64_C(100) << 51 | 0x2ff0, ERR_CORRUPT,
	     "L2 table: entry 0: cluster of 100 bytes at 0x2ff0: the file ends at 0x3000"},
	};

	lies_are_found(*state, &liar, true, lies, sizeof lies / sizeof *lies);
}

static void test_bad_stream(void **state)
{
	struct image_folder *f = *state;
	unsigned char *d = make(), data[512];
	struct block *b;

	put_be64(d + L2_AT, UINT64_C(1) << 63 | UINT64_C(100) << 51 | 0x2000);
	put_made(f, d);
	b = open_ok(f, "x");
	assert_int_equal(block_pread(b, data, sizeof data, 0, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_non_null(strstr(f->err.text, "qcow 'x': compressed cluster of up to 100 bytes at 0x2000: "));
	block_close(b);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_generated_by_qemu), TEST(test_backing_chain), TEST(test_hand_made),
	    TEST(test_headers_that_lie),  TEST(test_backing_names), TEST(test_tables_that_lie),
	    TEST(test_bad_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
