/* The libguestfs appliance: starts on NBD sockets, inspects, mounts, trims, and gives the guest's files. */
#ifndef REHOST_GUEST_APPLIANCE_H
#define REHOST_GUEST_APPLIANCE_H

#include "core/base/keys.h"
#include "core/model/inspection.h"
#include "guest/accel.h"
#include "guest/guest.h"

struct appliance;

struct appliance_disk {
	const char *socket; /* path of the NBD server's Unix socket, export "" */
	uint32_t logical_sector;
	bool readonly;
};

struct appliance_options {
	const struct appliance_disk *disks;
	size_t ndisks;
	const struct accel *accel; /* which accelerator, and why */
	const char *root; /* --root: "/dev/sda2", "first"; NULL: the only one, several are an error that lists them */
	const struct keys *keys; /* for LUKS and BitLocker volumes; borrowed until appliance_close(); NULL none */
	bool trim_encrypted;	 /* free space inside them is discarded, too */
	unsigned memory_mib;	 /* 0: libguestfs' default */
	bool readonly_mounts;	 /* inspect only */
	/* What Windows left unfinished on NTFS is mounted read-only, unless: */
	bool discard_hibernation; /* a suspended system is given up, its file removed */
	bool mount_unclean;	  /* what was not unmounted is written all the same */
	/* Called every 2 s during start, inspection, mounting, trimming and end, with what goes on; in the caller's
	 * thread. */
	void (*tick)(const char *what, void *opaque);
	/* A number that changes while the appliance reads or writes its disks, for the watchdog: an appliance that says
	 * nothing and touches no disk for stall_seconds in the middle of a call is killed, and the call's error is
	 * ERR_TEMPFAIL with ETIMEDOUT. Called in a thread of its own; NULL: no watchdog. */
	uint64_t (*disk_activity)(void *opaque);
	unsigned stall_seconds; /* 0: 300 */
	void *opaque;
};

/* The version of the libguestfs that we run with: "1.48.6". */
void appliance_library(char ret[24]);

/* Starts and adds the disks. A missing kernel or unusable libguestfs is ERR_HOST with the fix in one line. */
int appliance_start(const struct appliance_options *options, struct appliance **ret, struct err *err);

/* Encrypted volumes are opened with the keys that fit. One libguestfs inspection: OS, version, arch, file systems with
 * uuid/label/partuuid, firmware as the partition tables say. No operating system: ERR_BLOCKED that names each disk and
 * what was found on it, or the volume that needs a key, as a key does that doesn't open the volume it names; several
 * and no choice: ERR_BLOCKED that lists them. A hibernated system is ERR_BLOCKED before anything is mounted; an unclean
 * ext file system a finding. */
int appliance_inspect(struct appliance *a, struct inspection *i, struct err *err);

/* Version of an installed package ("2:1.0-3"), NULL when it isn't installed (after appliance_mount). */
const char *appliance_package(const struct appliance *a, const char *name);

/* Mounts what the guest's fstab mounts, names like /dev/sdb1 understood by content where the machine has several disks,
 * replaying journals, and reads what is known only then: mount points, bytes
 * used, init system, SELinux, the packages. What can't be mounted is a finding and copied whole; /, /usr and /boot must
 * be. */
int appliance_mount(struct appliance *a, const struct machine *m, struct inspection *i, struct err *err);

/* Windows XP and Server 2003 on NTFS: writes the number of heads that a BIOS gives a disk of this size into the boot
 * sector, recorded when it changes; what was there goes to the inspection. Nothing to do for others. */
int appliance_fix_heads(struct appliance *a, struct inspection *i, struct changelog *log, struct err *err);
/* The same with the number that was there before. */
int appliance_restore_heads(struct appliance *a, const struct inspection *i, uint16_t heads, struct changelog *log,
			    struct err *err);

/* Discards free space right after mounting, by the rules of docs/ARCHITECTURE.md (The graft): mounted file systems by
 * fstrim, swap bodies with the header page kept, free LVM extents. What can't be trimmed becomes a finding and is
 * copied whole. Records each trim in the change log. */
int appliance_trim(struct appliance *a, struct inspection *i, struct changelog *log, struct err *err);

/* Bytes of the machine's disk, counted from 0. */
struct lost_range {
	unsigned disk;
	uint64_t off, len;
};

/* Bytes of a file or folder that lie in such a range. */
struct lost_file {
	char *device; /* the file system */
	char *path;   /* in it */
	uint64_t off, len;
};

struct lost_files {
	struct arena arena;
	VEC(struct lost_file) files;
	VEC(char *) notes; /* why there may be more */
};

/* Looks for them on ext2–4 and XFS, on partitions, linear logical volumes and encrypted volumes that a key opens; in
 * place of appliance_inspect(). ret is zeroed by the caller. */
int appliance_lost_files(struct appliance *a, const struct lost_range *ranges, size_t n, struct lost_files *ret,
			 struct err *err);
void lost_files_done(struct lost_files *l);

/* The guest's files; borrowed, valid until appliance_close(). */
struct guest *appliance_guest(struct appliance *a);

/* Unmounts, syncs, shuts down; returns the error when the guest's data could not be written out. */
int appliance_finish(struct appliance *a, struct err *err);
void appliance_close(struct appliance *a); /* kills it when it still runs; NULL is fine */
DEFINE_CLEANUP(struct appliance *, appliance_close)

#endif
