#!/bin/bash
# copy, compare, map and nbd: what they make and say agrees with qemu-img and nbdcopy.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"

# 64 MiB with data at odd places, zeros written, and a tail that is no multiple of a cluster.
truncate -s $((64 * 1048576 + 512)) disk.raw
qemu-io -f raw -c 'write -P 1 0 512' -c 'write -P 2 3145728 1M' -c 'write -P 3 40000512 70000' -c 'write -z 9M 1M' \
	-c 'write -P 4 67108864 512' disk.raw > /dev/null

for format in raw qcow2; do
	"$rehost" copy -q -f raw disk.raw "copy.$format" -O "$format" || fail "copy to $format"
	qemu-img compare -q -f raw -F "$format" disk.raw "copy.$format" || fail "qemu-img compare: $format"
	"$rehost" compare -f raw disk.raw -F "$format" "copy.$format" > /dev/null || fail "compare: $format"
done
for codec in zlib zstd; do
	"$rehost" copy -q -f raw disk.raw "$codec.qcow2" -c $codec || fail "copy with $codec"
	qemu-img check -q "$codec.qcow2" || fail "qemu-img check: $codec"
	qemu-img compare -q -f raw -F qcow2 disk.raw "$codec.qcow2" || fail "qemu-img compare: $codec"
done
for subformat in monolithicSparse streamOptimized twoGbMaxExtentSparse monolithicFlat; do
	qemu-img convert -f raw -O vmdk -o subformat=$subformat disk.raw $subformat.vmdk
	"$rehost" copy -q $subformat.vmdk $subformat.raw -O raw || fail "copy from $subformat"
	qemu-img compare -q -f raw -F raw disk.raw $subformat.raw || fail "qemu-img compare: $subformat"
done
for format in vpc vhdx vdi qcow qed parallels; do
	qemu-img convert -f raw -O $format disk.raw disk.$format 2> log || fail "$(cat log)"
	for target in raw qcow2; do
		"$rehost" copy -q -f $format disk.$format from-$format.$target -O $target || fail "copy from $format to $target"
		qemu-img compare -q -f raw -F $target disk.raw from-$format.$target || fail "qemu-img compare: $format, $target"
	done
done

# A link of the user's own leads anywhere; the folder of a Parallels bundle is its disk.
mkdir -p elsewhere bundle.hdd && ln -s ../copy.qcow2 elsewhere/link.qcow2
"$rehost" compare -f raw disk.raw elsewhere/link.qcow2 > /dev/null || fail "a link to an image"
qemu-img convert -f raw -O parallels disk.raw bundle.hdd/a.hds
cat > bundle.hdd/DiskDescriptor.xml << X
<Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>$(($(stat -c %s disk.raw) / 512))</Disk_size></Disk_Parameters>
<StorageData><Storage><Start>0</Start><End>$(($(stat -c %s disk.raw) / 512))</End><Blocksize>2048</Blocksize>
<Image><GUID>{1}</GUID><Type>Compressed</Type><File>a.hds</File></Image></Storage></StorageData></Parallels_disk_image>
X
"$rehost" compare -f raw disk.raw bundle.hdd > /dev/null || fail "a Parallels bundle by its folder"

says 3 "target 'copy.raw' exists already: --force replaces it" "$rehost" copy -q -f raw disk.raw copy.raw -O raw
says 2 "format 'raw' is not compressed: --compress goes with qcow2" "$rehost" copy -q -f raw disk.raw new.raw -O raw -c zlib
for format in raw vmdk vhd vhdx; do
	says 2 "format '$format' has no cluster size: --cluster-size goes with qcow2" \
		"$rehost" copy -q -f raw disk.raw new.$format -O $format --cluster-size 4096
	[ ! -e new.$format ] || fail "new.$format is made all the same"
done
"$rehost" copy -q -f raw disk.raw small.qcow2 --cluster-size 4096 || fail "--cluster-size"
[ "$(qemu-img info --output=json small.qcow2 | jq '."cluster-size"')" = 4096 ] || fail "--cluster-size: not 4096"

