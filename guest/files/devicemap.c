/* Where GRUB's tools keep the disks that they install to. */
#include "guest/files/devicemap.h"

#include <string.h>

#include "guest/files/debconf.h"
#include "guest/files/shellvars.h"

static const struct device_use disk_use = {.form = FORM_PATH, .optional = true};

void devicemap_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span drive, device;
		size_t pos = 0;

		if (span_next(text, &pos, &drive) && text[drive.at] == '(' && span_next(text, &pos, &device))
			device_visit_span(l, i, device, disk_use, v);
	}
}

/* Other lines are words: "activate", "generic_mbr". */
void grub_installdevice_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct span device;
		size_t pos = 0;

		if (span_next(l->v.v[i].text, &pos, &device) && l->v.v[i].text[device.at] == '/')
			device_visit_span(l, i, device, disk_use, v);
	}
}

void sysconfig_grub_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct shellvar var;

		if (shellvar_parse(l->v.v[i].text, &var) && shellvar_named(l->v.v[i].text, &var, "boot"))
			device_visit_span(l, i, var.value, disk_use, v);
	}
}

#define MAP_REASON "GRUB's tools look here for the disk behind a BIOS drive"

const struct grub_disk_file grub_disk_files[] = {
    {"/boot/grub/device.map", devicemap_devices, MAP_REASON},
    {"/boot/grub2/device.map", devicemap_devices, MAP_REASON},
    {"/etc/sysconfig/grub", sysconfig_grub_devices, "the next installation of GRUB writes its boot sector there"},
    {"/etc/default/grub_installdevice", grub_installdevice_devices,
     "the next upgrade of GRUB installs its boot sector on the disks named here"},
    {DEBCONF_DATABASE, debconf_grub_devices,
     "the next upgrade of grub-pc installs its boot sector on the disks named here"},
    {NULL},
};
