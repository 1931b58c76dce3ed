#!/bin/bash
# Faults while a real guest's disk is imaged: links that are reset, half-open, silent; a host that is killed; a machine that is
# reset; bad sectors. Each ends in a guest that boots: its blocks are the machine's but those that the conversion changed, which
# are as in an undisturbed run, and nothing was published before. The first runs offer the disk over the loopback; the
# machine that is reset is one of QEMU with the live ISO.
# usage: faults.sh [cuts|killed|stop|reset]…: only these
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-machine.sh
. tests/lib/convert-and-boot.sh
p2v_needs debugfs dumpe2fs sfdisk virt-xml-validate cc
need_root
make -s build/tests/support/p2v_client
p2v_scratch
samples/build --out build/samples web01
eval "$(samples/build --out build/samples --show web01)"
mac=52:54:00:aa:00:01
keeper=''

step() { echo "[$SECONDS s] $*"; }

tar xOf "${files[0]}" web01-disk1.vmdk > "$work/disk.vmdk"
qemu-img convert -O raw "$work/disk.vmdk" "$work/sda"
rm "$work/disk.vmdk"
before=$(sha256sum < "$work/sda")
printf '{"schema":"rehost-machine-1","name":"web01","smbios":{"uuid":"4c4c4544-0042-3510-8051-b4c04f4b3132"},"firmware":"bios",
	"memory":1073741824,"cpu":{"sockets":1,"cores":2,"threads":2},"nics":[{"name":"ens192","mac":"%s","driver":"e1000e",
	"names":{"slot":"ens192"}}]}' \
	$mac > "$work/web01.json"

# ---- what each run is judged by ----

# keep_graft: links to the maps and deltas of a conversion, which it removes in the end; made anew as often as it begins anew.
# Nothing may have the final name while there is a partial folder.
keep_graft() {
	local partial=$work/out/.web01.partial file
	while sleep 0.1; do
		[ ! -d "$partial" ] || [ ! -e "$work/out/web01" ] || [ ! -d "$partial" ] || touch "$work/published-early"
		for file in "$partial"/map-? "$partial"/delta-?; do
			[ "$file" -ef "$work/kept/${file##*/}" ] || ln -f "$file" "$work/kept/" 2> /dev/null || :
		done
	done
}

begin_run() { # WORDS
	step "$1"
	rm -rf "$work/out" "$work/kept"
	mkdir "$work/kept"
	: > "$work/host.log"
	keep_graft &
	keeper=$!
	others+=("$keeper")
}

# check_run NAME [DISK…]: the result of a run, of web01's disk and those; the guest's files stay listed in $work/NAME.files, its
# change log in $work/NAME.changes.
check_run() {
	local result=$work/out/web01 disk i=0
	kill "$keeper"
	[ ! -e "$work/published-early" ] || fail "$1: published beside a partial folder"
	[ ! -e "$work/out/.web01.partial" ] || fail "$1: a partial folder is left"
	check_result "$result"
	for disk in "$work/sda" "${@:2}"; do
		qemu-img convert -O raw "$(result_disks "$result" | sed -n "$((i + 1))p")" "$work/result.raw"
		tests/support/compare-graft "$work/kept/map-$i" "$work/kept/delta-$i" "$disk" "$work/result.raw" > "$work/compared" ||
			fail "$1: disk $((i + 1)): $(cat "$work/compared")"
		step "$1: disk $((i + 1)): $(cat "$work/compared")"
		[ $i != 0 ] || list_files "$1"
		i=$((i + 1))
	done
	jq -S .changes "$result/report.json" > "$work/$1.changes"
}

list_files() { # NAME
	rm -rf "$work/tree"
	mkdir "$work/tree"
	debugfs -R "rdump / $work/tree" "$work/result.raw?offset=1048576" > "$work/debugfs.log" 2>&1
	(cd "$work/tree" && find . -type f -exec sha256sum {} + | sort -k 2) > "$work/$1.files"
	rm -rf "$work/tree"
	[ "$(wc -l < "$work/$1.files")" -gt 5000 ] || fail "$1: only $(wc -l < "$work/$1.files") files: $(tail -n 3 "$work/debugfs.log")"
}

