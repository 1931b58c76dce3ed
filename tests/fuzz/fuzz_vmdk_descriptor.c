/* Fuzz: any text as a VMDK descriptor that stands alone, over extents of every type and a parent; what opens is mapped
 * and read.
 */
#include "core/base/charset.h"
#include "formats/registry.h"
#include "formats/vmdk_descriptor.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/vmdk_folder.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate_text(data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d;
	char encoding[VMDK_ENCODING_MAX];
	static struct charset *gbk;
	static struct folder folder;
	struct err err = ERR_INIT;

	if (!folder.path) {
		vmdk_folder_make(&folder);
		gbk = charset_open("GBK");
	}
	vmdk_descriptor_encoding((const char *)data, size, encoding);
	if (vmdk_descriptor_parse((const char *)data, size, &d, &err) < 0)
		fuzz_expect_error(&err);
	else
		vmdk_descriptor_translate(&d, gbk);
	if (err.code == ERR_NONE)
		fuzz_image_in(&folder, &format_vmdk, data, size);
	return 0;
}
