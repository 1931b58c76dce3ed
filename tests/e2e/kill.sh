#!/bin/bash
# kill -9 at random moments of every phase: no final name, no qemu left after 5 s, the source as it was; the rerun succeeds,
# copies only what the journal lacks, and gives the content of an undisturbed run.
# KILLS: how many a phase (1; `make check-kill` takes 10).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
need_root
# Processes of other conversions on this machine are not ours to count: a process namespace of its own, where that can be had.
if [ -z "${REHOST_OWN_PIDS:-}" ] && unshare -p -f --mount-proc true 2> /dev/null; then
	REHOST_OWN_PIDS=1 exec unshare -p -f --mount-proc --kill-child tests/e2e/kill.sh
fi
scratch
kills=${KILLS:-1}
samples/build --out build/samples bios
ova=build/samples/web01.ova
source_sum=$(sha256sum < "$ova")

# One thread and zlib make the copy last long enough to be killed in.
options=(--compress zlib -j 1 --progress json)
convert() { ./rehost convert "$ova" -os "$work/out" "${options[@]}"; }

# Helper processes of conversions; those that were there before a run are others'.
helpers() { pgrep -f '^rehost io --control|qemu-system.*nbd:unix:[^ ]*/rehost-' | sort || :; }

no_leftovers() { # WHEN
	[ ! -e "$work/out/web01" ] || fail "$1: the final name exists"
	local end=$((SECONDS + 20)) # a killed process may have to wait for its disk
	while [ -n "$(comm -13 "$work/helpers" <(helpers))" ]; do
		[ $SECONDS -lt $end ] || fail "$1: after 20 s there still run: $(comm -13 "$work/helpers" <(helpers) | xargs ps -f -p)"
		sleep 0.2
	done
	[ "$(sha256sum < "$ova")" = "$source_sum" ] || fail "$1: the source changed"
}

# kill_in PHASE SECONDS: starts a run, waits for the phase's event, waits SECONDS, kills. 1 when the run was over before.
kill_in() {
	local pid
	helpers > "$work/helpers"
	# Not the function: the pid must be the program's own.
	./rehost convert "$ova" -os "$work/out" "${options[@]}" 2> "$work/events" > /dev/null &
	pid=$!
	while ! grep -q "\"text\":\"$1" "$work/events"; do
		kill -0 "$pid" 2> /dev/null || { wait "$pid" || fail "run before '$1': $(tail -n 2 "$work/events")"; return 1; }
		sleep 0.02
	done
	sleep "$2"
	kill -9 "$pid" 2> /dev/null || return 1
	wait "$pid" 2> /dev/null || :
	return 0
}

random_up_to() { awk -v max="$1" -v seed="$RANDOM$RANDOM" 'BEGIN { srand(seed); printf "%.2f", rand() * max }'; }

echo "undisturbed run"
convert 2> "$work/events" || fail "undisturbed: $(tail -n 3 "$work/events")"
mv "$work/out/web01" "$work/reference"

done_kills=0
while IFS='|' read -r phase longest; do
	for ((i = 0; i < kills; i++)); do
		moment=$(random_up_to "$longest")
		echo "kill in '$phase' after $moment s"
		if kill_in "$phase" "$moment"; then
			no_leftovers "$phase after $moment s"
			done_kills=$((done_kills + 1))
		else
			rm -rf "$work/out/web01"
		fi
	done
done <<'PHASES'
reading the machine|0.05
opening the disks|0.1
starting the appliance|8
inspecting the guest|6
discarding free space|0.5
reading kernels|2
converting the guest|2
closing the appliance|1
PHASES
[ "$done_kills" -gt 0 ] || fail "no run was killed"

# From here on the guest is converted: each rerun goes on with the copy.
for ((i = 0; i < 3 * kills; i++)); do
	moment=$(random_up_to 3)
	echo "kill in the copy after $moment s"
	if kill_in "copying" "$moment"; then
		no_leftovers "copying after $moment s"
		done_kills=$((done_kills + 1))
	else
		rm -rf "$work/out/web01" # it was over before: begin again
	fi
done
convert 2> "$work/events" || fail "rerun: $(tail -n 3 "$work/events")"
qemu-img check -q "$work/out/web01/web01-sda.qcow2" || fail "qemu-img check after the kills"

# A rerun of the copy alone: what the journal vouches for is not read again.
rm -rf "$work/out/web01"
if kill_in "copying" 2.6; then
	# none yet, when the disk was slow
	vouched=$({ grep '^{"extent"' "$work/out/.web01.partial/journal.ndjson" || :; } | jq -s 'map(.extent.len) | add // 0')
	convert 2> "$work/events" || fail "last rerun: $(tail -n 3 "$work/events")"
	reused=$(jq .copy.reused "$work/out/web01/report.json")
	if [ "$vouched" -gt 0 ] && { [ "$reused" = 0 ] || [ "$reused" -gt "$vouched" ]; }; then
		fail "the journal vouches for $vouched bytes, $reused were reused"
	fi
	echo "reused $((reused / 1048576)) MiB of data in $((vouched / 1048576)) MiB that the journal vouched for"
fi
[ ! -e "$work/out/.web01.partial" ] || fail "a partial folder is left"

# Content: every file of both guests; the file system's own headers hold times.
same_files() { # IMAGE NAME
	qemu-img convert -f qcow2 -O raw "$1" "$work/$2.raw"
	mkdir "$work/$2.d"
	debugfs -R "rdump / $work/$2.d" "$work/$2.raw?offset=1048576" > "$work/$2.log" 2>&1
	(cd "$work/$2.d" && find . -type f -exec sha256sum {} + | sort -k 2) > "$work/$2"
	[ "$(wc -l < "$work/$2")" -gt 5000 ] || fail "$2: only $(wc -l < "$work/$2") files: $(tail -n 3 "$work/$2.log")"
}
same_files "$work/reference/web01-sda.qcow2" a
same_files "$work/out/web01/web01-sda.qcow2" b
cmp "$work/a" "$work/b" || fail "the content differs from an undisturbed run: $(diff "$work/a" "$work/b" | head)"
echo "$done_kills kills, each without leftovers; same $(wc -l < "$work/a") files as undisturbed"
