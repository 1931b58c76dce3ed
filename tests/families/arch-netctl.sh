# shellcheck shell=bash disable=SC2154
# Older Arch on VirtualBox: syslinux with relative paths, mkinitcpio's MODULES as a string, netctl profiles with a bond.
facts <<'X'
os archlinux 0 x86_64
firmware bios
root /dev/sda1
disk ide 0 0 -
fs /dev/sda1 ext4 a5aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 a5c00000-01 0 1
nic 08:00:27:a5:00:01 -
nic 08:00:27:a5:00:02 -
X
arch_root
file /etc/os-release <<<'PRETTY_NAME="Arch Linux"'
file /etc/fstab <<<'/dev/sda1	/	ext4	rw,relatime	0 1'
v=4.15.1-2-ARCH
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci ata_piix \
	e1000 e1000e 8139cp ext4
file /lib/modules/$v/pkgbase <<<linux
touch_file /boot/vmlinuz-linux
mkinitcpio_tree
initramfs /boot/initramfs-linux.img gzip $v ata_piix libata scsi_mod sd_mod ext4
file /boot/syslinux/syslinux.cfg <<'X'
DEFAULT arch
PROMPT 0
TIMEOUT 50
UI menu.c32

LABEL arch
    MENU LABEL Arch Linux
    LINUX ../vmlinuz-linux
    APPEND root=/dev/sda1 rw
    INITRD ../initramfs-linux.img

LABEL reboot
    MENU LABEL Reboot
    COM32 reboot.c32
X
touch_file /boot/syslinux/ldlinux.sys
file /etc/mkinitcpio.conf <<'X'
MODULES=""
HOOKS="base udev autodetect modconf block filesystems keyboard fsck"
X
file /etc/netctl/lan <<'X'
Description='A basic static ethernet connection'
Interface=enp0s3
Connection=ethernet
IP=static
Address=('192.168.1.23/24' '192.168.1.87/24')
Gateway='192.168.1.1'
X
file /etc/netctl/bonding <<'X'
Interface=bond0
Connection=bond
BindsToInterfaces=('enp0s8')
IP=dhcp
X
file /etc/netctl/examples/ethernet-dhcp <<<'Interface=eth0'
