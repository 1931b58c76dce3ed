#!/bin/bash
# SELinux enforcing: the converted guest boots without a relabelling start, root can log in, and every file, link and folder
# has the label that it had before; new ones have that of the guest's own file_contexts.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
command -v matchpathcon > /dev/null || skip "matchpathcon is missing (selinux-utils)"
scratch

# labels IMAGE LIST: "PATH LABEL" of each path of the list.
labels() {
	sed 's/.*/ea_get "&" security.selinux/' "$2" > "$work/commands"
	debugfs -f "$work/commands" "$1" 2>&1 |
		sed -nE 's/^debugfs: ea_get "(.*)" security.selinux$/\1/p; s/^security.selinux \([0-9]+\) = "([^\\"]*)(\\000)?"$/=\1/p' |
		awk '/^=/ { if (path != "") print path, substr($0, 2); path = ""; next } { if (path != "") print path, "none"; path = $0 }
			END { if (path != "") print path, "none" }'
}

# unpack IMAGE NAME: its files, and the list of their paths.
unpack() {
	mkdir "$work/$2"
	debugfs -R "rdump / $work/$2" "$1" > "$work/$2.log" 2>&1
	(cd "$work/$2" && find . -mindepth 1 -printf '/%P\n' | sort) > "$work/$2.paths"
	[ "$(wc -l < "$work/$2.paths")" -gt 5000 ] || fail "$2: only $(wc -l < "$work/$2.paths") files: $(tail -n 3 "$work/$2.log")"
}

# What the guest's own rules say of paths that were not there before.
expected_labels() {
	local path type
	while read -r path; do
		type='file'
		if [ -L "$work/new$path" ]; then type=lnk_file; elif [ -d "$work/new$path" ]; then type=dir; fi
		echo "$path $(matchpathcon -n -f "$work/new/etc/selinux/default/contexts/files/file_contexts" -m $type "$path")"
	done
}

convert_and_boot selinux

old="build/samples/selinux/selinux-disk1-flat.vmdk?offset=1048576"
new="$work/new.raw?offset=1048576"
qemu-img convert -O raw "$result/selinux-sda.qcow2" "$work/new.raw"
unpack "$old" old
unpack "$new" new
[ ! -e "$work/new/.autorelabel" ] || fail "a relabelling start was asked for"
comm -13 "$work/old.paths" "$work/new.paths" > "$work/added"
comm -12 "$work/old.paths" "$work/new.paths" > "$work/kept"
[ -s "$work/added" ] || fail "no file was added, nothing to check"
labels "$old" "$work/kept" > "$work/kept.before"
labels "$new" "$work/kept" > "$work/kept.after"
[ "$(wc -l < "$work/kept.before")" = "$(wc -l < "$work/kept")" ] || fail "labels of $(wc -l < "$work/kept.before") of $(wc -l < "$work/kept") files"
[ "$(grep -vc ' none$' "$work/kept.before")" -gt 10000 ] || fail "only $(grep -vc ' none$' "$work/kept.before") files of the sample have a label"
diff "$work/kept.before" "$work/kept.after" > "$work/diff" || fail "labels changed: $(head "$work/diff")"
expected_labels < "$work/added" > "$work/added.expected"
labels "$new" "$work/added" | diff "$work/added.expected" - > "$work/diff" || fail "labels of new files: $(cat "$work/diff")"
echo "selinux: $(wc -l < "$work/kept") labels are as before, those of $(wc -l < "$work/added") new files as file_contexts says"
