/* Device names in the guest's files: one walker per kind of file finds them; a visitor collects or replaces them.
 *
 * The inspector walks to learn which names are used and how (devnames.h resolves them), the conversion steps walk the
 * same files again and replace. A walker changes nothing but the names a visitor replaces.
 */
#ifndef REHOST_GUEST_FILES_DEVICES_H
#define REHOST_GUEST_FILES_DEVICES_H

#include "guest/files/lines.h"

/* How the place wants its device written. */
enum device_form {
	FORM_UNKNOWN = 0,
	FORM_SPEC, /* "UUID=…", "PARTUUID=…" */
	FORM_PATH, /* a path: "/dev/disk/by-uuid/…" */
};

struct device_use {
	const char *name;	/* as written: "/dev/sda1" */
	const char *type;	/* file system type that the place states; NULL or "auto" when it doesn't */
	const char *mountpoint; /* where it is mounted ("/" for root=), NULL */
	enum device_form form;
	bool partition_id; /* only the partition's own id will do: encrypted anew at each boot, member of a btrfs, or
			    * read by a kernel without initrd, which knows PARTUUID= but not UUID= */
	bool optional;	   /* boot goes on without it (noauto, nofail) */
	unsigned line;	   /* 1-based */
};

struct device_visitor {
	/* The text to put in place of use->name (lives as long as the lines' arena), or NULL to keep it. */
	const char *(*visit)(const struct device_use *use, void *opaque);
	void *opaque;
};

typedef void device_walker(struct lines *l, const struct device_visitor *v);

device_walker fstab_devices;		/* /etc/fstab: specs, and device names in options */
device_walker crypttab_devices;		/* /etc/crypttab */
device_walker autofs_devices;		/* autofs maps: ":/dev/…" */
device_walker grubcfg_devices;		/* grub.cfg, custom.cfg, /etc/grub.d: kernel command lines */
device_walker grubenv_devices;		/* grubenv: kernelopts and the like; the block keeps its size */
device_walker menulst_devices;		/* GRUB legacy: kernel lines and Debian's "# kopt=" */
device_walker grub_default_devices;	/* /etc/default/grub: GRUB_CMDLINE_LINUX*, GRUB_DEVICE */
device_walker cmdline_devices;		/* /etc/kernel/cmdline: a bare command line */
device_walker loader_entry_devices;	/* Boot Loader Specification entries: options */
device_walker extlinux_devices;		/* extlinux.conf, syslinux.cfg: append */
device_walker extlinux_default_devices; /* /etc/default/extlinux, u-boot-menu: *_PARAMETERS, *_ROOT */
device_walker update_extlinux_devices;	/* Alpine's /etc/update-extlinux.conf */
device_walker bootloader_devices;	/* SUSE's /etc/sysconfig/bootloader: DEFAULT_APPEND … */
device_walker resume_devices;		/* initramfs-tools conf.d: RESUME= */
device_walker dracut_devices;		/* dracut.conf: kernel_cmdline */
device_walker unit_devices;		/* systemd .mount units: What=, dev-….device dependencies */
device_walker swap_unit_devices;	/* systemd .swap units: What= */

/* The device arguments of the kernel command line that begins at column from of line i. */
void cmdline_walk(struct lines *l, size_t i, size_t from, bool partition_id, const struct device_visitor *v);

/* Visits one name: the text to put in its place, NULL: none. */
const char *device_ask(const struct lines *l, size_t i, struct span s, struct device_use use,
		       const struct device_visitor *v);
/* Visits one name and puts its replacement in: for the only one of a line. */
void device_visit_span(struct lines *l, size_t i, struct span s, struct device_use use, const struct device_visitor *v);
/* Visits one name of several on a line; its replacement is noted in ret. */
void device_visit_one(struct lines *l, size_t i, struct span s, struct device_use use, const struct device_visitor *v,
		      struct splices *ret);

#endif
