# shellcheck shell=bash disable=SC2034,SC2154
# btrfs: UEFI, systemd-boot with loader entries on the ESP, btrfs with root and /home in subvolumes.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(systemd-boot ifupdown btrfs-progs)
firmware=efi
controller=sata
own=(vmware-sata)
drivers=(ahci mptspi mptsas vmw_pvscsi sd_mod btrfs)
annotation='file server, btrfs'
esp_mib=64 root_mib=900 disk_mib=(966)
tools=(mkfs.btrfs)
expect+=('address: ens192 10.0.2.50/24' 'tcp: OK' ' / btrfs subvol=/@' ' /home btrfs subvol=/@home')
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e42

guest_configure() {
	configure_common
	mkdir -p "$root/efi"
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		"UUID=$root_uuid / btrfs subvol=@,compress=zstd:1 0 0" \
		"UUID=$root_uuid /home btrfs subvol=@home,compress=zstd:1 0 0" \
		'UUID=A1B2-C3D6 /efi vfat umask=0077 0 1' >"$root/etc/fstab"
	configure_ifupdown ens192
	configure_initramfs
	echo "root=UUID=$root_uuid rootflags=subvol=@ ro console=tty0 console=ttyS0,115200 quiet" >"$root/etc/kernel/cmdline"
	make_content
}

# As bootctl install and kernel-install lay it out.
guest_loader() {
	local id version kernel
	make_disks
	sfdisk "$disk" <<-T
		label: gpt
		label-id: 5B0BD7A1-7D1C-4C77-9D0F-3C6A9A1F0E40
		start=1MiB, size=${esp_mib}MiB, type=U
		size=${root_mib}MiB, type=L
	T
	id=$(cat "$root/etc/machine-id")
	echo "$id" >"$root/etc/kernel/entry-token"
	mkdir -p "$esp/EFI/BOOT" "$esp/EFI/systemd" "$esp/loader/entries"
	cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$esp/EFI/systemd/"
	cp "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$esp/EFI/BOOT/BOOTX64.EFI"
	printf 'timeout 1\nconsole-mode keep\n' >"$esp/loader/loader.conf"
	for kernel in "$root"/boot/vmlinuz-*; do
		version=${kernel##*/vmlinuz-}
		mkdir -p "$esp/$id/$version"
		cp "$kernel" "$esp/$id/$version/linux"
		cp "$root/boot/initrd.img-$version" "$esp/$id/$version/"
		cat >"$esp/loader/entries/$id-$version.conf" <<-E
			# Boot Loader Specification type#1 entry
			title      Debian GNU/Linux 12 (bookworm)
			version    $version
			machine-id $id
			sort-key   debian
			options    $(cat "$root/etc/kernel/cmdline")
			linux      /$id/$version/linux
			initrd     /$id/$version/initrd.img-$version
		E
	done
}

guest_pack() {
	clean_root
	pack_esp 1 $esp_mib A1B2C3D6 "$esp"
	pack_mounted $((1 + esp_mib)) $root_mib pack_btrfs
}

pack_btrfs() { # DEVICE
	mkfs.btrfs -q -f -U $root_uuid -L files "$1"
	mkdir -p "$work/mnt"
	mount -o compress=zstd:1 "$1" "$work/mnt"
	btrfs subvolume create "$work/mnt/@"
	btrfs subvolume create "$work/mnt/@home"
	copy_root "$work/mnt/@"
	umount "$work/mnt"
}
