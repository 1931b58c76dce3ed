#!/bin/bash
# The appliance from outside: killed with us, a full delta is an error and no wait, a missing kernel says how to mend it,
# two systems are kept apart, and free extents of volume groups are given back.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in mkfs.ext4 sfdisk mkswap qemu-system-x86_64 supermin; do
	command -v $tool >/dev/null || { echo "SKIP appliance.sh: $tool is missing"; exit 77; }
done
make -s -C "$root" build/tests/support/appliance_tool build/tests/support/graft_tool
tool=$root/build/tests/support/appliance_tool
dir=$(mktemp -d /var/tmp/rehost-test-XXXXXX)
servers=()
end() {
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
	umount "$dir/small" 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT
cd "$dir"
exec 3>&2
"$root/tests/support/guest-disk" "$dir"
mkfifo -m 600 in

fail() { echo "FAIL appliance.sh: $*" >&2; exit 1; }
step() { echo "appliance.sh: [$SECONDS s] $*"; } # what the runner shows while it waits

serve() { # IMAGE DELTA: a graft on the socket IMAGE.sock, until stop
	rm -f "$1.sock" "$1.out"
	"$root/build/tests/support/graft_tool" "$dir/$1.sock" "$1" "$2" "$1.map" <in >"$1.out" 2>&1 9>&- &
	servers+=($!)
	exec 9<>in
	for _ in $(seq 1200); do grep -q ready "$1.out" 2>/dev/null && return; sleep 0.05; done
	fail "the server did not start: $(cat "$1.out")"
}
stop() { # the last reader of the pipe gets its end of file
	exec 9>&-
	for _ in $(seq 600); do
		kill -0 "${servers[@]}" 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 "${servers[@]}" 2>/dev/null; then
		ps -ef >&2
		fail "servers do not end with their input: ${servers[*]}"
	fi
	wait "${servers[@]}" || true
	servers=()
}
started() { # ARGUMENT...: the tool at work with its appliance, in the background as $pid
	"$tool" "$@" "$dir/disk.raw.sock" >log 2>&1 9>&- &
	pid=$!
	for _ in $(seq 6000); do
		if grep -q '^start ' log; then return; fi
		kill -0 $pid 2>/dev/null || fail "start: $(cat log)"
		sleep 0.2
	done
	fail "not started in 20 minutes: $(cat log)"
}
run_tool() { # as `rehost` does: an appliance that hangs is ended, and tried once more
	local status=0
	timeout -k 10 700 "$tool" --stall=240 "$@" || status=$?
	if [ $status != 75 ] || ! grep -q "did not move\|ended by itself" log; then return $status; fi
	echo "appliance.sh: once more: $(grep -m 2 "did not move\|of processor\|ended by itself" log)" >&3
	timeout -k 10 700 "$tool" --stall=240 "$@"
}
qemus() { pgrep -fc "qemu-system.*$dir/disk.raw.sock" || true; }

# no kernel for supermin: one line with the fix, exit status 8
step "no kernel"
serve disk.raw delta
mkdir cache empty
without_kernel() { # in a mount namespace whose /boot and /lib/modules are empty
	# shellcheck disable=SC2016 # the inner shell expands
	unshare -m bash -c 'mount --bind "$1/empty" /boot && mount --bind "$1/empty" /lib/modules || exit 77
		LIBGUESTFS_CACHEDIR=$1/cache exec timeout 120 "$2" "$1/disk.raw.sock"' _ "$dir" "$tool"
}
if unshare -m true 2>/dev/null; then
	status=0
	without_kernel >log 2>&1 || status=$?
	[ $status = 8 ] || fail "no kernel: status $status: $(cat log)"
	grep -qx 'appliance_tool: host: libguestfs needs a kernel to start its appliance, and there is none in /boot or /lib/modules: apt-get install linux-image-amd64' log ||
		fail "no kernel: $(cat log)"
else
	echo "not root: a host without a kernel was not tried"
fi

# killed: qemu is gone soon; a busy host may need a while
step "killed"
started --hang
[ "$(qemus)" -ge 1 ] || fail "no qemu found to watch"
kill -9 $pid
began=$EPOCHREALTIME
wait $pid 2>/dev/null || true
while [ "$(qemus)" != 0 ]; do
	[ "$(bc <<<"$EPOCHREALTIME - $began < 20")" = 1 ] || fail "qemu lives 20 s after its parent was killed"
	sleep 0.1
done
echo "qemu was gone $(bc <<<"scale=1; ($EPOCHREALTIME - $began) / 1") s after kill -9"

# crashed: a qemu that ends by itself is no property of the guest: an error that asks for another try
step "crashed"
started
pkill -SEGV -P $pid qemu || fail "no qemu found to end"
status=0
wait $pid || status=$?
[ $status = 75 ] || fail "crashed: status $status: $(cat log)"
grep -q '^appliance_tool: tempfail: .*: the appliance ended by itself.*; try again$' log || fail "crashed: $(cat log)"

# panic: what is on the disks may be the cause, and would be the next time
step "panic"
started --panic
status=0
wait $pid || status=$?
[ $status = 5 ] || fail "panic: status $status: $(cat log)"
grep -q "^appliance_tool: convert: .*: the appliance's kernel crashed: '.*Kernel panic" log || fail "panic: $(cat log)"

# hung: an appliance that does nothing any more is ended, with an error that asks for another try
step "hung"
started --stall=120 # a slow host starts the appliance in silence for a while
pkill -STOP -P $pid qemu || fail "no qemu found to stop"
status=0
wait $pid || status=$?
[ $status = 75 ] || fail "hung: status $status: $(cat log)"
grep -q '^appliance_tool: tempfail: .*: the appliance did not move for 120 s and was ended; try again$' log || fail "hung: $(cat log)"
[ "$(qemus)" = 0 ] || fail "a qemu that hung is left"
stop

# no space for what the guest writes: an error that says so, soon
step "full delta"
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
	serve disk.raw small/delta
	status=0
	run_tool "$dir/disk.raw.sock" >log 2>&1 9>&- || status=$?
	[ $status = 75 ] || fail "full delta: status $status: $(cat log)"
	stop
	grep -q "what the guest wrote to 'disk.raw' was lost: .*No space left on device" disk.raw.out ||
		fail "full delta: the graft froze: $(cat disk.raw.out)"
else
	echo "not root: the full delta was not tried"
fi

# two systems: listed, never asked for; the chosen one's "/" is its own, though its fstab says /dev/sda1
step "two systems"
cp disk.raw other.raw
printf '/dev/sda1 / ext4 defaults 0 1\n' >fstab
echo other >hostname
printf 'rm /etc/%s\nwrite %s /etc/%s\n' fstab fstab fstab hostname hostname hostname |
	debugfs -w -f - "other.raw?offset=1048576" >/dev/null 2>&1
tune2fs -f -U random "other.raw?offset=1048576" >/dev/null
for image in disk.raw other.raw; do serve $image $image.delta; done
status=0
run_tool "$dir"/{disk,other}.raw.sock >log 2>&1 9>&- || status=$?
[ $status = 3 ] || fail "two systems: status $status: $(cat log)"
grep -qxF 'appliance_tool: blocked: several operating systems: /dev/sda1 (debian 12, tiny), /dev/sdb1 (debian 12, other): choose one with --root=DEVICE or --root=first' log ||
	fail "two systems: $(cat log)"
run_tool --root=/dev/sdb1 "$dir"/{disk,other}.raw.sock >log 2>&1 9>&- || fail "--root: $(cat log)"
stop
grep -q '"hostname": "other"' log || fail "--root: $(cat log)"
grep -q '^trim /dev/sdb1: ' log || fail "--root: $(cat log)"
if grep -q '^trim /dev/sda1: ' log; then fail "--root: the other system was mounted: $(cat log)"; fi

# free extents of a volume group over two disks; the guest doesn't mount it, so the volume itself stays whole
step "volume group"
if command -v guestfish >/dev/null; then
	head -c 48M /dev/urandom >pv1.raw
	head -c 48M /dev/urandom >pv2.raw
	LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg guestfish <<-'X'
		add pv1.raw format:raw
		add pv2.raw format:raw
		run
		pvcreate /dev/sda
		pvcreate /dev/sdb
		vgcreate data "/dev/sda /dev/sdb"
		lvcreate kept data 20
		mkfs ext4 /dev/data/kept
	X
	for image in disk.raw pv1.raw pv2.raw; do serve $image $image.delta; done
	run_tool "$dir"/{disk,pv1,pv2}.raw.sock >log 2>&1 9>&- || fail "volume group: $(cat log)"
	stop
	grep -q 'free extents of volume group data: 68.0 MiB' log || fail "volume group: $(cat log)"
	zero=$(($(sed -n 's/.*zero \([0-9]*\) .*/\1/p' pv1.raw.out) + $(sed -n 's/.*zero \([0-9]*\) .*/\1/p' pv2.raw.out)))
	[ $zero = $((68 << 20)) ] || fail "volume group: $zero bytes discarded, expected 68 MiB"
else
	echo "no guestfish: volume groups were not tried"
fi