# What is neither a file nor a block device is no target, and stays what it is.
mkdir folder && mkfifo fifo && ln -s folder to-folder
refused() {
	says 2 "target '$1' is $2, a file or a block device expected" "$rehost" copy -q -f raw disk.raw "$1" -O raw
	says 2 "target '$1' is $2, a file or a block device expected" "$rehost" copy -q -f raw disk.raw "$1" -O raw --force
}
refused folder "a folder"
refused to-folder "a folder"
refused fifo "a FIFO"
[ "$(stat -c %F fifo folder to-folder | paste -sd,)" = "fifo,directory,symbolic link" ] || fail "a special file was replaced"
if mknod null c 1 3 2> /dev/null; then
	refused null "a character device"
	[ -c null ] || fail "a character device was replaced"
fi
: > .busy.qcow2.partial
says 75 'is locked: another copy is writing it' flock .busy.qcow2.partial "$rehost" copy -q -f raw disk.raw busy.qcow2
[ -e .busy.qcow2.partial ] || fail "the other copy's file is gone"
rm .busy.qcow2.partial
"$rehost" copy -q -f raw disk.raw copy.raw -O raw --force || fail "--force"
"$rehost" copy -q zlib.qcow2 copy.raw -O raw --force --bwlimit 64M || fail "--bwlimit"
qemu-img compare -q -f raw -F raw disk.raw copy.raw || fail "qemu-img compare: --bwlimit"
says 2 "option --bwlimit: '0' is not a number of bytes" "$rehost" copy -q -f raw disk.raw new.raw -O raw --bwlimit 0
[ -z "$(find . -name '.*.partial')" ] || fail "a partial file is left"

cp disk.raw other.raw && printf x | dd of=other.raw bs=1 seek=40000600 conv=notrunc status=none
says 6 'differ, first at 0x2625c58' "$rehost" compare -f raw -F raw disk.raw other.raw

# The answer is all that compare says where nobody looks on; events come on request; a limit is that of both images.
[ "$("$rehost" compare -f raw -F raw disk.raw copy.raw -j 1 2>&1)" = "the images are equal" ] || fail "compare says more"
"$rehost" compare -f raw -F raw disk.raw copy.raw --progress json 2>&1 > /dev/null |
	jq -e 'select(.event == "phase") | .text == "comparing"' > /dev/null || fail "compare --progress json"
"$rehost" compare -f raw -F raw disk.raw copy.raw --verbose 2>&1 > /dev/null | grep -q 'comparing$' || fail "compare --verbose"
"$rehost" copy -f raw disk.raw copy.raw -O raw --force --progress json 2>&1 |
	jq -e 'select(.event == "phase") | .text == "copying"' > /dev/null || fail "copy --progress json"
head -c 4M /dev/urandom > limited.raw
ms=$(date +%s%3N)
"$rehost" compare -f raw -F raw limited.raw limited.raw --bwlimit 4M > /dev/null || fail "compare --bwlimit"
ms=$(($(date +%s%3N) - ms))
[ "$ms" -ge 1500 ] || fail "compare read 8 MiB in $ms ms, 4 MiB a second are allowed"

# Landlock comes before the first thread, and before it the file of $TMPDIR into which a packed image goes.
confined_first() {
	strace -f -qq -o all -e trace=openat,clone,clone3,landlock_restrict_self "$rehost" "$@" > log 2>&1 ||
		fail "$*: $(cat log)"
	grep -E 'CLONE_THREAD|O_TMPFILE|landlock' all > trace
	awk '/landlock_restrict_self\(.* = 0$/ { confined++ } /CLONE_THREAD/ && !confined { early++ }
		/O_TMPFILE/ { unnamed[confined + 0]++ }
		END { print confined + 0, early + 0, unnamed[0] + 0, unnamed[1] + 0 }' trace
}
if ! command -v strace > /dev/null || [ "$(confined_first info copy.qcow2 | cut -d' ' -f1)" = 0 ]; then
	note=" (order of confinement not tried: no strace or no Landlock)"
