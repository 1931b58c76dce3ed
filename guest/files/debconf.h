/* debconf's database: where grub-pc keeps the disks that it installs its boot sector on. */
#ifndef REHOST_GUEST_FILES_DEBCONF_H
#define REHOST_GUEST_FILES_DEBCONF_H

#include "guest/files/devices.h"

#define DEBCONF_DATABASE "/var/cache/debconf/config.dat"

/* The devices in the values of grub-pc/install_devices and grub-pc/install_devices_disks_changed; whole disks mostly,
 * a partition when GRUB's boot sector was put there. */
device_walker debconf_grub_devices;

#endif
