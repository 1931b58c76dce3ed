/* Fuzz: any bytes as a COWD or seSparse extent, whichever their first byte says; what opens is mapped and read. */
#include "core/base/bytes.h"
#include "formats/vmdk_esx.h"
#include "formats/vmdk_layout.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"

enum {
	COWD_NUMBERS = 7, /* version, flags, capacity, grain, directory, its entries, free sector */
	COWD_GD = 20,
	COWD_GTES = 4096,
	SE_NUMBERS = 28, /* of the constant header */
	SE_VOLATILE = 80,
	SE_GD = 128,
	SE_TABLES = 144,
	SE_GTES = 4096,
	TABLES_LOOKED_AT = 3,
};

static const uint64_t values[] = {UINT64_C(1) << 60, UINT64_C(2) << 60,		 UINT64_C(3) << 60,
				  UINT64_C(1) << 48, UINT64_C(0x10000000) << 32, 0};

static void cowd_tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t gd = (uint64_t)get_le32(data + COWD_GD) * VMDK_SECTOR;

	fuzz_map_add(m, size, 4, COWD_NUMBERS, 4);
	fuzz_map_add(m, size, gd, 16, 4);
	for (unsigned i = 0; i < TABLES_LOOKED_AT && range_inside(gd, 4 * (i + 1), size); i++)
		fuzz_map_add(m, size, (uint64_t)get_le32(data + gd + 4 * i) * VMDK_SECTOR, COWD_GTES, 4);
}

static void sesparse_tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t sectors = size / VMDK_SECTOR;

	fuzz_map_add(m, size, 8, SE_NUMBERS, 8);
	if (get_le64(data + SE_VOLATILE) < sectors)
		fuzz_map_add(m, size, get_le64(data + SE_VOLATILE) * VMDK_SECTOR, 8, 8);
	if (get_le64(data + SE_GD) < sectors)
		fuzz_map_add(m, size, get_le64(data + SE_GD) * VMDK_SECTOR, 64, 8);
	if (get_le64(data + SE_TABLES) < sectors)
		fuzz_map_add(m, size, get_le64(data + SE_TABLES) * VMDK_SECTOR, SE_GTES, 8);
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	if (size >= VMDK_SECTOR)
		*data == 'C' ? cowd_tables(data, size, m) : sesparse_tables(data, size, m);
}

static void seal(uint8_t *data, size_t size)
{
	if (size < VMDK_SECTOR)
		return;
	if (*data == 'C')
		memcpy(data, VMDK_COWD_MAGIC, 4);
	else
		put_le64(data, VMDK_SESPARSE);
}

static const struct fuzz_shape shape = {.values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

static int open_extent(const struct open_args *args, struct block **ret, struct err *err)
{
	unsigned char first;

	if (!args->file->size)
		return err_set(err, ERR_CORRUPT, "an empty file");
	if (block_pread(args->file, &first, 1, 0, err) < 0)
		return -1;
	return first == 'C' ? vmdk_cowd_open(args->file, ret, err) : vmdk_sesparse_open(args->file, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct format extent = {.name = "vmdk extent", .open = open_extent};

	fuzz_image_in(NULL, &extent, data, size);
	return 0;
}