else
	gzip -k disk.raw && gzip -k zlib.qcow2
	[ "$(confined_first copy -f raw disk.raw threads.raw -O raw)" = "1 0 0 0" ] || fail "copy: $(cat trace)"
	grep -q CLONE_THREAD trace || fail "copy has no threads: nothing was tried"
	[ "$(confined_first copy -f raw disk.raw.gz unpacked.qcow2)" = "1 0 1 0" ] || fail "copy of a packed image: $(cat trace)"
	[ "$(confined_first info -f raw disk.raw.gz)" = "1 0 1 0" ] || fail "info of a packed image: $(cat trace)"
	[ "$(confined_first compare -f raw disk.raw.gz zlib.qcow2.gz)" = "1 0 2 0" ] || fail "compare of packed images: $(cat trace)"
	qemu-img compare -q -f raw -F qcow2 disk.raw unpacked.qcow2 || fail "qemu-img compare: a packed image"
	note=
fi

# The map's data covers what qemu-img calls data, and nothing much besides.
qemu-img map --output=json -f qcow2 copy.qcow2 | jq '[.[] | select(.data) | .length] | add' > theirs
"$rehost" map --json copy.qcow2 | jq '[.[] | select(.kind == "data") | .length] | add' > ours
[ "$(cat ours)" = "$(cat theirs)" ] || fail "map: $(cat ours) bytes of data, qemu-img says $(cat theirs)"

# Of sparse disks, whose tables mostly say that nothing is there, each piece of data is found where it is.
at=$((1 << 16))
for ((i = 0; i < 40; i++)); do
	writes+=(-c "write -P 7 $at 64k")
	at=$((at + (i * i * 7919 % 6007 + 1) * (i % 3 ? 1 : 80) * 65536))
done
for format in vdi qed vmdk qcow2; do
	qemu-img create -q -f $format sparse.$format 200G
	qemu-io -f $format "${writes[@]}" sparse.$format > /dev/null
	qemu-img map --output=json -f $format sparse.$format | jq -c 'map(select(.data) | [.start, .length])' > theirs
	"$rehost" map --json -f $format sparse.$format | jq -c 'map(select(.kind == "data") | [.offset, .length])' > ours
	cmp ours theirs || fail "map of a sparse $format: $(head -c 300 ours), qemu-img says $(head -c 300 theirs)"
done

"$rehost" nbd zstd.qcow2 -s nbd.sock > ready &
server=$!
for _ in $(seq 600); do [ -s ready ] && break; sleep 0.1; done
nbdcopy "$(cat ready)" nbd.raw || fail "nbdcopy"
grep -q '^Seccomp:[[:space:]]*2' /proc/$server/status || fail "nbd parses images without a filter of system calls"
kill $server
wait $server || fail "nbd ended with $?"
[ ! -e nbd.sock ] || fail "the socket is left"
qemu-img compare -q -f raw -F raw disk.raw nbd.raw || fail "what nbdcopy got differs"
# What a cut image lacks is told when a client reads it.
qemu-img convert -f raw -O vmdk disk.raw whole.vmdk
head -c "$(($(stat -c %s whole.vmdk) - 65536))" whole.vmdk > cut.vmdk
"$rehost" nbd --allow-truncated cut.vmdk -s nbd.sock > cut.ready 2> said &
server=$!
for _ in $(seq 600); do [ -s cut.ready ] && break; sleep 0.1; done
nbdcopy "$(cat cut.ready)" nbd.raw || fail "nbdcopy of a cut image"
kill $server
wait $server || fail "nbd of a cut image ended with $?: $(cat said)"
grep -q "^warning: 'cut.vmdk' is cut off" said || fail "nbd serves a cut image without a warning: $(cat said)"
# A copy that a signal ends leaves nothing; closed standard streams don't become the target.
head -c 32M /dev/urandom > random.raw
for signal in INT TERM HUP; do
	env --default-signal=HUP "$rehost" copy -q -f raw random.raw ended.qcow2 --bwlimit 2M &
	copy=$!
	for _ in $(seq 600); do [ -e .ended.qcow2.partial ] && break; sleep 0.1; done
	kill -$signal $copy
	got=0 && wait $copy || got=$?
	[ "$got" -gt 128 ] || fail "copy ended with $got on $signal"
	[ -z "$(find . -name '*ended*')" ] || fail "$signal: left: $(find . -name '*ended*')"
done
# Slow enough that it tells how far it is.
"$rehost" copy -f raw random.raw closed.raw -O raw --bwlimit 5M <&- >&- 2>&- || fail "copy without standard streams"
cmp random.raw closed.raw || fail "something was told into the target"
echo "copies, comparisons, map and export agree with qemu-img and nbdcopy$note"
