/* The steps for Linux guests: one file each. */
#ifndef REHOST_CONVERTERS_LINUX_LINUX_H
#define REHOST_CONVERTERS_LINUX_LINUX_H

#include "converters/step.h"

extern const struct step step_device_names_fstab;
extern const struct step step_device_names_boot;
extern const struct step step_network_names;
extern const struct step step_network_address;
extern const struct step step_cloud_init;
extern const struct step step_storage_filters;
extern const struct step step_shared_folders;
extern const struct step step_console;
extern const struct step step_guest_tools;
extern const struct step step_vendor_repos;
extern const struct step step_kudzu;
extern const struct step step_default_kernel;
extern const struct step step_module_aliases;
extern const struct step step_device_caches;
extern const struct step step_uefi_fallback;
extern const struct step step_inject_virtio;
extern const struct step step_grub_install_devices;
extern const struct step step_guest_agent;
extern const struct step step_rebuild_initramfs;

/* For `applies`. */
bool step_always(const struct step_context *c);

/* One text file read and given to an editor, which may change its lines; what it changed is written and recorded with
 * reason. What is missing or no regular file is nothing to do. */
struct lines;
int step_edit_lines(const struct step_context *c, const char *path,
		    void (*edit)(struct lines *l, const char *path, void *opaque), void *opaque, const char *reason,
		    struct err *err);

#endif
