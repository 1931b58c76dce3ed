/* The table of the guest's files that name devices. */
#include "guest/files/devicefiles.h"

const struct device_file device_files[] = {
    {"/etc/fstab", fstab_devices, DEVICE_FILES_MOUNT},
    {"/etc/crypttab", crypttab_devices, DEVICE_FILES_MOUNT},
    {"/etc/crypttab.initramfs", crypttab_devices, DEVICE_FILES_MOUNT}, /* mkinitcpio's own */
    {"/etc/auto.*", autofs_devices, DEVICE_FILES_MOUNT},
    {"/etc/autofs/auto.*", autofs_devices, DEVICE_FILES_MOUNT},
    {"/etc/systemd/system/*.mount", unit_devices, DEVICE_FILES_MOUNT},
    {"/etc/systemd/system/*.mount.d/*.conf", unit_devices, DEVICE_FILES_MOUNT},
    {"/etc/systemd/system/*.swap", swap_unit_devices, DEVICE_FILES_SWAP_UNIT},
    {"/boot/grub/grub.cfg", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/boot/grub/custom.cfg", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/boot/grub2/grub.cfg", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/boot/efi/EFI/*/grub.cfg", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/efi/EFI/*/grub.cfg", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/boot/grub/grubenv", grubenv_devices, DEVICE_FILES_BOOT},
    {"/boot/grub2/grubenv", grubenv_devices, DEVICE_FILES_BOOT},
    {"/boot/efi/EFI/*/grubenv", grubenv_devices, DEVICE_FILES_BOOT},
    {"/etc/grub.d/*", grubcfg_devices, DEVICE_FILES_BOOT},
    {"/etc/default/grub", grub_default_devices, DEVICE_FILES_BOOT},
    {"/etc/default/grub.d/*.cfg", grub_default_devices, DEVICE_FILES_BOOT},
    {"/boot/grub/menu.lst", menulst_devices, DEVICE_FILES_BOOT},
    {"/boot/grub/grub.conf", menulst_devices, DEVICE_FILES_BOOT},
    {"/boot/efi/EFI/*/grub.conf", menulst_devices, DEVICE_FILES_BOOT},
    {"/etc/kernel/cmdline", cmdline_devices, DEVICE_FILES_BOOT},
    {"/boot/loader/entries/*.conf", loader_entry_devices, DEVICE_FILES_BOOT},
    {"/boot/efi/loader/entries/*.conf", loader_entry_devices, DEVICE_FILES_BOOT},
    {"/efi/loader/entries/*.conf", loader_entry_devices, DEVICE_FILES_BOOT},
    {"/boot/extlinux/*.conf", extlinux_devices, DEVICE_FILES_BOOT},
    {"/boot/extlinux.conf", extlinux_devices, DEVICE_FILES_BOOT},
    {"/boot/*linux/*.cfg", extlinux_devices, DEVICE_FILES_BOOT},
    {"/boot/efi/EFI/*linux/*.cfg", extlinux_devices, DEVICE_FILES_BOOT},
    {"/extlinux.conf", extlinux_devices, DEVICE_FILES_BOOT},
    {"/etc/default/extlinux", extlinux_default_devices, DEVICE_FILES_BOOT},
    {"/etc/default/u-boot", extlinux_default_devices, DEVICE_FILES_BOOT},
    {"/etc/update-extlinux.conf", update_extlinux_devices, DEVICE_FILES_BOOT},
    {"/etc/sysconfig/bootloader", bootloader_devices, DEVICE_FILES_BOOT},
    {"/etc/initramfs-tools/initramfs.conf", resume_devices, DEVICE_FILES_BOOT},
    {"/etc/initramfs-tools/conf.d/*", resume_devices, DEVICE_FILES_BOOT},
    {"/etc/dracut.conf", dracut_devices, DEVICE_FILES_BOOT},
    {"/etc/dracut.conf.d/*.conf", dracut_devices, DEVICE_FILES_BOOT},
    {NULL},
};

static int visit_file(struct guest *g, const struct device_file *f, const char *path, struct arena *a,
		      device_file_fn *each, void *opaque, struct err *err)
{
	struct lines l;
	char *text;

	if (guest_regular_text(g, path, a, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	lines_split(&l, a, text);
	return each(f, path, &l, opaque, err);
}

int device_files_each(struct guest *g, enum device_files group, struct arena *a, device_file_fn *each, void *opaque,
		      struct err *err)
{
	for (const struct device_file *f = device_files; f->pattern; f++) {
		struct names paths = {0};

		if (group && f->group != group)
			continue;
		if (g->ops->glob(g, f->pattern, a, &paths, err) < 0)
			return -1;
		VEC_FOR (path, &paths.list)
			if (visit_file(g, f, *path, a, each, opaque, err) < 0)
				return -1;
	}
	return 0;
}
