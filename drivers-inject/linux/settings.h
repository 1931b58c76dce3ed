/* Settings of the generators of initramfs images: one file and one function each. */
#ifndef REHOST_DRIVERS_INJECT_LINUX_SETTINGS_H
#define REHOST_DRIVERS_INJECT_LINUX_SETTINGS_H

#include "core/base/err.h"
#include "core/model/changelog.h"
#include "guest/guest.h"

struct generator_settings {
	struct guest *g;
	struct changelog *log;
	const char *const *names; /* of modules; n of them */
	size_t n;
	const char *reason; /* for the change log */
};

/* Makes the generator put the modules into the next image; *ret_known is false when its settings aren't where they are
 * expected, and nothing was changed. */
typedef int settings_writer(const struct generator_settings *s, bool *ret_known, struct err *err);

settings_writer settings_initramfs_tools; /* /etc/initramfs-tools/modules */
settings_writer settings_dracut;	  /* /etc/dracut.conf.d/rehost-virtio.conf */
settings_writer settings_mkinitcpio;	  /* MODULES=(…) of /etc/mkinitcpio.conf and its drop-ins */
settings_writer settings_mkinitfs;	  /* features="…" of /etc/mkinitfs/mkinitfs.conf */
settings_writer settings_suse;		  /* INITRD_MODULES="…" of /etc/sysconfig/kernel */
settings_writer settings_modprobe_conf; /* scsi_hostadapter in /etc/modprobe.conf: the step module-aliases writes it */
settings_writer settings_booster;	/* modules: of /etc/booster.yaml */
settings_writer settings_make_initrd;	/* MODULES_ADD of /etc/initrd.mk (ALT) */

/* For the writers: text with the names that its list lacks put before position `behind` of its quotes or brackets; the
 * list is [from, behind), and gets double quotes when it stands bare behind '='. In the arena. */
char *settings_extend_list(const struct generator_settings *s, struct arena *a, const char *text, size_t from,
			   size_t behind);

#endif
