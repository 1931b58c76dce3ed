/* The probe: who claims a file, and what is said when nobody or more than one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/registry.h"
#include "tests/unit/formats/image_folder.h"

static unsigned char image[128 << 10];

static void clear_image(void)
{
	memset(image, 0, sizeof image);
}

static void put_mbr(void)
{
	image[446 + 4] = 0x83;
	put_le32(image + 446 + 8, 1);
	put_le32(image + 446 + 12, 100);
	image[510] = 0x55;
	image[511] = 0xaa;
}

/* The format's name by bid, or the error. */
static const char *probe(struct image_folder *f, size_t len)
{
	const struct format *format = NULL;
	struct block *file = NULL;
	int fd, result;

	put_file(f, "disk", image, len);
	fd = file_open_beneath(f->folder.dirfd, "disk", false, &f->err);
	assert_true(fd >= 0);
	assert_int_equal(file_block_open(fd, "disk", &file, &f->err), 0);
	result = format_probe(file, "disk", &format, &f->err);
	block_close(file);
	return result < 0 ? f->err.text : format->name;
}

static void test_raw_evidence(void **state)
{
	static const struct {
		size_t off;
		const char *magic;
		size_t len;
	} cases[] = {
	    {512, "EFI PART", 8},     {4096, "EFI PART", 8}, {0x438, "\x53\xef", 2},   {0, "XFSB", 4},
	    {0x10040, "_BHRfS_M", 8}, {3, "NTFS    ", 8},    {82, "FAT32", 5},	       {0x8001, "CD001", 5},
	    {0, "LUKS\xba\xbe", 6},   {512, "LABELONE", 8},  {4086, "SWAPSPACE2", 10}, {4096, "\xfc\x4e\x2b\xa9", 4},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		clear_image();
		memcpy(image + cases[i].off, cases[i].magic, cases[i].len);
		assert_string_equal(probe(*state, sizeof image), "raw");
	}
	clear_image();
	put_mbr();
	assert_string_equal(probe(*state, sizeof image), "raw");
}

static void test_mbr_must_be_plausible(void **state)
{
	clear_image();
	put_mbr();
	image[446] = 0x12; /* no boot flag */
	assert_non_null(strstr(probe(*state, sizeof image), "is no disk image that we know"));
	clear_image();
	put_mbr();
	put_le32(image + 446 + 8, 1 << 20); /* begins behind the disk */
	assert_non_null(strstr(probe(*state, sizeof image), "is no disk image that we know"));
}

static void test_unknown(void **state)
{
	struct image_folder *f = *state;

	clear_image();
	strcpy((char *)image, "just some text\n");
	assert_string_equal(probe(f, 15),
			    "'disk' is no disk image that we know: 15 bytes that begin with 6a 75 73 74 20 73 6f 6d 65 "
			    "20 74 65 78 74 0a; without a partition table or file system, raw must be asked for");
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	assert_string_equal(probe(f, 0), "'disk': the file is empty (0 bytes)");
	assert_int_equal(f->err.code, ERR_CORRUPT);
}

static void test_recognised_but_not_read(void **state)
{
	struct image_folder *f = *state;

	clear_image();
	memcpy(image, "shdw", 4);
	assert_string_equal(probe(f, 4096),
			    "'disk' is an ASIF image, which is not read as a disk: 4096 bytes that begin "
			    "with 73 68 64 77 00 00 00 00 00 00 00 00 00 00 00 00");
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	clear_image();
	memcpy(image, "\x1f\x8b\x08", 3);
	assert_non_null(strstr(probe(f, 4096), "'disk' is gzip data, which is not read as a disk"));
}

/* The guest's partition table at the start does not make a fixed VHD raw: its footer would become disk. */
static void test_fixed_vhd_is_not_raw(void **state)
{
	clear_image();
	put_mbr();
	memcpy(image + 65536 - 512, "conectix", 8);
	assert_string_not_equal(probe(*state, 65536), "raw");
	clear_image();
	put_mbr();
	memcpy(image + 65536 - 511, "conectix", 8);
	assert_string_not_equal(probe(*state, 65536), "raw");
}

