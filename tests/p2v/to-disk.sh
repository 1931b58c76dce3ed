#!/bin/bash
# The live ISO without a network: images of a machine's disk go to a blank USB disk, which gets an ext4, and to a FAT
# partition; its own disk isn't written to, and what is on the USB disks converts.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-machine.sh
p2v_needs debugfs sfdisk mkfs.ext4 mkfs.vfat
p2v_scratch
live_iso

truncate -s 96M "$work/sda"
printf 'label: gpt\nsize=64M\n' | sfdisk -q "$work/sda"
head -c 12M /dev/urandom > "$work/file"
mkdir "$work/files" && mv "$work/file" "$work/files/"
mkfs.ext4 -q -E offset=$((1 << 20)) -d "$work/files" "$work/sda" 60M
before=$(sha256sum < "$work/sda")

# boot_to NAME USB-DISK WORDS: the machine, until it is off.
boot_to() {
	local status=0
	timeout 600 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 512 -nodefaults -vga none -display none \
		-monitor none -no-reboot -serial "file:$work/$1.log" -kernel "$work/iso/vmlinuz" -initrd "$work/iso/initrd" \
		-append "console=ttyS0 quiet rehost.ui=text rehost.name=web01 rehost.post=poweroff $3" \
		-drive "if=none,id=disk,format=raw,file=$work/sda" -device ide-hd,drive=disk,serial=SN001 -device qemu-xhci \
		-drive "if=none,id=stick,format=raw,file=$2" -device usb-storage,drive=stick,serial=USB1 \
		-netdev user,id=net,restrict=on -device e1000e,netdev=net,mac=52:54:00:11:22:33 \
		-smbios type=1,manufacturer=Acme,product=Box,serial=XYZ1,uuid=11111111-2222-3333-4444-555555555555 || status=$?
	[ $status = 0 ] || fail "$1: qemu ended with $status: $(tail -c 1500 "$work/$1.log")"
	grep -qa "Written: the folder 'web01' on /dev/" "$work/$1.log" || fail "$1: $(tail -c 1500 "$work/$1.log")"
	[ "$(sha256sum < "$work/sda")" = "$before" ] || fail "$1: the machine's disk was written to"
}

# converts NAME: the folder $work/NAME/web01
converts() {
	./rehost convert -q --no-convert -of raw -os "$work/out-$1" "$work/$1/web01" > "$work/convert.log" 2>&1 || fail "$1: $(cat "$work/convert.log")"
	cmp "$work/sda" "$work/out-$1/web01/web01-sda.raw" || fail "$1: the image differs from the disk"
	[ "$(jq -r '.smbios.uuid, .disks[0].serial, .nics[0].mac' "$work/$1/web01/machine.json" | tr '\n' ' ')" = \
		'11111111-2222-3333-4444-555555555555 SN001 52:54:00:11:22:33 ' ] || fail "$1: $(cat "$work/$1/web01/machine.json")"
	echo "$1: written and converted, the disk as it was"
}

truncate -s 128M "$work/blank"
boot_to ext4 "$work/blank" rehost.to=USB1
mkdir "$work/ext4"
debugfs -R "rdump /web01 $work/ext4" "$work/blank" > "$work/debugfs.log" 2>&1
converts ext4

truncate -s 128M "$work/stick"
printf 'label: gpt\nsize=120M\n' | sfdisk -q "$work/stick"
mkfs.vfat --offset 2048 "$work/stick" $((120 << 10)) > "$work/mkfs.log" 2>&1 || fail "$(cat "$work/mkfs.log")"
boot_to fat "$work/stick" rehost.to=USB1-part1
mkdir "$work/fat"
mcopy -s -i "$work/stick@@1M" ::web01 "$work/fat/"
converts fat
echo "images on a blank disk, which got an ext4, and on a FAT partition"
