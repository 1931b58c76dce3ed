/* GRUB's environment block: NAME=value lines behind a signature, filled with '#' to a size that GRUB itself can't
 * change (GRUB manual, "Environment block": 1024 bytes). */
#ifndef REHOST_GUEST_FILES_GRUBENV_H
#define REHOST_GUEST_FILES_GRUBENV_H

#include "guest/files/devices.h"

enum { GRUBENV_SIZE = 1024 };

/* A variable's value, unescaped, in the arena; NULL when it isn't set. */
char *grubenv_get(struct arena *a, const char *text, const char *name);

/* The block with the variable set, in the arena, of the size that it had; when that is too small, of the next multiple
 * of GRUBENV_SIZE. A text that isn't filled (Photon's photon.cfg) stays so. */
char *grubenv_set(struct arena *a, const char *text, const char *name, const char *value);

/* Makes the filler right after lines were edited. size: bytes that the block had. */
void grubenv_fill(struct lines *l, size_t size);

#endif
