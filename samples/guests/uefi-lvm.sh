# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# uefi-lvm: UEFI, /boot of its own, a volume group with XFS root and swap, resume from it, dracut instead of initramfs-tools.
# (SC2034, SC2154: variables go to and come from samples/build; SC2016: quoted code is for another shell.)

packages=(grub-efi-amd64 grub-efi-amd64-signed shim-signed efibootmgr ifupdown lvm2 xfsprogs dracut initramfs-tools-
	initramfs-tools-core-)
firmware=efi
controller=sata
own=(--nvram vmware-sata)
drivers=(ahci mptspi mptsas vmw_pvscsi sd_mod xfs ext4 dm_mod)
annotation='database server, LVM'
esp_mib=32 boot_mib=128 root_mib=1000 swap_mib=64 disk_mib=(1230)
tools=(vgcreate mkfs.xfs)
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK' 'resume=/dev/mapper/vg0-swap' ' / xfs' ' /boot ext4')
boot_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e31
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e32
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e33

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/mapper/vg0-root / xfs defaults 0 0' \
		"UUID=$boot_uuid /boot ext4 defaults 0 2" \
		'UUID=A1B2-C3D5 /boot/efi vfat umask=0077 0 1' \
		'/dev/mapper/vg0-swap none swap sw 0 0' >"$root/etc/fstab"
	configure_ifupdown ens192
	# As a host-only image: exactly these drivers. Modules that dracut adds where it runs inside a virtual machine stay out,
	# so that the image is the same wherever it is built.
	cat >"$root/etc/dracut.conf.d/10-drivers.conf" <<-D
		hostonly="no"
		drivers+=" ${drivers[*]} vfat nls_ascii nls_cp437 "
		filesystems+=" xfs ext4 vfat "
		omit_dracutmodules+=" network i18n plymouth btrfs mdraid crypt multipath iscsi nfs cifs fcoe fcoe-uefi "
		omit_dracutmodules+=" qemu qemu-net virtiofs nbd lunmask nvmf "
		compress="zstd -3 -q"
	D
	make_content
}

guest_initramfs() {
	rm -f "$root"/boot/initrd.img-*
	in_root sh -c 'for v in /lib/modules/*; do dracut --force --kver "${v##*/}" "/boot/initrd.img-${v##*/}"; done'
	check_initramfs lsinitrd
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: gpt
		label-id: 5B0BD7A1-7D1C-4C77-9D0F-3C6A9A1F0E30
		start=1MiB, size=${esp_mib}MiB, type=U
		size=${boot_mib}MiB, type=L
		type=V
	T
	grub_config device=/dev/mapper/vg0-root fs_uuid=$root_uuid fs=xfs abstraction=lvm boot_device=/dev/sda2 \
		boot_uuid=$boot_uuid partmap=gpt "drive='(hd0,gpt2)'" \
		"hints='--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2 --hint-baremetal=ahci0,gpt2'" \
		cmdline='resume=/dev/mapper/vg0-swap rd.retry=10'
	grub_esp $boot_uuid hd0,gpt2 /grub
}

# The group's extents of 4 MiB begin 1 MiB into its partition, so that a linear volume is a known part of the disk.
guest_pack() {
	local boot from=$((1 + esp_mib + boot_mib))
	clean_root
	boot=$(split_off boot)
	pack_esp 1 $esp_mib A1B2C3D5 "$esp"
	pack_ext4 $((1 + esp_mib)) $boot_mib $boot_uuid boot "$boot"
	pack_mounted "$from" $((root_mib + swap_mib + 4)) make_group
	pack_mounted $((from + 1)) $root_mib pack_xfs
	pack_swap $((from + 1 + root_mib)) $swap_mib $swap_uuid
}

make_group() { # DEVICE
	lvm_offline pvcreate -ff -y "$1"
	lvm_offline vgcreate vg0 "$1"
	lvm_offline lvcreate -an -Zn -Wn -y -n root -L "${root_mib}M" vg0
	lvm_offline lvcreate -an -Zn -Wn -y -n swap -L "${swap_mib}M" vg0
}

pack_xfs() { # DEVICE
	mkfs.xfs -q -f -m "uuid=$root_uuid" -L lvm-root "$1"
	mkdir -p "$work/mnt"
	mount "$1" "$work/mnt"
	copy_root "$work/mnt"
	umount "$work/mnt"
}
