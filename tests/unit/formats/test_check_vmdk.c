/* The structure check of VMDK: what a small file could have it do without end, and the largest that it must take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/vmdk_layout.h"
#include "tests/fuzz/memory_block.h"

static void put_header(unsigned char *h, uint32_t flags, uint64_t capacity, uint64_t grain, uint32_t gtes)
{
	memcpy(h, VMDK_MAGIC, 4);
	put_le32(h + VMDK_H_VERSION, 3);
	put_le32(h + VMDK_H_FLAGS, flags);
	put_le64(h + VMDK_H_CAPACITY, capacity);
	put_le64(h + VMDK_H_GRAIN, grain);
	put_le32(h + VMDK_H_GTES, gtes);
}

static int check(struct block *file, struct check *c, struct err *err)
{
	const struct open_args args = {.file = file, .name = "x"};
	int ret;

	memset(c, 0, sizeof *c);
	ret = vmdk_check(&args, c, err);
	block_close(file);
	return ret;
}

static void given_up(const struct err *err, int ret)
{
	assert_int_equal(ret, -1);
	assert_int_equal(err->code, ERR_UNSUPPORTED);
	assert_non_null(strstr(err->text, "steps, as when they name places over and over: not checked to the end"));
}

/* -------------------------------------------------------------------------------------------- one table for all */

enum {
	GTES = 4096,
	TABLES = 1 << 22,
	TABLE = VMDK_SECTOR,
	GRAIN = TABLE + GTES * 4,
	DIRECTORY = GRAIN + VMDK_SECTOR,
	FILE_BYTES = DIRECTORY + TABLES * 4,
};

/* A disk of 64 TiB in grains of 4 KiB: all its tables are one, all entries of that are `entry`. */
static void one_table(uint32_t flags, uint32_t entry)
{
	static struct check c;
	struct err err = ERR_INIT;
	unsigned char *f = calloc(1, FILE_BYTES);
	int ret;

	assert_non_null(f);
	put_header(f, flags, VMDK_DISK_MAX / VMDK_SECTOR, 8, GTES);
	put_le64(f + VMDK_H_GD, DIRECTORY / VMDK_SECTOR);
	f[VMDK_H_COMPRESSION] = flags & VMDK_F_COMPRESSED ? VMDK_COMPRESSION_DEFLATE : 0;
	for (unsigned i = 0; i < GTES; i++)
		put_le32(f + TABLE + 4 * i, entry);
	put_le32(f + GRAIN + VMDK_M_SIZE, 100);
	for (unsigned i = 0; i < TABLES; i++)
		put_le32(f + DIRECTORY + 4 * i, TABLE / VMDK_SECTOR);
	ret = check(memory_block_new(f, FILE_BYTES), &c, &err);
	free(f);
	given_up(&err, ret);
}

static void one_table_of_packed_grains_is_not_walked_without_end(void **state)
{
	one_table(VMDK_F_COMPRESSED | VMDK_F_MARKERS, GRAIN / VMDK_SECTOR);
}

static void one_table_of_plain_grains_is_not_walked_without_end(void **state)
{
	one_table(0, GRAIN / VMDK_SECTOR);
}

static void one_table_of_grains_behind_the_end_is_not_walked_without_end(void **state)
{
	one_table(0, UINT32_MAX);
}

/* What claims nothing takes time, too. */
static void one_empty_table_is_not_walked_without_end(void **state)
{
	one_table(0, 0);
}

/* ESXi's own kind, through the engine of all formats with units of one size. */
static void one_table_of_a_delta_is_not_walked_without_end(void **state)
{
	enum { COWD_TABLE = 2048, COWD_TABLES = 1 << 20, COWD_DIRECTORY = COWD_TABLE + 16384 };
	const uint64_t size = COWD_DIRECTORY + COWD_TABLES * 4;
	static struct check c;
	struct err err = ERR_INIT;
	unsigned char *f = calloc(1, size);
	int ret;

	assert_non_null(f);
	memcpy(f, VMDK_COWD_MAGIC, 4);
	put_le32(f + 4, 1);
	put_le32(f + 12, UINT32_MAX);
	put_le32(f + 16, 1);
	put_le32(f + 20, COWD_DIRECTORY / VMDK_SECTOR);
	put_le32(f + 24, COWD_TABLES);
	for (unsigned i = 0; i < COWD_TABLES; i++)
		put_le32(f + COWD_DIRECTORY + 4 * i, COWD_TABLE / VMDK_SECTOR);
	ret = check(memory_block_new(f, size), &c, &err);
	free(f);
	given_up(&err, ret);
}

/* ------------------------------------------------------------------------------------------------- the largest */

enum {
	USUAL_GTES = 512,
	USUAL_TABLES = 1 << 21,
	RGD_AT = 128 * VMDK_SECTOR,
	RTABLES_AT = RGD_AT + USUAL_TABLES * 4,
};
#define GD_AT	  (RTABLES_AT + (uint64_t)USUAL_TABLES * 2048)
#define TABLES_AT (GD_AT + (uint64_t)USUAL_TABLES * 4)
#define ALL	  (TABLES_AT + (uint64_t)USUAL_TABLES * 2048)

/* 64 TiB in grains of 64 KiB, all its tables and redundant ones in place and empty, in holes. */
static int empty_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	uint64_t gd = off >= GD_AT ? GD_AT : RGD_AT, first = gd == GD_AT ? TABLES_AT : RTABLES_AT;

	memset(buf, 0, len);
	if (!off && len == VMDK_SECTOR) {
		put_header(buf, VMDK_F_REDUNDANT, VMDK_DISK_MAX / VMDK_SECTOR, 128, USUAL_GTES);
		put_le64((unsigned char *)buf + VMDK_H_GD, GD_AT / VMDK_SECTOR);
		put_le64((unsigned char *)buf + VMDK_H_RGD, RGD_AT / VMDK_SECTOR);
	} else if (!off) {
		memcpy(buf, VMDK_MAGIC, 4);
	}
	for (uint64_t i = 0; off >= gd && off < gd + USUAL_TABLES * 4 && i < len / 4; i++)
		put_le32((unsigned char *)buf + 4 * i, (uint32_t)((first + ((off - gd) / 4 + i) * 2048) / VMDK_SECTOR));
	return 0;
}

static int empty_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_HOLE};
	return 0;
}

static void the_largest_disk_is_checked_to_the_end(void **state)
{
	static const struct block_ops ops = {
	    .name = "empty", .pread = empty_pread, .extent = empty_extent, .close = memory_close};
	static struct check c;
	struct err err = ERR_INIT;
	struct block *file = calloc(1, sizeof *file);

	assert_non_null(file);
	block_init(file, &ops, "empty", ALL);
	assert_int_equal(check(file, &c, &err), 0);
	assert_int_equal(check_errors(&c), 0);
	assert_int_equal(c.claimed, ALL - RGD_AT + VMDK_SECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_table_of_packed_grains_is_not_walked_without_end),
	    cmocka_unit_test(one_table_of_plain_grains_is_not_walked_without_end),
	    cmocka_unit_test(one_table_of_grains_behind_the_end_is_not_walked_without_end),
	    cmocka_unit_test(one_empty_table_is_not_walked_without_end),
	    cmocka_unit_test(one_table_of_a_delta_is_not_walked_without_end),
	    cmocka_unit_test(the_largest_disk_is_checked_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
