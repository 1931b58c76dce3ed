#!/bin/bash
# Physical machines over the network: a file is the machine's disk. Tokens, refusals, links that break, a host that is
# killed, a machine that boots again: what arrives equals the disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-host.sh
command -v python3 > /dev/null || skip "python3 is missing"
make -s build/tests/support/p2v_client > /dev/null
rehost=$PWD/rehost client=$PWD/build/tests/support/p2v_client proxy=$PWD/tests/support/cutting-proxy
scratch
trap 'kill ${host:-} ${link:-} ${machine:-} 2> /dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

# 24 MiB of data at several places of 256 MiB, with a partition table
disk() { # FILE
	truncate -s 256M "$1"
	for at in 1 40 100 240; do
		dd if=/dev/urandom of="$1" bs=1M seek=$at count=6 conv=notrunc status=none
	done
	dd if=/dev/zero of="$1" bs=1M seek=60 count=16 conv=notrunc status=none # allocated zeros
}

# sda has a partition that begins between the samples that are evenly spread
disk sda
python3 - << 'TABLE'
import struct
with open("sda", "r+b") as f:
    f.seek(446)
    f.write(struct.pack("<B3xB3xII", 0, 0x83, 45 << 11, 200 << 11) + bytes(48) + b"\x55\xaa")
TABLE
disk sdb
inventory web01 4c4c4544-0042-3510-8051-b4c04f4b3132 > web01.json
inventory web02 4c4c4544-0042-3510-8051-b4c04f4b3133 > web02.json

# ---- two disks arrive, and no more data than they have ----
start_host
: > client.out
"$client" 127.0.0.1:"$port" "$token" web01.json 20 "$work/sda" "$work/sdb" > client.out 2> client.err ||
	fail "client: $(cat client.err host.log)"
same_disk sda web01 sda
same_disk sdb web01 sdb
await_state web01 "done"
sent=$(state web01 sent)
[ "$sent" -ge $((48 << 20)) ] || fail "$sent bytes were counted, 48 MiB are there"
[ "$sent" -le $((52 << 20)) ] || fail "$sent bytes came for 48 MiB"
# all chunks with data, of 2 MiB each, agree with the machine's ledger
python3 - << 'CHECK' || fail "not compared with the machine: $(cat out/web01/report.json)"
import json
copy = json.load(open("out/web01/report.json"))["copy"]
assert copy["bytes_read"] <= copy["compared"] <= copy["bytes_read"] + (16 << 20), copy
CHECK

# ---- a token is for one machine, and not for one that is done ----
says 3 'refuses: the token belongs to another machine' "$client" 127.0.0.1:"$port" "$token" web02.json 5 "$work/sda"
grep -q 'refused: the token belongs' host.log || fail "the refusal is not in the log: $(cat host.log)"
says 3 'refuses: this machine is converted already' "$client" 127.0.0.1:"$port" "$token" web01.json 5 "$work/sda" "$work/sdb"

# ---- without the token nothing is learned, and the host goes on ----
other=bafab-bafab-bafab-bafab-bafab-bafab-bafab-bafab
says 2 'mistyped' "$client" 127.0.0.1:"$port" "$other-bafab" web02.json 5 "$work/sda"
for check in $(python3 -c 'import hashlib
c, v = "bdfghjklmnprstvz", "aiou"
n = int.from_bytes(bytes(2), "big")
t = bytes(16)
def w(x): return c[x >> 12] + v[x >> 10 & 3] + c[x >> 6 & 15] + v[x >> 4 & 3] + c[x & 15]
print("-".join([w(0)] * 8 + [w(int.from_bytes(hashlib.sha256(t).digest()[:2], "big"))]))'); do
	says 4 'handshake failed' "$client" 127.0.0.1:"$port" "$check" web02.json 5 "$work/sda"
done
for _ in 1 2 3 4 5; do
	head -c 4096 /dev/urandom > /dev/tcp/127.0.0.1/"$port" || true
	echo 'GET / HTTP/1.0' > /dev/tcp/127.0.0.1/"$port" || true
done
# one address that only holds connections open doesn't get all places
python3 - "$port" << 'SILENT' > silent.out &
import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=("127.0.0.2", 0)) for _ in range(40)]
print("held", flush=True)
time.sleep(600)
SILENT
silent=$!
wait_for silent.out held
wait_for host.log '^.*127\.0\.0\.2.*refused: 16 handshakes from this address are under way'
kill $silent
wait $silent 2> /dev/null || true
if command -v openssl > /dev/null; then # a TLS client with another key, with none, and of an older version
	for how in '-psk 00112233445566778899aabbccddeeff -psk_identity 0011223344556677' '-tls1_3' '-tls1_2'; do
		# shellcheck disable=SC2086
		if openssl s_client -connect 127.0.0.1:"$port" -alpn rehost-p2v/1 $how < /dev/null > ssl.out 2>&1; then
			fail "a handshake without the token: $how"
		fi
	done
