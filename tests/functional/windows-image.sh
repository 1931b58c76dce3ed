#!/bin/bash
# Phony Windows guests as disk images (tests/windows/make-image), an XP with MBR and a Server 2022 with UEFI, go all the way through
# `rehost convert`: what ntfs-3g's own programs say of the result, and what is in it. Who may write there is set at the first boot.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin
need_root
for tool in mkntfs ntfs-3g ntfsfix ntfsinfo hivexregedit mkfs.vfat mcopy sfdisk virt-xml-validate python3; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
[ -c /dev/fuse ] || skip "/dev/fuse is missing: no NTFS can be filled"
scratch
tests/windows/make-virtio-win "$work/virtio-win"

convert() { # NAME: the result as raw image $work/NAME.raw
	tests/windows/make-image "$1" "$work/$1.img"
	sha256sum "$work/$1.img" >"$work/$1.sum"
	./rehost convert -i disk "$work/$1.img" --if raw --virtio-win "$work/virtio-win" --of raw --os "$work" --on "$1" -q \
		2>"$work/$1.log" || fail "$1: $(tail -n 5 "$work/$1.log")"
	sha256sum --quiet -c "$work/$1.sum" || fail "$1: the source changed"
	virt-xml-validate "$work/$1/$1.xml" domain >"$work/log" 2>&1 || fail "$1: $(cat "$work/log")"
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

convert xp-x86
judge xp-x86 1
cmp <(printf '\x40\0') <(dd if="$work/ntfs.img" bs=1 skip=26 count=2 status=none) || fail "xp-x86: heads"
has "$work/mnt/WINDOWS/system32/config/system" '\ControlSet001\Services\viostor' '"Start"=dword:00000000'
has "$work/mnt/WINDOWS/system32/config/system" '\ControlSet001\Services\rehost-first-boot' '"Start"=dword:00000002'
[ -f "$work/mnt/WINDOWS/system32/drivers/viostor.sys" ] || fail "xp-x86: no driver"
tests/support/lint-cmd --nt5 "$work/mnt/WINDOWS/rehost/first-boot.cmd"
grep -q 'machine="pc"' "$work/xp-x86/xp-x86.xml" || fail "xp-x86: the board isn't pc"
umount "$work/mnt"

convert 2022
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
echo "two phony Windows guests converted as images; ntfsfix, ntfsinfo, hivex and mtools read them"
