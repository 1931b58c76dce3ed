/* Fuzz: any bytes as a VMDK in one file, hosted sparse or streamOptimized, or as a descriptor of several; what opens is
 * mapped and read.
 */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "formats/vmdk_layout.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/vmdk_folder.h"

enum { TABLES_LOOKED_AT = 4, MARKERS_LOOKED_AT = 16, HEADER_RGD = 48 };

static const uint64_t values[] = {
    VMDK_F_NEWLINES, 2, VMDK_F_ZEROED, VMDK_F_COMPRESSED, VMDK_F_MARKERS, VMDK_F_COMPRESSED | VMDK_F_MARKERS | 1,
    VMDK_GD_AT_END,  0};

static void add_header(size_t size, uint64_t at, struct fuzz_map *m)
{
	fuzz_map_add(m, size, at + VMDK_H_VERSION, 2, 4);
	fuzz_map_add(m, size, at + VMDK_H_CAPACITY, 4, 8);
	fuzz_map_add(m, size, at + VMDK_H_GTES, 1, 4);
	fuzz_map_add(m, size, at + HEADER_RGD, 3, 8);
	fuzz_map_add(m, size, at + VMDK_H_UNCLEAN, 1, 1);
	fuzz_map_add(m, size, at + VMDK_H_COMPRESSION, 1, 2);
}

static void add_tables(const uint8_t *data, size_t size, uint64_t sector, struct fuzz_map *m)
{
	uint64_t gd = sector * VMDK_SECTOR;

	if (sector > size / VMDK_SECTOR)
		return;
	fuzz_map_add(m, size, gd, 16, 4);
	for (unsigned i = 0; i < TABLES_LOOKED_AT && range_inside(gd, 4 * (i + 1), size); i++)
		fuzz_map_add(m, size, (uint64_t)get_le32(data + gd + 4 * i) * VMDK_SECTOR, get_le32(data + VMDK_H_GTES),
			     4);
}

/* Grains and the markers between them, as far as each tells where the next one is. */
static void add_markers(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t at = get_le64(data + VMDK_H_OVERHEAD) % (size + 1) * VMDK_SECTOR;

	for (unsigned i = 0; i < MARKERS_LOOKED_AT && range_inside(at, VMDK_SECTOR, size); i++) {
		uint64_t value = get_le64(data + at), bytes = get_le32(data + at + VMDK_M_SIZE);

		fuzz_map_add(m, size, at, 1, 8);
		fuzz_map_add(m, size, at + VMDK_M_SIZE, 2, 4);
		at += bytes ? align_up(VMDK_M_DATA + bytes, VMDK_SECTOR) : (1 + value % size) * VMDK_SECTOR;
	}
}

static bool has_footer(const uint8_t *data, size_t size)
{
	return size >= 3 * VMDK_SECTOR && !memcmp(data + size - 2 * VMDK_SECTOR, VMDK_MAGIC, 4);
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	if (size < VMDK_SECTOR)
		return;
	add_header(size, 0, m);
	add_tables(data, size, get_le64(data + VMDK_H_GD), m);
	if (get_le32(data + VMDK_H_FLAGS) & VMDK_F_MARKERS)
		add_markers(data, size, m);
	if (!has_footer(data, size))
		return;
	fuzz_map_add(m, size, size - 2 * VMDK_SECTOR + VMDK_H_GD, 1, 8);
	add_tables(data, size, get_le64(data + size - 2 * VMDK_SECTOR + VMDK_H_GD), m);
}

/* The footer says what the header says, but for the directory's place; a mutation of 16 has it differ. */
static void seal(uint8_t *data, size_t size)
{
	uint8_t *footer = data + size - 2 * VMDK_SECTOR;
	uint64_t gd;

	if (size < VMDK_SECTOR)
		return;
	memcpy(data, VMDK_MAGIC, 4);
	memcpy(data + VMDK_H_NEWLINES, "\n \r\n", 4);
	if (!has_footer(data, size) || data[size / 2] % 16 == 0)
		return;
	gd = get_le64(footer + VMDK_H_GD);
	memcpy(footer, data, VMDK_SECTOR);
	put_le64(footer + VMDK_H_GD, gd);
}

static const struct fuzz_shape shape = {.values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	if (size && memcmp(data, VMDK_MAGIC, min_u64(size, 4)) != 0)
		return fuzz_mutate_text(data, size, max, seed);
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		vmdk_folder_make(&folder);
	fuzz_image_in(&folder, &format_vmdk, data, size);
	return 0;
}
