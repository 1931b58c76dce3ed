# shellcheck shell=bash disable=SC2154
# Ubuntu 22.04 from subiquity: netplan with bond, VLAN and bridge, cloud-init installed and still in charge of the network,
# root on LVM, swap file, open-vm-tools by dpkg, lz4 initramfs replaced by zstd.
facts <<'X'
os ubuntu 22 x86_64
firmware uefi
root /dev/ubuntu-vg/ubuntu-lv
disk pvscsi 0 0 -
fs /dev/sda1 vfat 2204-AAAA 22040000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 ext4 22aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 22040000-0000-4000-8000-000000000002 0 2
fs /dev/sda3 LVM2_member PvPv22-aaaa-bbbb-cccc-dddd-eeee-ffffff 22040000-0000-4000-8000-000000000003 0 3
fs /dev/ubuntu-vg/ubuntu-lv ext4 22bb0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
nic 00:50:56:22:00:01 192
nic 00:50:56:22:00:02 224
nic 00:50:56:22:00:03 256
X
merge_usr
systemd
file /etc/os-release <<'X'
PRETTY_NAME="Ubuntu 22.04.4 LTS"
NAME="Ubuntu"
ID=ubuntu
X
file /var/lib/dpkg/status <<'X'
Package: open-vm-tools
Status: install ok installed
Version: 2:12.1.5-3~ubuntu0.22.04.4

Package: cloud-init
Status: install ok installed
Version: 23.4.4-0ubuntu0~22.04.1
X
file /etc/fstab <<'X'
# /etc/fstab: static file system information.
# / was on /dev/ubuntu-vg/ubuntu-lv during curtin installation
/dev/disk/by-id/dm-uuid-LVM-aBcDeF0123456789aBcDeF0123456789aBcDeF0123456789aBcDeF0123456789 / ext4 defaults 0 1
# /boot was on /dev/sda2 during curtin installation
/dev/disk/by-uuid/22aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 /boot ext4 defaults 0 1
# /boot/efi was on /dev/sda1 during curtin installation
/dev/disk/by-uuid/2204-AAAA /boot/efi vfat defaults 0 1
/swap.img	none	swap	sw	0	0
X
v=5.15.0-105-generic
kernel $v '' virtio=y virtio_ring=y virtio_pci=y virtio_blk virtio_net=y virtio_scsi virtio_rng virtio_balloon virtio_console=y \
	scsi_mod=y sd_mod=y libata=y libahci ahci ata_piix=y vmw_pvscsi e1000 e1000e 8139cp vmxnet3 ext4=y
touch_file /boot/vmlinuz-$v
link vmlinuz-$v /boot/vmlinuz
mkdir -p "$tree"/{scripts,conf,usr/lib,usr/bin}
ln -s usr/lib "$tree/lib"
: >"$tree/scripts/functions"
: >"$tree/usr/bin/udevadm"
echo 'MODULES=dep' >"$tree/conf/initramfs.conf"
initramfs /boot/initrd.img-$v zstd $v vmw_pvscsi
file /etc/initramfs-tools/modules <<'X'
# List of modules that you want to include in your initramfs.
X
file /boot/grub/grub.cfg <<X
set default="0"
function recordfail {
  set recordfail=1
  if [ -n "\${have_grubenv}" ]; then if [ -z "\${boot_once}" ]; then save_env recordfail; fi; fi
}
menuentry 'Ubuntu' --class ubuntu --class gnu-linux --class gnu --class os \$menuentry_id_option 'gnulinux-simple-22bb0001' {
	recordfail
	load_video
	insmod gzio
	insmod part_gpt
	insmod ext2
	set root='hd0,gpt2'
	linux	/vmlinuz-$v root=/dev/mapper/ubuntu--vg-ubuntu--lv ro
	initrd	/initrd.img-$v
}
X
grubenv /boot/grub/grubenv
file /boot/efi/EFI/ubuntu/grub.cfg <<'X'
search.fs_uuid 22aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 root
set prefix=($root)'/grub'
configfile $prefix/grub.cfg
X
file /boot/efi/EFI/ubuntu/shimx64.efi <<<shim
file /boot/efi/EFI/ubuntu/grubx64.efi <<<grub
file /boot/efi/EFI/ubuntu/mmx64.efi <<<mm
file /boot/efi/EFI/BOOT/BOOTX64.EFI <<<shim
file /boot/efi/EFI/BOOT/fbx64.efi <<<fb
file /etc/default/grub <<'X'
GRUB_DEFAULT=0
GRUB_TIMEOUT_STYLE=hidden
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX=""
X
file /etc/netplan/00-installer-config.yaml <<'X'
# This is the network config written by 'subiquity'
network:
  bonds:
    bond0:
      interfaces: [ens224, ens256]
      parameters:
        mode: active-backup
  bridges:
    br0:
      addresses:
      - 10.22.0.5/16
      interfaces: [bond0]
  ethernets:
    ens192:
      addresses:
      - 192.168.22.10/24
      nameservers:
        addresses: [192.168.22.1]
        search: []
      routes:
      - to: default
        via: 192.168.22.1
    ens224: {}
    ens256: {}
  vlans:
    vlan22:
      id: 22
      link: ens192
      dhcp4: true
  version: 2
X
touch_file /usr/bin/cloud-init
file /etc/cloud/cloud.cfg.d/99-installer.cfg <<'X'
datasource:
  None:
    metadata: {instance-id: 0a1b2c3d}
datasource_list: [None]
X
touch_file /usr/bin/vmtoolsd
file /usr/lib/systemd/system/open-vm-tools.service <<<'[Unit]'
file /usr/lib/systemd/system/vgauth.service <<<'[Unit]'
link /usr/lib/systemd/system/open-vm-tools.service /etc/systemd/system/vmtoolsd.service
chmod 600 "$root"/etc/netplan/*.yaml