fi
stop_host

# ---- the link breaks in the middle of the copy, then the host is killed and comes back ----
start_host --uses 2 --bwlimit 3M
coproc "$proxy" 127.0.0.1 "$port"
link=$COPROC_PID
read -r door <&"${COPROC[0]}"
: > client.out # the last one's says how far that was
"$client" 127.0.0.1:"$door" "$token" web02.json 60 "$work/sda" > client.out 2> client.err &
machine=$!
for cut in 6:reset 16:half-near 24:half-far 31:reset; do
	until awk -v want=$((${cut%:*} << 20)) '$4 > want { found = 1 } END { exit !found }' client.out; do
		kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
		sleep 0.1
	done
	echo "${cut#*:}" >&"${COPROC[1]}"
done
stop_host
[ -d out/.web02.partial ] || fail "nothing was kept"
[ ! -e out/web02 ] || fail "half a machine was published"
start_host --bwlimit 20M
wait $machine || fail "client: $(cat client.err host.log)"
same_disk sda web02 sda
python3 - << 'CHECK' || fail "nothing was resumed: $(cat host.log)"
import json
copy = json.load(open("out/web02/report.json"))["copy"]
assert copy["reused"] >= 4 << 20, copy
CHECK
stop_host

# ---- two machines at once; one falls silent (half-open), and a thousand strangers call meanwhile ----
rm -rf out
inventory web03 4c4c4544-0042-3510-8051-b4c04f4b3134 > web03.json
start_host --uses 2 --jobs 2 --memory 1M --bwlimit 4M --key all:key:hunter2
kill "$link"
wait "$link" 2> /dev/null || true
coproc "$proxy" 127.0.0.1 "$port"
link=$COPROC_PID
read -r door <&"${COPROC[0]}"
: > client.out # the last one's says how far that was
"$client" 127.0.0.1:"$door" "$token" web02.json 90 "$work/sda" > client.out 2> client.err &
machine=$!
"$client" 127.0.0.1:"$port" "$token" web03.json 90 "$work/sdb" > client3.out 2> client3.err &
other=$!
await_state web02 converting
await_state web03 converting
# passphrases go on to the conversions, and stand on no command line
for process in "$host" $(pgrep -P "$host"); do { tr '\0' ' ' < /proc/"$process"/cmdline; echo; } 2> /dev/null || :; done > commands
[ "$(grep -c ' convert .*--key all:fd:3 ' commands)" = 2 ] || fail "no keys for the conversions: $(cat commands)"
! grep hunter2 commands || fail "a passphrase is on a command line"
until awk '$4 > 4194304 { found = 1 } END { exit !found }' client.out; do
	kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
	sleep 0.1
