# shellcheck shell=bash
# What functional and end-to-end tests share. Source it from the repository's root.

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root to build a guest"
}

# Sets $work: a folder that disappears with the test; on the disk, not in memory.
scratch() {
	work=$(mktemp -d "${TMPDIR:-/var/tmp}/rehost-test.XXXXXX")
	trap 'rm -rf "$work"' EXIT
}

# STATUS PATTERN COMMAND…: it must end so and say that on standard error, which stays in the file "log".
says() {
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" 2> log || got=$?
	[ "$got" = "$want" ] || fail "$*: exit status $got, expected $want: $(cat log)"
	grep -q -- "$pattern" log || fail "$*: no '$pattern' in $(cat log)"
}

# COMMAND… of qemu-img that makes a LUKS header: it measures how fast keys are derived here, and gives up when the machine
# is too busy to tell. Then it is asked again.
patiently() {
	local said i
	for ((i = 0; i < 20; i++)); do
		! said=$("$@" 2>&1) || return 0
		[[ $said == *'accurate CPU usage'* ]] || break
	done
	fail "$*: $said"
}
