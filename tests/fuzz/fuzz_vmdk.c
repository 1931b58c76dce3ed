/* Fuzz target: hosted sparse and streamOptimized VMDK. */
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image(&format_vmdk, data, size);
	return 0;
}
