# shellcheck shell=bash disable=SC2154
# RHEL 10 by UEFI on VMware's NVMe controller: BLS, dracut with zstd, NetworkManager keyfiles only (there are no ifcfg files any more).
facts <<'X'
os rhel 10 x86_64
firmware uefi
root /dev/sda3
disk nvme 0 0 -
disk nvme 0 1 -
fs /dev/sda1 vfat 10AA-95E7 10d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a01 0 1
fs /dev/sda2 xfs 10aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 10d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a02 0 2
fs /dev/sda3 xfs 10aa0003-1c5c-4d36-9d4d-0a2f0c2b1e03 10d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a03 0 3
fs /dev/sda4 swap 10aa0004-1c5c-4d36-9d4d-0a2f0c2b1e04 10d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a04 0 4
fs /dev/sdb1 xfs 10bb0001-f607-4819-a2b3-c4d5e6f70819 10e6f708-92a3-44b5-86c7-d8e9fa0b1c01 1 1
nic 00:50:56:10:01:01 192
nic 00:50:56:10:01:02 224
X
merge_usr
systemd
touch_file /usr/sbin/NetworkManager
file /etc/os-release <<'X'
NAME="Red Hat Enterprise Linux"
VERSION="10.0 (Coughlan)"
ID="rhel"
PRETTY_NAME="Red Hat Enterprise Linux 10.0 (Coughlan)"
X
file /etc/fstab <<'X'
UUID=10aa0003-1c5c-4d36-9d4d-0a2f0c2b1e03 /                       xfs     defaults        0 0
UUID=10aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 /boot                   xfs     defaults        0 0
UUID=10AA-95E7          /boot/efi               vfat    umask=0077,shortname=winnt 0 2
/dev/nvme0n1p4          none                    swap    defaults        0 0
/dev/nvme0n2p1          /srv                    xfs     defaults        0 0
X
v=6.12.0-55.9.1.el10_0.x86_64
kernel $v .xz virtio=y virtio_ring=y virtio_pci=y virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon \
	virtio_console=y scsi_mod sd_mod libata libahci ahci vmw_pvscsi e1000 e1000e vmxnet3 xfs nvme
touch_file /boot/vmlinuz-$v /boot/vmlinuz-0-rescue-10c2b3a4d5e6f708192a3b4c5d6e7f81
dracut_tree
initramfs /boot/initramfs-$v.img zstd $v nvme xfs
file /boot/loader/entries/10c2b3a4d5e6f708192a3b4c5d6e7f81-$v.conf <<X
title Red Hat Enterprise Linux ($v) 10.0 (Coughlan)
version $v
linux /vmlinuz-$v
initrd /initramfs-$v.img \$tuned_initrd
options root=UUID=10aa0003-1c5c-4d36-9d4d-0a2f0c2b1e03 ro crashkernel=2G-64G:256M,64G-:512M resume=/dev/nvme0n1p4 rhgb quiet \$tuned_params
grub_users \$grub_users
grub_arg --unrestricted
grub_class rhel
X
grubenv /boot/grub2/grubenv saved_entry=10c2b3a4d5e6f708192a3b4c5d6e7f81-$v menu_auto_hide=1 boot_success=0
file /boot/grub2/grub.cfg <<'X'
set default="${saved_entry}"
insmod blscfg
blscfg
X
file /boot/efi/EFI/redhat/grub.cfg <<'X'
search --no-floppy --root-dev-only --fs-uuid --set=dev 10aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02
set prefix=($dev)/grub2
export $prefix
configfile $prefix/grub.cfg
X
file /boot/efi/EFI/redhat/shimx64.efi <<<shim
file /boot/efi/EFI/redhat/grubx64.efi <<<grub
file /etc/default/grub <<'X'
GRUB_TIMEOUT=5
GRUB_DEFAULT=saved
GRUB_CMDLINE_LINUX="crashkernel=2G-64G:256M,64G-:512M resume=/dev/nvme0n1p4 rhgb quiet"
GRUB_ENABLE_BLSCFG=true
X
file /etc/kernel/cmdline <<'X'
root=UUID=10aa0003-1c5c-4d36-9d4d-0a2f0c2b1e03 ro crashkernel=2G-64G:256M,64G-:512M resume=/dev/nvme0n1p4 rhgb quiet
X
file /etc/NetworkManager/system-connections/ens192.nmconnection <<'X'
[connection]
id=ens192
uuid=10d3c4b5-6978-4867-9574-6352413f2e1d
type=ethernet
interface-name=ens192

[ethernet]

[ipv4]
address1=192.168.110.50/24
dns=192.168.110.2;
gateway=192.168.110.1
method=manual

[ipv6]
addr-gen-mode=eui64
method=auto
X
file /etc/NetworkManager/system-connections/ens224.nmconnection <<'X'
[connection]
id=ens224
type=ethernet
interface-name=ens224
controller=br0
port-type=bridge
X
file /etc/NetworkManager/system-connections/br0.nmconnection <<'X'
[connection]
id=br0
type=bridge
interface-name=br0

[ipv4]
method=auto
X
file /etc/selinux/config <<<'SELINUX=enforcing'
file /usr/bin/vmtoolsd <<<''
file /usr/lib/systemd/system/vmtoolsd.service <<<'[Unit]'
