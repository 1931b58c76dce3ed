/* What the files guest/libguestfs*.c share: the appliance's inside. Nothing else includes this. */
#ifndef REHOST_GUEST_LIBGUESTFS_H
#define REHOST_GUEST_LIBGUESTFS_H

#include <guestfs.h>
#include <pthread.h>
#include <stdatomic.h>

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
	bool readonly;
	bool finished;
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

/* Sets err to "what: libguestfs' words" with its errno; returns -1. To be called in the thread of the failed call. */
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

#endif
