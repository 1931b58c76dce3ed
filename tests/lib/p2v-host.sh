# shellcheck shell=bash disable=SC2154,SC2034 # $rehost is set, $token and others are used by who sources it
# A conversion host for machines that dial, and what is asked of it. Source it behind common.sh, in the folder that it works in,
# with $rehost set. The host's log is in host.log, what it prints in host.out, its results are in out/.

wait_for() { # FILE PATTERN
	for _ in $(seq 600); do
		grep -q -- "$2" "$1" && return
		sleep 0.1
	done
	fail "no '$2' in $1: $(cat "$1")"
}

start_host() { # OPTIONS…: $host, $port, $token
	: > host.log
	: > host.out # else what an earlier host printed may still be read
	"$rehost" serve --listen 127.0.0.1:"${port:-0}" -os out --no-convert -of raw "$@" > host.out 2> host.log &
	host=$!
	wait_for host.out '^for '
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' host.out)
	token=$(sed -n 's/^token: //p' host.out)
}

stop_host() {
	kill -9 "$host"
	wait "$host" 2> /dev/null || true
	host=
}

inventory() { # NAME UUID
	printf '{"schema":"rehost-machine-1","name":"%s","smbios":{"uuid":"%s"},"firmware":"bios","memory":1073741824,
		"cpu":{"sockets":1,"cores":2,"threads":2},"nics":[{"name":"eno1","mac":"52:54:00:11:22:33","driver":"e1000e"}]}' "$1" "$2"
}

state() { # NAME KEY
	"$rehost" machines -os out --json | python3 -c 'import json, sys
print(next((m["'"$2"'"] for m in json.load(sys.stdin) if m["name"] == "'"$1"'"), "none"))'
}

await_state() { # NAME STATE
	for _ in $(seq 600); do
		[ "$(state "$1" state)" = "$2" ] && return
		sleep 0.1
	done
	fail "$1 is not '$2': $("$rehost" machines -os out): $(cat host.log)"
}

same_disk() { cmp "$1" "out/$2/$2-$3.raw" || fail "the copy of $1 differs"; }
