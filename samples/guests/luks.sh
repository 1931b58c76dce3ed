# shellcheck shell=bash disable=SC2034,SC2154
# luks: BIOS, /boot in the clear, root encrypted; only crypttab knows the name that fstab and the kernel use.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-pc ifupdown cryptsetup-initramfs)
drivers=(mptspi mptsas vmw_pvscsi ahci sd_mod ext4 dm_crypt)
annotation='vault, encrypted'
boot_mib=128 root_mib=660 disk_mib=(790)
tools=(cryptsetup)
both=(--send lab)
convert=(--key all:key:lab)
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK' 'mount: /dev/mapper/sda2_crypt / ext4' ' /boot ext4')
boot_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e51
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e52
luks_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e53

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/mapper/sda2_crypt / ext4 errors=remount-ro 0 1' \
		'/dev/sda1 /boot ext4 defaults 0 2' >"$root/etc/fstab"
	echo 'sda2_crypt /dev/sda2 none luks,initramfs' >"$root/etc/crypttab"
	configure_ifupdown ens192
	configure_initramfs
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: dos
		label-id: 0x2a5e1005
		start=1MiB, size=${boot_mib}MiB, type=83, bootable
		type=83
	T
	grub_config device=/dev/mapper/sda2_crypt fs_uuid=$root_uuid boot_device=/dev/sda1 boot_uuid=$boot_uuid partmap=msdos \
		"drive='(hd0,msdos1)'" "hints='--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1'"
	grub_bios '(,msdos1)/grub'
	echo '(hd0) /dev/sda' >"$root/boot/grub/device.map"
	in_root debconf-set-selections <<-D
		grub-pc grub-pc/install_devices multiselect /dev/sda
		grub-pc grub-pc/install_devices_empty boolean false
	D
}

# The header is made by cryptsetup, the content is encrypted by qemu-img: neither needs device mapper.
guest_pack() {
	local boot plain=$work/plain sealed=$work/sealed header
	clean_root
	boot=$(split_off boot)
	pack_ext4 1 $boot_mib $boot_uuid boot "$boot"
	truncate -s $((root_mib - 2))M "$plain"
	mkfs.ext4 -q -F -U $root_uuid -L vault -E lazy_itable_init=0 -d "$root" "$plain"
	truncate -s ${root_mib}M "$sealed"
	printf lab | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --uuid $luks_uuid --key-file - "$sealed"
	header=$(cryptsetup luksDump "$sealed" | awk '/^Payload offset/ { print $3 }')
	((header * 512 <= 2 << 20))
	qemu-img convert -n -f raw --object secret,id=pass,data=lab --target-image-opts "$plain" \
		driver=luks,key-secret=pass,file.filename="$sealed"
	put "$sealed" $((1 + boot_mib))
	rm "$plain" "$sealed"
}
