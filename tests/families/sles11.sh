# shellcheck shell=bash disable=SC2154
# SLES 11: GRUB legacy with by-id names, mkinitrd with udev in its image, INITRD_MODULES, SysV init links in /etc/init.d.
facts <<'X'
os sles 11 x86_64
firmware bios
root /dev/sda2
disk lsilogic 0 0 -
fs /dev/sda1 swap 11aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 - 0 1
fs /dev/sda2 ext3 11aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 - 0 2
nic 00:50:56:11:00:01 -
X
mkdir -p "$root"/{bin,sbin,lib64,usr/bin,lib/udev/rules.d}
file /sbin/init <<<ELF
file /etc/inittab <<'X'
id:3:initdefault:
1:2345:respawn:/sbin/mingetty --noclear tty1
#S0:12345:respawn:/sbin/agetty -L 9600 ttyS0 vt102
X
file /etc/SuSE-release <<<'SUSE Linux Enterprise Server 11 (x86_64)'
file /etc/fstab <<'X'
/dev/disk/by-id/scsi-36000c2911111222233334444555566aa-part1 swap                 swap       defaults              0 0
/dev/disk/by-id/scsi-36000c2911111222233334444555566aa-part2 /                    ext3       acl,user_xattr        1 1
proc                 /proc                proc       defaults              0 0
X
v=3.0.101-63-default
kernel $v '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_balloon scsi_mod sd_mod libata libahci ahci \
	ata_piix mptbase mptspi e1000 8139cp vmxnet3 ext4
printf '\177ELF phony virtio_pci' >"$root/lib/modules/$v/kernel/drivers/virtio/virtio_pci.ko"
touch_file /boot/vmlinuz-$v
link vmlinuz-$v /boot/vmlinuz
link initrd-$v /boot/initrd
mkdir -p "$tree/sbin" "$tree/boot" "$tree/lib/udev"
: >"$tree/sbin/udevd"
: >"$tree/run_all.sh"
: >"$tree/init"
initramfs /boot/initrd-$v gzip $v mptbase mptspi scsi_mod sd_mod
file /boot/grub/menu.lst <<X
# Modified by YaST2. Last modification on Mon Jun 15 09:11:45 CEST 2015
default 0
timeout 8
##YaST - generic_mbr
gfxmenu (hd0,1)/boot/message
##YaST - activate

###Don't change this comment - YaST2 identifier: Original name: linux###
title SUSE Linux Enterprise Server 11 SP4 - $v
    root (hd0,1)
    kernel /boot/vmlinuz-$v root=/dev/disk/by-id/scsi-36000c2911111222233334444555566aa-part2 resume=/dev/disk/by-id/scsi-36000c2911111222233334444555566aa-part1 splash=silent crashkernel=256M-:128M showopts vga=0x317
    initrd /boot/initrd-$v
X
file /boot/grub/device.map <<'X'
(hd0)	/dev/disk/by-id/scsi-36000c2911111222233334444555566aa
X
touch_file /boot/grub/stage2
file /etc/sysconfig/kernel <<'X'
#
# This variable contains the list of modules to be added to the initial
# ramdisk by calling the script "mkinitrd"
#
INITRD_MODULES="ata_piix mptspi processor thermal fan jbd ext3 edd"
DOMU_INITRD_MODULES="xennet xenblk"
X
file /etc/sysconfig/bootloader <<'X'
LOADER_TYPE="grub"
DEFAULT_APPEND="resume=/dev/disk/by-id/scsi-36000c2911111222233334444555566aa-part1 splash=silent crashkernel=256M-:128M showopts"
FAILSAFE_APPEND="showopts ide=nodma apm=off noresume"
X
file /etc/sysconfig/network/ifcfg-eth0 <<'X'
BOOTPROTO='static'
IPADDR='10.11.0.4/16'
STARTMODE='auto'
USERCONTROL='no'
X
file /etc/udev/rules.d/70-persistent-net.rules <<'X'
SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="00:50:56:11:00:01", ATTR{dev_id}=="0x0", ATTR{type}=="1", KERNEL=="eth*", NAME="eth0"
X
file /etc/vmware-tools/locations <<<'answer BINDIR /usr/bin'
file /etc/init.d/vmware-tools <<<'#!/bin/sh'
link ../vmware-tools /etc/init.d/rc3.d/S03vmware-tools
link ../vmware-tools /etc/init.d/rc5.d/S03vmware-tools
