#!/bin/bash
# Every kind of bad input has its own clear error and exit status, leaves nothing, and leaves the source as it was.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
need_root
scratch
rehost=$PWD/rehost
cd "$work"
count=0

# A data disk with one file, as an OVA: small, valid, without an operating system.
truncate -s 8M disk.raw
printf 'label: dos\nstart=2048,type=83\n' | sfdisk -q disk.raw
mkdir tree && head -c 2000000 /dev/urandom > tree/data
mkfs.ext4 -q -F -E offset=1048576 -d tree disk.raw 6M
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk

ovf() { # HREF SIZE [PROLOGUE]
	cat <<O
<?xml version="1.0"?>${3:-}
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:href="$1" ovf:id="file1" ovf:size="$2"/></References>
<DiskSection><Info/><Disk ovf:capacity="8388608" ovf:diskId="d1" ovf:fileRef="file1"/></DiskSection>
<VirtualSystem ovf:id="bad"><Info/><Name>bad</Name><VirtualHardwareSection><Info/>
<Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/d1</rasd:HostResource><rasd:InstanceID>8</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>
O
}
ovf disk.vmdk "$(stat -c %s disk.vmdk)" > bad.ovf
echo "SHA256(disk.vmdk)= $(sha256sum < disk.vmdk | cut -d' ' -f1)" > bad.mf
tar --format=ustar -cf good.ova bad.ovf bad.mf disk.vmdk

# refuse STATUS PATTERN SOURCE ARGUMENTS…: rehost convert SOURCE ARGUMENTS ends with STATUS, its last lines match PATTERN.
refuse() {
	local want=$1 pattern=$2 source=$3 got=0 before
	shift 3
	count=$((count + 1))
	before=$(find "$source" -type f -exec sha256sum {} + | sort)
	"$rehost" convert "$source" -os out "$@" > log 2>&1 || got=$?
	[ "$got" = "$want" ] || fail "$source $*: exit status $got, expected $want: $(tail -n 3 log)"
	grep -qE -- "$pattern" log || fail "$source $*: no '$pattern' in: $(tail -n 3 log)"
	[ "$(grep -c '^rehost: ' log)" = 1 ] || fail "$source $*: not one error: $(cat log)"
	[ "$(find "$source" -type f -exec sha256sum {} + | sort)" = "$before" ] || fail "$source: changed"
}
# nothing: and nothing is left.
nothing() {
	refuse "$@"
	[ -z "$(ls -A out 2> /dev/null)" ] || fail "$3: left $(ls -A out)"
}

# The control: the valid one is copied, and its content is right.
"$rehost" convert good.ova -os out --no-convert -q > log 2>&1 || fail "the good OVA: $(cat log)"
qemu-img compare -q -f raw -F qcow2 disk.raw out/bad/bad-sda.qcow2 || fail "the good OVA: content differs"
refuse 3 "/out/bad' exists already" good.ova --no-convert
rm -r out

# An OVA that is not whole, not itself, or not one.
head -c "$(($(stat -c %s good.ova) - 1200000))" good.ova > truncated.ova
nothing 4 "truncated|ends|beyond the end" truncated.ova --no-convert
{ echo "SHA256(disk.vmdk)= $(printf '%064d' 0)"; } > other.mf
cp bad.ovf two.ovf && mkdir wrong && cp bad.ovf disk.vmdk wrong && mv other.mf wrong/bad.mf
tar --format=ustar -cf wrong.ova -C wrong bad.ovf bad.mf disk.vmdk
nothing 4 "disk.vmdk.*0000000000000000" wrong.ova --no-convert
tar --format=ustar -cf missing.ova bad.ovf
nothing 4 "disk.vmdk" missing.ova --no-convert
tar --format=ustar -cf two.ova bad.ovf two.ovf disk.vmdk
nothing 4 "two .ovf|2 .ovf|several|more than one" two.ova --no-convert
mkdir doctype && cp disk.vmdk doctype && ovf disk.vmdk 1 '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' > doctype/bad.ovf
nothing 4 "DOCTYPE|DTD" doctype/bad.ovf --no-convert
mkdir up && ovf ../disk.vmdk "$(stat -c %s disk.vmdk)" > up/bad.ovf
nothing 4 "\.\./disk.vmdk" up/bad.ovf --no-convert
mkdir evil && cp disk.vmdk evil/x && cp bad.ovf evil && tar --format=ustar -P --transform='s|^x$|../x|' -cf evil.ova -C evil bad.ovf x
nothing 4 "\.\./x" evil.ova --no-convert
mkdir links && cp bad.ovf links && ln -s /etc/passwd links/disk.vmdk && tar --format=ustar -cf links.ova -C links bad.ovf disk.vmdk
nothing 4 "disk.vmdk.*(link|regular)" links.ova --no-convert

