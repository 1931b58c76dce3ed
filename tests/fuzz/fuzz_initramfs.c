/* Fuzz target: any bytes as an initramfs image, and the questions asked of it. */
#include "core/base/checked.h"
#include "guest/files/initramfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	AUTO(arena_done) struct arena a = {0};
	struct err err = ERR_INIT;

	if (initramfs_parse(data, size, &im, &err) < 0)
		return 0;
	VEC_FOR (m, &im->members)
		initramfs_place(im, m->path, &a);
	initramfs_module(im, "1", "ahci");
	initramfs_loads_by_alias(im);
	return 0;
}
