#!/bin/bash
# Bad sectors of the source: a stop that names the place, or zeros and a list of the files that have them, on a plain and
# on an encrypted partition.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin
for tool in mkfs.ext4 debugfs sfdisk qemu-img qemu-system-x86_64 supermin cryptsetup jq cc; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
make -s rehost
scratch
step() { echo "read-errors.sh: [$SECONDS s] $*"; } # what the runner shows while it waits
cc -O1 -D_GNU_SOURCE -fPIC -shared -o "$work/bad_sectors.so" tests/support/bad_sectors.c

root=$work/root data=$work/data disk=$work/disk.raw
mkdir -p "$root"/{etc,usr/bin,usr/lib,boot,data,opt,var/lib/dpkg} "$data/deep"
ln -s usr/bin "$root/bin"
printf 'PRETTY_NAME="Test GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n' >"$root/etc/os-release"
echo 12.5 >"$root/etc/debian_version"
echo worn >"$root/etc/hostname"
: >"$root/var/lib/dpkg/status"
printf '/dev/sda1 / ext4 defaults 0 1\n/dev/mapper/data /data ext4 defaults 0 2\n' >"$root/etc/fstab"
echo 'data /dev/sda2 none luks' >"$root/etc/crypttab"
head -c 3000000 /dev/urandom >"$root/opt/large file"
echo small >"$root/opt/small"
head -c 500000 /dev/urandom >"$data/deep/secret"
truncate -s 32M "$work/root.raw"
mkfs.ext4 -q -F -d "$root" "$work/root.raw"
truncate -s 24M "$work/data.raw"
mkfs.ext4 -q -F -d "$data" "$work/data.raw"

at() { # IMAGE FILE BLOCK: bytes from the image's begin to that block of the file
	local block size
	size=$(dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Block size: *//p')
	block=$(debugfs -R "bmap \"$2\" $3" "$1" 2>/dev/null | tail -1)
	[ "${block:-0}" != 0 ] || fail "$2 has no block $3"
	echo $((block * size))
}
large=$(at "$work/root.raw" '/opt/large file' 10)
secret=$(at "$work/data.raw" /deep/secret 7)
printf %s passphrase >"$work/pass"
patiently qemu-img convert -f raw -O luks --object "secret,id=s,file=$work/pass" -o key-secret=s,iter-time=10 "$work/data.raw" "$work/luks.raw"
payload=$(($(cryptsetup luksDump "$work/luks.raw" | sed -n 's/^Payload offset:[[:space:]]*//p') * 512))
truncate -s 80M "$disk"
printf 'label: dos\nstart=2048,size=65536,type=83,bootable\nstart=67584,size=90112,type=83\n' | sfdisk -q "$disk"
dd if="$work/root.raw" of="$disk" bs=1M seek=1 conv=notrunc status=none
dd if="$work/luks.raw" of="$disk" bs=1M seek=33 conv=notrunc status=none

first=$(((1 << 20) + large + 512)) second=$(((33 << 20) + payload + secret))
export BAD_INODE BAD_RANGES="$first+512,$second+1024"
BAD_INODE=$(stat -c %i "$disk")
bad() { LD_PRELOAD=$work/bad_sectors.so timeout -k 10 600 ./rehost "$@" >"$work/out" 2>&1; }

step "stop"
status=0
bad convert -q --if=raw --no-convert -os "$work" -on stopped "$disk" || status=$?
[ $status = 4 ] || fail "stop: status $status: $(cat "$work/out")"
grep -qi "$(printf '0x%x' $first)" "$work/out" || fail "stop: the place $(printf '0x%x' $first) is not named: $(cat "$work/out")"

step "zeros, nothing looked into"
bad convert -q --if=raw --no-convert --on-read-error=zero -of raw -os "$work" -on taken "$disk" || fail "zero: $(cat "$work/out")"
errors=$(jq -c '[.copy.read_errors[] | [.disk, .offset, .length]]' "$work/taken/report.json")
[ "$errors" = "[[0,$first,512],[0,$second,1024]]" ] || fail "ranges: $errors"
jq -e '.copy.lost_files == [] and (.copy.lost_files_notes[0] | contains("--no-convert"))' "$work/taken/report.json" >/dev/null ||
	fail "no note: $(jq .copy "$work/taken/report.json")"

marks=$(grep -o 'u[0-9]*+[0-9]*' "$work/taken/seal.ndjson" | paste -sd ' ')
[ "$marks" = "u$((first / 512))+1 u$((second / 512))+2" ] || fail "the seal's unread sectors: $marks"

step "zeros, with the files"
bad convert -q --if=raw --on-read-error=zero -of raw -os "$work" -on worn --key "all:file:$work/pass" "$disk" ||
	fail "zero: $(cat "$work/out")"
report=$work/worn/report.json
files=$(jq -c '[.copy.lost_files[] | [.mountpoint, .path, .offset, .bytes]]' "$report")
block=$(dumpe2fs -h "$work/root.raw" 2>/dev/null | sed -n 's/^Block size: *//p')
other=$(dumpe2fs -h "$work/data.raw" 2>/dev/null | sed -n 's/^Block size: *//p')
jq -e --argjson want "[[\"/\",\"/opt/large file\",$((10 * block + 512)),512],[\"/data\",\"/deep/secret\",$((7 * other)),1024]]" \
	'([.copy.lost_files[] | [.mountpoint, .path, .offset, .bytes]] | sort) == ($want | sort)' "$report" >/dev/null ||
	fail "files: $files: $(jq .copy "$report")"
jq -e '.inspection.findings[] | select(.id == "W-READ-ERRORS") | .text | endswith("files that have some of them: 2")' "$report" >/dev/null ||
	fail "no finding: $(jq .inspection.findings "$report")"
grep -qF "ZEROS IN: /opt/large file (/dev/sda1), 512 bytes, first at 0x$(printf %x $((10 * block + 512)))" "$work/worn/report.txt" ||
	fail "report.txt: $(cat "$work/worn/report.txt")"
grep -qF 'ZEROS IN: /data/deep/secret (/dev/mapper/luks-' "$work/worn/report.txt" || fail "report.txt: $(cat "$work/worn/report.txt")"
echo "ok read-errors.sh: $files"
