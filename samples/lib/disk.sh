# shellcheck shell=bash disable=SC2154
# The disk image: written from user space, without partition nodes, device mapper or mounts.
# (SC2154: samples/build and the guest's recipe set the variables.)

# put FILE OFFSET_MIB: into the disk; blocks of zeros stay holes.
put() { dd if="$1" of="$disk" bs=1M seek="$2" conv=notrunc,sparse status=none; }

# pack_ext4 OFFSET_MIB SIZE_MIB UUID LABEL: the guest's root as a file system inside the disk.
pack_ext4() {
	fs_offset=$(($1 << 20))
	echo "$fs_offset" >"$work/fs_offset"
	mkfs.ext4 -q -F -U "$3" -L "$4" -E "offset=$fs_offset,lazy_itable_init=0" -d "$root" "$disk" "${2}M"
}

# pack_swap OFFSET_MIB SIZE_MIB UUID: a valid header, and in the body what other machines' memory left there.
pack_swap() {
	head -c "${2}M" /dev/urandom >"$work/swap"
	mkswap --uuid "$3" "$work/swap"
	put "$work/swap" "$1"
	rm "$work/swap"
}

# Deletes what make_content() made for it. The blocks keep their random bytes, as on any disk that is not trimmed.
guest_delete() {
	local offset
	offset=$(cat "$work/fs_offset")
	(cd "$root" && find var/tmp/deleted -type f -printf 'rm "/%p"\n' && echo 'rmdir /var/tmp/deleted') >"$work/delete"
	debugfs -w -f "$work/delete" "$disk?offset=$offset" 2>&1 | grep -vE '^(debugfs|$)' || :
}

# The file system is clean, and at least deleted_mib of the disk's content belong to no file.
check_disk() {
	local offset present free_blocks blocks used
	offset=$(cat "$work/fs_offset")
	e2fsck -fn "$disk?offset=$offset"
	fallocate --dig-holes "$disk"
	sync "$disk"
	present=$(du -m "$disk" | cut -f1)
	read -r blocks free_blocks < <(dumpe2fs -h "$disk?offset=$offset" |
		awk -F: '/^Block count/ { b = $2 } /^Free blocks/ { f = $2 } END { print b + 0, f + 0 }')
	used=$(((blocks - free_blocks) * 4 / 1024))
	echo "disk: $present MiB present; file system: $used MiB in use"
	((present - used - swap_mib >= deleted_mib))
}

# grub_bios PREFIX: what grub-install does for BIOS: modules in /boot/grub, boot.img in the first sector (around the
# partition table), core.img in the gap behind it. grub-mkimage fills the block list for sector 1.
grub_bios() {
	local images=$root/boot/grub/i386-pc

	mkdir -p "$images"
	cp "$root"/usr/lib/grub/i386-pc/{*.mod,*.lst,boot.img} "$images/"
	in_root grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p "$1" biosdisk part_msdos ext2
	dd if="$images/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
	dd if="$images/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
}

# pack_esp OFFSET_MIB SIZE_MIB VOLUME_ID FOLDER: an EFI system partition.
pack_esp() {
	truncate -s "${2}M" "$work/esp"
	mkfs.vfat -n ESP -i "$3" "$work/esp"
	mcopy -s -Q -i "$work/esp" "$4"/* ::/
	put "$work/esp" "$1"
	rm "$work/esp"
}
