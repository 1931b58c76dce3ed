# shellcheck shell=bash disable=SC2154
# SLES 12 on Hyper-V: snapper's subvolumes, udev rules that name cards by their place on the bus, by-path device names,
# the Hyper-V daemons, static routes.
facts <<'X'
os sles 12 x86_64
firmware bios
root /dev/sda1
disk ide 0 0 -
disk lsilogic 0 1 -
fs /dev/sda1 btrfs 12aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 12120000-01 0 1
fs /dev/sda2 swap 12aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 12120000-02 0 2
fs /dev/sdb1 xfs 12bb0001-7c55-4f0e-8a39-1f2e3d4c5b02 12120001-01 1 1
nic 00:15:5d:12:00:01 -
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="SLES"
ID="sles"
PRETTY_NAME="SUSE Linux Enterprise Server 12 SP5"
X
file /etc/fstab <<'X'
/dev/sda2            swap                 swap       defaults              0 0
/dev/sda1            /                    btrfs      defaults              0 0
/dev/sda1            /.snapshots          btrfs      subvol=@/.snapshots   0 0
/dev/sda1            /boot/grub2/i386-pc  btrfs      subvol=@/boot/grub2/i386-pc 0 0
/dev/disk/by-path/acpi-VMBUS:01-scsi-0:0:1:0-part1 /srv xfs defaults 1 2
X
v=4.12.14-122.37-default
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci ata_piix \
	e1000 e1000e 8139cp btrfs
touch_file /boot/vmlinuz-$v
dracut_tree
initramfs /boot/initrd-$v xz $v ata_piix libata scsi_mod sd_mod btrfs
grubenv /boot/grub2/grubenv 'saved_entry=SLES 12-SP5'
file /boot/grub2/grub.cfg <<X
if [ -s \$prefix/grubenv ]; then
  load_env
fi
set default="\${saved_entry}"
menuentry 'SLES 12-SP5' --class sles {
	insmod btrfs
	set root='hd0,msdos1'
	linux	/boot/vmlinuz-$v root=/dev/sda1  resume=/dev/sda2 splash=silent quiet showopts crashkernel=163M,high
	initrd	/boot/initrd-$v
}
X
file /etc/default/grub <<'X'
GRUB_DISTRIBUTOR=SLES12
GRUB_DEFAULT=saved
GRUB_CMDLINE_LINUX_DEFAULT=" resume=/dev/sda2 splash=silent quiet showopts crashkernel=163M,high"
GRUB_CMDLINE_LINUX_RECOVERY=" single"
X
file /etc/default/grub_installdevice <<'X'
/dev/sda
activate
X
file /etc/sysconfig/network/ifcfg-eth0 <<'X'
BOOTPROTO='static'
IPADDR='10.12.0.4'
NETMASK='255.255.255.0'
STARTMODE='auto'
NAME=''
X
file /etc/udev/rules.d/70-persistent-net.rules <<'X'
SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", KERNELS=="vmbus_0_11", ATTR{type}=="1", KERNEL=="eth*", NAME="eth0"
X
touch_file /usr/lib/hyper-v/bin/hv_kvp_daemon
for d in kvp vss fcopy; do
	file /usr/lib/systemd/system/hv_${d}_daemon.service <<<'[Unit]'
done
