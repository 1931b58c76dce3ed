/* Fuzz target: VMDK descriptors. */
#include "formats/vmdk_descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d;
	struct err err = ERR_INIT;

	vmdk_descriptor_likely((const char *)data, size);
	vmdk_descriptor_parse((const char *)data, size, &d, &err);
	return 0;
}
