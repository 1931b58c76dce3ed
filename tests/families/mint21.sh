# shellcheck shell=bash disable=SC2154
# Linux Mint 21: an Ubuntu by another name, whose loaders lie in Ubuntu's folder of the ESP; netplan hands all to NetworkManager;
# VMware Workstation with its X driver.
facts <<'X'
os linuxmint 21 x86_64
firmware uefi
root /dev/sda2
disk sata 0 0 -
fs /dev/sda1 vfat 21AA-0001 21d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a01 0 1
fs /dev/sda2 ext4 21aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 21d8b1f3-01aa-4c70-a0b2-7d3f8b2c1a02 0 2
nic 00:0c:29:21:00:01 33
X
merge_usr
systemd
touch_file /usr/sbin/NetworkManager /usr/sbin/netplan
file /etc/os-release <<'X'
NAME="Linux Mint"
VERSION="21.3 (Virginia)"
ID=linuxmint
ID_LIKE="ubuntu debian"
PRETTY_NAME="Linux Mint 21.3"
X
file /etc/fstab <<'X'
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
# / was on /dev/sda2 during installation
UUID=21aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 /               ext4    errors=remount-ro 0       1
# /boot/efi was on /dev/sda1 during installation
UUID=21AA-0001  /boot/efi       vfat    umask=0077      0       1
/swapfile                                 none            swap    sw              0       0
.host:/ /mnt/hgfs fuse.vmhgfs-fuse defaults,allow_other 0 0
X
v=5.15.0-91-generic
kernel $v '' virtio=y virtio_ring=y virtio_pci=y virtio_blk virtio_net=y virtio_scsi virtio_rng virtio_balloon virtio_console=y \
	scsi_mod=y sd_mod=y libata=y libahci ahci ata_piix=y e1000 e1000e 8139cp vmxnet3 ext4=y
touch_file /boot/vmlinuz-$v
mkdir -p "$tree"/{scripts,conf,usr/lib,usr/bin}
ln -s usr/lib "$tree/lib"
: >"$tree/scripts/functions"
: >"$tree/usr/bin/udevadm"
echo 'MODULES=most' >"$tree/conf/initramfs.conf"
initramfs /boot/initrd.img-$v zstd $v libahci ahci
file /etc/initramfs-tools/modules <<'X'
# List of modules that you want to include in your initramfs.
X
file /boot/grub/grub.cfg <<X
set default="0"
menuentry 'Linux Mint 21.3 Cinnamon' --class linuxmint --class gnu-linux --class gnu --class os \$menuentry_id_option 'gnulinux-simple-21aa0002' {
	linux	/boot/vmlinuz-$v root=UUID=21aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 ro  quiet splash
	initrd	/boot/initrd.img-$v
}
X
file /boot/efi/EFI/ubuntu/grub.cfg <<'X'
search.fs_uuid 21aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 root hd0,gpt2
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
X
file /boot/efi/EFI/ubuntu/shimx64.efi <<<shim
file /boot/efi/EFI/ubuntu/grubx64.efi <<<grub
file /boot/efi/EFI/ubuntu/mmx64.efi <<<mm
file /etc/default/grub <<'X'
GRUB_DEFAULT=0
GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"
GRUB_CMDLINE_LINUX=""
X
file /etc/netplan/1-network-manager-all.yaml <<'X'
# Let NetworkManager manage all devices on this system
network:
  version: 2
  renderer: NetworkManager
X
chmod 600 "$root"/etc/netplan/*.yaml
file '/etc/NetworkManager/system-connections/Wired connection 1.nmconnection' <<'X'
[connection]
id=Wired connection 1
uuid=21d3c4b5-6978-3867-9574-6352413f2e1d
type=ethernet
autoconnect-priority=-999
interface-name=ens33

[ethernet]

[ipv4]
method=auto

[ipv6]
addr-gen-mode=stable-privacy
method=auto
X
chmod 600 "$root"/etc/NetworkManager/system-connections/*
file /etc/X11/xorg.conf <<'X'
Section "Device"
	Identifier "Card0"
	Driver "vmware"
EndSection
X
file /var/lib/dpkg/status <<'X'
Package: open-vm-tools-desktop
Status: install ok installed
Version: 2:12.1.5-3~ubuntu0.22.04.4
X
file /usr/lib/systemd/system/open-vm-tools.service <<<'[Unit]'
