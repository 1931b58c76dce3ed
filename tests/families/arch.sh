# shellcheck shell=bash disable=SC2154
# Arch with systemd-boot: the ESP at /boot, two initramfs images of one kernel, mkinitcpio with a MODULES list, NVMe disk names, systemd-networkd with a bridge.
facts <<'X'
os archlinux 0 x86_64
firmware uefi
root /dev/sda2
disk nvme 0 0 -
fs /dev/sda1 vfat A4C8-0001 a4c00000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 ext4 a4aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 a4c00000-0000-4000-8000-000000000002 0 2
fs /dev/sda3 swap a4aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 a4c00000-0000-4000-8000-000000000003 0 3
nic 00:50:56:ac:00:01 192
X
arch_root
file /etc/os-release <<'X'
NAME="Arch Linux"
ID=arch
PRETTY_NAME="Arch Linux"
X
file /etc/fstab <<'X'
# /dev/nvme0n1p2
/dev/nvme0n1p2	/	ext4	rw,relatime	0 1
/dev/nvme0n1p1	/boot	vfat	rw,relatime,fmask=0022,dmask=0022	0 2
/dev/nvme0n1p3	none	swap	defaults	0 0
X
v=6.9.1-arch1-1
kernel $v .zst virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console \
	scsi_mod sd_mod libata libahci ahci ata_piix nvme e1000 e1000e 8139cp vmxnet3 ext4
file /lib/modules/$v/pkgbase <<<linux
touch_file /boot/vmlinuz-linux /boot/amd-ucode.img
mkinitcpio_tree
cp -a "$tree" "$tree-fallback"
initramfs /boot/initramfs-linux.img zstd $v nvme ext4
mv "$tree-fallback" "$tree"
initramfs /boot/initramfs-linux-fallback.img zstd $v nvme ext4 libata libahci ahci scsi_mod sd_mod
file /boot/loader/loader.conf <<'X'
default  arch.conf
timeout  4
console-mode max
editor   no
X
file /boot/loader/entries/arch.conf <<'X'
title   Arch Linux
linux   /vmlinuz-linux
initrd  /amd-ucode.img
initrd  /initramfs-linux.img
options root=/dev/nvme0n1p2 rw resume=/dev/nvme0n1p3
X
file /boot/loader/entries/arch-fallback.conf <<'X'
title   Arch Linux (fallback initramfs)
linux   /vmlinuz-linux
initrd  /initramfs-linux-fallback.img
options root=/dev/nvme0n1p2 rw
X
file /boot/EFI/systemd/systemd-bootx64.efi <<<'systemd-boot'
file /etc/mkinitcpio.conf <<'X'
# vim:set ft=sh
# MODULES
# The following modules are loaded before any boot hooks are
# run.  Advanced users may wish to specify all system modules
# in this array.  For instance:
#     MODULES=(usbhid xhci_hcd)
MODULES=(nvme
  vmw_balloon)
BINARIES=()
FILES=()
HOOKS=(base udev autodetect modconf block filesystems keyboard fsck)
X
file /etc/systemd/network/20-wired.network <<'X'
[Match]
Name=ens192

[Network]
Bridge=br0
X
file /etc/systemd/network/br0.netdev <<'X'
[NetDev]
Name=br0
Kind=bridge
X
file /etc/systemd/network/br0.network <<'X'
[Match]
Name=br0

[Network]
Address=192.168.40.10/24
Gateway=192.168.40.1
X
touch_file /usr/bin/vmtoolsd
file /usr/lib/systemd/system/vmtoolsd.service <<<'[Unit]'
file /usr/lib/systemd/system/vmware-vmblock-fuse.service <<<'[Unit]'
