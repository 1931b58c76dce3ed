# shellcheck shell=bash disable=SC2154
# Mageia 9 on VirtualBox: dracut, GRUB 2, ifcfg with a MAC, X11 drivers of the additions, Parallels' and Nutanix' leftovers.
facts <<'X'
os mageia 9 x86_64
firmware bios
root /dev/sda1
disk sata 0 0 -
fs /dev/sda1 ext4 9aaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 9a900000-01 0 1
fs /dev/sda5 swap 9aaa0005-1c5c-4d36-9d4d-0a2f0c2b1e05 9a900000-05 0 5
nic 52:54:00:9a:00:01 -
X
merge_usr
systemd
file /etc/os-release <<<'PRETTY_NAME="Mageia 9"'
file /etc/fstab <<'X'
# Entry for /dev/sda1 :
UUID=9aaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 / ext4 noatime,acl 1 1
# Entry for /dev/sda5 :
UUID=9aaa0005-1c5c-4d36-9d4d-0a2f0c2b1e05 swap swap defaults 0 0
X
v=6.4.9-desktop-4.mga9
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci ata_piix \
	e1000 e1000e 8139cp ext4
touch_file /boot/vmlinuz-$v
link vmlinuz-$v /boot/vmlinuz-desktop
dracut_tree
initramfs /boot/initrd-$v.img xz $v libata libahci ahci scsi_mod sd_mod ext4
file /boot/grub2/grub.cfg <<X
set default="0"
menuentry 'Mageia' --class mageia {
	linux	/boot/vmlinuz-desktop root=UUID=9aaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 ro splash quiet resume=/dev/sda5 audit=0
	initrd	/boot/initrd-$v.img
}
X
file /etc/sysconfig/network-scripts/ifcfg-enp0s3 <<'X'
DEVICE=enp0s3
BOOTPROTO=dhcp
ONBOOT=yes
HWADDR=08:00:27:9a:00:01
METRIC=10
X
file /var/lib/VBoxGuestAdditions/config <<<"INSTALL_DIR='/opt/VBoxGuestAdditions-7.0.10'"
file /usr/lib/systemd/system/vboxadd.service <<<'[Unit]'
file /usr/lib/systemd/system/vboxadd-service.service <<<'[Unit]'
file /usr/lib/parallels-tools/version <<<'18'
file /etc/systemd/system/prltoolsd.service <<<'[Unit]'
link /etc/systemd/system/prltoolsd.service /etc/systemd/system/multi-user.target.wants/prltoolsd.service
file /usr/local/nutanix/ngt/version <<<'1'
file /usr/lib/systemd/system/ngt_guest_agent.service <<<'[Unit]'
file /etc/X11/xorg.conf <<'X'
Section "Device"
    Identifier "device1"
    VendorName "VirtualBox"
    Driver "vboxvideo"
EndSection
X
