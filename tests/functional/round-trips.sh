#!/bin/bash
# Any format that is read into any that is written: the same bytes by qemu-img compare where it can read both, else by ours;
# full file systems, existing targets and disks that are too large leave nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
command -v qemu-img > /dev/null || skip "qemu-img is not installed"
# Hundreds of small files, each synced by the copy: in memory that takes a third of the time.
free=$(df --output=avail -k /dev/shm 2> /dev/null | tail -n 1) || free=0
[ -n "${TMPDIR-}" ] || [ "$free" -lt 1000000 ] || export TMPDIR=/dev/shm
scratch
rehost=$PWD/rehost
shared=${REHOST_SHARED:-$PWD/../shared}
cd "$work"
undo() {
	! mountpoint -q "$work/small" || umount "$work/small"
	rm -rf "$work"
}
trap undo EXIT

# name, rehost copy's arguments, the format's name for qemu-img.
writers=(
	"raw -O raw|raw"
	"raw-falloc -O raw -o preallocation=falloc|raw"
	"qcow2 -O qcow2|qcow2"
	"qcow2-4k -O qcow2 -o cluster_size=4096|qcow2"
	"qcow2-zlib -O qcow2 -c zlib|qcow2"
	"qcow2-zstd -O qcow2 -c zstd|qcow2"
	"qcow2-subclusters -O qcow2 -o extended_l2=on|qcow2"
	"vmdk -O vmdk|vmdk"
	"vhd -O vhd|vpc"
	"vhd-fixed -O vpc -o subformat=fixed|vpc"
	"vhdx -O vhdx|vhdx"
	"vhdx-1m -O vhdx -o block_size=1M|vhdx"
	"vhdx-fixed -O vhdx -o subformat=fixed|vhdx"
)

# A disk of so many bytes: runs of one byte at scattered places, zeros written between, its last sector not empty.
make_disk() { # FILE BYTES PLACES
	local i at
	truncate -s "$2" "$1"
	{
		echo "write -P 1 0 512"
		for ((i = 1; i < $3; i++)); do
			at=$(((i * 7919 * 4096 + i * 512) % $2 / 512 * 512))
			[ $((at + 9728)) -gt "$2" ] || echo "write -P $((i % 250 + 2)) $at $((i % 19 * 512 + 512))"
		done
		[ "$2" -lt 1048576 ] || echo "write -z 524288 100k"
		echo "write -P 254 $(($2 - 512)) 512"
	} | qemu-io -f raw "$1" > /dev/null
}

# Every container that qemu-img can make of a disk: file, format for qemu-img.
make_sources() { # DISK
	local i formats=(
		"qcow2" "qcow2 -c" "qcow2 -c -o compression_type=zstd" "qcow2 -o compat=0.10" "qcow2 -o extended_l2=on"
		"qcow2 -o preallocation=metadata" "vmdk -o subformat=monolithicSparse" "vmdk -o subformat=monolithicFlat"
		"vmdk -o subformat=twoGbMaxExtentSparse" "vmdk -o subformat=twoGbMaxExtentFlat"
		"vmdk -o subformat=streamOptimized" "vpc -o force_size=on" "vpc -o force_size=on,subformat=fixed" "vhdx"
		"vhdx -o subformat=fixed" "vdi" "vdi -o static=on" "qcow" "qed" "parallels")

	cp --sparse=always "$1" s-raw
	sources=("s-raw raw")
	for i in "${!formats[@]}"; do
		# shellcheck disable=SC2086
		qemu-img convert -f raw -O ${formats[i]} "$1" "s-$i.${formats[i]%% *}" || fail "qemu-img: ${formats[i]}"
		sources+=("s-$i.${formats[i]%% *} ${formats[i]%% *}")
	done
	# A chain: the upper half of the disk in an overlay.
	qemu-img create -q -f qcow2 -b s-0.qcow2 -F qcow2 s-chain.qcow2
	qemu-io -f qcow2 -c "write -P 77 1M 300k" s-chain.qcow2 > /dev/null
	sources+=("s-chain.qcow2 qcow2")
}

# judge FILE FORMAT FILE FORMAT: by qemu-img when it has a name for both.
judge() {
	if [ -n "$2" ] && [ -n "$4" ]; then
		qemu-img compare -q -f "$2" -F "$4" "$1" "$3" || fail "qemu-img compare: $1 and $3 differ"
	else
		"$rehost" compare "$1" -F "$4" "$3" > /dev/null || fail "rehost compare: $1 and $3 differ"
	fi
	compared=$((compared + 1))
}

# through FILE FORMAT [QEMU-FORMAT]: into every format that is written; the image is sound and holds the same.
through() {
	local w name arguments theirs file=$1 format=$2 qemu=${3-$2}
	for w in "${writers[@]}"; do
		theirs=${w##*|} w=${w%|*} name=${w%% *} arguments=${w#* }
		# shellcheck disable=SC2086
		"$rehost" copy -q ${format:+-f $format} "$file" "t.$name" $arguments --force 2> log ||
			fail "$file to $name: $(cat log)"
		case $theirs in
		qcow2 | vhdx) qemu-img check -q -f "$theirs" "t.$name" || fail "qemu-img check: $file to $name" ;;
		esac
		judge "$file" "$qemu" "t.$name" "$theirs"
	done
}

