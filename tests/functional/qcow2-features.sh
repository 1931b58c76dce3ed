#!/bin/bash
# qcow2 with all it can have: what qemu-img and qemu-io make is read, what we make is clean and equal to them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"

# says STATUS PATTERN COMMAND…: it ends with that status and an error like that.
says() {
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" 2> log || got=$?
	[ "$got" = "$want" ] || fail "$*: exit status $got, expected $want"
	grep -q -- "$pattern" log || fail "$*: no '$pattern' in $(cat log)"
}

# 24 MiB and a bit with data at odd places and zeros written.
truncate -s $((24 * 1048576 + 512)) disk.raw
qemu-io -f raw -c 'write -P 1 0 512' -c 'write -P 2 3145728 1M' -c 'write -P 3 14000128 70000' -c 'write -z 9M 1M' \
	-c 'write -P 4 25165824 512' disk.raw > /dev/null

# ---- what we write
written() { # OPTIONS: copied with them, the image is clean and equal
	"$rehost" copy -q -f raw disk.raw written.qcow2 --force -o "$1" || fail "copy -o $1"
	qemu-img check -q written.qcow2 || fail "qemu-img check: $1"
	qemu-img compare -q -f raw -F qcow2 disk.raw written.qcow2 || fail "qemu-img compare: $1"
}
for options in cluster_size=4096 cluster_size=2M preallocation={off,metadata,falloc,full} extended_l2=on \
	extended_l2=on,cluster_size=128k,preallocation=metadata lazy_refcounts=off; do
	written "$options"
done
written extended_l2=on,preallocation=off
qemu-img info --output=json written.qcow2 | jq -e '."format-specific".data."extended-l2"' > /dev/null ||
	fail "extended L2 entries are not there"
written preallocation=full,cluster_size=1M
[ "$(stat -c %b written.qcow2)" -gt $((24 * 2048)) ] || fail "preallocation=full leaves holes"
qemu-img info --output=json written.qcow2 | jq -e '."cluster-size" == 1048576' > /dev/null || fail "cluster size"
says 2 "option 'size': format 'qcow2' takes only" "$rehost" copy -q -f raw disk.raw new.qcow2 -o size=1G
says 4 "compressed clusters can't be preallocated" \
	"$rehost" copy -q -f raw disk.raw new.qcow2 -c zlib -o preallocation=full
[ ! -e new.qcow2 ] || fail "a refused copy left a file"

echo "qcow2: qemu-img agrees with what is read and written"
