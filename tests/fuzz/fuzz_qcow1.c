/* Fuzz: any bytes as a qcow image; what opens is mapped and read. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { L1 = 40, SIZE = 24, CLUSTER_BITS = 32, L2_BITS = 33, L2_LOOKED_AT = 4 };

static const struct fuzz_numbers fields[] = {
    {8, 1, 8}, {16, 1, 4}, {SIZE, 1, 8}, {CLUSTER_BITS, 2, 1}, {36, 1, 4}, {L1, 1, 8}, {0},
};
static const uint64_t values[] = {UINT64_C(1) << 63, UINT64_C(1) << 62, 0};

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t l1 = size < 48 ? size : get_be64(data + L1);

	fuzz_map_add(m, size, l1, 64, 8);
	for (unsigned i = 0; i < L2_LOOKED_AT && range_inside(l1, 8 * (i + 1), size); i++)
		fuzz_map_add(m, size, get_be64(data + l1 + 8 * i), UINT64_C(1) << (data[L2_BITS] & 15), 8);
}

static void seal(uint8_t *data, size_t size)
{
	if (size >= 8)
		memcpy(data, "QFI\xfb\0\0\0\1", 8);
}

static const struct fuzz_shape shape = {
    .big_endian = true, .fields = fields, .values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		parent_folder_add_raw(&folder, "base.raw");
	fuzz_image_in(&folder, &format_qcow, data, size);
	return 0;
}
