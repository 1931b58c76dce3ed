/* Conversion steps: a table, one step a file, each testable over a plain folder. */
#ifndef REHOST_CONVERTERS_STEP_H
#define REHOST_CONVERTERS_STEP_H

#include "core/base/err.h"
#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"
#include "guest/guest.h"

struct pkg_folder;
struct driver_catalogue;
struct windows_work;

struct convert_options {
	bool keep_tools;		/* --keep-tools */
	bool rebuild_initramfs;		/* --initramfs=rebuild */
	const struct pkg_folder *agent; /* --agent: packages with qemu-guest-agent; NULL none */
	/* For Windows: */
	const struct driver_catalogue *drivers; /* --virtio-win; NULL none */
	enum disk_bus disk_bus;			/* --block-driver; unknown: virtio-blk */
};

/* What every step sees. Steps read machine and inspection, edit the guest through guest_edit() and friends (which
 * record in log), and may add findings to inspection. */
struct step_context {
	struct guest *guest;
	const struct machine *machine;
	struct inspection *inspection;
	struct changelog *log;
	struct caps *caps;
	const struct convert_options *options;
	struct windows_work *windows; /* what the steps for Windows share; set by steps_run() */
};

struct step {
	const char *id;	     /* "device-names": in the change log and docs */
	const char *summary; /* one line for docs and progress */
	bool (*applies)(const struct step_context *c);
	int (*run)(const struct step_context *c, struct err *err);
};

/* The table for the guest's family, NULL-terminated, in order; NULL when there is none (--no-convert is needed). */
const struct step *const *steps_for(const struct inspection *i);
extern const struct step *const linux_steps[];
extern const struct step *const windows_steps[];

/* Runs them in order; a failing step stops (ERR_CONVERT) with its id as context. */
int steps_run(const struct step_context *c, void (*tick)(const char *what, void *opaque), void *opaque,
	      struct err *err);

#endif
