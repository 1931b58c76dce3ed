# shellcheck shell=bash disable=SC2154
# Ubuntu 24.04 cloud image on Azure: netplan by cloud-init that matches MAC and driver, Azure's agent and Hyper-V's
# daemons, root by PARTUUID without initramfs first, swap by systemd unit, zstd modules.
facts <<'X'
os ubuntu 24 x86_64
firmware uefi
root /dev/sda1
disk lsilogic 0 0 -
disk lsilogic 0 1 -
fs /dev/sda1 ext4 24aa0001-1c5c-4d36-9d4d-0a2f0c2b1e02 24040000-0000-4000-8000-000000000001 0 1
fs /dev/sda15 vfat 2404-BBBB 24040000-0000-4000-8000-000000000015 0 15
fs /dev/sda16 ext4 24aa0016-1c5c-4d36-9d4d-0a2f0c2b1e16 24040000-0000-4000-8000-000000000016 0 16
fs /dev/sdb1 ext4 24bb0001-7c55-4f0e-8a39-1f2e3d4c5b02 24040001-01 1 1
nic 00:0d:3a:24:00:01 -
X
merge_usr
systemd
file /etc/os-release <<'X'
PRETTY_NAME="Ubuntu 24.04 LTS"
NAME="Ubuntu"
ID=ubuntu
X
file /var/lib/dpkg/status <<'X'
Package: walinuxagent
Status: install ok installed
Version: 2.9.1.1-0ubuntu4

Package: linux-cloud-tools-common
Status: install ok installed
Version: 6.8.0-31.31
X
file /etc/fstab <<'X'
# CLOUD_IMG: This file was created/modified by the Cloud Image build process
UUID=24aa0001-1c5c-4d36-9d4d-0a2f0c2b1e02	/	 ext4	discard,commit=30,errors=remount-ro	0 1
LABEL=BOOT	/boot	ext4	defaults	0 2
UUID=2404-BBBB	/boot/efi	vfat	umask=0077	0 1
/dev/disk/cloud/azure_resource-part1	/mnt	auto	defaults,nofail,x-systemd.after=cloud-init.service,_netdev,comment=cloudconfig	0	2
X
v=6.8.0-1007-azure
kernel $v .zst virtio=y virtio_ring=y virtio_pci=y virtio_blk=y virtio_net=y virtio_scsi=y virtio_rng virtio_balloon \
	virtio_console=y scsi_mod=y sd_mod=y libata=y libahci=y ahci=y ata_piix=y e1000 e1000e 8139cp ext4=y
touch_file /boot/vmlinuz-$v
mkdir -p "$tree"/{scripts,conf,usr/lib,usr/bin}
ln -s usr/lib "$tree/lib"
: >"$tree/scripts/functions"
: >"$tree/usr/bin/udevadm"
echo 'MODULES=most' >"$tree/conf/initramfs.conf"
initramfs /boot/initrd.img-$v zstd $v
file /boot/grub/grub.cfg <<X
set default="0"
menuentry 'Ubuntu' --class ubuntu \$menuentry_id_option 'gnulinux-simple-24aa0001' {
	insmod gzio
	if [ "\${initrdfail}" = 1 ]; then
	  linux	/vmlinuz-$v root=PARTUUID=24040000-0000-4000-8000-000000000001 ro console=tty1 console=ttyS0 earlyprintk=ttyS0
	  initrd	/initrd.img-$v
	else
	  linux	/vmlinuz-$v root=PARTUUID=24040000-0000-4000-8000-000000000001 ro console=tty1 console=ttyS0 earlyprintk=ttyS0 panic=-1
	fi
}
X
file /etc/default/grub.d/40-force-partuuid.cfg <<'X'
# Force boot without an initramfs by setting GRUB_FORCE_PARTUUID
GRUB_FORCE_PARTUUID=24040000-0000-4000-8000-000000000001
X
file /boot/efi/EFI/BOOT/BOOTX64.EFI <<<shim
file /etc/netplan/50-cloud-init.yaml <<'X'
# This file is generated from information provided by the datasource.  Changes
# to it will not persist across an instance reboot.
network:
    ethernets:
        eth0:
            dhcp4: true
            dhcp4-overrides:
                route-metric: 100
            dhcp6: false
            match:
                driver: hv_netvsc
                macaddress: 00:0d:3a:24:00:01
            set-name: eth0
    version: 2
X
touch_file /usr/bin/cloud-init /etc/cloud/cloud.cfg.d/05_logging.cfg
file /etc/cloud/cloud.cfg.d/90-azure.cfg <<<'datasource_list: [ Azure ]'
file /usr/lib/systemd/system/walinuxagent.service <<<'[Unit]'
for d in kvp vss fcopy; do
	file /usr/lib/systemd/system/hv-$d-daemon.service <<<'[Unit]'
done
file /etc/systemd/system/mnt-data.mount <<'X'
[Mount]
What=/dev/sdb1
Where=/mnt/data
Type=ext4

[Install]
WantedBy=multi-user.target
X
chmod 600 "$root"/etc/netplan/*.yaml
