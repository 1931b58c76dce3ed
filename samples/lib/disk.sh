# shellcheck shell=bash disable=SC2154
# The disk images: written from user space, without partition nodes or device mapper.
# (SC2154: samples/build and the guest's recipe set the variables.)

make_disks() {
	local i
	for i in "${!disks[@]}"; do truncate -s "${disk_mib[i]}M" "${disks[i]}"; done
}

controller_of() { echo "${controllers[$1]-$controller}"; }

# put FILE OFFSET_MIB [DISK]: into the first disk or another; blocks of zeros stay holes.
put() { dd if="$1" of="${3-$disk}" bs=1M seek="$2" conv=notrunc,sparse status=none; }

# split_off FOLDER: takes a folder's content out of the root, for a file system of its own, and prints where it is.
split_off() {
	local to=$work/root/parts/$1
	mkdir -p "${to%/*}"
	mv "$root/$1" "$to"
	mkdir "$root/$1"
	chmod --reference="$to" "$root/$1"
	echo "$to"
}

# pack_ext4 OFFSET_MIB SIZE_MIB UUID LABEL [FOLDER [DISK]]: a folder, the guest's root if none is named, as a file system
# inside the disk.
pack_ext4() {
	local offset=$(($1 << 20)) folder=${5-$root} to=${6-$disk}
	echo "$to $offset $folder" >>"$work/ext4"
	mkfs.ext4 -q -F -U "$3" -L "$4" -E "offset=$offset,lazy_itable_init=0" "${ext4_options[@]}" -d "$folder" "$to" "${2}M"
}

# loop_at DISK OFFSET_MIB SIZE_MIB: a loop device on this part of the disk.
loop_at() {
	local loop
	loop=$(losetup --find --show --offset $(($2 << 20)) --sizelimit $(($3 << 20)) "$1")
	echo "$loop" >>"$work/loops"
	echo "$loop"
}

# pack_mounted OFFSET_MIB SIZE_MIB COMMAND [ARGUMENT...]: for what can be filled only while it is mounted: the command gets
# a loop device on this part of the disk as its last argument. The device is gone when the build is.
pack_mounted() {
	local loop status=0
	loop=$(loop_at "$disk" "$1" "$2")
	"${@:3}" "$loop" || status=$?
	losetup --detach "$loop"
	return "$status"
}

# copy_root TO: the guest's root without what was split off.
copy_root() { tar -C "$root" --xattrs --xattrs-include='*' --numeric-owner -cf - . | tar -C "$1" --xattrs --xattrs-include='*' -xpf -; }

# pack_swap OFFSET_MIB SIZE_MIB UUID: a valid header, and in the body what other machines' memory left there.
pack_swap() {
	head -c "${2}M" /dev/urandom >"$work/swap"
	mkswap --uuid "$3" "$work/swap"
	put "$work/swap" "$1"
	rm "$work/swap"
}

# Deletes what make_content() made for it. The blocks keep their random bytes, as on any disk that is not trimmed.
guest_delete() {
	local in offset folder
	((deleted_mib)) || return 0
	while read -r in offset folder; do
		[[ $folder == "$root" ]] || continue
		(cd "$root" && find var/tmp/deleted -type f -printf 'rm "/%p"\n' && echo 'rmdir /var/tmp/deleted') >"$work/delete"
		debugfs -w -f "$work/delete" "$in?offset=$offset" 2>&1 | grep -vE '^(debugfs|$)' || :
		check_deleted "$in" "$offset"
	done <"$work/ext4"
}

# check_deleted DISK OFFSET: at least deleted_mib of the disk's content belong to no file.
check_deleted() {
	local present free_blocks blocks used
	fallocate --dig-holes "$1"
	sync "$1"
	present=$(du -m "$1" | cut -f1)
	read -r blocks free_blocks < <(dumpe2fs -h "$1?offset=$2" |
		awk -F: '/^Block count/ { b = $2 } /^Free blocks/ { f = $2 } END { print b + 0, f + 0 }')
	used=$(((blocks - free_blocks) * 4 / 1024))
	echo "disk: $present MiB present; file system: $used MiB in use"
	((present - used - swap_mib >= deleted_mib))
}

# Every ext4 is clean, and what is zero is a hole.
check_disks() {
	local in offset folder
	[[ -e $work/ext4 ]] || : >"$work/ext4"
	while read -r in offset folder; do e2fsck -fn "$in?offset=$offset"; done <"$work/ext4"
	for in in "${disks[@]}"; do
		fallocate --dig-holes "$in"
		sync "$in"
	done
}

# pack_esp OFFSET_MIB SIZE_MIB VOLUME_ID FOLDER: an EFI system partition.
pack_esp() {
	truncate -s "${2}M" "$work/esp"
	mkfs.vfat -n ESP -i "$3" "$work/esp"
	mcopy -s -Q -i "$work/esp" "$4"/* ::/
	put "$work/esp" "$1"
	rm "$work/esp"
}

# lvm_offline COMMAND [ARGUMENT...]: an LVM command that needs no device mapper, sees this build's loop devices only and
# leaves nothing on this machine.
lvm_offline() {
	local command=$1 ours
	shift
	ours=$(sort -u "$work/loops" | sed 's/.*/"a|^&$|",/' | tr -d '\n')
	"$command" --driverloaded n --config "activation { udev_sync=0 udev_rules=0 } backup { backup=0 archive=0 }
		devices { scan=\"/dev\" use_devicesfile=0 filter=[$ours \"r|.*|\"] }" "$@"
}
