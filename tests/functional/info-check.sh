#!/bin/bash
# rehost info --check: what it counts in good and in damaged images is what qemu-img check counts.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost support=$PWD/tests/support
cd "$work"
count=0

truncate -s 200M disk.raw
qemu-io -f raw -c 'write -P 1 0 8M' -c 'write -P 3 40M 6M' -c 'write -P 4 100M 5000000' disk.raw > /dev/null

# ours IMAGE: "leaks errors" of the first image; the exit status goes with them.
ours() {
	local got=0 want
	"$rehost" info --check --json "$1" > ours.json 2> log || got=$?
	want=$(jq -r 'if .chain[0].check.errors > 0 or (has("file") | not) then 4 else 0 end' ours.json)
	[ "$got" = "$want" ] || fail "$1: exit status $got, expected $want: $(cat log)"
	[ "$(jq '.chain[0].check.counts | add' ours.json)" = "$(jq '.chain[0].check | .errors + .leaks' ours.json)" ] ||
		fail "$1: counts that don't add up: $(cat ours.json)"
	jq -r '.chain[0].check | "\(.leaks) \(.errors)"' ours.json
}
theirs() {
	qemu-img check --output=json "$1" 2> /dev/null | jq -r '"\(.leaks // 0) \(.corruptions // 0)"'
}
# same IMAGE WHAT: both count the same.
same() {
	local a b
	a=$(ours "$1") b=$(theirs "$1" || true)
	[ "$a" = "$b" ] || fail "$2: $a leaks and errors, qemu-img says $b: $(jq -c '.chain[0].check' ours.json)"
	count=$((count + 1))
}
# made TYPE CLUSTER: good.qcow2
made() {
	rm -f good.qcow2
	case $1 in
	plain | v2) qemu-img convert -f raw -O qcow2 -o "cluster_size=$2" disk.raw good.qcow2 ;;
	zlib) qemu-img convert -c -f raw -O qcow2 -o "cluster_size=$2" disk.raw good.qcow2 ;;
	extended) qemu-img convert -f raw -O qcow2 -o "cluster_size=$2,extended_l2=on" disk.raw good.qcow2 ;;
	refcount) qemu-img convert -f raw -O qcow2 -o "cluster_size=$2,refcount_bits=1" disk.raw good.qcow2 ;;
	snapshots)
		qemu-img convert -f raw -O qcow2 -o "cluster_size=$2" disk.raw good.qcow2
		qemu-img snapshot -c one good.qcow2
		qemu-io -c 'write -P 9 1M 3M' good.qcow2 > /dev/null
		qemu-img snapshot -c two good.qcow2
		qemu-io -c 'write -P 9 41M 1M' good.qcow2 > /dev/null
		;;
	bitmaps)
		qemu-img convert -f raw -O qcow2 -o "cluster_size=$2" disk.raw good.qcow2
		qemu-img bitmap --add good.qcow2 changed
		qemu-io -c 'write -P 9 1M 3M' good.qcow2 > /dev/null
		;;
	data-file) qemu-img create -q -f qcow2 -o "cluster_size=$2,data_file=data.raw" good.qcow2 200M ;;
	esac
}

