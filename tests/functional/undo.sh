#!/bin/bash
# convert --undo-log keeps the originals of all that it changes, and undo gives the guest back as it was: a phony Alpine
# on a small disk, its file system read by debugfs before and after; in qcow2 and, beside disks that show nothing, in raw.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
for tool in mke2fs debugfs sfdisk cpio qemu-img jq; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
[ -x rehost ] || fail "rehost isn't built"
scratch
root=$work/root facts=$work/facts tree=$work/tree
mkdir "$root"
root=$root facts=$facts tree=$tree bash -euo pipefail -c '. tests/families/lib.sh; . tests/families/alpine.sh'
echo 3.19.1 >"$root/etc/alpine-release"
sed -i '/sda[12]/d' "$root/etc/fstab" # one partition is enough here
sed -i 's|/dev/sda3|/dev/sda1|' "$root/etc/fstab" "$root/boot/extlinux.conf" "$root/etc/update-extlinux.conf"
chmod 640 "$root/etc/update-extlinux.conf"
truncate -s 64M "$work/disk.raw"
sfdisk -q "$work/disk.raw" <<<'start=2048, type=83'
mke2fs -q -t ext4 -d "$root" -E offset=1048576 "$work/disk.raw" 63M 2>/dev/null

tree_of() { # DISK FOLDER: the files of its first partition
	mkdir "$2"
	qemu-img convert -f "${1##*.}" -O raw "$1" "$2.raw"
	dd if="$2.raw" of="$2.fs" bs=1M skip=1 status=none
	debugfs -R "rdump / $2" "$2.fs" >/dev/null 2>&1
	rm "$2.raw" "$2.fs"
	rmdir "$2/lost+found" 2>/dev/null || true
	find "$2" -mindepth 1 -type d -empty -delete
}

qemu-img convert -f raw -O vmdk "$work/disk.raw" "$work/disk.vmdk"
cat >"$work/first.vmx" <<'X'
config.version = "8"
virtualHW.version = "14"
displayName = "first"
memsize = "768"
numvcpus = "2"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "disk.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.addressType = "static"
ethernet0.address = "00:50:56:3a:00:01"
X
./rehost convert -q --undo-log --os "$work" --on first -b br7 "$work/first.vmx" >"$work/log" 2>&1 || fail "convert: $(cat "$work/log")"
[ -s "$work/first/undo/originals.json" ] || fail "no originals were kept"
./rehost undo -q --os "$work" "$work/first" >"$work/log" 2>&1 || fail "undo: $(cat "$work/log")"
[ "$(cat "$work/log")" = "$work/first-undone" ] || fail "undo says: $(cat "$work/log")"

# The undone machine has the source's hardware, as far as QEMU has it.
for what in "model='vmpvscsi'" "<mac address='00:50:56:3a:00:01'/>" "<model type='vmxnet3'/>" "<source bridge='br7'/>" \
	"<vcpu>2</vcpu>" "<memory unit='KiB'>786432</memory>"; do
	tr '"' "'" <"$work/first-undone/first-undone.xml" | grep -qF "$what" ||
		fail "undone: $what is missing: $(cat "$work/first-undone/first-undone.xml")"
done

tree_of "$work/disk.raw" "$work/before"
tree_of "$work/first/first-sda.qcow2" "$work/converted"
tree_of "$work/first-undone/first-undone-sda.qcow2" "$work/undone"
diff -r --no-dereference "$work/before" "$work/converted" >/dev/null && fail "the conversion changed nothing"
diff -r --no-dereference "$work/before" "$work/undone" || fail "undone differs from the source"
modes() { (cd "$1" && find . -type f -printf '%p %m %u\n' | sort); }
diff <(modes "$work/before") <(modes "$work/undone") || fail "modes or owners differ"
# Raw disks stay raw, whatever the guest keeps in them: nothing, or what looks like an image.
truncate -s 8M "$work/blank.raw"
qemu-img create -q -f qcow2 "$work/inner.raw" 1M
truncate -s 8M "$work/inner.raw"
inner=$(sha256sum <"$work/inner.raw")
./rehost convert -q -i disk -if raw -of raw --undo-log --os "$work" --on second "$work/disk.raw" "$work/blank.raw" \
	"$work/inner.raw" >"$work/log" 2>&1 || fail "convert to raw: $(cat "$work/log")"
./rehost undo -q --os "$work" "$work/second" >"$work/log" 2>&1 || fail "undo of raw disks: $(cat "$work/log")"
tree_of "$work/second-undone/second-undone-sda.raw" "$work/undone-raw"
diff -r --no-dereference "$work/before" "$work/undone-raw" || fail "undone raw disk differs from the source"
cmp "$work/blank.raw" "$work/second-undone/second-undone-sdb.raw" || fail "the blank disk differs"
[ "$(sha256sum <"$work/second-undone/second-undone-sdc.raw")" = "$inner" ] || fail "the disk that looks like qcow2 differs"

./rehost undo -q --os "$work" "$work/before" >"$work/log" 2>&1 && fail "undo of a folder that is no result"
grep -q 'is no result of a conversion' "$work/log" || fail "undo says: $(cat "$work/log")"
refused() { # PATTERN, the report's disks on standard input
	mkdir -p "$work/told"
	jq -n '{disks: input}' >"$work/told/report.json"
	local got=0
	./rehost undo -q --os "$work" "$work/told" >"$work/log" 2>&1 || got=$?
	[ "$got" = 4 ] || fail "undo of a report that is wrong ends with $got: $(cat "$work/log")"
	grep -q "$1" "$work/log" || fail "no '$1': $(cat "$work/log")"
}
refused "disk 1: format '', which conversions don't write" <<<'[{"file": "a"}]'
refused "disk 2: format 'vmdk', which" <<<'[{"file": "a", "format": "raw"}, {"file": "b", "format": "vmdk"}]'
refused "disk 2: format 'raw', those before have 'qcow2'" <<<'[{"file": "a", "format": "qcow2"}, {"file": "b", "format": "raw"}]'
refused "has no originals, which convert --undo-log keeps" <<<'[{"file": "a", "format": "qcow2"}]'
echo "$(grep -c '"path"' "$work/first/undo/originals.json") originals put back"
