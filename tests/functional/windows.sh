#!/bin/bash
# Phony Windows guests of every version (tests/windows/make-guest) go through inspection and all steps; every key and file
# that changes is compared with what is kept in tests/windows/golden. The hives are read again by hivexsh and reged, the
# command files of the first boot by our own lint, a second run must change nothing, and undone the guest is as it was.
# usage: tests/functional/windows.sh [--update] [NAME…]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin
for tool in hivexregedit hivexsh python3; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
make -s build/tests/support/convert_folder
. tests/lib/phony-guests.sh
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(tests/windows/make-guest --list)
scratch
scripts=0
top_key=\\

# Line ends of command files, and where the driver source lies.
comparable() {
	tr -d '\r' | sed "s|$work|WORK|g"
}

hives() { # FOLDER: all of them, whatever their case
	find "$1" -type f \( -ipath '*/config/system' -o -ipath '*/config/software' -o -name BCD \)
}

check_hives() {
	local f
	while read -r f; do
		printf 'ls\n' | hivexsh "$f" >"$work/out" 2>&1 || fail "$name: hivexsh refuses ${f#"$root"}: $(cat "$work/out")"
		[ -s "$work/out" ] || fail "$name: hivexsh finds nothing in ${f#"$root"}"
		hivexregedit --export --max-depth=99 "$f" "$top_key" >"$work/out" 2>&1 || fail "$name: hivexregedit refuses ${f#"$root"}"
		! command -v reged >/dev/null || printf 'ls\nq\n' | reged -e "$f" 2>&1 | grep -q subkeys ||
			fail "$name: reged refuses ${f#"$root"}"
	done < <(hives "$root")
}

check_scripts() {
	local nt5='' f
	case $name in xp-* | 2003-*) nt5=--nt5 ;; esac
	for f in "$root"/[Ww][Ii][Nn]*/rehost/first-boot.cmd "$root"/[Ww][Ii][Nn]*/rehost/steps/*.cmd; do
		[ -f "$f" ] || continue
		tests/support/lint-cmd $nt5 "$f" || fail "$name: ${f#"$root"}"
		scripts=$((scripts + 1))
	done
}

run_guest() {
	name=$1 root=$work/$1/root facts=$work/$1/facts
	tests/windows/make-guest "$name" "$work/$name"
	# where the appliance mounts it
	[ ! -d "$work/$name/esp" ] || cp -a "$work/$name/esp/EFI" "$root/Windows/Temp/"
	[ ! -d "$work/virtio-win" ] || echo "drivers $work/virtio-win" >>"$facts"
	convert_first "$facts" "tests/windows/golden/$name.txt"
	check_hives
	check_scripts
	convert_again "$facts"
	check_undo
	echo "$name: $(sed -n 's/^disks //p' "$work/$name.out"), $(sed -n 's/^verdict: //p' "$work/$name.out")"
	rm -rf "${work:?}/$name" "$work/$name".*
}

# --mac MAC:ip:… instead of the guest's own settings: the script that the first boot gets.
check_addresses() {
	name=$1 root=$work/$1/root facts=$work/$1/facts
	tests/windows/make-guest "$name" "$work/$name"
	{
		echo "drivers $work/virtio-win"
		echo 'ip 00:50:56:aa:10:01:ip:10.99.0.5,10.99.0.254,20,10.99.0.253,10.99.0.252'
		echo 'ip 00:50:56:aa:10:02:ip:2001:db8::5,2001:db8::1,64,2001:db8::53'
	} >>"$facts"
	build/tests/support/convert_folder "$root" "$facts" >"$work/out" || fail "$name: with addresses"
	tr -d '\r' <"$(echo "$root"/[Ww]*/rehost/steps/20-network.cmd)" >"$work/$name.addresses"
	as_kept "$work/$name.addresses" "tests/windows/golden/$name.addresses.txt"
	check_scripts
	rm -rf "${work:?}/$name"
}

labels() { # of the script for the cards, in one line
	tr -d '\r' <"$(echo "$root"/[Ww]*/rehost/steps/20-network.cmd)" | sed -n 's/^://p' | paste -sd ' '
}

# A machine whose card is none of the guest's, as far as Windows knows MACs (XP doesn't: there it gets the connection with
# fixed addresses): the script has the subroutines that it calls and no other.
check_stranger() {
	local address=00:50:56:bb:99:01 facts=$work/$1/facts ip
	local card='card-00-50-56-bb-99-01 after-00-50-56-bb-99-01 find look found'
	name=$1 root=$work/$1/root
	for ip in '' "ip $address:ip:10.99.0.5"; do
		tests/windows/make-guest "$name" "$work/$name"
		sed -i '/^nic /d' "$facts"
		printf '%s\n' "drivers $work/virtio-win" "nic $address -" "$ip" >>"$facts"
		build/tests/support/convert_folder "$root" "$facts" >"$work/out" || fail "$name: a card that it doesn't know"
		labels >"$work/labels"
		case $name$ip in
		xp-*) echo "$card rename forget" ;;
		*:ip:*) echo "$card forget" ;;
		*) echo forget ;;
		esac | diff - "$work/labels" || fail "$name: other subroutines"
		check_scripts
		rm -rf "${work:?}/$name"
	done
}

# A lint that accepts everything proves nothing.
refused() { # LINE: cmd.exe would stumble over it
	printf '@echo off\r\n%s\r\nexit /b 0\r\n' "$1" >"$work/bad.cmd"
	! tests/support/lint-cmd "$work/bad.cmd" >/dev/null || fail "the lint accepts: $1"
}

check_lint() {
	refused 'call :nowhere'
	refused 'goto nowhere'
	refused 'set "a=1'
	refused 'if defined a (echo 1'
	refused 'frobnicate'
	refused 'echo %never%'
	refused 'echo 100%'
	refused 'for %a in (1) do echo 1'
	refused ':unreachable'
	refused 'echo ü'
	printf '@echo off\nexit /b 0\n' >"$work/bad.cmd"
	! tests/support/lint-cmd "$work/bad.cmd" >/dev/null || fail "the lint accepts Unix' line ends"
	printf '@echo off\r\npnputil -i -a x.inf\r\nexit /b 0\r\n' >"$work/bad.cmd"
	tests/support/lint-cmd "$work/bad.cmd" || fail "the lint refuses a good file"
	! tests/support/lint-cmd --nt5 "$work/bad.cmd" >/dev/null || fail "the lint takes XP for one with pnputil"
}

check_lint
if [ -x tests/windows/make-virtio-win ]; then
	tests/windows/make-virtio-win "$work/virtio-win"
fi
for name; do
	run_guest "$name"
	case $name in
	xp-x86 | 2022)
		check_addresses "$name"
		check_stranger "$name"
		;;
	esac
done
echo "$# phony Windows guests as expected, twice, and undone; $scripts command files"
