#!/bin/bash
# A file system behind `rehost io` in the libguestfs appliance: mounted, trimmed, written to, frozen, copied to qcow2.
# What is read of the source is counted from outside with strace.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
for tool in guestfish mke2fs debugfs e2fsck qemu-img strace; do
	command -v "$tool" >/dev/null || skip "$tool is missing"
done
make -s build/tests/support/io_tool >/dev/null
io_tool=$PWD/build/tests/support/io_tool
scratch
cd "$work"

# 768 MiB, half of it rubbish that a file system with 60 MiB of files leaves unused
mkdir -p tree/etc partial
for i in $(seq 60); do head -c 1M /dev/urandom >"tree/file$i"; done
echo "before" >tree/etc/motd
truncate -s 768M disk.raw
dd if=/dev/urandom of=disk.raw bs=1M seek=256 count=384 conv=notrunc status=none
mke2fs -q -t ext4 -F -E nodiscard -d tree disk.raw
before=$(sha256sum <disk.raw)

mkfifo in
strace -ff -qq -e trace=pread64,preadv,preadv2,read,mmap --decode-fds=path -o trace \
	"$io_tool" partial qcow2 "$work/disk.raw" <in >out 2>err &
tool=$!
exec 9>in
for _ in $(seq 200); do ! grep -q ready out || break; sleep 0.1; done
socket=$(sed -n 's/^ready //p' out)
[ -S "$socket" ] || fail "io_tool did not start: $(cat out err)"

guestfish 9>&- >fish.out <<-G || fail "guestfish: $(cat fish.out)"
	add "" format:raw protocol:nbd server:unix:$socket cachemode:unsafe discard:enable
	run
	mount /dev/sda /
	time fstrim /
	write /etc/motd "after"
	rm /file60
	cat /file1 | sha256sum
	umount-all
	shutdown
G
exec 9>&-
wait $tool || fail "io_tool: $(cat out err)"
[ "$(sha256sum <disk.raw)" = "$before" ] || fail "the source changed"
[ ! -e "$socket" ] || fail "the socket is still there"

# the result
qemu-img check -q partial/disk.qcow2 || fail "qemu-img check"
qemu-img convert -O raw partial/disk.qcow2 result.raw
e2fsck -fn result.raw >fsck.out 2>&1 || fail "e2fsck: $(cat fsck.out)"
mkdir back
debugfs -R 'rdump / back' result.raw >/dev/null 2>&1
rm -r tree/file60 back/lost+found
printf after >tree/etc/motd
diff -r tree back || fail "the files differ"

# what it cost: 4 KiB blocks in use, of which each is read once; a little more for mounting and for partial writes
used=$(dumpe2fs -h result.raw 2>/dev/null | awk '/^Block count/ {b = $3} /^Free blocks/ {f = $3} END {print (b - f) * 4096}')
copied=$(sed -n 's/^copied read \([0-9]*\) .*/\1/p' out)
strace_read=$(sed -n 's/.*disk\.raw>.* = \([0-9]*\)$/\1/p' trace.* | awk '{s += $1} END {print s}')
! grep -q 'mmap.*disk\.raw' trace.* || fail "the source is mapped: strace can't count"
[ "$copied" -le $((used * 11 / 10)) ] || fail "copied $copied bytes, $used are in use"
[ "$strace_read" -le $((used * 11 / 10 + 3 * 1048576)) ] || fail "read $strace_read bytes of the source, $used are in use"
seconds=$(sed -n 's/^elapsed time: \([0-9.]*\) seconds/\1/p' fish.out)
echo "fstrim $seconds s; in use $used, copied $copied, read of the source $strace_read bytes (strace)"