# back DISK: what was written is sound by our own check too, and is read again, as raw and by its own looks.
back() {
	local w name
	for w in "${writers[@]}"; do
		w=${w%|*} name=${w%% *}
		case $name in raw*) continue ;; esac
		"$rehost" info --check "t.$name" > log || fail "info --check: $name: $(cat log)"
		"$rehost" copy -q "t.$name" back.raw -O raw --force || fail "$name to raw"
		cmp "$1" back.raw || fail "$name, back to raw"
	done
}

compared=0 kinds=${#writers[@]}
# ---- every reader into every writer: an odd size, data at odd places
make_disk disk.raw $((5 * 1048576 + 1536)) 120
make_sources disk.raw
for s in "${sources[@]}"; do
	# shellcheck disable=SC2086
	through $s
done
split -b 2M -d -a 3 --numeric-suffixes=1 disk.raw pieces.raw.
"$rehost" copy -q -f raw pieces.raw.001 t.pieces -O raw || fail "raw in pieces"
cmp disk.raw t.pieces || fail "raw in pieces"

# ---- other sizes, there and back
for size in 512 65536 1048576 $((4 * 1048576 - 512)) $((67 * 1048576 + 512)); do
	rm -f size.raw
	make_disk size.raw "$size" 40
	through size.raw raw
	back size.raw
done

# ---- errors
note=
for w in "${writers[@]}"; do
	w=${w%|*} name=${w%% *} arguments=${w#* }
	echo precious > "exists.$name"
	# shellcheck disable=SC2086
	says 3 "exists already: --force replaces it" "$rehost" copy -q -f raw disk.raw "exists.$name" $arguments
	[ "$(cat "exists.$name")" = precious ] || fail "$name: an existing target was changed"
done
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=2M tmpfs small 2> /dev/null; then
	head -c 6M /dev/urandom > random.raw
	for w in "${writers[@]}"; do
		w=${w%|*} name=${w%% *} arguments=${w#* }
		# shellcheck disable=SC2086
		says 75 "No space left on device" "$rehost" copy -q -f raw random.raw "small/$name" $arguments
		[ -z "$(ls -A small)" ] || fail "$name: a full file system: left is $(ls -A small)"
	done
	umount small
else
	note+=" (full file system not tried: no tmpfs here)"
fi
qemu-img create -q -f qcow2 2041g.qcow2 2041G
qemu-img create -q -f qcow2 63t.qcow2 63T
says 4 "2040 GiB is the most" "$rehost" copy -q 2041g.qcow2 large -O vhd
says 4 "2040 GiB is the most" "$rehost" copy -q 2041g.qcow2 large -O vhd -o subformat=fixed
says 4 "62 TiB is the most" "$rehost" copy -q 63t.qcow2 large -O vmdk
"$rehost" copy -q 63t.qcow2 large -O vhdx || fail "63 TiB to vhdx"
says 4 "'new': format 'vdi' can't be written" "$rehost" copy -q -f raw disk.raw new -O vdi
says 4 "'new.vdi': format 'vdi' can't be written" "$rehost" copy -q -f raw disk.raw new.vdi
# Without -O the name says the format.
mkdir -p in.vmdk
for name in a.qcow2:qcow2 b.RAW:raw c.vmdk:vmdk d.vhd:vhd e.Vpc:vhd f.vhdx:vhdx g.img:qcow2 h:qcow2 in.vmdk/i:qcow2; do
	"$rehost" copy -q -f raw disk.raw "${name%:*}" || fail "copy to ${name%:*}"
	found=$("$rehost" info -f "${name#*:}" --json "${name%:*}" | jq -r '.chain[0].format')
	[ "$found" = "${name#*:}" ] || fail "copy to ${name%:*} made a $found"
	rm "${name%:*}"
done
says 2 "takes only subformat" "$rehost" copy -q -f raw disk.raw new -O vhd -o cluster_size=4096
[ -z "$(find . -name '.*.partial')" ] || fail "a partial file was left"
[ ! -e new ] || fail "a target was left"

# ---- what only other products make, into one kind of each format
if [ -d "$shared/samples" ]; then
	writers=("qcow2-zlib -O qcow2 -c zlib|qcow2" "vmdk -O vmdk|vmdk" "vhd -O vhd|vpc" "vhdx -O vhdx|vhdx")
	gzip -dc "$shared/samples/vhdx/discutils/vhdx-log-replay.vhdx.gz" > replay.vhdx
	for f in replay.vhdx "$shared/samples/vhd/dfvfs/ext2.vhd" "$shared/samples/vmdk/vmdkrs/streamOptimizedWithMarkers.vmdk" \
		"$shared/samples/vmdk/vmdkrs/monolithicSparse.vmdk"; do
		through "$f" "" ""
	done
else
	note+=" (no samples of other products here)"
fi

[ "$compared" -ge 340 ] || fail "only $compared images were compared"
echo "$compared copies into $kinds kinds of image hold what their source does$note"
