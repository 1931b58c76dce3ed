/* Installed kernels: what other inspectors ask about them. */
#ifndef REHOST_INSPECTORS_KERNELS_H
#define REHOST_INSPECTORS_KERNELS_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* For how many images, which are nothing but a path in a menu, their content is read to find out what they are. */
enum { KERNEL_LOOKS = 64 };

/* The kernel whose image a guest path names, also by a symlink ("/vmlinuz") or as a copy (systemd-boot's on the EFI
 * system partition), which costs one of *looks; NULL when it is none of them. */
struct kernel *kernel_of_image(struct guest *g, struct inspection *i, const char *path, unsigned *looks);

/* The kernel that an entry boots, with the entry's initramfs; *ret is NULL when its image is none of the kernels. An
 * initramfs that no kernel has yet is looked into and becomes the kernel's, or, when that has one, that of a second
 * kernel of the same version, so that both get drivers (which moves i->kernels). One that isn't there is a finding. */
int kernel_of_entry(struct guest *g, struct inspection *i, const struct boot_entry *e, unsigned *looks,
		    struct kernel **ret, struct err *err);

#endif
