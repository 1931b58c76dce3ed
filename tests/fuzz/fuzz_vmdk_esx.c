/* Fuzz: any bytes as a COWD or seSparse extent, whichever their first byte says; what opens is mapped and read. */
#include "formats/vmdk_esx.h"
#include "tests/fuzz/memory_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_extent(const struct open_args *args, struct block **ret, struct err *err)
{
	unsigned char first;

	if (!args->file->size || block_pread(args->file, &first, 1, 0, err) < 0)
		return -1;
	return first == 'C' ? vmdk_cowd_open(args->file, ret, err) : vmdk_sesparse_open(args->file, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct format extent = {.name = "vmdk extent", .open = open_extent};

	fuzz_image(&extent, data, size);
	return 0;
}
