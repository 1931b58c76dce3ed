# shellcheck shell=bash disable=SC2034,SC2154
# two-disks: two disks on two controllers, a volume group across both, a partition of the second disk by name, a filter of LVM
# that accepts /dev/sda and /dev/sdb only.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-pc lvm2 ifupdown open-vm-tools)
# The kernel probes the disks of one controller at once and names them in whatever order they answer. The second one's driver
# is not in the initramfs, so the names stay.
controllers=(sata pvscsi)
drivers=(ahci sd_mod ext4)
annotation='database server, two disks'
root_mib=1200
pv1_mib=33 pv2_mib=65 # 1 MiB for LVM's own and whole extents of 4 MiB
srv_mib=64
disk_mib=($((1 + root_mib + pv1_mib + 1)) $((1 + srv_mib + pv2_mib + 1)))
own=(vmware-mixed-sata)
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK')
tools=(pvcreate)
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e41
srv_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e42
data_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e43

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/sda1 / ext4 errors=remount-ro 0 1' \
		'/dev/sdb1 /srv ext4 defaults 0 2' \
		'/dev/data/vol /srv/data ext4 defaults 0 2' >"$root/etc/fstab"
	configure_ifupdown ens192
	configure_initramfs
	cat >"$root/etc/lvm/lvmlocal.conf" <<-'L'
		devices {
			# Only our own disks, never those of a SAN
			filter = [ "a|^/dev/sd[ab]|", "r|.*|" ]
		}
	L
	make_content
	# Longer than what is left of the first disk's half.
	head -c 50M /dev/urandom >"$root/srv/data/dump"
	(cd "$root/srv/data" && sha256sum dump >>../data.sha256)
}

guest_loader() {
	make_disks
	sfdisk "${disks[0]}" <<-T
		label: dos
		label-id: 0x2a5e1004
		start=1MiB, size=${root_mib}MiB, type=83, bootable
		size=${pv1_mib}MiB, type=8e
	T
	sfdisk "${disks[1]}" <<-T
		label: dos
		label-id: 0x2a5e2004
		start=1MiB, size=${srv_mib}MiB, type=83
		size=${pv2_mib}MiB, type=8e
	T
	grub_config device=/dev/sda1 fs_uuid=$root_uuid partmap=msdos "drive='(hd0,msdos1)'" \
		"hints='--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1'"
	grub_bios '(,msdos1)/boot/grub'
	echo '(hd0) /dev/sda' >"$root/boot/grub/device.map"
	in_root debconf-set-selections <<-D
		grub-pc grub-pc/install_devices multiselect /dev/sda
		grub-pc grub-pc/install_devices_empty boolean false
	D
}

guest_pack() {
	local srv data=$work/root/data

	clean_root
	srv=$(split_off srv)
	mv "$srv/data" "$data"
	mkdir "$srv/data"
	pack_ext4 1 $root_mib $root_uuid two-disks-root
	pack_ext4 1 $srv_mib $srv_uuid two-disks-srv "$srv" "${disks[1]}"
	make_group data
	pack_volume "$data"
}

# make_group NAME: LVM's own data on both partitions; one volume has all extents of the first and then those of the second.
make_group() {
	local pv1 pv2
	pv1=$(loop_at "${disks[0]}" $((1 + root_mib)) $pv1_mib)
	pv2=$(loop_at "${disks[1]}" $((1 + srv_mib)) $pv2_mib)
	lvm_offline pvcreate -y "$pv1" "$pv2"
	lvm_offline vgcreate "$1" "$pv1" "$pv2"
	# In two steps: LVM would begin with the larger part.
	lvm_offline lvcreate -an -Zn -Wn -y -l 100%PVS -n vol "$1" "$pv1"
	lvm_offline lvextend -l +100%FREE "$1/vol" "$pv2"
	losetup --detach "$pv1"
	losetup --detach "$pv2"
}

# pack_volume FOLDER: made in a file and cut where the volume goes on on the second disk.
pack_volume() {
	local volume=$work/volume on_first=$((pv1_mib - 1))
	pack_ext4 0 $((pv1_mib - 1 + pv2_mib - 1)) $data_uuid two-disks-data "$1" "$volume"
	dd if="$volume" of="${disks[0]}" bs=1M count=$on_first seek=$((1 + root_mib + 1)) conv=notrunc,sparse status=none
	dd if="$volume" of="${disks[1]}" bs=1M skip=$on_first seek=$((1 + srv_mib + 1)) conv=notrunc,sparse status=none
}
