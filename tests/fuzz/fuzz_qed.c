/* Fuzz: any bytes as a qed image; what opens is mapped and read. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { CLUSTER = 4, TABLE = 8, L1 = 40, HEADER = 64, L2_LOOKED_AT = 4 };

static const struct fuzz_numbers fields[] = {{4, 3, 4}, {16, 5, 8}, {56, 2, 4}, {0}};

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t l1, entries;

	if (size < HEADER)
		return;
	l1 = get_le64(data + L1);
	entries = (uint64_t)get_le32(data + CLUSTER) * (get_le32(data + TABLE) & 31) / 8;
	fuzz_map_add(m, size, l1, entries, 8);
	for (unsigned i = 0; i < L2_LOOKED_AT && range_inside(l1, 8 * (i + 1), size); i++)
		fuzz_map_add(m, size, get_le64(data + l1 + 8 * i), entries, 8);
}

static void seal(uint8_t *data, size_t size)
{
	if (size >= 4)
		memcpy(data, "QED", 4);
}

static const struct fuzz_shape shape = {.fields = fields, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		parent_folder_add_raw(&folder, "base.raw");
	fuzz_image_in(&folder, &format_qed, data, size);
	return 0;
}
