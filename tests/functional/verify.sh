#!/bin/bash
# rehost verify: every changed byte of a result is found, whatever file it is in; a result is its source but for what the
# conversion did, on a phony Alpine; the XML, evidence, and a boot that was broken on purpose.
# SEED: of the random places.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
for tool in mke2fs sfdisk cpio qemu-img qemu-system-x86_64 jq virsh virt-xml-validate; do
	command -v $tool > /dev/null || skip "$tool is missing"
done
[ -x rehost ] || fail "rehost isn't built"
scratch
rehost=$PWD/rehost
step() { echo "verify.sh: [$SECONDS s] $*"; }

# ---- a guest, converted with an undo log to raw disks ----
root=$work/root facts=$work/facts tree=$work/tree
mkdir "$root"
root=$root facts=$facts tree=$tree bash -euo pipefail -c '. tests/families/lib.sh; . tests/families/alpine.sh'
echo 3.19.1 > "$root/etc/alpine-release"
sed -i '/sda[12]/d' "$root/etc/fstab"
sed -i 's|/dev/sda3|/dev/sda1|' "$root/etc/fstab" "$root/boot/extlinux.conf" "$root/etc/update-extlinux.conf"
{ echo MARKER-OF-THE-GUEST && head -c 3000000 /dev/urandom; } > "$root/opt.data"
truncate -s 64M "$work/disk.raw"
sfdisk -q "$work/disk.raw" <<< 'start=2048, type=83'
mke2fs -q -t ext4 -d "$root" -E offset=1048576 "$work/disk.raw" 63M 2> /dev/null
qemu-img convert -f raw -O vmdk "$work/disk.raw" "$work/disk.vmdk"
./rehost convert -q -i disk -of raw --undo-log --os "$work/out" --on web01 "$work/disk.vmdk" > "$work/log" 2>&1 ||
	fail "convert: $(cat "$work/log")"
cd "$work"
result=out/web01

