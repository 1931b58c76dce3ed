# shellcheck shell=bash disable=SC2154
# A physical RHEL 8 server: disks on a SAN over several paths, FIPS mode, kdump, a rescue image without virtio; dracut's
# image was made for this machine only and waits for its devices by their old names.
facts <<'X'
os rhel 8 x86_64
firmware bios
root /dev/rhel/root
disk sata 0 0 -
disk sata 0 1 -
fs /dev/sda1 xfs 8faa0001-1c5c-4d36-9d4d-0a2f0c2b1e01 8f600000-01 0 1
fs /dev/sda2 LVM2_member Pv8Pv8-aaaa-bbbb-cccc-dddd-eeee-ffffff 8f600000-02 0 2
fs /dev/rhel/root xfs 8fbb0001-7c55-4f0e-8a39-1f2e3d4c5b02 - 0 0
fs /dev/sdb1 swap 8fbb0002-2b7d-4c9a-9e11-5a6b7c8d9e03 8f700000-01 1 1
fs /dev/sdb2 ext4 8fbb0003-2b7d-4c9a-9e11-5a6b7c8d9e04 8f700000-02 1 2
nic 3c:fd:fe:8f:00:01 -
X
merge_usr
systemd
file /etc/os-release <<'X'
NAME="Red Hat Enterprise Linux"
ID="rhel"
PRETTY_NAME="Red Hat Enterprise Linux 8.10 (Ootpa)"
X
file /etc/fstab <<'X'
/dev/mapper/rhel-root   /                       xfs     defaults        0 0
/dev/mapper/mpatha1     /boot                   xfs     defaults        0 0
/dev/mapper/mpathb1     none                    swap    defaults        0 0
/dev/mapper/mpathb2     /srv                    ext4    defaults        0 0
/dev/mapper/archive1    /archive                xfs     nofail          0 0
X
file /etc/multipath.conf <<'X'
defaults {
	user_friendly_names yes
	find_multipaths yes
}
multipaths {
	multipath {
		wwid 360002ac0000000000000000f0001a2b3
		alias archive
	}
}
X
file /etc/multipath/bindings <<'X'
# Multipath bindings, Version : 1.0
mpatha 360002ac0000000000000000d0001a2b3
mpathb 360002ac0000000000000000e0001a2b3
X
file /etc/multipath/wwids <<'X'
# Multipath wwids, Version : 1.0
/360002ac0000000000000000d0001a2b3/
/360002ac0000000000000000e0001a2b3/
X
file /etc/lvm/lvm.conf <<'X'
devices {
	filter = [ "a|^/dev/mapper/mpath.*|", "r|^/dev/sd.*|", "r|.*|" ]
}
X
v=4.18.0-553.el8_10.x86_64
kernel $v .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console \
	scsi_mod sd_mod libata libahci ahci ata_piix mptbase mptspi e1000 e1000e 8139cp xfs
touch_file /boot/vmlinuz-$v /boot/vmlinuz-0-rescue-8f8f8f8f
file /boot/.vmlinuz-$v.hmac <<<"0123456789abcdef  /boot/vmlinuz-$v"
dracut_tree
mkdir -p "$tree"/etc/{cmdline.d,multipath,systemd/system/initrd.target.wants} "$tree/var/lib/dracut/hooks/initqueue/finished"
ln -s ../../var/lib/dracut/hooks "$tree/usr/lib/dracut/hooks"
cp "$root/etc/multipath.conf" "$tree/etc/"
cp "$root"/etc/multipath/* "$tree/etc/multipath/"
echo ' root=/dev/mapper/rhel-root rootfstype=xfs' >"$tree/etc/cmdline.d/95root-dev.conf"
echo ' resume=/dev/mapper/mpathb1' >"$tree/etc/cmdline.d/95resume.conf"
finished=$tree/var/lib/dracut/hooks/initqueue/finished
for device in /dev/mapper/mpathb1 /dev/mapper/rhel-root /dev/disk/by-id/scsi-360002ac0000000000000000d0001a2b3; do
	unit=$(sed 's|^/||; s|-|\\x2d|g; s|/|-|g' <<<"$device")
	printf '[ -e "%s" ]\n' "$device" >"$finished/devexists-${device//\//\\x2f}.sh"
	ln -s "../$unit.device" "$tree/etc/systemd/system/initrd.target.wants/$unit.device"
	mkdir -p "$tree/etc/systemd/system/$unit.device.d"
	printf '[Unit]\nJobTimeoutSec=0\nJobRunningTimeoutSec=0\n' >"$tree/etc/systemd/system/$unit.device.d/timeout.conf"
done
initramfs /boot/initramfs-$v.img gzip $v sd_mod xfs
# kdump's images: one as other images, one whose files are in a squashfs
dracut_tree
initramfs /boot/initramfs-${v}kdump.img gzip $v sd_mod xfs
old=4.18.0-513.el8.x86_64
kernel $old .xz virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi scsi_mod sd_mod libata libahci ahci ata_piix \
	e1000 e1000e 8139cp xfs
touch_file /boot/vmlinuz-$old
dracut_tree
initramfs /boot/initramfs-$old.img gzip $old sd_mod xfs
mkdir -p "$tree/squash"
echo hsqs >"$tree/squash-root.img"
: >"$tree/init"
tests/support/pack-initramfs "$tree" gzip >"$root/boot/initramfs-${old}kdump.img"
rm -rf "$tree"
# the rescue image is a copy of the older kernel
dracut_tree
initramfs /boot/initramfs-0-rescue-8f8f8f8f.img gzip $old sd_mod xfs
grubenv /boot/grub2/grubenv 'saved_entry=8f8f8f8f-4.18.0-553.el8_10.x86_64' \
	'kernelopts=root=/dev/mapper/rhel-root ro crashkernel=auto rd.lvm.lv=rhel/root fips=1 boot=/dev/mapper/mpatha1 '
file /boot/grub2/grub.cfg <<'X'
set default="${saved_entry}"
insmod blscfg
blscfg
X
for entry in $v $old 0-rescue-8f8f8f8f; do
	file "/boot/loader/entries/8f8f8f8f-$entry.conf" <<X
title Red Hat Enterprise Linux ($entry) 8.10 (Ootpa)
version $entry
linux /vmlinuz-$entry
initrd /initramfs-$entry.img
options \$kernelopts
grub_class kernel
X
done
file /etc/default/grub <<'X'
GRUB_DEFAULT=saved
GRUB_CMDLINE_LINUX="crashkernel=auto rd.lvm.lv=rhel/root fips=1 boot=/dev/mapper/mpatha1"
GRUB_ENABLE_BLSCFG=true
X
