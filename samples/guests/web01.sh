# shellcheck shell=bash disable=SC2034,SC2154
# web01: BIOS and MBR, ext4 root on /dev/sda1 by name everywhere, ifupdown, open-vm-tools, much deleted data.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-pc ifupdown open-vm-tools)
source=ova
drivers=(mptspi mptsas vmw_pvscsi ahci ata_piix sd_mod ext4)
annotation='web server, BIOS'
root_mib=1407 swap_mib=64 disk_mib=(1472) deleted_mib=400
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK')
proof=login
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e01
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e02

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/sda1 / ext4 errors=remount-ro 0 1' \
		'/dev/sda2 none swap sw 0 0' >"$root/etc/fstab"
	configure_ifupdown ens192
	configure_initramfs
	echo 'RESUME=/dev/sda2' >"$root/etc/initramfs-tools/conf.d/resume"
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: dos
		label-id: 0x2a5e1001
		start=1MiB, size=${root_mib}MiB, type=83, bootable
		start=$((root_mib + 1))MiB, type=82
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
	clean_root
	pack_ext4 1 $root_mib $root_uuid web01-root
	pack_swap $((root_mib + 1)) $swap_mib $swap_uuid
}