verify() { # STATUS ARGUMENT…: what it prints is in ./told, its error in ./log
	local want=$1 got=0
	shift
	"$rehost" verify -q "$@" > told 2> log || got=$?
	[ "$got" = "$want" ] || fail "verify $*: exit status $got, expected $want: $(cat told log)"
}
tells() { grep -qF -- "$1" told || fail "no '$1' in $(cat told log)"; }
complains() { grep -qF -- "$1" log || fail "no '$1' in $(cat log)"; }
byte_at() { od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' '; }
put_byte() { # FILE OFFSET VALUE
	# shellcheck disable=SC2059  # an escape is meant
	printf "\\x$(printf %02x "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
flip() { put_byte "$1" "$2" $((($(byte_at "$1" "$2") ^ 1 << RANDOM % 8) & 255)); }

verify 0 --json "$result"
jq -e '.ok and .files.problems == [] and .files.checked > 6' told > /dev/null || fail "$(cat told)"

# ---- 100 bytes in files of all kinds ----
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
step "100 flipped bytes, SEED=$seed"
mapfile -t files < <(cd "$result" && find . -type f -size +0 -printf '%P\n' | sort)
found=0
for ((i = 0; i < 100; i++)); do
	file=${files[RANDOM % ${#files[@]}]}
	size=$(stat -c %s "$result/$file")
	at=$(((RANDOM * 32768 + RANDOM) % size))
	was=$(byte_at "$result/$file" $at)
	flip "$result/$file" $at
	if [ "$file" = seal.ndjson ]; then
		verify 4 "$result"
		complains "'seal.ndjson': line "
	else
		verify 6 "$result"
		read -r from to < <(sed -n "s|^  '$file' differs between \(0x[0-9a-f]*\) and \(0x[0-9a-f]*\)$|\1 \2|p" told) ||
			fail "SEED=$seed: byte $at of $file: $(cat told log)"
		((from <= at && at < to && to - from <= 2097152)) || fail "SEED=$seed: byte $at of $file: told $from to $to"
	fi
	put_byte "$result/$file" "$at" "$was"
	found=$((found + 1))
done
verify 0 "$result"

# ---- files that are missing, too many, longer, shorter, or none ----
mv "$result/report.txt" kept
verify 6 "$result"
complains "'report.txt' is missing"
ln -s ../../kept "$result/report.txt"
verify 6 "$result"
complains "'report.txt' is no regular file any more"
rm "$result/report.txt"
mv kept "$result/report.txt"
touch "$result/undo/new"
verify 6 "$result"
complains "'undo/new' was not published"
rm "$result/undo/new"
cp "$result/web01.xml" kept
echo >> "$result/web01.xml"
verify 6 "$result"
complains "'web01.xml' has "
truncate -s 100 "$result/web01.xml"
verify 6 "$result"
cp kept "$result/web01.xml"
verify 0 "$result"
cp -r --sparse=never "$result" copy
verify 0 copy
cp -r "$result" hostile
sed -i 's|"name":"rehost.log"|"name":"../../log"|' hostile/seal.ndjson
verify 4 hostile
complains "'../../log' is no name of a file"
sed -i '1s|"name":"web01"|"name":"../web01"|' hostile/seal.ndjson
verify 4 hostile
complains "line 1: '../web01' is no name of a result"
rm hostile/seal.ndjson
verify 4 hostile
complains "has no 'seal.ndjson': it is no result of a conversion"
verify 2
verify 2 --vm x "$result"
verify 2 --force "$result"
mv "$result/web01.xml" kept
ln -s ../../kept "$result/web01.xml"
verify 6 --boot login "$result"
complains "'web01.xml' is no regular file any more"
complains "warning: 'web01.xml' isn't booted: 'web01.xml' leads outside"
[ ! -e web01-boot ] || fail "it was booted: $(ls web01-boot)"
rm "$result/web01.xml"
mv kept "$result/web01.xml"

# ---- the source: but for what the conversion did ----
step "against the source"
verify 0 --json -s disk.vmdk "$result"
jq -e '.source.identity_changed == [] and (.source.disks[0] | .written > 0 and .discarded > 0 and .compared > 3000000
	and .differences == [])' told > /dev/null || fail "$(cat told)"
marker=$(grep -abo -m 1 MARKER-OF-THE-GUEST "$result/web01-sda.raw" | cut -d: -f1)
touch disk.vmdk
verify 0 -s disk.vmdk "$result"
complains "warning: the source of 'web01-sda.raw' isn't what it was: 1 file "
flip "$result/web01-sda.raw" $((marker + 5000))
verify 6 -s disk.vmdk "$result"
block=$(printf '0x%x' $(((marker + 5000) / 4096 * 4096)))
tells "  $block to $(printf '0x%x' $((block + 4096))) differ, changed: result"
cp copy/web01-sda.raw "$result/web01-sda.raw"
qemu-img convert -O raw disk.vmdk other.raw
flip other.raw $((marker + 5000))
verify 6 -i disk -s other.raw "$result"
complains "warning: the source of 'web01-sda.raw' isn't what it was: 1 file "
tells "  $block to $(printf '0x%x' $((block + 4096))) differ, changed: source"
truncate -s 65M other.raw
verify 6 -i disk -s other.raw "$result"
complains "the source's disk has 68157440 bytes, the one that was converted had 67108864"
verify 6 -i disk -s other.raw -s other.raw "$result"
complains "the source has 2 disks, the result 1"

# ---- XML and evidence ----
step "XML and evidence"
verify 0 --json --xml "$result/web01.xml"
[ "$(jq -c '[.xml | .schema, .libvirt, .disks | .result]' told)" = '["ok","ok","ok"]' ] || fail "$(jq .xml told)"
TMPDIR=/nonexistent verify 8 --boot login "$result" # nothing differs: it can't be looked at
complains "'web01.xml' isn't booted: cannot make a temporary file in '/nonexistent'"
PATH=/nonexistent verify 0 --json --xml "$result"
[ "$(jq -c '[.xml | .schema, .libvirt, .disks | .result]' told)" = '["skipped","skipped","ok"]' ] || fail "$(jq .xml told)"
verify 6 --xml copy
complains "'web01.xml': disk 'vda' is '$work/out/web01/web01-sda.raw', the result is in '$work/copy'"
verify 6 --boot login copy
complains "'web01.xml' isn't booted: disk 'vda' is "
[ ! -e web01-boot ] || fail "it was booted"
"$rehost" verify --evidence "$result" 2> log | grep ^SHA256 > sums
(cd "$result" && sha256sum --quiet -c ../../sums) || fail "$(cat sums)"
[ "$(wc -l < sums)" = "$(find "$result" -type f | wc -l)" ] || fail "$(cat sums)"

# ---- a guest whose boot loader is gone ----
step "a boot that can't be"
dd if=/dev/zero of=disk.raw bs=512 count=1 conv=notrunc status=none
"$rehost" convert -q --no-convert -i disk -if raw --os out --on broken disk.raw > log 2>&1 || fail "$(cat log)"
verify 7 --boot login --timeout 120 --shots shots --json out/broken
complains "reached firmware in "
jq -e '.files.problems == [] and .boot.level == "firmware" and (.boot.failure | test("No bootable device")) and
	(.boot.screenshots | length == 2)' told > /dev/null || fail "$(cat told)"
qemu-img rebase -u -F raw -b /etc/passwd out/broken/broken-sda.qcow2
verify 6 --boot login out/broken
complains "warning: 'broken.xml' isn't booted: "
complains "/etc/passwd"
[ ! -e broken-boot ] || fail "it was booted"
[ -s shots/failure.png ] || fail "no screenshot: $(ls shots)"
echo "$found of 100 flipped bytes found; $((SECONDS)) s"
