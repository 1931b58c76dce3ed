# shellcheck shell=bash disable=SC2154
# Gentoo with genkernel 4: linuxrc with mdev, which loads the modules that lists name; two kernels, the older with genkernel
# 3's file names; GRUB 2 with real_root= and real_resume= by device names.
facts <<'X'
os gentoo 0 x86_64
firmware bios
root /dev/sda3
disk lsilogic 0 0 -
fs /dev/sda1 ext2 6fab0001-1c5c-4d36-9d4d-0a2f0c2b1e01 6f600000-01 0 1
fs /dev/sda2 swap 6fab0002-1c5c-4d36-9d4d-0a2f0c2b1e02 6f600000-02 0 2
fs /dev/sda3 ext4 6fab0003-7c55-4f0e-8a39-1f2e3d4c5b02 6f600000-03 0 3
nic 00:0c:29:6f:00:01 160
X
gentoo_root
file /etc/fstab <<'X'
/dev/sda1		/boot		ext2		noatime		1 2
/dev/sda3		/		ext4		noatime		0 1
/dev/sda2		none		swap		sw		0 0
X

genkernel_tree() { # VERSION GROUPS
	mkdir -p "$tree"/{bin,sbin,etc/modules,lib/modules,proc,sys,dev,newroot}
	printf '\177ELF busybox' >"$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
	cat >"$tree/init" <<'X'
#!/bin/sh
. /etc/initrd.defaults
. /etc/initrd.scripts
X
	cat >"$tree/etc/initrd.defaults" <<X
#!/bin/ash
KV=\`uname -r\`
HWOPTS='keymap cache modules pata sata scsi usb firewire waitscan lvm dmraid multipath mdadm zfs fs net'
MY_HWOPTS='$2'
X
	: >"$tree/etc/initrd.scripts"
	echo "Genkernel $1" >"$tree/etc/build_id"
	printf '%s\n' sd_mod sg sr_mod mptbase mptscsih mptspi >"$tree/etc/modules/scsi"
	printf '%s\n' ahci libata ata_piix >"$tree/etc/modules/sata"
	printf '%s\n' ext2 ext4 xfs >"$tree/etc/modules/fs"
}
v=5.15.52-gentoo
kernel $v '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod=y sd_mod libata libahci ahci ata_piix \
	mptbase mptspi e1000 e1000e 8139cp vmxnet3 ext4=y
touch_file /boot/vmlinuz-$v
genkernel_tree 4.3.10 'modules pata sata scsi usb firewire waitscan dmraid mdadm fs net iscsi crypto'
# in the image, as genkernel takes all groups' modules; but its group isn't loaded
printf '%s\n' virtio_scsi virtio_blk virtio_pci >"$tree/etc/modules/virtio"
initramfs /boot/initramfs-$v.img xz $v sd_mod mptbase mptspi virtio virtio_ring virtio_pci virtio_blk
old=4.4.6-gentoo
kernel $old '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod=y sd_mod libata libahci ahci ata_piix \
	mptbase mptspi e1000 e1000e 8139cp vmxnet3 ext4=y
touch_file /boot/kernel-genkernel-x86_64-$old
genkernel_tree 3.4.52.4 'cache modules virtio pata sata scsi usb firewire waitscan dmraid mdadm fs net'
printf '%s\n' virtio-net >"$tree/etc/modules/virtio"
initramfs /boot/initramfs-genkernel-x86_64-$old gzip $old sd_mod mptbase mptspi
file /boot/grub/grub.cfg <<X
set timeout=3
menuentry 'Gentoo GNU/Linux, $v' --class gentoo {
	insmod ext2
	set root='hd0,msdos1'
	linux	/vmlinuz-$v root=/dev/sda3 ro
	initrd	/initramfs-$v.img
}
menuentry 'Gentoo GNU/Linux, $old' --class gentoo {
	linux	/kernel-genkernel-x86_64-$old root=/dev/ram0 real_root=/dev/sda3 real_resume=/dev/sda2 ro
	initrd	/initramfs-genkernel-x86_64-$old
}
X
file /etc/conf.d/net <<'X'
config_ens160="dhcp"
X
link net.lo /etc/init.d/net.ens160
