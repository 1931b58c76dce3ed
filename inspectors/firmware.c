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

static void report_disagreement(struct guest *g, const struct machine *m, struct inspection *i, bool has_esp)
{
	if (m->firmware == FIRMWARE_UEFI && !has_esp && has_bios_loader(g))
		finding_add(i, "W-BOOT-FIRMWARE-DISAGREES", SEVERITY_WARNING, NULL, "Convert it as a BIOS machine.",
			    "the source says UEFI, but the disk has only a BIOS loader");
	else if (m->firmware == FIRMWARE_BIOS && has_esp && !has_bios_loader(g))
		finding_add(i, "W-BOOT-FIRMWARE-DISAGREES", SEVERITY_WARNING, NULL, "Convert it as a UEFI machine.",
			    "the source says BIOS, but the disk has only UEFI loaders");
	else if (m->firmware && i->firmware_disk && m->firmware != i->firmware_disk)
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

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	char *efi;

	if (esp_find(g, &a, &efi, err) < 0)
		return -1;
	report_disagreement(g, m, i, efi != NULL);
	report_pygrub(g, m, i, efi != NULL);
	if (guest_exists(g, "/etc/lilo.conf") && !i->boot_entries.n)
		finding_add(i, "W-BOOT-LILO", SEVERITY_WARNING, "/etc/lilo.conf",
			    "Install GRUB in the guest before the conversion.",
			    "LILO boots from block lists and device names that can't be edited as text");
	return 0;
}

const struct inspector inspector_firmware = {.id = "firmware", .applies = is_linux, .run = run};
