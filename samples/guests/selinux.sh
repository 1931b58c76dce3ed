# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# selinux: SELinux enforces Debian's own policy; every file has its label already.
# (SC2034, SC2154: variables go to and come from samples/build; SC2016: quoted code is for another shell.)

packages=(grub-pc ifupdown open-vm-tools selinux-basics selinux-policy-default selinux-utils policycoreutils auditd)
drivers=(vmw_pvscsi sd_mod ext4)
annotation='key store, SELinux'
root_mib=1300 swap_mib=64 disk_mib=($((1 + root_mib + swap_mib + 1)))
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK' 'selinux: Enforcing, init is system_u:system_r:init_t' 'login: OK')
both=(--login)
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e71
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e72

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/sda1 / ext4 errors=remount-ro 0 1' \
		'/dev/sda2 none swap sw 0 0' >"$root/etc/fstab"
	configure_ifupdown ens192
	configure_initramfs
	echo 'RESUME=/dev/sda2' >"$root/etc/initramfs-tools/conf.d/resume"
	sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: dos
		label-id: 0x2a5e1007
		start=1MiB, size=${root_mib}MiB, type=83, bootable
		start=$((root_mib + 1))MiB, size=${swap_mib}MiB, type=82
	T
	grub_config device=/dev/sda1 fs_uuid=$root_uuid partmap=msdos "drive='(hd0,msdos1)'" \
		"hints='--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1'" \
		cmdline='security=selinux selinux=1'
	grub_bios '(,msdos1)/boot/grub'
	echo '(hd0) /dev/sda' >"$root/boot/grub/device.map"
	in_root debconf-set-selections <<-D
		grub-pc grub-pc/install_devices multiselect /dev/sda
		grub-pc grub-pc/install_devices_empty boolean false
	D
}

guest_pack() {
	clean_root
	label_root
	pack_ext4 1 $root_mib $root_uuid selinux-root
	pack_swap $((root_mib + 1)) $swap_mib $swap_uuid
	label_lost_found
}

contexts=/etc/selinux/default/contexts/files/file_contexts

# What restorecon would do at the first start. It needs /proc, whose folder stays without a label, as in any system that was
# installed without SELinux.
label_root() {
	rm -f "$root/.autorelabel"
	unshare --mount --propagation private bash -euc 'mount --bind /proc "$1/proc"; exec chroot "$@"' \
		setfiles "$root" setfiles -F -m -e /proc "$contexts" /
}

# mkfs made one more folder.
label_lost_found() {
	local label
	label=$(chroot "$root" matchpathcon -n -m dir /lost+found)
	debugfs -w -R "ea_set /lost+found security.selinux \"$label\000\"" "$disk?offset=$((1 << 20))"
}
