#!/bin/bash
# On a file system that shares blocks, a copy of a plain disk costs no room and reads nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
[ "$(id -u)" = 0 ] || skip "needs root to mount a file system"
command -v mkfs.btrfs > /dev/null || skip "needs mkfs.btrfs (btrfs-progs)"
scratch
rehost=$PWD/rehost
cd "$work"

truncate -s 400M fs.img
mkfs.btrfs -q fs.img > /dev/null 2>&1
mkdir fs
mount -o loop fs.img fs 2> log || skip "can't mount btrfs on a loop device: $(cat log)"
trap 'cd /; umount "$work/fs"; rm -rf "$work"' EXIT
cd fs

# 96 MiB of 128, so that a second copy of the data wouldn't go unseen.
truncate -s 128M disk.raw
printf 'label: gpt\n' | sfdisk -q disk.raw
dd if=/dev/urandom of=disk.raw bs=1M count=96 seek=8 conv=notrunc status=none
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\nRW %d VMFS "disk.raw"\n' \
	$((128 * 2048)) > flat.vmdk
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
sync

used() { sync; btrfs filesystem usage -b . | awk '/^ *Used:/ { print $2; exit }'; }

for copy in 'disk.raw raw' 'disk.raw qcow2' 'flat.vmdk raw' 'disk.qcow2 raw' 'disk.raw vhd' 'disk.raw vhdx'; do
	read -r source format <<< "$copy"
	before=$(used)
	"$rehost" copy -q --json "$source" target -O "$format" > json || fail "copy of $source to $format"
	grew=$(($(used) - before)) moved=$(jq .bytes_moved json)
	[ "$moved" -ge $((96 << 20)) ] || fail "$copy: $moved bytes were moved by the kernel"
	[ "$(jq .bytes_read json)" -lt $((1 << 20)) ] || fail "$copy: $(jq .bytes_read json) bytes were read"
	[ "$grew" -lt $((8 << 20)) ] || fail "$copy: the file system holds $grew bytes more"
	qemu-img compare -q -f raw -F "${format/%vhd/vpc}" disk.raw target || fail "qemu-img compare: $copy"
	rm target
done
echo "plain data is shared: nothing read, no room taken"
