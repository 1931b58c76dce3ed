/* What the files guest/libguestfs*.c share: the appliance's inside. Nothing else includes this. */
#ifndef REHOST_GUEST_LIBGUESTFS_H
#define REHOST_GUEST_LIBGUESTFS_H

#include <guestfs.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/buf.h"
#include "guest/appliance.h"
#include "guest/watchdog.h"

/* A partition, logical volume, array or whole disk, and what blkid says about it. */
struct volume {
	char *device;	    /* "/dev/sda1", "/dev/vg/lv" */
	char *type;	    /* "ext4", "swap", "LVM2_member", "crypto_LUKS"; NULL nothing or not sure */
	char *table;	    /* of a whole disk: "dos", "gpt"; NULL none */
	char *uuid, *label; /* NULL none */
	char *partuuid, *parttype;
	uint64_t size;
	unsigned disk, partition; /* as struct filesystem has them */
	bool is_disk;
	bool encrypted; /* lies inside an encrypted volume */
	/* of an encrypted volume: */
	char *opened;	     /* "/dev/mapper/luks-…"; NULL locked */
	unsigned keys_tried; /* how many keys were for it */
	char *refused;	     /* cryptsetup's words about the last that did not fit */
	bool discards;	     /* what is discarded inside is discarded on its device, too */
	char *no_discards;   /* why not, where it was asked for */
};

struct mounted {
	char *device; /* "/dev/sda1", or a mountable as libguestfs says: "btrfsvol:/dev/sda2/@" */
	char *path;
};

struct package {
	char *name, *version;
};

struct appliance {
	struct guest guest; /* first: the verbs cast */
	guestfs_h *g;
	struct arena arena;
	unsigned ndisks;
	char *root_wanted, *root;
	const struct keys *keys; /* borrowed, NULL none */
	bool readonly, trim_encrypted, discard_hibernation, mount_unclean;
	bool started, finished;
	void (*tick)(const char *what, void *opaque);
	uint64_t (*disk_activity)(void *opaque);
	unsigned stall_seconds;
	void *opaque;
	struct watchdog *watchdog; /* NULL: none */
	atomic_uint messages;	   /* of libguestfs and the appliance so far */
	pthread_mutex_t lock;	   /* of call, which two threads use */
	char call[64];		   /* the function of libguestfs that was called last */
	atomic_bool in_call;	   /* one of libguestfs' functions was entered and has not returned */
	VEC(struct volume) volumes;
	VEC(struct mounted) mounted; /* in the order of mounting */
	VEC(struct package) packages;
	/* The last that the appliance and libguestfs said, for the error when it doesn't start. */
	char said[4096];
	size_t said_len;
};

/* The verbs over libguestfs. */
extern const struct guest_ops appliance_guest_ops;

/* Sets err to "what: libguestfs' words" with its errno; returns -1. To be called in the thread of the failed call.
 * ERR_TEMPFAIL with ETIMEDOUT: the appliance hung or its qemu ended by itself, which is no property of the guest;
 * without ETIMEDOUT and ERR_CONVERT: its kernel crashed. */
int appliance_failed(struct appliance *a, struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Runs fn in a thread and ticks in this one until it is done. */
typedef int appliance_job(struct appliance *a, void *arg, struct err *err);
int appliance_ticking(struct appliance *a, const char *what, appliance_job *fn, void *arg, struct err *err);

/* Watches over the appliance from its start on, when the caller can tell what its disks do. */
int appliance_watch(struct appliance *a, struct err *err);
/* Takes notice of a message of libguestfs: of a trace, "NAME ARGUMENTS" is a call and "NAME = VALUE" its return. */
void appliance_heard(struct appliance *a, bool trace, const char *text, size_t len);

/* Copies a string of libguestfs into the arena and frees it; NULL gives NULL. */
char *appliance_keep(struct arena *a, char *s);

void free_strings(char ***list);

/* Adds a device with what blkid tells of it; pointers into a->volumes are void after it. */
int appliance_add_volume(struct appliance *a, const char *device, bool encrypted, struct err *err);

/* What a volume holds when it is a file system that this appliance can't open ("ZFS"), else NULL. */
const char *appliance_no_driver(const struct appliance *a, const struct volume *v);

/* Lists what the disks hold in a->volumes, and opens what is encrypted. */
int appliance_scan(struct appliance *a, struct err *err);

/* Opens every encrypted volume that a key fits, and adds what lies inside to a->volumes. A key that names a volume
 * which it doesn't open is ERR_BLOCKED; one for all that fits nowhere is told by volume_is_locked() and keys_tried. */
int appliance_unlock(struct appliance *a, struct err *err);
/* "/dev/mapper/NAME" of the guest's fstab as the appliance calls it, by the mounted guest's crypttab; else as it is. */
char *appliance_mapping(struct appliance *a, char *device);

/* Looks at what Windows left on the volumes, after a->root is chosen: makes i->windows, and completes i->filesystems.
 */
void appliance_look_at_windows(struct appliance *a, struct inspection *i);

bool volume_is_bitlocker(const struct volume *v);
/* Encrypted with LUKS or BitLocker? */
bool volume_is_encrypted(const struct volume *v);
/* … and not opened? */
bool volume_is_locked(const struct volume *v);
/* An EFI system partition, as the partition table says. */
bool volume_is_esp(const struct volume *v);
/* Adds "/dev/sda2 (disk 1, partition 2, LUKS UUID …)", "/dev/sda3 (disk 1, partition 3, BitLocker)". */
void volume_describe(const struct volume *v, struct buf *b);
const char *volume_selector(const struct volume *v); /* for --key */

#endif
