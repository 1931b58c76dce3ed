/* /etc/fstab and /etc/crypttab: fields of a line, and the evidence that comments give. */
#ifndef REHOST_GUEST_FILES_FSTAB_H
#define REHOST_GUEST_FILES_FSTAB_H

#include "guest/files/lines.h"

enum { FSTAB_FIELDS = 6 };

struct fstab_entry {
	struct span spec, options_at;
	char *mountpoint, *type, *options; /* options NULL when the field is missing */
	bool optional;			   /* noauto or nofail */
};

/* One line's fields; false for comments, blank lines and lines with fewer than three fields. */
bool fstab_entry(struct arena *a, const char *text, struct fstab_entry *ret);

/* The device that the installer's comment above an entry names ("# / was on /dev/sda1 during installation"). */
bool fstab_installed_on(struct arena *a, const char *comment, char **ret_device);

/* Splits a line into at most max blank-separated fields; 0 for comments. */
unsigned fields_split(const char *text, struct span *fields, unsigned max);

/* crypttab: every device of l that depends on the hardware (devnames.h) becomes what from has for the same target, in a
 * copy of which some lines may be missing. */
void crypttab_take_devices(struct lines *l, const struct lines *from);
/* The first line (0-based) with such a device; false when there is none. *ret_device in l's arena. */
bool crypttab_hardware_device(const struct lines *l, size_t *ret_line, char **ret_device);

/* True when the comma-separated options hold name or name=…; NULL options hold nothing. */
bool option_present(const char *options, const char *name);

#endif
