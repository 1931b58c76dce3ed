/* Putting modules into a kernel's initramfs: what is planned for one kernel, the part that is appended, the settings.
 *
 * docs/initramfs.md says what the kernel accepts and why the part looks as it does.
 */
#ifndef REHOST_DRIVERS_INJECT_LINUX_GRAFT_H
#define REHOST_DRIVERS_INJECT_LINUX_GRAFT_H

#include "core/base/err.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "guest/files/initramfs.h"
#include "guest/files/modules.h"
#include "guest/guest.h"

/* Where a module of a kernel is before the graft. */
enum module_place {
	MODULE_MISSING = 1,
	MODULE_BUILT_IN,
	MODULE_IN_INITRAMFS,
	MODULE_ON_DISK, /* in /lib/modules, with all that it needs */
};

struct module_known {
	const char *name;
	enum module_place place;
};

/* A file of the guest's configuration that the image must get anew. */
struct graft_copy {
	const char *path; /* in the image */
	const char *text; /* NULL: the guest has it no more */
	bool own;	  /* it isn't the guest's own file but made for the new hardware */
};

struct graft_plan {
	struct guest *g;
	struct kernel *kernel;
	struct arena arena;
	struct modules *modules;	/* of /lib/modules */
	char *config;			/* text of its configuration, NULL */
	struct initramfs *im;		/* without an earlier graft; NULL: there is none, or it can't be read */
	const char *no_graft;		/* why modules in its initramfs would do nothing; NULL: they would be loaded */
	bool borrowed;			/* its initramfs is that of another kernel, whose plan writes it */
	VEC(struct module_known) known; /* what graft_place() has found out */
	struct module_list add;		/* in the order in which they are loaded */
	VEC(const char *)
	roots; /* of these, the names that were asked for; and those in the image that nothing loads */
	VEC(struct graft_copy) copies; /* what the image holds an old copy of */
	uint64_t old_size;	       /* of the file, bytes */
	struct buf part;	       /* what stands behind im->base, padding included; empty: nothing to add */
	const char *compression;       /* of the part */
};

/* Reads what is there; the plan is empty. */
int graft_plan_open(struct guest *g, struct kernel *k, struct graft_plan *ret, struct err *err);
void graft_plan_done(struct graft_plan *p);
/* Bytes of memory that it takes. */
size_t graft_plan_memory(const struct graft_plan *p);

int graft_place(struct graft_plan *p, const char *module, enum module_place *ret, struct err *err);
/* The kernel can use this module before the root file system is there, now or after graft_want(). */
int graft_can(struct graft_plan *p, const char *module, bool *ret, struct err *err);
/* Plans for a module and what it needs, unless it is missing or there already. */
int graft_want(struct graft_plan *p, const char *module, struct err *err);
/* The image has drivers of network cards in it: it configures the network itself. */
bool graft_has_net(const struct graft_plan *p);

/* Plans for the files of the guest's configuration that the image holds other copies of; what can't be carried over
 * becomes a finding. */
int graft_refresh_copies(struct graft_plan *p, struct inspection *i, struct err *err);

/* A file of /lib/modules, inflated. */
int graft_read_module(struct graft_plan *p, const char *path, struct buf *out, struct err *err);

/* Makes p->part of what was planned. */
int graft_make_part(struct graft_plan *p, struct err *err);
/* Size of the file with the part. */
uint64_t graft_new_size(const struct graft_plan *p);
/* Writes the image with the part, in place; *ret_changed is false when it was there already. */
int graft_apply(struct graft_plan *p, struct changelog *log, bool *ret_changed, struct err *err);

/* Writes what makes the guest's own generator put these modules (n names) into the next initramfs; a generator that
 * can't be told becomes a finding. */
int graft_settings(struct guest *g, struct inspection *i, struct changelog *log, const char *generator,
		   const char *const *names, size_t n, struct err *err);

#endif
