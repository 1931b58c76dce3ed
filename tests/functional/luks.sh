#!/bin/bash
# Encrypted guests: opened by --key in each of its forms, through LVM both ways, copied whole or trimmed when asked;
# without the key a clear refusal; and no passphrase in anything that is written or shown.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin
for tool in mkfs.ext4 sfdisk qemu-img qemu-system-x86_64 supermin guestfish cryptsetup; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
make -s rehost
scratch
export LIBGUESTFS_BACKEND=direct
step() { echo "luks.sh: [$SECONDS s] $*"; } # what the runner shows while it waits

root_key='root secret 4711' home_key='home secret 4712' lvm_key='lvm secret 4713'

encrypt() { # RAW PASSPHRASE: RAW becomes a LUKS volume; qemu-img needs no device mapper for it
	printf %s "$2" >"$work/pass"
	patiently qemu-img convert -f raw -O luks --object "secret,id=s,file=$work/pass" -o key-secret=s,iter-time=10 "$1" "$1.luks"
	rm "$work/pass"
	mv "$1.luks" "$1"
}
uuid_of() { cryptsetup luksUUID "$1"; }
fs() { # RAW SIZE FOLDER: an ext4 with that content over random data, so that trimming is seen
	head -c "$2" /dev/urandom >"$1"
	mkfs.ext4 -q -F -E nodiscard -d "$3" "$1"
}

step "building"
mkdir -p "$work"/root/{etc,usr/bin,usr/lib,boot,home,srv,data,var/lib/dpkg} "$work/boot" "$work/home" "$work/srv"
ln -s usr/bin "$work/root/bin"
printf 'PRETTY_NAME="Test GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n' >"$work/root/etc/os-release"
echo 12.5 >"$work/root/etc/debian_version"
echo locked >"$work/root/etc/hostname"
: >"$work/root/var/lib/dpkg/status"
echo "kept at home" >"$work/home/file"
echo "kept on lvm" >"$work/srv/file"
cat >"$work/root/etc/fstab" <<-'X'
	/dev/mapper/root_crypt / ext4 defaults 0 1
	/dev/sda1 /boot ext4 defaults 0 2
	/dev/mapper/home_crypt /home ext4 defaults 0 2
	/dev/inside/srv /srv ext4 defaults 0 2
X
fs "$work/home.raw" 24M "$work/home"
encrypt "$work/home.raw" "$home_key"
printf 'root_crypt /dev/sda2 none luks\n# home_crypt /dev/sda9 none\nhome_crypt UUID=%s none luks\n' \
	"$(uuid_of "$work/home.raw")" >"$work/root/etc/crypttab"
fs "$work/boot.raw" 16M "$work/boot"
fs "$work/root.raw" 48M "$work/root"
encrypt "$work/root.raw" "$root_key"
# one guestfish: the volume group that will be encrypted, and one that holds the encrypted home
truncate -s 48M "$work/pv.raw"
truncate -s 48M "$work/second.raw"
LIBGUESTFS_BACKEND_SETTINGS=force_tcg guestfish <<-X
	add $work/pv.raw format:raw
	add $work/second.raw format:raw
	run
	pvcreate /dev/sda
	vgcreate inside /dev/sda
	lvcreate srv inside 24
	mkfs ext4 /dev/inside/srv
	mount /dev/inside/srv /
	copy-in $work/srv/file /
	umount-all
	pvcreate /dev/sdb
	vgcreate outside /dev/sdb
	lvcreate home outside 32
	upload $work/home.raw /dev/outside/home
X
encrypt "$work/pv.raw" "$lvm_key"
disk=$work/disk.raw
truncate -s 120M "$disk"
printf 'label: dos\nstart=2048,size=32768,type=83,bootable\nstart=34816,size=114688,type=83\n' | sfdisk -q "$disk"
dd if="$work/boot.raw" of="$disk" bs=1M seek=1 conv=notrunc status=none
dd if="$work/root.raw" of="$disk" bs=1M seek=17 conv=notrunc status=none
disks=("$disk" "$work/second.raw" "$work/pv.raw")
root_uuid=$(uuid_of "$work/root.raw")
sum=$(cat "${disks[@]}" | sha256sum)

rehost() { # STATUS ARGUMENTS…: runs it, log in $work/out
	local want=$1 status=0
	shift
	timeout -k 10 600 ./rehost "$@" >"$work/out" 2>&1 || status=$?
	[ $status = "$want" ] || fail "rehost $1: status $status, expected $want: $(cat "$work/out")"
}
no_secret() { # FILE…: none holds a passphrase
	if grep -rlE 'secret 471[123]' "$@"; then fail "a passphrase was written or shown"; fi
}

