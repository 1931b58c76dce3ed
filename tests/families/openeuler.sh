# shellcheck shell=bash disable=SC2154
# openEuler 22.03: GRUB 2 without BLS as RHEL 7 has it, ifcfg files, mdadm's names in its configuration, Hyper-V daemons of
# Red Hat's names.
facts <<'X'
os openEuler 22 x86_64
firmware bios
root /dev/openeuler/root
disk lsilogic 0 0 -
disk lsilogic 0 1 -
fs /dev/sda1 ext4 0eaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 0e000000-01 0 1
fs /dev/sda2 LVM2_member PvOeOe-aaaa-bbbb-cccc-dddd-eeee-ffffff 0e000000-02 0 2
fs /dev/openeuler/root ext4 0ebb0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
fs /dev/sdb1 linux_raid_member 0ecc0001-7c55-4f0e-8a39-1f2e3d4c5b02 0e000001-01 1 1
fs /dev/md127 ext4 0edd0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 1 0
nic 00:15:5d:0e:00:01 -
X
merge_usr
systemd
file /etc/os-release <<<'PRETTY_NAME="openEuler 22.03 LTS"'
file /etc/fstab <<'X'
/dev/mapper/openeuler-root /                       ext4    defaults        1 1
UUID=0eaa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 /boot                   ext4    defaults        1 2
/dev/md127 /data ext4 defaults 0 0
X
file /etc/mdadm.conf <<'X'
DEVICE /dev/sdb1 /dev/sdc1
ARRAY /dev/md/data level=raid1 num-devices=2 UUID=0e0e0e0e:0e0e0e0e:0e0e0e0e:0e0e0e0e devices=/dev/sdb1,/dev/sdc1
X
v=5.10.0-60.18.0.50.oe2203.x86_64
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_balloon scsi_mod sd_mod libata libahci \
	ahci ata_piix e1000 e1000e 8139cp ext4
touch_file /boot/vmlinuz-$v
dracut_tree
initramfs /boot/initramfs-$v.img xz $v libata ata_piix scsi_mod sd_mod ext4
grubenv /boot/grub2/grubenv "saved_entry=openEuler ($v) 22.03 LTS"
file /boot/grub2/grub.cfg <<X
if [ -s \$prefix/grubenv ]; then
  load_env
fi
set default="\${saved_entry}"
menuentry 'openEuler ($v) 22.03 LTS' --class openeuler --id gnulinux-$v {
	set root='hd0,msdos1'
	linux	/vmlinuz-$v root=/dev/mapper/openeuler-root ro rd.lvm.lv=openeuler/root cgroup_disable=files crashkernel=512M
	initrd	/initramfs-$v.img
}
X
file /etc/sysconfig/network-scripts/ifcfg-eth0 <<'X'
TYPE=Ethernet
BOOTPROTO=static
NAME=eth0
DEVICE=eth0
ONBOOT=yes
IPADDR=10.14.0.5
PREFIX=16
X
touch_file /usr/sbin/hypervkvpd
for d in hypervkvpd hypervvssd; do
	file /usr/lib/systemd/system/$d.service <<<'[Unit]'
done
