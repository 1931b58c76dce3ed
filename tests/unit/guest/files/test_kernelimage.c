/* Tests of guest/files/kernelimage.c: headers as kernels of each processor have them, and this machine's own kernel. */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/gunzip.h"
#include "guest/files/kernelimage.h"

enum { SIZE = 0x400, PE = 0x80 };

static void must_be(const uint8_t *data, size_t len, const char *arch)
{
	const char *found = kernelimage_arch(data, len);

	if (!found || !arch)
		assert_ptr_equal(found, arch);
	else
		assert_string_equal(found, arch);
}

static void pe(uint8_t *d, unsigned machine)
{
	memset(d, 0, SIZE);
	memcpy(d, "MZ", 2);
	d[0x3c] = PE;
	memcpy(d + PE, "PE", 2);
	put_le16(d + PE + 4, (uint16_t)machine);
}

static void elf(uint8_t *d, unsigned class, unsigned order, unsigned machine)
{
	memset(d, 0, SIZE);
	memcpy(d, "\177ELF", 4);
	d[4] = (uint8_t) class;
	d[5] = (uint8_t)order;
	if (order == 2)
		put_be16(d + 18, (uint16_t)machine);
	else
		put_le16(d + 18, (uint16_t)machine);
}

/* x86's setup header: protocol version, and the flags of how it can be loaded. */
static void setup(uint8_t *d, unsigned version, unsigned flags)
{
	memset(d, 0, SIZE);
	memcpy(d + 0x202, "HdrS", 4);
	put_le16(d + 0x206, (uint16_t)version);
	put_le16(d + 0x236, (uint16_t)flags);
}

static void test_headers(void **state)
{
	static const struct {
		unsigned machine;
		const char *arch;
	} stubs[] = {{0x8664, "x86_64"}, {0xaa64, "aarch64"}, {0x14c, "i386"},
		     {0x1c2, "arm"},	 {0x5064, "riscv64"}, {0x1234, NULL}};
	uint8_t d[SIZE];

	for (size_t i = 0; i < sizeof stubs / sizeof *stubs; i++) {
		pe(d, stubs[i].machine);
		must_be(d, SIZE, stubs[i].arch);
	}
	elf(d, 2, 1, 62);
	must_be(d, SIZE, "x86_64");
	elf(d, 2, 1, 183);
	must_be(d, SIZE, "aarch64");
	elf(d, 2, 2, 22);
	must_be(d, SIZE, "s390x");
	elf(d, 2, 1, 21);
	must_be(d, SIZE, "ppc64le");
	elf(d, 2, 2, 21);
	must_be(d, SIZE, "ppc64");
	setup(d, 0x20f, 1);
	must_be(d, SIZE, "x86_64");
	setup(d, 0x20f, 0);
	must_be(d, SIZE, "i386");
	setup(d, 0x204, 0); /* RHEL 5's: 64 bits or 32, the header doesn't tell */
	must_be(d, SIZE, NULL);
	memset(d, 0, SIZE);
	memcpy(d + 0x38, "ARM\x64", 4); /* without an EFI stub */
	must_be(d, SIZE, "aarch64");
}

static void test_packed_and_cut_off(void **state)
{
	AUTO(buf_done) struct buf gz = BUF_INIT(1 << 20), noise = BUF_INIT(1 << 20);
	uint8_t d[SIZE];

	pe(d, 0xaa64);
	buf_add(&noise, d, SIZE);
	for (unsigned i = 0, x = 1; i < 4000; i++, x = x * 1103515245 + 12345)
		buf_add(&noise, &x, sizeof x);
	assert_int_equal(gzip_member(noise.data, noise.len, &gz, NULL), 0);
	must_be((uint8_t *)gz.data, gz.len, "aarch64");
	must_be((uint8_t *)gz.data, 4096, "aarch64"); /* as its head is read */
	must_be((uint8_t *)gz.data, 3, NULL);
}

static void test_hostile(void **state)
{
	uint8_t d[SIZE];

	must_be(NULL, 0, NULL);
	must_be((const uint8_t *)"M", 1, NULL);
	pe(d, 0xaa64);
	for (size_t len = 0; len < PE + 6; len++)
		must_be(d, len, NULL);
	put_le32(d + 0x3c, UINT32_MAX);
	must_be(d, SIZE, NULL);
	put_le32(d + 0x3c, SIZE - 5);
	must_be(d, SIZE, NULL);
	elf(d, 2, 1, 62);
	must_be(d, 51, NULL);
	setup(d, 0x20f, 1);
	must_be(d, 0x237, NULL);
}

/* The version's text stands at 0x300; at says where the header points, less 0x200. */
static void version_must_be(unsigned at, const char *text, size_t len, const char *wanted)
{
	AUTO(arena_done) struct arena a = {0};
	uint8_t d[0x400];
	const char *found;

	memset(d, 'v', sizeof d);
	memcpy(d + 0x202, "HdrS", 4);
	put_le16(d + 0x20e, (uint16_t)at);
	memcpy(d + 0x300, text, strlen(text) + 1);
	found = kernelimage_version(d, len, &a);
	if (!wanted != !found || (wanted && strcmp(wanted, found) != 0))
		fail_msg("%s, expected %s", found, wanted);
}

static void test_version(void **state)
{
	version_must_be(0x100, "6.1.0-50-amd64 (debian-kernel@lists.debian.org)", 0x400, "6.1.0-50-amd64");
	version_must_be(0x100, "5.4", 0x400, "5.4");
	version_must_be(0x100, "6.1.0", 0x303, "6.1"); /* where the file ends */
	version_must_be(0, "6.1", 0x400, NULL);
	version_must_be(0x100, "", 0x400, NULL);
	version_must_be(0x200, "6.1", 0x400, NULL);
	version_must_be(0xffff, "6.1", 0x400, NULL);
	version_must_be(0x100, "6.1", 0x20f, NULL);
	version_must_be(0x180, "6.1", 0x400, NULL); /* goes on too long */
}

static void test_this_machines_kernel(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(KERNELIMAGE_HEAD);
	glob_t g;
	int fd;

#ifndef __x86_64__
	print_message("SKIP: the packages' kernel is for another processor\n");
	skip();
#endif
	if (glob("/boot/vmlinuz-*-amd64", 0, NULL, &g) != 0) {
		print_message("SKIP: no kernel in /boot\n");
		skip();
	}
	fd = open(g.gl_pathv[0], O_RDONLY | O_CLOEXEC);
	globfree(&g);
	assert_true(fd >= 0);
	assert_int_equal(file_pread(fd, buf_reserve(&b, KERNELIMAGE_HEAD), KERNELIMAGE_HEAD, 0, NULL), 0);
	buf_commit(&b, KERNELIMAGE_HEAD);
	close(fd);
	must_be((uint8_t *)b.data, b.len, "x86_64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_headers), cmocka_unit_test(test_packed_and_cut_off),	 cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_version), cmocka_unit_test(test_this_machines_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