# Images that name what they may not, or whose tables lie.
descriptor() { # EXTENT-FILE
	printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 16384 FLAT "%s" 0\n' "$1"
}
mkdir flat && descriptor /etc/passwd > flat/absolute.vmdk && descriptor ../disk.raw > flat/up.vmdk
nothing 4 "/etc/passwd" flat/absolute.vmdk --no-convert
nothing 4 "\.\./disk.raw" flat/up.vmdk --no-convert
mkdir chain && qemu-img create -q -f qcow2 -b "$work/disk.raw" -F raw chain/outside.qcow2
nothing 4 "disk.raw" chain/outside.qcow2 --no-convert
(cd chain && qemu-img create -q -f qcow2 a.qcow2 8M && qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 b.qcow2 &&
	qemu-img rebase -u -b b.qcow2 -F qcow2 a.qcow2)
nothing 4 "loop|itself" chain/b.qcow2 --no-convert
# shellcheck disable=SC2059 # the format is made of escapes
put_be64() { printf "$(printf '%016x' "$3" | sed 's/../\\x&/g')" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
qemu-img convert -f raw -O qcow2 disk.raw l1.qcow2 && cp l1.qcow2 l2.qcow2
put_be64 l1.qcow2 40 $((1 << 40))
nothing 4 "L1 table.*0x10000000000" l1.qcow2 --no-convert
l1=$((16#$(dd if=l2.qcow2 bs=1 skip=40 count=8 status=none | od -An -tx1 | tr -d ' \n')))
put_be64 l2.qcow2 "$l1" $(((1 << 63) | (1 << 41)))
nothing 4 "L2 table.*0x20000000000" l2.qcow2 --no-convert
qemu-img convert -f raw -O vmdk disk.raw grain.vmdk
gd=$(($(od -An -tu4 -j 56 -N 4 grain.vmdk) * 512))
printf '\xff\xff\xff\x7f' | dd of=grain.vmdk bs=1 seek="$gd" conv=notrunc status=none
rgd=$(($(od -An -tu4 -j 48 -N 4 grain.vmdk) * 512))
printf '\xff\xff\xff\x7f' | dd of=grain.vmdk bs=1 seek="$rgd" conv=notrunc status=none
nothing 4 "grain table" grain.vmdk --no-convert
: > empty.img
nothing 4 "empty|0 bytes|zero" empty.img --no-convert
head -c 65536 /dev/urandom > noise.img
nothing 4 "noise.img" noise.img --no-convert

# Targets.
mkdir full readonly
mount -t tmpfs -o size=1m tmpfs full
trap 'umount full readonly 2> /dev/null; rm -rf "$work"' EXIT
got=0 && "$rehost" convert good.ova -os full --no-convert > log 2>&1 || got=$?
count=$((count + 1))
[ "$got" = 75 ] || fail "full file system: exit status $got, expected 75: $(tail -n 3 log)"
[ "$(ls -A full)" = .bad.partial ] || fail "full file system: $(ls -A full)"
for advice in 'full/.bad.partial' 'rehost clean'; do
	grep -qF -- "$advice" log || fail "full file system: no '$advice': $(cat log)"
done
rm -rf full/.bad.partial
got=0 && TMPDIR=$work/full "$rehost" inspect -if raw disk.raw > log 2>&1 || got=$?
count=$((count + 1))
[ "$got" = 75 ] || fail "full TMPDIR: exit status $got, expected 75: $(tail -n 3 log)"
grep -qE "^rehost: '$work/full': [0-9.]+ MiB are needed there for .*, [0-9.]+ [KM]iB are free: name another folder with TMPDIR\$" log ||
	fail "full TMPDIR: $(cat log)"
[ -z "$(ls -A full)" ] || fail "full TMPDIR: $(ls -A full)"
mount -t tmpfs -o ro tmpfs readonly
got=0 && "$rehost" convert good.ova -os readonly --no-convert > log 2>&1 || got=$?
count=$((count + 1))
[ "$got" = 3 ] || fail "unwritable target: exit status $got, expected 3: $(tail -n 3 log)"

# A source that runs, and one that sleeps.
mkdir -p vm/disk.vmdk.lck && echo host > vm/disk.vmdk.lck/M12345.lck && qemu-img convert -f raw -O vmdk disk.raw vm/disk.vmdk
printf 'displayName = "bad"\nmemSize = "256"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "disk.vmdk"\n' > vm/bad.vmx
nothing 3 "in use|running|lock" vm/bad.vmx --no-convert
rm -r vm/disk.vmdk.lck && printf 'checkpoint.vmState = "bad.vmss"\n' >> vm/bad.vmx && : > vm/bad.vmss
nothing 3 "suspended" vm/bad.vmx --no-convert

# The guest: there is none.
nothing 3 "no operating system.*|ext4" disk.raw
echo "$count bad inputs, each with its own error"
