/* Fuzz: any bytes as a Parallels image or descriptor; what opens is mapped and read. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { ENTRIES = 32, TABLE = 64 };

static const struct fuzz_numbers fields[] = {{16, 5, 4}, {36, 1, 8}, {44, 5, 4}, {0}};

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	if (size >= TABLE)
		fuzz_map_add(m, size, TABLE, get_le32(data + ENTRIES), 4);
}

/* One of the two signatures, which end differently. */
static void seal(uint8_t *data, size_t size)
{
	if (size >= TABLE)
		memcpy(data, data[8] == 'F' ? "WithoutFreeSpace" : "WithouFreSpacExt", 16);
}

static const struct fuzz_shape shape = {.fields = fields, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	if (size && *data == '<')
		return fuzz_mutate_text(data, size, max, seed);
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path) {
		parent_folder_add_seed(&folder, "ext.hds", "tests/fuzz/corpus/fuzz_parallels/ext");
		parent_folder_add_seed(&folder, "older.hds", "tests/fuzz/corpus/fuzz_parallels/ext");
		parent_folder_add_raw(&folder, "plain.hds");
	}
	fuzz_image_in(&folder, &format_parallels, data, size);
	return 0;
}
