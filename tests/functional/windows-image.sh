#!/bin/bash
# Phony Windows guests as disk images (tests/windows/make-image), an XP with MBR and a Server 2022 with UEFI, go all the way through
# `rehost convert`, or a link named virt-v2v: what ntfs-3g's own programs say of the result, and what is in it. Who may write there is set at
# the first boot. XP is undone, with its boot sector; a source without a driver for Server 2022 gives it SATA and e1000e.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin
need_root
for tool in mkntfs ntfs-3g ntfsfix ntfsinfo hivexregedit mkfs.vfat mcopy sfdisk virt-xml-validate python3 jq; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
[ -c /dev/fuse ] || skip "/dev/fuse is missing: no NTFS can be filled"
scratch
tests/windows/make-virtio-win "$work/virtio-win"

ln -s "$PWD/rehost" "$work/virt-v2v"
only_xp=$work/only-xp # nothing for newer ones
tests/windows/make-virtio-win os=xp "$only_xp"

source_of() { # NAME: its image and what it is
	tests/windows/make-image "$1" "$work/$1.img"
	sha256sum "$work/$1.img" >"$work/$1.sum"
}

# NAME SOURCE COMMAND…: it writes the result $work/NAME, a raw disk, from the source and leaves that alone
converted() {
	local name=$1 source=$2
	shift 2
	"$@" 2>"$work/$name.log" >"$work/$name.said" || fail "$name: $(tail -n 5 "$work/$name.log")"
	sha256sum --quiet -c "$work/$source.sum" || fail "$name: the source changed"
	virt-xml-validate "$work/$name/$name.xml" domain >"$work/log" 2>&1 || fail "$name: $(cat "$work/log")"
}

convert() { # NAME SOURCE [OPTION…]
	converted "$1" "$2" ./rehost convert -i disk "$work/$2.img" --if raw --of raw --os "$work" --on "$1" -q "${@:3}"
}

# NAME MIB: the NTFS volume that begins there, as ntfs-3g's programs see it; mounted at $work/mnt
judge() {
	dd if="$work/$1/$1-sda.raw" of="$work/ntfs.img" bs=1M skip="$2" count=256 conv=sparse status=none
	ntfsfix -n "$work/ntfs.img" >"$work/log" 2>&1 || fail "$1: ntfsfix -n: $(cat "$work/log")"
	grep -q 'processed successfully' "$work/log" || fail "$1: ntfsfix -n: $(cat "$work/log")"
	ntfsinfo -m "$work/ntfs.img" >"$work/log" 2>&1 || fail "$1: ntfsinfo: $(cat "$work/log")"
	grep -q 'Volume Flags: 0x0000' "$work/log" || fail "$1: the volume is marked: $(grep Flags "$work/log")"
	mkdir -p "$work/mnt"
	ntfs-3g -o ro "$work/ntfs.img" "$work/mnt"
	trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
}

# HIVE KEY LINE: hivexregedit shows that line in that key
has() {
	hivexregedit --export "$1" "$2" >"$work/log" 2>&1 || fail "$1 has no key $2"
	grep -qF -- "$3" "$work/log" || fail "$1: no $3 in $2"
}

# DISK MIB: the number of heads in that volume's boot sector
heads() {
	dd if="$1" bs=1 skip=$(($2 * 1048576 + 26)) count=2 status=none | od -An -tu2 | tr -d ' '
}

# IMAGE FOLDER: all files of the volume at 1 MiB
files_of() {
	dd if="$1" of="$work/ntfs.img" bs=1M skip=1 count=256 conv=sparse status=none
	ntfs-3g -o ro "$work/ntfs.img" "$work/mnt"
	mkdir "$2"
	cp -r "$work/mnt/." "$2/"
	umount "$work/mnt"
	find "$2" -mindepth 1 -type d -empty -delete
}

