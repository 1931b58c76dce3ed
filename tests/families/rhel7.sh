# shellcheck shell=bash disable=SC2154
# CentOS 7 by UEFI: the whole menu lies on the ESP, saved_entry is a title, ifcfg files with HWADDR, VMware Tools from the
# tarball, a swap unit, autofs.
facts <<'X'
os centos 7 x86_64
firmware uefi
root /dev/sda3
disk lsilogic 0 0 -
disk lsilogic 0 1 -
fs /dev/sda1 vfat 0A1B-2C3D 71717171-0000-4000-8000-000000000001 0 1
fs /dev/sda2 xfs 77aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 71717171-0000-4000-8000-000000000002 0 2
fs /dev/sda3 xfs 77aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 71717171-0000-4000-8000-000000000003 0 3
fs /dev/sdb1 swap 77bb0001-2b7d-4c9a-9e11-5a6b7c8d9e03 72727272-0000-4000-8000-000000000001 1 1
fs /dev/sdb2 ext4 77bb0002-2b7d-4c9a-9e11-5a6b7c8d9e04 72727272-0000-4000-8000-000000000002 1 2
nic 00:0c:29:07:00:01 160
nic 00:0c:29:07:00:02 192
X
merge_usr
systemd
file /etc/centos-release <<<'CentOS Linux release 7.9.2009 (Core)'
file /etc/os-release <<'X'
NAME="CentOS Linux"
ID="centos"
PRETTY_NAME="CentOS Linux 7 (Core)"
X
file /etc/fstab <<'X'

#
# /etc/fstab
# Created by anaconda on Wed Mar  4 11:02:51 2020
#
UUID=77aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 /                       xfs     defaults        0 0
UUID=77aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 /boot                   xfs     defaults        0 0
UUID=0A1B-2C3D          /boot/efi               vfat    umask=0077,shortname=winnt 0 0
.host:/ /mnt/hgfs fuse.vmhgfs-fuse allow_other,defaults 0 0
X
v=3.10.0-1160.105.1.el7.x86_64
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console \
	scsi_mod=y sd_mod libata libahci ahci ata_piix mptbase mptspi e1000 e1000e 8139cp vmxnet3 xfs vmw_pvscsi
touch_file /boot/vmlinuz-$v /boot/vmlinuz-0-rescue-0a1b2c3d
dracut_tree
initramfs /boot/initramfs-$v.img gzip $v mptbase mptspi sd_mod xfs
dracut_tree
initramfs /boot/initramfs-0-rescue-0a1b2c3d.img gzip $v mptbase mptspi sd_mod xfs
grubenv /boot/efi/EFI/centos/grubenv "saved_entry=CentOS Linux ($v) 7 (Core)"
link ../efi/EFI/centos/grubenv /boot/grub2/grubenv
link ../boot/efi/EFI/centos/grub.cfg /etc/grub2-efi.cfg
file /boot/efi/EFI/centos/grub.cfg <<X
### BEGIN /etc/grub.d/00_header ###
set pager=1

if [ -s \$prefix/grubenv ]; then
  load_env
fi
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="\${saved_entry}"
fi
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/10_linux ###
menuentry 'CentOS Linux ($v) 7 (Core)' --class centos --class gnu-linux --class gnu --class os --unrestricted \$menuentry_id_option 'gnulinux-$v-advanced-77aa0003' {
	load_video
	set gfxpayload=keep
	insmod gzio
	insmod part_gpt
	insmod xfs
	set root='hd0,gpt2'
	linuxefi /vmlinuz-$v root=/dev/sda3 ro crashkernel=auto resume=/dev/sdb1 rhgb quiet LANG=en_US.UTF-8
	initrdefi /initramfs-$v.img
}
menuentry 'CentOS Linux (0-rescue-0a1b2c3d) 7 (Core)' --class centos --unrestricted \$menuentry_id_option 'gnulinux-0-rescue-0a1b2c3d-advanced-77aa0003' {
	load_video
	insmod gzio
	set root='hd0,gpt2'
	linuxefi /vmlinuz-0-rescue-0a1b2c3d root=/dev/sda3 ro crashkernel=auto rhgb quiet
	initrdefi /initramfs-0-rescue-0a1b2c3d.img
}
### END /etc/grub.d/10_linux ###
X
file /boot/efi/EFI/centos/shimx64.efi <<<shim
file /boot/efi/EFI/centos/grubx64.efi <<<grub
file /boot/efi/EFI/centos/fbx64.efi <<<fb
file /boot/efi/EFI/BOOT/BOOTX64.EFI <<<shim
file /boot/efi/EFI/BOOT/fbx64.efi <<<fb
file /etc/default/grub <<'X'
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL_OUTPUT="console"
GRUB_CMDLINE_LINUX="crashkernel=auto resume=/dev/sdb1 rhgb quiet"
GRUB_DISABLE_RECOVERY="true"
X
link ../default/grub /etc/sysconfig/grub
file /etc/systemd/system/dev-sdb1.swap <<'X'
[Unit]
Description=swap on the second disk

[Swap]
What=/dev/sdb1

[Install]
WantedBy=swap.target
X
link ../dev-sdb1.swap /etc/systemd/system/swap.target.wants/dev-sdb1.swap
file /etc/auto.master <<'X'
/misc	/etc/auto.misc
/net	-hosts
+auto.master
X
file /etc/auto.misc <<'X'
# removable things and the archive
cd		-fstype=iso9660,ro,nosuid,nodev	:/dev/cdrom
archive		-fstype=ext4,noatime		:/dev/sdb2
X
file /etc/sysconfig/network-scripts/ifcfg-ens160 <<'X'
TYPE=Ethernet
BOOTPROTO=none
NAME=ens160
UUID=0f0e0d0c-1111-4222-8333-944455566677
DEVICE=ens160
HWADDR=00:0C:29:07:00:01
ONBOOT=yes
IPADDR=172.16.4.20
PREFIX=22
GATEWAY=172.16.4.1
X
file /etc/sysconfig/network-scripts/ifcfg-ens192 <<'X'
TYPE=Ethernet
BOOTPROTO=dhcp
DEVICE=ens192
ONBOOT=yes
X
file /etc/sysconfig/network-scripts/route-ens160 <<<'10.0.0.0/8 via 172.16.4.254 dev ens160'
file /etc/vmware-tools/locations <<<'answer BINDIR /usr/bin'
file /etc/systemd/system/vmware-tools.service <<<'[Unit]'
file /etc/systemd/system/vmware-tools-thinprint.service <<<'[Unit]'
link /etc/systemd/system/vmware-tools.service /etc/systemd/system/multi-user.target.wants/vmware-tools.service
file /etc/init.d/vmware-tools <<<'#!/bin/sh'
link ../init.d/vmware-tools /etc/rc3.d/S03vmware-tools
