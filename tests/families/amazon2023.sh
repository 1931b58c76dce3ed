# shellcheck shell=bash disable=SC2154
# Amazon Linux 2023 on VMware: loaders for BIOS and UEFI on one disk, BLS, systemd-networkd with Amazon's own file and the
# administrator's, cloud-init.
facts <<'X'
os unknown 2023 x86_64
firmware bios
root /dev/sda1
disk pvscsi 0 0 -
fs /dev/sda1 xfs a3aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 a3c00000-0000-4000-8000-000000000001 0 1
fs /dev/sda128 vfat A3AA-5DD8 a3c00000-0000-4000-8000-000000000128 0 128
nic 00:50:56:a3:00:01 192
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
PRETTY_NAME="Amazon Linux 2023"
X
file /etc/fstab <<'X'
#
UUID=a3aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01     /           xfs    defaults,noatime  1   1
UUID=A3AA-5DD8        /boot/efi       vfat    defaults,noatime,uid=0,gid=0,umask=0077,shortname=winnt,x-systemd.automount 0 2
X
v=6.1.61-85.141.amzn2023.x86_64
kernel $v '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console=y scsi_mod \
	sd_mod libata libahci ahci ata_piix vmw_pvscsi e1000 e1000e vmxnet3 xen-blkfront xen-netfront nvme ena xfs
touch_file /boot/vmlinuz-$v
dracut_tree
initramfs /boot/initramfs-$v.img zstd $v vmw_pvscsi scsi_mod sd_mod nvme xen-blkfront xfs
file /boot/loader/entries/a31c2b3a4d5e6f708192a3b4c5d6e7f8-$v.conf <<X
title Amazon Linux ($v) 2023
version $v
linux /boot/vmlinuz-$v
initrd /boot/initramfs-$v.img
options root=UUID=a3aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 ro console=tty0 console=ttyS0,115200n8 nvme_core.io_timeout=4294967295 rd.emergency=poweroff rd.shell=0 selinux=1 security=selinux quiet
grub_users \$grub_users
grub_arg --unrestricted
grub_class amzn
X
grubenv /boot/grub2/grubenv saved_entry=a31c2b3a4d5e6f708192a3b4c5d6e7f8-$v
touch_file /boot/grub2/i386-pc/core.img
file /boot/grub2/grub.cfg <<'X'
set default="${saved_entry}"
insmod blscfg
blscfg
X
file /boot/efi/EFI/amzn/grub.cfg <<'X'
search --no-floppy --fs-uuid --set=dev a3aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01
set prefix=($dev)/boot/grub2
export $prefix
configfile $prefix/grub.cfg
X
file /boot/efi/EFI/amzn/grubx64.efi <<<grub
file /boot/efi/EFI/BOOT/BOOTX64.EFI <<<grub
file /etc/default/grub <<'X'
GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8 nvme_core.io_timeout=4294967295 rd.emergency=poweroff rd.shell=0 selinux=1 security=selinux quiet"
GRUB_TIMEOUT=0
GRUB_ENABLE_BLSCFG="true"
X
file /usr/lib/systemd/network/80-ec2.network <<'X'
[Match]
Driver=ena ixgbevf vif

[Network]
DHCP=yes
X
file /etc/systemd/network/70-vmware.network <<'X'
[Match]
Driver=vmxnet3

[Network]
DHCP=yes
X
link /usr/lib/systemd/system/systemd-networkd.service /etc/systemd/system/multi-user.target.wants/systemd-networkd.service
touch_file /usr/bin/cloud-init
file /etc/cloud/cloud.cfg.d/05_logging.cfg <<<'#cloud-config'
file /etc/selinux/config <<<'SELINUX=permissive'
file /usr/bin/vmtoolsd <<<''
file /usr/lib/systemd/system/vmtoolsd.service <<<'[Unit]'
