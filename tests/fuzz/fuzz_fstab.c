/* Fuzz: any bytes as fstab and crypttab. */
#include "tests/fuzz/text_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);

	fuzz_walker(fstab_devices, text);
	fuzz_walker(crypttab_devices, text);
	return 0;
}
