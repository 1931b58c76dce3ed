# shellcheck shell=bash disable=SC2034,SC2154
# xen: a guest of Xen as a disk alone: xvda names in fstab and on the kernel's command line, console and login on hvc0, an
# initramfs with Xen's driver only, eth0. QEMU can't be Xen here, so it never boots on its own hardware.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-pc ifupdown)
source=disk
own=()
consoles='console=ttyS0,115200 console=hvc0'
drivers=(xen-blkfront ext4)
annotation='a guest of Xen'
root_mib=1000 swap_mib=32 disk_mib=(1034)
expect+=('mount: /dev/vda1 / ext4' 'swap: /dev/vda2' 'nic: eth0 virtio_net' 'address: eth0 10.0.2.50/24' 'tcp: OK')
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0ea1
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0ea2

guest_configure() {
	configure_common
	printf '%s\n' '/dev/xvda1 / ext4 errors=remount-ro 0 1' '/dev/xvda2 none swap sw 0 0' >"$root/etc/fstab"
	configure_ifupdown eth0
	configure_initramfs
	echo 'RESUME=/dev/xvda2' >"$root/etc/initramfs-tools/conf.d/resume"
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: dos
		label-id: 0x2a5e100a
		start=1MiB, size=${root_mib}MiB, type=83, bootable
		start=$((root_mib + 1))MiB, type=82
	T
	grub_config device=/dev/xvda1 fs_uuid=$root_uuid partmap=msdos "drive='(hd0,msdos1)'" "hints='--hint-bios=hd0,msdos1'"
	grub_bios '(,msdos1)/boot/grub'
}

guest_pack() {
	clean_root
	pack_ext4 1 $root_mib $root_uuid xen-root
	pack_swap $((root_mib + 1)) $swap_mib $swap_uuid
}
