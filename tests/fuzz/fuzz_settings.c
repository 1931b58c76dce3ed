/* Fuzz: any bytes as shell variables, units, LVM's filters, mdadm's lists, device.map, debconf's database. */
#include "guest/files/debconf.h"
#include "guest/files/devicemap.h"
#include "guest/files/lvmconf.h"
#include "guest/files/mdadmconf.h"
#include "guest/files/shellvars.h"
#include "tests/fuzz/text_files.h"

static const char *renamed(const char *name, bool accepts, void *opaque)
{
	return strncmp(name, "sd", 2) == 0 ? "vd" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static device_walker *const walkers[] = {grub_default_devices,
						 extlinux_default_devices,
						 resume_devices,
						 dracut_devices,
						 unit_devices,
						 swap_unit_devices,
						 devicemap_devices,
						 debconf_grub_devices,
						 autofs_devices,
						 bootloader_devices,
						 update_extlinux_devices,
						 sysconfig_grub_devices,
						 grub_installdevice_devices};
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);
	const struct lvm_filters filters = {.renamed = renamed};
	struct lines l;

	for (size_t k = 0; k < sizeof walkers / sizeof *walkers; k++)
		fuzz_walker(walkers[k], text);
	lines_split(&l, &a, text);
	lvmconf_extend_filters(&l, &filters);
	l.changed = false;
	lvmconf_extend_filters(&l, &filters);
	if (l.changed)
		abort();
	lines_split(&l, &a, text);
	mdadmconf_open(&l);
	text = lines_join(&l);
	mdadmconf_open(&l);
	if (strcmp(lines_join(&l), text) != 0)
		abort();
	shellvars_set(&l, "GRUB_DISABLE_LINUX_UUID", "false");
	if (strcmp(shellvars_get(&l, "GRUB_DISABLE_LINUX_UUID"), "false") != 0)
		abort();
	shellvars_set(&l, "GRUB_DEFAULT", "a>b c");
	if (strcmp(shellvars_get(&l, "GRUB_DEFAULT"), "a>b c") != 0)
		abort();
	return 0;
}
