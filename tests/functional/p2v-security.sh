#!/bin/bash
# Who doesn't have a token that is of use learns nothing from a conversion host and can't disturb it: wrong, used and expired
# tokens, TLS without the key or of an older version, plain connections, garbage and a recorded session get one and the same
# answer, byte for byte, and a line in the log; a thousand of them leave a copy and its machine alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-host.sh
command -v python3 > /dev/null || skip "python3 is missing"
make -s build/tests/support/p2v_client > /dev/null
rehost=$PWD/rehost client=$PWD/build/tests/support/p2v_client
strangers=$PWD/tests/support/p2v-strangers
export PYTHONDONTWRITEBYTECODE=1
scratch
trap 'kill ${host:-} ${machine:-} ${recorder:-} ${holder:-} 2> /dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

# Lines are written after a connection is closed.
refused() { # AT-LEAST
	for _ in $(seq 300); do
		[ "$(refusals)" -lt "$1" ] || return 0
		sleep 0.1
	done
	fail "$(refusals) refusals are in the log, $1 are expected: $(tail -n 20 host.log)"
}

refusals() { grep -c ': refused: ' host.log || true; }

reached() { # BYTES: the machine has sent so much
	until awk -v want="$1" '$4 > want { found = 1 } END { exit !found }' client.out; do
		kill -0 "$machine" 2> /dev/null || fail "the client ended: $(cat client.err host.log)"
		sleep 0.1
	done
}

truncate -s 64M sda
dd if=/dev/urandom of=sda bs=1M seek=8 count=24 conv=notrunc status=none
inventory web01 4c4c4544-0042-3510-8051-b4c04f4b3132 > web01.json
inventory web02 4c4c4544-0042-3510-8051-b4c04f4b3133 > web02.json

# ---- one answer for all who don't have the token, and a line for each ----
start_host --bwlimit 6M
first=$token
"$strangers" answers "$port" "$first" > said || fail "$(cat said)"
calls=$(sed 's/ .*//' said)
# the right hello without what follows, twice, and five that end too early, are lines, too
refused $((calls + 7))
! grep -v '^warning: 127\.0\.0\.1:[0-9]*: refused: [a-zA-Z ,.:()/-]*$' host.log || fail "the log says more"
! grep -q "${first%%-*}" host.log || fail "the token is in the log"

# ---- a good machine, whose first connection is recorded, and said again by somebody else ----
# All places are held by others when it comes: they make way.
"$strangers" hold "$port" 100 900 > hold.out &
holder=$!
wait_for hold.out held
coproc "$strangers" record "$port" "$work/session"
recorder=$COPROC_PID
read -r door <&"${COPROC[0]}"
began=$SECONDS
"$client" 127.0.0.1:"$door" "$first" web01.json 60 "$work/sda" > client.out 2> client.err &
machine=$!
wait_for client.out '^converting'
# Who waits for the others' time to be over takes ten seconds and says so.
[ $((SECONDS - began)) -le 8 ] || ! grep -q '127\.0\.1\..*refused: the connection was lost during' host.log ||
	fail "it took $((SECONDS - began)) s to get in: $(cat host.log)"
wait_for host.log 'it made way for others'
reached $((2 << 20))
"$rehost" machines -os out --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))' > before
sleep 0.5 # until the recording is written
before=$(refusals)
for _ in 1 2 3; do "$strangers" replay "$port" "$work/session" 2> said || fail "$(cat said client.err host.log)"; done
refused $((before + 3))
"$rehost" machines -os out --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))' | cmp - before ||
	fail "a recorded session enrolled a machine"
[ "$(grep -c 'web01: connected' host.log)" = 1 ] || fail "a recorded session is a machine: $(cat host.log)"

# ---- a thousand calls meanwhile, and a second machine with its token ----
before=$(refusals)
says 3 'refuses: the token belongs to another machine' "$client" 127.0.0.1:"$port" "$first" web02.json 5 "$work/sda"
"$strangers" flood "$port" 1000 "$first" > said 2>&1 || fail "$(cat said)"
refused $((before + 1001))
wait $machine || fail "client: $(cat client.err; tail -n 20 host.log)"
same_disk sda web01 sda
await_state web01 "done"
kill $holder 2> /dev/null || true
wait $holder 2> /dev/null || true
for _ in $(seq 300); do
	open=$(find /proc/$host/fd -mindepth 1 | wc -l)
	[ "$open" -gt 40 ] || break
	sleep 0.1
done
[ "$open" -le 40 ] || fail "the host has $open files open after all have left"

# ---- its token is used: another boot of the machine with it, and the recorded session ----
says 3 'refuses: this machine is converted already' "$client" 127.0.0.1:"$port" "$first" web01.json 5 "$work/sda"
grep -q 'refused: this machine is converted already' host.log || fail "the refusal is not in the log"
"$strangers" replay "$port" "$work/session" 2> said || fail "$(cat said)"
kill "$recorder"
second=$(sed -n 's/^token: //p' host.out | tail -n 1)
[ "$second" != "$first" ] || fail "no new token: $(cat host.out)"
stop_host

# ---- expired: the used one and one that nobody used; the host says of them what it says of unknown ones ----
sed -i 's/"expires": *[0-9]*/"expires": 1/' out/.rehost-serve/state.json
start_host
for old in "$first" "$second"; do
	[ "$token" != "$old" ] || fail "an expired token is offered"
	"$strangers" expired "$port" "$old" 2> said || fail "$(cat said)"
	says 4 'handshake failed' "$client" 127.0.0.1:"$port" "$old" web02.json 5 "$work/sda"
done
[ "$(grep -c 'its token is unknown, or has expired' host.log)" -ge 4 ] || fail "expired tokens are not in the log: $(cat host.log)"
[ "$(state web02 state)" = none ] || fail "a machine was enrolled without a token"

# ---- handshakes that are begun with the token and never ended take all places: another one gets in ----
stop_host
rm -rf out
start_host
python3 - "$port" "$token" "$(dirname "$strangers")" << 'CHECK' || fail "$(tail -n 5 host.log)"
import socket, sys, time
sys.path.insert(0, sys.argv[3])
from tls_hello import hello, identity_of, key_of, token_bytes
token = token_bytes(sys.argv[2])
held = []
for i in range(80):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=(f"127.0.3.{1 + i}", 0))
    s.sendall(hello(identity_of(token), key_of(token)))
    held.append(s)
time.sleep(1)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    s.settimeout(5)
    s.sendall(hello(identity_of(token), key_of(token)))
    assert s.recv(3) == b"\x16\x03\x03", "kept out"
CHECK
stop_host
echo "strangers of $calls kinds get one answer; used and expired tokens and a recorded session are refused; a thousand calls don't disturb a copy"
