/* The tar index: ustar, pax and GNU forms, and everything an OVA must not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "sources/tar.h"
#include "tests/unit/sources/tarball.h"

static int read_index(const struct buf *b, struct tar_index *ret, struct err *err)
{
	AUTO_FD int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_int_equal(file_pwrite(fd, buf_str(b), b->len, 0, err), 0);
	return tar_read(fd, b->len, ret, err);
}

static void expect_error(const struct buf *b, enum err_code code, const char *text)
{
	AUTO(tar_done) struct tar_index t = {0};
	struct err err = ERR_INIT;

	assert_int_equal(read_index(b, &t, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
}

static void members_and_their_places(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(tar_done) struct tar_index t = {0};
	struct err err = ERR_INIT;
	unsigned char h[512];

	tarball_add(&b, "./", '5', NULL, 0);
	tarball_file(&b, "./a.ovf", "hello");
	tarball_file(&b, "._a.ovf", "resource fork");
	tarball_add(&b, "old", '\0', "v7", 2);
	tarball_header(h, "name", '0', 3, NULL);
	strcpy((char *)h + 345, "prefix/sub");
	tarball_seal(h);
	tarball_raw(&b, h, "abc", 3);
	tarball_end(&b);
	assert_int_equal(read_index(&b, &t, &err), 0);
	assert_int_equal(t.members.n, 3);
	assert_string_equal(t.members.v[0].name, "a.ovf");
	assert_int_equal(t.members.v[0].off, 1024);
	assert_int_equal(t.members.v[0].size, 5);
	assert_memory_equal(b.data + t.members.v[0].off, "hello", 5);
	assert_string_equal(t.members.v[1].name, "old");
	assert_string_equal(t.members.v[2].name, "prefix/sub/name");
	assert_true(tar_bid(b.data, b.len));
	assert_false(tar_bid("KDMV", 4));
}

static void sizes_in_base_256_and_pax_and_long_names(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(tar_done) struct tar_index t = {0};
	struct err err = ERR_INIT;
	unsigned char h[512];
	char longest[300];

	tarball_header(h, "big", '0', 0, NULL);
	memset(h + 124, 0, 12);
	h[124] = 0x80;
	h[135] = 4;
	tarball_seal(h);
	tarball_raw(&b, h, "1234", 4);
	tarball_add(&b, "pax", 'x', "10 size=6\n18 path=disk1.vmd\n", 28);
	tarball_header(h, "short", '0', 1, NULL);
	tarball_raw(&b, h, "123456", 6);
	memset(longest, 'n', sizeof longest);
	tarball_add(&b, "././@LongLink", 'L', longest, sizeof longest);
	tarball_file(&b, "cut", "x");
	tarball_add(&b, "g", 'g', "19 comment=nothing\n", 19);
	tarball_file(&b, "last", "y");
	assert_int_equal(read_index(&b, &t, &err), 0); /* no end blocks: fine */
	assert_int_equal(t.members.n, 4);
	assert_int_equal(t.members.v[0].size, 4);
	assert_string_equal(t.members.v[1].name, "disk1.vmd");
	assert_int_equal(t.members.v[1].size, 6);
	assert_int_equal(strlen(t.members.v[2].name), sizeof longest);
	assert_string_equal(t.members.v[3].name, "last");
}

static void names_that_lead_outside(void **state)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
	    {"/etc/passwd", "member '/etc/passwd' has an absolute name"},
	    {"../x", "member '../x' leads outside its folder"},
	    {"a/../../x", "member 'a/../../x' leads outside its folder"},
	    {"a/..", "member 'a/..' leads outside its folder"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

		tarball_file(&b, cases[i].name, "x");
		expect_error(&b, ERR_POLICY, cases[i].says);
	}
}

static void members_that_are_no_plain_files(void **state)
{
	static const struct {
		char type;
		const char *says;
	} cases[] = {
	    {'1', "member 'd.vmdk' is a hard link to '/etc/shadow': an OVA holds plain files only"},
	    {'2', "member 'd.vmdk' is a symbolic link to '/etc/shadow': an OVA holds plain files only"},
	    {'3', "member 'd.vmdk' is a device to '/etc/shadow': an OVA holds plain files only"},
	    {'6', "member 'd.vmdk' is a FIFO to '/etc/shadow': an OVA holds plain files only"},
	    {'S', "member 'd.vmdk' is a sparse file to '/etc/shadow': an OVA holds plain files only"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

		tarball_link(&b, "d.vmdk", cases[i].type, "/etc/shadow");
		expect_error(&b, ERR_POLICY, cases[i].says);
	}
}

static void sparse_by_pax_and_unknown_types(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_add(&b, "pax", 'x', "22 GNU.sparse.major=1\n", 22);
	tarball_file(&b, "d.vmdk", "x");
	expect_error(&b, ERR_POLICY, "member 'd.vmdk' is a sparse file: an OVA holds plain files only");
	buf_clear(&b);
	tarball_add(&b, "d.vmdk", 'Z', "x", 1);
	expect_error(&b, ERR_CORRUPT, "member 'd.vmdk' has the unknown type 0x5a");
}

static void duplicates(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "d.vmdk", "good");
	tarball_file(&b, "./d.vmdk", "evil");
	expect_error(&b, ERR_CORRUPT, "member 'd.vmdk' is there twice, at 0x200 and 0x600");
}

