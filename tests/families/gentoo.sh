# shellcheck shell=bash disable=SC2154
# Gentoo with OpenRC: a kernel of the user's own with everything built in and no initramfs, netifrc, GRUB 2 with a custom
# entry, root by device name.
facts <<'X'
os gentoo 0 x86_64
firmware bios
root /dev/sda3
disk lsilogic 0 0 -
fs /dev/sda1 ext2 6eaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 6e600000-01 0 1
fs /dev/sda2 swap 6eaa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 6e600000-02 0 2
fs /dev/sda3 ext4 6eaa0003-7c55-4f0e-8a39-1f2e3d4c5b02 6e600000-03 0 3
nic 00:0c:29:6e:00:01 160
X
gentoo_root
file /etc/fstab <<'X'
/dev/sda1		/boot		ext2		noauto,noatime	1 2
/dev/sda3		/		ext4		noatime		0 1
/dev/sda2		none		swap		sw		0 0
/dev/cdrom		/mnt/cdrom	auto		noauto,ro	0 0
X
v=5.15.52-gentoo
kernel $v '' virtio=y virtio_ring=y virtio_pci=y virtio_blk=y virtio_net=y virtio_scsi=y scsi_mod=y sd_mod=y libata=y \
	libahci=y ahci=y ata_piix=y e1000=y e1000e=y 8139cp=y vmxnet3 ext4=y
touch_file /boot/kernel-$v
file /boot/grub/grub.cfg <<X
set timeout=3
menuentry 'Gentoo GNU/Linux' --class gentoo {
	insmod ext2
	set root='hd0,msdos1'
	linux	/kernel-$v root=/dev/sda3 ro quiet
}
X
file /etc/default/grub <<'X'
GRUB_DISTRIBUTOR="Gentoo"
GRUB_CMDLINE_LINUX="root=/dev/sda3 net.ifnames=0"
X
file /etc/conf.d/net <<'X'
config_ens160="192.168.9.7 netmask 255.255.255.0 brd 192.168.9.255"
routes_ens160="default via 192.168.9.1"
X
link net.lo /etc/init.d/net.ens160
touch_file /usr/bin/vmtoolsd
file /etc/init.d/vmware-tools <<<'#!/sbin/openrc-run'
link /etc/init.d/vmware-tools /etc/runlevels/default/vmware-tools
