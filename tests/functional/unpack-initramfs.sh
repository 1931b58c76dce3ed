#!/bin/bash
# The judge of grafts can say no: tests/support/unpack-initramfs refuses what the kernel stops at or drops, sees that later
# files win, and tests/support/check-initramfs sees modules and indexes that don't hold together.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin
for tool in cpio gzip xz zstd lz4 python3 depmod modprobe; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
scratch
mkdir -p "$work/a/usr/lib/folder" "$work/a/etc" "$work/b/etc" "$work/lib/lib/folder" "$work/orphan/nowhere"
ln -s usr/lib "$work/a/lib"
echo first >"$work/a/etc/file"
echo second >"$work/b/etc/file"
echo lost >"$work/orphan/nowhere/file"
for kind in none gzip xz zstd lz4; do
	tests/support/pack-initramfs "$work/a" $kind >"$work/a.$kind"
	tests/support/pack-initramfs "$work/b" $kind >"$work/b.$kind"
done
tests/support/pack-initramfs "$work/lib" none >"$work/lib.none"
(cd "$work/orphan" && echo nowhere/file | cpio -o -H newc --quiet) >"$work/orphan.none"
count=0

good() { # IMAGE TEXT: unpacks, and etc/file says so
	rm -rf "$work/out"
	tests/support/unpack-initramfs "$1" "$work/out" || fail "$1: refused"
	[ "$(cat "$work/out/etc/file")" = "$2" ] || fail "$1: etc/file isn't '$2'"
	count=$((count + 1))
}

bad() { # IMAGE PATTERN
	! tests/support/unpack-initramfs "$1" "$work/no" 2>"$work/log" || fail "$1: accepted"
	grep -q "$2" "$work/log" || fail "$1: no '$2' in $(cat "$work/log")"
	[ ! -e "$work/no" ] || fail "$1: left a folder"
	count=$((count + 1))
}

for kind in none gzip xz zstd lz4; do
	good "$work/a.$kind" first
	cat "$work/a.$kind" "$work/b.$kind" >"$work/both"
	good "$work/both" second
done
{ cat "$work/a.gzip"; head -c $((4 - $(stat -c %s "$work/a.gzip") % 4)) /dev/zero; cat "$work/b.none"; } >"$work/padded"
good "$work/padded" second
{ cat "$work/a.gzip"; head -c $((5 - $(stat -c %s "$work/a.gzip") % 4)) /dev/zero; cat "$work/b.none"; } >"$work/misaligned"
bad "$work/misaligned" 'invalid magic'
{ cat "$work/a.lz4"; head -c 4 /dev/zero; cat "$work/b.none"; } >"$work/behind-lz4"
bad "$work/behind-lz4" 'behind lz4'
cat "$work/a.lz4" "$work/b.none" >"$work/at-lz4"
bad "$work/at-lz4" 'lz4'
tests/support/pack-initramfs "$work/a" none | xz --check=crc64 >"$work/crc64"
bad "$work/crc64" 'CRC32 only'
head -c 100 "$work/a.xz" >"$work/short"
bad "$work/short" 'ends too early'
bad "$work/orphan.none" 'is no folder'
# an entry "lib" replaces the link
cat "$work/a.none" "$work/lib.none" >"$work/usr-merge"
good "$work/usr-merge" first
if [ -L "$work/out/lib" ] || [ ! -d "$work/out/lib/folder" ]; then fail "the link lib wasn't replaced"; fi

version=
for file in /lib/modules/*/modules.dep; do
	[ ! -r "$file" ] || [ ! -e "${file%/*}/kernel/drivers/virtio/virtio_ring.ko" ] || version=$(basename "$(dirname "$file")")
done
if [ -z "$version" ]; then
	echo "ok unpack-initramfs.sh: $count cases; no modules here to judge"
	exit 0
fi

# CHANGE PATTERN: what check-initramfs says of an image with virtio_blk after a change to its modules; nothing: all is well.
judge() {
	local said=0
	rm -rf "$work/tree"
	tests/support/make-initramfs-root "$work/tree" initramfs-tools "$version" virtio_blk
	(cd "$work/tree/lib/modules/$version" && eval "$1")
	tests/support/pack-initramfs "$work/tree" gzip >"$work/image"
	tests/support/check-initramfs "$work/image" / "$version" virtio_blk >"$work/log" 2>&1 || said=$?
	if [ -z "$2" ]; then
		[ $said = 0 ] || fail "a good image: $(cat "$work/log")"
	else
		[ $said != 0 ] || fail "$1: nothing was noticed"
		grep -q "$2" "$work/log" || fail "$1: no '$2' in $(cat "$work/log")"
	fi
	count=$((count + 1))
}

judge : ''
judge 'rm kernel/drivers/virtio/virtio_ring.ko' 'virtio_ring'
judge 'echo text >kernel/drivers/block/virtio_blk.ko' 'is no module'
judge 'rm modules.dep.bin' 'virtio_blk'
judge 'sed -i "/virtio_blk.ko:/s/:.*/:/" modules.dep' 'modules.dep: '
judge 'sed -i "/virtio_blk.ko:/d" modules.dep' "isn't in the text"
judge 'sed -i "/virtio_blk/d" modules.alias; rm modules.alias.bin' "doesn't lead to virtio_blk"
echo "ok unpack-initramfs.sh: $count cases"
