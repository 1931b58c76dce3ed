#!/bin/bash
# Windows guests in a state that must not be converted are refused before anything is copied, each with what to do on the
# source: hibernated, not shut down, a registry that isn't whole, encrypted with BitLocker, for another processor, without room. The
# guest is an NTFS volume with two hives.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/common.sh
. tests/lib/common.sh

for tool in mkntfs ntfscp guestfish sfdisk jq; do
	command -v $tool > /dev/null || skip "no $tool"
done
make -s build/tests/support/make_hive
scratch
root=$work/root
mkdir -p "$root/Windows/System32/config"

build/tests/support/make_hive "$root" /Windows/System32/config/SYSTEM << 'HIVE'
[Select]
"Current"=dword:00000001
[ControlSet001\Control\ProductOptions]
"ProductType"="ServerNT"
[ControlSet001\Control\Session Manager\Power]
"HiberbootEnabled"=dword:00000001
[ControlSet001\Services\Tcpip\Parameters]
"Hostname"="files01"
[MountedDevices]
HIVE
build/tests/support/make_hive "$root" /Windows/System32/config/SOFTWARE << 'HIVE'
[Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows Server 2019 Standard"
"CurrentVersion"="6.3"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"CurrentBuildNumber"="17763"
"InstallationType"="Server"
HIVE
python3 - "$root/Windows/System32" << 'PE'
import struct, sys
# as much of a program as tells its processor
pe = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
pe = pe.ljust(0x80, b"\0") + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x22)
pe += struct.pack("<HBB", 0x20B, 14, 0) + bytes(64) + struct.pack("<H", 3) + bytes(170)  # of the console
for name in ("ntoskrnl.exe", "cmd.exe"):
    open(f"{sys.argv[1]}/{name}", "wb").write(pe.ljust(1024, b"\0"))
PE

# The volume, made once; what follows changes copies of it without an appliance.
truncate -s 300M "$work/volume"
mkntfs -qQF "$work/volume" > /dev/null 2>&1
tar -C "$root" -cf "$work/root.tar" .
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
guestfish --format=raw -a "$work/volume" run : mount /dev/sda / : tar-in "$work/root.tar" / \
	|| fail "no NTFS volume could be made"

# NAME: a disk with that volume as its second partition; a small first one holds the boot manager.
disk() {
	truncate -s 310M "$work/$1.raw"
	printf 'label: dos\n2048,4096,7,*\n8192,,7\n' | sfdisk -q "$work/$1.raw"
	dd if="$work/volume.$1" of="$work/$1.raw" bs=1M seek=4 conv=notrunc,sparse status=none
}

cp --sparse=always "$work/volume" "$work/volume.clean"
disk clean

cp --sparse=always "$work/volume" "$work/volume.hibernated"
{ printf hibr; head -c 65532 /dev/zero; } > "$work/hiberfil.sys"
ntfscp -f "$work/volume.hibernated" "$work/hiberfil.sys" /hiberfil.sys > /dev/null
disk hibernated

cp --sparse=always "$work/volume" "$work/volume.unclean"
python3 - "$work/volume.unclean" << 'DIRTY'
import struct, sys
# the flag of $Volume (file record 3, and its mirror) by which Windows asks for chkdsk
f = open(sys.argv[1], "r+b")
boot = f.read(512)
sector, = struct.unpack_from("<H", boot, 11)
for lcn in struct.unpack_from("<QQ", boot, 48):
    at = lcn * sector * boot[13] + 3 * 1024
    f.seek(at)
    record = f.read(1024)
    f.seek(at + record.index(bytes(8) + b"\3\1") + 10)
    f.write(b"\1")
DIRTY
disk unclean

# NAME FILE: the guest with that file of $work in the place of its own FILE
replaced() {
	cp --sparse=always "$work/volume" "$work/volume.$1"
	ntfscp -f "$work/volume.$1" "$work/$(basename "$2")" "$2" > /dev/null
	disk "$1"
}

# A write to the registry was begun, and there is no log; torn: not even its first sector was written as a whole.
cp "$root/Windows/System32/config/SYSTEM" "$work/SYSTEM"
python3 - "$work/SYSTEM" << 'SEQUENCE'
import struct, sys
f = open(sys.argv[1], "r+b")
head = bytearray(f.read(512))
total = 0
struct.pack_into("<I", head, 4, struct.unpack_from("<I", head, 8)[0] + 1)
for (word,) in struct.iter_unpack("<I", head[:508]):
    total ^= word
