/* GRUB 2 configuration: menu entries with their kernel commands. */
#ifndef REHOST_GUEST_FILES_GRUBCFG_H
#define REHOST_GUEST_FILES_GRUBCFG_H

#include "core/model/inspection.h"
#include "guest/files/lines.h"

/* A menu entry or submenu, in the order of the file. */
struct grub_entry {
	bool submenu;
	int parent;	   /* index of the submenu it stands in, -1 at the top */
	unsigned position; /* among its siblings, from 0, as GRUB counts */
	char *title, *id;  /* id of --id or $menuentry_id_option, NULL */
	unsigned line;	   /* 1-based line of the kernel command, 0: the entry boots no kernel */
	char *kernel, *initrd, *cmdline;
	bool hypervisor; /* Xen is booted, the kernel under it */
};

struct grub_menu {
	VEC(struct grub_entry) entries;
	char *default_entry; /* of `set default=…`: position, title or id, "A>B" into submenus; NULL: not set */
	bool default_saved;  /* the default comes from grubenv's saved_entry */
};

void grubcfg_parse(const struct lines *l, struct grub_menu *ret);

/* The entry that `wanted` (position, title or id; "A>B" in submenus) means; the first of a submenu; or NULL. */
const struct grub_entry *grub_menu_find(const struct grub_menu *m, const char *wanted);

/* What `set default=` or saved_entry calls an entry: its id or title, behind those of the submenus around it. */
char *grub_entry_id(const struct grub_menu *m, const struct grub_entry *e, struct arena *a);

/* True for the image of Xen's hypervisor ("/boot/xen.gz", "/xen-4.17-amd64.gz"). */
bool grub_is_xen(const char *kernel);

/* GRUB legacy: title, kernel, initrd; default counts titles from 0. */
void menulst_parse(const struct lines *l, struct grub_menu *ret);

#endif
