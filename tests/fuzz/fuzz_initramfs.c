/* Fuzz target: any bytes as an initramfs image, and the questions asked of it. */
#include "core/base/checked.h"
#include "drivers-inject/linux/booster.h"
#include "drivers-inject/linux/genkernel.h"
#include "drivers-inject/linux/nash.h"
#include "guest/files/initramfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a graft rewrites of the members. */
static void ask_generators(const struct initramfs *im, struct arena *a)
{
	static const char *needs[] = {"kernel/b.ko"};
	static const struct modules none;
	struct module_list add = {0};

	*vec_push(a, &add.list) = (struct module){.name = "a", .path = "kernel/a.ko", .needs = needs, .nneeds = 1};
	genkernel_list(im);
	genkernel_loads(im, "a");
	if (nash_is(im))
		nash_init_with(im, &add, a);
	if (booster_is(im, "1")) {
		booster_config_with(im, &add, a);
		booster_aliases_with(im, &none, needs, 1, a);
		booster_loads(im, "a");
	}
}

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
	ask_generators(im, &a);
	return 0;
}