as_undisturbed() { # NAME
	cmp -s "$work/undisturbed.changes" "$work/$1.changes" ||
		fail "$1: another change log: $(diff "$work/undisturbed.changes" "$work/$1.changes" | head -n 20)"
	cmp -s "$work/undisturbed.files" "$work/$1.files" ||
		fail "$1: other files: $(diff "$work/undisturbed.files" "$work/$1.files" | head)"
	boots "$work/after" --timeout 900 --mac $mac "${virtio[@]}" "$(result_disks "$work/out/web01" | head -n 1)" || fail "$1: boot: $(cat "$work/after")"
	expect_lines "$work/after"
	step "$1: the same $(wc -l < "$work/$1.files") files and $(jq length "$work/$1.changes") changes as undisturbed; boots on virtio"
}

# ---- the loopback's machine ----

machine_on() { # PORT
	: > "$work/client.out"
	build/tests/support/p2v_client "127.0.0.1:$1" "$token" "$work/web01.json" 600 "$work/sda" > "$work/client.out" 2>&1 &
	machine=$!
}

await_read() { # MIB
	until awk -v want=$(($1 << 20)) '$4 > want { found = 1 } END { exit !found }' "$work/client.out"; do
		kill -0 "$machine" 2> /dev/null || fail "before $1 MiB: $(tail -n 3 "$work/client.out" "$work/host.log")"
		sleep 0.1
	done
	[ ! -e "$work/out/web01" ] || fail "at $1 MiB the result is there"
}

machine_ends() { # NAME
	wait "$machine" || fail "$1: $(tail -n 3 "$work/client.out"): $(tail -n 20 "$work/host.log")"
	machine=
	[ "$(sha256sum < "$work/sda")" = "$before" ] || fail "$1: the machine's disk was written to"
	for _ in $(seq 100); do
		[ "$(machine_has state)" != "done" ] || return 0
		sleep 0.1
	done
	fail "$1: $(./rehost machines -os "$work/out" --json)"
}

# ---- the parts ----

# What the others are compared with, once.
undisturbed() {
	[ ! -e "$work/undisturbed.files" ] || return 0
	begin_run "undisturbed"
	start_host --jobs 1
	machine_on "$port"
	machine_ends undisturbed
	kill_host
	check_run undisturbed
}

# Five cuts: in the appliance and in the copy.
part_cuts() {
	local cut door
	undisturbed
	begin_run "the link is cut five times"
	start_host --bwlimit 25M
	coproc tests/support/cutting-proxy 127.0.0.1 "$port"
	others+=("$COPROC_PID")
	read -r door <&"${COPROC[0]}"
	machine_on "$door"
	for cut in 1:reset 20:half-near 100:stall 180:half-far 260:reset; do
		await_read "${cut%:*}"
		step "${cut#*:} at $(awk 'END { print int($4 / 1048576) }' "$work/client.out") MiB, $(tail -n 1 "$work/client.out" | cut -d' ' -f1,5-)"
		echo "${cut#*:}" >&"${COPROC[1]}"
		if [ "${cut#*:}" = stall ]; then
			sleep 45
			echo go >&"${COPROC[1]}"
		fi
	done
	machine_ends cuts
	check_bytes "$work/sda"
	kill_host
	check_run cuts
	as_undisturbed cuts
}

# The host is killed in the appliance and in the copy.
part_killed() {
	local mib
	undisturbed
	begin_run "the host is killed twice"
	start_host --bwlimit 25M
	machine_on "$port"
	for mib in 20 220; do
		await_read $mib
		step "killed at $mib MiB, $(tail -n 1 "$work/client.out" | cut -d' ' -f1,5-)"
		kill_host
		start_host --bwlimit 25M
	done
	machine_ends killed
	kill_host
	check_run killed
	as_undisturbed killed
	[ "$(jq .copy.reused "$work/out/web01/report.json")" -gt 0 ] || fail "nothing was resumed: $(cat "$work/host.log")"
}