static void test_sure_bids(void **state)
{
	clear_image();
	memcpy(image, "KDMV\1\0\0\0", 8);
	assert_string_equal(probe(*state, 65536), "vmdk");
	clear_image();
	memcpy(image, "COWD", 4);
	assert_string_equal(probe(*state, 65536), "vmdk");
	clear_image();
	put_le64(image, 0xcafebabe);
	assert_string_equal(probe(*state, 65536), "vmdk");
	clear_image();
	strcpy((char *)image, "\xef\xbb\xbf# Disk DescriptorFile\r\nversion=1\r\n");
	assert_string_equal(probe(*state, strlen((char *)image)), "vmdk");
}

/* A guest that writes an image header over its boot sector must not choose what we read. */
static void test_two_claims(void **state)
{
	struct image_folder *f = *state;

	clear_image();
	put_mbr();
	memcpy(image, "KDMV\1\0\0\0", 8);
	assert_string_equal(probe(f, 65536), "'disk' looks like vmdk and like raw: such a file is not guessed at, the "
					     "format must be stated");
	assert_int_equal(f->err.code, ERR_CORRUPT);
}

/* Files that are two things at once; whoever made them chooses what each program sees. */
static void test_polyglots(void **state)
{
	static const struct {
		struct {
			size_t off;
			const char *magic;
			size_t len;
		} parts[2];
		const char *text;
	} cases[] = {
	    {{{0, "QFI\xfb\0\0\0\3", 8}, {0x8001, "CD001", 5}}, "like qcow2 and like raw"},
	    {{{0, "QFI\xfb\0\0\0\3", 8}, {65536 - 512, "conectix", 8}}, "like qcow2 and like vhd"},
	    {{{0, "vhdxfile", 8}, {65536 - 512, "conectix", 8}}, "like vhd and like vhdx"},
	    {{{0, "vhdxfile", 8}, {0x40, "\x7f\x10\xda\xbe", 4}}, "like vdi and like vhdx"},
	    {{{0, "KDMV\1\0\0\0", 8}, {0x438, "\x53\xef", 2}}, "like vmdk and like raw"},
	    {{{0, "conectix", 8}, {512, "EFI PART", 8}}, "like vhd and like raw"},
	    {{{0, "QED\0", 4}, {4096, "EFI PART", 8}}, "like qed and like raw"},
	    {{{0, "shdw", 4}, {512, "EFI PART", 8}}, "like a raw disk and like an ASIF image"},
	    {{{257, "ustar", 5}, {0x8001, "CD001", 5}}, "like a raw disk and like a tar archive (an OVA?)"},
	    {{{0, "\x1f\x8b\x08", 3}, {0x8001, "CD001", 5}}, "like a raw disk and like gzip data"},
	};
	struct image_folder *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		clear_image();
		for (int k = 0; k < 2; k++)
			memcpy(image + cases[i].parts[k].off, cases[i].parts[k].magic, cases[i].parts[k].len);
		if (!strstr(probe(f, 65536), cases[i].text))
			fail_msg("case %zu: '%s'", i, probe(f, 65536));
		assert_int_equal(f->err.code, ERR_CORRUPT);
	}
}

/* A fixed VHD holds the guest's table, an ISO a GPT for sticks; a differencing footer behind a table is the guest's. */
static void test_documented_pairs(void **state)
{
	struct image_folder *f = *state;

	clear_image();
	memcpy(image + 512, "EFI PART", 8);
	memcpy(image + 0x8001, "CD001", 5);
	assert_string_equal(probe(f, 65536), "raw");
	for (uint32_t type = 2; type <= 4; type++) {
		clear_image();
		put_mbr();
		memcpy(image + 65536 - 512, "conectix", 8);
		put_be32(image + 65536 - 512 + 60, type);
		if (type == 2)
			assert_string_equal(probe(f, 65536), "vhd");
		else
			assert_non_null(strstr(probe(f, 65536), "like vhd and like raw"));
	}
}

