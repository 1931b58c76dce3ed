/* Fuzz: any bytes as a driver's program or catalogue. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drivers-inject/windows/binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct binary b = binary_of(data, size);

	if (!b.signature || (b.checked && !b.arch) || (b.major && !b.arch) || !*signature_name(b.signature))
		abort();
	return 0;
}
