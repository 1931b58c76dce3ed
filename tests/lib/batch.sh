# shellcheck shell=bash disable=SC2154 # $work is set by who sources it
# Job folders and what must be true of them. Source it behind common.sh, from the repository's root.

# new_job JOB: an empty one; unit fills it, seal_job makes it a job.
new_job() {
	mkdir -p "$1/units"
	: > "$1.hashes"
}

# unit JOB NAME JQ-ASSIGNMENTS [WORD…]: the next unit, e.g. '.source = "/x" | .proof = "login"'; the words are jq's $ARGS.positional.
unit() {
	local index file
	index=$(wc -l < "$1.hashes")
	file=$(printf '%s/units/%06d.json' "$1" "$index")
	jq -n --argjson index "$index" --arg name "$2" '{schema: "rehost-unit-1", index: $index, name: $name, source: "/", arguments: ["--no-convert"],
		group: null, source_group: null, priority: 0, proof: "none", retries: 1, estimate: {bytes: 0, seconds: 0},
		resources: {cpus: 1, memory_mib: 64, tmp_mib: 1}, blocked: null} | '"$3" --args -- "${@:4}" > "$file"
	sha256sum < "$file" | cut -d' ' -f1 >> "$1.hashes"
}

seal_job() { # JOB
	jq -nR '[inputs] | {schema: "rehost-job-1", rehost: "test", name: "test", created: "2026-01-01T00:00:00Z", units: length, proof: "none",
		source_groups: [], sha256: .}' < "$1.hashes" > "$1/job.json"
	rm "$1.hashes"
}

states() { # JOB: "NAME STATE EXIT" of every unit that has an outcome, sorted
	find "$1/state" -maxdepth 2 \( -name done.json -o -name failed.json -o -name blocked.json \) -exec jq -r '"\(.name) \(.state) \(.exit)"' {} + | sort
}

# Processes that work on the job: the runner, units, and their conversions.
workers() { pgrep -f -- "(--job|batch run|batch resume|-os|--disks) $1" || :; }

no_workers() { # JOB WHEN: soon; a killed process may have to wait for its disk
	local end=$((SECONDS + 20))
	while [ -n "$(workers "$1")" ]; do
		[ $SECONDS -lt $end ] || fail "$2: after 20 s there still run: $(workers "$1" | xargs ps -f -p)"
		sleep 0.1
	done
}

# Of a job that is over: nothing half-made; what failed for good keeps its work folder. A page that a killed runner was
# writing may be there: another report takes it away, ten minutes later.
no_leftovers() { # JOB
	local left
	left=$(find "$1" \( -name '.*' -o -name '*.new' -o -name publish.json -o -name '*.partial' \) ! -path "$1/.*.new")
	[ -z "$left" ] || fail "left in the job folder: $left"
	for left in "$1"/state/*/work; do
		[ ! -e "$left" ] || [ -e "$left/../failed.json" ] || fail "$left is left of a unit that is over: $(ls -A "$left/..")"
	done
}

# contents JOB: a line for each published disk with the SHA-256 of what a guest would see.
contents() {
	local disk
	for disk in "$1"/out/*/*-sd?.qcow2; do
		qemu-img convert -f qcow2 -O raw "$disk" "$work/content.raw"
		echo "$(basename "$disk") $(sha256sum < "$work/content.raw" | cut -d' ' -f1)"
	done | sort
	rm -f "$work/content.raw"
}
