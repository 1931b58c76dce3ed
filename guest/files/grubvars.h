/* GRUB's variables as they are when its menu is shown: from grubenv and from `set` in grub.cfg; texts that use them. */
#ifndef REHOST_GUEST_FILES_GRUBVARS_H
#define REHOST_GUEST_FILES_GRUBVARS_H

#include "guest/files/lines.h"

enum { GRUB_VARS_MAX = 512 /* a distribution's grub.cfg sets under 50 */ };

struct grub_var {
	const char *name, *value;
};

struct grub_vars {
	struct arena *arena; /* borrowed */
	VEC(struct grub_var) v;
};

/* The variables of an environment block. */
void grub_vars_take_env(struct grub_vars *vars, const char *text);
/* What `set NAME=value` lines of a grub.cfg give. What has a value keeps it: grub.cfg sets defaults for what grubenv
 * may lack, and tests for that, which isn't followed here. */
void grub_vars_take_menu(struct grub_vars *vars, const struct lines *l);

/* NULL when it isn't set. */
const char *grub_vars_get(const struct grub_vars *vars, const char *name);

/* text with $name and ${name} replaced, what isn't set by nothing; in the arena. NULL gives NULL. */
char *grub_expand(const struct grub_vars *vars, const char *text);

#endif
