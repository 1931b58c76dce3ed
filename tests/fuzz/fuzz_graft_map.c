/* Fuzz target: the map file of a frozen graft. The first byte chooses whether checksums are mended, so that what stands
 * behind them is reached too. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "run/graft_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 64, TAGS = 2, RECORD = 8192 + 8, INPUT_MAX = HEADER + TAGS + 2 * RECORD };

static void mend(uint8_t *map, size_t size)
{
	if (size < HEADER + TAGS)
		return;
	put_le64(map + 48, hash_xxh3(map + HEADER, TAGS));
	put_le64(map + 56, hash_xxh3(map, 56));
	for (size_t at = HEADER + TAGS; at + RECORD <= size; at += RECORD)
		put_le64(map + at + RECORD - 8, hash_xxh3(map + at, RECORD - 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t map[INPUT_MAX];
	struct graft_map_key key = {.disk_size = 200 * MIB, .delta_size = 0};
	struct graft_map *loaded;
	uint64_t n;
	int fd;

	if (!size || size - 1 > sizeof map)
		return 0;
	memcpy(map, data + 1, size - 1);
	if (data[0] & 1)
		mend(map, size - 1);
	fd = memfd_create("map", 0);
	if (file_pwrite(fd, map, size - 1, 0, NULL) == 0 && graft_map_load(fd, &key, &loaded, NULL) == 0) {
		for (uint64_t block = 0; block < key.disk_size / 4096; block += n)
			if (graft_map_run(loaded, block, UINT64_MAX / 2, &n) == GRAFT_UNKNOWN || !n)
				__builtin_trap();
		graft_map_free(loaded);
	}
	close(fd);
	return 0;
}
