/* What is inside the guest: facts, findings and the verdict. Filled by inspectors/, read by converters and reports. */
#ifndef REHOST_CORE_MODEL_INSPECTION_H
#define REHOST_CORE_MODEL_INSPECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/model/machine.h"
#include "core/model/windows_facts.h"

enum os_family { OS_UNKNOWN = 0, OS_LINUX, OS_WINDOWS, OS_OTHER };

struct os_info {
	enum os_family family;
	char *type, *distro, *product, *arch, *hostname; /* libguestfs' words: "linux", "debian", …, "x86_64" */
	int major, minor;
	char *package_format; /* "deb", "rpm" … */
	char *osinfo;	      /* libosinfo id ("http://debian.org/debian/12"), NULL unknown */
	char *root;	      /* device of the root file system in the appliance */
	char *init;	      /* "systemd", "sysvinit", "openrc", "unknown" */
	/* What it takes the hardware clock for, when its own settings tell; unknown: as the machine's description says.
	 */
	enum clock_offset clock;
	bool selinux_enforcing;
};

/* One block device or file system seen in the appliance. */
struct filesystem {
	char *device;	    /* appliance's name: /dev/sda1, /dev/vg/lv */
	char *type;	    /* "ext4", "swap", "unknown" … */
	char *uuid, *label; /* NULL none */
	char *partuuid;	    /* of the partition that carries it; NULL none */
	char *mountpoint;   /* where the guest's fstab mounts it; NULL not mounted */
	uint64_t size;	    /* bytes */
	uint64_t used;	    /* bytes, 0 unknown */
	unsigned disk;	    /* index into machine->disks when it lies on one disk */
	unsigned partition; /* number on that disk, 0: whole disk or LV */
	bool trimmed;	    /* its free space was discarded in the graft */
	bool encrypted;	    /* it lies inside a volume that was opened with a key */
	bool hibernated;    /* of NTFS: a suspended Windows counts on it staying as it is */
	bool unclean;	    /* of NTFS: Windows didn't finish what it wrote to it, or wants it checked */
	bool is_readonly;   /* mounted so for one of these reasons */
};

/* A member of an initramfs that names devices of the machine that it was made for. */
struct initrd_text {
	const char *path, *text;
};

struct kernel {
	char *version; /* "6.1.0-18-amd64": the name in /lib/modules; twice when entries boot it with two initramfs
			  images */
	char *arch;    /* of its image: "x86_64", "aarch64" …; NULL unknown */
	char *vmlinuz, *initrd, *config; /* guest paths; NULL when missing */
	char *modules;			 /* "/lib/modules/6.1.0-18-amd64" */
	char *unified;			 /* the unified image that holds its initramfs when it has no other; NULL */
	uint64_t initrd_size;
	char *initrd_compression; /* of its main archive: "none", "gzip", "xz", "zstd", "lz4", "bzip2", "lzma" */
	char *initrd_generator;	  /* "initramfs-tools", "dracut", "mkinitcpio", …, "unknown" */
	bool virtio_blk_builtin, virtio_scsi_builtin, virtio_net_builtin, virtio_pci_builtin;
	bool virtio_blk_module, virtio_scsi_module, virtio_net_module, virtio_pci_module; /* present in /lib/modules */
	bool initrd_has_virtio_blk, initrd_has_virtio_scsi, initrd_has_virtio_net, initrd_has_virtio_pci;
	VEC(struct initrd_text) hostonly;
	bool bootable;	  /* some boot entry names it */
	bool crash;	  /* its initramfs is kdump's: booted by a crashing kernel, from no menu */
	bool xen_only;	  /* it runs on nothing but Xen's hypervisor */
	bool left_behind; /* the new hardware needn't be one that it drives: another is the default */
};

enum boot_menu {
	BOOT_MENU_UNKNOWN = 0,
	BOOT_MENU_GRUB,		/* grub.cfg */
	BOOT_MENU_GRUB_LEGACY,	/* menu.lst, grub.conf */
	BOOT_MENU_GRUB_BLS,	/* loader entries that GRUB reads */
	BOOT_MENU_SYSTEMD_BOOT, /* loader entries */
	BOOT_MENU_EXTLINUX,
};

struct boot_entry {
	char *title;
	char *file;    /* guest path of the configuration file */
	unsigned line; /* 1-based line of the kernel command */
	char *kernel, *initrd, *cmdline;
	char *version; /* of the kernel that is booted, by which kernels has it; NULL: none of them */
	bool is_default;
	bool is_saved; /* the default because GRUB legacy was told to boot what was booted last */
	enum boot_menu menu;
	char *menu_file; /* where the default is set: grub.cfg, menu.lst, loader.conf, extlinux.conf */
	char *id;	 /* what the default calls it: "1", "gnulinux-…", "A>B", "arch.conf", "lts" */
	bool hypervisor; /* kernel runs under Xen, which the entry boots */
};

