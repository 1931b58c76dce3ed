/* Fuzz: any bytes as a kernel image's beginning. */
#include <stdint.h>

#include "core/base/cleanup.h"
#include "guest/files/kernelimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};

	kernelimage_arch(data, size);
	kernelimage_version(data, size, &a);
	return 0;
}
