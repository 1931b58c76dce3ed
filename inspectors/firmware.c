/* Firmware from the metadata and from the disk: what they say when they disagree. */
#include "inspectors/registry.h"

#include <string.h>

#include "guest/files/esp.h"

/* GRUB's BIOS core lies beside its modules; grub-install writes it nowhere else. */
static bool has_bios_loader(struct guest *g)
{
	return guest_exists(g, "/boot/grub/i386-pc/core.img") || guest_exists(g, "/boot/grub2/i386-pc/core.img") ||
	       guest_exists(g, "/boot/grub/stage2") || guest_exists(g, "/boot/extlinux/ldlinux.sys") ||
	       guest_exists(g, "/boot/syslinux/ldlinux.sys") || guest_exists(g, "/boot/ldlinux.sys") ||
	       guest_exists(g, "/etc/lilo.conf");
}

/* Which firmware the loaders on the disk are for, when it is one only. */
static enum firmware loaders_are_for(struct guest *g, bool has_esp)
{
	bool bios = has_bios_loader(g);

	if (bios == has_esp)
		return FIRMWARE_UNKNOWN;
	return bios ? FIRMWARE_BIOS : FIRMWARE_UEFI;
}

static const char *in_words(enum firmware f)
{
	return f == FIRMWARE_UEFI ? "UEFI" : "BIOS";
}

/* The target gets the firmware that the partition tables are made for, whatever the source says; when they don't tell,
 * it gets the source's. */
static void report_disagreement(struct guest *g, const struct machine *m, struct inspection *i, bool has_esp)
{
	enum firmware loaders = loaders_are_for(g, has_esp);
	const char *only = loaders == FIRMWARE_UEFI ? "only UEFI loaders" : "only a BIOS loader";

	if (!m->firmware || (!loaders && !i->firmware_disk))
		return;
	if (loaders && loaders != m->firmware && loaders == i->firmware_disk)
		finding_add(
		    i, "I-FIRMWARE-OF-DISK", SEVERITY_INFO, NULL, NULL,
		    "the source says %s, but the disk is partitioned for %s and has %s: it becomes a %s machine",
		    in_words(m->firmware), in_words(loaders), only, in_words(loaders));
	else if (loaders && loaders != m->firmware)
		finding_add(i, "W-BOOT-FIRMWARE-DISAGREES", SEVERITY_WARNING, NULL,
			    loaders == FIRMWARE_UEFI ? "Convert it as a UEFI machine."
						     : "Convert it as a BIOS machine.",
			    "the source says %s, but the disk has %s", in_words(m->firmware), only);
	else if (i->firmware_disk && m->firmware != i->firmware_disk)
		finding_add(i, "I-FIRMWARE-BOTH", SEVERITY_INFO, NULL, NULL,
			    "the source says %s and the disk is partitioned for %s, but has loaders for both",
			    firmware_name(m->firmware), firmware_name(i->firmware_disk));
}

/* Xen's toolstack reads the menu itself (pygrub), so the disk of its guest often holds no loader at all. */
static void report_pygrub(struct guest *g, const struct machine *m, struct inspection *i, bool has_esp)
{
	bool xen = false;

	VEC_FOR (d, &m->disks)
		xen |= d->controller == CONTROLLER_XEN;
	VEC_FOR (d, &i->device_names)
		xen |= strncmp(d->name, "/dev/xvd", 8) == 0;
	if (xen && !has_esp && i->boot_entries.n && !has_bios_loader(g))
		finding_add(
		    i, "W-BOOT-NO-BOOT-SECTOR", SEVERITY_WARNING, i->boot_entries.v[0].file,
		    "Install GRUB on the disk in the guest, or give the machine kernel and initramfs directly.",
		    "the guest was started by Xen, which reads the boot menu itself, and no boot loader was found "
		    "that a BIOS could start");
}

/* Loaders that find the kernel by the blocks where it lay when they were installed. */
static void report_block_lists(struct guest *g, struct inspection *i)
{
	if (i->boot_entries.n)
		return;
	if (guest_exists(g, "/etc/lilo.conf"))
		finding_add(i, "W-BOOT-LILO", SEVERITY_WARNING, "/etc/lilo.conf",
			    "Install GRUB in the guest before the conversion.",
			    "LILO boots from block lists and device names that can't be edited as text");
	if (guest_exists(g, "/etc/zipl.conf"))
		finding_add(i, "W-BOOT-ZIPL", SEVERITY_WARNING, "/etc/zipl.conf",
			    "Run zipl inside the guest where it can still be started, with the new devices' names.",
			    "zipl boots from block lists, which only zipl itself can write anew");
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	char *efi;

	if (esp_find(g, &a, &efi, err) < 0)
		return -1;
	report_disagreement(g, m, i, efi != NULL);
	report_pygrub(g, m, i, efi != NULL);
	report_block_lists(g, i);
	return 0;
}

const struct inspector inspector_firmware = {.id = "firmware", .applies = is_linux, .run = run};
