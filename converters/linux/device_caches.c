/* Step device-caches: lists of the source's devices that are made anew by themselves. */
#include "converters/linux/linux.h"

static int run(const struct step_context *c, struct err *err)
{
	static const char *const paths[] = {"/etc/blkid.tab", "/etc/blkid.tab.old", "/etc/blkid/blkid.tab",
					    "/etc/blkid/blkid.tab.old", "/etc/lvm/cache/.cache"};

	for (size_t k = 0; k < sizeof paths / sizeof *paths; k++)
		if (guest_drop(c->guest, c->log, paths[k], "a cache of the source's device names; it is made anew",
			       err) < 0)
			return -1;
	/* Without the file LVM uses every device; with it, only those whose hardware ids are listed. */
	return guest_drop(c->guest, c->log, "/etc/lvm/devices/system.devices",
			  "LVM would use only the devices listed here, by the hardware ids of the source", err);
}

const struct step step_device_caches = {
    .id = "device-caches",
    .summary = "caches of device names removed",
    .applies = step_always,
    .run = run,
};
