#!/bin/bash
# Twins: one unit of a batch job started several times at one moment, as by engines that don't know of one another, and
# killed in between: exactly one publishes it, the others say who has it, or that it is done.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
for tool in jq sha256sum; do
	command -v $tool > /dev/null || skip "$tool is missing"
done
rehost=$PWD/rehost
[ -x "$rehost" ] || fail "rehost isn't built"
scratch
cd "$work"
PAIRS=8 TWINS=4
head -c 1M /dev/urandom > disk.raw
truncate -s 4M disk.raw
new_job job
for ((i = 0; i < PAIRS; i++)); do
	unit job "m$i" ".source = \"$work/disk.raw\" | .arguments = \$ARGS.positional" --no-convert -if raw --bwlimit 2M
done
seal_job job

start_twins() { # INDEX: their processes in $twins
	local i
	twins=()
	for ((i = 0; i < TWINS; i++)); do
		"$rehost" batch unit --quiet --job job --index "$1" 2> "said-$1-$i" &
		twins+=($!)
	done
}

# Those that have ended: how many with 0, the others must say that somebody has it.
count_winners() { # INDEX
	local i status
	winners=0
	for ((i = 0; i < TWINS; i++)); do
		status=0
		wait "${twins[i]}" || status=$?
		case $status in
		0) winners=$((winners + 1)) ;;
		75) grep -qE "works on it|begun by somebody else" "said-$1-$i" || fail "unit $1: twin $i: $(cat "said-$1-$i")" ;;
		*) fail "unit $1: twin $i: exit status $status: $(cat "said-$1-$i")" ;;
		esac
	done
}

published_once() { # INDEX
	local state publishers
	state=job/state/$(printf %06d "$1")
	publishers=$(grep -l '"publishing"' "$state"/attempt-*/events.ndjson | wc -l)
	[ "$publishers" = 1 ] || fail "unit $1: $publishers attempts published"
	[ -e "$state/done.json" ] || fail "unit $1 isn't done: $(ls -A "$state")"
}

for ((n = 0; n < PAIRS; n++)); do
	start_twins "$n"
	count_winners "$n"
	[ "$winners" -ge 1 ] || fail "unit $n: nobody did it: $(cat "said-$n"-*)"
	published_once "$n"
done
[ "$(find job/out -mindepth 1 -maxdepth 1 | wc -l)" = $PAIRS ] || fail "results: $(ls job/out)"
no_leftovers job

attempts() { find job/state/000000 -name 'attempt-*' | wc -l; }
before=$(attempts) # a twin that came a moment too late may have made a folder
"$rehost" batch unit --quiet --job job --index 0 || fail "a unit that is done: exit status $?"
published_once 0
[ "$(attempts)" = "$before" ] || fail "a unit that was done was begun anew"
echo "$PAIRS units, $TWINS twins each: published once each"
