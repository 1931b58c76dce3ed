/* Fuzz: any bytes as a VHD, with checksums made right after each mutation; differencing ones find a parent. */
#include "core/base/bytes.h"
#include "formats/registry.h"
#include "formats/vhd_header.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/parent_folder.h"

enum { PARENT_SIZE = 20480 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

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

/* One mutation of 32 keeps its wrong sums. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint64_t at;

	size = LLVMFuzzerMutate(data, size, max_size);
	if (size < VHD_FOOTER || seed % 32 == 0)
		return size;
	at = get_be64(data + size - VHD_FOOTER + VHD_AT_DATA_OFFSET);
	if (range_inside(at, VHD_HEADER, size))
		seal_header(data + at);
	seal_footer(data + size - VHD_FOOTER);
	return size;
}

static void make_parent(struct folder *folder)
{
	unsigned char parent[PARENT_SIZE + VHD_FOOTER] = "data";

	put_be64(parent + PARENT_SIZE + VHD_AT_CURRENT_SIZE, PARENT_SIZE);
	put_be32(parent + PARENT_SIZE + VHD_AT_TYPE, VHD_FIXED);
	seal_footer(parent + PARENT_SIZE);
	parent_folder_make(folder, "base.vhd", parent, sizeof parent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		make_parent(&folder);
	fuzz_image_in(&folder, &format_vhd, data, size);
	return 0;
}