step "no key"
rehost 3 inspect -q --if=raw "$disk"
grep -qxF "rehost: no operating system found, but /dev/sda2 (disk 1, partition 2, LUKS UUID $root_uuid) is encrypted: give its passphrase with --key $root_uuid:file:FILE; --no-convert copies it as it is" "$work/out" ||
	fail "no key: $(cat "$work/out")"

step "wrong keys"
printf 'wrong secret 4711\n\nanother secret 4712\n' >"$work/wrong"
rehost 3 check -v --if=raw --keys-from-stdin "$disk" <"$work/wrong"
grep -qF "/dev/sda2 (disk 1, partition 2, LUKS UUID $root_uuid) is encrypted, and none of 2 keys opens it (opening /dev/sda2: cryptsetup_open: cryptsetup exited with status 2: No key available with this passphrase.): --key $root_uuid:file:FILE with the right passphrase" "$work/out" ||
	fail "wrong keys: $(cat "$work/out")"
no_secret "$work/out"
rehost 2 inspect --key 'secret 4711' --if=raw "$disk"
no_secret "$work/out"

# The wrong one comes first; the volume's own name, a UUID through a descriptor, a file: three volumes, three forms.
step "three volumes"
printf '%s\n' "$lvm_key" >"$work/lvm.key"
printf '%s\nsecond line\n' "$home_key" >"$work/home.key"
timeout -k 10 600 ./rehost convert -v --if=raw -of raw -os "$work" -on locked --key "all:key:wrong secret 4711" \
	--key "/dev/vda2:key:$root_key" --key "$(uuid_of "$work/home.raw"):file:$work/home.key" --key all:fd:5 \
	"${disks[@]}" 5<"$work/lvm.key" >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 300); do grep -q 'starting the appliance' "$work/out" && break; sleep 0.2; done
for process in $pid $(pgrep -P $pid) $(pgrep -P "$(pgrep -P $pid | head -1)"); do
	{ tr '\0' ' ' <"/proc/$process/cmdline"; } 2>/dev/null || : # it may be gone
	echo
done >"$work/processes"
grep -q -- '--key /dev/vda2:key:xxxxxxxxxxxxxxxx' <(grep 'rehost convert' "$work/processes" | grep -v ^timeout) ||
	fail "the command line shows its keys, or could not be read: $(cat "$work/processes")"
wait $pid || fail "three volumes: $(cat "$work/out")"
[ "$(cat "${disks[@]}" | sha256sum)" = "$sum" ] || fail "the source was changed"
report=$work/locked/report.json
jq -e '.inspection.os.root == "/dev/mapper/luks-'"$root_uuid"'"' "$report" >/dev/null || fail "root: $(jq .inspection.os "$report")"
mounts=$(jq -r '.inspection.filesystems[] | select(.mountpoint) | "\(.mountpoint) \(.encrypted) \(.trimmed)"' "$report" | sort)
[ "$mounts" = "/ true false
/boot false true
/home true false
/srv true false" ] || fail "mounts: $mounts"
jq -e '[.inspection.findings[] | select(.id == "W-LUKS") | .text | contains("was opened: it stays encrypted, and is copied whole")] == [true, true, true]' \
	"$report" >/dev/null || fail "findings: $(jq .inspection.findings "$report")"
if jq -e '.inspection.findings[] | select(.id == "W-TRIM-FAILED")' "$report"; then fail "trimming was tried"; fi
no_secret "$work/out" "$work/locked"
whole=$(jq .copy.bytes_read "$report")
dd if="$work/locked/locked-sda.raw" of="$work/part" bs=1M skip=17 status=none
[ "$(uuid_of "$work/part")" = "$root_uuid" ] || fail "the result is not encrypted as its source was"

step "trimmed on request, from a result that works"
printf '%s\n%s\n%s\n' "$lvm_key" "$home_key" "$root_key" >"$work/keys"
rehost 0 convert -q --if=raw -os "$work" -on trimmed --trim-encrypted --keys-from-stdin "$work"/locked/locked-sd{a,b,c}.raw <"$work/keys"
report=$work/trimmed/report.json
mounts=$(jq -r '.inspection.filesystems[] | select(.mountpoint) | "\(.mountpoint) \(.encrypted) \(.trimmed)"' "$report" | sort)
[ "$mounts" = "/ true true
/boot false true
/home true true
/srv true true" ] || fail "mounts: $mounts: $(jq .inspection.findings "$report")"
trimmed=$(jq .copy.bytes_read "$report")
[ "$trimmed" -lt $((whole - (40 << 20))) ] || fail "trimmed: $trimmed bytes read, $whole without"
no_secret "$work/trimmed" "$work/out"
echo "ok luks.sh: $whole bytes read whole, $trimmed trimmed"
