/* GRUB's device.map: which disk each BIOS drive is. */
#ifndef REHOST_GUEST_FILES_DEVICEMAP_H
#define REHOST_GUEST_FILES_DEVICEMAP_H

#include "guest/files/devices.h"

/* The disk behind each "(hd0)". */
device_walker devicemap_devices;

#endif