/* A device name in the guest's configuration that depends on the source's hardware ("/dev/sda1"), and what it means. */
struct device_name {
	char *name;
	char *used;	/* where it was seen first: "/etc/fstab:3" */
	char *spec;	/* "UUID=…" or "PARTUUID=…": the same on any hardware; NULL: not known, or a whole disk */
	char *partspec; /* "PARTUUID=…", NULL when there is none */
	int disk;	/* index into machine->disks, -1 unknown */
	unsigned partition; /* 0: the whole disk */
	char *reason;	    /* why this is what the name means, or why it isn't known */
	bool guessed;	    /* by the order of the disks only, among several */
	bool optional;	    /* the guest boots without it */
};

/* One network configuration item that names an interface. */
struct net_config {
	char *file;
	unsigned line;
	char *system;	 /* "ifupdown", "netplan", "networkd", "link", "networkmanager", "udev", "ifcfg" … */
	char *interface; /* the name it configures or gives ("ens192"); NULL: any, by match */
	char *match;	 /* the pattern of names that it is for ("en*"), or the name before it gives another; NULL */
	char *mac;	 /* lower case, NULL when not stated */
	char *driver;	 /* driver match, NULL when none */
	char *path;	 /* match by place on the bus, NULL */
	bool gives_name; /* it names the interface, rather than using the name */
	bool is_virtual; /* it makes the interface: bridge, bond, VLAN */
	char *method;	 /* "static", "dhcp", "manual", NULL */
	char *address;	 /* first address with prefix, NULL */
};

/* Which name a network card of the machine had on the source and must keep. */
struct nic_name {
	unsigned nic;  /* index into machine->nics */
	char *name;    /* "ens192"; NULL: the guest ties its configuration to the MAC alone */
	char *mac_was; /* the MAC that the guest's configuration states for it instead of its own, NULL */
	bool stated;   /* the guest's own files give it that name by its MAC: nothing to add */
	bool guessed;  /* by the order of the cards only */
	char *reason;
};

struct agent {
	char *id;	/* "open-vm-tools", "vmware-tools", "virtualbox", "hyperv", "xen", "qemu-guest-agent" */
	char *evidence; /* package with version, or path */
};

enum severity { SEVERITY_UNKNOWN = 0, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_BLOCKER };

/* A stable id (documented in docs/findings.md), what was seen, and what to do. */
struct finding {
	const char *id; /* "W-BOOT-FIRMWARE-DISAGREES" …: a literal */
	enum severity severity;
	char *text;	/* one sentence */
	char *evidence; /* path:line, key, offset */
	char *fix;	/* who does what; NULL nothing to do */
};

/* About the converted guest on its target hardware. */
enum verdict { VERDICT_UNKNOWN = 0, VERDICT_BOOTS, VERDICT_MAY_NOT_BOOT, VERDICT_WILL_NOT_BOOT };

struct inspection {
	struct arena arena; /* owns everything below */
	struct os_info os;
	struct windows *windows;     /* NULL: it is no Windows */
	enum firmware firmware_disk; /* what the disks are prepared for */
	VEC(struct filesystem) filesystems;
	VEC(struct kernel) kernels;
	VEC(struct boot_entry) boot_entries;
	VEC(struct device_name) device_names;
	VEC(struct net_config) networks;
	VEC(struct nic_name) nic_names;
	VEC(struct agent) agents;
	VEC(struct finding) findings;
	enum verdict verdict;
};

struct inspection *inspection_new(void);
void inspection_free(struct inspection *i);
DEFINE_CLEANUP(struct inspection *, inspection_free)

/* Adds a finding; id is a literal; texts are copied; evidence and fix may be NULL. */
void finding_add(struct inspection *i, const char *id, enum severity severity, const char *evidence, const char *fix,
		 const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Blocker: WILL NOT BOOT; a warning whose id begins with "W-BOOT-": MAY NOT BOOT; else BOOTS (UNKNOWN without an OS).
 */
void inspection_judge(struct inspection *i);

/* The processor that the machine must have ("x86_64", "aarch64" …): of the kernels that boot entries name, else of any
 * kernel, else of the system's programs, which may be for a narrower one; NULL when nothing tells. */
const char *inspection_arch(const struct inspection *i);

const char *severity_name(enum severity s);
enum verdict verdict_by_name(const char *name); /* unknown for any other word, and NULL */
const char *verdict_name(enum verdict v);	/* "BOOTS", "MAY NOT BOOT", "WILL NOT BOOT", "UNKNOWN" */

/* Is a mountable as libguestfs says it ("/dev/sda1", "btrfsvol:/dev/vg/lv/@home") that device or a volume on it? */
bool mountable_is_on(const char *mountable, const char *device);

struct json *inspection_json(const struct inspection *i);
/* What outputs need of an inspection that was kept as JSON: the system, the disks' firmware, the verdict. NULL when
 * memory is out. */
struct inspection *inspection_from_json(const struct json *j);

#endif
