# shellcheck shell=bash disable=SC2154
# Debian 8 as a paravirtual guest of XenServer: GRUB legacy read by pygrub, console and getty on hvc0, xvda names, Citrix'
# tools, eth0 without rules.
facts <<'X'
os debian 8 x86_64
firmware bios
root /dev/sda1
disk xen 0 0 -
disk xen 0 1 -
fs /dev/sda1 ext4 d8aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 d8000000-01 0 1
fs /dev/sdb1 swap d8bb0001-1c5c-4d36-9d4d-0a2f0c2b1e02 d8000001-01 1 1
nic 5e:a2:0f:d8:00:01 -
X
mkdir -p "$root"/{bin,sbin,usr/bin,usr/lib,lib}
file /sbin/init <<<ELF
touch_file /lib/udev/rules.d/50-udev-default.rules
file /etc/os-release <<<'PRETTY_NAME="Debian GNU/Linux 8 (jessie)"'
file /etc/inittab <<'X'
id:2:initdefault:
1:2345:respawn:/sbin/getty 38400 tty1
co:2345:respawn:/sbin/getty 38400 hvc0
X
printf 'tty1\nhvc0\n' | file /etc/securetty
file /etc/fstab <<'X'
/dev/xvda1	/	ext4	noatime,nodiratime,errors=remount-ro	0	1
/dev/xvdb1	none	swap	sw	0	0
X
v=3.16.0-11-amd64
kernel $v '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci ata_piix \
	e1000 e1000e 8139cp xen-blkfront xen-netfront ext4
printf '\177ELF phony virtio_pci' >"$root/lib/modules/$v/kernel/drivers/virtio/virtio_pci.ko"
touch_file /boot/vmlinuz-$v
mkdir -p "$tree"/{scripts,conf,sbin,lib}
: >"$tree/scripts/functions"
: >"$tree/sbin/udevadm"
echo 'MODULES=dep' >"$tree/conf/initramfs.conf"
initramfs /boot/initrd.img-$v gzip $v xen-blkfront ext4
file /boot/grub/menu.lst <<X
default		0
timeout		2
# kopt=root=/dev/xvda1 ro console=hvc0
title		Debian GNU/Linux, kernel $v
root		(hd0,0)
kernel		/boot/vmlinuz-$v root=/dev/xvda1 ro console=hvc0 quiet
initrd		/boot/initrd.img-$v
X
file /etc/network/interfaces <<'X'
auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
	address 10.8.0.5
	netmask 255.255.255.0
X
file /usr/sbin/xe-linux-distribution <<<'#!/bin/sh'
file /etc/init.d/xe-linux-distribution <<<'#!/bin/sh'
link ../init.d/xe-linux-distribution /etc/rc2.d/S14xe-linux-distribution
