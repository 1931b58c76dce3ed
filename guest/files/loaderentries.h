/* Menus that are lines of a keyword and a value: Boot Loader Specification entries, syslinux and its kin. */
#ifndef REHOST_GUEST_FILES_LOADERENTRIES_H
#define REHOST_GUEST_FILES_LOADERENTRIES_H

#include "guest/files/grubcfg.h"

/* A type 1 entry (https://uapi-group.org/specifications/specs/boot_loader_specification/): one file. kernel is NULL
 * when it boots none. Several initrd lines, or words on one, are archives behind each other: the last one that is no
 * variable of GRUB's is the initramfs. */
void loader_entry_parse(const struct lines *l, struct grub_entry *ret);

/* extlinux.conf, syslinux.cfg, isolinux.cfg: LABEL blocks with KERNEL or LINUX, INITRD (or initrd= behind APPEND), MENU
 * LABEL. The default is the label that ONTIMEOUT names; else, where a module shows the menu (UI or DEFAULT menu.c32),
 * the one that says MENU DEFAULT; else that of DEFAULT. Paths are as written: relative ones to the folder of the file.
 */
void extlinux_parse(const struct lines *l, struct grub_menu *ret);

/* Makes another label the default by the keyword that decides now; without one by MENU DEFAULT or a new DEFAULT. */
void extlinux_set_default(struct lines *l, const char *label);

/* systemd-boot's loader.conf(5): the default's id or pattern ("arch", "arch-*.conf"), NULL when there is none or it
 * lies in the firmware ("@saved"). */
char *loader_conf_default(const struct lines *l);

#endif
