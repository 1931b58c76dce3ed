/* debconf's database: where grub-pc keeps the disks that it installs its boot sector on. */
#ifndef REHOST_GUEST_FILES_DEBCONF_H
#define REHOST_GUEST_FILES_DEBCONF_H

#include "guest/files/devices.h"

#define DEBCONF_DATABASE "/var/cache/debconf/config.dat"

/* The devices in the values of grub-pc/install_devices, …_disks_changed and (Ubuntu) grub-efi/install_devices: disks,
 * or partitions (an ESP, or where a boot sector was put). */
device_walker debconf_grub_devices;

#endif
