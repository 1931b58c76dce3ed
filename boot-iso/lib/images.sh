# shellcheck shell=bash disable=SC2154
# The ISO: boots from CD and USB stick, by BIOS and UEFI, with Secure Boot through Debian's signed shim and GRUB.

# What the slot for a configuration holds until `rehost iso` fills it; run/iso.c knows the same words and size.
slot_bytes=65536

# An empty cpio archive that tells what it is and how large it may grow; zeros after its end are no part of it.
make_slot() {
	local slot=$work/slot

	mkdir -p "$slot"
	printf 'slot for a configuration, %d bytes\n' "$slot_bytes" >"$slot/rehost-slot"
	date_tree "$slot"
	(cd "$slot" && echo rehost-slot | cpio --quiet -o -H newc --reproducible -R 0:0) >"$1"
	truncate -s "$slot_bytes" "$1"
}

make_loaders() {
	local bios=(biosdisk iso9660 part_msdos part_gpt linux normal search search_fs_file serial terminal configfile echo test
		minicmd boot all_video)

	mkdir -p "$tree/.disk" "$tree/boot/grub" "$work/efi/EFI/BOOT"
	printf 'rehost P2V %s\n' "$(cat "$root/etc/rehost-version")" >"$tree/.disk/info"
	cp "$here/files/grub.cfg" "$tree/boot/grub/"
	cp "$work/vmlinuz" "$work/initrd" "$work/packages.txt" "$tree/boot/"
	make_slot "$tree/boot/rehost.cpio"
	# shellcheck disable=SC2016  # GRUB's own variable
	printf 'search --file --set=root /.disk/info\nset prefix=($root)/boot/grub\n' >"$work/early.cfg"
	grub-mkimage -O i386-pc-eltorito -p /boot/grub -c "$work/early.cfg" -o "$tree/boot/grub/eltorito.img" "${bios[@]}"
	make_esp
}

# shim starts grubx64.efi beside it, which finds the ISO by its file /.disk/info.
make_esp() {
	cp "$work/debs/usr/lib/shim/shimx64.efi.signed" "$work/efi/EFI/BOOT/BOOTX64.EFI"
	cp "$work/debs/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed" "$work/efi/EFI/BOOT/grubx64.efi"
	date_tree "$work/efi"
	truncate -s 8M "$work/efi.img"
	mformat -i "$work/efi.img" -v REHOST -N 52454831 ::
	mcopy -i "$work/efi.img" -s -m "$work/efi/EFI" ::
}

make_iso() {
	date_tree "$tree"
	xorriso -as mkisofs -quiet -o "$work/rehost-p2v.iso" -r -J -V REHOST_P2V \
		--modification-date="$(date -u -d "@$epoch" +%Y%m%d%H%M%S00)" \
		-b boot/grub/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
		--grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img -partition_offset 16 --mbr-force-bootable \
		-append_partition 2 0xef "$work/efi.img" -appended_part_as_gpt \
		-eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot "$tree"
}
