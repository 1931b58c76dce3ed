/* Driver injection: virtio into the guest, without running its code; tells in caps what the guest can drive now. */
#ifndef REHOST_DRIVERS_INJECT_INJECT_H
#define REHOST_DRIVERS_INJECT_INJECT_H

#include "core/base/err.h"
#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "guest/guest.h"

/* Linux: appends virtio modules to every kernel's initramfs (docs/ARCHITECTURE.md, "Boot changes"), and writes the
 * settings of the guest's initramfs generator that keep them there after a kernel update. Checks /boot's room first
 * (ERR_BLOCKED). caps: virtio when every bootable kernel can drive it after this, else SATA and e1000e (safe_mode) with
 * a finding. */
int inject_linux(struct guest *g, struct inspection *i, struct changelog *log, struct caps *caps, struct err *err);

/* --initramfs=rebuild, behind inject_linux(): for every kernel that counts the guest's own generator is run in the
 * appliance; what it makes takes the image's place when the drivers for caps->disk are in it and nothing that was there
 * for disks and file systems is lost. Else the image stays as it is, with a finding. ERR_BLOCKED for a guest whose
 * programs this machine can't run. */
int rebuild_linux(struct guest *g, struct inspection *i, struct changelog *log, const struct caps *caps,
		  struct err *err);

#endif
