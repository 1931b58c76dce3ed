#!/bin/bash
# The NBD server over a graft, with the clients that users have: nbdinfo, nbdcopy, qemu-img, qemu-io.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
for tool in nbdinfo nbdcopy qemu-img qemu-io; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
make -s build/tests/support/graft_tool >/dev/null
graft_tool=$PWD/build/tests/support/graft_tool
scratch
cd "$work"
uri="nbd+unix:///?socket=$work/sock"

same() { [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"; }

serve() { # [readonly]
	rm -f sock
	mkfifo -m 600 in 2>/dev/null || true
	"$graft_tool" sock disk.raw delta map "$@" <in >out 2>&1 &
	server=$!
	exec 9>in
	for _ in $(seq 1200); do grep -q ready out && return; sleep 0.05; done
	fail "the server did not start: $(cat out)"
}
stop() { exec 9>&-; wait $server || fail "the server: $(cat out)"; stats=$(tail -1 out); }

# 256 MiB: 16 MiB of data at 8 MiB, 3 MiB at the end, a partition table so that raw is recognised
truncate -s 256M disk.raw
dd if=/dev/urandom of=disk.raw bs=1M seek=8 count=16 conv=notrunc status=none
dd if=/dev/urandom of=disk.raw bs=1M seek=253 count=3 conv=notrunc status=none
printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\0\020\0' | dd of=disk.raw bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=disk.raw bs=1 seek=510 conv=notrunc status=none
before=$(sha256sum disk.raw)

serve
same "$(nbdinfo --size "$uri")" 268435456 "size"
info=$(nbdinfo --json "$uri")
for want in '"can_trim": true' '"can_zero": true' '"can_multi_conn": true' '"can_fua": true' '"structured": true' \
	'"base:allocation"' '"is_read_only": false' '"block_size_maximum": 33554432'; do
	grep -qF "$want" <<<"$info" || fail "nbdinfo --json lacks $want: $info"
done
nbdinfo --list "$uri" | grep -q 'export=""' || fail "--list"
same "$(nbdinfo --map "$uri" | awk '$1 >= 8388608 { print $1, $2, $3 }' | tr '\n' ';')" \
	"8388608 16777216 0;25165824 240123904 3;265289728 3145728 0;" "map"
nbdcopy "$uri" copy.raw
cmp disk.raw copy.raw || fail "nbdcopy out differs"
qemu-img compare -f raw -F raw "$uri" disk.raw >/dev/null || fail "qemu-img compare"
same "$(qemu-img map -f raw --output=json "$uri" | grep -c '"data": true')" 3 "qemu-img map: data extents"

# writes of every alignment, zeros, discards; the source stays as it is
qemu-io -f raw -c 'write -P 0x11 3000 5000' -c 'write -P 0x22 -f 8M 64k' -c 'write -z 9M 1M' -c 'discard 10M 4M' \
	-c 'write -P 0x33 268434632 824' -c 'aio_write -P 0x44 100M 2M' -c 'aio_write -P 0x55 104M 2M' -c 'aio_flush' \
	-c 'flush' -c 'read -P 0x11 3000 5000' -c 'read -P 0x22 8M 64k' -c 'read -P 0 9M 1M' -c 'read -P 0 10M 4M' \
	-c 'read -P 0x33 268434632 824' -c 'read -P 0x44 100M 2M' -c 'read -P 0x55 104M 2M' "$uri" >io.log ||
	fail "qemu-io: $(cat io.log)"
grep -qi 'verification failed\|error' io.log && fail "qemu-io: $(cat io.log)"
same "$(sha256sum disk.raw)" "$before" "the source changed"

# the same as qemu does to a copy
cp --sparse=always disk.raw expected.raw
qemu-io -f raw -c 'write -P 0x11 3000 5000' -c 'write -P 0x22 8M 64k' -c 'write -z 9M 1M' -c 'write -z 10M 4M' \
	-c 'write -P 0x33 268434632 824' -c 'write -P 0x44 100M 2M' -c 'write -P 0x55 104M 2M' expected.raw >/dev/null
qemu-img compare -f raw -F raw "$uri" expected.raw >/dev/null || fail "the graft's content after writing"

# a whole-disk discard is a matter of the map
start=$(date +%s%N)
qemu-io -f raw -d unmap -c 'discard 0 256M' "$uri" >/dev/null
took=$((($(date +%s%N) - start) / 1000000))
[ $took -lt 10000 ] || fail "discard of 256 MiB took $took ms"
stop
same "$stats" "source 0 delta 0 zero 268435456 read ${stats##* }" "stats"

# nbdcopy in: 4 connections that write at once
serve
nbdcopy expected.raw "$uri"
qemu-img compare -f raw -F raw "$uri" expected.raw >/dev/null || fail "nbdcopy in"
stop

serve readonly
same "$(nbdinfo --is readonly "$uri" && echo yes)" yes "read-only"
qemu-io -f raw -c 'write 0 512' "$uri" >io.log 2>&1 && grep -qv 'ermission\|read-only\|Read-only' io.log && fail "a write on a read-only export"
stop
same "$(sha256sum disk.raw)" "$before" "the source changed"
echo "nbdinfo, nbdcopy, qemu-img, qemu-io; whole-disk discard of 256 MiB ${took} ms"
