# shellcheck shell=bash disable=SC2154
# Photon 4 (the system of VMware's own appliances): a menu made of variables, photon.cfg as a second environment block,
# root by device name in a variable, systemd-networkd by pattern, open-vm-tools.
facts <<'X'
os photon 4 x86_64
firmware bios
root /dev/sda3
disk pvscsi 0 0 -
fs /dev/sda2 ext4 40aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 40400000-0000-4000-8000-000000000002 0 2
fs /dev/sda3 ext4 40aa0003-7c55-4f0e-8a39-1f2e3d4c5b02 40400000-0000-4000-8000-000000000003 0 3
nic 00:50:56:40:00:01 192
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="VMware Photon OS"
ID=photon
PRETTY_NAME="VMware Photon OS/Linux"
X
file /etc/fstab <<'X'
#system	mnt-pt	type	options	dump	fsck
PARTUUID=40400000-0000-4000-8000-000000000003	/	ext4	defaults,barrier,noatime,noacl,data=ordered	1	1
/dev/sda2	/boot	ext4	defaults	1	2
/dev/cdrom	/mnt/cdrom	iso9660	ro,noauto	0	0
X
v=5.10.216-1.ph4-esx
kernel $v .xz virtio=y virtio_ring=y virtio_pci=y virtio_blk virtio_net virtio_scsi virtio_console scsi_mod=y sd_mod=y \
	libata=y libahci ahci ata_piix=y e1000 e1000e 8139cp vmxnet3 vmw_pvscsi ext4=y
touch_file /boot/vmlinuz-$v
dracut_tree
initramfs /boot/initrd.img-$v gzip $v vmw_pvscsi
file /boot/linux-$v.cfg <<X
# GRUB Environment Block
photon_cmdline=init=/lib/systemd/systemd ro loglevel=3 quiet
photon_linux=vmlinuz-$v
photon_initrd=initrd.img-$v
X
link linux-$v.cfg /boot/photon.cfg
file /boot/systemd.cfg <<'X'
# GRUB Environment Block
systemd_cmdline=net.ifnames=0
X
file /boot/grub2/grub.cfg <<'X'
# Begin /boot/grub2/grub.cfg

set default=0
set timeout=2
search -n -u 40aa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 -s

loadfont ascii
insmod all_video
insmod gfxterm
insmod png
set gfxmode="640x480"
gfxpayload=keep
terminal_output gfxterm
set theme=/grub2/themes/photon/theme.txt
load_env -f /photon.cfg
if [ -f /systemd.cfg ]; then
    load_env -f /systemd.cfg
else
    set systemd_cmdline=net.ifnames=0
fi
set rootpartition=/dev/sda3

menuentry "Photon" {
    linux /$photon_linux root=$rootpartition $photon_cmdline $systemd_cmdline
    if [ -f /$photon_initrd ]; then
        initrd /$photon_initrd
    fi
}
# End /boot/grub2/grub.cfg
X
touch_file /boot/grub2/i386-pc/core.img
file /etc/systemd/network/99-dhcp-en.network <<'X'
[Match]
Name=e*

[Network]
DHCP=yes
IPv6AcceptRA=no
X
touch_file /usr/bin/cloud-init /usr/bin/vmtoolsd
file /etc/cloud/cloud.cfg.d/99-disable-networking-config.cfg <<'X'
network: {config: disabled}
X
file /usr/lib/systemd/system/vmtoolsd.service <<<'[Unit]'
file /usr/lib/systemd/system/vgauthd.service <<<'[Unit]'
# Photon's own packages come from VMware's host
file /etc/yum.repos.d/photon.repo <<'X'
[photon]
name=VMware Photon Linux $releasever ($basearch)
baseurl=https://packages.vmware.com/photon/$releasever/photon_release_$releasever_$basearch
gpgkey=file:///etc/pki/rpm-gpg/VMWARE-RPM-GPG-KEY
gpgcheck=1
enabled=1
skip_if_unavailable=True
X
