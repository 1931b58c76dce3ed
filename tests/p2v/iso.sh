#!/bin/bash
# The live ISO: two builds are the same bytes; it boots with 512 MB from CD and USB stick, by BIOS, UEFI and UEFI with
# Secure Boot, tells what the machine is, switches it off, and leaves its disks as they were.
set -euo pipefail
. tests/lib/common.sh
for tool in xorriso grub-mkimage mcopy cpio zstd udevadm qemu-system-x86_64 jq; do
	PATH=$PATH:/sbin:/usr/sbin command -v "$tool" > /dev/null || skip "'$tool' is not installed"
done
apt-cache show linux-image-amd64 > /dev/null 2>&1 || skip "apt has no package lists"
scratch
build=${BUILD:-build}
make -s "$build/rehost-p2v"

export SOURCE_DATE_EPOCH=1700000000
for n in 1 2; do boot-iso/build --agent "$build/rehost-p2v" --out "$work/$n" --no-firmware > "$work/build.log"; done
cmp "$work/1/rehost-p2v.iso" "$work/2/rehost-p2v.iso" || fail "two builds differ"
cmp "$work/1/initrd" "$work/2/initrd" || fail "two builds' initrds differ"
size=$(stat -c %s "$work/1/rehost-p2v.iso")
[ "$size" -le $((100 << 20)) ] || fail "the ISO has $size bytes"
echo "two builds are the same $((size >> 20)) MiB; the second took $(sed -n 's/^\[ *\([0-9]*\) s\].*MiB.*/\1/p' "$work/build.log") s"

./rehost iso --inventory --post poweroff --name 'web 1' "$work/1/rehost-p2v.iso" "$work/p2v.iso"

# A disk with a partition table, an ext4 file system whose journal a mount would replay.
truncate -s 64M "$work/disk.raw"
printf 'label: gpt\nsize=32M\nsize=20M\n' | sfdisk -q "$work/disk.raw"
mkfs.ext4 -q -E offset=$((1 << 20)) "$work/disk.raw" 32M
debugfs -w -R 'feature needs_recovery' "$work/disk.raw?offset=1048576" > "$work/debugfs.log" 2>&1
grep -q needs_recovery "$work/debugfs.log" || fail "the file system has a clean journal: $(cat "$work/debugfs.log")"
before=$(sha256sum < "$work/disk.raw")

# boot NAME QEMU-OPTION...: until the machine is off; its serial console's text is in $work/NAME.log.
boot() {
	local name=$1 status=0
	shift
	timeout 400 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 512 -nodefaults -vga none -display none \
		-monitor none -no-reboot -serial "file:$work/$name.log" \
		-drive "if=none,id=disk,format=raw,file=$work/disk.raw" -device ide-hd,drive=disk,serial=SN001,wwn=0x5000c50012345678 \
		-netdev user,id=net,restrict=on -device e1000e,netdev=net,mac=52:54:00:11:22:33 \
		-smbios type=1,manufacturer=Acme,product=Box,serial=XYZ1,uuid=11111111-2222-3333-4444-555555555555 "$@" ||
		status=$?
	[ "$status" = 0 ] || fail "$name: qemu ended with $status: $(tail -c 500 "$work/$name.log")"
	# What GRUB wrote is no UTF-8; behind the inventory the kernel says farewell.
	tr -d '\r\n' < "$work/$name.log" | LC_ALL=C grep -ao '{"type":"inventory".*' |
		python3 -c 'import json, sys; print(json.dumps(json.JSONDecoder().raw_decode(sys.stdin.read())[0]))' > "$work/$name.json" ||
		fail "$name: no inventory in $(tail -c 2000 "$work/$name.log")"
	[ "$(sha256sum < "$work/disk.raw")" = "$before" ] || fail "$name: the disk was written to"
	echo "$name: inventory, switched off, disk as it was"
}

# has NAME JQ-EXPRESSION...: each is true of the inventory.
has() {
	local name=$1 expression
	shift
	for expression; do
		jq -e "$expression" "$work/$name.json" > /dev/null || fail "$name: not $expression: $(cat "$work/$name.json")"
	done
}

same=('.schema == "rehost-machine-1"' '.name == "web 1"' '.smbios.uuid == "11111111-2222-3333-4444-555555555555"'
	'.smbios.serial == "XYZ1"' '.memory == 536870912' '.cpu.threads == 2'
	'[.disks[] | {name, serial, wwn, bus, driver, size, table}] == [{name: "sda", serial: "SN001", wwn: "0x5000c50012345678",
		bus: "ata", driver: "ahci", size: 67108864, table: "gpt"}]'
	'.disks[0].read_only' '[.disks[0].partitions[].content] == ["ext4", null]'
	'.nics | length == 1' '.nics[0] | .mac == "52:54:00:11:22:33" and .driver == "e1000e" and .link'
	'.nics[0].names.path | test("^enp0s[0-9]+$")' '.nics[0] | .name == .names.path' '.nics[0].names.mac == "enx525400112233"')

boot cd-bios -machine q35 -cdrom "$work/p2v.iso" -boot d
has cd-bios "${same[@]}" '.firmware == "bios"' '.secure_boot == false'

cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
boot usb-uefi -machine q35 -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
	-drive "if=pflash,format=raw,file=$work/vars.fd" -device qemu-xhci \
	-drive "if=none,id=stick,format=raw,readonly=on,file=$work/p2v.iso" -device usb-storage,drive=stick,bootindex=0
has usb-uefi '.firmware == "uefi"' '.secure_boot == false' '.boot_entries | length > 0' '[.disks[].name] | length == 1' \
	'.disks[0].serial == "SN001"' '.left_out[0].reason == "the live medium"'

cp /usr/share/OVMF/OVMF_VARS_4M.ms.fd "$work/vars.fd"
boot secure-boot -machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on \
	-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd \
	-drive "if=pflash,format=raw,unit=1,file=$work/vars.fd" -cdrom "$work/p2v.iso" -boot d
has secure-boot "${same[@]}" '.firmware == "uefi"' '.secure_boot == true'

# PXE's files: the configuration is one more initrd.
./rehost iso --pxe --inventory --post poweroff --name 'web 1' "$work/p2v.cpio"
cat "$work/1/initrd" "$work/p2v.cpio" > "$work/both"
boot kernel -machine q35 -kernel "$work/1/vmlinuz" -initrd "$work/both" -append 'console=ttyS0 quiet'
has kernel "${same[@]}"
