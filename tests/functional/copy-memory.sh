#!/bin/bash
# Disks of the largest size that each format has, with data at scattered places: a copy of any of them is right and takes
# no more than 128 MiB.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
[ -x /usr/bin/time ] || skip "needs GNU time"
scratch
rehost=$PWD/rehost
cd "$work"

tib=$((1 << 40))
limit=$((128 << 10)) # KiB
peak=0

# scatter FORMAT FILE BYTES: 200 clusters anywhere, the first and the last among them.
scatter() {
	awk -v clusters=$(($3 / 65536)) 'BEGIN {
		srand(7)
		for (i = 0; i < 200; i++)
			printf "write -q -P %d %.0f 64k\n", i % 255 + 1, i < 2 ? i * (clusters - 1) * 65536 : int(rand() * clusters) * 65536
	}' | qemu-io -f "$1" "$2" > log || fail "qemu-io: $(cat log)"
}

# copies SOURCE FORMAT TARGET_FORMAT
copies() {
	local used
	rm -f target
	/usr/bin/time -o used -f %M "$rehost" copy -q -f "$2" "$1" target -O "$3" || fail "copy of $1 to $3"
	used=$(tail -n 1 used)
	[ "$used" -le $limit ] || fail "copy of $1 to $3: $used KiB, at most $limit expected"
	[ "$used" -le "$peak" ] || peak=$used
	"$rehost" compare -f "$2" "$1" -F "$3" target > log || fail "compare: $1, $3: $(cat log)"
}

make() { # NAME FORMAT QEMU_FORMAT TIB [OPTIONS]
	qemu-img create -q -f "$3" ${5:+-o "$5"} "$1" $(($4 * tib)) && scatter "$3" "$1" $(($4 * tib))
}

make disk.qcow2 qcow2 qcow2 64
make disk.vhdx vhdx vhdx 64
make disk.qed qed qed 64
make disk.vdi vdi vdi 16 # its map has 4 bytes a MiB, which are written
make disk.vmdk vmdk vmdk 2
qemu-img create -q -f vpc -o force_size=on disk.vhd 2040G && scatter vpc disk.vhd $((2040 << 30))
for format in qcow2 vhdx qed vdi vmdk vhd; do
	copies disk.$format $format qcow2
done
copies disk.vhdx vhdx vhdx
copies disk.vhd vhd vhd
copies disk.vmdk vmdk vmdk

# What the file system takes, up to 62 TiB; a flat VMDK of 62 TiB in as many files as that needs.
size=$((62 * tib))
until truncate -s $size flat-0.raw 2> /dev/null; do size=$((size / 2)); done
files=$(((62 * tib + size - 1) / size))
[ $files -le 64 ] || skip "files of $size bytes are the largest here: too small for this test"
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n' > flat.vmdk
for ((i = 0; i < files; i++)); do
	this=$((i < files - 1 ? size : 62 * tib - (files - 1) * size))
	truncate -s $this flat-$i.raw
	scatter raw flat-$i.raw $this
	printf 'RW %d VMFS "flat-%d.raw"\n' $((this / 512)) "$i" >> flat.vmdk
done
copies flat.vmdk vmdk qcow2
copies flat-0.raw raw raw
copies flat-0.raw raw qcow2
echo "copies of disks up to 64 TiB take $((peak / 1024)) MiB"
