# shellcheck shell=bash disable=SC2154
# Amazon Linux 2 from Xen: GRUB 2 without BLS, xvda names, an initramfs with Xen's drivers only, cloud-init, ifcfg.
facts <<'X'
os amazonlinux 2 x86_64
firmware bios
root /dev/sda1
disk xen 0 0 -
disk xen 0 1 -
fs /dev/sda1 xfs a2aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 a2c00000-0000-4000-8000-000000000001 0 1
fs /dev/sdb xfs a2bb0000-7c55-4f0e-8a39-1f2e3d4c5b02 - 1 0
nic 02:0a:a2:00:00:01 -
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="Amazon Linux"
VERSION="2"
ID="amzn"
PRETTY_NAME="Amazon Linux 2"
X
file /etc/fstab <<'X'
#
UUID=a2aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01     /           xfs    defaults,noatime  1   1
/dev/xvdb	/data	xfs	defaults,nofail	0	2
X
v=4.14.336-257.562.amzn2.x86_64
kernel $v '' virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_balloon virtio_console scsi_mod sd_mod \
	libata libahci ahci ata_piix e1000 e1000e 8139cp vmxnet3 xen-blkfront xen-netfront nvme ena xfs
touch_file /boot/vmlinuz-$v
dracut_tree
initramfs /boot/initramfs-$v.img gzip $v xen-blkfront nvme xfs
grubenv /boot/grub2/grubenv "saved_entry=Amazon Linux ($v) 2"
touch_file /boot/grub2/i386-pc/core.img
file /boot/grub2/grub.cfg <<X
if [ -s \$prefix/grubenv ]; then
  load_env
fi
set default="\${saved_entry}"
menuentry 'Amazon Linux ($v) 2' --class amzn --unrestricted \$menuentry_id_option 'gnulinux-$v-advanced-a2aa0001' {
	load_video
	insmod gzio
	insmod part_gpt
	insmod xfs
	set root='hd0,gpt1'
	linux16 /boot/vmlinuz-$v root=UUID=a2aa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 ro console=tty0 console=ttyS0,115200n8 net.ifnames=0 biosdevname=0 nvme_core.io_timeout=4294967295 rd.emergency=poweroff rd.shell=0
	initrd16 /boot/initramfs-$v.img
}
X
file /etc/default/grub <<'X'
GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8 net.ifnames=0 biosdevname=0 nvme_core.io_timeout=4294967295 rd.emergency=poweroff rd.shell=0"
GRUB_TIMEOUT=0
GRUB_DISABLE_RECOVERY="true"
X
file /etc/sysconfig/network-scripts/ifcfg-eth0 <<'X'
DEVICE=eth0
BOOTPROTO=dhcp
ONBOOT=yes
TYPE=Ethernet
USERCTL=yes
PEERDNS=yes
DHCPV6C=yes
DHCPV6C_OPTIONS=-nw
PERSISTENT_DHCLIENT=yes
HWADDR=02:0a:a2:00:00:01
DHCP_ARP_CHECK=no
MTU=9001
X
touch_file /usr/bin/cloud-init
file /etc/cloud/cloud.cfg.d/10_aws_yumvars.cfg <<<'# yum'
file /etc/systemd/system/serial-getty@hvc0.service.d/keep.conf <<<'[Service]'
link /usr/lib/systemd/system/serial-getty@.service /etc/systemd/system/getty.target.wants/serial-getty@hvc0.service
