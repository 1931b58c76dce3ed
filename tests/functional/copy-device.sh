#!/bin/bash
# copy to a block device: all of it is right whatever was there, what is too small or in use is refused.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
[ "$(id -u)" = 0 ] || skip "needs root for a loop device"
scratch
rehost=$PWD/rehost
cd "$work"

loop=
undo() {
	! mountpoint -q "$work/mnt" || umount "$work/mnt"
	[ -z "$loop" ] || losetup -d "$loop"
	rm -rf "$work"
}
trap undo EXIT

# A conversion of a device that was written between two tries begins anew, also when no sampled place has changed.
head -c 40M /dev/zero | tr '\0' '\252' > source
loop=$(losetup -f --show source 2> /dev/null) || { loop='' && skip "no loop device"; }
interrupted() { # converts until the first chunks are copied
	"$rehost" convert -q -i disk -if raw "$loop" -on dev -os out --no-convert --bwlimit 4M 2> /dev/null &
	for _ in $(seq 600); do grep -qs '"phase":"converted"' out/.dev.partial/journal* && break; sleep 0.1; done
	sleep 3
	kill -INT $! && wait $! && fail "it was too fast to be interrupted"
	[ -d out/.dev.partial ] || fail "nothing is left"
}
interrupted
printf x | dd of="$loop" bs=1 seek=3000000 conv=notrunc,fsync status=none
"$rehost" convert -i disk -if raw "$loop" -on dev -os out --no-convert > log 2>&1 || fail "the second try: $(cat log)"
grep -q 'before a device was written: starting anew' log || fail "what was written went unnoticed: $(cat log)"
qemu-img compare -q -f raw -F qcow2 "$loop" out/dev/dev-sda.qcow2 || fail "two moments of the device are mixed"
rm -r out
interrupted
"$rehost" convert -i disk -if raw "$loop" -on dev -os out --no-convert > log 2>&1 || fail "the third try: $(cat log)"
! grep -q 'starting anew' log || fail "nothing was written: $(cat log)"
qemu-img compare -q -f raw -F qcow2 "$loop" out/dev/dev-sda.qcow2 || fail "the resumed result differs"
rm -r out
losetup -d "$loop"
losetup "$loop" source # nothing is written through it, before or after
interrupted
losetup -d "$loop"
printf y | dd of=source bs=1 seek=3000000 conv=notrunc,fsync status=none
losetup "$loop" source
"$rehost" convert -i disk -if raw "$loop" -on dev -os out --no-convert > log 2>&1 || fail "the fourth try: $(cat log)"
qemu-img compare -q -f raw -F qcow2 "$loop" out/dev/dev-sda.qcow2 || fail "two devices are mixed: $(cat log)"
losetup -d "$loop"
loop=

# A device of 40 MiB full of old data, a disk of 33 MiB with holes, zeros and data.
head -c 40M /dev/zero | tr '\0' '\377' > old
loop=$(losetup -f --show old 2> /dev/null) || { loop='' && skip "no loop device"; }
truncate -s $((33 * 1048576)) disk.raw
qemu-io -f raw -c 'write -P 1 0 512' -c 'write -P 2 5000k 300k' -c 'write -z 9M 1M' -c 'write -P 4 34602496 512' \
	disk.raw > /dev/null
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2

for source in "-f raw disk.raw" disk.qcow2; do
	head -c 40M /dev/zero | tr '\0' '\377' | dd of="$loop" bs=1M status=none conv=fsync
	# shellcheck disable=SC2086
	"$rehost" copy -q $source "$loop" -O raw || fail "copy of $source to $loop"
	cmp -n $((33 * 1048576)) disk.raw "$loop" || fail "$source: the device differs"
	tail -c 7M "$loop" | tr -d '\377' | cmp -s - /dev/null || fail "$source: the rest of the device was touched"
done

# Through a link of the user's; nothing but the device can be written, whatever else is in its folder.
ln -s "$loop" link
head -c 40M /dev/zero | tr '\0' '\377' | dd of="$loop" bs=1M status=none conv=fsync
"$rehost" copy -q disk.qcow2 ./link -O raw || fail "copy to a link to $loop"
cmp -n $((33 * 1048576)) disk.raw "$loop" || fail "through a link: the device differs"
[ -L link ] || fail "the link was replaced"
if command -v strace > /dev/null; then
	strace -f -qq -y -o trace -e trace=landlock_add_rule "$rehost" copy -q disk.qcow2 "$loop" -O raw || fail "strace"
	! grep WRITE_FILE trace | grep -qvF "<$loop" || fail "more than the device can be written: $(cat trace)"

	# As a source, too: it is read, and /dev with all other devices is not among what may be.
	for command in "copy -q -f raw $loop out.raw -O raw" "inspect -if raw $loop"; do
		# shellcheck disable=SC2086
		strace -f -qq -y -o trace -e trace=landlock_add_rule "$rehost" $command > log 2>&1 || true
		grep -qF "<$loop" trace || fail "$command: no rule for the device: $(cat trace log)"
		! grep -qF '</dev>' trace || fail "$command: all of /dev can be read: $(cat trace)"
	done
	cmp out.raw "$loop" || fail "copy of $loop: it differs"
fi

says 2 "is a device: -O raw writes it" "$rehost" copy -q disk.qcow2 "$loop"
says 2 "is the source itself" "$rehost" copy -q -f raw "$loop" ./link -O raw
ln -s "$loop" link.raw
says 2 "is a device: -O raw writes it" "$rehost" copy -q disk.qcow2 link.raw
truncate -s 41M large.raw
says 3 "has 41943040 bytes, the disk needs 42991616" "$rehost" copy -q -f raw large.raw "$loop" -O raw

# Mounted: refused, and nothing of it changed; --force writes.
mkfs.ext4 -q "$loop"
mkdir mnt
if mount -o ro "$loop" mnt 2> /dev/null; then
	sha256sum old > before
	says 3 "is in use: it or a part of it is mounted" "$rehost" copy -q disk.qcow2 "$loop" -O raw
	sha256sum --quiet -c before || fail "a refused copy changed the device"
	"$rehost" copy -q disk.qcow2 "$loop" -O raw --force || fail "--force"
	cmp -n $((33 * 1048576)) disk.raw "$loop" || fail "--force: the device differs"
	umount mnt
	note=
else
	note=" (mounted devices not tried: no mount here)"
fi
echo "devices: all bytes right over old data, too small and in use refused$note"
