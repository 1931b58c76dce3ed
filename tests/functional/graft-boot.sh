#!/bin/bash
# A real kernel finds the modules that were grafted: one boot for each compression, with another image layout each.
# Userspace unpackers accept what the kernel refuses, so only this proves a graft.
# usage: tests/functional/graft-boot.sh [COMPRESSION…]
set -euo pipefail
only=" $* " count=0
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
for tool in qemu-system-x86_64 python3 cpio depmod modprobe gzip xz zstd lz4 bzip2; do
	PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || skip "$tool is missing"
done
for version in $(ls -r /lib/modules) ''; do
	[ -n "$version" ] && [ -r "/boot/vmlinuz-$version" ] && [ -r "/lib/modules/$version/modules.dep" ] &&
		[ -e "/lib/modules/$version/kernel/drivers/virtio/virtio_ring.ko" ] && break # not built in
done
[ -n "$version" ] || skip "no readable kernel in /boot with modules"
export PATH=$PATH:/usr/sbin:/sbin
make -s build/tests/support/inject_folder
scratch
cc -O1 -static -o "$work/graft_init" tests/support/graft_init.c

# The guest: this machine's kernel and modules.
guest=$work/guest
mkdir -p "$guest/boot" "$guest/lib/modules"
cp -a "/lib/modules/$version" "$guest/lib/modules/"
cp "/boot/vmlinuz-$version" "$guest/boot/"
initrd=$guest/boot/initrd.img-$version
printf 'vda     ' >"$work/vda.raw"
printf 'sda     ' >"$work/sda.raw"
truncate -s 1M "$work/vda.raw" "$work/sda.raw"

kmod_into() { # TREE: modprobe and what it is linked to
	local lib
	cp "$(command -v kmod)" "$1/usr/bin/kmod"
	ln -s ../bin/kmod "$1/usr/sbin/modprobe"
	for lib in $(ldd "$(command -v kmod)" | grep -o '/[^ ]*'); do
		mkdir -p "$1$(dirname "$lib")"
		cp "$lib" "$1$lib"
	done
}

# COMPRESSION LAYOUT SPECIAL: makes the image as the generator would
make_image() {
	local tree=$work/tree
	rm -rf "$tree"
	tests/support/make-initramfs-root "$tree" "$2" "$version" ahci
	kmod_into "$tree"
	cp "$work/graft_init" "$tree/init"
	if [ "$3" = links ]; then # one file under several names, of which the graft rewrites one
		ln -f "$tree/conf/modules" "$tree/etc/same-content"
		ln -f "$tree/lib/modules/$version/modules.dep.bin" "$tree/etc/same-index"
	fi
	if [ "$3" = early ]; then
		mkdir -p "$work/early/kernel/x86/microcode"
		echo none >"$work/early/kernel/x86/microcode/GenuineIntel.bin"
		tests/support/pack-initramfs "$tree" "$1" "$work/early" >"$initrd"
	else
		tests/support/pack-initramfs "$tree" "$1" >"$initrd"
	fi
}

boot() { # prints the line of graft_init, or the kernel's last words
	timeout 120 qemu-system-x86_64 -M q35 -accel "${REHOST_ACCEL:-tcg,thread=multi}" -cpu max -m 512 -smp 1 \
		-nodefaults -display none -no-reboot -serial stdio -kernel "$guest/boot/vmlinuz-$version" -initrd "$initrd" \
		-append 'console=ttyS0 panic=-1 quiet' -drive file="$work/vda.raw",format=raw,if=none,id=a,readonly=on \
		-device virtio-blk-pci,drive=a -device virtio-scsi-pci \
		-drive file="$work/sda.raw",format=raw,if=none,id=b,readonly=on -device scsi-hd,drive=b \
		</dev/null >"$work/serial" 2>&1 || :
	tr -d '\r' <"$work/serial" | grep -a '^GRAFT' || tail -n 5 "$work/serial"
}

# depmod's order of what a module needs changes with the modules that are there.
sort_words() {
	local line words
	while read -r line; do
		read -ra words <<<"${line#*:}"
		printf '%s:%s\n' "${line%%:*}" "$([ ${#words[@]} = 0 ] || printf ' %s' "$(printf '%s\n' "${words[@]}" | sort | tr '\n' ' ')")"
	done
}

# What modprobe would load from the unpacked image is there, and its indexes are those that depmod makes of it.
judge() { # COMPRESSION
	local file
	judged=$(tests/support/check-initramfs "$initrd" "$guest" "$version" virtio_pci virtio_blk virtio_scsi sd_mod ahci) ||
		fail "$1: the modules of the image don't hold together"
	rm -rf "$work/unpacked"
	tests/support/unpack-initramfs "$initrd" "$work/unpacked" || fail "$1: unpack-initramfs"
	[ ! -e "$work/unpacked/etc/booster.init.yaml" ] || return 0 # it has no indexes
	depmod -n -b "$work/unpacked" "$version" >"$work/depmod" 2>"$work/out" || fail "$1: depmod: $(cat "$work/out")"
	for file in dep alias symbols; do
		[ -f "$work/unpacked/lib/modules/$version/modules.$file" ] || continue # binary only
		case $file in
		dep) grep -E '^[^ ]*\.ko[^ ]*:' "$work/depmod" | sort_words ;;
		alias) grep '^alias [^ ]*:' "$work/depmod" | grep -v '^alias symbol:' ;;
		symbols) grep '^alias symbol:' "$work/depmod" ;;
		esac | sort >"$work/expected"
		grep -v '^#' "$work/unpacked/lib/modules/$version/modules.$file" | grep -v '^alias [^:]*$' |
			if [ $file = dep ]; then sort_words; else cat; fi | sort |
			diff "$work/expected" - >"$work/out" || fail "$1: modules.$file isn't depmod's: $(cat "$work/out")"
	done
}

check() { # COMPRESSION LAYOUT SPECIAL
	local before after said began=$EPOCHREALTIME
	[[ $only = '  ' || $only = *" $1 "* ]] || return 0
	make_image "$@"
	before=$(stat -c %s "$initrd")
	build/tests/support/inject_folder "$guest" >"$work/changes"
	after=$(stat -c %s "$initrd")
	grep -q '"disk":"virtio-blk"' "$work/changes" || fail "$1: $(cat "$work/changes")"
	judge "$1"
	said=$(boot)
	[ "$said" = 'GRAFT OK: vda sda' ] || fail "$1 $2: $said"
	printf '%-6s %-16s %-6s %8d + %7d bytes, %s, booted in %.1f s\n' "$1" "$2" "$3" "$before" $((after - before)) \
		"$judged" "$(bc <<<"$EPOCHREALTIME - $began")"
	count=$((count + 1))
}

# Without a graft there is no disk: the test can fail.
if [ "$only" = '  ' ]; then
	make_image zstd initramfs-tools -
	said=$(boot)
	[ "$said" = 'GRAFT FAILED:' ] || fail "before any graft: $said"
fi

check none initramfs-tools -
check gzip old -
check xz dracut -
check zstd mkinitcpio -
check lz4 initramfs-tools early
check bzip2 initramfs-tools links
check lzma genkernel early
if command -v lzop >/dev/null; then
	check lzo booster -
fi
[ $count -gt 0 ] || fail "no such compression:$only"
echo "ok graft-boot.sh: kernel $version finds its disks after a graft, $count compressions"
