/* Fuzz target: the bids of all formats. */
#include "tests/fuzz/memory_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(block_closep) struct block *file = memory_block_new(data, size);
	const struct format *format;
	struct err err = ERR_INIT;

	format_probe(file, "fuzz", &format, &err);
	return 0;
}
