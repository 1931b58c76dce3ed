/* What the step guest-agent shares with its two kinds of packages. */
#ifndef REHOST_CONVERTERS_LINUX_GUEST_AGENT_H
#define REHOST_CONVERTERS_LINUX_GUEST_AGENT_H

#include "converters/step.h"
#include "core/base/pkgfile.h"

#define AGENT_PACKAGE "qemu-guest-agent"

/* Packages that belong together: the agent first, then those of the folder that it needs. */
struct agent_set {
	const struct step_context *c;
	struct arena *arena;
	VEC(const struct pkg *) packages;
	const char *missing; /* what the guest lacks for it in words; NULL: nothing */
};

/* A set for the agent's package; what the guest and the folder lack is set->missing. */
int agent_set_deb(struct agent_set *set, const struct pkg *agent, struct err *err);
int agent_set_rpm(struct agent_set *set, const struct pkg *agent, struct err *err);
/* Puts it into the guest, and what is left to do at the first boot. */
int agent_install_deb(const struct agent_set *set, const char *reason, struct err *err);
int agent_install_rpm(const struct agent_set *set, const char *reason, struct err *err);

/* Adds the packages of the folder for which `helps` says so; true when one was added. */
bool agent_set_add(struct agent_set *set, bool (*helps)(const struct pkg *p, void *opaque), void *opaque);
/* Is a package for the guest's processor, or for any? */
bool agent_arch_fits(const struct step_context *c, const struct pkg *p);
/* A package whose files can't all be made; NULL: none. */
const char *agent_set_odd(const struct agent_set *set);

/* One file, folder or link of a package. */
int agent_put(const struct agent_set *set, const struct pkg *p, const struct pkg_file *f, const char *path,
	      const char *reason, struct err *err);
/* The package files themselves, for the first boot. */
#define AGENT_COPIES "/var/lib/rehost/packages"
int agent_copy_packages(const struct agent_set *set, const char *reason, struct err *err);

#endif
