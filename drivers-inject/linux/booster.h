/* Images of booster (Arch): modules lie in usr/lib/modules by their names; its init, which is one program, loads the
 * one that booster.alias names for a device, and before it what etc/booster.init.yaml says that it needs.
 */
#ifndef REHOST_DRIVERS_INJECT_LINUX_BOOSTER_H
#define REHOST_DRIVERS_INJECT_LINUX_BOOSTER_H

#include "guest/files/initramfs.h"
#include "guest/files/modules.h"

#define BOOSTER_MODULES "usr/lib/modules"
#define BOOSTER_ALIASES BOOSTER_MODULES "/booster.alias"
#define BOOSTER_CONFIG	"etc/booster.init.yaml"

/* True for an image of booster for this kernel (its init refuses to start another), in whose settings modules can be
 * put.
 */
bool booster_is(const struct initramfs *im, const char *version);

/* Some alias leads to the module; an image for one machine holds modules that no device of that machine asks for. */
bool booster_loads(const struct initramfs *im, const char *module);

/* The settings with what the added modules need, and the aliases with those of the named modules (n names), which are
 * of m; in the arena. */
char *booster_config_with(const struct initramfs *im, const struct module_list *add, struct arena *a);
char *booster_aliases_with(const struct initramfs *im, const struct modules *m, const char *const *names, size_t n,
			   struct arena *a);

#endif