source_of xp-x86
convert xp-x86 xp-x86 --virtio-win "$work/virtio-win" --undo-log
judge xp-x86 1
[ "$(heads "$work/xp-x86.img" 1) $(heads "$work/xp-x86/xp-x86-sda.raw" 1)" = '255 64' ] || fail "xp-x86: heads"
has "$work/mnt/WINDOWS/system32/config/system" '\ControlSet001\Services\viostor' '"Start"=dword:00000000'
has "$work/mnt/WINDOWS/system32/config/system" '\ControlSet001\Services\rehost-first-boot' '"Start"=dword:00000002'
[ -f "$work/mnt/WINDOWS/system32/drivers/viostor.sys" ] || fail "xp-x86: no driver"
tests/support/lint-cmd --nt5 "$work/mnt/WINDOWS/rehost/first-boot.cmd"
grep -q 'machine="pc"' "$work/xp-x86/xp-x86.xml" || fail "xp-x86: the board isn't pc"
umount "$work/mnt"
./rehost undo "$work/xp-x86" -os "$work" -on undone -q 2>"$work/log" || fail "undo: $(cat "$work/log")"
[ "$(heads "$work/undone/undone-sda.raw" 1)" = 255 ] || fail "undone: $(heads "$work/undone/undone-sda.raw" 1) heads"
files_of "$work/xp-x86.img" "$work/before"
files_of "$work/undone/undone-sda.raw" "$work/after"
diff -r "$work/before" "$work/after" >"$work/log" || fail "undone: $(cat "$work/log")"
rm -rf "$work/before" "$work/after" "$work/undone" "$work/xp-x86" "$work/xp-x86.img"

source_of 2022
converted 2022 2022 env VIRTIO_WIN="$work/virtio-win" "$work/virt-v2v" -i disk "$work/2022.img" -if raw -o local -os "$work" -of raw \
	-on 2022 --quiet
judge 2022 49
has "$work/mnt/Windows/System32/config/SYSTEM" '\ControlSet001\Services\viostor' '"Start"=dword:00000000'
has "$work/mnt/Windows/System32/config/SYSTEM" '\ControlSet001\Services\pvscsi' '"Start"=dword:00000004'
tests/support/lint-cmd "$work"/mnt/Windows/rehost/first-boot.cmd "$work"/mnt/Windows/rehost/steps/*.cmd
grep -q '^icacls .*/reset' "$work/mnt/Windows/rehost/steps/00-permissions.cmd" || fail "2022: permissions stay open"
[ -z "$(ls -A "$work/mnt/Windows/Temp")" ] || fail "2022: something is left in Temp"
umount "$work/mnt"
esp=$work/2022/2022-sda.raw@@1M
mdir -b -i "$esp" ::EFI/Boot/BOOTX64.EFI >/dev/null || fail "2022: no fallback loader"
mcopy -i "$esp" ::EFI/Microsoft/Boot/BCD "$work/BCD"
hivexregedit --export "$work/BCD" '\Objects' >"$work/log" || fail "2022: the BCD can't be read"
! grep -q 16000046 "$work/log" || fail "2022: the BCD forbids graphics"
grep -q '<os firmware="efi">' "$work/2022/2022.xml" || fail "2022: no UEFI"
grep -q 'dev="vda" bus="virtio"' "$work/2022/2022.xml" || fail "2022: the disk isn't virtio"
rm -rf "$work/2022"

convert sata 2022 --virtio-win "$only_xp"
judge sata 49
grep -q 'dev="sda" bus="sata"' "$work/sata/sata.xml" || fail "sata: $(grep '<target' "$work/sata/sata.xml")"
! grep -q 'virtio-blk\|bus="virtio"' "$work/sata/sata.xml" || fail "sata: virtio without a driver"
[ "$(jq -r '.caps | "\(.disk) \(.net)"' "$work/sata/report.json")" = 'sata e1000e' ] || fail "sata: $(jq -c .caps "$work/sata/report.json")"
for id in W-DRIVER-DISK W-DRIVER-NET; do
	jq -e --arg id $id '.inspection.findings[] | select(.id == $id)' "$work/sata/report.json" >/dev/null || fail "sata: no $id"
done
has "$work/mnt/Windows/System32/config/SYSTEM" '\ControlSet001\Services\storahci' '"Start"=dword:00000000'
umount "$work/mnt"

# What would be written, with the other driver for the disk.
./rehost plan -i disk "$work/2022.img" --if raw --virtio-win "$work/virtio-win" --block-driver virtio-scsi --json >"$work/plan.json" 2>"$work/log" ||
	fail "plan: $(cat "$work/log")"
[ "$(jq -r '.caps.disk' "$work/plan.json")" = virtio-scsi ] || fail "plan: $(jq -c .caps "$work/plan.json")"
jq -e 'any(.changes[]; (.diff // "") | contains("\\Services\\vioscsi"))' "$work/plan.json" >/dev/null || fail "plan: vioscsi isn't made to start"
sha256sum --quiet -c "$work/2022.sum" || fail "plan: the source changed"
echo "two phony Windows guests converted as images; ntfsfix, ntfsinfo, hivex and mtools read them; undone, without drivers, planned"
