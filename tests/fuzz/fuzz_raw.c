/* Fuzz: any bytes as a raw disk, the first of two pieces; its partition tables are read through it. Checksums of a GPT
 * are made right after each mutation.
 */
#include "core/base/bytes.h"
#include "core/base/compress.h"
#include "formats/partition.h"
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { MBR_TABLE = 446, MBR_ENTRY = 16, GPT_HEADER = 92, GPT_ENTRY_AT_FIRST = 32, ENTRIES_LOOKED_AT = 4, PIECE = 700 };

static const uint64_t values[] = {0x05, 0x0f, 0x83, 0x85, 0xee, 0xaa55, 0};

static size_t sector_of(const uint8_t *data, size_t size)
{
	return size >= 4096 + GPT_HEADER && !memcmp(data + 4096, "EFI PART", 8) ? 4096 : 512;
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	size_t sector = sector_of(data, size), entries;

	for (unsigned i = 0; i < 4; i++) {
		fuzz_map_add(m, size, MBR_TABLE + i * MBR_ENTRY, 8, 1);
		fuzz_map_add(m, size, MBR_TABLE + i * MBR_ENTRY + 8, 2, 4);
	}
	if (size < sector + GPT_HEADER)
		return;
	fuzz_map_add(m, size, sector + 8, 2, 4);  /* revision, header bytes */
	fuzz_map_add(m, size, sector + 24, 4, 8); /* places of both headers, of the first and the last usable sector */
	fuzz_map_add(m, size, sector + 72, 1, 8); /* place of the entries, */
	fuzz_map_add(m, size, sector + 80, 2, 4); /* their number and bytes each */
	entries = get_le64(data + sector + 72) % size * sector;
	for (unsigned i = 0; i < ENTRIES_LOOKED_AT; i++)
		fuzz_map_add(m, size, entries + (uint64_t)i * get_le32(data + sector + 84) + GPT_ENTRY_AT_FIRST, 3, 8);
}

static void seal(uint8_t *data, size_t size)
{
	size_t sector = sector_of(data, size);
	uint8_t *h = data + sector;
	uint64_t off, bytes;
	uint32_t len;

	if (size < sector + GPT_HEADER || memcmp(h, "EFI PART", 8) != 0)
		return;
	bytes = (uint64_t)get_le32(h + 80) * get_le32(h + 84);
	if (mul_fits(get_le64(h + 72), sector, &off) && range_inside(off, bytes, size))
		put_le32(h + 88, crc32_ieee(data + off, bytes));
	len = get_le32(h + 12);
	put_le32(h + 16, 0);
	if (range_inside(sector, len, size))
		put_le32(h + 16, crc32_ieee(h, len));
}

static const struct fuzz_shape shape = {.values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

static void read_partitions(const struct folder *folder, const uint8_t *data, size_t size)
{
	struct block *file = memory_block_new(data, size), *b = NULL;
	struct open_args args = {.file = file, .folder = folder, .name = "disk.001"};
	struct partition_table t;
	struct err err = ERR_INIT;

	if (format_raw.open(&args, &b, &err) < 0) {
		block_close(file);
		return;
	}
	if (partition_table_read(b, &t, &err) < 0)
		fuzz_expect_error(&err);
	partition_table_done(&t);
	block_close(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;
	struct probe p = {.file_size = size, .name = "disk.001"};

	if (!folder.path)
		parent_folder_add(&folder, "disk.002", (unsigned char[PIECE]){"second"}, PIECE);
	memcpy(p.head, data, min_u64(size, sizeof p.head));
	format_raw.bid(&p);
	fuzz_image_named(&folder, "disk.001", &format_raw, data, size);
	read_partitions(&folder, data, size);
	return 0;
}
