/* The tables of conversion steps, and their run. */
#include "converters/linux/linux.h"

#include <stddef.h>

#include "converters/windows/windows.h"

/* In order. What an initramfs holds copies of is edited before inject-virtio makes them anew; what depends on the disk
 * bus that it decides on comes after. The guest's own generator runs when all that it reads is as it will be. */
const struct step *const linux_steps[] = {
    &step_device_names_fstab, &step_device_names_boot,
    &step_storage_filters,    &step_device_caches,
    &step_network_names,      &step_network_address,
    &step_default_kernel,     &step_inject_virtio,
    &step_module_aliases,     &step_grub_install_devices,
    &step_shared_folders,     &step_console,
    &step_cloud_init,	      &step_kudzu,
    &step_guest_tools,	      &step_vendor_repos,
    &step_guest_agent,	      &step_rebuild_initramfs,
    &step_uefi_fallback,      NULL,
};

/* In order: scripts for the first boot are added by the steps before it. The devices of the new machine, which caps
 * tell, are known after the drivers. */
const struct step *const windows_steps[] = {
    &step_windows_inject_drivers, &step_windows_guest_agent, &step_windows_foreign_tools,
    &step_windows_network,	  &step_windows_volumes,     &step_windows_crash_control,
    &step_windows_boot,		  &step_windows_first_boot,  NULL,
};

const struct step *const *steps_for(const struct inspection *i)
{
	switch (i->os.family) {
	case OS_LINUX:
		return linux_steps;
	case OS_WINDOWS:
		return windows_steps;
	case OS_UNKNOWN:
	case OS_OTHER:
		break;
	}
	return NULL;
}

static int step_run(const struct step *s, const struct step_context *c, struct err *err)
{
	c->log->step = s->id;
	if (s->run(c, err) < 0) {
		if (err->code != ERR_BLOCKED && err->code != ERR_TEMPFAIL && err->code != ERR_INTERRUPTED)
			err->code = ERR_CONVERT;
		return err_wrap(err, "step %s", s->id);
	}
	return 0;
}

int steps_run(const struct step_context *given, void (*tick)(const char *what, void *opaque), void *opaque,
	      struct err *err)
{
	AUTO(windows_work_closep) struct windows_work *windows = NULL;
	const struct step *const *steps = steps_for(given->inspection);
	struct step_context own = *given;
	const struct step_context *c = &own;

	if (!steps)
		return err_set(err, ERR_BLOCKED,
			       "no conversion for a guest of type '%s': --no-convert copies it as it is",
			       c->inspection->os.type ? c->inspection->os.type : "unknown");
	if (steps == windows_steps && windows_work_open(given, &windows, err) < 0)
		return -1;
	own.windows = windows;
	for (; *steps; steps++) {
		if (!(*steps)->applies(c))
			continue;
		if (tick)
			tick((*steps)->summary, opaque);
		if (step_run(*steps, c, err) < 0)
			return -1;
	}
	c->log->step = NULL;
	return 0;
}
