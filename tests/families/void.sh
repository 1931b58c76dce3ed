# shellcheck shell=bash disable=SC2154
# Void with runit: dracut, dhcpcd, root on LUKS opened by the initramfs, services as links.
facts <<'X'
os voidlinux 0 x86_64
firmware uefi
root /dev/mapper/voidvm-root
disk pvscsi 0 0 -
fs /dev/sda1 vfat 701D-0001 70100000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 crypto_LUKS 70aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 70100000-0000-4000-8000-000000000002 0 2
fs /dev/voidvm/root xfs 70bb0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
nic 00:50:56:70:00:01 192
X
mkdir -p "$root"/usr/{bin,lib}
link usr/lib /lib
link usr/bin /bin
link usr/bin /sbin
link bin /usr/sbin
link runit-init /usr/bin/init
touch_file /usr/lib/udev/rules.d/80-net-name-slot.rules
file /etc/os-release <<<'PRETTY_NAME="Void Linux"'
file /etc/fstab <<'X'
/dev/voidvm/root  /     xfs     defaults              0       0
/dev/sda1	  /boot/efi	vfat	defaults	0	0
X
file /etc/crypttab <<<'voidvm   /dev/sda2   /boot/volume.key   luks'
v=6.6.30_1
kernel $v .zst virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng scsi_mod sd_mod libata libahci ahci \
	vmw_pvscsi e1000 e1000e 8139cp vmxnet3 xfs
touch_file /boot/vmlinuz-$v
dracut_tree
# install_items of Void's handbook: the image has crypttab and the key
cp "$root/etc/crypttab" "$tree/etc/crypttab"
initramfs /boot/initramfs-$v.img zstd $v vmw_pvscsi scsi_mod sd_mod xfs
file /boot/grub/grub.cfg <<X
menuentry 'Void GNU/Linux' {
	insmod luks
	cryptomount -u 70aa00021c5c4d369d4d0a2f0c2b1e02
	linux	/boot/vmlinuz-$v root=/dev/mapper/voidvm-root ro rd.luks.uuid=70aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 cryptdevice=/dev/sda2:voidvm loglevel=4
	initrd	/boot/initramfs-$v.img
}
X
file /boot/efi/EFI/void/grubx64.efi <<<grub
file /etc/dhcpcd.conf <<'X'
hostname
duid
interface eth0
static ip_address=10.70.0.4/24
static routers=10.70.0.1
X
touch_file /usr/bin/vmtoolsd
file /etc/sv/vmtoolsd/run <<<'#!/bin/sh'
link /etc/sv/vmtoolsd /etc/runit/runsvdir/default/vmtoolsd
link /etc/sv/dhcpcd /etc/runit/runsvdir/default/dhcpcd
