/* Fuzz: any bytes as a Parallels image or descriptor; what opens is mapped and read. */
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image(&format_parallels, data, size);
	return 0;
}
