# shellcheck shell=bash disable=SC2154
# Fedora 40 on VirtualBox: the wrapper grub.cfg on the ESP, BLS entries, btrfs root subvolume, no saved_entry,
# NetworkManager without any profile, VirtualBox's service.
facts <<'X'
os fedora 40 x86_64
firmware uefi
root btrfsvol:/dev/sda3/root
disk sata 0 0 VB0a1b2c3d-4e5f6071
fs /dev/sda1 vfat F40A-0001 f4000000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 ext4 f4aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 f4000000-0000-4000-8000-000000000002 0 2
fs /dev/sda3 btrfs f4aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 f4000000-0000-4000-8000-000000000003 0 3
nic 08:00:27:40:00:01 -
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="Fedora Linux"
VERSION="40 (Workstation Edition)"
ID=fedora
PRETTY_NAME="Fedora Linux 40 (Workstation Edition)"
X
file /etc/fstab <<'X'
UUID=f4aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 /                       btrfs   subvol=root,compress=zstd:1 0 0
UUID=f4aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 /boot                   ext4    defaults        1 2
UUID=F40A-0001          /boot/efi               vfat    umask=0077,shortname=winnt 0 2
UUID=f4aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 /home                   btrfs   subvol=home,compress=zstd:1 0 0
/dev/disk/by-id/ata-VBOX_HARDDISK_VB0a1b2c3d-4e5f6071-part3 /mnt/top btrfs subvolid=5,noauto 0 0
shared /media/sf_shared vboxsf defaults 0 0
X
for v in 6.8.5-301.fc40.x86_64 6.8.10-300.fc40.x86_64; do
	kernel $v .xz virtio=y virtio_ring=y virtio_pci=y virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon \
		virtio_console=y scsi_mod=y sd_mod=y libata=y libahci=y ahci=y ata_piix=y e1000 e1000e 8139cp vmxnet3 btrfs
	touch_file /boot/vmlinuz-$v
	dracut_tree
	initramfs /boot/initramfs-$v.img zstd $v btrfs
	file /boot/loader/entries/0f1e2d3c4b5a69788796a5b4c3d2e1f0-$v.conf <<X
title Fedora Linux ($v) 40 (Workstation Edition)
version $v
linux /vmlinuz-$v
initrd /initramfs-$v.img
options root=UUID=f4aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 ro rootflags=subvol=root rhgb quiet
grub_users \$grub_users
grub_arg --unrestricted
grub_class fedora
X
done
grubenv /boot/grub2/grubenv boot_success=1 boot_indeterminate=0
file /boot/grub2/grub.cfg <<'X'
set pager=1
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
set default="${saved_entry}"
insmod blscfg
blscfg
X
file /boot/efi/EFI/fedora/grub.cfg <<'X'
search --no-floppy --root-dev-only --fs-uuid --set=dev f4aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02
set prefix=($dev)/grub2
export $prefix
configfile $prefix/grub.cfg
X
file /boot/efi/EFI/fedora/shimx64.efi <<<shim
file /boot/efi/EFI/fedora/grubx64.efi <<<grub
file /boot/efi/EFI/BOOT/BOOTX64.EFI <<<shim
file /boot/efi/EFI/BOOT/fbx64.efi <<<fb
touch_file /usr/sbin/VBoxService
file /usr/lib/systemd/system/vboxservice.service <<<'[Unit]'
file /etc/X11/xorg.conf.d/20-vbox.conf <<'X'
Section "Device"
	Identifier "Card0"
	Driver "vboxvideo"
EndSection
X
touch_file /usr/sbin/NetworkManager
