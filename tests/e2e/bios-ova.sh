#!/bin/bash
# The sample of VMware does not boot on virtio before; converted it does, with its mounts, its interface name and its
# static address, and systemd says "running". The source is unchanged.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
need_root
scratch

samples/build --out build/samples bios
source_sum=$(sha256sum < build/samples/web01.ova)

status=0
tests/lib/boot-guest virtio build/samples/web01.ova > "$work/before" || status=$?
[ "$status" = 1 ] || fail "the sample should fail on virtio before conversion, boot-guest said $status: $(cat "$work/before")"

./rehost convert build/samples/web01.ova -os "$work/out" --progress json 2> "$work/progress" || fail "$(cat "$work/progress")"
grep -q '"event":"phase"' "$work/progress" || fail "no NDJSON progress"
[ "$(sha256sum < build/samples/web01.ova)" = "$source_sum" ] || fail "the source changed"
[ ! -e "$work/out/.web01.partial" ] || fail "the partial folder is still there"
result=$work/out/web01
for file in web01.xml web01-sda.qcow2 report.json report.txt rehost.log; do
	[ -s "$result/$file" ] || fail "$file is missing from the result"
done
qemu-img check -q "$result/web01-sda.qcow2" || fail "qemu-img check"
virt-xml-validate "$result/web01.xml" > "$work/xml" || fail "$(cat "$work/xml")"
[ "$(jq -r .inspection.verdict "$result/report.json")" = BOOTS ] || fail "verdict: $(jq .inspection.verdict "$result/report.json")"

mac=$(jq -r '.machine.nics[0].mac' "$result/report.json")
tests/lib/boot-guest --mac "$mac" virtio "$result/web01-sda.qcow2" > "$work/after" || fail "the result does not boot: $(cat "$work/after")"
for line in 'state: running' "nic: ens192 virtio_net $mac" 'address: ens192 10.0.2.50/24' 'tcp: OK' 'data: OK'; do
	grep -qF "$line" "$work/after" || fail "'$line' is missing: $(cat "$work/after")"
done
tests/lib/boot-guest vmware build/samples/web01.ova > "$work/vmware" || fail "the sample does not boot on its own hardware"
mounts() { sed -n 's/^mount: [^ ]* //p' "$1" | sort; }
[ "$(mounts "$work/vmware")" = "$(mounts "$work/after")" ] || fail "mounts differ: $(mounts "$work/vmware") and $(mounts "$work/after")"

./rehost boot "$result/web01.xml" --level login --shots "$work/shots" > "$work/proof" || fail "rehost boot: $(cat "$work/proof")"
ls "$work"/shots/*.png > /dev/null || fail "no screenshot"
echo "fails on virtio before; after: running, same mounts, ens192 with its address, login proven"
