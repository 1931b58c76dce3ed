# shellcheck shell=bash disable=SC2154
# Kali, whole disk encrypted: a name that only crypttab knows (sda5_crypt), LVM inside, resume on it, VirtualBox's additions
# from its packages.
facts <<'X'
os kalilinux 2024 x86_64
firmware bios
root /dev/kali-vg/root
disk sata 0 0 -
fs /dev/sda1 ext4 4aaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 4a000000-01 0 1
fs /dev/sda5 crypto_LUKS 4aaa0005-1c5c-4d36-9d4d-0a2f0c2b1e05 4a000000-05 0 5
fs /dev/mapper/cryptsda5 LVM2_member KaKa24-aaaa-bbbb-cccc-dddd-eeee-ffffff - 0 0
fs /dev/kali-vg/root ext4 4abb0001-7c55-4f0e-8a39-1f2e3d4c5b01 - 0 0
fs /dev/kali-vg/swap_1 swap 4abb0002-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
nic 08:00:27:4a:00:01 -
X
merge_usr
systemd
touch_file /usr/sbin/NetworkManager
file /etc/os-release <<'X'
PRETTY_NAME="Kali GNU/Linux Rolling"
NAME="Kali GNU/Linux"
ID=kali
ID_LIKE=debian
X
file /etc/fstab <<'X'
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
/dev/mapper/kali--vg-root /               ext4    errors=remount-ro 0       1
# /boot was on /dev/sda1 during installation
UUID=4aaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 /boot           ext2    defaults        0       2
/dev/mapper/kali--vg-swap_1 none            swap    sw              0       0
/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0
X
file /etc/crypttab <<<'sda5_crypt /dev/sda5 none luks,discard'
v=6.6.9-amd64
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console scsi_mod \
	sd_mod libata libahci ahci ata_piix e1000 e1000e 8139cp vmxnet3 ext4
touch_file /boot/vmlinuz-$v
mkdir -p "$tree"/{scripts,conf/conf.d,cryptroot,usr/lib,usr/bin}
ln -s usr/lib "$tree/lib"
: >"$tree/scripts/functions"
: >"$tree/usr/bin/udevadm"
echo 'MODULES=dep' >"$tree/conf/initramfs.conf"
echo 'RESUME=/dev/mapper/kali--vg-swap_1' >"$tree/conf/conf.d/resume"
echo 'sda5_crypt /dev/sda5 none luks,discard' >"$tree/cryptroot/crypttab"
initramfs /boot/initrd.img-$v zstd $v scsi_mod sd_mod libata libahci ahci ext4
file /etc/initramfs-tools/conf.d/resume <<<'RESUME=/dev/mapper/kali--vg-swap_1'
file /etc/initramfs-tools/modules <<<'# List of modules that you want to include in your initramfs.'
touch_file /boot/grub/i386-pc/core.img
file /boot/grub/grub.cfg <<X
set default="0"
menuentry 'Kali GNU/Linux' --class kali --class gnu-linux --class gnu --class os \$menuentry_id_option 'gnulinux-simple-4abb0001' {
	linux	/vmlinuz-$v root=/dev/mapper/kali--vg-root ro  quiet splash
	initrd	/initrd.img-$v
}
X
grubenv /boot/grub/grubenv
file /etc/default/grub <<'X'
GRUB_DEFAULT=0
GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"
X
file /etc/network/interfaces <<'X'
# This file describes the network interfaces available on your system
source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback
X
file /var/cache/debconf/config.dat <<'X'
Name: grub-pc/install_devices
Template: grub-pc/install_devices
Value: /dev/sda
Owners: grub-pc
Flags: seen
X
file /var/lib/dpkg/status <<'X'
Package: virtualbox-guest-utils
Status: install ok installed
Version: 7.0.12-dfsg-1

Package: virtualbox-guest-x11
Status: install ok installed
Version: 7.0.12-dfsg-1
X
file /usr/lib/systemd/system/virtualbox-guest-utils.service <<<'[Unit]'
