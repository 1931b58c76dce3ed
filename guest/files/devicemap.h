/* Where GRUB's tools keep the disks that they install to: device.map and its kin. */
#ifndef REHOST_GUEST_FILES_DEVICEMAP_H
#define REHOST_GUEST_FILES_DEVICEMAP_H

#include "guest/files/devices.h"

device_walker devicemap_devices;	  /* "(hd0) /dev/sda" lines */
device_walker grub_installdevice_devices; /* SUSE's /etc/default/grub_installdevice: a device a line */
device_walker sysconfig_grub_devices;	  /* Red Hat's /etc/sysconfig/grub of GRUB legacy: boot=/dev/sda */

/* A file whose devices are wanted as they are called on the new hardware. */
struct grub_disk_file {
	const char *path;
	device_walker *walk;
	const char *reason; /* why the new name must stand there */
};

extern const struct grub_disk_file grub_disk_files[]; /* ends with a NULL path */

#endif
