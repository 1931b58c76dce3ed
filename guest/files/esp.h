/* The EFI system partition: where it is mounted, which loaders it holds. */
#ifndef REHOST_GUEST_FILES_ESP_H
#define REHOST_GUEST_FILES_ESP_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* Names of one processor's loaders: "BOOTX64.EFI", "shimx64.efi", "grubx64.efi" … */
struct esp_names {
	const char *arch; /* libguestfs' word: "x86_64" */
	const char *boot; /* the removable-media name that firmware starts without any boot entry */
	const char *shim, *grub, *mok, *systemd;
};

/* Windows mounts it nowhere: in the appliance it is over this folder, which is always there and never looked into. */
#define ESP_IN_WINDOWS "/Windows/Temp"

/* NULL for processors that have no UEFI. */
const struct esp_names *esp_names_of(const char *arch);

/* The folder "EFI" of the mounted ESP, as it is spelled there, in the arena; NULL when none is mounted. */
int esp_find(struct guest *g, struct arena *a, char **ret, struct err *err);

/* An entry of a folder whatever its letters' case (the ESP is FAT), its full path in the arena; NULL: none. */
int esp_entry(struct guest *g, const char *folder, const char *name, struct arena *a, char **ret, struct err *err);

#endif