static void truncation_and_damage(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	unsigned char h[512];

	expect_error(&b, ERR_CORRUPT, "the file is empty");
	tarball_header(h, "d.vmdk", '0', 2000, NULL);
	buf_add(&b, h, 512);
	buf_add(&b, h, 300);
	expect_error(&b, ERR_CORRUPT, "member at 0x200 is 2000 bytes, the file ends at 0x32c: truncated");
	b.len = 100;
	expect_error(&b, ERR_CORRUPT, "the file ends inside the header at 0x0: truncated");
	b.len = 512;
	b.data[0] = 'e';
	expect_error(&b, ERR_CORRUPT, "the header at 0x0 is damaged: wrong checksum");
	tarball_header(h, "d", '0', 0, NULL);
	memset(h + 124, 0xff, 12);
	tarball_seal(h);
	memcpy(b.data, h, 512);
	expect_error(&b, ERR_CORRUPT, "the header at 0x0 is damaged: size is not a number");
	h[124] = 0x80;
	tarball_seal(h);
	memcpy(b.data, h, 512);
	expect_error(&b, ERR_CORRUPT, "the header at 0x0 is damaged: size is not a number");
	memset(h + 124, 0, 12);
	h[124] = 0x80;
	memset(h + 128, 0x7f, 8);
	tarball_seal(h);
	memcpy(b.data, h, 512);
	expect_error(&b, ERR_CORRUPT,
		     "member at 0x200 is 9187201950435737471 bytes, the file ends at 0x200: truncated");
}

static void hostile_extended_headers(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	static char big[65537];

	tarball_add(&b, "pax", 'x', "14 path=a\0b..\n", 14);
	expect_error(&b, ERR_POLICY, "pax header at 0x200: a value has a NUL byte");
	buf_clear(&b);
	tarball_add(&b, "pax", 'x', "11 size=-1\n", 11);
	expect_error(&b, ERR_CORRUPT, "pax header at 0x200: size '-1' is not a number");
	buf_clear(&b);
	tarball_add(&b, "pax", 'x', "99 size=1\n", 10);
	expect_error(&b, ERR_CORRUPT, "pax header at 0x200: record at byte 0 is damaged");
	buf_clear(&b);
	tarball_add(&b, "pax", 'x', "3 \n", 3);
	expect_error(&b, ERR_CORRUPT, "pax header at 0x200: record at byte 0 has no '='");
	buf_clear(&b);
	tarball_add(&b, "pax", 'g', "10 size=1\n", 10);
	expect_error(&b, ERR_POLICY, "global pax header at 0x200 renames or resizes all members");
	buf_clear(&b);
	tarball_add(&b, "././@LongLink", 'L', big, sizeof big);
	expect_error(&b, ERR_CORRUPT, "extended header at 0x200 is 65537 bytes, over 64 KiB");
	buf_clear(&b);
	memset(big, 'n', 5000);
	tarball_add(&b, "././@LongLink", 'L', big, 5000);
	tarball_file(&b, "x", "x");
	expect_error(&b, ERR_CORRUPT, "a member's name is 5000 bytes, over 4096");
}

static void more_members_than_any_ova_has(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8 << 20);
	char name[20];

	for (unsigned i = 0; i < 4097; i++) {
		snprintf(name, sizeof name, "m%u", i);
		tarball_add(&b, name, '0', NULL, 0);
	}
	expect_error(&b, ERR_CORRUPT, "there are more than 4096 members");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_and_their_places),
	    cmocka_unit_test(sizes_in_base_256_and_pax_and_long_names),
	    cmocka_unit_test(names_that_lead_outside),
	    cmocka_unit_test(members_that_are_no_plain_files),
	    cmocka_unit_test(sparse_by_pax_and_unknown_types),
	    cmocka_unit_test(duplicates),
	    cmocka_unit_test(truncation_and_damage),
	    cmocka_unit_test(hostile_extended_headers),
	    cmocka_unit_test(more_members_than_any_ova_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