struct.pack_into("<I", head, 508, total)
f.seek(0)
f.write(head)
SEQUENCE
replaced dirty /Windows/System32/config/SYSTEM
printf '\xff' | dd of="$work/SYSTEM" bs=1 seek=4 conv=notrunc status=none
replaced torn /Windows/System32/config/SYSTEM
cp "$root/Windows/System32/ntoskrnl.exe" "$work/ntoskrnl.exe"
printf '\x64\xaa' | dd of="$work/ntoskrnl.exe" bs=1 seek=$((0x84)) conv=notrunc status=none
replaced arm64 /Windows/System32/ntoskrnl.exe
truncate -s 220M "$work/pagefile.sys"
replaced full /pagefile.sys

truncate -s 300M "$work/volume.bitlocker"
python3 - "$work/volume.bitlocker" << 'FVE'
import struct, sys
# as much of BitLocker as blkid wants: the boot sector and the head of the first metadata block
f = open(sys.argv[1], "r+b")
boot = bytearray(512)
boot[:11] = b"\xEB\x58\x90-FVE-FS-"
struct.pack_into("<H", boot, 11, 512)
boot[0xA0:0xB0] = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
struct.pack_into("<QQQ", boot, 0xB0, 0x100000, 0x200000, 0x300000)
boot[510:] = b"\x55\xAA"
f.write(boot)
for off in (0x100000, 0x200000, 0x300000):
    f.seek(off)
    f.write((b"-FVE-FS-" + struct.pack("<HH", 0x40, 2)).ljust(512, b"\0"))
FVE
disk bitlocker

# NAME PATTERN…: refused with exit status 3, words of advice, and nothing left behind.
refused() {
	local name=$1 pattern got=0
	shift
	mkdir "$work/out"
	./rehost convert "$work/$name.raw" -os "$work/out" > "$work/said" 2>&1 || got=$?
	[ $got = 3 ] || fail "$name: exit status $got, expected 3: $(cat "$work/said")"
	for pattern; do
		grep -q -- "$pattern" "$work/said" || fail "$name: no '$pattern' in: $(cat "$work/said")"
	done
	[ -z "$(find "$work/out" -name '*.qcow2')" ] || fail "$name: a disk was written"
	rm -rf "$work/out"
}

./rehost inspect --json "$work/clean.raw" > "$work/report.json" || fail "a clean guest can't be inspected"
[ "$(jq -r '.inspection.windows | "\(.build) \(.hives) \(.hibernated) \(.control_set)"' "$work/report.json")" = \
	"17763 clean false ControlSet001" ] || fail "facts: $(jq .inspection.windows "$work/report.json")"
[ "$(jq '[.inspection.findings[] | select(.severity == "blocker")] | length' "$work/report.json")" = 0 ] ||
	fail "a clean guest is refused: $(jq .inspection.findings "$work/report.json")"

refused hibernated 'B-WINDOWS-HIBERNATED' 'powercfg /h off, then shutdown /s /f /t 0' '--discard-hibernation'
refused unclean 'B-NTFS-UNCLEAN' 'chkdsk /f'
refused dirty 'B-HIVE-DIRTY' 'let it come up, and shut it down with: shutdown /s /f /t 0'
refused torn 'registry' 'let it come up, and shut it down with: shutdown /s /f /t 0'
refused arm64 'B-ARCHITECTURE: Windows for aarch64 processors' '--no-convert'
refused full 'B-WINDOWS-SPACE: the Windows volume has .* free' 'Make room on drive C:'
refused bitlocker 'manage-bde -protectors -get C:' 'manage-bde -off C:' '--key'

# What would be written of a guest out of reach promises no driver that nobody injected.
./rehost plan --json "$work/hibernated.raw" > "$work/plan.json" 2> "$work/said" || :
[ "$(jq -r '.caps | "\(.disk) \(.net)"' "$work/plan.json")" = "sata e1000e" ] ||
	fail "hardware of a refused guest: $(jq .caps "$work/plan.json") $(cat "$work/said")"
echo "hibernated, unclean, dirty, torn, full and encrypted Windows guests and one for arm64 are refused with advice before anything is written"
