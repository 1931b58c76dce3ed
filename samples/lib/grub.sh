# shellcheck shell=bash disable=SC2154,SC2016
# GRUB's configuration and images, as the guest's own programs make them, for a disk which does not exist yet.
# (SC2154: samples/build sets the variables; SC2016: quoted code is for another shell.)

# grub_config KEY=VALUE...: the guest's own settings and the grub.cfg that its own update-grub writes from them. The disk
# does not exist yet, so grub-probe and grub-mkrelpath answer from the keys: device, fs_uuid, fs (ext2), abstraction; of a
# /boot of its own boot_device, boot_uuid, boot_fs (ext2); of either partmap, drive, hints. Not for GRUB: cmdline, what the
# kernel is told, and by_uuid=yes, without which it is told the root by its device's name.
grub_config() {
	local keys=("$@") key device='' cmdline='' by_uuid='' settings=$root/etc/default/grub
	for key; do
		case $key in
		device=*) device=${key#*=} ;;
		cmdline=*) cmdline=" ${key#*=}" ;;
		by_uuid=*) by_uuid=yes ;;
		esac
	done
	mkdir -p "$root/.stub" "$root/boot/grub"
	{
		printf '#!/bin/sh\nfs=ext2 boot_fs=ext2\n'
		printf '%s\n' "${keys[@]//cmdline=*/}"
		cat <<'P'
boot= path=
while [ $# -gt 0 ]; do
	case $1 in
	--target=*) target=${1#*=} ;;
	-t) target=$2 && shift ;;
	-*) ;;
	*) path=$1 ;;
	esac
	shift
done
case $path in
/boot | /boot/* | "$boot_device") boot=$boot_device ;;
esac
case $target in
device) echo "${boot:-$device}" ;;
fs_uuid) if [ "$boot" ]; then echo "$boot_uuid"; else echo "$fs_uuid"; fi ;;
fs) if [ "$boot" ]; then echo "$boot_fs"; else echo "$fs"; fi ;;
partmap) echo "$partmap" ;;
drive) echo "$drive" ;;
hints_string) echo "$hints" ;;
abstraction) [ "$boot" ] || echo "$abstraction" ;;
*) exit 1 ;;
esac
P
	} >"$root/.stub/grub-probe"
	# A path is relative to the file system that holds it: /boot's own, or the root.
	{
		printf '#!/bin/sh\nfor path; do :; done\n'
		if [[ ${keys[*]} == *boot_device=* ]]; then printf 'path=${path#/boot}\n'; fi
		printf 'echo "${path:-/}"\n'
	} >"$root/.stub/grub-mkrelpath"
	chmod 755 "$root"/.stub/*
	cat >"$settings" <<'G'
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.

GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="CONSOLES"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"

# Uncomment if you don't want GRUB to pass "root=UUID=xxx" parameter to Linux
GRUB_DISABLE_LINUX_UUID=true
G
	sed -i "s|CONSOLES|$consoles$cmdline|" "$settings"
	# Only PCs have a serial port that GRUB drives; elsewhere it goes by the firmware's console.
	[[ $arch == amd64 ]] || sed -i 's/^GRUB_TERMINAL=.*/GRUB_TERMINAL=console/; /^GRUB_SERIAL/d' "$settings"
	[[ ! $by_uuid ]] || sed -i 's/^GRUB_DISABLE_LINUX_UUID/#&/' "$settings"
	in_root update-grub
	rm -r "$root/.stub"
	if [[ $by_uuid ]]; then device=UUID=; else device="$device "; fi
	grep -q "root=$device" "$root/boot/grub/grub.cfg"
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

# grub_esp UUID PARTITION PREFIX: shim and GRUB as grub-install --no-extra-removable lays them out in \EFI\debian: only the
# firmware's boot entry leads to them. The arguments say which file system holds grub.cfg, and under which path.
grub_esp() {
	local debian=$esp/EFI/debian platform=x86_64-efi suffix=x64
	[[ $arch != arm64 ]] || platform=arm64-efi suffix=aa64
	mkdir -p "$root/boot/efi" "$root/boot/grub/$platform" "$debian"
	cp "$root/usr/lib/grub/$platform"/{*.mod,*.lst} "$root/boot/grub/$platform/"
	cp "$root/usr/lib/shim/shim$suffix.efi.signed" "$debian/shim$suffix.efi"
	cp "$root/usr/lib/shim/mm$suffix.efi.signed" "$debian/mm$suffix.efi"
	cp "$root/usr/lib/shim/fb$suffix.efi.signed" "$debian/fb$suffix.efi"
	cp "$root/usr/lib/shim/BOOT${suffix^^}.CSV" "$debian/"
	cp "$root/usr/lib/grub/$platform-signed/grub$suffix.efi.signed" "$debian/grub$suffix.efi"
	printf "search.fs_uuid %s root %s \nset prefix=(\$root)'%s'\nconfigfile \$prefix/grub.cfg\n" "$@" >"$debian/grub.cfg"
}
