#!/bin/bash
# The appliance from outside: killed with us, a full delta is an error and no wait, a missing kernel says how to mend it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in mkfs.ext4 sfdisk mkswap qemu-system-x86_64 supermin; do
	command -v $tool >/dev/null || { echo "SKIP appliance.sh: $tool is missing"; exit 77; }
done
make -s -C "$root" build/tests/support/appliance_tool build/tests/support/graft_tool
dir=$(mktemp -d /var/tmp/rehost-test-XXXXXX)
server=''
end() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	umount "$dir/small" 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT
cd "$dir"
"$root/tests/support/guest-disk" "$dir"
mkfifo -m 600 in

fail() { echo "FAIL appliance.sh: $*" >&2; exit 1; }

serve() { # DELTA
	rm -f sock out
	"$root/build/tests/support/graft_tool" "$dir/sock" disk.raw "$1" map <in >out 2>&1 &
	server=$!
	exec 9>in
	for _ in $(seq 100); do grep -q ready out 2>/dev/null && return; sleep 0.05; done
	fail "the server did not start: $(cat out)"
}
stop() { exec 9>&-; wait "$server" || true; server=''; }
qemus() { pgrep -fc "qemu-system.*$dir/sock" || true; }

# no kernel for supermin: one line with the fix, exit status 8
serve delta
mkdir cache empty
without_kernel() { # in a mount namespace whose /boot and /lib/modules are empty
	# shellcheck disable=SC2016 # the inner shell expands
	unshare -m bash -c 'mount --bind "$1/empty" /boot && mount --bind "$1/empty" /lib/modules || exit 77
		LIBGUESTFS_CACHEDIR=$1/cache exec "$2" "$1/sock"' _ "$dir" "$root/build/tests/support/appliance_tool"
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

# killed: qemu is gone within 5 s
"$root/build/tests/support/appliance_tool" --hang "$dir/sock" >log 2>&1 &
pid=$!
for _ in $(seq 600); do grep -q '^start ' log && break; kill -0 $pid 2>/dev/null || fail "start: $(cat log)"; sleep 0.2; done
[ "$(qemus)" -ge 1 ] || fail "no qemu found to watch"
kill -9 $pid
began=$EPOCHREALTIME
wait $pid 2>/dev/null || true
while [ "$(qemus)" != 0 ]; do
	[ "$(bc <<<"$EPOCHREALTIME - $began < 5")" = 1 ] || fail "qemu lives 5 s after its parent was killed"
	sleep 0.1
done
echo "qemu was gone $(bc <<<"scale=1; ($EPOCHREALTIME - $began) / 1") s after kill -9"
stop

# no space for what the guest writes: an error, soon
mkdir small
if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
	serve small/delta
	status=0
	timeout 300 "$root/build/tests/support/appliance_tool" "$dir/sock" >log 2>&1 || status=$?
	case $status in 0 | 124) fail "full delta: status $status: $(cat log)" ;; esac
	echo "full delta: $(grep appliance_tool: log)"
	stop
else
	echo "not root: the full delta was not tried"
fi
