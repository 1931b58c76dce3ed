/* Partition tables that sfdisk wrote, and what is wrong with others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "formats/partition.h"
#include "formats/registry.h"
#include "tests/unit/formats/image_folder.h"
#include "tests/unit/formats/qemu_img.h"

enum { DISK = 64 << 20 };

/* An empty disk on which sfdisk carried out the script; skips the test without sfdisk. */
static void make_disk(struct image_folder *f, const char *script)
{
	char path[100], command[1000];
	int fd = openat(f->folder.dirfd, "disk", O_RDWR | O_CREAT | O_TRUNC, 0644);
	const char *path_env = "PATH=$PATH:/usr/sbin:/sbin";

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK), 0);
	close(fd);
	if (run_program("sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; command -v sfdisk > /dev/null", NULL) != 0) {
		print_message("SKIP: sfdisk is not installed\n");
		skip();
	}
	snprintf(path, sizeof path, "%s/disk", f->path);
	snprintf(command, sizeof command, "%s; printf '%s' | sfdisk -q %s", path_env, script, path);
	assert_int_equal(run_program("sh", "-c", command, NULL), 0);
}

static struct block *open_disk(struct image_folder *f)
{
	struct block *b = NULL;

	if (image_open(&f->folder, "disk", &format_raw, NULL, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

static void read_ok(struct image_folder *f, struct partition_table *t)
{
	struct block *b = open_disk(f);

	if (partition_table_read(b, t, &f->err) < 0)
		fail_msg("%s", f->err.text);
	block_close(b);
}

static void read_fails(struct image_folder *f, const char *text)
{
	struct block *b = open_disk(f);
	struct partition_table t;

	assert_int_equal(partition_table_read(b, &t, &f->err), -1);
	assert_string_equal(f->err.text, text);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	partition_table_done(&t);
	block_close(b);
}

/* Changes bytes of the disk. */
static void poke(struct image_folder *f, uint64_t off, const void *data, size_t len)
{
	int fd = openat(f->folder.dirfd, "disk", O_RDWR);

	assert_int_equal(file_pwrite(fd, data, len, off, &f->err), 0);
	close(fd);
}

static bool has_boot_code(struct image_folder *f)
{
	struct block *b = open_disk(f);
	bool ret = partition_boot_code(b);

	block_close(b);
	return ret;
}

static void is_at(const struct partition *p, unsigned index, uint64_t first_mib, uint64_t mib)
{
	assert_int_equal(p->index, index);
	assert_int_equal(p->start, first_mib * MIB);
	assert_int_equal(p->len, mib * MIB);
	assert_false(p->cut);
}

static const char mbr_script[] = "label: dos\\nlabel-id: 0x1a2b3c4d\\n"
				 "start=2048, size=20480, type=83, bootable\\n"
				 "start=22528, size=2048, type=82\\n"
				 "start=24576, size=81920, type=5\\n"
				 "start=26624, size=4096, type=8e\\n"
				 "start=32768, size=4096, type=83\\n";

static void test_mbr(void **state)
{
	struct image_folder *f = *state;
	struct partition_table t;

	make_disk(f, mbr_script);
	read_ok(f, &t);
	assert_int_equal(t.scheme, PARTITION_MBR);
	assert_string_equal(partition_scheme_name(t.scheme), "mbr");
	assert_string_equal(t.id, "1a2b3c4d");
	assert_int_equal(t.n, 5);
	is_at(&t.v[0], 1, 1, 10);
	assert_string_equal(t.v[0].type, "0x83");
	assert_string_equal(t.v[0].partuuid, "1a2b3c4d-01");
	assert_true(t.v[0].bootable);
	assert_string_equal(t.v[0].name, "");
	is_at(&t.v[1], 2, 11, 1);
	assert_false(t.v[1].bootable);
	is_at(&t.v[2], 3, 12, 40);
	assert_true(t.v[2].container);
	is_at(&t.v[3], 5, 13, 2);
	assert_string_equal(t.v[3].type, "0x8e");
	assert_string_equal(t.v[3].partuuid, "1a2b3c4d-05");
	assert_false(t.v[3].container);
	is_at(&t.v[4], 6, 16, 2);
	partition_table_done(&t);
}

static void test_boot_code(void **state)
{
	struct image_folder *f = *state;

	make_disk(f, mbr_script);
	assert_false(has_boot_code(f));
	poke(f, 439, "\x90", 1);
	assert_true(has_boot_code(f));
	poke(f, 511, "", 1);
	assert_false(has_boot_code(f));
}

static void test_logical_loop(void **state)
{
	struct image_folder *f = *state;
	unsigned char link[16] = {0, 0, 0, 0, 5};

	make_disk(f, mbr_script);
	/* The second record links to the first. */
	put_le32(link + 8, 0);
	put_le32(link + 12, 4096);
	poke(f, 30720 * 512 + 446 + 16, link, sizeof link);
	read_fails(f, "partition table of 'disk': more than 256 logical partitions: their chain loops");
	/* It links to far away. */
	put_le32(link + 8, 0xfffffff0);
	poke(f, 30720 * 512 + 446 + 16, link, sizeof link);
	read_fails(
	    f, "partition table of 'disk': logical partition 7: its record at sector 4294991856 is behind the end of "
	       "the disk (67108864 bytes)");
}

static void test_mbr_at_the_end(void **state)
{
	struct image_folder *f = *state;
	struct partition_table t;
	unsigned char size[4], start[4];

	make_disk(f, "label: dos\\nstart=2048, size=2048, type=83\\n");
	put_le32(size, 999999999);
	poke(f, 446 + 12, size, 4);
	read_ok(f, &t);
	assert_int_equal(t.v[0].start, MIB);
	assert_int_equal(t.v[0].len, DISK - MIB);
	assert_true(t.v[0].cut);
	partition_table_done(&t);
	put_le32(start, 131072);
	poke(f, 446 + 8, start, 4);
	read_fails(f,
		   "partition table of 'disk': partition 1 begins at sector 131072 of 512 bytes, the disk has 67108864 "
		   "bytes");
}

static void test_overlap(void **state)
{
	struct image_folder *f = *state;
	unsigned char start[4];

	make_disk(f, "label: dos\\nstart=2048, size=4096, type=83\\nstart=6144, size=2048, type=83\\n");
	put_le32(start, 6143);
	poke(f, 446 + 16 + 8, start, 4);
	read_fails(f, "partition table of 'disk': partitions 1 and 2 overlap at 0x2ffe00");
}

static void test_no_table(void **state)
{
	struct image_folder *f = *state;
	struct partition_table t;
	static char disk[4096];

	put_file(f, "disk", disk, sizeof disk);
	read_ok(f, &t);
	assert_int_equal(t.scheme, PARTITION_NONE);
	assert_int_equal(t.n, 0);
	partition_table_done(&t);
	/* A FAT file system on the whole disk: signed, with code where a table would be. */
	memcpy(disk + 54, "FAT16   ", 8);
	memcpy(disk + 510, "\x55\xaa", 2);
	put_file(f, "disk", disk, sizeof disk);
	read_ok(f, &t);
	assert_int_equal(t.scheme, PARTITION_NONE);
	partition_table_done(&t);
	memset(disk, 0, sizeof disk);
}

static const char gpt_script[] =
    "label: gpt\\nlabel-id: A1B2C3D4-0102-0304-0506-0708090A0B0C\\n"
    "start=2048, size=20480, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "
    "uuid=11111111-2222-3333-4444-555555555555, name=\"EFI\"\\n"
    "start=40960, size=2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"d\\303\\251j\\303\\240\", "
    "attrs=\"LegacyBIOSBootable\"\\n";

static void gpt_is_right(const struct partition_table *t, uint32_t sector, bool backup)
{
	assert_int_equal(t->scheme, PARTITION_GPT);
	assert_int_equal(t->sector, sector);
	assert_int_equal(t->backup, backup);
	assert_string_equal(t->id, "a1b2c3d4-0102-0304-0506-0708090a0b0c");
	assert_int_equal(t->n, 2);
	assert_string_equal(t->v[0].type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	assert_string_equal(t->v[0].partuuid, "11111111-2222-3333-4444-555555555555");
	assert_string_equal(t->v[0].name, "EFI");
	assert_false(t->v[0].bootable);
	assert_true(t->v[1].bootable);
	assert_string_equal(t->v[1].name, "d\303\251j\303\240");
	assert_true(partition_table_is_uefi(t));
	assert_true(partition_table_has_esp(t));
	strcpy(t->v[1].type, "21686148-6449-6e6f-744e-656564454649"); /* a disk for both, as clouds have them */
	assert_false(partition_table_is_uefi(t));
	assert_true(partition_table_has_esp(t));
}

static void test_gpt(void **state)
{
	struct image_folder *f = *state;
	struct partition_table t;

	make_disk(f, gpt_script);
	read_ok(f, &t);
	gpt_is_right(&t, 512, false);
	is_at(&t.v[0], 1, 1, 10);
	is_at(&t.v[1], 2, 20, 1);
	partition_table_done(&t);
	/* One byte of an entry, so its check sum fails: the copy at the end is used. */
	poke(f, 1024 + 56, "X", 1);
	read_ok(f, &t);
	gpt_is_right(&t, 512, true);
	partition_table_done(&t);
	/* The copy's header too. */
	poke(f, DISK - 512 + 60, "X", 1);
	read_fails(f, "partition table of 'disk': the MBR announces a GPT, but neither at the start nor at the end is "
		      "there a whole one");
}

/* 4096-byte sectors, though nothing says so but the table; sfdisk of Debian 12 can't write it. */
static void test_gpt_4096(void **state)
{
	struct image_folder *f = *state;
	unsigned char *disk = calloc(1, DISK), *header = disk + 4096, *entry = disk + 8192;
	struct partition_table t;

	disk[446 + 4] = 0xee;
	put_le32(disk + 446 + 8, 1);
	put_le32(disk + 446 + 12, DISK / 4096 - 1);
	put_le16(disk + 510, 0xaa55);
	memset(entry, 0x5a, 32);
	put_le64(entry + 32, 256);
	put_le64(entry + 40, 256 + 2560 - 1);
	put_le16(entry + 56, 0xd83d); /* a pair, then half of one */
	put_le16(entry + 58, 0xde00);
	put_le16(entry + 60, 0xd83d);
	memcpy(header, "EFI PART", 8);
	put_le32(header + 12, 92);
	put_le64(header + 24, 1);
	put_le64(header + 72, 2);
	put_le32(header + 80, 128);
	put_le32(header + 84, 128);
	put_le32(header + 88, crc32_ieee(entry, 128 * 128));
	put_le32(header + 16, crc32_ieee(header, 92));
	put_file(f, "disk", disk, DISK);
	free(disk);
	read_ok(f, &t);
	assert_int_equal(t.scheme, PARTITION_GPT);
	assert_int_equal(t.sector, 4096);
	assert_int_equal(t.n, 1);
	is_at(&t.v[0], 1, 1, 10);
	assert_string_equal(t.v[0].type, "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a");
	assert_string_equal(t.v[0].name, "\xf0\x9f\x98\x80\xef\xbf\xbd");
	partition_table_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mbr),		 cmocka_unit_test(test_boot_code),
	    cmocka_unit_test(test_logical_loop), cmocka_unit_test(test_mbr_at_the_end),
	    cmocka_unit_test(test_overlap),	 cmocka_unit_test(test_no_table),
	    cmocka_unit_test(test_gpt),		 cmocka_unit_test(test_gpt_4096),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
