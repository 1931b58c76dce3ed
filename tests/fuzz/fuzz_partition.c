/* Fuzz target: partition tables. Check sums of a GPT are mended first, else nothing would get behind them. */
#include "core/base/bytes.h"
#include "core/base/compress.h"
#include "formats/partition.h"
#include "tests/fuzz/memory_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(unsigned char *disk, size_t size)
{
	unsigned char *h = disk + 512;
	uint64_t off, bytes;
	uint32_t header;

	if (size < 1024 || memcmp(h, "EFI PART", 8) != 0)
		return;
	bytes = (uint64_t)get_le32(h + 80) * get_le32(h + 84);
	if (mul_fits(get_le64(h + 72), 512, &off) && range_inside(off, bytes, size))
		put_le32(h + 88, crc32_ieee(disk + off, bytes));
	header = get_le32(h + 12);
	put_le32(h + 16, 0);
	if (header <= 512)
		put_le32(h + 16, crc32_ieee(h, header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE unsigned char *disk = malloc(size + 1);
	AUTO(block_closep) struct block *file = memory_block_new(disk, size);
	struct partition_table t;
	struct err err = ERR_INIT;

	memcpy(disk, data, size);
	seal(disk, size);
	partition_table_read(file, &t, &err);
	partition_table_done(&t);
	return 0;
}