for type in plain zlib extended refcount snapshots bitmaps; do
	for cluster in 4096 65536; do
		[ "$type/$cluster" != extended/4096 ] || cluster=16384
		made $type $cluster
		same good.qcow2 "$type, $cluster"
		for kind in leak overlap flag refcount metadata; do
			[ "$type/$kind" != zlib/leak ] && case $type/$kind in zlib/* | refcount/refcount | extended/*) continue ;; esac
			cp good.qcow2 bad.qcow2
			"$support/corrupt-qcow2" bad.qcow2 $kind 1
			same bad.qcow2 "$type, $cluster, $kind"
		done
	done
done

# Each mistake is one for us; qemu-img counts the flag of such an entry too.
made plain 65536
for kind in outside unaligned; do
	cp good.qcow2 bad.qcow2
	"$support/corrupt-qcow2" bad.qcow2 $kind 1
	[ "$(ours bad.qcow2)" = "3 3" ] || fail "$kind: $(ours bad.qcow2), expected 3 leaks and 3 errors"
	count=$((count + 1))
done
"$rehost" info --check bad.qcow2 > text 2> log && fail "an image with errors: exit status 0"
grep -qE "^    0x[0-9a-f]+: entry: cluster at 0x[0-9a-f]+: expected at a multiple of the cluster's 0x10000 bytes" text ||
	fail "no text for the problem: $(cat text)"
grep -qE "'bad.qcow2'|L2 table" log || fail "no error: $(cat log)"

# Other formats: one mistake, one count.
# check IMAGE LEAKS KIND=N…: these counts and no others.
check() {
	local image=$1 want="{\"leak\":$2}" got
	shift 2
	for pair; do want=$(jq -c --arg k "${pair%=*}" --argjson n "${pair#*=}" '.[$k] = $n' <<< "$want"); done
	ours "$image" > /dev/null
	got=$(jq -c '.chain[0].check.counts | with_entries(select(.value > 0)) | .leak = (.leak // 0)' ours.json)
	[ "$(jq -S . <<< "$got")" = "$(jq -S . <<< "$want")" ] ||
		fail "$image: $got, expected $want: $(jq -c '.chain[0].check' ours.json) $(cat log)"
	count=$((count + 1))
}
# damaged FORMAT KIND DAMAGE: bad, a copy of good
damaged() {
	cp good bad
	"$support/corrupt-table" bad "$2" "$3"
}
other() { # FORMAT KIND LEAKS-OF-ONE [KIND=N…]: qemu-img makes it; KIND is corrupt-table's word
	local format=$1 kind=$2 lost=$3
	shift 3
	rm -f good
	qemu-img convert -f raw -O "$format" disk.raw good
	check good 0
	damaged "$format" "$kind" overlap
	check bad "$lost" overlap=1 "$@"
	case $kind in vdi | qed)
		[ "$(qemu-img check --output=json -f "$format" bad 2> /dev/null | jq '.corruptions > 0')" = true ] ||
			fail "$kind: qemu-img finds nothing"
		;;
	esac
	damaged "$format" "$kind" outside
	check bad "$lost" beyond_file=1 "$@"
}
other vdi vdi 1
damaged vdi vdi leak
check bad 1
other vhdx vhdx 0
damaged vhdx vhdx outside
same bad "vhdx, outside"
damaged vhdx vhdx metadata
check bad 0 overlap=1
same bad "vhdx, metadata"
other vpc vhd 0
damaged vpc vhd metadata
check bad 0 overlap=1
printf 'x' | dd of=bad bs=1 seek=40 conv=notrunc status=none # of the footer's copy
check bad 0 entry=1 overlap=1
other vmdk vmdk 0 entry=1 # the redundant table is right still
damaged vmdk vmdk redundant
check bad 0 entry=1
other qed qed 1
damaged qed qed leak
check bad 1
damaged qed qed metadata
check bad 1 overlap=1
other qcow qcow 0
other parallels parallels 1
cp bad dirty && printf '\1' | dd of=dirty bs=1 seek=56 conv=notrunc status=none # the format extension: clusters that no entry names
check dirty 0 beyond_file=1
mkdir bundle && mv bad bundle/disk.hds
cat > bundle/DiskDescriptor.xml << X
<Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>409600</Disk_size></Disk_Parameters><StorageData><Storage>
<Start>0</Start><End>409600</End><Blocksize>2048</Blocksize><Image><GUID>{5fbaabe3-6958-40ff-92a7-860e329aab41}</GUID>
<Type>Compressed</Type><File>disk.hds</File></Image></Storage></StorageData></Parallels_disk_image>
X
check bundle/DiskDescriptor.xml 1 beyond_file=1
grep -qF "'disk.hds': cluster" ours.json || fail "a bundle's problem without its file: $(cat ours.json)"
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw good
check good 0
damaged vmdk vmdk overlap
check bad 0 entry=2 overlap=1 # the marker isn't that of the grain, and the redundant table is right still
cp good bad && printf '\0\0\0\0' | dd of=bad bs=1 seek=$((128 * 512 + 8)) conv=notrunc status=none # the size of the first grain
check bad 0 entry=1

# What the reader refuses is an error here, too, though every cluster is counted right.
# poke KIND: poked.qcow2, good.qcow2 with one bit or number set
poke() {
	cp good.qcow2 poked.qcow2
	python3 - "$1" << 'POKE'
import struct, sys
with open("poked.qcow2", "r+b") as f:
    def at(off, kind):
        f.seek(off)
        return struct.unpack(kind, f.read(struct.calcsize(kind)))[0]
    l1 = at(40, ">Q")
    l2 = at(l1, ">Q") & 0xfffffffffffe00
    off, kind, value = {"L1": (l1, ">Q", at(l1, ">Q") | 1 << 60), "L2": (l2, ">Q", at(l2, ">Q") | 1 << 60),
                        "subcluster": (l2 + 16 * 320 + 8, ">Q", 1), "bitmaps": (88, ">Q", 0)}[sys.argv[1]]
    f.seek(off)
    f.write(struct.pack(kind, value))
POKE
}
made plain 65536
for kind in L1 L2; do poke $kind && check poked.qcow2 0 entry=1; done
made extended 65536
poke subcluster && check poked.qcow2 0 entry=1
made bitmaps 65536
poke bitmaps && same poked.qcow2 "bitmaps that count no more"
[ "$(jq '.chain[0].check.leaks > 0' ours.json)" = true ] || fail "bitmaps that count no more are no leak"

# Extents are found as for reading: in another case, behind backslashes; those that are NOACCESS are not looked for.
mkdir -p windows/disks
qemu-img convert -f raw -O vmdk disk.raw windows/disks/disk-s001.vmdk
truncate -s 1M windows/disk-flat.vmdk
cat > windows/disk.vmdk << X
# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="custom"
RW 409600 SPARSE "disks\\DISK-s001.vmdk"
RW 2048 FLAT "Disk-flat.vmdk" 0
NOACCESS 2048 SPARSE "lost.vmdk"
X
check windows/disk.vmdk 0
[ "$(jq '.chain[0].check | [.stopped, .passes]' -c ours.json)" = "[null,1]" ] || fail "extents: $(jq -c '.chain[0].check' ours.json)"
sed 's/RW 409600/RW 409601/' windows/disk.vmdk > windows/longer.vmdk
check windows/longer.vmdk 0 beyond_file=1
truncate -s 1000K windows/disk-flat.vmdk
check windows/disk.vmdk 0 beyond_file=1

# A check goes through the whole chain, and through an image whose parent is missing.
qemu-img create -q -f qcow2 -b bad.qcow2 -F qcow2 top.qcow2
got=0 && "$rehost" info --check --json top.qcow2 > chain.json 2> log || got=$?
[ "$got $(jq -c '[.chain[].check.errors]' chain.json)" = "4 [0,3]" ] || fail "chain: $got $(cat chain.json)"
rm bad.qcow2
got=0 && "$rehost" info --check --json top.qcow2 > chain.json 2> log || got=$?
[ "$got $(jq -c '[.chain[].check.errors]' chain.json)" = "4 [0]" ] || fail "missing parent: $got $(cat chain.json)"
grep -q "bad.qcow2" log || fail "missing parent: $(cat log)"

# A packed image is checked, too, though it may name no file.
made plain 65536 && gzip -k good.qcow2
check good.qcow2.gz 0

# Tables are not encrypted: they are described and checked without the key.
patiently qemu-img create -q -f qcow2 --object secret,id=k,data=x -o encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10 luks.qcow2 8M
"$rehost" info --check --json luks.qcow2 > luks.json 2> log || fail "encrypted: $(cat log)"
[ "$(jq -r '.chain[0] | "\(.encryption) \(.size) \(.check.errors)"' luks.json)" = "LUKS 8388608 0" ] || fail "encrypted: $(cat luks.json)"
echo "$count images, good and damaged, each with its count"
