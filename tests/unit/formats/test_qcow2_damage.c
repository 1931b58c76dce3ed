/* The qcow2 reader and hand-made images: headers and tables that lie, backing files that may not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/checked.h"
#include "tests/unit/formats/qcow2_fixture.h"
#include "tests/unit/formats/qcow2_scratch.h"

/* The fixture with a cluster of data. */
static unsigned char *make_filled(void)
{
	unsigned char *f = make_image(0);

	memset(f + DATA_AT, 0xaa, 65536);
	return f;
}

static void test_hand_made(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_filled(), data[65536];
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
		unsigned char *f = make_filled();
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
		unsigned char *f = make_filled();
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
	unsigned char *f = make_filled();

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
	unsigned char *f = make_filled();

	put_be32(f + QCOW2_H_VERSION, 2);
	put_be64(f + L2_AT, QCOW2_ZERO);
	save(s, "x", f, FILE_END);
	assert_unreadable(s, "x", "qcow2 'x': L2 table 0 entry 0 is 0x0000000000000001: reserved bits are set");
	free(f);
}

static void test_features_by_the_images_own_names(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_filled(), *at = f + QCOW2_V3_HEADER_SIZE;

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
	unsigned char *f = make_filled();

	put_be64(f + QCOW2_H_INCOMPATIBLE, 3);
	save(s, "x", f, FILE_END);
	block_close(open_image(s, "x"));
	assert_string_equal(s->logged, "qcow2 'x' is marked as corrupt: what is read may not be what was written");
	free(f);
}

static void test_short_files(void **state)
{
	struct scratch *s = *state;
	unsigned char *f = make_filled();

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
		unsigned char *f = make_filled();

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
		unsigned char *f = make_filled();

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
	unsigned char *a = make_filled(), *b = make_filled();

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
	unsigned char *f = make_filled(), *archive = calloc(1, FILE_END + 512), data[512];
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_hand_made, setup, teardown),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
