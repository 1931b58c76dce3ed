# shellcheck shell=bash disable=SC2154
# ALT p10: make-initrd, etcnet with a bridge, GRUB 2 with an old kernel without virtio as default.
facts <<'X'
os altlinux 10 x86_64
firmware bios
root /dev/sda2
disk lsilogic 0 0 -
fs /dev/sda1 swap a7aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 a7000000-01 0 1
fs /dev/sda2 ext4 a7aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 a7000000-02 0 2
nic 00:50:56:a7:00:01 192
nic 00:50:56:a7:00:02 224
X
mkdir -p "$root"/{bin,sbin,usr/bin,usr/lib,lib}
link ../lib/systemd/systemd /sbin/init
touch_file /lib/systemd/systemd /lib/udev/rules.d/80-net-setup-link.rules
file /etc/os-release <<<'PRETTY_NAME="ALT Server 10.1"'
file /etc/fstab <<'X'
proc		/proc			proc	nosuid,noexec,gid=proc		0 0
/dev/sda2	/	ext4	relatime	1	1
/dev/sda1	swap	swap	defaults	0	0
X
for v in 5.10.198-std-def-alt1 4.4.1-ovz-el7-alt1; do
	case $v in
	5*) kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci \
		ata_piix mptbase mptspi e1000 e1000e 8139cp ext4 ;;
	*) kernel $v '' scsi_mod sd_mod libata libahci ahci ata_piix mptbase mptspi e1000 e1000e ext4 ;;
	esac
	touch_file /boot/vmlinuz-$v
	mkdir -p "$tree"/sbin "$tree"/lib "$tree"/etc/initrd
	: >"$tree/sbin/udevd"
	initramfs /boot/initrd-$v.img xz $v mptbase mptspi scsi_mod sd_mod ext4
done
file /etc/initrd.mk <<'X'
# AUTODETECT is a list of features
AUTODETECT = all
X
file /boot/grub/grub.cfg <<'X'
set default="ALT Server, 4.4.1-ovz-el7-alt1"
submenu 'Advanced options' --id advanced {
	menuentry 'ALT Server, 5.10.198-std-def-alt1' --class altlinux {
		linux	/boot/vmlinuz-5.10.198-std-def-alt1 root=/dev/sda2 ro resume=/dev/sda1 panic=30
		initrd	/boot/initrd-5.10.198-std-def-alt1.img
	}
}
menuentry 'ALT Server, 4.4.1-ovz-el7-alt1' --class altlinux {
	linux	/boot/vmlinuz-4.4.1-ovz-el7-alt1 root=/dev/sda2 ro
	initrd	/boot/initrd-4.4.1-ovz-el7-alt1.img
}
X
file /etc/net/ifaces/ens192/options <<'X'
TYPE=eth
BOOTPROTO=static
X
file /etc/net/ifaces/ens192/ipv4address <<<'10.7.0.10/24'
file /etc/net/ifaces/br0/options <<'X'
TYPE=bri
HOST='ens224'
BOOTPROTO=dhcp
X
