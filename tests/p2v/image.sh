#!/bin/bash
# End to end: a machine of AHCI and e1000e with a real Debian, whose initramfs has no virtio, boots the live ISO, dials
# `rehost serve` and switches itself off. The guest boots on virtio with its network name and address. The machine's disk
# stays as it was, and what travelled is what its file systems use.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
for tool in xorriso grub-mkimage mcopy cpio zstd udevadm qemu-system-x86_64 qemu-img jq dumpe2fs sfdisk; do
	PATH=$PATH:/sbin:/usr/sbin command -v "$tool" > /dev/null || skip "'$tool' is not installed"
done
need_root
PATH=$PATH:/sbin:/usr/sbin
scratch
host=
# shellcheck disable=SC2317  # called by the trap
cleanup() {
	[ -z "$host" ] || kill "$host" 2> /dev/null || :
	wait
	rm -rf "$work"
}
trap cleanup EXIT
build=${BUILD:-build}
make -s "$build/rehost-p2v"
boot-iso/build --agent "$build/rehost-p2v" --out "$work/iso" --no-firmware > /dev/null
samples/build --out build/samples web01
tar -xOf build/samples/web01.ova --wildcards '*.vmdk' > "$work/disk.vmdk"
qemu-img convert -O raw "$work/disk.vmdk" "$work/disk.raw"
before=$(sha256sum < "$work/disk.raw")

./rehost serve --listen 127.0.0.1:0 -os "$work/out" > "$work/host.out" 2> "$work/host.log" &
host=$!
for _ in $(seq 100); do
	! grep -q '^for ' "$work/host.out" || break
	sleep 0.1
done
port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/host.out")
token=$(sed -n 's/^token: //p' "$work/host.out")
[ "$token" ] || fail "serve: $(cat "$work/host.out" "$work/host.log")"
./rehost iso --server "10.0.2.2:$port" --token "$token" --name web01 --post poweroff "$work/iso/rehost-p2v.iso" "$work/p2v.iso"

# shellcheck disable=SC2054  # the commas are qemu's
# The machine: as VMware's was, its card is in slot 192, so that udev calls it ens192.
machine=(-machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 512 -nodefaults -vga none -display none -monitor none
	-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off
	-device pcie-root-port,id=net-port,chassis=2,slot=192 -netdev user,id=net
	-device e1000e,bus=net-port,netdev=net,mac=52:54:00:aa:00:01
	-drive "if=none,id=disk,format=raw,file=$work/disk.raw" -device ide-hd,drive=disk,serial=SN001
	-smbios type=1,manufacturer=Acme,product=Box,serial=XYZ1,uuid=11111111-2222-3333-4444-555555555555)
status=0
timeout 1200 qemu-system-x86_64 "${machine[@]}" -no-reboot -serial "file:$work/serial.log" -cdrom "$work/p2v.iso" -boot d ||
	status=$?
said=$(tr '\r' '\n' < "$work/serial.log" | grep -a . | tail -n 12)
[ "$status" = 0 ] || fail "qemu ended with $status: $said: $(cat "$work/host.log")"
grep -qa 'This machine is converted.' "$work/serial.log" || fail "not converted: $said: $(cat "$work/host.log")"
[ "$(sha256sum < "$work/disk.raw")" = "$before" ] || fail "the machine's disk was written to"

./rehost machines -os "$work/out" --json > "$work/machines.json"
[ "$(jq -r '.[0].state' "$work/machines.json")" = "done" ] || fail "machines: $(cat "$work/machines.json")"
sent=$(jq '.[0].sent' "$work/machines.json")
start=$(sfdisk -J "$work/disk.raw" | jq '.partitiontable.partitions[0].start * 512')
# What the file system uses, and how much of that isn't zeros: those needn't travel.
read -r used full < <(python3 - "$work/disk.raw" "$start" <<-'E'
	import re, subprocess, sys
	disk, start = sys.argv[1], int(sys.argv[2])
	text = subprocess.run(["dumpe2fs", f"{disk}?offset={start}"], capture_output=True, text=True, check=True).stdout
	size, count = (int(re.search(f"^{word}: *(\\d+)", text, re.M)[1]) for word in ("Block size", "Block count"))
	free = set()
	for line in re.findall("^  Free blocks: (.*)", text, re.M):
	    for part in filter(None, line.split(", ")):
	        first, _, last = part.partition("-")
	        free.update(range(int(first), int(last or first) + 1))
	full = 0
	with open(disk, "rb") as file:
	    file.seek(start)
	    for block in range(count):
	        data = file.read(size)
	        full += block not in free and data.count(0) != size
	print((count - len(free)) * size, full * size)
E
)
echo "sent $((sent >> 20)) MiB; the file system uses $((used >> 20)) MiB, $((full >> 20)) MiB without its zeros, of $(($(stat -c %s "$work/disk.raw") >> 20)) MiB"
[ "$sent" -ge "$full" ] || fail "$sent bytes were sent, $full are used and no zeros"
[ $((sent * 100)) -le $((used * 115)) ] || fail "$sent bytes were sent, only $used are used"

tests/lib/boot-guest virtio "$work"/out/web01/web01-sda.qcow2 > "$work/after" || fail "boot: $(cat "$work/after")"
for line in 'state: running' 'data: OK' 'address: ens192 10.0.2.50/24' 'tcp: OK'; do
	grep -qF -- "$line" "$work/after" || fail "'$line' is missing: $(cat "$work/after")"
done
echo "booted on virtio: $(grep -F 'address: ens192' "$work/after")"
