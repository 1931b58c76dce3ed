#!/bin/bash
# Images packed with gzip, xz or zstd: every verb reads them as if they weren't, within bounds.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"

truncate -s 40M disk.raw
printf 'label: dos\nstart=2048,type=83\n' | /sbin/sfdisk -q disk.raw
qemu-io -f raw -c 'write -P 1 3M 1M' -c 'write -P 2 30000512 70000' disk.raw > /dev/null
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk
for image in disk.raw disk.qcow2 disk.vmdk; do
	gzip -k $image && xz -k $image && zstd -q -k $image
	for suffix in gz xz zst; do
		"$rehost" copy -q $image.$suffix out.raw -O raw || fail "copy $image.$suffix"
		cmp out.raw disk.raw || fail "$image.$suffix: another content"
		rm out.raw
		"$rehost" info --json $image.$suffix | jq -e ".format == \"${image#disk.}\" and .size == 41943040" > /dev/null ||
			fail "info $image.$suffix"
	done
done
for suffix in xz zst; do
	"$rehost" convert -q -i disk disk.qcow2.$suffix -os out --no-convert -on $suffix || fail "convert $suffix"
	qemu-img compare -q -f raw -F qcow2 disk.raw out/$suffix/$suffix-sda.qcow2 || fail "convert $suffix: another content"
done
# Streams of xz with padding between them are one image; what stands behind the padding of the others isn't dropped.
head -c 20M disk.raw > one && tail -c +20971521 disk.raw > two && xz one two
(cat one.xz; head -c 8 /dev/zero; cat two.xz; head -c 8 /dev/zero) > parts.xz
"$rehost" copy -q parts.xz out.raw -O raw || fail "copy of padded streams"
cmp out.raw disk.raw || fail "padded streams: another content"
rm out.raw
# A stated format is that of the image inside; where the name doesn't say that it is packed, it is the guest's data.
head -c 4M /dev/urandom > noise && gzip -k noise
"$rehost" copy -q -f raw noise.gz out.raw -O raw || fail "-f raw of a packed file"
cmp out.raw noise || fail "-f raw of a packed file: another content"
rm out.raw && cp noise.gz guest.raw && truncate -s 5M guest.raw
"$rehost" copy -q -f raw guest.raw out.raw -O raw || fail "-f raw of data that looks packed"
cmp out.raw guest.raw || fail "-f raw of data that looks packed: another content"

says() {
	local pattern=$1 got=0
	shift
	"$@" > said 2>&1 || got=$?
	[ "$got" = 4 ] || fail "$*: exit status $got, expected 4: $(cat said)"
	grep -qE -- "$pattern" said || fail "$*: no '$pattern' in: $(cat said)"
}
head -c 900 disk.qcow2.gz > cut.gz
says "'cut.gz': gzip data end inside a member, at 0x[0-9a-f]+" "$rehost" info cut.gz
printf 'x' | dd of=disk.qcow2.xz bs=1 seek=500 conv=notrunc status=none
says "'disk.qcow2.xz': xz data near 0x[0-9a-f]+: damaged" "$rehost" info disk.qcow2.xz
for suffix in gz zst; do
	(cat disk.raw.$suffix; head -c 8 /dev/zero; cat disk.raw.$suffix) > parts.$suffix
	says "data at 0x[0-9a-f]+: 0x[0-9a-f]{2} behind 8 bytes of padding, only zeros expected" "$rehost" info parts.$suffix
done
(cat one.xz; head -c 7 /dev/zero; cat two.xz) > parts.xz
says "xz data: 7 bytes of padding end at 0x[0-9a-f]+, a multiple of 4 expected" "$rehost" info parts.xz
gzip -c disk.vmdk.gz > twice.gz
says "is gzip data, which is not read as a disk" "$rehost" info twice.gz
qemu-img create -q -f qcow2 -b disk.raw -F raw over.qcow2 && gzip over.qcow2
says "but an image inside an archive may name no file" "$rehost" info over.qcow2.gz
# The first bytes are looked at first: no more is unpacked than an image with this header can have.
(cat disk.qcow2; head -c 2G /dev/zero) | zstd -q > small-header.zst
says "zstd data inflate to more than 1241513984 bytes" "$rehost" info small-header.zst
says "zstd data inflate to more than 1241513984 bytes" "$rehost" convert -q -i disk small-header.zst -os out --no-convert -on never
head -c 300M /dev/zero | tr '\0' '\1' | zstd -q > bomb.zst
says "zstd data unpack to over 1032 times their size" "$rehost" info bomb.zst
echo "packed images are read by every verb, and bounded"
