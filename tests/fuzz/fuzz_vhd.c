/* Fuzz: any bytes as a VHD, with checksums made right after each mutation; differencing ones find a parent. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "formats/vhd_header.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { PARENT_SIZE = 20480 };

static const uint64_t values[] = {VHD_UNUSED, VHD_W2RU, VHD_W2KU, VHD_FIXED, VHD_DYNAMIC, VHD_DIFFERENCING, 0};

static void seal_footer(uint8_t *footer)
{
	memcpy(footer, VHD_COOKIE, VHD_COOKIE_LEN);
	put_be32(footer + VHD_AT_CHECKSUM, vhd_checksum(footer, VHD_FOOTER, VHD_AT_CHECKSUM));
}

/* The parent is the fixed disk whose UUID is zeros. */
static void seal_header(uint8_t *header)
{
	memcpy(header, VHD_DYNAMIC_COOKIE, VHD_COOKIE_LEN);
	memset(header + VHD_AT_PARENT_UUID, 0, VHD_UUID);
	put_be32(header + VHD_AT_HEADER_CHECKSUM, vhd_checksum(header, VHD_HEADER, VHD_AT_HEADER_CHECKSUM));
}

/* The copy in front is one when it looks like one: some files have none, some differ from their footer. */
static void seal(uint8_t *data, size_t size)
{
	uint64_t at;

	if (size < VHD_FOOTER)
		return;
	at = get_be64(data + size - VHD_FOOTER + VHD_AT_DATA_OFFSET);
	if (range_inside(at, VHD_HEADER, size))
		seal_header(data + at);
	if (!memcmp(data, VHD_COOKIE, VHD_COOKIE_LEN))
		seal_footer(data);
	seal_footer(data + size - VHD_FOOTER);
}

static void add_footer(size_t size, uint64_t at, struct fuzz_map *m)
{
	fuzz_map_add(m, size, at + VHD_AT_DATA_OFFSET - 8, 2, 4); /* features, version */
	fuzz_map_add(m, size, at + VHD_AT_DATA_OFFSET, 1, 8);
	fuzz_map_add(m, size, at + VHD_AT_CREATOR, 1, 4);
	fuzz_map_add(m, size, at + VHD_AT_CURRENT_SIZE - 8, 2, 8);
	fuzz_map_add(m, size, at + VHD_AT_CYLINDERS, 1, 2);
	fuzz_map_add(m, size, at + VHD_AT_HEADS, 2, 1);
	fuzz_map_add(m, size, at + VHD_AT_TYPE, 1, 4);
	fuzz_map_add(m, size, at + VHD_AT_SAVED, 1, 1);
}

static void add_header(const uint8_t *data, size_t size, uint64_t at, struct fuzz_map *m)
{
	uint64_t table = get_be64(data + at + VHD_AT_TABLE);

	fuzz_map_add(m, size, at + VHD_AT_TABLE - 8, 2, 8);
	fuzz_map_add(m, size, at + VHD_AT_TABLE + 8, 3, 4); /* version, entries, block size */
	fuzz_map_add(m, size, at + VHD_AT_PARENT_TIME, 1, 4);
	for (unsigned i = 0; i < VHD_LOCATORS; i++) {
		fuzz_map_add(m, size, at + VHD_AT_LOCATORS + i * VHD_LOCATOR, 3, 4);
		fuzz_map_add(m, size, at + VHD_AT_LOCATORS + i * VHD_LOCATOR + VHD_LOCATOR_AT_OFFSET, 1, 8);
	}
	fuzz_map_add(m, size, table, get_be32(data + at + VHD_AT_ENTRIES), 4);
	for (unsigned i = 0; i < 2 && range_inside(table, 4 * (i + 1), size); i++) /* sector bitmaps */
		fuzz_map_add(m, size, (uint64_t)get_be32(data + table + 4 * i) * VHD_SECTOR, VHD_SECTOR, 1);
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t at;

	if (size < VHD_FOOTER)
		return;
	at = get_be64(data + size - VHD_FOOTER + VHD_AT_DATA_OFFSET);
	add_footer(size, size - VHD_FOOTER, m);
	if (!memcmp(data, VHD_COOKIE, VHD_COOKIE_LEN))
		add_footer(size, 0, m);
	if (range_inside(at, VHD_HEADER, size))
		add_header(data, size, at, m);
}

static const struct fuzz_shape shape = {.big_endian = true, .values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

static void make_parent(struct folder *folder)
{
	static const char *const names[] = {"base.vhd", "fat-parent.vhd", "image.vhd"}; /* as the seeds have it */
	unsigned char parent[PARENT_SIZE + VHD_FOOTER] = "data";

	put_be64(parent + PARENT_SIZE + VHD_AT_CURRENT_SIZE, PARENT_SIZE);
	put_be32(parent + PARENT_SIZE + VHD_AT_TYPE, VHD_FIXED);
	seal_footer(parent + PARENT_SIZE);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		parent_folder_add(folder, names[i], parent, sizeof parent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		make_parent(&folder);
	fuzz_image_in(&folder, &format_vhd, data, size);
	return 0;
}
