/* Fuzz: any bytes as a VDI image; what opens is mapped and read. A seed is the parent of differencing ones. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "formats/vdi_header.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

static const struct fuzz_numbers fields[] = {
    {VDI_H_SIZE, 2, 4},	 {VDI_H_MAP, 2, 4},	{VDI_H_SECTOR, 1, 4}, {VDI_H_DISK, 1, 8},
    {VDI_H_BLOCK, 4, 4}, {VDI_H_CREATED, 1, 8}, {VDI_H_PARENT, 1, 8}, {0},
};
static const uint64_t values[] = {0xffffffff, 0xfffffffe, 0};

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	if (size >= VDI_HEADER_BYTES)
		fuzz_map_add(m, size, get_le32(data + VDI_H_MAP), get_le32(data + VDI_H_BLOCKS), 4);
}

static void seal(uint8_t *data, size_t size)
{
	if (size < VDI_HEADER_BYTES)
		return;
	put_le32(data + VDI_H_MAGIC, VDI_MAGIC);
	put_le32(data + VDI_H_VERSION, 0x10001);
}

static const struct fuzz_shape shape = {.fields = fields, .values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		parent_folder_add_seed(&folder, "base.vdi", "tests/fuzz/corpus/fuzz_vdi/parent");
	fuzz_image_in(&folder, &format_vdi, data, size);
	return 0;
}