done
echo stall >&"${COPROC[1]}"
python3 - "$port" << 'STRANGERS' || fail "strangers"
import os, socket, sys
for i in range(1000):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        if i % 3:
            s.sendall(os.urandom(64) if i % 3 == 1 else b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
STRANGERS
sleep 1 # the silence is to be noticed by those it is for, not ended by us
echo reset >&"${COPROC[1]}"
wait $other || fail "client: $(cat client3.err host.log)"
wait $machine || fail "client: $(cat client.err host.log)"
same_disk sda web02 sda
same_disk sdb web03 sda
[ "$(grep -c 'refused: ' host.log)" -ge 1000 ] || fail "strangers are not in the log"

# ---- the machine boots again: with the same disks it goes on, with others it begins anew ----
stop_host
rm -rf out
start_host --bwlimit 3M
for new in same other; do
	: > client.out # the last one's says how far that was
	"$client" 127.0.0.1:"$port" "$token" web02.json 90 "$work/sda" > client.out 2> client.err &
	machine=$!
	until awk '$4 > 8388608 { found = 1 } END { exit !found }' client.out; do
		kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
		sleep 0.1
	done
	if [ $new = same ]; then # while it answers, there is no other boot of it
		"$client" 127.0.0.1:"$port" "$token" web02.json 90 "$work/sda" > other.out 2>&1 &
		other=$!
		wait_for host.log 'another live system with this machine.s hardware is still connected'
		kill -9 $other 2> /dev/null || fail "the other boot was turned away: $(cat other.out)"
		wait $other 2> /dev/null || true
	fi
	kill -9 $machine
	wait $machine 2> /dev/null || true
	[ $new = same ] || dd if=/dev/urandom of=sda bs=1K seek=$((45 * 1024 + 1)) count=1 conv=notrunc status=none # a superblock
done
# What begins anew does so once: cancelled, with another card chosen, and cancelled again, it goes on.
sed 's/52:54:00:11:22:33/52:54:00:44:55:66/' web02.json > web02-card.json
for how in cancelled again completed; do
	inventory=web02.json
	[ $how = cancelled ] || inventory=web02-card.json
	: > client.out # the last one's says how far that was
	"$client" 127.0.0.1:"$port" "$token" $inventory 90 "$work/sda" > client.out 2> client.err &
	machine=$!
	[ $how != completed ] || break
	until awk '/^converting 0 / { begun = 1 } begun && $2 > 4194304 { found = 1 } END { exit !found }' client.out; do
		kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
		sleep 0.1
	done
	kill $machine
	wait $machine 2> /dev/null || true
	await_state web02 waiting
done
wait $machine || fail "client: $(cat client.err host.log)"
same_disk sda web02 sda
python3 - << 'CHECK' || fail "nothing was resumed: $(cat host.log)"
import json
copy = json.load(open("out/web02/report.json"))["copy"]
assert copy["reused"] >= 2 << 20, copy
CHECK
grep -q '52:54:00:44:55:66' out/web02/web02.xml || fail "not the card that was chosen: $(cat out/web02/web02.xml)"
! grep -q '52:54:00:11:22:33' out/web02/web02.xml || fail "a card that was not chosen: $(cat out/web02/web02.xml)"
grep -q 'its disks have changed: begins anew' host.log || fail "the other disk was not noticed: $(cat host.log)"
[ "$(grep -c 'begins anew' host.log)" = 1 ] || fail "the same disk was taken for another: $(cat host.log)"
stop_host

# ---- a host that can't write its list for a while: the machine dials until it can ----
# ---- cancelled at the machine: kept, and resumed when it dials again ----
rm -rf out
start_host --bwlimit 6M
mv out/.rehost-serve/state.json .
mkdir -p out/.rehost-serve/state.json/full
(
	wait_for host.log 'connection ended: cannot replace'
	rm -r out/.rehost-serve/state.json
	mv state.json out/.rehost-serve/
) &
repair=$!
for how in cancelled completed; do
	: > client.out # the last one's says how far that was
	"$client" 127.0.0.1:"$port" "$token" web02.json 90 "$work/sda" > client.out 2> client.err &
	machine=$!
	[ $how = cancelled ] || break
	wait $repair || fail "the list was written: $(cat host.log)"
	until awk '$4 > 8388608 { found = 1 } END { exit !found }' client.out; do
		kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
		sleep 0.1
	done
	kill "$machine"
	got=0
	wait $machine || got=$?
	[ $got = 130 ] || fail "exit status $got, expected 130: $(cat client.err)"
	await_state web02 waiting
	[ -d out/.web02.partial ] || fail "nothing was kept"
done
wait $machine || fail "client: $(cat client.err host.log)"
same_disk sda web02 sda
sed -n 's/^token: //p' host.out | sort -u | awk 'END { exit NR != 2 }' || fail "no token for the next machine: $(cat host.out)"
stop_host

# ---- a guest of the same name is replaced only with --force ----
for force in '' --force; do
	rm -rf out/.rehost-serve
	# shellcheck disable=SC2086
	start_host $force
	got=0
	"$client" 127.0.0.1:"$port" "$token" web02.json 90 "$work/sdb" > client.out 2> client.err || got=$?
	[ $got = "$([ -z "$force" ] && echo 5 || echo 0)" ] || fail "exit status $got with '$force': $(cat client.err host.log)"
	stop_host
done
same_disk sdb web02 sda
says 2 'has no key' "$rehost" serve --listen 127.0.0.1:0 -os out --keys-from-stdin < /dev/null

# ---- a disk that changes while it is read is no guest ----
rm -rf out
start_host --bwlimit 2M
: > client.out # the last one's says how far that was
"$client" 127.0.0.1:"$port" "$token" web02.json 90 "$work/sda" > client.out 2> client.err &
machine=$!
until awk '$4 > 8388608 { found = 1 } END { exit !found }' client.out; do
	kill -0 $machine 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
	sleep 0.1
done
dd if=/dev/urandom of=sda bs=64k count=1 conv=notrunc status=none
got=0
wait $machine || got=$?
[ $got = 5 ] || fail "exit status $got, expected 5: $(cat client.err host.log)"
grep -q 'the disk has changed while it was read' client.err || fail "the client says: $(cat client.err)"
await_state web02 failed
[ ! -e out/web02 ] || fail "it was published"
stop_host

# ---- without a network: a folder with an inventory and images ----
mkdir usb
cp --sparse=always sdb usb/web03-sda.img
python3 - << 'FOLDER'
import json
machine = json.load(open("web03.json"))
machine["disks"] = [{"name": "sda", "size": 256 << 20, "serial": "S1", "file": "web03-sda.img"}]
json.dump(machine, open("usb/machine.json", "w"))
machine["disks"][0]["file"] = "../sda"
json.dump(machine, open("machine.json", "w"))
FOLDER
"$rehost" convert -q --no-convert -of raw -os usb-out usb > /dev/null || fail "the folder"
cmp sdb usb-out/web03/web03-sda.raw || fail "the image in the folder came out otherwise"
mkdir elsewhere
mv machine.json elsewhere
says 4 "its file is none in the machine's folder" "$rehost" convert -q --no-convert -os usb-out elsewhere

# ---- a terminal that can show it gets the token as a QR code, too ----
on_terminal() { # LOCALE: until it has told all
	LC_ALL=$1 script -qec "timeout 60 '$rehost' serve --listen 127.0.0.1:0 -os qr" /dev/null > qr.out &
	for _ in $(seq 600); do ! grep -q '^for ' qr.out || break; sleep 0.1; done
	grep -q '^for ' qr.out || fail "serve on a terminal: $(cat qr.out)"
	sleep 1
	pkill -f "$rehost serve --listen 127.0.0.1:0 -os qr" || true
	wait $! || true
}
ldd "$rehost" > libraries
if grep -q libqrencode libraries && command -v script > /dev/null; then
	on_terminal C.UTF-8
	[ "$(grep -c '^██.*██.$' qr.out)" -ge 15 ] || fail "no code: $(cat qr.out)"
	on_terminal C
	grep -q '^token: ' qr.out || fail "no token: $(cat qr.out)"
	! grep -q '█' qr.out || fail "a code that this terminal can't show: $(cat qr.out)"
fi
echo "machines dial in, redial and boot again: what arrives equals their disks; strangers, second machines and used tokens are refused"
