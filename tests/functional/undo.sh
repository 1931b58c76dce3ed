#!/bin/bash
# convert --undo-log keeps the originals of all that it changes, and undo gives the guest back as it was: a phony Alpine
# on a small disk, its file system read by debugfs before and after.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
for tool in mke2fs debugfs sfdisk cpio qemu-img; do
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
	qemu-img convert -O raw "$1" "$2.raw"
	dd if="$2.raw" of="$2.fs" bs=1M skip=1 status=none
	debugfs -R "rdump / $2" "$2.fs" >/dev/null 2>&1
	rm "$2.raw" "$2.fs"
	rmdir "$2/lost+found" 2>/dev/null || true
	find "$2" -mindepth 1 -type d -empty -delete
}

./rehost convert -q -i disk --undo-log --os "$work" --on first "$work/disk.raw" >"$work/log" 2>&1 || fail "convert: $(cat "$work/log")"
[ -s "$work/first/undo/originals.json" ] || fail "no originals were kept"
./rehost undo -q --os "$work" "$work/first" >"$work/log" 2>&1 || fail "undo: $(cat "$work/log")"
[ "$(cat "$work/log")" = "$work/first-undone" ] || fail "undo says: $(cat "$work/log")"

tree_of "$work/disk.raw" "$work/before"
tree_of "$work/first/first-sda.qcow2" "$work/converted"
tree_of "$work/first-undone/first-undone-sda.qcow2" "$work/undone"
diff -r --no-dereference "$work/before" "$work/converted" >/dev/null && fail "the conversion changed nothing"
diff -r --no-dereference "$work/before" "$work/undone" || fail "undone differs from the source"
modes() { (cd "$1" && find . -type f -printf '%p %m %u\n' | sort); }
diff <(modes "$work/before") <(modes "$work/undone") || fail "modes or owners differ"
./rehost undo -q --os "$work" "$work/before" >"$work/log" 2>&1 && fail "undo of a folder that is no result"
grep -q 'is no result of a conversion' "$work/log" || fail "undo says: $(cat "$work/log")"
echo "$(grep -c '"path"' "$work/first/undo/originals.json") originals put back"
