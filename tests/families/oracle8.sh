# shellcheck shell=bash disable=SC2154
# Oracle Linux 8 by BIOS with two kernels: Red Hat's, and UEK, which is the default; BLS with kernelopts, ifcfg, a menu named
# after the machine's id.
facts <<'X'
os oraclelinux 8 x86_64
firmware bios
root /dev/ol/root
disk lsilogic 0 0 -
fs /dev/sda1 xfs 0eaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 0e000000-01 0 1
fs /dev/sda2 LVM2_member OlOl08-aaaa-bbbb-cccc-dddd-eeee-ffffff 0e000000-02 0 2
fs /dev/ol/root xfs 0ebb0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
fs /dev/ol/swap swap 0ebb0002-7c55-4f0e-8a39-1f2e3d4c5b03 - 0 0
nic 00:50:56:0e:00:01 192
X
merge_usr
systemd
touch_file /usr/sbin/NetworkManager
file /etc/os-release <<'X'
NAME="Oracle Linux Server"
VERSION="8.9"
ID="ol"
PRETTY_NAME="Oracle Linux Server 8.9"
X
file /etc/oracle-release <<<'Oracle Linux Server release 8.9'
file /etc/redhat-release <<<'Red Hat Enterprise Linux release 8.9 (Ootpa)'
file /etc/fstab <<'X'
/dev/mapper/ol-root     /                       xfs     defaults        0 0
/dev/sda1               /boot                   xfs     defaults        0 0
/dev/mapper/ol-swap     none                    swap    defaults        0 0
X
for v in 4.18.0-513.5.1.el8_9.x86_64 5.15.0-200.131.27.el8uek.x86_64; do
	kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console \
		scsi_mod sd_mod libata libahci ahci ata_piix mptbase mptspi e1000 e1000e vmxnet3 xfs
	touch_file /boot/vmlinuz-$v
	dracut_tree
	initramfs /boot/initramfs-$v.img gzip $v mptspi scsi_mod sd_mod xfs
	file /boot/loader/entries/0e1c2b3a4d5e6f708192a3b4c5d6e7f8-$v.conf <<X
title Oracle Linux Server ($v) 8.9
version $v
linux /vmlinuz-$v
initrd /initramfs-$v.img
options \$kernelopts
id ol-20231120000000-$v
grub_users \$grub_users
grub_arg --unrestricted
grub_class kernel
X
done
grubenv /boot/grub2/grubenv saved_entry=0e1c2b3a4d5e6f708192a3b4c5d6e7f8-5.15.0-200.131.27.el8uek.x86_64 \
	'kernelopts=root=/dev/mapper/ol-root ro crashkernel=auto resume=/dev/mapper/ol-swap rd.lvm.lv=ol/root rd.lvm.lv=ol/swap rhgb quiet ' \
	boot_success=0
touch_file /boot/grub2/i386-pc/core.img
file /boot/grub2/grub.cfg <<'X'
load_env
set default="${saved_entry}"
insmod blscfg
blscfg
X
file /etc/default/grub <<'X'
GRUB_DEFAULT=saved
GRUB_CMDLINE_LINUX="crashkernel=auto resume=/dev/mapper/ol-swap rd.lvm.lv=ol/root rd.lvm.lv=ol/swap rhgb quiet"
GRUB_ENABLE_BLSCFG=true
X
file /etc/sysconfig/kernel <<'X'
# UPDATEDEFAULT specifies if kernel-install should make
# new kernels the default
UPDATEDEFAULT=yes

# DEFAULTKERNEL specifies the default kernel package type
DEFAULTKERNEL=kernel-uek-core
X
file /etc/sysconfig/network-scripts/ifcfg-ens192 <<'X'
TYPE="Ethernet"
BOOTPROTO="none"
NAME="ens192"
DEVICE="ens192"
ONBOOT="yes"
IPADDR="10.14.0.5"
PREFIX="16"
GATEWAY="10.14.0.1"
DNS1="10.14.0.2"
X
file /usr/bin/vmtoolsd <<<''
file /usr/lib/systemd/system/vmtoolsd.service <<<'[Unit]'
