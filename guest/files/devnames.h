/* Device names that depend on the source's hardware: what they mean, and what says the same on any hardware.
 *
 * sdX is never taken for a position while content can decide: two disks of one adapter swap names from boot to boot.
 */
#ifndef REHOST_GUEST_FILES_DEVNAMES_H
#define REHOST_GUEST_FILES_DEVNAMES_H

#include "core/model/inspection.h"
#include "guest/files/devices.h"
#include "guest/guest.h"

enum devname_kind {
	DEVNAME_UNKNOWN = 0, /* not such a name */
	DEVNAME_SD,
	DEVNAME_HD,
	DEVNAME_VD,
	DEVNAME_XVD,
	DEVNAME_NVME,
	DEVNAME_CCISS,
	DEVNAME_MMC,
	DEVNAME_MPATH, /* /dev/mapper/mpatha1 */
	DEVNAME_BY_PATH,
	DEVNAME_BY_ID, /* also multipath's /dev/mapper/WWID */
};

struct devname {
	enum devname_kind kind;
	unsigned number;    /* of the disk by the name: sda 0, sdb 1; of the controller: nvme1n1 1; by-path, by-id: 0 */
	unsigned unit;	    /* on that controller: nvme0n2 1, cciss/c0d1 1 */
	unsigned partition; /* 0: whole disk */
	size_t disk_len;    /* length of the disk's part of the name ("/dev/sda", "/dev/disk/by-id/ata-X") */
};

/* Takes a name apart, with or without "/dev/". False for names that hold on any hardware: by-uuid, by-label, mapper
 * (but multipath's maps), md, LVM, sr0, lvm-pv-uuid-… */
bool devname_parse(const char *name, struct devname *ret);

/* What stands behind the name of a multipath map: nothing (*ret 0), or a partition as kpartx writes it ("1", "p1",
 * "-part1", "_part1"); false: something else, so that the map has another name. */
bool devname_map_partition(const char *rest, unsigned *ret);

/* Finds every such name in the guest's files and fills i->device_names (again from nothing). */
int devnames_survey(struct guest *g, const struct machine *m, struct inspection *i, struct err *err);

/* The partition or disk whose file system inspection found to be the root (for a btrfs subvolume the one below it);
 * NULL when it is a volume. */
const struct filesystem *devnames_root(const struct machine *m, const struct inspection *i);

/* True when no other file system has its UUID. */
bool devnames_uuid_unique(const struct inspection *i, const struct filesystem *of);

/* The entry for a name as written, NULL when the survey didn't see it. */
const struct device_name *devnames_find(const struct inspection *i, const char *name);

/* The file system that a name as written means; NULL when that isn't known, or it is a whole disk's name. */
const struct filesystem *devnames_filesystem(const struct machine *m, const struct inspection *i, const char *name);

/* The disk that a name's number means by the order of the source's disks, -1 when there is none: a guess. */
int devnames_disk_by_order(const struct machine *m, const struct devname *p);

/* What to write instead of use->name in the form the place wants, in the arena; NULL: keep it (unknown, or already
 * good). */
const char *devnames_replacement(const struct inspection *i, const struct device_use *use, struct arena *a);

#endif
