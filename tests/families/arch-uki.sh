# shellcheck shell=bash disable=SC2154
# Arch whose firmware starts unified kernel images: one with virtio in its initramfs, one without; add-ons with arguments.
facts <<'X'
os archlinux 0 x86_64
firmware uefi
root /dev/sda2
disk pvscsi 0 0 -
fs /dev/sda1 vfat A6C8-0001 a6c00000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 ext4 a6aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 a6c00000-0000-4000-8000-000000000002 0 2
nic 00:50:56:a6:00:01 192
X
arch_root
file /etc/os-release <<<'PRETTY_NAME="Arch Linux"'
file /etc/fstab <<'X'
UUID=a6aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02	/	ext4	rw,relatime	0 1
UUID=A6C8-0001	/efi	vfat	umask=0077	0 2
X
v=6.9.1-arch1-1
kernel $v .zst virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci \
	vmw_pvscsi e1000 e1000e 8139cp ext4
file /lib/modules/$v/pkgbase <<<linux
touch_file /lib/modules/$v/vmlinuz
mkinitcpio_tree
initramfs /small zstd $v vmw_pvscsi scsi_mod sd_mod ext4
mkinitcpio_tree
initramfs /all zstd $v vmw_pvscsi scsi_mod sd_mod ext4 virtio virtio_ring virtio_pci virtio_blk
uki /efi/EFI/Linux/arch-linux.efi $v "$root/all" 'root=UUID=a6aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 rw'
uki /efi/EFI/Linux/arch-linux-old.efi $v "$root/small" 'root=/dev/sda2 rw'
uki /efi/EFI/Linux/arch-linux.efi.extra.d/root.addon.efi $v /dev/null ' root=/dev/sda2'
uki /efi/loader/addons/quiet.addon.efi $v /dev/null ' quiet'
rm "$root/all" "$root/small"
file /efi/EFI/systemd/systemd-bootx64.efi <<<'systemd-boot'
file /etc/kernel/cmdline <<<'root=UUID=a6aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 rw'
