#!/bin/bash
# make install into a folder: all that runs from there does, and uninstall leaves nothing of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
dest="$work/a folder"

# The program is built by now: nothing is compiled.
make_it() { env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory -o rehost DESTDIR="$dest" PREFIX=/opt/tools V2V_LINK=1 "$@" > "$work/make.log" 2>&1 || fail "make $*: $(tail -n 5 "$work/make.log")"; }
make_it install
top="$dest/opt/tools"
"$top/bin/rehost" --version | grep -qx "rehost [0-9.]*" || fail "the program doesn't run"
"$top/bin/virt-v2v" --version | grep -q '^virt-v2v 1' || fail "the link virt-v2v"
truncate -s 1M "$work/disk.raw"
"$top/bin/rehost" info -f raw "$work/disk.raw" | grep -q '1.0 MiB' || fail "rehost info"

for page in docs/man/*; do
	name=${page##*/}
	MANPATH="$top/share/man" man -w "${name##*.}" "${name%.*}" > /dev/null 2>&1 || fail "man doesn't find $name"
done
for file in share/bash-completion/completions/rehost share/zsh/site-functions/_rehost share/fish/vendor_completions.d/rehost.fish \
	share/rehost/schema/report.schema.json share/doc/rehost/README.md share/doc/rehost/docs/findings.md; do
	[ -s "$top/$file" ] || fail "no $file"
done
find run -name '*.service' | while read -r unit; do
	installed="$top/lib/systemd/system/${unit##*/}"
	grep -q '^ExecStart=/opt/tools/bin/rehost ' "$installed" || fail "$unit doesn't start the installed program"
	! grep -q @PREFIX@ "$installed" || fail "$unit names no prefix"
	# systemd wants a program that is there; a template an instance.
	checked=${unit##*/}
	checked=$work/${checked/@./@srv-job.}
	sed 's|/opt/tools/bin/rehost|/usr/bin/env|' "$installed" > "$checked"
	systemd-analyze verify --man=no "$checked" > "$work/verify.log" 2>&1 || fail "$unit: $(cat "$work/verify.log")"
	! grep -F "${checked##*/}" "$work/verify.log" || fail "$unit: $(cat "$work/verify.log")"
done
[ -z "$(find "$dest" -perm /022 ! -type l)" ] || fail "others may write: $(find "$dest" -perm /022 ! -type l)"

# Somebody else's file of a name of ours stays.
mkdir -p "$top/share/rehost/other" "$top/share/man/man1"
touch "$top/share/rehost/other/file" "$top/share/man/man1/other.1"
make_it uninstall
left=$(find "$dest" ! -type d | sed "s|$top/||" | sort | paste -sd' ')
[ "$left" = "share/man/man1/other.1 share/rehost/other/file" ] || fail "uninstall leaves $left"
rm -r "$top/share/rehost/other"
make_it uninstall
[ -z "$(find "$dest" -name '*rehost*')" ] || fail "uninstall leaves $(find "$dest" -name '*rehost*')"
echo "$(wc -l < <(find docs/man -type f)) pages, 3 completions; nothing left"
