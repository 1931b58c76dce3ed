#!/bin/bash
# --allow-parent: a backing file elsewhere is refused by every verb, and read by all when its folder is allowed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"
mkdir base middle top real && ln -s real link

truncate -s 8M base/base.raw
printf 'label: dos\nstart=2048,type=83\n' | /sbin/sfdisk -q base/base.raw
qemu-io -f raw -c 'write -P 1 2M 64k' base/base.raw > /dev/null
qemu-img create -q -f qcow2 -b "$work/base/base.raw" -F raw middle/middle.qcow2
qemu-io -c 'write -P 2 3M 64k' middle/middle.qcow2 > /dev/null
(cd top && qemu-img create -q -f qcow2 -b ../middle/middle.qcow2 -F qcow2 top.qcow2)
qemu-io -c 'write -P 3 4M 64k' top/top.qcow2 > /dev/null
qemu-img convert -O raw top/top.qcow2 want.raw
allow=(--allow-parent base --allow-parent "$work/middle")

refused() {
	local got=0
	"$@" > log 2>&1 || got=$?
	[ "$got" = 4 ] || fail "$*: exit status $got, expected 4: $(cat log)"
	grep -qF "outside the image's folder, and no --allow-parent allows it" log || fail "$*: $(cat log)"
}

refused "$rehost" info top/top.qcow2
refused "$rehost" map top/top.qcow2 --allow-parent middle
refused "$rehost" compare -f raw want.raw top/top.qcow2 --allow-parent base
refused "$rehost" copy -q top/top.qcow2 out.raw -O raw
refused "$rehost" nbd top/top.qcow2 -s nbd.sock
refused "$rehost" convert -q -i disk top/top.qcow2 -os out --no-convert --allow-parent middle

"$rehost" info top/top.qcow2 "${allow[@]}" > /dev/null
"$rehost" map top/top.qcow2 "${allow[@]}" > /dev/null
"$rehost" compare -f raw want.raw top/top.qcow2 "${allow[@]}" > /dev/null || fail "compare"
"$rehost" copy -q top/top.qcow2 out.raw -O raw "${allow[@]}" || fail "copy"
cmp out.raw want.raw || fail "the copy differs"
"$rehost" nbd top/top.qcow2 -s nbd.sock "${allow[@]}" > ready &
server=$!
for _ in $(seq 600); do [ -s ready ] && break; sleep 0.1; done
nbdcopy "$(cat ready)" nbd.raw || fail "nbdcopy"
kill $server && wait $server
cmp nbd.raw want.raw || fail "what nbdcopy got differs"
# The io process, which is confined to the folders it was given.
"$rehost" convert -q -i disk top/top.qcow2 -os out --no-convert "${allow[@]}" || fail "convert"
qemu-img compare -q -f raw -F qcow2 want.raw out/top/top-sda.qcow2 || fail "the converted disk differs"

# An interrupted run is not thrown away when the next one lacks the option.
"$rehost" convert -q -i disk top/top.qcow2 -os slow --no-convert --bwlimit 32K "${allow[@]}" 2> /dev/null &
slow=$!
for _ in $(seq 300); do grep -qs converted slow/.top.partial/journal* && break; sleep 0.1; done
kill -INT $slow && wait $slow && fail "it was too fast to be interrupted"
names_in() { find "$1" -mindepth 1 -printf '%P\n' | sort; }
names_in slow/.top.partial > left
got=0 && "$rehost" convert -q -i disk top/top.qcow2 -os slow --no-convert 2> log || got=$?
{ [ "$got" = 4 ] && grep -q 'cannot resume from' log; } || fail "without --allow-parent: $got $(cat log)"
names_in slow/.top.partial > now
cmp left now || fail "something is gone: $(cat now)"
"$rehost" convert -i disk top/top.qcow2 -os slow --no-convert "${allow[@]}" > log 2>&1 || fail "resume: $(cat log)"
qemu-img compare -q -f raw -F qcow2 want.raw slow/top/top-sda.qcow2 || fail "the resumed disk differs"

# The boot proof, before qemu opens anything.
sed "s,<source file=.*,<source file='$work/top/top.qcow2'/>," out/top/top.xml > top.xml
grep -qF "'$work/top/top.qcow2'" top.xml || fail "the XML names no disk: $(cat top.xml)"
refused "$rehost" boot --level firmware top.xml --allow-parent middle
"$rehost" boot -q --level firmware top.xml "${allow[@]}" > /dev/null || fail "boot"

# An allowed folder bounds, too: by its real path as well, and no link leads out of it.
mv base/base.raw real
refused "$rehost" info top/top.qcow2 --allow-parent link --allow-parent middle
qemu-img rebase -u -f qcow2 -b "$work/real/base.raw" -F raw middle/middle.qcow2
"$rehost" info top/top.qcow2 --allow-parent link --allow-parent middle > /dev/null || fail "by the real path"
ln -s /etc/passwd real/passwd
qemu-img rebase -u -f qcow2 -b "$work/real/passwd" -F raw middle/middle.qcow2
got=0 && "$rehost" info top/top.qcow2 --allow-parent real --allow-parent middle 2> log || got=$?
{ [ "$got" = 4 ] && grep -q "'passwd' leads outside the image's folder" log; } || fail "a link out of it: $(cat log)"
got=0 && "$rehost" info top/top.qcow2 --allow-parent nowhere 2> log || got=$?
{ [ "$got" = 4 ] && grep -q "allow-parent: .*nowhere" log; } || fail "no such folder: $got $(cat log)"

# A loop over two folders.
qemu-img rebase -u -f qcow2 -b "$work/top/top.qcow2" -F qcow2 middle/middle.qcow2
got=0 && "$rehost" info top/top.qcow2 --allow-parent top --allow-parent middle 2> log || got=$?
{ [ "$got" = 4 ] && grep -q "loop: this file is in the chain already" log; } || fail "a loop: $(cat log)"
echo "parents in other folders are read where --allow-parent says so"