# A bad sector ends it, where that is asked for.
part_stop() {
	local bad status=0
	step "a disk with a bad sector: stop"
	cc -O1 -D_GNU_SOURCE -fPIC -shared -o "$work/bad_sectors.so" tests/support/bad_sectors.c
	bad=$(debugfs -R 'bmap /srv/data/small-0002 0' "$work/sda?offset=1048576" 2> /dev/null | tail -n 1)
	[ "${bad:-0}" -gt 0 ] || fail "the file has no block"
	bad=$((1048576 + bad * 4096))
	rm -rf "$work/out"
	: > "$work/host.log"
	start_host --no-convert -of raw
	LD_PRELOAD=$work/bad_sectors.so BAD_INODE=$(stat -c %i "$work/sda") BAD_RANGES=$bad+512 build/tests/support/p2v_client \
		"127.0.0.1:$port" "$token" "$work/web01.json" 60 "$work/sda" > "$work/client.out" 2>&1 || status=$?
	kill_host
	[ $status = 5 ] || fail "stop: status $status: $(tail -n 3 "$work/client.out" "$work/host.log")"
	grep -qi "$(printf '0x%x' $bad)" "$work/client.out" || fail "stop: no $(printf '0x%x' $bad) in $(tail -n 2 "$work/client.out")"
	[ ! -e "$work/out/web01" ] || fail "stop: it was published"
}

# The machine is reset in the copy, and its second disk has a bad sector.
part_reset() {
	local size bad errors from len
	undisturbed
	begin_run "a machine that is reset, with a bad sector on its second disk"
	live_iso
	# An ext4 with one file, which no fstab names: it is copied whole. One sector of the file is bad.
	mkdir "$work/data"
	head -c 20M /dev/urandom > "$work/data/file"
	mkfs.ext4 -q -F -L data -d "$work/data" "$work/sdb" 64M
	size=$(dumpe2fs -h "$work/sdb" 2> /dev/null | sed -n 's/^Block size: *//p')
	bad=$(($(debugfs -R 'bmap file 5000' "$work/sdb" 2> /dev/null | tail -n 1) * size))
	[ "$bad" -gt 0 ] || fail "the file has no such block"
	printf '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "%d"\nonce = "off"\n' $((bad / 512)) > "$work/bad.conf"
	start_host --bwlimit 25M --on-read-error zero
	medium=$work/p2v.iso
	./rehost iso --server "10.0.2.2:$port" --token "$token" --name web01 --post poweroff "$work/iso/rehost-p2v.iso" "$medium"
	power_on -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off -device pcie-root-port,id=net-port,chassis=2,slot=192 \
		-device e1000e,bus=net-port,netdev=net,romfile=,mac=$mac \
		-drive "if=none,id=disk0,format=raw,file=$work/sda" -device ide-hd,bus=ide.0,drive=disk0,serial=SN001 \
		-drive "if=none,id=disk1,format=raw,rerror=report,file=blkdebug:$work/bad.conf:$work/sdb" \
		-device ide-hd,bus=ide.1,drive=disk1,serial=SN002
	until [ "$(machine_has 'done')" -gt $((120 << 20)) ] 2> /dev/null; do
		kill -0 "$machine" 2> /dev/null || await_off
		sleep 0.5
	done
	[ ! -e "$work/out/web01" ] || fail "the result is there before the reset"
	step "reset at $(($(machine_has 'done') >> 20)) MiB of the copy"
	echo system_reset >&"$monitor"
	await_off
	[ "$(grep -c 'connected from' "$work/host.log")" -ge 2 ] || fail "it was not reset: $(cat "$work/host.log")"
	! grep -q 'begins anew' "$work/host.log" || fail "the same disks were taken for others: $(cat "$work/host.log")"
	[ "$(sha256sum < "$work/sda")" = "$before" ] || fail "the machine's disk was written to"
	errors=$(jq -c '[.copy.read_errors[] | [.disk, .offset, .length]]' "$work/out/web01/report.json")
	read -r from len < <(jq -r '.copy.read_errors[0] | "\(.offset) \(.length)"' "$work/out/web01/report.json")
	# That sector alone is lost; then the disk is as it was, with zeros there.
	[[ $errors == "[[1,$bad,512]]" ]] || fail "the sector at $bad is bad, the report has $errors"
	cp --sparse=always "$work/sdb" "$work/sdb.zeros"
	dd if=/dev/zero of="$work/sdb.zeros" bs=512 seek=$((from / 512)) count=$((len / 512)) conv=notrunc status=none
	check_run reset "$work/sdb.zeros"
	as_undisturbed reset
}

parts=(cuts killed stop reset)
((!$#)) || parts=("$@")
for part in "${parts[@]}"; do "part_$part"; done
((!$#)) || exit 0
echo "cut five times, host killed twice, machine reset once, bad sectors: each ends as --on-read-error says, in the undisturbed run's guest"
