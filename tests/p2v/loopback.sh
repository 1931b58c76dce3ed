#!/bin/bash
# A real guest's disk, offered over the loopback as a machine's, through a link that breaks five times: it is converted and
# boots on virtio with its network, and only what its file system uses comes over the network.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
make -s build/tests/support/p2v_client > /dev/null
scratch
trap 'kill ${host:-} ${link:-} ${machine:-} 2> /dev/null || true; rm -rf "$work"' EXIT
samples/build --out build/samples web01
eval "$(samples/build --out build/samples --show web01)"
mac=52:54:00:aa:00:01

tar xOf "${files[0]}" web01-disk1.vmdk > "$work/disk.vmdk"
./rehost copy -q "$work/disk.vmdk" "$work/sda" -O raw
rm "$work/disk.vmdk"
before=$(sha256sum "$work/sda")

# Bytes that the ext4 on its first partition says are in use.
used=$(dumpe2fs -h "$work/sda?offset=$((2048 * 512))" 2> "$work/log" |
	awk '/^Block count:/ { n = $3 } /^Free blocks:/ { f = $3 } /^Block size:/ { print (n - f) * $3 }')
[ "$used" -gt 0 ] || fail "dumpe2fs: $(cat "$work/log")"

printf '{"schema":"rehost-machine-1","name":"web01","smbios":{"uuid":"4c4c4544-0042-3510-8051-b4c04f4b3132"},"firmware":"bios",
	"memory":1073741824,"cpu":{"sockets":1,"cores":2,"threads":2},"nics":[{"name":"ens192","mac":"%s","driver":"vmxnet3"}]}' \
	$mac > "$work/web01.json"
./rehost serve --listen 127.0.0.1:0 --bwlimit 50M -os "$work/out" > "$work/host.out" 2> "$work/host.log" &
host=$!
until grep -q '^for ' "$work/host.out"; do
	kill -0 $host 2> /dev/null || fail "$(cat "$work/host.log")"
	sleep 0.1
done
address=$(sed -n 's/^listening on //p' "$work/host.out")
: > "$work/client.out"
coproc tests/support/cutting-proxy 127.0.0.1 "${address##*:}"
link=$COPROC_PID
read -r door <&"${COPROC[0]}"
build/tests/support/p2v_client 127.0.0.1:"$door" "$(sed -n 's/^token: //p' "$work/host.out" | head -n 1)" "$work/web01.json" 120 \
	"$work/sda" > "$work/client.out" 2>&1 &
machine=$!
for mib in 1 30 100 200 300; do # in the appliance, and in the copy
	until awk -v want=$((mib << 20)) '$4 > want { found = 1 } END { exit !found }' "$work/client.out"; do
		kill -0 $machine 2> /dev/null || fail "$(tail -n 3 "$work/client.out" "$work/host.log")"
		sleep 0.2
	done
	echo reset >&"${COPROC[1]}"
done
wait $machine || fail "$(tail -n 3 "$work/client.out" "$work/host.log")"
sleep 1 # the list is written right behind
sent=$(./rehost machines -os "$work/out" --json | jq '.[0].sent')
[ "$(sha256sum "$work/sda")" = "$before" ] || fail "the machine's disk was written to"
# Zeros don't travel, so it may be less than the file system uses; never much more.
[ $((sent * 100)) -le $((used * 115)) ] || fail "$sent bytes came, $used are used"
[ $((sent * 100)) -ge $((used * 80)) ] || fail "$sent bytes came, $used are used"

result=$work/out/$name
check_result "$result"
mapfile -t disks < <(result_disks "$result")
boots "$work/after" --mac $mac "${virtio[@]}" "${disks[@]}" || fail "the result does not boot: $(cat "$work/after")"
expect_lines "$work/after"
echo "web01: $((sent >> 20)) MiB came, $((used >> 20)) MiB are used ($((sent * 100 / used)) %); boots on virtio"