static void test_by_name(void **state)
{
	assert_ptr_equal(format_by_name("vmdk"), &format_vmdk);
	assert_ptr_equal(format_by_name("raw"), &format_raw);
	assert_null(format_by_name("VMDK"));
	assert_null(format_by_name(""));
}

/* What an image that is being unpacked can have at most. */
static void test_bound_by_the_first_bytes(void **state)
{
	unsigned char head[4096] = "QFI\xfb\0\0\0\3", vmdk[512] = "KDMV", vhd[512] = "conectix", qed[512] = "QED",
		      vdi[512] = "", zeros[512] = "";

	put_be64(head + 24, 3 * GIB);
	assert_true(format_file_bound(head, sizeof head, NULL) == 13 * GIB);
	assert_true(format_file_bound(head, sizeof head, &format_qcow2) == 13 * GIB);
	assert_true(format_file_bound(head, sizeof head, &format_raw) == UINT64_MAX);
	head[63] = 1; /* a snapshot */
	assert_true(format_file_bound(head, sizeof head, NULL) == UINT64_MAX);
	head[7] = 1; /* of version 1 it is another field */
	assert_true(format_file_bound(head, sizeof head, NULL) == 13 * GIB);
	put_be64(head + 24, UINT64_MAX / 2);
	assert_true(format_file_bound(head, sizeof head, NULL) == UINT64_MAX);
	put_le64(vmdk + 12, GIB / 512);
	assert_true(format_file_bound(vmdk, sizeof vmdk, NULL) == 5 * GIB);
	put_le64(vmdk + 12, UINT64_MAX);
	assert_true(format_file_bound(vmdk, sizeof vmdk, NULL) == UINT64_MAX);
	put_be64(vhd + 48, GIB);
	assert_true(format_file_bound(vhd, sizeof vhd, NULL) == 5 * GIB);
	put_le64(qed + 48, GIB);
	assert_true(format_file_bound(qed, sizeof qed, NULL) == 5 * GIB);
	put_le32(vdi + 0x40, 0xbeda107f);
	put_le64(vdi + 0x170, GIB);
	assert_true(format_file_bound(vdi, sizeof vdi, NULL) == 5 * GIB);
	assert_true(format_file_bound(zeros, sizeof zeros, NULL) == UINT64_MAX);
	assert_true(format_file_bound("", 0, NULL) == UINT64_MAX);
}

static void test_open_names(void **state)
{
	struct image_folder *f = *state;

	open_fails(f, "nothing", ERR_UNREADABLE, "cannot open 'nothing': No such file or directory");
	open_fails(f, "../x", ERR_POLICY, "'../x' leads outside the image's folder");
	assert_int_equal(symlinkat("/etc/passwd", f->folder.dirfd, "link"), 0);
	open_fails(f, "link", ERR_POLICY, "'link' leads outside the image's folder");
	assert_int_equal(mkdirat(f->folder.dirfd, "sub", 0755), 0);
	open_fails(f, "sub", ERR_POLICY, "'sub' is not a regular file");
	put_file(f, "empty", "", 0);
	open_fails(f, "empty", ERR_CORRUPT, "'empty': the file is empty (0 bytes)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_raw_evidence),
	    cmocka_unit_test(test_mbr_must_be_plausible),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_recognised_but_not_read),
	    cmocka_unit_test(test_fixed_vhd_is_not_raw),
	    cmocka_unit_test(test_sure_bids),
	    cmocka_unit_test(test_two_claims),
	    cmocka_unit_test(test_polyglots),
	    cmocka_unit_test(test_documented_pairs),
	    cmocka_unit_test(test_by_name),
	    cmocka_unit_test(test_bound_by_the_first_bytes),
	    cmocka_unit_test_setup_teardown(test_open_names, image_folder_setup, image_folder_teardown),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
