/* Fuzz: any bytes as a kernel image's beginning. */
#include <stdint.h>

#include "guest/files/kernelimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kernelimage_arch(data, size);
	return 0;
}
