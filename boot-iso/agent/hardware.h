/* The machine we run on: disks, network cards, processors, memory, firmware. Plain data from the kernel's files;
 * nothing is opened but those files. */
#ifndef REHOST_BOOT_ISO_AGENT_HARDWARE_H
#define REHOST_BOOT_ISO_AGENT_HARDWARE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot-iso/agent/tree.h"
#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/model/machine.h"

struct hw_part {
	char *name;
	uint64_t start, size; /* bytes */
	char *content;	      /* blkid's word for what it holds ("ext4", "LVM2_member"), NULL unknown */
};

struct hw_disk {
	char *name; /* "sda" */
	char *model, *serial, *wwn;
	char *path;   /* where it is plugged in, in udev's words ("pci-0000:00:1f.2-ata-1"); NULL unknown */
	char *bus;    /* "ata", "scsi", "nvme", "usb", "virtio", "mmc"; NULL unknown */
	char *driver; /* of the adapter ("ahci"), NULL unknown */
	uint64_t size;
	uint32_t logical_sector, physical_sector;
	bool removable, rotational;
	bool read_only; /* the kernel refuses writes to it, as it should here */
	char *table;	/* "gpt", "dos"; NULL none */
	char *content;	/* of the whole disk: a file system, "isw_raid_member", …; NULL none */
	char *label;
	char *member_of; /* "md", "LVM", "a firmware RAID (isw)", …: of the disk or of one of its partitions; NULL */
	VEC(struct hw_part) parts;
	const char *left_out; /* why it isn't to be imaged; NULL: it is */
};

#define HW_LIVE_MEDIUM "the live medium"
#define HW_TARGET      "where the images go"

struct hw_nic {
	char *name, *mac, *driver;
	char *slot; /* PCI address "0000:01:00.0"; NULL none */
	bool link;
	bool left_out;						      /* the guest isn't to have it */
	uint64_t speed;						      /* Mbit/s, 0 unknown */
	char *onboard_name, *slot_name, *path_name, *mac_name, *port; /* udev's words */
};

struct hw_boot_entry {
	char id[5]; /* "0001" */
	char *name; /* as the firmware shows it */
	char *path; /* of the loader on its disk; NULL none */
	char *part; /* the partition's GUID; NULL none */
	bool active;
};

struct hardware {
	struct arena arena; /* owns everything below */
	char *vendor, *product, *serial, *uuid, *board, *bios;
	enum firmware firmware;
	enum tristate secure_boot;
	char *tpm; /* "1.2" or "2.0"; NULL none */
	char *cpu_model;
	unsigned sockets, cores, threads, numa_nodes; /* of the whole machine */
	uint64_t memory;			      /* bytes */
	uint64_t clock;	     /* the battery clock's seconds since 1970, read as UTC; 0 unknown */
	uint64_t clock_read; /* when that was, in seconds since the live system was started */
	VEC(char *) boot_order;
	VEC(struct hw_boot_entry) boot_entries;
	VEC(struct hw_disk) disks;
	VEC(struct hw_nic) nics;
};

/* Reads all of it beneath root ("/"). What can't be read is left unknown. */
struct hardware *hardware_read(const char *root, struct err *err);
void hardware_free(struct hardware *h);
DEFINE_CLEANUP(struct hardware *, hardware_free)

/* The parts of it, each in a file of its own. Disks are sorted by what doesn't change from boot to boot, as names do:
 * where they are plugged in, their serial number or WWN. */
void disks_read(struct hardware *h, const struct tree *t);
void nics_read(struct hardware *h, const struct tree *t);
void system_read(struct hardware *h, const struct tree *t);
void firmware_read(struct hardware *h, const struct tree *t);

/* An EFI_LOAD_OPTION as the firmware keeps it, without the attributes of its variable. False: it is too short to be
 * one; what else is wrong leaves name, path or partition NULL. The id stays. */
bool boot_option_parse(struct arena *a, const void *bytes, size_t len, struct hw_boot_entry *e);

/* Udev's data about a device: "b8:0" or "n2"; NULL when there is none. */
char *udev_data(const struct tree *t, struct arena *a, const char *device);
/* A property out of that; NULL when there is none. */
char *udev_property(struct arena *a, const char *data, const char *name);

/* The name of the driver of the PCI (or virtio, USB …) device above a class device, and that device's PCI address. */
void adapter_of(const struct tree *t, struct arena *a, const char *device, char **ret_driver, char **ret_slot);

#endif
